"""Random straight-line programs over the table's rows, safe at their point: how expressions are drawn.

What is drawn goes through a small :class:`Chooser`, so that a random generator and Hypothesis, which
shrinks, draw the same programs.  Nothing is drawn again and again until it fits: operands that do not fit
are replaced, one by one, by those that do, in an order that only the choices so far decide.  The simplest
program takes as few choices as any, some of them for nothing: a shrinker holds what is short to be simple.

Each node carries, beside its value, its *reach*: to first order, and without cancellation, how far it moves
if every input moves by its own size (by 1, if that is more and the scale is not wide).  An operation is
safe if nothing happens to it within ``MARGIN`` times that: no end of a domain, no pole and no kink.
"""

from __future__ import annotations

import itertools
import keyword
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from autograd_core import primitives as rows
from autograd_core.errors import DomainError, NamingError, OperandError
from autograd_core.names import Name
from autograd_core.row import Primitive
from autograd_core.testing.safe_operands import Node, comes_to_zero, is_at, is_inside, looked_at

Operand = int | float
"""An int is the place of a variable or, after the variables, of an earlier step; a float is a constant."""


class Step(NamedTuple):
    """One operation of an expression: a row and its operands."""

    row: Primitive
    operands: tuple[Operand, ...]


MARGIN = 1e-3
KINKS = ("avoid", "allow", "force")
LARGEST = {"unit": 1e4, "integer": 1e4, "wide": 1e30}
"""What no value, and no reach, of an expression of that scale exceeds."""
SMALLEST = 1e-100
"""What any value but 0 has at least: nothing is subnormal."""

_CONSTANTS = (2.0, 1.0, -1.0, 0.5, 3.0, -2.0, -0.5, 1.5, 0.25)
_TRIALS = (1.5, 0.5, -0.5, 2.5, -2.5, 0.0, 30.0)  # one of them is inside any row's domain, with its margin
_SIMPLE = (rows.add, rows.mul, rows.sub, rows.div)
_CANCELLING = (rows.sub, rows.div, rows.atan2)  # constant on a pair of the same
_JUMPS = (rows.sign, rows.heaviside, rows.greater)
DEFAULT_ROWS = tuple(row for row in rows.TABLE if row not in (*_JUMPS, rows.batch_mean))
# Zeros that are avoided though the rows do not name them as kinks: poles and jumps always, the tip of a cone too.
_BREAKS: dict[Primitive, tuple[Callable[..., Any], ...]] = {
    rows.tan: (rows.cos,), rows.atan2: (lambda y, x: rows.hypot(y, x) + x,), rows.where: rows.where.kinks}
_TIPS: dict[Primitive, tuple[Callable[..., Any], ...]] = {rows.hypot: (rows.hypot,)}

Program = tuple[tuple[str, ...], tuple[Step, ...], tuple[float, ...]]
"""Variables, steps, the last of which is the result, and the point."""


class Chooser(Protocol):
    """Where the choices of a drawing come from; of each, the simplest comes first."""

    def index(self, count: int) -> int:
        """A number from 0 to ``count - 1``; 0 is the simplest."""

    def chance(self, probability: float) -> bool:
        """True with this probability; False is the simplest."""

    def number(self, low: float, high: float) -> float:
        """A number from ``low`` to ``high``; a small integer is the simplest."""


def draw_scalar(choose: Chooser, scale: str) -> float:
    """A number of this scale; 1 is the simplest."""
    if scale == "integer":
        return (1.0, 2.0, -1.0, 3.0, -2.0, -3.0, 0.0)[choose.index(7)]
    exponents = {"unit": [0], "wide": [0, 1, -1, 2, -2, 3, -3, -4, -5, -6], "tiny": [*range(-7, -31, -1)]}[scale]
    size = choose.number(2.0**-10, 2.0) if scale == "unit" else choose.number(1.0, 10.0)
    exponent = exponents[choose.index(len(exponents))] if len(exponents) > 1 else 0
    return (-size if choose.chance(0.5) else size) * 10.0**exponent


class Options:
    """What may be drawn; :class:`OperandError` or :class:`NamingError` if nothing can be."""

    def __init__(self, variables: int | Sequence[str], primitives: Iterable[Primitive | str] | None,
                 max_ops: int, sharing: bool, kinks: str, scale: str) -> None:
        require_one_of("kinks", kinks, KINKS)
        require_one_of("scale", scale, LARGEST)
        if isinstance(variables, str) or not isinstance(variables, Iterable):
            if type(variables) is not int or variables < 0:
                raise OperandError(f"variables is how many there are, 1 or more, or their names; got {variables!r}.")
            variables = ("x", "y", "z")[:variables] if variables <= 3 else [f"x_{i + 1}" for i in range(variables)]
        require_names(variables)
        self.names, self.max_ops, self.sharing = tuple(variables), max_ops, sharing
        self.forced, self.avoiding, self.scale = kinks == "force", kinks != "allow", scale
        chosen = DEFAULT_ROWS if primitives is None else tuple(map(find_row, primitives))
        self.rows = sorted(dict.fromkeys(chosen), key=lambda row: _SIMPLE.index(row) if row in _SIMPLE else 4)
        self.weighted = [row for row in self.rows if row in _SIMPLE] * 4 + self.rows
        self.joining = [row for row in self.weighted if row.arity != 1]
        kinked = [row for row in self.rows if row.kinks and row not in _BREAKS]
        self.kinked = [row for row in kinked if row not in _JUMPS] or kinked
        self.listed = ", ".join(row.name for row in self.rows)
        if not self.rows:
            raise OperandError("There are no primitives to draw from; name some, such as ['add', 'sin'].")
        if sharing and not self.joining:
            raise OperandError(f"sharing=True needs an operation of two operands, such as add; got {self.listed}.")
        if self.forced and not self.kinked:
            raise OperandError(f"kinks='force' needs an operation with a kink, such as relu; got {self.listed}.")
        if max_ops < 1 + sharing:
            raise OperandError(f"max_ops={max_ops} is too small: it takes {1 + sharing} or more operations.")


class Drawing:
    """The state of one drawing: the nodes so far, and the steps that made them."""

    def __init__(self, options: Options, choose: Chooser) -> None:
        self.options, self.choose, self.names = options, choose, options.names
        self.nodes: list[Node] = []
        self.steps: list[Step] = []
        self.unread: list[int] = []

    def operands(self) -> tuple[float, ...]:
        """Safe operands for the one row of the options."""
        (row,) = self.options.rows
        size = row.arity or (2 + self.choose.index(3)) * row.lists
        self._draw_leaves(size)
        self.nodes += map(self._leaf, _TRIALS)
        drawn: list[Operand] = [*range(size)]
        if size > 1 and self.choose.chance(0.25):
            drawn[-1] = _CONSTANTS[self.choose.index(len(_CONSTANTS))]
        for places in (drawn, *range(size, len(self.nodes))):
            tried = places if isinstance(places, list) else [places] * size
            if found := self._settle(row, tried, at_kink=self.options.forced):
                return tuple(each if isinstance(each, float) else self.nodes[each].value for each in found[0].operands)
        raise OperandError(f"No operands were found that are safe for {row.name}.")

    def program(self) -> Program:
        """Draw steps one by one, then make sure that all are needed, of the kink and of the sharing."""
        forced = self.options.forced
        room = self.options.max_ops - self.options.sharing
        self._draw_point(room)
        kink = None
        # Every step that is not free joins two nodes that nothing reads yet, so that all are needed.
        while True:
            left = max(0, room - len(self.steps) - (len(self.unread) - 1) - 2 * (forced and kink is None))
            if not self.choose.chance(left / (left + 1)):
                break
            if forced and kink is None and self.choose.chance(0.3):
                kink = self._draw_kink(room)
            elif not self._draw_step():
                break
        if forced and kink is None:
            kink = self._draw_kink(room)
        while self.options.joining and len(self.unread) > 1 and len(self.steps) < room:
            *others, newest = self.unread
            if self._join(newest, others[self.choose.index(max(2, len(others))) % len(others)]) is None:
                break
        if not self.steps:
            self._draw_step()
        result = len(self.nodes) - 1
        if kink is not None and kink not in self._mattering(result):
            result = kink
        if self.options.sharing:
            result = self._share(result, kink)
        return self._pruned(result)

    def _draw_point(self, room: int) -> None:
        forced, joining = self.options.forced, bool(self.options.joining)
        most = max(1, room + 1 - forced) if joining else 1
        self._draw_leaves(len(self.names))
        count = 1 + self.choose.index(min(len(self.names), most))  # after the leaves: it shrinks apart from them
        self.names, self.nodes, self.unread = self.names[:count], self.nodes[:count], [*range(count)]
        zero = self.choose.index(2 * len(self.nodes))
        if forced and zero < len(self.nodes):
            self.nodes[zero] = self._leaf(0.0)
        for value in _TRIALS:
            if any(self._settle(row, _resized([0], row), at_kink=forced)
                   for row in (self.options.kinked if forced else self.options.rows)):
                return
            self.nodes[0] = self._leaf(value)
        raise OperandError(f"No operands were found that are safe for any of {self.options.listed}.")

    def _draw_leaves(self, count: int) -> None:
        scale = self.options.scale
        for at in range(count):
            copied = scale == "integer" and at and self.choose.chance(0.25)
            self.nodes.append(self.nodes[self.choose.index(at)] if copied else self._leaf(
                draw_scalar(self.choose, scale)))

    def _leaf(self, value: float) -> Node:
        return Node(value, abs(value) if self.options.scale == "wide" else max(1.0, abs(value)), False, True)

    def _draw_step(self) -> bool:
        row = self.options.weighted[self.choose.index(len(self.options.weighted))]
        operands = self._operands(row)
        return any(self._append(self._settle(each, operands if each is row else _resized(operands, each)))
                   for each in (row, *self.options.rows))

    def _draw_kink(self, room: int) -> int:
        row = self.options.kinked[self.choose.index(len(self.options.kinked))]
        operands = self._operands(row)
        found = self._settle(row, operands, at_kink=True)
        if not found and rows.sub in self.options.rows and len(self.steps) + 2 <= room:
            at = self.choose.index(len(self.nodes))
            same = self.nodes[at].value if self.choose.chance(0.5) else at
            if self._append(self._try(rows.sub, [at, same])):
                found = self._settle(row, [len(self.nodes) - 1, *operands[1:]], at_kink=True)
        made = self._append(found) or any(
            self._append(self._settle(each, _resized(some, each), at_kink=True))
            for some in (operands, [0]) for each in self.options.kinked)
        assert made, "the point was chosen for it"
        return len(self.nodes) - 1

    def _operands(self, row: Primitive) -> list[Operand]:
        size = row.arity or (2 + self.choose.index(3)) * row.lists
        operands: list[Operand] = []
        for default in (*[None] * (size - len(row.defaults)), *row.defaults):
            if default is not None and not self.choose.chance(0.3):
                operands.append(default)
                continue
            options: list[int | None] = [*range(len(self.nodes)), *self.unread * 3]
            weight = len(options) // 5 + 1
            options += [at for at in operands[:1] if isinstance(at, int)] * weight + [None] * (weight * (size > 1))
            place = options[self.choose.index(len(options))]
            operands.append(_CONSTANTS[self.choose.index(len(_CONSTANTS))] if place is None else place)
        if size == 1:
            self.choose.index(2)
        return operands

    def _try(self, row: Primitive, operands: Sequence[Operand], at_kink: bool = False) -> tuple[Step, Node] | None:
        if all(isinstance(each, float) for each in operands):
            return None
        nodes = [Node(each) if isinstance(each, float) else self.nodes[each] for each in operands]
        node = self.outcome(row, nodes, at_kink)
        return node and (Step(row, tuple(operands)), node)

    def _settle(self, row: Primitive, operands: Sequence[Operand], fixed: int = 0, at_kink: bool = False,
                ) -> tuple[Step, Node] | None:
        """The operation on these operands or, where it is not safe, with one of them (or two by constants) replaced."""
        if found := self._try(row, operands, at_kink):
            return found
        trials = itertools.product(_CONSTANTS, repeat=2) if len(operands) == 3 and fixed < 2 else ()
        for at in reversed(range(fixed, len(operands))):
            start = operands[at] if isinstance(operands[at], int) else 0
            others = [self.nodes[each].value if isinstance(each, int) else each for each in operands] if at_kink else []
            places = [(int(start) + shift) % len(self.nodes) for shift in range(len(self.nodes))]
            for replacement in (*places, *([0.0, *others] if at_kink else ()), *_CONSTANTS):
                if found := self._try(row, [*operands[:at], replacement, *operands[at + 1 :]], at_kink):
                    return found
        return next(filter(None, (self._try(row, [operands[0], *pair], at_kink) for pair in trials)), None)  # clip

    def _append(self, found: tuple[Step, Node] | None) -> bool:
        if found:
            self.unread = [*(at for at in self.unread if at not in found[0].operands), len(self.nodes)]
            self.steps.append(found[0])
            self.nodes.append(found[1])
        return found is not None

    def outcome(self, row: Primitive, nodes: Sequence[Node], at_kink: bool = False) -> Node | None:
        """The node that the row makes of these, or None where that is not safe (or, if asked, not at a kink)."""
        values, shifts = [node.value for node in nodes], [MARGIN * node.reach for node in nodes]
        avoided = _BREAKS.get(row, ())
        if not at_kink and self.options.avoiding:
            avoided += row.kinks + _TIPS.get(row, ())
        if not is_inside(row, values, shifts) or any(comes_to_zero(kink, values, shifts) for kink in avoided):
            return None
        if at_kink and not any(is_at(kink, nodes) for kink in row.kinks):
            return None
        try:
            value = row.on_floats(*values)
            partials = row.local_derivatives(value, values, [not node.is_constant for node in nodes])
        except DomainError:
            return None
        reach = sum(abs(partial) * node.reach for partial, node in zip(partials, nodes, strict=True))
        largest = LARGEST[self.options.scale]
        fits = (value == 0.0 or SMALLEST <= abs(value) <= largest) and reach <= largest  # nan does not fit
        moves = any(looked_at(row, nodes, partials))
        return Node(value, reach, False, moves) if fits and all(map(math.isfinite, partials)) else None

    def _live(self, result: int) -> set[int]:
        """The places of the variables and steps that the result depends on, itself too."""
        live, waiting = set[int](), [result]
        while waiting:
            if (place := waiting.pop()) not in live:
                live.add(place)
                if place >= len(self.names):
                    waiting += [each for each in self.steps[place - len(self.names)].operands if isinstance(each, int)]
        return live

    def _mattering(self, result: int) -> set[int]:
        """Those of them that the result depends on next to the point, too."""
        found, waiting = set[int](), [result]
        while waiting:
            if (place := waiting.pop()) not in found:
                found.add(place)
                if place >= len(self.names):
                    row, operands = self.steps[place - len(self.names)]
                    nodes = [Node(each) if isinstance(each, float) else self.nodes[each] for each in operands]
                    partials = row.local_derivatives(self.nodes[place].value, [node.value for node in nodes],
                                                     [not node.is_constant for node in nodes])
                    flags = zip(operands, looked_at(row, nodes, partials), strict=True)
                    waiting += [each for each, matters in flags if isinstance(each, int) and matters]
        return found

    def _join(self, *pair: int) -> int | None:
        """The place of a new step that reads both, or None if there is no safe one."""
        row = self.options.joining[self.choose.index(len(self.options.joining))]
        pair = pair if self.choose.chance(0.5) else pair[::-1]
        rest = dict.fromkeys((row, *self.options.joining))
        for each in rest if len({*pair}) > 1 else [row for row in rest if row not in _CANCELLING] or rest:
            if self._append(self._settle(each, _resized(pair, each), fixed=2)) or (
                    self._append(self._settle(each, _resized(pair[::-1], each), fixed=2))):
                return len(self.nodes) - 1
        return None

    def _share(self, result: int, kink: int | None) -> int:
        """The result, or that of one more step, after which some computed node is read twice."""
        live, variables = self._live(result), len(self.names)
        computed = sorted((place for place in live if place >= variables), reverse=True)
        read = Counter(each for place in computed for each in self.steps[place - variables].operands
                       if isinstance(each, int))
        if any(read[place] > 1 for place in computed):
            return result
        start = self.choose.index(len(computed)) if len(computed) < 3 else 1 + self.choose.index(len(computed) - 1)
        for place in computed[start:] + computed[:start]:
            joined = self._join(result, place)
            if joined is not None and (kink is None or kink in self._mattering(joined)):
                return joined
        at_kink = self.options.forced
        for value, row in itertools.product(_TRIALS, self.options.kinked if at_kink else self.options.rows):
            self.nodes, self.steps = [self._leaf(value) for _ in self.names], []
            made = self._append(self._settle(row, _resized([0], row), at_kink=at_kink))
            if made and (joined := self._join(variables, variables)) is not None:
                return joined
        raise OperandError(f"No two operations of {self.options.listed} were found that share a node.")

    def _pruned(self, result: int) -> Program:
        live = sorted(self._live(result))
        place = {old: new for new, old in enumerate(live)}
        variables = [each for each in live if each < len(self.names)]
        steps = [self.steps[each - len(self.names)] for each in live if each >= len(self.names)]
        return (
            tuple(self.names[each] for each in variables),
            tuple(Step(row, tuple(place[each] if isinstance(each, int) else each for each in operands))
                  for row, operands in steps),
            tuple(self.nodes[each].value for each in variables),
        )


def _resized(operands: Sequence[Operand], row: Primitive) -> list[Operand]:
    size = row.arity or 2 * row.lists
    return list(itertools.islice(itertools.cycle(operands), size))


def find_row(row: Primitive | str) -> Primitive:
    """The row itself, or of this name; :class:`OperandError` if there is none."""
    found = row if isinstance(row, Primitive) else rows.find_primitive(str(row))
    if found is None:
        raise OperandError(f"primitives are rows or their names, such as 'sin'; got {row!r}.")
    return found


def require_one_of(option: str, given: object, known: Iterable[str]) -> None:
    """Raise :class:`OperandError` for an option that is not known."""
    if given not in (known := tuple(known)):
        raise OperandError(f"{option} is one of {', '.join(map(repr, known))}; got {given!r}.")


def name_key(name: str) -> str:
    return Name.of(name).ascii


def require_names(names: Sequence[str]) -> None:
    for name in names:
        fit = str(name).isidentifier() and not keyword.iskeyword(name)
        if not fit or rows.find_primitive(name):
            raise NamingError(f"A variable needs a name such as x or w_1 that is no function's; got {name!r}.")
    if not names or len({name_key(name) for name in names}) < len(names):
        raise NamingError(f"Variables need different names (a1 and a_1 are the same), at least one; got {names!r}.")
