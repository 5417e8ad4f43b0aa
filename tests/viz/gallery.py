"""Pictures of every kind the lecture needs, and hard ones, for the tests to draw and inspect."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from viz.picture import Edge, Math, Node, Picture, Plain

HOSTILE_NAMES = (
    "</text><script>alert(1)</script>",
    "\"quoted' & <b>",
    "line\nbreak",
    r"\input{/etc/passwd} $x$",
    "right\u202eleft\u2066",
    "]]> --> %s {0} \x00\x1b[31m",
    r"\N \G \l <<TABLE>>",
    "<b>html label</b>",
    "𝒙 漢字 שלום ñ 😀",
    "",
)


def picture(text: str, direction: str = "right", shapes: Mapping[str, str] | None = None) -> Picture:
    """Read lines `tail -> head : label` of LaTeX names; nodes are numbered as they appear."""
    names: dict[str, Node] = {}
    edges: list[Edge] = []

    def number(name: str) -> str:
        shape = (shapes or {}).get(name, "circle")
        names.setdefault(name, Node(str(len(names)), (Math(name),), shape))  # type: ignore[arg-type]
        return names[name].id

    for line in text.strip().splitlines():
        ends, _, label = line.partition(" : ")
        tail, _, head = ends.strip().partition(" -> ")
        if not head:
            number(tail)
            continue
        edges.append(Edge(number(tail), number(head.strip()), Math(label.strip()) if label else None))
    return Picture(tuple(names.values()), tuple(edges), direction)  # type: ignore[arg-type]


DIAMOND = r"""
    x -> a_1 : 3
    x -> a_2 : {-1}
    a_1 -> y : 2
    a_2 -> y : 1
"""


def fan() -> Picture:
    rows = [
        line
        for j in (1, 2, 3, 4, "N")
        for name in ["\\vdots" if j == 4 else f"a_{j}"]
        for line in (f"x -> {name}" + ("" if j == 4 else f" : w_{j}^{{(1)}}"),
                     f"{name} -> y" + ("" if j == 4 else f" : w_{j}^{{(2)}}"))
    ]
    return picture("\n".join(rows), shapes={"\\vdots": "plain"})


def mini_network(weights: bool = False) -> Picture:
    rows = [f"x_{j}" for j in range(3)]
    if weights:
        rows += [f"w_{{{i}{j}}}" for i in range(3) for j in range(3)] + [f"w_{i}" for i in range(3)]
    for i in range(3):
        rows += [f"x_{j} -> a_{i} : w_{{{i}{j}}}" for j in range(3)]
    if weights:
        for i in range(3):
            rows += [f"w_{{{i}{j}}} -> a_{i} : x_{j}" for j in range(3)]
    rows += [rf"a_{i} -> z_{i} : g'(a_{i})" for i in range(3)]
    rows += [rf"z_{i} -> \hat{{y}} : w_{i}" for i in range(3)]
    if weights:
        rows += [rf"w_{i} -> \hat{{y}} : z_{i}" for i in range(3)]
    return picture("\n".join([*rows, r"\hat{y} -> E : \hat{y} - y"]))


def boxes(direction: str = "right") -> Picture:
    links = [(0, 2), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (4, 7), (6, 7), (7, 8), (8, 9), (6, 10)]
    links += [(10, 9), (9, 11)]
    nodes = tuple(
        Node(
            str(index),
            (Math(f"v_{{{index}}}"), Math(r"\tanh(v_1)"), Plain("value 0.6640"), Plain("gradient -1.2500")),
            "box",
        )
        for index in range(12)
    )
    label = Math(r"\frac{1}{\cosh^2(x)} = 0.4200")
    edges = tuple(
        Edge(str(tail), str(head), label if index % 2 else Math(r"w_1^{(2)} = {-1.25}"))
        for index, (tail, head) in enumerate(links)
    )
    return Picture(nodes, edges, direction)  # type: ignore[arg-type]


def hostile() -> Picture:
    nodes = tuple(Node(str(index), (Plain(name),), tooltip=name) for index, name in enumerate(HOSTILE_NAMES))
    edges = tuple(
        Edge(str(index), str(index + 1), Plain(name) if index % 2 else Math(name), tooltip=name)
        for index, name in enumerate(HOSTILE_NAMES[:-1])
    )
    return Picture(nodes, edges, title=HOSTILE_NAMES[0], note=HOSTILE_NAMES[2])


def highlighted() -> Picture:
    nodes = tuple(
        Node(str(index), (Math(name),), color="#d62728" if name == "y" else None, faded=name == "b")
        for index, name in enumerate(("x", "a_1", "a_2", "z", "y", "b"))
    )
    red, blue = "#d62728", "#1f77b4"
    return Picture(
        nodes,
        (
            Edge("0", "1", Math("3"), (red,)),
            Edge("0", "2", Math("{-1}"), (blue,)),
            Edge("1", "3", Math("2"), (red,)),
            Edge("2", "3", Math("1"), (blue,)),
            Edge("3", "4", Math(r"\sigma'(z)"), (red, blue)),
            Edge("5", "3", Math("b"), faded=True),
        ),
        note="Two paths share the last arrow.",
    )


def captioned(direction: str = "right") -> Picture:
    base = picture("x_1 -> y : w_1\nx_2 -> y : w_2\ny -> E : 1", direction)
    captions = {0: Math("2.5 ="), 1: Math("{-1} ="), 2: Math(r"\hat{y} =")}
    nodes = tuple(
        Node(node.id, node.lines, caption=captions.get(index)) for index, node in enumerate(base.nodes)
    )
    return Picture(nodes, base.edges, direction)  # type: ignore[arg-type]


def sixty() -> Picture:
    names = [f"v_{{{index}}}" for index in range(60)]
    rows = [f"{names[index // 2]} -> {names[index]} : {index % 9 + 1}" for index in range(1, 40)]
    rows += [f"{names[index]} -> {names[40 + index // 5]} : {{-0.{index}}}" for index in range(20, 40)]
    rows += [f"{names[40 + index]} -> {names[44 + index]} : 2" for index in range(16)]
    rows += ["v_{3} -> v_{59} : 1", "v_{1} -> v_{50} : w_{50}"]
    return picture("\n".join(rows))


def branching_chain() -> Picture:
    links = ("x -> a", "a -> b", "b -> c", "c -> y", "x -> y", "a -> y", "x -> c")
    return picture("\n".join(f"{link} : {number}" for number, link in enumerate(links)))


GALLERY: dict[str, Callable[[], Picture]] = {
    "chain": lambda: picture("x -> a : 3\na -> y : 2"),
    "diamond": lambda: picture(DIAMOND),
    "fan": fan,
    "scalar_network": lambda: picture(
        r"""
        w_1 -> a_1 : z_0
        a_1 -> z_1 : \sigma'(a_1)
        z_1 -> a_2 : w_2
        w_2 -> a_2 : z_1
        a_2 -> \hat{y} : \sigma'(a_2)
        \hat{y} -> E : \hat{y} - y
        """
    ),
    "mini_network": mini_network,
    "mini_network_weights": lambda: mini_network(weights=True),
    "parallel": lambda: picture("a -> y : a\na -> y : a"),
    "parallel_three": lambda: picture("x -> a : 2\na -> y : a\na -> y : b\na -> y : \\sigma'(a)\ny -> z : 1"),
    "boxes": boxes,
    "hostile": hostile,
    "long_label": lambda: Picture(
        (Node("0", (Math("x"),)), Node("1", (Math("y"),)), Node("2", (Math("z"),))),
        (Edge("0", "1", Plain("m" * 60)), Edge("1", "2", Math("2")), Edge("0", "2", Math("3"))),
    ),
    "highlighted": highlighted,
    "diamond_down": lambda: picture(DIAMOND, "down"),
    "boxes_down": lambda: boxes("down"),
    "captioned": captioned,
    "captioned_down": lambda: captioned("down"),
    "sixty": sixty,
    "branching_chain": branching_chain,
    "cycle": lambda: picture("a -> b : 1\nb -> a : 2\nb -> b : 3"),
    "empty": lambda: Picture((), ()),
    "single": lambda: picture("x"),
}
