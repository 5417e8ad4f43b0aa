"""Baselines: what a network reaches without its inputs, and must beat with them (LECTURE row 22)."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_core.errors import AutogradError
from autograd_core.table import Table
from nn.findings import Findings, counted, number, percent
from nn.gradients import losses_on_arrays, of_one
from nn.history import History
from nn.losses import Loss
from nn.optimizers import Optimizer
from nn.preparation import paired
from nn.recipe_inputs import Floats, MakeModel, made, with_targets
from nn.training import fit

CLEARLY = 0.1  # a loss is clearly lower if it is lower by this share
SMALLEST = 1e-9  # a loss below it counts as 0


@dataclass(frozen=True, repr=False, eq=False)
class Baseline(Findings):
    """The best constant ``prediction``, one number per output, its mean ``loss``, and the share it gets right.

    ``accuracy`` is None for targets that are no classes.
    """

    prediction: Floats
    loss: float
    accuracy: float | None

    @property
    def heading(self) -> str:
        return "Dumb baseline: the best constant prediction"

    @property
    def tables(self) -> tuple[Table, ...]:
        rows = [("prediction", ", ".join(map(number, self.prediction))), ("mean loss", number(self.loss))]
        rows += [("accuracy", percent(self.accuracy))] if self.accuracy is not None else []
        return (Table(("what", "number"), tuple(rows)),)

    @property
    def verdict(self) -> str:
        accuracy = f" and be right for more than {percent(self.accuracy)}" if self.accuracy is not None else ""
        return f"A model that uses its input must reach a loss below {number(self.loss)}{accuracy}."


def constant_baseline(y: Any, loss: Loss, outputs: int = 1) -> Baseline:
    """The prediction that is best if it is the same for every input, and its loss: what any network must beat.

    It is the mean for squared errors, a median for absolute ones, the classes' log shares (up to a constant) for
    softmax cross-entropy; it is found by a search that needs nothing but the loss.  The accuracy is the share of the
    most frequent class, where the targets are classes.  Raises :class:`DataError` for labels the loss does not take.

    >>> from nn import half_squared_error, binary_cross_entropy_with_logits
    >>> constant_baseline([1.0, 2.0, 6.0], half_squared_error).prediction
    array([3.])
    >>> constant_baseline([0, 0, 0, 1], binary_cross_entropy_with_logits)
    Dumb baseline: the best constant prediction
    what        number
    ----------  ------
    prediction  -1.099
    mean loss   0.5623
    accuracy    75 %
    A model that uses its input must reach a loss below 0.5623 and be right for more than 75 %.
    """
    targets = loss.targets(y, outputs)
    rows, counts = np.unique(targets, axis=0, return_counts=True)
    prediction, least = best_constant(loss, targets)
    return Baseline(prediction, least, float(counts.max() / counts.sum()) if _are_classes(rows) else None)


def _are_classes(rows: Floats) -> bool:
    if rows.shape[1] > 1:
        return bool(np.isin(rows, (0.0, 1.0)).all() and (rows.sum(axis=1) == 1.0).all())
    return bool(np.isin(rows, (0.0, 1.0)).all() or (np.abs(rows) == 1.0).all())


def mean_of(loss: Loss, predictions: Floats, targets: Floats, shares: Floats | None = None) -> float:
    """The mean loss of predictions, both of shape (examples, outputs); ``shares`` weight the examples."""
    found = np.broadcast_to(np.asarray(of_one(loss, list(predictions.T), list(targets.T)), np.float64), len(targets))
    return float(found.mean() if shares is None else found @ shares)


def best_constant(loss: Loss, targets: Floats) -> tuple[Floats, float]:
    """The best constant prediction and its mean loss, for convex losses.

    By compass search, which halves its step where no step along an axis helps.
    """
    rows, counts = np.unique(targets, axis=0, return_counts=True)
    shares = counts / counts.sum()

    def of(prediction: Floats) -> float:
        try:
            found = mean_of(loss, np.tile(prediction, (len(rows), 1)), rows, shares)
        except AutogradError:  # outside the loss's domain
            return math.inf
        return found if math.isfinite(found) else math.inf

    starts = [np.zeros(targets.shape[1]), shares @ rows, np.median(targets, axis=0)]
    best = min(starts, key=of)
    least, step = of(best), max(1.0, float(np.ptp(rows)))
    smallest = SMALLEST * step
    axes = [sign * axis for axis in np.eye(len(best)) for sign in (1.0, -1.0)]
    for _ in range(1000):
        before = least
        for axis in axes:
            if (found := of(best + step * axis)) < least:
                best, least = best + step * axis, found
        if step < smallest or 0.0 <= least < SMALLEST**2:
            break
        step = step if least < before else step / 2.0
    return best, least


@dataclass(frozen=True, repr=False, eq=False)
class InputIndependence(Findings):
    """The mean losses after training on the ``real`` inputs and on zeros in their place (``blind``), with histories."""

    real: float
    blind: float
    real_history: History
    blind_history: History

    @property
    def ok(self) -> bool:
        """Whether the real inputs lead to a clearly lower loss."""
        return self.real < (1.0 - CLEARLY) * self.blind

    @property
    def heading(self) -> str:
        return f"Input-independent baseline: {counted(self.real_history.epochs, 'epoch')} of training each"

    @property
    def tables(self) -> tuple[Table, ...]:
        rows = (("the real inputs", number(self.real)), ("zeros in their place", number(self.blind)))
        return (Table(("trained on", "mean loss"), rows),)

    @property
    def verdict(self) -> str:
        numbers = f"{number(self.real)} with the inputs, {number(self.blind)} without them"
        if self.ok:
            return f"The model learns from its inputs: {numbers}."
        return (
            f"The model learns little or nothing from its inputs: {numbers}, which is not lower by {percent(CLEARLY)}. "
            "Do X and y still belong together, row by row? Are the inputs scaled? Is training long enough?"
        )


def input_independent_baseline(
    make_model: MakeModel, X: Any, y: Any, loss: Loss, optimizer: Optimizer | None = None, epochs: int = 100,
    batch_size: int | None = None, rng: int | np.random.Generator = 0,
) -> InputIndependence:
    """The same training twice, once on X and once on zeros: the real inputs must lead to a lower loss.

    ``make_model`` returns a new model, the same each time: ``lambda: MLP([4, 8, 3])``.  The other settings are
    those of :func:`fit`.  The check passes if the loss is lower by a tenth.
    Raises :class:`SettingError` for a model in place of the function, else as :func:`fit`.

    >>> from nn import MLP, half_squared_error
    >>> line = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> found = input_independent_baseline(lambda: MLP([1, 1]), *line, half_squared_error)
    >>> found.ok, round(found.blind, 3)
    (True, 1.333)
    """
    X, y = paired(X, y)
    losses: list[float] = []
    histories: list[History] = []
    shuffler = np.random.default_rng(rng)
    for inputs in (X, np.zeros_like(X)):
        model = made(make_model)
        histories.append(fit(model, inputs, y, loss=loss, optimizer=optimizer, epochs=epochs, batch_size=batch_size,
                             rng=copy.deepcopy(shuffler), progress=False))
        losses.append(float(losses_on_arrays(model, loss, *with_targets(model, inputs, y, loss)).mean()))
    return InputIndependence(losses[0], losses[1], histories[0], histories[1])
