"""`sidestep models download` and `convert`: a model fetched from the Hub, and a model in the other layout."""

import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich import filesize
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sidestep_tui.acestep.layout import Layout
from sidestep_tui.acestep.model_config import Variant
from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.config.places import whole_path
from sidestep_tui.errors import ExitCode
from sidestep_tui.runs.model_download import LANGUAGE_MODELS, OFFICIAL, RemoteFile, download, plan_download

_LINE_EVERY: Final = 0.5  # seconds, for programs that draw the progress

_NAMES: Final = ", ".join((*OFFICIAL, *LANGUAGE_MODELS))
OnStep = Callable[[int, int], None]


def configure_download(parser: Parser) -> None:
    """Adds the arguments of `download`."""
    parser.add_argument("name", metavar="NAME", help=f"{_NAMES}, or OWNER/NAME on the Hub")
    parser.add_argument(
        "--to", type=whole_path, default=Path("checkpoints"), metavar="FOLDER", help="default: checkpoints"
    )
    parser.add_argument("--sizes", action="store_true", help="only tell what would be fetched")
    parser.set_defaults(call=_download)


def configure_convert(parser: Parser) -> None:
    """Adds the arguments of `convert`."""
    parser.add_argument("model", type=whole_path, metavar="MODEL", help="a model folder")
    parser.add_argument("--layout", choices=[*Layout], required=True, help="of the new folder")
    parser.add_argument("--output", type=whole_path, required=True, metavar="FOLDER", help="the new model folder")
    parser.add_argument("--base", choices=[*Variant], help="what a fine-tune was made from, where it does not say")
    parser.set_defaults(call=_convert)


def _download(options: Namespace, out: Output) -> int:
    files = plan_download(options.name, options.to)
    document = {
        "name": options.name,
        "folder": options.to,
        "bytes": sum(file.size for file in files),
        "bytes_here": sum(file.bytes_here(options.to) for file in files),
        "files": [{"path": file.target(options.to), "bytes": file.size} for file in files],
    }
    out.show(document, lambda: _sizes(files, options.to))
    if options.sizes:
        return ExitCode.DONE
    with _progress(out, "downloading") as step:
        download(files, options.to, step)
    out.say(f"{options.name} is in {options.to}.")
    return ExitCode.DONE


def _convert(options: Namespace, out: Output) -> int:
    from sidestep_tui.acestep.checkpoint import open_checkpoint
    from sidestep_tui.acestep.convert import write_checkpoint

    checkpoint = open_checkpoint(options.model, None if options.base is None else Variant(options.base))
    layout = Layout(options.layout)
    with _progress(out, "converting") as step:
        write_checkpoint(options.output, checkpoint, layout, on_tensor=step)
    document = {"model": checkpoint.path, "output": options.output, "layout": layout, "variant": checkpoint.variant}
    out.show(document, lambda: Text(f"{options.output} holds the model in the {layout} layout."))
    return ExitCode.DONE


def _sizes(files: list[RemoteFile], folder: Path) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    for file in files:
        here = "  (here)" if file.is_here(folder) else ""
        table.add_row(filesize.decimal(file.size), Text(f"{file.target(folder)}{here}"))
    table.add_row(filesize.decimal(sum(file.size for file in files)), "in all")
    return table


@contextmanager
def _progress(out: Output, what: str) -> Iterator[OnStep]:
    """A bar at a terminal; JSON lines for programs; nothing in a pipe."""
    if not out.is_live:
        told = -_LINE_EVERY

        def tell(done: int, total: int) -> None:
            nonlocal told
            if out.as_json and (done == total or time.monotonic() - told >= _LINE_EVERY):
                told = time.monotonic()
                out.json_line({"type": "Progress", "phase": what, "done": done, "total": total})

        yield tell
        return
    from rich.progress import Progress

    with Progress(console=out.console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
