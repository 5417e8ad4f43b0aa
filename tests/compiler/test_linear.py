"""Linear combinations: what is fused into a dot product, what stays, and that the terms are all there once."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_core import primitives as rows
from autograd_core.compiler.linear import fuse_linear
from autograd_core.tape import Tape
from autograd_core.tracing import record

NAMES = ["w_1", "w_2", "x_1", "x_2"]


def fused_text(f: Callable[..., Any], lanes: tuple[str, ...] = ()) -> list[str]:
    return str(fuse_linear(record(f, NAMES, lanes))).split("\n")[:-1]


@pytest.mark.parametrize(
    "f, lines",
    [
        (lambda w1, w2, x1, x2: w1 * x1 + w2 * x2, ["v_1 = dot([w_1, w_2], [x_1, x_2])"]),
        (lambda w1, w2, x1, x2: w1 * x1 + w2 * x2 + 1.0, ["v_1 = dot([w_1, w_2], [x_1, x_2])", "v_2 = v_1 + 1.0"]),
        (lambda w1, w2, x1, x2: w1 * x1 - w2 * x2, ["v_1 = w_1 * x_1", "v_2 = w_2 * x_2", "v_3 = v_1 - v_2"]),
        (lambda w1, w2, x1, x2: x1 - (w1 - (x2 - w2)), ["v_1 = x_2 - w_2", "v_2 = w_1 - v_1", "v_3 = x_1 - v_2"]),
        (lambda w1, w2, x1, x2: -(w1 + w2) - x1, ["v_1 = w_1 + w_2", "v_2 = -v_1", "v_3 = v_2 - x_1"]),
        (lambda w1, w2, x1, x2: w1 * x1 + w2 * x2 - (x1 + x2 + w1),
         ["v_1 = dot([w_1, w_2], [x_1, x_2])", "v_2 = total([x_1, x_2, w_1])", "v_3 = v_1 - v_2"]),
        (lambda w1, w2, x1, x2: (w1 - x1) + (w2 - x2) + x1,
         ["v_1 = w_1 - x_1", "v_2 = w_2 - x_2", "v_3 = total([v_1, v_2, x_1])"]),
        (lambda w1, w2, x1, x2: rows.total([w1 * x1, w2 * x2]), ["v_1 = dot([w_1, w_2], [x_1, x_2])"]),
        (lambda w1, w2, x1, x2: rows.dot([w1], [x1]) + w2 * x2, ["v_1 = dot([w_1, w_2], [x_1, x_2])"]),
        (lambda w1, w2, x1, x2: rows.total([w1]), []),
        (lambda w1, w2, x1, x2: rows.total([-w1]), ["v_1 = -w_1"]),
        (lambda w1, w2, x1, x2: rows.total([w1 * x1]), ["v_1 = w_1 * x_1"]),
        (lambda w1, w2, x1, x2: w1 * x1 * 2.0 + w2, ["v_1 = w_1 * x_1", "v_2 = v_1 * 2.0", "v_3 = v_2 + w_2"]),
        (lambda w1, w2, x1, x2: (p := w1 * x1) + p, ["v_1 = w_1 * x_1", "v_2 = v_1 + v_1"]),
        (lambda w1, w2, x1, x2: (w1 * x1).named("p") + w2 * x2, ["p = w_1 * x_1", "v_1 = w_2 * x_2", "v_2 = v_1 + p"]),
        (lambda w1, w2, x1, x2: rows.sin(w1 + w2) + x1, ["v_1 = w_1 + w_2", "v_2 = sin(v_1)", "v_3 = v_2 + x_1"]),
    ],
)
def test_what_is_fused(f: Callable[..., Any], lines: list[str]) -> None:
    found = fused_text(f)
    if "p = " in lines[0] if lines else False:
        assert found[0] == lines[0] and len(found) == len(lines)  # the order of two terms does not matter
    else:
        assert found == lines


def test_the_factor_that_is_given_stands_first() -> None:
    def f(w1: Any, w2: Any, x1: Any, x2: Any) -> Any:
        return x1 * w1 + rows.sin(x2) * w2 + 2.0 * x1 + 3.0 * rows.cos(x1)

    assert fused_text(f, ("x_1", "x_2"))[-1] == "v_3 = dot([w_1, w_2, x_1, v_2], [x_1, v_1, 2.0, 3.0])"


@st.composite
def sums(draw: Any) -> tuple[Callable[..., Any], int]:
    """A nest of +, -, unary minus, total, dot and products of four integers; integers are exact in floats."""
    return draw(st.recursive(
        st.one_of(st.integers(0, 3).map(lambda at: ("leaf", at)), st.integers(-3, 3).map(lambda n: ("number", n)),
                  st.tuples(st.just("product"), st.integers(0, 3), st.integers(0, 3))),
        lambda inner: st.one_of(
            st.tuples(st.just("add"), inner, inner), st.tuples(st.just("sub"), inner, inner),
            st.tuples(st.just("neg"), inner), st.tuples(st.just("total"), inner, inner, inner),
            st.tuples(st.just("total"), inner), st.tuples(st.just("dot"), inner, inner, inner, inner)),
        max_leaves=16)), 0


def computed(tree: Any, leaves: Any) -> Any:
    kind, *parts = tree
    if kind == "leaf":
        return leaves[parts[0]]
    if kind == "number":
        return float(parts[0])
    if kind == "product":
        return leaves[parts[0]] * leaves[parts[1]]
    inner = [computed(each, leaves) for each in parts]
    if kind == "neg":
        return -inner[0]
    if kind == "total":
        return rows.total(inner)
    if kind == "dot":
        return rows.dot(inner[:2], inner[2:])
    return inner[0] + inner[1] if kind == "add" else inner[0] - inner[1]


def exact(tape: Tape, numbers: list[int]) -> tuple[Fraction, list[Fraction]]:
    """The first output and its gradient in fractions, by forward mode."""
    rows_of = {"add": lambda a: a[0] + a[1], "sub": lambda a: a[0] - a[1], "neg": lambda a: -a[0],
               "mul": lambda a: a[0] * a[1], "total": sum,
               "dot": lambda a: sum(x * y for x, y in zip(a[: len(a) // 2], a[len(a) // 2 :], strict=True))}

    def at(point: list[Fraction]) -> Fraction:
        data = list(point)
        for op, operands in tape.instructions:
            data.append(Fraction(rows_of[op.name]([data[e] if type(e) is int else Fraction(e) for e in operands])))
        output = tape.outputs[0]
        return data[output] if type(output) is int else Fraction(output)

    point = [Fraction(each) for each in numbers]
    # The functions are polynomials; a central difference of a quadratic is exact, of higher powers this is not its
    # derivative, but the same number for equal polynomials.
    moved = [[each + (h if k == i else 0) for k, each in enumerate(point)] for i in range(4) for h in (1, -1)]
    return at(point), [at(each) for each in moved]


@given(sums(), st.lists(st.integers(-5, 5), min_size=4, max_size=4))
def test_every_term_is_there_once_with_its_sign(tree: Any, numbers: list[int]) -> None:
    tape = record(lambda *leaves: computed(tree[0], leaves), NAMES)
    assert exact(fuse_linear(tape), numbers) == exact(tape, numbers)


def test_a_sum_of_differences_keeps_the_differences() -> None:
    x = [1e8 + 1.0 / (1 + at) for at in range(50)]
    names = [f"x_{at}" for at in range(50)]
    tape = record(lambda *x: rows.total([each - 1e8 for each in x] + [a - b for a, b in pairwise(x)]), names)
    fused = fuse_linear(tape)
    assert fused.forward(x)[fused.outputs[0]] == tape.forward(x)[tape.outputs[0]]  # type: ignore[index]


def test_a_layer_is_as_many_dots_as_units() -> None:
    def f(*scalars: Any) -> Any:
        weights, inputs = scalars[:6], scalars[6:]
        units = [sum(w * x for w, x in zip(weights[3 * j : 3 * j + 3], inputs, strict=True)) + 1.0 for j in range(2)]
        return rows.tanh(units[0]) * rows.tanh(units[1])

    names = [f"w_{at}" for at in range(6)] + [f"x_{at}" for at in range(3)]
    found = fuse_linear(record(f, names))
    assert [each.op.name for each in found.instructions].count("dot") == 2
    point = np.linspace(-1.0, 1.0, 9).tolist()
    tape = record(f, names)
    assert found.reverse(found.forward(point))[:9] == pytest.approx(tape.reverse(tape.forward(point))[:9], rel=1e-14)
