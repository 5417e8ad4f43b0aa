r"""What equation lines are made of: derivatives, products, sums, braces, each writable in every language.

Terms alike but for one index fold into a sum sign; the same unification turns the rows of a table into
one general row, as the lecture writes ``a_i = ...``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Protocol

from autograd_core import writing
from autograd_core.names import Name
from autograd_core.symbol import Symbol
from autograd_core.writing import ASCII, LATEX, UNICODE, Language

FEWEST_TO_FOLD = 3
LONGEST_SUM = 6
_LONGEST_PRODUCT = 12


class Formula(Protocol):
    """Anything that can be written in a language of mathematics."""

    def write(self, language: Language, digits: int = 4) -> str: ...


class _Written:
    """The three languages as properties; ``str`` gives unicode."""

    def write(self, language: Language, digits: int = 4) -> str:
        raise NotImplementedError

    @property
    def latex(self) -> str:
        return self.write(LATEX)

    @property
    def text(self) -> str:
        return self.write(UNICODE)

    @property
    def ascii(self) -> str:
        return self.write(ASCII)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Term(_Written):
    """A symbol (a name, a number or an expression) standing alone."""

    symbol: Symbol

    def write(self, language: Language, digits: int = 4) -> str:
        return writing.write(self.symbol, language, digits)


@dataclass(frozen=True)
class Derivative(_Written):
    """The derivative of ``head`` with respect to ``tail``, unevaluated.

    A ``total`` one, over all paths, is told apart from that of a direct edge by an upright d (in ASCII by D).
    """

    head: Name
    tail: Name
    total: bool = False

    def write(self, language: Language, digits: int = 4) -> str:
        head, tail = language.name(self.head), language.name(self.tail)
        if language is LATEX:
            sign = r"\mathrm{d}" if self.total else r"\partial "
            return rf"\frac{{{sign}{head}}}{{{sign}{tail}}}"
        sign = ("d" if self.total else "∂") if language is UNICODE else ("D" if self.total else "d")
        return f"{sign}{head}/{sign}{tail}"


@dataclass(frozen=True)
class DerivativeOf(_Written):
    """The derivative with respect to ``tail`` of a whole formula in parentheses."""

    inner: Formula
    tail: Name

    def write(self, language: Language, digits: int = 4) -> str:
        inner, tail = self.inner.write(language, digits), language.name(self.tail)
        if language is LATEX:
            return rf"\frac{{\partial}}{{\partial {tail}}} ({inner})"
        sign = "∂" if language is UNICODE else "d"
        return f"{sign}/{sign}{tail} ({inner})"


@dataclass(frozen=True)
class Product(_Written):
    """Factors side by side, numbers in parentheses: ``(2)(3)``, ``(2) da_1/dx``; above twelve, an ellipsis."""

    factors: tuple[Formula | Symbol, ...]

    def write(self, language: Language, digits: int = 4) -> str:
        if len(self.factors) == 1:
            return _write_any(self.factors[0], language, digits)
        shown = self.factors
        if len(shown) > _LONGEST_PRODUCT:
            shown = (*shown[:4], shown[-1])
        parts = [self._factor(factor, language, digits) for factor in shown]
        # A digit after a factor would read as part of it: "w 2 z" is "w (2 z)".
        parts = [language.parentheses(part) if at and part[:1].isdigit() else part for at, part in enumerate(parts)]
        if len(shown) < len(self.factors):
            parts.insert(-1, language.ellipsis)
        return ("" if all(map(_is_number, self.factors)) else " ").join(parts)

    @staticmethod
    def _factor(factor: Formula | Symbol, language: Language, digits: int) -> str:
        if isinstance(factor, Symbol):
            if factor.number is not None:
                return f"({writing.format_number(factor.number, language, digits)})"
            return writing.write_operand(factor, language, "product", digits)
        text = factor.write(language, digits)
        return language.parentheses(text) if isinstance(factor, (Sum, SumOver)) else text


@dataclass(frozen=True)
class Linear(_Written):
    """Coefficients glued to names, units written out: ``2a_1 + 1a_2``."""

    terms: tuple[tuple[Symbol, Name], ...]

    def write(self, language: Language, digits: int = 4) -> str:
        parts = []
        for coefficient, name in self.terms:
            glue = "" if coefficient.number is not None and language is not LATEX else " "
            parts.append(writing.write_operand(coefficient, language, "product", digits) + glue + language.name(name))
        return _join_sum(parts)


@dataclass(frozen=True)
class Sum(_Written):
    """Terms added up; above six of them the middle is an ellipsis."""

    terms: tuple[Formula, ...]

    def write(self, language: Language, digits: int = 4) -> str:
        terms = self.terms
        if len(terms) > LONGEST_SUM:
            shown = [term.write(language, digits) for term in (*terms[:2], terms[-1])]
            return _join_sum([*shown[:2], language.ellipsis, shown[2]])
        return _join_sum([term.write(language, digits) for term in terms])


@dataclass(frozen=True)
class SumOver(_Written):
    """A sum over an index: the general term, the index and its first and last value."""

    letter: str
    first: int
    last: int
    term: Formula

    def write(self, language: Language, digits: int = 4) -> str:
        term = self.term.write(language, digits)
        if language is LATEX:
            return rf"\sum_{{{self.letter}={self.first}}}^{{{self.last}}} {term}"
        return f"{'Σ' if language is UNICODE else 'sum'}_{{{self.letter}={self.first}}}^{{{self.last}}} {term}"


@dataclass(frozen=True)
class Brace(_Written):
    """A part with a brace under it that says what it is."""

    inner: Formula
    label: Formula

    def write(self, language: Language, digits: int = 4) -> str:
        inner, label = self.inner.write(language, digits), self.label.write(language, digits)
        if language is LATEX:
            return rf"\underbrace{{{inner}}}_{{\textstyle {label}}}"
        return f"[{inner} = {label}]"


@dataclass(frozen=True)
class Equation(_Written):
    """Formulas joined by equals signs."""

    sides: tuple[Formula, ...]

    def write(self, language: Language, digits: int = 4) -> str:
        return " = ".join(side.write(language, digits) for side in self.sides)


def number(x: float) -> Term:
    """A number as a formula."""
    return Term(Symbol(number=x))


def name(of: Name) -> Term:
    """A name as a formula."""
    return Term(Symbol(of))


def sum_of(terms: Sequence[Formula]) -> Formula:
    """The sum of the terms: one alone as it is, three or more that are alike but for an index as a sum sign."""
    if len(terms) == 1:
        return terms[0]
    return fold_alike(terms) or Sum(tuple(terms))


def fold_alike(terms: Sequence[Formula]) -> SumOver | None:
    r"""The sum sign that stands for the terms, if there are three or more and one index tells them apart.

    >>> terms = [Product((Symbol(f"w_{i}"), Symbol(f"x_{i}"))) for i in (1, 2, 3)]
    >>> fold_alike(terms).latex
    '\\sum_{j=1}^{3} w_j x_j'
    """
    if len(terms) < FEWEST_TO_FOLD:
        return None
    letter = _free_letter(terms)
    found = generalize(terms, letter)
    return None if found is None else SumOver(letter, found[1], found[1] + len(terms) - 1, found[0])


def _free_letter(things: Any, besides: Sequence[str] = ()) -> str:
    candidates = "jikmn"  # l would read as 1
    used = "".join([*(name.index + name.exponent for name in names_in(things)), *besides])
    return next((letter for letter in candidates if letter not in used), candidates[-1])


def generalize(things: Sequence[Any], letter: str) -> tuple[Any, int] | None:
    """What the things have in common when one running index is replaced by ``letter``, and its first value.

    None if they differ in anything else, or do not differ at all.
    """
    starts: set[int] = set()
    general = _unify(list(things), letter, starts)
    return (general, starts.pop()) if general is not None and len(starts) == 1 else None


def with_free_indices(thing: Any, letters: Sequence[str]) -> Any:
    r"""A formula whose sums run over other indices than ``letters``, which are wanted for something else.

    >>> terms = [Product((Symbol(f"w_{i}"), Symbol(f"x_{i}"))) for i in (1, 2, 3)]
    >>> with_free_indices(fold_alike(terms), "ij").latex
    '\\sum_{k=1}^{3} w_k x_k'
    """
    if isinstance(thing, SumOver):
        term = with_free_indices(thing.term, letters)
        if thing.letter not in letters:
            return replace(thing, term=term)
        letter = _free_letter(term, besides=letters)
        return replace(thing, letter=letter, term=_with_index_renamed(term, thing.letter, letter))
    return _rebuilt(thing, lambda part: with_free_indices(part, letters))


def _with_index_renamed(thing: Any, old: str, new: str) -> Any:
    # No name of the user's holds the letter: it was chosen so.
    if isinstance(thing, Name):
        return thing.with_index(thing.index.replace(old, new)) if old in thing.index else thing
    if isinstance(thing, Symbol):
        if thing.name is not None:
            return Symbol(_with_index_renamed(thing.name, old, new))
        if thing.primitive is None:
            return thing
        operands = _with_index_renamed(thing.operands, old, new)
        return Symbol.applied(thing.primitive, operands, thing.primed)
    return _rebuilt(thing, lambda part: _with_index_renamed(part, old, new))


def _rebuilt(thing: Any, each: Callable[[Any], Any]) -> Any:
    """A collection or formula with ``each`` applied to its parts; anything else as it is."""
    if isinstance(thing, tuple):
        return tuple(map(each, thing))
    if is_dataclass(thing) and not isinstance(thing, (type, Name)):
        return replace(thing, **{part.name: each(getattr(thing, part.name)) for part in fields(thing)})
    return thing


def _unify(things: list[Any], letter: str, starts: set[int]) -> Any:
    first = things[0]
    if any(type(thing) is not type(first) for thing in things):
        return None
    if isinstance(first, Name):
        return _unify_names(things, letter, starts)
    if isinstance(first, Symbol):
        return _unify_symbols(things, letter, starts)
    if isinstance(first, tuple):
        if any(len(thing) != len(first) for thing in things):
            return None
        parts = [_unify(list(column), letter, starts) for column in zip(*things, strict=True)]
        return None if None in parts else tuple(parts)
    if is_dataclass(first) and not isinstance(first, type):
        found = {}
        for part in fields(first):
            found[part.name] = _unify([getattr(thing, part.name) for thing in things], letter, starts)
        return None if None in found.values() else type(first)(**found)
    return first if all(thing == first for thing in things) else None


def _unify_symbols(symbols: list[Symbol], letter: str, starts: set[int]) -> Symbol | None:
    first = symbols[0]
    if first.name is not None:
        if any(symbol.name is None for symbol in symbols):
            return None
        general = _unify_names([symbol.name for symbol in symbols if symbol.name], letter, starts)
        return Symbol(general) if general else None
    if first.primitive is None:
        return first if all(symbol.number == first.number and not symbol.operands for symbol in symbols) else None
    if any(symbol.primitive is not first.primitive or symbol.primed != first.primed for symbol in symbols):
        return None
    operands = _unify([symbol.operands for symbol in symbols], letter, starts)
    return None if operands is None else Symbol.applied(first.primitive, operands, first.primed)


def _unify_names(names: list[Name], letter: str, starts: set[int]) -> Name | None:
    first = names[0]
    if all(each == first for each in names):
        return first
    if any((each.stem, each.exponent) != (first.stem, first.exponent) or not each.index for each in names):
        return None
    # Letter by letter first: w_{10}, w_{11}, w_{12} is the second row of a matrix more often than not.
    for split in (list, lambda index: [index]):
        columns = [split(each.index) for each in names]
        if any(len(column) != len(columns[0]) for column in columns):
            continue
        general = [_running(list(parts), letter, starts) for parts in zip(*columns, strict=True)]
        if None not in general:
            return first.with_index("".join(part or "" for part in general))
    return None


def _running(parts: list[str], letter: str, starts: set[int]) -> str | None:
    if all(part == parts[0] for part in parts):
        return parts[0]
    if not parts[0].isdecimal():
        return None
    start = int(parts[0])
    if any(part != str(start + at) for at, part in enumerate(parts)) or (starts and start not in starts):
        return None
    starts.add(start)
    return letter


def names_in(thing: Any) -> list[Name]:
    """Every name that occurs in a formula, a symbol or a collection of them, in order."""
    if isinstance(thing, Name):
        return [thing]
    if isinstance(thing, Symbol):
        return ([thing.name] if thing.name else []) + names_in(thing.operands)
    if isinstance(thing, (tuple, list)):
        return [each for part in thing for each in names_in(part)]
    if is_dataclass(thing) and not isinstance(thing, type):
        return [each for part in fields(thing) for each in names_in(getattr(thing, part.name))]
    return []


def _is_number(factor: Formula | Symbol) -> bool:
    return isinstance(factor, Symbol) and factor.number is not None


def _write_any(thing: Formula | Symbol, language: Language, digits: int) -> str:
    if isinstance(thing, Symbol):
        return writing.write(thing, language, digits)
    return thing.write(language, digits)


def _join_sum(parts: Sequence[str]) -> str:
    joined = parts[0]
    for part in parts[1:]:
        joined += f" - {part[1:]}" if part.startswith("-") else f" + {part}"
    return joined
