"""The strategies for networks: what they promise holds for all they draw, and failures shrink."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import find, given
from hypothesis.strategies import data

from nn.dropout import Dropout
from nn.errors import SettingError
from nn.layers import Activation, Linear
from nn.mlp import MLP
from nn.module import Module
from nn.normalization import BatchNorm
from nn.testing import batches, mlps, random_mlp


@given(mlps(), data())
def test_networks_are_small_finite_and_stay_so(model: MLP, draws: Any) -> None:
    assert 2 <= len(model.sizes) <= 4
    assert all(1 <= size <= 4 for size in model.sizes)
    assert all(abs(parameter.data) <= 0.5 for parameter in model.parameters())
    X, y = draws.draw(batches(model))
    assert X.shape == (len(X), model.sizes[0]) and y.shape == (len(X), model.sizes[-1])
    assert 1 <= len(X) <= 4
    assert np.abs(X).max() <= 2.0 and np.abs(y).max() <= 2.0
    assert np.isfinite(model.predict(X)).all()


@given(mlps(max_layers=2, max_units=2, activations=["relu", "tanh"], bias=True, norm="batch", keep=0.5), data())
def test_options_are_kept(model: MLP, draws: Any) -> None:
    assert len(model.sizes) <= 3 and max(model.sizes) <= 2
    kinds = [type(layer) for layer in model]
    assert kinds.count(BatchNorm) == kinds.count(Dropout) == len(model.sizes) - 2
    assert {layer.row.name for layer in model if isinstance(layer, Activation)} <= {"relu", "tanh"}
    assert all(layer.bias for layer in list(model)[-2:] if isinstance(layer, Linear))
    X, _ = draws.draw(batches(model, max_examples=3))
    assert (2 if BatchNorm in kinds else 1) <= len(X) <= 3
    assert np.isfinite([[scalar.data for scalar in row] for row in model.forward(X.tolist())]).all()


def test_failures_shrink_to_one_unit_and_to_the_simplest_choice() -> None:
    assert repr(find(mlps(), lambda model: True)) == "Sequential(Linear(1, 1, bias=False))"
    biased = find(mlps(), lambda model: any(layer.bias for layer in model if isinstance(layer, Linear)))
    assert repr(biased) == "Sequential(Linear(1, 1))"
    X, y = find(batches(MLP([1, 1])), lambda batch: True)
    assert (X.tolist(), y.tolist()) == ([[1.0]], [[1.0]])


def test_many_activations_of_the_table_are_drawn() -> None:
    seen = set()

    @given(mlps())
    def look(model: MLP) -> None:
        seen.update(layer.row.name for layer in model if isinstance(layer, Activation))

    look()
    assert len(seen) > 10


def test_the_seed_decides() -> None:
    one, again, other = (random_mlp([2, 3, 1], seed=seed).state_dict() for seed in (1, 1, 2))
    assert all((one[name] == again[name]).all() for name in one)
    assert not (one["0.weight"] == other["0.weight"]).any()


@pytest.mark.parametrize(("call", "message"), [
    (lambda: mlps(max_layers=0), "max_layers is at least 1; got 0"),
    (lambda: mlps(max_units=0), "max_units is at least 1; got 0"),
    (lambda: mlps(activations=["log"]), "log is no activation"),
    (lambda: batches(MLP([1, 1, 1], norm="batch"), max_examples=1), "max_examples is at least 2 for this model; got 1"),
    (lambda: batches(MLP([1, 1]), max_examples=0), "max_examples is at least 1 for this model; got 0"),
    (lambda: batches(Module()), "needs a model with a Linear"),
])
def test_a_bad_call_says_what_was_required(call: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        call()


def test_without_hypothesis_the_message_names_the_extra() -> None:
    program = "import sys; sys.modules['hypothesis'] = None\nimport nn.testing"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert "pip install 'autograd-core[testing]'" in done.stderr
