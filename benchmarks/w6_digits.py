"""W6: an epoch of minibatch training on handwritten digits: 64-64-10, tanh, softmax, batches of 64, plain descent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.timing import Effort, Table, Target, Timings, duration, frozen, tabulated, verdicts
from nn import MLP, SGD, digits, fit, softmax_cross_entropy

BATCH, RATE, SIZES = 64, 0.1, (64, 64, 10)
OURS, NUMPY, TORCH = "nn.fit", "NumPy by hand", "PyTorch eager"
TARGETS = (Target(OURS, NUMPY, 1.3), Target(OURS, TORCH))


@dataclass(frozen=True)
class Trainer:
    """A peer in training: ``epoch`` takes the order of the examples, ``parameters`` gives W1, b1, W2, b2 so far."""

    name: str
    epoch: Callable[[np.ndarray], Any]
    parameters: Callable[[], list[Any]]


def tables(effort: Effort) -> Iterator[Table]:
    """Everybody trains from the same weights on the same minibatches; the parameters are compared in the end."""
    try:
        X, labels = digits()
    except ImportError as missing:
        yield Table("W6", ("",), (), [f"Skipped: {missing}."])
        return
    X = X / 16.0
    trainers, skipped = [], []
    for make in (numpy_by_hand, pytorch, jax):
        try:
            trainers.append(make(X, labels, _starting_weights()))
        except ImportError as missing:
            skipped.append(f"Skipped, {make.__name__.replace('_', ' ')}: {missing}.")
    epochs = 20 if effort.quick else 100
    timings, first, model = _train(trainers, X, labels, epochs, effort)
    _require_equal(model, trainers)
    said = [*verdicts(timings, TARGETS), f"The first epoch of {OURS}, recording and compiling included: "
            f"{duration(first)}.", f"After {epochs + 1} epochs all have the same parameters.", *skipped]
    yield tabulated(f"W6: an epoch of {len(X)} digits, {-(-len(X) // BATCH)} updates", timings, OURS, said)


def _train(
    trainers: list[Trainer], X: np.ndarray, labels: np.ndarray, epochs: int, effort: Effort
) -> tuple[Timings, float, MLP]:
    """Ours is timed from one call of its stopping criterion to the next; within the call the others take turns.

    A criterion sees the history only.  Callbacks see the model, whose 4,810 parameters would be written and read anew
    after each epoch: half a millisecond.
    """
    clock = effort.clock
    orders = np.random.default_rng(0)
    timings = Timings({OURS: [], **{trainer.name: [] for trainer in trainers}})
    since = clock()

    def others_turn(_: Any) -> None:
        nonlocal since
        timings.seconds[OURS].append(clock() - since)
        order = orders.permutation(len(X))
        turn = len(timings.seconds[OURS]) % len(trainers) if trainers else 0
        for trainer in [*trainers[turn:], *trainers[:turn]]:
            begun = clock()
            trainer.epoch(order)
            timings.seconds[trainer.name].append(clock() - begun)
        since = clock()

    model = MLP(list(SIZES), rng=0)
    with frozen():
        since = clock()
        fit(model, X, labels, loss=softmax_cross_entropy, optimizer=SGD(RATE), batch_size=BATCH, epochs=epochs + 1,
            stop=[others_turn], progress=False, rng=0)
    firsts = {name: taken.pop(0) for name, taken in timings.seconds.items()}
    first = firsts[OURS]
    assert first is not None
    return timings, first, model


def _starting_weights() -> list[np.ndarray]:
    return _matrices(MLP(list(SIZES), rng=0))


def _matrices(model: MLP) -> list[np.ndarray]:
    vector = np.array([parameter.data for parameter in model.parameters()])
    shapes = [(64, 64), (64,), (10, 64), (10,)]
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    return [part.reshape(shape).copy() for part, shape in zip(np.split(vector, ends[:-1]), shapes, strict=True)]


def _require_equal(model: MLP, trainers: list[Trainer]) -> None:
    for trainer in trainers:
        for mine, theirs in zip(_matrices(model), trainer.parameters(), strict=True):
            apart = float(np.abs(mine - np.asarray(theirs)).max())
            if not apart <= 1e-8:
                raise AssertionError(f"Trained, {trainer.name}'s parameters differ from {OURS}'s by {apart:.1e}.")


# --- peers --------------------------------------------------------------------------------------


def numpy_by_hand(X: np.ndarray, labels: np.ndarray, weights: list[np.ndarray]) -> Trainer:
    """A line for each line of the lecture's quick reference, the loss included."""
    W1, b1, W2, b2 = weights
    targets = np.eye(10)[labels]

    def epoch(order: np.ndarray) -> float:
        loss = 0.0
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            x, y = X[chosen], targets[chosen]
            z1 = np.tanh(x @ W1.T + b1)
            scores = z1 @ W2.T + b2
            scores -= scores.max(axis=1, keepdims=True)
            exponentials = np.exp(scores)
            totals = exponentials.sum(axis=1, keepdims=True)
            loss += float(np.log(totals).sum() - (scores * y).sum())
            delta2 = (exponentials / totals - y) / len(chosen)
            delta1 = (delta2 @ W2) * (1.0 - z1 * z1)
            W2[:] -= RATE * (delta2.T @ z1)
            b2[:] -= RATE * delta2.sum(axis=0)
            W1[:] -= RATE * (delta1.T @ x)
            b1[:] -= RATE * delta1.sum(axis=0)
        return loss / len(order)

    return Trainer(NUMPY, epoch, lambda: [W1, b1, W2, b2])


def pytorch(X: np.ndarray, labels: np.ndarray, weights: list[np.ndarray]) -> Trainer:
    """Modules, cross_entropy and SGD, one thread."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10)).double()
    with torch.no_grad():
        for parameter, start in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.tensor(start))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    examples, classes = torch.tensor(X), torch.tensor(labels)

    def epoch(order: np.ndarray) -> float:
        loss = 0.0
        for chosen in torch.from_numpy(order).split(BATCH):
            optimizer.zero_grad()
            error = nn.functional.cross_entropy(model(examples[chosen]), classes[chosen])
            error.backward()
            optimizer.step()
            loss += error.item() * len(chosen)
        return loss / len(order)

    return Trainer(TORCH, epoch, lambda: [each.detach().numpy() for each in model.parameters()])


def jax(X: np.ndarray, labels: np.ndarray, weights: list[np.ndarray]) -> Trainer:
    """A jitted update, the parameters donated to it."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_cpu_enable_async_dispatch", False)

    def error(w: Any, x: Any, y: Any) -> Any:
        W1, b1, W2, b2 = w
        scores = jnp.tanh(x @ W1.T + b1) @ W2.T + b2
        return (jax.scipy.special.logsumexp(scores, axis=1) - (scores * y).sum(axis=1)).mean()

    def update(w: Any, x: Any, y: Any) -> Any:
        loss, gradient = jax.value_and_grad(error)(w, x, y)
        return loss, [each - RATE * bar for each, bar in zip(w, gradient, strict=True)]

    compiled = jax.jit(update, donate_argnums=0)
    held = [jnp.asarray(each) for each in weights]
    targets = np.eye(10)[labels]

    def epoch(order: np.ndarray) -> float:
        nonlocal held
        losses = []
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            loss, held = compiled(held, X[chosen], targets[chosen])
            losses.append(loss * len(chosen))
        return float(sum(losses)) / len(order)

    return Trainer("JAX jit", epoch, lambda: held)
