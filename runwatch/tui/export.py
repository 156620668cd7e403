"""The numbers of a chart in a file: CSV for a spreadsheet, JSON for a script."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from runwatch.core.snapshot import Columns, RunView
from runwatch.tui import capture
from runwatch.tui.api import AppApi
from runwatch.watcher.protocol import Query, Series

FORMATS = ("csv", "json")
WIDTH = 4096
"""Rows of a metric that are asked for: as many as an engine sends."""
_FIELDS = ("mean", "low", "high", "last", "nonfinite")


class Export:
    """One chart that was asked for, until all of its series have come."""

    def __init__(self, number: int, run: RunView, metrics: Sequence[str], ending: str) -> None:
        self.number = number
        self._run, self._metrics, self._ending = run, tuple(metrics), ending
        self._series: list[Columns] = []

    def requests(self, first: float | None, last: float | None) -> Iterator[Query]:
        """Yield what to ask the engine for: each metric between two steps, None being the end of the data."""
        for metric in self._metrics:
            yield Query(self._run.id, metric, WIDTH, first, last, self.number)

    def take(self, columns: Columns) -> bool:
        """Take a series; return True if it was the last."""
        self._series.append(columns)
        return len(self._series) == len(self._metrics)

    def save(self) -> str:
        """Write the file to the working directory; return what to say. Raises OSError."""
        path = Path(f"{capture.fresh(self._run.name, (self._ending,))}.{self._ending}")
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(self._csv() if self._ending == "csv" else self._json())
        return f"{path}, {sum(len(columns.x) for columns in self._series):,} rows"

    def _csv(self) -> str:
        out = io.StringIO()
        table = csv.writer(out)
        table.writerow(("metric", "step", *_FIELDS))
        for columns in self._series:
            # A name that a spreadsheet would take for a formula is none.
            name = f"'{columns.metric}" if columns.metric[:1] in "=+-@" else columns.metric
            values = zip(*(getattr(columns, field) for field in _FIELDS), strict=True)
            table.writerows((name, f"{x:.15g}", *row) for x, row in zip(columns.x, values, strict=True))
        return out.getvalue()

    def _json(self) -> str:
        series = [
            {"metric": c.metric, "step": c.x, **{field: getattr(c, field) for field in _FIELDS}}
            for c in self._series
        ]
        return msgspec.json.encode({"run": self._run.name, "series": series}).decode() + "\n"


class Exports:
    """Asks for what is to be saved, and saves it once it is there; the newest alone."""

    def __init__(self, app: AppApi) -> None:
        self._app = app
        self._newest: Export | None = None

    def begin(self, metrics: Sequence[str], ending: str) -> str:
        """Ask for the numbers of a chart; return why that cannot be, or ""."""
        scene = self._app.scene
        if scene.run is None or scene.link == "lost":
            return f"{scene.waiting_for()}: there is nothing to save"
        number = self._newest.number + 1 if self._newest is not None else 1
        self._newest = Export(number, scene.run, metrics, ending)
        first = scene.first_step()
        for request in self._newest.requests(first, scene.last_step() if first is not None else None):
            self._app.link.send(request)
        return ""

    def take(self, reply: Series) -> None:
        """Take a series that was asked for; save all with the last."""
        newest = self._newest
        if newest is None or reply.id != newest.number or not newest.take(reply.columns):
            return
        try:
            self._app.say(f"saved {newest.save()}")
        except OSError as error:
            self._app.say(f"cannot save here: {error.strerror}")
