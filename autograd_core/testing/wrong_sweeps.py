"""The sweeps that :mod:`~autograd_core.testing.mutants` plants: each goes wrong in a way of its own.

Like ``adjoints`` they get the nodes of a graph, operands before results, and the adjoints to begin with, keyed by
``id(node)``, and return an adjoint for each node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autograd_core.sweeps import Sweep, adjoints
from autograd_core.value import Value

Totals = dict[int, float]

_MOST_ARRIVALS = 100_000
"""Recursion along every path would never end on a graph with 2**60 of them."""


def _add(totals: Totals, node: Value) -> None:
    for operand, partial in node.edges:
        totals[id(operand)] += totals[id(node)] * partial


def _assign(totals: Totals, node: Value) -> None:
    for operand, partial in node.edges:
        totals[id(operand)] = totals[id(node)] * partial


def _add_to_each_operand_once(totals: Totals, node: Value) -> None:
    for operand, partial in dict(node.edges).items():
        totals[id(operand)] += totals[id(node)] * partial


def _add_without_upstream(totals: Totals, node: Value) -> None:
    for operand, partial in node.edges:
        totals[id(operand)] += partial


def _add_to_the_first_operand(totals: Totals, node: Value) -> None:
    for operand, partial in node.edges[:1]:
        totals[id(operand)] += totals[id(node)] * partial


def _add_with_constants_left_out(totals: Totals, node: Value) -> None:
    for (operand, _), partial in zip(node.edges, node.partials, strict=False):
        totals[id(operand)] += totals[id(node)] * partial


def _handing_on(hand_on: Callable[[Totals, Value], None], backwards: bool = True) -> Sweep:
    """A sweep whose nodes hand on their adjoint in their own way, from the output to the inputs or the other way."""

    def sweep(order: Sequence[Value], seeds: Totals) -> list[float]:
        totals = dict.fromkeys(map(id, order), 0.0) | seeds
        for node in reversed(order) if backwards else order:
            hand_on(totals, node)
        return list(totals.values())

    return sweep


assigning = _handing_on(_assign)
merging_edges = _handing_on(_add_to_each_operand_once)
forgetting_upstream = _handing_on(_add_without_upstream)
feeding_first_operands = _handing_on(_add_to_the_first_operand)
shifting_constants = _handing_on(_add_with_constants_left_out)
in_order_of_creation = _handing_on(_add, backwards=False)


def depth_first(order: Sequence[Value], seeds: Totals) -> list[float]:
    """Each node once, when it is first met."""
    totals = dict.fromkeys(map(id, order), 0.0) | seeds
    stack = [node for node in order if id(node) in seeds]
    seen: set[int] = set()
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            _add(totals, node)
            stack.extend(operand for operand, _ in reversed(node.edges))
    return list(totals.values())


def along_every_path(order: Sequence[Value], seeds: Totals) -> list[float]:
    """Each node as often as it is met, with all that it has received so far."""
    totals = dict.fromkeys(map(id, order), 0.0) | seeds
    stack = [node for node in order if id(node) in seeds]
    arrivals = 0
    while stack and arrivals < _MOST_ARRIVALS:
        arrivals += 1
        node = stack.pop()
        _add(totals, node)
        stack.extend(operand for operand, _ in reversed(node.edges))
    return list(totals.values())


def from_the_value(order: Sequence[Value], seeds: Totals) -> list[float]:
    """The output's value in the place of 1."""
    return adjoints(order, {id(node): seeds[id(node)] * node.data for node in order if id(node) in seeds})


def from_nothing(order: Sequence[Value], seeds: Totals) -> list[float]:
    """Without a seed."""
    return adjoints(order, {})


def from_what_was_left(order: Sequence[Value], seeds: Totals) -> list[float]:
    """On top of the adjoints that the last sweep left inside the graph."""
    return adjoints(order, {id(node): node.grad for node in order if node.op is not None} | seeds)


def into_emptied_leaves(order: Sequence[Value], seeds: Totals) -> list[float]:
    """What the leaves had accumulated is lost."""
    for node in order:
        if node.op is None:
            node.grad = 0.0
    return adjoints(order, seeds)
