"""The strongest oracle: a recorded graph replayed in mpmath, and its derivatives taken there.

Nothing here reads a row's ``partials``.  A local derivative is the imaginary part of ``exact(x + ih)``
divided by ``h``, which subtracts nothing; it is taken at two steps of opposite sign and at two precisions, and
both are refined until they agree.  What is not analytic (a kink, the end of a domain) fails that test and
is looked at from either side by differences of real numbers, as is every row that is not the table's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from autograd_core.domains import Region
from autograd_core.errors import OperandError
from autograd_core.graph import Graph
from autograd_core.graph_parts import Node
from autograd_core.row import Primitive
from autograd_core.testing.many_operands import slopes_to_all
from autograd_core.testing.numbers import (
    OracleError,
    agree,
    complex_step,
    compute,
    exact_of,
    known_name,
    limit,
    magnitude,
    mpmath_context,
    operand_numbers,
    require_mpmath,
    settled_value,
    spread,
    step_scale,
)
from autograd_core.testing.switches import switches_of

_BITS_PER_DIGIT = math.log2(10)
_FLOAT_RANGE = 2200  # bits that hold any sum of two floats
_HUGE = 4096  # a number of more bits counts as infinite: its exponential would take all day

# Complex, mpmath's erf is a thousand times slower, and its log(1 + 1e-1000000) holds all those digits.
_SLOW_IF_COMPLEX = frozenset({"erf", "erfc", "gelu", "logsumexp"})

# How near the point, in powers of two, a slope is taken; two that agree have converged.
_NEAR = (160, 224, 480, 544, 1000)
_NEAR_ZERO = (160, 224, 480, 2**60, 2**70)  # x**1.0000001 is far from its limit at any ordinary distance


class ExactReplay:
    """A recorded graph at any precision: exact values, local derivatives, gradients, one-sided slopes.

    ``digits`` is what results are computed to; a derivative is good to ten less, and to at least 25.  All
    results are ``mpmath.mpf``.  ``graph`` must have numbers; contraction is ignored.  Where a row has no
    usable ``exact`` (see :meth:`uncovered`), asking about its node raises :class:`OracleError`.  Raises
    ``ImportError``, naming the extra, without mpmath.

    >>> from autograd_core import Graph, Value, sigmoid
    >>> x = Value(700.0, "x")
    >>> replay = ExactReplay(Graph(sigmoid(x)))
    >>> print(replay.gradient(1, [0])[0])
    9.85967654375977e-305
    """

    def __init__(self, graph: Graph, digits: int = 50) -> None:
        if not graph.has_numbers:
            raise OperandError("This graph has no numbers to replay. Give the inputs numbers.")
        if digits < 30:
            raise OperandError(f"ExactReplay computes to 30 digits or more; got digits={digits}.")
        self.graph, self.digits = graph, digits
        self._mp = require_mpmath().mp
        self._bits = int(digits * _BITS_PER_DIGIT) + 1
        self._base = self._bits + 66
        self._idle = switches_of(graph).idle
        self._derivatives: dict[int, list[Any]] = {}
        self._replayed: tuple[Any, ...] | None = None

    @staticmethod
    def uncovered(graph: Graph) -> tuple[Primitive, ...]:
        """The rows of the graph that cannot be replayed: ``exact`` is missing, or fails at the graph's own numbers."""
        context = mpmath_context()
        missing: dict[Primitive, None] = {}
        context.prec = 120
        for node in graph.record:
            row = node.op
            if row is None or row in missing or known_name(row):
                continue
            operands = list(map(context.mpf, operand_numbers(graph, node)))
            if row.exact is None or compute(context, row, operands) is None:
                missing[row] = None
        return tuple(missing)

    # --- values ---------------------------------------------------------------------------------

    def value(self, index: int) -> Any:
        """The exact value of a node at the floats its operands have in the graph; nan outside the domain.

        >>> from autograd_core import Graph, Value
        >>> replay = ExactReplay(Graph(Value(1e-20).log1p()))
        >>> print(replay.value(1) - 1e-20)
        -5.0e-41
        """
        node = self._node(index)
        if node.op is None:
            return self._plain(mpmath_context().mpf(node.data))
        return self._plain(settled_value(node.op, operand_numbers(self.graph, node), self._bits))

    def replayed(self) -> tuple[Any, ...]:
        """The exact values of all nodes as functions of the leaves: no float's rounding in between.

        A node outside its domain, and all that follows from it, is nan; beyond 1e1233 counts as infinite.
        """
        if self._replayed is None:
            before: list[Any] | None = None
            for bits in (self._base + 100, 3 * self._base, 2 * _FLOAT_RANGE, 12_000):
                found = self._replay(bits, {})
                if before is not None and all(
                    agree(one, other, self._bits) for one, other in zip(found, before, strict=True)
                ):
                    break
                before = found
            self._replayed = tuple(map(self._plain, found))
        return self._replayed

    def signature(self, shifts: Mapping[int, Any]) -> tuple[int, ...]:
        """The signs of all kink functions of all nodes, with the inputs shifted: which smooth piece they lie on.

        >>> from autograd_core import Graph, Value
        >>> replay = ExactReplay(Graph(abs(Value(0.0))))
        >>> replay.signature({0: -1e-40}), replay.signature({}), replay.signature({0: 1e-40})
        ((-1,), (0,), (1,))
        """
        context = mpmath_context()
        sizes = [max(0, magnitude(self._node(at).data or 0.0) - context.mag(by)) for at, by in shifts.items() if by]
        bits = self._base + 64 + max(sizes, default=0) + spread([node.data or 0.0 for node in self.graph.record])
        values = self._replay(bits, shifts)
        signs = []
        for node in self.graph.record:
            if node.op is not None and node.op.kinks:
                operands = self._taken(values, node)
                noise = max(map(abs, operands)) * context.ldexp(1, 60 - bits)
                for kink in node.op.kinks:
                    height = kink(*operands)
                    signs.append(0 if not height > noise and not height < -noise else 1 if height > 0 else -1)
        return tuple(signs)

    # --- local derivatives ----------------------------------------------------------------------

    def local_derivatives(self, index: int) -> list[Any]:
        """The derivative of a node to each operand at the floats the graph saw; 0 for a constant.

        At the end of a domain it is the limit from inside, which may be infinite; nan where the two sides
        differ (:meth:`one_sided` gives both) and where the function has no real values around the operands.

        >>> from autograd_core import Graph, Value, tanh
        >>> print(ExactReplay(Graph(tanh(Value(18.0)))).local_derivatives(1)[0])
        9.27809132097427e-16
        """
        if index not in self._derivatives:
            node = self._node(index)
            every = slopes_to_all(node.op, operand_numbers(self.graph, node), self._bits) if node.op else None
            self._derivatives[index] = [
                self._mp.zero if type(operand) is not int else self._plain(every[position]) if every
                else self._derivative(index, node, position)
                for position, operand in enumerate(node.operands)
            ]
        return list(self._derivatives[index])

    def is_at_kink(self, index: int) -> bool:
        """Whether a node has no derivative at its operands although it is defined on both sides.

        So it is where a ``kinks`` function of the row is zero, and also where the sides are found to differ.
        """
        node = self._node(index)
        if node.op is None:
            return False
        finite = all(map(math.isfinite, operand_numbers(self.graph, node)))
        return self.is_declared_kink(node) or (finite and any(
            derivative != derivative and None not in self.one_sided(index, position)
            for position, derivative in enumerate(self.local_derivatives(index))
        ))

    def one_sided(self, index: int, position: int) -> tuple[Any, Any]:
        """The limits, from the left and from the right, of a node's derivative to one operand.

        Infinite where they are, None where the operation is not defined; a jump, as of ``heaviside``, does not count.

        >>> from autograd_core import Graph, Value
        >>> x = Value(0.0, "x")
        >>> [str(side) for side in ExactReplay(Graph(x.relu())).one_sided(1, 0)]
        ['0.0', '1.0']
        >>> ExactReplay(Graph(x.sqrt())).one_sided(1, 0)
        (None, mpf('inf'))
        """
        node = self._node(index)
        if node.op is None:
            raise OperandError(f"Node {index} is a leaf: it has no operands to differentiate with respect to.")
        numbers = operand_numbers(self.graph, node)
        smooth = self._smooth(node, position, numbers)
        if smooth is not None:
            return smooth, smooth
        return self._side(node.op, numbers, position, -1), self._side(node.op, numbers, position, 1)

    def is_declared_kink(self, node: Node) -> bool:
        row, numbers = node.op, operand_numbers(self.graph, node)
        return row is not None and any(kink(*numbers) == 0 for kink in row.kinks)

    def _derivative(self, index: int, node: Node, position: int) -> Any:
        numbers = operand_numbers(self.graph, node)
        if not all(map(math.isfinite, numbers)):
            return self._mp.nan
        smooth = self._smooth(node, position, numbers)
        if smooth is not None:
            return smooth
        left, right = self.one_sided(index, position)
        if left is None or right is None:
            return (right if left is None else left) if (left is None) != (right is None) else self._mp.nan
        return right if agree(left, right, 83) else self._mp.nan

    def _smooth(self, node: Node, position: int, numbers: Sequence[float]) -> Any:
        """The derivative to one operand where the function is known to be analytic around it, else None."""
        row = node.op
        # Of the table's rows it is known that `exact` is analytic off the kinks; of a user's it is not.
        if row is None or known_name(row) is None or self.is_declared_kink(node) or _is_isolated(
            row, numbers, position
        ):
            return None
        if known_name(row) in _SLOW_IF_COMPLEX:
            return self._side(row, numbers, position, 0)
        found = complex_step(row, numbers, position, self._bits)
        return None if found is None else self._plain(found)

    def _side(self, row: Primitive, numbers: Sequence[float], position: int, sign: int) -> Any:
        """The limit of the derivative to one operand from one side (from both for 0), or None outside the domain."""
        context, x = mpmath_context(), numbers[position]
        scale = step_scale(x, numbers)
        extra = (max(0, magnitude(x)) - scale if x else max(0, -scale)) + spread(numbers)

        def slope(depth: int, bits: int) -> Any:
            near = _step(context, sign, scale - depth)
            context.prec = bits + extra + (depth if depth < 2000 else 0)
            operands = list(map(context.mpf, numbers))
            ends = []
            for steps in (1, 2) if sign else (-1, 1):
                moved = [*operands[:position], operands[position] + steps * near, *operands[position + 1 :]]
                ends.append(compute(context, row, moved))
                if ends[-1] is None:
                    return None
            return (ends[1] - ends[0]) / (near if sign else 2 * near)

        found = limit(slope, _NEAR_ZERO if x == 0 and known_name(row) else _NEAR, self._base)
        return None if found is None else self._plain(found)

    # --- derivatives of the whole ---------------------------------------------------------------

    def gradient(self, output: int, inputs: Iterable[int]) -> dict[int, Any]:
        """The derivative of ``output`` to each of ``inputs``: the chain rule on the exact local derivatives.

        >>> from autograd_core import Graph, Value
        >>> x = Value(3.0)
        >>> ExactReplay(Graph(x * x)).gradient(1, [0])
        {0: mpf('6.0')}
        """
        return self._accumulated(output, inputs, lambda derivative: derivative)

    def path_scale(self, output: int, inputs: Iterable[int]) -> dict[int, Any]:
        """The sum over all paths of the absolute value of the path's product: what an error is measured by.

        >>> from autograd_core import Graph, Value
        >>> x = Value(3.0)
        >>> ExactReplay(Graph(5 * x - 5 * x)).path_scale(3, [0])
        {0: mpf('10.0')}
        """
        return self._accumulated(output, inputs, abs)

    def sum_over_paths(self, output: int, inputs: Iterable[int], most: int = 10_000) -> dict[int, Any]:
        """The same gradient without sharing work: the sum over all paths, one by one, of the path's product.

        Raises :class:`OracleError` if there are more than ``most`` paths.
        """
        sums: dict[int, list[Any]] = {index: [] for index in inputs}
        counts: list[int] = []
        for node in self.graph.record[: output + 1]:
            counts.append((node.index in sums) + sum(counts[each] for each in node.parents))
        if counts[output] > most:
            raise OracleError(f"there are {counts[output]:,} paths, and no more than most={most:,} are listed.")
        context = mpmath_context()
        waiting = [(output, context.one)]
        while waiting:
            at, product = waiting.pop()
            if at in sums:
                sums[at].append(product)
            node = self.graph.record[at]
            derivatives = self.local_derivatives(at) if node.op is not None and counts[at] else ()
            context.prec = self._base
            for operand, derivative in zip(node.operands, derivatives, strict=False):
                if type(operand) is int and counts[operand]:
                    waiting.append((operand, product * derivative))
        context.prec = self._base
        return {index: self._plain(context.fsum(products)) for index, products in sums.items()}

    def directional(self, output: int, direction: Mapping[int, float], side: int = 0) -> Any:
        """The derivative of ``output`` along a direction of the inputs, by a difference of two replays.

        It does not use the chain rule.  ``side`` is 0 for a central difference, +1 or -1 for the limit of the
        derivative ahead or behind: at a kink they differ, elsewhere all three are the gradient times
        ``direction``.  nan where the function is not defined there.

        >>> from autograd_core import Graph, Value
        >>> replay = ExactReplay(Graph(abs(Value(0.0)) + 1.0))
        >>> [str(replay.directional(2, {0: 2.0}, side)) for side in (-1, 0, 1)]
        ['-2.0', '0.0', '2.0']
        """
        if side not in (-1, 0, 1):
            raise OperandError(f"side is -1 (behind), 0 (both) or 1 (ahead); got {side!r}.")
        context = mpmath_context()
        moving = {at: float(by) for at, by in direction.items() if by}
        if not moving:
            return self._mp.zero
        places = {at: self._node(at).data or 0.0 for at in moving}
        around = [node.data or 0.0 for node in self.graph.record]
        scale = min(step_scale(x, around) - magnitude(moving[at]) for at, x in places.items())
        extra = max(0, *map(magnitude, places.values())) - scale + spread([*places.values(), *moving.values()])

        def slope(depth: int, bits: int) -> Any:
            near = _step(context, side, scale - depth)
            ends = []
            for steps in (1, 2) if side else (-1, 1):
                context.prec = bits + depth + max(0, extra)
                shifts = {at: context.mpf(by) * (steps * near) for at, by in moving.items()}
                ends.append(self._replay(context.prec, shifts, until=output)[output])
            return (ends[1] - ends[0]) / (near if side else 2 * near)

        found = limit(slope, _NEAR, self._base)
        return self._plain(context.nan if found is None else found)

    def _accumulated(self, output: int, inputs: Iterable[int], weight: Callable[[Any], Any]) -> dict[int, Any]:
        wanted = tuple(inputs)
        moving = set(wanted)
        for node in self.graph.record:
            if any(type(operand) is int and operand in moving for operand in node.operands):
                moving.add(node.index)
        received: dict[int, Any] = {output: self._mp.one}
        context = mpmath_context()
        for node in reversed(self.graph.record[: output + 1]):
            if node.index not in received or node.index not in moving:
                continue
            derivatives = self.local_derivatives(node.index) if node.op is not None else ()
            context.prec = self._base
            mine = context.make_mpf(received[node.index]._mpf_)
            for position, (operand, derivative) in enumerate(zip(node.operands, derivatives, strict=True)):
                if type(operand) is int and operand in moving and (node.index, position) not in self._idle:
                    received[operand] = mine * weight(derivative) + received.get(operand, context.zero)
        return {at: self._plain(received.get(at, context.zero)) for at in wanted}

    # --- replaying ------------------------------------------------------------------------------

    def _replay(self, bits: int, shifts: Mapping[int, Any], until: int | None = None) -> list[Any]:
        context = mpmath_context()
        context.prec = bits
        values: list[Any] = []
        for node in self.graph.record[: None if until is None else until + 1]:
            if node.op is None or node.index in shifts:
                value = context.mpf(node.data) + context.mpf(shifts.get(node.index, 0))
            else:
                value = compute(context, node.op, self._taken(values, node))
                value = context.nan if value is None else value
            if context.isfinite(value) and value and context.mag(value) > _HUGE:
                value = context.inf if value > 0 else context.ninf
            values.append(value)
        return values

    def _taken(self, values: Sequence[Any], node: Node) -> list[Any]:
        context = mpmath_context()
        return [values[each] if type(each) is int else context.mpf(each) for each in node.operands]

    def _node(self, index: int) -> Node:
        node = self.graph.record[index]
        if node.op is not None:
            exact_of(node.op)
        return node

    def _plain(self, number: Any) -> Any:
        """The same number, bit for bit, as mpmath's own ``mpf``."""
        return self._mp.make_mpf(number._mpf_)


def _is_isolated(row: Primitive, numbers: Sequence[float], position: int) -> bool:
    """Whether the domain ends on both sides of an operand, as that of (-2)**y does around an integer y."""
    if not isinstance(row.domain, Region):
        return False
    ends = (math.nextafter(numbers[position], end) for end in (-math.inf, math.inf))
    return not any(row.domain.contains(*numbers[:position], end, *numbers[position + 1 :]) for end in ends)


def _step(context: Any, sign: int, exponent: int) -> Any:
    # Not a power of two, or two results too coarse to mean anything would agree as multiples of one unit.
    return context.ldexp((sign or 1) * (256 + exponent % 101), exponent - 8)
