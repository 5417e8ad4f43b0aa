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
# # Regularization: learning what is there, and not the noise
#
# A network with enough units learns its training data by heart, noise included. On new data it is then worse than a
# smaller one. This notebook makes a network do that, reads it off the learning curves, and tries what the lecture
# offers against it: L2 and L1 penalties, dropout, early stopping. Batch normalization is here too, since it is part of
# the same layers.
#
# A line that starts with `assert` is a claim: if it were false, the cell would stop with an error. Six exercises wait
# at the end, with their solutions below them.

# %%
import math

import numpy as np

import viz
from autograd_core import Table, Value
from nn import (
    L1,
    L2,
    MLP,
    SGD,
    Adam,
    BatchNorm,
    Dropout,
    EarlyStopping,
    SettingError,
    ShapeError,
    fit,
    moons,
)
from nn.initializers import normal

# %% [markdown]
# ## Learning by heart
#
# Eight points of a sine with much noise, and fifty other points of the same kind that the network never trains on:
# the **validation** set. The network has 12 hidden units and 37 parameters, for eight points.


# %%
def noisy_sine(examples, rng):
    draws = np.random.default_rng(rng)
    x = draws.uniform(-1, 1, examples)
    return x[:, None], np.sin(3 * x) + 0.4 * draws.normal(size=examples)


X, y = noisy_sine(8, rng=0)
validation = noisy_sine(50, rng=1)


def large_network(keep=None):
    return MLP([1, 12, 1], init=normal(3.0), keep=keep, rng=0)


plain_model = large_network()
plain = fit(plain_model, X, y, optimizer=Adam(0.05), epochs=150, validation=validation)

plain

# %% [markdown]
# The two curves side by side. (Every tenth epoch; bars are cut at 0.4.)


# %%
def draw_curves(history, every=10):
    """Both curves as bars."""
    print("epoch  training                            validation")
    for epoch in range(0, history.epochs, every):
        bars = [
            f"{loss:6.3f} {'█' * round(60 * min(loss, 0.4)):26}"
            for loss in (history.loss[epoch], history.validation_loss[epoch])
        ]
        print(f"{epoch + 1:5}  {'   '.join(bars)}".rstrip())


draw_curves(plain)

# %% [markdown]
# The training loss falls and falls. The validation loss falls too, and then it rises: from there on the network
# learns the noise. That is **overfitting**.

# %%
lowest = 1 + int(np.argmin(plain.validation_loss))

assert plain.validation_loss[-1] > 1.4 * min(plain.validation_loss)
assert plain.loss[-1] < 0.2 * plain.validation_loss[-1]
best, last = min(plain.validation_loss), plain.validation_loss[-1]
print(f"validation loss: lowest {best:.3f} in epoch {lowest}, at the end {last:.3f}")

# %% [markdown]
# The history can read its own curves. It answers the lecture's four questions, with the numbers they rest on.

# %%
plain.diagnose()

# %% [markdown]
# ## L2: small weights
#
# A large weight makes a steep curve. So add to the error what the weights cost:
#
# $$\frac{\lambda}{2} \sum w^2, \qquad \text{with the gradient } \lambda w.$$
#
# A step of gradient descent then also multiplies each weight by $1 - \eta\lambda$, which is why L2 is called weight
# decay. Biases are left out, unless you ask for them: they only shift.

# %%
w_1, w_2 = Value(3.0, "w_1"), Value(-4.0, "w_2")
penalty = L2(0.5).of([w_1, w_2]).named("penalty")

viz.draw(penalty, show="both")

# %%
penalty.zero_grad()
penalty.backward()
assert penalty.data == 0.5 / 2 * (3**2 + 4**2) == 6.25
assert (w_1.grad, w_2.grad) == (0.5 * 3.0, 0.5 * -4.0)
penalty.data, w_1.grad, w_2.grad

# %% [markdown]
# Now the same training with a penalty.

# %%
penalized_model = large_network()
penalized = fit(
    penalized_model, X, y, optimizer=Adam(0.05), epochs=150, validation=validation, penalty=L2(0.01)
)


def root_mean_square(model):
    return math.sqrt(np.mean([weight.data**2 for weight in model.weights()]))


Table(
    ("", "training loss", "validation loss", "size of the weights"),
    tuple(
        (name, f"{history.loss[-1]:.3f}", f"{history.validation_loss[-1]:.3f}", f"{root_mean_square(model):.2f}")
        for name, history, model in (("plain", plain, plain_model), ("L2(0.01)", penalized, penalized_model))
    ),
)

# %% [markdown]
# The training loss is higher, the validation loss is lower. (The history's losses do not contain the penalty, which
# has a curve of its own, `history.penalty`. Only so can they be compared.)

# %%
assert penalized.validation_loss[-1] < plain.validation_loss[-1]
assert root_mean_square(penalized_model) < root_mean_square(plain_model)
print(f"penalty: {penalized.penalty[0]:.3f} in epoch 1, {penalized.penalty[-1]:.3f} in epoch 150")

# %% [markdown]
# ## L1: few weights
#
# $\lambda \sum |w|$ has the gradient $\lambda\,\mathrm{sign}(w)$: the pull towards 0 does not weaken near 0. So weights
# that are not needed arrive there. (At 0 itself there is a kink, and the engine takes the slope 0.) Here is a linear
# model with six inputs, of which only the first two matter.

# %%
draws = np.random.default_rng(0)
X_six = draws.normal(size=(30, 6))
y_six = 2 * X_six[:, 0] - X_six[:, 1] + 0.3 * draws.normal(size=30)

rows = []
for name, penalty in (("none", None), ("L2(0.2)", L2(0.2)), ("L1(0.2)", L1(0.2))):
    linear = MLP([6, 1], rng=0)
    fit(linear, X_six, y_six, optimizer=SGD(0.05), epochs=300, penalty=penalty)
    rows.append((name, *(f"{weight.data:.3f}" for weight in linear.weights())))

Table(("penalty", *(f"w_{j}" for j in range(1, 7))), tuple(rows))

# %% [markdown]
# L2 makes the large weights smaller and does little to the small ones. With L1 the four useless weights are as good as
# 0. (They do not rest exactly there: each step of length $\eta\lambda = 0.01$ jumps over 0.)

# %%
assert all(abs(float(weight)) < 0.02 for weight in rows[2][3:])
assert any(abs(float(weight)) > 0.02 for weight in rows[1][3:])
print("largest useless weight:", {name: max(abs(float(each)) for each in weights[2:]) for name, *weights in rows})

# %% [markdown]
# ## Dropout
#
# In training, each hidden unit is kept with the probability `keep` and silenced otherwise, anew for every example.
# So no unit can rely on a particular other one. In evaluation all are there. First the network as it is evaluated:

# %%
model = MLP([2, 4, 1], keep=0.5, rng=1)
model.eval()

viz.draw(model([1.0, -2.0]), show="numbers", scale=0.7)

# %% [markdown]
# And once in training. The arrows with a 0 belong to units that are silenced this time; the others count double.

# %%
model.train()
viz.draw(model([1.0, -2.0]), show="numbers", scale=0.7)

# %% [markdown]
# Why double? With `keep=0.5` only half of the units speak, so the sum after them would be half as large as in
# evaluation. Dividing by `keep` in training makes up for it: on average the same comes out.

# %%
dropout = Dropout(keep=0.8, rng=0)
factors = dropout.factors(5, 8)
many = dropout.factors(1000, 100)

assert set(np.unique(factors)) == {0.0, 1.25}
assert abs(many.mean() - 1.0) < 0.01
print(f"share kept {np.mean(many > 0):.3f}, mean factor {many.mean():.3f}")
factors

# %% [markdown]
# Beware of a name. The lecture's $p$ is the probability to **keep** a unit, PyTorch's `p` is the probability to
# **drop** it. So there is no `p` here.

# %%
try:
    Dropout(p=0.2)
except SettingError as problem:
    print(problem)

# %%
with_dropout = fit(large_network(keep=0.8), X, y, optimizer=Adam(0.05), epochs=150, validation=validation)

assert with_dropout.validation_loss[-1] < plain.validation_loss[-1]
print(f"last validation loss: plain {plain.validation_loss[-1]:.3f}, dropout {with_dropout.validation_loss[-1]:.3f}")
draw_curves(with_dropout, every=25)

# %% [markdown]
# The training loss is noisy now, since it is measured with units missing; the validation loss is measured with all of
# them. That is why the first can be the larger one.
#
# ## Early stopping
#
# The simplest of all: stop when the validation loss has not improved for a while, and **go back to the best
# weights**.

# %%
stopped_model = large_network()
stopped = fit(
    stopped_model, X, y, optimizer=Adam(0.05), epochs=150, validation=validation, stop=EarlyStopping(patience=15)
)

now = np.mean((stopped_model.predict(validation[0]) - validation[1]) ** 2) / 2
assert math.isclose(now, min(stopped.validation_loss))
print(f"stopped after epoch {stopped.epochs}: {stopped.stopped_because}")
print(f"validation loss in the last epoch {stopped.validation_loss[-1]:.3f}, of the model we have now {now:.3f}")

# %% [markdown]
# ### A caution
#
# A loss may stand still for a while and fall again. Here is *exclusive or*, learned with sigmoids, once with little
# patience and once without any stopping.

# %%
corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
exclusive_or = np.array([0.0, 1.0, 1.0, 0.0])

for criteria in ([EarlyStopping(patience=5, minimum_improvement=0.001)], []):
    model = MLP([2, 3, 1], activation="sigmoid", rng=3)
    history = fit(model, corners, exclusive_or, optimizer=SGD(1.0), epochs=400, stop=criteria)
    print(f"{history.epochs:3} epochs, loss {history.loss[-1]:.4f}, outputs {model.predict(corners).round(2)}: "
          f"{history.stopped_because}")

# %%
for epoch in range(0, 400, 25):
    print(f"epoch {epoch + 1:3}  {history.loss[epoch]:.4f}  {'█' * round(300 * min(history.loss[epoch], 0.2))}")

# %% [markdown]
# For about a hundred epochs the network says 0.5 to everything, and then it understands. Stopped on the plateau it
# **underfits**. Early stopping is a regularizer only where there is something to overfit.
#
# ## Batch normalization
#
# For each unit, over the examples of the minibatch: subtract the mean, then divide by the standard deviation. It
# comes before the activation.
#
# $$\tilde{a}_n = \frac{a_n - m}{\sqrt{v + \epsilon}} \qquad m = \frac{1}{N} \sum_n a_n \qquad
# v = \frac{1}{N} \sum_n (a_n - m)^2$$

# %%
norm = BatchNorm(1, scale_and_shift=False)
batch = [[Value(a, f"a_{n}")] for n, a in enumerate((1.0, 2.0, 6.0), 1)]
normalized = norm.forward(batch)
normalized[0][0].named(r"\tilde{a}_1")
out = np.array([row[0].data for row in normalized])

assert abs(out.mean()) < 1e-12
assert math.isclose(out.std(), 1.0, rel_tol=1e-4)
print(f"1, 2, 6 become {out.round(3)}: mean {out.mean():.3f}, standard deviation {out.std():.3f}")

# %% [markdown]
# The slide says "unit Gaussian". Mean 0 and variance 1 are right, but the *shape* stays as it was: here one number is
# far from the other two, before and after.
#
# Each result depends on all three inputs, through $m$ and through $v$, and gradients flow through both. If all $a_n$
# grow by the same amount, nothing changes. So the three derivatives add up to 0.

# %%
first = normalized[0][0]
first.zero_grad()
first.backward()
slopes = [row[0].grad for row in batch]

assert abs(sum(slopes)) < 1e-12
print("derivatives of the first result:", np.round(slopes, 4), " sum:", round(sum(slopes), 12))
viz.draw(first, show="numbers")

# %% [markdown]
# Since a layer should be able to undo it, a scale $\gamma$ and a shift $\beta$ follow, both learned. In evaluation
# there may be just one example, so the layer uses averages it has collected in training. One example in training is an
# error:

# %%
try:
    MLP([2, 3, 1], norm="batch")([1.0, 2.0])
except ShapeError as problem:
    print(problem)

# %% [markdown]
# What is it good for? It keeps pre-activations where the activation is steep, whatever the weights do, and so it
# allows larger learning rates. Two moons, with and without. (At rates that suit both it gains nothing here; the network
# is small.)

# %%
X_moons, labels = moons(40, noise=0.1, rng=0)

rows = []
for rate in (0.03, 0.1, 0.3, 1.0):
    losses = []
    for norm in (None, "batch"):
        model = MLP([2, 6, 6, 1], norm=norm, rng=0)
        losses.append(fit(model, X_moons, labels, optimizer=SGD(rate), batch_size=10, epochs=10).loss[-1])
    rows.append((f"{rate:g}", *(f"{loss:.4f}" if loss < 10 else "diverges" for loss in losses)))

assert rows[-1][1] == "diverges" and float(rows[-1][2]) < 0.1
Table(("learning rate", "without", "with batch normalization"), tuple(rows))

# %% [markdown]
# ## Reading learning curves
#
# Three runs of one small task, and our run from above. **Predict** what `diagnose` says about each before you look: is
# it learning? Still learning? Overfitting? Is the learning rate too low or too high?

# %%
easy, easy_targets = noisy_sine(20, rng=2)

runs = {
    f"rate {rate}": fit(
        MLP([1, 6, 1], rng=0), easy, easy_targets, optimizer=SGD(rate), epochs=60, validation=validation
    )
    for rate in (0.0005, 0.3, 1.5)
}
runs["8 points, 12 units"] = plain

Table(
    ("", "learning?", "still?", "overfitting?", "rate?", "training loss"),
    tuple(
        (
            name,
            *(answer.verdict for answer in history.diagnose()),
            f"{history.loss[0]:.3g} to {history.loss[-1]:.3g}",
        )
        for name, history in runs.items()
    ),
)

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
        print("Not this. Write down the formula, then put the numbers in.")


# %% [markdown]
# **Exercise 1: decay.** A weight is 2, its gradient from the data happens to be 0, $\lambda = 0.5$ and $\eta = 0.1$.
# What is it after one step of SGD with L2? After ten such steps? And after one step with L1?

# %%
after_one, after_ten, after_one_with_l1 = ..., ..., ...

compare(after_one, 2.0 * (1 - 0.1 * 0.5))
compare(after_ten, 2.0 * (1 - 0.1 * 0.5) ** 10)
compare(after_one_with_l1, 2.0 - 0.1 * 0.5 * 1.0)

# %% [markdown]
# **Exercise 2: what is counted.** How many numbers does `L2(0.01)` add up for `MLP([2, 16, 16, 1])`? And with
# `biases=True`?

# %%
weights_only, with_biases = ..., ...

network = MLP([2, 16, 16, 1])
compare(weights_only, len(network.weights()))
compare(with_biases, len(network.parameters()))

# %% [markdown]
# **Exercise 3: dropout by hand.** `Dropout(keep=0.25)` gets a unit with the value 3. Either 0 comes out or something
# larger: what? What is the mean of what comes out? And what comes out in evaluation?

# %%
larger_value, mean_value, in_evaluation = ..., ..., ...

factor = Dropout(keep=0.25, rng=0).factors(100, 1).max()
compare(larger_value, 3.0 * factor)
compare(mean_value, 0.25 * 3.0 * factor)
compare(in_evaluation, Dropout(keep=0.25).eval()([3.0, 0.0])[0].data)

# %% [markdown]
# **Exercise 4: a batch of two.** Batch normalization, without scale and shift, of a minibatch with just two different
# examples. What comes out, whatever the two numbers are (as long as they are far apart compared with $\epsilon$)?

# %%
smaller, larger = ..., ...

out = [row[0].data for row in BatchNorm(1, scale_and_shift=False).forward([[Value(-7.0)], [Value(40.0)]])]
compare(smaller, out[0])
compare(larger, out[1])

# %% [markdown]
# **Exercise 5: the best strength.** Try L2 with strengths from 0.0001 to 1 on the eight points, and compare the
# validation losses at the end. Why must there be a best one in between?

# %%
# Your experiment goes here.

# %% [markdown]
# **Exercise 6: more data.** The best regularizer is more data. Train `large_network()` with 60 points in place of 8.
# What happens to the two losses?

# %%
# Your experiment goes here.

# %% [markdown]
# ## Solutions
#
# Try first. You learn more from a wrong prediction than from a right solution.

# %% [markdown]
# **Exercise 1.** $2 \cdot 0.95 = 1.9$, then $2 \cdot 0.95^{10} = 1.197$. With L1 it is $2 - 0.05 = 1.95$, and every
# further step takes another 0.05, however small the weight is.

# %%
print(f"{2.0 * 0.95:.3f} {2.0 * 0.95**10:.3f} {2.0 - 0.05:.3f}")

# %% [markdown]
# **Exercise 2.** $2 \cdot 16 + 16 \cdot 16 + 16 \cdot 1 = 304$ weights, and $16 + 16 + 1 = 33$ biases: 337.

# %%
assert (len(network.weights()), len(network.parameters())) == (304, 337)
len(network.weights()), len(network.parameters())

# %% [markdown]
# **Exercise 3.** 0 or $3 / 0.25 = 12$, on average $0.25 \cdot 12 = 3$, and in evaluation 3.

# %%
assert 3.0 * factor == 12.0
3.0 * factor, 0.25 * 3.0 * factor

# %% [markdown]
# **Exercise 4.** $-1$ and $1$: each is one standard deviation away from the mean. All that is left is which one is
# larger. So very small minibatches and batch normalization do not go together.

# %%
assert np.allclose(out, [-1.0, 1.0])
out

# %% [markdown]
# **Exercise 5.** With strength 0 the network learns the noise, and with a huge one it learns nothing, since all
# weights are nearly 0.

# %%
for strength in (0.0001, 0.001, 0.01, 0.03, 0.1, 1.0):
    history = fit(
        large_network(), X, y, optimizer=Adam(0.05), epochs=150, validation=validation, penalty=L2(strength)
    )
    print(f"L2({strength:6}): training {history.loss[-1]:.3f}, validation {history.validation_loss[-1]:.3f}")

# %% [markdown]
# **Exercise 6.** With 60 points the training loss is higher, as there is more noise than the network can learn by
# heart, and the validation loss is lower. The two meet near the noise's own $0.4^2 / 2 = 0.08$, which nobody can be
# expected to beat.

# %%
for examples in (8, 20, 60):
    X_more, y_more = noisy_sine(examples, rng=0)
    history = fit(large_network(), X_more, y_more, optimizer=Adam(0.05), epochs=150, validation=validation)
    print(f"{examples:2} points: training {history.loss[-1]:.3f}, validation {history.validation_loss[-1]:.3f}")
