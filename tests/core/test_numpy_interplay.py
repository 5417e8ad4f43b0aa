"""Values beside NumPy: scalars and arrays from both sides, ufuncs on arrays of Values, and the limits."""

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.errors import OperandError
from autograd_core.value import Value

BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
each_operator = pytest.mark.parametrize("apply", BINARY, ids=lambda apply: apply.__name__)
SCALARS = [np.float64, np.float32, np.float16, np.longdouble, np.int64, np.int8, np.uint32, np.array]
each_scalar = pytest.mark.parametrize("scalar", SCALARS, ids=lambda kind: kind.__name__)


def values(*numbers: float) -> Any:
    return np.array([Value(number) for number in numbers])


def data(array: Any) -> Any:
    return np.vectorize(lambda value: value.data, otypes=[float])(array)


def grads(array: Any) -> list[float]:
    return [value.grad for value in array.flat]


def test_a_value_defines_neither_hook_of_numpy() -> None:
    for hook in ("__array_ufunc__", "__array_priority__", "__array__", "__array_interface__", "__len__", "dtype"):
        assert not hasattr(Value(1.0), hook)
        assert not hasattr(Value, hook)


@each_operator
@each_scalar
def test_a_numpy_scalar_on_either_side_makes_one_ordinary_node(apply: Any, scalar: Any) -> None:
    x, twin = Value(3.0), Value(3.0)
    for node, expected in ((apply(scalar(2), x), apply(2.0, twin)), (apply(x, scalar(2)), apply(twin, 2.0))):
        assert type(node) is Value
        assert (node.op, node.data, node.partials) == (expected.op, expected.data, expected.partials)
        assert len(node.edges) == 1
        node.backward()
        expected.backward()
    assert x.grad == twin.grad


@each_operator
@pytest.mark.parametrize("kind", [float, int, np.float32, object])
def test_a_value_and_an_array_from_either_side_make_an_array_of_values(apply: Any, kind: Any) -> None:
    x = Value(2.0)
    array = np.array([[1, 2, 3], [4, 5, 6]]).astype(kind)
    for result, expected in ((apply(x, array), apply(2.0, array.astype(float))),
                             (apply(array, x), apply(array.astype(float), 2.0))):
        assert (result.dtype, result.shape) == (np.dtype(object), (2, 3))
        assert all(type(each) is Value for each in result.flat)
        assert data(result) == pytest.approx(expected, rel=1e-15)


@each_operator
def test_arrays_of_values_broadcast(apply: Any) -> None:
    column, row = values(1.0, 2.0).reshape(2, 1), values(3.0, 4.0, 5.0)
    result = apply(column, row)
    assert result.shape == (2, 3)
    assert data(result) == pytest.approx(apply(data(column), data(row)), rel=1e-15)


def test_an_empty_array_and_one_without_dimensions() -> None:
    x = Value(2.0)
    assert (x * np.array([])).shape == (0,)
    for result in (x * np.array(3.0), np.array(3.0) * x, x * np.array(Value(3.0)), np.array(Value(3.0)) * x):
        assert type(result) is Value
        assert result.data == 6.0


def test_an_augmented_assignment_into_an_array_and_with_one() -> None:
    x = Value(2.0)
    y = x
    y += np.array([1.0, 2.0])  # type: ignore[misc]
    assert data(y).tolist() == [3.0, 4.0]
    array = values(1.0, 2.0)
    array *= x
    assert data(array).tolist() == [2.0, 4.0]
    with pytest.raises(TypeError):
        np.add(np.ones(2), x, out=np.ones(2))


UFUNCS = [
    ("exp", 0.5), ("expm1", 0.5), ("log", 0.5), ("log1p", 0.5), ("log2", 0.5), ("log10", 0.5), ("sqrt", 0.5),
    ("sin", 0.5), ("cos", 0.5), ("tan", 0.5), ("arcsin", 0.5), ("arccos", 0.5), ("arctan", 0.5), ("sinh", 0.5),
    ("cosh", 0.5), ("tanh", 0.5), ("arcsinh", 0.5), ("arccosh", 1.5), ("arctanh", 0.5), ("absolute", -0.5),
    ("negative", 0.5), ("square", 0.5), ("reciprocal", 0.5), ("positive", 0.5), ("abs", -0.5),
]


@pytest.mark.parametrize(("name", "number"), UFUNCS)
def test_a_ufunc_of_one_argument_on_an_array_of_values_records(name: str, number: float) -> None:
    ufunc = getattr(np, name)
    x = Value(number)
    y = ufunc(np.array([x]))[0]
    assert y.data == pytest.approx(float(ufunc(number)), rel=1e-15)
    y.backward()
    step = 1e-6
    difference = (float(ufunc(number + step)) - float(ufunc(number - step))) / (2 * step)
    assert x.grad == pytest.approx(difference, rel=1e-8)


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "power", "hypot", "arctan2"])
def test_a_ufunc_of_two_arguments_on_arrays_of_values_records(name: str) -> None:
    ufunc = getattr(np, name)
    left, right = values(1.5, 2.0), values(0.5, 3.0)
    result = ufunc(left, right)
    assert data(result) == pytest.approx(ufunc(data(left), data(right)), rel=1e-15)
    np.sum(result).backward()
    for array, at in ((left, 0), (right, 1)):
        step = np.zeros((2, 2))
        step[at] = 1e-6
        numbers = np.array([data(left), data(right)])
        difference = (ufunc(*(numbers + step)) - ufunc(*(numbers - step))) / 2e-6
        assert grads(array) == pytest.approx(difference.tolist(), rel=1e-7)


def test_matrix_times_vector_records_every_product() -> None:
    W, x = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)], [Value(5.0), Value(6.0)]]), values(0.5, -1.0)
    a = W @ x
    assert data(a).tolist() == [-1.5, -2.5, -3.5]
    np.sum(a * np.array([1.0, 10.0, 100.0])).backward()
    assert grads(x) == [1.0 + 30.0 + 500.0, 2.0 + 40.0 + 600.0]
    assert grads(W) == [0.5, -1.0, 5.0, -10.0, 50.0, -100.0]


@pytest.mark.parametrize("product", [np.matmul, np.dot, operator.matmul], ids=["matmul", "dot", "@"])
def test_numbers_times_values_and_values_times_numbers(product: Callable[[Any, Any], Any]) -> None:
    numbers, x = np.array([[1.0, 2.0], [3.0, 4.0]]), values(5.0, 6.0)
    assert data(product(numbers, x)).tolist() == (numbers @ [5.0, 6.0]).tolist()
    assert data(product(x, numbers)).tolist() == ([5.0, 6.0] @ numbers).tolist()
    product(numbers, x)[0].backward()
    assert grads(x) == [1.0, 2.0]


def test_reductions_record() -> None:
    for reduce, expected in (
        (np.sum, [1.0, 1.0, 1.0]), (np.mean, [1 / 3] * 3), (np.prod, [12.0, 8.0, 6.0]),
        (lambda x: x.sum(), [1.0] * 3), (lambda x: x.mean(), [1 / 3] * 3), (lambda x: np.dot(x, x), [4.0, 6.0, 8.0]),
        (lambda x: np.cumsum(x)[1], [1.0, 1.0, 0.0]), (np.linalg.norm, [2 / 29**0.5, 3 / 29**0.5, 4 / 29**0.5]),
        (lambda x: np.outer(x, x).sum(), [18.0] * 3), (lambda x: np.einsum("i,i", x, x), [4.0, 6.0, 8.0]),
        (lambda x: np.trace(np.diag(x)), [1.0] * 3), (lambda x: np.average(x, weights=[1, 2, 1]), [0.25, 0.5, 0.25]),
    ):
        x = values(2.0, 3.0, 4.0)
        y = reduce(x)
        assert type(y) is Value
        y.backward()
        assert grads(x) == pytest.approx(expected, rel=1e-15)


def test_the_rows_take_arrays_of_values() -> None:
    x = values(0.5, -1.0)
    assert data(ag.tanh(x)).tolist() == [math.tanh(0.5), math.tanh(-1.0)]
    assert data(ag.maximum(x, 0.0)).tolist() == [0.5, 0.0]
    assert ag.total(x).data == -0.5
    assert ag.mean(list(x)).data == -0.25


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
def test_an_order_comparison_with_an_array_compares_each_element(compare: Any) -> None:
    array, x = np.array([1.0, 2.0, 3.0]), Value(2.0)
    for left, right, expected in ((x, array, compare(2.0, array)), (array, x, compare(array, 2.0)),
                                  (array.astype(object), x, compare(array, 2.0))):
        result = compare(left, right)
        assert result.tolist() == expected.tolist()


def test_equality_with_numbers_in_an_array_raises_and_between_values_is_identity() -> None:
    a, b = Value(1.0), Value(1.0)
    with pytest.raises(OperandError, match="identity"):
        operator.eq(a, np.array([1.0]))
    with pytest.raises(OperandError, match="identity"):
        operator.eq(np.array([1.0]), a)
    assert (np.array([a, b]) == np.array([a, a])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("make", "wording"),
    [
        (lambda x: x * np.array([True]), "got the bool True"),
        (lambda x: np.array([True]) * x, "got the bool True"),
        (lambda x: x * np.array([1j]), "got 1j of type complex"),
        (lambda x: np.array(["a"]) * x, "got 'a' of type str"),
        (lambda x: x * np.array([None]), "got None"),
        (lambda x: np.array([x], dtype=float), "would cut the graph without a word"),
        (lambda x: np.zeros(2).__setitem__(0, x), "would cut the graph without a word"),
        (lambda x: np.float64(x), "would cut the graph without a word"),
        (lambda x: Value(np.array([x])), "one real number; got an array of shape (1,)"),
        (lambda x: np.floor(np.array([x])), "would cut the graph without a word"),
    ],
)
def test_what_would_cut_the_graph_or_is_no_number_is_refused(make: Callable[[Value], Any], wording: str) -> None:
    with pytest.raises(TypeError) as caught:
        make(Value(2.0))
    assert wording in str(caught.value)


# --- documented limits ----------------------------------------------------------------------------


def test_limit_numpys_maximum_max_and_sort_pick_an_operand_where_ours_share_a_tie() -> None:
    x, y = Value(2.0), Value(2.0)
    picked = np.maximum(np.array([x]), np.array([y]))[0]
    assert picked is x or picked is y
    assert max(x, y) is x
    assert np.max(np.array([x, y])) is x or np.max(np.array([x, y])) is y
    assert np.sort(np.array([Value(3.0), x]))[0] is x
    assert np.clip(np.array([Value(5.0)]), 0.0, 1.0)[0] == 1.0  # the bound itself: no longer a Value
    ours = ag.maximum(x, y)
    ours.backward()
    assert (x.grad, y.grad) == (0.5, 0.5)


def test_limit_numpys_sign_counts_without_recording() -> None:
    assert np.sign(np.array([Value(-2.0)])).tolist() == [-1]
    assert ag.sign(Value(-2.0)).op is ag.sign


def test_limit_functions_without_a_loop_for_objects_raise() -> None:
    for ufunc in (np.heaviside, np.logaddexp, np.float_power, np.cbrt, np.isnan):
        with pytest.raises(TypeError):
            ufunc(*[values(1.0)] * ufunc.nin)
