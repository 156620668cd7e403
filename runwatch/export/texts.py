"""Values as CSV and as JSON lines. Numbers are written so that reading them gives the same bits."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from math import isnan
from typing import IO

import msgspec
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
        records = [f"{s},{e},{t},{n}," for s, e, t, n in zip(*_columns(values, "", repr), strict=True)]
        _put(self._file, values, begins, records, _numbers(values.value, "nan", repr), "\n")

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
        head = _text(dict(zip(COLUMNS, given, strict=False)))[:-1]
        begins = [
            f'{head},"kind":"{kind}","metric":{_text(name)},"step":'
            for kind in KINDS
            for name in values.names
        ]
        records = [
            f'{s},"epoch":{e},"time":{t},"line":{n},"value":'
            for s, e, t, n in zip(*_columns(values, "null", _finite), strict=True)
        ]
        _put(self._file, values, begins, records, _numbers(values.value, '"NaN"', _finite), "}\n")

    def close(self) -> None:
        """End the file."""
        self._file.flush()


def _put(
    file: IO[bytes],
    values: Values,
    begins: Sequence[str],
    records: Sequence[str],
    numbers: Sequence[str],
    end: str,
) -> None:
    """Write a line for each value: how it begins by its kind and metric, its record, the number and `end`."""
    first = np.array([end + begin for begin in begins], object)[
        values.kind * len(values.names) + values.metric
    ]
    middle = np.array(records, object)[values.record]
    cut = len(end)
    for at in range(0, len(values), _LINES):
        here = slice(at, at + _LINES)
        pieces = [""] * (3 * len(first[here]))
        pieces[0::3], pieces[1::3], pieces[2::3] = first[here].tolist(), middle[here].tolist(), numbers[here]
        file.write(memoryview("".join(pieces).encode("utf-8", "replace"))[cut:])
        cut = 0
    file.write(end.encode())


def _columns(values: Values, nothing: str, odd: Callable[[float], str]) -> tuple[Sequence[str], ...]:
    """Return step, epoch, time and line of each record as texts; see `_numbers`."""
    step, epoch, time, line = (
        column[values.first] for column in (values.step, values.epoch, values.time, values.line)
    )
    return (
        _counts(step, nothing, odd),
        _numbers(epoch, nothing, odd),
        _numbers(time, nothing, odd),
        _counts(line, nothing, odd),
    )


def _counts(column: Floats, nothing: str, odd: Callable[[float], str]) -> Sequence[str]:
    """Return numbers, most of them whole, as texts; see `_numbers`."""
    whole = np.abs(column) < 1 << 53
    whole[whole] = column[whole] % 1 == 0
    if not whole.all():
        texts = _numbers(column, nothing, odd)
        return [str(int(x)) if w else text for w, x, text in zip(whole, column, texts, strict=True)]
    return list(map(str, column.astype(np.int64).tolist()))


def _numbers(column: Floats, nothing: str, odd: Callable[[float], str]) -> Sequence[str]:
    """Return the shortest texts with the bits of numbers: of NaN `nothing`, of infinities what `odd` says."""
    if np.isnan(column).all():
        return [nothing] * len(column)
    texts = msgspec.json.encode(column.tolist())[1:-1].decode().split(",")
    for at in np.flatnonzero(~np.isfinite(column)).tolist():
        texts[at] = nothing if isnan(column[at]) else odd(float(column[at]))
    return texts


def _text(value: object) -> str:
    """Return a value as JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _finite(number: float) -> str:
    return _NOT_FINITE[repr(number)]


def _quoted(*cells: str) -> str:
    """Return cells of a CSV line, quoted where that is needed."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()
