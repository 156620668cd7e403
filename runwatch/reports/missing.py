"""Which evidence a report lacks: what was read of no stage, and the lines of the log that mention it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from runwatch.core.metrics import (
    GRAD_NORM,
    LEARNING_RATE,
    LR_MULTIPLIER,
    SAMPLES_PER_SEC,
    STEP_TIME,
    TOKENS_PER_SEC,
    is_of_machine,
)
from runwatch.reports import mentions
from runwatch.reports.analysis import Options, evaluations, gpus, main_loss
from runwatch.reports.evidence import RunEvidence, StageEvidence
from runwatch.reports.mentions import Mention

Mentions = Mapping[str, Mention]
"""Subject -> the lines about it from which nothing was read."""

_OTHERWISE = {
    mentions.RATE: re.compile(r"\blrs?\b|learning.?rate"),
    mentions.GRADIENT: re.compile(r"grad\w*[ _/-]?norm|gnorm"),
    mentions.TIMES: re.compile(r"\btime\b|elapsed|\btook\b|seconds"),
    mentions.SPEED: re.compile(r"per[ _]sec|/s\b|(?:step|iter|batch)[ _]time"),
    mentions.MACHINE: re.compile(r"\bmem|gpu|memory|cuda"),
}
"""Names, in small letters, under which a metric of the subject was read though its meaning is not known."""


def lacking(stage: StageEvidence) -> frozenset[str]:
    """Return the subjects of which nothing was read in a stage; without any training, only that."""
    if not stage.records:
        return frozenset({mentions.LOSS})
    curves, clock = stage.curves, stage.clock
    absent = {
        mentions.LOSS: main_loss(stage) is None,
        mentions.RATE: not {LEARNING_RATE, LR_MULTIPLIER} & {*curves},
        mentions.GRADIENT: GRAD_NORM not in curves,
        mentions.VALIDATION: not evaluations(stage),
        mentions.TIMES: clock is None and not stage.of_iterations,
        mentions.DATES: stage.of_iterations if clock is None else not clock.pauses,
        mentions.SPEED: not {STEP_TIME, TOKENS_PER_SEC, SAMPLES_PER_SEC} & {*curves},
        mentions.MACHINE: not any(map(is_of_machine, curves)),
        mentions.CHECKPOINTS: not (stage.checkpoints or stage.saves),
    }
    named = " ".join(f"{metric} {curve.printed}" for metric, curve in curves.items()).lower()
    return frozenset(
        subject
        for subject, is_absent in absent.items()
        if is_absent and not (subject in _OTHERWISE and _OTHERWISE[subject].search(named))
    )


def mentioned(runs: Sequence[RunEvidence], options: Options) -> dict[str, Mentions]:
    """Return the id of each run with what its logs mention, though nothing of it was read.

    The logs are searched. Lines of a log with several runs may be about any of them: what was read of one
    is not searched for.
    """
    found: dict[str, Mentions] = {}
    searched: dict[tuple[tuple[str, ...], frozenset[str]], Mentions] = {}
    for run in runs:
        related = [each for each in runs if not set(run.logs).isdisjoint(each.logs)] or [run]
        absent = [lacking(stage) for each in related for stage in each.stages]
        subjects = absent[0].intersection(*absent)
        if all(gpus(each, options)[0] is None for each in related):
            subjects |= {mentions.GPUS}
        asked = tuple(run.logs), subjects
        if asked not in searched:  # many runs may be in one log
            searched[asked] = mentions.find(*asked)
        found[run.id] = searched[asked]
    return found


def sentence(found: Mention) -> str:
    """Return where a log mentions something that was not read."""
    numbers = ", ".join(f"{line:,}" for line in found.lines)
    where = f"Line {numbers} mentions" if len(found.lines) == 1 else f"Lines {numbers} mention"
    where = f"Lines {numbers} and more mention" if found.more else where
    return f"{where} this, but nothing about it was read: {found.example}"
