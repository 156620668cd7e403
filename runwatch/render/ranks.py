"""Ranks as a strip or a grid of levels, with a scale, and the worst by name.

From 1 to thousands of ranks: one cell a rank while they fit, else one cell for
several neighbours, which shows the worst of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from runwatch.batch import NODE
from runwatch.metrics import LOSS, STEP_TIME
from runwatch.render import cells, numbers
from runwatch.render.cells import Row
from runwatch.render.glyphs import UNICODE, Glyphs
from runwatch.snapshot import RankRow

MEASURES = ("progress", "step time", "loss", "age")
"""What can be shown: how far each rank is, how slow, its loss, or how long it has been silent."""
SILENT = 60.0
"""Seconds without a word after which a rank is worth naming."""


def level(row: RankRow, measure: str, furthest: int) -> float | None:
    """Return what is drawn for a rank: a fraction done, seconds, or a loss; None if unknown."""
    if measure != "progress":
        return {"age": row.age, "step time": row.step_time, "loss": row.loss}[measure]
    if row.done is None:
        return None
    total = row.total or furthest
    return min(1.0, max(0.0, row.done / total)) if total > 0 else None


def measures(ranks: Sequence[RankRow]) -> list[str]:
    """Return what is known of any of these ranks."""
    known = {"progress", "age"}
    known |= {name for name in MEASURES if any(level(row, name, 0) is not None for row in ranks)}
    return [name for name in MEASURES if name in known]


def furthest(ranks: Sequence[RankRow]) -> int:
    """Return the most that any rank has done."""
    return max((row.done for row in ranks if row.done is not None), default=0)


def worst(ranks: Sequence[RankRow], measure: str = "progress") -> list[RankRow]:
    """Return the ranks sorted with the worst first: the least done, else the most of what is measured."""
    top = furthest(ranks)

    def key(row: RankRow) -> tuple[float, float, int]:
        silent = -(row.age if row.age is not None else 0.0)
        done = level(row, "progress", top)
        behind = 2.0 if done is None else done
        if measure == "progress":
            return behind, silent, row.rank
        most = level(row, measure, top)
        return (-most if most is not None else 0.0), behind, row.rank

    return sorted(ranks, key=key)


def describe(row: RankRow, measure: str = "progress") -> str:
    """Return one rank in words: `r37 31/50` or `r37 silent 4m`."""
    name = label(row.rank)
    if measure == "age":
        return f"{name} " + ("no data" if row.age is None else f"silent {numbers.brief(row.age)}")
    if measure == "step time":
        return f"{name} " + ("no data" if row.step_time is None else numbers.value(STEP_TIME, row.step_time))
    if measure == "loss":
        return f"{name} " + ("no data" if row.loss is None else f"loss {numbers.value(LOSS, row.loss)}")
    if row.done is None:
        return f"{name} no steps"
    total = "" if row.total is None else f"/{numbers.step(row.total)}"
    return f"{name} {numbers.step(row.done)}{total}"


def label(rank: int) -> str:
    """Return a rank's name: `r7`, or `n1.r7` where a log tells its node."""
    node, place = divmod(rank, NODE)
    return f"n{node}.r{place}" if node else f"r{place}"


def notable(ranks: Sequence[RankRow], over: bool = False) -> list[str]:
    """Return in words the ranks that stand out, the worst first: behind the others, or silent.

    When the run is over, silence is no news.
    """
    top = furthest(ranks)
    parts = {row.rank: level(row, "progress", top) for row in ranks}
    best = max((part for part in parts.values() if part is not None), default=0.0)
    behind = [row for row in worst(ranks) if (part := parts[row.rank]) is not None and part < best]
    done = {row.rank for row in ranks if row.total and row.done is not None and row.done >= row.total}
    aged = [] if over else worst(ranks, "age")
    silent = [row for row in aged if (row.age or 0) >= SILENT and row.rank not in done]
    named = {row.rank for row in behind}
    out = [
        describe(row) + (f", {describe(row, 'age').partition(' ')[2]}" if row in silent else "")
        for row in behind
    ]
    return out + [describe(row, "age") for row in silent if row.rank not in named]


def grid(
    ranks: Sequence[RankRow], width: int, height: int, measure: str = "progress", glyphs: Glyphs = UNICODE
) -> list[Row]:
    """Return up to `height` rows of exactly `width` cells: a number, then one cell per rank.

    The first rows are the grid; a last row carries the scale when there is room.
    """
    if width <= 0 or height <= 0:
        return []
    if not ranks:
        return [cells.fit([("no ranks seen", "dim")], width, glyphs.ascii)]
    ordered = sorted(ranks, key=lambda row: row.rank)
    top_done = furthest(ordered)
    levels = [level(row, measure, top_done) for row in ordered]
    numbered = len(label(ordered[-1].rank))
    if numbered > width // 3:
        numbered = 0
    room = max(1, width - numbered)
    lines = height - 1 if height > 1 else 1
    group = max(1, -(-len(ordered) // (room * lines)))
    shown = [_of_group(levels[i : i + group], measure) for i in range(0, len(levels), group)]
    across = _across(len(shown), room, lines)
    known = [x for x in levels if x is not None] or [0.0]
    high = 1.0 if measure == "progress" else max(known)
    low = min(known) if measure in ("step time", "loss") else 0.0
    out = []
    for start in range(0, len(shown), across):
        signs = [_sign(x, low, high, glyphs) for x in shown[start : start + across]]
        roles = [_role(x, high, measure) for x in shown[start : start + across]]
        number = label(ordered[start * group].rank)[1:].rjust(numbered - 1) + " " if numbered else ""
        out.append(cells.fit([(number, "dim"), *cells.runs(signs, roles)], width))
    if height > len(out):
        out.append(cells.fit(_scale(measure, low, high, group, glyphs), width, glyphs.ascii))
    return out[:height]


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
    return min(known) if measure == "progress" else max(known)


def _sign(x: float | None, low: float, high: float, glyphs: Glyphs) -> str:
    if x is None or math.isnan(x):
        return "?"
    part = (x - low) / (high - low) if high > low else 0.0 if low else float(x > 0)
    return glyphs.levels[max(0, min(len(glyphs.levels) - 1, int(part * len(glyphs.levels))))]


def _role(x: float | None, high: float, measure: str) -> str:
    if x is None or math.isnan(x):
        return "dim"
    if measure == "age":
        return "crit" if x >= 5 * SILENT else "warn" if x >= SILENT else "level"
    return "good" if measure == "progress" and high > 0 and x >= high else "level"


def _scale(measure: str, low: float, high: float, group: int, glyphs: Glyphs) -> Row:
    first, last = {
        "progress": ("0%", "100%"),
        "age": ("0s", numbers.brief(high)),
        "step time": (numbers.value(STEP_TIME, low), numbers.value(STEP_TIME, high)),
        "loss": (numbers.value(LOSS, low), numbers.value(LOSS, high)),
    }[measure]
    row: Row = [(f"{glyphs.levels[0]} {first}  {glyphs.levels[-1]} {last}  ? no data", "dim")]
    if group > 1:
        row.append((f"  one cell = worst of {group} ranks", "dim"))
    return row
