"""Recording: a function is called with scalars of which only the place on a tape is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_core import primitives as rows
from autograd_core.errors import OperandError
from autograd_core.operand_checks import is_number, shown
from autograd_core.row import Primitive
from autograd_core.structures import described, flatten, is_scalar
from autograd_core.sweeps import stamps, topological_order
from autograd_core.tape import Input, Instruction, Operand, Tape
from autograd_core.value import Value
from autograd_core.watching import REPLAYED_CHOICE, is_recording_lines, refusing_comparisons, user_line


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

    # A comparison is data too: 1.0 or 0.0, and nan beside nan.
    def __lt__(self, other: Any) -> Any:
        return _is_greater(other, self, 0.0)

    def __gt__(self, other: Any) -> Any:
        return _is_greater(self, other, 0.0)

    def __le__(self, other: Any) -> Any:
        return _is_greater(other, self, 1.0)

    def __ge__(self, other: Any) -> Any:
        return _is_greater(self, other, 1.0)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Tracer):
            return self is other
        if is_number(other):
            raise OperandError(f"A recorded scalar == {shown(other)} would not be replayed. {REPLAYED_CHOICE}")
        return NotImplemented

    def __hash__(self) -> int:
        return id(self) >> 4

    def __bool__(self) -> bool:
        raise OperandError(
            f"A recorded scalar has no truth value: a branch on it would not be replayed. {REPLAYED_CHOICE}"
        )

    def __float__(self) -> float:
        raise _without_number("float(v) and math.sin(v)")

    def __index__(self) -> int:
        raise _without_number("int(v), range(v) and an entry [v]")

    def __round__(self, digits: int | None = None) -> Any:
        raise _without_number("round(v)")

    def __format__(self, spec: str) -> str:
        if spec:
            raise _without_number(f"a format such as {spec!r}")
        return str(self)

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, operands: Any = (), named: Any = None) -> Any:
        raise _without_number(f"torch's {getattr(function, '__name__', 'functions')}(v)")

    def __iter__(self) -> Any:
        advice = "Give a list, such as [u, v]."
        if any(self.recorder.lanes):
            advice = ("A function with lanes is written for one example, and the program takes the mean over all: "
                      "return what one example gives. Within it the mean over the batch is batch_mean([v]).")
        raise OperandError(f"{self!r} is one number, without entries for mean(v), sum(v) or a loop over v. {advice}")

    @property
    def data(self) -> float:
        raise OperandError(
            "While a function is recorded its scalars have no numbers, so .data cannot be read. "
            f"Return what you want to see. {REPLAYED_CHOICE}"
        )

    def __getattr__(self, attribute: str) -> Any:
        row = rows.find_primitive(attribute)
        if row is not None and row.arity is not None:
            return lambda *operands, **named: row(self, *operands, **named)
        raise AttributeError(f"A recorded scalar has no attribute {attribute!r}.")

    def __repr__(self) -> str:
        return f"<recorded scalar {self.name or self.slot}>"


class Recorder:
    """A tape in the making."""

    def __init__(self) -> None:
        self.inputs: list[Input] = []
        self.lanes: list[bool] = []
        self._arguments: list[int] = []
        self.names: dict[int, str] = {}
        self._lines: dict[int, str] | None = {} if is_recording_lines() else None
        self._pending: list[Instruction] = []
        self._imported: dict[int, Operand] = {}
        self._started = next(stamps)
        self._kept: list[Value] = []
        self._values: dict[int, Value] = {}

    def argument(self, name: str, is_lane: bool) -> Tracer:
        """A new input that is part of an argument."""
        self.inputs.append(Input(name, is_lane))
        self._pending.append(Instruction(_GIVEN, ()))
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
        raise OperandError(f"{what} must return one scalar; it returned {_returned(scalar)}")

    def append(self, op: Primitive, operands: tuple[Operand, ...]) -> Tracer:
        """Record one operation on slots and constants."""
        lanes = self.lanes
        is_lane = False
        for each in operands:
            if type(each) is int and lanes[each]:
                is_lane = op is not rows.batch_mean
                break
        self._pending.append(Instruction(op, operands))
        lanes.append(is_lane)
        if self._lines is not None:
            self._lines[len(lanes) - 1] = user_line()
        return Tracer(self, len(lanes) - 1)

    def _import(self, root: Value) -> Operand:
        """The slot of a Value that the function closes over; its graph is replayed, its leaves are read."""
        if id(root) not in self._imported:
            self.add_graph((root,))
        found: Operand = self._imported[id(root)]
        return found

    def add_graph(self, roots: Iterable[Value]) -> None:
        """Record what the Values were computed from, operands before results.

        A leaf that was made since the recording began is a constant: the next call would make another.
        """
        kept = list({id(root): root for root in roots}.values())
        self._kept += kept  # their ids must stay their own
        for node in topological_order(kept):
            if id(node) in self._imported:
                continue
            if node.op is None and node._stamp > self._started:
                self._imported[id(node)] = node.data
                continue
            if node.op is None:
                self._pending.append(Instruction(_GIVEN, ()))
                self.lanes.append(False)
                slot = len(self.lanes) - 1
                self._values[slot] = node
            else:
                operands = tuple([each if isinstance(each, float) else self._imported[id(each)]
                                  for each in node.operands])
                slot = self.append(node.op, operands).slot
                if self._lines is not None:
                    del self._lines[slot]  # this line only reads it
            if node.name:
                self.names.setdefault(slot, node.name)
            self._imported[id(node)] = slot

    def finish(self, outputs: Iterable[Operand], first: Iterable[Value] = ()) -> Tape:
        """The tape, with the closed-over leaves moved up to the inputs; those in ``first`` come first, in order."""
        rank = {id(value): at for at, value in enumerate(first)}
        leaves = sorted(self._values, key=lambda slot: rank.get(id(self._values[slot]), len(rank)))
        # What was computed before the function ran comes before what it computes, so that adjoints add up as eager's.
        before = [int(self._imported[id(node)]) for node in topological_order(self._kept)
                  if node.op is not None and node._stamp < self._started]
        given = [*self._arguments, *leaves]
        computed = [*before, *sorted(set(range(len(self.lanes))).difference(given, before))]
        new = [0] * len(self.lanes)
        for place, slot in enumerate([*given, *computed]):
            new[slot] = place
        instructions = [self._pending[slot] for slot in computed]
        if new != list(range(len(new))):
            instructions = [Instruction(op, tuple([new[each] if type(each) is int else each for each in operands]))
                            for op, operands in instructions]
        closed = [Input(self._values[slot].name or "", False, self._values[slot]) for slot in leaves]
        return Tape(
            (*self.inputs, *closed), tuple(instructions),
            tuple(new[each] if type(each) is int else each for each in outputs),
            {new[slot]: name for slot, name in self.names.items()},
            {new[slot]: line for slot, line in (self._lines or {}).items()},
        )


_GIVEN: Any = object()


def _returned(result: Any) -> str:
    """What a function returned instead of a scalar, and what to return."""
    if result is None:
        return "None. Is a return missing?"
    if is_scalar(result):
        return f"{shown(result)}."
    shape = getattr(result, "shape", (len(result),))
    if isinstance(result, Mapping) or math.prod(shape) != 1:
        return f"{described(result)}. Return one of its entries, or their total."
    return f"{described(result)}. Return its entry {[0] * len(shape)}."


def _without_number(what: str) -> OperandError:
    return OperandError(
        f"While a function is recorded its scalars have no numbers, so {what} cannot work. "
        "Use this package's functions, sin(v) or v.sin(); print after the call instead of within."
    )


def record(
    what: Callable[..., Any] | Value | Sequence[Value], names: Sequence[str] | Mapping[str, Any] = (),
    lanes: Iterable[str] = (),
) -> Tape:
    """The tape of a function, or of one Value or several with the graph they were computed from.

    ``names`` are those of the function's arguments: scalars; or, as a dict, each with an example of the numbers,
    lists, dicts or arrays it takes, whose scalars are the inputs, in order.  Those in ``lanes`` have one number per
    lane.  The inputs of a graph are its leaves, in the order of ``Graph``, parameters among them; ``forward()`` reads
    their present data, and replays a stale graph too.

    Raises :class:`OperandError` where the function needs a number while it is recorded, or returns no scalar.

    >>> print(record(lambda x, y: (x * y).named("p") + x, ["x", "y"]))
    p = x * y
    v_1 = p + x
    return v_1
    >>> record(lambda w, b: w[0] * w[1] + b, {"w": [0.0, 0.0], "b": 0.0}).forward([2.0, 3.0, 1.0])[-1]
    7.0
    >>> tape = record(Value(3.0, "x") * Value(2.0, "y"))
    >>> tape.reverse(tape.forward())
    [2.0, 3.0, 1.0]
    """
    recorder = Recorder()
    if not callable(what):
        return _of_graph(recorder, [what] if isinstance(what, Value) else what, names)
    within = set(lanes)
    examples = names if isinstance(names, Mapping) else dict.fromkeys(names, 0.0)
    arguments = []
    for name, example in examples.items():
        scalars, rebuild = flatten(example, f"The argument {name}")
        called = [name] if is_scalar(example) else [f"{name}_{{{at}}}" for at in range(len(scalars))]
        arguments.append(rebuild([recorder.argument(each, name in within) for each in called]))
    with refusing_comparisons():
        result = what(*arguments)
    return recorder.finish([recorder.slot_of(result, getattr(what, "__name__", "The function"))])


def _of_graph(recorder: Recorder, outputs: Any, names: Any) -> Tape:
    given = list(outputs) if hasattr(outputs, "__iter__") and not isinstance(outputs, str) else [outputs]
    wrong = [each for each in given if not isinstance(each, Value)]
    if wrong or not given:
        raise OperandError(
            "record takes a function with the names of its arguments, a Value, or a list of Values; got "
            f"{f'{shown(wrong[0])} as an output' if wrong else 'an empty list'}. "
            "Write record(f, ['x', 'y']), record(y) or record([y1, y2])."
        )
    if names:
        raise OperandError(
            f"The inputs of a recorded graph are its leaves, under their own names; got names={shown(names)} besides. "
            "Name the leaves where they are made, Value(1.0, 'x'), and write record(y)."
        )
    recorder.add_graph(given)
    return recorder.finish([recorder.slot_of(each, "A graph") for each in given])


def _is_greater(x: Any, y: Any, at_tie: float) -> Any:
    # Not heaviside(x - y, at_tie): two equal infinities have no difference.
    return rows.heaviside(rows.greater(x, y) - 0.5, at_tie)


def _binary(row: Primitive, left: Any, right: Any) -> Any:
    if type(left) is Tracer and type(right) is Tracer and left.recorder is right.recorder:
        return left.recorder.append(row, (left.slot, right.slot))
    if type(left) is Tracer and type(right) is float:
        return left.recorder.append(row, (left.slot, right))
    for operand in (left, right):
        if not isinstance(operand, (Tracer, Value, int, float, np.generic)) or isinstance(operand, bool):
            return NotImplemented
    return row(left, right)  # which takes numbers of every kind, and says what is none
