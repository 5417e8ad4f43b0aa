"""A function of generated source without the helpers it calls: their statements stand where the calls stood."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping


def inlined(function: ast.FunctionDef, helpers: Mapping[str, ast.FunctionDef]) -> ast.FunctionDef:
    """The function with each ``a, b = helper(x)``, where x is a name, replaced by the helper's statements.

    >>> helper, function = ast.parse('''
    ... def parts_of_w(w):
    ...     return w[0:2], w[2]
    ... def value(v):
    ...     W, b = parts_of_w(v)
    ...     return W @ W + b
    ... ''').body
    >>> print(ast.unparse(inlined(function, {"parts_of_w": helper})))
    def value(v):
        W = v[0:2]
        b = v[2]
        return W @ W + b
    """
    body = [each for statement in function.body for each in _statements(statement, helpers)]
    return ast.FunctionDef(function.name, function.args, body, [], lineno=function.lineno)


def _statements(statement: ast.stmt, helpers: Mapping[str, ast.FunctionDef]) -> Iterator[ast.stmt]:
    match statement:
        case ast.Assign(targets=[target], value=ast.Call(func=ast.Name(id=name), args=given)) if name in helpers:
            *body, last = _renamed(helpers[name], given)
            for each in body:
                yield from _statements(each, helpers)
            assert isinstance(last, ast.Return) and last.value is not None
            yield from _assignments(target, last.value)
        case _:
            yield statement


def _renamed(helper: ast.FunctionDef, given: list[ast.expr]) -> list[ast.stmt]:
    names = {parameter.arg: each.id for parameter, each in zip(helper.args.args, given, strict=True)
             if isinstance(each, ast.Name)}
    body = ast.parse("\n".join(map(ast.unparse, helper.body))).body
    for node in ast.walk(ast.Module(body, [])):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    return body


def _assignments(target: ast.expr, value: ast.expr) -> Iterator[ast.stmt]:
    targets = target.elts if isinstance(target, ast.Tuple) else [target]
    values = value.elts if isinstance(value, ast.Tuple) else [value]
    for name, each in zip(targets, values, strict=True):
        if ast.unparse(name) not in ("_", ast.unparse(each)):
            yield ast.Assign([name], each, lineno=0)
