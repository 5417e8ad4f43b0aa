"""Row 20 of the lecture: L2 and L1 penalties, dropout, early stopping, each with what it does to numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autograd_core.formula import number
from autograd_core.names import Name
from autograd_core.primitives import abs as absolute
from autograd_core.primitives import square, total
from autograd_core.sweeps import topological_order
from autograd_core.table import Cell, Table
from autograd_core.value import Value
from nn.dropout import Dropout
from nn.errors import UnknownSettingError
from nn.gradients import Penalty
from nn.mlp import MLP
from nn.optimizers import SGD, Adam
from nn.penalties import L1, L2
from nn.schedules import StepDecay
from nn.stopping import EarlyStopping
from nn.training import fit
from viz.drawing import draw
from viz.lecture.normalizing import slopes_of, written, yes_or_no
from viz.lecture.worked_example import WorkedExample

LEAST_SQUARES = (2.0, -1.0, 0.3, -0.2, 0.1)
"""The weights that fit the data of :func:`orthogonal_data` exactly."""

NEARLY_ZERO = 0.02


def regularization(
    weights: Sequence[float] = (3.0, -4.0, 0.0), strength: float = 0.5, keep: float = 0.5
) -> WorkedExample:
    """L2, L1, dropout with the probability ``keep``, and early stopping.

    >>> regularization().results["L2"], regularization().results["L1"]
    (6.25, 3.5)
    """
    w = [Value(each, f"w_{n}") for n, each in enumerate(weights, 1)]
    ridge = (strength / 2 * total([square(each) for each in w])).named("P")
    lasso = (strength * total([absolute(each) for each in w])).named("P")
    l2, l1 = L2(strength), L1(strength)
    of_l2, of_l1 = slopes_of(l2.of(w), w), slopes_of(l1.of(w), w)

    neuron = MLP([2, 1], init="zeros")
    for parameter, given in zip(neuron.parameters(), (3.0, -4.0, 2.0), strict=True):
        parameter.data = given
    trained = {name: trained_weights(penalty) for name, penalty in (("none", None), ("L2", l2), ("L1", l1))}

    model = MLP([2, 4, 1], keep=keep, rng=1)
    x = [Value(each, f"x_{n}") for n, each in enumerate((1.0, -0.5), 1)]
    whole, thinned = model.eval()(x), model.train()(x)
    factors, many = factors_in(thinned), Dropout(keep=keep, rng=0).factors(10000, 1)
    first = [weight for weight in model.weights() if "^{(1)}" in (weight.name or "")]
    of_dropped = [each for each, factor in zip(first, np.repeat(factors, len(x)), strict=False) if factor == 0.0]

    runs = {patience: overfitting_run(patience) for patience in (1, 20, None)}
    too_early, in_time, never = (runs[patience] for patience in (1, 20, None))
    return WorkedExample(
        id="regularization",
        title="Regularization",
        says="Ways to keep a model from learning its training data by heart: weights that cost (L2 and L1), units that "
        "fail (dropout), and an end in time (early stopping).",
        parts=(
            (f"L2 with a strength of {strength:g}: half of it times the sum of squares", draw(ridge, show="both")),
            (f"L1 with a strength of {strength:g}: it times the sum of absolute values", draw(lasso, show="both")),
            ("The pull on each weight", pulls_table(w, of_l2, of_l1)),
            ("", "L2 pulls a weight in proportion to its size. L1 pulls every weight alike, and so takes small ones to "
             "0. At 0, where |w| has no derivative, L1 does not pull: the subgradient 0 is chosen."),
            ("Weights only, unless asked",
             f"For a neuron with the weights 3 and -4 and the bias 2, L2 is {l2(neuron).data:g}, and with biases=True "
             f"{L2(strength, biases=True)(neuron).data:g}."),
            ("What is left of the weights after training", weights_table(trained)),
            ("", "A linear model of five inputs that have nothing to do with each other. There L2 divides every weight "
             f"by 1 plus the strength, by {1 + strength:g}. L1 moves every weight towards 0 by the strength, and those "
             "that arrive stay there."),
            ("Dropout: the network before", draw(whole, wrt=x)),
            ("In one pass of training: the arrow of a unit that is dropped carries 0", draw(thinned, wrt=x)),
            ("", f"A unit is kept with the probability p = {keep:g} and multiplied by 1/p = {1 / keep:g}, or set "
             f"to 0. Its expected value stays what it was, {keep:g} · {1 / keep:g} · z + {1 - keep:g} · 0 = z, so in "
             "evaluation nothing is done. Every pass drops other units."),
            ("", "The slide's p is the probability to keep a unit, here called keep. PyTorch's p is the probability to "
             f"drop one: “{refused_dropout(0.2)}”"),
            ("Ten thousand draws", draws_table(many)),
            ("Early stopping: the losses at the end", stopping_table(runs)),
            ("", "Training ends when the validation loss has not improved for so many epochs, called patience, and the "
             "weights of the best epoch come back. Without it the training loss goes on falling while the validation "
             "loss rises: the network overfits. Caution: with a patience of 1 the first hesitation ends the training, "
             "and the network underfits: both losses are high."),
        ),
        values={"x_1": x[0], "x_2": x[1], "L2": ridge, "L1": lasso, "whole": whole, "thinned": thinned}
        | {each.name or "": each for each in w},
        results={
            "L2": l2.of(weights),
            "L1": l1.of(weights),
            "slide's formula - L2": ridge.data - l2.of(weights),
            "slide's formula - L1": lasso.data - l1.of(weights),
            **{f"dL2/dw_{n}": slope for n, slope in enumerate(of_l2, 1)},
            **{f"dL1/dw_{n}": slope for n, slope in enumerate(of_l1, 1)},
            "L2 of a neuron": l2(neuron).data,
            "L2 of a neuron with its bias": L2(strength, biases=True)(neuron).data,
            **{f"weights trained, {name}": listed(found, 2) for name, found in trained.items()},
            **{f"norm, {name}": float(np.linalg.norm(found)) for name, found in trained.items()},
            **{f"nearly zero, {name}": float(nearly_zero(found)) for name, found in trained.items()},
            "factor of a kept unit": float(many.max()),
            "expected factor": keep * float(many.max()),
            "share kept": float((many > 0).mean()),
            "mean factor": float(many.mean()),
            "factors in the picture": ", ".join(f"{each:g}" for each in factors),
            "largest |derivative| to the weights of a dropped unit":
                max(map(abs, slopes_of(thinned, of_dropped)), default=0.0),
            "the best weights are back": yes_or_no(all(run.restored for run in runs.values() if run.patience)),
            "overfits without": yes_or_no(never.training < in_time.training and never.validation > in_time.validation),
            "underfits with patience 1": yes_or_no(
                too_early.training > in_time.training and too_early.validation > 2 * in_time.validation),
            "stopped in order": yes_or_no(too_early.epochs < in_time.epochs < never.epochs),
        },
        builder=regularization,
    )


def trained_weights(penalty: Penalty | None) -> list[float]:
    """The weights of a linear model after training with a penalty."""
    X, y = orthogonal_data()
    model = MLP([X.shape[1], 1], bias=False, init="zeros")
    rate = StepDecay(0.3, every=30, factor=0.1)  # L1 jumps over 0 to and fro, by less and less
    fit(model, X, y, optimizer=SGD(rate), penalty=penalty, epochs=100, progress=False)
    return [weight.data for weight in model.weights()]


def orthogonal_data() -> tuple[np.ndarray, np.ndarray]:
    """Eight examples of five inputs, each 1 or -1, every two inputs orthogonal; y is exactly linear in them.

    The mean loss is then half the squared distance from the best weights, so that each weight is found by itself.
    """
    pair = np.array([[1.0, 1.0], [1.0, -1.0]])
    X = np.kron(np.kron(pair, pair), pair)[:, 1:6]
    return X, X @ np.array(LEAST_SQUARES)


def nearly_zero(weights: Sequence[float]) -> int:
    """How many of the weights are smaller than 0.02."""
    return sum(abs(weight) < NEARLY_ZERO for weight in weights)


def factors_in(output: Value) -> list[float]:
    """What the units of the one layer with dropout were multiplied by; empty where dropout did nothing."""
    return [node.edges[0].partial for node in topological_order((output,)) if (node.name or "").startswith(r"\hat{z}")]


def refused_dropout(p: float) -> str:
    """What is said to who gives the probability to drop a unit."""
    try:
        return repr(Dropout(p=p))
    except UnknownSettingError as error:
        return str(error)


@dataclass(frozen=True)
class Run:
    """A training with early stopping: its ``patience`` (None without), and the mean losses it ended with.

    ``epochs`` were done, ``best`` is the epoch of the lowest validation loss, and ``restored`` says whether its
    weights came back.
    """

    patience: int | None
    epochs: int
    best: int
    training: float
    validation: float
    restored: bool


def overfitting_run(patience: int | None, rng: int = 3) -> Run:
    """Ten hidden units and 120 epochs for eight noisy points of a sine; 20 others are held out."""
    generator = np.random.default_rng(rng)
    x, held_out = np.linspace(-2.0, 2.0, 8), np.linspace(-1.9, 1.9, 20)
    y, y_held_out = (np.sin(2 * each) + 0.3 * generator.standard_normal(len(each)) for each in (x, held_out))
    model = MLP([1, 10, 1], rng=rng)
    history = fit(model, x[:, None], y, optimizer=Adam(0.05), epochs=120, validation=(held_out[:, None], y_held_out),
                  stop=EarlyStopping(patience) if patience else (), progress=False)

    def loss(inputs: np.ndarray, targets: np.ndarray) -> float:
        return float(np.mean((model.predict(inputs[:, None]) - targets) ** 2) / 2)

    validation, lowest = loss(held_out, y_held_out), min(history.validation_loss)
    best = history.validation_loss.index(lowest) + 1
    return Run(patience, history.epochs, best, loss(x, y), validation, math.isclose(validation, lowest, rel_tol=1e-9))


def listed(numbers: Sequence[float], decimals: int) -> str:
    """Numbers with so many decimals, and no minus before a zero."""
    return ", ".join(f"{round(each, decimals) + 0.0:.{decimals}f}" for each in numbers)


def pulls_table(w: Sequence[Value], of_l2: Sequence[float], of_l1: Sequence[float]) -> Table:
    """The derivative of either penalty with respect to each weight."""
    rows = [(written(each), *map(number, (each.data, ridge, lasso)))
            for each, ridge, lasso in zip(w, of_l2, of_l1, strict=True)]
    return Table(("weight", "its value", "derivative of L2", "derivative of L1"), tuple(rows))


def weights_table(trained: dict[str, list[float]]) -> Table:
    """The weights by penalty, their norm, and how many are nearly 0."""
    weights = [Name.of(f"w_{n}").unicode for n in range(1, len(LEAST_SQUARES) + 1)]
    rows: list[tuple[Cell, ...]] = []
    for name, found in trained.items():
        numbers = (*found, float(np.linalg.norm(found)))
        rows.append((name, *(number(round(each, 2)) for each in numbers), str(nearly_zero(found))))
    return Table(("penalty", *weights, "norm", f"below {NEARLY_ZERO:g}"), tuple(rows))


def draws_table(factors: np.ndarray) -> Table:
    """How often a unit was kept, and the mean of what it was multiplied by."""
    kept = factors > 0
    rows = (("kept, times", f"{int(kept.sum())} of {len(factors)}"), ("multiplied then by", f"{factors.max():g}"),
            ("multiplied on average by", f"{factors.mean():.3f}"))
    return Table(("what", "number"), rows)


def stopping_table(runs: dict[int | None, Run]) -> Table:
    """What early stopping does, by patience."""
    rows = [("no stopping" if run.patience is None else str(run.patience), str(run.epochs), str(run.best),
             f"{run.training:.3f}", f"{run.validation:.3f}") for run in runs.values()]
    header = ("patience", "epochs done", "best epoch", "training loss", "validation loss")
    return Table(header, tuple(rows))
