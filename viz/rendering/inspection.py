"""Find what is wrong with a finished picture: anything that overlaps, is cut off, or lies on another."""

from __future__ import annotations

from itertools import combinations

from viz.rendering.geometry import Box, box_meets_solid, box_of, box_of_path, grown, path_meets_box, path_meets_solid
from viz.rendering.scene import Scene

TOLERANCE = 0.5
"""In pixels: ink boxes may be larger than the ink by so much."""


def faults(scene: Scene) -> list[str]:
    """Return a sentence for everything that touches what it should not, or leaves the picture."""
    return [
        *_node_faults(scene),
        *_label_faults(scene),
        *_arrow_faults(scene),
        *_room_faults(scene),
        *_frame_faults(scene),
    ]


def _node_faults(scene: Scene) -> list[str]:
    found = []
    for placed in scene.nodes:
        for ink in placed.lines:
            if not _holds(box_of(placed.solid).grown(TOLERANCE), ink.box):
                found.append(f"The text {ink.drawing.text!r} is larger than node {placed.node.id}.")
    for first, second in combinations(scene.nodes, 2):
        if box_meets_solid(box_of(first.solid), grown(second.solid, 2.0)):
            found.append(f"The nodes {first.node.id} and {second.node.id} overlap.")
    for placed in scene.nodes:
        for other in scene.nodes:
            if placed.caption is not None and box_meets_solid(placed.caption.box, other.solid):
                found.append(f"The caption of node {placed.node.id} lies on node {other.node.id}.")
    return found


def _label_faults(scene: Scene) -> list[str]:
    found = []
    labels = [(arrow.edge, arrow.label) for arrow in scene.arrows if arrow.label is not None]
    for arrow in scene.arrows:
        if arrow.edge.label is not None and arrow.label is None:
            found.append(f"The label of the arrow {arrow.edge.tail} -> {arrow.edge.head} is missing.")
    for (_, first), (_, second) in combinations(labels, 2):
        if first.box.overlaps(second.box):
            found.append(f"The labels {first.drawing.text!r} and {second.drawing.text!r} overlap.")
    for edge, label in labels:
        name = f"The label {label.drawing.text!r} of {edge.tail} -> {edge.head}"
        for placed in scene.nodes:
            if box_meets_solid(label.box, grown(placed.solid, 1.0)):
                found.append(f"{name} lies on node {placed.node.id}.")
            if placed.caption is not None and label.box.overlaps(placed.caption.box):
                found.append(f"{name} lies on the caption of node {placed.node.id}.")
        for arrow in scene.arrows:
            if path_meets_box(arrow.path, label.box):
                found.append(f"{name} lies on the arrow {arrow.edge.tail} -> {arrow.edge.head}.")
    return found


def _arrow_faults(scene: Scene) -> list[str]:
    found = []
    for arrow in scene.arrows:
        name = f"The arrow {arrow.edge.tail} -> {arrow.edge.head}"
        for placed in scene.nodes:
            mine = placed.node.id in (arrow.edge.tail, arrow.edge.head)
            if path_meets_solid(arrow.path, placed.solid if mine else grown(placed.solid, 2.0)):
                found.append(f"{name} runs through node {placed.node.id}.")
            if placed.caption is not None and path_meets_box(arrow.path, placed.caption.box):
                found.append(f"{name} runs through the caption of node {placed.node.id}.")
        solids = {placed.node.id: placed.solid for placed in scene.nodes}
        # An arrow may begin under the room of its node, where no way leads past it.
        feet = {placed.node.id: placed.room for placed in scene.nodes}
        for node, end in ((arrow.edge.tail, arrow.path[0]), (arrow.edge.head, arrow.path[-1])):
            foot = feet[node]
            if not grown(solids[node], 4.0).contains(end) and not (foot and foot.grown(4.0).contains(end)):
                found.append(f"{name} does not reach node {node}.")
    return found


def _room_faults(scene: Scene) -> list[str]:
    found = []
    rooms: list[tuple[object, str, Box]] = []
    for placed in scene.nodes:
        if placed.node.room is not None and placed.room is None:
            found.append(f"The room of node {placed.node.id} is missing.")
        elif placed.room is not None:
            rooms.append((placed, f"The room of node {placed.node.id}", placed.room))
    for arrow in scene.arrows:
        name = f"The room of {arrow.edge.tail} -> {arrow.edge.head}"
        if arrow.edge.room and arrow.room is None:
            found.append(f"{name} is missing.")
        elif arrow.room is not None:
            rooms.append((arrow, name, arrow.room))
    for (_, name, room), (_, other, second) in combinations(rooms, 2):
        if room.overlaps(second):
            found.append(f"{name} and {other[0].lower()}{other[1:]} overlap.")
    for owner, name, room in rooms:
        for placed in scene.nodes:
            inside = placed is owner and _holds(box_of(placed.solid), room)
            if not inside and box_meets_solid(room, grown(placed.solid, 1.0)):
                found.append(f"{name} lies on node {placed.node.id}.")
            inks = [*(placed.lines if placed is owner else ()), placed.caption]
            if any(ink is not None and room.overlaps(ink.box) for ink in inks):
                found.append(f"{name} lies on the text of node {placed.node.id}.")
        for arrow in scene.arrows:
            if path_meets_box(arrow.path, room):
                found.append(f"{name} lies on the arrow {arrow.edge.tail} -> {arrow.edge.head}.")
            if arrow.label is not None and room.overlaps(arrow.label.box):
                found.append(f"{name} lies on the label {arrow.label.drawing.text!r}.")
        if not _holds(scene.bounds, room):
            found.append(f"The picture cuts off {name[0].lower()}{name[1:]}.")
    return found


def _frame_faults(scene: Scene) -> list[str]:
    boxes = [("a node", box_of(placed.solid)) for placed in scene.nodes]
    boxes += [("an arrow", box_of_path(arrow.path)) for arrow in scene.arrows]
    inks = [ink for placed in scene.nodes for ink in (*placed.lines, placed.caption) if ink is not None]
    inks += [arrow.label for arrow in scene.arrows if arrow.label is not None]
    inks += [*scene.note, *([scene.flow[0]] if scene.flow else [])]
    boxes += [(f"the text {ink.drawing.text!r}", ink.box) for ink in inks]
    return [f"The picture cuts off {what}." for what, box in boxes if not _holds(scene.bounds, box)]


def _holds(outer: Box, inner: Box) -> bool:
    return (
        outer.left <= inner.left
        and inner.right <= outer.right
        and outer.top <= inner.top
        and inner.bottom <= outer.bottom
    )
