r"""Functions of derivatives: ``grad``, ``value_and_grad``, ``jacobian``, ``hessian``, ``jvp`` and ``vjp``.

Each calls the function on recording Values and sweeps what was recorded.  Where a derivative is itself
differentiated, the sweep runs on Values too: the table's partials are written with the table's own rows,
so the same row serves every order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from operator import index
from typing import Any, SupportsIndex

from autograd_core.errors import DomainError, OperandError
from autograd_core.row import poles_allowed
from autograd_core.structures import Rebuild, described, flatten, flatten_like, is_scalar
from autograd_core.sweeps import require_fresh, swept, topological_order
from autograd_core.value import Value

Function = Callable[..., Any]

_ACTIVE: set[int] = set()
"""The inputs (by id) of the transforms at work: what depends on them will be differentiated again.

Of all threads, since the function under a transform may start some.
"""


def grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The function that gives the gradient of ``f``, a function of one scalar result.

    ``argnums`` says which positional arguments to differentiate; the result has their structure, a tuple
    of structures for several.  Floats give floats, Values give Values, so it nests to any order.  Raises
    :class:`OperandError` if ``f`` does not return one scalar.

    >>> from autograd_core import sigmoid
    >>> round(grad(lambda x: sigmoid(x) ** 2)(0.3), 6)
    0.280854
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    """
    both = value_and_grad(f, argnums)
    return wraps(f)(lambda *arguments, **options: both(*arguments, **options)[1])


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The function that gives the value of ``f`` and its gradient, from one call.

    >>> value_and_grad(lambda w, x: w[0] * x + w[1])([2.0, 1.0], 3.0)
    (7.0, [3.0, 1.0])
    """

    @wraps(f)
    def both(*arguments: Any, **options: Any) -> tuple[Any, Any]:
        with _called(f, arguments, options, argnums) as call:
            (out,) = call.scalars("grad", "jacobian")
            return call.answer(out), call.rebuild(call.reverse([out], [1.0]))

    return both


def jacobian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The function that gives all partial derivatives of ``f``: the result's structure with the argument's inside.

    Between arrays it has the shape of the result followed by that of the argument; where the argument is a
    structure, an array in the result gives a structure of such arrays.

    >>> jacobian(lambda x: [x[0] * x[1], 3 * x[1]])([2.0, 5.0])
    [[5.0, 2.0], [0.0, 3.0]]
    """

    @wraps(f)
    def rows(*arguments: Any, **options: Any) -> Any:
        with _called(f, arguments, options, argnums) as call:
            return call.rebuild_result([call.rebuild(call.reverse([out], [1.0])) for out in call.results])

    return rows


def hessian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The function that gives the second derivatives of ``f``, a function of one scalar result.

    >>> hessian(lambda x: x[0] ** 2 * x[1])([3.0, 5.0])
    [[10.0, 6.0], [6.0, 0.0]]
    """
    return jacobian(grad(f, argnums), argnums)


def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """The value of ``f`` and its pullback: from a cotangent like the result to one per argument (reverse mode).

    >>> value, pullback = vjp(lambda x, y: [x * y, x + y], 2.0, 5.0)
    >>> value, pullback([1.0, 10.0])
    ([10.0, 7.0], (15.0, 12.0))
    """
    with _called(f, primals, {}, range(len(primals))) as call:
        value = call.rebuild_result([call.answer(out) for out in call.results])

    def pullback(cotangent: Any) -> Any:
        seeds = flatten_like(cotangent, call.result, "The cotangent", f"the result of {call.name}")
        return call.rebuild(call.reverse(call.results, seeds))

    return value, pullback


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of ``f`` at ``primals`` and its derivative in the direction ``tangents`` (forward mode).

    >>> jvp(lambda x, y: x * y, (2.0, 5.0), (1.0, 10.0))
    (10.0, 25.0)
    """
    if not isinstance(primals, (list, tuple)) or not isinstance(tangents, (list, tuple)):
        raise OperandError("jvp takes the arguments and their tangents as two tuples: jvp(f, (x, y), (dx, dy)).")
    if len(primals) != len(tangents):
        raise OperandError(f"jvp takes a tangent for each argument: {len(primals)}; got {len(tangents)}.")
    directions = [
        scalar for primal, tangent in zip(primals, tangents, strict=True)
        for scalar in flatten_like(tangent, primal, "A tangent", "its argument")
    ]
    with _called(f, tuple(primals), {}, range(len(primals))) as call:
        value = call.rebuild_result([call.answer(out) for out in call.results])
        return value, call.rebuild_result(call.forward(directions))


class _Call:
    """One call of a function on recording leaves, and the sweeps over what it recorded."""

    def __init__(self, leaves: list[Value], rebuild: Rebuild, given: list[Any], result: Any, name: str) -> None:
        self.leaves, self.rebuild, self.result, self.name = leaves, rebuild, result, name
        self.ends = set(map(id, leaves))
        if result is None:
            raise OperandError(f"{name} returned None. Is a return missing?")
        self.results, self.rebuild_result = flatten(result, f"the result of {name}")
        self.order = _order(self.results)
        require_fresh(self.order)
        self.depends = set(self.ends)
        for node in self.order:
            if any(id(operand) in self.depends for operand in node.operands):
                self.depends.add(id(node))
        # What depends on the input of a transform around this one will be differentiated again.
        self.is_recorded = any(isinstance(each, Value) for each in given) or any(
            id(node) in _ACTIVE and id(node) not in self.ends for node in self.order
        )

    def scalars(self, who: str, instead: str) -> list[Any]:
        if not is_scalar(self.result):
            raise OperandError(
                f"{who} needs a function that returns one scalar; {self.name} returned {described(self.result)}. "
                f"Return their total, or use {instead}."
            )
        return self.results

    def answer(self, out: Any) -> Any:
        if self.is_recorded:
            return _recorded(out)
        return out.data if isinstance(out, Value) else out

    def reverse(self, outs: Sequence[Any], seeds: Sequence[Any]) -> list[Any]:
        if not self.is_recorded and all(isinstance(seed, float) for seed in seeds):
            # Only what these results were computed from: elsewhere an infinite partial would make 0 * inf.
            order = _order(outs)
            start: dict[int, float] = {}
            for out, seed in zip(outs, seeds, strict=True):
                if isinstance(out, Value):
                    start[id(out)] = start.get(id(out), 0.0) + seed
            found = dict(zip(map(id, order), swept(order, start), strict=True))
            return [found.get(id(leaf), 0.0) for leaf in self.leaves]
        require_fresh(self.order)
        sums: dict[int, Any] = {}
        for out, seed in zip(outs, seeds, strict=True):
            if isinstance(out, Value):
                sums[id(out)] = sums[id(out)] + seed if id(out) in sums else seed
        for node in reversed(self.order):
            if id(node) not in sums or id(node) not in self.depends:
                continue
            for operand, partial in self._moving(node):
                term = sums[id(node)] * partial
                sums[id(operand)] = sums[id(operand)] + term if id(operand) in sums else term
        return [_recorded(sums.get(id(leaf), 0.0)) for leaf in self.leaves]

    def forward(self, directions: Sequence[Any]) -> list[Any]:
        tangents: dict[int, Any] = {id(leaf): each for leaf, each in zip(self.leaves, directions, strict=True)}
        is_recorded = self.is_recorded or any(isinstance(each, Value) for each in directions)
        for node in self.order:
            if node.op is None or id(node) not in self.depends or id(node) in tangents:
                continue
            pairs = self._moving(node) if is_recorded else [
                (operand, partial) for operand, partial in zip(node.operands, node.partials, strict=True)
                if id(operand) in tangents
            ]
            terms = [partial * tangents[id(operand)] for operand, partial in pairs]
            tangents[id(node)] = sum(terms[1:], start=terms[0])
        found = [tangents.get(id(out), 0.0) for out in self.results]
        return list(map(_recorded, found)) if is_recorded else found

    def _moving(self, node: Value) -> list[tuple[Value, Any]]:
        """The operands that depend on the leaves, each with the local derivative as something recorded."""
        wanted = [id(operand) in self.depends for operand in node.operands]
        if node.op is None or not any(wanted):
            return []
        try:
            partials = node.op.partials_at(node, node.operands, wanted)
        except DomainError:
            with poles_allowed():  # at the end of a domain a derivative is its limit
                partials = node.op.partials_at(node, node.operands, wanted)
        return [
            (operand, partial)
            for operand, partial, moves in zip(node.operands, partials, wanted, strict=True) if moves
        ]


@contextmanager
def _called(
    f: Function, arguments: tuple[Any, ...], options: dict[str, Any], argnums: int | Sequence[int]
) -> Iterator[_Call]:
    chosen, several = _positions(argnums, len(arguments), _name(f))
    asked = tuple(arguments[at] for at in chosen)
    given, rebuild = flatten(asked if several else asked[0], f"an argument of {_name(f)}")
    # A Value gets a node of its own, or a function that closes over it would be differentiated there, too.
    leaves = [each * 1.0 if isinstance(each, Value) else Value(each) for each in given]
    replaced = list(arguments)
    recording = rebuild(leaves)
    for at, part in zip(chosen, recording if several else [recording], strict=True):
        replaced[at] = part
    _ACTIVE.update(map(id, leaves))
    try:
        result = f(*replaced, **options)
        yield _Call(leaves, rebuild, given, result, _name(f))
    finally:
        _ACTIVE.difference_update(map(id, leaves))


def _order(outs: Sequence[Any]) -> list[Value]:
    # A function may return the same Value twice, which must not be swept twice.
    return topological_order({id(out): out for out in outs if isinstance(out, Value)}.values())


def _positions(argnums: int | Sequence[int], count: int, name: str) -> tuple[list[int], bool]:
    """The positions asked for, counted from 0, and whether as a sequence."""
    several = isinstance(argnums, Sequence) and not isinstance(argnums, (str, bytes))
    chosen: list[int] = []
    for asked in argnums if several else [argnums]:  # type: ignore[union-attr]
        if isinstance(asked, bool) or not isinstance(asked, SupportsIndex):
            raise OperandError(f"argnums is the position of an argument, or a tuple of them; got {argnums!r}.")
        at = index(asked)
        if not -count <= at < count:
            raise OperandError(f"argnums={argnums!r} asks for argument {at}, but {name} was called with {count} "
                               f"positional argument{'' if count == 1 else 's'}, counted from 0.")
        chosen.append(at % count)
    if len(set(chosen)) < len(chosen):
        raise OperandError(f"argnums={argnums!r} asks for the same argument twice.")
    return chosen, several


def _name(f: Function) -> str:
    return getattr(f, "__name__", None) or getattr(f, "name", None) or type(f).__name__


def _recorded(number: Any) -> Value:
    return number if isinstance(number, Value) else Value(number)
