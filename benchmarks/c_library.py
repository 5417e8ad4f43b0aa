"""C by hand: compiled for this machine into a temporary folder, and called through ctypes."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.timing import MissingError

FLAGS = ("-O3", "-march=native", "-mprefer-vector-width=512", "-ffp-contract=fast", "-fPIC", "-shared")


def load(source: str) -> ctypes.CDLL:
    """The library of a file beside this one; :class:`MissingError` where there is no C compiler."""
    compiler = shutil.which("gcc")
    if compiler is None:
        raise MissingError("there is no gcc")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "library.so")
        path = Path(__file__).with_name(source)
        subprocess.run([compiler, *FLAGS, str(path), "-o", str(library)], check=True)
        return ctypes.CDLL(str(library))


def pointer(address: int) -> ctypes.c_void_p:
    """A pointer as ctypes passes it."""
    return ctypes.c_void_p(address)
