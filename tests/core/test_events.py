"""The events of both passes: replayed they are the backward pass, and the wrong order shows what it loses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_core as ag
from autograd_core import Graph, OperandError, Value, backward_events, forward_events
from autograd_core.value import topological_order
from autograd_core.writing import ASCII
from viz.lecture import chain, example_1, example_2, example_3, mini_network, scalar_network, simple

OUTPUTS = {
    "example-1": example_1().y, "example-2": example_2().y, "example-3": example_3().y, "chain": chain().f,
    "simple": simple().y, "scalar-network": scalar_network().E, "mini-network": mini_network().E,
}
each_output = pytest.mark.parametrize("y", OUTPUTS.values(), ids=OUTPUTS)


def gradients(y: Value) -> list[float]:
    """What ``backward`` writes, operands before results."""
    y.zero_grad()
    y.backward()
    return [node.grad for node in topological_order([y])]


def random_value(seed: int) -> Value:
    """A graph of up to 30 operations on nodes drawn from those before, so that some are shared."""
    rng = np.random.default_rng(seed)
    nodes = [Value(float(x), name) for x, name in zip(rng.uniform(-1, 1, 3), "abc", strict=True)]
    for _ in range(int(rng.integers(1, 30))):
        first, second = (nodes[int(at)] for at in rng.integers(0, len(nodes), 2))
        kind = int(rng.integers(4))
        nodes.append((first + second, first * second, ag.sin(first), ag.dot([first, second, 2.0], [second] * 3))[kind])
    return nodes[-1]


def diamonds(count: int) -> Value:
    """x, then ``count`` nodes that read the one before twice."""
    node = Value(1.5, "x")
    for at in range(count):
        node = (node + node).named(f"b_{at}")
    return node


@each_output
def test_replayed_the_events_are_the_backward_pass_to_the_last_bit(y: Value) -> None:
    assert list(backward_events(y).adjoints().values()) == gradients(y)


@given(st.integers(0, 10_000))
def test_replayed_the_events_of_any_graph_are_the_backward_pass(seed: int) -> None:
    y = random_value(seed)
    assert list(backward_events(y).adjoints().values()) == gradients(y)


@each_output
def test_each_event_starts_where_the_one_before_ended(y: Value) -> None:
    sums: dict[int, float] = {}
    for event in backward_events(y):
        assert event.before == sums.get(event.edge.tail, 0.0)
        assert event.after == event.before + event.contribution
        assert event.contribution == event.adjoint * event.local_derivative
        sums[event.edge.tail] = event.after


@each_output
def test_a_node_is_passed_on_once_it_is_complete_and_only_then(y: Value) -> None:
    events = backward_events(y)
    output = events.graph.outputs[0]
    complete = {output}
    for event in events:
        assert event.node.index in complete
        into = [at for at, each in enumerate(events) if each.edge.tail == event.edge.tail]
        complete |= {node.index for node in event.complete}
        assert (event.edge.tail in {node.index for node in event.complete}) == (event.position == into[-1])
    assert complete == set(events.graph.shown)


@each_output
def test_the_forward_events_compute_each_node_from_what_came_before(y: Value) -> None:
    known = {node.index: node.data for node in Graph(y).record if node.op is None}
    for event in forward_events(y):
        assert event.operands == tuple(known[each] if type(each) is int else each for each in event.node.operands)
        assert event.node.op is not None
        assert event.value == event.node.op.on_floats(*event.operands)
        known[event.node.index] = event.value
    assert len(known) == len(Graph(y).record)


def test_a_contracted_graph_has_an_event_for_each_arrow_of_the_picture() -> None:
    events = backward_events(Graph(example_2().y).contract())
    assert events.to_text(ASCII).splitlines() == [
        "dy/da_1 += dy/da_1 * dy/dy = 2 * 1",
        "dy/da_2 += dy/da_2 * dy/dy = 1 * 1",
        "dy/dx += da_2/dx * dy/da_2 = -1 * 1",
        "dy/dx += da_1/dx * dy/da_1 = 3 * 2",
    ]
    assert [[node.name for node in event.complete] for event in events] == [["a_1"], ["a_1", "a_2"], [], ["x"]]
    assert [event.to_text(ASCII) for event in forward_events(events.graph)] == [
        "a_1 = 3x = 3", "a_2 = -x = -1", "y = 2a_1 + a_2 = 5",
    ]


def test_the_wrong_order_loses_what_arrives_after_a_node_was_passed_on() -> None:
    a = Value(3.0, "a")
    b = (a + a).named("b")
    c = (b + b).named("c")
    wrong = backward_events(c, order="depth_first")
    assert [(event.node.name, event.edge.tail, event.after, event.lost) for event in wrong] == [
        ("c", 1, 1.0, False), ("b", 0, 1.0, False), ("b", 0, 2.0, False), ("c", 1, 2.0, True),
    ]
    assert wrong.adjoints() == {0: 2.0, 1: 2.0, 2: 1.0}
    assert backward_events(c).adjoints() == {0: 4.0, 1: 2.0, 2: 1.0}
    assert repr(wrong) == "<4 backward events in depth_first order, 1 lost>"


@pytest.mark.parametrize("contracted", [True, False])
def test_example_2_with_sharing_loses_its_second_path(contracted: bool) -> None:
    y = ag.parse("y = 2*a_1 + a_2; a_1 = 3*s; a_2 = -s; s = x**2", x=1.0).y
    graph = Graph(y).contract() if contracted else Graph(y)  # a recursion over y.edges sees the second
    x, s = graph.index("x"), graph.index("s")
    wrong, right = backward_events(graph, order="depth_first"), backward_events(graph)
    assert [(event.edge.tail, event.contribution) for event in wrong.lost] == [(s, -1.0)]
    assert [wrong.adjoints()[at] for at in (s, x)] == [5.0, 12.0]
    assert [right.adjoints()[at] for at in (s, x)] == [5.0, 10.0]
    assert not right.lost


@each_output
def test_without_shared_computed_nodes_the_order_does_not_matter(y: Value) -> None:
    wrong = backward_events(y, order="depth_first")
    assert not wrong.lost
    assert wrong.adjoints() == pytest.approx(backward_events(y).adjoints(), rel=1e-15)


@pytest.mark.parametrize("count", [1, 3, 10])
def test_the_wrong_order_follows_one_path_of_a_tower_of_diamonds(count: int) -> None:
    y = diamonds(count)
    assert backward_events(y).adjoints()[0] == 2.0**count
    assert backward_events(y, order="depth_first").adjoints()[0] == 2.0
    assert len(backward_events(y, order="depth_first").lost) == count - 1


@pytest.mark.parametrize("order", ["topological", "depth_first"])
def test_a_long_chain_and_a_wide_sum_have_their_events(order: ag.events.Order) -> None:
    node = x = Value(1.0, "x")
    for _ in range(20_000):
        node = -node
    assert backward_events(node, order=order)[-1].after == 1.0
    wide = ag.total([x] * 20_000)
    events = backward_events(wide, order=order)
    assert events[-1].after == 20_000.0
    assert [events[at].complete for at in (0, -1)] == [(), (events.graph.record[0],)]


def test_what_the_output_does_not_depend_on_has_no_events() -> None:
    definitions = ag.parse("y = 2*a; a = 3*x; z = a**2", x=1.0)
    for order in ("topological", "depth_first"):
        events = backward_events(definitions.graph(output="y"), order=order)
        assert {event.node.name for event in events} == {"y", "a"}


def test_events_read_like_the_ledger_and_slice_like_a_list() -> None:
    events = backward_events(scalar_network().E)
    (line,) = (event for event in events if event.edge.tail == events.graph.index("w_1"))
    assert line.to_text(ASCII) == "dE/dw_1 += da_1/dw_1 * dE/da_1 = 2 * 0.04149"
    assert line.to_text() == str(line) == "dE/dw₁ += ∂a₁/∂w₁ · dE/da₁ = 2 · 0.04149"
    assert str(events[:2]) == "\n".join(map(str, events[:2]))
    assert events[:2].adjoints().keys() == events.adjoints().keys()
    assert len(events[-3:]) == 3


MISTAKES = [
    (lambda: backward_events(Value(1.0, "x")),
     "x is a leaf: it was not computed from anything, so there is no step to show. Pass an output that was computed."),
    (lambda: forward_events(Value(1.0, "x")),
     "x is a leaf: it was not computed from anything, so there is no step to show. Pass an output that was computed."),
    (lambda: backward_events(ag.parse("y = 2*x").graph()),
     "This graph has no numbers, so there are no steps to show. Give the inputs numbers."),
    (lambda: backward_events(Graph([example_1().y, example_2().y])),
     "A derivative is that of one output; this graph has y, y. Give one of them."),
]


@pytest.mark.parametrize(("mistake", "says"), MISTAKES)
def test_mistakes_are_answered_with_what_to_do(mistake, says: str) -> None:
    with pytest.raises(OperandError) as caught:
        mistake()
    assert str(caught.value) == says


def test_another_order_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"order is 'topological' or 'depth_first' \(the wrong one\); got 'random'\."):
        backward_events(example_1().y, order="random")  # type: ignore[arg-type]


def test_a_stale_graph_has_no_events() -> None:
    x = Value(1.0, "x")
    y = (2 * x).named("y")
    x.data = 2.0
    with pytest.raises(ag.StaleGraphError, match="recompute"):
        backward_events(y)
