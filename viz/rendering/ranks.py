"""Ask the layout engine where the nodes go, and give every rank the room its labels need.

Positions are (main, cross): main grows with the arrows' direction, cross across it; pixels.
"""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from viz.rendering.geometry import Path, Point, segments_cross
from viz.rendering.layout import lay_out
from viz.rendering.mathematics import visible
from viz.rendering.parts import Direction, Edge, Node, plain

_POINTS_PER_INCH = 72.0  # one point of the engine is one pixel here
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


@dataclass(frozen=True)
class Ranks:
    """The engine's answer: the centre of every node, and the line it would draw for every edge."""

    centers: tuple[Point, ...]
    lines: tuple[Path, ...]
    columns: tuple[tuple[int, ...], ...]
    """The nodes of every rank, in the order of cross."""

    def rank_of(self) -> dict[int, int]:
        """Return the rank of every node."""
        return {index: rank for rank, column in enumerate(self.columns) for index in column}


def dot_text(
    nodes: Sequence[Node],
    edges: Sequence[Edge],
    sizes: Sequence[tuple[float, float]],
    direction: Direction,
    separation: float,
    columns: Sequence[Sequence[int]] = (),
) -> str:
    """Return the picture as DOT, with the names as text.

    Arguments: `sizes` are the nodes' widths and heights, `separation` the least distance between nodes of
    a rank, in pixels; `columns` force the order inside ranks.
    """
    import graphviz  # here, so that the doctor can start without it

    graph = graphviz.Digraph(
        graph_attr={
            "rankdir": "LR" if direction == "right" else "TB",
            "nodesep": _inches(separation),
            "ranksep": "1",
        },
        node_attr={"fixedsize": "true"},
        edge_attr={"arrowsize": "0.7"},
    )
    numbers = {node.id: index for index, node in enumerate(nodes)}
    for index, (node, (width, height)) in enumerate(zip(nodes, sizes, strict=True)):
        graph.node(
            f"n{index}",
            id=f"n{index}",
            label=_quoted("; ".join(plain(line) for line in node.lines)),
            shape="ellipse" if node.shape == "circle" else "box",
            # Not shape=none: that would leave no outline to read the place from.
            color="transparent" if node.shape == "plain" else "black",
            width=_inches(width),
            height=_inches(height),
        )
    for index, edge in enumerate(edges):
        colors = {"color": ":".join(edge.colors)} if edge.colors else {}
        label = {"xlabel": _quoted(plain(edge.label))} if edge.label else {}
        graph.edge(f"n{numbers[edge.tail]}", f"n{numbers[edge.head]}", id=f"e{index}", **label, **colors)
    for column in columns:
        with graph.subgraph(graph_attr={"rank": "same"}, edge_attr={"style": "invis"}) as same:
            for above, below in pairwise(column):
                same.edge(f"n{above}", f"n{below}")
    text: str = graph.source
    return text


def _quoted(text: str) -> str:
    import graphviz

    # DOT reads HTML entities, so a name cannot become markup where DOT is pasted into a page either.
    return str(graphviz.escape(html.escape(visible(text), quote=False)))


def find_ranks(
    nodes: Sequence[Node],
    edges: Sequence[Edge],
    sizes: Sequence[tuple[float, float]],
    direction: Direction,
    separation: float,
    engine: str | None,
) -> Ranks:
    """Return the engine's ranks, in the nodes' own order wherever that makes no more arrows cross.

    Raises LayoutError as `viz.rendering.layout.lay_out` does.
    """

    def ask(columns: Sequence[Sequence[int]]) -> Ranks:
        dot = dot_text(nodes, edges, sizes, direction, separation, columns)
        return _read(lay_out(dot, engine), len(nodes), len(edges), direction)

    numbers = {node.id: index for index, node in enumerate(nodes)}
    links = [(numbers[edge.tail], numbers[edge.head]) for edge in edges]
    free = ask(())
    in_order = [sorted(column) for column in free.columns]
    if in_order == [list(column) for column in free.columns]:
        return free
    ordered = ask([column for column in in_order if len(column) > 1])
    return ordered if _crossings(ordered, links) <= _crossings(free, links) else free


def _crossings(ranks: Ranks, links: Sequence[tuple[int, int]]) -> int:
    lines = [(ranks.centers[tail], ranks.centers[head]) for tail, head in links]
    return sum(
        segments_cross(*first, *second) for index, first in enumerate(lines) for second in lines[:index]
    )


def _read(svg: str, nodes: int, edges: int, direction: Direction) -> Ranks:
    centers: dict[str, Point] = {}
    lines: dict[str, Path] = {}
    for group in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}g"):
        for child in group:
            name, kind = group.get("id", ""), child.tag.rpartition("}")[2]
            if kind == "ellipse":
                centers.setdefault(name, (float(child.get("cx", "0")), float(child.get("cy", "0"))))
            elif kind == "polygon":
                across, down = zip(*_points(child.get("points", "")), strict=True)
                centers.setdefault(name, ((min(across) + max(across)) / 2, (min(down) + max(down)) / 2))
            elif kind == "path":
                lines.setdefault(name, _sampled(_points(child.get("d", ""))))
    return _ranks(
        [_main_cross(centers[f"n{index}"], direction) for index in range(nodes)],
        [
            tuple(_main_cross(point, direction) for point in lines.get(f"e{index}", ()))
            for index in range(edges)
        ],
    )


def _ranks(centers: Sequence[Point], lines: Sequence[Path]) -> Ranks:
    columns: list[list[int]] = []
    for index in sorted(range(len(centers)), key=lambda index: centers[index]):
        if columns and centers[index][0] - centers[columns[-1][0]][0] < 1.0:
            columns[-1].append(index)
        else:
            columns.append([index])
    in_cross_order = (tuple(sorted(column, key=lambda index: centers[index][1])) for column in columns)
    return Ranks(tuple(centers), tuple(lines), tuple(in_cross_order))


def _main_cross(point: Point, direction: Direction) -> Point:
    return point if direction == "right" else (point[1], point[0])


def _points(numbers: str) -> list[Point]:
    values = [float(number) for number in _NUMBER.findall(numbers)]
    return list(zip(values[::2], values[1::2], strict=True))


def _sampled(control: Sequence[Point]) -> Path:
    """Return the engine's cubic Bezier curves (one point, then three for each) as a polyline."""
    curve = [control[0]]
    for start in range(0, len(control) - 3, 3):
        a, b, c, d = control[start : start + 4]
        for step in range(1, 9):
            t = step / 8
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            curve.append(
                (
                    sum(weight * point[0] for weight, point in zip(weights, (a, b, c, d), strict=True)),
                    sum(weight * point[1] for weight, point in zip(weights, (a, b, c, d), strict=True)),
                )
            )
    return tuple(curve)


def _inches(pixels: float) -> str:
    return f"{pixels / _POINTS_PER_INCH:.4f}"
