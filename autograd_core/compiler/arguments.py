"""Arguments of a compiled function: their structure, their scalars as one array, and gradients in their shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from autograd_core.errors import OperandError
from autograd_core.structures import OF_BOOLS, Rebuild, described, flatten, flatten_like, is_scalar, with_plain_arrays
from autograd_core.tracing import Recorder
from autograd_core.value import Value


@dataclass(frozen=True)
class Argument:
    """One argument of a function: its name, the slots of its scalars, and how they are put together.

    ``example`` is a structure of this shape; of a lane argument it is that of one lane.
    """

    name: str
    is_lane: bool
    slots: range
    example: Any
    rebuild: Rebuild

    def numbers(self, given: Any) -> np.ndarray:
        """The scalars as float64: shape (scalars,), or (scalars, lanes) for a lane argument."""
        if self.is_lane:
            return self._columns(given)
        if isinstance(given, np.ndarray) and given.dtype == np.float64:
            return given.reshape(-1)
        return np.array([number_of(each) for each in flatten(given, self.what)[0]])

    @cached_property
    def shape(self) -> tuple[int, ...] | None:
        """That of an array, of a flat list of numbers, or of a number; None of other structures."""
        if isinstance(self.example, np.ndarray):
            return tuple(self.example.shape)
        if is_scalar(self.example):
            return ()
        is_flat = isinstance(self.example, list) and all(map(is_scalar, self.example))
        return (len(self.example),) if is_flat else None

    @property
    def what(self) -> str:
        """How an error's sentence begins."""
        return f"The argument {self.name}"

    def _columns(self, given: Any) -> np.ndarray:
        if isinstance(given, Mapping):
            return np.concatenate([self._columns(given[key]) for key in given])
        try:
            lanes = np.asarray(given)
        except ValueError:
            lanes = np.array(None)
        if lanes.dtype.kind not in "iuf":
            raise OperandError(
                f"{self.what} has lanes that are not numbers. Give an array, or lists of equal length, of numbers, "
                f"with one entry per lane; or a dict of such.{OF_BOOLS if lanes.dtype.kind == 'b' else ''}"
            )
        return lanes.astype(np.float64, copy=False).reshape(len(lanes), -1).T

    def gradient(self, numbers: np.ndarray) -> Any:
        """Numbers, one per scalar, in the structure of the argument; an array stays a fresh array."""
        if isinstance(self.example, np.ndarray) and self.example.ndim:
            return np.array(numbers, dtype=np.float64).reshape(self.example.shape)
        return self.rebuild(numbers.tolist())


def as_given(name: str, given: Any) -> Any:
    """The argument with tensors, tables and other libraries' arrays as NumPy's; :class:`OperandError` where none is."""

    def read(foreign: Any) -> np.ndarray:
        try:
            return np.asarray(foreign)
        except (RuntimeError, TypeError, ValueError) as reason:
            raise OperandError(
                f"The argument {name} holds a {type(foreign).__name__} that NumPy cannot read. Give its numbers, of a "
                "tensor tensor.detach().cpu().numpy(); its gradient is returned, as an array."
            ) from reason

    return with_plain_arrays(given, read)


def signature(given: Any, is_lane: bool) -> object:
    """What must be equal for two arguments to be taken by one program."""
    if isinstance(given, np.ndarray):
        return "array", given.shape[is_lane:]
    if is_lane and not isinstance(given, Mapping):
        return "lanes", _lane_shape(given)
    if isinstance(given, Mapping):
        return "dict", tuple((key, signature(each, is_lane)) for key, each in given.items())
    if isinstance(given, (list, tuple)):
        inner = tuple([0 if type(each) is float else signature(each, is_lane) for each in given])
        return type(given), inner
    return 0


def lane_count(arguments: Sequence[Argument], given: Sequence[Any]) -> int | None:
    """How many lanes there are; :class:`OperandError` unless every lane argument has as many, and one at least."""
    counts = [pair for argument, each in zip(arguments, given, strict=True) if argument.is_lane
              for pair in _lane_counts(argument.name, each)]
    if not counts:
        return None
    if len({count for _, count in counts}) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts)
        raise OperandError(f"Lane arguments have one entry per lane, as many in each; these have: {listed}.")
    name, count = counts[0]
    if count < 1:
        raise OperandError(f"Lane arguments need at least one lane; {name} has none.")
    return count


def _lane_counts(name: str, given: Any) -> list[tuple[str, int]]:
    if isinstance(given, Mapping):
        return [pair for key, each in given.items() for pair in _lane_counts(f"{name}[{key!r}]", each)]
    if is_scalar(given):
        raise OperandError(
            f"{name} was declared a lane argument, with one entry per example along its first axis; "
            f"got {described(given)}."
        )
    return [(name, len(given))]


def _lane_shape(given: Any) -> tuple[int, ...] | None:
    try:
        return tuple(np.shape(given)[1:])
    except ValueError:
        return None  # ragged: said where the numbers are taken


def traced(recorder: Recorder, name: str, given: Any, is_lane: bool) -> tuple[Argument, Any]:
    """The argument's description, and it over again with recorded scalars for its numbers."""
    example = _one_lane(name, given) if is_lane else given
    scalars, rebuild = flatten(example, f"The argument {name}")
    start = len(recorder.inputs)
    tracers = [recorder.argument(each, is_lane) for each in _names(name, example, len(scalars))]
    return Argument(name, is_lane, range(start, start + len(tracers)), example, rebuild), rebuild(tracers)


def require_same_shape(argument: Argument, given: Any) -> None:
    """:class:`OperandError` unless the argument is shaped as it was when the function was recorded."""
    flatten_like(given, argument.example, argument.what, "the one recorded")


def as_recorded(function: str, arguments: Sequence[Argument]) -> str:
    """A note for an error that left a function: the shapes it was recorded with, as one example has them."""
    has_lanes = any(argument.is_lane for argument in arguments)
    shapes = ", ".join(f"{argument.name} {_shape_in_words(argument.example)}" for argument in arguments)
    said = f"{function} was recorded{' for one example' if has_lanes else ''} with {shapes or 'no arguments'}."
    rows = _longest(arguments)
    if has_lanes or not rows:
        return said
    called = function if function.isidentifier() else "f"
    return f"{said} If {rows[0]} has one row per example: compile({called}, lanes={rows})."


def _longest(arguments: Sequence[Argument]) -> tuple[str, ...]:
    """The names of the arguments with the longest first axis, as examples have; none where all are as long."""
    lengths = {argument.name: 0 if is_scalar(argument.example) or isinstance(argument.example, Mapping)
               else len(argument.example) for argument in arguments}
    found = tuple(name for name, length in lengths.items() if length == max(lengths.values(), default=0))
    return found if len(found) < len(lengths) else ()


def _shape_in_words(example: Any) -> str:
    try:
        shape = None if isinstance(example, Mapping) else np.shape(example)
    except ValueError:
        shape = None  # ragged
    return described(example) if shape is None else str(shape) if shape else "a number"


def _one_lane(name: str, given: Any) -> Any:
    if isinstance(given, Mapping):
        return {key: _one_lane(name, each) for key, each in given.items()}
    [(_, count)] = _lane_counts(name, given)
    if count == 0:
        raise OperandError(f"{name} was declared a lane argument and has no entries; at least one lane is needed.")
    if isinstance(given[0], Mapping):
        raise OperandError(f"{name} is a list of dicts; give its lanes as one dict, with a list of entries per key.")
    return given[0]


def _names(name: str, example: Any, count: int) -> list[str]:
    if is_scalar(example):
        return [name]
    if isinstance(example, np.ndarray) and example.ndim > 1:
        return [f"{name}_{{{','.join(map(str, at))}}}" for at in np.ndindex(example.shape)]
    return [f"{name}_{{{at}}}" for at in range(count)]


def number_of(scalar: Any) -> float:
    """The number of a Value or a number."""
    return scalar.data if isinstance(scalar, Value) else float(scalar)


