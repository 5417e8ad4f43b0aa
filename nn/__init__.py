"""Neural networks on the scalar engine: modules, losses, optimizers, training, and the checks of a good recipe.

The scikit-learn estimators are in ``nn.estimators``, the strategies for property tests in ``nn.testing``.
"""

from nn import initializers, matrix_form, recipe
from nn.checkpoints import Checkpoint, load, save
from nn.clipping import ClipNorm, ClipValue
from nn.compiled_gradients import CompiledGradients
from nn.data import circles, gabor, gabor_data, moons, spirals, xor
from nn.dropout import Dropout
from nn.errors import (
    CheckpointError,
    DataError,
    DivergedError,
    SettingError,
    ShapeError,
    UnknownSettingError,
)
from nn.gradients import EagerGradients
from nn.history import History
from nn.layers import Activation, Linear, Sequential
from nn.losses import (
    Loss,
    binary_cross_entropy_with_logits,
    half_squared_error,
    hinge,
    huber_error,
    max_margin,
    mean_absolute_error,
    mean_squared_error,
    softmax_cross_entropy,
)
from nn.mlp import MLP
from nn.module import Module
from nn.normalization import BatchNorm
from nn.optimizers import SGD, Adagrad, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSprop
from nn.penalties import L1, L2, ElasticNet, Penalty
from nn.preparation import Standardization, one_pixel_shifts, split
from nn.real_data import Dataset, breast_cancer, diabetes, digits, iris
from nn.schedules import Constant, CosineDecay, ExponentialDecay, Schedule, StepDecay, WarmUp
from nn.stopping import EarlyStopping, GradientBelow
from nn.torch_interop import from_torch, to_torch
from nn.training import fit
from nn.training_run import Training

__all__ = [
    "L1", "L2", "MLP", "SGD", "Activation", "Adagrad", "Adam", "AdamW", "BatchNorm", "Checkpoint", "CheckpointError",
    "ClipNorm", "ClipValue", "CompiledGradients", "Constant", "CosineDecay", "DataError", "Dataset", "DivergedError",
    "Dropout", "EagerGradients", "EarlyStopping", "ElasticNet", "ExponentialDecay", "GradientBelow", "History",
    "Linear", "Loss", "Module", "Momentum", "Nesterov", "Optimizer", "Penalty", "RMSprop", "Schedule", "Sequential",
    "SettingError", "ShapeError", "Standardization", "StepDecay", "Training", "UnknownSettingError", "WarmUp",
    "binary_cross_entropy_with_logits", "breast_cancer", "circles", "diabetes", "digits", "fit", "from_torch",
    "gabor", "gabor_data", "half_squared_error", "hinge", "huber_error", "initializers", "iris", "load",
    "matrix_form", "max_margin", "mean_absolute_error", "mean_squared_error", "moons", "one_pixel_shifts", "recipe",
    "save", "softmax_cross_entropy", "spirals", "split", "to_torch", "xor",
]
