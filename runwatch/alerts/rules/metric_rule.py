"""What rules about metrics share: their rows are cut where the run restarted, then judged in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import Place, RunRule, in_stream_order, place
from runwatch.alerts.rules.baseline import Segments, before_negative, positive
from runwatch.alerts.rules.common.beginning import is_among_first
from runwatch.alerts.rules.common.curriculum import Curriculum
from runwatch.alerts.rules.common.players import Players, limited
from runwatch.alerts.rules.common.sums import Kind, Sums
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding
from runwatch.core.metrics import LOSS


@dataclass
class MetricRule(RunRule):
    """Judges the rows of the metric `about`. To judge each rank by itself, derive from RankRule too."""

    about: ClassVar[str]

    _segments: Segments = field(default_factory=Segments, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the metric in a block."""
        found: list[Finding] = []
        for restarted, piece in self._segments.split(block.samples.get(self.about), self.cuts(block)):
            if restarted:
                found += self.begin_again(place(piece, 0))
            found += self.walk(piece)
        return found

    def begin_again(self, where: Place) -> Sequence[Finding]:
        """Begin again, with all that is known of the rows."""
        return self.restart(where)

    def cuts(self, block: Block) -> Sequence[int]:
        """Return the offsets in a block at which the metric begins again."""
        return block.restarts

    def restart(self, where: Place) -> Sequence[Finding]:
        """Begin again: what comes now is of a restarted run."""
        raise NotImplementedError

    def walk(self, rows: Samples) -> Sequence[Finding]:
        """Judge the next rows."""
        raise NotImplementedError


@dataclass
class SeriesRule(RunRule):
    """Judges several metrics of a kind, each by itself; to judge each rank too, derive from RankRule."""

    most: ClassVar[int]
    """Metrics that are judged, the first ones."""

    _segments: dict[str, Segments] = field(default_factory=dict, init=False, repr=False)

    def judge_each(self, series: Mapping[str, Samples], block: Block) -> list[Finding]:
        """Judge these metrics of a block; findings about different ones are put in stream order."""
        found: list[tuple[float, Finding]] = []
        cuts = self.cuts(block)
        for metric in sorted({*series, *self._segments}):
            if not is_among_first(metric, self._segments, self.most):
                continue
            segments = self._segments.setdefault(metric, Segments())
            for restarted, piece in segments.split(series.get(metric), cuts):
                if restarted:
                    found += [(float(piece.offset[0]), finding) for finding in self.restart(metric, piece)]
                found += self.walk(metric, piece)
        return in_stream_order(found)

    def cuts(self, block: Block) -> Sequence[int]:
        """Return the offsets in a block at which all of them begin again."""
        return block.restarts

    def restart(self, metric: str, rows: Samples) -> Sequence[Finding]:
        """Begin again with a metric: these are the first rows of a restarted run."""
        raise NotImplementedError

    def walk(self, metric: str, rows: Samples) -> Sequence[tuple[float, Finding]]:
        """Judge the next rows of a metric; return each finding with its offset."""
        raise NotImplementedError


@dataclass
class LossRule(MetricRule):
    """Judges the positive rows of the training loss, up to the first negative one: that has no logarithm.

    The loss of players is no distance from a goal: of adversaries nothing is said, of agents notes alone.
    Where a log counts the parts of a curriculum, or announces a stage, each is judged by itself; sums since
    an epoch began are not.
    """

    about = LOSS

    _signed: bool = field(default=False, init=False, repr=False)
    _players: Players = field(default_factory=Players, init=False, repr=False)
    _curriculum: Curriculum = field(default_factory=Curriculum, init=False, repr=False)
    _sums: Sums = field(default_factory=Sums, init=False, repr=False)
    _kind: Kind = field(default=Kind.SMOOTH, init=False, repr=False)
    """What the rows that are judged are."""

    def cuts(self, block: Block) -> Sequence[int]:
        """Return where the run restarted, or what it learns became harder."""
        return [*block.restarts, *self._curriculum.begins(block)]

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the loss in a block."""
        self._players.push(block)
        return super().judge(block)

    def begin_again(self, where: Place) -> Sequence[Finding]:
        """Begin again: another launch may print sums, or none."""
        self._sums, self._kind = Sums(), Kind.SMOOTH
        return self.restart(where)

    def walk(self, rows: Samples) -> Sequence[Finding]:
        """Judge the next rows up to the first negative one."""
        if self._signed:
            return ()
        judged, self._signed = before_negative(rows)
        found: list[Finding] = []
        for most, piece in self._players.split(positive(judged)):
            for kind, part in self._sums.split(piece):
                if kind is not self._kind and Kind.ARE in (kind, self._kind):
                    found += self.restart(place(part, 0))
                self._kind = kind
                found += limited(self.walk_positive(part), most) if kind is not Kind.ARE else []
        if self._signed:  # what was said of it before had no meaning
            found += self.restart(place(rows, len(judged)))
        return found

    def walk_positive(self, rows: Samples) -> Sequence[Finding]:
        """Judge the next rows, all of them positive."""
        raise NotImplementedError
