"""The reverse lines of a plan: each vector instruction hands its adjoint times its partials to what it read."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Any

import numpy as np

from autograd_core import primitives as rows
from autograd_core.compiler.plan import Block, VectorInstruction, View
from autograd_core.compiler.room import Room
from autograd_core.compiler.selection import Selection, select, shape_text, tuple_text
from autograd_core.compiler.vector_source import VectorSource, index_of, is_plain
from autograd_core.row import Primitive, poles_allowed
from autograd_core.symbol import Symbol

# Only as a factor or a condition: where the operand is nan, a step is 0 in the one form and nan in the other.
_STEP = re.compile(r"(?:^|(?<=where\())heaviside\(([A-Za-z_]\w*), 0\.0\)(?:$|(?=,))")
_SUMS = (rows.total, rows.mean, rows.batch_mean)
_CALL = re.compile(r"\w+\([^()]*\)")


class ReverseSource:
    """The lines that follow the forward ones and leave the derivative of the first output in ``bar_of(block)``.

    ``wanted`` are the blocks of the arguments to differentiate; nothing else is followed.  ``top`` are the lines that
    make room for adjoints that are given part by part, ``lines`` those that compute.
    """

    def __init__(self, source: VectorSource, wanted: Collection[int]) -> None:
        self.source = source
        self.plan = source.plan
        self.top: list[str] = []
        self.lines: list[str] = []
        self._wanted = set(wanted)
        self._bars: dict[int, str] = {}
        self._shared: set[str] = set()
        self._even: set[str] = set()
        self._rooms: dict[int, Room] = {}
        self._beginning: dict[int, tuple[list[str], int]] = {}
        self._parts: dict[tuple[int, bytes, tuple[int, ...]], str] = {}
        self._in_order: set[str] = set()
        self._active = self._reached(wanted)
        self._in_parts = self._read_in_parts()
        self._whole_terms: list[tuple[int, str]] = []
        self._write()

    def bar_of(self, block: int) -> str:
        """The name of a block's adjoint; zeros if nothing depends on it."""
        if block not in self._bars:
            self._make_room(block)
        return self._bars[block]

    def _reached(self, wanted: Collection[int]) -> set[int]:
        active = set(wanted)
        for instruction in self.plan.instructions:
            if any(view.block in active for view in instruction.operands):
                active.add(instruction.out)
        return active

    def _read_in_parts(self) -> set[int]:
        """The wanted blocks of which some instruction reads a part."""
        found = set()
        for instruction in self.plan.instructions:
            for view in instruction.operands:
                if view.block in self._wanted and instruction.out in self._active:
                    block = self.plan.blocks[view.block]
                    if block.shape and not select(index_of(view), block).is_whole:
                        found.add(view.block)
        return found

    def _write(self) -> None:
        for part in self.source.parts:
            if part[0] in self._active:
                self._seed(*part)
        for instruction in reversed(self.plan.instructions):
            if instruction.out in self._bars and instruction.out in self._active:
                self._hand_on(instruction)
        for at, text in self._whole_terms:
            self._add_whole(at, text)
        for at, room in self._rooms.items():
            if room.is_filled:
                lines, line = self._beginning[at]
                lines[line] = lines[line].replace("= zeros(", "= empty(")

    def _seed(self, at: int, position: int) -> None:
        block = self.plan.blocks[at]
        if at in self._bars:
            index = ", ".join(map(str, np.unravel_index(position, block.shape)))
            where = f"[{index}]" if block.shape else ""
            self.lines.append(f"{self._bars[at]}{where} += {'1.0 / lanes' if block.is_lane else '1.0'}")
            return
        name = self._bars[at] = self._bar_name(at)
        shape = tuple_text(block.shape, block.is_lane)
        if not block.shape and not block.is_lane:
            self.lines.append(f"{name} = 1.0")
            return
        one = "1.0 / lanes" if block.is_lane else "1.0"
        if len(block.slots) == 1 and block.is_lane:
            self.lines.append(f"{name} = {one}")
            self._even.add(name)
        elif len(block.slots) == 1:
            self.lines.append(f"{name} = full({shape}, {one})")
        else:
            self.lines.append(f"{name} = zeros({shape})")
            place = ", ".join(map(str, np.unravel_index(position, block.shape)))
            self.lines.append(f"{name}[{place}] = {one}")

    def _bar_name(self, at: int) -> str:
        name = self.source.names[at] or self.source.fresh("product")
        if name.startswith("a_") and self.plan.blocks[at].source is None:
            return self.source.fresh(f"delta{name[1:]}", numbered=False)
        return self.source.fresh(f"{name}_bar", numbered=False)

    # --- one instruction ------------------------------------------------------------------------

    def _hand_on(self, instruction: VectorInstruction) -> None:
        out = self.plan.blocks[instruction.out]
        bar = self._bars[instruction.out]
        scales = instruction.kind == "elementwise" or (
            not out.shape and instruction.kind in ("rowwise", "reduction") and instruction.op not in _SUMS)
        if not scales:
            self._spread_out(bar, out)
        if instruction.kind == "product":
            self._through_product(instruction, bar)
        elif instruction.kind == "rowwise":
            left, right = instruction.operands
            column = _column(bar, out)
            for view, other in ((left, right), (right, left)):
                if self._follows(view):
                    text = f"{column} * {self.source.read_full(other, out.is_lane)}"
                    self._give(view, text, out.is_lane)
        elif instruction.kind == "stack":
            flat = bar if len(out.shape) == 1 else f"{bar}.reshape({shape_text((-1,), out.is_lane)})"
            for view, places in zip(instruction.operands, instruction.places, strict=True):
                if self._follows(view):
                    self._give(view, f"{flat}[{self.source.constant('places', places)}]", out.is_lane)
        elif instruction.kind in ("reduction", "lane mean"):
            self._through_reduction(instruction, bar)
        else:
            self._through_elementwise(instruction, bar)

    def _spread_out(self, bar: str, block: Block) -> None:
        """Make an array of an adjoint that is one number for all."""
        if bar in self._even:
            self.lines.append(f"{bar} = full({tuple_text(block.shape, block.is_lane)}, {bar})")
            self._even.discard(bar)

    def _follows(self, view: View) -> bool:
        return view.block is not None and view.block in self._active

    def _through_product(self, instruction: VectorInstruction, bar: str) -> None:
        left, right = instruction.operands
        read = self.source.read_full
        in_lanes = self.source.is_lane(right)
        is_matrix = in_lanes or len(right.shape) > 1
        is_cube = in_lanes and len(right.shape) > 1
        if not self.plan.blocks[instruction.out].shape:
            self._through_dot(left, right, bar, in_lanes)
            return
        if self._follows(left):
            other = read(right, in_lanes)
            text = f"{bar} @ {_transposed(other)}" if is_matrix else f"outer({bar}, {other})"
            self._give(left, f"einsum('ikn,jkn->ij', {bar}, {other})" if is_cube else text, False)
        if self._follows(right):
            other = read(left, False)
            text = f"einsum('ij,ikn->jkn', {other}, {bar})" if is_cube else f"{_transposed(other)} @ {bar}"
            self._give(right, text, in_lanes)

    def _through_dot(self, left: View, right: View, bar: str, in_lanes: bool) -> None:
        """A single dot product; with lanes the right vector has a column for each."""
        read = self.source.read_full
        if left.block is not None and left.block == right.block and np.array_equal(index_of(left), index_of(right)):
            if self._follows(left):
                self._give(left, f"2.0 * {bar} * {read(left, False)}", False)
            return
        if self._follows(left):
            other = read(right, in_lanes)
            self._give(left, f"{other} @ {bar}" if in_lanes else f"{bar} * {other}", False)
        if self._follows(right):
            other = read(left, False)
            self._give(right, f"{other}[:, None] * {bar}" if in_lanes else f"{bar} * {other}", in_lanes)

    def _through_reduction(self, instruction: VectorInstruction, bar: str) -> None:
        (view,) = instruction.operands
        if not self._follows(view):
            return
        out = self.plan.blocks[instruction.out]
        if instruction.kind == "lane mean":
            shape = tuple_text(view.shape, True)
            column = f"{bar}[:, None]" if out.shape else bar
            self._give(view, f"broadcast_to({column} / lanes, {shape})", True)
            return
        column, op = _column(bar, out), instruction.op
        assert op is not None
        if op in _SUMS:
            column = column if op is rows.total else f"{column} / {view.shape[-1]}"
            text = f"broadcast_to({column}, {tuple_text(view.shape, out.is_lane)})"
        else:
            name = self.source.fresh(f"{op.name}_partials", numbered=False)
            self.source.constants[name] = _partials_along(op, len(out.shape))
            terms = self.source.read_full(view, out.is_lane)
            text = f"{column} * {name}({self.source.names[instruction.out]}, {terms})"
        self._give(view, text, out.is_lane)

    def _through_elementwise(self, instruction: VectorInstruction, bar: str) -> None:
        op, views = instruction.op, instruction.operands
        assert op is not None
        out = self.plan.blocks[instruction.out]
        wanted = [self._follows(view) for view in views]
        if not any(wanted):
            return
        operands: list[Any] = [_number_or_symbol(view, at) for at, view in enumerate(views)]
        with poles_allowed():  # that of (-2)**x to x is nan, not an error
            partials = op.partials_at(Symbol("outcome"), operands, wanted)
        symbols = [Symbol.of(partial) for partial in partials]
        for view, partial, follows in zip(views, symbols, wanted, strict=True):
            if not follows:
                continue
            is_even = partial.number is not None and bar in self._even and self._may_be_even(view, out)
            if not is_even and not self._is_as_large(partial, views, out):
                self._spread_out(bar, out)
            text = self._times(bar, partial, self._texts(views, partial, out.is_lane), self.source.names[instruction.out])
            self._give(view, text, out.is_lane, is_even)

    def _may_be_even(self, view: View, out: Block) -> bool:
        assert view.block is not None
        block = self.plan.blocks[view.block]
        return (view.block not in self._bars and block.is_lane == out.is_lane
                and select(index_of(view), block).is_whole)

    def _is_as_large(self, partial: Symbol, views: tuple[View, ...], out: Block) -> bool:
        """Whether a partial has a number for every number of the outcome."""
        needed = partial.python
        return "outcome" in needed or any(
            f"operand_{at}" in needed and self.source.is_full(view) and self.source.is_lane(view) == out.is_lane
            for at, view in enumerate(views))

    def _texts(self, views: tuple[View, ...], partial: Any, in_lanes: bool) -> list[str]:
        needed = Symbol.of(partial).python
        return [self.source.read(view, in_lanes) if f"operand_{at}" in needed else "" for at, view in enumerate(views)]

    def _times(self, bar: str, partial: Symbol, texts: list[str], out: str) -> str:
        if partial.number == 1.0:
            return bar
        if partial.number == -1.0:
            return f"-{bar}"
        # A step's value at 0 is a choice made, and a nan in it is a nan in the result: that is found there.
        source = _STEP.sub(r"positive(\1)", self.source.filled(partial, texts, out))
        weak = not (is_plain(source) or _CALL.fullmatch(source))
        return f"{bar} * ({source})" if weak else f"{bar} * {source}"

    # --- adding up ------------------------------------------------------------------------------

    def _give(self, view: View, text: str, has_lanes: bool, is_even: bool = False) -> None:
        """Add a contribution, in the shape of the view, to the adjoint of the block it reads."""
        at = view.block
        assert at is not None
        block = self.plan.blocks[at]
        selection = select(index_of(view), block)
        axes = [*selection.spread, *([len(view.shape)] if has_lanes and not block.is_lane else [])]
        if axes:
            text = f"{text if is_plain(text) else f'({text})'}.sum(axis={axes[0] if len(axes) == 1 else tuple(axes)})"
        if not block.shape and not selection.is_whole:
            # What repeats a single number, or reads it as a row of one.
            kept = len(view.shape) - len(selection.spread)
            text = f"({text}).sum(axis={0 if kept == 1 else tuple(range(kept))})" if kept else text
        if not selection.is_whole and block.shape:
            self._give_part(at, view, selection, text)
        elif at in self._in_parts:
            self._whole_terms.append((at, text))
        else:
            self._add_whole(at, text, is_even)

    def _add_whole(self, at: int, text: str, is_even: bool = False) -> None:
        if at not in self._bars and at in self.source.inlined and is_plain(text):
            self._bars[at] = text  # the sum's adjoint is that of its term
            return
        if at not in self._bars:
            name = self._bars[at] = self._bar_name(at)
            self.lines.append(f"{name} = {text}")
            if is_plain(text) or text.startswith("broadcast_to"):
                self._shared.add(name)
            if is_even:
                self._even.add(name)
            return
        name = self._bars[at]
        self._even.discard(name)
        if at in self._rooms:
            self._rooms[at].add()
        if name in self._shared:
            self.lines.append(f"{name} = {name} + {text}")
            self._shared.discard(name)
        else:
            self.lines.append(f"{name} += {text}")

    def _give_part(self, at: int, view: View, selection: Selection, text: str) -> None:
        block = self.plan.blocks[at]
        if at not in self._bars:
            self._make_room(at)
        bar = self._bars[at]
        self._spread_out(bar, block)
        if bar in self._shared or (len(block.shape) > 1 and bar not in self._in_order):
            # It is another block's adjoint too, or may lie in another order than its parts are views of.
            self.lines.append(f"{bar} = {bar}.copy()")
            self._shared.discard(bar)
            self._in_order.add(bar)
        positions = np.unique(index_of(view))
        repeats = selection.index is not None and len(positions) < selection.index.size
        room = self._rooms.get(at)
        if room and repeats:
            room.add(positions)
        is_first = room is not None and not repeats and room.give(positions)
        sign = "=" if is_first else "+="
        flat = bar if len(block.shape) == 1 else f"{bar}.reshape({shape_text((-1,), block.is_lane)})"
        if selection.index is not None:
            index = self.source.constant("index", selection.index)
            self.lines.append(f"add_at({flat}, {index}, {text})" if repeats else f"{flat}[{index}] {sign} {text}")
        elif not selection.core:
            self.lines.append(f"{flat}[{selection.start}] {sign} {text}")
        else:
            part = self._part_of(at, view, selection)
            self.lines.append(f"{part}[:] = {text}" if is_first else f"{part} += {text}")

    def _part_of(self, at: int, view: View, selection: Selection) -> str:
        """The name of a part of an adjoint."""
        key = (at, index_of(view).tobytes(), view.shape)
        if key not in self._parts:
            given = self.source.named_views.get(key)
            name = self._parts[key] = self.source.fresh(f"{given}_bar" if given else "part", numbered=given is None)
            text = f"{name} = {self.source.expression(self._bars[at], self.plan.blocks[at], selection)}"
            (self._beginning[at][0] if at in self._beginning else self.lines).append(text)
        return self._parts[key]

    def _make_room(self, at: int) -> None:
        """Begin an adjoint that is given part by part."""
        block = self.plan.blocks[at]
        name = self._bars[at] = self._bar_name(at)
        lines = self.top if at in self._wanted else self.lines
        self._rooms[at], self._beginning[at] = Room(math.prod(block.shape)), (lines, len(lines))
        lines.append(f"{name} = zeros({tuple_text(block.shape, block.is_lane)})")
        self._in_order.add(name)


def _column(bar: str, out: Block) -> str:
    if not out.shape:
        return bar
    return f"{bar}[:, None, :]" if out.is_lane else f"{bar}[:, None]"


def _transposed(text: str) -> str:
    return text.removesuffix(".T") if text.endswith(".T") else f"{text}.T"


def _number_or_symbol(view: View, at: int) -> Any:
    return Symbol(f"operand_{at}") if view.number is None else view.number


def _partials_along(op: Primitive, axis: int) -> Any:
    """The partials of a reduction along an axis, in the shape of what is reduced."""

    at_once = op.stacked_partials
    if at_once is not None and axis == 0:
        return at_once
    if at_once is not None:
        return lambda out, terms: np.moveaxis(at_once(out, np.moveaxis(terms, axis, 0)), 0, axis)

    def partials(out: Any, terms: Any) -> Any:
        return np.stack(op.partials_at(out, list(np.moveaxis(terms, axis, 0))), axis=axis)

    return partials
