"""The Python a symbol writes computes, bit for bit, what the rows compute: on floats and on Values.

In that source an infix operator is Python's own, and every other operation calls its row by name; rows of
any number of operands take lists.
"""

import math
from typing import Any

import numpy as np
import pytest

from autograd_core.primitives import TABLE
from autograd_core.row import Primitive
from autograd_core.symbol import Symbol
from autograd_core.value import Value
from tests.core.reference import draw_operands
from tests.core.sweeps import call, number
from tests.core.trees import NAMES, evaluate, random_tree

NAMESPACE: dict[str, Any] = {row.name: row for row in TABLE} | {"inf": math.inf, "nan": math.nan}

each_row = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)


def run(source: str, at: dict[str, Any]) -> Any:
    return eval(source, {"__builtins__": {}}, NAMESPACE | at)


def outcome(compute: Any, *arguments: Any) -> float:
    """The number, or nan where there is none."""
    try:
        return number(compute(*arguments))
    except ArithmeticError:
        return math.nan


def same_bits(one: float, other: float) -> bool:
    return np.float64(one).tobytes() == np.float64(other).tobytes() or (math.isnan(one) and math.isnan(other))


@each_row
def test_the_source_of_a_row_is_the_row(row: Primitive) -> None:
    for operands in draw_operands(row, 50, seed=4):
        leaves = [Symbol(f"x_{at}") for at in range(len(operands))]
        source = call(row, leaves).python
        numbers = {leaf.python: operand for leaf, operand in zip(leaves, operands, strict=True)}
        wanted = call(row, operands)
        if math.isinf(wanted):
            continue  # Python's own ** and / raise OverflowError where a row answers inf
        assert same_bits(run(source, numbers), wanted), source
        recorded = run(source, {name: Value(operand) for name, operand in numbers.items()})
        assert same_bits(recorded.data, wanted), source


@each_row
def test_a_number_in_the_source_is_that_number(row: Primitive) -> None:
    for operands in draw_operands(row, 20, seed=5):
        source = Symbol.applied(row, operands).python
        wanted = call(row, operands)
        assert math.isinf(wanted) or same_bits(run(source, {}), wanted), source


@pytest.mark.parametrize("seed", range(300))
def test_random_expressions_compute_the_same_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tree = random_tree(rng, depth=4)
    at = {name: float(rng.uniform(-3.0, 3.0)) for name in NAMES}
    wanted = outcome(evaluate, tree, at)
    if math.isinf(wanted):
        return
    assert same_bits(outcome(run, tree.python, at), wanted), tree.python
    values = {name: Value(x) for name, x in at.items()}
    assert same_bits(outcome(run, tree.python, values), wanted), tree.python


def test_infinities_and_nan_are_written_as_names() -> None:
    assert Symbol(number=-math.inf).python == "-inf"
    assert Symbol.applied(NAMESPACE["add"], (Symbol("x"), math.nan)).python == "x + nan"
    assert Symbol(number=-math.inf).javascript == "-Infinity"


def test_a_name_that_is_a_keyword_of_python_is_not_used_as_it_is() -> None:
    assert Symbol("lambda").python == "lambda_"
    assert run((2.0 * Symbol(r"\lambda")).python, {"lambda_": 3.0}) == 6.0


def test_a_power_python_would_make_complex_is_called_by_name() -> None:
    assert Symbol.applied(NAMESPACE["pow"], (-8.0, 2.0)).python == "(-8.0) ** 2.0"
    assert Symbol.applied(NAMESPACE["pow"], (-8.0, 0.5)).python == "pow(-8.0, 0.5)"
    assert (2.0 ** Symbol("x")).python == "pow(2.0, x)"


def test_lists_stay_lists() -> None:
    a, b, c, d = map(Symbol, "abcd")
    assert NAMESPACE["total"]([a, b]).python == "total([a, b])"
    assert NAMESPACE["dot"]([a, b], [c, d]).python == "dot([a, b], [c, d])"
    assert NAMESPACE["dot"]([a, b], [c, d]).javascript == "dot([a, b], [c, d])"
    assert NAMESPACE["logsumexp"]([a, -b]).python == "logsumexp([a, -b])"
