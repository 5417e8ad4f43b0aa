"""To PyTorch and back: the same network as a ``torch.nn.Module``, for users who outgrow this one."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from autograd_core.extras import require
from autograd_core.primitives import TABLE
from nn.activations import is_activation
from nn.dropout import Dropout
from nn.errors import SettingError
from nn.layers import Activation, Linear, Sequential
from nn.module import Module
from nn.normalization import BatchNorm

_KNOWN = "Linear, Activation, BatchNorm, Dropout, and Sequential or MLP of them"


def to_torch(model: Module) -> Any:
    """The equivalent ``torch.nn.Module`` in float64, with its own copy of the parameters and the same mode.

    Outputs and gradients are equal to rounding.  Raises :class:`SettingError` for a module PyTorch has no
    equivalent of, ``ImportError`` without PyTorch.

    ``to_torch(MLP([2, 3, 1]))`` is ``Sequential(Linear(2, 3), Tanh(), Linear(3, 1))`` there.
    """
    torch = _torch()
    if isinstance(model, Sequential):
        made = torch.nn.Sequential(*map(to_torch, model))
    elif isinstance(model, Linear):
        made = torch.nn.Linear(model.inputs, model.outputs, bias=bool(model.bias), dtype=torch.float64)
        _fill(made, model.state_dict())
    elif isinstance(model, BatchNorm):
        made = torch.nn.BatchNorm1d(
            model.inputs, eps=model.epsilon, momentum=model.momentum, affine=bool(model.scale), dtype=torch.float64)
        _fill(made, {_BATCH_NORM[name]: array for name, array in model.state_dict().items()})
    elif isinstance(model, Dropout):
        made = torch.nn.Dropout(p=1.0 - model.keep)
    elif isinstance(model, Activation):
        made = _activation_to_torch(torch, model)
    else:
        raise SettingError(f"to_torch translates {_KNOWN}; got {model!r}.")
    return made.train(model.training)


def from_torch(module: Any, rng: int | np.random.Generator = 0) -> Module:
    """The network a ``torch.nn.Module`` stands for, with its own copy of the parameters in float64.

    ``rng`` is what its Dropout layers will draw from.  Raises :class:`SettingError` for a module there is no
    equivalent of here, ``ImportError`` without PyTorch.
    """
    torch = _torch()
    generator = np.random.default_rng(rng)
    state = {name: tensor.detach().cpu().numpy().astype(np.float64) for name, tensor in module.state_dict().items()}
    model: Module
    if isinstance(module, torch.nn.Sequential):
        parts = [each for each in module if not isinstance(each, torch.nn.Identity)]
        model = Sequential(*(from_torch(each, generator) for each in parts))
        model.training = module.training
        return model
    if isinstance(module, torch.nn.Linear):
        model = Linear(module.in_features, module.out_features, bias=module.bias is not None, init="zeros")
        model.load_state_dict(state)
    elif isinstance(module, torch.nn.BatchNorm1d):
        if module.momentum is None or not module.track_running_stats:
            raise SettingError(f"BatchNorm here keeps running statistics with a momentum; {module!r} does not.")
        model = BatchNorm(module.num_features, module.eps, module.momentum, scale_and_shift=module.affine)
        model.load_state_dict({ours: state[theirs] for ours, theirs in _BATCH_NORM.items() if theirs in state})
    elif isinstance(module, torch.nn.Dropout) and module.p < 1.0:
        model = Dropout(keep=1.0 - module.p, rng=generator)
    else:
        model = _activation_from_torch(torch, module)
    return model.train() if module.training else model.eval()


_BATCH_NORM = {"scale": "weight", "shift": "bias", "running_mean": "running_mean",
               "running_variance": "running_var"}


def _torch() -> Any:
    try:
        return require("torch", "torch", "to_torch and from_torch")
    except ImportError as error:
        raise ImportError("to_torch and from_torch need PyTorch, which is not installed: pip install torch.") from error


def _fill(module: Any, arrays: dict[str, np.ndarray]) -> None:
    torch = _torch()
    own = module.state_dict()
    for name, array in arrays.items():
        own[name].copy_(torch.from_numpy(array))


def _modules_by_row_name(torch: Any) -> dict[str, Any]:
    """PyTorch's activations under the names the table would give them: LeakyReLU is leaky_relu without the line."""
    return {name.lower(): getattr(torch.nn, name) for name in torch.nn.modules.activation.__all__}


def _activation_to_torch(torch: Any, model: Activation) -> Any:
    name = model.row.name if model.row.alias_of is None else model.row.alias_of.name
    settings = [model.settings.get(each, default)
                for each, default in zip(model.row.operand_names[1:], model.row.defaults, strict=True)]
    found = _modules_by_row_name(torch).get(name.replace("_", ""))
    if model.row.name == "softplus":
        # Beyond its threshold PyTorch takes softplus(x) for x, which at the default 20 is wrong by 2e-9.
        return torch.nn.Softplus(threshold=700.0)
    if found is not None:
        return found(*settings)
    function = getattr(torch, name, None)
    if function is None or settings:
        raise SettingError(f"PyTorch has no function {name}, so {model!r} cannot be translated.")
    return _elementwise(torch, function)


def _elementwise(torch: Any, function: Any) -> Any:
    class Elementwise(torch.nn.Module):  # type: ignore[misc]  # a class of a package imported when asked for
        def __init__(self) -> None:
            super().__init__()
            self.function = function

        def forward(self, x: Any) -> Any:
            return self.function(x)

        def extra_repr(self) -> str:
            return str(self.function.__name__)

    return Elementwise()


def _activation_from_torch(torch: Any, module: Any) -> Activation:
    kind = type(module).__name__.lower()
    rows = {row.name.replace("_", ""): row for row in TABLE if is_activation(row)}
    row = rows.get(kind) or rows.get(getattr(getattr(module, "function", None), "__name__", ""))
    if row is None:
        raise SettingError(
            f"from_torch translates Linear, BatchNorm1d, Dropout, Sequential and activations; got {module!r}. "
            "Softmax belongs to the loss here: softmax_cross_entropy."
        )
    if kind == "softplus" and module.beta != 1.0:
        raise SettingError(f"softplus has no beta here; got {module!r}.")
    if kind == "gelu" and module.approximate != "none":
        raise SettingError(f"gelu is the exact one here; got {module!r}.")
    names = list(inspect.signature(type(module).__init__).parameters)[1 : 1 + len(row.defaults)]
    settings = {ours: float(getattr(module, theirs)) for ours, theirs in
                zip(row.operand_names[1:], names, strict=True)}
    return Activation(row, **settings)
