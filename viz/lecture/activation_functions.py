"""Tanh, the sigmoid and ReLU: their slopes, and what they do to the gradient, the outputs and the cost of a network."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autograd_core.derivative_tables import local_derivatives
from autograd_core.formula import number
from autograd_core.graph import Graph
from autograd_core.primitives import exp, maximum, relu, sigmoid, tanh
from autograd_core.row import Primitive
from autograd_core.table import Cell, Table
from autograd_core.transforms import grad
from autograd_core.value import Value
from nn.gradients import EagerGradients
from nn.initializers import constant, he, xavier
from nn.losses import half_squared_error
from nn.mlp import MLP
from nn.optimizers import SGD
from nn.training import fit
from viz.lecture.deep_signals import Signals, per_layer, relative, shown, spread_table
from viz.lecture.worked_example import WorkedExample

FUNCTIONS: Mapping[str, Primitive] = {"sigmoid": sigmoid, "tanh": tanh, "ReLU": relu}

GRID = [step / 100 for step in range(-1000, 1001)]
"""Where slopes are looked at: from -10 to 10 in steps of 0.01."""

NINE_X = [step / 2 for step in range(-4, 5)]
"""From -2 to 2; the targets are x squared."""


def activations(layers: int = 50, units: int = 80, rng: int = 0) -> WorkedExample:
    """Tanh, sigmoid and ReLU: their slopes, what is left of a gradient after many layers, sparsity, cost, dead units.

    ``layers`` of ``units`` each make the deep network, drawn from ``rng``.

    >>> activations(layers=2, units=4).results["largest sigmoid'"]
    0.25
    """
    slopes = {of: {a: grad(row)(a) for a in GRID} for of, row in FUNCTIONS.items()}
    steepest = {of: max(slope.values()) for of, slope in slopes.items()}

    deep = {
        "sigmoid, Xavier": Signals.through("sigmoid", xavier, layers, units, rng),
        "tanh, Xavier": Signals.through("tanh", xavier, layers, units, rng),
        "ReLU, He": Signals.through("relu", he, layers, units, rng),
    }
    relu_zeros = deep["ReLU, He"].zeros
    costs = {of: len(Graph(value).nodes) - 1 for of, value in elementary(1.5).items()}
    units_at = {bias: one_relu_unit(bias) for bias in (0.0, -1.0, -3.0)}
    return WorkedExample(
        id="activations",
        title="Activation functions: tanh, sigmoid, ReLU",
        says="What an activation's derivative is decides how much of a gradient is left after many layers.",
        parts=(
            ("The three functions", function_table(slopes)),
            ("A slip", "The slide calls the second one “Sigmoid Tangent”. It is the sigmoid, σ(a) = 1/(1 + e⁻ᵃ)."),
            ("One unit per layer: what is left of the gradient", depth_table((1, 2, 5, 10, 20, 50))),
            (f"{layers} layers of {units} units: the spread of ∂E/∂a, as a share of that in the last layer",
             spread_table({of: relative(signals.gradients, layers) for of, signals in deep.items()},
                          reversed(shown(layers)))),
            ("Sparse activation", "ReLU gives exactly 0 for every negative pre-activation. With He's weights that is "
             f"about half of the units: {np.mean(list(relu_zeros.values())):.1%} of all outputs in this network. Tanh "
             "and the sigmoid give no zeros."),
            ("The share of zeros by layer", spread_table({"ReLU, He": relu_zeros}, shown(layers))),
            ("The cost of one evaluation", cost_table(costs)),
            ("", timing()),
            ("The other side: a dead unit", "A unit whose pre-activation is negative for every example has the "
             "derivative 0 for every example. Its weights get no gradient and stay. Leaky ReLU keeps a small slope."),
            ("One unit z = max(0, w x + b), w = 1, on nine examples: dead at b = -3", unit_table(units_at)),
        ),
        values={},
        results={
            **{f"largest {of}'": slope for of, slope in steepest.items()},
            "sigmoid' is largest at": ", ".join(f"{a:g}" for a, slope in slopes["sigmoid"].items()
                                                if slope == steepest["sigmoid"]),
            **{f"{of}' after {depth} layers": chain_slope(row, depth) for of, row in FUNCTIONS.items()
               for depth in (1, 2, 10)},
            **{f"gradient left by each layer, {of}": per_layer(signals.gradients, layers, 1)
               for of, signals in deep.items()},
            "share of zeros, ReLU": float(np.mean(list(relu_zeros.values()))),
            **{f"operations of {of}": float(cost) for of, cost in costs.items()},
            **{f"examples that activate the unit at b = {bias:g}": float(unit.active)
               for bias, unit in units_at.items()},
            **{f"dE/dw at b = {bias:g}": unit.slope for bias, unit in units_at.items()},
            "dead unit's moves in 100 steps": units_at[-3.0].moved,
        },
        builder=activations,
    )


# --- slopes -------------------------------------------------------------------------------------


def chain_slope(row: Primitive, depth: int) -> float:
    """dz_n/dz_0 of the chain z_k = f(z_{k-1}), one unit per layer and all weights 1, from z_0 = 1.

    >>> chain_slope(relu, 50)
    1.0
    """
    def last(z_0: Value) -> Value:
        z = z_0
        for _ in range(depth):
            z = row(z)
        return z

    return float(grad(last)(1.0))


def function_table(slopes: Mapping[str, Mapping[float, float]]) -> Table:
    """Each function, its derivative as the engine has it, where that is largest, and how it is further out."""
    rows: list[tuple[Cell, ...]] = []
    for of, slope in slopes.items():
        z = FUNCTIONS[of](Value(1.0, "a")).named("z")
        steepest = max(slope.values())
        where = [a for a, each in slope.items() if each == steepest]
        rows.append((
            of, local_derivatives(z, show="expanded").rows[0][0], number(steepest),
            f"a = {where[0]:g}" if len(where) == 1 else "every a > 0", number(slope[-5.0]), number(slope[5.0]),
        ))
    header = ("z", "its derivative", "largest", "at", "at a = -5", "at a = 5")
    return Table(header, tuple(rows), "H(a, 0) is the unit step, 0 at 0. The largest of those for a from -10 to 10.")


def depth_table(depths: Sequence[int]) -> Table:
    """The slope of a chain of each function, and the bound for the sigmoid."""
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (str(depth), number(0.25**depth), *(number(chain_slope(row, depth)) for row in FUNCTIONS.values()))
        for depth in depths
    )
    note = "∂zₙ/∂z₀ for zₖ = f(zₖ₋₁), all weights 1, from z₀ = 1. The sigmoid's is never above (1/4)ⁿ."
    return Table(("layers n", "(1/4)ⁿ", *FUNCTIONS), rows, note)


# --- cost ---------------------------------------------------------------------------------------


def elementary(a: float) -> dict[str, Value]:
    """The three functions recorded as elementary operations.

    >>> {of: round(value.data, 4) for of, value in elementary(1.0).items()}
    {'sigmoid': 0.7311, 'tanh': 0.7616, 'ReLU': 1.0}
    """
    at = Value(a, "a")
    shrunk = exp(-2.0 * at)
    return {"sigmoid": 1.0 / (1.0 + exp(-at)), "tanh": (1.0 - shrunk) / (1.0 + shrunk), "ReLU": maximum(at, 0.0)}


def cost_table(costs: Mapping[str, int]) -> Table:
    """How many elementary operations each function takes."""
    written = {"sigmoid": "1/(1 + e⁻ᵃ)", "tanh": "(1 - e⁻²ᵃ)/(1 + e⁻²ᵃ)", "ReLU": "max(0, a)"}
    kinds = {"sigmoid": "minus, exp, plus, division", "tanh": "times, exp, minus, plus, division", "ReLU": "maximum"}
    rows = tuple((of, written[of], str(cost), kinds[of]) for of, cost in costs.items())
    return Table(("function", "written out", "operations", "which"), rows)


def timing(count: int = 20_000) -> str:
    """How long each takes on an array on this machine, beside ReLU: the median ratio of paired runs."""
    numbers = np.linspace(-4.0, 4.0, count)
    seconds: dict[str, list[float]] = {of: [] for of in FUNCTIONS}
    for _ in range(7):
        for of, row in FUNCTIONS.items():
            start = time.perf_counter()
            row(numbers)
            seconds[of].append(time.perf_counter() - start)
    ratios = {
        of: statistics.median(own / of_relu for own, of_relu in zip(seconds[of], seconds["ReLU"], strict=True))
        for of in ("sigmoid", "tanh")
    }
    return (
        f"Measured when this page was made, on an array of {count} numbers: the sigmoid takes {ratios['sigmoid']:.1f} "
        f"times as long as ReLU, tanh {ratios['tanh']:.1f} times. This depends on the machine."
    )


# --- dead units ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unit:
    """A hidden unit: the examples that activate it, dE/dw at first, and how far training moved it."""

    active: int
    slope: float
    leaky_slope: float
    moved: float


def one_relu_unit(bias: float) -> Unit:
    """The unit z = max(0, x + b) in front of the output yhat = z.

    >>> one_relu_unit(-3.0).slope, round(one_relu_unit(-3.0).leaky_slope, 6)
    (0.0, 0.000167)
    """
    def model_with(activation: str) -> MLP:
        model = MLP([1, 1, 1], activation, init=constant(1.0))
        model.parameters()[1].data = bias
        return model

    X, y = np.array(NINE_X)[:, None], np.array(NINE_X) ** 2
    slopes = [
        float(EagerGradients(model_with(activation), half_squared_error).mean(X, y[:, None]).gradient[0])
        for activation in ("relu", "leaky_relu")
    ]
    model = model_with("relu")
    fit(model, X, y, optimizer=SGD(0.01), epochs=100)
    w, b, v, _ = (parameter.data for parameter in model.parameters())
    moved = max(abs(w - 1.0), abs(b - bias), abs(v - 1.0))
    return Unit(sum(x + bias > 0 for x in NINE_X), slopes[0], slopes[1], moved)


def unit_table(units: Mapping[float, Unit]) -> Table:
    """The unit at several biases."""
    rows = tuple(
        (number(bias), str(unit.active), number(unit.slope), number(unit.moved), number(unit.leaky_slope))
        for bias, unit in units.items()
    )
    header = ("b", "active on", "∂E/∂w", "moved in 100 steps", "∂E/∂w with leaky ReLU")
    return Table(header, rows, "x from -2 to 2 in steps of 1/2, targets x².")
