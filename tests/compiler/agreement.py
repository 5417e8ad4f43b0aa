"""Eager values and gradients of random expressions, with the bound within which a compiled program must agree."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from autograd_core import Value
from autograd_core import primitives as rows
from autograd_core.compiler.compiled import Compiled
from autograd_core.errors import DomainError
from autograd_core.sweeps import swept, topological_order
from autograd_core.testing import Expression

_EPSILON = sys.float_info.epsilon


@dataclass(frozen=True)
class Answer:
    """A value and a gradient, the rounding either may have, and whether every number on the way is finite."""

    value: float
    gradient: list[float]
    value_bound: float
    bounds: list[float]
    is_finite: bool


def eager_answer(f: Callable[..., Any], point: Sequence[float]) -> Answer:
    """What Values give, with sixteen units in the last place of the sum of |paths| for every node as bound."""
    leaves = [Value(x) for x in point]
    y = f(*leaves)
    if not isinstance(y, Value):
        return Answer(y, [0.0] * len(point), 64.0 * _EPSILON * max(1.0, abs(y)), [0.0] * len(point), True)
    order = topological_order((y,))
    adjoints = dict(zip(map(id, order), swept(order, {id(y): 1.0}), strict=True))
    scales = dict.fromkeys(map(id, order), 0.0)
    scales[id(y)] = 1.0
    for node in reversed(order):
        for operand, partial in zip(node.operands, node.partials or (), strict=False):
            if isinstance(operand, Value) and scales[id(node)]:
                scales[id(operand)] += scales[id(node)] * abs(partial)
    rounding = 16.0 * _EPSILON * (1 + len(order))
    numbers = [each.data for each in order] + [each for node in order for each in node.partials or ()]
    return Answer(
        y.data, [adjoints.get(id(leaf), 0.0) for leaf in leaves],
        rounding * math.fsum(min(scales[id(node)] * abs(node.data), 1e300) for node in order),
        [rounding * scales.get(id(leaf), 0.0) for leaf in leaves],
        all(map(math.isfinite, [*numbers, *adjoints.values()])),
    )


def noisy_answer(f: Expression, point: Sequence[float], seed: int) -> tuple[float, list[float]]:
    """The value and gradient with every number on the way moved by up to four units in the last place."""
    leaves = [Value(x) for x in point]
    y = f(*leaves, ops=_Moved(random.Random(seed)))
    y.backward()
    return y.data, [leaf.grad for leaf in leaves]


def with_noise(answer: Answer, f: Expression, point: Sequence[float]) -> Answer:
    """The answer with bounds that also hold what rounding on the way does to numbers that are sensitive to it."""
    value_bound, bounds = answer.value_bound, list(answer.bounds)
    for seed in range(3):
        try:
            value, gradient = noisy_answer(f, point, seed)
        except DomainError:
            return Answer(answer.value, answer.gradient, math.inf, [math.inf] * len(bounds), answer.is_finite)
        value_bound = max(value_bound, 8.0 * abs(value - answer.value))
        bounds = [max(bound, 8.0 * abs(each - own))
                  for bound, each, own in zip(bounds, gradient, answer.gradient, strict=True)]
    return Answer(answer.value, answer.gradient, value_bound, bounds, answer.is_finite)


def mean_answer(answers: Sequence[Answer]) -> Answer:
    """That of the mean over lanes; the gradients are those to what the lanes share."""
    count = len(answers)
    return Answer(
        math.fsum(each.value for each in answers) / count,
        [math.fsum(column) / count for column in zip(*(each.gradient for each in answers), strict=True)],
        math.fsum(each.value_bound for each in answers) / count
        + 8.0 * _EPSILON * math.fsum(abs(each.value) for each in answers),
        [math.fsum(column) / count for column in zip(*(each.bounds for each in answers), strict=True)],
        all(each.is_finite for each in answers),
    )


def assert_agrees(found: tuple[float, Any], expected: Answer, at: Sequence[int] | None = None) -> None:
    """The value, and the gradient to the leaves ``at``, by default to all, are within the bounds."""
    value, gradient = found
    places = range(len(expected.gradient)) if at is None else at
    assert agree(value, expected.value, expected.value_bound), (value, expected.value, expected.value_bound)
    for own, place in zip(np.ravel(gradient), places, strict=True):
        other, bound = expected.gradient[place], expected.bounds[place]
        assert agree(float(own), other, bound), (place, float(own), other, bound)


def agree(one: float, other: float, bound: float) -> bool:
    """Whether two numbers are the same, nan included, or as close as the bound."""
    if math.isnan(bound) or math.isinf(bound):
        return True
    return one == other or (one != one and other != other) or abs(one - other) <= bound + 1e-300


def directly(compiled: Compiled, given: Sequence[Any]) -> tuple[float, list[float]]:
    """What the generated function itself gives, without the replay that would hide its failures."""
    with np.errstate(invalid="raise", divide="raise", over="ignore", under="ignore"):
        value, gradients, _ = compiled.value_and_grad(*compiled.inputs(given))
    return float(value), [float(each) for gradient in gradients for each in np.ravel(gradient)]


def check(program: Any, arguments: list[Any], expected: Answer | DomainError, at: list[int] | None = None) -> None:
    """The value and gradient agree twice, or the error does; numbers that are all finite need no replay."""
    if isinstance(expected, DomainError):
        for call in (program, program.value_and_grad):
            with pytest.raises(DomainError):
                call(*arguments)
        return
    for _ in range(2):
        value, gradient = program.value_and_grad(*arguments)
        parts = gradient if isinstance(gradient, tuple) else (gradient,)
        assert_agrees((value, [each for part in parts for each in np.ravel(part)]), expected, at)
    assert_agrees((program(*arguments), []), expected, [])
    if expected.is_finite:
        directly(program.trace(*arguments), arguments)


def eagerly(f: Callable[..., Any], point: Any) -> Answer | DomainError:
    try:
        found = eager_answer(f, point)
        return with_noise(found, f, point) if isinstance(f, Expression) else found
    except DomainError as error:
        return error


class _Moved:
    def __init__(self, draw: random.Random) -> None:
        self.draw = draw

    def __getattr__(self, name: str) -> Any:
        row = rows.find_primitive(name)
        if row is None:
            raise AttributeError(name)
        return lambda *operands: row(*operands) * (1.0 + 4.0 * _EPSILON * self.draw.uniform(-1.0, 1.0))
