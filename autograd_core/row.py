"""What one row of the table of primitives is: an operation under all its readings.

A row is called like a function.  What the call does depends on its operands: numbers and arrays are
computed, and any other operand decides for itself through its ``apply_primitive`` (a ``Value``
records, a ``Symbol`` writes).  A new reading is a new class of operands, never a new table.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from autograd_core.domains import Domain
from autograd_core.errors import DomainError, OperandError
from autograd_core.operand_checks import is_numpy_scalar, shown

Partial = Callable[..., Any]

_POLES_ALLOWED: ContextVar[bool] = ContextVar("poles_allowed", default=False)


class Notation(NamedTuple):
    """How an operation is written: its precedence level and a template with one field per operand.

    A field names the lowest level its operand may have without parentheses, ``<product>``; a
    trailing ``!`` also puts parentheses around what starts with a minus sign.
    """

    level: str
    template: str


class SpecialValue(NamedTuple):
    """A disputed point: the operands, the value and the partials this engine has there, and why."""

    operands: tuple[float, ...]
    value: float
    partials: tuple[float, ...]
    reason: str


@contextmanager
def poles_allowed() -> Iterator[None]:
    """Let poles and points outside a domain give inf and nan, as IEEE 754 does, instead of raising."""
    token = _POLES_ALLOWED.set(True)
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        _POLES_ALLOWED.reset(token)


@dataclass(frozen=True, eq=False)
class Primitive:
    """One operation: how it is computed, differentiated, checked and written.

    ``scalar`` and ``array`` compute it on floats and on NumPy arrays; ``exact(mp, *operands)`` at any
    precision (``mp`` is mpmath, or another module of functions) and on complex numbers.  ``partials``
    has one function ``(out, *operands)`` per operand, written with primitives so that it runs under
    every reading; an operation of any number of operands has a single function that returns them
    all.  ``domain`` says where it is defined, ``kinks`` are functions whose zeros are the points
    without a derivative, ``special`` the disputed points.  ``ulp`` states the accuracy of values and
    partials in units in the last place: of the result, or, if ``conditioned``, of the result or of
    what one ulp in an operand changes it by (the best a formula with cancellation can do).

    The other fields say how it is written.  ``head`` is the function's name in LaTeX and in text;
    ``latex``, ``text``, ``python`` and ``javascript`` are notations where a function call would not
    do (``javascript`` may also be the source of a function); ``written`` gives an equivalent made of
    other rows.  With ``primed`` the derivative is shown as the head with a prime, ``textbook`` are
    the partials as a textbook writes them where that differs from how they are computed.  ``lists`` is
    the number of lists an operation of any number of operands takes; ``stacked(terms)`` and
    ``stacked_partials(out, terms)`` give its value and its partials of an array with the operands along the first axis.

    >>> from autograd_core import sqrt
    >>> sqrt(2.25)
    1.5
    """

    name: str
    scalar: Callable[..., float]
    array: Callable[..., Any]
    exact: Callable[..., Any] | None
    partials: tuple[Partial, ...] | Partial
    domain: Domain
    javascript: str | Notation | None
    kinks: tuple[Callable[..., Any], ...] = ()
    special: tuple[SpecialValue, ...] = ()
    ulp: int = 4
    conditioned: bool = False
    defaults: tuple[float, ...] = ()
    aliases: tuple[str, ...] = ()
    head: tuple[str, str] | None = None
    latex: Notation | Callable[..., Notation] | None = None
    text: Notation | Callable[..., Notation] | None = None
    python: Notation | Callable[..., Notation | None] | None = None
    written: Callable[..., Any] | None = None
    primed: bool = False
    textbook: tuple[Partial, ...] | Partial | None = None
    lists: int = 1
    stacked: Callable[[Any], Any] | None = None
    stacked_partials: Callable[[Any, Any], Any] | None = None
    alias_of: Primitive | None = None

    @cached_property
    def arity(self) -> int | None:
        """The number of operands, or None for an operation on any number of them."""
        return len(self.partials) if isinstance(self.partials, tuple) else None

    @cached_property
    def operand_names(self) -> tuple[str, ...]:
        """The operands' names as the partials write them, without ``out``."""
        if not isinstance(self.partials, tuple):
            return ()
        return tuple(inspect.signature(self.partials[0]).parameters)[1:]

    def __call__(self, *operands: Any, **named: Any) -> Any:
        """Apply the operation under the reading its operands ask for."""
        if named or len(operands) != self.arity:
            operands = self._bind(operands, named)
        for operand in operands:
            if type(operand) is not float:
                return self._read(operands)
        return self.on_floats(*operands)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def renamed(self, name: str, head: tuple[str, str] | None = None) -> Primitive:
        """The same operation under another name, such as the generic activation ``g`` of a lecture.

        >>> from autograd_core import Symbol, tanh
        >>> tanh.renamed("g")(Symbol("a_1")).text
        'g(a₁)'
        """
        return replace(self, name=name, head=head or (name, name), latex=None, text=None, python=None,
                       written=None, primed=True, alias_of=self.alias_of or self)

    def on_floats(self, *operands: float) -> float:
        """The value on plain floats; :class:`DomainError` outside the domain, IEEE 754 elsewhere."""
        try:
            return self.scalar(*operands)
        except (ArithmeticError, ValueError):
            if not _POLES_ALLOWED.get() and all(map(math.isfinite, operands)):
                self._require_inside(operands)
            with np.errstate(all="ignore"):
                return float(self.array(*map(np.float64, operands)))

    def on_arrays(self, *operands: Any) -> Any:
        """The value on NumPy arrays, element by element; :class:`DomainError` names the first bad index."""
        with np.errstate(all="ignore"):
            result = self.array(*operands)
            if not _POLES_ALLOWED.get() and not np.isfinite(result).all():
                self._require_all_inside(operands)
        return result

    def local_derivatives(self, out: float, operands: Sequence[float], wanted: Sequence[bool]) -> list[float]:
        """The derivative of the result to each wanted operand, on floats; 0.0 stands for an unwanted one."""
        if not isinstance(self.partials, tuple):
            every = self._at_floats(self.partials, out, operands)
            return [float(d) if want else 0.0 for d, want in zip(every, wanted, strict=True)]
        return [
            float(self._at_floats(partial, out, operands)) if want else 0.0
            for partial, want in zip(self.partials, wanted, strict=True)
        ]

    def partials_at(self, out: Any, operands: Sequence[Any], wanted: Sequence[bool] = ()) -> list[Any]:
        """The partials under the operands' own reading, one per operand; 0.0 stands for an unwanted one.

        An unwanted partial is not evaluated: ``log(x)``, in that of ``x**2`` to the 2, may not exist.
        """
        if not isinstance(self.partials, tuple) or not wanted:
            return _applied(self.partials, out, operands)
        return [
            partial(out, *operands) if want else 0.0
            for partial, want in zip(self.partials, wanted, strict=True)
        ]

    def textbook_partials_at(self, out: Any, operands: Sequence[Any]) -> list[Any]:
        """The partials as a textbook writes them, on symbols."""
        if self.textbook is None:
            return self.partials_at(out, operands)
        return _applied(self.textbook, out, operands)

    @staticmethod
    def _at_floats(partial: Partial, out: float, operands: Sequence[float]) -> Any:
        try:
            return partial(out, *operands)
        except (ArithmeticError, ValueError):
            # At the end of a domain a derivative is its limit, sqrt'(0) = inf: NumPy follows IEEE 754.
            with poles_allowed():
                return partial(np.float64(out), *map(np.float64, operands))

    def _bind(self, operands: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        if self.arity is None:
            return self._collect(operands, named)
        required = self.arity - len(self.defaults)
        given = dict(zip(self.operand_names, operands, strict=False))
        unknown = [key for key in named if key not in self.operand_names or key in given]
        given = dict(zip(self.operand_names[required:], self.defaults, strict=True)) | given | named
        missing = [key for key in self.operand_names if key not in given]
        if unknown or missing or len(operands) > self.arity:
            signature = ", ".join(
                key if at < required else f"{key}={self.defaults[at - required]:g}"
                for at, key in enumerate(self.operand_names)
            )
            got = ", ".join([*map(_kind, operands), *named])
            raise OperandError(f"{self.name}({signature}) was called as {self.name}({got}).")
        return tuple(given[key] for key in self.operand_names)

    def _collect(self, operands: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        lists = [list(each) if hasattr(each, "__iter__") else None for each in operands]
        if len(lists) != self.lists or named or None in lists:
            example = "[a, b, c]" if self.lists == 1 else "[a, b, c], [x, y, z]"
            wanted = "a list" if self.lists == 1 else f"{self.lists} lists"
            got = ", ".join([*map(_kind, operands), *named])
            raise OperandError(
                f"{self.name} takes {wanted} of operands, such as {self.name}({example}); "
                f"it was called as {self.name}({got})."
            )
        lengths = [len(each) for each in lists if each is not None]
        if len(set(lengths)) > 1:
            got = " and ".join(map(str, lengths))
            raise OperandError(f"{self.name} needs lists of equal length; it got {got}.")
        return tuple(operand for each in lists if each is not None for operand in each)

    def _read(self, operands: tuple[Any, ...]) -> Any:
        clean = [_as_operand(self.name, operand) for operand in operands]
        arrays = [operand for operand in clean if isinstance(operand, np.ndarray)]
        interpreters = [operand for operand in clean if hasattr(operand, "apply_primitive")]
        if arrays and (interpreters or any(operand.dtype == object for operand in arrays)):
            shape = np.broadcast_shapes(*(operand.shape for operand in arrays))
            columns = [np.broadcast_to(np.asarray(operand, dtype=object), shape).flat for operand in clean]
            elements = np.empty(shape, dtype=object)
            for at, row in enumerate(zip(*columns, strict=True)):
                elements.flat[at] = self._read(row)
            return elements
        if interpreters:
            leading = max(interpreters, key=_interpreter_level) if len(interpreters) > 1 else interpreters[0]
            return leading.apply_primitive(self, tuple(clean))
        if arrays:
            return self.on_arrays(*clean)
        result = self.on_floats(*clean)
        return np.float64(result) if _POLES_ALLOWED.get() else result

    def _require_inside(self, operands: Sequence[float]) -> None:
        if not self.domain.contains(*operands):
            shown = ", ".join(f"{operand:.17g}" for operand in operands)
            raise DomainError(
                f"{self.name}({shown}) is not defined: the domain of {self.name} is {self.domain}. "
                "Keep the operands inside, for instance with clip or maximum."
            )

    def _require_all_inside(self, operands: Sequence[Any]) -> None:
        columns = np.broadcast_arrays(*operands)
        outside = ~np.asarray(self.domain.contains(*columns))
        for column in columns:
            outside = outside & np.isfinite(column)
        if outside.any():
            index = tuple(int(i) for i in np.argwhere(outside)[0])
            shown = ", ".join(f"{float(column[index]):.17g}" for column in columns)
            raise DomainError(
                f"{self.name}({shown}) at index {index} is not defined: the domain of {self.name} is "
                f"{self.domain}. Keep the operands inside, for instance with clip or maximum."
            )


def _applied(partials: tuple[Partial, ...] | Partial, out: Any, operands: Sequence[Any]) -> list[Any]:
    if not isinstance(partials, tuple):
        return list(partials(out, *operands))
    return [partial(out, *operands) for partial in partials]


def _interpreter_level(operand: Any) -> int:
    """Which of several interpreters reads an operation: what records a tape goes before a Value."""
    return getattr(operand, "interpreter_level", 0)


def _kind(operand: object) -> str:
    return type(operand).__name__


def _as_operand(name: str, operand: Any) -> Any:
    kind = type(operand)
    if kind is float or kind is np.float64:
        return operand if kind is float else _plain_float(operand)
    if hasattr(kind, "apply_primitive"):
        return operand
    if isinstance(operand, np.ndarray) and operand.ndim == 0 and operand.dtype != object:
        operand = operand[()]
    if isinstance(operand, np.ndarray):
        if operand.dtype.kind in "iuf":
            return operand.astype(np.float64)
        if operand.dtype == object:
            return operand
        raise OperandError(
            f"{name} got an array of {operand.dtype}. Use an array of numbers; "
            "for a comparison write heaviside(x, at_zero), which a graph can replay."
        )
    if isinstance(operand, (bool, np.bool_)):
        raise OperandError(
            f"{name} got the bool {operand!s}. A bool made from data could not be replayed when the data "
            "change: write heaviside(x, at_zero), or 1.0 and 0.0 if you mean numbers."
        )
    if isinstance(operand, (int, float)) or (is_numpy_scalar(operand) and operand.dtype.kind in "iuf"):
        try:
            return float(operand)
        except OverflowError:
            raise OperandError(
                f"{name} takes floats, at most 1.8e308; got {shown(operand)}. Scale it, or use its logarithm."
            ) from None
    raise OperandError(
        f"{name} got {shown(operand)} of type {kind.__name__}. Use a number, a Value or a NumPy array."
    )


def _plain_float(operand: Any) -> Any:
    # Inside poles_allowed, NumPy's float must survive: Python's own division by zero raises.
    return operand if _POLES_ALLOWED.get() else float(operand)
