"""What to make of it: a verdict, signs of health and of trouble, what to look into, what is missing.

What the rules judge is not judged again: their incidents are the trouble. What is added here, no rule knows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runwatch.core.ending import OVER
from runwatch.core.metrics import TOKENS_PER_SEC, label
from runwatch.core.plural import counted
from runwatch.core.snapshot import IncidentRow
from runwatch.render import numbers, plain
from runwatch.reports.analysis import Analysis, Validation
from runwatch.reports.document import (
    CRITICAL,
    GOOD,
    NOTE,
    WARNING,
    Section,
    Sentence,
    items,
    paragraph,
    section,
)
from runwatch.reports.evidence import RunEvidence
from runwatch.reports.mentions import LOSS, VALIDATION
from runwatch.reports.missing import Mentions
from runwatch.reports.sections import origin, outcome, words
from runwatch.reports.sections.cost import CHANGED
from runwatch.reports.sections.learned import is_constant, learned
from runwatch.reports.sections.learning import ends_as_planned
from runwatch.reports.timeline import BETWEEN, PAUSED, SAVING, Lost, ends

_MOST = 12
_SAME = 60
"""Characters in which the words about an end agree with those of its incident."""
_LOST = 0.1
"""Share of the time lost to one cause that is worth looking into."""
_CALM = 0.03
_EARLY = 0.25
"""Part of the planned steps before which a decay may look constant."""
_STATES = {
    "running": ("is still running", ": its log was written to in the last minutes"),
    "vanished": ("ended", " without an error or a finish line"),
    "stalled": ("hangs", ""),
    "blind": ("cannot be seen", ""),
    "unknown": ("stops", ", and nothing says whether it finished"),
}


def tone(run: RunEvidence, analyses: tuple[Analysis, ...], found: Mentions) -> str:
    """Return the tone of the verdict: what was seen in part, or is of several trainings, is not good."""
    rows = [row for each in analyses for row in each.trouble if row.state != "resolved"]
    if any(row.severity == "critical" for row in rows) or run.health == "critical":
        return CRITICAL
    if rows or run.phase in ("vanished", "blind", "stalled"):
        return WARNING
    mixed = any(stage.begun_again or stage.epochs_fell for stage in run.stages)
    whole = not mixed and not _judges(found)
    return GOOD if run.state == "finished" and whole else NOTE


def _judges(found: Mentions) -> list[str]:
    """Return what would decide how well a run went, and was not read although the log mentions it."""
    return [subject for subject in (LOSS, VALIDATION) if subject in found]


def verdict(run: RunEvidence, analyses: tuple[Analysis, ...], found: Mentions) -> Section | None:
    """Return what happened in a paragraph: the end, the loss, validation, the worst trouble, what to do.

    `found` are the lines about what was not read.
    """
    said = [Sentence(f"{run.name} {ending(run)}.", tone(run, analyses, found))]
    if len(analyses) > 1:
        names = ", ".join(each.stage.name for each in analyses)
        said.append(Sentence(f"It has {len(analyses)} stages: {names}."))
    for each in analyses:
        before = f"{each.stage.name}: " if len(analyses) > 1 else ""
        parts = learned(each) if each.stage.records else [Sentence("Not one training record was found.")]
        again = origin.launches(each.stage) if len(run.logs) == 1 else []  # several logs may show one launch
        parts += [Sentence(text, NOTE) for text in (*again, *origin.went_back(each.stage))]
        said += [Sentence(before + one.text, one.tone) for one in parts]
    of = {id(row): each for each in analyses for row in each.trouble}
    rows = sorted((row for each in analyses for row in each.trouble), key=_severe)
    open_rows = [row for row in rows if row.state != "resolved"]
    worst = (open_rows or rows)[:1]
    for row in worst:
        over = f", and it was {word}" if (word := of[id(row)].over(row)) else ""
        where = f" in {of[id(row)].stage.name}" if len(analyses) > 1 else ""
        if over or not _is_end(run, row):  # how it ended is said already
            said.append(Sentence(f"The most severe finding{where} is: {row.title}{over}.", row.severity))
        if row.state != "resolved" and row.advice:
            said.append(Sentence(plain.advice(row)))
    if not rows and any(each.stage.records for each in analyses):
        said.append(Sentence("No rule found anything wrong.", GOOD))
    elif len(rows) > 1:
        said.append(
            Sentence(f"In all there are {counted(len(rows), 'finding')} of warning or critical severity.")
        )
    if unread := _judges(found):
        lines = ", ".join(f"line {found[subject].lines[0]:,}" for subject in unread)
        said.append(
            Sentence(f"The log mentions {' and '.join(unread)} ({lines}), but that was not read.", NOTE)
        )
    return section("verdict", "Verdict", paragraph(*said))


def _is_end(run: RunEvidence, row: IncidentRow) -> bool:
    """Return whether an incident is the end of its run."""
    end = run.newest.ending
    return end is not None and run.phase in OVER and end.story.startswith(row.title.rstrip("….")[:_SAME])


def _severe(row: IncidentRow) -> bool:
    return row.severity != "critical"


def ending(run: RunEvidence) -> str:
    """Return how the run ended, in words that follow its name."""
    end = run.newest.ending
    stage = f"(its last stage, {run.newest.name}) " if len(run.stages) > 1 else ""
    if end is not None and run.phase in OVER:
        reported = f" (reported by the {end.reported_by})" if end.reported_by not in ("", "log") else ""
        if run.phase == "finished":
            return f"{stage}{end.story}{reported}"
        return f"{stage}ended{_where(run)}: {end.story}{reported}"
    said, more = _STATES.get(run.phase) or _STATES.get(run.state) or (f"is {run.state}", "")
    return f"{stage}{said}{_where(run)}{more}"


def _where(run: RunEvidence) -> str:
    stage = run.newest
    if stage.last_step is None:
        return f" after {counted(stage.records, 'record')}" if stage.records else ""
    total = f" of {stage.total:,}" if stage.total is not None else ""
    return f" at {words.step(stage.last_step)}{total}"


def signs(run: RunEvidence, analyses: tuple[Analysis, ...]) -> Section | None:
    """Return the signs of health and those of trouble, each with its numbers."""
    good: list[Sentence] = []
    bad: list[Sentence] = []
    for each in analyses:
        before = f"{each.stage.name}: " if len(analyses) > 1 else ""
        good += [Sentence(before + text, GOOD) for text in _good(each)]
        bad += [Sentence(before + text, tone) for text, tone in _findings(each)[:_MOST]]
        bad += [Sentence(before + text, NOTE) for text in _bad(each)]
    if run.state == "finished" and run.newest.ending is not None:
        good.insert(0, Sentence(f"It {run.newest.ending.story}.", GOOD))
    bad += outcome.unread(run)
    if not bad and run.phase in ("vanished", "stalled", "blind"):
        bad.append(Sentence(f"It {ending(run)}.", NOTE))
    none_good, none_bad = Sentence("No sign of health was found."), Sentence("No sign of trouble was found.")
    return section(
        "signs",
        "Signs of health and of trouble",
        items(good or [none_good], "Health"),
        items(bad or [none_bad], "Trouble"),
    )


def _findings(analysis: Analysis) -> list[tuple[str, str]]:
    """Return what was found with its severity; what was found again is counted."""
    found: dict[tuple[str, str | None, str], list[IncidentRow]] = {}
    for row in analysis.trouble:
        found.setdefault((row.rule, row.metric or row.title, row.severity), []).append(row)
    return [(_finding(analysis, same), severity) for (*_, severity), same in found.items()]


def _finding(analysis: Analysis, same: Sequence[IncidentRow]) -> str:
    row = same[0]
    where = f" ({words.step(row.step)})" if row.step is not None and "step" not in row.title else ""
    times = f", {words.times(len(same))}" if len(same) > 1 else ""
    if times and same[-1].step not in (None, row.step):
        times += f", the last at {words.step(same[-1].step)}"
    over = f", {analysis.over(same[-1])} since" if all(map(analysis.over, same)) else ""
    return f"{row.title[:1].upper()}{row.title[1:]}{where}{times}{over}."


def _good(analysis: Analysis) -> list[str]:
    said = []
    loss, shape, validation = analysis.loss, analysis.shape, analysis.validation
    if loss is not None and loss.summary.count > 1 and not loss.summary.nonfinite and not is_constant(loss):
        said.append(f"All {counted(loss.summary.count, 'value')} of the {label(loss.metric)} are finite.")
    if shape is not None and shape.relative and shape.kind in ("fast drop", "steady fall", "late fall"):
        first, last = (words.value(loss.metric if loss else "", x) for x in (shape.first, shape.last))
        said.append(f"The loss fell from {first} to {last}, by {numbers.percent(shape.fell)} (medians).")
    if (
        validation is not None
        and validation.last == validation.best
        and validation.curve.summary.count > 2
        and not validation.curve.broken
    ):
        metric = validation.curve.metric
        same = "the best" if validation.last_step == validation.best_step else "as good as the best"
        said.append(f"The last {label(metric)}, {words.value(metric, validation.last)}, is {same}.")
    found = analysis.schedule
    if found is not None and found.kind not in ("irregular", "unclear"):
        said.append(f"The learning rate follows a known schedule: {found.name}.")
    if ends_as_planned(analysis):
        said.append("The schedule of the learning rate ends where the run was planned to end.")
    speed = analysis.stage.curves.get(TOKENS_PER_SEC)
    if speed is not None and speed.summary.count > 30:
        early, late = ends(speed)
        if early and abs(late / early - 1) < CHANGED:
            said.append(f"Throughput is steady: {words.value(TOKENS_PER_SEC, late)} tok/s in the last tenth.")
    course = analysis.course
    if course is not None and course.length and course.plain / course.length > 1 - _CALM:
        said.append(f"{numbers.percent(course.plain / course.length)} of the time went into plain steps.")
    return said


def _bad(analysis: Analysis) -> list[str]:
    said = []
    loss = analysis.loss
    if loss is not None and is_constant(loss) and not loss.summary.nonfinite:
        many = counted(loss.summary.count, "record")
        value = words.value(loss.metric, loss.summary.last)
        said.append(f"The {label(loss.metric)} is {value} in all {many}: nothing is learned from that.")
    shape, found = analysis.shape, analysis.schedule
    rules = {row.rule for row in analysis.stage.incidents}
    supervised = analysis.reward is None  # the loss of an agent may rise while it learns
    if (
        supervised
        and shape is not None
        and shape.kind == "rise"
        and not rules & {"divergence", "above_start"}
    ):
        said.append(
            f"The loss rose from {numbers.loss(shape.first)} to {numbers.loss(shape.last)} (medians)."
        )
    fraction = analysis.stage.fraction
    early = fraction is not None and fraction < _EARLY and found is not None and found.kind == "constant"
    clear = found is not None and found.kind not in ("unclear", "warm-up", "irregular") and not early
    if found is not None and clear and not _same(analysis.configured, found.name):
        named = analysis.configured
        said.append(f"The configuration says {named}, but the learning rate looks like {found.name}.")
    course = analysis.course
    for lost in course.lost if course is not None else ():
        if course is not None and lost.seconds > _LOST * course.length:
            said.append(
                f"{numbers.percent(lost.seconds / course.length)} of the time "
                f"({numbers.duration(lost.seconds)}) went into: {lost.cause}."
            )
    return said


_SCHEDULES = ("cosine", "linear", "constant", "polynomial", "exponential", "inverse", "step", "restart")


def _same(configured: str, recognized: str) -> bool:
    said = [word for word in _SCHEDULES if word in configured.lower()]
    return not said or any(word in recognized for word in said)


def _advised(analysis: Analysis) -> list[Sentence]:
    """Return what findings advise, notes too: what asks for the same is said once."""
    notes = [row for row in analysis.stage.incidents if row.severity == "info" and row.state == "firing"]
    found: dict[str, list[IncidentRow]] = {}
    for row in (*analysis.trouble, *notes):
        if advice := plain.advice(row):
            found.setdefault(advice, []).append(row)
    said = []
    for advice, rows in found.items():
        row = rows[0]
        where = f" ({words.step(row.step)})" if row.step is not None and "step" not in row.title else ""
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        tone = NOTE if row.severity == "info" else row.severity
        said.append(Sentence(f"{row.title[:1].upper()}{row.title[1:]}{where}{more}. {advice}", tone))
    return said


def look_into(analyses: tuple[Analysis, ...], mentioned: Mentions) -> Section | None:
    """Return what was worth looking into, with what to do.

    `mentioned` are the lines about what was not read.
    """
    found: list[Sentence] = []
    many = len(analyses) > 1
    for each in analyses:
        first = len(found)
        found += _advised(each)
        course, validation = each.course, each.validation
        for lost in course.lost if course is not None else ():
            if course is not None and lost.seconds > _LOST * course.length:
                found.append(
                    Sentence(
                        f"{lost.cause[:1].upper()}{lost.cause[1:]}: {numbers.duration(lost.seconds)} of "
                        f"{numbers.duration(course.length)}{_longest(lost)}.{_unseen(lost, mentioned)}",
                        NOTE,
                    )
                )
        one = not (each.stage.begun_again or each.stage.epochs_fell)  # else the best may be of any training
        if one and validation is not None and validation.after_best >= 2 and validation.worse > 0.02:
            metric, rival = validation.curve.metric, validation.rival
            advice = ": use a checkpoint from there if one was kept."
            if rival is not None:
                advice = (
                    f". By {label(rival.metric)} {words.step(rival.step)} is better: decide which of "
                    "them matters before you choose a checkpoint."
                )
            found.append(
                Sentence(
                    f"The best {label(metric)} was {_at(validation)}"
                    f"{counted(validation.after_best, 'evaluation')} before the end{advice}",
                    NOTE,
                )
            )
        if many:
            found[first:] = [Sentence(f"{each.stage.name}: {one.text}", one.tone) for one in found[first:]]
    unique = list({each.text: each for each in found}.values())
    more = (
        [Sentence(f"And {len(unique) - _MOST} more; the incidents list them.")] if len(unique) > _MOST else []
    )
    return section("look", "Worth looking into", items([*unique[:_MOST], *more]))


def _unseen(lost: Lost, mentioned: Mentions) -> str:
    """Return what else the time may have gone into: pauses have the causes that were read."""
    if VALIDATION not in mentioned or lost.cause not in (SAVING, BETWEEN, PAUSED):
        return ""
    return " Evaluation may be part of it: the log mentions validation, but that was not read."


def _at(validation: Validation) -> str:
    return f"at {words.step(validation.best_step)}, " if np.isfinite(validation.best_step) else ""


def _longest(lost: Lost) -> str:
    return f", the longest after {words.step(lost.longest_step)}" if lost.longest else ""
