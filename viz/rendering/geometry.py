"""Points, boxes, discs and polylines in the plane, in pixels, y downwards."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]
Path: TypeAlias = tuple[Point, ...]
Segment: TypeAlias = tuple[Point, Point]


@dataclass(frozen=True)
class Box:
    """An upright rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, center: Point, width: float, height: float) -> Box:
        """Return the box of a given size about a point."""
        x, y = center
        return cls(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    @classmethod
    def union(cls, boxes: Iterable[Box]) -> Box:
        """Return the smallest box that holds them all (there must be one at least)."""
        every = list(boxes)
        return cls(
            min(box.left for box in every),
            min(box.top for box in every),
            max(box.right for box in every),
            max(box.bottom for box in every),
        )

    @property
    def center(self) -> Point:
        """The middle of the box."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def grown(self, margin: float) -> Box:
        """Return the box with a margin added on every side."""
        return Box(self.left - margin, self.top - margin, self.right + margin, self.bottom + margin)

    def moved(self, by: Point) -> Box:
        """Return the box moved by a vector."""
        x, y = by
        return Box(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def overlaps(self, other: Box) -> bool:
        """Tell whether the two share more than a border."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def contains(self, point: Point) -> bool:
        """Tell whether a point lies inside, not on the border."""
        return self.left < point[0] < self.right and self.top < point[1] < self.bottom


@dataclass(frozen=True)
class Disc:
    """A filled circle."""

    center: Point
    radius: float

    @property
    def box(self) -> Box:
        """The box around the disc."""
        return Box.around(self.center, 2 * self.radius, 2 * self.radius)

    def contains(self, point: Point) -> bool:
        """Tell whether a point lies inside, not on the border."""
        return math.dist(self.center, point) < self.radius


Solid: TypeAlias = Box | Disc


def box_of(solid: Solid) -> Box:
    """Return the box around a box or a disc."""
    return solid if isinstance(solid, Box) else solid.box


def box_of_path(path: Path) -> Box:
    """Return the box around a polyline."""
    across, down = [x for x, _ in path], [y for _, y in path]
    return Box(min(across), min(down), max(across), max(down))


def grown(solid: Solid, margin: float) -> Solid:
    """Return the solid with a margin added all around."""
    if isinstance(solid, Box):
        return solid.grown(margin)
    return Disc(solid.center, solid.radius + margin)


def box_meets_solid(box: Box, solid: Solid) -> bool:
    """Tell whether a box and a solid share more than a border."""
    if isinstance(solid, Box):
        return box.overlaps(solid)
    x, y = solid.center
    nearest = min(max(x, box.left), box.right), min(max(y, box.top), box.bottom)
    return math.dist(nearest, solid.center) < solid.radius


def segment_meets_box(start: Point, end: Point, box: Box) -> bool:
    """Tell whether a segment passes through the inside of a box."""
    (x, y), (end_x, end_y) = start, end
    left, top, right, bottom = box.left, box.top, box.right, box.bottom
    # Most segments lie wholly to one side.
    if (
        (x <= left and end_x <= left)
        or (x >= right and end_x >= right)
        or (y <= top and end_y <= top)
        or (y >= bottom and end_y >= bottom)
    ):
        return False
    enter, leave = _inside(start, end, box)
    return enter < leave


def _inside(start: Point, end: Point, box: Box) -> tuple[float, float]:
    """Return the shares of a segment between which it is inside a box, if the first is less than the second."""
    (x, y), (end_x, end_y) = start, end
    enter, leave = 0.0, 1.0
    for origin, step, low, high in ((x, end_x - x, box.left, box.right), (y, end_y - y, box.top, box.bottom)):
        if step == 0.0:
            continue
        first, second = (low - origin) / step, (high - origin) / step
        enter, leave = max(enter, min(first, second)), min(leave, max(first, second))
    return enter, leave


def path_meets_box(path: Path, box: Box) -> bool:
    """Tell whether a polyline passes through the inside of a box."""
    return segments_meet_box(pairwise(path), box)


def segments_meet_box(segments: Iterable[Segment], box: Box) -> bool:
    """Tell whether one of the segments passes through the inside of a box."""
    return any(segment_meets_box(start, end, box) for start, end in segments)


def segments_about(segments: Iterable[Segment], box: Box) -> list[Segment]:
    """Return the segments that do not lie wholly to one side of a box, which is cheaper to tell than that they meet."""
    left, top, right, bottom = box.left, box.top, box.right, box.bottom
    return [
        ((x, y), (end_x, end_y))
        for (x, y), (end_x, end_y) in segments
        if not (
            (x <= left and end_x <= left)
            or (x >= right and end_x >= right)
            or (y <= top and end_y <= top)
            or (y >= bottom and end_y >= bottom)
        )
    ]


def path_meets_solid(path: Path, solid: Solid) -> bool:
    """Tell whether a polyline passes through the inside of a solid."""
    if isinstance(solid, Box):
        return path_meets_box(path, solid)
    return any(
        distance_to_segment(solid.center, a, b) < solid.radius for a, b in pairwise(path)
    )


def distance_to_segment(point: Point, start: Point, end: Point) -> float:
    """Return the distance of a point from a segment."""
    step_x, step_y = end[0] - start[0], end[1] - start[1]
    square = step_x * step_x + step_y * step_y
    if square == 0.0:
        return math.dist(point, start)
    share = ((point[0] - start[0]) * step_x + (point[1] - start[1]) * step_y) / square
    share = min(max(share, 0.0), 1.0)
    return math.dist(point, (start[0] + share * step_x, start[1] + share * step_y))


def segments_cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Tell whether two segments cross at a point inside both; touching and lying on each other is not."""

    def turn(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    tolerance = 1e-9
    return turn(a, b, c) * turn(a, b, d) < -tolerance and turn(c, d, a) * turn(c, d, b) < -tolerance


def paths_cross(first: Path, second: Path) -> bool:
    """Tell whether two polylines cross."""
    around = box_of_path(first).grown(0.01)
    if not around.overlaps(box_of_path(second).grown(0.01)):
        return False
    near = segments_about(pairwise(second), around)
    return any(segments_cross(a, b, c, d) for a, b in pairwise(first) for c, d in near)


def length(path: Path) -> float:
    """Return the length of a polyline."""
    return sum(math.dist(a, b) for a, b in pairwise(path))


def along(path: Path, fraction: float) -> tuple[Point, Point]:
    """Return the point at a fraction of a polyline's length, and the unit vector of travel there."""
    remaining = fraction * length(path)
    point, direction = path[0], (1.0, 0.0)
    for a, b in pairwise(path):
        step = math.dist(a, b)
        if step == 0.0:
            continue
        direction = ((b[0] - a[0]) / step, (b[1] - a[1]) / step)
        if remaining <= step:
            return (a[0] + direction[0] * remaining, a[1] + direction[1] * remaining), direction
        remaining -= step
        point = b
    return point, direction


def clipped(path: Path, tail: Solid, head: Solid) -> Path:
    """Return the part of a polyline between leaving the tail's solid and first entering the head's."""
    points = list(path)
    while len(points) > 2 and tail.contains(points[1]):
        del points[0]
    while len(points) > 2 and head.contains(points[-2]):
        del points[-1]
    points[0] = _border(points[1], points[0], tail)
    points[-1] = _border(points[-2], points[-1], head)
    return tuple(points)


def after(path: Path, box: Box) -> Path:
    """Return the part of a polyline after it last leaves a box; all of it if it does not, or ends inside."""
    for index in range(len(path) - 2, -1, -1):
        start, end = path[index], path[index + 1]
        if segment_meets_box(start, end, box):
            _, leave = _inside(start, end, box)
            if leave >= 1.0:
                return path
            left = start[0] + leave * (end[0] - start[0]), start[1] + leave * (end[1] - start[1])
            return (left, *path[index + 1 :])
    return path


def shortened(path: Path, start: float, end: float) -> Path:
    """Return the polyline with lengths cut off its start and its end; it keeps at least a little."""
    whole = length(path)
    if start + end >= whole:
        start, end = start * 0.9 * whole / (start + end), end * 0.9 * whole / (start + end)
    first, last = along(path, start / whole)[0], along(path, (whole - end) / whole)[0]
    kept: list[Point] = []
    passed = 0.0
    for a, b in pairwise(path):
        passed += math.dist(a, b)
        if start < passed < whole - end:
            kept.append(b)
    return (first, *kept, last)


def shifted(path: Path, distance: float) -> Path:
    """Return the polyline moved sideways, to the left of travel for a positive distance."""
    if distance == 0.0:
        return path
    moved: list[Point] = []
    for index, (x, y) in enumerate(path):
        before, after = path[max(index - 1, 0)], path[min(index + 1, len(path) - 1)]
        span = math.dist(before, after) or 1.0
        moved.append(
            (x + distance * (after[1] - before[1]) / span, y - distance * (after[0] - before[0]) / span)
        )
    return tuple(moved)


def smooth(points: Sequence[Point], samples: int = 16) -> Path:
    """Return a finely sampled curve with no corners through the points (a centripetal Catmull-Rom spline)."""
    if len(points) < 3:
        return tuple(points)
    first = (2 * points[0][0] - points[1][0], 2 * points[0][1] - points[1][1])
    last = (2 * points[-1][0] - points[-2][0], 2 * points[-1][1] - points[-2][1])
    extended = [first, *points, last]
    curve = [points[0]]
    for index in range(1, len(extended) - 2):
        curve += [_spline(extended[index - 1 : index + 3], step / samples) for step in range(1, samples + 1)]
    return tuple(curve)


def _spline(four: Sequence[Point], share: float) -> Point:
    p, q, r, s = four
    knots = [0.0]
    for a, b in ((p, q), (q, r), (r, s)):
        knots.append(knots[-1] + max(math.dist(a, b), 1e-6) ** 0.5)
    time = knots[1] + share * (knots[2] - knots[1])

    def mix(a: Point, b: Point, start: float, end: float) -> Point:
        weight = (time - start) / (end - start)
        return a[0] + weight * (b[0] - a[0]), a[1] + weight * (b[1] - a[1])

    first, second, third = mix(p, q, *knots[0:2]), mix(q, r, *knots[1:3]), mix(r, s, *knots[2:4])
    left, right = mix(first, second, knots[0], knots[2]), mix(second, third, knots[1], knots[3])
    return mix(left, right, knots[1], knots[2])


def _border(outside: Point, inside: Point, solid: Solid) -> Point:
    """Return where the segment between an outer and an inner point crosses the solid's border."""
    if not solid.contains(inside) or solid.contains(outside):
        return inside
    for _ in range(40):
        middle = (outside[0] + inside[0]) / 2, (outside[1] + inside[1]) / 2
        if solid.contains(middle):
            inside = middle
        else:
            outside = middle
    return outside
