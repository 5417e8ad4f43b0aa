"""A picture as plain data, and its four forms: DOT, SVG, PNG and a page of HTML."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autograd_core.files import save_as
from viz.html_shell import html_page
from viz.rendering.arrangement import SEPARATION, arrange, engine_sizes, measure_all
from viz.rendering.parts import Direction, Edge, Flow, Label, Math, Node, Plain, require_color
from viz.rendering.ranks import dot_text
from viz.rendering.scene import Scene
from viz.rendering.svg import write_svg

__all__ = ["Edge", "Label", "Math", "Node", "Picture", "Plain"]

PNG_PIXELS_PER_UNIT = 2.0
"""A picture of 300 units is 600 pixels wide as PNG, which is sharp on a projector."""

_LARGEST_PNG_SIDE = 16_000
_STYLE = "body{margin:1.5rem;background:#fff}svg{max-width:100%;height:auto}"


@dataclass(frozen=True)
class Picture:
    """Nodes joined by labelled arrows, laid out when one of its forms is asked for.

    Arguments: `direction` of the arrows, 'right' or 'down'; `note` a line of text under the picture;
    `flow` the grey arrow of 'forward' or 'backward' propagation above it;
    `title` what a screen reader and a browser's tab call it; `background` a colour, or 'none';
    `scale` multiplies its size; `engine` as in `viz.rendering.layout.lay_out`. The same picture gives the same bytes
    in every process. Asking for svg, png or html raises LayoutError if no layout engine works.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    direction: Direction = "right"
    note: str = ""
    flow: Flow | None = None
    title: str = ""
    background: str = "white"
    scale: float = 1.0
    engine: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", tuple(self.nodes))
        object.__setattr__(self, "edges", tuple(self.edges))
        if self.direction not in ("right", "down"):
            raise ValueError(f"A picture's direction must be 'right' or 'down', not {self.direction!r}.")
        if self.flow not in (None, "forward", "backward"):
            raise ValueError(f"A picture's flow must be 'forward' or 'backward', not {self.flow!r}.")
        if not 0.0 < self.scale <= 100.0:
            raise ValueError(f"A picture's scale must lie above 0 and be 100 at most, not {self.scale!r}.")
        require_color("picture's background", self.background)
        known: set[str] = set()
        for node in self.nodes:
            if node.id in known:
                raise ValueError(f"Every node needs an id of its own; {node.id!r} was given twice.")
            known.add(node.id)
        for edge in self.edges:
            for end in (edge.tail, edge.head):
                if end not in known:
                    raise ValueError(f"An edge must join nodes of the picture; no node has the id {end!r}.")

    @cached_property
    def scene(self) -> Scene:
        """The finished geometry: where every outline, arrow and label is, in pixels."""
        return arrange(self.nodes, self.edges, self.direction, self.note, self.engine, self.flow)

    @property
    def dot(self) -> str:
        """The picture as DOT, with its names and labels as text; needs no layout engine."""
        bodies = measure_all(self.nodes, self.edges, self.direction)
        return dot_text(self.nodes, self.edges, engine_sizes(bodies), self.direction, SEPARATION)

    @cached_property
    def svg(self) -> str:
        """The picture as one SVG element, in which text is outlines: it needs no fonts and no network."""
        background = None if self.background in ("none", "transparent") else self.background
        return write_svg(self.scene, background, self.scale, self.title or self._summary())

    @cached_property
    def png(self) -> bytes:
        """The picture as PNG, two pixels to the unit, times `scale`."""
        import resvg_py

        bounds = self.scene.bounds
        longest = max(bounds.right - bounds.left, bounds.bottom - bounds.top) * self.scale
        zoom = min(PNG_PIXELS_PER_UNIT, _LARGEST_PNG_SIDE / longest)
        return bytes(resvg_py.svg_to_bytes(svg_string=self.svg, zoom=zoom, dpi=96, skip_system_fonts=True))

    @property
    def html(self) -> str:
        """The picture as one page that loads nothing and runs nothing."""
        return html_page(title=self.title or "Picture", body=f"<main>\n{self.svg}\n</main>", style=_STYLE)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file in the form its suffix names, and return the file's path.

        The file appears whole or not at all. Raises ValueError for a suffix other than .svg, .png, .html
        and .dot, FileNotFoundError if the folder does not exist, OSError if the file cannot be written.
        """
        forms: dict[str, Callable[[], str | bytes]] = {
            ".svg": lambda: self.svg, ".png": lambda: self.png, ".html": lambda: self.html, ".dot": lambda: self.dot,
        }
        return save_as(path, forms, "A picture is saved")

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": self._summary()}

    def __repr__(self) -> str:
        return f'<{self._summary()}; .save("graph.svg") writes it, .png, .html and .dot too>'

    def _summary(self) -> str:
        return f"Picture of {len(self.nodes)} nodes and {len(self.edges)} arrows"
