"""What the learner has found: a matcher for the training lines of a format that nobody described.

A family of lines shares its head, the text before its counter with the numbers left open. Of a family's lines
those with its loss (or whatever says how training goes) are records; lines about validation are evaluations.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from runwatch.core.batch import EVAL, META_COLUMNS, TRAIN
from runwatch.core.metrics import EPOCH, LEARNING_RATE, LOSS, VAL_LOSS, Unit
from runwatch.core.text import decode
from runwatch.parsers.api import Known, Layout, Match, Matcher, Shared
from runwatch.parsers.counters.nesting import CLOSES, HEADING, PER, PLANNED, WITHIN
from runwatch.parsers.inference.losses import SCORE, aliases, tests_of
from runwatch.parsers.inference.plan import Column, Plan, find
from runwatch.parsers.inference.plan import placed as placed_by
from runwatch.parsers.inference.roles import (
    EPOCH_RANK,
    INDENT,
    RATIO,
    STEP_RANK,
    barred,
    is_boxed,
    named_by,
    relevant,
)
from runwatch.parsers.inference.scores import lead_of, measures, names_alone
from runwatch.parsers.inference.sections import SAYS_VAL, VAL_SECTION, Sections, beside, says_val
from runwatch.parsers.inference.shapes import plain_shape, reading_of
from runwatch.parsers.inference.tokens import Field
from runwatch.parsers.lexicon.languages import spelled, translated
from runwatch.parsers.lexicon.names import MEASURE, canonical, meaning
from runwatch.parsers.lexicon.records import columns as columns_of
from runwatch.parsers.lexicon.words import (
    CHANGED,
    REPEATED,
    SAVES,
    VAL,
    is_best,
    is_epoch,
    is_loss,
    is_meaningful,
    is_quality,
    is_rate,
    is_retrieval,
    is_setting,
    is_split,
    is_val,
    split_of,
    words,
)
from runwatch.parsers.lexicon.words import TRAIN as TRAIN_WORDS

_PLAIN_LOSS = frozenset(b"lm loss value avg average mean total".split()) | (
    VAL - {b"test", b"tested", b"testing"}
)
_OF_BATCH = TRAIN_WORDS | {b"batch", b"minibatch"}
_OF_BEST = re.compile(rb"(?i)\b(?:in|of|with|from) (?:the )?best (?:\w+ )?(?:model|checkpoint|weights)\b")
"""What is evaluated is the best: its value is new."""
_STARRED = re.compile(rb"\s{0,4}\* {1,3}(?=[A-Z])")
"""Begins the line below an evaluation in PyTorch's ImageNet example and its kin: ` * Prec@1 46.865`."""
_LAST = re.compile(rb"\b(?i:final|last)\b")
"""Appears where others have a number: `layer 0`, `layer 1`, `layer final`."""
_MAX_STAGES = 64
"""Heads of records, besides those learned, that are remembered."""
_MAX_NAME = 100
_MAX_SHAPES = 1024
_LONG = 4
"""Bytes before the first number of a record that decide where one begins."""
_LENGTHS = frozenset((b"steps", b"iters", b"iterations", b"batches"))
"""How many of which an epoch has."""
_PLACES = META_COLUMNS | {WITHIN, PER, PLANNED, CLOSES}

_Shown = tuple[str, str, tuple[tuple[str, bytes, Unit], ...]]
"""Kind and pattern of a line, and its columns without their spans."""


class _Found(dict[tuple[bytes | None, bytes, tuple[bytes, ...]], Match | None], Shared):
    """What was found in lines of a shape and section, where these say all: copies find the same."""


_ASSIGNED = re.compile(rb" *[^ =]+ = (?!-?\d+\.\d{3})[^ ]+.*", re.DOTALL)
"""A line of source code, but for a value with as many places as a measured one has: `val_loss = 0.6931`."""


class LearnedMatcher(Matcher):
    """Matches the lines of learned families, and evaluations wherever they name themselves."""

    def __init__(
        self,
        plans: Mapping[bytes, Plan],
        evaluated: Mapping[bytes, str] | None = None,
        *,
        sections: bool = False,
        alone: bool = False,
        validated: bool = True,
    ) -> None:
        """Read lines by these plans; `evaluated` says what names mean in validation lines of no family.

        `sections` says that such lines are below one that opens a section of validation, `alone` that scores
        are on lines of their own, `validated` that lines spoke of data that is neither of training nor of
        a test.
        """
        self.plans = plans
        self._evaluated = evaluated or {}
        self._validated = validated
        self._main = next(plan for plan in plans.values() if plan.main)
        self._has_loss = any(self._means_loss(name) for name in self._main.quality)
        names = {name for plan in plans.values() for name in (*plan.names, *plan.aliases)}
        self._sums_up = not any(map(is_loss, names))
        """Whether the only losses are those of lines that sum up an epoch."""
        self._stages: dict[bytes, Plan] = {}
        self._headed = any(plan.heads for plan in plans.values())
        """Whether lines show the epoch above its batches."""
        self._tests = {split_of(head) for head in plans} >= {"val", "test"}
        """Whether lines of tests are next to those of a validation."""
        self._boxed = any(plan.alone and plan.head[:1] == b"|" for plan in plans.values())
        self._layouts: Known[_Shown, Layout] = Known(_layout, 4096)
        self._matches = _Found()
        lead = self._main.head.partition(b"#")[0]
        long = len(lead) >= _LONG and not re.search(rb"\d", lead)
        self._lead = lead if long and self._main.counter is not None else b""
        sections = sections or any(head.startswith(VAL_SECTION) for head in plans)
        self._sections = Sections() if sections else None
        self.reads_alone = alone or sections
        self.skeletons = self._sections is None  # else what a line means depends on those before it

    def of_rank(self) -> LearnedMatcher | None:
        """Return a matcher of one rank's lines, where what a line means depends on those before it."""
        return None if self._sections is None else self.in_sections()

    @property
    def head(self) -> bytes:
        """The head of its records."""
        return self._main.head

    def in_sections(self) -> LearnedMatcher:
        """Return a matcher of the same lines that knows in which section a line is."""
        matcher = LearnedMatcher(self.plans, self._evaluated, sections=True, validated=self._validated)
        if self.reads_alone:
            matcher._matches = self._matches
        return matcher

    def with_scores(self) -> LearnedMatcher:
        """Return a matcher of the same lines that also reads scores that are alone on a line."""
        return LearnedMatcher(self.plans, self._evaluated, alone=True, validated=self._validated)

    def of_stage(self, number: int) -> LearnedMatcher:
        """Return a matcher of the same lines that has read none, as those of another stage of training."""
        plans = {
            head: replace(plan, pattern=f"stage {number} {plan.pattern}") for head, plan in self.plans.items()
        }
        sections, alone = self._sections is not None, self.reads_alone
        return LearnedMatcher(
            plans, self._evaluated, sections=sections, alone=alone, validated=self._validated
        )

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a line of a learned family; `start` is 0, as it sees messages alone."""
        line = barred(line)
        key = plain_shape(line), self._section(line), self._sections.columns if self._sections else ()
        if key[0] is None:
            return self._match_in(line, key[1])
        if key not in self._matches:
            if len(self._matches) >= _MAX_SHAPES:
                self._matches.clear()
            self._matches[key] = self._match_in(line, key[1])
        return self._matches[key]

    def _section(self, line: bytes) -> bytes:
        """Take a line into its section; return what its family begins with because of that."""
        if self._sections is None:
            return b""
        reads = relevant(line) or (self._boxed and is_boxed(line))
        reading = self._sections.reading(line) if reads else None
        if reading is None:
            self._sections.pass_by(line)
        if reading is None or reading.family is None:
            return b""
        family = self._sections.family(reading.family, line, reading.found, reading.ranked)
        return family.removesuffix(reading.family)

    def _match_in(self, line: bytes, section: bytes) -> Match | None:
        """Return the numbers of a line of a section."""
        boxed = self._boxed and is_boxed(line)
        read = self._sections.reading if self._sections else reading_of
        reading = read(line) if boxed or relevant(line) else None
        if reading is None or (reading.family is None and not boxed):
            return None
        family, found, ranked = reading
        plan = None if family is None else self._plan(section, family)
        if boxed and (plan is None or not plan.alone):
            columns = self._metrics(found, set(), plan.aliases if plan else {}, False)
            return self._match("beside", EVAL, columns) if len(columns) == 1 else None
        if family is None:
            return None
        if plan is None:
            if behind := self._behind(line):
                return behind
            plan = self._stage(section + family, found, ranked)
        sums_up = plan is not None and plan.heads and any(is_quality(f.name) for f in found)
        unplaced = plan is not None and plan.counter and find(plan.counter, found, ranked) is None
        # it sums up: `Epoch 3/9 | loss 0.5` below the batches that `Epoch 3/9` heads
        if plan is None or sums_up or unplaced:
            return self._evaluation(section + family, line, found, ranked)
        return self._read(plan, section + family, line, found, ranked)

    def _plan(self, section: bytes, family: bytes) -> Plan | None:
        """Return the plan of a family; a bar that was cleared may have put spaces before its other lines."""
        return self.plans.get(section + family) or self.plans.get(section + INDENT + family)

    def _behind(self, line: bytes) -> Match | None:
        """Return the match of a record behind a line that was not ended: `Valid: 0.7Epoch: 1 | Loss: 0.5`."""
        at = line.rfind(self._lead, 1) if self._lead else -1
        match = self._match_in(line[at:], b"") if at > 0 and line[at - 1 : at].isalnum() else None
        if match is None or match.layout.kind != TRAIN or line.count(self._lead) > 2:
            return None
        before = self._match_in(line[:at], b"")
        if before is not None and before.layout.kind == TRAIN:  # one of the two would be lost unseen
            return None
        return Match(match.layout, tuple((begin + at, end + at) for begin, end in match.spans))

    def _means_loss(self, name: bytes) -> bool:
        return (self._main.aliases.get(name) or canonical(spelled(name))) == LOSS

    def _stage(self, family: bytes, found: list[Field], ranked: list[tuple[int, int]]) -> Plan | None:
        """Return the plan of a record with another head: that of a later stage, or of another tag."""
        main, names = self._main, {number.name for number in found}
        if main.counter is None or not main.quality & names or find(main.counter, found, ranked) is None:
            return None
        if main.head[:1].isspace() != family[:1].isspace():  # another column
            return None
        if is_quality(family) and not is_quality(main.head):  # `Target loss 0.1 reached at step 9`
            return None
        reported = b"" if _LAST.sub(b"#", family) == main.head else named_by(family)
        said = set(words(reported)).difference(words(main.head))
        marked = main.names <= names and said == {b"new", b"best"}  # `[NEW BEST] Epoch 3 loss 0.5`
        if 2 * len(main.names & names) < len(main.names):
            return None
        if not (marked or (REPEATED | SAVES | VAL).isdisjoint(said)):
            return None
        if family not in self._stages:
            if len(self._stages) >= _MAX_STAGES:
                self._stages.clear()
            tag = f"{main.pattern}-{zlib.crc32(family):08x}"
            self._stages[family] = replace(main, head=family, pattern=tag)
        return self._stages[family]

    def _read(
        self, plan: Plan, family: bytes, line: bytes, found: list[Field], ranked: list[tuple[int, int]]
    ) -> Match | None:
        placed = placed_by(plan, found, ranked)
        if placed is None:
            return None
        columns, taken = placed
        if plan.heads:
            return self._match(plan.pattern, HEADING, columns)
        kind = plan.kind({number.name for index, number in enumerate(found) if index not in taken})
        if kind is None:
            return None
        validation = SCORE not in plan.aliases.values() and (
            is_val(family) if kind == EVAL else says_val(family, line, found)
        )
        taken |= _amounts(line, found) if validation else set()
        if plan.alone or plan.rated:
            rates = [f for index, f in enumerate(found) if index not in taken and is_rate(f.name)][:1]
            metrics = [(LEARNING_RATE, f.name, f.unit(LEARNING_RATE), (f.start, f.end)) for f in rates]
        else:
            tests = self._late_tests([f.name for f in found]) if kind == EVAL else {}
            metrics = self._metrics(found, taken, {**tests, **self._evaluated, **plan.aliases}, validation)
            if self._tests and validation and split_of(family) == "test":
                metrics = [(_of_test(column), *column[1:]) for column in metrics]
        steps = plan.epoch is None and (plan.by_loss or plan.head == self._main.head)
        steps = steps and self._is_step(line, found, ranked)
        if kind == EVAL and plan.nested and not steps:  # its batches are those of the evaluation
            columns = [column for column in columns if column[0] not in (WITHIN, PER, PLANNED)]
        columns += metrics if kind == TRAIN else self._nearby(metrics)
        closing = self._closing(found, ranked) if kind == EVAL and not plan.rated else []
        if closing and plan is not self._main:
            columns = [*closing, *(column for column in columns if column[0] not in ("step", "total"))]
        if not plan.alone and all(column[0] in _PLACES for column in columns):
            return None
        return self._match(plan.pattern, kind, columns)

    def _evaluation(
        self, family: bytes, line: bytes, found: list[Field], ranked: list[tuple[int, int]]
    ) -> Match | None:
        """Return the match of a line that is about validation: it says so, or a line above it does."""
        counts = {f.start for f in found if line[f.start : f.end].replace(b",", b"").isdigit()}
        splits = (f for f in found if f.name.lower() in VAL and f.start not in counts)
        scores = [*(f for f in found if is_quality(f.name) or is_retrieval(f.name)), *splits]
        if not scores:
            return None
        said = words(_OF_BEST.sub(b"", line[: scores[0].start]))
        if not CHANGED.isdisjoint(said):  # a value that was printed before
            return None
        below = family.startswith(VAL_SECTION) or (not ranked and _STARRED.match(line) is not None)
        best = any(b"best" in words(f.name) for f in scores[1:])  # `mIoU: 0.4, best mIoU: 0.5`
        summed = any(is_loss(f.name) for f in scores) or any(r != EPOCH_RANK for r, _ in ranked)
        kept = best and not (ranked and summed)
        below = below or kept
        ranked_by = any(is_retrieval(f.name) for f in scores)
        named = {is_val(f.name) for f in scores if is_loss(f.name)} == {
            True,
            False,
        }  # `loss: 0.5 val_loss: 0.6`
        inside = below or ranked_by or not (named or (VAL | {b"evaluate"}).isdisjoint(said))
        if not inside and not any(is_val(f.name) for f in scores):
            return self._summary(line, found, ranked)
        main, at = self._main, None
        if main.epoch is None and not (ranked and family.startswith(VAL_SECTION)):
            same = None if main.counter is None else find(main.counter, found, ranked)
            finest = next((index for r, index in ranked if r < RATIO), None)
            at = finest if same is None else same
        code = len(scores) == 1 and _ASSIGNED.fullmatch(line) is not None
        text = line[(lead := lead_of(main.head, line)) :]
        says = SAYS_VAL.match(text if text.isascii() else translated(text)) and not code
        says = says or ranked_by or beside(family, main.head)
        dated = any(r == EPOCH_RANK for r, _ in ranked) and len(ranked) == 1
        both = {split_of(f.name) for f in found} >= {"train", "val"}  # LOSS train 0.5 valid 0.6
        says = says or dated or below or both or main.alone or (names_alone(line, found, lead) and not code)
        if main.counter is not None and at is None and not says:
            return None
        taken = {i for _, i in ranked} | _amounts(line, found)
        names = [f.name for i, f in enumerate(found) if i not in taken]
        errors = _errors(names) if self._has_loss else {}
        meant = {**errors, **self._late_tests(names), **self._evaluated, **_of_val(names)}
        columns = self._nearby(self._metrics(found, taken, meant, inside))
        if columns and at is None:
            columns += [*self._closing(found, ranked), *self._length(found, ranked)]
        if at is not None and self._is_step(line, found, ranked):
            columns.insert(0, ("step", b"", Unit(), (found[at].start, found[at].end)))
        return self._match("evaluation", EVAL, columns) if columns else None

    def _late_tests(self, names: list[bytes]) -> dict[bytes, str]:
        """Return what names of held-out data mean that came too late to be learned."""
        return {} if self._validated else tests_of([*sorted(self._main.losses), *names])

    def _is_step(self, line: bytes, found: list[Field], ranked: list[tuple[int, int]]) -> bool:
        """Whether what an evaluation counts are steps of the run: not the batches of a `Val Step 3/12`."""
        at = None if self._main.counter is None else find(self._main.counter, found, ranked)
        total = None if at is None else found[at].total
        return total is None or not self._main.ends or line[slice(*total)] in self._main.ends

    def _summary(self, line: bytes, found: list[Field], ranked: list[tuple[int, int]]) -> Match | None:
        """Return the match of a line that sums up an epoch below its batches, or adds a score to a record.

        Where its batches show no loss, it counts within the run too: `[Step 900] cos 0.9`, `Ep 3: Loss 0.5`.
        """
        closing, taken = self._closing(found, ranked), {index for _, index in ranked}
        if self._sums_up and [r for r, _ in ranked] == [EPOCH_RANK] and not closing:
            epoch = found[ranked[0][1]]
            losses = any(is_loss(f.name) for f in found)
            closing = [(EPOCH, epoch.name, Unit(), (epoch.start, epoch.end))] * losses
        near = closing or self._headed or (not ranked and all(map(_is_of_batch, found)))
        if not near:
            sums_up = self._main.epoch is not None and find(self._main.epoch, found, ranked) is not None
            reads = self.reads_alone or ranked
            if not reads or not measures(line, found, ranked, self._main.names, losses=sums_up):
                return None
            taken.update(i for i, f in enumerate(found) if f.name in self._main.names or is_best(f.name))
            at = None if self._main.counter is None else find(self._main.counter, found, ranked)
            if at is not None and self._is_step(line, found, ranked):
                closing = [("step", b"", Unit(), (found[at].start, found[at].end))]
        metrics = self._nearby(self._metrics(found, taken, {}, False))
        return self._match("summary", EVAL, [*closing, *metrics]) if metrics else None

    def _closing(self, found: list[Field], ranked: list[tuple[int, int]]) -> list[Column]:
        """Return the epoch, and of how many, that a line shows below its batches, whose lines show none."""
        main = self._main
        if not main.nested or main.by_loss or main.epoch is not None or self._headed:
            return []
        at = next((index for r, index in ranked if r == EPOCH_RANK and is_epoch(found[index].name)), None)
        if at is None:
            return []
        closed = (CLOSES, b"", Unit(), (found[at].start, found[at].end))
        total = found[at].total
        return [closed] if total is None else [closed, (PLANNED, b"", Unit(), total)]

    def _length(self, found: list[Field], ranked: list[tuple[int, int]]) -> list[Column]:
        """Return the steps of an epoch by the line below them: `Epoch: 3, Steps: 266 | Train Loss: 0.5`."""
        main = self._main
        if not main.nested or main.epoch is None or find(main.epoch, found, ranked) is None:
            return []
        many = [
            found[i] for r, i in ranked if r < STEP_RANK and not _LENGTHS.isdisjoint(words(found[i].name))
        ]
        return [(PER, b"", Unit(), (f.start, f.end)) for f in many[:1] if f.total is None]

    def _nearby(self, metrics: list[Column]) -> list[Column]:
        """Return the metrics of a line that is no record: the loss is what the records say it is."""
        if not self._has_loss:
            scored = bool(self._main.quality)  # what records show is no loss, so what is called `Val` is none
            return [(SCORE, *c[1:]) if scored and c[0] == VAL_LOSS and is_split(c[1]) else c for c in metrics]
        named = [(decode(c[1], _MAX_NAME) if c[0] == LOSS else c[0], *c[1:]) for c in metrics]
        return [column for column in named if column[0] != LOSS]

    @staticmethod
    def _metrics(
        found: list[Field], taken: set[int], aliases: Mapping[bytes, str], validation: bool
    ) -> list[Column]:
        """Return every named number that is not taken."""
        columns = []
        seen: set[str] = set(META_COLUMNS)
        named = [n.name for index, n in enumerate(found) if n.name and index not in taken]
        meant = _meant(tuple(named), tuple(aliases.items()))
        for index, number in enumerate(found):
            if index in taken or not number.name or (is_val(number.name) and is_setting(number.name)):
                continue
            metric = meant[number.name]
            of = set(words(number.name))
            if validation and b"train" not in of:
                metric = _of_validation(metric, number, of)
            if metric not in seen:
                seen.add(metric)
                columns.append((metric, number.name, number.unit(metric), (number.start, number.end)))
        return columns

    def _match(self, pattern: str, kind: str, columns: list[Column]) -> Match:
        unique = {column[0]: column for column in reversed(columns)}
        columns = [column for column in columns if unique[column[0]] is column]
        layout = self._layouts[kind, pattern, tuple(column[:3] for column in columns)]
        return Match(layout, tuple(column[3] for column in columns))


def _layout(shown: _Shown) -> Layout:
    kind, pattern, columns = shown
    names, raw, units = zip(*columns, strict=True) if columns else ((), (), ())
    texts = zip(names, map(spelled, raw), strict=True)
    return Layout(
        kind, pattern, names, units, {metric: text for metric, text in texts if text not in ("", metric)}
    )


def _is_of_batch(number: Field) -> bool:
    """Whether a number is a score of what was just learned from, and no loss: `Minibatch accuracy: 80%`."""
    said, scored = words(number.name), is_quality(number.name) and not is_loss(number.name)
    return scored and not _OF_BATCH.isdisjoint(said) and (REPEATED | VAL).isdisjoint(said)


def _amounts(line: bytes, found: list[Field]) -> set[int]:
    """Return which numbers say how much was evaluated, or of what: `samples=38400`, `classes 11 to 20`."""
    counts = (i for i, f in enumerate(found) if line[f.start : f.end].isdigit() and not f.suffix)
    return {i for i in counts if not (is_meaningful(found[i].name) or is_split(found[i].name))}


def _of_validation(metric: str, number: Field, said: set[bytes]) -> str:
    """Return what a line of validation means by a name of these words that may be one of training, too."""
    if metric == LOSS or (said <= _PLAIN_LOSS and said != {b"total"} and number.suffix != b"%"):
        return VAL_LOSS
    return metric if said & VAL or metric in (EPOCH, LEARNING_RATE) else f"val/{spelled(number.name)}"


def _of_test(column: Column) -> str:
    """Return what a line of a test calls a number that a validation measures, too."""
    return (
        column[0] if is_val(column[1]) or not column[0].startswith("val/") else f"test {spelled(column[1])}"
    )


def _of_val(names: list[bytes]) -> dict[bytes, str]:
    """Return which name of a line is the loss of validation next to that of training: `loss 0.5 val 0.6`."""
    if not any(is_loss(name) and not is_val(name) for name in names):
        return {}
    return {name: metric for name, metric in aliases([], names).items() if metric == VAL_LOSS}


def _errors(names: list[bytes]) -> dict[bytes, str]:
    """Return which names are of errors, where training minimizes something else: `Val MAE`."""
    return {n: canonical(spelled(n)) for n in names if meaning(spelled(n)).rule == MEASURE}


@lru_cache(1024)
def _meant(names: tuple[bytes, ...], aliases: tuple[tuple[bytes, str], ...]) -> dict[bytes, str]:
    """Return what the names of one line mean."""
    known = {spelled(name): metric for name, metric in aliases}
    return dict(zip(names, columns_of(map(spelled, names), known), strict=True))
