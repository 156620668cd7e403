"""What a run has newly gained: the columns, events and state that rules look at.

A block holds samples of one source in stream order. However the bytes were
chunked, the concatenation of a run's blocks is the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runwatch.core.batch import TRAIN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from runwatch.core.batch import Event
    from runwatch.core.checkpoint import Summary
    from runwatch.core.machine import Machine
    from runwatch.core.readability import Lost


@dataclass(frozen=True, slots=True)
class Samples:
    """New samples of one metric, in stream order; all arrays are float64 of shape (n,)."""

    offset: NDArray[np.float64]
    """Byte at which the record begins; orders samples of different metrics."""
    line: NDArray[np.float64]
    """Line number in the log, from 1."""
    step: NDArray[np.float64]
    """Training step; NaN where the log shows none."""
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.value)

    def between(self, low: float, high: float) -> Samples:
        """Return the samples whose offset is in [low, high)."""
        if low == -math.inf and high == math.inf:
            return self
        a, b = self.offset.searchsorted((low, high))
        return Samples(self.offset[a:b], self.line[a:b], self.step[a:b], self.value[a:b])


@dataclass(frozen=True, slots=True)
class RankProgress:
    """How far one rank is in an evaluation."""

    done: int
    total: int | None = None
    passed: int | None = None
    offset: float = -1.0
    """Where the log says so."""


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a run, in the order it was written."""

    samples: Mapping[str, Samples]
    """Canonical metric name -> its new samples, at least one."""
    progress: Samples | None
    """One sample per new training record, None if there is none; value is the step (NaN if unknown)."""
    events: Sequence[Event] = ()
    restarts: Sequence[int] = ()
    """Offsets at which the step went back: baselines do not span these."""
    begins_again: float = math.inf
    """The last of those at which a launch began with the first step."""
    ranks: Mapping[int, RankProgress] = field(default_factory=dict)
    """Newest progress of each rank that reported."""
    marks: Mapping[str, int] = field(default_factory=dict)
    """Kind of record or event -> offset of its newest one: it decides the phase."""
    total: int | None = None
    """Newest planned number of steps that a record printed."""
    epoch_steps: int | None = None
    """Steps of an epoch where that number is only where the epoch ends."""
    by_epoch: bool | None = None
    """Whether the step of its newest training record is an epoch; None if it has none."""
    epochs: Samples | None = None
    """The steps of training records that are epochs."""
    bar: tuple[int, int, int] | None = None
    """First step, last step and total of the training bar, where records print no step."""
    rank: int | None = None
    """Another rank than the one that leads, whose records these are; None for the run's own."""
    lead: int | None = None
    """The rank whose records make the run's own, where the log shows it."""
    source: str = ""
    """Path of what it was read from, where the run has several sources."""
    attempt: int = 0
    """How often the launcher had started the run before, as the place of its source says."""
    written: float = 0.0
    """Unix time at which it was read live, else at which its source was last written; 0 if unknown."""
    live: bool = False
    """False for history: what was in the log before anyone watched."""
    arrival: float = 0.0
    """Unix time at which the bytes were read (live) or 0."""
    late: bool = False
    """It was written while nobody watched: when it arrived says nothing about the pace."""
    results: Mapping[str, float] = field(default_factory=dict)
    """What was evaluated behind the last training record: metric -> newest value."""
    moments: Samples | None = None
    """When steps were reached, as their lines print it; value is Unix time, or seconds since midnight."""


LATE = 5.0
"""Seconds by which other files of a run are written after its last words: trackers flush at their end."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Where in a run's files something was said: by offsets in one, by times in several; nowhere below 0."""

    source: str = ""
    offset: float = -1.0
    attempt: int = 0
    written: float = 0.0

    @classmethod
    def of(cls, block: Block, offset: float) -> Moment:
        """Return the moment at an offset of a block."""
        return cls(block.source, offset, block.attempt, block.written)

    def precedes(self, block: Block, offset: float) -> bool:
        """Return whether what is at an offset of a block was written later, as far as is known."""
        if block.source == self.source or self.offset < 0:
            return self.offset <= offset
        if block.attempt != self.attempt:
            return block.attempt > self.attempt
        return self.written > 0 and block.written - self.written >= LATE

    def precedes_training(self, block: Block) -> bool:
        """Return whether a block trains after it; rows from before it may be read late."""
        return TRAIN in block.marks and self.precedes(block, block.marks[TRAIN])


@dataclass(frozen=True, slots=True)
class Reference:
    """Another run that this one is compared with."""

    name: str
    losses: Callable[[], tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]
    """Gives (step, loss of this run, loss of the reference) at steps that both have; shapes (n,)."""


@dataclass(frozen=True, slots=True)
class Status:
    """A run's state at one moment of the engine's clock, for rules about silence."""

    now: float
    """Unix time, seconds."""
    phase: str = "starting"
    silent_for: float = 0.0
    """Seconds since training last made progress (a new step, or activity of a known phase)."""
    log_silent_for: float = 0.0
    """Seconds since any byte was read."""
    live: bool = True
    """False when judging a finished file (check)."""
    finished: bool = False
    stopped_early: bool = False
    fraction: float | None = None
    """Progress in [0, 1], if the total is known."""
    epoch: float | None = None
    """Progress in [0, 1] of the epoch, where only the step at which that ends is known."""
    last_row: bool = False
    """Whether no other training record is due before the end of the epoch."""
    last_step: int | None = None
    last_line: int | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    """Path of a source -> its lines so far."""
    total: int | None = None
    eta: float | None = None
    """Seconds until the end at the present pace, if known."""
    deadline: float | None = None
    """Unix time by which the run must have ended, if somebody said so."""
    checkpoints: Summary | None = None
    """What the checkpoints seen in directories say together; None if none was looked for or seen."""
    facts: Mapping[str, str] = field(default_factory=dict)
    machine: Machine | None = None
    """What is known of the machine below it; None where nobody looks."""
    lived: bool = True
    """Whether it was seen alive since somebody watches; if not, it has ended before."""
    reference: Reference | None = None
    """The run it is compared with, if one was named and is known."""
    blind: Lost | None = None
    """Why the log cannot be read: only rules that do not need it are asked then."""
    blind_ranks: bool = False
    """The log of another rank cannot be read: ranks are not compared."""
