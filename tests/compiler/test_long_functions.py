"""Straight-line Python of more than 5,000 lines is cut into functions, wherever that falls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_core as ag


def sums_of_exponentials(links: int, before: int) -> Any:
    """Partials of logsumexp are computed at once, and read by the lines that follow."""
    def f(x: list[Any]) -> Any:
        result = x[0]
        for at in range(links):
            operands = [result, x[at % 3], x[1], 0.5 * x[2], 2.0 * result]
            result = 0.1 * ag.logsumexp(operands) + ag.sin(result) * x[at % 3]
        for _ in range(before):
            result = ag.sin(result * 1.01)
        return result

    return f


@pytest.mark.parametrize("before", range(0, 22, 3))
@pytest.mark.parametrize("optimize", [True, False])
def test_a_cut_anywhere(before: int, optimize: bool) -> None:
    program = ag.compile(sums_of_exponentials(1_000, before), optimize=optimize)
    point = [0.1, 0.2, 0.3]
    value, gradient = program.value_and_grad(point)
    compiled = program.trace(point)
    assert "def reverse_2(s, b, p):" in program.source
    expected, (expected_gradient,), _ = compiled.replayed_value_and_grad([point])
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-9)


def test_names_of_the_user_do_not_meet_those_of_the_lists() -> None:
    """Arguments called s, b and p beside the lists of slots, adjoints and partials."""
    def f(s: Any, b: Any, p: Any) -> Any:
        result = s * b
        for _ in range(3_000):
            result = ag.logsumexp([result, p]) * 0.5 + b
        return result

    program = ag.compile(f)
    value, gradient = program.value_and_grad(0.5, -0.25, 1.0)
    compiled = program.trace(0.5, -0.25, 1.0)
    expected, expected_gradient, _ = compiled.replayed_value_and_grad([[0.5], [-0.25], [1.0]])
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, np.ravel(expected_gradient), rtol=1e-9)
