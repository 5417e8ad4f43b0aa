"""The checker's verdicts: right gradients pass, kinks are kinks, the smallest mistake is caught and named.

What is expected comes from formulas written down here, and from mpmath's differences of a row's ``exact``.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import viz
from autograd_core import (
    clip,
    cos,
    elu,
    heaviside,
    hypot,
    leaky_relu,
    maximum,
    minimum,
    relu,
    sigmoid,
    sin,
    sqrt,
    tanh,
    total,
    where,
)
from autograd_core import primitives as rows
from autograd_core.errors import CheckError, DomainError
from autograd_core.primitives import TABLE
from autograd_core.row import Primitive
from autograd_core.testing import Report, assert_gradients, draw_expression, gradcheck, planted
from autograd_core.testing.mutants import scaled
from tests.core.reference import at_a_kink, draw_operands, exact_partials
from tests.core.sweeps import call

Oracle = Any
BOTH: tuple[Oracle, ...] = ("replay", "differences")
each_oracle = pytest.mark.parametrize("oracle", BOTH)
each_row = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)


def all_pass(report: Report) -> bool:
    return bool(report) and set(report.verdicts.values()) == {"pass"}


def computed_without_overflow(row: Primitive, operands: Sequence[float]) -> bool:
    try:
        return math.isfinite(row.on_floats(*operands))
    except DomainError:
        return False


# --- right gradients ------------------------------------------------------------------------------


@each_row
def test_every_row_passes_by_replay_also_far_out_and_the_expected_is_mpmath_s(row: Primitive) -> None:
    for operands in draw_operands(row, 8, seed=11):
        if not computed_without_overflow(row, operands):
            continue
        report = gradcheck(lambda *xs: call(row, xs), *operands, oracle="replay")
        exact = exact_partials(row, operands)
        for entry, slope in zip(report.entries, exact, strict=True):
            if math.isfinite(entry.gradient) and not slope.imag:  # pow(-2, y) has no real values beside an integer y
                assert entry.verdict == "pass", (operands, str(report))
                assert entry.expected == pytest.approx(float(slope), rel=1e-14, abs=1e-290)


@each_row
def test_every_row_is_never_failed_by_differences(row: Primitive) -> None:
    rng = np.random.default_rng([3, *row.name.encode()])
    for _ in range(8):
        operands = row.domain.sample(rng, row.arity or 2 * row.lists)
        if not at_a_kink(row, operands) and computed_without_overflow(row, operands):
            report = gradcheck(lambda *xs: call(row, xs), *operands, oracle="differences")
            assert "fail" not in report.verdicts.values(), (operands, str(report))
            assert "kink" not in report.verdicts.values(), (operands, str(report))


@pytest.mark.parametrize("scale", ["unit", "integer", "wide"])
def test_random_expressions_pass_by_replay_every_one(scale: str) -> None:
    for seed in range(150):
        f = draw_expression(np.random.default_rng([seed, 41]), scale=scale)
        report = gradcheck(f, *f.point, oracle="replay")
        assert all_pass(report), f"{f.source}\n{report}"


@pytest.mark.parametrize(("scale", "most_undecided"), [("unit", 0.03), ("integer", 0.03), ("wide", 0.10)])
def test_random_expressions_pass_by_differences_but_for_a_few_undecided(scale: str, most_undecided: float) -> None:
    found = []
    for seed in range(150):
        f = draw_expression(np.random.default_rng([seed, 43]), scale=scale)
        report = gradcheck(f, *f.point, oracle="differences")
        found += list(report.verdicts.values())
        assert "fail" not in report.verdicts.values(), f"{f.source}\n{report}"
    assert found.count("inconclusive") <= most_undecided * len(found)


@each_oracle
def test_structures_are_checked_scalar_by_scalar_and_named_by_their_place(oracle: Oracle) -> None:
    def f(weights: Any, layers: Any, x: Any) -> Any:
        return weights["a"] * weights["b"][0] * tanh(layers[0, 1] * x[0][1]) + layers[1, 0] ** 2

    report = gradcheck(f, {"a": 2.0, "b": (3.0,)}, np.array([[1, 2], [3, 4]]), [[0.5, -0.1], []], oracle=oracle)
    t = math.tanh(-0.2)
    expected = {
        "weights_{a}": 3 * t, "weights_{b,0}": 2 * t, "layers_{0,0}": 0, "layers_{0,1}": 6 * (1 - t * t) * -0.1,
        "layers_{1,0}": 6.0, "layers_{1,1}": 0, "x_{0,0}": 0, "x_{0,1}": 6 * (1 - t * t) * 2,
    }
    assert all_pass(report)
    assert {entry.name: pytest.approx(entry.gradient, rel=1e-14) for entry in report.entries} == expected


@each_oracle
def test_second_derivatives_are_checked_and_a_mistake_in_one_is_found(oracle: Oracle) -> None:
    report = gradcheck(lambda x, y: sin(x) * y * x, 0.5, 2.0, order=2, oracle=oracle)
    found = {entry.name: entry.gradient for entry in report.entries}
    assert all_pass(report)
    assert found["x, x"] == pytest.approx(2 * (2 * math.cos(0.5) - 0.5 * math.sin(0.5)))
    assert found["x, y"] == found["y, x"] == pytest.approx(math.sin(0.5) + 0.5 * math.cos(0.5))
    with scaled(cos, 1.001).applied():
        report = gradcheck(lambda x: sin(x) * x, 0.5, order=2, oracle=oracle)
    assert report.verdicts == {"x": "pass", "x, x": "fail"}


def test_a_hessian_that_was_asked_for_is_never_left_out_in_silence() -> None:
    report = gradcheck(lambda x: x * abs(x), 0.0, order=2)
    assert "x, x" in report.verdicts or report.notes or not report


# --- kinks ----------------------------------------------------------------------------------------

KINKS: list[tuple[str, Callable[..., Any], tuple[float, ...], list[tuple[float, float]]]] = [
    ("abs", lambda x: abs(x), (0.0,), [(-1, 1)]),
    ("relu", lambda x: relu(x), (0.0,), [(0, 1)]),
    ("relu of relu", lambda x: relu(relu(x)), (0.0,), [(0, 1)]),
    ("maximum", lambda x, y: maximum(x, y), (1.0, 1.0), [(0, 1), (0, 1)]),
    ("minimum", lambda x: minimum(x, -x), (0.0,), [(1, -1)]),
    ("clip low", lambda x: clip(x, 0.0, 1.0), (0.0,), [(0, 1)]),
    ("clip high", lambda x: clip(x, 0.0, 1.0), (1.0,), [(1, 0)]),
    ("leaky_relu", lambda x: leaky_relu(x), (0.0,), [(0.01, 1)]),
    ("elu of alpha 2", lambda x: elu(x, 2.0), (0.0,), [(2, 1)]),
    ("hypot", lambda x, y: hypot(x, y), (0.0, 0.0), [(-1, 1), (-1, 1)]),
    ("where", lambda x: where(heaviside(x, 0.0), 2 * x, 3 * x), (0.0,), [(3, 2)]),
    ("inside", lambda x: abs(x) * sqrt(x + 1.0), (0.0,), [(-1, 1)]),
    ("x sign(x)", lambda x: x * x.sign(), (0.0,), [(-1, 1)]),
    ("x H(x)", lambda x: x * heaviside(x, 0.5), (0.0,), [(0, 1)]),
    ("large", lambda x: relu(x - 1.0) * 1e8 + x, (1.0,), [(1, 1 + 1e8)]),
    ("flat", lambda x: x * abs(x), (0.0,), [(0, 0)]),
]


@each_oracle
@pytest.mark.parametrize("kink", KINKS, ids=lambda kink: kink[0])
def test_an_exact_kink_is_a_kink_with_its_one_sided_derivatives(kink: Any, oracle: Oracle) -> None:
    _, f, point, sides = kink
    report = gradcheck(f, *point, oracle=oracle)
    assert report and set(report.verdicts.values()) == {"kink"}
    assert [(e.left, e.right) for e in report.entries] == [pytest.approx(side, rel=1e-9, abs=1e-9) for side in sides]
    assert all(e.legal and "kink" in e.note for e in report.entries)


@pytest.mark.parametrize("tiny", [1e-40, 1e-80, 1e-150, 1e-300])
def test_zero_beside_a_tiny_operand_is_moved_by_a_step_the_precision_still_sees(tiny: float) -> None:
    report = gradcheck(lambda a, b: rows.logsumexp([a, b]), 0.0, tiny)
    assert [(e.verdict, e.expected) for e in report.entries] == [("pass", 0.5), ("pass", 0.5)]


@each_oracle
@pytest.mark.parametrize(("f", "at"), [
    (lambda x: minimum(x, x) / minimum(x, x), 3.0), (lambda x: abs(x) / maximum(x, x) * minimum(x, x), 7.0),
    (lambda x: maximum(x, x) ** 2 / x - minimum(x, x), 0.3),
])
def test_at_a_kink_too_rounding_makes_no_gradient_illegal(f: Any, at: float, oracle: Oracle) -> None:
    """The one-sided slopes are equal but for the last of 50 digits, and the gradient is the sum of large paths."""
    (entry,) = gradcheck(f, at, oracle=oracle).entries
    assert (entry.verdict, entry.legal) == ("kink", True)


@each_oracle
@pytest.mark.parametrize(("f", "engine"), [
    (lambda x: relu(x) - relu(-x), 0.0), (lambda x: x * heaviside(x, 5.0), 5.0),
    (lambda x: replace(relu, partials=(lambda out, x: -1.0,))(x), -1.0),
], ids=["relu(x) - relu(-x)", "x*heaviside(x, 5)", "a wrong convention"])
def test_a_choice_outside_the_subdifferential_is_not_legal(f: Any, engine: float, oracle: Oracle) -> None:
    (entry,) = gradcheck(f, 0.0, oracle=oracle).entries
    assert (entry.verdict, entry.gradient, entry.legal) == ("kink", engine, False)
    assert "outside" in entry.note
    with pytest.raises(AssertionError, match="x kink"):
        assert_gradients(f, 0.0, oracle=oracle)


@each_oracle
def test_a_kink_behind_the_losing_operand_of_a_maximum_is_none(oracle: Oracle) -> None:
    assert gradcheck(lambda x: sigmoid(maximum(relu(x), 2.0) / 2 - x), 0.0, oracle=oracle).verdicts == {"x": "pass"}


@each_oracle
def test_a_tie_with_itself_is_no_mistake(oracle: Oracle) -> None:
    assert gradcheck(lambda x: maximum(x, x), 1.0, oracle=oracle)
    assert gradcheck(lambda x: elu(x), 0.0, oracle=oracle)


@each_oracle
def test_rounding_may_hide_a_kink_but_not_make_a_failure(oracle: Oracle) -> None:
    report = gradcheck(lambda x, y, z: relu(x + y - z), 0.1, 0.2, 0.3, oracle=oracle)
    assert report and set(report.verdicts.values()) <= {"pass", "kink"}


@each_oracle
@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9, 1e-12, 2.0**-52])
def test_near_a_kink_is_not_at_it(distance: float, oracle: Oracle) -> None:
    backwards = replace(rows.abs, partials=(lambda out, x: -rows.sign(x),))
    assert gradcheck(relu, distance, oracle=oracle).entries[0].verdict == "pass"
    for f in (lambda x: abs(x - 1.0), lambda x: abs(1.0 - x)):
        assert gradcheck(f, 1.0 + distance, oracle=oracle).entries[0].verdict in ("pass", "inconclusive")
    assert not gradcheck(lambda x: backwards(x - 1.0), 1.0 + distance, oracle=oracle)


@each_oracle
@pytest.mark.parametrize("f", [
    lambda x: heaviside(x, 0.5), lambda x: x.sign(), lambda x: where(x, 1.0, 2.0),
    lambda x: 2 * x + heaviside(x, 1.0), lambda x: rows.atan2(x, -1.0),
], ids=["heaviside", "sign", "where", "a slope and a jump", "the cut of atan2"])
def test_a_jump_is_no_kink_and_no_pass(f: Any, oracle: Oracle) -> None:
    report = gradcheck(f, 0.0, oracle=oracle)
    assert report.entries[0].verdict in ("inconclusive", "fail") and not report


@each_oracle
@pytest.mark.parametrize("f", [sqrt, lambda x: x**0.5, lambda x: sqrt(abs(x)), lambda x: sqrt(x * x)],
                         ids=["sqrt", "power", "cusp", "0/0"])
def test_an_infinite_gradient_is_reported_not_compared(f: Any, oracle: Oracle) -> None:
    report = gradcheck(f, 0.0, oracle=oracle)
    assert report.entries[0].verdict == "inconclusive" and not report
    assert "inf" in report.entries[0].note or "nan" in report.entries[0].note


@each_oracle
@pytest.mark.parametrize(("f", "point", "legal"), [
    (lambda x: x if x.data > 0 else 0 * x, (0.0,), True),
    (lambda x: 2 * x if x.data > 0 else 3 * x, (0.0,), True),
    (lambda x: x if x.data > 0 else 0.0, (0.0,), True),
    (lambda x, y: max(x, y), (1.0, 1.0), True),
    (lambda x, y: sorted([x, y])[0], (1.0, 1.0), True),
    (lambda x: -x if x.data < 0 else x if x.data > 0 else 5 * x, (0.0,), False),
], ids=["if", "if with constants", "if to a number", "max", "sorted", "if with a value of its own"])
def test_a_branch_of_python_at_the_point_is_a_kink_and_no_cut(f: Any, point: Any, legal: bool, oracle: Oracle) -> None:
    try:
        report = gradcheck(f, *point, oracle=oracle)
    except CheckError as error:
        assert oracle == "replay" and "branches" in str(error)
        report = gradcheck(f, *point)
    assert [(e.verdict, e.legal) for e in report.entries] == [("kink", legal)] * len(point), str(report)


@pytest.mark.parametrize("seed", range(4))
def test_a_jump_by_a_branch_of_python_never_passes(seed: int) -> None:
    oracles: tuple[Oracle, ...] = (None, "differences")
    for oracle in oracles:
        assert not gradcheck(lambda x: 2 * x if x.data >= 1 else 3 * x, 1.0, rng=seed, oracle=oracle)


# --- failures -------------------------------------------------------------------------------------


def spoiled(row: Primitive, at: int, error: float) -> Primitive:
    right = row.partials
    assert isinstance(right, tuple)
    wrong = lambda out, *xs: (1.0 + error) * right[at](out, *xs)  # noqa: E731
    return replace(row, name=f"my_{row.name}", partials=(*right[:at], wrong, *right[at + 1 :]))


UNARY_AND_BINARY = [row for row in TABLE if row.arity in (1, 2) and row.name not in ("sign", "heaviside", "greater")]


@pytest.mark.parametrize("row", UNARY_AND_BINARY, ids=lambda row: row.name)
@pytest.mark.parametrize(("oracle", "errors"), [
    ("replay", [1e-2, -1e-4, 1e-6, -1e-8, 1e-9]), ("differences", [1e-2, -1e-3, 1.01e-4])], ids=BOTH)
def test_every_error_of_a_partial_that_matters_is_caught(row: Primitive, oracle: Oracle, errors: list[float]) -> None:
    rng = np.random.default_rng([5, *row.name.encode()])
    tried = 0
    while tried < 3:
        x, y, *_ = *row.domain.sample(rng, row.arity or 2), 0.7
        at = int(rng.integers(row.arity or 1))
        operands = (x, y)[: row.arity]
        slopes = row.local_derivatives(row.on_floats(*operands), operands, [True] * len(operands))
        if at_a_kink(row, operands) or not 1e-2 < abs(slopes[at]) < 1e2 or max(map(abs, operands)) > 5:
            continue
        tried += 1
        for error in errors:
            wrong = spoiled(row, at, error)
            report = gradcheck(lambda *xs: 3 * wrong(*xs), *operands, oracle=oracle)  # noqa: B023
            assert report.entries[at].verdict == "fail", (operands, error, str(report))


@each_oracle
def test_the_culprit_is_the_operation_the_argument_and_the_line(oracle: Oracle) -> None:
    bad = spoiled(rows.mul, 1, 0.01)

    def multiply(a: Any, b: Any) -> Any:
        return bad(a, b)  # the culprit

    def f(x: Any, y: Any) -> Any:
        return multiply(x + y, y) * x

    report = gradcheck(f, 0.5, 1.5, oracle=oracle)
    assert report.verdicts == {"x": "pass", "y": "fail"}
    culprit = report.culprit
    assert culprit is not None
    line = multiply.__code__.co_firstlineno + 1
    assert (culprit.operation, culprit.line) == ("my_mul", f"{__file__}:{line}")
    assert (culprit.expected, culprit.got) == pytest.approx((2.0, 2.02), rel=1e-6)
    assert "argument 2" in culprit.what and f"test_gradcheck.py:{line}" in str(report)
    graph = report.graph
    assert graph is not None
    assert [node.op and node.op.name for node in graph.record] == [None, None, "my_mul"]
    assert {node.data for node in graph.record} == {1.5, 2.0, 3.0}
    assert viz.draw(report) is not None


def test_of_several_wrong_partials_the_one_that_moves_most_is_named() -> None:
    small, large = spoiled(sin, 0, 1e-3), replace(spoiled(tanh, 0, 1e-2), name="worst")
    report = gradcheck(lambda x: small(x) + large(x), 0.3, oracle="replay")
    assert report.culprit is not None and report.culprit.operation == "worst"


def test_an_operation_of_many_operands_names_the_one() -> None:
    bad = replace(total, name="bad_total", partials=lambda out, *terms: [1.0] * (len(terms) - 1) + [1.001])
    report = gradcheck(lambda xs: bad(xs) * xs[0], [1.0, 2.0, 3.0])
    assert report.verdicts == {"xs_{0}": "pass", "xs_{1}": "pass", "xs_{2}": "fail"}
    assert report.culprit is not None and "argument 3" in report.culprit.what


def test_a_kink_does_not_cover_up_a_wrong_partial_beside_it() -> None:
    bad = replace(sin, name="bad_sin", partials=(lambda out, x: 1.3 * cos(x),))
    report = gradcheck(lambda x: relu(x) + bad(x), 0.0, oracle="replay")  # 1.3 lies in [1, 2]
    assert not report
    assert report.culprit is not None and report.culprit.operation == "bad_sin"


@each_oracle
def test_a_wrong_forward_value_is_a_failure(oracle: Oracle) -> None:
    bad = replace(sigmoid, name="bad_sigmoid", scalar=lambda x: 1.0001 * sigmoid.scalar(x))
    report = gradcheck(lambda x, y: bad(x) * y, 0.3, 2.0, oracle=oracle)
    assert not report
    if oracle == "replay":
        assert report.culprit is not None
        assert "value" in report.culprit.what and report.culprit.operation == "bad_sigmoid"


@pytest.mark.parametrize("name", ["assign", "merged-edges", "order-of-creation", "depth-first", "counted-twice",
                                  "upstream-forgotten", "first-operand-only", "seed-is-the-value", "seed-forgotten"])
def test_a_wrong_sweep_is_told_from_a_wrong_partial(name: str) -> None:
    def f(x: Any, y: Any) -> Any:
        h = x * y
        return 3 * (h * h) + h * x * x

    for oracle in BOTH:
        with planted(name):
            report = gradcheck(f, 0.7, 1.3, oracle=oracle)
        assert "fail" in report.verdicts.values()
        if oracle == "replay":
            assert report.culprit is not None
            assert "sweep" in report.culprit.what and "sum" in report.culprit.what


@each_oracle
@pytest.mark.parametrize("name", ["kept-adjoints", "leaves-overwritten"])
def test_a_second_sweep_that_differs_is_a_failure(name: str, oracle: Oracle) -> None:
    with planted(name):
        report = gradcheck(lambda x, y: (x * y) * (x * y) + x, 0.7, 1.3, oracle=oracle)
    assert set(report.verdicts.values()) == {"fail"} and "second sweep" in report.entries[0].note
