"""How peers, and our native programs, are called."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_core as ag


def native(f: Any, **settings: Any) -> Any:
    """The program of ``f`` through Numba; ``ImportError`` where there is none."""
    import numba  # noqa: F401  -- not installed is a reason to skip

    return ag.compile(f, backend="native", **settings)


def casadi_call(function: Any, *arguments: np.ndarray) -> Any:
    """A call of a CasADi function of a value and a gradient through its buffers: no copies, no allocation."""
    buffer, evaluate = function.buffer()
    results: list[Any] = [np.zeros(function.numel_out(at)) for at in range(function.n_out())]
    given: list[Any] = [np.array(each).ravel() for each in arguments]  # rows of examples are columns in CasADi's order
    for at, argument in enumerate(given):
        buffer.set_arg(at, memoryview(argument))
    for at, result in enumerate(results):
        buffer.set_res(at, memoryview(result))

    def call() -> tuple[float, np.ndarray]:
        evaluate()
        return float(results[0][0]), results[1]

    call.kept = buffer, given  # type: ignore[attr-defined]  # the function reads this memory
    return call


def casadi_by_gcc() -> dict[str, Any]:
    """The options with which CasADi writes a function in C and has it compiled for this machine."""
    return {"jit": True, "compiler": "shell",
            "jit_options": {"compiler": "gcc", "flags": ["-O3", "-march=native"], "verbose": False}}
