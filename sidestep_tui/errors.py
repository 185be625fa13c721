"""The one exception that reaches people: what is wrong, where, and what to do about it."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130


class SidestepError(Exception):
    """A failure that a person can act on.

    Args:
        what: one sentence, what is wrong.
        where: the file, folder, song or setting that it concerns.
        fix: what to do about it: a command, a setting, a step.
        exit_code: what the process returns when this reaches its edge.
    """

    def __init__(
        self, what: str, *, where: object = None, fix: str | None = None, exit_code: ExitCode = ExitCode.FAILED
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = None if where is None else str(where)
        self.fix = fix
        self.exit_code = exit_code

    def __str__(self) -> str:
        lines = [self.what]
        if self.where is not None:
            lines.append(f"  where: {self.where}")
        if self.fix is not None:
            lines.append(f"  fix:   {self.fix}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, str | None]:
        """The same as a JSON-able document, for `--json`."""
        return {"error": self.what, "where": self.where, "fix": self.fix}


class NoRoomError(SidestepError):
    """The disk is full, or somebody's share of it: the same may succeed later, once something has made room."""


class UsageError(SidestepError):
    """The command line or a settings document cannot be used as given (exit code 2)."""

    def __init__(self, what: str, *, where: object = None, fix: str | None = None) -> None:
        super().__init__(what, where=where, fix=fix, exit_code=ExitCode.USAGE)


def first_line(error: BaseException) -> str:
    """What a library's error says before it explains where to read more."""
    return str(error).strip().partition("\n")[0]
