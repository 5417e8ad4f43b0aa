"""What a reviewer found: each of these was wrong once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.errors import DomainError

PENALTIES = {
    "a factor": lambda w: 0.01 * sum(q * q for q in w),
    "a factor in each term": lambda w: sum(0.01 * q * q for q in w),
    "a dot product": lambda w: ag.dot(w, w),
    "absolute values": lambda w: sum(0.01 * abs(q) for q in w),
}


def squared(w: Any, x: Any, t: Any) -> Any:
    return 0.5 * ag.square(ag.tanh(ag.dot(w[:4], x)) - t)


@pytest.mark.parametrize("spelling", [*PENALTIES, "a loop"])
def test_a_shared_penalty_is_computed_once(spelling: str) -> None:
    """No array of the program has as many rows as there are weights."""
    def error(w: Any, x: Any, t: Any) -> Any:
        if spelling in PENALTIES:
            return squared(w, x, t) + PENALTIES[spelling](w)
        result = squared(w, x, t)
        for q in w:
            result = result + 0.01 * q * q
        return result

    rng = np.random.default_rng(0)
    w, X, T = rng.normal(size=40), rng.normal(size=(6, 4)), rng.normal(size=6)
    program = ag.compile(error, lanes=("x", "t"))
    value, gradient = program.value_and_grad(w, X, T)
    assert program.plan is not None
    assert not any(block.is_lane and len(block.slots) > 4 for block in program.plan.blocks)
    leaves = [ag.Value(each) for each in w]
    y = ag.mean([error(leaves, x, t) for x, t in zip(X.tolist(), T.tolist(), strict=True)])
    y.backward()
    assert value == pytest.approx(y.data, rel=1e-13)
    np.testing.assert_allclose(gradient, [leaf.grad for leaf in leaves], rtol=1e-12, atol=1e-15)


def test_a_condition_that_is_used_again() -> None:
    program = ag.compile(lambda w, x: ag.where(w + x, ag.sin(w + x), 2.0), lanes="x")
    value, gradient = program.value_and_grad(0.5, [1.0, 2.0])
    assert value == pytest.approx((np.sin(1.5) + np.sin(2.5)) / 2, rel=1e-15)
    assert gradient == pytest.approx((np.cos(1.5) + np.cos(2.5)) / 2, rel=1e-15)
    assert "_bar += " not in program.source.split("# For")[0] or "v_1_bar = v_1_bar + " in program.source


@pytest.mark.parametrize("lanes", [(), ("x",)])
@pytest.mark.parametrize("optimize", [True, False])
def test_a_constant_zero_below_the_line_is_eagers_error(lanes: tuple[str, ...], optimize: bool) -> None:
    program = ag.compile(lambda w, x: w * (x - 1.0) / 0.0, lanes=lanes, optimize=optimize)
    point = (2.0, [3.0, 4.0] if lanes else 3.0)
    for call in (program, program.value_and_grad):
        with pytest.raises(DomainError, match="div"):
            call(*point)


def test_numbers_that_leave_the_range_stay_where_they_are() -> None:
    """1e308 times what is 0 is 0, and not 1e308 times e times 0."""
    def f(w: Any) -> Any:
        return ag.expm1(ag.clip(w * 1e308, -1.0, 1.0))

    assert ag.compile(f).value_and_grad(1.0) == ag.value_and_grad(f)(1.0)


def test_a_dot_product_that_is_no_pre_activation_is_called_v() -> None:
    def error(W: Any, b: Any, x: Any, y: Any) -> Any:
        scores = [ag.dot(W[i], x) + b[i] for i in range(3)]
        return ag.logsumexp(scores) - ag.dot(y, scores)

    program = ag.compile(error, lanes=("x", "y"))
    program.value_and_grad(np.ones((3, 2)), np.zeros(3), np.ones((4, 2)), np.ones((4, 3)))
    assert "a_1 = W @ x + b[:, None]" in program.source and "a_2" not in program.source


def test_a_matrix_given_transposed_reads_so() -> None:
    def error(W: Any, x: Any) -> Any:
        return ag.total([ag.tanh(ag.dot([W[j, i] for j in range(2)], x)) for i in range(5)])

    program = ag.compile(error, lanes="x")
    program.value_and_grad(np.ones((2, 5)), np.ones((3, 2)))
    assert "W.T @ x" in program.source
