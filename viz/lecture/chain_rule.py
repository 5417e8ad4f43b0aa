"""The lecture's first worked examples: a path, two paths, many paths, a long chain, one node."""

from __future__ import annotations

from autograd_core.derivative_tables import ledger, relationships
from autograd_core.explanation import explain
from autograd_core.graph import Graph
from autograd_core.path_sums import paths
from autograd_core.primitives import exp, sin, total
from autograd_core.value import Value
from autograd_core.writing import ASCII
from viz.drawing import draw
from viz.lecture.worked_example import WorkedExample, arrows_of
from viz.stepping import step


def example_1(x: float = 1.0) -> WorkedExample:
    """Example 1: a single path, along which the chain rule multiplies.

    >>> example_1().results["dy/dx"]
    6.0
    """
    x_ = Value(x, "x")
    a = (3 * x_).named("a")
    y = (2 * a).named("y")

    explanation = explain(y, x_)
    return WorkedExample(
        id="example-1",
        title="Example 1: along a path we apply the chain rule",
        says="y = 2a and a = 3x: each arrow carries the derivative of its head with respect to its tail.",
        parts=(
            ("The graph", draw(y)),
            ("The derivative", explanation),
            ("With all numbers", draw(y, style="full")),
            ("Step through it", step(y)),
        ),
        values={"x": x_, "a": a, "y": y},
        results={
            "picture": arrows_of(Graph(y).contract()),
            "dy/dx": explanation.derivative,
            "derivation": explanation.to_line(ASCII),
        },
        builder=example_1,
    )


def example_2(x: float = 1.0) -> WorkedExample:
    """Example 2: two paths, across which the sum rule adds.

    >>> example_2().results["dy/dx"]
    5.0
    """
    x_ = Value(x, "x")
    a_1 = (3 * x_).named("a_1")
    a_2 = (-x_).named("a_2")
    y = (2 * a_1 + a_2).named("y")

    explanation = explain(y, x_)
    both = paths(y, x_)
    return WorkedExample(
        id="example-2",
        title="Example 2: across paths we apply the sum rule",
        says="y = 2a₁ + a₂ with a₁ = 3x and a₂ = -x: x reaches y twice, and the two products are added.",
        parts=(
            ("The graph", draw(y)),
            ("The derivative", explanation),
            ("The two paths", draw(y, highlight=(x_, y))),
            ("Their products", both.table()),
            ("With all numbers", draw(y, style="full")),
            ("Step through it", step(y)),
        ),
        values={"x": x_, "a_1": a_1, "a_2": a_2, "y": y},
        results={
            "picture": arrows_of(Graph(y).contract()),
            "products of the paths": ", ".join(f"{path.product:g}" for path in both),
            "dy/dx": explanation.derivative,
            **{f"line {at}": f"{step.formula.write(ASCII)} [{step.rule}]" for at, step in enumerate(explanation, 1)},
        },
        builder=example_2,
    )


def example_3(x: float = 1.5, n: int = 5) -> WorkedExample:
    """Example 3: a fan of ``n`` paths; weight j is 0.1 j in the first layer and 0.2 j in the second.

    >>> round(example_3(n=5).results["dy/dx"], 10)
    1.1
    """
    x_ = Value(x, "x")
    w_1 = [Value(0.1 * j, f"w_{{{j}}}^{{(1)}}") for j in range(1, n + 1)]
    w_2 = [Value(0.2 * j, f"w_{{{j}}}^{{(2)}}") for j in range(1, n + 1)]
    a = [(w * x_).named(f"a_{{{j}}}") for j, w in enumerate(w_1, 1)]
    y = total([w * each for w, each in zip(w_2, a, strict=True)]).named("y")

    i = min(2, n) - 1
    explanation = explain(y, x_)
    return WorkedExample(
        id="example-3",
        title="Example 3: many paths, and the weights",
        says="y is the sum of wⱼ⁽²⁾ aⱼ with aⱼ = wⱼ⁽¹⁾ x: a weight that multiplies is an arrow's label.",
        parts=(
            ("The graph", draw(y, wrt=[x_])),
            ("The derivative with respect to x", explanation),
            ("What the nodes are", relationships(y, wrt=[x_])),
            ("A weight of the second layer", explain(y, w_2[i])),
            ("A weight of the first layer", explain(y, w_1[i])),
            ("Now the weight is a node too", draw(y, wrt=[w_1[i]])),
            ("Step through it", step(y, wrt=[x_])),
        ),
        values={"x": x_, "y": y}
        | {f"a_{j}": each for j, each in enumerate(a, 1)}
        | {f"w1_{j}": each for j, each in enumerate(w_1, 1)}
        | {f"w2_{j}": each for j, each in enumerate(w_2, 1)},
        results={
            "dy/dx": explanation.derivative,
            "rules": explanation.steps[0].formula.write(ASCII),
            "general term": explanation.steps[min(1, len(explanation.steps) - 1)].formula.write(ASCII),
            "dy/dw_i^(2)": explain(y, w_2[i]).steps[0].formula.write(ASCII),
            "dy/dw_i^(1)": explain(y, w_1[i]).steps[1].formula.write(ASCII),
        },
        builder=example_3,
    )


def chain(z: float = 0.5) -> WorkedExample:
    """Backpropagation intuitively: a long chain, the two leftmost factors folded into one at a time.

    Here y = z^2, x = sin y, w = e^x and f = w^2.

    >>> round(chain().results["df/dz"], 6)
    3.178388
    """
    z_ = Value(z, "z")
    y = (z_**2).named("y")
    x = sin(y).named("x")
    w = exp(x).named("w")
    f = (w**2).named("f")

    folded = explain(f, z_, fold=True)
    return WorkedExample(
        id="chain",
        title="Backpropagation intuitively",
        says="Going back one step means replacing the two leftmost factors by their product, a derivative again.",
        parts=(
            ("The chain", draw(f)),
            ("One factor at a time", folded),
            ("What each step is", relationships(f)),
            ("Step through it: each event of the backward pass is one fold", step(f)),
        ),
        values={"z": z_, "y": y, "x": x, "w": w, "f": f},
        results={
            "df/dz": folded.derivative,
            **{f"fold {at}": step.formula.write(ASCII) for at, step in enumerate(folded.steps[:5])},
        },
        builder=chain,
    )


def simple(a: float = 2.0, b: float = 3.0) -> WorkedExample:
    """One node: a local derivative for each edge into it, and two edges where an operand occurs twice.

    >>> simple().results["d(a*a)/da, edges"]
    '2, 2'
    """
    a_, b_ = Value(a, "a"), Value(b, "b")
    y = (a_ + b_).named("y")
    doubled = (a_ + a_).named("y")
    squared = (a_ * a_).named("y")

    def edges(output: Value) -> str:
        return ", ".join(f"{edge.partial:g}" for edge in Graph(output).edges)

    return WorkedExample(
        id="simple",
        title="A simple example: f(a, b) = a + b",
        says="There is one local derivative for each edge into a node; a + a and a * a have two edges from a.",
        parts=(
            ("a + b", draw(y)),
            ("a + a", draw(doubled, style="full")),
            ("a * a", draw(squared, style="full")),
            ("The ledger of a * a: every edge contributes", ledger(squared)),
            ("Contracted, the two edges add up", draw(squared, show="both")),
            ("Step through a + b", step(y)),
            ("Step through a * a: one edge at a time", step(squared, view="full")),
        ),
        values={"a": a_, "b": b_, "y": y},
        results={
            "picture": arrows_of(Graph(y).contract()),
            "dy/da": explain(y, a_).derivative,
            "dy/db": explain(y, b_).derivative,
            "d(a+a)/da, edges": edges(doubled),
            "d(a*a)/da, edges": edges(squared),
            "d(a*a)/da": explain(squared, a_).derivative,
        },
        builder=simple,
    )
