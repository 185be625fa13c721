"""`sidestep doctor`: what this machine can do, and for each lack the command that fixes it."""

from argparse import Namespace
from collections.abc import Iterable
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.text import Text

from sidestep_tui.cli.checks import Check, all_checks
from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.dataset.text import printable
from sidestep_tui.errors import ExitCode

_MARKS = {"ok": ("ok    ", "green"), "lack": ("lack  ", "yellow"), "broken": ("BROKEN", "bold red")}


def configure(parser: Parser) -> None:
    """Adds the verb's arguments."""
    parser.set_defaults(call=_run)


def _run(_: Namespace, out: Output) -> int:
    checks = all_checks(out.console)
    out.show([asdict(check) for check in checks], lambda: _report(checks))
    return ExitCode.FAILED if any(check.status == "broken" for check in checks) else ExitCode.DONE


def _report(checks: Iterable[Check]) -> RenderableType:
    lines = []
    for check in checks:
        lines.append(Text.assemble(_MARKS[check.status], f"  {check.name:<12} {printable(check.found)}"))
        if check.fix:
            lines.append(Text(f"{'':<21} fix: {check.fix}"))
    return Group(*lines)
