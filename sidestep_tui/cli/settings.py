"""Settings from a command line: flags derived from the schema, laid over a config file and a preset."""

import csv
import json
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic_settings import BaseSettings, CliSettingsSource

from sidestep_tui.cli.describe import applies_text, help_text, metavar
from sidestep_tui.cli.parser import Parser
from sidestep_tui.config.base import Section
from sidestep_tui.config.config_file import read_config_file
from sidestep_tui.config.fields import SettingField, put, setting_fields
from sidestep_tui.config.layers import Layer
from sidestep_tui.config.presets.shelf import find_preset

_NEVER_TYPED: Final = "\0"


class SettingFlags:
    """One flag for every setting of a document, added to a parser: `--optimizer.learning_rate`, short `--lr`.

    pydantic-settings walks the schema and turns the flags back into a nested document; names, help and short
    spellings come from the same list of fields as the wizard and the reference.
    """

    def __init__(self, model: type[Section], parser: Parser, positional: str | None = None) -> None:
        self.model = model
        by_path: defaultdict[str, list[SettingField]] = defaultdict(list)
        for field in setting_fields(model):
            by_path[field.path].append(field)
        self._fields = {path: tuple(fields) for path, fields in by_path.items()}
        if positional is not None:
            parser.add_argument(
                positional, metavar=positional.rpartition(".")[2].upper(), nargs="?", default=SUPPRESS,
                help=self._fields[positional][0].help,
            )  # fmt: skip
        self._source: CliSettingsSource[Any] = CliSettingsSource(
            type(f"{model.__name__}Flags", (model, BaseSettings), {}),
            root_parser=parser,
            cli_implicit_flags=True,
            cli_parse_none_str=_NEVER_TYPED,
            add_argument_method=self._add,
        )

    def given(self, options: Namespace) -> dict[str, Any]:
        """The nested document of the flags that were given, and of nothing else."""
        flags = {path: value for path, value in vars(options).items() if path in self._fields}
        own: dict[str, Any] = {path: None for path, value in flags.items() if self._is_emptied(path, value)}
        own |= {p: list_items(v) for p, v in flags.items() if p not in own and self._fields[p][0].kind == "list"}
        document: dict[str, Any] = self._source(parsed_args={p: v for p, v in flags.items() if p not in own})()
        for path, value in own.items():
            document = put(document, path, value)
        return document

    def without_effect(self, options: Namespace, settings: Section) -> Iterator[str]:
        """What to say of each flag that was given and does not apply to these settings."""
        document = settings.model_dump(mode="json")
        for path in vars(options):
            fields = self._fields.get(path, ())
            if fields and not any(field.applies(document, {}) for field in fields):
                reasons = " or ".join(dict.fromkeys(applies_text(field) for field in fields))
                yield f"{path} has no effect: it counts only when {reasons}."

    def _is_emptied(self, path: str, value: Any) -> bool:
        """`none` empties a setting that may be empty; for others it is a word, or one of the choices."""
        return self._fields[path][0].optional and value in ("none", ["none"])

    def _add(self, group: ArgumentParser, *_: str, **options: Any) -> None:
        path = options["dest"]
        if path not in self._fields:
            return  # the flag that would take a whole section as JSON; it would shadow short names such as --model
        field = self._fields[path][0]
        if "metavar" in options:
            options["metavar"] = metavar(field)
        names = dict.fromkeys((f"--{path}", f"--{field.short or path}"))
        group.add_argument(*names, **{**options, "help": help_text(self._fields[path]).replace("%", "%%")})


def list_items(words: Sequence[str]) -> list[Any]:
    """The items of a list's flag, given once or several times: `A,B`, or JSON (`["A, B"]`, `{"path": …}`).

    Double quotes hold an item with a comma together, as in CSV. pydantic-settings would take items that look like
    numbers or `true` for JSON, and refuse quotes within an item.
    """
    return [item for word in words for item in _items(word)]


def _items(word: str) -> list[Any]:
    if word.startswith(("[", "{")):
        try:
            value = json.loads(word)
        except ValueError:  # an item that begins so
            pass
        else:
            return value if isinstance(value, list) else [value]
    return [item.strip() for row in csv.reader(word.splitlines(), skipinitialspace=True) for item in row]


def add_layer_flags(parser: Parser, *, presets: bool) -> None:
    """Adds `--config` and, where presets exist, `--preset`."""
    if presets:
        parser.add_argument("--preset", metavar="NAME", help="start from a preset: a name or a JSON file")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings as JSON, or the config.json of a run")


def given_layers(flags: SettingFlags, options: Namespace) -> list[Layer]:
    """The layers of a command line, weakest first: preset, config file, flags.

    Raises:
        UsageError: there is no such preset, or the file holds no settings, or another job's.
        SidestepError: the preset is not valid.
    """
    layers = []
    if vars(options).get("preset"):
        layers.append(Layer(f"preset {options.preset}", find_preset(options.preset, Path.cwd()).settings))
    if options.config is not None:
        layers.append(Layer(f"file {options.config}", read_config_file(options.config, flags.model)))
    layers.append(Layer("the command line", flags.given(options)))
    return layers
