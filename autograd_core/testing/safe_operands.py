"""Whether an operation is safe at the operands drawn for it: off its kinks and poles, or exactly at a kink."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from autograd_core import primitives as rows
from autograd_core.row import Primitive

_SELECTING = (rows.relu, rows.maximum, rows.minimum, rows.clip, rows.where)


class Node(NamedTuple):
    """A number of a drawing and its reach, how far it moves if every input moves by its size.

    One that does not move at all, such as what relu makes of -1, cannot bring an operation to a kink.
    """

    value: float
    reach: float = 0.0
    is_constant: bool = True
    moves: bool = False


def is_inside(row: Primitive, values: Sequence[float], shifts: Sequence[float]) -> bool:
    """Whether the values are inside the domain, also when each is shifted either way, or to 0 between."""
    if row.domain == rows.ONE_REAL:
        return True
    reached = [(x,) if not shift else (x - shift, x + shift, *((0.0,) if abs(x) <= shift else ()))
               for x, shift in zip(values, shifts, strict=True)]
    return all(row.domain.contains(*each) for each in itertools.islice(itertools.product(*reached), 1000))


def comes_to_zero(kink: Callable[..., Any], values: Sequence[float], shifts: Sequence[float]) -> bool:
    """Whether a kink function may come to zero when each of the values is shifted either way."""
    here, moved = kink(*values), 0.0
    for at, shift in enumerate(shifts):
        ends = [kink(*values[:at], end, *values[at + 1 :]) for end in (values[at] - shift, values[at] + shift)]
        moved += max(abs(end - here) for end in ends)
    return not abs(here) > moved


def is_at(kink: Callable[..., Any], nodes: Sequence[Node]) -> bool:
    """Whether these are exactly at the kink, and not by what stays as it is."""
    values = [node.value for node in nodes]
    return kink(*values) == 0.0 and any(
        node.moves and kink(*values[:at], node.value + 1.0, *values[at + 1 :]) != 0.0
        for at, node in enumerate(nodes))


def looked_at(row: Primitive, nodes: Sequence[Node], partials: Sequence[float]) -> list[bool]:
    """Which of the operands decide the value next to the point: not the loser of a maximum."""
    chooses = row in _SELECTING and not any(is_at(kink, nodes) for kink in row.kinks)
    return [node.moves and (partial != 0.0 or not chooses) for node, partial in zip(nodes, partials, strict=True)]
