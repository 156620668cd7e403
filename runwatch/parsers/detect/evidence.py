"""What speaks for a format until one is settled on: weak formats, early evaluations, the learner."""

from __future__ import annotations

from collections.abc import Sequence

from runwatch.parsers.api import Format, Layout, Match
from runwatch.parsers.body.enveloped import Placing
from runwatch.parsers.body.matchers import values
from runwatch.parsers.body.piece import Held, Piece, have_loss
from runwatch.parsers.body.ranks import Ranks
from runwatch.parsers.detect.detector import Detector
from runwatch.parsers.detect.weak_formats import Early, measures
from runwatch.parsers.envelope.line import Line
from runwatch.parsers.events.events import EventScanner
from runwatch.parsers.inference.learner import Learner
from runwatch.parsers.inference.relearner import Relearner


class Evidence:
    """Gathers evidence for the detector. Its state is what is held back, and what is learned."""

    def __init__(
        self, formats: Sequence[Format] | None, events: EventScanner, ranks: Ranks, *, bulk: bool, learn: bool
    ) -> None:
        """`learn` says whether an unknown format is learned."""
        self.learner: Learner | None = Learner() if learn else None
        """The last resort: there until any format is settled on, and together with one that was learned."""
        self.records = 0
        """Training records that the settled format has read in lines."""
        self.share: float | None = None
        """Share of the lines a learned format was learned from that it reads; None for any other."""
        self.certainty: float | None = None
        """How likely a learned format reads step and loss right, in [0, 1]; None for any other."""
        self.understood: list[int] = []
        """Lines not yet counted with records that were taken for none and turned out to be some."""
        self.early = Early()
        """Evaluations held until a format is known."""
        self._placing = Placing()
        self.detector = Detector(formats, events, ranks, self._settled, bulk=bulk)

    def _settled(self) -> None:
        self.learner = self.share = self.certainty = None

    def confirm(self, records: int) -> None:
        """Count training records of the format that was settled on."""
        self.records += records
        self.detector.confirm(records)

    def pass_over(self, count: int, *, redraws: bool = False) -> None:
        """Take note of lines, or redraws, that no format knows and that show nothing new."""
        if self.learner is not None:
            if redraws:
                self.learner = self.learner.below(self.records)
            self.learner.pass_over(count, redraws=redraws)

    def placed(self, outer: Line | None, layout: Layout, numbers: list[float]) -> tuple[Layout, list[float]]:
        """Return a record with what the envelope of a line shows, if there is one."""
        if outer is None or outer.header is None:
            return layout, numbers
        return self._placing.row(layout, numbers, outer.text, outer.header)

    def hold_match(self, found: Match | None, line: Line, piece: Piece) -> bool:
        """Hold an early evaluation, or what weak formats read in a line that no other format knows."""
        if found is not None:
            early = self.early.hold(line.text, found, line.offset, line.number)
            if early:
                self.learn(line, piece)
            return early
        used, weak = False, self.detector.weak
        for fmt, match in weak.read(line.text) if weak is not None else ():
            used = True
            layout, numbers = self.placed(line.outer, match.layout, values(line.text, match))
            self.hold(fmt, Held(layout, line.offset, line.number, numbers), piece)
            if self.detector.weak is None:
                break  # settled
        return used

    def hold(self, fmt: Format, held: Held, piece: Piece) -> None:
        """Keep a weak format's record back until there are enough of them and nothing better came."""
        weak = self.detector.weak
        elsewhere, scored = False, False
        if self.learner is not None:
            elsewhere, scored = self.learner.saw_loss, self.learner.saw_score
        if weak is not None and weak.hold(fmt, held, elsewhere=elsewhere, scored=scored):
            self._release(piece)

    def learn(self, line: Line, piece: Piece) -> bool:
        """Show the learner a line that no format knows; return whether it now turns out to be a record."""
        if self.learner is None:
            return False
        self.learner = learner = self.learner.below(self.records)
        learned = learner.see(line.body, line.offset, line.number, line.text, line.header)
        if learned is None:
            return False
        self._release(piece)  # a weak format is better than none that is known
        return self.learner is learner and self._replay(learned, learner, piece)

    def finish(self, piece: Piece) -> None:
        """Take what the stream's end (or a break in it) decides."""
        if self.detector.format is None:
            self._release(piece)
        learner = None if self.learner is None else self.learner.below(self.records)
        if learner is not None and (learned := learner.finish()) is not None:
            self._replay(learned, learner, piece)
        self.early.release(piece)

    def _release(self, piece: Piece) -> None:
        """Settle on the first weak format that has read training steps, and give them out."""
        due = self.detector.weak.due() if self.detector.weak is not None else None
        if due is None:
            return
        fmt, rows = due
        whole = measures(rows) and any("step" in row.layout.names for row in rows)
        if not have_loss(rows) and self._prefer_learned(piece, whole=whole):
            return
        self.detector.settle(fmt)
        for row in rows:
            piece.add(*row)

    def _prefer_learned(self, piece: Piece, *, whole: bool) -> bool:
        """Settle on a learned format that reads a loss, where the weak one that is due shows none.

        Or on any, where that one does not show both a step and a value: it is not `whole`.
        """
        learner = self.learner
        if learner is None or (whole and not learner.saw_loss):
            return False
        learned = learner.finish()
        if learned is None or (whole and not learner.reads_loss):
            return False
        self._replay(learned, learner, piece)
        return True

    def _replay(self, learned: Format, learner: Learner, piece: Piece) -> bool:
        """Settle on a learned format and take its records kept so far; return whether the newest is one."""
        self.detector.settle_learned(learned)
        self.early.release(None)
        self.share, self.certainty = learner.sure, learner.certainty
        self.learner = Relearner.behind(learner, learned)
        self.records, (newest, self.understood) = 0, learner.replay(learned.matchers[-1], piece)
        return newest
