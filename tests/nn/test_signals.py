"""``unit_report``: hand-made networks with dead, saturated and equal units, and deep ones whose signals vanish."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nn import MLP, Linear, Module, Sequential, fit, half_squared_error, softmax_cross_entropy
from nn.gradients import EagerGradients
from nn.initializers import constant, normal
from nn.layers import Activation
from nn.signals import unit_report

X = np.random.default_rng(0).normal(size=(60, 2))
y = (X[:, 0] > X[:, 1]).astype(int)


def by_hand(activation: str, weights: list[float], biases: list[float]) -> Sequential:
    """One hidden layer over a single input."""
    first = Linear(1, len(weights))
    for row, weight in zip(first.weight, weights, strict=True):
        row[0].data = weight
    for bias, number in zip(first.bias, biases, strict=True):
        bias.data = number
    return Sequential(first, Activation(activation), Linear(len(weights), 1))


def test_units_made_by_hand() -> None:
    inputs = np.linspace(-1, 1, 20)[:, None]
    [relu, _] = unit_report(by_hand("relu", [1.0, 1.0, 1.0, -1.0], [0.0, -2.0, 2.0, -3.0]), inputs).layers
    assert (relu.name, relu.units, relu.dead, relu.saturated) == ("1 (relu)", 4, 0.5, 0.0)
    assert relu.flat == (0.5 + 1 + 0 + 1) / 4
    assert relu.spread == pytest.approx(np.std(np.maximum(inputs * [1, 1, 1, -1] + [0, -2, 2, -3], 0)))
    assert relu.gradient is None
    [tanh, _] = unit_report(by_hand("tanh", [1.0, 1.0, 100.0, 2.0], [0.0, 5.0, 0.0, 0.0]), inputs).layers
    assert (tanh.dead, tanh.saturated, tanh.alike) == (0.0, 0.5, 0.0)  # the second, and the third at both ends


def test_dead_units_are_found() -> None:
    found = unit_report(by_hand("relu", [1.0, 1.0], [-9.0, -9.0]), X[:, :1])
    assert not found.ok
    assert "100 % of the units of layer 1 (relu) are dead" in found.verdict


def test_gradients_are_the_deltas_of_the_engine() -> None:
    """The mean over examples of delta_i is the gradient of a bias; with one example the two are equal."""
    model = MLP([2, 3, 2], rng=1)
    for inputs, labels in ((X[:2], y[:2]),):
        found = unit_report(model, inputs, labels, softmax_cross_entropy)
        targets = softmax_cross_entropy.targets(labels, 2)
        _, each = EagerGradients(model, softmax_cross_entropy).per_example(inputs, targets)
        biases = [each[:, 6:9], each[:, 15:17]]
        for layer, deltas in zip(found.layers, biases, strict=True):
            assert layer.gradient == pytest.approx(math.sqrt(np.mean(deltas**2)), rel=1e-14)


def test_one_graph_and_one_example_at_a_time_agree() -> None:
    class Coupled(Sequential):
        couples_examples = True

    model = MLP([2, 4, 4, 2], activation="sigmoid", rng=2)
    assert unit_report(model, X, y, softmax_cross_entropy).layers == pytest.approx(
        unit_report(Coupled(*model.layers), X, y, softmax_cross_entropy).layers)


@pytest.mark.parametrize(("model", "said"), [
    (MLP([2, *[8] * 8, 2], activation="sigmoid"), "The gradients vanish: from "),
    (MLP([2, *[8] * 8, 2], init=normal(0.05)), "The activations vanish: their spread goes from "),
    (MLP([2, *[8] * 8, 2], activation="relu", init=normal(3.0)), "The activations explode: their spread goes from "),
    (MLP([2, *[8] * 8, 2], activation="relu", init=normal(3.0)), "The gradients explode: from "),
    (MLP([2, 8, 8, 2], init=constant(0.5)), "repeat another: equal initial weights stay equal"),
    (MLP([2, 8, 8, 2], init="zeros"), "are dead: they give the same for every example"),
    (MLP([2, 8, 2], init=normal(100.0)), "are saturated: for nearly all examples the slope"),
], ids=lambda each: each if isinstance(each, str) else "")
def test_bad_initializations_are_found(model: Module, said: str) -> None:
    found = unit_report(model, X, y, softmax_cross_entropy)
    assert not found.ok
    assert said in found.verdict


@pytest.mark.parametrize("settings", [
    {}, {"activation": "relu", "init": "he"}, {"activation": "sigmoid"}, {"norm": "batch"}, {"keep": 0.7},
    {"activation": "gelu", "init": "he"}, {"output": "tanh"},
], ids=repr)
@pytest.mark.parametrize("seed", range(3))
def test_sound_networks_pass(settings: dict[str, Any], seed: int) -> None:
    model = MLP([2, 16, 16, 1], rng=seed, **settings)
    found = unit_report(model, X, X[:, 0], half_squared_error)
    assert found.ok, found
    assert len(found.layers) == 3
    assert [layer.units for layer in found.layers] == [16, 16, 1]


def test_relu_at_he_initialization_is_off_half_the_time() -> None:
    """The slide's sparse activation."""
    found = unit_report(MLP([2, 60, 60, 1], activation="relu", init="he"), X)
    assert [layer.flat for layer in found.layers[:2]] == pytest.approx([0.5, 0.5], abs=0.1)


def test_equal_units_are_still_equal_after_training() -> None:
    model = MLP([2, 6, 2], activation="sigmoid", init=constant(0.3))
    fit(model, X, y, loss=softmax_cross_entropy, epochs=5)
    assert unit_report(model, X).layers[0].alike == pytest.approx(5 / 6)


def test_a_shared_activation_and_modules_of_ones_own() -> None:
    class Doubled(Module):
        def forward(self, examples: Any) -> list[list[Any]]:
            return [[2.0 * scalar for scalar in row] for row in examples]

    tanh = Activation("tanh")
    found = unit_report(Sequential(Linear(2, 3), tanh, Doubled(), Linear(3, 3), tanh, Linear(3, 1)), X)
    assert [layer.name for layer in found.layers] == ["1 (tanh)", "2 (tanh)", "3"]
    assert found.layers[0] != found.layers[1]
