"""What the documents name exists: links, files, verbs and their flags, benchmarks and theirs.

A command that a reader types is taken apart by the very parser that would run it; nothing is run.
"""

import re
import shlex
from argparse import ArgumentParser
from functools import cache
from pathlib import Path

import pytest

from sidestep_tui.cli.main import VERBS
from sidestep_tui.cli.parser import Parser
from sidestep_tui.config.fields import put
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.runs.changes import changes_between

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tools/*/*.md")])
EVERYWHERE = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
PLACES = (ROOT, ROOT / "sidestep_tui", ROOT / "docs")
UNTOLD = "…"  # arguments that a document leaves out


def told(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def code_of(text: str) -> list[str]:
    """The lines of code blocks, fenced or indented; what is continued is one line."""
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    fences = [index for index, line in enumerate(lines) if line.startswith("```")]
    fenced = {one for start, end in zip(fences[::2], fences[1::2], strict=True) for one in range(start + 1, end)}
    return [line.strip() for index, line in enumerate(lines) if index in fenced or line.startswith("    ")]


def words_of(command: str) -> list[str]:
    """The words of a command, without what explains it behind."""
    return shlex.split(re.split(r"(?:^|\s)#|\s{2,}|\s\(", command.strip())[0])


def anchor_of(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@EVERYWHERE
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", told(document)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = document.parent / name if name else document
        assert path.exists(), target
        if anchor:
            assert anchor in [anchor_of(one) for one in re.findall(r"^#+ (.+)$", told(path), re.M)], target


@EVERYWHERE
def test_every_file_of_ours_that_is_named_is_there(document: Path) -> None:
    for name in re.findall(r"(?<![\w/{])((?:\w+/)+\w*\.?\w+\.(?:py|md|toml))\b", told(document)):
        assert any((place / name).is_file() for place in (*PLACES, document.parent)), name


def parser_of(words: list[str]) -> tuple[Parser, list[str]]:
    """The parser of the verb that the words begin with, and the words behind it."""
    verb = next(one for one in reversed(VERBS) if one.name in (" ".join(words[:2]), words[0]))
    parser = Parser(prog=verb.name)
    verb.configure()(parser)
    return parser, words[len(verb.name.split()) :]


def flags_of(parser: ArgumentParser) -> set[str]:
    """The flags of a parser and of the verbs within it."""
    nested = [action.choices for action in parser._actions if isinstance(action.choices, dict)]
    within = [flags_of(one) for choices in nested for one in choices.values()]
    return set(parser._option_string_actions).union(*within)


@EVERYWHERE
def test_every_command_of_a_code_block_is_one_that_the_program_takes(document: Path) -> None:
    for line in code_of(told(document)):
        command = re.match(r"(?:\w+=\S+ |\S+&& )*sidestep (.+)", line)
        words = words_of(command[1]) if command else []
        if words and not words[0].startswith("-") and words[1:2] != [UNTOLD]:
            parser, arguments = parser_of(words)
            parser.parse_args(arguments)


@EVERYWHERE
def test_every_verb_and_flag_in_the_text_exists(document: Path) -> None:
    for command in re.findall(r"`sidestep ([a-z][^`]*)`", " ".join(told(document).split())):
        parser, arguments = parser_of(shlex.split(command))
        flags = {word.split("=")[0] for word in arguments if word.startswith("--")}
        assert flags <= flags_of(parser), command


@EVERYWHERE
def test_what_a_run_is_told_to_go_on_with_is_taken(document: Path) -> None:
    """By the run itself: a setting of the mathematics stands beside `--force`."""
    run = TrainSettings.model_validate({"model": {"checkpoint": "/m"}, "data": {"tensors": "/t"}})
    run = put_into(run, "training.sharding", "fsdp")
    for words in re.findall(r"`sidestep resume RUN ([^`]*)`", " ".join(told(document).split())):
        assignments = re.findall(r"--set ([\w.]+)=(\S+)", words)
        assert assignments
        for path, value in assignments:
            changes = changes_between(run, put_into(run, path, value))
            assert [change.path for change in changes] == [path]
            assert changes[0].free != ("--force" in words), words


def put_into(settings: TrainSettings, path: str, value: str) -> TrainSettings:
    return TrainSettings.model_validate(put(settings.model_dump(), path, value))


@cache
def flags_of_all_verbs() -> frozenset[str]:
    """Every flag that some verb takes."""
    return frozenset().union(*(flags_of(parser_of([verb.name.split()[0]])[0]) for verb in VERBS))


@cache
def flags_of_benchmarks() -> frozenset[str]:
    return frozenset(flag for path in ROOT.glob("bench/*.py") for flag in re.findall(r'"(--[a-z][\w-]*)"', told(path)))


@EVERYWHERE
def test_every_flag_and_setting_that_is_named_by_itself_exists(document: Path) -> None:
    """Between backquotes, without a verb. Flags of other programs stand in a code block of the same document."""
    sections = {flag.split(".")[0] for flag in flags_of_all_verbs() if "." in flag}
    known = (
        flags_of_all_verbs()
        | flags_of_benchmarks()
        | set(re.findall(r"--[a-z][\w-]*", "\n".join(code_of(told(document)))))
    )
    for code in re.findall(r"`([^`\n]+)`", told(document)):
        name = re.split(r"[ =]", code)[0]
        setting = re.fullmatch(r"(?:--)?([a-z_]+)\.[a-z_0-9]+", name)
        if setting and f"--{setting[1]}" in sections:
            assert f"--{name.removeprefix('--')}" in flags_of_all_verbs(), code
        elif re.match("--[a-z]", name):
            assert name in known, code


@EVERYWHERE
def test_every_benchmark_and_its_flags_exist(document: Path) -> None:
    for kind in ("bench", "tools"):
        for line in re.findall(rf"python -m ({kind}\.\w+[^`\n(]*)", told(document)):
            name, *words = line.split()
            path = ROOT / name.replace(".", "/")
            source = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__main__.py"
            assert source.is_file(), name
            text = source.read_text(encoding="utf-8")
            if "-m" not in words:
                assert all(word.split("=")[0] in text for word in words if word.startswith("--")), line
