"""Learning curves of every kind, clean and noisy, and of real descents, read by four questions."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.diagnosis import Answer, Diagnosis, diagnosis_of
from nn.errors import ShapeError
from nn.history import History

Shape = Callable[[np.ndarray], np.ndarray]
SEEDS = 25
CLAIMS = {"yes", "a gap", "too high", "too low"}  # what an answer can wrongly assert; the rest say "nothing to see"
NO_CLAIM = {("a gap", "yes")}  # a gap there is, where the validation loss rises


def verdicts(loss: Any, validation_loss: Any = ()) -> list[str]:
    return [answer.verdict for answer in diagnosis_of(np.array(loss), np.array(validation_loss))]


class Curve(NamedTuple):
    """Training and validation loss as functions of time from 0 to 1, and the verdicts; "*" leaves one open."""

    name: str
    training: Shape
    validation: Shape
    verdicts: tuple[str, str, str, str]


def decay(rate: float, floor: float = 0.0) -> Shape:
    return lambda t: floor + (1 - floor) * np.exp(-rate * t)


def both(name: str, loss: Shape, expected: tuple[str, str, str, str]) -> Curve:
    return Curve(name, loss, loss, expected)


def plunge(t: np.ndarray) -> np.ndarray:
    return np.where(np.arange(len(t)) < 3, 0.5 ** np.arange(len(t)), 0.1)


CURVES = [
    both("flat", np.ones_like, ("no", "no", "no", "cannot say")),
    both("zero", np.zeros_like, ("no", "no", "no", "cannot say")),
    both("plunge, then flat", plunge, ("yes", "no", "no", "looks right")),
    both("falls to a floor", decay(12, 0.2), ("yes", "no", "no", "looks right")),
    both("falls to a high floor", decay(12, 0.9), ("yes", "no", "no", "looks right")),
    both("falls to zero", decay(15), ("yes", "no", "no", "looks right")),
    both("still falls", decay(4), ("yes", "yes", "no", "looks right")),
    both("still falls, from a huge first loss", lambda t: np.where(t == 0, 30, 2 + 0.5 * np.exp(-2 * t)),
         ("yes", "yes", "no", "looks right")),
    both("falls slowly along a line", lambda t: 1 - 0.3 * t, ("yes", "yes", "no", "too low")),
    both("hardly falls", lambda t: 1 - 0.002 * t, ("barely", "yes", "no", "too low")),
    both("falls far along a line", lambda t: 1 - 0.95 * t, ("yes", "yes", "no", "looks right")),
    both("negative, falls to a floor", lambda t: decay(12)(t) - 5, ("yes", "no", "no", "looks right")),
    both("from positive to negative", lambda t: 2 * decay(4)(t) - 1, ("yes", "yes", "no", "looks right")),
    both("to and fro", lambda t: 0.6 + 0.4 * (-1.0) ** np.arange(len(t)), ("*", "*", "no", "too high")),
    both("waves", lambda t: 0.6 + 0.4 * np.cos(2 * np.pi * t * len(t) / 7), ("*", "*", "no", "too high")),
    both("falls, with spikes", lambda t: decay(5)(t) + (np.arange(len(t)) % 6 == 5), ("*", "*", "no", "too high")),
    both("falls, then rises", lambda t: decay(6)(t) + 0.02 * np.exp(5 * t - 1.5), ("*", "no", "no", "too high")),
    both("diverges", lambda t: np.exp(5 * t), ("no", "no", "no", "too high")),
    both("jumps up and stays", lambda t: np.where(t == 0, 1.0, 9.0), ("no", "no", "no", "too high")),
    Curve("validation falls, then rises", decay(5), lambda t: decay(8, 0.3)(t) + 0.5 * t**2,
          ("yes", "*", "yes", "looks right")),
    Curve("validation soon rises", decay(8), lambda t: decay(30, 0.3)(t) + 0.5 * t, ("yes", "*", "yes", "looks right")),
    Curve("validation only rises", decay(5), lambda t: 1 + 0.5 * t, ("yes", "*", "yes", "looks right")),
    Curve("validation rises and stays high", decay(5), lambda t: 0.3 + decay(40)(t) + 0.5 * (1 - decay(5)(t)),
          ("yes", "*", "yes", "looks right")),
    Curve("validation stops falling", decay(6), decay(8, 0.3), ("yes", "*", "a gap", "looks right")),
    Curve("validation always higher", decay(4), lambda t: decay(4)(t) + 0.3, ("yes", "yes", "no", "looks right")),
    Curve("validation always lower", decay(4), lambda t: decay(4)(t) - 0.1, ("yes", "yes", "no", "looks right")),
]
named = pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)


def agree(found: list[str], expected: tuple[str, ...]) -> bool:
    return all(one in ("*", other) for other, one in zip(found, expected, strict=True))


@named
@pytest.mark.parametrize("epochs", [25, 40, 100, 1000])
def test_clean_curves(curve: Curve, epochs: int) -> None:
    t = np.linspace(0, 1, epochs)
    assert agree(verdicts(curve.training(t), curve.validation(t)), curve.verdicts)


@named
@pytest.mark.parametrize("factor", [1e-300, 2.0**-40, 3.7, 1e200])
def test_the_unit_of_the_loss_does_not_matter(curve: Curve, factor: float) -> None:
    t = np.linspace(0, 1, 60)
    assert agree(verdicts(factor * curve.training(t), factor * curve.validation(t)), curve.verdicts)


def noisy(curve: np.ndarray, noise: float, memory: float, rng: np.random.Generator) -> np.ndarray:
    """The curve with normal noise in proportion to it, each epoch's correlated with the last one's."""
    draws = rng.normal(size=len(curve))
    for epoch in range(1, len(curve)):
        draws[epoch] = memory * draws[epoch - 1] + math.sqrt(1 - memory**2) * draws[epoch]
    return np.asarray(curve * (1 + noise * draws))


def false_claims(curve: Curve, epochs: int, noise: float, memory: float) -> np.ndarray:
    """For each question the share of seeds whose answer asserts what is not so."""
    t, wrong = np.linspace(0, 1, epochs), np.zeros(4)
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        found = verdicts(*(noisy(loss(t), noise, memory, rng) for loss in (curve.training, curve.validation)))
        answers = zip(found, curve.verdicts, strict=True)
        wrong += [one in CLAIMS and (one, true) not in NO_CLAIM and true not in (one, "*") for one, true in answers]
    return wrong / SEEDS


@pytest.mark.parametrize("epochs", [12, 30, 100])
@pytest.mark.parametrize(("memory", "limit"), [(0.0, 0.01), (0.5, 0.03)])
def test_noise_seldom_makes_an_answer_claim_what_is_not_so(epochs: int, memory: float, limit: float) -> None:
    rates = np.array([[false_claims(curve, epochs, noise, memory) for noise in (0.01, 0.05)] for curve in CURVES])
    assert (rates.mean(axis=(0, 1)) < limit).all()
    assert rates.mean(axis=1).max() < 0.25  # for each curve and question


STRIKING = [
    ("plunge, then flat", 0, "yes"), ("falls to a floor", 0, "yes"), ("still falls", 1, "yes"),
    ("validation falls, then rises", 2, "yes"), ("validation soon rises", 2, "yes"),
    ("validation stops falling", 2, "a gap"), ("to and fro", 3, "too high"), ("falls, then rises", 3, "too high"),
    ("diverges", 3, "too high"), ("jumps up and stays", 3, "too high"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "question", "verdict"), STRIKING)
@pytest.mark.parametrize("epochs", [15, 50, 300])
def test_noise_does_not_hide_what_is_striking(name: str, question: int, verdict: str, epochs: int) -> None:
    curve, t = next(each for each in CURVES if each.name == name), np.linspace(0, 1, epochs)
    found = []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        losses = (noisy(loss(t), 0.03, 0.0, rng) for loss in (curve.training, curve.validation))
        found.append(verdicts(*losses)[question])
    assert found.count(verdict) >= 0.95 * SEEDS


def test_of_all_orders_of_six_losses_few_are_called_learning() -> None:
    found = [verdicts(order)[0] for order in itertools.permutations([1.0, 1.1, 1.2, 1.3, 1.4, 1.5])]
    assert found.count("yes") == 1


SHORT = [
    ([], ["cannot say"] * 4),
    ([1.0], ["cannot say"] * 4),
    ([1.0, 0.5, 0.2, 0.1, 0.05], ["cannot say"] * 4),
    ([1.0, 1.9], ["cannot say"] * 4),
    ([1.0, 2.1], ["cannot say", "cannot say", "cannot say", "too high"]),
    ([-1.0, 5.0, 1e5], ["cannot say", "cannot say", "cannot say", "too high"]),
    ([0.5, math.nan], ["no", "no", "cannot say", "too high"]),
    ([0.5, 3.0, -math.inf], ["no", "no", "cannot say", "too high"]),
    ([0.5, 3.0, 1e305, 1.0], ["no", "no", "cannot say", "too high"]),
    ([math.nan], ["no", "no", "cannot say", "cannot say"]),
    ([math.inf, 1.0], ["no", "no", "cannot say", "cannot say"]),
    ([*np.geomspace(1, 0.1, 20), math.nan, 0.1], ["no", "no", "cannot say", "too high"]),
]


@pytest.mark.parametrize(("loss", "expected"), SHORT)
def test_short_and_broken_curves(loss: list[float], expected: list[str]) -> None:
    assert verdicts(loss) == expected
    assert verdicts(loss, loss) == expected


finite = st.floats(-1e290, 1e290)
anything = st.lists(st.floats(), max_size=60)


@given(anything, anything)
def test_any_numbers_get_four_answers(loss: list[float], validation_loss: list[float]) -> None:
    diagnosis = diagnosis_of(np.array(loss), np.array(validation_loss))
    assert len(diagnosis.answers) == 4
    assert all(answer.evidence.endswith(".") for answer in diagnosis)


@given(st.lists(finite, max_size=60), st.lists(finite, max_size=60), st.integers(-20, 20))
def test_a_power_of_two_changes_no_verdict(loss: list[float], validation_loss: list[float], power: int) -> None:
    tiny = any(0 < abs(x) < 1e-290 for x in loss + validation_loss)
    scaled = [[math.ldexp(x, power) for x in curve] for curve in (loss, validation_loss)]
    assert tiny or verdicts(*scaled) == verdicts(loss, validation_loss)


def quadratic_descent(rate: float, curvatures: list[float], steps: int) -> list[float]:
    """The losses of batch gradient descent on sum of lambda w^2 / 2 from w = 1, before each step."""
    losses = []
    weights = [1.0] * len(curvatures)
    for _ in range(steps):
        losses.append(sum(c * w * w for c, w in zip(curvatures, weights, strict=True)) / 2)
        weights = [w - rate * c * w for c, w in zip(curvatures, weights, strict=True)]
    return losses


# The rate as a share of the largest one that converges, 2 / lambda_max.
QUADRATIC = [
    (1e-5, "too low"), (1e-4, "too low"), (0.1, "looks right"), (0.5, "looks right"), (0.9, "looks right"),
    (1.01, "too high"), (1.1, "too high"), (2.0, "too high"), (30.0, "too high"),
]  # fmt: skip


@pytest.mark.parametrize(("share", "expected"), QUADRATIC)
@pytest.mark.parametrize("curvatures", [[10.0], [10.0, 1.0], [4.0, 2.0, 1.0, 0.5]])
@pytest.mark.parametrize("steps", [12, 40, 150, 600])
def test_descent_on_a_quadratic(share: float, expected: str, curvatures: list[float], steps: int) -> None:
    losses = quadratic_descent(share * 2 / max(curvatures), curvatures, min(steps, int(300 / (1 + share))))
    assert verdicts(losses)[3] == expected


def test_what_the_loss_cannot_show() -> None:
    assert verdicts(quadratic_descent(0.999 * 2 / 10, [10.0], 50))[3] == "too low"
    assert verdicts(quadratic_descent(2 / 4, [4.0], 50))[3] == "cannot say"  # w = 1, -1, 1, ...


def linear_regression(
    features: int, examples: int, noise: float, rate: float, epochs: int, seed: int, batch_size: int = 1,
) -> tuple[list[float], list[float]]:
    """Training and validation loss of minibatch descent on noisy linear data, measured as ``fit`` does."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=features) / math.sqrt(features)

    def data(count: int) -> tuple[np.ndarray, np.ndarray]:
        X = rng.normal(size=(count, features))
        return X, X @ truth + noise * rng.normal(size=count)

    (X, y), (X_validation, y_validation) = data(examples), data(500)
    w = np.zeros(features)
    training, validation = [], []
    for _ in range(epochs):
        total = 0.0
        for batch in np.array_split(rng.permutation(examples), examples // batch_size):
            delta = X[batch] @ w - y[batch]
            total += float(delta @ delta) / 2
            w -= rate * X[batch].T @ delta / len(batch)
        training.append(total / examples)
        validation.append(float(np.mean((X_validation @ w - y_validation) ** 2)) / 2)
    return training, validation


REAL = [
    # features, examples, noise, rate, epochs, batch size, question, verdict, smallest share of seeds
    (5, 200, 0.5, 0.01, 30, 1, 2, "no", 0.8),  # forty examples for each parameter: nothing to overfit with
    (5, 200, 0.5, 0.03, 100, 10, 2, "no", 0.8),
    (60, 40, 0.7, 0.01, 60, 1, 2, "yes", 0.95),  # more parameters than examples, and noise to fit
    (60, 40, 0.7, 0.05, 400, 10, 2, "yes", 0.95),
    (5, 200, 0.5, 0.03, 40, 10, 0, "yes", 1.0),
    (5, 200, 0.5, 0.03, 60, 10, 1, "no", 0.95),
    (5, 200, 0.5, 0.0002, 30, 10, 3, "too low", 0.95),
    (5, 200, 0.5, 0.03, 40, 10, 3, "looks right", 0.95),
    (5, 200, 0.5, 1.5, 40, 10, 3, "too high", 0.95),
]


@pytest.mark.parametrize(
    ("features", "examples", "noise", "rate", "epochs", "batch_size", "question", "verdict", "share"), REAL
)
def test_real_minibatch_runs(
    features: int, examples: int, noise: float, rate: float, epochs: int, batch_size: int, question: int,
    verdict: str, share: float,
) -> None:  # fmt: skip
    found = [
        verdicts(*linear_regression(features, examples, noise, rate, epochs, seed, batch_size))[question]
        for seed in range(20)
    ]
    assert found.count(verdict) >= share * len(found), found


RISING = [1.0, 0.6, 0.4, 0.3, 0.25, 0.2, 0.28, 0.36, 0.44, 0.52, 0.6, 0.68]
FALLING = [1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.12, 0.11, 0.1]
WORDS = [
    (
        FALLING, [], 0,
        "Learning anything? Yes. The training loss fell from 1 (epoch 1) to 0.1 (epoch 12).",
    ),
    (
        FALLING, [], 1,
        "Still learning? Yes. The training loss still fell from 0.2 (median of epochs 7-9) to 0.11 (median of epochs "
        "10-12).",
    ),
    (FALLING, [], 2, "Overfitting? Cannot say. There are no validation data."),
    (
        FALLING, RISING, 2,
        "Overfitting? Yes. Since epoch 6 the validation loss rose from 0.2, its lowest, to 0.68 (epoch 12), while the "
        "training loss went from 0.3 to 0.1 (epoch 12).",
    ),
    (
        FALLING, FALLING, 2,
        "Overfitting? No. The validation loss ended at 0.1 (epoch 12) with 0.1 in epoch 12 its lowest, the training "
        "loss at 0.1 (epoch 12).",
    ),
    (
        RISING, RISING, 2,
        "Overfitting? No. The validation loss ended at 0.68 (epoch 12) with 0.2 in epoch 6 its lowest, the training "
        "loss at 0.68 (epoch 12) with 0.2 in epoch 6 its lowest: both rose.",
    ),
    (
        FALLING, [1, 0.8, 0.6, *[0.55] * 9], 2,
        "Overfitting? A gap. The validation loss ended at 0.55 (epoch 12) with 0.55 in epoch 4 its lowest, the "
        "training loss at 0.1 (epoch 12): they have moved apart, but the former has not clearly risen.",
    ),
    (
        FALLING, [], 3,
        "Learning rate too low or too high? Looks right. The training loss fell, ended at 0.1 (epoch 12) with 0.1 in "
        "epoch 12 its lowest, and never climbed by more than 0.3.",
    ),
    (
        RISING, [], 3,
        "Learning rate too low or too high? Too high. The training loss rose from its lowest, 0.2 in epoch 6, to 0.68 "
        "(epoch 12).",
    ),
    (
        [1.0, 0.2] * 4, [], 3,
        "Learning rate too low or too high? Too high. The training loss climbed by more than 0.4 3 times in 8 epochs.",
    ),
    (
        list(np.linspace(1, 0.86, 8)), [], 3,
        "Learning rate too low or too high? Too low. The training loss fell slowly and steadily, by 0.04 from the "
        "first quarter of the epochs to the second and by 0.04 from the third to the last, and ended at 0.86 "
        "(epoch 8). A rate just below the largest that works can look the same.",
    ),
    (
        [1.0] * 8, [], 3,
        "Learning rate too low or too high? Cannot say. The training loss stayed between 1 and 1. A rate far too low, "
        "one too high, dead units and wrong data can all look like this.",
    ),
    (
        [1.0] * 8, [], 0,
        "Learning anything? No. The training loss went from 1 (epoch 1) to 1 (epoch 8); that is no clear fall.",
    ),
    (
        list(1 - np.arange(8) / 1000), [], 0,
        "Learning anything? Barely. The training loss fell from 1 (epoch 1) to 0.993 (epoch 8); that is less than 1%.",
    ),
    ([1.0, 0.5], [], 0, "Learning anything? Cannot say. The training loss has 2 epochs; 6 or more are needed."),
    (FALLING, [1.0], 2, "Overfitting? Cannot say. The validation loss has 1 epoch; 6 or more are needed."),
    (FALLING, [*FALLING[:8], math.nan], 2, "Overfitting? Cannot say. The validation loss became nan in epoch 9."),
    (
        [1.0, math.inf], [], 3,
        "Learning rate too low or too high? Too high. The training loss became inf in epoch 2.",
    ),
    (
        [math.nan], [], 3,
        "Learning rate too low or too high? Cannot say. The training loss became nan in epoch 1. The data or the first "
        "weights can be the cause as well.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "validation_loss", "question", "sentence"), WORDS)
def test_words(loss: list[float], validation_loss: list[float], question: int, sentence: str) -> None:
    assert str(History(loss=loss, validation_loss=validation_loss).diagnose().answers[question]) == sentence


def test_a_diagnosis_prints_in_a_terminal_and_in_a_notebook() -> None:
    diagnosis = diagnosis_of(np.array(FALLING * 3), np.array(RISING * 3))
    assert repr(diagnosis) == str(diagnosis)
    assert max(map(len, str(diagnosis).splitlines())) <= 100
    assert " ".join(str(diagnosis).split()) == " ".join(map(str, diagnosis.answers))
    page = diagnosis._repr_html_()
    assert re.findall(r"<tr><td>(.*?)</td>", page) == [answer.question for answer in diagnosis]
    assert all(f"<td>{answer.evidence}</td>" in page for answer in diagnosis)


def test_html_is_escaped() -> None:
    page = Diagnosis(*[Answer("<i>?", "no", "a < b & c")] * 4)._repr_html_()
    assert "<i>" not in page and "a &lt; b &amp; c" in page


def test_a_diagnosis_does_not_change() -> None:
    diagnosis = diagnosis_of(FALLING, RISING)
    assert (diagnosis.learning, diagnosis.still_learning, diagnosis.overfitting, diagnosis.learning_rate) == (
        diagnosis.answers
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        diagnosis.learning = diagnosis.overfitting  # type: ignore[misc]


@pytest.mark.parametrize(
    ("loss", "validation_loss", "message"),
    [
        (np.ones((2, 8)), [], "The training loss must have one number per epoch; got the shape (2, 8). Pass one run's"),
        (np.ones(8), 0.5, "The validation loss must have one number per epoch; got the shape (). Pass one run's"),
    ],
)
def test_other_shapes_are_refused(loss: Any, validation_loss: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=re.escape(message)):
        diagnosis_of(loss, validation_loss)
