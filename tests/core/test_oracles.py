"""The oracles: each by itself on every row it covers, together on random graphs, and what they say when they cannot."""

import math
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

import autograd_core as ag
from autograd_core.errors import CheckError
from autograd_core.primitives import TABLE
from autograd_core.row import Primitive
from autograd_core.testing.numbers import ELEMENTARY, RATIONAL, Dual, OracleError, known_name
from autograd_core.testing.oracle_gradients import (
    OracleReport,
    complex_step_gradient,
    dual_gradient,
    fraction_gradient,
    oracles,
    path_gradient,
    replay_gradient,
)
from autograd_core.transforms import grad
from tests.core.reference import draw_operands, exact_partials

SMOOTH = (ag.sin, ag.cos, ag.tanh, ag.sigmoid, ag.exp, ag.softplus, ag.square, ag.atan, ag.silu, ag.asinh)
JOINING = (ag.add, ag.mul, ag.sub, ag.hypot, ag.atan2,
           lambda x, y: ag.relu(x - 0.7 * y + 0.013), lambda x, y: x / (1 + y * y))
RATIONAL_ROWS = [row for row in TABLE if row.name in RATIONAL]
EVERYONE = ["engine", "fractions", "complex step", "dual numbers", "replay", "paths"]


def called(row: Primitive) -> Callable[..., Any]:
    """The row on scalars, where it takes lists too."""
    if row.lists == 2:
        return lambda *terms: row(terms[: len(terms) // 2], terms[len(terms) // 2 :])
    return row if row.arity is not None else lambda *terms: row(terms)


def tame(row: Primitive) -> list[tuple[float, ...]]:
    """Operands of moderate size: these oracles work in floats."""
    drawn = draw_operands(row, 40, seed=9)
    return [each for each in drawn if all(1e-6 < abs(x) < 30.0 or x == 0.0 for x in each)][:12]


def program(seed: int, unary: Any = SMOOTH, binary: Any = JOINING) -> Callable[..., Any]:
    """A random function of three scalars with shared intermediate results."""

    def f(*inputs: Any) -> Any:
        draw, nodes = random.Random(seed), list(inputs)
        for _ in range(8):
            if unary and draw.random() < 0.5:
                nodes.append(draw.choice(unary)(draw.choice(nodes)))
            else:
                nodes.append(draw.choice(binary)(*draw.sample(nodes, 2)))
        return ag.total(nodes)

    return f


def point(seed: int) -> list[float]:
    draw = random.Random(-seed)
    return [draw.uniform(0.2, 1.5) * draw.choice([-1.0, 1.0]) for _ in range(3)]


# --- row by row ---------------------------------------------------------------------------------


def test_dual_numbers_know_every_row() -> None:
    assert set(ELEMENTARY) == {row.name for row in TABLE}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_dual_numbers_and_complex_steps_on_every_row(row: Primitive) -> None:
    for operands in tame(row):
        if row.name == "pow" and operands[0] < 0.0:
            continue
        expected = [float(each) for each in exact_partials(row, operands)]
        near = pytest.approx(expected, rel=1e-12, abs=1e-13)
        assert [*_tuple(dual_gradient(called(row), *operands))] == near, operands
        if row.name not in ("erf", "erfc", "gelu"):
            assert [*_tuple(complex_step_gradient(called(row), *operands))] == near, operands


def _tuple(gradient: Any) -> tuple[Any, ...]:
    return gradient if isinstance(gradient, tuple) else (gradient,)


@pytest.mark.parametrize("row", [row for row in RATIONAL_ROWS if row.name != "pow"], ids=lambda row: row.name)
def test_fractions_on_every_rational_row(row: Primitive) -> None:
    for operands in draw_operands(row, 12, seed=5):
        found = _tuple(fraction_gradient(called(row), *operands))
        for got, expected in zip(found, exact_partials(row, operands), strict=True):
            assert type(got) is Fraction
            with mpmath.workdps(60):
                exact = mpmath.mpf(got.numerator) / got.denominator
                assert abs(exact - expected) <= abs(exact) * mpmath.mpf(10) ** -50


@pytest.mark.parametrize(("exponent", "expected"), [(3, Fraction(3, 4)), (-2, Fraction(-16)), (0, Fraction(0)),
                                                    (1.0, Fraction(1))])
def test_integer_powers_are_rational(exponent: float, expected: Fraction) -> None:
    assert fraction_gradient(lambda x: x**exponent, 0.5) == expected


def test_a_negative_base_keeps_its_imaginary_part() -> None:
    for exponent in (3.0, -2.0, 101.0, 400.0):
        expected = exponent * (-1.01) ** (exponent - 1.0)
        assert complex_step_gradient(lambda x, n=exponent: x**n, -1.01) == pytest.approx(expected, rel=1e-12)


# --- graphs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_all_agree_with_the_engine_on_random_graphs(seed: int) -> None:
    report = oracles(program(seed), *point(seed))
    names = [opinion.oracle for opinion in report.applicable]
    assert report and names[-4:] == ["complex step", "dual numbers", "replay", "paths"], report
    assert max(report.difference("engine", name) for name in names) < 1e-12


@pytest.mark.parametrize("seed", range(40))
def test_fractions_tolerate_nothing(seed: int) -> None:
    """On small integers the engine is exact, and so equal to the last bit."""
    f = program(seed, (ag.square, ag.neg, ag.relu), (ag.add, ag.sub, ag.mul, ag.maximum))
    whole = [3.0, -5.0, 7.0]
    try:
        exact = fraction_gradient(f, *whole)
    except OracleError as obstacle:
        assert "has no derivative to operand" in str(obstacle)  # a tie, or relu at 0
        return
    assert exact == grad(f, (0, 1, 2))(*whole)


def test_fractions_do_not_round() -> None:
    f = program(2, (), (ag.div, ag.add, ag.mul))
    exact, rounded = fraction_gradient(f, 0.1, 0.7, 1.3), grad(f, (0, 1, 2))(0.1, 0.7, 1.3)
    assert [float(each) for each in exact] == pytest.approx(rounded, rel=1e-13)
    tenth = Fraction(0.1)
    assert fraction_gradient(lambda x: 1 / (x * x), 0.1) == -2 / tenth**3


@pytest.mark.parametrize("relative", [1e-2, 1e-6, 1e-9, 1e-11])
def test_a_wrong_partial_is_found_by_all(relative: float) -> None:
    wrong = replace(ag.tanh, partials=(lambda out, x: (1.0 + relative) / ag.square(ag.cosh(x)),))
    report = oracles(lambda w, x: wrong(w * x) * x + w, 0.3, -0.7)
    assert not report
    assert {(one, other) for one, other, _ in report.disagreements} == {
        ("engine", other) for other in ("complex step", "dual numbers", "replay", "paths")
    }
    assert report.difference("engine", "replay") == pytest.approx(relative, rel=0.9)
    assert "engine disagrees with complex step, dual numbers, replay, paths about w, x" in str(report)


def test_rounding_of_values_is_no_disagreement() -> None:
    report = oracles(lambda x: ag.sin(x * 1e9) + (x + 1e12) * ag.exp(x), 0.7)
    assert report and report.noise[0] > 100.0


def test_replays_are_exact_at_the_floats_the_graph_saw() -> None:
    gradient = replay_gradient(lambda x: ag.sigmoid(x), 700.0)
    assert str(gradient) == "9.85967654375977e-305"
    assert path_gradient(lambda x: ag.sigmoid(x), 700.0) == gradient


# --- structures and reports ---------------------------------------------------------------------


@pytest.mark.parametrize("gradient", [
    fraction_gradient, dual_gradient, complex_step_gradient, replay_gradient, path_gradient,
])
def test_the_structure_of_the_inputs_is_kept(gradient: Callable[..., Any]) -> None:
    def f(layer: Any, x: Any, unused: float) -> Any:
        return ag.total(layer["w"] * x) + layer["b"] ** 2

    layer, x, unused = gradient(f, {"w": np.array([1.0, 2.0]), "b": 3.0}, [0.5, 0.25], 9.0)
    assert list(map(float, layer["w"])) == [0.5, 0.25] and layer["w"].shape == (2,)
    assert float(layer["b"]) == 6.0 and list(map(float, x)) == [1.0, 2.0] and float(unused) == 0.0
    assert float(gradient(lambda x: x * x, 3.0)) == 6.0


def test_the_report_is_a_table() -> None:
    report = oracles(lambda x: ag.erf(x[0]) * x[1], [0.5, 2.0])
    assert isinstance(report, OracleReport) and report
    assert [opinion.oracle for opinion in report.opinions] == EVERYONE
    assert report["fractions"].gradient is None and math.isnan(report.difference("engine", "fractions"))
    lines = str(report).splitlines()
    assert lines[0].split() == ["oracle", "gradient", "engine", "dual", "replay", "paths"]
    assert "fractions: erf(0.5) is not rational." in lines
    assert "complex step: erf(0.5) has no complex form in Python's library." in lines
    assert repr(report) == str(report) and "<table>" in report._repr_html_()
    with pytest.raises(KeyError, match="no oracle 'magic': there are engine, fractions, complex step"):
        report["magic"]


def test_many_inputs_are_cut_short_in_the_table() -> None:
    assert "1, 1, 1, ...  " in str(oracles(lambda x: ag.total(x), [1.0] * 9))


def test_nothing_is_written_into_the_user_s_graph() -> None:
    weight = ag.Value(2.0, "w")
    oracles(lambda x: weight * x, 3.0)
    assert weight.grad == 0.0


def test_a_constant_function_has_gradient_zero() -> None:
    assert oracles(lambda x: 3.0, 1.0)["paths"].gradient == (0,)


# --- what does not apply ------------------------------------------------------------------------

MINE = replace(ag.sin, name="mine", exact=lambda mp, x: mp.fabs(x) * x)
OPAQUE = replace(ag.sin, name="opaque", exact=None)

REFUSALS: list[tuple[Callable[..., Any], Callable[..., Any], tuple[float, ...], str]] = [
    (fraction_gradient, lambda x: ag.sin(ag.exp(x) * x), (0.5,), r"^exp\(0.5\) is not rational\.$"),
    (fraction_gradient, lambda x: x**0.5, (2.0,), r"^pow\(2, 0.5\) has the exponent 0.5, and only integers up to 1000"),
    (fraction_gradient, lambda x: 2**x, (3.0,), r"^pow\(2, 3\) has no derivative to operand 2 there\.$"),
    (fraction_gradient, lambda x: abs(x), (0.0,), r"^abs\(0\) has no derivative to operand 1 there\.$"),
    (fraction_gradient, lambda x: x * 2.0, (math.inf,), r"^the input inf fails: "),
    (fraction_gradient, lambda x: (((x**999) ** 999) ** 0) * x, (1.1,), "is a fraction of more than 100,000 bits"),
    (dual_gradient, lambda x: ag.maximum(x, 1.0), (1.0,), r"^maximum\(1, 1\) has no derivative to operand 1 there\.$"),
    (dual_gradient, lambda x: ag.exp(x), (800.0,), r"^exp\(800\) fails: math range error\.$"),
    (dual_gradient, lambda x: ag.sqrt(x), (0.0,), r"^sqrt\(0\) fails: float division by zero\.$"),
    (dual_gradient, MINE, (0.5,), r"^mine\(0.5\) is a row of your own, for which dual numbers have no rule\.$"),
    (complex_step_gradient, lambda x: ag.relu(x), (0.0,), r"^relu\(0\) is at a kink\.$"),
    (complex_step_gradient, lambda x: ag.hypot(x, 0.0), (0.0,), r"hypot\(0, 0\) is at a kink"),
    (complex_step_gradient, lambda x: ag.asin(x), (1.0,), "along x the function is not analytic, or it overflows"),
    (complex_step_gradient, lambda x: ag.log(x), (1e-300,), "^x = 1e-300 is so small that floats hold no step"),
    (complex_step_gradient, lambda x: ag.gelu(x), (0.5,), r"^gelu\(0.5\) has no complex form in Python's library\.$"),
    (complex_step_gradient, lambda x: ag.softplus(x), (800.0,), r"^softplus\(800\) fails in complex floats: "),
    (complex_step_gradient, MINE, (0.5,), r"^mine\(0.5\) is a row of your own, whose `exact` may not be analytic\.$"),
    (replay_gradient, lambda x: abs(x) * 2.0, (0.0,), r"^abs\(0\) is at a kink\.$"),
    (replay_gradient, lambda x: ag.square(ag.sqrt(x)), (0.0,), "^the chain rule gives nan: an infinite local"),
    (replay_gradient, OPAQUE, (0.5,), "^The row 'opaque' has no `exact`"),
    (path_gradient, OPAQUE, (0.5,), "^The row 'opaque' has no `exact`"),
]


@pytest.mark.parametrize(("gradient", "f", "inputs", "message"), REFUSALS)
def test_refusals_name_the_operation(
    gradient: Callable[..., Any], f: Callable[..., Any], inputs: tuple[float, ...], message: str
) -> None:
    with pytest.raises(OracleError, match=message):
        gradient(f, *inputs)


def test_too_many_paths() -> None:
    def f(x: Any) -> Any:
        for _ in range(20):
            x = x + x
        return x

    with pytest.raises(OracleError, match=r"there are 1,048,576 paths, and no more than most=10,000 are listed"):
        path_gradient(f, 1.0)
    assert path_gradient(lambda x: (x + x) + (x + x), 1.0, most=4) == 4
    assert "paths: there are 1,048,576 paths" in str(oracles(f, 1.0))


def test_functions_that_are_not_scalar_are_refused() -> None:
    with pytest.raises(CheckError, match="returned a list of 2"):
        fraction_gradient(lambda x: [x, x], 1.0)


def test_a_report_without_any_oracle_is_false() -> None:
    report = oracles(lambda x: OPAQUE(x) * 2.0, 0.5)
    assert [opinion.oracle for opinion in report.applicable] == ["engine"] and not report
    kink = oracles(lambda x: abs(x), 0.0)
    assert not kink and "replay: abs(0) is at a kink." in str(kink)


def test_a_kink_behind_a_constant_is_no_obstacle() -> None:
    """`where` at 0 is at a kink only for what moves its condition."""
    report = oracles(lambda x: ag.where(ag.heaviside(-2.0, 0.0) * ag.Value(1.0), x, 3 * x), 0.5)
    assert report and [opinion.gradient and float(opinion.gradient[0]) for opinion in report.opinions] == [3.0] * 6


def test_an_infinite_derivative_agrees_with_itself_only() -> None:
    report = oracles(lambda x: ag.sqrt(x), 0.0)
    assert report and report["engine"].gradient == (math.inf,) and report.difference("engine", "replay") == 0.0
    steep = replace(ag.sqrt, partials=(lambda out, x: 7.0,))
    wrong = oracles(lambda x: steep(x), 0.0)
    assert not wrong and wrong.difference("engine", "replay") == math.inf


def test_without_mpmath_the_others_still_apply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpmath", None)
    report = oracles(lambda x: ag.tanh(x) * x, 0.5)
    assert report and [opinion.oracle for opinion in report.applicable] == ["engine", "complex step", "dual numbers"]
    assert "replay: High-precision replay needs mpmath" in str(report)
    with pytest.raises(ImportError, match="the extra 'testing'"):
        replay_gradient(lambda x: x * x, 1.0)


def test_rows_are_known_by_what_they_compute() -> None:
    assert known_name(replace(ag.sin, name="sinus", partials=(lambda out, x: 0.0,))) == "sin"
    assert known_name(ag.tanh.renamed("g")) == "tanh"
    assert known_name(MINE) is None and known_name(OPAQUE) is None
    assert dual_gradient(ag.tanh.renamed("g"), 0.0) == 1.0


def test_dual_numbers_hold_no_slope_for_a_constant() -> None:
    assert Dual.through(2.0, [Dual(1.0), Dual(1.0)], [5.0, None]) == Dual(2.0)
