"""Generated lines with their results put into arrays made beforehand: what many lanes need, whose arrays are large.

An array that does not fit a page or two comes from the system anew each time, and filling it for the first time costs
more than computing it.
"""

from __future__ import annotations

import ast
from collections.abc import Collection

import numpy as np

from autograd_core.primitives import TABLE

_OPERATIONS: dict[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}
UFUNCS = {row.name: row.array for row in TABLE if isinstance(row.array, np.ufunc)}
"""The operations whose array reading takes ``out=``, by name."""
_TAKING_OUT = {*UFUNCS, "relu", "positive"}


def in_place(line: str, arrays: Collection[str]) -> str:
    """The line with its result put into the array that it names, if that is one of ``arrays`` and it can be.

    Each operation is the one it was, so results are equal to the last bit.

    >>> in_place("a_1 = W_1 @ x + b_1[:, None]", {"a_1"})
    'add(matmul(W_1, x, out=a_1), b_1[:, None], out=a_1)'
    >>> in_place("delta_1 = z_1_bar * positive(a_1)", {"delta_1"})
    'mul(z_1_bar, positive(a_1, out=delta_1), out=delta_1)'
    >>> in_place("a_2 = (y * z_1).sum(axis=0)", {"a_2"})
    'a_2 = (y * z_1).sum(axis=0)'
    """
    match ast.parse(line).body:
        case [ast.Assign(targets=[ast.Name(id=name)], value=value)] if name in arrays:
            written = _into(value, name)
            return line if written is None else written
    return line


def _into(node: ast.expr, target: str) -> str | None:
    """The expression, computed into the target; None where that is no single operation on arrays."""
    if {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} <= {"lanes"}:
        return None
    match node:
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            return f"matmul({ast.unparse(left)}, {ast.unparse(right)}, out={target})"
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            return _call(_OPERATIONS[type(op)], [left, right], target)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _call("neg", [operand], target)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _TAKING_OUT:
            return _call(name, args, target)
    return None


def _call(name: str, operands: list[ast.expr], target: str) -> str:
    # One operand may be computed into the target first; the others are read as they are.
    texts, is_free = [], True
    for operand in operands:
        written = _into(operand, target) if is_free else None
        is_free = is_free and written is None
        texts.append(ast.unparse(operand) if written is None else written)
    return f"{name}({', '.join(texts)}, out={target})"
