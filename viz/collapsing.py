"""A graph too large to draw node by node, drawn by depth: one box for all nodes equally far from the inputs."""

from __future__ import annotations

from collections import Counter

from autograd_core.graph import Graph
from viz.picture import Edge, Math, Node, Plain


def collapse(
    graph: Graph, limit: int, room: tuple[float, float] | None = None
) -> tuple[list[Node], list[Edge], str, dict[int, str]]:
    """The boxes by depth, at most ``limit``, their arrows, a note, and which box each node is in.

    Each box keeps ``room`` for text that changes.

    A box says how many nodes of which operation it holds, an arrow how many edges it stands for; of more
    depths than ``limit`` the middle ones become an ellipsis.
    """
    depth: dict[int, int] = {}
    below: dict[int, list[int]] = {at: [] for at in graph.shown}
    for edge in graph.edges:
        below[edge.head].append(edge.tail)
    for at in graph.shown:
        depth[at] = 1 + max((depth[tail] for tail in below[at]), default=-1)
    deepest = max(depth.values())
    half = max(2, limit // 2)
    gap = range(half, deepest - half + 1) if deepest + 1 > limit else range(0)

    def box(level: int) -> str:
        return "gap" if level in gap else f"d{level}"

    kinds: dict[str, Counter[str]] = {}
    for at in graph.shown:
        op = graph.record[at].op
        kinds.setdefault(box(depth[at]), Counter())[op.name if op else "input"] += 1
    arrows = Counter((box(depth[edge.tail]), box(depth[edge.head])) for edge in graph.edges)
    nodes = [
        Node(key, _lines(key, counted), "plain" if key == "gap" else "box", room=room) for key, counted in kinds.items()
    ]
    edges = [
        Edge(tail, head, Plain(f"{count:,}") if count > 1 else None)
        for (tail, head), count in sorted(arrows.items(), key=lambda item: (len(item[0][0]), item[0]))
        if tail != head
    ]
    note = (
        f"{len(graph.shown):,} nodes are collapsed by depth. "
        "Name fewer nodes, ask with wrt=, or raise limit= to see them one by one."
    )
    return nodes, edges, note, {at: box(depth[at]) for at in graph.shown}


def _lines(key: str, counted: Counter[str]) -> tuple[Math | Plain, ...]:
    if key == "gap":
        return (Math(r"\cdots"), Plain(f"{sum(counted.values()):,} nodes"))
    most = counted.most_common(4)
    lines = [Plain(f"{count:,} {kind}") for kind, count in most]
    return (*lines, Plain("and more")) if len(counted) > len(most) else tuple(lines)
