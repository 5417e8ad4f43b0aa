"""Arguments of a program: arrays of other libraries, lanes that are none, and the note of an error while recording."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.errors import OperandError
from tests.compiler.foreign import Foreign


def error(W: Any, b: Any, x: Any, target: Any) -> Any:
    return (ag.total([ag.tanh(ag.dot(row, x) + each) for row, each in zip(W, b, strict=True)]) - target) ** 2


rng = np.random.default_rng(0)
W, B, X, TARGET = rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=(80, 2)), rng.normal(size=80)
LANES = ("x", "target")


# --- arrays of other libraries ------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64])
def test_foreign_arrays_are_arrays(kind: Any) -> None:
    given = [(10.0 * each).astype(kind) for each in (W, B, X, TARGET)]
    program = ag.compile(error, lanes=LANES)
    value, gradients = program.value_and_grad(*given)
    for _ in range(2):
        foreign = program.value_and_grad(*map(Foreign, given))
        assert foreign[0] == value
        for ours, theirs in zip(gradients, foreign[1], strict=True):
            assert type(theirs) is np.ndarray
            np.testing.assert_array_equal(ours, theirs)
    assert program(*map(Foreign, given)) == program(*given)
    np.testing.assert_array_equal(program.per_example(*map(Foreign, given))[0], program.per_example(*given)[0])


def test_foreign_arrays_may_be_in_structures() -> None:
    def f(weights: Any, x: Any) -> Any:
        return ag.dot(weights["layers"][0][1], x["a"]) + weights["b"]

    lanes = {"a": [Foreign([1.0, 2.0]), Foreign([3.0, 4.0])]}
    weights = {"layers": [Foreign(np.ones((2, 2)))], "b": Foreign(1)}
    _, gradient = ag.compile(f, lanes="x").value_and_grad(weights, lanes)
    np.testing.assert_array_equal(gradient["layers"][0], [[0.0, 0.0], [2.0, 3.0]])
    assert gradient["b"] == 1.0


@pytest.mark.parametrize("where", [lambda w: w, lambda w: [w], lambda w: {"a": w}])
def test_a_tensor_that_requires_grad_is_refused_with_advice(where: Callable[[Any], Any]) -> None:
    with pytest.raises(OperandError) as caught:
        ag.compile(lambda w: 0.0).value_and_grad(where(Foreign([1.0], requires_grad=True)))
    assert str(caught.value) == (
        "The argument w holds a Foreign that NumPy cannot read. Give its numbers, of a tensor "
        "tensor.detach().cpu().numpy(); its gradient is returned, as an array.")
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_foreign_array_of_bools_is_answered_as_numpys_is() -> None:
    with pytest.raises(OperandError, match=re.escape("For a comparison write (y > 0).astype(float).")):
        ag.compile(error, lanes=LANES)(W, B, X, Foreign(TARGET > 0))


# --- lanes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("lanes", [True, 3, None, [3]])
def test_lanes_that_are_no_names_are_refused_as_unknown_ones_are(lanes: Any) -> None:
    got = lanes[0] if isinstance(lanes, list) else lanes
    with pytest.raises(OperandError, match=re.escape(f"lanes names arguments of error(W, b, x, target); got {got}.")):
        ag.compile(error, lanes=lanes)


def test_a_transposed_lane_argument_is_counted_before_the_function_is_recorded() -> None:
    with pytest.raises(OperandError, match=r"as many in each; these have: x 2, target 80\."):
        ag.compile(error, lanes=LANES)(W, B, X.T, TARGET)


# --- the note -----------------------------------------------------------------------------------


def failing(*arguments: Any) -> Any:
    raise KeyError("theirs")


def of_three(w: Any, x: Any, y: Any) -> Any:
    return failing(w, x, y)


NOTES: list[tuple[Callable[..., Any], tuple[str, ...], tuple[Any, ...], type[Exception], str]] = [
    (error, (), (W, B, X, TARGET), OperandError,
     "error was recorded with W (3, 2), b (3,), x (80, 2), target (80,). If x has one row per example: "
     "compile(error, lanes=('x', 'target'))."),
    (error, LANES, (W, B, np.ones((80, 3)), TARGET), OperandError,
     "error was recorded for one example with W (3, 2), b (3,), x (3,), target a number."),
    (lambda w, x: w * x[0], ("x",), (1.0, [1.0]), TypeError,
     "<lambda> was recorded for one example with w a number, x a number."),
    (lambda w, x: w[4], (), ([1.0], [[1.0, 2.0], [3.0, 4.0]]), IndexError,
     "<lambda> was recorded with w (1,), x (2, 2). If x has one row per example: compile(f, lanes=('x',))."),
    (of_three, (), ({"a": 1.0}, [[1.0], [1.0, 2.0]], 3.0), KeyError,
     "of_three was recorded with w a dict with the keys 'a', x a list of 2, y a number. "
     "If x has one row per example: compile(of_three, lanes=('x',))."),
    (lambda w, x: [w], (), (1.0, 2.0), OperandError, "<lambda> was recorded with w a number, x a number."),
    (lambda: None, (), (), OperandError, "<lambda> was recorded with no arguments."),
]


@pytest.mark.parametrize(("f", "lanes", "given", "kind", "note"), NOTES, ids=[note for *_, note in NOTES])
def test_an_error_while_recording_says_what_was_recorded_with(
    f: Callable[..., Any], lanes: tuple[str, ...], given: tuple[Any, ...], kind: type[Exception], note: str
) -> None:
    for _ in range(2):
        with pytest.raises(kind) as caught:
            ag.compile(f, lanes=lanes)(*given)
        assert caught.value.__notes__ == [note]


def test_the_message_itself_stays_as_it_is() -> None:
    with pytest.raises(OperandError) as caught:
        ag.compile(error)(W, B, X, TARGET)
    assert str(caught.value) == "dot needs lists of equal length; it got 2 and 80."
