"""Where an error is: a local derivative, a value, or a sum of contributions that is not what it should be."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from autograd_core.graph import Graph
from autograd_core.graph_parts import Node
from autograd_core.names import Name
from autograd_core.row import Primitive
from autograd_core.testing import extrapolated, float_differences
from autograd_core.testing.recording import Cut, Recording, path_scales
from autograd_core.testing.replayed import RELATIVE_TOLERANCE, SMALLEST, Replay
from autograd_core.testing.report import Arrow, Culprit, Entry

_NOISE = 8.0 * sys.float_info.epsilon
_ABSOLUTE = 1e-12


class Memory(NamedTuple):
    """A gradient that another sweep changes as it should not: what is wrong, at which input, and the numbers."""

    what: str
    leaf: int
    expected: float
    got: float


def failed(entry: Entry, note: str) -> Entry:
    """The entry as a failure, for a reason."""
    return replace(entry, verdict="fail", expected=None, note=note, legal=False)


def culprit(recording: Recording, replay: Replay | None, sums: Sequence[float]) -> Culprit | None:
    """What is wrong in a graph whose gradient is: ``sums`` are the adjoints the sweep ended with.

    Local derivatives come first, of several wrong ones that which moves the result most; then values; then
    the first sum, from the output down, that is not what its contributions add up to.  Without a replay, local
    derivatives are held against differences of their operation alone, and values against nothing.
    """
    return wrong_edge(recording, replay) or wrong_value(recording, replay) or _wrong_sum(recording, sums)


def wrong_edge(recording: Recording, replay: Replay | None) -> Culprit | None:
    """The wrong local derivative that moves the result most, or None."""
    graph = recording.graph
    scales = replay.scale if replay else path_scales(recording)
    worst: tuple[float, Node, list[Arrow]] | None = None
    for node in graph.record:
        if node.op is None or node.partials is None:
            continue
        found = _wrong_by_replay(node, replay) if replay else _wrong_by_differences(node, graph)
        arrows = [Arrow(position, expected, node.partials[position]) for position, expected in found]
        arrows.sort(key=lambda arrow: -abs(arrow.got - arrow.expected))
        if arrows:
            moved = abs(arrows[0].got - arrows[0].expected) * float(scales[node.index])
            if worst is None or moved > worst[0]:
                worst = moved, node, arrows
    if worst is None:
        return None
    _, node, arrows = worst
    (position, expected, got), operand = arrows[0], node.operands[arrows[0].operand]
    assert type(operand) is int and node.op is not None
    result = f"{graph.name(node.index).unicode} = {graph.formula(node.index).text}"
    what = (
        f"the local derivative of {result} with respect to "
        f"{graph.name(operand).unicode} (argument {position + 1} of {node.op.name}) is wrong"
    )
    return _culprit(what, recording, node, expected, got, [node], arrows=arrows)


def _wrong_by_replay(node: Node, replay: Replay) -> Iterator[tuple[int, float]]:
    """The positions of the wrong partials of a node, each with what it should be."""
    assert node.partials is not None
    slopes, allowed = replay.exact.local_derivatives(node.index), replay.allowed(node)
    is_coupled = node.index in replay.at_kinks and _is_coupled(node, replay.graph)
    if is_coupled:
        owed = _owed_at_kink(node, replay, allowed)
        if owed is None:
            return
    for position, operand in enumerate(node.operands):
        if type(operand) is not int:
            continue
        expected, got = float(slopes[position]), node.partials[position]
        if node.index in replay.at_kinks:
            sides = [float(each) for each in replay.exact.one_sided(node.index, position) if each is not None]
            expected = _nearest(got, sides) if sides else expected
        if math.isnan(expected) or got == expected:
            continue
        if not abs(got - expected) <= RELATIVE_TOLERANCE * abs(expected) + 4.0 * allowed[position] + SMALLEST:
            yield position, expected
            is_coupled = False
    if is_coupled and owed is not None:
        yield owed


def _is_coupled(node: Node, graph: Graph) -> bool:
    """Whether an input moves several operands of a node at once."""
    reaching = [_leaves_below(graph, operand) for operand in node.operands if type(operand) is int]
    return sum(map(len, reaching)) > len(frozenset().union(*reaching))


def _leaves_below(graph: Graph, top: int) -> frozenset[int]:
    reached = {top}
    for node in reversed(graph.record[: top + 1]):
        if node.index in reached:
            reached.update(node.parents)
    return frozenset(at for at in reached if graph.record[at].op is None)


def _owed_at_kink(node: Node, replay: Replay, allowed: Sequence[float]) -> tuple[int, float] | None:
    """A partial and what it should be, if the node's slope along some input is not between its one-sided slopes.

    Of operands that move together none has a slope of its own: clip(y, y, y) has the derivative 1, however it is
    shared among the three.
    """
    assert node.partials is not None
    for leaf in replay.graph.record:
        for turn in (1.0, -1.0) if leaf.op is None else ():
            tangents = replay.tangents({leaf.index: turn})
            if len(tangents) <= max(node.parents):
                continue
            moving = [tangents[each] if type(each) is int else 0.0 for each in node.operands]
            if not any(moving):
                continue
            sides = [replay.slope_ahead(node, moving), -replay.slope_ahead(node, [-each for each in moving])]
            terms = [partial * float(t) for partial, t in zip(node.partials, moving, strict=True)]
            missing = _nearest(math.fsum(terms), sides) - math.fsum(terms)
            noise = [0.0 if math.isnan(each) else 4.0 * each * abs(t) for each, t in zip(allowed, moving, strict=True)]
            if abs(missing) > RELATIVE_TOLERANCE * sum(map(abs, terms)) + sum(noise) + SMALLEST:
                at = next(at for at, each in enumerate(moving) if each)
                return at, node.partials[at] + missing / float(moving[at])
    return None


def _wrong_by_differences(node: Node, graph: Graph) -> Iterator[tuple[int, float]]:
    """The same, held against differences of the operation alone."""
    assert node.op is not None and node.partials is not None
    numbers = [graph.number(operand) for operand in node.operands]
    for position, operand in enumerate(node.operands):
        if type(operand) is not int:
            continue
        found = hold_partial(node.op, numbers, node.partials, position, is_opaque=True)
        if found.verdict == "fail" and found.expected is not None:
            yield position, found.expected
        elif found.verdict == "kink" and not found.legal and found.left is not None and found.right is not None:
            yield position, _nearest(node.partials[position], [found.left, found.right])


def hold_partial(
    row: Primitive, operands: Sequence[float], slopes: Sequence[float], at: int,
    tolerance: float = float_differences.RELATIVE_TOLERANCE, is_opaque: bool = False,
) -> Entry:
    """The verdict on ``slopes[at]``, one local derivative of an operation, from differences of its values."""

    def sides(moved: Sequence[float]) -> list[int]:
        signs = [kink(*moved) for kink in row.kinks]
        return [(sign > 0) - (sign < 0) for sign in signs]

    def evaluate(moved: Sequence[float]) -> tuple[float, list[int]]:
        return row.on_floats(*moved), sides(moved)

    carried = sum(abs(x * slope) for x, slope in zip(operands, slopes, strict=True) if math.isfinite(slope))
    entry = Entry(f"argument {at + 1}", "fail", slopes[at], None, abs(slopes[at]), tolerance)
    with np.errstate(all="ignore"):
        rounding = _NOISE * (abs(row.on_floats(*operands)) + carried)
        noise = max(rounding, 4.0 * extrapolated.measured_noise(evaluate, operands, at))
        # A failure must stand though the operand itself was rounded on the way, as in x - sin(x).
        for allowed in (noise, noise + _NOISE * abs(operands[at])):
            found = float_differences.compare(
                entry, evaluate, operands, at, allowed, _ABSOLUTE, at_a_kink=0 in sides(operands), is_opaque=is_opaque
            )
            if found.verdict != "fail":
                break
    return found


def wrong_value(recording: Recording, replay: Replay | None) -> Culprit | None:
    """The first node whose value is not what its operation gives of its operands; None without a replay."""
    if replay is None:
        return None
    for node in replay.graph.record:
        if node.op is None or node.data is None:
            continue
        expected = float(replay.exact.value(node.index))
        slopes = replay.exact.local_derivatives(node.index)
        numbers = map(replay.graph.number, node.operands)
        changes = [abs(float(slope) * x) for slope, x in zip(slopes, numbers, strict=True)]
        spread = abs(expected) + sum(change for change in changes if not math.isnan(change))
        if abs(node.data - expected) > RELATIVE_TOLERANCE * spread + SMALLEST:
            what = f"the value of {replay.graph.name(node.index).unicode} ({node.op.name}) is wrong"
            return _culprit(what, recording, node, expected, node.data, [node])
    return None


def _wrong_sum(recording: Recording, sums: Sequence[float]) -> Culprit | None:
    """The first adjoint that is not what the recorded local derivatives hand down to it."""
    graph = recording.graph
    scales = path_scales(recording)
    expected = [0.0] * len(graph.record)
    expected[graph.outputs[0]] = 1.0
    for node in reversed(graph.record):
        right, got = expected[node.index], sums[node.index]
        if not abs(got - right) <= RELATIVE_TOLERANCE * scales[node.index] + SMALLEST and not math.isnan(right):
            name = graph.name(node.index).unicode
            readers = [each for each in graph.record if node.index in each.parents]
            count = sum(each.parents.count(node.index) for each in readers)
            wrong = f"{name} has {count} contribution{'s' if count != 1 else ''}, and their sum is wrong"
            if node.index == graph.outputs[0]:
                wrong = f"it must start with 1, the derivative of the result {name} to itself, or every sum is wrong"
            what = f"the local derivatives are right, but not the sweep: {wrong}"
            return _culprit(what, recording, node, right, got, [node, *readers], "gradient")
        for operand, partial in zip(node.operands, node.partials or (), strict=False):
            if type(operand) is int:
                expected[operand] += right * partial if right else 0.0
    return None


def _nearest(x: float, sides: Sequence[float]) -> float:
    return min(max(x, min(sides)), max(sides))


def cut_off(recording: Recording, cut: Cut, missed: str, expected: float, got: float) -> Culprit:
    """The node at which a graph is cut, with the gradient of an input that ``missed`` what comes through it."""
    node = recording.graph.record[cut.node]
    readers = [each for each in recording.graph.record if node.index in each.parents] if node.op is None else []
    what = f"the graph is cut at {cut.where}: the gradient of {Name.of(missed).unicode} misses what comes through it"
    return _culprit(what, recording, node, expected, got, [node, *readers], f"gradient of {Name.of(missed).unicode}")


def kept(recording: Recording, memory: Memory) -> Culprit | None:
    """The input that shows a mistake which is kept between sweeps; None if it is not in the graph."""
    index = recording.index(memory.leaf)
    if index is None:
        return None
    node = recording.graph.record[index]
    what = f"{memory.what} (the gradient of {recording.graph.name(index).unicode})"
    readers = [each for each in recording.graph.record if index in each.parents]
    return _culprit(what, recording, node, memory.expected, memory.got, [node, *readers], "gradient")


def _culprit(
    what: str, recording: Recording, node: Node, expected: float, got: float, around: Sequence[Node],
    quantity: str = "value", arrows: Sequence[Arrow] = (),
) -> Culprit:
    operation = node.op.name if node.op else "a leaf"
    graph, place = _around(recording.graph, around)
    line = recording.line(node.index)
    return Culprit(what, operation, line, expected, got, graph, node.index, place[node.index], quantity, tuple(arrows))


def _around(graph: Graph, nodes: Sequence[Node]) -> tuple[Graph, dict[int, int]]:
    """The smallest graph with these nodes, and where in it each is: what they read are its leaves."""
    wanted = {node.index for node in nodes}
    parents = {at for node in nodes for at in node.parents} - wanted
    order = sorted(wanted | parents)
    place = {at: new for new, at in enumerate(order)}
    small = []
    for at in order:
        node = graph.record[at]
        name = graph.name(at).latex if node.name is None else node.name
        if at in parents:
            small.append(Node(place[at], None, (), name, node.data, ()))
        else:
            operands = tuple(place[each] if type(each) is int else each for each in node.operands)
            small.append(Node(place[at], node.op, operands, name, node.data, node.partials))
    read = {at for node in nodes for at in node.parents}
    return Graph.of_nodes(small, [place[at] for at in sorted(wanted - read or wanted)]), place
