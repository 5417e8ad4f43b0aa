"""Row 22 of the lecture: the recipe for training networks, each step with a check whose result is known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_core.formula import number
from autograd_core.primitives import mean
from autograd_core.table import Table
from autograd_core.testing import planted
from nn.baselines import constant_baseline, input_independent_baseline
from nn.data import moons
from nn.data_quality import data_report
from nn.findings import Findings
from nn.gradient_checks import check_gradients, gradient_dependency
from nn.history import History
from nn.initializers import normal
from nn.layers import Activation, Linear, Sequential
from nn.losses import binary_cross_entropy_with_logits
from nn.mlp import MLP
from nn.module import Module
from nn.optimizers import Adam
from nn.preparation import Standardization, one_pixel_shifts
from nn.real_data import digits
from nn.recipe import initial_loss, overfit_one_batch
from nn.training import fit
from nn.trials import error_against_data_size
from viz.drawing import draw
from viz.fragments import Part
from viz.lecture.normalizing import yes_or_no
from viz.lecture.worked_example import WorkedExample

Images = tuple[np.ndarray, np.ndarray]

LOSS = binary_cross_entropy_with_logits
MISTAKE = "tanh-not-squared"


def recipe(rng: int = 0) -> WorkedExample:
    """The recipe on two moons, with the first weights drawn from ``rng``.

    >>> recipe().results["the wrong gradient is in"]
    'tanh'
    """
    raw, labels = moons(40, noise=0.15, rng=0)
    spoiled, spoiled_labels = with_mistakes(raw, labels)
    names = {"features": ("across", "up"), "classes": ("upper moon", "lower moon")}
    report = data_report(spoiled, spoiled_labels, **names)
    other, other_labels = moons(100, noise=0.15, rng=1)
    standardization = Standardization.of(raw)
    X, y, held_out = standardization.transform(raw), labels, (standardization.transform(other), other_labels)

    def new_model() -> MLP:
        return MLP([2, 6, 1], rng=rng)

    start = initial_loss(new_model(), X, y, LOSS)
    loud = initial_loss(MLP([2, 6, 1], init=normal(5.0), rng=rng), X, y, LOSS)
    dumb = constant_baseline(y, LOSS)
    blind = input_independent_baseline(new_model, X, y, LOSS, Adam(0.1), epochs=20)
    by_heart = overfit_one_batch(new_model(), X, y, LOSS, Adam(0.1), updates=60)
    sound = gradient_dependency(new_model(), X, examples=3)
    mixing = gradient_dependency(centring_network(rng), X, examples=3)
    sizes = error_against_data_size(new_model, X, y, [5, 15, 40], held_out, LOSS, optimizer=Adam(0.1), epochs=20)
    shifted = augmented(rng)

    with planted(MISTAKE) as mistake:
        wrong = fit(new_model(), X, y, loss=LOSS, optimizer=Adam(0.1), epochs=20, progress=False)
        found = check_gradients(MLP([2, 3, 1], rng=rng), X, y, LOSS, examples=2)
    culprit = found.report.culprit
    verdicts = list(found.report.verdicts.values())
    said = f"{verdicts.count('fail')} of {len(verdicts)} derivatives are wrong."
    if culprit:
        said += f" The mistake: {culprit.what}: expected {culprit.expected:.6g}, got {culprit.got:.6g}."
    return WorkedExample(
        id="recipe",
        title="Successfully training neural networks",
        says="A network with a mistake in it trains silently, only worse. So go step by step, and give every step a "
        "check whose result is known beforehand (Andrej Karpathy, A Recipe for Training Neural Networks, 2019).",
        parts=(
            *shown("1. Understand your data: 40 points of two moons, as they might arrive", report),
            ("", "The rows it names are repaired, and the columns standardized. Now it says: "
             f"“{data_report(X, y, **names).verdict}”"),
            *shown("2. Set up the pipeline: the loss at initialization against what is expected", start),
            ("", f"With initial weights that are far too large: “{loud.verdict}”"),
            *shown("A dumb baseline", dumb),
            *shown("An input-independent baseline", blind),
            *shown("Gradient dependency: output i must depend on input i alone", sound),
            ("", f"With a layer that takes a mean over the wrong axis: “{mixing.verdict}”"),
            *shown("3. Overfit: make sure that the model can learn", by_heart),
            *shown("4. Regularize: would more data help?", sizes),
            (f"Augmentation: {shifted.what}, and the same moved by a pixel", shifted.table),
            ("", "A linear model, trained with as many gradients either way. What it has seen moved, it knows moved."),
            ("", "Dropout and early stopping are worked out under “Regularization”."),
            ("5. Tune your model", "Only now are hyperparameters worth the time: everything above would have hidden in "
             "them."),
            ("It is difficult to tell when there is a mistake", losses_table(blind.real_history, wrong)),
            ("", f"The same network, data and seed. In the last column the gradient is wrong: {mistake.says} The loss "
             "falls all the same, and who sees one column alone has no reason to doubt it."),
            *shown("The check that finds it: every derivative held against one computed in another way", found, said),
            *([("The wrong edge", draw(found.report, show="numbers"))] if culprit else []),
        ),
        values={},
        results={
            "missing": "; ".join(f"row {row}, column {column}" for row, column in report.missing),
            "contradicting": "; ".join(" = ".join(map(str, group)) for group in report.contradictions),
            "outliers": "; ".join(f"row {row}, column {column}" for row, column in report.outliers),
            "the repaired data pass": yes_or_no(data_report(X, y).ok),
            "expected loss at initialization": start.of_zero,
            "the loss at initialization is as expected": yes_or_no(start.ok),
            "large weights are noticed": yes_or_no(not loud.ok and loud.loss > start.loss),
            "dumb baseline": dumb.loss,
            "accuracy of the dumb baseline": dumb.accuracy,
            "the inputs help": yes_or_no(blind.ok),
            "the loss without inputs": blind.blind,
            "learned by heart": yes_or_no(by_heart.ok),
            "other examples that an output depends on": float(sum(map(len, sound.dependencies.values()))),
            "mixed by": mixing.mixed_by,
            "validation loss falls with more data": yes_or_no(bool(sizes.validation[-1] < sizes.validation[0])),
            "training loss rises with more data": yes_or_no(bool(sizes.training[-1] > sizes.training[0])),
            "augmentation helps on moved images": yes_or_no(shifted.helps),
            "the loss falls with the wrong gradient": yes_or_no(wrong.loss[-1] < 0.5 * wrong.loss[0]),
            "the wrong gradient is found": yes_or_no(not found.ok),
            "the wrong gradient is in": culprit.operation if culprit else None,
            "wrong derivatives": ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in ("fail", "pass")),
            "without the mistake": yes_or_no(check_gradients(MLP([2, 3, 1], rng=rng), X, y, LOSS, examples=2).ok),
        },
        builder=recipe,
    )


def shown(heading: str, findings: Findings, verdict: str = "") -> list[tuple[str, Part]]:
    """A report as parts: its tables, then its verdict or another."""
    first, *others = findings.tables
    return [(heading, first), *(("", table) for table in others), ("", verdict or findings.verdict)]


def with_mistakes(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The data with a number missing, a point that occurs twice with different labels, and a slipped decimal point."""
    X, y = X.copy(), y.copy()
    X[3, 1] = np.nan
    X[7], y[7] = X[2], 1 - y[2]
    X[11, 0] = 30.0
    return X, y


class CentredOverBatch(Module):
    """A mistake: the mean over the examples is subtracted where that over the units was meant."""

    def forward(self, examples: Sequence[Sequence[Any]]) -> list[list[Any]]:
        means = [mean(list(column)) for column in zip(*examples, strict=True)]
        return [[scalar - centre for scalar, centre in zip(example, means, strict=True)] for example in examples]


def centring_network(rng: int) -> Sequential:
    """A network with :class:`CentredOverBatch` in it."""
    return Sequential(Linear(2, 6, rng=rng), CentredOverBatch(), Activation("tanh"), Linear(6, 1, rng=rng))


@dataclass(frozen=True)
class Augmented:
    """The accuracies on new images, as they are and moved, of training without and with moved images."""

    what: str
    without: tuple[float, float]
    with_moved: tuple[float, float]

    @property
    def helps(self) -> bool:
        """Whether more of the moved images are told apart."""
        return self.with_moved[1] > self.without[1]

    @property
    def table(self) -> Table:
        """The four accuracies."""
        rows = [(name, *(f"{100 * share:.1f} %" for share in shares))
                for name, shares in (("as they are", self.without), ("and moved", self.with_moved))]
        return Table(("trained on images", "new ones recognized", "new and moved ones"), tuple(rows))


def augmented(rng: int) -> Augmented:
    """A linear model told 8 from 9 by 30 images, or by these and their one-pixel shifts."""
    what, (X, y) = images()
    order = np.random.default_rng(rng).permutation(len(X))
    train, test = order[:30], order[30:]
    new, moved = (X[test], y[test]), one_pixel_shifts(X[test], y[test])

    def accuracies(data: Images, epochs: int) -> tuple[float, float]:
        model = MLP([64, 1], init="zeros")
        fit(model, *data, loss=LOSS, optimizer=Adam(0.02), batch_size=15, epochs=epochs, rng=rng, progress=False)
        first, second = (float(np.mean((model.predict(inputs) > 0) == labels)) for inputs, labels in (new, moved))
        return first, second

    return Augmented(what, accuracies((X[train], y[train]), 20), accuracies(one_pixel_shifts(X[train], y[train]), 4))


def images() -> tuple[str, Images]:
    """The eights and nines of the digits; without the extra ``data`` a set of noisy plus and times signs."""
    try:
        data = digits()
    except ImportError:
        return "noisy plus and times signs (the extra data has digits)", signs()
    chosen = np.isin(data.y, (8, 9))
    return "30 handwritten eights and nines", (data.X[chosen] / 16.0, (data.y[chosen] == 9).astype(int))


def signs(count: int = 300) -> Images:
    """Images of 8 x 8 pixels with a plus or a times sign in the middle, and noise."""
    generator = np.random.default_rng(0)
    at = np.arange(8)
    rows, columns = np.meshgrid(at, at, indexing="ij")
    inside = (np.abs(rows - 3) <= 2) & (np.abs(columns - 3) <= 2)
    plus = inside & ((rows == 3) | (columns == 3))
    times = inside & ((rows == columns) | (rows + columns == 6))
    y = generator.integers(0, 2, count)
    clean = np.where(y[:, None], times.ravel(), plus.ravel()).astype(float)
    return clean + 0.4 * generator.standard_normal(clean.shape), y


def losses_table(right: History, wrong: History) -> Table:
    """The training loss with either gradient at some of the epochs."""
    epochs = (1, 2, 5, 10, right.epochs)
    rows = [(str(epoch), number(right.loss[epoch - 1]), number(wrong.loss[epoch - 1])) for epoch in epochs]
    return Table(("epoch", "loss with the right gradient", "loss with the wrong gradient"), tuple(rows))
