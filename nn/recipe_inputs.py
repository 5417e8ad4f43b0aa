"""What the recipe's checks are given: data that fit the model, functions that make models, counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_core.operand_checks import shown
from nn.errors import DataError, SettingError
from nn.losses import Loss
from nn.module import Module
from nn.preparation import paired

Floats = NDArray[np.float64]
MakeModel = Callable[[], Module]


def with_targets(model: Module, X: Any, y: Any, loss: Loss) -> tuple[Floats, Floats]:
    """X checked, of shape (examples, inputs), and y as targets of the model's outputs.

    Raises :class:`DataError` and :class:`ShapeError` where they do not fit.
    """
    X, y = paired(X, y)
    return X, loss.targets(y, model.outputs_of(X[:1]).shape[1])


def made(make_model: MakeModel) -> Module:
    """A new model from a function that makes one; :class:`SettingError` for anything else."""
    given: Any = make_model
    model = given() if callable(given) and not isinstance(given, Module) else given
    if isinstance(given, Module) or not isinstance(model, Module):
        raise SettingError(
            "make_model is a function that returns a new model each time, such as lambda: MLP([4, 8, 3]); "
            f"got {'a model' if isinstance(given, Module) else shown(model)}."
        )
    return model


def require_count(count: Any, what: str) -> None:
    """:class:`SettingError`, beginning with ``what`` the number is, unless it is a whole number of at least 1."""
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
        raise SettingError(f"{what}, at least 1; got {count!r}.")


def require_two(X: Floats) -> None:
    """:class:`DataError` for a single example."""
    if len(X) < 2:
        raise DataError("Two examples at least are needed, to be told apart; got one. Pass more rows of X.")
