"""What flows through a network: on what an output depends, and how activations and gradients fare by layer.

LECTURE rows 17, 18 and 22.  All of it is looked at in a copy of the model.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_core.sweeps import swept, topological_order
from autograd_core.table import Table
from autograd_core.transforms import grad
from autograd_core.value import Value
from nn.errors import DataError, SettingError
from nn.findings import Findings, counted, listed, number, percent
from nn.gradients import couples_examples, of_one
from nn.layers import Activation, Sequential
from nn.losses import Loss
from nn.module import Module, number_of
from nn.preparation import examples as checked_examples
from nn.preparation import paired

Floats = NDArray[np.float64]
Rows = Sequence[Sequence[Any]]

MANY = 0.2  # of a layer's units
FLAT = 0.01  # of an activation's steepest slope
MOSTLY = 0.9  # of the examples
RATIO = 100.0  # between the first layer and the last


# --- gradient dependency ------------------------------------------------------------------------


@dataclass(frozen=True, repr=False, eq=False)
class GradientDependency(Findings):
    """On the inputs of which examples the outputs of each example depend.

    ``gradients[i, j]`` is the norm of the gradient of example i's outputs to example j's inputs, where modules that
    couple examples on purpose (``coupled_by``) are in evaluation mode; ``in_mode`` is the same in the model's present
    mode.  ``mixed_by`` is the first layer that mixes the batch by mistake, where it can be told.
    """

    gradients: Floats
    in_mode: Floats
    coupled_by: tuple[str, ...]
    mixed_by: str

    @property
    def dependencies(self) -> dict[int, tuple[int, ...]]:
        """For each example the others that its outputs depend on, coupling on purpose left out."""
        others = (self.gradients != 0.0) & ~np.eye(len(self.gradients), dtype=bool)
        return {at: tuple(np.flatnonzero(row).tolist()) for at, row in enumerate(others)}

    @property
    def independent(self) -> tuple[int, ...]:
        """The examples whose outputs do not depend on their own inputs."""
        return tuple(np.flatnonzero(np.diag(self.gradients) == 0.0).tolist())

    @property
    def ok(self) -> bool:
        """Whether each output depends on its own example, and on no other but by a coupling on purpose."""
        return not any(self.dependencies.values()) and not self.independent

    @property
    def heading(self) -> str:
        return f"Gradient dependency of {counted(len(self.gradients), 'example')}"

    @property
    def tables(self) -> tuple[Table, ...]:
        rows = []
        for at, others in self.dependencies.items():
            on = ([str(at)] if at not in self.independent else []) + [f"{other} (!)" for other in others]
            rows.append((str(at), listed(on, 6) or "none (!)"))
        return (Table(("output of example", "depends on the inputs of example"), tuple(rows)),)

    @property
    def verdict(self) -> str:
        coupling = ""
        if self.coupled_by:
            coupling = (
                f" In training mode {listed(self.coupled_by)} couples the examples of a minibatch, on purpose; "
                "here it was in evaluation mode."
            )
        mixed = [(at, others) for at, others in self.dependencies.items() if others]
        if mixed:
            at, others = mixed[0]
            where = f" The first layer to mix them is {self.mixed_by}." if self.mixed_by else ""
            return (
                f"The model mixes up the examples: the output of example {at} depends on the inputs of example "
                f"{listed(others)}.{where} Look for a reshape, a transposition or a mean over the wrong axis.{coupling}"
            )
        if self.independent:
            return (
                f"The output of example {listed(self.independent)} does not depend on its own inputs: the graph is cut, a "
                f"weight is 0, or units are dead.{coupling}"
            )
        return f"Each output depends on its own example alone.{coupling}"


def gradient_dependency(
    model: Module, X: Any, examples: int = 6, rng: int | np.random.Generator = 0
) -> GradientDependency:
    """Whether output i depends on input i alone: found by differentiating each example's outputs to all inputs.

    The first ``examples`` of X pass through the model as one batch, in its present mode; the outputs of each are
    weighted by random numbers from ``rng``, so that no two derivatives cancel.  BatchNorm in training mode couples
    examples on purpose: it is named, and what else couples them is told from a second pass with it in
    evaluation mode.  What left the graph (``.data``) cannot be seen.  Raises :class:`DataError` for fewer than two
    examples and :class:`ShapeError`.

    >>> from nn import MLP
    >>> gradient_dependency(MLP([2, 3, 1]), [[1.0, 2.0], [3.0, 4.0]])
    Gradient dependency of 2 examples
    output of example  depends on the inputs of example
    -----------------  --------------------------------
    0                  0
    1                  1
    Each output depends on its own example alone.
    """
    table = checked_examples(X)[:examples]
    _require_two(table)
    twin = copy.deepcopy(model)
    twin.outputs_of(table)  # a wrong width is refused here
    coupling = [module for module in twin.modules() if module.couples_examples and module.training]
    generator = np.random.default_rng(rng)
    in_mode, _ = _dependency(twin, table, generator)
    for module in coupling:
        module.training = False
    gradients, mixed_by = _dependency(twin, table, generator) if coupling else _dependency(twin, table, generator)
    return GradientDependency(gradients, in_mode, tuple(map(repr, coupling)), mixed_by)


def _dependency(model: Module, X: Floats, rng: np.random.Generator) -> tuple[Floats, str]:
    """The norms of the gradients, and the first layer after which examples are mixed."""
    inputs = [[Value(scalar) for scalar in row] for row in X.tolist()]
    results: Rows = inputs
    mixed_by = ""
    for layer in model.layers if isinstance(model, Sequential) else [model]:
        results = layer.forward(results)
        norms = np.array([_norms(row, inputs, rng) for row in results])
        if not mixed_by and isinstance(model, Sequential) and (norms[~np.eye(len(X), dtype=bool)] != 0.0).any():
            mixed_by = repr(layer)
    return norms, mixed_by


def _norms(outputs: Sequence[Any], inputs: Rows, rng: np.random.Generator) -> list[float]:
    """The norm of the gradient of a random combination of the outputs to each example's inputs."""
    seeds: dict[int, float] = {}
    roots = {id(each): each for each in outputs if isinstance(each, Value)}
    for each in roots:
        seeds[each] = float(rng.normal())
    order = topological_order(roots.values())
    found = dict(zip(map(id, order), swept(order, seeds), strict=True))
    return [math.hypot(*(found.get(id(scalar), 0.0) for scalar in row)) for row in inputs]


def _require_two(X: Floats) -> None:
    if len(X) < 2:
        raise DataError("Two examples at least are needed, to be told apart; got one. Pass more rows of X.")


# --- dead units, vanishing and exploding signals ------------------------------------------------


@dataclass(frozen=True)
class LayerSignals:
    """How the units of one layer answer to many examples.

    Shares of units: ``dead`` give the same for every example, ``saturated`` are not dead but hardly have a slope at
    nine examples in ten, ``alike`` only repeat another unit.  ``flat`` is the share of units times examples
    without a slope to speak of: for relu the zeros.  ``spread`` is the standard deviation of the activations, and
    ``gradient`` the root mean square of each example's derivative of the loss by the pre-activations.
    """

    name: str
    units: int
    dead: float
    saturated: float
    alike: float
    flat: float
    spread: float
    gradient: float | None


@dataclass(frozen=True, repr=False)
class UnitReport(Findings):
    """The signals by layer, as :func:`unit_report` found them; the first layer first."""

    layers: tuple[LayerSignals, ...]

    @property
    def spread_ratio(self) -> float:
        """The spread of the last hidden layer's activations over that of the first's; 1 if there are not two."""
        hidden = self.layers[:-1]
        return _over(hidden[-1].spread, hidden[0].spread) if len(hidden) > 1 else 1.0

    @property
    def gradient_ratio(self) -> float:
        """The first layer's gradient over the last one's; 1 without gradients."""
        first, last = self.layers[0].gradient, self.layers[-1].gradient
        return 1.0 if first is None or last is None else _over(first, last)

    @property
    def ok(self) -> bool:
        """Whether nothing in the verdict is wrong."""
        return not self._wrong

    @property
    def heading(self) -> str:
        return f"Units of {counted(len(self.layers), 'layer')}"

    @property
    def tables(self) -> tuple[Table, ...]:
        header = ("layer", "units", "dead", "saturated", "alike", "flat", "spread", "gradient")
        rows = tuple(
            (layer.name, str(layer.units), *map(percent, (layer.dead, layer.saturated, layer.alike, layer.flat)),
             number(layer.spread), "-" if layer.gradient is None else number(layer.gradient))
            for layer in self.layers
        )
        return (Table(header, rows),)

    @property
    def _wrong(self) -> list[str]:
        found = []
        for layer in self.layers:
            if layer.dead > MANY:
                found.append(f"{percent(layer.dead)} of the units of layer {layer.name} are dead: they give the same for "
                             "every example.")
            if layer.saturated > MANY:
                found.append(f"{percent(layer.saturated)} of the units of layer {layer.name} are saturated: its "
                             "pre-activations are too large.")
            if layer.alike > 0.0:
                found.append(f"{percent(layer.alike)} of the units of layer {layer.name} repeat another: equal initial "
                             "weights stay equal.")
        if not 1.0 / RATIO <= self.spread_ratio <= RATIO:
            what = "vanish" if self.spread_ratio < 1.0 else "explode"
            first, last = self.layers[0].spread, self.layers[-2].spread
            found.append(f"The activations {what}: their spread goes from {number(first)} in the first layer to "
                         f"{number(last)} in the last hidden one.")
        first_gradient, last_gradient = self.layers[0].gradient, self.layers[-1].gradient
        if first_gradient is not None and last_gradient is not None and not 1.0 / RATIO <= self.gradient_ratio <= RATIO:
            what = "vanish" if self.gradient_ratio < 1.0 else "explode"
            found.append(f"The gradients {what}: from {number(last_gradient)} in the last layer to "
                         f"{number(first_gradient)} in the first one.")
        return found

    @property
    def verdict(self) -> str:
        if self._wrong:
            return " ".join([*self._wrong, "Look at the initialization, the scale of the inputs, and the activation."])
        gradients = "" if self.layers[0].gradient is None else (
            f", and the first layer's gradient is {number(self.gradient_ratio)} times the last one's"
        )
        return f"No layer has more than {percent(MANY)} dead or saturated units{gradients}."


def unit_report(model: Module, X: Any, y: Any = None, loss: Loss | None = None) -> UnitReport:
    r"""Dead and saturated units, and the spread of activations and gradients, by layer (LECTURE rows 17, 18 and 22).

    X has shape (examples, inputs); a few hundred examples are enough.  With y and ``loss`` the gradients are measured,
    too.  The model is looked at in its present mode.  A layer is a module with weights and what follows it; its
    units are what its activation gives, or the pre-activations where there is none.

    A slope counts as none where :math:`|\sigma'(a)|` is below 1 % of the activation's steepest.  The verdict objects
    to more than a fifth of a layer's units dead or saturated, to units that repeat another, and to a factor of more
    than 100 between the first and the last layer: vanishing or exploding (Glorot and Bengio 2010).
    Raises :class:`DataError`, :class:`ShapeError`, and :class:`SettingError` for y without a loss.

    >>> from nn import MLP, half_squared_error
    >>> X = np.random.default_rng(0).normal(size=(20, 2))
    >>> found = unit_report(MLP([2, 4, 4, 1], init="zeros"), X, X[:, 0], half_squared_error)
    >>> [layer.dead for layer in found.layers], found.gradient_ratio
    ([1.0, 1.0, 1.0], 0.0)
    """
    if (y is None) != (loss is None):
        raise SettingError("Gradients need both y and the loss; for activations alone leave both out.")
    table, labels = (checked_examples(X), None) if y is None else paired(X, y)
    _require_two(table)
    twin = copy.deepcopy(model)
    outputs = twin.outputs_of(table).shape[1]
    targets = None if loss is None else loss.targets(labels, outputs)
    layers: dict[int, _Layer] = {}
    seen: list[tuple[Module, Rows, Rows]] = []
    _watch(twin, seen)
    for rows in _together(twin, len(table)):
        seen.clear()
        results = twin.forward(table[rows].tolist())
        adjoints: dict[int, float] | None = None
        if loss is not None and targets is not None:
            pairs = zip(results, targets[rows].tolist(), strict=True)
            adjoints = _adjoints([of_one(loss, result, target) for result, target in pairs])
        for layer, (pre_activations, activations) in _layers(seen, layers):
            layer.add(pre_activations, activations, adjoints)
    if not layers:
        raise SettingError(f"{model!r} has no module with an attribute weight...: there is no layer to look at.")
    return UnitReport(tuple(layer.signals(str(at)) for at, layer in enumerate(layers.values(), 1)))


def _together(model: Module, count: int) -> Iterator[slice]:
    # One example at a time, where that is the same: its graph is freed before the next is recorded.
    size = count if couples_examples(model) else 1
    for start in range(0, count, size):
        yield slice(start, start + size)


def _watch(model: Module, seen: list[tuple[Module, Rows, Rows]]) -> None:
    """Have every module without parts note in ``seen`` what it is given and what it gives."""

    def noting(module: Module, forward: Callable[[Rows], list[list[Any]]]) -> Callable[[Rows], list[list[Any]]]:
        def noted(examples: Rows) -> list[list[Any]]:
            results = forward(examples)
            seen.append((module, examples, results))
            return results

        return noted

    for module in model.modules():
        if not module.children():
            setattr(module, "forward", noting(module, module.forward))  # noqa: B010  # mypy: a method


def _adjoints(roots: Sequence[Any]) -> dict[int, float]:
    nodes = [root for root in roots if isinstance(root, Value)]
    order = topological_order(nodes)
    return dict(zip(map(id, order), swept(order, {id(root): 1.0 for root in nodes}), strict=True))


class _Layer:
    """What one layer gave so far, an entry per example."""

    def __init__(self, activation: Activation | None) -> None:
        self.activation = activation
        self.units: list[list[float]] = []
        self.slopes: list[list[float]] = []
        self.gradients: list[list[float]] = []

    def add(self, pre_activations: Rows, activations: Rows, adjoints: dict[int, float] | None) -> None:
        """Take in what passed through with one batch."""
        for before, after in zip(pre_activations, activations, strict=True):
            self.units.append([number_of(each) for each in after])
            if self.activation is not None:
                self.slopes.append([each.partials[0] if isinstance(each, Value) else 0.0 for each in after])
            if adjoints is not None:
                self.gradients.append([adjoints.get(id(each), 0.0) for each in before])

    def signals(self, name: str) -> LayerSignals:
        """All of it in a few numbers."""
        units = np.array(self.units)
        count = units.shape[1]
        dead = np.ptp(units, axis=0) == 0.0
        flat = np.zeros(units.shape, dtype=bool)
        if self.activation is not None:
            flat = np.abs(np.array(self.slopes)) < FLAT * _steepest(self.activation)
            name = f"{name}: {self.activation.row.name}"
        saturated = (flat.mean(axis=0) >= MOSTLY) & ~dead
        living = units[:, ~dead]
        alike = living.shape[1] - len(np.unique(living, axis=1).T)
        gradient = float(np.sqrt(np.mean(np.square(self.gradients)))) if self.gradients else None
        return LayerSignals(name, count, float(dead.mean()), float(saturated.mean()), alike / count, float(flat.mean()),
                            float(units.std()), gradient)


def _layers(
    seen: Sequence[tuple[Module, Rows, Rows]], layers: dict[int, _Layer]
) -> list[tuple[_Layer, tuple[Rows, Rows]]]:
    """The layers of one pass with their pre-activations and activations; new ones are put into ``layers``."""
    found: list[tuple[_Layer, tuple[Rows, Rows]]] = []
    for module, given, results in seen:
        if module.weights():
            layer = layers.setdefault(id(module), _Layer(None))
            found.append((layer, (results, results)))
        elif isinstance(module, Activation) and found and found[-1][0].activation in (None, module):
            layer = found[-1][0]
            layer.activation = module
            found[-1] = layer, (given, results)
    return found


def _steepest(activation: Activation) -> float:
    slope = grad(lambda x: activation.row(x, **activation.settings))
    return max(abs(slope(float(x))) for x in np.linspace(-3.0, 3.0, 61))


def _over(top: float, bottom: float) -> float:
    return top / bottom if bottom else (math.inf if top else 1.0)
