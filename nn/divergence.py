"""Where a diverged run first went wrong: the first node of the recorded graph that is no finite number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_core.sweeps import adjoints, topological_order
from autograd_core.value import Value
from nn.errors import DivergedError
from nn.gradients import MeanLoss, couples_examples, losses, of_one
from nn.history import History
from nn.losses import Loss
from nn.module import Module


def diverged(
    model: Module, loss: Loss, X: np.ndarray, targets: np.ndarray, found: MeanLoss, learning_rate: float, epoch: int,
    history: History, updated: np.ndarray | None = None,
) -> DivergedError:
    """The error for a minibatch whose loss or gradient is no number, or whose update (``updated``) is none."""
    if updated is not None:
        what, node = "an update overflowed", _bad_parameter(model, updated)
    else:
        is_loss = not math.isfinite(found.loss + found.penalty)
        what = f"the loss became {found.loss + found.penalty:g}" if is_loss else "the gradient became infinite or nan"
        node = _first_bad_node(model, loss, X, targets)
    return DivergedError(
        f"Training diverged in epoch {epoch}: {what} at a learning rate of {learning_rate:g}. "
        f"First bad node: {node}. The model has the parameters from before this update. "
        f"Try a learning rate of {learning_rate / 10:g}, clip=ClipNorm(1.0), or standardized inputs.",
        epoch, learning_rate, node, history,
    )


def _bad_parameter(model: Module, updated: np.ndarray) -> str:
    at = int(np.flatnonzero(~np.isfinite(updated))[0])
    name, parameter = model.named_parameters()[at]
    return f"{name}, which went from {parameter.data:.4g} to {updated[at]:g}"


def _first_bad_node(model: Module, loss: Loss, X: np.ndarray, targets: np.ndarray) -> str:
    for example, root in _recorded(model, loss, X, targets):
        order = topological_order((root,))
        for node in order:
            if not math.isfinite(node.data):
                return _described(node, f" = {node.data:g}", example, order)
        for node, adjoint in reversed(list(zip(order, adjoints(order, {id(root): 1.0}), strict=True))):
            if not math.isfinite(adjoint):
                return _described(node, f", where the derivative of the loss is {adjoint:g}", example, order)
    return "none; repeated, the loss and its gradient are finite"


def _recorded(model: Module, loss: Loss, X: np.ndarray, targets: np.ndarray) -> Sequence[tuple[str, Value]]:
    """The loss of each example with what to call the example; under names where each stands alone."""
    if couples_examples(model):
        roots = losses(model, loss, X, targets)
        return [(f"example {row} of the minibatch", root) for row, root in enumerate(roots) if isinstance(root, Value)]
    model.name_parameters()
    found: list[tuple[str, Value]] = []
    for row, (example, target) in enumerate(zip(X.tolist(), targets.tolist(), strict=True)):
        inputs: list[Any] = [Value(number, f"x_{index}") for index, number in enumerate(example, 1)]
        root = of_one(loss, model.forward_named(inputs), target)
        found.append((f"example {row} of the minibatch", root))
    return found


def _described(node: Value, what: str, example: str, order: Sequence[Value]) -> str:
    name = node.name or f"a step towards {_towards(node, order)}"
    if node.op is None:
        return f"{name}{what}, in {example}"
    operands = ", ".join(f"{each.data if isinstance(each, Value) else each:.4g}" for each in node.operands[:3])
    more = ", ..." if len(node.operands) > 3 else ""
    return f"{name}{what}, from {node.op.name}({operands}{more}), in {example}"


def _towards(node: Value, order: Sequence[Value]) -> str:
    """The name of the first named node that is computed from this one, or else the loss."""
    reached = {id(node)}
    for later in order:
        if any(id(each) in reached for each in later.operands):
            if later.name is not None:
                return later.name
            reached.add(id(later))
    return "the loss"
