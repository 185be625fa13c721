"""`sidestep preset`: named, partial training settings, shipped or your own."""

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, Final

from sidestep_tui.cli import preset_views as views
from sidestep_tui.cli.clipboard import copy_to_terminal
from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.cli.settings import SettingFlags, add_layer_flags, given_layers
from sidestep_tui.config.fields import leaves, look_up, put
from sidestep_tui.config.layers import Layer, merge_layers, resolve
from sidestep_tui.config.presets import keeping, shelf
from sidestep_tui.config.presets.changes import ABSENT, differences
from sidestep_tui.config.presets.importing import import_file, import_text
from sidestep_tui.config.presets.preset import Preset, left_out, with_stand_ins, without_personal
from sidestep_tui.config.presets.text import LARGEST_BYTES
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.errors import ExitCode, SidestepError, UsageError

_STREAM: Final = "-"
_RUN: Final = "the run"


def configure(parser: Parser) -> None:
    """Adds the verbs below `preset`."""
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    verbs.add_parser("list", help="all presets, with what each changes").set_defaults(call=_list)
    _verb(verbs, "show", "one preset with its settings", _show)
    _verb(verbs, "compare", "what differs between two presets", _compare).add_argument("other", metavar="OTHER")
    _configure_save(_verb(verbs, "save", "keep settings under a name"))
    _verb(verbs, "delete", "remove a preset of your own", _delete)
    _verb(verbs, "rename", "give a preset of your own another name", _rename).add_argument("new_name", metavar="NEW")
    importing: Parser = verbs.add_parser("import", help="take in a preset, ours or the older trainer's")
    importing.add_argument("file", metavar="FILE", help="a JSON file, or - for text that is piped or pasted in")
    importing.add_argument("--name", help="what it is to be called, in place of its own name")
    _add_target_flags(importing)
    importing.set_defaults(call=_import)
    exporting = _verb(verbs, "export", "write a preset to a file, to give it away", _export)
    exporting.add_argument("file", metavar="FILE", nargs="?", default=".", help="a file, a folder, or - to print it")
    exporting.add_argument("--clipboard", action="store_true", help="copy it, also over SSH (OSC 52)")
    exporting.add_argument("--overwrite", action="store_true", help="replace an existing file")


def _verb(verbs: Any, name: str, summary: str, call: Any = None) -> Parser:
    parser: Parser = verbs.add_parser(name, help=summary)
    parser.add_argument("name", metavar="NAME", help="a preset's name")
    parser.set_defaults(call=call)
    return parser


def _add_target_flags(parser: Parser) -> None:
    parser.add_argument("--local", action="store_true", help="into presets.sidestep in this folder, for this project")
    parser.add_argument("--overwrite", action="store_true", help="replace a preset with this name")


def _configure_save(parser: Parser) -> None:
    parser.usage = "%(prog)s NAME [--preset BASE] [--run RUN] [--config FILE] [settings]"
    parser.add_argument("--description", default="", metavar="TEXT", help="what it is for")
    parser.add_argument("--run", metavar="RUN", help="take the settings of a training run: its folder or name")
    _add_target_flags(parser)
    add_layer_flags(parser, presets=True)
    flags = SettingFlags(TrainSettings, parser)
    parser.set_defaults(call=lambda options, out: _save(flags, options, out))


def _list(_: Namespace, out: Output) -> int:
    found = shelf.read_shelf(Path.cwd())
    out.show(views.shelf_document(found), lambda: views.shelf_table(found))
    return ExitCode.DONE


def _show(options: Namespace, out: Output) -> int:
    preset = shelf.find_preset(options.name, Path.cwd())
    found = shelf.read_shelf(Path.cwd())
    hidden = [other for other in found.hidden_by(preset.name) if other.path != preset.path]
    out.show(views.preset_document(preset, found), lambda: views.preset_details(preset, hidden))
    return ExitCode.DONE


def _compare(options: Namespace, out: Output) -> int:
    left, right = (shelf.find_preset(name, Path.cwd()) for name in (options.name, options.other))
    rows = list(differences(left.settings, right.settings))
    document = {path: [None if value is ABSENT else value for value in values] for path, *values in rows}
    out.show({"presets": [left.name, right.name], "differences": document}, lambda: views.comparison(left, right, rows))
    return ExitCode.DONE


def _save(flags: SettingFlags, options: Namespace, out: Output) -> int:
    layers = given_layers(flags, options)
    if options.run is not None:
        layers.insert(-1 if options.config is None else -2, Layer(_RUN, _settings_of_run(options.run)))
    given, _ = merge_layers(layers)
    chosen = without_personal(given)
    if not chosen:
        raise UsageError("A preset needs at least one setting.", fix="give settings, --run, --config or --preset")
    description = options.description or (f"from the run {options.run}" if options.run else "")
    preset = Preset(options.name, description, _typed(chosen))
    path = keeping.save_preset(preset, _folder(options), overwrite=options.overwrite)
    if missing := left_out(given):
        out.say(f"not in it, since paths belong to a machine: {', '.join(missing)}")
    return _kept("saved", path, out)


def _settings_of_run(name: str) -> dict[str, Any]:
    """The settings of a training run."""
    from sidestep_tui.runs.history import find_run

    run = find_run(name)
    if run.job() != "train":
        raise UsageError("Presets are for training.", where=run.path, fix="name a training run")
    return run.settings().model_dump(mode="json")


def _typed(chosen: dict[str, Any]) -> dict[str, Any]:
    """The settings as the schema reads them: a flag's text `8` is the number 8 in a preset."""
    whole = with_stand_ins(chosen)
    document = resolve(TrainSettings, [Layer("the command line", whole)]).model_dump(mode="json")
    for path, _ in leaves(chosen):
        chosen = put(chosen, path, look_up(document, path))
    return chosen


def _folder(options: Namespace) -> Path | None:
    return shelf.local_presets(Path.cwd()) if options.local else None


def _delete(options: Namespace, out: Output) -> int:
    return _done({"deleted": keeping.delete_preset(options.name, Path.cwd())}, out)


def _rename(options: Namespace, out: Output) -> int:
    return _done({"renamed": keeping.rename_preset(options.name, options.new_name, Path.cwd())}, out)


def _import(options: Namespace, out: Output) -> int:
    if options.file == _STREAM:
        imported = import_text(_read_stream(), options.name)
    else:
        imported = import_file(Path(options.file), options.name)
    path = keeping.save_preset(imported.preset, _folder(options), overwrite=options.overwrite)
    for line in views.import_lines(imported):
        out.say(line)
    if out.as_json:
        out.json_line({"imported": path, "notes": imported.notes})
        return ExitCode.DONE
    return _kept("imported", path, out)


def _read_stream() -> str:
    """The standard input, to its end; a person is told how to end it."""
    if sys.stdin.isatty():
        sys.stderr.write("Paste the preset, then press enter and ctrl+d.\n")
    data = sys.stdin.buffer.read(LARGEST_BYTES + 1)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SidestepError("The preset is not UTF-8 text.", where="standard input", fix="send it as UTF-8") from error


def _export(options: Namespace, out: Output) -> int:
    preset = shelf.find_preset(options.name, Path.cwd())
    text = json.dumps(preset.as_document(), indent=2, ensure_ascii=False)
    if options.clipboard:
        copy_to_terminal(text)
        out.say("Sent to the terminal's clipboard; tmux needs `set -g set-clipboard on` to pass it on.")
        return _done({"copied": preset.name}, out)
    if options.file == _STREAM:
        sys.stdout.write(f"{text}\n")
        return ExitCode.DONE
    return _done({"exported": keeping.export_preset(preset, Path(options.file), overwrite=options.overwrite)}, out)


def _kept(deed: str, path: Path, out: Output) -> int:
    """Says where a preset went, and what it hides from now on or is hidden by."""
    found = shelf.read_shelf(Path.cwd())
    hidden = [preset.path for preset in found.hidden_by(path.stem)]
    if path in hidden:
        out.say("a nearer preset of its name hides it: see `sidestep preset list`")
    else:
        for other in hidden:
            out.say(f"hidden by it from now on: {other}")
    return _done({deed: path}, out)


def _done(document: dict[str, Any], out: Output) -> int:
    out.tell(document, *(f"{deed}: {result}" for deed, result in document.items()))
    return ExitCode.DONE
