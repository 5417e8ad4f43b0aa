"""Chains of multiply and add become dot products: the linear combinations that matrix products are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autograd_core import primitives as rows
from autograd_core.row import Primitive
from autograd_core.tape import Instruction, Operand, Tape

_SUMS = {rows.add, rows.sub, rows.total}
# Not differences: in the sum of many, each may be small where the sums of both sides are large.
_OPENED = {rows.add, rows.total, rows.dot, rows.mul}
_ONCE, _OTHERWISE = 1, 2


def fuse_linear(tape: Tape) -> Tape:
    """Every sum of products that is written as a chain becomes one ``dot``, and other long sums one ``total``.

    Inner results that something else uses, or that have a name, stay.  In each product the
    factor that is given comes first, so that equal weights stand in equal places.  Of a sum in lanes, the terms that
    all lanes share are a sum of their own.

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
    """``place`` says where each slot went; ``read`` is ``_ONCE`` if the only reader is a sum, to take it apart."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.first = len(tape.inputs)
        self.lanes = tape.lanes if any(each.is_lane for each in tape.inputs) else []
        self.ranks = [1 if each.is_lane else 0 for each in tape.inputs]
        self.read = self._read()
        self.place: list[Operand] = list(range(self.first))
        self.instructions: list[Instruction] = []

    def _read(self) -> bytearray:
        found = bytearray([_OTHERWISE]) * self.first + bytearray(len(self.tape))
        for slot, (op, operands) in enumerate(self.tape.instructions, self.first):
            if op not in _OPENED:
                found[slot] = _OTHERWISE
            if op in _SUMS:
                for each in operands:
                    if type(each) is int:
                        found[each] = _OTHERWISE if found[each] else _ONCE
            else:
                for each in operands:
                    if type(each) is int:
                        found[each] = _OTHERWISE
        for each in (*self.tape.outputs, *self.tape.names):
            if type(each) is int:
                found[each] = _OTHERWISE
        return found

    def fused(self) -> Tape:
        tape, read, place = self.tape, self.read, self.place
        for slot, (op, operands) in enumerate(tape.instructions, self.first):
            if read[slot] == _ONCE:
                place.append(0.0)  # which nobody asks for
            elif op in _SUMS and self._is_rewritten(op, operands):
                place.append(self._sum(op, operands))
            else:
                place.append(self._put(op, moved(operands, place)))
        return Tape(tape.inputs, tuple(self.instructions), moved(tape.outputs, place), followed(tape.names, place),
                    followed(tape.lines, place))

    def _is_rewritten(self, op: Primitive, operands: tuple[Operand, ...]) -> bool:
        for each in operands:
            if type(each) is int and self.read[each] == _ONCE:
                return True
        return op is rows.total and len(operands) < 2

    def _sum(self, op: Primitive, operands: tuple[Operand, ...]) -> Operand:
        if op is not rows.sub:
            return self._added(self._parts(operands))
        parts, taken = self._parts(operands[:1]), self._parts(operands[1:])
        return self._put(rows.sub, (self._added(parts), self._added(taken)))

    def _parts(self, operands: tuple[Operand, ...]) -> list[Operand]:
        """What a sum adds up: all its products as one, and its single terms."""
        pairs: list[tuple[Operand, ...]] = []
        singles: list[Operand] = []
        waiting = [*reversed(operands)]
        while waiting:
            operand = waiting.pop()
            if type(operand) is not int or self.read[operand] != _ONCE:
                singles.append(operand)
                continue
            op, inner = self.tape.instructions[operand - self.first]
            if op is rows.mul:
                pairs.append(inner)
            elif op is rows.dot:
                half = len(inner) // 2
                pairs += zip(inner[:half], inner[half:], strict=True)
            else:
                waiting += reversed(inner)
        if not self.lanes:
            return self._terms(pairs, singles)
        # What all lanes share is added up once, and not in each of them.
        own = self._terms([pair for pair in pairs if any(map(self._is_lane, pair))],
                          [single for single in singles if self._is_lane(single)])
        shared = self._terms([pair for pair in pairs if not any(map(self._is_lane, pair))],
                             [single for single in singles if not self._is_lane(single)])
        return [*own, self._added(shared)] if own and shared else own or shared

    def _terms(self, pairs: Sequence[tuple[Operand, ...]], singles: Sequence[Operand]) -> list[Operand]:
        return [*([self._products(pairs)] if pairs else []), *moved(tuple(singles), self.place)]

    def _is_lane(self, operand: Operand) -> bool:
        return type(operand) is int and self.lanes[operand]

    def _products(self, pairs: Sequence[tuple[Operand, ...]]) -> Operand:
        factors = moved(tuple([each for pair in pairs for each in pair]), self.place)
        lefts, rights = [*factors[::2]], [*factors[1::2]]
        if any(map(self._rank, lefts)):
            for at, (left, right) in enumerate(zip(lefts, rights, strict=True)):
                if self._rank(right) < self._rank(left):
                    lefts[at], rights[at] = right, left
        return self._put(rows.mul if len(pairs) == 1 else rows.dot, (*lefts, *rights))

    def _rank(self, operand: Operand) -> int:
        if type(operand) is not int:
            return 3
        return self.ranks[operand] if operand < self.first else 2

    def _added(self, parts: list[Operand]) -> Operand:
        if len(parts) > 2:
            return self._put(rows.total, tuple(parts))
        return self._put(rows.add, (parts[0], parts[1])) if len(parts) == 2 else parts[0]

    def _put(self, op: Primitive, operands: tuple[Operand, ...]) -> int:
        self.instructions.append(Instruction(op, operands))
        return self.first + len(self.instructions) - 1


def moved(operands: tuple[Operand, ...], place: Sequence[Operand]) -> tuple[Operand, ...]:
    """The operands after each slot went to its place, another slot or a constant."""
    if len(operands) == 2:  # as most: this is two times faster
        left, right = operands
        return place[left] if type(left) is int else left, place[right] if type(right) is int else right
    return tuple([place[each] if type(each) is int else each for each in operands])


def followed(texts: Mapping[int, str], place: Sequence[Operand]) -> dict[int, str]:
    """What is said of slots, after each went to its place; of several at one place the first is kept."""
    found: dict[int, str] = {}
    for slot, text in texts.items():
        if type(new := place[slot]) is int:
            found.setdefault(new, text)
    return found
