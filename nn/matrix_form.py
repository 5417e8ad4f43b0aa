r"""The quick reference in NumPy: a network's equations in matrices, and the three steps of backpropagation.

The lecture's matrices hold one example per *column*: :math:`\mathbf{Z}^{(0)} = \mathbf{X}^\top` has shape
(inputs, examples), while X, as everywhere in ``nn``, has one example per row.  Layers are counted k = 1..K, and
whatever belongs to layer k is found under the key k: ``network.W[2]``, ``activations.Z[0]``.

The three steps (LECTURE rows 9-11)::

    network = Network.of(model)
    activations = forward_propagation(network, X)                # 1. all activations
    errors = deltas(network, activations, Y)                     # 2. delta for all units
    derivatives = weight_derivatives(network, activations, errors)  # 3. the weight derivatives

Each gives a small object that prints what it computed.  The error of example n is
:math:`E_n = \frac12 \sum_i (z_i^{(K)} - y_i)^2`.  The slide's :math:`\boldsymbol\delta^{(k)} \mathbf{Z}^{(k-1)\top}`
adds up over the columns: it is the derivative of :math:`\sum_n E_n`.  Training takes the mean over the examples,
which is the same divided by N: ``weight_derivatives(..., mean=True)``.

``forward_by_element``, ``deltas_by_element`` and ``weight_derivatives_by_element`` do the same with the equations of
single units, one number at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_core.formula import Derivative, Equation, Formula, Product, Term
from autograd_core.symbol import Symbol
from nn.errors import ShapeError
from nn.losses import half_squared_error
from nn.matrix_network import ByLayer, Network, sizes
from nn.matrix_notation import (
    ERROR,
    HADAMARD,
    ONE_OVER_N,
    ONES,
    Computed,
    Matrix,
    bold,
    linear,
    name_of,
    primed,
)
from nn.preparation import examples


@dataclass(frozen=True, eq=False, repr=False)
class Activations(Computed):
    """Step 1: pre-activations ``A[k]``, k = 1..K, and outputs ``Z[k]``, k = 0..K, of shape (units, examples)."""

    title = "1. activations"

    A: ByLayer
    Z: ByLayer


@dataclass(frozen=True, eq=False, repr=False)
class Deltas(Computed):
    """Step 2: ``delta[k]``, k = K..1, of shape (units, examples); column n is the derivative of E_n to a^(k)."""

    title = "2. deltas"

    delta: ByLayer


@dataclass(frozen=True, eq=False, repr=False)
class WeightDerivatives(Computed):
    """Step 3: the derivatives ``W[k]`` and ``b[k]`` of the error, in the shapes of the network's own."""

    title = "3. weight derivatives"

    W: ByLayer
    b: ByLayer

    @property
    def gradient(self) -> Matrix:
        """All of them as one vector, in the order of ``model.parameters()``."""
        return np.concatenate([each for k in self.W for each in (self.W[k].ravel(), *map(np.ravel, self._bias(k)))])

    def _bias(self, k: int) -> list[Matrix]:
        return [self.b[k]] if k in self.b else []


# --- in matrices --------------------------------------------------------------------------------


def forward_propagation(network: Network, X: Any) -> Activations:
    r"""Step 1: run the inputs through the network and keep all activations (LECTURE row 9).

    .. math:: \mathbf{A}^{(k)} = \mathbf{W}^{(k)} \mathbf{Z}^{(k-1)} + \mathbf{b}^{(k)}, \quad
       \mathbf{Z}^{(k)} = \sigma(\mathbf{A}^{(k)}), \quad \mathbf{Z}^{(0)} = \mathbf{X}^\top

    ``X`` has shape (examples, inputs).  Raises :class:`DataError` and :class:`ShapeError`.

    >>> from nn import Activation
    >>> network = Network({1: np.array([[2.0, 1.0]])}, {}, {1: Activation("sigmoid")})
    >>> forward_propagation(network, [[1.0, -2.0], [0.5, 0.0]])
    1. activations    shape  numbers
    ----------------  -----  ---------------
    Z⁽⁰⁾ = Xᵀ         2 x 2  [1, 0.5; -2, 0]
    A⁽¹⁾ = W⁽¹⁾ Z⁽⁰⁾  1 x 2  [0, 1]
    Z⁽¹⁾ = σ(A⁽¹⁾)    1 x 2  [0.5, 0.7311]
    """
    A, Z = {}, {0: _columns(network, X)}
    for k in network.W:
        A[k] = network.W[k] @ Z[k - 1]
        if k in network.b:
            A[k] = A[k] + network.b[k]
        Z[k] = network.sigma(k, A[k])
    return _activations(network, A, Z)


def deltas(network: Network, activations: Activations, Y: Any) -> Deltas:
    r"""Step 2: the derivatives of each example's error with respect to all pre-activations (LECTURE row 10).

    .. math:: \boldsymbol\delta^{(K)} = (\mathbf{Z}^{(K)} - \mathbf{Y}^\top) \circ \sigma'(\mathbf{A}^{(K)}), \quad
       \boldsymbol\delta^{(k)} = \mathbf{W}^{(k+1)\top} \boldsymbol\delta^{(k+1)} \circ \sigma'(\mathbf{A}^{(k)})

    ``Y`` has shape (examples, outputs), or (examples,) for one output.  The slide prints layer 3 on the right of the
    first equation, which is K only in its own example.  Raises :class:`DataError` and :class:`ShapeError`.

    >>> from nn import Activation
    >>> network = Network({1: np.array([[2.0, 1.0]])}, {}, {1: Activation("sigmoid")})
    >>> deltas(network, forward_propagation(network, [[1.0, -2.0], [0.5, 0.0]]), [1.0, 0.0]).delta[1]
    array([[-0.125     ,  0.14373484]])
    """
    A, Z, K = activations.A, activations.Z, network.depth
    delta = {K: (Z[K] - _targets(network, activations, Y)) * network.sigma_prime(K, A[K])}
    for k in range(K - 1, 0, -1):
        delta[k] = network.W[k + 1].T @ delta[k + 1] * network.sigma_prime(k, A[k])
    return _deltas(network, delta)


def weight_derivatives(
    network: Network, activations: Activations, deltas: Deltas, mean: bool = False
) -> WeightDerivatives:
    r"""Step 3: the derivatives of the error with respect to all weights and biases (LECTURE row 10).

    .. math:: \frac{\partial E}{\partial \mathbf{W}^{(k)}} = \boldsymbol\delta^{(k)} \mathbf{Z}^{(k-1)\top}, \quad
       \frac{\partial E}{\partial \mathbf{b}^{(k)}} = \boldsymbol\delta^{(k)} \mathbf{1}

    The product adds up over the columns, so that E is the sum of the examples' errors; with ``mean`` both are divided
    by the number of examples, and E is their mean, as in training.  Raises :class:`ShapeError`.

    >>> from nn import Activation
    >>> network = Network({1: np.array([[2.0, 1.0]])}, {}, {1: Activation("sigmoid")})
    >>> activations = forward_propagation(network, [[1.0, -2.0], [0.5, 0.0]])
    >>> errors = deltas(network, activations, [1.0, 0.0])
    >>> weight_derivatives(network, activations, errors).W[1]
    array([[-0.05313258,  0.25      ]])
    >>> weight_derivatives(network, activations, errors, mean=True).W[1]
    array([[-0.02656629,  0.125     ]])
    """
    _require_of(network, activations, deltas)
    delta, Z = deltas.delta, activations.Z
    N = Z[0].shape[1] if mean else 1
    W = {k: delta[k] @ Z[k - 1].T / N for k in network.W}
    b = {k: delta[k].sum(axis=1, keepdims=True) / N for k in network.b}
    return _derivatives(W, b, mean)


# --- element by element -------------------------------------------------------------------------


def forward_by_element(network: Network, X: Any) -> Activations:
    r"""Step 1 one unit and example at a time; the same as :func:`forward_propagation`.

    .. math:: a_i^{(k)} = \sum_{j=1}^{N_{k-1}} w_{ij}^{(k)} z_j^{(k-1)} + b_i^{(k)}, \quad z_i^{(k)} = \sigma(a_i^{(k)})

    >>> from nn import Activation
    >>> network = Network({1: np.array([[2.0, 1.0]])}, {}, {1: Activation("sigmoid")})
    >>> forward_by_element(network, [[1.0, -2.0]]).Z[1]
    array([[0.5]])
    """
    A, Z = {}, {0: _columns(network, X)}
    for k, w in network.W.items():
        A[k], Z[k] = (np.empty((len(w), Z[0].shape[1])) for _ in range(2))
        for i, n in np.ndindex(A[k].shape):
            a = sum(float(w[i, j] * Z[k - 1][j, n]) for j in range(w.shape[1]))
            a += float(network.b[k][i, 0]) if k in network.b else 0.0
            A[k][i, n], Z[k][i, n] = a, network.sigma(k, a)
    return _activations(network, A, Z)


def deltas_by_element(network: Network, activations: Activations, Y: Any) -> Deltas:
    r"""Step 2 one unit and example at a time; the same as :func:`deltas`.

    .. math:: \delta_i^{(K)} = (z_i^{(K)} - y_i) \, \sigma'(a_i^{(K)}), \quad
       \delta_i^{(k)} = \sigma'(a_i^{(k)}) \sum_{j=1}^{N_{k+1}} \delta_j^{(k+1)} w_{ji}^{(k+1)}

    >>> from nn import Activation
    >>> network = Network({1: np.array([[2.0, 1.0]])}, {}, {1: Activation("sigmoid")})
    >>> deltas_by_element(network, forward_by_element(network, [[1.0, -2.0]]), [1.0]).delta[1]
    array([[-0.125]])
    """
    A, Z, K = activations.A, activations.Z, network.depth
    y = _targets(network, activations, Y)
    delta = {k: np.empty_like(A[k]) for k in range(K, 0, -1)}
    for k in delta:
        for i, n in np.ndindex(A[k].shape):
            slope = network.sigma_prime(k, float(A[k][i, n]))
            if k == K:
                delta[k][i, n] = (Z[k][i, n] - y[i, n]) * slope
            else:
                w, after = network.W[k + 1], delta[k + 1]
                delta[k][i, n] = slope * sum(after[j, n] * w[j, i] for j in range(len(w)))
    return _deltas(network, delta)


def weight_derivatives_by_element(
    network: Network, activations: Activations, deltas: Deltas, mean: bool = False
) -> WeightDerivatives:
    r"""Step 3 one weight and example at a time; the same as :func:`weight_derivatives`.

    .. math:: \frac{\partial E_n}{\partial w_{ij}^{(k)}} = \delta_i^{(k)} z_j^{(k-1)}, \quad
       \frac{\partial E_n}{\partial b_i^{(k)}} = \delta_i^{(k)}

    >>> from nn import Activation
    >>> network = Network({1: np.array([[2.0, 1.0]])}, {}, {1: Activation("sigmoid")})
    >>> activations = forward_by_element(network, [[1.0, -2.0]])
    >>> weight_derivatives_by_element(network, activations, deltas(network, activations, [1.0])).W[1]
    array([[-0.125,  0.25 ]])
    """
    _require_of(network, activations, deltas)
    delta, Z = deltas.delta, activations.Z
    columns = range(Z[0].shape[1])
    N = len(columns) if mean else 1
    W = {k: np.empty(w.shape) for k, w in network.W.items()}
    b = {k: np.empty(column.shape) for k, column in network.b.items()}
    for k in network.W:
        for i, j in np.ndindex(W[k].shape):
            W[k][i, j] = sum(delta[k][i, n] * Z[k - 1][j, n] for n in columns) / N
        for i in range(len(b.get(k, ()))):
            b[k][i, 0] = sum(delta[k][i, n] for n in columns) / N
    return _derivatives(W, b, mean)


# --- what is given, and what is printed ---------------------------------------------------------


def _columns(network: Network, X: Any) -> Matrix:
    table = examples(X)
    if table.shape[1] != network.units[0]:
        raise ShapeError(f"The network takes {network.units[0]} inputs; X has {table.shape[1]} columns.")
    return table.T


def _targets(network: Network, activations: Activations, Y: Any) -> Matrix:
    _require_of(network, activations)
    targets = half_squared_error.targets(Y, network.units[network.depth]).T
    count = activations.Z[0].shape[1]
    if targets.shape[1] != count:
        given = targets.shape[1]
        raise ShapeError(f"Y needs a row for each of the {count} examples of the activations; it has {given}.")
    return targets


def _require_of(network: Network, activations: Activations, errors: Deltas | None = None) -> None:
    own = sizes(network.units)
    given = sizes({k: len(Z) for k, Z in activations.Z.items()})
    if given != own:
        raise ShapeError(
            f"The network is {own}, but these are the activations of a network {given}. "
            "Pass what forward_propagation gave for this network."
        )
    if errors is not None and any(errors.delta[k].shape != A.shape for k, A in activations.A.items()):
        raise ShapeError(
            "The deltas are not of these activations: the units or the examples differ. "
            "Pass what deltas(network, activations, Y) gave for both."
        )


def _activations(network: Network, A: dict[int, Matrix], Z: dict[int, Matrix]) -> Activations:
    lines: list[tuple[Formula, Matrix]] = [(_equation(bold("Z", 0), Term(bold("X", transposed=True))), Z[0])]
    for k in network.W:
        a, z = bold("A", k), bold("Z", k)
        lines.append((_equation(a, Term(linear(k, k in network.b, bold("Z", k - 1)))), A[k]))
        lines.append((_equation(z, Term(network.sigma(k, a))), Z[k]))
    return Activations(tuple(lines), A, Z)


def _deltas(network: Network, delta: dict[int, Matrix]) -> Deltas:
    lines: list[tuple[Formula, Matrix]] = []
    for k in delta:
        last = k == network.depth
        error = (bold("Z", k) - bold("Y", transposed=True),)
        factors = error if last else (bold("W", k + 1, transposed=True), bold("delta", k + 1))
        if k in network.activations:
            factors = (*factors, HADAMARD, primed(network.activations[k], bold("A", k)))
        lines.append((_equation(bold("delta", k), Product(factors)), delta[k]))
    return Deltas(tuple(lines), delta)


def _derivatives(W: dict[int, Matrix], b: dict[int, Matrix], mean: bool) -> WeightDerivatives:
    lines: list[tuple[Formula, Matrix]] = []
    share = (ONE_OVER_N,) if mean else ()
    for k in W:
        of_W = Derivative(ERROR, name_of(bold("W", k)))
        lines.append((Equation((of_W, Product((*share, bold("delta", k), bold("Z", k - 1, transposed=True))))), W[k]))
        if k in b:
            of_b = Derivative(ERROR, name_of(bold("b", k)))
            lines.append((Equation((of_b, Product((*share, bold("delta", k), ONES)))), b[k]))
    return WeightDerivatives(tuple(lines), W, b)


def _equation(left: Symbol, right: Formula) -> Equation:
    return Equation((Term(left), right))
