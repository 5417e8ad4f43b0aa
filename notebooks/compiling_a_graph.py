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
# # Compiling a graph: from scalars to matrices
#
# A scalar graph is easy to understand and slow to run: a node for each product and each sum, thousands of them for a
# small network. The lecture's quick reference does the same work with a handful of matrix equations. This notebook
# goes from the one to the other, step by step, and nobody writes a matrix on the way: the program **finds** them.
#
# The digits and the minimizer at the end come with scikit-learn and SciPy (`pip install 'autograd-core[data]'`).
#
# A line that starts with `assert` is a claim: if it were false, the cell would stop with an error. Five exercises wait
# at the end, with their solutions below them.

# %%
import math
from itertools import pairwise

import numpy as np
from scipy.optimize import minimize

import autograd_core as ag
import viz
from autograd_core import DomainError, OperandError, Table, Value, sigmoid
from autograd_core.compiler.linear import fuse_linear
from autograd_core.compiler.passes import drop_dead, fold_constants, share_common
from nn import L2, MLP, Adam, CompiledGradients, digits, fit, half_squared_error, moons, softmax_cross_entropy, split

# %% [markdown]
# ## One example, with scalars
#
# A network with two inputs, three hidden units and one output, and the error of **one** example, as the lecture writes
# them: sums over weights times inputs, a sigmoid, half a squared difference.


# %%
def network(W_1, b_1, W_2, b_2, x):
    """The output of a 2-3-1 network."""
    a_1 = [sum(w * x_j for w, x_j in zip(row, x, strict=True)) + b for row, b in zip(W_1, b_1, strict=True)]
    z_1 = [sigmoid(a) for a in a_1]
    a_2 = sum(w * z for w, z in zip(W_2, z_1, strict=True)) + b_2
    return sigmoid(a_2)


def error(W_1, b_1, W_2, b_2, x, y):
    """Half the squared difference of output and target."""
    difference = network(W_1, b_1, W_2, b_2, x) - y
    return 0.5 * (difference * difference)


draws = np.random.default_rng(0)
W_1, b_1 = draws.normal(size=(3, 2)), np.zeros(3)
W_2, b_2 = draws.normal(size=3), 0.0

error(W_1, b_1, W_2, b_2, [1.0, -2.0], 1.0)

# %% [markdown]
# With numbers it computes numbers. With `Value`s it records a graph, and `backward` sweeps it.

# %%
hidden = [[Value(w, f"w_{{{i}{j}}}") for j, w in enumerate(row)] for i, row in enumerate(W_1)]
output = [Value(w, f"w_{i}") for i, w in enumerate(W_2)]
E = error(hidden, b_1, output, b_2, [1.0, -2.0], 1.0).named("E")
E.backward()

hidden[0][0].grad, output[0].grad

# %% [markdown]
# ## Step 1: record
#
# `compile` calls the function **once**, with scalars of which only the place is known, and keeps the list of
# operations: the **tape**. `lanes` names the arguments that have one entry per example; the function never sees more
# than one.

# %%
program = ag.compile(error, lanes=("x", "y"))

X = draws.normal(size=(5, 2))
y = draws.uniform(size=5)
recorded = program.trace(W_1, b_1, W_2, b_2, X, y).recorded

print(recorded)

# %% [markdown]
# Every line is one operation on two numbers. Python's loops, lists and functions have left no trace. The zeros come
# from `sum`, which starts with 0.

# %% [markdown]
# ## Step 2: tidy up
#
# Three **passes**, each from tape to tape, and each leaves the results as they are:
#
# - `fold_constants` computes what depends on no input, and drops what changes nothing, such as `0.0 + v`;
# - `share_common` computes the same operation on the same operands once;
# - `drop_dead` leaves out what no result depends on.
#
# Our function leaves them little to do. Here is a careless one: it calls the network twice, and there is a line left
# over from debugging.


# %%
def careless(W_1, b_1, W_2, b_2, x, y):
    """As ``error``, with the same work done twice and some for nothing."""
    total_of_inputs = sum(x) * 2.0 / 4.0  # nobody uses it
    assert total_of_inputs is not None
    return (1.0 / 2.0) * ((network(W_1, b_1, W_2, b_2, x) - y) * (network(W_1, b_1, W_2, b_2, x) - y))


def through_the_passes(tape):
    """How many instructions are left after each pass."""
    rows = [("recorded", str(len(tape)), str(tape.depth))]
    for each in (fold_constants, share_common, drop_dead, fuse_linear):
        tape = each(tape)
        rows.append((each.__name__, str(len(tape)), str(tape.depth)))
    return Table(("after", "instructions", "longest way"), tuple(rows))


careless_program = ag.compile(careless, lanes=("x", "y"))
careless_tape = careless_program.trace(W_1, b_1, W_2, b_2, X, y).recorded

through_the_passes(careless_tape)

# %%
assert str(drop_dead(share_common(fold_constants(careless_tape)))) == str(fold_constants(recorded))

through_the_passes(recorded)

# %% [markdown]
# After three passes the careless function is the careful one, line by line.
#
# Note what no pass does: none reorders a sum. With floating-point numbers $(a + b) + c$ and $a + (b + c)$ differ in the
# last digit.
#
# ## Step 3: linear combinations
#
# The fourth pass in the table, `fuse_linear`, turns each chain of multiply and add into one `dot`. Now a neuron is two
# lines, its pre-activation and its activation.

# %%
tidy = fuse_linear(drop_dead(share_common(fold_constants(recorded))))

print(tidy)

# %% [markdown]
# ## Step 4: group
#
# Look down the lines: three `dot`s, three additions, three sigmoids. Instructions with the **same operation** at the
# **same depth** (the longest way from an input) do not need each other, so they are one instruction on a whole block of
# numbers. And three dot products of different rows with the same vector are a matrix times a vector; with lanes, times
# a matrix with one column per example:
#
# $$\begin{pmatrix} w_{00} x_0 + w_{01} x_1 \\ w_{10} x_0 + w_{11} x_1 \\ w_{20} x_0 + w_{21} x_1 \end{pmatrix} = W x.$$
#
# What comes out is the **plan**.

# %%
value, gradients = program.value_and_grad(W_1, b_1, W_2, b_2, X, y)

print(program.plan)

# %% [markdown]
# The same as a picture. Circles are given; a box is one vector instruction with the shape of its result. A product
# that is only added to something shares its box.

# %%
viz.draw(program.plan)

# %% [markdown]
# ## Step 5: write it down
#
# From the plan the compiler writes Python, forward lines and then reverse lines. This very text is what runs, and a
# traceback or a debugger shows it.

# %%
print(program.source)

# %% [markdown]
# Hold it beside the lecture's quick reference. Forward propagation is row by row the same. Backwards `_bar` is the
# derivative of the error with respect to something ("z bar"), and `delta` is its name where that something is a
# pre-activation. (`z_2_bar` is $z^{(2)} - y$, divided by the number of examples; as there is one output only,
# $W^{(2)}$ is a row, whose product with $\delta^{(2)}$ is written number by number; and `ones` holds a 1 for every
# example, so that a product with it is the sum over them.)
#
# Below the comment stand the same two functions once more. Large arrays cost more to make than to fill, so with many
# examples every result goes into an array made beforehand.


# %%
def line(name):
    """The line of the program that computes a name."""
    lines = [each.strip() for each in program.source.splitlines()]
    return next(each for each in lines if each.startswith((f"{name} = ", f"{name} += ")))


Table(
    ("quick reference", "program"),
    tuple(
        (formula, line(name))
        for formula, name in (
            ("a⁽¹⁾ = W⁽¹⁾ z⁽⁰⁾ + b⁽¹⁾", "a_1"),
            ("z⁽¹⁾ = σ(a⁽¹⁾)", "z_1"),
            ("a⁽²⁾ = W⁽²⁾ z⁽¹⁾ + b⁽²⁾", "a_2"),
            ("δ⁽²⁾ = (z⁽²⁾ - y) ∘ σ'(a⁽²⁾)", "delta_2"),
            ("∂E/∂W⁽²⁾ = δ⁽²⁾ z⁽¹⁾ᵀ", "W_2_bar"),
            ("W⁽²⁾ᵀ δ⁽²⁾", "z_1_bar"),
            ("δ⁽¹⁾ = W⁽²⁾ᵀ δ⁽²⁾ ∘ σ'(a⁽¹⁾)", "delta_1"),
            ("∂E/∂W⁽¹⁾ = δ⁽¹⁾ z⁽⁰⁾ᵀ", "W_1_bar"),
            ("∂E/∂b⁽¹⁾ = δ⁽¹⁾, summed over the examples", "b_1_bar"),
        )
    ),
)

# %% [markdown]
# Nobody told the compiler about layers or backpropagation. It has one rule, the chain rule, and saw three equal dot
# products.
#
# The result is the mean over the examples, so the first reverse line starts with $1/N$. Everybody's own error and
# gradient can be asked for too.

# %%
errors, (weight_gradients, *_) = program.per_example(W_1, b_1, W_2, b_2, X, y)

assert math.isclose(errors.mean(), value)
assert weight_gradients.shape == (5, 3, 2)
assert np.allclose(weight_gradients.mean(axis=0), gradients[0])
errors

# %% [markdown]
# ## The same answer
#
# Is it right? The graph knows: record every example with `Value`s, take the mean, sweep once. Program and graph agree
# to the last digits. (The order in which examples are added up is NumPy's, so the very last may differ.)

# %%
W, b = [[Value(w) for w in row] for row in W_1], [Value(0.0) for _ in b_1]
v, c = [Value(w) for w in W_2], Value(b_2)
mean_error = ag.mean([error(W, b, v, c, row, target) for row, target in zip(X.tolist(), y.tolist(), strict=True)])
mean_error.backward()

assert math.isclose(mean_error.data, value, rel_tol=1e-14)
assert np.allclose(gradients[0], [[w.grad for w in row] for row in W], rtol=1e-12)
assert np.allclose(gradients[1], [each.grad for each in b], rtol=1e-12)
assert np.allclose(gradients[2], [each.grad for each in v], rtol=1e-12)
assert math.isclose(gradients[3], c.grad, rel_tol=1e-12)
mean_error.data, value

# %% [markdown]
# ## Lanes that nobody declared
#
# Here is the demo of micrograd, a well-known scalar engine, as it is written there: a class for neurons, for layers,
# for networks, and a loss that loops over all examples. There are no lanes and no arguments; the parameters are
# `Value`s that the function closes over. (Only the inputs stay numbers. As `Value`s they would be parameters as well.)


# %%
class Neuron:
    def __init__(self, nin, nonlin=True):
        self.w = [Value(weights.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0)
        self.nonlin = nonlin

    def __call__(self, x):
        act = sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b)
        return act.relu() if self.nonlin else act

    def parameters(self):
        return [*self.w, self.b]


class Layer:
    def __init__(self, nin, nout, nonlin):
        self.neurons = [Neuron(nin, nonlin) for _ in range(nout)]

    def __call__(self, x):
        out = [n(x) for n in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self):
        return [p for n in self.neurons for p in n.parameters()]


class Network:
    def __init__(self, nin, nouts):
        sz = [nin, *nouts]
        self.layers = [Layer(sz[i], sz[i + 1], nonlin=i != len(nouts) - 1) for i in range(len(nouts))]

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]


def loss():
    scores = [model(row) for row in inputs.tolist()]
    losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(targets.tolist(), scores, strict=True)]
    data_loss = sum(losses) * (1.0 / len(losses))
    reg_loss = 1e-4 * sum(p * p for p in model.parameters())
    return data_loss + reg_loss


weights = np.random.default_rng(1)
inputs, labels = moons(100, noise=0.1, rng=0)
targets = 2 * labels - 1
model = Network(2, [16, 16, 1])

compiled_loss = ag.compile(loss)
before, gradient = compiled_loss.value_and_grad()

print(compiled_loss.plan)

# %% [markdown]
# 65,000 operations on single numbers, 10,000 once sums of products are one each; and the compiler has found the hundred
# examples: the inputs are a constant matrix of 2 × 100, and each layer is one product. (The targets are ±1, and
# $1 \cdot x$ is folded away. So the examples of the two classes take different ways at the end.) L2 is the dot product
# of the parameters with themselves, once, whatever the number of examples.

# %%
assert len(compiled_loss.plan.instructions) < 30 < 5_000 < len(compiled_loss.tape)
assert [id(each) for each in compiled_loss.parameters] == [id(each) for each in model.parameters()]

viz.draw(compiled_loss.plan, direction="down")

# %% [markdown]
# The parameters' numbers are read at every call, because they are `Value`s. All other numbers that the function closes
# over, such as the inputs, are frozen when it is recorded; data that change are arguments. So training is micrograd's
# loop, with one line in place of `zero_grad`, `loss` and `backward`.

# %%
for k in range(200):
    total, gradient = compiled_loss.value_and_grad()
    learning_rate = 1.0 - 0.9 * min(k, 100) / 100
    for p, slope in zip(compiled_loss.parameters, gradient, strict=True):
        p.data -= learning_rate * float(slope)

accuracy = np.mean([model(row).data * target > 0 for row, target in zip(inputs.tolist(), targets, strict=True)])
assert total < 0.1 * before and accuracy > 0.97
print(f"loss {before:.3f} -> {total:.3f}, accuracy {accuracy:.0%}")

# %% [markdown]
# How fast is it? A call takes a fraction of a millisecond, and a sweep over the scalar graph a good part of a second:
# `benchmarks/README.md` has the tables, beside PyTorch, JAX, and NumPy and C written by hand.
#
# ## Networks of nn
#
# `nn.fit` compiles without being asked: the error of one example, its penalty, Dropout's factors, BatchNorm's means
# over the minibatch. The program can be looked at.

# %%
normalized = MLP([2, 4, 1], norm="batch", rng=0)
engine = CompiledGradients(normalized, half_squared_error, L2(0.01))
engine.mean(inputs[:8], labels[:8, None])

viz.draw(engine.program.plan, direction="down")

# %% [markdown]
# ## Straight-line Python
#
# Where little is equal, vectors gain nothing: calling NumPy takes longer than a multiplication. A small function
# becomes Python with plain floats, and its plan is None. Rosenbrock's valley is the usual test of a minimizer:
#
# $$f(x) = \sum_i 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2.$$


# %%
def rosenbrock(x):
    """Its minimum is 0, where all x are 1."""
    return sum(100.0 * (b - a**2) ** 2 + (1.0 - a) ** 2 for a, b in pairwise(x))


valley = ag.compile(rosenbrock)
valley.value_and_grad([-1.0, 2.0, 0.5])

assert valley.plan is None
print(valley.source)

# %% [markdown]
# A program with one flat array for an argument is just what SciPy asks for.

# %%
found = minimize(valley.value_and_grad, np.full(10, -1.0), jac=True, options={"gtol": 1e-8})

assert np.allclose(found.x, 1.0, atol=1e-5)
print(f"{found.nfev} calls: {found.x.round(6)}")

# %% [markdown]
# ## What cannot be recorded
#
# A tape has no branches. While a function is recorded its scalars have no numbers, so a question about one cannot be
# answered; and had it been answered, the answer would be frozen. The error says what to write instead.


# %%
def branching(x):
    return x**2 if x.data > 0 else -x


for mistake in (branching, lambda x: x if x > 0 else -x, lambda x: math.exp(x)):
    try:
        ag.compile(mistake)(1.0)
    except OperandError as problem:
        print(f"{problem}\n")

# %%
smooth = ag.compile(lambda x: ag.where(x > 0, x**2, -x))

assert smooth.value_and_grad(3.0) == (9.0, 6.0)
assert smooth.value_and_grad(-3.0) == (3.0, -1.0)

# %% [markdown]
# What goes wrong with the numbers themselves is said as eager code says it: the tape is then replayed, operation by
# operation.

# %%
try:
    ag.compile(lambda x: ag.log(x))(-1.0)
except DomainError as problem:
    print(problem)

# %% [markdown]
# ## Handwritten digits, with scalars
#
# All of it together. A network 64-64-10 has 4,810 parameters. A minibatch of 64 digits, written out in products and
# sums, is a graph of more than half a million nodes, and training sweeps 440 of them. Compiled, it takes about a
# second.

# %%
images, classes = digits()
X_train, X_test, y_train, y_test = split(images / 16, classes, test_share=0.25, rng=0)

classifier = MLP([64, 64, 10], activation="relu", init="he", rng=0)
history = fit(
    classifier, X_train, y_train, loss=softmax_cross_entropy, optimizer=Adam(0.01), batch_size=64, epochs=20, rng=0
)
accuracy = (classifier.predict(X_test).argmax(axis=1) == y_test).mean()

assert accuracy > 0.96
print(f"{history}\ntest accuracy {accuracy:.1%}")

# %% [markdown]
# ## Exercises
#
# Predict first, with pencil and paper; then run. Put your number in place of the `...`, and `compare` says
# whether it is right, but not what it should have been.


# %%
def compare(prediction, answer):
    """Say whether a prediction is right."""
    if prediction is ...:
        print("Predict first: put a number in place of the three dots.")
    elif prediction == answer:
        print("Right!")
    else:
        print("Not this. Write down the instructions, then count.")


# %% [markdown]
# **Exercise 1: passes.** How many instructions does this function record? How many are left after the three passes?


# %%
def wasteful(x):
    unused = x * 5.0
    assert unused is not None
    return (x + 0.0) * (x * x) + (x * x) * 1.0


recorded_count, left_count = ..., ...

tape = ag.record(wasteful, ["x"])
left = drop_dead(share_common(fold_constants(tape)))
compare(recorded_count, len(tape))
compare(left_count, len(left))

# %% [markdown]
# **Exercise 2: shapes.** In a network 64-32-10 with minibatches of 50, how many rows and columns has `delta_1`? How
# many numbers has `W_2_bar`?

# %%
delta_rows, delta_columns, weight_count = ..., ..., ...

compare(delta_rows, 32)
compare(delta_columns, 50)
compare(weight_count, 10 * 32)

# %% [markdown]
# **Exercise 3: depth.** A network 2-16-16-1 has 33 neurons. How many *vector* instructions do its layers take, from the
# inputs to its output, if a product, an addition and an activation are one each, and the output has no activation? And
# if each hidden layer has 64 neurons?

# %%
small, large = ..., ...


def instructions_of(sizes):
    """How many vector instructions the score of a network takes."""
    scorer = MLP(sizes, activation="relu", rng=0)
    score = ag.compile(lambda x: scorer.forward([x])[0][0], lanes="x")
    score(np.ones((3, sizes[0])))
    return len(score.plan.instructions)


compare(small, instructions_of([2, 16, 16, 1]))
compare(large, instructions_of([2, 64, 64, 1]))

# %% [markdown]
# **Exercise 4: logistic regression.** Write the error of one example, $E = \log(1 + e^{-t s})$ with
# $s = w_1 x_1 + w_2 x_2 + b$ and targets $t = \pm 1$, compile it with lanes, and train it on the two moons. Which line
# of the source is the gradient of the weights?

# %%
# Your program goes here.

# %% [markdown]
# **Exercise 5: no branch.** This function cannot be recorded. Write it so that it can: `x` if it is less than 1 in
# absolute value, else its sign.


# %%
def clipped(x):
    if x > 1:
        return 1.0
    return -1.0 if x < -1 else x


# Your program goes here.

# %% [markdown]
# ## Solutions
#
# Try first. You learn more from a wrong prediction than from a right solution.

# %% [markdown]
# **Exercise 1.** It records 7: the unused product, `x + 0.0`, `x * x`, their product, `x * x` again, `* 1.0` and the
# last sum. What stays is `x * x`, its product with x, and the sum: 3.

# %%
assert (len(tape), len(left)) == (7, 3)
print(left)

# %% [markdown]
# **Exercise 2.** A row per unit and a column per example, 32 × 50; and a gradient has the shape of its weights,
# 10 × 32 = 320 numbers. The examples are summed up by the product $\delta^{(2)} z^{(1)T}$ itself.

# %% [markdown]
# **Exercise 3.** Three for each hidden layer and two for the output: 8, and 8 again. Wider layers make larger blocks,
# not more of them.

# %%
assert instructions_of([2, 16, 16, 1]) == instructions_of([2, 64, 64, 1]) == 8

# %% [markdown]
# **Exercise 4.** `softplus(a)` is $\log(1 + e^a)$, computed so that it cannot overflow. The gradient of the weights is
# the product of the delta with the inputs.


# %%
def logistic_error(w, b, x, t):
    return ag.softplus(-t * (w[0] * x[0] + w[1] * x[1] + b))


logistic = ag.compile(logistic_error, lanes=("x", "t"))
w, b = np.zeros(2), 0.0
for _ in range(300):
    mean_of_errors, (w_slope, b_slope) = logistic.value_and_grad(w, b, inputs, targets)
    w, b = w - w_slope, b - b_slope

correct = ((inputs @ w + b) * targets > 0).mean()
assert correct > 0.85
print(f"{correct:.0%} of the moons right of or left of one straight line")
print(next(each.strip() for each in logistic.source.splitlines() if each.strip().startswith("w_bar")))

# %% [markdown]
# **Exercise 5.** `minimum` and `maximum` are recorded as what they are, and so is `clip`.

# %%
through_minimum = ag.compile(lambda x: ag.maximum(-1.0, ag.minimum(x, 1.0)))
through_clip = ag.compile(lambda x: ag.clip(x, -1.0, 1.0))

for number in (-3.0, 0.25, 7.0):
    assert through_minimum(number) == through_clip(number) == clipped(number)
