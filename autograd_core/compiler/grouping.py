"""Grouping: equal instructions at equal depth become one vector instruction, groups of dot products matrix products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autograd_core import primitives as rows
from autograd_core.compiler.plan import Block, Index, Kind, Plan, VectorInstruction, View
from autograd_core.row import Primitive
from autograd_core.tape import Instruction, Operand, Tape

_CONSTANT = -1
_SEVERAL = -2


def plan_of(
    tape: Tape, arguments: Sequence[tuple[str, Sequence[int]]], shapes: Mapping[str, tuple[int, ...]] | None = None
) -> Plan:
    """The plan of a tape whose input slots belong to these arguments, by name.

    The slots of one argument are one block, of the shape given by name or a line of numbers.  Everything else is
    grouped by operation, by depth (the longest way from an input), and by the blocks its operands are in.
    """
    return _Grouping(tape, arguments, shapes or {}).plan()


class _Grouping:
    def __init__(
        self, tape: Tape, arguments: Sequence[tuple[str, Sequence[int]]], shapes: Mapping[str, tuple[int, ...]]
    ) -> None:
        self.tape = tape
        self.first = len(tape.inputs)
        self.lanes = tape.lanes
        count = self.first + len(tape)
        self.block_of = np.full(count, _CONSTANT, dtype=np.intp)
        self.position_of = np.zeros(count, dtype=np.intp)
        self.blocks: list[Block] = []
        self.instructions: list[VectorInstruction] = []
        for name, slots in arguments:
            if len(slots):
                self._new_block(shapes.get(name, _line(len(slots))), slots, name)

    def plan(self) -> Plan:
        for level in self._levels():
            groups: dict[tuple[object, ...], list[int]] = {}
            for slot in level:
                groups.setdefault(self._key(self.tape.instructions[slot - self.first]), []).append(slot)
            for slots in groups.values():
                self._group(slots)
        outputs = tuple(
            (int(self.block_of[each]), int(self.position_of[each])) if type(each) is int else float(each)
            for each in self.tape.outputs
        )
        return Plan(self.tape, tuple(self.blocks), tuple(self.instructions), outputs)

    def _levels(self) -> list[list[int]]:
        depth = [0] * (self.first + len(self.tape))
        levels: list[list[int]] = []
        for slot, (_, operands) in enumerate(self.tape.instructions, self.first):
            deepest = 0
            for each in operands:
                if type(each) is int and depth[each] > deepest:
                    deepest = depth[each]
            depth[slot] = deepest + 1
            if deepest == len(levels):
                levels.append([])
            levels[deepest].append(slot)
        return levels

    def _key(self, instruction: Instruction) -> tuple[object, ...]:
        op, operands = instruction
        if op.arity is not None:
            return (op, *(self._home(each) for each in operands))
        width = len(operands) // op.lists
        lists = [operands[at * width : (at + 1) * width] for at in range(op.lists)]
        return (op, width, *(self._common_home(each) for each in lists))

    def _home(self, operand: Operand) -> int:
        return int(self.block_of[operand]) if type(operand) is int else _CONSTANT

    def _common_home(self, operands: Sequence[Operand]) -> object:
        homes = {self._home(each) for each in operands}
        return homes.pop() if len(homes) == 1 else (_SEVERAL, any(self._is_lane(each) for each in operands))

    def _is_lane(self, operand: Operand) -> bool:
        return type(operand) is int and self.lanes[operand]

    # --- one group ------------------------------------------------------------------------------

    def _group(self, slots: list[int]) -> None:
        op = self.tape.instructions[slots[0] - self.first].op
        table = [self.tape.instructions[slot - self.first].operands for slot in slots]
        if op is rows.dot:
            self._dots(slots, table)
        elif op.arity is None:
            self._reductions(op, slots, table)
        else:
            self._elementwise(op, slots, table)

    def _elementwise(self, op: Primitive, slots: list[int], table: list[tuple[Operand, ...]]) -> None:
        columns = list(zip(*table, strict=True))
        leading = self._leading(columns)
        shape = _line(len(slots))
        if leading is not None:
            order = np.argsort(self.position_of[list(columns[leading])], kind="stable")
            slots = [slots[at] for at in order]
            columns = [tuple(column[at] for at in order) for column in columns]
            block = self.blocks[self._home(columns[leading][0])]
            is_whole = np.array_equal(self.position_of[list(columns[leading])], np.arange(len(block.slots)))
            if is_whole and len(slots) > 1:
                shape = block.shape
        self._append("elementwise", op, shape, slots, [self._view(column, shape) for column in columns])

    def _leading(self, columns: list[tuple[Operand, ...]]) -> int | None:
        """The operand whose order the results keep: one that is computed if there is one, and the widest."""
        candidates = [at for at, column in enumerate(columns) if type(column[0]) is int]
        return max(candidates, key=lambda at: self._weight(columns[at]), default=None)

    def _weight(self, column: tuple[Operand, ...]) -> tuple[bool, int]:
        first = column[0]
        assert type(first) is int
        return first >= self.first, len(set(column))

    def _reductions(self, op: Primitive, slots: list[int], table: list[tuple[Operand, ...]]) -> None:
        if op is rows.batch_mean and len(table[0]) == 1 and self._is_lane(table[0][0]):
            column = tuple(operands[0] for operands in table)
            self._append("lane mean", op, _line(len(slots)), slots, [self._view(column, _line(len(slots)))])
            return
        width = len(table[0])
        flat = [each for operands in table for each in operands]
        order = sorted(range(len(slots)), key=lambda at: self._place(table[at][0]))
        flat = [each for at in order for each in table[at]]
        shape = _line(len(slots))
        view = self._view(flat, (*shape, width))
        self._append("reduction", op, shape, [slots[at] for at in order], [view])

    def _dots(self, slots: list[int], table: list[tuple[Operand, ...]]) -> None:
        half = len(table[0]) // 2
        lefts, rights = _distinct([each[:half] for each in table]), _distinct([each[half:] for each in table])
        both_lanes = any(self._is_lane(each) for each in table[0][:half]) and any(
            self._is_lane(each) for each in table[0][half:])
        if len(lefts) * len(rights) != len(slots) or both_lanes:
            order = sorted(range(len(slots)), key=lambda at: self._place(table[at][half]))
            shape = _line(len(slots))
            matrices = [self._view([each for at in order for each in table[at][start : start + half]],
                                   (*shape, half)) for start in (0, half)]
            self._append("rowwise", rows.dot, shape, [slots[at] for at in order], matrices)
            return
        slot_of = {(operands[:half], operands[half:]): slot for slot, operands in zip(slots, table, strict=True)}
        ordered = [sorted(each, key=lambda operands: self._place(operands[0])) for each in (lefts, rights)]
        if any(self._is_lane(each) for each in table[0][:half]):
            ordered.reverse()
            slot_of = {(right, left): slot for (left, right), slot in slot_of.items()}
        in_order = [slot_of[left, right] for left in ordered[0] for right in ordered[1]]
        height, width = map(len, ordered)
        shape = _line(height) if width == 1 else (height, width)
        left = self._view([each for operands in ordered[0] for each in operands], (height, half) if shape else (half,))
        columns = [operands[at] for at in range(half) for operands in ordered[1]]
        right = self._view(columns, (half,) if width == 1 else (half, width))
        self._append("product", rows.dot, shape, in_order, [left, right])

    def _place(self, operand: Operand) -> tuple[int, int, float]:
        if type(operand) is int:
            return int(self.block_of[operand]), int(self.position_of[operand]), 0.0
        return _CONSTANT, 0, 0.0

    # --- blocks and views -----------------------------------------------------------------------

    def _append(self, kind: Kind, op: Primitive | None, shape: tuple[int, ...], slots: Sequence[int],
                views: Sequence[View], places: tuple[Index, ...] = ()) -> None:
        out = self._new_block(shape, slots, None)
        self.instructions.append(VectorInstruction(kind, op, out, tuple(views), places))

    def _new_block(self, shape: tuple[int, ...], slots: Sequence[int], source: str | None) -> int:
        self.block_of[list(slots)] = len(self.blocks)
        self.position_of[list(slots)] = np.arange(len(slots))
        self.blocks.append(Block(shape, self.lanes[slots[0]], tuple(slots), source))
        return len(self.blocks) - 1

    def _view(self, operands: Sequence[Operand], shape: tuple[int, ...]) -> View:
        """The operands as one view, collected into a block of their own where they lie in several."""
        if not any(type(each) is int for each in operands):
            return View(None, constant=np.array(operands, dtype=np.float64).reshape(shape))
        if all(type(each) is int for each in operands):
            slots = np.array(operands, dtype=np.intp)
            homes = self.block_of[slots]
            if (homes == homes[0]).all():
                return View(int(homes[0]), self.position_of[slots].reshape(shape))
        return self._stacked(operands, shape)

    def _stacked(self, operands: Sequence[Operand], shape: tuple[int, ...]) -> View:
        homes = np.array([self._home(each) for each in operands])
        views, places = [], []
        for home in dict.fromkeys(homes.tolist()):
            at = np.flatnonzero(homes == home)
            chosen = [operands[each] for each in at.tolist()]
            views.append(self._view(chosen, (len(chosen),)))
            places.append(at)
        is_lane = any(self._is_lane(each) for each in operands)
        # These positions are copies: no slot of the tape moves here.
        self.blocks.append(Block(shape, is_lane, (), None))
        out = len(self.blocks) - 1
        self.instructions.append(VectorInstruction("stack", None, out, tuple(views), tuple(places)))
        return View(out, np.arange(len(operands)).reshape(shape))


def _line(count: int) -> tuple[int, ...]:
    """The shape of so many numbers in a row; a single one has no axis."""
    return () if count == 1 else (count,)


def _distinct(lists: Sequence[tuple[Operand, ...]]) -> list[tuple[Operand, ...]]:
    return list(dict.fromkeys(lists))
