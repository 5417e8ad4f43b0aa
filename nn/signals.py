"""What flows through a network: how activations and gradients fare by layer (LECTURE rows 17, 18 and 22)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_core.sweeps import swept, topological_order
from autograd_core.table import Table
from autograd_core.transforms import grad
from autograd_core.value import Value
from nn.errors import SettingError
from nn.findings import Findings, counted, number, percent
from nn.gradients import couples_examples, of_one
from nn.layers import Activation
from nn.losses import Loss
from nn.module import Module, number_of
from nn.preparation import examples as checked_examples
from nn.preparation import paired
from nn.recipe_inputs import require_two

Rows = Sequence[Sequence[Any]]

MANY = 0.2  # of a layer's units
FLAT = 0.01  # of an activation's steepest slope
MOSTLY = 0.9  # of the examples
RATIO = 100.0  # between the first layer and the last


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
                found.append(f"{percent(layer.dead)} of the units of layer {layer.name} are dead: they give the same "
                             "for every example.")
            if layer.saturated > MANY:
                found.append(f"{percent(layer.saturated)} of the units of layer {layer.name} are saturated: for nearly "
                             "all examples the slope there is next to 0.")
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
    require_two(table)
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

    for module in {id(each): each for each in model.modules()}.values():
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
            name = f"{name} ({self.activation.row.name})"
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
    slopes: list[float] = [abs(slope(float(x))) for x in np.linspace(-3.0, 3.0, 61)]
    return max(slopes)


def _over(top: float, bottom: float) -> float:
    return top / bottom if bottom else (math.inf if top else 1.0)
