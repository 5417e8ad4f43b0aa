"""A user's function, run on recording leaves and looked at with suspicion before its gradient is checked."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from autograd_core.errors import AutogradError, CheckError, NamingError, OperandError
from autograd_core.graph import Graph
from autograd_core.row import Primitive
from autograd_core.structures import Rebuild, flatten
from autograd_core.value import Value, recording_lines, topological_order

_SHIFTS = (1e-7, 1e-4, 1e-2)
"""Relative: a number that is added to a much larger one changes it at the larger shifts only."""

_NEAREST = 1e-11
_MOST_SHIFTED = 64


@dataclass(frozen=True)
class Cut:
    """A number that changes with the inputs though it was recorded as a constant: the graph is cut there.

    ``node`` is the index in the graph's record of the operation that takes it, or of the leaf that it is.
    """

    where: str
    line: str
    node: int
    inputs: tuple[int, ...]


@dataclass(frozen=True)
class Recording:
    """One call of ``function``: the inputs as ``leaves``, the ``output``, and the user's ``lines``."""

    function: Callable[..., Any]
    names: tuple[str, ...]
    point: tuple[float, ...]
    rebuild: Rebuild
    leaves: tuple[Value, ...]
    output: Value
    lines: dict[Value, str] = field(repr=False)

    @cached_property
    def order(self) -> list[Value]:
        """The nodes of the graph, leaves that the output does not depend on left out."""
        return topological_order([self.output])

    @cached_property
    def inputs(self) -> dict[int, int]:
        """Which input a leaf is, by ``id``."""
        return {id(leaf): at for at, leaf in enumerate(self.leaves)}

    @cached_property
    def graph(self) -> Graph:
        """The snapshot, as seen from all leaves."""
        return Graph(self.output)

    def index(self, leaf: int) -> int | None:
        """Where an input is in the graph's record; None if the output does not depend on it."""
        return self._indices.get(id(self.leaves[leaf]))

    @cached_property
    def _indices(self) -> dict[int, int]:
        return {id(node): at for at, node in enumerate(self.order)}

    def line(self, index: int) -> str:
        """The user's line that made a node."""
        return self.lines.get(self.order[index], "")

    def at(self, point: Sequence[float]) -> Recording:
        """The same function recorded at another point."""
        return _run(self.function, self.names, tuple(point), self.rebuild)


def record(f: Callable[..., Any], inputs: Sequence[Any]) -> Recording:
    """Run ``f`` on the inputs and see whether it can be checked.

    Raises :class:`CheckError` for a function that returns no scalar, gives another result when called again, or
    changes its inputs, and :class:`OperandError` for inputs that are no numbers.
    """
    flat, rebuild = flatten(tuple(inputs), f"an input of {function_name(f)}")
    point = tuple(each.data if isinstance(each, Value) else each for each in flat)
    names = tuple(input_names(f, inputs))
    found = _run(f, names, point, rebuild)
    again = _run(f, names, point, rebuild)
    if branch(found) != branch(again) or repr(found.output.data) != repr(again.output.data):
        results = f"{found.output.data:.17g} and {again.output.data:.17g}"
        raise CheckError(
            f"{function_name(f)} is not deterministic: called twice with the same inputs it gave {results}"
            f"{' by different operations' if found.output.data == again.output.data else ''}. "
            "Draw random numbers outside it, or from a generator it makes anew in each call."
        )
    return found


def find_cut(recording: Recording, rng: np.random.Generator) -> Cut | None:
    """Where a number was taken out of the graph (``v.data``) and used in it as if it were a constant.

    The function is recorded at three inputs beside the given ones, on one side: a constant of the graph
    that is another one each time was computed from the inputs.
    """
    signs = rng.choice([-1.0, 1.0], len(recording.point))
    everywhere = tuple(range(len(recording.point)))
    for size in _SHIFTS:
        found = _changing(recording, everywhere, signs * size)
        if found is not None:
            by = tuple(at for at in everywhere if _changing(recording, (at,), signs * size) is not None)
            return Cut(*found, by or everywhere)
    return None


def branches_beside(recording: Recording) -> bool:
    """Whether the function takes another branch of Python's own (an ``if`` on ``v.data``) right beside the inputs."""
    for at in range(min(len(recording.point), _MOST_SHIFTED)):
        for turn in (_NEAREST, -_NEAREST):
            beside = _beside(recording, (at,), [turn] * len(recording.point))
            if beside is not None and branch(beside) != branch(recording):
                return True
    return False


def branch(recording: Recording) -> Any:
    """What a branch of Python's own changes: the operations, how they are wired, and the constants."""
    return signature(recording), _constants(recording)


def first_not_finite(recording: Recording) -> str:
    """Which node is infinite or nan, in words; empty if none is."""
    for node in recording.order:
        if not math.isfinite(node.data):
            made = f"{node.op.name} gives {node.data}" if node.op else f"an input is {node.data}"
            line = recording.lines.get(node, "")
            return f"{made}{f' ({line})' if line else ''}: there is nothing to compare."
    return ""


def _beside(recording: Recording, which: Sequence[int], shifts: Sequence[float]) -> Recording | None:
    point = list(recording.point)
    for at in which:
        point[at] += float(shifts[at]) * max(abs(point[at]), 1e-3)
    try:
        return recording.at(point)
    except (AutogradError, ArithmeticError, ValueError):
        return None


def _changing(recording: Recording, which: Sequence[int], shifts: Any) -> tuple[str, str, int] | None:
    """A constant that is another one at each of three inputs, where all else stays as it is."""
    for turn in (1.0, -1.0):
        three = [_beside(recording, which, turn * part * shifts) for part in (1.0, 0.5, 0.25)]
        there = [each for each in three if each is not None]
        if len(there) < 3 or any(signature(each) != signature(there[0]) for each in there):
            continue
        places = _constant_places(there[0])
        numbers = zip(places, *map(_constants, there), strict=True)
        is_same = signature(recording) == signature(there[0])
        here = _constants(recording if is_same else there[0])
        for at, ((where, line, node), *seen) in enumerate(numbers):
            if len(set(seen)) == 3:
                return where.format(here[at]), line, node if is_same else len(recording.order) - 1
    return None


def _constant_places(recording: Recording) -> list[tuple[str, str, int]]:
    """For each of the constants a phrase that says where it is, the line, and which node has it."""
    found = []
    for at, node in enumerate(recording.order):
        line = recording.lines.get(node, "")
        if node.op is None:
            if id(node) not in recording.inputs:
                of = "the result" if node is recording.output else f"the leaf {node.name or '{:.6g}'}"
                found.append((of, line, at))
        else:
            constants = [each for each in node.operands if isinstance(each, float)]
            found += [(f"the constant {{:.6g}} in {node.op.name}", line, at)] * len(constants)
    return found


def path_scales(recording: Recording) -> list[float]:
    """The sum of the absolute path products from the output to every node, by the engine's local derivatives."""
    scales = [0.0] * len(recording.order)
    scales[-1] = 1.0
    for node in reversed(recording.graph.record):
        for operand, partial in zip(node.operands, node.partials or (), strict=False):
            if type(operand) is int and scales[node.index]:
                scales[operand] += scales[node.index] * abs(partial)
    return scales


def _run(f: Callable[..., Any], names: Sequence[str], point: Sequence[float], rebuild: Rebuild) -> Recording:
    try:
        return _record(f, names, point, rebuild, named=True)
    except NamingError:  # the function names its inputs itself
        return _record(f, names, point, rebuild, named=False)


def _record(
    f: Callable[..., Any], names: Sequence[str], point: Sequence[float], rebuild: Rebuild, named: bool
) -> Recording:
    leaves = [Value(x, name if named else None) for x, name in zip(point, names, strict=True)]
    arguments = rebuild(leaves)
    with recording_lines() as lines:
        result = f(*arguments)
    require_unchanged(f, names, point, leaves, arguments)
    scalar = result[()] if isinstance(result, np.ndarray) and result.ndim == 0 else result
    if isinstance(scalar, (int, float, np.number)) and not isinstance(scalar, bool):
        scalar = Value(float(scalar))
    if not isinstance(scalar, Value):
        kind = "None. Is a return missing?" if result is None else (
            f"a {type(result).__name__}{f' of {len(result)}' if hasattr(result, '__len__') else ''}. "
            "A gradient is that of one scalar: return their total, or check them one at a time."
        )
        raise CheckError(f"{function_name(f)} returned {kind}")
    return Recording(f, tuple(names), tuple(point), rebuild, tuple(leaves), scalar, lines)


def require_unchanged(
    f: Callable[..., Any], names: Sequence[str], point: Sequence[float], given: Sequence[Any], arguments: Any
) -> None:
    """Raise CheckError unless ``arguments`` hold what was ``given`` still, Values or plain numbers."""
    try:
        kept, _ = flatten(arguments)
    except OperandError:
        kept = []
    for name, x, was, now in zip(names, point, given, [*kept, *[None] * len(given)], strict=False):
        is_kept = now is was and (was.data == x or x != x) if isinstance(was, Value) else now == x or x != x
        if not is_kept:
            raise CheckError(f"{function_name(f)} changes its input {name}. Work on a copy of it inside the function.")
    if len(kept) != len(given):
        raise CheckError(f"{function_name(f)} changes the length of an input. Work on a copy inside the function.")


def signature(recording: Recording) -> Any:
    """The operations and how they are wired, but for constants."""
    index = {id(node): at for at, node in enumerate(recording.order)}
    wired = [["constant" if isinstance(each, float) else index[id(each)] for each in node.operands]
             for node in recording.order]
    kinds = [node.op.name if node.op else recording.inputs.get(id(node), "another leaf") for node in recording.order]
    return [(kind, *operands) for kind, operands in zip(kinds, wired, strict=True)]


def _constants(recording: Recording) -> list[float | str]:
    """The constants of the operations, and the leaves that are no inputs, in the order of the nodes."""
    found: list[float] = []
    for node in recording.order:
        if node.op is None:
            found += [] if id(node) in recording.inputs else [node.data]
        else:
            found += [each for each in node.operands if isinstance(each, float)]
    return ["nan" if each != each else each for each in found]


def input_names(f: Callable[..., Any], inputs: Sequence[Any]) -> list[str]:
    """A name for every scalar of the inputs: the parameter's, with an index inside a structure."""
    if hasattr(f, "input_names"):
        return list(f.input_names)
    if isinstance(f, Primitive) and f.arity is not None:
        return list(f.operand_names)
    try:
        parameters = [
            parameter.name for parameter in inspect.signature(f).parameters.values()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        parameters = []
    parameters += [f"x_{at}" for at in range(len(parameters), len(inputs))]
    pairs = zip(parameters, inputs, strict=False)
    return [name for parameter, given in pairs for name in _inside(parameter, given, ())]


def _inside(name: str, structure: Any, index: tuple[str, ...]) -> list[str]:
    if isinstance(structure, dict):
        parts: Any = structure.items()
    elif isinstance(structure, (list, tuple)) or (isinstance(structure, np.ndarray) and structure.ndim):
        parts = enumerate(structure)
    else:
        return [f"{name}_{{{','.join(index)}}}" if index else name]
    return [each for key, part in parts for each in _inside(name, part, (*index, str(key)))]


def function_name(f: Callable[..., Any]) -> str:
    """What a function is called in a message."""
    return getattr(f, "__name__", None) or getattr(f, "name", None) or type(f).__name__
