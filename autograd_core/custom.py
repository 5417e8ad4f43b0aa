"""A user's own row, declared beside its function and checked when it is declared."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_core.domains import REALS, Box, Domain, Interval
from autograd_core.errors import CheckError
from autograd_core.primitives import TABLE
from autograd_core.row import Partial, Primitive
from autograd_core.testing.float_differences import compare, measured_noise
from autograd_core.testing.report import Entry

_POINTS = 20
_NOISE = 8.0 * np.finfo(np.float64).eps


def primitive(
    *,
    partials: Sequence[Partial],
    domain: Domain | Interval = REALS,
    kinks: Sequence[Callable[..., Any]] = (),
    array: Callable[..., Any] | None = None,
    exact: Callable[..., Any] | None = None,
    javascript: str | None = None,
    check: bool = True,
    rng: int | np.random.Generator = 0,
) -> Callable[[Callable[..., float]], Primitive]:
    """Turn a function of floats into a row: an operation that Values record, with its own derivatives.

    ``partials`` has one function ``(out, *operands)`` per operand, written with this package's operations so that it
    can be differentiated again.  ``domain`` is an Interval for all operands, a Box or a Region; ``kinks`` are
    functions whose zeros have no derivative; ``array`` computes on arrays (element by element unless given);
    ``exact(mp, *operands)`` computes with mpmath, which lets gradients be checked to the last digits;
    ``javascript`` is needed to step through it.  The partials are held against differences at points drawn
    in the domain from ``rng``, unless ``check`` is False.  Raises :class:`CheckError` for a partial that is wrong, and
    for a number of partials that is not that of the operands.

    >>> @primitive(partials=[lambda out, x: -2.0 * x * out])
    ... def gauss(x):
    ...     return math.exp(-x * x)
    >>> from autograd_core import Value
    >>> x = Value(0.5, "x")
    >>> y = gauss(3 * x).named("y")
    >>> y.backward()
    >>> round(x.grad, 6)
    -0.948593
    """

    def declare(function: Callable[..., float]) -> Primitive:
        operands = list(inspect.signature(function).parameters)
        if len(partials) != len(operands):
            raise CheckError(
                f"{function.__name__}({', '.join(operands)}) needs a partial for each of its {len(operands)} operands; "
                f"got {len(partials)}."
            )
        if any(row.name == function.__name__ for row in TABLE):
            raise CheckError(f"There is a row {function.__name__!r} already. Give yours another name.")
        row = Primitive(
            function.__name__, function, array or np.vectorize(function, otypes=[np.float64]), exact,
            tuple(partials), Box((domain,)) if isinstance(domain, Interval) else domain, javascript, tuple(kinks),
            conditioned=True,
        )
        if check:
            _require_right(row, np.random.default_rng(rng))
        return row

    return declare


def _require_right(row: Primitive, rng: np.random.Generator) -> None:
    """Raise CheckError at the first point where a partial is not what differences say."""
    assert row.arity is not None

    def evaluate(moved: Sequence[float]) -> tuple[float, list[int]]:
        return row.on_floats(*moved), _sides(row, moved)

    for _ in range(_POINTS):
        point = row.domain.sample(rng, row.arity)
        if any(kink(*point) == 0 for kink in row.kinks):
            continue
        out = row.on_floats(*point)
        slopes = row.local_derivatives(out, point, [True] * row.arity)
        rounding = _NOISE * (abs(out) + sum(abs(x * d) for x, d in zip(point, slopes, strict=True)))
        for at, slope in enumerate(slopes):
            entry = Entry(row.operand_names[at], "fail", slope, None, 0.0, 1e-6)
            noise = max(rounding, 4.0 * measured_noise(evaluate, point, at))
            found = compare(entry, evaluate, point, at, noise, 1e-12)
            if found.verdict == "fail" and math.isfinite(slope):
                called = ", ".join(f"{x:.6g}" for x in point)
                raise CheckError(
                    f"The partial of {row.name} with respect to {row.operand_names[at]} is wrong: at "
                    f"{row.name}({called}) it is {slope:.10g}, but differences give {found.expected:.10g}. "
                    "Correct it, or pass check=False if it is meant so."
                )


def _sides(row: Primitive, operands: Sequence[float]) -> list[int]:
    signs = [kink(*operands) for kink in row.kinks]
    return [(sign > 0) - (sign < 0) for sign in signs]
