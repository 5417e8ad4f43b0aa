"""How long a step and a move of a slider take in a stepper's page: ``python benchmarks/stepper.py``.

Each graph's page is opened in headless Chromium; every step is a click on Next, and the time is that of the
click's whole work with the layout it causes, in milliseconds.  Needs the extra ``dev`` and a Chromium.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

import autograd_core as ag
import viz
from autograd_core import Value

_STEPS = """() => {
  const next = [...document.querySelectorAll("button")].find(each => each.textContent === "Next");
  const range = document.querySelector(".stepper-inputs input[type=range]");
  const timed = act => {
    const start = performance.now();
    act();
    document.body.getBoundingClientRect();
    return performance.now() - start;
  };
  const steps = [];
  while (!next.disabled) steps.push(timed(() => next.click()));
  const moves = Array.from({length: 20}, (_, at) => timed(() => {
    range.value = Number(range.min) + (at / 20) * (Number(range.max) - Number(range.min));
    range.dispatchEvent(new Event("input"));
  }));
  return {steps, moves};
}"""


def chain(links: int) -> Value:
    """A long chain of sines and multiplications."""
    y = Value(0.5, "x")
    for link in range(links):
        y = ag.sin(y) if link % 2 else y * 1.01
    return y.named("y")


def shared(nodes: int) -> Value:
    """A random graph in which most nodes are read more than once."""
    rng = np.random.default_rng(0)
    made = [Value(float(x), f"x_{at}") for at, x in enumerate(rng.uniform(-1.0, 1.0, 5))]
    while len(made) < nodes:
        first, second = (made[int(at)] for at in rng.integers(max(0, len(made) - 20), len(made), 2))
        made.append(ag.tanh(first + second) if rng.random() < 0.5 else first * second)
    return ag.total(made[-20:]).named("y")


def network(sizes: Sequence[int]) -> Value:
    """A tanh network whose outputs are added up, every unit named."""
    rng = np.random.default_rng(0)
    z = [Value(float(x), f"x_{at}") for at, x in enumerate(rng.uniform(-1.0, 1.0, sizes[0]))]
    for layer, size in enumerate(sizes[1:], 1):
        rows = [[Value(float(w), f"w_{{{i}{j}}}^{{({layer})}}") for j, w in enumerate(rng.normal(size=len(z)))]
                for i in range(size)]
        a = [ag.dot(row, z).named(f"a_{{{i}}}^{{({layer})}}") for i, row in enumerate(rows)]
        z = [ag.tanh(each).named(f"z_{{{i}}}^{{({layer})}}") for i, each in enumerate(a)]
    return ag.total(z).named("E")


GRAPHS = {
    "mini network, lecture view": (viz.lecture.mini_network().E, "lecture", 80),
    "network 8-12-6-1, every node drawn": (network([8, 12, 6, 1]), "full", 400),
    "shared, 300 nodes, every node drawn": (shared(230), "full", 400),
    "shared, 300 nodes, collapsed": (shared(230), "full", 80),
    "chain, 3,000 links, collapsed": (chain(3000), "full", 80),
    "shared, 3,000 nodes, collapsed": (shared(2400), "full", 80),
}


def measure(page: Page, y: Value, view: viz.drawing.Style, limit: int, folder: Path) -> str:
    """A line of the table: nodes, seconds to make the page, its size, and milliseconds in it."""
    started = time.perf_counter()
    saved = viz.step(y, view=view, limit=limit).save(folder / "step.html")
    made = time.perf_counter() - started
    started = time.perf_counter()
    page.goto(saved.as_uri())
    page.wait_for_selector(".stepper-body")
    opened = time.perf_counter() - started
    times = page.evaluate(_STEPS)
    steps, moves = times["steps"], times["moves"]
    return (
        f"{len(ag.Graph(y).record):>6,} {len(steps):>6,} {made:>7.1f} {saved.stat().st_size / 1e6:>6.1f} {opened:>7.2f}"
        f" {statistics.median(steps):>8.1f} {max(steps):>8.1f} {statistics.median(moves):>8.1f}"
    )


def main() -> None:
    """Print the table."""
    browser_path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser_path is None:
        raise SystemExit("No Chromium was found. Install one, such as Debian's package chromium.")
    print(f"{'':<36} {'nodes':>6} {'steps':>6} {'made s':>7} {'MB':>6} {'open s':>7}"
          f" {'step ms':>8} {'worst':>8} {'slider':>8}")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        for name, (y, view, limit) in GRAPHS.items():
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            print(f"{name:<36} {measure(page, y, view, limit, Path(folder))}", flush=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
