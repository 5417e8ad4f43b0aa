"""Recording: what a tracer answers, what is imported, and what cannot be recorded."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core import Value
from autograd_core.errors import OperandError
from autograd_core.tape import Tape
from autograd_core.tracing import Recorder, Tracer, record

BRANCH = "where(condition, a, b), heaviside(x, at_zero), maximum or minimum"


@pytest.mark.parametrize(
    "use, advice",
    [
        (lambda x: x.data, ".data cannot be read"),
        (lambda x: float(x), "sin(v) or v.sin()"),
        (lambda x: math.sin(x), "sin(v) or v.sin()"),
        (lambda x: bool(x), BRANCH),
        (lambda x: x if x > 0 else -x, BRANCH),
        (lambda x: x if x else -x, BRANCH),
        (lambda x: max(x, 2.0), BRANCH),
        (lambda x: sorted([x, x + 1]), BRANCH),
        (lambda x: x and 1.0, BRANCH),
        (lambda x: x == 3.0, BRANCH),
        (lambda x: x != 3, BRANCH),
        (lambda x: x in [1.0, 2.0], BRANCH),
        (lambda x: x + np.bool_(True), "bool"),
        (lambda x: x * np.str_("3"), "Use a number"),
        (lambda x: x + 10**400, "Scale it"),
        (lambda x: x + np.complex128(1j), "Use a number"),
        (lambda x: ag.sin("x"), "Use a number"),
        (lambda x: [x, x], "must return one scalar"),
        (lambda x: None, "must return one scalar"),
        (lambda x: True, "must return one scalar"),
        (lambda x: "3", "must return one scalar"),
    ],
)
def test_what_needs_a_number_raises_with_advice(use: Callable[[Any], Any], advice: str) -> None:
    with pytest.raises(OperandError) as caught:
        record(use, ["x"])
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    "use", [lambda x: x + "3", lambda x: x * True, lambda x: [1.0] * x, lambda x: x[0], lambda x: x + None,
            lambda x: range(x), lambda x: x < "3"])
def test_what_is_no_arithmetic_is_a_type_error(use: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError):
        record(use, ["x"])


@pytest.mark.parametrize("attribute", ["grad", "shape", "backward", "__array__", "nosuch"])
def test_other_attributes_are_missing(attribute: str) -> None:
    with pytest.raises(AttributeError, match=attribute):
        record(lambda x: getattr(x, attribute), ["x"])


# The function, its text with x and y recorded, and where it is replayed to be what.
OPERATORS: list[tuple[Callable[[Any, Any], Any], str, float]] = [
    (lambda x, y: x + y, "x + y", 5.0),
    (lambda x, y: x - y, "x - y", -1.0),
    (lambda x, y: x * y, "x * y", 6.0),
    (lambda x, y: x / y, "x / y", 2.0 / 3.0),
    (lambda x, y: x**y, "pow(x, y)", 8.0),
    (lambda x, y: 1 + x, "1.0 + x", 3.0),
    (lambda x, y: 1 - x, "1.0 - x", -1.0),
    (lambda x, y: 4 * x, "4.0 * x", 8.0),
    (lambda x, y: 4 / x, "4.0 / x", 2.0),
    (lambda x, y: 2**x, "pow(2.0, x)", 4.0),
    (lambda x, y: x**2, "x ** 2.0", 4.0),
    (lambda x, y: x**-1, "x ** -1.0", 0.5),
    (lambda x, y: x**0.5, "pow(x, 0.5)", math.sqrt(2.0)),
    (lambda x, y: -x, "-x", -2.0),
    (lambda x, y: abs(-y), "abs(v_1)", 3.0),
    (lambda x, y: x.sin(), "sin(x)", math.sin(2.0)),
    (lambda x, y: x.arctan2(y), "atan2(x, y)", math.atan2(2.0, 3.0)),
    (lambda x, y: x.clip(0.0, 1.0), "clip(x, 0.0, 1.0)", 1.0),
    (lambda x, y: ag.leaky_relu(-x), "leaky_relu(v_1, 0.01)", -0.02),
    (lambda x, y: np.float64(3.0) * x, "3.0 * x", 6.0),
    (lambda x, y: x * np.float32(0.5), "x * 0.5", 1.0),
    (lambda x, y: x - np.int64(1), "x - 1.0", 1.0),
    (lambda x, y: ag.total([x, y, 1]), "total([x, y, 1.0])", 6.0),
    (lambda x, y: ag.dot([x, 2], [y, y]), "dot([x, 2.0], [y, y])", 12.0),
]


@pytest.mark.parametrize("f, text, value", OPERATORS)
def test_operators_are_recorded_as_eager_has_them(f: Callable[[Any, Any], Any], text: str, value: float) -> None:
    tape = record(f, ["x", "y"])
    assert str(tape).split("\n")[-2].endswith(f"= {text}")
    assert tape.forward([2.0, 3.0])[-1] == value == f(Value(2.0), Value(3.0)).data
    result = f(leaf_x := Value(2.0), leaf_y := Value(3.0))
    result.backward()
    assert tape.reverse(tape.forward([2.0, 3.0]))[:2] == [leaf_x.grad, leaf_y.grad]


def test_the_positive_of_a_tracer_is_itself() -> None:
    assert len(record(lambda x: +x, ["x"])) == 0


def test_identity_is_equality_between_tracers() -> None:
    def f(x: Any, y: Any) -> Any:
        assert x == x and x != y and x in (y, x) and len({x, y, x}) == 2
        return x

    record(f, ["x", "y"])


def test_names_stand_on_the_tape_and_the_first_counts() -> None:
    tape = record(lambda x: (x * 2).named("a").named("b") + 1, ["x"])
    assert str(tape).startswith("a = x * 2.0")


@pytest.mark.parametrize(
    "name", ["lanes", "sin", "nan", "lambda", "x_bar", "v_1", "{}", "", "a b", "0", "add_at", "\u03b4", "x.y"])
def test_hostile_names_become_identifiers_of_their_own(name: str) -> None:
    tape = record(lambda x, y: (ag.sin(x) * y).named(name or "v") + x, [name, "x"])
    lines = str(tape).split("\n")
    assert all(line.split(" = ")[0].isidentifier() for line in lines[:-1])
    compile("def f():\n" + "\n".join(f"    {line}" for line in lines), "f", "exec")


# --- what is closed over ------------------------------------------------------------------------


def test_a_closed_over_value_is_an_input_that_is_read_anew() -> None:
    w = Value(2.0, "w")
    program = ag.compile(lambda x: w * x * x)
    assert program.value_and_grad(3.0) == (18.0, (12.0, np.array([9.0])))
    w.data = 5.0
    assert program.value_and_grad(3.0) == (45.0, (30.0, np.array([9.0])))
    assert program.parameters == (w,)
    assert w.grad == 0.0


def test_the_graph_of_a_closed_over_value_is_replayed() -> None:
    w, b = Value(2.0, "w"), Value(-1.0, "b")
    hidden = ag.tanh(w * 3.0).named("h") + b
    program = ag.compile(lambda x: hidden * x + hidden)
    for numbers in ((2.0, -1.0), (0.25, 0.5)):
        w.data, b.data = numbers
        value, (slope, parameters) = program.value_and_grad(1.5)
        y = (ag.tanh((w2 := Value(numbers[0])) * 3.0) + (b2 := Value(numbers[1]))) * 2.5
        y.backward()
        assert value == pytest.approx(y.data)
        assert slope == pytest.approx(y.data / 2.5)
        assert parameters.tolist() == pytest.approx([w2.grad, b2.grad])
    assert program.parameters == (w, b)


def test_a_value_met_twice_is_one_input() -> None:
    w = Value(2.0)
    tape = record(lambda x: (w * x) + (x * w) + w, ["x"])
    assert [each.value for each in tape.inputs] == [None, w]


@pytest.mark.parametrize("on_the_left", [True, False])
@pytest.mark.parametrize("f", [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b,
                               lambda a, b: a**b, ag.maximum, ag.hypot, lambda a, b: ag.total([a, b]),
                               lambda a, b: a < b, lambda a, b: a >= b])
def test_values_and_tracers_mix_on_either_side(f: Callable[[Any, Any], Any], on_the_left: bool) -> None:
    w = Value(3.0)
    program = ag.compile((lambda x: f(w, x)) if on_the_left else (lambda x: f(x, w)))
    assert program(2.0) == pytest.approx(float(f(3.0, 2.0) if on_the_left else f(2.0, 3.0)))
    w.data = 1.0
    assert program(2.0) == pytest.approx(float(f(1.0, 2.0) if on_the_left else f(2.0, 1.0)))


def test_a_very_deep_closed_over_graph_is_imported() -> None:
    w = Value(1.0)
    y = w
    for _ in range(20_000):
        y = y + 0.5
    assert len(record(lambda x: x * y, ["x"])) == 20_001


def test_the_result_may_be_a_closed_over_value_an_argument_or_a_number() -> None:
    w = Value(2.0, "w")
    for f, value, slopes in ((lambda x: w, 2.0, [0.0, 1.0]), (lambda x: x + 0 * w, 5.0, [1.0, 0.0])):
        found, (slope, parameters) = ag.compile(f).value_and_grad(5.0)
        assert (found, [slope, *parameters]) == (value, slopes)
    assert ag.compile(lambda x: x).value_and_grad(5.0) == (5.0, 1.0)
    assert ag.compile(lambda x: 7).value_and_grad(5.0) == (7.0, 0.0)
    assert ag.compile(lambda x: np.float64(7.5)).value_and_grad(5.0) == (7.5, 0.0)


# --- structures and arrays ----------------------------------------------------------------------


def test_arrays_of_tracers_multiply_as_matrices() -> None:
    def f(W: Any, x: Any) -> Any:
        return (W @ x).sum() + (2.0 * W)[0, 1] + np.tanh(x)[0] + np.dot(x, x)

    W, x = np.arange(6.0).reshape(2, 3), np.array([0.5, -1.0, 2.0])
    value, (of_W, of_x) = ag.compile(f).value_and_grad(W, x)
    assert value == pytest.approx(f(W, x))
    assert np.allclose(of_W, np.tile(x, (2, 1)) + np.array([[0, 2, 0], [0, 0, 0]]))
    assert np.allclose(of_x, W.sum(axis=0) + [1 / np.cosh(0.5) ** 2, 0, 0] + 2 * x)


def test_arrays_of_numbers_and_tracers_mix() -> None:
    program = ag.compile(lambda x: (np.array([1.0, 2.0]) * x + x * np.array([3.0, 4.0])).sum())
    assert program.value_and_grad(2.0) == (20.0, 10.0)
    assert ag.compile(lambda x: ag.total(ag.sin(x * np.array([0.0, 1.0]))))(0.0) == 0.0


def test_two_recordings_do_not_mix() -> None:
    kept: list[Any] = []
    record(lambda x: kept.append(x) or x, ["x"])  # type: ignore[func-returns-value]
    for f in (lambda y: y * kept[0], lambda y: kept[0] * y, lambda y: ag.total([y, kept[0]])):
        with pytest.raises(OperandError, match="two recordings"):
            record(f, ["y"])
    with pytest.raises(OperandError, match="must return one scalar"):
        record(lambda y: kept[0], ["y"])


def test_what_the_function_raises_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        ag.compile(lambda x: x * (1 // 0))(1.0)


def test_batch_mean_takes_one_lane_variable() -> None:
    program = ag.compile(lambda x: ag.batch_mean([x[0], x[1]]), lanes=("x",))
    with pytest.raises(OperandError, match="one lane variable"):
        program([[1.0, 2.0]])
    assert ag.compile(lambda w: ag.batch_mean([w, 3.0 * w]))(2.0) == 4.0


def test_lanes_are_known_while_recording() -> None:
    def f(w: Any, x: Any) -> Any:
        assert x.is_lane and not w.is_lane and (w * x).is_lane and not (w * 2.0).is_lane
        assert not ag.batch_mean([x]).is_lane
        return w * x

    tape = record(f, ["w", "x"], lanes=["x"])
    assert tape.lanes[:2] == (False, True) and tape.lanes[tape.outputs[0]]  # type: ignore[index]


def test_a_tape_is_finished_with_the_asked_for_leaves_first() -> None:
    a, b, c = Value(1.0, "a"), Value(2.0, "b"), Value(3.0, "c")
    recorder = Recorder()
    x = recorder.argument("x", False)
    tape = recorder.finish([recorder.slot_of(x * a + b * c, "f")], [c, a])
    assert [each.value for each in tape.inputs] == [None, c, a, b]
    assert tape.forward([2.0, 3.0, 1.0, 2.0])[tape.outputs[0]] == 8.0  # type: ignore[index]


def test_a_tracer_shows_its_name() -> None:
    shown: list[str] = []

    def f(x: Tracer) -> Any:
        shown.append(repr(x))
        return x

    record(f, ["x"])
    assert shown[0].startswith("<recorded scalar")


def test_replaying_lanes_matches_each_lane() -> None:
    def f(w: Any, x: Any) -> Any:
        return ag.tanh(w * x) * w + ag.maximum(w, x)

    tape: Tape = record(f, ["w", "x"], lanes=["x"])
    x = np.array([0.3, -1.0, 2.0])
    data = tape.forward([0.7, x])
    per_lane = tape.reverse(data, 3, per_lane=True)
    mean = tape.reverse(data, 3)
    slopes = []
    for each in x.tolist():
        w, leaf = Value(0.7), Value(each)
        f(w, leaf).backward()
        slopes.append((w.grad, leaf.grad))
    assert np.allclose(np.transpose(slopes), per_lane[:2])
    assert mean[0] == pytest.approx(np.mean(slopes, axis=0)[0])
    assert np.allclose(mean[1], np.array(slopes)[:, 1] / 3)


def test_a_leaf_made_within_the_function_is_a_constant() -> None:
    program = ag.compile(lambda w: w * Value(3.0) + Value(1.0))
    assert program.value_and_grad(2.0) == (7.0, 3.0)
    assert program.parameters == ()


def test_a_network_is_called_within_a_function_as_outside() -> None:
    from nn import MLP, half_squared_error

    model = MLP([2, 3, 1])
    program = ag.compile(lambda x, y: half_squared_error(model(x), y), lanes=("x", "y"))
    X, targets = [[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0]
    expected = sum(half_squared_error(model(x), y).data for x, y in zip(X, targets, strict=True)) / 2
    assert abs(program(X, targets) - expected) < 1e-12
