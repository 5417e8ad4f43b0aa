"""What training recorded: one number per epoch and curve."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from nn.diagnosis import Diagnosis, diagnosis_of


@dataclass
class History:
    """The curves of a run, each a list with one number per epoch.

    ``loss`` is the mean over the epoch's examples, each measured just before the update it led to, without
    ``penalty``; ``validation_loss`` is measured after the epoch, in evaluation mode, and is empty without
    validation data.  ``gradient_norm`` is that of the epoch's mean gradient, penalty included, before any
    clipping; ``learning_rate`` that of the epoch's last update.  ``updates`` and ``examples`` count from the
    beginning: updates made, and gradients of single examples computed.  ``stopped_because`` says why it ended.

    >>> history = History(loss=[1.0, 0.5])
    >>> history.epochs, history.curves["loss"]
    (2, array([1. , 0.5]))
    """

    loss: list[float] = field(default_factory=list)
    penalty: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    updates: list[int] = field(default_factory=list)
    examples: list[int] = field(default_factory=list)
    stopped_because: str = ""

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(self.loss)

    @property
    def monitored(self) -> list[float]:
        """The validation loss where there is one, else the training loss."""
        return self.validation_loss or self.loss

    @property
    def curves(self) -> dict[str, np.ndarray]:
        """Every curve as an array."""
        return {name: np.array(curve) for name, curve in self.to_dict().items() if name != "epoch"}

    def to_dict(self) -> dict[str, list[Any]]:
        """The curves by name and the epochs they belong to: ``pandas.DataFrame(history.to_dict())``."""
        found = {each.name: list(getattr(self, each.name)) for each in fields(self) if each.name != "stopped_because"}
        return {"epoch": list(range(1, self.epochs + 1)), **{name: curve for name, curve in found.items() if curve}}

    def diagnose(self) -> Diagnosis:
        """The four questions to ask of learning curves, answered with their evidence (LECTURE row 21)."""
        return diagnosis_of(np.array(self.loss), np.array(self.validation_loss))

    def __repr__(self) -> str:
        if not self.loss:
            return "History(no epochs)"
        parts = [f"{self.epochs} epoch{'s' if self.epochs > 1 else ''}"]
        parts.append(f"loss {self.loss[0]:.4g} -> {self.loss[-1]:.4g}")
        if self.validation_loss:
            parts.append(f"validation loss {self.validation_loss[0]:.4g} -> {self.validation_loss[-1]:.4g}")
        if self.stopped_because:
            parts.append(f"stopped: {self.stopped_because}")
        return f"History({', '.join(parts)})"
