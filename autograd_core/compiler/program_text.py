"""Generated source with what it needs to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograd_core.row import Primitive


@dataclass(frozen=True)
class ProgramText:
    """The source of ``value`` and ``value_and_grad``, and what its names mean.

    ``called`` are the arguments' names in it, ``rows`` and ``constants`` the operations and the arrays it names,
    ``namespace`` all it reads.  ``keeping`` has for some of its functions what keeps their results between calls.
    From ``many_lanes`` on, functions of the same names with ``_in_place`` after them are meant, where that is not None.
    """

    source: str
    namespace: dict[str, Any]
    called: list[str]
    rows: dict[str, Primitive]
    constants: dict[str, Any] = field(default_factory=dict)
    keeping: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    many_lanes: int | None = None


def function_text(name: str, arguments: str, lines: Sequence[str]) -> str:
    """The source of a function with this body."""
    return "\n".join([f"def {name}({arguments}):", *(f"    {line}" for line in lines), ""])


def returned(value: str, bars: Sequence[str], extras: Sequence[str]) -> str:
    """The last line of ``value_and_grad``: the value, the adjoints of the arguments, the other outputs."""
    return f"return {value}, [{', '.join(bars)}], [{', '.join(extras)}]"
