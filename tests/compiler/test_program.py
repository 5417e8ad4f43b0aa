"""Compiled functions: calling them, the shapes they take and give back, errors, and what they leave alone."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_core as ag
from autograd_core import Value
from autograd_core.compiler import compile as compile_function
from autograd_core.errors import OperandError
from tests.compiler.agreement import assert_agrees, eager_answer

X = np.array([[0.5, -1.0], [2.0, 0.25], [1.0, 1.5]])
TARGETS = np.array([1.0, 0.0, 0.5])


def error(w: Any, x: Any, target: Any) -> Any:
    return 0.5 * (w[2] * ag.tanh(w[0] * x[0] + w[1] * x[1]) - target) ** 2


def rosenbrock(x: Any) -> Any:
    return sum(100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in pairwise(x))


def mean_of(f: Callable[..., float], *lanes: Any) -> float:
    return float(np.mean([f(*each) for each in zip(*lanes, strict=True)]))


# --- calls --------------------------------------------------------------------------------------


def test_a_program_is_called_as_its_function_is() -> None:
    program = ag.compile(lambda a, b=2.0: a * b)
    assert program(3.0, 4.0) == program(a=3.0, b=4.0) == program(3.0, b=4.0) == 12.0
    assert program(3.0) == 6.0 and type(program(3)) is float
    assert program.value_and_grad(3.0) == (6.0, (2.0, 3.0))


def test_it_is_a_decorator_with_and_without_settings() -> None:
    @ag.compile
    def f(x: Any) -> Any:
        """Doubles."""
        return 2.0 * x

    @ag.compile(lanes="x")
    def g(w: Any, x: Any) -> Any:
        return w * x

    assert f(2.0) == 4.0 and f.__name__ == "f" and f.__doc__ == "Doubles."
    assert g(2.0, [1.0, 3.0]) == 4.0 and g.lanes == ("x",)
    assert repr(f) == "<compiled f, 1 instructions>" and "compiled" in repr(ag.compile(lambda x: x))
    assert compile_function is ag.compile


@pytest.mark.parametrize("optimize", [True, False])
def test_lanes_give_the_mean_its_gradient_and_every_lanes_own(optimize: bool) -> None:
    w = [0.5, -0.3, 0.8]
    program = ag.compile(error, lanes=("x", "target"), optimize=optimize)
    answers = [eager_answer(lambda *w, row=row, target=target: error(w, row, target), w)
               for row, target in zip(X.tolist(), TARGETS.tolist(), strict=True)]
    value, gradient = program.value_and_grad(w, X, TARGETS)
    assert type(value) is float and type(gradient) is list and all(type(each) is float for each in gradient)
    assert value == program(w, X, TARGETS) == pytest.approx(np.mean([each.value for each in answers]))
    assert gradient == pytest.approx(np.mean([each.gradient for each in answers], axis=0))
    values, gradients = program.per_example(w, X, TARGETS)
    assert values == pytest.approx([each.value for each in answers]) and gradients.shape == (3, 3)
    assert np.allclose(gradients, [each.gradient for each in answers])


def test_lanes_may_be_lists_arrays_integers_or_one() -> None:
    program = ag.compile(error, lanes=("x", "target"))
    w = np.array([0.5, -0.3, 0.8])
    expected = program(w, X, TARGETS)
    for x, target in ((X.tolist(), TARGETS.tolist()), (tuple(map(tuple, X)), tuple(TARGETS)), (X, TARGETS.tolist()),
                      (np.asfortranarray(X), TARGETS[::1]), (np.repeat(X, 2, 0)[::2], TARGETS)):
        assert program(w, x, target) == pytest.approx(expected, rel=1e-15)
    assert program(w, [[1, 2]], [1]) == pytest.approx(program(w, [[1.0, 2.0]], [1.0]))
    assert program(w, X[:1], TARGETS[:1]) == pytest.approx(error(w, X[0], TARGETS[0]))
    assert program(w.astype(np.float32), X.astype(np.float32), TARGETS) == pytest.approx(expected, rel=1e-6)


class Model(NamedTuple):
    weights: Any
    bias: Any


STRUCTURES: list[tuple[Any, Any]] = [
    (2.0, 4.0), (2, 4.0), (np.float64(2.0), 4.0), (np.array(2.0), 4.0),
    ([2.0, 3.0], [4.0, 6.0]), ((2.0, 3.0), (4.0, 6.0)), ([2, 3], [4.0, 6.0]),
    (np.array([2.0, 3.0]), np.array([4.0, 6.0])), (np.array([2, 3]), np.array([4.0, 6.0])),
    (np.array([[2.0], [3.0]]), np.array([[4.0], [6.0]])), ([[2.0], [3.0]], [[4.0], [6.0]]),
    ({"a": 2.0, "b": [3.0]}, {"a": 4.0, "b": [6.0]}), (Model([2.0, 1.0], 3.0), Model([4.0, 2.0], 6.0)),
    ({"W": np.array([[2.0, 0.0]]), "b": 3.0}, {"W": np.array([[4.0, 0.0]]), "b": 6.0}),
    ([], []), (np.zeros((0, 2)), np.zeros((0, 2))), (np.array([2.0, 3.0], dtype=object), np.array([4.0, 6.0])),
]


def scalars_of(structure: Any) -> list[Any]:
    if isinstance(structure, dict):
        return [each for part in structure.values() for each in scalars_of(part)]
    if isinstance(structure, (list, tuple)):
        return [each for part in structure for each in scalars_of(part)]
    return list(structure.flat) if isinstance(structure, np.ndarray) and structure.ndim else [structure]


@pytest.mark.parametrize("vector", [False, True])
@pytest.mark.parametrize("given, gradient", STRUCTURES)
def test_the_gradient_has_the_structure_of_the_argument(given: Any, gradient: Any, vector: bool) -> None:
    def f(w: Any, x: Any) -> Any:
        return sum((each * each for each in scalars_of(w)), 0.0) + 0.0 * x

    program = ag.compile(f, lanes=("x",) if vector else ())
    expected = sum(float(each) * float(each) for each in map(_number, scalars_of(given)))
    for _ in range(3):  # the first call and what quick ways there are
        value, found = program.value_and_grad(given, [1.0, 2.0] if vector else 1.0)
        found = found if vector else found[0]
        assert value == expected
        assert type(found) is type(gradient)
        np.testing.assert_equal(found, gradient)
        if isinstance(gradient, np.ndarray):
            assert found.dtype == np.float64


def _number(scalar: Any) -> float:
    return scalar.data if isinstance(scalar, Value) else float(scalar)


@pytest.mark.parametrize("first, second", [([1.0, 2.0], np.array([1.0, 2.0])), (np.array([1.0, 2.0]), [1.0, 2.0]),
                                           ([1.0, 2.0], [1, 2]), ([1.0, 2.0], [[1.0, 2.0]]),
                                           (np.array([1.0, 2.0]), np.array([1, 2])), (np.array(3.0), 3.0),
                                           (np.array([1.0, 2.0]), np.array([[1.0, 2.0]])), ([1.0], [1.0, 2.0]),
                                           ([1.0, 2.0], (1.0, 2.0)), (3.0, [3.0])])
@pytest.mark.parametrize("vector", [False, True])
def test_a_call_does_not_take_the_program_of_another_structure(first: Any, second: Any, vector: bool) -> None:
    def f(w: Any, x: Any = 1.0) -> Any:
        doubled = w * 2  # twice as long for a list, twice the numbers for an array
        return ag.total(scalars_of(doubled)) * 1.5 * x

    lanes = ("x",) if vector else ()
    kept, more = ag.compile(f, lanes=lanes), [[1.0, 2.0]] if vector else []
    kept.value_and_grad(first, *more)
    kept.value_and_grad(first, *more)
    found = kept.value_and_grad(second, *more)
    np.testing.assert_equal(found, ag.compile(f, lanes=lanes).value_and_grad(second, *more))
    gradient = found[1] if vector else found[1][0]
    assert all(type(each) is float for each in scalars_of(gradient) if not isinstance(gradient, np.ndarray))


def test_several_arguments_give_a_tuple_and_parameters_come_last() -> None:
    b = Value(2.0, "b")
    program = ag.compile(lambda v, w, x: v * w[0] * x + b, lanes=("x",))
    value, gradients = program.value_and_grad(3.0, [4.0, 9.0], [1.0, 3.0])
    assert value == 26.0 and gradients[:2] == (8.0, [6.0, 0.0]) and gradients[2].tolist() == [1.0]


def test_dicts_of_lanes_may_be_nested() -> None:
    program = ag.compile(lambda w, x: w * x["a"] * x["b"]["c"][1], lanes=("x",))
    given = {"a": [1.0, 2.0], "b": {"c": np.array([[0.0, 3.0], [0.0, 5.0]])}}
    assert program.value_and_grad(2.0, given) == (13.0, 6.5)
    assert np.array_equal(program.per_example(2.0, given)[1], [3.0, 10.0])


def test_arguments_that_are_not_used_have_gradient_zero() -> None:
    expected = (6.0, ([0.0, 3.0], 0.0))
    assert ag.compile(lambda a, b, x: a[1] * x, lanes=("x",)).value_and_grad([1.0, 2.0], 5.0, [3.0]) == expected
    assert ag.compile(lambda a, b: a[1] * 3.0).value_and_grad([1.0, 2.0], 5.0) == expected


@pytest.mark.parametrize("vector", [False, True])
@pytest.mark.parametrize(
    "f, value, gradient",
    [(lambda w, x: 3.0, 3.0, 0.0), (lambda w, x: w, 2.0, 1.0), (lambda w, x: w * 1.0, 2.0, 1.0),
     (lambda w, x: -w, -2.0, -1.0), (lambda w, x: math.inf, math.inf, 0.0), (lambda w, x: w + w, 4.0, 2.0),
     (lambda w, x: ag.total([w, w, w]), 6.0, 3.0), (lambda w, x: w * math.nan, math.nan, math.nan)])
def test_results_that_hardly_are_any(f: Callable[..., Any], value: float, gradient: float, vector: bool) -> None:
    program = ag.compile(f, lanes=("x",) if vector else ())
    for optimize in (True, False):
        program = ag.compile(f, lanes=("x",) if vector else (), optimize=optimize)
        for _ in range(2):
            found = program.value_and_grad(2.0, [1.0, 5.0] if vector else 1.0)
            np.testing.assert_equal(found, (value, gradient if vector else (gradient, 0.0)))
        np.testing.assert_equal(program(2.0, [1.0, 5.0] if vector else 1.0), value)


def test_a_lane_may_be_the_result() -> None:
    assert ag.compile(lambda w, x: x, lanes=("x",)).value_and_grad(2.0, [1.0, 5.0]) == (3.0, 0.0)
    assert ag.compile(lambda x: x[1], lanes=("x",))([[1.0, 5.0], [0.0, 7.0]]) == 6.0


@pytest.mark.parametrize("optimize", [True, False])
def test_an_output_among_equal_instructions(optimize: bool) -> None:
    """What is returned may lie anywhere in a block."""
    def chosen(at: int) -> Callable[[Any, Any], Any]:
        return lambda w, x: [ag.sin(each * x) for each in w][at]

    for at in range(3):
        value, gradient = ag.compile(chosen(at), lanes=("x",), optimize=optimize).value_and_grad([0.1, 0.2, 0.3], [1.0])
        assert value == pytest.approx(math.sin((0.1, 0.2, 0.3)[at]))
        assert np.flatnonzero(gradient).tolist() == [at]


# --- values kept and values given back ----------------------------------------------------------


@pytest.mark.parametrize("lanes", [(), ("x", "y")])
def test_inputs_are_not_changed_and_outputs_are_fresh(lanes: tuple[str, ...]) -> None:
    def f(w: Any, v: Any, x: Any, y: Any) -> Any:
        return ag.total([w[0] * x[0], w[1] * x[1], v[0], v[1], y]) * 2.0

    rng = np.random.default_rng(0)
    given = [rng.normal(size=2), rng.normal(size=2), rng.normal(size=(5, 2)) if lanes else rng.normal(size=2),
             rng.normal(size=5) if lanes else 1.5]
    copies = [np.copy(each) for each in given]
    program = ag.compile(f, lanes=lanes)
    first = program.value_and_grad(*given)
    kept = (first[0], [np.copy(each) for each in first[1]])
    for each in first[1]:
        if isinstance(each, np.ndarray):
            each[...] = np.nan
    second = program.value_and_grad(*given)
    assert second[0] == kept[0]
    np.testing.assert_equal([np.copy(each) for each in second[1]], kept[1])
    np.testing.assert_equal([np.copy(each) for each in given], copies)
    arrays = [each for each in [*first[1], *second[1], *given] if isinstance(each, np.ndarray)]
    for at, one in enumerate(arrays):
        assert not any(np.shares_memory(one, other) for other in arrays[at + 1 :])


def test_gradients_that_are_one_adjoint_are_two_arrays() -> None:
    program = ag.compile(lambda u, v, x: ag.total([a + b for a, b in zip(u, v, strict=True)]) + 0.0 * x, lanes=("x",))
    _, (first, second) = program.value_and_grad(np.ones(3), np.ones(3), [1.0])
    first[:] = 7.0
    assert second.tolist() == [1.0, 1.0, 1.0]


def test_read_only_and_strided_arrays_are_taken() -> None:
    w = np.arange(6.0)[::2]
    w.setflags(write=False)
    x = np.broadcast_to(np.array([1.0, 2.0, 3.0]), (4, 3))
    program = ag.compile(lambda w, x: ag.dot(w, x) ** 2, lanes=("x",))
    assert program.value_and_grad(w, x)[1].tolist() == [32.0, 64.0, 96.0]


def test_a_program_is_recorded_once_for_each_shape() -> None:
    shapes: list[int] = []

    @ag.compile
    def f(x: Any) -> Any:
        shapes.append(len(x))
        return ag.total(list(x))

    for x in ([1.0], [2.0], [1.0, 2.0], [3.0], np.array([1.0]), np.array([2.0]), [4, 5]):
        f(x)
        f.value_and_grad(x)
    assert shapes == [1, 2, 1]
    lanes_seen: list[int] = []
    g = ag.compile(lambda w, x: lanes_seen.append(1) or w * x, lanes=("x",))
    for count in (1, 2, 50):
        g(2.0, np.ones(count))
    assert lanes_seen == [1]


def test_the_tape_the_plan_and_the_source_are_those_of_the_last_call() -> None:
    program = ag.compile(error, lanes=("x", "target"))
    for what in ("tape", "plan", "source", "parameters"):
        with pytest.raises(OperandError, match=f"There is no {what} yet"):
            getattr(program, what)
    program([0.5, -0.3, 0.8], X, TARGETS)
    assert program.plan is not None and "def value_and_grad(w, x, target):" in program.source
    assert "tanh(" in program.source and "# reverse" in program.source and len(program.tape) > 4
    assert program.parameters == ()
    assert program.trace([0.5, -0.3, 0.8], X, TARGETS).source == program.source


# --- size, threads, exactness -------------------------------------------------------------------


@pytest.mark.parametrize("f", [lambda w: ag.total(list(w)), lambda w: ag.dot(list(w), list(w)), lambda w: sum(w),
                               lambda w: ag.mean(list(w)), lambda w: ag.logsumexp(list(w)),
                               lambda w: ag.total([each * w[0] for each in w])])
@pytest.mark.parametrize("optimize", [True, False])
def test_five_thousand_terms(f: Callable[[Any], Any], optimize: bool) -> None:
    w = np.linspace(-1.0, 1.0, 2_000 if optimize else 5_000).tolist()
    value, gradient = ag.compile(f, optimize=optimize).value_and_grad(w)
    leaves = [Value(each) for each in w]
    y = f(leaves)
    y.backward()
    assert value == pytest.approx(y.data, rel=1e-12, abs=1e-12)
    assert gradient == pytest.approx([leaf.grad for leaf in leaves], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("lanes", [(), ("x",)])
def test_deep_chains(lanes: tuple[str, ...]) -> None:
    links = 1_000 if lanes else 20_000

    def f(w: Any, x: Any) -> Any:
        for _ in range(links):
            x = x * w + 1e-4
        return x

    value, found = ag.compile(f, lanes=lanes).value_and_grad(0.9999, [1.0] if lanes else 1.0)
    expected = eager_answer(f, [0.9999, 1.0])
    assert_agrees((value, [found] if lanes else found), expected, [0] if lanes else None)


def test_many_threads_may_call_one_program() -> None:
    program = ag.compile(error, lanes=("x", "target"))
    scalar = ag.compile(rosenbrock)
    rng = np.random.default_rng(0)
    jobs = [(rng.normal(size=3), rng.normal(size=(count, 2)), rng.normal(size=count)) for count in range(1, 9)]
    expected = [(program.value_and_grad(*job), scalar.value_and_grad(job[0])) for job in jobs]
    failures: list[str] = []
    barrier = threading.Barrier(len(jobs))
    fresh = ag.compile(error, lanes=("x", "target"))

    def work(at: int) -> None:
        barrier.wait()
        for turn in range(30):
            job = jobs[(at + turn) % len(jobs)]
            wanted = expected[(at + turn) % len(jobs)]
            found = (fresh.value_and_grad(*job), scalar.value_and_grad(job[0] if turn % 2 else job[0].tolist()))
            if not (found[0][0] == wanted[0][0] and np.array_equal(found[0][1], wanted[0][1])
                    and found[1][0] == wanted[1][0] and np.array_equal(found[1][1], wanted[1][1])):
                failures.append(f"{found} is not {wanted}")

    threads = [threading.Thread(target=work, args=(at,)) for at in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]


def test_without_optimizing_scalars_are_eager_to_the_last_bit() -> None:
    rng = np.random.default_rng(1)
    for size in (2, 10):
        program = ag.compile(rosenbrock, optimize=False)
        for _ in range(20):
            x = rng.normal(size=size).tolist()
            leaves = [Value(each) for each in x]
            y = rosenbrock(leaves)
            y.backward()
            assert program.value_and_grad(x) == (y.data, [leaf.grad for leaf in leaves])


def test_flat_arrays_go_through_scipys_minimizer() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    program = ag.compile(rosenbrock)
    found = optimize.minimize(program.value_and_grad, np.zeros(6), jac=True, method="BFGS")
    assert found.success and np.allclose(found.x, 1.0, atol=1e-4)
