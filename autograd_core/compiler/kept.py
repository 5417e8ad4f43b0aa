"""What generated functions keep from one call to the next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


def of_last_array(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function of an array, not called again for the array that it was given last.

    For functions that give views: the array's numbers may have changed.  It stays alive until another is given.
    """
    last: tuple[Any, Any] = None, None

    def found(array: Any) -> Any:
        nonlocal last
        seen, result = last
        if seen is not array:
            result = function(array)
            last = array, result
        return result

    return found


def per_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a number of lanes, or of nothing, called once per thread until the number changes.

    Each thread has results of its own, so two calls never fill the same array at a time.
    """
    kept = threading.local()

    def found(*lanes: int) -> Any:
        if getattr(kept, "lanes", None) != lanes:
            kept.result, kept.lanes = function(*lanes), lanes
        return kept.result

    return found
