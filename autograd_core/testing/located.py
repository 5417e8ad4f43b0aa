"""Where an error is: a local derivative, a value, or a sum of contributions that is not what it should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autograd_core.graph import Graph
from autograd_core.graph_parts import Node
from autograd_core.testing.recording import Recording
from autograd_core.testing.replayed import RELATIVE_TOLERANCE, SMALLEST, Replay
from autograd_core.testing.report import Culprit, Entry


def failed(entry: Entry, note: str) -> Entry:
    """The entry as a failure, for a reason."""
    return replace(entry, verdict="fail", expected=None, note=note, legal=False)


def culprit(recording: Recording, replay: Replay, sums: Sequence[float]) -> Culprit | None:
    """What is wrong in a graph whose gradient is: ``sums`` are the adjoints the sweep ended with.

    Local derivatives come first, of several wrong ones that which moves the result most; then values; then
    the first sum, from the output down, that is not what its contributions add up to.
    """
    found = _wrong_edge(recording, replay) or _wrong_value(recording, replay) or _wrong_sum(recording, replay, sums)
    return found


def _wrong_edge(recording: Recording, replay: Replay) -> Culprit | None:
    worst: tuple[float, Culprit] | None = None
    for node in replay.graph.record:
        if node.op is None or node.partials is None:
            continue
        slopes = replay.exact.local_derivatives(node.index)
        allowed = replay.allowed(node)
        for position, operand in enumerate(node.operands):
            if type(operand) is not int:
                continue
            expected, got = float(slopes[position]), node.partials[position]
            if node.index in replay.at_kinks:
                left, right = (float(each) for each in replay.exact.one_sided(node.index, position) if each is not None)
                expected = min(max(got, min(left, right)), max(left, right))
            error = abs(got - expected)
            if error <= RELATIVE_TOLERANCE * abs(expected) + 4.0 * allowed[position] + SMALLEST:
                continue
            moved = error * float(replay.scale[node.index])
            if worst is None or moved > worst[0]:
                name = replay.graph.name
                what = (f"the local derivative of {name(node.index).ascii} = {replay.graph.formula(node.index).ascii} "
                        f"with respect to {name(operand).ascii} (argument {position + 1} of {node.op.name}) is wrong")
                worst = moved, Culprit(what, node.op.name, recording.line(node.index), expected, got,
                                       _around(replay.graph, [node]))
    return worst[1] if worst else None


def _wrong_value(recording: Recording, replay: Replay) -> Culprit | None:
    for node in replay.graph.record:
        if node.op is None or node.data is None:
            continue
        expected = float(replay.exact.value(node.index))
        slopes = replay.exact.local_derivatives(node.index)
        pairs = zip(slopes, map(replay.graph.number, node.operands), strict=True)
        spread = abs(expected) + sum(abs(float(slope) * x) for slope, x in pairs)
        if abs(node.data - expected) > RELATIVE_TOLERANCE * spread + SMALLEST:
            what = f"the value of {replay.graph.name(node.index).ascii} ({node.op.name}) is wrong"
            return Culprit(what, node.op.name, recording.line(node.index), expected, node.data,
                           _around(replay.graph, [node]))
    return None


def _wrong_sum(recording: Recording, replay: Replay, sums: Sequence[float]) -> Culprit | None:
    for node in reversed(replay.graph.record):
        expected, got = float(replay.gradient[node.index]), sums[node.index]
        if abs(got - expected) > RELATIVE_TOLERANCE * float(replay.scale[node.index]) + SMALLEST:
            readers = [each for each in replay.graph.record if node.index in each.parents]
            count = sum(each.parents.count(node.index) for each in readers)
            what = (f"the local derivatives are right, but not the sweep: {replay.graph.name(node.index).ascii} has "
                    f"{count} contribution{'s' if count != 1 else ''}, and their sum is wrong")
            operation = node.op.name if node.op else "a leaf"
            return Culprit(what, operation, recording.line(node.index), expected, got,
                           _around(replay.graph, readers or [node]))
    return None


def _around(graph: Graph, nodes: Sequence[Node]) -> Graph:
    """The smallest graph with these nodes: what they read are its leaves."""
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
    return Graph.of_nodes(small, [place[node.index] for node in nodes])
