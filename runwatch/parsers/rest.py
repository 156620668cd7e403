"""What the bulk path has left over of a block: its records in order, each read or passed over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from runwatch.parsers.api import MAX_LINE
from runwatch.parsers.body.piece import Piece
from runwatch.parsers.detect.candidates import Candidates
from runwatch.parsers.detect.evidence import Evidence
from runwatch.parsers.events.events import EventScanner
from runwatch.parsers.framing.ansi import bare
from runwatch.parsers.framing.lines import PAINTED_INSIDE, UNCLEAN, Ints, Lines, worth
from runwatch.parsers.prefilter.sieve import TRIGGERS
from runwatch.parsers.progress.idle import Run, Shown


class Records(Protocol):
    """Who reads single records, and knows what blocks may pass over (see pipeline)."""

    evidence: Evidence
    events: EventScanner

    @property
    def candidates(self) -> Candidates:
        """Who is asked about lines."""
        ...

    def read(self, record: bytes, offset: int, number: int, ordinal: int, piece: Piece) -> bool:
        """Read one record that is not empty; return whether it contained anything."""
        ...

    def emit(self, record: bytes, offset: int, number: int, ordinal: int, piece: Piece) -> bool:
        """Take the events of a record that was decoded; return whether it reported any."""
        ...

    @property
    def quiet(self) -> bool:
        """Whether a line that the sieve holds back shows nothing."""
        ...

    def idles(self, shows: Shown) -> bool:
        """Return whether redraws of this kind show nothing more: nothing waits for any line."""
        ...


class Rest:
    """Reads what is left over of one block. Its state is how far it has come."""

    def __init__(
        self,
        records: Records,
        lines: Lines,
        text: NDArray[np.bool_],
        used: NDArray[np.bool_],
        trains: NDArray[np.bool_],
        piece: Piece,
    ) -> None:
        """`text` says which records hold any, `used` which were decoded, and `trains` which of those train.

        What shows anything is noted in `used`.
        """
        self._records, self._lines, self._piece = records, lines, piece
        self._text, self._used = text, used
        self._trained = np.cumsum(trains)
        """Records of training decoded so far, by record."""
        self._ordinals = np.cumsum(text)
        self._offset = piece.start + lines.begin
        self._confirmed = 0

    def read(self, runs: Sequence[Run], line: int, ordinal: int) -> int:
        """Read what is left over; return how many records are done.

        These are all, or those up to the one that changed the format or made it sure. `line` and `ordinal`
        are the numbers of the first one; `runs` are the redraws that may be passed over.
        """
        records, lines = self._records, self._lines
        left = self._text & ~self._used
        for run in runs:
            left[run.begin : run.end] = False
        rest = np.flatnonzero(left)
        meaningful = self._meaningful(rest).nonzero()[0].tolist()
        self._ordinals += np.int64(ordinal - 1)
        places = (rest, lines.starts[rest], lines.line[rest], self._ordinals[rest], self._trained[rest])
        indices, starts, numbers, ordinals, trained = (place.tolist() for place in places)
        candidates, due = self._records.candidates, 0
        for at in worth(meaningful, len(rest), lambda: records.events.inside):
            index = indices[at]
            while due < len(runs) and runs[due].begin < index:
                changed = self._pass(runs[due], line)
                due += 1
                if changed:
                    return changed
            self._read(index, starts[at], line + numbers[at], ordinals[at], trained[at])
            if self._records.candidates is not candidates:
                return int(index) + 1
        for run in runs[due:]:
            changed = self._pass(run, line)
            if changed:
                return changed
        records.evidence.confirm(int(self._trained[-1]) - self._confirmed)
        return len(lines)

    def _meaningful(self, rest: Ints) -> NDArray[np.bool_]:
        """Return which of the records `rest` may show something."""
        candidates, lines, folded = self._records.candidates, self._lines, self._records.candidates.folded
        meaningful = lines.lengths[rest] > MAX_LINE
        for head in candidates.heads:
            meaningful |= lines.beginning(head, rest)
        quiet = ~meaningful
        unclean = UNCLEAN if folded is not None else (b"\0",)  # a reader looks at lines as they are
        needles = (*candidates.needles, *unclean)
        meaningful[quiet] = lines.holding(rest[quiet], needles, TRIGGERS, PAINTED_INSIDE)
        if folded is not None:
            meaningful |= np.fromiter(map(folded.may, lines.records(rest)), bool, len(rest))
        quiet = ~meaningful
        behind = map(candidates.may_begin, lines.records(rest[quiet]))
        meaningful[quiet] = np.fromiter(behind, bool, int(np.count_nonzero(quiet)))
        return meaningful

    def _read(self, index: int, start: int, number: int, ordinal: int, trained: int) -> None:
        """Read one record; `trained` records of training precede it."""
        offset, records = self._offset + start, self._records
        if self._records.candidates.folded is not None:
            self._records.candidates.folded.at = offset
        self._confirm(trained)
        reported = records.read(self._lines.record(index), offset, number, ordinal, self._piece)
        self._used[index] = reported

    def _confirm(self, trained: int) -> None:
        self._records.evidence.confirm(trained - self._confirmed)
        self._confirmed = trained

    def _pass(self, run: Run, line: int) -> int:
        """Pass over redraws, or read those for which something waits; `line` is the number of the first line.

        Return how many records are done if one has changed the format, else 0.
        """
        candidates = self._records.candidates
        for index in range(run.begin, run.end):
            if self._may_pass(run.shows, index):
                left = run._replace(begin=index)
                if candidates.idle.pass_by(self._lines, left):
                    self._skip(left, line)
                    return self._read_each(self._unread(left), line) if run.shows is Shown.COUNT else 0
                return self._read_each(range(index, run.end), line)
            if self._read_each((index,), line):
                return index + 1
        return 0

    def _unread(self, run: Run) -> list[int]:
        """Return which redraws of a run were not decoded."""
        chosen = slice(run.begin, run.end)
        unread: list[int] = np.flatnonzero(self._text[chosen] & ~self._used[chosen]).tolist()
        return [run.begin + at for at in unread]

    def _read_each(self, indices: Iterable[int], line: int) -> int:
        """Read records; return how many of the block are done if one has changed the format, else 0."""
        candidates = self._records.candidates
        for index in indices:
            if self._text[index]:
                self._read_alone(index, line)
            if self._records.candidates is not candidates:
                return index + 1
        return 0

    def _may_pass(self, shows: Shown, index: int) -> bool:
        """Return whether nothing waits for redraws from `index` on; a repeated event was reported before."""
        if not self._records.idles(shows):
            return False
        before = int(self._ordinals[index]) - int(self._text[index])
        return shows is not Shown.AGAIN or self._records.events.drew(before)

    def _skip(self, run: Run, line: int) -> None:
        """Take redraws for what they are known to show."""
        records, chosen = self._records, slice(run.begin, run.end)
        before = int(self._ordinals[run.begin]) - int(self._text[run.begin])
        last = int(self._ordinals[run.end - 1])
        self._confirm(int(self._trained[run.begin]))
        if run.shows is Shown.COUNT:
            index = np.arange(run.begin, run.end)[self._text[chosen] & ~self._used[chosen]]
            for part in self._records.candidates.idle.count(self._lines, index) if len(index) else ():
                self._used[part.lines] = True
                part.place(self._lines, self._offset, line)
                self._piece.add_bulk(part)
            return
        if run.shows is Shown.AGAIN:
            redraw = self._lines.record(run.begin + int(self._text[chosen].argmax()))
            self._used[chosen] |= self._text[chosen] & records.events.repeat(bare(redraw), last)
        records.evidence.pass_over(last - before, redraws=True)

    def _read_alone(self, index: int, line: int) -> None:
        """Read a record, or of one that was decoded the events."""
        start, number = int(self._lines.starts[index]), line + int(self._lines.line[index])
        ordinal, record = int(self._ordinals[index]), self._lines.record(index)
        if self._used[index]:
            self._records.emit(record, self._offset + start, number, ordinal, self._piece)
        else:
            self._read(index, start, number, ordinal, int(self._trained[index]))
