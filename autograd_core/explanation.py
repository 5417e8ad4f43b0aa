r"""A derivative worked out line by line: the chain rule along paths, the sum rule across them.

The lines are the lecture's: the rules in derivatives first, then the local derivatives as symbols, then
numbers, then the result; a line equal to the next is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from autograd_core.console import printable
from autograd_core.errors import OperandError
from autograd_core.formula import (
    Brace,
    Derivative,
    DerivativeOf,
    Equation,
    Formula,
    Linear,
    Product,
    Sum,
    SumOver,
    Term,
    fold_alike,
    name,
    number,
    sum_of,
)
from autograd_core.graph import Graph
from autograd_core.graph_parts import GraphEdge
from autograd_core.names import Name
from autograd_core.path_sums import Path, Paths
from autograd_core.symbol import Symbol
from autograd_core.value import Value
from autograd_core.writing import ASCII, LATEX, UNICODE, Language

SUM_RULE = "sum rule"
CHAIN_RULE = "chain rule"
BOTH_RULES = "sum rule across paths, chain rule along each"
LOCAL = "local derivatives"
NAMED = "local derivatives, by name"
FOLD = "two factors into one"
NUMBERS = "numbers"
RESULT = "result"

# Above this many paths the sum is taken one step at a time, over the nodes that read the input.
_MOST_PATHS = 64


class Step(NamedTuple):
    """One line: the rule it uses and the right-hand side."""

    rule: str
    formula: Formula


@dataclass(frozen=True)
class Explanation:
    """The lines that lead to a derivative.

    ``left`` is the left-hand side, ``steps`` yields (rule, formula), and ``derivative`` is the result, None
    where there are no numbers.
    """

    left: Derivative
    steps: tuple[Step, ...]
    derivative: float | None

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def to_text(self, language: Language = UNICODE, digits: int = 4) -> str:
        """One line per step, the rule in brackets at its right."""
        left = self.left.write(language, digits)
        lines = [step.formula.write(language, digits) for step in self.steps]
        width = max(map(len, lines), default=0)
        written = []
        for at, (step, line) in enumerate(zip(self.steps, lines, strict=True)):
            start = left if at == 0 else " " * len(left)
            rule = f"  [{step.rule}]" if step.rule and step.rule not in (NUMBERS, RESULT) else ""
            written.append(f"{start} = {line}{' ' * (width - len(line)) if rule else ''}{rule}")
        return "\n".join(written)

    def to_line(self, language: Language = UNICODE, digits: int = 4) -> str:
        """All steps on one line, without their rules."""
        sides = [self.left.write(language, digits), *(step.formula.write(language, digits) for step in self.steps)]
        return " = ".join(sides)

    def to_latex(self, digits: int = 4) -> str:
        """An ``aligned`` environment, the rule of each line beside it."""
        lines = []
        for at, step in enumerate(self.steps):
            start = self.left.write(LATEX, digits) if at == 0 else ""
            rule = rf" && \text{{{step.rule}}}" if step.rule and step.rule not in (NUMBERS, RESULT) else ""
            lines.append(f"{start} &= {step.formula.write(LATEX, digits)}{rule}")
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.to_latex()}$"

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return printable(self.to_text(UNICODE), lambda: self.to_text(ASCII))


def explain(
    y: Value | Graph,
    x: Value | str | None = None,
    *,
    through: Value | str | None = None,
    fold: bool = False,
    show: str = "symbols",
) -> Explanation:
    """How the derivative of ``y`` with respect to ``x`` comes about.

    ``through`` names a node that every path passes; the part before it is braced and called delta.
    ``fold`` replaces the two leftmost factors of a single path by their product, one line at a time.
    ``show="expanded"`` writes out the derivatives of activations.  Raises :class:`NoPathError` if ``y``
    does not depend on ``x``, and :class:`OperandError` for options that do not fit the graph.

    >>> x = Value(1.0, "x")
    >>> a_1, a_2 = (3 * x).named("a_1"), (-x).named("a_2")
    >>> print(explain((2 * a_1 + a_2).named("y"), x).to_text(ASCII))
    dy/dx = d/dx (2a_1 + 1a_2)                 [sum rule]
          = (2) da_1/dx + (1) da_2/dx          [chain rule]
          = dy/da_1 da_1/dx + dy/da_2 da_2/dx  [local derivatives, by name]
          = (2)(3) + (1)(-1)
          = 5
    """
    if show not in ("symbols", "expanded"):
        raise ValueError(f"show is 'symbols' or 'expanded'; got {show!r}.")
    if fold and through is not None:
        raise OperandError("through= and fold= are two forms of one derivation. Ask for one of them.")
    graph = _seen_from(y, x)
    head, tail = graph.only_output(), graph.inputs[0]
    work = _Work(graph, expanded=show == "expanded")
    steps: list[Step]
    if head == tail:
        steps = [Step(RESULT, number(1.0))]
    elif through is not None:
        steps = work.through(head, graph.index(through), tail)
    elif fold:
        steps = work.folded(head, tail)
    else:
        steps = work.along_paths(head, tail)
    derivative = graph.adjoints(head)[tail] if graph.has_numbers else None
    return Explanation(work.derivative(head, tail), _without_repeats(steps), derivative)


def _seen_from(y: Value | Graph, x: Value | str | None) -> Graph:
    whole = y if isinstance(y, Graph) else Graph(y)
    graph = whole if x is None else whole.seen_from([x])
    if len(graph.inputs) != 1:
        names = ", ".join(graph.name(each).ascii for each in graph.inputs)
        raise OperandError(f"An explanation is for one input; choose one of {names}.")
    return graph if graph.contracted else graph.contract()


class _Work:
    """The lines of one explanation, from a contracted graph seen from one input."""

    def __init__(self, graph: Graph, expanded: bool) -> None:
        self.graph, self.expanded = graph, expanded

    def along_paths(self, head: int, tail: int) -> list[Step]:
        """The general form: all paths, or one step at a time where they are too many to list."""
        paths = Paths(self.graph, head, tail)
        if paths.count > _MOST_PATHS:
            return self._one_step(head, tail)
        listed = list(paths)
        derivatives = [Product(tuple(map(self._derivative, path.edges))) for path in listed]
        steps = []
        linear = self._linear(head, tail)
        if len(listed) > 1 and linear is not None and fold_alike(derivatives) is None:
            tail_name = self.graph.name(tail)
            heads = [edge.tail for edge in self.graph.edges_into(head)]
            whole = [(each, self.derivative(at, tail)) for (each, _), at in zip(linear.terms, heads, strict=True)]
            steps.append(Step(SUM_RULE, DerivativeOf(linear, tail_name)))
            steps.append(Step(CHAIN_RULE, Sum(tuple(map(Product, whole)))))
            steps.append(Step(NAMED, sum_of(derivatives)))
        elif len(listed) > 1 or len(listed[0].edges) > 1:
            steps.append(Step(BOTH_RULES if len(listed) > 1 else CHAIN_RULE, sum_of(derivatives)))
        return steps + self._evaluated(listed)

    def through(self, head: int, middle: int, tail: int) -> list[Step]:
        """The form with an error signal: what comes before ``middle`` in one brace, called delta."""
        if middle in (head, tail):
            raise OperandError(
                f"through= takes a node between {self.graph.name(tail).ascii} and {self.graph.name(head).ascii}; "
                f"{self.graph.name(middle).ascii} is an end."
            )
        upper, lower = Paths(self.graph, head, middle), Paths(self.graph, middle, tail)
        if upper.count * lower.count != Paths(self.graph, head, tail).count:
            missed = self.graph.name(middle).ascii
            raise OperandError(f"Not every path passes through {missed}. Choose a node that all paths share.")
        delta = _delta(self.graph.name(middle))
        before = sum_of([Product(tuple(map(self._derivative, path.edges))) for path in upper])
        after = sum_of([Product(tuple(map(self._derivative, path.edges))) for path in lower])
        label = Equation((self.derivative(head, middle), name(delta)))
        symbols = sum_of([Product(self._symbols(path)) for path in lower])
        steps = [
            Step(CHAIN_RULE, Product((before, after))),
            Step("the shared factor", Product((Brace(before, label), after))),
            Step(LOCAL, Product((Symbol(delta), _factor(symbols)))),
        ]
        if self.graph.has_numbers:
            steps.append(Step(NUMBERS, Product((Symbol(number=upper.total), Symbol(number=lower.total)))))
            steps.append(Step(RESULT, number(upper.total * lower.total)))
        return steps

    def folded(self, head: int, tail: int) -> list[Step]:
        """A single path, its two leftmost factors replaced by their product until one is left."""
        paths = Paths(self.graph, head, tail)
        if paths.count != 1:
            raise OperandError(f"fold=True follows a single path; there are {paths.count}. Leave it out to see all.")
        path = next(iter(paths))
        factors = [self._derivative(edge) for edge in path.edges]
        steps = [Step(CHAIN_RULE, Product(tuple(factors)))] if len(factors) > 1 else []
        while len(factors) > 1:
            product = Derivative(factors[0].head, factors[1].tail)
            brace = Brace(Product(tuple(factors[:2])), product)
            steps.append(Step(FOLD, Product((brace, *factors[2:]))))
            factors = [product, *factors[2:]]
        steps.append(Step("", factors[0]))
        return steps + self._evaluated([path])

    def _one_step(self, head: int, tail: int) -> list[Step]:
        edges = [edge for edge in self.graph.edges if edge.tail == tail]
        middle = [self.derivative(head, edge.head) for edge in edges]
        steps = [
            Step(BOTH_RULES, sum_of([Product((before, self._derivative(edge)))
                                     for before, edge in zip(middle, edges, strict=True)])),
            Step(LOCAL, sum_of([Product((before, self._symbol(edge)))
                                for before, edge in zip(middle, edges, strict=True)])),
        ]
        if self.graph.has_numbers:
            adjoints = self.graph.adjoints(head)
            steps.append(Step(NUMBERS, _sum_of_numbers([(adjoints[edge.head], _number(edge)) for edge in edges])))
            steps.append(Step(RESULT, number(adjoints[tail])))
        return steps

    def _evaluated(self, listed: Sequence[Path]) -> list[Step]:
        symbols = [self._symbols(path) for path in listed]
        steps = [Step(LOCAL, sum_of(list(map(Product, symbols))))]
        if self.graph.has_numbers:
            steps.append(Step(NUMBERS, _sum_of_numbers([tuple(map(_number, path.edges)) for path in listed])))
            steps.append(Step(RESULT, number(sum(math.prod(map(_number, path.edges)) for path in listed))))
            return steps
        total = Symbol(number=0.0)
        for path in symbols:
            product = Symbol(number=1.0)
            for factor in path:
                product = product * factor
            total = total + product
        simpler = not isinstance(steps[0].formula, SumOver) and Term(total).ascii != steps[0].formula.write(ASCII)
        return [*steps, Step(RESULT, Term(total))] if total.number is not None or simpler else steps

    def derivative(self, head: int, tail: int) -> Derivative:
        """The derivative over all paths, called total where an edge leads straight there besides others."""
        direct = any(edge.tail == tail for edge in self.graph.edges_into(head))
        total = direct and Paths(self.graph, head, tail).count > 1
        return Derivative(self.graph.name(head), self.graph.name(tail), total)

    def _derivative(self, edge: GraphEdge) -> Derivative:
        return Derivative(self.graph.name(edge.head), self.graph.name(edge.tail))

    def _symbol(self, edge: GraphEdge) -> Symbol:
        return edge.expanded if self.expanded else edge.symbol

    def _symbols(self, path: Path) -> tuple[Symbol, ...]:
        return tuple(map(self._symbol, path.edges))

    def _linear(self, head: int, tail: int) -> Linear | None:
        """``head`` as coefficients times nodes, if that is all it is."""
        edges = self.graph.edges_into(head)
        if len(edges) < 2 or any(edge.tail == tail for edge in edges) or not self.graph.is_linear(head):
            return None
        return Linear(tuple((self._symbol(edge), self.graph.name(edge.tail)) for edge in edges))


def _number(edge: GraphEdge) -> float:
    assert edge.partial is not None, "only called on graphs with numbers"
    return edge.partial


def _factor(formula: Formula) -> Formula | Symbol:
    if isinstance(formula, Product) and len(formula.factors) == 1:
        return formula.factors[0]
    return formula


def _sum_of_numbers(products: Sequence[Sequence[float]]) -> Formula:
    terms = [Product(tuple(Symbol(number=factor) for factor in factors)) for factors in products]
    return terms[0] if len(terms) == 1 else Sum(tuple(terms))


def _delta(of: Name) -> Name:
    index = f"_{{{of.index}}}" if of.index else ""
    exponent = f"^{{{of.exponent}}}" if of.exponent else ""
    return Name.of(rf"\delta{index}{exponent}")


def _without_repeats(steps: Sequence[Step]) -> tuple[Step, ...]:
    written = [step.formula.write(ASCII) for step in steps]
    return tuple(step for at, step in enumerate(steps) if at + 1 == len(steps) or written[at] != written[at + 1])

