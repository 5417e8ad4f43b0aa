"""Passes over a graph: its order, its adjoints, and replaying it.

A node's operands are a tuple of other nodes and plain floats, the constants.  Stamps increase, and a node
gets its own when it is made, so sorting by stamp is a topological order.  Setting a leaf, or replaying
a node, gives it a new stamp, and a node older than one of its operands is stale.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from operator import attrgetter
from typing import TYPE_CHECKING

from autograd_core.errors import StaleGraphError
from autograd_core.watching import alter, observers, require_number, require_numbers

if TYPE_CHECKING:
    from autograd_core.value import Value

stamps = itertools.count(1)

# Reentrant: a row of the user's own may differentiate something while it is replayed.
_sweep_lock = threading.RLock()
_stamp_of = attrgetter("_stamp")


# --- order and staleness ------------------------------------------------------------------------


def topological_order(roots: Iterable[Value]) -> list[Value]:
    """Everything the roots were computed from, themselves included, operands before results."""
    leaves, computed, newer = _reached(roots)
    if any(operand.op is not None for operand in newer):
        return _operands_first([*leaves, *computed])
    return leaves + computed


def require_fresh(order: Sequence[Value]) -> None:
    """Raise :class:`StaleGraphError` if a leaf was set, or a part recomputed, after a node that reads it."""
    newer = [
        operand
        for node in order
        for operand in node.operands
        if not isinstance(operand, float) and operand._stamp > node._stamp
    ]
    if newer:
        raise _stale_graph(newer)


def is_stale(root: Value) -> bool:
    """Whether anything the root was computed from is newer than a node that reads it."""
    return bool(_reached((root,))[2])


def _reached(roots: Iterable[Value]) -> tuple[list[Value], list[Value], list[Value]]:
    """The leaves and the computed nodes below the roots, by stamp, and the operands newer than a reader."""
    leaves: list[Value] = []
    computed: list[Value] = []
    newer: list[Value] = []
    stack = list(roots)
    seen = set(map(id, stack))
    while stack:
        node = stack.pop()
        if node.op is None:
            leaves.append(node)
            continue
        computed.append(node)
        stamp = node._stamp
        for operand in node.operands:
            if isinstance(operand, float):
                continue
            if operand._stamp > stamp:
                newer.append(operand)
            key = id(operand)
            if key not in seen:
                seen.add(key)
                stack.append(operand)
    # A leaf's stamp moves when it is set, so leaves go first; they have no operands.
    leaves.sort(key=_stamp_of)
    computed.sort(key=_stamp_of)
    return leaves, computed, newer


def _operands_first(nodes: Sequence[Value]) -> list[Value]:
    """The nodes in an order that does not need stamps: a replayed node is newer than its readers."""
    order: list[Value] = []
    done: set[int] = set()
    stack = list(reversed(nodes))
    while stack:
        node = stack[-1]
        waiting = [] if id(node) in done else [
            operand for operand in node.operands if not isinstance(operand, float) and id(operand) not in done
        ]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        if id(node) not in done:
            done.add(id(node))
            order.append(node)
    return order


def _stale_graph(newer: Sequence[Value]) -> StaleGraphError:
    # Below an operand that was replayed, the newest leaf is the one that was set.
    changed = _reached(newer)[0][-1]
    shown = f"the leaf {changed._name!r}" if changed._name else f"the leaf with data {changed._data!r}"
    return StaleGraphError(
        f"{shown} was set after values were computed from it, so the graph is stale. "
        "Call recompute() on the output (it replays the recorded operations), or compute the output again."
    )


# --- sweeps -------------------------------------------------------------------------------------


def adjoints(order: Sequence[Value], seeds: dict[int, float]) -> list[float]:
    """The adjoint of each node of ``order`` for the seeds, keyed by ``id(node)``; ``.grad`` is left alone."""
    total = dict.fromkeys(map(id, order), 0.0)
    total.update(seeds)
    for node in reversed(order):
        if node.op is None:
            continue
        adjoint = total[id(node)]
        for operand, partial in zip(node.operands, node.partials, strict=True):
            if not isinstance(operand, float):
                total[id(operand)] += adjoint * partial
    return list(total.values())


Sweep = Callable[[Sequence["Value"], dict[int, float]], list[float]]
_sweep_in_use: ContextVar[Sweep] = ContextVar("sweep_in_use", default=adjoints)


@contextmanager
def sweeping_with(sweep: Sweep) -> Iterator[None]:
    """Within the block, ``backward`` and the transforms sweep with ``sweep`` instead of with :func:`adjoints`.

    ``sweep(order, seeds)`` gets the nodes, operands before results, and the adjoints to begin with, keyed by
    ``id(node)``; it returns an adjoint for each node of ``order``.  It is how a mistake is planted in a sweep on
    purpose.  Other threads are unaffected; of several such blocks the inner one counts.  What ``sweep`` raises
    is raised by ``backward``.

    >>> from autograd_core import Value
    >>> x = Value(3.0)
    >>> with sweeping_with(lambda order, seeds: [7.0 for node in order]):
    ...     (x * x).backward()
    >>> x.grad
    7.0
    """
    token = _sweep_in_use.set(sweep)
    observers.append("sweep")
    try:
        yield
    finally:
        observers.pop()
        _sweep_in_use.reset(token)


def swept(order: Sequence[Value], seeds: dict[int, float]) -> list[float]:
    """What :func:`adjoints` gives, or the sweep planted in its place."""
    return _sweep_in_use.get()(order, seeds) if observers else adjoints(order, seeds)


def backward(root: Value, seed: float) -> None:
    """Sweep from the root: leaves accumulate their adjoint, what was computed is assigned it."""
    with _sweep_lock:
        leaves, computed, newer = _reached((root,))
        if newer:
            raise _stale_graph(newer)
        order = leaves + computed
        seeds = {id(root): seed}
        found = swept(order, seeds)
        if observers:
            require_numbers(order, found)
        for node, adjoint in zip(order, found, strict=True):
            node._grad = adjoint if node.op is not None or node._grad is None else node._grad + adjoint


def zero_grad(root: Value) -> None:
    """Forget the gradients of the root and of everything it was computed from."""
    with _sweep_lock:
        for node in topological_order((root,)):
            node._grad = None


def recompute(root: Value) -> None:
    """Replay what is older than its operands; nothing is written unless all of it succeeds.

    What is not stale keeps its stamp, so that another output that reads it does not become so.
    """
    with _sweep_lock:
        fresh: dict[int, tuple[float, tuple[float, ...], int]] = {}
        order = topological_order((root,))
        for node in order:
            if node.op is None:
                continue
            # Drawn before the operands are read: a leaf that another thread sets from here on is newer.
            stamp = next(stamps)
            is_outdated = False
            numbers: list[float] = []
            wanted: list[bool] = []
            for operand in node.operands:
                if isinstance(operand, float):
                    numbers.append(operand)
                    wanted.append(False)
                    continue
                replayed = fresh.get(id(operand))
                is_outdated = is_outdated or replayed is not None or operand._stamp > node._stamp
                numbers.append(operand._data if replayed is None else replayed[0])
                wanted.append(True)
            if is_outdated:
                data = float(node.op.on_floats(*numbers))
                if observers:
                    require_number(node, data, numbers)
                fresh[id(node)] = data, tuple(node.op.local_derivatives(data, numbers, wanted)), stamp
        for node in order:
            if id(node) in fresh:
                node._data, node.partials, node._stamp = fresh[id(node)]
        if observers:
            for node in order:
                if id(node) in fresh:
                    alter(node)
