"""Rows 19 and 20 of the lecture away from their printed numbers: other minibatches, strengths, seeds."""

from __future__ import annotations

import numpy as np
import pytest

from autograd_core.graph import Graph
from nn.penalties import L1, L2
from viz.lecture import batch_norm, regularization
from viz.lecture.normalizing import BLOWN_UP, final_loss
from viz.lecture.regularizing import LEAST_SQUARES, factors_in, orthogonal_data, overfitting_run, trained_weights


@pytest.mark.parametrize("seed", range(3))
def test_batch_norm_is_the_two_steps_and_their_jacobian_for_any_minibatch(seed: int) -> None:
    a = np.random.default_rng(seed).normal(5.0, 3.0, size=2 + seed)
    results = batch_norm(a.tolist()).results
    count, deviation = len(a), a.std()
    normalized = (a - a.mean()) / deviation
    jacobian = (np.eye(count) - 1 / count - np.outer(normalized, normalized) / count) / deviation
    assert [results[f"ahat_{n}"] for n in range(1, count + 1)] == pytest.approx(normalized.tolist())
    for n, k in np.ndindex(count, count):
        assert results[f"dahat_{n + 1}/da_{k + 1}"] == pytest.approx(jacobian[n, k], abs=1e-14)
    assert results["gradient check"] == "pass" and results["order kept"] == "yes"
    assert results["running mean"] == pytest.approx(0.1 * a.mean())
    assert results["running variance"] == pytest.approx(0.9 + 0.1 * a.var(ddof=1))


@pytest.mark.parametrize("rng", [1, 2, 3])
def test_with_batch_norm_a_rate_is_borne_at_which_the_network_without_blows_up(rng: int) -> None:
    assert final_loss(None, 1.0, rng) > BLOWN_UP
    assert final_loss("batch", 1.0, rng) < 0.1 < final_loss(None, 0.1, rng)


@pytest.mark.parametrize("strength", [0.15, 0.5, 1.0])
def test_trained_weights_are_those_of_the_closed_form(strength: float) -> None:
    best = np.array(LEAST_SQUARES)
    shrunk = np.sign(best) * np.maximum(np.abs(best) - strength, 0.0)
    assert trained_weights(L2(strength)) == pytest.approx((best / (1 + strength)).tolist(), abs=1e-4)
    assert trained_weights(L1(strength)) == pytest.approx(shrunk.tolist(), abs=0.005)


def test_the_inputs_of_the_penalized_model_are_orthogonal() -> None:
    X, y = orthogonal_data()
    assert (len(X) * np.eye(X.shape[1]) == X.T @ X).all()
    assert np.linalg.lstsq(X, y, rcond=None)[0] == pytest.approx(LEAST_SQUARES)


def test_the_pictures_of_dropout_differ_in_one_arrow_per_unit() -> None:
    example = regularization(keep=0.8)
    whole, thinned = Graph(example.whole).contract(), Graph(example.thinned).contract()
    factors = factors_in(example.thinned)
    added = [edge.partial for edge in thinned.edges if thinned.name(edge.head).ascii.startswith("zhat")]
    assert added == factors and set(factors) <= {0.0, 1.25}
    assert len(thinned.edges) == len(whole.edges) + len(factors)
    assert example.results["factor of a kept unit"] == 1.25 and example.results["expected factor"] == 1.0
    assert example.results["share kept"] == pytest.approx(0.8, abs=0.02)


def test_without_dropout_every_unit_is_kept() -> None:
    example = regularization(keep=1.0)
    assert factors_in(example.thinned) == []
    assert example.whole.data == example.thinned.data


@pytest.mark.parametrize("rng", [2, 3])
def test_stopped_at_once_a_network_underfits_and_stopped_never_it_overfits(rng: int) -> None:
    too_early, in_time, never = (overfitting_run(patience, rng) for patience in (1, 20, None))
    assert too_early.restored and in_time.restored and not never.restored
    assert too_early.training > in_time.training > never.training
    assert in_time.validation < min(too_early.validation, never.validation)
    assert in_time.epochs == in_time.best + 20
