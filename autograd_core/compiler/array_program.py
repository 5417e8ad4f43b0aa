"""A plan as NumPy source: ``value`` and ``value_and_grad``, the parts of the arguments, the arrays that are kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from autograd_core.compiler.in_place import UFUNCS, in_place
from autograd_core.compiler.kept import of_last_array, per_thread
from autograd_core.compiler.plan import Plan
from autograd_core.compiler.program_text import ProgramText, function_text, returned
from autograd_core.compiler.reverse_source import ReverseSource
from autograd_core.compiler.selection import tuple_text
from autograd_core.compiler.vector_source import VectorSource

_ZERO = np.zeros(())  # NumPy takes an array of no axes faster than a float


def _positive(x: Any, out: Any = None) -> Any:
    return np.greater(x, _ZERO).astype(np.float64) if out is None else np.greater(x, _ZERO, out=out)


_NUMPY = {
    "zeros": np.zeros, "full": np.full, "empty": np.empty, "outer": np.outer, "einsum": np.einsum, "matmul": np.matmul,
    "broadcast_to": np.broadcast_to, "add_at": np.add.at, "positive": _positive, "inf": math.inf, "nan": math.nan}
# What an allocator gives back to the system, and takes from it anew, is at least so many bytes (glibc's default).
_LARGE = 128 * 1024


def array_program(plan: Plan, arguments: Sequence[str], lanes: Collection[str]) -> ProgramText:
    """The program of a plan whose blocks of inputs are called as these arguments, of which some are ``lanes``."""
    return _ArrayProgram(plan, arguments, lanes).text


class _ArrayProgram:
    def __init__(self, plan: Plan, arguments: Sequence[str], lanes: Collection[str]) -> None:
        self._plan = plan
        self._forward = forward = VectorSource(plan)
        blocks = {block.source: at for at, block in enumerate(plan.blocks) if block.source is not None}
        wanted = [blocks[name] for name in arguments if name not in lanes]
        self._adjoints = ReverseSource(forward, wanted).adjoints
        self._bars = list(map(self._adjoints.bar_of, wanted))
        called = [forward.names[blocks[name]] for name in arguments]
        self._arguments = ", ".join(called)
        self._lanes = next((forward.names[blocks[name]] for name in arguments if name in lanes), None)
        top = [f"lanes = {self._lanes}.shape[-1]"] if self._lanes else []
        top += forward.top
        self._helpers = list(forward.dividers.values())
        self._keeping: dict[str, Callable[[Any], Any]] = dict.fromkeys(forward.dividers, of_last_array)
        self._value, self._extras, self._last = self._outputs()
        room = self._room()
        functions = self._functions("", top, forward.forward, [*room, *self._adjoints.top, *self._adjoints.lines])
        many_lanes, large = self._in_place(top, room)
        namespace = _NUMPY | {name: row.array for name, row in forward.rows_used.items()} | forward.constants
        if many_lanes is not None:
            namespace |= UFUNCS
        source = "".join([*self._helpers, *functions, *large])
        self.text = ProgramText(
            source, namespace, called, forward.rows_used, forward.constants, self._keeping, many_lanes)

    def _functions(self, ending: str, top: list[str], forward: list[str], reverse: list[str]) -> list[str]:
        begin = [*top, *forward]
        end = [*self._last, returned(self._value, self._bars, self._extras)]
        return [function_text(f"value{ending}", self._arguments, [*begin, *self._last, f"return {self._value}"]),
                function_text(f"value_and_grad{ending}", self._arguments, [*begin, "# reverse", *reverse, *end])]

    def _outputs(self) -> tuple[str, list[str], list[str]]:
        """The value, the other outputs, and the line that names the value where it is among these."""
        parts: Sequence[Any] = self._forward.parts or self._plan.outputs[:1]
        value = " + ".join(map(self._output, parts))
        extras = [self._output(each) for each in self._plan.outputs[1:]]
        if value not in extras or value.isidentifier():
            return value, extras, []
        name = self._forward.fresh("value", numbered=False)
        return name, [name if each == value else each for each in extras], [f"{name} = {value}"]

    def _output(self, output: tuple[int, int] | float) -> str:
        if not isinstance(output, tuple):
            return repr(output)
        block = self._plan.blocks[output[0]]
        text = self._forward.names[output[0]]
        if block.shape:
            text += f"[{', '.join(map(str, np.unravel_index(output[1], block.shape)))}]"
        return f"{text}.sum() / lanes" if block.is_lane else text

    def _room(self) -> list[str]:
        """The lines that give the arrays which every call fills anew: one call, where they are several."""
        names, lines = self._adjoints.kept, self._adjoints.room
        if len(names) < 2:
            return lines
        line, function = self._kept("room", names, lines)
        self._helpers.append(function)
        return [line]

    def _kept(self, wish: str, names: Sequence[str], lines: Sequence[str]) -> tuple[str, str]:
        """The call that gives the arrays of these names, and the function that makes them, once per thread."""
        name = self._forward.fresh(wish, numbered=False)
        given = "lanes" if self._lanes else ""
        self._keeping[name] = per_thread
        listed = ", ".join(names)
        return f"{listed} = {name}({given})", function_text(name, given, [*lines, f"return {listed}"])

    def _in_place(self, top: list[str], room: list[str]) -> tuple[int | None, list[str]]:
        """From how many lanes on results go into arrays made beforehand, and the functions that do it."""
        shapes = self._forward.arrays | self._adjoints.arrays
        size = 8 * sum(map(math.prod, shapes.values()))
        if not size:
            return None, []
        forward = [in_place(line, self._forward.arrays) for line in self._forward.forward]
        reverse = [in_place(line, self._adjoints.arrays) for line in self._adjoints.lines]
        before = [*self._forward.forward, *self._adjoints.lines]
        changed = {old.split(" = ")[0] for old, new in zip(before, [*forward, *reverse], strict=True) if old != new}
        names = [name for name in shapes if name in changed]
        if not names:
            return None, []
        lines = [f"{name} = empty({tuple_text(shapes[name], True)})" for name in names]
        line, function = self._kept("results", names, lines)
        many = -(-_LARGE // size)
        heading = f"# For {many} lanes or more: the same, each result into an array made beforehand.\n"
        functions = self._functions("_in_place", top, [line, *forward], [*room, *self._adjoints.top, *reverse])
        return many, [heading, function, *functions]
