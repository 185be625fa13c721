"""`sidestep demo`: the whole path on a tiny model, from synthesised songs to an exported adapter, without a card."""

import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.config.places import data_home, whole_path
from sidestep_tui.errors import ExitCode, SidestepError, UsageError
from sidestep_tui.files import check_place

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, slots=True)
class StageReport:
    """How a stage went."""

    stage: str
    seconds: float
    ok: bool
    detail: str


def configure(parser: Parser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("--out", type=Path, metavar="DIR", help="a new folder for everything that the demo makes")
    parser.set_defaults(call=run_demo)


def run_demo(options: Namespace, out: Output) -> int:
    """Runs all stages; 0 when each of them did its work.

    Raises:
        UsageError: the folder is taken.
        SidestepError: it cannot be made.
    """
    from sidestep_tui.cli.demo_stages import Demo

    folder = whole_path(options.out or data_home() / "demo" / time.strftime("%Y%m%d-%H%M%S"))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("The demo's folder is taken.", where=folder, fix="name a new one with --out")
    check_place(folder)
    demo = Demo(folder, out)
    stages = {
        "model": demo.build_model,
        "songs": demo.make_songs,
        "preprocess": demo.preprocess,
        "estimate": demo.estimate,
        "train": demo.train,
        "generate": demo.generate,
        "export": demo.export,
    }
    reports, code = _run_stages(stages, out)
    document = {
        "ok": code == ExitCode.DONE,
        "folder": str(folder),
        "seconds": sum(report.seconds for report in reports),
        "stages": [asdict(report) for report in reports],
        **demo.figures,
    }
    out.show(document, lambda: _table(reports, folder))
    return code


def _run_stages(stages: dict[str, Callable[[], str]], out: Output) -> tuple[list[StageReport], ExitCode]:
    """How each went, up to the first that failed: what follows needs what that one did not give."""
    reports: list[StageReport] = []
    for name, stage in stages.items():
        out.say(f"— {name}")
        started = time.monotonic()
        try:
            detail = stage()
        except SidestepError as error:
            reports.append(StageReport(name, time.monotonic() - started, False, str(error)))
            return reports, error.exit_code
        reports.append(StageReport(name, time.monotonic() - started, True, detail))
    return reports, ExitCode.DONE


def _table(reports: list[StageReport], folder: Path) -> "RenderableType":
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("stage")
    table.add_column("")
    table.add_column("seconds", justify="right")
    table.add_column("what it did", overflow="fold")
    for report in reports:
        mark = Text("done", "green") if report.ok else Text("failed", "red")
        table.add_row(report.stage, mark, f"{report.seconds:.1f}", Text(report.detail))
    table.add_row("", "", f"{sum(report.seconds for report in reports):.1f}", "in all")
    return Group(
        table,
        Text(f"Everything lies in {folder}"),
        Text("`sidestep runs list` shows the runs; `sidestep` opens the terminal application."),
    )
