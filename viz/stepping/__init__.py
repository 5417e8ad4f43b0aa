"""Stepping through the forward and the backward pass, in a notebook or as a page."""

from viz.stepping.stepper import Stepper, step, stepper_script, stepper_style

__all__ = ["Stepper", "step", "stepper_script", "stepper_style"]
