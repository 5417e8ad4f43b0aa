"""What a worked example of the lecture holds: its pictures, explanations, tables, numbers and code."""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from autograd_core.graph import Graph
from autograd_core.table import Table
from autograd_core.value import Value
from autograd_core.writing import ASCII
from viz import fragments
from viz.fragments import Part
from viz.picture import Picture
from viz.stepping import Stepper


@dataclass(frozen=True)
class Check:
    """One number or line as the lecture's sheet prints it, beside what this package computed."""

    what: str
    expected: str
    got: float | str | None

    @property
    def passed(self) -> bool:
        """Equal text, or a number equal to as many decimals as are printed (an integer exactly)."""
        if self.got is None or isinstance(self.got, str):
            return self.expected == self.got
        tolerance = 0.51 * 10.0**-self._decimals if self._decimals else 1e-12
        return math.isclose(self.got, float(self.expected), rel_tol=0.0, abs_tol=tolerance)

    @property
    def shown(self) -> str:
        """What was computed, a number with two decimals more than expected."""
        if self.got is None or isinstance(self.got, str):
            return str(self.got)
        return f"{self.got:.{self._decimals + 2}f}" if self._decimals else f"{self.got:g}"

    @property
    def _decimals(self) -> int:
        return len(self.expected.partition(".")[2])


@dataclass(frozen=True)
class WorkedExample:
    """One row of the lecture, worked out.

    ``parts`` are shown in order, each under its heading: a picture, an explanation, a table, a stepper
    or a sentence.  ``values`` are the nodes by name, also as attributes (``example.y``).  ``results`` are the
    numbers and lines by name that the lecture's own can be held against; ``builder`` made all of it.

    >>> from viz.lecture import example_2
    >>> example_2(x=1.0).results["dy/dx"]
    5.0
    """

    id: str
    title: str
    says: str
    parts: tuple[tuple[str, Part], ...]
    values: Mapping[str, Value]
    results: Mapping[str, float | str | None]
    builder: Callable[..., WorkedExample] = field(repr=False)

    def __repr__(self) -> str:
        return f"<WorkedExample {self.id}: {', '.join(self.values)}>"

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__.get("values", {})
        if name in values:
            return values[name]
        raise AttributeError(f"{type(self).__name__} has no {name!r}; its nodes are {', '.join(values)}.")

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures, in order."""
        return tuple(part for _, part in self.parts if isinstance(part, Picture))

    @property
    def steppers(self) -> tuple[Stepper, ...]:
        """The steppers, in order."""
        return tuple(part for _, part in self.parts if isinstance(part, Stepper))

    @property
    def code(self) -> str:
        """The source of the function that made this example."""
        return textwrap.dedent(inspect.getsource(self.builder))

    def checks(self, published: Mapping[str, str]) -> tuple[Check, ...]:
        """The lecture's numbers and lines, as printed there, beside this example's."""
        return tuple(Check(what, expected, self.results[what]) for what, expected in published.items())

    def to_html(self, scripted: bool = False) -> str:
        """The example as one section of HTML; its style is `viz.fragments.style_for`.

        Its steppers are frames, or with `scripted` elements for a page that has their script.
        """
        return fragments.section(self.id, self.title, self.says, self.parts, self.code, scripted)

    def _repr_html_(self) -> str:
        return fragments.alone(self.to_html())


def arrows_of(graph: Graph) -> str:
    """The arrows of a graph in a line of text: ``x -3-> a, a -2-> y``."""
    ends = [(graph.name(edge.tail).ascii, edge.symbol.ascii, graph.name(edge.head).ascii) for edge in graph.edges]
    return ", ".join(f"{tail} -{symbol}-> {head}" for tail, symbol, head in ends)


def first_column(table: Table) -> list[str]:
    """The first cell of each row in a line of text."""
    return [cell if isinstance(cell, str) else cell.write(ASCII) for cell, *_ in table.rows]


def first_row(table: Table) -> str:
    """The first formula of a table in a line of text."""
    return first_column(table)[0]
