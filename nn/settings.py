"""Settings that are checked when they are made, and that answer the words of other libraries with the right call."""

from __future__ import annotations

import math
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
        number = number_in(allowed, getattr(self, name), f"{type(self).__name__}: {name}", f"{name}={example}")
        object.__setattr__(self, name, number)


def number_in(allowed: Range, given: object, what: str, example: str) -> Any:
    """``given`` as a number of the range's type; :class:`SettingError` if it is none of its numbers.

    >>> number_in(COUNT, 3.0, "fit: epochs", "epochs=100")
    3
    """
    number = number_or_nan(given)
    if not allowed.holds(number):
        raise SettingError(f"{what} must be {allowed.words}; got {shown(given)}. Write {example}, for example.")
    return allowed.kind(number)


def number_or_nan(given: object) -> float:
    """The number, or nan, which is in no range."""
    try:
        return as_number(given)
    except OperandError:
        return math.nan


def right_call(meant: type[Settings], settings: dict[str, Any], positions: tuple[object, ...] = ()) -> str:
    """The call with these settings under their names here; those the class does not have are left out.

    >>> @dataclass(frozen=True)
    ... class Momentum(Settings):
    ...     learning_rate: float
    ...     momentum: float = 0.9
    >>> right_call(Momentum, {"mu": 0.5, "last_epoch": -1}, (0.1,))
    'Momentum(0.1, momentum=0.5)'
    """
    words: dict[str, Any] = {}
    for word, given in settings.items():
        found = _here(word, given, _names(meant))
        words |= zip(found, [given] if len(found) == 1 else given, strict=True) if found else ()
    arguments = [*map(shown, positions), *(f"{word}={shown(given)}" for word, given in words.items())]
    return f"{meant.__name__}({', '.join(arguments)})"


def _names(settings: type[Settings]) -> list[str]:
    return [field.name for field in fields(settings)]


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
