"""Differences in double precision, and gradients from elsewhere: NumPy's, PyTorch's, JAX's, written by hand."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autograd_core import Value, cos, exp, heaviside, log, maximum, minimum, relu, sign, sin, tanh, total, where
from autograd_core.errors import CheckError, DomainError
from autograd_core.testing import MUTANTS, gradcheck
from autograd_core.testing.float_differences import NAME, Estimate, compare, estimate
from autograd_core.testing.report import Entry

EPSILON = 2.0**-52
ANY: Any = None
each_oracle = pytest.mark.parametrize("oracle", [None, "differences"])


def on_floats(f: Callable[[float], float]) -> Any:
    return lambda point: (f(*point), None)


def estimated(f: Callable[[float], float], x: float, side: int = 0, noise: float | None = None) -> Estimate:
    found = estimate(on_floats(f), [x], 0, EPSILON * abs(f(x)) if noise is None else noise, side)
    assert found is not None
    return found


def verdict(f: Callable[[float], float], x: float, gradient: float, scale: float = 0.0) -> Entry:
    entry = Entry("x", "fail", gradient, None, scale, 1e-7)
    return compare(entry, on_floats(f), [x], 0, EPSILON * abs(f(x)) * 4, None)


# --- estimates ------------------------------------------------------------------------------------

SMOOTH: list[tuple[str, Callable[[float], float], Callable[[float], float], Sequence[float]]] = [
    ("sin", math.sin, math.cos, (1e-6, 0.3, -2.0, 7.0, 100.0)),
    ("exp", math.exp, math.exp, (-20.0, -1e-3, 0.0, 3.0, 300.0)),
    ("log", math.log, lambda x: 1 / x, (1e-12, 1e-3, 1.0, 1e9)),
    ("sqrt", math.sqrt, lambda x: 0.5 / math.sqrt(x), (1e-14, 0.5, 1e8)),
    ("cube", lambda x: x**3, lambda x: 3 * x * x, (-1e100, -3.0, 0.0, 1e-100, 2.0)),
    ("reciprocal", lambda x: 1 / x, lambda x: -1 / x**2, (-1e-5, 1e-9, 4.0)),
    ("steep", lambda x: math.exp(30 * x), lambda x: 30 * math.exp(30 * x), (-2.0, 0.1, 3.0)),
    ("narrow", lambda x: math.atan(1e3 * x), lambda x: 1e3 / (1 + 1e6 * x * x), (0.0, 1e-3, 1.0)),
    ("far away", lambda x: 1e6 + math.sin(x), math.cos, (0.5, 2.0)),
]


@pytest.mark.parametrize("case", SMOOTH, ids=lambda case: case[0])
def test_the_estimate_is_as_good_as_it_says(case: Any) -> None:
    _, f, derivative, points = case
    for x in points:
        found = estimated(f, x, noise=EPSILON * (abs(f(x)) + abs(x * derivative(x))))
        assert abs(found.derivative - derivative(x)) <= 8 * found.error + 1e-15 * abs(derivative(x)), x
        assert found.error <= 1e-5 * (abs(derivative(x)) + abs(f(x))) + 1e-16, x


@pytest.mark.parametrize("side", [-1, 1])
def test_one_sided_estimates_are_of_their_side_at_ends_and_kinks(side: int) -> None:
    assert estimated(abs, 0.0, side).derivative == pytest.approx(side)
    assert estimated(lambda x: abs(x) * math.exp(x), 0.0, side).derivative == pytest.approx(side, rel=1e-8)
    assert estimate(on_floats(math.sqrt), [0.0], 0, 0.0, -1) is None
    assert estimated(math.exp, 0.5, side).derivative == pytest.approx(math.exp(0.5), rel=1e-8)


def test_outside_the_domain_there_is_no_estimate() -> None:
    def nowhere(point: Sequence[float]) -> Any:
        raise DomainError("nowhere")

    assert estimate(nowhere, [1.0], 0, 0.0, 0) is None
    entry = compare(Entry("x", "fail", 1.0, None, 1.0, 1e-7), nowhere, [1.0], 0, 0.0, None)
    assert entry.verdict == "inconclusive"


def test_at_the_end_of_a_domain_the_side_inside_counts() -> None:
    right, wrong = (verdict(lambda x: math.sqrt(x) ** 3 + 2 * x, 0.0, slope, 2.0) for slope in (2.0, 3.0))
    assert wrong.verdict == "fail" and right.verdict in ("pass", "inconclusive")
    assert "end of the domain" in wrong.note or "domain" in right.note


def test_rounding_noise_makes_it_undecided_and_never_a_failure() -> None:
    rng = random.Random(0)
    for _ in range(200):
        x, size = rng.uniform(-2, 2), 10 ** rng.uniform(0, 12)

        def f(at: float, size: float = size) -> float:
            return (math.sin(at) + size) - size

        entry = Entry("x", "fail", math.cos(x), None, 1.0, 1e-7)
        found = compare(entry, on_floats(f), [x], 0, EPSILON * size * 2, None)
        assert found.verdict in ("pass", "inconclusive"), (x, size, found)


@pytest.mark.parametrize("x", [5e-324, 1e-310, -1e-320, 1e-200])
def test_subnormal_steps_do_not_crash_and_an_underflow_is_no_failure(x: float) -> None:
    assert gradcheck(lambda x: 3 * x, x, oracle="differences").entries[0].verdict in ("pass", "inconclusive")
    assert gradcheck(lambda x: x * x, x, oracle="differences").entries[0].verdict in ("pass", "inconclusive")


@pytest.mark.parametrize("x", [1e7, 1e9, 1e12, 1e300])
def test_a_function_that_turns_faster_than_any_step_is_never_failed(x: float) -> None:
    assert gradcheck(lambda x: sin(x), x, oracle="differences").entries[0].verdict in ("pass", "inconclusive")


@pytest.mark.parametrize("error", [1e-2, 1e-3, 1.01e-4])
@pytest.mark.parametrize("case", SMOOTH, ids=lambda case: case[0])
def test_wrong_gradients_never_pass_and_right_ones_never_fail(case: Any, error: float) -> None:
    _, f, derivative, points = case
    for x in points:
        right = derivative(x)
        assert verdict(f, x, right, abs(right)).verdict in ("pass", "inconclusive")
        for factor in (1 + error, 1 - error, -1):
            if right and abs(right) > 1e-290:
                assert verdict(f, x, factor * right, abs(right)).verdict in ("fail", "inconclusive"), x


@pytest.mark.parametrize("unit", [1e-200, 1e-16, 1e-6, 1e6, 1e200])
def test_verdicts_do_not_depend_on_the_units_of_the_result(unit: float) -> None:
    wrong = replace(exp, name="my_exp", partials=(lambda out, x: 1.5 * out,))
    oracles: tuple[Any, ...] = ("replay", "differences")
    for oracle in oracles:
        assert gradcheck(lambda x: unit * exp(x), 0.5, oracle=oracle)
        assert gradcheck(lambda x: unit * wrong(x), 0.5, oracle=oracle).verdicts == {"x": "fail"}


@pytest.mark.parametrize("x", [0.5, 1.0, -3.0, 40.0])
def test_what_does_not_move_passes_with_0_and_fails_with_anything_else(x: float) -> None:
    for f in (lambda x, y: relu(-abs(x)) + y, lambda x, y: maximum(x, 1e3) * y, lambda x, y: 0 * x + sin(y)):
        report = gradcheck(f, x, 2.0, oracle="differences")
        assert report.verdicts == {"x": "pass", "y": "pass"}
    assert verdict(lambda x: 3.0, x, 0.0).verdict == "pass"
    assert verdict(lambda x: 3.0, x, 1e-3).verdict == "fail"


FLAT: list[tuple[str, Callable[[float], float]]] = [
    ("0", lambda x: 0.0), ("1e-30", lambda x: 1e-30), ("relu below 0", lambda x: max(x - 2.0, 0.0)),
    ("nearly flat", lambda x: 1e-20 * x), ("x - x", lambda x: x - x),
]


@pytest.mark.parametrize("case", FLAT, ids=lambda case: case[0])
def test_a_flat_function_does_not_turn_between_floats(case: Any) -> None:
    for x in (0.65, 1.0, -1.66, 1e-5):
        for gradient in (2.0, 0.01, -1.0):
            assert verdict(case[1], x, gradient, abs(gradient)).verdict == "fail", (x, gradient)


@pytest.mark.parametrize(("mutant", "flat", "x"), [
    ("sub-sign", lambda x: x - x, 1.66), ("relu-always-on", lambda x: relu(x - 2), 0.65),
    ("relu-leaks", lambda x: relu(x - 2), 0.65), ("neg-sign", lambda x: x + -x, 2.5),
])
def test_a_slope_planted_where_nothing_moves_is_found(mutant: str, flat: Callable[[Any], Any], x: float) -> None:
    with next(each for each in MUTANTS if each.name == mutant).applied():
        assert gradcheck(flat, x, oracle="differences").verdicts == {"x": "fail"}


TURNING: list[tuple[str, Callable[[Any], Any], float]] = [
    ("swallowed steps", lambda x: sin((x + 1e3) * 1e20), 1.0), ("small", lambda x: 1e-5 * sin(x * x * 1e17), 1.3),
    ("with a slope", lambda x: sin(1e18 * x) + 1e-3 * x, 1.3), ("in a kink", lambda x: relu(sin(1e18 * x)), 1.3),
]


@pytest.mark.parametrize("case", TURNING, ids=lambda case: case[0])
def test_what_turns_between_floats_is_undecided(case: Any) -> None:
    assert gradcheck(case[1], case[2], oracle="differences").verdicts == {"x": "inconclusive"}


# --- kinks ----------------------------------------------------------------------------------------

ROUNDED_KINKS: list[tuple[str, Callable[[Any], Any], float, float, float]] = [
    ("flat beside a constant", lambda x: 1 - (1 + (relu(x - 3) - relu(x - 3))), 3.0, 0.0, 0.0),
    ("flat by cancelling", lambda x: log(1 + abs(x)) - log(1 + abs(x)), 0.0, 0.0, 0.0),
    ("flat times a rounded 0", lambda x: minimum(x, x) * (sin(x) - sin(x)), 3.0, 0.0, 0.0),
    ("a tie near it", lambda x: minimum(x, tanh(x)), 0.0, 1.0, 1.0),
    ("a tie on one side", lambda x: minimum(2 * x, tanh(x)), 0.0, 2.0, 1.0),
    ("a tie of cosines", lambda x: minimum(cos(x), 1.0) + x, 0.0, 1.0, 1.0),
    ("a tie of quotients", lambda x: minimum(1.0, 1 / cos(x)) - 2 * x, 0.0, -2.0, -2.0),
    ("rounding behind a flat side", lambda x: relu(1 - (1 - x)), 0.0, 0.0, 1.0),
    ("much rounding behind it", lambda x: relu(1e4 - (1e4 - x)), 0.0, 0.0, 1.0),
]


@pytest.mark.parametrize("kink", ROUNDED_KINKS, ids=lambda kink: kink[0])
def test_kinks_are_decided_though_rounding_hides_them(kink: Any) -> None:
    _, function, x, left, right = kink
    (own,) = gradcheck(function, x, oracle="differences").entries
    assert (own.verdict, own.legal) == ("kink", True), own
    for slope, is_legal in ((left, True), (right, True), (max(left, right) + 0.01, False)):
        (entry,) = gradcheck(function, x, gradient=lambda x: slope, oracle="differences").entries  # noqa: B023
        assert (entry.verdict, entry.legal) == ("kink", is_legal), (slope, entry)
        assert (entry.left, entry.right) == pytest.approx((left, right), abs=1e-3)


@pytest.mark.parametrize("jump", [
    lambda x: sign(1 - cos(x)), lambda x: heaviside(x - sin(x), 0.0), lambda x: where(x - tanh(x), 2 * x + 1, x),
], ids=["sign", "heaviside", "where"])
def test_a_jump_that_rounding_moves_from_its_place_is_none_of_the_kinks(jump: Any) -> None:
    assert gradcheck(jump, 0.0, oracle="differences").verdicts == {"x": "inconclusive"}


# --- gradients from elsewhere ---------------------------------------------------------------------


def f(x: Any, y: Any) -> Any:
    return x * x * sin(y)


def f_gradient(x: float, y: float) -> tuple[float, float]:
    return 2 * x * math.sin(y), x * x * math.cos(y)


@each_oracle
def test_a_gradient_by_hand_is_checked_with_the_same_verdicts(oracle: Any) -> None:
    assert gradcheck(f, 2.0, 3.0, gradient=f_gradient, oracle=oracle).verdicts == {"x": "pass", "y": "pass"}
    report = gradcheck(f, 2.0, 3.0, gradient=lambda x, y: (f_gradient(x, y)[0], x * x * math.sin(y)), oracle=oracle)
    assert report.verdicts == {"x": "pass", "y": "fail"}
    assert report.entries[1].expected == pytest.approx(4 * math.cos(3.0), rel=1e-7)
    assert gradcheck(f, 2, 3, gradient=f_gradient, oracle=oracle)
    assert gradcheck(f, 2.0, 3.0, gradient=lambda x, y: 2 * x * math.sin(y), wrt=0, oracle=oracle)
    loose = gradcheck(f, 2.0, 3.0, gradient=lambda x, y: (1.001 * f_gradient(x, y)[0], f_gradient(x, y)[1]), rtol=2e-3,
                      oracle=oracle)
    assert loose


def test_the_strongest_oracle_that_applies_is_used_and_named() -> None:
    assert "50 digits" in gradcheck(f, 2.0, 3.0, gradient=f_gradient).oracle
    assert gradcheck(lambda x: math.sin(x), 2.0, gradient=math.cos).oracle == NAME
    with pytest.raises(CheckError):
        gradcheck(lambda x: math.sin(x), 2.0, gradient=math.cos, oracle="replay")


def sum_of_cubes(a: Any) -> Any:
    return (np.asarray(a) ** 3).sum()


@each_oracle
@pytest.mark.parametrize(("function", "gradient"), [
    (sum_of_cubes, lambda a: 3 * a**2),
    (lambda a: float(sum_of_cubes(a)), lambda a: 3 * a**2),
    (lambda a: np.sum(np.sin(a) * a), lambda a: np.sin(a) + a * np.cos(a)),
    (lambda a: np.linalg.norm(a), lambda a: a / np.linalg.norm(a)),
    (lambda a: np.log(np.linalg.det(a @ a.T + np.eye(2))), lambda a: 2 * np.linalg.inv(a @ a.T + np.eye(2)) @ a),
], ids=["object arrays", "float", "ufuncs", "norm", "det"])
def test_numpy_functions_and_their_gradients(function: Any, gradient: Any, oracle: Any) -> None:
    point = np.array([[1.0, 2.0], [-0.5, 0.25]])
    assert gradcheck(function, point, gradient=gradient, oracle=oracle)
    report = gradcheck(function, point, gradient=lambda a: gradient(a) * [[1, 1], [1, 1.001]], oracle=oracle)
    assert list(report.verdicts.values()) == ["pass", "pass", "pass", "fail"]


def test_pytorch_s_gradients() -> None:
    torch = pytest.importorskip("torch")

    def g(a: Any) -> Any:
        x = torch.tensor(a, requires_grad=True)
        (torch.sin(x) * x).sum().backward()
        return x.grad.numpy()

    assert gradcheck(lambda a: total(list(np.sin(a) * a)), np.array([1.0, -2.0]), gradient=g)


def test_jax_s_gradients() -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    g = jax.grad(lambda a: (jax.numpy.sin(a) * a).sum())
    assert gradcheck(lambda a: total(list(np.sin(a) * a)), np.array([1.0, -2.0]), gradient=lambda a: np.asarray(g(a)))


@each_oracle
def test_a_gradient_has_the_structure_of_the_inputs(oracle: Any) -> None:
    def g(d: Any) -> Any:
        return d["a"] * d["b"][0] ** 2

    point: Any = {"a": 2.0, "b": [3.0]}
    right: dict[str, Any] = {"a": 9.0, "b": [12.0]}
    assert gradcheck(g, point, gradient=lambda d: right, oracle=oracle)
    assert gradcheck(g, point, gradient=lambda d: dict(reversed(right.items())), oracle=oracle)  # keys, not order
    lists = gradcheck(lambda xs, y: xs[0] * xs[1] * y, [2.0, 3.0], 4.0, gradient=lambda xs, y: ([12.0, 8.0], 6.0))
    assert lists and list(lists.verdicts) == ["xs_{0}", "xs_{1}", "y"]


@pytest.mark.parametrize(("wrong", "words"), [
    (lambda x, y: 1.0, "2 inputs"), (lambda x, y: [1.0, 2.0], "2 inputs"), (lambda x, y: (1.0, 2.0, 3.0), "2 inputs"),
    (lambda x, y: None, "2 inputs"), (lambda x, y: ([1.0, 2.0], 3.0), "one scalar; got a list of 2"),
])
def test_a_gradient_of_another_length_is_an_error_that_says_what_to_return(wrong: Any, words: str) -> None:
    with pytest.raises(CheckError, match=words):
        gradcheck(f, 2.0, 3.0, gradient=wrong)


def test_a_transposed_gradient_is_not_taken_for_a_right_one() -> None:
    point = np.arange(6.0).reshape(2, 3)
    report = None
    try:
        report = gradcheck(sum_of_cubes, point, gradient=lambda a: (3 * a**2).T)
    except CheckError as error:
        assert "structure" in str(error) or "shape" in str(error)
    assert not report


@pytest.mark.parametrize(("wrong", "words"), [
    (lambda x: None, "returned None"), (lambda x: [x, x], "returned a list"), (lambda x: "a", "returned a str"),
])
def test_a_function_without_a_scalar_is_refused_beside_a_gradient_too(wrong: Any, words: str) -> None:
    with pytest.raises(CheckError, match=words):
        gradcheck(wrong, 2.0, gradient=lambda x: 1.0)


def test_a_function_that_draws_is_refused_beside_a_gradient_too() -> None:
    draws = random.Random(0)
    with pytest.raises(CheckError, match="not deterministic"):
        gradcheck(lambda x: x * draws.random(), 2.0, gradient=lambda x: 1.0)
    with pytest.raises(CheckError, match="not deterministic"):
        gradcheck(lambda x: math.sin(x) * draws.random(), 2.0, gradient=lambda x: 1.0)


def test_a_second_order_is_not_left_out_in_silence_for_a_foreign_gradient() -> None:
    try:
        report = gradcheck(f, 2.0, 3.0, gradient=f_gradient, order=2)
    except ValueError as error:
        assert "order" in str(error)
    else:
        assert report.notes or "x, x" in report.verdicts


KINKS: list[tuple[str, Callable[[Any], Any], float, float, float, float]] = [
    ("Value's relu", relu, 0.0, 0.0, 1.0, 2.0), ("abs", lambda x: abs(x), 0.0, -0.5, 1.0, -1.5),
    ("math.fabs", lambda x: math.fabs(x), 0.0, 0.25, -1.0, 3.0), ("max", lambda x: max(x, 0.0), 0.0, 0.0, 1.0, 2.0),
    ("max of floats", lambda x: max(float(x), 0.0), 0.0, 0.0, 1.0, 2.0),
    ("min at 3", lambda x: min(2 * float(x), 6.0) * 1.0, 3.0, 0.0, 2.0, 2.5),
    ("np.maximum", lambda x: np.maximum(float(x), 0.0), 0.0, 0.0, 0.5, -0.5),
    ("np.abs of a sine", lambda x: np.abs(np.sin(float(x))), 0.0, 0.0, 1.0, 1.5),
]


@each_oracle
@pytest.mark.parametrize("kink", KINKS, ids=lambda kink: kink[0])
def test_a_kink_is_one_for_a_foreign_gradient_too(kink: Any, oracle: Any) -> None:
    _, function, x, legal, also_legal, illegal = kink
    for slope, is_legal in ((legal, True), (also_legal, True), (illegal, False)):
        (entry,) = gradcheck(function, x, gradient=lambda x: slope, oracle=oracle).entries  # noqa: B023
        assert (entry.verdict, entry.legal) == ("kink", is_legal), (slope, entry)


@each_oracle
@pytest.mark.parametrize("distance", [1e-3, 1e-5, -1e-5])
def test_near_the_kink_of_a_plain_function_only_the_slope_there_is_right(distance: float, oracle: Any) -> None:
    right = math.copysign(1.0, distance)
    assert gradcheck(lambda x: math.fabs(x - 1.0), 1.0 + distance, gradient=lambda x: right, oracle=oracle)
    assert not gradcheck(lambda x: math.fabs(x - 1.0), 1.0 + distance, gradient=lambda x: -right, oracle=oracle)


@each_oracle
@pytest.mark.parametrize("jump", [lambda x: 1.0 if x >= 1 else 0.0, lambda x: float(float(x) >= 1),
                                  lambda x: math.floor(float(x)) + 0.0 * float(x)])
def test_a_jump_never_passes_for_a_foreign_gradient(jump: Any, oracle: Any) -> None:
    for slope in (0.0, 1.0, 25.0):
        assert not gradcheck(jump, 1.0, gradient=lambda x: slope, oracle=oracle)  # noqa: B023


@each_oracle
def test_a_function_that_takes_numbers_out_of_values_is_held_against_itself(oracle: Any) -> None:
    def lenient(x: Any) -> Any:
        return x * math.sin(x.data if isinstance(x, Value) else x)

    right: Callable[[float], float] = lambda x: math.sin(x) + x * math.cos(x)  # noqa: E731
    report = gradcheck(lenient, 2.0, gradient=right, oracle=oracle)
    assert report or "cut" in str(report)
    assert not gradcheck(lenient, 2.0, gradient=math.sin, oracle=oracle)


@each_oracle
def test_a_foreign_gradient_that_is_not_finite_is_reported_not_compared(oracle: Any) -> None:
    report = gradcheck(f, 2.0, 3.0, gradient=lambda x, y: (math.nan, -math.inf), oracle=oracle)
    assert set(report.verdicts.values()) == {"inconclusive"} and not report
    (entry,) = gradcheck(relu, 0.0, gradient=lambda x: math.nan, oracle=oracle).entries
    assert entry.verdict == "inconclusive"
