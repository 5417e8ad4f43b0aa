"""Kinks of several inputs: the vector of a gradient is legal along every direction, not input by input alone.

What is legal follows from the subdifferential, written down by hand: of max(x, y) at a tie the segment from (1, 0)
to (0, 1), of |x - y| that from (1, -1) to (-1, 1), of the length at 0 the unit disk.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd_core import abs as absolute
from autograd_core import hypot, maximum, minimum, relu, total
from autograd_core.testing import gradcheck, planted

each_oracle = pytest.mark.parametrize("oracle", [None, "differences"])

CASES: list[tuple[str, Callable[..., Any], tuple[float, ...], list[tuple[float, ...]], list[tuple[float, ...]]]] = [
    ("max", lambda x, y: maximum(x, y), (1.0, 1.0), [(1, 0), (0, 1), (0.5, 0.5), (0.3, 0.7)],
     [(1, 1), (0, 0), (0.3, 0.8), (0.5, 0.4)]),
    ("max of another slope", lambda x, y: maximum(x, 2 * y), (2.0, 1.0), [(1, 0), (0, 2), (0.5, 1)], [(1, 2), (0, 0)]),
    ("min", lambda x, y: 3 * minimum(x, y), (-2.0, -2.0), [(3, 0), (1.5, 1.5)], [(3, 3), (0, 0)]),
    ("|x - y|", lambda x, y: absolute(x - y), (1.0, 1.0), [(1, -1), (0, 0), (0.4, -0.4)], [(1, 1), (-1, -1), (1, 0)]),
    ("length", lambda x, y: hypot(x, y), (0.0, 0.0), [(0, 0), (0.6, 0.8), (1, 0)], [(1, 1), (0.9, -0.9)]),
    ("max of three", lambda x, y, z: maximum(maximum(x, y), z), (1.0, 1.0, 1.0), [(0.25, 0.25, 0.5)],
     [(0.5, 0.5, 0.5), (1, 1, 1), (0, 0, 0)]),
    ("sum of relus", lambda x, y: relu(x) + relu(y), (0.0, 0.0), [(0, 0), (1, 1), (1, 0), (0.2, 0.9)], []),
    ("difference of relus", lambda x, y: relu(x) - relu(y), (0.0, 0.0), [(0, 0), (1, -1), (1, 0), (0.5, -0.2)], []),
    ("a dent", lambda x, u: minimum(absolute(x), u), (0.0, 0.0), [(0, 0.5), (0, 1), (0, 0)], []),
    ("a small tie", lambda x, y: maximum(x, y), (1e-5, 1e-5), [(0.5, 0.5)], [(1, 1), (0, 0)]),
    ("a large tie", lambda x, y: maximum(x, y), (1e5, 1e5), [(0.5, 0.5)], [(1, 1), (0, 0)]),
]


@each_oracle
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_a_gradient_is_legal_if_it_is_a_subgradient(case: Any, oracle: Any) -> None:
    _, f, point, right, wrong = case
    for gradient, is_legal in [(each, True) for each in right] + [(each, False) for each in wrong]:
        report = gradcheck(f, *point, gradient=lambda *_: gradient, oracle=oracle)  # noqa: B023
        assert {entry.verdict for entry in report.entries} == {"kink"}
        assert bool(report) is is_legal, (gradient, str(report))


def test_functions_of_plain_numbers_are_held_to_the_same() -> None:
    plain: list[tuple[Callable[..., float], tuple[float, float], bool]] = [
        (lambda x, y: max(float(x), float(y)), (1.0, 1.0), False),
        (lambda x, y: max(float(x), float(y)), (0.0, 0.0), False),
        (lambda x, y: max(float(x), float(y)), (0.5, 0.5), True),
        (lambda x, y: float(np.abs(float(x) - float(y))), (1.0, 1.0), False),
        (lambda x, y: float(np.abs(float(x) - float(y))), (0.3, -0.3), True),
        (lambda x, y: max(float(x) - 1.0, 0.0) - max(float(y) - 1.0, 0.0), (0.0, 0.0), True),
    ]
    for f, gradient, is_legal in plain:
        report = gradcheck(f, 1.0, 1.0, gradient=lambda *_: gradient)  # noqa: B023
        assert {entry.verdict for entry in report.entries} == {"kink"}
        assert bool(report) is is_legal, (gradient, str(report))


@each_oracle
def test_the_inputs_to_blame_are_named_and_no_others(oracle: Any) -> None:
    def f(x: Any, y: Any, u: Any, v: Any) -> Any:
        return maximum(x, y) + maximum(u, v)

    report = gradcheck(f, 1.0, 1.0, 3.0, 3.0, gradient=lambda *_: (1.0, 1.0, 0.5, 0.5), oracle=oracle)
    assert [entry.legal for entry in report.entries] == [False, False, True, True]
    note = report.entries[0].note
    assert "not legal together" in note and "1 x" in note and "1 y" in note and "u" not in note.split("along")[1][:12]


@each_oracle
@pytest.mark.parametrize("weights", [(1, 1, 1, 1), (1, -2, 0.5, -3), (-1, -1, -1, -1)])
def test_the_engine_s_own_relus_stay_legal_whatever_their_weights(weights: Any, oracle: Any) -> None:
    def f(xs: Any) -> Any:
        return total([weight * relu(x) for weight, x in zip(weights, xs, strict=True)])

    report = gradcheck(f, [0.0] * 4, oracle=oracle)
    assert report and set(report.verdicts.values()) == {"kink"}


@each_oracle
def test_a_maximum_that_feeds_both_is_caught_at_a_tie(oracle: Any) -> None:
    with planted("maximum-feeds-both"):
        report = gradcheck(lambda x, y: maximum(x, y) * 3, 1.0, 1.0, oracle=oracle)
    assert not report and [entry.legal for entry in report.entries] == [False, False]
    assert gradcheck(lambda x, y: maximum(x, y) * 3, 1.0, 1.0, oracle=oracle)
