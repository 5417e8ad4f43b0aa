"""The lecture's two networks: one unit per layer, and the mini network with three hidden units."""

from __future__ import annotations

from collections.abc import Sequence

from autograd_core.derivative_tables import forward_and_backward, global_derivatives, local_derivatives, relationships
from autograd_core.explanation import explain
from autograd_core.graph import Graph
from autograd_core.primitives import dot, sigmoid, tanh
from autograd_core.value import Value
from autograd_core.writing import ASCII
from viz.drawing import draw
from viz.lecture.worked_example import WorkedExample, arrows_of, first_row
from viz.stepping import step


def scalar_network(w_1: float = 0.5, w_2: float = -1.5, z_0: float = 2.0, y: float = 1.0) -> WorkedExample:
    """Closer to a real neural network: yhat = sigma(w_2 sigma(w_1 z_0)), E = 1/2 (yhat - y)^2.

    >>> f"{scalar_network().results['dE/dw_1']:.10f}"
    '0.0829875535'
    """
    x, target = Value(z_0, "z_0 = x"), Value(y, "y")
    w1, w2 = Value(w_1, "w_1"), Value(w_2, "w_2")
    a1 = (w1 * x).named("a_1")
    z1 = sigmoid(a1).named("z_1")
    a2 = (w2 * z1).named("a_2")
    yhat = sigmoid(a2).named("yhat = z_2")
    E = (0.5 * (yhat - target) ** 2).named("E")

    first = explain(E, w1)
    second = explain(E, w2)
    return WorkedExample(
        id="scalar-network",
        title="Closer to a real neural network",
        says="One unit per layer. All quantities of the product are known from forward propagation.",
        parts=(
            ("Forward: the weights are on the arrows", draw(E, wrt=[x], flow="forward")),
            ("The question is about the weights: they are nodes", draw(E, wrt=[w1, w2], flow="backward")),
            ("The two columns", forward_and_backward(E, wrt=[w1])),
            ("The derivative with respect to the first weight", first),
            ("The shared factor is called delta", explain(E, w1, through=a1)),
            ("The same for the second weight", explain(E, w2, through=a2)),
            ("An erratum", "The slide's brace begins after ∂E/∂ŷ; to stand for ∂E/∂a₁ it must include it."),
            ("With all numbers", draw(E, style="full", direction="down")),
            ("Step through it", step(E, wrt=[w1, w2])),
        ),
        values={"z_0": x, "y": target, "w_1": w1, "w_2": w2, "a_1": a1, "z_1": z1, "a_2": a2}
        | {"yhat": yhat, "E": E},
        results={
            "yhat": yhat.data,
            "E": E.data,
            "delta_2": explain(E, a2).derivative,
            "delta_1": explain(E, a1).derivative,
            "dE/dw_2": second.derivative,
            "dE/dw_1": first.derivative,
            "picture": arrows_of(Graph(E, wrt=[x]).contract()),
            "rule": first.steps[0].formula.write(ASCII),
            "factors": first.steps[1].formula.write(ASCII),
            "through delta": explain(E, w1, through=a1).steps[2].formula.write(ASCII),
        },
        builder=scalar_network,
    )


def mini_network(
    x: Sequence[float] = (1.0, -2.0, 0.5),
    W: Sequence[Sequence[float]] = ((0.2, -0.1, 0.4), (-0.3, 0.5, 0.1), (0.6, 0.2, -0.5)),
    w: Sequence[float] = (0.7, -0.4, 0.3),
    y: float = 1.0,
) -> WorkedExample:
    """An actual mini neural network: 3 inputs, 3 hidden units z_i = g(a_i), a linear output, no bias.

    The activation is tanh, shown as a generic g.

    >>> f"{mini_network().results['yhat']:.10f}"
    '0.7002606404'
    """
    g = tanh.renamed("g")
    inputs = [Value(each, f"x_{j}") for j, each in enumerate(x)]
    hidden = [[Value(each, f"w_{{{i}{j}}}") for j, each in enumerate(row)] for i, row in enumerate(W)]
    output = [Value(each, f"w_{i}") for i, each in enumerate(w)]
    a = [dot(row, inputs).named(f"a_{i}") for i, row in enumerate(hidden)]
    z = [g(each).named(f"z_{i}") for i, each in enumerate(a)]
    yhat = dot(output, z).named("yhat")
    target = Value(y, "y")
    E = (0.5 * (yhat - target) ** 2).named("E")

    weights = [*(each for row in hidden for each in row), *output]
    graph = Graph(E, wrt=weights)
    of_E = graph.adjoints()

    def derivative(node: Value) -> float:
        return of_E[graph.index(node)]

    outer = [derivative(hidden[i][j]) - derivative(a[i]) * x[j] for i in range(len(W)) for j in range(len(x))]
    return WorkedExample(
        id="mini-network",
        title="And here's an actual mini neural network",
        says="Three inputs, three hidden units with activation g, a linear output for regression; 12 weights.",
        parts=(
            ("The network: the weights are on the arrows", draw(E, wrt=inputs)),
            ("Local relationships", relationships(E, wrt=weights, general=True)),
            ("Local derivatives", local_derivatives(E, wrt=weights, general=True)),
            ("Global derivatives", global_derivatives(E, wrt=weights, general=True)),
            ("One weight, step by step", explain(E, hidden[0][1])),
            ("An input reaches the error along three paths", explain(E, inputs[0])),
            ("Those three paths", draw(E, wrt=inputs, highlight=(inputs[0], E))),
            ("Every derivative, with numbers", global_derivatives(E, wrt=weights)),
            ("With the weights as nodes", draw(E, wrt=weights)),
            ("Step through it: the weights are on the arrows", step(E, wrt=inputs)),
            ("Step through it: the weights are nodes", step(E, wrt=weights)),
        ),
        values={"y": target, "yhat": yhat, "E": E}
        | {f"x_{j}": each for j, each in enumerate(inputs)}
        | {f"a_{i}": each for i, each in enumerate(a)}
        | {f"z_{i}": each for i, each in enumerate(z)}
        | {f"w_{i}": each for i, each in enumerate(output)}
        | {f"w_{i}{j}": each for i, row in enumerate(hidden) for j, each in enumerate(row)},
        results={
            "yhat": yhat.data,
            "E": E.data,
            "dE/dyhat": derivative(yhat),
            **{f"dE/da_{i}": derivative(each) for i, each in enumerate(a)},
            **{f"dE/dw_{i}": derivative(each) for i, each in enumerate(output)},
            "largest |dE/dw_ij - dE/da_i x_j|": max(map(abs, outer)),
            "weights": float(len(weights)),
            "a general unit": first_row(relationships(E, wrt=weights, general=True)),
            "a general weight": first_row(global_derivatives(E, wrt=weights, general=True)),
        },
        builder=mini_network,
    )
