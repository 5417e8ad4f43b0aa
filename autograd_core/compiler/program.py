"""``compile``: a function of scalars becomes a program that runs at the speed of NumPy or of straight-line Python."""

from __future__ import annotations

import builtins
import gc
import inspect
import itertools
import linecache
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import update_wrapper
from typing import Any

import numpy as np

from autograd_core.compiler.arguments import Argument, lane_count, signature, traced
from autograd_core.compiler.grouping import plan_of
from autograd_core.compiler.linear import fuse_linear
from autograd_core.compiler.passes import optimized
from autograd_core.compiler.plan import Plan
from autograd_core.compiler.reverse_source import ReverseSource
from autograd_core.compiler.scalar_source import ScalarSource
from autograd_core.compiler.vector_source import VectorSource
from autograd_core.errors import OperandError
from autograd_core.row import Primitive
from autograd_core.tape import Tape
from autograd_core.tracing import Recorder
from autograd_core.value import Value

PARAMETERS = "parameters"
_MOST_SCALAR_LINES = 200
_SMALLEST_GROUPS = 8.0
_count = itertools.count(1)
_NUMPY = {"zeros": np.zeros, "full": np.full, "empty": np.empty, "outer": np.outer, "einsum": np.einsum,
          "broadcast_to": np.broadcast_to, "add_at": np.add.at, "inf": math.inf, "nan": math.nan}


class Compiled:
    """One program: a tape for arguments of one shape, the source made from it, and the function the source defines.

    ``plan`` is None where straight-line Python was written instead of NumPy.
    """

    def __init__(self, tape: Tape, arguments: Sequence[Argument], name: str, optimize: bool) -> None:
        self.recorded = tape
        self.arguments = tuple(arguments)
        self.parameters = tuple(each.value for each in tape.inputs if each.value is not None)
        self._differentiated = [argument for argument in arguments if not argument.is_lane]
        self.has_lanes = any(argument.is_lane for argument in arguments)
        self.tape = optimized(tape) if optimize else tape
        first_closed = sum(len(argument.slots) for argument in arguments)
        self._slots = [(argument.name, argument.slots) for argument in arguments]
        if self.parameters:
            self._slots.append((PARAMETERS, range(first_closed, len(tape.inputs))))
        self._wanted = [name for name, _ in self._slots if name not in self._lane_names()]
        self.plan = self._vector_plan(optimize)
        self.source = self._vector_source() if self.plan else self._scalar_source(not optimize)
        self.filename = f"<compiled {name} {next(_count)}>"
        linecache.cache[self.filename] = (len(self.source), None, self.source.splitlines(keepends=True), self.filename)
        namespace: dict[str, Any] = dict(self._namespace)
        exec(builtins.compile(self.source, self.filename, "exec"), namespace)
        self.value_and_grad: Callable[..., tuple[float, list[Any], list[float]]] = namespace["value_and_grad"]
        self.value: Callable[..., float] = namespace["value"]

    def _lane_names(self) -> set[str]:
        return {argument.name for argument in self.arguments if argument.is_lane}

    def _vector_plan(self, optimize: bool) -> Plan | None:
        """The plan, unless straight-line Python will be as fast: few instructions, or few alike."""
        if not self.has_lanes and (not optimize or len(self.tape) <= _MOST_SCALAR_LINES):
            return None
        plan = plan_of(fuse_linear(self.tape) if optimize else self.tape, self._slots)
        is_regular = len(self.tape) >= _SMALLEST_GROUPS * len(plan.instructions)
        return plan if self.has_lanes or is_regular or len(self.tape) > 20_000 else None

    # --- source ---------------------------------------------------------------------------------

    def _vector_source(self) -> str:
        assert self.plan is not None
        forward = VectorSource(self.plan)
        blocks = {block.source: at for at, block in enumerate(self.plan.blocks) if block.source is not None}
        reverse = ReverseSource(forward, [blocks[name] for name in self._wanted if name in blocks])
        bars = [reverse.bar_of(blocks[name]) for name in self._wanted if name in blocks]
        self._namespace = _NUMPY | _functions(forward.rows_used, lambda row: row.array) | forward.constants
        top = [f"lanes = {forward.names[blocks[lane]]}.shape[-1]" for lane in sorted(self._lane_names())][:1]
        value = " + ".join(self._value_text(forward, part) for part in forward.parts or self.plan.outputs[:1])
        extras = [self._value_text(forward, output) for output in self.plan.outputs[1:]]
        arguments = ", ".join(forward.names[blocks[name]] for name, _ in self._slots if name in blocks)
        forward_lines = [*top, *forward.top, *forward.forward]
        return (_function("value", arguments, [*forward_lines, f"return {value}"])
                + _function("value_and_grad", arguments, [
                    *forward_lines, "# reverse", *reverse.lines, _returned(value, bars, extras)]))

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
        source = ScalarSource(self.tape, wanted, exactly)
        self._namespace = {"inf": math.inf, "nan": math.nan} | _functions(source.rows_used, lambda row: row)
        unpacked = [f"{', '.join(source.names[slot] for slot in slots)}, = {name}"
                    for name, slots in self._argument_names(source) if len(slots)]
        value, *extras = map(source.operand, self.tape.outputs)
        arguments = ", ".join(name for name, slots in self._argument_names(source))
        bars = [f"[{', '.join(source.adjoint(slot) for slot in slots)}]" for _, slots in self._slots]
        forward = [*unpacked, *source.forward]
        return (_function("value", arguments, [*forward, f"return {value}"])
                + _function("value_and_grad", arguments, [
                    *forward, "# reverse", *source.reverse, _returned(value, bars, extras)]))

    def _argument_names(self, source: ScalarSource) -> list[tuple[str, range]]:
        taken = set(source.names)
        return [(f"{name}_" if name in taken else name, slots) for name, slots in self._slots]

    # --- running --------------------------------------------------------------------------------

    def inputs(self, given: Sequence[Any]) -> list[Any]:
        """The arguments as the generated function takes them, closed-over numbers read anew."""
        arrays: list[Any] = [argument.numbers(each) for argument, each in zip(self.arguments, given, strict=True)
                             if len(argument.slots)]
        if self.parameters:
            arrays.append(np.array([value.data for value in self.parameters]))
        return self.laid_out(arrays) if self.plan is not None else [each.tolist() for each in arrays]

    @staticmethod
    def laid_out(arrays: Sequence[np.ndarray]) -> list[Any]:
        """The arguments of NumPy source: a single scalar, or its lanes, without the axis of the scalars."""
        return [each[0] if len(each) == 1 else each for each in arrays]

    def run(self, inputs: Sequence[Any], function: Callable[..., Any], instead: Callable[..., Any]) -> Any:
        """What the function gives; where arithmetic fails, what the tape's own replay gives or raises."""
        try:
            with np.errstate(invalid="raise", divide="raise", over="ignore", under="ignore"):
                found = function(*inputs)
        except (ArithmeticError, ValueError):
            return instead(inputs)
        value = found[0] if isinstance(found, tuple) else found
        return found if math.isfinite(value) else instead(inputs)

    def quickly(self) -> Callable[..., tuple[float, Any] | None] | None:
        """``value_and_grad`` for arguments shaped as on most calls; it gives None where anything is unusual."""
        if self.parameters:
            return None
        if self.plan is None and len(self.arguments) == 1 and self.arguments[0].shape:
            return self._of_one_list(self.value_and_grad, self.arguments[0].shape)
        return self._of_several

    @staticmethod
    def _of_one_list(
        function: Callable[..., Any], shape: tuple[int, ...]
    ) -> Callable[..., tuple[float, Any] | None]:
        isfinite, array = math.isfinite, np.array

        def quick(*given: Any) -> tuple[float, Any] | None:
            try:
                (x,) = given
                is_list = type(x) is list
                if not is_list and (type(x) is not np.ndarray or x.shape != shape):
                    return None
                value, gradients, _ = function(x if is_list else x.ravel().tolist())
                if type(value) is not float or not isfinite(value):
                    return None
                return value, gradients[0] if is_list else array(gradients[0]).reshape(shape)
            except (ArithmeticError, ValueError, TypeError):
                return None

        return quick

    def _of_several(self, *given: Any) -> tuple[float, Any] | None:
        if len(given) != len(self.arguments):
            return None
        is_scalar = self.plan is None
        inputs = [argument.quickly(each, is_scalar) for argument, each in zip(self.arguments, given, strict=True)]
        for each in inputs:
            if each is None:
                return None
        if not is_scalar:
            inputs = self.laid_out(inputs)
        try:
            if is_scalar:
                value, gradients, _ = self.value_and_grad(*inputs)
            elif self.has_lanes and not self._have_equal_lanes(inputs):
                return None
            else:
                with np.errstate(invalid="raise", divide="raise", over="ignore", under="ignore"):
                    value, gradients, _ = self.value_and_grad(*inputs)
        except (ArithmeticError, ValueError):
            return None
        if not math.isfinite(value):
            return None
        found = [argument.quick_gradient(each) for argument, each in zip(self._differentiated, gradients, strict=True)]
        return float(value), found[0] if len(found) == 1 else tuple(found)

    def _have_equal_lanes(self, inputs: Sequence[Any]) -> bool:
        counts = [each.shape[-1] for each, argument in zip(inputs, self.arguments, strict=True) if argument.is_lane]
        return counts.count(counts[0]) == len(counts)

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
        filled = [slots for _, slots in self._slots if len(slots)]
        return [each for slots, given in zip(filled, inputs, strict=True)
                for each in (given if len(slots) > 1 or self.plan is None else [given])]

    def replayed_value(self, inputs: Sequence[Any]) -> float:
        """The value by the recorded tape."""
        return self.replayed_value_and_grad(inputs)[0]

    def replayed_value_and_grad(self, inputs: Sequence[Any]) -> tuple[float, list[Any], list[float]]:
        """The value, the gradients and the other outputs by the recorded tape."""
        data, adjoints = self.replayed(inputs)
        value, *extras = [float(np.mean(data[each] if type(each) is int else each)) for each in self.recorded.outputs]
        lanes = self._lane_names()
        gradients = [np.array([float(np.sum(adjoints[slot])) for slot in slots])
                     for name, slots in self._slots if name not in lanes]
        return value, gradients, extras


class Program:
    """A compiled function: ``program(*args)`` is its value.

    It is recorded when first called with arguments of a new shape.  ``tape``, ``plan`` and ``source`` are those of the
    last call.  ``parameters`` are the leaves it closes over, whose numbers are read on every call.
    """

    def __init__(self, f: Callable[..., Any], lanes: Iterable[str], optimize: bool) -> None:
        self.function = f
        self.optimize = optimize
        update_wrapper(self, f)
        self._names = [name for name, each in inspect.signature(f).parameters.items()
                       if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
        self.lanes = (lanes,) if isinstance(lanes, str) else tuple(lanes)
        for lane in self.lanes:
            if lane not in self._names:
                raise OperandError(f"lanes names arguments of {f.__name__}({', '.join(self._names)}); got {lane!r}.")
        self._compiled: dict[object, Compiled] = {}
        self._last: Compiled | None = None
        self._quick: Callable[..., tuple[float, Any] | None] | None = None

    def __call__(self, *arguments: Any, **named: Any) -> float:
        """The value; with lanes the mean over them."""
        given = self._bound(arguments, named)
        compiled = self._for(given)
        return float(compiled.run(compiled.inputs(given), compiled.value, compiled.replayed_value))

    def value_and_grad(self, *arguments: Any, **named: Any) -> tuple[float, Any]:
        """The value and its gradient with respect to the arguments that are no lanes.

        The gradient has the structure of the argument, of several it is a tuple, and that of ``parameters``, where
        there are any, an array after them.
        """
        if self._quick is not None and not named:
            found = self._quick(*arguments)
            if found is not None:
                return found
        given = self._bound(arguments, named)
        compiled = self._for(given)
        inputs = compiled.inputs(given)
        value, found, _ = compiled.run(inputs, compiled.value_and_grad, compiled.replayed_value_and_grad)
        waiting = iter(found)
        gradients = [argument.gradient(np.reshape(next(waiting), -1) if len(argument.slots) else np.zeros(0))
                     for argument in compiled.arguments if not argument.is_lane]
        gradients += [np.reshape(each, -1).copy() for each in waiting]
        return float(value), gradients[0] if len(gradients) == 1 else tuple(gradients)

    def per_example(self, *arguments: Any, **named: Any) -> tuple[np.ndarray, Any]:
        """Every lane's own value, shape (lanes,), and gradient, with the lanes along the first axis."""
        given = self._bound(arguments, named)
        compiled = self._for(given)
        lanes = lane_count(compiled.arguments, given)
        if lanes is None:
            raise OperandError("per_example needs lanes: compile(f, lanes=('x', 'target')).")
        data, adjoints = compiled.replayed(compiled.inputs(given), per_lane=True)
        output = compiled.recorded.outputs[0]
        values = np.broadcast_to(data[output] if type(output) is int else output, lanes).astype(np.float64)
        slots = [argument.slots for argument in compiled.arguments if not argument.is_lane]
        if compiled.parameters:
            slots.append(range(len(compiled.recorded.inputs) - len(compiled.parameters), len(compiled.recorded.inputs)))
        gradients = [np.stack([np.broadcast_to(adjoints[slot], lanes) for slot in each], axis=1) for each in slots]
        return values, gradients[0] if len(gradients) == 1 else tuple(gradients)

    def trace(self, *arguments: Any, **named: Any) -> Compiled:
        """Record the function for arguments of this shape, and return the program."""
        return self._for(self._bound(arguments, named))

    def _bound(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        if len(arguments) == len(self._names) and not named:
            return arguments
        bound = inspect.signature(self.function).bind(*arguments, **named)
        bound.apply_defaults()
        return tuple(bound.arguments[name] for name in self._names)

    def _for(self, given: tuple[Any, ...]) -> Compiled:
        key = tuple([signature(each, name in self.lanes) for name, each in zip(self._names, given, strict=True)])
        found = self._compiled.get(key)
        if found is None:
            with _collector_paused():
                found = self._compiled[key] = self._record(given)
        if self._last is not found:
            self._last, self._quick = found, found.quickly()
        if self.lanes:
            lane_count(found.arguments, given)
        return found

    def _record(self, given: tuple[Any, ...]) -> Compiled:
        recorder = Recorder()
        pairs = [traced(recorder, name, each, name in self.lanes)
                 for name, each in zip(self._names, given, strict=True)]
        result = self.function(*(argument for _, argument in pairs))
        tape = recorder.finish([recorder.slot_of(result, self.function.__name__)])
        return Compiled(tape, [argument for argument, _ in pairs], self.function.__name__, self.optimize)

    def _latest(self, what: str) -> Compiled:
        if self._last is None:
            raise OperandError(f"There is no {what} yet: call the program once, or trace(*arguments).")
        return self._last

    @property
    def tape(self) -> Tape:
        """The instructions, after the passes."""
        return self._latest("tape").tape

    @property
    def plan(self) -> Plan | None:
        """The vector instructions, or None where straight-line Python was written."""
        return self._latest("plan").plan

    @property
    def source(self) -> str:
        """The generated Python."""
        return self._latest("source").source

    @property
    def parameters(self) -> tuple[Value, ...]:
        """The leaves that the function closes over."""
        return self._latest("parameters").parameters

    def __repr__(self) -> str:
        state = f", {len(self._last.tape)} instructions" if self._last else ""
        return f"<compiled {self.function.__name__}{state}>"


def compile(f: Callable[..., Any] | None = None, *, lanes: Iterable[str] = (), optimize: bool = True) -> Any:
    """The program of a function of scalars; also a decorator.

    ``lanes`` names the arguments that have one entry per example along their first axis; the function is written for
    one example, and the program gives the mean over all.  ``optimize=False`` keeps every operation as eager has it.
    Raises :class:`OperandError` where the function needs a number while it is recorded.

    >>> program = compile(lambda w, x, y: (w * x - y) ** 2, lanes=("x", "y"))
    >>> program.value_and_grad(2.0, [1.0, 3.0], [1.0, 5.0])
    (1.0, 4.0)
    """
    if f is None:
        return lambda function: Program(function, lanes, optimize)
    return Program(f, lanes, optimize)


@contextmanager
def _collector_paused() -> Iterator[None]:
    # A recording is many small objects and no cycle; looking for some would take as long as recording.
    was_running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_running:
            gc.enable()


def _functions(used: dict[str, Primitive], reading: Callable[[Primitive], Any]) -> dict[str, Any]:
    return {name: reading(row) for name, row in used.items()}


def _returned(value: str, bars: Sequence[str], extras: Sequence[str]) -> str:
    return f"return {value}, [{', '.join(bars)}], [{', '.join(extras)}]"


def _function(name: str, arguments: str, lines: Sequence[str]) -> str:
    return "\n".join([f"def {name}({arguments}):", *(f"    {line}" for line in lines), ""])


