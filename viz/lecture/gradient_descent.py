"""The error and the step down its gradient; by the batch, by the example and by the minibatch; when to stop."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autograd_core.derivative_tables import relationships
from autograd_core.explanation import explain
from autograd_core.formula import Derivative, name, number
from autograd_core.graph import Graph
from autograd_core.names import Name
from autograd_core.primitives import mean, square, total
from autograd_core.table import Cell, Table
from autograd_core.transforms import hessian
from autograd_core.value import Value
from autograd_core.writing import ASCII
from nn.gradients import EagerGradients, MeanLoss
from nn.history import History
from nn.layers import Linear
from nn.losses import half_squared_error
from nn.mlp import MLP
from nn.optimizers import SGD
from nn.stopping import Criterion, EarlyStopping, GradientBelow
from nn.training import fit
from viz.drawing import draw
from viz.lecture.worked_example import WorkedExample, arrows_of
from viz.stepping import step

FOUR_X = (-3.0, -1.0, 1.0, 3.0)
FOUR_Y = (-4.5, -1.5, 2.5, 7.5)
"""On the line y = 2x + 1 but for +1/2, -1/2, -1/2, +1/2, which no line can fit better."""


def error_and_step(
    x: Sequence[float] = (1.0, -2.0),
    W: Sequence[Sequence[float]] = ((0.4, 0.1), (0.5, -0.2)),
    y: Sequence[float] = (0.0, 1.0),
    learning_rate: float = 0.1,
) -> WorkedExample:
    """The error E = 1/2 sum_k (yhat_k - y_k)^2 of one example, and a step w <- w - eta dE/dw of every weight.

    The outputs are linear, yhat = W x.

    >>> round(error_and_step().results["E"], 10), round(error_and_step().results["E after a step"], 10)
    (0.025, 0.00625)
    """
    model = linear_network(W)
    inputs = [Value(each, f"x_{j}") for j, each in enumerate(x, 1)]
    targets = [Value(each, f"y_{k}") for k, each in enumerate(y, 1)]
    yhat = listed(model(inputs))
    squares = [square(output - target) for output, target in zip(yhat, targets, strict=True)]
    E = (0.5 * total(squares)).named("E")
    E.backward()

    weights = dict(model.named_parameters())
    before = {of: weight.data for of, weight in weights.items()}
    slopes = {of: weight.grad for of, weight in weights.items()}
    by_hand = {of: before[of] - learning_rate * slopes[of] for of in weights}

    history = fit(model, [x], [y], loss=half_squared_error, optimizer=SGD(learning_rate), epochs=4)
    trained = linear_network(W)
    fit(trained, [x], [y], loss=half_squared_error, optimizer=SGD(learning_rate), epochs=1)
    moved = {of: weight.data for of, weight in trained.named_parameters()}
    rows: list[tuple[Cell, ...]] = [
        (name(Name.of(of)), *map(number, (before[of], slopes[of], by_hand[of], moved[of]))) for of in weights
    ]
    in_letters = {of: Name.of(of).ascii for of in weights}
    return WorkedExample(
        id="error-and-step",
        title="The error, and a step down its gradient",
        says="Forward propagation gives the prediction and its error E = ½ Σₖ (ŷₖ - yₖ)²; gradient descent moves "
        "every weight against the derivative of E: w ← w - η ∂E/∂w.",
        parts=(
            ("The prediction and its error: the weights are on the arrows", draw(E, wrt=inputs, flow="forward")),
            ("What the nodes are", relationships(E, wrt=inputs)),
            ("The derivative with respect to a weight", explain(E, next(iter(weights.values())))),
            (f"The step, with a learning rate of {learning_rate:g}",
             Table(("w", "its value", "∂E/∂w", "w - η ∂E/∂w", "after a step of training"), tuple(rows))),
            ("The error falls",
             Table(("steps", "E"), tuple((str(at), number(loss)) for at, loss in enumerate(history.loss)))),
            ("Step through the gradient", step(E, wrt=list(weights.values()))),
        ),
        values={"E": E}
        | {f"x_{j}": each for j, each in enumerate(inputs, 1)}
        | {f"y_{k}": each for k, each in enumerate(targets, 1)}
        | {f"yhat_{k}": each for k, each in enumerate(yhat, 1)}
        | {Name.of(of).identifier: weight for of, weight in weights.items()},
        results={
            **{f"yhat_{k}": each.data for k, each in enumerate(yhat, 1)},
            "E": E.data,
            "E by the loss": float(half_squared_error([each.data for each in yhat], list(y))),
            **{f"dE/d{in_letters[of]}": slope for of, slope in slopes.items()},
            **{f"{in_letters[of]} after a step": number_after for of, number_after in moved.items()},
            "E after a step": history.loss[1],
            "E after two steps": history.loss[2],
            "largest |training - formula|": max(abs(moved[of] - by_hand[of]) for of in weights),
            "rule": relationships(E, wrt=yhat).rows[-1][0].write(ASCII),
            "picture": arrows_of(Graph(E, wrt=yhat).contract()),
        },
        builder=error_and_step,
    )
