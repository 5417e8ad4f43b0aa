"""Random programs of lists of scalars: layers, gathers, sums and stacks, for which vector source has rules."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import autograd_core as ag
from autograd_core.row import Primitive

_UNARY: Sequence[Primitive] = (ag.tanh, ag.sin, ag.sigmoid, ag.softplus, ag.cos, ag.relu, ag.square)
_REDUCTIONS = (ag.total, ag.mean, ag.logsumexp)
_LONGEST = 12


def array_program(seed: int, steps: int) -> Callable[[Sequence[Any], Sequence[Any]], Any]:
    """A function of a list of weights and a list of inputs; the same one for the same seed.

    Every number stays of unit size, and each list made may be read several times, wholly or in part.
    """

    def f(weights: Sequence[Any], inputs: Sequence[Any]) -> Any:
        draw = random.Random(seed)
        lists: list[list[Any]] = [list(weights), list(inputs)]
        for _ in range(steps):
            made = _step(draw, lists)
            if draw.random() < 0.5:
                made = [draw.choice(_UNARY)(each * 0.3) for each in made] if draw.random() < 0.5 else [
                    ag.tanh(each) for each in made]
            lists.append(made[:_LONGEST])
        whole = [each for made in lists[-3:] for each in made]
        return ag.total([each * 0.1 for each in whole]) + draw.choice(draw.choice(lists)) * 0.5

    return f


def _step(draw: random.Random, lists: list[list[Any]]) -> list[Any]:
    kind = draw.choice(
        ["unary", "binary", "scaled", "layer", "gather", "stack", "reduce", "rows", "outer", "constants"])
    one, two = draw.choice(lists), draw.choice(lists[-3:])
    if kind == "unary":
        row = draw.choice(_UNARY)
        return [row(each) for each in one]
    if kind == "binary":
        row = draw.choice([ag.add, ag.sub, ag.mul, ag.maximum, ag.hypot])
        return [ag.tanh(row(a, b)) for a, b in zip(one, two, strict=False)]
    if kind == "scaled":
        factor = draw.choice(two)
        if draw.random() < 0.5:
            return [ag.sin(factor * each) for each in one]
        return [ag.tanh(each - factor) for each in one]
    if kind == "layer":
        return _layer(draw, lists, two)
    if kind == "gather":
        at = draw.choice([range(0, len(one), 2), range(len(one) - 1, -1, -1), range(len(one) // 2, len(one)),
                          [draw.randrange(len(one)) for _ in range(draw.randint(1, 6))], [0], [len(one) - 1] * 3])
        return [ag.sin(one[each] * 0.9) for each in at]
    if kind == "stack":
        return [ag.tanh(each) for each in [*one[:3], 0.5 * two[0], *two[-2:]]]
    if kind == "reduce":
        row, width = draw.choice(_REDUCTIONS), draw.randint(1, 4)
        return [ag.tanh(row([*one[at : at + width], *([0.25] if draw.random() < 0.2 else [])]))
                for at in range(0, len(one), width)]
    if kind == "rows":
        width = draw.randint(1, 3)
        pairs = [(one[at : at + width], two[at : at + width]) for at in range(0, min(len(one), len(two)), width)]
        return [ag.tanh(ag.dot(a, b)) for a, b in pairs if len(a) == len(b)] or [ag.sin(one[0])]
    if kind == "outer":
        return [ag.tanh(a * b) for a in one[:3] for b in two[:3]]
    return [ag.sin(each * (0.5 + 0.25 * at) + 0.1) for at, each in enumerate(one)]


def _layer(draw: random.Random, lists: list[list[Any]], inputs: list[Any]) -> list[Any]:
    """Units of weights that lie in rows, in columns, or anywhere, with a bias or without."""
    source = draw.choice([lists[0], lists[0], draw.choice(lists)])
    inputs = inputs[: draw.randint(1, 4)]
    width, units = len(inputs), draw.randint(1, 4)
    start = draw.randrange(len(source))
    places = [[start + unit * width + at for at in range(width)] for unit in range(units)]
    if draw.random() < 0.3:
        places = [[start + at * units + unit for at in range(width)] for unit in range(units)]
    if draw.random() < 0.2:
        places = [[draw.randrange(len(source)) for _ in range(width)] for _ in range(units)]
    bias = draw.random() < 0.6
    found = []
    for unit, row in enumerate(places):
        a = sum((source[at % len(source)] * z for at, z in zip(row, inputs, strict=True)), 0.0)
        found.append(a + source[(start + unit) % len(source)] if bias else a)
    return found
