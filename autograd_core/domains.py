"""Where an operation is defined: one interval per operand, or one predicate over all of them.

A domain answers two questions: whether operands lie inside (numbers or arrays alike), and
which operands a test should try.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Interval:
    """The numbers from ``low`` to ``high``, each end belonging to it or not, without the ``holes``.

    >>> POSITIVE.contains(0.0), NON_NEGATIVE.contains(0.0)
    (False, True)
    """

    low: float = -math.inf
    high: float = math.inf
    includes_low: bool = False
    includes_high: bool = False
    holes: tuple[float, ...] = ()

    def contains(self, x: Any) -> Any:
        """Whether ``x`` (a number or an array) lies inside; an infinite end never excludes."""
        inside = (self.low <= x) if self.includes_low else (self.low < x)
        inside = inside & ((x <= self.high) if self.includes_high else (x < self.high))
        for hole in self.holes:
            inside = inside & (x != hole)
        return inside

    @property
    def javascript(self) -> str:
        """The condition as the source of a function of one number; it need not answer for infinite ones."""
        ends = [f"{float(self.low)!r} {'<=' if self.includes_low else '<'} x"] if self.low > -math.inf else []
        ends += [f"x {'<=' if self.includes_high else '<'} {float(self.high)!r}"] if self.high < math.inf else []
        return "x => " + (" && ".join([*ends, *(f"x !== {float(hole)!r}" for hole in self.holes)]) or "true")

    def sample(self, rng: np.random.Generator) -> float:
        """One number inside: of unit scale, of wide magnitude, or close to an end."""
        while True:
            x = self._draw(rng)
            if self.contains(x):
                return x

    def _draw(self, rng: np.random.Generator) -> float:
        ends = [end for end in (self.low, self.high, *self.holes) if math.isfinite(end)]
        scale = 10.0 ** rng.uniform(-8, 4) if rng.random() < 0.3 else rng.uniform(0, 4)
        if ends and rng.random() < 0.5:
            return float(rng.choice(ends) + rng.choice([-1.0, 1.0]) * scale)
        return float(rng.choice([-1.0, 1.0]) * scale)

    def __str__(self) -> str:
        left, right = "[" if self.includes_low else "(", "]" if self.includes_high else ")"
        without = f" without {', '.join(f'{hole:g}' for hole in self.holes)}" if self.holes else ""
        return f"{left}{self.low:g}, {self.high:g}{right}{without}"


REALS = Interval()
POSITIVE = Interval(low=0.0)
NON_NEGATIVE = Interval(low=0.0, includes_low=True)
NON_ZERO = Interval(holes=(0.0,))


@dataclass(frozen=True)
class Box:
    """One interval per operand; a single interval repeated serves an operation of any number of them."""

    intervals: tuple[Interval, ...]

    def contains(self, *operands: Any) -> Any:
        """Whether every operand lies in its interval (numbers or arrays)."""
        inside: Any = True
        for position, operand in enumerate(operands):
            inside = inside & self._interval(position).contains(operand)
        return inside

    @property
    def javascript(self) -> str:
        """The condition as the source of a function of all operands."""
        conditions = ", ".join(interval.javascript for interval in self.intervals)
        return f"(...xs) => xs.every((x, at) => [{conditions}][Math.min(at, {len(self.intervals) - 1})](x))"

    def sample(self, rng: np.random.Generator, count: int) -> tuple[float, ...]:
        """``count`` operands inside."""
        return tuple(self._interval(position).sample(rng) for position in range(count))

    def _interval(self, position: int) -> Interval:
        return self.intervals[min(position, len(self.intervals) - 1)]

    def __str__(self) -> str:
        return " x ".join(map(str, self.intervals))


@dataclass(frozen=True)
class Region:
    """A joint condition on all operands, in words, with a sampler that draws operands inside it.

    ``javascript`` is the condition as the source of a function; without it a page takes all numbers to be inside.
    """

    words: str
    predicate: Callable[..., Any]
    sampler: Callable[[np.random.Generator], tuple[float, ...]]
    javascript: str = "() => true"

    def contains(self, *operands: Any) -> Any:
        """Whether the operands together satisfy the condition (numbers or arrays)."""
        return self.predicate(*operands)

    def sample(self, rng: np.random.Generator, count: int) -> tuple[float, ...]:
        """Operands inside; ``count`` is always the number the condition is about."""
        return self.sampler(rng)

    def __str__(self) -> str:
        return self.words


Domain = Box | Region
