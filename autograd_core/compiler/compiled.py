"""One program: a tape for arguments of one shape, its source, and the functions that the source defines."""

from __future__ import annotations

import itertools
import linecache
import math
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np

from autograd_core.compiler.arguments import Argument
from autograd_core.compiler.array_program import array_program
from autograd_core.compiler.grouping import groups_of, plan_of
from autograd_core.compiler.linear import fuse_linear
from autograd_core.compiler.passes import optimized
from autograd_core.compiler.plan import Plan
from autograd_core.compiler.program_text import ProgramText
from autograd_core.compiler.quick_call import quick_call
from autograd_core.compiler.scalar_program import scalar_program, unused
from autograd_core.primitives import TABLE
from autograd_core.tape import RESERVED, Instruction, Tape

PARAMETERS = "parameters"
_MOST_SCALAR_LINES = 200
_SMALLEST_GROUPS = 8.0
_MOST_LINES = 200_000
_CALLED = RESERVED | {
    "value", "value_and_grad", "value_in_place", "value_and_grad_in_place", "s", "b", "p",
    *(f"{row.name}_{ending}" for row in TABLE for ending in ("of", "partials"))}
_count = itertools.count(1)
# As a decorator it takes half the time that it takes as a context.
_RAISING = np.errstate(invalid="raise", divide="raise", over="ignore", under="ignore")


class Compiled:
    """One program: a tape for arguments of one shape, the source made from it, and the function the source defines.

    ``plan`` is None where straight-line Python was written instead of NumPy.
    """

    backend = "python"

    def __init__(self, tape: Tape, arguments: Sequence[Argument], name: str, optimize: bool) -> None:
        self.recorded = tape
        self.arguments = tuple(arguments)
        self.parameters = tuple(each.value for each in tape.inputs if each.value is not None)
        self.has_lanes = any(argument.is_lane for argument in arguments)
        tape = _with_names_to_call(tape)
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
        self.plan = self._vector_plan(optimize)
        self.value_and_grad: Callable[..., tuple[float, list[Any], list[float]]]
        self.value: Callable[..., float]
        self.text = self._written(optimize)
        self.source = self.text.source
        if not self.text.namespace:
            self.value, self.value_and_grad = self.replayed_value_of, self.replayed_value_and_grad_of
            return
        self.filename = f"<compiled {name} {next(_count)}>"
        linecache.cache[self.filename] = (len(self.source), None, self.source.splitlines(keepends=True), self.filename)
        # A traceback's frames hold the program, so that what it shows is still there.
        weakref.finalize(self, linecache.cache.pop, self.filename, None).atexit = False
        namespace: dict[str, Any] = dict(self.text.namespace)
        exec(compile(self.source, self.filename, "exec"), namespace)
        for name, keeping in self.text.keeping.items():
            namespace[name] = keeping(namespace[name])
        self.value, self.value_and_grad = (self._function(namespace, name) for name in ("value", "value_and_grad"))

    def _written(self, optimize: bool) -> ProgramText:
        if self.plan is None and len(self.tape) > _MOST_LINES:
            return _replayed("Too many different instructions")
        try:
            if self.plan is not None:
                return array_program(self.plan, [name for name, _ in self._slots], self._lane_names())
            return scalar_program(self.tape, self._slots, not optimize)
        except ArithmeticError:
            return _replayed("A constant is outside an operation's domain")

    def _function(self, namespace: dict[str, Any], name: str) -> Callable[..., Any]:
        """A generated function, with NumPy's errors raised; with lanes, the one made for as many as are given."""
        function: Callable[..., Any] = namespace[name]
        if self.plan is None:
            return function
        few, limit = _RAISING(function), self.text.many_lanes
        if limit is None:
            return few
        many = _RAISING(namespace[f"{name}_in_place"])
        at = next(at for at, (given, _) in enumerate(self._slots) if given in self._lane_names())

        @wraps(function)
        def by_lanes(*inputs: Any) -> Any:
            return (few if inputs[at].shape[-1] < limit else many)(*inputs)

        return by_lanes

    def _lane_names(self) -> set[str]:
        return {argument.name for argument in self.arguments if argument.is_lane}

    def _vector_plan(self, optimize: bool) -> Plan | None:
        """The plan, unless straight-line Python will be as fast: few instructions, or few alike."""
        if not self.has_lanes and (not optimize or len(self.tape) <= _MOST_SCALAR_LINES):
            return None
        fused = fuse_linear(self.tape) if optimize else self.tape
        groups = groups_of(fused, self._slots)
        if self._is_irregular(len(groups)):
            return None  # known before the plan is made, which takes several times as long
        plan = plan_of(fused, self._slots, self._shapes, groups)
        return None if self._is_irregular(len(plan.instructions)) else plan

    def _is_irregular(self, instructions: int) -> bool:
        return not self.has_lanes and len(self.tape) < _SMALLEST_GROUPS * instructions

    def replayed_value_of(self, *inputs: Any) -> float:
        """The value, of a tape too long and too irregular for source."""
        return self.replayed_value(inputs)

    def replayed_value_and_grad_of(self, *inputs: Any) -> tuple[float, list[Any], list[float]]:
        """The value and the gradients, of a tape too long and too irregular for source."""
        return self.replayed_value_and_grad(inputs)

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
        with np.errstate(all="ignore"):
            data = self.recorded.forward(slots)
            return data, self.recorded.reverse(data, lanes, per_lane)

    def _spread_out(self, inputs: Sequence[Any]) -> list[Any]:
        """One entry per input slot, a float or an array of lanes, of what ``laid_out`` or a list has."""
        return [each if isinstance(each, np.ndarray) else float(each)
                for (name, slots), given in zip(self._slots, inputs, strict=True)
                for each in (np.ravel(given) if name in self._shapes else
                             given if len(slots) > 1 or self.plan is None else [given])]

    def replayed_value(self, inputs: Sequence[Any]) -> float:
        """The value by the recorded tape, without a backward pass."""
        output = self.recorded.outputs[0]
        with np.errstate(all="ignore"):
            data = self.recorded.forward(self._spread_out(inputs))
            return float(np.mean(data[output] if type(output) is int else output))

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


def _with_names_to_call(tape: Tape) -> Tape:
    """The tape, a row of one's own under another name where the source calls something else by its name."""
    own = {op for op, _ in tape.instructions}.difference(TABLE)
    renamed = {op: replace(op, name=unused(op.name, _CALLED)) for op in own if op.name in _CALLED}
    if not renamed:
        return tape
    return replace(tape, instructions=tuple([
        Instruction(renamed.get(op, op), operands) for op, operands in tape.instructions]))


def _replayed(reason: str) -> ProgramText:
    return ProgramText(f"# {reason}: the tape itself is replayed.", {}, [], {})
