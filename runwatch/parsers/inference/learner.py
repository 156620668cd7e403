"""Learns the training lines of a log whose format nobody described.

Lines that name numbers are kept, bounded, and grouped into families by their head. A family is believed when
it is seen often, its counter grows and it names something only training prints; else the learner declines. It
looks when twice as many lines are kept as at its last look, and when the stream ends, so what it finds
depends on the lines alone and never on how they arrived. (Counts of evidence, not of lines: a run that prints
a line a minute must not wait hours.) Before its first look it believes a few lines in a row that leave no
doubt.

A counter that may begin again with each epoch is waited for: an epoch must have
changed, or many lines have been seen.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Mapping, Sequence

from runwatch.core.batch import TRAIN
from runwatch.core.text import decode
from runwatch.parsers.api import Format, Matcher
from runwatch.parsers.body.enveloped import Placing
from runwatch.parsers.body.matchers import values
from runwatch.parsers.body.piece import Piece
from runwatch.parsers.body.ranks import Ranks
from runwatch.parsers.envelope.header import Header
from runwatch.parsers.inference.blocks import blocks, certainty, has_batches, progress, shows_loss
from runwatch.parsers.inference.evidence import FEW, PLAIN, few_are_enough, speaks_plainly
from runwatch.parsers.inference.families import (
    NAME,
    below_headings,
    better_may_come,
    of_training,
    promising,
    rates,
    side_by_side,
    very_few,
    within_epochs,
)
from runwatch.parsers.inference.losses import tests_of
from runwatch.parsers.inference.places import ENOUGH, Kept
from runwatch.parsers.inference.plan import Plan
from runwatch.parsers.inference.roles import barred, relevant, shows_pace
from runwatch.parsers.inference.scores import scores_alone
from runwatch.parsers.inference.scoring import judge
from runwatch.parsers.inference.sections import SECTION, VAL_SECTION, Sections
from runwatch.parsers.inference.tables import RULE, TableMatcher, header, joined, leading, led_header
from runwatch.parsers.inference.tables import Header as Columns
from runwatch.parsers.inference.template import LearnedMatcher
from runwatch.parsers.lexicon.words import is_loss, is_quality, is_val, split_of

ROW = b"row"
"""Family of the rows under a header; the head of no other."""
KEPT_LINES, KEPT_BYTES = 2048, 1 << 19
"""What is kept to learn from and to replay; the oldest lines go first."""
_LOOK = 16
"""Lines kept before the first look."""
_NEAR = 3
"""Lines within which another handler prints a message again."""
_HEADING = re.compile(rb"#{1,6} (?!of\b|.*[=: ][\d.]+\s*\Z)\S")
"""A heading of a Markdown text, and no count: `# of trainset = 12`."""
_LONGEST_EXAMPLE = 256
"""Lines after which a code block of a Markdown text is no longer believed to be one."""
_Seen = tuple[bytes, int, int, bytes, Header | None]
"""A line as it was seen."""


class Learner:
    """Watches the lines that no format knows; bounded memory, bounded work per line."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        self._bytes = 0
        self._lines = 0
        self._number = 0
        """Number of the physical line of the newest record."""
        self._redrawn = False
        """Whether a line was redrawn: a program wrote it, and no author of a text."""
        self._added = 0
        self._due = _LOOK
        self._table: TableMatcher | None = None
        """Reads the rows under the newest header."""
        self._above = b"", 0, b""
        """The line above, which may be part of a header, the lines up to it, and its envelope."""
        self._sections = Sections()
        self._markdown = False
        """Whether a heading was seen."""
        self._ruled = -1
        """The newest line that begins with a rule of such signs: below a record, what it rules is a title."""
        self._fence: int | None = None
        """The line at which the code block began that is open."""
        self._examples: deque[_Seen] | None = deque(maxlen=KEPT_LINES)
        """Lines of code blocks; None once one was too long for an example: all are lines of a log."""
        self.sure = 0.0
        """Share of the lines kept that the learned format reads; 0 before."""
        self.saw_loss = False
        """Whether a line had a place and a loss."""
        self.saw_score = False
        """Whether a line had a score, with a place or without."""
        self.reads_loss = False
        """Whether the learned format reads a loss and the step that it is of."""
        self.certainty = 0.0
        """How likely it reads step and loss right, in [0, 1]; 0 before.

        By the kind of its counter and the names of its values (see Judgement), as if it had read
        many lines; less where it reads very few, or but a small share of those that were kept.
        """

    @property
    def awake(self) -> bool:
        """Whether any line may be a row, whatever it holds."""
        return self._table is not None

    def pass_over(self, lines: int, *, redraws: bool = False) -> None:
        """Count lines, or redraws, that are of no use (see TELLING)."""
        self._lines += lines
        self._redrawn = self._redrawn or redraws

    def below(self, records: int) -> Learner:
        """Return who is to see the lines below so many records: until a format is learned, there are none."""
        return self

    def see(
        self, line: bytes, offset: int, number: int, whole: bytes = b"", before: Header | None = None
    ) -> Format | None:
        """Take one record that no format knows; return the format as soon as one is believed.

        `line` is the message; `before` is what precedes it in the whole line, if anything does.
        """
        self._lines += 1
        self._redrawn, self._number = self._redrawn or number == self._number, number
        if self._quoted(line):
            if self._fence is not None and self._examples is not None:
                self._examples.append((line, offset, number, whole, before))
            return None
        return self._look() if self._take(line, offset, number, whole, before) else None

    def _take(self, line: bytes, offset: int, number: int, whole: bytes, before: Header | None) -> bool:
        """Take one record of a log; return whether it may count as one of training."""
        rank = before.key(whole) if before is not None else b""
        envelope = whole[: len(whole) - len(line)]
        (above, at, around), self._above = self._above, (line, self._lines, envelope)
        under = led_header(above, line) if at == self._lines - 1 else None
        if under is not None:
            self._head(under[0], around, under[1])
        if self._table is not None and self._table.match(line):
            self._keep(Kept(line, offset, number, ROW, [], [], rank=rank, outer=whole, header=before))
            return True
        if self._table is not None and self._table.bare and line.strip():
            self._head(None)
        plain = barred(line)
        read = len(line) <= 4096 and (plain[:1] == b"|" or relevant(line))
        reading = self._sections.reading(plain) if read else None
        if reading is None or not reading.found:
            titled = self._lines == 1 and header(line, first=True) is not None
            if reading is None and not titled and self._sections.pass_by(line):
                self._keep(Kept(line, offset, number, SECTION, [], []))
                return False
            if not line.strip(RULE) and self._lines == at + 1:  # it rules off the rows of a header
                self._above = above, self._lines, around
                return False
            both = joined(above, line) if self._lines == at + 1 else None
            led = self._table.head.lead.match(line) if self._table is not None else None
            named = line[led.end() :] if led else line
            head = (header(both) if both else None) or header(named, first=self._lines == 1)
            if head is not None:
                self._head(head, envelope)
            return False
        family, found, ranked = reading
        line = plain
        if family is None:
            return False
        self.saw_score = self.saw_score or any(is_quality(f.name) for f in found)
        if ranked and not self.saw_loss:
            self.saw_loss = any(is_loss(f.name) and not is_val(f.name) for f in found)
        family = self._sections.family(family, line, found, ranked)
        kept = Kept(line, offset, number, family, found, ranked, self._lines - 1, rank, False, whole, before)
        if not self._printed_again(kept):
            self._keep(kept)
        return True

    def _printed_again(self, kept: Kept) -> bool:
        """Whether another handler of the logger has just printed the message, in an envelope of its own."""
        before = self.kept[-1] if self.kept else kept
        same = before is not kept and (before.line, before.rank) == (kept.line, kept.rank)
        return same and kept.number - before.number <= _NEAR and before.envelope != kept.envelope

    def _head(self, head: Columns | None, envelope: bytes = b"", lead: bytes = b"") -> None:
        """Read the rows under another header, behind the same envelope and lead, or none."""
        if head is not None and self._table is not None and head.columns == self._table.head.columns:
            return
        self._table = TableMatcher(head._replace(lead=leading(envelope, lead))) if head else None
        self.kept = [kept for kept in self.kept if kept.head != ROW]

    def _quoted(self, line: bytes) -> bool:
        """Whether a line is in a code block or a table of a Markdown text: an example, and no log."""
        if line[:1] == b"#" and _HEADING.match(line):
            self._markdown |= not (self.saw_loss and self._ruled == self._lines - 1)
        elif line[:7] == b"#######":
            self._ruled = self._lines
        elif line[:3] == b"```" and self._markdown:
            self._fence = self._lines if self._fence is None else None
        if self._markdown and line[:1] == b"|":
            return True
        if self._fence is not None and self._lines - self._fence > _LONGEST_EXAMPLE:
            examples, self._examples = self._examples, None
            for example in examples or ():
                self._take(*example)
        return self._fence is not None and self._examples is not None

    def _look(self) -> Format | None:
        if self._added < self._due:
            return self._plain() if PLAIN <= self._added < _LOOK else None
        self._due = min(2 * self._due, self._added + KEPT_LINES)
        return self._decide(last=False)

    def _plain(self) -> Format | None:
        """Return the format of the newest lines if they leave no doubt, and no other line counts."""
        newest = self.kept[-PLAIN:]
        family = newest[0].head
        if self._markdown or newest[0].rank or self._table is not None:
            return None
        if any(kept.head != family for kept in self.kept if kept.ranked):
            return None
        judgement = judge(newest, last=False) if newest[-1].head == family else None
        if judgement is None or judgement.waits or not speaks_plainly(newest, judgement.plan):
            return None
        return self._format({family: judgement.plan}, {family: newest}, judgement.certainty)

    def ended(self, number: int) -> None:
        """Say that physical line `number` has ended and was not understood."""
        for kept in reversed(self.kept):
            if kept.number != number:
                break
            kept.unparsed = True

    def ended_many(self, first: int, unparsed: Sequence[bool]) -> None:
        """Say of physical lines that have ended, from number `first` on, which were not understood."""
        for kept in reversed(self.kept):
            if kept.number < first:
                break
            if kept.number - first < len(unparsed):
                kept.unparsed = bool(unparsed[kept.number - first])

    def finish(self) -> Format | None:
        """Return the format if what there is of the stream is enough to believe one."""
        return self._decide(last=True)

    def replay(self, matcher: Matcher, piece: Piece) -> tuple[bool, list[int]]:
        """Add the records that were kept to a piece; return whether the newest line is one.

        The other result is the lines with records that were not counted yet: they are understood.
        """
        match, reported, understood, placing, ranks = None, -1, [], Placing(), Ranks()
        for kept in self.kept:
            match = ranks.matcher(kept.rank, matcher).match(kept.line)
            if match is not None:
                layout, row = match.layout, values(kept.line, match)
                if kept.header is not None:
                    layout, row = placing.row(layout, row, kept.outer, kept.header)
                piece.add(layout, kept.offset, kept.number, row)
                if kept.unparsed and kept.number != reported:
                    piece.unparsed -= 1
                    reported = kept.number
                if not kept.unparsed:
                    understood.append(kept.number)
        return match is not None, understood

    def _keep(self, kept: Kept) -> None:
        self.kept.append(kept)
        pace = kept.head != ROW and not kept.ranked and shows_pace(kept.line)
        self._added += kept.head != SECTION and not pace
        self._bytes += len(kept.line)
        if len(self.kept) > KEPT_LINES or self._bytes > KEPT_BYTES:
            self._drop(len(self.kept) // 4 + 1)  # a quarter at a time: dropping the first of a list is slow

    def _drop(self, count: int) -> None:
        """Drop lines of the most frequent family, the oldest first: of others there may be few."""
        family = Counter(kept.head for kept in self.kept).most_common(1)[0][0]
        at = [index for index, kept in enumerate(self.kept) if kept.head == family][:count]
        gone = set(at)
        self.kept = [kept for index, kept in enumerate(self.kept) if index not in gone]
        self._bytes = sum(len(kept.line) for kept in self.kept)

    def _decide(self, *, last: bool) -> Format | None:
        families: dict[bytes, list[Kept]] = {}
        for kept in self.kept:
            families.setdefault(kept.head, []).append(kept)
        table = families.pop(ROW, [])
        rows = [kept.line for kept in table if kept.rank == table[0].rank]
        families.pop(SECTION, None)
        few = last and not self._markdown
        lines = (kept for lines in families.values() for kept in lines)
        others = sum(len(kept.ranked) < len(kept.found) for kept in lines)  # but for headings of epochs
        if self._table is not None and len(rows) > others:
            alone = not self._table.bare or len(rows) + 1 == self._lines
            if self._table.counts(rows, few=few and alone):
                self._table = self._table.settled(rows)
                return self._believe(self._table, self._table, rows[-1], self._table.trust)
        program = self._redrawn or any(kept.header is not None for kept in self.kept)
        judged = [
            judgement
            for lines in families.values()
            if (len(lines) >= ENOUGH or (few and few_are_enough(lines, self._lines, program=program)))
            and (judgement := judge(lines, last=last)) is not None
        ]
        if any(is_loss(f.name) for kept in self.kept for f in kept.found):
            judged = [judgement for judgement in judged if not judgement.guessed]
        if self.saw_loss:
            judged = [judgement for judgement in judged if not judgement.bare]
        judged = of_training(judged, last=last)
        if judged and not last and better_may_come(judged[0], families):
            return None
        partial = not judged or judged[0].plan.counter is None or not judged[0].plan.quality
        if not partial or last or not promising(families):
            plans = blocks(families, self._lines, few=few)
            trains = bool(judged) and not all(map(is_val, judged[0].plan.losses))
            if plans and trains and not shows_loss(plans, families):
                plans = None
            if plans is not None and (partial or has_batches(plans, judged[0].plan, families)):
                trust = certainty(plans, families)
                plans = below_headings(within_epochs(plans, families), families)
                return self._format(plans, families, trust)
        if not judged and few and (plans := progress(families)) is not None:
            return self._format(plans, families, certainty(plans, families))
        judged = judged or (very_few(families, self._lines) if few else [])
        if not judged or (judged[0].waits and not last):
            return None
        plans = within_epochs(side_by_side(judged, families), families)
        for head, plan in rates(judged[0].plan, families).items():
            plans.setdefault(head, plan)
        return self._format(plans, families, judged[0].certainty)

    def _format(
        self, plans: Mapping[bytes, Plan], families: Mapping[bytes, list[Kept]], certainty: float
    ) -> Format | None:
        """Return the format of these plans, the main one first; None if it finds no record after all."""
        main = plans[next(iter(plans))]
        self.reads_loss = bool(main.counter and main.losses)
        example = families[next(iter(plans))][-1].line
        names = dict.fromkeys(f.name for kept in self.kept for f in kept.found)
        tests, validated = tests_of(names), any(split_of(name) == "val" for name in names)
        below = (kept for kept in self.kept if kept.head.startswith(VAL_SECTION) and kept.head not in plans)
        sections = any(is_quality(f.name) for kept in below for f in kept.found)
        sections = sections or self._sections.trained >= FEW or bool(self._sections.columns)
        validated = validated or any(kept.head.startswith(VAL_SECTION) for kept in self.kept)
        alone = any(k.found and not k.ranked and scores_alone(k.line, k.found) for k in self.kept)
        matcher, fresh = (
            LearnedMatcher(plans, tests, sections=sections, alone=alone, validated=validated)
            for _ in range(2)
        )
        return self._believe(matcher, fresh, example, certainty)

    def _believe(self, matcher: Matcher, fresh: Matcher, example: bytes, certainty: float) -> Format | None:
        """Return the format of a matcher, if it finds a record; `fresh` is one that has read nothing yet."""
        kinds = [match.layout.kind for kept in self.kept if (match := matcher.match(kept.line)) is not None]
        if TRAIN not in kinds:
            return None
        self.sure = len(kinds) / sum(kept.head != SECTION for kept in self.kept)
        few = min(1.0, len(kinds) / (FEW + 1))
        self.certainty = certainty * min(1.0, 2 * self.sure) * few
        return Format(NAME, "learned from this log", decode(example, 200), (fresh,), weak=True)
