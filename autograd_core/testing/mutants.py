"""Mutants: the classic mistakes in backpropagation, planted on purpose.

A good test fails when the code is wrong.  Each mutant makes the engine wrong in one way, for one block and for this
thread: a row of the table with another partial, or another sweep.  Nothing is patched: new nodes pass through
:func:`~autograd_core.watching.altering`, and ``backward`` asks :func:`~autograd_core.sweeps.sweeping_with`.
Only recorded derivatives and sweeps change; values, arrays and what is replayed at 50 digits stay right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from autograd_core import primitives as rows
from autograd_core.errors import NamingError, OperandError
from autograd_core.row import Partial, Primitive
from autograd_core.structures import flatten
from autograd_core.sweeps import Sweep, sweeping_with, topological_order
from autograd_core.testing import wrong_sweeps
from autograd_core.value import Value
from autograd_core.watching import altering


@dataclass(frozen=True)
class Mutant:
    """One mistake: its ``name``, what it ``says`` to a student, and the ``row`` or the ``sweep`` it is in.

    A mistake in a row has the wrong ``partials``, where None stands for the row's own.  Raises
    :class:`OperandError` unless there is either a row with partials or a sweep.

    >>> doubled = Mutant("sin-doubled", "The cosine is taken twice.", rows.sin, (lambda out, x: 2.0 * rows.cos(x),))
    >>> x = Value(0.0)
    >>> with doubled.applied():
    ...     x.sin().backward()
    >>> x.grad
    2.0
    """

    name: str
    says: str
    row: Primitive | None = None
    partials: tuple[Partial | None, ...] | Partial | None = field(default=None, repr=False)
    sweep: Sweep | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.row is None) is (self.sweep is None) or (self.row is None) is not (self.partials is None):
            raise OperandError(f"The mutant {self.name!r} needs a row with other partials, or else a sweep.")

    @property
    def kind(self) -> Literal["row", "sweep"]:
        """Where the mistake is: in a ``row`` of the table or in the ``sweep``.

        >>> find_mutant("assign").kind
        'sweep'
        """
        return "sweep" if self.row is None else "row"

    @cached_property
    def mutated(self) -> Primitive:
        """The table's row with the mistake in it; raises :class:`OperandError` for a mistake in a sweep.

        >>> find_mutant("neg-sign").mutated.local_derivatives(-3.0, [3.0], [True])
        [1.0]
        """
        if self.row is None or self.partials is None:
            raise OperandError(f"{self.name} is a mistake in the sweep: no row has it.")
        if not isinstance(self.partials, tuple):
            return replace(self.row, partials=self.partials)
        assert isinstance(self.row.partials, tuple)
        both = zip(self.partials, self.row.partials, strict=True)
        return replace(self.row, partials=tuple(wrong or right for wrong, right in both))

    def applied(self) -> AbstractContextManager[None]:
        """A context manager: the engine makes this mistake within its block, in this thread.

        Of two mistakes in one row, or of two in the sweep, the inner one counts.  Graphs made within the block
        keep the derivatives they were given.

        >>> x = Value(3.0)
        >>> with find_mutant("neg-sign").applied():
        ...     (-x).backward()
        >>> x.grad
        1.0
        """
        return altering(self._spoil) if self.sweep is None else sweeping_with(self.sweep)

    def _spoil(self, node: Value) -> None:
        if node.op is None or (node.op.alias_of or node.op) is not self.row:
            return
        numbers = [operand if isinstance(operand, float) else operand.data for operand in node.operands]
        wanted = [not isinstance(operand, float) for operand in node.operands]
        node.partials = tuple(self.mutated.local_derivatives(node.data, numbers, wanted))


def find_mutant(name: str) -> Mutant:
    """The mutant called ``name``; raises :class:`NamingError`, which lists all, if there is none.

    >>> find_mutant("assign").says[:40]
    'Contributions are assigned (=) instead o'
    >>> find_mutant("mul-drops-second").mutated.local_derivatives(6.0, [2.0, 3.0], [True, True])
    [3.0, 0.0]
    """
    for mutant in MUTANTS:
        if mutant.name == name:
            return mutant
    raise NamingError(f"There is no mutant {name!r}. Choose one of: {', '.join(each.name for each in MUTANTS)}.")


@contextmanager
def planted(name: str) -> Iterator[Mutant]:
    """Within the block, the engine makes the mistake called ``name``, in this thread; gives the mutant.

    Raises :class:`NamingError` for a name that no mutant has.

    >>> x, y = Value(3.0), Value(1.0)
    >>> with planted("sub-sign"):
    ...     (x - y).backward()
    >>> y.grad
    1.0
    """
    mutant = find_mutant(name)
    with mutant.applied():
        yield mutant


def scaled(row: Primitive, factor: float, operand: int = 0) -> Mutant:
    """A mutant whose partial of ``row`` to one ``operand``, counted from 0, is ``factor`` times the right one.

    Raises :class:`OperandError` for an operand that the row does not have.

    >>> x = Value(0.0)
    >>> with scaled(rows.exp, 1.005).applied():
    ...     x.exp().backward()
    >>> x.grad
    1.005
    """
    if operand < 0 or (row.arity is not None and operand >= row.arity):
        raise OperandError(f"{row.name} has no operand {operand}; they are counted from 0.")
    partials = row.partials
    wrong: tuple[Partial | None, ...] | Partial
    if isinstance(partials, tuple):
        right = partials[operand]
        wrong = tuple(
            (lambda out, *xs: factor * right(out, *xs)) if at == operand else None for at in range(len(partials))
        )
    else:
        every = partials

        def wrong(out: Any, *xs: Any) -> list[Any]:
            return [factor * each if at == operand else each for at, each in enumerate(every(out, *xs))]

    says = f"The derivative of {row.name} to operand {operand} is {factor:.12g} times the right one."
    return Mutant(f"{row.name}-times-{factor:.12g}-{operand}", says, row, wrong)


def is_equivalent(
    mutant: Mutant, f: Callable[..., Any], inputs: Sequence[Any], tolerance: float = 1e-9, sweeps: int = 1
) -> bool:
    """Whether no gradient of ``f`` at ``inputs`` is changed by the mutant, so that no test could see it there.

    Changes of at most ``tolerance`` of the sum of the absolute path products do not count.  With ``sweeps=2`` it is
    about what two calls of ``backward`` accumulate: some mistakes show in the second only.  Raises what ``f`` raises.

    >>> is_equivalent(find_mutant("relu-always-on"), rows.relu, [2.0])
    True
    >>> is_equivalent(find_mutant("relu-always-on"), rows.relu, [-2.0])
    False
    """
    right, scales = _accumulated(f, inputs, sweeps)
    with mutant.applied():
        wrong, _ = _accumulated(f, inputs, sweeps)
    return all(
        repr(a) == repr(b) or abs(a - b) <= tolerance * scale for a, b, scale in zip(right, wrong, scales, strict=True)
    )


def _accumulated(f: Callable[..., Any], inputs: Sequence[Any], sweeps: int) -> tuple[list[float], list[float]]:
    """What so many sweeps leave in the inputs' gradients, and the sums of absolute path products."""
    flat, rebuild = flatten(tuple(inputs))
    leaves = [Value(each.data if isinstance(each, Value) else each) for each in flat]
    output = f(*rebuild(leaves))
    if not isinstance(output, Value):
        return [0.0] * len(leaves), [0.0] * len(leaves)
    for _ in range(sweeps):
        output.backward()
    order = topological_order((output,))
    sums = dict.fromkeys(map(id, [*leaves, *order]), 0.0) | {id(output): float(sweeps)}
    for node in reversed(order):
        for operand, partial in node.edges:
            sums[id(operand)] += sums[id(node)] * abs(partial)
    return [leaf.grad for leaf in leaves], [sums[id(leaf)] for leaf in leaves]


# --- the classics ---------------------------------------------------------------------------------


def _all_but_the_last(out: Any, *terms: Any) -> list[Any]:
    return [1.0] * (len(terms) - 1) + [0.0]


MUTANTS: tuple[Mutant, ...] = (
    Mutant("add-drops-second", "A sum hands its adjoint to the first operand only.",
           rows.add, (None, lambda out, x, y: 0.0)),
    Mutant("sub-sign", "The minus of x - y is forgotten: its derivative to y is -1, not 1.",
           rows.sub, (None, lambda out, x, y: 1.0)),
    Mutant("neg-sign", "The derivative of -x is -1, not 1.", rows.neg, (lambda out, x: 1.0,)),
    Mutant("mul-drops-second", "The product rule has two terms: the second operand gets nothing.",
           rows.mul, (None, lambda out, x, y: 0.0)),
    Mutant("mul-swapped", "Each factor gets itself; the derivative of x*y to x is the other factor, y.",
           rows.mul, (lambda out, x, y: x, lambda out, x, y: y)),
    Mutant("div-sign", "The minus of d(x/y)/dy = -x/y**2 is missing.", rows.div, (None, lambda out, x, y: out / y)),
    Mutant("div-not-squared", "The denominator of d(x/y)/dy = -x/y**2 is not squared.",
           rows.div, (None, lambda out, x, y: -x / y)),
    Mutant("reciprocal-sign", "The minus of the derivative of 1/x, which is -1/x**2, is missing.",
           rows.reciprocal, (lambda out, x: out / x,)),
    Mutant("pow-exponent-not-in-front", "The exponent is not brought down: the derivative of x**n is n*x**(n-1).",
           rows.pow, (lambda out, x, y: rows.pow(x, y - 1.0), None)),
    Mutant("pow-exponent-not-lowered", "The exponent stays as it was: the derivative of x**n is n*x**(n-1).",
           rows.pow, (lambda out, x, y: y * out, None)),
    Mutant("pow-log-missing", "The derivative of x**y to y is x**y * log(x); the logarithm is missing.",
           rows.pow, (None, lambda out, x, y: out)),
    Mutant("square-factor", "The 2 of the derivative of x**2 is missing.", rows.square, (lambda out, x: x,)),
    Mutant("sqrt-factor", "The 1/2 of the derivative of a square root, 1/(2*sqrt(x)), is missing.",
           rows.sqrt, (lambda out, x: 1.0 / out,)),
    Mutant("exp-as-power", "e**x is treated like x**n, which gives x*e**(x-1); it is its own derivative.",
           rows.exp, (lambda out, x: x * rows.exp(x - 1.0),)),
    Mutant("log-squared", "The derivative of log(x) is 1/x, not 1/x**2.", rows.log, (lambda out, x: 1.0 / x / x,)),
    Mutant("log2-natural", "The derivative of log2(x) is 1/(x*log(2)), not 1/x, that of the natural logarithm.",
           rows.log2, (lambda out, x: 1.0 / x,)),
    Mutant("sin-sign", "The derivative of sin is cos, not -cos.", rows.sin, (lambda out, x: -rows.cos(x),)),
    Mutant("cos-sign", "The minus of cos' = -sin is missing.", rows.cos, (lambda out, x: rows.sin(x),)),
    Mutant("tan-not-squared", "The derivative of tan is 1/cos(x)**2; the square is missing.",
           rows.tan, (lambda out, x: 1.0 / rows.cos(x),)),
    Mutant("tanh-at-output", "The derivative of tanh is taken at the output a = tanh(x) instead of the input x.",
           rows.tanh, (lambda out, x: rows.square(1.0 / rows.cosh(out)),)),
    Mutant("tanh-not-squared", "The derivative of tanh is 1 - a**2 in terms of its output a, not 1 - a.",
           rows.tanh, (lambda out, x: 1.0 - out,)),
    Mutant("tanh-slightly-off", "The derivative of tanh is 0.01 % too large: too little to see in training.",
           rows.tanh, (lambda out, x: 1.0001 * rows.square(1.0 / rows.cosh(x)),)),
    Mutant("sigmoid-at-output", "The derivative of sigmoid is taken at the output instead of the input.",
           rows.sigmoid, (lambda out, x: rows.sigmoid(out) * rows.sigmoid(-out),)),
    Mutant("sigmoid-of-input", "a*(1 - a) needs the output a = sigmoid(x); here x itself is put in.",
           rows.sigmoid, (lambda out, x: x * (1.0 - x),)),
    Mutant("sigmoid-slightly-off", "The derivative of sigmoid is 0.5 % too large: networks train all the same.",
           rows.sigmoid, (lambda out, x: 1.005 * rows.sigmoid(x) * rows.sigmoid(-x),)),
    Mutant("softplus-mirrored", "The derivative of softplus is sigmoid(x), not sigmoid(-x).",
           rows.softplus, (lambda out, x: rows.sigmoid(-x),)),
    Mutant("silu-one-term", "silu is x*sigmoid(x); of its product rule only the term sigmoid(x) is there.",
           rows.silu, (lambda out, x: rows.sigmoid(x),)),
    Mutant("erf-factor", "The factor 2/sqrt(pi) of the derivative of erf is missing.",
           rows.erf, (lambda out, x: rows.exp(-(x * x)),)),
    Mutant("relu-always-on", "relu passes the adjoint on even where its input is negative.",
           rows.relu, (lambda out, x: 1.0,)),
    Mutant("relu-leaks", "relu passes on a hundredth of the adjoint where its input is negative, as a leaky one does.",
           rows.relu, (lambda out, x: rows.where(rows.heaviside(x, 0.0), 1.0, 0.01),)),
    Mutant("leaky-relu-tight", "leaky_relu passes nothing on where its input is negative, as relu does.",
           rows.leaky_relu, (lambda out, x, slope: rows.heaviside(x, 0.0), None)),
    Mutant("abs-slope", "The derivative of |x| is -1 for negative x, not 1.", rows.abs, (lambda out, x: 1.0,)),
    Mutant("maximum-feeds-both", "Only the larger operand of a maximum gets the adjoint, not both.",
           rows.maximum, (lambda out, x, y: 1.0, lambda out, x, y: 1.0)),
    Mutant("maximum-swapped", "The smaller operand of a maximum gets the adjoint; the larger one should.",
           rows.maximum, (lambda out, x, y: rows.greater(y, x), lambda out, x, y: rows.greater(x, y))),
    Mutant("clip-ignored", "clip passes the adjoint on even where it cut its input off.",
           rows.clip, (lambda out, x, low, high: 1.0, None, None)),
    Mutant("where-feeds-both", "Only the operand that was chosen gets the adjoint, not both.",
           rows.where, (None, lambda out, condition, a, b: 1.0, lambda out, condition, a, b: 1.0)),
    Mutant("total-drops-last", "The loop over the terms of a sum ends one too early: the last gets nothing.",
           rows.total, _all_but_the_last),
    Mutant("mean-not-divided", "The derivative of a mean of n terms is 1/n to each, not 1.",
           rows.mean, lambda out, *terms: [1.0] * len(terms)),
    Mutant("dot-own-factor", "In a dot product each number gets itself; it should get its partner.",
           rows.dot, lambda out, *terms: list(terms)),
    Mutant("logsumexp-uniform", "The derivatives of logsumexp are the softmax shares, not 1/n each.",
           rows.logsumexp, lambda out, *terms: [1.0 / len(terms)] * len(terms)),

    Mutant("assign", "Contributions are assigned (=) instead of added (+=): only the last reader of a node counts.",
           sweep=wrong_sweeps.assigning),
    Mutant("merged-edges", "Operands are kept in a set, so x*x has one edge instead of two.",
           sweep=wrong_sweeps.merging_edges),
    Mutant("upstream-forgotten", "Local derivatives are added up without the adjoint from above: no chain rule.",
           sweep=wrong_sweeps.forgetting_upstream),
    Mutant("first-operand-only", "Every operation hands its adjoint to the first of its operands only.",
           sweep=wrong_sweeps.feeding_first_operands),
    Mutant("constants-shift", "Constants are left out of the operands but not of the derivatives, so in 3*x, x gets "
           "the derivative meant for 3.", sweep=wrong_sweeps.shifting_constants),
    Mutant("order-of-creation", "The sweep runs from the inputs to the output: adjoints are handed on before they "
           "have arrived.", sweep=wrong_sweeps.in_order_of_creation),
    Mutant("depth-first", "Depth first, each node once, no topological order: a node hands on its adjoint before all "
           "contributions to it have arrived.", sweep=wrong_sweeps.depth_first),
    Mutant("counted-twice", "Recursion along every edge: a node reached a second time hands on its first contribution "
           "again.", sweep=wrong_sweeps.along_every_path),
    Mutant("seed-is-the-value", "The sweep starts from the output's value instead of from 1.",
           sweep=wrong_sweeps.from_the_value),
    Mutant("seed-forgotten", "The output's own adjoint is never set to 1, so every gradient is 0.",
           sweep=wrong_sweeps.from_nothing),
    Mutant("kept-adjoints", "Adjoints inside the graph are not cleared: a second sweep adds to those of the first.",
           sweep=wrong_sweeps.from_what_was_left),
    Mutant("leaves-overwritten", "A second sweep overwrites the gradients of the leaves; they should accumulate.",
           sweep=wrong_sweeps.into_emptied_leaves),
)
"""All of them, each with a name of its own; those in rows first."""
