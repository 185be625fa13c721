"""`sidestep report RUN`: one page with everything that a run did and everything that came out of it."""

import time
from argparse import Namespace
from pathlib import Path

from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser, port
from sidestep_tui.cli.progress import progress_bar
from sidestep_tui.config.places import whole_path
from sidestep_tui.errors import ExitCode, UsageError
from sidestep_tui.report.serve import ReportServer
from sidestep_tui.report.write import Report, write_report
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import find_run
from sidestep_tui.runs.remote import tunnel_command


def configure(parser: Parser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("name", metavar="RUN", help="a run's folder or name")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the page (default: report.html in the run)")
    parser.add_argument(
        "--dataset", type=Path, metavar="PATH", help="the songs to hold samples against, where they are not found"
    )
    parser.add_argument("--serve", action="store_true", help="show it in a browser, over an SSH tunnel if need be")
    parser.add_argument("--port", type=port, metavar="N", help="where to serve it, on the loopback address alone")
    parser.set_defaults(call=_run)


def _run(options: Namespace, out: Output) -> int:
    if options.port is not None and not options.serve:
        raise UsageError("--port is where the page is served, and it is not.", fix="add --serve, or leave --port out")
    run = find_run(options.name)
    page = whole_path(options.output or run.path / "report.html")
    if page.suffix.lower() not in (".html", ".htm"):
        raise UsageError("The report is an HTML page.", where=page, fix="let --output end in .html")
    if not options.serve:
        report = _written(run, page, options)
        out.show(_document(report), lambda: f"{report.page}")
        return ExitCode.DONE
    with ReportServer(options.port) as server:  # a port that is taken is told before the page is made
        report = _written(run, page, options)
        server.publish(report)
        return _serve(server, _document(report), out)


def _written(run: RunDirectory, page: Path, options: Namespace) -> Report:
    with progress_bar("listening to the songs") as tell:
        return write_report(run, page, now=time.time(), data_set=options.dataset, progress=tell)


def _document(report: Report) -> dict[str, object]:
    return {"report": report.page, "bytes": report.page.stat().st_size, "samples": report.samples}


def _serve(server: ReportServer, document: dict[str, object], out: Output) -> int:
    """Serves until Ctrl-C, which is the usual end."""
    tunnel = tunnel_command(server.port)
    out.tell(
        {**document, "url": server.url, "tunnel": tunnel},
        f"Over SSH, first on the machine in front of you: {tunnel}",
        f"Then open: {server.url}",
        "Ctrl-C ends it.",
    )
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        out.say("Not served any more.")
    return ExitCode.DONE
