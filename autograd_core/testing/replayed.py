"""Verdicts from exact replay: each local derivative at 50 digits, at the numbers the graph saw.

Rounding of values plays no part, for engine and oracle differentiate at the same numbers; what remains is
the rounding of the local derivatives and of their products, which is bounded relative to the sum of the
absolute path products.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from autograd_core.graph import Graph
from autograd_core.graph_parts import Node
from autograd_core.testing.high_precision import ExactReplay
from autograd_core.testing.joint_kinks import judged_jointly
from autograd_core.testing.many_operands import sensitivities_to_all
from autograd_core.testing.recording import Recording, path_scales
from autograd_core.testing.report import Entry
from autograd_core.testing.switches import Switches, switches_of

NAME = "local derivatives at 50 digits, accumulated apart"

RELATIVE_TOLERANCE = 1e-10
"""Of the sum of absolute path products; a thousand nodes in a row lose about 1e-12 of it."""

SMALLEST = 1e-290
"""Absolute: below it products are subnormal, and keep few digits."""

_EPSILON = sys.float_info.epsilon
_PERTURBED = 1e-9
_TINY_STEP = -60
_TINY_DIGITS = 3 * abs(_TINY_STEP)
_JUMP = 1e40  # a jump over the tiny step


def obstacle(graph: Graph) -> str:
    """Why a graph cannot be replayed, in words; empty if it can."""
    if importlib.util.find_spec("mpmath") is None:
        return "mpmath is not installed (pip install 'autograd-core[testing]')."
    missing = ExactReplay.uncovered(graph)
    return f"{', '.join(row.name for row in missing)} has no exact form." if missing else ""


class Replay:
    """One graph, replayed: what each input's derivative is, and how much rounding may account for."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.output = graph.outputs[0]
        self.exact = ExactReplay(graph)

    @cached_property
    def gradient(self) -> Mapping[int, Any]:
        """The derivative of the output with respect to every node."""
        return self.exact.gradient(self.output, range(len(self.graph.record)))

    @cached_property
    def scale(self) -> Mapping[int, Any]:
        """The sum of the absolute path products into every node."""
        return self.exact.path_scale(self.output, range(len(self.graph.record)))

    @cached_property
    def rounding(self) -> list[float]:
        """How far a derivative may be off by rounding alone, for every node."""
        found = [0.0] * len(self.graph.record)
        for node in reversed(self.graph.record):
            if node.op is None or not self.scale[node.index]:
                continue
            allowed = self.allowed(node)
            for position, operand in enumerate(node.operands):
                if type(operand) is int and (node.index, position) not in self.switches.idle:
                    slope = abs(float(self.exact.local_derivatives(node.index)[position]))
                    passed = slope * found[node.index] if found[node.index] else 0.0
                    found[operand] += passed + allowed[position] * float(self.scale[node.index])
        return found

    def allowed(self, node: Node) -> list[float]:
        """The rounding a row promises for each of its local derivatives at a node."""
        assert node.op is not None
        slopes = [abs(float(each)) for each in self.exact.local_derivatives(node.index)]
        if node.op.conditioned:
            slopes = [slope + moved for slope, moved in zip(slopes, self._sensitivity(node, slopes), strict=True)]
        return [(node.op.ulp + 2.0) * _EPSILON * slope for slope in slopes]

    def _sensitivity(self, node: Node, slopes: Sequence[float]) -> list[float]:
        """By how much each local derivative changes, per relative change of the operands."""
        assert node.op is not None
        data = [self.graph.number(operand) for operand in node.operands]
        known = sensitivities_to_all(node.op, data, slopes)
        if known is not None:
            return known
        found = [0.0] * len(data)
        for at, x in enumerate(data):
            moved = _alone(node, [*data[:at], x * (1.0 + _PERTURBED), *data[at + 1 :]])
            for position, slope in enumerate(moved):
                found[position] += abs(slope - slopes[position]) / _PERTURBED if math.isfinite(slope) else 0.0
        return found

    @cached_property
    def at_kinks(self) -> frozenset[int]:
        """The nodes that are exactly at a kink of their operation, and can leave it."""
        return self.switches.at_kinks | {
            node.index for node in self.graph.record
            if node.op is not None and self.exact.is_at_kink(node.index) and not self.exact.is_declared_kink(node)
        }

    @cached_property
    def switches(self) -> Switches:
        """What the branches of the graph can do next to its point."""
        return switches_of(self.graph)

    @cached_property
    def below_kinks(self) -> frozenset[int]:
        """The nodes from which a path leads through a kink to the output."""
        return below(self.graph, self.at_kinks, self.switches.idle)

    def one_sided(self, at: int) -> tuple[float, float]:
        """The derivatives of the output to the left and to the right of an input, at the numbers the graph saw.

        They are infinite where the output jumps.  Where only an operation on the way does, as in x H(x), the
        output's own slopes are taken.
        """
        left, right = self.slopes_along({at: 1.0})
        if max(abs(left), abs(right)) < _JUMP:
            return left, right
        if self._jumps(at):
            return -math.inf, math.inf
        sides = (float(self.exact.directional(self.output, {at: 1.0}, side)) for side in (-1, 1))
        return next(sides), next(sides)

    def slopes_along(self, direction: Mapping[int, float]) -> tuple[float, float]:
        """The slopes of the output behind and ahead along a direction of the inputs; infinite where anything jumps."""
        behind = {at: -by for at, by in direction.items()}
        return -self._along(behind), self._along(direction)

    def _jumps(self, at: int) -> bool:
        """Whether the output itself changes by more than its slope explains over a tiny step to either side."""
        import mpmath

        with mpmath.workdps(_TINY_DIGITS):
            step = mpmath.mpf(10) ** _TINY_STEP
            here, *sides = (self._replayed(at, turn * step) for turn in (0, -1, 1))
            return any(not abs(side - here) < mpmath.mpf(10) ** (_TINY_STEP // 2) for side in sides)

    def _replayed(self, at: int, shift: Any) -> Any:
        import mpmath

        values: list[Any] = []
        for node in self.graph.record:
            if node.op is None or node.op.exact is None:
                values.append(mpmath.mpf(node.data) + (shift if node.index == at else 0))
            else:
                operands = [values[each] if type(each) is int else mpmath.mpf(each) for each in node.operands]
                values.append(mpmath.re(node.op.exact(mpmath, *operands)))
        return values[self.output]

    def _along(self, direction: Mapping[int, float]) -> float:
        tangents = self.tangents(direction)
        # Where an operation jumps, what that makes of the output is another question.
        return float(tangents[self.output]) if len(tangents) > self.output else math.inf

    def tangents(self, direction: Mapping[int, float]) -> list[Any]:
        """How fast every node changes ahead along a direction of the inputs; those up to where an operation jumps."""
        import mpmath

        with mpmath.workdps(_TINY_DIGITS):
            found: list[Any] = []
            for node in self.graph.record:
                if node.op is None:
                    found.append(mpmath.mpf(direction.get(node.index, 0.0)))
                    continue
                moving = [found[each] if type(each) is int else mpmath.mpf(0) for each in node.operands]
                if not any(moving):
                    found.append(mpmath.mpf(0))
                elif node.index in self.at_kinks and node.op.exact is not None:
                    near, rise = self._ahead(node, moving, (0, 1))
                    if not abs(rise) < _JUMP * near:
                        return found
                    found.append(rise / near)
                else:
                    slopes = self.exact.local_derivatives(node.index)
                    found.append(mpmath.fsum(d * t for d, t in zip(slopes, moving, strict=True) if t))
            return found

    def slope_ahead(self, node: Node, moving: Sequence[Any]) -> float:
        """The limit of the derivative ahead of one operation along a direction of its operands, jumps left out."""
        import mpmath

        with mpmath.workdps(_TINY_DIGITS):
            near, rise = self._ahead(node, moving, (1, 2))
            return float(rise / near)

    def _ahead(self, node: Node, moving: Sequence[Any], ends: tuple[int, int]) -> tuple[Any, Any]:
        """A tiny step, and the change of one operation between two multiples of it."""
        import mpmath

        assert node.op is not None and node.op.exact is not None
        near = mpmath.mpf(10) ** _TINY_STEP / max(map(abs, moving))
        data = [mpmath.mpf(self.graph.number(each)) for each in node.operands]
        first, last = (
            node.op.exact(mpmath, *(x + times * near * t for x, t in zip(data, moving, strict=True))) for times in ends
        )
        return near, mpmath.re(last - first)


def below(
    graph: Graph, nodes: Iterable[int], idle: frozenset[tuple[int, int]] = frozenset()
) -> frozenset[int]:
    """The nodes from which a path leads through one of ``nodes`` to the output, these included; none by ``idle``."""
    parents = [
        [each for at, each in enumerate(node.operands) if type(each) is int and (node.index, at) not in idle]
        for node in graph.record
    ]
    above = set(graph.outputs)
    for node in reversed(graph.record):
        if node.index in above:
            above.update(parents[node.index])
    reached = above.intersection(nodes)
    for node in reversed(graph.record):
        if node.index in reached:
            reached.update(parents[node.index])
    return frozenset(reached)


def entries(
    replay: Replay, recording: Recording, chosen: Sequence[int], gradients: Sequence[float], rtol: float | None,
    atol: float | None, rng: np.random.Generator,
) -> list[Entry]:
    """The verdict on each chosen input, kinks taken together."""
    found = [_entry(replay, recording, at, gradients[at], rtol, atol) for at in chosen]
    places = [recording.index(at) for at in chosen]

    def slopes(direction: Sequence[float]) -> tuple[float, float, float]:
        moving = zip(places, direction, strict=True)
        return *replay.slopes_along({place: by for place, by in moving if place is not None and by}), 0.0

    return judged_jointly(found, slopes, rng, SMALLEST if atol is None else atol)


def _entry(
    replay: Replay, recording: Recording, at: int, gradient: float, rtol: float | None, atol: float | None
) -> Entry:
    name, index = recording.names[at], recording.index(at)
    relative = RELATIVE_TOLERANCE if rtol is None else rtol
    absolute = SMALLEST if atol is None else atol
    if index is None:
        note = "ignored: the result does not depend on it."
        return Entry(name, "pass" if gradient == 0.0 else "fail", gradient, 0.0, 0.0, relative, note=note)
    expected, scale = float(replay.gradient[index]), float(replay.scale[index])
    if index in replay.below_kinks:
        left, right = replay.one_sided(index)
        size = max(abs(left), abs(right), path_scales(recording)[index])
        entry = Entry(name, "kink", gradient, None, size, relative)
        if not math.isfinite(gradient):
            return not_finite(entry)
        return at_kink(entry, left, right, relative * size + absolute)
    entry = Entry(name, "fail", gradient, expected, scale, relative)
    allowed = relative * scale + absolute + 4.0 * replay.rounding[index]
    if not math.isfinite(expected) or not math.isfinite(gradient):
        return not_finite(entry)
    return replace(entry, verdict="pass" if abs(gradient - expected) <= allowed else "fail")


def at_kink(entry: Entry, left: float, right: float, allowed: float) -> Entry:
    """The verdict where the function has a kink: between the one-sided derivatives a gradient is legal."""
    low, high = min(left, right), max(left, right)
    if not max(abs(low), abs(high)) < _JUMP:
        return replace(entry, verdict="inconclusive", note="the function jumps here.")
    legal = low - allowed <= entry.gradient <= high + allowed
    left, right = left + 0.0, right + 0.0  # no minus zero
    known = f"{left:.6g} on the left, {right:.6g} on the right"
    chose = f"the gradient is {entry.gradient:.6g}" + ("" if legal else ", which lies outside")
    return replace(entry, verdict="kink", left=left, right=right, legal=legal, note=f"a kink: {known}; {chose}.")


def not_finite(entry: Entry) -> Entry:
    """The verdict where the gradient or what it should be is infinite or nan: reported, not compared."""
    if entry.expected is None:
        says = ""
    elif math.isnan(entry.expected):
        says = ", and what it should be is not known"
    else:
        says = f", and it should be {entry.expected:.6g}"
    note = f"the gradient is {entry.gradient:.6g}{says}: not compared."
    return replace(entry, verdict="inconclusive", expected=None, note=note)


def _alone(node: Node, data: Sequence[float]) -> list[float]:
    """The local derivatives of one operation at other operands."""
    leaves = [Node(at, None, (), None, x, None) for at, x in enumerate(data)]
    only = Node(len(data), node.op, tuple(range(len(data))), None, 0.0, None)
    replay = ExactReplay(Graph.of_nodes([*leaves, only], [len(data)]))
    return [abs(float(each)) for each in replay.local_derivatives(len(data))]
