"""What a look at the files of facts near a run gave: apart from the looking, which loads parsers."""

from __future__ import annotations

import msgspec

from runwatch.core.batch import Batch


class SidecarFacts(msgspec.Struct, frozen=True):
    """What a look gave: only what is new."""

    facts: dict[str, dict[str, str]] = {}
    """File (as it is called below the directory) -> its facts, of files that have changed."""
    batches: dict[str, Batch] = {}
    """File -> the records that its earlier writings did not hold."""
