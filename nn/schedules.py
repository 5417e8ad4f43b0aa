r"""Settings that are checked when they are made, and learning rates that change from update to update."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self

from autograd_core.errors import OperandError
from autograd_core.operand_checks import as_number, shown
from nn.errors import SettingError, UnknownSettingError


class Range(NamedTuple):
    """The numbers a setting may be: in words, as a test, and the type they are kept in."""

    words: str
    holds: Callable[[float], bool]
    kind: type = float


POSITIVE = Range("a positive, finite number", lambda number: 0 < number < math.inf)
NOT_NEGATIVE = Range("a finite number, 0 or more", lambda number: 0 <= number < math.inf)
BELOW_ONE = Range("a number from 0 up to, but not including, 1", lambda number: 0 <= number < 1)
UP_TO_ONE = Range("a number above 0 and at most 1", lambda number: 0 < number <= 1)
COUNT = Range("a whole number, 1 or more", lambda number: 1 <= number < math.inf and number.is_integer(), int)
UPDATES = Range("a whole number, 0 or more", lambda number: 0 <= number < math.inf and number.is_integer(), int)

# What other libraries and papers call a setting: its names here, of which the first that fits is meant.
_TRANSLATIONS = {
    "lr": ("learning_rate", "start"), "eta": ("learning_rate", "start"), "learning_rate": ("start",),
    "step_size": ("learning_rate", "every"), "base_lr": ("start",), "init_value": ("start",),
    "alpha": ("decay", "learning_rate", "end", "strength"), "rho": ("decay",),
    "mu": ("momentum",), "beta": ("momentum", "decay"),
    "betas": ("beta_1, beta_2",), "beta1": ("beta_1",), "beta2": ("beta_2",), "b1": ("beta_1",), "b2": ("beta_2",),
    "eps": ("epsilon",), "gamma": ("factor", "beta_2"), "decay_rate": ("factor",), "T_max": ("steps",),
    "decay_steps": ("steps",), "warmup_steps": ("steps",), "total_iters": ("steps",), "eta_min": ("end",),
    "max_norm": ("limit",), "clip_value": ("limit",), "clipnorm": ("limit",), "clipvalue": ("limit",),
    "lambda_": ("strength",), "weight_decay": ("strength",), "l1_ratio": ("l1_share",),
}
_ADVICE = {
    "params": "Parameters are bound afterwards: optimizer.bind(model).",
    "weight_decay": "AdamW has weight_decay; others train with fit(..., penalty=L2(0.01)).",
}


@dataclass(frozen=True)
class Settings:
    """Keyword settings that never change; words of other libraries are answered with the right call.

    A subclass is a frozen dataclass that checks its fields in ``__post_init__`` with ``require``.  Unknown
    keywords raise :class:`UnknownSettingError`.
    """

    def __new__(cls, *positions: object, **settings: object) -> Self:
        known = _names(cls)
        foreign = [word for word in settings if word not in known]
        if foreign:
            raise UnknownSettingError(_correction(cls, foreign, positions, settings))
        return super().__new__(cls)

    @classmethod
    def meant_by(cls, settings: dict[str, Any]) -> type[Settings]:
        """The class that has these settings."""
        return cls

    def require(self, name: str, allowed: Range, example: float) -> None:
        """Keep the setting ``name`` as a number in the range, or raise :class:`SettingError`."""
        given = getattr(self, name)
        number = _number(given)
        if not allowed.holds(number):
            raise SettingError(
                f"{type(self).__name__}: {name} must be {allowed.words}; got {shown(given)}. "
                f"Write {name}={example}, for example."
            )
        object.__setattr__(self, name, allowed.kind(number))


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
        if not UPDATES.holds(_number(step)):
            raise SettingError(
                f"{name}: step counts the updates made so far and must be {UPDATES.words}; got {shown(step)}. "
                "Write schedule(0) for the first update."
            )
        rate = self.after(int(step))
        if not NOT_NEGATIVE.holds(_number(rate)):
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


def right_call(meant: type[Settings], settings: dict[str, Any], positions: tuple[object, ...] = ()) -> str:
    """The call with these settings under their names here; those the class does not have are left out.

    >>> right_call(CosineDecay, {"T_max": 100, "last_epoch": -1}, (0.1,))
    'CosineDecay(0.1, steps=100)'
    """
    words: dict[str, Any] = {}
    for word, given in settings.items():
        found = _here(word, given, _names(meant))
        words |= zip(found, [given] if len(found) == 1 else given, strict=True) if found else ()
    arguments = [*map(shown, positions), *(f"{word}={shown(given)}" for word, given in words.items())]
    return f"{meant.__name__}({', '.join(arguments)})"


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


def _names(settings: type[Settings]) -> list[str]:
    return [field.name for field in fields(settings)]


def _number(given: Any) -> float:
    """The number, or nan, which is in no range."""
    try:
        return as_number(given)
    except OperandError:
        return math.nan


def _correction(
    cls: type[Settings], foreign: list[str], positions: tuple[object, ...], settings: dict[str, Any]
) -> str:
    """What is wrong with a call, the right call, and what it takes if words are left over."""
    meant = cls.meant_by(settings)
    names = _names(meant)
    left_over = [word for word in foreign if settings[word] and not _here(word, settings[word], names)]
    sentences = [f"{cls.__name__} has no setting {' and no '.join(foreign)}."]
    sentences.append(f"Write {right_call(meant, settings, positions)}.")
    if left_over and meant is cls:
        sentences.append(f"It takes {', '.join(names)}.")
    return " ".join(sentences + [_ADVICE[word] for word in left_over if word in _ADVICE])


def _here(word: str, given: Any, names: list[str]) -> list[str]:
    """The names here of what is called ``word`` here or elsewhere; a pair of settings has two."""
    if word in names:
        return [word]
    for candidate in _TRANSLATIONS.get(word, ()):
        parts = candidate.split(", ")
        is_as_many = len(parts) == 1 or (isinstance(given, (tuple, list)) and len(given) == len(parts))
        if is_as_many and set(parts) <= set(names):
            return parts
    return []
