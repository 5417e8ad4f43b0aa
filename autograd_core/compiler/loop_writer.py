"""What loops are written with: names, nested loops, arrays made and filled element by element."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from autograd_core.compiler.loop_shapes import Dim

LETTERS = "ijklmpq"


@dataclass(frozen=True)
class Part:
    """An expression: its shape, and the text of its element at given indices.

    A ``place`` is memory that can be written; ``is_new`` says that nothing else refers to it; ``risky`` that an
    operation with a smaller domain than the real line is in it.
    """

    shape: tuple[Dim, ...]
    at: Callable[[Sequence[str]], str]
    place: str = ""
    is_new: bool = False
    is_whole: bool = False
    risky: bool = False

    def element(self, index: Sequence[str]) -> str:
        """The text at an index of a shape that this one broadcasts to."""
        own = index[len(index) - len(self.shape):]
        return self.at(["0" if size == 1 else each for size, each in zip(self.shape, own, strict=True)])


class LoopWriter:
    """Lines of one function, and where the next one goes; ``taken`` are the names that it must not give away."""

    def __init__(self, taken: Collection[str]) -> None:
        self.lines: list[str] = []
        self._depth = 1
        self._taken = set(taken)
        self._unsafe, self._found = self._fresh("unsafe"), self._fresh("found")
        self._index = [self._fresh(each) for each in LETTERS]
        self._lane = self._fresh("n")
        self._write(f"{self._unsafe} = 0")

    def _fresh(self, wish: str) -> str:
        name, count = wish, 1
        while name in self._taken:
            count += 1
            name = f"{wish}_{count}"
        self._taken.add(name)
        return name

    def _write(self, line: str) -> None:
        self.lines.append("    " * self._depth + line)

    @contextmanager
    def _nested(self, index: Sequence[str], sizes: Sequence[Dim]) -> Iterator[None]:
        """Loops inside one another; an axis of length one needs none."""
        before = self._depth
        for name, size in zip(index, sizes, strict=True):
            if size != 1:
                self._write(f"for {name} in range({size}):")
                self._depth += 1
        yield
        self._depth = before

    @contextmanager
    def _loops(self, shape: Sequence[Dim]) -> Iterator[list[str]]:
        """Loops over a shape, and the names of the indices."""
        index = [self._index_name(self._index[at], size) for at, size in enumerate(shape)]
        with self._nested(index, shape):
            yield index

    def _index_name(self, name: str, size: Dim) -> str:
        return "0" if size == 1 else self._lane if size == "lanes" else name

    def _new(self, name: str, shape: tuple[Dim, ...], made: str = "empty") -> Part:
        sizes = ", ".join(map(str, shape))
        self._write(f"{name} = {made}(({sizes},))" if len(shape) == 1 else f"{name} = {made}(({sizes}))")
        return replace(array_of(name, shape), is_new=True)

    def _held(self, part: Part, name: str = "") -> Part:
        """The part as an array of its own."""
        held = self._new(name or self._fresh("held"), part.shape)
        self._store(held, "=", part)
        return held

    def _place(self, part: Part) -> Part:
        return part if part.place or not part.shape else self._held(part)

    def _store(self, target: Part, sign: str, value: Part) -> None:
        if target.place and value.place and target.place == value.place and sign != "=":
            value = self._held(value)
        with self._loops(target.shape) as index:
            text = value.element(index)
            if value.risky:
                self._write(f"{self._found} = {text}")
                self._check(self._found)
                text = self._found
            self._write(f"{target.element(index)} {sign} {text}")

    def _check(self, name: str) -> None:
        # What leaves an operation's domain is inf or nan, and may be finite again at the end.
        self._write(f"{self._unsafe} += {name} - {name} != 0.0")


def array_of(name: str, shape: tuple[Dim, ...]) -> Part:
    return Part(shape, lambda index: f"{name}[{', '.join(index)}]", name, is_whole=True)


def scalar(text: str) -> Part:
    return Part((), lambda index: text, text if text.isidentifier() else "")
