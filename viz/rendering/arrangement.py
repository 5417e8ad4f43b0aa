"""From nodes and edges to a scene: widen what the engine proposes until every label has its place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
from math import inf

from viz.rendering.geometry import (
    Box,
    Disc,
    Path,
    Point,
    Solid,
    along,
    box_meets_solid,
    box_of,
    box_of_path,
    length,
    path_meets_box,
    path_meets_solid,
    paths_cross,
)
from viz.rendering.measuring import OUTLINE_WIDTH, Body, Ink, Tag, caption_places, measure, measure_tag
from viz.rendering.parts import Direction, Edge, Flow, Node
from viz.rendering.placement import GAP, Request, place_labels, unit
from viz.rendering.ranks import Ranks, find_ranks
from viz.rendering.routing import route
from viz.rendering.scene import HEAD_LENGTH, PlacedArrow, PlacedNode, Scene, framed

SEPARATION = 34.0
"""The least distance between two nodes of a rank, in pixels."""

_SHORTEST_GAP = 64.0
_LONGEST_GAP = 230.0
_PATIENCE = (0.7, 0.7, 0.7, 1.1, 1.1, 1.8, 4.5, 4.5, 4.5, 19.0, 19.0, inf)
"""How far from its best place a label may stand, by attempt; see `place_labels`."""

_PATIENT_WITH = 40
_WITH_ROOMS = 3
"""So many attempts are left out where edges have rooms: there the best places would cost too much width."""

_ASIDE = 12.0
_BETWEEN_ROOMS = 14.0


def arrange(
    nodes: Sequence[Node],
    edges: Sequence[Edge],
    direction: Direction,
    note: str,
    engine: str | None,
    flow: Flow | None = None,
) -> Scene:
    """Return the finished geometry of nodes and edges.

    Raises LayoutError as `viz.rendering.layout.lay_out` does.
    """
    if not nodes:
        return framed((), (), note)
    bodies = measure_all(nodes, edges, direction)
    ranks = find_ranks(nodes, edges, engine_sizes(bodies), direction, SEPARATION, engine)
    return _Arrangement(nodes, edges, direction, bodies, ranks).scene(note, flow)


def measure_all(nodes: Sequence[Node], edges: Sequence[Edge], direction: Direction) -> list[Body]:
    """Return every node's body, a caption standing left of it where no arrow needs that room."""
    entered, left = {edge.head for edge in edges}, {edge.tail for edge in edges}
    free = [node.id not in entered if direction == "right" else node.id in left for node in nodes]
    return measure(nodes, free, direction)


def engine_sizes(bodies: Sequence[Body]) -> list[tuple[float, float]]:
    """Return the widths and heights to reserve, centred on the outlines' centres moved down by `_shift`."""
    extents, shift = [body.extent for body in bodies], _shift(bodies)
    return [(2 * max(-box.left, box.right), 2 * max(shift - box.top, box.bottom - shift)) for box in extents]


def _shift(bodies: Sequence[Body]) -> float:
    """Return how far below the outlines' centres the engine's are: room under nodes must not cost as much above."""
    extents = [body.extent for body in bodies]
    shifts = {0.0, *((body.extent.top + body.extent.bottom) / 2 for body in bodies if body.foot is not None)}
    return min(
        sorted(shifts), key=lambda shift: sum(max(shift - box.top, box.bottom - shift) for box in extents)
    )


class _Arrangement:
    """One picture on its way to a scene: positions are widened until every label has its place."""

    def __init__(
        self,
        nodes: Sequence[Node],
        edges: Sequence[Edge],
        direction: Direction,
        bodies: Sequence[Body],
        ranks: Ranks,
    ) -> None:
        self.nodes, self.edges, self.direction = nodes, edges, direction
        self.bodies, self.ranks = bodies, ranks
        numbers = {node.id: index for index, node in enumerate(nodes)}
        self.links = [(numbers[edge.tail], numbers[edge.head]) for edge in edges]
        self.leaving, self.entering = defaultdict[int, list[int]](list), defaultdict[int, list[int]](list)
        for index, (tail, head) in enumerate(self.links):
            self.leaving[tail].append(index)
            self.entering[head].append(index)
        self.rank_of = ranks.rank_of()
        self.tags = [measure_tag(edge) for edge in edges]
        self.labelled = [index for index, tag in enumerate(self.tags) if tag != Tag(None, None)]
        self.sizes = [tag.size for tag in self.tags]
        # Our centres are the outlines', the engine's lie lower: seen from ours its lines do too.
        self.shift = _shift(bodies) if direction == "right" else 0.0
        self.feet = {index: body.foot for index, body in enumerate(bodies) if body.foot is not None}
        self.crossed = self._crossed_gaps()
        self.gaps = self._first_gaps()
        self.spread = 1.0

    def scene(self, note: str, flow: Flow | None) -> Scene:
        roomy = any(edge.room for edge in self.edges)
        patience = _PATIENCE[_WITH_ROOMS:] if roomy else _PATIENCE
        for worst in patience if len(self.edges) <= _PATIENT_WITH else _PATIENCE[-4:]:
            solids, captions = self._solids()
            feet = {index: foot.moved(box_of(solids[index]).center) for index, foot in self.feet.items()}
            paths = self._paths(solids, captions, feet)
            captions = self._settled(captions, solids, paths, feet)
            boxes = self._boxes(paths, [*solids, *feet.values()], captions, worst)
            crowded = self._crowded(paths, solids, feet, boxes)
            if not crowded:
                break
            if worst < inf:
                self._widen(crowded)
        placed = tuple(
            PlacedNode(
                node,
                solid,
                body.corner,
                tuple(ink.moved(box_of(solid).center) for ink in body.lines),
                captions.get(index),
                None if body.room is None else body.room.moved(box_of(solid).center),
            )
            for index, (node, solid, body) in enumerate(zip(self.nodes, solids, self.bodies, strict=True))
        )
        arrows = tuple(
            PlacedArrow(edge, path, placed.label, placed.room)
            for edge, path, tag, box in zip(self.edges, paths, self.tags, boxes, strict=True)
            for placed in [tag.placed(box)]
        )
        return framed(placed, arrows, note, flow, self.direction)

    def _main(self, size: tuple[float, float]) -> float:
        return size[0] if self.direction == "right" else size[1]

    def _xy(self, main: float, cross: float) -> Point:
        return (main, cross) if self.direction == "right" else (cross, main)

    def _crossed_gaps(self) -> set[int]:
        """Return the gaps between neighbouring ranks in which arrows cross."""
        inside: dict[int, list[Path]] = {}
        for tail, head in self.links:
            if self.rank_of[head] == self.rank_of[tail] + 1:
                line = (self.ranks.centers[tail], self.ranks.centers[head])
                inside.setdefault(self.rank_of[tail], []).append(line)
        return {
            gap for gap, lines in inside.items() if any(paths_cross(a, b) for a, b in combinations(lines, 2))
        }

    def _first_gaps(self) -> list[float]:
        """Return the distance between neighbouring ranks' outlines that their labels and slopes ask for."""
        gaps = [_SHORTEST_GAP] * max(len(self.ranks.columns) - 1, 0)
        for (tail, head), size in zip(self.links, self.sizes, strict=True):
            first, last = sorted((self.rank_of[tail], self.rank_of[head]))
            if last - first != 1:
                continue
            label = self._main(size)
            climb = abs(self.ranks.centers[tail][1] - self.ranks.centers[head][1])
            need = 2.0 * label + 70.0 if first in self.crossed else label + 2 * HEAD_LENGTH + 26.0
            slope = 0.9 if first in self.crossed else 0.55
            gaps[first] = max(gaps[first], need, min(slope * climb, _LONGEST_GAP))
        for index, body in enumerate(self.bodies):
            rank = self.rank_of[index]
            if rank and body.caption is not None and self.direction == "right":
                outline = box_of(body.solid)
                gaps[rank - 1] += outline.left - min(outline.left, body.caption.box.left)
        halves, reaches = self._half_depths(), self._reaches()
        for rank, gap in enumerate(gaps):
            over, lead = reaches[rank][1] - halves[rank], reaches[rank + 1][0] - halves[rank + 1]
            if over + lead > 0.0:
                # A room that lies between the ranks takes the arrows' place, one beside them does not.
                gaps[rank] = max(over + lead + _BETWEEN_ROOMS, gap if self.direction == "right" else gap + over)
        return gaps

    def _widen(self, crowded: Sequence[int]) -> None:
        for index in {rank for link in crowded for rank in self._gaps_of(link)}:
            self.gaps[index] *= 1.15
        self.spread *= 1.14

    def _gaps_of(self, link: int) -> range:
        first, last = sorted(self.rank_of[node] for node in self.links[link])
        return range(first, last)

    def _half_depths(self) -> list[float]:
        """Return, rank by rank, half of the deepest outline along the main axis."""
        depths = []
        for column in self.ranks.columns:
            boxes = [box_of(self.bodies[index].solid) for index in column]
            depths.append(max(self._main((box.right - box.left, box.bottom - box.top)) for box in boxes) / 2)
        return depths

    def _reaches(self) -> list[tuple[float, float]]:
        """Return, rank by rank, how far outlines and the rooms under them reach before and after its middle."""
        reaches = []
        for column, half in zip(self.ranks.columns, self._half_depths(), strict=True):
            feet = [self.feet[index] for index in column if index in self.feet]
            if self.direction == "right":
                sides = [(-foot.left, foot.right) for foot in feet]
            else:
                sides = [(-foot.top, foot.bottom) for foot in feet]
            reaches.append((max([half, *(side[0] for side in sides)]), max([half, *(side[1] for side in sides)])))
        return reaches

    def _column_mains(self) -> list[float]:
        halves = self._half_depths()
        mains = [halves[0]]
        for (before, after), gap in zip(pairwise(halves), self.gaps, strict=True):
            mains.append(mains[-1] + before + gap + after)
        return mains

    def _solids(self) -> tuple[list[Solid], dict[int, Ink]]:
        mains = self._column_mains()
        solids: list[Solid] = []
        captions: dict[int, Ink] = {}
        for index, body in enumerate(self.bodies):
            cross = self.ranks.centers[index][1] * self.spread
            center = self._xy(mains[self.rank_of[index]], cross)
            if isinstance(body.solid, Disc):
                solids.append(Disc(center, body.solid.radius))
            else:
                box = body.solid
                solids.append(Box.around(center, box.right - box.left, box.bottom - box.top))
            if body.caption is not None:
                captions[index] = body.caption.moved(center)
        return solids, captions

    def _settled(
        self, captions: Mapping[int, Ink], solids: Sequence[Solid], paths: Sequence[Path], feet: Mapping[int, Box]
    ) -> dict[int, Ink]:
        """Return the captions, each moved to another side of its node where something runs into it."""

        def is_free(ink: Ink) -> bool:
            box = ink.box.grown(2.0)
            return not any(path_meets_box(path, box) for path in paths) and not any(
                box_meets_solid(box, solid) for solid in (*solids, *feet.values())
            )

        places = {
            index: [caption, *caption_places(solids[index], caption, feet.get(index))]
            for index, caption in captions.items()
        }
        return {index: next((ink for ink in inks if is_free(ink)), inks[0]) for index, inks in places.items()}

    def _paths(
        self, solids: Sequence[Solid], captions: Mapping[int, Ink], feet: Mapping[int, Box]
    ) -> list[Path]:
        mains, reaches = self._column_mains(), self._reaches()
        detours = [self._detour(link, mains, reaches) for link in range(len(self.links))]
        parallels: dict[frozenset[int], int] = {}
        for pair in self.links:
            parallels[frozenset(pair)] = parallels.get(frozenset(pair), 0) + 1
        spreads = []
        for pair, (width, height) in zip(self.links, self.sizes, strict=True):
            (x, y), (end_x, end_y) = (box_of(solids[node]).center for node in pair)
            along_x, along_y = unit(end_x - x, end_y - y)
            across = abs(along_y) * width + abs(along_x) * height
            spreads.append(30.0 if parallels[frozenset(pair)] == 2 else across + 2 * GAP + 10.0)
        obstacles = [(index, ink.box) for index, ink in captions.items()]
        level = self.direction == "right"
        return route(self.links, solids, obstacles, detours, spreads, OUTLINE_WIDTH / 2 + 0.6, feet, level)

    def _detour(
        self, link: int, mains: Sequence[float], reaches: Sequence[tuple[float, float]]
    ) -> list[Point]:
        """Return where the engine leads a long edge between the nodes of the ranks it skips."""
        line = sorted(self.ranks.lines[link])
        points: list[Point] = []
        for rank in list(self._gaps_of(link))[1:]:
            old = self.ranks.centers[self.ranks.columns[rank][0]][0]
            cross = _crossing_at(line, old)
            if cross is not None:
                cross = (cross + self.shift) * self.spread
                points.append(self._xy(mains[rank] - reaches[rank][0], cross))
                points.append(self._xy(mains[rank] + reaches[rank][1], cross))
        tail, head = self.links[link]
        return points if self.rank_of[tail] < self.rank_of[head] else points[::-1]

    def _boxes(
        self,
        paths: Sequence[Path],
        solids: Sequence[Solid],
        captions: Mapping[int, Ink],
        worst: float,
    ) -> list[Box | None]:
        middles = [along(path, 0.5)[0] for path in paths]
        requests = [self._request(index, middles) for index in self.labelled]
        everything = [*solids, *(ink.box for ink in captions.values()), *(_head(path) for path in paths)]
        boxes: list[Box | None] = [None] * len(self.edges)
        placed = place_labels(requests, paths, everything, worst)
        for index, box in zip(self.labelled, placed, strict=True):
            boxes[index] = box
        return boxes

    def _request(self, index: int, middles: Sequence[Point]) -> Request:
        tail, head = self.links[index]
        near_tail = self.rank_of[tail] in self.crossed and abs(self.rank_of[head] - self.rank_of[tail]) == 1
        siblings = [middles[other] for other in sorted({*self.leaving[tail], *self.entering[head]})]
        axis = 1 if self.direction == "right" else 0
        aside = middles[index][axis] - sum(point[axis] for point in siblings) / len(siblings)
        # Outwards from its siblings; on its own above a level arrow, and right of an upright one.
        outwards = -1.0 if aside < -_ASIDE else 1.0 if aside > _ASIDE else (-1.0 if axis else 1.0)
        side = unit(*((0.0, outwards) if axis else (outwards, 0.0)))
        width, height = self.sizes[index]
        if near_tail:
            return Request(width, height, index, 0.25, side, pull=2.0)
        return Request(width, height, index, 0.48, side)

    def _crowded(
        self,
        paths: Sequence[Path],
        solids: Sequence[Solid],
        feet: Mapping[int, Box],
        boxes: Sequence[Box | None],
    ) -> list[int]:
        """Return the edges whose label found no room or whose arrow passes through a node or its room."""
        walls = [(index, solid, box_of(solid)) for index, solid in enumerate(solids)]
        walls += [(-1, foot, foot) for foot in feet.values()]
        crowded = {index for index in self.labelled if boxes[index] is None}
        for index, (path, ends) in enumerate(zip(paths, self.links, strict=True)):
            around = box_of_path(path).grown(0.01)
            near = [solid for owner, solid, box in walls if owner not in ends and box.overlaps(around)]
            if any(path_meets_solid(path, solid) for solid in near):
                crowded.add(index)
        return sorted(crowded)


def _head(path: Path) -> Box:
    """Return the box of an arrow's head."""
    reach = min(HEAD_LENGTH / 2 / max(length(path), 1e-9), 0.5)
    return Box.around(along(path, 1.0 - reach)[0], HEAD_LENGTH, HEAD_LENGTH)


def _crossing_at(line: Sequence[Point], main: float) -> float | None:
    for (before, low), (after, high) in pairwise(line):
        if before <= main <= after and after > before:
            return low + (high - low) * (main - before) / (after - before)
    return None
