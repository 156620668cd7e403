"""A run's report: its evidence made into a document."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from runwatch import __version__
from runwatch.reports.analysis import Analysis, Options, analyze
from runwatch.reports.document import Document, Section
from runwatch.reports.evidence import RunEvidence
from runwatch.reports.missing import Mentions
from runwatch.reports.sections import absent, cost, judgement, learning, origin, outcome


def report(run: RunEvidence, now: float, options: Options, mentions: Mentions | None = None) -> Document:
    """Return the report of a run; `now` is the Unix time at which it was read.

    `mentions` are lines that mention what was not read (`missing.mentioned`).
    """
    analyses = tuple(analyze(stage, run.facts) for stage in run.stages)
    found = [each for each in _sections(run, analyses, options, mentions or {}) if each is not None]
    made = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(now))
    subtitle = f"{run.name} {judgement.ending(run)}"
    return Document(
        title=run.name,
        subtitle=subtitle,
        tone=judgement.tone(run, analyses, mentions or {}),
        sections=tuple(found),
        made=f"runwatch {__version__}, {made}",
    )


def _sections(
    run: RunEvidence, analyses: tuple[Analysis, ...], options: Options, found: Mentions
) -> Iterator[Section | None]:
    yield judgement.verdict(run, analyses, found)
    yield judgement.signs(run, analyses)
    yield judgement.look_into(analyses, found)
    yield origin.what_ran(run, options)
    for each in analyses:
        for part in _of_stage(run, each, options):
            yield part if len(analyses) == 1 or part is None else _named(part, each.stage.name)
    yield outcome.last_lines(run)
    yield origin.settings(run)
    yield absent.missing(run, analyses, options, found)


def _of_stage(run: RunEvidence, analysis: Analysis, options: Options) -> Iterator[Section | None]:
    yield origin.when(analysis)
    yield learning.loss(analysis)
    yield learning.reward(analysis)
    yield learning.validation(analysis)
    yield learning.learning_rate(analysis)
    yield learning.gradient(analysis)
    yield cost.speed(analysis)
    yield cost.machine(run, analysis, options)
    yield cost.ranks(analysis)
    yield outcome.checkpoints(analysis)
    yield outcome.results(analysis)
    yield outcome.incidents(analysis)
    yield learning.metrics(analysis)


def _named(part: Section, stage: str) -> Section:
    return replace(part, title=f"{part.title}: {stage}")
