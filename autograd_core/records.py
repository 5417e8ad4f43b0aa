"""Graphs as flat lists: what copies and pickles are made of, so that depth is no matter.

Nodes refer to each other by position.  The rows of the table travel by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd_core.row import Primitive
from autograd_core.sweeps import stamps, topological_order

if TYPE_CHECKING:
    from autograd_core.value import Value


class FlatValues(NamedTuple):
    """A graph as lists: one entry per node in topological order; an operand is a position or a constant."""

    kind: list[type[Value]]
    data: list[float]
    grad: list[float | None]
    name: list[str | None]
    op: list[Primitive | None]
    operands: list[tuple[int | float, ...]]
    partials: list[tuple[float, ...]]
    stamp: list[int]
    roots: list[int]


def flatten_values(roots: Sequence[Value]) -> FlatValues:
    """The roots and everything below them, without references between nodes."""
    order = topological_order(roots)
    position = {id(node): at for at, node in enumerate(order)}
    return FlatValues(
        kind=[type(node) for node in order],
        data=[node._data for node in order],
        grad=[node._grad for node in order],
        name=[node._name for node in order],
        op=[node.op for node in order],
        operands=[
            tuple([operand if isinstance(operand, float) else position[id(operand)] for operand in node.operands])
            for node in order
        ],
        partials=[node.partials for node in order],
        stamp=[node._stamp for node in order],
        roots=[position[id(root)] for root in roots],
    )


def rebuild(flat: FlatValues) -> list[Value]:
    """New nodes for the records; the roots, sharing what they shared."""
    order: list[Value] = []
    for at, data in enumerate(flat.data):
        node = flat.kind[at](0.0)
        node._data = data
        node._grad = flat.grad[at]
        node._name = flat.name[at]
        node.op = flat.op[at]
        node.operands = tuple([order[each] if isinstance(each, int) else each for each in flat.operands[at]])
        node.partials = flat.partials[at]
        order.append(node)
    for at in sorted(range(len(order)), key=flat.stamp.__getitem__):
        order[at]._stamp = next(stamps)  # in the old order, so that a stale graph stays stale
    return [order[root] for root in flat.roots]


def copy_below(root: Value, memo: dict[int, Any]) -> Value:
    """A copy of the root and of all below it that ``memo``, of ``copy.deepcopy``, does not have yet."""
    for node in topological_order((root,)):
        if id(node) not in memo:
            operands = tuple([each if isinstance(each, float) else memo[id(each)] for each in node.operands])
            memo[id(node)] = twin(node, operands)
    copied: Value = memo[id(root)]
    return copied


def twin(node: Value, operands: tuple[Any, ...]) -> Value:
    """The node over again, on other operands or the same."""
    copied = type(node)(0.0)
    copied._data = node._data
    copied._grad = node._grad
    copied._name = node._name
    copied.op = node.op
    copied.operands = operands
    copied.partials = node.partials
    copied._stamp = node._stamp  # with its own, newer one the copy of a stale node would pass for fresh
    return copied
