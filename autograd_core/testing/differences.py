"""The textbook check of a gradient: central differences in double precision.

Its limits are those of the textbook, and the verdicts should be read so.  One step size serves every
function, so it finds a wrong rule but not an error in the seventh digit.  At a kink it gives the mean of
the two slopes, across a pole anything at all, and it is lost where a function bends within one step or
cancels large numbers: there it disagrees with a gradient that is right.
"""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from autograd_core.console import printable
from autograd_core.errors import DomainError, OperandError
from autograd_core.formula import Term
from autograd_core.graph import Graph
from autograd_core.names import Name
from autograd_core.symbol import Symbol
from autograd_core.table import Table
from autograd_core.value import Value, topological_order
from autograd_core.writing import ASCII, UNICODE

RELATIVE_TOLERANCE = 1e-6
ABSOLUTE_TOLERANCE = 1e-9
"""What x**3 at 0 is off by, its gradient being 0 there, with room to spare."""

_EPSILON = sys.float_info.epsilon
_STEP = _EPSILON ** (1 / 3)  # where the error of the formula and that of rounding are about equal
_ROUNDING_ERRORS = 8.0  # of an ulp each, granted to one evaluation of the output


@dataclass(frozen=True)
class Difference:
    """One input: the engine's gradient beside the central difference.

    ``difference`` is None where none could be taken, and ``obstacle`` then says why.  ``rounding`` is how
    much of it may be rounding alone.
    """

    input: Name
    gradient: float
    difference: float | None
    rounding: float = 0.0
    obstacle: str = ""

    @property
    def relative_error(self) -> float | None:
        """The distance of the two, as a part of the larger."""
        if self.difference is None:
            return None
        larger = max(abs(self.gradient), abs(self.difference))
        return abs(self.gradient - self.difference) / larger if larger else 0.0

    @property
    def verdict(self) -> str:
        """``ok``, ``differs`` or ``not checked``."""
        if self.difference is None:
            return "not checked"
        larger = max(abs(self.gradient), abs(self.difference))
        allowed = RELATIVE_TOLERANCE * larger + self.rounding + ABSOLUTE_TOLERANCE
        # An infinite or undefined gradient beside a finite difference is nowhere near it.
        near = math.isfinite(self.gradient) and abs(self.gradient - self.difference) <= allowed
        return "ok" if near else "differs"


@dataclass(frozen=True)
class DifferenceReport:
    """The verdicts on one output, an entry per input; printing it gives a table."""

    output: Name
    value: float
    entries: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether no input differs; one that could not be checked does not count against it."""
        return all(entry.verdict != "differs" for entry in self.entries)

    @property
    def checked(self) -> int:
        """The number of inputs that could be checked."""
        return sum(entry.difference is not None for entry in self.entries)

    @property
    def table(self) -> Table:
        """Input, gradient, difference, relative error and verdict, with what stood in the way below."""
        rows = tuple(
            (Term(Symbol(entry.input)), f"{entry.gradient:.10g}", _shown(entry.difference, ".10g"),
             _shown(entry.relative_error, ".1e"), entry.verdict)
            for entry in self.entries
        )
        unchecked = [entry for entry in self.entries if entry.obstacle]
        notes = [f"{entry.input.ascii} was not checked: {entry.obstacle}" for entry in unchecked]
        if not self.passed:
            notes.append(
                "A difference is wrong, too, at a kink, across a pole, and where the function bends "
                f"within its step, {_STEP:.0e} for numbers of unit size."
            )
        header = ("input", "gradient", "difference", "relative error", "verdict")
        return Table(header, rows, "\n".join(notes))

    def __str__(self) -> str:
        return printable(self.table.to_text(UNICODE), lambda: self.table.to_text(ASCII))


def central_differences(y: Value, inputs: Iterable[Value | str] | None = None) -> DifferenceReport:
    """Hold the gradient of ``y`` against ``(y(x + h) - y(x - h)) / 2h``, input by input.

    ``h`` is ``cbrt(epsilon) * max(1, |x|)``, about 6e-6 for numbers of unit size.  ``inputs`` are leaves
    or their names, by default all of them.  The recorded operations are replayed on a copy: neither the
    data nor any ``grad`` of the graph of ``y`` is touched.  This is the textbook check, with the
    textbook's limits (see the module); where ``x + h`` or ``x - h`` leaves an operation's domain or
    overflows, that input is not checked, and said so.

    Raises :class:`OperandError` for an input that was computed, :class:`NoPathError` for one that ``y``
    does not depend on, :class:`StaleGraphError` for a stale graph.

    >>> x = Value(2.0, "x")
    >>> print(central_differences((x**3).named("y")))
    input  gradient  difference  relative error  verdict
    -----  --------  ----------  --------------  -------
    x      12        12          ...e-1...       ok
    """
    graph = Graph(y, None if inputs is None else list(inputs))
    (output,) = graph.outputs
    gradients = graph.adjoints(output)
    twin: Value = copy.deepcopy(y)
    leaves = topological_order((twin,))  # in the order of graph.record, which has the same stamps
    entries = []
    for index in graph.inputs:
        name, leaf = graph.name(index), leaves[index]
        if leaf.op is not None:
            raise OperandError(
                f"{name.ascii} was computed by {leaf.op.name}, so it cannot be shifted. "
                "Check with respect to the leaves it was computed from."
            )
        difference, rounding, obstacle = _difference(twin, leaf)
        entries.append(Difference(name, gradients[index], difference, rounding, obstacle))
    return DifferenceReport(graph.name(output), y.data, tuple(entries))


def _difference(output: Value, leaf: Value) -> tuple[float | None, float, str]:
    """The central difference, how much of it may be rounding, or what stood in the way."""
    x = leaf.data
    step = _STEP * max(1.0, abs(x))
    ends: list[tuple[float, float]] = []
    try:
        for sign, shift in (("+", step), ("-", -step)):
            leaf.data = x + shift
            try:
                reached = output.recompute().data
            except DomainError as error:
                return None, 0.0, f"{x:.6g} {sign} {step:.2g} leaves the domain; {error}"
            if not math.isfinite(reached):
                return None, 0.0, f"the output at {x:.6g} {sign} {step:.2g} is {reached}, which is not finite"
            ends.append((leaf.data, reached))
    finally:
        leaf.data = x
    (above, high), (below, low) = ends
    width = above - below  # of the numbers actually used: x + h is rounded
    rounding = _ROUNDING_ERRORS * _EPSILON * max(abs(high), abs(low)) / width
    return high / width - low / width if math.isinf(high - low) else (high - low) / width, rounding, ""


def _shown(number: float | None, form: str) -> str:
    return "-" if number is None else format(number, form)
