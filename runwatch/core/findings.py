"""A rule's judgement. A finding opens, confirms or clears one incident."""

from __future__ import annotations

from enum import Enum

import msgspec


class Severity(str, Enum):
    """How much a person should care."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @classmethod
    def of(cls, name: str) -> Severity:
        """Return the severity of that name; an unknown one, of a newer version, counts as the highest."""
        try:
            return cls(name)
        except ValueError:
            return cls.CRITICAL

    @property
    def rank(self) -> int:
        """Return 0 for info, 1 for warning, 2 for critical."""
        return (Severity.INFO, Severity.WARNING, Severity.CRITICAL).index(self)

    def exceeds(self, reported: Severity | None) -> bool:
        """Return whether this is news: more severe than what was reported, or nothing was."""
        return reported is None or self.rank > reported.rank


class Verdict(str, Enum):
    """What the finding says about its incident."""

    PENDING = "pending"
    """Suspicious, not yet certain: shown, never sent."""
    FIRING = "firing"
    """Certain."""
    CLEAR = "clear"
    """The condition is over; a pending incident vanishes, a firing one resolves. Its words are not read."""


class Finding(msgspec.Struct, frozen=True):
    """One judgement of one rule at one point, with its evidence and probable cause."""

    rule: str
    verdict: Verdict
    severity: Severity
    title: str
    metric: str | None = None
    rank: int | None = None
    step: int | None = None
    line: int | None = None
    cause: str = ""
    advice: str = ""
    evidence: dict[str, float | int | str | None] = {}

    @property
    def scope(self) -> tuple[str, str | None, int | None]:
        """Identity of the incident within its run: rule, metric, rank."""
        return (self.rule, self.metric, self.rank)
