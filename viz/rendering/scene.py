"""The finished geometry of a picture: every outline, arrow and label at its place, in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from viz.rendering.geometry import Box, Path, Solid, box_of, box_of_path
from viz.rendering.mathematics import typeset_text
from viz.rendering.measuring import NOTE_SIZE, OUTLINE_WIDTH, Ink
from viz.rendering.parts import Direction, Edge, Flow, Node

HEAD_LENGTH = 9.0
HEAD_WIDTH = 6.6
MARGIN = 10.0

FLOW_WIDTH = 2.5

_NOTE_WIDTH = 420.0
_FLOWS: dict[Flow, str] = {"forward": "Forward propagation", "backward": "Backpropagation direction"}


@dataclass(frozen=True)
class PlacedNode:
    """A node, its outline (corners rounded by `corner` pixels), its lines of text, its caption and its room."""

    node: Node
    solid: Solid
    corner: float
    lines: tuple[Ink, ...]
    caption: Ink | None
    room: Box | None = None


@dataclass(frozen=True)
class PlacedArrow:
    """An edge, the line from its tail's outline to the tip of its head, its label and its room."""

    edge: Edge
    path: Path
    label: Ink | None
    room: Box | None = None


@dataclass(frozen=True)
class Scene:
    """A picture's finished geometry; `flow` is the grey arrow's words and line, `bounds` holds everything."""

    nodes: tuple[PlacedNode, ...]
    arrows: tuple[PlacedArrow, ...]
    note: tuple[Ink, ...]
    flow: tuple[Ink, Path] | None
    bounds: Box


def framed(
    nodes: tuple[PlacedNode, ...],
    arrows: tuple[PlacedArrow, ...],
    note: str,
    flow: Flow | None = None,
    direction: Direction = "right",
) -> Scene:
    """Return the scene of placed nodes and arrows, the note under it, the arrow of the flow above it."""
    boxes = [box_of(placed.solid).grown(OUTLINE_WIDTH / 2) for placed in nodes]
    boxes += [ink.box for placed in nodes for ink in (*placed.lines, placed.caption) if ink is not None]
    boxes += [box_of_path(arrow.path).grown(HEAD_WIDTH / 2) for arrow in arrows]
    boxes += [arrow.label.box for arrow in arrows if arrow.label is not None]
    boxes += [placed.room for placed in nodes if placed.room is not None]
    boxes += [arrow.room for arrow in arrows if arrow.room is not None]
    frame = Box.union(boxes) if boxes else Box(0.0, 0.0, 0.0, 0.0)
    inks = _note(note, frame)
    words = _flow(flow, frame, direction) if flow else None
    around = [words[0].box, box_of_path(words[1]).grown(FLOW_WIDTH)] if words else []
    whole = Box.union([frame, *(ink.box for ink in inks), *around]).grown(MARGIN)
    return Scene(nodes, arrows, inks, words, _whole_pixels(whole))


def _whole_pixels(box: Box) -> Box:
    # A fraction of a pixel at the edge would come out half transparent in a PNG.
    return Box(math.floor(box.left), math.floor(box.top), math.ceil(box.right), math.ceil(box.bottom))


def _flow(flow: Flow, frame: Box, direction: Direction) -> tuple[Ink, Path]:
    """Return the words and the line of the grey arrow: over the picture, or beside one that runs down."""
    drawing = typeset_text(_FLOWS[flow])
    width, height = drawing.size(NOTE_SIZE)
    if direction == "right":
        y, (middle, _) = frame.top - 16.0, frame.center
        reach = max(frame.right - frame.left, width) / 2
        line: Path = ((middle - reach, y), (middle + reach, y))
        place = Box.around((middle, y - 14.0 - height / 2), width, height)
    else:
        x = frame.left - 20.0
        line = ((x, frame.top), (x, frame.bottom))
        place = Box(x, frame.top - 14.0 - height, x + width, frame.top - 14.0)
    return Ink(drawing, NOTE_SIZE, place), line if flow == "forward" else line[::-1]


def _note(note: str, frame: Box) -> tuple[Ink, ...]:
    """Return the note's lines, set under the frame and broken to its width."""
    widest = max(frame.right - frame.left, _NOTE_WIDTH)
    lines: list[str] = []
    for word in note.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and typeset_text(longer).size(NOTE_SIZE)[0] <= widest:
            lines[-1] = longer
        else:
            lines.append(word)
    inks = []
    for number, line in enumerate(lines):
        drawing = typeset_text(line)
        width, height = drawing.size(NOTE_SIZE)
        baseline = frame.bottom + 26.0 + 1.35 * NOTE_SIZE * number
        top = baseline + drawing.top * NOTE_SIZE
        inks.append(Ink(drawing, NOTE_SIZE, Box(frame.left, top, frame.left + width, top + height)))
    return tuple(inks)
