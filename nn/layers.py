r"""The layers of the lecture's network: ``a = W z + b``, then ``z = sigma(a)``, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autograd_core.primitives import dot
from autograd_core.row import Primitive
from autograd_core.value import Parameter
from nn.activations import find_activation
from nn.errors import SettingError, ShapeError
from nn.initializers import Initializer, find_initializer
from nn.module import Module, name_all, scripted
from nn.settings import COUNT, number_in


class Linear(Module):
    r"""The pre-activations of a layer, :math:`a_i = \sum_j w_{ij} z_j + b_i` (LECTURE row 9).

    ``inputs`` and ``outputs`` are numbers of units.  ``init`` draws the weights, by name or as a function
    (see ``nn.initializers``); biases begin at 0.  ``rng`` is an int or a Generator; without it the network that the
    layer becomes part of draws the weights, so that no two layers draw the same.
    Raises :class:`SettingError` for sizes that are no positive integers.

    >>> layer = Linear(2, 1, init="zeros")
    >>> layer.weight[0][0].data = 3.0
    >>> layer([1.0, 2.0])
    Value(3.0, 'a_1')
    """

    is_replayable = True
    symbol = "a"
    _drawn: list[list[float]] | None = None

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: bool = True,
        init: str | Initializer = "xavier",
        rng: int | np.random.Generator | None = None,
    ) -> None:
        inputs, outputs = unit_counts([inputs, outputs], f"Linear({inputs!r}, {outputs!r})")
        self.inputs, self.outputs = inputs, outputs
        self.is_unseeded = rng is None
        self.weight = [[Parameter(0.0) for _ in range(inputs)] for _ in range(outputs)]
        self._initializer = find_initializer(init)
        self.seed(0 if rng is None else rng)
        self.bias = [Parameter(0.0) for _ in range(outputs)] if bias else []

    def seed(self, rng: int | np.random.Generator) -> None:
        """Draw the weights anew, unless they were changed since they were drawn."""
        if self._drawn is None or self._drawn == [[weight.data for weight in row] for row in self.weight]:
            self._drawn = self._initializer(len(self.weight[0]), len(self.weight), np.random.default_rng(rng)).tolist()
            for row, numbers in zip(self.weight, self._drawn, strict=True):
                for weight, number in zip(row, numbers, strict=True):
                    weight.data = number

    def forward(self, examples: Sequence[Sequence[Any]]) -> list[list[Any]]:
        for example in examples:
            require_inputs(self, len(example))
        if not self.bias:
            return [[dot(row, example) for row in self.weight] for example in examples]
        return [
            [dot(row, example) + bias for row, bias in zip(self.weight, self.bias, strict=True)]
            for example in examples
        ]

    def on_arrays(self, X: np.ndarray) -> np.ndarray:
        require_inputs(self, X.shape[1])
        state = self.state_dict()
        found: np.ndarray = X @ state["weight"].T
        return found + state["bias"] if self.bias else found

    def name_parameters(self) -> None:
        if self.weight[0][0].name is not None:
            return
        comma = "," if max(len(self.weight), len(self.weight[0])) > 9 else ""
        for i, row in enumerate(self.weight, 1):
            for j, weight in enumerate(row, 1):
                weight.named(scripted("w", f"{i}{comma}{j}", self.number))
        name_all(self.bias, "b", self.number)

    def __repr__(self) -> str:
        return f"Linear({self.inputs}, {self.outputs}{'' if self.bias else ', bias=False'})"


class Activation(Module):
    r"""A function of each pre-activation by itself, :math:`z_i = \sigma(a_i)`.

    ``function`` is one of the table's rows, or its name; ``settings`` are its other operands, as in
    ``Activation("leaky_relu", slope=0.1)``.  Raises :class:`SettingError` for what is no activation.

    >>> Activation("tanh")([0.0, 1.0])
    [Value(0.0, 'z_1'), Value(0.7615941559557649, 'z_2')]
    """

    is_replayable = True
    symbol = "z"

    def __init__(self, function: str | Primitive, **settings: float) -> None:
        self.row = find_activation(function)
        self.settings = settings
        self.row(0.5, **settings)  # refuses settings the row does not have

    def forward(self, examples: Sequence[Sequence[Any]]) -> list[list[Any]]:
        if not self.settings:
            return [[self.row(scalar) for scalar in example] for example in examples]
        return [[self.row(scalar, **self.settings) for scalar in example] for example in examples]

    def on_arrays(self, X: np.ndarray) -> np.ndarray:
        found: np.ndarray = self.row(X, **self.settings)
        return found

    def __repr__(self) -> str:
        settings = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        return f'Activation("{self.row.name}"{settings})'


class Sequential(Module):
    """Layers one after the other.

    ``rng``, an int or a Generator, seeds the layers that were made without one of their own.  Raises
    :class:`ShapeError` where a layer does not take what the one before gives.

    >>> network = Sequential(Linear(2, 3, init="zeros"), Activation("tanh"), Linear(3, 1, init="zeros"))
    >>> network([1.0, 2.0])
    Value(0.0, 'yhat')
    """

    is_replayable = True

    def __init__(self, *layers: Module, rng: int | np.random.Generator = 0) -> None:
        for layer in layers:
            if not isinstance(layer, Module):
                raise SettingError(f"Sequential takes modules, one after the other: Sequential(Linear(2, 3), "
                                   f'Activation("tanh")); got {layer!r}.')
        if not layers:
            raise SettingError("Sequential needs at least one module, such as Linear(2, 1).")
        self.layers = list(layers)
        self.number_layers()
        generator = np.random.default_rng(rng)
        for module in self.modules():
            if getattr(module, "is_unseeded", False):
                module.seed(generator)  # type: ignore[attr-defined]  # what has one flag has the method
        width: int | None = None
        for layer in layers:
            if layer.inputs is not None and width is not None and layer.inputs != width:
                raise ShapeError(f"{described(layer)} takes {layer.inputs} inputs, but the layer before gives {width}.")
            width = layer.outputs if layer.outputs is not None else width
        self.inputs = next((layer.inputs for layer in layers if layer.inputs is not None), None)
        self.outputs = width

    def forward(self, examples: Sequence[Sequence[Any]]) -> list[list[Any]]:
        results: Any = examples
        for layer in self.layers:
            results = layer.forward(results)
        return [list(result) for result in results]

    def on_arrays(self, X: np.ndarray) -> np.ndarray:
        for layer in self.layers:
            X = layer.on_arrays(X)
        return X

    def forward_named(self, inputs: list[Any]) -> list[Any]:
        results = inputs
        unnamed = []
        for layer in self.layers:
            [results] = layer.forward([results])
            unnamed.append((layer, results))
        if len(results) == 1:
            if results[0].name is None:
                results[0].named("yhat")
        else:
            name_all(results, r"\hat{y}", None)
        for layer, each in unnamed:
            layer.name_results(each)
        return results

    def children(self) -> dict[str, Module]:
        return {str(at): layer for at, layer in enumerate(self.layers)}

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, at: int) -> Module:
        return self.layers[at]

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"


def described(layer: Module) -> str:
    """A layer in a message: what it is, and where it stands in its network."""
    return f"{layer!r} in layer {layer.number}" if layer.number else repr(layer)


def require_inputs(layer: Module, count: int) -> None:
    """:class:`ShapeError` unless ``count`` is how many inputs the layer takes."""
    if count != layer.inputs:
        raise ShapeError(f"{described(layer)} takes {layer.inputs} inputs; it got {count}.")


def unit_counts(sizes: Sequence[Any], call: str) -> list[int]:
    """The sizes as ints; :class:`SettingError` unless every one is a whole number, 1 or more."""
    return [number_in(COUNT, size, f"{call}: a number of units", "MLP([2, 16, 1])") for size in sizes]
