"""Differences in double precision, extrapolated to a step of zero, with a bound for their error.

Central or one-sided differences over a falling sequence of steps (Ridders 1982, Advances in Engineering Software 4),
with two estimates of the error: that of the extrapolation, and the rounding noise of the function divided by the
step.  Only steps on which the function takes the same branches are used together.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

from autograd_core.errors import AutogradError, DomainError

SAFETY = 8.0
MOST_UNCERTAIN = 4e-5
"""Of the scale: an estimate that is less certain proves nothing."""

FIRST_STEP = 0.06
_RATIO, _ROWS = 2.5, 20
_FEWEST_CONFIRMING = 2
_SMALLEST = 5e-324
_EPSILON = sys.float_info.epsilon
_UNRESOLVED = 1e-2
_ROUNDING = 64.0

Evaluate = Callable[[Sequence[float]], tuple[float, Any]]
"""The function's value at a point and the branches it took there; DomainError outside its domain."""


@dataclass(frozen=True)
class Estimate:
    """A derivative with a bound for its error, and which side it is of: -1, 1, or 0 for both.

    It is the point's own if that side takes the branches the point itself does.
    """

    derivative: float
    error: float
    side: int = 0
    is_own: bool = True


class Branches(NamedTuple):
    """Python's own branches, and of every kink of an operation the side its operands lie on: -1, 1, or 0 on it."""

    python: Any
    sides: list[int]


def estimate(evaluate: Evaluate, point: Sequence[float], at: int, noise: float, side: int) -> Estimate | None:
    """The extrapolated difference along one input; None where no step stays on one branch.

    ``side`` 0 takes both sides together, -1 and 1 one of them.  The steps are of the input's own size; if
    the others' rounding drowns them, as that of 1 does a step of 1e-9, larger ones may say more, and if the
    function turns within them, as the sine does at 1e9, smaller ones.
    """
    x = point[at]
    found = _falling(evaluate, point, at, noise, side, FIRST_STEP * (abs(x) or 1.0))
    for size in (1.0, 1e-3):
        if _is_certain(found) or not 0.0 < abs(x) < size:
            break
        wider = _falling(evaluate, point, at, noise, side, FIRST_STEP * size)
        if wider is not None and (found is None or _confirms(wider, found)):
            found = wider
    if abs(x) > 1.0 and not _is_certain(found):
        nearer = _falling(evaluate, point, at, noise, side, FIRST_STEP)
        if nearer is not None and (found is None or nearer.error < found.error or not _agree(nearer, found)):
            found = nearer
    return found


def _is_certain(found: Estimate | None) -> bool:
    return found is not None and SAFETY * found.error <= MOST_UNCERTAIN * abs(found.derivative)


def _confirms(wider: Estimate, narrower: Estimate) -> bool:
    return wider.error < narrower.error and _agree(wider, narrower)


def _agree(one: Estimate, other: Estimate) -> bool:
    return abs(one.derivative - other.derivative) <= SAFETY * (one.error + other.error)


def measured_noise(evaluate: Evaluate, point: Sequence[float], at: int) -> float:
    """The size of the rounding errors in a function's values, from the differences of values close together.

    After More and Wild (2011, Estimating computational noise, SIAM J. Sci. Comput. 33): high differences
    of a smooth function over tiny steps are noise alone.
    """
    x = point[at]
    noise = 0.0
    for power in (-10, -8, -6, -4, -2, -1):
        values = _beside(evaluate, point, at, 10.0**power * (abs(x) or 1.0))
        noise = _fluctuation(values)
        if len(set(values)) > len(values) / 2:
            break  # over smaller steps rounding hides that it changes at all
    if noise > 0.1 * _UNRESOLVED * _range(evaluate, point, at):
        return min(noise, finest_noise(evaluate, point, at, noise))
    return noise


def finest_noise(evaluate: Evaluate, point: Sequence[float], at: int, noise: float) -> float:
    """The noise over the very smallest steps, where what turns within larger ones is smooth; else ``noise``."""
    ulp = math.ulp(point[at] or 1.0)
    for pair in ((11.0, 19.0), (2053.0, 4099.0)):
        # Two sizes, and no power of two: a sine sampled at every 1024 looks like a slow one.
        beside = [_beside(evaluate, point, at, count * ulp) for count in pair]
        if all(len(set(values)) > len(values) / 2 for values in beside):
            return max(map(_fluctuation, beside))
    return noise


def is_resolved(evaluate: Evaluate, point: Sequence[float], at: int, noise: float) -> bool:
    """Whether a function's noise is that of rounding, or small beside its changes: else it turns between steps."""
    here = attempt(evaluate, point, at, point[at])
    return here is None or is_rounding(noise, here[1]) or noise <= _UNRESOLVED * _range(evaluate, point, at)


def is_rounding(noise: float, value: float) -> bool:
    """Whether noise is no more than a few roundings of a function's value make."""
    return noise <= _ROUNDING * _EPSILON * abs(value)


def _range(evaluate: Evaluate, point: Sequence[float], at: int) -> float:
    """How far a function's values are apart around a point, over the largest steps."""
    x = point[at]
    shifts = (0.0, *(turn * FIRST_STEP * size for size in (abs(x) or 1.0, 1.0) for turn in (-1.0, 1.0)))
    values = [each[1] for shift in shifts if (each := attempt(evaluate, point, at, x + shift)) is not None]
    return max(values) - min(values) if values else 0.0


def _beside(evaluate: Evaluate, point: Sequence[float], at: int, step: float) -> list[float]:
    """Seven values of a function, a step apart."""
    found = [attempt(evaluate, point, at, point[at] + (count - 3) * step) for count in range(7)]
    return [each[1] for each in found if each is not None]


def _fluctuation(values: Sequence[float]) -> float:
    levels = []
    differences, weight = list(values), 1.0
    for order in range(1, len(values)):
        differences = [high - low for low, high in pairwise(differences)]
        weight *= order * order / ((2 * order) * (2 * order - 1))
        levels.append(math.sqrt(weight * sum(each * each for each in differences) / len(differences)))
    # The lowest orders hold the function's own change.
    return max(levels[2:], default=0.0)


def _falling(
    evaluate: Evaluate, point: Sequence[float], at: int, noise: float, side: int, first: float
) -> Estimate | None:
    """The best of Ridders' tableau, for steps falling from ``first``, that no smaller step contradicts."""
    x = point[at]
    here = None if side == 0 else attempt(evaluate, point, at, x)
    if side and here is None:
        return None
    power = 2 if side == 0 else 1
    rows: list[_Row] = []
    before: list[float] = []
    branches: Any = None
    largest = 0.0
    for row in range(_ROWS):
        step = first / _RATIO**row
        ends = [attempt(evaluate, point, at, x + turn * step) for turn in ((1, -1) if side == 0 else (side,))]
        above, below = ends[0], ends[1] if side == 0 else here
        if above is None or below is None or (side == 0 and above[2] != below[2]):
            before, rows = [], []
            continue
        if not _stays(above[2], branches):
            before, rows, branches, largest = [], [], above[2], 0.0
        width = above[0] - below[0]
        if not width:
            break
        tableau = [(above[1] - below[1]) / width]
        for column, older in enumerate(before, 1):
            factor = _RATIO ** (power * column)
            tableau.append(tableau[-1] + (tableau[-1] - older) / (factor - 1.0))
        largest = max(largest, abs(tableau[0]))
        size = max(abs(above[1]), abs(below[1]))
        rounding = (noise + _EPSILON * size + _SMALLEST) / abs(width) + 16.0 * _EPSILON * largest
        rows.append(_Row(tableau, before, rounding))
        before = tableau
    candidates = sorted(
        ((estimate, place) for place, row in enumerate(rows) if (estimate := row.best(side)) is not None),
        key=lambda candidate: candidate[0].error,
    )
    found = next((found for found, place in candidates if _is_consistent(found, rows, place)), None)
    own = here is None or here[2] is None or here[2] == branches
    return found if found is None or own else replace(found, is_own=False)


@dataclass(frozen=True)
class _Row:
    """One step's differences: plain, then extrapolated with those of larger steps."""

    tableau: list[float]
    before: list[float]
    rounding: float

    def best(self, side: int) -> Estimate | None:
        found = None
        for column in range(1, len(self.tableau)):
            value = self.tableau[column]
            spread = max(abs(value - self.tableau[column - 1]), abs(value - self.before[column - 1]))
            error = max(spread, 2.0 * self.rounding)
            if found is None or error < found.error:
                found = Estimate(value, error, side)
        return found


def _stays(branches: Any, larger: Any) -> bool:
    """Whether a step takes the branches of a larger one.

    Rounding puts operands on a kink before they reach it: tanh(x) is x at 1e-9, so min(x, tanh(x)) has a tie there.
    """
    if not isinstance(branches, Branches) or not isinstance(larger, Branches) or branches.python != larger.python:
        return bool(branches == larger)
    return all(now in (0, was) for now, was in zip(branches.sides, larger.sides, strict=True))


def _is_consistent(found: Estimate, rows: Sequence[_Row], place: int) -> bool:
    """Whether every smaller step says the same within its rounding: else something finer was stepped over."""
    if len(rows) - place <= _FEWEST_CONFIRMING:
        return False
    off = abs(rows[place].tableau[0] - found.derivative)
    return all(
        abs(row.tableau[0] - found.derivative) <= off + SAFETY * (row.rounding + found.error)
        for row in rows[place + 1 :]
    )


def attempt(evaluate: Evaluate, point: Sequence[float], at: int, x: float) -> tuple[float, float, Any] | None:
    """The input, value and branches with one input at ``x``; None outside the domain, or where it is not finite."""
    moved = [*point[:at], x, *point[at + 1 :]]
    try:
        value, branches = evaluate(moved)
    except (DomainError, ArithmeticError, ValueError, AutogradError):
        return None
    return (x, value, branches) if math.isfinite(value) else None
