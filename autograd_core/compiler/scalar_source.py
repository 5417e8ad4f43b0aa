"""Straight-line Python of a tape: one line per instruction, then one per contribution to an adjoint."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from autograd_core import primitives as rows
from autograd_core.row import Primitive, poles_allowed
from autograd_core.symbol import Symbol
from autograd_core.tape import Operand, Tape, slot_names


class _Monomial(NamedTuple):
    """A number times names: an adjoint, a local derivative, or the product of some."""

    coefficient: float
    factors: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        if not self.factors:
            return repr(self.coefficient)
        product = " * ".join(self.factors)
        if self.coefficient == 1.0:
            return product
        return f"-{product}" if self.coefficient == -1.0 else f"{self.coefficient!r} * {product}"

    def times(self, other: _Monomial) -> _Monomial:
        """The product; numbers are multiplied now, and first, unless that could leave the range of floats."""
        product = self.coefficient * other.coefficient
        is_zero = product == 0.0 and 0.0 in (self.coefficient, other.coefficient)
        if is_zero or 1.0 / _LARGEST_NUMBER <= abs(product) <= _LARGEST_NUMBER:
            return _Monomial(product, self.factors + other.factors)
        return _Monomial(self.coefficient, (*self.factors, f"({other.coefficient!r})", *other.factors))


class _Template(NamedTuple):
    """How an operation is written: its value, and what its adjoint is multiplied by for each operand."""

    value: str
    partials: list[_Monomial | None]


class ScalarSource:
    """The lines that compute a tape's slots by name, and those that add up the adjoints of ``wanted`` slots.

    ``numbered`` takes slots, adjoints and computed partials from lists and a dict: ``s[0]``, ``b[0]``, ``p[0]``.
    With ``exactly`` every operation and every addition is the one the engine makes, bit for bit; else ``x**2`` is
    ``x*x``, sums are added from left to right, and an adjoint that is a number, or another's multiple read once, is no
    line of its own.
    """

    def __init__(self, tape: Tape, wanted: Collection[int], exactly: bool = False, numbered: bool = False) -> None:
        self.tape = tape
        self.exactly = exactly
        self.numbered = numbered
        self.names = slot_names(tape) if not numbered else [f"s[{at}]" for at in range(len(tape.inputs) + len(tape))]
        self.rows_used: dict[str, Primitive] = {}
        self.functions: dict[str, Any] = {}
        self._own_names = {each for name in self.names for each in (name, f"{name}_bar")}
        self._templates: dict[object, _Template] = {}
        self.first = len(tape.inputs)
        self.forward = [f"{self.names[at]} = {self._value(*each)}"
                        for at, each in enumerate(tape.instructions, self.first)]
        self.reverse: list[str] = []
        self._adjoints: dict[int, _Monomial] = {}
        self._active = self._reached(wanted)
        self._waiting = self._contributions()
        self._write_reverse()

    def adjoint(self, slot: int) -> str:
        """A slot's adjoint: its name, or what it is where it has none; 0.0 if nothing depends on it."""
        if slot not in self._adjoints:
            return "0.0"
        # A sweep begins with 0.0, so that it never ends with -0.0.
        return self._adjoints[slot].text + (" + 0.0" if self.exactly else "")

    def operand(self, operand: Operand) -> str:
        """A slot's name or a constant's digits."""
        return self.names[operand] if type(operand) is int else repr(operand)

    def _bar(self, slot: int) -> str:
        return f"b[{slot}]" if self.numbered else f"{self.names[slot]}_bar"

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
            [self._monomial(Symbol.of(partial)) if type(each) is int else None
             for partial, each in zip(partials, operands, strict=True)])

    def _monomial(self, partial: Symbol) -> _Monomial:
        """A local derivative as a number times what else it is made of."""
        if partial.number is not None:
            return _Monomial(partial.number)
        if not self.exactly and partial.primitive is rows.neg:
            return _Monomial(-1.0).times(self._monomial(partial.operands[0]))
        if not self.exactly and partial.primitive is rows.mul:
            left, right = map(self._monomial, partial.operands)
            return left.times(right)
        text = self._with_fields(partial)
        is_simple = _CALL.fullmatch(text) or (partial.primitive is None and not text.startswith("-"))
        return _Monomial(1.0, (text if is_simple else f"({text})",))

    def _with_fields(self, symbol: Symbol) -> str:
        waiting = [symbol]
        while waiting:
            each = waiting.pop()
            if each.primitive is not None:
                self.rows_used[each.primitive.name] = each.primitive
                waiting += each.operands
        return _OPERAND.sub(lambda match: "{" + (match[1] or "outcome") + "}", symbol.python)

    def _contributions(self) -> list[int]:
        """How many terms the adjoint of each slot has: one per place where what the output needs reads it."""
        found = [0] * (self.first + len(self.tape))
        output = self.tape.outputs[0]
        if type(output) is int and self._active[output]:
            found[output] = 1
        for slot in range(self.first + len(self.tape) - 1, self.first - 1, -1):
            if found[slot]:
                for each in self.tape.instructions[slot - self.first][1]:
                    if type(each) is int and self._active[each]:
                        found[each] += 1
        return found

    def _write_reverse(self) -> None:
        output = self.tape.outputs[0]
        if type(output) is not int or not self._active[output]:
            return
        self._give(output, _Monomial(1.0))
        for slot in range(self.first + len(self.tape) - 1, self.first - 1, -1):
            if slot in self._adjoints:
                self._hand_on(slot)

    def _hand_on(self, slot: int) -> None:
        op, operands = self.tape.instructions[slot - self.first]
        bar, out = self._adjoints[slot], self.names[slot]
        texts = [self._factor(each) for each in operands]
        partials = (self._computed_partials(slot, texts) if _names_all_in_each(op)
                    else self._template(op, operands).partials)
        given: dict[tuple[int, tuple[str, ...]], _Monomial] = {}
        for operand, partial in zip(operands, partials, strict=True):
            if type(operand) is not int or partial is None or not self._active[operand]:
                continue
            factors = tuple([each.format(*texts, outcome=out) for each in partial.factors])
            term = bar.times(_Monomial(partial.coefficient, factors))
            key = operand, term.factors
            twice = given[key].coefficient + term.coefficient if key in given else 0.0
            if self.exactly:
                self._give(operand, term)
            elif twice:  # x * x gives 2 x at once
                given[key] = _Monomial(twice, term.factors)
            else:
                if key in given:
                    self._give(operand, given[key])
                given[key] = term
        for (operand, _), term in given.items():
            self._give(operand, term)

    def _computed_partials(self, slot: int, texts: Sequence[str]) -> list[_Monomial | None]:
        op, out = self.tape.instructions[slot - self.first].op, self.names[slot]
        partials = f"{op.name}_partials"
        self.functions[partials] = _partials_of(op)
        found = f"p[{slot}]" if self.numbered else f"{out}_partials"
        while found in self._own_names:
            found += "_"
        self.reverse.append(f"{found} = {partials}({out}, [{', '.join(texts)}])")
        return [_Monomial(1.0, (f"{found}[{at}]",)) for at in range(len(texts))]

    def in_functions(self, longest: int) -> tuple[list[str], list[str]]:
        """The lines, which must be numbered, as functions ``forward_1(s), ...`` and ``reverse_1(s, b, p), ...``.

        Each has at most ``longest`` lines.
        """
        return _cut("forward", "s", self.forward, longest), _cut("reverse", "s, b, p", self.reverse, longest)

    def _give(self, slot: int, term: _Monomial) -> None:
        """Add a term to a slot's adjoint, which gets a line unless it is read as it stands."""
        bar = self._bar(slot)
        if slot in self._adjoints:
            sign, shown = ("-=", _Monomial(-term.coefficient, term.factors)) if term.coefficient < 0 else ("+=", term)
            self.reverse.append(f"{bar} {sign} {shown.text}")
        elif not self.exactly and self._waiting[slot] == 1 and self._reads_as_it_stands(slot, term):
            self._adjoints[slot] = term
        else:
            self.reverse.append(f"{bar} = {term.text}")
            self._adjoints[slot] = _Monomial(1.0, (bar,))

    def _reads_as_it_stands(self, slot: int, term: _Monomial) -> bool:
        """Whether the term costs nothing to read again, or is short and read once."""
        if slot < self.first:
            return not self.numbered  # else adjoints are returned as part of a list
        if len(term.factors) + (abs(term.coefficient) != 1.0) < 2:
            return True
        operands = self.tape.instructions[slot - self.first][1]
        readers = [each for each in operands if type(each) is int and self._active[each]]
        return len(term.factors) <= _LONGEST_PRODUCT and len(readers) == 1


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
_LONGEST_PRODUCT = 4
_LARGEST_NUMBER = 1e50
_OPERAND = re.compile(r"\boperand_(\d+)\b|\boutcome\b")
_CALL = re.compile(r"\w+\([^()]*\)")


def _cut(name: str, arguments: str, lines: Sequence[str], longest: int) -> list[str]:
    functions: list[str] = []
    for start in range(0, len(lines), longest):
        heading = f"def {name}_{len(functions) + 1}({arguments}):"
        functions.append("\n    ".join([heading, *lines[start : start + longest]]))
    return functions
