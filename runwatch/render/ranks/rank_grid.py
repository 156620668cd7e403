"""Ranks as a strip or a grid of levels, with a scale.

From 1 to thousands of ranks: one cell a rank while they fit, else one cell for
several neighbors, which shows the worst of them. The levels span what there is
between ranks, not what is between nothing and all: what is the same everywhere
looks the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from runwatch.core.snapshot import RankRow
from runwatch.render import cells, numbers
from runwatch.render.cells import Row
from runwatch.render.charts import heat
from runwatch.render.charts.heat import Heat
from runwatch.render.glyphs import UNICODE, Glyphs
from runwatch.render.ranks import rank_groups, ranks

_LEAST: dict[str, float] = {"step time": 0.5, "loss": 0.1}
"""Least distance from the median that the highest level shows, as a part of it: noise is no news."""
_NARROWEST, _WIDEST = 3, 24
"""Cells for the bar of a rank and the gap behind it, where there are few ranks."""
_TOGETHER, _BROADEST = 8, 3
"""Ranks that have a number together, as a node has 8 GPUs, and the most cells of each."""
_TALL = 2
"""Rows of bars from which on they are as long as what they show: they begin at zero."""
Span = tuple[str, float, float]
"""The measure, and what its lowest and highest levels mean."""


@dataclass(frozen=True)
class _Drawing:
    """Ranks in their order, and how their levels are drawn."""

    ranks: Sequence[RankRow]
    levels: Sequence[float | None]
    width: int
    lines: int
    """Rows for the ranks, without the scale."""
    span: Span
    warm: Heat
    glyphs: Glyphs

    @property
    def unknown(self) -> bool:
        """Whether the level of a rank is not known."""
        whole = None not in self.levels and math.isfinite(sum(self.levels))  # type: ignore[arg-type]
        return not whole and any(x is None or math.isnan(x) for x in self.levels)

    def cells(self, values: Sequence[float | None], each: int = 1) -> Row:
        """Return `each` cells for each level."""
        signs, roles = _signs(values, self.span, self.glyphs), self._roles(values)
        if each > 1:
            signs, roles = ([part for part in parts for _ in range(each)] for parts in (signs, roles))
        return cells.runs(signs, roles)

    def _roles(self, values: Sequence[float | None]) -> list[str]:
        """Return the heat of each level: of most rows even the worst is as it should be."""
        known = None not in values and math.isfinite(sum(values))  # type: ignore[arg-type]
        if known and self.warm(_worst(values, self.span[0])) == heat.ROLES[0]:
            return [heat.ROLES[0]] * len(values)
        return list(map(self.warm, values))

    def joined(self, values: Sequence[float | None], each: int) -> list[float | None]:
        """Return the worst level of every `each` neighbors."""
        if each == 1:
            return list(values)
        if None in values:
            return [_worst(values[i : i + each], self.span[0]) for i in range(0, len(values), each)]
        full = [*values, *[values[-1]] * (-len(values) % each)]
        return list(map(_worse(self.span[0]), *(full[i::each] for i in range(each))))


def grid(
    rows: Sequence[RankRow],
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
    if not rows:
        return [cells.fit([("no ranks seen", "dim")], width, glyphs.ascii)]
    drawing = _drawing(rows, width, height, measure, glyphs, tall=not by)
    found = _grouped(drawing, rank_groups.places(drawing.ranks, by, parallel)) if by else _few(drawing)
    lines, each = found or _strip(drawing)
    out = [cells.fit(line, width) for line in lines]
    if height > len(out):
        scale = _scale(drawing, each)
        if by and found is None:
            scale.append((f"  no room for a line a {by}", "dim"))
        out.append(cells.fit(scale, width, glyphs.ascii))
    return out[:height]


def rank_at(rows: Sequence[RankRow], width: int, height: int, measure: str, x: int, y: int) -> RankRow | None:
    """Return the rank that a cell of the grid shows, of several the worst; None between them.

    Of a grid without groups.
    """
    if not rows or width <= 0 or height <= 0 or not 0 <= x < width:
        return None
    drawing = _drawing(rows, width, height, measure)
    if not 0 <= y < drawing.lines:
        return None
    if _has_bars(drawing):
        at, place = divmod(x, _bar_width(drawing.ranks, width) + 1)
        return drawing.ranks[at] if at < len(rows) and place < _bar_width(drawing.ranks, width) else None
    if shape := _apart_shape(drawing, numbered := _numbered(drawing)):
        across, each = shape
        line, place = divmod(x, numbered + each * _TOGETHER + 1)
        at, place = (y * across + line) * _TOGETHER, (place - numbered) // each
        inside = line < across and 0 <= place < _TOGETHER and at + place < len(rows)
        return drawing.ranks[at + place] if inside else None
    numbered, group, across = _strip_shape(drawing, numbered)
    place = x - numbered
    several = drawing.ranks[(y * across + place) * group :][:group] if 0 <= place < across else ()
    return ranks.worst(several, measure)[0] if several else None


def _drawing(
    rows: Sequence[RankRow],
    width: int,
    height: int,
    measure: str,
    glyphs: Glyphs = UNICODE,
    *,
    tall: bool = True,
) -> _Drawing:
    ordered = ranks.ordered(rows)
    levels = ranks.levels(ordered, measure)
    free = height - 1 if height > 1 else 1
    warm = ranks.heats(ordered, measure)
    tall = tall and free - 2 >= _TALL and bars_fit(ordered, width)
    # Bars that are all alike say no more where they are higher.
    tall = tall and len(set(map(warm, levels))) > 1
    whole = ranks.whole(ordered) if measure == "progress" else 0
    span = _span(ranks.known(ordered, measure), measure, whole, tall)
    return _Drawing(ordered, levels, width, free, span, warm, glyphs)


def bars_fit(rows: Sequence[RankRow], width: int) -> bool:
    """Return whether each rank can have a bar over its name."""
    each = _bar_width(rows, width)
    return each >= _NARROWEST and each >= max(map(len, map(ranks.name, rows)), default=0)


def _bar_width(rows: Sequence[RankRow], width: int) -> int:
    return min(_WIDEST, width // max(1, len(rows))) - 1


def _span(levels: Sequence[float], measure: str, whole: int, tall: bool) -> Span:
    """Return what sorted levels are drawn between; `whole` steps are all of the progress."""
    known = levels or [0.0]
    low, high = known[0], known[-1]
    if measure == "age":
        return measure, 0.0, high
    if measure == "gpu":
        return measure, 0.0, 1.0
    if measure == "progress":
        return measure, min(low, high - (ranks.NEAR / whole if whole > 0 else 1.0)), high
    if tall and 0 <= low < high < math.inf:
        return measure, 0.0, high
    usual = known[len(known) // 2]
    room = _LEAST[measure] * abs(usual)
    low = low if usual / 2 - low / 2 > room / 10 else usual
    return measure, low, max(high, low + room)


def _few(drawing: _Drawing) -> tuple[list[Row], int] | None:
    """Return a bar for each rank with its name, and its value where that fits; None without room."""
    if not _has_bars(drawing):
        return None
    each = _bar_width(drawing.ranks, drawing.width)
    names = [ranks.name(row) for row in drawing.ranks]
    measure = drawing.span[0]
    described = (ranks.describe(row, measure).partition(" ")[2] for row in drawing.ranks)
    values = [said.removeprefix(f"{measure} ") for said in described]  # the title names it
    roles = [ranks.text_role(drawing.warm(x)) for x in drawing.levels]
    widest, below = max(map(cells.width, values)), list[Row]()
    if drawing.lines > 2 and widest <= each:
        below.append([(" ".join(f"{name:<{each}}" for name in names), "dim")])
        below.append([(f"{value:<{each}} ", role) for value, role in zip(values, roles, strict=True)])
    else:
        fits = max(map(len, names)) + 1 + widest <= each
        named = [
            ((f"{name} ", "dim"), (f"{value if fits else '':<{each - len(name)}}", role))
            for name, value, role in zip(names, values, roles, strict=True)
        ]
        below.append([part for pair in named for part in pair])
    high = drawing.lines - len(below)
    return [*(_bars(drawing, each, high, y) for y in reversed(range(high))), *below], 1


def _has_bars(drawing: _Drawing) -> bool:
    return drawing.lines >= 2 and bars_fit(drawing.ranks, drawing.width)


def _bars(drawing: _Drawing, each: int, high: int, y: int) -> Row:
    """Return the row `y`, from below, of bars that are `each` cells wide and `high` rows high."""
    signs, out = drawing.glyphs.levels, []
    for x in drawing.levels:
        part = _part(x, drawing.span)
        if part is None:
            sign = " " if y else "?"
        elif high == 1:
            sign = _sign(x, drawing.span, drawing.glyphs)
        else:
            filled = max(1, round(part * high * len(signs))) - y * len(signs)
            sign = signs[min(filled, len(signs)) - 1] if filled > 0 else " "
        out += [(sign * each, drawing.warm(x)), (" ", "")]
    return out


def _strip(drawing: _Drawing) -> tuple[list[Row], int]:
    """Return numbered lines with one cell per rank or per group of neighbors, and how many are a group."""
    numbered = _numbered(drawing)
    if found := _apart(drawing, numbered):
        return found, 1
    numbered, group, across = _strip_shape(drawing, numbered)
    shown = drawing.joined(drawing.levels, group)
    rows: list[Row] = []
    for start in range(0, len(shown), across):
        first = _number(drawing.ranks[start * group])
        number = first.rjust(numbered - 1) + " " if numbered else ""
        rows.append([(number, "dim"), *drawing.cells(shown[start : start + across])])
    return rows, group


def _numbered(drawing: _Drawing) -> int:
    """Return the cells for the number before a line, and the gap behind it."""
    several = ranks.of_several_nodes(drawing.ranks)
    return 1 + max(map(len, map(_number, drawing.ranks if several else drawing.ranks[-1:])))


def _strip_shape(drawing: _Drawing, numbered: int) -> tuple[int, int, int]:
    """Return the cells for a number, how many ranks have a cell together, and how many cells make a line."""
    if numbered > drawing.width // 3:
        numbered = 0
    room = max(1, drawing.width - numbered)
    group = max(1, -(-len(drawing.ranks) // (room * drawing.lines)))
    return numbered, group, _across(-(-len(drawing.ranks) // group), room, drawing.lines)


def _apart_shape(drawing: _Drawing, numbered: int) -> tuple[int, int] | None:
    """Return how many eights of ranks make a line, and the cells of each rank; None without room."""
    count = -(-len(drawing.ranks) // _TOGETHER)
    fitting = [
        (across * (numbered + each * _TOGETHER + 1), across, each)
        for across in (1 << i for i in range(count.bit_length() + 1))
        for each in range(1, _BROADEST + 1)
        if -(-count // across) <= drawing.lines and across < 2 * count
    ]
    fitting = [found for found in fitting if found[0] <= drawing.width + 1]
    return max(fitting)[1:] if count >= 2 and fitting else None


def _apart(drawing: _Drawing, numbered: int) -> list[Row]:
    """Return numbered lines of eight ranks and a gap each, as wide as they can be; [] without room."""
    shape = _apart_shape(drawing, numbered)
    if shape is None:
        return []
    across, each = shape
    count = -(-len(drawing.ranks) // _TOGETHER)
    rows: list[Row] = [[] for _ in range(-(-count // across))]
    for at in range(count):
        first = at * _TOGETHER
        levels = drawing.levels[first : first + _TOGETHER]
        number = _number(drawing.ranks[first]).rjust(numbered - 1)
        rows[at // across] += [(f"{number} ", "dim"), *drawing.cells(levels, each), (" ", "")]
    return rows


def _number(row: RankRow) -> str:
    """Return the name of a rank without its `r`; with that of its node, where there are several."""
    return ranks.name(row) if row.host else ranks.label(row.rank)[1:]


def _grouped(drawing: _Drawing, at: Sequence[tuple[int, str]]) -> tuple[list[Row], int] | None:
    """Return the ranks of each group together under its name, several groups a line; None without room.

    `at` says the number and the name of each rank's group. A group that is longer than
    a line has one cell for several neighbors.
    """
    groups: dict[int, list[float | None]] = {}
    names: dict[int, str] = {}
    for (number, name), x in zip(at, drawing.levels, strict=True):
        names.setdefault(number, name)
        groups.setdefault(number, []).append(x)
    title = max(map(len, names.values()))
    most, room = max(map(len, groups.values())), drawing.width - title - 1
    if room < 1:
        return None
    each = -(-most // room)
    most = -(-most // each)
    across = max(1, (drawing.width + 2) // (title + 1 + most + 2))
    if -(-len(groups) // across) > drawing.lines:
        return None
    named = sorted(groups.items())
    rows: list[Row] = []
    for start in range(0, len(named), across):
        row: Row = []
        for number, levels in named[start : start + across]:
            shown = drawing.joined(levels, each)
            blank = " " * (most - len(shown) + 2)
            row += [(f"{names[number]:>{title}} ", "dim"), *drawing.cells(shown), (blank, "")]
        rows.append(row)
    return rows, each


def _across(count: int, room: int, lines: int) -> int:
    """Return how many cells make a line: a power of two if that fits, so that nodes line up."""
    power = 1
    while power * 2 <= room:
        power *= 2
    for width in (min(power, 64), power):
        if count <= width * lines:
            return width
    return room


def _worst(levels: Sequence[float | None], measure: str) -> float | None:
    known = levels if None not in levels else [x for x in levels if x is not None]
    return _worse(measure)(known, default=None)


def _worse(measure: str) -> Callable[..., float | None]:
    """Return what picks the worst of levels."""
    return min if measure in ranks.LEAST_IS_WORST else max


def _part(x: float | None, span: Span) -> float | None:
    """Return where in the span a level is, from 0 to 1; None if it is not known."""
    measure, low, high = span
    if x is None or math.isnan(x):
        return None
    if measure == "age" and high <= 0:
        return 0.0
    extent = high / 2 - low / 2  # halves, because the whole may overflow
    part = (x / 2 - low / 2) / extent if extent > 0 else 1.0
    return max(0.0, min(1.0, part)) if math.isfinite(part) else float(x > 0)


def _signs(values: Sequence[float | None], span: Span, glyphs: Glyphs) -> list[str]:
    """Return the sign of each level, at once where all are known."""
    _, low, high = span
    extent, base, most = high / 2 - low / 2, low / 2, len(glyphs.levels) - 1
    if None in values or extent <= 0 or not math.isfinite(extent * sum(values)):  # type: ignore[arg-type]
        return [_sign(x, span, glyphs) for x in values]
    parts = [
        0.0 if x <= low else 1.0 if x >= high else (x / 2 - base) / extent for x in values if x is not None
    ]
    return [glyphs.levels[int(part * most + 0.5)] for part in parts]


def _sign(x: float | None, span: Span, glyphs: Glyphs) -> str:
    part = _part(x, span)
    return "?" if part is None else glyphs.levels[int(part * (len(glyphs.levels) - 1) + 0.5)]


def _scale(drawing: _Drawing, each: int) -> Row:
    measure, low, high = drawing.span
    signs = drawing.glyphs.levels
    if measure == "progress":
        top = ranks.furthest(drawing.ranks)
        totals = {row.total or top for row in drawing.ranks}
        whole = totals.pop() if len(totals) == 1 else 0
        first, last = (
            numbers.step(max(0, round(x * whole))) if whole else numbers.percent(x) for x in (low, high)
        )
    else:
        first, last = {
            "age": ("0s", numbers.brief(high)),
            "gpu": ("0%", "100%"),
            "step time": (numbers.duration(low), numbers.duration(high)),
            "loss": (numbers.loss(low), numbers.loss(high)),
        }[measure]
    row: Row = [(f"{signs[0]} {first}  {signs[-1]} {last}", "dim")]
    if drawing.unknown:
        row.append(("  ? no data", "dim"))
    if each > 1:
        said = f"  one cell = worst of {each} ranks"
        fits = cells.row_width(row) + len(said) <= drawing.width
        row.append((said if fits else f"  worst of {each}", "dim"))
    return row
