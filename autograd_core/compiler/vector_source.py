"""NumPy source of a plan: forward lines, then reverse lines, as the lecture's quick reference writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_core import primitives as rows
from autograd_core.compiler.plan import Block, Plan, VectorInstruction, View
from autograd_core.compiler.program_text import function_text
from autograd_core.compiler.selection import Selection, select, shape_text, tuple_text
from autograd_core.row import Primitive
from autograd_core.symbol import Symbol
from autograd_core.tape import RESERVED

_PLACE = re.compile(r"\b(?:operand_\d+|outcome)\b")
_PLAIN = re.compile(r"[A-Za-z_]\w*|[\d.]+(e[-+]?\d+)?")


class VectorSource:
    """The body of the function that computes a plan, written line by line.

    ``forward`` are the lines that compute; ``constants`` are the arrays they name, ``rows_used`` the operations.
    ``names`` has the name of each block, ``arrays`` the shapes of those computed for each lane, ``parts_named`` what
    the parts of an argument's block are called, each with the expression that it is.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.constants: dict[str, Any] = {}
        self.rows_used: dict[str, Primitive] = {}
        self.forward: list[str] = []
        self.arrays: dict[str, tuple[int, ...]] = {}
        self.names: list[str] = [""] * len(plan.blocks)
        self._taken = {row.name for row in rows.TABLE} | {op.name for op, _ in plan.tape.instructions} | RESERVED
        self._count: dict[str, int] = {}
        self.named_views: dict[tuple[int, bytes, tuple[int, ...]], str] = {}
        self.parts_named: dict[int, dict[str, str]] = {}
        self._dividers: dict[int, str] = {}
        self.inlined: dict[int, str] = {}
        self._weights = 0
        self.parts = _parts_of_output(plan)
        self._reader: dict[int, tuple[VectorInstruction, View]] = {}
        self._users = self._count_users()
        self._name_inputs()
        self._write_forward()

    # --- names ----------------------------------------------------------------------------------

    def fresh(self, wish: str, numbered: bool = True) -> str:
        name = wish
        while numbered or name in self._taken:
            self._count[wish] = self._count.get(wish, 0) + 1
            name = f"{wish}_{self._count[wish]}"
            if name not in self._taken:
                break
        self._taken.add(name)
        return name

    def _name_inputs(self) -> None:
        for at, block in enumerate(self.plan.blocks):
            if block.source is not None:
                self.names[at] = self.fresh(block.source, numbered=False)

    def _name_result(self, instruction: VectorInstruction) -> str:
        block = self.plan.blocks[instruction.out]
        known = {self.plan.tape.names.get(slot) for slot in block.slots}
        if len(block.slots) == 1 and None not in known:
            return self.fresh(Symbol(known.pop()).python, numbered=False)
        if instruction.kind == "product":
            return self.fresh("a" if block.is_lane or block.shape else "v")
        inlined = [view.block for view in instruction.operands if view.block in self.inlined]
        if instruction.op is rows.add and inlined:
            return self.fresh("a")
        op, source = instruction.op, instruction.operands[0].block
        if op is not None and op.arity is not None and op.arity - len(op.defaults) == 1 and source is not None:
            name = self.names[source]
            if name.startswith("a_") and op is not rows.neg:
                return self.fresh(f"z{name[1:]}", numbered=False)
        return self.fresh("v")

    def _count_users(self) -> list[int]:
        users = [0] * len(self.plan.blocks)
        for instruction in self.plan.instructions:
            for view in instruction.operands:
                if view.block is not None:
                    users[view.block] += 1
                    self._reader[view.block] = instruction, view
        for output in self.plan.outputs:
            if isinstance(output, tuple):
                users[output[0]] += 2
        return users

    # --- forward --------------------------------------------------------------------------------

    def _write_forward(self) -> None:
        for at, instruction in enumerate(self.plan.instructions):
            if self._is_output(instruction.out) and self.parts != self.plan.outputs[:1]:
                continue  # the sum of the parts, which are returned as they are
            text = self._computed(instruction)
            out = instruction.out
            if instruction.kind == "product" and self._is_only_added(at):
                self.inlined[out] = text
                continue
            name = self.names[out] = self._name_result(instruction)
            if instruction.kind == "stack":
                self._write_stack(name, instruction)
            else:
                self.forward.append(f"{name} = {text}")
                if self.plan.blocks[out].is_lane:
                    self.arrays[name] = self.plan.blocks[out].shape

    def _is_output(self, block: int) -> bool:
        output = self.plan.outputs[0]
        return isinstance(output, tuple) and output[0] == block

    def _is_only_added(self, at: int) -> bool:
        """Whether a product is used once, whole, as a term of a sum: ``W @ z + b`` is one line."""
        out = self.plan.instructions[at].out
        if self._users[out] != 1 or any(out == part for part, _ in self.parts):
            return False
        reader, view = self._reader[out]
        block, added = self.plan.blocks[out], self.plan.blocks[reader.out]
        return reader.op is rows.add and select(index_of(view), block).is_whole and block.is_lane == added.is_lane

    def _computed(self, instruction: VectorInstruction) -> str:
        views = instruction.operands
        out = self.plan.blocks[instruction.out]
        if instruction.kind == "product":
            return self._product(*views)
        if instruction.kind == "rowwise":
            left, right = (self.read_full(view, out.is_lane) for view in views)
            return f"({left} * {right}).sum(axis={len(out.shape)})"
        if instruction.kind == "lane mean":
            return f"{self.read(views[0], True)}.mean(axis=-1)"
        if instruction.kind == "reduction":
            text = self.read_full(views[0], out.is_lane)
            if instruction.op in (rows.total, rows.mean, rows.batch_mean):
                return f"{text}.{'sum' if instruction.op is rows.total else 'mean'}(axis={len(out.shape)})"
            assert instruction.op is not None
            text += ".swapaxes(0, 1)" if out.shape else ""
            if instruction.op.stacked is None:
                return f"{self.function(instruction.op)}(*{text})"
            name = f"{self.function(instruction.op)}_of"
            self.constants[name] = instruction.op.stacked
            return f"{name}({text})"
        if instruction.kind == "stack":
            return ""
        assert instruction.op is not None
        texts = [self.read(view, out.is_lane) for view in views]
        if out.shape and not any(self.is_full(view) for view in views):
            at = next(at for at, view in enumerate(views) if view.block is not None)
            texts[at] = self.read_full(views[at], out.is_lane)
        return self._applied(instruction.op, texts)

    def _product(self, left: View, right: View) -> str:
        if right.block is not None and self.plan.blocks[right.block].is_lane and len(right.shape) > 1:
            return f"einsum('ij,jkn->ikn', {self.read_full(left, False, 'w')}, {self.read_full(right, True)})"
        texts = self.read_full(left, False, "w"), self.read_full(right, self.is_lane(right))
        is_dot = len(left.shape) == len(right.shape) == 1 and not self.is_lane(right)
        return "{}.dot({})".format(*texts) if is_dot and texts[0].isidentifier() else "{} @ {}".format(*texts)

    def _write_stack(self, name: str, instruction: VectorInstruction) -> None:
        block = self.plan.blocks[instruction.out]
        size = int(np.prod(block.shape))
        self.forward.append(f"{name} = empty({tuple_text((size,), block.is_lane)})")
        for view, places in zip(instruction.operands, instruction.places, strict=True):
            self.forward.append(f"{name}[{self.constant('places', places)}] = {self.read(view, block.is_lane)}")
        if len(block.shape) > 1:
            self.forward.append(f"{name} = {name}.reshape({shape_text(block.shape, block.is_lane)})")

    def _applied(self, op: Primitive, texts: Sequence[str]) -> str:
        symbols = [Symbol(f"operand_{at}") for at in range(len(texts))]
        written = Symbol.applied(op, symbols)
        return self.filled(written, texts)

    def filled(self, written: Symbol, texts: Sequence[str], out: str = "") -> str:
        self.use_rows(written)
        shown = {"outcome": out}
        for at, text in enumerate(texts):
            is_term = written.primitive is rows.add and " @ " in text
            shown[f"operand_{at}"] = text if is_term or is_plain(text) or text.endswith("]") else f"({text})"
        return _PLACE.sub(lambda found: shown[found[0]], written.python)

    def use_rows(self, written: Symbol) -> None:
        if written.primitive is not None:
            self.rows_used[written.primitive.name] = written.primitive
            for operand in written.operands:
                self.use_rows(operand)

    def function(self, op: Primitive) -> str:
        self.rows_used[op.name] = op
        return op.name

    # --- views ----------------------------------------------------------------------------------

    def is_lane(self, view: View) -> bool:
        return view.block is not None and self.plan.blocks[view.block].is_lane

    def constant(self, wish: str, array: np.ndarray) -> str:
        name = self.fresh(wish)
        self.constants[name] = array
        return name

    def read(self, view: View, in_lanes: bool, wish: str = "b") -> str:
        """The view as an expression that broadcasts to its shape, with an axis for lanes if asked for.

        ``wish`` is what a part of an argument is called where it is named: w, or W for a matrix, or b.
        """
        if view.block is None:
            assert view.constant is not None
            if view.number is not None:
                return repr(view.number)
            assert view.constant is not None
            return self.constant("c", view.constant[..., None] if in_lanes else view.constant)
        if view.block in self.inlined:
            return self.inlined[view.block]
        block = self.plan.blocks[view.block]
        selection = select(index_of(view), block)
        text = self._selected(view, block, selection, wish)
        axes = [":"] * len(view.shape)
        for axis in selection.spread:
            axes[axis] = "None"
        needs_lane_axis = in_lanes and not block.is_lane
        if selection.spread or needs_lane_axis:
            lane = ["None"] if needs_lane_axis else [":"] if block.is_lane else []
            if len(selection.spread) == len(view.shape):
                return text  # one number, or one number per lane: it broadcasts as it is
            return f"{text}[{', '.join([*axes, *lane])}]"
        return text

    def read_full(self, view: View, in_lanes: bool, wish: str = "b") -> str:
        """``read``, in the shape of the view also where it repeats a number."""
        if view.number is not None:
            assert view.constant is not None
            return self.constant("c", view.constant[..., None] if in_lanes else view.constant)
        text = self.read(view, in_lanes, wish)
        return text if self.is_full(view) else f"broadcast_to({text}, {tuple_text(view.shape, in_lanes)})"

    def is_full(self, view: View) -> bool:
        if view.block is None:
            return view.number is None
        return view.block in self.inlined or not select(index_of(view), self.plan.blocks[view.block]).spread

    def _selected(self, view: View, block: Block, selection: Selection, wish: str) -> str:
        assert view.block is not None
        name = self.names[view.block]
        if selection.is_whole:
            return name
        key = (view.block, index_of(view).tobytes(), view.shape)
        if key in self.named_views:
            return self.named_views[key]
        text = self.expression(name, block, selection)
        covers_all = selection.stop - selection.start == len(block.slots) and not selection.row
        if block.source is not None and selection.index is None and selection.core and not covers_all:
            given = self._part_name(name, block, selection, wish)
            self.parts_named.setdefault(view.block, {})[given] = text
            self.named_views[key] = given
            return given
        return text

    def divided(self, at: int, array: str, names: Sequence[str]) -> str:
        """The line that gives the parts of an array, laid out as the argument's block is, these names."""
        parts = self.parts_named[at]
        if len(parts) == 1:
            [text] = parts.values()
            return f"{names[0]} = {array}{text.removeprefix(self.names[at])}"
        if at not in self._dividers:
            self._dividers[at] = self.fresh(f"parts_of_{self.names[at]}", numbered=False)
        return f"{', '.join(names)} = {self._dividers[at]}({array})"

    @property
    def top(self) -> list[str]:
        """The lines that name the parts of the arguments."""
        return [self.divided(at, self.names[at], list(parts)) for at, parts in self.parts_named.items()]

    @property
    def dividers(self) -> dict[str, str]:
        """The functions that give an array's parts, by name."""
        return {name: function_text(name, self.names[at], [f"return {', '.join(self.parts_named[at].values())}"])
                for at, name in self._dividers.items()}

    def _part_name(self, name: str, block: Block, selection: Selection, wish: str) -> str:
        if block.is_lane:
            return self.fresh(name)
        if len(selection.core) < 2 and wish == "b":
            return self.fresh("b")
        self._weights += 1
        symbol = "W" if len(selection.core) > 1 else "w"
        return self.fresh(f"{symbol}_{self._weights}", numbered=False)

    def expression(self, name: str, block: Block, selection: Selection) -> str:
        size = int(np.prod(block.shape))
        is_all = selection.index is None and (selection.start, selection.stop, selection.step) == (0, size, 1)
        if is_all and selection.core == block.shape and selection.is_transposed and not selection.row:
            return self._transposed(name, block, selection)
        flat = name if len(block.shape) == 1 else f"{name}.reshape({shape_text((-1,), block.is_lane)})"
        if selection.index is not None:
            return f"{flat}[{self.constant('index', selection.index)}]"
        step = f":{selection.step}" if selection.step > 1 else ""
        text = flat if is_all else f"{flat}[{selection.start}:{selection.stop}{step}]"
        if not selection.core:
            return f"{flat}[{selection.start}]"
        if len(selection.core) == 2 and 1 in selection.core:
            text = f"{text}[None]" if selection.core[0] == 1 else f"{text}[:, None]"
        elif len(selection.core) > 1:
            shape = (selection.core[0], selection.row) if selection.row else selection.core
            text = f"{text}.reshape({shape_text(shape, block.is_lane)})"
            text += f"[:, :{selection.core[1]}]" if selection.row else ""
        return self._transposed(text, block, selection) if selection.is_transposed else text

    def _transposed(self, text: str, block: Block, selection: Selection) -> str:
        order = [*selection.order, *([len(selection.order)] if block.is_lane else [])]
        return f"{text}.T" if order == [1, 0] else f"{text}.transpose({', '.join(map(str, order))})"


def _parts_of_output(plan: Plan) -> tuple[tuple[int, int], ...]:
    """The positions whose sum is the first output: itself, or the terms of the sum that it alone is.

    A mean over lanes can then be taken of each term apart, and of what all lanes share not at all.
    """
    output = plan.outputs[0]
    if not isinstance(output, tuple):
        return ()
    makers = [each for each in plan.instructions if each.out == output[0]]
    readers = [view.block for each in plan.instructions for view in each.operands]
    is_free = output[0] not in readers and plan.outputs.count(output) == 1
    if is_free and makers and makers[0].op is rows.add and not plan.blocks[output[0]].shape:
        views = makers[0].operands
        terms = tuple((view.block, int(index_of(view))) for view in views if view.block is not None)
        if len(terms) == 2:
            return terms
    return (output,)


def index_of(view: View) -> np.ndarray:
    assert view.index is not None
    return view.index


def is_plain(text: str) -> bool:
    """Whether an expression is a name or a number without a sign."""
    return _PLAIN.fullmatch(text) is not None
