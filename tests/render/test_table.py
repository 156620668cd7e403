"""Tables of `status`, `runs` and `alerts`."""

from __future__ import annotations

import msgspec

from runwatch.core.snapshot import Progress, RunRow
from runwatch.render import table
from runwatch.render.glyphs import ASCII
from runwatch.render.segment import segment


def test_a_run_is_shown_as_on_the_screen():
    """A log in which no training began, and one that may not continue, of which nobody knows when it ends."""
    bare = RunRow("a", "notes", "starting", Progress(), age=7200.0)
    silent = RunRow("b", "train", "unknown", Progress(500, 1000, 0.5, 3600.0), age=7200.0)
    first, second = table.status([bare, silent])
    assert "NO STEPS" in first
    assert segment([msgspec.structs.replace(bare, age=3000.0)]) == "NO STEPS"
    assert "SILENT" in second
    assert "ETA" not in second


def test_names_are_cut_and_spelled_in_ascii_where_that_is_asked():
    rows = [RunRow(name, name, "training", Progress(500, 1000, 0.5)) for name in ("模型", "x" * 90)]
    assert all(line.isascii() for line in table.status(rows, ASCII, 80))
