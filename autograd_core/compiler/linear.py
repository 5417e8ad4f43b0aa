"""Chains of multiply and add become dot products: the linear combinations that matrix products are made of."""

from __future__ import annotations

from typing import NamedTuple

from autograd_core import primitives as rows
from autograd_core.row import Primitive
from autograd_core.tape import Instruction, Operand, Tape

_SUMS = {rows.add, rows.sub, rows.total, rows.dot}
# Not differences: in the sum of many, each may be small where the sums of both sides are large.
_OPENED = {rows.add, rows.total, rows.dot, rows.mul}


class _Terms(NamedTuple):
    """A sum, taken apart: products and single terms, those added and those taken away."""

    products: list[tuple[Operand, Operand]]
    singles: list[Operand]
    negative_products: list[tuple[Operand, Operand]]
    negative_singles: list[Operand]


def fuse_linear(tape: Tape) -> Tape:
    """Every sum of products that is written as a chain becomes one ``dot``, and other long sums one ``total``.

    Inner results that something else uses, or that have a name, stay.  In each product the
    factor that is given comes first, so that equal weights stand in equal places.

    >>> from autograd_core.tracing import record
    >>> def f(w_1, w_2, x_1, x_2):
    ...     return x_1.sin() * w_1 + w_2 * x_2.sin() + 1.0
    >>> print(fuse_linear(record(f, ["w_1", "w_2", "x_1", "x_2"])))
    v_1 = sin(x_1)
    v_2 = sin(x_2)
    v_3 = dot([w_1, w_2], [v_1, v_2])
    v_4 = v_3 + 1.0
    return v_4
    """
    return _Fusion(tape).fused()


class _Fusion:
    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.first = len(tape.inputs)
        self.uses = [0] * (self.first + len(tape))
        self.is_inner = bytearray(self.first + len(tape))
        for op, operands in tape.instructions:
            adds = op in _SUMS and op is not rows.dot
            for each in operands:
                if type(each) is int:
                    self.uses[each] += 1
                    self.is_inner[each] = adds
        for each in tape.outputs:
            if type(each) is int:
                self.uses[each] += 1
                self.is_inner[each] = False
        self.place: list[Operand] = list(range(self.first))
        self.instructions: list[Instruction] = []

    def fused(self) -> Tape:
        tape, first = self.tape, self.first
        for at, (op, operands) in enumerate(tape.instructions):
            slot = first + at
            if self._is_opened(slot):
                self.place.append(-1)  # its consumer takes it apart
                continue
            opens = op in _SUMS and op is not rows.dot and any(type(each) is int and self._is_opened(each)
                                                               for each in operands)
            if opens or (op is rows.total and len(operands) < 2):
                self.place.append(self._sum(self._terms(slot)))
            else:
                self.place.append(self._put(op, tuple([self._moved(each) for each in operands])))
        names = {place: name for slot, name in tape.names.items()
                 if type(place := self.place[slot]) is int and place >= 0}
        return Tape(tape.inputs, tuple(self.instructions), tuple(map(self._moved, tape.outputs)), names)

    def _is_opened(self, slot: int) -> bool:
        """Whether a slot only serves one larger sum."""
        if slot < self.first or not self.is_inner[slot] or self.uses[slot] != 1 or slot in self.tape.names:
            return False
        op = self.tape.instructions[slot - self.first].op
        return op in _OPENED

    def _terms(self, root: int) -> _Terms:
        terms = _Terms([], [], [], [])
        waiting: list[tuple[Operand, bool]] = [(root, True)]
        while waiting:
            operand, added = waiting.pop()
            if type(operand) is not int or (operand != root and not self._is_opened(operand)):
                (terms.singles if added else terms.negative_singles).append(operand)
                continue
            op, operands = self.tape.instructions[operand - self.first]
            if op is rows.sub:
                waiting += [(operands[1], not added), (operands[0], added)]
            elif op is rows.mul:
                (terms.products if added else terms.negative_products).append((operands[0], operands[1]))
            elif op is rows.dot:
                half = len(operands) // 2
                pairs = zip(operands[:half], operands[half:], strict=True)
                (terms.products if added else terms.negative_products).extend(pairs)
            else:
                waiting += [(each, added) for each in reversed(operands)]
        return terms

    def _sum(self, terms: _Terms) -> Operand:
        parts = [*self._products(terms.products), *map(self._moved, terms.singles)]
        taken = [*self._products(terms.negative_products), *map(self._moved, terms.negative_singles)]
        return self._put(rows.sub, (self._added(parts), self._added(taken))) if taken else self._added(parts)

    def _products(self, pairs: list[tuple[Operand, Operand]]) -> list[Operand]:
        ordered = [self._given_first(self._moved(left), self._moved(right)) for left, right in pairs]
        if len(ordered) < 2:
            return [self._put(rows.mul, pair) for pair in ordered]
        return [self._put(rows.dot, (*(left for left, _ in ordered), *(right for _, right in ordered)))]

    def _given_first(self, left: Operand, right: Operand) -> tuple[Operand, Operand]:
        return (right, left) if self._rank(right) < self._rank(left) else (left, right)

    def _rank(self, operand: Operand) -> int:
        if type(operand) is not int:
            return 3
        if operand >= self.first:
            return 2
        return 1 if self.tape.inputs[operand].is_lane else 0

    def _added(self, parts: list[Operand]) -> Operand:
        if len(parts) > 2:
            return self._put(rows.total, tuple(parts))
        return self._put(rows.add, (parts[0], parts[1])) if len(parts) == 2 else parts[0]

    def _moved(self, operand: Operand) -> Operand:
        return self.place[operand] if type(operand) is int else operand

    def _put(self, op: Primitive, operands: tuple[Operand, ...]) -> int:
        self.instructions.append(Instruction(op, operands))
        return self.first + len(self.instructions) - 1
