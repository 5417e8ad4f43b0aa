"""W3: the value and gradient of Rosenbrock's function of ten numbers, one call."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import numpy as np

import autograd_core as ag
from benchmarks.c_library import load, pointer
from benchmarks.peers import casadi_by_gcc, casadi_call, native
from benchmarks.timing import Contender, Effort, Table, Target, compared, gather

POINT = np.random.default_rng(3).uniform(-2.0, 2.0, 10)

LIST, ARRAY, NATIVE = "ours, a list", "ours, a NumPy array", "ours, native, a NumPy array"
PYTHON, DDX = "plain Python by hand", "ddx-ad, compiled"

TARGETS = (Target(LIST, PYTHON, 1.3), Target(ARRAY, PYTHON, 1.3), Target(NATIVE, DDX, 1.5))


def tables(effort: Effort) -> Iterator[Table]:
    """Time everyone."""
    contenders, skipped = gather([
        ours, ours_native, ours_eager, plain_python, numpy_by_hand, numba_by_hand, c_by_hand, pytorch, jax, autograd,
        casadi, ddx_ad, micrograd])
    heading = "W3: value and gradient of the 10-dimensional Rosenbrock function"
    yield compared(heading, contenders, skipped, LIST, TARGETS, effort)


def rosenbrock(x: Any) -> Any:
    """The sum of 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2, written with scalars."""
    return sum(100.0 * (x[i + 1] - x[i] * x[i]) ** 2 + (1.0 - x[i]) ** 2 for i in range(len(x) - 1))


def of_array(x: Any, numpy: Any) -> Any:
    """The same with the array operations of ``numpy`` or of a library that mimics it."""
    return numpy.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


# --- ours ---------------------------------------------------------------------------------------


def ours() -> list[Contender]:
    """One program for each kind of argument."""
    for_list, for_array = (ag.compile(rosenbrock, backend="python") for _ in range(2))
    numbers = POINT.tolist()
    return [Contender(LIST, lambda: for_list.value_and_grad(numbers)),
            Contender(ARRAY, lambda: for_array.value_and_grad(POINT))]


def ours_native() -> list[Contender]:
    """Through Numba."""
    for_list, for_array = native(rosenbrock), native(rosenbrock)
    numbers = POINT.tolist()
    return [Contender("ours, native, a list", lambda: for_list.value_and_grad(numbers)),
            Contender(NATIVE, lambda: for_array.value_and_grad(POINT))]


def ours_eager() -> Contender:
    """Recorded and swept anew."""

    def call() -> tuple[float, list[float]]:
        x = [ag.Value(each) for each in numbers]
        y = rosenbrock(x)
        y.backward()
        return y.data, [each.grad for each in x]

    numbers = POINT.tolist()
    return Contender("ours, eager", call)


# --- by hand ------------------------------------------------------------------------------------


def plain_python() -> list[Contender]:
    """A loop over floats; and the same with the loop unrolled, as a generated program has it."""
    numbers = POINT.tolist()
    lines, indent = _unrolled(len(numbers)), "\n    "
    namespace: dict[str, Any] = {}
    exec(f"def unrolled(x):{indent}{indent.join(lines)}", namespace)
    return [Contender(PYTHON, lambda: by_loop(numbers)),
            Contender("plain Python by hand, unrolled", lambda: namespace["unrolled"](numbers))]


def by_loop(x: list[float]) -> tuple[float, list[float]]:
    """Value and gradient, each term's share added where it belongs."""
    value, gradient = 0.0, [0.0] * len(x)
    for i in range(len(x) - 1):
        bend = x[i + 1] - x[i] * x[i]
        rest = 1.0 - x[i]
        value += 100.0 * bend * bend + rest * rest
        gradient[i] -= 400.0 * bend * x[i] + 2.0 * rest
        gradient[i + 1] += 200.0 * bend
    return value, gradient


def _unrolled(count: int) -> list[str]:
    names = [f"x{i}" for i in range(count)]
    lines = [f"{', '.join(names)} = x"]
    lines += [f"b{i} = x{i + 1} - x{i} * x{i}; r{i} = 1.0 - x{i}" for i in range(count - 1)]
    value = " + ".join(f"100.0 * b{i} * b{i} + r{i} * r{i}" for i in range(count - 1))
    first = ["-400.0 * b0 * x0 - 2.0 * r0"]
    inner = [f"200.0 * b{i - 1} - 400.0 * b{i} * x{i} - 2.0 * r{i}" for i in range(1, count - 1)]
    return [*lines, f"return {value}, [{', '.join([*first, *inner, f'200.0 * b{count - 2}'])}]"]


def numpy_by_hand() -> Contender:
    """Slices."""

    def call() -> tuple[float, np.ndarray]:
        low = POINT[:-1]
        bend, rest = POINT[1:] - low * low, 1.0 - low
        gradient = np.empty(len(POINT))
        gradient[:-1] = -400.0 * bend * low - 2.0 * rest
        gradient[-1] = 0.0
        gradient[1:] += 200.0 * bend
        return float(100.0 * (bend @ bend) + rest @ rest), gradient

    return Contender("NumPy by hand", call)


def numba_by_hand() -> Contender:
    """The loop, compiled."""
    from numba import njit

    @njit(fastmath=True)  # type: ignore[untyped-decorator]
    def compiled(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = 0.0, np.zeros(len(x))
        for i in range(len(x) - 1):
            bend = x[i + 1] - x[i] * x[i]
            rest = 1.0 - x[i]
            value += 100.0 * bend * bend + rest * rest
            gradient[i] -= 400.0 * bend * x[i] + 2.0 * rest
            gradient[i + 1] += 200.0 * bend
        return value, gradient

    return Contender("Numba by hand", lambda: compiled(POINT))


def c_by_hand() -> Contender:
    """The loop in C, into memory given once."""
    function = load("rosenbrock.c").rosenbrock
    function.restype = ctypes.c_double
    x, gradient = POINT.copy(), np.empty(len(POINT))
    arguments = pointer(x.ctypes.data), ctypes.c_int(len(x)), pointer(gradient.ctypes.data)
    kept = x, gradient
    return Contender("C by hand", lambda: (function(*arguments), kept[1]))


# --- peers --------------------------------------------------------------------------------------


def pytorch() -> Contender:
    """Slices of one tensor."""
    import torch

    torch.set_num_threads(1)
    x = torch.tensor(POINT, requires_grad=True)

    def call() -> tuple[float, Any]:
        y = of_array(x, torch)
        return y.item(), torch.autograd.grad(y, x)[0]

    return Contender("PyTorch eager", call)


def jax() -> Contender:
    """jit of value_and_grad, waited for."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    x = jnp.asarray(POINT)
    compiled = jax.jit(jax.value_and_grad(lambda x: of_array(x, jnp)))
    return Contender("JAX jit", lambda: jax.block_until_ready(compiled(x)))


def autograd() -> Contender:
    """Slices of one array."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    both = value_and_grad(lambda x: of_array(x, anp))
    return Contender("HIPS autograd", lambda: both(POINT))


def casadi() -> list[Contender]:
    """CasADi's virtual machine, and its generated C, through buffers; and a plain call."""
    import casadi as ca

    x = ca.SX.sym("x", len(POINT))
    y = rosenbrock(ca.vertsplit(x))
    outputs = [y, ca.gradient(y, x)]
    function = ca.Function("rosenbrock", [x], outputs)
    compiled = ca.Function("rosenbrock_compiled", [x], outputs, casadi_by_gcc())
    return [Contender("CasADi SX", casadi_call(function, POINT)),
            Contender("CasADi SX, gcc", casadi_call(compiled, POINT)),
            Contender("CasADi SX, plain call", lambda: function(POINT))]


def ddx_ad() -> list[Contender]:
    """Compiled by LLVM: through a buffer, the point written into it, and a plain call."""
    import ddx

    compiled = ddx.equation(lambda: rosenbrock([ddx.var(f"x{at}") for at in range(len(POINT))])).compile()
    call = compiled.buffer(POINT.copy())

    def buffered() -> tuple[float, np.ndarray]:
        call.x[:] = POINT
        call()
        return call.value, call.jacobian

    return [Contender(DDX, buffered), Contender("ddx-ad, compiled, plain call", lambda: compiled.jacobian(POINT))]


def micrograd() -> list[Contender]:
    """Scalars, with the cyclic collector on and off."""
    from micrograd.engine import Value

    numbers = POINT.tolist()

    def call() -> tuple[float, list[float]]:
        x = [Value(each) for each in numbers]
        y = rosenbrock(x)
        y.backward()
        return y.data, [each.grad for each in x]

    return [Contender("micrograd", call), Contender("micrograd, collector off", call, collects=False)]
