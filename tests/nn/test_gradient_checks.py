"""Gradients: mistakes in their numbers and in what they reach, planted and found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.testing.mutants import planted
from nn import (
    MLP,
    SGD,
    BatchNorm,
    Linear,
    Module,
    Sequential,
    fit,
    moons,
    softmax_cross_entropy,
)
from nn.activations import find_activation
from nn.gradient_checks import check_gradients, gradient_dependency
from nn.layers import Activation
from nn.module import number_of

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(24, 2))
INSIDE = (POINTS[:, 0] * POINTS[:, 1] > 0).astype(int)
SLOPES = POINTS @ [2.0, -1.0]


# --- gradient dependency ------------------------------------------------------------------------


class Shifted(Module):
    """A mistake: every example gets the results of its predecessor."""

    def forward(self, examples: Any) -> list[list[Any]]:
        return [list(examples[at - 1]) for at in range(len(examples))]


class Centred(Module):
    """A mistake: the batch's mean is subtracted, over the wrong axis."""

    def forward(self, examples: Any) -> list[list[Any]]:
        means = [ag.mean(list(column)) for column in zip(*examples, strict=True)]
        return [[scalar - mean for scalar, mean in zip(row, means, strict=True)] for row in examples]

    def __repr__(self) -> str:
        return "Centred()"


class Cut(Module):
    """A mistake: the numbers are taken out of the graph."""

    def forward(self, examples: Any) -> list[list[Any]]:
        return [[number_of(scalar) for scalar in row] for row in examples]


def with_middle(middle: Module) -> Sequential:
    return Sequential(Linear(2, 3), Activation("tanh"), middle, Linear(3, 2))


@pytest.mark.parametrize("model", [
    MLP([2, 4, 3]), MLP([2, 4, 1], keep=0.9), MLP([2, 4, 1], norm="batch"), MLP([2, 4, 1], norm="batch").eval(),
], ids=repr)
def test_sound_networks_depend_on_their_own_example(model: Module) -> None:
    found = gradient_dependency(model, POINTS, examples=5)
    assert found.ok
    assert found.dependencies == {at: () for at in range(5)}
    assert (np.diag(found.gradients) > 0).all()


def test_batch_norm_is_named_as_a_coupling_on_purpose() -> None:
    found = gradient_dependency(MLP([2, 4, 1], norm="batch"), POINTS, examples=3)
    assert found.coupled_by == ("BatchNorm(4)",)
    assert (found.in_mode > 0).all()
    assert "In training mode BatchNorm(4) couples the examples of a minibatch, on purpose" in found.verdict
    assert gradient_dependency(MLP([2, 4, 1], norm="batch").eval(), POINTS).coupled_by == ()


def test_examples_that_are_mixed_up_are_found_with_their_layer() -> None:
    found = gradient_dependency(with_middle(Shifted()), POINTS, examples=3)
    assert not found.ok
    assert found.dependencies == {0: (2,), 1: (0,), 2: (1,)}
    assert found.independent == (0, 1, 2)
    assert "the output of example 0 depends on the inputs of example 2" in found.verdict
    assert found.mixed_by == "Shifted"
    centred = gradient_dependency(with_middle(Centred()), POINTS, examples=3)
    assert centred.dependencies == {0: (1, 2), 1: (0, 2), 2: (0, 1)}
    assert centred.independent == ()
    assert "The first layer to mix them is Centred()." in centred.verdict


def test_a_mistake_beside_batch_norm_is_still_found() -> None:
    model = Sequential(Linear(2, 3), BatchNorm(3), Centred(), Linear(3, 1))
    found = gradient_dependency(model, POINTS, examples=3)
    assert not found.ok
    assert found.coupled_by == ("BatchNorm(3)",)
    assert found.mixed_by == "Centred()"


def test_a_cut_graph_is_found() -> None:
    found = gradient_dependency(with_middle(Cut()), POINTS, examples=3)
    assert not found.ok
    assert found.independent == (0, 1, 2)
    assert "does not depend on its own inputs: the graph is cut" in found.verdict


# --- a wrong gradient ---------------------------------------------------------------------------


@pytest.mark.parametrize(("mistake", "activation"), [
    ("tanh-slightly-off", "tanh"), ("sigmoid-slightly-off", "sigmoid"), ("relu-leaks", "relu"),
])
def test_a_wrong_gradient_still_trains_and_the_check_finds_it(mistake: str, activation: str) -> None:
    """It is difficult to tell when there is a mistake: the loss falls all the same."""
    X, y = moons(30, rng=0)
    sound, wrong = MLP([2, 6, 2], activation=activation, rng=0), MLP([2, 6, 2], activation=activation, rng=0)
    settings: dict[str, Any] = {"loss": softmax_cross_entropy, "optimizer": SGD(0.5), "epochs": 60}
    right = fit(sound, X, y, **settings).loss
    assert check_gradients(sound, X, y, softmax_cross_entropy).ok
    with planted(mistake):
        history = fit(wrong, X, y, **settings)
        found = check_gradients(wrong, X, y, softmax_cross_entropy, examples=8)
    assert history.loss[-1] < 0.6 * history.loss[0]
    assert history.loss[-1] == pytest.approx(right[-1], rel=0.15)
    assert not found.ok
    assert "the local derivative of " in found.verdict
    written = ag.Symbol.applied(find_activation(activation), [ag.Symbol("x")]).text
    assert written.partition("(")[0] + "(" in found.verdict
    assert " are wrong." in found.verdict


@pytest.mark.parametrize("model", [
    MLP([2, 3, 2], norm="batch"), MLP([2, 3, 2], keep=0.5), MLP([2, 2], bias=False), MLP([2, 3, 2], activation="relu"),
], ids=repr)
def test_right_gradients_pass(model: Module) -> None:
    found = check_gradients(model, POINTS, INSIDE, softmax_cross_entropy)
    assert found.ok, found
    assert len(found.report.entries) == len(model.parameters())
    assert found.report.entries[0].name.startswith("w_{11}")
