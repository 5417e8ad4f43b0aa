"""Passes over a tape, each from tape to tape: fold constants, share what is computed twice, drop what is not used.

A pass that finds nothing to do gives the tape it was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from autograd_core import primitives as rows
from autograd_core.compiler.linear import followed, fuse_linear, moved
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
    replaced: dict[int, Operand] = {}
    for slot, (op, operands) in enumerate(tape.instructions, len(tape.inputs)):
        if replaced and not replaced.keys().isdisjoint(operands):
            operands = _resolved(operands, replaced)
        for each in operands:
            if type(each) is not int:
                break
        else:
            if operands:
                continue
        result = _folded(op, operands)
        if result is not None:
            replaced[slot] = result
    return _without(tape, replaced)


def _folded(op: Primitive, operands: tuple[Operand, ...]) -> Operand | None:
    """What the operation is without computing it on every call, or None."""
    if not any(type(each) is int for each in operands):
        try:
            return op.on_floats(*operands)
        except DomainError:
            return None
    if len(operands) == 2:
        left, right = operands
        if type(right) is float and (op, right) in _RIGHT_UNIT:
            return left
        if type(left) is float and (op, left) in _LEFT_UNIT:
            return right
    return None


def share_common(tape: Tape) -> Tape:
    """The same operation on the same operands is computed once.

    >>> from autograd_core.tracing import record
    >>> print(share_common(record(lambda x: rows.sin(x) * rows.sin(x), ["x"])))
    v_1 = sin(x)
    v_2 = v_1 * v_1
    return v_2
    """
    replaced: dict[int, Operand] = {}
    known: dict[tuple[Primitive, tuple[object, ...]], int] = {}
    for slot, (op, operands) in enumerate(tape.instructions, len(tape.inputs)):
        if replaced and not replaced.keys().isdisjoint(operands):
            operands = _resolved(operands, replaced)
        found = known.setdefault((op, told_apart(operands)), slot)
        if found != slot:
            replaced[slot] = found
    return _without(tape, replaced)


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
    first, count = len(tape.inputs), len(tape.inputs) + len(tape)
    needed = bytearray(count)
    for output in tape.outputs:
        if type(output) is int:
            needed[output] = 1
    for slot, (_, operands) in zip(range(count - 1, -1, -1), reversed(tape.instructions), strict=False):
        if needed[slot]:
            for each in operands:
                if type(each) is int:
                    needed[each] = 1
    return _without(tape, {slot: 0.0 for slot in range(first, count) if not needed[slot]})


def optimized(tape: Tape) -> Tape:
    """All of the passes, in an order in which none makes work for one before it."""
    return drop_dead(share_common(fold_constants(tape)))


class Step(NamedTuple):
    """A pass by its name, and how many instructions there were before and after it."""

    name: str
    before: int
    after: int


def optimization_steps(tape: Tape) -> list[Step]:
    """What each pass leaves of a tape: those of ``optimized``, then ``fuse_linear``, of which plans are made.

    >>> from autograd_core.tracing import record
    >>> tape = record(lambda w, x, y: (w * x - y) * (w * x - y) + w * w * (1.0 / 2.0) + 0.0, ["w", "x", "y"])
    >>> for name, before, after in optimization_steps(tape):
    ...     print(f"{name:14} {before} -> {after}")
    fold_constants 9 -> 8
    share_common   8 -> 6
    drop_dead      6 -> 6
    fuse_linear    6 -> 4
    """
    steps = []
    for change in (fold_constants, share_common, drop_dead, fuse_linear):
        before, tape = tape, change(tape)
        steps.append(Step(change.__name__, len(before), len(tape)))
    return steps


def told_apart(operands: tuple[Operand, ...]) -> tuple[object, ...]:
    """A key for operands: constants by their digits, since 0.0 == -0.0 and nan != nan, and 1.0 == 1, which is a slot.

    >>> told_apart((1, 1.0, -0.0)), told_apart((1, 2))
    ((1, '1.0', '-0.0'), (1, 2))
    """
    for each in operands:
        if type(each) is not int:
            return tuple([each if type(each) is int else repr(each) for each in operands])
    return operands


def _resolved(operands: tuple[Operand, ...], replaced: Mapping[int, Operand]) -> tuple[Operand, ...]:
    return tuple([replaced.get(each, each) if type(each) is int else each for each in operands])


def _without(tape: Tape, replaced: Mapping[int, Operand]) -> Tape:
    """The tape without the instructions of these slots, each replaced by an earlier slot or a constant."""
    if not replaced:
        return tape
    first, start = len(tape.inputs), min(replaced)
    place: list[Operand] = list(range(start))
    kept = list(tape.instructions[: start - first])
    for slot, (op, operands) in enumerate(tape.instructions[start - first :], start):
        if slot in replaced:
            instead = replaced[slot]
            place.append(place[instead] if type(instead) is int else instead)
        else:
            place.append(first + len(kept))
            kept.append(Instruction(op, moved(operands, place)))
    return Tape(tape.inputs, tuple(kept), moved(tape.outputs, place), followed(tape.names, place),
                followed(tape.lines, place))
