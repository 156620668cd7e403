"""A comparison as a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from string import ascii_uppercase

from runwatch.core.metrics import LOSS, label
from runwatch.core.noise import STEP, TOKENS, Line, smoothed
from runwatch.render import numbers
from runwatch.render.charts import chart
from runwatch.reports import document
from runwatch.reports.comparison import words
from runwatch.reports.comparison.account import Account
from runwatch.reports.comparison.compare import HIGHER, LOWER, NOT_COMPARABLE, Comparison
from runwatch.reports.comparison.curves import over
from runwatch.reports.comparison.phrases import amount, cause, level, place, unknown
from runwatch.reports.comparison.variables import MAJOR, SEED, Difference
from runwatch.reports.document import (
    CRITICAL,
    GOOD,
    NOTE,
    WARNING,
    Cell,
    Document,
    FactList,
    Figure,
    Items,
    Sentence,
    Table,
    items,
    paragraph,
    section,
)
from runwatch.reports.evidence import RunEvidence

_SAME = "same"
_METHOD = (
    "A difference is the mean over the last quarter of the steps that both have. Its range holds 95 % of what"
    " noise would give: the noise of both curves, from means of blocks, and what another seed changes."
)
_GUESSED = (
    "What another seed changes is estimated from the slope of the loss. Add runs that differ only in their"
    " seed to measure it."
)
_POINTS = 120
"""Points of a curve: fewer than that are drawn one by one, more as means."""
_NARROW = 40
"""Characters of all names together that columns have room for."""
_MOST = 12
"""Minor differences that are listed."""


def pages(comparison: Comparison, runs: dict[str, RunEvidence], made: str = "") -> Document:
    """Return the document of a comparison; `runs` are the evidence by the names that it uses."""
    found = (
        section("runs", "Runs", _legend(comparison)),
        _differences(comparison),
        _verdict(comparison),
        _curves(comparison, runs),
        section(
            "gaps", "Differences of the curves", _gaps(comparison), paragraph(_METHOD, _guessed(comparison))
        ),
        section("figures", "Figures", _figures(comparison)),
        section("stability", "Stability", _stability(comparison)),
        section("missing", "What is not known", items(_unknown(comparison))),
    )
    names = ", ".join(pair.other.name for pair in comparison.pairs)
    sections = tuple(each for each in found if each is not None)
    return Document(f"{names} against {comparison.reference.name}", "", _tone(comparison), sections, made)


def _heads(comparison: Comparison) -> tuple[str, ...]:
    """Return what the columns are called: the names, or letters where they are long."""
    names = tuple(run.name for run in comparison.runs)
    return names if sum(map(len, names)) <= _NARROW else tuple(ascii_uppercase[: len(names)])


def _legend(comparison: Comparison) -> FactList | None:
    """Return what the letters of columns are."""
    heads, runs = _heads(comparison), comparison.runs
    if heads[0] == runs[0].name:
        return None
    notes = (" (the reference)", *("" for _ in comparison.pairs))
    cells = (Cell(f"{run.name}{note}", run.name) for run, note in zip(runs, notes, strict=True))
    return FactList(tuple(zip(heads, cells, strict=True)))


def _tone(comparison: Comparison) -> str:
    if any(pair.problem or pair.other.broken_at is not None for pair in comparison.pairs):
        return CRITICAL
    return WARNING if any(len(pair.differences.variables) > 1 for pair in comparison.pairs) else NOTE


def _verdict(comparison: Comparison) -> document.Section | None:
    """Return the verdicts, each with what belongs to it."""
    blocks: list[document.Block] = []
    for pair in comparison.pairs:
        tone = {True: GOOD, False: WARNING, None: CRITICAL if pair.verdict == NOT_COMPARABLE else NOTE}[
            pair.better
        ]
        first = Sentence(_closed(words.verdict(comparison, pair)), tone)
        blocks.append(paragraph(first))
        blocks.append(Items(tuple(Sentence(_closed(each)) for each in words.details(comparison, pair))))
    return section("verdict", "Verdict", *blocks)


_BEGINNINGS = ("at ", "no ", "the ", "after ", "what ", "only ")
"""Words with which sentences begin that do not begin with the name of a run."""


def _closed(text: str) -> str:
    return f"{text[:1].upper() if text.startswith(_BEGINNINGS) else text[:1]}{text[1:]}."


def _differences(comparison: Comparison) -> document.Section | None:
    """Return what differs besides the numbers, what may matter first."""
    rows: dict[tuple[str, str], dict[str, Difference]] = {}
    for pair in comparison.pairs:
        for row in pair.differences.rows:
            rows.setdefault((row.weight, row.name), {})[pair.other.name] = row
    order = sorted(rows, key=lambda key: (key[0] != MAJOR, key[0] != SEED))
    minor = [key for key in order if key[0] not in (MAJOR, SEED)]
    shown = [key for key in order if key not in minor[_MOST:]]
    table = Table(
        ("", *_heads(comparison), "may change the loss"),
        tuple(_difference(key, rows[key], comparison) for key in shown),
        left_out=len(order) - len(shown),
    )
    warnings = [
        Sentence(_closed(f"{pair.other.name}: {cause(pair.differences, differs=pair.differs)}"), WARNING)
        for pair in comparison.pairs
        if len(pair.differences.variables) > 1
    ]
    known = all(pair.differences.comparable for pair in comparison.pairs)
    none = "Nothing that the runs report of their configuration, code and data differs."
    none = none if known else "No configuration, code or data is known of both runs, so none is compared."
    none = "" if order else none
    return section("differences", "Configuration, code and data", items([*warnings, none]), table)


def _difference(
    key: tuple[str, str], rows: dict[str, Difference], comparison: Comparison
) -> tuple[Cell, ...]:
    reference = next(iter(rows.values())).reference
    others = [rows[pair.other.name].other if pair.other.name in rows else _SAME for pair in comparison.pairs]
    matters = {MAJOR: "yes", SEED: "seed"}.get(key[0], "no")
    return tuple(
        Cell(each or numbers.MISSING, each or None) for each in (key[1], reference, *others, matters)
    )


def _curves(comparison: Comparison, runs: dict[str, RunEvidence]) -> document.Section | None:
    """Return the curves over each other: what the verdict is about, and the evaluations."""
    metrics = dict.fromkeys(pair.metric for pair in comparison.pairs if pair.metric)
    metrics |= dict.fromkeys(metric for pair in comparison.pairs for metric in pair.evaluations)
    blocks: list[document.Block] = []
    for metric in metrics:
        blocks.append(paragraph(f"{label(metric)}:"))
        blocks += _figures_of(metric, comparison, runs)
    return section("curves", "Curves", *blocks)


def _figures_of(metric: str, comparison: Comparison, runs: dict[str, RunEvidence]) -> Iterator[Figure]:
    """Yield charts of a metric, each with the reference and as many others as a chart holds."""
    first, *others = [run.name for run in comparison.runs]
    for at in range(0, len(others), chart.MOST - 1):
        names = (first, *others[at : at + chart.MOST - 1])
        curves = [(name, over(runs[name].main, metric, STEP)) for name in names]
        lines = tuple(_line(name, curve) for name, curve in curves if curve is not None)
        yield Figure(label(metric), metric, lines)


def _line(name: str, curve: Line) -> document.Line:
    """Return a curve with the range of its noise around it."""
    x, mean, half = smoothed(curve, _POINTS)
    return document.Line(name, x, mean, mean - half, mean + half, float(curve.y[0]), float(curve.y[-1]))


def _gaps(comparison: Comparison) -> Table:
    """Return the gaps of all pairs as a table."""
    rows, heads = [], _heads(comparison)
    for at, pair in enumerate(comparison.pairs, 1):
        found = [(pair.metric, axis, gap) for axis, gap in pair.gaps.items()]
        found += [(metric, STEP, gap) for metric, gap in pair.evaluations.items() if gap is not None]
        for metric, axis, gap in found:
            verdict = "within noise" if not gap.real else LOWER if gap.value < 0 else HIGHER
            rows.append((
                Cell(heads[at], pair.other.name),
                Cell(label(metric), metric),
                Cell(place(axis, gap), gap.last),
                Cell(level(gap.level, gap), gap.level),
                Cell(level(gap.level + gap.value, gap), gap.level + gap.value),
                Cell(amount(gap), gap.value),
                Cell(verdict, gap.real),
            ))  # fmt: skip
    return Table(
        ("run", "metric", "", heads[0], "its value", "difference", ""),
        tuple(rows),
        right=(3, 4, 5),
    )


def _guessed(comparison: Comparison) -> str:
    gaps = [gap for pair in comparison.pairs for gap in pair.gaps.values()]
    return "" if all(gap.repeats for gap in gaps) else _GUESSED


_Figures = tuple[tuple[str, Callable[[Account], tuple[str, float | int | str | None]]], ...]


def _figures(comparison: Comparison) -> Table:
    """Return the figures of the runs, those that any run has."""
    rows: _Figures = (
        ("state", lambda run: (run.state, run.state)),
        ("steps", lambda run: (numbers.step(run.last_step), run.last_step)),
        ("newest loss", lambda run: (numbers.loss(run.loss), run.loss)),
        *((f"best {label(metric)}", _best(metric)) for metric in _evaluated(comparison)),
        ("time", lambda run: (numbers.duration(run.seconds), run.seconds)),
        ("step time", lambda run: (numbers.duration(run.step_time), run.step_time)),
        ("throughput", lambda run: (_speed(run), run.speed)),
        ("MFU", lambda run: (numbers.percent(run.mfu), run.mfu)),
        ("GPUs", lambda run: (numbers.step(run.gpus), run.gpus)),
        ("GPU hours", lambda run: (numbers.si(run.gpu_hours), run.gpu_hours)),
        ("cost", lambda run: (numbers.MISSING if run.cost is None else f"{run.cost:,.2f}", run.cost)),
    )
    return _table(comparison, rows)


def _stability(comparison: Comparison) -> Table:
    rows: _Figures = (
        ("health", lambda run: (run.health, run.health)),
        ("spikes", lambda run: (str(run.spikes), run.spikes)),
        ("NaN or Inf", lambda run: (str(run.nonfinite), run.nonfinite)),
        ("restarts", lambda run: (str(run.restarts), run.restarts)),
        (
            "critical incidents",
            lambda run: (str(run.incidents.get("critical", 0)), run.incidents.get("critical", 0)),
        ),
        ("warnings", lambda run: (str(run.incidents.get("warning", 0)), run.incidents.get("warning", 0))),
        ("found", lambda run: ("; ".join(run.found[:3]) or "nothing", len(run.found))),
    )
    return _table(comparison, rows)


def _table(comparison: Comparison, rows: _Figures) -> Table:
    cells = []
    for title, figure in rows:
        found = [figure(run) for run in comparison.runs]
        if any(value is not None for _, value in found):
            cells.append((Cell(title), *(Cell(text, value) for text, value in found)))
    columns = ("", *_heads(comparison))
    return Table(columns, tuple(cells), right=tuple(range(1, len(columns))))


def _evaluated(comparison: Comparison) -> Iterator[str]:
    yield from dict.fromkeys(metric for run in comparison.runs for metric in run.validation if metric != LOSS)


def _best(metric: str) -> Callable[[Account], tuple[str, float | None]]:
    def best(run: Account) -> tuple[str, float | None]:
        if metric not in run.validation:
            return numbers.MISSING, None
        value, at = run.validation[metric]
        return f"{numbers.loss(value)} @{numbers.step(at)}" if at is not None else numbers.loss(value), value

    return best


def _speed(run: Account) -> str:
    return numbers.MISSING if run.speed is None else f"{numbers.si(run.speed)} {label(run.speed_metric)}"


def _unknown(comparison: Comparison) -> list[str]:
    """Return what is missing for a better verdict."""
    missing = [each for pair in comparison.pairs for each in pair.differences.unknown]
    missing += [("time of steps", run.name) for run in comparison.runs if run.seconds is None]
    missing += [
        ("tokens of a step", pair.other.name)
        for pair in comparison.pairs
        if not pair.problem and TOKENS not in pair.gaps and not pair.same_tokens
    ]
    return [_closed(each) for each in unknown(missing)]
