"""Optimizers: their update rules as their own code is recorded, and what they do on two known problems."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from autograd_core.derivative_tables import relationships
from autograd_core.formula import number
from autograd_core.primitives import exp, square
from autograd_core.table import Cell, Table
from autograd_core.value import Value
from nn.optimizers import SGD, Adagrad, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSprop
from viz.drawing import draw
from viz.lecture.worked_example import WorkedExample, first_column

Cost = Callable[[Value, Value], Any]
Point = tuple[float, float]

RULES: Mapping[str, tuple[Optimizer, str]] = {
    "gradient descent": (SGD(), ""),
    "momentum": (Momentum(), "v"),
    "Nesterov momentum": (Nesterov(), "v"),
    "Adagrad": (Adagrad(), "s"),
    "RMSprop": (RMSprop(), "s"),
    "Adam": (Adam(), "mv"),
    "AdamW": (AdamW(), "mv"),
}
"""Each optimizer with its default settings, and the letters of what it remembers."""


def optimizers(steps: int = 500) -> WorkedExample:
    """The update rules of momentum, RMSprop, Adam and others, and what they do: a toy, and Rosenbrock's valley.

    ``steps`` are those in the valley.

    >>> optimizers(steps=1).results["rule of momentum"]
    'v_t = 0.9v_t-1 + g_t, theta_t = theta_t-1 - eta v_t'
    """
    updates = {of: recorded_update(rule, letters) for of, (rule, letters) in RULES.items()}
    rules = {of: relationships(theta, wrt=before) for of, (theta, before) in updates.items()}
    momentum, before = updates["momentum"]

    toy_runs = {
        "gradient descent, 0.08": (SGD(0.08), 200),
        "gradient descent, 1": (SGD(1.0), 40),
        "Adam, 0.05": (Adam(0.05, beta_1=0.9, beta_2=0.99), 60),
    }
    toy_ends = {of: point_after(rule, toy, (-0.7, -0.9), count) for of, (rule, count) in toy_runs.items()}

    valley_rules: tuple[Optimizer, ...] = (
        SGD(0.003), Momentum(0.003), Nesterov(0.001), Adagrad(1.0), RMSprop(0.01), Adam(1.0), AdamW(0.3),
    )
    valley_ends = {rule: point_after(rule, rosenbrock, (-1.2, 1.0), steps) for rule in valley_rules}
    return WorkedExample(
        id="optimizers",
        title="Other optimizers: momentum, RMSprop, Adam",
        says="Each turns the gradient g of step t into a step of the parameters θ; η is the learning rate.",
        parts=(
            ("The update rules", rules_table(rules)),
            ("Momentum as a picture", draw(momentum, wrt=before)),
            ("", "The velocity remembers: a gradient acts on every later step too, each time 0.9 times as strongly."),
            ("A toy: from p = (-0.7, -0.9) to the minimum at (0.7, 0)",
             "L = 1 - exp(-2 p₁²) exp(-(p₀ - 0.7)²/8) is steep across and flat along its valley. At a small learning "
             "rate gradient descent creeps along it; at a large one it jumps from side to side. Adam divides every "
             "derivative by its own size, and does neither."),
            ("Where they end", toy_table(toy_runs, toy_ends)),
            (f"Rosenbrock's valley from (-1.2, 1), {steps} steps", valley_table(valley_ends)),
            ("How they were compared",
             "f = (1 - p₀)² + 100 (p₁ - p₀²)² has its minimum 0 at (1, 1). Every optimizer has the learning rate "
             "that is best for it after 500 steps, among 1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003 and 0.0001. "
             "Left out are rates at which the run is chaotic, as with RMSprop at 0.03 and above: from a start that "
             "differs in the twelfth digit it ends elsewhere. This is one problem, without noise. It does not say "
             "which optimizer is best for a network."),
        ),
        values={},
        results={
            **{f"rule of {of}": ", ".join(first_column(rule)) for of, rule in rules.items()},
            **{f"toy by {of}, p_{at}": end[at] for of, end in toy_ends.items() for at in (0, 1)},
            **{f"Rosenbrock by {type(rule).__name__}": cost_at(rosenbrock, end) for rule, end in valley_ends.items()},
        },
        builder=optimizers,
    )


def toy(p_0: Value, p_1: Value) -> Any:
    """L = 1 - exp(-2 p_1^2) exp(-(p_0 - .7)^2 / 8).

    >>> cost_at(toy, (0.7, 0.0))
    0.0
    """
    return 1.0 - exp(-2.0 * square(p_1)) * exp(-square(p_0 - 0.7) / 8.0)


def rosenbrock(p_0: Value, p_1: Value) -> Any:
    """f = (1 - p_0)^2 + 100 (p_1 - p_0^2)^2 (Rosenbrock 1960).

    >>> round(cost_at(rosenbrock, (-1.2, 1.0)), 10)
    24.2
    """
    return square(1.0 - p_0) + 100.0 * square(p_1 - square(p_0))


def point_after(rule: Optimizer, cost: Cost, start: Point, steps: int) -> Point:
    """Where an optimizer is after some steps.

    >>> point_after(SGD(0.25), lambda p_0, p_1: p_0**2 + p_1**2, (1.0, 2.0), steps=2)
    (0.25, 0.5)
    """
    p_0, p_1 = Value(start[0]), Value(start[1])
    bound = rule.bind([p_0, p_1])
    for _ in range(steps):
        bound.zero_grad()
        cost(p_0, p_1).backward()
        bound.step()
    return p_0.data, p_1.data


def cost_at(cost: Cost, point: Point) -> float:
    """The cost at a point, as a number."""
    return float(cost(Value(point[0]), Value(point[1])).data)


def recorded_update(rule: Any, letters: str) -> tuple[Value, list[Value]]:
    """The parameter after update t, recorded while the optimizer's own code ran on Values, and what it came from.

    ``letters`` name what the optimizer remembers, in the order of its slots.
    """
    theta, g = Value(1.0, r"\theta_{t-1}"), Value(2.0, "g_t")
    remembered = {slot: Value(1.0, f"{letter}_{{t-1}}") for slot, letter in zip(rule.slot_names, letters, strict=True)}
    after, slots = rule.moved(theta, g, remembered, Value(0.1, r"\eta"), Value(1.0, "t"))
    for slot, letter in zip(rule.slot_names, letters, strict=True):
        slots[slot].named(f"{letter}_t")
    return after.named(r"\theta_t"), [theta, g, *remembered.values()]


# --- tables -------------------------------------------------------------------------------------


def rules_table(rules: Mapping[str, Table]) -> Table:
    """Every equation of every rule, and its optimizer's settings."""
    rows: list[tuple[Cell, ...]] = [
        (of if at == 0 else "", row[0]) for of, rule in rules.items() for at, row in enumerate(rule.rows)
    ]
    note = "With the default settings; what is remembered begins at 0, and t counts updates from 1."
    return Table(("optimizer", "its rule"), tuple(rows), note)


def toy_table(runs: Mapping[str, tuple[Optimizer, int]], ends: Mapping[str, Point]) -> Table:
    """Where each run on the toy ended."""
    rows = tuple(
        (written(rule), str(steps), *map(rounded, ends[of]), rounded(cost_at(toy, ends[of])))
        for of, (rule, steps) in runs.items()
    )
    return Table(("optimizer", "steps", "p₀", "p₁", "L"), rows)


def valley_table(ends: Mapping[Optimizer, Point]) -> Table:
    """Where each optimizer ended in the valley, the lowest first."""
    costs = {rule: cost_at(rosenbrock, end) for rule, end in ends.items()}
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (written(rule), *map(rounded, ends[rule]), number(costs[rule])) for rule in sorted(ends, key=costs.__getitem__)
    )
    return Table(("optimizer", "p₀", "p₁", "f"), rows)


def written(rule: Optimizer) -> str:
    """An optimizer with its learning rate and those of its other settings that are not the default.

    >>> written(Adam(0.05, beta_2=0.99))
    'Adam(learning_rate=0.05, beta_2=0.99)'
    """
    settings = [each.name for each in fields(rule)]
    defaults = {each.name: each.default for each in fields(rule) if each.name != "learning_rate"}
    changed = [each for each in settings if getattr(rule, each) != defaults.get(each)]
    return f"{type(rule).__name__}({', '.join(f'{setting}={getattr(rule, setting):g}' for setting in changed)})"


def rounded(coordinate: float) -> str:
    """A number with three decimals, without the sign of a rounded zero.

    >>> rounded(-0.0001), rounded(0.66789)
    ('0.000', '0.668')
    """
    return f"{round(coordinate, 3) + 0.0:.3f}"
