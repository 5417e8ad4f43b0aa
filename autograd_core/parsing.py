"""Definitions written as text, ``"y = 2*a; a = 3*x"``, read into a graph; nothing is evaluated as Python.

A scan answers what people write by habit (``2x``, ``x^2``) with what to write here; ``ast.parse`` gives the
syntax tree; one walk takes the few kinds of nodes it knows and refuses every other.  It goes over each
definition twice: with operands that only record, to find what it needs, then with ``Value``s or recorders.
The order is depth first from the outputs, operands from left to right, inputs before results.
"""

from __future__ import annotations

import ast
import difflib
import graphlib
import keyword
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from autograd_core import primitives as rows
from autograd_core.errors import AutogradError, DomainError, NamingError, OperandError, ParseError
from autograd_core.graph import Graph
from autograd_core.graph_parts import Node
from autograd_core.names import GREEK, Name
from autograd_core.operand_checks import as_number
from autograd_core.row import Primitive
from autograd_core.value import Value

LONGEST_TEXT, DEEPEST = 20_000, 200  # characters, levels
_TOO_DEEP = f"more than {DEEPEST} nested operations", "name the parts, or write a long sum as total([a, b])"
_OPERATORS: dict[object, Primitive] = {ast.Add: rows.add, ast.Sub: rows.sub, ast.Mult: rows.mul,
                                       ast.Div: rows.div, ast.Pow: rows.pow, ast.USub: rows.neg}

# The last four are what keyboards and editors give for mu, theta, phi and epsilon; Python normalizes them.
_GREEK_LETTERS = "".join(GREEK.values()) + "\u00b5\u03d1\u03d5\u03f5"
_LETTER = rf"[A-Za-z0-9_{_GREEK_LETTERS}]"
_WORD = rf"(?![0-9])(?>{_LETTER}+)"
_NUMBER = r"(?>0[xXoObB][0-9A-Za-z_]+|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)?)"
_END = rf"(?!{_LETTER})"
_KEYWORD = rf"(?:{'|'.join(keyword.kwlist)}){_END}"
_BESIDE = rf"(?:{_NUMBER}[ \t]*(?=[^\W0-9]|\()|(?:{_WORD}[ \t]+|[)\]][ \t]*)(?={_LETTER}))(?!{_KEYWORD})"

_REFUSED = (  # wherever it stands: a pattern, what it is, what to do; earlier rows win
    (r"[\u00b2\u00b3\u00b7\u00d7\u22c5\u2010-\u2015\u2212]", "the sign {token}", "type **2, * or - instead"),
    (rf"{_LETTER}*[\"']", "a quotation mark", "strings have no meaning here: write names and numbers bare"),
    (rf"{_NUMBER}[jJ]{_END}", "the complex number {token}", "all numbers are real; a product is written 2*j"),
    (rf"__{_LETTER}*", "the name {token}", "a name does not start with two underscores: write a_1"),
    (rf"(?:if|else|and|or|not|in|is){_END}", "a condition with {token}", "write where(condition, a, b)"),
    (rf"(?:True|False|None){_END}", "the word {token}", "write a number, such as 1 or 0"),
    (_KEYWORD, "Python's word {token}", "write definitions such as y = 2*a, or another name (lam, \u03bb)"),
    (_BESIDE, "no operator after {token}", "a product has a star: write {token}*{next}"),
    (r"==|!=|<=|>=|<(?!<)|>(?!>)", "a comparison", "write heaviside(x, 0) or where(condition, a, b)"),
    (r"(?:\*\*|//|>>|<<|[-+*/%@&|^:])=", "the assignment {token}", "write one of its own: b = a + x"),
    (r"\^", "the sign ^", "a power has two stars: write x**2"),
    (r"//|%|@|<<|>>|[&|~]", "the operator {token}", "the operators are + - * / **"),
    (r"\.(?=[^\W0-9])", "an attribute", "a name has no dot: write x_1"),
    (rf"[^ -~\n{_GREEK_LETTERS}]|[:?!$`{{}}\\]", "the character {token}", "names have letters, digits and _"),
)
# Numbers and words are consumed whole, so that the e of 1e5 is not taken for a name.
_SCAN = re.compile("|".join([*(f"({pattern})" for pattern, _, _ in _REFUSED), _NUMBER, _WORD]))

_SYNTAX = (  # what Python's own complaints mean here: a pattern, what it is, what to do
    ("nested parentheses", *_TOO_DEEP),
    ("never closed|does not match|unmatched", "an unbalanced bracket", "{message}"),
    ("assign to", "the left side of = is not a name", "only a name can be defined: y = 2*a"),
    ("literal|digits", "a number that cannot be read", "write numbers such as 3, 0.5 or 1e-3"),
    ("", "an incomplete expression or misplaced sign", "write definitions such as y = 2*a; a = 3*x"),
)
_NODES: dict[type[ast.AST], tuple[str, str]] = {
    ast.Subscript: ("a subscript", "an index is part of the name: write w_1"),
    ast.Starred: ("a starred operand", "write the operands one by one"),
    ast.keyword: ("a repeated or starred operand", "write each operand once"),
    ast.Tuple: ("a comma outside a function", "separate definitions by ; or a new line"),
    ast.List: ("a list outside a function of lists", "write it as in total([a, b])"),
    ast.Call: ("a call of what is not a function", "a product has a star: write (a + b)*(c)"),
}


@dataclass
class _Definition:
    names: tuple[str, ...]
    expression: ast.expr
    place: ast.stmt
    needs: dict[str, str] = field(default_factory=dict)  # key -> the name as written, left to right
    number: float | None = None


class Operand:
    """An operand without a number: applying a primitive to it adds a node to its record."""

    def __init__(self, record: list[Node], op: Primitive | None = None, operands: Sequence[Any] = ()) -> None:
        self.record, self.index = record, len(record)
        indices = tuple(each.index if isinstance(each, Operand) else each for each in operands)
        record.append(Node(self.index, op, indices, None, None, None))

    def apply_primitive(self, primitive: Primitive, operands: Sequence[Any]) -> Operand:
        return Operand(self.record, primitive, operands)

    def named(self, name: str) -> None:
        self.record[self.index] = replace(self.record[self.index], name=name)


class _Text:
    """A text and its syntax tree: the one walk over it, and errors that point into it."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise OperandError(f"parse reads a text such as 'y = 2*a; a = 3*x'; got a {type(text).__name__}.")
        if len(text) > LONGEST_TEXT:
            raise ParseError(f"a text has at most {LONGEST_TEXT} characters; this one has {len(text)}")
        self.shown = re.sub(r"\r\n?", "\n", text).replace("\t", " ").split("\n")
        self.lines = [line.partition("#")[0].strip(" ") for line in self.shown]
        self.code = "\n".join(self.lines)
        self.scan()
        tree = self.tree()
        called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in called]
        self.variables = {_key(self.name(node)) for node in names}
        self.definitions = [self.definition(statement) for statement in tree.body]
        if not self.definitions:
            raise ParseError("the text holds no definition; write one, such as y = 2*a; a = 3*x")
        self.by_key: dict[str, _Definition] = {}
        for each, name in [(one, name) for one in self.definitions for name in one.names]:
            if _key(name) in self.by_key:
                advice = "a1 and a_1 are one name, and an expression alone is y or f"
                self.fail(f"{_short(name)} is defined twice", advice, each.place)
            self.by_key[_key(name)] = each

    def scan(self) -> None:
        for match in _SCAN.finditer(self.code):
            if match.lastindex is not None:
                _, what, advice = _REFUSED[match.lastindex - 1]
                before = self.code[: match.start()].split("\n")
                after = re.match(f"{_LETTER}+", self.code[match.end() :])
                words = {"token": _short(match[0].strip()), "next": _short(after[0]) if after else "(...)"}
                self.fail(what.format(**words), advice.format(**words), (len(before), len(before[-1])))

    def tree(self) -> ast.Module:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.code)
        except SyntaxError as error:
            at = (min(error.lineno or 1, len(self.lines)), max((error.offset or 1) - 1, 0))
            _, what, advice = next(row for row in _SYNTAX if re.search(row[0], error.msg))
            self.fail(what, advice.format(message=_short(error.msg, 90)), at)
        except (RecursionError, MemoryError):
            raise ParseError(f"{_TOO_DEEP[0]}; {_TOO_DEEP[1]}") from None

    def definition(self, statement: ast.stmt) -> _Definition:
        if isinstance(statement, ast.Assign):
            return _Definition(tuple(map(self.name, statement.targets)), statement.value, statement)
        if not isinstance(statement, ast.Expr):
            self.refuse(statement)
        if self.variables.issuperset("yf"):
            self.fail("an expression without a name", "y and f are in use, so name it: e = ...", statement)
        return _Definition(("f" if "y" in self.variables else "y",), statement.value, statement)

    def fail(self, what: str, advice: str, at: Any, kind: type[AutogradError] = ParseError) -> NoReturn:
        if not isinstance(at, tuple):  # Python counts the bytes before a syntax node
            at = at.lineno, len(self.lines[at.lineno - 1].encode()[: at.col_offset].decode())
        shown = self.shown[at[0] - 1]
        column = len(shown) - len(shown.lstrip(" ")) + at[1]
        before = "..." * (column > 40) + _short(shown[max(0, column - 40) : column], 500)
        after = _short(shown[column : column + 36], 500) + "..." * (len(shown) > column + 36)
        where = f"line {at[0]}, " * (len(self.shown) > 1) + f"column {column + 1}"
        raise kind(f"{what} at {where}; {advice}\n  {before}{after}\n  {' ' * len(before)}^") from None

    def refuse(self, node: ast.AST) -> NoReturn:
        what, advice = _NODES.get(type(node), ("an unknown notation", "write definitions such as y = 2*a"))
        self.fail(what, advice, node)

    def name(self, node: ast.expr) -> str:
        if not isinstance(node, ast.Name):
            self.fail("the left side of = is not a name", "only a name can be defined: y = 2*a", node)
        word = node.id if node.id.isascii() else Name.of(node.id).ascii
        if not (node.id.isascii() or Name.of(node.id).is_mathematics):
            self.fail(f"the name {_short(node.id)}", "a Greek letter comes first and alone: \u03b1_1", node)
        if rows.find_primitive(word):
            self.fail(f"{word} is a function", f"give it operands, {word}(x), or take another name", node)
        return word

    def evaluate(self, each: _Definition, lookup: Callable[[str], Any], kind: type[AutogradError]) -> Any:
        """The one walk, to a float or an operand made of ``lookup``'s; out of a domain raises ``kind``."""

        def read(node: ast.expr, depth: int = 1) -> Any:
            if depth > DEEPEST:
                self.fail(*_TOO_DEEP, node)
            match node:
                case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
                    result: Any = node.value
                case ast.Name():
                    each.needs.setdefault(_key(node.id), self.name(node))
                    return lookup(_key(node.id))
                case ast.UnaryOp(op=ast.UAdd()):
                    return read(node.operand, depth + 1)
                case ast.UnaryOp() if row := _OPERATORS.get(type(node.op)):
                    result = apply(node, row, read(node.operand, depth + 1))
                case ast.BinOp() if row := _OPERATORS.get(type(node.op)):
                    result = apply(node, row, read(node.left, depth + 1), read(node.right, depth + 1))
                case ast.Call(func=ast.Name() as function):
                    row = self.row(function)
                    operands = [
                        [read(item, depth + 1) for item in part.elts]
                        if row.arity is None and isinstance(part, ast.List) else read(part, depth + 1)
                        for part in node.args
                    ]
                    named = {k.arg or self.refuse(k): read(k.value, depth + 1) for k in node.keywords}
                    if len(named) < len(node.keywords):
                        self.refuse(node.keywords[-1])
                    result = apply(node, row, *operands, **named)
                case _:
                    self.refuse(node)
            if isinstance(result, (int, float)) and not abs(result) <= sys.float_info.max:
                self.fail(f"the constant {self.text_of(node)}", "a constant must be a finite number", node)
            return float(result) if isinstance(result, int) else result

        def apply(node: ast.expr, row: Primitive, /, *operands: Any, **named: Any) -> Any:
            try:
                return row(*operands, **named)
            except (DomainError, OperandError) as error:  # the latter for a wrong number
                what = f"{self.text_of(node)} in the definition of {_short(each.names[0])}"
                self.fail(what, _short(str(error), 300), node, kind)

        try:
            return read(each.expression)
        except RecursionError:  # called from deep within a program
            self.fail(*_TOO_DEEP, each.place)

    def text_of(self, node: ast.expr) -> str:
        return _short(" ".join((ast.get_source_segment(self.code, node) or "").split()))

    def row(self, node: ast.Name) -> Primitive:
        name = node.id
        if found := rows.find_primitive(name):
            return found
        if _key(name) in self.variables:
            self.fail(f"{_short(name)} is not a function", f"a product is written {_short(name)}*(...)", node)
        as_written = {row.head[1]: row for row in rows.TABLE if row.head}  # max, \u03c3
        if found := as_written.get(Name.of(name).unicode):
            return found
        known = {row.name: row.name for row in rows.TABLE} | {"sum": "total", "ln": "log"}
        listed = ", ".join(sorted(set(known.values())))
        near = difflib.get_close_matches(name[:40], known, 1)
        advice = f"did you mean {known[near[0]]}? " if near else ""
        self.fail(f"unknown function {_short(name)!r}", f"{advice}the functions are: {listed}", node)

    def order(self, starts: Iterable[str], needs: Mapping[str, Sequence[str]]) -> list[str]:
        try:
            graphlib.TopologicalSorter(needs).prepare()
        except graphlib.CycleError as error:
            ring = error.args[1][::-1]
            what = f"the definitions form a cycle {_short(' -> '.join(ring), 200)}"
            self.fail(what, "define one of the names without the others", self.by_key[ring[0]].place)
        done: dict[str, None] = {}
        stack = [*starts][::-1]
        while stack:
            waiting = [need for need in needs.get(stack[-1], ()) if need not in done]
            stack.extend(reversed(waiting))
            if not waiting:
                done[stack.pop()] = None
        return list(done)

    def numbers(self, leaves: Mapping[str, str], at: Mapping[str, object]) -> dict[str, float] | None:
        numbers = {key: each.number for key, each in self.by_key.items() if each.number is not None}
        for name, given in at.items():
            key, shown = _key(name), f"{_short(name)} was given"
            if key in self.by_key:
                self.fail(f"{shown} a number, but the text defines it", "keep one", self.by_key[key].place)
            if key not in leaves:
                raise ParseError(f"{shown} a number, but the inputs are {_short(leaves.values(), 200)}")
            if key in numbers:
                raise ParseError(f"{shown} two numbers; a1 and a_1 are one name")
            try:
                numbers[key] = as_number(given)
            except OperandError as error:
                raise OperandError(f"{_short(name)} needs a number. {_short(str(error), 200)}") from None
            if not abs(numbers[key]) <= sys.float_info.max:
                raise ParseError(f"{shown} {numbers[key]}; an input needs a finite number")
        missing = [name for key, name in leaves.items() if key not in numbers]
        if missing and at:
            raise ParseError(f"no number was given for {_short(missing, 200)}; give all inputs one, or none")
        return None if missing else numbers


@dataclass(frozen=True, eq=False)
class Definitions:
    """What :func:`parse` read: ``d.y`` and ``d["y"]`` are Values, if the inputs have numbers.

    ``inputs`` and ``outputs`` are names; an output is used by no other definition.

    >>> parse("y = 2*a; a = 3*x", x=1.0)["a"]
    Value(3.0, 'a')
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    _operands: Mapping[str, Any] = field(repr=False)
    _record: Sequence[Node] = field(repr=False)

    def __getitem__(self, name: str) -> Value:
        if isinstance(operand := self._operand(name), Value):
            return operand
        given = _short((f"{each}=1.0" for each in self.inputs), 200)
        advice = f"write parse(text, {given}), or graph() for symbols"
        raise OperandError(f"{_short(name)} has no value, as the inputs have no numbers; {advice}")

    def __getattr__(self, name: str) -> Value:
        if name.startswith("_") or _key(name) not in self._operands:
            raise AttributeError(f"no name {name!r} in the text, but {_short(self._operands, 200)}")
        return self[name]

    def _operand(self, name: str) -> Any:
        if name and _key(name) in self._operands:
            return self._operands[_key(name)]
        raise NamingError(f"no name {_short(name)!r} in the text, but {_short(self._operands, 200)}")

    def graph(self, wrt: Any = None, output: str | Sequence[str] | None = None) -> Graph:
        """The graph of one output, of several or (by default) of all, with numbers or without.

        ``wrt`` is as in :class:`Graph`, with its errors; an unknown ``output`` raises :class:`NamingError`.

        >>> graph = parse("y = 2*a_1 + a_2; a_1 = 3*x; a_2 = -x").graph().contract()
        >>> [edge.symbol.text for edge in graph.edges]
        ['3', '-1', '2', '1']
        """
        wanted = [output] if isinstance(output, str) else output or self.outputs
        roots = [self._operand(name) for name in wanted]
        if not self._record:
            return Graph(roots, wrt)
        kept = {root.index for root in roots}
        for node in reversed(self._record):
            kept.update(node.parents if node.index in kept else ())
        place = {old: new for new, old in enumerate(sorted(kept))}
        nodes = [
            replace(self._record[old], index=new, operands=tuple(
                place[each] if type(each) is int else each for each in self._record[old].operands))
            for old, new in place.items()
        ]
        return Graph.of_nodes(nodes, [place[root.index] for root in roots], wrt)


def parse(text: str, /, **at: object) -> Definitions:
    """Read definitions from a text, in any order, separated by ``;`` or new lines.

    A definition is ``name = expression`` in Python's notation: names, numbers, ``+ - * / **`` and functions
    of the table of primitives, those of lists as in ``total([a, b])``.  A name that is not defined, or is
    defined by a constant, is an input.  An expression may lack a name: it is ``y``, or ``f`` where ``y`` is
    in use.  ``z_2 = yhat = sigmoid(a_2)`` and ``z_0 = x`` give one node two names; ``a1`` and ``a_1`` are the
    same name.  ``#`` starts a comment.  ``at`` gives numbers to all inputs or to none.

    Raises :class:`ParseError` for a text that cannot be read (pointing at the column) and numbers that do
    not fit it, :class:`DomainError` where they leave an operation's domain, :class:`OperandError` for what
    is not a text or not a number.

    >>> definitions = parse("y = 2*a; a = 3*x", x=1.0)
    >>> definitions.y.backward()
    >>> definitions.y, definitions.x.grad
    (Value(6.0, 'y', grad=1.0), 6.0)
    """
    source = _Text(text)
    by_key = source.by_key
    for each in source.definitions:
        result = source.evaluate(each, lambda key: Operand([]), ParseError)
        each.number = result if isinstance(result, float) else None
    first = {key: _key(each.names[0]) for key, each in by_key.items()}  # of the names of one definition
    needs = {first[key]: [first.get(need, need) for need in each.needs] for key, each in by_key.items()}
    used = {need for key in needs for need in needs[key] if need != key}
    outputs = [key for key in needs if key not in used]
    order = source.order([*outputs, *needs], needs)
    needed = [item for key in reversed(order) if key in by_key for item in by_key[key].needs.items()]
    names = {key: (written,) for key, written in needed} | {key: each.names for key, each in by_key.items()}
    leaves = {key: names[key][0] for key in order if key not in by_key or by_key[key].number is not None}

    numbers = source.numbers(leaves, at)
    record: list[Node] = []
    values = {key: Value(numbers[key]) if numbers else Operand(record) for key in leaves}
    for key in order:
        if key not in leaves:
            values[key] = source.evaluate(by_key[key], lambda at: values[first.get(at, at)], DomainError)
    titles: dict[int, tuple[str, ...]] = {}
    for key in order:
        titles[id(values[key])] = names[key] + titles.get(id(values[key]), ())
    for value in values.values():
        value.named(" = ".join(titles[id(value)]))
    values |= {key: values[other] for key, other in first.items()}
    return Definitions((*leaves.values(),), tuple(names[key][0] for key in outputs), values, record)


def _key(name: str) -> str:
    return Name.of(name).ascii


def _short(text: str | Iterable[str], longest: int = 40) -> str:
    """A text, or several, fit for a message: printable and not too long."""
    text = text if isinstance(text, str) else ", ".join(text)
    text = "".join(c if " " <= c <= "~" or c in _GREEK_LETTERS else ascii(c)[1:-1] for c in text[:999])
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
