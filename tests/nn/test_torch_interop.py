"""PyTorch and back: the same outputs and gradients to 1e-12, the same modes and settings."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import autograd_core as ag
from autograd_core import Parameter
from nn import MLP, Activation, BatchNorm, Dropout, EagerGradients, Linear, Module, Sequential, half_squared_error
from nn.activations import is_activation
from nn.errors import SettingError
from nn.torch_interop import from_torch, to_torch

MODELS = {
    "tanh": lambda: MLP([3, 4, 2], rng=0),
    "no bias": lambda: MLP([3, 4, 2], bias=False, rng=0),
    "deep": lambda: MLP([3, 5, 5, 5, 2], activation="relu", output="sigmoid", init="he", rng=1),
    "batch norm": lambda: MLP([3, 4, 2], norm="batch", rng=2),
    "bare batch norm": lambda: Sequential(Linear(3, 2), BatchNorm(2, 1e-3, 0.3, scale_and_shift=False)),
    "nested": lambda: Sequential(Sequential(Linear(3, 4), Activation("elu", alpha=0.5)), Linear(4, 2)),
    "leaky": lambda: Sequential(Linear(3, 2), Activation("leaky_relu", slope=0.3)),
    **{row.name: lambda row=row: MLP([3, 4, 2], activation=row.name, rng=3)
       for row in ag.TABLE if is_activation(row)},
}


def inputs() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    return rng.normal(size=(6, 3)), rng.normal(size=(6, 2))


@pytest.mark.parametrize("name", MODELS)
def test_outputs_and_gradients_are_equal_there_and_back(name: str) -> None:
    torch = pytest.importorskip("torch")
    model = MODELS[name]()
    X, Y = inputs()
    twin = to_torch(model)
    outputs = twin(torch.from_numpy(X))
    (0.5 * ((outputs - torch.from_numpy(Y)) ** 2).sum(dim=1)).mean().backward()
    theirs = np.concatenate([each.grad.numpy().ravel() for each in twin.parameters()]) if model.parameters() else []
    back = from_torch(to_torch(model))
    ours = EagerGradients(model, half_squared_error).mean(X, Y)
    np.testing.assert_allclose(ours.gradient, theirs, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(EagerGradients(back, half_squared_error).mean(X, Y).gradient, ours.gradient)
    np.testing.assert_allclose(model.predict(X), twin.eval()(torch.from_numpy(X)).detach().numpy(), rtol=1e-12,
                               atol=1e-12)
    assert {key: array.tolist() for key, array in back.state_dict().items()} == {
        key: array.tolist() for key, array in model.state_dict().items()}


def test_modes_settings_and_dropout_are_kept() -> None:
    torch = pytest.importorskip("torch")
    model = Sequential(Linear(2, 2), Dropout(keep=0.75)).eval()
    twin = to_torch(model)
    assert not twin.training
    assert twin[1].p == 0.25
    back = from_torch(twin)
    assert back[1].keep == 0.75
    assert not any(module.training for module in back.modules())
    assert from_torch(torch.nn.Sequential(torch.nn.Identity(), torch.nn.Linear(2, 1))).training


def test_single_precision_is_taken_exactly() -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.Linear(2, 3)
    assert from_torch(module).state_dict()["weight"].tolist() == module.weight.detach().double().tolist()


def test_the_copy_is_independent() -> None:
    pytest.importorskip("torch")
    model = MLP([2, 1])
    to_torch(model)[0].weight.data.zero_()
    assert any(weight.data for weight in model.weights())


class Scale(Module):
    def __init__(self) -> None:
        self.weight = Parameter(2.0)


def test_what_has_no_equivalent_is_named() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(SettingError, match=r"to_torch translates Linear, .*; got <.*Scale"):
        to_torch(Scale())
    for module, message in [
        (torch.nn.Conv1d(1, 1, 1), r"from_torch translates Linear, BatchNorm1d"),
        (torch.nn.Softmax(dim=1), r"Softmax belongs to the loss here: softmax_cross_entropy"),
        (torch.nn.Softplus(beta=2.0), r"softplus has no beta here"),
        (torch.nn.GELU(approximate="tanh"), r"gelu is the exact one here"),
        (torch.nn.BatchNorm1d(2, momentum=None), r"keeps running statistics with a momentum"),
    ]:
        with pytest.raises(SettingError, match=message):
            from_torch(module)


def test_without_torch_it_says_so(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="need PyTorch, which is not installed: pip install torch"):
        to_torch(MLP([1, 1]))
