"""Trials: how many of a mutant's wrong gradients the checker catches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autograd_core import primitives as rows
from autograd_core.errors import OperandError
from autograd_core.testing.expressions import Expression, draw_expression
from autograd_core.testing.gradient_check import gradcheck
from autograd_core.testing.mutants import Mutant, is_equivalent

_COMPANY = tuple(row.name for row in (rows.add, rows.mul, rows.sin))
"""What stands around the row with the mistake, so that a small function has it."""

_MOST_STEPS = 6
_MOST_DRAWS = 40


@dataclass(frozen=True)
class Trial:
    """What came of a ``mutant`` in random functions: how many of those it spoils were ``caught``, which ``missed``.

    ``unchanged`` counts the functions drawn besides, whose gradient the mutant does not change: nobody could
    catch it there.  A trial is true if the mutant spoiled something and nothing was missed.
    """

    mutant: Mutant
    caught: int
    missed: tuple[Expression, ...]
    unchanged: int

    @property
    def spoiled(self) -> int:
        """On how many functions the mutant changes a gradient.

        >>> from autograd_core.testing.mutants import find_mutant
        >>> Trial(find_mutant("assign"), caught=24, missed=(), unchanged=3).spoiled
        24
        """
        return self.caught + len(self.missed)

    def __bool__(self) -> bool:
        return self.spoiled > 0 and not self.missed


def try_mutant(mutant: Mutant, functions: int = 25, rng: int | np.random.Generator = 0) -> Trial:
    """Plant the mutant in random functions until ``functions`` of them have a wrong gradient, and check each.

    There may be fewer functions in the end, if the mutant changes next to nothing.  To be undecided is not to
    catch.  Raises :class:`OperandError` unless there is at least one function to check.

    >>> from autograd_core.testing.mutants import find_mutant
    >>> try_mutant(find_mutant("sin-sign"), functions=3).caught
    3
    """
    if functions < 1:
        raise OperandError(f"A trial needs at least one function; got {functions}.")
    generator = np.random.default_rng(rng)
    names = None if mutant.row is None else list(dict.fromkeys((mutant.row.name, *_COMPANY)))
    caught, unchanged, missed = 0, 0, []
    for _ in range(_MOST_DRAWS * functions):
        f = draw_expression(generator, 2, names, _MOST_STEPS, sharing=mutant.row is None)
        if all(is_equivalent(mutant, f, f.point, sweeps=count) for count in (1, 2)):
            unchanged += 1
        elif _is_caught(mutant, f):
            caught += 1
        else:
            missed.append(f)
        if caught + len(missed) == functions:
            break
    return Trial(mutant, caught, tuple(missed), unchanged)


def _is_caught(mutant: Mutant, f: Expression) -> bool:
    with mutant.applied():
        report = gradcheck(f, *f.point)
    return any(not entry.is_good and entry.verdict != "inconclusive" for entry in report.entries)
