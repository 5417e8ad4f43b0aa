"""The adjoints of a plan's blocks in NumPy source: how each begins, and how what it is given is added up."""

from __future__ import annotations

import math
import re
from collections.abc import Collection

import numpy as np

from autograd_core.compiler.plan import Block, View
from autograd_core.compiler.room import Room
from autograd_core.compiler.selection import Selection, select, shape_text, tuple_text
from autograd_core.compiler.vector_source import VectorSource, index_of, is_plain

_PRODUCT = re.compile(r"(\w+(?:\.T)?) @ (\w+(?:\.T)?)")


class Adjoints:
    """The lines that add up adjoints, and what each block's is called.

    ``lines`` are those that compute; before them come ``room``, which make the arrays that every call fills anew,
    called ``kept``, and ``top``, which make those that begin with zeros.  ``arrays`` has the shapes of those computed
    for each lane.  ``wanted`` are the blocks of the arguments to differentiate, ``active`` all that depend on them.
    """

    def __init__(self, source: VectorSource, wanted: Collection[int], active: Collection[int]) -> None:
        self.source = source
        self.plan = source.plan
        self.room: list[str] = []
        self.kept: list[str] = []
        self.top: list[str] = []
        self.arrays: dict[str, tuple[int, ...]] = {}
        self.lines: list[str] = []
        self._wanted = set(wanted)
        self._in_parts = self._read_in_parts(active)
        self._bars: dict[int, str] = {}
        self._shared: set[str] = set()
        self._even: set[str] = set()
        self._in_order: set[str] = set()
        self._rooms: dict[int, Room] = {}
        self._beginning: dict[int, int] = {}
        self._parts: dict[tuple[int, bytes, tuple[int, ...]], str] = {}
        self._part_bars: dict[int, dict[str, str]] = {}
        self._whole_terms: list[tuple[int, str]] = []
        self._ones = ""

    def bar_so_far(self, block: int | None) -> str:
        """The name of a block's adjoint, or nothing where it was given nothing yet."""
        return self._bars.get(block, "") if block is not None else ""

    def bar_of(self, block: int) -> str:
        """A block's adjoint, as an array that nothing else refers to; zeros if nothing depends on it."""
        if block not in self._bars:
            name = self._bars[block] = self._bar_name(block)
            self.top.append(f"{name} = zeros({self._shape(block)})")
        bar = self._bars[block]
        is_elsewhere = bar in self.kept or bar in self._shared
        return f"{bar}.copy()" if is_elsewhere and self.plan.blocks[block].shape else bar

    def is_even(self, bar: str) -> bool:
        """Whether an adjoint is one number that stands for all."""
        return bar in self._even

    def seed(self, at: int, position: int) -> None:
        """Begin with the derivative of the output to itself, at this position of a block."""
        block = self.plan.blocks[at]
        if at in self._bars:
            index = ", ".join(map(str, np.unravel_index(position, block.shape)))
            where = f"[{index}]" if block.shape else ""
            self.lines.append(f"{self._bars[at]}{where} += {'1.0 / lanes' if block.is_lane else '1.0'}")
            return
        name = self._bars[at] = self._bar_name(at)
        if not block.shape and not block.is_lane:
            self.lines.append(f"{name} = 1.0")
            return
        one = "1.0 / lanes" if block.is_lane else "1.0"
        if len(block.slots) == 1 and block.is_lane:
            self.lines.append(f"{name} = {one}")
            self._even.add(name)
        elif len(block.slots) == 1:
            self.lines.append(f"{name} = full({self._shape(at)}, {one})")
        else:
            self.lines.append(f"{name} = zeros({self._shape(at)})")
            place = ", ".join(map(str, np.unravel_index(position, block.shape)))
            self.lines.append(f"{name}[{place}] = {one}")

    def finish(self) -> None:
        """Add what is added to all of an adjoint after its parts were given, and settle how each begins."""
        for at, text in self._whole_terms:
            self._add_whole(at, text)
        self._settle_rooms()

    def spread_out(self, bar: str, block: Block) -> None:
        """Make an array of an adjoint that is one number for all."""
        if bar in self._even:
            self.lines.append(f"{bar} = full({tuple_text(block.shape, block.is_lane)}, {bar})")
            self._even.discard(bar)

    # --- adding up ------------------------------------------------------------------------------

    def give(self, view: View, text: str, has_lanes: bool, is_even: bool = False) -> None:
        """Add a contribution, in the shape of the view, to the adjoint of the block it reads."""
        at = view.block
        assert at is not None
        block = self.plan.blocks[at]
        selection = select(index_of(view), block)
        axes = [*selection.spread, *([len(view.shape)] if has_lanes and not block.is_lane else [])]
        if axes == [1] and has_lanes and len(view.shape) == 1 and is_plain(text):
            self._ones = self._ones or self.source.fresh("ones", numbered=False)
            text = f"{text} @ {self._ones}"
        elif axes:
            text = f"{text if is_plain(text) else f'({text})'}.sum(axis={axes[0] if len(axes) == 1 else tuple(axes)})"
        if not block.shape and not selection.is_whole:
            # What repeats a single number, or reads it as a row of one.
            kept = len(view.shape) - len(selection.spread)
            text = f"({text}).sum(axis={0 if kept == 1 else tuple(range(kept))})" if kept else text
        if not selection.is_whole and block.shape:
            self._give_part(at, view, selection, text)
        elif at in self._in_parts:
            self._whole_terms.append((at, text))
        else:
            self._add_whole(at, text, is_even)

    def _add_whole(self, at: int, text: str, is_even: bool = False) -> None:
        if at not in self._bars and at in self.source.inlined and is_plain(text):
            self._bars[at] = text  # the sum's adjoint is that of its term
            return
        if at not in self._bars:
            name = self._bars[at] = self._bar_name(at)
            self.lines.append(f"{name} = {text}")
            if is_plain(text) or text.startswith("broadcast_to"):
                self._shared.add(name)
            elif self.plan.blocks[at].is_lane and not is_even:
                self.arrays[name] = self.plan.blocks[at].shape
            if is_even:
                self._even.add(name)
            return
        name = self._bars[at]
        was_even = name in self._even
        self._even.discard(name)
        if at in self._rooms:
            self._rooms[at].add()
        if name in self._shared or was_even:
            self.lines.append(f"{name} = {name} + {text}")
            self._shared.discard(name)
        else:
            self.lines.append(f"{name} += {text}")

    def _give_part(self, at: int, view: View, selection: Selection, text: str) -> None:
        block = self.plan.blocks[at]
        if at not in self._bars:
            self._make_room(at)
        bar = self._bars[at]
        self.spread_out(bar, block)
        if bar in self._shared or (len(block.shape) > 1 and bar not in self._in_order):
            # It is another block's adjoint too, or may lie in another order than its parts are views of.
            self.lines.append(f"{bar} = {bar}.copy()")
            self._shared.discard(bar)
            self._in_order.add(bar)
        positions = np.unique(index_of(view))
        repeats = selection.index is not None and len(positions) < selection.index.size
        room = self._rooms.get(at)
        if room and repeats:
            room.add(positions)
        is_first = room is not None and not repeats and room.give(positions)
        sign = "=" if is_first else "+="
        flat = bar if len(block.shape) == 1 else f"{bar}.reshape({shape_text((-1,), block.is_lane)})"
        if selection.index is not None:
            index = self.source.constant("index", selection.index)
            self.lines.append(f"add_at({flat}, {index}, {text})" if repeats else f"{flat}[{index}] {sign} {text}")
        elif not selection.core:
            self.lines.append(f"{flat}[{selection.start}] {sign} {text}")
        else:
            self._fill(self._part_of(at, view, selection), text, is_first)

    def _fill(self, part: str, text: str, is_first: bool) -> None:
        product = _PRODUCT.fullmatch(text)
        if is_first and product:
            self.lines.append(f"matmul({product[1]}, {product[2]}, out={part})")
        else:
            self.lines.append(f"{part}[:] = {text}" if is_first else f"{part} += {text}")

    def _part_of(self, at: int, view: View, selection: Selection) -> str:
        """The name of a part of an adjoint."""
        key = (at, index_of(view).tobytes(), view.shape)
        if key not in self._parts:
            given = self.source.named_views.get(key)
            name = self._parts[key] = self.source.fresh(f"{given}_bar" if given else "part", numbered=given is None)
            if given and at in self._wanted and at in self._rooms:
                self._part_bars.setdefault(at, {})[given] = name
            else:
                self.lines.append(
                    f"{name} = {self.source.expression(self._bars[at], self.plan.blocks[at], selection)}")
        return self._parts[key]

    def _make_room(self, at: int) -> None:
        """Begin an adjoint that is given part by part."""
        block = self.plan.blocks[at]
        name = self._bars[at] = self._bar_name(at)
        self._rooms[at] = Room(math.prod(block.shape))
        if at not in self._wanted:
            self._beginning[at] = len(self.lines)
            self.lines.append("")
        self._in_order.add(name)

    # --- how they begin -------------------------------------------------------------------------

    def _settle_rooms(self) -> None:
        """Say of each adjoint that is given part by part how it begins, and what its parts are called."""
        for at, room in self._rooms.items():
            name = self._bars[at]
            line = f"{name} = {'empty' if room.is_filled else 'zeros'}({self._shape(at)})"
            if at not in self._wanted:
                self.lines[self._beginning[at]] = line
                continue
            lines, kept = (self.room, self.kept) if room.is_filled else (self.top, [])
            lines.append(line)
            kept.append(name)
            bars = self._part_bars.get(at)
            if bars:
                names = [bars.get(part, "_") for part in self.source.parts_named[at]]
                lines.append(self.source.divided(at, name, names))
                kept += [each for each in names if each != "_"]
        if self._ones:
            self.room.append(f"{self._ones} = full((lanes,), 1.0)")
            self.kept.append(self._ones)

    def _bar_name(self, at: int) -> str:
        name = self.source.names[at] or self.source.fresh("product")
        if name.startswith("a_") and self.plan.blocks[at].source is None:
            return self.source.fresh(f"delta{name[1:]}", numbered=False)
        return self.source.fresh(f"{name}_bar", numbered=False)

    def _shape(self, at: int) -> str:
        block = self.plan.blocks[at]
        return tuple_text(block.shape, block.is_lane)

    def _read_in_parts(self, active: Collection[int]) -> set[int]:
        """The wanted blocks of which some instruction reads a part."""
        found = set()
        for instruction in self.plan.instructions:
            for view in instruction.operands:
                if view.block in self._wanted and instruction.out in active:
                    block = self.plan.blocks[view.block]
                    if block.shape and not select(index_of(view), block).is_whole:
                        found.add(view.block)
        return found
