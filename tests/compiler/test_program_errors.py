"""Compiled functions: what bad calls say, what the generated lines show, and numbers that are none."""

from __future__ import annotations

import functools
import inspect
import linecache
import math
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core import Value
from autograd_core.errors import DomainError, OperandError


def error(w: Any, x: Any, target: Any) -> Any:
    return (w[0] * x[0] + w[1] * x[1] - target) ** 2


BAD_CALLS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: ag.compile(error, lanes=("X",)), OperandError, r"lanes names arguments of error(w, x, target); got 'X'."),
    (lambda: ag.compile(lambda *w: w[0]), OperandError, "'*w'"),
    (lambda: ag.compile(lambda **w: w), OperandError, "'**w'"),
    (lambda: ag.compile(lambda x, *, k: x * k), OperandError, "'k'"),
    (lambda: ag.compile(lambda x, *, k=2.0: x * k)(1.0, k=3.0), TypeError, "k"),
    (lambda: ag.compile(ag.sin), OperandError, "have a place"),
    (lambda: ag.compile(lambda x: x)(), TypeError, "x"),
    (lambda: ag.compile(lambda x: x)(1.0, 2.0), TypeError, "argument"),
    (lambda: ag.compile(lambda x: x)("3"), OperandError, "The argument x holds '3' of type str"),
    (lambda: ag.compile(lambda x: x)(True), OperandError, "bool"),
    (lambda: ag.compile(lambda x: x[0])([None]), OperandError, "NoneType"),
    (lambda: ag.compile(lambda x: x[0])(np.array(["a"])), OperandError, "The argument x"),
    (lambda: ag.compile(lambda x: x)(lambda: 0), OperandError, "The argument x"),
    (lambda: ag.compile(lambda x: [x])(1.0), OperandError, "must return one scalar"),
    (lambda: ag.compile(lambda x: x, lanes="x")(3.0), OperandError, "x was declared a lane argument"),
    (lambda: ag.compile(lambda x: x, lanes="x")([]), OperandError, "at least one lane"),
    (lambda: ag.compile(lambda x: x, lanes="x")(np.zeros((0, 3))), OperandError, "at least one lane"),
    (lambda: ag.compile(lambda x, y: x * y, lanes=("x", "y"))([1.0], [1.0, 2.0]), OperandError, "x 1, y 2"),
    (lambda: ag.compile(lambda x: x["a"] * x["b"], lanes="x")({"a": [1.0], "b": [1.0, 2.0]}), OperandError,
     "x['a'] 1, x['b'] 2"),
    (lambda: ag.compile(lambda x: x[0], lanes="x")([[1.0, 2.0], [1.0]]), OperandError, "lists of equal length"),
    (lambda: ag.compile(lambda x: x, lanes="x")(["1.0"]), OperandError, "x"),
    (lambda: ag.compile(lambda x: x, lanes="x")([1.0, None]), OperandError, "not numbers"),
    (lambda: ag.compile(lambda x: x["a"], lanes="x")([{"a": 1.0}]), OperandError, "as one dict"),
    (lambda: ag.compile(lambda x: x)({"a": 1.0}), OperandError, "must return one scalar"),
    (lambda: ag.compile(lambda x: x).per_example(1.0), OperandError, "per_example needs lanes"),
    (lambda: ag.compile(lambda x: ag.batch_mean([x]) * x, lanes="x").per_example([1.0]), OperandError,
     "batch_mean couples"),
]


@pytest.mark.parametrize("call, kind, message", BAD_CALLS)
def test_bad_calls_say_what_was_wrong(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert message in str(caught.value)


@pytest.mark.parametrize("second", ["3", None, True, [1.0], {"a": 1.0}, np.array([1j])])
def test_a_bad_argument_is_found_also_after_good_ones(second: Any) -> None:
    program = ag.compile(lambda x: x * 2.0)
    program.value_and_grad(1.0)
    with pytest.raises(TypeError):
        program.value_and_grad(second)
    lanes = ag.compile(lambda w, x: w * x, lanes="x")
    lanes.value_and_grad(1.0, np.array([1.0]))
    for bad in (["3"], [second, [1.0, 2.0]], 3.0, np.zeros(0), np.array([True])):
        with pytest.raises((TypeError, ValueError)):
            lanes.value_and_grad(1.0, bad)
    assert lanes.value_and_grad(1.0, np.array([3.0])) == (3.0, 3.0)


def test_partials_and_callable_objects_are_functions_too() -> None:
    assert ag.compile(functools.partial(lambda a, b: a - b, 5.0))(2.0) == 3.0
    assert ag.compile(functools.partial(lambda a, b=1.0: a - b, b=2.0))(5.0) == 3.0

    class Doubling:
        def __call__(self, x: Any) -> Any:
            return 2.0 * x

        def triple(self, x: Any) -> Any:
            return 3.0 * x

    assert ag.compile(Doubling()).value_and_grad(2.0) == (4.0, 2.0) and "Doubling" in repr(ag.compile(Doubling()))
    assert ag.compile(Doubling().triple)(2.0) == 6.0


@pytest.mark.parametrize("vector", [False, True])
@pytest.mark.parametrize(
    "f, w, operation",
    [(lambda w, x: ag.log(w) * x, 0.0, "log(0)"), (lambda w, x: x / w, 0.0, "div("),
     (lambda w, x: ag.sqrt(w) + x, -1.0, "sqrt(-1)"),
     (lambda w, x: w**0.5 * x, -8.0, "pow(-8, 0.5)"), (lambda w, x: w**-1 + x, 0.0, "pow(0, -1)"),
     (lambda w, x: ag.acosh(w * x), 0.5, "acosh("), (lambda w, x: ag.atanh(w) * x, 1.0, "atanh(1)"),
     (lambda w, x: ag.reciprocal(w - x), 1.0, "reciprocal(")])
def test_errors_are_those_of_eager(f: Callable[..., Any], w: float, operation: str, vector: bool) -> None:
    program = ag.compile(f, lanes=("x",) if vector else ())
    x: Any = np.array([1.0, 1.0]) if vector else 1.0
    with pytest.raises(DomainError) as eager:
        f(Value(w), 1.0)
    for call in (program, program.value_and_grad, program.value_and_grad):
        with pytest.raises(DomainError) as compiled:
            call(w, x)
        assert operation in str(compiled.value)
        assert str(compiled.value).replace(" at index (0,)", "") == str(eager.value)


def test_a_traceback_shows_the_generated_line() -> None:
    program = ag.compile(lambda x, y: (ag.log(x) * y).named("p") + 1.0)
    program(1.0, 2.0)
    try:
        program(-1.0, 2.0)
    except DomainError as failure:
        shown = "".join(traceback.format_exception(failure))
    assert "<compiled <lambda>" in shown and "= log(x)" in shown


def test_the_source_is_registered_and_runs_by_itself() -> None:
    program = ag.compile(error, lanes=("x", "target"))
    compiled = program.trace([0.5, -0.3], [[1.0, 2.0]], [0.5])
    lines = inspect.getsource(compiled.value_and_grad)
    assert lines.rstrip() in program.source
    assert linecache.getline(compiled.filename, 1) == program.source.split("\n")[0] + "\n"
    linecache.checkcache(compiled.filename)
    assert linecache.getline(compiled.filename, 1)


def test_a_nan_is_not_hidden() -> None:
    for lanes, x in (((), 2.0), (("x",), np.array([1.0, 2.0]))):
        program = ag.compile(lambda w, x: w * x + 1.0, lanes=lanes)
        value, _ = program.value_and_grad(math.nan, x)
        assert math.isnan(value) and math.isnan(program(math.nan, x))
    assert math.isnan(ag.compile(lambda x: ag.total(list(x)))([math.inf, -math.inf, 1.0]))
    assert math.isnan(ag.compile(lambda w, x: ag.relu(w * x), lanes="x")(1.0, [math.nan, 1.0]))


@pytest.mark.parametrize("lanes", [(), ("x",)])
def test_infinite_slopes_are_limits_as_in_eager(lanes: tuple[str, ...]) -> None:
    program = ag.compile(lambda w, x: ag.sqrt(w) + x, lanes=lanes)
    value, gradient = program.value_and_grad(0.0, [1.0, 3.0] if lanes else 2.0)
    assert value == 2.0 and (gradient if lanes else gradient[0]) == math.inf
