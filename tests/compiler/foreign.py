"""A stand-in for arrays of libraries that the suite does not have."""

from __future__ import annotations

from typing import Any

import numpy as np


class Foreign:
    """An array of another library; one that requires grad, as PyTorch's do, refuses to become NumPy's."""

    def __init__(self, numbers: Any, requires_grad: bool = False) -> None:
        self.numbers, self.requires_grad = np.asarray(numbers), requires_grad

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return self.numbers
