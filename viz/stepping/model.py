"""A graph as the data a stepper works with: its record, its two views, and every formula that stays the same.

Numbers are not in it, but for the inputs': the page computes them.  Formulas are typeset here, each once, and
referred to by their place in the list of fragments.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

from autograd_core import writing
from autograd_core.errors import OperandError
from autograd_core.events import backward_events, forward_events
from autograd_core.explanation import CHAIN_RULE, FOLD, explain
from autograd_core.formula import Derivative, Formula, Term
from autograd_core.graph import Graph
from autograd_core.names import Name
from autograd_core.path_sums import Paths
from autograd_core.symbol import Symbol
from autograd_core.writing import LATEX, UNICODE
from viz import fragments
from viz.drawing import Style, draw_with_room
from viz.stepping.operations import operation_key, operation_of

Json = dict[str, Any]

_MOST_TYPESET = 200
"""Above this many edges formulas are written as text: outlines would make the page many megabytes."""

_MOST_PATHS, _MOST_FACTORS = 6, 24
"""An equation of more paths or factors is shown one node at a time."""

_MOST_EQUATIONS = 60
"""Of so many inputs; for each the graph is looked through once more."""

_SLIDER_STEPS = 200
_FARTHEST = 1.7e308


class Model:
    """The data of a stepper and the operations it needs."""

    def __init__(self, graph: Graph, *, limit: int, engine: str | None) -> None:
        self.full = graph.uncontracted()
        self.lecture = graph if graph.contracted else graph.contract()
        computed = forward_events(self.full)  # which refuses what cannot be stepped through
        self.operations = {operation_of(each.node.op, len(each.operands)) for each in computed if each.node.op}
        self._fragments: dict[str, int] = {}
        self._typeset = len(self.full.edges) <= _MOST_TYPESET
        output = graph.only_output()
        self.data: Json = {
            "title": f"Backpropagation through {graph.name(output).unicode}",
            "output": output,
            "record": [self._node(at) for at in range(len(graph.record))],
            "sliders": self._sliders(),
            "views": {
                "lecture": self._view(self.lecture, "lecture", limit, engine),
                "full": self._view(self.full, "full", limit, engine),
            },
        }
        self.data["fragments"] = list(self._fragments)

    def _sliders(self) -> list[Json]:
        """One per leaf that may move: a hidden one without a name is a mere number in the formulas."""
        leaves = [node for node in self.full.record if node.op is None]
        moving = [node.index for node in leaves if node.name or node.index in self.lecture.inputs]
        sliders: list[Json] = []
        for at in moving:
            name, taken = self.full.name(at).ascii, {slider["key"] for slider in sliders}
            keys = itertools.chain([name], (f"{name} ({count})" for count in itertools.count(2)))
            key = next(key for key in keys if key not in taken)
            given = self.full.record[at].name
            names = [each.ascii for each in Name.all_of(given)] if given else [name]
            sliders.append({"key": key, "names": names, **_slider(self.full, at)})
        return sliders

    def _node(self, at: int) -> Json:
        node = self.full.record[at]
        name = self.full.name(at)
        described: Json = {"text": name.unicode, "name": self._name(name), "operation": None, "operands": []}
        if node.op is None:
            return described | {"value": _text(self.full.number(at))}
        operation = operation_of(node.op, len(node.operands))
        operands = [each if type(each) is int else _text(each) for each in node.operands]
        return described | {"operation": operation_key(operation), "operands": operands, "called": node.op.name}

    def _view(self, graph: Graph, style: Style, limit: int, engine: str | None) -> Json:
        picture, places = draw_with_room(graph, style, limit=limit, engine=engine)
        numbers = {(edge.tail, edge.head, edge.position): at for at, edge in enumerate(graph.edges)}
        orders = {}
        for order in ("topological", "depth_first"):
            events = backward_events(graph, order=order)
            if order == "topological" or events.lost:
                orders[order] = [
                    [numbers[each.edge.tail, each.edge.head, each.edge.position], each.lost] for each in events
                ]
        output = graph.name(graph.only_output())
        return {
            "svg": picture.svg,
            "says": picture.note,
            "relevant": sorted(graph.relevant),
            "shown": graph.shown,
            "nodes": {
                at: {
                    "place": places[at], "text": graph.name(at).unicode, "name": self._name(graph.name(at)),
                    "adjoint": self._formula(Derivative(output, graph.name(at), total=True)),
                }
                for at in graph.shown
            },
            "forward": [
                {"node": each.node.index, "formula": self._formula(Term(graph.formula(each.node.index)))}
                for each in forward_events(graph)
            ],
            "edges": [
                {
                    "tail": edge.tail, "head": edge.head, "position": edge.position,
                    "local": self._formula(Derivative(graph.name(edge.head), graph.name(edge.tail))),
                    "factor": self._factor(edge.symbol), "isNumber": edge.symbol.number is not None,
                }
                for edge in graph.edges
            ],
            "orders": orders,
            "inputs": list(graph.inputs),
            "equations": {at: self._equation(graph, at, numbers) for at in graph.inputs[:_MOST_EQUATIONS]},
        }

    def _equation(self, graph: Graph, tail: int, numbers: Mapping[Any, int]) -> Json | None:
        """The slide's equation as paths of edges, from the output down; None where it would be too long."""
        paths = Paths(graph, graph.only_output(), tail)
        if not 0 < paths.count <= _MOST_PATHS:
            return None
        listed = [[numbers[each.tail, each.head, each.position] for each in path.edges] for path in paths]
        longest = max(map(len, listed))
        if sum(map(len, listed)) > _MOST_FACTORS:
            return None
        folds: list[Formula] = []
        if paths.count == 1 and longest > 2:
            steps = explain(graph.seen_from([tail]), fold=True).steps
            folds = [step.formula for step in steps if step.rule in (CHAIN_RULE, FOLD)]
        # An explanation is of the named nodes: only where all are named does a fold belong to each event.
        return {"paths": listed, "folds": list(map(self._formula, folds)) if len(folds) == longest else []}

    def _factor(self, symbol: Symbol) -> int:
        """A local derivative as it stands in a product: ``(2)``, ``w_1``, ``(yhat - y)``."""
        latex, text = (
            f"({writing.write(symbol, language)})" if symbol.number is not None
            else writing.write_operand(symbol, language, "product") for language in (LATEX, UNICODE)
        )
        return self._written(latex, text)

    def _name(self, name: Name) -> int:
        return self._formula(Term(Symbol(name)))

    def _formula(self, formula: Formula) -> int:
        return self._written(formula.write(LATEX), formula.write(UNICODE))

    def _written(self, latex: str, text: str) -> int:
        written = fragments.formula(latex, text) if self._typeset else fragments.formula_as_text(text)
        return self._fragments.setdefault(written, len(self._fragments))


def last_step(data: Mapping[str, Any], view: str, order: str) -> int:
    """The number of steps in a view: a forward event each, the seed, and a backward event each."""
    shown = data["views"][view]
    return len(shown["forward"]) + 1 + len(shown["orders"].get(order, shown["orders"]["topological"]))


def _slider(graph: Graph, at: int) -> Json:
    """The range of an input: at least one to either side, and twice its size, in steps it lies on."""
    value = graph.number(at)
    if not math.isfinite(value):
        raise OperandError(f"{graph.name(at).ascii} is {value}; a stepper starts from finite inputs.")
    room = _FARTHEST - abs(value)
    if not room > 0.0:
        raise OperandError(f"{graph.name(at).ascii} is {value:g}; a slider reaches to {_FARTHEST:g}. Scale it.")
    size = max(2.0 * min(abs(value), _FARTHEST / 20.0), 1.0)
    power = 10.0 ** math.ceil(math.log10(size))
    reach = min(room, next(each for each in (power / 5, power / 2, power) if each >= size * (1.0 - 1e-9)))
    step = 2.0 * reach / _SLIDER_STEPS
    return {"node": at, "low": value - reach, "high": value + reach, "step": step}


def _text(x: float) -> str:
    """A number as JavaScript's ``Number`` reads it."""
    return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(repr(x), repr(x))
