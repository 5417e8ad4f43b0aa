"""Grouping: equal instructions at equal depth become one vector instruction, groups of dot products matrix products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autograd_core import primitives as rows
from autograd_core.compiler.passes import told_apart
from autograd_core.compiler.plan import Block, Kind, Plan, VectorInstruction, View
from autograd_core.row import Primitive
from autograd_core.tape import Operand, Tape

Arguments = Sequence[tuple[str, Sequence[int]]]

_CONSTANT = 0
_SEVERAL = -1
_NO_BLOCK = -1


def groups_of(tape: Tape, arguments: Arguments) -> list[list[int]]:
    """The slots of each vector instruction that computes some, in the order of the plan.

    A group has one operation and one depth (the longest way from an input), and reads the same groups and arguments
    at the same places.  To count groups takes a small part of the time of a plan.

    >>> from autograd_core.tracing import record
    >>> tape = record(lambda x, y: rows.sin(x) * rows.sin(y) + rows.cos(x), ["x", "y"])
    >>> groups_of(tape, [("point", range(2))])
    [[2, 3], [5], [4], [6]]
    """
    first = len(tape.inputs)
    home_of = [_CONSTANT] * (first + len(tape))
    depths, lanes = [0], [False]  # of constants, then of each argument and group
    for _, slots in arguments:
        for slot in slots:
            home_of[slot] = len(depths)
        depths.append(0)
        lanes.append(any(tape.inputs[slot].is_lane for slot in slots[:1]))
    given = len(depths)
    known: dict[tuple[object, ...], int] = {}
    groups: list[list[int]] = []
    for slot, (op, operands) in enumerate(tape.instructions, first):
        homes = [home_of[each] if type(each) is int else _CONSTANT for each in operands]
        key = (op, *homes) if op.arity is not None else _key_of_lists(op, homes, depths, lanes)
        home = home_of[slot] = known.setdefault(key, len(depths))
        if home == len(depths):
            depths.append(1 + max([depths[each] for each in homes], default=0))
            lanes.append(op is not rows.batch_mean and any([lanes[each] for each in homes]))
            groups.append([])
        groups[home - given].append(slot)
    return sorted(groups, key=lambda slots: depths[home_of[slots[0]]])


def _key_of_lists(
    op: Primitive, homes: Sequence[int], depths: Sequence[int], lanes: Sequence[bool]
) -> tuple[object, ...]:
    """Operands from several homes are collected first, so it does not matter which."""
    width = len(homes) // op.lists
    lists = [set(homes[at * width : (at + 1) * width]) for at in range(op.lists)]
    depth = max([depths[each] for homes in lists for each in homes], default=0)
    return (op, width, depth, *[
        homes.pop() if len(homes) == 1 else (_SEVERAL, any([lanes[each] for each in homes])) for homes in lists])


def plan_of(
    tape: Tape, arguments: Arguments, shapes: Mapping[str, tuple[int, ...]] | None = None,
    groups: Sequence[Sequence[int]] | None = None,
) -> Plan:
    """The plan of a tape whose input slots belong to these arguments, by name.

    The slots of one argument are one block, of the shape given by name or a line of numbers.  Everything else is
    grouped as ``groups_of`` says, whose result may be given if it is known.
    """
    planning = _Planning(tape, arguments, shapes or {})
    for slots in groups_of(tape, arguments) if groups is None else groups:
        planning.add_group(slots)
    return planning.plan()


class _Planning:
    def __init__(self, tape: Tape, arguments: Arguments, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.tape = tape
        self.first = len(tape.inputs)
        count = self.first + len(tape)
        self.block_of = [_NO_BLOCK] * count
        self.position_of = np.zeros(count, dtype=np.intp)
        self.blocks: list[Block] = []
        self.instructions: list[VectorInstruction] = []
        for name, slots in arguments:
            if len(slots):
                self._new_block(shapes.get(name, _line(len(slots))), tape.inputs[slots[0]].is_lane, slots, name)

    def plan(self) -> Plan:
        outputs = tuple([self._place(each) if type(each) is int else float(each) for each in self.tape.outputs])
        return Plan(self.tape, tuple(self.blocks), tuple(self.instructions), outputs)

    def _home(self, operand: Operand) -> int:
        return self.block_of[operand] if type(operand) is int else _NO_BLOCK

    def _place(self, operand: Operand) -> tuple[int, int]:
        return (self.block_of[operand], int(self.position_of[operand])) if type(operand) is int else (_NO_BLOCK, 0)

    def _is_lane(self, operand: Operand) -> bool:
        home = self._home(operand)
        return home != _NO_BLOCK and self.blocks[home].is_lane

    # --- one group ------------------------------------------------------------------------------

    def add_group(self, slots: Sequence[int]) -> None:
        op = self.tape.instructions[slots[0] - self.first].op
        table = [self.tape.instructions[slot - self.first].operands for slot in slots]
        if op is rows.dot:
            self._dots(slots, table)
        elif op.arity is None:
            self._reductions(op, slots, table)
        else:
            self._elementwise(op, slots, table)

    def _elementwise(self, op: Primitive, slots: Sequence[int], table: list[tuple[Operand, ...]]) -> None:
        columns = list(zip(*table, strict=True))
        leading = self._leading(columns)
        shape = _line(len(slots))
        if leading is not None:
            positions = self.position_of[list(columns[leading])]
            if (positions[1:] < positions[:-1]).any():
                order = np.argsort(positions, kind="stable").tolist()
                slots = [slots[at] for at in order]
                columns = [tuple([column[at] for at in order]) for column in columns]
                positions = positions[order]
            block = self.blocks[self._home(columns[leading][0])]
            if len(slots) > 1 and np.array_equal(positions, np.arange(len(block.slots))):
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

    def _reductions(self, op: Primitive, slots: Sequence[int], table: list[tuple[Operand, ...]]) -> None:
        if op is rows.batch_mean and len(table[0]) == 1 and self._is_lane(table[0][0]):
            column = tuple(operands[0] for operands in table)
            self._append("lane mean", op, _line(len(slots)), slots, [self._view(column, _line(len(slots)))])
            return
        width = len(table[0])
        order = sorted(range(len(slots)), key=lambda at: self._place(table[at][0]))
        flat = [each for at in order for each in table[at]]
        shape = _line(len(slots))
        view = self._view(flat, (*shape, width))
        self._append("reduction", op, shape, [slots[at] for at in order], [view])

    def _dots(self, slots: Sequence[int], table: list[tuple[Operand, ...]]) -> None:
        half = len(table[0]) // 2
        left_is_lane, right_is_lane = (any(map(self._is_lane, part)) for part in (table[0][:half], table[0][half:]))
        sides = [_numbered([each[:half] for each in table]), _numbered([each[half:] for each in table])]
        if left_is_lane:
            sides.reverse()
        (lefts, left_of), (rights, right_of) = sides
        slot_of = dict(zip(zip(left_of, right_of, strict=True), slots, strict=True))
        is_table = len(slot_of) == len(slots) == len(lefts) * len(rights)
        if not is_table or (left_is_lane and right_is_lane):
            order = sorted(range(len(slots)), key=lambda at: self._place(table[at][half]))
            shape = _line(len(slots))
            matrices = [self._view([each for at in order for each in table[at][start : start + half]],
                                   (*shape, half)) for start in (0, half)]
            self._append("rowwise", rows.dot, shape, [slots[at] for at in order], matrices)
            return
        height, width = len(lefts), len(rights)
        down, across = (sorted(range(len(each)), key=lambda at: self._place(each[at][0])) for each in (lefts, rights))
        shape = _line(height) if width == 1 else (height, width)
        left = self._view([each for at in down for each in lefts[at]], (height, half) if shape else (half,))
        columns = [rights[column][row] for row in range(half) for column in across]
        right = self._view(columns, (half,) if width == 1 else (half, width))
        self._append("product", rows.dot, shape, [slot_of[row, column] for row in down for column in across],
                     [left, right])

    # --- blocks and views -----------------------------------------------------------------------

    def _append(self, kind: Kind, op: Primitive, shape: tuple[int, ...], slots: Sequence[int],
                views: Sequence[View]) -> None:
        is_lane = op is not rows.batch_mean and any(
            view.block is not None and self.blocks[view.block].is_lane for view in views)
        out = self._new_block(shape, is_lane, slots, None)
        self.instructions.append(VectorInstruction(kind, op, out, tuple(views)))

    def _new_block(self, shape: tuple[int, ...], is_lane: bool, slots: Sequence[int], source: str | None) -> int:
        block = len(self.blocks)
        for slot in slots:
            self.block_of[slot] = block
        self.position_of[list(slots)] = np.arange(len(slots))
        self.blocks.append(Block(shape, is_lane, tuple(slots), source))
        return block

    def _view(self, operands: Sequence[Operand], shape: tuple[int, ...]) -> View:
        """The operands as one view, collected into a block of their own where they lie in several."""
        homes = set(map(self._home, operands))
        if len(homes) > 1:
            return self._stacked(operands, shape)
        home = homes.pop() if homes else _NO_BLOCK
        if home == _NO_BLOCK:
            return View(None, constant=np.array(operands, dtype=np.float64).reshape(shape))
        return View(home, self.position_of[np.array(operands, dtype=np.intp)].reshape(shape))

    def _stacked(self, operands: Sequence[Operand], shape: tuple[int, ...]) -> View:
        places_in: dict[int, list[int]] = {}
        for at, each in enumerate(operands):
            places_in.setdefault(self._home(each), []).append(at)
        views = tuple([self._view([operands[at] for at in places], (len(places),)) for places in places_in.values()])
        is_lane = any(map(self._is_lane, operands))
        # These positions are copies: no slot of the tape moves here.
        self.blocks.append(Block(shape, is_lane, (), None))
        out = len(self.blocks) - 1
        self.instructions.append(
            VectorInstruction("stack", None, out, views, tuple([np.array(each) for each in places_in.values()])))
        return View(out, np.arange(len(operands)).reshape(shape))


def _line(count: int) -> tuple[int, ...]:
    """The shape of so many numbers in a row; a single one has no axis."""
    return () if count == 1 else (count,)


def _numbered(lists: Sequence[tuple[Operand, ...]]) -> tuple[list[tuple[Operand, ...]], list[int]]:
    """The different lists, and for each list which of them it is."""
    known: dict[tuple[object, ...], int] = {}
    found = [known.setdefault(told_apart(operands), len(known)) for operands in lists]
    first = dict(zip(reversed(found), reversed(lists), strict=True))
    return [first[at] for at in range(len(known))], found
