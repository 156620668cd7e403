"""What a progress bar shows: its picture, as a match, and how the numbers in it become records.

A picture depends on its line alone. What many of them tell is for their reader (see bars).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from runwatch.batch import EVAL, TRAIN
from runwatch.metrics import EPOCH, LOSS, STEP_TIME, VAL_BPB, VAL_LOSS, Unit
from runwatch.parsers.lexicon.names import meaning, of_validation
from runwatch.parsers.patterns import VALUE, Layout, Match
from runwatch.parsers.readers import RowMaker

if TYPE_CHECKING:
    from runwatch.parsers.pictures import Part

_Values = Sequence[Any]
"""Of one picture, or columns of them."""

_EPOCH = re.compile(rb"(?i:epoch)[ :=\[]*(\d+)(?: ?(?:/|of) ?(\d+))?\]?[^\d]{0,40}$")
_OUTER = re.compile(rb"(?i:\bepochs?(?: progress)?)[ :]{0,3}$")
_LEADING = re.compile(rb"\W{0,8}\[(\d{1,6})/(\d{1,6})\]")
"""An epoch in front: `[3/10] train`."""
_TORCHTUNE = re.compile(rb"(\d{1,9})\|\d{1,9}\|[^\d]{0,40}$")
"""Its description begins with epoch and step."""
NAMED = re.compile(
    rb"(?<![\w./@-])((?<=, )(?:(?:Train|Val|Eval|Test|Best)\w{0,8} [Ll]oss|[A-Z][\w-]{0,40}"
    rb"(?: [\w-]{1,40}){0,3} (?![\w-]{0,40}[Ll]oss=)[A-Za-z][\w-]{0,40})(?==)"  # `Average key norm=0.5`
    rb"|[A-Za-z][\w./@-]{0,80}(?: in s| \((?:batch|step)\))?)(?:\s{0,8}[=:]\s*|(?<=[Ll]oss) )("
    + VALUE
    + rb")(?:(?<=[fnFN])\.0{0,8})?%?(?=[\s,\]]|$)"  # Lightning fills NaN up as it does numbers: nan.0
)
NOT_TRAINING = re.compile(rb"(?i:\bval|\beval|\btest|predict|infer|sanity|generat)")
_RANK = re.compile(
    rb"(?:(?<![Ll]o[Rr][Aa] )\b(?:[Ll]ocal[ _])?[Rr](?:ank|ANK)|\bGPU|\bcuda|\[default)"
    rb"[ _:=#]{0,3}(\d{1,5})(?!\d)"
)
_LOSS = re.compile(r"(?i:loss)(?!.*epoch)")

_EPOCHS = ("epoch", "epochs")
PLACES = frozenset(("done", "total", "before", "pace", "rank", *_EPOCHS))
"""What numbers of a picture are called that are no values."""
_Named = list[tuple[bytes, tuple[int, int]]]
"""Names and where their numbers stand."""


@dataclass(frozen=True, slots=True)
class Shown(Layout):
    """What a bar shows: done and total; epoch, epochs and pace if there are such; what has a name; a rank."""

    numbers: int = 0
    """How many of them tell the epoch."""
    pace: bytes = b""
    """Its unit; empty if there is none."""
    ranked: bool = False
    """Whether the last of them is a rank."""
    outer: bool = False
    """Whether it counts epochs, below which another bar may be drawn."""
    open: bool = False
    """Whether it has no total: what was done before it began is to be told in its place."""
    scaled: bool = False
    """Whether done or total are printed in thousands or the like."""
    other: bool = False
    """Whether rich or alive-progress drew it: all their bars are drawn again, whichever moves."""
    __hash__ = Layout.__hash__  # quicker than one of all fields


class _Key(NamedTuple):
    """What tells layouts apart."""

    epochs: int
    pace: bytes
    printed: tuple[bytes, ...]
    ranked: bool
    outer: bool
    open: bool
    scales: tuple[float, ...]
    other: bool


_ALIASES = {"reduced_train_loss": LOSS}
"""NeMo's, beside a `train_loss` that is the mean of the epoch."""


def is_validated(name: str) -> bool:
    """Whether a number of a bar is of held-out data."""
    return of_validation(name) is not None or meaning(name).metric in (VAL_LOSS, VAL_BPB)


class _Bar:
    """How the numbers that bars of one layout show become records, for floats and for columns alike."""

    def __init__(self, row: RowMaker, layout: Shown) -> None:
        """`row` makes the layouts of the records."""
        epochs, pace = layout.numbers, layout.pace
        first = 2 + epochs + bool(pace)
        names = layout.names[first : len(layout.names) - layout.ranked]
        self._rank = len(layout.names) - 1 if layout.ranked else None
        self.epochs = epochs
        self._pace = 2 + epochs if pace else None
        self._open, self._scaled = layout.open, layout.scaled
        place: tuple[str, ...] = ("step",) if layout.open else ("step", "total")
        place += (EPOCH,) if epochs else ()
        self.places = len(place)
        """How many numbers tell its place: step, perhaps total and epoch."""
        place += ("rank",) if layout.ranked else ()
        place += (STEP_TIME,) if pace else ()
        validation = {name: i for i, name in enumerate(names, first) if is_validated(name)}
        metrics = {n: i for i, n in enumerate(names, first) if n not in validation and n not in place}
        self.rate = 2 + epochs if pace == b"it/s" else None
        """Which number is a pace in steps a second."""
        self.validation = tuple(validation)
        self._metrics, self._validated = tuple(metrics.values()), tuple(validation.values())
        self.train = row.layout(TRAIN, (*place, *metrics))
        self.eval = row.layout(EVAL, ("step", *(("rank",) if layout.ranked else ()), *validation))

    def place(self, shown: _Values, first_epoch: int) -> list[Any]:
        """Return step, total and epoch, if there are such; bars that begin anew are laid end to end."""
        done, total = shown[:2] if not self._scaled else ((count + 0.5) // 1 for count in shown[:2])
        if self._open:
            return [total + done, *shown[2 : 2 + (self.epochs > 0)]]
        if not self.epochs:
            return [done, total]
        past = shown[2] - first_epoch
        planned = shown[3] + 1 - first_epoch if self.epochs > 1 else past + 1
        return [past * total + done, planned * total, shown[2]]

    def metrics(self, shown: _Values) -> list[Any]:
        """Return the seconds per step, if a pace is shown, and the values of training."""
        pace = [] if self._pace is None else [shown[self._pace]]
        pace = pace if self.rate is None else [1.0 / pace[0]]
        return [*self._ranks(shown), *pace, *(shown[i] for i in self._metrics)]

    def validated(self, shown: _Values) -> list[Any]:
        """Return the values of validation."""
        return [*self._ranks(shown), *(shown[i] for i in self._validated)]

    def _ranks(self, shown: _Values) -> list[Any]:
        return [] if self._rank is None else [shown[self._rank]]


class BarPictures:
    """What bars show: matches those of training that carry a loss."""

    prefix = b""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._row = RowMaker(pattern, _ALIASES)
        self._layouts: dict[_Key, Layout | None] = {}
        self._bars: dict[Layout, _Bar] = {}

    def bar(self, layout: Layout) -> _Bar:
        """Return how the numbers of pictures of a layout become records."""
        bar = self._bars.get(layout)
        if bar is None:
            assert isinstance(layout, Shown)
            if len(self._bars) > 1024:
                self._bars.clear()
            bar = self._bars[layout] = _Bar(self._row, layout)
        return bar

    def unpaced(self, layout: Layout) -> Layout:
        """Return the layout of the same pictures without their pace."""
        assert isinstance(layout, Shown)
        at = 2 + layout.numbers
        return replace(_spliced(layout, at, 1, ()), pace=b"")

    def ranked(self, layout: Layout) -> Layout:
        """Return the layout of the same pictures with a rank behind all else."""
        assert isinstance(layout, Shown)
        return replace(_spliced(layout, len(layout.names), 0, ("rank",)), ranked=True)

    def placed(self, layout: Layout, epochs: int) -> Layout:
        """Return the layout of the same pictures with so many numbers of the epoch."""
        assert isinstance(layout, Shown)
        return replace(_spliced(layout, 2, layout.numbers, _EPOCHS[:epochs]), numbers=epochs)

    def by_pace(self, part: Part) -> list[Part]:
        """Return pictures apart that have a pace of zero steps a second: it tells none."""
        rate = self.bar(part.layout).rate
        if rate is None or part.columns[rate].all():
            return [part]
        zero = part.columns[rate] == 0
        rest = part.columns[[i for i in range(len(part.columns)) if i != rate]]
        parts = [part._replace(at=part.at[~zero], columns=part.columns[:, ~zero])] if not zero.all() else []
        return [
            *parts,
            part._replace(layout=self.unpaced(part.layout), at=part.at[zero], columns=rest[:, zero]),
        ]

    def picture(
        self,
        text: bytes,
        place: list[tuple[int, int]],
        pace: bytes,
        named: _Named,
        epoch: tuple[int, int] | None = None,
        scales: tuple[float, ...] = (1.0, 1.0, 1.0),
        *,
        other: bool = False,
    ) -> Match | None:
        """Return the picture of a bar behind `text`, which begins its line; None if it is not of training.

        `place` are the spans of done, total and, if shown, the pace; for the total stands once more what is
        done where there is none. `named` are those of other numbers, and `epoch` the one among them that is
        the epoch's number. `scales` are of done, total and pace; `other` tells that
        it was not drawn by tqdm.
        """
        if NOT_TRAINING.search(text):
            return None
        found = _EPOCH.search(text) or _TORCHTUNE.match(text) or _LEADING.match(text)
        groups = range(1, 1 + (found.lastindex or 0)) if found else ()
        epochs = [found.span(i) for i in groups] if found else []
        items: dict[bytes, tuple[int, int]] = {}
        for name, span in named:
            items.setdefault(name, span)
        if not epochs and b"epoch" in items and epoch == items[b"epoch"]:
            epochs = [items.pop(b"epoch")]
        rank = _RANK.search(text)
        outer = not epochs and _OUTER.search(text) is not None
        open_ = place[0] == place[1]
        key = _Key(len(epochs), pace, tuple(items), rank is not None, outer, open_, scales, other)
        layout = self._layout(key)
        if layout is None:
            return None
        spans = (*place[:2], *epochs, *place[2:], *items.values())
        return Match(layout, spans if rank is None else (*spans, rank.span(1)))

    def _layout(self, key: _Key) -> Layout | None:
        if key not in self._layouts:
            if len(self._layouts) > 1024:
                self._layouts.clear()
            names = tuple(name.decode("ascii") for name in key.printed)
            trains = any(_LOSS.search(name) and not is_validated(name) for name in names)
            self._layouts[key] = self._make(key, names) if trains else None
        return self._layouts[key]

    def _make(self, key: _Key, named: tuple[str, ...]) -> Shown:
        epochs = _EPOCHS[: key.epochs]
        pace = ("pace",) if key.pace else ()
        rank = ("rank",) if key.ranked else ()
        names = ("done", "before" if key.open else "total", *epochs, *pace, *named, *rank)
        units = dict.fromkeys(range(len(names)), Unit())
        for at, scale in zip((0, 1, 2 + key.epochs), key.scales, strict=True):
            if scale != 1.0 and (at < 2 or key.pace):
                units[at] = Unit(multiply=scale)
        return Shown(
            "picture",
            self._pattern,
            names,
            tuple(units.values()),
            numbers=key.epochs,
            pace=key.pace,
            ranked=key.ranked,
            outer=key.outer,
            open=key.open,
            scaled=max(key.scales[:2]) > 1.0,
            other=key.other,
        )


def _spliced(layout: Shown, at: int, out: int, names: tuple[str, ...]) -> Shown:
    """Return a layout with some names in place of `out` of them."""
    units = (Unit(),) * len(names)
    return replace(
        layout,
        names=layout.names[:at] + names + layout.names[at + out :],
        units=layout.units[:at] + units + layout.units[at + out :],
    )


def named(line: bytes, begin: int, end: int) -> _Named:
    """Return the named numbers of a bar, but for the version that loggers count."""
    found = NAMED.finditer(line, begin, end)
    return [(m[1], m.span(2)) for m in found if m[1] != b"v_num"]
