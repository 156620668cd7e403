"""A log's bytes to batches: what is whole is read, the unfinished last line waits.

Feed it bytes in any pieces; the concatenated batches are always the same. A record ends at a newline or a
carriage return (bars redraw themselves with one). Small pieces go record by record through the matchers,
large ones through the bulk path first (see blocks).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from msgspec.structs import replace

from runwatch.core.batch import Batch
from runwatch.core.ending import ENDS
from runwatch.core.text import decode
from runwatch.parsers.api import MAX_LINE, Format, Matcher
from runwatch.parsers.body.piece import Piece
from runwatch.parsers.counters.nesting import Nests
from runwatch.parsers.detect.layout_drift import Drift
from runwatch.parsers.edges import record_end
from runwatch.parsers.envelope.containers import unwrapped
from runwatch.parsers.envelope.line import Line
from runwatch.parsers.framing.ansi import bare
from runwatch.parsers.pipeline import Pipeline
from runwatch.parsers.resume_state import ResumeState
from runwatch.parsers.tables.delimited import Columns

_TAIL_BYTES = 1 << 16


class LogParser:
    """Parses one source's stream. Memory is bounded by the size of a piece and MAX_LINE."""

    def __init__(
        self,
        formats: Sequence[Format] | None = None,
        *,
        bulk: bool = True,
        start: int = 0,
        first_line: int = 1,
        settled: str | None = None,
        learn: bool = True,
    ) -> None:
        """`start` and `first_line` place the first byte in the source's stream.

        `settled` names the format of a continued stream; a learned one is
        learned again. `learn` says whether an unknown format is learned.
        """
        self._pipeline = Pipeline(formats, bulk=bulk, start=start, first_line=first_line, learn=learn)
        self._evidence = self._pipeline.evidence
        self.framing = self._pipeline.framing
        """What is held of the unfinished line, and of the newest whole ones."""
        self._detector, self._blocks = self._evidence.detector, self._pipeline.blocks
        for fmt in (one for one in self._detector.formats if one.name == settled):
            self._detector.settle(fmt)
        self._drift = Drift()
        self._repeated_lines: list[int] = []
        """Line below the newest end of a run, which may come with the next piece."""

    @property
    def held(self) -> int:
        """Bytes of an unfinished line that a successor has to be fed again."""
        return len(self.framing.unfinished)

    def __deepcopy__(self, memo: dict[int, Any]) -> LogParser:
        """Copy what reading changes; most of a parser are matchers that remember nothing."""
        memo.update((id(one), one) for one in self._detector.constant)
        twin = memo[id(self)] = type(self).__new__(type(self))
        twin.__dict__.update(deepcopy(self.__dict__, memo))
        return twin

    @property
    def holds_back(self) -> bool:
        """Whether what follows may decide what is made of something that was read already."""
        return bool(self.held) or self._pipeline.holds_back

    @property
    def place(self) -> tuple[int, int]:
        """Stream offset and line number at which the next record begins."""
        return self.framing.done, self._blocks.line

    @property
    def format(self) -> str | None:
        """Name of the detected format, or None while unsure."""
        return self._detector.format.name if self._detector.format else None

    @property
    def _matchers(self) -> tuple[Matcher, ...]:
        return self._detector.format.matchers if self._detector.format else ()

    @property
    def certainty(self) -> float | None:
        """How likely a learned format reads step and loss right, in [0, 1]; None if none was learned."""
        return self._evidence.certainty

    def prime(self, head: bytes) -> None:
        """Show how the stream begins, where it is read from its middle: tables have their header there."""
        self._pipeline.opening.learn(head, self.framing.offset)
        lines = [Line(bare(unwrapped(line) or line), 0, 0, 0).body for line in head.splitlines()]
        for matcher in (matcher for fmt in self._detector.formats for matcher in fmt.matchers):
            matcher.prime(lines)
        for one in self._detector.candidates.readers:
            one.reader.prime(lines)

    def warm(self, head: bytes, recent: bytes, *, whole: bool) -> None:
        """Show what precedes the start, of which nothing is repeated.

        So a traceback that is open, a bar that may be redrawn and what a format was to be
        learned from are known again. `recent` ends at the start, `head` is how the file
        begins; `whole` says that `recent` does, too.
        """
        start, line = self.framing.offset, self._blocks.line
        if not whole:
            end = record_end(recent, 0, len(recent))
            if end == len(recent):
                self.framing.skipping = len(recent) >= MAX_LINE
                if self.framing.skipping:
                    self._blocks.begin_inside()
                return
            recent = recent[end + 1 :]
            if self._detector.format is None:
                self.feed(head[: head.rfind(b"\n") + 1])
        self.framing.offset, self._blocks.line = start - len(recent), line - recent.count(b"\n")
        self.feed(recent)
        self.framing.unfinished, self.framing.offset, self._blocks.line = b"", start, line

    @property
    def resume_state(self) -> ResumeState:
        """What a successor has to know of a table that may be written again, and of nested counters."""
        tables = [matcher.resume_state for matcher in self._matchers if isinstance(matcher, Columns)]
        longest = max(tables, key=lambda each: each.rows, default=ResumeState())
        return (
            replace(longest, counters=deepcopy(self._pipeline.counters))
            if self._pipeline.counters.ranks
            else longest
        )

    def count_on(self, counters: Nests) -> None:
        """Take over where a predecessor's nested counters were."""
        self._pipeline.counters = deepcopy(counters)

    def recall(self, resume_state: ResumeState) -> None:
        """Take over what a predecessor reported of the table that is continued."""
        for matcher in self._matchers:
            if isinstance(matcher, Columns):
                matcher.recall(resume_state)

    def feed(self, data: bytes, *, tail: int = 0) -> Batch:
        """Parse the next bytes but for an unfinished line; with `tail`, carry that many newest lines."""
        first = self._blocks.line
        chunk, piece = self._pipeline.feed(data)
        end = chunk.end
        newest = self._tail(chunk.text[max(0, end - _TAIL_BYTES) : end], tail) if tail and end else ()
        self._pipeline.end_overlong(piece)
        batch = self._batch(piece, newest)
        if not end or self.format is None:
            return batch
        count, first = self._drift.strange(chunk.text, end, piece.start, first, batch.tables)
        return replace(batch, strange=count, strange_from=first) if count else batch

    def flush(self) -> Batch:
        """Take the unfinished line as all there will be of it: the stream ends or breaks here."""
        return self._batch(self._pipeline.flush())

    def break_off(self) -> Batch:
        """Take what comes next as the beginning of another file: line numbers start again."""
        batch = self.flush()
        self._blocks.line = 1
        for matcher in self._matchers:
            matcher.break_off()
        return batch

    def turn(self) -> None:
        """Count lines from one again; an unfinished one continues."""
        self._blocks.line = 1

    def _tail(self, block: bytes, count: int) -> tuple[tuple[int, str], ...]:
        """Return the newest lines of a parsed block, of a redrawn line only what it shows last."""
        parts = block.split(b"\n")
        if len(block) == _TAIL_BYTES:
            parts = parts[1:] or parts
        number = self._blocks.line - len(parts) + 1
        shown = [
            (number + i, next((s for s in reversed(part.split(b"\r")) if s.strip()), b""))
            for i, part in enumerate(parts)
        ]
        return tuple((n, decode(text, 1000)) for n, text in shown if text)[-count:]

    def _repeated(self, piece: Piece) -> list[int]:
        """Return the lines of a piece that repeat a record; see Format.repeats_records."""
        fmt = self._detector.format
        if fmt is None or not fmt.repeats_records:
            return []
        ends = [event.line + 1 for event in piece.events if event.kind in ENDS and event.kind != "finished"]
        lines = [*self._repeated_lines, *ends]
        self._repeated_lines = lines[-1:]
        return lines

    def _batch(self, piece: Piece, tail: tuple[tuple[int, str], ...] = ()) -> Batch:
        tables = self._pipeline.columns(piece, self._repeated(piece))
        return piece.batch(self.framing.done, self.format, tail, tables)
