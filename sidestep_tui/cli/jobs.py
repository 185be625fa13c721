"""The verbs that start an engine: their settings from flags, a run directory, and the run followed to its end."""

import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sidestep_tui.cli.follow import launch_and_follow
from sidestep_tui.cli.inputs import RESULT, check_inputs, check_kinds
from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.cli.resume import add_force_flag, continue_run
from sidestep_tui.cli.settings import SettingFlags, add_layer_flags, given_layers
from sidestep_tui.config.base import Section
from sidestep_tui.config.generate import GenerateSettings
from sidestep_tui.config.jobs import (
    JOBS,
    ExportSettings,
    JobName,
)
from sidestep_tui.config.layers import resolve
from sidestep_tui.config.places import free_path, runs_home, whole_path
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.errors import ExitCode, UsageError
from sidestep_tui.runs.directory import RunDirectory, create_run, with_absolute_paths
from sidestep_tui.runs.history import remember_run

_LONGEST_NAME: Final = 150
"""Bytes of what a run's folder is named after: the time follows, and a file system ends at 255."""


@dataclass(frozen=True, slots=True)
class JobVerb:
    """A verb that runs one job.

    Args:
        positional: the setting that is given without a flag.
        keeps: whether a job without an `output` of its own leaves a run that people want to find again: then it must
            be given a place.
        check: refuses settings that an engine could only fail with.
        makes: does the same, and names the files that are not replaced without `--overwrite`.
        show: what to tell people when the run was followed to a good end.
    """

    job: JobName
    positional: str | None = None
    keeps: bool = True
    check: Callable[[Section], None] = lambda _settings: None
    makes: Callable[[Section], Sequence[Path]] | None = None
    show: Callable[[RunDirectory, Output], None] | None = None

    def configure(self, parser: Parser) -> None:
        """Adds the verb's arguments: the settings of its job, and where the run lies."""
        model = JOBS[self.job]
        parser.usage = " ".join(filter(None, ("%(prog)s", self._given_name, "[settings]")))
        add_layer_flags(parser, presets=issubclass(model, TrainSettings))
        if self._output_is_the_run:
            parser.add_argument(
                "--output", type=Path, metavar="RUN", help="the folder of the run (required); an earlier run goes on"
            )
            add_force_flag(parser)
        else:
            parser.add_argument("--run", type=Path, metavar="DIR", help="the folder of the run (default: a new one)")
        if self.makes is not None:
            parser.add_argument("--overwrite", action="store_true", help="replace what is there already")
        start = parser.add_mutually_exclusive_group()
        start.add_argument("--detach", action="store_true", help="start the run and return at once")
        start.add_argument("--prepare", action="store_true", help="make the run's folder and start nothing")
        flags = SettingFlags(model, parser, self.positional)
        parser.set_defaults(call=lambda options, out: self._run(flags, options, out))

    def _run(self, flags: SettingFlags, options: Namespace, out: Output) -> int:
        settings = resolve(JOBS[self.job], given_layers(flags, options))
        check_inputs(settings)
        if not options.prepare:  # what it reads may still be made by another run
            check_kinds(settings)
        self._check(with_absolute_paths(settings), options)
        for text in flags.without_effect(options, settings):
            out.warn(text)
        place = self._place(settings, options)
        earlier = RunDirectory(whole_path(place))
        if self._output_is_the_run and _can_go_on(earlier, self.job) and not options.prepare:
            return continue_run(earlier, settings, out, force=options.force, detach=options.detach)
        run = create_run(place, self.job, settings)
        if options.prepare:
            remember_run(run.path)
            out.tell({"run": run.path}, f"Prepared. `sidestep resume {run.typed}` starts it.")
            return ExitCode.DONE
        code = launch_and_follow(run, out, detach=options.detach)
        if self.show is not None and code == ExitCode.DONE and not options.detach:
            self.show(run, out)
        return code

    def _check(self, settings: Section, options: Namespace) -> None:
        self.check(settings)
        taken = [file for file in self.makes(settings) if file.exists()] if self.makes is not None else []
        if taken and not options.overwrite:
            many = f"{len(taken)} of the files exist already." if len(taken) > 1 else "The file exists already."
            raise UsageError(many, where=taken[0], fix="choose another name, or --overwrite")

    def _place(self, settings: Section, options: Namespace) -> Path:
        if not self._output_is_the_run:
            return Path(options.run or _new_place(self.job, settings))
        if options.output is None:
            raise UsageError("The run needs a place.", where="--output", fix="give the folder that the run makes")
        return Path(options.output)

    @property
    def _given_name(self) -> str:
        """The positional argument as the usage line has it."""
        return (self.positional or "").rpartition(".")[2].upper()

    @property
    def _output_is_the_run(self) -> bool:
        return self.keeps and RESULT not in JOBS[self.job].model_fields


def _songs(settings: Section) -> list[Path]:
    from sidestep_tui.engine.generate.prompts import plan_songs

    assert isinstance(settings, GenerateSettings)
    return [song.settings.output for song in plan_songs(settings)]


def _check_export(settings: Section) -> None:
    assert isinstance(settings, ExportSettings)
    if settings.format == "merged" and settings.checkpoint is None:
        raise UsageError("A merged export needs the model.", where="checkpoint", fix="name it with --checkpoint")


configure_train = JobVerb("train", "data.tensors").configure
configure_preprocess = JobVerb("preprocess", "dataset").configure
configure_import = JobVerb("import", "source").configure
configure_estimate = JobVerb("estimate", "tensors").configure
configure_generate = JobVerb("generate", makes=_songs).configure
configure_export = JobVerb("export", "adapter", check=_check_export).configure
configure_verify = JobVerb("verify", "adapter").configure


def _can_go_on(run: RunDirectory, job: JobName) -> bool:
    """Whether there is a run of this job at the place."""
    return run.exists() and run.job() == job


def _new_place(job: JobName, settings: Section) -> Path:
    """A new folder among the runs, named after the job, its result and the time."""
    result = settings.model_dump().get(RESULT)
    named = job if result is None else f"{job}-{Path(str(result)).stem}"
    named = named.encode()[:_LONGEST_NAME].decode(errors="ignore")
    return free_path(runs_home() / f"{named}-{time.strftime('%Y%m%d-%H%M%S')}")
