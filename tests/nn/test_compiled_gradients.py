"""Compiled gradients are the eager ones, for every activation, loss, penalty and layer, and as they train."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nn
from autograd_core import Value, detect_anomaly, log, square
from autograd_core.compiler import array_program
from autograd_core.errors import AnomalyError, DomainError, OperandError
from autograd_core.primitives import TABLE
from nn.activations import is_activation
from nn.compiled_gradients import CompiledGradients
from nn.errors import SettingError
from nn.gradients import EagerGradients, MeanLoss
from nn.module import Module
from nn.normalization import BatchNorm
from nn.testing import batches, mlps, random_mlp

Batch = tuple[np.ndarray, np.ndarray]

# Losses of one output, and of several, with targets they take.
SINGLE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "half_squared_error": lambda y: y, "mean_squared_error": lambda y: y, "mean_absolute_error": lambda y: y,
    "huber_error": lambda y: y, "hinge": lambda y: np.where(y > 0, 1.0, -1.0),
    "binary_cross_entropy_with_logits": lambda y: np.where(y > 0, 1.0, 0.0),
}


def one_hot(y: np.ndarray) -> np.ndarray:
    return np.eye(y.shape[1])[np.argmax(y, axis=1)]


SEVERAL: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "half_squared_error": lambda y: y, "mean_squared_error": lambda y: y, "mean_absolute_error": lambda y: y,
    "huber_error": lambda y: y, "softmax_cross_entropy": one_hot, "max_margin": one_hot,
}
LOSSES = [("one", name) for name in SINGLE] + [("several", name) for name in SEVERAL]
PENALTIES = [None, nn.L2(0.1), nn.L1(0.1), nn.ElasticNet(0.1, l1_share=0.3)]
ACTIVATIONS = ["identity", *(row.name for row in TABLE if is_activation(row))]


def batch_of(inputs: int, outputs: int, examples: int = 5, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(examples, inputs)), rng.normal(size=(examples, outputs))


def pair(model: Module, loss: Any, penalty: Any = None) -> tuple[EagerGradients, CompiledGradients]:
    """Both, on copies of the model, so that their generators and statistics are each its own."""
    return EagerGradients(copy.deepcopy(model), loss, penalty), CompiledGradients(copy.deepcopy(model), loss, penalty)


def assert_equal(found: MeanLoss, expected: MeanLoss) -> None:
    assert found.loss == pytest.approx(expected.loss, rel=1e-10, abs=1e-12)
    assert found.penalty == pytest.approx(expected.penalty, rel=1e-10, abs=1e-12)
    assert found.gradient.shape == expected.gradient.shape
    np.testing.assert_allclose(found.gradient, expected.gradient, rtol=1e-8, atol=1e-10)


def assert_statistics_equal(one: Module, other: Module) -> None:
    for left, right in zip(one.modules(), other.modules(), strict=True):
        if isinstance(left, BatchNorm) and isinstance(right, BatchNorm):
            np.testing.assert_allclose(left.running_mean, right.running_mean, rtol=1e-10, atol=1e-13)
            np.testing.assert_allclose(left.running_variance, right.running_variance, rtol=1e-10, atol=1e-13)


def check(model: Module, loss: Any, batch: Batch, penalty: Any = None, rounds: int = 2) -> None:
    """Several minibatches, so that random masks go on and statistics move; and each example's own in evaluation."""
    eager, compiled = pair(model, loss, penalty)
    for _ in range(rounds):
        assert_equal(compiled.mean(*batch), eager.mean(*batch))
        assert_statistics_equal(compiled.model, eager.model)
    for each in (eager, compiled):
        each.model.eval()
    assert_equal(compiled.mean(*batch), eager.mean(*batch))
    losses, gradients = compiled.per_example(*batch)
    own_losses, own_gradients = eager.per_example(*batch)
    np.testing.assert_allclose(losses, own_losses, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(gradients, own_gradients, rtol=1e-8, atol=1e-10)


def needs_no_replay(model: Module, loss: Any, batch: Batch, penalty: Any = None) -> None:
    compiled = CompiledGradients(model, loss, penalty)
    compiled.mean(*batch)
    assert compiled.program is not None
    recorded = next(iter(compiled._programs.values()))
    with np.errstate(invalid="raise", divide="raise"):
        recorded.compiled.value_and_grad(*compiled._inputs(recorded, *batch))


@settings(max_examples=60)
@given(mlps().flatmap(lambda model: st.tuples(st.just(model), batches(model))))
def test_random_networks(model_and_batch: tuple[Module, Batch]) -> None:
    model, batch = model_and_batch
    check(model, nn.half_squared_error, batch, rounds=1)


@settings(max_examples=25)
@given(mlps(norm="batch", keep=0.6).flatmap(lambda model: st.tuples(st.just(model), batches(model))))
def test_random_networks_with_batch_normalization_and_dropout(model_and_batch: tuple[Module, Batch]) -> None:
    """Where a unit is the same for all examples its variance is 0 up to rounding, which epsilon does not quite hide."""
    model, (X, y) = model_and_batch
    X = X + np.random.default_rng(0).normal(size=X.shape)
    eager, compiled = pair(model, nn.half_squared_error, nn.L2(0.01))
    for _ in range(2):
        found, expected = compiled.mean(X, y), eager.mean(X, y)
        assert found.loss == pytest.approx(expected.loss, rel=1e-6, abs=1e-9)
        scale = 1.0 + np.abs(expected.gradient).max(initial=0.0)
        np.testing.assert_allclose(found.gradient, expected.gradient, rtol=1e-5, atol=1e-7 * scale)
        assert_statistics_equal(compiled.model, eager.model)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation: str) -> None:
    model = random_mlp([3, 4, 4, 2], activation, activation, seed=1)
    check(model, nn.half_squared_error, batch_of(3, 2), nn.L2(0.01))
    needs_no_replay(model, nn.half_squared_error, batch_of(3, 2))


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
@pytest.mark.parametrize("kind, name", LOSSES)
def test_every_loss_with_every_penalty(kind: str, name: str, penalty: Any) -> None:
    outputs, encode = (1, SINGLE[name]) if kind == "one" else (3, SEVERAL[name])
    X, y = batch_of(2, outputs)
    model = random_mlp([2, 3, outputs], seed=2)
    check(model, getattr(nn, name), (X, encode(y)), penalty)
    needs_no_replay(model, getattr(nn, name), (X, encode(y)), penalty)


@pytest.mark.parametrize("sizes", [[1, 1], [1, 4, 1], [4, 1, 4], [2, 16, 16, 1], [3, 2]])
@pytest.mark.parametrize("examples", [1, 2, 7])
@pytest.mark.parametrize("bias", [True, False])
def test_every_shape(sizes: list[int], examples: int, bias: bool) -> None:
    model = random_mlp(sizes, bias=bias, seed=3)
    check(model, nn.mean_squared_error, batch_of(sizes[0], sizes[-1], examples), nn.L2(0.05))


@pytest.mark.parametrize(
    "settings_of", [{"keep": 0.5}, {"keep": 0.9}, {"norm": "batch"}, {"norm": "batch", "keep": 0.7}])
@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu"])
def test_masks_and_statistics_are_the_same_numbers(settings_of: dict[str, Any], activation: str) -> None:
    model = random_mlp([3, 5, 4, 2], activation, seed=4, **settings_of)
    check(model, nn.half_squared_error, batch_of(3, 2, 8), nn.L2(0.01), rounds=4)


def test_evaluation_uses_the_statistics_of_now() -> None:
    """A recording has running statistics as constants; it is not used once they have moved."""
    batch = batch_of(3, 1)
    eager, compiled = pair(random_mlp([3, 4, 1], norm="batch", seed=5), nn.half_squared_error)
    for training in (False, True, False, True, True, False):
        for each in (eager, compiled):
            each.model.train() if training else each.model.eval()
        assert_equal(compiled.mean(*batch), eager.mean(*batch))


def test_values_that_a_loss_closes_over_are_read_anew() -> None:
    factor = Value(2.0, "k")

    def loss(output: Any, target: Any) -> Any:
        return factor * square(output - target)

    batch = batch_of(2, 1)
    eager, compiled = pair(random_mlp([2, 3, 1], seed=6), loss)
    for number in (2.0, 5.0):
        factor.data = number
        assert_equal(compiled.mean(*batch), eager.mean(*batch))
        assert np.allclose(compiled.per_example(*batch)[1], eager.per_example(*batch)[1])


@pytest.mark.parametrize(
    "loss", [lambda output, target: 3.0, lambda output, target: target, lambda output, target: output,
             lambda output, target: output * 0.0 + 1.0])
def test_losses_that_hardly_are_any(loss: Any) -> None:
    check(random_mlp([2, 1], seed=7), loss, batch_of(2, 1))


def test_a_penalty_of_ones_own_is_taken_at_its_present_setting() -> None:
    class Ridge:
        strength = 0.1

        def __call__(self, model: Any) -> Any:
            return self.strength * sum(square(each) for each in model.parameters())

    penalty, batch = Ridge(), batch_of(2, 1)
    eager, compiled = pair(random_mlp([2, 3, 1], seed=8), nn.half_squared_error, penalty)
    for strength in (0.1, 0.7):
        penalty.strength = strength
        assert_equal(compiled.mean(*batch), eager.mean(*batch))


def test_parameters_move_to_the_model_when_written() -> None:
    model = random_mlp([2, 3, 1], seed=9)
    compiled, batch = CompiledGradients(model, nn.half_squared_error), batch_of(2, 1)
    before = [each.data for each in model.parameters()]
    vector = np.linspace(-1.0, 1.0, len(before))
    kept = vector.copy()
    compiled.move_to(vector)
    found = compiled.mean(*batch)
    assert [each.data for each in model.parameters()] == before
    compiled.write()
    assert [each.data for each in model.parameters()] == kept.tolist()
    assert_equal(EagerGradients(model, nn.half_squared_error).mean(*batch), found)
    assert vector.tolist() == kept.tolist()
    own = EagerGradients(model, nn.half_squared_error).per_example(*batch)[1]
    assert np.allclose(compiled.per_example(*batch)[1], own)


def test_gradients_are_fresh_and_inputs_unchanged() -> None:
    X, y = batch_of(2, 1)
    compiled = CompiledGradients(random_mlp([2, 3, 1], norm="batch", seed=10), nn.half_squared_error, nn.L2(0.1))
    copies = X.copy(), y.copy()
    first = compiled.mean(X, y).gradient
    kept = first.copy()
    first[:] = np.nan
    assert np.allclose(compiled.mean(X, y).gradient, kept)
    np.testing.assert_equal((X, y), copies)


def test_one_recording_serves_all_sizes_of_minibatch() -> None:
    compiled = CompiledGradients(random_mlp([2, 3, 1], seed=11), nn.half_squared_error)
    for examples in (1, 2, 5, 5, 3):
        compiled.mean(*batch_of(2, 1, examples))
    assert len(compiled._programs) == 1


def test_batch_normalization_in_training_has_no_gradient_of_one_example() -> None:
    for gradients in pair(random_mlp([2, 3, 1], norm="batch", seed=12), nn.half_squared_error):
        with pytest.raises(SettingError, match="couples the examples"):
            gradients.per_example(*batch_of(2, 1))


def test_what_watches_recorded_graphs_sees_them() -> None:
    compiled = CompiledGradients(random_mlp([2, 3, 1], seed=13), nn.half_squared_error)
    X, y = batch_of(2, 1)
    X[0, 0], X[0, 1] = np.inf, -np.inf
    for parameter in compiled.parameters:
        parameter.data = 1.0
    with pytest.raises(AnomalyError), detect_anomaly():
        compiled.mean(X, y)
    assert np.isnan(compiled.mean(X, y).loss)


def test_errors_are_those_of_eager() -> None:
    def loss(output: Any, target: Any) -> Any:
        return -log(output) * target

    model = random_mlp([2, 1], seed=14)
    for parameter in model.parameters():
        parameter.data = -1.0
    X, y = np.abs(batch_of(2, 1)[0]), batch_of(2, 1)[1]
    for gradients in pair(model, loss):
        with pytest.raises(DomainError, match="log"):
            gradients.mean(X, y)


def test_training_is_the_same_by_either_engine() -> None:
    X, y = batch_of(2, 1, 20)
    histories = []
    for engine in ("eager", "compiled"):
        model = nn.MLP([2, 6, 1], activation="tanh", norm="batch", keep=0.8, rng=0)
        histories.append(nn.fit(model, X, y, loss=nn.half_squared_error, epochs=5, batch_size=6, rng=0, engine=engine,
                                penalty=nn.L2(1e-3)))
    assert histories[1].loss == pytest.approx(histories[0].loss, rel=1e-8)


def test_pytorch_has_the_same_gradients() -> None:
    torch = pytest.importorskip("torch")
    for activation, theirs in (("tanh", torch.tanh), ("relu", torch.relu), ("sigmoid", torch.sigmoid)):
        model = random_mlp([3, 5, 4, 2], activation, seed=15)
        X, y = batch_of(3, 2, 8)
        found = CompiledGradients(model, nn.mean_squared_error).mean(X, y)
        state = model.state_dict()
        tensors = {key: torch.tensor(np.asarray(each), dtype=torch.float64, requires_grad=True)
                   for key, each in state.items()}
        z = torch.tensor(X)
        layers = sorted({key.split(".")[0] for key in tensors}, key=int)
        for layer in layers:
            z = z @ tensors[f"{layer}.weight"].T + tensors[f"{layer}.bias"]
            z = theirs(z) if layer != layers[-1] else z
        loss = torch.mean((z - torch.tensor(y)) ** 2)
        loss.backward()
        by_name = np.concatenate([tensors[f"{layer}.{name}"].grad.numpy().ravel()
                                  for layer in layers for name in ("weight", "bias")])
        assert found.loss == pytest.approx(loss.item(), rel=1e-12)
        np.testing.assert_allclose(np.sort(found.gradient), np.sort(by_name), rtol=1e-9, atol=1e-12)


# --- many examples, many modes ------------------------------------------------------------------


@pytest.mark.parametrize("norm", [None, "batch"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu"])
def test_results_in_arrays_made_beforehand(monkeypatch: pytest.MonkeyPatch, norm: Any, activation: str) -> None:
    """As minibatches of many examples are computed; minibatches of another size get other arrays."""
    monkeypatch.setattr(array_program, "_LARGE", 0)
    model = nn.MLP([3, 5, 2], activation=activation, norm=norm, keep=0.7, rng=0)
    eager, compiled = pair(model, nn.softmax_cross_entropy, nn.L2(0.1))
    for examples in (6, 6, 4, 9):
        X, scores = batch_of(3, 2, examples, seed=examples)
        assert_equal(compiled.mean(X, one_hot(scores)), eager.mean(X, one_hot(scores)))


def test_a_loss_that_compares_a_value_is_refused() -> None:
    scale = Value(2.0, "scale")

    @nn.Loss
    def loss(output: Any, target: Any) -> Any:
        return nn.half_squared_error(output, target) * (scale if scale > 1.0 else 1.0)

    with pytest.raises(OperandError, match=r"scale > 1\.0 compares a Value's present data while a function"):
        nn.fit(nn.MLP([1, 1], rng=0), [[1.0], [2.0]], [1.0, 2.0], loss=loss, epochs=1)


def test_old_programs_are_forgotten() -> None:
    """In evaluation mode running statistics are constants of the program."""
    compiled = CompiledGradients(nn.MLP([2, 3, 1], norm="batch", rng=0), nn.half_squared_error)
    batch = batch_of(2, 1)
    for _ in range(12):
        compiled.model.train()
        compiled.mean(*batch)
        compiled.model.eval()
        compiled.mean(*batch)
    assert len(compiled._programs) <= 8


def test_a_setting_that_changes_is_a_constant_of_another_program() -> None:
    model = nn.MLP([2, 3, 1], norm="batch", rng=0)
    eager, compiled = pair(model, nn.half_squared_error)
    batch = batch_of(2, 1)
    for epsilon in (1e-5, 0.5):
        for each in (eager, compiled):
            next(module for module in each.model.modules() if isinstance(module, BatchNorm)).epsilon = epsilon
        assert_equal(compiled.mean(*batch), eager.mean(*batch))
