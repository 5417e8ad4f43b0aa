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
# # Activations and initialization: will anything be learned?
#
# Before the first step of training, two choices have decided how much of a gradient reaches the first layer: the
# activation function and the initial weights. If too little arrives, the network learns nothing, and no error message
# says so. This notebook measures what arrives.
#
# A line that starts with `assert` is a claim: if it were false, the cell would stop with an error. Six exercises wait
# at the end, with their solutions below them.

# %%
import math

import numpy as np

import viz
from autograd_core import Table, Value, explain, grad, relu, sigmoid, tanh
from nn import MLP, SGD, Activation, EagerGradients, fit, half_squared_error, hinge, moons
from nn.initializers import constant, he, normal, xavier
from nn.matrix_form import deltas, forward_propagation
from nn.matrix_network import Network
from nn.signals import unit_report

# %% [markdown]
# ## Three functions
#
# | | | derivative |
# |---|---|---|
# | sigmoid | $\sigma(a) = \frac{1}{1 + e^{-a}}$ | $\sigma(a)\,\sigma(-a)$ |
# | tanh | $\tanh(a)$ | $1 - \tanh^2(a)$ |
# | ReLU | $\max(0, a)$ | 0 on the left, 1 on the right |
#
# `grad` makes the derivative out of the function. (The columns with a $'$.)

# %%
functions = (sigmoid, tanh, relu)
points = (-6.0, -3.0, -1.0, 0.0, 1.0, 3.0, 6.0)

Table(
    ("a", *(f.name for f in functions), *(f"{f.name}'" for f in functions)),
    tuple(
        (f"{a:g}", *(f"{f(a):.4f}" for f in functions), *(f"{grad(f)(a):.4f}" for f in functions)) for a in points
    ),
)

# %% [markdown]
# The derivatives as bars. They are what a gradient is multiplied by when it passes the unit.

# %%
for a in np.arange(-5.0, 5.1, 1.0):
    print(f"a = {a:4.0f}  " + "  ".join(f"{'█' * round(20 * grad(f)(a)):20}" for f in functions))
print(" " * 10 + "  ".join(f"{f.name + chr(39):20}" for f in functions))

# %% [markdown]
# At the ends, sigmoid and tanh are flat: the unit is **saturated**, and nothing gets through. And even at its best,
# the sigmoid lets through only a quarter.

# %%
slopes = [grad(sigmoid)(float(a)) for a in np.linspace(-10, 10, 2001)]

assert max(slopes) == grad(sigmoid)(0.0) == 0.25
max(slopes)

# %% [markdown]
# ## A quarter, again and again
#
# In a chain of units the derivatives multiply. **Predict**: what is left after five sigmoids, at most? After ten?


# %%
def chain(function, count, weight=1.0):
    """The input and the output of a chain of units."""
    start = z = Value(0.5, "x")
    for k in range(1, count + 1):
        a = (weight * z).named(f"a_{k}")
        z = function(a).named(f"z_{k}")
    return start, z


x, z = chain(sigmoid, 3)
viz.draw(z, show="numbers")

# %%
Table(
    ("units", "a quarter each", *(f.name for f in functions)),
    tuple(
        (str(count), f"{0.25**count:.1e}", *(
            f"{explain(z, x).derivative:.1e}" for x, z in (chain(f, count) for f in functions)
        ))
        for count in (1, 2, 5, 10, 20)
    ),
)

# %% [markdown]
# The sigmoid's column is below the bound. Tanh does better, since its slope at 0 is 1. And ReLU's derivative is 1 all
# the way, as long as the inputs are positive.
#
# ## What ReLU does
#
# **Sparse activation.** With random weights a pre-activation is as often negative as positive. So about half of the
# units say nothing at all for a given example, and another half for another one.

# %%
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 80))


def deep(activation, init, layers=50, units=80):
    """A network without biases, as matrices."""
    draws = np.random.default_rng(1)
    return Network(
        {k: init(units, units, draws) for k in range(1, layers + 1)}, {},
        {k: Activation(activation) for k in range(1, layers + 1)},
    )


activations = forward_propagation(deep("relu", he), X)
shares = [np.mean(activations.Z[k] == 0.0) for k in (1, 2, 5, 10)]

assert all(0.4 < share < 0.6 for share in shares)
print("share of zeros in layers 1, 2, 5, 10:", np.round(shares, 2))

# %% [markdown]
# **A gradient that survives.** Here is a network of 50 layers of 80 units, with each activation. We run 60 examples
# through it, ask for some random targets, and look at the size of the error signals $\delta$ by layer.

# %%
targets = rng.normal(size=(60, 80))
layers = (1, 10, 20, 30, 40, 50)


def signals(network):
    """The standard deviations of z and of delta, by layer."""
    activations = forward_propagation(network, X)
    errors = deltas(network, activations, targets)
    return {k: (activations.Z[k].std(), errors.delta[k].std()) for k in layers}


with_best_start = {
    "sigmoid, Xavier": signals(deep("sigmoid", xavier)),
    "tanh, Xavier": signals(deep("tanh", xavier)),
    "relu, He": signals(deep("relu", he)),
}

Table(
    ("size of delta in layer", *map(str, layers)),
    tuple((name, *(f"{found[k][1]:.0e}" for k in layers)) for name, found in with_best_start.items()),
)

# %% [markdown]
# Read from right to left, as the gradient goes. In the sigmoid's first layer nothing is left. In the other two the
# first layer can learn. (And ReLU is cheap: it only compares with 0, where the others take an exponential.)

# %%
assert with_best_start["sigmoid, Xavier"][1][1] < 1e-20
assert 0.01 < with_best_start["tanh, Xavier"][1][1] < 100
assert 0.01 < with_best_start["relu, He"][1][1] < 100

for name, by_layer in with_best_start.items():
    print(f"{name:15} the first layer gets {by_layer[1][1] / by_layer[50][1]:.0e} of what the last one has")

# %% [markdown]
# ## Dead units
#
# The zero on ReLU's left has a price. A unit whose pre-activation is negative for *every* example has the gradient 0
# for every example. So its weights never move again: it is **dead**.

# %%
dead = MLP([2, 1], output="relu", init=constant(0.5))
dead.parameters()[-1].data = -5.0  # the bias
yhat = dead([1.0, 0.5])

viz.draw(half_squared_error(yhat, Value(1.0, "y")).named("E"), wrt=dead.parameters(), show="numbers")

# %% [markdown]
# All paths go through the arrow with the 0.
#
# How does a unit get there? Often by one step that was too long. Two moons, eight hidden units, and a learning rate
# that is good, or far too large. `unit_report` runs the data through the network and looks at each unit. (*Flat* is
# the share of units and examples without a slope to speak of: for ReLU the zeros.)

# %%
X_moons, labels = moons(40, noise=0.1, rng=0)
y_moons = 2 * labels - 1

careful = MLP([2, 8, 1], activation="relu", init="he", rng=1)
fit(careful, X_moons, y_moons, optimizer=SGD(0.05), epochs=10)
unit_report(careful, X_moons)

# %%
careless = MLP([2, 8, 1], activation="relu", init="he", rng=1)
history = fit(careless, X_moons, y_moons, optimizer=SGD(2.0), epochs=10)
unit_report(careless, X_moons)

# %% [markdown]
# Most units are dead, and a smaller rate does not wake them up now: they have no gradient. What helps is a smaller rate
# from the beginning, He initialization, or a function with a slope on the left, such as `leaky_relu`, `elu` or `gelu`.

# %%
report = unit_report(careless, X_moons)
assert report.layers[0].dead > 0.8 and not report.ok

leaky = MLP([2, 8, 1], activation="leaky_relu", init="he", rng=1)
fit(leaky, X_moons, y_moons, optimizer=SGD(0.05), epochs=10)
assert unit_report(leaky, X_moons).layers[0].dead == 0.0
print(f"loss of the network with dead units: {history.loss[-1]:.2f}; always saying 0 would give 0.50")

# %% [markdown]
# ## All zeros
#
# Why are weights random at all? Begin with zeros, and see what a hundred epochs do. (Sixteen of the points are enough
# for that.)

# %%
X_few, y_few = X_moons[:16], labels[:16].astype(float)

for activation in ("tanh", "relu", "sigmoid"):
    model = MLP([2, 3, 1], activation=activation, init="zeros")
    gradient = EagerGradients(model, half_squared_error).mean(X_few, y_few[:, None]).gradient
    fit(model, X_few, y_few, optimizer=SGD(0.5), epochs=100)
    print(f"{activation:7} first gradient {(gradient.round(2) + 0.0).tolist()}")
    print(f"        weights of layer 1 after 100 epochs: {model.state_dict()['0.weight'].round(3).tolist()}\n")

# %% [markdown]
# With tanh and ReLU every hidden $z$ is 0 and every weight on the way back is 0: only the bias of the output moves,
# and so the network learns the mean of the targets, nothing else. With the sigmoid the weights do move, since
# $\sigma(0) = \frac{1}{2}$. But look closely: **all three rows are the same**.
#
# ## All alike
#
# Units that begin alike get the same gradient, so they stay alike. Here all weights are 0.5. Each arrow has its twin.
# (We train with `engine="eager"`, which computes every unit in the same way, to the last bit. The compiled engine's
# matrix products add up in another order for some units, and a difference in the sixteenth digit is also a kind of
# chance, but a very slow one.)

# %%
model = MLP([2, 3, 1], activation="sigmoid", init=constant(0.5))

viz.draw(model([1.0, -2.0]), show="numbers")

# %%
gradients = EagerGradients(model, half_squared_error)
before = gradients.mean(X_few, y_few[:, None]).gradient
history = fit(model, X_few, y_few, optimizer=SGD(0.5), epochs=100, engine="eager")
after = gradients.mean(X_few, y_few[:, None]).gradient

for name, gradient in (("at first", before), ("after 100 epochs", after)):
    rows = gradient[:6].reshape(3, 2)
    assert (rows == rows[0]).all()
    print(f"gradient of the first layer's weights {name}:\n{rows.round(5)}")

# %% [markdown]
# Three units that compute the same are one unit. Only chance breaks the symmetry, and that is why weights are drawn
# at random. (Biases may begin at 0: the weights have broken it already.) The report notices:

# %%
unit_report(model, X_moons)

# %%
broken = MLP([2, 3, 1], activation="sigmoid", init="xavier", rng=0)
with_chance = fit(broken, X_few, y_few, optimizer=SGD(0.5), epochs=100)

assert unit_report(broken, X_moons).layers[0].alike == 0.0
assert with_chance.loss[-1] < history.loss[-1]
print(f"loss after 100 epochs: {history.loss[-1]:.4f} with equal units, {with_chance.loss[-1]:.4f} with different ones")

# %% [markdown]
# ## How large?
#
# A pre-activation is a sum of $n$ terms $w_j z_j$. If the weights have mean 0 and variance $v$, then
#
# $$\operatorname{Var}(a) = n \, v \, \overline{z^2}.$$
#
# From layer to layer the size is multiplied by about $\sqrt{n v}$. Below 1 the signal dies out, above 1 it grows until
# the units saturate. So $v$ should be about $1/n$, and that is what the schemes say:
#
# | | variance $v$ | for |
# |---|---|---|
# | LeCun | $1 / n_{in}$ | no activation, or one with slope 1 |
# | Xavier (Glorot) | $2 / (n_{in} + n_{out})$ | tanh: the mean of what forward and backward would like |
# | He | $2 / n_{in}$ | ReLU, which silences half of the units |
#
# First in one layer of 80 units:

# %%
for name, init in (("normal(0.01)", normal(0.01)), ("normal(1)", normal(1.0)), ("xavier", xavier), ("he", he)):
    weights = init(80, 80, np.random.default_rng(1))
    expected, measured = math.sqrt(80 * weights.var()), (weights @ X.T).std()
    print(f"{name:13} variance of w {weights.var():.5f}   sqrt(n v) {expected:6.3f}   spread of a {measured:6.3f}")

# %% [markdown]
# Then in 50 layers. **Predict** the first two rows: which dies, which saturates?

# %%
networks = {
    "tanh, normal(0.01)": deep("tanh", normal(0.01)),
    "tanh, normal(1)": deep("tanh", normal(1.0)),
    "tanh, Xavier": deep("tanh", xavier),
    "relu, Xavier": deep("relu", xavier),
    "relu, He": deep("relu", he),
}
found = {name: signals(network) for name, network in networks.items()}

Table(
    ("spread of z in layer", *map(str, layers)),
    tuple((name, *(f"{by_layer[k][0]:.0e}" for k in layers)) for name, by_layer in found.items()),
)

# %%
Table(
    ("size of delta in layer", *map(str, layers)),
    tuple((name, *(f"{by_layer[k][1]:.0e}" for k in layers)) for name, by_layer in found.items()),
)

# %% [markdown]
# - **Too small**: the activations die out on the way forward, and the gradient on the way back.
# - **Too large**: the activations are all near $-1$ and $1$, saturated. The few units that are not let through far too
#   much, so that the gradient *explodes*.
# - **Xavier with tanh**, **He with ReLU**: both keep their size over fifty layers.
# - **Xavier with ReLU** forgets that half of the units are silent, and loses a factor of $\sqrt{2}$ in every layer.

# %%
saturated = np.mean(np.abs(forward_propagation(networks["tanh, normal(1)"], X).Z[20]) > 0.99)

assert saturated > 0.5
lost_per_layer = (found["relu, Xavier"][10][0] / found["relu, Xavier"][40][0]) ** (1 / 30)
assert math.isclose(lost_per_layer, math.sqrt(2), rel_tol=0.1)
print(f"{saturated:.0%} of the activations of layer 20 are beyond 0.99 with normal(1)")

# %% [markdown]
# ### Does it matter for training?
#
# The same network of six layers on the moons, twenty epochs. Only the initial weights differ. One run may be lucky, so
# here are the means of five.

# %%
for name, init in (("normal(0.01)", normal(0.01)), ("xavier", xavier), ("normal(5)", normal(5.0))):
    losses, shares = [], []
    for seed in range(5):
        model = MLP([2, 8, 8, 8, 8, 8, 1], init=init, rng=seed)
        history = fit(model, X_moons, y_moons, loss=hinge, optimizer=SGD(0.1), batch_size=8, epochs=20)
        losses.append(history.loss[-1])
        shares.append(np.mean(np.sign(model.predict(X_moons)) == y_moons))
    print(f"{name:13} loss {np.mean(losses):.3f}   {np.mean(shares):.0%} right")

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
    elif math.isclose(prediction, answer, rel_tol=1e-2, abs_tol=1e-9):
        print("Right!")
    else:
        print("Not this. Which factor does one layer contribute?")


# %% [markdown]
# **Exercise 1: tanh and sigmoid are relatives.** $\tanh(a) = 2\sigma(2a) - 1$. What is the largest slope of tanh, by
# the chain rule? And how often does 0.25 fit into it?

# %%
largest_slope, ratio = ..., ...

compare(largest_slope, grad(tanh)(0.0))
compare(ratio, grad(tanh)(0.0) / grad(sigmoid)(0.0))

# %% [markdown]
# **Exercise 2: a bound.** A chain of 12 sigmoids, and all weights are 2. What is the largest derivative it can have?
# Is it reached at the input 0.5?

# %%
bound = ...

compare(bound, (2 * max(slopes)) ** 12)

# %% [markdown]
# **Exercise 3: an initializer of your own.** A layer has 100 inputs with $\overline{z^2} = 1$. Weights are uniform on
# $[-c, c)$, whose variance is $c^2 / 3$. For which $c$ does the pre-activation have variance 1?

# %%
c = ...

compare(... if c is ... else 100 * c**2 / 3, 1.0)

# %% [markdown]
# **Exercise 4: symmetry of another kind.** `MLP([2, 3, 1], init=constant(0.5))`, but the *biases* of the hidden layer
# are 0, 1 and 2. Do the rows of the gradient differ at the first step? Try it.

# %%
different_biases = MLP([2, 3, 1], init=constant(0.5))
for number, bias in enumerate(different_biases.layers[0].bias):
    bias.data = float(number)

# Your experiment goes here.

# %% [markdown]
# **Exercise 5: wake them up.** The network `careless` above has dead units. Change its parameters by hand so that they
# are alive again, and see what `unit_report` says.

# %%
# Your experiment goes here.

# %% [markdown]
# **Exercise 6: another activation.** `gelu` and `silu` are fashionable. Which of the schemes suits `silu` over fifty
# layers of 80 units? Use `signals(deep("silu", ...))`.

# %%
# Your experiment goes here.

# %% [markdown]
# ## Solutions
#
# Try first. You learn more from a wrong prediction than from a right solution.

# %% [markdown]
# **Exercise 1.** $2 \cdot \sigma'(0) \cdot 2 = 4 \cdot \frac{1}{4} = 1$, which is four times 0.25.

# %%
assert grad(tanh)(0.0) == 1.0
grad(tanh)(0.0)

# %% [markdown]
# **Exercise 2.** Each unit contributes at most $2 \cdot \frac{1}{4}$, so $2^{-12} = 0.00024$. It is not reached, since
# each $z$ is positive, and so are the pre-activations after it; the sigmoid is steepest at 0.

# %%
x, z = chain(sigmoid, 12, weight=2.0)
assert explain(z, x).derivative < 0.5**12
print(f"bound {0.5**12:.1e}, reached {explain(z, x).derivative:.1e}")

# %% [markdown]
# **Exercise 3.** $100 \cdot c^2 / 3 = 1$, so $c = \sqrt{3/100} = 0.173$.

# %%
c = math.sqrt(3 / 100)
drawn = np.random.default_rng(0).uniform(-c, c, size=(10_000, 100)).sum(axis=1)  # all z are 1
print(f"c = {c:.3f}; measured variance {drawn.var():.2f}")

# %% [markdown]
# **Exercise 4.** They differ: each unit looks at another part of tanh, so $\sigma'(a)$ differs. Whatever makes the
# units different will do; chance is only the simplest way.

# %%
rows = EagerGradients(different_biases, half_squared_error).mean(X_few, y_few[:, None]).gradient[:6]
assert len(np.unique(rows.reshape(3, 2), axis=0)) == 3
rows.reshape(3, 2).round(4)

# %% [markdown]
# **Exercise 5.** Raise the biases, until each pre-activation is positive for half of the examples.

# %%
revived = MLP([2, 8, 1], activation="relu", init="he", rng=0)
revived.load_state_dict(careless.state_dict())
state = revived.state_dict()
pre_activations = X_moons @ state["0.weight"].T + state["0.bias"]
for unit, bias in enumerate(revived.layers[0].bias):
    bias.data -= float(np.median(pre_activations[:, unit]))

unit_report(revived, X_moons)

# %% [markdown]
# **Exercise 6.** None of them. For large inputs `silu` is close to ReLU, but for small ones its slope is only
# $\frac{1}{2}$. So even with He's weights the signal shrinks, and the smaller it is, the faster. With twice He's
# variance it grows. (Batch normalization, in the notebook *regularization*, is a way out.)


# %%
def twice_he(fan_in, fan_out, rng):
    return math.sqrt(2) * he(fan_in, fan_out, rng)


for name, init in (("Xavier", xavier), ("He", he), ("twice He's variance", twice_he)):
    by_layer = signals(deep("silu", init))
    print(f"{name:20} spread of z: " + "  ".join(f"{by_layer[k][0]:.0e}" for k in layers))
