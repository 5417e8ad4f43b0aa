"""What every row answers at the edges (`edges.py`) and at its disputed points: on floats, arrays and Values.

Finite operands outside a domain are a `DomainError`, poles included; anything else is answered as
IEEE 754 does.
"""

import math
from typing import Any

import numpy as np
import pytest

from autograd_core import primitives as rows
from autograd_core.errors import DomainError, OperandError
from autograd_core.primitives import TABLE
from autograd_core.row import Primitive, poles_allowed
from autograd_core.value import Value
from tests.core.edges import EDGES, OUTSIDE, TINY
from tests.core.reference import Operands, draw_operands
from tests.core.sweeps import call, derivative, number

nan = math.nan

# (row, position) of the operands that are not looked at everywhere.
UNREAD = {("heaviside", 1), ("where", 1), ("where", 2), ("leaky_relu", 1), ("elu", 1)}

CONSTANT_PARTIALS = {
    "add", "sub", "neg", "sign", "heaviside", "greater", "where", "total", "mean", "batch_mean",
}

each_edge = pytest.mark.parametrize(
    ("row", "operands", "value", "partials"), EDGES, ids=lambda thing: getattr(thing, "name", str(thing))
)
each_pole = pytest.mark.parametrize(
    ("row", "operands", "shown"), OUTSIDE, ids=lambda thing: getattr(thing, "name", str(thing))
)
each_special = pytest.mark.parametrize(
    ("row", "point"),
    [(row, point) for row in TABLE for point in row.special],
    ids=lambda thing: getattr(thing, "name", str(getattr(thing, "operands", thing))),
)
each_row = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)


def is_close(got: float, wanted: float) -> bool:
    if math.isnan(wanted):
        return math.isnan(got)
    if math.isinf(wanted) or wanted == 0.0:
        return got == wanted
    return abs(got - wanted) <= max(2e-14 * abs(wanted), TINY)


def all_close(got: Any, wanted: Any) -> bool:
    return all(is_close(float(g), w) for g, w in zip(got, wanted, strict=True))


def on_floats(row: Primitive, operands: Operands) -> tuple[float, list[float]]:
    out = call(row, operands)
    assert type(out) is float
    return out, row.local_derivatives(out, operands, [True] * len(operands))


def on_arrays(row: Primitive, operands: Operands) -> tuple[float, list[float]]:
    arrays = [np.array([operand, operand]) for operand in operands]
    out = call(row, arrays)
    with poles_allowed():
        partials = row.partials_at(out, arrays)
    return float(np.ravel(out)[-1]), [float(np.ravel(partial)[-1]) for partial in partials]


def on_values(row: Primitive, operands: Operands) -> tuple[float, list[float]]:
    if not operands:
        return on_floats(row, operands)
    out = call(row, [Value(operand) for operand in operands])
    return out.data, [edge.partial for edge in out.edges]


@each_edge
@pytest.mark.parametrize("reading", [on_floats, on_arrays, on_values])
def test_every_reading_gives_the_edge_value(
    reading: Any, row: Primitive, operands: Operands, value: float, partials: Operands | None
) -> None:
    got, derivatives = reading(row, operands)
    assert is_close(got, value)
    assert partials is None or all_close(derivatives, partials), derivatives


@each_special
@pytest.mark.parametrize("reading", [on_floats, on_arrays, on_values])
def test_disputed_points_are_as_the_row_says(reading: Any, row: Primitive, point: Any) -> None:
    got, derivatives = reading(row, point.operands)
    assert is_close(got, point.value)
    assert all_close(derivatives, point.partials), derivatives


@each_pole
def test_outside_the_domain_the_error_names_operation_operands_and_domain(
    row: Primitive, operands: Operands, shown: str
) -> None:
    with pytest.raises(DomainError) as caught:
        call(row, operands)
    message = str(caught.value)
    name, _, _ = shown.partition("(")
    given = ", ".join(f"{operand:.17g}" for operand in operands)
    assert message.startswith(f"{name}({given}) is not defined")
    assert f"the domain of {name} is {row.domain}" in message
    assert "clip or maximum" in message


@each_pole
def test_outside_the_domain_an_array_names_the_first_bad_index(
    row: Primitive, operands: Operands, shown: str
) -> None:
    inside = draw_operands(row, 2)
    matrix = [np.array([[a, b], [bad, bad]]) for a, b, bad in zip(*inside, operands, strict=True)]
    with pytest.raises(DomainError, match=r"at index \(1, 0\) is not defined"):
        call(row, matrix)


@each_pole
def test_outside_the_domain_a_value_raises_the_same(
    row: Primitive, operands: Operands, shown: str
) -> None:
    with pytest.raises(DomainError) as of_floats:
        call(row, operands)
    with pytest.raises(DomainError) as of_values:
        call(row, [Value(operand) for operand in operands])
    assert str(of_floats.value) == str(of_values.value)


@each_pole
def test_where_poles_are_allowed_nothing_is_raised(
    row: Primitive, operands: Operands, shown: str
) -> None:
    with poles_allowed():
        assert not math.isfinite(call(row, operands))


def test_a_domain_error_is_caught_as_pythons_own_errors_are() -> None:
    for error in (ValueError, ArithmeticError):
        with pytest.raises(error):
            rows.log(0.0)


@each_row
def test_a_nan_that_goes_in_comes_out(row: Primitive) -> None:
    for operands in draw_operands(row, 20, seed=1):
        for at in range(len(operands)):
            spoiled = (*operands[:at], nan, *operands[at + 1 :])
            if (row.name, at) in UNREAD or (row is rows.pow and (operands[1] == 0.0 or operands[0] == 1.0)):
                continue
            assert math.isnan(on_floats(row, spoiled)[0]), spoiled
            assert math.isnan(on_arrays(row, spoiled)[0]), spoiled
            assert math.isnan(on_values(row, spoiled)[0]), spoiled


@each_row
def test_a_partial_of_a_nan_is_nan_unless_it_is_a_constant(row: Primitive) -> None:
    operands = next(each for each in draw_operands(row, 20, seed=2) if 0.0 not in each)
    spoiled = tuple(nan for _ in operands)
    for partial in on_values(row, spoiled)[1]:
        assert math.isnan(partial) or row.name in CONSTANT_PARTIALS


@pytest.mark.parametrize("row", [rows.mean, rows.batch_mean, rows.logsumexp], ids=lambda row: row.name)
def test_the_mean_of_nothing_is_an_error(row: Primitive) -> None:
    with pytest.raises(OperandError, match="needs at least one operand"):
        row([])


@pytest.mark.parametrize("power", range(6))
@pytest.mark.parametrize("at", [0.0, -0.0, -1.5, 2.0])
def test_every_derivative_of_a_power_is_right_and_ends_in_zeros(power: int, at: float) -> None:
    x = Value(at)
    result: Any = x ** float(power)
    for order in range(power + 3):
        wanted = math.perm(power, order) * at ** (power - order) if order <= power else 0.0
        assert is_close(number(result), wanted), (order, number(result))
        result = derivative(result, x)


def test_the_bool_a_comparison_gives_is_refused_with_advice() -> None:
    for row in (rows.where, rows.maximum):
        with pytest.raises(OperandError, match=r"got the bool True.*heaviside\(x, at_zero\)"):
            call(row, [True, *[1.0] * ((row.arity or 1) - 1)])


def test_a_call_with_the_wrong_operands_shows_the_signature() -> None:
    wrong = [
        (lambda: rows.leaky_relu(), r"leaky_relu\(x, slope=0.01\) was called as leaky_relu\(\)"),
        (lambda: rows.leaky_relu(1.0, slop=2.0), r"was called as leaky_relu\(float, slop\)"),
        (lambda: rows.exp(1.0, 2.0), r"exp\(x\) was called as exp\(float, float\)"),
        (lambda: rows.total(1.0, 2.0), r"total takes a list of operands, such as total\(\[a, b, c\]\)"),
        (lambda: rows.dot([1.0], [1.0, 2.0]), r"dot needs lists of equal length; it got 1 and 2"),
        (lambda: rows.exp("1"), r"exp got '1' of type str"),
        (lambda: rows.exp(np.array(["1"])), r"exp got an array of <U1"),
        (lambda: rows.exp(1j), r"exp got 1j of type complex"),
    ]
    for attempt, message in wrong:
        with pytest.raises(OperandError, match=message):
            attempt()
