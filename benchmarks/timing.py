"""Paired timing: contenders whose answers agree take turns, and ratios are those of the same turn."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Answer = tuple[float, Any]


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    ``call`` is all that is timed; ``answer`` reads the value and the gradient from what it returned, in the order of
    everybody else.  ``collects`` False has Python's cyclic collector off while it runs.
    """

    name: str
    call: Callable[[], Any]
    answer: Callable[[Any], Answer] = tuple
    collects: bool = True


class MissingError(ImportError):
    """What a contender needs, a compiler or an option, is not there."""


Maker = Callable[[], Contender | Iterable[Contender]]


@dataclass(frozen=True)
class Effort:
    """How long is measured: turns at most, seconds of a turn, seconds for a slow contender in all; and by what clock.

    ``quick`` asks for small sizes too.
    """

    turns: int
    turn_seconds: float
    seconds: float
    quick: bool
    clock: Callable[[], float] = time.perf_counter


THOROUGH = Effort(turns=201, turn_seconds=0.005, seconds=20.0, quick=False)
QUICK = Effort(turns=31, turn_seconds=0.002, seconds=2.0, quick=True)
_SLOW = 10  # turns' seconds


@dataclass(frozen=True)
class Target:
    """``ours`` may take ``limit`` times as long as ``peer``."""

    ours: str
    peer: str
    limit: float = 1.0


@dataclass(frozen=True)
class Limit:
    """``ours`` may take so many seconds."""

    ours: str
    seconds: float


@dataclass
class Timings:
    """Seconds of a call by contender and turn; None where a contender sat a turn out."""

    seconds: dict[str, list[float | None]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        """The median over the turns."""
        return statistics.median(each for each in self.seconds[name] if each is not None)

    def quartiles(self, name: str) -> tuple[float, float]:
        """The lower and the upper quartile over the turns."""
        taken = [each for each in self.seconds[name] if each is not None]
        if len(taken) < 2:
            return taken[0], taken[0]
        lower, _, upper = statistics.quantiles(taken, n=4, method="inclusive")
        return lower, upper

    def ratio(self, name: str, base: str) -> float:
        """The median of the ratios of the turns that both took."""
        pairs = zip(self.seconds[name], self.seconds[base], strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs if mine is not None and theirs is not None)


def gather(makers: Iterable[Maker]) -> tuple[list[Contender], list[str]]:
    """The contenders that can run here, and a sentence for each that cannot."""
    contenders: list[Contender] = []
    skipped: list[str] = []
    for make in makers:
        try:
            made = make()
            contenders += [made] if isinstance(made, Contender) else list(made)
        except ImportError as missing:
            skipped.append(f"Skipped, {make.__name__.replace('_', ' ')}: {missing}.")
    return contenders, skipped


def require_agreement(contenders: Sequence[Contender], tolerance: float = 1e-9) -> None:
    """``AssertionError`` unless all values and gradients are those of the first, relative to its largest number."""
    expected: tuple[float, np.ndarray] | None = None
    for contender in contenders:
        value, gradient = contender.answer(contender.call())
        found = float(value), np.array(gradient, dtype=np.float64).reshape(-1)
        expected = expected or found
        scale = max(abs(expected[0]), float(np.abs(expected[1]).max()))
        apart = max(abs(found[0] - expected[0]), float(np.abs(found[1] - expected[1]).max()))
        if not apart <= tolerance * scale:
            raise AssertionError(f"{contender.name} differs by {apart:.1e}, where numbers are as large as {scale:.1e}.")


@contextmanager
def frozen() -> Iterator[None]:
    """Within the block the cyclic collector scans only what is made in it, and nothing of what libraries imported."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def measure(contenders: Sequence[Contender], base: str, effort: Effort) -> Timings:
    """Time the contenders in turns, each a batch of calls, in an order that rotates.

    The slow ones take turns after the fast ones, with ``base`` once more among them, so that what is compared was
    measured within a moment.
    """
    timings = Timings({each.name: [] for each in contenders})
    with frozen():
        once = {each.name: max(1e-7, min(_turn(each, 1, effort.clock) for _ in range(3))) for each in contenders}
        slow = {name for name, seconds in once.items() if seconds > _SLOW * effort.turn_seconds and name != base}
        _take_turns([each for each in contenders if each.name not in slow], once, effort.turns, effort, timings)
        if slow:
            spent = sum(once[name] for name in slow) / len(slow)
            turns = min(effort.turns, max(3, round(effort.seconds / spent)))
            _take_turns([each for each in contenders if each.name in slow | {base}], once, turns, effort, timings)
    return timings


def _take_turns(
    contenders: Sequence[Contender], once: dict[str, float], turns: int, effort: Effort, timings: Timings
) -> None:
    for turn in range(turns):
        for taken in timings.seconds.values():
            taken.append(None)
        start = turn % len(contenders)
        for contender in [*contenders[start:], *contenders[:start]]:
            count = max(1, round(effort.turn_seconds / once[contender.name]))
            timings.seconds[contender.name][-1] = _turn(contender, count, effort.clock)


def _turn(contender: Contender, count: int, clock: Callable[[], float]) -> float:
    """Seconds of a call in a batch, in caches that a call before it has warmed."""
    call = contender.call
    if count > 1:
        call()
    gc.collect()
    if not contender.collects:
        gc.disable()
    start = clock()
    for _ in range(count):
        call()
    spent = clock() - start
    gc.enable()
    return spent / count


# --- tables -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """A heading, column titles, rows of text, and sentences below."""

    heading: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    below: Sequence[str] = ()

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        lines = ["  ".join(_padded(row, widths)).rstrip() for row in (self.columns, *self.rows)]
        return "\n".join([self.heading, "", *lines, *([""] if self.below else []), *self.below, ""])

    def markdown(self) -> str:
        """The table for a README."""
        head = [f"| {' | '.join(self.columns)} |", f"|---|{'--:|' * (len(self.columns) - 1)}"]
        rows = [f"| {' | '.join(row)} |" for row in self.rows]
        return "\n".join([f"**{self.heading}**", "", *head, *rows, "", *(f"- {each}" for each in self.below), ""])


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = zip(row, widths, strict=True)
    return [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]


def duration(seconds: float) -> str:
    """Seconds with three digits and a unit.

    >>> duration(0.0123), duration(1.5), duration(8.4e-5)
    ('12.3 ms', '1.50 s', '84.0 us')
    """
    factor, unit = next((pair for pair in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")) if seconds >= pair[0]), (1e-9, "ns"))
    number = seconds / factor
    return f"{number:.{0 if number >= 100 else 1 if number >= 10 else 2}f} {unit}"


def times(ratio: float) -> str:
    """A ratio with enough digits."""
    return f"{ratio:,.0f} x" if ratio >= 100 else f"{ratio:.1f} x" if ratio >= 10 else f"{ratio:.2f} x"


def compared(
    heading: str, contenders: Sequence[Contender], skipped: Sequence[str], base: str,
    targets: Sequence[Target | Limit], effort: Effort,
) -> Table:
    """Verify, time and tabulate; a row's ratio is its time over that of ``base``."""
    require_agreement(contenders)
    timings = measure(contenders, base, effort)
    return tabulated(heading, timings, base, [*verdicts(timings, targets), *skipped])


def tabulated(heading: str, timings: Timings, base: str, below: Sequence[str]) -> Table:
    """A row for each contender, the fastest first."""
    rows = []
    for name in sorted(timings.seconds, key=timings.median):
        lower, upper = timings.quartiles(name)
        rows.append((name, duration(timings.median(name)), times(timings.ratio(name, base)),
                     f"{duration(lower)} - {duration(upper)}"))
    return Table(heading, ("", "median", f"ratio to {base}", "quartiles"), rows, below)


def verdicts(timings: Timings, targets: Sequence[Target | Limit]) -> list[str]:
    """Whether each target was met, in a sentence; nothing of those whose contenders are not here."""
    said = []
    for target in targets:
        if isinstance(target, Limit):
            taken = timings.median(target.ours)
            said.append(f"{_state(taken <= target.seconds)}: {target.ours} {duration(taken)}, "
                        f"at most {duration(target.seconds)}")
        elif target.ours in timings.seconds and target.peer in timings.seconds:
            ratio = timings.ratio(target.ours, target.peer)
            said.append(f"{_state(ratio <= target.limit)}: {target.ours} / {target.peer} = {ratio:.2f}, "
                        f"at most {target.limit:g}")
    return said


def _state(is_met: bool) -> str:
    return "met" if is_met else "MISSED"
