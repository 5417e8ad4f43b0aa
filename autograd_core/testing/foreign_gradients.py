"""Gradients that come from elsewhere, a hand-written one or another engine's, held against a function."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from autograd_core.errors import CheckError, DomainError, OperandError
from autograd_core.structures import Rebuild, flatten, flatten_like, is_scalar, with_plain_arrays
from autograd_core.testing import extrapolated, float_differences, replayed
from autograd_core.testing.joint_kinks import judged_jointly
from autograd_core.testing.recording import (
    Recording,
    branches_beside,
    find_cut,
    first_not_finite,
    function_name,
    input_names,
    record,
    require_unchanged,
)
from autograd_core.testing.report import Entry, Report
from autograd_core.value import Value

_ALIKE = 1e-2
"""Relative: two estimates of a slope that are further apart show that one of them is of something else."""

Oracle = Literal["replay", "differences"]


def check_foreign(
    f: Callable[..., Any], inputs: Sequence[Any], gradient: Callable[..., Any], positions: Sequence[int],
    chosen: Sequence[int], rtol: float | None, atol: float | None, rng: np.random.Generator, oracle: Oracle | None,
) -> Report:
    """The verdicts on a gradient that comes from elsewhere.

    ``f`` is replayed at 50 digits if it takes Values, and held against differences if it is a function of plain
    numbers.  ``positions`` are the inputs to check and ``chosen`` their scalars, counted through all inputs.
    Raises :class:`CheckError` for a gradient of another structure than the inputs.
    """
    flat, rebuild = flatten(tuple(inputs), f"an input of {function_name(f)}")
    point = [each.data if isinstance(each, Value) else each for each in flat]
    given = with_plain_arrays(gradient(*rebuild(point)))
    gradients = _matched(given, inputs, positions, function_name(gradient))
    whole = [dict(zip(chosen, gradients, strict=True)).get(at, math.nan) for at in range(len(point))]
    name, names = function_name(gradient), input_names(f, inputs)
    notes: tuple[str, ...] = ()
    try:
        recording: Recording | None = record(f, inputs)
    except CheckError:
        raise
    except Exception as error:  # it is a function of plain numbers: another engine may raise anything
        recording = None
        notes = (f"Called with plain numbers: with Values it raises {_first_line(error)}",)
    if recording and (find_cut(recording, rng) or recording.output.op is None):
        recording = None  # as a function of plain numbers it is whole
    unfit = "it was not asked for" if oracle == "differences" else "it is a function of plain numbers"
    if recording and oracle != "differences":
        branches = branches_beside(recording)
        unfit = replayed.obstacle(recording.graph) or ("it branches on its inputs right here" if branches else "")
    if oracle == "replay" and unfit:
        raise CheckError(f"{function_name(f)} cannot be replayed at 50 digits: {unfit}")
    if recording and not first_not_finite(recording):
        if unfit:
            entries = float_differences.entries(recording, chosen, whole, rtol, atol, rng)
            return Report(name, recording.output.data, tuple(entries), float_differences.NAME)
        relative = float_differences.RELATIVE_TOLERANCE if rtol is None else rtol
        entries = replayed.entries(replayed.Replay(recording.graph), recording, chosen, whole, relative, atol, rng)
        return Report(name, recording.output.data, tuple(entries), replayed.NAME)

    value = _plain_value(f, names, point, rebuild)
    if not math.isfinite(value):
        note = f"{function_name(f)} is {value} here: there is nothing to compare."
        entries = [Entry(names[at], "inconclusive", whole[at], None, 0.0, 0.0, note=note) for at in chosen]
    else:
        entries = _held_against_plain(f, rebuild, names, point, chosen, whole, value, rtol, atol, rng)
    return Report(name, value, tuple(entries), float_differences.NAME, notes=notes)


def _held_against_plain(
    f: Callable[..., Any], rebuild: Rebuild, names: Sequence[str], point: Sequence[float], chosen: Sequence[int],
    gradients: Sequence[float], value: float, rtol: float | None, atol: float | None, rng: np.random.Generator,
) -> list[Entry]:
    """The verdicts from differences of a function of plain numbers, of which nothing else is known."""

    def evaluate(moved: Sequence[float]) -> tuple[float, Any]:
        try:
            return _plain(f, rebuild(list(moved))), None
        except Exception as error:
            raise DomainError(f"{function_name(f)} raises there: {_first_line(error)}") from error

    relative = float_differences.RELATIVE_TOLERANCE if rtol is None else rtol
    least = 16.0 * sys.float_info.epsilon * abs(value)
    entries, noises = [], []
    for at in chosen:
        entry = Entry(names[at], "fail", gradients[at], None, 0.0, relative)
        measured = extrapolated.measured_noise(evaluate, point, at)
        noises.append(max(least, 4.0 * measured))
        found = float_differences.compare(entry, evaluate, point, at, noises[-1], atol, is_opaque=True)
        if not extrapolated.is_rounding(measured, value):
            # Noise it is, or turns: what the verdict must not hang on.
            finest = max(least, 4.0 * extrapolated.finest_noise(evaluate, point, at, measured))
            again = float_differences.compare(entry, evaluate, point, at, finest, atol, is_opaque=True)
            if not _say_the_same(found, again):
                found = replace(entry, verdict="inconclusive", note=float_differences.TURNS)
        entries.append(found)
    slopes = float_differences.slopes_along(evaluate, point, chosen, max(noises))
    return judged_jointly(entries, slopes, rng, 0.0 if atol is None else atol)


def _say_the_same(one: Entry, other: Entry) -> bool:
    slopes = [((each.expected, each.left, each.right), (each.verdict, each.legal)) for each in (one, other)]
    pairs = zip(*(known for known, _ in slopes), strict=True)
    return slopes[0][1] == slopes[1][1] and all(
        here == there or (None not in (here, there) and math.isclose(here or 0.0, there or 0.0, rel_tol=_ALIKE))
        for here, there in pairs
    )


def _plain_value(f: Callable[..., Any], names: Sequence[str], point: Sequence[float], rebuild: Rebuild) -> float:
    """The function's value at the point; CheckError if it changes its inputs, or a second call gives another."""
    values = []
    for _ in range(2):
        arguments = rebuild(list(point))
        values.append(_plain(f, arguments))
        require_unchanged(f, names, point, point, arguments)
    if repr(values[0]) != repr(values[1]):
        raise CheckError(f"{function_name(f)} is not deterministic: called twice, it gave two results for one input.")
    return values[0]


def _matched(given: Any, inputs: Sequence[Any], positions: Sequence[int], name: str) -> list[float]:
    """The numbers of a gradient, one for each chosen scalar, in the order of the inputs."""
    wanted = [inputs[at] for at in positions]
    if len(inputs) == 1 and isinstance(given, tuple) and len(given) == 1 and not is_scalar(inputs[0]):
        given = given[0] if len(inputs[0]) != 1 else given  # the tuple is that of the inputs
    if isinstance(given, tuple) and len(given) == len(inputs) and len(inputs) > 1:
        given = tuple(given[at] for at in positions)
    elif len(wanted) == 1 and not (isinstance(given, tuple) and len(given) == 1 and is_scalar(wanted[0])):
        given = (given,)
    count = f"of {len(given)}" if isinstance(given, tuple) else type(given).__name__
    if not isinstance(given, tuple) or len(given) != len(wanted):
        raise CheckError(
            f"{name} must return a gradient for each of the {len(inputs)} inputs, as a tuple; it returned "
            f"{'a tuple ' if isinstance(given, tuple) else 'a '}{count}."
        )
    try:
        pairs = zip(given, wanted, strict=True)
        found = [flatten_like(each, like, f"The result of {name}", "the input") for each, like in pairs]
    except OperandError as error:
        raise CheckError(str(error)) from None
    return [float(each.data) if isinstance(each, Value) else float(each) for part in found for each in part]


def _plain(f: Callable[..., Any], arguments: Sequence[Any]) -> float:
    result = f(*arguments)
    number = with_plain_arrays(result)
    if isinstance(number, np.ndarray) and number.size == 1:
        number = number.item()
    try:
        return number.data if isinstance(number, Value) else float(number)
    except (TypeError, ValueError):
        kind = "None. Is a return missing?" if result is None else f"a {type(result).__name__}, not one scalar."
        raise CheckError(f"{function_name(f)} returned {kind}") from None


def _first_line(error: Exception) -> str:
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else f"{type(error).__name__}."
