"""A graph to step through: in a notebook, or as one page that needs neither a network nor a kernel."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd_core.events import Order
from autograd_core.files import save_as
from autograd_core.graph import Graph
from autograd_core.value import Value
from viz.drawing import Style, graph_of, require
from viz.html_shell import html_page
from viz.stepping.model import Model, last_step
from viz.stepping.operations import write_operations

if TYPE_CHECKING:
    from viz.stepping.widget import StepperWidget

_SOURCES = ("replay.js", "picture.js", "panels.js", "stepper.js")
_PAGE_STYLE = (
    ":root{color-scheme:light dark}body{margin:0;padding:1rem;background:light-dark(#fff,#17181b)}"
    "@media(max-width:40rem){body{padding:.5rem}}"
)
_FRAME_HEIGHT = 760


class Stepper:
    """The forward and the backward pass of one output, to be stepped through.

    It shows itself in a notebook, where ``step`` and ``inputs`` can be read and set while the student clicks;
    ``save`` writes it as a page.  ``view`` is ``lecture`` or ``full``, ``order`` the order of the backward
    pass.  Nothing in the page changes the graph it was made from.
    """

    def __init__(
        self, graph: Graph, *, view: Style = "lecture", order: Order = "topological", limit: int = 80,
        engine: str | None = None,
    ) -> None:
        self._model = Model(graph, limit=limit, engine=engine)
        # The order that loses may be there in one picture only: hidden nodes merge the edges it trips over.
        views = [name for name in (view, "lecture", "full") if order in self._model.data["views"][name]["orders"]]
        view, order = (views[0], order) if views else (view, "topological")
        self._start: dict[str, Any] = {"step": 0, "view": view, "order": order}

    @property
    def data(self) -> Mapping[str, Any]:
        """What the page works with, ready for JSON."""
        return self._model.data

    @cached_property
    def widget(self) -> StepperWidget:
        """The anywidget, with the traits ``step``, ``inputs``, ``view`` and ``order``.

        Raises ImportError, naming the extra, where anywidget is not installed.
        """
        try:
            from viz.stepping.widget import StepperWidget
        except ImportError as missing:
            raise ImportError(
                "The stepper as a widget needs anywidget: pip install 'autograd-core[notebook]'. Without it "
                "the page still works: viz.step(y).save('step.html')."
            ) from missing
        return StepperWidget(self.data, stepper_module([self]), stepper_style(), self._start)

    @property
    def steps(self) -> int:
        """The number of steps in the present view and order."""
        return last_step(self.data, self.view, self.order)

    @property
    def step(self) -> int:
        """The step shown in the notebook, from 0 (nothing computed) to ``steps``."""
        return int(self.widget.step)

    @step.setter
    def step(self, step: int) -> None:
        self.widget.step = step

    @property
    def inputs(self) -> dict[str, float]:
        """The inputs' numbers in the notebook, by name; set all of them or some."""
        return dict(self.widget.inputs)

    @inputs.setter
    def inputs(self, inputs: dict[str, float]) -> None:
        self.widget.inputs = inputs

    @property
    def view(self) -> str:
        """Which picture is shown: ``lecture`` or ``full``."""
        return str(self.widget.view if "widget" in self.__dict__ else self._start["view"])

    @view.setter
    def view(self, view: str) -> None:
        self.widget.view = view

    @property
    def order(self) -> str:
        """The order of the backward pass: ``topological`` or ``depth_first``."""
        return str(self.widget.order if "widget" in self.__dict__ else self._start["order"])

    @order.setter
    def order(self, order: str) -> None:
        self.widget.order = order

    @property
    def markup(self) -> str:
        """The stepper as an element of a page that has ``stepper_script`` and ``stepper_style``."""
        held = json.dumps({"data": self.data, "state": self._start}, allow_nan=False, separators=(",", ":"))
        held = held.replace("<", r"\u003c")
        return (
            f'<div class="stepper"><script type="application/json">{held}</script>'
            "<noscript><p>Stepping needs JavaScript; the pictures and equations do not.</p></noscript></div>"
        )

    @cached_property
    def html(self) -> str:
        """The stepper as one page that loads nothing; its Content-Security-Policy allows only what is in it."""
        body, style = f"<main>{self.markup}</main>", stepper_style() + _PAGE_STYLE
        return html_page(title=self.data["title"], body=body, style=style, script=stepper_script([self]))

    @property
    def frame(self) -> str:
        """The page in a sandboxed frame, for a notebook that cannot run the widget."""
        return (
            f'<iframe sandbox="allow-scripts" title="{html.escape(self.data["title"])}" width="100%" '
            f'height="{_FRAME_HEIGHT}" frameborder="0" srcdoc="{html.escape(self.html)}"></iframe>'
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the stepper as a page to a file that ends in .html, and return the file's path.

        Raises ValueError for another suffix, FileNotFoundError if the folder does not exist, OSError if the
        file cannot be written.
        """
        return save_as(path, {".html": lambda: self.html}, "A stepper is saved")

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Any:
        bundle = {"text/html": self.frame, "text/plain": repr(self)}
        try:
            data, metadata = self.widget._repr_mimebundle_() or ({}, {})
        except ImportError:
            return bundle
        return {**data, **bundle}, metadata

    def __repr__(self) -> str:
        return f'<Stepper of {self.steps} steps; .save("step.html") writes it as a page>'


def step(
    y: Value | Graph | str, wrt: Any = None, *, at: Mapping[str, float] | None = None, view: Style = "lecture",
    order: Order = "topological", limit: int = 80, engine: str | None = None,
) -> Stepper:
    """The forward and the backward pass of ``y`` as something to watch, one event at a time, both ways.

    ``y`` is an output, a Graph, or a text of definitions with the numbers ``at``; ``wrt`` as in ``draw``.
    ``order="depth_first"`` starts with the order that loses contributions, where the graph has such.  Raises
    :class:`OperandError` for an output that is a leaf or has no numbers, :class:`NoPathError` for an input
    that is not in the graph.

    >>> x = Value(1.0, "x")
    >>> step((2 * (3 * x).named("a")).named("y"))
    <Stepper of 5 steps; .save("step.html") writes it as a page>
    """
    require("view", view, ("lecture", "full"))
    require("order", order, ("topological", "depth_first"))
    return Stepper(graph_of(y, wrt, at or {}), view=view, order=order, limit=limit, engine=engine)


def stepper_module(steppers: Iterable[Stepper]) -> str:
    """The ES module that runs the steppers: their operations, and the code that is the same for all."""
    operations = {operation for each in steppers for operation in each._model.operations}
    sources = [files("viz.stepping").joinpath(name).read_text(encoding="utf-8") for name in _SOURCES]
    return "\n".join([write_operations(operations), *sources])


def stepper_script(steppers: Iterable[Stepper]) -> str:
    """The module of a page, which builds every stepper whose ``markup`` is in it."""
    return f"{stepper_module(steppers)}mountAll(document);\n"


def stepper_style() -> str:
    """The style sheet of a stepper, which touches nothing outside it."""
    return files("viz.stepping").joinpath("stepper.css").read_text(encoding="utf-8")
