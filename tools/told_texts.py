"""Finds in the code the English texts that screens translate: what errors, warnings and phases are made with.

A text may be a literal, an f-string, one of several of them, or a name, a parameter or a call that stands for such
texts in the same file; what else it is must be marked with `told()`. An f-string becomes a template whose places are
named after what is put there: `{len(songs)} songs in {folder.name}` is `{count} songs in {name}`.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path

from tools.meanings import Meanings
from tools.tellings import MARKS, SILENT, TOLD_ALREADY, telling_of
from tools.templates import constant, escaped, has_words, name_of, place_name, without_formats

Forms = tuple[str, ...]
"""A message: its template, or those of singular and plural."""


@dataclass(frozen=True)
class Found:
    """A text, and the file that it stands in."""

    file: str
    forms: Forms


@dataclass(frozen=True)
class Unseen:
    """A place whose text the tool cannot make out."""

    file: str
    line: int
    code: str


@dataclass
class Reader:
    """One file of the package.

    Args:
        file: its path below the package, with slashes.
        tree: what stands in it.
        errors: the names of the classes of errors.
    """

    file: str
    tree: ast.Module
    errors: frozenset[str]
    found: list[Found] = field(default_factory=list)
    unseen: list[Unseen] = field(default_factory=list)
    carried: set[str] = field(default_factory=set)

    def read(self) -> "Reader":
        """Goes through every call."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                self._read_call(node)
        return self

    def _read_call(self, call: ast.Call) -> None:
        name = name_of(call.func)
        if name in ("told", "told_many") and not self._marks:
            return
        if name == "told_many":
            self.found.append(Found(self.file, tuple(without_formats(constant(text)) for text in call.args[:2])))
        elif name == "told":
            template = isinstance(call.args[0], ast.Constant) and call.keywords
            texts = [without_formats(constant(call.args[0]))] if template else self._texts(call.args[0], call)
            self._keep(texts)
        elif (telling := telling_of(name, self.file, self.errors)) is not None:
            places = [call.args[place] for place in telling.places if place < len(call.args)]
            named = [keyword.value for keyword in call.keywords if keyword.arg in telling.keywords]
            for value in (*places, *named):
                self._keep(self._texts(value, call))

    def _keep(self, texts: Iterable[str]) -> None:
        self.found.extend(Found(self.file, (text,)) for text in texts if has_words(text))

    def _carry(self, name: str, texts: list[str]) -> None:
        """Keeps the texts that a place in a template may have, and its name."""
        self._keep(texts)
        self.carried.update([name] if any(map(has_words, texts)) else ())

    def _texts(self, value: ast.expr, call: ast.AST, seen: frozenset[str] = frozenset()) -> list[str]:
        """The templates of what an expression may be; what cannot be made out is noted."""
        match value:
            case ast.Constant(value=text):
                return [escaped(text)] if isinstance(text, str) else []
            case ast.JoinedStr():
                return self._template(value, call, seen)
            case ast.IfExp() | ast.BoolOp() | ast.Dict():
                return [text for part in _choices(value) for text in self._texts(part, call, seen)]
            case ast.Attribute(attr=attribute) if attribute in TOLD_ALREADY:
                return []
            case ast.Subscript(value=ast.Name() as inner):
                return self._looked_up(inner, call, seen)
            case ast.Call():
                return self._of_a_call(value, call, seen)
            case ast.Name():
                return self._looked_up(value, call, seen)
        return self._not_seen(value)

    def _of_a_call(self, value: ast.Call, call: ast.AST, seen: frozenset[str]) -> list[str]:
        match value:
            case ast.Call(func=ast.Name(id="str"), args=[ast.Name(id="error")]):
                return []
            case ast.Call(func=ast.Name(id="str"), args=[inner]):
                return self._texts(inner, call, seen)
            case ast.Call(func=ast.Attribute(value=ast.Call(func=mark), attr="format")) if name_of(mark) in MARKS:
                return []
            case ast.Call(func=ast.Attribute(attr="join"), args=[ast.GeneratorExp(elt=each)]):
                return self._texts(each, call, seen)
            case ast.Call(func=ast.Attribute(value=ast.Name() as table, attr="get"), args=[_, otherwise]):
                return [*self._looked_up(table, call, seen), *self._texts(otherwise, call, seen)]
            case ast.Call(func=ast.Name() | ast.Attribute(value=ast.Name(id="self")) as function):
                return [] if name_of(function) in MARKS else self._looked_up(value, call, seen)
        return self._not_seen(value)

    def _not_seen(self, value: ast.expr) -> list[str]:
        self.unseen.append(Unseen(self.file, value.lineno, ast.unparse(value)))
        return []

    def _template(self, text: ast.JoinedStr, call: ast.AST, seen: frozenset[str]) -> list[str]:
        """An f-string as a template; a choice between literals in it makes two of it."""
        names: dict[str, str] = {}
        pieces: list[list[str]] = []
        for part in text.values:
            match part:
                case ast.Constant(value=str(literal)):
                    pieces.append([escaped(literal)])
                case ast.FormattedValue(value=ast.IfExp(body=ast.Constant(), orelse=ast.Constant()) as choice):
                    pieces.append([escaped(constant(one)) for one in _choices(choice)])
                case ast.FormattedValue(value=value):
                    name = place_name(value, names)
                    pieces.append([f"{{{name}}}"])
                    self._carry(name, self._texts_in(value, call, seen))
        return ["".join(chosen) for chosen in product(*pieces)]

    def _texts_in(self, value: ast.expr, call: ast.AST, seen: frozenset[str]) -> list[str]:
        """The phrases that a value in a text may be; a value need not be one."""
        before = len(self.unseen)
        texts = self._texts(value, call, seen)
        del self.unseen[before:]
        return [text for text in texts if " " in text.strip()]

    def _looked_up(self, value: ast.expr, call: ast.AST, seen: frozenset[str]) -> list[str]:
        """What a name or a call in this file stands for."""
        mark = f"{self._meanings.function_around(call)} {ast.unparse(value)}"
        if mark in seen:
            return []
        meant = self._meanings.of(value, call)
        if not meant:
            return self._not_seen(value)
        return [text for one, place in meant for text in self._texts(one, place, seen | {mark})]

    @cached_property
    def _meanings(self) -> Meanings:
        return Meanings(self.tree)

    @cached_property
    def _marks(self) -> bool:
        """Whether `told` is the mark here, and not a name of the file's own."""
        return any(isinstance(node, ast.ImportFrom) and node.module == "sidestep_tui.told" for node in self.tree.body)


def told_texts(package: Path) -> tuple[list[Found], list[Unseen]]:
    """Every text that the code tells people, and the places whose texts cannot be made out."""
    readers = _readers(package)
    return [found for reader in readers for found in reader.found], [u for reader in readers for u in reader.unseen]


def carrying_places(package: Path) -> set[str]:
    """The names of the places in templates whose values may be texts themselves, as far as that can be seen."""
    return {name for reader in _readers(package) for name in reader.carried}


def _readers(package: Path) -> list[Reader]:
    trees = {
        file.relative_to(package).as_posix(): ast.parse(file.read_text(encoding="utf-8"))
        for file in sorted(package.rglob("*.py"))
    }
    errors = _classes_of_errors(trees.values())
    return [Reader(file, tree, errors).read() for file, tree in trees.items() if not file.startswith(SILENT)]


def _classes_of_errors(trees: Iterable[ast.Module]) -> frozenset[str]:
    """`SidestepError` and what is made from it."""
    bases = {
        node.name: {name_of(base) for base in node.bases}
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    errors = {"SidestepError"}
    while more := {name for name, above in bases.items() if above & errors} - errors:
        errors |= more
    return frozenset(errors)


def _choices(value: ast.IfExp | ast.BoolOp | ast.Dict) -> list[ast.expr]:
    """What one of which an expression is."""
    return [value.body, value.orelse] if isinstance(value, ast.IfExp) else value.values
