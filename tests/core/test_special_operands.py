"""Second and third derivatives where a partial may take a case of its own: zeros, ones, integers, huge operands."""

from __future__ import annotations

import itertools
import math
from typing import Any

import mpmath
import pytest

from autograd_core import grad, hessian
from autograd_core import primitives as rows
from autograd_core.errors import AutogradError
from autograd_core.primitives import TABLE
from autograd_core.row import Primitive
from autograd_core.value import Value
from tests.core.reference import Operands, at_a_kink
from tests.core.sweeps import call, derivative, number

SPECIAL = (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
HUGE = (20.0, 37.5, 350.0, 400.5, 720.0, 1e5, 1e200)

each_row = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
each_unary = pytest.mark.parametrize("row", [row for row in TABLE if row.arity == 1], ids=lambda row: row.name)


def special_points(row: Primitive) -> list[Operands]:
    """All combinations of special operands inside the domain, off the kinks; of four, those of one or two numbers."""
    size = row.arity or 2 * row.lists
    return [
        operands for operands in itertools.product(SPECIAL, repeat=size)
        if row.domain.contains(*operands) and not at_a_kink(row, operands)
        and (size < 4 or len(set(operands)) < 3) and not (row is rows.pow and operands[0] < 0.0)
    ]


def exact_derivative(row: Primitive, operands: Operands, which: tuple[int, ...]) -> float | None:
    """By differences of mpmath's values at 60 digits; None where they are infinite, or not real."""
    orders = tuple(which.count(at) for at in range(len(operands)))
    with mpmath.workdps(60):
        try:
            found = mpmath.diff(lambda *point: row.exact(mpmath, *point), operands, orders)
        except (ArithmeticError, ValueError, TypeError):
            return None
    return float(mpmath.re(found)) if not mpmath.im(found) and abs(found) < 1e20 else None


def engine_derivative(row: Primitive, operands: Operands, which: tuple[int, ...]) -> float:
    leaves = [Value(operand) for operand in operands]
    result: Any = call(row, leaves)
    for at in which:
        result = derivative(result, leaves[at])
    return number(result)


@each_row
@pytest.mark.parametrize("order", [1, 2, 3])
def test_mixed_derivatives_at_special_operands_agree_with_mpmath_in_any_order(row: Primitive, order: int) -> None:
    for operands in special_points(row):
        for which in itertools.product(range(len(operands)), repeat=order if len(operands) < 4 else min(order, 2)):
            exact = exact_derivative(row, operands, which)
            if exact is not None:
                got = engine_derivative(row, operands, which)
                assert abs(got - exact) <= 1e-10 * max(1.0, abs(exact)), (operands, which, got, exact)


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("base", [0.25, 1.0, 2.0, 3.5])
def test_powers_with_a_variable_exponent_at_an_integer(base: float, exponent: float) -> None:
    for order in (1, 2, 3):
        for which in itertools.product((0, 1), repeat=order):
            exact = exact_derivative(rows.pow, (base, exponent), which)
            assert exact is not None
            assert engine_derivative(rows.pow, (base, exponent), which) == pytest.approx(exact, rel=1e-13, abs=1e-13)


def test_the_exponents_zero_and_one_are_no_exception() -> None:
    logarithm = math.log(2.0)
    assert hessian(lambda x, y: x**y, (0, 1))(2.0, 0.0) == ((0.0, 0.5), (0.5, pytest.approx(logarithm**2)))
    assert grad(grad(lambda x: (x + 1.0) ** (x - 1.0)))(1.0) == pytest.approx(1.0 + logarithm**2)
    with mpmath.workdps(50):
        third = float(mpmath.diff(lambda x: (x + 1) ** x, 1, 3))
    assert grad(grad(grad(lambda x: (x + 1.0) ** x)))(1.0) == pytest.approx(third, rel=1e-13)


def test_a_power_of_a_variable_exponent_stays_a_number_at_zero() -> None:
    assert engine_derivative(rows.pow, (0.0, 0.0), (0, 0)) == 0.0
    assert engine_derivative(rows.pow, (0.0, 2.0), (0, 0)) == 2.0
    assert engine_derivative(rows.pow, (0.0, 3.0), (0, 0)) == 0.0


# --- far out ------------------------------------------------------------------------------------


def far_derivative(row: Primitive, x: float, order: int) -> Any:
    """Central differences at 1500 digits; the step is far below any scale on which a row of the table changes."""
    with mpmath.workdps(1500):
        step = mpmath.mpf(10) ** -100
        values = [row.exact(mpmath, mpmath.mpf(x) + at * step) for at in (-2, -1, 0, 1, 2)]
        weights = {1: (0, -0.5, 0, 0.5, 0), 2: (0, 1, -2, 1, 0), 3: (-0.5, 1, 0, -1, 0.5)}[order]
        return sum(weight * value for weight, value in zip(weights, values, strict=True)) / step**order


@each_unary
def test_derivatives_of_huge_operands_are_numbers_where_the_exact_ones_are(row: Primitive) -> None:
    for x in [sign * size for size in HUGE for sign in (1.0, -1.0)]:
        if not row.domain.contains(x):
            continue
        leaf = Value(x)
        result: Any = row(leaf)
        for order in (1, 2, 3):
            result, exact = derivative(result, leaf), far_derivative(row, x, order)
            if abs(exact) < 1e300:
                assert abs(number(result) - exact) <= 1e-11 * max(abs(exact), 1e-290), (x, order, number(result), exact)


@pytest.mark.parametrize("x", [0.0, 1e-200, 1e-5, 0.5, 20.0, 372.0, 399.0, 400.0, 401.0, 711.0, 1e5, 1e308])
def test_the_second_and_third_derivatives_of_tanh_are_finite_everywhere(x: float) -> None:
    with mpmath.workdps(400):
        far = mpmath.mpf(min(x, 1000.0))
        shrinking = mpmath.sech(far) ** 2
        second = float(-2 * shrinking * mpmath.tanh(far))
        third = float(shrinking * (4 * mpmath.tanh(far) ** 2 - 2 * shrinking))
    for turn in (1.0, -1.0):
        assert grad(grad(rows.tanh))(turn * x) == pytest.approx(turn * second, rel=1e-13, abs=1e-290)
        assert grad(grad(grad(rows.tanh)))(turn * x) == pytest.approx(third, rel=1e-12, abs=1e-290)


# --- at kinks, one convention -------------------------------------------------------------------


@pytest.mark.parametrize("row", [rows.leaky_relu, rows.elu], ids=lambda row: row.name)
def test_at_a_kink_the_second_derivatives_are_those_of_one_side(row: Primitive) -> None:
    assert engine_derivative(row, (0.0, 0.5), (0, 1)) == engine_derivative(row, (0.0, 0.5), (1, 0)) == 1.0


def test_an_interval_of_one_point_hands_on_to_the_end_it_is_reached_from() -> None:
    assert grad(rows.clip, (0, 1, 2))(-2.0, 1.0, 1.0) == (0.0, 1.0, 0.0)
    assert grad(rows.clip, (0, 1, 2))(2.0, 1.0, 1.0) == (0.0, 0.0, 1.0)


def test_a_negative_base_has_derivatives_to_the_base_alone() -> None:
    assert grad(grad(lambda x, y: x**y))(-2.0, 3.0) == -12.0
    with pytest.raises(AutogradError):
        call(rows.pow, [Value(-2.0), Value(0.5)])
