"""The operations of a graph as JavaScript, written from the rows of the table."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from autograd_core.primitives import TABLE
from autograd_core.row import Primitive
from autograd_core.symbol import Symbol

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_RESERVED = re.compile(
    "arguments|await|break|case|catch|class|const|continue|debugger|default|delete|do|else|enum|"
    "eval|export|extends|false|finally|for|function|if|implements|import|in|instanceof|interface|let|"
    "new|null|package|private|protected|public|return|static|super|switch|this|throw|true|try|typeof|var|void|while|with|yield"
)
_WORTH_A_NAME = 8

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

    Raises ValueError for primitives a page cannot have: two of one name, one whose name is none in JavaScript, or
    that has no JavaScript, or such as would end a script.
    """
    wanted = dict(sorted({operation_key(operation): operation for operation in _require_distinct(operations)}.items()))
    formulas = {key: _Formulas(*operation) for key, operation in wanted.items()}
    rows = {row.name: row for row in TABLE}
    waiting = [row for formula in formulas.values() for row in formula.rows]
    while waiting:
        row = waiting.pop()
        if rows.setdefault(row.name, row) is not row:
            raise ValueError(f"Two primitives are called {row.name!r}. Give yours another name to step through it.")
        _require_javascript(row)
    functions = [f"const {name} = {row.javascript};" for name, row in rows.items() if isinstance(row.javascript, str)]
    entries = ",\n".join(f"{json.dumps(key)}: {formula.text}" for key, formula in formulas.items())
    text = "\n".join(["const OPERATIONS = (() => {", *functions, f"return {{\n{entries}\n}};", "})();", ""])
    if "</script" in text.lower() or "<!--" in text:
        raise ValueError("A primitive's JavaScript must not hold '</script' or '<!--'. Write it in another way.")
    return text


def _require_distinct(operations: Iterable[Operation]) -> list[Operation]:
    listed, named = list(operations), {row.name: row for row in TABLE}
    for row, _ in listed:
        if named.setdefault(row.name, row) is not row:
            raise ValueError(f"Two primitives are called {row.name!r}. Give yours another name to step through it.")
        _require_javascript(row)
    return listed


def _require_javascript(row: Primitive) -> None:
    if not _IDENTIFIER.fullmatch(row.name) or _RESERVED.fullmatch(row.name):
        raise ValueError(f"{row.name!r} is no name in JavaScript, so a page cannot compute it. Call the row otherwise.")
    if row.javascript is None:
        raise ValueError(f"{row.name} has no JavaScript, so a page cannot compute it. Give the row javascript=.")


class _Formulas:
    """An operation's functions in JavaScript, and the rows they call."""

    def __init__(self, row: Primitive, count: int) -> None:
        operands = [Symbol(f"x_{at}") for at in range(count)]
        size = count // row.lists
        arguments = operands if row.arity is not None else [operands[at : at + size] for at in range(0, count, size)]
        value = Symbol.of(row(*arguments))
        partials = [Symbol.of(partial) for partial in row.partials_at(Symbol("out"), operands)]
        self.rows = {called for each in (value, *partials) for called in _called(each)}
        names = ", ".join(operand.javascript for operand in operands)
        common = [each for each in _shared(partials) if each.size > _WORTH_A_NAME]
        given = [Symbol(f"s_{at}") for at in range(len(common))]
        held = "".join(
            f"    const {name.javascript} = {each.javascript};\n" for name, each in zip(given, common, strict=True)
        )
        places = {id(each): name for each, name in zip(common, given, strict=True)}
        written = ", ".join(_with_names(partial, places).javascript for partial in partials)
        self.text = (
            f"{{\n  words: {json.dumps(str(row.domain))},\n  inside: {row.domain.javascript},\n"
            f"  value: ({names}) => {value.javascript},\n"
            f"  partials: (out, {names}) => {{\n{held}    return [{written}];\n  }}\n}}"
        )


def _called(symbol: Symbol) -> set[Primitive]:
    found: set[Primitive] = set()
    seen: set[int] = set()
    waiting = [symbol]
    while waiting:
        each = waiting.pop()
        if id(each) not in seen and each.primitive is not None:
            seen.add(id(each))
            found.add(each.primitive)
            waiting += each.operands
    return found


def _shared(partials: Sequence[Symbol]) -> list[Symbol]:
    """What several partials have in common, one level below the top: the sum that all of them are divided by."""
    counted = Counter(id(operand) for partial in partials for operand in partial.operands)
    operands = {id(operand): operand for partial in partials for operand in partial.operands}
    return [operands[at] for at, count in counted.items() if count > 1]


def _with_names(symbol: Symbol, places: Mapping[int, Symbol]) -> Symbol:
    if symbol.primitive is None or not any(id(operand) in places for operand in symbol.operands):
        return symbol
    return Symbol.applied(symbol.primitive, [places.get(id(operand), operand) for operand in symbol.operands])
