"""The user's formats and names: the only part of the configuration that workers get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from runwatch.parsers.api import Format
    from runwatch.parsers.lexicon.names import Meaning


class FormatConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[formats]]: a format of your own; docs/formats.md explains templates."""

    name: str = ""
    """Name of the format."""
    train: str = ""
    """Template of a training line: `it {step}/{total} loss={loss}`."""
    eval: str = ""
    """Template of an evaluation line."""
    regex: str = ""
    """Instead of `train`: a regular expression with named groups."""
    units: dict[str, str] = {}
    """Units of fields, such as dt = "ms"."""
    names: dict[str, str] = {}
    """Metric names of fields, such as l = "train/loss"."""

    def build(self) -> Format:
        """Return the format itself. Raises PatternError, which loading has ruled out."""
        from runwatch.parsers.formats.user import build

        return build(
            self.name, train=self.train, eval=self.eval, regex=self.regex, units=self.units, names=self.names
        )


class NameConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A printed name in [names], with more than its metric."""

    metric: str = ""
    """Its metric, such as train/loss."""
    unit: str = ""
    """Unit of values that are printed without one, such as ms."""
    split: str = ""
    """Its part of the data: train, val or test."""

    def build(self) -> Meaning:
        """Return the meaning itself. Raises NamingError, which loading has ruled out."""
        from runwatch.parsers.lexicon.names import meaning_given

        return meaning_given(self.metric, self.unit, self.split)


def use_names(names: Mapping[str, str | NameConfig]) -> None:
    """Let names mean what is configured, from now on; to be called before a log is read."""
    from runwatch.parsers.lexicon.names import use

    given = {name: NameConfig(known) if isinstance(known, str) else known for name, known in names.items()}
    use({name: known.build() for name, known in given.items()})
