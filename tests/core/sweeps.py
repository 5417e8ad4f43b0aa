"""A reverse sweep whose adjoints are Values, so that derivatives can be differentiated again."""

from collections.abc import Sequence
from typing import Any

from autograd_core.row import Primitive
from autograd_core.value import Value, topological_order


def call(row: Primitive, operands: Sequence[Any]) -> Any:
    """The row applied to operands in one sequence, which an n-ary row takes as lists."""
    if row.arity is not None:
        return row(*operands)
    size = len(operands) // row.lists
    return row(*(list(operands[at * size : (at + 1) * size]) for at in range(row.lists)))


def derivative(output: Any, leaf: Value) -> Any:
    """d output / d leaf as a Value, or a float where it does not depend on any."""
    if not isinstance(output, Value):
        return 0.0
    totals: dict[int, Any] = {id(output): 1.0}
    order = topological_order((output,))
    for node in reversed(order):
        adjoint = totals.get(id(node), 0.0)
        if node.op is None or (isinstance(adjoint, float) and adjoint == 0.0):
            continue
        wanted = [isinstance(operand, Value) for operand in node.operands]
        partials = node.op.partials_at(node, node.operands, wanted)
        for operand, partial in zip(node.operands, partials, strict=True):
            if isinstance(operand, Value) and not (isinstance(partial, float) and partial == 0.0):
                totals[id(operand)] = totals.get(id(operand), 0.0) + adjoint * partial
    return totals.get(id(leaf), 0.0)


def number(thing: Any) -> float:
    return thing.data if isinstance(thing, Value) else float(thing)
