"""One rank prints nothing any more, while the others continue.

Reason: a rank that died without a word holds the job until a timeout of many
minutes; its name is what the search begins with.
Formula: a rank that printed `least` times or more is silent for longer than
max(`seconds`, `times` its longest silence so far and the longest of its peers'
present ones), while at least half of the ranks moved meanwhile. Critical. Ends
when it prints again.

Example: 'rank 3 has printed nothing for 4m 00s, while others continue'.

What to do: see on that rank's node whether its process lives, and where it is (py-
spy dump). The job will stop at the next collective.

Traps: by design often only rank 0 prints, and such ranks never printed `least`
times; ranks that print in turn have longer silences, which they show.

Source: studies of GPU failures that show first as metrics that vanish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, RunRule, last_place, threshold
from runwatch.alerts.rules.ranks.peers import rank_of
from runwatch.core.block import Block, Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.render.numbers import duration


@dataclass
class _Voice:
    """When one rank was read last."""

    count: int = 0
    newest: float = 0.0
    longest: float = 0.0
    open: bool = False


@dataclass
class SilentRank(RunRule):
    """Fires when one rank fell silent and its peers did not."""

    name: ClassVar[str] = "silent_rank"
    summary: ClassVar[str] = "One rank prints nothing any more, while the others continue."
    of_ranks: ClassVar[bool] = True

    least: int = threshold(5, "times that a rank must have printed")
    seconds: float = threshold(120.0, "least silence in seconds")
    times: float = threshold(5.0, "multiple of the longest silence so far")

    _voices: dict[int, _Voice] = field(default_factory=dict, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Note which ranks were read."""
        if not block.live or not block.arrival:
            return ()
        active = set(block.ranks)
        rank = rank_of(block)
        if rank is not None and block.progress is not None:
            active.add(rank)
        found: list[Finding] = []
        for rank in sorted(active):
            voice = self._voices.setdefault(rank, _Voice())
            if voice.open:
                voice.open = False
                found.append(self.clear(NOWHERE, rank=rank))
            elif voice.count > 1 and not block.late:
                voice.longest = max(voice.longest, block.arrival - voice.newest)
            voice.count += 1
            voice.newest = block.arrival
        return found

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Compare each rank's silence with that of its peers."""
        known = {rank: voice for rank, voice in self._voices.items() if voice.count >= self.least}
        if len(known) < 2 or status.finished or not status.live or status.phase == "finished":
            return ()
        silences = np.array([status.now - voice.newest for voice in known.values()])
        peers = float(np.median(silences))
        found: list[Finding] = []
        for (rank, voice), silence in zip(known.items(), silences.tolist(), strict=True):
            limit = max(self.seconds, self.times * voice.longest, self.times * peers)
            if voice.open or silence < limit:
                continue
            others = int(np.count_nonzero(silences < silence / 2))
            if 2 * others < len(known) - 1:
                continue
            voice.open = True
            found.append(
                self.say(
                    Verdict.FIRING,
                    Severity.CRITICAL,
                    f"rank {rank} has printed nothing for {duration(silence)}, while others continue",
                    last_place(status),
                    rank=rank,
                    cause=f"rank {rank} hangs or died without a word",
                    advice="Look at that process (py-spy dump, dmesg) and its node.",
                    evidence={"silent_for": silence, "timeout": limit, "ranks": len(known)},
                )
            )
        return found
