"""A plan as a picture: one node per block of numbers, named as in the generated source, arrows for what it reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from autograd_core.compiler.plan import Plan, VectorInstruction, View
from autograd_core.compiler.selection import select
from autograd_core.compiler.vector_source import VectorSource
from autograd_core.names import Name
from autograd_core.symbol import Symbol
from viz.picture import Edge, Label, Math, Node, Picture, Plain
from viz.rendering.parts import Shape

NO_PLAN = (
    "There is no plan to draw: a short program, or one with few equal operations, is straight-line Python, and its "
    "plan is None. print(program.source) shows it; to draw its graph call the function with named Values, as in "
    "viz.draw(f(Value(1.0, 'x')))."
)


def draw_plan(plan: Plan | None, limit: int, picture: Callable[..., Picture]) -> Picture:
    """The picture of a plan: an argument is a circle, what is computed a box with its line of source and its shape.

    A matrix product that is only added to something is one box with the sum.  Parts of an argument have a circle of
    their own beside what reads them, with their names and shapes.  Raises ``ValueError`` for None, with advice, and
    for more than ``limit`` nodes.
    """
    if plan is None:
        raise ValueError(NO_PLAN)
    nodes, edges = _Writer(plan).parts()
    if len(nodes) > limit:
        raise ValueError(
            f"This plan has {len(nodes):,} nodes, and limit={limit}. print(program.plan) lists them; "
            f"limit={len(nodes)} draws them, which may take long."
        )
    heading = f"{len(plan.instructions):,} vector instructions for {len(plan.tape):,} scalar ones"
    return picture(tuple(nodes), tuple(edges), note=heading, title="Plan")


class _Writer:
    """Turns the blocks and instructions of a plan into the nodes and arrows of a picture."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.source = VectorSource(plan)
        self.made_by = {each.out: each for each in plan.instructions}
        output = plan.outputs[0]
        is_split = self.source.parts != plan.outputs[:1]
        self.output = output[0] if isinstance(output, tuple) and is_split else None
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []

    def parts(self) -> tuple[list[Node], list[Edge]]:
        """Every block that has a name in the source, or the parts of it that are read, and the value."""
        for at, block in enumerate(self.plan.blocks):
            if block.source is None and self.source.names[at] and at != self.output:
                line = Plain(f"{self.source.names[at]} = {self._text(self.made_by[at])}")
                self._put(f"b{at}", (line, Plain(_shape(block.shape, block.is_lane))), "box")
                self._arrows(at)
        self._value()
        return list(self.nodes.values()), self.edges

    def _put(self, key: str, lines: tuple[Label, ...], shape: Shape = "circle") -> str:
        self.nodes.setdefault(key, Node(key, lines, shape))
        return key

    def _value(self) -> None:
        """What the program returns: a block, or the sum of two, each averaged over the lanes it has."""
        output = self.plan.outputs[0]
        if not isinstance(output, tuple):
            self._put("value", (Plain("value"), Plain(f"{output:g}")))
            return
        for at, _ in self.source.parts:
            block = self.plan.blocks[at]
            tail = f"b{at}" if block.source is None else self._argument(at, [])
            self.edges.append(Edge(tail, "value", Plain("mean over lanes") if block.is_lane else None))
        self._put("value", (Plain("value"),))

    # --- what a block reads ---------------------------------------------------------------------

    def _arrows(self, at: int) -> None:
        read: dict[int, list[View]] = {}
        for view in self._read(self.made_by[at]):
            assert view.block is not None
            read.setdefault(view.block, []).append(view)
        for block, views in read.items():
            parts = [part for part in map(self._part, views) if part]
            if self.plan.blocks[block].source is not None:
                self.edges.append(Edge(self._argument(block, parts), f"b{at}"))
            else:
                self.edges.append(Edge(f"b{block}", f"b{at}", Plain(", ".join(parts)) if parts else None))

    def _argument(self, at: int, parts: Sequence[str]) -> str:
        """The circle of an argument, or of those parts of it, which then stands beside what reads them."""
        block, name = self.plan.blocks[at], self.source.names[at]
        parts = tuple(dict.fromkeys(parts))
        lines = parts or (_shape(block.shape, block.is_lane),)
        return self._put("_".join([f"b{at}", *parts]), (_name(name), *map(Plain, lines)))

    def _read(self, instruction: VectorInstruction) -> Iterable[View]:
        """The views of named blocks, also those of a product that stands within the line."""
        for view in instruction.operands:
            if view.block is None:
                continue
            if self.source.names[view.block]:
                yield view
            else:
                yield from self._read(self.made_by[view.block])

    def _part(self, view: View) -> str:
        """The name and shape of the part of a block that is read, nothing for the whole."""
        assert view.block is not None and view.index is not None
        block, name = self.plan.blocks[view.block], self._named_part(view)
        if not name and len(set(view.index.ravel().tolist())) == math.prod(block.shape):
            return ""
        selection = select(view.index, block)
        shape = _shape(view.shape if selection.index is not None else selection.core, block.is_lane)
        return f"{name}: {shape}" if name else shape

    def _named_part(self, view: View) -> str:
        assert view.block is not None and view.index is not None
        return self.source.named_views.get((view.block, view.index.tobytes(), view.shape), "")

    # --- lines ----------------------------------------------------------------------------------

    def _text(self, instruction: VectorInstruction) -> str:
        texts = [self._operand(view) for view in instruction.operands]
        if instruction.kind == "product":
            return " @ ".join(texts)
        if instruction.kind == "elementwise" and instruction.op is not None:
            symbols = [Symbol(f"operand_{at}") for at in range(len(texts))]
            return self.source.filled(Symbol.applied(instruction.op, symbols), texts)
        name = instruction.op.name if instruction.op else "stack"
        return f"{name}({', '.join(texts)})"

    def _operand(self, view: View) -> str:
        if view.block is None:
            return f"{view.number:g}" if view.number is not None else "constants"
        name = self.source.names[view.block]
        if not name:
            return self._text(self.made_by[view.block])
        return self._named_part(view) or (f"{name}[...]" if self._part(view) else name)


def _name(name: str) -> Label:
    known = Name.of(name)
    return Math(known.latex) if known.is_mathematics else Plain(name)


def _shape(shape: Sequence[int], is_lane: bool) -> str:
    return " × ".join([*map(str, shape), *(["lanes"] if is_lane else [])]) or "1"
