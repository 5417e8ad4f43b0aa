"""How a view reads a block in NumPy source: the whole, a slice, a reshaped or transposed part, or a gather."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autograd_core.compiler.plan import Block, Index


@dataclass(frozen=True)
class Selection:
    """The part of a block that a view reads, and how it is laid out.

    ``start``, ``stop`` and ``step`` select from the flattened block; ``core`` is the shape of what was selected
    after the ``order`` of its axes is applied; ``spread`` are the axes of the view along which it repeats.  ``row`` is
    the length of the rows of which a matrix reads the beginning only, or 0: weights that lie with their bias after
    them.  ``index`` is set instead where no such rule holds.
    """

    start: int = 0
    stop: int = 0
    step: int = 1
    core: tuple[int, ...] = ()
    order: tuple[int, ...] = ()
    spread: tuple[int, ...] = ()
    row: int = 0
    is_whole: bool = False
    index: Index | None = None

    @property
    def is_transposed(self) -> bool:
        """Whether the axes are read in another order than they lie."""
        return self.order != tuple(range(len(self.order)))


def select(index: Index, block: Block) -> Selection:
    """The rule by which positions ``index`` of a block are read.

    >>> whole = Block((2, 3), False, tuple(range(6)))
    >>> select(np.arange(6).reshape(2, 3), whole).is_whole, select(np.array([4, 5]), whole).start
    (True, 4)
    >>> select(np.array([[0, 3], [1, 4], [2, 5]]), whole).order, select(np.array([0, 1, 3]), whole).index
    ((1, 0), array([0, 1, 3]))
    >>> select(np.array([[0, 1], [3, 4]]), whole).row
    3
    """
    size = math.prod(block.shape)
    if index.shape == block.shape and np.array_equal(index.ravel(), np.arange(size)):
        return Selection(0, size, 1, block.shape, tuple(range(index.ndim)), is_whole=True)
    strides = _strides(index)
    if strides is None:
        return Selection(index=index)
    spread = tuple(axis for axis, stride in enumerate(strides) if stride == 0 and index.shape[axis] > 1)
    kept = [axis for axis in range(index.ndim) if axis not in spread]
    start = int(index.flat[0])
    strides = _with_places_for_single_axes(strides, index.shape)
    by_stride = sorted(kept, key=lambda axis: (-strides[axis], axis))
    expected = step = max(1, min((strides[axis] for axis in kept if index.shape[axis] > 1), default=1))
    # order[i] says which axis of what lies there is axis i of the view.
    order = tuple(by_stride.index(axis) for axis in kept)
    core = tuple(index.shape[axis] for axis in by_stride)
    if len(core) == 2 and min(core) > 1:
        row, inner = (strides[axis] for axis in by_stride)
        if inner == 1 and row > core[1] and start + row * core[0] <= size:
            return Selection(start, start + row * core[0], 1, core, order, spread, row)
    for axis in reversed(by_stride):
        if index.shape[axis] > 1 and strides[axis] != expected:
            return Selection(index=index)
        expected *= index.shape[axis]
    return Selection(start, start + (math.prod(core) - 1) * step + 1, step, core, order, spread)


def _with_places_for_single_axes(strides: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """An axis of length 1 may have any stride: the one at which it stays where it is."""
    found = list(strides)
    extent = 1
    for axis in range(len(shape) - 1, -1, -1):
        if shape[axis] == 1:
            found[axis] = extent
        extent = max(extent, found[axis] * shape[axis])
    return tuple(found)


def _strides(index: Index) -> tuple[int, ...] | None:
    """The step along each axis, if the positions are an arithmetic progression along all of them."""
    found: list[int] = []
    expected = np.full(index.shape, index.flat[0])
    for axis, length in enumerate(index.shape):
        if length < 2:
            found.append(0)
            continue
        line = np.moveaxis(index, axis, 0)
        stride = int(line.reshape(length, -1)[1, 0] - line.reshape(length, -1)[0, 0])
        if stride < 0:
            return None
        found.append(stride)
        ramp = np.arange(length) * stride
        expected = expected + ramp.reshape([length if each == axis else 1 for each in range(index.ndim)])
    return tuple(found) if np.array_equal(expected, index) else None


def shape_text(shape: Sequence[int], is_lane: bool) -> str:
    """A shape as the arguments of ``reshape``, with the lanes' axis last."""
    return ", ".join([*map(str, shape), *(["lanes"] if is_lane else [])])


def tuple_text(shape: Sequence[int], is_lane: bool) -> str:
    """A shape as a tuple, with the lanes' axis last."""
    text = shape_text(shape, is_lane)
    return f"({text},)" if text and "," not in text else f"({text})"
