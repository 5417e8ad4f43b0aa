"""Test problems of More, Garbow and Hillstrom (ACM TOMS 7, 1981) with their gradients and Hessians by hand.

A problem is a sum of squared residuals; the derivatives are written out independently of any engine.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Vector = Sequence[float]


class Problem(NamedTuple):
    """A function of a list, its derivatives as published, and what it is at its start and its minimizer."""

    name: str
    f: Callable[[Any], Any]
    gradient: Callable[[Vector], list[float]]
    hessian: Callable[[Vector], list[list[float]]]
    start: tuple[float, ...]
    value_at_start: float
    gradient_at_start: tuple[float, ...]
    minimizer: tuple[float, ...]
    rank_at_minimizer: int


def _squares(residuals: Sequence[Any]) -> Any:
    first, *others = [residual * residual for residual in residuals]
    return sum(others, start=first)


def _rosenbrock(x: Any) -> Any:
    return _squares([10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]])


def _rosenbrock_gradient(x: Vector) -> list[float]:
    a, b = x
    return [-400.0 * a * (b - a * a) - 2.0 * (1.0 - a), 200.0 * (b - a * a)]


def _rosenbrock_hessian(x: Vector) -> list[list[float]]:
    a, b = x
    return [[1200.0 * a * a - 400.0 * b + 2.0, -400.0 * a], [-400.0 * a, 200.0]]


_BEALE = (1.5, 2.25, 2.625)


def _beale(x: Any) -> Any:
    return _squares([y - x[0] * (1.0 - x[1] ** i) for i, y in enumerate(_BEALE, 1)])


def _beale_gradient(x: Vector) -> list[float]:
    a, b = x
    r1, r2, r3 = (y - a * (1.0 - b**i) for i, y in enumerate(_BEALE, 1))
    return [
        2.0 * (r1 * (b - 1.0) + r2 * (b * b - 1.0) + r3 * (b**3 - 1.0)),
        2.0 * (r1 * a + r2 * 2.0 * a * b + r3 * 3.0 * a * b * b),
    ]


def _beale_hessian(x: Vector) -> list[list[float]]:
    a, b = x
    r1, r2, r3 = (y - a * (1.0 - b**i) for i, y in enumerate(_BEALE, 1))
    mixed = 2.0 * (
        (b - 1.0) * a + r1 + (b * b - 1.0) * 2.0 * a * b + r2 * 2.0 * b + (b**3 - 1.0) * 3.0 * a * b * b
        + r3 * 3.0 * b * b
    )
    return [
        [2.0 * ((b - 1.0) ** 2 + (b * b - 1.0) ** 2 + (b**3 - 1.0) ** 2), mixed],
        [mixed, 2.0 * (a * a + 4.0 * a * a * b * b + r2 * 2.0 * a + 9.0 * a * a * b**4 + r3 * 6.0 * a * b)],
    ]


def _wood(x: Any) -> Any:
    return _squares([
        10.0 * (x[1] - x[0] ** 2), 1.0 - x[0], math.sqrt(90.0) * (x[3] - x[2] ** 2), 1.0 - x[2],
        math.sqrt(10.0) * (x[1] + x[3] - 2.0), (x[1] - x[3]) / math.sqrt(10.0),
    ])


def _wood_gradient(x: Vector) -> list[float]:
    a, b, c, d = x
    return [
        -400.0 * a * (b - a * a) - 2.0 * (1.0 - a),
        200.0 * (b - a * a) + 20.2 * (b - 1.0) + 19.8 * (d - 1.0),
        -360.0 * c * (d - c * c) - 2.0 * (1.0 - c),
        180.0 * (d - c * c) + 20.2 * (d - 1.0) + 19.8 * (b - 1.0),
    ]


def _wood_hessian(x: Vector) -> list[list[float]]:
    a, b, c, d = x
    return [
        [1200.0 * a * a - 400.0 * b + 2.0, -400.0 * a, 0.0, 0.0],
        [-400.0 * a, 220.2, 0.0, 19.8],
        [0.0, 0.0, 1080.0 * c * c - 360.0 * d + 2.0, -360.0 * c],
        [0.0, 19.8, -360.0 * c, 200.2],
    ]


def _powell(x: Any) -> Any:
    return _squares([
        x[0] + 10.0 * x[1], math.sqrt(5.0) * (x[2] - x[3]), (x[1] - 2.0 * x[2]) ** 2,
        math.sqrt(10.0) * (x[0] - x[3]) ** 2,
    ])


def _powell_gradient(x: Vector) -> list[float]:
    a, b, c, d = x
    return [
        2.0 * (a + 10.0 * b) + 40.0 * (a - d) ** 3,
        20.0 * (a + 10.0 * b) + 4.0 * (b - 2.0 * c) ** 3,
        10.0 * (c - d) - 8.0 * (b - 2.0 * c) ** 3,
        -10.0 * (c - d) - 40.0 * (a - d) ** 3,
    ]


def _powell_hessian(x: Vector) -> list[list[float]]:
    a, b, c, d = x
    near, far = (b - 2.0 * c) ** 2, 120.0 * (a - d) ** 2
    return [
        [2.0 + far, 20.0, 0.0, -far],
        [20.0, 200.0 + 12.0 * near, -24.0 * near, 0.0],
        [0.0, -24.0 * near, 10.0 + 48.0 * near, -10.0],
        [-far, 0.0, -10.0, 10.0 + far],
    ]


PROBLEMS = [
    Problem("rosenbrock", _rosenbrock, _rosenbrock_gradient, _rosenbrock_hessian,
            (-1.2, 1.0), 24.2, (-215.6, -88.0), (1.0, 1.0), 2),
    Problem("beale", _beale, _beale_gradient, _beale_hessian,
            (1.0, 1.0), 14.203125, (0.0, 27.75), (3.0, 0.5), 2),
    Problem("wood", _wood, _wood_gradient, _wood_hessian,
            (-3.0, -1.0, -3.0, -1.0), 19192.0, (-12008.0, -2080.0, -10808.0, -1880.0), (1.0, 1.0, 1.0, 1.0), 4),
    Problem("powell_singular", _powell, _powell_gradient, _powell_hessian,
            (3.0, -1.0, 0.0, 1.0), 215.0, (306.0, -144.0, -2.0, -310.0), (0.0, 0.0, 0.0, 0.0), 2),
]
