r"""Gradient clipping: a gradient kept within a limit before the optimizer sees it.

A gradient that holds nan or inf is passed on unchanged, so that training stops where it diverged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nn.settings import POSITIVE, Settings

Vector = NDArray[np.float64]
Clip = Callable[[Vector], Vector]


@dataclass(frozen=True)
class ClipNorm(Settings):
    r"""A gradient longer than ``limit`` is shortened to it and keeps its direction.

    .. math:: g \leftarrow g \, \min\left(1, \frac{c}{\lVert g \rVert_2}\right)

    ``limit`` is c, positive and finite, else :class:`SettingError`.  The norm is over all parameters.  Source:
    Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks (2013), algorithm 1.
    PyTorch's ``clip_grad_norm_`` divides by the norm plus 1e-6, so its result is shorter by that much.

    >>> ClipNorm(1.0)([3.0, 4.0]), ClipNorm(10.0)([3.0, 4.0])
    (array([0.6, 0.8]), array([3., 4.]))
    """

    limit: float

    def __post_init__(self) -> None:
        self.require("limit", POSITIVE, 1.0)

    def __call__(self, gradient: Vector) -> Vector:
        """The gradient, shortened if need be, as a new array."""
        gradient = np.array(gradient, dtype=np.float64)
        largest = float(np.max(np.abs(gradient), initial=0.0))
        if largest == 0.0 or not np.isfinite(largest):
            return gradient
        unit = gradient / largest  # its squares neither overflow nor vanish
        length = float(np.linalg.norm(unit))
        return gradient if largest * length <= self.limit else unit * (self.limit / length)


@dataclass(frozen=True)
class ClipValue(Settings):
    r"""Each derivative is kept between ``-limit`` and ``limit``, which changes the gradient's direction.

    .. math:: g_i \leftarrow \max(-c, \min(c, g_i))

    ``limit`` is c, positive and finite, else :class:`SettingError`.  As PyTorch's ``clip_grad_value_``.

    >>> ClipValue(1.0)([3.0, -0.5, -7.0])
    array([ 1. , -0.5, -1. ])
    """

    limit: float

    def __post_init__(self) -> None:
        self.require("limit", POSITIVE, 1.0)

    def __call__(self, gradient: Vector) -> Vector:
        """The gradient with each number within the limit, as a new array."""
        gradient = np.array(gradient, dtype=np.float64)
        return np.clip(gradient, -self.limit, self.limit) if np.isfinite(gradient).all() else gradient
