"""One node of a graph's record: plain data, with indices for references."""

from __future__ import annotations

from dataclasses import dataclass

from autograd_core.row import Primitive


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a record: an operand is the index of another node, or a constant (a float)."""

    index: int
    op: Primitive | None
    operands: tuple[int | float, ...]
    name: str | None
    data: float | None
    partials: tuple[float, ...] | None

    @property
    def parents(self) -> tuple[int, ...]:
        """The indices of the operands that are nodes, in argument order."""
        return tuple(operand for operand in self.operands if type(operand) is int)
