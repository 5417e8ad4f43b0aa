"""Functions of plain numbers: only differences can say anything, and they say no more than they know."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from autograd_core import primitive
from autograd_core.errors import CheckError
from autograd_core.testing import gradcheck


def logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def mean_square(w: float) -> float:
    return float(np.mean((np.array([1.0, 2.0]) * w - 3.0) ** 2))


def verdict(f: Callable[[float], float], x: float, gradient: float, **options: Any) -> str:
    return gradcheck(lambda x: f(float(x)), x, gradient=lambda x: gradient, **options).entries[0].verdict


# --- small inputs ---------------------------------------------------------------------------------

SMALL: list[tuple[str, Callable[[float], float], float, float, tuple[float, ...]]] = [
    ("exp", math.exp, 1e-8, 1.0 + 1e-8, (5.0, 0.0, 1.01, 1.0001)),
    ("cos", math.cos, 1e-8, -1e-8, (5.0, 0.1, 1e-3)),
    ("logistic", logistic, 1e-6, 0.25, (0.275, 0.2501, 0.0)),
    ("a mean", mean_square, 1e-7, -9.0 + 5e-7, (-8.8, -9.001, 0.0)),
    ("beside 1e3", lambda x: 1e3 + math.sin(x), 1e-9, 1.0, (1.1, 0.0, 2.0)),
]


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case[0])
def test_a_wrong_gradient_at_a_small_input_fails(case: Any) -> None:
    _, f, x, right, wrong = case
    assert verdict(f, x, right) == "pass"
    assert [verdict(f, x, gradient) for gradient in wrong] == ["fail"] * len(wrong)


def test_an_input_beside_a_large_one_is_held_to_its_own_derivative() -> None:
    def product(v: Sequence[float]) -> float:
        return math.exp(v[0]) * math.exp(v[1])

    def summed(v: Sequence[float]) -> float:
        return math.fsum([v[0] * 1e6, v[1]])

    def check(f: Any, point: list[float], gradient: list[float]) -> list[str]:
        return list(gradcheck(f, point, gradient=lambda v: gradient).verdicts.values())

    right = product([1e-7, 1.0])
    assert check(product, [1e-7, 1.0], [right, right]) == ["pass", "pass"]
    assert check(product, [1e-7, 1.0], [1.1 * right, right]) == ["fail", "pass"]
    assert check(summed, [1.0, 1.0], [1e6, 1.0]) == ["pass", "pass"]
    assert check(summed, [1.0, 1.0], [1e6, 1.0 + 1e-3]) == ["pass", "fail"]


def test_what_rounding_hides_is_undecided_and_does_not_pass() -> None:
    for slope in (0.5, 1.0, 0.0):
        report = gradcheck(lambda v: math.fsum([v[0] * 1e14, v[1]]), [1.0, 1.0], gradient=lambda v: [1e14, slope])  # noqa: B023
        assert report.verdicts["v_{1}"] != "pass"
    assert "known to" in report.entries[1].note


def test_at_a_minimum_0_passes_and_nothing_else() -> None:
    def f(x: float) -> float:
        return (math.sin(x) - math.sin(1.0)) ** 2

    assert verdict(f, 1.0, 0.0) == "pass"
    assert [verdict(f, 1.0, wrong) for wrong in (1e-3, -1e-5, 1.0)] == ["fail"] * 3


@pytest.mark.parametrize("slope", [5.0, 0.0, 1.01])
def test_an_unchecked_row_without_an_exact_form_is_held_to_its_own_derivative(slope: float) -> None:
    @primitive(partials=(lambda out, x: slope,), check=False)
    def wrong(x: float) -> float:
        return math.exp(x)

    assert gradcheck(lambda x: wrong(x), 1e-8).verdicts == {"x": "fail"}


# --- large inputs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("f", "derivative"), [
    (math.sin, math.cos), (lambda x: x * math.sin(x), lambda x: math.sin(x) + x * math.cos(x)),
    (lambda x: math.exp(math.sin(x)), lambda x: math.cos(x) * math.exp(math.sin(x))),
], ids=["sin", "x sin", "exp sin"])
def test_at_large_inputs_what_turns_between_steps_is_neither_failed_nor_a_kink(f: Any, derivative: Any) -> None:
    rng = np.random.default_rng(0)
    points = [8e9, *(10.0 ** rng.uniform(1.0, 18.0, 60))]
    found = [verdict(f, x, derivative(x)) for x in map(float, points)]
    assert set(found) == {"pass", "inconclusive"} and found.count("pass") > 20
    wrong = [verdict(f, x, 1.5 * derivative(x) + 0.1) for x in map(float, points)]
    assert set(wrong) == {"fail", "inconclusive"} and wrong.count("fail") > 20


# --- other engines --------------------------------------------------------------------------------


class Tensor:
    """A stand-in for another engine's array: only NumPy's protocol, and a graph it must be taken out of."""

    def __init__(self, data: Any, attached: bool = False) -> None:
        self.data, self.attached = np.asarray(data, dtype=np.float64), attached

    def detach(self) -> "Tensor":
        return Tensor(self.data)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self.attached:
            raise RuntimeError("Can't call numpy() on a Tensor that requires grad.")
        return self.data


@pytest.mark.parametrize("attached", [False, True])
def test_gradients_and_results_may_be_anything_with_an_array(attached: bool) -> None:
    def f(a: Any) -> Any:
        return Tensor(np.sum(np.sin(np.asarray(a, dtype=np.float64))), attached)

    def g(factors: Any) -> Any:
        return lambda a: Tensor(np.cos(a) * factors, attached)

    point = np.array([1.0, 2.0, 0.5])
    assert gradcheck(f, point, gradient=g([1.0, 1.0, 1.0]))
    assert list(gradcheck(f, point, gradient=g([1.0, 1.01, 1.0])).verdicts.values()) == ["pass", "fail", "pass"]
    assert gradcheck(f, point, gradient=lambda a: (g([1.0, 1.0, 1.0])(a),))
    nested = gradcheck(lambda d, x: f(d["w"]).data * float(x), {"w": [1.0, 2.0]}, 3.0, gradient=lambda d, x: (
        {"w": Tensor(3.0 * np.cos(d["w"]), attached)}, Tensor(np.sin(1.0) + np.sin(2.0), attached)))
    assert nested and len(nested.entries) == 3


class BackendError(Exception):
    """What another engine raises, of none of the builtin kinds."""


def test_whatever_a_function_raises_at_values_it_is_called_with_plain_numbers() -> None:
    def f(x: Any) -> float:
        if not isinstance(x, float):
            raise BackendError("Could not infer dtype of Value")
        return math.sin(x)

    report = gradcheck(f, 1.0, gradient=math.cos)
    assert report.verdicts == {"x": "pass"} and "Could not infer dtype of Value" in str(report)
    assert not gradcheck(f, 1.0, gradient=math.sin)


def test_what_the_plain_call_raises_is_said_and_an_interrupt_is_let_through() -> None:
    def fails(x: Any) -> float:
        raise BackendError("plain" if isinstance(x, float) else "of Values")

    def interrupted(x: Any) -> float:
        raise KeyboardInterrupt

    with pytest.raises(BackendError, match="plain"):
        gradcheck(fails, 1.0, gradient=math.cos)
    with pytest.raises(KeyboardInterrupt):
        gradcheck(interrupted, 1.0, gradient=math.cos)


def test_a_function_may_raise_what_it_likes_beside_the_point() -> None:
    def above_1(x: Any) -> float:
        if float(x) < 1.0:
            raise BackendError("below 1")
        return float(x) ** 2

    assert verdict(above_1, 1.0, 2.0) in ("pass", "inconclusive")
    assert verdict(above_1, 1.0, 3.0) in ("fail", "inconclusive")


def test_a_plain_function_that_changes_its_inputs_is_refused() -> None:
    def adds(v: Any) -> float:
        v[0] += 1.0
        return float(np.sum(np.asarray(v, dtype=np.float64) ** 2))

    def appends(v: Any) -> float:
        v.append(1.0)
        return math.fsum(map(float, v))

    for f in (adds, appends):
        with pytest.raises(CheckError, match="changes"):
            gradcheck(f, [1.0, 2.0], gradient=lambda v: [4.0, 4.0])
    with pytest.raises(CheckError, match="changes its input a_"):
        gradcheck(lambda a: float(np.add(a, 1.0, out=a).sum()), np.array([1.0, 2.0]), gradient=lambda a: a)


@pytest.mark.parametrize("x", [math.nan, math.inf])
def test_a_function_that_is_not_finite_is_said_to_be(x: float) -> None:
    report = gradcheck(lambda a: x * math.exp(a), 1.0, gradient=lambda a: 1.0)
    assert report.verdicts == {"a": "inconclusive"} and f"is {x} here" in report.entries[0].note


def test_pytorch_without_a_wrapper() -> None:
    torch = pytest.importorskip("torch")

    def f(a: Any) -> Any:
        return torch.sum(torch.sin(torch.as_tensor(a, dtype=torch.float64)) ** 2)

    def g(a: Any) -> Any:
        x = torch.tensor(a, dtype=torch.float64, requires_grad=True)
        return torch.autograd.grad(f(x), x)

    point = np.array([1.0, -2.0])
    assert gradcheck(f, point, gradient=g)
    assert gradcheck(f, point, gradient=lambda a: g(a)[0].requires_grad_())
    assert not gradcheck(f, point, gradient=lambda a: 1.001 * g(a)[0])
    assert gradcheck(lambda x: torch.sin(torch.tensor(x, dtype=torch.float64, requires_grad=True)), 1.0,
                     gradient=math.cos)


def test_jax_without_a_wrapper() -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)

    def f(a: Any, x: Any) -> Any:
        return jax.numpy.sum(jax.numpy.sin(a) ** 2) * x

    point = np.array([1.0, -2.0])
    assert gradcheck(f, point, 3.0, gradient=jax.grad(f, (0, 1)))
    assert not gradcheck(f, point, 3.0, gradient=lambda a, x: (1.001 * jax.grad(f)(a, x), f(a, 1.0)))
