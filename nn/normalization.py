r"""Batch normalization: each pre-activation with mean 0 and variance 1 over the minibatch (LECTURE row 19)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_core.primitives import batch_mean, sqrt, square
from autograd_core.value import Parameter
from nn.errors import ShapeError
from nn.layers import described, require_inputs, unit_counts
from nn.module import Module, is_lane, name_all, number_of
from nn.settings import POSITIVE, UP_TO_ONE, number_in


class BatchNorm(Module):
    r"""Subtract the minibatch's mean, then divide by its biased standard deviation; gradients flow through both.

    .. math:: \tilde a_i = \gamma_i \frac{a_i - m_i}{\sqrt{v_i + \epsilon}} + \beta_i, \quad
       m_i = \frac1N \sum_n a_{ni}, \quad v_i = \frac1N \sum_n (a_{ni} - m_i)^2

    (Ioffe & Szegedy 2015).  ``scale_and_shift=False`` leaves :math:`\gamma` and :math:`\beta` out.  In training
    mode ``running_mean`` and ``running_variance`` (the unbiased one) move by ``momentum`` towards the
    minibatch's; in evaluation mode they are used instead of it, so that one example is enough.  The shape
    of the values' distribution stays: mean 0 and variance 1 do not make it Gaussian.
    Raises :class:`ShapeError` for a minibatch of one example in training mode.

    >>> norm = BatchNorm(1)
    >>> [round(out.data, 4) for out in norm([[1.0], [3.0]])]
    [-1.0, 1.0]
    """

    is_replayable = True
    symbol = r"\hat{a}"
    couples_examples = True

    def __init__(
        self, units: int, epsilon: float = 1e-5, momentum: float = 0.1, scale_and_shift: bool = True
    ) -> None:
        (units,) = unit_counts([units], f"BatchNorm({units!r})")
        self.inputs = self.outputs = units
        self.epsilon = number_in(POSITIVE, epsilon, "BatchNorm: epsilon", "epsilon=1e-5")
        self.momentum = number_in(UP_TO_ONE, momentum, "BatchNorm: momentum, the new share,", "momentum=0.1")
        self.scale = [Parameter(1.0) for _ in range(units)] if scale_and_shift else []
        self.shift = [Parameter(0.0) for _ in range(units)] if scale_and_shift else []
        self.running_mean = np.zeros(units)
        self.running_variance = np.ones(units)
        self.observed: Callable[[int, Any, Any], None] | None = None

    def forward(self, examples: Sequence[Sequence[Any]]) -> list[list[Any]]:
        for example in examples:
            require_inputs(self, len(example))
        columns = [list(column) for column in zip(*examples, strict=True)]
        if not self.training:
            normalized = [
                [(scalar - mean) / deviation for scalar in column]
                for column, mean, deviation in zip(columns, *self._running(), strict=True)
            ]
        elif len(examples) < 2 and not is_lane(examples[0][0]):
            raise ShapeError(
                f"{described(self)} normalizes over a minibatch, and one example has no spread: pass two or more, "
                "or call eval() on the model to use the statistics of training."
            )
        else:
            normalized = [self._normalized(unit, column) for unit, column in enumerate(columns)]
        if self.scale:
            normalized = [
                [scale * scalar + shift for scalar in column]
                for scale, shift, column in zip(self.scale, self.shift, normalized, strict=True)
            ]
        return [list(row) for row in zip(*normalized, strict=True)]

    def _normalized(self, unit: int, column: list[Any]) -> list[Any]:
        mean = batch_mean(column)
        centred = [scalar - mean for scalar in column]
        variance = batch_mean([square(scalar) for scalar in centred])
        if self.observed is None:
            self.remember(unit, number_of(mean), number_of(variance), len(column))
        else:
            self.observed(unit, mean, variance)
        deviation = sqrt(variance + self.epsilon)
        return [scalar / deviation for scalar in centred]

    def remember(self, unit: int, mean: float, variance: float, examples: int) -> None:
        """Move a unit's running statistics towards those of a minibatch; ``variance`` is the biased one."""
        if not (math.isfinite(mean) and math.isfinite(variance)):
            return  # a diverged minibatch leaves the statistics as they were
        unbiased = variance * examples / (examples - 1)
        self.running_mean[unit] += self.momentum * (mean - self.running_mean[unit])
        self.running_variance[unit] += self.momentum * (unbiased - self.running_variance[unit])

    def _running(self) -> tuple[list[float], list[float]]:
        return self.running_mean.tolist(), np.sqrt(self.running_variance + self.epsilon).tolist()

    def on_arrays(self, X: np.ndarray) -> np.ndarray:
        if self.training:
            return super().on_arrays(X)
        require_inputs(self, X.shape[1])
        state = self.state_dict()
        normalized: np.ndarray = (X - self.running_mean) / np.sqrt(self.running_variance + self.epsilon)
        return normalized * state["scale"] + state["shift"] if self.scale else normalized

    def name_parameters(self) -> None:
        name_all(self.scale, r"\gamma", self.number)
        name_all(self.shift, r"\beta", self.number)

    def __repr__(self) -> str:
        return f"BatchNorm({self.inputs})"

