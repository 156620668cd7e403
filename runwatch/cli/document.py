"""What the commands print for programs."""

from __future__ import annotations

from typing import Any

import click

from runwatch.core.text import escaped


def show(**fields: Any) -> None:
    """Print one JSON document, of the first version of its schema."""
    click.echo(text(**fields), nl=False)


def text(**fields: Any) -> str:
    """Return one JSON document as a line."""
    import msgspec

    return escaped(msgspec.json.encode({"schema": 1, **fields}).decode()) + "\n"
