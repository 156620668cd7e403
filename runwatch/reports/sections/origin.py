"""What ran, and when: name, sources, code, data, software, hardware, configuration; the timeline."""

from __future__ import annotations

from collections.abc import Mapping

from runwatch.core.metrics import LEARNING_RATE, label
from runwatch.core.plural import listed
from runwatch.render import numbers
from runwatch.reports.analysis import Analysis, Options, gpus
from runwatch.reports.comparison.variables import group_of
from runwatch.reports.document import Cell, FactList, Section, Sentence, Table, Timeline, paragraph, section
from runwatch.reports.evidence import RunEvidence, StageEvidence
from runwatch.reports.sections import words

MOST_SETTINGS = 80
_FEW = 5
_NOTHING = ("", "None", "null")
_HIDDEN = ("report/", "checkpoint/")


def what_ran(run: RunEvidence, options: Options) -> Section | None:
    """Return what ran, where, from which code and data."""
    number, why = gpus(run, options)
    facts: list[tuple[str, Cell]] = [
        ("name", Cell(run.name, run.name)),
        ("format", Cell(run.format or "unknown", run.format)),
        ("read from", Cell(_sources(run), len(run.sources))),
        ("lines", Cell(f"{run.lines:,}, of which {run.unparsed:,} say nothing of training", run.lines)),
    ]
    facts += [("GPUs", Cell(f"{number} ({why})", number))] if number is not None else []
    for kind in ("identity", "code", "data", "software", "hardware", "summary"):
        found: Mapping[str, str] = getattr(run.facts, kind)
        found = {
            name: text
            for name, text in found.items()
            if (name, text) != ("name", run.name) and text not in _NOTHING
        }
        facts += [(_named(name), Cell(text, text)) for name, text in list(found.items())[:20]]
    return section("run", "What ran", FactList(tuple(facts)))


def settings(run: RunEvidence) -> Section | None:
    """Return the configuration."""
    found = list(run.facts.settings.items())
    if len(found) > MOST_SETTINGS:  # those that decide what is learned are shown
        found.sort(key=lambda each: (not group_of(each[0]), each[0].count("/")))
    rows = tuple((Cell(_named(name)), Cell(text, text)) for name, text in found[:MOST_SETTINGS])
    table = Table(("setting", "value"), rows, max(0, len(found) - MOST_SETTINGS))
    return section("configuration", "Configuration", table)


def launches(stage: StageEvidence) -> list[str]:
    """Return how many launches made training records, if the log shows several."""
    trained = 1 + sum(records < stage.records for records, _ in stage.launches)
    return [f"The log has {trained:,} launches that trained."] if trained > 1 else []


def went_back(stage: StageEvidence) -> list[str]:
    """Return that steps were done again, or that several trainings are mixed, if it is so."""
    said = []
    if again := stage.begun_again:
        said.append(
            f"Training began again {words.times(len(again))} from {words.step(again[0])}: counts, first, "
            f"lowest and highest values are of {words.all_of(len(again) + 1)} trainings together, shapes and "
            "trends of the last."
        )
    if back := [step for step in stage.restarts if step not in again and not stage.within_epochs]:
        steps = ", ".join(numbers.step(step) for step in back[:_FEW]) + (" ..." if len(back) > _FEW else "")
        which = "steps" if len(back) > 1 else "step"
        said.append(
            f"It went back {words.times(len(back))}, to {which} {steps}, and did again what followed."
        )
    if stage.within_epochs:
        said.append(
            f"Its steps went back {words.times(len(stage.restarts))} while the epoch grew: they are steps of "
            "an epoch, not of the run."
        )
    if not said and stage.epochs_fell:
        many = words.times(stage.epochs_fell)
        said.append(f"Its epoch went back {many}: figures of several trainings are mixed.")
    return said


def when(analysis: Analysis) -> Section | None:
    """Return when it ran, how long, and what it did when."""
    stage, clock, course = analysis.stage, analysis.stage.clock, analysis.course
    facts: list[tuple[str, Cell]] = [
        ("training records", Cell(f"{stage.records:,}", stage.records)),
        ("first step", Cell(numbers.step(stage.first_step), stage.first_step)),
        ("last step", Cell(numbers.step(stage.last_step), stage.last_step)),
    ]
    if stage.total is not None:
        done = f" ({numbers.percent(stage.fraction)} done)" if stage.fraction is not None else ""
        facts.append(("planned steps", Cell(f"{stage.total:,}{done}", stage.total)))
    if stage.epoch_steps is not None:
        facts.append(("steps of an epoch", Cell(f"{stage.epoch_steps:,}", stage.epoch_steps)))
    if clock is None:
        said = "It is not known when steps were made, so no times are stated."
        return section("time", "Time", FactList(tuple(facts)), paragraph(said))
    if clock.began is not None:
        facts.append(("first record", Cell(words.moment(clock.began), clock.began)))
        end = clock.began + clock.length
        facts.append(("last record", Cell(words.moment(end), end)))
    facts.append(("from first to last record", Cell(numbers.duration(clock.length), clock.length)))
    note = f"Times are by {clock.source}."
    if not clock.pauses:
        note += " They leave out evaluations, checkpoints and other pauses."
    if clock.each > 1:
        note += (
            f" One is printed for every {clock.each:,.0f} steps and taken as that of each of them. If it is "
            f"that of all of them together, they took {numbers.duration(clock.length / clock.each)}."
        )
    if course is None:
        return section("time", "Time", FactList(tuple(facts)), paragraph(note, *_notes(analysis)))
    rows = [_row("plain training steps", "", course.plain, course.length)]
    rows += [
        _row(
            each.cause,
            f"{each.times:,}" if each.times else "",
            each.seconds,
            course.length,
            each.longest,
            each.longest_step,
        )
        for each in course.lost
    ]
    table = Table(("phase", "times", "seconds", "share", "longest"), tuple(rows), right=(1, 2, 3))
    return section(
        "time",
        "Time",
        FactList(tuple(facts)),
        Timeline(course.parts),
        table,
        paragraph(note, *_notes(analysis)),
    )


def _notes(analysis: Analysis) -> list[Sentence]:
    course, times = analysis.course, analysis.times
    said = []
    if course is not None:
        said.append(Sentence("What came before the first record is not part of it."))
    if course is not None and course.condensed:
        said.append(Sentence("The series is condensed: short pauses may count as plain steps."))
    first = times is not None and times.slowest_step <= (analysis.stage.first_step or 0) + 1
    if times is not None and first and times.slowest > 3 * times.median:
        many = times.slowest / times.median
        said.append(
            Sentence(
                f"The first step time is {numbers.duration(times.slowest)}, {many:.0f} times as long as "
                "usual: compiling and warming up."
            )
        )
    return said


def _row(
    phase: str, times: str, seconds: float, whole: float, longest: float = 0.0, at: float = 0.0
) -> tuple[Cell, ...]:
    return (
        Cell(phase, phase),
        Cell(times),
        Cell(numbers.duration(seconds), round(seconds, 3)),
        Cell(words.share(seconds, whole), seconds / whole if whole else None),
        Cell(f"{numbers.duration(longest)} after {words.step(at)}" if longest else ""),
    )


def _sources(run: RunEvidence) -> str:
    parts = [path.rstrip("/").split("/") for path in run.sources]
    names = [each[-1] or path for each, path in zip(parts, run.sources, strict=True)]
    if len(set(names)) < len(names):
        names = ["/".join(each[-3:]) for each in parts]
    return listed(names, 4)


def _named(name: str) -> str:
    return label(name) if name == LEARNING_RATE else name.removeprefix("config.")
