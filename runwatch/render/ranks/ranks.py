"""What is known of ranks: levels and their heat, the worst first, and in words those worth naming."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import wraps
from operator import attrgetter
from typing import ClassVar, Concatenate, ParamSpec, TypeVar, cast

from runwatch.core import rank_pace
from runwatch.core.batch import NODE
from runwatch.core.snapshot import RankRow
from runwatch.render import numbers
from runwatch.render.cells import Segment
from runwatch.render.charts import heat
from runwatch.render.charts.heat import SILENT, Heat

P = ParamSpec("P")
T = TypeVar("T")
MEASURES = ("progress", "step time", "loss", "age", "gpu")
"""What can be shown: how far, how slow, which loss, silent for how long, how busy its GPU."""
LEAST_IS_WORST = frozenset({"progress", "gpu"})
NEAR = 7
"""Steps that ranks are apart anyway, as each prints when it gets there."""
_PACE = 1.5
"""Steps that the slowest ranks are behind in any case."""
_SLOW = 1.15
"""Times the median step at which a rank is called slow."""


_FIELDS: dict[str, Callable[[RankRow], float | None]] = {
    "age": attrgetter("age"),
    "step time": attrgetter("step_time"),
    "loss": attrgetter("loss"),
    "gpu": lambda row: None if row.place is None else row.place.busy,
}


_done: Callable[[RankRow], int | None] = attrgetter("done")
_total: Callable[[RankRow], int | None] = attrgetter("total")
_host: Callable[[RankRow], str] = attrgetter("host")


class _Newest:
    """What is known of the newest tuple of ranks: several panels ask the same of each picture."""

    ranks: tuple[RankRow, ...] = ()
    answers: ClassVar[dict[object, object]] = {}


def _once(
    function: Callable[Concatenate[Sequence[RankRow], P], T],
) -> Callable[Concatenate[Sequence[RankRow], P], T]:
    """Return the function, which computes once what it says of a picture with thousands of ranks."""

    @wraps(function)
    def asked(ranks: Sequence[RankRow], /, *args: P.args, **named: P.kwargs) -> T:
        if not isinstance(ranks, tuple) or named:
            return function(ranks, *args, **named)
        if ranks is not _Newest.ranks:
            _Newest.ranks = ranks
            _Newest.answers.clear()
        key = function, *args
        if key not in _Newest.answers:
            _Newest.answers[key] = function(ranks, *args, **named)
        return cast("T", _Newest.answers[key])

    return asked


@_once
def ordered(ranks: Sequence[RankRow]) -> Sequence[RankRow]:
    """Return the ranks by their numbers."""
    numbers = [row.rank for row in ranks]
    return ranks if numbers == sorted(numbers) else sorted(ranks, key=lambda row: row.rank)


@_once
def levels(ranks: Sequence[RankRow], measure: str) -> list[float | None]:
    """Return what is drawn for each rank: a fraction done or busy, seconds, or a loss; None if unknown."""
    if measure != "progress":
        return list(map(_FIELDS[measure], ranks))
    top = furthest(ranks)
    return [_part(row, top) for row in ranks]


def level(row: RankRow, measure: str, furthest: int) -> float | None:
    """Return what is drawn for one rank of those of which one has done `furthest`."""
    return _part(row, furthest) if measure == "progress" else _FIELDS[measure](row)


def _part(row: RankRow, furthest: int) -> float | None:
    """Return how much of its steps a rank has done."""
    done, total = row.done, row.total or furthest
    if done is None or total <= 0:
        return None
    return done / total if 0 <= done <= total else float(done > 0)


@_once
def known(ranks: Sequence[RankRow], measure: str) -> list[float]:
    """Return the levels that are finite, in their order."""
    found = [x for x in levels(ranks, measure) if x is not None]
    return sorted(found if math.isfinite(sum(found)) else filter(math.isfinite, found))


@_once
def whole(ranks: Sequence[RankRow]) -> int:
    """Return the most steps that any rank has to do."""
    totals = list(map(_total, ranks))
    most = max(filter(None, totals), default=0)
    return most if all(totals) else max(most, furthest(ranks))


@_once
def measures(ranks: Sequence[RankRow]) -> list[str]:
    """Return what is known of any of these ranks, at least the progress."""
    return [name for name in MEASURES if name == "progress" or levels(ranks, name).count(None) < len(ranks)]


@_once
def best_measure(ranks: Sequence[RankRow]) -> str:
    """Return what distinguishes ranks best: a lag in an evaluation, else step times, else progress.

    Of ranks that printed nothing only their GPUs are known.
    """
    measured, done = measures(ranks), _counted(ranks)
    if "gpu" in measured and not done:
        return "gpu"
    most = max(done, default=0)
    late = _apart(most - min(done, default=0), most)
    return "progress" if late or "step time" not in measured else "step time"


@_once
def _counted(ranks: Sequence[RankRow]) -> list[int]:
    """Return how much each rank has done, of those where that is known."""
    return [done for done in map(_done, ranks) if done is not None]


@_once
def furthest(ranks: Sequence[RankRow]) -> int:
    """Return the most that any rank has done."""
    return max(_counted(ranks), default=0)


def worst(ranks: Sequence[RankRow], measure: str = "progress") -> list[RankRow]:
    """Return the ranks with the worst first: the least done or busy, else the most of what is measured.

    One whose process is stopped goes before all others. Those that are as they should be keep the order of
    their numbers: noise does not move them.
    """
    first, second = _badness(ranks, measure), _badness(ranks, "age" if measure == "progress" else "progress")
    # Sorting by one list of numbers after the other is several times quicker than by tuples of them.
    at = list(range(len(ranks)))
    if ordered(ranks) is not ranks:
        at.sort(key=[row.rank for row in ranks].__getitem__)
    for keys in (second, first):
        if keys:
            at.sort(key=keys.__getitem__, reverse=True)
    rows = [ranks[place] for place in at]
    stopped = [row for row in rows if (place := row.place) is not None and place.state == "stopped"]
    if not stopped:
        return rows
    ids = {row.rank for row in stopped}
    return [*stopped, *(row for row in rows if row.rank not in ids)]


def _badness(ranks: Sequence[RankRow], measure: str) -> list[float]:
    """Return how bad each rank is, [] if none is: a larger number is worse; what is not known is lowest."""
    judge, sign = heats(ranks, measure), -1.0 if measure in LEAST_IS_WORST else 1.0
    found, order = levels(ranks, measure), known(ranks, measure)
    if measure == "loss":  # of which nobody knows what it should be
        least = -math.inf
    else:  # what is worse is hotter
        order = order if sign > 0 else [-x for x in reversed(order)]
        hot = bisect_left(order, True, key=lambda x: judge(sign * x) != heat.ROLES[0])
        least = order[hot] if hot < len(order) else math.inf
    fine, unknown = -sys.float_info.max, len(order) < len(found)
    if least == math.inf and not unknown:
        return []
    if unknown or sign < 0:
        found = [-math.inf if x is None or math.isnan(x) else sign * x for x in found]
    return [x if x >= least or x == -math.inf else fine for x in cast("list[float]", found)]


_KEYS: dict[str, Callable[[RankRow], float | None]] = {
    "rank": lambda row: row.rank,
    "progress": lambda row: row.done,
    "step time": lambda row: None if row.step_time is None else -row.step_time,
    "loss": lambda row: -math.inf if row.loss_text else None if row.loss is None else -row.loss,
    "last seen": lambda row: None if row.age is None else -row.age,
    "gpu busy": _FIELDS["gpu"],
    "gpu temp": lambda row: (
        None if row.place is None or row.place.temperature is None else -row.place.temperature
    ),
}
"""What each column of a table of ranks is sorted by, the worst first; None if it is not known."""
COLUMNS = ("worst", *_KEYS)
"""What a table of ranks can be sorted by."""
_ALWAYS = frozenset({"worst", "rank", "progress", "last seen"})


@_once
def by_column(ranks: Sequence[RankRow], column: str, measure: str) -> list[RankRow]:
    """Return the ranks sorted by a column, what is worst first; what is not known comes last."""
    if column not in _KEYS:
        return worst(ranks, measure)
    value = _KEYS[column]
    return sorted(ranks, key=lambda row: (value(row) is None, value(row) or 0.0, row.rank))


def sortable(ranks: Sequence[RankRow]) -> list[str]:
    """Return what these ranks can be sorted by: not by what is known of none."""
    return [name for name in COLUMNS if name in _ALWAYS or any(_KEYS[name](row) is not None for row in ranks)]


def describe(row: RankRow, measure: str = "progress") -> str:
    """Return one rank in words: `r37 31/50` or `r37 silent 4m`."""
    named = name(row)
    if measure == "age":
        return f"{named} " + ("no data" if row.age is None else f"silent {numbers.brief(row.age)}")
    if measure == "step time":
        return f"{named} " + ("no data" if row.step_time is None else numbers.duration(row.step_time))
    if measure == "loss":
        return f"{named} " + (f"loss {text}" if (text := loss(row)) else "no data")
    if measure == "gpu":
        busy = _FIELDS["gpu"](row)
        return f"{named} " + ("no data" if busy is None else f"GPU {numbers.percent(busy, 0)}")
    if row.done is None:
        return f"{named} no steps"
    total = "" if row.total is None else f"/{numbers.step(row.total)}"
    return f"{named} {numbers.step(row.done)}{total}"


def loss(row: RankRow) -> str:
    """Return a rank's loss as people read it, also NaN or Inf; "" if it printed none."""
    return numbers.known_loss(row.loss, row.loss_text)


def label(rank: int) -> str:
    """Return a rank's name: `r7`, or `n1.r7` where a log has its node."""
    node, place = divmod(rank, NODE)
    return f"n{node}.r{place}" if node else f"r{place}"


@_once
def of_several_nodes(ranks: Sequence[RankRow]) -> bool:
    """Return whether nodes are named, because ranks of several are shown together."""
    return any(map(_host, ranks))


def name(row: RankRow) -> str:
    """Return the name of one of these ranks: with its node, where ranks of several nodes are shown."""
    return f"{row.host}.r{row.rank % NODE}" if row.host else label(row.rank)


@_once
def heats(ranks: Sequence[RankRow], measure: str) -> Heat:
    """Return how to judge what is drawn for a rank among these."""
    steps = whole(ranks) if measure == "progress" else 0
    return heat.among(measure, known(ranks, measure), NEAR / steps if steps > 0 else 0.0)


def text_role(role: str) -> str:
    """Return a heat as the role of text, which is plain where all is as it should be."""
    return "" if role == heat.ROLES[0] else role


def notable(ranks: Sequence[RankRow], over: bool = False) -> list[Segment]:
    """Return in words the ranks that are worth naming, the worst first: a bad loss, lag, slowness, silence.

    Each with its heat. When the run is over, silence is no news.
    """
    top = furthest(ranks)
    parts = levels(ranks, "progress")
    done = known(ranks, "progress") or [0.0]
    best = done[-1]
    apart = (best - done[0]) * whole(ranks) > _PACE
    lags = {
        row.rank: part
        for row, part in zip(ranks, parts, strict=True)
        if apart
        and part is not None
        and part < best
        and _apart((best - part) * (row.total or top), row.done or 0)
    }
    behind = [row for row in worst(ranks) if row.rank in lags] if lags else []
    longest = max(filter(None, levels(ranks, "age")), default=0.0)
    quiet = ranks if longest >= SILENT and not over else ()
    mute = {row.rank for row in quiet if (row.age or 0) >= SILENT and not _through(row)}
    silent = [row for row in worst(ranks, "age") if row.rank in mute] if mute else []
    late = slow(ranks)
    named = {*lags, *(row.rank for row in late)}
    spoilt = [(describe(row, "loss"), "crit") for row in ranks if row.loss_text]
    out = spoilt if len(spoilt) < len(ranks) else []  # of all of them the run's own loss is enough
    asked = {"progress": behind, "step time": late, "age": behind or silent}
    judge = {measure: heats(ranks, measure) for measure, found in asked.items() if found}
    out += [
        (
            describe(row) + (f", {describe(row, 'age').partition(' ')[2]}" if row.rank in mute else ""),
            max(judge["progress"](lags[row.rank]), judge["age"](row.age) if row.rank in mute else ""),
        )
        for row in behind
    ]
    usual = usual_step(ranks)
    out += [(_slow(row, usual), judge["step time"](row.step_time)) for row in late if row.rank not in lags]
    if len(silent) == len(ranks) > 1 and not named:
        return [*out, (f"all silent {numbers.brief(silent[-1].age)}", "warn")]
    return out + [(describe(row, "age"), judge["age"](row.age)) for row in silent if row.rank not in named]


def _apart(lag: float, done: int) -> bool:
    """Return whether ranks that have done so many steps are further apart than they are anyway."""
    return lag > NEAR or (lag > _PACE and lag > 0.1 * done)


def _through(row: RankRow) -> bool:
    """Return whether a rank did all that it had to."""
    return bool(row.total) and row.done is not None and row.done >= (row.total or 0)


@_once
def slow(ranks: Sequence[RankRow]) -> list[RankRow]:
    """Return the ranks whose steps take clearly longer than usual, the slowest first."""
    least = _SLOW * usual_step(ranks)
    late = [row for row in ranks if (row.step_time or 0.0) > least > 0]
    return sorted(late, key=lambda row: -(row.step_time or 0.0))


def slows(ranks: Sequence[RankRow], step_time: float | None) -> bool:
    """Return whether the step time of the run shows how slow the slowest rank is.

    In a log of one rank that waits for nobody it does not. Without a slow rank there is nothing to hide.
    """
    usual = usual_step(ranks)
    return step_time is not None and usual > 0 and (step_time > _SLOW * usual or not slow(ranks))


@_once
def usual_step(ranks: Sequence[RankRow]) -> float:
    """Return what the ranks' step times are compared with; 0 if fewer than two are known."""
    return rank_pace.usual(known(ranks, "step time"))


def _slow(row: RankRow, usual: float) -> str:
    return f"{describe(row, 'step time')} {numbers.rise((row.step_time or 0.0) / usual - 1)}"
