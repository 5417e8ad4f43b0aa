"""The command ``mutants``: the table mutant x verdict of the gradient checker."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from autograd_core.errors import OperandError
from autograd_core.table import Table
from autograd_core.testing.mutants import MUTANTS, find_mutant
from autograd_core.testing.trials import Trial, try_mutant
from viz.console_text import say


def try_mutants(names: Sequence[str] = (), functions: int = 25, seed: int = 0) -> bool:
    """Print for each mutant, or for those named, how often the checker catches it, and say whether it always does.

    ``functions`` are how many random functions each mutant spoils, ``seed`` which.  Raises
    :class:`~autograd_core.errors.NamingError` for a name that no mutant has and
    :class:`~autograd_core.errors.OperandError` for a number of functions below 1 or a seed below 0.

    >>> try_mutants(["assign"], functions=5)
    mutant  verdict        the mistake
    ------  -------------  --------------------------------------------------------------------------------------------
    assign  caught 5 of 5  Contributions are assigned (=) instead of added (+=): only the last reader of a node counts.
    1 of 1 mutants were caught wherever they change a gradient.
    True
    """
    if functions < 1 or seed < 0:
        raise OperandError(f"Mutants need at least 1 function and a seed of at least 0; got {functions} and {seed}.")
    chosen = [find_mutant(name) for name in dict.fromkeys(names)] or MUTANTS
    trials = []
    for at, mutant in enumerate(chosen, 1):
        say(f"[{at}/{len(chosen)}] {mutant.name}", sys.stderr)
        trials.append(try_mutant(mutant, functions, seed))
    rows = tuple((trial.mutant.name, _verdict(trial), trial.mutant.says) for trial in trials)
    say(Table(("mutant", "verdict", "the mistake"), rows))
    for trial in trials:
        for f in trial.missed[:1]:
            say(f"{trial.mutant.name} was missed in: {f.text}")
    say(f"{sum(map(bool, trials))} of {len(trials)} mutants were caught wherever they change a gradient.")
    return all(trials)


def _verdict(trial: Trial) -> str:
    if not trial.spoiled:
        return "changed nothing"
    return f"caught {trial.caught} of {trial.spoiled}"
