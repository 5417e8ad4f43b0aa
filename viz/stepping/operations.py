"""The operations of a graph as JavaScript, written from the rows of the table."""

from __future__ import annotations

import json
from collections.abc import Iterable

from autograd_core.primitives import TABLE
from autograd_core.row import Primitive
from autograd_core.symbol import Symbol

Operation = tuple[Primitive, int]
"""A row and the number of operands it is applied to."""


def operation_of(row: Primitive, count: int) -> Operation:
    """The operation a node needs; a row under another name is computed as the row itself."""
    return row.alias_of or row, count


def operation_key(operation: Operation) -> str:
    """What a node calls its operation: the row's name, with the number of operands where that is not fixed."""
    row, count = operation
    return row.name if row.arity is not None else f"{row.name}/{count}"


def write_operations(operations: Iterable[Operation]) -> str:
    """A declaration of ``OPERATIONS``: by key the operation's domain, value and local derivatives as functions.

    Raises ValueError if two different primitives share a name, or one holds text that would end a script.
    """
    wanted = {operation_key(operation): operation for operation in operations}
    sources = {row.name: row.javascript for row in TABLE}
    for row, _ in wanted.values():
        if sources.setdefault(row.name, row.javascript) != row.javascript:
            raise ValueError(f"Two primitives are called {row.name!r}. Give yours another name to step through it.")
    functions = "\n".join(f"const {name} = {source};" for name, source in sources.items() if isinstance(source, str))
    entries = ",\n".join(f"{json.dumps(key)}: {_entry(*operation)}" for key, operation in sorted(wanted.items()))
    text = f"const OPERATIONS = (() => {{\n{functions}\nreturn {{\n{entries}\n}};\n}})();\n"
    if "</script" in text.lower() or "<!--" in text:
        raise ValueError("A primitive's JavaScript must not hold '</script' or '<!--'. Write it in another way.")
    return text


def _entry(row: Primitive, count: int) -> str:
    operands = [Symbol(f"x_{at}") for at in range(count)]
    size = count // row.lists
    arguments = operands if row.arity is not None else [operands[at : at + size] for at in range(0, count, size)]
    value = Symbol.of(row(*arguments))
    names = [operand.javascript for operand in operands]
    partials = [Symbol.of(partial) for partial in row.partials_at(Symbol("out"), operands)]
    written = ",\n".join(f"    ({', '.join(['out', *names])}) => {partial.javascript}" for partial in partials)
    return (
        f"{{\n  words: {json.dumps(str(row.domain))},\n  inside: {row.domain.javascript},\n"
        f"  value: ({', '.join(names)}) => {value.javascript},\n  partials: [\n{written}\n  ]\n}}"
    )
