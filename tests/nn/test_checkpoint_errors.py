"""Checkpoints that cannot be used: every damage is found, every message says what to do, and nothing is changed."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nn import MLP, SGD, Adam, CheckpointError, EarlyStopping, Momentum, SettingError, fit
from nn.checkpoints import FORMAT, Checkpoint, load, load_training, save
from nn.module import Module
from nn.training_run import Training

safetensors = pytest.importorskip("safetensors.numpy")

X = np.array([[0.0], [1.0], [2.0], [3.0]])
Y = np.array([1.0, 3.0, 5.0, 8.0])
Edit = Callable[[dict[str, Any], dict[str, np.ndarray]], object]


def network(rng: int = 0) -> Module:
    return MLP([1, 2, 1], keep=0.9, rng=rng)


def fresh_run(model: Module | None = None, optimizer: Any = None) -> Training:
    model, optimizer = model or network(1), optimizer or Adam(0.1)
    start = optimizer.start([parameter.data for parameter in model.parameters()])
    return Training(model, optimizer, start, np.random.default_rng(1))


@pytest.fixture
def of_model(tmp_path: Path) -> Path:
    save(tmp_path / "model.safetensors", network())
    return tmp_path / "model.safetensors"


@pytest.fixture
def of_run(tmp_path: Path) -> Path:
    path = tmp_path / "run.safetensors"
    fit(network(), X, Y, epochs=2, optimizer=Adam(0.1), stop=EarlyStopping(), callbacks=[Checkpoint(path)])
    return path


def everything(run: Training) -> str:
    """All of a run, to see whether anything was changed."""
    generators = [run.shuffler, *(module.rng for module in run.model.modules() if hasattr(module, "rng"))]
    return repr([
        {name: array.tolist() for name, array in run.model.state_dict().items()}, run.optimizer, run.optimizer_state,
        run.history, run.best, [(id(each), each.bit_generator.state) for each in generators],
    ])


def refused(path: Path | str, run: Training | None = None, model_alone: bool = False) -> str:
    """The message for a file that cannot be used; fails if anything was changed."""
    run = run or fresh_run()
    before = everything(run)
    with pytest.raises(CheckpointError) as caught:
        if model_alone:
            load(path, run.model)
        else:
            load_training(path, run)
    assert everything(run) == before
    return str(caught.value)


# --- damage -------------------------------------------------------------------------------------


def require_found(path: Path, bits: range, model_alone: bool) -> None:
    """Flip one bit at a time; in place, since a file system may take its time over a file that is made anew."""
    whole, run = path.read_bytes(), fresh_run()
    before = everything(run)

    def read() -> None:
        if model_alone:
            load(path, run.model)
        else:
            load_training(path, run)

    with path.open("r+b", buffering=0) as file:
        for bit in bits:
            file.seek(bit // 8)
            file.write(bytes([whole[bit // 8] ^ 1 << bit % 8]))
            with pytest.raises(CheckpointError):
                read()
                pytest.fail(f"bit {bit} was missed")
            file.seek(bit // 8)
            file.write(whole[bit // 8 : bit // 8 + 1])
    assert everything(run) == before
    read()


def test_every_flipped_bit_of_a_model_is_found(of_model: Path) -> None:
    require_found(of_model, range(8 * of_model.stat().st_size), model_alone=True)


@pytest.mark.parametrize("model_alone", [False, True])
def test_flipped_bits_of_a_run_are_found(of_run: Path, model_alone: bool) -> None:
    require_found(of_run, range(0, 8 * of_run.stat().st_size, 11), model_alone)


def test_a_file_cut_short_or_continued_is_refused(of_run: Path) -> None:
    whole, run = of_run.read_bytes(), fresh_run()
    before = everything(run)
    of_run.write_bytes(whole + b"\0")
    assert "it is damaged, cut short or of another kind" in refused(of_run, run)
    for length in reversed(range(len(whole))):
        os.truncate(of_run, length)
        with pytest.raises(CheckpointError, match="it is damaged, cut short or of another kind"):
            load_training(of_run, run)
    assert everything(run) == before


def test_bytes_exchanged_between_tensors_are_found(of_run: Path) -> None:
    whole = of_run.read_bytes()
    of_run.write_bytes(whole[:-16] + whole[-8:] + whole[-16:-8])
    assert "its contents do not have the SHA-256 they were saved with. Take another copy" in refused(of_run)


# --- what it says -------------------------------------------------------------------------------


def signed(text: str, tensors: dict[str, np.ndarray]) -> str:
    """The text with its digest, by the format's rule: the text without it, then the tensors by name."""
    found = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"\n{name} {tensor.dtype} {tensor.shape}\n".encode() + tensor.tobytes())
    return text.replace('"sha256": ""', f'"sha256": "{found.hexdigest()}"', 1)


def rewritten(path: Path, edit: Edit) -> None:
    """Change what a checkpoint holds and sign it anew."""
    header = path.read_bytes()
    length = struct.unpack("<Q", header[:8])[0]
    content = json.loads(json.loads(header[8 : 8 + length])["__metadata__"][FORMAT]) | {"sha256": ""}
    tensors = safetensors.load_file(path)
    edit(content, tensors)
    safetensors.save_file(tensors, path, {FORMAT: signed(json.dumps(content), tensors)})


def set_tensor(name: str, numbers: Any, kind: type = float) -> Edit:
    return lambda content, tensors: tensors.update({name: np.array(numbers, dtype=kind)})


def set_entry(key: str, thing: Any) -> Edit:
    return lambda content, tensors: content.update({key: thing})


def set_of_run(key: str, thing: Any) -> Edit:
    return lambda content, tensors: content["run"].update({key: thing})


def set_state(number: int, **parts: Any) -> Edit:
    return lambda content, tensors: content["run"]["states"][number].update(parts)


def tables_for_curves(content: dict[str, Any], tensors: dict[str, np.ndarray]) -> None:
    tensors.update({name: curve[None] for name, curve in tensors.items() if name.startswith("history")})


MT19937 = {"bit_generator": "MT19937", "state": {"key": [1] * 624, "pos": 624}}
PHILOX = {"bit_generator": "Philox", "state": {"counter": [0] * 4, "key": [0] * 2}, "buffer": [0] * 4,
          "buffer_pos": 4, "has_uint32": 0, "uinteger": 0}


def generators(form: dict[str, Any], **parts: Any) -> Edit:
    return set_of_run("states", [form | parts] * 2)


DAMAGED = "is damaged: {}. Take another copy of it, or an older checkpoint."
NEWER = "was written by version 2 of the format; this library reads version 1: upgrade autograd-core."
NO_GENERATOR = "its random generators are none ("
EDITS: dict[str, tuple[Edit, str]] = {
    "a future version": (set_entry("version", 2), NEWER),
    "no such version": (set_entry("version", 0), DAMAGED.format("its format has version 0, which there never was")),
    "version of text": (set_entry("version", "1"), "'version' in its description is '1', not a whole number"),
    "version of bool": (set_entry("version", True), "'version' in its description is True, not a whole number"),
    "no version": (lambda content, _: content.pop("version"), DAMAGED.format("its description lacks 'version'")),
    "digest of a number": (set_entry("sha256", 3), "'sha256' in its description is 3, not a text"),
    "no model": (lambda content, _: content.pop("model"), "its description lacks 'model'"),
    "model of numbers": (set_entry("model", [1]), "'model' in its description is [1], not a text"),
    "run of numbers": (set_entry("run", 3.5), "'run' in its description is 3.5, not a table"),
    "no optimizer": (lambda content, _: content["run"].pop("optimizer"), "its description lacks 'optimizer'"),
    "step of text": (set_of_run("step", "2"), "'step' in its description is '2', not a whole number"),
    "step of nan": (set_of_run("step", math.nan), "'step' in its description is nan, not a whole number"),
    "step below 0": (set_of_run("step", -1), "'step' in its description is -1, which is no number of updates"),
    "step too large": (set_of_run("step", 10**50), "its description is no JSON ('an integer of 51 digits')"),
    "no states": (set_of_run("states", {}), "'states' in its description is {}, not a list"),
    "states of nothing": (set_of_run("states", [None, None]), "None is of no generator known here"),
    "foreign generator": (set_state(0, bit_generator="os.system"), "is of no generator known here"),
    "unhashable generator": (set_state(0, bit_generator=[]), "is of no generator known here"),
    "generator of nothing": (set_state(0, state={}), "its random generators are none ({} stands where "),
    "generator of a float": (set_state(0, has_uint32=1.0), "its random generators are none (1.0 stands where 0 could)"),
    "generator below 0": (set_state(0, uinteger=-1), "its random generators are none (-1 stands where "),
    "generator too large": (set_state(0, uinteger=2**100), NO_GENERATOR),
    "position outside": (generators(MT19937, state={"key": [1] * 624, "pos": 625}), "none (625 stands where "),
    "position before": (generators(PHILOX, buffer_pos=-1), "none (-1 stands where 4 could)"),
    "position behind": (generators(PHILOX, buffer_pos=5), "none (5 stands where 4 could)"),
    "key too short": (generators(MT19937, state={"key": [1] * 623, "pos": 0}), NO_GENERATOR),
    "key too large": (generators(MT19937, state={"key": [2**32] * 624, "pos": 0}), NO_GENERATOR),
    "key of floats": (generators(MT19937, state={"key": [1.5] * 624, "pos": 0}), NO_GENERATOR),
    "no such generator": (set_of_run("generators", {"shuffler": 0, "model.2": 2}),
                          "'model.2' in its description is 2, of 2 generators"),
    "generator by name": (set_of_run("generators", {"shuffler": 0, "model.2": "1"}),
                          "'model.2' in its description is '1', not a whole number"),
    "dropout elsewhere": (set_of_run("generators", {"shuffler": 0, "model.1": 1}),
                          "for shuffler, model.1; this run has them in shuffler, model.2. Build the"),
    "another optimizer": (set_of_run("optimizer", "SGD"),
                          "was saved with the optimizer SGD, and this run has Adam. Write optimizer="),
    "short slot": (set_tensor("optimizer.mean", [0.0] * 6),
                   "does not fit this run's Adam: mean has shape (6,) in the file and (7,) here."),
    "foreign slot": (set_tensor("optimizer.velocity", [0.0] * 7), "Adam: velocity (7,) is only in the file."),
    "missing slot": (lambda _, tensors: tensors.pop("optimizer.mean"), "Adam: mean (7,) is only here."),
    "missing tensor": (lambda _, tensors: tensors.pop("model.0.bias"), "holds another model: "),
    "nan": (set_tensor("model.0.bias", [0.0, math.nan]), "its model.0.bias holds nan or inf, and a model"),
    "inf": (set_tensor("model.0.bias", [0.0, math.inf]), "its model.0.bias holds nan or inf, and a model"),
    "best of nan": (set_tensor("best.0.bias", [0.0, math.nan]), "its best.0.bias holds nan or inf"),
    "best of another": (set_tensor("best.0.bias", [0.0] * 3), "0.bias has shape (3,) in the file and (2,) here"),
    "half precision": (set_tensor("model.0.bias", [0.0, 0.0], np.float16), "its model.0.bias has numbers of the type"),
    "unequal curves": (set_tensor("history.loss", [1.0]), "its history is not made of equally long curves"),
    "table of a curve": (set_tensor("history.loss", [[1.0, 2.0]]), "its history is not made of equally long curves"),
    "curves as tables": (tables_for_curves, "its history is not made of equally long curves"),
    "foreign curve": (set_tensor("history.accuracy", [1.0, 2.0]), "its history is not made of equally long curves"),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_a_checkpoint_holds_is_checked(name: str, of_run: Path) -> None:
    edit, expected = EDITS[name]
    rewritten(of_run, edit)
    message = refused(of_run)
    assert expected in message
    assert message.startswith(repr(str(of_run)))


def test_signed_anew_a_checkpoint_is_accepted(of_run: Path) -> None:
    rewritten(of_run, set_entry("library", "9.9"))
    load_training(of_run, fresh_run())


TEXTS = {
    "no JSON": ("{", "its description is no JSON ("),
    "a list": ("[1]", "its description is [1], no table"),
    "a text": ('"version"', "its description is 'version', no table"),
    "nothing": ("", "its description is no JSON ("),
    "many digits": ('{"version": ' + "9" * 10**6 + "}", "its description is no JSON ('an integer of 1000000 digits')"),
    "deep": ("[" * 10**6, "its description is no JSON ("),
    "deep tables": ('{"a":' * 10**6, "its description is no JSON ("),
    "a large exponent": ('{"version": 1e999999999}', "'version' in its description is inf, not a whole number"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_description_that_is_none(name: str, tmp_path: Path) -> None:
    text, expected = TEXTS[name]
    safetensors.save_file({"model.weight": np.zeros(2)}, tmp_path / "run.safetensors", {FORMAT: text})
    assert expected in refused(tmp_path / "run.safetensors")


def header(text: str, data: bytes = b"12345678") -> bytes:
    return struct.pack("<Q", len(text)) + text.encode() + data


def tensor_of(shape: str, kind: str = "F64", end: int = 8) -> bytes:
    description = json.dumps({FORMAT: '{"version": 1}'})
    entry = f'{{"dtype": "{kind}", "shape": {shape}, "data_offsets": [0, {end}]}}'
    return header(f'{{"__metadata__": {description}, "model.w": {entry}}}', b"12345678"[:end])


UNREADABLE = "cannot be read as a safetensors file ("
NO_CHECKPOINTS = {
    "nothing": (b"", UNREADABLE),
    "text": (b"weights: 1 2 3\n" * 10, UNREADABLE),
    "pickle": (b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01K\x02e.", UNREADABLE),
    "another's": (safetensors.save({"w": np.zeros(2)}), "not a checkpoint that nn.save wrote. Give its arrays, from "),
    "another's, described": (safetensors.save({"w": np.zeros(2)}, {"format": "pt"}), "not a checkpoint that nn.save"),
    "deep header": (header('{"a":' * 10**5), UNREADABLE),
    "a huge dimension": (tensor_of("[99999999999999999999999999]"), UNREADABLE),
    "dimensions that overflow": (tensor_of("[4611686018427387904, 8]"), UNREADABLE),
    "a huge dimension of nothing": (tensor_of(f"[0, {2**62}]", end=0), "its model.w cannot be an array ("),
    "100 dimensions": (tensor_of(str([1] * 100)), "its model.w cannot be an array ("),
    "a type NumPy lacks": (tensor_of("[4]", "BF16"), "its model.w has numbers of the type BF16, where F64"),
} | {
    f"header of {length} bytes": (struct.pack("<Q", length) + b"{}", UNREADABLE)
    for length in (3, 10**6, 10**8, 10**8 + 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
}


@pytest.mark.parametrize("name", NO_CHECKPOINTS)
@pytest.mark.parametrize("model_alone", [False, True])
def test_files_that_are_no_checkpoints(name: str, model_alone: bool, tmp_path: Path) -> None:
    content, expected = NO_CHECKPOINTS[name]
    (tmp_path / "run.safetensors").write_bytes(content)
    assert expected in refused(tmp_path / "run.safetensors", model_alone=model_alone)


def test_a_checkpoint_of_a_model_alone_cannot_be_resumed(of_model: Path) -> None:
    message = refused(of_model)
    assert "holds a model alone; to resume takes one of a run, as Checkpoint(path) saves it." in message
    assert message.endswith("Write load(path, model) to begin with this model.")


@pytest.mark.parametrize("model_alone", [False, True])
def test_another_model_is_told_by_its_parts_and_shapes(of_run: Path, model_alone: bool) -> None:
    message = refused(of_run, fresh_run(MLP([1, 3, 1], bias=False)), model_alone)
    assert message == (
        f"{str(of_run)!r} holds another model: Sequential(Linear(1, 2), Activation(\"tanh\"), Dropout(keep=0.9), "
        'Linear(2, 1)), and this one is Sequential(Linear(1, 3, bias=False), Activation("tanh"), '
        "Linear(3, 1, bias=False)). 0.weight has shape (2, 1) in the file and (3, 1) here; "
        "2.weight (1, 3) is only here; 0.bias (2,) is only in the file; 3.bias (1,) is only in the file; "
        "1 more do not fit. Build the model as it was saved."
    )


@pytest.mark.parametrize("optimizer", [SGD(0.1), Momentum(0.1)])
def test_another_optimizer_is_told_by_name(of_run: Path, optimizer: Any) -> None:
    kind = type(optimizer).__name__
    message = refused(of_run, fresh_run(optimizer=optimizer))
    assert f"saved with the optimizer Adam, and this run has {kind}. Write optimizer=Adam(learning_rate=0.1" in message


def test_fit_changes_nothing_when_it_cannot_resume(of_model: Path, tmp_path: Path) -> None:
    model = network(3)
    before = everything(fresh_run(model))[:200]
    for path, error in ((of_model, CheckpointError), (tmp_path / "none.safetensors", FileNotFoundError)):
        with pytest.raises(error):
            fit(model, X, Y, resume=path)
    assert everything(fresh_run(model))[:200] == before


# --- calls --------------------------------------------------------------------------------------

CALLS: dict[str, tuple[Callable[[Path], object], type[Exception], str]] = {
    "no file": (lambda folder: load(folder / "a.safetensors", network()), FileNotFoundError,
                "a.safetensors'. Look at the folder and at the name, which ends in .safetensors."),
    "a folder": (lambda folder: load(folder, network()), CheckpointError, "is a folder or a device. Name the file in"),
    "a device": (lambda folder: load(os.devnull, network()), CheckpointError, "is a folder or a device. Name the file"),
    "another ending": (lambda folder: save(folder / "model.pt", network()), CheckpointError,
                       "A checkpoint ends in .safetensors; 'model.pt' ends in .pt. Write 'model.safetensors'."),
    "no ending": (lambda folder: save(folder / "model", network()), CheckpointError,
                  "'model' ends in nothing of the kind. Write 'model.safetensors'."),
    "a callback's ending": (lambda folder: Checkpoint("run.pkl"), CheckpointError, "'run.pkl' ends in .pkl. Write"),
    "no folder": (lambda folder: save(folder / "none" / "a.safetensors", network()), FileNotFoundError,
                  "A checkpoint is saved into a folder that exists;"),
    "exchanged": (lambda folder: save(network(), "a.safetensors"), SettingError,  # type: ignore[arg-type]
                  "save takes a path, then a model or the run a callback is given; got 'a.safetensors'. Write save("),
    "load a run": (lambda folder: load("a.safetensors", fresh_run()), SettingError,  # type: ignore[arg-type]
                   "Write load(path, model), or fit(..., resume=path)."),
}


@pytest.mark.parametrize("name", CALLS)
def test_bad_calls(name: str, tmp_path: Path) -> None:
    call, error, expected = CALLS[name]
    with pytest.raises(error, match=re.escape(expected)):
        call(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_generator_of_another_library_is_not_saved(tmp_path: Path) -> None:
    class OwnBits(np.random.PCG64):
        pass

    run = fresh_run()
    run.shuffler = np.random.Generator(OwnBits(0))
    with pytest.raises(CheckpointError, match=r"SFC64; shuffler has OwnBits. Use np.random.default_rng"):
        save(tmp_path / "run.safetensors", run)


def test_without_the_extra_it_is_named(of_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for call in (lambda: save(of_model, network()), lambda: load(of_model, network())):
        with pytest.raises(ImportError, match=r"Checkpoints: safetensors is not installed. .* 'training'"):
            call()
