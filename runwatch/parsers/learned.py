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
from runwatch.metrics import EPOCH, LEARNING_RATE, LOSS, VAL_LOSS, Unit, canonical
from runwatch.parsers.fields import Field, fields
from runwatch.parsers.learn_sections import VAL_SECTION, Sections
from runwatch.parsers.learn_words import (
    EPOCH_RANK,
    RATIO,
    SAVES,
    TOLD_AGAIN,
    VAL,
    counters,
    head,
    is_boxed,
    is_quality,
    is_rate,
    is_val,
    place,
    relevant,
    told_by,
    words,
)
from runwatch.parsers.learned_turns import Turns, placed
from runwatch.parsers.patterns import Epochs, Layout, Match
from runwatch.parsers.patterns import number as parsed
from runwatch.parsers.tongues import spelled
from runwatch.text import decode

_PLAIN_LOSS = frozenset(b"lm loss value avg average mean total".split()) | (
    VAL - {b"test", b"tested", b"testing"}
)
_SAYS_VAL = re.compile(
    rb"(?i)(?:(?!\s)[^a-z]*(?:(?:(?:info|main|root|[\w.]+\.py)\b|[\w.]{1,40}:)[^a-z]*)*|\s{1,8})"
    rb"(?:val|test|eval)"
)
"""A line whose first word, behind what loggers print, is about validation."""
_LAST = re.compile(rb"\b(?i:final|last)\b")
"""Stands where others have a number: `layer 0`, `layer 1`, `layer final`."""
_MAX_STAGES = 64
"""Heads of records, besides those learnt, that are remembered."""
_MAX_NAME = 100
_LONG = 4
"""Bytes before the first number of a record that tell where one begins."""
_EPOCHS = "epochs"
"""Stands for how many epochs there will be, where a line tells."""


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
    losses: frozenset[bytes] = frozenset()
    """Names of its losses: what holds none of them is no record."""
    unseen: bool = False
    """Whether no epoch was seen to end: the step may go on into the next one, and not begin anew."""
    turns: bool = False
    """Whether the step counts the batches of each epoch anew, and no line tells the epoch (see Turns)."""
    main: bool = True
    """False for lines that stand beside the records and are none."""
    rated: bool = False
    """Whether nothing but the learning rate is read."""

    def kind(self, names: set[bytes]) -> str | None:
        """Return the table kind of a line with values of these names; None if it was cut short."""
        if self.alone:
            return TRAIN
        alike = 2 * len(self.names & names) >= max(1, len(self.names) + (self.counter is None))
        if not self.main or (self.losses and not self.losses & names):
            return EVAL
        if not alike and self.quality & names:
            return TRAIN if 2 * len(names - self.names - {b""}) > len(self.names) else None
        if not alike:
            return EVAL
        if not self.quality & names and any(is_val(name) and is_quality(name) for name in names):
            return EVAL
        return TRAIN


class LearnedMatcher:
    """Matches the lines of learnt families, and evaluations wherever they name themselves."""

    prefix = b""

    def __init__(self, plans: Mapping[bytes, Plan], evaluated: Mapping[bytes, str] | None = None) -> None:
        """Read lines by these plans; `evaluated` tells what names mean in validation lines of no family."""
        self.plans = plans
        self._evaluated = evaluated or {}
        self._main = next(plan for plan in plans.values() if plan.main)
        self._has_loss = any(self._means_loss(name) for name in self._main.quality)
        self._stages: dict[bytes, Plan] = {}
        self._boxed = any(plan.alone and plan.head[:1] == b"|" for plan in plans.values())
        self._layouts: dict[tuple[object, ...], Layout] = {}
        lead = self._main.head.partition(b"#")[0]
        self._lead = lead if len(lead) >= _LONG and self._main.counter is not None else b""
        self._turns = Turns()
        self._newest: dict[bytes, tuple[float, float]] = {}
        """Epoch and step of the newest line, where no epoch was seen to end."""
        self._sections = Sections() if any(head.startswith(VAL_SECTION) for head in plans) else None
        if self._sections is not None or any(p.unseen or p.turns for p in plans.values()):
            self.bulk = lambda: None  # no bulk path: what a line means depends on those before it
            self.twin = lambda: LearnedMatcher(self.plans, self._evaluated)

    @property
    def head(self) -> bytes:
        """The head of its records."""
        return self._main.head

    def of_stage(self, number: int) -> LearnedMatcher:
        """Return a matcher of the same lines that has read none, as those of another stage of training."""
        plans = {
            head: replace(plan, pattern=f"stage {number} {plan.pattern}") for head, plan in self.plans.items()
        }
        return LearnedMatcher(plans, self._evaluated)

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a line of a learnt family; `start` is 0, as it sees messages alone."""
        boxed = self._boxed and is_boxed(line)
        if not boxed and not relevant(line):
            if self._sections is not None:
                self._sections.pass_by(line)
            return None
        found = fields(line)
        ranked = counters(line, found)
        family = head(line, found, ranked)
        if self._sections is not None and family is not None:
            family = self._sections.family(family, line, found, ranked)
        plan = self.plans.get(family or b"")
        if boxed and (plan is None or not plan.alone):
            columns = self._metrics(line, found, set(), plan.aliases if plan else {}, False)
            return self._match("beside", EVAL, columns, None) if len(columns) == 1 else None
        if family is None:
            return None
        if plan is None:
            behind = self._behind(line)
            if behind is not None:
                return behind
            plan = self._stage(family, found, ranked)
        if plan is None:
            return self._evaluation(line, found, ranked)
        return self._read(plan, family, line, found, ranked)

    def _behind(self, line: bytes) -> Match | None:
        """Return the match of a record behind a line that was not ended: `Valid: 0.7Epoch: 1 | Loss: 0.5`."""
        at = line.rfind(self._lead, 1) if self._lead else -1
        match = self.match(line[at:]) if at > 0 and line[at - 1 : at].isalnum() else None
        if match is None or match.layout.kind != TRAIN or line.count(self._lead) > 2:
            return None
        before = self.match(line[:at])
        if before is not None and before.layout.kind == TRAIN:  # one of the two would be lost unseen
            return None
        return Match(match.layout, tuple((begin + at, end + at) for begin, end in match.spans))

    def _means_loss(self, name: bytes) -> bool:
        return (self._main.aliases.get(name) or canonical(spelled(name))) == LOSS

    def _stage(self, family: bytes, found: list[Field], ranked: list[tuple[int, int]]) -> Plan | None:
        """Return the plan of a record with another head: that of a later stage, or of another tag."""
        main, names = self._main, {number.name for number in found}
        if main.counter is None or not main.quality & names or _find(main.counter, found, ranked) is None:
            return None
        if main.head[:1].isspace() != family[:1].isspace():  # another column
            return None
        if is_quality(family) and not is_quality(main.head):  # `Target loss 0.1 reached at step 9`
            return None
        told = b"" if _LAST.sub(b"#", family) == main.head else told_by(family)
        said = set(words(told)).difference(words(main.head))
        if 2 * len(main.names & names) < len(main.names) or not (TOLD_AGAIN | SAVES | VAL).isdisjoint(said):
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
        if plan.unseen:
            plan = self._settled(plan, line, found, ranked)
        columns: list[Column] = []
        taken: set[int] = set()
        for what, counted in (("step", plan.counter), (EPOCH, plan.epoch)):
            if counted is None:
                continue
            index = _find(counted, found, ranked)
            if index is None:
                return None
            number = found[index]
            taken.add(index)
            unit = number.unit(what) if number.suffix else Unit()
            columns.append((what, b"" if what == "step" else number.name, unit, (number.start, number.end)))
            if number.total is not None:
                columns.append(("total" if what == "step" else _EPOCHS, b"", Unit(), number.total))
        kind = plan.kind({number.name for index, number in enumerate(found) if index not in taken})
        if kind is None:
            return None
        whole = plan.epoch is not None and any(column[0] == "total" for column in columns)
        validation = kind == EVAL and is_val(family)
        if plan.alone or plan.rated:
            metrics = [_rate(f) for index, f in enumerate(found) if index not in taken and is_rate(f.name)][
                :1
            ]
        else:
            metrics = self._metrics(line, found, taken, plan.aliases, validation)
        columns += metrics if kind == TRAIN else self._beside(metrics)
        if not plan.alone and not any(column[0] not in META_COLUMNS for column in columns):
            return None
        if plan.turns and kind == TRAIN and columns[1:2] and columns[1][0] == "total":
            step, total = (parsed(line[slice(*column[3])]) for column in columns[:2])
            turns = self._turns.before(family, step, total)
            return self._match(plan.pattern, kind, columns, None, (total, turns) if turns else None)
        return self._match(plan.pattern, kind, columns, plan.base if whole else None)

    def _settled(self, plan: Plan, line: bytes, found: list[Field], ranked: list[tuple[int, int]]) -> Plan:
        """Return the plan as the first epoch to end makes it: its step begins anew, or is of all epochs."""
        wanted = (plan.epoch, plan.counter)
        at = [_find(counted, found, ranked) for counted in wanted if counted is not None]
        if None in at or len(at) < 2:
            return plan
        epoch, step = (parsed(line[found[i].start : found[i].end]) for i in at if i is not None)
        before, self._newest[plan.head] = self._newest.get(plan.head, (epoch, step)), (epoch, step)
        if epoch <= before[0]:
            return plan
        plan = replace(plan, unseen=False, epoch=plan.epoch if step <= before[1] else None)
        self.plans = {**self.plans, plan.head: plan}
        return plan

    def _evaluation(self, line: bytes, found: list[Field], ranked: list[tuple[int, int]]) -> Match | None:
        """Return the match of a line that says of itself that it is about validation."""
        splits = (f for f in found if f.name.lower() in VAL and not line[f.start : f.end].isdigit())
        scores = [*(f for f in found if is_quality(f.name)), *splits]
        if not scores:
            return None
        said = words(line[: scores[0].start])
        if b"best" in said:  # told again
            return None
        inside = not VAL.isdisjoint(said)
        if not inside and not any(is_val(f.name) for f in scores):
            return None
        main = next(plan for plan in self.plans.values() if plan.main)
        at = None
        if main.epoch is None:
            same = None if main.counter is None else _find(main.counter, found, ranked)
            at = next((index for r, index in ranked if r < RATIO), same)
        says = _SAYS_VAL.match(line) and (len(scores) > 1 or b" = " not in line)  # else it may be code
        dated = any(r == EPOCH_RANK for r, _ in ranked) and len(ranked) == 1 and inside
        if main.counter is not None and at is None and not says and not dated:
            return None
        columns = self._beside(self._metrics(line, found, {i for _, i in ranked}, self._evaluated, inside))
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
        line: bytes, found: list[Field], taken: set[int], aliases: Mapping[bytes, str], validation: bool
    ) -> list[Column]:
        """Return every named number that is not taken."""
        columns = []
        seen: set[str] = set(META_COLUMNS)
        for index, number in enumerate(found):
            if index in taken or not number.name:
                continue
            text = spelled(number.name)
            metric = aliases.get(number.name) or canonical(text)
            of = set(words(number.name))
            if validation and b"train" not in of and (metric == LOSS or of <= _PLAIN_LOSS):
                metric = VAL_LOSS
            if metric == LOSS and metric in seen and is_val(line[found[index - 1].end : number.start]):
                metric = VAL_LOSS  # Train: loss=1.2 acc=0.5 | Val: loss=1.4
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
        turned: tuple[float, int] | None = None,
    ) -> Match:
        unique = {column[0]: column for column in reversed(columns)}
        columns = [column for column in columns if unique[column[0]] is column]
        key = (pattern, kind, base, turned, *(column[:3] for column in columns))
        layout = self._layouts.get(key)
        if layout is None:
            if len(self._layouts) > 4096:  # names that hold random text: never grow without bound
                self._layouts.clear()
            printed = {metric: spelled(raw) for metric, raw, _, _ in columns if raw}
            names = tuple(column[0] for column in columns)
            epochs = None if base is None else _epochs(names, base)
            epochs = epochs if turned is None else placed(names, *turned)
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


def _rate(number: Field) -> Column:
    """Return the column of a learning rate."""
    return LEARNING_RATE, number.name, number.unit(LEARNING_RATE), (number.start, number.end)


def _epochs(names: tuple[str, ...], first: int) -> Epochs:
    """Return how a step and a total that count within an epoch become those of the whole run."""
    at = {name: index for index, name in enumerate(names)}
    rest = tuple(index for name, index in at.items() if name not in ("step", "total", _EPOCHS))
    return Epochs(at[EPOCH], at["total"], at["step"], at.get(_EPOCHS), None, rest, first)


def _find(wanted: tuple[int, bytes], found: list[Field], ranked: list[tuple[int, int]]) -> int | None:
    return next((index for r, index in ranked if place(r, found[index].name) == wanted), None)
