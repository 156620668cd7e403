"""What the runs of a log come to, folded as `runwatch check` does: a reading is judged by what people see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from runwatch.core.batch import Batch
from runwatch.core.block import Block
from runwatch.core.fold.run import Run
from runwatch.core.fold.segments import Splitter
from runwatch.core.metrics import LOSS
from runwatch.parsers.api import Format
from runwatch.parsers.stream import StreamParser

_PIECE = 1 << 20


@dataclass(slots=True)
class Course:
    """One run of a log, and the step of each of its records."""

    run: Run = field(default_factory=lambda: Run("", ""))
    steps: list[float] = field(default_factory=list)
    stepless: int = 0
    """Records of which no step is known."""
    losses: int = 0
    """Records that show the loss of training."""

    def take(self, block: Block) -> None:
        """Take the next block of the run."""
        self.run.fold(block)
        if block.rank is not None or block.progress is None:
            return
        known = ~np.isnan(block.progress.step)
        self.steps += block.progress.step[known].tolist()
        self.stepless += int(np.count_nonzero(~known))
        self.losses += len(block.samples.get(LOSS, ()))

    @property
    def begins_again(self) -> bool:
        """Whether it goes back to where it began, or before that."""
        return any(after < before and after <= self.steps[0] for before, after in pairwise(self.steps))

    @property
    def gaps(self) -> list[float]:
        """How far each step is from the one before."""
        return [after - before for before, after in pairwise(self.steps)]


def courses(data: bytes, formats: Sequence[Format]) -> list[Course]:
    """Return the runs of a log that have records, in stream order."""
    splitter, found = Splitter(), [Course()]
    for batch in _batches(data, formats):
        for segment in splitter.split(batch):
            if segment.leads_anew:
                found.pop()
            if segment.begins_run or segment.leads_anew:
                found.append(Course())
            found[-1].run.printed.update(batch.printed)
            found[-1].take(segment.block)
    return [course for course in found if course.run.records]


def _batches(data: bytes, formats: Sequence[Format]) -> Iterator[Batch]:
    parser = StreamParser(formats)
    for at in range(0, len(data), _PIECE):
        yield parser.feed(data[at : at + _PIECE])
    yield parser.flush()
