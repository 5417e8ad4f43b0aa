"""A derivation as the lecture shows it: the tables of a network, the product for each input, its delta or its folds.

Which of them a graph gets is decided from the graph alone; every decision is one small function here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import zip_longest
from typing import Any

from autograd_core.console import printable
from autograd_core.derivative_tables import forward_and_backward, global_derivatives, local_derivatives, relationships
from autograd_core.errors import OperandError
from autograd_core.explanation import FOLD, Explanation, Step, explain
from autograd_core.formula import Equation, names_in
from autograd_core.graph import Graph
from autograd_core.names import Name
from autograd_core.path_sums import Paths
from autograd_core.table import Cell, Table
from autograd_core.value import Value
from autograd_core.writing import ASCII, UNICODE, Language
from viz import fragments
from viz.drawing import graph_of

Part = Explanation | Table | str

_MOST_EXPLAINED = 3
"""Inputs; the derivatives of more are read from a table."""

_MOST_ROWS = 60
"""Of a table; typesetting one takes some hundredths of a second."""

_MOST_PATHS = 20
_FEWEST_FOLDED, _MOST_FOLDED = 3, 20
"""Factors; each fold writes out all that are left."""


@dataclass(frozen=True)
class Derivation:
    """How the derivatives of an output come about; a notebook and a terminal show its parts in order.

    ``parts`` are a heading each with an explanation, a table or a sentence.  ``folds`` are the steps that
    replace the two leftmost factors by their product, where one input is asked about and a single path
    leads from it: ``folds[k]`` takes in the local derivative that the backward pass, from the output down,
    meets after ``k + 1`` others.  ``inputs`` are the names of what is asked about.
    """

    parts: tuple[tuple[str, Part], ...]
    folds: tuple[Step, ...] = ()
    inputs: tuple[Name, ...] = field(default=(), repr=False)

    def to_text(self, language: Language = UNICODE) -> str:
        """Every heading with its part below, indented."""
        return "\n\n".join(self._written(heading, part, language) for heading, part in self.parts)

    def _written(self, heading: str, part: Part, language: Language) -> str:
        if not heading:
            return self._spelled(str(part), language)
        text = self._spelled(part, language) if isinstance(part, str) else part.to_text(language)
        return "\n  ".join([self._spelled(heading, language), *text.splitlines()])

    def _spelled(self, words: str, language: Language) -> str:
        # The longest first: one name may begin as another.
        for name in sorted(self.inputs, key=lambda each: -len(each.unicode)) if language is ASCII else ():
            words = words.replace(name.unicode, name.ascii)
        return words

    def to_html(self) -> str:
        """The parts as a section of HTML; its style is `viz.fragments.style_for`."""
        shown = [
            (f"<h3>{fragments.escape(heading)}</h3>\n" if heading else "") + fragments.part(part, heading)
            for heading, part in self.parts
        ]
        return '<section class="worked">\n' + "\n".join(shown) + "\n</section>"

    def _repr_html_(self) -> str:
        return fragments.alone(self.to_html())

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return printable(self.to_text(UNICODE), lambda: self.to_text(ASCII))


def derivation(
    y: Value | Graph | str, wrt: Any = None, *, at: Mapping[str, float] | None = None, show: str = "symbols"
) -> Derivation:
    r"""How the derivatives of ``y`` with respect to the inputs ``wrt`` come about, as the lecture writes it down.

    ``y`` is a Value, a Graph, or a text of definitions with the numbers ``at`` (without them, symbols only);
    ``wrt`` one input or several, by default the named ones.  Up to three inputs each get their product of
    local derivatives along every path; with :math:`\delta_i = \partial E/\partial a_i` for what comes before
    the pre-activation :math:`a_i`, so that :math:`\partial E/\partial w_i = \delta_i z_{i-1}` (slide "Closer
    to a real neural network"), or else a long product folded one factor at a time (slide "Backpropagation
    intuitively").  More inputs get the table of global derivatives (slide "An actual mini neural network").
    ``show="expanded"`` writes out the derivatives of activations.

    Raises :class:`NoPathError` for an input that does not reach ``y``, :class:`NamingError` for a name that
    is not there, :class:`OperandError` for a ``y`` that is no one computed output, :class:`ParseError` for a
    text that cannot be read and :class:`ValueError` for another ``show``.

    >>> x = Value(1.0, "x")
    >>> a = (3 * x).named("a")
    >>> derivation((2 * a).named("y"))
    The derivative with respect to x
      ∂y/∂x = ∂y/∂a ∂a/∂x  [chain rule]
            = (2)(3)
            = 6
    """
    if show not in ("symbols", "expanded"):
        raise ValueError(f"show is 'symbols' or 'expanded'; got {show!r}.")
    several = hasattr(wrt, "__iter__") and not isinstance(wrt, str)
    asked = None if wrt is None else list(wrt) if several else [wrt]
    graph = graph_of(y, asked, at or {})
    output = graph.only_output()
    if graph.record[output].op is None:
        name = graph.name(output).ascii
        raise OperandError(
            f"{name} is an input: nothing was computed, so there is nothing to derive. "
            f"Give what is computed from it, as in derivation((2 * {name}).named('y'))."
        )
    if asked is None:
        asked = [each for each in graph.inputs if graph.record[each].name] or list(graph.inputs)
        graph = graph.seen_from(asked)
    graph = graph if graph.contracted else graph.contract()
    # Asked for again by what the user gave, for a node with two names is written under the one it is asked for by.
    views = [graph.seen_from([each]) for each in {graph.index(each): each for each in asked}.values()]
    few = len(views) <= _MOST_EXPLAINED
    tabled = not few or _needs_the_forward_pass(graph, show)
    small = max(len(graph.shown), len(graph.edges)) <= _MOST_ROWS
    parts = _tables(graph, show, whole=not few) if tabled and small else []
    for view in views if few else ():
        parts += _explained(view, show)
    parts += [("", said) for said in _said(graph, few, small or not tabled) if said]
    return Derivation(tuple(parts), _folds(views[0]) if len(views) == 1 else (), tuple(map(graph.name, graph.inputs)))


def _needs_the_forward_pass(graph: Graph, show: str) -> bool:
    """Whether a local derivative holds a computed node: its value is known from forward propagation."""
    computed = {graph.name(node.index) for node in graph.nodes if node.op is not None}
    symbols = (edge.expanded if show == "expanded" else edge.symbol for edge in graph.edges)
    return any(not computed.isdisjoint(names_in(symbol)) for symbol in symbols)


def _tables(graph: Graph, show: str, whole: bool) -> list[tuple[str, Part]]:
    """Relationships and local derivatives, in two columns unless rows alike fold to one; then global derivatives."""
    kinds: list[tuple[str, Callable[..., Table]]] = [
        ("Local relationships", relationships),
        ("Local derivatives", partial(local_derivatives, show=show)),
    ]
    if whole and _has_nodes_between(graph):
        kinds.append(("Global derivatives", partial(global_derivatives, show=show)))
    plain = [(heading, table_of(graph)) for heading, table_of in kinds]
    general = [table_of(graph, general=True) for _, table_of in kinds]
    folded = [any(row[-1] for row in table.rows) for table in general]
    if not any(folded):
        columns = forward_and_backward(graph, show=show)
        return [("Forward propagation and local derivatives", columns), *plain[2:]]
    parts: list[tuple[str, Part]] = [
        (heading, alike if folds else each)
        for (heading, each), alike, folds in zip(plain, general, folded, strict=True)
    ]
    if graph.has_numbers:
        without = [each for (_, each), folds in zip(plain, folded, strict=True) if folds]
        parts.append(("The same in numbers", _in_numbers(without)))
    return parts


def _has_nodes_between(graph: Graph) -> bool:
    ends = {*graph.inputs, graph.only_output()}
    return any(at not in ends for at in graph.shown)


def _in_numbers(tables: Sequence[Table]) -> Table:
    """The left side and the value of each row, the tables side by side."""
    columns = [[_equal(*row) for row in table.rows] for table in tables]
    return Table(tuple(table.header[0] for table in tables), tuple(zip_longest(*columns, fillvalue="")))


def _equal(relation: Cell, value: Cell) -> Cell:
    assert isinstance(relation, Equation) and not isinstance(value, str), "a plain table of a graph with numbers"
    return Equation((relation.sides[0], value))


def _explained(view: Graph, show: str) -> list[tuple[str, Part]]:
    """What there is to say about the one input of ``view``."""
    tail = view.inputs[0]
    heading = f"The derivative with respect to {view.name(tail).unicode}"
    if tail == view.only_output():
        return [(heading, explain(view))]
    count = Paths(view, view.only_output(), tail).count
    shared = _error_signal(view)
    if count == 1 and shared is None and _FEWEST_FOLDED <= len(view.edges) <= _MOST_FOLDED:
        return [(f"{heading}: one factor at a time", explain(view, fold=True, show=show))]
    parts: list[tuple[str, Part]] = [(heading, explain(view, show=show))]
    if 1 < count <= _MOST_PATHS:
        parts.append((f"The paths from {view.name(tail).unicode}", Paths(view, view.only_output(), tail).table()))
    if shared is not None:
        through: Any = shared
        braced = explain(view, through=through, show=show)
        # Its first line is the second without the brace.
        parts.append((f"{heading}: the shared factor is called delta", replace(braced, steps=braced.steps[1:])))
    return parts


def _error_signal(view: Graph) -> int | None:
    """The pre-activation nearest the input that every path passes, unless a single factor comes before it."""
    activated = {at for node in view.record if node.op is not None and node.op.primed for at in node.parents}
    highest: dict[int, int] = {}
    for edge in view.edges:
        highest[edge.tail] = max(edge.head, highest.get(edge.tail, 0))
    spanned = 0
    for at in view.shown[:-2]:
        # Operands come before results, so a path misses a node only along an edge that spans it.
        if spanned <= at and at in activated and at not in view.inputs:
            return at
        spanned = max(spanned, highest[at])
    return None


def _folds(view: Graph) -> tuple[Step, ...]:
    head, tail = view.only_output(), view.inputs[0]
    if head == tail or len(view.edges) > _MOST_FOLDED or Paths(view, head, tail).count != 1:
        return ()
    return tuple(step for step in explain(view, fold=True) if step.rule == FOLD)


def _said(graph: Graph, few: bool, tabled: bool) -> list[str]:
    """Why something is left out, and how to get it."""
    said = [graph.hint]
    if not tabled:
        said.append(f"{len(graph.shown):,} nodes and {len(graph.edges):,} arrows are too many for tables, "
                    f"which show up to {_MOST_ROWS} of each.")
    if not few:
        names = (node.name.split(" = ")[0] for node in graph.nodes if node.name and node.index in graph.inputs)
        example = next((f", as in wrt={name!r}" for name in names), " with wrt=")
        said.append(f"{len(graph.inputs)} inputs are asked about, too many to explain each. "
                    f"For the lines that lead to a derivative, ask for up to {_MOST_EXPLAINED} of them{example}.")
    return said
