"""A picture of the screen in files: SVG with its colors, and plain text."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.app import App

_ODD = re.compile(r"[^\w.-]+", re.ASCII)


def fresh(name: str, endings: Sequence[str], directory: Path | None = None) -> str:
    """Return `runwatch-NAME-TIME`, or with a number behind it, so that no file with these endings exists."""
    stem = f"runwatch-{_ODD.sub('-', name).strip('-.') or 'run'}-{time.strftime('%H%M%S')}"
    base = directory or Path()
    count, chosen = 1, stem
    while any((base / f"{chosen}.{ending}").exists() for ending in endings):
        count += 1
        chosen = f"{stem}-{count}"
    return chosen


def save(app: App[int], name: str, directory: Path | None = None) -> str:
    """Write `runwatch-NAME-TIME.svg` and `.txt`; return their common name. Raises OSError.

    A file that exists is left alone and another name taken.
    """
    base, chosen = directory or Path(), fresh(name, ("svg", "txt"), directory)
    for ending, written in ((".svg", app.export_screenshot(title="runwatch")), (".txt", text(app))):
        with (base / f"{chosen}{ending}").open("x", encoding="utf-8") as file:
            file.write(written)
    return f"{chosen}.svg and .txt"


def text(app: App[int]) -> str:
    """Return the screen as lines of text."""
    strips = app.screen._compositor.render_strips()
    lines = ("".join(segment.text for segment in strip).rstrip() for strip in strips)
    return "\n".join(lines) + "\n"
