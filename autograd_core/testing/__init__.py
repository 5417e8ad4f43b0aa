"""Checks of gradients for users' own code: the checker, its oracles, random expressions, planted mistakes.

Without the extra ``testing`` it says what it then cannot do: without mpmath nothing is replayed at 50 digits, and
``autograd_core.testing.strategies`` needs hypothesis.
"""

from autograd_core.testing.expressions import Expression, draw_expression
from autograd_core.testing.gradient_check import assert_gradients, gradcheck
from autograd_core.testing.mutants import MUTANTS, Mutant, find_mutant, planted
from autograd_core.testing.oracle_gradients import (
    OracleReport,
    complex_step_gradient,
    dual_gradient,
    fraction_gradient,
    oracles,
    path_gradient,
    replay_gradient,
)
from autograd_core.testing.report import Culprit, Entry, Report

__all__ = [
    "MUTANTS",
    "Culprit",
    "Entry",
    "Expression",
    "Mutant",
    "OracleReport",
    "Report",
    "assert_gradients",
    "complex_step_gradient",
    "draw_expression",
    "dual_gradient",
    "find_mutant",
    "fraction_gradient",
    "gradcheck",
    "oracles",
    "path_gradient",
    "planted",
    "replay_gradient",
]
