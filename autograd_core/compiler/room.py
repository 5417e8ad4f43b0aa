"""An array that is filled part by part: which parts are first, so that they are assigned and not added."""

from __future__ import annotations

import numpy as np

from autograd_core.compiler.plan import Index


class Room:
    """Positions 0 to ``size - 1`` of an array, and which were given yet.

    >>> room = Room(4)
    >>> room.give(np.array([0, 1])), room.give(np.array([1, 2])), room.is_filled
    (True, False, False)
    >>> room = Room(2)
    >>> room.give(np.array([0])), room.give(np.array([1])), room.is_filled
    (True, True, True)
    """

    def __init__(self, size: int) -> None:
        self._given = np.zeros(size, bool)
        self._begins_at_zero = False

    def give(self, positions: Index) -> bool:
        """Note that these positions, each once, are given; whether none of them was before."""
        is_first = not self._given[positions].any()
        if not is_first:
            self.add(positions)
        self._given[positions] = True
        return is_first

    def add(self, positions: Index | slice = slice(None)) -> None:
        """Note that something is added at these positions, all if they are left out."""
        self._begins_at_zero |= not self._given[positions].all()
        self._given[positions] = True

    @property
    def is_filled(self) -> bool:
        """Whether every position was given before anything was added to it."""
        return not self._begins_at_zero and bool(self._given.all())
