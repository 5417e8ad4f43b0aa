r"""How the quick reference is written: bold names with the layer's number above, and matrices of numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from autograd_core.formula import Formula
from autograd_core.names import GREEK, Name
from autograd_core.symbol import Symbol
from autograd_core.table import Table
from autograd_core.writing import LATEX, UNICODE, Language, format_number
from nn.layers import Activation

Matrix = NDArray[np.float64]

HADAMARD = Symbol(Name(r"\circ", "∘", "o", "o", is_mathematics=True))
ONE_OVER_N = Symbol(Name(r"\frac{1}{N}", "1/N", "1/N", "v_1_N", is_mathematics=True))
ONES = Symbol(Name(r"\mathbf{1}", "(1, …, 1)ᵀ", "(1, ..., 1)^T", "ones", is_mathematics=True))
ERROR = Name.of("E")

_MOST_NUMBERS = 12


def bold(letter: str, layer: int | None = None, transposed: bool = False) -> Symbol:
    r"""A vector or matrix of a layer: W^(k), delta^(k), with T above if transposed.

    >>> bold("W", 3, transposed=True).text, bold("W", 3, transposed=True).latex
    ('W⁽³⁾ᵀ', '\\mathbf{W}^{(3)\\top}')
    """
    number = "" if layer is None else f"({layer})"
    above = f"^{{{number}{'T' if transposed else ''}}}" if number or transposed else ""
    face = rf"\boldsymbol{{\{letter}}}" if letter in GREEK else rf"\mathbf{{{letter}}}"
    return Symbol(replace(Name.of(letter + above), latex=face + above.replace("T", r"\top")))


def name_of(symbol: Symbol) -> Name:
    """The name that a symbol is."""
    assert symbol.name is not None
    return symbol.name


def linear(layer: int, bias: bool, before: Symbol) -> Symbol:
    """What a layer's pre-activation is of the outputs ``before`` it: W^(k) z + b^(k)."""
    product: Symbol = bold("W", layer) * before
    with_bias: Symbol = product + bold("b", layer)
    return with_bias if bias else product


def primed(activation: Activation | None, pre_activation: Symbol) -> Symbol:
    """The activation's derivative at a name: sigma'(a); without one, 1."""
    if activation is None:
        return Symbol(number=1.0)
    return Symbol.applied(activation.row, (pre_activation,), primed=True)


@dataclass(frozen=True, eq=False)
class Numbers:
    """A matrix as a formula: rows ended by semicolons, a column in parentheses; a large one as its range.

    >>> print(Numbers(np.array([[1.0, 2.0], [3.0, 0.5]])), Numbers(np.array([[1.0], [2.0]])))
    [1, 2; 3, 0.5] (1, 2)
    """

    matrix: Matrix

    @property
    def is_large(self) -> bool:
        """Whether only the range is written."""
        return self.matrix.size > _MOST_NUMBERS

    def write(self, language: Language, digits: int = 4) -> str:
        if self.is_large:
            low, high = (format_number(float(end), language, digits) for end in (self.matrix.min(), self.matrix.max()))
            return rf"{low} \ldots {high}" if language is LATEX else f"{low} {language.ellipsis} {high}"
        written = [[format_number(each, language, digits) for each in row] for row in self.matrix.tolist()]
        # Braces keep a minus sign from being spaced like a subtraction.
        rows = [[f"{{{each}}}" for each in row] for row in written] if language is LATEX else written
        if self.matrix.shape[1] == 1:
            return rows[0][0] if len(rows) == 1 else f"({', '.join(row[0] for row in rows)})"
        if language is LATEX:
            return r"\begin{pmatrix} " + r" \\ ".join(" & ".join(row) for row in rows) + r" \end{pmatrix}"
        return f"[{'; '.join(', '.join(row) for row in rows)}]"

    def __str__(self) -> str:
        return self.write(UNICODE)


@dataclass(frozen=True, eq=False, repr=False)
class Computed:
    """What one step computed: each equation with its matrix, printed as a table."""

    lines: tuple[tuple[Formula, Matrix], ...]

    title = "computed"

    def table(self) -> Table:
        """One row per matrix: the equation, rows by columns, and the numbers, of a large one the range."""
        numbers = [Numbers(found) for _, found in self.lines]
        rows = [
            (equation, f"{len(found)} x {found.shape[1]}", written)
            for (equation, found), written in zip(self.lines, numbers, strict=True)
        ]
        large = any(written.is_large for written in numbers)
        note = "Of a large matrix the smallest and the largest number are shown." if large else ""
        return Table((self.title, "shape", "numbers"), tuple(rows), note)

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_markdown_(self) -> str:
        return self.table().to_markdown()
