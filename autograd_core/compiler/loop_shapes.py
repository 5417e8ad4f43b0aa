"""Shapes in loops: how arrays broadcast, and which element of an array one of a part of it is."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence

Dim = int | str
"""The length of an axis; that of the lanes is the word ``lanes``, for it is known at the call alone."""

Reindex = Callable[[Sequence[str]], list[str]]


class UnsupportedError(Exception):
    """Source that has no loops; the message is the reason."""


def broadcast(shapes: Sequence[tuple[Dim, ...]]) -> tuple[Dim, ...]:
    """The shape of an operation on arrays of these shapes.

    >>> broadcast([(16, 1), ("lanes",), ()])
    (16, 'lanes')
    """
    length = max(map(len, shapes), default=0)
    found: list[Dim] = []
    for axis in range(length):
        sizes = {shape[axis - length] for shape in shapes if len(shape) >= length - axis} - {1}
        if len(sizes) > 1:
            raise UnsupportedError(f"shapes {', '.join(map(str, shapes))} do not broadcast")
        found.append(sizes.pop() if sizes else 1)
    return tuple(found)


def reshaped(old: tuple[Dim, ...], new: tuple[Dim, ...]) -> tuple[tuple[Dim, ...], Reindex]:
    """The new shape without its -1, and the index in the old shape of an element at an index of the new.

    >>> shape, index = reshaped((32,), (16, 2))
    >>> index(["i", "j"])
    ['(i * 2 + j)']
    """
    lanes = ["lanes"] if "lanes" in old else []
    if (old.count("lanes") > 1 or (lanes and old[-1] != "lanes")) or (lanes != ["lanes"][:new.count("lanes")]):
        raise UnsupportedError(f"no loops for reshaping {old} to {new}")
    old_sizes = [int(each) for each in old if each != "lanes"]
    new_sizes = [int(each) for each in new if each != "lanes"]
    if -1 in new_sizes:
        rest = math.prod(each for each in new_sizes if each != -1)
        new_sizes[new_sizes.index(-1)] = math.prod(old_sizes) // rest

    def to_old(index: Sequence[str]) -> list[str]:
        kept = list(index[len(new_sizes):])
        if old_sizes == new_sizes:
            return list(index)
        return _unraveled(_raveled(index[:len(new_sizes)], new_sizes), old_sizes) + kept

    return (*new_sizes, *lanes), to_old


def _raveled(index: Sequence[str], sizes: Sequence[int]) -> str:
    text = "0"
    for each, size in zip(index, sizes, strict=True):
        text = each if text == "0" else f"{text} * {size}" if each == "0" else f"({text} * {size} + {each})"
    return text


def _unraveled(flat: str, sizes: Sequence[int]) -> list[str]:
    if not sizes:
        return []
    found = []
    for at, size in enumerate(sizes):
        below = math.prod(sizes[at + 1:])
        text = flat if below == 1 else f"({flat}) // {below}"
        found.append("0" if size == 1 else text if at == 0 else f"({text}) % {size}")
    return found


def subscripted(
    old: tuple[Dim, ...], index: ast.expr, constants: Mapping[str, tuple[int, ...]]
) -> tuple[tuple[Dim, ...], Reindex]:
    """The shape of ``array[index]``, and the index in the array of an element at an index of the result."""
    items = list(index.elts) if isinstance(index, ast.Tuple) else [index]
    shape: list[Dim] = []
    # The defaults hold what each step reads of this turn of the loop; mypy infers no type for such a lambda.
    steps: list[Callable[[Sequence[str]], str]] = []
    axis = 0
    for item in items:
        here = len(shape)
        match item:
            case ast.Constant(value=None):
                shape.append(1)
                continue
            case ast.Slice(lower=lower, upper=upper, step=step):
                if lower is None and upper is None:
                    shape.append(old[axis])
                    steps.append(lambda at, here=here: at[here])  # type: ignore[misc]
                else:
                    start, stop = _number(lower, 0), _number(upper, 0)
                    stride = _number(step, 1)
                    shape.append(max(0, math.ceil((stop - start) / stride)))
                    steps.append(lambda at, here=here, start=start, stride=stride:  # type: ignore[misc]
                                 _affine(at[here], start, stride))
            case ast.Constant(value=int() as position):
                steps.append(lambda at, position=position: str(position))  # type: ignore[misc]
            case ast.Name(id=name) if name in constants:
                count = len(constants[name])
                shape += constants[name]
                steps.append(lambda at, here=here, count=count, name=name:  # type: ignore[misc]
                             f"{name}[{', '.join(at[here:here + count])}]")
            case _:
                raise UnsupportedError(f"no loops for the index {ast.unparse(index)}")
        axis += 1
    rest = old[axis:]
    begin = len(shape)
    return (*shape, *rest), lambda at: [*(step(at) for step in steps), *at[begin:]]


def _affine(index: str, start: int, stride: int) -> str:
    if index.isdigit():
        return str(start + int(index) * stride)
    text = index if stride == 1 else f"{index} * {stride}"
    return f"({text} + {start})" if start else text


def _number(node: ast.expr | None, otherwise: int) -> int:
    return otherwise if node is None else int(ast.literal_eval(node))
