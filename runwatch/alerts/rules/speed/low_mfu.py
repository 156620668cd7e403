"""The run uses little of what its GPUs can compute, by the model FLOPs utilization (MFU) that its log prints.

Reason: training of large language models reaches 30 to 60 %; far below it the run is
bound by data, by communication or by small kernels, and costs several times as much.
Formula: the median of `rows` rows in a row is below `low`. A note, once: a level is no
fault that began, and a fall of it is reported by `step_time`. Ends at 1.5 times `low`.

Example: 'MFU is 11%: the GPUs could do several times as much'.

What to do: nothing tonight. Profile some steps: data, communication and small kernels
are the usual causes.

Traps: the first rows after a start compile (`skip`); small models and other GPUs than
the one whose peak the program divides by have a low MFU by nature, so it is no more
than a note, and below `least` it is taken for a peak that was not meant (nanoGPT's on
a CPU). Where the run's processes are seen on a machine without NVIDIA GPUs nothing is
said, once 30 seconds have passed.

Source: the MFU that PaLM (46 %), Llama 3 (38 to 43 %) and MegaScale (55 %) report.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RunRule, place, threshold
from runwatch.alerts.rules.baseline import Segments, Windows, median, take
from runwatch.core.block import Block, Samples, Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import MFU

_HOP = 64


@dataclass
class LowMfu(RunRule):
    """Notes that the GPUs compute little."""

    name: ClassVar[str] = "low_mfu"
    summary: ClassVar[str] = "The run uses little of what its GPUs can compute (a note)."

    low: float = threshold(0.2, "model FLOPs utilization below which it is noted, as a fraction")
    least: float = threshold(0.01, "utilization below which it is not believed")
    rows: int = threshold(128, "rows whose median is judged")
    skip: int = threshold(50, "rows after a start or restart that are not judged")
    wait: ClassVar[float] = 30.0
    """Seconds to wait for what the machine says of its GPUs."""

    _segments: Segments = field(default_factory=Segments, init=False, repr=False)
    _windows: Windows | None = field(default=None, init=False, repr=False)
    _skipped: int = field(default=0, init=False, repr=False)
    _firing: bool = field(default=False, init=False, repr=False)
    _news: deque[Finding] = field(default_factory=lambda: deque(maxlen=16), init=False, repr=False)
    """What is to be said, once it is known what the run computes on."""
    _since: float | None = field(default=None, init=False, repr=False)
    """When there was something to say first."""
    _reported: bool = field(default=False, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the utilization in a block."""
        for restarted, piece in self._segments.split(block.samples.get(MFU), block.restarts):
            if restarted:
                self._windows, self._skipped = None, 0
            skip = min(max(0, self.skip - self._skipped), len(piece))
            self._skipped += skip
            self._news.extend(self._walk(take(piece, slice(skip, None))))
        return ()

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Say what was found, unless the run has no GPU that could do more."""
        if not self._news:
            return ()
        self._since = status.now if self._since is None else self._since
        machine = status.machine
        if machine is not None and not machine.gpus and status.live:
            if not machine.gpu_note and status.now - self._since < self.wait:
                return ()
            if any(machine.own()) and not self._reported:
                self._news.clear()
                return ()
        found, self._reported = list(self._news), True
        self._news.clear()
        return found

    def _walk(self, rows: Samples) -> list[Finding]:
        known = take(rows, (rows.value > 0) & (rows.value <= 1))
        self._windows = self._windows or Windows(self.rows, _HOP)
        seen = self._windows.rows
        ends, windows = self._windows.add(known.value)
        found: list[Finding] = []
        for end, level in zip(ends.tolist(), median(np.sort(windows, axis=1)).tolist(), strict=True):
            turns = level >= 1.5 * self.low if self._firing else self.least <= level < self.low
            if turns:
                self._firing = not self._firing
                found.append(self._turn(level, place(known, end - seen - 1)))
        return found

    def _turn(self, level: float, here: Place) -> Finding:
        evidence = {"mfu": level}
        if not self._firing:
            return self.clear(here, MFU, evidence=evidence)
        return self.say(
            Verdict.FIRING,
            Severity.INFO,
            f"MFU is {level:.0%}: the GPUs could do several times as much",
            here,
            metric=MFU,
            advice="Look for small batches or kernels, waiting for data, and communication.",
            evidence=evidence,
        )
