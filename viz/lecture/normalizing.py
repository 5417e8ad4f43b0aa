"""Row 19 of the lecture: batch normalization, its two steps on numbers and what they do for training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autograd_core.derivative_tables import relationships
from autograd_core.formula import Formula, name, number
from autograd_core.graph import Graph
from autograd_core.names import Name
from autograd_core.path_sums import paths
from autograd_core.primitives import batch_mean, sqrt, square
from autograd_core.table import Table
from autograd_core.testing.gradient_check import check_output
from autograd_core.value import Value
from nn.errors import DivergedError, ShapeError
from nn.mlp import MLP
from nn.normalization import BatchNorm
from nn.optimizers import SGD
from nn.training import fit
from viz.drawing import draw
from viz.lecture.worked_example import WorkedExample
from viz.stepping import step

BLOWN_UP = 1e3
"""A mean loss above this, on targets between 0 and 2.5, is that of a run that blew up."""


def batch_norm(a: Sequence[float] = (1.0, 2.0, 6.0), new: float = 4.0) -> WorkedExample:
    """Batch normalization of one unit's pre-activations over a minibatch, and of the single example ``new`` later.

    >>> round(batch_norm().results["ahat_1"], 6)
    -0.92582
    """
    column = [Value(each, f"a_{n}") for n, each in enumerate(a, 1)]
    m = batch_mean(column).named("m")
    centred = [(each - m).named(f"c_{n}") for n, each in enumerate(column, 1)]
    v = batch_mean([square(each) for each in centred]).named("v")
    s = sqrt(v).named("s")
    normalized = [(each / s).named(rf"\hat{{a}}_{n}") for n, each in enumerate(centred, 1)]

    before, after = np.array(a), np.array([each.data for each in normalized])
    slopes = [slopes_of(each, column) for each in normalized]
    check = check_output(normalized[0])

    norm = BatchNorm(1)
    in_training = [out.data for out in norm([[each] for each in a])]
    try:
        refused = str(norm([[new]]))
    except ShapeError as error:
        refused = str(error)
    norm.eval()
    alone = norm([[new]])[0]
    mean, variance = float(norm.running_mean[0]), float(norm.running_variance[0])

    layers = [type(layer).__name__ for layer in MLP([1, 4, 1], norm="batch")]
    rates = (0.03, 0.1, 0.3, 1.0)
    losses = {norm: [final_loss(norm, rate) for rate in rates] for norm in (None, "batch")}
    return WorkedExample(
        id="batch-norm",
        title="Batch normalization",
        says="Of each pre-activation subtract the mean over the minibatch, then divide by the standard deviation over "
        "the minibatch, before the activation.",
        parts=(
            ("One unit's pre-activations for a minibatch of examples, and the two steps", draw(normalized)),
            ("The steps as formulas", relationships(normalized[0])),
            ("With numbers", steps_table(column, centred, normalized)),
            ("Mean 0 and variance 1, and the shape unchanged", shape_table(before, after)),
            ("", "“Unit Gaussian” is loose: the two steps shift and stretch, so that what was skewed stays as skewed. "
             "A Gaussian has the skewness 0."),
            ("Gradients flow through both steps: all paths from a₁ to â₁", paths(normalized[0], column[0]).table()),
            ("Every derivative", slopes_table(column, normalized, s)),
            ("The same, checked", check.table),
            ("Step through it", step(normalized[0])),
            ("In a network", f"The layers of MLP([1, 4, 1], norm=\"batch\") are {', '.join(layers)}: BatchNorm stands "
             "before the activation, and has a scale γ and a shift β that are learned. The layer before it needs no "
             "bias, for it would be subtracted again. An epsilon of 0.00001 is added to the variance, so that nothing "
             "is divided by 0."),
            ("For a single example", f"In training it is refused: “{refused}”"),
            ("", "In evaluation mode the statistics of training are used. They begin at 0 and 1 and move a tenth of "
             "the way towards those of each minibatch (of the variance, the unbiased one): after this one they are "
             f"{mean:.4g} and {variance:.4g}, so that {new:g} becomes {alone.data:.4f}."),
            ("Training with and without, at rising learning rates", rates_table(rates, losses)),
            ("", "The same small network, data, seed and number of updates in every cell. With batch normalization it "
             "learns faster, and it bears a learning rate at which the other one blows up."),
        ),
        values={"m": m, "v": v, "s": s}
        | {Name.of(each.name).identifier: each for each in (*column, *centred, *normalized) if each.name},
        results={
            "m": m.data,
            "v": v.data,
            **{f"ahat_{n}": each for n, each in enumerate(after.tolist(), 1)},
            "mean of ahat": float(after.mean()),
            "variance of ahat": float(after.var()),
            "skewness of a": skewness(before),
            "skewness of ahat": skewness(after),
            "order kept": yes_or_no(list(np.argsort(before)) == list(np.argsort(after))),
            **{f"dahat_{n}/da_{k}": slope for n, row in enumerate(slopes, 1) for k, slope in enumerate(row, 1)},
            "a shift of all: sum of dahat_1/da_k": sum(slopes[0]),
            "a stretch of all: sum of dahat_1/da_k ahat_k": float(np.dot(slopes[0], after)),
            "gradient check": ", ".join(sorted(set(check.verdicts.values()))),
            "ahat_1 with epsilon": in_training[0],
            "layers": ", ".join(layers),
            "running mean": mean,
            "running variance": variance,
            "a single example in evaluation": alone.data,
            "a single example in training": refused,
            "blown up without, by rate": ", ".join(yes_or_no(loss > BLOWN_UP) for loss in losses[None]),
            "blown up with, by rate": ", ".join(yes_or_no(loss > BLOWN_UP) for loss in losses["batch"]),
            "the lowest loss is lower with": yes_or_no(min(losses["batch"]) < 0.5 * min(losses[None])),
        },
        builder=batch_norm,
    )


def final_loss(norm: str | None, learning_rate: float, rng: int = 0) -> float:
    """The mean loss after 20 updates on the whole batch; inf for a run that diverged.

    The eight inputs from 0 to 10 are neither centred nor scaled; the target is abs(x - 5)/2.
    """
    x = np.linspace(0.0, 10.0, 8)
    model = MLP([1, 4, 4, 1], norm=norm, rng=rng)
    try:
        history = fit(model, x[:, None], np.abs(x - 5.0) / 2.0, optimizer=SGD(learning_rate), epochs=20, progress=False)
    except DivergedError:
        return float("inf")
    return history.loss[-1]


def skewness(numbers: np.ndarray) -> float:
    """The mean cube of the standardized numbers."""
    centred = numbers - numbers.mean()
    return float((centred**3).mean() / centred.std() ** 3)


def yes_or_no(fact: bool) -> str:
    """A fact in a word."""
    return "yes" if fact else "no"


def slopes_of(output: Value, inputs: Sequence[Value]) -> list[float]:
    """The derivatives of an output with respect to each of the inputs."""
    graph = Graph(output)
    adjoints = graph.adjoints()
    return [adjoints[graph.index(each)] for each in inputs]


def written(node: Value) -> Formula:
    """The name of a node as a formula."""
    return name(Name.of(node.name or ""))


def steps_table(column: Sequence[Value], centred: Sequence[Value], normalized: Sequence[Value]) -> Table:
    """What the two steps make of each example."""
    rows = [(str(n), number(a.data), number(c.data), number(out.data))
            for n, (a, c, out) in enumerate(zip(column, centred, normalized, strict=True), 1)]
    return Table(("example", "pre-activation a", "minus the mean", "divided by the deviation"), tuple(rows))


def shape_table(before: np.ndarray, after: np.ndarray) -> Table:
    """Mean, variance and skewness of the numbers before and after."""
    rows = []
    for letter, numbers in (("a", before), (r"\hat{a}", after)):
        mean = round(float(numbers.mean()), 12)  # one of 1e-17 is 0
        rows.append((name(Name.of(letter)), number(mean), number(float(numbers.var())), number(skewness(numbers))))
    return Table(("numbers", "mean", "variance (biased)", "skewness"), tuple(rows))


def slopes_table(column: Sequence[Value], normalized: Sequence[Value], deviation: Value) -> Table:
    """The Jacobian of the two steps, example by example."""
    rows = [(written(out), written(each), number(slope))
            for out in normalized for each, slope in zip(column, slopes_of(out, column), strict=True)]
    note = "Those of one output add up to 0: a shift of all inputs changes nothing. Were the mean and the deviation " \
        f"constants, those with equal indices would be 1/s = {1 / deviation.data:.4f}, and the rest 0."
    return Table(("of", "with respect to", "derivative"), tuple(rows), note)


def rates_table(rates: Sequence[float], losses: dict[str | None, list[float]]) -> Table:
    """The final loss by learning rate, without and with batch normalization."""
    def shown(loss: float) -> str:
        return "blew up" if loss > BLOWN_UP else f"{loss:.3f}"

    rows = [(f"{rate:g}", shown(without), shown(with_norm))
            for rate, without, with_norm in zip(rates, losses[None], losses["batch"], strict=True)]
    return Table(("learning rate", "final loss without", "final loss with"), tuple(rows))
