"""Checkpoints: what is saved comes back, a resumed run is the run that was never stopped, and files are whole."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograd_core import Parameter, __version__
from nn import (
    L2,
    MLP,
    SGD,
    Activation,
    Adagrad,
    Adam,
    AdamW,
    BatchNorm,
    ClipNorm,
    CosineDecay,
    Dropout,
    EarlyStopping,
    History,
    Linear,
    Momentum,
    Nesterov,
    RMSprop,
    Sequential,
    SettingError,
    StepDecay,
    WarmUp,
    fit,
)
from nn.checkpoints import FORMAT, Checkpoint, load, load_training, save
from nn.errors import CheckpointError
from nn.module import Module
from nn.training_run import Training

safetensors = pytest.importorskip("safetensors.numpy")

DATA = np.random.default_rng(7)
X, X_HELD_OUT = DATA.normal(size=(11, 2)), DATA.normal(size=(5, 2))
Y, Y_HELD_OUT = np.sin(X[:, 0]) * X[:, 1], np.sin(X_HELD_OUT[:, 0]) * X_HELD_OUT[:, 1]
EPOCHS = 5


class Odd(Module):
    """A parameter alone, an array in Fortran's order, one without dimensions and one of integers."""

    def __init__(self, start: float = 0.0) -> None:
        self.weight = Parameter(start)
        self.table = np.asfortranarray(np.arange(6.0).reshape(2, 3) + start)
        self.number = np.array(start)  # type: ignore[assignment]
        self.counts = np.arange(3) + int(start)
        self.nothing = np.zeros((0, 2))

    def forward(self, examples: Any) -> list[list[Any]]:
        return [[self.weight * scalar for scalar in example] for example in examples]


def stochastic(rng: int = 0) -> Module:
    """A network with every module that has a state, of its own or from a generator."""
    return MLP([2, 3, 3, 1], norm="batch", keep=0.8, rng=rng)


def same_state(one: Module, other: Module) -> bool:
    mine, others = one.state_dict(), other.state_dict()
    return mine.keys() == others.keys() and all(mine[name].tobytes() == others[name].tobytes() for name in mine)


def generator_states(model: Module) -> list[Any]:
    return [json.dumps(each.rng.bit_generator.state, default=np.ndarray.tolist)
            for each in model.modules() if isinstance(each, Dropout)]


def fresh_run(model: Module, optimizer: Any = None, rng: Any = 0) -> Training:
    optimizer = optimizer or SGD(0.1)
    start = optimizer.start([parameter.data for parameter in model.parameters()])
    return Training(model, optimizer, start, np.random.default_rng(rng))


# --- what is saved comes back -------------------------------------------------------------------

MODELS: list[Callable[[int], Module]] = [
    lambda rng: MLP([2, 3, 1], rng=rng),
    stochastic,
    lambda rng: Sequential(Linear(2, 2, bias=False, rng=rng), BatchNorm(2, scale_and_shift=False), Activation("relu")),
    lambda rng: Dropout(keep=0.5, rng=rng),
    lambda rng: Odd(float(rng)),
]


@pytest.mark.parametrize("build", MODELS)
@pytest.mark.parametrize("whole_run", [False, True])
def test_a_model_comes_back_exactly(build: Callable[[int], Module], whole_run: bool, tmp_path: Path) -> None:
    saved, found = build(1), build(2)
    for at, parameter in enumerate(saved.parameters()):
        parameter.data = [-0.0, 5e-324, 1 / 3, 1.7e308][at % 4]
    save(tmp_path / "model.safetensors", fresh_run(saved) if whole_run else saved)
    load(tmp_path / "model.safetensors", found)
    assert same_state(saved, found)


def test_the_file_is_open_to_any_reader_of_safetensors(tmp_path: Path) -> None:
    path, model = tmp_path / "run.safetensors", MLP([1, 1], keep=0.5, rng=0)
    fit(model, X[:, :1], Y, epochs=3, optimizer=Momentum(0.1), stop=EarlyStopping(), callbacks=[Checkpoint(path)])
    assert sorted(safetensors.load_file(path)) == [
        "best.0.bias", "best.0.weight", "history.examples", "history.gradient_norm", "history.learning_rate",
        "history.loss", "history.penalty", "history.updates", "model.0.bias", "model.0.weight", "optimizer.velocity",
    ]
    content = description(path)
    assert len(content.pop("sha256")) == 64
    [shuffler] = content["run"].pop("states")
    assert shuffler["bit_generator"] == "PCG64"
    assert content == {
        "version": 1, "library": __version__, "model": "Sequential(Linear(1, 1))",
        "run": {"optimizer": "Momentum", "settings": "Momentum(learning_rate=0.1, momentum=0.9)", "step": 3,
                "generators": {"shuffler": 0}},
    }


def description(path: Path) -> dict[str, Any]:
    header = path.read_bytes()
    length = int.from_bytes(header[:8], "little")
    found: dict[str, Any] = json.loads(json.loads(header[8 : 8 + length])["__metadata__"][FORMAT])
    return found


def test_equal_runs_write_equal_files(tmp_path: Path) -> None:
    for name in ("one", "other"):
        fit(stochastic(), X, Y, epochs=2, batch_size=3, callbacks=[Checkpoint(tmp_path / f"{name}.safetensors")])
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "other.safetensors").read_bytes()


def test_an_infinite_validation_loss_and_moving_average_come_back(tmp_path: Path) -> None:
    model, found = MLP([1, 1], init="zeros"), MLP([1, 1], init="zeros")
    run, other = fresh_run(model, Momentum()), fresh_run(found, Momentum())
    run.history = History([1.0], [0.0], [np.inf], [3.0], [0.1], [2], [8])
    run.optimizer_state.slots["velocity"][:] = np.inf
    save(tmp_path / "run.safetensors", run)
    load_training(tmp_path / "run.safetensors", other)
    assert other.history == run.history
    assert [type(curve[0]) for curve in other.history.to_dict().values()] == [int, *[float] * 5, int, int]
    assert other.optimizer_state.slots["velocity"].tolist() == [np.inf, np.inf]


# --- a resumed run ------------------------------------------------------------------------------

SCHEDULE = WarmUp(CosineDecay(0.1, steps=15), steps=4)
RUNS: dict[str, dict[str, Any]] = {
    "batch": {},
    "stochastic": {"batch_size": 1, "optimizer": Adam(0.01), "model": lambda: MLP([2, 3, 1], keep=0.5)},
    "validation, penalty, clip": {"batch_size": 3, "validation": (X_HELD_OUT, Y_HELD_OUT), "penalty": L2(0.01),
                                  "clip": ClipNorm(0.1), "rng": 5},
    "early stopping": {"batch_size": 3, "optimizer": SGD(0.9), "epochs": 20, "stop": EarlyStopping(patience=3),
                       "validation": (X_HELD_OUT, Y_HELD_OUT), "ends": "no improvement in 3 epochs"},
    "keeping the last": {"epochs": 20, "batch_size": 3, "optimizer": Adam(0.5), "ends": "no improvement in 2 epochs",
                         "stop": EarlyStopping(patience=2, restore_best=False)},
} | {
    f"{kind.__name__}, {rate}": {"batch_size": 4, "optimizer": kind(rate)}
    for kind in (SGD, Momentum, Nesterov, RMSprop, Adagrad, Adam, AdamW)
    for rate in (0.05, SCHEDULE if kind is not SGD else StepDecay(0.1, every=4))
}


def trained(given: dict[str, Any], **more: Any) -> tuple[Module, History]:
    settings = {"epochs": EPOCHS, **given, **more}
    model = settings.pop("model", stochastic)()
    settings.pop("ends", None)
    return model, fit(model, X, Y, **settings)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_resumed_at_any_epoch_is_the_run_that_was_never_stopped(name: str, tmp_path: Path) -> None:
    saved = []

    def keep(run: Training) -> None:
        saved.append(tmp_path / f"{run.epoch}.safetensors")
        save(saved[-1], run)

    model, history = trained(RUNS[name], callbacks=[keep])
    assert history.stopped_because == RUNS[name].get("ends", f"all {EPOCHS} epochs done")
    assert len(saved) == history.epochs
    for path in saved:
        resumed, its_history = trained(RUNS[name], resume=path)
        assert same_state(resumed, model), path.name
        assert its_history == history, path.name
        assert generator_states(resumed) == generator_states(model), path.name


def test_a_resumed_run_saves_the_same_checkpoints(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    trained(RUNS["early stopping"], epochs=6, callbacks=[Checkpoint(whole)])
    for epochs in range(1, 7):
        trained(RUNS["early stopping"], epochs=epochs, callbacks=[Checkpoint(parts)],
                resume=parts if epochs > 1 else None)
    assert parts.read_bytes() == whole.read_bytes()


def test_resuming_takes_other_settings_of_the_optimizer_and_forgets_why_the_run_ended(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    run = fresh_run(MLP([2, 1]), Adam(0.1))
    run.history = History(loss=[1.0], stopped_because="interrupted in epoch 2")
    save(path, run)
    other = fresh_run(MLP([2, 1]), Adam(0.01))
    load_training(path, other)
    assert other.optimizer == Adam(0.01)
    assert other.history == History(loss=[1.0])


# --- random generators --------------------------------------------------------------------------


def two_dropouts(first: Any, second: Any) -> Module:
    dropouts = Dropout(keep=0.5, rng=0), Dropout(keep=0.5, rng=0)
    for dropout, generator in zip(dropouts, (first, second), strict=True):
        dropout.rng = generator  # which others may hold too
    return Sequential(Linear(2, 3), dropouts[0], Activation("tanh"), dropouts[1], Linear(3, 1))


def generators(pattern: str) -> list[np.random.Generator]:
    """The shuffler's and two dropouts' generators; equal letters share one."""
    made = {letter: np.random.default_rng(ord(letter)) for letter in pattern}
    return [made[letter] for letter in pattern]


@pytest.mark.parametrize("before, after", [*itertools.product(["aaa", "aab", "aba", "abb", "abc"], repeat=2)])
def test_generators_are_shared_as_they_were(before: str, after: str, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"

    def drawn(pattern: str, **settings: Any) -> tuple[Module, History]:
        shuffler, *others = generators(pattern)
        model = two_dropouts(*others)
        return model, fit(model, X, Y, batch_size=4, rng=shuffler, **settings)

    model, history = drawn(before, epochs=3)
    drawn(before, epochs=1, callbacks=[Checkpoint(path)])
    resumed, its_history = drawn(after, epochs=3, resume=path)
    assert same_state(resumed, model)
    assert its_history == history


def test_a_generator_that_others_hold_too_is_continued_itself(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    shuffler, first, second = generators("abb")
    save(path, fresh_run(two_dropouts(first, second), rng=shuffler))
    expected = [shuffler.random(), first.random()]
    shuffler, first, second = generators("xyy")
    run = fresh_run(two_dropouts(first, second), rng=shuffler)
    load_training(path, run)
    assert [shuffler.random(), first.random()] == expected
    assert run.shuffler is shuffler


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_every_generator_of_numpy_comes_back(kind: str, tmp_path: Path) -> None:
    path, made = tmp_path / "run.safetensors", getattr(np.random, kind)
    generator = np.random.Generator(made(3))
    generator.integers(10, size=5, dtype=np.uint32)  # leaves half of a drawn number over
    save(path, fresh_run(MLP([1, 1]), rng=generator))
    for other in (np.random.Generator(made(4)), np.random.default_rng(4), np.random.Generator(np.random.MT19937(4))):
        run = fresh_run(MLP([1, 1]), rng=other)
        load_training(path, run)
        again = np.random.Generator(made(3))
        again.integers(10, size=5, dtype=np.uint32)
        assert run.shuffler.integers(100, size=700, dtype=np.uint32).tolist() == again.integers(
            100, size=700, dtype=np.uint32).tolist()


# --- the callback -------------------------------------------------------------------------------


def test_the_callback_saves_every_so_many_epochs(tmp_path: Path) -> None:
    seen = []

    def steps(run: Training) -> None:
        path = tmp_path / "run.safetensors"
        seen.append(description(path)["run"]["step"] if path.exists() else 0)

    fit(MLP([2, 1]), X, Y, epochs=7, callbacks=[Checkpoint(tmp_path / "run.safetensors", every=3), steps])
    assert seen == [0, 0, 3, 3, 3, 6, 6]
    assert os.listdir(tmp_path) == ["run.safetensors"]


@pytest.mark.parametrize("every", [0, -1, 1.5, "2", None, True])
def test_the_callback_refuses_what_is_no_number_of_epochs(every: Any) -> None:
    with pytest.raises(SettingError, match=r"^Checkpoint: every must be a whole number, 1 or more; got "):
        Checkpoint("run.safetensors", every)


# --- files are whole ----------------------------------------------------------------------------

CHILDREN = """
import os, signal, sys
from nn import MLP
from nn.checkpoints import load, save

path, old, new, found = sys.argv[1], MLP([1, 1], rng=1), MLP([1, 1], rng=2), MLP([1, 1])

def held():
    load(path, found)
    return ["old", "new"][[each.state_dict()["0.weight"].tolist() for each in (old, new)].index(
        found.state_dict()["0.weight"].tolist())]

def killed_at(line):
    "Whether a child that saves was killed at that line of Python, counted from where it begins to write."
    child = os.fork()
    if not child:
        seen = 0
        def trace(frame, event, argument):
            nonlocal seen
            seen += event == "line" if seen else frame.f_code.co_name == "write_files"
            if seen == line:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace
        sys.settrace(trace)
        save(path, new)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])

def killed_after(saves):
    "Kill a child in the midst of saving one and the other, at a moment the system chooses."
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        while True:
            for model in (new, old):
                save(path, model)
                os.write(writing, b".")
    os.read(reading, 1)
    for _ in range(saves):
        os.read(reading, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reading), os.close(writing)

save(path, old)
line, outcomes = 1, []
while killed_at(line):
    outcomes.append(held())
    line += 1
print(" ".join(outcomes))
print(" ".join((killed_after(saves), held())[1] for saves in range(40)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the children are forked")
def test_killed_at_any_point_the_old_file_or_the_new_one_is_there(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHILDREN, str(tmp_path / "model.safetensors")]
    alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=alone)
    assert done.returncode == 0, done.stderr
    at_lines, at_moments = (line.split() for line in done.stdout.splitlines())
    replaced = at_lines.index("new")
    assert replaced > 100
    assert at_lines == ["old"] * replaced + ["new"] * (len(at_lines) - replaced)
    assert len(at_moments) == 40
    assert set(at_moments) <= {"old", "new"}


@pytest.mark.parametrize("refused", ["pathlib.Path.write_bytes", "os.replace", "tempfile.mkdtemp"])
def test_a_place_that_cannot_be_written_leaves_the_old_file(
    refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    save(path, MLP([2, 1], rng=1))
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(refused, full)
        with pytest.raises(OSError, match=r"A checkpoint is saved to a place that can be written; .* cannot"):
            save(path, MLP([2, 1], rng=2))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


def test_a_model_that_could_not_be_loaded_again_is_not_saved(tmp_path: Path) -> None:
    path, model = tmp_path / "model.safetensors", MLP([2, 1])
    save(path, model)
    before = path.read_bytes()
    model.parameters()[0].data = float("nan")
    with pytest.raises(CheckpointError, match=r"the model's 0.weight has nan or inf. Nothing was writ"):
        save(path, model)
    assert path.read_bytes() == before
