"""What numbers of a line are called: by the text before each, behind it, or by the number next to it.

Every number follows some text; the end of that text is its name: `loss: 1.2`, `loss=1.2`, `lr 3e-4`,
`"loss": 1.2`, `iter time (ms): 12.5`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from runwatch.parsers.inference.tokens import MAX_NAME, TIMES, VALUE_OF_PLACE, Field
from runwatch.parsers.lexicon import languages
from runwatch.parsers.lexicon.counters import RANKS
from runwatch.parsers.lexicon.names import leaves_unit
from runwatch.parsers.lexicon.units import DURATION, LARGE, RATES, SCALES
from runwatch.parsers.lexicon.words import SPLIT_KEYS, is_epoch, is_loss, is_quality, words

_SCALES = frozenset(SCALES)
_BYTES = _SCALES - {b"k", b"K", b"M"}
"""Units of no place, and of no score."""
_SPELLED = {b"sec": b"s", b"secs": b"s", b"f0": b"", b"wps": b"words/s", b"K wps": b"K words/s"}
"""Units as they are kept; `f0` ends a number of single precision as Julia shows it."""
_NAME = re.compile(
    rb"(?<![\w/])(?P<name>(?:\|{1,2}g(?:rad)?\|{1,2}|[A-Za-z_#][\w.@/#'&>-]*)"
    rb"(?: [A-Za-z_#][\w.@/'&>-]*){0,3}%?"
    rb"(?: ?\((?!(?:ms|us|s|sec|%)\))[A-Za-z][\w /]{0,20}\))?)"
    rb"(?: ?[(\[](?P<unit>ms|us|s|sec|%)[)\]])?"
    rb"(?P<mark>(?::? ?['\"],?)?\s*"
    rb"(?:(?:[:=]>?|==>?|-+>|\xe2\x86\x92|(?<= )\*(?= )"
    rb"|(?<=\w)(?:~|\xe2\x89\x88)|\.{3,}:?|-{3,}|(?:(?<=oss)|(?<=cc)|(?<=acy)) -(?= ))"
    rb"\s*(?:[A-Za-z][\w.]{0,20}[(\[])?)?)['\"\[({<]*\s*$"
)
_FOLLOWS = re.compile(
    rb"(?i) ?(?:%|(?P<name>(?!\d)(?:[a-z.]+ ){0,2}[a-z.]*(?:loss|accuracy|reward))\b"
    rb"(?=\s*(?:[,;|]|\.?\s*$)| (?:at|after|in) ))"
)
"""A score that is named behind its number: `0.95 C.E. Loss, 98.1% Accuracy`, `0.5 loss at step 9`."""
_GRADIENT = re.compile(rb"\]?, (?:device='\w+:?\d*', )?grad_fn=")
"""Behind the number of a tensor that is trained on, which is a loss: `tensor(0.53, grad_fn=<...>)`."""
_COUNTED = re.compile(
    rb"(?i) ?(?P<name>ep(?:isode|och)?s?|steps?|iter(?:ation)?s?|updates?|(?:ex|s)amples|tokens)\b(?![/.:=])"
)
"""What is counted, named behind its number: `[50000 eps] reward=0.5`."""
_COUNTED_AT = re.compile(_COUNTED.pattern.partition(rb"\b(?!")[0] + rb"\b")
_THINGS = rb"(?:token|sample|image|example|sequence)s"
_CONSUMED = re.compile(rb"(?i) ?(?P<name>" + _THINGS + rb")\b(?! ?[=:] ?\d)")
"""What training consumes, named behind how many of it there were: `1.25M/20.00M tokens`, `3.5B tokens:`."""
_BEHIND_AMOUNT = re.compile(
    rb"(?i)\A " + _THINGS + rb" (?=[a-z])(?!(?:per|so|in|from|of|seen|consumed|processed)\b)"
)
"""What such an amount is of, before the name of the next number: `4096 tokens train/loss 0.5`."""
_AMOUNT = re.compile(
    rb" ?([KMGT]i?B|%|W|C|\xc2\xb0C|MHz|" + rb"|".join(map(re.escape, RATES)) + rb")(?!\w| ?[:=\d])"
)
"""The unit of two amounts, which makes them no place: `6661/8192 MiB`, `5210/4870 tok/s`."""
_BATCHES = re.compile(rb"(?i) \(?(?:mini-?)?batch(?:e?s)?\b(?! ?[=:#\[(]? ?\d| ?[=:])")
_SAID = re.compile(
    rb"(?i)(\S*(?: \S+)?) (?:after|at|in|on|for|of|over|during)(?: \S+)?"
    rb" (step|iter\w*|epoch|episode|batch|round)\Z"
)
_OF = re.compile(rb"(?i)((?:\S+ )?\S*(?:loss|cost|error)) (step|iter|iteration|epoch|episode|batch|round)\Z")
"""The same without a word between: `Loss epoch 3: 0.5`."""
_AFTER = re.compile(rb"(?i)(.+) after\Z")
"""A name that says what of: `Cost after iteration 100: 0.69`, `Score at iteration 100 is 0.69`."""
_ASIDE = re.compile(rb" \([A-Za-z][A-Za-z ]{0,30}\)(?= (?:at|after) )")
"""Appears between a name and its place: `Loss (one batch) at step 100: 0.69`."""
_AT = re.compile(rb"(?<=[\w)]) @ \Z")
"""Between a name and its place: `val loss @ 100: 0.69`."""
_TAGGED = re.compile(rb"\b(?:tag|name|metric|key)[:=] ?['\"]?([^=]{1,60}?)['\"]?[,;]? value[:=] ?\Z")
"""A name that a key says, and its value: `tag=learning rate value=0.5`."""
_IN_PARENTHESES = re.compile(
    rb"([A-Za-z][A-Za-z_ ./-]{0,40}) ?\((?:(?:at|after) )?"
    rb"(?:step|iter\w*|epoch|episode|batch|round|samples|tokens|images|examples)[ :=#]*\Z"
)
"""Before a place that is between a name and its value: `Loss (epoch 3): 0.5`."""
_SENTENCE = re.compile(rb"[A-Za-z]{6,}\. +(?=[A-Za-z_#])")
"""Ends a sentence, which names nothing behind it: `Epoch 1 completed. Loss: 9.98`; but not `Valid. loss`."""
_NUMBER_NEXT = re.compile(rb" +[+-]?\d[\d.,]*(?:e[+-]?\d+)?[kKMB]?(?=\s|$|[],;|)])")
_PLACE = re.compile(rb"(?i)(?:step|iter(?:ation)?|epoch|batch|episode|update)s?\Z")
"""What precedes a number that is printed without a name: `epoch 0, batch 12: 4.98`."""
_OF_TRAIN = re.compile(rb"(?:\A| )(?:train|valid|val|test)\Z")
"""What may be the name of a place: `train 050 2.57`."""
_LETTER = re.compile(rb"(?i)[ /]?(b|s|it?) ?")
_COUNTERS_BY_LETTER = {b"b": b"batch", b"s": b"step", b"i": b"iter", b"it": b"iter"}
"""What counts within the epoch before it: `E2B5`, `e2 s40`, `ep2/it40`."""
_LETTERS = {b"l": b"loss", b"a": b"acc"}
"""What values may be called in short."""
_PAIRED = re.compile(rb"\b([A-Za-z]\w*)/([A-Za-z][\w/]*)\b")
"""What two numbers with a slash between them are, each by itself."""
_PLACES = re.compile(rb"(?i)\b(epoch|episode|round) (?:and|&) ((?:mini-?)?batch|iter(?:ation)?|step)\Z")
"""What two numbers behind each other are."""
_SPLIT = re.compile(rb"(?i)train(?:ing)?|val(?:id(?:ation)?)?|test|dev")
_OF_SPLIT = re.compile(rb"(?i)(.*\S[ _-])(?:" + _SPLIT.pattern[4:] + rb")\Z")
"""Names a value and a part of the data; the next number may name but its own: `LOSS train 0.5 valid 0.6`."""
_COPULA = re.compile(rb"(?i)(?<=.)['\"]? (?:is|was|reached)\Z")
"""Ends a name, and is none of it: `Epoch is [1/600], batch_loss is 1.12`, `'val_loss' reached 0.5`."""
_ARTICLES = re.compile(rb"\A(?:(?:(?:done|ended|finished|completed) (?=with ))?(?:and|the|with|Hz) )+(?=\S)")
_IN_BRACKETS = re.compile(rb"\[([A-Za-z][\w/.-]{0,30})\](?::| ?=)? {0,4}\Z")
"""A name in brackets: `[Epoch] 001 [Loss] 0.5`, `[acc/top1] = 80.5`; it is one if its word has a meaning, as
a level has none."""
_SCORE_AHEAD = re.compile(rb"(?i)\b([a-z]\w*(?: [a-z]\w*){0,2})(?:: ?| - )(?:epoch|step|iter(?:ation)?) ?\Z")
"""Before a place that is between a name and its value: `Total loss: epoch 3: 0.5`."""
_BARELY = frozenset((b"", b",", b"|", b"-", b"->", b"-->", b"=>", b"==>"))
"""What is between a place and the number printed there, if it has a point: `Epoch 3 2.57`."""
_LAST = re.compile(rb"\d+\s*")
"""A whole number that ends a line: behind a name and its value, it is the step, `lr 0.1 200`."""
_SCORED_ON = re.compile(rb"(?:\A|(?<=[^\w ] ))((?:[A-Za-z][\w@.-]* ){1,8}(?:on|for|over) (?:the )?)\Z")
_ON_PART = re.compile(
    rb"(?i)(?:(?:on|for|over) )?(?:the )?(train(?:ing)?|val(?:id(?:ation)?)?|test|dev|eval(?:uation)?)"
    rb" (?:set|data(?:set)?|split|images|samples|examples)"
)
"""A part of the data that a value is of: `on the test set`."""
_MEASURED = re.compile(rb"([A-Za-z][\w@.-]*)(?: (?:on|for|over))?(?: the)? *\Z")
"""Before it: what was measured, `the loss on the validation set is 0.5`."""
_RANKED = re.compile(rb"(?i)(?:.* )?(?:top|(?:precision|recall|hits?|ndcg|mrr) at)")
"""Names a score with the number behind it: how many of the first guesses count."""
_OF_BEST = re.compile(
    rb"(?i) {1,3}(?:\(|@ ?|(?:at|in|from) )(?:the )?(?:step|iter(?:ation)?|epoch|batch|episode)[ :=#]*"
)
"""Between a best value and where it was reached: `best loss: 0.5 @ epoch 80`."""
_OF_SIZE = re.compile(
    rb"(?i)(?:test|val(?:id(?:ation)?)?|dev|eval(?:uation)?|train(?:ing)?)"
    rb" (?:images|samples|examples|sentences|points|data)"
)
"""Before and behind the number of examples that were scored."""
_DONE = re.compile(rb"\A *\d+%\)?(?: \(" + DURATION + rb"\))?(?= )")
"""Between them, how far training is, and how long it took."""
_SOURCE = re.compile(rb"\.(?:py|cc|cpp|cu|h|hpp|c|go|rs|java|js)$")
_HOLDER = re.compile(rb" (?:tensor|array|(?:np|numpy|jnp|torch)\.\w+)\Z")
"""What holds the number behind it, as it is printed."""
_VALUE_OF = re.compile(rb"(?<!\w)(?:msg|message|level|lvl|" + "|".join(SPLIT_KEYS).encode() + rb")=\Z")
"""Before a word that is the value of another name: `event=train_step epoch=3`."""
_OWNER = re.compile(rb"(?:\A|\s\s|\t)\s*((?:[A-Za-z]+[_-])?[Ll]oss), \Z")
"""What the name behind it is of."""
_TENSOR = re.compile(rb"\bTensor (\w+) of type \w+\. Dims: \(\): \Z")
"""Before the one number of a tensor, as Caffe2 prints it."""
_COLONS = (b":", b"]:")
"""Between a place and its value: `[epoch 3]: 2.57`."""
_BRACKETED = (b"]:", b"] =")
"""Between a place in brackets, which the name of the value precedes, and the value."""
_CALLER = re.compile(rb"(?:[\w.<>]+:[\w.<>]+|\.py\[line|\d\.py):\Z")
"""Before the line of a source, as loguru has it: `__main__:main:65 - `, or `train.py[line:65]`, or in a
notebook `3667621017.py:45`."""


def _by_kind(line: bytes, found: list[Field], field: Field) -> Field:
    """Return a nameless number as what it is to the last of `found`, which may become a part of it."""
    last = found[-1]
    if _is_indexed(line, last, field) or _ranked(line, last, field):
        found.pop()
        return field._replace(name=line[last.start - len(last.name) - 1 : last.end])
    if _is_share(line, last, field):
        return field._replace(name=found.pop().name)
    if _is_count(line, last, field):
        return found.pop()
    return found.pop()._replace(name=b"step") if _is_progress(line, last, field) else field


def next_to(line: bytes, found: list[Field], field: Field) -> Field:
    """Return a number as it is behind the last of `found`, which may become a part of it."""
    letter = _LETTER.fullmatch(line, found[-1].end, field.start) if is_epoch(found[-1].name) else None
    if letter:
        return field._replace(name=_COUNTERS_BY_LETTER[letter[1].lower()])
    if not field.name:
        found[-1], field = _by_place(line, found[-1], field)
        found[-1], field = _by_pair(line, found[-1], field)
        return _by_kind(line, found, field)
    name = field.name
    if whole := _scored(line, found[-1], field) or _ranked(line, found[-1], field):
        found.pop()
        name = whole
    elif _PLACE.fullmatch(name) and _OF_BEST.fullmatch(line, found[-1].end, field.start):
        name = b"best " * (b"best" in words(found[-1].name)) + name
    elif _SPLIT.fullmatch(name) and (of := _OF_SPLIT.match(found[-1].name)):
        name = of[1] + name
    return field._replace(name=name)


def grouped(field: Field, groups: Sequence[re.Match[bytes]]) -> Field:
    """Return a field with what the group that it is in says before its name."""
    for group in groups:
        said, name = group[1].lower(), field.name.lower()
        repeated = name.startswith(said) or (is_loss(said) and is_loss(name))
        if group.start(2) <= field.start < group.end(2) and not repeated:
            return field._replace(name=group[1] + b" " + by_letter(field.name))
    return field


def by_letter(name: bytes) -> bytes:
    """Return a name that ends with the letter of a score with its word: `Train L` -> Train loss."""
    before, space, last = name.rpartition(b" ")
    return before + space + _LETTERS.get(last.lower(), last)


def _by_place(line: bytes, place: Field, value: Field) -> tuple[Field, Field]:
    """Return a place and the nameless number behind it with the names that they have if they are a pair.

    `epoch 0, batch 12: 4.98`, `Epoch 3 2.57`, `(5000 6%) 2.57`; `Train loss 120 0.53` and `Loss [3]: 0.53`
    name the value first.
    """
    between = line[place.total[1] if place.total else place.end : value.start]
    bare = _DONE.sub(b"", between).strip()
    real = b"." in line[value.start : value.end] and not value.suffix
    if (bare in _COLONS or (real and bare in _BARELY)) and (
        _PLACE.search(place.name) or _OF_TRAIN.search(place.name)
    ):
        said = _SCORE_AHEAD.search(line, max(0, place.start - MAX_NAME), place.start)
        return place, value._replace(name=said[1] if said and is_quality(said[1]) else VALUE_OF_PLACE)
    whole = line[place.start - 1 : place.end].strip(b" [").isdigit() and not place.suffix and not place.total
    behind = between.isspace() or (bare in _BRACKETED and line.count(place.name) == 1)
    if whole and behind and place.name.lower().endswith(b"loss"):
        return place._replace(name=b"step"), value._replace(name=place.name)
    last = between.strip() == place.suffix and _LAST.fullmatch(line, value.start)
    if last and line.lstrip().startswith(place.name + b" "):
        return place, value._replace(name=b"step")
    return place, value


def ahead(line: bytes, field: Field) -> tuple[Field, bytes]:
    """Return a place by its name, and what the text before it calls the next number; or the field itself."""
    of = _SAID.match(field.name) or _OF.match(field.name)
    if of:
        return field._replace(name=of[2]), of[1]
    if line[field.total[1] if field.total else field.end :][:1] == b")":
        inside = _IN_PARENTHESES.search(line, max(0, field.start - MAX_NAME), field.start)
        if inside:
            return field, inside[1].strip()
    after = _AFTER.match(field.name)
    counted = _COUNTED_AT.match(line, field.end) if after else None
    return (field._replace(name=counted["name"]), after[1]) if after and counted else (field, b"")


def _by_pair(line: bytes, first: Field, second: Field) -> tuple[Field, Field]:
    """Return two numbers with names of their own: `train/val loss: 0.5/0.6`, `Epoch and iter 28 99`."""
    between = line[first.end : second.start].strip()
    pattern = {b"/": _PAIRED, b"": _PLACES, b",": _PLACES}.get(between)
    both = pattern.search(first.name) if pattern else None
    if both is None:
        return first, second
    before, behind = first.name[: both.start()], first.name[both.end() :]
    return (first._replace(name=before + both[1] + behind), second._replace(name=before + both[2] + behind))


def _is_indexed(line: bytes, first: Field, value: Field) -> bool:
    """Return whether a whole number is the end of the name of the number behind it: `Stage 0 = 39.11`."""
    named = line[: first.start].endswith(first.name + b" ") and not first.total and not first.suffix
    of_value = line[first.end : value.start].strip() == b"=" and b"." in line[value.start : value.end]
    counts = first.name.lower().rpartition(b" ")[2].decode("ascii", "replace") in RANKS
    return bool(named and of_value and first.name and not counts)


def _scored(line: bytes, count: Field, score: Field) -> bytes | None:
    """Return the name of a score that says of how many examples it is: `Accuracy on the 10 test images`."""
    size = not count.total and line[count.start : count.end].isdigit() and _OF_SIZE.fullmatch(score.name)
    of = _SCORED_ON.search(line, max(0, count.start - MAX_NAME), count.start) if size else None
    return of[1] + score.name if of else None


def _ranked(line: bytes, rank: Field, score: Field) -> bytes | None:
    """Return the name of a score that a number is a part of: `Top 1 Acc: 0.5`, `Recall at 20: 0.5`."""
    whole = not rank.total and not rank.suffix and line[rank.start : rank.end].isdigit()
    if not whole or not _RANKED.fullmatch(rank.name):
        return None
    of = rb" (?=%b)" % re.escape(score.name) if score.name else rb" ?[:=] ?\Z"
    if not re.match(of, line[rank.end : score.start]):
        return None
    end = line.find(score.name, rank.end) + len(score.name) if score.name else rank.end
    return line[rank.start - len(rank.name) - 1 : end]


def _is_share(line: bytes, count: Field, share: Field) -> bool:
    """Return whether a number says in per cent what a score counts: `Accuracy: 227/256 (89%)`."""
    between = count.total is not None and line[count.total[1] : share.start].strip() == b"("
    return between and share.suffix == b"%" and is_quality(count.name)


def _is_count(line: bytes, share: Field, count: Field) -> bool:
    """Return whether two numbers are of what a share counts, and no place: `Acc: 89.1% (227/256)`."""
    between = line[share.end : count.start].strip() if count.total else b""
    return between == b"% (" and share.suffix == b"%" and is_quality(share.name)


def _is_progress(line: bytes, place: Field, share: Field) -> bool:
    """Return whether two numbers are a step and how far training is: `(5000 6%)`, `5000 6% (0m 7s)`."""
    if place.name or place.suffix or place.total or share.suffix != b"%":
        return False
    whole = line[place.start : place.end].isdigit() and line[place.end : share.start].isspace()
    return whole and (line[place.start - 1 : place.start] == b"(" or not line[: place.start].strip())


def _plain(gap: bytes) -> bytes:
    """Return the text before a number as other programs write it."""
    gap = _BEHIND_AMOUNT.sub(b"", gap)
    if gap.endswith(b" @ "):
        return _AT.sub(b" at step ", gap)
    if b"value" in gap:
        return _TAGGED.sub(rb"\1=", gap)
    return _ASIDE.sub(b"", gap) if b") at " in gap or b") after " in gap else gap


def field_of(line: bytes, token: re.Match[bytes], gap: bytes) -> Field | None:
    """Return the number of a token with its name, which the text before it may show; None of others."""
    gap = _plain(gap)
    foreign = not gap.isascii()
    if foreign:
        gap = languages.with_ascii_colon(gap)
    named = (languages.accented(gap) if foreign else None) or _NAME.search(gap)
    named = named or (languages.named(gap) if foreign else None)
    name = _COPULA.sub(b"", _SENTENCE.split(named["name"])[-1].rstrip(b"'>-.")) if named else b""
    if named and _VALUE_OF.search(gap, 0, named.start("name")):
        name = name.partition(b" ")[2] or name
    name = _owned(gap, _ARTICLES.sub(b"", name))
    boxed = None if named else _IN_BRACKETS.search(gap)
    if boxed and (_PLACE.fullmatch(boxed[1]) or is_quality(boxed[1])):
        name = boxed[1]
    if gap.endswith((b"(", b"([")):  # train_loss tensor(0.5)
        name = _HOLDER.sub(b"", name)
    if not named and line[:1] == b"|":  # a box: | name | value |
        name = gap.strip(b" |")
    if not named and gap.endswith(b"(): "):
        tensor = _TENSOR.search(gap)
        name = tensor[1] if tensor else name
    if foreign:
        name = languages.ordinal(gap, line, token.end()) or name
    if token["done"] is not None:
        name = b"batch" if not _PLACE.search(name) and _BATCHES.match(line, token.end()) else name
        amount = _AMOUNT.match(line, token.end())
        if amount:
            return Field(name or amount[1] * (amount[1] in RATES), *token.span("done"), amount[1])
        return Field(name, *token.span("done"), b"", token.span("total"))
    if token["part"] is not None:
        behind = None if name else _CONSUMED.match(line, token.end())
        name = behind["name"] if behind else name
        return Field(name, *token.span("part"), token["scale"], token.span("whole"))
    for place in ("until", "at"):
        if token[place] is not None:
            return Field(name, *token.span(place), b"")
    return _value(line, token, gap, name, named)


def _owned(gap: bytes, name: bytes) -> bytes:
    """Return a name with what it is of: `train-loss, overall: 0.5`, `loss on the test data: 0.5`."""
    if part := _ON_PART.fullmatch(name):
        score = _MEASURED.search(gap, 0, gap.rfind(name))
        return part[1] + b" " + score[1] if score and is_quality(score[1]) else name
    of = _OWNER.search(gap, 0, max(0, gap.rfind(name))) if name and b", " in gap else None
    return b" ".join((of[1], name)) if of and not is_loss(name) else name


def _foreign(name: bytes) -> frozenset[bytes]:
    """Return the units that no number of such a name has."""
    if is_loss(name):
        return _SCALES
    return _BYTES if is_quality(name) or _PLACE.search(name) or is_epoch(name) else frozenset()


def _value(
    line: bytes, token: re.Match[bytes], gap: bytes, name: bytes, named: re.Match[bytes] | None
) -> Field | None:
    """Return a number that is no place with its unit; it may be named behind it."""
    start, end = token.span("value")
    if line[end - 1 : end] == b"." and (line[end : end + 1] in (b".", b"") or _PLACE.search(name)):
        end -= 1  # `epoch 12...` and `Finished epoch 12. Loss: 0.5`
    suffix = token["unit"] or (named["unit"] if named else None) or b""
    suffix = _SPELLED.get(suffix, suffix)
    if suffix in RATES and not leaves_unit(languages.spelled(name)) and _NUMBER_NEXT.match(line, token.end()):
        suffix = b""  # it names the next number: `loss 2.5 it/s 4.0`
    named_next = line[token.end() :][:2].strip().isalpha() or _NUMBER_NEXT.match(line, token.end())
    if token["gap"] and suffix in _foreign(name) and named_next:
        suffix = b""  # it begins the next name: `D loss: 1.4 G loss: 0.7`, `Ep 1 B 50`
    if (
        name in (b"", b"tensor")
        and gap.endswith((b"tensor(", b"tensor(["))
        and _GRADIENT.match(line, token.end())
    ):
        name = b"loss"
    if name and (_SOURCE.search(name) or _CALLER.search(gap)):
        return None  # train.py:120 is a place
    after = _FOLLOWS.match(line, token.end())
    if (
        after
        and after["name"]
        and (not named or (named["mark"].strip() in (b"", b":") and b"." in token["value"]))
    ):
        name = after["name"]
    if not name and (suffix or line[start:end].isdigit()):
        counted = (_CONSUMED if suffix in LARGE else _COUNTED).match(line, token.end())
        name = counted["name"] if counted and (not suffix or suffix in LARGE) else name
    name = token["nth"] or name
    if suffix in RATES and leaves_unit(languages.spelled(name)):
        name = suffix
    if suffix in TIMES and words(name)[-1:] == [b"cost"]:
        name += b" time"
    return Field(name, start, end, suffix)
