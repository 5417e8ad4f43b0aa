"""What programs keep between calls: results in arrays made beforehand, parts of arguments, adjoints."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.compiler import array_program as array_program_module
from autograd_core.compiler.in_place import in_place
from autograd_core.compiler.kept import of_last_array, per_thread
from tests.compiler.array_programs import array_program
from tests.compiler.test_same_answers import ARRANGEMENTS

LINES = [
    ("a_1 = W_1 @ x + b_1[:, None]", "add(matmul(W_1, x, out=a_1), b_1[:, None], out=a_1)"),
    ("a_1 = W_1 @ x", "matmul(W_1, x, out=a_1)"),
    ("z_1 = tanh(a_1)", "tanh(a_1, out=z_1)"),
    ("v_1 = -a_1", "neg(a_1, out=v_1)"),
    ("v_1 = -(a_1 * z_1)", "neg(mul(a_1, z_1, out=v_1), out=v_1)"),
    ("v_1 = a_1 / (z_1 - 1.0)", "div(a_1, sub(z_1, 1.0, out=v_1), out=v_1)"),
    ("v_1 = (a_1 + z_1) * (a_1 - z_1)", "mul(add(a_1, z_1, out=v_1), a_1 - z_1, out=v_1)"),
    ("v_1 = 1.0 / lanes * z_1", "mul(1.0 / lanes, z_1, out=v_1)"),
    ("v_1 = maximum(a_1, -z_1)", "maximum(a_1, neg(z_1, out=v_1), out=v_1)"),
    # No single operation that takes out=: as it was.
    ("v_1 = sigmoid(a_1)", "v_1 = sigmoid(a_1)"),
    ("v_1 = a_1 ** 3.0", "v_1 = a_1 ** 3.0"),
    ("v_1 = (a_1 * z_1).sum(axis=0)", "v_1 = (a_1 * z_1).sum(axis=0)"),
    ("v_1 = z_1", "v_1 = z_1"),
    ("v_1 += a_1 * z_1", "v_1 += a_1 * z_1"),
    ("v_2 = a_1 * z_1", "v_2 = a_1 * z_1"),
    ("v_1[0] = a_1 * z_1", "v_1[0] = a_1 * z_1"),
]


@pytest.mark.parametrize(("line", "expected"), LINES, ids=[line for line, _ in LINES])
def test_lines(line: str, expected: str) -> None:
    assert in_place(line, {"a_1", "z_1", "v_1"}) == expected


def both_ways(f: Any, lanes: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """The program whose results are always kept arrays, and the one whose results never are."""
    programs = []
    for size in (0, 1 << 60):
        monkeypatch.setattr(array_program_module, "_LARGE", size)
        programs.append(ag.compile(f, lanes=lanes))
    return programs[0], programs[1]


def require_equal(program: Any, plain: Any, calls: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Both give the same bits, also when a call follows another, and what was returned stays as it was."""
    answers = []
    for call in calls:
        for each in (program, plain):
            each.trace(*call)
        found, expected = program.value_and_grad(*call), plain.value_and_grad(*call)
        answers.append((found, expected))
        assert program(*call) == plain(*call)
    for (value, gradient), (plain_value, plain_gradient) in answers:
        np.testing.assert_array_equal(value, plain_value)
        np.testing.assert_array_equal(gradient, plain_gradient)


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_arrangements(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    program, plain = both_ways(ARRANGEMENTS[name], "x", monkeypatch)
    calls = [(rng.uniform(0.3, 1.2, 6), rng.uniform(-1.5, 1.5, (lanes, 3))) for lanes in (4, 4, 1, 7)]
    require_equal(program, plain, calls)


@pytest.mark.parametrize("seed", range(25))
def test_random_programs(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    weights, width = int(rng.integers(3, 13)), int(rng.integers(1, 4))
    program, plain = both_ways(array_program(seed, int(rng.integers(2, 9))), "inputs", monkeypatch)
    calls = [(rng.uniform(-1.0, 1.0, weights), rng.uniform(-1.0, 1.0, (lanes, width))) for lanes in (3, 3, 5)]
    require_equal(program, plain, calls)


def example_error(w: Any, x: Any, y: Any) -> Any:
    """A layer of three and one output, the weights in one vector."""
    hidden = [ag.tanh(w[3 * at] * x[0] + w[3 * at + 1] * x[1] + w[3 * at + 2]) for at in range(3)]
    return (ag.dot(w[9:12], hidden) + w[12] - y) ** 2 + 1e-3 * ag.dot(w, w)


def test_many_lanes_are_taken_in_place_and_few_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    program = ag.compile(example_error, lanes=("x", "y"))
    compiled = program.trace(np.ones(13), np.ones((2, 2)), np.ones(2))
    limit = compiled.text.many_lanes
    assert limit is not None and 100 < limit < 10_000
    assert "out=a_1" in program.source and "def value_and_grad_in_place(" in program.source
    seen = []
    for lanes in (limit - 1, limit):
        rng = np.random.default_rng(0)
        w, X, Y = rng.normal(size=13), rng.normal(size=(lanes, 2)), rng.normal(size=lanes)
        seen.append(program.value_and_grad(w, X, Y))
        eagerly = np.mean([example_error(w, x, y) for x, y in zip(X.tolist(), Y.tolist(), strict=True)])
        assert seen[-1][0] == pytest.approx(float(eagerly), rel=1e-12)


def test_what_is_returned_is_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (0, 1 << 60):
        monkeypatch.setattr(array_program_module, "_LARGE", size)
        program = ag.compile(example_error, lanes=("x", "y"))
        rng = np.random.default_rng(1)
        w, X, Y = rng.normal(size=13), rng.normal(size=(5, 2)), rng.normal(size=5)
        before = [each.copy() for each in (w, X, Y)]
        first = program.value_and_grad(w, X, Y)[1]
        kept = first.copy()
        first[:] = np.nan
        second = program.value_and_grad(w, X, Y)[1]
        np.testing.assert_array_equal(second, kept)
        program.value_and_grad(w + 1.0, X, Y)
        np.testing.assert_array_equal(second, kept)
        for given, copied in zip((w, X, Y), before, strict=True):
            np.testing.assert_array_equal(given, copied)


def test_an_array_changed_in_place_is_read_anew() -> None:
    """Parts of the last argument are kept, and are views."""
    program = ag.compile(example_error, lanes=("x", "y"))
    w, X, Y = np.ones(13), np.ones((4, 2)), np.zeros(4)
    before = program.value_and_grad(w, X, Y)
    w *= 0.5
    after = program.value_and_grad(w, X, Y)
    fresh = ag.compile(example_error, lanes=("x", "y")).value_and_grad(w.copy(), X, Y)
    assert before[0] != after[0] == fresh[0]
    np.testing.assert_array_equal(after[1], fresh[1])


def test_threads_have_arrays_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_program_module, "_LARGE", 0)
    program = ag.compile(example_error, lanes=("x", "y"))
    rng = np.random.default_rng(2)
    jobs = [(rng.normal(size=13), rng.normal(size=(400, 2)), rng.normal(size=400)) for _ in range(4)]
    expected = [program.value_and_grad(*job) for job in jobs]
    wrong: list[int] = []
    barrier = threading.Barrier(len(jobs))

    def work(at: int) -> None:
        barrier.wait()
        for _ in range(50):
            value, gradient = program.value_and_grad(*jobs[at])
            if value != expected[at][0] or not np.array_equal(gradient, expected[at][1]):
                wrong.append(at)

    threads = [threading.Thread(target=work, args=(at,)) for at in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_of_last_array_calls_again_for_another_array_only() -> None:
    seen: list[Any] = []

    def halves(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(array)
        return array[:2], array[2:]

    kept, one, two = of_last_array(halves), np.arange(4.0), np.arange(4.0)
    assert kept(one) is kept(one) and len(seen) == 1
    assert kept(two)[0].base is two and kept(one)[0].base is one and len(seen) == 3


def test_per_thread_makes_one_result_per_thread_and_number_of_lanes() -> None:
    made = per_thread(lambda *lanes: np.zeros(lanes))
    assert made(3) is made(3) and made(3) is not made(4)
    others: list[Any] = []
    thread = threading.Thread(target=lambda: others.append(made(4)))
    mine = made(4)
    thread.start()
    thread.join()
    assert others[0] is not mine and made(4) is mine
