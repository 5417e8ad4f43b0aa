"""What can be watched, and altered, while a graph is built: the first nan, the user's line, the local derivatives.

Nobody watching is the ordinary case, and costs a new node one look at ``observers``, an empty list.
Who watches is a matter of the context (the thread, the task); ``observers`` only says that somebody does.
So does ``refusals`` of the contexts in which Values are not compared.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from autograd_core.errors import AnomalyError, OperandError
from autograd_core.operand_checks import shown

if TYPE_CHECKING:
    from autograd_core.value import Value

observers: list[str] = []
refusals: list[str] = []

REPLAYED_CHOICE = (
    "For a choice that is replayed write where(condition, a, b), heaviside(x, at_zero), maximum or minimum."
)

_MOST_OPERANDS_SHOWN = 6
_watching_for_nan: ContextVar[bool] = ContextVar("watching_for_nan", default=False)
_refusing: ContextVar[bool] = ContextVar("refusing", default=False)
_recordings: ContextVar[tuple[dict[Value, str], ...]] = ContextVar("recordings", default=())
_alterations: ContextVar[tuple[Callable[[Value], None], ...]] = ContextVar("alterations", default=())


@contextmanager
def _in_this_context(switch: ContextVar[bool], somebody: list[str]) -> Iterator[None]:
    """Within the block the switch is on in this context, and ``somebody`` says in all that it is in one."""
    token = switch.set(True)
    somebody.append(switch.name)
    try:
        yield
    finally:
        somebody.pop()
        switch.reset(token)


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Within the block, stop with :class:`AnomalyError` at the first node or adjoint that becomes nan.

    A node with an operand that was nan before the block did not make it, and is let through.  Compiled programs are
    replayed by their tapes; the error then names the lane and the line too.

    >>> from autograd_core import Value
    >>> with detect_anomaly():
    ...     Value(math.inf, "x") - math.inf
    Traceback (most recent call last):
    autograd_core.errors.AnomalyError: sub(inf, inf) became nan. Its operands: x = inf, inf.
    """
    with _in_this_context(_watching_for_nan, observers):
        yield


@contextmanager
def recording_lines() -> Iterator[dict[Value, str]]:
    """Within the block, note for each new node the line outside this package that made it.

    Gives a dictionary from nodes to ``file:line``; it keeps its nodes alive.  Nodes of other threads
    are not in it.  A tape that is recorded within the block has the lines of its slots.

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


@contextmanager
def refusing_comparisons() -> Iterator[None]:
    """Within the block, in which a function is recorded, comparing Values raises :class:`OperandError`.

    What is recorded would be replayed without the comparison.  Other threads are unaffected.

    >>> from autograd_core import Value
    >>> with refusing_comparisons():
    ...     Value(3.0, "w") > 1.0
    Traceback (most recent call last):
    autograd_core.errors.OperandError: w > 1.0 compares a Value's present data while a function is recorded, ...
    """
    with _in_this_context(_refusing, refusals):
        yield


def refuse(value: Value, sign: str, other: object) -> None:
    """Raise for a comparison in a context in which Values are not compared."""
    if _refusing.get():
        compared = (getattr(other, "name", None) or "v") if hasattr(other, "apply_primitive") else shown(other)
        raise OperandError(
            f"{value._name or 'v'} {sign} {compared} compares a Value's present data while a function is recorded, and "
            f"would not be replayed when the data change. {REPLAYED_CHOICE} For a choice that is made once, when the "
            "function is recorded, compare v.data."
        )


def is_watching_for_nan() -> bool:
    """Whether this context is within a block of :func:`detect_anomaly`."""
    return bool(observers) and _watching_for_nan.get()


def is_recording_lines() -> bool:
    """Whether this context is within a block of :func:`recording_lines`."""
    return bool(observers) and bool(_recordings.get())


def observe(node: Value) -> None:
    """Tell those who watch in this context of a new node; raises for one that makes a nan."""
    recordings = _recordings.get()
    if recordings:
        line = user_line()
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
    raise anomaly(node.op.name, [(_name_of(operand), number) for operand, number in pairs])


def require_numbers(order: Sequence[Value], adjoints: Sequence[float]) -> None:
    """Raise if this context watches for nan and an adjoint is one, naming the first of the sweep."""
    if not _watching_for_nan.get():
        return
    for node, adjoint in zip(reversed(order), reversed(adjoints), strict=True):
        if math.isnan(adjoint):
            called = node._name or (node.op.name if node.op is not None else "a leaf")
            raise adjoint_anomaly(called, f"data {node._data:.6g}")


def anomaly(operation: str, operands: Sequence[tuple[str, float]], where: str = "", more: str = "") -> AnomalyError:
    """The error for an operation whose operands, pairs of a name or "" and a number, made a nan.

    >>> anomaly("sub", [("x", math.inf), ("", math.inf)], " in lane 3")
    AnomalyError('sub(inf, inf) became nan in lane 3. Its operands: x = inf, inf.')
    """
    few = operands[:_MOST_OPERANDS_SHOWN]
    rest = ", ..." if len(operands) > len(few) else ""
    called = ", ".join(f"{number:.6g}" for _, number in few)
    described = ", ".join(f"{name} = {number:.6g}" if name else f"{number:.6g}" for name, number in few)
    return AnomalyError(f"{operation}({called}{rest}) became nan{where}. Its operands: {described}{rest}.{more}")


def adjoint_anomaly(called: str, where: str, more: str = "") -> AnomalyError:
    """The error for an adjoint that became nan."""
    return AnomalyError(
        f"the adjoint of {called} ({where}) became nan in the backward pass: "
        f"an infinite local derivative met an adjoint of 0, infinities cancelled, or a local derivative is nan.{more}"
    )


def _number(operand: Any) -> float:
    return operand if isinstance(operand, float) else float(operand._data)


def _name_of(operand: Any) -> str:
    return "" if isinstance(operand, float) else operand._name or ""


def user_line() -> str:
    """The line outside this package that is being run, as ``file:line``."""
    package = os.path.dirname(os.path.abspath(__file__)) + os.sep
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
