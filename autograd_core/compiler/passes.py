"""Passes over a tape, each from tape to tape: fold constants, share what is computed twice, drop what is not used."""

from __future__ import annotations

from collections.abc import Sequence

from autograd_core import primitives as rows
from autograd_core.errors import DomainError
from autograd_core.row import Primitive
from autograd_core.tape import Instruction, Operand, Tape

# x + 0, x * 1 and their like are x: the operation, the constant, and whether it must stand on the right.
_UNITS: tuple[tuple[Primitive, float, bool], ...] = (
    (rows.add, 0.0, False), (rows.mul, 1.0, False), (rows.sub, 0.0, True), (rows.div, 1.0, True), (rows.pow, 1.0, True),
)
_RIGHT_UNIT = {(row, unit) for row, unit, _ in _UNITS}
_LEFT_UNIT = {(row, unit) for row, unit, only_right in _UNITS if not only_right}


def fold_constants(tape: Tape) -> Tape:
    """Operations on constants alone become their result, and operations that change nothing their operand.

    What is outside a domain stays, so that the call raises the error.

    >>> from autograd_core.tracing import record
    >>> print(fold_constants(record(lambda x: x * rows.exp(0.0) + (2.0 - 2.0), ["x"])))
    return x
    """
    rewriting = _Rewriting(tape)
    for op, operands in tape.instructions:
        operands = rewriting.moved(operands)
        result: Operand | None = None
        if not any(type(each) is int for each in operands):
            try:
                result = op.on_floats(*operands)
            except DomainError:
                result = None
        elif len(operands) == 2:
            left, right = operands
            if type(right) is float and (op, right) in _RIGHT_UNIT:
                result = left
            elif type(left) is float and (op, left) in _LEFT_UNIT:
                result = right
        if result is None:
            rewriting.keep(op, operands)
        else:
            rewriting.place.append(result)
    return rewriting.finish()


def share_common(tape: Tape) -> Tape:
    """The same operation on the same operands is computed once.

    >>> from autograd_core.tracing import record
    >>> print(share_common(record(lambda x: rows.sin(x) * rows.sin(x), ["x"])))
    v_1 = sin(x)
    v_2 = v_1 * v_1
    return v_2
    """
    rewriting = _Rewriting(tape)
    known: dict[tuple[Primitive, tuple[object, ...]], int] = {}
    for op, operands in tape.instructions:
        operands = rewriting.moved(operands)
        key = (op, _distinct(operands))
        found = known.get(key)
        if found is None:
            known[key] = rewriting.keep(op, operands)
        else:
            rewriting.place.append(found)
    return rewriting.finish()


def drop_dead(tape: Tape) -> Tape:
    """What no output depends on is left out; inputs stay.

    >>> from autograd_core.tracing import record
    >>> def f(x):
    ...     rows.cos(x)
    ...     return rows.sin(x)
    >>> print(drop_dead(record(f, ["x"])))
    v_1 = sin(x)
    return v_1
    """
    first = len(tape.inputs)
    needed = bytearray(first + len(tape))
    for output in tape.outputs:
        if type(output) is int:
            needed[output] = 1
    for at in range(len(tape) - 1, -1, -1):
        if needed[first + at]:
            for operand in tape.instructions[at].operands:
                if type(operand) is int:
                    needed[operand] = 1
    rewriting = _Rewriting(tape)
    for at, (op, operands) in enumerate(tape.instructions):
        if needed[first + at]:
            rewriting.keep(op, rewriting.moved(operands))
        else:
            rewriting.place.append(0.0)
    return rewriting.finish()


def optimized(tape: Tape) -> Tape:
    """All of the passes, in an order in which none makes work for one before it."""
    return drop_dead(share_common(fold_constants(tape)))


class _Rewriting:
    """A new tape in the making; ``place`` says where each old slot went: to a slot or a constant."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.first = len(tape.inputs)
        self.place: list[Operand] = list(range(self.first))
        self.instructions: list[Instruction] = []

    def moved(self, operands: Sequence[Operand]) -> tuple[Operand, ...]:
        place = self.place
        return tuple([place[each] if type(each) is int else each for each in operands])

    def keep(self, op: Primitive, operands: tuple[Operand, ...]) -> int:
        """Keep the next instruction; its new slot."""
        slot = self.first + len(self.instructions)
        self.instructions.append(Instruction(op, operands))
        self.place.append(slot)
        return slot

    def finish(self) -> Tape:
        names: dict[int, str] = {}
        for slot, name in self.tape.names.items():
            if type(place := self.place[slot]) is int:
                names.setdefault(place, name)
        return Tape(self.tape.inputs, tuple(self.instructions), self.moved(self.tape.outputs), names)


def _distinct(operands: tuple[Operand, ...]) -> tuple[object, ...]:
    # 0.0 == -0.0 and nan != nan, and 1.0 == 1: constants are told apart by their digits.
    return tuple([each if type(each) is int else repr(each) for each in operands])
