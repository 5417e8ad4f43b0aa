"""The lecture's recipe for training networks, check by check (LECTURE row 22); each returns a report that prints."""

from nn.baselines import constant_baseline, input_independent_baseline
from nn.data_quality import data_report
from nn.first_checks import initial_loss, overfit_one_batch
from nn.gradient_checks import check_gradients, gradient_dependency
from nn.signals import unit_report
from nn.trials import error_against_data_size, learning_rate_range

__all__ = [
    "check_gradients", "constant_baseline", "data_report", "error_against_data_size", "gradient_dependency",
    "initial_loss", "input_independent_baseline", "learning_rate_range", "overfit_one_batch", "unit_report",
]
