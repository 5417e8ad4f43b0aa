"""Verdicts from differences in double precision, for what cannot be replayed exactly.

The differences are extrapolated, and their error is estimated: from the extrapolation, and from the rounding noise
of the function, propagated through its graph.  Where the two sides of the point take different branches however
near, the point is a kink.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autograd_core.errors import AutogradError, DomainError
from autograd_core.testing.extrapolated import (
    FIRST_STEP,
    MOST_UNCERTAIN,
    SAFETY,
    Branches,
    Estimate,
    Evaluate,
    attempt,
    estimate,
    is_resolved,
    measured_noise,
)
from autograd_core.testing.joint_kinks import Slopes, judged_jointly
from autograd_core.testing.recording import Recording, branch, path_scales, signature
from autograd_core.testing.replayed import at_kink, below, not_finite
from autograd_core.testing.report import Entry
from autograd_core.testing.switches import switches_of

NAME = "differences in double precision, extrapolated"

RELATIVE_TOLERANCE = 1e-7
TURNS = "the function turns faster than differences can follow."
_EPSILON = sys.float_info.epsilon
_BESIDE = 1e-3
"""Relative: where the rounding of the two sides of a kink is taken from."""


def entries(
    recording: Recording, chosen: Sequence[int], gradients: Sequence[float], rtol: float | None, atol: float | None,
    rng: np.random.Generator, is_cut: bool = False,
) -> list[Entry]:
    """The verdict on each chosen input.

    Of a graph that is cut the constants change, and their rounding is measured.
    """
    scales = path_scales(recording)
    noise = _noise(recording, scales)
    switches = switches_of(recording.graph)
    kinks = below(recording.graph, switches.at_kinks, switches.idle)
    live = below(recording.graph, range(len(recording.order)), switches.idle)
    # Of a row of the user's own nobody knows whether its kinks are declared.
    opaque = is_cut or any(node.op is not None and node.op.exact is None for node in recording.order)

    def evaluate(point: Sequence[float]) -> tuple[float, Any]:
        there = recording.at(point)
        python = signature(there) if is_cut else branch(there)
        return there.output.data, Branches(python, _sides_of_kinks(there, live))

    found, noises = [], []
    for at in chosen:
        index = recording.index(at)
        scale = scales[index] if index is not None else 0.0
        relative = RELATIVE_TOLERANCE if rtol is None else rtol
        entry = Entry(recording.names[at], "fail", gradients[at], None, scale, relative)
        if index is None and gradients[at] == 0.0 and not is_cut:
            entry = replace(entry, note="ignored: the result does not depend on it.")
        is_kink = index in kinks or _branches_at(evaluate, recording.point, at)
        around = max(noise, _noise_beside(recording, at)) if is_kink else noise
        if is_cut:
            around = max(around, 4.0 * measured_noise(evaluate, recording.point, at))
        found.append(compare(entry, evaluate, recording.point, at, around, atol, at_a_kink=is_kink, is_opaque=opaque))
        noises.append(around)
    slopes = slopes_along(evaluate, recording.point, chosen, max(noises, default=noise))
    return judged_jointly(found, slopes, rng, 0.0 if atol is None else atol)


def slopes_along(evaluate: Evaluate, point: Sequence[float], chosen: Sequence[int], noise: float) -> Slopes:
    """The function's one-sided slopes along directions of the chosen inputs, where differences are certain of them."""

    def slopes(direction: Sequence[float]) -> tuple[float, float, float] | None:
        moving = dict(zip(chosen, direction, strict=True))
        size = max((abs(point[at]) for at, by in moving.items() if by), default=0.0) or 1.0

        def along(step: Sequence[float]) -> tuple[float, Any]:
            return evaluate([x + step[0] * size * moving.get(at, 0.0) for at, x in enumerate(point)])

        left, right = (estimate(along, [0.0], 0, noise, side) for side in (-1, 1))
        if left is None or right is None:
            return None
        return left.derivative / size, right.derivative / size, SAFETY * (left.error + right.error) / size

    return slopes


def compare(
    entry: Entry, evaluate: Evaluate, point: Sequence[float], at: int, noise: float, atol: float | None,
    at_a_kink: bool = False, is_opaque: bool = False,
) -> Entry:
    """The verdict on one gradient: held against differences of ``evaluate`` along input ``at``.

    Of an opaque function nobody knows the branches, so its two sides are compared.
    """
    if not math.isfinite(entry.gradient):
        return not_finite(entry)
    if is_opaque and not is_resolved(evaluate, point, at, noise):
        return replace(entry, verdict="inconclusive", note=TURNS)
    absolute = 1e-290 if atol is None else atol
    both = None if at_a_kink else estimate(evaluate, point, at, noise, 0)
    if is_opaque and both is not None and _sides_differ(evaluate, point, at, noise):
        both = None
    if both is None:
        left, right = (estimate(evaluate, point, at, noise, side) for side in (-1, 1))
        if left is not None and right is not None and (at_a_kink or is_opaque):
            if not at_a_kink and not _bends_at_once(evaluate, point, at, noise, left, right):
                return replace(entry, verdict="inconclusive", note=TURNS)
            return _between(entry, left, right, absolute, _far_slope(evaluate, point, at))
        # Beside a kink the side that is on the point's own branch counts.
        own = [each for each in (left, right) if each is not None and each.is_own]
        both = own[0] if own else None
        if both is None:
            return replace(entry, verdict="inconclusive", note="no differences could be taken that mean anything here.")
        entry = replace(entry, note="held against a one-sided derivative: an end of the domain, or a kink, is near.")
    return _where_smooth(entry, both, evaluate, point, at, noise, absolute)


def _where_smooth(
    entry: Entry, found: Estimate, evaluate: Evaluate, point: Sequence[float], at: int, noise: float, absolute: float
) -> Entry:
    """The verdict at a smooth point: what the difference is not sure of does not pass."""
    scale = max(entry.scale, abs(found.derivative), abs(entry.gradient))
    uncertain = SAFETY * found.error
    distance = abs(entry.gradient - found.derivative)
    paths = entry.scale
    entry = replace(entry, expected=found.derivative, scale=max(paths, abs(found.derivative)))
    if distance > max(uncertain, entry.tolerance * scale) + absolute:
        if _turns_between_floats(evaluate, point, at, entry.gradient, found.derivative, noise):
            return replace(entry, verdict="inconclusive", expected=None, note=TURNS)
        return replace(entry, verdict="fail")
    # Where the paths are not known, as at a minimum, the changes around it say how small is nothing.
    size = scale if paths else max(scale, _rise(evaluate, point, at))
    if uncertain > max(MOST_UNCERTAIN, entry.tolerance) * size + absolute and (entry.gradient or found.derivative):
        note = f"the difference is known to {found.error:.0e} only; rtol= or atol= say if that is enough."
        return replace(entry, verdict="inconclusive", note=note)
    return replace(entry, verdict="pass")


def _bends_at_once(
    evaluate: Evaluate, point: Sequence[float], at: int, noise: float, left: Estimate, right: Estimate
) -> bool:
    """Whether the slopes of the two sides are those of the smallest steps, too, as at a kink and not at a turn."""
    gap = abs(right.derivative - left.derivative)
    if gap <= SAFETY * (left.error + right.error):
        return False
    x = point[at]
    smallest = 8.0 * math.ulp(x)
    for step in {smallest, max(20.0 * noise / gap, smallest)}:
        for side in (left, right):
            here, there = (attempt(evaluate, point, at, x + turn * step) for turn in (0.0, float(side.side)))
            if here is None or there is None or here[0] == there[0]:
                continue
            slope = (there[1] - here[1]) / (there[0] - here[0])
            if abs(slope - side.derivative) > 0.25 * gap + 4.0 * noise / step:
                return False
    return True


def _turns_between_floats(
    evaluate: Evaluate, point: Sequence[float], at: int, gradient: float, found: float, noise: float
) -> bool:
    """Whether the gradient may be right all the same, over steps at which differences are hardly more than noise."""
    x = point[at]
    steps = max(20.0 * noise / abs(gradient - found), 4.0 * math.ulp(x)), FIRST_STEP * (abs(x) or 1.0)
    near, far = (
        [each for turn in (-1.0, 0.0, 1.0) if (each := attempt(evaluate, point, at, x + turn * step)) is not None]
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
    if SAFETY * error > 0.3 * size + 1e-3 * far + absolute and not flat:
        note = "at a kink, and the one-sided derivatives are not certain: a jump, perhaps."
        return replace(entry, verdict="inconclusive", note=note)
    return at_kink(entry, left.derivative, right.derivative, SAFETY * error + entry.tolerance * size + absolute)


def _far_slope(evaluate: Evaluate, point: Sequence[float], at: int) -> float:
    """The slope over the first step, or the function's own size over its input's: what errors of slopes are held to."""
    here = attempt(evaluate, point, at, point[at])
    return 0.0 if here is None else max(abs(here[1]) / max(abs(point[at]), 1.0), _rise(evaluate, point, at))


def _rise(evaluate: Evaluate, point: Sequence[float], at: int) -> float:
    """The slope over the first step."""
    step = FIRST_STEP * (abs(point[at]) or 1.0)
    here, *there = (attempt(evaluate, point, at, point[at] + turn * step) for turn in (0.0, -1.0, 1.0))
    return max((abs(each[1] - here[1]) / step for each in there if each and here), default=0.0)


def _branches_at(evaluate: Evaluate, point: Sequence[float], at: int) -> bool:
    """Whether Python's own branches differ at the very next numbers, so that the point is at their border."""
    x = point[at]
    here = attempt(evaluate, point, at, x)
    for there in (math.nextafter(x, -math.inf), math.nextafter(x, math.inf)):
        found = attempt(evaluate, point, at, there)
        if here is not None and found is not None and found[2].python != here[2].python:
            return True
    return False


def _sides_of_kinks(recording: Recording, live: Container[int]) -> list[int]:
    """The sides at the nodes that are ``live`` at the point: what the others do does not reach the result."""
    sides = []
    for at, node in enumerate(recording.order):
        if node.op is not None and node.op.kinks and at in live:
            operands = [each if isinstance(each, float) else each.data for each in node.operands]
            sides += [(kink(*operands) > 0) - (kink(*operands) < 0) for kink in node.op.kinks]
    return sides


def _sides_differ(evaluate: Evaluate, point: Sequence[float], at: int, noise: float) -> bool:
    left, right = (estimate(evaluate, point, at, noise, side) for side in (-1, 1))
    if left is None or right is None:
        return False
    known = SAFETY * (left.error + right.error)
    distance, size = abs(left.derivative - right.derivative), max(abs(left.derivative), abs(right.derivative))
    return distance > known + 1e-4 * size


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
