"""What a name or a call in a file stands for: the expressions that it is given there, or that a function returns."""

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property

from tools.templates import name_of

Meaning = tuple[ast.expr, ast.AST]
"""An expression, and the node that it stands at."""


class Meanings:
    """Looks names and calls up in one file.

    Args:
        tree: what stands in it.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree

    def of(self, value: ast.expr, place: ast.AST) -> list[Meaning]:
        """What a name or a call stands for at a place; nothing where the file does not tell.

        Args:
            value: the name or the call.
            place: a node near it.
        """
        if isinstance(value, ast.Call):
            return list(self._returned(name_of(value.func)))
        return list(self._given(name_of(value), self._functions_around.get(place)))

    def function_around(self, place: ast.AST) -> str:
        """The name of the function that a node stands in; empty where it stands in none."""
        function = self._functions_around.get(place)
        return function.name if function else ""

    def _given(self, name: str, function: ast.FunctionDef | None) -> Iterator[Meaning]:
        """What a name is given: in the function around, by its callers, or in the file."""
        if function is not None:
            within = [(value, function) for value in _assigned(name, ast.walk(function))]
            parameters = [each.arg for each in (*function.args.args, *function.args.kwonlyargs)]
            if name in parameters:
                within += self._arguments(function, parameters, name)
            if within:
                yield from within
                return
        for value in _assigned(name, self._tree.body):
            yield value, self._tree

    def _arguments(self, function: ast.FunctionDef, parameters: list[str], name: str) -> list[Meaning]:
        place = parameters.index(name) - (parameters[0] in ("self", "cls"))
        found: list[Meaning] = []
        for call in self._calls:
            if name_of(call.func) == function.name:
                found += [(keyword.value, call) for keyword in call.keywords if keyword.arg == name]
                found += [(call.args[place], call)] if place < len(call.args) else []
        return found

    def _returned(self, name: str) -> Iterator[Meaning]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.FunctionDef) and node.name == name:
                returns = (each for each in ast.walk(node) if isinstance(each, ast.Return) and each.value is not None)
                yield from ((each.value, each) for each in returns if each.value is not None)

    @cached_property
    def _calls(self) -> list[ast.Call]:
        return [node for node in ast.walk(self._tree) if isinstance(node, ast.Call)]

    @cached_property
    def _functions_around(self) -> dict[ast.AST, ast.FunctionDef]:
        functions = [node for node in ast.walk(self._tree) if isinstance(node, ast.FunctionDef)]
        return {node: function for function in functions for node in ast.walk(function) if node is not function}


def _assigned(name: str, nodes: Iterable[ast.AST]) -> Iterator[ast.expr]:
    """What the name is set to, also beside others: `what, fix = "…", "…"`."""
    for node in nodes:
        match node:
            case ast.Assign(targets=[target], value=value):
                yield from _parts(name, target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from _parts(name, target, value)
            case ast.NamedExpr(target=target, value=value):
                yield from _parts(name, target, value)


def _parts(name: str, target: ast.expr, value: ast.expr) -> Iterator[ast.expr]:
    match target, value:
        case ast.Name(id=known), _ if known == name:
            yield value
        case ast.Tuple(elts=targets), ast.Tuple(elts=values):
            for each, part in zip(targets, values, strict=True):
                yield from _parts(name, each, part)
        case ast.Tuple(elts=targets), ast.IfExp(body=body, orelse=orelse):
            yield from _parts(name, target, body)
            yield from _parts(name, target, orelse)
