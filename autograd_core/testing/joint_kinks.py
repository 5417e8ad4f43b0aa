"""Gradients at a kink of several inputs: each component may be legal alone, and their vector not.

At (1, 1) the one-sided derivatives of max(x, y) are 0 and 1 along either input, yet along (1, 1) its slope is 1, and
the gradient (1, 1) would make it 2.  A subgradient lies between the one-sided slopes along every direction (Rockafellar
1970, Convex Analysis, theorem 23.2) of a function that is convex there, or concave.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from autograd_core.testing.report import Entry

Slopes = Callable[[Sequence[float]], tuple[float, float, float] | None]
"""The slopes behind and ahead along a direction of the inputs, and their error; None where they are unknown."""

_RANDOM = 3
_PIECES = 40
_ASIDE = 1.0 / 64.0


def judged_jointly(
    entries: list[Entry], slopes: Slopes, rng: np.random.Generator, absolute: float = 0.0
) -> list[Entry]:
    """The entries, those that are legal alone but not together marked so.

    Where the function bends up along one direction and down along another, nothing is said: a subgradient need
    not lie between its one-sided slopes there.
    """
    kinks = [at for at, entry in enumerate(entries) if entry.verdict == "kink" and entry.legal]
    if len(kinks) < 2:
        return entries
    joint = _Joint(entries, kinks, slopes, absolute)
    directions = list(joint.directions(rng))
    found = next((each for each in directions if joint.is_outside(each)), None)
    if found is None or not joint.bends_one_way(directions) or joint.is_on_a_piece(found, rng):
        return entries
    found = joint.shortest(found)
    left, right, _ = slopes(found) or (math.nan, math.nan, 0.0)
    moved = {entries[at].name: found[at] for at in kinks if found[at]}
    note = (
        f"not legal together: along ({', '.join(f'{by:.3g} {name}' for name, by in moved.items())}) the slopes are "
        f"{left:.6g} and {right:.6g}, and the gradient makes it {joint.product(found):.6g}."
    )
    return [
        replace(entry, legal=False, note=f"{entry.note} {note}") if at in kinks and found[at] else entry
        for at, entry in enumerate(entries)
    ]


class _Joint:
    """The kinks among the entries, taken together; a direction has a component for every entry."""

    def __init__(self, entries: Sequence[Entry], kinks: Sequence[int], slopes: Slopes, absolute: float) -> None:
        self.entries, self.kinks, self.slopes, self.absolute = entries, kinks, slopes, absolute

    def directions(self, rng: np.random.Generator) -> Iterator[list[float]]:
        """All ones, alternating signs, the gradient, and random ones."""
        count = len(self.kinks)
        yield self._whole([1.0] * count)
        yield self._whole([(-1.0) ** at for at in range(count)])
        largest = max(abs(self.entries[at].gradient) for at in self.kinks)
        if largest > 0.0:
            yield self._whole([self.entries[at].gradient / largest for at in self.kinks])
        for _ in range(_RANDOM):
            yield self._whole(rng.choice([-1.0, 1.0], count).tolist())
            yield self._whole(rng.uniform(-1.0, 1.0, count).tolist())

    def product(self, direction: Sequence[float]) -> float:
        """The slope that the gradient makes along a direction."""
        return math.fsum(entry.gradient * by for entry, by in zip(self.entries, direction, strict=True) if by)

    def is_outside(self, direction: Sequence[float]) -> bool:
        """Whether that slope lies outside the function's one-sided slopes."""
        found = self._slopes(direction)
        if found is None:
            return False
        low, high = sorted(found[:2])
        return not low - found[2] <= self.product(direction) <= high + found[2]

    def bends_one_way(self, directions: Sequence[Sequence[float]]) -> bool:
        """Whether no input and none of the directions bends the other way than another does."""
        bends = [(entry.left, entry.right, entry.tolerance * entry.scale) for entry in self.entries]
        found = [each for at, each in enumerate(bends) if at in self.kinks]
        found += [each for each in map(self._slopes, directions) if each is not None]
        gaps = [((right or 0.0) - (left or 0.0), allowed) for left, right, allowed in found]
        return all(gap >= -allowed for gap, allowed in gaps) or all(gap <= allowed for gap, allowed in gaps)

    def is_on_a_piece(self, direction: Sequence[float], rng: np.random.Generator) -> bool:
        """Whether the smooth pieces beside the point reach as far as the gradient along a direction."""
        wanted = self.product(direction)
        low, high = math.inf, -math.inf
        for _ in range(_PIECES):
            beside = self._whole(rng.normal(size=len(self.kinks)).tolist())
            aside = [one + _ASIDE * by for one, by in zip(beside, direction, strict=True)]
            there, here = self._slopes(aside), self._slopes(beside)
            if there is not None and here is not None:
                error = (there[2] + here[2]) / _ASIDE
                slope = (there[1] - here[1]) / _ASIDE
                low, high = min(low, slope - error), max(high, slope + error)
            if low <= wanted <= high:
                return True
        return False

    def shortest(self, direction: Sequence[float]) -> list[float]:
        """The direction without the inputs that are not to blame."""
        found = list(direction)
        for at in self.kinks:
            without = [0.0 if place == at else by for place, by in enumerate(found)]
            if any(without) and self.is_outside(without):
                found = without
        return found

    def _slopes(self, direction: Sequence[float]) -> tuple[float, float, float] | None:
        """Slopes that are certain, with what they may be off."""
        found = self.slopes(direction)
        if found is None or not all(map(math.isfinite, found)):
            return None
        left, right, error = found
        size = allowed = 0.0
        for entry, by in zip(self.entries, direction, strict=True):
            if by:
                largest = max(entry.scale, abs(entry.left or 0.0), abs(entry.right or 0.0))
                size += abs(by) * largest
                allowed += abs(by) * (entry.tolerance * largest + self.absolute)
        return (left, right, error + allowed) if error <= 1e-3 * size else None

    def _whole(self, components: Sequence[float]) -> list[float]:
        direction = [0.0] * len(self.entries)
        for at, by in zip(self.kinks, components, strict=True):
            direction[at] = float(by)
        return direction
