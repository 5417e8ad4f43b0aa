# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Backpropagation: one neuron, a network, a batch
#
# You know the two rules: along a path we multiply, across paths we add. Here they meet a network with weights.
# First one neuron, then a network of three layers, unit by unit; then the same in matrices, which is how the
# lecture's quick reference writes it; then many examples at once. At each stage the engine's gradient is there to
# compare with.
#
# Run the cells from top to bottom (Shift+Enter). A line that starts with `assert` is a claim: if it were false, the
# cell would stop with an error. Six exercises wait at the end, with their solutions below them.

# %%
import math

import numpy as np

import viz
from autograd_core import Value, backward_events, explain, relationships
from autograd_core.testing import gradcheck
from nn import MLP, Activation, EagerGradients, Linear, Sequential, half_squared_error
from nn.matrix_form import (
    deltas,
    deltas_by_element,
    forward_by_element,
    forward_propagation,
    weight_derivatives,
)
from nn.matrix_network import Network
from nn.matrix_tables import backpropagation_table
from nn.testing import random_mlp

# %% [markdown]
# ## One neuron
#
# A neuron adds up its inputs, each times a weight, and a bias: the **pre-activation** $a$. Then it bends the sum
# with a function $\sigma$: the **activation** $z$.
#
# $$a = w_1 x_1 + w_2 x_2 + b \qquad z = \sigma(a)$$
#
# In `nn` the two halves are two modules, `Linear` and `Activation`. Called with numbers, they name what they
# compute. (The index above in brackets is the layer, here always 1. The last result is called $\hat{y}$.)

# %%
neuron = Sequential(Linear(2, 1, rng=0), Activation("sigmoid"))
yhat = neuron([1.0, -2.0])

relationships(yhat)

# %% [markdown]
# The weights were drawn at random, from the seed `rng=0`, and the bias begins at 0. (Names are written as in LaTeX.)

# %%
for name, parameter in neuron.named_parameters():
    print(f"{name:12} {parameter.data: .4f}")

# %% [markdown]
# The picture asks about the inputs, so the weights stand beside the arrows.

# %%
viz.draw(yhat)

# %% [markdown]
# To train the neuron we ask about its weights. A target $y$ and the lecture's error $E = \frac{1}{2}(\hat{y} - y)^2$
# come after it. **Predict**: what stands beside the arrow from $w_{12}^{(1)}$ to $a_1^{(1)}$?

# %%
target = Value(1.0, "y")
E = half_squared_error(yhat, target).named("E")

viz.draw(E, wrt=neuron.parameters())

# %% [markdown]
# The input $x_2$, which the weight is multiplied by. Beside the bias's arrow stands 1. So the three derivatives
# share their first two factors, and their product is called $\delta$, the **error signal** of the neuron:
#
# $$\delta = \frac{\partial E}{\partial a} = (\hat{y} - y)\,\sigma'(a) \qquad
# \frac{\partial E}{\partial w_j} = \delta x_j \qquad \frac{\partial E}{\partial b} = \delta$$

# %%
w_1, w_2, b = neuron.parameters()
a = yhat.operands[0]

explain(E, w_2, through=a)

# %%
sigmoid_slope = yhat.data * (1 - yhat.data)  # the sigmoid's derivative, written with its own value
delta = (yhat.data - target.data) * sigmoid_slope

E.zero_grad()
E.backward()
assert math.isclose(w_1.grad, delta * 1.0)
assert math.isclose(w_2.grad, delta * -2.0)
assert math.isclose(b.grad, delta)
print(f"delta = {delta:.6f}   dE/dw_1 = {w_1.grad:.6f}   dE/dw_2 = {w_2.grad:.6f}   dE/db = {b.grad:.6f}")

# %% [markdown]
# ## A network
#
# An `MLP` is several layers of such neurons. This one has two inputs, two hidden layers of two units, and one
# output; all units are sigmoids, and there are no biases, as on the slides.

# %%
model = MLP([2, 2, 2, 1], activation="sigmoid", output="sigmoid", bias=False, rng=3)
x = [Value(1.0, "x_1"), Value(-2.0, "x_2")]
E = half_squared_error(model(x), target).named("E")

viz.draw(E, wrt=x, flow="forward")

# %% [markdown]
# $w_{ij}^{(k)}$ leads **to** unit $i$ of layer $k$ **from** unit $j$ of the layer before. Ten weights:

# %%
weights = dict(model.named_parameters())

for name, weight in weights.items():
    print(f"{name} {weight.data: .4f}")

# %% [markdown]
# ## Forward propagation, unit by unit
#
# $$a_i^{(k)} = \sum_j w_{ij}^{(k)} z_j^{(k-1)} \qquad z_i^{(k)} = \sigma(a_i^{(k)})$$
#
# Layer 0 are the inputs, $z_j^{(0)} = x_j$, and the last layer is the output. Here are the equations of this network.

# %%
relationships(E, wrt=x)

# %% [markdown]
# And here is a loop that does it, with nothing but numbers.


# %%
def sigma(a):
    return 1 / (1 + math.exp(-a))


z = [1.0, -2.0]
for k in (1, 2, 3):
    units = len(model.state_dict()[f"{2 * (k - 1)}.weight"])  # modules 0, 2 and 4 are the Linear ones
    a = [
        sum(weights[f"w_{{{i}{j}}}^{{({k})}}"].data * z_j for j, z_j in enumerate(z, 1))
        for i in range(1, units + 1)
    ]
    z = [sigma(each) for each in a]
    print(f"layer {k}: a = {[round(each, 4) for each in a]}, z = {[round(each, 4) for each in z]}")

assert math.isclose(z[0], model([1.0, -2.0]).data)

# %% [markdown]
# ## Forward propagation in matrices
#
# The weights of a layer are a matrix, row $i$ for unit $i$. Then the sums over $j$ are one product:
#
# $$\mathbf{a}^{(k)} = \mathbf{W}^{(k)} \mathbf{z}^{(k-1)} \qquad \mathbf{z}^{(k)} = \sigma(\mathbf{a}^{(k)})$$
#
# `Network.of` takes the matrices out of a model, and `forward_propagation` is written with these two equations.
# It takes a table of examples, so one example is a table with one row.

# %%
network = Network.of(model)
activations = forward_propagation(network, [[1.0, -2.0]])

activations

# %% [markdown]
# The capital letters say that there may be many examples: **each is a column**. The numbers are those of the loop
# above, and those of the graph.

# %%
assert np.isclose(activations.Z[3][0, 0], z[0])
assert np.allclose(activations.Z[2], forward_by_element(network, [[1.0, -2.0]]).Z[2])
network.W[2] @ activations.Z[1] - activations.A[2]

# %% [markdown]
# ## Backward: the error signals
#
# Every unit has an error signal $\delta_i^{(k)} = \partial E / \partial a_i^{(k)}$. At the output it is that of one
# neuron. Deeper inside, $a_i^{(k)}$ reaches the error through *every* unit of the next layer, so we add across
# these paths, and along each we multiply.
#
# $$\delta_i^{(K)} = (z_i^{(K)} - y_i)\,\sigma'(a_i^{(K)}) \qquad
# \delta_i^{(k)} = \sigma'(a_i^{(k)}) \sum_j w_{ji}^{(k+1)} \delta_j^{(k+1)}$$
#
# (One slide prints $\mathbf{z}^{(3)}$ on the right of the first equation. It must be $K$, the last layer.)

# %%
explain(E, "a_1^(1)")

# %% [markdown]
# Look at the index of the weight: forwards it is $w_{ij} z_j$, backwards $w_{ji} \delta_j$. The same arrows, walked
# the other way. In matrices that is a transpose:
#
# $$\boldsymbol\delta^{(K)} = (\mathbf{z}^{(K)} - \mathbf{y}) \circ \sigma'(\mathbf{a}^{(K)}) \qquad
# \boldsymbol\delta^{(k)} = \mathbf{W}^{(k+1)\top} \boldsymbol\delta^{(k+1)} \circ \sigma'(\mathbf{a}^{(k)})$$
#
# where $\circ$ multiplies number by number.

# %%
viz.draw(E, wrt=x, flow="backward")

# %%
errors = deltas(network, activations, [1.0])

errors

# %% [markdown]
# The engine finds the same numbers, since $\delta$ is nothing but its adjoint at $a$.

# %%
events = backward_events(E)
adjoints = {events.graph.record[at].name: number for at, number in events.adjoints().items()}

for k in (3, 2, 1):
    for i in range(network.units[k]):
        mine, engine = errors.delta[k][i, 0], adjoints[f"a_{i + 1}^{{({k})}}"]
        print(f"delta_{i + 1}^({k}) = {mine: .8f}   the engine: {engine: .8f}")
        assert math.isclose(mine, engine)

# %% [markdown]
# ## Backward: the weights
#
# A weight has one arrow, from $w_{ij}^{(k)}$ to $a_i^{(k)}$, and beside it stands $z_j^{(k-1)}$. So
#
# $$\frac{\partial E}{\partial w_{ij}^{(k)}} = \delta_i^{(k)} z_j^{(k-1)} \qquad
# \frac{\partial E}{\partial \mathbf{W}^{(k)}} = \boldsymbol\delta^{(k)} \mathbf{z}^{(k-1)\top}:$$
#
# the error signal the weight **leads to** times the activation it **comes from**.

# %%
viz.draw(E, wrt=[weights["w_{11}^{(1)}"], weights["w_{12}^{(1)}"]])

# %%
derivatives = weight_derivatives(network, activations, errors)

derivatives

# %%
E.zero_grad()
E.backward()
engine = np.array([weight.grad for weight in model.parameters()])

assert np.allclose(derivatives.gradient, engine, rtol=1e-12)
np.abs(derivatives.gradient - engine).max()

# %% [markdown]
# ## The three steps of backpropagation
#
# That was all of it. The slide's three steps are three calls:
#
# 1. `forward_propagation`: run the inputs through the network, keep **all activations**;
# 2. `deltas`: the error signals of **all units**, from the output back;
# 3. `weight_derivatives`: for each weight one product.
#
# The whole backward pass as a table, one row per variable. Read it downwards: each row uses the one above.

# %%
backpropagation_table(network)

# %% [markdown]
# ## Many examples: a sum or a mean?
#
# With several examples the matrices have several columns, and $\boldsymbol\delta \mathbf{Z}^\top$ multiplies column by
# column and **adds up**. So it is the derivative of the *sum* of the errors, $\sum_n E_n$. Training takes the
# *mean*, which is that divided by $N$. What differs is only how large a step the same learning rate makes, but it
# does differ: twice the examples, twice the sum.

# %%
X = np.array([[1.0, -2.0], [0.5, 1.5], [-1.0, 0.25]])
Y = np.array([1.0, 0.0, 1.0])

activations = forward_propagation(network, X)
errors = deltas(network, activations, Y)
as_sum = weight_derivatives(network, activations, errors)
as_mean = weight_derivatives(network, activations, errors, mean=True)
as_mean

# %% [markdown]
# The engine does it one example at a time. `EagerGradients` is what training uses; it can also show each example's
# own gradient, a row for each.

# %%
gradients = EagerGradients(model, half_squared_error)
each_error, each_gradient = gradients.per_example(X, Y[:, None])

assert np.allclose(as_sum.gradient, each_gradient.sum(axis=0))
assert np.allclose(as_mean.gradient, each_gradient.mean(axis=0))
assert np.allclose(as_mean.gradient, gradients.mean(X, Y[:, None]).gradient)
each_gradient.round(4)

# %% [markdown]
# ### Not only for this network
#
# Agreement for one network proves little. Here are a hundred random ones: other sizes, activations, biases. (In the
# package's tests a property test looks for one that disagrees.)

# %%
rng = np.random.default_rng(0)
largest = 0.0
for seed in range(100):
    sizes = rng.integers(1, 4, size=rng.integers(2, 5)).tolist()
    random_model = random_mlp(sizes, activation=rng.choice(["tanh", "sigmoid", "softplus"]), seed=seed)
    inputs, targets = rng.normal(size=(2, sizes[0])), rng.normal(size=(2, sizes[-1]))

    its_network = Network.of(random_model)
    its_activations = forward_propagation(its_network, inputs)
    its_errors = deltas(its_network, its_activations, targets)
    matrices = weight_derivatives(its_network, its_activations, its_errors, mean=True).gradient
    graph = EagerGradients(random_model, half_squared_error).mean(inputs, targets).gradient
    largest = max(largest, np.abs(matrices - graph).max())

assert largest < 1e-14
print(f"largest difference in 100 networks: {largest:.0e}")

# %% [markdown]
# ## A witness that knows no rules
#
# The engine and the matrices could share a mistake, since both use the chain rule. So ask someone who has never
# heard of it. `gradcheck` moves each weight a little and looks at the error, with differences that are
# extrapolated to be far more precise than a plain one. It gets the error as a function of the weights, with no
# graph at all, and the gradient to be checked.


# %%
def set_weights(vector):
    for weight, number in zip(model.parameters(), vector, strict=True):
        weight.data = float(number)


def mean_error(vector):
    """The mean error of the three examples if these were the weights, in plain NumPy."""
    set_weights(vector)
    return float(np.mean((model.predict(X) - Y) ** 2) / 2)


def gradient_by_backpropagation(vector):
    set_weights(vector)
    return gradients.mean(X, Y[:, None]).gradient


at = np.array([weight.data for weight in model.parameters()])
report = gradcheck(mean_error, at, gradient=gradient_by_backpropagation)
set_weights(at)

assert report
report

# %% [markdown]
# ## Step through it
#
# Now watch it happen, with a slider for each weight of the first layer. *Next* plays one event at a time: forwards
# the values, then from $E$ back the derivatives. **Predict** before each *Next* on the way back which arrow is
# next, and whether its contribution is the only one that arrives or one of two.

# %%
E = half_squared_error(model(x), target).named("E")

viz.step(E, wrt=[weight for name, weight in weights.items() if name.endswith("(1)}")])

# %% [markdown]
# ## Exercises
#
# Predict first, with pencil and paper; then run. Put your number in place of the `...`, and `compare` says
# whether it is right, but not what it should have been.


# %%
def compare(prediction, answer):
    """Say whether a prediction is right, to three digits."""
    if prediction is ...:
        print("Predict first: put a number in place of the three dots.")
    elif math.isclose(prediction, answer, rel_tol=1e-3, abs_tol=1e-9):
        print("Right!")
    else:
        print("Not this. Write down the path, then the product along it.")


# %% [markdown]
# **Exercise 1: one neuron by hand.** A linear neuron (no $\sigma$), $w_1 = 2$, $w_2 = -1$, $b = 0.5$. The input is
# $(3, 4)$ and the target is 0. What are $\delta$ and the three derivatives?

# %%
delta, of_w_1, of_w_2, of_b = ..., ..., ..., ...

by_hand = Network({1: np.array([[2.0, -1.0]])}, {1: np.array([[0.5]])}, {})
its_activations = forward_propagation(by_hand, [[3.0, 4.0]])
its_errors = deltas(by_hand, its_activations, [0.0])
answers = weight_derivatives(by_hand, its_activations, its_errors).gradient

compare(delta, its_errors.delta[1][0, 0])
for prediction, answer in zip((of_w_1, of_w_2, of_b), answers, strict=True):
    compare(prediction, answer)

# %% [markdown]
# **Exercise 2: shapes.** A network has 4 inputs, hidden layers of 5 and 3 units, and 2 outputs; the batch has 10
# examples. What shape has each of $\mathbf{W}^{(2)}$, $\mathbf{Z}^{(1)}$, $\boldsymbol\delta^{(2)}$ and
# $\partial E / \partial \mathbf{W}^{(2)}$? How many parameters are there in all, with biases?

# %%
rows_and_columns = {"W^(2)": (..., ...), "Z^(1)": (..., ...), "delta^(2)": (..., ...), "dE/dW^(2)": (..., ...)}
parameters = ...

# %% [markdown]
# **Exercise 3: a missing transpose.** Somebody writes `network.W[k + 1] @ delta[k + 1]` without `.T`. For the 2-2-2-1
# network: does NumPy complain? At which layer, and at which not? What would you do to be sure?

# %%
# Your experiments go here.

# %% [markdown]
# **Exercise 4: write step 2.** Write `my_deltas(network, activations, Y)` in a few lines of NumPy, for sigmoids
# only, and compare with `deltas`.

# %%
# Your function goes here.

# %% [markdown]
# **Exercise 5: dead weights.** All weights of the 2-2-2-1 network are 0, and all units are *tanh*. Which of the ten
# weight derivatives are 0? And with sigmoids? First think, then change `activation`.

# %%
empty = MLP([2, 2, 2, 1], activation="tanh", bias=False, init="zeros")

# %% [markdown]
# **Exercise 6: twice the data.** Every example is put into the batch twice. What happens to the sum's gradient, and
# what to the mean's?

# %%
factor_of_sum, factor_of_mean = ..., ...

twice = forward_propagation(network, np.vstack([X, X]))
its_errors = deltas(network, twice, np.concatenate([Y, Y]))
of_sum = weight_derivatives(network, twice, its_errors).gradient
of_mean = weight_derivatives(network, twice, its_errors, mean=True).gradient

compare(factor_of_sum, of_sum[0] / as_sum.gradient[0])
compare(factor_of_mean, of_mean[0] / as_mean.gradient[0])

# %% [markdown]
# ## Solutions
#
# Try first. You learn more from a wrong prediction than from a right solution.

# %% [markdown]
# **Exercise 1.** $a = 6 - 4 + 0.5 = 2.5$, and without an activation $\sigma' = 1$. So $\delta = 2.5 - 0 = 2.5$, and the
# derivatives are $\delta x_1 = 7.5$, $\delta x_2 = 10$ and $\delta = 2.5$.

# %%
assert answers.tolist() == [7.5, 10.0, 2.5]
answers

# %% [markdown]
# **Exercise 2.** $\mathbf{W}^{(2)}$ is 3 x 5 (units of its layer, units of the layer before), $\mathbf{Z}^{(1)}$ is
# 5 x 10, $\boldsymbol\delta^{(2)}$ is 3 x 10, and $\partial E / \partial \mathbf{W}^{(2)} =
# \boldsymbol\delta^{(2)} \mathbf{Z}^{(1)\top}$ is 3 x 5, like $\mathbf{W}^{(2)}$ itself. The parameters are
# $(4 + 1) \cdot 5 + (5 + 1) \cdot 3 + (3 + 1) \cdot 2 = 51$.

# %%
larger = MLP([4, 5, 3, 2])
its_network = Network.of(larger)
its_activations = forward_propagation(its_network, np.zeros((10, 4)))
its_errors = deltas(its_network, its_activations, np.zeros((10, 2)))
its_derivatives = weight_derivatives(its_network, its_activations, its_errors)

assert len(larger.parameters()) == 51
its_network.W[2].shape, its_activations.Z[1].shape, its_errors.delta[2].shape, its_derivatives.W[2].shape

# %% [markdown]
# **Exercise 3.** At $k = 2$ NumPy complains, since $\mathbf{W}^{(3)}$ is 1 x 2 and $\boldsymbol\delta^{(3)}$ has one
# row. At $k = 1$ it does not: $\mathbf{W}^{(2)}$ is square, and the result is wrong without a word. So test with layers
# of *different* sizes, or better: check the gradient.

# %%
wrong = network.W[2] @ errors.delta[2]
right = network.W[2].T @ errors.delta[2]

assert wrong.shape == right.shape
assert not np.allclose(wrong, right)
wrong - right

# %% [markdown]
# **Exercise 4.** The sigmoid's derivative is $z(1 - z)$.


# %%
def my_deltas(network, activations, Y):
    Z, K = activations.Z, network.depth
    found = {K: (Z[K] - np.reshape(Y, (1, -1))) * Z[K] * (1 - Z[K])}
    for k in range(K - 1, 0, -1):
        found[k] = network.W[k + 1].T @ found[k + 1] * Z[k] * (1 - Z[k])
    return found


mine = my_deltas(network, activations, Y)
assert all(np.allclose(mine[k], errors.delta[k]) for k in (1, 2, 3))
assert all(np.allclose(deltas_by_element(network, activations, Y).delta[k], errors.delta[k]) for k in (1, 2, 3))
mine[1].round(6)

# %% [markdown]
# **Exercise 5.** With tanh all ten are 0. Each is $\delta_i^{(k)} z_j^{(k-1)}$. Every hidden $z$ is $\tanh 0 = 0$,
# which silences the derivatives of layers 2 and 3. And $\delta$ comes through weights that are 0, which silences those
# of layers 1 and 2. Nothing will ever move. With sigmoids the hidden $z$ are $\frac{1}{2}$, so the two weights of the
# last layer do have a derivative.

# %%
for activation in ("tanh", "sigmoid"):
    empty = MLP([2, 2, 2, 1], activation=activation, bias=False, init="zeros")
    gradient = EagerGradients(empty, half_squared_error).mean(X, Y[:, None]).gradient
    print(f"{activation:8} {gradient}")
    assert np.count_nonzero(gradient) == (0 if activation == "tanh" else 2)

# %% [markdown]
# **Exercise 6.** The sum's gradient doubles; the mean's stays. That is why a learning rate for the mean can stay when
# there are more data.

# %%
assert np.allclose(of_sum, 2 * as_sum.gradient)
assert np.allclose(of_mean, as_mean.gradient)
of_sum[0] / as_sum.gradient[0], of_mean[0] / as_mean.gradient[0]

# %% [markdown]
# ## Where to go from here
#
# The lecture's own page for these slides, with the disc-by-disc table, is `viz.lecture.backward()`. What to do with
# a gradient once we have it is the subject of the notebook *gradient_descent*.

# %%
from viz.lecture import three_steps

three_steps()
