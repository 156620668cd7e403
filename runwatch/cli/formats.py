"""`runwatch formats`: the log formats that are known, or what a file was found to be."""

from __future__ import annotations

from pathlib import Path

import click

SAMPLE = 8 << 20
"""Bytes of a file looked at."""


@click.command("formats")
@click.argument("path", required=False)
def command(path: str | None) -> int:
    """List the known log formats, or say what PATH was found to be and which fields it has."""
    from runwatch.parsers.formats import catalogue

    if path is None:
        for known in catalogue():
            print(f"{known.name:22} {known.title}\n    {known.example}")
        return 0
    return _explain(path)


def _explain(path: str) -> int:
    from runwatch.parsers.stream import StreamParser
    from runwatch.watcher.sources import discover

    for file in discover.logs(path):
        parser = StreamParser(bulk=False)
        with Path(file).open("rb") as stream:
            batch = parser.feed(stream.read(SAMPLE))
        share = 1 - batch.unparsed / batch.lines if batch.lines else 0.0
        print(f"{file}: {batch.format or 'unknown format'}; {share:.0%} of {batch.lines:,} lines understood")
        for table in batch.tables:
            fields = ", ".join(
                f"{name} ({batch.printed[name]})" if name in batch.printed else name
                for name in table.names[2:]
            )
            print(f"  {table.kind:5} {table.rows:>7,} x {fields}")
    return 0
