"""Second and third derivatives, made by running the partials on Values, against mpmath at 50 digits."""

import itertools
import math
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest

from autograd_core import primitives as rows
from autograd_core.primitives import TABLE
from autograd_core.row import Primitive
from autograd_core.value import Value
from tests.core.reference import Operands, at_a_kink
from tests.core.sweeps import call, derivative, number

POINTS = 4
each_row = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)


@cache
def moderate_points(row: Primitive) -> list[Operands]:
    """Operands between 0.05 and 6 in size, off the kinks and the ends of the domain."""
    rng = np.random.default_rng([7, *row.name.encode()])
    found: list[Operands] = []
    while len(found) < POINTS:
        operands = row.domain.sample(rng, row.arity or 2 * row.lists)
        inside = all(0.05 < abs(x) < 6.0 and abs(abs(x) - 1.0) > 0.05 for x in operands)
        if row is rows.pow and operands[0] < 0.0:
            continue  # x**y is real at single y only
        if inside and not at_a_kink(row, operands):
            found.append(operands)
    return found


def exact_derivative(row: Primitive, operands: Operands, which: tuple[int, ...]) -> float:
    orders = tuple(which.count(at) for at in range(len(operands)))
    with mpmath.workdps(50):
        return float(mpmath.diff(lambda *point: row.exact(mpmath, *point), operands, orders))


def is_close(got: float, exact: float) -> bool:
    return abs(got - exact) <= 1e-11 * max(1.0, abs(exact))


def recorded(row: Primitive, operands: Operands) -> tuple[Value, list[Value]]:
    leaves = [Value(operand) for operand in operands]
    return call(row, leaves), leaves


@each_row
@pytest.mark.parametrize("order", [2, 3])
def test_derivatives_of_derivatives_agree_with_mpmath(row: Primitive, order: int) -> None:
    for operands in moderate_points(row):
        out, leaves = recorded(row, operands)
        for which in itertools.combinations_with_replacement(range(len(operands)), order):
            result: Any = out
            for at in which:
                result = derivative(result, leaves[at])
            assert is_close(number(result), exact_derivative(row, operands, which)), (operands, which)


@each_row
def test_the_order_of_differentiation_does_not_matter(row: Primitive) -> None:
    operands = moderate_points(row)[0]
    out, leaves = recorded(row, operands)
    for first, second in itertools.combinations(range(len(operands)), 2):
        one = derivative(derivative(out, leaves[first]), leaves[second])
        other = derivative(derivative(out, leaves[second]), leaves[first])
        assert is_close(number(one), number(other))


@each_row
def test_backward_on_the_graph_of_a_partial_gives_the_second_derivatives(row: Primitive) -> None:
    for operands in moderate_points(row):
        out, leaves = recorded(row, operands)
        for at, partial in enumerate(row.partials_at(out, leaves)):
            if not isinstance(partial, Value):
                continue
            for leaf in leaves:
                leaf.zero_grad()
            partial.backward()
            for other, leaf in enumerate(leaves):
                exact = exact_derivative(row, operands, tuple(sorted((at, other))))
                assert is_close(leaf.grad, exact), (operands, at, other)


AT_ZERO = [
    (rows.silu, (0.5, 0.5, 0.0)),
    (rows.gelu, (0.5, 2.0 / math.sqrt(2.0 * math.pi), 0.0)),
    (rows.sigmoid, (0.25, 0.0, -0.125)),
    (rows.softplus, (0.5, 0.25, 0.0)),
    (rows.logsigmoid, (0.5, -0.25, 0.0)),
    (rows.tanh, (1.0, 0.0, -2.0)),
    (rows.atan, (1.0, 0.0, -2.0)),
    (rows.asin, (1.0, 0.0, 1.0)),
    (rows.asinh, (1.0, 0.0, -1.0)),
    (rows.atanh, (1.0, 0.0, 2.0)),
    (rows.sinh, (1.0, 0.0, 1.0)),
    (rows.tan, (1.0, 0.0, 2.0)),
    (rows.erf, (2.0 / math.sqrt(math.pi), 0.0, -4.0 / math.sqrt(math.pi))),
    (rows.expm1, (1.0, 1.0, 1.0)),
    (rows.log1p, (1.0, -1.0, 2.0)),
    (rows.square, (0.0, 2.0, 0.0)),
    (rows.relu, (0.0, 0.0, 0.0)),
    (rows.abs, (0.0, 0.0, 0.0)),
]


@pytest.mark.parametrize(("row", "derivatives"), AT_ZERO, ids=lambda thing: getattr(thing, "name", None))
def test_three_derivatives_at_zero_are_the_taylor_coefficients(
    row: Primitive, derivatives: tuple[float, ...]
) -> None:
    x = Value(0.0)
    result: Any = row(x)
    for wanted in derivatives:
        result = derivative(result, x)
        assert is_close(number(result), wanted)
