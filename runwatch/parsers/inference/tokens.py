"""Numbers of a line of text: which bytes are one, with its unit or its end, and which are a date or a time.

All rules look at which bytes are digits and never at which digits they are, so a reading is digit-blind, as
matchers must be.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from runwatch.core.metrics import Unit
from runwatch.parsers.body.matchers import VALUE
from runwatch.parsers.lexicon import languages
from runwatch.parsers.lexicon.names import unit_of
from runwatch.parsers.lexicon.units import DURATION, RATES, SCALES

MAX_NAME = 80
VALUE_OF_PLACE = b"value"
"""What a number without a name behind a place, or alone below one, is called: `epoch 0, batch 12: 4.98`."""
_REAL, _SIGN = rb"(?:-?\d+\.\d+(?:e[+-]?\d+)?|-?(?:nan|inf)\b)", rb"(?:[ \t]*[,;][ \t]*|\t+)"
BARE = re.compile(
    rb"\s*[\[(]?(?:\d+(?:" + _SIGN + rb"|[ \t]+|[ \t]*:[ \t]+)){0,2}(?P<value>" + _REAL + rb")"
    rb"(?:(?:" + _SIGN + _REAL + rb"){1,7}|(?:[ \t]+" + _REAL + rb"){0,2})[ \t]*[\])]?[,;]?\s*\Z"
)
"""A line of nothing but numbers: a value, maybe behind its place and before others."""
TIMES = (b"s", b"ms", b"us", b"m", b"min", b"h")
"""Units of times."""
_PLAIN = (b"f0", b"%", *TIMES, b"sec", b"secs")
_UNIT = rb"|".join(re.escape(u) for u in sorted((*RATES, *SCALES, *_PLAIN), key=len, reverse=True))
_GLUED = (
    rb"(?:(?<=[hprtEe])(?:(?<=\b[Ee]poch)|(?<=\b[Bb]atch)|(?<=\b[Ss]tep)|(?<=_step)|(?<=\b[Ii]ter)|(?<=\b[Cc]lient)|(?<=\b[Ee]p)"
    rb"|(?<=\b[Ee])|(?<=\b[Ii]t))|(?<=\d[bBsS])|(?<=\d[ /][bBsSi])"
    rb"|(?<=[hpr][-._#])(?:(?<=\b[Ee]poch[-._#])|(?<=\b[Ss]tep[-._#])|(?<=\b[Ii]ter[-._#]))"
    rb"|(?<=[a-zB\] ][#B])(?:(?<=[A-Za-z\]] #)|(?<= B))|(?<=^[#B])|(?<=\b[Ee]p\.)|(?<=\b[Nn]o\.))"
)
"""What a place is called without a space behind it: `Fold 0 E3/10`, `epoch12`, `Iter-100`, `epoch_7`,
`epoch#7`, `No.3`, `Round #3`, `train_step9`."""
_ORDINAL = (
    rb"-?(?:st|nd|rd|th)(?= (?P<nth>(?i:epoch|episode|step|iter(?:ation)?|(?:mini-?)?batch|round|update))\b)"
)
"""Behind a number: it is a place, `0th epoch, 3rd mini-batch`."""
_NO_WORD = rb"(?:(?<![\w.#+$/@-])|(?<=[Ll]oss)(?=\d+\.\d)|(?<=\d/)(?=\d+\.\d))"
"""Before a number: no part of a word, but for `loss0.69`, and the second of a pair as in `0.5/0.6`."""
_OF = (
    rb"(?: ?/ *|\]/\[| ?\xe8\xbd\xae ?(?:[/,]|\xef\xbc\x8c)? ?\xe5\x85\xb1 ?| ?\| ?(?=\d+ ?\])"
    rb"| {1,8}(?:out )?(?:of|OF|von|van|de|di|sur|av|z|\xd0\xb8\xd0\xb7) {1,8})"
)
"""Between what is done and its end."""
_THOUSANDS = rb"\d{1,3}(?:,\d{3})+"
_PAIR = rb"(?P<done>%b(?=%b%b\b)|\d+)%b(?P<total>%b(?!,?\d)|\d+)" % (_THOUSANDS, *2 * (_OF, _THOUSANDS))
_PART = rb"(?P<part>\d+(?:\.\d+)?)(?P<scale>[kKMB]) ?/ ?(?P<whole>\d+(?:\.\d+)?)(?P=scale)"
"""The same in thousands, millions or billions: `1.25M/20.00M`."""
TOKEN = re.compile(
    rb"(?=\d)(?:(?P<clock>\d{8}[-_T ]\d\d:\d\d(?::\d\d)?"
    rb"|\d{2,4}[-/]\d{1,2}[-/]\d{2,4}(?:[T_ ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?Z?)?"
    rb"|\d\d[/-]\d\d,? \d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?![\w])"
    rb"|\d{1,2} \d\d:\d\d:\d\d(?: [A-Z]{3,5})? \d{4}\b"  # as ctime has it: Fri Oct 18 08:28:52 2024
    rb"|(?<=[A-Z][a-z][a-z] )\d\d \d\d:\d\d:\d\d\b"  # as syslog has it: Oct 18 08:28:52
    rb"|(?:\d+ days?, )?\d{1,3}:\d\d(?::\d\d)?(?:[.,]\d+)?(?![\w])"
    rb"|(?<=cuda:)\d+(?=')"  # tensor(0.5, device='cuda:0')
    rb"|" + DURATION + rb")"
    rb"|(?:(?<![\w.#+$/-])|" + _GLUED + rb")" + _PAIR + rb"(?![\w/]|\.\w)"
    rb"|(?<![\w.#+$/-])" + _PART + rb"(?![\w/]|\.\w)"
    rb"|(?<=\[)\d+-(?P<until>\d+)(?=\])"
    rb"|"
    + _GLUED
    + rb"(?P<at>\d+)(?!(?![bBsS]\d+\b)\w|-(?![A-Za-z_]{1,24}(?:[=:]|\d+-))|[./](?!(?:it|[bBsSi])\d)\w))"
    rb"|" + _NO_WORD + rb"(?P<value>" + VALUE + rb")"
    rb"(?:" + _ORDINAL + rb"|(?P<gap> )?(?P<unit>" + _UNIT + rb")(?(gap)(?!\s*[:=])))?"  # `step 5k: loss`
    rb"(?!\.*\w|/(?!\d+\.\d)\w|,\d)"
)
_FILLING = re.compile(rb"\[(?:[=#>*. -]|\xe2[\x94-\x97][\x80-\xbf]){8,200}\]")
"""A bar that a script draws itself, as far as it is filled: `Training [====      ] 40/100 loss=0.5`."""


class Field(NamedTuple):
    """One number of a line."""

    name: bytes
    """The text it is named by; empty where none precedes it."""
    start: int
    end: int
    suffix: bytes
    """Its unit as printed; empty if none."""
    total: tuple[int, int] | None = None
    """Where the second number of `12/500` is."""

    def unit(self, metric: str) -> Unit:
        """Return how the number becomes the stored one if it is `metric`."""
        return unit_of(metric, self.suffix.decode("ascii", "replace"), languages.spelled(self.name))


def masked(text: bytes) -> bytes:
    """Return what stays the same from line to line: numbers as `#`, runs of spaces as one, bars empty."""
    return b" ".join(re.sub(rb"\d+", b"0", TOKEN.sub(b"#", _FILLING.sub(b"[]", text))).split())
