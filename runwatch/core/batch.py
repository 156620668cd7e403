"""What parsers make of bytes: tables of float64 columns, and events, in stream order.

This is also the wire form between a source's worker and the engine, so a batch
crosses the pipe without being rebuilt. `offset` (the byte at which a record
begins in its source's stream) orders everything; `line` is for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TRAIN = "train"
"""Table kind: one row per logged training step."""
EVAL = "eval"
"""Table kind: one row per evaluation result."""
BAR = "bar"
"""Table kind: progress bars, columns `step` and `total`."""
RANK = "rank"
"""Table kind: progress of one rank, columns `rank`, `done` and, where printed, `passed`, `total`."""

PLAN = "plan"
"""Table kind: the planned number of steps, column `total`, where step lines do not print it."""

BESIDE = 1024
"""Bytes from the beginning of a bar within which a record without a step belongs to it."""
QUICK = 0.2
"""Seconds per step below which a bar may lag behind: it is redrawn every 0.1 s."""

NODE = 1_000_000
"""Rank `r` of node `n`, where a log shows both, is numbered n * NODE + r."""

SYSTEM = "system"
"""Table kind: what a tracker noted of the machine, columns `time` and metrics; no step."""

EPOCH_STEPS = "epoch_steps"
"""Column of training records whose total is only where their epoch ends: the steps that an epoch has."""

META_COLUMNS = frozenset({"offset", "line", "step", "total", EPOCH_STEPS, "rank", "node", "time"})
"""Columns that place a row; every other column is a metric."""
OUR_COLUMNS = frozenset({"offset", "line", "time"})
"""Those of them that are no printed name's."""

BY_EPOCH = " by epoch"
"""Ends the pattern of training records whose step is an epoch, or rounded: there may be many of one."""
BY_ROUND = " by round"
"""Ends the pattern of training records whose step begins again with another model only, as boosting does."""
BY_FIT = " by fit"
"""Ends the pattern of training records whose step begins again with each call that trains a model further."""
BAR_OF_RUN = "bar of the run"
"""Pattern of bars that say that they are of the whole training: their total is planned."""
BY_LAUNCH = " by launch"
"""Ends the pattern of training records in a file of one run, to which each of its launches adds."""


CRASH_KINDS = frozenset({
    "traceback", "oom", "host_oom", "nccl", "cuda_error", "xid",
    "killed", "segfault", "signal", "scheduler", "elastic", "error", "worker",
})  # fmt: skip
"""Kinds of events that may end a run."""


class Table(msgspec.Struct, frozen=True):
    """Rows that share their fields: a float64 matrix, one row of it per name.

    A table is rectangular: each of `names` has a value in every row, so a NaN
    is always a NaN that was printed. Names begin with `offset` and `line`.
    """

    kind: str
    pattern: str
    names: tuple[str, ...]
    rows: int
    data: bytes
    """`len(names) x rows` float64, little endian, row-major."""

    def matrix(self) -> NDArray[np.float64]:
        """Return the columns as a read-only (len(names), rows) array."""
        import numpy as np

        return np.frombuffer(self.data, "<f8").reshape(len(self.names), self.rows)

    def column(self, name: str) -> NDArray[np.float64]:
        """Return one column (rows,). Raises ValueError if there is none of that name."""
        import numpy as np

        start = self.names.index(name) * self.rows * 8
        return np.frombuffer(self.data, "<f8", self.rows, start)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the columns that are metrics."""
        return tuple(name for name in self.names if name not in META_COLUMNS)


def printed_column(name: str) -> str:
    """Return the column that a printed name becomes: one of ours it may not take."""
    return f"printed/{name}" if name in OUR_COLUMNS else name


class Event(msgspec.Struct, frozen=True):
    """Something notable that is not a number."""

    kind: str
    """One of the kinds in runwatch.parsers.events.events: traceback, oom, nccl, finished, checkpoint, ..."""
    offset: int
    line: int
    title: str
    """One line of plain text; hostile until it went through runwatch.core.text."""
    rank: int | None = None
    step: int | None = None
    data: dict[str, str] = {}


class Batch(msgspec.Struct, frozen=True):
    """All that was read from bytes [start, end) of one source's stream."""

    start: int
    end: int
    tables: tuple[Table, ...] = ()
    events: tuple[Event, ...] = ()
    lines: int = 0
    """Lines that ended in this range (a line ends with a newline)."""
    unparsed: int = 0
    """How many of them gave neither a record nor an event."""
    format: str | None = None
    """Name of the detected format, once known."""
    printed: dict[str, str] = {}
    """Canonical metric name -> the name it was printed with, where they differ."""
    tail: tuple[tuple[int, str], ...] = ()
    """(line number, text) of the newest lines, for log views only."""
    strange: int = 0
    """Lines below the newest record that look like records of training and gave none."""
    strange_from: int = 0
    """Number of the first of them; 0 if there is none."""
