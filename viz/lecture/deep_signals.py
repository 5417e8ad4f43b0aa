"""A deep network of random weights, and the signals in it: outputs on the way forward, gradients on the way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from autograd_core.formula import number
from autograd_core.table import Cell, Table
from nn.initializers import Initializer
from nn.layers import Activation
from nn.matrix_form import deltas, forward_propagation
from nn.matrix_network import Network

ByLayer = Mapping[int, float]

EXAMPLES = 50


@dataclass(frozen=True)
class Signals:
    """The standard deviations, over units and examples, of z^(k) and of dE/da^(k), and the share of z^(k) that is 0."""

    outputs: ByLayer
    gradients: ByLayer
    zeros: ByLayer

    @classmethod
    def through(cls, activation: str, init: Initializer, layers: int, units: int, rng: int) -> Signals:
        """Those of a network whose layers are all alike, without biases; inputs and targets are standard normal.

        >>> from nn.initializers import zeros
        >>> Signals.through("sigmoid", zeros, layers=2, units=3, rng=0).outputs
        {1: 0.0, 2: 0.0}
        """
        generator = np.random.default_rng(rng)
        numbers = range(1, layers + 1)
        network = Network(
            {k: init(units, units, generator) for k in numbers}, {}, {k: Activation(activation) for k in numbers}
        )
        X, Y = generator.normal(size=(2, EXAMPLES, units))
        forward = forward_propagation(network, X)
        backward = deltas(network, forward, Y)
        return cls(
            {k: float(forward.Z[k].std()) for k in numbers},
            {k: float(backward.delta[k].std()) for k in numbers},
            {k: float(np.mean(forward.Z[k] == 0.0)) for k in numbers},
        )


def relative(spread: ByLayer, layer: int) -> dict[int, float]:
    """A signal as a share of what it is in one layer.

    >>> relative({1: 2.0, 2: 8.0}, 2)
    {1: 0.25, 2: 1.0}
    """
    return {k: each / spread[layer] for k, each in spread.items()}


def per_layer(spread: ByLayer, first: int, last: int) -> float:
    """What a signal is multiplied by from one layer to the next, on the way from ``first`` to ``last``.

    >>> per_layer({1: 2.0, 2: 1.0, 3: 8.0}, 1, 3)
    2.0
    """
    return float((spread[last] / spread[first]) ** (1 / max(abs(last - first), 1)))


def shown(layers: int) -> list[int]:
    """Some of the layers, from the first to the last.

    >>> shown(50)
    [1, 10, 25, 40, 50]
    """
    return sorted({max(round(share * layers), 1) for share in (0.0, 0.2, 0.5, 0.8, 1.0)})


def spread_table(signals: Mapping[str, ByLayer], layers: Iterable[int]) -> Table:
    """Signals by layer, in the order in which the layers are given."""
    chosen = list(layers)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (of, *(number(float(f"{signal[k]:.2g}")) for k in chosen)) for of, signal in signals.items()
    )
    return Table(("layer", *map(str, chosen)), rows)
