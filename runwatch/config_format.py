"""A user's own format as configured: by itself, since workers are handed such and nothing else of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from runwatch.parsers.api import Format


class FormatConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One format of the user's own, as [[formats]]; see runwatch.parsers.user."""

    name: str = ""
    """What it is called."""
    train: str = ""
    """Template of a training line: `it {step}/{total} loss={loss}`."""
    eval: str = ""
    """Template of an evaluation's line."""
    regex: str = ""
    """Instead of `train`: a regular expression with named groups."""
    units: dict[str, str] = {}
    """Units of fields, such as dt = "ms"."""
    names: dict[str, str] = {}
    """Metric names of fields, such as l = "train/loss"."""

    def build(self) -> Format:
        """Return the format itself. Raises PatternError, which loading has ruled out."""
        from runwatch.parsers.user import build

        return build(
            self.name, train=self.train, eval=self.eval, regex=self.regex, units=self.units, names=self.names
        )
