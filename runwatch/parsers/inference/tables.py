"""Rows of numbers under a header: `E    #   LOSS NER  SCORE`, `epoch | train_loss | valid_loss | time`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice, pairwise
from typing import NamedTuple

from runwatch.core.batch import BY_EPOCH, EVAL, META_COLUMNS, TRAIN
from runwatch.core.metrics import CLOCK, EPOCH, LOSS, VAL_LOSS, Unit
from runwatch.parsers.api import Known, Layout, Match, Matcher
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.counters.nesting import PER, PLANNED, WITHIN
from runwatch.parsers.inference.losses import aliases, losses_by_split
from runwatch.parsers.inference.places import ENOUGH
from runwatch.parsers.inference.roles import barred, is_boxed
from runwatch.parsers.inference.scoring import LOSSLESS, UNNAMED
from runwatch.parsers.inference.unnamed import falls, is_unbounded_error
from runwatch.parsers.lexicon.counters import ANY, TIMES, place_of
from runwatch.parsers.lexicon.languages import spelled
from runwatch.parsers.lexicon.names import meaning, rated, unit_of
from runwatch.parsers.lexicon.records import HeldOut
from runwatch.parsers.lexicon.records import columns as columns_of
from runwatch.parsers.lexicon.units import of_suffix
from runwatch.parsers.lexicon.words import (
    SHARES,
    SPLIT_KEYS,
    is_epoch,
    is_indexed,
    is_loss,
    is_meaningful,
    is_population,
    is_quality,
    is_rate,
    is_split,
    is_val,
    shows_both,
    split_of,
    words,
)
from runwatch.parsers.words import ALIKE

_GAP = re.compile(rb"\s*(?:\||\xe2\x94[\x82\x83])\s*|\t+\s*|\s{2,}")
_GAPPED = re.compile(rb"[\t|]|[Ll]oss")
_COLUMN = re.compile(rb"(?:_|\|{1,2}(?=g))?[A-Za-z#\xc3-\xdf\xe3-\xed]|\d[A-Za-z_]+[a-z]{3}")
"""How a column begins: `loss`, `2d_loss`, `_rmse`, in any language."""
_NAMELESS = re.compile(rb"(?:\s\s|\t|\|)\s*(?!\d[A-Za-z_]+[a-z]{3}|_[A-Za-z])[^A-Za-z#\xc3-\xdf\xe3-\xed\s|]")
"""A column that begins otherwise."""
_COUNTERS = ("#", *ANY, "e", "gen")
"""Names of the column that counts, the best first."""
_COMMENT = re.compile(rb"#(?=[A-Za-z])|# +(?=(?i:" + "|".join(_COUNTERS[1:]).encode() + rb")\b)")
"""Before a header that is a comment; a `#` before a name that counts nothing is a column itself."""
_TIMES = frozenset(b"time timestamp date datetime".split())
_MAX_COLUMNS = 32
_NO_BAR = rb"(?!\xe2\x94[\x82\x83])(?<!\xe2(?=\x94[\x82\x83]))(?<!\xe2\x94(?=[\x82\x83]))[^\s|]"
"""A byte of a cell: bars may be drawn."""
_BEHIND = rb"(?: (?:m?s|sec|[KMG]i?B|(?:[kKM] )?[A-Za-z]{2,8}/s(?:ec)?)(?=\s|\Z))?"
"""The unit of a cell."""
_WORD = re.compile(rb"\d+ hr \d+ min|(?:" + _NO_BAR + rb")+" + _BEHIND)
_GROUP = re.compile(rb"[^|]+")
_SPACED = re.compile(rb"[^\s|]+(?: [^\s|]+)*")
_LISTED = re.compile(rb"\s*[,;]\s*")
_LISTED_WORD = {sign: re.compile(rb"[^\s%s](?:[^%s]*[^\s%s])?" % (sign, sign, sign)) for sign in (b",", b";")}
"""The gaps and cells of rows that are lists: `1;2.5;2.6`."""
_CELL = re.compile(
    rb"(" + VALUE + rb")(?P<unit> ?[A-Za-z%](?:[A-Za-z/]| (?=[a-z]+/)){0,13})?|(?P<done>\d+)/(?P<end>\d+)"
    rb"|(?P<clock>\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)"
    rb"|\{[^{}]*\}|\d+(?::\d\d){1,2}(?:\.\d+)?|\d+ hr \d+ min|[nN]/[aA]|None"
    rb"|[^\w\s|]{1,24}"
)
"""A number with its unit, or one of the things that are among numbers: a place and its end, a date, an
object, a clock time, a gap or sign."""
_PLACES = META_COLUMNS | {WITHIN, PER, PLANNED, EPOCH}
_HELD_OUT = HeldOut()
_ENDS = {"step": "total", WITHIN: PER, EPOCH: PLANNED}
"""What the end of a place is called."""
_BARE = re.compile(rb"(?i)#? ?(?:(?:avg|average|mean|total|train|training)[ _.-]?){0,2}loss(?:es)?\.?")
"""A heading that is alone above a column of losses."""
_TITLE = re.compile(rb"%? ?[A-Za-z_]+(?: \(?[A-Za-z_]+\)?){0,5}")
"""A name that is alone in the first line of a file: with a score, it is the heading of a column of it."""
_TWO = re.compile(rb"[\t|]|\A\W*\w+[,;]? *\w+\s*\Z")
"""What a header of two columns holds, or all there is of it: other pairs of words are prose."""
_UNNAMED = re.compile(rb"(?i)(?:wall[ _]?time,)?(?P<step>step|iter|iteration),(?P<value>value)")
"""The header of a series whose name is that of its file, as TensorBoard exports them."""
_NUMBERED = re.compile(rb"(?<!\w)[+-]?\d")
"""A number that is no part of a name."""
_DIGITS = re.compile(rb"\d+")
RULE = b" |+-=_:\r"
"""Signs of a line between the rows of a table."""
_FEW = 4
"""Rows that are enough where there is nothing else."""
_REMARK = re.compile(rb"(?: {1,8}\(\d[\d.:]{0,9} ?[a-z]{0,3}\))?[^\d|]{0,40}[\s|]*")
"""What may be behind the last cell: `(3.5s)  <- best`."""


def may_head(line: bytes) -> bool:
    """One cheap look: False for a line without a loss whose columns, if there are any, are no names."""
    if b"  " not in line and b"\t" not in line and b"|" not in line:
        return False
    bare = line.strip(b" \t|\r")
    return _COLUMN.match(bare) is not None and not _NAMELESS.search(bare)


_NO_LEAD = re.compile(b"")
_TABLE_SIGNS = b" \t|+\xe2\x94\x95\x82\x83"
"""Bars and corners, which are of a table and precede none."""


class Header(NamedTuple):
    """The header of a table."""

    columns: tuple[bytes, ...]
    cell: re.Pattern[bytes] = _WORD
    """Finds the cells of its rows."""
    lead: re.Pattern[bytes] = _NO_LEAD
    """Matches what precedes its rows on their lines."""
    indent: int = 0
    """Bytes before the first column: room for the index of a data frame, which has no name."""
    spans: tuple[tuple[int, int], ...] = ()
    """Where the columns are if nothing but spaces separates them: cells may be empty."""
    barred: bool = False
    """Whether each column is between bars: cells may be empty."""
    between: bytes = b""
    """The one tab or bar between two columns: cells may be empty."""
    loss: bytes = b""
    """A column that is the loss though no word says so, as its values fall."""


def header(line: bytes, *, first: bool = False) -> Header | None:
    """Return the header that a line, maybe the `first` of all, is if it heads a table of training."""
    line = barred(line)
    bare = line[:512].strip(b" \t|\r")
    if comment := _COMMENT.match(bare):
        bare = bare[comment.end() :]
    titled = first and _TITLE.fullmatch(bare) and is_quality(bare)
    if _BARE.fullmatch(bare) or (titled and _counter(tuple(bare.split())) is None):
        return Header((bare,))
    if first and _UNNAMED.fullmatch(bare):
        return Header(tuple(bare.split(b",")), _LISTED_WORD[b","])
    gapped = b"  " in line.strip() or _GAPPED.search(line)
    listed = _counts_in_list(bare, 2 if first else 3)
    likely = listed or b"oss" in line or may_head(line)
    if len(line) > 512 or not (gapped or listed) or not likely:
        return None
    cell = _WORD
    columns = (bare,) if listed else tuple(column for column in _GAP.split(bare) if column)
    if len(columns) == 1 and len(names := _LISTED.split(bare.lstrip(b"# "))) > 1:
        columns, cell = tuple(names), _LISTED_WORD[b";" if b";" in bare else b","]
        if is_indexed(names):
            columns = (b"#", *names[1:])  # the index of a data frame, which has no name
    elif len(columns) == 1:
        columns = tuple(bare.split())
    indent = len(line) - len(line.lstrip(b" "))
    if not _heads(columns, line):
        return None
    aligned = b"|" not in line and b"\t" not in line
    spans = tuple(name.span() for name in _SPACED.finditer(line)) if aligned else ()
    spans = spans if len(spans) == len(columns) else ()
    between = next((sign for sign in (b"\t", b"|") if line.count(sign) == len(columns) - 1), b"")
    return Header(columns, cell, indent=indent, spans=spans, barred=is_boxed(line), between=between)


def led_header(above: bytes, line: bytes) -> tuple[Header, bytes] | None:
    """Return the header that a line is behind what it shares with the line below it, and what that is.

    `trainer: epoch  loss` above `trainer:     3   2.5`
    """
    if not _GAP.search(above):
        return None
    pairs = enumerate(zip(above.translate(ALIKE), line.translate(ALIKE), strict=False))
    end = next((at for at, (a, b) in pairs if a != b), min(len(above), len(line)))
    lead = above[: above.rfind(b" ", 0, end) + 1].rstrip() + b" "
    if not lead.strip(_TABLE_SIGNS) or _NUMBERED.search(above, len(lead)):
        return None
    head = header(above[len(lead) :])
    return (head, lead) if head is not None and len(head.columns) > 1 else None


def leading(envelope: bytes, lead: bytes) -> re.Pattern[bytes]:
    """Return what matches a text before rows, whatever its digits; an envelope may have been taken off."""
    pattern = b"(?:%b)?%b" % (re.escape(envelope), re.escape(lead))
    return re.compile(_DIGITS.sub(rb"\\d+", pattern))


def _counts_in_list(bare: bytes, least: int) -> bool:
    """Whether a line is a list of so many names, the first of which counts, and another scores."""
    names = _LISTED.split(bare)
    counts = len(names) >= least and _counter(names[:1]) is not None
    return counts and any(_is_score(name) and not is_val(name) for name in names)


def joined(above: bytes, line: bytes) -> bytes | None:
    """Return two rows as one header whose cells say what both do; None if they do not belong together.

    A header may take several lines: `| Mini-batch |` above `| Loss |`, `| Train | Valid |` above
    `epoch | loss | loss`.
    """
    if not (is_boxed(above) and is_boxed(line)) or above.count(b"|") != line.count(b"|"):
        return _grouped(above, line) if b"|" in above and b"|" in line else None
    rows = zip(above.strip().split(b"|"), line.strip().split(b"|"), strict=True)
    return b"|".join(b" ".join(b" ".join(cells).split()) for cells in rows)


def _grouped(above: bytes, line: bytes) -> bytes | None:
    """Return a header with the parts of the data above it in the names that it has several times."""
    groups = [(group, group[0].strip(b" -=_*")) for group in _GROUP.finditer(above)]
    parts = [(group.end(), part) for group, part in groups if is_split(part)]
    names = list(_SPACED.finditer(line))
    often = Counter(name[0] for name in names)
    if len(parts) < 2 or max(often.values(), default=0) < 2:
        return None
    for name in reversed(names):
        if often[name[0]] > 1:
            part = next((part for end, part in parts if name.end() <= end), parts[-1][1])
            line = line[: name.start()] + part + b" " + line[name.start() :]
    return line


def _heads(columns: tuple[bytes, ...], line: bytes) -> bool:
    """Whether columns are those of a table of training: names, one of which counts, or says how it goes."""
    if not 2 <= len(columns) <= _MAX_COLUMNS or len(set(columns)) < len(columns):
        return False
    paired = _counter(columns) == 0 or all(map(is_loss, columns)) or _of_scores(columns)
    if len(columns) == 2 and not (paired and _TWO.search(line)):
        return False
    if not all(_COLUMN.match(column) for column in columns):
        return False
    alone = b"\t" in line or (
        b"," in line and sum(is_meaningful(name) or _is_time(name) for name in columns) > 1
    )
    places = (_counter(columns), _share(columns))
    counted = places != (None, None) or (alone and _of_losses(columns))
    scored = any(map(_is_score, columns))
    of_epochs = len(columns) > 2 and any(map(is_epoch, columns))
    nested = of_epochs and not is_epoch(columns[_counter(columns) or 0])
    return counted and (scored or nested or bool(losses_by_split(columns)) or is_population(columns))


def _is_score(name: bytes) -> bool:
    return (is_quality(name) and len(name) < 40) or meaning(spelled(name)).role == "loss"


def _of_losses(columns: tuple[bytes, ...]) -> bool:
    """Whether columns none of which counts are of training all the same: the first, or most, are losses.

    Or all are scores, or two the losses of training and of validation. Times and learning rates do not count.
    """
    rest = [column for column in columns if not (_is_time(column) or is_rate(column))]
    losses = 2 * sum(map(is_loss, rest))
    return bool(rest) and (is_loss(rest[0]) or losses > len(rest) or shows_both(rest) or _of_scores(columns))


def _of_scores(columns: tuple[bytes, ...]) -> bool:
    """Whether columns are a loss of training and other scores of an epoch: `accuracy,loss`."""
    rest = [column for column in columns if not (_is_time(column) or is_rate(column))]
    return all(map(is_quality, rest)) and any(is_loss(name) and not is_val(name) for name in rest)


def _is_time(column: bytes) -> bool:
    return not _TIMES.isdisjoint(words(column))


def _counter(columns: Sequence[bytes]) -> int | None:
    names = [column.decode("utf-8", "replace") for column in columns]
    place = place_of(names, _COUNTERS)
    return None if place is None else names.index(place)


def _share(columns: Sequence[bytes]) -> int | None:
    """Return the column that says how far training is, where none counts: its rows are in order."""
    if _counter(columns) is not None:
        return None
    return next((i for i, column in enumerate(columns) if not SHARES.isdisjoint(words(column))), None)


class TableMatcher(Matcher):
    """Matches the rows under one header: as many cells as columns and nothing else."""

    remembers = True

    def __init__(self, head: Header) -> None:
        self.head = head
        columns = head.columns
        self._share = _share(columns)
        self.counted = _counter(columns) is not None or self._share is not None
        """Whether a column shows the step, or how far training is."""
        self._names: list[str] = []
        self._printed: dict[str, str] = {}
        at = _counter(columns)
        self._part = next(
            (
                i
                for i, column in enumerate(columns)
                if column.lower().decode("utf-8", "replace") in SPLIT_KEYS
            ),
            None,
        )
        """The column whose words say which part of the data a row is of."""
        epochs = [column for column in columns if is_epoch(column)]
        self._step = WITHIN if at is not None and epochs and columns[at] not in epochs else "step"
        meant = aliases([], columns) or losses_by_split(columns)
        meant = {**meant, head.loss: LOSS} if head.loss else meant
        texts = list(map(spelled, columns))
        known = columns_of(texts, {spelled(column): metric for column, metric in meant.items()})
        self._step = self._step if self._share is None else known[self._share]
        self._units: dict[str, Unit] = {}
        for index, text in enumerate(texts):
            name = self._step if index == at else EPOCH if columns[index] in epochs else known[index]
            if text.lower().replace(" ", "_") in TIMES and "time" not in self._names:
                self._names.append("time")
                self._units["time"] = CLOCK
                continue
            if name in self._names or (name in META_COLUMNS and name != self._step):
                name = f"{text} (column {index + 1})"
            self._names.append(name)
            self._units[name] = unit_of(name, "", text)
            if name not in (self._step, text):
                self._printed[name] = text
        self.reads_loss = LOSS in self._names
        loss = self._printed.get(LOSS, "").encode()
        by_epoch = at is not None and columns[at] in epochs
        self._pattern = "table" + BY_EPOCH * by_epoch
        self.of_epochs = by_epoch and split_of(loss) == "train"
        """Whether a row is of an epoch, and shows what is called the loss of training."""
        self._width = 0
        """Cells of the first row; 0 before. If they are fewer than the columns, no more are
        believed than up to the first loss: which of the others are missing is unknown."""
        self._layouts: Known[tuple[str, tuple[str, ...], tuple[bytes, ...]], Layout] = Known(
            self._layout, 256
        )

    def fresh(self) -> TableMatcher:
        """Return a matcher of the same tables that has seen no row."""
        return TableMatcher(self.head)

    def settled(self, rows: list[bytes]) -> TableMatcher:
        """Return what reads rows like these: a column may count whatever its name, or be the loss."""
        if self._counts_rows(rows):
            return TableMatcher(self.head._replace(columns=(b"#", *self.head.columns[1:])))
        name = self.head.columns[-1]
        series = _UNNAMED.fullmatch(b",".join(self.head.columns))
        if not series and not self.bare:
            return self
        values = [number(row[slice(*found.spans[-1])]) for row in rows if (found := self.match(row))]
        loss = falls(values) and (series or is_unbounded_error(name, values))
        return TableMatcher(self.head._replace(loss=name)) if loss else self

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a row; other cells are absent."""
        lead = self.head.lead.match(line, start)
        if len(line) > 1024 or lead is None:
            return None
        start = lead.end()
        if self.head.barred:
            line = line[:start] + barred(line[start:])
        # no more cells than columns: time stays linear
        words = list(islice(self.head.cell.finditer(line, start), len(self._names) + 1))
        if len(words) > len(self._names):
            words = words[1:] if _is_index(line, words[0], start, self.head.indent) else words[:-1]
        if not words or not _REMARK.fullmatch(line, words[-1].end()):
            return None
        placed = self._below(line, words, start)
        if placed is None and len(words) != (self._width or len(words)):
            return None
        columns = placed or self._reported(len(words))
        cells = [_CELL.fullmatch(line, *word.span()) for word in words]
        part = self._part_of(cells, words)
        if len(cells) < len(columns) or part is None:
            return None
        spans: dict[str, tuple[int, int]] = {}
        units: dict[str, bytes] = {}
        for name, cell in zip(columns, cells, strict=False):
            unit = (cell and cell["unit"]) or b""
            if cell is not None and cell[1] and (not unit or of_suffix(unit.strip().decode()) is not None):
                spans[name], units[name] = cell.span(1), unit
            elif cell is not None and cell["done"] and name in _ENDS:
                spans |= {name: cell.span("done"), _ENDS[name]: cell.span("end")}
        names = tuple(spans)
        dates = sum(cell is not None and cell["clock"] is not None for cell in cells)
        words_of = self._part is not None
        missing = (
            self._step not in names
            if self.counted
            else len(names) + dates + words_of < len(placed or self._names)
        )
        if missing or len(names) < min(2, len(self._names)):
            return None
        self._width = len(words) if placed is None else len(self._names)
        behind = tuple(units.get(name, b"") for name in names)
        return Match(self._layouts[part, names, behind], tuple(spans.values()))

    def _layout(self, of: tuple[str, tuple[str, ...], tuple[bytes, ...]]) -> Layout:
        """Return the layout of rows of a part of the data that have these columns and units behind values."""
        part, names, behind = of
        units = tuple(
            unit_of(name, unit.strip().decode()) if unit else self._units.get(name, Unit())
            for name, unit in zip(names, behind, strict=True)
        )
        shown = {name: rated(name, unit.strip().decode()) for name, unit in zip(names, behind, strict=True)}
        printed = self._printed | {metric: name for name, metric in shown.items() if metric != name}
        names = tuple(shown.values())
        if part not in ("val", "test"):
            return Layout(TRAIN, self._pattern, names, units, printed)
        metrics = tuple(name if name in _PLACES else _HELD_OUT[name] for name in names)
        printed = {m: self._printed.get(n, n) for m, n in zip(metrics, names, strict=True) if m != n}
        return Layout(EVAL, self._pattern, metrics, units, printed)

    def _part_of(self, cells: list[re.Match[bytes] | None], words: Sequence[re.Match[bytes]]) -> str | None:
        """Return the part of the data that a row is of, "" for none; None if another cell is no number."""
        others = [index for index, cell in enumerate(cells) if cell is None]
        if not others:
            return ""
        return split_of(words[others[0]][0]) or None if others == [self._part] else None

    def _below(self, line: bytes, words: Sequence[re.Match[bytes]], start: int) -> list[str] | None:
        """Return the columns whose names cells are below, where some are empty; None if that is not sure."""
        listed = next((sign for sign, cell in _LISTED_WORD.items() if cell is self.head.cell), None)
        listed = self.head.between or listed
        if self.head.barred or (listed and len(words) < len(self._names)):
            at = [line.count(listed or b"|", start, word.start()) - (not listed) for word in words]
            sure = len({*at}) == len(at) and at[0] >= 0 and at[-1] < len(self._names)
            return [self._names[column] for column in at] if sure else None
        columns = iter(zip(self._names, self.head.spans, strict=False))
        found: list[str] = []
        for word in words if len(words) < len(self.head.spans) else ():
            begin, end = word.start() - start, word.end() - start
            name, (left, _) = next((c for c in columns if c[1][1] > begin), ("", (end, end)))
            if left >= end:
                return None
            found.append(name)
        return found or None

    def _reported(self, width: int) -> list[str]:
        """Return the columns that are read of rows of so many cells."""
        short = width < len(self._names) and self.reads_loss
        return self._names[: self._names.index(LOSS) + 1] if short else self._names

    @property
    def trust(self) -> float:
        """How far its reading is to be trusted, in [0, 1]."""
        doubts = (not self.counted) + (self._share is not None) + (self._width < len(self._names))
        by_name = UNNAMED if self.head.loss else 1.0 if self.reads_loss else LOSSLESS
        return by_name * 0.8**doubts

    @property
    def bare(self) -> bool:
        """Whether it is a column of numbers and nothing else: it ends with them."""
        return len(self._names) == 1

    def counts(self, rows: list[bytes], *, few: bool) -> bool:
        """Whether the column that counts grows from row to row, but for tables that begin again.

        Without one, whether the rows are many and contain no counts. `few` says that the first rows may be
        enough: those of epochs with the loss of training, with both losses, or of a column that is all
        there is.
        """
        if not self.counted:
            if few and self._counts_rows(rows):
                return True
            known = few and (self.bare or {LOSS, VAL_LOSS}.issubset(self._names))
            return len(rows) >= (_FEW if known else ENOUGH) and all(
                row.count(b".") >= max(1, len(self._names) - 1) for row in rows
            )
        steps = [place for row in rows if (place := self._place(row)) is not None]
        if self._share is not None:  # several rows may be as far
            return len(steps) > 2 and steps == sorted(steps) and steps[0] < steps[-1]
        rises = sum(b > a for a, b in pairwise(steps))
        least = 1 if few and self.of_epochs else 3
        return len(steps) >= least and rises >= max(least - 1, 0.8 * (len(steps) - 1)) and _distinct(steps)

    def _counts_rows(self, rows: list[bytes]) -> bool:
        """Whether the first column counts rows that show both losses: `Model version,Time,...`."""
        if self.counted or len(rows) < _FEW or not {LOSS, VAL_LOSS}.issubset(self._names):
            return False
        first = [found[0] for row in rows if (found := self.head.cell.search(row)) is not None]
        return all(map(bytes.isdigit, first)) and all(int(b) == int(a) + 1 for a, b in pairwise(first))

    def _place(self, row: bytes) -> tuple[float, float] | None:
        """Return the epoch and the step of a row."""
        found = self.match(row)
        if found is None or found.layout.kind != TRAIN:
            return None
        at = dict(zip(found.layout.names, found.spans, strict=True))
        epoch = number(row[slice(*at[EPOCH])]) if self._step == WITHIN and EPOCH in at else 0.0
        return epoch, number(row[slice(*at[self._step])])


def _is_index(line: bytes, word: re.Match[bytes], start: int, indent: int) -> bool:
    """Whether a row's first cell is that of a column without a name: a whole number left of all others."""
    return word.start() == start and word.end() <= start + indent and word[0].isdigit()


def _distinct(steps: list[tuple[float, float]]) -> bool:
    """Whether no number is printed twice in a row, but for the first one, as launches begin again."""
    return all(b != a or b == steps[0] for a, b in pairwise(steps))
