"""Numbers inside lists, tuples, dicts and arrays: taken out in order, and put back in the same shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_core.errors import OperandError
from autograd_core.operand_checks import is_number, shown
from autograd_core.value import Value

Rebuild = Callable[[Sequence[Any]], Any]


def flatten(structure: Any, what: str = "the argument") -> tuple[list[Any], Rebuild]:
    """The scalars of a structure in order, and the function that puts as many others in their places.

    A structure is a number, a Value, or a list, tuple, dict or NumPy array of structures.  ``what`` opens the
    error's sentence.  Raises :class:`OperandError` for anything else.

    >>> scalars, rebuild = flatten({"w": [1.0, 2.0], "b": 3.0})
    >>> scalars, rebuild([10.0, 20.0, 30.0])
    ([1.0, 2.0, 3.0], {'w': [10.0, 20.0], 'b': 30.0})
    """
    scalars: list[Any] = []
    rebuild = _visit(structure, scalars, what)
    return scalars, lambda others: rebuild(iter(others))


def _visit(structure: Any, scalars: list[Any], what: str) -> Callable[[Any], Any]:
    if isinstance(structure, Mapping):
        inner = {key: _visit(part, scalars, what) for key, part in structure.items()}
        return lambda others: {key: part(others) for key, part in inner.items()}
    if isinstance(structure, (list, tuple)):
        parts = [_visit(part, scalars, what) for part in structure]
        if hasattr(structure, "_fields"):
            return lambda others: type(structure)(*[part(others) for part in parts])
        return lambda others: type(structure)(part(others) for part in parts)
    if isinstance(structure, np.ndarray) and structure.ndim:
        for element in structure.flat:
            _visit(element, scalars, what)
        return lambda others: _array([next(others) for _ in range(structure.size)], structure.shape)
    scalars.append(_scalar(structure, what))
    return next


def _scalar(structure: Any, what: str) -> Any:
    scalar = structure[()] if isinstance(structure, np.ndarray) else structure
    if isinstance(scalar, Value):
        return scalar
    if is_number(scalar) and not isinstance(scalar, (bool, np.bool_)):
        return float(scalar)
    raise OperandError(
        f"{what} holds {shown(structure)} of type {type(structure).__name__}. "
        "Use numbers and Values, and lists, tuples, dicts and arrays of them."
    )


def _array(elements: list[Any], shape: tuple[int, ...]) -> Any:
    if elements and all(isinstance(each, np.ndarray) for each in elements):
        return np.stack(elements).reshape(shape + elements[0].shape)
    if all(isinstance(each, float) for each in elements):
        return np.array(elements, dtype=np.float64).reshape(shape)
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    return array.reshape(shape)
