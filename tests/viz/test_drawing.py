"""viz.draw: what is shown, in which style, and byte for byte the same every time."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import autograd_core as ag
import viz
from autograd_core import Graph, NoPathError, StaleGraphError, Value
from viz.drawing import EDGE_ROOM, NODE_ROOM, Style, draw_with_room
from viz.lecture import chain, example_1, example_2, example_3, mini_network, scalar_network, simple
from viz.picture import Picture
from viz.rendering.inspection import faults
from viz.rendering.parts import plain

GOLDEN = Path(__file__).parent / "golden"
PICTURES = {
    f"{example.id}-{at}": picture
    for example in (example_1(), example_2(), example_3(), chain(), simple(), scalar_network(), mini_network())
    for at, picture in enumerate(example.pictures, 1)
}


def arrows(picture: Picture) -> list[str]:
    names = {node.id: plain(node.lines[0]) for node in picture.nodes}
    return [f"{names[e.tail]} -{plain(e.label) if e.label else ''}-> {names[e.head]}" for e in picture.edges]


def example() -> tuple[Value, Value]:
    x = Value(1.0, "x")
    a_1, a_2 = (3 * x).named("a_1"), (-x).named("a_2")
    return x, (2 * a_1 + a_2).named("y")


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("form", ["dot", "svg"])
def test_the_lectures_pictures_are_the_golden_files(name: str, form: str) -> None:
    file = GOLDEN / f"{name}.{form}"
    made = getattr(PICTURES[name], form)
    if os.environ.get("REWRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(made, encoding="utf-8", newline="\n")
    assert made == file.read_text(encoding="utf-8"), "look at the picture; if it is better, run with REWRITE_GOLDEN=1"


def test_the_lecture_style_shows_names_and_derivatives_and_neither_constants_nor_operators() -> None:
    _, y = example()
    picture = viz.draw(y)
    assert arrows(picture) == ["x -3-> a_1", "x --1-> a_2", "a_1 -2-> y", "a_2 -1-> y"]
    assert {node.shape for node in picture.nodes} == {"circle"}
    assert picture.direction == "right"


def test_the_full_style_shows_every_node_with_operation_value_and_gradient() -> None:
    _, y = example()
    boxes = [[plain(line) for line in node.lines] for node in viz.draw(y, style="full").nodes]
    assert boxes == [
        ["x", "input", r"\mathrm{value}\; 1", r"\mathrm{gradient}\; 5"],
        ["a_1 = 3 x", "mul", r"\mathrm{value}\; 3", r"\mathrm{gradient}\; 2"],
        ["a_2 = -x", "neg", r"\mathrm{value}\; -1", r"\mathrm{gradient}\; 1"],
        ["v_1 = 2 a_1", "mul", r"\mathrm{value}\; 6", r"\mathrm{gradient}\; 1"],
        ["y = v_1 + a_2", "add", r"\mathrm{value}\; 5", r"\mathrm{gradient}\; 1"],
    ]


def test_values_and_gradients_can_be_switched_on_and_off() -> None:
    _, y = example()
    assert [len(node.lines) for node in viz.draw(y).nodes] == [1, 1, 1, 1]
    assert [len(node.lines) for node in viz.draw(y, values=True).nodes] == [2, 2, 2, 2]
    assert [len(node.lines) for node in viz.draw(y, values=True, gradients=True).nodes] == [3, 3, 3, 3]
    assert {len(node.lines) for node in viz.draw(y, style="full", values=False, gradients=False).nodes} == {2}


SHOWN = [
    ("symbols", r"\sigma'(a)"),
    ("numbers", "0.1966"),
    ("both", r"\sigma'(a) = 0.1966"),
    ("expanded", "y (1 - y)"),
]


@pytest.mark.parametrize("show, label", SHOWN)
def test_what_stands_beside_an_arrow(show, label: str) -> None:
    y = ag.sigmoid(Value(1.0, "a")).named("y")
    assert arrows(viz.draw(y, show=show)) == [f"a -{label}-> y"]


def test_wrt_decides_whether_a_weight_is_a_label_or_a_node() -> None:
    x, w = Value(2.0, "x"), Value(5.0, "w")
    y = (w * x).named("y")
    assert arrows(viz.draw(y, wrt=[x])) == ["x -w-> y"]
    assert arrows(viz.draw(y, wrt=[w])) == ["w -x-> y"]
    assert arrows(viz.draw(y, "x")) == ["x -w-> y"]


def test_a_text_without_numbers_is_drawn_in_symbols() -> None:
    assert arrows(viz.draw("y = 2*a; a = 3*x")) == ["x -3-> a", "a -2-> y"]
    assert len(viz.draw("y = 2*a; a = 3*x", style="full").nodes[0].lines) == 2
    assert len(viz.draw("y = 2*a; a = 3*x", at={"x": 1.0}, style="full").nodes[0].lines) == 4


def test_each_highlighted_path_has_its_colour_and_a_shared_edge_has_both() -> None:
    x = Value(1.0, "x")
    a, b = (2 * x).named("a"), (3 * x).named("b")
    y = (a + b).named("y")
    picture = viz.draw((y * 5).named("z"), highlight=(x, "z"))
    colors = {arrow: edge.colors for arrow, edge in zip(arrows(picture), picture.edges, strict=True)}
    first, second = colors["x -2-> a"], colors["x -3-> b"]
    assert len(first) == len(second) == 1 and first != second
    assert colors["y -5-> z"] == first + second


def test_of_too_many_paths_only_the_largest_are_coloured_and_that_is_said() -> None:
    x = Value(1.0, "x")
    node = x
    for at in range(4):
        node = ag.add((2 * node).named(f"l_{at}"), (3 * node).named(f"r_{at}")).named(f"s_{at}")
    picture = viz.draw(node, highlight=("x", node))
    assert picture.note == "The 6 largest of 16 paths are coloured."


def test_a_node_with_two_names_has_the_second_as_a_caption() -> None:
    picture = scalar_network().pictures[0]
    captions = {plain(node.lines[0]): plain(node.caption) for node in picture.nodes if node.caption}
    assert captions == {"z_0": "x =", r"\hat{y}": "= z_2"}


def test_a_grey_arrow_says_which_way_is_propagated() -> None:
    _, y = example()
    for direction in ("right", "down"):
        forward, backward = (viz.draw(y, flow=flow, direction=direction) for flow in ("forward", "backward"))
        assert forward.scene.flow[1] == backward.scene.flow[1][::-1]
        assert "Forward propagation" in forward.svg and "Backpropagation direction" in backward.svg
        assert faults(forward.scene) == []


def test_unnamed_nodes_are_all_shown_with_a_hint() -> None:
    x = Value(1.0, "x")
    picture = viz.draw((x * 2).exp())
    assert [plain(node.lines[0]) for node in picture.nodes] == ["x", "v_1", "v_2"]
    assert ".named(" in picture.note


@pytest.mark.parametrize("direction", ["right", "down"])
@pytest.mark.parametrize("style", ["lecture", "full"])
def test_every_combination_is_free_of_overlaps(direction, style) -> None:
    for output in (example()[1], scalar_network().E, mini_network().E):
        if style == "full" and output is not example and len(Graph(output).nodes) > 25:
            continue
        assert faults(viz.draw(output, style=style, direction=direction).scene) == []


def test_many_alike_units_become_an_ellipsis() -> None:
    picture = example_3(n=30).pictures[0]
    assert [plain(node.lines[0]) for node in picture.nodes] == ["x", "a_1", "a_2", r"\vdots", "a_{30}", "y"]
    assert len(picture.edges) == 8


def layers(name: str) -> Value:
    x = Value(0.5, "x")
    layer = [(x * (0.1 * i)).named(name.format("a", i)) for i in range(60)]
    for depth in "bc":
        layer = [(ag.total(layer) * 0.01).tanh().named(name.format(depth, i)) for i in range(60)]
    return ag.total(layer).named("y")


def test_layers_of_many_alike_units_are_shortened_before_anything_is_collapsed() -> None:
    picture = viz.draw(layers("{}_{{{}}}"))
    names = [plain(node.lines[0]) for node in picture.nodes]
    assert names[1:5] == ["a_0", "a_1", r"\vdots", "a_{59}"]
    assert len(names) == 14 and picture.note == ""


def test_a_highlighted_path_is_never_shortened_away() -> None:
    example = example_3(n=6)
    picture = viz.draw(example.y, wrt=[example.x], highlight=(example.x, example.y))
    assert len({edge.colors for edge in picture.edges}) == 6


def test_of_several_outputs_it_is_said_whose_gradients_are_shown() -> None:
    a = Value(1.0, "a")
    p = (a * 2).named("p")
    picture = viz.draw([p, (p * 3).named("q")], style="full")
    assert picture.note == "The gradients are those of p."


def test_a_graph_above_the_limit_is_collapsed_and_says_so() -> None:
    picture = viz.draw(layers("unit {} {}"))
    assert [[plain(line) for line in node.lines] for node in picture.nodes] == [
        ["1 input"], ["60 mul"], ["60 tanh"], ["60 tanh"], ["1 total"]]
    assert [plain(edge.label) for edge in picture.edges] == ["60", "3,600", "3,600", "60"]
    assert picture.note.startswith("182 nodes are collapsed by depth.")
    assert faults(picture.scene) == []


def test_a_chain_of_100_000_links_collapses_to_its_ends() -> None:
    y = Value(1.0, "x")
    for _ in range(100_000):
        y = y * 1.0
    picture = viz.draw(y, limit=20)
    assert len(picture.nodes) <= 21
    assert "100,001 nodes are collapsed" in picture.note


def test_drawing_twice_shows_the_same_and_leaves_gradients_alone() -> None:
    x, y = example()
    first = viz.draw(y, style="full")
    y.backward()
    y.backward()
    assert x.grad == 10.0
    assert viz.draw(y, style="full") == first
    assert x.grad == 10.0


ROOMY: dict[str, Callable[[], Graph]] = {
    "named": lambda: Graph(example()[1]).contract(),
    "full": lambda: Graph(example()[1]),
    "alike units": lambda: Graph(layers("{}_{{{}}}")).contract(),
    "collapsed": lambda: Graph(layers("unit {} {}")).contract(),
    "a chain": lambda: Graph(functools.reduce(lambda y, at: (y * 1.5).named(f"a_{at}"), range(300), Value(1.0, "x"))),
}


@pytest.mark.parametrize("make", ROOMY.values(), ids=ROOMY)
@pytest.mark.parametrize("style", ["lecture", "full"])
def test_room_is_kept_and_every_node_has_its_place_in_the_picture(make: Callable[[], Graph], style: Style) -> None:
    graph = make()
    picture, places = draw_with_room(graph, style, limit=80, engine=None)
    assert set(places) == set(graph.shown)
    drawn = re.findall(r'<g class="node" data-id="(\w+)"', picture.svg)
    assert set(places.values()) <= set(drawn) and len(drawn) == len(set(drawn)) == len(picture.nodes)
    assert faults(picture.scene) == []
    alone = [node for node in picture.nodes if list(places.values()).count(node.id) == 1 and node.id.startswith("n")]
    assert [node.room for node in alone] == [NODE_ROOM] * len(alone)


def test_the_picture_with_room_is_that_of_draw_but_for_the_numbers() -> None:
    y = example()[1]
    roomy, _ = draw_with_room(Graph(y).contract(), "lecture", limit=80, engine=None)
    assert (roomy.title, roomy.note, arrows(roomy)) == (viz.draw(y).title, viz.draw(y).note, arrows(viz.draw(y)))
    full, _ = draw_with_room(Graph(y), "full", limit=80, engine=None)
    assert [len(node.lines) for node in full.nodes] == [2] * 5


def test_a_number_beside_an_arrow_needs_no_room_and_a_symbol_does_in_the_full_style() -> None:
    x, w = Value(2.0, "x"), Value(5.0, "w")
    graph = Graph((w * x + 3.0 * x).named("y"))
    for style, room in (("lecture", 0.0), ("full", EDGE_ROOM)):
        picture, _ = draw_with_room(graph, style, limit=80, engine=None)  # type: ignore[arg-type]
        rooms = {arrow: edge.room for arrow, edge in zip(arrows(picture), picture.edges, strict=True)}
        assert {each for arrow, each in rooms.items() if re.search("-[wx]->", arrow)} == {room}
        assert {each for arrow, each in rooms.items() if re.search(r"-\d->", arrow)} == {0.0}


HOSTILE = [
    "</text><script>alert(1)</script>", '"', "a\nb", r"\input{/etc/passwd}", "a\u202eb", "$x$", "<b>", "%", "a" * 300,
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("style", ["lecture", "full"])
def test_a_hostile_name_is_shown_as_text(name: str, style) -> None:
    x = Value(2.0, name)
    picture = viz.draw((x * x + 1).named("y"), style=style)
    for form in (picture.dot, picture.svg, picture.html):
        assert "<script" not in form and "\u202e" not in form
    assert picture.png.startswith(b"\x89PNG")


def test_mistakes_are_answered_in_words() -> None:
    x, y = example()
    for mistake, kind, words in (
        (lambda: viz.draw(y, style="slide"), ValueError, "style is one of 'lecture', 'full'; got 'slide'"),
        (lambda: viz.draw(y, show="all"), ValueError, "show is one of 'symbols', 'numbers', 'both', 'expanded'"),
        (lambda: viz.draw("y = 2*x", values=True), ValueError, "no numbers to show"),
        (lambda: viz.draw("y = 2*x", show="numbers"), ValueError, "at={'x': 1.0}"),
        (lambda: viz.draw(y, at={"x": 1.0}), ValueError, "a Value has its number already"),
        (lambda: viz.draw(y, wrt=[Value(1.0, "q")]), NoPathError, "dy/dq = 0"),
        (lambda: viz.draw(y, highlight=(y, x)), NoPathError, "dx/dy = 0: no path leads from y to x"),
        (lambda: viz.draw(y, direction="left"), ValueError, "direction"),
        (lambda: viz.draw(y, flow="up"), ValueError, "flow must be 'forward' or 'backward', not 'up'"),
        (lambda: viz.draw(y, wrt=[]), TypeError, "wrt is empty"),
        (lambda: viz.draw(y, digits=0), ValueError, "1 or more; got 0"),
        (lambda: viz.draw(y, highlight="x"), ValueError, "as in highlight=(x, y); got 'x'"),
        (lambda: viz.draw(3.0), TypeError, "3.0"),
    ):
        with pytest.raises(kind) as raised:
            mistake()
        assert words in str(raised.value)
    x.data = 2.0
    with pytest.raises(StaleGraphError, match="recompute"):
        viz.draw(y)
