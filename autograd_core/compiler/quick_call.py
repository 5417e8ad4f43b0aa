"""The shortest way into a program and out again, for arguments of the kinds given on most calls.

A call of a small program takes microseconds, so that checking its arguments in general would take as long again.  Here
every argument has a reader that takes one kind only and raises :class:`UnusualError` at anything else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_core.compiler.arguments import Argument

Reader = Callable[[Any], Any]
Answer = tuple[float, Any]
_FLOATS = {float}


class UnusualError(Exception):
    """An argument that takes the long way."""


def quick_call(
    function: Callable[..., tuple[Any, Sequence[Any], Any]], arguments: Sequence[Argument], is_scalar: bool
) -> Callable[..., Answer | None] | None:
    """``value_and_grad`` through a generated function; it gives None where anything is unusual.

    ``is_scalar`` says that the function takes lists of floats instead of arrays.  None where an argument's kind has
    no quick way.
    """
    found = [(_list_reader if is_scalar else _array_reader)(argument) for argument in arguments]
    readers = [reader for reader in found if reader is not None]
    if len(readers) < len(arguments):
        return None
    differentiated = [argument for argument in arguments if not argument.is_lane]
    writers = [_writer(argument, is_scalar) for argument in differentiated]
    if is_scalar and len(arguments) == 1:
        return _of_one(function, readers[0], writers[0])
    return _of_several(function, readers, writers, [at for at, each in enumerate(arguments) if each.is_lane])


def _of_one(function: Callable[..., Any], read: Reader, write: Reader) -> Callable[..., Answer | None]:
    isfinite = math.isfinite

    def quick(*given: Any) -> Answer | None:
        try:
            value, gradients, _ = function(read(*given))
            return (value, write(gradients[0])) if type(value) is float and isfinite(value) else None
        except (ArithmeticError, ValueError, TypeError, UnusualError):  # a TypeError: not one argument
            return None

    return quick


def _of_several(
    function: Callable[..., Any], readers: Sequence[Reader], writers: Sequence[Reader], lane_arguments: Sequence[int]
) -> Callable[..., Answer | None]:
    isfinite, count, first_lanes = math.isfinite, len(readers), lane_arguments[:1]

    def quick(*given: Any) -> Answer | None:
        if len(given) != count:
            return None
        try:
            inputs = [read(each) for read, each in zip(readers, given, strict=True)]
            for first in first_lanes:
                lanes = inputs[first].shape[-1]
                for at in lane_arguments:
                    if inputs[at].shape[-1] != lanes or not lanes:
                        return None
            value, gradients, _ = function(*inputs)
        except (ArithmeticError, ValueError, UnusualError):
            return None
        if not isfinite(value):
            return None
        if len(writers) == 1:
            return float(value), writers[0](gradients[0])
        return float(value), tuple([write(each) for write, each in zip(writers, gradients, strict=True)])

    return quick


def _list_reader(argument: Argument) -> Reader | None:
    """For a list, an array or a number: its floats as a list."""
    shape, ndarray, float64 = argument.shape, np.ndarray, np.dtype(np.float64)

    def of_list(given: Any) -> list[float]:
        if type(given) is not list or len(given) != length or set(map(type, given)) != _FLOATS:
            raise UnusualError
        return given

    def of_array(given: Any) -> list[float]:
        if type(given) is not ndarray or given.shape != shape or given.dtype is not float64:
            raise UnusualError
        return given.tolist() if is_flat else given.ravel().tolist()

    def of_number(given: Any) -> list[float]:
        if type(given) is not float:
            raise UnusualError
        return [given]

    if shape is None or 0 in shape:
        return None
    is_flat = len(shape) == 1
    if isinstance(argument.example, np.ndarray):
        return of_array if shape else None
    length = math.prod(shape)
    return of_list if shape else of_number


def _array_reader(argument: Argument) -> Reader | None:
    """For an array, of lanes too, or a number: as generated NumPy source takes it."""
    shape, ndarray, float64 = argument.shape, np.ndarray, np.dtype(np.float64)
    is_array, is_one = isinstance(argument.example, np.ndarray), shape in ((), (1,))

    def of_array(given: Any) -> Any:
        if type(given) is not ndarray or given.shape != shape or given.dtype is not float64:
            raise UnusualError
        return given.ravel()[0] if is_one else given

    def of_number(given: Any) -> np.float64:
        if type(given) is not float:
            raise UnusualError
        return np.float64(given)

    def of_lanes(given: Any) -> Any:
        if type(given) is not ndarray or given.shape[1:] != shape or not given.shape or given.dtype is not float64:
            raise UnusualError
        return given.ravel() if is_one else given.T

    if shape is None or 0 in shape or (len(shape) > 1 and argument.is_lane):
        return None
    if argument.is_lane:
        return of_lanes if is_array or not shape else None
    return of_array if is_array and shape else None if shape else of_number


def _writer(argument: Argument, is_scalar: bool) -> Reader:
    """A gradient in the kind of its argument, fresh."""
    array, ndarray, shape = np.array, np.ndarray, argument.shape
    assert shape is not None
    if not isinstance(argument.example, np.ndarray):
        if shape:
            return lambda numbers: numbers
        return (lambda numbers: numbers[0]) if is_scalar else float

    def to_array(numbers: Any) -> Any:
        found = numbers if type(numbers) is ndarray else array(numbers)
        return found if found.shape == shape else found.reshape(shape)

    return to_array
