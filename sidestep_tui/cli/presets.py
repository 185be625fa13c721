"""`sidestep preset`: named, partial training settings, shipped or your own."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sidestep_tui.cli.describe import value_text
from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.cli.settings import SettingFlags, add_layer_flags, given_layers
from sidestep_tui.config import presets
from sidestep_tui.config.fields import leaves, look_up, put
from sidestep_tui.config.layers import Layer, merge_layers, resolve
from sidestep_tui.config.preset_import import Import, import_file
from sidestep_tui.config.presets import Preset
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.dataset.text import printable
from sidestep_tui.errors import ExitCode, UsageError


def configure(parser: Parser) -> None:
    """Adds the verbs below `preset`."""
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    verbs.add_parser("list", help="all presets").set_defaults(call=_list)
    _verb(verbs, "show", "one preset with its settings", _show)
    _configure_save(_verb(verbs, "save", "keep settings under a name", _list))
    _verb(verbs, "delete", "remove a preset of your own", _delete)
    _verb(verbs, "rename", "give a preset of your own another name", _rename).add_argument("new_name", metavar="NEW")
    importing: Parser = verbs.add_parser("import", help="take in a preset file")
    importing.add_argument("file", type=Path, metavar="FILE")
    importing.add_argument("--overwrite", action="store_true", help="replace a preset with this name")
    importing.set_defaults(call=_import)
    exporting = _verb(verbs, "export", "write a preset to a file, to give it away", _export)
    exporting.add_argument("file", type=Path, metavar="FILE")
    exporting.add_argument("--overwrite", action="store_true", help="replace an existing file")


def _verb(verbs: Any, name: str, summary: str, call: Any) -> Parser:
    parser: Parser = verbs.add_parser(name, help=summary, description=f"{summary[:1].upper()}{summary[1:]}.")
    parser.add_argument("name", metavar="NAME", help="a preset's name")
    parser.set_defaults(call=call)
    return parser


def _configure_save(parser: Parser) -> None:
    parser.usage = "%(prog)s NAME [--preset BASE] [--config FILE] [settings]"
    parser.add_argument("--description", default="", metavar="TEXT", help="what it is for")
    parser.add_argument("--overwrite", action="store_true", help="replace a preset with this name")
    add_layer_flags(parser, presets=True)
    flags = SettingFlags(TrainSettings, parser)
    parser.set_defaults(call=lambda options, out: _save(flags, options, out))


def _list(_: Namespace, out: Output) -> int:
    found = presets.list_presets(Path.cwd())
    out.show([_document(preset) for preset in found], lambda: _table(found))
    return ExitCode.DONE


def _show(options: Namespace, out: Output) -> int:
    preset = presets.find_preset(options.name, Path.cwd())
    out.show(_document(preset), lambda: _details(preset))
    return ExitCode.DONE


def _save(flags: SettingFlags, options: Namespace, out: Output) -> int:
    given, _ = merge_layers(given_layers(flags, options))
    chosen = presets.without_personal(given)
    if not chosen:
        raise UsageError("A preset needs at least one setting.", fix="give settings, --config or --preset")
    preset = Preset(options.name, options.description, _typed(chosen))
    return _done({"saved": presets.save_preset(preset, overwrite=options.overwrite)}, out)


def _typed(chosen: dict[str, Any]) -> dict[str, Any]:
    """The settings as the schema reads them: a flag's text `8` is the number 8 in a preset."""
    whole = put(put(chosen, "model.checkpoint", "model"), "data.tensors", "tensors")
    document = resolve(TrainSettings, [Layer("the command line", whole)]).model_dump(mode="json")
    for path, _ in leaves(chosen):
        chosen = put(chosen, path, look_up(document, path))
    return chosen


def _delete(options: Namespace, out: Output) -> int:
    return _done({"deleted": presets.delete_preset(options.name, Path.cwd())}, out)


def _rename(options: Namespace, out: Output) -> int:
    return _done({"renamed": presets.rename_preset(options.name, options.new_name, Path.cwd())}, out)


def _import(options: Namespace, out: Output) -> int:
    imported = import_file(options.file)
    path = presets.save_preset(imported.preset, overwrite=options.overwrite)
    out.show({"imported": path, "notes": imported.notes}, lambda: _import_report(path, imported))
    return ExitCode.DONE


def _export(options: Namespace, out: Output) -> int:
    preset = presets.find_preset(options.name, Path.cwd())
    return _done({"exported": presets.export_preset(preset, options.file, overwrite=options.overwrite)}, out)


def _done(document: dict[str, Any], out: Output) -> int:
    if out.as_json:
        out.json_line(document)
    for deed, path in document.items():
        out.say(f"{deed}: {path}")
    return ExitCode.DONE


def _document(preset: Preset) -> dict[str, Any]:
    return {**preset.as_document(), "level": preset.level, "path": preset.path}


def _table(found: tuple[Preset, ...]) -> RenderableType:
    table = Table(box=None, pad_edge=False)
    for column in ("PRESET", "LEVEL", "FOR", "PROMISE"):
        table.add_column(column, overflow="fold")
    for preset in found:
        cells = (preset.name, preset.level, preset.description, preset.promise)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def _import_report(path: Path, imported: Import) -> RenderableType:
    """Where the preset went, and what became of each setting of a foreign file."""
    lines = [Text(printable(f"imported: {path}"))]
    for note in imported.notes:
        became = f" → {note.new}" if note.new else ""
        lines.append(Text(printable(f"  {note.fate:<8} {note.old}{became}{f' ({note.why})' if note.why else ''}")))
    return Group(*lines)


def _details(preset: Preset) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False)
    for path, value in leaves(preset.settings):
        table.add_row(Text(path, style="dim"), Text(printable(value_text(value))))
    title = Text.assemble((printable(preset.name), "bold"), f" ({preset.level})  {printable(preset.description)}")
    return Group(title, *([Text(printable(preset.promise))] if preset.promise else []), table)
