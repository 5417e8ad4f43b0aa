"""Comparisons while a function is recorded: on the tape those of tracers, refused those of Values."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core import Value, watching
from autograd_core.errors import OperandError
from autograd_core.tracing import record

BRANCH = "where(condition, a, b), heaviside(x, at_zero), maximum or minimum"
COMPARISONS: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x < y, lambda x, y: x > y, lambda x, y: x <= y, lambda x, y: x >= y]
ORDERED = [-math.inf, -1e308, -1.0, -5e-324, -0.0, 0.0, 5e-324, 1.0, math.nextafter(1.0, 2.0), 1e308, math.inf]


@pytest.mark.parametrize("compare", COMPARISONS)
def test_comparisons_are_pythons_own_as_numbers(compare: Callable[[Any, Any], Any]) -> None:
    both = record(compare, ["x", "y"])
    programs = [ag.compile(compare), ag.compile(compare, optimize=False)]
    lanes = ag.compile(compare, lanes=("x", "y"))
    for x, y in itertools.product(ORDERED, repeat=2):
        expected = float(compare(x, y))
        data = both.forward([x, y])
        assert data[both.outputs[0]] == expected  # type: ignore[index]
        assert both.reverse(data)[:2] == [0.0, 0.0]
        assert record(lambda x, y=y: compare(x, y), ["x"]).forward([x])[-1] == expected
        assert record(lambda y, x=x: compare(x, y), ["y"]).forward([y])[-1] == expected
        for program in programs:
            assert program(x, y) == expected and program.value_and_grad(x, y) == (expected, (0.0, 0.0))
    x, y = map(np.array, zip(*itertools.product(ORDERED, repeat=2), strict=True))
    assert lanes.per_example(x, y)[0].tolist() == compare(x, y).tolist()
    assert lanes(x, y) == pytest.approx(np.mean(compare(x, y)), rel=1e-15)


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize("x, y", [(math.nan, 1.0), (1.0, math.nan), (math.nan, math.nan), (math.inf, math.nan)])
def test_a_comparison_with_nan_is_nan_for_a_nan_is_not_hidden(compare: Callable[[Any, Any], Any], x: float,
                                                              y: float) -> None:
    assert math.isnan(record(compare, ["x", "y"]).forward([x, y])[-1])
    assert math.isnan(ag.compile(compare)(x, y)) and math.isnan(ag.compile(compare, lanes=("x", "y"))([x], [y]))


# --- of closed-over Values ------------------------------------------------------------------

W, V = Value(3.0, "w"), Value(2.0)
REFUSED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: x if W < 1.0 else -x, "w < 1.0 compares"), (lambda x: x if W >= V else -x, "w >= v compares"),
    (lambda x: x if V <= W else -x, "v <= w compares"), (lambda x: x if W > 2 else -x, "w > 2 compares"),
    (lambda x: x if np.float64(1.0) < W else -x, "w > "),
    (lambda x: x * max(W, V), "v > w compares"), (lambda x: x * sorted([W, V])[0], "v < w compares"),
    (lambda x: x if W * 2.0 > 1.0 else -x, "v > 1.0 compares"), (lambda x: x * np.maximum(W, V), "w >= v compares")]


@pytest.mark.parametrize("f, start", REFUSED)
def test_comparing_a_closed_over_value_is_refused_with_advice(f: Callable[[Any], Any], start: str) -> None:
    advice = (f"a Value's present data while a function is recorded, and would not be replayed when the data change. "
              f"For a choice that is replayed write {BRANCH}. For a choice that is made once, when the function is "
              "recorded, compare v.data.")
    for call in (lambda: record(f, ["x"]), lambda: ag.compile(f)(1.0), lambda: ag.compile(f, lanes="x")([1.0])):
        with pytest.raises(OperandError) as caught:
            call()
        assert str(caught.value).startswith(start) and str(caught.value).endswith(advice)
    f(1.0)  # and nothing is left of the refusal
    assert watching.refusals == []


@pytest.mark.parametrize("compare", COMPARISONS)
def test_a_closed_over_value_is_compared_with_a_tracer_on_the_tape(compare: Callable[[Any, Any], Any]) -> None:
    program = ag.compile(lambda x: compare(W, x) + 2.0 * compare(x, W))
    for x in (2.0, 3.0, 4.0):
        assert program(x) == compare(3.0, x) + 2.0 * compare(x, 3.0)


def test_what_comparisons_of_values_refuse_and_defer_is_the_same_while_recording() -> None:
    def f(x: Any) -> Any:
        with pytest.raises(OperandError, match="a Value compares with Values and numbers"):
            W < "3"  # noqa: B015
        with pytest.raises(TypeError, match="not supported between"):
            W < [1.0]  # noqa: B015
        assert W == W and W != V
        return x

    record(f, ["x"])


def test_the_data_of_a_closed_over_value_is_a_constant() -> None:
    w = Value(3.0, "w")
    program = ag.compile(lambda x: x * w.data if w.data > 1.0 else -x)
    assert program(2.0) == 6.0 and program.parameters == ()
    w.data = 0.5
    assert program(2.0) == 6.0


def test_another_thread_compares_while_a_function_is_recorded() -> None:
    found: list[bool] = []

    def f(x: Any) -> Any:
        thread = threading.Thread(target=lambda: found.append(W > V))
        thread.start()
        thread.join()
        return x

    record(f, ["x"])
    assert found == [True]
