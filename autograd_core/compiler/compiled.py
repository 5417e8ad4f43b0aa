"""One program: a tape for arguments of one shape, its source, and the functions that the source defines."""

from __future__ import annotations

import itertools
import linecache
import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from autograd_core.compiler.arguments import Argument
from autograd_core.compiler.grouping import plan_of
from autograd_core.compiler.kept import of_last_array, per_thread
from autograd_core.compiler.linear import fuse_linear
from autograd_core.compiler.passes import optimized
from autograd_core.compiler.plan import Plan
from autograd_core.compiler.quick_call import quick_call
from autograd_core.compiler.reverse_source import ReverseSource
from autograd_core.compiler.scalar_source import ScalarSource, in_lists
from autograd_core.compiler.vector_source import VectorSource, function_text
from autograd_core.row import Primitive
from autograd_core.tape import Tape

PARAMETERS = "parameters"
_MOST_SCALAR_LINES = 200
_SMALLEST_GROUPS = 8.0
_LONGEST_FUNCTION = 5_000
_MOST_LINES = 200_000
_count = itertools.count(1)
_ZERO = np.zeros(())  # NumPy takes an array of no axes faster than a float
# As a decorator it takes half the time that it takes as a context.
_RAISING = np.errstate(invalid="raise", divide="raise", over="ignore", under="ignore")
_NUMPY = {
    "zeros": np.zeros, "full": np.full, "empty": np.empty, "outer": np.outer, "einsum": np.einsum, "matmul": np.matmul,
    "broadcast_to": np.broadcast_to, "add_at": np.add.at, "inf": math.inf, "nan": math.nan,
    "positive": lambda x: np.greater(x, _ZERO).astype(np.float64)}


class Compiled:
    """One program: a tape for arguments of one shape, the source made from it, and the function the source defines.

    ``plan`` is None where straight-line Python was written instead of NumPy.  ``called`` are the arguments' names in
    the source, ``rows`` and ``constants`` the operations and the arrays that it names.
    """

    backend = "python"

    def __init__(self, tape: Tape, arguments: Sequence[Argument], name: str, optimize: bool) -> None:
        self.recorded = tape
        self.arguments = tuple(arguments)
        self.parameters = tuple(each.value for each in tape.inputs if each.value is not None)
        self.has_lanes = any(argument.is_lane for argument in arguments)
        self.tape = optimized(tape) if optimize else tape
        first_closed = sum(len(argument.slots) for argument in arguments)
        self._slots = [(argument.name, argument.slots) for argument in arguments if len(argument.slots)]
        if self.parameters:
            name_of_closed = unused(PARAMETERS, {argument.name for argument in arguments})
            self._slots.append((name_of_closed, range(first_closed, len(tape.inputs))))
        # An array keeps its axes, so that a matrix is read as one.
        self._shapes = {
            argument.name: argument.shape for argument in arguments
            if not argument.is_lane and argument.shape and len(argument.shape) > 1 and len(argument.slots) > 1}
        self._wanted = [name for name, _ in self._slots if name not in self._lane_names()]
        self.plan = self._vector_plan(optimize)
        self.rows: dict[str, Primitive] = {}
        self.constants: dict[str, Any] = {}
        self.called: list[str] = []
        self._keeping: dict[str, Callable[[Any], Any]] = {}
        self.value_and_grad: Callable[..., tuple[float, list[Any], list[float]]]
        self.value: Callable[..., float]
        if self.plan is None and len(self.tape) > _MOST_LINES:
            self.source = "# Too many different instructions for source: the tape itself is replayed."
            self.value, self.value_and_grad = self.replayed_value_of, self.replayed_value_and_grad_of
            return
        self.source = self._vector_source() if self.plan else self._scalar_source(not optimize)
        self.filename = f"<compiled {name} {next(_count)}>"
        linecache.cache[self.filename] = (len(self.source), None, self.source.splitlines(keepends=True), self.filename)
        namespace: dict[str, Any] = dict(self._namespace)
        exec(compile(self.source, self.filename, "exec"), namespace)
        for name, keeping in self._keeping.items():
            namespace[name] = keeping(namespace[name])
        raising = _RAISING if self.plan else _as_it_is
        self.value_and_grad, self.value = raising(namespace["value_and_grad"]), raising(namespace["value"])

    def _lane_names(self) -> set[str]:
        return {argument.name for argument in self.arguments if argument.is_lane}

    def _vector_plan(self, optimize: bool) -> Plan | None:
        """The plan, unless straight-line Python will be as fast: few instructions, or few alike."""
        if not self.has_lanes and (not optimize or len(self.tape) <= _MOST_SCALAR_LINES):
            return None
        fused = fuse_linear(self.tape) if optimize else self.tape
        if not self.has_lanes and len(self.tape) < _SMALLEST_GROUPS * fused.depth:
            return None  # even if every depth were one vector instruction
        plan = plan_of(fused, self._slots, self._shapes)
        return plan if self.has_lanes or len(self.tape) >= _SMALLEST_GROUPS * len(plan.instructions) else None

    # --- source ---------------------------------------------------------------------------------

    def _vector_source(self) -> str:
        assert self.plan is not None
        forward = VectorSource(self.plan)
        blocks = {block.source: at for at, block in enumerate(self.plan.blocks) if block.source is not None}
        reverse = ReverseSource(forward, [blocks[name] for name in self._wanted])
        adjoints = reverse.adjoints
        bars = [adjoints.bar_of(blocks[name]) for name in self._wanted]
        self.rows, self.constants = forward.rows_used, forward.constants
        self.called = [forward.names[blocks[name]] for name, _ in self._slots]
        self._namespace = _NUMPY | _functions(forward.rows_used, lambda row: row.array) | forward.constants
        lanes = sorted(self._lane_names() & blocks.keys())
        top = [f"lanes = {forward.names[blocks[lane]]}.shape[-1]" for lane in lanes[:1]]
        value = " + ".join(self._value_text(forward, part) for part in forward.parts or self.plan.outputs[:1])
        extras = [self._value_text(forward, output) for output in self.plan.outputs[1:]]
        last = []
        if value in extras and not value.isidentifier():
            name = forward.fresh("value", numbered=False)
            last.append(f"{name} = {value}")
            extras, value = [name if each == value else each for each in extras], name
        arguments = ", ".join(self.called)
        forward_lines = [*top, *forward.top, *forward.forward]
        room = adjoints.room
        helpers = dict(forward.dividers)
        self._keeping = dict.fromkeys(helpers, of_last_array)
        if len(adjoints.kept) > 1:
            name, given = forward.fresh("room", numbered=False), "lanes" if top else ""
            helpers[name] = function_text(name, given, [*room, f"return {', '.join(adjoints.kept)}"])
            self._keeping[name] = per_thread
            room = [f"{', '.join(adjoints.kept)} = {name}({given})"]
        return "".join([
            *helpers.values(), function_text("value", arguments, [*forward_lines, *last, f"return {value}"]),
            function_text("value_and_grad", arguments, [
                *forward_lines, "# reverse", *room, *adjoints.top, *adjoints.lines, *last, _returned(value, bars, extras)])])

    def _value_text(self, forward: VectorSource, output: tuple[int, int] | float) -> str:
        assert self.plan is not None
        if not isinstance(output, tuple):
            return repr(output)
        block = self.plan.blocks[output[0]]
        text = forward.names[output[0]]
        if block.shape:
            text += f"[{', '.join(map(str, np.unravel_index(output[1], block.shape)))}]"
        return f"{text}.sum() / lanes" if block.is_lane else text

    def _scalar_source(self, exactly: bool) -> str:
        wanted = [slot for name, slots in self._slots for slot in slots]
        is_long = len(self.tape) > _LONGEST_FUNCTION
        source = ScalarSource(self.tape, wanted, exactly, numbered=is_long)
        self.rows = source.rows_used
        self._namespace = {"inf": math.inf, "nan": math.nan} | _functions(source.rows_used, lambda row: row)
        self._namespace |= source.functions
        unpacked = [f"{', '.join(source.names[slot] for slot in slots)}, = {name}"
                    for name, slots in self._argument_names(source)]
        value, *extras = map(source.operand, self.tape.outputs)
        self.called = [name for name, slots in self._argument_names(source)]
        arguments = ", ".join(self.called)
        bars = [f"[{', '.join(source.adjoint(slot) for slot in slots)}]" for _, slots in self._slots]
        if is_long:
            return self._in_functions(source, arguments)
        forward = [*unpacked, *source.forward]
        return (function_text("value", arguments, [*forward, f"return {value}"])
                + function_text("value_and_grad", arguments, [
                    *forward, "# reverse", *source.reverse, _returned(value, bars, extras)]))

    def _in_functions(self, source: ScalarSource, arguments: str) -> str:
        forward, reverse = source.in_functions(_LONGEST_FUNCTION)
        given = ", ".join(f"*{name}" for name, _ in self._argument_names(source))
        begin = [f"s = [{given}] + [0.0] * {len(self.tape)}"]
        begin += [f"forward_{at}(s)" for at in range(1, len(forward) + 1)]
        back = ["b = [0.0] * len(s)", *(f"reverse_{at}(s, b)" for at in range(1, len(reverse) + 1))]
        value, *extras = (in_lists(source.operand(each)) for each in self.tape.outputs)
        bars = [f"b[{slots.start}:{slots.stop}]" for _, slots in self._slots]
        return "\n".join([
            *forward, *reverse, function_text("value", arguments, [*begin, f"return {value}"]),
            function_text("value_and_grad", arguments, [*begin, *back, _returned(value, bars, extras)])])

    def replayed_value_of(self, *inputs: Any) -> float:
        """The value, of a tape too long and too irregular for source."""
        return self.replayed_value(inputs)

    def replayed_value_and_grad_of(self, *inputs: Any) -> tuple[float, list[Any], list[float]]:
        """The value and the gradients, of a tape too long and too irregular for source."""
        return self.replayed_value_and_grad(inputs)

    def _argument_names(self, source: ScalarSource) -> list[tuple[str, range]]:
        # An argument may be called as one of its scalars, or as an operation.
        taken = {*source.names, *self._namespace}
        found = []
        for name, slots in self._slots:
            found.append((unused(name, taken), slots))
            taken.add(found[-1][0])
        return found

    # --- running --------------------------------------------------------------------------------

    def inputs(self, given: Sequence[Any]) -> list[Any]:
        """The arguments as the generated function takes them, closed-over numbers read anew."""
        arrays: list[Any] = [argument.numbers(each) for argument, each in zip(self.arguments, given, strict=True)
                             if len(argument.slots)]
        if self.parameters:
            arrays.append(np.array([value.data for value in self.parameters]))
        return self.laid_out(arrays) if self.plan is not None else [each.tolist() for each in arrays]

    def laid_out(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        """The arguments of NumPy source: in their own shape, a single scalar or its lanes without an axis."""
        return [each.reshape(self._shapes[name]) if name in self._shapes else each[0] if len(each) == 1 else each
                for (name, _), each in zip(self._slots, arrays, strict=True)]

    def run(self, inputs: Sequence[Any], function: Callable[..., Any], instead: Callable[..., Any]) -> Any:
        """What the function gives; where arithmetic fails, what the tape's own replay gives or raises."""
        try:
            found = function(*inputs)
        except (ArithmeticError, ValueError):
            return instead(inputs)
        value = found[0] if isinstance(found, tuple) else found
        return found if math.isfinite(value) else instead(inputs)

    def quickly(self) -> Callable[..., tuple[float, Any] | None] | None:
        """``value_and_grad`` for arguments shaped as on most calls; it gives None where anything is unusual."""
        if self.parameters or not all(len(argument.slots) for argument in self.arguments):
            return None
        return quick_call(self.value_and_grad, self.arguments, self.plan is None)

    def replayed(self, inputs: Sequence[Any], per_lane: bool = False) -> tuple[list[Any], list[Any]]:
        """Every slot's number and adjoint, by the recorded tape: eager's own values and errors."""
        slots = self._spread_out(inputs)
        lanes = next((each.size for each in slots if isinstance(each, np.ndarray)), None)
        scalars = [each if isinstance(each, np.ndarray) else float(each) for each in slots]
        with np.errstate(all="ignore"):
            data = self.recorded.forward(scalars)
            return data, self.recorded.reverse(data, lanes, per_lane)

    def _spread_out(self, inputs: Sequence[Any]) -> list[Any]:
        """One entry per input slot, of what ``laid_out`` or a list has."""
        return [each for (name, slots), given in zip(self._slots, inputs, strict=True)
                for each in (np.ravel(given) if name in self._shapes else
                             given if len(slots) > 1 or self.plan is None else [given])]

    def replayed_value(self, inputs: Sequence[Any]) -> float:
        """The value by the recorded tape."""
        return self.replayed_value_and_grad(inputs)[0]

    def replayed_value_and_grad(self, inputs: Sequence[Any]) -> tuple[float, list[Any], list[float]]:
        """The value, the gradients and the other outputs by the recorded tape."""
        data, adjoints = self.replayed(inputs)
        with np.errstate(all="ignore"):
            value, *extras = [
                float(np.mean(data[each] if type(each) is int else each)) for each in self.recorded.outputs]
        lanes = self._lane_names()
        gradients = [np.array([float(np.sum(adjoints[slot])) for slot in slots])
                     for name, slots in self._slots if name not in lanes]
        return value, gradients, extras


def _as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def unused(name: str, taken: Collection[str]) -> str:
    """The name with as many underscores after it as make it no other's."""
    while name in taken:
        name += "_"
    return name


def _functions(used: dict[str, Primitive], reading: Callable[[Primitive], Any]) -> dict[str, Any]:
    return {name: reading(row) for name, row in used.items()}


def _returned(value: str, bars: Sequence[str], extras: Sequence[str]) -> str:
    return f"return {value}, [{', '.join(bars)}], [{', '.join(extras)}]"
