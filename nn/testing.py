"""Hypothesis strategies for networks: small random MLPs, and batches for them.

They need the extra ``testing``.  A network's numbers come from one seed, and everything is drawn through Hypothesis'
own choices, the simplest first: a failure shrinks to one layer of one unit, and prints as the call that builds it::

    from hypothesis import given
    from nn.testing import batches, mlps

    @given(mlps().flatmap(lambda model: tuples(just(model), batches(model))))
    def test_my_backpropagation(model_and_batch):
        ...
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

try:
    from hypothesis import strategies as st
    from hypothesis.strategies import SearchStrategy
except ImportError as error:
    raise ImportError("nn.testing needs Hypothesis: pip install 'autograd-core[testing]'.") from error

from autograd_core.primitives import TABLE
from autograd_core.row import Primitive
from autograd_core.testing.strategies import scalars
from nn.activations import find_activation, is_activation
from nn.errors import SettingError
from nn.mlp import MLP
from nn.module import Module
from nn.normalization import BatchNorm

Batch = tuple[np.ndarray, np.ndarray]


def random_mlp(
    sizes: Sequence[int], activation: str | Primitive = "tanh", output: str | Primitive = "identity",
    bias: bool = True, norm: str | None = None, keep: float | None = None, seed: int = 0,
) -> MLP:
    """An MLP with all parameters, biases too, drawn from ``seed``.

    The weights of a layer of n inputs lie within 1/(2n) and its biases within 1/2, so that with inputs of at most 2
    even ``exp`` after ``exp`` stays finite through three layers.  The other arguments and the errors are MLP's.

    >>> random_mlp([2, 1], seed=3).state_dict()["0.weight"].round(4)
    array([[-0.2072, -0.1316]])
    """
    generator = np.random.default_rng(seed)
    model = MLP(sizes, activation, output, bias, init="zeros", norm=norm, keep=keep, rng=generator)
    for layer in model:
        for parameter in layer.parameters():
            spread = 0.5 / (layer.inputs or 1) if parameter in layer.weights() else 0.5
            parameter.data = parameter.data + generator.uniform(-spread, spread)
    return model


def mlps(
    max_layers: int = 3, max_units: int = 4, activations: Iterable[str | Primitive] | None = None,
    bias: bool | None = None, norm: str | None = None, keep: float | None = None,
) -> SearchStrategy[MLP]:
    """Small MLPs of :func:`random_mlp`, of up to ``max_layers`` layers of weights and ``max_units`` in each.

    The hidden activation and the output's are among ``activations``, by default all of the table; the output's may also
    be the identity.  ``bias`` None is with or without; ``norm`` and ``keep`` are as for MLP.  Raises
    :class:`SettingError` for numbers below 1 and for what is no activation.

    >>> from hypothesis import find
    >>> find(mlps(), lambda model: len(model.sizes) > 2)
    Sequential(Linear(1, 1, bias=False), Activation("tanh"), Linear(1, 1, bias=False))
    """
    for setting, given in (("max_layers", max_layers), ("max_units", max_units)):
        if given < 1:
            raise SettingError(f"mlps: {setting} is at least 1; got {given!r}.")
    rows = [row for row in TABLE if is_activation(row)] if activations is None else map(find_activation, activations)
    names = sorted((row.name for row in rows), key=lambda name: name != "tanh")
    return st.builds(
        random_mlp,
        st.lists(st.integers(1, max_units), min_size=2, max_size=max_layers + 1),
        activation=st.sampled_from(names),
        output=st.sampled_from(["identity", *names]),
        bias=st.booleans() if bias is None else st.just(bias),
        norm=st.just(norm),
        keep=st.just(keep),
        seed=st.integers(0, 2**16),
    )


def batches(model: Module, max_examples: int = 4) -> SearchStrategy[Batch]:
    """Inputs and targets for a model: X of shape (examples, inputs) and y of (examples, outputs).

    All numbers have magnitudes from 1e-3 to 2, or are 0.  There are 1 to ``max_examples`` examples, and at
    least 2 where the model has BatchNorm.  Raises :class:`SettingError` for a model that does not say how many inputs
    it takes and outputs it gives, and where ``max_examples`` is too small.

    >>> from hypothesis import find
    >>> X, y = find(batches(MLP([2, 1])), lambda batch: True)
    >>> X.shape, y.shape
    ((1, 2), (1, 1))
    """
    if model.inputs is None or model.outputs is None:
        raise SettingError(f"batches needs a model with a Linear, which says how many inputs it takes; got {model!r}.")
    fewest = 2 if any(isinstance(each, BatchNorm) for each in model.modules()) else 1
    if max_examples < fewest:
        raise SettingError(f"batches: max_examples is at least {fewest} for this model; got {max_examples!r}.")
    widths = model.inputs, model.outputs

    @st.composite
    def drawn(draw: Any) -> Batch:
        examples = draw(st.integers(fewest, max_examples))
        X, y = (np.reshape([draw(scalars("unit")) for _ in range(examples * width)], (examples, width))
                for width in widths)
        return X, y

    return drawn()
