"""Reports of the recipe's checks: a heading, tables of numbers, and a verdict in words with its evidence."""

from __future__ import annotations

import html
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Iterable

from autograd_core.console import printable
from autograd_core.table import Table

WIDTH = 110


class Findings(ABC):
    """What a check found; prints in a terminal and in a notebook.

    A report is a frozen dataclass with the numbers as its attributes.

    >>> class Tossed(Findings):
    ...     heading, verdict = "A coin", "Heads: 6 of 10 times."
    ...     tables = (Table(("side", "times"), (("heads", "6"), ("tails", "4"))),)
    >>> Tossed()
    A coin
    side   times
    -----  -----
    heads  6
    tails  4
    Heads: 6 of 10 times.
    """

    @property
    @abstractmethod
    def heading(self) -> str:
        """What was looked at."""

    @property
    @abstractmethod
    def tables(self) -> tuple[Table, ...]:
        """The numbers."""

    @property
    @abstractmethod
    def verdict(self) -> str:
        """What they mean, in sentences."""

    def __str__(self) -> str:
        parts = [self.heading, *(table.to_text() for table in self.tables), textwrap.fill(self.verdict, WIDTH)]
        text = "\n".join(parts)
        return printable(text, lambda: text)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        tables = "".join(table.to_html() for table in self.tables)
        return f"<p><strong>{html.escape(self.heading)}</strong></p>{tables}<p>{html.escape(self.verdict)}</p>"


def number(scalar: float) -> str:
    """A number with four digits.

    >>> number(1.0), number(0.123456)
    ('1', '0.1235')
    """
    return f"{scalar:.4g}"


def percent(share: float) -> str:
    """A share in percent.

    >>> percent(1 / 3)
    '33 %'
    """
    return f"{100 * share:.0f} %"


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number of things.

    >>> counted(1, "example"), counted(2, "example")
    ('1 example', '2 examples')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {plural or f'{noun}s'}"


def listed(things: Iterable[object], most: int = 4) -> str:
    """The first few things, and how many more there are.

    >>> listed("abc", most=2)
    'a, b and 1 more'
    """
    every = [str(thing) for thing in things]
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more} more" if more > 0 else "")
