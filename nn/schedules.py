r"""Learning rates that change from update to update."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from autograd_core.operand_checks import shown
from nn.errors import SettingError
from nn.settings import COUNT, NOT_NEGATIVE, POSITIVE, UP_TO_ONE, UPDATES, Settings, number_or_nan


class Schedule(Settings, ABC):
    """A learning rate for every update: ``schedule(step)``, where ``step`` updates were made before (0 at first).

    A schedule of your own is a subclass, best a frozen dataclass, that defines ``after``.

    >>> class Halves(Schedule):
    ...     def after(self, step):
    ...         return 0.5**step
    >>> Halves()(3)
    0.125
    """

    def __call__(self, step: int) -> float:
        """The learning rate after ``step`` updates; :class:`SettingError` for a step that is no count."""
        name = type(self).__name__
        if not UPDATES.holds(number_or_nan(step)):
            raise SettingError(
                f"{name}: step counts the updates made so far and must be {UPDATES.words}; got {shown(step)}. "
                "Write schedule(0) for the first update."
            )
        rate = self.after(int(step))
        if not NOT_NEGATIVE.holds(number_or_nan(rate)):
            raise SettingError(
                f"{name}: the learning rate after {step} updates must be {NOT_NEGATIVE.words}; got {shown(rate)}. "
                "Look at the schedule's method after."
            )
        return float(rate)

    @abstractmethod
    def after(self, step: int) -> float:
        """The learning rate after ``step`` updates."""


def rate_after(learning_rate: float | Schedule, step: int) -> float:
    """The learning rate after ``step`` updates, of a number or a schedule.

    >>> rate_after(0.1, 5), rate_after(ExponentialDecay(0.1, factor=0.5), 1)
    (0.1, 0.05)
    """
    return learning_rate(step) if isinstance(learning_rate, Schedule) else learning_rate


def require_rate(owner: Settings, name: str, example: float) -> None:
    """Check that a setting is a positive, finite number or a schedule, as ``Settings.require`` does."""
    if not isinstance(getattr(owner, name), Schedule):
        owner.require(name, POSITIVE._replace(words=f"{POSITIVE.words}, or a Schedule"), example)


@dataclass(frozen=True)
class Constant(Schedule):
    r"""The same learning rate at every update: :math:`\eta_t = \eta`.

    >>> Constant(0.1)(1000)
    0.1
    """

    learning_rate: float

    def __post_init__(self) -> None:
        self.require("learning_rate", POSITIVE, 0.1)

    def after(self, step: int) -> float:
        return self.learning_rate


@dataclass(frozen=True)
class StepDecay(Schedule):
    r"""Multiplied by ``factor`` after every ``every`` updates: :math:`\eta_t = \eta_0 f^{\lfloor t / n \rfloor}`.

    ``start`` is :math:`\eta_0`, ``every`` is n, ``factor`` is f in (0, 1].  Raises :class:`SettingError`.
    Source: PyTorch's StepLR (``step_size``, ``gamma``), there counted in epochs.

    >>> schedule = StepDecay(0.4, every=10, factor=0.5)
    >>> [schedule(step) for step in (0, 9, 10, 25)]
    [0.4, 0.4, 0.2, 0.1]
    """

    start: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        self.require("start", POSITIVE, 0.1)
        self.require("every", COUNT, 100)
        self.require("factor", UP_TO_ONE, 0.1)

    def after(self, step: int) -> float:
        return self.start * self.factor ** (step // self.every)


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    r"""Multiplied by ``factor`` after every update: :math:`\eta_t = \eta_0 f^t`.

    ``start`` is :math:`\eta_0`, ``factor`` is f in (0, 1].  Raises :class:`SettingError`.
    Source: PyTorch's ExponentialLR (``gamma``).

    >>> schedule = ExponentialDecay(0.4, factor=0.5)
    >>> [schedule(step) for step in range(4)]
    [0.4, 0.2, 0.1, 0.05]
    """

    start: float
    factor: float

    def __post_init__(self) -> None:
        self.require("start", POSITIVE, 0.1)
        self.require("factor", UP_TO_ONE, 0.99)

    def after(self, step: int) -> float:
        return self.start * self.factor**step


@dataclass(frozen=True)
class CosineDecay(Schedule):
    r"""Half a cosine wave from ``start`` down to ``end``, which then stays.

    .. math:: \eta_t = \eta_T + \tfrac12 (\eta_0 - \eta_T) \left(1 + \cos\frac{\pi \min(t, T)}{T}\right)

    ``start`` is :math:`\eta_0`, ``steps`` is T, counted in updates, ``end`` is :math:`\eta_T`, 0 or more.
    Raises :class:`SettingError`.  Source: Loshchilov and Hutter, SGDR (2017), equation 5, without restarts.

    >>> schedule = CosineDecay(0.4, steps=100)
    >>> [round(schedule(step), 6) for step in (0, 25, 50, 100, 200)]
    [0.4, 0.341421, 0.2, 0.0, 0.0]
    """

    start: float
    steps: int
    end: float = 0.0

    def __post_init__(self) -> None:
        self.require("start", POSITIVE, 0.1)
        self.require("steps", COUNT, 1000)
        self.require("end", NOT_NEGATIVE, 0.0)

    def after(self, step: int) -> float:
        turned = math.pi * min(step, self.steps) / self.steps
        return self.end + (self.start - self.end) * (1 + math.cos(turned)) / 2


@dataclass(frozen=True)
class WarmUp(Schedule):
    r"""``steps`` updates at a rate that rises evenly to the full one, then another schedule from its start.

    .. math:: \eta_t = \frac{t + 1}{T} s_0 \quad (t < T), \qquad \eta_t = s_{t - T} \quad (t \ge T)

    ``then`` is s, a schedule or a number, and ``steps`` is T, counted in updates.  Raises :class:`SettingError`.
    Source: Goyal and others, Accurate, Large Minibatch SGD (2017), section 2.2, gradual warm-up.

    >>> schedule = WarmUp(then=ExponentialDecay(0.4, factor=0.5), steps=4)
    >>> [round(schedule(step), 3) for step in range(7)]
    [0.1, 0.2, 0.3, 0.4, 0.4, 0.2, 0.1]
    """

    then: float | Schedule
    steps: int

    def __post_init__(self) -> None:
        require_rate(self, "then", 0.1)
        self.require("steps", COUNT, 100)

    def after(self, step: int) -> float:
        if step < self.steps:
            return rate_after(self.then, 0) * ((step + 1) / self.steps)
        return rate_after(self.then, step - self.steps)
