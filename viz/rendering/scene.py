"""The finished geometry of a picture: every outline, arrow and label at its place, in pixels."""

from __future__ import annotations

from dataclasses import dataclass

from viz.rendering.geometry import Box, Path, Solid, box_of, box_of_path
from viz.rendering.mathematics import typeset_text
from viz.rendering.measuring import NOTE_SIZE, OUTLINE_WIDTH, Ink
from viz.rendering.parts import Edge, Node

HEAD_LENGTH = 9.0
HEAD_WIDTH = 6.6
MARGIN = 10.0

_NOTE_WIDTH = 420.0


@dataclass(frozen=True)
class PlacedNode:
    """A node, its outline (corners rounded by `corner` pixels), its lines of text and its caption."""

    node: Node
    solid: Solid
    corner: float
    lines: tuple[Ink, ...]
    caption: Ink | None


@dataclass(frozen=True)
class PlacedArrow:
    """An edge, the line from its tail's outline to the tip of its head, and its label."""

    edge: Edge
    path: Path
    label: Ink | None


@dataclass(frozen=True)
class Scene:
    """A picture's finished geometry; `bounds` holds everything."""

    nodes: tuple[PlacedNode, ...]
    arrows: tuple[PlacedArrow, ...]
    note: tuple[Ink, ...]
    bounds: Box


def framed(nodes: tuple[PlacedNode, ...], arrows: tuple[PlacedArrow, ...], note: str) -> Scene:
    """Return the scene of placed nodes and arrows, with the note set under it and a margin around it."""
    boxes = [box_of(placed.solid).grown(OUTLINE_WIDTH / 2) for placed in nodes]
    boxes += [ink.box for placed in nodes for ink in (*placed.lines, placed.caption) if ink is not None]
    boxes += [box_of_path(arrow.path).grown(HEAD_WIDTH / 2) for arrow in arrows]
    boxes += [arrow.label.box for arrow in arrows if arrow.label is not None]
    frame = Box.union(boxes) if boxes else Box(0.0, 0.0, 0.0, 0.0)
    inks = _note(note, frame)
    return Scene(nodes, arrows, inks, Box.union([frame, *(ink.box for ink in inks)]).grown(MARGIN))


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
