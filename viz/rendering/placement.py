"""Put each arrow's label beside its arrow so that it touches nothing: pure geometry, in pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from viz.rendering.geometry import (
    Box,
    Path,
    Solid,
    along,
    box_meets_solid,
    box_of,
    box_of_path,
    grown,
    segments_about,
    segments_meet_box,
)

GAP = 5.0
"""Between a label and its own arrow."""

CLEARANCE = 3.0
"""Between a label and anything else."""

_FRACTIONS = tuple(step / 100 for step in range(8, 93, 3))
_GAPS = (GAP, GAP + 3.0, GAP + 9.0)

# What a position costs: the whole arrow's length off the best place, the wrong side (twice, since it is
# turned by two), a larger gap, an arrow or a label so near that it might be taken for the label's own,
# an arrow nearer than the label's own.
_OFF_PLACE, _TURNED, _APART, _NEAR_ARROW, _BESIDE_LABEL, _ON_ARROW = 4.0, 0.22, 0.1, 0.6, 0.5, 20.0
_NEARER_ARROW = 5.0
_NEAR = 9.0


@dataclass(frozen=True)
class Request:
    """A label to be placed.

    Arguments: `arrow` is its own arrow's index among the paths; `fraction` where along the arrow, from 0
    at the tail to 1 at the head, it would best stand; `pull` how strongly it is drawn there;
    `side` the preferred side, as a vector to point to.
    """

    width: float
    height: float
    arrow: int
    fraction: float
    side: tuple[float, float]
    pull: float = 1.0


def place_labels(
    requests: Sequence[Request], paths: Sequence[Path], solids: Sequence[Solid], worst: float = math.inf
) -> list[Box | None]:
    """Return a box for every label, clear of arrows, solids and other labels; None where there is no room.

    Labels with the least choice are placed first; the result depends on nothing but the arguments.
    `worst` is the highest cost accepted: 4 for the whole arrow's length off the best place, 0.44 for the
    wrong side, 0.5 and 0.6 for each label and arrow nearby, 5 for each nearer than its own, 20 for each
    arrow the label lies on.
    """
    boxes = [box_of_path(path).grown(0.01) for path in paths]
    choices = [_free_choices(request, paths, boxes, solids, worst) for request in requests]
    placed: list[Box | None] = [None] * len(requests)
    taken: list[Box] = []
    for index in sorted(range(len(requests)), key=lambda index: (len(choices[index]), index)):
        if not choices[index]:
            continue
        reach = Box.union(box for _, box in choices[index]).grown(_NEAR)
        near = [other for other in taken if other.overlaps(reach)]
        free = []
        for cost, box in choices[index]:
            beside = [other for other in near if box.grown(_NEAR).overlaps(other)] if near else []
            cost += _BESIDE_LABEL * len(beside)
            if cost <= worst and not any(box.grown(CLEARANCE).overlaps(other) for other in beside):
                free.append((cost, box))
        if free:
            best = min(free, key=lambda choice: (round(choice[0], 6), choice[1].left, choice[1].top))[1]
            placed[index] = best
            taken.append(best)
    return placed


def _free_choices(
    request: Request, paths: Sequence[Path], boxes: Sequence[Box], solids: Sequence[Solid], worst: float
) -> list[tuple[float, Box]]:
    """Return (cost, box) of every position that costs `worst` at most and touches no solid.

    Arguments: `boxes` hold the paths.
    """
    own = paths[request.arrow]
    reach = box_of_path(own).grown(max(request.width, request.height) + 4 * GAP)
    solids_near = [
        (wide, box_of(wide))
        for solid in solids
        if box_of(solid).overlaps(reach)
        for wide in [grown(solid, CLEARANCE)]
    ]
    paths_near = [
        path for index, path in enumerate(paths) if index != request.arrow and boxes[index].overlaps(reach)
    ]
    found: list[tuple[float, Box]] = []
    for fraction in _FRACTIONS:
        off_place = request.pull * _OFF_PLACE * abs(fraction - request.fraction)
        if off_place > worst:
            continue
        point, direction = along(own, fraction)
        # The support of a box in a direction: so far its centre must be for the box to clear the arrow.
        support = (abs(direction[1]) * request.width + abs(direction[0]) * request.height) / 2
        away = support + _GAPS[-1]
        about = Box.around(
            point, 2 * away * abs(direction[1]) + request.width, 2 * away * abs(direction[0]) + request.height
        ).grown(_NEAR + 0.01)
        solids_here = [solid for solid, box in solids_near if box.overlaps(about)]
        others = [here for path in paths_near if (here := segments_about(pairwise(path), about))]
        mine = segments_about(pairwise(own), about)
        for sign in (1.0, -1.0):
            normal = (direction[1] * sign, -direction[0] * sign)
            turned = 1.0 - normal[0] * request.side[0] - normal[1] * request.side[1]
            for gap in _GAPS:
                cost = off_place + (_TURNED * turned + _APART * (gap - GAP))
                if cost > worst:
                    continue
                away = support + gap
                center = point[0] + normal[0] * away, point[1] + normal[1] * away
                box = Box.around(center, request.width, request.height)
                if any(box_meets_solid(box, solid) for solid in solids_here):
                    continue
                # A box grown by m reaches up to 1.42 m further along a diagonal, hence not the whole gap.
                if segments_meet_box(mine, box.grown(0.6 * gap)):
                    continue
                near, nearer, on = box.grown(_NEAR), box.grown(gap), box.grown(CLEARANCE)
                nearest = [other for other in others if segments_meet_box(other, near)]
                cost += _NEAR_ARROW * len(nearest)
                cost += _NEARER_ARROW * sum(segments_meet_box(other, nearer) for other in nearest)
                cost += _ON_ARROW * sum(segments_meet_box(other, on) for other in nearest)
                if cost <= worst:
                    found.append((cost, box))
    return found


def unit(x: float, y: float) -> tuple[float, float]:
    """Return the vector at length one; the zero vector stays."""
    size = math.hypot(x, y)
    return (x / size, y / size) if size else (0.0, 0.0)
