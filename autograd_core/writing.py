r"""How an expression tree becomes text: one class per language, precedence decided in one place.

A tree is anything with ``name``, ``number``, ``primitive``, ``operands``, ``primed``, ``size`` and
``height`` (see ``symbol.py``).  Long expressions are cut with an ellipsis: by default above 60 names,
numbers and operations, keeping the outermost structure.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from autograd_core.errors import OperandError
from autograd_core.names import Name, raised
from autograd_core.row import Notation, Primitive

LEVELS = ("sum", "quotient", "product", "unary", "power", "call")
LONGEST = 60
_FIELD = re.compile(r"<(\w*)(!?)>")
_DEEPEST = 80


class Tree(Protocol):
    """What can be written."""

    name: Name | None
    number: float | None
    primitive: Primitive | None
    primed: bool
    size: int
    height: int

    @property
    def operands(self) -> Sequence[Any]: ...


class Language(Protocol):
    """How names, numbers and operations look in one language, and what stands for a part cut away."""

    ellipsis: str

    def name(self, name: Name) -> str: ...

    def number(self, x: float, digits: int) -> Notation: ...

    def notation(self, tree: Tree) -> Notation: ...

    def parentheses(self, inner: str) -> str: ...


class _Mathematics:
    """What LaTeX and text have in common: four significant digits, functions written f(x)."""

    def __init__(self, ellipsis: str, power_of_ten: str, infinity: str, nan: str) -> None:
        self.ellipsis, self._power_of_ten, self._infinity, self._nan = ellipsis, power_of_ten, infinity, nan

    def number(self, x: float, digits: int) -> Notation:
        if math.isnan(x):
            return Notation("call", self._nan)
        level = "product" if x < 0 else "call"
        if math.isinf(x):
            return Notation(level, ("-" if x < 0 else "") + self._infinity)
        if x == round(x) and abs(x) < 1e6:
            return Notation(level, str(round(x)))
        mantissa, _, exponent = f"{x:.{digits}g}".partition("e")
        if not exponent:
            return Notation(level, mantissa)
        # A power of ten spelled with a multiplication sign is a product inside a product.
        weak = "quotient" if r"\cdot" in self._power_of_ten else "product"
        return Notation(weak, mantissa + self._power_of_ten % int(exponent))

    def notation(self, tree: Tree) -> Notation:
        row, operands = tree.primitive, tree.operands
        assert row is not None
        own = None if tree.primed else self.own_notation(row)
        if own is not None:
            return own(*operands) if not isinstance(own, Notation) else own
        prime = "'" if tree.primed else ""
        return Notation("call", f"{self.function(row)}{prime}({', '.join(['<>'] * len(operands))})")

    def own_notation(self, row: Primitive) -> Notation | Callable[..., Notation] | None:
        raise NotImplementedError

    def function(self, row: Primitive) -> str:
        raise NotImplementedError


class _Latex(_Mathematics):
    def name(self, name: Name) -> str:
        return name.latex

    def own_notation(self, row: Primitive) -> Notation | Callable[..., Notation] | None:
        return row.latex

    def function(self, row: Primitive) -> str:
        return row.head[0] if row.head else rf"\mathrm{{{row.name}}}".replace("_", r"\,")

    def parentheses(self, inner: str) -> str:
        return rf"\left({inner}\right)" if r"\frac" in inner else f"({inner})"


class _Text(_Mathematics):
    def own_notation(self, row: Primitive) -> Notation | Callable[..., Notation] | None:
        return row.text

    def parentheses(self, inner: str) -> str:
        return f"({inner})"


class _Unicode(_Text):
    def name(self, name: Name) -> str:
        return name.unicode

    def notation(self, tree: Tree) -> Notation:
        level, template = super().notation(tree)
        exponent = tree.operands[-1].number if template.endswith("^<call!>") else None
        if exponent is not None and exponent >= 0 and exponent.is_integer():
            template = template.removesuffix("^<call!>") + raised("^", f"{exponent:.0f}")
        return Notation(level, template)

    def function(self, row: Primitive) -> str:
        return row.head[1] if row.head else row.name


class _Ascii(_Text):
    def name(self, name: Name) -> str:
        return name.ascii

    def function(self, row: Primitive) -> str:
        return row.head[1] if row.head and row.head[1].isascii() else row.name

    def notation(self, tree: Tree) -> Notation:
        level, template = super().notation(tree)
        template = template.replace("·", "*").replace("√", "sqrt")
        return Notation(level, template)


class _Code:
    """What Python and JavaScript have in common: every digit of a number, primitives called by name."""

    ellipsis = "..."

    def __init__(self, infinity: str, nan: str) -> None:
        self._infinity, self._nan = infinity, nan

    def name(self, name: Name) -> str:
        if name.identifier == "...":
            raise OperandError("This formula was cut with an ellipsis, so it is no code. Name the nodes inside it.")
        return name.identifier

    def number(self, x: float, digits: int) -> Notation:
        shown = self._nan if math.isnan(x) else repr(x).replace("inf", self._infinity)
        return Notation("unary" if shown.startswith("-") else "call", shown)

    def notation(self, tree: Tree) -> Notation:
        row = tree.primitive
        assert row is not None
        if tree.primed:
            raise OperandError(
                f"The derivative of {row.name} is written with a prime here, which is no code. "
                "Use the expanded form: edge.expanded."
            )
        own = self.own_notation(row, tree.operands)
        if own is not None:
            return own
        count = len(tree.operands) // (row.lists if row.arity is None else 1)
        fields = ", ".join(["<>"] * count)
        return Notation("call", f"{row.name}({fields if row.arity else ', '.join([f'[{fields}]'] * row.lists)})")

    def own_notation(self, row: Primitive, operands: Sequence[Any]) -> Notation | None:
        raise NotImplementedError

    def parentheses(self, inner: str) -> str:
        return f"({inner})"


class _Python(_Code):
    def own_notation(self, row: Primitive, operands: Sequence[Any]) -> Notation | None:
        return row.python(*operands) if callable(row.python) else row.python


class _JavaScript(_Code):
    def own_notation(self, row: Primitive, operands: Sequence[Any]) -> Notation | None:
        return row.javascript if isinstance(row.javascript, Notation) else None


LATEX: Language = _Latex(r"\ldots", r" \cdot 10^{%d}", r"\infty", r"\mathrm{nan}")
UNICODE: Language = _Unicode("…", "e%d", "∞", "nan")
ASCII: Language = _Ascii("...", "e%d", "inf", "nan")
PYTHON: Language = _Python("inf", "nan")
JAVASCRIPT: Language = _JavaScript("Infinity", "NaN")


def write(tree: Tree, language: Language, digits: int = 4, limit: int | None = LONGEST) -> str:
    """``tree`` in ``language``; a number has ``digits`` significant digits, a tree at most ``limit`` parts."""
    if limit is None or (tree.size <= limit and tree.height <= _DEEPEST):
        return _write(tree, language, digits, sys.maxsize)[1]
    depth = 2
    while depth < _DEEPEST and _visible(tree, depth + 1, limit) <= limit:
        depth += 1
    return _write(tree, language, digits, depth)[1]


def write_operand(tree: Tree, language: Language, level: str, digits: int = 4, limit: int | None = LONGEST) -> str:
    """``tree`` as an operand: in parentheses if weaker than ``level`` or starting with a minus sign."""
    text = write(tree, language, digits, limit)
    weak = LEVELS.index(_level(tree, language, digits)) < LEVELS.index(level)
    return language.parentheses(text) if weak or text.startswith("-") else text


def format_number(x: float, language: Language, digits: int = 4) -> str:
    """``x`` with ``digits`` significant digits, an integer without its point.

    >>> format_number(2.0, UNICODE), format_number(1 / 3, UNICODE), format_number(1.25e-7, LATEX)
    ('2', '0.3333', '1.25 \\\\cdot 10^{-7}')
    """
    return language.number(x, digits).template


def _level(tree: Tree, language: Language, digits: int) -> str:
    return _write(tree, language, digits, 2)[0]


def _visible(tree: Tree, depth: int, limit: int) -> int:
    """The number of parts seen to ``depth``, counted no further than just past ``limit``."""
    count = 1
    if depth > 1:
        for operand in tree.operands:
            count += _visible(operand, depth - 1, limit)
            if count > limit:
                break
    return count


def _write(tree: Tree, language: Language, digits: int, depth: int) -> tuple[str, str]:
    if tree.name is not None:
        # w^{(2)} has its superscript already: its square is (w^{(2)})^2.
        raised = tree.name.exponent and not isinstance(language, _Code)
        return "power" if raised else "call", language.name(tree.name)
    if tree.number is not None:
        return language.number(tree.number, digits)
    if depth <= 1:
        return "call", language.ellipsis
    if tree.primitive is not None and tree.primitive.written and not tree.primed and not isinstance(language, _Code):
        return _write(tree.primitive.written(*tree.operands), language, digits, depth)
    level, template = language.notation(tree)
    operands = [_write(operand, language, digits, depth - 1) for operand in tree.operands]
    if language is LATEX and template.endswith("<>)") and any(r"\frac" in inner for _, inner in operands):
        template = template.replace("(<>", r"\left(<>").replace("<>)", r"<>\right)")
    waiting = iter(operands)

    def field(match: re.Match[str]) -> str:
        inner_level, inner = next(waiting)
        lowest, no_minus = match.groups()
        too_weak = bool(lowest) and LEVELS.index(inner_level) < LEVELS.index(lowest)
        return language.parentheses(inner) if too_weak or (no_minus and inner.startswith("-")) else inner

    return level, _FIELD.sub(field, template)
