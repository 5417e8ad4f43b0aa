"""``Value``: a number that remembers how it was computed, and can be differentiated.

A node holds its operation, its operands and the local derivative to each of them: data, no closures and
no reference cycles.  The passes over what it remembers are in ``sweeps.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import ge, gt, le, lt
from typing import Any, NamedTuple

from autograd_core import primitives as rows
from autograd_core import records, sweeps
from autograd_core.errors import NamingError, OperandError
from autograd_core.operand_checks import as_comparable, as_number, is_number, is_numpy_scalar, shown
from autograd_core.primitives import find_primitive
from autograd_core.records import FlatValues, flatten_values
from autograd_core.row import Primitive
from autograd_core.sweeps import adjoints, require_fresh, stamps, topological_order
from autograd_core.watching import detect_anomaly, observe, observers, recording_lines, refusals, refuse, require_number

__all__ = [
    "Edge", "FlatValues", "Parameter", "Value", "adjoints", "detect_anomaly", "flatten_values", "recording_lines",
    "require_fresh", "restore_values", "topological_order",
]

# What other engines call things, answered with what to write here.
_FOREIGN = {
    **dict.fromkeys(("item", "numpy", "tolist", "value"), "write v.data"),
    "detach": "write Value(v.data) for a leaf with the same number and no history",
    **dict.fromkeys(("requires_grad", "requires_grad_"), "every Value records; use a plain float for a constant"),
    "grad_fn": "write v.op, v.operands and v.edges",
    "label": "write v.named('a_1') once, and read v.name",
    **dict.fromkeys(("children", "parents"), "write v.operands, or v.edges for the derivatives too"),
}


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

    def __init__(self, data: object, name: object = None) -> None:
        self._data = as_number(data)
        self._grad = None
        self._name = None
        self._stamp = next(stamps)
        self.op = None
        self.operands = ()
        self.partials = ()
        if name is not None:
            self.named(name)
        if observers:
            observe(self)

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
        data = as_number(number)
        if observers:
            require_number(self, data)
        self._data = data
        self._stamp = next(stamps)

    @property
    def grad(self) -> float:
        """The derivative of the last swept output: summed over sweeps in a leaf, the last sweep's elsewhere."""
        return 0.0 if self._grad is None else self._grad

    @grad.setter
    def grad(self, number: object) -> None:
        self._grad = as_number(number)

    @property
    def name(self) -> str | None:
        """How the node is shown, or None."""
        return self._name

    def named(self, name: object) -> Value:
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
            if not isinstance(operand, float)
        )

    @property
    def is_leaf(self) -> bool:
        """Whether the node was given, not computed."""
        return self.op is None

    # --- sweeps ---------------------------------------------------------------------------------

    def backward(self, seed: object = 1.0) -> None:
        """Differentiate this output with respect to everything it was computed from.

        One sweep in reverse topological order: each node hands ``adjoint * partial`` to its operands
        (chain rule along a path), which add up what they receive (sum rule across paths).  Interior
        nodes are assigned their adjoint, leaves accumulate it.  ``seed`` is the adjoint of the output.
        Raises :class:`StaleGraphError`, before anything is written, if a leaf changed since.
        """
        sweeps.backward(self, as_number(seed))

    def zero_grad(self) -> None:
        """Forget the gradients of this node and of everything it was computed from."""
        sweeps.zero_grad(self)

    def recompute(self) -> Value:
        """Replay the recorded operations on the leaves' present data and return this node.

        Operations are replayed, Python branches are not: what an ``if`` chose stays chosen.  If an
        operation fails nothing is changed.
        """
        sweeps.recompute(self)
        return self

    # --- arithmetic -----------------------------------------------------------------------------
    # The hot operators build their node here; a test holds each to its row in the table.

    def __add__(self, other: object) -> Any:
        if isinstance(other, Value):
            return _node(self._data + other._data, rows.add, (self, other), (1.0, 1.0))
        if type(other) is float or type(other) is int:
            number = as_number(other)
            return _node(self._data + number, rows.add, (self, number), (1.0, 0.0))
        return _binary(rows.add, self, other)

    def __radd__(self, other: object) -> Any:
        if type(other) is float or type(other) is int:
            number = as_number(other)
            return _node(number + self._data, rows.add, (number, self), (0.0, 1.0))
        return _binary(rows.add, other, self)

    def __sub__(self, other: object) -> Any:
        if isinstance(other, Value):
            return _node(self._data - other._data, rows.sub, (self, other), (1.0, -1.0))
        if type(other) is float or type(other) is int:
            number = as_number(other)
            return _node(self._data - number, rows.sub, (self, number), (1.0, 0.0))
        return _binary(rows.sub, self, other)

    def __rsub__(self, other: object) -> Any:
        if type(other) is float or type(other) is int:
            number = as_number(other)
            return _node(number - self._data, rows.sub, (number, self), (0.0, -1.0))
        return _binary(rows.sub, other, self)

    def __mul__(self, other: object) -> Any:
        if isinstance(other, Value):
            return _node(self._data * other._data, rows.mul, (self, other), (other._data, self._data))
        if type(other) is float or type(other) is int:
            number = as_number(other)
            return _node(self._data * number, rows.mul, (self, number), (number, 0.0))
        return _binary(rows.mul, self, other)

    def __rmul__(self, other: object) -> Any:
        if type(other) is float or type(other) is int:
            number = as_number(other)
            return _node(number * self._data, rows.mul, (number, self), (0.0, number))
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
        recorded: list[Any] = []
        for operand in operands:
            if isinstance(operand, Value):
                numbers.append(operand._data)
                wanted.append(True)
                recorded.append(operand)
            elif isinstance(operand, float):
                number = float(operand)
                numbers.append(number)
                wanted.append(False)
                recorded.append(number)
            else:
                raise OperandError(
                    f"{primitive.name} got a Value and {shown(operand)}. Use Values and numbers together."
                )
        data = float(primitive.on_floats(*numbers))
        return _node(data, primitive, tuple(recorded), tuple(primitive.local_derivatives(data, numbers, wanted)))

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
        if is_number(other):
            raise OperandError(
                f"Value == {shown(other)} is ambiguous: == between Values is identity. "
                f"Write v.data == {shown(other)} to compare numbers."
            )
        return NotImplemented

    def __hash__(self) -> int:
        return id(self) >> 4

    def __lt__(self, other: object) -> Any:
        if isinstance(other, Value) and not refusals:
            return self._data < other._data
        return _compared(self, "<", other, lt)

    def __le__(self, other: object) -> Any:
        if isinstance(other, Value) and not refusals:
            return self._data <= other._data
        return _compared(self, "<=", other, le)

    def __gt__(self, other: object) -> Any:
        if isinstance(other, Value) and not refusals:
            return self._data > other._data
        return _compared(self, ">", other, gt)

    def __ge__(self, other: object) -> Any:
        if isinstance(other, Value) and not refusals:
            return self._data >= other._data
        return _compared(self, ">=", other, ge)

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
        if self.op is not None and sweeps.is_stale(self):
            parts.append("stale")
        return f"Value({', '.join(parts)})"

    # --- copies ---------------------------------------------------------------------------------

    def __copy__(self) -> Value:
        return records.twin(self, self.operands)

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        return records.copy_below(self, memo)

    def __reduce__(self) -> Any:
        return _restore_one, (flatten_values((self,)),)


class Edge(NamedTuple):
    """One argument of a node: the operand, and the derivative of the node with respect to it."""

    parent: Value  # mypyc reads this when the class is made, so Edge comes after Value
    partial: float


class Parameter(Value):
    """A leaf that training adjusts; a picture writes it beside an arrow unless it is asked about."""

    __slots__ = ()


def restore_values(flat: FlatValues) -> list[Value]:
    """New nodes for the records; the roots, sharing what they shared."""
    return records.rebuild(flat)


def _restore_one(flat: FlatValues) -> Value:
    return records.rebuild(flat)[0]


def _node(data: float, op: Primitive, operands: tuple[Any, ...], partials: tuple[float, ...]) -> Value:
    # Python does not run __init__ here, which is half the cost of a node; a class compiled by mypyc does.
    node = Value.__new__(Value, 0.0)  # type: ignore[call-arg]  # for that __init__
    node._data = data
    node._grad = None
    node._name = None
    node._stamp = next(stamps)
    node.op = op
    node.operands = operands
    node.partials = partials
    if observers:
        observe(node)
    return node


# --- what may stand beside a Value --------------------------------------------------------------


def _compared(value: Value, sign: str, other: object, compare: Callable[[Any, Any], bool]) -> Any:
    held = other._data if isinstance(other, Value) else other
    number = held if type(held) is float else as_comparable(held, sign)
    if refusals and number is not None:
        refuse(value, sign, other)
    return NotImplemented if number is None else compare(value._data, number)


def _binary(row: Primitive, left: object, right: object) -> Any:
    other: Any = right if isinstance(left, Value) else left
    if isinstance(other, Value):
        return Value.apply_primitive(row, (left, right))
    if isinstance(other, (int, float)) and not isinstance(other, bool):
        number = as_number(other)
        return Value.apply_primitive(row, (left, number) if isinstance(left, Value) else (number, right))
    if is_numpy_scalar(other):
        held = other.item() if other.dtype.kind == "O" else other
        return row(left, held) if isinstance(left, Value) else row(held, right)
    if is_number(other) or isinstance(other, str) or other is None:
        return row(left, right)  # which says what it takes
    return NotImplemented  # an array's own operator then spreads over its elements
