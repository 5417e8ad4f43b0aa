"""The seam between training and the engine: a model, a loss and a minibatch become a mean loss and its gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from autograd_core.leaf_data import read_data, write_data
from autograd_core.primitives import mean
from autograd_core.sweeps import swept, topological_order
from autograd_core.value import Parameter, Value
from nn.errors import SettingError
from nn.losses import Loss
from nn.module import Module, number_of

Penalty = Callable[[Module], Any]


class MeanLoss(NamedTuple):
    """What one minibatch gave.

    ``loss`` is the mean over its examples and ``penalty`` what was added to it; ``gradient`` is that of
    their sum, one number per parameter in the order of ``model.parameters()``.
    """

    loss: float
    penalty: float
    gradient: np.ndarray


class Gradients(Protocol):
    """What ``fit`` asks for: any object that gives the mean loss of a minibatch and its gradient."""

    def move_to(self, vector: np.ndarray) -> None:
        """Use these parameters from now on; ``write`` puts them into the model at the latest."""
        ...

    def write(self) -> None:
        """Put the parameters last given into the model."""
        ...

    def mean(self, X: np.ndarray, targets: np.ndarray) -> MeanLoss:
        """Of examples of shape (examples, inputs) and encoded targets of shape (examples, outputs)."""
        ...


Engine = Callable[[Module, Loss, Penalty | None], Gradients]


class EagerGradients:
    r"""Gradients from the recorded graph of each example, one sweep per example, averaged.

    .. math:: \overline{\frac{\partial E}{\partial w}} = \frac1N \sum_n \frac{\partial E_n}{\partial w}

    (LECTURE row 12.)  The examples share one graph and one sweep where a module couples them, as BatchNorm
    does in training mode.  Gradients kept in ``.grad`` are neither read nor written.

    >>> from nn import MLP, half_squared_error
    >>> model = MLP([1, 1], bias=False, init="zeros")
    >>> found = EagerGradients(model, half_squared_error).mean(np.array([[1.0], [2.0]]), np.array([[1.0], [3.0]]))
    >>> found.loss, found.gradient
    (2.5, array([-3.5]))
    """

    def __init__(self, model: Module, loss: Loss, penalty: Penalty | None = None) -> None:
        self.model, self.loss, self.penalty = model, loss, penalty
        self.parameters: list[Parameter] = model.parameters()
        self._position = {id(parameter): at for at, parameter in enumerate(self.parameters)}

    def move_to(self, vector: np.ndarray) -> None:
        """Put the parameters into the model."""
        write_parameters(self.parameters, vector)

    def write(self) -> None:
        """Nothing is left to do: the model has its parameters."""

    def mean(self, X: np.ndarray, targets: np.ndarray) -> MeanLoss:
        """The mean loss over the examples, the penalty, and the gradient of their sum."""
        if couples_examples(self.model):
            root = mean(losses(self.model, self.loss, X, targets))
            loss, gradient = number_of(root), self._gradient(root)
        else:
            loss, gradient = 0.0, np.zeros(len(self.parameters))
            with np.errstate(over="ignore", invalid="ignore"):
                for of_example, its_gradient in self._examples(X, targets):
                    loss += of_example / len(X)
                    gradient += its_gradient / len(X)
        if self.penalty is None:
            return MeanLoss(loss, 0.0, gradient)
        penalty = self.penalty(self.model)
        return MeanLoss(loss, number_of(penalty), gradient + self._gradient(penalty))

    def per_example(self, X: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The loss of each example, shape (examples,), and its gradient, shape (examples, parameters), unpenalized.

        Raises :class:`SettingError` where a module couples the examples: none then has a gradient of its own.
        """
        if couples_examples(self.model):
            raise SettingError(
                "BatchNorm in training mode couples the examples of a minibatch, so none has a gradient of its own. "
                "Call eval() on the model first, or ask for the mean."
            )
        each, gradients = zip(*self._examples(X, targets), strict=True)
        return np.array(each), np.array(gradients)

    def _examples(self, X: np.ndarray, targets: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
        # One example at a time: its graph is freed before the next is recorded.
        for row in range(len(X)):
            [root] = losses(self.model, self.loss, X[row : row + 1], targets[row : row + 1])
            yield number_of(root), self._gradient(root)

    def _gradient(self, root: Any) -> np.ndarray:
        gradient = np.zeros(len(self.parameters))
        if isinstance(root, Value):
            order = topological_order((root,))
            for node, adjoint in zip(order, swept(order, {id(root): 1.0}), strict=True):
                at = self._position.get(id(node))
                if at is not None:
                    gradient[at] = adjoint
        return gradient


def read_parameters(parameters: Sequence[Parameter]) -> np.ndarray:
    """The numbers of the parameters, in order."""
    return np.array(read_data(parameters))


def write_parameters(parameters: Sequence[Parameter], vector: np.ndarray) -> None:
    """Give each parameter its number."""
    write_data(parameters, vector.tolist())


def couples_examples(model: Module) -> bool:
    """Whether a result of the model depends on other examples of the minibatch, in its present mode."""
    return any(module.couples_examples and module.training for module in model.modules())


def losses(model: Module, loss: Loss, X: np.ndarray, targets: np.ndarray) -> list[Any]:
    """The loss of each example, recorded."""
    outputs = model.forward(X.tolist())
    return [of_one(loss, output, target) for output, target in zip(outputs, targets.tolist(), strict=True)]


def of_one(loss: Loss, output: Sequence[Any], target: Sequence[Any]) -> Any:
    """The loss of one example; a single output is passed on as a scalar."""
    return loss(output[0], target[0]) if len(output) == 1 else loss(output, target)


def losses_on_arrays(model: Module, loss: Loss, X: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The loss of each example as numbers, shape (examples,), in evaluation mode and without recording."""
    outputs = model.outputs_of(X)
    found = of_one(loss, list(outputs.T), list(targets.T))
    return np.broadcast_to(np.asarray(found, dtype=np.float64), len(X))
