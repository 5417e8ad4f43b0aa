"""``compile``: a function of scalars becomes a program that runs at the speed of NumPy or of straight-line Python."""

from __future__ import annotations

import gc
import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import update_wrapper
from typing import Any

import numpy as np

from autograd_core.compiler.arguments import Argument, as_given, as_recorded, lane_count, signature, traced
from autograd_core.compiler.compiled import Compiled
from autograd_core.compiler.native import NativeCompiled, NotNativeError
from autograd_core.compiler.plan import Plan
from autograd_core.errors import AnomalyError, OperandError
from autograd_core.extras import require
from autograd_core.tape import Tape
from autograd_core.tracing import Recorder
from autograd_core.value import Value
from autograd_core.watching import anomaly, is_watching_for_nan, observers, recording_lines, refusing_comparisons

_Quick = Callable[..., tuple[float, Any] | None]


class Program:
    """A compiled function: ``program(*args)`` is its value.

    It is recorded when first called with arguments of a new shape.  ``tape``, ``plan`` and ``source`` are those of the
    last call.  ``parameters`` are the leaves it closes over, whose numbers are read on every call.  ``backend`` says
    what runs it.

    Within ``detect_anomaly()`` a call replays the recorded tape, and raises :class:`AnomalyError` at the first nan.
    """

    def __init__(self, f: Callable[..., Any], lanes: Iterable[str], optimize: bool, backend: str = "auto") -> None:
        self.function = f
        self.optimize = optimize
        self._kind = _kind_of(backend, optimize)
        update_wrapper(self, f)
        self._signature = _of_places(f)
        self._names = list(self._signature.parameters)
        self.name: str = getattr(f, "__name__", type(f).__name__)
        self.lanes = tuple(lanes) if hasattr(lanes, "__iter__") and not isinstance(lanes, str) else (lanes,)
        for lane in self.lanes:
            if lane not in self._names:
                raise OperandError(f"lanes names arguments of {self.name}({', '.join(self._names)}); got {lane!r}.")
        self._compiled: dict[object, tuple[Compiled, _Quick]] = {}
        # A pair, which is set at once: another thread may call with arguments of another shape in between.
        self._last: tuple[Compiled | None, _Quick] = (None, _not_quickly)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The value; with lanes the mean over them.

        Of Values it is a Value, as the function itself gives it, so that ``grad(program)`` and a program within a
        program are what they would be without compiling.  Raises :class:`OperandError` for Values beside lanes.
        """
        given = self._bound(arguments, named)
        if any(map(_records, given)):
            if self.lanes:
                raise OperandError(f"{self.name} was compiled with lanes, and takes numbers. {_OF_NUMBERS}")
            return self.function(*given)
        compiled = self._for(given)
        if is_watching_for_nan():
            return self._watched(compiled, given, backward=False)
        return float(compiled.run(compiled.inputs(given), compiled.value, compiled.replayed_value))

    def value_and_grad(self, *arguments: Any, **named: Any) -> tuple[float, Any]:
        """The value and its gradient with respect to the arguments that are no lanes.

        The gradient has the structure of the argument, of several it is a tuple, and that of ``parameters``, where
        there are any, an array after them.  Raises :class:`OperandError` for Values: there is no graph of a gradient.

        >>> compile(lambda w, b, x: (w * x + b) ** 2, lanes="x").value_and_grad(3.0, 1.0, [0.0, 2.0])
        (25.0, (14.0, 8.0))
        """
        if not named and not observers:
            answer = self._last[1](*arguments)
            if answer is not None:
                return answer
        given = self._numbers(arguments, named)
        compiled = self._for(given)
        inputs = compiled.inputs(given)
        if is_watching_for_nan():
            self._watched(compiled, given)
            value, found, _ = compiled.replayed_value_and_grad(inputs)
        else:
            value, found, _ = compiled.run(inputs, compiled.value_and_grad, compiled.replayed_value_and_grad)
        waiting = iter(found)
        gradients = [argument.gradient(np.reshape(next(waiting), -1) if len(argument.slots) else np.zeros(0))
                     for argument in compiled.arguments if not argument.is_lane]
        gradients += [np.reshape(each, -1).copy() for each in waiting]
        return float(value), gradients[0] if len(gradients) == 1 else tuple(gradients)

    def per_example(self, *arguments: Any, **named: Any) -> tuple[np.ndarray, Any]:
        """Every lane's own value, shape (lanes,), and gradient, with the lanes along the first axis.

        That of an argument which is no number, list or array of numbers has shape (lanes, scalars in it).

        >>> compile(lambda w, x: w * x, lanes="x").per_example(2.0, [1.0, 3.0])
        (array([2., 6.]), array([1., 3.]))
        """
        given = self._numbers(arguments, named)
        compiled = self._for(given)
        lanes = lane_count(compiled.arguments, given)
        if lanes is None:
            raise OperandError("per_example needs lanes: compile(f, lanes=('x', 'target')).")
        if compiled.recorded.couples_lanes:
            raise OperandError("batch_mean couples the lanes, so none has a gradient of its own. Ask for the mean's.")
        if is_watching_for_nan():
            self._watched(compiled, given, as_mean=False)
        data, adjoints = compiled.replayed(compiled.inputs(given), per_lane=True)
        output = compiled.recorded.outputs[0]
        values = np.broadcast_to(data[output] if type(output) is int else output, lanes).astype(np.float64)
        ends = [(argument.slots, argument.shape or ()) for argument in compiled.arguments if not argument.is_lane]
        if compiled.parameters:
            count = len(compiled.recorded.inputs)
            ends.append((range(count - len(compiled.parameters), count), (len(compiled.parameters),)))
        gradients = []
        for slots, shape in ends:
            each = np.empty((lanes, len(slots)))
            for at, slot in enumerate(slots):
                each[:, at] = adjoints[slot]
            gradients.append(each.reshape(lanes, *shape) if math.prod(shape) == len(slots) else each)
        return values, gradients[0] if len(gradients) == 1 else tuple(gradients)

    def trace(self, *arguments: Any, **named: Any) -> Compiled:
        """Record the function for arguments of this shape, and return the program."""
        return self._for(self._bound(arguments, named))

    def _bound(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        if len(arguments) != len(self._names) or named:
            bound = self._signature.bind(*arguments, **named)
            bound.apply_defaults()
            arguments = tuple(bound.arguments[name] for name in self._names)
        return tuple(map(as_given, self._names, arguments))

    def _numbers(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        given = self._bound(arguments, named)
        for name, each in zip(self._names, given, strict=True):
            if _records(each):
                raise OperandError(f"{self.name} gives gradients as numbers, of numbers; {name} holds a "
                                   f"{_recording_kind(each)}. {_OF_NUMBERS}")
        return given

    def _for(self, given: tuple[Any, ...]) -> Compiled:
        key = tuple([signature(each, name in self.lanes) for name, each in zip(self._names, given, strict=True)])
        entry = self._compiled.get(key)
        if entry is None:
            with _collector_paused():
                compiled = self._record(given)
            # Two threads may have recorded it; both take the same one.
            entry = self._compiled.setdefault(key, (compiled, compiled.quickly() or _not_quickly))
        self._last = entry
        if self.lanes:
            lane_count(entry[0].arguments, given)
        return entry[0]

    def _record(self, given: tuple[Any, ...]) -> Compiled:
        tape, arguments = self._recorded(given)
        try:
            return self._kind(tape, arguments, self.name, self.optimize)
        except NotNativeError as reason:
            raise OperandError(
                f"{self.name} cannot become machine code: {reason}. Compile it with backend='python'."
            ) from reason

    def _recorded(self, given: tuple[Any, ...]) -> tuple[Tape, list[Argument]]:
        recorder = Recorder()
        pairs = [traced(recorder, name, each, name in self.lanes)
                 for name, each in zip(self._names, given, strict=True)]
        arguments = [argument for argument, _ in pairs]
        lane_count(arguments, given)  # the reason for other errors, where it raises
        try:
            with refusing_comparisons():
                output = recorder.slot_of(self.function(*(given for _, given in pairs)), self.name)
        except Exception as failure:
            failure.add_note(as_recorded(self.name, arguments))
            raise
        return recorder.finish([output]), arguments

    # --- the first nan --------------------------------------------------------------------------

    def _watched(
        self, compiled: Compiled, given: tuple[Any, ...], backward: bool = True, as_mean: bool = True
    ) -> float:
        """The value, by the tape; raises :class:`AnomalyError` at the first nan, with its line where that is known."""
        slots = [each if argument.is_lane else float(each)
                 for argument, own in zip(compiled.arguments, given, strict=True) for each in argument.numbers(own)]
        with suppress(AnomalyError):
            return _value_under_watch(compiled.recorded, slots, backward, as_mean)
        # Noting lines takes longer than recording, so the function is recorded once more when one is asked for.
        return _value_under_watch(self._with_lines(compiled.recorded, given), slots, backward, as_mean)

    def _with_lines(self, tape: Tape, given: tuple[Any, ...]) -> Tape:
        """The tape with the lines that write its operations, where the function still records the same ones."""
        with suppress(Exception), recording_lines():  # a function that cannot be recorded twice has no lines
            again, _ = self._recorded(given)
            if [each.op for each in again.instructions] == [each.op for each in tape.instructions]:
                return replace(tape, lines=again.lines)
        return tape

    def _latest(self, what: str) -> Compiled:
        last, _ = self._last
        if last is None:
            raise OperandError(f"There is no {what} yet: call the program once, or trace(*arguments).")
        return last

    @property
    def tape(self) -> Tape:
        """The instructions, after the passes."""
        return self._latest("tape").tape

    @property
    def plan(self) -> Plan | None:
        """The vector instructions, or None where straight-line Python was written."""
        return self._latest("plan").plan

    @property
    def backend(self) -> str:
        """What runs the program: Python and NumPy, or machine code."""
        return self._kind.backend

    @property
    def source(self) -> str:
        """The generated Python; the loops that were built, where it is machine code."""
        return self._latest("source").source

    @property
    def parameters(self) -> tuple[Value, ...]:
        """The leaves that the function closes over."""
        return self._latest("parameters").parameters

    def __repr__(self) -> str:
        last, _ = self._last
        state = f", {len(last.tape)} instructions" if last is not None else ""
        return f"<compiled {self.name}{state}>"


def compile(
    f: Callable[..., Any] | None = None, *, lanes: Iterable[str] = (), optimize: bool = True, backend: str = "auto"
) -> Any:
    """The program of a function of scalars; also a decorator.

    ``lanes`` names the arguments that have one entry per example along their first axis; the function is written for
    one example, and the program gives the mean over all.  ``optimize=False`` keeps every operation as eager has it.
    Raises :class:`OperandError` where the function needs a number while it is recorded.

    ``backend`` is "python", which runs the source with NumPy or as it is, or "native", which has Numba (the extra
    ``native``) make machine code of it: the first call takes seconds, the next process finds the build in the folder
    AUTOGRAD_CORE_CACHE names.  "auto" is "python", so that the last bits of an answer and the time of a first call
    depend on nothing that happens to be installed.  Raises ImportError without Numba, and :class:`OperandError`, with
    the reason, for a program that it cannot build.

    >>> program = compile(lambda w, x, y: (w * x - y) ** 2, lanes=("x", "y"))
    >>> program.value_and_grad(2.0, [1.0, 3.0], [1.0, 5.0])
    (1.0, 4.0)
    """
    if f is None:
        return lambda function: Program(function, lanes, optimize, backend)
    return Program(f, lanes, optimize, backend)


def _kind_of(backend: str, optimize: bool) -> type[Compiled]:
    if backend not in ("auto", "python", "native"):
        raise OperandError(f"backend is 'auto', 'python' or 'native'; got {backend!r}.")
    if backend != "native":
        return Compiled
    if not optimize:
        raise OperandError("optimize=False keeps eager's every bit, which machine code does not. "
                           "Leave out backend='native' or optimize=False.")
    require("numba", "native", "A program as machine code")
    return NativeCompiled


_OF_NUMBERS = "Give data, such as [w.data for w in weights]; derivatives of any order are those of the function itself."


def _records(given: Any) -> bool:
    """Whether operations on the argument are recorded: a Value, or what holds one."""
    return bool(_recording_kind(given))


def _recording_kind(given: Any) -> str:
    if isinstance(given, np.ndarray):
        given = given.ravel().tolist() if given.dtype == object else ()
    if isinstance(given, (list, tuple, Mapping)):
        parts = given.values() if isinstance(given, Mapping) else given
        return next((kind for each in parts if type(each) is not float and (kind := _recording_kind(each))), "")
    return type(given).__name__ if hasattr(type(given), "apply_primitive") else ""


def _of_places(f: Callable[..., Any]) -> inspect.Signature:
    """The signature, of arguments that have a place; what has only a name keeps its default."""
    found = inspect.signature(f)
    kept = []
    for each in found.parameters.values():
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD):
            kept.append(each)
        elif each.kind is not each.KEYWORD_ONLY or each.default is each.empty:
            raise OperandError(
                f"compile takes functions whose arguments all have a place, such as f(w, x); got {str(each)!r}. "
                "Wrap it: compile(lambda w: f(*w)) takes one list."
            )
    return found.replace(parameters=kept)


def _not_quickly(*arguments: Any) -> None:
    """The quick way of what has none."""


def _value_under_watch(tape: Tape, inputs: list[Any], backward: bool, as_mean: bool) -> float:
    """The value, of lanes their mean; raises where the context watches for nan, at the first one."""
    lanes = next((each.size for each in inputs if isinstance(each, np.ndarray)), None)
    with np.errstate(all="ignore"):
        data = tape.forward(inputs)
        output = tape.outputs[0]
        numbers: Any = data[output] if type(output) is int else output
        value = float(np.mean(numbers))
        if as_mean and np.ndim(numbers) and math.isnan(value) and not np.isnan(numbers).any():
            infinite = np.flatnonzero(np.isinf(numbers))
            pairs = [(f"lane {lane}", float(numbers[lane])) for lane in infinite]
            raise anomaly("mean", pairs, " over the lanes")
        if backward and lanes is not None and not tape.couples_lanes:
            tape.reverse(data, lanes, per_lane=True)  # which names the lane
        if backward and as_mean:
            tape.reverse(data, lanes)
    return value


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
