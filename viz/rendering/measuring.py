"""How large a node is and where its lines of text stand inside it, in pixels about the node's centre."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from viz.rendering.geometry import Box, Disc, Point, Solid, box_of
from viz.rendering.mathematics import Drawing, typeset_latex, typeset_text
from viz.rendering.parts import Direction, Edge, Label, Math, Node

NAME_SIZE = 21.0
LINE_SIZE = 16.0
LABEL_SIZE = 17.0
NOTE_SIZE = 13.0
OUTLINE_WIDTH = 2.2

_SMALLEST_DIAMETER = 46.0
_LARGEST_DIAMETER = 66.0
_ROOM_IN_CIRCLE = 15.0
_BOX_PADDING = (12.0, 9.0)
_ASCENT, _DESCENT, _LEADING = 0.70, 0.20, 0.16
_CAPTION_GAP = 6.0
_ROOM_GAP = 4.0
_ROOM_HEIGHT = 1.1 * LABEL_SIZE


@dataclass(frozen=True)
class Ink:
    """A typeset label at its place: `box` is that of its ink."""

    drawing: Drawing
    font_size: float
    box: Box

    def moved(self, by: Point) -> Ink:
        """Return the label moved by a vector."""
        return Ink(self.drawing, self.font_size, self.box.moved(by))


@dataclass(frozen=True)
class Tag:
    """An arrow's label and the room to its right, centred together about the origin."""

    label: Ink | None
    room: Box | None

    @property
    def size(self) -> tuple[float, float]:
        """Width and height; zero where there is neither label nor room."""
        if self.room is None:
            return self.label.drawing.size(LABEL_SIZE) if self.label is not None else (0.0, 0.0)
        box = self.room if self.label is None else Box.union((self.label.box, self.room))
        return box.right - box.left, box.bottom - box.top

    def placed(self, box: Box | None) -> Tag:
        """Return the tag in its box, or an empty one where there is none."""
        if box is None:
            return Tag(None, None)
        if self.room is None:
            return Tag(Ink(self.label.drawing, LABEL_SIZE, box) if self.label is not None else None, None)
        label = self.label.moved(box.center) if self.label is not None else None
        return Tag(label, self.room.moved(box.center))


@dataclass(frozen=True)
class Body:
    """A node about the origin: its outline (with corners rounded by `corner`), its lines, caption and room."""

    solid: Solid
    corner: float
    lines: tuple[Ink, ...]
    caption: Ink | None
    room: Box | None = None

    @property
    def foot(self) -> Box | None:
        """The room if it lies under the outline, not inside."""
        return self.room if self.room is not None and self.room.top > box_of(self.solid).bottom else None

    @property
    def extent(self) -> Box:
        """The box around outline, caption and room."""
        boxes = [box_of(self.solid), self.room]
        if self.caption is not None:
            boxes.append(self.caption.box)
        return Box.union(box for box in boxes if box is not None)


def typeset(label: Label) -> Drawing:
    """Return the drawing of a label."""
    return typeset_latex(label.latex) if isinstance(label, Math) else typeset_text(label.text)


def ink_at(drawing: Drawing, font_size: float, center: Point) -> Ink:
    """Return a drawing with the middle of its ink at a point."""
    return Ink(drawing, font_size, Box.around(center, *drawing.size(font_size)))


def measure_tag(edge: Edge) -> Tag:
    """Return an edge's label and room; text set three quarters down the room is on the label's line."""
    drawing = None if edge.label is None else typeset(edge.label)
    if not edge.room:
        return Tag(None if drawing is None else ink_at(drawing, LABEL_SIZE, (0.0, 0.0)), None)
    if drawing is None:
        return Tag(None, Box.around((0.0, 0.0), edge.room, _ROOM_HEIGHT))
    width, height = drawing.size(LABEL_SIZE)
    top = drawing.top * LABEL_SIZE
    label = Ink(drawing, LABEL_SIZE, Box(0.0, top, width, top + height))
    left = width + _ROOM_GAP
    room = Box(left, -0.75 * _ROOM_HEIGHT, left + edge.room, 0.25 * _ROOM_HEIGHT)
    x, y = Box.union((label.box, room)).center
    return Tag(label.moved((-x, -y)), room.moved((-x, -y)))


def measure(nodes: Sequence[Node], captions_left: Sequence[bool], direction: Direction) -> list[Body]:
    """Return every node's body; circles share one diameter as far as their names allow it.

    Arguments: `captions_left` says of each node whether the room left of it is free for its caption.
    """
    needs = {
        index: math.hypot(*_span(_stack(node))) + _ROOM_IN_CIRCLE
        for index, node in enumerate(nodes)
        if node.shape == "circle"
    }
    fitting = [need for need in needs.values() if need <= _LARGEST_DIAMETER]
    diameter = max([_SMALLEST_DIAMETER, *fitting])
    return [
        _body(node, diameter, needs.get(index, 0.0) <= diameter, captions_left[index])
        for index, node in enumerate(nodes)
    ]


def caption_places(solid: Solid, caption: Ink, foot: Box | None = None) -> list[Ink]:
    """Return the caption at each of the places beside an outline: left of it, below, above, right.

    Arguments: `foot` is the room under the outline, of which the caption below keeps clear.
    """
    outline = box_of(solid)
    below = outline.bottom if foot is None else foot.bottom
    (x, y), (width, height) = outline.center, caption.drawing.size(caption.font_size)
    centers = (
        (outline.left - _CAPTION_GAP - width / 2, y),
        (x, below + _CAPTION_GAP + height / 2),
        (x, outline.top - _CAPTION_GAP - height / 2),
        (outline.right + _CAPTION_GAP + width / 2, y),
    )
    return [ink_at(caption.drawing, caption.font_size, center) for center in centers]


def _body(node: Node, diameter: float, fits: bool, caption_left: bool) -> Body:
    lines = _stack(node)
    width, height = _span(lines)
    corner = 0.0
    room: Box | None = None
    if node.shape == "box" and node.room is not None:
        lines, room = _above_room(lines, *node.room)
        width, height = max(width, node.room[0]), 2 * room.bottom
    solid: Solid
    if node.shape == "circle" and fits:
        solid = Disc((0.0, 0.0), diameter / 2)
    elif node.shape == "circle":
        tall = max(diameter, height + 2 * _BOX_PADDING[1])
        solid, corner = Box.around((0.0, 0.0), width + 0.75 * diameter, tall), diameter / 2
    elif node.shape == "box":
        solid, corner = Box.around((0.0, 0.0), width + 2 * _BOX_PADDING[0], height + 2 * _BOX_PADDING[1]), 4.0
    else:
        solid = Box.around((0.0, 0.0), width + 10.0, height + 10.0)
    if node.shape != "box" and node.room is not None:
        middle = box_of(solid).bottom + OUTLINE_WIDTH / 2 + _ROOM_GAP + node.room[1] / 2
        room = Box.around((0.0, middle), *node.room)
    body = Body(solid, corner, lines, None, room)
    return replace(body, caption=_caption(node, body, caption_left))


def _above_room(lines: tuple[Ink, ...], width: float, height: float) -> tuple[tuple[Ink, ...], Box]:
    """Return a box's lines and the room under them, centred together about the origin."""
    tall = _span(lines)[1] + (_ROOM_GAP if lines else 0.0) + height
    room = Box.around((0.0, (tall - height) / 2), width, height)
    return tuple(ink.moved((0.0, -(tall - _span(lines)[1]) / 2)) for ink in lines), room


def _caption(node: Node, body: Body, left: bool) -> Ink | None:
    if node.caption is None:
        return None
    caption = ink_at(typeset(node.caption), NAME_SIZE, (0.0, 0.0))
    return caption_places(body.solid, caption, body.foot)[0 if left else 1]


def _stack(node: Node) -> tuple[Ink, ...]:
    """Return the node's lines one under the other, centred about the origin."""
    drawings = [typeset(line) for line in node.lines]
    sizes = [
        LINE_SIZE if node.shape == "box" and position else NAME_SIZE - (2 if node.shape == "box" else 0)
        for position in range(len(drawings))
    ]
    if len(drawings) == 1:
        return (ink_at(drawings[0], sizes[0], (0.0, 0.0)),)
    inks: list[Ink] = []
    y = 0.0
    for drawing, size in zip(drawings, sizes, strict=True):
        # Every line is at least as high as a letter with its ascender, so that the lines keep one rhythm.
        baseline = y + max(_ASCENT, -drawing.top) * size
        width, _ = drawing.size(size)
        box = Box(-width / 2, baseline + drawing.top * size, width / 2, baseline + drawing.bottom * size)
        inks.append(Ink(drawing, size, box))
        y = baseline + (max(_DESCENT, drawing.bottom) + _LEADING) * size
    if not inks:
        return ()
    middle = Box.union(ink.box for ink in inks).center[1]
    return tuple(ink.moved((0.0, -middle)) for ink in inks)


def _span(lines: Sequence[Ink]) -> tuple[float, float]:
    if not lines:
        return 0.0, 0.0
    box = Box.union(ink.box for ink in lines)
    return box.right - box.left, box.bottom - box.top
