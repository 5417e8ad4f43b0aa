"""Values and structured functions recorded into a tape: its replay is eager's, to the last bit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_core as ag
from autograd_core import Graph, Parameter, Value, record, recording_lines
from autograd_core.errors import OperandError
from autograd_core.sweeps import topological_order
from autograd_core.tape import Tape
from autograd_core.testing import Expression, strategies


def bits(numbers: Sequence[float]) -> list[str]:
    return [each.hex() for each in numbers]


def assert_replays(tape: Tape, outputs: Sequence[Value]) -> None:
    """Every number and every derivative of every output is eager's, to the last bit."""
    order = topological_order(outputs)
    assert bits(tape.forward()) == bits([node.data for node in order])
    for at, output in enumerate(outputs):
        for root in outputs:
            root.zero_grad()
        output.backward()
        assert bits(tape.reverse(tape.forward(), output=at)) == bits([node.grad for node in order])


@given(st.one_of(*(strategies.graphs(kinks=kinks, scale=scale, max_ops=16)
                   for kinks, scale in (("avoid", "unit"), ("force", "integer"), ("allow", "wide")))))
def test_a_recorded_graph_is_replayed_as_eager_has_it(y: Value) -> None:
    tape = record(y)
    graph = Graph(y)
    assert [each.value for each in tape.inputs] == [graph._values[at] for at in graph.inputs]  # type: ignore[index]
    assert [each.name for each in tape.inputs] == [graph.record[at].name for at in graph.inputs]
    assert_replays(tape, [y])


@given(strategies.expressions(max_ops=10), st.integers(0, 8))
def test_several_outputs_are_one_tape(f: Expression, at: int) -> None:
    leaves = [Value(x, name) for x, name in zip(f.point, f.variables, strict=True)]
    y = f(*leaves)
    nodes = [node for node in topological_order([y]) if node.op is not None]
    outputs = [y, ag.tanh(nodes[at % len(nodes)]) * leaves[-1] + Value(0.5), nodes[0]]
    assert_replays(record(outputs), outputs)


@given(strategies.expressions(max_ops=10))
def test_a_recorded_graph_follows_its_leaves(f: Expression) -> None:
    leaves = [Value(0.5 * x + 0.1, name) for x, name in zip(f.point, f.variables, strict=True)]
    try:
        tape = record(y := f(*leaves))
    except ag.DomainError:
        return
    for leaf, x in zip(leaves, f.point, strict=True):
        leaf.data = x
    assert tape.forward()[-1].hex() == record(y).forward()[-1].hex() == f(*f.point).hex()
    y.recompute()
    assert_replays(tape, [y])


@given(strategies.expressions(max_ops=10), st.data())
def test_what_a_function_closes_over_adds_up_as_in_eager(f: Expression, data: st.DataObject) -> None:
    leaves = [Value(x, name) for x, name in zip(f.point, f.variables, strict=True)]
    nodes = topological_order([f(*leaves)])
    chosen = data.draw(st.lists(st.tuples(st.sampled_from(nodes), st.sampled_from([ag.mul, ag.add, ag.sub])),
                                min_size=1, max_size=6))

    def outer(x: Any) -> Any:
        for node, row in chosen:
            x = row(row(x, node), node)
        return x

    x = Value(0.7)
    y = outer(x)
    y.backward()
    tape = record(outer, ["x"])
    numbers = tape.forward([0.7])
    closed = [each.value for each in tape.inputs if each.value is not None]
    expected = [x.grad, *(leaf.grad for leaf in closed)]
    assert bits([numbers[-1], *tape.reverse(numbers)[: len(tape.inputs)]]) == bits([y.data, *expected])


EDGES: list[Callable[[Value, Value], Value]] = [
    lambda x, y: x.sqrt() * 0.0 + y, lambda x, y: x * y - y, lambda x, y: y / 3.0 - y / 3.0, lambda x, y: -(x * y),
    lambda x, y: x, lambda x, y: x * x + x * x * x, lambda x, y: ag.total([x, y, x]), lambda x, y: y.exp() * 1000.0,
    lambda x, y: ag.logsumexp([x, x, y]), lambda x, y: ag.maximum(x, x) * x**y, lambda x, y: ag.batch_mean([x, y]),
    lambda x, y: ag.tanh.renamed("g")(x) + y]


@pytest.mark.parametrize("f", EDGES)
@pytest.mark.parametrize("x, y", [(0.0, -0.0), (math.inf, 0.0), (0.0, math.inf), (math.nan, 1.0), (1e300, 1e300)])
def test_edge_values_are_replayed_too(f: Callable[[Value, Value], Value], x: float, y: float) -> None:
    output = f(Value(x, "x"), Value(y, "y"))
    assert_replays(record(output), [output])


def test_an_infinite_slope_beside_the_way_to_the_output_does_not_count() -> None:
    x = Value(0.0, "x")
    y, aside = x * 3.0, x.sqrt()
    assert_replays(record([y, aside]), [y, aside])
    assert record([y, aside]).reverse([0.0, 0.0, 0.0])[0] == 3.0


def test_parameters_and_unnamed_leaves_are_inputs() -> None:
    w, x = Parameter(2.0, "w"), Value(3.0)
    tape = record((w * x).named("h") + w)
    assert [each.value for each in tape.inputs] == [w, x] and [each.name for each in tape.inputs] == ["w", ""]
    assert str(tape) == "h = w * v_1\nv_2 = h + w\nreturn v_2"


def test_a_leaf_is_a_graph_too() -> None:
    x = Value(3.0, "x")
    tape = record(x)
    assert len(tape) == 0 and tape.outputs == (0,) and tape.reverse(tape.forward()) == [1.0]


def test_an_output_may_be_there_twice() -> None:
    x = Value(3.0, "x")
    y = x * x
    tape = record([y, y, x])
    assert tape.outputs == (1, 1, 0) and len(tape) == 1 and tape.reverse(tape.forward()) == [6.0, 1.0]


def test_a_very_deep_graph_is_recorded() -> None:
    y = Value(1.0)
    for _ in range(20_000):
        y = y + 0.5
    assert record(y).forward()[-1] == 10_001.0


def test_recording_leaves_the_graph_as_it_was() -> None:
    x = Value(3.0, "x")
    y = x * x
    y.backward()
    tape = record([y])
    tape.reverse(tape.forward())
    assert (x.grad, y.grad) == (6.0, 1.0)


@pytest.mark.parametrize("outputs", [(Value(1.0),), np.array([Value(1.0), Value(2.0)])])
def test_outputs_come_in_any_sequence(outputs: Any) -> None:
    assert record(outputs).outputs == tuple(range(len(outputs)))


USAGE = r"Write record\(f, \['x', 'y'\]\), record\(y\) or record\(\[y1, y2\]\)\."


@pytest.mark.parametrize("what, got", [([], "an empty list"), (3.0, "3.0 as an output"), ("y", "'y' as an output"),
                                       ([Value(1.0), 2.0], "2.0 as an output"), (None, "None as an output")])
def test_what_cannot_be_recorded_is_told_what_can(what: Any, got: str) -> None:
    with pytest.raises(OperandError, match=f"a Value, or a list of Values; got {got}. {USAGE}"):
        record(what)


def test_a_graphs_inputs_have_names_already() -> None:
    with pytest.raises(OperandError, match=r"got names=\['x'\] besides. Name the leaves where they are made"):
        record(Value(1.0) * 2.0, ["x"])


# --- arguments with a structure -----------------------------------------------------------------


def test_lists_dicts_and_arrays_are_arguments() -> None:
    def f(w: Any, b: Any, x: Any) -> Any:
        return (w["in"] @ x).sum() * w["out"][0][1] + b

    example = {"w": {"in": np.zeros((2, 2)), "out": [(0.0, 0.0)]}, "b": Value(0.0), "x": np.zeros(2)}
    tape = record(f, example)
    assert [each.name for each in tape.inputs] == [*(f"w_{{{at}}}" for at in range(6)), "b", "x_{0}", "x_{1}"]
    numbers = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.5, 10.0, 20.0]
    leaves = list(map(Value, numbers))
    y = f({"in": np.array(leaves[:4]).reshape(2, 2), "out": [leaves[4:6]]}, leaves[6], np.array(leaves[7:]))
    y.backward()
    data = tape.forward(numbers)
    assert bits([data[-1], *tape.reverse(data)[:9]]) == bits([y.data, *(leaf.grad for leaf in leaves)])


def test_an_argument_with_a_structure_may_have_lanes() -> None:
    tape = record(lambda w, x: w[0] * x["a"] + w[1], {"w": [0.0, 0.0], "x": {"a": 0.0}}, lanes=["x"])
    assert [each.is_lane for each in tape.inputs] == [False, False, True]
    assert tape.forward([2.0, 1.0, np.array([3.0, 5.0])])[-1].tolist() == [7.0, 11.0]


def test_an_example_must_be_made_of_numbers() -> None:
    with pytest.raises(OperandError, match="The argument x holds 'a' of type str"):
        record(lambda x: x, {"x": "a"})


# --- inputs and lines ---------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", [[], [1.0], [1.0, 2.0, 3.0, 4.0]])
def test_forward_says_how_many_numbers_it_takes(numbers: list[float]) -> None:
    w = Value(5.0, "w")
    tape = record(lambda x, y: x * y * w, ["x", "y"])
    assert tape.forward([2.0, 3.0])[-1] == 30.0 == tape.forward([2.0, 3.0, 5.0])[-1]
    with pytest.raises(OperandError) as caught:
        tape.forward(numbers)
    assert str(caught.value) == (
        f"This tape has 2 inputs of its own (x, y) and 1 closed-over leaves; forward got {len(numbers)} numbers. "
        "Give one for each input; the leaves, which come last, may be left out.")


def test_lines_are_kept_where_they_are_asked_for() -> None:
    w = Value(2.0) * Value(3.0)

    def f(x: Any) -> Any:
        h = x * w
        return ag.sin(h)

    first = f.__code__.co_firstlineno
    assert record(f, ["x"]).lines == {}
    with recording_lines():
        tape = record(f, ["x"])
    places = {tape.instructions[slot - len(tape.inputs)].op.name: line for slot, line in tape.lines.items()}
    assert places == {"mul": f"{__file__}:{first + 1}", "sin": f"{__file__}:{first + 2}"}
    assert tape == record(f, ["x"])
