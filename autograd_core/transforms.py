r"""Functions of derivatives: ``grad``, ``value_and_grad``, ``jacobian``, ``hessian``, ``jvp`` and ``vjp``.

Each calls the function on recording Values and sweeps what was recorded.  Where a derivative is itself
differentiated, the sweep runs on Values too: the table's partials are written with the table's own rows,
so the same row serves every order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from autograd_core.errors import DomainError, OperandError
from autograd_core.row import poles_allowed
from autograd_core.structures import Rebuild, flatten
from autograd_core.sweeps import adjoints, topological_order
from autograd_core.value import Value

Function = Callable[..., Any]

_ACTIVE: ContextVar[frozenset[int]] = ContextVar("active", default=frozenset())
"""The inputs (by id) of the transforms around this one: what depends on them will be differentiated again."""


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

    Between arrays it has the shape of the result followed by that of the argument.

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
        seeds, _ = flatten(cotangent, "the cotangent")
        if len(seeds) != len(call.results):
            raise OperandError(f"The pullback takes a cotangent like the result, of {len(call.results)} scalars; "
                               f"got one of {len(seeds)}.")
        return call.rebuild(call.reverse(call.results, seeds))

    return value, pullback


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of ``f`` at ``primals`` and its derivative in the direction ``tangents`` (forward mode).

    >>> jvp(lambda x, y: x * y, (2.0, 5.0), (1.0, 10.0))
    (10.0, 25.0)
    """
    if not isinstance(primals, (list, tuple)) or not isinstance(tangents, (list, tuple)):
        raise OperandError("jvp takes the arguments and their tangents as two tuples: jvp(f, (x, y), (dx, dy)).")
    directions, _ = flatten(list(tangents), "a tangent")
    with _called(f, tuple(primals), {}, range(len(primals))) as call:
        if len(directions) != len(call.leaves):
            raise OperandError(f"jvp needs a tangent like each argument: {len(call.leaves)} scalars; "
                               f"got {len(directions)}.")
        value = call.rebuild_result([call.answer(out) for out in call.results])
        return value, call.rebuild_result(call.forward(directions))


class _Call:
    """One call of a function on recording leaves, and the sweeps over what it recorded."""

    def __init__(self, leaves: list[Value], rebuild: Rebuild, given: list[Any], result: Any, outer: frozenset[int],
                 name: str) -> None:
        self.leaves, self.rebuild, self.result, self.name = leaves, rebuild, result, name
        self.ends = set(map(id, leaves))
        if result is None:
            raise OperandError(f"{name} returned None. Is a return missing?")
        self.results, self.rebuild_result = flatten(result, f"the result of {name}")
        self.order = topological_order([out for out in self.results if isinstance(out, Value)])
        self.depends = set(self.ends)
        for node in self.order:
            if any(id(operand) in self.depends for operand in node.operands):
                self.depends.add(id(node))
        # What depends on the input of a transform around this one will be differentiated again.
        self.is_recorded = any(isinstance(each, Value) for each in given) or any(
            id(node) in outer for node in self.order
        )

    def scalars(self, who: str, instead: str) -> list[Any]:
        if len(self.results) != 1 or self.results[0] is not self.result:
            raise OperandError(
                f"{who} needs a function that returns one scalar; {self.name} returned {_described(self.result)}. "
                f"Return their total, or use {instead}."
            )
        return self.results

    def answer(self, out: Any) -> Any:
        return out if self.is_recorded or not isinstance(out, Value) else out.data

    def reverse(self, outs: Sequence[Any], seeds: Sequence[Any]) -> list[Any]:
        if not self.is_recorded and all(isinstance(seed, float) for seed in seeds):
            start = dict.fromkeys(map(id, self.order), 0.0)
            for out, seed in zip(outs, seeds, strict=True):
                if isinstance(out, Value):
                    start[id(out)] += seed
            found = dict(zip(map(id, self.order), adjoints(self.order, start), strict=True))
            return [found.get(id(leaf), 0.0) for leaf in self.leaves]
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
        return [sums.get(id(leaf), 0.0) for leaf in self.leaves]

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
        return [tangents.get(id(out), 0.0) for out in self.results]

    def _moving(self, node: Value) -> list[tuple[Value, Any]]:
        """The operands that depend on the leaves, each with the local derivative as something recorded."""
        wanted = [id(operand) in self.depends for operand in node.operands]
        if node.op is None or not any(wanted) or id(node) in self.ends:
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
    several = not isinstance(argnums, int)
    chosen = [argnums] if isinstance(argnums, int) else list(argnums)
    for at in chosen:
        if not -len(arguments) <= at < len(arguments):
            raise OperandError(f"argnums={argnums!r} asks for argument {at}, but {_name(f)} was called with "
                               f"{len(arguments)} positional arguments, counted from 0.")
    asked = tuple(arguments[at] for at in chosen)
    given, rebuild = flatten(asked if several else asked[0], f"an argument of {_name(f)}")
    # A Value gets a node of its own, or a function that closes over it would be differentiated there, too.
    leaves = [each * 1.0 if isinstance(each, Value) else Value(each) for each in given]
    replaced = list(arguments)
    recording = rebuild(leaves)
    for at, part in zip(chosen, recording if several else [recording], strict=True):
        replaced[at] = part
    outer = _ACTIVE.get()
    token = _ACTIVE.set(outer | set(map(id, leaves)))
    try:
        result = f(*replaced, **options)
        yield _Call(leaves, rebuild, given, result, outer, _name(f))
    finally:
        _ACTIVE.reset(token)


def _name(f: Function) -> str:
    return getattr(f, "__name__", type(f).__name__)


def _described(result: Any) -> str:
    count = f" of {len(result)}" if hasattr(result, "__len__") else ""
    return f"a {type(result).__name__}{count}"
