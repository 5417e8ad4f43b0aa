"""The forward and the backward pass as sequences of events, plain data that can be read in both directions.

A backward pass in topological order passes a node on once everything that adds to it has arrived.  The
``depth_first`` order does not wait; it is here to show what is lost without that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, overload

from autograd_core.console import printable
from autograd_core.errors import OperandError
from autograd_core.formula import Derivative
from autograd_core.graph import Graph
from autograd_core.graph_parts import GraphEdge, Node
from autograd_core.value import Value
from autograd_core.writing import ASCII, UNICODE, Language, format_number, write

Order = Literal["topological", "depth_first"]


@dataclass(frozen=True)
class ForwardEvent:
    """A node is computed: its ``operands`` as numbers, constants among them, and its ``value``."""

    node: Node
    operands: tuple[float, ...]
    value: float
    graph: Graph = field(repr=False, compare=False)

    def to_text(self, language: Language = UNICODE, digits: int = 4) -> str:
        """The event as a line: ``a_1 = 3x = 3``."""
        formula = write(self.graph.formula(self.node.index), language, digits)
        name = language.name(self.graph.name(self.node.index))
        return f"{name} = {formula} = {format_number(self.value, language, digits)}"

    def __str__(self) -> str:
        return printable(self.to_text(), lambda: self.to_text(ASCII))


@dataclass(frozen=True)
class BackwardEvent:
    """A node passes its adjoint on along one edge: ``contribution`` is ``local_derivative * adjoint``.

    The edge's tail has the running sum ``before`` and ``after``.  A contribution is ``lost`` if its tail had
    been passed on before it arrived: it reaches nothing below the tail.  ``position`` counts from 0.
    """

    position: int
    node: Node
    adjoint: float
    edge: GraphEdge
    local_derivative: float
    contribution: float
    before: float
    after: float
    lost: bool
    last_into: Mapping[int, int] = field(repr=False, compare=False)

    @property
    def complete(self) -> tuple[Node, ...]:
        """The parents of ``node`` to which nothing more will be added after this event."""
        graph = self.edge.graph
        parents = dict.fromkeys(edge.tail for edge in graph.edges_into(self.edge.head))
        return tuple(graph.record[at] for at in parents if self.last_into[at] <= self.position)

    def to_text(self, language: Language = UNICODE, digits: int = 4) -> str:
        """The event as a line: ``dL/dc += dd/dc * dL/dd = 3 * 0.856``."""
        graph = self.edge.graph
        output, head, tail = (graph.name(at) for at in (graph.only_output(), self.edge.head, self.edge.tail))
        # An adjoint is told from a local derivative by its upright d, where the language has both.
        total = language is not ASCII
        left, right = (Derivative(output, name, total).write(language) for name in (tail, head))
        local = Derivative(head, tail).write(language)
        sign = "*" if language is ASCII else "·"
        first, second = (format_number(x, language, digits) for x in (self.local_derivative, self.adjoint))
        second = language.parentheses(second) if second.startswith("-") else second
        return f"{left} += {local} {sign} {right} = {first} {sign} {second}"

    def __str__(self) -> str:
        return printable(self.to_text(), lambda: self.to_text(ASCII))


class BackwardEvents(Sequence[BackwardEvent]):
    """All events of a backward pass, in order; ``graph`` is what they happened in."""

    def __init__(self, graph: Graph, order: Order, events: Sequence[BackwardEvent]) -> None:
        self.graph, self.order, self._events = graph, order, tuple(events)

    def __len__(self) -> int:
        return len(self._events)

    @overload
    def __getitem__(self, at: int) -> BackwardEvent: ...
    @overload
    def __getitem__(self, at: slice) -> BackwardEvents: ...
    def __getitem__(self, at: int | slice) -> BackwardEvent | BackwardEvents:
        return BackwardEvents(self.graph, self.order, self._events[at]) if isinstance(at, slice) else self._events[at]

    def __iter__(self) -> Iterator[BackwardEvent]:
        return iter(self._events)

    @property
    def lost(self) -> tuple[BackwardEvent, ...]:
        """The events whose contribution came too late; none in topological order."""
        return tuple(event for event in self._events if event.lost)

    def adjoints(self) -> dict[int, float]:
        """The running sum of every node after these events, by index: 1 for the output, 0 where nothing arrived."""
        sums = dict.fromkeys(self.graph.shown, 0.0)
        sums[self.graph.only_output()] = 1.0
        sums.update((event.edge.tail, event.after) for event in self._events)
        return sums

    def to_text(self, language: Language = UNICODE, digits: int = 4) -> str:
        """One line per event; one that was lost says so."""
        lines = []
        for event in self._events:
            tail = language.name(self.graph.name(event.edge.tail))
            lines.append(event.to_text(language, digits) + (f"  [lost: {tail} was passed on]" if event.lost else ""))
        return "\n".join(lines)

    def __str__(self) -> str:
        return printable(self.to_text(), lambda: self.to_text(ASCII))

    def __repr__(self) -> str:
        return f"<{len(self)} backward events in {self.order} order, {len(self.lost)} lost>"


def forward_events(y: Value | Graph) -> tuple[ForwardEvent, ...]:
    """The forward pass of ``y``: one event per computed node, operands before results.

    A graph contracted to its named nodes has an event for each of those.  Raises :class:`OperandError` for
    an output that is a leaf and for a graph without numbers.

    >>> x = Value(1.0, "x")
    >>> for event in forward_events((2 * (3 * x).named("a")).named("y")):
    ...     print(event.to_text(ASCII))
    a = 3x = 3
    y = 2a = 6
    """
    graph = _steppable(y)
    return tuple(
        ForwardEvent(node, tuple(map(graph.number, node.operands)), graph.number(node.index), graph)
        for node in graph.nodes if node.op is not None
    )


def backward_events(y: Value | Graph, *, order: Order = "topological") -> BackwardEvents:
    """The backward pass from ``y``: one event per edge, each a contribution to a running sum.

    A Graph is taken as it is, so a contracted one has an event per arrow of the picture.  In topological order
    the sums end at exactly what ``backward`` computes.  ``depth_first`` passes a node on as soon as
    something has arrived, and never again: what arrives later is ``lost``.  Raises :class:`OperandError` for
    an output that is a leaf, for several outputs, and for a graph without numbers.

    >>> a = Value(3.0, "a")
    >>> b = (a + a).named("b")
    >>> events = backward_events((b + b).named("c"), order="depth_first")
    >>> print(events.to_text(ASCII))
    dc/db += dc/db * dc/dc = 1 * 1
    dc/da += db/da * dc/db = 1 * 1
    dc/da += db/da * dc/db = 1 * 1
    dc/db += dc/db * dc/dc = 1 * 1  [lost: b was passed on]
    >>> [events.adjoints()[events.graph.index(a)], backward_events(events.graph).adjoints()[events.graph.index(a)]]
    [2.0, 4.0]
    """
    if order not in ("topological", "depth_first"):
        raise ValueError(f"order is 'topological' or 'depth_first' (the wrong one); got {order!r}.")
    graph = _steppable(y)
    edges = list(_depth_first(graph) if order == "depth_first" else _topological(graph))
    last_into = {edge.tail: at for at, edge in enumerate(edges)}
    sums = {graph.only_output(): 1.0}
    passed: set[int] = set()
    events = []
    for position, edge in enumerate(edges):
        passed.add(edge.head)
        assert edge.partial is not None, "a graph with numbers has them on every edge"
        adjoint, before = sums[edge.head], sums.get(edge.tail, 0.0)
        contribution = adjoint * edge.partial
        sums[edge.tail] = before + contribution
        events.append(BackwardEvent(position, graph.record[edge.head], adjoint, edge, edge.partial, contribution,
                                    before, sums[edge.tail], edge.tail in passed, last_into))
    return BackwardEvents(graph, order, events)


def _steppable(y: Any) -> Graph:
    graph = y if isinstance(y, Graph) else Graph(y)
    output = graph.only_output()
    if graph.record[output].op is None:
        raise OperandError(
            f"{graph.name(output).ascii} is a leaf: it was not computed from anything, so there is no step to show. "
            "Pass an output that was computed."
        )
    if not graph.has_numbers:
        raise OperandError("This graph has no numbers, so there are no steps to show. Give the inputs numbers.")
    return graph


def _topological(graph: Graph) -> Iterator[GraphEdge]:
    reached = {graph.only_output()}
    for head in reversed(graph.shown):
        if head in reached:
            for edge in graph.edges_into(head):
                reached.add(edge.tail)
                yield edge


def _depth_first(graph: Graph) -> Iterator[GraphEdge]:
    passed = {graph.only_output()}
    stack = [iter(graph.edges_into(graph.only_output()))]
    while stack:
        edge = next(stack[-1], None)
        if edge is None:
            stack.pop()
            continue
        yield edge
        if edge.tail not in passed and graph.edges_into(edge.tail):
            passed.add(edge.tail)
            stack.append(iter(graph.edges_into(edge.tail)))
