"""The lecture's tables of a graph: local relationships, local and global derivatives, and the ledger.

``general=True`` writes rows that are alike but for an index as one row: ``a_i = w_{i0} x_0 + ...``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from autograd_core.events import backward_events
from autograd_core.explanation import explain
from autograd_core.formula import (
    FEWEST_TO_FOLD,
    Derivative,
    Equation,
    Formula,
    Product,
    Term,
    generalize,
    name,
    number,
    with_free_indices,
)
from autograd_core.graph import Graph
from autograd_core.graph_parts import GraphEdge
from autograd_core.names import Name, arrows
from autograd_core.symbol import Symbol
from autograd_core.table import Cell, Table
from autograd_core.value import Value
from autograd_core.writing import ASCII


def relationships(y: Value | Graph, wrt: Any = None, *, general: bool = False) -> Table:
    """One row per computed node: what it is in terms of the nodes before it, and its value.

    >>> x = Value(1.0, "x")
    >>> a = (3 * x).named("a")
    >>> print(relationships((2 * a).named("y")))
    local relationship  value
    ------------------  -----
    a = 3x              3
    y = 2a              6
    """
    graph = _contracted(y, wrt)
    rows = [(relation(graph, node.index), node.data) for node in graph.nodes if node.op is not None]
    return _numbered(("local relationship", "value"), rows, general)


def local_derivatives(y: Value | Graph, wrt: Any = None, *, general: bool = False, show: str = "symbols") -> Table:
    """One row per edge: the derivative of a node with respect to one it was computed from."""
    graph = _contracted(y, wrt)
    edges = sorted(graph.edges, key=lambda edge: (edge.head, edge.tail))
    rows = [(_local(graph, edge, show), edge.partial) for edge in edges]
    return _numbered(("local derivative", "value"), rows, general)


def global_derivatives(
    y: Value | Graph, wrt: Any = None, *, of: Any = None, general: bool = False, show: str = "symbols"
) -> Table:
    """One row per node (or per node in ``of``): the output's derivative as a product of local ones."""
    graph = _contracted(y, wrt)
    head = graph.only_output()
    chosen = [graph.index(each) for each in of] if of is not None else [at for at in graph.shown if at != head]
    adjoints = graph.adjoints(head) if graph.has_numbers else {}
    rows = []
    for at in chosen:
        explanation = explain(graph.seen_from([at]), show=show)
        formulas = [step.formula for step in explanation.steps if step.rule not in ("numbers", "result")]
        sides = (explanation.left, *formulas) if formulas else (explanation.left, explanation.steps[-1].formula)
        rows.append((Equation(sides), adjoints.get(at)))
    return _numbered(("global derivative", "value"), rows, general)


def forward_and_backward(y: Value | Graph, wrt: Any = None, *, show: str = "symbols") -> Table:
    """The two columns of the lecture, from the output down: forward propagation beside local derivatives."""
    graph = _contracted(y, wrt)
    rows: list[tuple[Cell, ...]] = []
    for node in reversed(graph.nodes):
        for at, edge in enumerate(graph.edges_into(node.index)):
            relationship: Cell = relation(graph, node.index) if at == 0 else ""
            numbers = (number(edge.partial),) if edge.partial is not None else ()
            value = (number(node.data) if at == 0 and node.data is not None else "",) if numbers else ()
            rows.append((relationship, *value, _local(graph, edge, show), *numbers))
    header = ("forward propagation", "value", "local derivative", "value")
    return Table(header if graph.has_numbers else (header[0], header[2]), tuple(rows))


def ledger(y: Value | Graph, wrt: Any = None) -> Table:
    """The backward pass written down: each edge's contribution to its tail, and the sum so far.

    >>> a = Value(3.0, "a")
    >>> print(ledger((a * a).named("y")))
    node     edge   adjoint    local derivative  contribution  sum so far
    -------  -----  ---------  ----------------  ------------  ----------
    y = a a  y → a  dy/dy = 1  ∂y/∂a = a = 3     (1)(3) = 3    dy/da = 3
             y → a  dy/dy = 1  ∂y/∂a = a = 3     (1)(3) = 3    dy/da = 6
    """
    graph = y if isinstance(y, Graph) else Graph(y, wrt)
    output = graph.name(graph.only_output())
    rows = []
    told: set[int] = set()
    for event in backward_events(graph):
        head, tail = graph.name(event.edge.head), graph.name(event.edge.tail)
        factors = event.adjoint, event.local_derivative
        local = Equation(_distinct((Derivative(head, tail), Term(event.edge.symbol), number(event.local_derivative))))
        adjoint = Equation((Derivative(output, head, total=True), number(event.adjoint)))
        node = "" if event.edge.head in told else relation(graph, event.edge.head)
        told.add(event.edge.head)
        rows.append((node, _arrow(head, tail), adjoint, local,
                     Equation((_product(*factors), number(event.contribution))),
                     Equation((Derivative(output, tail, total=True), number(event.after)))))
    return Table(("node", "edge", "adjoint", "local derivative", "contribution", "sum so far"), tuple(rows))


def relation(graph: Graph, index: int) -> Equation:
    """A node's names and what it was computed as: ``yhat = z_2 = sigma(a_2)``."""
    given = graph.record[index].name
    names = Name.all_of(given) if given else (graph.name(index),)
    return Equation((*map(name, names), Term(graph.formula(index))))


def _contracted(y: Value | Graph, wrt: Any) -> Graph:
    graph = y if isinstance(y, Graph) else Graph(y, wrt)
    return graph if graph.contracted else graph.contract()


def _distinct(sides: tuple[Formula, ...]) -> tuple[Formula, ...]:
    written = [side.write(ASCII) for side in sides]
    return tuple(side for at, side in enumerate(sides) if written[at] not in written[:at])


def _product(x: float, y: float) -> Product:
    return Product((Symbol(number=x), Symbol(number=y)))


def _arrow(head: Name, tail: Name) -> Term:
    return Term(Symbol(arrows([head, tail])))


def _local(graph: Graph, edge: GraphEdge, show: str) -> Equation:
    if show not in ("symbols", "expanded"):
        raise ValueError(f"show is 'symbols' or 'expanded'; got {show!r}.")
    symbol = edge.expanded if show == "expanded" else edge.symbol
    sides: list[Formula] = [Derivative(graph.name(edge.head), graph.name(edge.tail)), Term(symbol)]
    if symbol.name is not None:
        sides += _other_names(graph, symbol.name)
    return Equation(tuple(sides))


def _other_names(graph: Graph, shown: Name) -> list[Formula]:
    for node in graph.record:
        if node.name and " = " in node.name and Name.of(node.name) == shown:
            return [name(other) for other in Name.all_of(node.name)[1:]]
    return []


def _numbered(header: tuple[str, str], rows: Sequence[tuple[Formula, float | None]], general: bool) -> Table:
    if general:
        return _general(header[0], [formula for formula, _ in rows])
    if any(value is None for _, value in rows):
        return Table(header[:1], tuple((formula,) for formula, _ in rows))
    return Table(header, tuple((formula, number(value)) for formula, value in rows if value is not None))


class _Row(NamedTuple):
    """A formula, the ranges of the indices it has been folded over, and the formulas it stands for."""

    formula: Formula
    ranges: tuple[tuple[str, int, int], ...]
    members: tuple[Formula, ...]


def _general(title: str, formulas: Sequence[Formula]) -> Table:
    free = [with_free_indices(formula, "ij") for formula in formulas]
    rows = _fold_runs(_fold_runs([_Row(formula, (), (formula,)) for formula in free], "j"), "i")
    return Table((title, "for"), tuple((_lettered(row), _ranges(row)) for row in rows))


def _lettered(row: _Row) -> Formula:
    # A single index is called i, as in the lecture; j is the second one.
    if [letter for letter, _, _ in row.ranges] != ["j"]:
        return row.formula
    found = generalize(row.members, "i")
    return found[0] if found else row.formula


def _ranges(row: _Row) -> str:
    letters = ["i"] if len(row.ranges) == 1 else [letter for letter, _, _ in reversed(row.ranges)]
    spans = [f"{first}..{last}" for _, first, last in reversed(row.ranges)]
    return ", ".join(f"{letter} = {span}" for letter, span in zip(letters, spans, strict=True))


def _fold_runs(rows: Sequence[_Row], letter: str) -> list[_Row]:
    folded: list[_Row] = []
    at = 0
    while at < len(rows):
        run, general, first = _longest_run(rows[at:], letter)
        if run >= FEWEST_TO_FOLD:
            ranges = (*rows[at].ranges, (letter, first, first + run - 1))
            folded.append(_Row(general, ranges, tuple(row.formula for row in rows[at : at + run])))
            at += run
        else:
            folded.append(rows[at])
            at += 1
    return folded


def _longest_run(rows: Sequence[_Row], letter: str) -> tuple[int, Formula, int]:
    run, general, first = 1, rows[0].formula, 0
    for end in range(2, len(rows) + 1):
        if rows[end - 1].ranges != rows[0].ranges:
            break
        found = generalize([row.formula for row in rows[:end]], letter)
        if found is None:
            break
        run, (general, first) = end, found
    return run, general, first
