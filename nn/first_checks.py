"""Before training in earnest: checks that find mistakes while they are cheap (LECTURE row 22).

A network trains silently with a mistake in it, only worse.  Each of these checks has a result that is known
beforehand, and none of them changes the model it is given.  Source: Karpathy, A Recipe for Training Neural
Networks (2019).
"""

from __future__ import annotations

import copy
import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_core.table import Table
from nn.baselines import SMALLEST, best_constant, mean_of
from nn.dropout import Dropout
from nn.errors import DivergedError
from nn.findings import Findings, counted, number, percent
from nn.gradients import EagerGradients, losses_on_arrays
from nn.layers import Activation, Sequential
from nn.losses import Loss
from nn.module import Module
from nn.optimizers import Adam, Optimizer
from nn.recipe_inputs import Floats, require_count, with_targets
from nn.training import fit

FACTOR = 3.0  # a loss at initialization may be so many times what is expected, or one so-manieth of it
FITTED = 0.01  # of the way from the first loss to the minimum may be left


# --- loss at initialization ---------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class InitialLoss(Findings):
    """The mean loss of an untrained model, beside that of a prediction of 0 and of the best constant prediction."""

    loss: float
    of_zero: float
    of_constant: float

    @property
    def ok(self) -> bool:
        """Whether the loss is within a factor of three of where a network without knowledge may be."""
        return self._lowest <= self.loss <= self._highest

    @property
    def _lowest(self) -> float:
        return min(self.of_zero, self.of_constant) / FACTOR - SMALLEST

    @property
    def _highest(self) -> float:
        return max(self.of_zero, self.of_constant) * FACTOR + SMALLEST

    @property
    def heading(self) -> str:
        return "Loss at initialization"

    @property
    def tables(self) -> tuple[Table, ...]:
        rows = (
            ("this model, untrained", number(self.loss)),
            ("expected: predicting 0, whatever the input", number(self.of_zero)),
            ("the best constant prediction", number(self.of_constant)),
        )
        return (Table(("what", "mean loss"), rows),)

    @property
    def verdict(self) -> str:
        if not self.loss <= self._highest:  # nan, too
            said = (
                f"Too high: {number(self.loss)} is more than {FACTOR:g} times {number(self._highest / FACTOR)}. The "
                "untrained model is confident and wrong: its initial weights or its inputs are too large."
            )
        elif self.loss < self._lowest:
            said = (
                f"Too low: {number(self.loss)} is less than 1/{FACTOR:g} of "
                f"{number(self._lowest * FACTOR)}, what a model that ignores its input can reach. Is it trained "
                "already, or is the answer among the inputs?"
            )
        else:
            said = f"As expected: {number(self.loss)} is within a factor of {FACTOR:g} of {number(self.of_zero)}."
        if self.of_zero > FACTOR * self.of_constant + SMALLEST and self.loss > FACTOR * self.of_constant:
            said += (
                " The best constant does much better: set the last layer's biases to it, or standardize the targets, "
                "so that training need not begin with them."
            )
        return said


def initial_loss(model: Module, X: Any, y: Any, loss: Loss) -> InitialLoss:
    r"""The mean loss of an untrained model against that of one which ignores its input.

    The expected loss is that of the prediction 0 for every output (through the output activation, if there is one):
    :math:`\ln C` for softmax cross-entropy with C classes, :math:`\ln 2` for binary cross-entropy,
    :math:`\frac12 \overline{y^2}` for half the squared error.  Random weights add to it.  The check passes
    from a third of the lower to three times the higher of this and of the best constant's loss.  Measured
    in evaluation mode.  Raises :class:`DataError` and :class:`ShapeError`.

    >>> from nn import MLP, softmax_cross_entropy
    >>> found = initial_loss(MLP([2, 8, 4]), np.eye(2), [0, 3], softmax_cross_entropy)
    >>> round(found.of_zero, 4), found.ok
    (1.3863, True)
    """
    X, targets = with_targets(model, X, y, loss)
    zeros = np.zeros_like(targets)
    layers = model.layers if isinstance(model, Sequential) else []
    last = itertools.takewhile(lambda layer: isinstance(layer, Activation), reversed(layers))
    for layer in reversed(list(last)):
        zeros = layer.on_arrays(zeros)
    found = losses_on_arrays(model, loss, X, targets).mean()
    return InitialLoss(float(found), mean_of(loss, zeros, targets), best_constant(loss, targets)[1])


# --- overfit one batch --------------------------------------------------------------------------


@dataclass(frozen=True, repr=False, eq=False)
class Overfit(Findings):
    """The losses of a few examples, update by update, and the ``minimum``: the loss if each is predicted best.

    ``examples`` are their rows.  ``diverged`` says what happened if training broke off.
    """

    examples: tuple[int, ...]
    losses: Floats
    minimum: float
    diverged: str = ""

    @property
    def left(self) -> float:
        """The share of the way from the first loss to the minimum that is left at the lowest loss."""
        if self.diverged:
            return math.inf
        return float((self.losses.min() - self.minimum) / max(self.losses[0] - self.minimum, SMALLEST))

    @property
    def ok(self) -> bool:
        """Whether at most 1 % of the way to the minimum is left."""
        return self.left <= FITTED

    @property
    def heading(self) -> str:
        return f"Overfitting {counted(len(self.examples), 'example')} in {counted(len(self.losses) - 1, 'update')}"

    @property
    def tables(self) -> tuple[Table, ...]:
        rows = (
            ("at the beginning", number(self.losses[0])),
            ("at its lowest", number(self.losses.min())),
            ("the least there can be", number(self.minimum)),
        )
        return (Table(("when", "mean loss"), rows),)

    @property
    def verdict(self) -> str:
        if self.diverged:
            return f"Training broke off. {self.diverged}"
        numbers = f"from {number(self.losses[0])} to {number(self.losses.min())}"
        numbers += f", so {100 * self.left:.3g} % of the way is left"
        if self.ok:
            return f"The model can learn these examples by heart: the loss fell {numbers}."
        return (
            f"The model did not learn these examples by heart: the loss went {numbers}, more than {percent(FITTED)}. "
            "Try more updates and another learning rate, then look for a mistake: large targets or inputs "
            "(standardize them), targets that the output activation cannot reach, equal inputs with different targets, "
            "a wrong gradient (check_gradients), too few units."
        )


def overfit_one_batch(
    model: Module, X: Any, y: Any, loss: Loss, optimizer: Optimizer | None = None, examples: int = 8,
    updates: int = 300, rng: int | np.random.Generator = 0,
) -> Overfit:
    """Whether a copy of the model can learn a few examples by heart, as any sound network can.

    ``examples`` of X are drawn from ``rng``, and trained on as one batch, without dropout; ``optimizer`` None is
    Adam(0.01).  The minimum is the loss with the best prediction for each example: 0, but for targets that are
    probabilities.  The check passes if at most 1 % of the way from the first loss to it is left.
    Raises :class:`SettingError`, and else as :func:`fit`; a run that diverges is reported.

    >>> from nn import MLP, hinge, moons
    >>> X, y = moons(20)
    >>> overfit_one_batch(MLP([2, 8, 1]), X, 2 * y - 1, hinge).ok
    True
    """
    X, targets = with_targets(model, X, y, loss)
    require_count(examples, "examples is how many are to be learned by heart")
    chosen = np.sort(np.random.default_rng(rng).permutation(len(X))[:examples])
    twin = copy.deepcopy(model)
    for module in twin.modules():
        if isinstance(module, Dropout):
            module.keep = 1.0
    few, wanted = X[chosen], targets[chosen]
    minimum = float(np.mean([best_constant(loss, row[None, :])[1] for row in wanted]))
    at = tuple(chosen.tolist())
    try:
        history = fit(twin, few, _labels(wanted), loss=loss, optimizer=optimizer or Adam(0.01), epochs=updates,
                      progress=False)
    except DivergedError as error:
        known = getattr(error.history, "loss", []) or [math.nan]
        return Overfit(at, np.array(known), minimum, str(error))
    last = EagerGradients(twin.train(), loss).mean(few, wanted).loss
    return Overfit(at, np.array([*history.loss, last]), minimum)


def _labels(targets: Floats) -> Floats:
    return targets[:, 0] if targets.shape[1] == 1 else targets
