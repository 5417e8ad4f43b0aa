"""A progress bar for training, which is quiet where nobody watches a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from autograd_core.extras import require
from nn.history import History


@contextmanager
def progress_bar(epochs: int, done: int, wanted: bool | None) -> Iterator[Callable[[History], None]]:
    """A function to call after each epoch; it moves a bar, or does nothing.

    ``wanted`` None shows the bar if tqdm (extra ``training``) is installed and the error stream is a terminal; True
    shows it anywhere and raises ``ImportError`` without tqdm; False never does.

    >>> with progress_bar(10, 0, False) as show:
    ...     show(History(loss=[1.0]))
    """
    tqdm = None
    if wanted is not False:
        try:
            tqdm = require("tqdm", "training", "The progress bar").tqdm
        except ImportError:
            if wanted:
                raise
    if tqdm is None:
        yield lambda history: None
        return
    with tqdm(total=epochs, initial=done, unit="epoch", disable=None if wanted is None else False) as bar:

        def show(history: History) -> None:
            shown = {"loss": f"{history.loss[-1]:.4g}"}
            if history.validation_loss:
                shown["validation"] = f"{history.validation_loss[-1]:.4g}"
            bar.set_postfix(shown)
            bar.update()

        yield show
