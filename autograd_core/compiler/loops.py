"""Loops for a program's NumPy source: every array expression becomes scalar lines inside counted loops.

What reads an array otherwise (a slice, a transpose, a reshape, a new axis) becomes arithmetic on indices, so the only
arrays left are those that hold results.  The loops run over the lanes innermost, where a compiler makes vector
instructions of them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from autograd_core.compiler.loop_shapes import Dim, UnsupportedError, broadcast, reshaped, subscripted
from autograd_core.compiler.loop_writer import LETTERS, LoopWriter, Part, array_of, scalar
from autograd_core.domains import REALS, Box
from autograd_core.primitives import TABLE
from autograd_core.row import Primitive
from autograd_core.symbol import Symbol
from autograd_core.tape import RESERVED

_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
_FIRST_COLUMN = ast.Tuple([ast.Slice(), ast.Constant(0)], ast.Load())
_PARTIALS = re.compile(r"(\w+)_partials(?:_\d+)?")
_UNROLLED = 4


class Loops(LoopWriter):
    """One function of a program, rewritten.

    ``inputs`` has for every argument the shape of its scalars and whether it has lanes, along the first axis;
    ``rows`` are the operations that the source calls, ``constants`` the arrays it reads.  Raises
    :class:`UnsupportedError` for what has no loops.
    """

    def __init__(self, function: ast.FunctionDef, inputs: Mapping[str, tuple[tuple[int, ...], bool]],
                 rows: Mapping[str, Primitive], constants: Mapping[str, Any]) -> None:
        named = {each.id for each in ast.walk(function) if isinstance(each, ast.Name)}
        super().__init__({*named, *inputs, *rows, *(row.name for row in TABLE), *RESERVED})
        self._rows, self._constants, self._inputs = rows, constants, inputs
        self._parts: dict[str, Part] = {}
        self._take_inputs()
        for statement in function.body:
            self._statement(statement)
        self.text = "\n".join([f"def {function.name}({', '.join(inputs)}):", *self.lines, ""])

    def _take_inputs(self) -> None:
        with_lanes = [name for name, (_, is_lane) in self._inputs.items() if is_lane]
        if with_lanes:
            self._write(f"lanes = {with_lanes[0]}.shape[0]")
        for name, (shape, is_lane) in self._inputs.items():
            if is_lane and shape == (1,):
                self._parts[name] = self._subscripted(array_of(name, ("lanes", 1)), _FIRST_COLUMN)
            elif is_lane and shape:
                columns = self._new(self._fresh(f"{name}_columns"), (*shape, "lanes"))
                with self._loops((*shape, "lanes")) as index:
                    self._write(f"{columns.at(index)} = {name}[{', '.join([index[-1], *index[:-1]])}]")
                self._parts[name] = columns
            elif is_lane or shape:
                self._parts[name] = array_of(name, ("lanes",) if is_lane else shape)
            else:
                self._parts[name] = replace(scalar(f"{name}[0]"), place=name)

    # --- statements -----------------------------------------------------------------------------

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=[ast.Name(id="lanes")]):
                pass
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Name(id=source)):
                for at, each in enumerate(names):
                    assert isinstance(each, ast.Name)
                    self._write(f"{each.id} = {source}[{at}]")
                    self._parts[each.id] = scalar(each.id)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="zeros" | "empty" as made),
                                                                        args=[shape])):
                self._parts[name] = self._new(name, _sizes(shape), made)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self._assign(name, self._part(value))
            case ast.Assign(targets=[ast.Subscript() as target], value=value):
                self._store(self._part(target), "=", self._part(value))
            case ast.AugAssign(target=target, op=ast.Add() | ast.Sub() as op, value=value):
                self._store(self._part(target), f"{_SIGNS[type(op)]}=", self._part(value))
            case ast.Expr(value=ast.Call(func=ast.Name(id="matmul"), args=[left, right], keywords=[target])):
                self._store(self._part(target.value), "=", self._product(self._part(left), self._part(right)))
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
            self._parts[name] = scalar(name)
            if part.risky:
                self._check(name)
        elif part.place:
            self._parts[name] = part
        else:
            self._parts[name] = self._held(part, self._fresh(name) if name in self._parts else name)

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
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "copy":
            node = node.func.value  # here it is no array that is kept
        part = self._part(node)
        return part if part.is_new and part.is_whole else self._held(part if part.shape else self._reshaped(part, (1,)))

    # --- expressions ----------------------------------------------------------------------------

    def _part(self, node: ast.expr) -> Part:
        match node:
            case ast.Constant(value=float() | int() as number):
                return scalar(repr(float(number)))
            case ast.Name(id="inf" | "nan" as name):
                return scalar(name)
            case ast.Name(id="lanes"):
                return scalar("lanes")
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
        return array_of(name, constant.shape)

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
            order = [ast.literal_eval(each) for each in args]
            return self._transposed(part, [1, 0, *range(2, len(part.shape))] if name == "swapaxes" else order)
        if name == "copy":
            return replace(part, place="")
        if name == "dot":
            return self._product(part, self._part(args[0]))
        if name in ("sum", "mean"):
            axis = ast.literal_eval(named["axis"]) if named else tuple(range(len(part.shape)))
            axes = axis if isinstance(axis, tuple) else (axis,)
            return self._reduced(part, {each % len(part.shape) for each in axes}, name == "mean")
        raise UnsupportedError(f"no loops for .{name}()")

    def _call(self, name: str, args: list[ast.expr]) -> Part:
        if name in ("full", "broadcast_to"):
            if name == "broadcast_to":
                args = args[::-1]
            shape, part = args[0], self._part(args[1])
            return Part(_sizes(shape), part.element, risky=part.risky)
        if name == "einsum":
            letters, left, right = args
            return self._einsum(ast.literal_eval(letters), self._part(left), self._part(right))
        if name == "outer":
            return self._einsum("i,j->ij", self._part(args[0]), self._part(args[1]))
        if name == "positive":
            return self._elementwise(args, lambda x: f"({x} > 0.0)")
        if name.removesuffix("_of") in self._rows and name.endswith("_of"):
            return self._variadic(self._rows[name.removesuffix("_of")], [ast.Starred(args[0], ast.Load())])
        of_list = _PARTIALS.fullmatch(name)
        if of_list and of_list[1] in self._rows:
            return self._partials(self._rows[of_list[1]], *args)
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
            return Part((len(shares),), lambda index: shares[int(index[0])], place=f"{row.name}_partials")
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
                    self._parts[each.python] = scalar(each.python)
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
        letters = "".join(LETTERS[at] for at in range(len(part.shape)))
        kept = "".join(each for at, each in enumerate(letters) if at not in axes)
        found = self._einsum(f"{letters},->{kept}", part, scalar(""))
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
        index = {each: self._index_name(self._index[LETTERS.find(each)], size) for each, size in sizes.items()}

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
        found = self._new(self._fresh("sums"), shape) if shape else scalar(total)
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


def _closed(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def _sizes(shape: ast.expr) -> tuple[Dim, ...]:
    return tuple(map(_size, shape.elts)) if isinstance(shape, ast.Tuple) else (_size(shape),)


def _size(node: ast.expr) -> Dim:
    return "lanes" if isinstance(node, ast.Name) else int(ast.literal_eval(node))
