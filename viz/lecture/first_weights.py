"""Weight initialization: what stands still, what stays alike, and what keeps its size through a deep network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from autograd_core.formula import number
from autograd_core.table import Table
from nn.gradients import EagerGradients
from nn.initializers import Initializer, constant, he, normal, xavier, zeros
from nn.losses import half_squared_error
from nn.mlp import MLP
from nn.optimizers import SGD
from nn.training import fit
from viz.drawing import draw
from viz.lecture.deep_signals import Signals, per_layer, relative, shown, spread_table
from viz.lecture.worked_example import WorkedExample

SCHEMES: Mapping[str, Initializer] = {"too small": normal(0.01), "too big": normal(0.3), "Xavier": xavier, "He": he}
FUNCTIONS = {"tanh": "tanh", "ReLU": "relu"}
"""What they are called in text, and in code."""

THREE_X = ((1.0, -2.0), (0.5, 1.5), (-1.0, 0.25))
THREE_Y = (1.0, 0.0, 1.0)


def initialization(layers: int = 50, units: int = 80, rng: int = 0) -> WorkedExample:
    """Weight initialization: zeros, constants, and random numbers that are too small, too big, or of the right size.

    ``layers`` of ``units`` each make the deep network, drawn from ``rng``.

    >>> initialization(layers=2, units=4).results["zeros, tanh, no biases: largest move"]
    0.0
    """
    still = {
        f"zeros, {of}, {'with' if bias else 'no'} biases": trained_from(zeros, function, bias)
        for of, function in FUNCTIONS.items() for bias in (False, True)
    }
    alike = {
        "zeros, sigmoid": trained_from(zeros, "sigmoid"),
        "all 0.5, sigmoid": trained_from(constant(0.5), "sigmoid"),
        "all 0.5, tanh": trained_from(constant(0.5), "tanh"),
        "all 0.5, ReLU": trained_from(constant(0.5), "relu"),
    }
    random = trained_from(xavier, "tanh")
    deep = {
        f"{of}, {scheme}": Signals.through(function, init, layers, units, rng)
        for of, function in FUNCTIONS.items() for scheme, init in SCHEMES.items()
    }
    return WorkedExample(
        id="initialization",
        title="Weight initialization",
        says="Zeros or any constant leave the units of a layer alike for ever; random numbers must be neither too "
        "small nor too big.",
        parts=(
            ("All zeros, with tanh or ReLU: nothing moves", still_table(still)),
            ("Why", "The outputs of the hidden layer are 0, so the derivatives of the last weights are 0. The last "
             "weights are 0, so every error signal before them is 0. Without biases, as on the slides, all is 0. "
             "With them the last bias alone has a gradient, the mean error, and it learns the mean of the targets."),
            ("All alike, with any activation: equal gradients, for ever",
             symmetry_table(alike | {"Xavier, tanh": random})),
            ("All 0.5, tanh, after 100 steps: three hidden units that are one",
             draw(alike["all 0.5, tanh"].model([1.0, -2.0]), show="numbers")),
            (f"Random numbers, {layers} layers of {units} units: the spread of the outputs z",
             spread_table({of: signals.outputs for of, signals in deep.items()}, shown(layers))),
            ("The spread of the gradients ∂E/∂a, as a share of that in the last layer",
             spread_table({of: relative(signals.gradients, layers) for of, signals in deep.items()},
                          reversed(shown(layers)))),
            ("What is too small or too big",
             f"Through a layer of n = {units} units the spread of a signal is multiplied by √n times that of the "
             "weights; with ReLU, which silences half of the signal, by √(n/2) times that of the weights. "
             f"Xavier's {np.sqrt(1 / units):.3f} keeps it for tanh near 0, He's {np.sqrt(2 / units):.3f} for ReLU. "
             "0.01 is too small, and 0.3 is too big: tanh then sits at its ends, and gradients explode."),
        ),
        values={},
        results={
            **{f"{of}: gradients not 0": float(run.gradients) for of, run in still.items()},
            **{f"{of}: parameters that moved": float(run.moved) for of, run in still.items()},
            **{f"{of}: largest move": float(np.abs(run.after - run.before).max()) for of, run in still.items()},
            "all alike: rows of the gradients differ by": max(run.gradient_difference for run in alike.values()),
            "all alike: units differ by": max(run.unit_difference for run in alike.values()),
            "all alike: different units": ", ".join(str(run.different_units) for run in alike.values()),
            "Xavier, tanh: different units": float(random.different_units),
            **{f"{of}: outputs by layer": per_layer(signals.outputs, 1, layers) for of, signals in deep.items()},
            **{f"{of}: gradients by layer": per_layer(signals.gradients, layers, 1) for of, signals in deep.items()},
            **{of: f"outputs {fate(per_layer(signals.outputs, 1, layers))}, gradients "
                   f"{fate(per_layer(signals.gradients, layers, 1))}" for of, signals in deep.items()},
        },
        builder=initialization,
    )


# --- a small network, trained -------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Run:
    """A 2-3-1 network, its first gradient, and its parameters before and after 100 steps, in the model's order."""

    model: MLP
    first_gradient: np.ndarray
    before: np.ndarray
    after: np.ndarray

    @property
    def gradients(self) -> int:
        """How many derivatives are not 0 at first."""
        return int(np.count_nonzero(self.first_gradient))

    @property
    def moved(self) -> int:
        """How many parameters are not what they were."""
        return int(np.count_nonzero(self.after != self.before))

    @property
    def gradient_difference(self) -> float:
        """The largest difference between the gradients of two hidden units, at first and at the end."""
        last = gradient_of(self.model)
        return max(difference(by_unit(gradient)) for gradient in (self.first_gradient, last))

    @property
    def unit_difference(self) -> float:
        """The largest difference between the parameters of two hidden units in the end."""
        return difference(by_unit(self.after))

    @property
    def different_units(self) -> int:
        """How many hidden units there are in the end if equal ones count once."""
        return len(np.unique(by_unit(self.after), axis=0))


def trained_from(init: Initializer, activation: str, bias: bool = True) -> Run:
    """A 2-3-1 network with a linear output, trained on three examples for 100 steps of the batch."""
    model = MLP([2, 3, 1], activation, bias=bias, init=init)
    before, gradient = parameters_of(model), gradient_of(model)
    fit(model, THREE_X, THREE_Y, optimizer=SGD(0.5), epochs=100)
    return Run(model, gradient, before, parameters_of(model))


def parameters_of(model: MLP) -> np.ndarray:
    """All parameters as one vector."""
    return np.array([parameter.data for parameter in model.parameters()])


def gradient_of(model: MLP) -> np.ndarray:
    """The mean gradient over the three examples."""
    return EagerGradients(model, half_squared_error).mean(np.array(THREE_X), np.array(THREE_Y)[:, None]).gradient


def by_unit(vector: np.ndarray) -> np.ndarray:
    """What belongs to each hidden unit of a 2-3-1 network with biases: w_i1, w_i2, b_i and the weight that leads on.

    >>> by_unit(np.arange(13.0))[0].tolist()
    [0.0, 1.0, 6.0, 9.0]
    """
    return np.column_stack([vector[:6].reshape(3, 2), vector[6:9], vector[9:12]])


def difference(rows: np.ndarray) -> float:
    """The largest difference between two rows; 0 means equal to the last bit.

    >>> difference(np.array([[1.0, 2.0], [1.5, 2.0]]))
    0.5
    """
    return float((rows.max(axis=0) - rows.min(axis=0)).max())


# --- tables -------------------------------------------------------------------------------------


def still_table(runs: Mapping[str, Run]) -> Table:
    """What has a gradient, and what has moved, when all begin at 0."""
    rows = tuple(
        (of, str(len(run.before)), str(run.gradients), str(run.moved), number(float(run.after[-1])))
        for of, run in runs.items()
    )
    header = ("network", "parameters", "gradients not 0", "moved", "the last one")
    note = "After 100 steps. With biases the last parameter is the last bias. The targets are 1, 0, 1."
    return Table(header, rows, note)


def symmetry_table(runs: Mapping[str, Run]) -> Table:
    """How different the hidden units are, at first and after 100 steps."""
    rows = tuple(
        (of, number(run.gradient_difference), number(run.unit_difference), f"{run.different_units} of 3")
        for of, run in runs.items()
    )
    header = ("network", "gradients differ by", "units differ by", "different units")
    note = "At most, between two hidden units, at first and after 100 steps; 0 means equal to the last bit."
    return Table(header, rows, note)


def fate(factor: float) -> str:
    """What becomes of a signal that every layer multiplies by a factor, over 50 layers.

    >>> fate(0.7), fate(0.97), fate(1.4)
    ('vanish', 'stay', 'explode')
    """
    return "vanish" if factor < 0.8 else "explode" if factor > 1.25 else "stay"
