"""Room for text that changes: kept free in every picture, said in the SVG, and not wasteful."""

from __future__ import annotations

import dataclasses
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from gallery import GALLERY, captioned, picture

from viz.picture import Edge, Math, Node, Picture, Plain
from viz.rendering.geometry import Box, after, box_of
from viz.rendering.inspection import faults
from viz.rendering.measuring import measure

SVG = "{http://www.w3.org/2000/svg}"
UNDER_NODE = (84.0, 34.0)
BESIDE_LABEL = 60.0


def with_rooms(drawn: Picture, node: tuple[float, float] | None = UNDER_NODE, edge: float = BESIDE_LABEL) -> Picture:
    nodes = tuple(dataclasses.replace(each, room=node) for each in drawn.nodes)
    edges = tuple(dataclasses.replace(each, room=edge) for each in drawn.edges)
    return dataclasses.replace(drawn, nodes=nodes, edges=edges)


ROOMY = {name: with_rooms(make()) for name, make in GALLERY.items()}


def size(drawn: Picture) -> tuple[float, float]:
    bounds = drawn.scene.bounds
    return bounds.right - bounds.left, bounds.bottom - bounds.top


@pytest.mark.parametrize("name", GALLERY)
def test_every_room_is_there_and_nothing_lies_on_it(name: str) -> None:
    scene = ROOMY[name].scene
    assert faults(scene) == []
    for part, width in [(placed, UNDER_NODE[0]) for placed in scene.nodes] + [(a, BESIDE_LABEL) for a in scene.arrows]:
        assert part.room is not None and part.room.right - part.room.left == pytest.approx(width)


@pytest.mark.parametrize("rooms", [(UNDER_NODE, 0.0), (None, BESIDE_LABEL), ((140.0, 20.0), 0.0), ((20.0, 60.0), 30.0)])
@pytest.mark.parametrize("name", ["chain", "diamond", "mini_network", "parallel_three", "diamond_down", "cycle"])
def test_rooms_of_other_sizes_are_kept_free_too(name: str, rooms: tuple[tuple[float, float] | None, float]) -> None:
    assert faults(with_rooms(GALLERY[name](), *rooms).scene) == []


def test_a_node_s_room_is_right_under_its_outline_or_at_the_foot_of_its_box() -> None:
    nodes = (
        Node("circle", (Math("x"),)),
        Node("pill", (Plain("a very long name"),)),
        Node("plain", (Math(r"\vdots"),), "plain"),
        Node("box", (Math("y"), Plain("input")), "box"),
        Node("empty box", (), "box"),
    )
    scene = with_rooms(Picture(nodes, tuple(Edge(a.id, b.id) for a, b in pairwise(nodes)))).scene
    assert faults(scene) == []
    for placed in scene.nodes:
        outline, room = box_of(placed.solid), placed.room
        assert room is not None and room.center[0] == pytest.approx(outline.center[0])
        assert (room.right - room.left, room.bottom - room.top) == pytest.approx(UNDER_NODE)
        if placed.node.shape == "box":
            assert outline.left < room.left and room.bottom < outline.bottom
            assert all(ink.box.bottom < room.top for ink in placed.lines)
        else:
            assert 4.0 < room.top - outline.bottom < 6.0


@pytest.mark.parametrize("direction", ["right", "down"])
def test_a_caption_gives_way_to_the_room(direction: str) -> None:
    drawn = with_rooms(captioned(direction))
    assert faults(drawn.scene) == []
    for placed in drawn.scene.nodes:
        if placed.caption is not None and placed.room is not None:
            assert not placed.caption.box.overlaps(placed.room)
    (body,) = measure([dataclasses.replace(drawn.nodes[0], caption=Math("= 3"))], [False], "right")
    assert body.room is not None and body.caption is not None
    assert body.room.bottom < body.caption.box.top and body.extent.bottom == body.caption.box.bottom


def test_an_edge_s_room_is_on_its_label_s_line_and_needs_no_label() -> None:
    for label in (Math("w"), Math(r"\frac{1}{2}"), Plain("a word"), None):
        drawn = with_rooms(Picture((Node("0", ()), Node("1", ())), (Edge("0", "1", label),)))
        (arrow,) = drawn.scene.arrows
        assert arrow.room is not None and (arrow.label is None) == (label is None)
        if arrow.label is not None:
            ink = arrow.label
            baseline = ink.box.top - ink.drawing.top * ink.font_size
            assert 0.0 < arrow.room.left - ink.box.right < 6.0
            assert baseline == pytest.approx(arrow.room.top + 0.75 * (arrow.room.bottom - arrow.room.top))


def test_the_svg_says_where_rooms_are_and_nothing_where_there_are_none() -> None:
    drawn = with_rooms(picture("x -> a : 3\na -> y"))
    groups = [group for group in ET.fromstring(drawn.svg).iter(f"{SVG}g") if group.get("class") in ("node", "label")]
    places = [*drawn.scene.nodes, *drawn.scene.arrows]
    assert [group.get("class") for group in groups] == ["node"] * 3 + ["label"] * 2
    for group, part in zip(groups, places, strict=True):
        (room,) = [child for child in group if child.get("class") == "room"]
        assert part.room is not None and len(room) == 0 and room.text is None
        x, y = map(float, room.attrib["transform"].removeprefix("translate(").removesuffix(")").split())
        written = x, y, x + float(room.attrib["data-width"]), y + float(room.attrib["data-height"])
        assert written == pytest.approx(dataclasses.astuple(part.room), abs=0.02)
    assert 'class="room"' not in picture("x -> a : 3\na -> y").svg


def test_rooms_cost_no_more_than_they_need() -> None:
    for name, wider, taller in (("chain", 1.5, 45), ("diamond", 1.6, 85), ("scalar_network", 1.6, 85)):
        (before, low), (after_, high) = size(GALLERY[name]()), size(ROOMY[name])
        assert after_ < wider * before and high < low + taller
    under = with_rooms(GALLERY["chain"](), UNDER_NODE, 0.0)
    assert size(under)[0] < size(GALLERY["chain"]())[0] + UNDER_NODE[0]


def test_the_inspection_sees_what_lies_on_a_room() -> None:
    scene = ROOMY["diamond"].scene
    first, second, *others = scene.nodes
    arrow, *arrows = scene.arrows
    assert first.room is not None and arrow.room is not None
    for place, said in (
        (None, "room of node 0 is missing"),
        (second.room, "overlap"),
        (box_of(second.solid), "lies on node 1"),
        (box_of(first.solid), "lies on the text of node 0"),
        (arrow.room, "room of 0 -> 1 overlap"),
        (arrow.label and arrow.label.box, "lies on the label"),
        (Box(0.0, -5000.0, 10.0, -4990.0), "cuts off the room of node 0"),
        (Box.around(arrow.path[-1], 8.0, 8.0), "lies on the arrow 0 -> 1"),
    ):
        moved = dataclasses.replace(first, room=place)
        assert any(said in fault for fault in faults(dataclasses.replace(scene, nodes=(moved, second, *others))))
    missing = dataclasses.replace(arrow, room=None)
    assert any("0 -> 1 is missing" in fault for fault in faults(dataclasses.replace(scene, arrows=(missing, *arrows))))


def test_the_part_of_a_line_after_a_box() -> None:
    box = Box(0, 0, 10, 10)
    for path, left in (
        (((5, 5), (25, 5)), ((10, 5), (25, 5))),
        (((-5, 5), (5, 5), (5, 30), (40, 30)), ((5, 10), (5, 30), (40, 30))),
        (((-5, 5), (15, 5)), ((10, 5), (15, 5))),
        (((-5, 5), (5, 5)), ((-5, 5), (5, 5))),
        (((-5, 50), (5, 50)), ((-5, 50), (5, 50))),
    ):
        assert after(path, box) == left


def test_a_room_that_makes_no_sense_is_refused() -> None:
    for room in ((0.0, 3.0), (5.0, -1.0), (float("nan"), 2.0), (2.0, float("inf"))):
        with pytest.raises(ValueError, match="must be a width and a height above 0"):
            Node("0", (), room=room)
    for width in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="must be a width of 0 or more"):
            Edge("0", "1", room=width)
