"""Runs as a table: which columns fit, what is in them, in which order the runs are.

A column of which nothing is known is left out; of those that do not fit, the least important go first.
What room is left goes to those that say more in more room.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from runwatch.core.metrics import SAMPLES_PER_SEC, TOKENS_PER_SEC
from runwatch.core.plural import counted
from runwatch.core.run_order import urgency
from runwatch.core.snapshot import RunRow
from runwatch.core.stale import stale
from runwatch.render import cells, numbers, plain, progress, states
from runwatch.render.cells import Row, Segment
from runwatch.render.charts.sparkline import sparkline
from runwatch.render.glyphs import UNICODE, Glyphs

GAP = 2
"""Cells between two columns."""
EDGE = 2
"""Cells before the first: the pointer, and the mark of a chosen run."""
MARKED = "+"
WORST = "worst first"
"""What the order of no column is called."""
TREND = 32
"""Widest sparkline."""
_LEAST_ALERT = 12
"""Cells in which an alert says something next to a note."""
_LEAST_NAME = 4
"""Cells in which the name of a column can be guessed."""
_UNITS = {TOKENS_PER_SEC: "tok/s", SAMPLES_PER_SEC: "smp/s"}


@dataclass(frozen=True)
class Column:
    """One column of the table."""

    name: str
    asks: tuple[tuple[int, int], ...]
    """Cells that it asks for, each with its rank: small ranks are served first."""
    most: int
    cell: Callable[[RunRow, int, Glyphs], Row]
    key: Callable[[RunRow], float | str | None]
    """What runs are sorted by; None comes last."""
    right: bool = False
    falls: bool = False
    """Whether the largest comes first."""


@dataclass(frozen=True)
class Place:
    """Where a column is in the rows of the table."""

    column: Column
    x: int
    width: int


@dataclass(frozen=True)
class Order:
    """How the runs are sorted: by a column, by what is wrong where it is ""."""

    column: str = ""
    backwards: bool = False


@dataclass(frozen=True)
class Heading:
    """The line above the runs of a group."""

    text: str


def layout(rows: Sequence[RunRow], width: int, glyphs: Glyphs = UNICODE, note: int = 0) -> list[Place]:
    """Return the columns that fit into `width` cells, from left to right; a note takes `note` cells."""
    known = [column for column in COLUMNS if _shown(column, rows)]
    wanted = {column.name: _wanted(column, rows, glyphs) for column in known}
    noted = "alerts" if "alerts" in wanted else "name"
    wanted[noted] += note + GAP if note else 0
    taken: dict[str, int] = {}
    room = width - EDGE
    asked = sorted((rank, column.name, least) for column in known for rank, least in column.asks)
    for _, name, least in asked:
        before = taken.get(name, -GAP if taken else 0)
        need = max(before, min(least, wanted[name])) - before
        if name in taken:
            need = min(need, room)
        if need <= room:
            taken[name], room = before + need, room - need
    for name in _GROW:
        if name in taken:
            more = min(room, wanted[name] - taken[name])
            taken[name], room = taken[name] + max(0, more), room - max(0, more)
    out, x = list[Place](), EDGE
    for column in known:
        if column.name in taken:
            out.append(Place(column, x, taken[column.name]))
            x += taken[column.name] + GAP
    return out


def heading(places: Sequence[Place], order: Order, glyphs: Glyphs = UNICODE) -> Row:
    """Return the names of the columns; that which runs are sorted by has an arrow."""
    out: Row = [(" " * EDGE, "")]
    for number, place in enumerate(places):
        column, here = place.column, place.column.name == order.column
        arrow = glyphs.marks["incident"] if column.falls != order.backwards else glyphs.above
        name = column.name if place.width >= _LEAST_NAME else ""  # of "state" nothing is left but a sign
        text = f"{name[: place.width - 1]}{arrow}" if here else name[: place.width]
        gap = GAP if number < len(places) - 1 else 0
        text = cells.pad(text, place.width, glyphs.ellipsis, right=column.right)
        out.append((text + " " * gap, "title" if here else "dim"))
    return out


def names(rows: Sequence[RunRow], places: Sequence[Place], glyphs: Glyphs = UNICODE) -> dict[str, str]:
    """Return the names of runs, by their ids, as short as their column: those that are alike differ still."""
    width = next((place.width for place in places if place.column.name == "name"), 0)
    short = {row.id: cells.shorten(row.name, width, glyphs.ellipsis) for row in rows}
    count = Counter(short.values())
    alike = [row for row in rows if count[short[row.id]] > 1]
    differing = cells.apart([row.name for row in alike], width, glyphs.ellipsis)
    return short | {row.id: name for row, name in zip(alike, differing, strict=True)}


def line(
    row: RunRow,
    places: Sequence[Place],
    glyphs: Glyphs = UNICODE,
    *,
    here: bool = False,
    marked: bool = False,
    name: str = "",
    note: str = "",
) -> Row:
    """Return one run: its cells, `here` if it is selected; `name` is shown instead of its own, if given.

    `note` follows its alerts; its name where no run has any.
    """
    noted_at = "alerts" if any(place.column.name == "alerts" for place in places) else "name"
    out: Row = [(glyphs.pointer if here else " ", "key"), (MARKED if marked else " ", "key")]
    for number, place in enumerate(places):
        known = [(name, "")] if name and place.column.name == "name" else None
        noted = note if place.column.name == noted_at else ""
        room = place.width - (cells.width(noted) + GAP if noted else 0)
        if noted and room < _LEAST_ALERT:
            sign, _, role = states.phase_tag("", glyphs, row.critical, row.warning)
            cell = [(f"{sign} " if row.critical or row.warning else "", role), (noted, "dim")]
        else:
            cell = known or place.column.cell(row, room, glyphs) or [("-", "dim")]
            if noted:
                cell = [
                    *cells.fit(cell, min(room, cells.row_width(cell)), glyphs.ascii),
                    (f"  {noted}", "dim"),
                ]
        cell = cells.fit(cell, min(place.width, cells.row_width(cell)), glyphs.ascii)
        blank: Segment = (" " * (place.width - cells.row_width(cell)), "")
        gap = " " * (GAP if number < len(places) - 1 else 0)
        out += [blank, *cell, (gap, "")] if place.column.right else [*cell, blank, (gap, "")]
    return [segment for segment in out if segment[0]]


def ordered(rows: Sequence[RunRow], order: Order) -> list[RunRow]:
    """Return runs in order; without a column what is wrong comes first, what has ended last."""
    column = next((column for column in COLUMNS if column.name == order.column), None)
    if column is None:
        return sorted(rows, key=urgency, reverse=order.backwards)
    key = column.key
    known = [row for row in rows if key(row) is not None]
    unknown = [row for row in rows if key(row) is None]
    falls = column.falls != order.backwards
    return [*sorted(known, key=lambda row: _comparable(key(row)), reverse=falls), *unknown]


def said(row: RunRow) -> list[str]:
    """Return the words that a run can be found by: those of its row, and how severe its alerts are."""
    severe = {"critical": row.critical, "warning": row.warning}
    return [
        *(row.name, row.host, states.phase_word(states.phase_of(row)), row.worst),
        *(name for name, count in severe.items() if count),
    ]


def groups(rows: Sequence[RunRow], by: str) -> list[Heading | RunRow]:
    """Return runs with a heading above those that agree in `by`: one of GROUPINGS, or "" for no headings.

    The order of runs stays; a group is where its first run was.
    """
    if not by:
        return list(rows)
    of = GROUPINGS[by]
    first = {name: place for place, name in reversed([*enumerate(map(of, rows))])}
    out: list[Heading | RunRow] = []
    for name, found in groupby(sorted(rows, key=lambda row: first[of(row)]), of):
        inside = list(found)
        wrong = sum(row.critical > 0 for row in inside)
        critical = f", {wrong} critical" if wrong else ""
        out += [Heading(f"{name or '-'}  {counted(len(inside), 'run')}{critical}"), *inside]
    return out


def sortable(rows: Sequence[RunRow]) -> list[str]:
    """Return what these runs can be sorted by; "" is what is wrong."""
    return ["", *(column.name for column in COLUMNS if _shown(column, rows) and column.name != "trend")]


def groupings(rows: Sequence[RunRow]) -> list[str]:
    """Return what distinguishes these runs as groups; "" is none."""
    return ["", *(name for name, of in GROUPINGS.items() if len(set(map(of, rows))) > 1)]


# -- cells -------------------------------------------------------------------------------------------


def _state(row: RunRow, width: int, glyphs: Glyphs) -> Row:
    sign, word, role = states.phase_tag(states.phase_of(row), glyphs, row.critical, row.warning)
    whole = f"{sign} {word}"
    return [(whole if cells.width(whole) <= width else sign, role)]


def _name(row: RunRow, width: int, glyphs: Glyphs) -> Row:
    return [(cells.shorten(row.name, width, glyphs.ellipsis), "")]


def _host(row: RunRow, width: int, glyphs: Glyphs) -> Row:
    return [(cells.clip(row.host, width, glyphs.ellipsis), "dim")] if row.host else []


def _bar(row: RunRow, width: int, glyphs: Glyphs) -> Row:
    return progress.bar(row.progress.fraction, width, glyphs) if row.progress.fraction is not None else []


def _done(row: RunRow, width: int, glyphs: Glyphs) -> Row:
    return [(numbers.percent(row.progress.fraction, 0), "")] if row.progress.fraction is not None else []


def _step(row: RunRow, width: int, glyphs: Glyphs) -> Row:
    """Return `41,230/120,000`, the step alone where that is too wide, of all steps how many they are."""
    if not row.progress.begun:
        return []
    progress, ended = row.progress, states.ended(row.phase)
    step, total = plain.position(progress, ended)
    whole = f"{step}/{total}" if total else step
    ways = [f"{progress.stage}: {whole}" if progress.stage else whole, whole, step]
    if not step:
        ways = [plain.steps(progress, ended)]
    text = next((way for way in ways if cells.width(way) <= width), ways[-1])
    return [(cells.clip(text, width, glyphs.ellipsis), "")]


def _eta(row: RunRow, width: int, glyphs: Glyphs) -> Row:
    if (left := _left(row)) is None:
        return []
    text = plain.eta(row.progress, glyphs).removeprefix("ETA ").partition(f" {glyphs.spread}")[0]
    return [(text if cells.width(text) <= width else numbers.brief(left), "")]


def _left(row: RunRow) -> float | None:
    """Return the seconds that are left; None where that is not known."""
    return plain.current(row.progress, row.phase, row.age).eta_seconds


def _loss(row: RunRow, width: int, glyphs: Glyphs) -> Row:
    said = numbers.known_loss(row.loss, row.loss_text)
    return [(said, "bad" if row.loss is None else "value")] if said else []


def _trend(row: RunRow, width: int, glyphs: Glyphs) -> Row:
    values = [math.nan if value is None else value for value in row.trend]
    return [(sparkline(values, width, glyphs), "value")] if values else []


def _speed(row: RunRow, width: int, glyphs: Glyphs) -> Row:
    if states.ended(row.phase):
        return []
    if row.speed is not None:
        return [(f"{numbers.si(row.speed)} {_UNITS.get(row.speed_metric, '/s')}", "")]
    rate = row.progress.rate
    return [(f"{numbers.si(rate)} it/s", "")] if rate else []


def _gpu(row: RunRow, width: int, glyphs: Glyphs) -> Row:
    return [(numbers.percent(row.gpu, 0), "")] if row.gpu is not None else []


def _alert(row: RunRow, width: int, glyphs: Glyphs) -> Row:
    """Return the worst alert in words; that of a run which cannot be seen is why."""
    role = {"critical": "crit", "warning": "warn"}.get(row.worst_severity, "dim")
    sign, words = glyphs.severities.get(row.worst_severity, ""), row.worst
    if not words and not (row.critical or row.warning):
        return [(cells.clip(row.reason, width, glyphs.ellipsis), "warn")] if row.reason else [("none", "dim")]
    more = row.critical + row.warning - 1
    rest = f" +{more}" if more > 0 else ""
    if width < 12 or not words:  # no word fits
        return states.counts(row.critical, row.warning, width)
    return [(cells.clip(f"{sign} {words}", width - len(rest), glyphs.ellipsis), role), (rest, "dim")]


def _updated(row: RunRow, width: int, glyphs: Glyphs) -> Row:
    if row.age is None:
        return []
    old = row.phase != "reading" and not states.ended(row.phase) and stale(row.progress, row.age)
    text = numbers.brief(row.age)
    return [(f"STALE {text}", "warn")] if old else [(f"{text} ago", "dim")]


def _weight(row: RunRow) -> float:
    return row.critical * 1000.0 + row.warning


COLUMNS = (
    Column("state", ((0, 1), (7, 13)), 13, _state, lambda row: states.phase_word(states.phase_of(row))),
    Column("name", ((1, 12), (8, 24)), 48, _name, lambda row: row.name.lower()),
    Column("host", ((6, 8),), 16, _host, lambda row: row.host or None),
    Column("progress", ((11, 8),), 20, _bar, lambda row: row.progress.fraction, falls=True),
    Column("done", ((2, 4),), 4, _done, lambda row: row.progress.fraction, right=True, falls=True),
    Column("step", ((10, 8),), 21, _step, lambda row: row.progress.step, right=True, falls=True),
    Column("ETA", ((5, 7),), 12, _eta, _left, right=True),
    Column("loss", ((3, 6),), 7, _loss, lambda row: row.loss, right=True),
    Column("trend", ((12, 8),), TREND, _trend, lambda row: None),
    Column(
        "speed", ((14, 11),), 11, _speed, lambda row: row.speed or row.progress.rate, right=True, falls=True
    ),
    Column("GPU", ((15, 4),), 4, _gpu, lambda row: row.gpu, right=True, falls=True),
    Column("updated", ((16, 9),), 9, _updated, lambda row: row.age, right=True),
    Column("alerts", ((4, 6), (9, 22), (13, 36)), 120, _alert, _weight, falls=True),
)
"""From left to right."""
_GROW = ("name", "state", "ETA", "alerts", "step", "host", "progress", "trend")
"""Who gets the room that is left."""
GROUPINGS: dict[str, Callable[[RunRow], str]] = {
    "state": lambda row: states.phase_word(states.phase_of(row)),
    "host": lambda row: row.host,
    "directory": lambda row: row.folder,
}


def _shown(column: Column, rows: Sequence[RunRow]) -> bool:
    """Return whether anything is known of a column; a host where there are several."""
    if column.name == "host":
        return len({row.host for row in rows}) > 1
    if column.name == "alerts":
        return any(row.critical or row.warning or row.reason for row in rows)
    return column.name in ("state", "name") or any(column.cell(row, column.most, UNICODE) for row in rows)


def _wanted(column: Column, rows: Sequence[RunRow], glyphs: Glyphs) -> int:
    """Return the cells in which a column says all that it can."""
    if column.name in ("progress", "trend"):
        return column.most
    if column.name == "name":
        longest = max((cells.width(cells.settled(row.name)) for row in rows), default=0)
    else:
        longest = max((cells.row_width(column.cell(row, column.most, glyphs)) for row in rows), default=0)
    return max(len(column.name) + 1, min(column.most, longest))


def _comparable(value: float | str | None) -> tuple[bool, float | str]:
    return isinstance(value, str), value if value is not None else 0.0
