"""The short way into a program: arguments of unusual kinds take the long one, with the same answer or error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.errors import OperandError


def of_list(x: Any) -> Any:
    return x[0] * x[1] + ag.sin(x[2])


def in_lanes(w: Any, x: Any, y: Any) -> Any:
    return (w[0] * x[0] + w[1] * x[1] - y) ** 2


def of_one_lane_each(w: Any, x: Any) -> Any:
    return ag.tanh(w * x)


POINT = [0.5, -1.25, 2.0]
LISTS = {
    "floats": POINT,
    "a tuple": tuple(POINT),
    "an integer among them": [0.5, -1.25, 2],
    "NumPy's floats": [np.float64(each) for each in POINT],
    "an array": np.array(POINT),
    "single precision": np.array(POINT, dtype=np.float32),
    "a part of an array": np.array([*POINT, 9.0])[:3],
    "every second": np.array([0.5, 9.0, -1.25, 9.0, 2.0, 9.0])[::2],
    "a matrix's row": np.array([POINT, POINT])[1],
    "another byte order": np.array(POINT).astype(">f8"),
}


@pytest.mark.parametrize("kind", LISTS)
def test_kinds_of_one_argument(kind: str) -> None:
    program, given = ag.compile(of_list), LISTS[kind]
    expected = ag.compile(of_list).value_and_grad(POINT)
    for _ in range(2):  # the second call may be quick
        value, gradient = program.value_and_grad(given)
        assert type(value) is float and value == expected[0]
        np.testing.assert_array_equal(gradient, expected[1])
        assert type(gradient) is (np.ndarray if isinstance(given, np.ndarray) else type(given))


@pytest.mark.parametrize("first", LISTS)
@pytest.mark.parametrize("second", LISTS)
def test_a_kind_after_another(first: str, second: str) -> None:
    program = ag.compile(of_list)
    program.value_and_grad(LISTS[first])
    value, gradient = program.value_and_grad(LISTS[second])
    expected = ag.compile(of_list).value_and_grad(LISTS[second])
    assert value == expected[0] and type(gradient) is type(expected[1])
    np.testing.assert_array_equal(gradient, expected[1])


X, Y = np.array([[1.0, 2.0], [3.0, 4.0], [0.5, 0.0]]), np.array([1.0, -1.0, 0.5])
LANES = {
    "arrays": (X, Y),
    "lists": (X.tolist(), Y.tolist()),
    "Fortran's order": (np.asfortranarray(X), Y),
    "single precision": (X.astype(np.float32), Y.astype(np.float32)),
    "every second": (np.repeat(X, 2, axis=0)[::2], np.repeat(Y, 2)[::2]),
    "a column": (X, Y[:, None][:, 0]),
}


@pytest.mark.parametrize("kind", LANES)
@pytest.mark.parametrize("weights", [np.array([0.3, -0.7]), [0.3, -0.7]], ids=["array", "list"])
def test_kinds_of_lanes(kind: str, weights: Any) -> None:
    program = ag.compile(in_lanes, lanes=("x", "y"))
    expected = np.mean([in_lanes([0.3, -0.7], x, y) for x, y in zip(X.tolist(), Y.tolist(), strict=True)])
    for _ in range(2):
        value, gradient = program.value_and_grad(weights, *LANES[kind])
        assert value == pytest.approx(expected, rel=1e-15) and type(gradient) is type(weights)


@pytest.mark.parametrize(("x", "y", "message"), [
    (X, Y[:2], "Lane arguments have one entry per lane, as many in each; these have: x 3, y 2."),
    (X[:0], Y[:0], "no entries|needs? at least one lane|has none"),
    (X, np.array(1.0), "y was declared a lane argument"),
])
def test_lanes_that_do_not_fit_are_refused_after_a_quick_call(x: Any, y: Any, message: str) -> None:
    program = ag.compile(in_lanes, lanes=("x", "y"))
    program.value_and_grad(np.ones(2), X, Y)
    with pytest.raises(OperandError, match=message):
        program.value_and_grad(np.ones(2), x, y)


@pytest.mark.parametrize("x", [np.array([1.0, 2.0]), np.array([[1.0], [2.0]])[:, 0], [1.0, 2.0]])
@pytest.mark.parametrize("w", [0.5, np.float64(0.5), np.array(0.5), 1])
def test_single_numbers(w: Any, x: Any) -> None:
    program = ag.compile(of_one_lane_each, lanes="x")
    for _ in range(2):
        value, gradient = program.value_and_grad(w, x)
        assert value == pytest.approx(np.tanh(float(w) * np.asarray(x)).mean(), rel=1e-15)
        slopes = np.asarray(x) / np.cosh(float(w) * np.asarray(x)) ** 2
        assert float(gradient) == pytest.approx(slopes.mean(), rel=1e-14)


def test_a_matrix_in_fortrans_order_is_read_by_its_indices() -> None:
    W = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    program = ag.compile(lambda W, x: ag.total([ag.dot(row, x) ** 2 for row in W]), lanes="x")
    points = np.array([[1.0, 0.5, -1.0], [0.0, 2.0, 1.0]])
    expected = program.value_and_grad(W, points)
    value, gradient = program.value_and_grad(np.asfortranarray(W), points)
    assert value == pytest.approx(expected[0], rel=1e-15)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-15)


def test_wrong_counts_of_arguments_say_so() -> None:
    program = ag.compile(of_list)
    program.value_and_grad(POINT)
    for given in ((), (POINT, POINT)):
        with pytest.raises(TypeError, match="argument"):
            program.value_and_grad(*given)


def test_nothing_finite_takes_the_long_way() -> None:
    program = ag.compile(lambda x: x[0] * x[1])
    program.value_and_grad([1.0, 2.0])
    assert program.value_and_grad([float("inf"), 2.0]) == (float("inf"), [2.0, float("inf")])
    value, _ = program.value_and_grad([float("inf"), 0.0])
    assert value != value
