"""The named numbers of any line of text: what the learner sees of a format nobody described.

`tokens` finds numbers, `naming` says what each is called. The cost of a line grows with its length and not
faster.
"""

from __future__ import annotations

import re

from runwatch.parsers.inference.naming import ahead, by_letter, field_of, grouped, next_to
from runwatch.parsers.inference.tokens import BARE, MAX_NAME, TOKEN, VALUE_OF_PLACE, Field
from runwatch.parsers.lexicon.units import RATES, SCALES
from runwatch.parsers.lexicon.words import is_quality, split_of

MAX_FIELDS = 256
"""More numbers in one line than this are not looked at."""
_BESIDE = re.compile(
    rb"(?i)(?:(?:and|in|of|at) )?(?:step|iter(?:ation)?|epoch|episode|(?:mini-?)?batch|round)"
)
"""A second place behind such a name: `Loss at epoch 0 and iteration 100 is 0.69`."""
_WINDOW = re.compile(
    rb"\((?:(?:last|over|past|prev|previous|of) |(?=\d+ [a-z]))(\d+)(?: [a-z]{1,10})?\)(?=\s*[:=])"
    rb"|(?<= )(?:(?:over|of|in|for) )?(?:the )?(?:last|past|previous) (\d+)(?: [a-z]{1,10})?(?=\s*[:=])"
    rb"|(?<= )over (\d+) (?:episode|game)s(?=\s*[:=])"
)
"""Over how many a value is a mean, behind its name: `Avg reward (last 100): 2.5`, `loss over last 9: 2.5`."""
_BEHIND = re.compile(rb"[A-Za-z_][\w./-]*(?: [A-Za-z_][\w./-]*){0,3} ?\Z")
_GROUP = re.compile(
    rb"(?i)\b(train(?:ing)?|(?:val(?:id)?|eval)(?:u?ation)?|test|dev|loss(?:es)?(?=[:=]? ?\{))[:=]? ?[({\[] ?"
    rb"(?=['\"]?[a-z][\w @]{0,30}['\"]? ?[=:])([^(){}\[\]]{1,400})"
)
"""Values in brackets behind what they are of: `Train(L=0.5 | A=0.9) Valid(L=0.6)`, `Losses {'ner': 9.5}`."""
_TEXT = re.compile(rb"(?<=[\"']: )(?P<quote>[\"'])(?P<said>(?:(?!(?P=quote))[^\\]|\\.)*)(?P=quote)(?=[,}\]])")
"""What an object says in words: the numbers in it are no values."""
_AMOUNT = re.compile(rb"[-\d.,]+ [A-Za-z%/]{1,12}")
_LISTED = re.compile(
    rb"\s*(?P<name>[A-Za-z][\w. /-]{0,30}?)(?P<gap> ?[,;|] ?)-?\d[\d.]*(?:e[+-]?\d+)?"
    rb"(?:(?P=gap)[A-Za-z][\w. /-]{0,30}?(?P=gap)-?\d[\d.]*(?:e[+-]?\d+)?){1,30}\s*"
)
"""Names and values with one sign between all of them: `epoch;3;loss;0.5`."""
_BEHIND_NAME = re.compile(rb"(?<=[A-Za-z_\d]) ?[,;|](?= ?-?\d)")
_BARRED = re.compile(rb"(?:[^|]*\d *\|)?\s*[A-Za-z][\w. /()%-]{0,60}?(?P<bar> \|(?= )) {1,30}-?\d[^|]*")
"""A name and its value with a bar between them, maybe behind their place: `epoch 3 | loss | 0.5`."""
_NAMES_AHEAD = re.compile(
    rb"[\[(](?P<names>[A-Za-z][\w ./-]{0,30}(?:, ?[A-Za-z][\w ./-]{0,30}){1,8})[\])](?:: | ?= ?)"
    rb"[\[(](?P<of>[^\[\]()]+)[\])]"
)
"""Names in brackets, and their values behind them, as Julia shows a tuple: `(epoch, loss) = (3, 0.5)`."""
_PART = re.compile(rb"(?i)(?<!\w)[\[({<]?(?:val\w*|dev|eval\w*|test)[\])}>]?(?: ?[-:|>])? *\Z")
"""Right before a name: what it is of."""
_BY_LETTER = re.compile(rb"(?i)(?:.* )?(?:train(?:ing)?|val(?:id)?(?:ation)?|test|dev) [la]")
"""A score of a part of the data by its letter, as are then all of a line: `Train L 0.5 A 0.9 | Val L 0.6`."""
_LED = re.compile(
    rb"(?i)[^a-z]*((?:val(?:id(?:ation)?)?|test|dev|eval) (?:mean )?(?:dice|iou|dsc|ap|auc|f1|acc(?:uracy)?))"
    rb"(?::| {2}| -) *(?=[a-z])"
)
"""A score of held-out data, before the classes that it is of: `Val Dice: WT 0.8, TC 0.7`."""
_BY_NUMBER = re.compile(rb"\{(\d[\d.]*: ?-?\d[^{}]{0,400})\}")
"""Values by a number, which is no value: `IoU: {0.5: 0.8, 0.75: 0.6}`."""
_MAY_NAME = frozenset((*RATES, *SCALES))
"""Units that may begin the name of the next number instead."""
_SAVED = re.compile(
    rb"(?i),? (?:saving|saved) (?:the )?(?:\w+ )?(?:model|checkpoint|weights) (?:to|as|in) .*"
    rb"| was not in top \d+\s*\Z"
)
"""Ends what a line measures: behind it is a file, or how many are kept."""
_COPULAS = frozenset((b"", b"is", b"was"))


def fields(line: bytes) -> list[Field]:
    """Return the numbers of a line from left to right, named or not, but for those in texts of an object."""
    if b" sav" in line or b" top " in line:
        line = _SAVED.sub(b"", line)
    if b"{" in line:
        line = _TEXT.sub(_unsaid, line)
    if (b";" in line or b"|" in line or b"," in line) and b":" not in line and _LISTED.fullmatch(line):
        line = _BEHIND_NAME.sub(lambda gap: gap[0][:-1] + b":", line)
    if b" | " in line and (pair := _BARRED.fullmatch(line)):
        line = line[: pair.end("bar") - 1] + b":" + line[pair.end("bar") :]
    bare = BARE.match(line)
    found = _fields(line if bare is None else line.replace(b",", b" "))
    for keyed in _BY_NUMBER.finditer(line) if b"{" in line else ():
        found = _by_key(line, found, *keyed.span(1))
    if found and bare:
        return [f._replace(name=VALUE_OF_PLACE) if f.start == bare.start("value") else f for f in found]
    lists = _NAMES_AHEAD.search(line) if b"]: [" in line or b") = (" in line else None
    if lists is not None:
        return _named_by_list(found, lists)
    led = _LED.match(line) if found else None
    if led is not None and led.end() <= found[0].start and not any(is_quality(f.name) for f in found):
        return [f._replace(name=b"%b %b" % (led[1], f.name)) for f in found]
    if any(_BY_LETTER.fullmatch(field.name) for field in found):
        found = [field._replace(name=by_letter(field.name)) for field in found]
    return _by_part(line, found)


def _unsaid(text: re.Match[bytes]) -> bytes:
    """Return a text of an object without its words, but for a number with its unit."""
    said = b" " in text["said"] and not _AMOUNT.fullmatch(text["said"])
    return b" " * len(text[0]) if said else text[0]


def _by_part(line: bytes, found: list[Field]) -> list[Field]:
    """Return fields with the part of the data that was named last, if another score precedes that.

    `train loss 0.5 acc 0.9 | val loss 0.6 acc 0.8`, `Train: loss 0.5 | Val: loss 0.6`,
    `mse 0.5 [val] loss 0.6`
    """
    named: set[bytes] = set()
    part, end, out = "", 0, []
    for field in found:
        split = split_of(field.name)
        gap = line[end : field.start]
        part = split or split_of(gap) or part
        of_part = field.name in named or (
            _PART.search(gap[: gap.rfind(field.name)]) and any(map(is_quality, named))
        )
        again = not split and part not in ("", "train") and of_part and is_quality(field.name)
        out.append(field._replace(name=b"%b %b" % (part.encode(), field.name)) if again else field)
        named.add(field.name)
        end = field.end
    return out


def _by_key(line: bytes, found: list[Field], start: int, end: int) -> list[Field]:
    """Return fields without the keys between two places, which end the names of the values behind them."""
    out, of, key = [], b"", b""
    for field in found:
        of = of or field.name * (field.start == start)
        if of and start <= field.start < end and line[field.end : field.end + 1] == b":":
            key = line[field.start : field.end]
            continue
        out.append(field._replace(name=of + b" " + key) if key and field.start < end else field)
        key = b""
    return out


def _named_by_list(found: list[Field], lists: re.Match[bytes]) -> list[Field]:
    """Return fields with the names of a list before theirs: `[loss, val loss]: [0.5, 0.6]`."""
    names = [name.strip() for name in lists["names"].split(b",")]
    inside = [i for i, f in enumerate(found) if lists.start("of") <= f.start < lists.end("of")]
    named = dict(zip(inside, names, strict=True)) if len(inside) == len(names) else {}
    return [f._replace(name=named.get(i, f.name)) for i, f in enumerate(found)]


def _fields(line: bytes) -> list[Field]:
    found: list[Field] = []
    before = 0
    said = b""
    windows = {window.start(window.lastindex or 0): window for window in _WINDOW.finditer(line)}
    groups = list(_GROUP.finditer(line)) if b"(" in line or b"{" in line or b"[" in line else ()
    for token in TOKEN.finditer(line):
        start = token.start()
        window = windows.get(start)
        mean_of = window and _BEHIND.search(line, max(before, window.start() - MAX_NAME), window.start())
        if window and mean_of:
            said, before = mean_of[0].rstrip(), window.end()
            continue
        if token["clock"] is None:
            field = field_of(line, token, line[max(before, start - MAX_NAME) : start])
            if field is not None:
                counted = bool(found) and field.name == found[-1].name  # 5 epochs = 0.5
                nearby = said if _BESIDE.fullmatch(field.name) else b""
                if said and (counted or field.name.lower() in _COPULAS) and field.total is None:
                    field = field._replace(name=said)
                elif found:
                    field = next_to(line, found, field)
                field, said = ahead(line, field)
                said = said or nearby
                found.append(grouped(field, groups))
                if len(found) >= MAX_FIELDS:
                    break
        named_next = token["unit"] in _MAY_NAME and found and found[-1].suffix != token["unit"]
        before = token.end("value") if named_next else token.end()
    return found
