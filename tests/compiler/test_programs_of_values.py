"""A program called with Values is the function it was made of; gradients as numbers are refused for them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.errors import OperandError


def cube(x: Any) -> Any:
    return x**3


def of_list(x: Any) -> Any:
    return x[0] * x[0] * x[1] + ag.sin(x[1])


def test_transforms_of_a_program_are_those_of_the_function() -> None:
    program = ag.compile(cube)
    assert program(2.0) == 8.0
    assert ag.grad(program)(2.0) == 12.0
    assert ag.grad(ag.grad(program))(2.0) == 12.0
    assert ag.value_and_grad(program)(2.0) == (8.0, 12.0)
    assert ag.jvp(program, (2.0,), (1.0,)) == (8.0, 12.0)
    assert ag.vjp(program, 2.0)[1](1.0) == (12.0,)
    np.testing.assert_array_equal(ag.hessian(ag.compile(of_list))([1.0, 2.0]), ag.hessian(of_list)([1.0, 2.0]))
    assert type(program(2.0)) is float


def test_a_program_in_a_graph_is_recorded() -> None:
    w = ag.Value(1.5, "w")
    error = ag.compile(cube)(w) + w
    error.backward()
    assert w.grad == 3 * 1.5**2 + 1.0


def test_a_program_within_a_program_is_part_of_it() -> None:
    inner = ag.compile(cube)
    outer = ag.compile(lambda x: ag.exp(inner(x)) + inner(2.0))
    value, gradient = outer.value_and_grad(0.5)
    assert value == pytest.approx(np.exp(0.125) + 8.0, rel=1e-15)
    assert gradient == pytest.approx(0.75 * np.exp(0.125), rel=1e-15)


@pytest.mark.parametrize("given", [
    ag.Value(2.0), [ag.Value(1.0), 2.0], (1.0, [ag.Value(2.0)]), {"a": 1.0, "b": ag.Value(1.0)},
    np.array([ag.Value(1.0), 2.0], dtype=object)])
def test_gradients_of_values_are_refused(given: Any) -> None:
    program = ag.compile(lambda x, y: 0.0 * y, lanes="y")
    advice = (r" Give data, such as \[w.data for w in weights\]; derivatives of any order are those of the function "
              "itself.")
    for call in (program.value_and_grad, program.per_example):
        with pytest.raises(OperandError, match=re.escape("gives gradients as numbers, of numbers; x holds a Value.")
                           + advice):
            call(given, [1.0])
    with pytest.raises(OperandError, match="<lambda> was compiled with lanes, and takes numbers." + advice):
        program(given, [1.0])
