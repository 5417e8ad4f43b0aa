"""Files written whole or not at all, several of them together."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path


def save_as(path: str | os.PathLike[str], forms: Mapping[str, Callable[[], str | bytes]], what: str) -> Path:
    """Write one file in the form its suffix names, whole or not at all, and return its path.

    `forms` by suffix are made only when asked for; `what` opens the errors' sentences, as in 'A picture is
    saved'. Raises ValueError for another suffix, FileNotFoundError if the folder does not exist, OSError if
    the file cannot be written.
    """
    target = Path(path)
    form = forms.get(target.suffix.lower())
    if form is None:
        *others, last = forms
        endings, one = (f"{', '.join(others)} or {last}", "one of these endings") if others else (last, "that ending")
        ends = repr(target.suffix) if target.suffix else "none of them" if others else "nothing of the kind"
        raise ValueError(f"{what} as {endings}; {target.name!r} ends in {ends}. Give the file {one}.")
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"{what} into a folder that exists; {str(target.parent)!r} does not. Create it first."
        )
    made = form()
    write_files(target.parent, {target.name: made if isinstance(made, bytes) else made.encode("utf-8")}, what)
    return target


def write_files(folder: Path, files: Mapping[str, bytes], what: str) -> tuple[Path, ...]:
    """Write files, by name, into a folder (made if missing) and return their paths, in order.

    All of them are written apart first and then put in place, so a full disk changes nothing; a folder made
    for nothing is removed again. `what` opens the error's sentence, as in 'A picture is saved'. Raises
    OSError, of the kind met, naming the file or folder that cannot be written and what to do.
    """
    missing: list[Path] = []
    staged: Path | None = None
    at = folder
    try:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(dir=folder, prefix=".unfinished-"))
        for name, content in files.items():
            at = folder / name
            if at.is_dir():
                raise IsADirectoryError("it is a folder")
            (staged / name).write_bytes(content)
        for name in files:
            at = folder / name
            os.replace(staged / name, at)
        staged.rmdir()
    except BaseException as problem:  # an interrupt must leave nothing unfinished either
        if staged is not None:
            shutil.rmtree(staged, ignore_errors=True)
        for made in missing:
            if made.is_dir() and not any(made.iterdir()):
                made.rmdir()
        if isinstance(problem, OSError):
            raise _refused(at, problem, what) from problem
        raise
    return tuple(folder / name for name in files)


def require_writable(folder: Path, what: str) -> None:
    """Try whether files can be written into a folder, or into a new folder of that name; leave nothing there.

    Raises OSError, of the kind met, with the sentence `write_files` would use.
    """
    try:
        folder.exists()  # refuses a name that is too long
        nearest = next(each for each in (folder, *folder.absolute().parents) if os.path.lexists(each))
        if not nearest.is_dir():
            inside = "" if nearest == folder else f": {str(nearest)!r}"
            raise NotADirectoryError(f"a file is in the way{inside}")
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as problem:
        raise _refused(folder, problem, what) from problem


def _refused(target: Path, problem: OSError, what: str) -> OSError:
    return type(problem)(
        f"{what} to a place that can be written; {str(target)!r} cannot "
        f"({problem.strerror or problem}). Choose another place or free this one."
    )
