"""Every row of the table in every kind of source: inside its domain, at its special points, far out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_core as ag
from autograd_core.errors import DomainError
from autograd_core.primitives import TABLE
from autograd_core.testing.strategies import domain
from tests.compiler.agreement import Answer, assert_agrees, check, directly, eager_answer, eagerly

ROWS = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
AT_KINKS = [row for row in TABLE if row.kinks and row.name not in ("atan2", "where")]


def applied(row: Any, operands: list[Any]) -> Any:
    if row.arity is not None:
        return row(*operands)
    size = len(operands) // row.lists
    return row(*(operands[at * size : (at + 1) * size] for at in range(row.lists)))


@ROWS
@given(data=st.data())
@settings(max_examples=6)
def test_every_row_in_every_source(row: Any, data: Any) -> None:
    """In scalar source, and in lanes with every choice of which operands are lanes, shared or constants."""
    operands = list(data.draw(domain(row, kinks="force" if row in AT_KINKS and data.draw(st.booleans()) else "allow")))
    roles = data.draw(st.lists(st.sampled_from(["lane", "shared", "constant"]), min_size=len(operands),
                               max_size=len(operands)))
    if row.name == "batch_mean":
        roles = ["shared" if role == "lane" else role for role in roles]
    shared = [at for at, role in enumerate(roles) if role == "shared"]
    lane = [at for at, role in enumerate(roles) if role == "lane"]

    def f(w: Any, x: Any) -> Any:
        chosen = [x[lane.index(at)] if role == "lane" else w[shared.index(at)] if role == "shared" else operands[at]
                  for at, role in enumerate(roles)]
        return applied(row, chosen) * 1.5

    w, x = [operands[at] for at in shared], [operands[at] for at in lane]
    expected = eagerly(lambda *leaves: f(leaves[: len(w)], leaves[len(w) :]), [*w, *x])
    for optimize in (True, False):
        check(ag.compile(f, optimize=optimize), [w, x], expected)
        check(ag.compile(lambda w, x, y: f(w, x) * y[0], lanes=("x", "y"), optimize=optimize),
              [w, np.array([x, x]), [[0.5], [1.5]]], expected, list(range(len(w))))


@ROWS
def test_special_points_of_every_row(row: Any) -> None:
    """Ties, kinks, poles that are limits: the documented value and partials, exactly."""
    for special in row.special:
        n = len(special.operands)
        for program, numbers in (
            (ag.compile(lambda x: applied(row, list(x))), [list(special.operands)]),
            (ag.compile(lambda x, y: applied(row, list(x)) * y, lanes="y"), [list(special.operands), [1.0, 1.0]]),
        ):
            value, gradient = program.value_and_grad(*numbers)
            assert [value + 0.0, *gradient] == [special.value, *special.partials[:n]]


EXTREMES = [0.0, -0.0, 1.0, -1.0, 1e-320, 1e308, -1e308, 750.0, -750.0, 1000.0, -1000.0, math.inf, -math.inf, math.nan]


@ROWS
@pytest.mark.parametrize("x", EXTREMES)
def test_extreme_numbers_give_eagers_value_or_error(row: Any, x: float) -> None:
    count = row.arity or 2 * row.lists
    for others in (0.5, 2.0):
        def f(x: Any, others: float = others) -> Any:
            return applied(row, [x, *[others] * (count - 1)])

        expected = eagerly(f, [x])
        check(ag.compile(lambda x: f(x)), [x], expected)
        check(ag.compile(lambda x: f(x), optimize=False), [x], expected)
        if row.name == "batch_mean":
            continue  # that of lanes takes one operand
        check(ag.compile(lambda x, y: f(x) + y, lanes="y"), [x, [0.0]], expected)
        check(ag.compile(lambda x, y: f(y) + 0.0 * x, lanes="y"), [0.0, [x]],
              expected if isinstance(expected, DomainError) else Answer(expected.value, [0.0], math.inf if
              not math.isfinite(expected.value) else expected.value_bound, [math.inf], False))


@pytest.mark.parametrize("x", [-1000.0, -40.0, 40.0, 1000.0])
@pytest.mark.parametrize(
    "name", ["sigmoid", "softplus", "logsigmoid", "tanh", "gelu", "silu", "elu", "relu", "erf", "leaky_relu"])
def test_activations_need_no_replay_far_out(name: str, x: float) -> None:
    row = getattr(ag, name)
    program = ag.compile(lambda w, x: ag.total([row(each * x) for each in w]), lanes="x")
    expected = eager_answer(lambda *w: ag.total([row(each * x) for each in w]), [1.0, -1.0])
    assert_agrees(directly(program.trace([1.0, -1.0], [x, x]), [[1.0, -1.0], [x, x]]), expected)
    program = ag.compile(lambda w, x: ag.logsumexp([each * x for each in w]), lanes="x")
    expected = eager_answer(lambda *w: ag.logsumexp([each * x for each in w]), [1.0, -1.0])
    assert_agrees(directly(program.trace([1.0, -1.0], [x, x]), [[1.0, -1.0], [x, x]]), expected)


@pytest.mark.parametrize("row", [row for row in ag.TABLE if row.stacked_partials], ids=lambda row: row.name)
@pytest.mark.parametrize("scale", [1.0, 100.0, 1e4])
def test_partials_at_once_are_those_of_single_operands(row, scale: float) -> None:
    terms = np.random.default_rng(0).normal(size=(5, 7)) * scale
    out = row.array(*terms)
    np.testing.assert_array_equal(row.stacked_partials(out, terms), np.stack(row.partials_at(out, list(terms))))
