"""The derivatives of the table's operations on any number of operands, to all of them in one pass.

A step per operand would take the square of their number in evaluations.  The formulas are written down here once more,
in mpmath's numbers; nothing is read from the table but what a row computes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autograd_core.row import Primitive
from autograd_core.testing.numbers import known_name, magnitude, mpmath_context, spread


def slopes_to_all(row: Primitive, numbers: Sequence[float], bits: int) -> list[Any] | None:
    """The derivative to each operand, to ``bits`` bits; None for an operation that is not known here.

    >>> from autograd_core.primitives import mean
    >>> [float(each) for each in slopes_to_all(mean, [1.0, 5.0], 100)]
    [0.5, 0.5]
    """
    name, context = known_name(row), mpmath_context()
    if row.arity is not None or not all(map(math.isfinite, numbers)):
        return None
    context.prec = bits + 66 + spread(numbers) + max(0, *map(magnitude, numbers), 0)
    half = len(numbers) // 2
    if name == "total":
        return [context.one] * len(numbers)
    if name in ("mean", "batch_mean"):
        return [context.one / len(numbers)] * len(numbers)
    if name == "dot":
        return list(map(context.mpf, [*numbers[half:], *numbers[:half]]))
    if name == "logsumexp":
        peak = context.mpf(max(numbers))
        sizes = [context.exp(each - peak) for each in numbers]
        whole = context.fsum(sizes)
        return [size / whole for size in sizes]
    return None


def sensitivities_to_all(row: Primitive, numbers: Sequence[float], slopes: Sequence[float]) -> list[float] | None:
    """By how much each derivative changes per relative change of the operands; None for an unknown operation.

    >>> from autograd_core.primitives import dot
    >>> sensitivities_to_all(dot, [1.0, -5.0], [-5.0, 1.0])
    [5.0, 1.0]
    """
    name = known_name(row)
    if row.arity is not None or not all(map(math.isfinite, numbers)):
        return None
    if name in ("total", "mean", "batch_mean"):
        return [0.0] * len(numbers)
    if name == "dot":
        return [abs(slope) for slope in slopes]
    if name == "logsumexp":
        moved = math.fsum(slope * abs(x) for slope, x in zip(slopes, numbers, strict=True))
        return [slope * (abs(x) * (1.0 - slope) + moved - slope * abs(x))
                for slope, x in zip(slopes, numbers, strict=True)]
    return None
