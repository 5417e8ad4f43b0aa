"""Are the gradients right: their numbers, and what they reach (LECTURE row 22)."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_core.primitives import mean
from autograd_core.sweeps import swept, topological_order
from autograd_core.table import Table
from autograd_core.testing.gradient_check import gradcheck
from autograd_core.testing.report import Report
from autograd_core.value import Parameter, Value
from nn.findings import Findings, counted, listed
from nn.gradients import losses
from nn.layers import Sequential
from nn.losses import Loss
from nn.module import Module
from nn.preparation import examples as checked_examples
from nn.recipe_inputs import Floats, require_count, require_two, with_targets

Rows = Sequence[Sequence[Any]]

SHOWN = 8


# --- the numbers --------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class GradientCheck(Findings):
    """The verdict on the derivative of the mean loss by each parameter; ``report`` is that of the gradient checker."""

    report: Report
    examples: int

    @property
    def ok(self) -> bool:
        """Whether every derivative is right, or at a kink between the one-sided ones."""
        return bool(self.report)

    @property
    def heading(self) -> str:
        parameters = counted(len(self.report.entries), "parameter")
        return f"Gradients of {parameters}, on {counted(self.examples, 'example')}"

    @property
    def tables(self) -> tuple[Table, ...]:
        verdicts = list(self.report.verdicts.values())
        counts = Table(
            ("verdict", "parameters"),
            tuple((verdict, str(verdicts.count(verdict))) for verdict in sorted(set(verdicts))),
        )
        rows = self.report.table.rows
        bad = [row for row, entry in zip(rows, self.report.entries, strict=True) if not entry.is_good]
        return (counts, Table(self.report.table.header, tuple(bad[:SHOWN]))) if bad else (counts,)

    @property
    def verdict(self) -> str:
        against = f"Held against {self.report.oracle}."
        bad = [entry for entry in self.report.entries if not entry.is_good]
        if not bad:
            return f"Every derivative is right. {against}"
        wrong = [entry for entry in bad if entry.verdict != "inconclusive"]
        said = f"{len(wrong)} of {counted(len(self.report.entries), 'derivative')} are wrong." if wrong else (
            f"Nothing was proved for {counted(len(bad), 'derivative')}: {bad[0].note}"
        )
        culprit = f" The mistake: {self.report.culprit.sentence}" if self.report.culprit else ""
        return f"{said}{culprit} {against}"


def check_gradients(model: Module, X: Any, y: Any, loss: Loss, examples: int = 4) -> GradientCheck:
    """Check the derivative of the mean loss by every parameter, on the first ``examples`` of X.

    A loss falls even along a gradient that is a little wrong; this is the check that tells.  It is
    :func:`autograd_core.testing.gradcheck`: every local derivative anew at 50 digits where the extra ``testing`` is
    installed, differences otherwise.  It is slow for units with many inputs, and a small network of the same kind
    tells as much.  The model is taken in its present mode.  Raises :class:`DataError` and :class:`ShapeError`.

    >>> from nn import MLP, half_squared_error
    >>> check_gradients(MLP([1, 2, 1]), [[1.0], [2.0]], [1.0, 3.0], half_squared_error).ok
    True
    """
    X, targets = with_targets(model, X, y, loss)
    require_count(examples, "examples is how many to check the gradient on")
    f = _MeanLoss(copy.deepcopy(model), loss, X[:examples], targets[:examples])
    return GradientCheck(gradcheck(f, f.point), len(f.X))


class _MeanLoss:
    """The mean loss as a function of the parameters."""

    def __init__(self, model: Module, loss: Loss, X: Floats, targets: Floats) -> None:
        named = model.named_parameters()
        self.__name__ = "the mean loss"
        self.input_names = [name or f"parameter {at}" for at, (name, _) in enumerate(named, 1)]
        self.point = [parameter.data for _, parameter in named]
        self.model, self.loss, self.X, self.targets = model, loss, X, targets

    def __call__(self, scalars: Sequence[Any]) -> Any:
        twin = copy.deepcopy(self.model)  # each time the same draws of Dropout
        by_identity = dict(zip(map(id, twin.parameters()), scalars, strict=True))
        for module in list(twin.modules()):
            for attribute, thing in list(vars(module).items()):
                setattr(module, attribute, _replaced(thing, by_identity))
        return mean(losses(twin, self.loss, self.X, self.targets))


def _replaced(thing: Any, by_identity: dict[int, Any]) -> Any:
    if isinstance(thing, Parameter):
        return by_identity[id(thing)]
    if type(thing) in (list, tuple):
        return type(thing)(_replaced(each, by_identity) for each in thing)
    return thing


# --- what they reach ----------------------------------------------------------------------------


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
                f"The output of example {listed(self.independent)} does not depend on its own inputs: the graph is "
                f"cut, a weight is 0, or units are dead.{coupling}"
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
    require_two(table)
    twin = copy.deepcopy(model)
    twin.outputs_of(table)  # a wrong width is refused here
    coupling = [module for module in twin.modules() if module.couples_examples and module.training]
    generator = np.random.default_rng(rng)
    in_mode, _ = _dependency(twin, table, generator)
    for module in coupling:
        module.training = False
    gradients, mixed_by = _dependency(twin, table, generator)
    return GradientDependency(gradients, in_mode, tuple(map(_called, coupling)), mixed_by)


def _dependency(model: Module, X: Floats, rng: np.random.Generator) -> tuple[Floats, str]:
    """The norms of the gradients, and the first layer after which examples are mixed."""
    inputs = [[Value(scalar) for scalar in row] for row in X.tolist()]
    results: Rows = inputs
    mixed_by = ""
    for layer in model.layers if isinstance(model, Sequential) else [model]:
        results = layer.forward(results)
        norms = np.array([_norms(row, inputs, rng) for row in results])
        if not mixed_by and isinstance(model, Sequential) and (norms[~np.eye(len(X), dtype=bool)] != 0.0).any():
            mixed_by = _called(layer)
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


def _called(module: Module) -> str:
    return type(module).__name__ if type(module).__repr__ is object.__repr__ else repr(module)
