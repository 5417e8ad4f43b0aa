"""Rows 17 and 18 of the lecture beside high precision, exact fractions, and networks in plain NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from nn import MLP, SGD, fit
from nn.initializers import constant, zeros
from viz.lecture import CATALOGUE, activations, initialization
from viz.lecture.activation_functions import NINE_X, elementary, one_relu_unit
from viz.lecture.deep_signals import EXAMPLES, Signals
from viz.lecture.first_weights import SCHEMES, THREE_X, THREE_Y, by_unit, fate, trained_from

PUBLISHED = {row.id: row.published for row in CATALOGUE}

# --- row 17: activations ---------------------------------------------------------------------------


def exact_slope(function: Callable, depth: int) -> mpmath.mpf:
    def chain(z):
        for _ in range(depth):
            z = function(z)
        return z

    return mpmath.diff(chain, 1)


@pytest.mark.parametrize(("of", "depth"), [("sigmoid", 2), ("sigmoid", 10), ("tanh", 10)])
def test_the_slope_of_a_chain_is_the_exact_one(of: str, depth: int) -> None:
    function = {"sigmoid": lambda a: 1 / (1 + mpmath.exp(-a)), "tanh": mpmath.tanh}[of]
    with mpmath.workdps(60):
        slope = exact_slope(function, depth)
    assert PUBLISHED["activations"][f"{of}' after {depth} layers"] == f"{float(slope):.10f}"
    results = activations(layers=2, units=4).results
    assert results[f"{of}' after {depth} layers"] == pytest.approx(float(slope), rel=1e-12)


def test_the_sigmoids_slope_is_at_most_a_quarter_and_only_at_0() -> None:
    """sigma' = 1/4 - (sigma - 1/2)^2."""
    with mpmath.workdps(60):
        for a in (-20.0, -1.0, -1e-9, 1e-9, 0.3, 20.0):
            sigma = 1 / (1 + mpmath.exp(-mpmath.mpf(a)))
            assert mpmath.diff(lambda a: 1 / (1 + mpmath.exp(-a)), a) < mpmath.mpf(1) / 4
            assert mpmath.almosteq(sigma * (1 - sigma), mpmath.mpf(1) / 4 - (sigma - 0.5) ** 2)
    assert activations(layers=2, units=4).results["sigmoid' is largest at"] == "0"


@pytest.mark.parametrize("a", [-3.0, -0.1, 0.0, 0.7, 5.0])
def test_the_functions_written_out_are_the_functions(a: float) -> None:
    found = elementary(a)
    assert found["sigmoid"].data == pytest.approx(1 / (1 + math.exp(-a)), rel=1e-14)
    assert found["tanh"].data == pytest.approx(math.tanh(a), rel=1e-13)
    assert found["ReLU"].data == max(a, 0.0)


@pytest.mark.parametrize("bias", [0, -1, -3])
def test_a_relu_units_first_slope_is_the_exact_one(bias: int) -> None:
    """dE/dw is the mean of (z - x^2) x over the examples with x + b > 0."""
    at = [Fraction(x) for x in NINE_X]
    slope = sum(((x + bias - x * x) * x for x in at if x + bias > 0), Fraction(0)) / 9
    unit = one_relu_unit(float(bias))
    assert unit.slope == pytest.approx(float(slope), abs=1e-15)
    assert unit.active == sum(x + bias > 0 for x in at)
    assert math.isclose(float(PUBLISHED["activations"][f"dE/dw at b = {bias}"]), float(slope), abs_tol=5.1e-11)
    assert (unit.moved == 0.0) == (bias == -3)


def by_hand(
    activation: str, init: Callable, layers: int, units: int, rng: int
) -> tuple[list[float], list[float], float]:
    """Standard deviations of z and delta by layer, and the share of zeros: examples as rows, plain NumPy."""
    generator = np.random.default_rng(rng)
    W = [init(units, units, generator) for _ in range(layers)]
    X, Y = generator.normal(size=(2, EXAMPLES, units))
    functions = {
        "tanh": (np.tanh, lambda a: np.cosh(np.clip(a, -300, 300)) ** -2),
        "relu": (lambda a: np.maximum(a, 0.0), lambda a: (a > 0).astype(float)),
        "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda a: np.exp(-a) / (1 + np.exp(-a)) ** 2),
    }
    sigma, slope = functions[activation]
    a, z = [], [X]
    for w in W:
        a.append(z[-1] @ w.T)
        z.append(sigma(a[-1]))
    delta = [(z[-1] - Y) * slope(a[-1])]
    for k in range(layers - 1, 0, -1):
        delta.insert(0, (delta[0] @ W[k]) * slope(a[k - 1]))
    return [each.std() for each in z[1:]], [each.std() for each in delta], float(np.mean([each == 0 for each in z[1:]]))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_the_signals_are_those_of_a_network_by_hand(activation: str, scheme: str) -> None:
    outputs, gradients, share = by_hand(activation, SCHEMES[scheme], 12, 20, rng=3)
    found = Signals.through(activation, SCHEMES[scheme], 12, 20, rng=3)
    assert list(found.outputs.values()) == pytest.approx(outputs, rel=1e-9)
    assert list(found.gradients.values()) == pytest.approx(gradients, rel=1e-9)
    assert np.mean(list(found.zeros.values())) == pytest.approx(share)


@pytest.mark.parametrize(("of", "activation", "scheme"), [
    ("sigmoid, Xavier", "sigmoid", "Xavier"), ("tanh, Xavier", "tanh", "Xavier"), ("ReLU, He", "relu", "He"),
])
def test_what_is_published_of_the_deep_networks_comes_out_by_hand(of: str, activation: str, scheme: str) -> None:
    _, gradients, share = by_hand(activation, SCHEMES[scheme], 50, 80, rng=0)
    left = (gradients[0] / gradients[-1]) ** (1 / 49)
    assert PUBLISHED["activations"][f"gradient left by each layer, {of}"] == f"{left:.3f}"
    if of == "ReLU, He":
        assert PUBLISHED["activations"]["share of zeros, ReLU"] == f"{share:.3f}"


@pytest.mark.parametrize("rng", range(1, 4))
def test_half_the_outputs_are_zero_and_the_gradient_survives_for_other_weights_too(rng: int) -> None:
    relu = Signals.through("relu", SCHEMES["He"], 50, 80, rng)
    sigmoid = Signals.through("sigmoid", SCHEMES["Xavier"], 50, 80, rng)
    assert np.mean(list(relu.zeros.values())) == pytest.approx(0.5, abs=0.03)
    assert 0.05 < relu.gradients[1] / relu.gradients[50] < 20
    assert sigmoid.gradients[1] / sigmoid.gradients[50] < 0.25**49, "each layer leaves a quarter at most"


# --- row 18: initialization -------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sizes", [[2, 3, 1], [2, 4, 3, 2]])
def test_from_zeros_only_the_last_biases_ever_move(activation: str, bias: bool, sizes: list[int]) -> None:
    targets = np.array([[1.0, 0.5], [0.0, 2.0], [1.0, -1.0]])[:, : sizes[-1]]
    model = MLP(sizes, activation, bias=bias, init="zeros")
    fit(model, THREE_X, targets, optimizer=SGD(0.5), epochs=100)
    numbers = [parameter.data for parameter in model.parameters()]
    last = sizes[-1] if bias else 0
    assert numbers[: len(numbers) - last] == [0.0] * (len(numbers) - last)
    assert numbers[len(numbers) - last :] == pytest.approx(targets.mean(axis=0)[:last].tolist())


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "softplus"])
@pytest.mark.parametrize(
    "init", [zeros, constant(0.5), constant(-1.25), constant(0.1)],
    ids=lambda init: getattr(init, "__name__", repr(init)),
)
def test_units_that_begin_alike_stay_alike_to_the_last_bit(activation: str, init: Callable) -> None:
    run = trained_from(init, activation)
    for vector in (run.first_gradient, run.before, run.after):
        rows = by_unit(vector)
        assert (rows == rows[0]).all()
    assert run.different_units == 1


def test_the_gradient_from_zeros_with_a_sigmoid_is_that_by_hand() -> None:
    """z = 1/2, yhat = 0: dE/dw of the last layer is the mean of -y/2, and nothing reaches the first."""
    gradient = trained_from(zeros, "sigmoid").first_gradient
    mean = sum(THREE_Y) / 3
    assert gradient[:9].tolist() == [0.0] * 9
    assert gradient[9:] == pytest.approx([-mean / 2] * 3 + [-mean])


@pytest.mark.parametrize(("of", "activation"), [("tanh", "tanh"), ("ReLU", "relu")])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_spread_by_layer_is_that_by_hand(of: str, activation: str, scheme: str) -> None:
    outputs, gradients, _ = by_hand(activation, SCHEMES[scheme], 50, 80, rng=0)
    forward, backward = (outputs[-1] / outputs[0]) ** (1 / 49), (gradients[0] / gradients[-1]) ** (1 / 49)
    published = PUBLISHED["initialization"]
    assert published[f"{of}, {scheme}"] == f"outputs {fate(forward)}, gradients {fate(backward)}"
    if f"{of}, {scheme}: outputs by layer" in published:
        assert published[f"{of}, {scheme}: outputs by layer"] == f"{forward:.3f}"


@pytest.mark.parametrize(("activation", "scheme", "factor"), [
    ("tanh", "too small", 0.01 * math.sqrt(80)), ("relu", "too small", 0.01 * math.sqrt(40)),
    ("relu", "too big", 0.3 * math.sqrt(40)), ("relu", "Xavier", math.sqrt(1 / 2)), ("relu", "He", 1.0),
])
def test_a_layer_multiplies_the_spread_by_what_theory_says(activation: str, scheme: str, factor: float) -> None:
    logarithms = []
    for rng in range(4):
        outputs = Signals.through(activation, SCHEMES[scheme], 50, 80, rng).outputs
        logarithms.append(math.log(outputs[50] / outputs[1]) / 49)
    assert math.exp(np.mean(logarithms)) == pytest.approx(factor, rel=0.04)


def test_the_whole_row_is_as_published_for_a_small_network_too() -> None:
    results = initialization(layers=3, units=5, rng=1).results
    assert results["all alike: units differ by"] == 0.0
    assert results["Xavier, tanh: different units"] == 3.0
