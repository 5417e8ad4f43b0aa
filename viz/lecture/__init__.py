"""The lecture's worked examples as objects: their nodes, pictures, explanations and numbers."""

from viz.lecture.activation_functions import activations
from viz.lecture.catalogue import CATALOGUE, Row
from viz.lecture.chain_rule import chain, example_1, example_2, example_3, simple
from viz.lecture.first_weights import initialization
from viz.lecture.gradient_descent import descent, error_and_step
from viz.lecture.networks import mini_network, scalar_network
from viz.lecture.normalizing import batch_norm
from viz.lecture.quick_reference import backward, forward, three_steps
from viz.lecture.reading_curves import learning_curves
from viz.lecture.regularizing import regularization
from viz.lecture.training_recipe import recipe
from viz.lecture.update_rules import optimizers
from viz.lecture.worked_example import Check, WorkedExample

__all__ = [
    "CATALOGUE",
    "Check",
    "Row",
    "WorkedExample",
    "activations",
    "backward",
    "batch_norm",
    "chain",
    "descent",
    "error_and_step",
    "example_1",
    "example_2",
    "example_3",
    "forward",
    "initialization",
    "learning_curves",
    "mini_network",
    "optimizers",
    "recipe",
    "regularization",
    "scalar_network",
    "simple",
    "three_steps",
]
