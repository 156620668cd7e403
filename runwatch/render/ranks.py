"""Ranks as a strip or a grid of levels, with a scale, and the worst by name.

From 1 to thousands of ranks: one cell a rank while they fit, else one cell for
several neighbours, which shows the worst of them. The levels span what there is
between ranks, not what is between nothing and all: what is the same everywhere
looks the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType

from runwatch.core.batch import NODE
from runwatch.core.metrics import LOSS, STEP_TIME
from runwatch.core.snapshot import RankRow
from runwatch.render import cells, heat, numbers, rank_groups
from runwatch.render.cells import Row, Segment
from runwatch.render.glyphs import UNICODE, Glyphs
from runwatch.render.heat import SILENT, Heat

MEASURES = ("progress", "step time", "loss", "age", "gpu")
"""What can be shown: how far, how slow, which loss, silent for how long, how busy its GPU."""
_LEAST: dict[str, float] = {"step time": 0.5, "loss": 0.1}
"""Least distance from the median that the highest level stands for, as a part of it: noise is no news."""
_NEAR = 7
"""Steps that ranks are apart anyway, as each prints when it gets there."""
_NARROWEST, _WIDEST = 3, 10
"""Cells for the bar of a rank and the gap behind it, where there are few ranks."""
_SLOW = 1.15
"""Times the median step at which a rank is called slow."""


_FIELDS: dict[str, Callable[[RankRow], float | None]] = {
    "age": attrgetter("age"),
    "step time": attrgetter("step_time"),
    "loss": attrgetter("loss"),
    "gpu": lambda row: None if row.place is None else row.place.busy,
}


_done: Callable[[RankRow], int | None] = attrgetter("done")


def levels(ranks: Iterable[RankRow], measure: str, furthest: int) -> list[float | None]:
    """Return what is drawn for each rank: a fraction done or busy, seconds, or a loss; None if unknown."""
    if measure != "progress":
        return list(map(_FIELDS[measure], ranks))
    return [
        None
        if row.done is None or (total := row.total or furthest) <= 0
        else min(1.0, max(0.0, row.done / total))
        for row in ranks
    ]


def level(row: RankRow, measure: str, furthest: int) -> float | None:
    """Return what is drawn for one rank."""
    return levels((row,), measure, furthest)[0]


def measures(ranks: Sequence[RankRow]) -> list[str]:
    """Return what is known of any of these ranks, at least the progress."""
    known = {name for name, read in _FIELDS.items() if any(x is not None for x in map(read, ranks))}
    return [name for name in MEASURES if name in known or name == "progress"]


def telling(ranks: Sequence[RankRow]) -> str:
    """Return what tells ranks apart best: a lag in an evaluation, else step times, else progress.

    Of ranks that printed nothing only their GPUs can be told.
    """
    known = measures(ranks)
    if "gpu" in known and not any(row.done is not None for row in ranks):
        return "gpu"
    done = [x for x in map(_done, ranks) if x is not None]
    lag = max(done, default=0) - min(done, default=0)
    return "progress" if _apart(lag, max(done, default=0)) or "step time" not in known else "step time"


def furthest(ranks: Sequence[RankRow]) -> int:
    """Return the most that any rank has done."""
    return max(filter(None, map(_done, ranks)), default=0)


def worst(ranks: Sequence[RankRow], measure: str = "progress") -> list[RankRow]:
    """Return the ranks with the worst first: the least done or busy, else the most of what is measured.

    One whose process is stopped goes before all others.
    """
    top = furthest(ranks)
    parts = levels(ranks, "progress", top)
    found = parts if measure == "progress" else levels(ranks, measure, top)
    least = measure in ("progress", "gpu")
    keys = [
        (
            row.place is None or row.place.state != "stopped",
            (2.0 if x is None else x) if least else -(x or 0.0),
            -(row.age or 0.0) if measure == "progress" else 2.0 if part is None else part,
            row.rank,
        )
        for row, x, part in zip(ranks, found, parts, strict=True)
    ]
    return [ranks[at] for at in sorted(range(len(keys)), key=keys.__getitem__)]


COLUMNS = ("worst", "rank", "progress", "step time", "loss", "last seen", "gpu busy", "gpu temp")
"""What a table of ranks can be sorted by."""


def by_column(ranks: Sequence[RankRow], column: str, measure: str) -> list[RankRow]:
    """Return the ranks sorted by a column, what is worst first; what is not known comes last."""
    keys: dict[str, Callable[[RankRow], float | None]] = {
        "rank": lambda row: row.rank,
        "progress": lambda row: row.done,
        "step time": lambda row: None if row.step_time is None else -row.step_time,
        "loss": lambda row: -math.inf if row.loss_text else None if row.loss is None else -row.loss,
        "last seen": lambda row: None if row.age is None else -row.age,
        "gpu busy": lambda row: None if row.place is None else row.place.busy,
        "gpu temp": lambda row: (
            None if row.place is None or row.place.temperature is None else -row.place.temperature
        ),
    }
    if column not in keys:
        return worst(ranks, measure)
    value = keys[column]
    return sorted(ranks, key=lambda row: (value(row) is None, value(row) or 0.0, row.rank))


def sortable(ranks: Sequence[RankRow]) -> list[str]:
    """Return what these ranks can be sorted by: not by what is known of none."""
    known = {
        "step time": any(row.step_time is not None for row in ranks),
        "loss": any(map(loss, ranks)),
        "gpu busy": any(row.place is not None and row.place.busy is not None for row in ranks),
        "gpu temp": any(row.place is not None and row.place.temperature is not None for row in ranks),
    }
    return [name for name in COLUMNS if known.get(name, True)]


def describe(row: RankRow, measure: str = "progress") -> str:
    """Return one rank in words: `r37 31/50` or `r37 silent 4m`."""
    name = label(row.rank)
    if measure == "age":
        return f"{name} " + ("no data" if row.age is None else f"silent {numbers.brief(row.age)}")
    if measure == "step time":
        return f"{name} " + ("no data" if row.step_time is None else numbers.value(STEP_TIME, row.step_time))
    if measure == "loss":
        return f"{name} " + (f"loss {told}" if (told := loss(row)) else "no data")
    if measure == "gpu":
        busy = None if row.place is None else row.place.busy
        return f"{name} " + ("no data" if busy is None else f"GPU {numbers.percent(busy, 0)}")
    if row.done is None:
        return f"{name} no steps"
    total = "" if row.total is None else f"/{numbers.step(row.total)}"
    return f"{name} {numbers.step(row.done)}{total}"


def loss(row: RankRow) -> str:
    """Return a rank's loss as people read it, also one that is no number; empty if it told none."""
    return row.loss_text if row.loss is None else numbers.value(LOSS, row.loss)


def label(rank: int) -> str:
    """Return a rank's name: `r7`, or `n1.r7` where a log tells its node."""
    node, place = divmod(rank, NODE)
    return f"n{node}.r{place}" if node else f"r{place}"


def heats(ranks: Sequence[RankRow], measure: str, known: Sequence[float | None] | None = None) -> Heat:
    """Return how to judge what is drawn for a rank among these; `known` are the levels of all, if known."""
    top = furthest(ranks) if measure == "progress" else 0
    if known is None:
        known = levels(ranks, measure, top)
    whole = max((row.total or top for row in ranks), default=0) if measure == "progress" else 0
    return heat.among(measure, known, _NEAR / whole if whole > 0 else 0.0)


def notable(ranks: Sequence[RankRow], over: bool = False) -> list[Segment]:
    """Return in words the ranks that are worth naming, the worst first: a bad loss, lag, slowness, silence.

    Each with its heat. When the run is over, silence is no news.
    """
    top = furthest(ranks)
    parts = dict(zip((row.rank for row in ranks), levels(ranks, "progress", top), strict=True))
    best = max((part for part in parts.values() if part is not None), default=0.0)
    lags = {
        row.rank
        for row in ranks
        if (part := parts[row.rank]) is not None and _apart((best - part) * (row.total or top), row.done or 0)
    }
    behind = [row for row in worst(ranks) if row.rank in lags] if lags else []
    mute = {row.rank for row in ranks if (row.age or 0) >= SILENT and not over and not _through(row)}
    silent = [row for row in worst(ranks, "age") if row.rank in mute] if mute else []
    late = slow(ranks)
    named = lags | {row.rank for row in late}
    spoilt = [(describe(row, "loss"), "crit") for row in ranks if row.loss_text]
    out = spoilt if len(spoilt) < len(ranks) else []  # of all of them the run's own loss tells
    progress = heats(ranks, "progress", list(parts.values())) if behind else heats((), "loss")
    pace = heats(ranks, "step time", [row.step_time for row in ranks]) if late else progress
    age = heats(ranks, "age", [row.age for row in ranks]) if silent else progress
    out += [
        (
            describe(row) + (f", {describe(row, 'age').partition(' ')[2]}" if row.rank in mute else ""),
            max(progress(parts[row.rank]), age(row.age) if row.rank in mute else ""),
        )
        for row in behind
    ]
    usual = median_step(ranks)
    out += [(_slow(row, usual), pace(row.step_time)) for row in late if row.rank not in lags]
    return out + [(describe(row, "age"), age(row.age)) for row in silent if row.rank not in named]


def _apart(lag: float, done: int) -> bool:
    """Return whether ranks that have done so many steps are further apart than they are anyway."""
    return lag > _NEAR or (lag > 1.5 and lag > 0.1 * done)


def _through(row: RankRow) -> bool:
    """Return whether a rank did all that it had to."""
    return bool(row.total) and row.done is not None and row.done >= (row.total or 0)


def slow(ranks: Sequence[RankRow]) -> list[RankRow]:
    """Return the ranks whose steps take clearly longer than the median, the slowest first."""
    usual = median_step(ranks)
    late = [row for row in ranks if row.step_time is not None and row.step_time > _SLOW * usual > 0]
    return sorted(late, key=lambda row: -(row.step_time or 0.0))


def median_step(ranks: Sequence[RankRow]) -> float:
    """Return the median of the ranks' step times; 0 if fewer than two are known."""
    known = sorted(row.step_time for row in ranks if row.step_time is not None)
    return known[len(known) // 2] if len(known) > 1 else 0.0


def _slow(row: RankRow, usual: float) -> str:
    more = (row.step_time or 0.0) / usual - 1
    return f"{describe(row, 'step time')} +{numbers.percent(more, 0)}"


def grid(
    ranks: Sequence[RankRow],
    width: int,
    height: int,
    measure: str = "progress",
    glyphs: Glyphs = UNICODE,
    by: str = "",
    parallel: Mapping[str, int] = MappingProxyType({}),
) -> list[Row]:
    """Return up to `height` rows of exactly `width` cells: a number, then one cell per rank.

    The first rows are the grid, those of one `by` together if that is asked and if
    there is room; a last row carries the scale when there is room. `parallel` are the
    sizes of tp, cp and pp.
    """
    if width <= 0 or height <= 0:
        return []
    if not ranks:
        return [cells.fit([("no ranks seen", "dim")], width, glyphs.ascii)]
    ordered = sorted(ranks, key=lambda row: row.rank)
    top_done = furthest(ordered)
    drawn = levels(ordered, measure, top_done)
    span = _span(drawn, measure, max(row.total or top_done for row in ordered))
    warm = heats(ordered, measure, drawn)
    lines = height - 1 if height > 1 else 1
    group = 1
    grouped = None
    if by:
        groups = rank_groups.places(ordered, by, parallel)
        grouped = _grouped(groups, drawn, (width, lines), span, warm, glyphs)
    shown = (ordered, drawn, (width, lines), span, warm, glyphs)
    few = None if by else _few(*shown)
    rows, group = grouped or (few and (few, 1)) or _strip(*shown)
    out = [cells.fit(row, width) for row in rows]
    if height > len(out):
        scale = _scale(span, group, top_done, ordered, glyphs)
        if by and grouped is None:
            scale.append((f"  no room for a line a {by}", "dim"))
        out.append(cells.fit(scale, width, glyphs.ascii))
    return out[:height]


Span = tuple[str, float, float]
"""The measure, and what its lowest and highest levels stand for."""
_Size = tuple[int, int]


def _span(levels: Sequence[float | None], measure: str, whole: int) -> Span:
    """Return what the levels are drawn between; `whole` steps are all of the progress."""
    known = [x for x in levels if x is not None and math.isfinite(x)] or [0.0]
    low, high = min(known), max(known)
    if measure == "age":
        return measure, 0.0, high
    if measure == "gpu":
        return measure, 0.0, 1.0
    if measure == "progress":
        return measure, min(low, high - (_NEAR / whole if whole > 0 else 1.0)), high
    usual = sorted(known)[len(known) // 2]
    room = _LEAST[measure] * abs(usual)
    low = low if usual / 2 - low / 2 > room / 10 else usual
    return measure, low, max(high, low + room)


def _few(
    ordered: Sequence[RankRow],
    levels: Sequence[float | None],
    size: _Size,
    span: Span,
    warm: Heat,
    glyphs: Glyphs,
) -> list[Row] | None:
    """Return a bar for each rank with its name below, and its value where that fits; None without room."""
    width, lines = size
    each = min(_WIDEST, width // len(ordered)) - 1
    if lines < 2 or each < _NARROWEST:
        return None
    names = [label(row.rank) for row in ordered]
    values = [describe(row, span[0]).partition(" ")[2] for row in ordered]
    if each < max(map(len, names)):
        return None
    rows: list[Row] = [[], [(" ".join(f"{name:<{each}}" for name in names), "dim")]]
    for x in levels:
        rows[0] += [(_sign(x, span, glyphs) * each, warm(x)), (" ", "")]
    if lines > 2 and max(map(cells.width, values)) <= each:
        rows.append([(f"{text:<{each}} ", plain(warm(x))) for text, x in zip(values, levels, strict=True)])
    return rows


def plain(role: str) -> str:
    """Return a heat as the role of text, which is plain where all is as it should be."""
    return "" if role == heat.ROLES[0] else role


def _strip(
    ordered: Sequence[RankRow],
    levels: Sequence[float | None],
    size: _Size,
    span: Span,
    warm: Heat,
    glyphs: Glyphs,
) -> tuple[list[Row], int]:
    """Return numbered lines with one cell per rank or per group of neighbours, and how many are a group."""
    width, lines = size
    numbered = len(label(ordered[-1].rank))
    if numbered > width // 3:
        numbered = 0
    room = max(1, width - numbered)
    group = max(1, -(-len(ordered) // (room * lines)))
    shown = [_of_group(levels[i : i + group], span[0]) for i in range(0, len(levels), group)]
    across = _across(len(shown), room, lines)
    rows = []
    for start in range(0, len(shown), across):
        number = label(ordered[start * group].rank)[1:].rjust(numbered - 1) + " " if numbered else ""
        rows.append([(number, "dim"), *_cells(shown[start : start + across], span, warm, glyphs)])
    return rows, group


def _grouped(
    at: Sequence[tuple[int, str]],
    levels: Sequence[float | None],
    size: _Size,
    span: Span,
    warm: Heat,
    glyphs: Glyphs,
) -> tuple[list[Row], int] | None:
    """Return the ranks of each group together under its name, several groups a line; None without room.

    `at` says the number and the name of each rank's group. A group that is longer than
    a line has one cell for several neighbours.
    """
    width, lines = size
    groups: dict[int, list[float | None]] = {}
    names: dict[int, str] = {}
    for (number, name), x in zip(at, levels, strict=True):
        names.setdefault(number, name)
        groups.setdefault(number, []).append(x)
    title = max(map(len, names.values()))
    most, room = max(map(len, groups.values())), width - title - 1
    if room < 1:
        return None
    each = -(-most // room)
    most = -(-most // each)
    across = max(1, (width + 2) // (title + 1 + most + 2))
    if -(-len(groups) // across) > lines:
        return None
    named = sorted(groups.items())
    rows: list[Row] = []
    for start in range(0, len(named), across):
        row: Row = []
        for number, found in named[start : start + across]:
            shown = [_of_group(found[i : i + each], span[0]) for i in range(0, len(found), each)]
            blank = " " * (most - len(shown) + 2)
            row += [(f"{names[number]:>{title}} ", "dim"), *_cells(shown, span, warm, glyphs), (blank, "")]
        rows.append(row)
    return rows, each


def _cells(values: Sequence[float | None], span: Span, warm: Heat, glyphs: Glyphs) -> Row:
    return cells.runs([_sign(x, span, glyphs) for x in values], list(map(warm, values)))


def _across(count: int, room: int, lines: int) -> int:
    """Return how many cells make a line: a power of two if that fits, so that nodes line up."""
    power = 1
    while power * 2 <= room:
        power *= 2
    for width in (min(power, 64), power):
        if count <= width * lines:
            return width
    return room


def _of_group(levels: Sequence[float | None], measure: str) -> float | None:
    known = [x for x in levels if x is not None]
    if not known:
        return None
    return min(known) if measure in {"progress", "gpu"} else max(known)


def _sign(x: float | None, span: Span, glyphs: Glyphs) -> str:
    measure, low, high = span
    if x is None or math.isnan(x):
        return "?"
    if measure == "age" and high <= 0:
        return glyphs.levels[0]
    extent = high / 2 - low / 2  # halves, because the whole may overflow
    part = (x / 2 - low / 2) / extent if extent > 0 else 1.0
    most = len(glyphs.levels) - 1
    return glyphs.levels[
        int(max(0.0, min(1.0, part)) * most + 0.5) if math.isfinite(part) else most * (x > 0)
    ]


def _scale(span: Span, group: int, top: int, ranks: Sequence[RankRow], glyphs: Glyphs) -> Row:
    measure, low, high = span
    levels = f"{glyphs.levels[0]} {{}}  {glyphs.levels[-1]} {{}}  ? no data"
    if measure == "progress":
        totals = {row.total or top for row in ranks}
        whole = totals.pop() if len(totals) == 1 else 0
        first, last = (
            numbers.step(max(0, round(x * whole))) if whole else numbers.percent(x) for x in (low, high)
        )
    else:
        first, last = {
            "age": ("0s", numbers.brief(high)),
            "gpu": ("0%", "100%"),
            "step time": (numbers.value(STEP_TIME, low), numbers.value(STEP_TIME, high)),
            "loss": (numbers.value(LOSS, low), numbers.value(LOSS, high)),
        }[measure]
    row: Row = [(levels.format(first, last), "dim")]
    if group > 1:
        row.append((f"  one cell = worst of {group} ranks", "dim"))
    return row
