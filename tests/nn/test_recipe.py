"""The recipe's checks before training: each finds the mistake it is for, and clears a sound network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nn import (
    MLP,
    SGD,
    Adam,
    Dropout,
    Loss,
    Module,
    Sequential,
    Standardization,
    binary_cross_entropy_with_logits,
    fit,
    half_squared_error,
    hinge,
    iris,
    mean_absolute_error,
    softmax_cross_entropy,
)
from nn.baselines import constant_baseline, input_independent_baseline
from nn.errors import DataError, SettingError, ShapeError
from nn.gradient_checks import check_gradients, gradient_dependency
from nn.initializers import normal
from nn.layers import Activation
from nn.recipe import initial_loss, overfit_one_batch
from nn.signals import unit_report
from nn.trials import learning_rate_range

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(24, 2))
INSIDE = (POINTS[:, 0] * POINTS[:, 1] > 0).astype(int)
SLOPES = POINTS @ [2.0, -1.0]


def flowers() -> tuple[np.ndarray, np.ndarray]:
    X, y = iris()
    return Standardization.of(X).transform(X), y


# --- nothing is changed -------------------------------------------------------------------------


def state_of(model: Module) -> Any:
    """All that a check might change: numbers, gradients, names, modes, generators."""
    return (
        [(each.data, each.grad, each.name) for each in model.parameters()],
        {name: array.tolist() for name, array in model.state_dict().items()},
        [module.training for module in model.modules()],
        [(each.keep, each.rng.bit_generator.state) for each in model.modules() if isinstance(each, Dropout)],
        [sorted(vars(module)) for module in model.modules()],
    )


CHECKS = {
    "initial_loss": lambda model: initial_loss(model, POINTS, INSIDE, softmax_cross_entropy),
    "overfit_one_batch": lambda model: overfit_one_batch(model, POINTS, INSIDE, softmax_cross_entropy, updates=3),
    "gradient_dependency": lambda model: gradient_dependency(model, POINTS),
    "check_gradients": lambda model: check_gradients(model, POINTS, INSIDE, softmax_cross_entropy),
    "unit_report": lambda model: unit_report(model, POINTS, INSIDE, softmax_cross_entropy),
    "learning_rate_range": lambda model: learning_rate_range(model, POINTS, INSIDE, softmax_cross_entropy, updates=8),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("check", CHECKS)
def test_the_model_is_left_as_it_was(check: str, training: bool) -> None:
    model = MLP([2, 3, 2], norm="batch", keep=0.5, rng=4)
    fit(model, POINTS, INSIDE, loss=softmax_cross_entropy, epochs=2)
    for module in model.modules():
        module.training = training
    before = state_of(model)
    first = CHECKS[check](model)
    assert state_of(model) == before
    assert str(CHECKS[check](model)) == str(first)


@pytest.mark.parametrize("check", CHECKS)
def test_reports_print_in_a_terminal_and_in_a_notebook(check: str) -> None:
    found = CHECKS[check](MLP([2, 3, 2]))
    lines = str(found).splitlines()
    assert lines[0] == found.heading
    assert " ".join(found.verdict.split()) in " ".join(str(found).split())
    assert found._repr_html_().startswith("<p><strong>")
    assert repr(found) == str(found)
    with pytest.raises(AttributeError):
        found.heading = "another"
    assert isinstance(found.ok, bool)


# --- initial loss -------------------------------------------------------------------------------


@pytest.mark.parametrize(("loss", "y", "outputs", "of_zero"), [
    (softmax_cross_entropy, np.arange(24) % 3, 3, math.log(3)),
    (softmax_cross_entropy, np.arange(24) % 10, 10, math.log(10)),
    (binary_cross_entropy_with_logits, INSIDE, 1, math.log(2)),
    (hinge, 2 * INSIDE - 1, 1, 1.0),
    (half_squared_error, SLOPES, 1, float(np.mean(SLOPES**2) / 2)),
    (mean_absolute_error, SLOPES, 1, float(np.mean(np.abs(SLOPES)))),
], ids=lambda each: getattr(each, "name", None))
def test_the_expected_loss_is_that_of_predicting_0(loss: Loss, y: Any, outputs: int, of_zero: float) -> None:
    found = initial_loss(MLP([2, 4, outputs], init="zeros"), POINTS, y, loss)
    assert found.of_zero == pytest.approx(of_zero, rel=1e-14)
    assert found.loss == pytest.approx(of_zero, rel=1e-14)
    assert found.ok


def test_for_regression_the_mean_is_told_too() -> None:
    found = initial_loss(MLP([2, 4, 1], init="zeros"), POINTS, SLOPES + 100.0, half_squared_error)
    assert found.of_constant == pytest.approx(np.var(SLOPES) / 2, rel=1e-12)
    assert found.ok
    assert "set the last layer's biases to it, or standardize the targets" in found.verdict


def test_a_bias_at_the_best_constant_is_as_good_a_start() -> None:
    model = MLP([2, 4, 1], init="zeros")
    model.parameters()[-1].data = float(np.mean(SLOPES + 100.0))
    found = initial_loss(model, POINTS, SLOPES + 100.0, half_squared_error)
    assert found.ok
    assert found.loss == pytest.approx(found.of_constant)
    assert "standardize the targets" not in found.verdict


def test_an_output_activation_is_taken_into_account() -> None:
    found = initial_loss(MLP([2, 4, 1], output="sigmoid", init="zeros"), POINTS, INSIDE, half_squared_error)
    assert found.of_zero == pytest.approx(np.mean((INSIDE - 0.5) ** 2) / 2)


def test_a_confident_and_a_trained_network_are_found() -> None:
    X, y = flowers()
    confident = initial_loss(MLP([4, 8, 3], init=normal(10.0)), X, y, softmax_cross_entropy)
    assert not confident.ok
    assert confident.verdict.startswith("Too high: ")
    model = MLP([4, 8, 3])
    fit(model, X, y, loss=softmax_cross_entropy, optimizer=Adam(0.05), epochs=40)
    trained = initial_loss(model, X, y, softmax_cross_entropy)
    assert not trained.ok
    assert trained.verdict.startswith("Too low: ")


@pytest.mark.parametrize("seed", range(5))
def test_sound_initializations_pass(seed: int) -> None:
    X, y = flowers()
    assert initial_loss(MLP([4, 16, 3], rng=seed), X, y, softmax_cross_entropy).ok


def test_nan_is_too_high() -> None:
    model = MLP([2, 1])
    model.parameters()[0].data = math.nan
    found = initial_loss(model, POINTS, SLOPES, half_squared_error)
    assert not found.ok
    assert found.verdict.startswith("Too high: nan")


# --- overfit one batch --------------------------------------------------------------------------


@pytest.mark.parametrize(("loss", "y", "outputs"), [
    (softmax_cross_entropy, INSIDE, 2),
    (softmax_cross_entropy, np.c_[0.9 - 0.8 * INSIDE, 0.1 + 0.8 * INSIDE], 2),  # its minimum is not 0
    (binary_cross_entropy_with_logits, INSIDE, 1),
    (hinge, 2 * INSIDE - 1, 1),
    (half_squared_error, SLOPES, 1),
    (mean_absolute_error, SLOPES, 1),
], ids=lambda each: getattr(each, "name", None))
@pytest.mark.parametrize("extra", [{}, {"norm": "batch"}, {"keep": 0.5}], ids=repr)
def test_a_sound_network_learns_a_few_examples_by_heart(loss: Loss, y: Any, outputs: int, extra: Any) -> None:
    model = MLP([2, 12, outputs], rng=1, **extra)
    found = overfit_one_batch(model, POINTS, y, loss, optimizer=Adam(0.02), examples=5)
    assert found.ok, found
    assert len(found.examples) == len(set(found.examples)) == 5
    assert found.losses[0] > found.losses[-1] >= found.minimum - 1e-9


def test_the_minimum_of_probabilities_is_their_entropy() -> None:
    y = np.tile([0.25, 0.75], (24, 1))
    found = overfit_one_batch(MLP([2, 4, 2]), POINTS, y, softmax_cross_entropy, updates=1)
    assert found.minimum == pytest.approx(-0.25 * math.log(0.25) - 0.75 * math.log(0.75), rel=1e-9)


def test_what_cannot_be_learned_is_found() -> None:
    out_of_reach = overfit_one_batch(MLP([2, 8, 1], output="tanh"), POINTS, SLOPES + 10.0, half_squared_error)
    assert not out_of_reach.ok
    assert "targets that the output activation cannot reach" in out_of_reach.verdict
    equal = overfit_one_batch(MLP([2, 8, 2]), np.ones((6, 2)), [0, 1] * 3, softmax_cross_entropy)
    assert not equal.ok
    assert equal.left > 0.5


def test_a_diverging_run_is_reported() -> None:
    found = overfit_one_batch(MLP([2, 1]), 100 * POINTS, SLOPES, half_squared_error, optimizer=SGD(10.0))
    assert not found.ok
    assert "Training broke off. Training diverged in epoch" in found.verdict
    assert found.losses[-1] > found.losses[0]
    assert "Training broke off." in str(found)


# --- bad calls ----------------------------------------------------------------------------------


BAD_CALLS = [
    (lambda: initial_loss(MLP([3, 1]), POINTS, SLOPES, half_squared_error), ShapeError, "it got 2"),
    (lambda: initial_loss(MLP([2, 2]), POINTS, INSIDE + 5, softmax_cross_entropy), DataError, "the classes 0 to 1"),
    (lambda: initial_loss(MLP([2, 1]), POINTS[:3], SLOPES, half_squared_error), DataError, "one row per example each"),
    (lambda: initial_loss(MLP([2, 1]), POINTS * math.nan, SLOPES, half_squared_error), DataError, "row 0, column 0"),
    (lambda: overfit_one_batch(MLP([2, 1]), POINTS, SLOPES, half_squared_error, examples=0), SettingError,
     "examples is how many are to be learned by heart, at least 1; got 0."),
    (lambda: overfit_one_batch(MLP([2, 1]), POINTS, SLOPES, half_squared_error, updates=0), SettingError, "got 0"),
    (lambda: input_independent_baseline(MLP([2, 1]), POINTS, SLOPES, half_squared_error), SettingError,
     r"make_model is a function that returns a new model each time, such as lambda: MLP\(\[4, 8, 3\]\); got a model\."),
    (lambda: input_independent_baseline(lambda: 3, POINTS, SLOPES, half_squared_error), SettingError,
     r"a new model each time.*got 3\."),
    (lambda: gradient_dependency(MLP([2, 1]), POINTS[:1]), DataError, "Two examples at least are needed"),
    (lambda: unit_report(MLP([2, 1]), POINTS[:1]), DataError, "Pass more rows of X"),
    (lambda: unit_report(MLP([2, 1]), POINTS, SLOPES), SettingError, "Gradients need both y and the loss"),
    (lambda: unit_report(Sequential(Activation("tanh")), POINTS), SettingError, "there is no layer to look at"),
    (lambda: check_gradients(MLP([2, 1]), POINTS, SLOPES, half_squared_error, examples=-1), SettingError, "got -1"),
    (lambda: learning_rate_range(MLP([2, 1]), POINTS, SLOPES, half_squared_error, lowest=1.0, highest=0.1),
     SettingError, "rises from lowest to highest, both positive and finite; got 1.0 and 0.1"),
    (lambda: learning_rate_range(MLP([2, 1]), POINTS, SLOPES, half_squared_error, updates=0), SettingError, "got 0"),
    (lambda: learning_rate_range(MLP([2, 1]), POINTS, SLOPES, half_squared_error, batch_size=0), SettingError, "got 0"),
    (lambda: learning_rate_range(MLP([2, 3, 1], norm="batch"), POINTS, SLOPES, half_squared_error, batch_size=1),
     ShapeError, "one example has no spread"),
    (lambda: constant_baseline([0, 1, 7], softmax_cross_entropy, 3), DataError, "takes the classes 0 to 2"),
]


@pytest.mark.parametrize("at", range(len(BAD_CALLS)))
def test_bad_calls_say_what_to_do(at: int) -> None:
    call, error, message = BAD_CALLS[at]
    with pytest.raises(error, match=message):
        call()
