"""A graph as a picture: the lecture's circles and arrows, or every node with all its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from autograd_core.compiler.compiled import Compiled
from autograd_core.compiler.plan import Plan
from autograd_core.compiler.program import Program
from autograd_core.formula import names_in
from autograd_core.graph import Graph
from autograd_core.graph_parts import GraphEdge
from autograd_core.names import Name
from autograd_core.parsing import parse
from autograd_core.path_sums import Paths
from autograd_core.symbol import Symbol
from autograd_core.testing.report import Arrow, Culprit, Report, compared
from autograd_core.value import Value
from autograd_core.writing import LATEX, UNICODE, write
from viz.collapsing import collapse
from viz.eliding import elide_alike
from viz.picture import Picture
from viz.plans import draw_plan
from viz.rendering.parts import Edge, Label, Math, Node, Plain, Shape, plain

Style = Literal["lecture", "full"]
Show = Literal["symbols", "numbers", "both", "expanded"]

# Okabe and Ito's palette, which people with any colour vision can tell apart.
PATH_COLORS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
WRONG_COLOR = PATH_COLORS[0]
"""Of the arrow or the node that a check found to be wrong."""

_MOST_WRITTEN = 2000
"""Above this many nodes not even alike ones are looked for."""

NODE_ROOM = (92.0, 36.0)
EDGE_ROOM = 74.0
"""Pixels for two lines of a number and for one, at the size of an arrow's label."""


def draw(
    thing: Value | Sequence[Value] | Graph | Report | Plan | str | None,
    wrt: Any = None,
    *,
    at: Mapping[str, float] | None = None,
    style: Style = "lecture",
    show: Show | None = None,
    values: bool | None = None,
    gradients: bool | None = None,
    highlight: tuple[Value | str, Value | str] | None = None,
    direction: Literal["right", "down"] = "right",
    flow: Literal["forward", "backward"] | None = None,
    digits: int = 4,
    limit: int = 80,
    background: str = "white",
    scale: float = 1.0,
    engine: str | None = None,
) -> Picture:
    """The picture of an output (or several, a check's report, or a text of definitions with the numbers ``at``).

    A compiled program's plan is drawn block by block, with names as in its source.

    With ``wrt`` the nodes are what lies on a path from it, and everything else is a symbol beside an
    arrow.  The ``lecture`` style shows the named nodes as circles and on each arrow the local
    derivative, as symbols unless told otherwise; the ``full`` style every node with its operation, value
    and gradient.  ``show`` is what stands beside arrows: ``symbols``, ``numbers``, ``both`` or
    ``expanded`` (symbols with the derivatives of activations written out).  ``highlight=(x, y)`` gives
    each path from x to y a colour.  A picture of more than ``limit`` nodes, or three times
    as many arrows, is collapsed by depth, and
    says so.  ``direction`` is ``right`` or ``down``, ``flow`` (``forward`` or ``backward``) adds the grey
    arrow that says which way is propagated, ``digits`` the significant digits of numbers,
    ``background``, ``scale`` and ``engine`` are as in :class:`viz.Picture`.  Of a check's report the smallest
    graph around the mistake is drawn: the wrong arrow, or the node that is wrong, in colour and with both numbers.

    >>> x = Value(1.0, "x")
    >>> a = (3 * x).named("a")
    >>> picture = draw((2 * a).named("y"))
    >>> [(edge.tail, edge.label.latex, edge.head) for edge in picture.edges]
    [('n0', '3', 'n1'), ('n1', '2', 'n2')]
    """
    picture = partial(Picture, direction=direction, flow=flow, background=background, scale=scale, engine=engine)
    if thing is None or isinstance(thing, Plan):
        if wrt is not None or at or highlight or style != "lecture" or show or values or gradients:
            raise ValueError("A plan is drawn as it is, without numbers and derivatives: viz.draw(program.plan).")
        return draw_plan(thing, limit, picture)
    if isinstance(thing, (Program, Compiled)):
        raise ValueError("A program is no graph. After its first call draw program.plan: viz.draw(program.plan).")
    require("style", style, ("lecture", "full"))
    if digits < 1:
        raise ValueError(f"digits is the number of significant digits, 1 or more; got {digits!r}.")
    if highlight is not None and (len(tuple(highlight)) != 2):
        raise ValueError(f"highlight takes an input and an output, as in highlight=(x, y); got {highlight!r}.")
    require("show", show, (None, "symbols", "numbers", "both", "expanded"))
    graph = graph_of(thing, wrt, at or {})
    culprit = thing.culprit if isinstance(thing, Report) else None
    full = style == "full"
    graph = graph if full or graph.contracted else graph.contract()
    if not graph.has_numbers and (show in ("numbers", "both") or values or gradients):
        raise ValueError(
            "This graph has no numbers to show. Give the inputs numbers, as in "
            "draw('y = 2*x', at={'x': 1.0}), or ask for show='symbols'."
        )
    numbers = full and graph.has_numbers
    values = numbers if values is None else values
    # A part of a graph, with a mistake in it, has no gradients that would mean anything.
    gradients = numbers and culprit is None if gradients is None else gradients
    shown = show or ("both" if numbers else "symbols")
    writer = _Writer(graph, full, shown, digits, values=values, gradients=gradients, culprit=culprit)
    return _assembled(writer, highlight, limit, picture)[0]


_ARROWS_PER_NODE = 3  # of limit: more arrows than these take minutes to place, and nobody can follow them


def draw_with_room(graph: Graph, style: Style, *, limit: int, engine: str | None) -> tuple[Picture, dict[int, str]]:
    """The picture of a graph that keeps room for numbers that change, and where in it each node is.

    There is a room under (in the full style, in) every node for its value and gradient, and in the full style
    one beside each arrow's symbol.
    """
    writer = _Writer(graph, style == "full", "symbols", 4, values=False, gradients=False, rooms=True)
    return _assembled(writer, None, limit, partial(Picture, engine=engine))


def _assembled(
    writer: _Writer, highlight: tuple[Value | str, Value | str] | None, limit: int, picture: Callable[..., Picture]
) -> tuple[Picture, dict[int, str]]:
    graph, full = writer.graph, writer.full
    title = "Graph of " + ", ".join(graph.name(each).unicode for each in graph.outputs)
    if len(graph.shown) <= max(limit, 0 if full else _MOST_WRITTEN):
        colors, said = _highlighted(graph, highlight)
        nodes = [writer.node(at) for at in graph.shown]
        edges = [writer.edge(edge, colors.get((edge.tail, edge.head, edge.position), ())) for edge in graph.edges]
        hidden: dict[str, str] = {}
        if not full and not highlight and writer.culprit is None:
            nodes, edges, hidden = elide_alike(graph, nodes, edges)
        if len(nodes) <= limit and len(edges) <= _ARROWS_PER_NODE * limit:
            several = len(graph.outputs) > 1 and writer.adjoints is not None
            whose = f"The gradients are those of {graph.name(graph.outputs[0]).unicode}." if several else ""
            note = " ".join(filter(None, (graph.hint, said, whose, writer.mistake)))
            places = {at: hidden.get(f"n{at}", f"n{at}") for at in graph.shown}
            return picture(tuple(nodes), tuple(edges), note=note, title=title), places
    nodes, edges, said, places = collapse(graph, limit, NODE_ROOM if writer.rooms else None)
    note = " ".join(filter(None, (said, writer.mistake)))
    return picture(tuple(nodes), tuple(edges), note=note, title=f"{title}, collapsed"), places


def graph_of(thing: Any, wrt: Any, at: Mapping[str, float]) -> Graph:
    """The graph of whatever ``draw`` takes: an output or several, a snapshot, or a text with the numbers ``at``."""
    if isinstance(thing, Report):
        if thing.graph is None:
            raise ValueError(f"There is no error to draw: the check of {thing.function} found none it could locate.")
        thing = thing.graph
    if isinstance(thing, str):
        return parse(thing, **at).graph(wrt=wrt)
    if at:
        raise ValueError("at= gives numbers to the names of a text; a Value has its number already.")
    if isinstance(thing, Graph):
        return thing if wrt is None else thing.seen_from(wrt)
    return Graph(thing, wrt)


def require(name: str, given: object, allowed: tuple[object, ...]) -> None:
    """Raise ValueError, naming the choices, unless an option is one of them."""
    if given not in allowed:
        options = ", ".join(repr(option) for option in allowed if option is not None)
        raise ValueError(f"{name} is one of {options}; got {given!r}.")


class _Writer:
    """Turns the nodes and edges of one graph into those of a picture."""

    def __init__(
        self, graph: Graph, full: bool, show: Show, digits: int, *, values: bool, gradients: bool, rooms: bool = False,
        culprit: Culprit | None = None,
    ) -> None:
        self.graph, self.full, self.show, self.digits = graph, full, show, digits
        self.values, self.rooms, self.culprit = values, rooms, culprit
        self.adjoints = graph.adjoints() if gradients else None

    def node(self, at: int) -> Node:
        """A circle with the name, or a box with everything."""
        record = self.graph.record[at]
        names = Name.all_of(record.name) if record.name else (self.graph.name(at),)
        formula = self.graph.formula(at) if self.full and record.op else None
        lines = [self._equation(names if self.full else names[:1], formula)]
        if self.full:
            lines.append(Plain(record.op.name if record.op else "input"))
        if self.values and record.data is not None:
            lines.append(self._quantity("value", Symbol(number=record.data)))
        if self.adjoints is not None:
            lines.append(self._quantity("gradient", Symbol(number=self.adjoints[at])))
        caption = None
        if len(names) > 1 and not self.full:
            caption = self._equation(names[1:])
            # It stands left of an input, and below a computed node: "x =", "= z_2".
            caption = type(caption)(f"{plain(caption)} =" if record.op is None else f"= {plain(caption)}")
        shape: Shape = "box" if self.full else "circle"
        color = None
        if self.culprit is not None and not self.culprit.arrows and self.culprit.place == at:
            shape, color = "box", WRONG_COLOR
            numbers = compared(self.culprit.expected, self.culprit.got, self.digits)
            lines.append(Plain(f"{self.culprit.quantity}: {numbers}"))
        return Node(f"n{at}", tuple(lines), shape, caption, color, room=NODE_ROOM if self.rooms else None)

    @property
    def mistake(self) -> str:
        """What a check found to be wrong, in a sentence; empty if the graph is of no check."""
        wrong = self.culprit
        if wrong is None:
            return ""
        return f"{wrong.what[0].upper()}{wrong.what[1:]}: {compared(wrong.expected, wrong.got, self.digits)}."

    def _equation(self, names: Sequence[Name], formula: Symbol | None = None) -> Label:
        latex, text = [name.latex for name in names], [name.unicode for name in names]
        if formula is not None:
            latex.append(write(formula, LATEX, self.digits))
            text.append(write(formula, UNICODE, self.digits))
        return _label((tuple(names), formula), " = ".join(latex), " = ".join(text))

    def _quantity(self, word: str, number: Symbol) -> Label:
        latex = write(number, LATEX, self.digits)
        if self.full:
            return Math(rf"\mathrm{{{word}}}\; {latex}")
        return Math(latex if word == "value" else rf"\mathrm{{grad}}\; {latex}")

    def edge(self, edge: GraphEdge, colors: tuple[str, ...]) -> Edge:
        """An arrow with its local derivative."""
        symbol = edge.expanded if self.show == "expanded" else edge.symbol
        wrong = self._wrong_arrow(edge)
        if wrong is not None:
            numbers = compared(wrong.expected, wrong.got, self.digits)
            text = numbers if symbol.number is not None else f"{write(symbol, UNICODE, self.digits)}: {numbers}"
            return Edge(f"n{edge.tail}", f"n{edge.head}", Plain(text), (WRONG_COLOR,), tooltip=self.mistake)
        latex, text = write(symbol, LATEX, self.digits), write(symbol, UNICODE, self.digits)
        if self.show in ("numbers", "both") and edge.partial is not None:
            number = Symbol(number=edge.partial)
            shown = write(number, LATEX, self.digits), write(number, UNICODE, self.digits)
            if self.show == "numbers" or symbol.number is not None:
                symbol, (latex, text) = number, shown
            else:
                latex, text = f"{latex} = {shown[0]}", f"{text} = {shown[1]}"
        head, tail = self.graph.name(edge.head).unicode, self.graph.name(edge.tail).unicode
        label = _label(symbol, latex, text)
        room = EDGE_ROOM if self.rooms and self.full and symbol.number is None else 0.0
        return Edge(f"n{edge.tail}", f"n{edge.head}", label, colors, tooltip=f"∂{head}/∂{tail} = {text}", room=room)

    def _wrong_arrow(self, edge: GraphEdge) -> Arrow | None:
        """The mistake in an arrow of the graph; parallel ones are a single arrow in the lecture's style."""
        if self.culprit is None or edge.head != self.culprit.place:
            return None
        operands = self.graph.record[edge.head].operands
        found = [each for each in self.culprit.arrows if operands[each.operand] == edge.tail]
        return next((each for each in found if edge.position in (each.operand, None)), None)


def _label(parts: Any, latex: str, text: str) -> Label:
    return Math(latex) if all(name.is_mathematics for name in names_in(parts)) else Plain(text)


def _highlighted(
    graph: Graph, ends: tuple[Value | str, Value | str] | None
) -> tuple[dict[tuple[int, int, int | None], tuple[str, ...]], str]:
    if ends is None:
        return {}, ""
    tail, head = (graph.index(end) for end in ends)
    paths = Paths(graph, head, tail)
    colors: dict[tuple[int, int, int | None], tuple[str, ...]] = {}
    many = paths.count > len(PATH_COLORS)
    chosen = paths.largest(len(PATH_COLORS)) if many else list(paths)
    for color, path in zip(PATH_COLORS, chosen, strict=False):
        for edge in path.edges:
            key = (edge.tail, edge.head, edge.position)
            colors[key] = (*colors.get(key, ()), color)
    return colors, f"The {len(chosen)} largest of {paths.count:,} paths are coloured." if many else ""
