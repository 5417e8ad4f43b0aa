"""Trial runs: which learning rates are worth trying, and whether more data would help (LECTURE row 22)."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from autograd_core.errors import DomainError
from autograd_core.table import Table
from nn.errors import SettingError
from nn.findings import Findings, counted, number, percent
from nn.gradients import EagerGradients, losses_on_arrays
from nn.losses import Loss
from nn.module import Module
from nn.optimizers import SGD, Optimizer
from nn.preparation import paired
from nn.recipe_inputs import Floats, MakeModel, made, require_count, with_targets
from nn.training import batches, fit

SMOOTHED = 5  # updates
FELL = 0.05  # of the first loss: the smoothed loss must fall by so much
BROKEN_OFF = 4.0  # times the loss at the beginning
SHOWN = 9
HELPS = 0.02  # a validation loss that falls by this share for every doubling of the data
GAP = 0.1  # of the validation loss, between it and the training loss


# --- learning-rate range ------------------------------------------------------------------------


@dataclass(frozen=True, repr=False, eq=False)
class LearningRateRange(Findings):
    """The minibatch ``losses``, each just before the update with its learning rate (``rates``), and why it ended."""

    rates: Floats
    losses: Floats
    ended: str

    @cached_property
    def smoothed(self) -> Floats:
        """The mean of the losses from two updates before to two after each."""
        reach, losses = SMOOTHED // 2, self.losses.tolist()
        parts = [losses[max(0, at - reach) : at + reach + 1] for at in range(len(losses))]
        return np.array([sum(part) / len(part) for part in parts])

    @property
    def ok(self) -> bool:
        """Whether the smoothed loss fell by 5 % at least, so that a rate can be suggested."""
        return len(self.rates) >= SMOOTHED and bool(self.smoothed.min() < (1.0 - FELL) * self.smoothed[0])

    @property
    def at_minimum(self) -> float:
        """The learning rate at which the smoothed loss is lowest."""
        return float(self.rates[np.argmin(self.smoothed)])

    @property
    def steepest(self) -> float:
        """The learning rate at which the smoothed loss falls fastest over the logarithm of the rate."""
        until = max(2, int(np.argmin(self.smoothed)) + 1)
        return float(self.rates[np.argmin(np.gradient(self.smoothed[:until], np.log(self.rates[:until])))])

    @property
    def suggested(self) -> float | None:
        """The smaller of ``steepest`` and a tenth of ``at_minimum``; None if the loss did not fall."""
        return min(self.steepest, self.at_minimum / 10.0) if self.ok else None

    @property
    def heading(self) -> str:
        return f"Learning-rate range: {counted(len(self.rates), 'update')} at rising rates"

    @property
    def tables(self) -> tuple[Table, ...]:
        count = len(self.rates)
        chosen = sorted({round(at) for at in np.linspace(0, count - 1, min(SHOWN, count)).tolist()})
        rows = tuple((f"{self.rates[at]:.2g}", number(self.smoothed[at])) for at in chosen)
        return (Table(("learning rate", "loss, smoothed"), rows),)

    @property
    def verdict(self) -> str:
        if self.suggested is None:
            return f"The loss fell at no rate, so there is none to suggest. {self.ended}"
        falling = int(np.argmin(self.smoothed)) >= len(self.rates) - SMOOTHED
        higher = " The loss was still falling there: try a higher end." if falling else ""
        return (
            f"Try a learning rate of {self.suggested:.2g}: the loss fell fastest at {self.steepest:.2g} and was lowest "
            f"at {self.at_minimum:.2g}; suggested is the smaller of the first and a tenth of the second. {self.ended}"
            f"{higher}"
        )


def learning_rate_range(
    model: Module, X: Any, y: Any, loss: Loss, optimizer: Optimizer | None = None, batch_size: int | None = 32,
    lowest: float = 1e-5, highest: float = 10.0, updates: int = 100, rng: int | np.random.Generator = 0,
) -> LearningRateRange:
    """Train a copy of the model with a learning rate that rises from update to update, and watch the loss.

    The rates are ``updates`` many from ``lowest`` to ``highest``, each the same multiple of the one before.
    ``optimizer`` None is SGD; its own learning rate is not used.  Minibatches of ``batch_size`` (None: all
    examples, at most as many as there are) are drawn from ``rng``; what is left over after an epoch is skipped.
    The test ends early when the loss, as the mean of five updates, is four times that before the first, or no number:
    that is its purpose and no error.  The suggestion is a start for tuning: the smaller of the rate at which the
    smoothed loss falls fastest and a tenth of that at its minimum.
    Raises :class:`SettingError`, :class:`DataError` and :class:`ShapeError`.

    Source: Smith, Cyclical Learning Rates for Training Neural Networks (2017), section 3.3.

    >>> from nn import MLP, half_squared_error
    >>> X = np.linspace(-1, 1, 20)[:, None]
    >>> found = learning_rate_range(MLP([1, 1]), X, 3 * X[:, 0], half_squared_error)
    >>> 0.01 < found.suggested < 2.0
    True
    """
    X, targets = with_targets(model, X, y, loss)
    require_count(updates, "updates is how many learning rates to try")
    size = len(X) if batch_size is None else batch_size
    require_count(size, "batch_size is a number of examples")
    if not 0.0 < lowest < highest < math.inf:
        raise SettingError(
            f"The learning rate rises from lowest to highest, both positive and finite; got {lowest!r} and {highest!r}."
        )
    run = _Rising(copy.deepcopy(model).train(), loss, optimizer or SGD())
    start = float(losses_on_arrays(model, loss, X, targets).mean())
    stream = _minibatches(len(X), min(size, len(X)), np.random.default_rng(rng))
    ended = f"The test ended at the highest rate, {highest:g}, without diverging."
    for rate, chosen in zip(np.geomspace(lowest, highest, updates).tolist(), stream, strict=False):
        if problem := run.update(rate, X[chosen], targets[chosen]):
            ended = f"The test ended at the rate {rate:.2g}: {problem}"
            break
        recent = run.losses[-SMOOTHED:]
        if sum(recent) / len(recent) > start + (BROKEN_OFF - 1.0) * abs(start):
            ended = f"The test ended at the rate {rate:.2g}, with a loss more than {BROKEN_OFF:g} times the first."
            break
    return LearningRateRange(np.array(run.rates), np.array(run.losses), ended)


class _Rising:
    """Training with a learning rate for each update."""

    def __init__(self, model: Module, loss: Loss, optimizer: Optimizer) -> None:
        self.gradients, self.optimizer = EagerGradients(model, loss), optimizer
        self.vector = np.array([parameter.data for parameter in self.gradients.parameters])
        self.state = optimizer.start(self.vector)
        self.rates: list[float] = []
        self.losses: list[float] = []

    def update(self, rate: float, X: Floats, targets: Floats) -> str:
        """One update; what made it impossible, empty if nothing did."""
        try:
            found = self.gradients.mean(X, targets)
        except DomainError as error:
            return str(error)
        if not (math.isfinite(found.loss) and np.isfinite(found.gradient).all()):
            return f"the loss before it is {found.loss:g}." if not math.isfinite(found.loss) else "no finite gradient."
        self.rates.append(rate)
        self.losses.append(found.loss)
        rule = dataclasses.replace(self.optimizer, learning_rate=rate)
        self.vector, self.state = rule.update(self.vector, found.gradient, self.state)
        if not np.isfinite(self.vector).all():
            return "the update overflowed."
        for parameter, scalar in zip(self.gradients.parameters, self.vector.tolist(), strict=True):
            parameter.data = scalar
        return ""


def _minibatches(count: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Minibatches of one size without end."""
    while True:
        yield from (chosen for chosen in batches(count, size, rng) if len(chosen) == size)


# --- error against data size --------------------------------------------------------------------


@dataclass(frozen=True, repr=False, eq=False)
class DataSizeCurve(Findings):
    """The mean ``training`` and ``validation`` losses after training on so many examples (``sizes``, rising)."""

    sizes: tuple[int, ...]
    training: Floats
    validation: Floats

    @property
    def fall(self) -> float:
        """The share by which the validation loss falls for each doubling of the data.

        It is measured from the last size that is at most half of the largest, or else from the first.
        """
        at = max([at for at, size in enumerate(self.sizes) if 2 * size <= self.sizes[-1]], default=0)
        before, after = float(self.validation[at]), float(self.validation[-1])
        if before <= 0.0 or after <= 0.0:
            return 0.0
        return float(1.0 - (after / before) ** (1.0 / math.log2(self.sizes[-1] / self.sizes[at])))

    @property
    def gap(self) -> float:
        """The training loss's distance below the validation loss at the largest size, as a share of the latter."""
        after = float(self.validation[-1])
        return (after - float(self.training[-1])) / after if after > 0.0 else 0.0

    @property
    def more_data_would_help(self) -> bool:
        """Whether there is a gap, and the validation loss still falls as the data grow."""
        return self.gap > GAP and self.fall > HELPS

    @property
    def heading(self) -> str:
        return f"Loss against data size: {counted(len(self.sizes), 'training run')}"

    @property
    def tables(self) -> tuple[Table, ...]:
        losses = zip(self.sizes, self.training, self.validation, strict=True)
        rows = tuple((str(size), number(training), number(validation)) for size, training, validation in losses)
        return (Table(("examples", "training loss", "validation loss"), rows),)

    @property
    def verdict(self) -> str:
        ends = f"at {self.sizes[-1]} examples the validation loss is {number(self.validation[-1])}, the training loss"
        ends += f" {number(self.training[-1])}"
        change = f"{'fell' if self.fall >= 0.0 else 'rose'} by {percent(abs(self.fall))} per doubling of the data"
        if self.more_data_would_help:
            return f"More data would probably help: {ends}, and the validation loss {change}."
        if self.gap <= GAP:
            return f"More data would hardly help: {ends}. A larger model or longer training may."
        return (
            f"It is not clear that more data would help: {ends}, but the validation loss {change}. "
            "Regularization may close the gap, or the validation data are few or of another kind."
        )


def error_against_data_size(
    make_model: MakeModel, X: Any, y: Any, sizes: Sequence[int], validation: tuple[Any, Any], loss: Loss,
    rng: int | np.random.Generator = 0, **fit_settings: Any,
) -> DataSizeCurve:
    """Train a new model on more and more of the examples, and measure both losses at the end of each run.

    ``make_model`` returns a new model: ``lambda: MLP([4, 8, 3])``.  The ``sizes`` rise; each takes the first so many
    examples in one order drawn from ``rng``, so that the larger sets hold the smaller.  ``validation`` is (X, y) of
    other data.  ``fit_settings`` go to :func:`fit`; a ``batch_size`` above a size is that size.  More data
    would help if the training loss is more than 10 % below the validation loss, and this one falls by more than 2 %
    per doubling.  Raises :class:`SettingError` for fewer than two sizes or sizes that do not rise, else as :func:`fit`.

    >>> from nn import MLP, half_squared_error
    >>> X = np.random.default_rng(0).normal(size=(40, 1))
    >>> data, other = (X[:30], X[:30, 0]), (X[30:], X[30:, 0])
    >>> found = error_against_data_size(lambda: MLP([1, 1]), *data, [5, 30], other, half_squared_error)
    >>> found.sizes, found.validation.shape
    ((5, 30), (2,))
    """
    X, y = paired(X, y)
    sizes = tuple(sizes)
    for size in sizes:
        require_count(size, "sizes are numbers of examples")
    if len(sizes) < 2 or any(after <= before for before, after in pairwise(sizes)) or sizes[-1] > len(X):
        raise SettingError(
            f"sizes are two or more rising numbers of examples, of which there are {len(X)}; got {list(sizes)}. "
            f"Write sizes=[{max(1, len(X) // 4)}, {max(2, len(X) // 2)}, {len(X)}], for example."
        )
    generator = np.random.default_rng(rng)
    order = generator.permutation(len(X))
    batch_size = fit_settings.pop("batch_size", None)
    training, held_out = [], []
    for size in sizes:
        chosen, model = order[:size], made(make_model)
        at_once = None if batch_size is None else min(batch_size, size)
        settings = {"progress": False, "rng": generator, "batch_size": at_once, **fit_settings}
        fit(model, X[chosen], y[chosen], loss=loss, **settings)
        training.append(_mean_loss(model, loss, X[chosen], y[chosen]))
        held_out.append(_mean_loss(model, loss, *validation))
    return DataSizeCurve(tuple(map(int, sizes)), np.array(training), np.array(held_out))


def _mean_loss(model: Module, loss: Loss, X: Any, y: Any) -> float:
    return float(losses_on_arrays(model, loss, *with_targets(model, X, y, loss)).mean())
