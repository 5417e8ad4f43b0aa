"""``Value``: a number that remembers how it was computed, and the backward pass over what it remembers.

A node holds its operation, its operands and the local derivative to each of them: data, no closures and
no reference cycles.  Nodes carry one increasing stamp, so operands are older than results and sorting by
stamp is a topological order; a leaf set later is newer than its readers, which makes them stale.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

from autograd_core import primitives as rows
from autograd_core.errors import AnomalyError, NamingError, OperandError, StaleGraphError
from autograd_core.primitives import find_primitive
from autograd_core.row import Primitive

_stamps = itertools.count(1)
_sweep_lock = threading.Lock()
_watching: ContextVar[bool] = ContextVar("watching_for_nan", default=False)

# What other engines call things, answered with what to write here.
_FOREIGN = {
    "item": "write v.data",
    "numpy": "write v.data",
    "tolist": "write v.data",
    "value": "write v.data",
    "detach": "write Value(v.data) for a leaf with the same number and no history",
    "requires_grad": "every Value records; use a plain float for a constant",
    "requires_grad_": "every Value records; use a plain float for a constant",
    "grad_fn": "write v.op, v.operands and v.edges",
    "label": "write v.named('a_1') once, and read v.name",
    "children": "write v.operands, or v.edges for the derivatives too",
    "parents": "write v.operands, or v.edges for the derivatives too",
}  # fmt: skip


class Edge(NamedTuple):
    """One argument of a node: the operand, and the derivative of the node with respect to it."""

    parent: Value
    partial: float


class Value:
    """A scalar in a computational graph.

    ``data`` is a number, ``name`` how the scalar is shown: ``a_1``, ``w_{ij}^{(2)}``, ``\\\\delta_2``.
    Anything but a number raises :class:`OperandError` (a ``TypeError``).

    >>> x = Value(1.0, "x")
    >>> y = (2 * (3 * x) + -x).named("y")
    >>> y.backward()
    >>> y, x.grad
    (Value(5.0, 'y', grad=1.0), 5.0)
    """

    __slots__ = ("__weakref__", "_data", "_grad", "_name", "_stamp", "op", "operands", "partials")

    _data: float
    _grad: float | None
    _name: str | None
    _stamp: int
    op: Primitive | None
    operands: tuple[Any, ...]
    partials: tuple[float, ...]

    def __init__(self, data: object, name: str | None = None) -> None:
        self._data = _as_number(data)
        self._grad = None
        self._name = None
        self._stamp = next(_stamps)
        self.op = None
        self.operands = ()
        self.partials = ()
        if name is not None:
            self.named(name)

    # --- what a node knows ----------------------------------------------------------------------

    @property
    def data(self) -> float:
        """The number. Only a leaf's may be set; what was computed from it is then stale."""
        return self._data

    @data.setter
    def data(self, number: object) -> None:
        if self.op is not None:
            raise AttributeError(
                f"{self!r} was computed by {self.op.name}, so its data cannot be set. "
                "Set the data of a leaf and call recompute() on the output."
            )
        self._data = _as_number(number)
        self._stamp = next(_stamps)

    @property
    def grad(self) -> float:
        """The derivative of the last swept output: summed over sweeps in a leaf, the last sweep's elsewhere."""
        return 0.0 if self._grad is None else self._grad

    @grad.setter
    def grad(self, number: object) -> None:
        self._grad = _as_number(number)

    @property
    def name(self) -> str | None:
        """How the node is shown, or None."""
        return self._name

    def named(self, name: str) -> Value:
        """Give the node its name, once, and return the node.

        >>> Value(3.0).named("a_1")
        Value(3.0, 'a_1')
        """
        if not isinstance(name, str) or not name.strip():
            raise NamingError(f"A name is a non-empty string such as 'a_1' or 'w_{{ij}}^{{(2)}}'; got {name!r}.")
        if self._name is not None and self._name != name:
            raise NamingError(
                f"This node is already named {self._name!r} and pictures may show it; it cannot become {name!r}. "
                "Name a node where it is made, or give both names at once: named('z_0 = x')."
            )
        self._name = name
        return self

    @property
    def edges(self) -> tuple[Edge, ...]:
        """One edge per argument that is a Value, in argument order; ``a * a`` has two.

        >>> a = Value(3.0, "a")
        >>> [edge.partial for edge in (a * a).edges]
        [3.0, 3.0]
        """
        return tuple(
            Edge(operand, derivative)
            for operand, derivative in zip(self.operands, self.partials, strict=True)
            if isinstance(operand, Value)
        )

    @property
    def is_leaf(self) -> bool:
        """Whether the node was given, not computed."""
        return self.op is None

    # --- sweeps ---------------------------------------------------------------------------------

    def backward(self, seed: float = 1.0) -> None:
        """Differentiate this output with respect to everything it was computed from.

        One sweep in reverse topological order: each node hands ``adjoint * partial`` to its operands
        (chain rule along a path), which add up what they receive (sum rule across paths).  Interior
        nodes are assigned their adjoint, leaves accumulate it.  ``seed`` is the adjoint of the output.
        Raises :class:`StaleGraphError`, before anything is written, if a leaf changed since.
        """
        order = topological_order((self,))
        require_fresh(order)
        totals = adjoints(order, {id(self): _as_number(seed)})
        if _watching.get():
            _require_no_nan(order, totals)
        with _sweep_lock:
            for node, adjoint in zip(order, totals, strict=True):
                node._grad = adjoint if node.op is not None or node._grad is None else node._grad + adjoint

    def zero_grad(self) -> None:
        """Forget the gradients of this node and of everything it was computed from."""
        with _sweep_lock:
            for node in topological_order((self,)):
                node._grad = None

    def recompute(self) -> Value:
        """Replay the recorded operations on the leaves' present data and return this node.

        Operations are replayed, Python branches are not: what an ``if`` chose stays chosen.  If an
        operation fails nothing is changed.
        """
        order = topological_order((self,))
        fresh: dict[int, tuple[float, tuple[float, ...]]] = {}
        for node in order:
            if node.op is None:
                continue
            numbers = [
                (fresh[id(operand)][0] if operand.op is not None else operand._data)
                if isinstance(operand, Value) else operand
                for operand in node.operands
            ]  # fmt: skip
            data = node.op.on_floats(*numbers)
            wanted = [isinstance(operand, Value) for operand in node.operands]
            fresh[id(node)] = data, tuple(node.op.local_derivatives(data, numbers, wanted))
        with _sweep_lock:
            for node in order:
                if node.op is not None:
                    node._data, node.partials = fresh[id(node)]
                    node._stamp = next(_stamps)
        return self

    # --- arithmetic -----------------------------------------------------------------------------
    # The hot operators build their node here; a test holds each to its row in the table.

    def __add__(self, other: object) -> Any:
        if isinstance(other, Value):
            return _node(self._data + other._data, rows.add, (self, other), (1.0, 1.0))
        if isinstance(other, float):
            return _node(self._data + other, rows.add, (self, float(other)), (1.0, 0.0))
        return _binary(rows.add, self, other)

    def __radd__(self, other: object) -> Any:
        return _binary(rows.add, other, self)

    def __sub__(self, other: object) -> Any:
        if isinstance(other, Value):
            return _node(self._data - other._data, rows.sub, (self, other), (1.0, -1.0))
        if isinstance(other, float):
            return _node(self._data - other, rows.sub, (self, float(other)), (1.0, 0.0))
        return _binary(rows.sub, self, other)

    def __rsub__(self, other: object) -> Any:
        return _binary(rows.sub, other, self)

    def __mul__(self, other: object) -> Any:
        if isinstance(other, Value):
            return _node(self._data * other._data, rows.mul, (self, other), (other._data, self._data))
        if isinstance(other, float):
            number = float(other)
            return _node(self._data * number, rows.mul, (self, number), (number, 0.0))
        return _binary(rows.mul, self, other)

    def __rmul__(self, other: object) -> Any:
        return _binary(rows.mul, other, self)

    def __truediv__(self, other: object) -> Any:
        return _binary(rows.div, self, other)

    def __rtruediv__(self, other: object) -> Any:
        return _binary(rows.div, other, self)

    def __pow__(self, other: object) -> Any:
        return _binary(rows.pow, self, other)

    def __rpow__(self, other: object) -> Any:
        return _binary(rows.pow, other, self)

    def __neg__(self) -> Any:
        return _node(-self._data, rows.neg, (self,), (-1.0,))

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return rows.abs(self)

    @staticmethod
    def apply_primitive(primitive: Primitive, operands: Sequence[Any]) -> Value:
        """Compute the operation and record it: data, operands and local derivatives."""
        numbers: list[float] = []
        wanted: list[bool] = []
        for operand in operands:
            recorded = isinstance(operand, Value)
            if not recorded and not isinstance(operand, float):
                raise OperandError(f"{primitive.name} got a Value and {operand!r}. Use Values and numbers together.")
            numbers.append(operand._data if recorded else operand)
            wanted.append(recorded)
        data = primitive.on_floats(*numbers)
        return _node(data, primitive, tuple(operands), tuple(primitive.local_derivatives(data, numbers, wanted)))

    def __getattr__(self, attribute: str) -> Any:
        row = find_primitive(attribute)
        if row is not None and row.arity is not None:
            return partial(row, self)
        if attribute in _FOREIGN:
            raise AttributeError(f"Value has no .{attribute}: {_FOREIGN[attribute]}.")
        raise AttributeError(f"Value has no attribute {attribute!r}.")

    # --- comparison and conversion --------------------------------------------------------------

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Value):
            return self is other
        if isinstance(other, (int, float)) or _is_numpy_scalar(other):
            raise OperandError(
                f"Value == {other!r} is ambiguous: == between Values is identity. "
                f"Write v.data == {other!r} to compare numbers."
            )
        return NotImplemented

    def __hash__(self) -> int:
        return id(self) >> 4

    def __lt__(self, other: object) -> bool:
        return self._data < _compared(other, "<")

    def __le__(self, other: object) -> bool:
        return self._data <= _compared(other, "<=")

    def __gt__(self, other: object) -> bool:
        return self._data > _compared(other, ">")

    def __ge__(self, other: object) -> bool:
        return self._data >= _compared(other, ">=")

    def __bool__(self) -> bool:
        raise OperandError(
            "A Value has no truth value: a branch on it would not be recorded. Compare v.data, or write "
            "where(v, a, b) or heaviside(v, at_zero)."
        )

    def __float__(self) -> float:
        raise OperandError(
            "float(v), which math.sin(v) calls too, would cut the graph without a word. Write v.data for the "
            "number, or use this package's own functions: sin(v) or v.sin()."
        )

    def __format__(self, specification: str) -> str:
        return format(self._data, specification) if specification else repr(self)

    def __repr__(self) -> str:
        parts = [repr(self._data)]
        if self._name is not None:
            parts.append(repr(self._name))
        if self._grad is not None:
            parts.append(f"grad={self._grad!r}")
        if self.op is not None and _first_stale(topological_order((self,))) is not None:
            parts.append("stale")
        return f"Value({', '.join(parts)})"

    # --- copies ---------------------------------------------------------------------------------

    def __copy__(self) -> Value:
        twin = _node(self._data, self.op, self.operands, self.partials)
        twin._name, twin._grad = self._name, self._grad
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        return restore_values(flatten_values((self,)))[0]

    def __reduce__(self) -> Any:
        return _restore_one, (flatten_values((self,)),)


def _node(data: float, op: Primitive | None, operands: tuple[Any, ...], partials: tuple[float, ...]) -> Value:
    node = Value.__new__(Value)
    node._data = data
    node._grad = None
    node._name = None
    node._stamp = next(_stamps)
    node.op = op
    node.operands = operands
    node.partials = partials
    if data != data and _watching.get():
        _report_nan(node)
    return node


def _binary(row: Primitive, left: object, right: object) -> Any:
    other = right if isinstance(left, Value) else left
    if not isinstance(other, Value):
        if isinstance(other, (int, float)) and not isinstance(other, bool):
            number = float(other)
            pair = (left, number) if isinstance(left, Value) else (number, right)
            return Value.apply_primitive(row, pair)
        if not (_is_numpy_scalar(other) or isinstance(other, (bool, str, complex)) or other is None):
            return NotImplemented  # an array's own operator then spreads over its elements
        return row(left, right)
    return Value.apply_primitive(row, (left, right))


def _is_numpy_scalar(thing: object) -> bool:
    return hasattr(thing, "dtype") and getattr(thing, "ndim", -1) == 0


def _as_number(data: object) -> float:
    if isinstance(data, float):
        return float(data)
    if isinstance(data, bool):
        raise OperandError(f"A Value holds a number; got the bool {data}. Write {float(data)} if you mean it.")
    if isinstance(data, int):
        return float(data)
    if isinstance(data, Value):
        raise OperandError(f"A Value holds a number; got {data!r}. Write Value(v.data) for an independent leaf.")
    if isinstance(data, str):
        raise OperandError(f"A Value holds a number; got the text {data!r}. Write float({data!r}), or name= for a name.")
    if hasattr(data, "ndim") and hasattr(data, "dtype"):
        if data.ndim == 0 and data.dtype.kind in "iuf":
            return float(data)  # type: ignore[arg-type]  # a NumPy scalar, which object does not tell
        raise OperandError(
            f"A Value holds one real number; got an array of shape {data.shape} and type {data.dtype}. "
            "For an array of Values write np.vectorize(Value)(array)."
        )
    raise OperandError(f"A Value holds a real number; got {data!r} of type {type(data).__name__}.")


def _compared(other: object, sign: str) -> float:
    if isinstance(other, Value):
        return other._data
    if isinstance(other, (int, float)):
        return float(other)
    raise OperandError(f"v {sign} {other!r}: a Value compares with Values and numbers.")


# --- order, sums, staleness ---------------------------------------------------------------------


def topological_order(roots: Iterable[Value]) -> list[Value]:
    """Everything the roots were computed from, themselves included, operands before results."""
    seen: set[int] = set()
    interior: list[Value] = []
    leaves: list[Value] = []
    stack: list[Value] = list(roots)
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.op is None:
            leaves.append(node)
            continue
        interior.append(node)
        for operand in node.operands:
            if isinstance(operand, Value):
                stack.append(operand)
    # A leaf's stamp moves when it is set, so leaves go first; they have no operands.
    leaves.sort(key=_stamp_of)
    interior.sort(key=_stamp_of)
    return leaves + interior


def _stamp_of(node: Value) -> int:
    return node._stamp


def adjoints(order: Sequence[Value], seeds: dict[int, float]) -> list[float]:
    """The adjoint of each node of ``order`` for the seeds, keyed by ``id(node)``; ``.grad`` is left alone."""
    total: dict[int, float] = dict.fromkeys(map(id, order), 0.0)
    total.update(seeds)
    for node in reversed(order):
        if node.op is None:
            continue
        adjoint = total[id(node)]
        for operand, derivative in zip(node.operands, node.partials, strict=True):
            if isinstance(operand, Value):
                total[id(operand)] += adjoint * derivative
    return [total[id(node)] for node in order]


def _first_stale(order: Sequence[Value]) -> Value | None:
    for node in order:
        for operand in node.operands:
            if isinstance(operand, Value) and operand._stamp > node._stamp:
                return node
    return None


def require_fresh(order: Sequence[Value]) -> None:
    """Raise :class:`StaleGraphError` if a leaf was set, or a part recomputed, after a node that reads it."""
    stale = _first_stale(order)
    if stale is None:
        return
    newer = [leaf for leaf in topological_order((stale,)) if leaf.op is None and leaf._stamp > stale._stamp]
    changed = max(newer, key=_stamp_of) if newer else stale
    shown = f"the leaf {changed._name!r}" if changed._name else f"the leaf with data {changed._data!r}"
    raise StaleGraphError(
        f"{shown} was set after values were computed from it, so the graph is stale. "
        "Call recompute() on the output (it replays the recorded operations), or compute the output again."
    )


# --- nan provenance -----------------------------------------------------------------------------


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Within the block, stop with :class:`AnomalyError` at the first node or adjoint that becomes nan.

    >>> with detect_anomaly():
    ...     Value(math.inf, "x") - math.inf
    Traceback (most recent call last):
    autograd_core.errors.AnomalyError: sub(inf, inf) became nan. Its operands: x = inf, inf.
    """
    token = _watching.set(True)
    try:
        yield
    finally:
        _watching.reset(token)


def _report_nan(node: Value) -> None:
    numbers = [operand._data if isinstance(operand, Value) else operand for operand in node.operands]
    if any(math.isnan(number) for number in numbers):
        return
    called = f"{node.op.name}({', '.join(f'{number:.6g}' for number in numbers)})" if node.op else "a leaf"
    described = ", ".join(
        f"{operand._name} = {operand._data:.6g}" if isinstance(operand, Value) and operand._name else f"{number:.6g}"
        for operand, number in zip(node.operands, numbers, strict=True)
    )
    raise AnomalyError(f"{called} became nan. Its operands: {described}.")


def _require_no_nan(order: Sequence[Value], totals: Sequence[float]) -> None:
    for node, adjoint in zip(reversed(order), reversed(totals), strict=True):
        if math.isnan(adjoint):
            shown = node._name or (node.op.name if node.op is not None else "a leaf")
            raise AnomalyError(
                f"the adjoint of {shown} (data {node._data:.6g}) became nan in the backward pass: "
                "an infinite local derivative met an adjoint of 0, or infinities cancelled."
            )


# --- flat records, for copies and pickles of any depth ------------------------------------------


class FlatValues(NamedTuple):
    """A graph as lists: one entry per node in topological order; an operand is an index or a constant."""

    data: list[float]
    grad: list[float | None]
    name: list[str | None]
    op: list[Primitive | None]
    operands: list[tuple[Any, ...]]
    partials: list[tuple[float, ...]]
    stamp: list[int]
    roots: list[int]


def flatten_values(roots: Sequence[Value]) -> FlatValues:
    """The roots and everything below them, without references between nodes."""
    order = topological_order(roots)
    index = {id(node): position for position, node in enumerate(order)}
    return FlatValues(
        data=[node._data for node in order],
        grad=[node._grad for node in order],
        name=[node._name for node in order],
        op=[node.op for node in order],
        operands=[
            tuple(index[id(operand)] if isinstance(operand, Value) else operand for operand in node.operands)
            for node in order
        ],
        partials=[node.partials for node in order],
        stamp=[node._stamp for node in order],
        roots=[index[id(root)] for root in roots],
    )


def restore_values(flat: FlatValues) -> list[Value]:
    """New nodes for the records; the roots, sharing what they shared."""
    order: list[Value] = []
    for data, grad, name, op, operands, partials in zip(*flat[:6], strict=True):
        node = _node(data, op, tuple(order[at] if type(at) is int else at for at in operands), partials)
        node._grad, node._name = grad, name
        order.append(node)
    for position in sorted(range(len(order)), key=flat.stamp.__getitem__):
        order[position]._stamp = next(_stamps)  # in the old order, so that a stale graph stays stale
    return [order[root] for root in flat.roots]


def _restore_one(flat: FlatValues) -> Value:
    return restore_values(flat)[0]
