"""Which branches of a graph its inputs can switch: the kinks that matter, and what keeps its value all around.

The partials of branches are made of branches.  That of ``elu`` at -1 is ``where(heaviside(x, 0), 1, ...)``, a ``where``
whose condition is 0, which is its kink, and stays 0 all around: it has a derivative there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autograd_core.graph import Graph
from autograd_core.graph_parts import Node
from autograd_core.testing.numbers import known_name, operand_numbers

_STEPS = ("sign", "heaviside", "greater")


class Switches(NamedTuple):
    """The nodes ``at_kinks``, exactly at a declared kink they can leave, and the ``idle`` operands: (node, position).

    What an idle operand does next to the point does not matter: it keeps its value, or is not looked at.
    """

    at_kinks: frozenset[int]
    idle: frozenset[tuple[int, int]]


def switches_of(graph: Graph) -> Switches:
    """What the branches of a graph with numbers can do next to its point.

    >>> from autograd_core import Value, heaviside, where
    >>> x = Value(-1.0, "x")
    >>> switches_of(Graph(where(heaviside(x, 0.0), 1.0, x))).at_kinks
    frozenset()
    """
    steady: set[int] = set()
    at_kinks: list[int] = []
    idle: list[tuple[int, int]] = []
    for node in graph.record:
        if node.op is None:
            continue
        numbers = operand_numbers(graph, node)
        moving = [type(operand) is int and operand not in steady for operand in node.operands]
        if _is_at_kink(node, numbers, moving):
            at_kinks.append(node.index)
        else:
            looked_at = _looked_at(node, numbers)
            moving = [moves and at in looked_at for at, moves in enumerate(moving)]
        if not any(moving):
            steady.add(node.index)
        idle += [(node.index, at) for at, moves in enumerate(moving) if not moves]
    return Switches(frozenset(at_kinks), frozenset(idle))


def _is_at_kink(node: Node, numbers: Sequence[float], moving: Sequence[bool]) -> bool:
    assert node.op is not None
    for kink in node.op.kinks:
        if kink(*numbers) == 0:
            for at, moves in enumerate(moving):
                aside = [*numbers[:at], numbers[at] + max(1.0, abs(numbers[at])), *numbers[at + 1 :]]
                if moves and kink(*aside) != 0:
                    return True
    return False


def _looked_at(node: Node, numbers: Sequence[float]) -> Sequence[int]:
    """The operands that decide the value of an operation off its kinks."""
    assert node.op is not None
    name = known_name(node.op)
    if name in _STEPS or (name == "relu" and numbers[0] < 0.0):
        return (1,) if name == "heaviside" and numbers[0] == 0.0 else ()
    if name == "where":
        return (1,) if numbers[0] else (2,)
    if name in ("maximum", "minimum"):
        return (0,) if (numbers[0] > numbers[1]) is (name == "maximum") else (1,)
    if name == "clip":
        x, low, high = numbers
        return (1,) if x < low else (2,) if x > high else (0,)
    return range(len(numbers))
