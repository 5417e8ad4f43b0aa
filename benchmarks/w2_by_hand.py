"""W2 written by hand, forward and reverse: NumPy, Numba, C and plain Python."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.c_library import load, pointer
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
)
from benchmarks.timing import Answer, Contender

NUMPY, NUMPY_REUSING, NUMBA, C = "NumPy by hand", "NumPy by hand, buffers reused", "Numba by hand", "C by hand"


def read_layers(found: tuple[float, np.ndarray]) -> Answer:
    """The answer of a contender whose gradient is one vector with a layer after the other."""
    return found[0], by_neuron(by_layer(found[1]))


def in_layers() -> np.ndarray:
    """The parameters as one vector with a layer after the other, so that matrices are views of it."""
    return np.concatenate([each.ravel() for each in layers(PARAMETERS)])


def numpy_by_hand() -> Contender:
    """As most would write it: a line of NumPy for each line of the lecture's quick reference."""
    w, x, shares = in_layers(), np.ascontiguousarray(X.T), TARGETS / -EXAMPLES
    W1, b1, W2, b2, W3, b3 = by_layer(w)

    def step() -> tuple[float, np.ndarray]:
        a1 = W1 @ x + b1[:, None]
        z1 = np.maximum(a1, 0.0)
        a2 = W2 @ z1 + b2[:, None]
        z2 = np.maximum(a2, 0.0)
        margin = 1.0 - TARGETS * (W3 @ z2 + b3[:, None])
        loss = np.maximum(margin, 0.0).mean() + DECAY * (w @ w)
        delta3 = (margin > 0.0) * shares
        delta2 = (W3.T @ delta3) * (a2 > 0.0)
        delta1 = (W2.T @ delta2) * (a1 > 0.0)
        gradient = np.concatenate([
            (delta1 @ x.T).ravel(), delta1.sum(axis=1), (delta2 @ z1.T).ravel(), delta2.sum(axis=1),
            (delta3 @ z2.T).ravel(), delta3.sum(axis=1)])
        gradient += 2.0 * DECAY * w
        return loss, gradient

    return Contender(NUMPY, step, read_layers)


def numpy_reusing_buffers() -> Contender:
    """The same, every result into an array made beforehand."""
    w, shares = in_layers(), TARGETS / -EXAMPLES
    W1, b1, W2, b2, W3, b3 = by_layer(w)
    gradient = np.empty(COUNT)
    W1_bar, b1_bar, W2_bar, b2_bar, W3_bar, b3_bar = by_layer(gradient)
    x, ones = np.ascontiguousarray(X.T), np.ones(EXAMPLES)
    columns = b1[:, None], b2[:, None], b3[:, None]
    a1, z1, a2, z2, delta1, delta2 = (np.empty((16, EXAMPLES)) for _ in range(6))
    on1, on2 = (np.empty((16, EXAMPLES), bool) for _ in range(2))
    margin, delta3, on3 = np.empty((1, EXAMPLES)), np.empty((1, EXAMPLES)), np.empty((1, EXAMPLES), bool)
    decayed = np.empty(COUNT)

    def step() -> tuple[float, np.ndarray]:
        np.matmul(W1, x, a1)
        np.add(a1, columns[0], a1)
        np.maximum(a1, 0.0, z1)
        np.matmul(W2, z1, a2)
        np.add(a2, columns[1], a2)
        np.maximum(a2, 0.0, z2)
        np.matmul(W3, z2, margin)
        np.add(margin, columns[2], margin)
        np.multiply(margin, TARGETS, margin)
        np.subtract(1.0, margin, margin)
        np.greater(margin, 0.0, on3)
        np.multiply(margin, on3, margin)
        loss = float(margin[0] @ ones) / EXAMPLES + DECAY * float(w @ w)
        np.multiply(on3, shares, delta3)
        np.matmul(W3.T, delta3, delta2)
        np.greater(a2, 0.0, on2)
        np.multiply(delta2, on2, delta2)
        np.matmul(W2.T, delta2, delta1)
        np.greater(a1, 0.0, on1)
        np.multiply(delta1, on1, delta1)
        np.matmul(delta1, x.T, W1_bar)
        np.matmul(delta1, ones, b1_bar)
        np.matmul(delta2, z1.T, W2_bar)
        np.matmul(delta2, ones, b2_bar)
        np.matmul(delta3, z2.T, W3_bar)
        np.matmul(delta3, ones, b3_bar)
        np.multiply(w, 2.0 * DECAY, decayed)
        np.add(gradient, decayed, gradient)
        return loss, gradient

    return Contender(NUMPY_REUSING, step, read_layers)


def numba_by_hand() -> Contender:
    """Loops with the examples innermost, so that they become vector instructions."""
    from numba import njit

    w, x, targets = in_layers(), np.ascontiguousarray(X.T), TARGETS.copy()
    compiled: Callable[..., float] = njit(fastmath=True)(_loops)

    def step() -> tuple[float, np.ndarray]:
        gradient = np.empty(COUNT)
        return compiled(w, x, targets, gradient), gradient

    return Contender(NUMBA, step, read_layers)


def _loops(w: np.ndarray, x: np.ndarray, targets: np.ndarray, gradient: np.ndarray) -> float:
    W1, b1 = w[:32].reshape(16, 2), w[32:48]
    W2, b2 = w[48:304].reshape(16, 16), w[304:320]
    W3, b3 = w[320:336], w[336]
    z1, z2, delta1, delta2 = np.empty((16, 100)), np.empty((16, 100)), np.empty((16, 100)), np.empty((16, 100))
    delta3 = np.empty(100)
    for i in range(16):
        for k in range(100):
            z1[i, k] = max(b1[i] + W1[i, 0] * x[0, k] + W1[i, 1] * x[1, k], 0.0)
    for i in range(16):
        for k in range(100):
            z2[i, k] = b2[i]
        for j in range(16):
            for k in range(100):
                z2[i, k] += W2[i, j] * z1[j, k]
        for k in range(100):
            z2[i, k] = max(z2[i, k], 0.0)
    for k in range(100):
        delta3[k] = b3
    for j in range(16):
        for k in range(100):
            delta3[k] += W3[j] * z2[j, k]
    loss = total = squares = 0.0
    for k in range(100):
        margin = 1.0 - targets[k] * delta3[k]
        loss += max(margin, 0.0) / 100
        delta3[k] = -targets[k] / 100 if margin > 0.0 else 0.0
        total += delta3[k]
    gradient[336] = total
    for i in range(16):
        total = bias = 0.0
        for k in range(100):
            total += delta3[k] * z2[i, k]
            delta2[i, k] = W3[i] * delta3[k] if z2[i, k] > 0.0 else 0.0
            bias += delta2[i, k]
        gradient[320 + i], gradient[304 + i] = total, bias
    delta1[:] = 0.0
    for i in range(16):
        for j in range(16):
            total = 0.0
            for k in range(100):
                total += delta2[i, k] * z1[j, k]
                delta1[j, k] += W2[i, j] * delta2[i, k]
            gradient[48 + 16 * i + j] = total
    for i in range(16):
        first = second = bias = 0.0
        for k in range(100):
            delta = delta1[i, k] if z1[i, k] > 0.0 else 0.0
            first += delta * x[0, k]
            second += delta * x[1, k]
            bias += delta
        gradient[2 * i], gradient[2 * i + 1], gradient[32 + i] = first, second, bias
    for at in range(337):
        squares += w[at] * w[at]
        gradient[at] += 2e-4 * w[at]
    return loss + 1e-4 * squares


def c_by_hand() -> Contender:
    """Compiled C, eight examples in a register."""
    function = load("training_step.c").training_step
    function.restype = ctypes.c_double
    blocks = -(-EXAMPLES // 8)
    padded = np.zeros((4, 8 * blocks))
    padded[0:2, :EXAMPLES], padded[2, :EXAMPLES], padded[3, :EXAMPLES] = X.T, TARGETS, 1.0 / EXAMPLES
    x = np.ascontiguousarray(padded[:2].reshape(2, blocks, 8).transpose(1, 0, 2))
    w, gradient = PARAMETERS.copy(), np.empty(COUNT)
    kept = w, x, padded, gradient
    arguments = (pointer(w.ctypes.data), pointer(x.ctypes.data), pointer(padded[2].ctypes.data),
                 pointer(padded[3].ctypes.data), ctypes.c_int(blocks), ctypes.c_double(DECAY),
                 pointer(gradient.ctypes.data))

    def step() -> tuple[float, np.ndarray]:
        return function(*arguments), kept[-1]

    return Contender(C, step)


def python_by_hand() -> Contender:
    """Lists of floats and loops."""
    matrices = [each.tolist() for each in layers(PARAMETERS)]
    rows = list(zip(X.tolist(), TARGETS.tolist(), strict=True))

    def step() -> tuple[float, list[Any]]:
        bars: list[Any] = [[[0.0] * inputs for _ in range(outputs)] if is_matrix else [0.0] * outputs
                           for inputs, outputs in pairwise(SIZES) for is_matrix in (True, False)]
        loss = 0.0
        for x, target in rows:
            loss += _example(matrices, bars, x, target)
        squares = 0.0
        for held, bar in zip(_rows(matrices), _rows(bars), strict=True):
            squares += sum([w * w for w in held])
            bar[:] = [b / EXAMPLES + 2.0 * DECAY * w for w, b in zip(held, bar, strict=True)]
        return loss / EXAMPLES + DECAY * squares, bars

    return Contender("plain Python by hand", step, lambda found: (found[0], by_neuron(found[1])))


def _rows(matrices: list[Any]) -> Iterator[list[float]]:
    for W, b in zip(matrices[::2], matrices[1::2], strict=True):
        yield from W
        yield b


def _example(matrices: list[Any], bars: list[Any], x: list[float], target: float) -> float:
    zs = [x]
    for at in range(0, 6, 2):
        z = zs[-1]
        a = [sum([w * z_j for w, z_j in zip(row, z, strict=True)]) + b
             for row, b in zip(matrices[at], matrices[at + 1], strict=True)]
        zs.append([each if each > 0.0 else 0.0 for each in a] if at < 4 else a)
    margin = 1.0 - target * zs[3][0]
    if margin <= 0.0:
        return 0.0
    delta = [-target]
    for at in (4, 2, 0):
        W, W_bar, b_bar, z = matrices[at], bars[at], bars[at + 1], zs[at // 2]
        z_bar = [0.0] * len(z)
        for i, delta_i in enumerate(delta):
            if delta_i:
                b_bar[i] += delta_i
                row, row_bar = W[i], W_bar[i]
                for j, z_j in enumerate(z):
                    row_bar[j] += delta_i * z_j
                    z_bar[j] += row[j] * delta_i
        delta = [bar if z_j > 0.0 else 0.0 for bar, z_j in zip(z_bar, z, strict=True)]
    return margin
