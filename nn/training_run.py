"""A run of training between two epochs: what callbacks are given, what a checkpoint saves, what resuming needs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nn.history import History
from nn.module import Module
from nn.optimizers import Optimizer, OptimizerState


@dataclass
class Training:
    """The state of a run of ``fit`` after a whole number of epochs.

    ``optimizer_state`` holds the optimizer's averages, ``shuffler`` draws the order of the examples, and ``best``
    is the model's state after its best epoch, where early stopping restores it.
    """

    model: Module
    optimizer: Optimizer
    optimizer_state: OptimizerState
    shuffler: np.random.Generator
    history: History = field(default_factory=History)
    best: dict[str, np.ndarray] | None = None

    @property
    def epoch(self) -> int:
        """The number of epochs finished."""
        return self.history.epochs
