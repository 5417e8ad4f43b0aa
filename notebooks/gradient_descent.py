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
# # Gradient descent: how a gradient becomes a better network
#
# Backpropagation says in which direction the error grows. Gradient descent takes a step the other way, again and
# again. This notebook is about these steps: how long they should be, how many examples each should look at, what
# momentum and Adam make of a gradient, and when to stop. At the end a network separates two moons.
#
# A line that starts with `assert` is a claim: if it were false, the cell would stop with an error. Six exercises wait
# at the end, with their solutions below them.

# %%
import math

import numpy as np

import viz
from autograd_core import Table, Value, exp, hessian, mean
from nn import (
    L2,
    MLP,
    SGD,
    Adam,
    DivergedError,
    EagerGradients,
    EarlyStopping,
    ExponentialDecay,
    GradientBelow,
    Momentum,
    RMSprop,
    fit,
    half_squared_error,
    hinge,
    moons,
)
from nn.schedules import Schedule
from nn.training import batches

# %% [markdown]
# ## The error, and one step
#
# The lecture's error adds up half the squared distances over the outputs,
#
# $$E = \tfrac{1}{2} \sum_k (\hat{y}_k - y_k)^2.$$

# %%
error = half_squared_error([0.2, 0.9], [0.0, 1.0])
assert math.isclose(error, 0.025)
error

# %% [markdown]
# Take the smallest model there is, $\hat{y} = w x + b$, and one example, $x = 2$, $y = 5$. It starts with
# $w = b = 0$. (A model counts its layers, so the picture says $w_{11}^{(1)}$ and $b_1^{(1)}$.)

# %%
model = MLP([1, 1], init="zeros")
w, b = model.parameters()
E = half_squared_error(model([2.0]), Value(5.0, "y")).named("E")

viz.draw(E, wrt=[w, b])

# %% [markdown]
# One step of gradient descent is $w \leftarrow w - \eta \frac{\partial E}{\partial w}$ for every weight, with a
# **learning rate** $\eta$. The optimizer `SGD` is just this rule, and `bind` tells it whose weights it moves.

# %%
model = MLP([1, 1], init="zeros")
w, b = model.parameters()
E = half_squared_error(model([2.0]), 5.0).named("E")
optimizer = SGD(learning_rate=0.1).bind(model)

E.backward()
print(f"before: w = {w.data:.2f}, b = {b.data:.2f}, E = {E.data:.3f}, gradient = ({w.grad:.2f}, {b.grad:.2f})")

optimizer.step()
E.recompute()
print(f"after:  w = {w.data:.2f}, b = {b.data:.2f}, E = {E.data:.3f}")

# %% [markdown]
# By hand: $\hat{y} - y = -5$, so the gradient is $(-5 \cdot 2, -5)$ and the step $(+1.0, +0.5)$.
#
# ## Many examples: batch gradient descent
#
# Now twenty examples of a line with noise. The error of the model is the **mean** over the examples,
# $\frac{1}{N} \sum_n E_n$, and its gradient is the mean of the examples' gradients. Backpropagation runs once for
# each example.

# %%
rng = np.random.default_rng(0)
X = rng.uniform(-1, 2, size=(20, 1))
y = 2 * X[:, 0] + 1 + 0.3 * rng.normal(size=20)

model = MLP([1, 1], init="zeros")
each_error, each_gradient = EagerGradients(model, half_squared_error).per_example(X, y[:, None])
print("the first three examples:", each_gradient[:3].round(3).tolist())
print("the mean over all twenty:", each_gradient.mean(axis=0).round(3).tolist())

# %% [markdown]
# `fit` repeats the step. Without a `batch_size` every step looks at the whole batch. The result is a history with
# one number per epoch; an **epoch** is one pass over all examples.

# %%
history = fit(MLP([1, 1], init="zeros"), X, y, optimizer=SGD(0.3), epochs=50)

history

# %% [markdown]
# A bar for each of the first epochs. The loss falls quickly, then slowly: near the minimum the gradient is small,
# and so is the step.


# %%
def draw_curve(losses, every=1):
    """A bar for every so many epochs, the largest 50 characters long."""
    for epoch in range(0, len(losses), every):
        print(f"epoch {epoch + 1:3}  {losses[epoch]:8.4f}  {'█' * round(50 * losses[epoch] / max(losses))}")


draw_curve(history.loss[:15])

# %% [markdown]
# ## How long a step?
#
# For a line the mean error is a **parabola** in $(w, b)$, so its curvature is the same everywhere. The Hessian holds
# it, and the engine computes that. Along an eigenvector with eigenvalue $\lambda$, a step multiplies the distance
# from the minimum by $1 - \eta\lambda$. It shrinks only if $|1 - \eta\lambda| < 1$, for every eigenvalue, so
#
# $$\eta < \frac{2}{\lambda_{\max}}.$$


# %%
def mean_error(weights):
    """The mean error of the line with these weights."""
    w, b = weights
    return mean([half_squared_error(w * x_n + b, y_n) for x_n, y_n in zip(X[:, 0].tolist(), y.tolist(), strict=True)])


curvatures = np.linalg.eigvalsh(hessian(mean_error)([0.0, 0.0]))
limit = 2 / curvatures.max()

print(f"eigenvalues {curvatures.round(4)}, so the learning rate must be below {limit:.4f}")

# %% [markdown]
# **Predict** the three runs before you look: at half the limit, just below it, just above it.

# %%
rates = {"half": 0.5 * limit, "just below": 0.98 * limit, "just above": 1.02 * limit}
runs_by_rate = {
    name: fit(MLP([1, 1], init="zeros"), X, y, optimizer=SGD(rate), epochs=100) for name, rate in rates.items()
}
epochs = (1, 2, 3, 5, 10, 30, 100)

Table(
    ("learning rate", *(f"epoch {epoch}" for epoch in epochs)),
    tuple((name, *(f"{run.loss[epoch - 1]:.4f}" for epoch in epochs)) for name, run in runs_by_rate.items()),
)

# %% [markdown]
# Half the limit is quick. Just below, the loss comes down slowly, and just above it goes up. In both cases a step
# jumps over the valley to the other side. Watch $w$ and $b$ jump:

# %%
path = []


def note(run):
    """Called after every epoch."""
    path.append(tuple(round(parameter.data, 2) for parameter in run.model.parameters()))


fit(MLP([1, 1], init="zeros"), X, y, optimizer=SGD(rates["just below"]), epochs=6, callbacks=[note])

assert runs_by_rate["half"].loss[9] < runs_by_rate["just below"].loss[9]
assert runs_by_rate["just below"].loss[-1] < runs_by_rate["just below"].loss[0] / 10
assert runs_by_rate["just above"].loss[-1] > 10 * runs_by_rate["just above"].loss[0]
path

# %% [markdown]
# And far above? The error grows until it is no number any more. `fit` then stops and says where.

# %%
try:
    fit(MLP([1, 1], init="zeros"), X, y, optimizer=SGD(5 * limit), epochs=500)
except DivergedError as problem:
    print(problem)

# %% [markdown]
# For a network the cost is no parabola, and its curvature changes on the way. But the picture stays: there is a
# largest rate, beyond it training diverges, and somewhat below it training is quickest.
#
# ## Batch, stochastic, minibatch
#
# The mean over twenty examples is exact, but one step costs twenty gradients. **Stochastic** gradient descent takes
# a step after each example; a **minibatch** is in between. In each epoch every example is used once, in a new
# order:

# %%
shuffler = np.random.default_rng(0)
for epoch in (1, 2):
    print(f"epoch {epoch}:", [batch.tolist() for batch in batches(10, size=4, rng=shuffler)])

# %% [markdown]
# In `fit` it is one parameter. (The history's loss is measured *while* the weights change. To see the whole error
# after each epoch, we give the same data once more as `validation`.)

# %%
sizes = {"batch": None, "minibatch of 5": 5, "stochastic": 1}
runs = {
    name: fit(MLP([1, 1], init="zeros"), X, y, optimizer=SGD(0.2), batch_size=size, epochs=40, validation=(X, y), rng=1)
    for name, size in sizes.items()
}
epochs = (1, 2, 3, 5, 10, 20, 40)

Table(
    ("", "updates per epoch", *(f"after epoch {epoch}" for epoch in epochs)),
    tuple(
        (name, str(run.updates[0]), *(f"{run.validation_loss[epoch - 1]:.4f}" for epoch in epochs))
        for name, run in runs.items()
    ),
)

# %% [markdown]
# An epoch costs the same for all three: twenty gradients of single examples. After one epoch the stochastic run is
# far ahead, since it has made twenty steps. In the end it is behind, and it no longer falls: each example pulls the
# line its own way, and at this rate the weights keep trembling. This is the **noise floor**.

# %%
columns = np.column_stack([X[:, 0], np.ones(20)])
best_line = np.linalg.lstsq(columns, y, rcond=None)[0]
least = mean_error(best_line.tolist())


def floor(run):
    """How far a run was above the least possible error, on average over its last ten epochs."""
    return np.mean(run.validation_loss[-10:]) - least


for name, run in runs.items():
    print(f"{name:15} after {run.examples[-1]} gradients {floor(run):.6f} above the least error")

assert floor(runs["batch"]) < floor(runs["minibatch of 5"]) < floor(runs["stochastic"])

# %% [markdown]
# A smaller rate has a lower floor, but it takes longer to get there. A rate that falls has both: large steps at
# first, small ones later.

# %%
for rate in (0.2, 0.02, ExponentialDecay(0.2, factor=0.995)):
    run = fit(MLP([1, 1], init="zeros"), X, y, optimizer=SGD(rate), batch_size=1, epochs=40, validation=(X, y), rng=1)
    print(f"after epoch 1 {run.validation_loss[0]:.4f}, at the end {floor(run):.6f} above the least:  {rate}")

# %% [markdown]
# ### Where the noise comes from
#
# At the best line the mean gradient is 0, but the examples' gradients are not: they cancel. The mean of $m$ of them,
# drawn at random, is off by $1/\sqrt{m}$ of their spread. So **four times the examples halve the noise**.

# %%
model = MLP([1, 1], init="zeros")
for parameter, number in zip(model.parameters(), best_line.tolist(), strict=True):
    parameter.data = number

_, each_gradient = EagerGradients(model, half_squared_error).per_example(X, y[:, None])
assert np.allclose(each_gradient.mean(axis=0), 0.0)

draws = np.random.default_rng(0)
for size in (1, 4, 16):
    means = [each_gradient[draws.integers(20, size=size)].mean(axis=0) for _ in range(4000)]
    print(f"minibatches of {size:2}: the gradient by w spreads by {np.std(means, axis=0)[0]:.3f} around 0")

# %% [markdown]
# ## Momentum, RMSprop, Adam
#
# A cost from a textbook: a hole that is long in one direction and narrow in the other, with its bottom at
# $(0.7, 0)$,
#
# $$L = 1 - e^{-2 p_1^2} e^{-(p_0 - 0.7)^2 / 8}.$$


# %%
def toy_cost(p_0, p_1):
    along, across = exp(-((p_0 - 0.7) ** 2) / 8), exp(-2 * p_1**2)
    return (1 - across.named("u") * along.named("v")).named("L")


def descend(optimizer, steps):
    """The path of an optimizer on the toy, from (-0.7, -0.9)."""
    p_0, p_1 = Value(-0.7, "p_0"), Value(-0.9, "p_1")
    bound = optimizer.bind([p_0, p_1])
    path = [(p_0.data, p_1.data)]
    for _ in range(steps):
        bound.zero_grad()
        toy_cost(p_0, p_1).backward()
        bound.step()
        path.append((p_0.data, p_1.data))
    return path


viz.draw(toy_cost(Value(-0.7, "p_0"), Value(-0.9, "p_1")))

# %% [markdown]
# The same start for all; the optimizers differ.

# %%
paths = {
    "SGD, rate 0.08": descend(SGD(0.08), 200),
    "SGD, rate 1": descend(SGD(1.0), 40),
    "Momentum, rate 0.05": descend(Momentum(0.05), 100),
    "RMSprop, rate 0.02": descend(RMSprop(0.02), 100),
    "Adam, rate 0.05": descend(Adam(0.05, beta_1=0.9, beta_2=0.99), 60),
}

Table(
    ("optimizer", "steps", "ends at (p_0, |p_1|)", "L"),
    tuple(
        (name, str(len(path) - 1), f"({path[-1][0]:.3f}, {abs(path[-1][1]):.3f})",
         f"{toy_cost(Value(path[-1][0]), Value(path[-1][1])).data:.4f}")
        for name, path in paths.items()
    ),
)

# %% [markdown]
# Plain gradient descent with a small rate needs two hundred steps. With a large rate it is quick along the hole, but
# it swings across it for ever. Look at the sign of $p_1$:

# %%
for name in ("SGD, rate 1", "Adam, rate 0.05"):
    print(f"{name:16}", "  ".join(f"({p_0:.2f}, {p_1:.2f})" for p_0, p_1 in paths[name][1:40:5]))

assert [round(number, 3) for number in paths["SGD, rate 0.08"][-1]] == [0.668, 0.0]
assert [round(number, 3) for number in paths["SGD, rate 1"][-1]] == [0.696, 0.195]
assert [round(number, 3) for number in paths["Adam, rate 0.05"][-1]] == [0.667, 0.03]

# %% [markdown]
# What each makes of the gradient:
#
# - **Momentum** adds up past gradients in a velocity that forgets slowly. What always points the same way grows,
#   what swings cancels.
# - **RMSprop** divides each derivative by the root of the mean of its recent squares. So every weight moves at about
#   the same pace, whatever the size of its derivative.
# - **Adam** does both, and corrects both averages for beginning at 0.
#
# Here is the first step of each from the same two derivatives, one of them ten thousand times the other.

# %%
for rule in (SGD(0.1), Momentum(0.1), RMSprop(0.1), Adam(0.1)):
    start = np.zeros(2)
    after, _ = rule.update(start, [100.0, 0.01], rule.start(start))
    print(f"{type(rule).__name__:9} moves by {after[0]:7.3f} and {after[1]:.3f}")

# %% [markdown]
# RMSprop's first step is ten times as long as its rate, since its average begins at 0. That is what Adam corrects.
#
# ## When to stop
#
# After a number of epochs; when the loss has not improved for a while; when the gradient is nearly 0. The history
# says which it was.

# %%
for criteria in ([], [EarlyStopping(patience=5, minimum_improvement=1e-4)], [GradientBelow(0.01)]):
    history = fit(MLP([1, 1], init="zeros"), X, y, optimizer=SGD(0.3), epochs=60, stop=criteria)
    print(f"{history.epochs} epochs, loss {history.loss[-1]:.6f}: {history.stopped_because}")

# %% [markdown]
# ## The loop, written by hand
#
# `fit` hides nothing. Here is batch gradient descent for a network that learns *exclusive or*, as users of PyTorch
# write it: forget, forward, backward, step.

# %%
corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
exclusive_or = np.array([0.0, 1.0, 1.0, 0.0])

by_hand = MLP([2, 3, 1], rng=4)
optimizer = SGD(0.5).bind(by_hand)

for step in range(1, 201):
    optimizer.zero_grad()
    outputs = by_hand(corners)
    error = mean([half_squared_error(yhat, y_n) for yhat, y_n in zip(outputs, exclusive_or, strict=True)])
    error.backward()
    optimizer.step()
    if step in (1, 10, 50, 100, 200):
        print(f"step {step:3}   error {error.data:.6f}")

# %%
viz.draw(by_hand([0.0, 1.0]))

# %% [markdown]
# `fit` does the same, up to rounding.

# %%
by_fit = MLP([2, 3, 1], rng=4)
history = fit(by_fit, corners, exclusive_or, optimizer=SGD(0.5), epochs=200)

assert math.isclose(history.loss[-1], error.data, rel_tol=1e-6)
assert np.allclose(by_fit.predict(corners), by_hand.predict(corners), atol=1e-6)
by_fit.predict(corners).round(3)

# %% [markdown]
# ## Two moons
#
# Micrograd, a small engine like this one, has a well-known demonstration: two interleaving half moons, a network
# 2-16-16-1, a max-margin loss with an L2 penalty, and a learning rate that falls from 1 to 0.1. First the data.

# %%
X_moons, labels = moons(100, noise=0.1, rng=0)
y_moons = 2 * labels - 1  # the max-margin loss takes -1 and +1


def draw_plane(mark):
    """The plane with a character for each cell, which mark(p, q) gives from the cell's middle."""
    for q in np.arange(1.4, -1.1, -0.2):
        print("".join(mark(p, q) for p in np.arange(-1.4, 2.5, 0.08)))


def moon(p, q):
    near = (np.abs(X_moons[:, 0] - p) < 0.04) & (np.abs(X_moons[:, 1] - q) < 0.1)
    return " " if not near.any() else "o" if labels[near][0] else "+"


draw_plane(moon)

# %% [markdown]
# **Predict** the number of parameters, then train for a hundred steps. (`fit` records the graph of one example and
# compiles it, so this takes a moment only. With `engine="eager"` each example's graph is recorded anew in every step,
# as micrograd does it; that takes about twenty seconds and gives the same.)


# %%
class Falling(Schedule):
    """From 1 to 0.1 in a hundred updates; a schedule of one's own is a class with a method `after`."""

    def after(self, step):
        return 1.0 - 0.9 * step / 100


network = MLP([2, 16, 16, 1], activation="relu", init="he", rng=0)
history = fit(network, X_moons, y_moons, loss=hinge, penalty=L2(2e-4), optimizer=SGD(Falling()), epochs=100)

accuracy = np.mean(np.sign(network.predict(X_moons)) == y_moons)
assert len(network.parameters()) == 337 and accuracy == 1.0
print(f"after {history.epochs} steps {accuracy:.0%} of the points are right")
draw_curve(history.loss, every=7)

# %% [markdown]
# Here is what the network says everywhere: `o` where the output is positive.

# %%
draw_plane(lambda p, q: "o" if network.predict([[p, q]])[0] > 0 else ".")

# %% [markdown]
# A hundred steps with the whole batch cost ten thousand gradients. With minibatches of ten, an epoch has ten steps for
# the same number of gradients. A smaller network and Adam, which needs less care for its rate, get there with a fifth
# of them:

# %%
small = MLP([2, 8, 1], rng=0)
frugal = fit(small, X_moons, y_moons, loss=hinge, optimizer=Adam(0.1), batch_size=10, epochs=20)

accuracy = np.mean(np.sign(small.predict(X_moons)) == y_moons)
print(f"{frugal.examples[-1]} gradients in place of {history.examples[-1]}, {accuracy:.0%} right")
draw_plane(lambda p, q: "o" if small.predict([[p, q]])[0] > 0 else ".")

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
    elif math.isclose(prediction, answer, rel_tol=5e-3, abs_tol=1e-9):
        print("Right!")
    else:
        print("Not this. Write down the rule, then put the numbers in.")


# %% [markdown]
# **Exercise 1: one step.** $\hat{y} = w x$ with $w = 3$, and one example $x = 2$, $y = 4$. What is $w$ after one step
# with $\eta = 0.1$? And which $\eta$ would have brought the error to 0 in one step?

# %%
after_one_step, ideal_rate = ..., ...

w = Value(3.0, "w")
half_squared_error(2.0 * w, 4.0).backward()
compare(after_one_step, w.data - 0.1 * w.grad)
compare(... if ideal_rate is ... else 2.0 * (w.data - ideal_rate * w.grad), 4.0)

# %% [markdown]
# **Exercise 2: counting.** 1000 examples, minibatches of 32, 10 epochs. How many updates, and how many gradients of
# single examples?

# %%
updates, gradients = ..., ...

compare(updates, 10 * len(list(batches(1000, 32, np.random.default_rng(0)))))
compare(gradients, 10 * 1000)

# %% [markdown]
# **Exercise 3: a long valley.** $E = \frac{1}{2}(w_1^2 + 100 w_2^2)$. Beyond which learning rate does gradient
# descent diverge? By what factor does a step at that rate multiply $w_1$? And after how many steps is $w_1$ a tenth
# of what it was?

# %%
largest_rate, factor_of_w_1, steps_to_a_tenth = ..., ..., ...

flat, steep = np.linalg.eigvalsh(hessian(lambda w: (w[0] ** 2 + 100 * w[1] ** 2) / 2)([1.0, 1.0]))
compare(largest_rate, 2 / steep)
compare(factor_of_w_1, 1 - 2 / steep * flat)
compare(steps_to_a_tenth, math.log(0.1) / math.log(1 - 2 / steep * flat))

# %% [markdown]
# **Exercise 4: momentum on a slope.** The gradient is 1 everywhere (a ramp). SGD with the rate 0.1 moves by 0.1 each
# step. How far does `Momentum(0.1, momentum=0.9)` move per step, after many steps?

# %%
distance_per_step = ...

rule = Momentum(0.1, momentum=0.9)
at, state = np.zeros(1), rule.start(np.zeros(1))
for _ in range(300):
    before, (at, state) = at, rule.update(at, [1.0], state)
compare(distance_per_step, (before - at)[0])

# %% [markdown]
# **Exercise 5: Adam's first step.** A weight has the gradient $-0.003$. By how much does `Adam(0.01)` move it in its
# first step? And if the gradient were $-30$?

# %%
move_of_small, move_of_large = ..., ...

for prediction, gradient in ((move_of_small, -0.003), (move_of_large, -30.0)):
    rule = Adam(0.01)
    compare(prediction, rule.update([0.0], [gradient], rule.start([0.0]))[0][0])

# %% [markdown]
# **Exercise 6: a lower floor.** Which is the smallest batch size with which the same rate, 0.2, has a floor of at most
# a tenth of the stochastic run's? How many updates does it make in forty epochs?

# %%
# Your experiments go here.

# %% [markdown]
# ## Solutions
#
# Try first. You learn more from a wrong prediction than from a right solution.

# %% [markdown]
# **Exercise 1.** $\hat{y} - y = 2$, the gradient is $2 \cdot 2 = 4$, so $w$ becomes $2.6$. The error is 0 at $w = 2$,
# which takes $\eta = 0.25$. The curvature is $\lambda = x^2 = 4$, so that is $1/\lambda$, half the limit.

# %%
w = Value(3.0, "w")
half_squared_error(2.0 * w, 4.0).backward()
assert math.isclose(3.0 - 0.1 * w.grad, 2.6)
assert 2.0 * (3.0 - 0.25 * w.grad) == 4.0
3.0 - 0.1 * w.grad, 3.0 - 0.25 * w.grad

# %% [markdown]
# **Exercise 2.** $1000 = 31 \cdot 32 + 8$, so an epoch has 32 updates, the last with 8 examples: 320 updates, and
# 10 000 gradients.

# %%
[len(batch) for batch in batches(1000, 32, np.random.default_rng(0))][-2:]

# %% [markdown]
# **Exercise 3.** $\lambda_{\max} = 100$, so the limit is $0.02$. There $w_2$ jumps from 1 to $-1$ and back, and a step
# multiplies $w_1$ by $1 - 0.02 = 0.98$, which makes a tenth of it in 114 steps. The steep direction dictates the
# rate, and the flat one has to wait. This is why momentum and Adam were invented.

# %%
assert round(math.log(0.1) / math.log(0.98)) == 114
math.log(0.1) / math.log(0.98)

# %% [markdown]
# **Exercise 4.** The velocity $v = 0.9 v + 1$ goes to $1 / (1 - 0.9) = 10$, so each step goes to 1: ten times that of
# SGD.

# %%
assert math.isclose((before - at)[0], 1.0)
(before - at)[0]

# %% [markdown]
# **Exercise 5.** By $+0.01$, both times: in the first step the gradient is divided by its own size.

# %%
[Adam(0.01).update([0.0], [gradient], Adam(0.01).start([0.0]))[0][0].round(6) for gradient in (-0.003, -30.0)]

# %% [markdown]
# **Exercise 6.** Four: 200 updates in place of 800.

# %%
for size in (1, 2, 3, 4, 5):
    run = fit(MLP([1, 1], init="zeros"), X, y, optimizer=SGD(0.2), batch_size=size, epochs=40, validation=(X, y), rng=1)
    share = floor(run) / floor(runs["stochastic"])
    print(f"batch size {size}: {run.updates[-1]:3} updates, {share:.3f} of the stochastic run's floor")
