"""The numbers the tests of the table trust: seeded operands for a row, and its exact values and partials.

Everything here is computed from `row.exact` with mpmath; the formulas of the row's partials are not used.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import mpmath
import numpy as np

from autograd_core.row import Primitive

Operands = tuple[float, ...]

# Where a function changes over a length L, the central difference is off by (STEP / L)**2 / 6: less than
# 1e-48 for L = 1e-16, the spacing of floats near 1, where log1p and asin end.
STEP = mpmath.mpf(10) ** -40

# A difference cancels: sigmoid(700 + STEP) and sigmoid(700 - STEP) agree in 344 digits.
DIGITS = 420

# What is smaller is judged in ulp of this number: the formulas' intermediate results are subnormal there.
SMALL = 2.0**-1000


def draw_operands(row: Primitive, count: int, seed: int = 0) -> list[Operands]:
    """`count` operands inside the row's domain and off its kinks; a fifth are of very wide magnitude."""
    rng = np.random.default_rng([seed, *row.name.encode()])
    found: list[Operands] = []
    while len(found) < count:
        size = row.arity or int(rng.integers(1, 5)) * row.lists
        operands = row.domain.sample(rng, size)
        if rng.random() < 0.2:
            widest = 290 if row.arity else 140  # the terms of dot are products
            wide = (float(rng.choice([-1, 1]) * 10.0 ** rng.uniform(-widest, widest)) for _ in operands)
            operands = tuple(w if rng.random() < 0.7 else x for w, x in zip(wide, operands, strict=True))
            if row.name == "pow" and operands[0] < 0:
                continue  # integers beyond 2**53 are all even
        if row.domain.contains(*operands) and not at_a_kink(row, operands):
            found.append(tuple(map(float, operands)))
    return found


def at_a_kink(row: Primitive, operands: Operands) -> bool:
    return any(kink(*operands) == 0 for kink in row.kinks)


def columns(draws: Sequence[Operands]) -> list[Any]:
    """Operands of equal number as one array per operand."""
    return [np.array(column) for column in zip(*draws, strict=True)]


def by_size(draws: Sequence[Operands]) -> Iterator[list[Operands]]:
    """The draws grouped by their number of operands."""
    for size in sorted(set(map(len, draws))):
        yield [operands for operands in draws if len(operands) == size]


def exact_value(row: Primitive, operands: Operands) -> Any:
    with mpmath.workdps(50 + _magnitude(operands)):
        return row.exact(mpmath, *map(mpmath.mpf, operands))


def exact_partials(row: Primitive, operands: Operands) -> list[Any]:
    """Central differences of `exact`; complex where the function is not real beside the point."""
    with mpmath.workdps(DIGITS + 2 * _magnitude(operands)):
        return _differences(row, list(map(mpmath.mpf, operands)))


def complex_step_partials(row: Primitive, operands: Operands) -> list[Any]:
    """Im f(x + ih) / h, which subtracts nothing."""
    with mpmath.workdps(DIGITS + 2 * _magnitude(operands)):
        point = list(map(mpmath.mpf, operands))
        found = []
        for at, x in enumerate(point):
            step = _step(x)
            moved = [*point[:at], mpmath.mpc(x, step), *point[at + 1 :]]
            found.append(mpmath.im(row.exact(mpmath, *moved)) / step)
        return found


def value_sensitivity(operands: Operands, partials: Sequence[Any]) -> Any:
    """sum |x_i df/dx_i|: by how much the value changes, in ulp, if every operand changes by one."""
    return sum(abs(x * d) for x, d in zip(operands, partials, strict=True))


def partial_sensitivities(row: Primitive, operands: Operands) -> list[Any]:
    """The same for each partial: sum over j of |x_j d2f/dx_i dx_j|."""
    with mpmath.workdps(DIGITS + 2 * _magnitude(operands)):
        point = list(map(mpmath.mpf, operands))
        sums = [mpmath.mpf(0)] * len(point)
        for at, x in enumerate(point):
            step = _step(x)
            above = _differences(row, [*point[:at], x + step, *point[at + 1 :]])
            below = _differences(row, [*point[:at], x - step, *point[at + 1 :]])
            for i, (high, low) in enumerate(zip(above, below, strict=True)):
                sums[i] += abs(x * (high - low) / (2 * step))
        return sums


def error_in_ulp(got: float, exact: Any, sensitivity: Any = 0) -> float:
    """The distance from `got` to `exact` in units in the last place of |exact| + sensitivity."""
    if got == float(exact):
        return 0.0 if math.isinf(got) else float(abs(mpmath.mpf(got) - exact)) / _ulp(exact, sensitivity)
    if not math.isfinite(got) or math.isinf(float(exact)):
        return math.inf
    return float(abs(mpmath.mpf(got) - exact)) / _ulp(exact, sensitivity)


def _ulp(exact: Any, sensitivity: Any) -> float:
    return math.ulp(min(max(float(abs(exact) + sensitivity), SMALL), 1e308))


def _differences(row: Primitive, point: list[Any]) -> list[Any]:
    found = []
    for at, x in enumerate(point):
        step = _step(x)
        above = row.exact(mpmath, *point[:at], x + step, *point[at + 1 :])
        below = row.exact(mpmath, *point[:at], x - step, *point[at + 1 :])
        found.append((above - below) / (2 * step))
    return found


def _step(x: Any) -> Any:
    return STEP * min(1, abs(x) or 1)


def _magnitude(operands: Operands) -> int:
    """The digits it takes to hold x + STEP beside a huge x, or 1 + x beside a tiny one."""
    return max(abs(int(math.log10(abs(x)))) if x else 0 for x in operands)
