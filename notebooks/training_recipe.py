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
# # A recipe for training a network
#
# "It is difficult to tell when there is a mistake." A network with a wrong gradient, with shuffled labels or with
# inputs of the wrong size trains all the same, only worse. So the lecture's recipe goes in small steps, and each step
# has a result that is **known beforehand**. Then a mistake shows where it is made.
#
# Here the recipe is followed on the iris flowers: four measurements, three species. The data come with scikit-learn
# and the checkpoints with safetensors (`pip install 'autograd-core[data,training,testing]'`).
#
# A line that starts with `assert` is a claim: if it were false, the cell would stop with an error. At the end four
# sick networks wait for your diagnosis.

# %%
import math
import tempfile

import numpy as np

import viz
from autograd_core import Table
from autograd_core.testing import planted
from nn import (
    L2,
    MLP,
    SGD,
    Activation,
    Adam,
    CheckpointError,
    EarlyStopping,
    Linear,
    Module,
    Sequential,
    Standardization,
    digits,
    fit,
    iris,
    one_pixel_shifts,
    softmax_cross_entropy,
    split,
)
from nn.baselines import constant_baseline, input_independent_baseline
from nn.checkpoints import Checkpoint, load, save
from nn.data_quality import data_report
from nn.gradient_checks import check_gradients, gradient_dependency
from nn.initializers import normal
from nn.recipe import initial_loss, overfit_one_batch
from nn.signals import unit_report
from nn.trials import error_against_data_size, learning_rate_range

# %% [markdown]
# ## 1. Understand your data
#
# Look at them before any network does. How many examples are there of each class? Are there gaps, repetitions,
# contradictions? On what scales are the columns?

# %%
data = iris()

data_report(data.X, data.y, data.features, data.classes)

# %% [markdown]
# A well-known set is clean. Yours will not be. Here is the same with four faults; the report finds them.

# %%
X_spoilt, y_spoilt = data.X.copy(), data.y.copy()
X_spoilt[3, 2] = np.nan  # a gap
X_spoilt[10] = X_spoilt[60]  # the same flower twice ...
y_spoilt[10], y_spoilt[60] = 0, 1  # ... with two species
X_spoilt[20, 0] = 510.0  # in millimetres, or a slip of the keyboard
X_spoilt = np.column_stack([X_spoilt, np.full(150, 7.0)])  # always the same: useless

report = data_report(X_spoilt, y_spoilt, [*data.features, "greenhouse"], data.classes)
assert not report.ok
report

# %% [markdown]
# ### Three parts
#
# The **training** part is learned from. The **validation** part is looked at while we decide things. The **test** part
# is looked at once, at the very end. And the columns get mean 0 and deviation 1, with means and deviations of the
# training part *only*: the others must not leak into it.

# %%
X_train, X_rest, y_train, y_rest = split(*data, test_share=0.4, stratify=True, rng=0)
X_validation, X_test, y_validation, y_test = split(X_rest, y_rest, test_share=0.5, stratify=True, rng=0)

standardization = Standardization.of(X_train)
X_train, X_validation, X_test = map(standardization.transform, (X_train, X_validation, X_test))
validation = X_validation, y_validation

for name, X, y in (("training", X_train, y_train), ("validation", *validation), ("test", X_test, y_test)):
    print(f"{name:10} {len(X):3} examples, of each class {np.bincount(y)}, means {X.mean(axis=0).round(2)}")

# %% [markdown]
# ## 2. A pipeline, and baselines
#
# Before a clever network: the dumbest prediction there is, the same for every flower. Whatever we build must beat
# it.

# %%
constant_baseline(y_train, softmax_cross_entropy, outputs=3)

# %% [markdown]
# The network: four inputs, six hidden units, an output for each class. The outputs become probabilities within the
# loss, `softmax_cross_entropy`.


# %%
def make_model():
    return MLP([4, 6, 3], rng=0)


viz.draw(make_model()(X_train[0]), scale=0.7)

# %% [markdown]
# Does it use its inputs at all? Train it twice, once on the measurements and once on zeros. **Predict** the second
# loss.

# %%
found = input_independent_baseline(
    make_model, X_train, y_train, softmax_cross_entropy, optimizer=Adam(0.05), epochs=8, batch_size=15
)
assert found.ok
found

# %% [markdown]
# ## 3. The loss before the first step
#
# An untrained network knows nothing, so it should give each of the three classes about the same probability. Then the
# loss is $-\ln\frac{1}{3}$.

# %%
found = initial_loss(make_model(), X_train, y_train, softmax_cross_entropy)
assert found.ok and math.isclose(found.of_zero, math.log(3))
found

# %% [markdown]
# If the initial weights are too large, the network is sure of itself, and wrong. It would spend its first epochs
# unlearning that.

# %%
initial_loss(MLP([4, 6, 3], init=normal(5.0)), X_train, y_train, softmax_cross_entropy)

# %% [markdown]
# ## 4. Overfit one batch
#
# Can the network learn eight flowers by heart? If not, something is broken, and more data will not mend it.

# %%
found = overfit_one_batch(make_model(), X_train, y_train, softmax_cross_entropy, optimizer=Adam(0.05), updates=100)
assert found.ok
found

# %% [markdown]
# The same with a slip that is easily made: a ReLU *after* the last layer, so that no output can be negative, and all
# weights begin at 0.

# %%
slip = MLP([4, 6, 3], activation="relu", output="relu", init="zeros")
found = overfit_one_batch(slip, X_train, y_train, softmax_cross_entropy, optimizer=Adam(0.05), updates=100)
assert not found.ok
found

# %% [markdown]
# ## 5. Does each output depend on its own example?
#
# A reshape or a mean over the wrong axis mixes the examples of a batch. The loss goes down nevertheless. Gradients
# tell: the output for example $i$ must have a gradient with respect to example $i$ and to no other.

# %%
gradient_dependency(make_model(), X_train, examples=4)

# %% [markdown]
# Here somebody wanted to center the hidden units, and did so over the batch. (`Module` is the base of every layer: a
# layer of one's own defines `forward`, from a list of examples to a list of results.)


# %%
class Centering(Module):
    """Subtracts the mean over the examples, in training and in evaluation alike: a mistake."""

    def forward(self, examples):
        means = [sum(column) / len(column) for column in zip(*examples, strict=True)]
        return [[unit - mean for unit, mean in zip(example, means, strict=True)] for example in examples]


mixing = Sequential(Linear(4, 6, rng=0), Activation("tanh"), Centering(), Linear(6, 3, rng=1))
found = gradient_dependency(mixing, X_train, examples=4)
assert not found.ok
found

# %% [markdown]
# ## 6. Do signals get through?
#
# Dead and saturated units, units that repeat each other, the spread of the activations and the size of the gradient,
# layer by layer.

# %%
found = unit_report(make_model(), X_train, y_train, softmax_cross_entropy)
assert found.ok
found

# %% [markdown]
# ## 7. A wrong gradient whose loss still falls
#
# Now the most treacherous mistake. `planted` makes the engine wrong within a block: here the derivative of tanh is
# taken at the output of the unit in place of its input. **Predict**: will you see it in the training loss?


# %%
def train():
    model = make_model()
    history = fit(
        model, X_train, y_train, loss=softmax_cross_entropy, optimizer=SGD(0.1), batch_size=15, epochs=8,
        validation=validation,
    )
    return model, history


right_model, right = train()
with planted("tanh-at-output") as mistake:
    wrong_model, wrong = train()

print(mistake.says)
Table(
    ("epoch", "loss with the right gradient", "with the wrong one"),
    tuple(
        (str(epoch), f"{right.loss[epoch - 1]:.4f}", f"{wrong.loss[epoch - 1]:.4f}") for epoch in range(1, 9)
    ),
)

# %%
for name, model in (("right", right_model), ("wrong", wrong_model)):
    accuracy = np.mean(model.predict(X_validation).argmax(axis=1) == y_validation)
    print(f"{name}: {accuracy:.0%} of the validation flowers")

assert wrong.loss[-1] < wrong.loss[0] / 2

# %% [markdown]
# The loss falls, the flowers are told apart. Nobody would notice. Do the checks so far?

# %%
with planted("tanh-at-output"):
    checks = {
        "loss at initialization": initial_loss(make_model(), X_train, y_train, softmax_cross_entropy),
        "overfit one batch": overfit_one_batch(
            make_model(), X_train, y_train, softmax_cross_entropy, optimizer=Adam(0.05), updates=100
        ),
        "gradient dependency": gradient_dependency(make_model(), X_train),
        "units": unit_report(make_model(), X_train, y_train, softmax_cross_entropy),
    }

assert all(found.ok for found in checks.values())
for name, found in checks.items():
    print(f"{name:22} {'passes' if found.ok else 'FAILS'}")

# %% [markdown]
# None of them. What it takes is a check of the gradient itself, against another way to the same number:

# %%
with planted("tanh-at-output"):
    found = check_gradients(make_model(), X_train, y_train, softmax_cross_entropy, examples=1)

assert not found.ok
found

# %% [markdown]
# It names the operation, and the number that is expected. The smallest graph around it:

# %%
viz.draw(found.report)

# %%
found = check_gradients(make_model(), X_train, y_train, softmax_cross_entropy, examples=1)
assert found.ok
found

# %% [markdown]
# ## 8. A learning rate
#
# Let the rate rise from update to update, from far too small to far too large, and watch the loss. It stands still,
# falls, and climbs again.

# %%
found = learning_rate_range(make_model(), X_train, y_train, softmax_cross_entropy, batch_size=15, updates=60)
assert found.ok
found

# %% [markdown]
# ## 9. Regularize
#
# ### More data
#
# The best regularizer. Would it help? Train on more and more of the flowers, and watch the gap between the two losses.

# %%
error_against_data_size(
    make_model, X_train, y_train, [10, 30, 90], validation, softmax_cross_entropy,
    optimizer=Adam(0.05), epochs=10, batch_size=10,
)

# %% [markdown]
# ### Data that cost nothing
#
# New flowers must be measured. But an image of a digit, moved by one pixel, is an image of the same digit: five
# examples from one.

# %%
images, labels = digits()
shifted, shifted_labels = one_pixel_shifts(images[:1], labels[:1])


def rows_of(image):
    return ["".join(" .:*#"[int(pixel) // 4] * 2 for pixel in row) for row in image.reshape(8, 8)]


print(f"label {shifted_labels.tolist()}: as it was, up, down, left, right")
for row in zip(*map(rows_of, shifted), strict=True):
    print(" | ".join(row))

# %% [markdown]
# ### A penalty, and stopping in time
#
# Both at once, and checkpoints on the way: after every fifth epoch the whole state of the run is saved, so that
# it can go on after a crash.


# %%
def train_for(epochs, **settings):
    model = make_model()
    history = fit(
        model, X_train, y_train, loss=softmax_cross_entropy, optimizer=Adam(0.05), penalty=L2(0.003), batch_size=15,
        epochs=epochs, validation=validation, stop=EarlyStopping(patience=8), rng=0, **settings,
    )
    return model, history


model, history = train_for(25)
print(history, "\n")
history.diagnose()

# %% [markdown]
# ### After a crash
#
# A run that is interrupted after ten epochs and resumed is the same run, **to the last bit**. For that a checkpoint
# holds more than weights: the optimizer's averages, the state of the random numbers, the history, the best weights.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = f"{folder}/run.safetensors"
    train_for(10, callbacks=[Checkpoint(path, every=5)])
    resumed_model, resumed = train_for(25, resume=path)

assert resumed.loss == history.loss
assert np.array_equal(resumed_model.predict(X_test), model.predict(X_test))
print(f"resumed: {resumed}")

# %% [markdown]
# A damaged file is refused, and the model stays as it was.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = f"{folder}/model.safetensors"
    save(path, model)
    with open(path, "rb") as file:
        whole = file.read()
    with open(path, "wb") as file:
        file.write(whole[:-20])

    before = resumed_model.predict(X_test)
    try:
        load(path, resumed_model)
    except CheckpointError as problem:
        print(str(problem).replace(folder, "..."))

assert np.array_equal(resumed_model.predict(X_test), before)

# %% [markdown]
# ## 10. The test, once
#
# Now, and only now, the test part. Rows are what the flowers are, columns what the network says.

# %%
predicted = model.predict(X_test).argmax(axis=1)
confusion = np.zeros((3, 3), dtype=int)
np.add.at(confusion, (y_test, predicted), 1)

print(f"{np.mean(predicted == y_test):.0%} right")
Table(
    ("", *data.classes),
    tuple((name, *map(str, row)) for name, row in zip(data.classes, confusion.tolist(), strict=True)),
)

# %% [markdown]
# ## Exercises: four patients
#
# Each of these networks has one thing wrong with it. Do not look at the code: use the checks of this notebook, and
# write down which one tells you what. (The data are those of the training part, made sick.)

# %%
draws = np.random.default_rng(1)
patients = {
    "A": (MLP([4, 6, 3], rng=0), X_train, draws.permutation(y_train), None),
    "B": (MLP([4, 6, 3], activation="relu", init="zeros"), X_train, y_train, None),
    "C": (MLP([4, 6, 3], rng=0), X_train * 1000.0, y_train, None),
    "D": (MLP([4, 6, 3], rng=0), X_train, y_train, "logsumexp-uniform"),
}

for name, (patient, X, y, _) in patients.items():
    print(f"{name}: {patient!r}, X of shape {X.shape}, y of shape {y.shape}")

# %% [markdown]
# Examine them here. For D wrap the check in `with planted(patients["D"][3]):`, so that the engine is as sick as it was.

# %%
patient, X, y, _ = patients["A"]

initial_loss(patient, X, y, softmax_cross_entropy)

# %% [markdown]
# **One more.** Somebody standardizes the *whole* set, and splits it afterwards. Nothing in this notebook would notice.
# What is wrong with it, and does it matter here?

# %% [markdown]
# ## Solutions
#
# Try first. You learn more from a wrong prediction than from a right solution.

# %% [markdown]
# **Patient A: shuffled labels.** The loss at initialization is right, and eight examples are learned by heart: a
# network can learn nonsense. But the inputs are of no use, and the two losses of the input-independent baseline tell.

# %%
patient, X, y, _ = patients["A"]

assert initial_loss(patient, X, y, softmax_cross_entropy).ok
found = input_independent_baseline(
    make_model, X, y, softmax_cross_entropy, optimizer=Adam(0.05), epochs=5, batch_size=15
)
assert not found.ok
found

# %% [markdown]
# **Patient B: zeros as initial weights.** The loss at initialization is perfect, but nothing gets through.

# %%
patient, X, y, _ = patients["B"]

found = unit_report(patient, X, y, softmax_cross_entropy)
assert initial_loss(patient, X, y, softmax_cross_entropy).ok and not found.ok
found

# %% [markdown]
# **Patient C: inputs a thousand times too large.** All hidden units are saturated. (The data report shows the scale,
# too.)

# %%
patient, X, y, _ = patients["C"]

found = unit_report(patient, X, y, softmax_cross_entropy)
assert found.layers[0].saturated > 0.5
found

# %% [markdown]
# **Patient D: a wrong gradient.** It cannot learn eight examples, and the gradient check says why.

# %%
patient, X, y, illness = patients["D"]

with planted(illness):
    by_heart = overfit_one_batch(patient, X, y, softmax_cross_entropy, optimizer=Adam(0.05), updates=100)
    found = check_gradients(patient, X, y, softmax_cross_entropy, examples=1)

assert not by_heart.ok and not found.ok
print(f"{100 * by_heart.left:.0f} % of the way is left\n")
viz.draw(found.report)

# %% [markdown]
# **One more.** The means of the whole set contain those of the test part, so training has seen something of it. With
# 150 flowers and two numbers per column it hardly matters. With few examples, or with a step that learns more from
# the data than means (choosing columns by their correlation with the labels, say), it makes the test worthless.

# %%
whole, part = Standardization.of(data.X), standardization
for name, a, b in zip(data.features, whole.mean, part.mean, strict=True):
    print(f"{name:18} mean of all {a:.3f}, of the training part {b:.3f}")
