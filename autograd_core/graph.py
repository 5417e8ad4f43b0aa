"""A frozen snapshot of a graph: its nodes, and between them edges that carry local derivatives.

A ``Graph`` shows the nodes on a path from the inputs asked about; everything else appears only as a
symbol inside formulas (that is how a weight becomes an arrow's label).  Contracting removes unnamed
nodes: the derivative across a hidden part is the sum over its paths of the product along each.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

from autograd_core import primitives as rows
from autograd_core.errors import NamingError, NoPathError, OperandError
from autograd_core.graph_parts import GraphEdge, Node
from autograd_core.names import Name
from autograd_core.sweeps import require_fresh, topological_order
from autograd_core.symbol import Symbol, shortened
from autograd_core.value import FlatValues, Parameter, Value, flatten_values, restore_values


class Graph:
    """The graph of one output or several, as seen from ``wrt``: unless told otherwise all leaves but parameters.

    ``wrt`` takes Values or names; where every leaf is a parameter, all are meant.  Raises
    :class:`StaleGraphError` for a stale graph, :class:`NoPathError` for an input that does not reach the output.

    >>> x = Value(1.0, "x")
    >>> a_1, a_2 = (3 * x).named("a_1"), (-x).named("a_2")
    >>> graph = Graph((2 * a_1 + a_2).named("y")).contract()
    >>> [(graph.name(edge.tail).ascii, edge.symbol.text, graph.name(edge.head).ascii) for edge in graph.edges]
    [('x', '3', 'a_1'), ('x', '-1', 'a_2'), ('a_1', '2', 'y'), ('a_2', '1', 'y')]
    """

    def __init__(self, y: Value | Sequence[Value], wrt: Any = None) -> None:
        roots: tuple[Any, ...] = (y,) if isinstance(y, Value) or not hasattr(y, "__iter__") else tuple(y)
        for root in roots:
            if not isinstance(root, Value):
                raise OperandError(f"A graph is made of Values; got {root!r} as an output.")
        if not roots:
            raise OperandError("A graph needs at least one output; the list was empty.")
        order = topological_order(roots)
        require_fresh(order)
        index = {id(node): at for at, node in enumerate(order)}
        self._values: tuple[Value, ...] | None = tuple(order)
        self._index_of = index
        nodes = tuple(
            Node(at, node.op, tuple(index[id(each)] if isinstance(each, Value) else each for each in node.operands),
                 node.name, node.data, node.partials, isinstance(node, Parameter))
            for at, node in enumerate(order)
        )
        self._build(nodes, [index[id(root)] for root in roots], wrt)

    @classmethod
    def of_nodes(cls, nodes: Sequence[Node], outputs: Sequence[int], wrt: Any = None) -> Graph:
        """A graph from records alone, with or without numbers; ``outputs`` are indices."""
        graph = cls.__new__(cls)
        graph._values, graph._index_of = None, {}
        graph._build(tuple(nodes), outputs, wrt)
        return graph

    def _build(self, nodes: tuple[Node, ...], outputs: Sequence[int], wrt: Any) -> None:
        self.record = nodes
        self.outputs = tuple(dict.fromkeys(outputs))
        self.contracted = False
        self.kept: tuple[int, ...] | None = None
        self.hint = ""
        self._spoken: dict[int, Name] = {}
        self.inputs = self._resolve_inputs(wrt)
        self.shown = tuple(sorted(self._reached_from(self.inputs)))

    def _resolve_inputs(self, wrt: Any) -> tuple[int, ...]:
        if wrt is None:
            leaves = [node.index for node in self.record if node.op is None]
            given = [leaf for leaf in leaves if not self.record[leaf].is_parameter]
            return tuple(given or leaves) or self.outputs
        asked = list(wrt) if hasattr(wrt, "__iter__") and not isinstance(wrt, str) else [wrt]
        if not asked:
            raise OperandError("wrt is empty. Name at least one input, or leave wrt out to see all of them.")
        inputs = tuple(dict.fromkeys(self.index(each) for each in asked))
        # A node with two names is written under the one it is asked for by.
        self._spoken = {self.index(each): Name.of(each) for each in asked if isinstance(each, str)}
        for each in inputs:
            if not self._reached_from((each,)) & set(self.outputs):
                raise NoPathError(self.no_path(each))
        return inputs

    def no_path(self, tail: int, head: int | None = None) -> str:
        """Why the derivative of ``head`` (or of the outputs) with respect to ``tail`` is 0, in words."""
        outputs = ", ".join(self.name(each).ascii for each in ([head] if head is not None else self.outputs))
        name = self.name(tail).ascii
        return f"d{outputs}/d{name} = 0: no path leads from {name} to {outputs}, so {outputs} does not depend on it."

    def _reached_from(self, inputs: Iterable[int]) -> set[int]:
        reached = set(inputs)
        for node in self.record:
            if node.index not in reached and any(parent in reached for parent in node.parents):
                reached.add(node.index)
        return reached

    # --- looking things up ----------------------------------------------------------------------

    def index(self, thing: Value | str | int) -> int:
        """The index of a node given as the Value, its name, or already an index."""
        if type(thing) is int and 0 <= thing < len(self.record):
            return thing
        if isinstance(thing, Value):
            if id(thing) in self._index_of:
                return self._index_of[id(thing)]
            shown = thing.name or repr(thing)
            outputs = ", ".join(self.name(each).ascii for each in self.outputs)
            raise NoPathError(
                f"d{outputs}/d{shown} = 0: {shown} is not part of the graph of {outputs}, so {outputs} does not "
                "depend on it. Was it used to compute the output, or another Value with the same number?"
            )
        if isinstance(thing, str):
            wanted = Name.of(thing)
            found = [node.index for node in self.record if node.name and wanted in Name.all_of(node.name)]
            if len(found) == 1:
                return found[0]
            names = ", ".join(dict.fromkeys(Name.of(node.name).ascii for node in self.record if node.name))
            if found:
                raise NamingError(f"{len(found)} nodes are named {thing!r}. Pass the Value instead of its name.")
            raise NamingError(
                f"No node is named {thing!r}. The named nodes are: {names or 'none'}; pass any other as its Value."
            )
        raise OperandError(f"A node is given as a Value or by its name; got {thing!r}.")

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes shown, operands before results."""
        return tuple(self.record[at] for at in self.shown)

    @property
    def roots(self) -> tuple[Value, ...]:
        """The outputs as Values, sharing what they share; a graph without Values raises."""
        if self._values is None:
            raise OperandError("This graph was read from a text without numbers, so it has no Values. Give numbers.")
        return tuple(self._values[at] for at in self.outputs)

    @cached_property
    def has_numbers(self) -> bool:
        """Whether every node has a value."""
        return all(node.data is not None for node in self.record)

    @cached_property
    def _ordinals(self) -> dict[int, str]:
        taken = {Name.of(node.name).ascii for node in self.record if node.name}
        names = (name for name in (f"v_{count}" for count in itertools.count(1)) if name not in taken)
        # The nodes shown come first, so that what is hidden leaves no gap in the count.
        shown = getattr(self, "shown", ())
        order = dict.fromkeys((*shown, *range(len(self.record))))
        return {index: next(names) for index in order if not self.record[index].name}

    def number(self, operand: int | float) -> float:
        """The value of a node, or a constant as it is; nan where the graph has no numbers."""
        data = self.record[operand].data if type(operand) is int else operand
        return math.nan if data is None else float(data)

    def name(self, index: int) -> Name:
        """How a node is named; ``v_1``, ``v_2``, ... where the user gave no name."""
        given = self.record[index].name
        if given:
            return self._spoken.get(index) or Name.of(given)
        return Name.of(self._ordinals[index])

    # --- contraction ----------------------------------------------------------------------------

    def contract(self, keep: Iterable[Value | str | int] | None = None) -> Graph:
        """The graph of the nodes in ``keep`` only (by default the named ones), the inputs and the outputs.

        Where no computed node has a name all are kept, and ``hint`` says how to name them.
        """
        smaller = self._twin()
        smaller.kept = None if keep is None else tuple(self.index(each) for each in keep)
        ends = set(self.inputs) | set(self.outputs)
        if smaller.kept is not None:
            kept = set(smaller.kept)
        else:
            kept = {node.index for node in self.nodes if node.name}
            if all(self.record[at].op is None for at in kept) and len(self.shown) > len(ends | kept):
                smaller.hint = "Name the nodes you want to see: a = (3 * x).named('a')."
                return smaller
        smaller.shown = tuple(at for at in self.shown if at in kept or at in ends)
        smaller.contracted = True
        return smaller

    def seen_from(self, wrt: Any) -> Graph:
        """The same record as seen from other inputs, contracted to the same nodes if this graph is."""
        other = self._twin()
        other._build(self.record, self.outputs, wrt)
        return other.contract(self.kept) if self.contracted else other

    def uncontracted(self) -> Graph:
        """The same graph with every node on a path from the inputs shown."""
        other = self._twin()
        other.shown, other.contracted, other.kept, other.hint = tuple(sorted(self.relevant)), False, None, ""
        return other

    def _twin(self) -> Graph:
        # What is cached belongs to the nodes shown, so a twin starts without it.
        twin = object.__new__(Graph)
        for attribute in ("_values", "_index_of", *_VIEW):
            setattr(twin, attribute, getattr(self, attribute))
        return twin

    @cached_property
    def edges(self) -> tuple[GraphEdge, ...]:
        """The arrows between shown nodes, by tail and head, parallel ones by argument."""
        found = []
        for head in self.shown:
            if self.contracted:
                for tail, partial in self._across(head, 1.0, self._numbers).items():
                    found.append(GraphEdge(tail, head, partial if self.has_numbers else None, None, self))
            else:
                node = self.record[head]
                for position, operand in enumerate(node.operands):
                    if type(operand) is int and operand in self._shown_set:
                        partial = node.partials[position] if node.partials is not None else None
                        found.append(GraphEdge(operand, head, partial, position, self))
        return tuple(sorted(found, key=lambda edge: (edge.tail, edge.head)))

    def edges_into(self, head: int) -> list[GraphEdge]:
        """The arrows that lead to a shown node, in the order of its arguments where every node is shown."""
        return self._edges_by_head.get(head, [])

    @cached_property
    def _edges_by_head(self) -> dict[int, list[GraphEdge]]:
        by_head: dict[int, list[GraphEdge]] = {}
        for edge in self.edges:
            by_head.setdefault(edge.head, []).append(edge)
        for edges in by_head.values():
            edges.sort(key=lambda edge: edge.position or 0)
        return by_head

    @cached_property
    def _shown_set(self) -> frozenset[int]:
        return frozenset(self.shown)

    @cached_property
    def relevant(self) -> frozenset[int]:
        """The nodes that depend on an input, shown or not."""
        return frozenset(self._reached_from(self.inputs))

    def _numbers(self, index: int) -> Sequence[float]:
        node = self.record[index]
        return node.partials if node.partials is not None else (math.nan,) * len(node.operands)

    def _across(self, head: int, one: Any, partials_of: Callable[[int], Sequence[Any]]) -> dict[int, Any]:
        """The derivative of ``head`` to each nearest shown node below: over hidden paths, sums of products.

        The same sweep serves numbers and symbols.
        """
        inside: dict[int, Any] = {head: one}
        reached: dict[int, Any] = {}
        pending = [-head]
        while pending:
            at = -heapq.heappop(pending)  # the newest first: all that adds to it has been seen
            for operand, partial in zip(self.record[at].operands, partials_of(at), strict=True):
                if type(operand) is not int or operand not in self.relevant:
                    continue
                target = reached if operand in self._shown_set else inside
                if operand not in target and target is inside:
                    heapq.heappush(pending, -operand)
                product = shortened(inside[at] * partial)
                target[operand] = shortened(target[operand] + product) if operand in target else product
        return reached

    # --- formulas -------------------------------------------------------------------------------

    def symbol(self, index: int) -> Symbol:
        """A node inside a formula: its name, or else the formula (the number, for a leaf) it stands for."""
        node = self.record[index]
        if node.name or index in self._shown_set:
            return Symbol(self.name(index))
        if node.op is None:
            return Symbol(self.name(index)) if node.data is None else Symbol(number=node.data)
        return self.formula(index)

    def formula(self, index: int) -> Symbol:
        """What a node was computed as, in the names of the nodes around it; its depths are an ellipsis."""
        waiting = [index]
        while waiting:
            node = self.record[waiting[-1]]
            hidden = [at for at in node.parents if self._is_inlined(at) and at not in self._formulas]
            if hidden and waiting[-1] not in self._formulas:
                waiting += hidden
                continue
            done = waiting.pop()
            if node.op is not None and done not in self._formulas:
                self._formulas[done] = shortened(Symbol.applied(node.op, list(map(self._operand, node.operands))))
        return self._formulas[index] if self.record[index].op is not None else self.symbol(index)

    @cached_property
    def _formulas(self) -> dict[int, Symbol]:
        return {}

    def _is_inlined(self, index: int) -> bool:
        node = self.record[index]
        return node.op is not None and not node.name and index not in self._shown_set

    def _operand(self, operand: int | float) -> Symbol:
        return self.symbol(operand) if type(operand) is int else Symbol(number=float(operand))

    def partial_symbols(self, index: int, expanded: bool = False) -> list[Symbol]:
        """The local derivatives of a node as formulas, one per argument."""
        node = self.record[index]
        assert node.op is not None
        operands = list(map(self._operand, node.operands))
        out = Symbol(self.name(index)) if node.name else Symbol.applied(node.op, operands)
        partials = [Symbol.of(partial) for partial in node.op.textbook_partials_at(out, operands)]
        if node.op.primed and not expanded:
            partials[0] = Symbol.applied(node.op, operands, primed=True)
        return partials

    def derivative_symbol(self, edge: GraphEdge, expanded: bool = False) -> Symbol:
        """The derivative an edge stands for, as a formula."""
        key = edge.head, expanded
        if edge.position is not None:
            if key not in self._derivatives:
                self._derivatives[key] = dict(enumerate(self.partial_symbols(edge.head, expanded)))
            return self._derivatives[key][edge.position]
        if key not in self._derivatives:
            one = Symbol(number=1.0)
            self._derivatives[key] = self._across(edge.head, one, lambda at: self.partial_symbols(at, expanded))
        return self._derivatives[key][edge.tail]

    @cached_property
    def _derivatives(self) -> dict[tuple[int, bool], dict[int, Symbol]]:
        return {}

    def is_linear(self, index: int) -> bool:
        """Whether a node is nothing but coefficients times the shown nodes below it."""
        inside, seen = [index], {index}
        while inside:
            node = self.record[inside.pop()]
            moving = [type(operand) is int and operand in self.relevant for operand in node.operands]
            one_factor = node.op in (rows.mul, rows.div) and sum(moving) == 1 and (node.op is rows.mul or moving[0])
            if not one_factor and not (node.op in (rows.add, rows.sub, rows.neg, rows.total) and all(moving)):
                return False
            hidden = {at for at in node.parents if at in self.relevant and at not in self._shown_set} - seen
            inside += hidden
            seen |= hidden
        return True

    # --- outputs and adjoints -------------------------------------------------------------------------------

    def only_output(self) -> int:
        """The index of the output; a graph of several raises, for a derivative is one output's."""
        if len(self.outputs) > 1:
            names = ", ".join(self.name(each).ascii for each in self.outputs)
            raise OperandError(f"A derivative is that of one output; this graph has {names}. Give one of them.")
        return self.outputs[0]

    def adjoints(self, output: int | None = None) -> dict[int, float]:
        """The derivative of an output (the first, unless told) with respect to every node of the record.

        A sweep of its own, which neither reads nor writes any ``grad``.
        """
        if not self.has_numbers:
            raise OperandError("This graph has no numbers, so no adjoints. Give the inputs numbers.")
        total = dict.fromkeys(range(len(self.record)), 0.0)
        total[self.outputs[0] if output is None else output] = 1.0
        for node in reversed(self.record):
            for operand, partial in zip(node.operands, self._numbers(node.index), strict=True):
                if type(operand) is int:
                    total[operand] += total[node.index] * partial
        return total

    def __repr__(self) -> str:
        outputs = ", ".join(self.name(each).ascii for each in self.outputs)
        return f"<Graph of {outputs}: {len(self.shown)} nodes, {len(self.edges)} edges>"

    def __copy__(self) -> Graph:
        return self._twin()

    def __reduce__(self) -> Any:
        flat = None if self._values is None else flatten_values(self._values)
        return _restore_graph, (flat, {attribute: getattr(self, attribute) for attribute in _VIEW})


_VIEW = ("record", "outputs", "inputs", "shown", "contracted", "kept", "hint", "_spoken")


def _restore_graph(flat: FlatValues | None, view: dict[str, Any]) -> Graph:
    graph = object.__new__(Graph)
    values = None if flat is None else tuple(restore_values(flat))
    graph._values, graph._index_of = values, {id(value): at for at, value in enumerate(values or ())}
    for attribute, seen in view.items():
        setattr(graph, attribute, seen)
    return graph
