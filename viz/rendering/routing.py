"""The line of every arrow: straight, or around nodes in its way, or bowed apart from its parallels."""

from __future__ import annotations

import math
from collections.abc import Sequence

from viz.rendering.geometry import (
    Path,
    Point,
    Solid,
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


def route(
    links: Sequence[tuple[int, int]],
    solids: Sequence[Solid],
    obstacles: Sequence[tuple[int, Solid]],
    detours: Sequence[Sequence[Point]],
    spreads: Sequence[float],
    gap: float,
) -> list[Path]:
    """Return a polyline for every link, from the tail's outline to the head's.

    Arguments: `solids` are the nodes, `obstacles` further (owner, solid) to keep clear of, `detours` the
    points through which a link goes around nodes, `spreads` the distance from its neighbour a link needs
    where several join the same two nodes, `gap` the space left before an outline; pixels.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for index, (tail, head) in enumerate(links):
        groups.setdefault((min(tail, head), max(tail, head)), []).append(index)
    paths: list[Path] = [()] * len(links)
    routed: list[Path] = []
    lines = {
        pair: _between(*pair, solids, obstacles) for pair in groups if pair[0] != pair[1]
    }
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
                    line = lines[pair] = _around(*links[index], solids, obstacles, detours[index], routed)
                    if tail != first:
                        line = lines[pair] = line[::-1]
                path = _bowed(line, offset)
                path = path if tail == first else path[::-1]
            paths[index] = shortened(clipped(path, solids[tail], solids[head]), gap, gap)
            routed.append(paths[index])
    return paths


def _between(
    tail: int, head: int, solids: Sequence[Solid], obstacles: Sequence[tuple[int, Solid]]
) -> Path | None:
    """Return the straight line between two nodes' centres, or None if another node is in its way."""
    straight = (box_of(solids[tail]).center, box_of(solids[head]).center)
    return straight if _clear(straight, _others(tail, head, solids, obstacles)) else None


def _around(
    tail: int,
    head: int,
    solids: Sequence[Solid],
    obstacles: Sequence[tuple[int, Solid]],
    detour: Sequence[Point],
    routed: Sequence[Path],
) -> Path:
    """Return a curve around the nodes: a plain arc if one is free, else the engine's way, pulled tight."""
    start, end = box_of(solids[tail]).center, box_of(solids[head]).center
    others = _others(tail, head, solids, obstacles)
    reach = math.dist(start, end)
    found: list[tuple[float, Path]] = []
    for share in _ARCS:
        arc = _bowed((start, end), share * reach)
        if _clear(arc, others):
            inner = clipped(arc, solids[tail], solids[head])
            crossed = sum(paths_cross(inner, other) for other in routed)
            found.append((crossed + 8 * abs(share), arc))
    if found:
        return min(found, key=lambda choice: choice[0])[1]
    waypoints = [start, *detour, end]
    tight = smooth(_pulled_tight(waypoints, others))
    return tight if _clear(tight, others) else smooth(waypoints)


def _pulled_tight(points: Sequence[Point], others: Sequence[Solid]) -> list[Point]:
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


def _others(
    tail: int, head: int, solids: Sequence[Solid], obstacles: Sequence[tuple[int, Solid]]
) -> list[Solid]:
    others = [solid for index, solid in enumerate(solids) if index not in (tail, head)]
    others += [solid for owner, solid in obstacles if owner not in (tail, head)]
    return [grown(solid, CLEARANCE) for solid in others]


def _clear(path: Path, others: Sequence[Solid]) -> bool:
    around = box_of_path(path).grown(0.01)
    return not any(box_of(solid).overlaps(around) and path_meets_solid(path, solid) for solid in others)


def _bowed(path: Path, height: float) -> Path:
    """Return the path swung out sideways, most in its middle; to the left of travel if positive."""
    if height == 0.0:
        return path
    bowed: list[Point] = []
    for step in range(_SAMPLES + 1):
        share = step / _SAMPLES
        (x, y), (dx, dy) = along(path, share)
        swing = 4 * share * (1 - share) * height
        bowed.append((x + dy * swing, y - dx * swing))
    return tuple(bowed)


def _loop(solid: Solid, place: int) -> Path:
    """Return a loop over a node's upper right, larger for each further one."""
    box = box_of(solid)
    x, y = box.center
    reach = (28.0 + 16.0 * place, 0.5 * (box.bottom - box.top) + 30.0 + 16.0 * place)
    return smooth([(x, y), (x - reach[0], y - reach[1]), (x + reach[0], y - reach[1]), (x, y)])
