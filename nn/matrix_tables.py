"""The backward pass of the quick reference as a table, one step per variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_core.formula import Derivative, Equation, Formula, Product, Term
from autograd_core.names import Name
from autograd_core.symbol import Symbol
from autograd_core.table import Cell, Table
from nn.errors import SettingError
from nn.matrix_form import deltas, forward_propagation
from nn.matrix_network import Network
from nn.matrix_notation import ERROR, HADAMARD, Matrix, Numbers, bold, linear, name_of, primed

_HALF_SQUARED = r"\tfrac{1}{2} \lVert \mathbf{z}^{(%d)} - \mathbf{y} \rVert^2"


def backpropagation_table(network: Network, x: Sequence[float] | None = None, y: Any = None) -> Table:
    """The backward pass through a network, one step for each of z^(K), a^(K), ..., z^(1), a^(1), x (LECTURE row 10).

    A step has the variable, its local relationship, the local derivative and the derivative backpropagated to it.
    With one example ``x``, and ``y`` (a number, or one per output), their numbers stand beside: a vector in
    parentheses, a matrix in brackets with its rows ended by semicolons.  The derivative of sigma stands for the
    diagonal matrix it is, hence the product element by element.  Raises as :func:`forward_propagation` and
    :func:`deltas` do.

    >>> from nn import MLP
    >>> print(backpropagation_table(Network.of(MLP([2, 1], output="sigmoid", bias=False))))
    step  variable  local relationship   local derivative        backpropagated derivative
    ----  --------  -------------------  ----------------------  -------------------------------------
    1     z⁽¹⁾      E = 1/2 ‖z⁽¹⁾ - y‖²  ∂E/∂z⁽¹⁾ = z⁽¹⁾ - y     ∂E/∂z⁽¹⁾ = z⁽¹⁾ - y
    2     a⁽¹⁾      z⁽¹⁾ = σ(a⁽¹⁾)       ∂z⁽¹⁾/∂a⁽¹⁾ = σ'(a⁽¹⁾)  ∂E/∂a⁽¹⁾ = ∂E/∂z⁽¹⁾ ∘ σ'(a⁽¹⁾) = δ⁽¹⁾
    3     x         a⁽¹⁾ = W⁽¹⁾ x        ∂a⁽¹⁾/∂x = W⁽¹⁾         ∂E/∂x = W⁽¹⁾ᵀ δ⁽¹⁾
    """
    if (x is None) != (y is None):
        raise SettingError("The numbers of a backward pass need both x and y; without numbers leave both out.")
    formulas = _formulas(network)
    if x is None:
        columns = ("step", "variable", "local relationship", "local derivative", "backpropagated derivative")
        return Table(columns, tuple((str(at), *row) for at, row in enumerate(formulas, 1)))
    numbers = _numbers(network, [list(x)], np.reshape(y, (1, -1)))
    header = ("step", "variable", "value", "local relationship", "local derivative", "value",
              "backpropagated derivative", "value")
    rows: list[tuple[Cell, ...]] = []
    for at, (row, (value, local, derivative)) in enumerate(zip(formulas, numbers, strict=True), 1):
        variable, relationship, local_derivative, backpropagated = row
        rows.append((str(at), variable, Numbers(value), relationship, local_derivative, Numbers(local),
                     backpropagated, Numbers(derivative)))
    return Table(header, tuple(rows))


def _formulas(network: Network) -> list[tuple[Formula, ...]]:
    rows: list[tuple[Formula, ...]] = []
    K = network.depth
    for k in range(K, -1, -1):
        z = bold("z", k) if k else bold("x")
        of_z = Derivative(ERROR, name_of(z))
        if k == K:
            error = Equation((of_z, Term(z - bold("y"))))
            rows.append((Term(z), _half_squared_error(K), error, error))
        else:
            after, local = bold("a", k + 1), bold("W", k + 1)
            relationship = Equation((Term(after), Term(linear(k + 1, k + 1 in network.b, z))))
            transposed = Product((bold("W", k + 1, transposed=True), bold("delta", k + 1)))
            rows.append((Term(z), relationship, Equation((Derivative(name_of(after), name_of(z)), Term(local))),
                         Equation((of_z, transposed))))
        if k:
            rows.append(_through_activation(network, k, z, of_z))
    return rows


def _through_activation(network: Network, k: int, z: Symbol, of_z: Derivative) -> tuple[Formula, ...]:
    a = bold("a", k)
    slope = primed(network.activations.get(k), a)
    back: Formula = Product((of_z, HADAMARD, slope)) if k in network.activations else of_z
    return (
        Term(a),
        Equation((Term(z), Term(network.sigma(k, a)))),
        Equation((Derivative(name_of(z), name_of(a)), Term(slope))),
        Equation((Derivative(ERROR, name_of(a)), back, Term(bold("delta", k)))),
    )


def _half_squared_error(K: int) -> Equation:
    squared = Name(_HALF_SQUARED % K, f"1/2 ‖{bold('z', K).text} - y‖²", f"1/2 |z^({K}) - y|^2", "E", True)
    return Equation((Term(Symbol(ERROR)), Term(Symbol(squared))))


def _numbers(network: Network, X: Any, Y: Any) -> list[tuple[Matrix, Matrix, Matrix]]:
    """The variable, the local derivative and the backpropagated one of each step."""
    activations = forward_propagation(network, X)
    A, Z, K = activations.A, activations.Z, network.depth
    delta = deltas(network, activations, Y).delta
    rows = []
    for k in range(K, -1, -1):
        local = Z[K] - Y.T if k == K else network.W[k + 1]
        rows.append((Z[k], local, local if k == K else local.T @ delta[k + 1]))
        if k:
            rows.append((A[k], network.sigma_prime(k, A[k]), delta[k]))
    return rows
