"""W2: the training step of micrograd's demo, the value and all 337 gradients, one call."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

import autograd_core as ag
from benchmarks import w2_by_hand as by_hand
from benchmarks.network import (
    COUNT,
    DECAY,
    EXAMPLES,
    PARAMETERS,
    SIZES,
    TARGETS,
    X,
    by_layer,
    by_neuron,
    layers,
    margin_error,
    mean_error,
)
from benchmarks.peers import casadi_by_gcc, casadi_call, native
from benchmarks.timing import Contender, Effort, Table, Target, compared, gather

OURS, OURS_NATIVE, WRITTEN_OUT = "ours", "ours, native", "ours, written out"
TORCH, AUTOGRAD, JAX, DDX = "PyTorch eager", "HIPS autograd", "JAX jit", "ddx-ad, batched and compiled"
CASADI = "CasADi SX"

TARGETS_TO_MEET = (
    Target(OURS, by_hand.NUMPY, 1.2), Target(OURS, TORCH), Target(OURS, AUTOGRAD), Target(OURS, CASADI),
    Target(OURS, DDX), Target(OURS_NATIVE, JAX), Target(OURS_NATIVE, by_hand.NUMBA),
    Target(WRITTEN_OUT, OURS, 2.0),
)


def tables(effort: Effort) -> Iterator[Table]:
    """Time everyone."""
    contenders, skipped = gather([
        ours, ours_native, ours_written_out, ours_eager, by_hand.numpy_by_hand, by_hand.numpy_reusing_buffers,
        by_hand.numba_by_hand, by_hand.c_by_hand, by_hand.python_by_hand, pytorch, jax, autograd, casadi, ddx_ad,
        micrograd])
    heading = "W2: a training step of micrograd's demo (2-16-16-1 relu, 100 examples), value and all gradients"
    yield compared(heading, contenders, skipped, OURS, TARGETS_TO_MEET, effort)


# --- ours ---------------------------------------------------------------------------------------


def example_error(w: Any, x: Any, target: Any) -> Any:
    """One example's error with the penalty, scalars only."""
    return margin_error(w, x, target, ag.relu) + DECAY * sum(each * each for each in w)


def written_out_error(w: Any) -> Any:
    """The error of all examples, with a loop over them and no lanes."""
    return mean_error(w, ag.relu)


def ours() -> Contender:
    """One example declared, lanes for the hundred."""
    program = ag.compile(example_error, lanes=("x", "target"), backend="python")
    return Contender(OURS, lambda: program.value_and_grad(PARAMETERS, X, TARGETS))


def ours_native() -> Contender:
    """The same through Numba."""
    program = native(example_error, lanes=("x", "target"))
    return Contender(OURS_NATIVE, lambda: program.value_and_grad(PARAMETERS, X, TARGETS))


def ours_written_out() -> Contender:
    """A loop over the examples, in which the compiler has to find the lanes."""
    program = ag.compile(written_out_error, backend="python")
    return Contender(WRITTEN_OUT, lambda: program.value_and_grad(PARAMETERS))


def ours_eager() -> Contender:
    """Recorded and swept anew, as micrograd does."""

    def step() -> tuple[float, list[float]]:
        w = [ag.Value(each) for each in PARAMETERS.tolist()]
        error = written_out_error(w)
        error.backward()
        return error.data, [each.grad for each in w]

    return Contender("ours, eager", step)


# --- peers --------------------------------------------------------------------------------------


def pytorch() -> Contender:
    """Matrices, one thread, gradients by torch.autograd.grad."""
    import torch
    from torch.nn.functional import linear, relu

    torch.set_num_threads(1)
    w = [torch.tensor(each, requires_grad=True) for each in layers(PARAMETERS)]
    x, target = torch.tensor(X), torch.tensor(TARGETS)
    W1, b1, W2, b2, W3, b3 = w

    def step() -> tuple[Any, Any]:
        z = linear(relu(linear(relu(linear(x, W1, b1)), W2, b2)), W3, b3)
        squares = sum((each * each).sum() for each in w)
        error = relu(1.0 - target * z[:, 0]).mean() + DECAY * squares
        return error.item(), torch.autograd.grad(error, w)

    return Contender(TORCH, step, lambda found: (found[0], by_neuron(found[1])))


def jax() -> Contender:
    """jit of value_and_grad, waited for."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_cpu_enable_async_dispatch", False)  # another thread would only wait for the one core
    x, target = jnp.asarray(X), jnp.asarray(TARGETS)
    w = tuple(jnp.asarray(each) for each in layers(PARAMETERS))

    def error(w: Any, x: Any, target: Any) -> Any:
        W1, b1, W2, b2, W3, b3 = w
        z = jax.nn.relu(jax.nn.relu(x @ W1.T + b1) @ W2.T + b2) @ W3.T + b3
        return jax.nn.relu(1.0 - target * z[:, 0]).mean() + DECAY * sum((each * each).sum() for each in w)

    compiled = jax.jit(jax.value_and_grad(error))
    return Contender(JAX, lambda: jax.block_until_ready(compiled(w, x, target)),
                     lambda found: (float(found[0]), by_neuron(found[1])))


def autograd() -> Contender:
    """Matrices; every array an argument of its own, which is faster than slices of one vector."""
    import autograd.numpy as anp
    from autograd.core import make_vjp
    from autograd.wrap_util import unary_to_nary

    @unary_to_nary
    def value_and_grads(f: Any, x: Any) -> Any:
        pullback, value = make_vjp(f, x)
        return value, pullback(1.0)

    w = layers(PARAMETERS)

    def error(W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> Any:
        z1 = anp.maximum(anp.dot(X, W1.T) + b1, 0.0)
        z2 = anp.maximum(anp.dot(z1, W2.T) + b2, 0.0)
        margin = 1.0 - TARGETS * (anp.dot(z2, W3.T) + b3)[:, 0]
        squares = sum(anp.sum(each * each) for each in (W1, b1, W2, b2, W3, b3))
        return anp.mean(anp.maximum(margin, 0.0)) + DECAY * squares

    both = value_and_grads(error, tuple(range(len(w))))
    return Contender(AUTOGRAD, lambda: both(*w), lambda found: (found[0], by_neuron(found[1])))


def casadi() -> Iterator[Contender]:
    """Scalar graph of all examples; scalar graph of one mapped over all and compiled by gcc; graph of matrices."""
    import casadi as ca

    w = ca.SX.sym("w", COUNT)
    scalars = ca.vertsplit(w)

    def relu(a: Any) -> Any:
        return ca.fmax(a, 0.0)

    error = mean_error(scalars, relu)
    whole = ca.Function("whole", [w], [error, ca.gradient(error, w)])
    yield Contender(CASADI, casadi_call(whole, PARAMETERS))

    x, target = ca.SX.sym("x", 2), ca.SX.sym("target")
    of_one = margin_error(scalars, ca.vertsplit(x), target, relu)
    one = ca.Function("one", [w, x, target], [of_one, ca.gradient(of_one, w)])
    W, lanes, labels = ca.MX.sym("W", COUNT), ca.MX.sym("lanes", 2, EXAMPLES), ca.MX.sym("labels", 1, EXAMPLES)
    values, gradients = one.map(EXAMPLES)(ca.repmat(W, 1, EXAMPLES), lanes, labels)
    step = [ca.sum2(values) / EXAMPLES + DECAY * ca.dot(W, W), ca.sum2(gradients) / EXAMPLES + 2.0 * DECAY * W]
    mapped = ca.Function("mapped", [W, lanes, labels], step, casadi_by_gcc())
    yield Contender("CasADi SX, mapped, gcc", casadi_call(mapped, PARAMETERS, X, TARGETS))

    z, at = lanes, 0
    for inputs, outputs in pairwise(SIZES):
        matrix = ca.reshape(W[at : at + inputs * outputs], outputs, inputs)
        at += inputs * outputs
        a = matrix @ z + ca.repmat(W[at : at + outputs], 1, EXAMPLES)
        at += outputs
        z = relu(a) if at < COUNT else a
    error = ca.sum2(relu(1.0 - labels * z)) / EXAMPLES + DECAY * ca.dot(W, W)
    matrices = ca.Function("matrices", [W, lanes, labels], [error, ca.gradient(error, W)])
    columns = np.concatenate([each.ravel(order="F") for each in layers(PARAMETERS)])
    yield Contender("CasADi MX", casadi_call(matrices, columns, X, TARGETS), _from_columns)


def _from_columns(found: tuple[float, np.ndarray]) -> tuple[float, np.ndarray]:
    shaped = [part.reshape(part.shape[::-1]).T if part.ndim == 2 else part for part in by_layer(found[1])]
    return found[0], by_neuron(shaped)


def ddx_ad() -> Contender:
    """One example's graph compiled for a batch of 100 points; parameters in, mean out, the penalty by NumPy."""
    import ddx

    def relu(a: Any) -> Any:
        return ddx.select(a > 0.0, a, 0.0 * a)

    @ddx.equation
    def error() -> Any:
        w = [ddx.var(f"w{at}") for at in range(COUNT)]
        return margin_error(w, [ddx.param("x0"), ddx.param("x1")], ddx.param("target"), relu)

    call = error.compile(points=EXAMPLES).buffer(
        np.vstack([np.repeat(PARAMETERS[:, None], EXAMPLES, axis=1), X.T, TARGETS[None]]))
    shares = np.full(EXAMPLES, 1.0 / EXAMPLES)
    column = PARAMETERS[:, None]

    def step() -> tuple[float, np.ndarray]:
        call.x[:COUNT] = column
        call()
        return (call.value @ shares + DECAY * (PARAMETERS @ PARAMETERS),
                call.jacobian @ shares + 2.0 * DECAY * PARAMETERS)

    return Contender(DDX, step)


def micrograd() -> list[Contender]:
    """The demo's own lines, with the cyclic collector on and off."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    model = MLP(SIZES[0], list(SIZES[1:]))
    parameters = model.parameters()
    for parameter, number in zip(parameters, PARAMETERS.tolist(), strict=True):
        parameter.data = number
    rows, targets = X.tolist(), TARGETS.tolist()

    def step() -> tuple[float, list[float]]:
        inputs = [list(map(Value, row)) for row in rows]
        scores = list(map(model, inputs))
        losses = [(1 + -target * score).relu() for target, score in zip(targets, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        error = data_loss + DECAY * sum(p * p for p in parameters)
        model.zero_grad()
        error.backward()
        return error.data, [parameter.grad for parameter in parameters]

    return [Contender("micrograd", step), Contender("micrograd, collector off", step, collects=False)]
