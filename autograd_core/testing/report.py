"""What a check of gradients found: a verdict for each input, and where the error is if there is one."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from autograd_core.console import printable
from autograd_core.formula import Term
from autograd_core.graph import Graph
from autograd_core.names import Name, in_ascii
from autograd_core.symbol import Symbol
from autograd_core.table import Table
from autograd_core.writing import ASCII, UNICODE

Verdict = Literal["pass", "fail", "kink", "inconclusive"]


@dataclass(frozen=True)
class Entry:
    """One derivative: the ``gradient`` checked beside what was ``expected``.

    ``scale`` is the sum of the absolute path products into the input, to which errors are relative, and
    ``tolerance`` what was allowed, relative to it.  At a kink ``left`` and ``right`` are the one-sided derivatives,
    and ``legal`` says whether the gradient lies between them.  ``note`` gives the reason in words.
    """

    name: str
    verdict: Verdict
    gradient: float
    expected: float | None
    scale: float
    tolerance: float
    left: float | None = None
    right: float | None = None
    legal: bool = False
    note: str = ""

    @property
    def error(self) -> float | None:
        """The distance of the two relative to ``scale``, None where nothing could be compared."""
        if self.expected is None:
            return None
        distance = abs(self.gradient - self.expected)
        return distance / self.scale if self.scale else distance

    @property
    def is_good(self) -> bool:
        """A pass, or at a kink a gradient between the one-sided derivatives."""
        return self.verdict == "pass" or (self.verdict == "kink" and self.legal)


def compared(expected: float, got: float, digits: int = 4) -> str:
    """What was expected and what was got, to so many digits; nan is not said.

    >>> compared(1.0, 0.98765)
    'expected 1, got 0.9877'
    """
    known = [(word, x) for word, x in (("expected", expected), ("got", got)) if not math.isnan(x)]
    return ", ".join(f"{word} {x:.{digits}g}" for word, x in known)


class Arrow(NamedTuple):
    """A wrong local derivative: to which operand, counted from 0, what it should be and what it is."""

    operand: int
    expected: float
    got: float


@dataclass(frozen=True)
class Culprit:
    """Where an error is: a node of the graph, the user's line that made it, and what is wrong there.

    ``expected`` and ``got`` are the local derivative (or the value, or the sum of contributions) in question; nan
    stands for what is not known.  ``graph`` is the smallest graph around it, which ``viz.draw(report)`` draws.
    ``node`` is the index of the node in the record of the whole graph, ``place`` that in the smallest.  ``arrows`` are
    its wrong local derivatives, the worst first; without any, it is the node's ``quantity`` that is wrong.
    """

    what: str
    operation: str
    line: str
    expected: float
    got: float
    graph: Graph
    node: int
    place: int
    quantity: str = "value"
    arrows: tuple[Arrow, ...] = ()

    @property
    def sentence(self) -> str:
        """All of it in one sentence, whatever the terminal can show."""
        made = f", made at {self.line}" if self.line else ""
        return f"{self.what}: {compared(self.expected, self.got, 10)}{made}."

    def __str__(self) -> str:
        return printable(self.sentence, lambda: in_ascii(self.sentence))


@dataclass(frozen=True)
class Report:
    """The verdicts of one check; true if every derivative passed, or is a legal choice at a kink.

    ``oracle`` says what the gradients were held against, ``culprit`` where the error is, if there is one
    and it could be found.  ``function`` is the name of what was checked, ``value`` its value.
    """

    function: str
    value: float
    entries: tuple[Entry, ...]
    oracle: str
    culprit: Culprit | None = None
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return all(entry.is_good for entry in self.entries)

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The verdict on each input, by name."""
        return {entry.name: entry.verdict for entry in self.entries}

    @property
    def graph(self) -> Graph | None:
        """The smallest graph around the error, or None."""
        return self.culprit.graph if self.culprit else None

    @property
    def table(self) -> Table:
        """Input, gradient, expected, relative error and verdict, with the reasons below."""
        rows = tuple(
            (_written(entry.name), f"{entry.gradient:.10g}", _number(entry.expected),
             "-" if entry.error is None else f"{entry.error:.1e}", _said(entry))
            for entry in self.entries
        )
        notes = [f"{_written(entry.name).write(UNICODE)}: {entry.note}" for entry in self.entries if entry.note]
        if self.culprit:
            notes.insert(0, self.culprit.sentence)
        notes.append(f"Held against: {self.oracle}.")
        header = ("input", "gradient", "expected", "relative error", "verdict")
        return Table(header, rows, "\n".join([*notes, *self.notes]))

    def __str__(self) -> str:
        table = self.table
        return printable(table.to_text(), lambda: replace(table, note=in_ascii(table.note)).to_text(ASCII))

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        table = replace(self.table, note="").to_html()
        return table + "".join(f"<p>{html.escape(line)}</p>" for line in self.table.note.splitlines())


def _written(name: str) -> Term:
    """An input's name, or the two of a second derivative."""
    parts = [Name.of(part) for part in name.split(", ")]
    if len(parts) == 1:
        return Term(Symbol(parts[0]))
    latex, unicode, ascii = (", ".join(getattr(part, form) for part in parts) for form in ("latex", "unicode", "ascii"))
    return Term(Symbol(Name(latex, unicode, ascii, "_".join(part.identifier for part in parts), True)))


def _said(entry: Entry) -> str:
    if entry.verdict != "kink":
        return entry.verdict
    return "kink, legal" if entry.legal else "kink, not legal"


def _number(x: float | None) -> str:
    return "-" if x is None else f"{x:.10g}"
