"""What can be watched, and altered, while a graph is built: the first nan, the user's line, the local derivatives.

Nobody watching is the ordinary case, and costs a new node one look at ``observers``, an empty list.
Who watches is a matter of the context (the thread, the task); ``observers`` only says that somebody does.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from autograd_core.errors import AnomalyError

if TYPE_CHECKING:
    from autograd_core.value import Value

observers: list[str] = []

_MOST_OPERANDS_SHOWN = 6
_watching_for_nan: ContextVar[bool] = ContextVar("watching_for_nan", default=False)
_recordings: ContextVar[tuple[dict[Value, str], ...]] = ContextVar("recordings", default=())
_alterations: ContextVar[tuple[Callable[[Value], None], ...]] = ContextVar("alterations", default=())


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Within the block, stop with :class:`AnomalyError` at the first node or adjoint that becomes nan.

    A node with an operand that was nan before the block did not make it, and is let through.

    >>> from autograd_core import Value
    >>> with detect_anomaly():
    ...     Value(math.inf, "x") - math.inf
    Traceback (most recent call last):
    autograd_core.errors.AnomalyError: sub(inf, inf) became nan. Its operands: x = inf, inf.
    """
    token = _watching_for_nan.set(True)
    observers.append("nan")
    try:
        yield
    finally:
        observers.pop()
        _watching_for_nan.reset(token)


@contextmanager
def recording_lines() -> Iterator[dict[Value, str]]:
    """Within the block, note for each new node the line outside this package that made it.

    Gives a dictionary from nodes to ``file:line``; it keeps its nodes alive.  Nodes of other threads
    are not in it.

    >>> from autograd_core import Value
    >>> with recording_lines() as lines:
    ...     y = 2 * Value(1.0)
    >>> lines[y]
    '<doctest ...>:2'
    """
    lines: dict[Value, str] = {}
    token = _recordings.set((*_recordings.get(), lines))
    observers.append("lines")
    try:
        yield lines
    finally:
        observers.pop()
        _recordings.reset(token)


@contextmanager
def altering(function: Callable[[Value], None]) -> Iterator[None]:
    """Within the block, show each new or recomputed node to ``function``, which may replace ``node.partials``.

    It is how a mistake is planted in a derivative on purpose.  The nodes keep what they were given; other
    threads are unaffected.  Of several such blocks the outer function comes first.  What ``function`` raises
    is raised where the node is made.

    >>> from autograd_core import Value
    >>> def halved(node):
    ...     node.partials = tuple(partial / 2 for partial in node.partials)
    >>> x = Value(3.0)
    >>> with altering(halved):
    ...     (x * x).backward()
    >>> x.grad
    3.0
    """
    token = _alterations.set((*_alterations.get(), function))
    observers.append("altered")
    try:
        yield
    finally:
        observers.pop()
        _alterations.reset(token)


def observe(node: Value) -> None:
    """Tell those who watch in this context of a new node; raises for one that makes a nan."""
    recordings = _recordings.get()
    if recordings:
        line = _user_line()
        for lines in recordings:
            lines[node] = line
    require_number(node, node._data)
    alter(node)


def alter(node: Value) -> None:
    """Show a node whose local derivatives are new to those who alter them in this context."""
    for function in _alterations.get():
        function(node)


def require_number(node: Value, data: float, operands: Sequence[float] | None = None) -> None:
    """Raise if this context watches for nan and ``data`` makes ``node`` the first one.

    ``operands`` are the numbers it was computed from, where they are not yet those of its operands.
    """
    if data == data or not _watching_for_nan.get():
        return
    if node.op is None:
        raise AnomalyError(f"{f'the leaf {node._name}' if node._name else 'a leaf'} was set to nan.")
    given = [_number(operand) for operand in node.operands] if operands is None else operands
    pairs = list(zip(node.operands, given, strict=True))
    if any(math.isnan(number) and not isinstance(operand, float) for operand, number in pairs):
        return
    few = pairs[:_MOST_OPERANDS_SHOWN]
    more = ", ..." if len(pairs) > len(few) else ""
    called = ", ".join(f"{number:.6g}" for _, number in few)
    described = ", ".join(f"{_called(operand)}{number:.6g}" for operand, number in few)
    raise AnomalyError(f"{node.op.name}({called}{more}) became nan. Its operands: {described}{more}.")


def require_numbers(order: Sequence[Value], adjoints: Sequence[float]) -> None:
    """Raise if this context watches for nan and an adjoint is one, naming the first of the sweep."""
    if not _watching_for_nan.get():
        return
    for node, adjoint in zip(reversed(order), reversed(adjoints), strict=True):
        if math.isnan(adjoint):
            shown = node._name or (node.op.name if node.op is not None else "a leaf")
            raise AnomalyError(
                f"the adjoint of {shown} (data {node._data:.6g}) became nan in the backward pass: "
                "an infinite local derivative met an adjoint of 0, infinities cancelled, or a local derivative is nan."
            )


def _number(operand: Any) -> float:
    return operand if isinstance(operand, float) else float(operand._data)


def _called(operand: Any) -> str:
    return "" if isinstance(operand, float) or not operand._name else f"{operand._name} = "


def _user_line() -> str:
    package = os.path.dirname(os.path.abspath(__file__)) + os.sep
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
