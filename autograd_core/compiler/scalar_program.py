"""A tape as straight-line Python: one function, or several where it is long."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from autograd_core.compiler.program_text import ProgramText, function_text, returned
from autograd_core.compiler.scalar_source import ScalarSource
from autograd_core.tape import Tape

_LONGEST_FUNCTION = 5_000

Arguments = Sequence[tuple[str, range]]


def scalar_program(tape: Tape, arguments: Arguments, exactly: bool) -> ProgramText:
    """The program of a tape whose inputs are these arguments' slots; ``exactly`` keeps eager's every bit."""
    is_long = len(tape) > _LONGEST_FUNCTION
    source = ScalarSource(tape, [slot for _, slots in arguments for slot in slots], exactly, numbered=is_long)
    namespace = {"inf": math.inf, "nan": math.nan, **source.rows_used, **source.functions}
    named = _named(arguments, {*source.names, *namespace})
    text = _in_functions(source, named) if is_long else _in_one(source, named)
    return ProgramText(text, namespace, [name for name, _ in named], source.rows_used)


def _named(arguments: Arguments, taken: set[str]) -> Arguments:
    # An argument may be called as one of its scalars, or as an operation.
    found = []
    for name, slots in arguments:
        found.append((unused(name, taken), slots))
        taken.add(found[-1][0])
    return found


def _in_one(source: ScalarSource, arguments: Arguments) -> str:
    value, *extras = map(source.operand, source.tape.outputs)
    given = ", ".join(name for name, _ in arguments)
    bars = [f"[{', '.join(map(source.adjoint, slots))}]" for _, slots in arguments]
    forward = [f"{', '.join(source.names[slot] for slot in slots)}, = {name}" for name, slots in arguments]
    forward += source.forward
    return (function_text("value", given, [*forward, f"return {value}"])
            + function_text("value_and_grad", given, [
                *forward, "# reverse", *source.reverse, returned(value, bars, extras)]))


def _in_functions(source: ScalarSource, arguments: Arguments) -> str:
    forward, reverse = source.in_functions(_LONGEST_FUNCTION)
    given = ", ".join(name for name, _ in arguments)
    begin = [f"s = [{', '.join(f'*{name}' for name, _ in arguments)}] + [0.0] * {len(source.tape)}"]
    begin += [f"forward_{at}(s)" for at in range(1, len(forward) + 1)]
    back = ["b, p = [0.0] * len(s), {}", *(f"reverse_{at}(s, b, p)" for at in range(1, len(reverse) + 1))]
    value, *extras = map(source.operand, source.tape.outputs)
    bars = [f"b[{slots.start}:{slots.stop}]" for _, slots in arguments]
    if source.exactly:
        bars = [f"[each + 0.0 for each in {bar}]" for bar in bars]
    return "\n".join([
        *forward, *reverse, function_text("value", given, [*begin, f"return {value}"]),
        function_text("value_and_grad", given, [*begin, *back, returned(value, bars, extras)])])


def unused(name: str, taken: Collection[str]) -> str:
    """The name with as many underscores after it as make it no other's."""
    while name in taken:
        name += "_"
    return name
