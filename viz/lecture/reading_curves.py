"""Row 21 of the lecture: the four questions to ask of learning curves, answered for four runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autograd_core.formula import number
from autograd_core.table import Cell, Table
from nn.history import History
from nn.mlp import MLP
from nn.optimizers import SGD, Adam, Optimizer
from nn.training import fit
from viz.fragments import Part
from viz.lecture.worked_example import WorkedExample


@dataclass(frozen=True)
class Setting:
    """A training run on noisy points of a sine: how much data, how many hidden units, and how it learns."""

    examples: int
    noise: float
    units: int
    optimizer: Optimizer
    epochs: int
    batch_size: int | None = None
    data_rng: int = 0


RUNS = {
    "a healthy run": Setting(24, 0.1, 6, SGD(0.2), epochs=40, batch_size=4),
    "overfitting": Setting(8, 0.3, 10, Adam(0.05), epochs=150, data_rng=3),
    "learning rate too low": Setting(24, 0.1, 6, SGD(0.0005), epochs=40, batch_size=4),
    "learning rate too high": Setting(24, 0.1, 6, SGD(1.5), epochs=20, batch_size=4),
}
"""The second has too little data and too many units; the others differ in the learning rate, and one ends early."""


def learning_curves(rng: int = 0) -> WorkedExample:
    """Four runs, each with its curves in numbers and the four questions answered; ``rng`` draws the first weights.

    >>> learning_curves().results["overfitting: Overfitting?"]
    'yes'
    """
    histories = {name: trained(setting, rng) for name, setting in RUNS.items()}
    diagnoses = {name: history.diagnose() for name, history in histories.items()}
    rows = tuple((name, *(answer.verdict for answer in diagnosis)) for name, diagnosis in diagnoses.items())
    header = ("run", "learning", "still learning", "overfitting", "learning rate")
    parts: list[tuple[str, Part]] = [("Four runs, four questions", Table(header, rows))]
    for name, history in histories.items():
        parts.append((f"{name.capitalize()}: {described(RUNS[name])}", curves_table(history)))
        parts += [("", str(answer)) for answer in diagnoses[name]]
    return WorkedExample(
        id="learning-curves",
        title="Watch your learning curves",
        says="Learning anything? Still learning? Overfitting? Learning rate too low or too high? The answers are read "
        "from the training and the validation loss by fixed rules, and come with their evidence.",
        parts=tuple(parts),
        values={},
        results={f"{name}: {answer.question}": answer.verdict
                 for name, diagnosis in diagnoses.items() for answer in diagnosis},
        builder=learning_curves,
    )


def sine(examples: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Noisy points of sin 2x for x from -2 to 2: X of shape (examples, 1) and y of shape (examples,)."""
    x = rng.uniform(-2.0, 2.0, examples)
    return x[:, None], np.sin(2 * x) + noise * rng.standard_normal(examples)


def trained(setting: Setting, rng: int) -> History:
    """The history of a run with 40 examples held out."""
    generator = np.random.default_rng(setting.data_rng)
    data, held_out = (sine(count, setting.noise, generator) for count in (setting.examples, 40))
    model = MLP([1, setting.units, 1], rng=rng)
    return fit(model, *data, optimizer=setting.optimizer, batch_size=setting.batch_size, epochs=setting.epochs,
               validation=held_out, rng=rng, progress=False)


def described(setting: Setting) -> str:
    """The setting in a few words."""
    rule, rate = type(setting.optimizer).__name__, setting.optimizer.rate(0)
    return f"{setting.examples} examples, {setting.units} hidden units, {rule} with a learning rate of {rate:g}"


def curves_table(history: History) -> Table:
    """Both losses at some of the epochs, close together at the beginning."""
    epochs = sorted({round(epoch) for epoch in np.geomspace(1, history.epochs, 6).tolist()})
    rows: list[tuple[Cell, ...]] = []
    for name, curve in (("training loss", history.loss), ("validation loss", history.validation_loss)):
        rows.append((name, *(number(curve[epoch - 1]) for epoch in epochs)))
    return Table(("after epoch", *map(str, epochs)), tuple(rows))
