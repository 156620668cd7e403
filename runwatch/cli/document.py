"""What the commands print for programs."""

from __future__ import annotations

from typing import Any

import click

from runwatch.core.text import escaped


def show(**fields: Any) -> None:
    """Print one JSON document, of the first version of its schema."""
    import msgspec

    click.echo(escaped(msgspec.json.encode({"schema": 1, **fields}).decode()))
