"""W1: a graph of 10,000 operations on scalars, built and differentiated anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import autograd_core as ag
from benchmarks.timing import Contender, Effort, Table, compared, gather

BLOCKS, LINKS = 100, 33
OURS = "ours, eager"
LEAVES = [*np.random.default_rng(5).uniform(-1.0, 1.0, BLOCKS).tolist(), 0.9, 0.1]


def tables(effort: Effort) -> Iterator[Table]:
    """Time everyone."""
    contenders, skipped = gather([ours, micrograd, pytorch, jax, autograd, casadi, ddx_ad])
    heading = "W1: 10,000 scalar operations (+, *, relu; depth 199) and the gradient of 102 leaves, built anew"
    yield compared(heading, contenders, skipped, OURS, (), effort)


def summed_chains(leaves: Sequence[Any], relu: Callable[[Any], Any]) -> Any:
    """A hundred chains of 33 times relu(w y + b), added up: 10,000 operations."""
    *starts, w, b = leaves
    total = 0.0
    for y in starts:
        for _ in range(LINKS):
            y = relu(y * w + b)
        total = total + y
    return total


def ours() -> Contender:
    """Values."""

    def call() -> tuple[float, list[float]]:
        leaves = [ag.Value(each) for each in LEAVES]
        y = summed_chains(leaves, ag.relu)
        y.backward()
        return y.data, [each.grad for each in leaves]

    return Contender(OURS, call)


def micrograd() -> list[Contender]:
    """Its Values, with the cyclic collector on and off."""
    from micrograd.engine import Value

    def call() -> tuple[float, list[float]]:
        leaves = [Value(each) for each in LEAVES]
        y = summed_chains(leaves, Value.relu)
        y.backward()
        return y.data, [each.grad for each in leaves]

    return [Contender("micrograd", call), Contender("micrograd, collector off", call, collects=False)]


def pytorch() -> Contender:
    """Tensors of no dimension."""
    import torch

    torch.set_num_threads(1)
    leaves = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in LEAVES]

    def call() -> tuple[float, Any]:
        y = summed_chains(leaves, torch.relu)
        return y.item(), [each.item() for each in torch.autograd.grad(y, leaves)]

    return Contender("PyTorch eager", call)


def jax() -> Contender:
    """Without jit, which would take far longer to compile."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    leaves = [jnp.asarray(each) for each in LEAVES]
    both = jax.value_and_grad(lambda leaves: summed_chains(leaves, lambda y: jnp.maximum(y, 0.0)))
    return Contender("JAX without jit", lambda: jax.block_until_ready(both(leaves)))


def autograd() -> Contender:
    """A list of floats."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    both = value_and_grad(lambda leaves: summed_chains(list(leaves), lambda y: anp.maximum(y, 0.0)))
    return Contender("HIPS autograd", lambda: both(LEAVES))


def casadi() -> Contender:
    """Its graph, its gradient, a function of both, and a call of that."""
    import casadi as ca

    def call() -> Any:
        leaves = ca.SX.sym("x", len(LEAVES))
        y = summed_chains(ca.vertsplit(leaves), lambda y: ca.fmax(y, 0.0))
        return ca.Function("f", [leaves], [y, ca.gradient(y, leaves)])(LEAVES)

    return Contender("CasADi SX", call)


def ddx_ad() -> Contender:
    """Its graph, interpreted."""
    import ddx

    def model() -> Any:
        leaves = [ddx.var(f"x{at}") for at in range(len(LEAVES))]
        return summed_chains(leaves, lambda y: ddx.select(y > 0.0, y, 0.0 * y))

    return Contender("ddx-ad, interpreted", lambda: ddx.equation(model).jacobian(LEAVES))
