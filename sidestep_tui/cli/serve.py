"""`sidestep serve`: the terminal application in a browser, over an SSH tunnel if need be."""

from argparse import Namespace
from importlib.util import find_spec

from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser, port
from sidestep_tui.errors import ExitCode, SidestepError
from sidestep_tui.runs.remote import tunnel_command


def configure(parser: Parser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("--port", type=port, metavar="N", help="where to serve it, on the loopback address alone")
    parser.set_defaults(call=_run)


def _run(options: Namespace, out: Output) -> int:
    """Serves until Ctrl-C, which is the usual end."""
    if find_spec("textual_serve") is None:
        raise SidestepError(
            "The browser view needs textual-serve, which is not installed.", fix="pip install 'sidestep-tui[serve]'"
        )
    from sidestep_tui.tui.web import AppServer

    server = AppServer(options.port)
    tunnel = tunnel_command(server.port)
    out.tell(
        {"url": server.url, "tunnel": tunnel},
        f"Over SSH, first on the machine in front of you: {tunnel}",
        f"Then open: {server.url}",
        "Whoever has this address can do everything that you can here. Ctrl-C ends it; runs go on.",
    )
    server.run()
    out.say("Not served any more.")
    return ExitCode.DONE
