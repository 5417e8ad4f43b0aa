"""Packages that only some users need: imported when asked for, or refused by the name of their extra."""

from __future__ import annotations

import importlib
from typing import Any


def require(module: str, extra: str, purpose: str) -> Any:
    """The module called ``module``, or an ``ImportError`` that says which extra brings it.

    >>> require("no_such_module", "data", "The digits")
    Traceback (most recent call last):
    ImportError: The digits: no_such_module is not installed. It comes with the extra 'data': ...
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f"{purpose}: {package} is not installed. It comes with the extra {extra!r}: "
            f'pip install "autograd-core[{extra}]".'
        ) from error
