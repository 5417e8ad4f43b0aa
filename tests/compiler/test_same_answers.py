"""Compiled and eager answers on random functions: scalar and vector source, with lanes, optimized or not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import autograd_core as ag
from autograd_core import Value
from autograd_core.compiler import compiled as compiled_module
from autograd_core.errors import DomainError
from autograd_core.testing import Expression
from autograd_core.testing.strategies import expressions
from tests.compiler.agreement import (
    Answer,
    assert_agrees,
    check,
    eager_answer,
    eagerly,
    mean_answer,
    noisy_answer,
    with_noise,
)
from tests.compiler.array_programs import array_program

COPIES = 3
some = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def always_vectors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Programs without lanes are written for NumPy, however small."""
    monkeypatch.setattr(compiled_module, "_MOST_SCALAR_LINES", -1)
    monkeypatch.setattr(compiled_module, "_SMALLEST_GROUPS", 0.0)
    yield


# --- random expressions -------------------------------------------------------------------------


@given(f=expressions(max_ops=12, kinks="allow"))
def test_scalar_source_as_recorded_is_eager_to_the_last_bit(f: Expression) -> None:
    leaves = [Value(x) for x in f.point]
    y = f(*leaves)
    y.backward()
    value, gradient = ag.compile(lambda x: f(*x), optimize=False).value_and_grad(list(f.point))
    np.testing.assert_equal([value, *gradient], [y.data, *(leaf.grad for leaf in leaves)])


@given(f=expressions(max_ops=12, kinks="allow"))
def test_scalar_source(f: Expression) -> None:
    check(ag.compile(lambda x: f(*x)), [list(f.point)], eagerly(f, f.point))


@given(f=expressions(max_ops=12, scale="wide"))
def test_scalar_source_at_wide_numbers(f: Expression) -> None:
    check(ag.compile(lambda x: f(*x)), [list(f.point)], eagerly(f, f.point))


@some
@given(f=expressions(max_ops=12, kinks="allow"))
def test_vector_source_without_lanes(always_vectors: None, f: Expression) -> None:
    program = ag.compile(lambda x: f(*x))
    check(program, [list(f.point)], eagerly(f, f.point))
    assert program.plan is not None


@some
@given(f=expressions(max_ops=6))
def test_vector_source_of_copies(always_vectors: None, f: Expression) -> None:
    """Copies at slightly different points are grouped, and their sum's gradient has a part for each."""
    points = [[x * (1.0 + 1e-6 * at) for x in f.point] for at in range(COPIES)]
    answers = [eagerly(f, point) for point in points]
    error = next((each for each in answers if isinstance(each, DomainError)), None)
    whole: Answer | DomainError = error or Answer(
        math.fsum(each.value for each in answers), [slope for each in answers for slope in each.gradient],
        math.fsum(each.value_bound + 1e-15 * abs(each.value) for each in answers),
        [bound for each in answers for bound in each.bounds], all(each.is_finite for each in answers))
    check(ag.compile(lambda rows: ag.total([f(*row) for row in rows])), [np.array(points)], whole)


@pytest.mark.parametrize("optimize", [True, False])
@settings(max_examples=60)
@given(f=expressions(max_ops=12, kinks="allow"), which=st.lists(st.booleans(), min_size=3, max_size=3),
       lanes=st.integers(1, 3))
def test_lanes(optimize: bool, f: Expression, which: list[bool], lanes: int) -> None:
    """Any of the variables may be lanes; the gradient to the others is that of the mean."""
    is_lane = [True, *which[1:]][: len(f.point)]
    points = [[x * (1.0 + 1e-6 * at) if lane else x for x, lane in zip(f.point, is_lane, strict=True)]
              for at in range(lanes)]
    answers = [eagerly(f, point) for point in points]
    error = next((each for each in answers if isinstance(each, DomainError)), None)
    shared = [at for at, lane in enumerate(is_lane) if not lane]
    program = ag.compile(
        lambda w, x: f(*[x[at] if lane else w[shared.index(at)] for at, lane in enumerate(is_lane)]),
        lanes=("x",), optimize=optimize)
    given_w = [f.point[at] for at in shared]
    check(program, [given_w, np.array(points)], error or mean_answer(answers), shared)
    if error is None:
        values, gradients = program.per_example(given_w, np.array(points))
        gradients = np.reshape(gradients, (lanes, len(shared)))
        for at, answer in enumerate(answers):
            assert_agrees((values[at], gradients[at]), answer, shared)


def test_the_noise_is_that_of_rounding() -> None:
    f = Expression(("x",), ((ag.sin, (0,)),), (0.5,))  # type: ignore[arg-type]
    assert noisy_answer(f, [0.5], 0)[0] == pytest.approx(math.sin(0.5), rel=1e-15)


# --- shapes that vector source has rules for ----------------------------------------------------

def _whole_and_part(s: Any) -> Any:
    return s[2] * ag.exp(ag.total([ag.cos(each) for each in s])) + s[2] * s[5]


def _parts_and_whole(s: Any) -> Any:
    return ag.total(s) + s[1] * s[4] + ag.dot(s[:3], s[3:])


# Functions of w (6 shared scalars) and x (3 lane scalars), with sums in every arrangement.
ARRANGEMENTS: dict[str, Callable[[Any, Any], Any]] = {
    "one number thrice": lambda w, x: ag.total([w[0], w[0], w[0]]) * x[0],
    "one lane thrice": lambda w, x: ag.total([x[0], x[0], x[0]]) * w[0],
    "mean of one lane": lambda w, x: ag.mean([x[0], x[0]]) * w[0] + ag.mean([w[1], w[1], w[2]]) * x[1],
    "logsumexp of equals": lambda w, x: ag.logsumexp([w[0], w[0]]) * x[0] + ag.logsumexp([x[1], x[1], w[1]]),
    "dot of equals": lambda w, x: ag.dot([x[0], x[0]], [x[1], x[1]]) * w[0] + ag.dot([w[1], w[1]], [w[2], w[2]]),
    "equal weights": lambda w, x: ag.sin(ag.dot([w[0], w[0]], x[:2])) + ag.sin(ag.dot([w[0], w[0]], x[1:])),
    "equal rows": lambda w, x: ag.sin(ag.dot(w[:2], [x[0], x[0]])) + ag.cos(ag.dot(w[2:4], [x[0], x[0]])),
    "constant weights": lambda w, x: ag.sin(x[0] + x[1] * 2.0) * w[0] + ag.sin(x[1] + x[2] * 2.0),
    "equal constants": lambda w, x: ag.sin(2.0 * x[0] + 2.0 * x[1]) * w[0] + ag.cos(2.0 * w[0] + 2.0 * w[1]),
    "product, shared, then lanes": lambda w, x: ag.total(
        [ag.tanh(ag.dot(w[:2], w[4:]) + x[0]), ag.tanh(ag.dot(w[2:4], w[4:]) + x[1])]),
    "a linear model": lambda w, x: ag.dot(w[:3], x) + w[3],
    "a sum of two products": lambda w, x: ag.dot(w[:3], x) + ag.dot(w[3:], x),
    "square of lanes": lambda w, x: ag.dot(x, x) * w[0],
    "square of weights": lambda w, x: ag.dot(w, w) * x[0],
    "outer": lambda w, x: ag.total([ag.sin(a * b) for a in w[:2] for b in x[:2]]),
    "outer of shared": lambda w, x: ag.total([ag.sin(a * b) for a in w[:3] for b in w[3:]]) * x[0],
    "both lanes": lambda w, x: ag.total([ag.sin(ag.dot(x[:2], [x[at], w[at]])) for at in range(3)]),
    "matrix by matrix in lanes": lambda w, x: ag.total(
        [ag.sin(ag.dot(row, column)) for row in (w[:2], w[2:4]) for column in (x[:2], x[1:], x[::2])]),
    "matrix by matrix": lambda w, x: ag.total(
        [ag.sin(ag.dot(row, column)) for row in (w[:2], w[2:4]) for column in (w[4:], w[1:3], w[::3])]) * x[0],
    "parts and whole": lambda w, x: _parts_and_whole([ag.sin(a * x[0]) for a in w]),
    "whole before parts": lambda w, x: _whole_and_part([ag.sin(a * x[0]) for a in w]),
    "matrix result in part": lambda w, x: _whole_and_part(
        [ag.dot(a, b) for a in (w[:2], w[2:4], w[4:]) for b in (x[:2], x[1:])]),
    "repeated gathers": lambda w, x: ag.total([ag.sin(w[at] * x[0]) for at in (0, 2, 2, 5, 0, 1)]),
    "reversed": lambda w, x: ag.total([ag.sin(a * b * x[0]) for a, b in zip(w, w[::-1], strict=True)]),
    "every second": lambda w, x: ag.total([ag.sin(a * b * x[0]) for a, b in zip(w[::2], w[1::2], strict=True)]),
    "mixed stack": lambda w, x: ag.total([ag.sin(each) for each in (w[0] * x[0], w[1] + 1.0, x[1], w[2])]) * w[3],
    "stack of constants": lambda w, x: ag.logsumexp([w[0], x[0], 0.25, -0.5]) * ag.logsumexp([w[0] * 2.0, 1.0]),
    "lane means": lambda w, x: (m := ag.batch_mean([x[0] * w[0]])) * m + ag.batch_mean([ag.square(x[1] * w[1] - m)]),
    "lane mean of shared": lambda w, x: ag.batch_mean([w[0] * w[1]]) * x[0] + ag.batch_mean([x[0]]) * w[2],
    "only shared": lambda w, x: ag.dot(w[:3], w[3:]) + w[0],
    "shared and lanes apart": lambda w, x: ag.sin(w[0] * x[0]) + w[1] ** 2,
    "a term twice": lambda w, x: (s := ag.sin(w[0] * x[0])) + s,
    "weights minus": lambda w, x: -(w[0] * x[0]) - w[1] * x[1] - (w[2] - x[2]),
    "powers": lambda w, x: ag.total([a ** float(n) for n, a in enumerate(w[:4])]) * (x[0] ** 2 + x[1] ** 3),
    "minus powers": lambda w, x: (-w[0]) ** 2 + (-x[0]) ** 3 + 2.0 ** -w[1] - (-x[1]) ** -2 + w[0] ** -1,
    "ties": lambda w, x: ag.maximum(w[0], w[0] * 1.0) + ag.maximum(x[0], x[0] + 0.0) * w[1] + ag.minimum(w[2], w[2]),
    "wheres": lambda w, x: ag.where(ag.heaviside(x[0] - w[0], 0.5), w[1] * x[1], w[2]) + ag.where(
        0.0 * x[1], w[3], w[4] * 2.0),
    "relu of relu": lambda w, x: ag.total([ag.relu(ag.relu(a * x[0]) - 0.1) for a in w]),
    "minus a step": lambda w, x: ag.total([ag.relu(-a * x[0]) - ag.abs(a) for a in w]),
    "a number only": lambda w, x: 3.0,
    "nothing shared": lambda w, x: ag.sin(x[0]) * x[1],
}


@pytest.mark.parametrize("optimize", [True, False])
@pytest.mark.parametrize("lanes", [1, 2, 5])
@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_arrangements_in_lanes(name: str, lanes: int, optimize: bool) -> None:
    f = ARRANGEMENTS[name]
    rng = np.random.default_rng(lanes)
    w, x = rng.uniform(0.3, 1.2, 6), rng.uniform(-1.5, 1.5, (lanes, 3))
    crosses = name.startswith("lane mean")

    def eager(*leaves: Any) -> Any:
        if crosses:
            return _with_lane_means(f, leaves, x)
        return ag.mean([f(list(leaves), row) for row in x.tolist()])

    expected = eager_answer(eager, w.tolist())
    program = ag.compile(f, lanes="x", optimize=optimize)
    check(program, [w, x], expected)
    check(program, [w.tolist(), x.tolist()], expected)


def _with_lane_means(f: Callable[[Any, Any], Any], w: Any, x: np.ndarray) -> Any:
    """The same with batch_mean given the whole column, in the two functions that have it."""
    if f is ARRANGEMENTS["lane means"]:
        m = ag.batch_mean([row[0] * w[0] for row in x.tolist()])
        return m * m + ag.batch_mean([ag.square(row[1] * w[1] - m) for row in x.tolist()])
    first = ag.mean([row[0] for row in x.tolist()])
    return w[0] * w[1] * first + first * w[2]


@pytest.mark.parametrize("name", [name for name in ARRANGEMENTS if not name.startswith("lane mean")])
def test_arrangements_without_lanes(name: str, always_vectors: None) -> None:
    f = ARRANGEMENTS[name]
    rng = np.random.default_rng(0)
    w, x = rng.uniform(0.3, 1.2, 6).tolist(), rng.uniform(-1.5, 1.5, (4, 3)).tolist()
    expected = eager_answer(lambda *leaves: ag.total([f(list(leaves), row) for row in x]), w)
    check(ag.compile(lambda w: ag.total([f(w, row) for row in x])), [w], expected)
    flat = [each for row in x for each in row]
    both = eager_answer(lambda *leaves: ag.total(
        [f(list(leaves[:6]), list(leaves[6 + 3 * at : 9 + 3 * at])) for at in range(4)]), [*w, *flat])
    check(ag.compile(lambda w, X: ag.total([f(w, row) for row in X])), [np.array(w), np.array(x)], both)


def test_a_network_written_out_and_declared_agree() -> None:
    """Found lanes and declared lanes are two ways to one gradient."""
    def one(w: Any, x: Any, y: Any) -> Any:
        hidden = [ag.tanh(w[3 * at] * x[0] + w[3 * at + 1] * x[1] + w[3 * at + 2]) for at in range(4)]
        return (ag.dot(w[12:16], hidden) + w[16] - y) ** 2 + 1e-3 * ag.dot(w, w)

    rng = np.random.default_rng(0)
    w, X, Y = rng.normal(size=17), rng.normal(size=(40, 2)), rng.normal(size=40)
    declared = ag.compile(one, lanes=("x", "y")).value_and_grad(w, X, Y)
    written_out = ag.compile(lambda w, X, Y: ag.mean([one(w, x, y) for x, y in zip(X, Y, strict=True)]))
    value, (gradient, of_X, of_Y) = written_out.value_and_grad(w, X, Y)
    assert written_out.plan is not None and len(written_out.plan.instructions) < 30
    assert value == pytest.approx(declared[0], rel=1e-13)
    assert np.allclose(gradient, declared[1], rtol=1e-12, atol=1e-15)
    assert of_X.shape == X.shape and of_Y.shape == Y.shape
    constants = ag.compile(lambda w: ag.mean([one(w, x, y) for x, y in zip(X.tolist(), Y.tolist(), strict=True)]))
    assert np.allclose(constants.value_and_grad(w)[1], gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("seed", range(25))
def test_random_programs_of_lists(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Declared lanes, optimized or not; lanes found among constants and among arguments."""
    rng = np.random.default_rng(seed)
    weights, width, lanes = int(rng.integers(3, 13)), int(rng.integers(1, 4)), int(rng.integers(1, 5))
    f = array_program(seed, int(rng.integers(2, 9)))
    w, X = rng.uniform(-1.0, 1.0, weights), rng.uniform(-1.0, 1.0, (lanes, width))
    rows = X.tolist()
    expected = eager_answer(lambda *leaves: ag.mean([f(leaves, row) for row in rows]), w.tolist())
    for optimize in (True, False):
        program = ag.compile(f, lanes="inputs", optimize=optimize)
        check(program, [w, X], expected)
        values, gradients = program.per_example(w, X)
        assert_agrees((values.mean(), gradients.mean(axis=0)), expected)
    monkeypatch.setattr(compiled_module, "_MOST_SCALAR_LINES", -1)
    monkeypatch.setattr(compiled_module, "_SMALLEST_GROUPS", 0.0)
    check(ag.compile(lambda w: ag.mean([f(list(w), row) for row in rows])), [w], expected)
    everything = eager_answer(
        lambda *leaves: ag.mean([f(leaves[:weights], leaves[weights + width * at : weights + width * (at + 1)])
                                 for at in range(lanes)]), [*w.tolist(), *X.ravel().tolist()])
    check(ag.compile(lambda w, X: ag.mean([f(list(w), list(row)) for row in X])), [w, X], everything)


# --- other engines ------------------------------------------------------------------------------


@given(f=expressions(max_ops=8, primitives=["add", "mul", "sub", "tanh", "sin", "exp", "sigmoid", "softplus"]))
@settings(max_examples=25)
def test_pytorch_gives_the_same(f: Expression) -> None:
    torch = pytest.importorskip("torch")
    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in f.point]
    names = {name: getattr(torch, name) for name in ("add", "mul", "sub", "tanh", "sin", "exp", "sigmoid")}
    y = f(*leaves, ops={**names, "softplus": torch.nn.functional.softplus})
    slopes = torch.autograd.grad(y, leaves, allow_unused=True)
    expected = with_noise(eager_answer(f, f.point), f, f.point)
    theirs = [0.0 if slope is None else slope.item() for slope in slopes]
    value, gradient = ag.compile(lambda x, y: f(*x) * y, lanes="y").value_and_grad(list(f.point), [1.0, 1.0])
    assert value == pytest.approx(y.item(), rel=1e-9, abs=2.0 * expected.value_bound)
    for own, other, bound in zip(gradient, theirs, expected.bounds, strict=True):
        # Its softplus is linear beyond 20, which is 2e-9 off.
        assert own == pytest.approx(other, rel=1e-7, abs=2.0 * bound + 1e-300)


@given(f=expressions(max_ops=8, primitives=["add", "mul", "sub", "tanh", "sin", "exp"]))
@settings(max_examples=10)
def test_jax_gives_the_same(f: Expression) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    names = {"add": "add", "mul": "multiply", "sub": "subtract", "tanh": "tanh", "sin": "sin", "exp": "exp"}
    ops = {name: getattr(jax.numpy, theirs) for name, theirs in names.items()}
    theirs = jax.grad(lambda x: f(*x, ops=ops))(list(f.point))
    expected = with_noise(eager_answer(f, f.point), f, f.point)
    _, gradient = ag.compile(lambda x: f(*x)).value_and_grad(list(f.point))
    for own, other, bound in zip(gradient, theirs, expected.bounds, strict=True):
        assert own == pytest.approx(float(other), rel=1e-9, abs=2.0 * bound + 1e-300)
