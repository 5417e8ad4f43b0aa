"""The network of the quick reference: the matrices and activations of its layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nn.errors import SettingError, ShapeError
from nn.layers import Activation, Linear, Sequential
from nn.matrix_notation import Matrix
from nn.module import Module

ByLayer = Mapping[int, Matrix]


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    r"""A network of K layers as the quick reference sees it.

    ``W[k]`` has shape (units of layer k, units of layer k - 1); ``b[k]`` is a column of shape (units, 1) and left out
    where a layer has no bias, as on the slides; ``activations[k]`` is left out where :math:`\mathbf{z} = \mathbf{a}`.
    Raises :class:`ShapeError` for layers that do not fit each other.

    >>> Network({1: np.array([[2.0, 1.0]])}, {}, {1: Activation("tanh")})
    Network(2-1: tanh)
    """

    W: ByLayer
    b: ByLayer
    activations: Mapping[int, Activation]

    def __post_init__(self) -> None:
        if not self.W or list(self.W) != list(range(1, len(self.W) + 1)):
            raise ShapeError(f"W holds a matrix for each of the layers 1, 2, ..., K; got {list(self.W)}.")
        for k, W in self.W.items():
            if W.ndim != 2 or (k > 1 and W.shape[1] != len(self.W[k - 1])):
                needed = f"(units, {len(self.W[k - 1])})" if k > 1 else "(units, inputs)"
                raise ShapeError(f"W^({k}) needs the shape {needed}; it has {W.shape}.")
            if k in self.b and self.b[k].shape != (len(W), 1):
                raise ShapeError(f"b^({k}) is a column and needs the shape {(len(W), 1)}; it has {self.b[k].shape}.")

    @classmethod
    def of(cls, model: Module) -> Network:
        """The network that a model of Linear and Activation layers is, with copies of its weights.

        Raises :class:`SettingError` for BatchNorm, Dropout and other modules the quick reference does not have.

        >>> from nn import MLP
        >>> Network.of(MLP([2, 3, 1], activation="tanh", rng=0))
        Network(2-3-1: tanh, identity)
        """
        W: dict[int, Matrix] = {}
        b: dict[int, Matrix] = {}
        activations: dict[int, Activation] = {}
        for layer in (each for each in model.modules() if not isinstance(each, Sequential)):
            k = len(W)
            if isinstance(layer, Linear):
                state = layer.state_dict()
                W[k + 1] = state["weight"]
                if layer.bias:
                    b[k + 1] = state["bias"][:, np.newaxis]
            elif isinstance(layer, Activation) and k and k not in activations:
                activations[k] = layer
            else:
                raise SettingError(
                    "The quick reference's layers are a Linear and after it at most one Activation; "
                    f"got {layer!r} {f'in layer {k}' if k else 'before the first Linear'}. "
                    "Build the model without it: MLP([2, 3, 1]) without norm= and keep= fits."
                )
        return cls(W, b, activations)

    @property
    def depth(self) -> int:
        """K, the number of layers."""
        return len(self.W)

    @property
    def units(self) -> dict[int, int]:
        """The units of each layer; layer 0 are the inputs."""
        return {0: self.W[1].shape[1]} | {k: len(W) for k, W in self.W.items()}

    def sigma(self, k: int, A: Any) -> Any:
        """The activation of layer k, element by element, of a float, an array or a symbol."""
        return self.activations[k].row(A, **self.activations[k].settings) if k in self.activations else A

    def sigma_prime(self, k: int, A: Any) -> Any:
        """The derivative of the activation of layer k, element by element, of a float or an array.

        >>> network = Network({1: np.array([[2.0, 1.0]])}, {}, {1: Activation("sigmoid")})
        >>> network.sigma_prime(1, 0.0), network.sigma_prime(1, np.array([0.0, 100.0]))
        (0.25, array([2.50000000e-01, 3.72007598e-44]))
        """
        if k not in self.activations:
            return np.ones_like(A) if isinstance(A, np.ndarray) else 1.0
        row, settings = self.activations[k].row, self.activations[k].settings
        defaults = zip(row.operand_names[1:], row.defaults, strict=True)
        operands = [A, *(settings.get(name, default) for name, default in defaults)]
        wanted = [True] + [False] * len(row.defaults)
        if not isinstance(A, np.ndarray):
            return row.local_derivatives(row(*operands), operands, wanted)[0]
        with np.errstate(all="ignore"):
            return np.broadcast_to(row.partials_at(row(*operands), operands, wanted)[0], A.shape)

    def __repr__(self) -> str:
        names = (self.activations[k].row.name if k in self.activations else "identity" for k in self.W)
        return f"Network({sizes(self.units)}: {', '.join(names)})"


def sizes(units: Mapping[int, int]) -> str:
    """The units of each layer, inputs first: 2-2-2-1."""
    return "-".join(str(units[layer]) for layer in sorted(units))
