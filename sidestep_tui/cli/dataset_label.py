"""`sidestep dataset label`: fills what is missing from the sound, by a provider, or by local models in an engine."""

import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sidestep_tui.cli.follow import launch_and_follow
from sidestep_tui.cli.inputs import check_inputs
from sidestep_tui.cli.lines import counted
from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.cli.progress import read_dataset
from sidestep_tui.config.label import LabelSettings
from sidestep_tui.config.layers import Layer, resolve
from sidestep_tui.config.places import runs_home
from sidestep_tui.dataset.edits import Edit
from sidestep_tui.dataset.fields import fields_named
from sidestep_tui.dataset.label import ANALYSERS, BUILTIN, LABEL_FIELDS, label_dataset
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.proposals import Proposals, still_missing
from sidestep_tui.dataset.providers.base import Usage
from sidestep_tui.dataset.providers.catalogue import PROVIDERS, open_provider
from sidestep_tui.dataset.providers.run import label_with_provider
from sidestep_tui.dataset.session import EditSession
from sidestep_tui.dataset.song import Finding, Severity
from sidestep_tui.dataset.where import parse_where
from sidestep_tui.errors import ExitCode, UsageError
from sidestep_tui.runs.directory import create_run
from sidestep_tui.runs.log import read_events
from sidestep_tui.runs.state import replay


def configure(parser: Parser) -> None:
    """Adds the verb's arguments."""
    named = ", ".join(f"{name} ({entry.summary})" for name, entry in PROVIDERS.items())
    parser.add_argument("--fields", metavar="FIELDS", help=f"such as bpm,key; offline: {', '.join(LABEL_FIELDS)}")
    parser.add_argument("--where", metavar="FILTER", help='which songs, for instance "bpm=none"')
    parser.add_argument("--analyser", choices=[*ANALYSERS], default=BUILTIN, help="who hears the key from the sound")
    parser.add_argument("--provider", choices=[*PROVIDERS], metavar="NAME", help=f"ask one of {named}")
    parser.add_argument("--base-url", metavar="URL", help="another server that speaks the provider's protocol")
    parser.add_argument("--model", metavar="NAME", help="another model of the provider")
    parser.add_argument("--per-minute", type=float, metavar="N", help="requests to the provider per minute at most")
    parser.add_argument("--lm", type=Path, metavar="DIR", help="captions and genres by ACE-Step's language model")
    parser.add_argument("--codec", type=Path, metavar="DIR", help="the model that it hears with; default: beside it")
    parser.add_argument("--captioner", type=Path, metavar="DIR", help="captions by a local Qwen2.5-Omni model")
    parser.add_argument("--transcriber", type=Path, metavar="DIR", help="lyrics by a local Qwen2.5-Omni model")
    parser.add_argument(
        "--save", action="store_true", help="save the data set; otherwise the edits wait in its journal"
    )
    parser.set_defaults(call=_run)


def _run(options: Namespace, out: Output) -> int:
    fields, settings = _fields(options), _settings(options)
    session = EditSession(read_dataset(options.dataset, replay=False))
    if options.save:
        session.check_place()
    fits = parse_where(options.where) if options.where else None
    keys = None if fits is None else [song.key for song in session.dataset.songs if fits(song)]
    told = _Told(session, out, none_fits=keys == [])
    if settings.by in ("acestep", "local"):
        _listen(settings.model_copy(update={"fields": tuple(fields), "songs": tuple(keys or ())}), told, out)
    elif options.provider is None:
        for labels in label_dataset(
            session.dataset, fields, ANALYSERS[options.analyser], told.progress, keys=keys, measures=MeasureCache(),
            analyser_name=options.analyser,
        ):  # fmt: skip
            told.take(labels.key, labels.edit, labels.findings)
    else:
        _ask(options, fields, keys, told)
    saved = session.save().place if options.save else None
    return told.finish(saved)


def _settings(options: Namespace) -> LabelSettings:
    """What was given, held to the bounds of `sidestep label`.

    Raises:
        UsageError: it is outside of them, or there is no such model.
    """
    given = {
        "dataset": options.dataset,
        "by": _source(options),
        "lm": options.lm,
        "codec": options.codec,
        "captioner": options.captioner,
        "transcriber": options.transcriber,
        "per_minute": options.per_minute,
    }
    settings = resolve(LabelSettings, [Layer("the command line", {k: v for k, v in given.items() if v is not None})])
    check_inputs(settings)
    return settings


def _source(options: Namespace) -> str | None:
    """Whom to ask; None for the sound.

    Raises:
        UsageError: two were named.
    """
    named = {
        "--provider": options.provider,
        "--lm": "acestep" if options.lm else None,
        "--captioner and --transcriber": "local" if options.captioner or options.transcriber else None,
    }
    asked = {flag: source for flag, source in named.items() if source is not None}
    if len(asked) > 1:
        raise UsageError("One source fills in what is missing.", where=", ".join(asked), fix="name one of them")
    if options.codec and not options.lm:
        raise UsageError("Only the language model hears with another model.", where="--codec", fix="name it with --lm")
    return next(iter(asked.values()), None)


def _ask(options: Namespace, fields: list[str], keys: list[str] | None, told: "_Told") -> None:
    provider = open_provider(
        options.provider,
        base_url=options.base_url,
        model=options.model,
        requests_per_minute=options.per_minute,
    )
    wanted = fields or sorted(provider.fields)
    for given in label_with_provider(told.session.dataset, provider, wanted, told.progress, keys=keys):
        told.usage += given.usage
        told.take(given.key, given.edit, given.findings)


def _listen(settings: LabelSettings, told: "_Told", out: Output) -> None:
    """An engine run with local models, which frees the card when it ends; its answers come in at once."""
    settings.check_models(settings.fields)
    run = create_run(runs_home() / f"label-{settings.by}-{time.time_ns()}", "label", settings)
    launch_and_follow(run, out, detach=False)
    results = replay(read_events(run.events_file)).results
    songs, failed = (value if isinstance(value := results.get(name), int) else 0 for name in ("songs", "failed"))
    proposals = Proposals(run.path)
    waiting = proposals.waiting()
    edits = still_missing(told.session.dataset, waiting)
    for done, edit in enumerate(edits, start=1):
        told.progress(done, len(edits))
        told.take((edit.keys or ("",))[0], edit, ())
    proposals.take(len(waiting))
    told.count(songs=songs, failed=failed)


def _fields(options: Namespace) -> list[str]:
    """The fields under their own names; all that can be told offline where none is given and no provider is asked."""
    if options.fields is None:
        return [*LABEL_FIELDS] if _source(options) is None else []
    return fields_named(options.fields.split(","))


class _Told:
    """Takes the results as they come: into the session first, then to the reader."""

    def __init__(self, session: EditSession, out: Output, *, none_fits: bool) -> None:
        self.session = session
        self.usage = Usage()
        self._none_fits = none_fits
        self._out = out
        self._filled = self._failed = 0
        self._findings: list[Finding] = []
        self._done = self._total = 0

    def progress(self, done: int, total: int) -> None:
        """Songs done and songs in all."""
        self._done, self._total = done, total

    def take(self, key: str, edit: Edit | None, findings: tuple[Finding, ...]) -> None:
        """One song's result; its edit is on the disk when this returns."""
        if edit is not None:
            self.session.apply(edit)
            self._filled += 1
        self._findings += findings
        changes = {} if edit is None else dict(edit.changes)
        beliefs = {} if edit is None else {name: one.as_dict() for name, one in edit.beliefs.items()}
        if self._out.as_json:
            listed = [finding.as_dict() for finding in findings]
            self._out.json_line({"song": key, "set": changes, "beliefs": beliefs, "findings": listed})
            return
        if changes:
            self._out.say(f"{self._done}/{self._total}  {key}: {', '.join(_shown(changes, beliefs))}")
        for finding in findings:
            self._out.say(f"{key}: {finding.severity.value}: {finding.message}")

    def count(self, *, songs: int, failed: int) -> None:
        """What an engine counted: its own log has named the songs that failed."""
        self._total, self._failed = songs, failed

    def finish(self, saved: Path | None) -> int:
        """The last line, and the exit code: failed if a song could not be read or answered."""
        failed = self._failed + sum(
            one.severity is Severity.ERROR or one.code == "provider-failed" for one in self._findings
        )
        if self._out.as_json:
            summary = {"songs": self._total, "labelled": self._filled, "failed": failed, "saved": saved}
            self._out.json_line(summary | {"usage": self.usage.as_dict()})
        nothing = "no song fits" if self._none_fits else "nothing is missing"
        labelled = f"{self._filled} of {counted(self._total, 'song')} labelled" if self._total else nothing
        self._out.say(f"{labelled}, {failed} failed{self._asked(failed)}{self._place(saved)}")
        return ExitCode.FAILED if failed else ExitCode.DONE

    def _asked(self, failed: int) -> str:
        """What the provider had to be asked, and how often it knew nothing."""
        unknown = self._total - self._filled - failed
        return f", {unknown} without an answer, {_cost(self.usage)}" if self.usage.requests else ""

    def _place(self, saved: Path | None) -> str:
        if saved is not None:
            return f"; saved: {saved}"
        return "; not saved yet: run it with --save, or open the data set" if self.session.has_unsaved_edits else ""


def _shown(changes: dict[str, Any], beliefs: dict[str, Any]) -> Iterator[str]:
    for name, value in changes.items():
        text = " ".join(str(value).split())
        confidence, second = beliefs[name]["confidence"], beliefs[name]["second"]
        sure = "" if confidence is None else f" ({confidence:.0%}{f', else {second}' if second else ''})"
        yield f"{name}={text[:60]}{'…' if len(text) > 60 else ''}{sure}"


def _cost(usage: Usage) -> str:
    return (
        f"{counted(usage.requests, 'request')}, {usage.input_tokens} tokens in and {usage.output_tokens} out, "
        f"{usage.audio_seconds:.0f} s of audio"
    )
