"""Loops for a program's NumPy source: every array expression becomes scalar lines inside counted loops.

What reads an array otherwise (a slice, a transpose, a reshape, a new axis) becomes arithmetic on indices, so the only
arrays left are those that hold results.  The loops run over the lanes innermost, where a compiler makes vector
instructions of them.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from autograd_core.compiler.loop_shapes import (
    Dim,
    UnsupportedError,
    broadcast,
    reshaped,
    subscripted,
)
from autograd_core.domains import REALS, Box
from autograd_core.primitives import TABLE
from autograd_core.row import Primitive
from autograd_core.symbol import Symbol
from autograd_core.tape import RESERVED

_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
_FIRST_COLUMN = ast.Tuple([ast.Slice(), ast.Constant(0)], ast.Load())
_LETTERS = "ijklmpq"
_UNROLLED = 4


@dataclass(frozen=True)
class Part:
    """An expression: its shape, and the text of its element at given indices.

    A ``place`` is memory that can be written; ``is_new`` says that nothing else refers to it; ``risky`` that an
    operation with a smaller domain than the real line is in it.
    """

    shape: tuple[Dim, ...]
    at: Callable[[Sequence[str]], str]
    place: str = ""
    is_new: bool = False
    is_whole: bool = False
    risky: bool = False

    def element(self, index: Sequence[str]) -> str:
        """The text at an index of a shape that this one broadcasts to."""
        own = index[len(index) - len(self.shape):]
        return self.at(["0" if size == 1 else each for size, each in zip(self.shape, own, strict=True)])


class Loops:
    """One function of a program, rewritten.

    ``inputs`` has for every argument the shape of its scalars and whether it has lanes, along the first axis; ``rows`` are the operations
    that the source calls, ``constants`` the arrays it reads.  Raises :class:`UnsupportedError` for what has no loops.
    """

    def __init__(self, function: ast.FunctionDef, inputs: Mapping[str, tuple[tuple[int, ...], bool]],
                 rows: Mapping[str, Primitive], constants: Mapping[str, Any]) -> None:
        self._rows, self._constants = rows, constants
        self._taken = {each.id for each in ast.walk(function) if isinstance(each, ast.Name)}
        self._taken |= {*inputs, *rows, *(row.name for row in TABLE)} | RESERVED
        self._lines: list[str] = []
        self._depth = 1
        self._parts: dict[str, Part] = {}
        self._unsafe, self._found = self._fresh("unsafe"), self._fresh("found")
        self._index = [self._fresh(each) for each in _LETTERS]
        self._lane = self._fresh("n")
        self._inputs = inputs
        self._take_inputs()
        for statement in function.body:
            self._statement(statement)
        self.text = "\n".join([f"def {function.name}({', '.join(inputs)}):", *self._lines, ""])

    # --- names and lines ------------------------------------------------------------------------

    def _fresh(self, wish: str) -> str:
        name, count = wish, 1
        while name in self._taken:
            count += 1
            name = f"{wish}_{count}"
        self._taken.add(name)
        return name

    def _write(self, line: str) -> None:
        self._lines.append("    " * self._depth + line)

    @contextmanager
    def _nested(self, index: Sequence[str], sizes: Sequence[Dim]) -> Iterator[None]:
        """Loops inside one another; an axis of length one needs none."""
        before = self._depth
        for name, size in zip(index, sizes, strict=True):
            if size != 1:
                self._write(f"for {name} in range({size}):")
                self._depth += 1
        yield
        self._depth = before

    @contextmanager
    def _loops(self, shape: Sequence[Dim]) -> Iterator[list[str]]:
        """Loops over a shape, and the names of the indices."""
        index = [self._index_name(self._index[at], size) for at, size in enumerate(shape)]
        with self._nested(index, shape):
            yield index

    def _index_name(self, name: str, size: Dim) -> str:
        return "0" if size == 1 else self._lane if size == "lanes" else name

    def _take_inputs(self) -> None:
        self._write(f"{self._unsafe} = 0")
        with_lanes = [name for name, (_, is_lane) in self._inputs.items() if is_lane]
        if with_lanes:
            self._write(f"lanes = {with_lanes[0]}.shape[0]")
        for name, (shape, is_lane) in self._inputs.items():
            if is_lane and shape == (1,):
                self._parts[name] = self._subscripted(_array(name, ("lanes", 1)), _FIRST_COLUMN)
            elif is_lane and shape:
                columns = self._new(self._fresh(f"{name}_columns"), (*shape, "lanes"))
                with self._loops((*shape, "lanes")) as index:
                    self._write(f"{columns.at(index)} = {name}[{', '.join([index[-1], *index[:-1]])}]")
                self._parts[name] = columns
            elif is_lane or shape:
                self._parts[name] = _array(name, ("lanes",) if is_lane else shape)
            else:
                self._parts[name] = replace(_scalar(f"{name}[0]"), place=name)

    def _new(self, name: str, shape: tuple[Dim, ...], made: str = "empty") -> Part:
        sizes = ", ".join(map(str, shape))
        self._write(f"{name} = {made}(({sizes},))" if len(shape) == 1 else f"{name} = {made}(({sizes}))")
        return replace(_array(name, shape), is_new=True)

    # --- statements -----------------------------------------------------------------------------

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=[ast.Name(id="lanes")]):
                pass
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Name(id=source)):
                for at, each in enumerate(names):
                    assert isinstance(each, ast.Name)
                    self._write(f"{each.id} = {source}[{at}]")
                    self._parts[each.id] = _scalar(each.id)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="zeros" | "empty" as made),
                                                                        args=[shape])):
                self._parts[name] = self._new(name, _sizes(shape), made)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self._assign(name, self._part(value))
            case ast.Assign(targets=[ast.Subscript() as target], value=value):
                self._store(self._part(target), "=", self._part(value))
            case ast.AugAssign(target=target, op=ast.Add(), value=value):
                self._store(self._part(target), "+=", self._part(value))
            case ast.Expr(value=ast.Call(func=ast.Name(id="add_at"), args=[array, index, value])):
                self._store(self._part(ast.Subscript(array, index, ast.Load())), "+=", self._part(value))
            case ast.Return(value=ast.Tuple(elts=[value, ast.List(elts=bars), ast.List(elts=extras)])):
                self._return(value, bars, extras, False)
            case ast.Return(value=ast.expr() as value):
                self._return(value, [], [], True)
            case _:
                raise UnsupportedError(f"no loops for {ast.unparse(node)}")

    def _assign(self, name: str, part: Part) -> None:
        if not part.shape:
            self._write(f"{name} = {part.at([])}")
            self._parts[name] = _scalar(name)
            if part.risky:
                self._check(name)
        elif part.place:
            self._parts[name] = part
        else:
            self._parts[name] = self._held(part, self._fresh(name) if name in self._parts else name)

    def _held(self, part: Part, name: str = "") -> Part:
        """The part as an array of its own."""
        held = self._new(name or self._fresh("held"), part.shape)
        self._store(held, "=", part)
        return held

    def _place(self, part: Part) -> Part:
        return part if part.place or not part.shape else self._held(part)

    def _store(self, target: Part, sign: str, value: Part) -> None:
        if target.place and value.place and target.place == value.place and sign == "+=":
            value = self._held(value)
        with self._loops(target.shape) as index:
            text = value.element(index)
            if value.risky:
                self._write(f"{self._found} = {text}")
                self._check(self._found)
                text = self._found
            self._write(f"{target.element(index)} {sign} {text}")

    def _check(self, name: str) -> None:
        # What leaves an operation's domain is inf or nan, and may be finite again at the end.
        self._write(f"{self._unsafe} += {name} - {name} != 0.0")

    def _return(self, value: ast.expr, bars: list[ast.expr], extras: list[ast.expr], is_alone: bool) -> None:
        outputs: list[Part] = []
        for bar in bars:
            part = self._output(bar)
            outputs.append(self._held(part) if part.place in [each.place for each in outputs] else part)
        for each in outputs:
            with self._loops(each.shape) as index:
                self._check(each.element(index))
        texts = [self._part(each).at([]) for each in (value, *extras)]
        self._write(f"{self._found} = {texts[0]}")
        self._check(self._found)
        self._write(f"if {self._unsafe}:")
        self._write(f"    {self._found} = nan")
        found = [self._found, *(each.place for each in outputs), *texts[1:]]
        self._write(f"return {self._found}" if is_alone else f"return ({', '.join(found)},)")

    def _output(self, node: ast.expr) -> Part:
        """A new array, which nothing else refers to."""
        if isinstance(node, ast.List):
            found = self._new(self._fresh("bar"), (len(node.elts),))
            for at, each in enumerate(node.elts):
                self._write(f"{found.at([str(at)])} = {self._part(each).at([])}")
            return found
        part = self._part(node)
        return part if part.is_new and part.is_whole else self._held(part if part.shape else self._reshaped(part, (1,)))

    # --- expressions ----------------------------------------------------------------------------

    def _part(self, node: ast.expr) -> Part:
        match node:
            case ast.Constant(value=float() | int() as number):
                return _scalar(repr(float(number)))
            case ast.Name(id="inf" | "nan" as name):
                return _scalar(name)
            case ast.Name(id="lanes"):
                return _scalar("lanes")
            case ast.Name(id=name):
                return self._named(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._elementwise([operand], lambda x: f"-{_closed(x)}")
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                return self._product(self._part(left), self._part(right))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _SIGNS:
                sign = _SIGNS[type(op)]
                is_risky = sign in "/**" and not isinstance(right, ast.Constant) and ast.unparse(right) != "lanes"
                return self._elementwise([left, right], lambda x, y: f"({x} {sign} {_closed(y)})",
                                         is_risky and sign != "*")
            case ast.Compare(left=left, ops=[ast.Gt()], comparators=[right]):
                return self._elementwise([left, right], lambda x, y: f"({x} > {y})")
            case ast.Attribute(value=value, attr="T"):
                return self._transposed(self._part(value), None)
            case ast.Subscript(value=value, slice=index):
                return self._subscripted(self._part(value), index)
            case ast.Call(func=ast.Attribute(value=value, attr=method), args=args, keywords=keywords):
                return self._method(self._part(value), method, args, {each.arg: each.value for each in keywords})
            case ast.Call(func=ast.Name(id=name), args=args):
                return self._call(name, args)
            case _:
                raise UnsupportedError(f"no loops for {ast.unparse(node)}")

    def _named(self, name: str) -> Part:
        if name in self._parts:
            return self._parts[name]
        constant = self._constants.get(name)
        if not isinstance(constant, np.ndarray):
            raise UnsupportedError(f"{name} is no array")
        return _array(name, constant.shape)

    def _elementwise(self, nodes: Sequence[ast.expr], written: Callable[..., str], risky: bool = False) -> Part:
        parts = [self._part(each) for each in nodes]
        return Part(broadcast([each.shape for each in parts]),
                    lambda index: written(*(each.element(index[len(index) - len(each.shape):]) for each in parts)),
                    risky=risky or any(each.risky for each in parts))

    def _transposed(self, part: Part, order: Sequence[int] | None) -> Part:
        order = order or range(len(part.shape))[::-1]
        back = [list(order).index(axis) for axis in range(len(part.shape))]
        return replace(part, shape=tuple(part.shape[axis] for axis in order),
                       at=lambda index: part.at([index[axis] for axis in back]), is_whole=False)

    def _reshaped(self, part: Part, shape: tuple[Dim, ...]) -> Part:
        new_shape, to_old = reshaped(part.shape, shape)
        return replace(part, shape=new_shape, at=lambda index: part.at(to_old(index)), is_whole=False)

    def _subscripted(self, part: Part, index: ast.expr) -> Part:
        known = {name: each.shape for name, each in self._constants.items() if isinstance(each, np.ndarray)}
        shape, to_old = subscripted(part.shape, index, known)
        return replace(part, shape=shape, at=lambda at: part.at(to_old(at)), is_whole=False)

    def _method(self, part: Part, name: str, args: list[ast.expr], named: dict[Any, ast.expr]) -> Part:
        if name == "reshape":
            return self._reshaped(part, tuple(map(_size, args)))
        if name in ("transpose", "swapaxes"):
            axes = [ast.literal_eval(each) for each in args]
            return self._transposed(part, [1, 0, *range(2, len(part.shape))] if name == "swapaxes" else axes)
        if name == "copy":
            return replace(part, place="")
        if name in ("sum", "mean"):
            axis = ast.literal_eval(named["axis"]) if named else tuple(range(len(part.shape)))
            axes = axis if isinstance(axis, tuple) else (axis,)
            return self._reduced(part, {each % len(part.shape) for each in axes}, name == "mean")
        raise UnsupportedError(f"no loops for .{name}()")

    def _call(self, name: str, args: list[ast.expr]) -> Part:
        if name in ("full", "broadcast_to"):
            shape, spread = args if name == "full" else args[::-1]
            part = self._part(spread)
            return Part(_sizes(shape), part.element, risky=part.risky)
        if name == "einsum":
            letters, left, right = args
            return self._einsum(ast.literal_eval(letters), self._part(left), self._part(right))
        if name == "outer":
            return self._einsum("i,j->ij", self._part(args[0]), self._part(args[1]))
        if name.endswith("_partials") and name.removesuffix("_partials") in self._rows:
            return self._partials(self._rows[name.removesuffix("_partials")], *args)
        row = self._rows.get(name)
        if row is None:
            raise UnsupportedError(f"no loops for {name}()")
        if row.arity is None:
            return self._variadic(row, args)
        risky = not (isinstance(row.domain, Box) and set(row.domain.intervals) == {REALS})
        return self._elementwise(args, lambda *texts: f"{name}({', '.join(texts)})", risky)

    # --- any number of operands -----------------------------------------------------------------

    def _variadic(self, row: Primitive, args: list[ast.expr]) -> Part:
        if isinstance(args[0], ast.Starred):
            terms = self._place(self._part(args[0].value))
            count = int(terms.shape[0])
            return Part(terms.shape[1:], lambda index: f"{row.name}("
                        + ", ".join(terms.at([str(at), *index]) for at in range(count)) + ")", risky=True)
        operands = [each for given in args if isinstance(given, ast.List) for each in given.elts]
        return self._elementwise(operands, lambda *texts: f"{row.name}({', '.join(texts)})", True)

    def _partials(self, row: Primitive, outcome: ast.expr, operands: ast.expr) -> Part:
        """The partials of an operation on a list, or on an array along the axis after those of its outcome."""
        out = self._place(self._part(outcome))
        if isinstance(operands, ast.List):
            texts = [self._part(each).at([]) for each in operands.elts]
            shares = self._shares(row, out.at([]), texts)
            return replace(_array("", (len(shares),)), at=lambda index: shares[int(index[0])])
        terms = self._place(self._part(operands))
        axis = len(out.shape) - ("lanes" in out.shape)
        found = self._new(self._fresh(f"{row.name}_shares"), terms.shape)
        with self._loops(out.shape) as index:
            places = [[*index[:axis], str(at), *index[axis:]] for at in range(int(terms.shape[axis]))]
            shares = self._shares(row, out.element(index), [terms.element(each) for each in places])
            for place, share in zip(places, shares, strict=True):
                self._write(f"{found.at(place)} = {share}")
        return found

    def _shares(self, row: Primitive, outcome: str, terms: Sequence[str]) -> list[str]:
        """Names of the partials for one outcome."""
        symbols = [self._symbol(f"term_{at}", text) for at, text in enumerate(terms)]
        written: dict[int, str] = {}
        partials = row.partials_at(self._symbol("outcome", outcome), symbols)
        return [self._shared_text(Symbol.of(partial), written) for partial in partials]

    def _symbol(self, wish: str, text: str) -> Symbol:
        name = self._fresh(wish)
        self._write(f"{name} = {text}")
        return Symbol(name)

    def _shared_text(self, symbol: Symbol, written: dict[int, str]) -> str:
        """What names a formula's number; a part that several formulas have is computed once."""
        if symbol.primitive is None:
            return symbol.python
        if id(symbol) not in written:
            row = symbol.primitive
            self._rows = {**self._rows, row.name: row}
            operands = [Symbol.of(each) if each.number is not None else Symbol(self._shared_text(each, written))
                        for each in symbol.operands]
            for each in operands:
                if each.number is None:
                    self._parts[each.python] = _scalar(each.python)
            formula = ast.parse(Symbol.applied(row, operands).python, mode="eval").body
            name = written[id(symbol)] = self._fresh("share")
            self._write(f"{name} = {self._part(formula).at([])}")
        return written[id(symbol)]

    @property
    def rows(self) -> Mapping[str, Primitive]:
        """The operations that the loops call."""
        return self._rows

    # --- sums -----------------------------------------------------------------------------------

    def _reduced(self, part: Part, axes: set[int], is_mean: bool) -> Part:
        letters = "".join(_LETTERS[at] for at in range(len(part.shape)))
        kept = "".join(each for at, each in enumerate(letters) if at not in axes)
        found = self._einsum(f"{letters},->{kept}", part, _scalar(""))
        if not is_mean:
            return found
        count = " * ".join(str(part.shape[axis]) for axis in axes) or "1"
        return Part(found.shape, lambda index: f"({found.at(index)} / ({count}))")

    def _product(self, left: Part, right: Part) -> Part:
        rows, columns = "ij"[2 - len(left.shape):], "jk"[:len(right.shape)]
        out = (rows + columns).replace("j", "")
        return self._einsum(f"{rows},{columns}->{out}", left, right)

    def _einsum(self, letters: str, left: Part, right: Part) -> Part:
        """Sums of products over the letters that the result does not have."""
        operands, out = letters.split("->")
        first, second = operands.split(",")
        if second:
            left, right = self._place(left), self._place(right)
        sizes = dict(zip(first, left.shape, strict=True)) | dict(zip(second, right.shape, strict=False))
        summed = [each for each in dict.fromkeys(first + second) if each not in out]
        index = {each: self._index_name(self._index[_LETTERS.find(each)], size) for each, size in sizes.items()}

        def term(total: str, **moved: str) -> str:
            where = index | moved
            text = left.at([where[each] for each in first])
            if not second:
                return f"plus({total}, {text})"
            return f"fused({total}, {text}, {right.at([where[each] for each in second])})"

        shape = tuple(sizes[each] for each in out)
        found_at = [index[each] for each in out]
        inner = sorted(summed, key=lambda each: sizes[each] == "lanes")
        if out and sizes[out[-1]] == "lanes" and "lanes" not in [sizes[each] for each in summed]:
            found = self._new(self._fresh("sums"), shape, "zeros")
            *others, last = inner
            with self._nested([*found_at[:-1], *(index[each] for each in others)],
                              [*shape[:-1], *(sizes[each] for each in others)]):
                self._add_to_lanes(found.at(found_at), index[last], int(sizes[last]),
                                   lambda total, at: term(total, **{last: at}))
            return found
        total = self._fresh("total")
        found = self._new(self._fresh("sums"), shape) if shape else _scalar(total)
        with self._nested(found_at, shape):
            self._write(f"{total} = 0.0")
            with self._nested([index[each] for each in inner], [sizes[each] for each in inner]):
                self._write(f"{total} = {term(total)}")
            if shape:
                self._write(f"{found.at(found_at)} = {total}")
        return found

    def _add_to_lanes(self, target: str, index: str, size: int, term: Callable[[str, str], str]) -> None:
        """The lanes are the innermost loop, and several terms are added to each at a time."""
        whole = size - size % _UNROLLED
        if whole:
            self._write(f"for {index} in range(0, {whole}, {_UNROLLED}):")
        groups = [[f"({index} + {ahead})" for ahead in range(_UNROLLED)]] if whole else []
        for group in [*groups, [str(at) for at in range(whole, size)]]:
            self._depth += len(group) == _UNROLLED
            with self._nested([self._lane] if group else [], ["lanes"] if group else []):
                if group:
                    self._write(f"{target} = {reduce(term, group, target)}")
            self._depth -= len(group) == _UNROLLED


def _array(name: str, shape: tuple[Dim, ...]) -> Part:
    return Part(shape, lambda index: f"{name}[{', '.join(index)}]", name, is_whole=True)


def _scalar(text: str) -> Part:
    return Part((), lambda index: text, text if text.isidentifier() else "")


def _closed(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def _sizes(shape: ast.expr) -> tuple[Dim, ...]:
    return tuple(map(_size, shape.elts)) if isinstance(shape, ast.Tuple) else (_size(shape),)


def _size(node: ast.expr) -> Dim:
    return "lanes" if isinstance(node, ast.Name) else int(ast.literal_eval(node))
