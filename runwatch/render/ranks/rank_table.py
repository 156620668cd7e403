"""Ranks as a table, and one rank in words; columns give way where the screen is narrow.

A column of which nothing is known is left out; of those that do not fit, the
least important ones are left out first.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runwatch.core import rank_pace
from runwatch.core.batch import NODE
from runwatch.core.snapshot import ProcessRow, RankPlace, RankRow
from runwatch.render import cells, numbers
from runwatch.render.cells import Row
from runwatch.render.charts import heat
from runwatch.render.glyphs import UNICODE, Glyphs
from runwatch.render.machine import BUSY, STATES, UNSEEN
from runwatch.render.ranks import ranks

_BAR = 48
"""Cells of the bar next to a rank at most; with less than a third of them there is no bar."""
_LONG = 0.5
"""Least part of the median that a whole bar shows."""
_NAMES = 10
"""Cells for the name of a thing in the words about one rank."""


@dataclass(frozen=True)
class _Column:
    head: str
    width: int
    keep: int
    """Place among those that stay: small stays longest."""
    write: Callable[[RankRow], str]
    """Text of a rank; "" where it is not known."""
    role: Callable[[RankRow], str] = lambda row: ""
    """How far a rank is from where it should be."""


def table(
    rows: Sequence[RankRow],
    width: int,
    glyphs: Glyphs = UNICODE,
    top: int = 0,
    chosen: int | None = None,
    peers: Sequence[RankRow] = (),
) -> list[Row]:
    """Return a heading and one row for each rank, each of at most `width` cells.

    `top` is the most that any rank has done, for the part of a run of unknown
    length; `chosen` is the selected rank; `peers` are all ranks, if these are not.
    """
    names = max([5, *(len(_name(row)) for row in rows)])
    known = [c for c in _columns(rows, top, peers or rows) if any(c.write(row) for row in rows)]
    columns = _fitting(known, width - 1 - names)
    out: list[Row] = [
        [(" " + "rank".rjust(names) + "".join(f" {c.head:>{c.width}}" for c in columns), "dim")]
    ]
    for row in rows:
        pointer = (glyphs.pointer if row.rank == chosen else " ", "key")
        line: Row = [pointer, (_name(row).rjust(names), "")]
        for column in columns:
            text = cells.pad(column.write(row) or "-", column.width, glyphs.ellipsis, True)
            line.append((f" {text}", column.role(row)))
        out.append(line)
    room = min(_BAR, width - cells.row_width(out[0]) - 2)
    slower = any(column.head.startswith("vs ") for column in columns) and ranks.slow(peers or rows)
    if room >= _BAR // 3 and slower:
        out[0].append(("  slower", "dim"))
        for line, bar in zip(out[1:], _bars(rows, peers or rows, room, glyphs), strict=True):
            line.extend(bar)
    drawn = [cells.fit(line, width, glyphs.ascii) for line in out]
    for at, row in enumerate(rows, 1):
        if row.rank == chosen:
            drawn[at] = cells.bar(drawn[at], width, glyphs.ascii)
    return drawn


def _name(row: RankRow) -> str:
    """Return a rank's number, or its whole name where the node belongs to it."""
    return ranks.name(row) if row.rank >= NODE else str(row.rank)


def _columns(rows: Sequence[RankRow], top: int, peers: Sequence[RankRow]) -> list[_Column]:
    words = {BUSY[row.place.measure] for row in rows if row.place is not None and row.place.measure}
    busy = words.pop() if len(words) == 1 else "busy"

    def warm(measure: str) -> Callable[[RankRow], str]:
        judge = ranks.heats(peers, measure)
        return lambda row: ranks.text_role(judge(ranks.level(row, measure, top)))

    def deviation(row: RankRow) -> str:
        apart = _apart(row, usual)
        return "" if apart is None else numbers.rise(apart)

    usual, slow = ranks.usual_step(peers), warm("step time")
    progress, age = warm("progress"), warm("age")
    yardstick = f"vs {rank_pace.yardstick(_timed(peers))}"
    return [
        _Column("progress", _widest(rows), 0, _done, progress),
        _Column("step time", 9, 1, lambda row: _known(numbers.duration, row.step_time), slow),
        _Column(yardstick, len(yardstick), 3, deviation, slow),
        _Column("loss", 8, 3, ranks.loss, lambda row: "crit" if row.loss_text else ""),
        _Column("last seen", 9, 2, _seen, age),
        _Column(
            "process", 8, 4, _placed(lambda place: place.state),
            _placed(lambda place: STATES.get(place.state, "dim")),
        ),
        _Column("GPU", 5, 6, _placed(lambda place: ",".join(place.gpus))),
        _Column(busy, 5, 4, _placed(_busy), warm("gpu")),
        _Column("GPU memory", 13, 8, _placed(_memory)),
        _Column(
            "temp", 5, 7, _placed(lambda place: _known(numbers.celsius, place.temperature)),
            _placed(lambda place: ranks.text_role(heat.temperature(place.temperature))),
        ),
        _Column("power", 7, 9, _placed(lambda place: _known(numbers.watts, place.power))),
    ]  # fmt: skip


def _widest(rows: Sequence[RankRow]) -> int:
    """Return the cells of the progress of ranks that have done all they have to."""
    most = numbers.step(max((row.total or 0 for row in rows), default=0))
    return max(8, 2 * len(most) + 1) if len(most) > 1 else 15


def _apart(row: RankRow, usual: float) -> float | None:
    """Return by which part the steps of a rank take longer than usual; None if that is not known."""
    if row.step_time is None or not math.isfinite(row.step_time) or usual <= 0:
        return None
    return min(row.step_time / usual, sys.float_info.max) - 1


def _bars(rows: Sequence[RankRow], peers: Sequence[RankRow], room: int, glyphs: Glyphs) -> list[Row]:
    """Return a bar for each rank that is clearly slower, as long as its steps take longer."""
    usual, slow = ranks.usual_step(peers), ranks.heats(peers, "step time")
    longest = max([_LONG, *(_apart(row, usual) or 0.0 for row in ranks.slow(peers))])
    out: list[Row] = []
    for row, role in ((row, slow(row.step_time)) for row in rows):
        part = 0.0 if role == heat.ROLES[0] else max(0.0, _apart(row, usual) or 0.0) / longest
        out.append([("  ", ""), (glyphs.levels[-1] * int(part * room + 0.5), role)])
    return out


def _fitting(columns: list[_Column], room: int) -> list[_Column]:
    """Return the columns that fit next to the rank, in their order."""
    kept: list[_Column] = []
    for column in sorted(columns, key=lambda column: column.keep):
        if column.width + 1 > room:
            break
        kept.append(column)
        room -= column.width + 1
    return [column for column in columns if column in kept]


def words(
    row: RankRow,
    others: Sequence[RankRow],
    width: int,
    process: ProcessRow | None = None,
    line: str = "",
    glyphs: Glyphs = UNICODE,
) -> list[Row]:
    """Return what is known of one rank: its progress, pace, process, GPU and its newest line of the log."""
    known = [("progress", _progress(row, others), "")]
    if row.step_time is not None:
        slow = ranks.heats(others, "step time")(row.step_time)
        known.append(("pace", _pace(row, others), ranks.text_role(slow)))
    if loss := ranks.loss(row):
        known.append(("loss", loss, "crit" if row.loss_text else ""))
    known.append(("last seen", _seen(row) or "not since the log is watched", ""))
    if (place := row.place) is None:
        known.append(("process", "not found on this machine", "dim"))
    else:
        known.append(("process", _process(place, process), STATES.get(place.state, "")))
        known.append((f"GPU {','.join(place.gpus)}".strip(), _gpu(place), ""))
    known.append(("line", line or "none of it among the newest lines of this log", "" if line else "dim"))
    out: list[Row] = []
    for name, text, role in known:
        for i, piece in enumerate(cells.wrapped(text, max(1, width - _NAMES - 1), 2, glyphs.ellipsis)):
            label = cells.pad(name if i == 0 else "", _NAMES, glyphs.ellipsis)
            out.append(cells.fit([(f"{label} ", "dim"), (piece, role)], width, glyphs.ascii))
    return out


def _progress(row: RankRow, others: Sequence[RankRow]) -> str:
    top = ranks.furthest(others)
    done = _done(row) or "no steps"
    behind = top - row.done if row.done is not None else 0
    return done + (f", {numbers.step(behind)} behind the furthest rank" if behind > 0 else "")


def _pace(row: RankRow, others: Sequence[RankRow]) -> str:
    text = f"{numbers.duration(row.step_time)} a step"
    apart = _apart(row, ranks.usual_step(others))
    if apart is None:
        return text
    peers = f"the {rank_pace.yardstick(_timed(others))} of the ranks"
    if (said := numbers.rise(apart)) == "0%":
        return f"{text}, as {peers}"
    if said.endswith("x"):
        return f"{text}, {said} as long as {peers}"
    return f"{text}, {said[1:]} {'above' if apart > 0 else 'below'} {peers}"


def _timed(rows: Sequence[RankRow]) -> int:
    """Return how many ranks have a step time."""
    return len(rows) - ranks.levels(rows, "step time").count(None)


def _process(place: RankPlace, process: ProcessRow | None) -> str:
    parts = [f"{place.pid} {place.state}" + (f" in {place.waits}" if place.waits else "")]
    if process is not None:
        parts += [f"{process.cores:.2f} cores"] if process.cores is not None else []
        parts += [numbers.size(process.rss)] if process.rss is not None else []
        parts += [process.command] if process.command else []
    return ", ".join(parts)


def _gpu(place: RankPlace) -> str:
    if not place.gpus:
        return "not known which one it works on"
    if place.gpu_state != "ok":
        return UNSEEN[place.gpu_state]
    parts = (
        [f"{BUSY[place.measure]} {_whole(place.busy)}"] if place.measure and place.busy is not None else []
    )
    parts += [f"memory {text}"] if (text := _memory(place)) else []
    parts += [numbers.watts(place.power)] if place.power is not None else []
    parts += [numbers.celsius(place.temperature)] if place.temperature is not None else []
    return ", ".join(parts) or "nothing measured"


def _done(row: RankRow) -> str:
    if row.done is None:
        return ""
    return numbers.step(row.done) + ("" if row.total is None else f"/{numbers.step(row.total)}")


def _seen(row: RankRow) -> str:
    return "" if row.age is None else f"{numbers.brief(row.age)} ago"


def _busy(place: RankPlace) -> str:
    return "lost" if place.gpu_state == "lost" else _known(_whole, place.busy)


def _memory(place: RankPlace) -> str:
    if place.memory_used is None:
        return ""
    if place.memory_total is None:
        return numbers.size(place.memory_used)
    used, total = numbers.size(place.memory_used), numbers.size(place.memory_total)
    if used.partition(" ")[2] == total.partition(" ")[2]:
        used = used.partition(" ")[0]
    return f"{used}/{total}"


def _placed(write: Callable[[RankPlace], str]) -> Callable[[RankRow], str]:
    """Return what to write of the place of a rank; "" where that is not known."""
    return lambda row: "" if row.place is None else write(row.place)


def _known(write: Callable[[float], str], x: float | None) -> str:
    return "" if x is None else write(x)


def _whole(x: float) -> str:
    return numbers.percent(x, 0)
