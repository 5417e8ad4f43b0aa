"""The lecture's worked examples as objects: their nodes, pictures, explanations and numbers."""

from viz.lecture.catalogue import CATALOGUE, Row
from viz.lecture.chain_rule import chain, example_1, example_2, example_3, simple
from viz.lecture.networks import mini_network, scalar_network
from viz.lecture.quick_reference import backward, forward, three_steps
from viz.lecture.worked_example import Check, WorkedExample

__all__ = [
    "CATALOGUE",
    "Check",
    "Row",
    "WorkedExample",
    "backward",
    "chain",
    "example_1",
    "example_2",
    "example_3",
    "forward",
    "mini_network",
    "scalar_network",
    "simple",
    "three_steps",
]
