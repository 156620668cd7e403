"""The bars of pytorch-cifar, and of the many programs that took over its `progress_bar`.

    Epoch: 3
     [====>.....]  Step: 28ms | Tot: 1s203ms | Loss: 1.625 | Acc: 25.0% (32/128)   (backspaces) 40/391

A bar trains, the next one tests. The count is in the middle of the bar; a file has it at the end,
behind the backspaces that bring it there. As with Keras, a step is an epoch, and a bar's numbers are
means over what it has done.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from runwatch.parsers.api import Format, Layout, Match, Matcher, Row, as_printed
from runwatch.parsers.body.matchers import VALUE
from runwatch.parsers.progress.keras import DRAWN, HEADLINE, KerasReader

_EPOCH = re.compile(rb"Epoch: (\d+)\s*$")
_BAR = re.compile(
    rb"\s{0,8}\[[=>.]{0,200}(?: (?P<in>\d+)/(?P<of>\d+) [=>.]{0,200})?\]\s{0,8}"
    rb"Step: [\dDhms]{1,20} \| Tot: [\dDhms]{1,20}(?P<items> \| [^\b\r\n]{1,400})"
    rb"(?:\x08+ (?P<at>\d+)/(?P<all>\d+))?"
)
_ITEM = re.compile(rb" \| ([A-Za-z][\w@.-]{0,40}): (" + VALUE + rb")(?=[% ]|$)")
_FILLING = re.compile(rb"(?<=[=>.\[])[=>.]{2,200}(?=[\]= ])")


class _CifarFrames(Matcher):
    """Matches the headline of an epoch and bars with a loss (done and total, then values)."""

    _headline = as_printed("frame", HEADLINE, ("epoch",))

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return what a line shows."""
        if line[:7] == b"Epoch: ":
            head = _EPOCH.match(line)
            return head and Match(self._headline, (head.span(1),))
        found = _BAR.match(line) if b" | Tot: " in line else None
        if found is None or (found["in"] is None) == (found["at"] is None):
            return None
        items = list(_ITEM.finditer(line, *found.span("items")))
        names = tuple(item[1].decode("ascii").lower() for item in items)
        if "loss" not in names:
            return None
        place = (found.span("in"), found.span("of")) if found["in"] else (found.span("at"), found.span("all"))
        layout = as_printed("frame", DRAWN, ("done", "total", *names))
        return Match(layout, (*place, *(item.span(2) for item in items)))


class CifarReader(KerasReader):
    """Reads them as those of Keras, but for bars before the first headline: which epoch's is unknown."""

    begins = rb"Epoch: \d|\s*\["
    pattern = "pytorch-cifar"
    evaluation = "val/"

    def __init__(self) -> None:
        super().__init__(_CifarFrames())

    def take(self, layout: Layout, shown: Sequence[float], number_: int) -> list[Row]:
        """Take one frame; return the records it completes."""
        if self.epoch is None and layout.pattern != HEADLINE:
            return []
        return super().take(layout, shown, number_)

    def may(self, line: bytes) -> bool:
        """Return whether a line may be a headline or hold a bar."""
        return b" | Tot: " in line or line[:7] == b"Epoch: "

    def thin(self, text: bytes) -> bytes:
        """Return the text with bars that are filled alike."""
        return _FILLING.sub(b"=", text) if b".]" in text else text  # else all bars are full


FORMAT = Format(
    name="pytorch-cifar",
    title="pytorch-cifar and other users of its progress_bar",
    example=" [===== 391/391 =====>]  Step: 28ms | Tot: 9s | Loss: 1.625 | Acc: 25.0% (32/128)",
    readers=(CifarReader,),
)
