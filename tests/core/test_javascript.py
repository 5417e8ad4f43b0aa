"""The page's JavaScript against Python: values, partials and domains, on draws and at the edges.

One node process runs everything, and a row as a stepper's page holds it.  JavaScript has no DomainError: it
answers as Python does where poles are allowed.  Numbers may differ by 16 ulp, counted as in `test_table.py`:
V8 has its own mathematical functions, sums from left to right, and knows no erf.
"""

import json
import math
import shutil
import subprocess
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest

from autograd_core.domains import REALS, Box
from autograd_core.primitives import TABLE
from autograd_core.row import Primitive, poles_allowed
from autograd_core.symbol import Symbol
from tests.core.edges import EDGES, OUTSIDE
from tests.core.reference import (
    SMALL,
    Operands,
    draw_operands,
    exact_partials,
    partial_sensitivities,
    value_sensitivity,
)
from tests.core.sweeps import call
from tests.core.trees import NAMES, evaluate, random_tree
from viz.stepping.operations import operation_key, operation_of, write_operations

NODE = shutil.which("node")
DRAWS = 60
ULP = 16
AROUND = (-2.5, -2.0, -1.0, -0.5, -0.0, 0.0, 5e-324, 1e-9, 0.5, 1.0 - 2.0**-53, 1.0, 1.0 + 2.0**-52, 2.0, 3.5)
"""The ends of domains and numbers to either side of them."""

needs_node = pytest.mark.skipif(NODE is None, reason="there is no node to run JavaScript with")
each_row = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)


class Answer(NamedTuple):
    """What Python and JavaScript say at the same operands."""

    operands: Operands
    python: float
    javascript: float


def size_of(row: Primitive) -> int:
    return row.arity or 3 * row.lists


def tried(row: Primitive) -> list[Operands]:
    """Operands inside and outside the domain, as many as the row has, or three terms for any number of them."""
    size = size_of(row)
    found = [operands for operands in draw_operands(row, DRAWS, seed=3) if len(operands) == size]
    rng = np.random.default_rng([5, *row.name.encode()])
    found += [tuple(map(float, rng.choice(AROUND, size))) for _ in range(DRAWS)]
    found += [edge[1] for edge in (*EDGES, *OUTSIDE) if edge[0] is row and len(edge[1]) == size]
    return found + [point.operands for point in row.special] + [(math.nan,) * size]


def python_answers(row: Primitive, operands: Operands) -> list[float]:
    with poles_allowed():
        out = float(call(row, operands))
    return [out, *row.local_derivatives(out, operands, [True] * len(operands))]


def run_in_node(program: str) -> Any:
    """What the module prints, which is JSON."""
    assert NODE
    done = subprocess.run([NODE, "--input-type=module", "-"], input=program, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def in_javascript(row: Primitive) -> str:
    """How the page holds the row, for as many operands as ``tried`` has."""
    return f"OPERATIONS[{json.dumps(operation_key(operation_of(row, size_of(row))))}]"


@cache
def answers() -> dict[tuple[str, int], list[Answer]]:
    """(row name, 0 for the value or the partial's position + 1) -> what both languages say.

    At -1 is whether the operands are inside the domain, for finite ones: the page asks about no others.
    """
    program = [f"const {row.name} = {row.javascript};" for row in TABLE if isinstance(row.javascript, str)]
    program.append(write_operations(operation_of(row, size_of(row)) for row in TABLE))
    program.append("""const results = {}, said = ({inside, value, partials}, out, ...operands) =>
        [value(...operands), ...partials(out, ...operands), Number(inside(...operands))]
        .map(x => Object.is(x, -0) ? '-0' : String(x));""")
    wanted: dict[str, list[tuple[Operands, list[float]]]] = {}
    for row in TABLE:
        wanted[row.name] = [(operands, python_answers(row, operands)) for operands in tried(row)]
        inputs = [[number_text(x) for x in (out[0], *operands)] for operands, out in wanted[row.name]]
        program.append(f"results.{row.name} = {json.dumps(inputs)}.map(row => row.map(Number)).map(row => "
                       f"said({in_javascript(row)}, ...row));")
    trees, at = random_trees()
    program += [f"const {name} = {x!r};" for name, x in at.items()]
    program.append(f"results.trees = [{', '.join(tree.javascript for tree in trees)}].map(String);")
    program.append("console.log(JSON.stringify(results));")
    output = run_in_node("\n".join(program))
    with poles_allowed():
        numbers = [float(evaluate(tree, at)) for tree in trees]
    pairs = zip(numbers, map(float, output.pop("trees")), strict=True)
    found = {("trees", 0): [Answer((), python, javascript) for python, javascript in pairs]}
    rows = {row.name: row for row in TABLE}
    for name, results in output.items():
        for (operands, numbers), (*line, inside) in zip(wanted[name], results, strict=True):
            for at, (number, shown) in enumerate(zip(numbers, line, strict=True)):
                found.setdefault((name, at), []).append(Answer(operands, number, float(shown)))
            if all(map(math.isfinite, operands)):
                asked = Answer(operands, float(rows[name].domain.contains(*operands)), float(inside))
                found.setdefault((name, -1), []).append(asked)
    return found


def random_trees() -> tuple[list[Symbol], dict[str, float]]:
    rng = np.random.default_rng(6)
    at = {name: float(rng.uniform(0.5, 2.0)) for name in NAMES}
    return [random_tree(rng, depth=4) for _ in range(200)], at


def number_text(x: float) -> str:
    return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(str(x), repr(x))


def agree(row: Primitive, at: int, answer: Answer) -> bool:
    python, javascript = answer.python, answer.javascript
    if python == javascript or (math.isnan(python) and math.isnan(javascript)):
        return True
    if not math.isfinite(python) or not math.isfinite(javascript):
        return False
    scale = abs(python)
    if row.conditioned and abs(python - javascript) > ULP * math.ulp(max(scale, SMALL)):
        if at == 0:
            scale += float(value_sensitivity(answer.operands, exact_partials(row, answer.operands)))
        else:
            scale += float(partial_sensitivities(row, answer.operands)[at - 1])
    return abs(python - javascript) <= ULP * math.ulp(max(scale, SMALL))


def disagreements(row: Primitive, positions: range) -> list[Any]:
    return [
        (at, answer)
        for at in positions
        for answer in answers()[row.name, at]
        if not agree(row, at, answer)
    ]


@needs_node
@each_row
def test_javascript_computes_the_value_python_does(row: Primitive) -> None:
    assert not disagreements(row, range(1))


@needs_node
@each_row
def test_javascript_computes_the_partials_python_does(row: Primitive) -> None:
    assert not disagreements(row, range(1, size_of(row) + 1))


@needs_node
@each_row
def test_javascript_knows_where_a_row_is_defined(row: Primitive) -> None:
    asked = answers()[row.name, -1]
    assert [each for each in asked if each.python != each.javascript] == []
    is_everywhere = isinstance(row.domain, Box) and set(row.domain.intervals) == {REALS}
    assert {each.python for each in asked} == ({1.0} if is_everywhere else {0.0, 1.0})


@needs_node
def test_random_expressions_have_the_parentheses_they_need() -> None:
    for answer in answers()["trees", 0]:
        if math.isfinite(answer.python) and abs(answer.python) < 1e6:
            assert answer.javascript == pytest.approx(answer.python, rel=1e-6, abs=1e-6)


@needs_node
@each_row
def test_a_zero_has_the_sign_in_javascript_that_it_has_in_python(row: Primitive) -> None:
    for answer in answers()[row.name, 0]:
        if answer.python == 0.0 and row.name in ("sin", "tan", "tanh", "sqrt", "mul", "neg", "silu", "gelu"):
            assert math.copysign(1.0, answer.python) == math.copysign(1.0, answer.javascript), answer
