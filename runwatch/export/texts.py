"""Values as CSV and as JSON lines. Numbers are written so that reading them gives the same bits."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from math import isnan
from typing import IO

from runwatch.export.values import COLUMNS, KINDS, Floats, Values

_NOT_FINITE = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}
"""How JSON, which has no such numbers, says them: as protobuf's JSON does."""


class Csv:
    """One line for each value, below a line with the names of the columns."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        file.write((",".join(COLUMNS) + "\n").encode())

    def write(self, values: Values) -> None:
        """Append values."""
        rank, node = (_text(number) for number in (values.rank, values.node))
        head = _quoted(values.run, str(values.stage), values.source, rank, node)
        names = [[f"{head},{kind},{_quoted(name)}," for name in values.names] for kind in KINDS]
        rows = zip(*_columns(values, ""), strict=True)
        text = "".join(
            f"{names[kind][metric]}{','.join(row)}\n"
            for kind, metric, row in zip(values.kind.tolist(), values.metric.tolist(), rows, strict=True)
        )
        self._file.write(text.encode("utf-8", "replace"))

    def close(self) -> None:
        """End the file."""
        self._file.flush()


class JsonLines:
    """One object for each value, each on a line."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, values: Values) -> None:
        """Append values."""
        given = (values.run, values.stage, values.source, values.rank, values.node)
        head = json.dumps(dict(zip(COLUMNS, given, strict=False)), ensure_ascii=False)[:-1]
        names = [
            [f'{head}, "kind": "{kind}", "metric": {_json(name)}, ' for name in values.names]
            for kind in KINDS
        ]
        step, epoch, time, line, value = _columns(values, "null")
        text = "".join(
            f'{names[kind][metric]}"step": {s}, "epoch": {_finite(e)}, "time": {t}, "line": {n}, '
            f'"value": {_finite(v)}}}\n'
            for kind, metric, s, e, t, n, v in zip(
                values.kind.tolist(), values.metric.tolist(), step, epoch, time, line, value, strict=True
            )
        )
        self._file.write(text.encode("utf-8", "replace"))

    def close(self) -> None:
        """End the file."""
        self._file.flush()


def _columns(values: Values, nothing: str) -> tuple[Iterator[str], ...]:
    """Return step, epoch, time, line and value as texts; what the log does not print is `nothing`."""
    step, line = (_counts(column, nothing) for column in (values.step, values.line))
    epoch, time = (_known(column, nothing) for column in (values.epoch, values.time))
    return step, epoch, time, line, map(repr, values.value.tolist())


def _counts(column: Floats, nothing: str) -> Iterator[str]:
    for number in column.tolist():
        yield nothing if isnan(number) else str(int(number)) if number.is_integer() else repr(number)


def _known(column: Floats, nothing: str) -> Iterator[str]:
    return (nothing if isnan(number) else repr(number) for number in column.tolist())


def _finite(number: str) -> str:
    return _NOT_FINITE.get(number, number)


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _quoted(*cells: str) -> str:
    """Return cells of a CSV line, quoted where that is needed."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()
