"""The paths from an input to an output: listed, counted, ranked and summed.

The derivative is the sum over all paths of the product of the local derivatives along each; the
sweeps get it without ever listing a path, and so do the count and the sums here.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

from autograd_core.errors import NoPathError
from autograd_core.formula import Product, Term, number
from autograd_core.graph import Graph
from autograd_core.graph_parts import GraphEdge
from autograd_core.names import arrows
from autograd_core.symbol import Symbol
from autograd_core.table import Table
from autograd_core.value import Value

# A path under construction, its last edge first: extending it shares the rest.
_Chain = Any


class Path(NamedTuple):
    """One path: its edges from the output down to the input, and the product of their derivatives."""

    edges: tuple[GraphEdge, ...]
    product: float | None

    @property
    def nodes(self) -> tuple[int, ...]:
        """The indices of the nodes from the input up to the output."""
        return (*(edge.tail for edge in reversed(self.edges)), self.edges[0].head) if self.edges else ()


def paths(y: Value | Graph, x: Value | str, keep_all: bool = False) -> Paths:
    """The paths from ``x`` to ``y`` between named nodes, or between all nodes with ``keep_all``.

    Raises :class:`NoPathError` if there is none, and :class:`StaleGraphError` for a stale graph.

    >>> x = Value(1.0, "x")
    >>> a_1, a_2 = (3 * x).named("a_1"), (-x).named("a_2")
    >>> [path.product for path in paths((2 * a_1 + a_2).named("y"), x)]
    [6.0, -1.0]
    """
    graph = y.seen_from([x]) if isinstance(y, Graph) else Graph(y, wrt=[x])
    return Paths(graph if keep_all else graph.contract(), graph.only_output(), graph.inputs[0])


class Paths:
    """All paths of a graph from the node ``tail`` to the node ``head`` (indices), never stored."""

    def __init__(self, graph: Graph, head: int, tail: int) -> None:
        for end in (head, tail):
            if end not in graph.shown:
                seen = ", ".join(graph.name(each).ascii for each in graph.inputs)
                raise NoPathError(
                    f"{graph.name(end).ascii} is not shown in the graph as seen from {seen}: "
                    "no path from there passes it. Choose a node that lies between, or another input (wrt=)."
                )
        self.graph, self.head, self.tail = graph, head, tail
        if not self.count:
            raise NoPathError(graph.no_path(tail, head))

    @cached_property
    def _below(self) -> dict[int, list[GraphEdge]]:
        return {at: self.graph.edges_into(at) for at in self.graph.shown}

    @cached_property
    def _counts(self) -> dict[int, int]:
        counts: dict[int, int] = {}
        for at in self.graph.shown:
            counts[at] = 1 if at == self.tail else sum(counts[edge.tail] for edge in self._below[at])
        return counts

    @property
    def count(self) -> int:
        """How many paths there are, by dynamic programming: 2**30 are counted at once."""
        return self._counts[self.head]

    def __iter__(self) -> Iterator[Path]:
        stack: list[tuple[int, _Chain, float | None]] = [(self.head, None, 1.0)]
        while stack:
            at, chain, product = stack.pop()
            if at == self.tail:
                yield Path(_edges_of(chain), product)
                continue
            for edge in reversed(self._below[at]):
                if self._counts[edge.tail]:
                    stack.append((edge.tail, (edge, chain), _times(product, edge.partial)))

    def largest(self, k: int) -> list[Path]:
        """The ``k`` paths of largest absolute product, largest first, found without listing the others."""
        best: dict[int, float] = {}
        for at in self.graph.shown:
            reachable = [_size(edge.partial) * best[edge.tail] for edge in self._below[at] if self._counts[edge.tail]]
            best[at] = 1.0 if at == self.tail else max(reachable, default=0.0)
        found: list[Path] = []
        order = 0
        queue: list[tuple[float, int, int, _Chain, float | None]] = [(-best[self.head], order, self.head, None, 1.0)]
        while queue and len(found) < k:
            _, _, at, chain, product = heapq.heappop(queue)
            if at == self.tail:
                found.append(Path(_edges_of(chain), product))
                continue
            for edge in self._below[at]:
                if self._counts[edge.tail]:
                    order -= 1  # of equal bounds the deepest first, or ties would be searched breadth-first
                    further = _times(product, edge.partial)
                    bound = _size(further) * best[edge.tail]
                    heapq.heappush(queue, (-bound, order, edge.tail, (edge, chain), further))
        return found

    @cached_property
    def total(self) -> float:
        """The sum of all products: the derivative."""
        return self._swept(lambda partial: partial)

    @cached_property
    def absolute_total(self) -> float:
        """The sum of the absolute values of all products."""
        return self._swept(abs)

    @property
    def cancellation(self) -> float:
        """``absolute_total / |total|``: 1 means no cancellation, 1e10 that ten digits are lost; nan for 0/0."""
        if self.total == 0.0:
            return math.inf if self.absolute_total else math.nan
        return self.absolute_total / abs(self.total)

    def _swept(self, weight: Any) -> float:
        sums: dict[int, float] = {}
        for at in self.graph.shown:
            sums[at] = 1.0 if at == self.tail else 0.0
            for edge in self._below[at]:
                if self._counts[edge.tail] and at != self.tail:
                    if edge.partial is None:
                        return math.nan
                    sums[at] += weight(edge.partial) * sums[edge.tail]
        return sums[self.head]

    def table(self, most: int = 20) -> Table:
        """A row per path: its nodes, its local derivatives and their product; the largest ``most`` of many."""
        chosen = list(self) if self.count <= most else self.largest(most)
        rows = []
        for path in chosen:
            names = [self.graph.name(at) for at in path.nodes]
            factors = tuple(edge.symbol for edge in path.edges)
            product = [] if path.product is None else [number(path.product)]
            rows.append((Term(Symbol(arrows(names))), Product(factors), *product))
        header = ("path", "local derivatives", "product")[: len(rows[0])]
        note = "" if len(chosen) == self.count else f"the {len(chosen)} largest of {self.count} paths"
        return Table(header, tuple(rows), note)

    def __str__(self) -> str:
        return str(self.table())

    def __repr__(self) -> str:
        tail, head = (self.graph.name(end).ascii for end in (self.tail, self.head))
        return f"<{self.count} path{'' if self.count == 1 else 's'} from {tail} to {head}>"


def _edges_of(chain: _Chain) -> tuple[GraphEdge, ...]:
    edges = []
    while chain is not None:
        edge, chain = chain
        edges.append(edge)
    return tuple(reversed(edges))


def _times(product: float | None, partial: float | None) -> float | None:
    return None if product is None or partial is None else product * partial


def _size(product: float | None) -> float:
    # Paths without numbers rank alike, a nan before everything: it is what the reader must see.
    if product is None:
        return 1.0
    return math.inf if math.isnan(product) else abs(product)
