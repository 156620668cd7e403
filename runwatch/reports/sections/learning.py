"""What was learned: the loss, validation against training, the learning rate, the gradient norm."""

from __future__ import annotations

import numpy as np

from runwatch.core.metrics import (
    LR_MULTIPLIER,
    VAL_LOSS,
    goal,
    is_bookkeeping,
    is_of_machine,
    label,
    of_held_out,
)
from runwatch.core.plural import counted, listed
from runwatch.render import numbers
from runwatch.reports.analysis import Analysis, Validation, evaluations
from runwatch.reports.document import (
    NOTE,
    WARNING,
    Cell,
    Figure,
    Pin,
    Section,
    Sentence,
    Table,
    paragraph,
    section,
)
from runwatch.reports.evidence import Curve
from runwatch.reports.schedule import FEWEST as RATES
from runwatch.reports.schedule import Schedule
from runwatch.reports.sections import words
from runwatch.reports.shape import FEWEST, SEEN, Shape

_USUAL = frozenset({"loss", "train loss", "training loss", "trn loss", "total loss", "avg loss"})
_FEW = 6
_MANY_TIMES = 9.0
_SPIKES = 12
_MOST = 60
_KINDS = {
    "fast drop": "It dropped fast and then tapered off",
    "steady fall": "It fell over most of the run",
    "late fall": "It fell late",
    "flat": "It did not fall by more than its own noise",
    "rise": "It rose",
    "fall and rise": "It fell and then rose again",
}


def loss(analysis: Analysis) -> Section | None:
    """Return the curve of the loss, in a figure and in words."""
    curve, shape = analysis.loss, analysis.shape
    if curve is None:
        known = ", ".join(list(analysis.stage.curves)[:8]) or "none"
        return section("loss", "Loss", paragraph(f"No training loss was found. Metrics that were: {known}."))
    summary, metric = curve.summary, curve.metric
    if summary.count == summary.nonfinite:
        all_bad = f"None of the {counted(summary.count, 'value')} of the loss is a finite number."
        return section("loss", "Loss", paragraph(Sentence(all_bad, WARNING)))
    finite = " finite value" if summary.nonfinite else ""
    single = " single value" if shape is not None and shape.noisy else ""
    said = [
        f"The {label(metric)}{_printed(curve)} has {counted(summary.count, 'value')}: the "
        f"first{finite} is {_v(metric, summary.first)}, the last{finite} {_v(metric, summary.last)}, the "
        f"lowest{single} {_v(metric, summary.minimum)}{_at(summary.minimum_step)}, the highest{single} "
        f"{_v(metric, summary.maximum)}{_at(summary.maximum_step)}."
    ]
    if others := _other_losses(analysis):
        said.append(f"Other losses are listed under all metrics: {others}.")
    if summary.nonfinite:
        said.append(f"{summary.nonfinite:,} of them {_is(summary.nonfinite)} NaN or Inf.")
    if shape is None:
        said.append(f"Its shape is not stated: that takes {FEWEST} finite values at growing steps.")
        return section("loss", "Loss", paragraph(*said), _figure(analysis, curve))
    return section(
        "loss", "Loss", paragraph(*said, *_shape(curve, shape), *_spikes(analysis)), _figure(analysis, curve)
    )


def _printed(curve: Curve) -> str:
    """Return what the log calls the loss, where that is a name of its own."""
    name = curve.printed.replace("_", " ").replace("/", " ").strip().lower()
    plain = not name or name in _USUAL or name == label(curve.metric).lower()
    return "" if plain else f" (printed as {curve.printed})"


def _other_losses(analysis: Analysis) -> str:
    """Return the names of further losses in training."""
    main = analysis.loss
    named = [
        curve.printed or metric
        for metric, curve in analysis.stage.curves.items()
        if "loss" in metric.lower() and not of_held_out(metric)
        if main is not None and metric != main.metric
    ]
    return listed(named, _FEW)


def _shape(curve: Curve, shape: Shape) -> list[str]:
    metric, placed = curve.metric, curve.placed
    kind = _KINDS[shape.kind]
    start = "the first value" if shape.few == 1 else f"median of the first {shape.few}"
    end = f"median of the last {shape.of}{' condensed values' if shape.few == 1 else ''}"
    levels = f"from {_v(metric, shape.first)} ({start}) to {_v(metric, shape.last)} ({end})"
    said = [f"{kind}: {levels}."]
    length = shape.last_step - shape.first_step
    if (
        shape.kind in ("fast drop", "steady fall", "late fall", "fall and rise")
        and shape.most_step == shape.most_step
    ):
        part = (shape.most_step - shape.first_step) / length if length > 0 else 0.0
        said.append(
            f"Half of its fall was done by {words.step(shape.half_step, placed)} and nine tenths by "
            f"{words.step(shape.most_step, placed)}, {part:.0%} of the way."
        )
    if shape.kind == "fall and rise":
        said.append(
            f"Its best median was {_v(metric, shape.best)} at {words.step(shape.best_step, placed)}; at the "
            f"end it is {_percent(shape.last - shape.best, shape.best)} above that."
        )
    elif shape.flat_since == shape.flat_since and shape.kind not in ("flat", "rise"):
        since, hidden = words.step(shape.flat_since, placed), numbers.percent(shape.hidden)
        said.append(
            f"It is on a plateau: no median after {since} is better by {hidden} or more."
            if shape.hidden <= SEEN
            else f"No median after {since} is better beyond its noise, which hides changes below {hidden}."
        )
    if not curve.broken and not shape.level:
        said.append(_now(curve, shape))
    if shape.relative and shape.scatter > 0:
        said.append(f"Single values scatter by {numbers.percent(shape.scatter)} from one to the next.")
    return said


def _now(curve: Curve, shape: Shape) -> str:
    metric, unit = curve.metric, "step" if curve.placed else "value"
    recent = f"Since {words.step(shape.slope_from, curve.placed)}"
    levels = f"from {_v(metric, shape.recent_first)} to {_v(metric, shape.last)}"
    per = _unit(shape.last_step - shape.slope_from)
    if shape.trend == "flat":
        if abs(shape.recent) < 0.01:
            return f"{recent} it changed by {abs(shape.recent):.1%}, which is next to nothing."
        return f"{recent} it had no trend that is clear above its noise ({levels})."
    word = "fell" if shape.trend == "falls" else "rose"
    of = unit if per == 1 else f"{per:,} {unit}s"
    return f"{recent} it {word}: {levels}, by {_v(metric, abs(shape.slope) * per)} per {of}."


def _unit(steps: float) -> int:
    """Return the number of steps that a slope is stated for: a power of ten that is not more than `steps`."""
    return next((unit for unit in (1000, 100, 10) if unit <= steps), 1)


def _spikes(analysis: Analysis) -> list[Sentence]:
    rows = [row for row in analysis.stage.incidents if row.rule == "loss_spike" and row.state != "pending"]
    if not rows:
        return []
    rows.sort(key=lambda row: row.step or 0)
    steps = ", ".join(numbers.step(row.step) for row in rows[:_SPIKES] if row.step is not None)
    more = f" and {len(rows) - _SPIKES} more" if len(rows) > _SPIKES else ""
    return [
        Sentence(f"The rule loss_spike reported {counted(len(rows), 'spike')}: at step {steps}{more}.", NOTE)
    ]


def _figure(analysis: Analysis, curve: Curve) -> Figure:
    lines = [words.line(curve)]
    validation = analysis.validation
    placed = validation is not None and curve.placed and validation.curve.placed
    if validation is not None and placed and validation.curve.metric == VAL_LOSS:
        lines.append(words.line(validation.curve))
    positive = curve.summary.minimum > 0
    wide = positive and curve.summary.maximum > 20 * curve.summary.minimum
    pins = [Pin(float(step), "restart", "restart") for step in analysis.stage.restarts]
    pins += [Pin(float(row.step), row.title, "incident") for row in analysis.trouble if row.step is not None]
    if len(lines) > 1 and validation is not None and np.isfinite(validation.best_step):
        pins.append(Pin(validation.best_step, "best validation", "best"))
    unit = "step" if curve.placed else "value"
    return Figure("Loss", curve.metric, tuple(lines), tuple(pins[:40]), log=wide, x_label=unit)


def validation(analysis: Analysis) -> Section | None:
    """Return what evaluations gave, the best and the last, and the gap to training."""
    found = evaluations(analysis.stage)
    if not found:
        return None
    rows = []
    for metric, curve in list(found.items())[:_MOST]:
        summary, aim = curve.summary, goal(metric)
        best, at = {
            "min": (summary.minimum, summary.minimum_step),
            "max": (summary.maximum, summary.maximum_step),
        }.get(aim, (None, None))
        rows.append((
            Cell(label(metric), metric), Cell(f"{summary.count:,}", summary.count),
            words.cell(metric, summary.first), words.cell(metric, best),
            words.place(at),
            words.cell(metric, summary.last), Cell(words.aim(metric)),
        ))  # fmt: skip
    columns = ("metric", "evaluations", "first", "best", "at step", "last", "")
    table = Table(columns, tuple(rows), max(0, len(found) - _MOST), right=(1, 2, 3, 4, 5))
    main = analysis.validation
    figure = None
    if main is not None and main.curve.metric != VAL_LOSS and main.curve.summary.count > 2:
        figure = Figure(label(main.curve.metric), main.curve.metric, (words.line(main.curve),))
    said = _validated(analysis, main) if main is not None else []
    return section("validation", "Validation", paragraph(*said), table, figure)


def reward(analysis: Analysis) -> Section | None:
    """Return what episodes or replies earned."""
    curve = analysis.reward
    if curve is None or curve.summary.count == curve.summary.nonfinite:
        return None
    summary, metric = curve.summary, curve.metric
    said = (
        f"The {label(metric)} has {counted(summary.count, 'value')}: the first is "
        f"{_v(metric, summary.first)}, the last {_v(metric, summary.last)}, the highest "
        f"{_v(metric, summary.maximum)}{_at(summary.maximum_step)}, the lowest "
        f"{_v(metric, summary.minimum)}{_at(summary.minimum_step)}."
    )
    figure = Figure(label(metric), metric, (words.line(curve),))
    return section("reward", "Reward", paragraph(said), figure)


def _validated(analysis: Analysis, main: Validation) -> list[str]:
    metric = main.curve.metric
    name = label(metric)
    if main.curve.summary.count == 1:
        return [f"There was one evaluation: {name} {_v(metric, main.last)}{_at(main.last_step)}."]
    said = [
        f"The best {name} is {_v(metric, main.best)}{_at(main.best_step)}, the last "
        f"{'finite one ' if main.curve.broken else ''}{_v(metric, main.last)}{_at(main.last_step)}."
    ]
    if main.curve.broken:
        said.append("The last evaluation is NaN or Inf.")
    elif main.after_best and main.worse > 0:
        many = counted(main.after_best, "evaluation")
        said.append(f"{many} followed the best one; the last is {_worse(metric, main)}.")
    elif main.last == main.best:
        same = "the best one" if main.last_step == main.best_step else "as good as the best one"
        said.append(f"The last evaluation is {same}.")
    first, last = main.first_gap, main.last_gap
    if last is not None:
        side = "above" if last.size >= 0 else "below"
        said.append(
            f"At the last evaluation validation is {_v(metric, abs(last.size))} {side} training "
            f"({_v(metric, last.validation)} against {_v(metric, last.training)}, the median of the "
            "values before)."
        )
    if first is not None and last is not None and first.step < last.step:
        side = "above" if first.size >= 0 else "below"
        said.append(f"At {words.step(first.step)} it was {_v(metric, abs(first.size))} {side}.")
    return said


def _worse(metric: str, main: Validation) -> str:
    """Return how much worse the last value is than the best."""
    if not np.isfinite(main.worse):
        return f"{_v(metric, main.behind)} worse"
    if main.worse > _MANY_TIMES and not main.larger:
        return f"{main.last / main.best:,.0f} times as high"
    return f"{numbers.percent(main.worse)} worse"


def learning_rate(analysis: Analysis) -> Section | None:
    """Return the schedule of the learning rate, and how well it fits."""
    curve, found = analysis.rate, analysis.schedule
    if curve is None:
        return None
    first, last = (_v(curve.metric, x) for x in (curve.summary.first, curve.summary.last))
    name, many = label(curve.metric), counted(curve.summary.count, "value")
    said = [Sentence(f"The {name} has {many}, from {first} to {last}.")]
    if found is None:
        said.append(Sentence(f"Its schedule is not stated: that takes {RATES} values."))
    else:
        said += _schedule(analysis, curve, found)
    figure = Figure(label(curve.metric), curve.metric, (words.line(curve),))
    return section("learning_rate", "Learning rate", paragraph(*said), figure)


def _schedule(analysis: Analysis, curve: Curve, found: Schedule) -> list[Sentence]:
    metric, placed = curve.metric, curve.placed
    so_far = " so far" if _cut(analysis) else ""
    said = [Sentence(f"Schedule: {found.name}{so_far}.")]
    if found.kind == "irregular":
        back = " Steps went back, so that several launches may be mixed." if analysis.stage.restarts else ""
        near = f" ({found.detail})" if found.detail else ""
        return [*said, Sentence(f"It follows none of the known schedules{near}.{back}", NOTE)]
    if found.kind == "unclear" and not found.warmup:
        return [*said, Sentence(f"{found.detail[:1].upper()}{found.detail[1:]}.", NOTE)]
    if found.warmup:
        form = {"linear": "linearly ", "cosine": "along a cosine "}.get(found.warmup, "")
        where = words.step(found.peak_step, placed)
        said.append(Sentence(f"It rose {form}to its peak of {_v(metric, found.peak)} at {where}."))
    elif found.kind != "constant":
        said.append(
            Sentence(f"Its peak of {_v(metric, found.peak)} is at {words.step(found.peak_step, placed)}.")
        )
    if found.kind == "constant" and found.peak <= 0:
        said.append(
            Sentence("It is zero throughout: printed with too few digits, or nothing was learned.", NOTE)
        )
    if found.held_until == found.held_until:
        said.append(Sentence(f"It stayed there until {words.step(found.held_until, placed)}."))
    if found.detail and found.kind != "warm-up":
        said.append(Sentence(f"{found.detail[:1].upper()}{found.detail[1:]}."))
    if found.end == found.end:
        said.append(
            Sentence(
                f"The fitted decay ends at {words.step(found.end, placed)}, at {_v(metric, _floor(found))}."
            )
        )
    if found.residual == found.residual and found.kind not in ("constant", "step", "warm-up"):
        exact = "less than 0.001%" if found.residual < 1e-5 else f"{found.residual:.2g} of the peak"
        said.append(Sentence(f"Residual of the fit (root mean square): {exact}."))
    return [*said, *_planned(analysis, found)]


def ends_as_planned(analysis: Analysis) -> bool:
    """Return whether the schedule ends where the run was planned to end."""
    found, total = analysis.schedule, analysis.stage.total
    placed = analysis.rate is not None and analysis.rate.placed
    known = placed and found is not None and total is not None and found.end == found.end
    return known and found is not None and total is not None and abs(found.end - total) <= 0.03 * total


def _planned(analysis: Analysis, found: Schedule) -> list[Sentence]:
    """Return whether the schedule ends where the run does."""
    stage = analysis.stage
    if ends_as_planned(analysis):
        return [Sentence("It ends where the run was planned to end.")]
    placed = analysis.rate is not None and analysis.rate.placed
    if placed and stage.total is not None and (stage.last_step or 0) > 1.02 * found.end:
        text = f"It ends before the planned {stage.total:,} steps; after that it stayed at its floor."
        return [Sentence(text)]
    return []


def gradient(analysis: Analysis) -> Section | None:
    """Return the gradient norm."""
    curve = analysis.gradient
    if curve is None or curve.summary.count == curve.summary.nonfinite:
        return None
    summary, metric = curve.summary, curve.metric
    values = curve.newest_values[np.isfinite(curve.newest_values)]
    last = _v(metric, summary.last)
    end = f"NaN or Inf at the end, its last finite value {last}" if curve.broken else f"{last} at the end"
    said = [
        f"The gradient norm is {end}; its lowest value is "
        f"{_v(metric, summary.minimum)}{_at(summary.minimum_step)}, its highest {_v(metric, summary.maximum)}"
        f"{_at(summary.maximum_step)}."
    ]
    if len(values) >= FEWEST and summary.maximum - summary.minimum < 1e-3 * summary.maximum:
        said.append("It is the same at every step: it is limited by clipping, or printed after it.")
    elif len(values) >= FEWEST:
        of = "all" if len(values) == summary.count else f"the newest {len(values):,}"
        said.append(
            f"Of {of} values the median is {_v(metric, float(np.median(values)))}, the 99th percentile "
            f"{_v(metric, float(np.percentile(values, 99)))}."
        )
    if summary.nonfinite:
        said.append(f"{counted(summary.nonfinite, 'value')} {_is(summary.nonfinite)} NaN or Inf.")
    wide = summary.minimum > 0 and summary.maximum > 20 * summary.minimum
    figure = Figure("Gradient norm", metric, (words.line(curve),), log=bool(wide))
    return section("gradient", "Gradient norm", paragraph(*said), figure)


def metrics(analysis: Analysis) -> Section | None:
    """Return a row of exact figures for every metric."""
    rows = []
    found = [c for n, c in analysis.stage.curves.items() if not is_of_machine(n)]
    found.sort(key=lambda curve: is_bookkeeping(curve.metric))
    for curve in found[:_MOST]:
        summary, metric = curve.summary, curve.metric
        rows.append((
            Cell(metric, metric), Cell(f"{summary.count:,}", summary.count),
            *(words.cell(metric, x) for x in (summary.first, summary.last, summary.minimum)),
            words.place(summary.minimum_step),
            words.cell(metric, summary.maximum),
            words.place(summary.maximum_step),
            Cell(f"{summary.nonfinite:,}", summary.nonfinite),
        ))  # fmt: skip
    columns = ("metric", "values", "first", "last", "lowest", "at", "highest", "at", "NaN/Inf")
    table = Table(columns, tuple(rows), max(0, len(found) - _MOST), right=tuple(range(1, 9)))
    return section("metrics", "All metrics", table)


def _floor(found: Schedule) -> float:
    floor = found.floor if abs(found.floor) > 1e-9 * found.peak else 0.0  # what a fit leaves of zero
    return max(0.0, floor) if abs(floor) < 1e-3 * found.peak else floor


def _cut(analysis: Analysis) -> bool:
    fraction = analysis.stage.fraction
    return fraction is not None and fraction < 0.95


def _v(metric: str, number: float | None) -> str:
    return words.value(metric, number) if metric != LR_MULTIPLIER else numbers.si(number)


def _at(step: float) -> str:
    return f" at {words.step(step)}" if np.isfinite(step) else ""


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _percent(part: float, whole: float) -> str:
    return numbers.percent(part / abs(whole)) if whole else "-"
