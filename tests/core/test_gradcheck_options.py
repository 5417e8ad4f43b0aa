"""What the checker is asked: which inputs, how exactly, what to let through; and numbers that were detached."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autograd_core import Value, cos, exp, log, relu, sin, sqrt, total
from autograd_core.errors import CheckError
from autograd_core.testing import assert_gradients, gradcheck

Oracle = Any
BOTH: tuple[Oracle, ...] = ("replay", "differences")
each_oracle = pytest.mark.parametrize("oracle", BOTH)


def test_wrt_chooses_inputs_and_says_what_it_cannot_choose() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * x * y

    assert list(gradcheck(f, 2.0, 3.0, wrt=1).verdicts) == ["y"]
    assert list(gradcheck(f, 2.0, 3.0, wrt=[1, 0]).verdicts) == ["y", "x"]
    assert list(gradcheck(f, 2.0, 3.0, wrt=1, order=2).verdicts) == ["y", "y, y"]
    for wrong in (5, [0, 2], -3):
        with pytest.raises(ValueError, match="wrt"):
            gradcheck(f, 2.0, 3.0, wrt=wrong)


def test_nothing_to_check_is_no_success() -> None:
    for f, inputs in ((lambda: Value(2.0), ()), (lambda xs: total(xs), ([],))):
        with pytest.raises(CheckError):
            gradcheck(f, *inputs)


@each_oracle
def test_tolerances_are_relative_to_the_paths_or_absolute(oracle: Oracle) -> None:
    wrong = replace(sin, partials=(lambda out, x: 1.001 * cos(x),))

    def verdict(**options: Any) -> str:
        return gradcheck(lambda x: wrong(x), 0.5, oracle=oracle, **options).entries[0].verdict

    assert verdict() == verdict(rtol=0.9e-3) == verdict(atol=0.8e-3) == "fail"
    assert verdict(rtol=1.1e-3) == verdict(atol=1e-3) == "pass"


@pytest.mark.parametrize("one", [1, np.int64(1), np.uint8(1), [1, 1], (np.int64(1),), np.array([1])])
def test_wrt_counts_with_any_integers_and_each_input_once(one: Any) -> None:
    assert [each.name for each in gradcheck(lambda x, y: x * y, 2.0, 3.0, wrt=one).entries] == ["y"]


@pytest.mark.parametrize("wrong", [True, 1.0, "x", [0.5], []])
def test_wrt_takes_nothing_but_integers(wrong: Any) -> None:
    with pytest.raises(ValueError, match="wrt counts the inputs from 0"):
        gradcheck(lambda x, y: x * y, 2.0, 3.0, wrt=wrong)


@pytest.mark.parametrize("name", ["rtol", "atol"])
@pytest.mark.parametrize("wrong", [-1e-9, math.nan, math.inf, "1", True, [1e-3]])
def test_a_tolerance_that_is_none_is_refused(name: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} is a number, 0 or more"):
        gradcheck(sin, 1.0, **{name: wrong})


def test_a_tolerance_of_0_leaves_only_what_the_difference_is_uncertain_of() -> None:
    def check(error: float, **options: Any) -> str:
        report = gradcheck(math.sin, 1.0, gradient=lambda x: math.cos(x) * (1.0 + error), **options)
        return report.entries[0].verdict

    assert (check(5e-8), check(5e-8, rtol=0.0), check(5e-8, rtol=0)) == ("pass", "fail", "fail")
    assert check(0.0, rtol=0.0) == "pass"
    off = replace(sin, partials=(lambda out, x: cos(x) * (1.0 + 5e-8),))
    assert gradcheck(lambda x: off(x), 1.0, oracle="differences", rtol=0.0).verdicts == {"x": "fail"}


def test_allow_takes_one_word_or_several_and_says_what_else_it_cannot_be() -> None:
    for allowed in ("kink", ["kink"], ("kink", "inconclusive"), {"kink"}):
        assert_gradients(relu, 0.0, allow=allowed)
    with pytest.raises(AssertionError, match="x kink"):
        assert_gradients(relu, 0.0, allow=())
    wrong: tuple[Any, ...] = (None, 3, "fail", ("kink", "pass"), "kin")
    for each in wrong:
        with pytest.raises(ValueError, match="allow takes 'kink' and 'inconclusive'"):
            assert_gradients(relu, 0.0, allow=each)


# --- what is not finite, and what is detached -----------------------------------------------------


@each_oracle
def test_of_a_gradient_that_is_nan_no_more_is_said_than_is_known(oracle: Oracle) -> None:
    nan = replace(sin, partials=(lambda out, x: math.nan * x,))
    (entry,) = gradcheck(lambda x: nan(x), 0.5, oracle=oracle).entries
    assert entry.verdict == "inconclusive" and "so is what it should be" not in entry.note
    if oracle == "replay":
        assert f"it should be {math.cos(0.5):.6g}" in entry.note
    (entry,) = gradcheck(lambda x: sqrt(x * x), 0.0, oracle=oracle).entries
    assert entry.verdict == "inconclusive" and "so is what it should be" not in entry.note


def log_sum_exp(xs: Sequence[Any]) -> Any:
    largest = max(x.data if isinstance(x, Value) else x for x in xs)
    return log(total([exp(x - largest) for x in xs])) + largest


@pytest.mark.parametrize("oracle", [None, "differences"])
@pytest.mark.parametrize("point", [[1.0, 2.0, 3.0], [1.0, 1.0, -2.0], [700.0, 701.0], [-5.0, 3.5]])
def test_a_detached_number_that_makes_no_difference_is_no_mistake(point: list[float], oracle: Oracle) -> None:
    report = gradcheck(log_sum_exp, point, oracle=oracle)
    assert set(report.verdicts.values()) == {"pass"}, str(report)
    assert "detached" in str(report) and "made no difference" in str(report)


@pytest.mark.parametrize("oracle", [None, "differences"])
def test_a_detached_number_that_matters_is_a_cut_still(oracle: Oracle) -> None:
    report = gradcheck(lambda x, y: x * math.sin(x.data) + y, 2.0, 1.0, oracle=oracle)
    assert report.verdicts == {"x": "fail", "y": "pass"} and "cut" in report.entries[0].note
    report = gradcheck(lambda xs: log_sum_exp(xs) + 1e-3 * xs[0].data, [1.0, 2.0], oracle=oracle)
    assert report.verdicts["xs_{0}"] == "fail" and "cut" in report.entries[0].note
