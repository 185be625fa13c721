"""`sidestep dataset edit` and `fix`: change many songs at once and save, or change nothing at all."""

import difflib
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from sidestep_tui.cli.dataset_measures import measure_all
from sidestep_tui.cli.lines import counted
from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.cli.progress import read_dataset
from sidestep_tui.config.places import whole_path
from sidestep_tui.dataset.fields import FIELDS, METADATA_FIELDS
from sidestep_tui.dataset.findings import check_dataset
from sidestep_tui.dataset.grouped_fixes import grouped_fix
from sidestep_tui.dataset.session import EditSession
from sidestep_tui.dataset.song import Dataset
from sidestep_tui.dataset.where import parse_assignment, parse_where
from sidestep_tui.errors import ExitCode, SidestepError, UsageError


def configure(parser: Parser) -> None:
    """Adds the arguments of `edit`."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help=f"fields: {', '.join(FIELDS)}"
    )
    _add_choice(parser)
    parser.add_argument(
        "--set-data-set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help=f"fields: {', '.join(METADATA_FIELDS)}",
    )
    _add_target(parser)
    parser.set_defaults(call=_edit)


def configure_fix(parser: Parser) -> None:
    """Adds the arguments of `fix`."""
    parser.add_argument("--finding", required=True, metavar="CODE", help="the kind of finding, as `check` names it")
    _add_choice(parser)
    parser.add_argument("--dry-run", action="store_true", help="show what would be set, and change nothing")
    _add_target(parser)
    parser.set_defaults(call=_fix)


def _add_choice(parser: Parser) -> None:
    parser.add_argument("--where", metavar="FILTER", help='which songs, for instance "bpm>150 and language=ja"')
    parser.add_argument("--song", action="append", default=[], metavar="KEY", help="one song; may be repeated")


def _add_target(parser: Parser) -> None:
    parser.add_argument("--output", type=whole_path, metavar="FILE", help="save here instead of where it was read from")
    parser.add_argument("--overwrite", action="store_true", help="replace a file of another session")


def _edit(options: Namespace, out: Output) -> int:
    if not options.set and not options.set_data_set:
        raise UsageError("There is nothing to set.", fix="give --set FIELD=VALUE or --set-data-set FIELD=VALUE")
    changes = dict(parse_assignment(text) for text in options.set)
    metadata_changes = dict(_metadata_assignment(text) for text in options.set_data_set)
    session = _opened(options)
    keys = _chosen(session.dataset, options) if changes else []
    with _nothing_left_unsaved(session):
        if changes:
            session.edit(keys, changes)
        if metadata_changes:
            session.edit_metadata(metadata_changes)
        place = session.save(options.output, overwrite=options.overwrite).place
    changed = [*([counted(len(keys), "song")] if changes else []), *(["the data set"] if metadata_changes else [])]
    out.tell({"saved": place, "songs": keys}, f"{' and '.join(changed)} changed, saved: {place}")
    return ExitCode.DONE


def _fix(options: Namespace, out: Output) -> int:
    session = _opened(options)
    dataset = session.dataset
    measures, _ = measure_all(dataset)
    findings = check_dataset(dataset, measures)
    if not any(finding.code == options.finding for finding in findings):
        known = ", ".join(sorted({finding.code for finding in findings})) or "none"
        raise UsageError("No song has this finding.", where=options.finding, fix=f"findings of this data set: {known}")
    fix = grouped_fix(dataset, findings, options.finding, measures, _chosen(dataset, options))
    place = None
    if fix.edits and not options.dry_run:
        with _nothing_left_unsaved(session):
            session.apply_all(fix.edits)
            place = session.save(options.output, overwrite=options.overwrite).place
    changes = {key: dict(edit.changes) for edit in fix.edits for key in edit.keys or ()}
    if out.as_json:
        out.json_line({"saved": place, "set": changes, "left": list(fix.left)})
    for key, values in changes.items():
        shown = (f"{name}={' '.join(str(value).split())[:60]}" for name, value in values.items())
        out.say(f"{key}: {', '.join(shown)}")
    left = f", {counted(len(fix.left), 'song')} left to you" if fix.left else ""
    mended = "would be mended" if options.dry_run else "mended"
    kept = f"saved: {place}" if place else "nothing was saved"
    out.say(f"{counted(len(changes), 'song')} {mended}{left}; {kept}")
    return ExitCode.DONE


def _opened(options: Namespace) -> EditSession:
    """The data set, once it is sure that what changes can be saved.

    Raises:
        SidestepError: it cannot be read, or a file of another session is in the way.
    """
    session = EditSession(read_dataset(options.dataset, replay=False))
    session.check_place(options.output, overwrite=options.overwrite)
    return session


@contextmanager
def _nothing_left_unsaved(session: EditSession) -> Iterator[None]:
    """A command that fails takes its own edits back, and leaves those that it found."""
    found = session.edits
    try:
        yield
    except SidestepError:
        while session.edits > found:
            session.undo()
        raise


def _chosen(dataset: Dataset, options: Namespace) -> list[str]:
    """The keys that `--where` and `--song` choose; all songs without either.

    Raises:
        UsageError: no song fits, or one that is named is not there.
    """
    fits = parse_where(options.where) if options.where else lambda _: True
    keys = [song.key for song in dataset.songs if fits(song) and (not options.song or song.key in options.song)]
    if missing := next((key for key in options.song if key not in dataset.by_key()), None):
        close = difflib.get_close_matches(missing, dataset.by_key(), n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UsageError(
            "There is no such song in the data set.", where=missing, fix=f"{hint}see `sidestep dataset scan`"
        )
    if not keys:
        raise UsageError("No song fits.", where=options.where, fix="see `sidestep dataset scan`")
    return keys


def _metadata_assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError("This is no assignment.", where=text, fix="write it like custom_tag=name")
    return name, value
