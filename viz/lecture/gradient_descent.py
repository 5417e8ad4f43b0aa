"""The error and the step down its gradient; by the batch, by the example and by the minibatch; when to stop."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autograd_core.derivative_tables import relationships
from autograd_core.explanation import explain
from autograd_core.formula import Term, name, number
from autograd_core.graph import Graph
from autograd_core.names import Name
from autograd_core.primitives import mean, square, total
from autograd_core.table import Cell, Table
from autograd_core.transforms import hessian
from autograd_core.value import Value
from nn.gradients import EagerGradients, MeanLoss
from nn.history import History
from nn.layers import Linear
from nn.losses import half_squared_error
from nn.mlp import MLP
from nn.optimizers import SGD
from nn.stopping import Criterion, EarlyStopping, GradientBelow
from nn.training import fit
from viz.drawing import draw
from viz.lecture.worked_example import WorkedExample, arrows_of, first_column
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

    trained = linear_network(W)
    # Eagerly, as the formula beside it: the compiled engine adds in another order.
    fit(trained, [x], [y], loss=half_squared_error, optimizer=SGD(learning_rate), epochs=1, engine="eager")
    moved = {of: weight.data for of, weight in trained.named_parameters()}
    history = fit(linear_network(W), [x], [y], loss=half_squared_error, optimizer=SGD(learning_rate), epochs=5)
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
            "rule": first_column(relationships(E, wrt=yhat))[-1],
            "picture": arrows_of(Graph(E, wrt=yhat).contract()),
        },
        builder=error_and_step,
    )


def descent(
    X: Sequence[float] = FOUR_X,
    y: Sequence[float] = FOUR_Y,
    rates: Sequence[float] = (0.1, 0.39, 0.4, 0.41),
    examples: int = 20,
    rng: int = 0,
) -> WorkedExample:
    """Gradient descent by the batch, by the example and by the minibatch, on the line yhat = w x + b.

    ``rates`` are the learning rates to run the batch with on (X, y); the three are compared on ``examples`` points
    around y = 2x + 1, drawn from ``rng``.

    >>> descent().results["2/lambda_max"]
    0.4
    """
    table, labels = np.array(X)[:, None], np.array(y)
    at_zero = EagerGradients(line(), half_squared_error)
    of_batch = at_zero.mean(table, labels[:, None])
    _, of_each = at_zero.per_example(table, labels[:, None])

    curvature = hessian(lambda p: mean([0.5 * square(p[0] * u + p[1] - v) for u, v in zip(X, y, strict=True)]))
    largest = float(np.linalg.eigvalsh(curvature([0.0, 0.0])).max())
    limit = 2 / largest
    costs = {rate: fit(line(), table, labels, optimizer=SGD(rate), epochs=41).loss for rate in rates}

    orders = {size: orders_of(table, labels, batch_size=size) for size in (1, 2)}
    runs, excess = compared(*scattered(examples, rng))
    floors = {of: float(np.mean(losses[-10:])) for of, losses in excess.items()}
    stopped = stopped_runs(table, labels)
    return WorkedExample(
        id="descent",
        title="Gradient descent: batch, stochastic, minibatch",
        says="The batch follows the mean of all examples' gradients; stochastic gradient descent (SGD) takes a step "
        "for every single example; a minibatch lies between.",
        parts=(
            ("Each example has a gradient; the batch takes their mean", gradient_table(X, y, of_each, of_batch)),
            ("How large may the learning rate be?",
             "This cost is convex, and so simple that it can be told. Its largest curvature, the greatest eigenvalue "
             f"of its matrix of second derivatives, is λₘₐₓ = {largest:g}. In that direction every step multiplies "
             f"the distance to the minimum by 1 - η λₘₐₓ: it shrinks as long as η is below 2/λₘₐₓ = {limit:g}."),
            ("The batch below, near and above that", rate_table(costs, largest)),
            ("Every example once per epoch, in a new order", order_table(orders)),
            (f"The three on {examples} examples: the cost above its minimum", progress_table(runs, excess)),
            ("The noise floor",
             "After as many gradients SGD is far ahead at first. But near the minimum the examples still disagree, "
             "and at a constant learning rate their noise keeps it at a distance: the mean over the last 10 epochs is "
             + ", ".join(f"{two_digits(floor)} for {of}" for of, floor in floors.items())
             + ". A smaller learning rate lowers the floor and lengthens the way."),
            ("When to stop", stopping_table(stopped)),
        ),
        values={},
        results={
            "mean dE_n/dw": float(of_each[:, 0].mean()),
            "mean dE_n/db": float(of_each[:, 1].mean()),
            "largest |batch - mean of the examples|": float(np.abs(of_batch.gradient - of_each.mean(axis=0)).max()),
            "lambda_max": largest,
            "2/lambda_max": limit,
            **{f"cost after {at} steps at {rate:g}": cost[at] for rate, cost in costs.items() for at in (1, 10, 40)},
            **{f"at {rate:g}": outcome(rate, limit) for rate in rates},
            **{f"examples of every epoch, {size} at a time": used(epochs) for size, epochs in orders.items()},
            "ahead after one epoch": ", ".join(sorted(excess, key=lambda of: excess[of][0])),
            "nearest in the end": ", ".join(sorted(floors, key=lambda of: floors[of])),
            **{f"ended by {criterion}": f"{history.stopped_because} (epoch {history.epochs})"
               for criterion, history in stopped.items()},
        },
        builder=descent,
    )


# --- networks and data --------------------------------------------------------------------------


def linear_network(W: Sequence[Sequence[float]]) -> MLP:
    """One layer with these weights, without bias and activation: yhat = W x."""
    model = MLP([len(W[0]), len(W)], bias=False, init="zeros")
    for weight, each in zip(model.parameters(), np.ravel(W).tolist(), strict=True):
        weight.data = each
    return model


def line() -> Linear:
    """The line yhat = w x + b, with w = b = 0."""
    return Linear(1, 1, init="zeros")


def scattered(examples: int, rng: int) -> tuple[np.ndarray, np.ndarray]:
    """Points around y = 2x + 1: x normal, and normal noise of standard deviation 1."""
    generator = np.random.default_rng(rng)
    x = generator.normal(size=(examples, 1))
    return x, 2 * x[:, 0] + 1 + generator.normal(size=examples)


def listed(outputs: Any) -> list[Value]:
    """The outputs of a model as a list, a single one too."""
    return outputs if isinstance(outputs, list) else [outputs]


# --- runs ---------------------------------------------------------------------------------------


class RecordedOrder(EagerGradients):
    """Gradients that note which minibatches they were asked for, each as the list of its first inputs."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.asked: list[list[float]] = []

    def mean(self, X: np.ndarray, targets: np.ndarray) -> MeanLoss:
        self.asked.append(X[:, 0].tolist())
        return super().mean(X, targets)


def orders_of(X: np.ndarray, y: np.ndarray, batch_size: int, epochs: int = 3) -> list[list[list[float]]]:
    """The minibatches of each epoch, in the order in which training used them."""
    model = line()
    recorded = RecordedOrder(model, half_squared_error)
    fit(model, X, y, optimizer=SGD(0.05), batch_size=batch_size, epochs=epochs, engine=lambda *given: recorded)
    updates = len(recorded.asked) // epochs
    return [recorded.asked[epoch * updates : (epoch + 1) * updates] for epoch in range(epochs)]


def used(epochs: Sequence[Sequence[Sequence[float]]]) -> str:
    """The examples of an epoch, sorted; of epochs that differ in them, each once.

    >>> used([[[1.0, 3.0], [2.0]], [[2.0, 1.0], [3.0]]])
    '1, 2, 3'
    """
    found = (sorted(x for batch in epoch for x in batch) for epoch in epochs)
    return "; ".join(sorted({", ".join(f"{x:g}" for x in each) for each in found}))


def compared(X: np.ndarray, y: np.ndarray) -> tuple[dict[str, History], dict[str, np.ndarray]]:
    """Batch, minibatch and SGD at the same rate, and SGD at a lower one; each run's cost above the least one."""
    settings: dict[str, tuple[int | None, float]] = {
        "batch": (None, 0.2), "minibatch of 5": (5, 0.2), "SGD": (1, 0.2), "SGD, a quarter of the rate": (1, 0.05),
    }
    runs = {
        of: fit(line(), X, y, optimizer=SGD(rate), batch_size=size, epochs=50, validation=(X, y))
        for of, (size, rate) in settings.items()
    }
    inputs = np.column_stack([X, np.ones(len(X))])
    best, *_ = np.linalg.lstsq(inputs, y, rcond=None)
    least = np.mean((inputs @ best - y) ** 2) / 2
    return runs, {of: np.array(run.validation_loss) - least for of, run in runs.items()}


def stopped_runs(X: np.ndarray, y: np.ndarray) -> dict[str, History]:
    """A run for each stopping criterion that ended it."""
    criteria: dict[str, tuple[Sequence[Criterion], int | None, int]] = {
        "epochs": ((), None, 20),
        "gradient norm": ([GradientBelow(1e-3)], None, 1000),
        "no improvement": ([EarlyStopping(patience=5)], 1, 1000),
    }
    return {
        criterion: fit(line(), X, y, optimizer=SGD(0.1 if size is None else 0.05), batch_size=size, epochs=epochs,
                       stop=stop, validation=(X, y))
        for criterion, (stop, size, epochs) in criteria.items()
    }


def two_digits(x: float) -> Term:
    """A number rounded to two digits.

    >>> print(two_digits(0.012345))
    0.012
    """
    return number(float(f"{x:.2g}"))


def outcome(rate: float, limit: float) -> str:
    """What the batch does at a learning rate, beside the limit 2/lambda_max.

    >>> outcome(0.1, 0.4), outcome(0.39, 0.4)
    ('converges', 'converges, to and fro')
    """
    if math.isclose(rate, limit):
        return "to and fro for ever"
    if rate > limit:
        return "diverges"
    return "converges, to and fro" if rate > limit / 2 else "converges"


# --- tables -------------------------------------------------------------------------------------


def gradient_table(X: Sequence[float], y: Sequence[float], of_each: np.ndarray, of_batch: MeanLoss) -> Table:
    """The gradient of each example's error, of their mean, and of the batch."""
    rows: list[tuple[Cell, ...]] = [
        (str(n), *map(number, (*example, *gradient)))
        for n, (example, gradient) in enumerate(zip(zip(X, y, strict=True), of_each.tolist(), strict=True), 1)
    ]
    rows.append(("their mean", "", "", *map(number, of_each.mean(axis=0).tolist())))
    rows.append(("the batch", "", "", *map(number, of_batch.gradient.tolist())))
    header = ("example n", "x", "y", *(f"∂Eₙ/∂{of}" for of in "wb"))
    return Table(header, tuple(rows), "At w = b = 0, where ŷ = 0.")


def rate_table(costs: Mapping[float, Sequence[float]], largest: float) -> Table:
    """The cost of the batch at each learning rate."""
    steps = (0, 1, 10, 40)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (number(rate), number(1 - rate * largest), *(number(cost[at]) for at in steps), outcome(rate, 2 / largest))
        for rate, cost in costs.items()
    )
    return Table(("η", "1 - η λₘₐₓ", *map(str, steps), "what it does"), rows, "The cost after 0, 1, 10 and 40 steps.")


def order_table(orders: Mapping[int, Sequence[Sequence[Sequence[float]]]]) -> Table:
    """The examples, each by its x, in the order of their use."""
    rows = tuple(
        (str(at), *(" | ".join(", ".join(f"{x:g}" for x in batch) for batch in epoch) for epoch in epochs))
        for at, epochs in enumerate(zip(*orders.values(), strict=True), 1)
    )
    header = ("epoch", *(f"{size} at a time" for size in orders))
    return Table(header, rows, "The x of each example; a bar stands between two updates.")


def progress_table(runs: Mapping[str, History], excess: Mapping[str, np.ndarray]) -> Table:
    """The cost above its minimum after equal numbers of example gradients."""
    epochs = (1, 2, 5, 20, 50)
    examples = next(iter(runs.values())).examples
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (of, *(two_digits(excess[of][epoch - 1]) for epoch in epochs)) for of in runs
    )
    updates = ", ".join(f"{run.updates[0]}" for run in runs.values())
    note = f"At a learning rate of 0.2, in the last row 0.05. An epoch makes {updates} updates."
    return Table(("gradients computed", *(str(examples[epoch - 1]) for epoch in epochs)), rows, note)


def stopping_table(stopped: Mapping[str, History]) -> Table:
    """How each run ended, and its lowest cost, to which early stopping goes back."""
    rows = tuple(
        (criterion, str(run.epochs), number(min(run.validation_loss)), run.stopped_because)
        for criterion, run in stopped.items()
    )
    note = "The first two are the batch at a learning rate of 0.1, the last is SGD at 0.05."
    return Table(("criterion", "epochs", "lowest cost", "why it ended"), rows, note)
