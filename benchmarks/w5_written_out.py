"""W5: the first gradient of W2's graph with all examples written out, from call to result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import autograd_core as ag
from benchmarks.network import COUNT, PARAMETERS, mean_error
from benchmarks.timing import Contender, Effort, Limit, Table, compared, gather
from benchmarks.w2_training_step import micrograd, ours_eager, written_out_error

OURS = "ours, compiled"


def tables(effort: Effort) -> Iterator[Table]:
    """Time everyone."""
    contenders, skipped = gather([ours, ours_eager, pytorch, casadi, ddx_ad, micrograd])
    heading = "W5: first gradient of W2's graph written out, about 66,000 nodes: graph, program and result made anew"
    below = [*skipped, "JAX is left out: its jit does not compile a graph of so many scalars in any reasonable time."]
    yield compared(heading, contenders, below, OURS, (Limit(OURS, 1.0),), effort)


def ours() -> Contender:
    """Recorded, lanes found, program written, run."""
    return Contender(OURS, lambda: ag.compile(written_out_error, backend="python").value_and_grad(PARAMETERS))


def pytorch() -> Contender:
    """Tensors of no dimension."""
    import torch

    torch.set_num_threads(1)
    w = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in PARAMETERS.tolist()]

    def call() -> tuple[float, list[float]]:
        y = mean_error(w, torch.relu)
        return y.item(), [each.item() for each in torch.autograd.grad(y, w)]

    return Contender("PyTorch eager, scalars", call)


def casadi() -> Contender:
    """Its graph, its gradient, a function of both, and a call of that."""
    import casadi as ca

    def call() -> Any:
        w = ca.SX.sym("w", COUNT)
        y = mean_error(ca.vertsplit(w), lambda a: ca.fmax(a, 0.0))
        return ca.Function("f", [w], [y, ca.gradient(y, w)])(PARAMETERS)

    return Contender("CasADi SX", call, lambda found: (float(found[0]), np.array(found[1])))


def ddx_ad() -> Contender:
    """Its graph, interpreted, which is sooner than compiled."""
    import ddx

    def model() -> Any:
        w = [ddx.var(f"w{at}") for at in range(COUNT)]
        return mean_error(w, lambda a: ddx.select(a > 0.0, a, 0.0 * a))

    return Contender("ddx-ad, interpreted", lambda: ddx.equation(model).jacobian(PARAMETERS))
