"""The work of W2 and W5: one training step of micrograd's demo, the value and all gradients.

A network 2-16-16-1 with relu on 100 examples of two moons; the error is the mean of relu(1 - target * score) plus
1e-4 times the sum of all squared parameters.  The parameters are one vector in micrograd's order: neuron by neuron,
its weights and then its bias.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from nn.data import moons

SIZES = (2, 16, 16, 1)
COUNT = sum((inputs + 1) * outputs for inputs, outputs in pairwise(SIZES))
EXAMPLES = 100
DECAY = 1e-4

X, _labels = moons(EXAMPLES, noise=0.1, rng=0)
TARGETS = 2.0 * _labels - 1.0
PARAMETERS = np.random.default_rng(1).uniform(-1.0, 1.0, COUNT)


def score(w: Sequence[Any], x: Sequence[Any], relu: Callable[[Any], Any]) -> Any:
    """The network's output for one example, written with scalars; anything with + and * will do for them."""
    z, at = list(x), 0
    for outputs in SIZES[1:]:
        size = len(z) + 1
        neurons = [w[start : start + size] for start in range(at, at + size * outputs, size)]
        a = [sum((w_j * z_j for w_j, z_j in zip(neuron[:-1], z, strict=True)), neuron[-1]) for neuron in neurons]
        at += size * outputs
        z = [relu(each) for each in a] if at < COUNT else a
    return z[0]


def margin_error(w: Sequence[Any], x: Sequence[Any], target: Any, relu: Callable[[Any], Any]) -> Any:
    """relu(1 - target * score) of one example."""
    return relu(1.0 - target * score(w, x, relu))


def mean_error(w: Sequence[Any], relu: Callable[[Any], Any]) -> Any:
    """The whole error, all examples written out: about 66,000 scalar operations."""
    losses = [margin_error(w, x, target, relu) for x, target in zip(X.tolist(), TARGETS.tolist(), strict=True)]
    return sum(losses[1:], losses[0]) * (1.0 / EXAMPLES) + DECAY * sum(each * each for each in w)


def layers(w: np.ndarray) -> list[np.ndarray]:
    """The matrices and bias vectors W1, b1, W2, ... of the parameters, as contiguous copies."""
    found, at = [], 0
    for inputs, outputs in pairwise(SIZES):
        block = w[at : at + outputs * (inputs + 1)].reshape(outputs, inputs + 1)
        found += [block[:, :-1].copy(), block[:, -1].copy()]
        at += block.size
    return found


def by_neuron(matrices: Sequence[Any]) -> np.ndarray:
    """One vector in micrograd's order from W1, b1, W2, ...: the inverse of ``layers``."""
    pairs = zip(matrices[::2], matrices[1::2], strict=True)
    return np.concatenate([np.column_stack([np.asarray(W), np.asarray(b)]).ravel() for W, b in pairs])


def by_layer(vector: np.ndarray) -> list[np.ndarray]:
    """Views W1, b1, W2, ... into one vector that holds them one after another."""
    found, at = [], 0
    for inputs, outputs in pairwise(SIZES):
        found.append(vector[at : at + inputs * outputs].reshape(outputs, inputs))
        at += inputs * outputs
        found.append(vector[at : at + outputs])
        at += outputs
    return found
