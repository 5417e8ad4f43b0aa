"""The quick reference in matrices: the same numbers as the engine, as single units, and as others compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import SearchStrategy, booleans, just, sampled_from, tuples

from autograd_core.primitives import TABLE
from autograd_core.table import Table
from autograd_core.writing import ASCII
from nn.activations import is_activation
from nn.dropout import Dropout
from nn.errors import DataError, SettingError, ShapeError
from nn.gradients import EagerGradients
from nn.layers import Activation, Linear, Sequential
from nn.losses import half_squared_error
from nn.matrix_form import (
    deltas,
    deltas_by_element,
    forward_by_element,
    forward_propagation,
    weight_derivatives,
    weight_derivatives_by_element,
)
from nn.matrix_network import Network
from nn.matrix_tables import backpropagation_table
from nn.mlp import MLP
from nn.normalization import BatchNorm
from nn.testing import batches, mlps, random_mlp

ACTIVATIONS = [row.name for row in TABLE if is_activation(row)]


def with_batches(**options: Any) -> SearchStrategy[Any]:
    return mlps(**options).flatmap(lambda model: tuples(just(model), batches(model)))


def gradient(model: Any, X: Any, Y: Any, mean: bool = True) -> np.ndarray:
    network = Network.of(model)
    activations = forward_propagation(network, X)
    return weight_derivatives(network, activations, deltas(network, activations, Y), mean).gradient


def agree(found: Any, expected: Any) -> bool:
    """Equal up to rounding, which is judged against the largest number."""
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    return np.allclose(found, expected, rtol=1e-11, atol=1e-13 * scale)


# --- against the engine -------------------------------------------------------------------------


@given(with_batches())
def test_the_matrices_give_the_gradient_of_the_scalar_graph(case: Any) -> None:
    model, (X, y) = case
    targets = half_squared_error.targets(y, model.outputs)
    assert agree(gradient(model, X, y), EagerGradients(model, half_squared_error).mean(X, targets).gradient)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_of_the_table_with_and_without_bias(name: str, bias: bool) -> None:
    model = random_mlp([3, 4, 2], activation=name, output=name, bias=bias, seed=7)
    rng = np.random.default_rng(1)
    X, y = rng.uniform(-1, 1, (3, 3)), rng.uniform(-1, 1, (3, 2))
    assert agree(forward_propagation(Network.of(model), X).Z[2].T, model.predict(X))
    assert agree(gradient(model, X, y), EagerGradients(model, half_squared_error).mean(X, y).gradient)


@given(with_batches())
def test_activations_and_deltas_are_the_nodes_of_the_graph_and_their_derivatives(case: Any) -> None:
    model, (X, y) = case
    network = Network.of(model)
    activations = forward_propagation(network, X)
    delta = deltas(network, activations, y).delta
    for n, (x, target) in enumerate(zip(X.tolist(), y.tolist(), strict=True)):
        scalars: list[Any] = x
        nodes = {}
        k = 0
        for layer in model:
            [scalars] = layer.forward([scalars])
            if isinstance(layer, Linear):
                k += 1
                nodes[k] = scalars
        half_squared_error(scalars, target).backward()
        for k, pre_activations in nodes.items():
            assert agree(activations.A[k][:, n], [each.data for each in pre_activations])
            assert agree(delta[k][:, n], [each.grad for each in pre_activations])


@given(with_batches())
def test_the_product_over_the_columns_is_the_sum_of_the_examples_gradients(case: Any) -> None:
    model, (X, y) = case
    alone = [gradient(model, X[n : n + 1], y[n : n + 1]) for n in range(len(X))]
    assert agree(gradient(model, X, y, mean=False), np.sum(alone, axis=0))
    assert agree(gradient(model, X, y, mean=True), np.mean(alone, axis=0))


# --- the two forms ------------------------------------------------------------------------------


@given(with_batches(), booleans())
def test_single_units_give_what_the_matrices_give(case: Any, mean: bool) -> None:
    model, (X, y) = case
    network = Network.of(model)
    activations, by_element = forward_propagation(network, X), forward_by_element(network, X)
    errors, errors_by_element = deltas(network, activations, y), deltas_by_element(network, by_element, y)
    found = weight_derivatives(network, activations, errors, mean)
    found_by_element = weight_derivatives_by_element(network, by_element, errors_by_element, mean)
    for one, other in ((activations.A, by_element.A), (activations.Z, by_element.Z),
                       (errors.delta, errors_by_element.delta),
                       (found.W, found_by_element.W), (found.b, found_by_element.b)):
        assert list(one) == list(other)
        assert all(one[k].shape == other[k].shape and agree(one[k], other[k]) for k in one)
    assert [line.write(ASCII) for line, _ in found.lines] == [line.write(ASCII) for line, _ in found_by_element.lines]


# --- against others -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_finite_differences_with_fifty_digits(seed: int) -> None:
    mp = pytest.importorskip("mpmath").mp
    rng = np.random.default_rng(seed)
    model = random_mlp([2, 3, 2], activation="tanh", output="sigmoid", seed=seed)
    X, y = rng.uniform(-2, 2, (2, 2)), rng.uniform(0, 1, (2, 2))
    at = [parameter.data for parameter in model.parameters()]
    with mp.workdps(50):

        def error(w: list[Any]) -> Any:
            total = mp.mpf(0)
            for x, target in zip(X.tolist(), y.tolist(), strict=True):
                z = [mp.tanh(w[2 * i] * x[0] + w[2 * i + 1] * x[1] + w[6 + i]) for i in range(3)]
                for i in range(2):
                    a = mp.fsum(w[9 + 3 * i + j] * z[j] for j in range(3)) + w[15 + i]
                    total += (1 / (1 + mp.exp(-a)) - target[i]) ** 2 / 2
            return total

        h = mp.mpf(10) ** -20
        exact = list(map(mp.mpf, at))
        expected = []
        for i in range(len(at)):
            up, down = ([*exact[:i], exact[i] + sign * h, *exact[i + 1 :]] for sign in (1, -1))
            expected.append(float((error(up) - error(down)) / (2 * h)))
    assert gradient(model, X, y, mean=False) == pytest.approx(expected, rel=1e-13, abs=1e-15)


@settings(max_examples=30)
@given(with_batches(activations=["tanh", "sigmoid", "relu", "softplus"]), sampled_from(["sum", "mean"]))
def test_pytorch_computes_the_same(case: Any, over: str) -> None:
    torch = pytest.importorskip("torch")
    model, (X, y) = case
    modules = {"tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid, "relu": torch.nn.ReLU,
               "softplus": torch.nn.Softplus}
    layers = []
    for layer in model:
        if isinstance(layer, Linear):
            layers.append(torch.nn.Linear(layer.inputs, layer.outputs, bias=bool(layer.bias), dtype=torch.float64))
            for name, array in layer.state_dict().items():
                if array.size:
                    getattr(layers[-1], name).data = torch.tensor(array)
        else:
            layers.append(modules[layer.row.name]())
    theirs = torch.nn.Sequential(*layers)
    error = ((theirs(torch.tensor(X)) - torch.tensor(y)) ** 2).sum() / 2
    (error / len(X) if over == "mean" else error).backward()
    expected = np.concatenate([parameter.grad.numpy().ravel() for parameter in theirs.parameters()])
    assert agree(gradient(model, X, y, mean=over == "mean"), expected)


def test_numbers_worked_by_hand() -> None:
    """w = 2 and b = -1 on x = 3: a = 5 and z = a^2 = 25; with y = 24, delta = (25 - 24) 10."""
    network = Network({1: np.array([[2.0]])}, {1: np.array([[-1.0]])}, {1: Activation("square")})
    activations = forward_propagation(network, [[3.0]])
    errors = deltas(network, activations, [24.0])
    found = weight_derivatives(network, activations, errors)
    assert (activations.A[1], activations.Z[1], errors.delta[1]) == (5.0, 25.0, 10.0)
    assert found.gradient.tolist() == [30.0, 10.0]


def test_settings_of_an_activation_and_functions_without_a_layer_of_their_own() -> None:
    model = Sequential(Linear(2, 3, rng=1), Activation("leaky_relu", slope=0.3), Linear(3, 2, rng=2),
                       Sequential(Activation("elu", alpha=2.0), Linear(2, 1, bias=False, rng=3)))
    X, y = np.array([[1.0, -2.0], [-0.5, -0.7]]), np.array([[1.0], [0.0]])
    assert agree(gradient(model, X, y), EagerGradients(model, half_squared_error).mean(X, y).gradient)
    assert repr(Network.of(model)) == "Network(2-3-2-1: leaky_relu, elu, identity)"
    assert agree(gradient(Linear(2, 1), X, y), EagerGradients(Linear(2, 1), half_squared_error).mean(X, y).gradient)


def test_the_network_has_copies_of_the_weights() -> None:
    model = MLP([2, 1])
    network = Network.of(model)
    network.W[1][...] = 7.0
    assert model.parameters()[0].data != 7.0


# --- what is printed ----------------------------------------------------------------------------


def text(table: Table) -> list[str]:
    return [" ".join(line.split()) for line in table.to_text(ASCII).splitlines()]


def test_each_step_prints_what_it_computed() -> None:
    model = MLP([2, 2, 1], activation="tanh", output="sigmoid", init="zeros")
    network = Network.of(model)
    activations = forward_propagation(network, [[1.0, -2.0], [0.5, 3.0]])
    errors = deltas(network, activations, [1.0, 0.0])
    assert text(activations.table())[2:] == [
        "Z^(0) = X^T 2 x 2 [1, 0.5; -2, 3]",
        "A^(1) = W^(1) Z^(0) + b^(1) 2 x 2 [0, 0; 0, 0]",
        "Z^(1) = tanh(A^(1)) 2 x 2 [0, 0; 0, 0]",
        "A^(2) = W^(2) Z^(1) + b^(2) 1 x 2 [0, 0]",
        "Z^(2) = sigmoid(A^(2)) 1 x 2 [0.5, 0.5]",
    ]
    assert text(errors.table())[2:] == [
        "delta^(2) = (Z^(2) - Y^T) o sigmoid'(A^(2)) 1 x 2 [-0.125, 0.125]",
        "delta^(1) = W^(2)T delta^(2) o tanh'(A^(1)) 2 x 2 [0, 0; 0, 0]",
    ]
    found = weight_derivatives(network, activations, errors, mean=True)
    assert text(found.table())[2:] == [
        "dE/dW^(1) = 1/N delta^(1) Z^(0)T 2 x 2 [0, 0; 0, 0]",
        "dE/db^(1) = 1/N delta^(1) (1, ..., 1)^T 2 x 1 (0, 0)",
        "dE/dW^(2) = 1/N delta^(2) Z^(1)T 1 x 2 [0, 0]",
        "dE/db^(2) = 1/N delta^(2) (1, ..., 1)^T 1 x 1 0",
    ]
    assert "1/N" not in repr(weight_derivatives(network, activations, errors))
    assert repr(found) == str(found.table())
    assert r"\boldsymbol{\delta}^{(2)} \mathbf{Z}^{(1)\top}" in found._repr_markdown_()


def test_large_matrices_are_printed_as_their_range() -> None:
    printed = text(forward_propagation(Network.of(MLP([1, 1], init="zeros")), np.arange(40.0)[:, None]).table())
    assert printed[2] == "Z^(0) = X^T 1 x 40 0 ... 39"
    assert printed[-1] == "Of a large matrix the smallest and the largest number are shown."


def test_the_table_of_a_2_2_2_1_network_has_the_seven_steps_of_the_slide() -> None:
    model = random_mlp([2, 2, 2, 1], activation="sigmoid", output="sigmoid", bias=False)
    assert text(backpropagation_table(Network.of(model)))[2:] == [
        "1 z^(3) E = 1/2 |z^(3) - y|^2 dE/dz^(3) = z^(3) - y dE/dz^(3) = z^(3) - y",
        "2 a^(3) z^(3) = sigmoid(a^(3)) dz^(3)/da^(3) = sigmoid'(a^(3)) "
        "dE/da^(3) = dE/dz^(3) o sigmoid'(a^(3)) = delta^(3)",
        "3 z^(2) a^(3) = W^(3) z^(2) da^(3)/dz^(2) = W^(3) dE/dz^(2) = W^(3)T delta^(3)",
        "4 a^(2) z^(2) = sigmoid(a^(2)) dz^(2)/da^(2) = sigmoid'(a^(2)) "
        "dE/da^(2) = dE/dz^(2) o sigmoid'(a^(2)) = delta^(2)",
        "5 z^(1) a^(2) = W^(2) z^(1) da^(2)/dz^(1) = W^(2) dE/dz^(1) = W^(2)T delta^(2)",
        "6 a^(1) z^(1) = sigmoid(a^(1)) dz^(1)/da^(1) = sigmoid'(a^(1)) "
        "dE/da^(1) = dE/dz^(1) o sigmoid'(a^(1)) = delta^(1)",
        "7 x a^(1) = W^(1) x da^(1)/dx = W^(1) dE/dx = W^(1)T delta^(1)",
    ]


def test_a_linear_output_is_a_step_too() -> None:
    rows = text(backpropagation_table(Network.of(MLP([1, 1]))))[2:]
    assert rows[1] == "2 a^(1) z^(1) = a^(1) dz^(1)/da^(1) = 1 dE/da^(1) = dE/dz^(1) = delta^(1)"
    assert rows[2] == "3 x a^(1) = W^(1) x + b^(1) da^(1)/dx = W^(1) dE/dx = W^(1)T delta^(1)"


@given(mlps(max_layers=3).flatmap(lambda model: tuples(just(model), batches(model, max_examples=1))))
def test_the_numbers_of_the_table_are_the_derivatives_of_the_graph(case: Any) -> None:
    model, (X, y) = case
    table = backpropagation_table(Network.of(model), X[0].tolist(), y[0])
    inputs = [_value(each) for each in X[0].tolist()]
    [outputs] = model.forward([inputs])
    half_squared_error(outputs, y[0].tolist()).backward()
    assert agree(table.rows[-1][-1].matrix[:, 0], [each.grad for each in inputs])  # type: ignore[union-attr]
    assert agree(table.rows[0][2].matrix[:, 0], [each.data for each in outputs])  # type: ignore[union-attr]


def _value(number: float) -> Any:
    from autograd_core import Value

    return Value(number)


# --- bad calls ----------------------------------------------------------------------------------

NETWORK = Network.of(MLP([2, 3, 1]))
OTHER = Network.of(MLP([2, 2, 1]))
ACTIVE = forward_propagation(NETWORK, [[1.0, 2.0], [3.0, 4.0]])
LATER = deltas(NETWORK, forward_propagation(NETWORK, [[1.0, 2.0]]), [1.0])
BAD_CALLS = [
    (lambda: Network.of(MLP([2, 3, 1], norm="batch")), SettingError,
     r"a Linear and after it at most one Activation; got BatchNorm\(3\) in layer 1\. Build the model without it"),
    (lambda: Network.of(MLP([2, 3, 1], keep=0.5)), SettingError, r"got Dropout\(keep=0\.5\) in layer 1"),
    (lambda: Network.of(Sequential(Activation("tanh"), Linear(1, 1))), SettingError,
     r'got Activation\("tanh"\) before the first Linear'),
    (lambda: Network.of(Sequential(Linear(1, 1), Activation("tanh"), Activation("exp"))), SettingError,
     r'got Activation\("exp"\) in layer 1'),
    (lambda: Network.of(Sequential(Dropout(keep=0.5), BatchNorm(2))), SettingError, "before the first Linear"),
    (lambda: Network({}, {}, {}), ShapeError, r"each of the layers 1, 2, \.\.\., K; got \[\]"),
    (lambda: Network({2: np.ones((1, 1))}, {}, {}), ShapeError, r"got \[2\]"),
    (lambda: Network({1: np.ones((3, 2)), 2: np.ones((1, 4))}, {}, {}), ShapeError,
     r"W\^\(2\) needs the shape \(units, 3\); it has \(1, 4\)"),
    (lambda: Network({1: np.ones(3)}, {}, {}), ShapeError,
     r"W\^\(1\) needs the shape \(units, inputs\); it has \(3,\)"),
    (lambda: Network({1: np.ones((3, 2))}, {1: np.ones(3)}, {}), ShapeError,
     r"b\^\(1\) is a column and needs the shape \(3, 1\); it has \(3,\)"),
    (lambda: forward_propagation(NETWORK, [[1.0, 2.0, 3.0]]), ShapeError,
     "The network takes 2 inputs; X has 3 columns"),
    (lambda: forward_propagation(NETWORK, [1.0, 2.0]), DataError, "one row per example"),
    (lambda: forward_propagation(NETWORK, [[1.0, float("nan")]]), DataError, "row 0, column 1"),
    (lambda: deltas(NETWORK, ACTIVE, [1.0]), ShapeError,
     "a row for each of the 2 examples of the activations; it has 1"),
    (lambda: deltas(NETWORK, ACTIVE, [[1.0, 2.0], [1.0, 2.0]]), DataError, "1 output"),
    (lambda: deltas(OTHER, ACTIVE, [1.0, 2.0]), ShapeError,
     r"The network is 2-2-1, but these are the activations of a network 2-3-1\. Pass what forward_propagation gave"),
    (lambda: weight_derivatives(NETWORK, ACTIVE, LATER), ShapeError, "the units or the examples differ"),
    (lambda: weight_derivatives_by_element(OTHER, ACTIVE, LATER), ShapeError, "The network is 2-2-1"),
    (lambda: backpropagation_table(NETWORK, [1.0, 2.0]), SettingError, "need both x and y"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_CALLS, ids=range(len(BAD_CALLS)))
def test_a_bad_call_says_what_was_required(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
