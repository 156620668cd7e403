"""Who trains against who: the loss of adversaries wanders, and that of an agent grows with what it earns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

import msgspec
import numpy as np

from runwatch.alerts.rules.baseline import take
from runwatch.alerts.rules.common.roles import AGENT, EXPLORATION, FORGER, JUDGE, REWARD, RIVAL, role
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict

_SILENT = frozenset({JUDGE, FORGER, RIVAL})
_NOTED = frozenset({AGENT, EXPLORATION, REWARD})


@dataclass
class Players:
    """From where on a log prints what only adversaries, or agents, have."""

    silent: float = np.inf
    """Offset of the first row of adversaries."""
    noted: float = np.inf
    """Offset of the first row of an agent."""

    def push(self, block: Block) -> None:
        """Take what a new block prints."""
        for metric, samples in block.samples.items():
            played = role(metric)
            if played in _SILENT:
                self.silent = min(self.silent, float(samples.offset[0]))
            elif played in _NOTED:
                self.noted = min(self.noted, float(samples.offset[0]))

    @property
    def first(self) -> float:
        """Offset of the first row of any of them."""
        return min(self.silent, self.noted)

    @property
    def most(self) -> Severity | None:
        """The highest severity that may be reported of the newest row."""
        if self.silent < np.inf:
            return None
        return Severity.INFO if self.noted < np.inf else Severity.CRITICAL

    def split(self, rows: Samples) -> list[tuple[Severity | None, Samples]]:
        """Return (highest severity that may be reported of them, rows) in stream order; None for nothing."""
        end = rows.offset[-1] if len(rows) else -np.inf
        if end < self.noted and end < self.silent:
            return [(Severity.CRITICAL, rows)]
        first = int(np.searchsorted(rows.offset, min(self.noted, self.silent)))
        second = int(np.searchsorted(rows.offset, self.silent))
        pieces = (
            (Severity.CRITICAL, slice(0, first)),
            (Severity.INFO, slice(first, second)),
            (None, slice(second, None)),
        )
        return [(most, piece) for most, rest in pieces if len(piece := take(rows, rest))]


def limited(findings: Iterable[Finding], most: Severity | None) -> list[Finding]:
    """Return findings no more severe than `most`; of None only ends are left."""
    if most is Severity.CRITICAL:
        return list(findings)
    kept = [f for f in findings if most is not None or f.verdict is Verdict.CLEAR]
    least = most or Severity.INFO
    return [msgspec.structs.replace(f, severity=min(f.severity, least, key=attrgetter("rank"))) for f in kept]
