"""Checks of derivatives for users' own code; needs neither hypothesis nor mpmath."""

from autograd_core.testing.differences import Difference, DifferenceReport, central_differences

__all__ = ["Difference", "DifferenceReport", "central_differences"]
