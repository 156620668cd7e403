"""What one redraw of a bar shows: its frame, as a match, and how the numbers in it become records.

A frame depends on its line alone. What many of them come to is for the tracker.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from typing import TYPE_CHECKING, Any

from runwatch.core.batch import EPOCH_STEPS, EVAL, TRAIN
from runwatch.core.metrics import EPOCH, LOSS, STEP_TIME, Unit
from runwatch.core.text import decode
from runwatch.parsers.api import Known, Layout, Match, Matcher
from runwatch.parsers.body.readers import RowMaker
from runwatch.parsers.framing.ansi import UP
from runwatch.parsers.inference.losses import loss_of_parts
from runwatch.parsers.lexicon.names import rated
from runwatch.parsers.lexicon.parts import adversaries
from runwatch.parsers.lexicon.records import objective
from runwatch.parsers.lexicon.units import rate_suffix
from runwatch.parsers.progress.epochs import Counts, Place
from runwatch.parsers.progress.grammar import Bar, Named, behind
from runwatch.parsers.progress.names import (
    ALIASES,
    counts_other,
    is_loss,
    is_reward,
    is_score,
    is_validation,
    part_of,
    spans_run,
    trains,
    unit_behind,
)

if TYPE_CHECKING:
    from runwatch.parsers.body.frames import Floats, Part

_Values = Sequence[Any]
"""Of one frame, or columns of them."""

_EPOCH = re.compile(
    rb"(?i:epochs?)[ :=\[]*(\d+)(?: ?(?:/|of) ?(\d+))?\]?[^\d]{0,40}"
    rb"(?:(?<=[Ii]teration: )\d{1,9}/\d{1,9}\D{0,8})?$"
)
_OUTER = re.compile(rb"(?i:\bepochs?(?: progress)?)[ :]{0,3}$")
_LEADING = re.compile(rb"\W{0,8}\[(\d{1,6})/(\d{1,6})\]")
"""An epoch in front: `[3/10] train`."""
_TRAILING = re.compile(rb"(?:(?:^|[\])])\s{0,4}|(?i:\btrain(?:ing)?)[ :]{1,3})(\d{1,6})/(\d{1,6})[: ]{0,3}$")
"""One behind a tag, or by itself: `[fold_0] 3/10:`."""
_TORCHTUNE = re.compile(rb"(\d{1,9})\|\d{1,9}\|[^\d]{0,40}$")
"""Its description begins with epoch and step."""
_RANK = re.compile(
    rb"(?:(?<![Ll]o[Rr][Aa] )\b(?:[Ll]ocal[ _])?[Rr](?:ank|ANK)|\bGPU|\bcuda|\[default)"
    rb"[ _:=#]{0,3}(\d{1,5})(?!\d)"
)
_EPOCHS = ("epoch", "epochs")
_CLOCK = ("hours", "minutes", "seconds")
_SUMS = ("Total", "TOTAL", "sum", "Sum", "SUM")
"""What the loss may be called next to its parts; `total` is how many steps there are."""


@dataclass(frozen=True, slots=True)
class BarLayout(Layout):
    """What a bar shows: n and total; epoch, epochs, time and rate if there are such; its values; a rank."""

    numbered: int = 0
    """How many of them show the epoch."""
    clocked: int = 0
    """How many show the time elapsed: seconds, minutes and hours."""
    rate: bytes = b""
    """Unit of the rate: `it/s`, `s/it`, or none."""
    paced: str = STEP_TIME
    """The metric that the rate is: the time of a step, or how many samples or tokens are taken a second."""
    ranked: bool = False
    """Whether the last of them is a rank."""
    outer: bool = False
    """Whether it counts epochs, below which another bar may be drawn."""
    open: bool = False
    """Whether it has no total: n appears twice."""
    position: int = 0
    """How many bars it is drawn below."""
    run_wide: bool = False
    """Whether its description says that it spans the run."""
    loss: int = 0
    """Which of its values is the first loss; -1 for none."""
    trains: bool = False
    """Whether its description says that it trains."""
    own: tuple[tuple[str, str], ...] = ()
    """What names mean that do not say it: `Total=0.5, PDE=0.3, Data=0.2`, `MSE=0.5`, `speed=20.5 tok/s`."""
    held_out: str = ""
    """The held-out data that it passes over, if its description says so: val or test."""
    scaled: bool = False
    """Whether n or total are printed in thousands or the like."""
    redrawn: bool = False
    """Whether rich or alive-progress drew it: all their bars are drawn again, whichever moves."""
    __hash__ = Layout.__hash__  # quicker than one of all fields

    @property
    def first(self) -> int:
        """Where its values begin."""
        return 2 + self.numbered + self.clocked + bool(self.rate)

    @property
    def values(self) -> tuple[str, ...]:
        """The names of its values."""
        return self.names[self.first : len(self.names) - self.ranked]

    def counts(self, shown: _Values) -> Counts:
        """Return what a frame, or columns of them, show of their place."""
        n, total = shown[:2] if not self.scaled else ((count + 0.5) // 1 for count in shown[:2])
        zero = 0.0 * n
        return Counts(
            n,
            total if not self.open else zero + float("inf"),
            shown[2] if self.numbered else zero - 1,
            shown[3] if self.numbered > 1 else zero - 1,
            zero + (not (self.numbered or self.outer)),
            zero + self.run_wide,
        )

    def took(self, shown: _Values) -> Any:
        """Return the seconds that a step takes by the rate of a frame, or of columns; infinite without."""
        if not self.rate:
            return math.inf
        rate = shown[self.first - 1]
        return rate if self.rate == b"s/it" else _inverse(rate)

    def loss_of(self, shown: _Values) -> Any:
        """Return the first loss that a frame shows, or columns of it; infinite without."""
        return shown[self.first + self.loss] if self.loss >= 0 else 0.0 * shown[0] + math.inf

    def elapsed(self, shown: _Values) -> Any:
        """Return the seconds that a bar is drawn, by a frame or columns of them; -1 if unknown."""
        first = 2 + self.numbered
        return reduce(lambda past, part: 60 * past + part, shown[first : first + self.clocked] or (-1.0,))


def _inverse(number: Any) -> Any:
    """Return one through a number, or a column of them; infinite for zero."""
    if isinstance(number, float):
        return 1.0 / number if number else math.inf
    import numpy as np

    with np.errstate(divide="ignore"):
        return 1.0 / number


class BarColumns:
    """How the numbers that bars of one layout show become records, for floats and for columns alike."""

    def __init__(
        self, row: RowMaker, layout: BarLayout, placed: bool, rolls: bool, timed: bool, ranked: bool
    ) -> None:
        """`placed`: whether the epoch is known; `rolls`: whether the total is but its end.

        `timed`: whether the rate shows a time; `ranked`: whether there is a rank.
        """
        first, names = layout.first, layout.values
        self._timed, self._inverse = timed, layout.paced != STEP_TIME
        self._kept = [True, not layout.open, placed, rolls]
        rank = ("rank",) * ranked
        place = (*self._known(("step", "total", EPOCH, EPOCH_STEPS)), *rank, *(layout.paced,) * timed)
        validation = {name: i for i, name in enumerate(names, first) if is_validation(name)}
        metrics = {n: i for i, n in enumerate(names, first) if n not in validation and n not in place}
        self.validation = tuple(validation)
        self._metrics, self._validated = tuple(metrics.values()), tuple(validation.values())
        self.train = row.layout(TRAIN, (*place, *metrics))
        self.eval = row.layout(EVAL, ("step", *rank, *validation), tuple(metrics))

    def trained(self, place: Iterable[Any], took: Any, shown: _Values, rank: int | None) -> list[Any]:
        """Return step, total, epoch, its steps, and values at a place; `took`: what a step takes there."""
        known = self._known(place)
        took = _inverse(took) if self._inverse and self._timed else took
        return [*known, *_ranks(known[0], rank), *(took,) * self._timed, *(shown[i] for i in self._metrics)]

    def _known(self, place: Iterable[Any]) -> list[Any]:
        """Return those parts of a place that are known."""
        return [part for part, kept in zip(place, self._kept, strict=True) if kept]

    def validated(self, step: Any, shown: _Values, rank: int | None) -> list[Any]:
        """Return the values of validation at a step."""
        return [step, *_ranks(step, rank), *self.measured(shown)]

    def measured(self, shown: _Values) -> list[Any]:
        """Return what was validated alone."""
        return [shown[i] for i in self._validated]


def _ranks(step: Any, rank: int | None) -> list[Any]:
    return [] if rank is None else [0.0 * step + rank]


@cache
def _rows(pattern: str, own: tuple[tuple[str, str], ...]) -> RowMaker:
    """Return what makes the rows of bars of a pattern, some of whose names may not say what they mean."""
    return RowMaker(pattern, {**ALIASES, **dict(own)}, stored=True)


class BarFrames(Matcher):
    """What bars show: matches those of training that carry a loss, and of held-out data if it `holds_out`."""

    holds_out = False
    lossless = False
    """Whether it matches bars of training that carry no loss, and no others."""
    redrawn = False
    """Whether any was not drawn by tqdm."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._layouts: Known[tuple[Any, ...], BarLayout | None] = Known(lambda key: self._layout(*key))
        self._columns: Known[tuple[BarLayout, bool, bool, bool, bool], BarColumns] = Known(
            lambda key: BarColumns(_rows(pattern, key[0].own), *key)
        )

    def columns(
        self,
        layout: BarLayout,
        *,
        placed: bool = False,
        rolls: bool = False,
        timed: bool = False,
        ranked: bool = False,
    ) -> BarColumns:
        """Return how the numbers of frames of a layout become records."""
        return self._columns[layout, placed, rolls, timed, ranked]

    def columns_of(self, layout: BarLayout, place: Place, shown: _Values, *, ranked: bool) -> BarColumns:
        """Return the same of one frame; a rate of zero steps a second shows no time."""
        timed = bool(layout.rate) and (layout.rate == b"s/it" or shown[layout.first - 1] != 0)
        rolls = place.epoch_steps >= 0
        return self.columns(layout, placed=place.epoch >= 0, rolls=rolls, timed=timed, ranked=ranked)

    def cut(self, part: Part, places: Floats, *, ranked: bool) -> list[tuple[BarColumns, Part]]:
        """Separate frames whose epoch or total is known or not, and whose rate shows a time or not."""
        import numpy as np

        layout = part.layout
        assert isinstance(layout, BarLayout)
        placed, rolls = places[2:, part.at] >= 0
        timed = np.full(len(part.at), bool(layout.rate))
        if layout.rate == b"it/s":
            timed = part.columns[layout.first - 1] != 0
        kinds = 4 * rolls + 2 * placed + timed
        cuts = []
        for kind in np.unique(kinds).tolist():
            own = kinds == kind
            reported = {"placed": bool(kind & 2), "rolls": bool(kind & 4), "timed": bool(kind & 1)}
            columns = self.columns(layout, **reported, ranked=ranked)
            kept = part if own.all() else part._replace(at=part.at[own], columns=part.columns[:, own])
            cuts.append((columns, kept))
        return cuts

    def frame(
        self,
        line: bytes,
        bar: Bar,
        named: Named,
        *,
        epoch: tuple[int, int] | None = None,
        desc: bytes | None = None,
    ) -> Match | None:
        """Return the frame of a bar; None if it is of something else.

        `named` are the spans of its values, and `epoch` the one among them that is the epoch's number.
        `desc` is the description, where values are part of it.
        """
        begin = bar.desc[0]
        text = line[slice(*bar.desc)] if desc is None else desc
        held_out = part_of(text) if self.holds_out and bar.total is not None else ""
        if counts_other(text, bar.unit) and not held_out:
            return None
        found = _EPOCH.search(text) or _TORCHTUNE.match(text) or _LEADING.match(text)
        found = found or _TRAILING.search(text)
        groups = range(1, 1 + (found.lastindex or 0)) if found else ()
        epochs = [(begin + found.start(i), begin + found.end(i)) for i in groups] if found else []
        items: dict[bytes, tuple[int, int]] = {}
        for name, span in named:
            items.setdefault(name, span)
        if not epochs and b"epoch" in items and epoch == items[b"epoch"]:
            epochs = [items.pop(b"epoch")]
        rank = _RANK.search(text)
        clocked = len(bar.elapsed) if max(bar.scales) == 1.0 and len(bar.elapsed) < 4 else 0
        outer = not epochs and (bar.unit in (b"epoch", b"epochs") or _OUTER.search(text) is not None)
        key = (
            *(len(epochs), clocked, (bar.rate_unit, bar.unit), tuple(items)),
            *(rank is not None, bar.total is None, outer),
            *(spans_run(text), trains(text), bar.scales, bar.redrawn),
            *(
                not text.strip(b": "),
                held_out,
                line.count(UP),
                tuple(behind(line, end) for _, end in items.values()),
            ),
        )
        layout = self._layouts[key]
        if layout is None:
            return None
        rate = (*bar.elapsed[:clocked], *(() if bar.rate is None else (bar.rate,)))
        spans: tuple[tuple[int, int], ...] = (bar.n, bar.total or bar.n, *epochs, *rate, *items.values())
        return Match(
            layout, spans if rank is None else (*spans, (begin + rank.start(1), begin + rank.end(1)))
        )

    def _layout(
        self,
        epochs: int,
        clocked: int,
        pace: tuple[bytes, bytes],
        printed: tuple[bytes, ...],
        ranked: bool,
        open_: bool,
        outer: bool,
        run_wide: bool,
        trains: bool,
        scales: tuple[float, float, float],
        redrawn: bool,
        undescribed: bool,
        held_out: str,
        position: int,
        suffixes: tuple[str, ...],
    ) -> BarLayout | None:
        rate, unit = pace
        counted = rate_suffix(f"{decode(unit)}/s") if rate and unit else None
        values = tuple(decode(name) for name in printed)
        shown = is_loss if not held_out else is_score
        losses = [i for i, name in enumerate(values) if shown(name)] or adversaries(values)
        whole = "" if losses else decode(loss_of_parts(frozenset(printed)) or b"")
        own = "" if losses or held_out else whole if whole in _SUMS else objective(values) or ""
        own = own if own in _SUMS or epochs or trains or undescribed else ""
        losses = losses or [i for i, name in enumerate(values) if (name == own if own else is_reward(name))]
        if bool(losses) is self.lossless:
            return None
        of = {"n": scales[0], "total": scales[1]} | dict.fromkeys(_EPOCHS[:epochs], 1.0)
        of |= dict.fromkeys(_CLOCK[len(_CLOCK) - clocked :], 1.0) | ({"rate": scales[2]} if rate else {})
        names = (*of, *values, *("rank",) * ranked)
        units = [Unit(multiply=scale) if scale != 1.0 else Unit() for scale in of.values()]
        units += [unit_behind(name, suffix) for name, suffix in zip(values, suffixes, strict=True)]
        shown_as = [(name, rated(name, suffix)) for name, suffix in zip(values, suffixes, strict=True)]
        return BarLayout(
            "frame",
            self._pattern,
            names,
            (*units, *(Unit() for _ in names[len(units) :])),
            numbered=epochs,
            clocked=clocked,
            rate=rate,
            paced=counted[0] if counted else STEP_TIME,
            ranked=ranked,
            outer=outer,
            open=open_,
            run_wide=run_wide,
            loss=losses[0] if losses else -1,
            trains=trains,
            held_out=held_out,
            own=tuple(
                (name, metric) for name, metric in (*shown_as, (own, LOSS)) if name not in (metric, "")
            ),
            scaled=max(scales[:2]) > 1.0,
            redrawn=redrawn,
            position=position,
        )
