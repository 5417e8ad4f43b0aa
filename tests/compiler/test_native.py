"""Machine code: the same answers and errors as Python, for every operation, and builds that are kept."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.compiler import native
from autograd_core.errors import DomainError, OperandError
from autograd_core.primitives import TABLE
from autograd_core.row import Primitive

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    if request.function is not test_without_numba_the_error_names_the_extra:
        pytest.importorskip("numba")
    monkeypatch.setenv(native.CACHE_VARIABLE, str(tmp_path_factory.getbasetemp() / "builds"))


def assert_same(f: Any, *arguments: Any, lanes: Any = (), rtol: float = 1e-12) -> Any:
    """Native and Python give the same value and gradient; the native program is returned."""
    plain, built = ag.compile(f, lanes=lanes), ag.compile(f, lanes=lanes, backend="native")
    expected, gradient = plain.value_and_grad(*arguments)
    kept = [np.array(each, copy=True) for each in arguments]
    for _ in range(2):  # the ordinary way, then the short way
        value, found = built.value_and_grad(*arguments)
        np.testing.assert_allclose(value, expected, rtol=rtol)
        assert type(found) is type(gradient)
        for one, other in zip(flat(found), flat(gradient), strict=True):
            assert np.shape(one) == np.shape(other)
            np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-14)
    np.testing.assert_allclose(built(*arguments), expected, rtol=rtol)
    for given, before in zip(arguments, kept, strict=True):
        np.testing.assert_array_equal(given, before)
    return built


def flat(gradient: Any) -> tuple[Any, ...]:
    return gradient if isinstance(gradient, tuple) else (gradient,)


def of_all_rows(lists: bool) -> list[Primitive]:
    return [row for row in TABLE if (row.arity is None) is lists]


def points(row: Primitive, count: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    arity = row.arity or 3
    return np.array([row.domain.sample(rng, arity) for _ in range(count)])


def each_of(rows: list[Primitive]) -> Any:
    ends = np.cumsum([0, *(row.arity or 0 for row in rows)]).tolist()

    def f(x: Any) -> list[Any]:
        return [row(*x[begin:end]) for row, begin, end in zip(rows, ends[:-1], ends[1:], strict=True)]

    return f


ROWS = of_all_rows(False)


@pytest.mark.parametrize("start", range(0, len(ROWS), 12))
def test_every_operation_with_lanes(start: int) -> None:
    rows = ROWS[start : start + 12]
    f = each_of(rows)
    given = np.concatenate([points(row, 7) for row in rows], axis=1)
    assert_same(lambda w, x: sum(f(x)) * w[0] + w[1], np.array([0.5, 1.5]), given, lanes="x", rtol=1e-10)
    assert_same(lambda x: sum(f(x)), given[0], rtol=1e-10)


@pytest.mark.parametrize("start", range(0, len(ROWS), 12))
def test_every_partial_with_lanes(start: int) -> None:
    rows = ROWS[start : start + 12]
    f = each_of(rows)
    given = np.concatenate([points(row, 7) for row in rows], axis=1)
    assert_same(lambda w, x: sum(f([each * w[at] for at, each in enumerate(x)])), np.ones(given.shape[1]), given,
                lanes="x", rtol=1e-10)


ON_LISTS = [row for row in of_all_rows(True) if row is not ag.batch_mean]


@pytest.mark.parametrize("row", ON_LISTS, ids=lambda row: row.name)
def test_operations_on_lists(row: Primitive) -> None:
    rng = np.random.default_rng(3)

    def f(w: Any, x: Any) -> Any:
        terms = [w[at] * x[at] for at in range(4)]
        return ag.tanh(row(terms, x) if row.lists == 2 else row(terms))

    assert_same(lambda w, x: f(w, x) * f(x, w) + row(x, w) if row.lists == 2 else f(w, x) * f(x, x) + row(list(x)),
                rng.normal(size=4), rng.normal(size=(5, 4)), lanes="x")
    assert_same(f, rng.normal(size=4), rng.normal(size=4))


def network(w: Any, x: Any, target: Any) -> Any:
    hidden = [ag.sigmoid(w[3 * at] * x[0] + w[3 * at + 1] * x[1] + w[3 * at + 2]) for at in range(5)]
    scores = [sum(w[15 + 5 * row + at] * hidden[at] for at in range(5)) + w[30 + row] for row in range(3)]
    return ag.logsumexp(scores) - scores[0] * target + 1e-3 * sum(each * each for each in w)


def numbers(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(count)
    return rng.normal(size=33), rng.normal(size=(count, 2)), rng.normal(size=count)


def test_a_network_with_any_number_of_lanes() -> None:
    built = assert_same(network, *numbers(50), lanes=("x", "target"))
    plain = ag.compile(network, lanes=("x", "target"))
    for count in (1, 2, 3, 8, 129):
        value, gradient = built.value_and_grad(*numbers(count))
        expected, wanted = plain.value_and_grad(*numbers(count))
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        np.testing.assert_allclose(gradient, wanted, rtol=1e-11, atol=1e-14)


def test_matrices_several_arguments_and_a_batch_mean() -> None:
    rng = np.random.default_rng(2)

    def f(W: Any, b: Any, scale: Any, x: Any) -> Any:
        a = [sum(W[i][j] * x[j] for j in range(3)) + b[i] for i in range(4)]
        centred = [each - ag.batch_mean([each]) for each in a]
        return sum(ag.square(each) for each in centred) * scale[0] + ag.exp(b[0] - W[1][2])

    assert_same(f, rng.normal(size=(4, 3)), rng.normal(size=4), np.array([0.3]), rng.normal(size=(9, 3)), lanes="x")


def test_examples_written_out_and_gathered_elements() -> None:
    rng = np.random.default_rng(8)
    X = rng.normal(size=(40, 3))

    def f(w: Any) -> Any:
        hidden = [[ag.tanh(w[3 * at] * x[0] + w[3 * at + 1] * x[1] + w[3 * at + 2] * x[2]) for at in range(6)]
                  for x in X]
        picked = [each[at % 6] * each[at * at % 6] * w[at * 7 % 18] for at, each in enumerate(hidden)]
        return sum(picked) + sum(ag.square(sum(w[18 + at] * each[at] for at in range(6))) for each in hidden)

    assert_same(f, rng.normal(size=24))


def test_rosenbrock_takes_and_gives_lists_numbers_and_arrays() -> None:
    def rosenbrock(x: Any) -> Any:
        return sum(100 * (after - before**2) ** 2 + (1 - before) ** 2 for before, after in pairwise(x))

    program = ag.compile(rosenbrock, backend="native")
    expected = ag.compile(rosenbrock).value_and_grad([0.5, -1.0, 2.0])
    assert program.value_and_grad([0.5, -1.0, 2.0]) == expected
    value, gradient = program.value_and_grad(np.array([0.5, -1.0, 2.0]))
    assert value == expected[0] and gradient.tolist() == expected[1]
    for strange in (np.array([0.5, 0.0, -1.0, 0.0, 2.0])[::2], np.array([0.5, -1.0, 2.0], dtype=np.float32)):
        assert program.value_and_grad(strange)[1].tolist() == expected[1]
    one = ag.compile(lambda x: x**3, backend="native")
    assert one.value_and_grad(2.0) == (8.0, 12.0) and type(one.value_and_grad(2.0)[1]) is float


def test_closed_over_leaves_are_read_on_every_call() -> None:
    scale = ag.Value(2.0, "scale")
    program = ag.compile(lambda x: ag.sin(x) * scale, lanes="x", backend="native")
    x = np.array([0.1, 0.4])
    np.testing.assert_allclose(program(x), 2.0 * np.sin(x).mean())
    scale.data = 3.0
    value, gradient = program.value_and_grad(x)
    np.testing.assert_allclose(value, 3.0 * np.sin(x).mean())
    np.testing.assert_allclose(gradient, [np.sin(x).mean()])


FAILING = [
    (lambda x: ag.log(x[0]) + x[1], [0.0, 1.0]),
    (lambda x: ag.exp(ag.log(x[0])) + x[1], [0.0, 1.0]),
    (lambda x: ag.div(1.0, ag.div(1.0, x[0])) + x[1], [0.0, 1.0]),
    (lambda x: ag.sqrt(x[0] - x[1]), [0.0, 1.0]),
    (lambda x: ag.minimum(ag.atanh(x[0]), 1.0) * x[1], [1.0, 1.0]),
    (lambda x: ag.pow(x[0], x[1]), [-8.0, 1.0 / 3.0]),
    (lambda x: ag.atan2(x[0], x[1]), [0.0, 0.0]),
]


@pytest.mark.parametrize(("f", "point"), FAILING)
def test_outside_a_domain_the_error_is_eagers_own(f: Any, point: list[float]) -> None:
    program = ag.compile(f, backend="native")
    with_lanes = ag.compile(lambda w, x: w * f(x), lanes="x", backend="native")
    with pytest.raises(DomainError) as eager:
        f(point)
    with pytest.raises(DomainError) as found:
        program.value_and_grad(np.array(point))
    assert str(found.value) == str(eager.value)
    with pytest.raises(DomainError, match="is not defined"):
        with_lanes.value_and_grad(2.0, np.array([[0.5, 0.25], point]))


ENDS = [
    (lambda x: ag.exp(x[0]) + x[1], [1000.0, 1.0]),
    (lambda x: ag.sqrt(x[0]) + x[1], [0.0, 1.0]),
    (lambda x: ag.sin(x[0]) + x[1], [math.inf, 1.0]),
    (lambda x: ag.relu(x[0]) + x[1], [math.nan, 1.0]),
    (lambda x: ag.sigmoid(x[0]) + ag.softplus(x[1]), [-1000.0, 1000.0]),
    (lambda x: ag.logsumexp([x[0], x[1]]), [-1000.0, 1000.0]),
]


@pytest.mark.parametrize(("f", "point"), ENDS)
def test_inf_and_nan_are_those_of_python(f: Any, point: list[float]) -> None:
    expected = ag.compile(f).value_and_grad(point)
    found = ag.compile(f, backend="native").value_and_grad(point)
    np.testing.assert_array_equal(np.array([found[0], *found[1]]), np.array([expected[0], *expected[1]]))


def test_results_are_new_and_threads_do_not_meet() -> None:
    program = ag.compile(network, lanes=("x", "target"), backend="native")
    given = [numbers(count) for count in range(2, 40)]
    expected = [program.value_and_grad(*each) for each in given]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda each: program.value_and_grad(*each), given))
    for (value, gradient), (wanted, old) in zip(found, expected, strict=True):
        assert value == wanted and gradient is not old
        np.testing.assert_array_equal(gradient, old)


def test_what_runs_is_said_and_shown() -> None:
    f = lambda w, x: ag.tanh(w[0] * x + w[1])  # noqa: E731
    built, plain = ag.compile(f, lanes="x", backend="native"), ag.compile(f, lanes="x")
    assert (built.backend, plain.backend) == ("native", "python")
    built(np.ones(2), np.ones(3))
    assert "for n in range(lanes):" in built.source
    assert "w_bar" in built.source


BAD_CALLS = [
    ({"backend": "numba"}, r"backend is 'auto', 'python' or 'native'; got 'numba'"),
    ({"backend": "native", "optimize": False}, "optimize=False keeps eager's every bit"),
]


@pytest.mark.parametrize(("settings", "message"), BAD_CALLS)
def test_settings_that_exclude_each_other(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(OperandError, match=message):
        ag.compile(lambda x: x * x, **settings)


def test_a_program_that_numba_cannot_build_says_why() -> None:
    table = {0.0: 1.0}
    odd = Primitive("odd", lambda x: table.get(x, 2.0) * x, lambda x: 2.0 * x, None, (lambda out, x: 2.0,),
                    TABLE[0].domain, None)
    program = ag.compile(lambda x: odd(x) * x, backend="native")
    with pytest.raises(OperandError, match=r"cannot become machine code: Numba refused: .*backend='python'"):
        program(1.0)


def test_a_program_that_would_take_minutes_is_refused() -> None:
    def f(x: Any) -> Any:
        for at in range(1, 800):
            x = ag.sin(x * at) if at % 2 else ag.exp(x / at)
        return x

    with pytest.raises(OperandError, match="more than 2000 lines, which would take minutes"):
        ag.compile(f, backend="native")(0.5)


SCRIPT = """
import sys, warnings
warnings.simplefilter("error")
import autograd_core as ag
program = ag.compile(lambda w, x: ag.tanh(w * x) / (1.0 + w * w), lanes="x", backend="native")
print(repr(program.value_and_grad(0.5, [1.0, 2.0])), program.trace(0.5, [1.0]).is_from_cache)
"""


def run(folder: Path) -> str:
    environment = {**os.environ, native.CACHE_VARIABLE: str(folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_next_process_finds_the_build_and_a_damaged_one_is_made_anew(tmp_path: Path) -> None:
    kept = tmp_path / "builds"
    first = run(kept)
    assert first.endswith("False")
    assert run(kept) == first.replace("False", "True")
    for each in kept.rglob("*.nbc"):
        each.write_bytes(b"damaged")
    assert run(kept) == first
    for each in kept.rglob("*.nbi"):
        each.write_bytes(b"")
    assert run(kept) == first


def test_a_folder_that_cannot_be_used_keeps_nothing(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    assert run(in_the_way).endswith("False")
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    assert run(open_to_all).endswith("False")
    assert list(open_to_all.iterdir()) == []


def test_without_numba_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match=r"numba is not installed. It comes with the extra 'native'"):
        ag.compile(lambda x: x * x, backend="native")


def test_read_only_arrays_and_conditions_used_again() -> None:
    x = np.array([1.0, 2.0, 3.0])
    x.setflags(write=False)
    w = np.ones(1)
    w.setflags(write=False)
    program = ag.compile(lambda w, x: w[0] * x * x, lanes="x", backend="native")
    for _ in range(2):
        value, gradient = program.value_and_grad(w, x)
        assert value == pytest.approx(14.0 / 3.0) and gradient == pytest.approx([14.0 / 3.0])
    f = lambda w, x: ag.where(w + x, ag.sin(w + x), 2.0)  # noqa: E731
    found = ag.compile(f, lanes="x", backend="native").value_and_grad(0.5, x)
    assert found == pytest.approx(ag.compile(f, lanes="x").value_and_grad(0.5, x))


def test_a_constant_outside_the_domain_is_refused_with_the_reason() -> None:
    with pytest.raises(OperandError, match="a constant in it is outside an operation's domain"):
        ag.compile(lambda w: w / 0.0, backend="native")(1.0)
