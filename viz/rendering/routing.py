"""The line of every arrow: straight, or around nodes in its way, or bowed apart from its parallels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from viz.rendering.geometry import (
    Box,
    Path,
    Point,
    Solid,
    after,
    along,
    box_of,
    box_of_path,
    clipped,
    grown,
    path_meets_solid,
    paths_cross,
    shortened,
    smooth,
)

CLEARANCE = 7.0
"""Between an arrow and a node it does not belong to, in pixels."""

_SAMPLES = 24
_ARCS = tuple(sign * step / 25 for step in range(2, 9) for sign in (-1, 1))
"""Heights of the arcs tried, as shares of the distance between the nodes."""

_EASES = (-0.6, -0.25, 0.0, 0.1, 0.2)
"""How level an arrow leaves and arrives to keep clear of the rooms under its own nodes; see `_eased`."""

Wall: TypeAlias = tuple[int, Solid, Box]
"""The owner of something to keep clear of, the thing itself with its clearance, and the box around that."""


def route(
    links: Sequence[tuple[int, int]],
    solids: Sequence[Solid],
    obstacles: Sequence[tuple[int, Solid]],
    detours: Sequence[Sequence[Point]],
    spreads: Sequence[float],
    gap: float,
    rooms: Mapping[int, Box] | None = None,
    level: bool = True,
) -> list[Path]:
    """Return a polyline for every link, from the tail's outline to the head's.

    Arguments: `solids` are the nodes, `obstacles` further (owner, solid) to keep clear of, `detours` the
    points through which a link goes around nodes, `spreads` the distance from its neighbour a link needs
    where several join the same two nodes, `gap` the space left before an outline, `rooms` what is kept free
    under nodes; pixels. Where the picture is `level` arrows swerve around the rooms of their own nodes, else
    they begin under them.
    """
    rooms = rooms or {}
    solids_around = [*enumerate(solids), *obstacles, *rooms.items()]
    walls = [(owner, wide, box_of(wide)) for owner, solid in solids_around for wide in [grown(solid, CLEARANCE)]]
    own = {owner: room.grown(1.0) for owner, room in rooms.items() if level}

    def others(tail: int, head: int) -> list[Wall]:
        mine = [(node, own[node], own[node]) for node in (tail, head) if node in own]
        return [wall for wall in walls if wall[0] != tail and wall[0] != head] + mine

    groups: dict[tuple[int, int], list[int]] = {}
    for index, (tail, head) in enumerate(links):
        groups.setdefault((min(tail, head), max(tail, head)), []).append(index)
    paths: list[Path] = [()] * len(links)
    routed: list[tuple[Path, Box]] = []
    lines = {pair: _between(*pair, solids, others(*pair)) for pair in groups if pair[0] != pair[1]}
    # The straight ones first: where a curve goes depends on what it would cross.
    for pair, members in sorted(groups.items(), key=lambda item: (lines.get(item[0]) is None, item[0])):
        first, second = pair
        spread = max(spreads[index] for index in members)
        for place, index in enumerate(members):
            tail, head = links[index]
            if first == second:
                path = _loop(solids[tail], place)
            else:
                offset = (place - (len(members) - 1) / 2) * spread
                line = lines[pair]
                if line is None:
                    eases = _EASES if own else ()
                    line = lines[pair] = _around(tail, head, solids, others(tail, head), detours[index], routed, eases)
                    if tail != first:
                        line = lines[pair] = line[::-1]
                path = _bowed(line, offset)
                if own and not _clear(path, others(tail, head)):
                    path = _bowed(line, offset, 2)
                path = path if tail == first else path[::-1]
            path = clipped(path, solids[tail], solids[head])
            if tail in rooms:
                path = after(path, rooms[tail])
            if head in rooms:
                path = after(path[::-1], rooms[head])[::-1]
            paths[index] = shortened(path, gap, gap)
            routed.append((paths[index], box_of_path(paths[index]).grown(0.01)))
    return paths


def _between(tail: int, head: int, solids: Sequence[Solid], others: Sequence[Wall]) -> Path | None:
    """Return the straight line between two nodes' centres, or None if something is in its way."""
    straight = (box_of(solids[tail]).center, box_of(solids[head]).center)
    return straight if _clear(straight, others) else None


def _around(
    tail: int,
    head: int,
    solids: Sequence[Solid],
    others: Sequence[Wall],
    detour: Sequence[Point],
    routed: Sequence[tuple[Path, Box]],
    eases: Sequence[float],
) -> Path:
    """Return a curve around the nodes: a plain arc if one is free, else the engine's way, pulled tight."""
    start, end = box_of(solids[tail]).center, box_of(solids[head]).center
    reach = math.dist(start, end)
    curves = [(0.1 * place, _eased(start, end, ease)) for place, ease in enumerate(eases)]
    curves += [(8 * abs(share), _bowed((start, end), share * reach)) for share in _ARCS]
    found: list[tuple[float, Path]] = []
    for cost, curve in curves:
        if _clear(curve, others):
            inner = clipped(curve, solids[tail], solids[head])
            around = box_of_path(inner).grown(0.01)
            crossed = sum(paths_cross(inner, other) for other, box in routed if box.overlaps(around))
            found.append((crossed + cost, curve))
    if found:
        return min(found, key=lambda choice: choice[0])[1]
    waypoints = [start, *detour, end]
    tight = smooth(_pulled_tight(waypoints, others))
    return tight if _clear(tight, others) else smooth(waypoints)


def _pulled_tight(points: Sequence[Point], others: Sequence[Wall]) -> list[Point]:
    """Return as few of the points as still lead around everything in straight lines."""
    kept = [points[0]]
    position = 0
    while position < len(points) - 1:
        position = next(
            (
                further
                for further in range(len(points) - 1, position + 1, -1)
                if _clear((points[position], points[further]), others)
            ),
            position + 1,
        )
        kept.append(points[position])
    return kept


def _clear(path: Path, others: Sequence[Wall]) -> bool:
    around = box_of_path(path).grown(0.01)
    return not any(box.overlaps(around) and path_meets_solid(path, solid) for _, solid, box in others)


def _eased(start: Point, end: Point, ease: float) -> Path:
    """Return a curve that leaves and arrives the more level the larger `ease`, quite level from 0 on."""

    def climb(share: float) -> float:
        share = min(max((share - ease) / (1 - 2 * ease), 0.0), 1.0)
        return share * share * (3 - 2 * share)

    (x, y), (end_x, end_y) = start, end
    low, high = climb(0.0), climb(1.0)
    shares = [step / _SAMPLES for step in range(_SAMPLES + 1)]
    return tuple(
        (x + share * (end_x - x), y + (climb(share) - low) / (high - low) * (end_y - y)) for share in shares
    )


def _bowed(path: Path, height: float, power: int = 1) -> Path:
    """Return the path swung out sideways, most in its middle; to the left of travel if positive.

    Arguments: with a `power` above 1 it leaves and arrives along the path.
    """
    if height == 0.0:
        return path
    bowed: list[Point] = []
    for step in range(_SAMPLES + 1):
        share = step / _SAMPLES
        (x, y), (dx, dy) = along(path, share)
        swing = (4 * share * (1 - share)) ** power * height
        bowed.append((x + dy * swing, y - dx * swing))
    return tuple(bowed)


def _loop(solid: Solid, place: int) -> Path:
    """Return a loop over a node's upper right, larger for each further one."""
    box = box_of(solid)
    x, y = box.center
    reach = (28.0 + 16.0 * place, 0.5 * (box.bottom - box.top) + 30.0 + 16.0 * place)
    return smooth([(x, y), (x - reach[0], y - reach[1]), (x + reach[0], y - reach[1]), (x, y)])
