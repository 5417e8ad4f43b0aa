"""Numbers inside lists, tuples, dicts and arrays: taken out in order, and put back in the same shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from operator import is_
from typing import Any

import numpy as np

from autograd_core.errors import OperandError
from autograd_core.operand_checks import is_number, shown
from autograd_core.value import Value

Rebuild = Callable[[Sequence[Any]], Any]

OF_BOOLS = " For a comparison write (y > 0).astype(float)."
_NOT_REAL = (bool, np.bool_, str, bytes, complex, np.complexfloating)  # float() would take some of them


def flatten(structure: Any, what: str = "the argument") -> tuple[list[Any], Rebuild]:
    """The scalars of a structure in order, and the function that puts as many others in their places.

    A structure is a number, a Value, or a list, tuple, dict or NumPy array of structures; an array without
    dimensions is its number, and any mapping comes back as a dict.  ``what`` opens the error's sentence.
    Raises :class:`OperandError` for anything else.

    >>> scalars, rebuild = flatten({"w": [1.0, 2.0], "b": 3.0})
    >>> scalars, rebuild([10.0, 20.0, 30.0])
    ([1.0, 2.0, 3.0], {'w': [10.0, 20.0], 'b': 30.0})
    """
    scalars: list[Any] = []
    rebuild = _visit(structure, scalars, what)
    return scalars, lambda others: rebuild(iter(others))


def flatten_like(structure: Any, like: Any, what: str, what_like: str) -> list[Any]:
    """The scalars of a structure in the order of those of another one, which it must have the shape of.

    Lists, tuples and arrays of equal length may stand for one another.  Raises :class:`OperandError`.

    >>> flatten_like({"b": (3.0, 4.0), "w": 1.0}, {"w": 0.0, "b": [0.0, 0.0]}, "The tangent", "the argument")
    [1.0, 3.0, 4.0]
    """
    if is_scalar(like) and is_scalar(structure):
        return [_scalar(structure, what)]
    pairs: list[tuple[Any, Any]] | None = None
    if isinstance(like, Mapping):
        if isinstance(structure, Mapping) and structure.keys() == like.keys():
            pairs = [(structure[key], like[key]) for key in like]
    elif not is_scalar(like) and not is_scalar(structure) and not isinstance(structure, Mapping):
        pairs = list(zip(structure, like, strict=True)) if len(structure) == len(like) else None
    if pairs is None:
        raise OperandError(f"{what} must be shaped like {what_like}: {described(like)}; got {described(structure)}.")
    return [scalar for part, part_like in pairs for scalar in flatten_like(part, part_like, what, what_like)]


def array_out_of(foreign: Any) -> np.ndarray:
    """Another library's array as NumPy's; a tensor of PyTorch is taken out of its graph, and from wherever it is."""
    for out in ("detach", "cpu"):
        foreign = getattr(foreign, out)() if hasattr(foreign, out) else foreign
    return np.asarray(foreign)


def with_plain_arrays(structure: Any, read: Callable[[Any], np.ndarray] = array_out_of) -> Any:
    """The structure with other libraries' arrays, tensors and tables, whatever has ``__array__``, as ``read`` has them.

    >>> with_plain_arrays({"w": memoryview(b"a"), "b": (1.0, np.zeros(2))})["b"]
    (1.0, array([0., 0.]))
    """
    if isinstance(structure, Mapping):
        return {key: with_plain_arrays(part, read) for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        parts = [part if type(part) is float else with_plain_arrays(part, read) for part in structure]
        return structure if all(map(is_, parts, structure)) else _as_type_of(structure, parts)
    if isinstance(structure, (np.ndarray, np.generic, Value)) or not hasattr(structure, "__array__"):
        return structure
    return read(structure)


def is_scalar(structure: Any) -> bool:
    """Whether it is no list, tuple, dict or array of structures, but at most one number.

    >>> is_scalar(2.0), is_scalar(np.array(2.0)), is_scalar([2.0])
    (True, True, False)
    """
    holds = isinstance(structure, (Mapping, list, tuple))
    return not holds and not (isinstance(structure, np.ndarray) and structure.ndim > 0)


def described(structure: Any) -> str:
    """A structure in a message, by its outermost level.

    >>> described([1.0, 2.0]), described(np.zeros((2, 3))), described({"w": 1.0})
    ('a list of 2', 'an array of shape (2, 3)', "a dict with the keys 'w'")
    """
    if is_scalar(structure):
        return "one scalar" if isinstance(structure, Value) or is_number(structure) else shown(structure)
    if isinstance(structure, np.ndarray):
        return f"an array of shape {structure.shape}"
    if isinstance(structure, Mapping):
        return f"a dict with the keys {', '.join(map(shown, structure))}" if structure else "an empty dict"
    return f"a {type(structure).__name__} of {len(structure)}"


def _visit(structure: Any, scalars: list[Any], what: str) -> Callable[[Any], Any]:
    if isinstance(structure, Mapping):
        inner = {key: _visit(part, scalars, what) for key, part in structure.items()}
        return lambda others: {key: part(others) for key, part in inner.items()}
    if isinstance(structure, (list, tuple)):
        parts = [_visit(part, scalars, what) for part in structure]
        return lambda others: _as_type_of(structure, [part(others) for part in parts])
    if isinstance(structure, np.ndarray) and structure.ndim:
        if structure.dtype == np.float64:
            scalars += structure.ravel().tolist()
        else:
            for element in structure.flat:
                _visit(element, scalars, what)
        return lambda others: _array([next(others) for _ in range(structure.size)], structure.shape)
    scalars.append(_scalar(structure, what))
    return next


def _scalar(structure: Any, what: str) -> Any:
    scalar = structure[()] if isinstance(structure, np.ndarray) else structure
    if isinstance(scalar, Value):
        return scalar
    if is_number(scalar) and not isinstance(scalar, _NOT_REAL):
        with suppress(TypeError, ValueError, OverflowError):
            return float(scalar)
    if hasattr(scalar, "recorder"):  # a Tracer, which is defined above this module
        raise OperandError(
            f"{what} holds {shown(scalar)}: while a function is recorded no derivative of another can be taken. "
            "The gradient of a compiled function is compile(f).value_and_grad, not compile(grad(f))."
        )
    raise OperandError(
        f"{what} holds {shown(structure)} of type {type(structure).__name__}. "
        "Use numbers and Values, and lists, tuples, dicts and arrays of them."
        f"{OF_BOOLS if isinstance(scalar, (bool, np.bool_)) else ''}"
    )


def _as_type_of(structure: Any, parts: list[Any]) -> Any:
    return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)


def _array(elements: list[Any], shape: tuple[int, ...]) -> Any:
    """The elements as an array; structures as a structure of arrays."""
    first = elements[0] if elements else 0.0
    if isinstance(first, Mapping):
        return {key: _array([each[key] for each in elements], shape) for key in first}
    if isinstance(first, (list, tuple)):
        return _as_type_of(first, [_array(list(parts), shape) for parts in zip(*elements, strict=True)])
    if isinstance(first, np.ndarray):
        return np.stack(elements).reshape(shape + first.shape)
    if all(isinstance(each, float) for each in elements):
        return np.array(elements, dtype=np.float64).reshape(shape)
    # Not array[:] = elements, which asks each of them whether it is an array.
    return np.fromiter(elements, dtype=object, count=len(elements)).reshape(shape)
