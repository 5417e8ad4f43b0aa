"""Write a scene as SVG: outlines only, so no fonts, no styles, no scripts and no references."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from viz.rendering.geometry import (
    Box,
    Disc,
    Path,
    along,
    box_of,
    box_of_path,
    length,
    path_meets_box,
    shifted,
    shortened,
)
from viz.rendering.mathematics import UNITS, visible
from viz.rendering.measuring import OUTLINE_WIDTH, Ink
from viz.rendering.parts import Edge, plain
from viz.rendering.scene import FLOW_WIDTH, HEAD_LENGTH, HEAD_WIDTH, PlacedArrow, PlacedNode, Scene

INK = "#000000"
FADED = "#d2d2d2"
NOTE = "#606060"
FLOW = "#9a9a9a"
PAPER = "#ffffff"

_THIN = 1.3
_THICK = 2.2
_STROKE = 2.4


def write_svg(scene: Scene, background: str | None, scale: float, title: str) -> str:
    """Return the scene as one SVG element.

    Arguments: `background` a colour or None for none, `scale` multiplies the size on the page.
    """
    bounds = scene.bounds
    width, height = bounds.right - bounds.left, bounds.bottom - bounds.top
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": _text(width * scale),
            "height": _text(height * scale),
            "viewBox": f"{_text(bounds.left)} {_text(bounds.top)} {_text(width)} {_text(height)}",
            "role": "img",
        },
    )
    ET.SubElement(root, "title").text = visible(title)
    if background is not None:
        ET.SubElement(root, "rect", {**_rectangle(bounds), "fill": background})
    # Faded things first: what is in focus is never covered by what is not.
    for arrow in sorted(scene.arrows, key=lambda arrow: not arrow.edge.faded):
        _write_arrow(root, arrow)
    for placed in scene.nodes:
        _write_node(root, placed)
    lines = [(arrow.path, box_of_path(arrow.path).grown(0.01)) for arrow in scene.arrows]
    for arrow in scene.arrows:
        _write_label(root, arrow, lines)
    for ink in scene.note:
        _write_ink(root, ink, NOTE)
    if scene.flow is not None:
        _write_flow(root, *scene.flow)
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode")


def _write_node(root: ET.Element, placed: PlacedNode) -> None:
    node = placed.node
    group = ET.SubElement(root, "g", {"class": "node", "data-id": visible(node.id)})
    name = ", ".join(plain(line) for line in node.lines)
    ET.SubElement(group, "title").text = visible(node.tooltip or name)
    color = FADED if node.faded else INK
    outline = FADED if node.faded else node.color or INK
    look = {"fill": PAPER, "stroke": outline, "stroke-width": _text(OUTLINE_WIDTH)}
    if node.shape == "plain":
        color = outline
    elif isinstance(placed.solid, Disc):
        x, y = placed.solid.center
        disc = {"cx": _text(x), "cy": _text(y), "r": _text(placed.solid.radius)}
        ET.SubElement(group, "circle", {**disc, **look})
    else:
        corner = {"rx": _text(placed.corner)}
        ET.SubElement(group, "rect", {**_rectangle(box_of(placed.solid)), **corner, **look})
    for ink in placed.lines:
        _write_ink(group, ink, color)
    if placed.caption is not None:
        _write_ink(group, placed.caption, color)
    _write_room(group, placed.room)


def _write_arrow(root: ET.Element, arrow: PlacedArrow) -> None:
    edge = arrow.edge
    group = ET.SubElement(root, "g", {"class": "edge", **_ends(edge)})
    label = "" if edge.label is None else plain(edge.label)
    ET.SubElement(group, "title").text = visible(edge.tooltip or label or f"{edge.tail} to {edge.head}")
    colors = _colors(edge)
    thickness = _THIN if colors in ((FADED,), (INK,)) else _THICK
    shaft = shortened(arrow.path, 0.0, HEAD_LENGTH - 1.0)
    middle = (len(colors) - 1) / 2
    for place, color in enumerate(colors):
        line = shifted(shaft, (middle - place) * _STROKE)
        ET.SubElement(
            group,
            "path",
            {"d": _polyline(line), "fill": "none", "stroke": color, "stroke-width": _text(thickness)},
        )
    for place, color in enumerate(colors):
        slice_of_head = _head(arrow.path, place, len(colors), thickness)
        ET.SubElement(group, "path", {"d": slice_of_head, "fill": color})


def _write_flow(root: ET.Element, words: Ink, line: Path) -> None:
    group = ET.SubElement(root, "g", {"class": "flow"})
    ET.SubElement(group, "title").text = visible(words.drawing.text)
    shaft = _polyline(shortened(line, 0.0, HEAD_LENGTH - 1.0))
    look = {"fill": "none", "stroke": FLOW, "stroke-width": _text(FLOW_WIDTH)}
    ET.SubElement(group, "path", {"d": shaft, **look})
    ET.SubElement(group, "path", {"d": _head(line, 0, 1, FLOW_WIDTH), "fill": FLOW})
    _write_ink(group, words, NOTE)


def _write_label(root: ET.Element, arrow: PlacedArrow, lines: Sequence[tuple[Path, Box]]) -> None:
    label, colors = arrow.label, _colors(arrow.edge)
    boxes = [box for box in (label.box if label is not None else None, arrow.room) if box is not None]
    if not boxes:
        return
    group = ET.SubElement(root, "g", {"class": "label", **_ends(arrow.edge)})
    whole = Box.union(boxes)
    if any(around.overlaps(whole) and path_meets_box(path, whole) for path, around in lines):
        ET.SubElement(group, "rect", {**_rectangle(whole.grown(1.5)), "fill": PAPER})
    if label is not None:
        _write_ink(group, label, colors[0] if len(colors) == 1 else INK)
    _write_room(group, arrow.room)


def _write_room(parent: ET.Element, room: Box | None) -> None:
    """Write an empty group where text that changes has its room, its origin the room's top left corner."""
    if room is not None:
        size = {"data-width": _text(room.right - room.left), "data-height": _text(room.bottom - room.top)}
        place = {"transform": f"translate({_text(room.left)} {_text(room.top)})"}
        ET.SubElement(parent, "g", {"class": "room", **place, **size})


def _colors(edge: Edge) -> tuple[str, ...]:
    return (FADED,) if edge.faded else edge.colors or (INK,)


def _ends(edge: Edge) -> dict[str, str]:
    return {"data-tail": visible(edge.tail), "data-head": visible(edge.head)}


def _head(path: Path, place: int, count: int, thickness: float) -> str:
    """Return the slice of the arrow's solid head that belongs to one of its colours."""
    tip = path[-1]
    reach = min(HEAD_LENGTH / max(length(path), 1e-9), 1.0)
    base, _ = along(path, 1.0 - reach)
    span = ((tip[0] - base[0]) ** 2 + (tip[1] - base[1]) ** 2) ** 0.5 or 1.0
    left = ((tip[1] - base[1]) / span, -(tip[0] - base[0]) / span)
    width = HEAD_WIDTH + 2 * (thickness - _THIN) + (count - 1) * _STROKE
    corners = []
    for share in (place / count, (place + 1) / count):
        aside = (0.5 - share) * width
        corners.append((base[0] + left[0] * aside, base[1] + left[1] * aside))
    return _polyline((corners[0], tip, corners[1])) + "Z"


def _write_ink(parent: ET.Element, ink: Ink, color: str) -> None:
    size, drawing = ink.font_size, ink.drawing
    x, y = ink.box.left - drawing.left * size, ink.box.top - drawing.top * size
    group = ET.SubElement(
        parent,
        "g",
        {"transform": f"translate({_text(x)} {_text(y)}) scale({size / UNITS:.5g})", "fill": color},
    )
    for outline in drawing.outlines:
        look = {}
        if outline.line_width:
            stroke = {"stroke": outline.color or color, "stroke-width": _text(outline.line_width)}
            look = {"fill": "none", **stroke}
        elif outline.color:
            look = {"fill": outline.color}
        ET.SubElement(group, "path", {"d": outline.path, **look})


def _polyline(path: Path) -> str:
    return "M" + "L".join(f"{_text(x)} {_text(y)}" for x, y in path)


def _rectangle(box: Box) -> dict[str, str]:
    return {
        "x": _text(box.left),
        "y": _text(box.top),
        "width": _text(box.right - box.left),
        "height": _text(box.bottom - box.top),
    }


def _text(number: float) -> str:
    """Write a number of pixels with two decimals at most; minus zero is zero."""
    written = f"{number:.2f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written
