"""Labels beside arrows: near their own, clear of everything else, and always the same."""

import math

import pytest

from viz.rendering.geometry import (
    Box,
    Disc,
    Path,
    Solid,
    along,
    box_meets_solid,
    box_of_path,
    clipped,
    length,
    path_meets_box,
    path_meets_solid,
    segment_meets_box,
    segments_cross,
    shifted,
    shortened,
    smooth,
)
from viz.rendering.placement import GAP, Request, place_labels
from viz.rendering.routing import route

ABOVE = (0.0, -1.0)


def compass(radius: float = 100.0) -> list[Path]:
    """Arrows from the origin in sixteen directions."""
    turns = [2 * math.pi * step / 16 for step in range(16)]
    return [((0.0, 0.0), (radius * math.cos(turn), radius * math.sin(turn))) for turn in turns]


@pytest.mark.parametrize("path", compass())
def test_a_label_stands_beside_its_arrow_but_never_on_it(path: Path) -> None:
    (box,) = place_labels([Request(40.0, 16.0, 0, 0.5, ABOVE)], [path], [])
    assert box is not None
    assert not path_meets_box(path, box.grown(GAP / 2))
    assert path_meets_box(path, box.grown(2 * GAP))


def test_a_level_arrow_has_its_label_above_its_middle() -> None:
    (box,) = place_labels([Request(20.0, 10.0, 0, 0.5, ABOVE)], [((0.0, 0.0), (100.0, 0.0))], [])
    assert box == Box(40.0, -10.0 - GAP, 60.0, -GAP)


def test_a_label_gives_way_to_nodes_arrows_and_labels() -> None:
    paths: list[Path] = [((0.0, 0.0), (200.0, 0.0)), ((0.0, -60.0), (200.0, -8.0))]
    solids: list[Solid] = [Disc((100.0, -20.0), 15.0), Box(20.0, 2.0, 60.0, 40.0)]
    requests = [Request(30.0, 12.0, 0, 0.5, ABOVE), Request(30.0, 12.0, 1, 0.5, ABOVE)]
    boxes = place_labels(requests, paths, solids)
    for box in boxes:
        assert box is not None
        assert not any(box_meets_solid(box, solid) for solid in solids)
        assert not any(path_meets_box(path, box) for path in paths)
    first, second = boxes
    assert first is not None and second is not None and not first.overlaps(second)
    assert boxes == place_labels(requests, paths, solids)


def test_no_room_is_said_and_lying_on_an_arrow_is_the_last_resort() -> None:
    paths: list[Path] = [((0.0, y), (60.0, y)) for y in (-24.0, -12.0, 0.0, 12.0, 24.0)]
    request = [Request(30.0, 14.0, 2, 0.5, ABOVE)]
    assert place_labels(request, paths, [], worst=19.0) == [None]
    assert place_labels(request, paths, [])[0] is not None


def test_straight_arrows_run_from_outline_to_outline() -> None:
    (path,) = route([(0, 1)], [Disc((0, 0), 10), Disc((100, 0), 20)], [], [[]], [30.0], 1.0)
    assert path[0] == pytest.approx((11.0, 0.0)) and path[-1] == pytest.approx((79.0, 0.0))


def test_parallel_arrows_are_drawn_apart_and_opposite_ones_too() -> None:
    solids = [Disc((0, 0), 10), Disc((100, 0), 10)]
    for links in ([(0, 1), (0, 1)], [(0, 1), (1, 0)]):
        first, second = route(links, solids, [], [[], []], [30.0, 30.0], 0.0)
        assert abs(along(first, 0.5)[0][1] - along(second, 0.5)[0][1]) == pytest.approx(30.0, abs=1.0)


def test_an_arrow_goes_around_a_node_in_its_way() -> None:
    solids = [Disc((0, 0), 20), Disc((100, 0), 20), Disc((200, 0), 20)]
    (path,) = route([(0, 2)], solids, [], [[(80.0, 60.0), (120.0, 60.0)]], [30.0], 1.0)
    assert not path_meets_solid(path, solids[1])
    assert path[0][0] < 25 and path[-1][0] > 175


def test_where_no_arc_is_free_the_engine_s_way_is_taken() -> None:
    wall = [Box(90.0, -300.0, 110.0, 250.0)]
    solids: list[Solid] = [Disc((0, 0), 20), Disc((200, 0), 20), *wall]
    (path,) = route([(0, 1)], solids, [], [[(80.0, 280.0), (120.0, 280.0)]], [30.0], 1.0)
    assert not path_meets_solid(path, wall[0])


def test_the_plane_s_small_truths() -> None:
    box = Box(0, 0, 10, 10)
    assert segment_meets_box((-5, 5), (15, 5), box) and not segment_meets_box((-5, 10), (15, 10), box)
    assert segments_cross((0, 0), (2, 2), (0, 2), (2, 0))
    assert not segments_cross((0, 0), (1, 1), (1, 1), (2, 0))
    assert length(((0, 0), (3, 4), (3, 5))) == 6
    assert along(((0, 0), (10, 0), (10, 10)), 0.75) == ((10.0, 5.0), (0.0, 1.0))
    assert shifted(((0, 0), (10, 0)), 2) == ((0, -2), (10, -2))
    assert shortened(((0, 0), (10, 0)), 2, 3) == ((2, 0), (7, 0))
    assert clipped(((0, 0), (10, 0)), Disc((0, 0), 2), Box(8, -1, 12, 1))[-1] == pytest.approx((8, 0))
    curve = smooth([(0, 0), (10, 10), (20, 0)])
    assert curve[0] == (0, 0) and curve[-1] == pytest.approx((20, 0)) and box_of_path(curve).bottom < 11
