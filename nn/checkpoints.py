"""Checkpoints: a model or a whole run of training in one safetensors file, read back whole or not at all.

The file holds the tensors ``model.<name>``, and of a run also ``best.<name>``, ``optimizer.<slot>`` and
``history.<curve>``.  Everything else is one JSON text in the file's metadata, under the name of the format.
"""

from __future__ import annotations

import hashlib
import json
import os
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from autograd_core import __version__
from autograd_core.extras import require
from autograd_core.files import save_as
from autograd_core.operand_checks import shown
from nn.errors import CheckpointError, SettingError
from nn.history import History
from nn.module import Module
from nn.optimizers import OptimizerState
from nn.random_generators import Holders, generator_holders, generator_in, put_generators, states_and_numbers
from nn.settings import COUNT, Settings
from nn.training_run import Training

FORMAT = "autograd-core checkpoint"
VERSION = 1
ENDING = ".safetensors"
ANOTHER_COPY = "Take another copy of it, or an older checkpoint."
KINDS = {int: "a whole number", str: "a text", dict: "a table", list: "a list"}

FilePath = str | os.PathLike[str]
Arrays = Mapping[str, np.ndarray]


def save(path: FilePath, saved: Module | Training) -> None:
    """Write a model, or a run of training as callbacks are given it, to a ``.safetensors`` file.

    Of a model its parameters and arrays are kept, of a run everything that ``fit(..., resume=path)`` needs.
    A file of that name is replaced at once, so that whenever the program is killed the old file or the new one
    is there.  Needs the extra ``training``.  Raises :class:`CheckpointError` for another ending and for a model
    with nan or inf, ``OSError`` for a place that cannot be written; the old file then stays.

    >>> import tempfile
    >>> from nn import MLP
    >>> model, copy = MLP([2, 3, 1], rng=0), MLP([2, 3, 1], rng=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(folder + "/model.safetensors", model)
    ...     load(folder + "/model.safetensors", copy)
    >>> float(copy.predict([[1.0, 2.0]])[0] - model.predict([[1.0, 2.0]])[0])
    0.0
    """
    if not isinstance(saved, (Module, Training)):
        raise SettingError(
            f"save takes a path, then a model or the run a callback is given; got {shown(saved)}. "
            f'Write save("model{ENDING}", model).'
        )
    _require_ending(path)
    save_as(path, {ENDING: lambda: _file_of(saved)}, "A checkpoint is saved")


def load(path: FilePath, model: Module) -> None:
    """Set the model's parameters and arrays from a checkpoint of a model or of a run.

    Needs the extra ``training``.  Raises :class:`CheckpointError` for a file that is damaged, in another format, of a
    future version or of another model, and ``FileNotFoundError``; the model is then as it was.
    """
    if not isinstance(model, Module):
        raise SettingError(
            f"load takes a path, then a model; got {shown(model)}. Write load(path, model), or fit(..., resume=path)."
        )
    model.load_state_dict(_read(path).model_state("model", model))


def load_training(path: FilePath, run: Training) -> None:
    """Set a fresh run, made by the same call of ``fit``, to where the saved one was.

    That is its model, optimizer state, history, best state and random generators, which are shared among
    modules as they were.  The optimizer is of the same class; its settings may be others.  Why the saved run
    ended is forgotten.  Needs the extra ``training``.  Raises :class:`CheckpointError` as ``load`` does, and for a
    checkpoint of a model alone or of another optimizer; the run is then as it was.
    """
    saved = _read(path)
    saved.require_run()
    state = saved.model_state("model", run.model)
    best = saved.model_state("best", run.model) if saved.group("best") else None
    optimizer_state, history = saved.optimizer_state(run), saved.history()
    holders = _generator_holders(run)
    numbers, generators = saved.generators(holders)
    run.model.load_state_dict(state)
    put_generators(holders, numbers, generators)
    run.optimizer_state, run.history, run.best = optimizer_state, history, best


@dataclass(frozen=True)
class Checkpoint(Settings):
    """A callback that saves the run after every so many epochs: ``fit(..., callbacks=[Checkpoint(path, every=10)])``.

    Each file replaces the one before.  Raises :class:`CheckpointError` for an ending other than ``.safetensors``
    and :class:`SettingError` unless ``every`` is a whole number, at least 1.

    >>> Checkpoint("run.safetensors", every=10)
    Checkpoint(path='run.safetensors', every=10)
    """

    path: FilePath
    every: int = 1

    def __post_init__(self) -> None:
        _require_ending(self.path)
        self.require("every", COUNT, 10)

    def __call__(self, run: Training) -> None:
        """Save the run if it is time."""
        if run.epoch % self.every == 0:
            save(self.path, run)


# --- writing ------------------------------------------------------------------------------------


def _require_ending(path: FilePath) -> None:
    ending = Path(path).suffix
    if ending.lower() != ENDING:
        raise CheckpointError(
            f"A checkpoint ends in {ENDING}; {Path(path).name!r} ends in {ending or 'nothing of the kind'}. "
            f"Write {Path(path).stem + ENDING!r}."
        )


def _file_of(saved: Module | Training) -> bytes:
    model = saved if isinstance(saved, Module) else saved.model
    groups: dict[str, Arrays] = {"model": model.state_dict()}
    run = None
    for name, array in groups["model"].items():
        if not np.isfinite(array).all():
            raise CheckpointError(
                f"A checkpoint holds finite numbers; the model's {name} has nan or inf. Nothing was written. "
                "Lower the learning rate, or load the last checkpoint."
            )
    if isinstance(saved, Training):
        groups |= {"best": saved.best or {}, "optimizer": saved.optimizer_state.slots, "history": saved.history.curves}
        run = _description_of_run(saved)
    tensors = {
        f"{group}.{name}": np.array(array, dtype=np.int64 if array.dtype.kind == "i" else np.float64, order="C")
        for group, arrays in groups.items()
        for name, array in arrays.items()
    }
    unsigned = json.dumps({"version": VERSION, "sha256": "", "library": __version__, "model": repr(model), "run": run})
    text = _with_digest(unsigned, "", _digest(unsigned, tensors))
    written: bytes = require("safetensors.numpy", "training", "Checkpoints").save(tensors, {FORMAT: text})
    return written


def _description_of_run(run: Training) -> dict[str, Any]:
    states, numbers = states_and_numbers(_generator_holders(run))
    return {
        "optimizer": type(run.optimizer).__name__,
        "settings": repr(run.optimizer),
        "step": int(run.optimizer_state.step),
        "states": states,
        "generators": numbers,
    }


def _generator_holders(run: Training) -> Holders:
    return {"shuffler": (run, "shuffler"), **generator_holders(run.model, "model")}


def _digest(unsigned: str, tensors: Arrays) -> str:
    found = hashlib.sha256(unsigned.encode())
    for name in sorted(tensors):
        found.update(f"\n{name} {tensors[name].dtype} {tensors[name].shape}\n".encode())
        found.update(tensors[name].tobytes())
    return found.hexdigest()


def _with_digest(text: str, old: str, new: str) -> str:
    """The text with another digest; the first such entry is the digest, what follows may be anyone's."""
    return text.replace(f'"sha256": {json.dumps(old)}', f'"sha256": {json.dumps(new)}', 1)


# --- reading ------------------------------------------------------------------------------------


def _read(path: FilePath) -> _Saved:
    """The contents of a file, whole and as they were written; whose they are is checked afterwards."""
    library = require("safetensors", "training", "Checkpoints")
    name = repr(str(path))
    if not Path(path).exists():
        raise FileNotFoundError(
            f"There is no checkpoint {name}. Look at the folder and at the name, which ends in {ENDING}."
        )
    if not Path(path).is_file():
        raise CheckpointError(f"A checkpoint is a file; {name} is a folder or a device. Name the file in it.")
    try:
        with library.safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(FORMAT)
            if text is None:
                raise CheckpointError(
                    f"{name} is a safetensors file, but not a checkpoint that nn.save wrote. Give its arrays, from "
                    "safetensors.numpy.load_file, to model.load_state_dict."
                )
            content = _content(text, name)
            tensors = _tensors(file, name)
    except library.SafetensorError as problem:
        raise CheckpointError(
            f"{name} cannot be read as a safetensors file ({shown(str(problem))}): it is damaged, cut short or of "
            f"another kind. {ANOTHER_COPY}"
        ) from problem
    digest = _entry(content, "sha256", str, name)
    if digest != _digest(_with_digest(text, digest, ""), tensors):
        raise _damaged(name, "its contents do not have the SHA-256 they were saved with")
    return _Saved(name, content, tensors)


def _content(text: str, name: str) -> dict[str, Any]:
    try:
        content = json.loads(text, parse_int=_whole_number)
    except (ValueError, RecursionError) as problem:
        raise _damaged(name, f"its description is no JSON ({shown(str(problem))})") from problem
    if not isinstance(content, dict):
        raise _damaged(name, f"its description is {shown(content)}, no table")
    version = _entry(content, "version", int, name)
    if version > VERSION:
        raise CheckpointError(
            f"{name} was written by version {version} of the format; this library reads version {VERSION}: "
            "upgrade autograd-core."
        )
    if version < VERSION:
        raise _damaged(name, f"its format has version {version}, which there never was")
    return content


def _whole_number(digits: str) -> int:
    if len(digits) > 40:  # a generator's state has 128 bits; more digits take Python quadratic time
        raise ValueError(f"an integer of {len(digits)} digits")
    return int(digits)


def _tensors(file: Any, name: str) -> dict[str, np.ndarray]:
    found = {}
    names = file.keys()
    for tensor in names:
        kind = file.get_slice(tensor).get_dtype()
        if kind not in ("F64", "I64"):
            raise _damaged(name, f"its {tensor} has numbers of the type {kind}, where F64 or I64 is needed")
        try:
            found[tensor] = np.array(file.get_tensor(tensor))
        except (ValueError, MemoryError) as problem:
            raise _damaged(name, f"its {tensor} cannot be an array ({problem})") from problem
    return found


def _damaged(name: str, because: str) -> CheckpointError:
    return CheckpointError(f"{name} is damaged: {because}. {ANOTHER_COPY}")


def _entry(table: Mapping[str, Any], key: str, kind: type, name: str) -> Any:
    """``table[key]``, if it is of exactly this type."""
    if key not in table:
        raise _damaged(name, f"its description lacks {key!r}")
    if type(table[key]) is not kind:
        raise _damaged(name, f"{key!r} in its description is {shown(table[key])}, not {KINDS[kind]}")
    return table[key]


@dataclass(frozen=True)
class _Saved:
    """What a file holds, and the checks that it fits the model and the run it is read for."""

    name: str
    content: dict[str, Any]
    tensors: dict[str, np.ndarray]

    def group(self, prefix: str) -> dict[str, np.ndarray]:
        """The tensors ``prefix.<name>``, by name."""
        start = f"{prefix}."
        return {name.removeprefix(start): array for name, array in self.tensors.items() if name.startswith(start)}

    def of_run(self, key: str, kind: type) -> Any:
        """An entry in the description of the run."""
        return _entry(_entry(self.content, "run", dict, self.name), key, kind, self.name)

    def require_run(self) -> None:
        if self.content.get("run") is None:
            raise CheckpointError(
                f"{self.name} holds a model alone; to resume takes one of a run, as Checkpoint(path) saves it. "
                "Write load(path, model) to begin with this model."
            )

    def model_state(self, group: str, model: Module) -> dict[str, np.ndarray]:
        state = self.group(group)
        saved_as = _entry(self.content, "model", str, self.name)
        misfits = _misfits(state, model.state_dict())
        if misfits:
            raise CheckpointError(
                f"{self.name} holds another model: {_cut(saved_as)}, and this one is {_cut(repr(model))}. "
                f"{misfits}. Build the model as it was saved."
            )
        for name, array in state.items():
            if not np.isfinite(array).all():
                raise _damaged(self.name, f"its {group}.{name} holds nan or inf, and a model needs finite numbers")
        return state

    def optimizer_state(self, run: Training) -> OptimizerState:
        own = type(run.optimizer).__name__
        saved_as = self.of_run("optimizer", str)
        settings, step, slots = self.of_run("settings", str), self.of_run("step", int), self.group("optimizer")
        if saved_as != own:
            raise CheckpointError(
                f"{self.name} was saved with the optimizer {saved_as}, and this run has {own}. "
                f"Write optimizer={_cut(settings)} to resume, or load(path, model) to begin with this model."
            )
        misfits = _misfits(slots, run.optimizer_state.slots)
        if misfits:
            raise CheckpointError(
                f"{self.name} does not fit this run's {own}: {misfits}. "
                "Build the model and the optimizer as they were saved."
            )
        if step < 0:
            raise _damaged(self.name, f"'step' in its description is {step}, which is no number of updates")
        return OptimizerState(step, slots)

    def history(self) -> History:
        curves = self.group("history")
        known = {each.name for each in fields(History)} - {"stopped_because"}
        shapes = {curve.shape for curve in curves.values()}
        if curves.keys() - known or len(shapes) > 1 or any(len(shape) != 1 for shape in shapes):
            raise _damaged(self.name, "its history is not made of equally long curves")
        return History(**{name: curve.tolist() for name, curve in curves.items()})

    def generators(self, holders: Holders) -> tuple[dict[str, int], list[np.random.Generator]]:
        """Which generator each holder has, by number, and the generators in their saved states."""
        numbers = self.of_run("generators", dict)
        states = self.of_run("states", list)
        if numbers.keys() != holders.keys():
            raise CheckpointError(
                f"{self.name} has random generators for {', '.join(numbers)}; this run has them in "
                f"{', '.join(holders)}. Build the model as it was saved."
            )
        for path in numbers:
            number = _entry(numbers, path, int, self.name)
            if number not in range(len(states)):
                raise _damaged(self.name, f"{path!r} in its description is {number}, of {len(states)} generators")
        try:
            return numbers, [generator_in(state) for state in states]
        except ValueError as problem:
            raise _damaged(self.name, f"its random generators are none ({problem})") from problem


def _misfits(saved: Arrays, own: Arrays) -> str:
    """Which arrays are not in both or have another shape, in words; nothing if all fit."""
    found = []
    for name in [*own, *(name for name in saved if name not in own)]:
        if name not in own:
            found.append(f"{name} {saved[name].shape} is only in the file")
        elif name not in saved:
            found.append(f"{name} {own[name].shape} is only here")
        elif saved[name].shape != own[name].shape:
            found.append(f"{name} has shape {saved[name].shape} in the file and {own[name].shape} here")
    more = f"; {len(found) - 4} more do not fit" if len(found) > 4 else ""
    return "; ".join(found[:4]) + more


def _cut(text: str) -> str:
    return textwrap.shorten(text, 200, placeholder=" ...")
