"""Definitions written as text, ``"y = 2*a; a = 3*x"``, read into a graph.

Nothing is evaluated as Python.  A lexical scan answers what people write by habit (``2x``, ``x^2``,
``a < b``) with what to write here; ``ast.parse`` gives the syntax tree; a reader walks the few kinds of
nodes it knows and refuses every other.  It reads each definition twice: with operands that only record,
which finds what the definition needs, then in that order with ``Value``s or, without numbers, with
recording operands again.

The order is depth first from the outputs, operands from left to right, inputs before all that is
computed.  So a graph is laid out as its formulas read, and moving a definition changes nothing.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import math
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from autograd_core import primitives as rows
from autograd_core.errors import AutogradError, DomainError, NamingError, OperandError, ParseError
from autograd_core.graph import Graph, Node
from autograd_core.names import _GREEK, Name
from autograd_core.row import Primitive
from autograd_core.value import Value

LONGEST_TEXT = 20_000
DEEPEST_EXPRESSION = 200
_TOO_DEEP = f"an expression is more than {DEEPEST_EXPRESSION} levels deep"
_NAME_PARTS = "give its parts names, or write a long sum as total([a, b])"

_OPERATORS: dict[type[ast.AST], Primitive] = {
    ast.Add: rows.add, ast.Sub: rows.sub, ast.Mult: rows.mul, ast.Div: rows.div, ast.Pow: rows.pow,
    ast.USub: rows.neg,
}  # fmt: skip

# The last four are what keyboards and editors give for mu, theta, phi and epsilon; Python normalizes them.
_GREEK_LETTERS = "".join(_GREEK.values()) + "\u00b5\u03d1\u03d5\u03f5"
_LETTER = rf"[A-Za-z0-9_{_GREEK_LETTERS}]"
_WORD = rf"(?![0-9])(?>{_LETTER}+)"
_NUMBER = r"(?>0[xXoObB][0-9A-Za-z_]+|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)?)"
_KEYWORD = rf"(?:{'|'.join(keyword.kwlist)})(?!{_LETTER})"
_NO_OPERATOR = rf"(?:{_NUMBER}[ \t]*(?=[^\W0-9]|\()|{_WORD}[ \t]+(?={_LETTER})|[)\]][ \t]*(?={_LETTER}))(?!{_KEYWORD})"

# What is refused wherever it stands: a pattern, what it is, what to do.  Earlier rows win.
_REFUSED = (
    (r"[\u00b2\u00b3\u00b9\u2070-\u207f]", "a raised digit", "a power is written x**2"),
    (r"[\u00b7\u00d7\u22c5]", "a multiplication sign", "a product is written with a star: write 2*x"),
    (r"[\u2010-\u2015\u2212]", "a dash other than the keyboard's minus sign", "write -"),
    (rf"[^ -~\n\t{_GREEK_LETTERS}]", "the character {token}", "a name has Latin or Greek letters, digits and _"),
    (rf"{_LETTER}*[\"']", "a quotation mark", "strings have no meaning here: write names and numbers bare"),
    (rf"{_NUMBER}[jJ](?!{_LETTER})", "the complex number {token}", "all numbers are real; a product is 2*j"),
    (rf"__{_LETTER}*", "the name {token}", "a name does not start with two underscores: write a_1"),
    (rf"(?:if|else)(?!{_LETTER})", "a conditional expression", "write where(condition, a, b)"),
    (rf"(?:and|or|not|in|is)(?!{_LETTER})", "a boolean operator", "write where(a, b, 0) or heaviside(x, 0)"),
    (rf"(?:True|False|None)(?!{_LETTER})", "{token}", "write a number, such as 1 or 0"),
    (rf"lambda(?!{_LETTER})", "Python's word lambda", "for the Greek letter write \u03bb or lam"),
    (_KEYWORD, "Python's word {token}", "a text holds definitions such as y = 2*a; choose another name"),
    (_NO_OPERATOR, "no operator after {token}", "a product is written with a star: write {token}*{next}"),
    (r"==|!=|<=|>=|<(?!<)|>(?!>)", "a comparison", "write heaviside(x, 0) or where(condition, a, b)"),
    (r":=", "an assignment inside an expression", "write a definition of its own: a = 3*x"),
    (r"(?:\*\*|//|>>|<<|[-+*/%@&|^])=", "the assignment {token}", "a name is defined once: write b = a + x"),
    (r"\^", "the sign ^", "a power is written with two stars: write x**2"),
    (r"//|%|@|<<|>>|[&|~]", "the operator {token}", "the operators are + - * / **"),
    (r"[{}]", "a brace", "an index is written w_12, a list [a, b]"),
    (r"[:?!$`\\]", "the character {token}", "a text holds definitions such as y = 2*a"),
    (r"\.(?=[^\W0-9])", "an attribute", "a name has no dot: write x_1"),
)  # fmt: skip
# Numbers and words are consumed whole, so that the e of 1e5 is not taken for a name.
_SCAN = re.compile("|".join([*(f"({pattern})" for pattern, _, _ in _REFUSED), _NUMBER, _WORD]))

# What Python's own complaints mean here: a pattern, what it is, what to do.
_SYNTAX = (
    ("nested parentheses", _TOO_DEEP, _NAME_PARTS),
    ("never closed|does not match|unmatched", "an unbalanced bracket", "{message}"),
    ("assign to", "the left side of = is not a name", "only a name can be defined: y = 2*a"),
    ("literal|digits", "a number that cannot be read", "write numbers such as 3, 0.5 or 1e-3"),
    ("", "an incomplete expression or misplaced sign", "write definitions such as y = 2*a; a = 3*x"),
)
_NODES: dict[type[ast.AST], tuple[str, str]] = {
    ast.Subscript: ("a subscript", "an index is part of the name: write w_1"),
    ast.Starred: ("a starred operand", "write the operands one by one"),
    ast.keyword: ("a starred operand", "write the operands one by one"),
    ast.Tuple: ("a comma outside a function", "separate definitions by ; or a new line"),
    ast.List: ("a list outside a function of lists", "write it as in total([a, b])"),
    ast.Call: ("a call of what is not a function", "a product is written with a star: write (a + b)*(c)"),
}


@dataclass
class _Definition:
    """The names one definition gives its expression, and what a first reading found out about it."""

    names: tuple[str, ...]
    expression: ast.expr
    place: ast.AST
    needs: dict[str, str] = field(default_factory=dict)  # key -> the name as written, in order
    is_number: bool = False

    @property
    def key(self) -> str:
        return _key(self.names[0])


class _Recorded:
    """An operand without a number: applying a primitive to it adds a node to its record."""

    def __init__(self, record: list[Node], op: Primitive | None = None, operands: tuple[int | float, ...] = ()) -> None:
        self.record, self.index = record, len(record)
        record.append(Node(self.index, op, operands, None, None, None))

    def apply_primitive(self, primitive: Primitive, operands: Sequence[Any]) -> _Recorded:
        indices = tuple(each.index if isinstance(each, _Recorded) else each for each in operands)
        return _Recorded(self.record, primitive, indices)

    def named(self, name: str) -> None:
        self.record[self.index] = self.record[self.index]._replace(name=name)


class _Source:
    """A text, its syntax tree, and errors that point into it."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise OperandError(f"parse reads a text such as 'y = 2*a; a = 3*x'; got a {type(text).__name__}.")
        if len(text) > LONGEST_TEXT:
            raise ParseError(f"A text has at most {LONGEST_TEXT} characters; this one has {len(text)}.")
        self.shown = re.sub(r"\r\n?", "\n", text).replace("\t", " ").split("\n")
        self.lines = [line.partition("#")[0].strip(" ") for line in self.shown]
        self.code = "\n".join(self.lines)
        self._scan()
        module = self._parse()
        nodes = list(ast.walk(module))
        called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
        names = [node for node in nodes if isinstance(node, ast.Name)]
        self.variables = {_key(self.name(node)) for node in names if id(node) not in called}
        self.definitions = [self._definition(statement) for statement in module.body]
        self._require_definitions()

    def _scan(self) -> None:
        for match in _SCAN.finditer(self.code):
            if match.lastindex is not None:
                _, what, advice = _REFUSED[match.lastindex - 1]
                before = self.code[: match.start()].split("\n")
                after = re.match(f"{_LETTER}+", self.code[match.end() :])
                words = {"token": _short(match.group().strip()), "next": _short(after.group()) if after else "(...)"}
                self.fail(what.format(**words), advice.format(**words), (len(before), len(before[-1])))

    def _parse(self) -> ast.Module:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.code)
        except SyntaxError as error:
            at = (min(error.lineno or 1, len(self.lines)), max((error.offset or 1) - 1, 0))
            _, what, advice = next(row for row in _SYNTAX if re.search(row[0], error.msg))
            self.fail(what, advice.format(message=_short(error.msg, 90)), at)
        except (RecursionError, MemoryError):
            raise ParseError(f"{_TOO_DEEP}; {_NAME_PARTS}") from None

    def _definition(self, statement: ast.stmt) -> _Definition:
        if isinstance(statement, ast.Assign):
            names = [self.name(target) for target in statement.targets]
            return _Definition(tuple(names), statement.value, statement)
        if not isinstance(statement, ast.Expr):
            self.fail("a statement", "a text holds definitions such as y = 2*a; a = 3*x", statement)
        free = [name for name in ("y", "f") if name not in self.variables]
        if not free:
            self.fail("an expression without a name", "y and f are in use, so name it: e = ...", statement)
        return _Definition((free[0],), statement.value, statement)

    def _require_definitions(self) -> None:
        if not self.definitions:
            raise ParseError("The text holds no definition; write one, such as y = 2*a; a = 3*x.")
        first: dict[str, str] = {}
        for each in self.definitions:
            for name in each.names:
                if rows.find_primitive(name):
                    self.fail(f"{name!r} is a function and cannot be defined", "choose another name", each.place)
                if _key(name) in first:
                    other = first[_key(name)]
                    same = "" if other == name else f" ({_short(other)} and {_short(name)} are the same name)"
                    self.fail(f"{_short(name)} is defined a second time{same}", "give each a name", each.place)
                first[_key(name)] = name

    def fail(self, what: str, advice: str, at: Any, kind: type[AutogradError] = ParseError) -> NoReturn:
        """Raise ``what``, where (a syntax node, or a line and offset), ``advice``, and the line with a caret."""
        line, offset = at if isinstance(at, tuple) else (at.lineno, at.col_offset)
        shown = self.shown[line - 1]
        if not isinstance(at, tuple):  # Python counts the bytes of a syntax node's line
            offset = len(self.lines[line - 1].encode()[:offset].decode())
        column = len(shown) - len(shown.lstrip(" ")) + offset
        start = max(0, column - 40)
        before = "..." * (start > 0) + _printable(shown[start:column])
        after = _printable(shown[column : column + 36]) + "..." * (len(shown) > column + 36)
        where = f"line {line}, column {column + 1}" if len(self.shown) > 1 else f"column {column + 1}"
        raise kind(f"{what} at {where}; {advice}\n  {before}{after}\n  {' ' * len(before)}^") from None

    def name(self, node: ast.expr) -> str:
        """The name a node is, a Greek letter being written as a word."""
        if not isinstance(node, ast.Name):
            self.fail("the left side of = is not a name", "only a name can be defined: y = 2*a", node)
        word = _latin(node.id)
        if not word.isascii():
            self.fail(f"the name {_short(word)}", "a Greek letter stands alone or with an index: \u03b1_1", node)
        return word

    def text_of(self, node: ast.AST) -> str:
        return _short(" ".join((ast.get_source_segment(self.code, node) or "").split()))


class _Reader:
    """The one walk over the syntax tree; what ``lookup`` returns for a name decides what it makes."""

    def __init__(self, source: _Source, lookup: Callable[[str], Any], kind: type[AutogradError]) -> None:
        self.source, self.lookup, self.kind = source, lookup, kind
        self.title = ""

    def definition(self, definition: _Definition) -> Any:
        """The operand a definition stands for, or a float."""
        self.title = _short(definition.names[0])
        try:
            return self.read(definition.expression, 1)
        except RecursionError:
            self.source.fail(_TOO_DEEP, _NAME_PARTS, definition.expression)

    def read(self, node: ast.expr, depth: int) -> Any:
        if depth > DEEPEST_EXPRESSION:
            self.source.fail(_TOO_DEEP, _NAME_PARTS, node)
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self.finite(number, node)
            case ast.Name():
                name = self.source.name(node)
                if rows.find_primitive(name):
                    self.source.fail(f"{name!r} is a function", f"give it operands: {name}(x)", node)
                return self.lookup(name)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand, depth + 1)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
                return self.apply(node, _OPERATORS[type(op)], self.read(operand, depth + 1))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                pair = self.read(left, depth + 1), self.read(right, depth + 1)
                return self.apply(node, _OPERATORS[type(op)], *pair)
            case ast.Call(func=ast.Name() as function):
                return self.call(node, self.row(function), depth + 1)
        self.refuse(node)

    def refuse(self, node: ast.AST) -> NoReturn:
        self.source.fail(*_NODES.get(type(node), ("an expression of no known kind", "write y = 2*a; a = 3*x")), node)

    def row(self, node: ast.Name) -> Primitive:
        name = self.source.name(node)
        found = rows.find_primitive(name)
        if found:
            return found
        shown = _short(name)
        if _key(name) in self.source.variables:
            advice = f"a product is written with a star: write {shown}*(...)"
            self.source.fail(f"{shown!r} is a variable, not a function,", advice, node)
        written = {row.head[1]: row.name for row in rows.TABLE if row.head}  # max, sigma
        names = sorted(row.name for row in rows.TABLE)
        near = [written.get(Name.of(name).unicode), *difflib.get_close_matches(shown, names, 1)]
        guess = next((f"did you mean {each}? " for each in near if each), "")
        self.source.fail(f"unknown function {shown!r}", f"{guess}the functions are: {', '.join(names)}", node)

    def call(self, node: ast.Call, row: Primitive, depth: int) -> Any:
        if row.arity is None:
            lists = [each.elts for each in node.args if isinstance(each, ast.List)]
            if len(lists) < len(node.args) + len(node.keywords) or [*map(bool, lists)] != [True] * row.lists \
                    or len({*map(len, lists)}) > 1:  # fmt: skip
                example = "[a, b]" if row.lists == 1 else "[a, b], [c, d]"
                self.source.fail(f"the operands of {row.name}", f"write equally long lists: {row.name}({example})", node)
            return self.apply(node, row, *([self.read(each, depth) for each in operands] for operands in lists))
        operands = [self.read(each, depth) for each in node.args]
        named = {each.arg or self.refuse(each): self.read(each.value, depth) for each in node.keywords}
        names, required = row.operand_names, row.arity - len(row.defaults)
        given = [*names[: len(operands)], *(each.arg for each in node.keywords)]
        signature = [*names[:required], *(f"{name}={default:g}" for name, default in zip(names[required:], row.defaults, strict=True))]  # noqa: E501
        ...
