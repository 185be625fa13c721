"""`sidestep estimate compare A B`: how much two rankings agree, and which modules moved."""

from argparse import Namespace
from pathlib import Path
from statistics import correlation
from typing import TYPE_CHECKING, Any

from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.errors import ExitCode, UsageError
from sidestep_tui.runs.sensitivity_file import SensitivityFile, read_sensitivity

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN = 15


def configure(parser: Parser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("first", type=Path, metavar="A", help="a sensitivity file, or the tensor folder with one")
    parser.add_argument("second", type=Path, metavar="B", help="another")
    parser.set_defaults(call=_compare)


def rank_correlation(first: tuple[str, ...], second: tuple[str, ...]) -> float:
    """Spearman's correlation of two orders of the same names: that of their places."""
    places = {name: place for place, name in enumerate(second)}
    return 1.0 if len(first) < 2 else correlation(range(len(first)), [places[name] for name in first])


def _compare(options: Namespace, out: Output) -> int:
    first, second = read_sensitivity(options.first), read_sensitivity(options.second)
    shared = set(first.order) & set(second.order)
    if not shared:
        raise UsageError("The two rankings have no module in common.", fix="compare rankings of one granularity")
    orders = [tuple(name for name in file.order if name in shared) for file in (first, second)]
    document = {
        "rank_correlation": rank_correlation(orders[0], orders[1]),
        "modules": len(shared),
        "only_in_first": len(first.order) - len(shared),
        "only_in_second": len(second.order) - len(shared),
        "same_model": first.model == second.model,
        "same_songs": first.data == second.data,
        "moved": _moved(orders[0], orders[1], first, second),
    }
    out.show(document, lambda: _table(document))
    return ExitCode.DONE


def _moved(
    before: tuple[str, ...], after: tuple[str, ...], first: SensitivityFile, second: SensitivityFile
) -> list[dict[str, Any]]:
    """Every module with its places, the furthest moved first."""
    places = {name: place for place, name in enumerate(after, start=1)}
    ranks = [{entry.module: entry.rank for entry in file.proposal} for file in (first, second)]
    moved: list[dict[str, Any]] = [
        {
            "module": name,
            "first": place,
            "second": places[name],
            "first_rank": ranks[0].get(name),
            "second_rank": ranks[1].get(name),
        }
        for place, name in enumerate(before, start=1)
    ]
    return sorted(moved, key=lambda one: abs(one["second"] - one["first"]), reverse=True)


def _table(document: dict[str, Any]) -> "RenderableType":
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("module", "place in A", "in B", "rank in A", "in B"):
        table.add_column(heading, justify="left" if heading == "module" else "right")
    for one in document["moved"][:_SHOWN]:
        table.add_row(*(Text("–" if one[key] is None else str(one[key])) for key in one))
    same = ", ".join(
        f"{'the same' if document[key] else 'another'} {what}"
        for key, what in (("same_model", "model"), ("same_songs", "set of songs"))
    )
    head = f"Rank correlation {document['rank_correlation']:.3f} over {document['modules']} modules; {same}."
    return Group(Text(head), Text("Furthest moved:"), table)
