"""Rows 1, 12 and 13 of the lecture beside what was worked out by hand, in closed form, or in plain NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from nn import SGD, Adam, Momentum
from viz.lecture import CATALOGUE, descent, error_and_step, optimizers
from viz.lecture.gradient_descent import FOUR_X, FOUR_Y, compared, orders_of, scattered
from viz.lecture.update_rules import RULES, cost_at, point_after, recorded_update, toy

PUBLISHED = {row.id: row.published for row in CATALOGUE}

# --- row 1: the error and the step ---------------------------------------------------------------


def test_the_published_step_is_the_one_in_exact_fractions() -> None:
    x, y = [Fraction(1), Fraction(-2)], [Fraction(0), Fraction(1)]
    W = [[Fraction(4, 10), Fraction(1, 10)], [Fraction(5, 10), Fraction(-2, 10)]]
    published = PUBLISHED["error-and-step"]

    def residuals() -> list[Fraction]:
        return [sum(w * z for w, z in zip(row, x, strict=True)) - target for row, target in zip(W, y, strict=True)]

    errors = []
    for step in range(3):
        off = residuals()
        errors.append(sum(each * each for each in off) / 2)
        for i, j in np.ndindex(2, 2):
            slope = off[i] * x[j]
            W[i][j] -= Fraction(1, 10) * slope
            if step == 0:
                assert published[f"dE/dw_{i + 1}{j + 1}^(1)"] == f"{float(slope):.10f}"
                assert published[f"w_{i + 1}{j + 1}^(1) after a step"] == f"{float(W[i][j]):.10f}"
    for of, E in zip(("E", "E after a step", "E after two steps"), errors, strict=True):
        assert published[of] == f"{float(E):.10f}"


@pytest.mark.parametrize("seed", range(5))
def test_the_step_is_that_of_the_formula_elsewhere(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, W, y, rate = rng.normal(size=3), rng.normal(size=(2, 3)), rng.normal(size=2), float(rng.uniform(0.01, 0.1))
    results = error_and_step(x, W, y, rate).results
    after = W - rate * np.outer(W @ x - y, x)
    assert results["E"] == pytest.approx(np.sum((W @ x - y) ** 2) / 2)
    assert results["E after a step"] == pytest.approx(np.sum((after @ x - y) ** 2) / 2)
    assert results["w_23^(1) after a step"] == pytest.approx(after[1, 2])
    assert results["largest |training - formula|"] == 0.0


def test_a_single_output_works_too() -> None:
    assert error_and_step([2.0], [[1.5]], [1.0]).results["E"] == 2.0


# --- row 12: descent ------------------------------------------------------------------------------


def test_no_line_fits_the_four_points_better_than_the_stated_one() -> None:
    off = np.array(FOUR_Y) - (2 * np.array(FOUR_X) + 1)
    assert np.abs(off).tolist() == [0.5] * 4
    assert (off.sum(), off @ FOUR_X) == (0.0, 0.0)


@pytest.mark.parametrize("rate", [0.1, 0.39, 0.4, 0.41])
@pytest.mark.parametrize("steps", [1, 10, 40])
def test_the_batch_follows_the_closed_form(rate: float, steps: int) -> None:
    """The curvatures are 5 for w and 1 for b, the start is 2 and 1 away from the minimum of 1/8."""
    eta = Fraction(str(rate))
    exact = Fraction(1, 8) + (5 * (2 * (1 - 5 * eta) ** steps) ** 2 + ((1 - eta) ** steps) ** 2) / 2
    of = f"cost after {steps} steps at {rate:g}"
    assert descent().results[of] == pytest.approx(float(exact), rel=1e-12)
    if of in PUBLISHED["descent"]:
        assert PUBLISHED["descent"][of] == f"{float(exact):.8f}"


def test_the_gradient_norm_falls_below_the_limit_in_the_published_epoch() -> None:
    norms = [math.hypot(10 * 0.5**steps, 0.9**steps) for steps in range(100)]
    epoch = next(steps for steps, norm in enumerate(norms) if norm < 1e-3) + 1
    assert f"(epoch {epoch})" in PUBLISHED["descent"]["ended by gradient norm"]


def test_the_largest_curvature_is_that_of_the_data() -> None:
    X, y = [0.5, -1.0, 2.0, 3.5], [0.0, 1.0, -1.0, 2.0]
    inputs = np.column_stack([X, np.ones(4)])
    largest = np.linalg.eigvalsh(inputs.T @ inputs / 4)[-1]
    assert descent(X, y, rates=(0.01,)).results["lambda_max"] == pytest.approx(largest)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_an_epoch_uses_every_example_once(size: int) -> None:
    epochs = orders_of(np.arange(6.0)[:, None], np.zeros(6), batch_size=size, epochs=4)
    assert [sorted(x for batch in epoch for x in batch) for epoch in epochs] == [[0, 1, 2, 3, 4, 5]] * 4
    assert {len(batch) for epoch in epochs for batch in epoch} == {size}
    assert len({str(epoch) for epoch in epochs}) > 1, "each epoch has an order of its own"


@pytest.mark.parametrize("rng", range(1, 4))
def test_sgd_leads_at_first_and_ends_on_its_noise_floor_for_other_data_too(rng: int) -> None:
    runs, excess = compared(*scattered(20, rng))
    assert {run.examples[0] for run in runs.values()} == {20}
    assert [run.updates[0] for run in runs.values()] == [1, 4, 20, 20]
    assert excess["SGD"][0] < excess["batch"][0]
    floors = {of: np.mean(each[-10:]) for of, each in excess.items()}
    assert floors["batch"] < floors["minibatch of 5"] < floors["SGD"]
    assert floors["SGD, a quarter of the rate"] < floors["SGD"]
    assert min(map(min, excess.values())) > -1e-12, "nothing falls below the least cost"


# --- row 13: optimizers ---------------------------------------------------------------------------

Gradient = Callable[[np.ndarray], np.ndarray]


def toy_gradient(p: np.ndarray) -> np.ndarray:
    bell = math.exp(-2 * p[1] ** 2) * math.exp(-((p[0] - 0.7) ** 2) / 8)
    return np.array([bell * (p[0] - 0.7) / 4, bell * 4 * p[1]])


def valley_gradient(p: np.ndarray) -> np.ndarray:
    across = p[1] - p[0] ** 2
    return np.array([-400 * p[0] * across - 2 * (1 - p[0]), 200 * across])


def valley(p: np.ndarray) -> float:
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def by_hand(name: str, gradient: Gradient, start: tuple[float, float], steps: int, rate: float, beta_2: float = 0.999):
    """The published rules with their usual settings, written out once more."""
    p, first, second = np.array(start), np.zeros(2), np.zeros(2)
    for t in range(1, steps + 1):
        g = gradient(p)
        match name:
            case "SGD":
                p = p - rate * g
            case "Momentum":
                first = 0.9 * first + g
                p = p - rate * first
            case "Nesterov":
                first = 0.9 * first + g
                p = p - rate * (g + 0.9 * first)
            case "Adagrad":
                second = second + g * g
                p = p - rate * g / (np.sqrt(second) + 1e-10)
            case "RMSprop":
                second = 0.99 * second + 0.01 * g * g
                p = p - rate * g / (np.sqrt(second) + 1e-8)
            case _:
                first, second = 0.9 * first + 0.1 * g, beta_2 * second + (1 - beta_2) * g * g
                decay = rate * 0.01 * p if name == "AdamW" else 0.0
                p = p - decay - rate * (first / (1 - 0.9**t)) / (np.sqrt(second / (1 - beta_2**t)) + 1e-8)
    return p


@pytest.mark.parametrize(("of", "name", "rate", "steps"), [
    ("gradient descent, 0.08", "SGD", 0.08, 200),
    ("gradient descent, 1", "SGD", 1.0, 40),
    ("Adam, 0.05", "Adam", 0.05, 60),
])
def test_the_toy_ends_where_the_textbook_has_it(of: str, name: str, rate: float, steps: int) -> None:
    end = by_hand(name, toy_gradient, (-0.7, -0.9), steps, rate, beta_2=0.99)
    for at in (0, 1):
        assert PUBLISHED["optimizers"][f"toy by {of}, p_{at}"] == f"{round(end[at], 3) + 0.0:.3f}"
        assert optimizers(steps=1).results[f"toy by {of}, p_{at}"] == pytest.approx(end[at], abs=1e-12)


RATES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)


@pytest.mark.parametrize(("name", "rate"), [
    ("SGD", 0.003), ("Momentum", 0.003), ("Nesterov", 0.001), ("Adagrad", 1.0), ("RMSprop", 0.01), ("Adam", 1.0),
    ("AdamW", 0.3),
])
def test_every_optimizer_has_its_best_rate_in_the_valley(name: str, rate: float) -> None:
    """The best whose end does not hang on the twelfth digit of the start."""
    with np.errstate(all="ignore"):
        ends, beside = (
            {each: valley(by_hand(name, valley_gradient, start, 500, each)) for each in RATES}
            for start in ((-1.2, 1.0), (-1.2 + 1e-12, 1.0))
        )
    steady = [each for each in RATES if math.isclose(ends[each], beside[each], rel_tol=1e-3)]
    assert min(steady, key=ends.__getitem__) == rate
    if name == "RMSprop":
        assert max(steady) == rate, "the others are chaotic"
    assert PUBLISHED["optimizers"][f"Rosenbrock by {name}"] == f"{ends[rate]:.7f}"


@pytest.mark.parametrize("of", RULES)
def test_a_printed_rule_moves_as_its_optimizer_does(of: str) -> None:
    rule, letters = RULES[of]
    theta, before = recorded_update(rule, letters)
    slots = {slot: np.array([1.0]) for slot in rule.slot_names}
    moved, _ = rule.moved(np.array([1.0]), np.array([2.0]), slots, 0.1, 1)
    assert theta.data == pytest.approx(moved[0], rel=1e-15)
    assert [each.data for each in before[:2]] == [1.0, 2.0]


def test_adam_is_first_down_the_toys_valley() -> None:
    start = (-0.7, -0.9)
    after_60 = [cost_at(toy, point_after(rule, toy, start, 60))
                for rule in (Adam(0.05, beta_2=0.99), SGD(0.08), Momentum(0.008))]
    assert min(after_60) == after_60[0]
