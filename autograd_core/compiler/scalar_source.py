"""Straight-line Python of a tape: one line per instruction, then one per contribution to an adjoint."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from autograd_core import primitives as rows
from autograd_core.row import Primitive, poles_allowed
from autograd_core.symbol import Symbol
from autograd_core.tape import Operand, Tape, slot_names


class _Template(NamedTuple):
    """How an operation is written: its value, and what its adjoint is multiplied by for each operand."""

    value: str
    factors: list[str]


class ScalarSource:
    """The lines that compute a tape's slots by name, and those that add up the adjoints of ``wanted`` slots.

    ``numbered`` calls every slot ``s_0, s_1, ...`` whatever its name.  With ``exactly`` every operation and every
    addition is the one the engine makes, bit for bit; else ``x**2`` is ``x*x`` and sums are added from left to right.
    """

    def __init__(self, tape: Tape, wanted: Collection[int], exactly: bool = False, numbered: bool = False) -> None:
        self.tape = tape
        self.exactly = exactly
        self.names = slot_names(tape) if not numbered else [f"s_{at}" for at in range(len(tape.inputs) + len(tape))]
        self.rows_used: dict[str, Primitive] = {}
        self.functions: dict[str, Any] = {}
        self._own_names = {each for name in self.names for each in (name, f"{name}_bar")}
        self._templates: dict[object, _Template] = {}
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
        texts = [self._factor(each) for each in operands]
        if not self.exactly and len(operands) <= _LONGEST_SUM:
            if op is rows.square or (op is rows.pow and type(operands[1]) is float and operands[1] == 2.0):
                return f"{texts[0]} * {texts[0]}"
            if op is rows.total:
                return " + ".join(texts)
            if op is rows.dot:
                half = len(texts) // 2
                return " + ".join(map("{} * {}".format, texts[:half], texts[half:]))
        return self._template(op, operands).value.format(*texts)

    def _factor(self, operand: Operand) -> str:
        text = self.operand(operand)
        return f"({text})" if text.startswith("-") else text

    def _template(self, op: Primitive, operands: tuple[Operand, ...]) -> _Template:
        """How the operation and its partials are written where its constants are these."""
        key = (op, tuple([None if type(each) is int else repr(each) for each in operands]))
        found = self._templates.get(key)
        if found is None:
            found = self._templates[key] = self._written_template(op, operands)
        return found

    def _written_template(self, op: Primitive, operands: tuple[Operand, ...]) -> _Template:
        symbol = _Unfolded if self.exactly else Symbol
        symbols: list[Any] = [
            symbol(f"operand_{at}") if type(each) is int else float(each) for at, each in enumerate(operands)]
        if _names_all_in_each(op):
            partials: list[Any] = [0.0] * len(operands)
        else:
            with poles_allowed():  # that of (-2)**x to x is nan, not an error
                partials = op.partials_at(symbol("outcome"), symbols, [type(each) is int for each in operands])
        return _Template(
            self._with_fields(Symbol.applied(op, symbols)),
            [self._factor_with_fields(Symbol.of(partial)) if type(each) is int else ""
             for partial, each in zip(partials, operands, strict=True)])

    def _factor_with_fields(self, partial: Symbol) -> str:
        """What follows an adjoint: a factor, nothing for 1, and a lone minus sign for -1."""
        if partial.number in (1.0, -1.0):
            return "" if partial.number == 1.0 else "-"
        text = self._with_fields(partial)
        is_simple = partial.primitive is None and not text.startswith("-")
        return f" * {text}" if is_simple else f" * ({text})"

    def _with_fields(self, symbol: Symbol) -> str:
        waiting = [symbol]
        while waiting:
            each = waiting.pop()
            if each.primitive is not None:
                self.rows_used[each.primitive.name] = each.primitive
                waiting += each.operands
        return _OPERAND.sub(lambda match: "{" + (match[1] or "outcome") + "}", symbol.python)

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
        bar, out = self._bar(slot), self.names[slot]
        texts = [self._factor(each) for each in operands]
        if _names_all_in_each(op):
            factors = self._computed_factors(op, out, texts)
        else:
            factors = self._template(op, operands).factors
        for operand, factor in zip(operands, factors, strict=True):
            if type(operand) is int and self._active[operand]:
                text = f"-{bar}" if factor == "-" else bar + factor.format(*texts, outcome=out)
                self._give(operand, text)

    def _computed_factors(self, op: Primitive, out: str, texts: Sequence[str]) -> list[str]:
        partials = f"{op.name}_partials"
        self.functions[partials] = _partials_of(op)
        found = f"{out}_partials"
        while found in self._own_names:
            found += "_"
        self.reverse.append(f"{found} = {partials}({out}, [{', '.join(texts)}])")
        return [f" * {found}[{at}]" for at in range(len(texts))]

    def in_functions(self, longest: int) -> tuple[list[str], list[str]]:
        """The lines as functions ``forward_1(s), ...`` and ``reverse_1(s, b), ...`` of at most ``longest`` lines.

        Slots lie in the list s and adjoints in the list b, so the names must be numbered.
        """
        return _cut("forward", "s", self.forward, longest), _cut("reverse", "s, b", self.reverse, longest)

    def _give(self, slot: int, text: str) -> None:
        sign = "+=" if slot in self._begun else "="
        self.reverse.append(f"{self._bar(slot)} {sign} {text}")
        self._begun.add(slot)


class _Unfolded(Symbol):
    """A symbol whose operations are those asked for, in the order asked for."""

    __slots__ = ()

    @classmethod
    def apply_primitive(cls, primitive: Primitive, operands: Sequence[Any]) -> Symbol:
        return cls.applied(primitive, operands)


def _names_all_in_each(op: Primitive) -> bool:
    """Whether each partial is made of all operands: written out, they would be as many as their square."""
    return op.arity is None and op not in (rows.total, rows.mean, rows.batch_mean, rows.dot)


def _partials_of(op: Primitive) -> Any:
    def partials(out: float, operands: Sequence[float]) -> list[float]:
        return op.local_derivatives(out, operands, [True] * len(operands))

    return partials


# Python's own compiler does not take a line of a thousand terms.
_LONGEST_SUM = 100
_OPERAND = re.compile(r"\boperand_(\d+)\b|\boutcome\b")
_SLOT = re.compile(r"\bs_(\d+)(_bar)?\b")


def _cut(name: str, arguments: str, lines: Sequence[str], longest: int) -> list[str]:
    functions: list[str] = []
    for start in range(0, len(lines), longest):
        listed = [in_lists(line) for line in lines[start : start + longest]]
        heading = f"def {name}_{len(functions) + 1}({arguments}):"
        functions.append("\n".join([heading, *(f"    {line}" for line in listed)]))
    return functions


def in_lists(line: str) -> str:
    """The line with slots and adjoints as entries of the lists s and b.

    >>> in_lists("s_0_bar += s_2_bar * s_1")
    'b[0] += b[2] * s[1]'
    """
    return _SLOT.sub(lambda match: f"{'b' if match[2] else 's'}[{match[1]}]", line)
