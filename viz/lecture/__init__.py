"""The lecture's worked examples as objects: their nodes, pictures, explanations and numbers."""

from viz.lecture.catalogue import CATALOGUE, Row
from viz.lecture.chain_rule import chain, example_1, example_2, example_3, simple
from viz.lecture.networks import mini_network, scalar_network
from viz.lecture.worked_example import Check, WorkedExample

__all__ = [
    "CATALOGUE",
    "Check",
    "Row",
    "WorkedExample",
    "chain",
    "example_1",
    "example_2",
    "example_3",
    "mini_network",
    "scalar_network",
    "simple",
]
