"""What it took: throughput, step times, GPUs and host, energy, money, ranks."""

from __future__ import annotations

import numpy as np

from runwatch.core import rank_pace
from runwatch.core.batch import NODE
from runwatch.core.metrics import (
    DATA_TIME,
    LOSS,
    MFU,
    SAMPLES_PER_SEC,
    STEP_TIME,
    TFLOPS,
    TOKENS_PER_SEC,
    is_of_machine,
    label,
)
from runwatch.core.plural import counted
from runwatch.render import numbers
from runwatch.reports.analysis import Analysis, Options, gpus
from runwatch.reports.document import Cell, Figure, Section, Sentence, Table, paragraph, section
from runwatch.reports.evidence import RunEvidence
from runwatch.reports.sections import words
from runwatch.reports.timeline import StepTimes, ends

_SPEEDS = (TOKENS_PER_SEC, SAMPLES_PER_SEC, MFU, TFLOPS)
_MOST = 40
_FEW = 16
"""Values from which the first tenth is compared with the last."""
CHANGED = 0.05
"""Change of the throughput from its first tenth to its last that is worth a word."""


def speed(analysis: Analysis) -> Section | None:
    """Return throughput and step times."""
    curves = analysis.stage.curves
    found = [curves[name] for name in _SPEEDS if name in curves and np.isfinite(curves[name].summary.last)]
    rows = []
    for curve in found:
        early, late = ends(curve)
        metric, summary = curve.metric, curve.summary
        known = (curve.mean, summary.minimum, summary.maximum, early, late)
        rows.append((Cell(label(metric), metric), *(words.cell(metric, x) for x in known)))
    columns = ("metric", "mean", "lowest", "highest", "first tenth", "last tenth")
    said: list[Sentence | str] = []
    if found and found[0].summary.count >= _FEW:
        early, late = ends(found[0])
        name, change = label(found[0].metric), late / early - 1 if early else 0.0
        if abs(change) < CHANGED:
            said.append(
                f"Throughput ({name}) stayed level: the last tenth is within {abs(change):.1%} of the first."
            )
        else:
            side = "above" if change > 0 else "below"
            said.append(f"Throughput ({name}) ended {abs(change):.1%} {side} where it began.")
    said += _step_times(analysis, analysis.times) if analysis.times is not None else []
    said += _data(analysis)
    shown = found[0] if found else curves.get(STEP_TIME)
    figure = None
    if shown is not None and shown.summary.count >= _FEW:
        figure = Figure(label(shown.metric), shown.metric, (words.line(shown),))
    return section(
        "speed", "Speed", paragraph(*said), Table(columns, tuple(rows), right=(1, 2, 3, 4, 5)), figure
    )


def _step_times(analysis: Analysis, times: StepTimes) -> list[str]:
    d = numbers.duration
    of = "" if times.of == times.count else f" (of the newest {times.of:,})"
    spread = (
        f"{d(times.mean)} on average; the median{of} is {d(times.median)}, 9 of 10 "
        f"%s between {d(times.low)} and {d(times.high)}. The slowest %s {d(times.slowest)}"
        f"{_at(times.slowest_step)}."
    )
    if analysis.stage.of_iterations:
        said = [f"Its steps are epochs. An iteration took {spread % ('took', 'took')}"]
        one, took = "printed time", "is" if times.slow == 1 else "are"
    elif times.every <= 1:
        said = [f"A step took {spread % ('took', 'took')}"]
        one, took = "step", "took"
    else:
        said = [
            f"The log prints one step time for every {times.every:,.0f} steps, {times.count:,} in all. "
            f"They are {spread % ('are', 'is')} Each may be of one step or the mean of several."
        ]
        one, took = "printed time", "is" if times.slow == 1 else "are"
        said += _by_the_clock(analysis)
    if times.slow:
        said.append(
            f"{counted(times.slow, one)}{of} {took} more than twice the median: "
            f"{d(times.slow_seconds)} beyond it in total."
        )
    return said


def _by_the_clock(analysis: Analysis) -> list[str]:
    """Return what a step took by the dates of lines: there, steps without a printed time count too."""
    course, clock = analysis.course, analysis.stage.clock
    steps = float(np.ptp(clock.steps)) if clock is not None and course is not None else 0.0
    if course is None or not steps or analysis.stage.restarts:
        return []
    return [f"By the times of its lines, a plain step took {numbers.duration(course.plain / steps)}."]


def _data(analysis: Analysis) -> list[str]:
    """Return how much of a step is spent waiting for data."""
    waits, times = analysis.stage.curves.get(DATA_TIME), analysis.times
    if waits is None or times is None or not times.mean:
        return []
    part = waits.mean / times.mean
    if not 0 <= part <= 1:
        return []
    return [f"Of this, {numbers.duration(waits.mean)} ({part:.1%}) is waiting for data."]


def machine(run: RunEvidence, analysis: Analysis, options: Options) -> Section | None:
    """Return what GPUs and host did, energy and cost."""
    curves = {name: curve for name, curve in analysis.stage.curves.items() if is_of_machine(name)}
    memory = {n: c for n, c in analysis.stage.curves.items() if n.lower() in ("memory", "mem", "gpu memory")}
    rows = [
        (
            Cell(name, name),
            *(words.cell(name, x) for x in (c.mean, c.summary.minimum, c.summary.maximum, c.summary.last)),
        )
        for name, c in [*curves.items(), *memory.items()][:_MOST]
    ]
    columns = ("measured", "mean", "lowest", "highest", "last")
    left_out = max(0, len(curves) + len(memory) - _MOST)
    table = Table(columns, tuple(rows), left_out, right=(1, 2, 3, 4))
    return section("machine", "GPUs, host, energy and cost", paragraph(*spent(run, analysis, options)), table)


def spent(run: RunEvidence, analysis: Analysis, options: Options) -> list[str]:
    """Return energy and cost in words, as far as they are known."""
    clock = analysis.stage.clock
    if clock is None or not clock.length:
        if options.price is not None:
            return ["No cost is stated: nothing says how long the run took."]
        return []
    number, why = gpus(run, options)
    said = []
    power = [
        c.mean for n, c in analysis.stage.curves.items() if n.startswith("gpu/") and n.endswith("/power")
    ]
    if power:
        watts, hours = float(np.sum(power)), clock.length / 3600
        said.append(
            f"The {counted(len(power), 'measured GPU')} drew {watts:,.0f} W on average, which makes "
            f"{watts * hours / 1000:,.3g} kWh over {numbers.duration(clock.length)}."
        )
    if number is not None:
        hours = number * clock.length / 3600
        text = f"It used {hours:,.4g} GPU-hours: {counted(number, 'GPU')} ({why})"
        text += f" for {numbers.duration(clock.length)}"
        text += "" if clock.pauses else ", pauses left out"
        said.append(f"{text}.")
        if options.price is not None:
            said.append(f"At {options.price:g} per GPU-hour that costs {hours * options.price:,.2f}.")
    elif options.price is not None:
        per = clock.length / 3600 * options.price
        said.append(
            f"At {options.price:g} per GPU-hour it costs {per:,.2f} per GPU; nothing says how many GPUs it "
            "used (--gpus does)."
        )
    return said


def ranks(analysis: Analysis) -> Section | None:
    """Return how far each rank is, and which differ."""
    found = analysis.stage.ranks
    if len(found) < 2:
        return None
    trained = sum(state.step is not None for state in found.values()) > 1
    rows = []
    known = {rank: state for rank, state in found.items() if state.done is not None}
    edge = rank_pace.newest(state.pace for state in found.values())
    for rank, state in list(known.items())[:_MOST]:
        done = state.step if trained else state.done
        loss = state.latest.get(LOSS)
        node, number = divmod(rank, NODE)
        rows.append((
            Cell(f"{number} of node {node}" if node else str(rank), rank),
            Cell(numbers.step(done), done), words.cell(LOSS, loss),
            words.cell(STEP_TIME, state.step_time(edge)),
        ))  # fmt: skip
    steps = [done for state in found.values() if (done := state.step if trained else state.done) is not None]
    silent = len(found) - len(known)
    said = f"{counted(len(known), 'rank')} reported how far {'it was' if len(known) == 1 else 'they were'}."
    said += f" {counted(silent, 'other')} printed no step." if silent else ""
    if steps and trained:
        behind = sum(step < max(steps) for step in steps)
        said += f" All are at {words.step(max(steps))}." if not behind else (
            f" {counted(behind, 'rank')} ended before {words.step(max(steps))}, the last of them at "
            f"{words.step(min(steps))}."
        )  # fmt: skip
    columns = ("rank", "step" if trained else "done", "loss", "step time")
    table = Table(columns, tuple(rows), max(0, len(known) - _MOST), right=(1, 2, 3))
    return section("ranks", "Ranks", paragraph(said), table)


def _at(step: float) -> str:
    return f", at {words.step(step)}" if np.isfinite(step) else ""
