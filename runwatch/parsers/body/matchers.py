"""Patterns: the matchers that formats are made of, each with a regex of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from runwatch.core.batch import (
    BAR,
    BAR_OF_RUN,
    EPOCH_STEPS,
    EVAL,
    META_COLUMNS,
    OUR_COLUMNS,
    TRAIN,
    printed_column,
)
from runwatch.core.metrics import EPOCH, LOSS, REMAINING, STEP_TIME, VAL_LOSS, Unit
from runwatch.core.text import decode
from runwatch.parsers.api import Epochs, Known, Layout, Match, Matcher, Summed
from runwatch.parsers.counters.nesting import WITHIN
from runwatch.parsers.lexicon.counters import OF_RUN, TOTALS, WITHIN_EPOCH
from runwatch.parsers.lexicon.names import meaning, unit_of
from runwatch.parsers.lexicon.records import columns
from runwatch.parsers.lexicon.words import is_loss, is_setting, is_val, split_of

NUMBER = (
    rb"[-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
    rb"(?!\.*(?:[eE][-+]?)?\d)"  # a whole one: 1..25 is no 1, as spliced lines have it
)
NONFINITE = (
    rb"[-+]?(?:[nN][aA][nN]|[iI]nf(?:inity)?|INF|1\.#(?:QNAN|IND|INF))"
    rb"(?=(?:[mu]?s|min|[mhz])?(?![A-Za-z_]))"  # INFO is no infinity with a unit
)
VALUE = rb"(?:" + NUMBER + rb"|" + NONFINITE + rb")"

FIELDS = re.compile(
    rb"(?<![\w./@'-])"  # and bounded words: a line of one long word must not take quadratic time
    rb"([A-Za-z][\w./@'-]{0,80}(?: [A-Za-z][\w./@'-]{0,80}){0,4})"  # a name of one to five words
    rb"(?: ?\(([\w/%]{1,16})\))?"  # its unit, if it is there
    rb"(?:\s*[:=]\s*|\s+)(?:\[ *(?=-?\d+\.[\de+-]+ *\]))?"  # Loss [ 0.5]
    rb"(" + VALUE + rb")"
    rb"(%|[A-Za-z]{1,3}(?![\w/])| ms\b)?"  # its unit, if it is here
    rb"(?=[\s|;)(\]]|,(?!\d)|\.?$|\. )(?! days?,)"  # 1,051,31 was cut: it is not 1,051
)
ITEMS = re.compile(
    rb"['\"]([^'\"]+)['\"]: ?(?:['\"]|(?:np\.|numpy\.|torch\.)?(?:float\d\d|int\d\d|tensor)\(\[?)?"
    rb"(" + VALUE + rb")(?:['\"]|\]?(?:, [^(){}]{0,80})?\))?(?=,(?!\d)|})"  # np.float64(0.5), tensor(0.5)
)
_PLACE = re.compile(rb"'(?:global_)?step(?:/max_steps)?': ?'(\d+)/(\d+)'(?=[,}])")
"""Step and total in one text of a dict, as ms-swift prints them."""
_BAR = re.compile(
    rb"\s*(?:(?:(?!val|eval|test)[A-Za-z]\w{0,19}[:=] ?[-+]?\d+\.\d+[;,]? ?){1,8}:? *"  # values
    rb"|(?P<run>(?i:training progress): {0,3}))?"
    rb"\d+%(?:\|[^|]*\|\s*| )(?P<n>\d+)/(?P<total>\d+) \[[\d:]+<[\d:?]+,\s*"
    rb"(?:(?P<rate>" + NUMBER + rb")(?P<unit>s/it|it/s)|\?it/s)"
)
_NAME = 100  # longest metric name kept
_PLACES = META_COLUMNS - OUR_COLUMNS | {WITHIN}
_WITHIN = WITHIN.encode()
_COUNTERS = tuple(name.encode() for name in (*OF_RUN, "iteration"))
"""Names of the run's step in dicts."""
_PLACED = frozenset((b"epoch", b"step", *_COUNTERS))
_TOTALS = tuple(name.encode() for name in TOTALS)
_BATCHES = tuple(name.encode() for name in WITHIN_EPOCH)
_BEHIND = re.compile(rb"(?:\(\?<!(?:[^()\\]|\\.)*\))*")
"""What a head may say of the text before it."""
_ONE = re.compile(r"\\(t|\W)|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
"""An escape or a class of a regex: one character, which may be known."""
_GROUP = re.compile(r"\([^()]*\)")
"""A group of a regex without others in it, where escapes and classes are left out."""
_VARIES = re.compile(r".(?:[*?]|\{[\d,]*\})\??|[+.^$]", re.DOTALL)
"""What need not be in the text, or be any, where groups are left out too."""
_PLACE_OF = re.compile(rb"\{([A-Za-z_]\w*)\}")
"""Where a head has a number: `{loss}`."""
_WHOLE = frozenset(b"step total rank epoch epochs within per step_in_epoch iter iteration".split())
"""Numbers of a head that count."""
_UNSAID = re.compile(rb"(\(\?P<\w+>)\)")
"""A group of a head that holds a number."""
_ODD_NONFINITE = {b"1.#QNAN": "nan", b"1.#IND": "nan", b"1.#INF": "inf"}


def number(text: bytes) -> float:
    """Return a printed number as a float; thousands separators are allowed."""
    try:
        return float(text)
    except ValueError:
        sign, bare = (-1.0, text[1:]) if text[:1] == b"-" else (1.0, text.lstrip(b"+"))
        return sign * float(_ODD_NONFINITE.get(bare) or bare.replace(b",", b""))


def values(line: bytes, match: Match) -> list[float]:
    """Return the match's numbers in stored units, one per column of its layout."""
    if match.stored is not None:
        return list(match.stored)
    printed = [
        unit.apply(number(line[start:end]))
        for unit, (start, end) in zip(match.layout.units, match.spans, strict=True)
    ]
    return printed if match.layout.epochs is None else match.layout.epochs.apply(printed)


class Layouts(Known[tuple[str, tuple[bytes, ...], tuple[bytes, ...]], Layout]):
    """Interns layouts, so that lines of one shape share an object: by kind, names and printed units."""

    def __init__(
        self,
        pattern: str,
        aliases: Mapping[str, str],
        units: Mapping[str, str] | None = None,
        first_epoch: int | None = None,
    ) -> None:
        super().__init__(self._build, 4096)
        self._pattern = pattern
        self._aliases = aliases
        self._units = units or {}
        self._first_epoch = first_epoch

    def _build(self, key: tuple[str, tuple[bytes, ...], tuple[bytes, ...]]) -> Layout:
        kind, printed, suffixes = key
        units: list[Unit] = []
        shown: dict[str, str] = {}
        texts = [decode(raw, _NAME) for raw in printed]
        known = {text: name for text in texts if (name := self._aliases.get(text))}
        parts = [i for i, text in enumerate(texts) if known.get(text) == REMAINING]  # hours, minutes, ...
        places = {text: text for text in texts if text in _PLACES}
        names = [*map(printed_column, columns(texts, {**places, **known}))]
        for text, name, suffix in zip(texts, names, suffixes, strict=True):
            unit = suffix.decode("ascii", "replace").strip() or self._units.get(text, "")
            units.append(Unit() if name in META_COLUMNS else unit_of(name, unit, text))
            if name != text:
                shown[name] = text
        event = "finished" if b"train_runtime" in printed and b"loss" not in printed else None
        epochs = self._epochs(names)
        if epochs is not None:
            place = ("step", "total") if epochs.epochs is not None else ("step", "total", EPOCH_STEPS)
            names = [*place, *(names[i] for i in epochs.rest)]
        if len(parts) < 2 or epochs is not None:  # no format adds the parts of a time and counts in epochs
            return Layout(kind, self._pattern, tuple(names), tuple(units), shown, event, epochs)
        rest = tuple(i for i in range(len(names)) if i not in parts)
        summed = (known[texts[parts[0]]], *(names[i] for i in rest))
        return Layout(kind, self._pattern, summed, tuple(units), {}, event, Summed(tuple(parts), rest))

    def _epochs(self, names: Sequence[str]) -> Epochs | None:
        if self._first_epoch is None or EPOCH not in names or "per" not in names:
            return None
        at = {name: i for i, name in enumerate(names)}
        rest = tuple(i for i, name in enumerate(names) if name not in ("step", "per", "within", "epochs"))
        return Epochs(
            at[EPOCH], at["per"], at.get("within"), at.get("epochs"), at.get("step"), rest, self._first_epoch
        )


def _grouped(head: bytes) -> bytes:
    """Return a head with a group in the place of each number."""

    def group(found: re.Match[bytes]) -> bytes:
        name = found[1]
        return VALUE if name == b"_" else rb"(?P<%b>%b)" % (name, rb"\d+" if name in _WHOLE else b"")

    return _PLACE_OF.sub(group, head)


def _texts(head: bytes) -> list[bytes]:
    """Return the texts between groups and all that varies in what a regex matches, as far as easy to see."""

    def known(found: re.Match[str]) -> str:  # a character that is no group's, whatever it is
        return chr(256 + (9 if found[1] == "t" else ord(found[1]))) if found[1] else "\0"

    rest, outer = "", _ONE.sub(known, head.decode("latin-1"))
    while rest != outer:
        rest, outer = outer, _GROUP.sub("\0", outer)
    if "|" in outer:
        return [b""]
    return [bytes(ord(char) % 256 for char in text) for text in _VARIES.sub("\0", outer).split("\0")]


class LinePattern(Matcher):
    """A head matched at the line's start, then optional `name: value unit` fields to its end.

    The head is a regex in which a name in braces is a number that becomes a column: `{step}`,
    `{total}`, `{rank}` place the row, any other is a metric by its printed name ("_" means " "). `{_}` is
    a number of no interest. A named group says more closely what the number looks like; an empty one,
    `(?P<loss>)`, is any number.
    Where a step is printed as `epoch`, `within` and `per` (epoch), and perhaps
    `epochs`, `first_epoch` says how the first epoch is numbered.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        head: bytes,
        *,
        prefix: bytes = b"",
        needle: bytes = b"",
        sign: bytes = b"",
        fields: bool | re.Pattern[bytes] = False,
        aliases: Mapping[str, str] | None = None,
        units: Mapping[str, str] | None = None,
        first_epoch: int | None = None,
    ) -> None:
        """`fields`: True for FIELDS, or a pattern of (name, value) or (name, unit, value, unit).

        Lines begin with `prefix`, if the text that the head begins with does not show it; where they
        have none, `needle` says what they hold, if the longest text in the head is not rare. Where other
        lines often hold that too, `sign` is a regex that is found in all of this kind.
        `units` are those of values that are printed without one, by printed name.
        """
        head = _grouped(head)
        behind = _BEHIND.match(head)
        self.prefix = prefix or _texts(head[behind.end() if behind else 0 :])[0]
        self.needle = needle or self.prefix or max(_texts(head), key=len)
        """What every line it matches holds."""
        self.sign = sign
        self.kind = kind
        self._fields = FIELDS if fields is True else fields or None
        self._has_units = self._fields is not None and self._fields.groups == 4
        self._text = head
        self._layouts = Layouts(name, {} if aliases is None else aliases, units, first_epoch)

    @cached_property
    def _head(self) -> re.Pattern[bytes]:
        """Compiled when a line first begins as its lines do: of all formats' heads most are never tried."""
        return re.compile(_UNSAID.sub(lambda group: group[1] + VALUE + b")", self._text))

    @cached_property
    def _names(self) -> tuple[bytes, ...]:
        """What the head's groups are called, in their order."""
        groups = sorted(self._head.groupindex, key=self._head.groupindex.__getitem__)
        return tuple(
            (group if group in META_COLUMNS else group.replace("_", " ")).encode() for group in groups
        )

    @cached_property
    def _groups(self) -> tuple[int, ...]:
        return tuple(sorted(self._head.groupindex.values()))

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a line of this kind."""
        head = self._head.match(line, start)
        if head is None:
            return None
        names, spans = list(self._names), [head.span(group) for group in self._groups]
        suffixes = [b""] * len(names)
        if self._fields is not None:
            value = 3 if self._has_units else 2
            seen = set(names)
            for found in self._fields.finditer(line, head.end()):
                name = found[1]
                if name not in seen:
                    seen.add(name)
                    names.append(name)
                    spans.append(found.span(value))
                    suffixes.append((found[4] or found[2] or b"") if self._has_units else b"")
            if len(names) == len(self._names):
                return None
        if any(start < 0 for start, _ in spans):  # optional groups that took no part
            taken = [i for i, (start, _) in enumerate(spans) if start >= 0]
            names, suffixes = [names[i] for i in taken], [suffixes[i] for i in taken]
            spans = [spans[i] for i in taken]
        return Match(self._layouts[self.kind, tuple(names), tuple(suffixes)], tuple(spans))


def training(head: bytes, name: str = "train", **more: Any) -> LinePattern:
    """Return a pattern of lines that are records of training; see LinePattern."""
    return LinePattern(name, TRAIN, head, **more)


def evaluation(head: bytes, name: str = "eval", **more: Any) -> LinePattern:
    """Return a pattern of lines that show what was measured next to training; see LinePattern."""
    return LinePattern(name, EVAL, head, **more)


class ExactPattern(LinePattern):
    """A LinePattern to which digits matter, as in `[78/78]`: its lines are read one by one."""

    skeletons = False


_SAID = re.compile(rb"([A-Za-z]\w{2,20}): ?\Z")
"""Precedes a dict that is of a part of the data."""


class DictPattern(Matcher):
    """A Python dict of metrics printed anywhere in a line, as the Hugging Face Trainer does."""

    needle = b"{'"

    def __init__(self, name: str, aliases: Mapping[str, str] | None = None) -> None:
        self._layouts = Layouts(name, aliases or {})

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of the line's dict; one that was cut, or holds others, is no record."""
        start = line.find(self.needle, start)
        if start < 0 or not line.rstrip().endswith(b"}") or line.find(b": {'", start) >= 0:
            return None
        names: list[bytes] = []
        spans: list[tuple[int, int]] = []
        for found in ITEMS.finditer(line, start):
            if found[1] not in names:
                names.append(found[1])
                spans.append(found.span(2))
        said = _SAID.search(line, 0, start)
        split = split_of(said[1]) if said else ""
        if split in ("val", "test"):  # val: {'epoch': 0, 'loss': 0.5}
            names = [name if name in _PLACED else split.encode() + b"/" + name for name in names]
        kind = self._kind(names)
        if kind is None:
            return None
        if b"step" not in names:
            batch = next((name for name in _BATCHES if name in names), b"") if b"epoch" in names else b""
            counter = b"" if batch else next((name for name in _COUNTERS if name in names), b"")
            # of a loop over epochs: the Trainer ends with its share of one, and shows its rate
            leads = kind == TRAIN and names[0] == b"epoch" and b"learning_rate" not in names
            if not (batch or counter) and (split or leads):
                counter = b"epoch"  # train: {'epoch': 0, 'loss': 0.5}
            names = [b"step" if name == counter else _WITHIN if name == batch else name for name in names]
        total = next((name for name in _TOTALS if name in names), b"") if b"step" in names else b""
        names = [b"total" if name == total else name for name in names]
        place = _PLACE.search(line, start)
        if place is not None and b"step" not in names:
            names += (b"step", b"total")
            spans += (place.span(1), place.span(2))
        return Match(self._layouts[kind, tuple(names), (b"",) * len(names)], tuple(spans))

    @staticmethod
    def _kind(names: list[bytes]) -> str | None:
        if b"loss" in names and (b"epoch" in names or b"learning_rate" in names):
            return TRAIN  # also where it shows how long it took so far, as with tokens counted
        if b"train_runtime" in names:
            return EVAL
        shown = {meaning(decode(name, _NAME)).metric for name in names}
        if LOSS in shown or any(is_loss(n) and not is_val(n) for n in names):
            return None  # a record with both is the learner's
        validates = VAL_LOSS in shown and not _PLACED.isdisjoint(names)
        evaluates = any(n.startswith(b"eval_") and not is_setting(n) for n in names)
        return EVAL if validates or evaluates else None


class BarPattern(Matcher):
    """A tqdm bar without a description: `12%|█▏  | 60/500 [00:31<03:48,  1.92it/s]`, or with values in it.

    Bars with another description count something else (shards, dataset rows), and counts with a unit
    (`2.56M/160M`) are bytes.
    """

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return step, total and, if shown, the seconds a step takes or the steps a second."""
        found = _BAR.match(line, start)
        if found is None:
            return None
        parts = ("n", "total") if found["rate"] is None else ("n", "total", "rate")
        layout = _drawn(found["unit"], found["run"] is not None)
        return Match(layout, tuple(found.span(part) for part in parts))


@lru_cache
def _drawn(unit: bytes | None, of_run: bool) -> Layout:
    """Return what a bar shows whose rate has this unit, if it has one."""
    pattern, took = BAR_OF_RUN if of_run else "tqdm", Unit(invert=unit == b"it/s")
    if unit is None:
        return Layout(BAR, pattern, ("step", "total"), (Unit(), Unit()))
    return Layout(BAR, pattern, ("step", "total", STEP_TIME), (Unit(), Unit(), took))
