"""What a graph is made of: nodes, as plain data with indices for references, and the arrows between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autograd_core.row import Primitive
from autograd_core.symbol import Symbol

if TYPE_CHECKING:
    from autograd_core.graph import Graph


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a record: an operand is the index of another node, or a constant (a float)."""

    index: int
    op: Primitive | None
    operands: tuple[int | float, ...]
    name: str | None
    data: float | None
    partials: tuple[float, ...] | None
    is_parameter: bool = False

    @property
    def parents(self) -> tuple[int, ...]:
        """The indices of the operands that are nodes, in argument order."""
        return tuple(operand for operand in self.operands if type(operand) is int)


@dataclass(frozen=True)
class GraphEdge:
    """An arrow: the derivative of ``head`` with respect to ``tail``, as a number and as a symbol.

    ``position`` is the argument it belongs to where every node is shown, and None for an arrow across
    a contracted part.  ``partial`` is None where the graph has no numbers.
    """

    tail: int
    head: int
    partial: float | None
    position: int | None
    graph: Graph = field(repr=False, compare=False)

    @property
    def symbol(self) -> Symbol:
        """The derivative as a formula; an activation's is shown primed, as in sigma'(a_2)."""
        return self.graph.derivative_symbol(self)

    @property
    def expanded(self) -> Symbol:
        """The derivative as a formula with every activation's derivative written out."""
        return self.graph.derivative_symbol(self, expanded=True)
