"""The bounds that docs/architecture.md lists are those of the code."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
BOUNDS = dict(re.findall(r"^\| (.+?) \| (.+) \|$", PAGE.read_text().split("## Bounds")[1], re.MULTILINE))
CONSTANTS = {
    "a line": "parsers.api:MAX_LINE",
    "a series": "core.series:BUCKETS",
    "a run": "core.fold.run:MAX_SERIES MAX_RANKS MAX_FACTS MAX_EVENTS core.fold.rank_state:MAX_RANK_METRICS core.checkpoint:MAX_KNOWN",
    "a group": "watcher.engine.beginnings:MAX_RUNS watcher.engine.source:LOG_LINES",
    "a search": "watcher.sources.search:MAX_DEPTH MAX_ENTRIES MAX_HERE watcher.sources.discover:MAX_SOURCES MAX_RUNS",
    "older history": "watcher.sources.rotated_history:MAX_BYTES",
    "a checkpoint": "watcher.sources.files:MAX_FILES watcher.checkpoints.directory:OPENED",
    "a view": "watcher.engine.views.views:MAX_CHARTS MAX_NAMED MAX_COLUMNS watcher.engine.views.comparison:MAX_CURVES",
    "a scrape": "watcher.exporter.http:MAX_CONNECTIONS MAX_REQUEST",
    "the fleet screen": "prometheus.fleet:MAX_RUNS prometheus.api:MAX_BYTES watcher.fleet.questions:MAX_POINTS MAX_CHARTS",
    "clients": "watcher.service.clients:MAX_CLIENTS MAX_WATCHING MAX_HELD watcher.protocol:MAX_REQUEST",
    "a matcher": "alerts.routing.expression:MAX_LENGTH MAX_SIZE alerts.routing.silences:MOST_MATCHERS",
    "what a daemon watches": "watcher.service.watchlist:MAX_PATHS",
    "what was sent": "alerts.routing.silences:MOST alerts.delivery.actions:MOST_WAITING",
    "the daemon's state": "watcher.service.connection:MAX_WAITING",
    "a wrapped command": "wrap.feed:_MOST",
    "a compressed copy of a log that was cut": "watcher.sources.compressed_file:MAX_BYTES",
}
"""Row -> modules of runwatch, each with the constants that the row shows."""


@pytest.mark.parametrize("row", CONSTANTS)
def test_a_bound_is_that_of_the_code(row):
    shown = {number.replace(",", "") for number in re.findall(r"[\d,]*\d(?: [KMG]iB)?", BOUNDS[row])}
    module = None
    for word in CONSTANTS[row].split():
        path, _, name = word.rpartition(":")
        module = import_module(f"runwatch.{path}") if path else module
        value = getattr(module, name)
        sizes = {f"{value >> bits} {unit}" for bits, unit in ((10, "KiB"), (20, "MiB"), (30, "GiB"))}
        assert shown & {str(value), *sizes}, f"{word} is {value:,}: not in {BOUNDS[row]!r}"
