"""Straight-line Python of a tape: one line per instruction, then one per contribution to an adjoint."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from autograd_core import primitives as rows
from autograd_core.row import Primitive
from autograd_core.symbol import Symbol
from autograd_core.tape import Operand, Tape, slot_names


class ScalarSource:
    """The lines that compute a tape's slots by name, and those that add up the adjoints of ``wanted`` slots.

    With ``exactly`` every operation and every addition is the one the engine makes, bit for bit; else ``x**2`` is
    ``x*x`` and sums are added from left to right.
    """

    def __init__(self, tape: Tape, wanted: Collection[int], exactly: bool = False) -> None:
        self.tape = tape
        self.exactly = exactly
        self.names = slot_names(tape)
        self.rows_used: dict[str, Primitive] = {}
        self.first = len(tape.inputs)
        self.forward = [f"{self.names[at]} = {self._value(*each)}"
                        for at, each in enumerate(tape.instructions, self.first)]
        self.reverse: list[str] = []
        self._begun: set[int] = set()
        self._active = self._reached(wanted)
        self._write_reverse()

    def adjoint(self, slot: int) -> str:
        """The name of a slot's adjoint, or 0.0 if nothing depends on it."""
        return self._bar(slot) if slot in self._begun else "0.0"

    def operand(self, operand: Operand) -> str:
        """A slot's name or a constant's digits."""
        return self.names[operand] if type(operand) is int else repr(operand)

    def _bar(self, slot: int) -> str:
        return f"{self.names[slot]}_bar"

    def _reached(self, wanted: Collection[int]) -> bytearray:
        active = bytearray(self.first + len(self.tape))
        for slot in wanted:
            active[slot] = 1
        for slot, (_, operands) in enumerate(self.tape.instructions, self.first):
            active[slot] = any(type(each) is int and active[each] for each in operands)
        return active

    def _value(self, op: Primitive, operands: tuple[Operand, ...]) -> str:
        if not self.exactly:
            if op is rows.pow and operands[1] == 2.0 and type(operands[1]) is float:
                return f"{self.operand(operands[0])} * {self.operand(operands[0])}"
            if op is rows.square:
                return f"{self.operand(operands[0])} * {self.operand(operands[0])}"
            if op is rows.total:
                return " + ".join(map(self._factor, operands))
            if op is rows.dot:
                half = len(operands) // 2
                return " + ".join(f"{self._factor(left)} * {self._factor(right)}"
                                  for left, right in zip(operands[:half], operands[half:], strict=True))
        return self._written(Symbol.applied(op, [self._symbol(each) for each in operands]))

    def _factor(self, operand: Operand) -> str:
        text = self.operand(operand)
        return f"({text})" if text.startswith("-") else text

    def _symbol(self, operand: Operand) -> Any:
        return Symbol(self.names[operand]) if type(operand) is int else float(operand)

    def _written(self, symbol: Symbol) -> str:
        waiting = [symbol]
        while waiting:
            each = waiting.pop()
            if each.primitive is not None:
                self.rows_used[each.primitive.name] = each.primitive
                waiting += each.operands
        return symbol.python

    def _write_reverse(self) -> None:
        output = self.tape.outputs[0]
        if type(output) is not int or not self._active[output]:
            return
        self.reverse.append(f"{self._bar(output)} = 1.0")
        self._begun.add(output)
        for slot in range(self.first + len(self.tape) - 1, self.first - 1, -1):
            if slot in self._begun:
                self._hand_on(slot)

    def _hand_on(self, slot: int) -> None:
        op, operands = self.tape.instructions[slot - self.first]
        wanted = [type(each) is int and bool(self._active[each]) for each in operands]
        if not any(wanted):
            return
        partials = op.partials_at(Symbol(self.names[slot]), [self._symbol(each) for each in operands], wanted)
        for operand, partial, follows in zip(operands, partials, wanted, strict=True):
            if follows:
                assert type(operand) is int
                self._give(operand, self._times(self._bar(slot), Symbol.of(partial)))

    def _times(self, bar: str, partial: Symbol) -> str:
        if partial.number == 1.0:
            return bar
        if partial.number == -1.0:
            return f"-{bar}"
        text = self._written(partial)
        is_simple = partial.primitive is None or text.isidentifier()
        return f"{bar} * {text}" if is_simple and not text.startswith("-") else f"{bar} * ({text})"

    def _give(self, slot: int, text: str) -> None:
        sign = "+=" if slot in self._begun else "="
        self.reverse.append(f"{self._bar(slot)} {sign} {text}")
        self._begun.add(slot)
