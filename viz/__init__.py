"""Pictures of graphs: ``draw`` an output, a text or a snapshot; the lecture's examples are in ``viz.lecture``."""

from viz import lecture
from viz.drawing import draw
from viz.errors import LayoutError
from viz.picture import Picture

__all__ = ["LayoutError", "Picture", "draw", "lecture"]
