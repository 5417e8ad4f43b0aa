"""What a function does wrong, in plain words: bad results, changed inputs, cut graphs; and how reports speak."""

import contextlib
import importlib.util
import io
import itertools
import math
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autograd_core import Value, cos, exp, log, relu, sin, tanh, total
from autograd_core.errors import CheckError, OperandError
from autograd_core.testing import Report, assert_gradients, gradcheck
from autograd_core.testing.recording import input_names, record
from autograd_core.testing.report import Entry

Oracle = Any
each_oracle = pytest.mark.parametrize("oracle", [None, "replay", "differences"])

# --- results --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("result", "words"), [
    (lambda x: None, "f returned None. Is a return missing?"),
    (lambda x: [x, x], "f returned a list of 2. "),
    (lambda x: (x,), "f returned a tuple of 1. "),
    (lambda x: {"a": x}, "f returned a dict of 1. "),
    (lambda x: np.array([x, x]), "f returned a ndarray of 2. "),
    (lambda x: np.array([x * x]), "f returned a ndarray of 1. "),
    (lambda x: "x", "f returned a str of 1. "),
    (lambda x: x.data > 0, "f returned a bool. "),
    (lambda x: np.bool_(True), "f returned a bool. "),
    (lambda x: 3j, "f returned a complex. "),
    (lambda x: (each for each in [x]), "f returned a generator. "),
])
def test_what_is_no_scalar_is_named_with_what_to_do(result: Callable[[Any], Any], words: str) -> None:
    def f(x: Any) -> Any:
        return result(x)

    with pytest.raises(CheckError) as caught:
        gradcheck(f, 1.0)
    assert words in str(caught.value).replace("bool_", "bool")
    assert "None" in words or "return their total" in str(caught.value)


@each_oracle
def test_an_array_without_axes_and_a_leaf_are_scalars(oracle: Oracle) -> None:
    assert gradcheck(lambda x: np.array(x * x), 1.5, oracle=oracle)
    assert gradcheck(lambda x: x, 1.5, oracle=oracle).entries[0].gradient == 1.0
    assert gradcheck(lambda xs: xs[1], [1.5, 2.0], oracle=oracle)


@each_oracle
def test_an_input_without_influence_is_said_to_be_ignored(oracle: Oracle) -> None:
    report = gradcheck(lambda x, y: x * x, 1.0, 2.0, oracle=oracle)
    assert report.verdicts == {"x": "pass", "y": "pass"}
    assert report.entries[1].note.startswith("ignored: ") and "ignored" in str(report)
    report = gradcheck(lambda x, y: 3.0, 1.0, 2.0, oracle=oracle)
    assert all("ignored" in entry.note for entry in report.entries)


@pytest.mark.parametrize("oracle", [None, "differences"])
@pytest.mark.parametrize(("f", "x", "words"), [
    (lambda x: 2 * x, math.nan, "an input is nan"), (lambda x: 2 * x, math.inf, "an input is inf"),
    (lambda x: 1 / exp(1000 * x), 2.0, "exp gives inf (" + __file__),
    (lambda x: exp(1000 * x) - exp(1000 * x), 2.0, "exp gives inf"), (lambda x: x * x, 1e200, "mul gives inf"),
])
def test_what_is_not_finite_is_undecided_and_says_where(f: Any, x: float, words: str, oracle: Oracle) -> None:
    report = gradcheck(f, x, oracle=oracle)
    assert report.verdicts == {"x": "inconclusive"} and not report
    assert words in report.entries[0].note
    with pytest.raises(AssertionError, match="x inconclusive"):
        assert_gradients(f, x, oracle=oracle)


def test_a_gradient_that_overflows_is_reported_not_compared() -> None:
    report = gradcheck(lambda x, y: x * y * 1e-300, 1.0, 1e10, gradient=lambda x, y: (math.nan, math.inf))
    assert set(report.verdicts.values()) == {"inconclusive"}
    assert ["nan" in report.entries[0].note, "inf" in report.entries[1].note] == [True, True]


@pytest.mark.parametrize("wrong", ["a", True, None, {"k": "a"}, [1.0, object()]])
def test_an_input_that_is_no_number_is_named(wrong: Any) -> None:
    with pytest.raises(OperandError, match="an input of <lambda> holds"):
        gradcheck(lambda x: 1.0, wrong)


def test_unknown_options_are_refused() -> None:
    options: list[dict[str, Any]] = [{"order": 3}, {"order": 0}, {"oracle": "luck"}, {"wrt": 7}]
    for wrong in options:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            gradcheck(lambda x: x * x, 1.0, **wrong)


def test_plain_functions_of_floats_are_told_what_to_do() -> None:
    for f in (lambda x: math.sin(x), lambda x: 2 * float(x)):
        with pytest.raises(OperandError, match=r"use this package's own functions: sin\(v\)"):
            gradcheck(f, 1.0)


# --- determinism and mutation ---------------------------------------------------------------------


def test_a_function_that_gives_another_value_is_not_deterministic() -> None:
    draws = random.Random(0)

    def f(x: Any) -> Any:
        return x * draws.random()

    with pytest.raises(CheckError, match=r"f is not deterministic: called twice .* gave 0\.8\d+ and 0\.7\d+\. Draw"):
        gradcheck(f, 1.0)


def test_a_function_that_gives_the_same_value_another_way_is_not_deterministic() -> None:
    calls = itertools.count()
    with pytest.raises(CheckError, match="gave 9 and 9 by different operations"):
        gradcheck(lambda x: x * x if next(calls) % 2 else x**2, 3.0)


@each_oracle
def test_draws_from_a_generator_made_anew_are_deterministic(oracle: Oracle) -> None:
    def f(x: Any) -> Any:
        rng = np.random.default_rng(3)
        return x * float(rng.normal()) + rng.normal() * sin(x)

    assert gradcheck(f, 1.0, oracle=oracle)


def _set(xs: Any) -> Any:
    xs[0] = xs[0] * 2
    return xs[0] * xs[1]


def _append(xs: Any) -> Any:
    xs.append(1.0)
    return total(xs)


def _pop(xs: Any) -> Any:
    xs.pop()
    return xs[0] * 2


def _reverse(xs: Any) -> Any:
    xs.reverse()
    return xs[0] * xs[1]


def _scale(xs: Any) -> Any:
    xs *= 2
    return xs.sum()


def _set_data(xs: Any) -> Any:
    y = xs[0] * 2
    xs[0].data = 5.0
    return y


def _add_key(d: Any) -> Any:
    d["z"] = d["a"]
    return d["a"] * d["b"]


def _pop_key(d: Any) -> Any:
    return d.pop("a") * 2


@pytest.mark.parametrize(("f", "given", "name"), [
    (_set, [1.0, 2.0], "xs_{0}"), (_append, [1.0, 2.0], "length"), (_pop, [1.0, 2.0], "xs_{1}"),
    (_reverse, [1.0, 2.0], "xs_{0}"), (_scale, np.array([1.0, 2.0]), "xs_{0}"), (_set_data, [1.0], "xs_{0}"),
    (_add_key, {"a": 1.0, "b": 2.0}, "length"), (_pop_key, {"a": 1.0, "b": 2.0}, "d_{a}"),
])
def test_a_function_that_changes_its_inputs_is_found_and_the_caller_s_are_as_before(
    f: Callable[..., Any], given: Any, name: str
) -> None:
    before = repr(given)
    with pytest.raises(CheckError) as caught:
        gradcheck(f, given)
    assert f"{f.__name__} changes" in str(caught.value) and name in str(caught.value)
    assert "copy" in str(caught.value) and repr(given) == before


def test_a_check_leaves_the_caller_s_values_and_their_gradients_alone() -> None:
    given, weight, unswept = Value(3.0, "q"), Value(2.0), Value(5.0)
    given.grad, weight.grad = 9.0, 7.0
    hidden = weight * weight
    assert gradcheck(lambda x: x * weight * unswept + hidden, given)
    assert (given.data, given.grad, weight.grad) == (3.0, 9.0, 7.0)
    assert "grad" not in repr(unswept)


# --- cut graphs -----------------------------------------------------------------------------------


def _helper(v: Any) -> Any:
    return math.exp(v.data) * v  # cut here


CUTS: list[tuple[str, Callable[..., Any], tuple[float, ...], str, set[str]]] = [
    ("math.sin(v.data)", lambda x: math.sin(x.data) * x, (1.0,), "the constant 0.841471 in mul", {"x"}),
    ("Value(v.data)", lambda x, y: Value(x.data, "c") * y, (1.0, 2.0), "the leaf c", {"x"}),
    ("float(np.float64)", lambda x, y: float(np.float64(y.data)) * x + y, (1.0, 2.0), "the constant 2 in mul", {"y"}),
    ("the result", lambda x: Value(math.sin(x.data)), (1.0,), "the result", {"x"}),
    ("a float result", lambda x: math.sin(x.data), (1.0,), "the result", {"x"}),
    ("a helper", lambda x, y: _helper(x) + y, (1.0, 2.0), "the constant 2.71828 in mul", {"x"}),
    ("of both", lambda x, y: x + y + x.data * y.data, (1.0, 2.0), "the constant 2 in add", {"x", "y"}),
    ("abs of data", lambda x: x * abs(x.data), (1.5,), "the constant 1.5 in mul", {"x"}),
    ("of zero", lambda x: x + math.sin(x.data), (0.0,), "the constant 0 in add", {"x"}),
    ("far out", lambda x: x + 2 * x.data, (1e8,), "the constant 2e+08 in add", {"x"}),
    ("tiny", lambda x: x + 2 * x.data, (1e-9,), "the constant 2e-09 in add", {"x"}),
    ("beside a kink", lambda x: relu(x) + 2 * x.data, (1e-5,), "the constant 2e-05 in add", {"x"}),
    ("by rounding of a large sum", lambda x: x + (1e10 + x.data), (1.0,), "the constant 1e+10 in add", {"x"}),
    ("in a middle node", lambda x: tanh(x) * (3 * tanh(x).data), (0.5,), "the constant 1.38635 in mul", {"x"}),
]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("oracle", [None, "differences"])
@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut[0])
def test_a_cut_is_named_as_such_for_the_inputs_that_it_hurts(cut: Any, oracle: Oracle, seed: int) -> None:
    _, f, point, where, hurt = cut
    report = gradcheck(f, *point, oracle=oracle, rng=seed)
    assert {name for name, verdict in report.verdicts.items() if verdict == "fail"} == hurt, str(report)
    for entry in report.entries:
        if entry.name in hurt:
            assert f"the graph is cut at {where}" in entry.note and "v.data" in entry.note
    with pytest.raises(AssertionError, match="the graph is cut at"):
        assert_gradients(f, *point, oracle=oracle)


def test_a_cut_in_a_helper_points_at_the_helper_s_line() -> None:
    note = gradcheck(lambda x: sin(_helper(x)), 1.0).entries[0].note
    assert f"({__file__}:{_helper.__code__.co_firstlineno + 1})" in note


LEVELS = [0.5, 1.5, 2.5, 3.5]
CLOSED = Value(7.0, "w")


@pytest.mark.parametrize("oracle", [None, "differences"])
@pytest.mark.parametrize(("f", "point"), [
    (lambda x: x * math.sin(3.0) + 1e-9, (2.0,)),
    (lambda x: x * CLOSED * (CLOSED * 2), (2.0,)),
    (lambda x: x * Value(4.0) + Value(2.0, "b"), (2.0,)),
    (lambda x: x * LEVELS[int(x.data)], (2.5,)),
    (lambda x: x * math.floor(x.data), (1.5,)),
    (lambda x: 2 * x if x.data > 0 else 3 * x, (1e-3,)),
    (lambda x: x / max(1.0, math.copysign(1.0, x.data)), (-3.0,)),
    (lambda x: 0 * x + 1e300, (1.0,)),
], ids=["numbers", "closures", "leaves", "a table", "floor", "an if", "a sign", "a large number"])
def test_constants_that_stay_are_no_cut(f: Any, point: Any, oracle: Oracle) -> None:
    report = gradcheck(f, *point, oracle=oracle)
    assert report.verdicts == {"x": "pass"}, str(report)


# --- oracles that are not there -------------------------------------------------------------------


def test_a_row_without_exact_is_held_against_differences_and_that_is_said() -> None:
    row = replace(sin, name="my_sin", exact=None)
    report = gradcheck(lambda x: row(x) * x, 0.3)
    assert report and "differences" in report.oracle
    assert report.notes == ("Not replayed at 50 digits: my_sin has no exact form.",)
    assert "my_sin has no exact form" in str(report)
    with pytest.raises(CheckError, match="cannot be replayed at 50 digits: my_sin has no exact form"):
        gradcheck(lambda x: row(x) * x, 0.3, oracle="replay")


def test_an_exact_that_does_not_work_counts_as_none() -> None:
    row = replace(sin, name="my_sin", exact=lambda mp, x: mp.no_such_function(x))
    report = gradcheck(lambda x: row(x) * x, 0.3)
    assert report and "my_sin has no exact form" in str(report)


def test_without_mpmath_it_falls_back_and_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None)
    report = gradcheck(lambda x: sin(x) * x, 0.3)
    assert report and "differences" in report.oracle and "autograd-core[testing]" in report.notes[0]
    with pytest.raises(CheckError, match="mpmath is not installed"):
        gradcheck(lambda x: sin(x) * x, 0.3, oracle="replay")


def test_an_mpmath_that_cannot_be_imported_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpmath", None)  # then importing it raises
    report = gradcheck(lambda x: sin(x) * x, 0.3)
    assert report and "differences" in report.oracle and "mpmath is not installed" in report.notes[0]


# --- names and reports ----------------------------------------------------------------------------


def test_names_follow_the_parameters_the_places_and_the_function_s_own() -> None:
    assert input_names(lambda w, b=1.0: 0, [[1.0, 2.0], 3.0]) == ["w_{0}", "w_{1}", "b"]
    assert input_names(lambda *xs: 0, [1.0, 2.0]) == ["x_0", "x_1"]
    recording = record(lambda x: x.named("w_1") * 2, (3.0,))
    assert recording.output.data == 6.0 and recording.names == ("x",)
    assert gradcheck(lambda x: x.named("w_1") * 2, 3.0)


def test_assert_gradients_raises_with_the_report_and_says_who_and_why() -> None:
    bad = replace(sin, name="bad_sin", partials=(lambda out, x: 1.1 * cos(x),))

    def loss(x: Any, y: Any) -> Any:
        return bad(x) * y

    with pytest.raises(AssertionError) as caught:
        assert_gradients(loss, 0.5, 2.0)
    message = str(caught.value)
    assert message.startswith("The gradient of loss was not confirmed: x fail.\n")
    assert str(gradcheck(loss, 0.5, 2.0)) in message and "bad_sin" in message
    assert_gradients(loss, 0.5, 2.0, rtol=0.2)
    assert_gradients(loss, 0.5, 2.0, wrt=1)


def test_allow_says_which_verdicts_are_let_through_and_never_a_failure() -> None:
    assert_gradients(relu, 0.0)
    assert_gradients(lambda x: exp(1000 * x), 2.0, allow=("inconclusive",))
    for allow in ((), ("inconclusive",)):
        with pytest.raises(AssertionError, match="kink"):
            assert_gradients(relu, 0.0, allow=allow)
    with pytest.raises(AssertionError, match="x kink"):
        assert_gradients(lambda x: relu(x) - relu(-x), 0.0, allow=("kink", "inconclusive"))
    for wrong in (("fail",), ("pass",), "kin", None, ("luck",)):
        with pytest.raises(ValueError, match="allow takes"):
            assert_gradients(relu, 1.0, allow=wrong)


def _report(verdict: Any, legal: bool = False) -> Report:
    return Report("f", 1.0, (Entry("x", "pass", 1.0, 1.0, 1.0, 0.0), Entry("y", verdict, 0.5, None, 1.0, 0.0,
                                                                             legal=legal)), "luck")


def test_a_report_is_true_only_if_all_passes_or_is_a_legal_kink() -> None:
    cases = [("pass", False), ("kink", True), ("kink", False), ("fail", False), ("inconclusive", False)]
    assert [bool(_report(*case)) for case in cases] == [True, True, False, False, False]
    assert _report("kink").verdicts == {"x": "pass", "y": "kink"}
    assert [_report("kink", legal).table.rows[1][-1] for legal in (True, False)] == ["kink, legal", "kink, not legal"]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_every_report_can_be_printed_in_any_terminal(encoding: str) -> None:
    größe = replace(sin, name="größe", partials=(lambda out, x: 1.0,))
    reports = [gradcheck(lambda δ: größe(δ), 1.0), gradcheck(lambda δ: Value(δ.data, "σ") * δ, 1.0),
               gradcheck(lambda w: relu(w["ω"]), {"ω": 0.0})]
    for report in reports:
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        with contextlib.redirect_stdout(stream):
            print(report)
            stream.flush()
        assert b"verdict" in stream.buffer.getvalue()


def test_a_report_in_a_notebook_escapes_hostile_names() -> None:
    bad = replace(sin, name="<b>sin", partials=(lambda out, x: 1.0,))
    shown = gradcheck(lambda d: bad(d["<script>alert(1)"]), {"<script>alert(1)": 0.3})._repr_html_()
    assert "<script" not in shown and "<b>" not in shown
    assert "&lt;script&gt;" in shown and "&lt;b&gt;" in shown and "fail" in shown


def test_log_outside_its_domain_says_so() -> None:
    with pytest.raises(ArithmeticError, match=r"log\(-2\) is not defined"):
        gradcheck(log, -2.0)
