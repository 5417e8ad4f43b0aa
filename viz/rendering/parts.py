"""What a picture is made of: labels, nodes and edges, as plain data that knows nothing of drawing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from viz.rendering.mathematics import is_color

Shape: TypeAlias = Literal["circle", "box", "plain"]
Direction: TypeAlias = Literal["right", "down"]
Flow: TypeAlias = Literal["forward", "backward"]


@dataclass(frozen=True)
class Math:
    """A label in LaTeX mathematics, without dollar signs."""

    latex: str


@dataclass(frozen=True)
class Plain:
    """A label in plain text, in which nothing is markup."""

    text: str


Label: TypeAlias = Math | Plain


@dataclass(frozen=True)
class Node:
    """A circle with a name, a box of several lines, or bare text.

    Arguments: `id` is the caller's ordinal, unique in the picture. `caption` stands left of the node
    (`x_1 =`), or below it where arrows arrive from the left. `color` is that of the outline. `faded`
    draws it very light grey. `tooltip` is shown by a browser under the mouse; its default is the name.
    `room` is the width and height in pixels kept free for text that changes: under the outline, in a box at
    its foot.
    """

    id: str
    lines: tuple[Label, ...]
    shape: Shape = "circle"
    caption: Label | None = None
    color: str | None = None
    faded: bool = False
    tooltip: str = ""
    room: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.room is not None and not all(0.0 < side < math.inf for side in self.room):
            raise ValueError(f"A node's room must be a width and a height above 0, not {self.room!r}.")
        if self.shape not in ("circle", "box", "plain"):
            raise ValueError(f"A node's shape must be 'circle', 'box' or 'plain', not {self.shape!r}.")
        if self.color is not None:
            require_color("node's color", self.color)


@dataclass(frozen=True)
class Edge:
    """An arrow between two nodes, given by their ids, with a label beside it.

    Arguments: an arrow with several `colors` shows them all side by side. Several edges between the same
    two nodes are drawn apart. `room` is the width in pixels kept free right of the label for a number that
    changes; where there is no label it is kept all the same.
    """

    tail: str
    head: str
    label: Label | None = None
    colors: tuple[str, ...] = ()
    faded: bool = False
    tooltip: str = ""
    room: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.room < math.inf:
            raise ValueError(f"An edge's room must be a width of 0 or more, not {self.room!r}.")
        for color in self.colors:
            require_color("edge's color", color)


def require_color(what: str, color: str) -> None:
    """Raise ValueError unless the colour is one an SVG attribute may safely hold."""
    if not is_color(color):
        raise ValueError(f"A {what} must be a name such as 'red' or '#rrggbb', not {color!r}.")


def plain(label: Label) -> str:
    """Return a label's own text: the LaTeX source, or the words."""
    return label.latex if isinstance(label, Math) else label.text
