"""The snapshot: what it shows, how it contracts, and which formulas stand beside its arrows."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest

import autograd_core as ag
import viz
from autograd_core import Graph, NamingError, NoPathError, OperandError, StaleGraphError, Value


def arrows(graph: Graph) -> list[str]:
    return [f"{graph.name(e.tail).ascii} -{e.symbol.ascii}-> {graph.name(e.head).ascii}" for e in graph.edges]


def example_2() -> tuple[Value, Value]:
    x = Value(1.0, "x")
    a_1, a_2 = (3 * x).named("a_1"), (-x).named("a_2")
    return x, (2 * a_1 + a_2).named("y")


def test_constants_are_operands_but_neither_nodes_nor_edges() -> None:
    x = Value(2.0, "x")
    graph = Graph((3 * x).named("y"))
    assert len(graph.nodes) == 2
    assert graph.nodes[-1].operands == (3.0, 0)
    assert arrows(graph) == ["x -3-> y"]


def test_contraction_keeps_named_nodes_and_sums_products_over_hidden_paths() -> None:
    _, y = example_2()
    assert arrows(Graph(y).contract()) == ["x -3-> a_1", "x --1-> a_2", "a_1 -2-> y", "a_2 -1-> y"]


def test_parallel_edges_stay_apart_until_contracted() -> None:
    a = Value(3.0, "a")
    y = (a * a).named("y")
    assert [edge.partial for edge in Graph(y).edges] == [3.0, 3.0]
    assert [edge.partial for edge in Graph(y).contract().edges] == [6.0]


def test_what_is_not_on_a_path_from_wrt_is_a_symbol() -> None:
    x, w = Value(2.0, "x"), Value(5.0, "w")
    y = (w * x).named("y")
    assert arrows(Graph(y, wrt=[x])) == ["x -w-> y"]
    assert arrows(Graph(y, wrt=[w])) == ["w -x-> y"]
    assert arrows(Graph(y, wrt=["w", "x"])) == ["x -w-> y", "w -x-> y"]


def test_without_names_every_node_is_kept_and_a_hint_says_how_to_name() -> None:
    x = Value(2.0)
    graph = Graph((x * 3 + 1).exp()).contract()
    assert [graph.name(node.index).ascii for node in graph.nodes] == ["v_1", "v_2", "v_3", "v_4"]
    assert ".named(" in graph.hint
    assert Graph((x * 3).named("y")).contract().hint == ""


def test_given_names_are_not_reused_for_unnamed_nodes() -> None:
    x = Value(2.0, "v_1")
    graph = Graph(x.exp().sin())
    assert [graph.name(node.index).ascii for node in graph.nodes] == ["v_1", "v_2", "v_3"]


DERIVATIVES = [  # what a named node computes, the symbol on its arrow, and the symbol with show="expanded"
    (lambda a: ag.sigmoid(a), r"\sigma'(a_2)", r"y (1 - y)"),
    (lambda a: ag.tanh(a), r"\tanh'(a_2)", r"1 - y^{2}"),
    (lambda a: ag.relu(a), r"\mathrm{relu}'(a_2)", r"H(a_2, 0)"),
    (lambda a: ag.exp(a), r"e^{a_2}", r"e^{a_2}"),
    (lambda a: ag.log(a), r"\frac{1}{a_2}", r"\frac{1}{a_2}"),
    (lambda a: ag.sqrt(a), r"\frac{1}{2 y}", r"\frac{1}{2 y}"),
    (lambda a: a**2, r"2 a_2", r"2 a_2"),
    (lambda a: a**3, r"3 a_2^{2}", r"3 a_2^{2}"),
    (lambda a: ag.square(a), r"2 a_2", r"2 a_2"),
    (lambda a: a / 4, r"0.25", r"0.25"),
    (lambda a: 0.5 * (a - 1) ** 2, r"a_2 - 1", r"a_2 - 1"),
    (lambda a: (a - 1) ** 2 / 2, r"a_2 - 1", r"a_2 - 1"),
    (lambda a: -(a * 3) + a, r"-2", r"-2"),
    (lambda a: 1 / a, r"-\frac{1}{a_2^{2}}", r"-\frac{1}{a_2^{2}}"),
    (lambda a: ag.leaky_relu(a), r"\mathrm{leaky\,relu}'(a_2, 0.01)", r"\mathrm{where}(H(a_2, 0), 1, 0.01)"),
]


@pytest.mark.parametrize("compute, symbol, expanded", DERIVATIVES)
def test_the_symbol_beside_an_arrow(compute, symbol: str, expanded: str) -> None:
    a = Value(0.7, "a_2")
    (edge,) = Graph(compute(a).named("y")).contract().edges
    assert edge.symbol.latex == symbol
    assert edge.expanded.latex == expanded


def evaluated(symbol: ag.Symbol, values: dict[str, float]) -> float:
    if symbol.name is not None:
        return values[symbol.name.ascii]
    if symbol.number is not None:
        return symbol.number
    assert not symbol.primed and symbol.primitive is not None
    numbers = [evaluated(operand, values) for operand in symbol.operands]
    return symbol.primitive(*numbers) if symbol.primitive.arity else symbol.primitive.on_floats(*numbers)


UNARY = [row for row in ag.TABLE if row.arity is not None and row.arity - len(row.defaults) == 1]


@pytest.mark.parametrize("row", UNARY, ids=lambda row: row.name)
def test_every_textbook_derivative_has_the_value_of_the_computed_one(row) -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        (x,) = row.domain.sample(rng, 1)
        if abs(x) > 8 or abs(x) < 1e-3:
            continue
        a = Value(x, "a")
        y = row(a).named("y")
        (edge,) = Graph(y, wrt=[a]).contract().edges
        assert evaluated(edge.expanded, {"a": x, "y": y.data}) == pytest.approx(edge.partial, rel=1e-9, abs=1e-12)


def random_graph(rng: np.random.Generator, size: int = 14) -> tuple[list[Value], Value]:
    leaves = [Value(float(rng.integers(-3, 4)), f"x_{i}") for i in range(3)]
    nodes = list(leaves)
    for step in range(size):
        a, b = (nodes[int(rng.integers(len(nodes)))] for _ in range(2))
        node = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: -a, lambda a, b: 2 * b][
            int(rng.integers(5))
        ](a, b)
        nodes.append(node.named(f"a_{step}") if rng.random() < 0.4 else node)
    return leaves, ag.total(nodes)


def exact_derivative(y: Value, x: Value) -> Fraction:
    known: dict[int, Fraction] = {}
    for node in Graph(y).record:
        partials = zip(node.operands, node.partials or (), strict=True)
        known[node.index] = Fraction(node.index == Graph(y).index(x)) + sum(
            (known[at] * Fraction(partial) for at, partial in partials if type(at) is int), Fraction(0)
        )
    return known[Graph(y).index(y)]


@pytest.mark.parametrize("seed", range(25))
def test_contracting_any_graph_keeps_every_derivative(seed: int) -> None:
    leaves, y = random_graph(np.random.default_rng(seed))
    for x in leaves:
        exact = exact_derivative(y, x)
        y.zero_grad()
        y.backward()
        assert x.grad == exact
        if exact == 0 and not Graph(y)._reached_from([Graph(y).index(x)]) - {Graph(y).index(x)}:
            continue
        for graph in (Graph(y, wrt=[x]), Graph(y, wrt=[x]).contract()):
            assert ag.path_sums.Paths(graph, graph.outputs[0], graph.inputs[0]).total == exact
            values = {graph.name(node.index).ascii: node.data for node in graph.record}
            for edge in graph.edges:
                assert evaluated(edge.expanded, values) == pytest.approx(edge.partial)


def test_a_snapshot_does_not_move_when_a_leaf_is_set() -> None:
    x, y = example_2()
    graph = Graph(y)
    x.data = 7.0
    assert graph.record[graph.index("x")].data == 1.0
    with pytest.raises(StaleGraphError, match=r"'x' was set after .* recompute\(\)"):
        Graph(y)


def test_a_snapshot_neither_reads_nor_writes_gradients() -> None:
    x, y = example_2()
    x.grad = 123.0
    graph = Graph(y)
    assert [graph.adjoints()[graph.index(name)] for name in ("x", "a_1", "a_2", "y")] == [5.0, 2.0, 1.0, 1.0]
    assert x.grad == 123.0
    assert y.grad == 0.0


def test_several_outputs_travel_through_pickle_still_sharing() -> None:
    x = Value(2.0, "x")
    shared = x.exp().named("s")
    graph = pickle.loads(pickle.dumps(Graph([shared * 2, shared.sin()])))
    first, second = graph.roots
    assert first.operands[0] is second.operands[0]


def test_a_copy_is_the_same_view_after_a_leaf_was_set() -> None:
    x, w = Value(1.0, "x"), Value(2.0, "w")
    z = (x * w).named("z")
    graph = Graph(z, wrt=[x])
    x.data = 5.0
    for twin in (copy.copy(graph), copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        assert arrows(twin) == ["x -w-> z"]
        assert twin.adjoints() == graph.adjoints()
    z.recompute()
    assert arrows(pickle.loads(pickle.dumps(graph))) == ["x -w-> z"]
    symbols = ag.parse("y = 2*x").graph()
    assert arrows(copy.deepcopy(symbols)) == arrows(symbols)
    assert copy.copy(graph).index(w) == graph.index(w)


def test_numbers_that_are_no_nodes_are_refused() -> None:
    _, y = example_2()
    for wrt in (5, [99], [-1], [None]):
        with pytest.raises(OperandError, match="A node is given as a Value or by its name"):
            Graph(y, wrt=wrt)


def test_a_contracted_graph_stays_so_through_pickle() -> None:
    x, y = example_2()
    graph = Graph(y, wrt=[x]).contract()
    assert arrows(pickle.loads(pickle.dumps(graph))) == arrows(graph)


def test_what_is_no_code_is_not_written_as_code() -> None:
    a = Value(1.0, "a")
    (edge,) = Graph(ag.sigmoid(a).named("y")).edges
    with pytest.raises(OperandError, match=r"written with a prime .* edge\.expanded"):
        _ = edge.symbol.python
    assert edge.expanded.python == "y * (1.0 - y)"


def test_a_node_with_two_names_is_written_under_the_one_it_is_asked_for_by() -> None:
    graph = ag.parse("y = 2*a; a = x").graph
    assert arrows(graph(wrt="x")) == ["x -2-> y"]
    assert arrows(graph(wrt="a")) == ["a -2-> y"]
    assert ag.explain(graph(), "x").to_line() == "∂y/∂x = 2"


def test_a_wide_graph_contracts_in_linear_time() -> None:
    leaves = [Value(float(i), f"x_{i}") for i in range(3000)]
    graph = Graph((ag.total(leaves) * 2).named("y")).contract()
    assert len(graph.edges) == 3000


def test_a_contracted_graph_shares_nothing_cached_with_the_whole_one() -> None:
    x, y = example_2()
    whole = Graph(y)
    assert len(whole.edges) == 5
    assert len(whole.contract().edges) == 4
    assert arrows(whole.contract().seen_from([x])) == arrows(whole.contract())
    assert arrows(whole.contract(keep=["a_1"]).seen_from([x])) == ["x -3-> a_1", "x --1-> y", "a_1 -2-> y"]
    assert len(whole.contract(keep=()).edges) == 1


def test_a_formula_that_would_double_at_every_step_stays_small() -> None:
    x = Value(1.0, "x")
    y = x
    for _ in range(200):
        y = y * y
    graph = Graph(y.named("y")).contract()
    assert len(graph.edges[0].symbol.latex) < 2000
    assert len(graph.formula(graph.outputs[0]).latex) < 2000
    assert len(ag.explain(y, x).to_text()) < 2000
    assert len(viz.draw(y).edges) == 1


def test_every_derivative_of_an_operation_with_several_operands_has_its_own_symbol() -> None:
    a, slope = Value(-2.0, "a"), Value(0.1, "s")
    edges = Graph(ag.leaky_relu(a, slope).named("y")).edges
    assert [edge.symbol.text for edge in edges] == ["leaky_relu'(a, s)", "-relu(-a)"]


def test_a_long_unnamed_formula_is_cut_with_an_ellipsis() -> None:
    x = Value(0.1, "x")
    y = x
    for _ in range(5000):
        y = y.sin() + 1
    y.named("y")
    assert "…" in Graph(y).contract().formula(Graph(y).index(y)).text
    assert len(Graph(y).contract().edges) == 1


MISTAKES = [
    (lambda x, y, q: Graph(y, wrt=[q]), NoPathError, "dy/dq = 0: q is not part of the graph of y"),
    (lambda x, y, q: Graph([y, q], wrt=["zeta"]), NamingError, "No node is named 'zeta'. The named nodes are: x, q"),
    (lambda x, y, q: Graph(3.0), OperandError, "made of Values; got 3.0"),
    (lambda x, y, q: Graph([]), OperandError, "at least one output"),
    (lambda x, y, q: Graph([3.0]), OperandError, "made of Values; got 3.0"),
    (lambda x, y, q: Graph(y, wrt=[3.0]), OperandError, "a Value or by its name; got 3.0"),
    (lambda x, y, q: Graph((y * 0 + Value(1.0, "x")).named("u"), wrt="x"), NamingError, "2 nodes are named 'x'"),
]


@pytest.mark.parametrize("mistake, kind, words", MISTAKES)
def test_a_mistake_is_answered_in_words(mistake, kind: type[Exception], words: str) -> None:
    x, y = example_2()
    with pytest.raises(kind) as raised:
        mistake(x, y, Value(0.0, "q"))
    assert words in str(raised.value)
