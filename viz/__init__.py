"""Graphs to look at: ``draw`` a picture, ``step`` through the passes; the lecture's examples are in ``viz.lecture``."""

from viz import lecture
from viz.derivations import Derivation, derivation
from viz.drawing import draw
from viz.errors import LayoutError
from viz.picture import Picture
from viz.stepping import Stepper, step

__all__ = ["Derivation", "LayoutError", "Picture", "Stepper", "derivation", "draw", "lecture", "step"]
