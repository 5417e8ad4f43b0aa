"""Programs as machine code, through Numba: the generated NumPy or Python, rewritten in loops.

A build takes seconds, so it is kept on disk.  Numba's own cache holds it, which is made of pickles: the folder is used
only if nobody else can write into it.  The file of loops that lies beside it is never read back.
"""

from __future__ import annotations

import ast
import hashlib
import linecache
import math
import os
import platform
import stat
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from autograd_core.compiler.arguments import Argument
from autograd_core.compiler.compiled import Compiled
from autograd_core.compiler.inlining import inlined
from autograd_core.compiler.loop_shapes import UnsupportedError
from autograd_core.compiler.loops import Loops
from autograd_core.extras import require
from autograd_core.files import write_files
from autograd_core.row import Primitive
from autograd_core.tape import Tape

CACHE_VARIABLE = "AUTOGRAD_CORE_CACHE"
_MOST_LINES = 2_000
_FORM = "1"  # another one whenever Numba is told something else about the same source


class NotNativeError(Exception):
    """A program that Numba cannot build; the message is the reason."""


class NativeCompiled(Compiled):
    """A program as machine code; ``source`` are the loops it was built from.

    Raises :class:`NotNativeError` with the reason where Numba cannot build it, and ImportError without Numba.
    """

    backend = "native"

    def __init__(self, tape: Tape, arguments: Sequence[Argument], name: str, optimize: bool) -> None:
        self._numba = require("numba", "native", "A program as machine code")
        super().__init__(tape, arguments, name, optimize)
        if not self.text.called and len(self.tape) <= _MOST_LINES:
            raise NotNativeError("a constant in it is outside an operation's domain")
        if not self.text.called or self.source.count("\n") > _MOST_LINES:
            raise NotNativeError(f"it has more than {_MOST_LINES} lines, which would take minutes to build")
        defined = {each.name: each for each in ast.parse(self.source).body if isinstance(each, ast.FunctionDef)}
        functions = [inlined(defined[name], defined) for name in ("value", "value_and_grad")]
        self._layouts = self._layouts_of_arguments()
        try:
            loops = [Loops(each, self._layouts, self.text.rows, self.text.constants) for each in functions]
        except UnsupportedError as reason:
            raise NotNativeError(str(reason)) from reason
        self.source = "\n".join(each.text for each in loops)
        rows = {name: row for each in loops for name, row in each.rows.items()}
        key = self._key(rows)
        self.file = _kept(f"{key}.py", self.source)
        self.filename = str(self.file or f"<native {key[:16]}>")
        linecache.cache[self.filename] = (len(self.source), None, self.source.splitlines(keepends=True), self.filename)
        self._functions = self._namespace_of(rows)
        exec(compile(self.source, self.filename, "exec"), self._functions)
        self._whole = self._built("value_and_grad")
        self.value, self.value_and_grad = self._native_value, self._native_value_and_grad

    @property
    def is_from_cache(self) -> bool:
        """Whether the build was found on disk."""
        return bool(sum(self._whole.stats.cache_hits.values()))  # type: ignore[attr-defined]

    def _layouts_of_arguments(self) -> dict[str, tuple[tuple[int, ...], bool]]:
        """By name in the source, the shape of each argument's scalars and whether it has lanes."""
        arguments = {argument.name: argument for argument in self.arguments}
        found = {}
        for shown, (name, slots) in zip(self.text.called, self._slots, strict=True):
            shape: tuple[int, ...] = (len(slots),)
            if self.plan is not None and name in self._shapes:
                shape = self._shapes[name]
            elif self.plan is not None and len(slots) == 1:
                shape = (1,) if name in self._lane_names() and arguments[name].shape == (1,) else ()
            found[shown] = (shape, name in self._lane_names())
        return found

    # --- calls ----------------------------------------------------------------------------------

    def _native_value(self, *inputs: Any) -> float:
        return self._only_value(*self._arrays(inputs))

    def _native_value_and_grad(self, *inputs: Any) -> tuple[float, list[Any], list[float]]:
        value, *found = self._whole(*self._arrays(inputs))
        count = len(self._layouts) - sum(is_lane for _, is_lane in self._layouts.values())
        return value, found[:count], found[count:]

    def _arrays(self, inputs: Sequence[Any]) -> list[np.ndarray]:
        """C-ordered arrays with the lanes first, of the arguments of the Python source."""
        found = []
        for each, (shape, is_lane) in zip(inputs, self._layouts.values(), strict=True):
            array = np.asarray(each, dtype=np.float64)
            array = array.T.reshape(-1, *shape) if is_lane else array.reshape(shape or (1,))
            array = np.ascontiguousarray(array)
            found.append(array if array.flags.writeable else array.copy())  # the build takes no others
        return found

    @cached_property
    def _only_value(self) -> Callable[..., float]:
        return self._built("value")

    def quickly(self) -> Callable[..., tuple[float, Any] | None] | None:
        """``value_and_grad`` for arrays shaped as on most calls; it gives None where anything is unusual."""
        shapes = [argument.shape for argument in self.arguments]
        if self.parameters or len(self._layouts) != len(shapes):
            return None
        if len(shapes) == 1 and isinstance(self.arguments[0].example, list) and shapes[0]:
            return partial(_of_list, self._whole, shapes[0][0])
        if not all(argument.is_lane or isinstance(argument.example, np.ndarray) for argument in self.arguments):
            return None
        if len(shapes) > 1:
            return self._of_several_arrays
        (shape,), function, ndarray = shapes, self._whole, np.ndarray

        def quick(*given: Any) -> tuple[float, Any] | None:
            try:
                (x,) = given
                if type(x) is not ndarray or x.shape != shape:
                    return None
                value, gradient = function(x)
            except (ArithmeticError, ValueError, TypeError):  # a TypeError: no float64, no C order, several arguments
                return None
            return (value, gradient) if value == value else None

        return quick

    def _of_several_arrays(self, *given: Any) -> tuple[float, Any] | None:
        if len(given) != len(self.arguments):
            return None
        lanes = None
        for argument, each in zip(self.arguments, given, strict=True):
            if type(each) is not np.ndarray or each.shape[argument.is_lane:] != argument.shape:
                return None
            if argument.is_lane:
                lanes = len(each) if lanes is None else lanes
                if len(each) != lanes or not lanes:
                    return None
        try:
            value, *gradients = self._whole(*given)
        except (ArithmeticError, ValueError, TypeError):
            return None
        if value != value:
            return None
        return value, gradients[0] if len(gradients) == 1 else tuple(gradients)

    # --- the build ------------------------------------------------------------------------------

    def _namespace_of(self, rows: Mapping[str, Primitive]) -> dict[str, Any]:
        for row in rows.values():
            _register(row.scalar)
        _register_sum()
        plus, fused = _sums()
        arrays = {name: each for name, each in self.text.constants.items() if isinstance(each, np.ndarray)}
        # The cache asks for a module that can be imported.
        return {"__name__": __name__, "zeros": np.zeros, "empty": np.empty, "inf": math.inf, "nan": math.nan,
                "plus": plus, "fused": fused, **{name: row.scalar for name, row in rows.items()}, **arrays}

    def _key(self, rows: Mapping[str, Primitive]) -> str:
        """A hash of all that the build depends on."""
        digest = hashlib.sha256()
        versions = (self._numba.__version__, np.__version__, platform.python_version(), platform.machine(), _FORM)
        for text in (self.source, *versions, *map(repr, self._layouts.values())):
            digest.update(text.encode() + b"\0")
        called: list[types.FunctionType] = [each for name in sorted(rows) for each in _reached(rows[name].scalar)]
        for function in called + [each for helper in (_plus, _fused, _neumaier_sum) for each in _reached(helper)]:
            digest.update(repr((_content(function.__code__), _numbers_of(function))).encode())
        for name, constant in sorted(self.text.constants.items()):
            if isinstance(constant, np.ndarray):
                digest.update(f"{name} {constant.dtype} {constant.shape}".encode() + constant.tobytes())
        return digest.hexdigest()

    def _built(self, name: str) -> Callable[..., Any]:
        axes = [is_lane + len(shape) for shape, is_lane in self._layouts.values()]
        kinds = tuple(self._numba.types.Array(self._numba.float64, max(1, count), "C") for count in axes)
        for is_kept in (True, False) if self.file else (False,):
            try:
                build = self._numba.njit([kinds], cache=is_kept, error_model="numpy")
                return build(self._functions[name])  # type: ignore[no-any-return]
            except self._numba.core.errors.NumbaError as problem:
                said = [line.strip() for line in str(problem).splitlines() if line.strip()]
                reason = next((line for line in said if not line.startswith("Failed in")), "no reason given")
                raise NotNativeError(f"Numba refused: {reason}") from problem
            except Exception:
                # A damaged cache is no reason to fail: the program is built anew, and not kept.
                if not is_kept:
                    raise
        raise AssertionError("the last attempt returns or raises")


def _of_list(function: Callable[..., Any], count: int, *given: Any) -> tuple[float, list[float]] | None:
    x = given[0] if len(given) == 1 else None
    if type(x) is not list or len(x) != count or set(map(type, x)) != {float}:
        return None
    value, gradient = function(np.array(x))
    return (value, gradient.tolist()) if value == value else None


# --- what Numba is told -------------------------------------------------------------------------


def _reached(function: Any) -> Iterator[types.FunctionType]:
    """A Python function and those that it calls by name, also through a module."""
    waiting, seen = [function], set()
    while waiting:
        each = waiting.pop()
        if not isinstance(each, types.FunctionType) or each in seen:
            continue
        seen.add(each)
        yield each
        names = each.__code__.co_names
        found = [each.__globals__.get(name) for name in names]
        modules = [module for module in found if isinstance(module, types.ModuleType)]
        waiting += found + [getattr(module, name, None) for module in modules for name in names]


def _content(code: types.CodeType) -> tuple[Any, ...]:
    """What a function does, without where it stands."""
    constants = [_content(each) if isinstance(each, types.CodeType) else each for each in code.co_consts]
    return code.co_code, code.co_names, code.co_varnames, constants


def _numbers_of(function: types.FunctionType) -> list[Any]:
    """The numbers that a function takes from around it, which become part of the build."""
    found = [function.__globals__.get(name) for name in function.__code__.co_names]
    found += [cell.cell_contents for cell in function.__closure__ or ()]
    return [each for each in (*found, *(function.__defaults__ or ())) if isinstance(each, (int, float))]


_registered: set[types.FunctionType] = set()


def _register(function: Any) -> None:
    extending = require("numba.extending", "native", "A program as machine code")
    for each in _reached(function):
        if each not in _registered:
            _registered.add(each)
            extending.register_jitable(each)


def _plus(total: float, x: float) -> float:
    return total + x


def _fused(total: float, x: float, y: float) -> float:
    return total + x * y


@cache
def _sums() -> tuple[Any, Any]:
    """Additions whose order is free, so that a sum becomes vector instructions; nothing else may be reordered."""
    numba = require("numba", "native", "A program as machine code")
    free = numba.njit(fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
    return free(_plus), free(_fused)


def _neumaier_sum(terms: Any) -> float:
    total, lost = 0.0, 0.0
    for x in terms:
        new = total + x
        lost += (total - new) + x if abs(total) >= abs(x) else (x - new) + total
        total = new
    return total + lost


@cache
def _register_sum() -> None:
    """``math.fsum``, which Numba lacks."""
    extending = require("numba.extending", "native", "A program as machine code")
    # A copy has no annotations, which Numba would compare.
    plain = types.FunctionType(_neumaier_sum.__code__, globals())
    extending.overload(math.fsum)(lambda terms: plain)


# --- the folder ---------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Where builds are kept: $AUTOGRAD_CORE_CACHE, or autograd-core/native in the user's folder for caches."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "autograd-core" / "native"


def _kept(name: str, source: str) -> Path | None:
    """The file of this source in the folder for builds, or None where nothing can be kept."""
    try:
        folder = cache_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_private(folder) or not os.access(folder, os.W_OK):
            return None
        file = folder / name
        # Numba looks at the file's time: written again, it would be built again.
        if not file.is_file() or file.read_text(encoding="utf-8") != source:
            write_files(folder, {name: source.encode("utf-8")}, "A build is kept")
        return file
    except (OSError, RuntimeError, UnicodeDecodeError):
        return None


def _is_private(folder: Path) -> bool:
    if not hasattr(os, "getuid"):
        return True
    kept = folder / "__pycache__"
    found = [each.stat() for each in (folder, kept) if each.exists()]
    return all(each.st_uid == os.getuid() and not each.st_mode & stat.S_IWOTH for each in found)
