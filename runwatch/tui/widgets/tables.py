"""Small tables: metrics with sparklines, the summary at the side, the newest checkpoints."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from itertools import chain

from runwatch.core import metrics
from runwatch.core.snapshot import RunRow, RunView
from runwatch.render import cells, checkpoints, numbers, states, summary
from runwatch.render.cells import Row
from runwatch.render.charts.sparkline import of_columns, sparkline
from runwatch.render.glyphs import Glyphs
from runwatch.render.panel import Content
from runwatch.tui import actions, choose
from runwatch.tui.api import api
from runwatch.tui.scene import Scene
from runwatch.tui.widgets.rows import Panel, Rows, Target

_NAME, _VALUE = 9, 8
_LEAST_TREND = 5
"""Cells that a trend keeps where names are long."""
_COLUMN = 30
"""Cells of a column of the summary at least."""
_MOST, _BRIEF = 4, 2
"""Rows of one value of the summary, and of an alert of another run."""
_PAGE = frozenset({"read from", "preferred sources", "lines", "unrecognized lines", *summary.SIZES})
"""Facts that the summary has, or for which view 7 is the place."""


class Stats(Rows):
    """Metric, last value and trend, one row each, then the summary: the charts of a narrow screen."""

    charted: frozenset[str] = frozenset()
    """Metrics that have charts next to it, not those that are laid over them."""
    said: frozenset[str] = frozenset()
    """Labels of what the card of the end says."""

    def _names(self) -> list[str]:
        names = choose.charted(self.scene.run)
        first = [name for name in choose.alarming(self.scene.run) if name in names]
        return [name for name in dict.fromkeys([*first, *names]) if name not in self.charted]

    def worth(self) -> bool:
        """Return whether there is anything that no chart shows."""
        return bool(self._names() or (card(self.scene.run) and len(choose.of_run(self.scene.run)) > 1))

    def needed(self, width: int) -> int:
        """Return how many rows show all of it."""
        names, said = len(self._names()), len(self._said(width))
        return (names + 1 if names else 0) + (said + 1 if said else 0)

    @property
    def wanted(self) -> int:
        """The width at which each line of the summary has one row."""
        return 3 + sum(_widest(self._lines()))

    def _lines(self) -> list[summary.SummaryLine]:
        """Return the lines of the summary."""
        return [line for line in card(self.scene.run) if line.label not in self.said]

    def _said(self, width: int) -> list[tuple[Row, summary.SummaryLine]]:
        """Return the rows of the summary."""
        return placed(self._lines(), width - 2, self.scene.glyphs.ellipsis)

    def _label(self, width: int) -> int:
        """Return the cells that names get: what the longest needs, as far as a trend still fits."""
        longest = max((cells.width(metrics.label(name)) for name in self._names()), default=0)
        return max(_NAME, min(longest, width - _VALUE - 3 - _LEAST_TREND))

    def _trend(self, width: int) -> int:
        return max(0, width - self._label(width) - _VALUE - 3)

    def charts(self) -> list[tuple[str, int]]:
        """Return what the sparklines need."""
        trend = self._trend(self.size.width)
        room = max(0, self.size.height - 1)
        return [(name, trend) for name in self._names()[:room]] if trend else []

    def draw(self, width: int, height: int) -> list[Row]:
        """Return a heading, a row per metric, spaced out when there is room, and lines of the summary."""
        scene, trend, label = self.scene, self._trend(width), self._label(width)
        names = self._names()
        said = self._said(width)
        self.targets = []
        rows: list[Row] = [[(f" {'metric':<{label}} {'last':>{_VALUE}} trend", "dim")]] if names else []
        spaced = 2 * len(names) + 2 + len(said) <= height
        shown = names[: max(0, height - 1)]
        labels = cells.apart([metrics.label(name) for name in shown], label, scene.glyphs.ellipsis)
        for metric, written in zip(shown, labels, strict=True):
            item = scene.latest(metric)
            if item is None:
                continue
            _, text, role, _ = newest = summary.last(item)
            columns = scene.columns.get(metric)
            drawn = columns and trend and not summary.is_constant(item)
            line = sparkline(of_columns(columns), trend, scene.glyphs) if columns and drawn else ""
            name = cells.pad(written, label, scene.glyphs.ellipsis)
            value = cells.pad(text, _VALUE, scene.glyphs.ellipsis, right=True)
            self.targets += _leading(self, newest, len(rows), 0, width)
            rows.append([(f" {name} ", ""), (value, role), (f" {line}", "smooth")])
            if spaced:
                rows.append([])
        if said and height > len(rows):
            left = height - len(rows) - len(said)  # where lines would be lost, there is no heading
            rows += [[]] if names and not spaced and left >= 2 else []
            rows += [[(" summary", "dim")]] if names and left >= 1 else []
            for row, about in said[: height - len(rows)]:
                self.targets += _leading(self, about, len(rows), 0, width)
                rows.append([(" ", ""), *row])
        return rows


def card(run: RunView | None) -> list[summary.SummaryLine]:
    """Return what the summary of a run says."""
    return summary.lines(run, choose.single(run)) if run is not None else []


def _widest(lines: Sequence[summary.SummaryLine]) -> tuple[int, int]:
    """Return the cells of the longest label and of the longest value."""
    label, value = (
        max((cells.width(cells.settled(line[part])) for line in lines), default=0) for part in (0, 1)
    )
    return label, value


def label_width(lines: Sequence[summary.SummaryLine], width: int) -> int:
    """Return the cells that labels get: what they need, as far as the words of values leave it."""
    word = max((cells.width(word) for line in lines for word in cells.settled(line.value).split()), default=0)
    return min(_widest(lines)[0], max(_NAME, width - 1 - min(word, width // 2)))


def placed(
    lines: Sequence[summary.SummaryLine], width: int, more: str, label: int = 0
) -> list[tuple[Row, summary.SummaryLine]]:
    """Return labels and values, each in a column of its own, with the line that a row shows.

    `label` cells are for labels, if that is given. A value that is too long continues in the next rows.
    """
    label = label or label_width(lines, width)
    names = cells.apart([line.label for line in lines], label, more)
    return [
        ([(f"{cells.pad(name if not n else '', label, more)} ", "dim"), (piece, line.role)], line)
        for name, line in zip(names, lines, strict=True)
        for n, piece in enumerate(cells.wrapped(line.value, max(1, width - label - 1), _MOST, more))
    ]


def _leading(widget: Rows, line: summary.SummaryLine, y: int, begin: int, end: int) -> list[Target]:
    """Return what a click on a line shows: the curve of its metric, or the checkpoints."""
    if line.label == actions.CHECKPOINTS:
        return [(y, begin, end, partial(widget.press, actions.CHECKPOINTS))]
    return [(y, begin, end, lambda: api(widget.app).show_metric(line.metric))] if line.metric else []


def _newest(scene: Scene, charted: Collection[str]) -> list[summary.SummaryLine]:
    """Return the newest values of the metrics that would have a chart if there were room."""
    names = [name for name in choose.charted(scene.run) if name not in charted]
    return [summary.last(item) for name in names if (item := scene.latest(name))]


def _saves(scene: Scene, width: int, most: int) -> list[Row]:
    """Return the newest checkpoints in few words, without those that do not fit."""
    run = scene.run
    if run is None:
        return []
    usual, good = run.saving.usual_bytes, checkpoints.last_good(run.checkpoints, run.saving)
    rows = run.checkpoints[: max(0, most)]
    drawn = [checkpoints.brief(row, scene.glyphs, usual, go_back=row is good) for row in rows]
    return [row[:-1] if cells.row_width(row) > width else row for row in drawn]


class SummaryCard(Panel):
    """What a run comes to, and what has no chart: next to charts as narrow as it can be, else in columns.

    Where rows are left, the newest checkpoints are below it.
    """

    can_focus = False
    said: frozenset[str] = frozenset()
    """Labels of what is next to it on the screen."""
    charted: frozenset[str] = frozenset()
    """Metrics of the charts next to it: their newest values are there."""
    saves = True
    """Whether checkpoints are shown nowhere else."""

    @property
    def lines(self) -> list[summary.SummaryLine]:
        """What it says."""
        return [line for line in card(self.scene.run) if line.label not in self.said]

    @property
    def needed(self) -> int:
        """The outer width at which nothing is cut, with a value next to each label."""
        return 3 + sum(_widest(self.lines))

    def content(self, width: int, height: int) -> Content:
        """Return the lines, in as many columns as it takes to show all."""
        more, lines = self.scene.glyphs.ellipsis, self.lines
        known = {line.label for line in lines}
        newest = [line for line in _newest(self.scene, self.charted) if f"best {line.label}" not in known]
        lines += newest[: max(0, height - len(lines))]
        across = max(1, min(width // _COLUMN, -(-len(lines) // max(1, height))))
        each = width // across
        found = placed(lines, each - (across > 1), more)
        self.targets = []
        for i, (_, about) in enumerate(found[: across * height]):
            x = 1 + i // max(1, height) * each
            self.targets += _leading(self, about, 1 + i % max(1, height), x, x + each)
        written = [cells.fit(row, each) for row, _ in found]
        hidden = len(written) - across * height
        shown = written[: across * height]
        rows = [[*chain.from_iterable(shown[i::height])] for i in range(min(height, len(shown)))]
        if self.saves and across == 1 and (saves := _saves(self.scene, width, height - len(rows) - 2)):
            begin, leads = len(rows) + 2, partial(self.press, actions.CHECKPOINTS)
            self.targets += [(begin + y, 1, width + 1, leads) for y in range(1 + len(saves))]
            rows += [[], [("newest checkpoints", "dim")], *(cells.fit(row, width) for row in saves)]
        return Content([("summary", "title")], rows, [(f"{hidden} more", "dim")] if hidden > 0 else [])


class Side(Panel):
    """Runs, newest values, the summary and facts: the side of a wide screen.

    Where rows are left, what is wrong with the other runs is below it.
    """

    can_focus = False
    opens = actions.RUNS
    charted: frozenset[str] = frozenset()
    """Metrics of the charts next to it: their newest values are there."""

    def worth(self) -> bool:
        """Return whether there is more than the summary of the only run, which needs no column."""
        scene = self.scene
        facts = frozenset(scene.run.facts if scene.run else ())
        return bool(facts - _PAGE) or len(scene.runs) > 1

    def content(self, width: int, height: int) -> Content:
        """Return the runs, then the metrics, then what was found out about the run."""
        scene, run, more = self.scene, self.scene.run, self.scene.glyphs.ellipsis
        runs = scene.ordered_runs
        nothing = summary.SummaryLine("", "")
        below: list[tuple[Row, summary.SummaryLine]] = []
        if run is not None:
            facts = {name: text for name, text in run.facts.items() if name not in _PAGE}
            if run.format:
                facts.setdefault("format", run.format)
            sections = {
                "newest": _newest(scene, self.charted),
                "summary": card(run),
                "run": [summary.SummaryLine(name, text, "") for name, text in facts.items()],
            }
            label = label_width([*chain.from_iterable(sections.values())], width)
            for title, lines in sections.items():
                found = placed(lines, width, more, label)
                below += [([], nothing), ([(title, "dim")], nothing), *found] if found else []
        room = max(1, height // 4, height - len(below))
        shown = self._nearest(runs, room if len(runs) <= room else max(1, room - 1))
        rows: list[Row] = [run_line(row, width, self._here(row), self.scene.glyphs) for row in shown]
        if len(rows) < len(runs):
            rows.append([(f"and {len(runs) - len(rows)} more", "dim")])
        self.targets = [(y, 1, width + 1, partial(self._choose, row.id)) for y, row in enumerate(shown, 1)]
        for y, (_, about) in enumerate(below, 1 + len(rows)):
            self.targets += _leading(self, about, y, 1, width + 1)
        rows += (row for row, _ in below)
        for line, other in self._wrong(width, height - len(rows)):
            rows.append(line)
            self.targets += [(len(rows), 1, width + 1, partial(self._choose, other))] if other else []
        return Content([("runs", "title"), (f" {len(runs)}", "dim")], rows)

    def _wrong(self, width: int, room: int) -> list[tuple[Row, str]]:
        """Return the worst alerts of other runs that fit whole in `room` rows; each row with its run."""
        glyphs = self.scene.glyphs
        out: list[tuple[Row, str]] = [([], ""), ([("other runs", "dim")], "")]
        for row in self.scene.ordered_runs:
            said = "" if self._here(row) else row.worst
            lines = cells.wrapped(said, max(1, width - 2), _BRIEF, glyphs.ellipsis)
            if lines and len(out) + 1 + len(lines) <= room:
                sign, _, role = states.phase_tag(states.phase_of(row), glyphs, row.critical, row.warning)
                out.append(([(cells.clip(f"{sign} {row.name}", width, glyphs.ellipsis), role)], row.id))
                out += [([("  ", ""), (line, "")], row.id) for line in lines]
        return out if len(out) > 2 else []

    def _choose(self, run: str) -> None:
        api(self.app).choose_run(run)

    def _nearest(self, runs: Sequence[RunRow], most: int) -> Sequence[RunRow]:
        """Return the runs around the one on the screen, it among them."""
        at = next((place for place, row in enumerate(runs) if self._here(row)), 0)
        first = max(0, min(at - most // 2, len(runs) - most))
        return runs[first : first + most]

    def _here(self, row: RunRow) -> bool:
        return self.scene.run is not None and row.id == self.scene.run.id


def run_line(row: RunRow, width: int, here: bool, glyphs: Glyphs) -> Row:
    """Return one run in a narrow column: sign, name, percent."""
    done = "" if row.progress.fraction is None else numbers.percent(row.progress.fraction, 0)
    counts = states.counts(row.critical, row.warning, 8)
    sign, _, role = states.phase_tag(states.phase_of(row), glyphs, row.critical, row.warning)
    right: Row = [(f" {done}", "value"), (" ", ""), *counts] if counts else [(f" {done}", "value")]
    room = width - cells.row_width(right) - 2
    return cells.spread(
        [(f"{sign} ", role), (cells.clip(row.name, room, glyphs.ellipsis), "title" if here else "")],
        right,
        width,
    )


class NewestCheckpoints(Panel):
    """The newest checkpoints in few words."""

    can_focus = False
    opens = actions.CHECKPOINTS

    def content(self, width: int, height: int) -> Content:
        """Return them with the newest first."""
        lines = _saves(self.scene, width, height)
        more: Row = [(self.scene.key(actions.CHECKPOINTS), "key"), (" all", "dim")] if lines else []
        return Content([("checkpoints", "title")], lines, more)
