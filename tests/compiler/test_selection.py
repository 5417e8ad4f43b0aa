"""Reading a block: whatever positions a view has, the expression written for it reads the same numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_core.compiler.plan import Block, Plan, View
from autograd_core.compiler.selection import select, shape_text, tuple_text
from autograd_core.compiler.vector_source import VectorSource
from autograd_core.tape import Tape

LANES = 3

shapes = st.lists(st.integers(1, 4), min_size=0, max_size=3).map(tuple)


@st.composite
def regular(draw: Any) -> tuple[tuple[int, ...], np.ndarray]:
    """A block's shape, and positions in it as an affine function of an index: what selections are made for."""
    shape = draw(shapes)
    size = math.prod(shape)
    view = draw(st.lists(st.integers(1, 4), min_size=0, max_size=3))
    start = draw(st.integers(0, size - 1))
    index = np.full(view, start)
    for axis, length in enumerate(view):
        stride = draw(st.integers(-2, 4))
        ramp = np.arange(length) * stride
        index = index + ramp.reshape([length if each == axis else 1 for each in range(len(view))])
    return shape, np.asarray(index % size, dtype=np.intp)


@st.composite
def dense(draw: Any) -> tuple[tuple[int, ...], np.ndarray]:
    """A contiguous part of a block, with its axes in any order, and repeated along some."""
    core = draw(st.lists(st.integers(1, 3), min_size=0, max_size=3))
    count = math.prod(core)
    before, after, step = draw(st.integers(0, 3)), draw(st.integers(0, 3)), draw(st.integers(1, 3))
    index = before + step * np.arange(count).reshape(core)
    index = index.transpose(draw(st.permutations(range(len(core)))))
    for _ in range(draw(st.integers(0, 2))):
        axis = draw(st.integers(0, index.ndim))
        index = np.repeat(np.expand_dims(index, axis), draw(st.integers(1, 3)), axis)
    size = before + step * (count - 1) + 1 + after
    rows = draw(st.sampled_from([each for each in range(1, size + 1) if size % each == 0]))
    return draw(st.sampled_from([(size,), (rows, size // rows), (1, size), (size, 1)])), index.astype(np.intp)


@st.composite
def arbitrary(draw: Any) -> tuple[tuple[int, ...], np.ndarray]:
    """Any positions at all."""
    shape = draw(shapes)
    view = draw(st.lists(st.integers(1, 3), min_size=0, max_size=3))
    entries = st.integers(0, math.prod(shape) - 1)
    flat = draw(st.lists(entries, min_size=math.prod(view), max_size=math.prod(view)))
    return shape, np.array(flat, dtype=np.intp).reshape(view)


cases = given(case=st.one_of(regular(), dense(), arbitrary()), is_lane=st.booleans())


def source_of(shape: tuple[int, ...], is_lane: bool) -> tuple[VectorSource, Block]:
    block = Block(shape, is_lane, tuple(range(math.prod(shape))), None)
    source = VectorSource(Plan(Tape((), (), (), {}), (block,), (), (0.0,)))
    source.names[0] = "block"
    return source, block


def data_of(shape: tuple[int, ...], is_lane: bool) -> np.ndarray:
    size = math.prod(shape)
    lanes = 100.0 * np.arange(LANES)
    return (np.arange(float(size))[:, None] + lanes).reshape(*shape, LANES) if is_lane else np.arange(
        float(size)).reshape(shape)


def expected_of(data: np.ndarray, index: np.ndarray, is_lane: bool) -> np.ndarray:
    return data.reshape(-1, LANES)[index] if is_lane else data.reshape(-1)[index]


@cases
def test_what_is_read_is_what_fancy_indexing_reads(case: tuple[tuple[int, ...], np.ndarray], is_lane: bool) -> None:
    shape, index = case
    source, _ = source_of(shape, is_lane)
    data = data_of(shape, is_lane)
    names = {"block": data, "lanes": LANES, "broadcast_to": np.broadcast_to}
    expected = expected_of(data, index, is_lane)
    for in_lanes in {is_lane, True}:
        wanted = expected if is_lane or not in_lanes else expected[..., None]
        text, full = source.read(View(0, index), in_lanes), source.read_full(View(0, index), in_lanes)
        found = eval(text, {**names, **source.constants})
        assert np.array_equal(*np.broadcast_arrays(found, wanted)), text
        found = eval(full, {**names, **source.constants})
        # A single number needs no axis for lanes.
        assert found.shape in (wanted.shape, (*index.shape, LANES)) or index.ndim == 0, full
        assert np.array_equal(*np.broadcast_arrays(found, wanted)), full

@cases
def test_a_selected_part_is_a_view_that_can_be_added_to(
    case: tuple[tuple[int, ...], np.ndarray], is_lane: bool
) -> None:
    shape, index = case
    source, block = source_of(shape, is_lane)
    selection = select(index, block)
    if selection.is_whole or selection.index is not None or not selection.core or not shape:
        return
    data = np.zeros((*shape, LANES) if is_lane else shape)
    part = eval(source.expression("block", block, selection), {"block": data, "lanes": LANES, **source.constants})
    part += 1.0
    expected = np.zeros(math.prod(shape))
    expected[np.unique(index)] = 1.0
    assert np.array_equal(data.reshape(len(expected), -1), np.repeat(expected[:, None], data.size // len(expected), 1))
    kept = [length for axis, length in enumerate(index.shape) if axis not in selection.spread]
    assert part.shape == ((*kept, LANES) if is_lane else tuple(kept))


@cases
def test_an_axis_is_spread_only_where_it_repeats(case: tuple[tuple[int, ...], np.ndarray], is_lane: bool) -> None:
    shape, index = case
    selection = select(index, source_of(shape, is_lane)[1])
    for axis in selection.spread:
        assert index.shape[axis] > 1
        assert np.array_equal(index, np.repeat(index.take([0], axis), index.shape[axis], axis))


@pytest.mark.parametrize(
    "shape, index, rule",
    [
        ((6,), np.arange(6).reshape(2, 3), "reshape"),
        ((6,), np.arange(6).reshape(3, 2).T, ".T"),
        ((6,), np.arange(2, 5), "block[2:5]"),
        ((6,), np.arange(0, 6, 2), "block[0:5:2]"),
        ((2, 3), np.arange(6).reshape(2, 3), "block"),
        ((2, 3), np.arange(6).reshape(2, 3).T, ".T"),
        ((4,), np.array([[0, 0], [1, 1]]), "block[0:2][:, None]"),
        ((4,), np.array(3), "block[3]"),
        ((4,), np.array([3, 1]), "block[index_1]"),
    ],
)
def test_the_rule_is_the_simplest_that_holds(shape: tuple[int, ...], index: np.ndarray, rule: str) -> None:
    assert rule in source_of(shape, False)[0].read(View(0, index.astype(np.intp)), False)


@pytest.mark.parametrize(
    "shape, is_lane, expected",
    [((), False, "()"), ((2,), False, "(2,)"), ((), True, "(lanes,)"), ((2, 3), True, "(2, 3, lanes)")],
)
def test_shapes_are_tuples(shape: tuple[int, ...], is_lane: bool, expected: str) -> None:
    assert tuple_text(shape, is_lane) == expected
    assert shape_text(shape, is_lane) == expected.strip("(,)")


@pytest.mark.parametrize(
    "constant", [[0.0, 0.0], [0.0, -0.0], [-0.0, -0.0], [math.nan, math.nan], [2.0, 2.0], [2.0, 3.0]])
def test_constants_are_one_number_only_where_they_are(constant: list[float]) -> None:
    view = View(None, constant=np.array(constant))
    source, _ = source_of((2,), False)
    found = np.broadcast_to(eval(source.read(view, False), dict(source.constants)), 2)
    assert np.array_equal(found, constant, equal_nan=True)
    assert np.array_equal(np.signbit(found), np.signbit(constant))
    assert (view.number is not None) == (repr(constant[0]) == repr(constant[1]) and constant[0] == constant[0])
