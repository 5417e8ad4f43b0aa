"""Verdicts from differences in double precision, for what cannot be replayed exactly.

Central differences over a falling sequence of steps, extrapolated (Ridders 1982, Advances in Engineering
Software 4), with two estimates of the error: that of the extrapolation, and the rounding noise of the function,
propagated through its graph, divided by the step.  Only steps on which the function takes the same branches as at
the point are used; where the two sides take different ones however near, the point is a kink.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

from autograd_core.errors import AutogradError, DomainError
from autograd_core.testing.recording import Recording, branch, path_scales
from autograd_core.testing.replayed import at_kink, below, not_finite
from autograd_core.testing.report import Entry

NAME = "differences in double precision, extrapolated"

RELATIVE_TOLERANCE = 1e-7
_MOST_UNCERTAIN = 4e-5
"""Of the scale: an estimate that is less certain proves nothing."""

_SAFETY = 8.0
_FEWEST_CONFIRMING = 2
_SMALLEST = 5e-324
_EPSILON = sys.float_info.epsilon
_FIRST, _RATIO, _ROWS = 0.06, 2.5, 20
_BESIDE = 1e-3
"""Relative: where the rounding of the two sides of a kink is taken from."""

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


def entries(
    recording: Recording, chosen: Sequence[int], gradients: Sequence[float], rtol: float | None, atol: float | None
) -> list[Entry]:
    """The verdict on each chosen input."""
    scales = path_scales(recording)
    noise = _noise(recording, scales)
    kinks = below(recording.graph, _at_kinks(recording))
    # Of a row of the user's own nobody knows whether its kinks are declared.
    opaque = any(node.op is not None and node.op.exact is None for node in recording.order)

    def evaluate(point: Sequence[float]) -> tuple[float, Any]:
        there = recording.at(point)
        return there.output.data, Branches(branch(there), _sides_of_kinks(there))

    found = []
    for at in chosen:
        index = recording.index(at)
        scale = scales[index] if index is not None else 0.0
        entry = Entry(recording.names[at], "fail", gradients[at], None, scale, rtol or RELATIVE_TOLERANCE)
        if index is None and gradients[at] == 0.0:
            entry = replace(entry, note="ignored: the result does not depend on it.")
        is_kink = index in kinks or _branches_at(evaluate, recording.point, at)
        around = max(noise, _noise_beside(recording, at)) if is_kink else noise
        found.append(compare(entry, evaluate, recording.point, at, around, atol, at_a_kink=is_kink, is_opaque=opaque))
    return found


def compare(
    entry: Entry, evaluate: Evaluate, point: Sequence[float], at: int, noise: float, atol: float | None,
    at_a_kink: bool = False, is_opaque: bool = False,
) -> Entry:
    """The verdict on one gradient: held against differences of ``evaluate`` along input ``at``.

    Of an opaque function nobody knows the branches, so its two sides are compared.
    """
    if not math.isfinite(entry.gradient):
        return not_finite(entry)
    absolute = 1e-290 if atol is None else atol
    both = None if at_a_kink else estimate(evaluate, point, at, noise, 0)
    if is_opaque and both is not None and _sides_differ(evaluate, point, at, noise):
        both = None
    if both is None:
        left, right = (estimate(evaluate, point, at, noise, side) for side in (-1, 1))
        if left is not None and right is not None and (at_a_kink or is_opaque):
            return _between(entry, left, right, absolute, _far_slope(evaluate, point, at))
        # Beside a kink the side that is on the point's own branch counts.
        own = [each for each in (left, right) if each is not None and each.is_own]
        both = own[0] if own else None
        if both is None:
            return replace(entry, verdict="inconclusive", note="no differences could be taken that mean anything here.")
        entry = replace(entry, note="held against a one-sided derivative: an end of the domain, or a kink, is near.")
    scale = max(entry.scale, abs(both.derivative))
    if not entry.scale:
        # The gradient says that nothing comes this way; then the size of the function is the measure.
        scale = max(scale, abs(evaluate(point)[0]) / (abs(point[at]) or 1.0))
    uncertain = _SAFETY * both.error
    distance = abs(entry.gradient - both.derivative)
    entry = replace(entry, expected=both.derivative, scale=scale)
    if distance > max(uncertain, entry.tolerance * scale) + absolute:
        if _turns_between_floats(evaluate, point, at, entry.gradient, both.derivative, noise):
            note = "the function turns faster than differences can follow."
            return replace(entry, verdict="inconclusive", expected=None, note=note)
        return replace(entry, verdict="fail")
    if uncertain > _MOST_UNCERTAIN * scale + absolute and (entry.gradient or both.derivative):
        note = f"the difference is known to {both.error / scale:.0e} only." if scale else "the difference is unknown."
        return replace(entry, verdict="inconclusive", note=note)
    return replace(entry, verdict="pass")


def _turns_between_floats(
    evaluate: Evaluate, point: Sequence[float], at: int, gradient: float, found: float, noise: float
) -> bool:
    """Whether the gradient may be right all the same, over steps at which differences are hardly more than noise."""
    x = point[at]
    steps = max(20.0 * noise / abs(gradient - found), 4.0 * math.ulp(x)), _FIRST * (abs(x) or 1.0)
    near, far = (
        [each for turn in (-1.0, 0.0, 1.0) if (each := _try(evaluate, point, at, x + turn * step)) is not None]
        for step in steps
    )
    values = [each[1] for each in far]
    if values and abs(gradient) * math.ulp(x) > 2.0 * max(map(abs, values)):
        # A flat function, and one that changes in proportion to the step, do not turn.
        changed = max(each[1] for each in near) - min(each[1] for each in near)
        if changed > 1e-3 * (max(values) - min(values)):
            return True
    if len(near) < 3 or near[0][0] == near[2][0]:
        return False
    slope = (near[2][1] - near[0][1]) / (near[2][0] - near[0][0])
    return abs(slope - gradient) < abs(slope - found)


def _between(entry: Entry, left: Estimate, right: Estimate, absolute: float, far: float) -> Entry:
    """The verdict at a kink, unless a jump or a pole leaves the slopes unknown; they grow with every smaller step."""
    size = max(abs(left.derivative), abs(right.derivative), abs(entry.gradient), entry.scale)
    error = left.error + right.error
    # As at smooth points: where nothing moves, 0 needs no scale to be right.
    flat = entry.gradient == left.derivative == right.derivative == 0.0
    if _SAFETY * error > 0.3 * size + 1e-3 * far + absolute and not flat:
        note = "at a kink, and the one-sided derivatives are not certain: a jump, perhaps."
        return replace(entry, verdict="inconclusive", note=note)
    return at_kink(entry, left.derivative, right.derivative, _SAFETY * error + entry.tolerance * size + absolute)


def _far_slope(evaluate: Evaluate, point: Sequence[float], at: int) -> float:
    """The slope over the first step, or the function's own size over its input's: what errors of slopes are held to."""
    step = _FIRST * (abs(point[at]) or 1.0)
    here, *there = (_try(evaluate, point, at, point[at] + turn * step) for turn in (0.0, -1.0, 1.0))
    if here is None:
        return 0.0
    slopes = [abs(each[1] - here[1]) / step for each in there if each is not None]
    return max([abs(here[1]) * _FIRST / step, *slopes])


def _branches_at(evaluate: Evaluate, point: Sequence[float], at: int) -> bool:
    """Whether Python's own branches differ at the very next numbers, so that the point is at their border."""
    x = point[at]
    here = _try(evaluate, point, at, x)
    for there in (math.nextafter(x, -math.inf), math.nextafter(x, math.inf)):
        found = _try(evaluate, point, at, there)
        if here is not None and found is not None and found[2].python != here[2].python:
            return True
    return False


def estimate(evaluate: Evaluate, point: Sequence[float], at: int, noise: float, side: int) -> Estimate | None:
    """The extrapolated difference along one input; None where no step stays on one branch.

    ``side`` 0 takes both sides together, -1 and 1 one of them.  The steps are of the input's own size; if
    the others' rounding drowns them, as that of 1 does a step of 1e-9, larger ones may say more.
    """
    x = point[at]
    found = _falling(evaluate, point, at, noise, side, _FIRST * (abs(x) or 1.0))
    for size in (1.0, 1e-3):
        certain = found is not None and _SAFETY * found.error <= _MOST_UNCERTAIN * abs(found.derivative)
        if certain or not 0.0 < abs(x) < size:
            break
        wider = _falling(evaluate, point, at, noise, side, _FIRST * size)
        if wider is not None and (found is None or _confirms(wider, found)):
            found = wider
    return found


def _confirms(wider: Estimate, narrower: Estimate) -> bool:
    distance = abs(wider.derivative - narrower.derivative)
    return wider.error < narrower.error and distance <= _SAFETY * (wider.error + narrower.error)


def measured_noise(evaluate: Evaluate, point: Sequence[float], at: int) -> float:
    """The size of the rounding errors in a function's values, from the differences of values close together.

    After More and Wild (2011, Estimating computational noise, SIAM J. Sci. Comput. 33): high differences
    of a smooth function over tiny steps are noise alone.
    """
    x = point[at]
    values: list[float] = []
    for power in (-10, -8, -6, -4, -2, -1):
        step = 10.0**power * (abs(x) or 1.0)
        found = [_try(evaluate, point, at, x + (count - 3) * step) for count in range(7)]
        values = [each[1] for each in found if each is not None]
        if len(set(values)) > len(values) / 2:
            break  # over smaller steps rounding hides that it changes at all
    levels = []
    differences, weight = values, 1.0
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
    here = None if side == 0 else _try(evaluate, point, at, x)
    if side and here is None:
        return None
    power = 2 if side == 0 else 1
    rows: list[_Row] = []
    before: list[float] = []
    branches: Any = None
    largest = 0.0
    for row in range(_ROWS):
        step = first / _RATIO**row
        ends = [_try(evaluate, point, at, x + turn * step) for turn in ((1, -1) if side == 0 else (side,))]
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
        abs(row.tableau[0] - found.derivative) <= off + _SAFETY * (row.rounding + found.error)
        for row in rows[place + 1 :]
    )


def _try(evaluate: Evaluate, point: Sequence[float], at: int, x: float) -> tuple[float, float, Any] | None:
    moved = [*point[:at], x, *point[at + 1 :]]
    try:
        value, branches = evaluate(moved)
    except (DomainError, ArithmeticError, ValueError, AutogradError):
        return None
    return (x, value, branches) if math.isfinite(value) else None


def _sides_of_kinks(recording: Recording) -> list[int]:
    sides = []
    for node in recording.order:
        if node.op is not None and node.op.kinks:
            operands = [each if isinstance(each, float) else each.data for each in node.operands]
            sides += [(kink(*operands) > 0) - (kink(*operands) < 0) for kink in node.op.kinks]
    return sides


def _sides_differ(evaluate: Evaluate, point: Sequence[float], at: int, noise: float) -> bool:
    left, right = (estimate(evaluate, point, at, noise, side) for side in (-1, 1))
    if left is None or right is None:
        return False
    known = _SAFETY * (left.error + right.error)
    distance, size = abs(left.derivative - right.derivative), max(abs(left.derivative), abs(right.derivative))
    return distance > known + 1e-4 * size


def _at_kinks(recording: Recording) -> set[int]:
    found = set()
    for at, node in enumerate(recording.order):
        if node.op is not None:
            operands = [each if isinstance(each, float) else each.data for each in node.operands]
            if any(kink(*operands) == 0 for kink in node.op.kinks):
                found.add(at)
    return found



def _noise_beside(recording: Recording, at: int) -> float:
    """The larger of the two sides' rounding: at a kink the flat side's derivatives may stand, which carry none."""
    found = [0.0]
    for turn in (-1.0, 1.0):
        point = list(recording.point)
        point[at] += turn * _BESIDE * (abs(point[at]) or 1.0)
        try:
            there = recording.at(point)
        except (DomainError, ArithmeticError, ValueError, AutogradError):
            continue
        found.append(_noise(there, path_scales(there)))
    return max(each for each in found if math.isfinite(each))


def _noise(recording: Recording, scales: Sequence[float]) -> float:
    """How far rounding may move the result: each node's own, carried to the output."""
    computed = zip(recording.graph.record, scales, strict=True)
    total = sum(
        scale * abs(node.data or 0.0) * (node.op.ulp / 2 if node.op else 1.0)
        for node, scale in computed if scale and math.isfinite(scale)
    )
    return _EPSILON * total
