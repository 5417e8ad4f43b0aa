"""Gradients, Jacobians, Hessians, forward and reverse products: structures, orders, nesting and mistakes."""

import itertools
import math
import operator
import threading
from collections import namedtuple
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autograd_core import Value, cos, dot, exp, maximum, relu, sigmoid, sin, sqrt, total, transforms
from autograd_core.errors import DomainError, OperandError, StaleGraphError
from autograd_core.primitives import TABLE
from autograd_core.row import Primitive
from autograd_core.structures import flatten
from autograd_core.testing.expressions import Expression, draw_expression
from autograd_core.transforms import grad, hessian, jacobian, jvp, value_and_grad, vjp
from tests.core import test_higher_derivatives as orders
from tests.core.named_problems import PROBLEMS, Problem
from tests.core.sweeps import call

inf, nan = math.inf, math.nan
Layer = namedtuple("Layer", ["w", "b"])
each_row = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
each_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
exact_derivative = cache(orders.exact_derivative)


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> Any:
    yield
    assert not transforms._ACTIVE


def on_scalars(row: Primitive) -> Callable[..., Any]:
    return lambda *operands: call(row, operands)


def unit(size: int, at: int) -> tuple[float, ...]:
    return tuple(float(at == each) for each in range(size))


# --- structures ---------------------------------------------------------------------------------


def quadratic(x: Any) -> Any:
    """1/2 sum i x_i**2 over the scalars of a structure, i counted from 1: its gradient is i x_i."""
    scalars, _ = flatten(x)
    return total([0.5 * at * each * each for at, each in enumerate(scalars, 1)])


STRUCTURES: list[tuple[Any, Any]] = [
    (3.0, 3.0),
    ([3.0, 4.0], [3.0, 8.0]),
    ((3.0, [4.0, 5.0]), (3.0, [8.0, 15.0])),
    ({"w": [3.0], "b": {"c": 4.0}}, {"w": [3.0], "b": {"c": 8.0}}),
    (Layer([3.0, 4.0], 5.0), Layer([3.0, 8.0], 15.0)),
    ([], []),
    ({"a": (), "b": 2.0}, {"a": (), "b": 2.0}),
    (np.array(3.0), 3.0),
    (np.array([3.0, 4.0]), np.array([3.0, 8.0])),
    (np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 4.0], [9.0, 16.0]])),
    (np.zeros((0, 2)), np.zeros((0, 2))),
    ([np.array([1, 2]), {"a": np.array([[3]])}], [np.array([1.0, 4.0]), {"a": np.array([[9.0]])}]),
    (np.float32(3.0), 3.0), (np.int64(3), 3.0), (3, 3.0), (np.float64(3.0), 3.0),
]


def require_same(got: Any, wanted: Any) -> None:
    assert type(got) is type(wanted)
    if isinstance(wanted, np.ndarray):
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, wanted, strict=True)
    elif isinstance(wanted, dict):
        assert list(got) == list(wanted)
        for key in wanted:
            require_same(got[key], wanted[key])
    elif isinstance(wanted, (list, tuple)):
        assert len(got) == len(wanted)
        for got_part, part in zip(got, wanted, strict=True):
            require_same(got_part, part)
    else:
        assert got == wanted


@pytest.mark.parametrize(("x", "gradient"), STRUCTURES, ids=lambda each: repr(each)[:30])
def test_every_structure_comes_back_as_it_went_in(x: Any, gradient: Any) -> None:
    require_same(grad(quadratic)(x), gradient)
    value, again = value_and_grad(quadratic)(x)
    assert type(value) is float
    require_same(again, gradient)
    require_same(vjp(quadratic, x)[1](1.0), (gradient,))
    require_same(jacobian(quadratic)(x), gradient)
    require_same(grad(quadratic, (0,))(x), (gradient,))
    # The identity's Jacobian, pushed and pulled, has the structure twice.
    ones = flatten(gradient)[1]([1.0] * len(flatten(x)[0]))
    require_same(jvp(lambda each: each, (x,), (ones,))[1], ones)
    require_same(vjp(lambda each: each, x)[1](gradient), (gradient,))
    assert jvp(quadratic, (x,), (ones,))[1] == pytest.approx(sum(flatten(gradient)[0]), rel=1e-15, abs=0.0)


def test_a_jacobian_has_the_results_structure_with_the_arguments_inside() -> None:
    def f(p: Any, t: float) -> Any:
        return {"sum": p["w"][0] + p["w"][1] + t, "parts": (p["w"][0] * t, [p["b"]])}

    point = {"w": [2.0, 3.0], "b": 5.0}
    rows = {
        "sum": {"w": [1.0, 1.0], "b": 0.0},
        "parts": ({"w": [7.0, 0.0], "b": 0.0}, [{"w": [0.0, 0.0], "b": 1.0}]),
    }
    assert jacobian(f)(point, 7.0) == rows
    assert jacobian(f, 1)(point, 7.0) == {"sum": 1.0, "parts": (2.0, [0.0])}
    both = jacobian(f, (0, 1))(point, 7.0)
    assert both["parts"] == (({"w": [7.0, 0.0], "b": 0.0}, 2.0), [({"w": [0.0, 0.0], "b": 1.0}, 0.0)])


def test_between_arrays_shapes_are_put_one_after_the_other() -> None:
    matrix = np.arange(6.0).reshape(2, 3)
    require_same(jacobian(lambda x: matrix @ x)(np.ones(3)), matrix)
    outer = jacobian(lambda X: X @ X.T)(matrix)
    wanted = np.einsum("ik,jl->ijkl", np.eye(2), matrix) + np.einsum("jk,il->ijkl", np.eye(2), matrix)
    require_same(outer, wanted)
    require_same(jacobian(lambda x: np.array([x * x, 3.0, x]))(2.0), np.array([4.0, 0.0, 1.0]))
    require_same(hessian(lambda x: x @ matrix[:, :2] @ x)(np.ones(2)), matrix[:, :2] + matrix[:, :2].T)
    third = jacobian(hessian(lambda x: x[0] * x[1] * x[2]))(np.array([2.0, 3.0, 5.0]))
    wanted = np.zeros((3, 3, 3))
    for at in itertools.permutations(range(3)):
        wanted[at] = 1.0
    require_same(third, wanted)


def test_an_array_by_a_structure_is_a_structure_of_arrays() -> None:
    rows = jacobian(lambda x: np.array([x[0] * x[1], x[1]]))([2.0, 5.0])
    require_same(rows, [np.array([5.0, 0.0]), np.array([2.0, 1.0])])
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    left, right = jacobian(lambda a, b: np.array([a @ b, a[0] * 1.0]), (0, 1))(a, b)
    require_same(left, np.array([[3.0, 4.0], [1.0, 0.0]]))
    require_same(right, np.array([[1.0, 2.0], [0.0, 0.0]]))
    require_same(jacobian(lambda x: [x[0], 2.0 * x[1]])(np.ones(2)), [np.array([1.0, 0.0]), np.array([0.0, 2.0])])


def test_the_hessian_of_a_model_has_a_block_for_each_pair_of_parameters() -> None:
    x, parameters = np.array([2.0, 3.0]), {"W": np.ones((3, 2)), "b": np.zeros(3), "c": 1.0}
    blocks = hessian(lambda p: 0.5 * np.sum((p["W"] @ x + p["b"]) ** 2) * p["c"])(parameters)
    require_same(blocks["W"]["W"], np.einsum("ij,k,l->ikjl", np.eye(3), x, x))
    require_same(blocks["W"]["b"], np.einsum("ij,k->ikj", np.eye(3), x))
    require_same(blocks["b"]["b"], np.eye(3))
    require_same(blocks["b"]["c"], np.full(3, 5.0))
    require_same(blocks["c"]["W"], 5.0 * np.outer(np.ones(3), x))
    require_same(blocks["c"]["c"], 0.0)


def test_numpys_own_functions_see_the_values() -> None:
    x = np.array([0.5, 2.0])
    require_same(grad(lambda x: np.sum(np.exp(x)))(x), np.exp(x))
    require_same(jacobian(np.sin)(x), np.diag(np.cos(x)))
    assert grad(lambda x: np.asarray(x * x))(3.0) == 6.0  # a result without dimensions is a scalar


# --- arguments ----------------------------------------------------------------------------------


def three(x: Any, y: Any, z: Any = 2.0, *, scale: Any = 1.0) -> Any:
    """The one with a docstring."""
    return scale * x * y * y * z


@pytest.mark.parametrize(
    ("argnums", "wanted"),
    [(0, 50.0), (1, 60.0), (2, 75.0), (-1, 75.0), (-3, 50.0), ((0,), (50.0,)), ([0, 2], (50.0, 75.0)),
     ((2, 0), (75.0, 50.0)), ((-1, 0), (75.0, 50.0)), ((), ()), (range(3), (50.0, 60.0, 75.0)),
     (np.int64(1), 60.0), ((np.int8(1), 0), (60.0, 50.0))],
    ids=repr,
)
def test_argnums_choose_positions(argnums: Any, wanted: Any) -> None:
    assert grad(three, argnums)(3.0, 5.0, 2.0) == wanted
    assert value_and_grad(three, argnums)(3.0, 5.0, 2.0) == (150.0, wanted)
    assert jacobian(three, argnums)(3.0, 5.0, 2.0) == wanted
    # The jacobian of the gradient has the argument's structure twice.
    second = hessian(three, argnums)(3.0, 5.0, 2.0)
    table = np.array([[0.0, 20.0, 25.0], [20.0, 12.0, 30.0], [25.0, 30.0, 0.0]])
    chosen = [operator.index(argnums)] if not hasattr(argnums, "__len__") else list(argnums)
    np.testing.assert_array_equal(np.array(second).ravel(), table[np.ix_(chosen, chosen)].ravel())


def test_other_arguments_are_handed_on_as_they_are() -> None:
    seen: list[Any] = []

    def f(x: Any, how: Any, *more: Any, **options: Any) -> Any:
        seen.append((how, more, options))
        return x * x

    thing = object()
    assert grad(f)(3.0, "text", thing, None, flag=True) == 6.0
    assert seen == [("text", (thing, None), {"flag": True})]
    assert grad(three)(3.0, 5.0, scale=10.0) == 500.0
    assert grad(three)(3.0, y=5.0, z=1.0) == 25.0
    assert hessian(three, (0, 1))(3.0, 5.0, scale=10.0) == ((0.0, 200.0), (200.0, 120.0))
    assert vjp(partial(three, scale=10.0), 3.0, 5.0)[1](1.0) == (500.0, 600.0)


def test_a_transformed_function_keeps_its_name_and_documentation() -> None:
    for transform in (grad, value_and_grad, jacobian, hessian):
        assert transform(three).__name__ == "three"
        assert transform(three).__doc__ == "The one with a docstring."


def test_the_caller_s_structures_are_left_alone() -> None:
    def greedy(x: Any) -> Any:
        x.append(x[0] * x[1])
        x[0] = x[2] * x[2]
        return x[0]

    given = [2.0, 3.0]
    assert grad(greedy)(given) == [36.0, 24.0]
    assert given == [2.0, 3.0]
    array = np.array([2.0, 3.0])

    def overwrite(x: Any) -> Any:
        x[0] = x[0] * x[1]
        return x[0]

    require_same(grad(overwrite)(array), np.array([3.0, 2.0]))
    assert array.tolist() == [2.0, 3.0]


def test_the_same_argument_twice_is_two_arguments() -> None:
    x = Value(3.0)
    first, second = grad(lambda a, b: a * b * b, (0, 1))(x, x)
    assert (first.data, second.data) == (9.0, 18.0)
    both = grad(lambda pair: pair[0] * pair[1] * pair[1])([x, x])
    assert [each.data for each in both] == [9.0, 18.0]


# --- order ----------------------------------------------------------------------------------------


@each_row
def test_the_third_derivatives_of_every_row_agree_with_mpmath_however_they_are_made(row: Primitive) -> None:
    f = on_scalars(row)
    for operands in orders.moderate_points(row):
        size = len(operands)
        for i, j, k in itertools.combinations_with_replacement(range(size), 3):
            exact = exact_derivative(row, operands, (i, j, k))
            u, v, w = unit(size, i), unit(size, j), unit(size, k)

            def along(g: Callable[..., Any], direction: tuple[float, ...]) -> Callable[..., Any]:
                return lambda *point: jvp(g, point, direction)[1]

            found = {
                "grad grad grad": grad(grad(grad(f, i), j), k)(*operands),
                "jvp jvp jvp": along(along(along(f, u), v), w)(*operands),
                "jvp jvp grad": along(along(grad(f, i), v), w)(*operands),
                "grad jvp grad": grad(along(grad(f, i), v), k)(*operands),
                "grad grad jvp": grad(grad(along(f, u), j), k)(*operands),
                "vjp jvp vjp": vjp(along(lambda *point, i=i: vjp(f, *point)[1](1.0)[i], v), *operands)[1](1.0)[k],
            }
            for way, derivative in found.items():
                assert type(derivative) is float, way
                assert orders.is_close(derivative, exact), (way, operands, (i, j, k), derivative, exact)


@each_row
def test_jacobians_and_hessians_of_every_row_agree_with_mpmath(row: Primitive) -> None:
    f = on_scalars(row)
    for operands in orders.moderate_points(row):
        every = range(len(operands))
        gradient = grad(f, every)(*operands)
        second = hessian(f, every)(*operands)
        pushed = [jvp(f, operands, unit(len(operands), at))[1] for at in every]
        for i in every:
            exact = exact_derivative(row, operands, (i,))
            assert orders.is_close(gradient[i], exact)
            assert orders.is_close(pushed[i], exact)
            for j in every:
                assert orders.is_close(second[i][j], exact_derivative(row, operands, tuple(sorted((i, j)))))


@pytest.mark.parametrize("row", [row for row in TABLE if row.arity == 1], ids=lambda row: row.name)
def test_a_row_is_itself_a_function_to_differentiate(row: Primitive) -> None:
    ((x,), *_) = orders.moderate_points(row)
    slope = grad(row)(x)
    assert slope == row.local_derivatives(row(x), [x], [True])[0]
    assert orders.is_close(grad(grad(row))(x), exact_derivative(row, (x,), (0, 0)))
    assert jvp(row, (x,), (2.0,)) == (row(x), 2.0 * slope)


def test_rows_of_lists_take_lists() -> None:
    assert grad(total)([1.0, 2.0]) == [1.0, 1.0]
    assert grad(dot, (0, 1))([1.0, 2.0], [3.0, 4.0]) == ([3.0, 4.0], [1.0, 2.0])
    assert hessian(dot, (0, 1))([1.0], [3.0]) == ([([0.0], [1.0])], [([1.0], [0.0])])


@pytest.mark.parametrize("degree", range(5))
def test_a_power_is_differentiated_past_its_degree(degree: int) -> None:
    def power(x: Any) -> Any:
        return x**degree

    for x in (0.0, -0.0, 2.0, -2.0):
        derivative = power
        for order in range(7):
            wanted = math.perm(degree, order) * x ** (degree - order) if order <= degree else 0.0
            assert derivative(x) == wanted, (x, order)
            derivative = grad(derivative)


def test_derivatives_of_order_eight() -> None:
    derivative: Callable[..., Any] = sin
    for order in range(8):
        derivative = grad(derivative)
        assert derivative(0.7) == pytest.approx(math.sin(0.7 + (order + 1) * math.pi / 2), abs=1e-15, rel=1e-14)


def test_kinks_and_ends_of_domains_have_the_table_s_conventions() -> None:
    for f in (relu, abs, lambda x: maximum(x, 0.0) - 0.5 * x):
        derivative = f
        for _ in range(3):
            derivative = grad(derivative)
            assert derivative(0.0) == 0.0
    assert grad(sqrt)(0.0) == inf
    assert grad(grad(sqrt))(0.0) == -inf
    assert grad(grad(grad(sqrt)))(0.0) == inf
    assert jvp(sqrt, (0.0,), (2.0,)) == (0.0, inf)
    assert grad(sqrt)(Value(0.0)).data == inf
    assert grad(lambda x: x**0.5)(0.0) == inf
    with pytest.raises(DomainError, match=r"sqrt\(-1\)"):
        grad(sqrt)(-1.0)
    with pytest.raises(DomainError, match=r"div\(1, 0\)"):
        jvp(lambda x: 1.0 / x, (0.0,), (1.0,))


def test_an_infinite_slope_does_not_spoil_the_other_rows() -> None:
    def f(x: Any) -> Any:
        return [sqrt(x[0]), x[0], x[1]]

    wanted = [[inf, 0.0], [1.0, 0.0], [0.0, 1.0]]
    assert jacobian(f)([0.0, 2.0]) == wanted
    assert [[each.data for each in row] for row in jacobian(f)([Value(0.0), 2.0])] == wanted


# --- nesting ----------------------------------------------------------------------------------------


def test_perturbations_are_not_confused() -> None:
    def pushed(f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x: jvp(f, (x,), (1.0,))[1]

    def pulled(f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x: vjp(f, x)[1](1.0)[0]

    for outer, inner in itertools.product((grad, jacobian, pushed, pulled), repeat=2):
        assert outer(lambda x, d=inner: x * d(lambda y: x + y)(1.0))(3.0) == 1.0
        assert outer(lambda x, d=inner: x * d(lambda y: x * y)(x))(3.0) == 6.0
        assert outer(lambda x, d=inner: x * d(lambda y: x * y * y)(2.0))(3.0) == 24.0
        assert outer(lambda x, d=inner: d(lambda y: x * y * y * y)(x))(2.0) == 36.0
        assert outer(lambda x, d=inner: d(lambda y: d(lambda z: x * y * z * z)(y))(x))(3.0) == 24.0
        # The inner function sees the outer input only through a computed value, or not at all.
        assert outer(lambda x, d=inner: d(partial(operator.mul, sin(x)))(1.0))(0.0) == 1.0
        assert outer(lambda x, d=inner: d(lambda y: y * y)(3.0) * x)(2.0) == 6.0
        assert outer(lambda x, d=inner: d(lambda y: x * x)(3.0))(2.0) == 0.0


def test_what_an_inner_transform_gives_depends_on_the_outer_input_through_its_value_too() -> None:
    assert grad(lambda x: value_and_grad(lambda y: x * y)(2.0)[0])(3.0) == 2.0
    assert grad(lambda x: vjp(lambda y: x * y, 2.0)[1](5.0)[0])(3.0) == 5.0
    assert grad(lambda x: vjp(lambda y: 7.0 * y, 2.0)[1](x)[0])(3.0) == 7.0  # through the cotangent alone
    assert grad(lambda x: jvp(lambda y: y * y, (2.0,), (x,))[1])(3.0) == 4.0  # through the tangent alone
    assert grad(lambda x: total(jacobian(lambda y: [y[0] * x, y[1] * x * x])([1.0, 1.0])[1]))(3.0) == 6.0
    # A pullback may outlive the call that made it.
    assert grad(lambda x: vjp(lambda y: x * y * y, x)[1](x)[0])(2.0) == 24.0


def test_values_in_give_values_out_and_floats_floats() -> None:
    for f, slope in ((lambda x: x * x, 6.0), (lambda x: 3.0 * x, 3.0), (lambda x: 4.0, 0.0), (lambda x: x, 1.0)):
        x = Value(3.0)
        value, derivative = value_and_grad(f)(x)
        assert isinstance(value, Value)
        assert isinstance(derivative, Value)
        assert (value.data, derivative.data) == (f(3.0), slope)
        assert isinstance(jvp(f, (x,), (1.0,))[1], Value)
        assert isinstance(vjp(f, x)[1](1.0)[0], Value)
        assert type(grad(f)(3.0)) is float
        assert x.grad == 0.0
    x = Value(3.0)
    grad(lambda y: y**3)(x).backward()
    assert x.grad == 18.0
    pushed, slope = jvp(lambda y: y**3, (2.0,), (x,))
    assert (type(pushed), slope.data) == (float, 36.0)
    # A recorded direction makes every product recorded, that of a constant too.
    assert [each.data for each in jvp(lambda y: [y, 4.0], (2.0,), (x,))[1]] == [3.0, 0.0]
    assert [each.data for each in vjp(lambda y, z: y, 2.0, 5.0)[1](x)] == [3.0, 0.0]
    assert [type(each) for each in jacobian(lambda y: np.array([y, y * y]))(x)] == [Value, Value]


def test_a_parameter_that_is_closed_over_is_a_constant() -> None:
    w = Value(5.0, "w")
    assert grad(lambda x: w * x * x)(3.0) == 30.0
    assert type(value_and_grad(lambda x: w * x)(3.0)[0]) is float
    assert hessian(lambda x: w * x[0] * x[1])([1.0, 1.0]) == [[0.0, 5.0], [5.0, 0.0]]
    assert jvp(lambda x: w * x, (3.0,), (1.0,)) == (15.0, 5.0)
    assert vjp(lambda x: [w * x, w], 3.0)[1]([1.0, 1.0]) == (5.0,)
    assert grad(lambda x: w)(3.0) == 0.0
    assert value_and_grad(lambda x: w)(3.0) == (5.0, 0.0)
    assert (w.grad, w.is_leaf) == (0.0, True)
    # Given as an argument as well, it is differentiated there and nowhere else.
    slope = grad(lambda x: w * x)(w)
    assert slope.data == 5.0
    slope.backward()
    assert w.grad == 1.0


def test_a_stale_graph_is_refused() -> None:
    w = Value(2.0, "w")
    product = 3.0 * w
    w.data = 5.0
    with pytest.raises(StaleGraphError, match="'w' was set"):
        grad(lambda x: product * x)(1.0)
    product.recompute()
    assert grad(lambda x: product * x)(1.0) == 15.0
    x = Value(3.0, "x")
    _, pullback = vjp(lambda y: w * y * y, x)
    x.data = 4.0
    with pytest.raises(StaleGraphError, match="'x' was set"):
        pullback(1.0)
    _, pullback = vjp(lambda y: w * y * y, 3.0)
    w.data = 7.0
    assert pullback(1.0) == (30.0,)  # numbers are those of the call


def test_what_does_not_depend_has_a_derivative_of_zero() -> None:
    for constant in (4.0, 4, np.float64(4.0), np.array(4.0), Value(4.0)):
        assert value_and_grad(lambda x, c=constant: c)(1.0) == (4.0, 0.0)
        assert jvp(lambda x, c=constant: [c, x], (1.0,), (5.0,)) == ([4.0, 1.0], [0.0, 5.0])
        assert vjp(lambda x, c=constant: [c, x], 1.0)[1]([3.0, 5.0]) == (5.0,)
    assert grad(lambda x, y: y * y, (0, 1))(1.0, 2.0) == (0.0, 4.0)
    assert grad(lambda x: x[1] * 2.0)([1.0, 2.0, 3.0]) == [0.0, 2.0, 0.0]
    assert grad(grad(lambda x: 3.0 * x))(1.0) == 0.0
    assert grad(grad(grad(lambda x: 4.0)))(1.0) == 0.0
    assert hessian(lambda x: x[0])([1.0, 2.0]) == [[0.0, 0.0], [0.0, 0.0]]
    assert jacobian(lambda x: [1.0, x])(2.0) == [0.0, 1.0]
    assert jacobian(lambda x: [])(2.0) == []
    assert grad(lambda x: x)(2.0) == 1.0


def test_a_result_may_hold_the_same_value_twice() -> None:
    def f(x: Any) -> Any:
        y = x * x
        return [y, y, {"y": y, "x": x}, x]

    cotangent = [1.0, 10.0, {"y": 100.0, "x": 1000.0}, 10000.0]
    assert vjp(f, 2.0)[1](cotangent) == (11444.0,)
    (recorded,) = vjp(f, Value(2.0))[1](cotangent)
    assert recorded.data == 11444.0
    assert jacobian(f)(2.0) == [4.0, 4.0, {"y": 4.0, "x": 1.0}, 1.0]
    assert jacobian(jacobian(f))(2.0) == [2.0, 2.0, {"y": 2.0, "x": 0.0}, 0.0]
    assert jvp(f, (2.0,), (1.0,))[1] == [4.0, 4.0, {"y": 4.0, "x": 1.0}, 1.0]


# --- forward is the transpose of reverse -----------------------------------------------------------


@pytest.mark.parametrize("scale", ["unit", "integer", "wide"])
@pytest.mark.parametrize("seed", range(30))
def test_forward_agrees_with_reverse_by_the_dot_product(seed: int, scale: str) -> None:
    rng = np.random.default_rng([seed, len(scale)])
    expressions = [draw_expression(rng, variables=3, scale=scale) for _ in range(2)]
    first = expressions[0].point + (0.5,) * (3 - len(expressions[0].point))

    def f(*inputs: Any) -> Any:
        out = expressions[0](*inputs[: len(expressions[0].variables)])
        return [out, out * inputs[0] + inputs[2], inputs[1]]

    u = [float(each) for each in rng.standard_normal(3)]
    v = [float(each) for each in rng.standard_normal(3)]
    value, pullback = vjp(f, *first)
    again, pushed = jvp(f, first, v)
    assert again == value == f(*first)
    pulled = pullback(u)
    terms = [*map(operator.mul, u, pushed), *(-each for each in map(operator.mul, pulled, v))]
    assert abs(math.fsum(terms)) <= 1e-9 * math.fsum(map(abs, terms))
    rows = jacobian(f, range(3))(*first)
    np.testing.assert_allclose(np.array(rows) @ v, pushed, rtol=1e-9, atol=1e-9 * np.abs(rows).max() * 3)
    np.testing.assert_allclose(u @ np.array(rows), pulled, rtol=1e-9, atol=1e-9 * np.abs(rows).max() * 3)


@pytest.mark.parametrize("seed", range(30))
def test_a_pushed_gradient_is_the_hessian_times_the_direction(seed: int) -> None:
    rng = np.random.default_rng([40, seed])
    f = draw_expression(rng, max_ops=8)
    every = range(len(f.point))
    v = tuple(float(each) for each in rng.standard_normal(len(f.point)))
    second = np.array(hessian(f, every)(*f.point))
    size = np.abs(second).max() + 1.0
    np.testing.assert_allclose(second, second.T, atol=1e-11 * size, rtol=0.0)
    wanted = second @ v
    np.testing.assert_allclose(jvp(grad(f, every), f.point, v)[1], wanted, atol=1e-10 * size, rtol=0.0)
    over = grad(lambda *point: jvp(f, point, v)[1], every)(*f.point)
    np.testing.assert_allclose(over, wanted, atol=1e-10 * size, rtol=0.0)
    over = vjp(lambda *point: grad(f, every)(*point), *f.point)[1](v)
    np.testing.assert_allclose(over, wanted, atol=1e-10 * size, rtol=0.0)
    # On Values the same numbers come out as on floats.
    recorded = hessian(f, every)(*map(Value, f.point))
    assert [[each.data for each in row] for row in recorded] == pytest.approx(second, rel=1e-12, abs=1e-12 * size)


# --- published derivatives --------------------------------------------------------------------------


@each_problem
def test_published_problems_have_their_published_derivatives(problem: Problem) -> None:
    rng = np.random.default_rng([1981, *problem.name.encode()])
    points = [problem.start, problem.minimizer, *(rng.uniform(-3.0, 3.0, len(problem.start)) for _ in range(10))]
    for point in points:
        x = [float(each) for each in point]
        wanted, second = np.array(problem.gradient(x)), np.array(problem.hessian(x))
        scale = np.abs(second).max() * max(map(abs, x), default=1.0) + 1.0
        value, gradient = value_and_grad(problem.f)(x)
        assert value == problem.f(x)
        np.testing.assert_allclose(gradient, wanted, rtol=1e-13, atol=1e-14 * scale)
        found = np.array(hessian(problem.f)(x))
        np.testing.assert_allclose(found, second, rtol=1e-13, atol=1e-14 * scale)
        np.testing.assert_allclose(found, found.T, rtol=1e-13, atol=1e-15 * scale)
        require_same(hessian(problem.f)(np.array(x)), found)
        forward = [jvp(problem.f, (x,), (list(unit(len(x), at)),))[1] for at in range(len(x))]
        np.testing.assert_allclose(forward, wanted, rtol=1e-13, atol=1e-14 * scale)


@each_problem
def test_published_problems_start_and_end_where_published(problem: Problem) -> None:
    assert problem.f(list(problem.start)) == pytest.approx(problem.value_at_start, rel=1e-14)
    assert grad(problem.f)(list(problem.start)) == pytest.approx(list(problem.gradient_at_start), rel=1e-13, abs=1e-12)
    value, gradient = value_and_grad(problem.f)(list(problem.minimizer))
    assert value == 0.0
    assert gradient == [0.0] * len(problem.start)
    eigenvalues = np.linalg.eigvalsh(hessian(problem.f)(np.array(problem.minimizer)))
    assert (eigenvalues > -1e-12).all()
    assert (eigenvalues > 1e-9).sum() == problem.rank_at_minimizer


@pytest.mark.parametrize("problem", PROBLEMS[:3], ids=lambda problem: problem.name)
def test_newton_s_method_finds_the_minimizer(problem: Problem) -> None:
    x = np.array(problem.minimizer) + 0.05
    for _ in range(12):
        x = x - np.linalg.solve(hessian(problem.f)(x), grad(problem.f)(x))
    np.testing.assert_allclose(x, problem.minimizer, atol=1e-12)


# --- other engines ----------------------------------------------------------------------------------

SHARED = ["add", "sub", "mul", "neg", "sin", "cos", "tanh", "exp", "atan"]


def drawn_for_others() -> list[Expression]:
    return [draw_expression(seed, variables=3, primitives=SHARED, max_ops=8) for seed in range(20)]


def operations(functions: Any, **extra: Any) -> SimpleNamespace:
    named = {name: getattr(functions, name) for name in ("sin", "cos", "tanh", "exp")}
    signs = {name: getattr(operator, name) for name in ("add", "sub", "mul", "neg")}
    return SimpleNamespace(**named, **signs, **extra)


def agree(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10 * (1.0 + np.abs(np.asarray(ours)).max()))


def test_jax_agrees() -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed: an oracle for the transforms is missing")
    jax.config.update("jax_enable_x64", True)
    for problem in PROBLEMS:
        x = jax.numpy.array(problem.start)
        agree(grad(problem.f)(list(problem.start)), jax.grad(problem.f)(x))
        agree(hessian(problem.f)(list(problem.start)), jax.hessian(problem.f)(x))
    ops = operations(jax.numpy, atan=jax.numpy.arctan)
    for f in drawn_for_others():
        every = tuple(range(len(f.point)))
        theirs = jax.hessian(lambda *point, f=f: f(*point, ops=ops), every)(*f.point)
        agree(hessian(f, every)(*f.point), theirs)
        tangents = tuple(1.0 + at for at in every)
        agree(jvp(f, f.point, tangents)[1], jax.jvp(lambda *point, f=f: f(*point, ops=ops), f.point, tangents)[1])


def test_pytorch_agrees() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: an oracle for the transforms is missing")
    for problem in PROBLEMS:
        x = torch.tensor(problem.start, dtype=torch.float64)
        agree(hessian(problem.f)(list(problem.start)), torch.autograd.functional.hessian(problem.f, x).numpy())
    ops = operations(torch, atan=torch.atan)
    for f in drawn_for_others():
        point = torch.tensor(f.point, dtype=torch.float64)
        theirs = torch.autograd.functional.hessian(lambda x, f=f: f(*x, ops=ops), point)
        agree(hessian(f, range(len(f.point)))(*f.point), theirs.numpy())


# --- size, threads, failures --------------------------------------------------------------------------


def test_a_chain_of_20000_links() -> None:
    def chain(x: Any) -> Any:
        for _ in range(20_000):
            x = sin(x)
        return x

    value, slope, curvature = 0.5, 1.0, 0.0
    for _ in range(20_000):
        sine, cosine = math.sin(value), math.cos(value)
        value, slope, curvature = sine, cosine * slope, cosine * curvature - sine * slope * slope
    assert value_and_grad(chain)(0.5) == pytest.approx((value, slope), rel=1e-10)
    assert jvp(chain, (0.5,), (1.0,)) == pytest.approx((value, slope), rel=1e-10)
    assert grad(grad(chain))(0.5) == pytest.approx(curvature, rel=1e-9)
    assert jvp(grad(chain), (0.5,), (1.0,))[1] == pytest.approx(curvature, rel=1e-9)


def test_a_wide_sum() -> None:
    x = [0.001 * at for at in range(10_000)]
    assert grad(lambda x: total([each * each for each in x]))(x) == [2.0 * each for each in x]
    assert jvp(total, (x,), ([1.0] * len(x),))[1] == float(len(x))
    ones = grad(lambda x: grad(lambda y: total([y * each for each in x]))(2.0))(x)
    assert ones == [1.0] * len(x)


def test_threads_do_not_meet() -> None:
    ready = threading.Barrier(8)

    def work(at: int) -> list[float]:
        ready.wait(timeout=10)
        w = Value(float(at))
        return [
            grad(lambda x: x * grad(lambda y: w * x * y * y)(x))(1.0 + step) + grad(lambda x: w * x)(1.0)
            for step in range(20)
        ]

    with ThreadPoolExecutor(8) as pool:
        for at, found in enumerate(pool.map(work, range(8))):
            assert found == pytest.approx([6.0 * at * (1.0 + step) ** 2 + at for step in range(20)])


def test_a_function_that_starts_threads_is_differentiated_through_them() -> None:
    def f(x: Any) -> Any:
        with ThreadPoolExecutor(2) as pool:
            return total(list(pool.map(grad(lambda y: x * x * y * y), [1.0, 2.0])))

    assert grad(f)(3.0) == 36.0


def test_a_failure_inside_leaves_nothing_behind() -> None:
    leaked: list[Any] = []

    def fails(x: Any) -> Any:
        leaked.append(x * x)
        raise ZeroDivisionError("mine")

    for transform in (grad, value_and_grad, jacobian, hessian):
        with pytest.raises(ZeroDivisionError, match="mine"):
            transform(fails)(3.0)
    with pytest.raises(ZeroDivisionError, match="mine"):
        jvp(fails, (3.0,), (1.0,))
    with pytest.raises(ZeroDivisionError, match="mine"):
        vjp(fails, 3.0)
    with pytest.raises(ZeroDivisionError, match="mine"):
        grad(lambda x: grad(lambda y: fails(x * y))(x))(3.0)
    with pytest.raises(OperandError):
        grad(lambda x: [x])(3.0)  # the function succeeds, the sweep does not
    assert not transforms._ACTIVE
    # What leaked is a parameter like any other by now.
    assert grad(lambda y: leaked[0] * y)(1.0) == 9.0


def test_a_failure_that_the_function_handles_does_not_harm_it() -> None:
    def f(x: Any) -> Any:
        try:
            grad(lambda y: sqrt(y - x))(0.0)
        except DomainError:
            return x * grad(lambda y: x * y)(2.0)

    assert grad(f)(3.0) == 6.0


# --- mistakes -----------------------------------------------------------------------------------------


def f_of_two(x: Any, y: Any) -> Any:
    return x * y


@pytest.mark.parametrize("transform", [grad, value_and_grad, hessian])
@pytest.mark.parametrize(
    ("result", "described"),
    [(lambda x: [x], "a list of 1"), (lambda x: (x, x), "a tuple of 2"), (lambda x: Layer(x, x), "a Layer of 2"),
     (lambda x: {"a": x}, "a dict with the keys 'a'"), (lambda x: np.array([x, x]), "an array of shape (2,)"),
     (lambda x: np.array([[x]]), "an array of shape (1, 1)"), (lambda x: [], "a list of 0")],
)
def test_a_gradient_needs_one_scalar(transform: Any, result: Any, described: str) -> None:
    def loss(x: Any) -> Any:
        return result(x)

    with pytest.raises(OperandError) as error:
        transform(loss)(1.0)
    assert str(error.value) == (
        f"grad needs a function that returns one scalar; loss returned {described}. "
        "Return their total, or use jacobian."
    )


def test_a_function_must_return_numbers() -> None:
    def loss(x: Any) -> Any:
        return x * x and None

    def texts(x: Any) -> Any:
        return [x, "y"]

    def generator(x: Any) -> Any:
        yield x

    class Model:
        def __call__(self, x: Any) -> Any:
            return None

    def nothing(x: Any) -> Any:
        x * x

    for transform in (grad, value_and_grad, jacobian, hessian):
        with pytest.raises(OperandError, match=r"^nothing returned None\. Is a return missing\?$"):
            transform(nothing)(1.0)
        with pytest.raises(OperandError, match=r"^Model returned None"):
            transform(Model())(1.0)
        with pytest.raises(OperandError, match=r"^partial returned None"):
            transform(partial(nothing))(1.0)
    for transform in (jacobian, grad):
        with pytest.raises(OperandError, match=r"^the result of texts holds 'y' of type str\. Use numbers and Values"):
            transform(texts)(1.0)
        with pytest.raises(OperandError, match=r"^the result of generator holds <generator.* of type generator"):
            transform(generator)(1.0)
    with pytest.raises(OperandError, match="no truth value"):
        grad(loss)(1.0)
    with pytest.raises(OperandError, match="would cut the graph"):
        grad(math.sin)(1.0)


@pytest.mark.parametrize(
    ("thing", "said"),
    [("3.0", "'3.0' of type str"), ([1.0, "a"], "'a' of type str"), ({"w": None}, "None of type NoneType"),
     (True, "True of type bool"), ([np.bool_(False)], "of type bool"), (np.array([True]), "of type bool"),
     (1j, "1j of type complex"), (np.array(["1"]), "of type str_"), ({1.0, 2.0}, "of type set")],
    ids=str,
)
def test_an_argument_must_hold_numbers(thing: Any, said: str) -> None:
    calls: list[Callable[[], Any]] = [
        *(lambda t=transform: t(f_of_two)(thing, 2.0) for transform in (grad, value_and_grad, jacobian, hessian)),
        lambda: grad(f_of_two, (1, 0))(2.0, thing),
        lambda: vjp(f_of_two, 2.0, thing),
        lambda: jvp(f_of_two, (2.0, thing), (1.0, thing)),
    ]
    for at, attempt in enumerate(calls):
        with pytest.raises(OperandError) as error:
            attempt()
        opening = "an argument of f_of_two holds " if at < len(calls) - 1 else ""
        assert str(error.value).startswith(opening)
        assert said in str(error.value)


def test_a_primitive_is_called_by_its_name_in_messages() -> None:
    with pytest.raises(OperandError, match=r"^an argument of sin holds 'a'"):
        grad(sin)("a")


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian])
@pytest.mark.parametrize(
    ("argnums", "said"),
    [
        (2, "argnums=2 asks for argument 2, but f_of_two was called with 2 positional arguments, counted from 0."),
        (-3, "argnums=-3 asks for argument -3, but f_of_two was called with 2 positional arguments, counted from 0."),
        ((0, 5), "argnums=(0, 5) asks for argument 5, but f_of_two was called with 2 positional arguments, "
                 "counted from 0."),
        ((0, 0), "argnums=(0, 0) asks for the same argument twice."),
        ((1, -1), "argnums=(1, -1) asks for the same argument twice."),
        *((wrong, f"argnums is the position of an argument, or a tuple of them; got {wrong!r}.")
          for wrong in (True, 1.0, "0", "x", None, (0, "y"), (0, True), {0}, b"0")),
    ],
    ids=repr,
)
def test_argnums_must_be_positions(transform: Any, argnums: Any, said: str) -> None:
    with pytest.raises(OperandError) as error:
        transform(f_of_two, argnums)(1.0, 2.0)
    assert str(error.value) == said


def test_arguments_by_keyword_are_not_counted() -> None:
    with pytest.raises(OperandError, match=r"argument 1, but f_of_two was called with 1 positional argument, counted"):
        grad(f_of_two, 1)(1.0, y=2.0)


def test_a_cotangent_is_shaped_like_the_result() -> None:
    def f(x: Any) -> Any:
        return {"a": x, "b": [10.0 * x, 100.0 * x]}

    value, pullback = vjp(f, 1.0)
    assert value == {"a": 1.0, "b": [10.0, 100.0]}
    assert pullback({"b": (2.0, np.float32(3.0)), "a": 1}) == (321.0,)  # by key, whatever the order
    opening = "^The cotangent must be shaped like the result of f: "
    for wrong in (1.0, [1.0, 2.0, 3.0], {"a": 1.0}, {"a": 1.0, "c": [1.0, 2.0]}):
        with pytest.raises(OperandError, match=opening + "a dict with the keys 'a', 'b'; got"):
            pullback(wrong)
    with pytest.raises(OperandError, match=opening + "a list of 2; got a list of 3"):
        pullback({"a": 1.0, "b": [1.0, 2.0, 3.0]})
    with pytest.raises(OperandError, match=opening + "one scalar; got a list of 1"):
        pullback({"a": [1.0], "b": [1.0, 2.0]})
    with pytest.raises(OperandError, match=r"^The cotangent holds 'x' of type str"):
        pullback({"a": "x", "b": [1.0, 2.0]})
    with pytest.raises(OperandError, match="a list of 2; got None"):
        vjp(lambda x: [x, x], 1.0)[1](None)


def test_tangents_are_shaped_like_the_arguments() -> None:
    def f(p: Any, t: Any) -> Any:
        return p["w"][0] * p["b"] + t

    point = {"w": np.array([2.0, 3.0]), "b": 5.0}
    assert jvp(f, [point, 1.0], [{"b": 10.0, "w": [1.0, 0.0]}, 100.0]) == (11.0, 125.0)
    for tangents in ([point], (point, 1.0, 1.0), ()):
        with pytest.raises(OperandError, match=rf"^jvp takes a tangent for each argument: 2; got {len(tangents)}\.$"):
            jvp(f, (point, 1.0), tangents)
    for tangents, said in [
        ((1.0, 1.0), "a dict with the keys 'w', 'b'; got one scalar"),
        (({"w": [1.0], "b": 1.0}, 1.0), r"an array of shape \(2,\); got a list of 1"),
        ((point, [1.0]), "one scalar; got a list of 1"),
    ]:
        with pytest.raises(OperandError, match="^A tangent must be shaped like its argument: " + said):
            jvp(f, (point, 1.0), tangents)
    with pytest.raises(OperandError, match=r"^A tangent holds True of type bool"):
        jvp(sin, (1.0,), (True,))
    for primals, tangents in [(1.0, 1.0), (1.0, (1.0,)), ((1.0,), 1.0), (np.ones(1), (1.0,))]:
        with pytest.raises(OperandError, match=r"two tuples: jvp\(f, \(x, y\), \(dx, dy\)\)"):
            jvp(sin, primals, tangents)


def test_what_numpy_says_of_nan_and_infinity_is_kept() -> None:
    assert math.isnan(grad(sin)(inf))
    assert math.isnan(grad(lambda x: x * x)(nan))
    assert grad(exp)(1000.0) == inf
    assert grad(grad(sigmoid))(1000.0) == 0.0
    assert math.isnan(grad(cos)(Value(nan)).data)
