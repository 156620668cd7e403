"""Values as CSV and as JSON lines. Numbers are written so that reading them gives the same bits."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice
from math import isnan
from typing import IO

import numpy as np

from runwatch.export.values import COLUMNS, KINDS, Floats, Values

_NOT_FINITE = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}
"""How JSON, which has no such numbers, says them: as protobuf's JSON does."""

_LINES = 4096
"""Lines written at once: memory for longer texts would be fetched again each time."""


class Csv:
    """One line for each value, below a line with the names of the columns."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._header = (",".join(COLUMNS) + "\n").encode()
        """Until it is written: nothing is, before it is clear that there is something to export."""

    def write(self, values: Values) -> None:
        """Append values."""
        self._begin()
        rank, node = ("" if number is None else str(number) for number in (values.rank, values.node))
        head = _quoted(values.run, str(values.stage), values.source, rank, node)
        begins = [f"{head},{kind},{_quoted(name)}," for kind in KINDS for name in values.names]
        records = [f"{s},{e},{t},{n}," for s, e, t, n in zip(*_columns(values, ""), strict=True)]
        _put(self._file, values, begins, records, map(repr, values.value.tolist()), "\n")

    def close(self) -> None:
        """End the file."""
        self._begin()
        self._file.flush()

    def _begin(self) -> None:
        self._file.write(self._header)
        self._header = b""


class JsonLines:
    """One object for each value, each on a line."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, values: Values) -> None:
        """Append values."""
        given = (values.run, values.stage, values.source, values.rank, values.node)
        head = json.dumps(dict(zip(COLUMNS, given, strict=False)), ensure_ascii=False)[:-1]
        begins = [
            f'{head}, "kind": "{kind}", "metric": {json.dumps(name, ensure_ascii=False)}, '
            for kind in KINDS
            for name in values.names
        ]
        records = [
            f'"step": {s}, "epoch": {_finite(e)}, "time": {t}, "line": {n}, "value": '
            for s, e, t, n in zip(*_columns(values, "null"), strict=True)
        ]
        texts: Iterable[str] = map(repr, values.value.tolist())
        if not np.isfinite(values.value).all():
            texts = map(_finite, texts)
        _put(self._file, values, begins, records, texts, "}\n")

    def close(self) -> None:
        """End the file."""
        self._file.flush()


def _put(
    file: IO[bytes],
    values: Values,
    begins: Sequence[str],
    records: Sequence[str],
    numbers: Iterable[str],
    end: str,
) -> None:
    """Write a line for each value: how it begins by its kind and metric, its record, the number and `end`."""
    begins = [end + begin for begin in begins]
    first = map(begins.__getitem__, (values.kind * len(values.names) + values.metric).tolist())
    middle = map(records.__getitem__, values.record.tolist())
    lines = zip(first, middle, numbers, strict=True)
    cut = len(end)
    while text := "".join(chain.from_iterable(islice(lines, _LINES))):
        file.write(memoryview(text.encode("utf-8", "replace"))[cut:])
        cut = 0
    file.write(end.encode())


def _columns(values: Values, nothing: str) -> tuple[Iterable[str], ...]:
    """Return step, epoch, time and line of each record as texts; what the log does not print is `nothing`."""
    first = values.first
    columns = (values.step, _count), (values.epoch, repr), (values.time, repr), (values.line, _count)
    return tuple(_texts(column[first], write, nothing) for column, write in columns)


def _texts(column: Floats, write: Callable[[float], str], nothing: str) -> Iterable[str]:
    return (nothing if isnan(number) else write(number) for number in column.tolist())


def _count(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(number)


def _finite(number: str) -> str:
    return _NOT_FINITE.get(number, number)


def _quoted(*cells: str) -> str:
    """Return cells of a CSV line, quoted where that is needed."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()
