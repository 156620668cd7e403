"""What every rule is: a small machine per run that turns blocks into findings.

A rule sees a block of samples at once and judges it with numpy. Its state is
bounded, and its findings do not depend on how the samples were chunked. It
knows no files, no clock of its own and no channel.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Protocol

from runwatch.block import Block, Status
from runwatch.findings import Finding


class Rule(Protocol):
    """One detector of one run."""

    name: ClassVar[str]
    summary: ClassVar[str]
    """One sentence for people: what it catches."""

    def observe(self, block: Block) -> Iterable[Finding]:
        """Judge new samples and events. Findings come in stream order."""
        ...

    def tick(self, status: Status) -> Iterable[Finding]:
        """Judge the passing of time."""
        ...
