"""Random expression trees, their value by the rows themselves, and a reader of mathematics in ASCII."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_core import primitives as rows
from autograd_core.symbol import Symbol
from tests.core.sweeps import call

NAMES = ("a", "b", "c")
INFIX = (rows.add, rows.sub, rows.mul, rows.div, rows.neg, rows.pow)
FUNCTIONS = (rows.tanh, rows.abs, rows.square, rows.maximum, rows.reciprocal, rows.hypot, rows.sqrt)
LISTS = (rows.total, rows.dot, rows.mean)
NUMBERS = (2.0, -3.0, 0.5, -0.25, 1e-7, 2e10)


def random_tree(rng: np.random.Generator, depth: int, names: tuple[str, ...] = NAMES) -> Symbol:
    """An operation on operations, exactly as drawn: nothing is folded."""
    if depth == 0 or rng.random() < 0.15:
        if rng.random() < 0.3:
            return Symbol(number=float(rng.choice(NUMBERS)))
        return Symbol(str(rng.choice(names)))
    kinds = (INFIX, FUNCTIONS, LISTS)[int(rng.choice(3, p=[0.75, 0.15, 0.1]))]
    row = kinds[int(rng.integers(len(kinds)))]
    if row is rows.pow:
        exponent = Symbol(number=float(rng.integers(-3, 4)))
        return Symbol.applied(row, (random_tree(rng, depth - 1, names), exponent))
    size = row.arity or 2 * row.lists
    return Symbol.applied(row, [random_tree(rng, depth - 1, names) for _ in range(size)])


def evaluate(tree: Symbol, at: Mapping[str, Any]) -> Any:
    """The tree's value by calling each row."""
    if tree.name is not None:
        return at[tree.name.ascii]
    if tree.number is not None:
        return tree.number
    assert tree.primitive is not None
    return call(tree.primitive, [evaluate(operand, at) for operand in tree.operands])


_TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?(?:e-?\d+)?|[A-Za-z]\w*|[-+*/^(),|])")
_FUNCTIONS = {"tanh": rows.tanh, "max": rows.maximum, "sqrt": rows.sqrt, "exp": rows.exp, "log": rows.log}


class Reader:
    """Reads ASCII mathematics as a person does: a b/c is (a b)/c, -a b is -(a b), a^b^c is not written.

    From weak to strong: sum, minus sign, quotient, product (side by side, or with *), power.
    """

    def __init__(self, text: str, at: Mapping[str, float]) -> None:
        self.tokens, self.position, self.at = _TOKEN.findall(text), 0, at
        assert "".join(self.tokens) == text.replace(" ", ""), text

    @property
    def next(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.next
        assert token and expected in ("", token), (token, expected)
        self.position += 1
        return token

    def whole(self) -> float:
        result = self.sum()
        assert not self.next, self.tokens
        return result

    def sum(self) -> float:
        result = self.signed()
        while self.next in ("+", "-"):
            result = result + self.quotient() if self.take() == "+" else result - self.quotient()
        return result

    def signed(self) -> float:
        if self.next == "-":
            self.take()
            return -self.quotient()
        return self.quotient()

    def quotient(self) -> float:
        result = self.product()
        if self.next == "/":
            self.take()
            result = rows.div(result, self.power())
            assert self.next != "/", "a/b/c has two readings"
        return result

    def product(self) -> float:
        result = self.power()
        while self.next == "*" or re.match(r"[\w(|]", self.next):
            if self.next == "|" and self.inside_bars:
                break
            if self.next == "*":
                self.take()
            result = result * self.power()
        return result

    inside_bars = 0

    def power(self) -> float:
        base = self.atom()
        if self.next == "^":
            self.take()
            base = rows.pow(base, self.atom())
            assert self.next != "^", "a^b^c has two readings"
        return base

    def atom(self) -> float:
        token = self.take()
        if token == "(":
            outside, self.inside_bars = self.inside_bars, 0
            result = self.sum()
            self.inside_bars = outside
            self.take(")")
            return result
        if token == "|":
            self.inside_bars += 1
            result = abs(self.sum())
            self.inside_bars -= 1
            self.take("|")
            return result
        if token in _FUNCTIONS:
            outside, self.inside_bars = self.inside_bars, 0
            self.take("(")
            operands = [self.sum()]
            while self.next == ",":
                self.take()
                operands.append(self.sum())
            self.inside_bars = outside
            self.take(")")
            return float(_FUNCTIONS[token](*operands))
        return float(token) if token[0].isdigit() else self.at[token]
