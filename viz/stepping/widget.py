"""The stepper as an anywidget; importing this needs the extra ``notebook``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import anywidget
import traitlets

from autograd_core.errors import NamingError, OperandError
from autograd_core.names import Name
from autograd_core.operand_checks import as_number
from viz.stepping.model import last_step


class StepperWidget(anywidget.AnyWidget):
    """A stepper whose ``step``, ``inputs``, ``view`` and ``order`` are the page's and Python's at once."""

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    data = traitlets.Dict().tag(sync=True)
    step = traitlets.Int(0, help="The step shown; 0 is before the forward pass.").tag(sync=True)
    inputs = traitlets.Dict(help="The inputs' numbers by name.").tag(sync=True)
    view = traitlets.Enum(("lecture", "full"), "lecture").tag(sync=True)
    order = traitlets.Enum(("topological", "depth_first"), "topological").tag(sync=True)

    def __init__(self, data: Mapping[str, Any], module: str, style: str, start: Mapping[str, Any]) -> None:
        record = data["record"]
        self._initial = {each["key"]: float(record[each["node"]]["value"]) for each in data["sliders"]}
        # A node with two names answers to both; of two nodes with one name, to the first.
        self._keys = {name: each["key"] for each in reversed(data["sliders"]) for name in (*each["names"], each["key"])}
        super().__init__(_esm=module, _css=style, data=dict(data), inputs=self._initial, **start)

    @traitlets.validate("step")
    def _valid_step(self, proposal: Any) -> int:
        last = last_step(self.data, self.view, self.order)
        if not 0 <= proposal["value"] <= last:
            raise OperandError(f"This stepper has the steps 0 to {last}; got {proposal['value']}.")
        return int(proposal["value"])

    @traitlets.observe("view", "order")
    def _keep_inside(self, change: Any) -> None:
        self.step = min(self.step, last_step(self.data, self.view, self.order))

    @traitlets.validate("inputs")
    def _valid_inputs(self, proposal: Any) -> dict[str, float]:
        given = {}
        for name, x in proposal["value"].items():
            key = self._keys.get(name) or (isinstance(name, str) and self._keys.get(Name.of(name).ascii)) or None
            if key is None:
                raise NamingError(f"No input is named {name!r}. The inputs are: {', '.join(self._initial)}.")
            try:
                given[key] = as_number(x)
            except OperandError:
                given[key] = math.nan
            if not math.isfinite(given[key]):
                raise OperandError(f"The input {key} takes a finite number; got {x!r}.")
        return self._initial | self.inputs | given
