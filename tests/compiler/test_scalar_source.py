"""Straight-line Python: which adjoints have a line, which numbers are multiplied in advance, how long lines are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import autograd_core as ag

SHORT = [
    (lambda x: x**2, "2.0 * x"),
    (lambda x: -x, "-1.0"),
    (lambda x: 3.0 * x, "3.0"),
    (lambda x: x**2 * 5.0, "10.0 * x"),
    (lambda x: -(2.0 * (x * 4.0)), "-8.0"),
    (lambda x: ag.square(ag.square(x)), "4.0 * v_1 * x"),
    (lambda x: ag.sin(3.0 * x), "3.0 * cos(v_1)"),
    (lambda x: 5.0, "0.0"),
]


@pytest.mark.parametrize(("f", "adjoint"), SHORT, ids=[adjoint for _, adjoint in SHORT])
def test_short_adjoints_are_returned_as_they_stand(f: Any, adjoint: str) -> None:
    program = ag.compile(f)
    program.value_and_grad(1.5)
    assert program.source.rstrip().endswith(f", [[{adjoint}]], []")


def test_rosenbrock_reads_as_one_would_write_it() -> None:
    program = ag.compile(lambda x: 100.0 * (x[1] - x[0] * x[0]) ** 2 + (1.0 - x[0]) ** 2)
    program.value_and_grad([-1.2, 1.0])
    reverse = [line.strip() for line in program.source.split("# reverse")[1].splitlines()]
    assert reverse[1:] == [
        "x_0_bar = -2.0 * v_5",
        "v_2_bar = 200.0 * v_2",
        "x_0_bar -= 2.0 * v_2_bar * x_0",
        "return v_7, [[x_0_bar, v_2_bar]], []",
    ]


@pytest.mark.parametrize(("f", "line"), [
    (lambda x: x * x, "x_bar = 2.0 * x"), (lambda x: x + x, "x_bar = 2.0"),
    (lambda x: x * x * x, "x_bar += 2.0 * x * x"), (lambda x: ag.dot([x, 3.0], [x, x]), "x_bar = 2.0 * x")])
def test_what_an_operation_gives_one_operand_twice_is_one_term(f: Any, line: str) -> None:
    program = ag.compile(f)
    program.value_and_grad(1.5)
    assert f"    {line}\n" in program.source


@pytest.mark.parametrize("scales", [(1e200, 1e200, 1e-300), (1e-200, 1e-200, 1e300), (1e200, 1e-200, 1e200),
                                    (0.0, math.inf, 1.0), (math.inf, 2.0, 1e-3), (math.nan, 1.0, 1.0)])
def test_numbers_are_not_multiplied_in_advance_out_of_range(scales: tuple[float, ...]) -> None:
    """c (b (a x)) has the derivative that eager has, also where c b alone would be 0 or inf."""
    def f(x: Any) -> Any:
        for scale in scales:
            x = x * scale
        return x

    leaf = ag.Value(0.5)
    y = f(leaf)
    y.backward()
    value, gradient = ag.compile(f).value_and_grad(0.5)
    np.testing.assert_allclose([value, gradient], [y.data, leaf.grad], rtol=1e-15)


def test_a_difference_of_the_same_is_no_term_too_few() -> None:
    _, gradient = ag.compile(lambda x: (x - x) + ag.exp(x)).value_and_grad(0.25)
    assert gradient == pytest.approx(math.exp(0.25), rel=1e-15)
    assert ag.compile(lambda x: x - x).value_and_grad(0.25) == (0.0, 0.0)


@pytest.mark.parametrize("make", [
    lambda x: [x := ag.sin(x) for _ in range(300)][-1],
    lambda x: [x := x * 1.01 * ag.exp(x * 1e-3) for _ in range(300)][-1],
    lambda x: math.prod([x, *[ag.cos(x + at) for at in range(100)]]),
], ids=["sines", "products", "a product of a hundred"])
def test_lines_stay_short(make: Any) -> None:
    program = ag.compile(make)
    program.value_and_grad(0.3)
    assert max(map(len, program.source.splitlines())) < 160


def test_exactly_recorded_keeps_every_adjoint() -> None:
    program = ag.compile(lambda x: (2.0 * x) * (2.0 * x), optimize=False)
    program.value_and_grad(1.0)
    assert program.source.count("v_1_bar") >= 2 and "v_1_bar = " in program.source
