"""What may be the number of a node or stand beside one: refused with advice, or made a float."""

from __future__ import annotations

import numbers
import reprlib
from typing import Any

from autograd_core.errors import OperandError


def as_number(data: Any) -> float:
    """``data`` as a float; :class:`OperandError` for what is not one real number."""
    if isinstance(data, float):
        return float(data)
    if isinstance(data, bool):
        raise OperandError(f"A Value holds a number; got the bool {data}. Write {float(data)} if you mean it.")
    if isinstance(data, int):
        try:
            return float(data)
        except OverflowError:
            raise OperandError(
                f"A Value holds a float, at most 1.8e308; got {shown(data)}. Scale it, or compute with its logarithm."
            ) from None
    if hasattr(data, "apply_primitive"):
        raise OperandError(f"A Value holds a number; got {data!r}. Write Value(v.data) for an independent leaf.")
    if isinstance(data, str):
        raise OperandError(
            f"A Value holds a number; got the text {shown(data)}. Write float({shown(data)}), or name= for a name."
        )
    if hasattr(data, "ndim") and hasattr(data, "dtype"):
        if data.ndim == 0 and data.dtype.kind in "iuf":
            return float(data)
        raise OperandError(
            f"A Value holds one real number; got an array of shape {data.shape} and type {data.dtype}. "
            "For an array of Values write np.vectorize(Value)(array)."
        )
    raise OperandError(
        f"A Value holds a real number; got {shown(data)} of type {type(data).__name__}. Write a float or an int."
    )


def as_comparable(other: Any, sign: str) -> Any:
    """The number to compare with, or None for what may know better how to compare itself with a Value."""
    if is_numpy_scalar(other) and other.dtype.kind in "iuf":
        return other.item()
    if isinstance(other, numbers.Number) and not isinstance(other, complex):
        return other
    if isinstance(other, (complex, str)) or other is None:
        raise OperandError(f"v {sign} {shown(other)}: a Value compares with Values and numbers.")
    return None


def is_number(thing: object) -> bool:
    """Whether ``thing`` is a number of any kind, taken by the rows or not."""
    return isinstance(thing, numbers.Number) or is_numpy_scalar(thing)


def is_numpy_scalar(thing: object) -> bool:
    """Whether ``thing`` is a NumPy scalar or an array without dimensions."""
    return hasattr(thing, "dtype") and getattr(thing, "ndim", -1) == 0


def shown(thing: object) -> str:
    """``thing`` in a message: its repr, cut at a few dozen letters."""
    if isinstance(thing, int) and thing.bit_length() > 1000:
        return f"an integer of {thing.bit_length()} bits"  # beyond 4300 digits Python refuses to write it
    return reprlib.repr(thing)
