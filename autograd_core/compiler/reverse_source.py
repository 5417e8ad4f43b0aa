"""The reverse lines of a plan: each vector instruction hands its adjoint times its partials to what it read."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import numpy as np

from autograd_core import primitives as rows
from autograd_core.compiler.adjoints import Adjoints
from autograd_core.compiler.plan import Block, VectorInstruction, View
from autograd_core.compiler.selection import select, shape_text, tuple_text
from autograd_core.compiler.vector_source import VectorSource, index_of, is_plain
from autograd_core.row import Primitive, poles_allowed
from autograd_core.symbol import Symbol

# Only as a factor or a condition: where the operand is nan, a step is 0 in the one form and nan in the other.
_STEP = re.compile(r"(?:^|(?<=where\())heaviside\(([A-Za-z_]\w*), 0\.0\)(?:$|(?=,))")
_SUMS = (rows.total, rows.mean, rows.batch_mean)
_CALL = re.compile(r"\w+\((?:[^()]|\w+\([^()]*\))*\)")


class ReverseSource:
    """The lines that follow the forward ones, and leave the first output's derivatives in ``adjoints.bar_of(block)``.

    ``wanted`` are the blocks of the arguments to differentiate; nothing else is followed.  ``adjoints`` has the lines.
    """

    def __init__(self, source: VectorSource, wanted: Collection[int]) -> None:
        self.source = source
        self.plan = source.plan
        self._active = self._reached(wanted)
        self.adjoints = Adjoints(source, wanted, self._active)
        for part in source.parts:
            if part[0] in self._active:
                self.adjoints.seed(*part)
        for instruction in reversed(self.plan.instructions):
            bar = self.adjoints.bar_so_far(instruction.out)
            if bar and instruction.out in self._active:
                self._hand_on(instruction, bar)
        self.adjoints.finish()

    def _reached(self, wanted: Collection[int]) -> set[int]:
        active = set(wanted)
        for instruction in self.plan.instructions:
            if any(view.block in active for view in instruction.operands):
                active.add(instruction.out)
        return active

    # --- one instruction ------------------------------------------------------------------------

    def _hand_on(self, instruction: VectorInstruction, bar: str) -> None:
        out = self.plan.blocks[instruction.out]
        scales = instruction.kind == "elementwise" or (
            not out.shape and instruction.kind in ("rowwise", "reduction") and instruction.op not in _SUMS)
        if not scales:
            self.adjoints.spread_out(bar, out)
        if instruction.kind == "product":
            self._through_product(instruction, bar)
        elif instruction.kind == "rowwise":
            left, right = instruction.operands
            column = _column(bar, out)
            for view, other in ((left, right), (right, left)):
                if self._follows(view):
                    text = f"{column} * {self.source.read_full(other, out.is_lane)}"
                    self.adjoints.give(view, text, out.is_lane)
        elif instruction.kind == "stack":
            flat = bar if len(out.shape) == 1 else f"{bar}.reshape({shape_text((-1,), out.is_lane)})"
            for view, places in zip(instruction.operands, instruction.places, strict=True):
                if self._follows(view):
                    self.adjoints.give(view, f"{flat}[{self.source.constant('places', places)}]", out.is_lane)
        elif instruction.kind in ("reduction", "lane mean"):
            self._through_reduction(instruction, bar)
        else:
            self._through_elementwise(instruction, bar)

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
            self.adjoints.give(left, f"einsum('ikn,jkn->ij', {bar}, {other})" if is_cube else text, False)
        if self._follows(right):
            other = read(left, False)
            text = f"einsum('ij,ikn->jkn', {other}, {bar})" if is_cube else f"{_transposed(other)} @ {bar}"
            self.adjoints.give(right, text, in_lanes)

    def _through_dot(self, left: View, right: View, bar: str, in_lanes: bool) -> None:
        """A single dot product; with lanes the right vector has a column for each."""
        read = self.source.read_full
        if left.block is not None and left.block == right.block and np.array_equal(index_of(left), index_of(right)):
            if self._follows(left):
                self.adjoints.give(left, f"2.0 * {bar} * {read(left, False)}", False)
            return
        if self._follows(left):
            other = read(right, in_lanes)
            self.adjoints.give(left, f"{other} @ {bar}" if in_lanes else f"{bar} * {other}", False)
        if self._follows(right):
            other = read(left, False)
            self.adjoints.give(right, f"{other}[:, None] * {bar}" if in_lanes else f"{bar} * {other}", in_lanes)

    def _through_reduction(self, instruction: VectorInstruction, bar: str) -> None:
        (view,) = instruction.operands
        if not self._follows(view):
            return
        out = self.plan.blocks[instruction.out]
        if instruction.kind == "lane mean":
            shape = tuple_text(view.shape, True)
            column = f"{bar}[:, None]" if out.shape else bar
            self.adjoints.give(view, f"broadcast_to({column} / lanes, {shape})", True)
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
        self.adjoints.give(view, text, out.is_lane)

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
            is_even = partial.number is not None and self.adjoints.is_even(bar) and self._may_be_even(view, out)
            if not is_even and not self._is_as_large(partial, views, out):
                self.adjoints.spread_out(bar, out)
            texts = self._texts(views, partial, out.is_lane)
            text = self._times(bar, partial, texts, self.source.names[instruction.out])
            self.adjoints.give(view, text, out.is_lane, is_even)

    def _may_be_even(self, view: View, out: Block) -> bool:
        assert view.block is not None
        block = self.plan.blocks[view.block]
        return (not self.adjoints.bar_so_far(view.block) and block.is_lane == out.is_lane
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
        divisor = _divisor(partial)
        if divisor is not None:
            source = self.source.filled(divisor, texts, out)
            return f"{bar} / {source}" if _is_closed(source) else f"{bar} / ({source})"
        # A step's value at 0 is a choice made, and a nan in it is a nan in the result: that is found there.
        source = _STEP.sub(r"positive(\1)", self.source.filled(partial, texts, out))
        return f"{bar} * {source}" if _is_closed(source) else f"{bar} * ({source})"

def _divisor(partial: Symbol) -> Symbol | None:
    """D where a partial is 1 / D or the square of it: dividing by it at once is one operation less."""
    inner = partial.operands[0] if partial.primitive is rows.square else partial
    if inner.primitive is not rows.div or inner.operands[0].number != 1.0:
        return None
    return inner.operands[1] if inner is partial else rows.square(inner.operands[1])


def _is_closed(text: str) -> bool:
    """Whether an expression is a factor as it stands."""
    return is_plain(text) or _CALL.fullmatch(text) is not None


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
