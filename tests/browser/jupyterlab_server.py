"""A real JupyterLab server, with every setting and file of its own in one folder."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_START = 90
SECONDS_TO_STOP = 20

SETTINGS = {
    "@jupyterlab/apputils-extension:themes": {
        "adaptive-theme": True,  # dark where the browser prefers dark
        "preferred-light-theme": "JupyterLab Light",
        "preferred-dark-theme": "JupyterLab Dark",
    },
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # a cell out of sight is there too
}


class JupyterLab:
    """The server, running inside a `with` statement; `folder` holds its settings, `notebooks` what it serves."""

    def __init__(self, folder: Path) -> None:
        self.notebooks = folder / "notebooks"
        self.address = ""
        self.token = secrets.token_hex(16)
        self._home = folder / "home"
        self._said: list[str] = []
        self._settled = threading.Event()

    def __enter__(self) -> Self:
        settings = self._home / "config" / "labconfig"
        settings.mkdir(parents=True)
        self.notebooks.mkdir()
        (settings / "default_setting_overrides.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
        # The question whether to fetch news.
        page = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
        (settings / "page_config.json").write_text(json.dumps(page), encoding="utf-8")
        self._process = subprocess.Popen(
            self._command(), env=self._environment(), cwd=self.notebooks, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._settled.wait(SECONDS_TO_START)
        if not self.address:
            self._stop()
            raise RuntimeError(f"JupyterLab did not start in {SECONDS_TO_START} s. It said:\n{''.join(self._said)}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def url(self, notebook: Path) -> str:
        """The address that opens a notebook of `notebooks` in a workspace of its own."""
        name = notebook.relative_to(self.notebooks).as_posix()
        return f"{self.address}lab/workspaces/{notebook.stem}/tree/{name}?token={self.token}"

    def _command(self) -> list[str]:
        return [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
            "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.notebooks}", "--ServerApp.terminals_enabled=False",
            "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            "--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True",
        ]

    def _environment(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
        return kept | {
            "HOME": str(self._home),
            "USERPROFILE": str(self._home),
            "JUPYTER_CONFIG_DIR": str(self._home / "config"),
            "JUPYTER_DATA_DIR": str(self._home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self._home / "runtime"),
            "IPYTHONDIR": str(self._home / "ipython"),
            "PYTHONPATH": str(ROOT),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # the debugger's remark about frozen modules
        }

    def _read(self) -> None:
        # Read to the end, or a server with much to say would wait for its reader.
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.append(line)
            running = re.search(r"(http://127\.0\.0\.1:\d+/)lab\?token=", line)
            if running:
                self.address = running[1]
                self._settled.set()
        self._settled.set()

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(SECONDS_TO_STOP)
        if self._process.stdout is not None and not self._reader.is_alive():
            self._process.stdout.close()
