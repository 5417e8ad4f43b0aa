"""Before training in earnest: checks that find mistakes while they are cheap (LECTURE row 22).

A network trains silently with a mistake in it, only worse.  Each of these checks has a result that is known
beforehand, and none of them changes the model it is given.  Source: Karpathy, A Recipe for Training Neural
Networks (2019).
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_core.errors import AutogradError
from autograd_core.operand_checks import shown
from autograd_core.table import Table
from nn.dropout import Dropout
from nn.errors import DivergedError, SettingError
from nn.findings import Findings, counted, number, percent
from nn.gradients import losses_on_arrays, of_one
from nn.history import History
from nn.layers import Activation, Sequential
from nn.losses import Loss
from nn.module import Module
from nn.optimizers import Adam, Optimizer
from nn.preparation import paired
from nn.training import fit

Floats = NDArray[np.float64]
MakeModel = Callable[[], Module]

FACTOR = 3.0  # a loss at initialization may be so many times what is expected, or one so-manieth of it
CLEARLY = 0.1  # a loss is clearly lower if it is lower by this share
FITTED = 0.01  # of the way from the first loss to the minimum may be left
SMALLEST = 1e-9  # a loss below it counts as 0


def with_targets(model: Module, X: Any, y: Any, loss: Loss) -> tuple[Floats, Floats]:
    """X checked, of shape (examples, inputs), and y as targets of the model's outputs.

    Raises :class:`DataError` and :class:`ShapeError` where they do not fit.
    """
    X, y = paired(X, y)
    return X, loss.targets(y, model.outputs_of(X[:1]).shape[1])


# --- loss at initialization ---------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class InitialLoss(Findings):
    """The mean loss of an untrained model, beside that of a prediction of 0 and of the best constant prediction."""

    loss: float
    of_zero: float
    of_constant: float

    @property
    def ok(self) -> bool:
        """Whether the loss is within a factor of three of where a network without knowledge may be."""
        return self._lowest <= self.loss <= self._highest

    @property
    def _lowest(self) -> float:
        return min(self.of_zero, self.of_constant) / FACTOR - SMALLEST

    @property
    def _highest(self) -> float:
        return max(self.of_zero, self.of_constant) * FACTOR + SMALLEST

    @property
    def heading(self) -> str:
        return "Loss at initialization"

    @property
    def tables(self) -> tuple[Table, ...]:
        rows = (
            ("this model, untrained", number(self.loss)),
            ("expected: predicting 0, whatever the input", number(self.of_zero)),
            ("the best constant prediction", number(self.of_constant)),
        )
        return (Table(("what", "mean loss"), rows),)

    @property
    def verdict(self) -> str:
        if not self.loss <= self._highest:  # nan, too
            said = (
                f"Too high: {number(self.loss)} is more than {FACTOR:g} times {number(self._highest / FACTOR)}. The "
                "untrained model is confident and wrong: its initial weights or its inputs are too large."
            )
        elif self.loss < self._lowest:
            said = (
                f"Too low: {number(self.loss)} is less than 1/{FACTOR:g} of "
                f"{number(self._lowest * FACTOR)}, what a model that ignores its input can reach. Is it trained "
                "already, or is the answer among the inputs?"
            )
        else:
            said = f"As expected: {number(self.loss)} is within a factor of {FACTOR:g} of {number(self.of_zero)}."
        if self.of_zero > FACTOR * self.of_constant + SMALLEST and self.loss > FACTOR * self.of_constant:
            said += (
                " The best constant does much better: set the last layer's biases to it, or standardize the targets, "
                "so that training need not begin with them."
            )
        return said


def initial_loss(model: Module, X: Any, y: Any, loss: Loss) -> InitialLoss:
    r"""The mean loss of an untrained model against that of one which ignores its input.

    The expected loss is that of the prediction 0 for every output (through the output activation, if there is one):
    :math:`\ln C` for softmax cross-entropy with C classes, :math:`\ln 2` for binary cross-entropy,
    :math:`\frac12 \overline{y^2}` for half the squared error.  Random weights add to it.  The check passes
    from a third of the lower to three times the higher of this and of the best constant's loss.  Measured
    in evaluation mode.  Raises :class:`DataError` and :class:`ShapeError`.

    >>> from nn import MLP, softmax_cross_entropy
    >>> found = initial_loss(MLP([2, 8, 4]), np.eye(2), [0, 3], softmax_cross_entropy)
    >>> round(found.of_zero, 4), found.ok
    (1.3863, True)
    """
    X, targets = with_targets(model, X, y, loss)
    zeros = np.zeros_like(targets)
    layers = model.layers if isinstance(model, Sequential) else []
    last = itertools.takewhile(lambda layer: isinstance(layer, Activation), reversed(layers))
    for layer in reversed(list(last)):
        zeros = layer.on_arrays(zeros)
    found = losses_on_arrays(model, loss, X, targets).mean()
    return InitialLoss(float(found), _mean_loss(loss, zeros, targets), _best_constant(loss, targets)[1])


# --- baselines ----------------------------------------------------------------------------------


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
    prediction, least = _best_constant(loss, targets)
    return Baseline(prediction, least, float(counts.max() / counts.sum()) if _are_classes(rows) else None)


def _are_classes(rows: Floats) -> bool:
    if rows.shape[1] > 1:
        return bool(np.isin(rows, (0.0, 1.0)).all() and (rows.sum(axis=1) == 1.0).all())
    return bool(np.isin(rows, (0.0, 1.0)).all() or (np.abs(rows) == 1.0).all())


def _mean_loss(loss: Loss, predictions: Floats, targets: Floats, shares: Floats | None = None) -> float:
    found = np.broadcast_to(np.asarray(of_one(loss, list(predictions.T), list(targets.T)), np.float64), len(targets))
    return float(found.mean() if shares is None else found @ shares)


def _best_constant(loss: Loss, targets: Floats) -> tuple[Floats, float]:
    """By compass search, which halves its step where no step along an axis helps; for convex losses."""
    rows, counts = np.unique(targets, axis=0, return_counts=True)
    shares = counts / counts.sum()

    def of(prediction: Floats) -> float:
        try:
            found = _mean_loss(loss, np.tile(prediction, (len(rows), 1)), rows, shares)
        except AutogradError:  # outside the loss's domain
            return math.inf
        return found if math.isfinite(found) else math.inf

    starts = [np.zeros(targets.shape[1]), shares @ rows, np.median(targets, axis=0)]
    best = min(starts, key=of)
    least, step = of(best), max(1.0, float(np.ptp(rows)))
    smallest = 1e-9 * step
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


def made(make_model: MakeModel) -> Module:
    """A new model from a function that makes one; :class:`SettingError` for anything else."""
    given: Any = make_model
    model = given() if callable(given) and not isinstance(given, Module) else given
    if isinstance(given, Module) or not isinstance(model, Module):
        raise SettingError(
            "make_model is a function that returns a new model each time, such as lambda: MLP([4, 8, 3]); "
            f"got {'a model' if isinstance(given, Module) else shown(model)}."
        )
    return model


def require_count(count: Any, what: str) -> None:
    """:class:`SettingError`, beginning with ``what`` the number is, unless it is a whole number of at least 1."""
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
        raise SettingError(f"{what}, at least 1; got {count!r}.")


# --- overfit one batch --------------------------------------------------------------------------


@dataclass(frozen=True, repr=False, eq=False)
class Overfit(Findings):
    """The losses of a few examples, update by update, and the ``minimum``: the loss if each is predicted best.

    ``examples`` are their rows.  ``diverged`` says what happened if training broke off.
    """

    examples: tuple[int, ...]
    losses: Floats
    minimum: float
    diverged: str = ""

    @property
    def left(self) -> float:
        """The share of the way from the first loss to the minimum that is left at the end."""
        if self.diverged:
            return math.inf
        return float((self.losses[-1] - self.minimum) / max(self.losses[0] - self.minimum, SMALLEST))

    @property
    def ok(self) -> bool:
        """Whether at most 1 % of the way to the minimum is left."""
        return self.left <= FITTED

    @property
    def heading(self) -> str:
        return f"Overfitting {counted(len(self.examples), 'example')} in {counted(len(self.losses) - 1, 'update')}"

    @property
    def tables(self) -> tuple[Table, ...]:
        rows = (
            ("at the beginning", number(self.losses[0])),
            ("at the end", number(self.losses[-1])),
            ("the least there can be", number(self.minimum)),
        )
        return (Table(("when", "mean loss"), rows),)

    @property
    def verdict(self) -> str:
        if self.diverged:
            return f"Training broke off. {self.diverged}"
        numbers = f"from {number(self.losses[0])} to {number(self.losses[-1])}"
        numbers += f", so {100 * self.left:.3g} % of the way is left"
        if self.ok:
            return f"The model can learn these examples by heart: the loss fell {numbers}."
        return (
            f"The model did not learn these examples by heart: the loss went {numbers}, more than {percent(FITTED)}. "
            "Try more updates and another learning rate, then look for a mistake: large targets or inputs "
            "(standardize them), targets that the output activation cannot reach, equal inputs with different targets, "
            "a wrong gradient (check_gradients), too few units."
        )


def overfit_one_batch(
    model: Module, X: Any, y: Any, loss: Loss, optimizer: Optimizer | None = None, examples: int = 8,
    updates: int = 300, rng: int | np.random.Generator = 0,
) -> Overfit:
    """Whether a copy of the model can learn a few examples by heart, as any sound network can.

    ``examples`` of X are drawn from ``rng``, and trained on as one batch, without dropout; ``optimizer`` None is
    Adam(0.01).  The minimum is the loss with the best prediction for each example: 0, but for targets that are
    probabilities.  The check passes if at most 1 % of the way from the first loss to it is left.
    Raises :class:`SettingError`, and else as :func:`fit`; a run that diverges is reported.

    >>> from nn import MLP, hinge, moons
    >>> X, y = moons(20)
    >>> overfit_one_batch(MLP([2, 8, 1]), X, 2 * y - 1, hinge).ok
    True
    """
    X, targets = with_targets(model, X, y, loss)
    require_count(examples, "examples is how many are to be learned by heart")
    chosen = np.sort(np.random.default_rng(rng).permutation(len(X))[:examples])
    twin = copy.deepcopy(model)
    for module in twin.modules():
        if isinstance(module, Dropout):
            module.keep = 1.0
    few, wanted = X[chosen], targets[chosen]
    minimum = float(np.mean([_best_constant(loss, row[None, :])[1] for row in wanted]))
    at = tuple(chosen.tolist())
    try:
        history = fit(twin, few, _labels(wanted), loss=loss, optimizer=optimizer or Adam(0.01), epochs=updates,
                      progress=False)
    except DivergedError as error:
        known = getattr(error.history, "loss", []) or [math.nan]
        return Overfit(at, np.array(known), minimum, str(error))
    last = losses_on_arrays(twin, loss, few, wanted).mean()
    return Overfit(at, np.array([*history.loss, last]), minimum)


def _labels(targets: Floats) -> Floats:
    return targets[:, 0] if targets.shape[1] == 1 else targets
