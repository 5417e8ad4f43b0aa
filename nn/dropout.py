r"""Dropout: in training each unit is kept with probability ``keep``, or silenced (LECTURE row 20)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nn.errors import UnknownSettingError
from nn.module import Module
from nn.settings import UP_TO_ONE, number_in, number_or_nan


class Dropout(Module):
    r"""Multiply each unit by 1/keep with probability ``keep`` and by 0 otherwise.

    ``keep`` is the slide's p, the probability to *keep* a unit; PyTorch's ``p`` is the probability to drop one.
    The division by ``keep`` in training (inverted dropout; Srivastava et al. 2014, section 10) leaves the
    expected value as it was, so that in evaluation mode nothing is done.  ``rng`` is an int or a Generator; without
    it the network that the layer becomes part of seeds it.
    Raises :class:`SettingError` unless 0 < keep <= 1.

    >>> dropout = Dropout(keep=0.5, rng=0)
    >>> [out.data for out in dropout([1.0, 1.0, 1.0, 1.0])]
    [0.0, 2.0, 2.0, 2.0]
    >>> [out.data for out in dropout.eval()([1.0, 1.0, 1.0, 1.0])]
    [1.0, 1.0, 1.0, 1.0]
    """

    is_replayable = True
    symbol = r"\hat{z}"

    def __init__(
        self, *ambiguous: object, keep: float = 0.5, rng: int | np.random.Generator | None = None, **foreign: object
    ) -> None:
        if ambiguous or foreign:
            name, given = next(iter(foreign.items()), ("setting without a name", ambiguous[:1]))
            dropped = number_or_nan(given) if name == "p" else math.nan
            right = f"Dropout(keep={1.0 - dropped:g})" if 0.0 <= dropped < 1.0 else "Dropout(keep=0.5)"
            raise UnknownSettingError(
                f"Dropout has no {name}. It takes keep, the probability to keep a unit, as the lecture does; "
                f"PyTorch's p is the probability to drop one. Write {right}."
            )
        self.keep = number_in(UP_TO_ONE, keep, "Dropout: keep, the probability to keep a unit,", "Dropout(keep=0.5)")
        self.is_unseeded = rng is None
        self.seed(0 if rng is None else rng)
        self.given: Callable[[int], Sequence[Any]] | None = None

    def seed(self, rng: int | np.random.Generator) -> None:
        """Draw from a generator of its own from now on: seeded with the int, or with a number drawn from ``rng``."""
        self.rng = np.random.default_rng(rng if not isinstance(rng, np.random.Generator) else rng.integers(2**63))

    def factors(self, examples: int, units: int) -> np.ndarray:
        """What the units are multiplied by in the next pass: 0 or 1/keep, of shape (examples, units)."""
        kept = self.rng.random((examples, units)) < self.keep
        found: np.ndarray = kept / self.keep
        return found

    def forward(self, examples: Sequence[Sequence[Any]]) -> list[list[Any]]:
        if not self.training or self.keep == 1.0:
            return [list(example) for example in examples]
        units = len(examples[0])
        factors = [self.given(units)] if self.given else self.factors(len(examples), units).tolist()
        return [
            [scalar * factor for scalar, factor in zip(example, row, strict=True)]
            for example, row in zip(examples, factors, strict=True)
        ]

    def on_arrays(self, X: np.ndarray) -> np.ndarray:
        return X * self.factors(*X.shape) if self.training and self.keep < 1.0 else X

    def __repr__(self) -> str:
        return f"Dropout(keep={self.keep:g})"
