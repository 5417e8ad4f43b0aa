"""When to stop before the last epoch: the lecture's criteria (LECTURE rows 12 and 20)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from nn.history import History
from nn.settings import COUNT, NOT_NEGATIVE, POSITIVE, Settings

Criterion = Callable[[History], str | None]


@dataclass(frozen=True)
class EarlyStopping(Settings):
    """Stop after ``patience`` epochs in which the loss fell by no more than ``minimum_improvement``.

    The loss is the validation loss where there is one, else the training loss.  With ``restore_best`` the
    model goes back to the state of the best epoch.  Stopped too early a model underfits: a loss may stand
    still and fall again, so a small ``patience`` is no regularizer but a mistake.

    >>> EarlyStopping(patience=2)(History(loss=[1.0, 0.5, 0.5, 0.6]))
    'no improvement in 2 epochs'
    """

    patience: int = 10
    minimum_improvement: float = 0.0
    restore_best: bool = True

    def __post_init__(self) -> None:
        self.require("patience", COUNT, 10)
        self.require("minimum_improvement", NOT_NEGATIVE, 0.0)

    def __call__(self, history: History) -> str | None:
        """Why to stop now, or None."""
        waited = len(history.monitored) - self.best_epoch(history)
        return f"no improvement in {self.patience} epochs" if waited >= self.patience else None

    def best_epoch(self, history: History) -> int:
        """The last epoch, from 1, that improved on the best before it."""
        best, at = math.inf, 0
        for epoch, loss in enumerate(history.monitored, 1):
            if loss < best - self.minimum_improvement:
                best, at = loss, epoch
        return at


@dataclass(frozen=True)
class GradientBelow(Settings):
    """Stop when the norm of the epoch's mean gradient falls below ``limit``: nearly flat.

    >>> GradientBelow(0.1)(History(gradient_norm=[3.0, 0.05]))
    'the norm of the gradient fell below 0.1'
    """

    limit: float

    def __post_init__(self) -> None:
        self.require("limit", POSITIVE, 1e-3)

    def __call__(self, history: History) -> str | None:
        """Why to stop now, or None."""
        below = history.gradient_norm[-1] < self.limit
        return f"the norm of the gradient fell below {self.limit:g}" if below else None
