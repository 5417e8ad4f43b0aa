"""Two well-known tasks: micrograd's demo, and iris, eagerly."""

from __future__ import annotations

import numpy as np
import pytest

from nn import (
    L2,
    MLP,
    SGD,
    Adam,
    CosineDecay,
    Standardization,
    fit,
    hinge,
    iris,
    moons,
    softmax_cross_entropy,
    split,
)


def test_micrograd_s_demo_separates_the_two_moons_within_a_hundred_steps() -> None:
    """2-16-16-1, relu, max-margin loss with L2 on all the data, 100 updates."""
    X, classes = moons(100, noise=0.1, rng=0)
    y = 2 * classes - 1
    model = MLP([2, 16, 16, 1], activation="relu", init="he", rng=0)
    falling = SGD(CosineDecay(1.0, steps=100, end=0.1))
    history = fit(model, X, y, loss=hinge, penalty=L2(2e-4), optimizer=falling, epochs=100)
    assert history.updates[-1] == 100
    assert (np.sign(model.predict(X)) == y).all()


def test_iris_is_learned_on_five_stratified_splits() -> None:
    pytest.importorskip("sklearn")
    accuracies = []
    for seed in range(5):
        X_train, X_test, y_train, y_test = split(*iris(), test_share=0.25, stratify=True, rng=seed)
        scale = Standardization.of(X_train)
        model = MLP([4, 8, 3], rng=seed)
        fit(model, scale.transform(X_train), y_train, loss=softmax_cross_entropy, optimizer=Adam(0.02),
            penalty=L2(0.01), batch_size=16, epochs=30, engine="eager", rng=seed)
        accuracies.append((model.predict(scale.transform(X_test)).argmax(axis=1) == y_test).mean())
    assert np.mean(accuracies) >= 0.95, accuracies
