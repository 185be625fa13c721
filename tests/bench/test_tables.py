"""Tables of benchmarks: each row is told when it is measured, and one that fails takes no other with it."""

import sys
from collections.abc import Callable

import pytest
import torch

from bench.common import print_measured


def test_rows_are_told_as_they_come_and_one_that_fails_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []

    def row(outcome: Callable[[], list[str]]) -> Callable[[], list[str]]:
        def measure() -> list[str]:
            told.append(capsys.readouterr().out)
            return outcome()

        return measure

    def full() -> list[str]:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    def broken() -> list[str]:
        raise RuntimeError("a | b\nand more")

    rows = [(["one"], row(lambda: ["1 s"])), (["two"], row(full)), (["three"], row(broken)),
            (["four"], row(lambda: sys.exit("given up"))), (["five"], row(lambda: ["5 s"]))]  # fmt: skip
    assert print_measured(["what", "time"], rows) == 2
    assert told[0].splitlines() == ["| what | time |", "| ---- | ---- |"]
    assert told[1:] == [
        "| one | 1 s |\n",
        "| two | does not fit |\n",
        "| three | RuntimeError: a / b |\n",
        "| four | SystemExit: given up |\n",
    ]
    assert capsys.readouterr().out == "| five | 5 s |\n"
