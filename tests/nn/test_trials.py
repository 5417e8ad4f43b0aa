"""Trial runs: the rates that diverge on a parabola, and data that help or do not."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from nn import (
    MLP,
    SGD,
    Adam,
    half_squared_error,
    mean_squared_error,
)
from nn.errors import SettingError
from nn.trials import error_against_data_size, learning_rate_range

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(24, 2))
INSIDE = (POINTS[:, 0] * POINTS[:, 1] > 0).astype(int)
SLOPES = POINTS @ [2.0, -1.0]


# --- learning-rate range ------------------------------------------------------------------------


def test_the_suggested_rate_is_below_the_one_that_diverges() -> None:
    """On a parabola gradient descent diverges above 2/lambda_max."""
    X = RNG.normal(size=(40, 3)) * [1.0, 2.0, 4.0]
    columns = np.c_[X, np.ones(40)]
    limit = 2.0 / np.linalg.eigvalsh(columns.T @ columns / 40).max()
    found = learning_rate_range(MLP([3, 1]), X, X @ [1.0, 2.0, 3.0], half_squared_error, batch_size=None)
    assert found.ok
    assert found.suggested is not None
    assert limit / 100 < found.suggested < limit
    assert found.suggested == min(found.steepest, found.at_minimum / 10)
    assert limit < found.rates[-1] < 10.0
    assert "with a loss more than 4 times the first" in found.verdict


def test_it_does_what_training_does() -> None:
    """The losses are those of SGD at the rates, by hand."""
    X, y = np.array([[1.0], [2.0]]), np.array([1.0, 2.0])
    found = learning_rate_range(MLP([1, 1], bias=False, init="zeros"), X, y, half_squared_error, lowest=0.01,
                                highest=0.16, updates=5, batch_size=None)
    np.testing.assert_allclose(found.rates, [0.01, 0.02, 0.04, 0.08, 0.16])
    weight, losses = 0.0, []
    for rate in found.rates:
        losses.append(1.25 * (weight - 1.0) ** 2)
        weight -= rate * 2.5 * (weight - 1.0)
    np.testing.assert_allclose(found.losses, losses, rtol=1e-12)


@pytest.mark.parametrize("settings", [
    {"highest": 1e200, "updates": 20}, {"optimizer": Adam(), "highest": 1e6}, {"batch_size": 5}, {"batch_size": 1000},
])
def test_divergence_is_an_end_and_no_error(settings: Any) -> None:
    found = learning_rate_range(MLP([2, 4, 1]), POINTS, SLOPES, mean_squared_error, **settings)
    assert len(found.rates) == len(found.losses) <= settings.get("updates", 100)
    assert np.isfinite(found.losses).all()
    assert found.ended in found.verdict


def test_where_nothing_is_learned_nothing_is_suggested() -> None:
    found = learning_rate_range(MLP([2, 1], init="zeros"), np.zeros((4, 2)), [1.0, -1.0, 1.0, -1.0], half_squared_error,
                                batch_size=None)
    assert found.suggested is None
    assert not found.ok
    assert found.verdict.startswith("The loss fell at no rate")


# --- error against data size --------------------------------------------------------------------


def curve(**settings: Any) -> Any:
    X = np.random.default_rng(3).normal(size=(300, 8))
    y = X @ np.arange(1.0, 9.0) + np.random.default_rng(4).normal(size=300)
    given: dict[str, Any] = {"sizes": [10, 20, 40], "optimizer": SGD(0.1), "epochs": 300, **settings}
    return error_against_data_size(lambda: MLP([8, 1]), X[:100], y[:100], given.pop("sizes"), (X[100:], y[100:]),
                                   half_squared_error, **given)


def test_more_data_help_where_the_gap_still_closes() -> None:
    found = curve(sizes=[10, 20])
    assert found.more_data_would_help
    assert found.validation[0] > found.validation[1] > found.training[1]
    assert found.verdict.startswith("More data would probably help")


def test_more_data_do_not_help_where_there_is_no_gap() -> None:
    """A line through the origin of one weight only is too stiff for the data."""
    X = np.random.default_rng(3).normal(size=(300, 1))
    y = np.sin(5 * X[:, 0])
    found = error_against_data_size(lambda: MLP([1, 1]), X[:200], y[:200], [100, 200], (X[200:], y[200:]),
                                    half_squared_error, epochs=30)
    assert found.gap < 0.1
    assert not found.more_data_would_help
    assert found.verdict.startswith("More data would hardly help")


def test_larger_sets_hold_the_smaller_ones() -> None:
    seen: list[np.ndarray] = []

    class Remembering(MLP):
        def on_arrays(self, X: np.ndarray) -> np.ndarray:
            seen.append(X)
            return super().on_arrays(X)

    X = np.arange(20.0)[:, None] / 20
    error_against_data_size(lambda: Remembering([1, 1]), X, X[:, 0], [3, 6, 12], (X, X[:, 0]), half_squared_error,
                            epochs=1, batch_size=5)
    sets = [set(each.ravel().tolist()) for each in seen if len(each) in (3, 6, 12)]
    assert all(before <= after for before, after in itertools.pairwise(sets))


def test_the_fall_is_measured_over_a_doubling() -> None:
    found = curve(sizes=[10, 20, 40, 45], epochs=5)
    assert found.fall == pytest.approx(1 - (found.validation[3] / found.validation[1]) ** (1 / math.log2(45 / 20)))


BAD_SIZES = [
    ([40, 20], r"two or more rising numbers.*got \[40, 20\]. Write sizes=\[25, 50, 100\]"),
    ([20], "two or more rising numbers"),
    ([20, 101], "of which there are 100"),
    ([0.5, 1], r"sizes are numbers of examples, at least 1; got 0\.5\."),
]


@pytest.mark.parametrize(("sizes", "message"), BAD_SIZES)
def test_bad_sizes_say_what_to_do(sizes: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        curve(sizes=sizes)
