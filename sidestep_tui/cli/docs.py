"""`sidestep docs`: writes the references of settings and presets and the JSON Schemas, which a test keeps current."""

from argparse import Namespace
from pathlib import Path

from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.cli.preset_reference import presets_reference
from sidestep_tui.cli.reference import settings_reference
from sidestep_tui.config.jobs import JOBS
from sidestep_tui.errors import ExitCode
from sidestep_tui.files import write_json_atomic, write_text_atomic


def configure(parser: Parser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/reference"), metavar="FOLDER")
    parser.set_defaults(call=_run)


def _run(options: Namespace, out: Output) -> int:
    pages = {"settings.md": settings_reference(), "presets.md": presets_reference()}
    written = [options.folder / name for name in pages]
    for path, text in zip(written, pages.values(), strict=True):
        write_text_atomic(path, text)
    for job, model in JOBS.items():
        path = options.folder / f"{job}.schema.json"
        write_json_atomic(path, model.model_json_schema())
        written.append(path)
    out.tell({"written": written}, *(f"written: {path}" for path in written))
    return ExitCode.DONE
