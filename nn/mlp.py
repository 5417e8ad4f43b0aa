"""The multilayer perceptron: the lecture's network of K layers, from its sizes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from autograd_core.row import Primitive
from nn.dropout import Dropout
from nn.errors import SettingError, UnknownSettingError
from nn.initializers import Initializer
from nn.layers import Activation, Linear, Sequential, unit_counts
from nn.module import Module
from nn.normalization import BatchNorm


class MLP(Sequential):
    r"""A network of layers of the given sizes, inputs first: ``MLP([2, 16, 16, 1])`` has three layers of weights.

    A hidden layer is :class:`Linear`, with ``norm="batch"`` :class:`BatchNorm`, the activation, and with ``keep``
    :class:`Dropout`.  The last layer has the activation ``output``; ``"identity"`` is none.  Where BatchNorm
    follows there is no bias, since it would be subtracted again.  ``init`` is an initializer or its name, ``rng``
    an int or a Generator for the weights and the dropout.  Raises :class:`SettingError`, with the right call.

    >>> model = MLP([2, 16, 16, 1], rng=0)
    >>> len(model.parameters()), round(model([1.0, -2.0]).data, 6)
    (337, 0.717999)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Primitive = "tanh",
        output: str | Primitive = "identity",
        bias: bool = True,
        init: str | Initializer = "xavier",
        norm: str | None = None,
        keep: float | None = None,
        rng: int | np.random.Generator = 0,
        **foreign: object,
    ) -> None:
        if foreign:
            word = next(iter(foreign))
            meant = {"lr": "it belongs to the optimizer: fit(model, X, y, optimizer=SGD(0.1))",
                     "learning_rate": "it belongs to the optimizer: fit(model, X, y, optimizer=SGD(0.1))",
                     "dropout": "write keep=, the probability to keep a unit", "p": "write keep=",
                     "seed": "write rng=", "random_state": "write rng=", "batch_norm": 'write norm="batch"',
                     "hidden_layer_sizes": "write all sizes in one list, inputs first: MLP([2, 16, 1])"}
            known = "its settings are activation, output, bias, init, norm, keep and rng"
            raise UnknownSettingError(f"MLP takes no {word}: {meant.get(word, known)}.")
        if isinstance(sizes, (int, np.integer)) or isinstance(activation, (list, tuple)):
            after = list(activation) if isinstance(activation, (list, tuple)) else [1]
            first = [int(sizes)] if isinstance(sizes, (int, np.integer)) else list(sizes)
            raise UnknownSettingError(
                f"MLP takes one list of sizes, the number of inputs first: MLP({[*first, *after]})."
            )
        sizes = unit_counts(list(sizes), f"MLP({list(sizes)})")
        if len(sizes) < 2:
            raise SettingError(f"An MLP has at least two sizes, inputs and outputs: MLP([2, 1]); got {sizes}.")
        if norm not in (None, "batch"):
            raise SettingError(f"norm is None or 'batch'; got {norm!r}.")
        self.sizes = sizes
        generator = np.random.default_rng(rng)
        layers: list[Module] = []
        for inputs, outputs in pairwise(sizes[:-1]):
            layers.append(Linear(inputs, outputs, bias=bias and norm is None, init=init, rng=generator))
            layers += [BatchNorm(outputs)] if norm else []
            layers += _activation(activation)
            layers += [Dropout(keep=keep, rng=generator)] if keep is not None else []
        layers.append(Linear(sizes[-2], sizes[-1], bias=bias, init=init, rng=generator))
        super().__init__(*layers, *_activation(output))


def _activation(function: str | Primitive) -> list[Module]:
    return [] if function == "identity" else [Activation(function)]
