"""Few matchers are asked about a line, and what they answer is what asking all of them would."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import LinePattern, values
from runwatch.parsers.detect.dispatch import Dispatch, Found
from runwatch.parsers.formats import builtin
from runwatch.parsers.prefilter.gate import Gate
from runwatch.parsers.words import WordSet

from .fuzzing import LINES, TEXTS, logs

STAMP = b"[rank0]: 2030-01-02 03:04:05,678 - train - INFO - "
RECORDS = [line.rstrip(b"\r\n") for line in LINES]
WORDS = [b"step", b"steps: ", b"s:", b": ", b"epoch", b"epoch: ", b"epoch: [", b"poch e", b"[", b"%|"]


class Everyone:
    """Asks all matchers of some formats, in their order."""

    def __init__(self, formats, logged):
        self.owned = Dispatch(formats, logged).owned

    def first(self, line, *, training):
        """Return what the first one reads that reads what is wanted."""
        found = [
            Found(match, fmt, logged)
            for matcher, fmt, logged in self._ranked()
            if (match := matcher.match(line)) is not None
        ]
        wanted = [one for one in found if not training or one.match.layout.kind == TRAIN]
        return next(iter((*wanted, *found)), None)

    def _ranked(self):
        return [(matcher, fmt, type(matcher).__name__ == "Logged") for matcher, fmt in self.owned]


def stateless():
    """All formats but tables, whose matchers are changed by being asked."""
    return [fmt for fmt in builtin() if not any(m.remembers for m in fmt.matchers)]


def lines(text):
    return [line for line in re.split(rb"[\r\n]", text) if line]


@settings(max_examples=40, deadline=None)
@given(logs(), st.sampled_from([None, True, False]), st.booleans(), st.sampled_from([b"", STAMP]))
def test_the_answer_is_that_of_asking_everyone(text, logged, training, before):
    dispatch, everyone = Dispatch(stateless(), logged), Everyone(stateless(), logged)
    for line in lines(text[:4000]):
        assert dispatch.first(before + line, training=training) == everyone.first(
            before + line, training=training
        )


def test_the_answer_is_that_of_asking_everyone_about_each_known_line():
    dispatch, everyone, reported = Dispatch(stateless(), None), Everyone(stateless(), None), 0
    for line in (line for line in (*RECORDS, *(STAMP + line for line in RECORDS)) if len(line) < 500):
        found = dispatch.first(line, training=True)
        assert found == everyone.first(line, training=True), line
        reported += found is not None
    assert reported > 200


@settings(max_examples=200)
@given(st.sets(st.sampled_from(WORDS)), st.lists(st.sampled_from(WORDS) | st.binary(max_size=3)))
@example({b"epoch", b"poch e"}, [b"epoch epoch"])
@example({b"steps: ", b"s:"}, [b"steps: 5"])
def test_every_word_that_is_somewhere_is_held(words, pieces):
    line = b"".join(pieces)
    held = WordSet(words).held(line)
    assert held <= words
    assert {word for word in words if any(one.startswith(word) for one in held)} == {
        word for word in words if word in line
    }


class Counting(LinePattern):
    """A pattern that counts how often it is asked."""

    asked = 0

    def match(self, line, start=0):
        self.asked += 1
        return super().match(line, start)


def test_most_matchers_are_not_asked():
    patterns = [Counting(f"of{i}", TRAIN, rb"word%d (?:other)" % i) for i in range(40)]
    dispatch = Dispatch([Format(one.prefix.decode(), "", "", (one,)) for one in patterns], None)
    assert dispatch.first(b"INFO word7 is all", training=True) is None
    assert dispatch.first(b"word8 begins", training=True) is None
    assert [i for i, pattern in enumerate(patterns) if pattern.asked] == [7, 8]


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (rb"it +(?P<step>\d+)", b"it "),
        (rb"\[a\] b?c", b"[a] "),
        (rb"ab(?:c|d)", b"ab"),
        (rb"(?<!x \()epoch \|(?= loss)", b"epoch |"),
        (rb"abc{2}", b"ab"),
        (rb"ab|(?:c)", b""),
        (rb"ab|\)", b""),
        (rb"ab[|]", b"ab"),
        (rb"(?P<step>\d+):", b""),
        (rb"\tab", b"\tab"),
    ],
)
def test_lines_are_known_by_the_text_that_their_head_begins_with(head, text):
    assert LinePattern("one", TRAIN, head).prefix == text


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (rb"\s*{step}: loss {loss}, rate {rate} of", b": loss "),
        (rb"[eE]poch {epoch}\tlr", b"poch "),
        (rb"{step} (?:one|two) \(mAP@0?\.50\) = {map}", b".50) = "),
        (rb"{step} ab+c* \[x\]", b" [x]"),
        (rb"{step}|loss {loss}", b""),
    ],
)
def test_lines_with_no_such_text_are_known_by_the_longest_that_they_hold(head, text):
    assert LinePattern("one", TRAIN, head).needle == text
    assert LinePattern("one", TRAIN, head, needle=b"z").needle == b"z"


def test_an_empty_group_of_a_head_is_a_number():
    pattern = LinePattern("one", TRAIN, rb"it (?P<step>\d+) loss (?P<loss>)(?: lr (?P<lr>))?$")
    for line, numbers in (
        (b"it 4 loss nan", [4, math.nan]),
        (b"it 4 loss 1,250.5 lr -1e-4", [4, 1250.5, -1e-4]),
    ):
        assert values(line, pattern.match(line)) == pytest.approx(numbers, nan_ok=True)
    assert pattern.match(b"it 4 loss of 5") is None


def test_tables_that_wait_for_no_row_are_not_asked():
    dispatch = Dispatch([fmt.fresh() for fmt in builtin()], None)
    header, row = b"step,loss", b"1,0.5"
    assert dispatch.first(header, training=True, asleep=True) is None
    assert dispatch.first(row, training=True) is None  # the header was not shown
    assert dispatch.first(header, training=True) is None
    assert dispatch.first(row, training=True) is not None


@settings(max_examples=30, deadline=None)
@given(st.lists(logs(), max_size=3))
@example(TEXTS)
def test_readers_that_are_asleep_take_only_what_the_gate_says_they_may(texts):
    makers = [make for fmt in builtin() for make in fmt.readers]
    gate = Gate([m for fmt in builtin() for m in fmt.matchers], [make() for make in makers])
    for reader in (make() for make in makers):
        for number, line in enumerate(lines(b"\n".join(texts)), 1):
            wanted = reader.awake or gate.is_read(line)
            taken = reader.feed(line, number) is not None or reader.awake
            assert wanted or not taken, (type(reader).__name__, line)
