"""The exceptions of the engine; every message says what was required, what was given and what to do."""

from __future__ import annotations


class AutogradError(Exception):
    """The base of every error this package raises on purpose."""


class OperandError(AutogradError, TypeError):
    """An operand is of a kind the operation cannot take."""


class DomainError(AutogradError, ValueError, ArithmeticError):
    """Finite operands lie outside an operation's domain, poles included."""


class StaleGraphError(AutogradError, RuntimeError):
    """A leaf was changed after the nodes computed from it."""


class NamingError(AutogradError, ValueError):
    """A node was given a name it cannot have, or asked for by a name that is not there or not unique."""


class NoPathError(AutogradError, ValueError):
    """An output does not depend on the input asked about, so the derivative is 0."""


class AnomalyError(AutogradError, ArithmeticError):
    """A node became nan while :func:`autograd_core.detect_anomaly` was watching."""


class ParseError(AutogradError, ValueError):
    """A text of definitions cannot be read; the message points at the column."""


class CheckError(AutogradError, ValueError):
    """A function cannot be checked: it returns no scalar, gives another result each time, or changes its inputs."""
