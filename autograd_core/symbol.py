r"""Operands that write instead of computing: LaTeX, unicode or plain text, Python, JavaScript.

A ``Symbol`` is a small expression tree.  Applying a primitive to one builds a larger tree, in which
only the obvious is simplified: numeric factors are folded (``0.5 * 2 -> 1``), factors, exponents and
divisors of one and terms of zero are dropped.  Nothing is reordered or expanded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd_core import primitives as rows
from autograd_core import writing
from autograd_core.errors import OperandError
from autograd_core.names import Name
from autograd_core.row import Primitive


class Symbol:
    r"""A name, a number, or an operation on symbols.

    >>> from autograd_core import tanh
    >>> x, w = Symbol("x"), Symbol("w_1^{(2)}")
    >>> (tanh(w * x) + 2 * x).latex
    '\\tanh(w_1^{(2)} x) + 2 x'
    >>> (tanh(w * x) + 2 * x).text, (0.5 * (2 * x)).text
    ('tanh(w₁⁽²⁾ x) + 2x', 'x')
    """

    __slots__ = ("height", "name", "number", "operands", "primed", "primitive", "size")

    def __init__(self, name: str | Name | None = None, *, number: float | None = None) -> None:
        self.name = Name.of(name) if isinstance(name, str) else name
        self.number = number
        self.primitive: Primitive | None = None
        self.operands: tuple[Symbol, ...] = ()
        self.primed = False
        self.size = 1
        self.height = 1

    @classmethod
    def of(cls, thing: Symbol | float) -> Symbol:
        """``thing`` as a symbol: itself, or a number."""
        return thing if isinstance(thing, Symbol) else cls(number=float(thing))

    @classmethod
    def applied(cls, primitive: Primitive, operands: Sequence[Symbol | float], primed: bool = False) -> Symbol:
        """The operation on ``operands`` exactly as given, with nothing simplified."""
        symbol = cls()
        symbol.primitive, symbol.operands, symbol.primed = primitive, tuple(map(cls.of, operands)), primed
        symbol.size = 1 + sum(operand.size for operand in symbol.operands)
        symbol.height = 1 + max((operand.height for operand in symbol.operands), default=0)
        return symbol

    @classmethod
    def apply_primitive(cls, primitive: Primitive, operands: Sequence[Any]) -> Symbol:
        """The operation on ``operands`` with numeric factors, units and zeros folded."""
        for operand in operands:
            if not isinstance(operand, (Symbol, float)):
                raise OperandError(f"{primitive.name} got a Symbol and {operand!r}. Use symbols and numbers together.")
        symbols = tuple(map(cls.of, operands))
        fold = _FOLDS.get(primitive)
        return fold(*symbols) if fold else cls.applied(primitive, symbols)

    @property
    def latex(self) -> str:
        """LaTeX mathematics."""
        return writing.write(self, writing.LATEX)

    @property
    def text(self) -> str:
        """Mathematics in unicode text."""
        return writing.write(self, writing.UNICODE)

    @property
    def ascii(self) -> str:
        """Mathematics in ASCII text."""
        return writing.write(self, writing.ASCII)

    @property
    def python(self) -> str:
        """Python source in which primitives are called by name."""
        return writing.write(self, writing.PYTHON, limit=None)

    @property
    def javascript(self) -> str:
        """JavaScript source in which primitives are called by name."""
        return writing.write(self, writing.JAVASCRIPT, limit=None)

    def __repr__(self) -> str:
        return f"<Symbol {self.text}>"

    def __add__(self, other: Any) -> Any:
        return rows.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return rows.add(other, self)

    def __sub__(self, other: Any) -> Any:
        return rows.sub(self, other)

    def __rsub__(self, other: Any) -> Any:
        return rows.sub(other, self)

    def __mul__(self, other: Any) -> Any:
        return rows.mul(self, other)

    def __rmul__(self, other: Any) -> Any:
        return rows.mul(other, self)

    def __truediv__(self, other: Any) -> Any:
        return rows.div(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return rows.div(other, self)

    def __pow__(self, other: Any) -> Any:
        return rows.pow(self, other)

    def __rpow__(self, other: Any) -> Any:
        return rows.pow(other, self)

    def __neg__(self) -> Any:
        return rows.neg(self)


# Formulas of graphs are cut at this height and size: no line shows more, and walks through them stay quick.
_TALLEST = 40
_LARGEST = 2000


def shortened(thing: Any) -> Any:
    """``thing``, or an ellipsis for a symbol too tall or too large ever to be shown."""
    too_long = isinstance(thing, Symbol) and (thing.height > _TALLEST or thing.size > _LARGEST)
    return Symbol(Name(r"\ldots", "…", "...", "...", True)) if too_long else thing


def split_coefficient(symbol: Symbol) -> tuple[float, Symbol | None]:
    """``symbol`` as a number times the rest (None for a number alone).

    >>> coefficient, rest = split_coefficient(-(3 * Symbol("x")))
    >>> coefficient, rest.text
    (-3.0, 'x')
    """
    if symbol.number is not None:
        return symbol.number, None
    if symbol.primitive is rows.neg:
        coefficient, rest = split_coefficient(symbol.operands[0])
        return -coefficient, rest
    if symbol.primitive is rows.mul and symbol.operands[0].number is not None:
        coefficient, rest = split_coefficient(symbol.operands[1])
        return symbol.operands[0].number * coefficient, rest
    return 1.0, symbol


def _scaled(coefficient: float, rest: Symbol | None) -> Symbol:
    if rest is None or coefficient == 0.0:
        return Symbol(number=coefficient)
    if coefficient == 1.0:
        return rest
    if coefficient == -1.0:
        return Symbol.applied(rows.neg, (rest,))
    return Symbol.applied(rows.mul, (coefficient, rest))


def _fold_mul(x: Symbol, y: Symbol) -> Symbol:
    (a, left), (b, right) = split_coefficient(x), split_coefficient(y)
    product = Symbol.applied(rows.mul, (left, right)) if left and right else left or right
    return _scaled(a * b, product)


def _fold_neg(x: Symbol) -> Symbol:
    coefficient, rest = split_coefficient(x)
    return _scaled(-coefficient, rest)


def _fold_add(x: Symbol, y: Symbol) -> Symbol:
    if x.number is not None and y.number is not None:
        return Symbol(number=x.number + y.number)
    if x.number == 0.0:
        return y
    if y.number == 0.0:
        return x
    coefficient, rest = split_coefficient(y)
    if coefficient < 0.0:
        return Symbol.applied(rows.sub, (x, _scaled(-coefficient, rest)))
    return Symbol.applied(rows.add, (x, y))


def _fold_sub(x: Symbol, y: Symbol) -> Symbol:
    return _fold_add(x, _fold_neg(y))


def _fold_div(x: Symbol, y: Symbol) -> Symbol:
    (a, numerator), divisor = split_coefficient(x), y.number
    if divisor and float(f"{a / divisor:.4g}") == a / divisor:  # a/2 is 0.5 a, but a/3 not 0.3333 a
        return _scaled(a / divisor, numerator)
    if a == 0.0:
        return Symbol(number=0.0)
    if a < 0.0:
        return _fold_neg(_fold_div(_fold_neg(x), y))
    return Symbol.applied(rows.div, (x, y))


def _fold_pow(x: Symbol, y: Symbol) -> Symbol:
    if y.number == 1.0:
        return x
    if y.number == 0.0:
        return Symbol(number=1.0)
    return Symbol.applied(rows.pow, (x, y))


_FOLDS: dict[Primitive, Callable[..., Symbol]] = {
    rows.add: _fold_add, rows.sub: _fold_sub, rows.mul: _fold_mul, rows.div: _fold_div,
    rows.neg: _fold_neg, rows.pow: _fold_pow,
}
