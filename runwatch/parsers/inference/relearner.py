"""Learns again where the layout of a log changes: lines of a later stage that it does not read.

`[pretrain] step 9 recon 0.1`, many times, and then `[finetune] epoch 1 loss 0.7`. What is among the
records was there to be learned with them, so only lines below the newest one count, and of these a kind that
was not seen before. They have to leave less doubt than those of a first stage.
"""

from __future__ import annotations

from dataclasses import replace

from runwatch.parsers.api import Format
from runwatch.parsers.envelope.header import Header
from runwatch.parsers.inference.learner import KEPT_LINES, Learner
from runwatch.parsers.inference.places import ENOUGH
from runwatch.parsers.inference.roles import named_by
from runwatch.parsers.inference.scores import scores_alone
from runwatch.parsers.inference.sections import VAL_SECTION
from runwatch.parsers.inference.template import LearnedMatcher
from runwatch.parsers.lexicon.words import REPEATED, SAVES, VAL, is_quality, words

_SURE = 0.8
"""How likely a later stage must be read right."""
_MANY = 2 * ENOUGH
"""Lines of a stage that are enough while the stream continues; at its end, half of them are."""
_PATIENCE = 4 * KEPT_LINES
"""Lines below a record that may be of use, after which no more are looked at until another record comes."""
_MOST = 1024
"""Heads remembered."""
_BESIDE = SAVES | REPEATED | VAL
"""Words of lines that are no stage of training."""
_STAGES = 4
"""Stages learned of one stream, besides the first."""


class Relearner(Learner):
    """Watches lines that a learned format does not read. Its state is what is below the newest record."""

    def __init__(
        self, fmt: Format, known: frozenset[bytes], trust: tuple[float, float], records: int = 0
    ) -> None:
        """`fmt` is the learned format, `known` holds the heads of the lines that it was learned among.

        `trust` is how sure and how certain that is (see Learner); `records` is how many it has read.
        """
        super().__init__()
        self._fmt, self._known, self._trust, self._records = fmt, known, trust, records

    @classmethod
    def behind(cls, learner: Learner, fmt: Format) -> Relearner | None:
        """Return what continues after a learner and the format that it has found; None after many stages."""
        if len(fmt.matchers) > _STAGES:
            return None
        known = frozenset(kept.head for kept in learner.kept)
        if isinstance(learner, Relearner):
            known |= learner._known
        return cls(fmt, known, (learner.sure, learner.certainty))

    def below(self, records: int) -> Relearner:
        """Return what watches below the newest of so many records: what was seen is next to them."""
        if records == self._records:
            return self
        nearby = {kept.head for kept in self.kept}
        known = self._known if nearby <= self._known or len(self._known) > _MOST else self._known | nearby
        return Relearner(self._fmt, known, self._trust, records)

    def see(
        self, line: bytes, offset: int, number: int, whole: bytes = b"", before: Header | None = None
    ) -> Format | None:
        """Take one record that the format does not read; see Learner."""
        if self._added >= _PATIENCE:
            return None
        return super().see(line, offset, number, whole, before) or self._with_scores(number)

    def _with_scores(self, number: int) -> Format | None:
        """Return the format that also reads scores below a line about validation, or alone on a line."""
        newest, main = self.kept[-1] if self.kept else None, self._fmt.matchers[0]
        if newest is None or newest.number != number or newest.ranked:
            return None
        if len(self._fmt.matchers) > 1 or not isinstance(main, LearnedMatcher):
            return None
        below = newest.head.startswith(VAL_SECTION) and any(is_quality(f.name) for f in newest.found)
        if below and main.skeletons:
            main = main.in_sections()
        elif not main.reads_alone and scores_alone(newest.line, newest.found):
            main = main.with_scores()
        else:
            return None
        self.sure, self.certainty = self._trust
        return replace(self._fmt, matchers=(main,))

    def _plain(self) -> Format | None:
        return None

    def _decide(self, *, last: bool) -> Format | None:
        """Return the format of all stages, if the lines that were kept are those of one more."""
        learned = super()._decide(last=last)
        matcher = learned.matchers[0] if learned is not None else None
        if not isinstance(matcher, LearnedMatcher) or not self.reads_loss or self.certainty < _SURE:
            return None
        lines = sum(kept.head == matcher.head for kept in self.kept)
        if matcher.head in self._known or not _BESIDE.isdisjoint(words(named_by(matcher.head))):
            return None
        if lines < (ENOUGH if last else _MANY):
            return None
        self.sure, self.certainty = map(min, self._trust, (self.sure, self.certainty))
        stage = matcher.of_stage(len(self._fmt.matchers) + 1)
        return replace(self._fmt, matchers=(*self._fmt.matchers, stage))
