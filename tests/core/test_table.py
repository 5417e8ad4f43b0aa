"""Every row of the table against mpmath, on floats and on arrays.

Errors are counted in units in the last place (ulp) of the exact result.  A row that says `conditioned`
has a result in which terms cancel, or which magnifies what its operands carry; its errors are counted in
ulp of |f| + sum |x_i df/dx_i| instead, which is what a change of the operands by one ulp would do.  The
partials of such a row are judged likewise, by their own derivatives.  Results below 2**-1000 are judged
in ulp of 2**-1000.
"""

import math
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest

from autograd_core.primitives import TABLE, find_primitive
from autograd_core.row import Primitive, poles_allowed
from tests.core.reference import (
    Operands,
    by_size,
    columns,
    complex_step_partials,
    draw_operands,
    error_in_ulp,
    exact_partials,
    exact_value,
    partial_sensitivities,
    value_sensitivity,
)

DRAWS = 200
FAR_BELOW_FLOATS = mpmath.mpf(10) ** -340
PROMISED = (
    "add sub mul div neg pow abs sign heaviside sqrt square reciprocal exp expm1 log log1p log2 log10 "
    "sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh sigmoid logsigmoid softplus "
    "relu leaky_relu elu gelu silu erf maximum minimum where clip hypot total mean dot logsumexp batch_mean"
)
FROM_NUMPY = ["arcsin", "arccos", "arctan", "arctan2", "arcsinh", "arccosh", "arctanh", "absolute"]

each_row = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)


@cache
def draws(row: Primitive) -> list[Operands]:
    return draw_operands(row, DRAWS)


@cache
def reference(row: Primitive) -> dict[Operands, tuple[Any, list[Any]]]:
    """The exact value and partials at every draw."""
    return {operands: (exact_value(row, operands), exact_partials(row, operands)) for operands in draws(row)}


def wrong_values(row: Primitive, got: dict[Operands, float]) -> list[tuple[Any, ...]]:
    found = []
    for operands, (exact, partials) in reference(row).items():
        sensitivity = value_sensitivity(operands, partials) if row.conditioned else 0
        error = error_in_ulp(got[operands], exact, sensitivity)
        if not error <= row.ulp:
            found.append((operands, got[operands], error))
    return found


def wrong_partials(row: Primitive, got: dict[Operands, list[float]]) -> list[tuple[Any, ...]]:
    found = []
    for operands, (_, partials) in reference(row).items():
        for at, exact in enumerate(partials):
            one = got[operands][at]
            if not mpmath.isfinite(exact) or mpmath.im(exact) != 0:
                # x**y with x < 0 is real at single y only: it has no derivative to y.
                error = 0.0 if math.isnan(one) else math.inf
            else:
                error = error_in_ulp(one, exact)
                if row.conditioned and not error <= row.ulp:
                    error = error_in_ulp(one, exact, partial_sensitivities(row, operands)[at])
            if not error <= row.ulp:
                found.append((operands, at, one, error))
    return found


@each_row
def test_values_of_floats_are_exact_to_the_ulp_the_row_states(row: Primitive) -> None:
    got = {operands: row.on_floats(*operands) for operands in draws(row)}
    assert not wrong_values(row, got)


@each_row
def test_values_of_arrays_are_exact_to_the_ulp_the_row_states(row: Primitive) -> None:
    got = {}
    for group in by_size(draws(row)):
        got.update(zip(group, map(float, row.on_arrays(*columns(group))), strict=True))
    assert not wrong_values(row, got)


@each_row
def test_partials_of_floats_are_exact_to_the_ulp_the_row_states(row: Primitive) -> None:
    got = {
        operands: row.local_derivatives(row.on_floats(*operands), operands, [True] * len(operands))
        for operands in draws(row)
    }
    assert not wrong_partials(row, got)


@each_row
def test_partials_of_arrays_are_exact_to_the_ulp_the_row_states(row: Primitive) -> None:
    got = {}
    for group in by_size(draws(row)):
        arrays = columns(group)
        with poles_allowed():
            partials = row.partials_at(row.on_arrays(*arrays), arrays)
        spread = np.broadcast_arrays(*partials, arrays[0])[:-1]
        got.update({operands: [float(each[at]) for each in spread] for at, operands in enumerate(group)})
    assert not wrong_partials(row, got)


@each_row
def test_complex_step_agrees_with_the_difference(row: Primitive) -> None:
    for operands, (_, partials) in list(reference(row).items())[:40]:
        for step, difference in zip(complex_step_partials(row, operands), partials, strict=True):
            if mpmath.im(difference) == 0 and mpmath.isfinite(difference):
                size = max(abs(difference), FAR_BELOW_FLOATS)
                assert abs(step - difference) <= mpmath.mpf(10) ** -30 * size, operands


def test_the_table_has_every_row_it_promises() -> None:
    assert set(PROMISED.split()) <= {row.name for row in TABLE}


def test_no_two_rows_answer_to_one_name() -> None:
    names = [name for row in TABLE for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names))


def test_rows_are_found_under_numpys_names_too() -> None:
    assert all(find_primitive(name) is not None for name in FROM_NUMPY)


@each_row
def test_draws_lie_in_the_domain_and_in_its_array_reading(row: Primitive) -> None:
    for group in by_size(draws(row)):
        assert np.all(row.domain.contains(*columns(group)))
