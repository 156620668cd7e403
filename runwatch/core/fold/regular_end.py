"""Whether a log that just ends does so where runs end: then the run has probably finished.

Many programs print nothing when they are done. A cut log ends anywhere; one that is complete ends after its
last planned epoch, or after a round number of them, with the work that closes each epoch behind it; where its
schedule has brought the learning rate down to nothing; or behind words that it never printed between its
steps, such as a score of the test set. A round step alone shows nothing: rows are printed at round steps.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from runwatch.core.block import Block, Moment
from runwatch.core.ending import COMPLETE, STOPS
from runwatch.core.metrics import EPOCH, LEARNING_RATE
from runwatch.core.series import Series

_FEW = 10
"""Epochs below which a round number is chance."""
_ROUND = (10, 12, 15, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90)
"""The first two digits of numbers of epochs that people choose; others are a cut in ten."""
_DECAYED = 1e-3
"""Part of its highest learning rate at which a schedule ends; a cosine is there after 98 % of it."""
_RATES = 20
"""Training rows below which the course of a learning rate is not known."""
_REGULAR = 0.8
"""Part of the epochs behind which something was evaluated from which it is part of each."""
_BEGIN = r"(?i)(?:^|[\]|>:-] {1,4}|\bINFO +)\W{0,40}"
_SCORE = (
    r"(?:\w+_)?(?:acc(?:uracy)?|loss|score|f1|auc|results?|metrics?|m?ap|m?iou|psnr|mse|mae|rmse|ppl"
    r"|perplexity|precision)\b"
)
_WORK = (
    r"(?:script|program|job|experiment|task|everything|process(?:ing)?|pipeline|fit(?:ting)?|run|execution"
    r"|optimi[sz]ation)s?"
)
_LIMIT = r"max(?:imum)?(?: number of| num)?[ _-]?(?:epoch|step|iteration|update)s?\b"
_CLOSING = re.compile(
    _BEGIN + rf"((?:final|best|average|mean|overall|max(?:imum)?) (?!.*\bso far\b)(?:\w+ ){{0,3}}?"
    rf"(?:epoch\b|{_SCORE})"
    rf"|(?:(?:average|final|best|overall) )?test(?:ing)?(?: set|[ _]{_SCORE}|[ _]error\b"
    r"|:(?! *\[? *\d+ ?/)(?=.*\d)"
    r"| (?:\S+ ){1,3}at (?:step|epoch|iter))"
    r"|(?:total|training|elapsed|overall|execution)(?: training| run(?:ning)?| elapsed)? ?(?:run)?time\b"
    r"|time (?:taken|used|cost|elapsed|spent)\b|elapsed\b|real\s+(?=\d+m[\d.]+s\s*$)|total \d+ runs?\b"
    r"|(?:tempo|tiempo|temps) total\b|tempo totale\b|gesamtzeit\b|总(?:耗时|用时|时间)|общее время\b"
    r"|(?:el )?model[oe]? (?:treinado|entrenado|addestrato|entra[iî]n[ée]|trained)(?=[.!]*\s*$)"
    r"|(?:completed|finished|ended)(?: (?:at|on))?:? (?=\d{4}-\d\d)"
    r"|(?:training|it) took(?= \d)|(?:finished|done|completed) (?:in|after)(?= [\d.])"
    r"|(?:(?:all )?done|(?:the )?end|finished|completed?|exit(?:ing)?|(?:good)?bye)(?=[.!]*\s*$)"
    rf"|(?:all |the )?(?:\w+ )?{_WORK} (?:(?:is|are|was|were|has|have|been|successfully) )*"
    r"(?:done|finished|completed?|over|ended(?! (?:unexpect|prematur|with (?:an? )?err)))\b"
    rf"|(?:completed?|finished|done)(?: with| running)?(?: the| all)? {_WORK}\b"
    rf"|{_LIMIT}(?=.*\breached\b)|(?:stopping: )?reached (?:the )?(?:{_LIMIT}|\d+ epochs\b)"
    r"|(?:the )?(?:\w+ )?model (?:(?:was|has been) )?(?:saved|uploaded)\b"
    r"|saved (?:the )?(?:trained |final |best )?(?:model|weights)\b"
    r"|(?:saved|saving|wrote|writing|exported) (?:the |all )?(?:\w+ ){0,2}"
    r"(?:results|history|plots?|figures?|predictions|curves?)\b"
    r"|(?:results|history|plots?|figures?|predictions|curves?) (?:were |have been )?(?:saved|written)\b"
    r"|(?:\w+ ){0,2}converged\b|convergence (?:was |is )?reached\b"
    r"|confusion matrix|classification report|precision\s+recall\s+f1-score"
    r"|(?:test|final|evaluation) results?\b|evaluat\w+ (?:\w+ ){0,3}(?:test|best|final)\b)"
)
"""Words with which programs close."""
_COUNTED = re.compile(r"(?i)\bepoch\W{0,3}(\d{1,6})\b")
_SHOWN = 60
_ALIKE = 2
"""Runs of the same steps from which these are all that each does."""


@dataclass(slots=True)
class EarlyStop:
    """Where a run said last that it stops early, and the training records behind that."""

    said: Moment = field(default_factory=Moment)
    records: int = 0

    def observe(self, block: Block) -> None:
        """Take the next block."""
        stopped = max(block.marks.get(kind, -1) for kind in STOPS)
        if stopped >= 0:
            self.said, self.records = Moment.of(block, stopped), 0
        if self.said.offset >= 0 and self.said.precedes_training(block):
            newest = () if block.progress is None else block.progress.offset[-2:].tolist()
            self.records += max(1, sum(self.said.precedes(block, at) for at in newest))

    def holds(self, records: int = 0) -> bool:
        """Whether it said so, and no more records than these are behind it."""
        return self.said.offset >= 0 and self.records <= records


def is_last_row(left: float, stride: float, first: float | None) -> bool:
    """Return whether the end, `left` steps after a row, comes before the next row.

    `stride` is the distance from the row before to this one; NaN is unknown. `first` is the first step of
    the run, which counts from 0 or from 1.
    """
    spare = int(first == 0)
    return left <= spare or left < stride + spare


@dataclass(frozen=True, slots=True)
class Close:
    """A run where its log ends."""

    series: Mapping[str, Series]
    records: int
    first_step: int | None
    last_step: int | None
    by_epoch: bool
    """Whether its newest step is an epoch."""
    epoch_steps: int | None
    """Steps of an epoch, where `total` is where the newest one ends."""
    total: int | None
    planned_epochs: int | None
    planned: int | None
    """Steps in all."""
    evaluated: bool
    """Something was evaluated behind the last training record."""
    saved: bool
    """The newest thing it did is a checkpoint."""
    before: Sequence[str] = ()
    """Lines up to the newest training record, as far as they are at hand."""
    behind: Sequence[str] = ()
    """Lines behind it, all of them or none."""
    stride: float = math.nan
    """Steps from the row before to the newest one; NaN if not known."""

    def reason(self, alike: int = 0) -> str:
        """Return why the run has probably finished; "" where nothing shows that.

        `alike`: how many runs right before it in its log had the same steps.
        """
        if self._continues():
            return ""
        epochs = self._epochs()
        if epochs and self.planned_epochs == epochs:
            return f"all {epochs} planned epochs are complete"
        free = self.planned is None and self.planned_epochs is None
        if free and _is_round(epochs):
            return f"{epochs} epochs are complete, a round number"
        if self._decayed():
            return "its learning rate has come down to nothing"
        if alike >= _ALIKE and (self.evaluated or self.saved):
            return f"it has come as far as the {alike} runs before it"
        words = "" if self._is_short() else self._closing_words()
        return f"its last lines say {words!r}" if words else ""

    def _is_short(self) -> bool:
        """Whether more was planned than was done, or this cannot be compared."""
        epochs = self._begun()
        if self._each_row():  # what each epoch prints was printed before: it stopped early
            return False
        planned, last = self.planned or 0, self.last_step or 0
        if last + 1 < COMPLETE * planned and not is_last_row(planned - last, self.stride, self.first_step):
            return True
        return self.planned_epochs is not None and epochs < self.planned_epochs

    def _continues(self) -> bool:
        """Whether a line behind the newest record is of a later epoch."""
        if not self._each_row():
            return False
        found = (_COUNTED.search(line) for line in self.behind)
        return any(int(each[1]) > (self.last_step or 0) for each in found if each is not None)

    def _closing_words(self) -> str:
        """Return a line that closes, if no line like it was printed before the end."""
        if self.records < _FEW or len(self.before) < _FEW:
            return ""
        printed = {_words(found) for line in self.before for found in _CLOSING.finditer(line)}
        for line in self.behind:
            found = _CLOSING.search(line)
            if found is not None and _words(found) not in printed:
                return line[found.start(1) :].strip()[:_SHOWN]
        return ""

    @property
    def closed(self) -> bool:
        """Whether what was evaluated behind every epoch so far was behind the newest one, too."""
        return self.evaluated or not self._regular(self._begun())

    def _epochs(self) -> int:
        """Return how many epochs are complete, if the newest one is; else 0."""
        epochs = self._begun()
        if not self.closed:
            return 0
        inside = not self._each_row() and not self._ends_epoch()
        return 0 if inside and not (self.evaluated or self.saved) else epochs

    def _begun(self) -> int:
        """Return how many epochs have begun, the newest one included; 0 if that is not known."""
        if self._each_row():
            assert self.first_step is not None
            assert self.last_step is not None
            return self.last_step + (self.first_step == 0) if self.first_step <= 1 else 0
        if self.total is not None and self.epoch_steps:
            return round(self.total / self.epoch_steps)
        epoch = self.series.get(EPOCH)
        if epoch is None or not epoch.summary.last.is_integer() or not 0 <= epoch.summary.first <= 1:
            return 0
        return int(epoch.summary.last) + (epoch.summary.first == 0 and not _is_share(epoch))

    def _each_row(self) -> bool:
        """Whether each training record is that of an epoch."""
        if self.first_step is None or self.last_step is None:
            return False
        single = self.last_step - self.first_step + 1 == self.records
        return single and (self.by_epoch or (self.records > 1 and self._evaluations() >= self.records))

    def _ends_epoch(self) -> bool:
        """Whether the newest record is the last one of its epoch."""
        if self.total is not None and self.last_step is not None and self.epoch_steps:
            left = self.total - self.last_step
            return left <= max(1, 0.01 * self.epoch_steps) or is_last_row(left, self.stride, self.first_step)
        epoch = self.series.get(EPOCH)
        return epoch is not None and _is_share(epoch)

    def _evaluations(self) -> int:
        """Return how often something was evaluated."""
        return max((len(s) for name, s in self.series.items() if name.startswith("val/")), default=0)

    def _regular(self, epochs: int) -> bool:
        """Whether every epoch was evaluated, but for the newest one."""
        return max(1, _REGULAR * (epochs - 1)) <= self._evaluations() < epochs

    def _decayed(self) -> bool:
        """Whether a schedule, which still moved, has brought the learning rate to its end."""
        rate = self.series.get(LEARNING_RATE)
        if rate is None or len(rate) < _RATES:
            return False
        before, now = rate.tail(2).tolist()
        return bool(0 <= now < before and now <= _DECAYED * rate.summary.maximum)


def _words(found: re.Match[str]) -> str:
    """Return what closes, whatever its numbers."""
    return re.sub(r"\d+", "0", found[1].lower())


def _is_share(epoch: Series) -> bool:
    """Whether epochs are printed with their parts, so that a whole number is the end of one."""
    return len(epoch) > 1 and not all(value.is_integer() for value in epoch.tail(_RATES).tolist())


def _is_round(epochs: int) -> bool:
    """Whether people choose such a number of epochs, and a cut log has it by chance only."""
    if epochs < _FEW:
        return False
    head = epochs
    while head >= 100:
        head, rest = divmod(head, 10)
        if rest:
            return False
    return head in _ROUND
