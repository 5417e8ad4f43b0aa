"""Checks of second derivatives, of operations at kinks whose operands move together, and of very many operands."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autograd_core import Value, clip, dot, elu, leaky_relu, log1p, logsumexp, maximum, mean, minimum, relu, total
from autograd_core import primitives as rows
from autograd_core.custom import primitive
from autograd_core.graph import Graph
from autograd_core.primitives import TABLE
from autograd_core.row import Primitive
from autograd_core.testing import assert_gradients, draw_expression, gradcheck
from autograd_core.testing.high_precision import ExactReplay
from autograd_core.testing.many_operands import sensitivities_to_all, slopes_to_all
from autograd_core.testing.numbers import complex_step
from autograd_core.testing.switches import switches_of
from tests.core.reference import partial_sensitivities


def verdicts(f: Callable[..., Any], *point: float, **options: Any) -> set[str]:
    return set(gradcheck(f, *point, **options).verdicts.values())


# --- second derivatives ---------------------------------------------------------------------------

SMOOTH: list[tuple[Callable[..., Any], tuple[float, ...]]] = [
    (lambda x: x**x, (1.7,)),
    (lambda x, y: x**y, (1.7, 1.3)),
    (lambda x, y: x**y, (2.0, 0.0)),
    (lambda x, y: x**y, (2.0, 1.0)),
    (lambda x: elu(x), (-1.7,)),
    (lambda x, alpha: elu(x, alpha), (-1.7, 0.3)),
    (lambda x, slope: leaky_relu(x, slope) ** 2, (-1.7, 0.3)),
    (lambda x: clip(x, -1.0, 1.0) ** 3, (0.7,)),
    (lambda x, low, high: clip(x, low, high) ** 3, (-3.0, 0.7, 2.0)),
    (lambda x, y: maximum(x, y) ** 2 * minimum(x, y), (1.0, 2.0)),
    (lambda x: rows.abs(x) ** 3, (-2.0,)),
    (lambda x: (lambda v: v**v)(relu(x)), (-1.2,)),
]


@pytest.mark.parametrize("at", range(len(SMOOTH)))
@pytest.mark.parametrize("oracle", ["replay", "differences"])
def test_second_derivatives_of_branches_pass_away_from_the_kinks(at: int, oracle: Any) -> None:
    f, point = SMOOTH[at]
    found = verdicts(f, *point, order=2, oracle=oracle)
    assert "fail" not in found
    if oracle == "replay":
        assert found == {"pass"}


def test_second_derivatives_of_random_graphs_off_their_kinks_all_pass() -> None:
    for seed in range(60):
        expression = draw_expression(seed, 3)
        assert verdicts(expression, *expression.point, order=2, oracle="replay") == {"pass"}, expression


BAD_EXP = replace(rows.exp, partials=(lambda out, x: 2.0 * out,))
BAD_NEG = replace(rows.neg, partials=(lambda out, x: 1.0,))


def test_a_wrong_second_derivative_is_found_among_branches() -> None:
    def slope(out: Any, x: Any, alpha: Any) -> Any:
        return rows.where(rows.heaviside(x, 0.0), 1.0, alpha * BAD_EXP(rows.minimum(x, 0.0)))

    wrong = replace(rows.elu, partials=(slope, lambda out, x, alpha: rows.expm1(rows.minimum(x, 0.0))))
    report = gradcheck(lambda x: wrong(x, 1.0), -0.5, order=2)
    assert report.verdicts == {"x": "pass", "x, x": "fail"}
    assert report.culprit is not None and report.culprit.operation == "exp"


def test_inputs_without_a_kink_have_their_second_derivatives_checked_beside_one_at_a_kink() -> None:
    report = gradcheck(lambda x, y: relu(x) + y**3, 0.0, 2.0, order=2)
    assert report.verdicts == {"x": "kink", "y": "pass", "y, x": "pass", "y, y": "pass"}
    assert report and "second derivatives to x first were not checked" in str(report)


def test_a_wrong_second_derivative_beside_a_kink_is_found() -> None:
    wrong = replace(rows.square, partials=(lambda out, x: -BAD_NEG(2.0 * x),))
    report = gradcheck(lambda x, y: relu(x) + wrong(y), 0.0, 2.0, order=2)
    assert report.verdicts == {"x": "kink", "y": "pass", "y, x": "pass", "y, y": "fail"}


def test_a_partial_that_cannot_be_differentiated_again_is_named() -> None:
    @primitive(partials=[lambda out, x: math.cos(x)])
    def my_sin(x: float) -> float:
        return math.sin(x)

    report = gradcheck(lambda x, y: my_sin(x) * y, 0.5, 2.0, order=2)
    assert report.verdicts["x"] == report.verdicts["y"] == "pass"
    second = [entry for entry in report.entries if ", " in entry.name]
    assert {entry.verdict for entry in second} == {"inconclusive"} and len(second) == 4
    for entry in second:
        assert "a partial of my_sin (" in entry.note and "test_second_order_checks.py:" in entry.note
        assert "cos(x), not math.cos(x)" in entry.note
    with pytest.raises(AssertionError, match="inconclusive"):
        assert_gradients(my_sin, 0.5, order=2)


# --- operands that move together ------------------------------------------------------------------

TOGETHER: list[tuple[Callable[..., Any], tuple[float, ...]]] = [
    (lambda y: clip(y, y, y), (2.0,)),
    (lambda y: clip(y, y, 3.0), (2.0,)),
    (lambda y: maximum(y, y), (2.0,)),
    (lambda y: maximum(2.0 * y, y + y), (2.0,)),
    (lambda x, y: maximum(x + y, x - y), (1.0, 0.0)),
    (lambda x: maximum(relu(x), -relu(-x)), (0.0,)),
    (lambda x: rows.hypot(x, 3.0 * x), (0.0,)),
]


@pytest.mark.parametrize("at", range(len(TOGETHER)))
def test_at_a_kink_operands_that_move_together_are_judged_by_what_they_do_together(at: int) -> None:
    f, point = TOGETHER[at]
    report = gradcheck(f, *point, oracle="replay")
    assert report and report.culprit is None, report


@pytest.mark.parametrize("kinks", ["allow", "force"])
def test_random_graphs_at_kinks_never_fail(kinks: str) -> None:
    for seed in [*range(60), 5106, 5107, 6864]:
        expression = draw_expression(seed, 3, kinks=kinks)
        assert "fail" not in verdicts(expression, *expression.point, oracle="replay"), expression


def test_the_draw_that_failed_though_it_is_right() -> None:
    expression = draw_expression(40, 3, kinks="allow")
    assert gradcheck(expression, *expression.point, oracle="replay")


def test_a_wrong_partial_at_a_kink_of_operands_that_move_together_is_found() -> None:
    both = replace(rows.maximum, partials=(lambda out, x, y: 1.0, lambda out, x, y: 1.0))
    report = gradcheck(lambda y: both(y, y) + 1.0, 2.0)
    assert report.verdicts == {"y": "kink"} and not report
    report = gradcheck(lambda x, y: both(x + y, x - y), 1.0, 0.0)
    assert not report and report.culprit is not None and report.culprit.operation == "maximum"


# --- switches -------------------------------------------------------------------------------------


def test_a_branch_on_what_stays_as_it_is_is_no_kink() -> None:
    x = Value(-1.0, "x")
    steady = rows.heaviside(x, 0.0)
    for output, is_kink in [
        (rows.where(steady, 1.0, x), False), (rows.abs(steady), False), (rows.where(x + 1.0, 1.0, x), True),
        (rows.maximum(steady, 0.0), False), (rows.sign(relu(x)), False),
        (rows.where(rows.clip(x, 0.0, 1.0), x, 1.0), False), (rows.heaviside(x + 1.0, x), True),
        (rows.heaviside(steady, x), False), (rows.where(rows.maximum(x, 0.0), x, 1.0), False),
        (rows.abs(rows.maximum(x, 0.0)), False), (rows.abs(x * x - 1.0), True),
    ]:
        assert bool(switches_of(Graph(output)).at_kinks) is is_kink, output


def test_a_switch_in_a_branch_that_is_not_taken_does_not_matter() -> None:
    f = lambda x, y: rows.where(x, y, rows.where(y - 2.0, 3.0, y))  # noqa: E731
    assert verdicts(f, 1.0, 2.0, oracle="replay") == {"pass"}
    assert verdicts(f, 1.0, 2.0, oracle="differences") == {"pass"}


def test_a_kink_that_nothing_can_leave_or_that_is_not_looked_at_is_none() -> None:
    for f in (lambda x: rows.abs(relu(x)) + x, lambda x: maximum(rows.abs(x + 1.0), 2.0) * x):
        assert verdicts(f, -1.0, oracle="replay") == {"pass"}


@pytest.mark.parametrize("scale", ["unit", "integer", "wide"])
def test_the_kink_of_a_forced_draw_always_matters(scale: str) -> None:
    for seed in range(120):
        expression = draw_expression(seed, 3, kinks="force", scale=scale, sharing=bool(seed % 2))
        assert "kink" in verdicts(expression, *expression.point, oracle="replay"), expression


# --- very many operands ---------------------------------------------------------------------------

MANY = [row for row in TABLE if row.arity is None]


@pytest.mark.parametrize("row", MANY, ids=lambda row: row.name)
def test_all_slopes_at_once_are_those_of_complex_steps(row: Primitive) -> None:
    rng = np.random.default_rng(4)
    for _ in range(5):
        numbers = [float(x) for x in rng.normal(size=6) * 10.0 ** rng.integers(-3, 3)]
        every = slopes_to_all(row, numbers, 160)
        assert every is not None
        for at, slope in enumerate(every):
            single = complex_step(row, numbers, at, 160)
            assert abs(slope - single) <= abs(single) * 1e-40, (numbers, at)
        moved = sensitivities_to_all(row, numbers, [abs(float(slope)) for slope in every])
        assert moved == pytest.approx(list(map(float, partial_sensitivities(row, tuple(numbers)))), rel=1e-9)


@pytest.mark.parametrize("row", MANY, ids=lambda row: row.name)
def test_three_hundred_terms_are_checked(row: Primitive) -> None:
    x = [math.sin(at) for at in range(300)]
    f = (lambda v: dot(v[:150], v[150:])) if row is rows.dot else row
    assert verdicts(f, x, oracle="replay") == {"pass"}


def test_a_wrong_share_among_many_terms_is_found() -> None:
    wrong = replace(rows.mean, partials=lambda out, *terms: [1.0 / len(terms)] * (len(terms) - 1) + [0.0])
    report = gradcheck(lambda v: wrong(v), [1.0] * 40)
    assert report.culprit is not None and "argument 40 of mean" in report.culprit.what
    assert report.culprit.arrows[0].operand == 39


def test_infinite_terms_are_left_to_the_general_way() -> None:
    assert slopes_to_all(rows.total, [1.0, math.inf], 100) is None
    assert slopes_to_all(rows.add, [1.0, 2.0], 100) is None and sensitivities_to_all(rows.add, [1.0], [1.0]) is None
    assert ExactReplay(Graph(total([Value(1.0), Value(2.0)]))).local_derivatives(2) == [1, 1]
    assert gradcheck(lambda a, b: logsumexp([a, b]) + mean([log1p(a), b]), 0.3, 0.4, order=2)
