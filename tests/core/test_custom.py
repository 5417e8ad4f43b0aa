"""Rows of the user's own: declared, held against differences when declared, and as good as the table's afterwards."""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import autograd_core as ag
import viz
from autograd_core import Value, grad, hessian
from autograd_core import primitives as rows
from autograd_core.custom import primitive
from autograd_core.domains import NON_NEGATIVE, POSITIVE, Box, Interval, Region
from autograd_core.errors import CheckError, DomainError, OperandError
from autograd_core.row import Primitive
from autograd_core.testing import assert_gradients, gradcheck


@primitive(partials=[lambda out, x: -2.0 * x * out], exact=lambda mp, x: mp.exp(-x * x))
def gauss(x: float) -> float:
    return math.exp(-x * x)


@primitive(partials=[lambda out, x: -2.0 * x * out])
def plain_gauss(x: float) -> float:
    return math.exp(-x * x)


@primitive(partials=[lambda out, x, y, t: 1.0 - t, lambda out, x, y, t: t * 1.0, lambda out, x, y, t: y - x])
def mix(x: float, y: float, t: float) -> float:
    return x + t * (y - x)


@primitive(partials=[lambda out, x: rows.log(x) + 1.0], domain=POSITIVE, exact=lambda mp, x: x * mp.log(x))
def entropy(x: float) -> float:
    return x * math.log(x)


@primitive(partials=[lambda out, x: rows.heaviside(x, 0.0) * 2.0 * x], kinks=[lambda x: x])
def ramp(x: float) -> float:
    return max(x, 0.0) ** 2


@primitive(partials=[lambda out, x: rows.sign(x)], kinks=[lambda x: x])
def size(x: float) -> float:
    return abs(x)


# --- as rows --------------------------------------------------------------------------------------


def test_it_is_a_function_of_numbers_arrays_and_values() -> None:
    assert gauss(0.5) == gauss(x=0.5) == math.exp(-0.25)
    assert gauss(np.array([0.0, 0.5])).tolist() == [1.0, math.exp(-0.25)]
    x = Value(0.5, "x")
    found = gauss(np.array([x, 2 * x], dtype=object))
    assert [each.data for each in found] == [math.exp(-0.25), math.exp(-1.0)]
    y = (mix(x, 3.0, gauss(x)) * 2).named("y")
    y.backward()
    g = math.exp(-0.25)
    assert x.grad == pytest.approx(2 * ((1 - g) + (3.0 - 0.5) * -g))
    assert y.recompute().data == pytest.approx(2 * (0.5 + g * 2.5))


@pytest.mark.parametrize("x", [-1.3, 0.0, 0.4, 2.0])
def test_partials_written_with_our_operations_are_differentiated_again(x: float) -> None:
    with mpmath.workdps(40):
        exact = [float(mpmath.diff(lambda t: mpmath.exp(-t * t), x, n)) for n in (1, 2, 3)]
    found = [grad(gauss)(x), grad(grad(gauss))(x), grad(grad(grad(gauss)))(x)]
    assert found == pytest.approx(exact, abs=1e-13)
    assert hessian(lambda v: mix(v[0], v[1], v[2]))([1.0, 2.0, 0.3]) == [[0, 0, -1], [0, 0, 1], [-1, 1, 0]]


@pytest.mark.parametrize("oracle", [None, "differences"])
def test_it_is_checked_as_a_row_of_the_table_is(oracle: Any) -> None:
    def f(x: Any, y: Any) -> Any:
        return gauss(x) * entropy(y) + mix(x, y, x * y) + ramp(x - 2.0)

    assert gradcheck(f, 0.4, 1.7, order=2, oracle=oracle)
    report = gradcheck(lambda x: entropy(gauss(x)), 0.4, oracle=oracle)
    assert report and ("50 digits" in report.oracle) is (oracle is None)
    assert "plain_gauss has no exact form" in str(gradcheck(plain_gauss, 0.4))


def test_a_kink_that_was_declared_is_a_kink() -> None:
    entry = gradcheck(size, 0.0).entries[0]
    assert entry.verdict == "kink" and entry.legal
    assert [entry.left, entry.right] == pytest.approx([-1, 1])
    assert [gradcheck(lambda x: size(x), x).verdicts for x in (1e-9, -3.0)] == [{"x": "pass"}] * 2


@pytest.mark.parametrize("exact", [None, lambda mp, x: abs(x)], ids=["differences", "replay"])
def test_a_kink_that_was_not_declared_is_found_all_the_same(exact: Any) -> None:
    @primitive(partials=[lambda out, x: rows.sign(x)], exact=exact)
    def undeclared(x: float) -> float:
        return abs(x)

    assert gradcheck(lambda x: undeclared(x), 0.0).verdicts == {"x": "kink"}
    assert gradcheck(lambda x: 3 * undeclared(x - 1.0) + x, 1.0).verdicts == {"x": "kink"}


def test_outside_its_domain_it_raises_and_says_what_the_domain_is() -> None:
    with pytest.raises(DomainError, match=r"entropy\(-1\) is not defined: the domain of entropy is \(0, inf\)"):
        entropy(Value(-1.0))


def test_it_can_be_drawn() -> None:
    assert "gauss" in str(viz.draw((gauss(Value(0.5, "x")) * 2).named("y")).svg)


def test_a_mistake_in_it_is_found_named_and_drawn() -> None:
    @primitive(partials=[lambda out, x: 3.0 * x * x], check=False, exact=lambda mp, x: x * x)
    def wrong(x: float) -> float:
        return x * x

    report = gradcheck(lambda a: wrong(a) + a, 2.0)
    assert report.verdicts == {"a": "fail"} and report.culprit is not None
    assert (report.culprit.operation, report.culprit.expected, report.culprit.got) == ("wrong", 4.0, 12.0)
    assert "2 nodes" in repr(viz.draw(report))
    with pytest.raises(AssertionError, match="wrong"):
        assert_gradients(lambda a: wrong(a) + a, 2.0)


def test_a_mistake_in_it_is_named_without_exact_too() -> None:
    @primitive(partials=[lambda out, x: 3.0 * x * x], check=False)
    def wrong(x: float) -> float:
        return x * x

    report = gradcheck(lambda a: wrong(a) + a, 2.0)
    assert report.verdicts == {"a": "fail"}
    assert report.culprit is not None and report.culprit.operation == "wrong"


def test_an_exact_of_another_function_is_no_proof() -> None:
    @primitive(partials=[lambda out, x: rows.cos(x)], exact=lambda mp, x: mp.sin(x), check=False)
    def twice(x: float) -> float:
        return 2.0 * math.sin(x)

    assert not gradcheck(lambda x: twice(x), 0.7)


# --- declaring ------------------------------------------------------------------------------------


def declared(f: Callable[..., Any], *partials: Any, **options: Any) -> Primitive:
    return primitive(partials=partials, **options)(f)


def cube(x: float) -> float:
    return x**3


def product(x: float, y: float) -> float:
    return x * y


@pytest.mark.parametrize("error", [1e-2, -1e-3, 1e-4, 1e-5])
def test_a_wrong_partial_is_refused_with_the_point_and_both_numbers(error: float) -> None:
    with pytest.raises(CheckError) as caught:
        declared(cube, lambda out, x: (1.0 + error) * 3.0 * x * x)
    message = str(caught.value)
    assert message.startswith("The partial of cube with respect to x is wrong: at cube(")
    assert "differences give" in message and "check=False" in message
    at, got, expected = (float(message.split(before)[1].split(after)[0].rstrip(".,")) for before, after in (
        ("at cube(", ")"), ("it is ", ", but"), ("differences give ", " ")))
    assert got == pytest.approx((1 + error) * 3 * at * at, rel=1e-4)
    assert expected == pytest.approx(got / (1 + error), rel=1e-7)


def test_of_several_operands_the_wrong_one_is_named() -> None:
    with pytest.raises(CheckError, match="partial of product with respect to y is wrong"):
        declared(product, lambda out, x, y: y, lambda out, x, y: 1.01 * x)


@pytest.mark.parametrize("partial", [lambda out, x: 0.0, lambda out, x: 1e-3, lambda out, x: -3.0 * x * x,
                                     lambda out, x: math.nan], ids=["zero", "constant", "sign", "nan"])
def test_partials_that_are_no_derivative_are_refused(partial: Any) -> None:
    with pytest.raises(CheckError, match="cube"):
        declared(cube, partial)
    assert declared(cube, partial, check=False)(2.0) == 8.0


@pytest.mark.parametrize("partials", [(), (lambda out, x, y: y,), (lambda out, x, y: y,) * 3])
def test_another_number_of_partials_is_refused_checked_or_not(partials: Any) -> None:
    for check in (True, False):
        with pytest.raises(CheckError, match=rf"product\(x, y\) needs a partial for each .* got {len(partials)}"):
            declared(product, *partials, check=check)


@pytest.mark.parametrize("name", ["sin", "arcsin", "absolute", "total"])
def test_a_name_that_the_table_has_is_refused(name: str) -> None:
    def f(x: float) -> float:
        return 2.0 * x

    f.__name__ = name
    with pytest.raises(CheckError, match=f"{name!r} already"):
        declared(f, lambda out, x: 2.0)


def test_the_domain_is_where_it_is_checked() -> None:
    half = declared(lambda_named("half_power", math.sqrt), lambda out, x: 0.5 / out, domain=NON_NEGATIVE)
    assert half(4.0) == 2.0
    declared(lambda_named("arc", math.asin), lambda out, x: 1.0 / ag.sqrt(1.0 - x * x), domain=Interval(-0.9, 0.9))
    declared(lambda_named("ratio", lambda x, y: x / y), lambda out, x, y: 1.0 / y, lambda out, x, y: -out / y,
             domain=Box((Interval(), POSITIVE)))
    below = Region("x < y", lambda x, y: x < y, lambda rng: tuple(sorted(rng.uniform(-2, 2, 2))))
    declared(lambda_named("gap", lambda x, y: math.sqrt(y - x)), lambda out, x, y: -0.5 / out,
             lambda out, x, y: 0.5 / out, domain=below)


def lambda_named(name: str, f: Callable[..., float]) -> Callable[..., float]:
    found: Callable[..., float] = (lambda x: f(x)) if name not in ("ratio", "gap") else (lambda x, y: f(x, y))
    found.__name__ = name
    return found


def test_a_domain_that_was_forgotten_is_said_to_be_missing() -> None:
    with pytest.raises(CheckError, match="domain"):
        declared(lambda_named("root", math.sqrt), lambda out, x: 0.5 / out)


@pytest.mark.parametrize(("f", "partial"), [(lambda x: "a", lambda out, x: 1.0), (lambda x: x, lambda out, x: None)],
                         ids=["a value that is no number", "a partial that is no number"])
def test_what_gives_no_numbers_is_refused(f: Any, partial: Any) -> None:
    f.__name__ = "no_numbers"
    with pytest.raises(CheckError, match="no_numbers"):
        declared(f, partial)


def test_default_operands_keep_their_defaults() -> None:
    def scaled(x: float, by: float = 3.0) -> float:
        return x * by

    row = declared(scaled, lambda out, x, by: by, lambda out, x, by: x)
    assert row(2.0) == row(2.0, by=3.0) == row(Value(2.0)).data == 6.0


def test_an_operation_of_no_operands_is_refused() -> None:
    with pytest.raises(CheckError):
        declared(lambda: 1.0)


def test_a_kink_does_not_disturb_the_check_of_the_rest() -> None:
    bend = lambda_named("bend", lambda x: abs(x) + x)
    slope: Callable[..., Any] = lambda out, x: rows.sign(x) + 1.0  # noqa: E731
    assert declared(bend, slope, kinks=[lambda x: x])(2.0) == 4.0
    with pytest.raises(CheckError, match="bend"):
        declared(bend, lambda out, x: rows.sign(x) + 1.001, kinks=[lambda x: x])


def test_a_partial_of_python_s_own_math_gives_first_derivatives_and_says_why_no_second() -> None:
    wave = declared(lambda_named("wave", math.sin), lambda out, x: math.cos(x))
    assert grad(wave)(2.0) == math.cos(2.0)
    with pytest.raises(OperandError, match="use this package's own functions"):
        grad(grad(wave))(2.0)


@pytest.mark.parametrize("seed", range(5))
def test_right_rows_are_accepted_whatever_the_draws(seed: int) -> None:
    declared(cube, lambda out, x: 3.0 * x * x, rng=seed)
    declared(product, lambda out, x, y: y, lambda out, x, y: x, rng=seed)
    declared(lambda_named("wave", math.sin), lambda out, x: ag.cos(x), rng=seed)
    declared(lambda_named("bell", gauss.scalar), lambda out, x: -2.0 * x * out, rng=seed)
    declared(lambda_named("squash", math.tanh), lambda out, x: 1.0 - out * out, rng=seed)
    declared(lambda_named("never", lambda x: 5.0), lambda out, x: 0.0, rng=seed)
    declared(lambda_named("large", lambda x: 1e8 + x), lambda out, x: 1.0, rng=seed)


# --- what is no function, or another one ------------------------------------------------------------


def lacking(x: Any) -> Any:
    return x.missing


def a_row(function: Callable[..., float], **given: Any) -> Primitive:
    return primitive(**{"partials": [lambda out, x: rows.cos(x)], **given})(function)


DECLARED_WRONGLY: list[tuple[Callable[..., float], dict[str, Any], str]] = [
    (math.sin, {"partials": None}, r"partials is a list of functions, one for each operand, .* got None\."),
    (math.sin, {"partials": lambda out, x: 1.0}, r"partials is a list of functions, .* got <func"),
    (math.sin, {"partials": "cos"}, r"partials is a list of functions, .* got 'cos'\."),
    (math.sin, {"partials": [1.0]}, r"partials is a list of functions, .* got \[1\.0\]\."),
    (lacking, {}, r"lacking\(.*\) raises AttributeError \('float' object has no attribute 'missing'\)"),
    (math.sin, {"partials": [lambda out, x: x.missing]}, r"gives no number \(AttributeError: .*'missing'\) at"),
    (math.sin, {"partials": [lambda out, x: {}[x]]}, r"gives no number \(KeyError: "),
    (math.sin, {"exact": 3}, r"exact is a function, or None; got 3\."),
    (math.sin, {"array": "sin"}, r"array is a function, or None; got 'sin'\."),
    (math.sin, {"exact": lambda mp, x: mp.cos(x)}, r"exact\(mp, \*operands\) of wave is not the same .* exact gives 0"),
    (math.sin, {"exact": lambda x: x}, r"exact\(mp, \*operands\) .* exact gives TypeError"),
    (math.sin, {"exact": lambda mp, x: None}, r"exact gives None\. Correct it"),
    (math.sin, {"array": np.cos}, r"array\(\*operands\) of \w+ is not the same function: .* array gives 0\.47"),
    (math.sin, {"array": lambda x: 1.0}, r"array gives an array of shape \(\) for shape \(2,\)"),
    (math.sin, {"array": lacking}, r"array gives AttributeError"),
]


@pytest.mark.parametrize("at", range(len(DECLARED_WRONGLY)))
def test_what_is_no_function_or_another_one_is_refused_in_plain_words(at: int) -> None:
    function, given, message = DECLARED_WRONGLY[at]

    def wave(x: float) -> float:
        return function(x)

    wave.__name__ = "wave" if function is math.sin else function.__name__
    with pytest.raises(CheckError, match=message):
        a_row(wave, **given)


def test_array_and_exact_forms_of_the_same_function_are_accepted_and_any_without_a_check() -> None:
    def wave(x: float) -> float:
        return math.sin(x)

    assert a_row(wave, array=np.sin, exact=lambda mp, x: mp.sin(x))(0.5) == math.sin(0.5)
    assert a_row(wave, array=np.cos, check=False)(0.5) == math.sin(0.5)
