"""The page's own passes against the engine's: every value, local derivative and event, in node.

A case is a graph and the numbers its leaves are moved to.  The engine rebuilds the graph at these; the page
has only the data of a stepper.  All cases run in one node process.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_core as ag
import viz
from autograd_core import DomainError, Graph, Value, backward_events
from autograd_core.value import topological_order
from tests.core.sweeps import call
from tests.core.test_javascript import needs_node, number_text, run_in_node
from viz.lecture import chain, example_1, example_2, example_3, mini_network, scalar_network, simple
from viz.picture import Picture
from viz.stepping import Stepper, model
from viz.stepping.stepper import stepper_module

RANDOM = 60

REPLAY = """
// What JSON cannot hold: numbers that are not finite become text.
const written = (key, x) => typeof x === "number" && !Number.isFinite(x) ? String(x) : x instanceof Set ? [...x] : x;
function replayed(data, moved) {
  const inputs = Object.fromEntries(Object.entries(moved).map(([at, x]) => [at, Number(x)]));
  const {values, partials, undefinedAt, problem} = computeForward(data.record, inputs);
  const passes = Object.entries(data.views).flatMap(([name, view]) => {
    const locals = computeEdges(view, data.record, partials);
    return Object.keys(view.orders).map(order => {
      const {events, sums} = computeBackward(view, order, data.output, locals);
      return {name, order, locals, events, sums: Object.fromEntries(sums)};
    });
  });
  return {values, undefinedAt, problem, passes};
}
"""


class Case(NamedTuple):
    """A stepper with the graph it was made from, and the leaves' numbers by their index in the record."""

    graph: Graph
    moved: dict[int, float]


class Pass(NamedTuple):
    """A backward pass as the page made it, and the engine's graph it must be one through."""

    shown: Any
    right: Graph


def rebuilt(graph: Graph, moved: Mapping[int, float]) -> Graph:
    """The same graph computed anew, leaf by leaf and row by row, from other numbers."""
    made: list[Value] = []
    for node in graph.record:
        operands = [made[each] if type(each) is int else each for each in node.operands]
        value = Value(moved.get(node.index, node.data)) if node.op is None else call(node.op, operands)
        made.append(value.named(node.name) if node.name else value)
    again = Graph(made[graph.only_output()], wrt=[made[at] for at in graph.inputs])
    assert [node.operands for node in again.record] == [node.operands for node in graph.record]
    if not graph.contracted:
        return again
    return again.contract(None if graph.kept is None else [made[at] for at in graph.kept])


def random_graph(seed: int) -> Graph:
    """Up to 25 operations on nodes drawn from those before, half of them named, seen from some of the leaves."""
    rng = np.random.default_rng(seed)
    names: list[str | None] = ["a", "b", "c", None]
    nodes = [Value(float(x), name) for x, name in zip(rng.uniform(0.2, 1.0, 4), names, strict=True)]
    leaves = list(nodes)
    makers: list[Callable[[Any, Any], Any]] = [
        lambda p, q: p + q, lambda p, q: p * q, lambda p, q: p * p, lambda p, q: 2.0 - p, lambda p, q: ag.sin(p),
        lambda p, q: ag.tanh.renamed("g")(p), lambda p, q: ag.maximum(p, q), lambda p, q: p / (1.5 + q * q),
        lambda p, q: ag.dot([p, q, 2.0], [q, q, p]), lambda p, q: ag.mean([p, p, q]),
        lambda p, q: ag.logsumexp([p, 0.5, q, p]),
    ]
    for at in range(int(rng.integers(2, 25))):
        p, q = (nodes[int(each)] for each in rng.integers(max(0, len(nodes) - 8), len(nodes), 2))
        made = makers[int(rng.integers(len(makers)))](p, q)
        nodes.append(made.named(f"n_{at}") if rng.random() < 0.5 else made)
    there = topological_order([nodes[-1]])
    chosen = [leaf for leaf in leaves if leaf in there and rng.random() < 0.6]
    return Graph(nodes[-1], wrt=chosen or None)


def lecture_graphs() -> list[Graph]:
    outputs = example_1().y, example_2().y, example_3().y, chain().f, simple().y, scalar_network().E, mini_network().E
    return [*map(Graph, outputs), Graph(outputs[5], wrt=["w_1", "w_2"]), Graph(outputs[6], wrt=["a_0"]).contract()]


@cache
def cases() -> list[Case]:
    """Each graph at its own numbers, and with every named leaf moved twice."""
    rng = np.random.default_rng(0)
    found = []
    for graph in [*lecture_graphs(), *map(random_graph, range(RANDOM)), *map(subset_graph, range(10))]:
        leaves = [node.index for node in graph.record if node.op is None and node.name]
        found += [Case(graph, {})]
        found += [Case(graph, {at: float(rng.uniform(0.2, 1.2)) for at in leaves}) for _ in range(2)]
    return found


def subset_graph(seed: int) -> Graph:
    """Contracted to nodes of one's own choice, so that named nodes are hidden as well."""
    graph = random_graph(1000 + seed)
    rng = np.random.default_rng(seed)
    return graph.contract([at for at in graph.shown if rng.random() < 0.3])


@cache
def replays() -> list[Any]:
    """What the page computes, case by case."""
    graphs = list({id(case.graph): case.graph for case in cases()}.values())
    return replay([(graph, [case.moved for case in cases() if case.graph is graph]) for graph in graphs])


def without_pictures(graph: Graph) -> Stepper:
    """A stepper that was not drawn and has its formulas as text: both take long, and neither is looked at here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "_MOST_TYPESET", -1)
        drawn = lambda graph, *_, **to: (Picture((), ()), dict.fromkeys(graph.shown, ""))  # noqa: E731
        patch.setattr(model, "draw_with_room", drawn)
        return viz.step(graph)


def replay(wanted: Sequence[tuple[Graph, Sequence[Mapping[int, float]]]]) -> list[Any]:
    steppers = [without_pictures(graph) for graph, _ in wanted]
    held = [
        [stepper.data, [{at: number_text(x) for at, x in moved.items()} for moved in moves]]
        for stepper, (_, moves) in zip(steppers, wanted, strict=True)
    ]
    program = [
        stepper_module(steppers), REPLAY,
        f"const all = {json.dumps(held)}.flatMap(([data, moves]) => moves.map(moved => replayed(data, moved)));",
        "console.log(JSON.stringify(all, written));",
    ]
    answers: list[Any] = run_in_node("\n".join(program))
    return answers


def differing(shown: Mapping[str, str] | Sequence[str], right: Mapping[int, float] | Sequence[float]) -> list[Any]:
    """Where the page's numbers are not the engine's, to a relative 1e-12."""
    pairs = (
        [(at, shown[str(at)], right[at]) for at in right] if isinstance(shown, Mapping) and isinstance(right, Mapping)
        else list(zip(range(len(right)), shown, right, strict=True))  # type: ignore[arg-type]
    )
    return [
        (at, x, y) for at, x, y in pairs
        if not math.isclose(float(x), y, rel_tol=1e-12) and not (math.isnan(float(x)) and math.isnan(y))
    ]


def views(graph: Graph) -> dict[str, Graph]:
    """The two views by their names in the data, made without the code under test."""
    full = Graph(graph.roots[0], wrt=[graph.record[at].name or at for at in graph.inputs])
    return {"lecture": graph if graph.contracted else graph.contract(), "full": full}


@cache
def backward_passes() -> list[Pass]:
    """Each pass the page made, in either view and in each order there is."""
    found = []
    for case, shown in zip(cases(), replays(), strict=True):
        again = views(rebuilt(case.graph, case.moved))
        found += [Pass(each, again[each["name"]]) for each in shown["passes"]]
    return found


@needs_node
def test_every_value_is_the_engine_s() -> None:
    for case, shown in zip(cases(), replays(), strict=True):
        right = rebuilt(case.graph, case.moved)
        assert not differing(shown["values"], [right.number(at) for at in range(len(right.record))])
        assert shown["problem"] is None and shown["undefinedAt"] == []


@needs_node
def test_every_arrow_has_the_engine_s_derivative_across_hidden_nodes_too() -> None:
    hidden = 0
    for shown, right in backward_passes():
        assert not differing(shown["locals"], [edge.partial for edge in right.edges])
        hidden += len(right.relevant) - len(right.shown)
    assert hidden > 200


@needs_node
def test_every_event_is_the_engine_s_in_both_orders() -> None:
    seen = set()
    for shown, right in backward_passes():
        events = backward_events(right, order=shown["order"])
        assert [(each["tail"], each["head"], each["lost"]) for each in shown["events"]] == [
            (event.edge.tail, event.edge.head, event.lost) for event in events]
        for key, numbers in (
            ("adjoint", [event.adjoint for event in events]), ("before", [event.before for event in events]),
            ("local", [event.local_derivative for event in events]), ("after", [event.after for event in events]),
            ("contribution", [event.contribution for event in events]),
        ):
            assert not differing([each[key] for each in shown["events"]], numbers), key
        last_into = {event.edge.tail: event.position for event in events}
        assert [each["completes"] for each in shown["events"]] == [
            event.position == last_into[event.edge.tail] for event in events]
        seen |= {(shown["name"], shown["order"])}
    assert len(seen) == 4


@needs_node
def test_the_sums_are_the_gradients_and_in_the_wrong_order_the_engine_s_wrong_ones() -> None:
    lost = 0
    for shown, right in backward_passes():
        reached = {at: x for at, x in backward_events(right, order=shown["order"]).adjoints().items()
                   if str(at) in shown["sums"]}
        assert not differing(shown["sums"], reached) and len(reached) == len(shown["sums"])
        gradients = {at: right.adjoints()[at] for at in reached}
        wrong = differing(shown["sums"], gradients)
        assert not wrong or shown["order"] == "depth_first"
        lost += len(wrong)
    assert lost > 100


@needs_node
def test_the_wrong_order_is_there_where_it_loses_something_and_only_there() -> None:
    for case, shown in zip(cases(), replays(), strict=True):
        for name, right in views(case.graph).items():
            orders = [each["order"] for each in shown["passes"] if each["name"] == name]
            loses = bool(backward_events(right, order="depth_first").lost)
            assert orders == ["topological", "depth_first"][: 1 + loses]


@needs_node
def test_an_input_s_equation_multiplies_along_paths_and_adds_across_them() -> None:
    count = 0
    for shown, right in backward_passes():
        equations = without_pictures(right).data["views"][shown["name"]]["equations"] if count < 20 else {}
        for at, equation in equations.items():
            if equation is not None:
                products = [math.prod(float(shown["locals"][edge]) for edge in path) for path in equation["paths"]]
                assert math.fsum(products) == pytest.approx(right.adjoints()[at], rel=1e-11)
                count += 1
    assert count >= 20


# --- numbers the engine refuses -----------------------------------------------------------------


def log_of_x() -> Value:
    x = Value(1.0, "x")
    return (ag.log(x).named("a") * 2.0 + (3.0 * x).named("b")).named("y")


def two_problems() -> Value:
    x = Value(1.0, "x")
    return (ag.sqrt(x).named("a") + ag.log(x).named("b")).named("y")


def hidden_inside() -> Value:
    x = Value(0.5, "x")
    return (ag.sin(ag.asin(2.0 * x) + 1.0).named("a") * x).named("y")


def renamed() -> Value:
    return ag.log.renamed("h")(Value(1.0, "x")).named("y")


def a_power() -> Value:
    x, n = Value(2.0, "x"), Value(3.0, "n")
    return (x**n).named("y")


def a_quotient() -> Value:
    return ag.reciprocal(Value(2.0, "x")).named("y")


def clipped() -> Value:
    return ag.clip(Value(0.5, "x"), Value(0.0, "low"), Value(1.0, "high")).named("y")


OUTSIDE: list[tuple[Callable[[], Value], dict[str, float]]] = [
    (log_of_x, {"x": -1.0}),
    (log_of_x, {"x": 0.0}),
    (log_of_x, {"x": -0.1}),
    (two_problems, {"x": -2.0}),
    (hidden_inside, {"x": 0.75}),
    (renamed, {"x": -1e-300}),
    (a_power, {"x": -8.0, "n": 1 / 3}),
    (a_power, {"x": 0.0, "n": -1.0}),
    (a_quotient, {"x": 0.0}),
    (clipped, {"low": 1.0, "high": 0.0}),
]
INSIDE: list[tuple[Callable[[], Value], dict[str, float]]] = [
    (lambda: ag.exp(Value(1.0, "x")).named("y"), {"x": 1000.0}),
    (lambda: (ag.exp(Value(1.0, "x")).named("a") - ag.exp(Value(1.0, "z"))).named("y"), {"x": 1000.0, "z": 1000.0}),
    (lambda: ag.log(ag.exp(Value(1.0, "x")).named("a")).named("y"), {"x": -1000.0 + 300.0}),
    (lambda: ag.sqrt(Value(1.0, "x")).named("y"), {"x": 0.0}),
    (lambda: (Value(2.0, "x") ** Value(3.0, "n")).named("y"), {"x": -2.0, "n": 3.0}),
    (lambda: ag.log(Value(1.0, "x") * 1e308).named("y"), {"x": -1e10}),
]


def moved_by_name(graph: Graph, numbers: Mapping[str, float]) -> dict[int, float]:
    return {graph.index(name): x for name, x in numbers.items()}


@needs_node
@pytest.mark.parametrize(("make", "numbers"), OUTSIDE, ids=lambda each: getattr(each, "__name__", str(each)))
def test_outside_a_domain_the_page_says_what_the_engine_says(
    make: Callable[[], Value], numbers: dict[str, float]
) -> None:
    graph = Graph(make())
    moved = moved_by_name(graph, numbers)
    with pytest.raises(DomainError) as refused:
        rebuilt(graph, moved)
    (shown,) = replay([(graph, [moved])])
    problem = shown["problem"]
    called, operands = graph.record[problem["node"]].op, [f"{float(x):.17g}" for x in problem["operands"]]
    assert called is not None
    assert str(refused.value).startswith(f"{called.name}({', '.join(operands)}) is not defined: ")
    assert f"the domain of {called.name} is {problem['words']}." in str(refused.value)


@needs_node
@pytest.mark.parametrize(("make", "numbers"), OUTSIDE, ids=lambda each: getattr(each, "__name__", str(each)))
def test_what_depends_on_a_problem_is_undefined_and_nothing_else(
    make: Callable[[], Value], numbers: dict[str, float]
) -> None:
    graph = Graph(make())
    moved = moved_by_name(graph, numbers)
    (shown,) = replay([(graph, [moved])])
    values: dict[int, Any] = {}
    for node in graph.record:
        operands = [values[each] if type(each) is int else each for each in node.operands]
        try:
            computed = None if None in operands else node.op and call(node.op, operands)
        except DomainError:
            computed = None
        values[node.index] = moved.get(node.index, node.data) if node.op is None else computed
    assert sorted(shown["undefinedAt"]) == [at for at, x in values.items() if x is None]
    assert not differing(shown["values"], [math.nan if x is None else x for x in values.values()])


@needs_node
@pytest.mark.parametrize(("make", "numbers"), INSIDE)
def test_what_overflows_or_ends_a_domain_is_no_problem(make: Callable[[], Value], numbers: dict[str, float]) -> None:
    graph = Graph(make())
    moved = moved_by_name(graph, numbers)
    right = rebuilt(graph, moved)
    (shown,) = replay([(graph, [moved])])
    assert shown["problem"] is None and shown["undefinedAt"] == []
    assert not differing(shown["values"], [right.number(at) for at in range(len(right.record))])
    (full,) = [each for each in shown["passes"] if each["name"] == "full"]
    assert not differing(full["locals"], [edge.partial for edge in right.edges])
