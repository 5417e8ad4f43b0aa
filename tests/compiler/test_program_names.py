"""Generated source: no name a user can choose collides with another, or with what the source calls its own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core import Value
from autograd_core.compiler import array_program
from tests.compiler.agreement import assert_agrees, directly, eager_answer

HOSTILE = ["lanes", "sin", "x_bar", "v_1", "v_1_bar", "outcome", "operand_0", "operand_1", "parameters", "inf", "nan",
           "index_1", "places_1", "c_1", "W", "W_1", "b", "b_1", "a_1", "delta_1", "zeros", "full", "empty", "add_at",
           "einsum", "outer", "broadcast_to", "value", "value_and_grad", "product_1", "z_1", "part_1", "s", "s_0",
           "lambda_", "_", "__x", "np", "print", "float", "exp", "heaviside", "logsumexp_partials", "e", "w_1",
           "\u03b4"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("lane", [None, "x", "name"])
def test_names_never_collide(name: str, lane: str | None) -> None:
    names: dict[str, Any] = {"ag": ag, "q": Value(1.5, "q")}
    exec(f"def f({name}, x):\n"
         f"    a = ag.sin({name}[0] * x[0] + {name}[1] * x[1]) + ag.exp({name}[0]) / x[1]\n"
         f"    return a * x[0] * x[0] * q + ag.logsumexp([{name}[1], x[0], 0.5]) * ag.relu({name}[0])", names)
    f, point = names["f"], [0.3, 0.7, 1.25, -0.5]
    lanes = () if lane is None else ("x",) if lane == "x" else (name,)
    given: list[Any] = [point[:2], point[2:]]
    if lane is not None:
        at = 1 if lane == "x" else 0
        given[at] = [given[at]]
    expected = eager_answer(lambda *leaves: f(leaves[:2], leaves[2:]), point)
    program = ag.compile(f, lanes=lanes)
    value, gradients = program.value_and_grad(*given)
    parts = gradients[:-1]
    found = [each for part in parts for each in part]
    wanted = [0, 1, 2, 3] if lane is None else [0, 1] if lane == "x" else [2, 3]
    assert_agrees((value, found), expected, wanted)
    directly(program.trace(*given), given)


@pytest.mark.parametrize("names", [("x", "x_0"), ("x_0", "x"), ("x", "x_bar"), ("x_bar", "x"), ("a", "a_"),
                                   ("x_", "x"), ("x_0_", "x"), ("v_1", "v_2")])
@pytest.mark.parametrize("lanes", [0, 1])
def test_names_that_are_parts_of_one_another(names: tuple[str, str], lanes: int) -> None:
    namespace: dict[str, Any] = {"ag": ag}
    one, two = names
    exec(f"def f({one}, {two}):\n    return {one}[0] * {one}[0] * {two} * {two} * ag.sin({two} * {one}[1])", namespace)
    program = ag.compile(namespace["f"], lanes=(two,) * lanes)
    value, found = program.value_and_grad([0.5, 2.0], [0.7] if lanes else 0.7)
    expected = eager_answer(lambda a, b, c: namespace["f"]([a, b], c), [0.5, 2.0, 0.7])
    assert_agrees((value, found if lanes else [*found[0], found[1]]), expected, range(3 - lanes))


@pytest.mark.parametrize(
    "name", ["sin", "x", "x_bar", "lanes", "{0}", "a b", "\\hat{y}", "w_{ij}^{(2)}", "'", "\n", "%s", "#"])
@pytest.mark.parametrize("lanes", [(), ("x",)])
def test_named_results_never_collide(name: str, lanes: tuple[str, ...]) -> None:
    program = ag.compile(lambda w, x: (ag.sin(w * x)).named(name) * w, lanes=lanes)
    value, gradient = program.value_and_grad(0.5, [2.0] if lanes else 2.0)
    assert value == pytest.approx(0.5 * math.sin(1.0))
    assert (gradient if lanes else gradient[0]) == pytest.approx(math.sin(1.0) + math.cos(1.0))


def test_a_users_row_is_compiled_with_its_partials() -> None:
    @ag.primitive(partials=[lambda out, x, y: y + ag.cos(x), lambda out, x, y: x - ag.exp(y)])
    def mixed(x: float, y: float) -> float:
        return x * y + math.sin(x) - math.exp(y)

    for lanes, given in (((), (0.5, 0.25)), (("y",), (0.5, [0.25])), (("x",), ([0.5], 0.25))):
        program = ag.compile(lambda x, y: mixed(x, y) * 3.0 + mixed(y, x), lanes=lanes)
        expected = eager_answer(lambda x, y: mixed(x, y) * 3.0 + mixed(y, x), [0.5, 0.25])
        at = [0, 1] if not lanes else [0] if lanes == ("y",) else [1]
        assert_agrees(program.value_and_grad(*given), expected, at)
    named = ag.compile(lambda mixed_, w: mixed(mixed_, w))  # an argument nearly called as the row
    assert named(0.5, 0.25) == pytest.approx(mixed(0.5, 0.25))


def test_an_argument_may_be_called_as_a_users_row() -> None:
    @ag.primitive(partials=[lambda out, x: 2.0 * x - 1.0])
    def bowl(x: float) -> float:
        return x * x - x

    row = bowl
    for lanes in ((), ("bowl",)):
        program = ag.compile(lambda w, bowl: w * row(bowl) + row(w), lanes=lanes)
        assert program(2.0, [3.0] if lanes else 3.0) == 14.0


@pytest.mark.parametrize("large", [0, 1 << 60])
@pytest.mark.parametrize("name", [
    "positive", "matmul", "lanes", "full", "value", "logsumexp_of", "logsumexp_partials", "room", "results", "ones",
    "s"])
def test_a_row_of_ones_own_may_be_called_as_something_in_the_source(
    name: str, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice_the_sine(x: float) -> float:
        return 2.0 * math.sin(x)

    twice_the_sine.__name__ = name
    row = ag.primitive(partials=[lambda out, x: 2.0 * ag.cos(x)], array=lambda x: 2.0 * np.sin(x))(twice_the_sine)
    monkeypatch.setattr(array_program, "_LARGE", large)

    def f(w: Any, x: Any) -> Any:
        hidden = [ag.relu(row(w[2 * at] * x + w[2 * at + 1])) for at in range(3)]
        return ag.dot(w[6:9], hidden) ** 2 + ag.logsumexp(hidden)

    rng = np.random.default_rng(0)
    w, X = rng.normal(size=9), rng.normal(size=5)
    leaves = [ag.Value(each) for each in w]
    y = ag.mean([f(leaves, x) for x in X.tolist()])
    y.backward()
    value, gradient = ag.compile(f, lanes="x").value_and_grad(w, X)
    assert value == pytest.approx(y.data, rel=1e-13)
    np.testing.assert_allclose(gradient, [leaf.grad for leaf in leaves], rtol=1e-12, atol=1e-14)
    assert ag.compile(f).value_and_grad(w, 0.5)[0] == pytest.approx(f(w.tolist(), 0.5), rel=1e-14)
