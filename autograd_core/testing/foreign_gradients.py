"""Gradients that come from elsewhere, a hand-written one or another engine's, held against a function."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from autograd_core.errors import AutogradError, CheckError, OperandError
from autograd_core.structures import flatten, flatten_like, is_scalar
from autograd_core.testing import float_differences, replayed
from autograd_core.testing.recording import (
    Recording,
    branches_beside,
    find_cut,
    first_not_finite,
    function_name,
    input_names,
    record,
)
from autograd_core.testing.report import Entry, Report
from autograd_core.value import Value

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
    given = gradient(*rebuild(point))
    gradients = _matched(given, inputs, positions, function_name(gradient))
    whole = [dict(zip(chosen, gradients, strict=True)).get(at, math.nan) for at in range(len(point))]
    name, names = function_name(gradient), input_names(f, inputs)
    try:
        recording: Recording | None = record(f, inputs)
    except CheckError:
        raise
    except (AutogradError, TypeError, AttributeError, ValueError, ArithmeticError):
        recording = None  # it is a function of plain numbers
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
            entries = float_differences.entries(recording, chosen, whole, rtol, atol)
            return Report(name, recording.output.data, tuple(entries), float_differences.NAME)
        relative = float_differences.RELATIVE_TOLERANCE if rtol is None else rtol
        entries = replayed.entries(replayed.Replay(recording.graph), recording, chosen, whole, relative, atol)
        return Report(name, recording.output.data, tuple(entries), replayed.NAME)

    def evaluate(moved: Sequence[float]) -> tuple[float, Any]:
        return _plain(f, rebuild(list(moved))), None

    value = evaluate(point)[0]
    if repr(value) != repr(evaluate(point)[0]):
        raise CheckError(f"{function_name(f)} is not deterministic: called twice, it gave two results for one input.")
    entries = []
    for at in chosen:
        noise = max(
            16.0 * sys.float_info.epsilon * abs(value), 4.0 * float_differences.measured_noise(evaluate, point, at)
        )
        entry = Entry(names[at], "fail", whole[at], None, 0.0, rtol or float_differences.RELATIVE_TOLERANCE)
        entries.append(float_differences.compare(entry, evaluate, point, at, noise, atol, is_opaque=True))
    return Report(name, value, tuple(entries), float_differences.NAME)


def _matched(given: Any, inputs: Sequence[Any], positions: Sequence[int], name: str) -> list[float]:
    """The numbers of a gradient, one for each chosen scalar, in the order of the inputs."""
    wanted = [inputs[at] for at in positions]
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
    try:
        return result.data if isinstance(result, Value) else float(result)
    except (TypeError, ValueError):
        kind = "None. Is a return missing?" if result is None else f"a {type(result).__name__}, not one scalar."
        raise CheckError(f"{function_name(f)} returned {kind}") from None
