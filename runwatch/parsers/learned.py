"""What the learner has found: a matcher for the training lines of a format that nobody described.

A family of lines shares its head, the text before its counter with the numbers
left open. Of a family's lines those with its loss (or whatever says how
training goes) are records; lines about validation are evaluations.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from runwatch.batch import EVAL, META_COLUMNS, TRAIN
from runwatch.metrics import EPOCH, LOSS, VAL_LOSS, Unit, canonical
from runwatch.parsers.fields import Field, fields, masked
from runwatch.parsers.patterns import Epochs, Layout, Match
from runwatch.text import decode

_WORDS = re.compile(rb"[A-Za-z]+")
_QUALITY = frozenset(
    b"loss losses nll trl ce bce mse mae rmse logloss mlogloss merror perplexity ppl bpb bpc bpt acc "
    b"accuracy auc reward rewards rew return bleu rouge wer cer miou iou dice elbo fid score".split()
)
"""Words of names that say how well training goes."""
_NOT_QUALITY = frozenset(b"scale time coeff code".split())
_SOFT = frozenset(b"lr gnorm norm learning grad kl entropy wd mfu kimg".split())
"""Words of names that only training prints."""
_VAL = frozenset(b"val valid validation eval evaluation test testing dev".split())
_SPLITS = _VAL | frozenset(b"train training trn".split())
_SUMMARY = frozenset(b"best final finished end average avg mean overall last early stop stopping".split())
"""Words of lines that tell again what others told."""
_PLAIN_LOSS = frozenset(b"lm loss value avg average mean total val valid validation".split())
_SAYS_VAL = re.compile(rb"(?i)(?!\s)[^a-z]*(?:(?:info|main|[\w.]+\.py)\b[^a-z]*)*(?:val|test|eval)")
"""A line whose first word, behind what loggers print, is about validation."""
_STEP_RANKS: Mapping[bytes, int] = {
    **dict.fromkeys(b"step steps updates timesteps".split(), 1),
    **dict.fromkeys(b"iteration iterations iter iters it itr".split(), 2),
    **dict.fromkeys(b"update batch minibatch tick round episode episodes generation".split(), 3),
    **dict.fromkeys(b"epoch epochs ep".split(), 7),
    b"train": 8,
    b"training": 8,
}
_GLOBAL = frozenset((b"global_step", b"global_steps", b"total_timesteps", b"num_updates", b"current_steps"))
STEP_RANK, INNER, RATIO, LEADING, EPOCH_RANK = 3, 4, 5, 6, 7
"""Ranks, lower is better: the worst of a named step, the second of two nameless counters as in `[1, 200]`,
a nameless `12/500`, a number that begins the line, and an epoch."""
_MAX_STAGES = 64
"""Heads of records, besides those learnt, that are remembered."""
_MAX_NAME = 100
_EPOCHS = "epochs"
"""Stands for how many epochs there will be, where a line tells."""
_INTEGER = re.compile(rb"\d+(?:,\d{3})*\Z")
_LABELS = frozenset((b"#", b"s", b"i", b"n", b"t", b"k"))
_RELEVANT = re.compile(
    rb"loss|acc|rew|return|ppl|perplex|nll|trl|auc|merror|mse|mae|bp[bct]|bleu|iou|score|elbo|fid"
    rb"|lr|step|iter|epoch|batch|update|tick|train|episode|generation"
)
_OBJECT = re.compile(rb"\{\s?['\"]")
_RANK = re.compile(rb"\[?(?i:rank|default) ?(\d{1,5})\]?[: ]")
_NUMBER = re.compile(rb"\d|[nN]a[nN]|NAN|[iI]nf|INF")
_OTHER = re.compile(rb"%\||\[[=>.#-]{8,}\]|- ETA: |WARN")
"""Progress bars, which redraw what they show where a record is printed once, and warnings."""


def words(name: bytes) -> list[bytes]:
    """Return the words of a printed name in lower case: `Train/avg_loss` -> train, avg, loss."""
    return [word.lower() for word in _WORDS.findall(name)]


def is_quality(name: bytes) -> bool:
    """Whether a name says how well training goes: loss, accuracy, reward."""
    parts = words(name)
    known = is_loss(name) or not _QUALITY.isdisjoint(parts)
    return known and _NOT_QUALITY.isdisjoint(parts)


def is_epoch(name: bytes) -> bool:
    """Whether a name is that of an epoch, or of an episode."""
    return words(name)[-1:] in ([b"epoch"], [b"episode"])


def is_loss(name: bytes) -> bool:
    """Whether a name is that of a loss."""
    return any(word.endswith((b"loss", b"losses")) or word == b"trl" for word in words(name))


def is_telling(name: bytes) -> bool:
    """Whether a name is one that only training prints."""
    return is_quality(name) or not _SOFT.isdisjoint(words(name))


def is_val(text: bytes) -> bool:
    """Whether a name or a head speaks of validation."""
    return not _VAL.isdisjoint(words(text))


def is_split(name: bytes) -> bool:
    """Whether a name is only that of a part of the data, as in `train=2.5 val=2.6`."""
    return bool(parts := words(name)) and _SPLITS.issuperset(parts)


def relevant(line: bytes) -> bool:
    """One cheap look: False for a line that cannot be of use."""
    if not _NUMBER.search(line) or line.endswith((b"},", b"),", b"(", b"{")):  # the latter is source code
        return False
    return bool(_RELEVANT.search(line.lower())) and not _OTHER.search(line)


def rank(line: bytes, number: Field) -> int | None:
    """Return how likely a number's name makes it the step (0 is best), or None if it is none."""
    if not _INTEGER.match(line, number.start, number.end) or number.suffix not in (b"", b"k"):
        return None
    name = number.name
    if name.lower() in _GLOBAL:
        return 0
    parts = words(name)
    last = parts[-1] if parts else b""
    if last == b"id" and len(parts) > 1:
        last = parts[-2]
    known = _STEP_RANKS.get(last)
    leads = not line[: number.start].strip(b" \t|[(#") or line[: number.start].strip() in (name, name + b":")
    if known is not None:
        return known
    if name.lower() in _LABELS and leads:
        return 3
    if number.total is not None and not is_telling(name):
        return RATIO
    return LEADING if leads else None


def counters(line: bytes, found: list[Field]) -> list[tuple[int, int]]:
    """Return (rank, index) of the numbers of a line that may be its step, the likeliest first."""
    ranks = [rank(line, number) for number in found[:24]]
    if len(ranks) > 1 and ranks[0] in (RATIO, LEADING) and _follows(line, *found[:2]):
        ranks[1] = INNER
    return sorted((r, index) for index, r in enumerate(ranks) if r is not None)


def _follows(line: bytes, first: Field, second: Field) -> bool:
    """Whether the second of two nameless counters stands next to the first: `[1, 200]`, `[1/9][20/500]`."""
    between = line[first.total[1] if first.total else first.end : second.start]
    whole = _INTEGER.match(line, second.start, second.end) and not second.suffix
    return bool(whole) and not first.name and not second.name and not between.strip(b" \t,:;|[]()-")


def head(line: bytes, found: list[Field], ranked: list[tuple[int, int]]) -> bytes | None:
    """Return the family a line belongs to, or None if it can be of none."""
    scored = (index for index, number in enumerate(found) if is_telling(number.name))
    index = ranked[0][1] if ranked else next(scored, None)
    if index is None and found and line[:1] == b"|":
        index = 0  # a line of a box says one thing
    if index is None:
        return None
    first = found[index]
    inside = _OBJECT.search(line, 0, first.start)
    if inside is not None:  # the order of its keys tells nothing
        return masked(line[: inside.start()]) + b"{"
    said = next((_between(line, first, other) for other in found[index + 1 :] if is_quality(other.name)), b"")
    return (
        masked(line[: first.start]) + (b"#/#" if first.total else b"#") + (b" val" if is_val(said) else b"")
    )


def _between(line: bytes, first: Field, second: Field) -> bytes:
    """Return the text between two numbers, without the name of the second."""
    return line[first.end : second.start].rpartition(second.name)[0]


def rank_span(line: bytes) -> tuple[int, int] | None:
    """Return where a line that a launcher put a rank before tells that rank: `[rank3]: step 5`."""
    found = _RANK.match(line)
    return found.span(1) if found else None


Column = tuple[str, bytes, Unit, tuple[int, int]]
"""Metric, printed name, unit and span of one number of a line."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the lines of one family are read."""

    head: bytes
    counter: tuple[int, bytes] | None
    """Rank and name of the step; None for lines that print none."""
    epoch: tuple[int, bytes] | None = None
    """The same of the epoch within which the step counts."""
    base: int = 1
    """Number of the first epoch."""
    quality: frozenset[bytes] = frozenset()
    """Names one of which every record has; empty if any will do."""
    names: frozenset[bytes] = frozenset()
    """All names of a typical record."""
    aliases: Mapping[bytes, str] = field(default_factory=dict)
    pattern: str = "learned"
    """Tells families apart: another kind of step line that begins anew is another run."""
    alone: bool = False
    """Whether the counter stands on a line of its own, and the numbers of its record on others."""
    main: bool = True
    """False for lines that stand beside the records and are none."""

    def kind(self, names: set[bytes]) -> str | None:
        """Return the table kind of a line with fields of these names; None if it was cut short."""
        if self.alone:
            return TRAIN
        alike = 2 * len(self.names & names) >= max(1, len(self.names) + (self.counter is None))
        if not self.main:
            return EVAL
        if not alike and self.quality & names:
            own = {b"", *(place[1] for place in (self.counter, self.epoch) if place)}
            return TRAIN if 2 * len(names - self.names - own) > len(self.names) else None
        if not alike:
            return EVAL
        if not self.quality & names and any(is_val(name) and is_quality(name) for name in names):
            return EVAL
        return TRAIN


class LearnedMatcher:
    """Matches the lines of learnt families, and evaluations wherever they name themselves."""

    prefix = b""

    def __init__(self, plans: Mapping[bytes, Plan]) -> None:
        self.plans = plans
        self._main = next(plan for plan in plans.values() if plan.main)
        self._has_loss = any(self._means_loss(name) for name in self._main.quality)
        self._stages: dict[bytes, Plan] = {}
        self._ranked: dict[Layout, Layout] = {}
        self._boxed = any(plan.alone and plan.head[:1] == b"|" for plan in plans.values())
        self._layouts: dict[tuple[object, ...], Layout] = {}

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a line of a learnt family; `start` is 0, as its lines have no prefix."""
        boxed = self._boxed and line[:1] == b"|"
        if not boxed and not relevant(line):
            return None
        found = fields(line)
        ranked = counters(line, found)
        family = head(line, found, ranked)
        rank = rank_span(line)
        plan = self.plans.get(family or b"")
        if boxed and (plan is None or not plan.alone):
            columns = self._metrics(found, set(), plan.aliases if plan else {}, False)
            return self._match("beside", EVAL, columns, None) if len(columns) == 1 else None
        if family is None:
            return None
        if plan is None:
            plan = self._stage(family, found, ranked)
        if plan is None:
            match = self._evaluation(line, found, ranked)
        else:
            match = self._read(plan, family, found, ranked)
        return match if match is None or rank is None else self._of_rank(match, rank)

    def _of_rank(self, match: Match, rank: tuple[int, int]) -> Match:
        known = self._ranked.get(match.layout)
        if known is None:
            if len(self._ranked) > 4096:
                self._ranked.clear()
            known = self._ranked[match.layout] = match.layout.extended(("rank",))
        return Match(known, (*match.spans, rank))

    def _means_loss(self, name: bytes) -> bool:
        return (self._main.aliases.get(name) or canonical(name.decode("utf-8", "replace"))) == LOSS

    def _stage(self, family: bytes, found: list[Field], ranked: list[tuple[int, int]]) -> Plan | None:
        """Return the plan of a record with another head: that of a later stage, or of another tag."""
        main, names = self._main, {number.name for number in found}
        if main.counter is None or not main.quality & names or _find(main.counter, found, ranked) is None:
            return None
        if 2 * len(main.names & names) < len(main.names) or not (_SUMMARY | _VAL).isdisjoint(words(family)):
            return None
        if family not in self._stages:
            if len(self._stages) >= _MAX_STAGES:
                self._stages.clear()
            tag = f"{main.pattern}-{zlib.crc32(family):08x}"
            self._stages[family] = replace(main, head=family, pattern=tag)
        return self._stages[family]

    def _read(
        self, plan: Plan, family: bytes, found: list[Field], ranked: list[tuple[int, int]]
    ) -> Match | None:
        columns: list[Column] = []
        taken: set[int] = set()
        for what, place in (("step", plan.counter), (EPOCH, plan.epoch)):
            if place is None:
                continue
            index = _find(place, found, ranked)
            if index is None:
                return None
            number = found[index]
            taken.add(index)
            columns.append((what, b"" if what == "step" else number.name, Unit(), (number.start, number.end)))
            if number.total is not None:
                columns.append(("total" if what == "step" else _EPOCHS, b"", Unit(), number.total))
        names = {number.name for number in found}
        kind = plan.kind(names)
        if kind is None:
            return None
        whole = plan.epoch is not None and any(column[0] == "total" for column in columns)
        metrics = self._metrics(found, taken, plan.aliases, kind == EVAL and is_val(family))
        columns += metrics if kind == TRAIN else self._beside(metrics)
        if not plan.alone and not any(column[0] not in META_COLUMNS for column in columns):
            return None
        return self._match(plan.pattern, kind, columns, plan.base if whole else None)

    def _evaluation(self, line: bytes, found: list[Field], ranked: list[tuple[int, int]]) -> Match | None:
        """Return the match of a line that says of itself that it is about validation."""
        scores = [f for f in found if is_quality(f.name) or f.name.lower() in _VAL]
        if not scores:
            return None
        inside = is_val(line[: scores[0].start])
        if not inside and not any(is_val(f.name) for f in scores):
            return None
        main = next(plan for plan in self.plans.values() if plan.main)
        at = next((index for r, index in ranked if r < RATIO), None) if main.epoch is None else None
        if main.counter is not None and at is None and not (_SAYS_VAL.match(line) and b" = " not in line):
            return None
        columns = self._beside(self._metrics(found, {index for _, index in ranked}, {}, inside))
        if at is not None:
            columns.insert(0, ("step", b"", Unit(), (found[at].start, found[at].end)))
        return self._match("evaluation", EVAL, columns, None) if columns else None

    def _beside(self, metrics: list[Column]) -> list[Column]:
        """Return the metrics of a line that is no record: the loss is what the records say it is."""
        if not self._has_loss:
            return metrics
        named = [(decode(c[1], _MAX_NAME) if c[0] == LOSS else c[0], *c[1:]) for c in metrics]
        return [column for column in named if column[0] != LOSS]

    @staticmethod
    def _metrics(
        found: list[Field], taken: set[int], aliases: Mapping[bytes, str], validation: bool
    ) -> list[Column]:
        """Return every named number that is not taken."""
        columns = []
        seen: set[str] = set(META_COLUMNS)
        for index, number in enumerate(found):
            if index in taken or not number.name:
                continue
            text = number.name.decode("utf-8", "replace")
            metric = aliases.get(number.name) or canonical(text)
            if validation and (metric == LOSS or set(words(number.name)) <= _PLAIN_LOSS):
                metric = VAL_LOSS
            if metric not in seen:
                seen.add(metric)
                columns.append((metric, number.name, number.unit(metric), (number.start, number.end)))
        return columns

    def _match(
        self,
        pattern: str,
        kind: str,
        columns: list[Column],
        base: int | None,
    ) -> Match:
        unique = {column[0]: column for column in reversed(columns)}
        columns = [column for column in columns if unique[column[0]] is column]
        key = (pattern, kind, base, *(column[:3] for column in columns))
        layout = self._layouts.get(key)
        if layout is None:
            if len(self._layouts) > 4096:  # names that hold random text: never grow without bound
                self._layouts.clear()
            printed = {metric: raw.decode("utf-8", "replace") for metric, raw, _, _ in columns if raw}
            names = tuple(column[0] for column in columns)
            epochs = None if base is None else _epochs(names, base)
            if epochs is not None:
                names = ("step", "total", *(names[index] for index in epochs.rest))
            layout = self._layouts[key] = Layout(
                kind,
                pattern,
                names,
                tuple(column[2] for column in columns),
                {metric: text for metric, text in printed.items() if metric != text},
                epochs=epochs,
            )
        return Match(layout, tuple(column[3] for column in columns))


def _epochs(names: tuple[str, ...], first: int) -> Epochs:
    """Return how a step and a total that count within an epoch become those of the whole run."""
    at = {name: index for index, name in enumerate(names)}
    rest = tuple(index for name, index in at.items() if name not in ("step", "total", _EPOCHS))
    return Epochs(at[EPOCH], at["total"], at["step"], at.get(_EPOCHS), None, rest, first)


def _find(place: tuple[int, bytes], found: list[Field], ranked: list[tuple[int, int]]) -> int | None:
    return next((index for r, index in ranked if (r, found[index].name) == place), None)
