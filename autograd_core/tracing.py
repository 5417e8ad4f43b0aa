"""Recording: a function is called with scalars of which only the place on a tape is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from autograd_core import primitives as rows
from autograd_core.errors import OperandError
from autograd_core.operand_checks import is_number, shown
from autograd_core.row import Primitive
from autograd_core.sweeps import stamps, topological_order
from autograd_core.tape import Input, Instruction, Operand, Tape
from autograd_core.value import Value


class Tracer:
    """A scalar of which only its place on the tape is known."""

    __slots__ = ("recorder", "slot")

    # Before Value's: rows that are given both record on the tape, which then imports the Value.
    interpreter_level = 1

    def __init__(self, recorder: Recorder, slot: int) -> None:
        self.recorder, self.slot = recorder, slot

    @property
    def is_lane(self) -> bool:
        """Whether it stands for one number per lane."""
        return self.recorder.lanes[self.slot]

    @property
    def name(self) -> str | None:
        """Its name, if it has one."""
        return self.recorder.names.get(self.slot)

    def named(self, name: str) -> Tracer:
        """Name the slot; the name stands in the generated source."""
        self.recorder.names.setdefault(self.slot, name)
        return self

    @staticmethod
    def apply_primitive(primitive: Primitive, operands: Sequence[Any]) -> Any:
        """Record the operation on the tape of the operands."""
        recorder = next(each.recorder for each in operands if isinstance(each, Tracer))
        return recorder.apply(primitive, operands)

    def __add__(self, other: Any) -> Any:
        return _binary(rows.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return _binary(rows.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return _binary(rows.sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return _binary(rows.sub, other, self)

    def __mul__(self, other: Any) -> Any:
        return _binary(rows.mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        return _binary(rows.mul, other, self)

    def __truediv__(self, other: Any) -> Any:
        return _binary(rows.div, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _binary(rows.div, other, self)

    def __pow__(self, other: Any) -> Any:
        return _binary(rows.pow, self, other)

    def __rpow__(self, other: Any) -> Any:
        return _binary(rows.pow, other, self)

    def __neg__(self) -> Any:
        return self.recorder.apply(rows.neg, (self,))

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return rows.abs(self)

    # A comparison is data too: 1.0 or 0.0, as heaviside and greater record it.
    def __lt__(self, other: Any) -> Any:
        return 1.0 - rows.heaviside(self - other, 1.0)

    def __gt__(self, other: Any) -> Any:
        return rows.heaviside(self - other, 0.0)

    def __le__(self, other: Any) -> Any:
        return 1.0 - rows.heaviside(self - other, 0.0)

    def __ge__(self, other: Any) -> Any:
        return rows.heaviside(self - other, 1.0)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Tracer):
            return self is other
        if is_number(other):
            raise OperandError(f"A recorded scalar == {shown(other)} would not be replayed. {_BRANCH}")
        return NotImplemented

    def __hash__(self) -> int:
        return id(self) >> 4

    def __bool__(self) -> bool:
        raise OperandError(f"A recorded scalar has no truth value: a branch on it would not be replayed. {_BRANCH}")

    def __float__(self) -> float:
        raise OperandError(
            "While a function is recorded its scalars have no numbers, so float(v) and math.sin(v) cannot work. "
            "Use this package's functions, sin(v) or v.sin(); print after the call instead of within."
        )

    @property
    def data(self) -> float:
        raise OperandError(
            "While a function is recorded its scalars have no numbers, so .data cannot be read. "
            f"Return what you want to see. {_BRANCH}"
        )

    def __getattr__(self, attribute: str) -> Any:
        row = rows.find_primitive(attribute)
        if row is not None and row.arity is not None:
            return lambda *operands, **named: row(self, *operands, **named)
        raise AttributeError(f"A recorded scalar has no attribute {attribute!r}.")

    def __repr__(self) -> str:
        return f"<recorded scalar {self.name or self.slot}>"


_BRANCH = "For a choice that is replayed write where(condition, a, b), heaviside(x, at_zero), maximum or minimum."


class Recorder:
    """A tape in the making."""

    def __init__(self) -> None:
        self.inputs: list[Input] = []
        self.lanes: list[bool] = []
        self._arguments: list[int] = []
        self.names: dict[int, str] = {}
        self._pending: list[tuple[Primitive, tuple[Any, ...]]] = []
        self._imported: dict[int, Operand] = {}
        self._started = next(stamps)
        self._kept: list[Value] = []
        self._values: dict[int, Value] = {}

    def argument(self, name: str, is_lane: bool) -> Tracer:
        """A new input that is part of an argument."""
        self.inputs.append(Input(name, is_lane))
        self.lanes.append(is_lane)
        self._arguments.append(len(self.lanes) - 1)
        return Tracer(self, self._arguments[-1])

    def apply(self, op: Primitive, operands: Sequence[Any]) -> Tracer:
        """Record one operation on tracers, Values and numbers."""
        slots: list[Any] = []
        for each in operands:
            if isinstance(each, Tracer):
                if each.recorder is not self:
                    raise OperandError(
                        f"{op.name} got scalars of two recordings. Return a scalar from the function instead of "
                        "keeping it, and record both parts in one function."
                    )
                slots.append(each.slot)
            elif isinstance(each, Value):
                slots.append(self._import(each))
            else:
                slots.append(float(each))
        if op is rows.batch_mean and len(slots) > 1 and any(type(each) is int and self.lanes[each] for each in slots):
            raise OperandError(
                f"batch_mean takes one lane variable, over whose lanes it is the mean; it got {len(slots)} operands. "
                "Write batch_mean([x]) for each."
            )
        return self.append(op, tuple(slots))

    def slot_of(self, scalar: Any, what: str) -> Operand:
        """The slot of a result, or the constant it is."""
        if isinstance(scalar, Tracer) and scalar.recorder is self:
            return scalar.slot
        if isinstance(scalar, Value):
            return self._import(scalar)
        if is_number(scalar) and not isinstance(scalar, (bool, complex)):
            return float(scalar)
        raise OperandError(f"{what} must return one scalar; it returned {shown(scalar)}.")

    def append(self, op: Primitive, operands: tuple[Operand, ...]) -> Tracer:
        """Record one operation on slots and constants."""
        lanes = self.lanes
        is_lane = False
        for each in operands:
            if type(each) is int and lanes[each]:
                is_lane = op is not rows.batch_mean
                break
        self._pending.append((op, operands))
        lanes.append(is_lane)
        return Tracer(self, len(lanes) - 1)

    def _import(self, root: Value) -> Operand:
        """The slot of a Value that the function closes over; its graph is replayed, its leaves are read.

        A leaf that the function itself made is a constant: the next call would make another.
        """
        if id(root) not in self._imported:
            self._kept.append(root)  # its id must stay its own
            for node in topological_order((root,)):
                if id(node) in self._imported:
                    continue
                if node.op is None and node._stamp > self._started:
                    self._imported[id(node)] = node.data
                    continue
                if node.op is None:
                    self._pending.append((_LEAF, ()))
                    self.lanes.append(False)
                    slot = len(self.lanes) - 1
                    self._values[slot] = node
                else:
                    operands = tuple([each if isinstance(each, float) else self._imported[id(each)]
                                      for each in node.operands])
                    slot = self.append(node.op, operands).slot
                if node.name:
                    self.names.setdefault(slot, node.name)
                self._imported[id(node)] = slot
        found: Operand = self._imported[id(root)]
        return found

    def finish(self, outputs: Iterable[Operand], first: Iterable[Value] = ()) -> Tape:
        """The tape, with the closed-over leaves moved up to the inputs; those in ``first`` come first, in order."""
        rank = {id(value): at for at, value in enumerate(first)}
        leaves = sorted(self._values, key=lambda slot: rank.get(id(self._values[slot]), len(rank)))
        given = [*self._arguments, *leaves]
        computed = sorted(set(range(len(self.lanes))).difference(given))
        new = [0] * len(self.lanes)
        for place, slot in enumerate([*given, *computed]):
            new[slot] = place
        instructions = tuple([
            Instruction(op, tuple([new[each] if type(each) is int else each for each in operands]))
            for op, operands in self._pending if op is not _LEAF
        ])
        closed = [Input(self._values[slot].name or "", False, self._values[slot]) for slot in leaves]
        return Tape(
            (*self.inputs, *closed), instructions,
            tuple(new[each] if type(each) is int else each for each in outputs),
            {new[slot]: name for slot, name in self.names.items()},
        )


_LEAF: Any = object()


def record(f: Callable[..., Any], names: Sequence[str], lanes: Iterable[str] = ()) -> Tape:
    """The tape of a function of as many scalars as there are names; those in ``lanes`` have one number per lane.

    Raises :class:`OperandError` where the function needs a number while it is recorded, or returns no scalar.

    >>> print(record(lambda x, y: (x * y).named("p") + x, ["x", "y"]))
    p = x * y
    v_1 = p + x
    return v_1
    """
    recorder = Recorder()
    within = set(lanes)
    arguments = [recorder.argument(name, name in within) for name in names]
    result = f(*arguments)
    return recorder.finish([recorder.slot_of(result, getattr(f, "__name__", "The function"))])


def _binary(row: Primitive, left: Any, right: Any) -> Any:
    if type(left) is Tracer and type(right) is Tracer and left.recorder is right.recorder:
        return left.recorder.append(row, (left.slot, right.slot))
    if type(left) is Tracer and type(right) is float:
        return left.recorder.append(row, (left.slot, right))
    for operand in (left, right):
        if not isinstance(operand, (Tracer, Value, int, float, np.generic)) or isinstance(operand, bool):
            return NotImplemented
    return row(left, right)  # which takes numbers of every kind, and says what is none
