r"""Many nodes alike but for an index, drawn as the first two, an ellipsis and the last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from autograd_core.formula import generalize
from autograd_core.graph import Graph
from viz.picture import Edge, Math, Node

MOST_ALIKE = 4


def elide_alike(
    graph: Graph, nodes: Sequence[Node], edges: Sequence[Edge]
) -> tuple[list[Node], list[Edge], dict[str, str]]:
    """The picture's nodes and edges with each group of more than four alike nodes shortened, and what hides which.

    Nodes are alike if arrows lead to them from the same nodes and from them to the same nodes and their
    names differ in a running index only: the hidden units of a fan.
    """
    tails, heads = defaultdict(set), defaultdict(set)
    for edge in edges:
        tails[edge.head].add(edge.tail)
        heads[edge.tail].add(edge.head)
    groups: dict[tuple[frozenset[str], frozenset[str]], list[Node]] = defaultdict(list)
    for node in nodes:
        if tails[node.id] and heads[node.id]:
            groups[frozenset(tails[node.id]), frozenset(heads[node.id])].append(node)
    hidden: dict[str, str] = {}
    for group in groups.values():
        names = [graph.name(int(node.id[1:])) for node in group]
        if len(group) > MOST_ALIKE and generalize(names, "j") is not None:
            hidden |= {node.id: group[2].id for node in group[2:-1]}
    ellipses = set(hidden.values())
    kept = [
        Node(node.id, (Math(r"\vdots"),), "plain") if node.id in ellipses else node
        for node in nodes
        if hidden.get(node.id, node.id) == node.id
    ]
    joined = [Edge(e.tail, e.head) if {e.tail, e.head} & ellipses else e for e in edges
              if all(hidden.get(end, end) == end for end in (e.tail, e.head))]
    return kept, joined, hidden
