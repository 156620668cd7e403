"""What names say: which numbers of a line count, which say how training goes, what its head is.

Everything here looks at one line, at its words and never at its digits.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache
from itertools import pairwise

from runwatch.core.metrics import LOSS, VAL_LOSS
from runwatch.parsers.envelope.header import before as header_before
from runwatch.parsers.inference.fields import fields
from runwatch.parsers.inference.tokens import BARE, TIMES, VALUE_OF_PLACE, Field, masked
from runwatch.parsers.lexicon import counters as counted
from runwatch.parsers.lexicon import languages
from runwatch.parsers.lexicon.names import meaning
from runwatch.parsers.lexicon.units import LARGE, RATES, rate_suffix
from runwatch.parsers.lexicon.words import (
    MEMORY,
    REPEATED,
    RUNS,
    SHARES,
    SPLIT_KEYS,
    TRAIN,
    is_loss,
    is_meaningful,
    is_quality,
    is_split,
    is_val,
    words,
)

_STEP_RANKS = {word.encode(): rank for word, rank in counted.RANKS.items()}
_GLOBAL = frozenset(name.encode() for name in counted.OF_RUN)
OF_RUN_RANK = 0
"""Rank of the run's step by its name; it is the likeliest."""
STEP_RANK, INNER, RATIO, LEADING, EPOCH_RANK, UNKNOWN = 3, 4, 5, 6, counted.EPOCH, 9
"""Ranks, lower is better: the worst of a named step, the second of two nameless counters as in `[1, 200]`,
a nameless `12/500`, a number that begins the line, an epoch, and of what no known word names."""
VAL_LED = b" val?"
"""Ends the head of lines whose first score is validation's, and another does not say whose it is."""
_INDENTED = 24
"""Spaces before a line that put it in a column of its own."""
INDENT = b"  "
"""Begins the head of such lines."""
_COUNT_SUFFIXES = (b"", b"k", b"K", b"M")
_INTEGER = re.compile(rb"\d+(?:,\d{3})*\Z")
_INDEX = frozenset(b"id idx index num number no i n in out".split())
"""Words behind the word that says what is counted: `batch_idx`, `step number`."""
_PACES = frozenset(b"sps fps ips tps wps ups qps".split())
"""Rates by their initials."""
_FAR = SHARES | frozenset((b"epoch", b"epochs", b"ep"))
"""Words of names that say how far training is."""
_CLASSES = (
    RUNS
    | _PACES
    | MEMORY
    | frozenset(
        b"class cls category label layer head gpu rank worker thread device node port pid "
        b"correct predicted size speed throughput".split()
    )
)
"""Words of names whose numbers count no time: runs, classes, amounts and rates."""
_NO_COUNT = frozenset(
    b"patience improve improved improvement stopping stop early wait waiting max best".split()
)
"""Words of names whose numbers count for how long nothing is better, `no improve 3/10`, are planned, or
repeat what others printed."""
_WINDOWS = frozenset((b"last", b"past", b"previous"))
"""Before a number, they say of how many something is the mean: `Last 10 episodes: mean reward 1.5`."""
_EPOCHS = frozenset(name.encode() for name in counted.EPOCHS)
_PLANNED = frozenset((b"num", b"n", b"nb", b"total"))
"""Before the word for epochs, they say how many are planned: `num_epoch: 20`."""
_EPISODE = [counted.EPISODE.encode()]
_LENGTHS = frozenset((b"steps", b"episode steps", b"timesteps", b"length", b"step"))
_LABELS = frozenset((b"#", b"s", b"i", b"n", b"t", b"k", b"e"))
_AMOUNTS = [[word] for word in b"tokens samples examples sequences images frames".split()]
"""What training consumes: an amount in thousands or millions of these may be its place."""
TELLING = (
    *b"loss cost acc rew return ppl perplex nll trl auc merror mse mae bpb bpc bpt bleu iou dice score elbo "
    b"fid round perd perte verlust kayip strat grad_fn lr learning step iter epoc epok batch update tick "
    b"train episode generation valid psnr ssim lpips ndcg prec recall mrr map: map= map@ val: val= total= "
    b"rank- f1: f1= eval dsc: dsc= %) testing fitness xent bce _ce hits@ gen: gen= ep: ep= "
    b"objective cross_entropy crossentropy".split(),
    b"cross entropy",
    b"gen ",
    b"ep ",
    b"map ",
    b"dev ",
    b"% (",
    b" val ",
    b"val  ",
    b"val |",
    b" wer",
    b" f1 ",
)
"""A line that can be of use holds one of these, in any case; or it is in another script, or heads a table."""
_RELEVANT = re.compile(b"|".join(map(re.escape, TELLING)))
is_count = re.compile(
    rb"\W*(?:\d+% )?(?i:e|ep|it?|no|progress)?[.: =]{0,2}(?:\d[\d,]* ?(?:/|of) ?)?\d[\d,]*\W*$|"
    + BARE.pattern
).match
"""Whether a line holds a counter, in short or with its total, as the heading of a block does, or values,
and nothing else."""
_TURN = re.compile(rb"(?i)(?:/ ?\d+)? (begin|start|end|done|finish|complete)(?:s|e?d|ing)?\b")
"""Says whether a record begins or ends there: `epoch 3 begins`."""
_OBJECT = re.compile(rb"\{\s?['\"]")
_TYPE_VAL = re.compile(
    rb"['\"]_?(?:" + "|".join(SPLIT_KEYS).encode() + rb")['\"]: ?"
    rb"['\"](?:(?:\w+[_-])?(?:val|test|eval)|dev|held)"
)
"""An object that says of itself that it is about validation."""
_OF_MANY = re.compile(rb" ([A-Za-z]+s)\b(?! ?[:=])")
"""Behind a number: how many of what are trained, `Training 5 clients`."""
_LOGGER = re.compile(rb"\A.*?\b(?:DEBUG|INFO|WARN(?:ING)?)\b(?!-)", re.DOTALL)
_NUMBER = re.compile(rb"\d|[nN]a[nN]|NAN|[iI]nf|INF")
_OTHER = re.compile(
    rb"%\||\|(?:[#-]|\xe2\x96\x88){8,}\|(?![^|]{0,40}[Ll]oss)|\d ?\[[=>.#-]{8,}\]"
    rb"(?! ?\d+ ?/ ?\d+\W{1,6}(?:[\w ]{0,20}[Ll]oss|[\x80-\xff]))|\] ?- ETA: |WARN|Namespace\("
    rb"|\| \d+/\d+ \[\d\d:\d\d<\d\d:\d\d, "  # the rest of one that was written over
    rb"|\bf1-score\b.{1,40}\bsupport\b"
)
"""Progress bars, which redraw what they show where a record is printed once, but for those with a loss behind
their place; warnings, settings, and reports of a classifier's classes, which any program prints."""
_FIRST_ITEM = re.compile(rb"\{'[\w ]{1,40}': \d[\d.e+-]*,")
"""Opens a dict that is printed with an item a line."""
_INNER = re.compile(rb"[{\s]['\"]\w{1,20}['\"]: \{['\"]")
"""A dict within one that is printed with an item a line: ` 'train': {'loss': 0.5},`."""
_SETTING = re.compile(rb"': (?:'[^\d'-]|True|False|None)")
_SETTINGS = 3
"""A dict with more values that are no numbers is one of settings."""
DRAWN = (b"\xe2\x94\x82", b"\xe2\x94\x83", b"\xe2\x95\x91")
"""Bars between the cells of a box."""
_LED_CELLS = re.compile(
    rb"[^|\d\xe2]{1,40}(?=(?:\||\xe2\x94[\x82\x83]) +[^| ][^|]{0,60}? +(?:\||\xe2\x94[\x82\x83]) [^|]{1,40}"
    rb"(?:\||\xe2\x94[\x82\x83])\s*\Z)"
)
"""Precedes the row of a box with a name and a value on its line: `[trainer] | lr | 0.5 |`."""
_TIME = frozenset(b"time elapsed took eta seconds sec duration".split())


def is_time(field: Field) -> bool:
    """Whether a number is a time: `time: 17`, `took 12.4s`."""
    said = not _TIME.isdisjoint(words(field.name))
    return said or (field.suffix in TIMES and not is_meaningful(field.name))


def is_pace(field: Field) -> bool:
    """Whether a number is a time or a rate: `took 12.4s`, `image/sec 10.1`."""
    rate = meaning(languages.spelled(field.name)).role == "rate" or field.suffix in RATES
    return rate or is_time(field) or not _PACES.isdisjoint(words(field.name))


def is_aside(field: Field) -> bool:
    """Whether a number says how far or how fast training is, or what it needs, and not how well it goes."""
    said, role = words(field.name), meaning(languages.spelled(field.name)).role
    other = role in _PACE_ROLES or not (MEMORY | _FAR).isdisjoint(said)
    return other or field.suffix == b"%" or is_time(field)


def named_by(family: bytes) -> bytes:
    """Return a head without what a logger prints before its level, as in `[test] main.py[line:#] INFO: #`."""
    return _LOGGER.sub(b"", family)


def is_boxed(line: bytes) -> bool:
    """Whether a line is a row of a box, and does not follow a logger's bar: `| 10:00:00 | Epoch 3`."""
    return line[:1] == b"|" and line.rstrip()[-1:] == b"|"


def barred(line: bytes) -> bytes:
    """Return a row of a drawn box as one of plain signs; it is as long, so that all keeps its place."""
    led = _LED_CELLS.match(line) if line[-1:] in (b"|", b"\x82", b"\x83", b" ") else None
    if led is not None:
        line = b"|" + b" " * (led.end() - 1) + line[led.end() :]
    if led is not None or line.startswith(DRAWN):
        for bar in DRAWN:
            line = line.replace(bar, b"|  ")
    return line


def is_bare_score(line: bytes, number: Field) -> bool:
    """Whether a number that is no count is named only by a part of the data, or not: `Validation: 0.97`."""
    real = b"." in line[number.start : number.end]
    return real and (is_split(number.name) or line.strip() == line[number.start : number.end])


_LONGEST_PACE = 128
_BEHIND_VALUE = b" |/%)\r" + string.ascii_letters.encode()
"""Signs of units, and what closes a cell."""
_NO_NUMBER = re.compile(rb"(?i)\b(?:nan|inf)[ |\r]*\Z")
_NUMBERS = re.compile(rb"(?<![A-Za-z_\d])\d+")
"""Digits that are of no name, as in `grad_l2`."""
_SHAPES = 1024
"""Lines, whatever their numbers, of which it is remembered whether they show the pace."""
_PACE_ROLES = ("learning rate", "gradient norm", "duration", "rate", "share")
_PACE_WORDS = 9
"""The most words of such a line."""
_PACE_NUMBERS = 3
"""The most numbers of such a line: a place, its epoch, and one value."""


def shows_pace(line: bytes) -> bool:
    """Whether a line shows how far or how fast training is, or what it needs, and not how well it goes.

    As in blocks and boxes: `[20] lr: 0.5`, `itr: 40`.
    """
    return _says(line) == "pace"


def _says(line: bytes) -> str:
    """Return what a short line of few numbers shows: pace, or score, or "" for neither."""
    if len(line) > _LONGEST_PACE:
        return ""
    ends = line.rstrip(_BEHIND_VALUE)[-1:].isdigit()  # almost all other lines end otherwise
    if not ends and _NO_NUMBER.search(line) is None:
        return ""
    if len(line.split()) > _PACE_WORDS:
        return ""
    return _shape_says(_NUMBERS.sub(lambda digits: b"0" * len(digits[0]), line))


@lru_cache(_SHAPES)
def _shape_says(shape: bytes) -> str:
    found = fields(shape)
    if not 0 < len(found) <= _PACE_NUMBERS:
        return ""
    if any(is_quality(f.name) for f in found):
        return "score"
    paced = any(
        rate_suffix(f.suffix.decode("ascii", "replace")) is not None
        or meaning(languages.spelled(f.name)).role in _PACE_ROLES
        or not MEMORY.isdisjoint(words(f.name))
        or counted.place_of((f.name.decode("utf-8", "replace"),)) is not None
        for f in found
    )
    return "pace" if paced else ""


def is_row(found: list[Field]) -> bool:
    """Whether the numbers of a line are all that it shows, the first of them a value."""
    return bool(found) and found[0].name == VALUE_OF_PLACE


def relevant(line: bytes) -> bool:
    """One cheap look: False for a line that cannot be of use."""
    if not _NUMBER.search(line) or line.endswith((b"),", b"(", b"{")):  # the latter is source code
        return False
    if line.endswith(b"},") and not _INNER.match(line):
        return False
    lower = line.lower()
    known = _RELEVANT.search(lower) or (not line.isascii() and languages.knows(line))
    if not known and not is_count(line) and not _says(line):
        return False
    opens = b"{'" in line and line.count(b"{") > line.count(b"}")
    if _OTHER.search(line) or (opens and not _FIRST_ITEM.fullmatch(line)):
        return False
    return b"': " not in line or len(_SETTING.findall(_behind_settings(line))) <= _SETTINGS


def _behind_settings(line: bytes) -> bytes:
    """Return what a line shows after a dict, if that is a place and a score; else the line."""
    rest = line[line.rfind(b"}") + 1 :] if b"}" in line else b""
    return rest if rest.count(b":") > 1 and _NUMBER.search(rest) and _RELEVANT.search(rest.lower()) else line


def rank(line: bytes, number: Field) -> int | None:
    """Return how likely a number's name makes it the step (0 is best), or None if it cannot be one."""
    name = number.name
    whole = _INTEGER.match(line, number.start, number.end) and number.suffix in _COUNT_SUFFIXES
    parts = words(name)
    last = parts[-1] if parts else b""
    planned = last in _EPOCHS and parts[0] in _PLANNED
    of_many = _OF_MANY.match(line, number.end) if last in TRAIN else None
    planned = planned or last in _WINDOWS or (of_many is not None and not is_quality(of_many[1]))
    if not whole or planned or not _NO_COUNT.isdisjoint(parts):
        return None
    if name.lower() in _GLOBAL:
        return OF_RUN_RANK
    last = _glued(line, number, last)
    if last in _INDEX and len(parts) > 1:
        last = parts[-2]
    if last in _STEP_RANKS:
        return _STEP_RANKS[last] if meaning(languages.spelled(name)).role in ("", "counter") else None
    before = line[: number.start].rstrip()
    leads = not before.strip(b" \t|[(#<>=*-") or before.lstrip() in (name, name + b":", name + b"=")
    if name.lower() in _LABELS and leads:
        return EPOCH_RANK if name in (b"e", b"E") else STEP_RANK
    if number.total is not None and not is_meaningful(name) and last not in _CLASSES:
        return RATIO
    leads = leads or (not name and header_before(line, len(before)) is not None)  # `[trainer] 20 | loss`
    boxed = before.endswith(b"[") and line[number.end : number.end + 1] == b"]" and not is_meaningful(name)
    if boxed:  # `exp_run2 [500]: loss 0.5`
        leads = leads or before[:-1].strip() == name or header_before(line, len(before) - 1) is not None
    of_run = boxed and last in RUNS and name[-1:].isdigit()
    counts = (
        leads
        and (of_run or _CLASSES.isdisjoint((last, *MEMORY.intersection(parts))))
        and not is_quality(name)
    )
    return LEADING if counts and meaning(languages.spelled(name)).role not in _PACE_ROLES else None


def _glued(line: bytes, number: Field, word: bytes) -> bytes:
    """Return what a letter right before a number means: `E3/10`, `e3`, `E03 B0010/500`."""
    letter = line[number.start - 1 : number.start]
    if letter == b"B" and word == b"b":
        return b"batch"
    return b"epoch" if letter in (b"E", b"e") and word == b"e" else word


@lru_cache(4096)
def place(rank: int, name: bytes) -> tuple[int, bytes]:
    """Return what a counter is known by: its rank and the word that says what it counts.

    `LSTM_e10 Epoch` and `Fine-Tune Epoch` count epochs, `Iter` what `Iteration` does;
    `best epoch` repeats what others printed.
    """
    last = name.rstrip(b" #").rpartition(b" ")[2].lower().rstrip(b".")
    if last not in _STEP_RANKS or not REPEATED.isdisjoint(words(name)):
        return rank, name
    return rank, b"iter" if _STEP_RANKS[last] == counted.ITERATION else last


def counters(line: bytes, found: list[Field]) -> list[tuple[int, int]]:
    """Return (rank, index) of the numbers of a line that may be its step, the likeliest first."""
    ranks = [rank(line, number) for number in found[:24]]
    if any(words(number.name) == _EPISODE for number in found):
        ranks = [None if _is_length(n.name) else r for r, n in zip(ranks, found, strict=False)]
        if ranks[0] == RATIO and not line[: found[0].start].strip():  # `200/5000: episode: 1`
            ranks[0] = OF_RUN_RANK
    if len(ranks) > 1 and ranks[0] in (RATIO, LEADING) and _follows(line, *found[:2]):
        ranks[1] = INNER
    if all(r in (None, LEADING, EPOCH_RANK) for r in ranks):
        unknown = _unknown(line, found[: len(ranks)], ranks)
        if unknown is not None:
            inner = LEADING in ranks and EPOCH_RANK not in ranks and not found[unknown].suffix
            ranks[unknown] = INNER if inner else UNKNOWN
    if all(r is None for r in ranks):  # `{"tokens_seen": 4096, "loss": 0.5}`
        ranks = [counted.TRAINED if _is_consumed(line, number) else None for number in found[:24]]
    return sorted((r, index) for index, r in enumerate(ranks) if r is not None)


def _is_consumed(line: bytes, number: Field) -> bool:
    known = counted.kind_of(languages.spelled(number.name)) in counted.CONSUMED
    return known and _INTEGER.match(line, number.start, number.end) is not None and not number.suffix


def _is_length(name: bytes) -> bool:
    """Whether a name next to that of an episode is of how long it was: `Episode 3, steps 174`."""
    return name.lower() in _LENGTHS


def _unknown(line: bytes, found: list[Field], ranks: list[int | None]) -> int | None:
    """Return which number before a loss may count, though no known word says so: `[1] [data:50] loss`."""
    reported = next((i for i, number in enumerate(found) if is_meaningful(number.name)), None)
    if reported is None or not any(_may_be_loss(number.name) for number in found[reported:]):
        return None
    names = [languages.spelled(number.name) for number in found[: len(ranks)]]
    able = [i for i, r in enumerate(ranks) if r is None and _may_count(line, found[i])]
    able = [i for i in able if not counted.planned_of(names[i])]
    consumed = (i for i in able if counted.kind_of(names[i]) in counted.CONSUMED)
    return next((i for i in able if i < reported), next(consumed, None))


def _may_be_loss(name: bytes) -> bool:
    found = meaning(languages.spelled(name))
    return is_loss(name) or not {LOSS, VAL_LOSS}.isdisjoint((found.metric, found.unless))


def _may_count(line: bytes, number: Field) -> bool:
    """Whether a number is a whole one with a name that is of nothing else."""
    whole = _INTEGER.match(line, number.start, number.end) and not number.suffix and not number.total
    whole = whole or (number.suffix in LARGE and words(number.name)[-1:] in _AMOUNTS)
    return bool(whole and number.name) and not is_time(number) and _CLASSES.isdisjoint(words(number.name))


def _follows(line: bytes, first: Field, second: Field) -> bool:
    """Whether the second of two nameless counters is next to the first: `[1, 200]`, `[1/9][20/500]`."""
    between = line[first.total[1] if first.total else first.end : second.start]
    whole = _INTEGER.match(line, second.start, second.end) and not second.suffix
    nameless = not first.name and second.name in (b"", b"#")
    return bool(whole) and nameless and not between.strip(b" \t,:;|[]()-#")


def head(line: bytes, found: list[Field], ranked: list[tuple[int, int]]) -> bytes | None:
    """Return the family a line belongs to, or None if it can be of none."""
    scored = (index for index, number in enumerate(found) if is_meaningful(number.name))
    splits = (index for index, number in enumerate(found) if is_bare_score(line, number))
    index = ranked[0][1] if ranked else next(scored, next(splits, None))
    if (
        index is None
        and found
        and (is_boxed(line) or is_row(found) or (len(found) == 1 and shows_pace(line)))
    ):
        index = 0  # a line of a box says one thing
    if index is None:
        return None
    first = found[index]
    inside = _OBJECT.search(line, 0, first.start)
    if inside is not None:  # the order of its keys means nothing
        return masked(line[: inside.start()]) + b"{" + (b" val" if _TYPE_VAL.search(line) else b"")
    later = found[index + 1 :]
    said = next(
        (_between(line, [first, *later[: i + 1]]) for i, f in enumerate(later) if is_quality(f.name)), b""
    )
    indented = INDENT if line[:_INDENTED].isspace() else b""
    counted = b"#/#" if first.total else b"#"
    ending = b" val" if is_val(said) else VAL_LED if _led_by_val(later) else b""
    turn = _TURN.match(line, first.end) if len(found) == 1 else None
    said = b" " + turn[1].lower() if turn else b""
    if not said and len(found) == 1 and is_val(line[first.end :]) and not is_val(line[: first.start]):
        said = b" val"  # `Epoch 3 - Validation` is no `Epoch 3 - Training`
    return indented + masked(line[: first.start]) + counted + ending + said


def _led_by_val(found: list[Field]) -> bool:
    """Whether the first score is validation's, and another says not whose: `Valid acc: 0.9 | loss: 1.4`."""
    scores = [number.name for number in found if is_quality(number.name)]
    return (
        len(scores) > 1
        and is_val(scores[0])
        and not all(is_val(n) for n in scores)
        and not any(b"train" in words(n) for n in scores)
    )


def _between(line: bytes, row: list[Field]) -> bytes:
    """Return the text between the first and the last of some numbers, without the names of values."""
    parts = []
    for before, number in pairwise(row):
        text = line[before.total[1] if before.total else before.end : number.start]
        value = number is row[-1] or b"." in line[number.start : number.end]
        parts.append(text.rpartition(number.name)[0] if value and number.name else text)
    return b" ".join(parts)
