"""Tables of tempo and key, as Key-BPM-Finder exports them: File, Artist, Title, BPM, Key, Camelot, and any column more.
They may be written as JSON lines too, an object for each song.

A table speaks about the songs in its own folder and below. A row finds its song by path, else by file name, else by
name without extension; where two songs fit, neither gets it and a finding says so.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sidestep_tui.dataset.fields import Reading, normal_name, read_record
from sidestep_tui.dataset.sidecars import parse_json, read_text_file
from sidestep_tui.dataset.song import Finding, Severity
from sidestep_tui.dataset.text import comparable_name, printable
from sidestep_tui.told import told

_FILE_COLUMNS = ("file", "filename", "file_name", "audio_path", "path", "audio")
_DELIMITERS = ",;\t|"
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl")
_LONGEST_CELL = 4_000_000
_PLACE_COLUMN = "camelot"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table."""

    file: str
    cells: Mapping[str, Any]
    line: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table that names files, and the folder that it speaks about."""

    name: str
    """Path relative to the data set's root."""
    folder: str
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...] = ()


def read_table(file: Path, folder: str) -> Table:
    """Reads one table of any delimiter and encoding; a file that is no table of songs gives no rows.

    Args:
        file: the table.
        folder: the folder's path relative to the data set's root, empty for the root itself.
    """
    name = f"{folder}/{file.name}" if folder else file.name
    text, findings = read_text_file(file, None)
    try:
        rows = _parse_lines(text) if file.suffix.lower() == ".jsonl" else _parse(text)
    except ValueError as error:
        problem = Finding(
            Severity.WARNING,
            "unreadable-table",
            told("{file} is ignored: {reason}.", file=printable(name), reason=str(error)),
            fix=told("give it a first line with File, BPM, Key (JSON lines: these names in each line), or remove it"),
        )
        return Table(name, folder, (), findings or (problem,))
    return Table(name, folder, rows, findings)


def match_tables(tables: Iterable[Table], keys: Iterable[str]) -> tuple[dict[str, Reading], list[Finding]]:
    """Brings the rows of all tables to their songs.

    A table nearer to the song wins over one above it, and among tables of one folder the first by name.

    Returns:
        What the tables say, by song key, and findings about rows that fit no song or several.
    """
    index = _Index(keys)
    cells: dict[str, dict[str, Any]] = defaultdict(dict)
    findings: list[Finding] = []
    for table in sorted(tables, key=lambda table: (-_depth(table.folder), table.name)):
        findings += table.findings
        for row in table.rows:
            found = index.find(row.file, table.folder)
            if len(found) == 1:
                for name, value in row.cells.items():
                    cells[found[0]].setdefault(name, value)
            else:
                findings.append(_unmatched(table, row, found))
    readings = {key: read_record(row, song=key, where=told("the table")) for key, row in cells.items()}
    return readings, findings


class _Index:
    """Songs by the ways in which a row may name them."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._by_path: dict[str, list[str]] = defaultdict(list)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for key in keys:
            path = comparable_name(key)
            name = path.rpartition("/")[2]
            self._by_path[path].append(key)
            self._by_name[name].append(key)
            self._by_stem[name.rpartition(".")[0]].append(key)

    def find(self, file: str, folder: str) -> list[str]:
        path = comparable_name(file).removeprefix("./")
        below = f"{comparable_name(folder)}/" if folder else ""
        name = path.rpartition("/")[2]
        stem = name.rpartition(".")[0] or name
        for found in (self._by_path[below + path], self._by_path[below + name]):
            if found:
                return found
        for found in (self._by_name[name], self._by_stem[stem], self._by_stem[name]):
            inside = [key for key in found if comparable_name(key).startswith(below)]
            if inside:
                return inside
        return []


def _parse(text: str) -> tuple[Row, ...]:
    lines = text.removeprefix("\ufeff").replace("\0", "")
    head = next((line for line in lines.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=head.count)
    csv.field_size_limit(_LONGEST_CELL)
    try:
        records = list(csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter, skipinitialspace=True))
    except csv.Error as error:
        raise ValueError(f"it is no readable table ({error})") from error
    records = [record for record in records if any(cell.strip() for cell in record)]
    names = [normal_name(cell) for cell in records[0]] if records else []
    column = next((names.index(name) for name in _FILE_COLUMNS if name in names), None)
    if column is None:
        raise ValueError("its first line names no column File")
    return tuple(
        _row(record, names, column, line) for line, record in enumerate(records[1:], 2) if _cell(record, column)
    )


def _parse_lines(text: str) -> tuple[Row, ...]:
    """JSON lines, as data sets of the Hugging Face Hub list their files (metadata.jsonl)."""
    rows = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        try:
            document = parse_json(line)
        except ValueError as error:
            raise ValueError(f"its line {number} is {error}") from error
        named = {normal_name(name): value for name, value in document.items()} if isinstance(document, dict) else {}
        file = next((named.pop(name) for name in _FILE_COLUMNS if isinstance(named.get(name), str)), "")
        if file.strip():
            rows.append(Row(file.strip(), {name: value for name, value in named.items() if value is not None}, number))
    if not rows:
        raise ValueError("none of its lines names a file")
    return tuple(rows)


def _row(record: list[str], names: list[str], column: int, line: int) -> Row:
    named = {name: _cell(record, place) for place, name in enumerate(names) if place != column and name}
    cells = {name: value for name, value in named.items() if value}
    camelot = cells.pop(_PLACE_COLUMN, None)
    if camelot is not None and "key" not in cells:
        cells["key"] = camelot
    return Row(_cell(record, column), cells, line)


def _cell(record: list[str], place: int) -> str:
    return record[place].strip() if place < len(record) else ""


def _depth(folder: str) -> int:
    return folder.count("/") + 1 if folder else 0


def _unmatched(table: Table, row: Row, found: list[str]) -> Finding:
    values = {"line": row.line, "table": printable(table.name), "file": printable(row.file)}
    if not found:
        return Finding(
            Severity.WARNING,
            "row-without-song",
            told("row {line} of {table} names {file}, and there is no such song.", **values),
            fix=told("correct the name, or remove the row"),
        )
    return Finding(
        Severity.WARNING,
        "row-ambiguous",
        told(
            "row {line} of {table} names {file}, which fits {count} songs; none of them gets it.",
            count=len(found),
            **values,
        ),
        fix=told("write the path below the table's folder in the column File"),
    )
