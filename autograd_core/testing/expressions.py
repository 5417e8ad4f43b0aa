"""Random expressions over the table's rows: programs as data, for testing this engine and other people's.

An :class:`Expression` is called like a function.  :func:`draw_expression` draws one that is safe at its
point: every operation inside its domain, away from its kinks or exactly at one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from autograd_core import primitives as rows
from autograd_core.errors import OperandError
from autograd_core.row import Primitive
from autograd_core.testing.random_programs import Drawing, Options, Step, name_key, require_names
from autograd_core.value import Value

_INFIX = {rows.add: "{} + {}", rows.sub: "{} - {}", rows.mul: "{}*{}", rows.div: "{}/{}", rows.neg: "-{}"}


@dataclass(frozen=True, repr=False)
class Expression:
    """A straight-line program over the table's rows, the last step being the result.

    ``variables`` are names, ``steps`` pairs of a row and its operands (an int is the place of a variable or,
    counting on, of an earlier step; a float is a constant), ``point`` a number for each variable.  Raises
    :class:`NamingError` for names that cannot be variables and :class:`OperandError` for steps that cannot
    be computed.

    >>> squared_sine = Expression(("x",), (Step(rows.sin, (0,)), Step(rows.mul, (1, 1))), (0.5,))
    >>> round(squared_sine(0.5), 6)
    0.229849
    """

    variables: tuple[str, ...]
    steps: tuple[Step, ...]
    point: tuple[float, ...]

    def __post_init__(self) -> None:
        require_names(self.variables)
        if len(self.point) != len(self.variables) or not self.steps:
            raise OperandError(
                f"An expression has a number for each variable and at least one step; got {len(self.variables)} "
                f"variables, {len(self.point)} numbers and {len(self.steps)} steps."
            )
        for place, (row, operands) in enumerate(self.steps, len(self.variables)):
            fits = len(operands) == row.arity if row.arity is not None else operands and len(operands) % row.lists == 0
            reads = [each for each in operands if not isinstance(each, float)]
            if not fits or not reads or any(type(each) is not int or not 0 <= each < place for each in reads):
                raise OperandError(
                    f"The step {row.name}{tuple(operands)} at place {place} cannot be computed: operands are floats, "
                    "and the places (ints) of variables and earlier steps, at least one of these."
                )

    def __call__(self, *inputs: Any, ops: Any = None) -> Any:
        """The result on ``inputs``, one for each variable: floats, Values, or arrays element by element.

        ``ops`` computes it with another engine: a mapping or a namespace of functions by the rows' names or
        NumPy's, ``ops.add(a, b)``, ``ops.sin(a)``; operations of any number of operands take lists,
        ``ops.total([a, b])``, ``ops.dot([a, b], [c, d])``.  Raises :class:`OperandError` for another number
        of inputs and for a function that ``ops`` lacks.

        >>> Expression(("x", "y"), (Step(rows.maximum, (0, 1)),), (1.0, 2.0))(1.0, 2.0, ops=np).item()
        2.0
        """
        if len(inputs) != len(self.variables):
            names = ", ".join(self.variables)
            raise OperandError(f"This expression takes {len(self.variables)} inputs ({names}); it got {len(inputs)}.")
        nodes = list(inputs)
        for row, places in self.steps:
            function = row if ops is None else _function(ops, row)
            operands = [each if isinstance(each, float) else nodes[each] for each in places]
            nodes.append(function(*(operands if row.arity is not None else _lists(row, operands))))
        return nodes[-1]

    def record(self) -> Value:
        """The result at the point as a Value, its leaves named as the variables.

        >>> Expression(("x",), (Step(rows.mul, (0, 0)),), (3.0,)).record()
        Value(9.0)
        """
        result: Value = self(*map(Value, self.point, self.variables))
        return result

    @property
    def input_names(self) -> tuple[str, ...]:
        """The variables, by the name a check of gradients asks for them."""
        return self.variables

    @property
    def primitives(self) -> tuple[Primitive, ...]:
        """The rows used, each once, in the order of the steps."""
        return tuple(dict.fromkeys(step.row for step in self.steps))

    @property
    def source(self) -> str:
        """Runnable Python that defines ``f`` and ``point`` with the names of ``autograd_core``.

        A row that is not in the table (one of your own) is named in a comment: import it there.

        >>> print(Expression(("x",), (Step(rows.sin, (0,)), Step(rows.mul, (1, 2.0))), (0.5,)).source)
        from autograd_core import sin
        <BLANKLINE>
        def f(x):
            v_1 = sin(x)
            return v_1*2.0
        <BLANKLINE>
        point = (0.5,)
        """
        called = sorted({_named(row).name for row in self.primitives if row not in _INFIX and _is_in_table(row)})
        lines = [f"from autograd_core import {', '.join(called)}"] if called else []
        lines += [f"# {row.name} is no row of the table: import it here" for row in self.primitives
                  if not _is_in_table(row)]
        *first, last = self._written(repr, _INFIX)
        lines += [""] * bool(lines) + [f"def f({', '.join(self.variables)}):"]
        lines += [f"    {name} = {code}" for name, code in zip(self._names[len(self.variables) :], first, strict=True)]
        return "\n".join([*lines, f"    return {last}", "", f"point = {self.point!r}"])

    @property
    def text(self) -> str:
        """The definitions, with the point, as ``parse`` and ``viz.draw`` read them.

        Raises :class:`OperandError` for rows that are not in the table, which their language does not know;
        it also has a limit of 20,000 characters.

        >>> Expression(("x",), (Step(rows.sin, (0,)), Step(rows.mul, (1, 2.0))), (0.5,)).text
        'x = 0.5; v_1 = sin(x); y = v_1*2'
        """
        unknown = [row.name for row in self.primitives if not _is_in_table(row)]
        if unknown:
            raise OperandError(
                f"The language of parse does not know {', '.join(unknown)}, which the table of primitives does not "
                "have. Use .source, or draw .record()."
            )
        keys = {name_key(name) for name in self.variables}
        names = [*self._names, next(name for name in ("y", "f", "g", "h", "result_1") if name not in keys)]
        codes = [*map(_short, self.point), *self._written(_short, _INFIX | {rows.pow: "{}**{}"})]
        return "; ".join(f"{name} = {code}" for name, code in zip(names, codes, strict=True))

    def __repr__(self) -> str:
        drawn = f'\n# viz.draw("{self.text}")' if all(map(_is_in_table, self.primitives)) else ""
        return self.source + drawn

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # Hypothesis would print a dataclass's fields
        for at, line in enumerate(repr(self).split("\n")):
            if at:
                printer.break_()
            printer.text(line)

    @cached_property
    def _names(self) -> list[str]:
        """Of the variables and of all steps but the last."""
        taken = [name_key(name) for name in self.variables]
        letter = next(each for each in "vuwabcdghkmnpqrst" if not any(key.startswith(f"{each}_") for key in taken))
        return [*self.variables, *(f"{letter}_{at}" for at in range(1, len(self.steps)))]

    def _written(self, number: Callable[[float], str], infix: Mapping[Primitive, str]) -> list[str]:
        codes = []
        for row, places in self.steps:
            operands = [number(each) if isinstance(each, float) else self._names[each] for each in places]
            if row in infix and not (row is rows.pow and isinstance(places[0], float)):  # -2**x is -(2**x)
                codes.append(infix[row].format(*operands))
            else:
                lists = [f"[{', '.join(part)}]" for part in _lists(row, operands)] if row.arity is None else operands
                codes.append(f"{_named(row).name}({', '.join(lists)})")
        return codes


def _named(row: Primitive) -> Primitive:
    return row.alias_of or row


def _is_in_table(row: Primitive) -> bool:
    return rows.find_primitive(_named(row).name) is _named(row)


def _lists(row: Primitive, operands: Sequence[Any]) -> list[list[Any]]:
    size = len(operands) // row.lists
    return [list(operands[at * size : (at + 1) * size]) for at in range(row.lists)]


def _function(ops: Any, row: Primitive) -> Callable[..., Any]:
    for name in (_named(row).name, *row.aliases):
        found: Any = ops.get(name) if isinstance(ops, Mapping) else getattr(ops, name, None)
        if found is not None:
            return found  # type: ignore[no-any-return]
    or_alias = "".join(f" or {name}" for name in row.aliases)
    raise OperandError(
        f"ops has no function {_named(row).name}{or_alias}, which this expression uses. Add it (the operators are in "
        "Python's module operator), or draw expressions with the primitives that it has."
    )


def _short(number: float) -> str:
    return repr(number).removesuffix(".0")


def draw_expression(
    rng: np.random.Generator | int, variables: int | Sequence[str] = 3,
    primitives: Iterable[Primitive | str] | None = None, max_ops: int = 12, sharing: bool = True,
    kinks: str = "avoid", scale: str = "unit",
) -> Expression:
    """A random expression that is safe at its ``point``; the same for the same state of ``rng``, or seed.

    ``variables`` are names, or how many of x, y, z (beyond three x_1, x_2, ...); it has between one and all of
    them, and depends on each.  ``primitives`` are rows or their names, by default all of the table but ``sign``,
    ``heaviside`` and ``greater`` (steps, which no gradient passes) and ``batch_mean`` (``mean`` again).
    There are 1 to ``max_ops`` operations.  With ``sharing`` at least one computed node is read twice
    (``a*a`` counts); without, nothing is promised.

    ``kinks="avoid"`` keeps every operation off its kinks: to first order, none is reached when every input moves
    by 1e-3 of its size (at least 1e-3, if the scale is not wide).  ``"allow"`` does not care, and ``"force"`` puts
    exactly one of the operations at its kink on purpose, setting an input to 0 if need be: ``relu(x - x)``,
    ``maximum(a, a)``.  Ends of domains, poles, the cut of ``atan2`` and the jump of ``where`` are
    always kept off.  ``scale`` is that of the inputs: ``"unit"`` (up to 2), ``"integer"`` (-3 to 3, often equal)
    or ``"wide"`` (magnitudes 1e-6 to 1e4).  No value exceeds 1e4, of wide ones 1e30.

    Raises :class:`OperandError` for unknown options and for what cannot be drawn: sharing without an operation of
    two operands, a kink where no row has one.

    >>> expression = draw_expression(np.random.default_rng(3), variables=2, max_ops=3)
    >>> round(expression(*expression.point), 6), len(expression.steps)
    (1.029944, 2)
    """
    options = Options(variables, primitives, max_ops, sharing, kinks, scale)
    return Expression(*Drawing(options, _Generator(np.random.default_rng(rng))).program())


class _Generator:
    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def index(self, count: int) -> int:
        return int(self.rng.integers(count))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def number(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))
