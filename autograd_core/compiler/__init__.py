"""From a recorded function to a program: passes over its tape, a plan of vector instructions, Python source."""

from autograd_core.compiler.plan import Plan
from autograd_core.compiler.program import Program
from autograd_core.compiler.program import compile as compile

__all__ = ["Plan", "Program"]
