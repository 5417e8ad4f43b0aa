"""A user's own row, declared beside its function and checked when it is declared."""

from __future__ import annotations

import importlib.util
import inspect
import math
from collections.abc import Callable, Sequence
from inspect import Parameter
from typing import Any

import numpy as np

from autograd_core.domains import REALS, Box, Domain, Interval
from autograd_core.errors import CheckError, OperandError
from autograd_core.operand_checks import shown
from autograd_core.primitives import find_primitive
from autograd_core.row import Partial, Primitive
from autograd_core.testing.located import hold_partial
from autograd_core.testing.numbers import mpmath_context

_POINTS = 20
_TOLERANCE = 1e-6


def primitive(
    *,
    partials: Sequence[Partial],
    domain: Domain | Interval = REALS,
    kinks: Sequence[Callable[..., Any]] = (),
    array: Callable[..., Any] | None = None,
    exact: Callable[..., Any] | None = None,
    javascript: str | None = None,
    check: bool = True,
    rng: int | np.random.Generator = 0,
) -> Callable[[Callable[..., float]], Primitive]:
    """Turn a function of floats into a row: an operation that Values record, with its own derivatives.

    ``partials`` has one function ``(out, *operands)`` per operand, written with this package's operations so that it
    can be differentiated again.  ``domain`` is an Interval for all operands, a Box or a Region; ``kinks`` are
    functions whose zeros have no derivative; ``array`` computes on arrays (element by element unless given);
    ``exact(mp, *operands)`` computes with mpmath, which lets gradients be checked to the last digits;
    ``javascript`` is needed to step through it.  Operands are called, and have defaults, as in the function.

    The partials are held against differences at points drawn in the domain from ``rng``, and ``array`` and ``exact``
    against the function, unless ``check`` is False.  Raises :class:`CheckError` for a partial that is wrong, or that
    nothing could be said about; for a function that is not defined in all of its domain, or an ``array`` or ``exact``
    that is another; for what is no function; for a number of partials that is not that of the operands; and for a
    name that the table has.

    >>> @primitive(partials=[lambda out, x: -2.0 * x * out])
    ... def gauss(x):
    ...     return math.exp(-x * x)
    >>> from autograd_core import Value
    >>> x = Value(0.5, "x")
    >>> y = gauss(3 * x).named("y")
    >>> y.backward()
    >>> round(x.grad, 6)
    -0.948593
    """

    _require_functions(partials, array, exact)

    def declare(function: Callable[..., float]) -> Primitive:
        name = getattr(function, "__name__", type(function).__name__)
        operands, defaults = _operands_of(function, name)
        if len(partials) != len(operands):
            raise CheckError(
                f"{name}({', '.join(operands)}) needs a partial for each of its {len(operands)} operands; "
                f"got {len(partials)}."
            )
        taken = find_primitive(name)
        if taken is not None:
            other = "" if taken.name == name else f" (as another name of {taken.name})"
            raise CheckError(f"There is a row {name!r} already{other}. Give yours another name.")
        row = Primitive(
            name, _returning_floats(function, name), array or np.vectorize(function, otypes=[np.float64]), exact,
            (_NamedPartial(partials[0], operands), *partials[1:]),
            Box((domain,)) if isinstance(domain, Interval) else domain, javascript, tuple(kinks),
            conditioned=True, defaults=defaults,
        )
        if check:
            with np.errstate(all="ignore"):
                _require_right(row, np.random.default_rng(rng))
        return row

    return declare


def _require_functions(partials: object, array: object, exact: object) -> None:
    if not isinstance(partials, Sequence) or not all(map(callable, partials)):
        raise CheckError(
            "partials is a list of functions, one for each operand, as in partials=[lambda out, x: cos(x)]; "
            f"got {shown(partials)}."
        )
    for name, given in (("array", array), ("exact", exact)):
        if given is not None and not callable(given):
            raise CheckError(f"{name} is a function, or None; got {shown(given)}.")


class _NamedPartial:
    """A partial whose operands are called what the function calls them: a row reads their names from its first."""

    def __init__(self, partial: Partial, operands: Sequence[str]) -> None:
        self._partial = partial
        names = ("_out", *operands)
        self.__signature__ = inspect.Signature([Parameter(each, Parameter.POSITIONAL_ONLY) for each in names])

    def __call__(self, out: Any, *operands: Any) -> Any:
        return self._partial(out, *operands)


def _operands_of(function: Callable[..., float], name: str) -> tuple[list[str], tuple[float, ...]]:
    """The names of a function's operands, and the defaults of the last of them."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:
        raise CheckError(f"Nobody can see what operands {name} has. Wrap it: def my_{name}(x): ...") from None
    counted = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    others = [str(each) for each in parameters if each.kind not in counted]
    if others or not parameters:
        got = f"{name} has {', '.join(others)}" if others else f"{name} has none"
        raise CheckError(f"A row needs operands that can be counted, as in f(x, y); {got}.")
    given = [each.default for each in parameters if each.default is not Parameter.empty]
    if not all(isinstance(each, (int, float)) for each in given):
        raise CheckError(f"The defaults of {name} must be numbers; got {', '.join(map(shown, given))}.")
    return [each.name for each in parameters], tuple(map(float, given))


def _returning_floats(function: Callable[..., float], name: str) -> Callable[..., float]:
    def scalar(*operands: float) -> float:
        result: object = function(*operands)
        if isinstance(result, (int, float, np.integer, np.floating)) and not isinstance(result, bool):
            return float(result)
        raise OperandError(f"{name} must return a float; it returned {shown(result)} of type {type(result).__name__}.")

    return scalar


def _require_right(row: Primitive, rng: np.random.Generator) -> None:
    """Raise CheckError where a partial is not what differences say, and if they never say anything."""
    assert row.arity is not None
    names, said = row.operand_names, ["no point drawn there has a finite value."] * row.arity
    for _ in range(_POINTS):
        point = row.domain.sample(rng, row.arity)
        if any(kink(*point) == 0 for kink in row.kinks):
            continue
        called = f"{row.name}({', '.join(f'{x:.6g}' for x in point)})"
        out = _value(row, point, called)
        if not math.isfinite(out):
            continue
        slopes = [_slope(row, out, point, at, called) for at in range(row.arity)]
        _require_same(row, out, point, slopes, called)
        for at, slope in enumerate(slopes):
            found = hold_partial(row, point, slopes, at, _TOLERANCE)
            if found.verdict == "fail" and found.expected is not None:
                raise CheckError(
                    f"The partial of {row.name} with respect to {names[at]} is wrong: at "
                    f"{called} it is {slope:.10g}, but differences give {found.expected:.10g}. "
                    "Correct it, or pass check=False if it is meant so."
                )
            said[at] = "" if found.verdict == "pass" else said[at] and found.note
    for name, why in zip(names, said, strict=True):
        if why:
            raise CheckError(
                f"Nothing could be compared: at {_POINTS} points in {row.domain}, differences say nothing about the "
                f"partial of {row.name} with respect to {name}: {why} Narrow domain=, or pass check=False."
            )


def _value(row: Primitive, point: Sequence[float], called: str) -> float:
    """The value at a point of the domain; infinite where it overflows."""
    try:
        out = row.on_floats(*point)
        said = "is nan"
    except OverflowError:
        return math.inf
    except OperandError as error:
        raise CheckError(f"At {called}: {error}") from error
    except (ValueError, ArithmeticError) as error:  # as Python's own functions do outside their domain
        out, said = math.nan, f"raises {type(error).__name__} ({error})"
    except Exception as error:
        raise CheckError(
            f"{called} raises {type(error).__name__} ({error}). It is called with floats; correct the function."
        ) from error
    if math.isnan(out):
        raise CheckError(
            f"{called} {said}, but the domain of {row.name} is {row.domain}. "
            "Say with domain= where it is defined, or pass check=False."
        )
    return out


def _slope(row: Primitive, out: float, point: Sequence[float], at: int, called: str) -> float:
    """One partial at a point of the domain; infinite where it overflows."""
    try:
        slope = row.local_derivatives(out, point, [position == at for position in range(len(point))])[at]
        said = "is nan"
    except OverflowError:
        return math.inf
    except Exception as error:
        slope, said = math.nan, f"gives no number ({type(error).__name__}: {error})"
    if math.isnan(slope):
        raise CheckError(
            f"The partial of {row.name} with respect to {row.operand_names[at]} {said} at {called}, inside the domain "
            f"{row.domain}. Correct it, say with domain= where {row.name} is defined, or pass check=False."
        )
    return slope


def _require_same(row: Primitive, out: float, point: Sequence[float], slopes: Sequence[float], called: str) -> None:
    """Raise CheckError where ``array`` or ``exact`` computes something else than the function."""
    carried = math.fsum(abs(x * slope) for x, slope in zip(point, slopes, strict=True) if math.isfinite(slope))
    found: dict[str, Any] = {}
    try:
        answer = np.asarray(row.array(*(np.array([x, x]) for x in point)))
        found["array"] = answer[0] if answer.shape == (2,) else f"an array of shape {answer.shape} for shape (2,)"
    except Exception as error:
        found["array"] = f"{type(error).__name__} ({error})"
    if row.exact is not None and importlib.util.find_spec("mpmath") is not None:
        try:
            context = mpmath_context()
            context.dps = 50
            found["exact"] = row.exact(context, *map(context.mpf, point))
        except Exception as error:
            found["exact"] = f"{type(error).__name__} ({error})"
    for name, got in found.items():
        try:
            is_same = abs(complex(got) - out) <= _TOLERANCE * (abs(out) + carried) + 1e-290
            got = f"{complex(got).real:.10g}" if not complex(got).imag else got
        except (TypeError, ValueError, OverflowError):
            is_same = False
        if not is_same:
            takes = "mp, *operands" if name == "exact" else "*operands"
            raise CheckError(
                f"{name}({takes}) of {row.name} is not the same function: {called} is {out:.10g}, but {name} gives "
                f"{got}. Correct it, or pass check=False if it is meant so."
            )
