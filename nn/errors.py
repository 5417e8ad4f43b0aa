"""The exceptions of ``nn``; every message says what was required, what was given and what to do."""

from __future__ import annotations

from autograd_core.errors import AutogradError


class SettingError(AutogradError, ValueError):
    """A setting cannot be used: a learning rate of -1, a batch size of 0, an unknown activation."""


class UnknownSettingError(SettingError, TypeError):
    """A setting is called something else here; the message writes out the right call."""


class ShapeError(AutogradError, ValueError):
    """Numbers, layers or parameters do not fit each other."""


class DataError(AutogradError, ValueError):
    """The data cannot be learned from: empty, nan, or labels outside the classes."""


class DivergedError(AutogradError, ArithmeticError):
    """A loss or a gradient became nan or infinite during training.

    ``epoch`` counts from 1, ``learning_rate`` is that of the update before, ``node`` describes the first bad
    node, and ``history`` is what was recorded until then.
    """

    def __init__(self, message: str, epoch: int, learning_rate: float, node: str, history: object) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.learning_rate = learning_rate
        self.node = node
        self.history = history


class CheckpointError(AutogradError, ValueError):
    """A checkpoint is damaged, truncated, of another shape or of a future version."""
