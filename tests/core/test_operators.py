"""Python's operators on Values are their rows, bit for bit, from both sides and with every kind of number."""

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd_core import primitives as rows
from autograd_core.errors import DomainError, OperandError
from autograd_core.row import Primitive
from autograd_core.value import Value

BINARY: list[tuple[Callable[[Any, Any], Any], Primitive]] = [
    (operator.add, rows.add),
    (operator.sub, rows.sub),
    (operator.mul, rows.mul),
    (operator.truediv, rows.div),
    (operator.pow, rows.pow),
]
UNARY: list[tuple[Callable[[Any], Any], Primitive]] = [(operator.neg, rows.neg), (abs, rows.abs)]
NUMBERS = [float, np.float64, np.float32, lambda x: int(x) or 1, lambda x: np.int64(int(x) or 1)]
PAIRS = [tuple(map(float, pair)) for pair in np.random.default_rng(0).uniform(0.1, 9.0, size=(30, 2))]
EDGES = [
    (0.0, 1.0), (-0.0, 2.0), (1.0, 0.0), (math.inf, 2.0), (1.0, math.inf), (math.nan, 1.0), (1e200, 1e200),
    (5e-324, 2.0), (2.0, 3.0), (-2.0, 3.0), (-8.0, 1 / 3), (math.inf, -math.inf), (-1e308, 1e308),
]

each_binary = pytest.mark.parametrize(("python", "row"), BINARY, ids=lambda thing: getattr(thing, "name", ""))
each_unary = pytest.mark.parametrize(("python", "row"), UNARY, ids=lambda thing: getattr(thing, "name", ""))


def bits(*numbers: float) -> list[bytes]:
    return [np.float64(x).tobytes() if x == x else b"nan" for x in numbers]


def assert_same_node(one: Value, other: Value) -> None:
    assert one.op is other.op
    assert bits(one.data, *one.partials) == bits(other.data, *other.partials)
    assert [type(operand) for operand in one.operands] == [type(operand) for operand in other.operands]


def both(left: Any, right: Any, python: Any, row: Primitive) -> None:
    """The operator and the row make the same node, or raise the same error."""
    try:
        wanted = row(left, right)
    except DomainError as error:
        with pytest.raises(DomainError) as caught:
            python(left, right)
        assert str(caught.value) == str(error)
    else:
        assert_same_node(python(left, right), wanted)


@each_binary
def test_an_operator_between_values_is_its_row(python: Any, row: Primitive) -> None:
    for x, y in PAIRS + EDGES:
        both(Value(x), Value(y), python, row)


@each_binary
@pytest.mark.parametrize("kind", NUMBERS)
def test_an_operator_with_a_number_on_either_side_is_its_row(python: Any, row: Primitive, kind: Any) -> None:
    for x, y in PAIRS:
        both(Value(x), kind(y), python, row)
        both(kind(x), Value(y), python, row)


@each_binary
def test_an_operator_with_a_float_at_the_edges_is_its_row(python: Any, row: Primitive) -> None:
    for x, y in EDGES:
        both(Value(x), y, python, row)
        both(x, Value(y), python, row)


@each_unary
def test_a_sign_operator_is_its_row(python: Any, row: Primitive) -> None:
    for x in (0.0, -0.0, 2.5, -2.5, math.inf, math.nan):
        assert_same_node(python(Value(x)), row(Value(x)))


@each_binary
def test_a_number_is_an_operand_of_type_float_and_has_no_edge(python: Any, row: Primitive) -> None:
    for number in (2, 2.0, np.float64(2.0), np.float32(2.0), np.int64(2)):
        node = python(Value(3.0), number)
        assert type(node.operands[1]) is float
        assert len(node.edges) == 1
        node = python(number, Value(3.0))
        assert type(node.operands[0]) is float
        assert len(node.edges) == 1


@each_binary
@pytest.mark.parametrize("thing", [True, np.True_, "2", 1j, None])
def test_what_is_not_a_number_is_refused(python: Any, row: Primitive, thing: Any) -> None:
    for left, right in ((Value(2.0), thing), (thing, Value(2.0))):
        with pytest.raises(OperandError, match=f"{row.name} got"):
            python(left, right)


@each_binary
def test_an_array_spreads_over_its_elements_from_both_sides(python: Any, row: Primitive) -> None:
    array, x = np.array([[1.0, 2.0], [3.0, 4.0]]), Value(1.5)
    left, right = python(x, array), python(array, x)
    assert left.shape == right.shape == array.shape
    for at, element in np.ndenumerate(array):
        assert_same_node(left[at], row(x, float(element)))
        assert_same_node(right[at], row(float(element), x))


def test_an_augmented_assignment_makes_a_new_node() -> None:
    x = y = Value(2.0)
    y += 1.0
    assert x.data == 2.0
    assert y.op is rows.add
