"""`runwatch formats`: the log formats that are known, or what a file was found to be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from runwatch.parsers.formats import Format

SAMPLE = 8 << 20
"""Bytes of a file looked at."""


@click.command("formats")
@click.argument("path", required=False)
def command(path: str | None) -> int:
    """List the known log formats, or say what PATH was found to be and which fields it has."""
    from runwatch.config import load
    from runwatch.parsers.formats import catalogue

    formats = (*(own.build() for own in load().formats), *catalogue())
    if path is None:
        for known in formats:
            print(f"{known.name:22} {known.title}\n    {known.example}")
        return 0
    return _explain(path, formats)


def _explain(path: str, formats: Sequence[Format]) -> int:
    from runwatch.parsers.stream import StreamParser
    from runwatch.watcher.sources import discover

    for file, _, _ in discover.find([path]):
        parser = StreamParser(formats, bulk=False)
        with Path(file).open("rb") as stream:
            batches = [parser.feed(stream.read(SAMPLE)), parser.flush()]
        lines = sum(batch.lines for batch in batches)
        share = 1 - sum(batch.unparsed for batch in batches) / lines if lines else 0.0
        print(f"{file}: {parser.format or 'unknown format'}; {share:.0%} of {lines:,} lines understood")
        if parser.learned is not None:
            print(f"  learned from this log: reads {parser.learned:.0%} of the lines that name such numbers")
            print(f"    {parser.example}")
        printed = {name: text for batch in batches for name, text in batch.printed.items()}
        rows: dict[tuple[str, tuple[str, ...]], int] = {}
        for table in (table for batch in batches for table in batch.tables):
            key = (table.kind, table.names[2:])
            rows[key] = rows.get(key, 0) + table.rows
        for (kind, names), count in rows.items():
            fields = ", ".join(f"{name} ({printed[name]})" if name in printed else name for name in names)
            print(f"  {kind:5} {count:>7,} x {fields}")
    return 0
