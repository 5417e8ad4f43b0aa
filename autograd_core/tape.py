"""The Wengert list: a function of scalars recorded once as a list of instructions, and replayed.

A slot is the number of an input or of an instruction's result; operands are slots or constants.  The replay here
is the reference that compiled programs are held to, and what they fall back on when arithmetic fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from autograd_core import primitives as rows
from autograd_core.errors import AnomalyError, OperandError
from autograd_core.names import Name
from autograd_core.row import Primitive, poles_allowed
from autograd_core.symbol import Symbol
from autograd_core.value import Value
from autograd_core.watching import adjoint_anomaly, anomaly, is_watching_for_nan

Operand = int | float


class Instruction(NamedTuple):
    """One operation: an ``int`` operand is a slot, a ``float`` a constant."""

    op: Primitive
    operands: tuple[Operand, ...]


@dataclass(frozen=True)
class Input:
    """One scalar that a tape is given: part of an argument, one per lane, or a closed-over leaf.

    ``value`` is the leaf whose present number is read on every call, None for a part of an argument.
    """

    name: str
    is_lane: bool = False
    value: Value | None = None


@dataclass(frozen=True)
class Tape:
    """Inputs, instructions in an order in which they can be computed, and outputs.

    Input i is slot i, instruction i is slot ``len(inputs) + i``.  The first output is the one to differentiate;
    an output may be a constant.  ``names`` gives slots the names they were recorded under, ``lines`` the lines that
    wrote them, ``file:line``, where they were recorded within ``recording_lines()``.

    Within ``detect_anomaly()`` a replay raises :class:`AnomalyError` at the first slot or adjoint that becomes nan.

    >>> product, result = Instruction(rows.mul, (0, 1)), Instruction(rows.add, (2, 0))
    >>> tape = Tape((Input("x"), Input("y")), (product, result), (3,), {2: "p"})
    >>> print(tape)
    p = x * y
    v_1 = p + x
    return v_1
    >>> tape.forward([2.0, 3.0]), tape.reverse(tape.forward([2.0, 3.0]))
    ([2.0, 3.0, 6.0, 8.0], [4.0, 2.0, 1.0, 1.0])
    """

    inputs: tuple[Input, ...]
    instructions: tuple[Instruction, ...]
    outputs: tuple[Operand, ...]
    names: Mapping[int, str]
    lines: Mapping[int, str] = field(default_factory=dict, compare=False)

    def __len__(self) -> int:
        return len(self.instructions)

    @property
    def lanes(self) -> tuple[bool, ...]:
        """For every slot, whether it has one number per lane."""
        found = [each.is_lane for each in self.inputs]
        for op, operands in self.instructions:
            crosses = op is rows.batch_mean
            found.append(not crosses and any(type(each) is int and found[each] for each in operands))
        return tuple(found)

    @property
    def depth(self) -> int:
        """The number of instructions on the longest way from an input to a result."""
        depth = [0] * (len(self.inputs) + len(self))
        for slot, (_, operands) in enumerate(self.instructions, len(self.inputs)):
            depth[slot] = 1 + max((depth[each] for each in operands if type(each) is int), default=0)
        return max(depth, default=0)

    @property
    def couples_lanes(self) -> bool:
        """Whether a ``batch_mean`` makes a lane's number depend on other lanes."""
        lanes = self.lanes
        return any(op is rows.batch_mean and type(operands[0]) is int and lanes[operands[0]]
                   for op, operands in self.instructions)

    def forward(self, inputs: Sequence[Any] = ()) -> list[Any]:
        """Every slot's number, by the rows; an input may be an array with one number per lane.

        Closed-over leaves, which come last, are read where they are left out.  Raises :class:`OperandError` for
        another number of inputs.
        """
        data = self._all_inputs(inputs)
        is_watched = is_watching_for_nan()
        if is_watched:
            self._require_numbers(data)
        for op, operands in self.instructions:
            data.append(applied(op, [data[each] if type(each) is int else each for each in operands]))
            if is_watched:
                self._require_number(data)
        return data

    def reverse(
        self, data: Sequence[Any], lane_count: int | None = None, per_lane: bool = False, output: int = 0
    ) -> list[Any]:
        """The derivative of an output, counted from 0, to every slot, from ``forward``'s numbers.

        With lanes it is that of the mean over them, or with ``per_lane`` each lane's own, also to what they share.
        """
        adjoints: list[Any] = [0.0] * len(data)
        slot = self.outputs[output]
        if type(slot) is not int:
            return adjoints
        if lane_count is None or not self.lanes[slot]:
            adjoints[slot] = 1.0
        else:
            adjoints[slot] = np.full(lane_count, 1.0 if per_lane else 1.0 / lane_count)
        # What does not lead to the output is left out, as eager has it: an infinite partial would make 0 * inf there.
        reached = {slot}
        for at in range(slot, len(self.inputs) - 1, -1):
            if at not in reached:
                continue
            op, operands = self.instructions[at - len(self.inputs)]
            wanted = [type(each) is int for each in operands]
            if not any(wanted):
                continue
            numbers = [data[each] if type(each) is int else each for each in operands]
            for operand, partial in zip(operands, local_derivatives(op, data[at], numbers, wanted), strict=True):
                if type(operand) is int:
                    reached.add(operand)
                    contribution = adjoints[at] * partial
                    adjoints[operand] = adjoints[operand] + (
                        contribution if per_lane else _spread(contribution, data[operand]))
        if is_watching_for_nan():
            self._require_adjoints(data, adjoints)
        return adjoints

    def _all_inputs(self, given: Sequence[Any]) -> list[Any]:
        missing = self.inputs[len(given):]
        if len(given) > len(self.inputs) or any(each.value is None for each in missing):
            own = [each.name for each in self.inputs if each.value is None]
            raise OperandError(
                f"This tape has {len(own)} inputs of its own ({', '.join(own)}) and {len(self.inputs) - len(own)} "
                f"closed-over leaves; forward got {len(given)} numbers. Give one for each input; the leaves, which "
                "come last, may be left out."
            )
        return [*given, *(each.value.data for each in missing if each.value is not None)]

    # --- the first nan --------------------------------------------------------------------------

    def _require_numbers(self, inputs: Sequence[Any]) -> None:
        for each, number in zip(self.inputs, inputs, strict=True):
            if each.value is None and np.isnan(number).any():  # a leaf's own nan is from before, as with eager's
                raise AnomalyError(f"the input {each.name} is nan{_in_lane(np.isnan(number))}.")

    def _require_number(self, data: Sequence[Any]) -> None:
        """Raise if the last slot is nan in a lane in which no operand is."""
        out, at = data[-1], len(data) - 1
        is_new = np.isnan(out)
        if not is_new.any():
            return
        op, operands = self.instructions[at - len(self.inputs)]
        for each in operands:
            if type(each) is int:
                was_nan = np.isnan(data[each])
                is_new = is_new & ~(was_nan if np.ndim(out) else was_nan.any())
        if is_new.any():
            lane = int(np.argmax(is_new))
            pairs = [(self._name(each), _at_lane(data[each], lane)) if type(each) is int else ("", float(each))
                     for each in operands]
            raise anomaly(op.name, pairs, _in_lane(is_new), self._origin(at))

    def _require_adjoints(self, data: Sequence[Any], adjoints: Sequence[Any]) -> None:
        """Raise for the first adjoint of the sweep that is nan."""
        for at in range(len(data) - 1, -1, -1):
            is_nan = np.isnan(adjoints[at])
            if is_nan.any():
                place = at - len(self.inputs)
                called = self._name(at) or (self.instructions[place].op.name if place >= 0 else "a leaf")
                shown = f"data {_at_lane(data[at], int(np.argmax(is_nan))):.6g}{_in_lane(is_nan)}"
                raise adjoint_anomaly(called, shown, self._origin(at, is_named=True))

    def _name(self, slot: int) -> str:
        return self.inputs[slot].name if slot < len(self.inputs) else self.names.get(slot, "")

    def _origin(self, slot: int, is_named: bool = False) -> str:
        """A sentence on where a slot comes from, as far as it is known."""
        parts = [f"is {self._name(slot)}"] if self._name(slot) and not is_named else []
        parts += [f"was written at {self.lines[slot]}"] if slot in self.lines else []
        return f" It {' and '.join(parts)}." if parts else ""

    def __str__(self) -> str:
        names = slot_names(self)
        lines = []
        for at, (op, operands) in enumerate(self.instructions, len(self.inputs)):
            symbols = [Symbol(names[each]) if type(each) is int else float(each) for each in operands]
            lines.append(f"{names[at]} = {Symbol.applied(op, symbols).python}")
        shown_outputs = ", ".join(names[each] if type(each) is int else repr(each) for each in self.outputs)
        return "\n".join([*lines, f"return {shown_outputs}"])


def applied(op: Primitive, numbers: Sequence[Any]) -> Any:
    """The operation on numbers or lanes of numbers; ``batch_mean`` of one column is the mean over its lanes."""
    if op is rows.batch_mean and isinstance(numbers[0], np.ndarray):
        return float(np.mean(numbers))
    if any(isinstance(each, np.ndarray) for each in numbers):
        return op.on_arrays(*np.broadcast_arrays(*numbers))
    return op.on_floats(*numbers)


def local_derivatives(op: Primitive, out: Any, numbers: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
    """The derivatives of one operation to its wanted operands, on numbers or lanes of numbers."""
    if op is rows.batch_mean and isinstance(numbers[0], np.ndarray):
        return [np.full(numbers[0].shape, 1.0 / (numbers[0].size * len(numbers)))] * len(numbers)
    if not any(isinstance(each, np.ndarray) for each in numbers):
        return op.local_derivatives(out, numbers, wanted)
    with poles_allowed():  # as on floats: a partial outside a domain is its limit, or nan
        return op.partials_at(out, list(np.broadcast_arrays(*numbers)), wanted)


def _spread(contribution: Any, number: Any) -> Any:
    """A contribution in the shape of what it goes to: lanes add up into what they share."""
    if isinstance(number, np.ndarray):
        return contribution
    return float(np.sum(contribution)) if isinstance(contribution, np.ndarray) else contribution


def _at_lane(number: Any, lane: int) -> float:
    return float(number[lane] if isinstance(number, np.ndarray) else number)


def _in_lane(is_bad: Any) -> str:
    """Which lane is the first bad one, in words; nothing where there are no lanes."""
    return f" in lane {int(np.argmax(is_bad))}" if np.ndim(is_bad) else ""


def slot_names(tape: Tape) -> list[str]:
    """A name for every slot, unique, as Python identifiers: the user's, or ``v_1, v_2, ...``."""
    found: list[str] = []
    taken = {row.name for row in rows.TABLE} | {op.name for op, _ in tape.instructions} | RESERVED
    count = 0
    for at in range(len(tape.inputs) + len(tape.instructions)):
        wish = tape.inputs[at].name if at < len(tape.inputs) else tape.names.get(at)
        name = Name.of(wish).identifier if wish else ""
        while not name or name in taken or f"{name}_bar" in taken:
            count += 1
            name = f"v_{count}"
        taken |= {name, f"{name}_bar"}
        found.append(name)
    return found


RESERVED = {"lanes", "inf", "nan", "zeros", "full", "empty", "outer", "einsum", "broadcast_to", "add_at", "positive",
            "matmul", "plus", "fused"}
"""What generated source calls its own."""
