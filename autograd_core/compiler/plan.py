"""The plan: what a tape becomes when equal instructions are one vector instruction over a block of slots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autograd_core.row import Primitive
from autograd_core.tape import Tape

Index = NDArray[np.intp]
Kind = Literal["elementwise", "product", "rowwise", "reduction", "lane mean", "stack"]


@dataclass(frozen=True)
class Block:
    """Slots that lie together: an array of this shape, with one more axis where there is a number per lane.

    ``slots`` are those of the tape, in C order.  A block of ``source`` None is computed, else it is an input.
    """

    shape: tuple[int, ...]
    is_lane: bool
    slots: tuple[int, ...]
    source: str | None = None


@dataclass(frozen=True)
class View:
    """Numbers an instruction reads: positions in a block, or constants, in the shape they are read in."""

    block: int | None
    index: Index | None = None
    constant: NDArray[np.float64] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """How many numbers it has along each axis, without that of the lanes."""
        held = self.index if self.index is not None else self.constant
        assert held is not None
        return tuple(held.shape)

    @property
    def number(self) -> float | None:
        """The constant that all of it is, if it is one; 0.0 and -0.0 are two."""
        if self.constant is None:
            return None
        first = float(self.constant.flat[0])
        is_one = (self.constant == first).all() and (np.signbit(self.constant) == (math.copysign(1.0, first) < 0)).all()
        return first if is_one else None


@dataclass(frozen=True)
class VectorInstruction:
    """One operation on whole blocks.

    ``elementwise`` applies the operation number by number; ``product`` is the matrix product of two views of two
    axes; ``rowwise`` the dot products of their rows; a ``reduction`` takes the operation along the second axis;
    ``lane mean`` the mean over all lanes; ``stack`` collects numbers of several blocks into a new one, where
    ``places`` says to which positions each view goes.
    """

    kind: Kind
    op: Primitive | None
    out: int
    operands: tuple[View, ...]
    places: tuple[Index, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Blocks, the vector instructions that compute them, and where the outputs are.

    ``outputs`` are positions (block, index in it), or constants.
    """

    tape: Tape
    blocks: tuple[Block, ...]
    instructions: tuple[VectorInstruction, ...]
    outputs: tuple[tuple[int, int] | float, ...]

    def __str__(self) -> str:
        heading = f"{len(self.instructions)} vector instructions for {len(self.tape)} scalar ones"
        return "\n".join([heading, *(f"  {self._line(each)}" for each in self.instructions)])

    def _line(self, instruction: VectorInstruction) -> str:
        out = self.blocks[instruction.out]
        name = instruction.op.name if instruction.op else "stack"
        operands = ", ".join(self._described(each) for each in instruction.operands)
        called = f"#{instruction.out}"
        return f"{called:5}{instruction.kind:12}{name:11}{_shape(out.shape, out.is_lane):>14} <- {operands}"

    def _described(self, view: View) -> str:
        """What an operand is called and the shape it is read in; a single constant as it is."""
        if view.block is None:
            return f"{view.number:g}" if view.number is not None else f"constants ({_shape(view.shape, False)})"
        block = self.blocks[view.block]
        return f"{block.source or f'#{view.block}'} ({_shape(view.shape, block.is_lane)})"


def _shape(shape: Sequence[int], is_lane: bool) -> str:
    axes = [*map(str, shape), *(["lanes"] if is_lane else [])]
    return " x ".join(axes) or "1"
