"""`sidestep dataset check`: findings, measures, and with `--prompts` the exact text that the model will read."""

import math
from argparse import ArgumentTypeError, Namespace
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from sidestep_tui.acestep.model_config import LATENT_RATE, Variant
from sidestep_tui.cli.dataset_measures import measure_all, measures_document, measures_view
from sidestep_tui.cli.lines import counted
from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.cli.progress import read_dataset
from sidestep_tui.config.jobs import PreprocessSettings
from sidestep_tui.dataset.effective import genre_songs
from sidestep_tui.dataset.findings import check_dataset
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.prompts import (
    LYRIC_TOKEN_LIMIT,
    TEXT_TOKEN_LIMIT,
    SongFields,
    lyric_prompt,
    song_fields,
    text_prompt,
)
from sidestep_tui.dataset.song import Dataset, Finding, Severity, Song
from sidestep_tui.dataset.text import printable
from sidestep_tui.dataset.treatment import Treatment, treated_times, treatment_of
from sidestep_tui.dataset.wordings import Wording
from sidestep_tui.errors import ExitCode

_GRID: Final = PreprocessSettings.model_fields["crop_grid_seconds"].default
_TOGETHER: Final = 4
"""So many songs of which the same is said are told together: a page for each kind hides what only one song has."""
_MOST_ALIKE: Final = 20
"""Songs that one finding names, and findings of one kind that are told."""

_STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: ""}


def configure(parser: Parser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("--no-sound", action="store_true", help="do not decode songs that were not measured before")
    parser.add_argument("--prompts", action="store_true", help="show the exact text and lyric strings of every song")
    crops = "show those of crops of this length as well"
    parser.add_argument("--crop_seconds", type=_seconds(1), metavar="X", help=crops)
    grid = "how far apart the crops lie (default %(default)g)"
    parser.add_argument("--crop_grid_seconds", type=_seconds(1 / LATENT_RATE), default=_GRID, metavar="X", help=grid)
    parser.add_argument("--model", type=Path, metavar="MODEL", help="count tokens with this model's tokenizer")
    parser.add_argument("--base", choices=[*Variant], help="what the model was made from, where it does not say")
    parser.set_defaults(call=_run)


def _seconds(least: float) -> Callable[[str], float]:
    """Reads a length of so many seconds at least; argparse names a text that is none."""

    def read(text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not least <= seconds < math.inf:
            raise ArgumentTypeError(f"{text!r} is no length of {least:g} s or more")
        return seconds

    return read


def _run(options: Namespace, out: Output) -> int:
    dataset = read_dataset(options.dataset)
    measures, unreadable = (MeasureCache(), []) if options.no_sound else measure_all(dataset)
    findings = [*unreadable, *check_dataset(dataset, measures)]
    wanted = options.prompts or options.model or options.crop_seconds
    prompts = _prompts(dataset, measures, options) if wanted else []
    document = {
        "songs": len(dataset.songs),
        "findings": [finding.as_dict() for finding in findings],
        "measures": measures_document(dataset, measures),
    }
    out.show(
        document | ({"prompts": prompts} if prompts else {}),
        lambda: Group(measures_view(dataset, measures), _view(dataset, findings, prompts)),
    )
    has_errors = any(finding.severity is Severity.ERROR for finding in findings)
    return ExitCode.FAILED if has_errors else ExitCode.DONE


def _prompts(dataset: Dataset, measures: MeasureCache, options: Namespace) -> list[dict[str, Any]]:
    genre = genre_songs(dataset)
    told = {}
    for song in dataset.songs:
        treatment = treatment_of(song, dataset.metadata, measures.known(song))
        seconds = treatment.seconds(song.duration)
        fields = song_fields(song, dataset.metadata, use_genre=song.key in genre, duration=seconds)
        told.update({(song.key, of): told_of for of, told_of in _descriptions(song, fields, treatment, options)})
    counts = _token_counts(told, options) if options.model else {}
    return [
        {"song": key}
        | ({"crop": of} if of else {})
        | {"text": text_prompt(fields), "lyrics": lyric_prompt(fields)}
        | counts.get((key, of), {})
        for (key, of), fields in told.items()
    ]


def _descriptions(
    song: Song, fields: SongFields, treatment: Treatment, options: Namespace
) -> list[tuple[str, SongFields]]:
    """What is said of the whole song, under an empty name, and of its crops, under the seconds at which they begin."""
    from sidestep_tui.engine.preprocess.descriptions import CropGrid, describe

    rate, crop = LATENT_RATE, options.crop_seconds
    grid = None if crop is None else CropGrid(round(crop * rate), round(options.crop_grid_seconds * rate))
    wordings = (Wording("caption", fields.caption),)
    seconds, times = treatment.seconds(song.duration), treated_times(song.lyric_times, treatment)
    described = describe(fields, wordings, times, seconds, math.ceil(seconds * rate), grid)
    return [
        (", ".join(f"{first / rate:.2f}-{last / rate:.2f} s" for first, last in one.starts), one.fields)
        for one in described
    ]


def _token_counts(told: dict[tuple[str, str], SongFields], options: Namespace) -> dict[tuple[str, str], dict[str, Any]]:
    """Tokens of both prompts, and whether the model reads less than all of them."""
    from sidestep_tui.acestep.checkpoint import open_checkpoint
    from sidestep_tui.acestep.conditioning import tokenize_song

    base = None if options.base is None else Variant(options.base)
    tokenizer = open_checkpoint(options.model, base).load_tokenizer()
    counts = {}
    for key, fields in told.items():
        tokens = tokenize_song(tokenizer, fields)
        counts[key] = {
            "text_tokens": tokens.text.count,
            "text_cut": tokens.text.cut,
            "lyric_tokens": tokens.lyrics.count,
            "lyrics_cut": tokens.lyrics.cut,
        }
    return counts


def _view(dataset: Dataset, findings: list[Finding], prompts: list[dict[str, Any]]) -> RenderableType:
    lines = [text for told in _of_each_kind(_grouped(findings)) for text in told]
    totals = ", ".join(
        f"{count} info" if severity is Severity.INFO else counted(count, severity.value)
        for severity in Severity
        if (count := sum(finding.severity is severity for finding in findings))
    )
    shown = [text for prompt in prompts for text in _prompt_lines(prompt)]
    return Group(
        *lines, *shown, Text(f"{counted(len(dataset.songs), 'song')}: {totals or 'nothing to complain about'}")
    )


def _grouped(findings: list[Finding]) -> list[list[Finding]]:
    """In the same order; what is said of several songs in the same words comes together, where the first of them is."""
    alike: dict[tuple[str, str, str | None], list[Finding]] = {}
    for finding in findings:
        alike.setdefault((finding.code, finding.message, finding.fix), []).append(finding)
    groups: list[list[Finding]] = []
    for group in alike.values():
        groups += [group] if len(group) >= _TOGETHER else [[finding] for finding in group]
    order = {id(finding): place for place, finding in enumerate(findings)}
    return sorted(groups, key=lambda group: order[id(group[0])])


def _of_each_kind(groups: list[list[Finding]]) -> Iterator[list[Text]]:
    """The lines of every group, in their order; of one kind at most `_MOST_ALIKE`, and how many more there are."""
    kinds = Counter(group[0].code for group in groups)
    shown: Counter[str] = Counter()
    for group in groups:
        code = group[0].code
        shown[code] += 1
        more = kinds[code] - _MOST_ALIKE
        if more <= 1 or shown[code] <= _MOST_ALIKE:
            yield _finding_lines(group)
        elif shown[code] == _MOST_ALIKE + 1:
            yield [Text.assemble(f"        and {more} more, which --json tells", (f"  [{code}]", "dim"))]


def _finding_lines(alike: list[Finding]) -> list[Text]:
    finding, several = alike[0], len(alike) > 1
    song = counted(len(alike), "song") if several else finding.song
    where = f"{song}: " if song else ""
    style = _STYLES[finding.severity]
    code = (f"  [{finding.code}]", "dim")
    lines = [Text.assemble((f"{finding.severity.value:<8}", style), printable(f"{where}{finding.message}"), code)]
    if several:
        more = len(alike) - _MOST_ALIKE
        names = ", ".join(one.song or "" for one in alike[:_MOST_ALIKE]) + (f" and {more} more" if more > 0 else "")
        lines.append(Text(printable(f"        {names}")))
    return lines + ([Text(printable(f"        fix: {finding.fix}"), style="dim")] if finding.fix else [])


def _prompt_lines(prompt: dict[str, Any]) -> list[Text]:
    crop = f", crops that begin at {prompt['crop']}" if "crop" in prompt else ""
    lines = [Text(f"{printable(prompt['song'])}{crop}", style="bold")]
    for name, tokens, cut, limit in (
        ("text", "text_tokens", "text_cut", TEXT_TOKEN_LIMIT),
        ("lyrics", "lyric_tokens", "lyrics_cut", LYRIC_TOKEN_LIMIT),
    ):
        count = f", {prompt[tokens]} of at most {limit} tokens" if tokens in prompt else ""
        lost = ": THE END IS CUT OFF" if prompt.get(cut) else ""
        lines.append(Text(f"— {name}{count}{lost}", style="yellow" if lost else "cyan"))
        lines += [Text(printable(line)) for line in prompt[name].split("\n")]
    return lines
