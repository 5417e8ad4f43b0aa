"""Tables of formulas, printed as aligned text, Markdown, LaTeX or HTML."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from autograd_core.console import printable
from autograd_core.formula import Formula
from autograd_core.names import escape_latex
from autograd_core.writing import ASCII, LATEX, UNICODE, Language

Cell = Formula | str


@dataclass(frozen=True)
class Table:
    """A header, rows of formulas or plain text, and a note below.

    >>> from autograd_core.formula import number
    >>> print(Table(("path", "product"), (("x to y", number(6.0)),)))
    path    product
    ------  -------
    x to y  6
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def to_text(self, language: Language = UNICODE) -> str:
        """Aligned columns, for a terminal."""
        cells = [self.header, ("",) * len(self.header)]
        cells += [tuple(_plain(cell, language) for cell in row) for row in self.rows]
        widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
        cells[1] = tuple("-" * width for width in widths)
        lines = ["  ".join(map(_padded, row, widths)).rstrip() for row in cells]
        return "\n".join(lines + ([self.note] if self.note else []))

    def to_markdown(self) -> str:
        """A Markdown table with the formulas as ``$...$``."""
        lines = [self.header, tuple("---" for _ in self.header)]
        lines += [
            tuple(_markdown(cell) if isinstance(cell, str) else _markdown_formula(cell) for cell in row)
            for row in self.rows
        ]
        table = "\n".join("| " + " | ".join(row) + " |" for row in lines)
        return table + (f"\n\n{self.note}" if self.note else "")

    def to_latex(self) -> str:
        """A LaTeX ``tabular`` with the formulas as ``$...$``."""
        body = [" & ".join(escape_latex(title) for title in self.header) + r" \\ \hline"]
        for row in self.rows:
            cells = (escape_latex(cell) if isinstance(cell, str) else f"${cell.write(LATEX)}$" for cell in row)
            body.append(" & ".join(cells) + r" \\")
        lines = "\n".join(f"  {line}" for line in body)
        return f"\\begin{{tabular}}{{{'l' * len(self.header)}}}\n{lines}\n\\end{{tabular}}" + (
            f"\n\n{escape_latex(self.note)}" if self.note else ""
        )

    def to_html(self, mathematics: Callable[[str, str], str] | None = None) -> str:
        """An HTML table; ``mathematics(latex, text)`` may turn a formula into markup, otherwise its text is used."""

        def cell_markup(cell: Cell) -> str:
            if isinstance(cell, str):
                return html.escape(cell)
            text = cell.write(UNICODE)
            return mathematics(cell.write(LATEX), text) if mathematics else html.escape(text)

        head = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in self.header)
        body = "".join(
            "<tr>" + "".join(f"<td>{cell_markup(cell)}</td>" for cell in row) + "</tr>" for row in self.rows
        )
        note = f"<caption>{html.escape(self.note)}</caption>" if self.note else ""
        return f"<table>{note}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return printable(self.to_text(UNICODE), lambda: self.to_text(ASCII))


def _plain(cell: Cell, language: Language) -> str:
    return cell if isinstance(cell, str) else cell.write(language)


def _markdown(text: str) -> str:
    return html.escape(text, quote=False).replace("|", r"\|")


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _markdown_formula(cell: Formula) -> str:
    # A bar would end the cell.
    return "$" + cell.write(LATEX).replace("|", r"\vert ") + "$"


def _width(text: str) -> int:
    return sum(not unicodedata.combining(letter) for letter in text)
