"""Generated lines live as long as their program."""

from __future__ import annotations

import gc
import linecache
import traceback
import weakref
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.errors import DomainError


@pytest.mark.parametrize("lanes", [(), ("x",)])
def test_they_are_forgotten_with_it(lanes: tuple[str, ...]) -> None:
    program = ag.compile(lambda x: ag.log(x), lanes=lanes)
    compiled = program.trace([1.0] if lanes else 1.0)
    name, gone = compiled.filename, weakref.ref(compiled)
    assert linecache.getline(name, 1)
    del program, compiled
    gc.collect()
    assert gone() is None and name not in linecache.cache


def test_a_traceback_keeps_those_it_shows() -> None:
    try:
        ag.compile(lambda x: ag.log(x) * 2.0)(-1.0)
    except DomainError as error:
        failure = error
    gc.collect()
    assert "= log(x)" in "".join(traceback.format_exception(failure))


def test_the_value_alone_makes_no_backward_pass() -> None:
    program = ag.compile(lambda x: ag.exp(x).named("h") + ag.sqrt(x - x) * 0.0)
    with ag.detect_anomaly():
        assert program(1e3) == float("inf")
        assert program.trace(1e3).replayed_value([[1e3]]) == float("inf")


EXACT: list[Any] = [
    lambda x, y, z: ag.dot([x, x], [x, y]) * z,
    lambda x, y, z: (x - y) * 0.0 * -1.0 + z * 0.0 * -1.0,
    lambda x, y, z: ag.total([x, y, x]) * ag.mean([z, z, x]),
    lambda x, y, z: ag.logsumexp([x, y, x]) * (x * x) + z / z,
]


@pytest.mark.parametrize("at", range(len(EXACT)))
@pytest.mark.parametrize("copies", [1, 2_000])
def test_without_optimizing_every_bit_is_eagers(at: int, copies: int) -> None:
    """Also the sign of zero and the order of equal operands' shares; also in functions cut in pieces."""
    def f(x: Any, y: Any, z: Any) -> Any:
        result = EXACT[at](x, y, z)
        for _ in range(copies - 1):
            result = result * 1.0 + x * 1e-3
        return result

    rng, program = np.random.default_rng(at), ag.compile(f, optimize=False)
    for point in [*rng.normal(size=(20, 3)).tolist(), [1.0, 1.0, 1.0], [2.0, 2.0, -1.0]]:
        leaves = [ag.Value(each) for each in point]
        y = f(*leaves)
        y.backward()
        value, gradient = program.value_and_grad(*point)
        expected = [y.data, *(leaf.grad for leaf in leaves)]
        assert [each.hex() for each in (value, *gradient)] == [float(each).hex() for each in expected]
