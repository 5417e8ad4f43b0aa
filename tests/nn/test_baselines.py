"""Baselines: the best constant prediction, by hand, and training without inputs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from nn import (
    MLP,
    Adam,
    Loss,
    Standardization,
    binary_cross_entropy_with_logits,
    half_squared_error,
    hinge,
    huber_error,
    iris,
    max_margin,
    mean_absolute_error,
    mean_squared_error,
    softmax_cross_entropy,
)
from nn.baselines import constant_baseline, input_independent_baseline


def flowers() -> tuple[np.ndarray, np.ndarray]:
    X, y = iris()
    return Standardization.of(X).transform(X), y


SKEWED = np.array([0] * 5 + [1] * 3 + [2] * 2)
ENTROPY = -sum(share * math.log(share) for share in (0.5, 0.3, 0.2))
NUMBERS = np.array([1.0, 2.0, 4.0, 9.0, 100.0])


@Loss
def fourth_power(prediction: Any, target: Any) -> Any:
    return (prediction - target) ** 4


@Loss
def poisson(prediction: Any, target: Any) -> Any:
    """Defined for positive predictions only; its best constant is the mean."""
    return prediction - target * ag.log(prediction)


@pytest.mark.parametrize(("loss", "y", "outputs", "least", "accuracy"), [
    (half_squared_error, NUMBERS, 1, float(np.var(NUMBERS) / 2), None),
    (mean_squared_error, np.c_[NUMBERS, -NUMBERS], 2, float(np.var(NUMBERS)), None),
    (mean_absolute_error, NUMBERS, 1, float(np.mean(np.abs(NUMBERS - 4))), None),
    (huber_error, [0.0, 0.0, 10.0], 1, 9.25 / 3, None),  # at 1/2 the two zeros pull with 1/2 each, the ten with 1
    (softmax_cross_entropy, SKEWED, 3, ENTROPY, 0.5),
    (binary_cross_entropy_with_logits, [0, 0, 0, 1], 1, -0.75 * math.log(0.75) - 0.25 * math.log(0.25), 0.75),
    (hinge, [1, 1, 1, -1], 1, 0.5, 0.75),
    (max_margin, SKEWED, 3, 1.5, 0.5),
    (fourth_power, [0.0, 2.0], 1, 1.0, None),
    (poisson, NUMBERS, 1, 23.2 - 23.2 * math.log(23.2), None),
], ids=lambda each: getattr(each, "name", None))
def test_the_best_constant(loss: Loss, y: Any, outputs: int, least: float, accuracy: float | None) -> None:
    found = constant_baseline(y, loss, outputs)
    assert found.loss == pytest.approx(least, rel=1e-9)
    assert found.accuracy == accuracy


def test_the_best_constant_of_classes_is_their_log_shares() -> None:
    found = constant_baseline(SKEWED, softmax_cross_entropy, 3).prediction
    np.testing.assert_allclose(np.exp(found) / np.exp(found).sum(), [0.5, 0.3, 0.2], atol=1e-6)


def test_one_class_only_has_a_loss_of_0_in_the_limit() -> None:
    assert constant_baseline([1, 1, 1], softmax_cross_entropy, 2).loss < 1e-6


def test_real_inputs_must_beat_zeros() -> None:
    X, y = flowers()
    settings: dict[str, Any] = {"loss": softmax_cross_entropy, "optimizer": Adam(0.05), "epochs": 15}
    found = input_independent_baseline(lambda: MLP([4, 6, 3]), X, y, **settings)
    assert found.ok
    assert found.blind == pytest.approx(math.log(3), rel=0.02)
    mixed = np.random.default_rng(0).permutation(y)
    shuffled = input_independent_baseline(lambda: MLP([4, 6, 3]), X, mixed, **settings)
    assert not shuffled.ok
    assert "Do X and y still belong together, row by row?" in shuffled.verdict


def test_both_trainings_take_the_examples_in_the_same_order() -> None:
    zeros = np.zeros((6, 1))
    found = input_independent_baseline(lambda: MLP([1, 1]), zeros, np.arange(6.0), half_squared_error, batch_size=2,
                                       epochs=3, rng=np.random.default_rng(1))
    assert found.real_history == found.blind_history
