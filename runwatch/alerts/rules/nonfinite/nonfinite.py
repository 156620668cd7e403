"""A metric became NaN or infinite.

Reason: a NaN loss never recovers by itself and burns the rest of the budget.
Formula: the first non-finite training loss is critical, and so is a validation loss unless the training
loss is finite. Such a validation loss alone is a warning, and so is a gradient norm that is NaN for the
second time in `grad_window` samples, or where no loss of training is printed; else, and if it is infinite
without a printed loss scale, it is a note: the losses behind it are NaN if its update was made. All are
critical from `grad_count` in `grad_window` samples on (but for norms with finite ones between them while the
loss falls) or when the loss is non-finite too.
Latched until `streak` finite samples in a row. There is no warm-up. Lines that say of a loss that it is NaN
and are no records, `Loss: nan`, are a warning from the `lines`-th on, and critical from four times as many
where no loss is read; a restart ends that. They are a note where finite losses of training are printed
between them: an evaluation prints one that it does not compute.

Example: 'loss is NaN since step 31,216', critical at the first such row.

What to do: stop the run, since every step from now on is lost; go back to the last
checkpoint before that step, with a lower learning rate or without the batches that
followed it. A gradient norm alone that is skipped (fp16) can be watched. Of a throughput or a time,
check how the program measures it.

Traps: fp16 loss scaling overflows by design (an info while the scale searches its level), and once more
whenever it tries a higher scale, even where no scale is printed, so that a norm alone is noted once; metrics
that are non-finite from their first sample were never computed (z-scores, averages over no steps), but for a
loss of held-out data, which counts as such lines do; a gradient norm that was never finite is not that of
the updates while losses are finite, since no weights survive one: a note, unless the loss does not fall in
`grad_window` rows (critical after `scale_search`); a perplexity overflows although its loss is finite; what
follows from a NaN loss is not news; means over the episodes that ended are NaN in an interval in which none
did, a share of a variance is where nothing varies, and a time is infinite where its rate was rounded to 0,
which are notes (the last of these one for all); the first loss of a log may be infinite, and at step 0 NaN,
before anything was computed.

Sources: Megatron-LM's and Lightning's own NaN checks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from runwatch.alerts.rules.base import NOWHERE, Place, RankRule, in_stream_order, place, threshold
from runwatch.alerts.rules.baseline import Floats
from runwatch.alerts.rules.common.beginning import is_among_first
from runwatch.alerts.rules.common.context import Recent, newest, surge
from runwatch.alerts.rules.common.roles import over_episodes
from runwatch.alerts.rules.common.trend import falls
from runwatch.core.batch import Event
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import (
    GRAD_NORM,
    HELD_OUT,
    LEARNING_RATE,
    LOSS,
    LOSS_SCALE,
    VAL_BPB,
    VAL_LOSS,
    goal,
    is_bookkeeping,
    is_of_machine,
    label,
    of_held_out,
)

_FATAL = frozenset({LOSS, VAL_LOSS, VAL_BPB})
_SOUND = 4
"""Finite losses of training to a line that says NaN from which that is another loss."""
_LINES = "loss in lines without a record"
"""What lines say is reported under this name."""
_CONTEXT = (LOSS, GRAD_NORM, LEARNING_RATE, LOSS_SCALE)
_HARMLESS = ("ppl", "perplexity", "explained_variance", "explained variance", "decreased", "improved")
"""Parts of names of what overflows, has nothing to divide by, or is the best so far, at first infinite."""
_TESTED = re.compile(rf"(?:^|[^a-z]){HELD_OUT}[ _/.-]?loss$", re.IGNORECASE)
"""A loss of held-out data by another name: also if it was never finite, its values are news."""
_MOST_LOSSES = 128
"""Losses of which it is seen whether they fall."""
_MAX_METRICS = 1024
"""Metrics that are watched; a log may print any number of names."""


@dataclass
class _Watch:
    """What is remembered of one metric."""

    rows: int = 0
    begun: float | None = None
    """Where the first row is."""
    trained: bool = False
    """Whether it is the loss of held-out data, and one of training was printed before its first row."""
    last: tuple[float, Place] | None = None
    """The newest finite value."""
    before: tuple[float, Place] | None = None
    """The same where what fires began."""
    bad: tuple[int, ...] = ()
    """Row numbers of the newest non-finite samples."""
    calm: Place | None = None
    """Where the present run of finite samples began, while firing."""
    firing: Severity | None = None
    title: str = ""
    notes: int = 0
    """How often a gradient norm was worth a note alone."""
    harmless: bool = False
    """Whether it is a gradient norm that was never finite while the loss fell."""

    def is_known(self) -> bool:
        """Whether what fires is a note that was made once already."""
        return self.firing is Severity.INFO and self.notes > 1


@dataclass
class NonFinite(RankRule):
    """Fires at the first NaN or infinite value."""

    name: ClassVar[str] = "nonfinite"
    summary: ClassVar[str] = "A loss, gradient norm or other metric is NaN or infinite."

    streak: int = threshold(20, "finite samples in a row that end the incident")
    grad_count: int = threshold(
        3, "non-finite gradient norms, or validation losses, within grad_window that are critical"
    )
    grad_window: int = threshold(10, "samples within which grad_count is counted")
    scale_search: int = threshold(100, "first samples in which an fp16 loss scale may still overflow often")
    lines: int = threshold(4, "lines without a record that say of a loss that it is NaN")

    _watches: dict[str, _Watch] = field(default_factory=dict, init=False, repr=False)
    _sound: int = field(default=0, init=False, repr=False)
    """Finite losses of training since the newest such line."""
    _counted: int = field(default=0, init=False, repr=False)
    """Such lines up to then."""
    _said: Severity | None = field(default=None, init=False, repr=False)
    """How severe what lines without a record say was reported to be."""
    _recent: dict[str, Recent] = field(
        default_factory=lambda: {name: Recent(_MOST_LOSSES) for name in _CONTEXT}, init=False, repr=False
    )

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge every metric of a block; findings of different metrics are put in stream order."""
        for name, recent in self._recent.items():
            recent.push(block.samples.get(name))
        found: list[tuple[float, Finding]] = []
        for metric, samples in block.samples.items():
            if not is_among_first(metric, self._watches, _MAX_METRICS):
                continue
            watch = self._watches.setdefault(metric, _Watch())
            if watch.begun is None:
                watch.begun = float(samples.offset[0])
                watch.trained = metric == VAL_LOSS and newest(self._recent[LOSS], watch.begun) is not None
            finite = np.isfinite(samples.value)
            if watch.firing is None and finite.all():
                watch.last = (float(samples.value[-1]), place(samples, -1))
            else:
                found += self._scan(metric, watch, samples, finite)
            watch.rows += len(samples)
        return in_stream_order([*found, *self._lines(block)])

    def _lines(self, block: Block) -> list[tuple[float, Finding]]:
        """Judge what lines without a record say of a loss."""
        found: list[tuple[float, Finding]] = []
        lines = [(event.offset, event) for event in block.events if event.kind == "nan"]
        losses = block.samples.get(LOSS)
        sound = np.empty(0) if losses is None else losses.offset[np.isfinite(losses.value)]
        since = -np.inf
        for offset, event in sorted(
            [*((at, None) for at in block.restarts), *lines], key=lambda each: each[0]
        ):
            self._sound += int(np.count_nonzero((sound > since) & (sound <= offset)))
            since = offset
            finding = self._restart() if event is None else self._line(event)
            self._sound = 0
            if finding is not None:
                found.append((float(offset), finding))
        self._sound += int(np.count_nonzero(sound > since))
        return found

    def _restart(self) -> Finding | None:
        said, self._said = self._said, None
        return None if said is None else self.clear(NOWHERE, _LINES)

    def _line(self, event: Event) -> Finding | None:
        count = int(event.data.get("count", "1"))
        many = count >= 4 * self.lines and LOSS not in self._watches
        severity = Severity.CRITICAL if many else Severity.WARNING
        new, self._counted = count - self._counted, count
        if self._sound >= _SOUND * max(1, new):
            severity = Severity.INFO
        known = not severity.exceeds(self._said)
        if count < self.lines or known or any(self._is_firing(metric) for metric in _FATAL):
            return None
        self._said = severity
        return self.say(
            Verdict.FIRING,
            severity,
            f"a loss is NaN in line after line: {event.title[:80]}",
            Place(event.step, event.line),
            metric=_LINES,
            advice=_STOP,
            evidence={"lines": count},
        )

    def _is_firing(self, metric: str) -> bool:
        watch = self._watches.get(metric)
        return watch is not None and watch.firing is not None

    def _scan(
        self, metric: str, watch: _Watch, samples: Samples, finite: NDArray[np.bool_]
    ) -> list[tuple[float, Finding]]:
        """Jump from one non-finite sample that says something new to the next."""
        found: list[tuple[float, Finding]] = []
        bad = np.flatnonzero(~finite)
        if watch.last is None and (metric not in _FATAL or watch.trained) and metric != GRAD_NORM:
            computed = bad > (np.argmax(finite) if finite.any() else len(finite))
            again = bad >= self.lines - 1 - watch.rows if _TESTED.search(metric) else computed
            bad = bad[computed | again]
        if not watch.rows and metric == LOSS and (np.isposinf(samples.value[0]) or samples.step[0] == 0):
            bad = bad[bad > 0]  # what the first row holds before anything was computed
        carried = len(watch.bad)
        bad = np.concatenate([np.asarray(watch.bad, np.int64) - watch.rows, bad])
        calm_after = np.diff(bad, append=len(samples)) > self.streak
        known = carried - 1 if watch.firing else carried
        """Index into `bad` up to which all has been judged."""
        while known < len(bad):
            if watch.firing is None and watch.title and _is_rounded(metric, samples.value[bad[known]]):
                known += 1  # it was said once
            elif watch.firing is None:
                found += self._hit(metric, watch, samples, bad, known)
            elif calm_after[known]:
                found += self._clear(metric, watch, samples, int(bad[known]))
                known += 1
            elif watch.harmless or watch.firing is Severity.CRITICAL or not _worsens(metric):
                calm = np.flatnonzero(calm_after[known:])
                known = known + int(calm[0]) if len(calm) else len(bad)
            else:
                known += 1
                if known < len(bad):
                    found += self._hit(metric, watch, samples, bad, known)
        if watch.firing and (not len(bad) or bad[-1] < len(samples) - 1):
            begin = int(bad[-1]) + 1
            watch.calm = place(samples, begin) if begin >= 0 else watch.calm
        watch.bad = tuple((bad[-self.grad_count :] + watch.rows).tolist())
        if finite.any():
            newest_finite = len(finite) - 1 - int(np.argmax(finite[::-1]))
            watch.last = (float(samples.value[newest_finite]), place(samples, newest_finite))
        return found

    def _clear(self, metric: str, watch: _Watch, samples: Samples, bad: int) -> list[tuple[float, Finding]]:
        """End the incident: row `bad` (negative: in an earlier block) was the last non-finite one."""
        where = place(samples, bad + 1) if bad >= -1 else watch.calm
        assert where is not None
        known, watch.firing = watch.is_known(), None
        return [] if known else [(float(samples.offset[bad + self.streak]), self.clear(where, metric))]

    def _hit(
        self, metric: str, watch: _Watch, samples: Samples, bad: NDArray[np.int64], index: int
    ) -> list[tuple[float, Finding]]:
        """Judge non-finite sample `bad[index]`; nothing when it is no worse than what is known."""
        row, first = int(bad[index]), index - self.grad_count + 1
        many = (
            first >= 0 and row - bad[first] < self.grad_window and not (watch.trained and watch.last is None)
        )
        offset = float(samples.offset[row])
        before = np.flatnonzero(np.isfinite(samples.value[:row]))
        if len(before):
            watch.last = (float(samples.value[before[-1]]), place(samples, int(before[-1])))
        infinite = bool(np.isinf(samples.value[row])) and watch.firing in (None, Severity.INFO)
        if many and (infinite or metric == GRAD_NORM) and row - bad[first] >= self.grad_count:  # not in a row
            many = not falls(self._losses(offset))
        again = index > 0 and row - bad[index - 1] < self.grad_window
        severity = self._severity(metric, offset, watch.rows + row, many=many, again=again, infinite=infinite)
        if metric == GRAD_NORM and watch.last is None:
            severity = self._never_finite(watch, offset, watch.rows + row) or severity
        if _is_rounded(metric, samples.value[row]) or self._uncomputed(metric, watch, offset):
            severity = Severity.INFO
        if not severity.exceeds(watch.firing):
            return []
        if watch.firing is None:
            kind = "NaN" if np.isnan(samples.value[row]) else "infinite"
            watch.title = f"{label(metric)} is {kind} since {place(samples, row)}"
            watch.before = watch.last
            watch.notes += metric == GRAD_NORM and severity is Severity.INFO
        watch.firing = severity
        if watch.is_known():
            return []
        finding = self.say(
            Verdict.FIRING,
            severity,
            watch.title,
            place(samples, row),
            metric=metric,
            cause=self._cause(metric, offset),
            advice=_advice(metric, severity, never=watch.last is None),
            evidence=self._evidence(metric, watch, offset),
        )
        return [(offset, finding)]

    def _severity(
        self, metric: str, offset: float, row: int, *, many: bool, again: bool, infinite: bool
    ) -> Severity:
        if metric in _FATAL or _validates(metric):
            alone = newest(self._recent[LOSS], offset) is not None  # not if it is that loss itself
            return Severity.WARNING if alone and not many else Severity.CRITICAL
        loss_bad = self._is_bad(LOSS, offset)
        if metric == GRAD_NORM:
            scale = newest(self._recent[LOSS_SCALE], offset)
            if scale is not None and scale > 1 and not loss_bad:
                searching = row < self.scale_search
                # the scaler skips the step and halves its scale
                return Severity.CRITICAL if many and not searching else Severity.INFO
            if many or loss_bad:
                return Severity.CRITICAL
            single = not again and bool(newest(self._recent[LOSS], offset))
            return Severity.INFO if single or (infinite and scale is None) else Severity.WARNING
        harmless = any(word in metric.lower() for word in _HARMLESS) or over_episodes(metric)
        return Severity.INFO if loss_bad or harmless else Severity.WARNING

    def _never_finite(self, watch: _Watch, offset: float, row: int) -> Severity | None:
        """Judge a gradient norm that was never finite by the losses so far, if there are any above 0."""
        assert watch.begun is not None
        values = self._losses(offset, since=watch.begun)
        if not values.any() or not np.isfinite(values).all():
            return None
        watch.harmless, known = falls(values), min(row + 1, len(values))
        if watch.harmless or known < self.grad_window:
            return Severity.INFO
        return Severity.WARNING if known < min(self.scale_search, _MOST_LOSSES) else Severity.CRITICAL

    def _losses(self, offset: float, since: float = -np.inf) -> Floats:
        """Return the newest losses up to an offset."""
        losses = self._recent[LOSS].until(offset, min(self.scale_search, _MOST_LOSSES))
        return losses.value[losses.offset >= since]

    def _uncomputed(self, metric: str, watch: _Watch, offset: float) -> bool:
        """Whether a loss of held-out data was never finite, next to losses of training that are."""
        if watch.last is not None or watch.begun is None or not _TESTED.search(metric):
            return False
        newest_row = self._recent[LOSS].until(offset, 1)
        between = len(newest_row) > 0 and float(newest_row.offset[0]) > watch.begun
        return between and bool(np.isfinite(newest_row.value[0]))

    def _is_bad(self, metric: str, offset: float) -> bool:
        value: Floats = self._recent[metric].until(offset, 1).value
        return len(value) > 0 and not np.isfinite(value[0])

    def _cause(self, metric: str, offset: float) -> str:
        if metric != LOSS and metric in _FATAL and self._is_bad(LOSS, offset):
            return f"{label(LOSS)} was already non-finite"
        causes = []
        if metric != GRAD_NORM:
            norms = self._recent[GRAD_NORM].until(offset - 1, 16)
            bad = np.flatnonzero(~np.isfinite(norms.value))
            if len(bad):
                causes.append(f"grad norm was already non-finite at {place(norms, int(bad[0]))}")
            causes.append(surge(self._recent[GRAD_NORM], GRAD_NORM, offset))
        if metric != LOSS:
            causes.append(surge(self._recent[LOSS], LOSS, offset, factor=2.0))
        if newest(self._recent[LOSS_SCALE], offset) not in (None, 1.0):
            causes.append("fp16 loss scaling is in use")
        return "; ".join(cause for cause in causes if cause)

    def _evidence(self, metric: str, watch: _Watch, offset: float) -> dict[str, float | int | str | None]:
        evidence: dict[str, float | int | str | None] = {}
        if watch.before is not None:
            evidence["last_finite"], (evidence["last_finite_step"], _) = watch.before
        for name in (LEARNING_RATE, LOSS_SCALE):
            value = newest(self._recent[name], offset)
            if value is not None:
                evidence[name] = value
        if metric != GRAD_NORM:
            norms = self._recent[GRAD_NORM].until(offset - 1, 64).value
            norms = norms[np.isfinite(norms)]
            if len(norms):
                evidence["grad_norm_before"] = float(norms[-1])
                evidence["grad_norm_median"] = float(np.median(norms))
        return evidence


def _is_rounded(metric: str, value: float) -> bool:
    """Whether a value is a time or rate whose inverse was rounded to 0."""
    return bool(np.isinf(value)) and _MEASURED.search(metric) is not None


def _worsens(metric: str) -> bool:
    """Whether more non-finite samples of a metric are worse than the first one."""
    return metric == GRAD_NORM or _validates(metric)


def _validates(metric: str) -> bool:
    """Whether a metric is a loss of an evaluation: one that is NaN may be of that evaluation alone."""
    return metric == VAL_BPB or (metric.startswith("val/") and metric.endswith("loss"))


def _advice(metric: str, severity: Severity, *, never: bool) -> str:
    """Return what to do about a metric: what clips gradients does not cure a clock."""
    if severity is Severity.INFO:
        return ""
    if severity is Severity.CRITICAL:
        return _NEVER if never else _STOP
    if _MEASURED.search(metric) or is_bookkeeping(metric) or is_of_machine(metric):
        return _OF_MEASURE
    if metric == LEARNING_RATE:
        return _OF_SCHEDULE
    if of_held_out(metric) or goal(metric) == "max":
        return _OF_EVALUATION
    return _WATCH


_MEASURED = re.compile(
    r"^perf/|per_sec|time$|(?:^|[/_])(?:mfu|tflops|throughput|speed|fps)(?:$|_)", re.IGNORECASE
)
_NEVER = "It was never finite: check the data, the initialization and the precision."
_STOP = "Stop; go back to a checkpoint from before this step, and skip the batch or lower the learning rate."
_WATCH = "Watch whether it stays; check gradient clipping and the newest batches."
_OF_MEASURE = "Training continues. Check how the program measures it: it may divide by a time or count of 0."
_OF_SCHEDULE = "Check the schedule: one update with this learning rate makes every weight NaN."
_OF_EVALUATION = (
    "Check how it is computed, for example over an empty set, and whether the training loss is finite."
)
