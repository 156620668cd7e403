"""Text in which no format is known: most of it is passed over, and nothing is missed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.parsers.body.enveloped import Logged
from runwatch.parsers.events.triggers import TRIGGER
from runwatch.parsers.formats import builtin
from runwatch.parsers.framing.lines import Lines
from runwatch.parsers.inference.roles import relevant
from runwatch.parsers.inference.shapes import _read, reading_of
from runwatch.parsers.inference.tables import header
from runwatch.parsers.log import LogParser
from runwatch.parsers.prefilter.gate import Gate
from runwatch.parsers.prefilter.sieve import Sieve

from .fuzzing import LINES, TEXTS, logs
from .logs import parse
from .structured import read

PLAIN = [
    b"The quick brown fox number 17 jumps over the dog\n",
    b"10.1.2.3 - - GET /a/%d HTTP/1.1 200 512\n",
    b"Jan  2 03:04:05 node7 kernel: eth0: link up\n",
    b"\n",
    b"   \n",
    b"----------------\n",
    b"| GPU | 5 |\n",
    b"epoch  wer  time\n",
    b"LR 0.5 of round 3\n",
    b"{'a': 5}\n",
    b"Traceback (most recent call last):\n  File 'x.py', line 3\nsubprocess.Expired: 5 s\n",
    b"ep  wer  time\n",
    b"\x1b]0;title\x07hello\n",
    "训练轮次: 3, 损失: 0.5\n".encode(),
    b"# A title\n",
    b"```\n",
]


def everyone() -> Gate:
    """The gate in front of all formats."""
    matchers = [m for fmt in builtin() for m in fmt.matchers]
    readers = [make() for fmt in builtin() for make in fmt.readers]
    return Gate([*matchers, *(Logged(m) for m in matchers if m.prefix)], readers)


GATE = everyone()


def test_no_record_is_shut_out():
    records = 0
    for fmt in builtin():
        for matcher in fmt.matchers:
            if matcher.remembers:  # it waits for a header: the gate stands open
                continue
            for line in (line.rstrip(b"\r\n") for line in LINES):
                if line and (matcher.match(line) or (matcher.prefix and Logged(matcher).match(line))):
                    records += 1
                    assert not GATE.shuts_out(line), (fmt.name, line)
        for make in fmt.readers:
            for text in TEXTS:
                reader = make()
                for number, line in enumerate(text.splitlines(), 1):
                    if reader.awake:
                        reader.feed(line, number)
                    elif line and reader.feed(line, number) is not None:
                        records += 1
                        assert not GATE.shuts_out(line), (fmt.name, line)
    assert records > 300


def test_most_lines_are_shut_out():
    assert [line for line in PLAIN[:3] if not GATE.shuts_out(line.rstrip())] == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(LINES) | st.sampled_from(PLAIN), min_size=1, max_size=40))
def test_the_sieve_holds_nothing_back(lines):
    text = b"".join(line.rstrip(b"\r\n").replace(b"\r", b" ") + b"\n" for line in lines)
    block = Lines(text, 0, len(text))
    held_back = set(range(len(block))) - set(Sieve(GATE, (b"Saving to ",)).through(block))
    for line in (block.record(index) for index in held_back if block.lengths[index] > 1):
        assert GATE.shuts_out(line)
        assert not TRIGGER.search(line)
        assert not relevant(line)
        assert header(line) is None
        assert line[:1] not in b"#`|^"
        assert not re.search(rb"[\x1b\0]|^Saving to ", line)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from(PLAIN), min_size=1, max_size=8), logs(changes=3), st.booleans(), st.data())
def test_unknown_text_in_bulk(plain, log, again, data):
    filling = b"".join(plain)
    filling *= 1 + 40_000 // len(filling)
    text = filling + log + b"\n" + (filling + log if again else b"")
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=3))
    read(text, cuts).same_as(read(text, bulk=False))


def test_what_is_passed_over_is_read_by_nobody(monkeypatch):
    parser = LogParser()
    parser.feed(PLAIN[0] * 50)
    read_ = []
    monkeypatch.setattr(parser._pipeline, "read", lambda line, *rest: read_.append(line) or False)
    batch = parser.feed(PLAIN[0] * 2000)
    assert len(read_) < 10
    assert (batch.lines, batch.unparsed) == (2000, 2000)


def test_what_is_passed_over_counts_against_a_few_records():
    few = b"".join(b"cycle %d: loss %d.25\n" % (i, 9 - i) for i in range(4))
    assert parse(PLAIN[0] * 3 + few).format == "learned"
    assert parse(PLAIN[0] * 2000 + few).format is None


def test_a_traceback_among_much_else():
    text = PLAIN[0] * 1000 + PLAIN[10] + PLAIN[0] * 1000
    events = parse(text).events
    assert [(event.kind, event.line, event.title) for event in events] == [
        ("traceback", 1003, "subprocess.Expired: 5 s")
    ]


def test_a_format_is_found_behind_much_else():
    steps = b"".join(
        b"step %d: train loss 4.5, val loss 4.75\niter %d: loss 4.5, time 9ms, mfu 1.5%%\n" % (i, i)
        for i in range(40)
    )
    parsed = parse(PLAIN[0] * 5000 + steps)
    assert parsed.format == "nanogpt"
    assert parsed.column("line")[0] == 5002
    assert parsed.unparsed == 5000


@pytest.mark.parametrize(
    ("first", "line"),
    [
        (b"node1 epoch 3 loss: 0.25", b"node2 epoch 4 loss: 0.75"),
        (b"layer_1 loss 0.5, layer_1 acc 0.7", b"layer_1 loss 0.5, layer_2 acc 0.7"),
        (b"step 5 loss 1.#INF", b"step 5 loss 2.#INF"),
        (b"a1 loss: 5", b"a2 loss: 7"),
        (b"worker 12 of 99", b"worker 34 of 99"),
    ],
)
def test_a_reading_holds_for_all_of_a_shape(first, line):
    reading_of(first)
    assert reading_of(line) == _read(line)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(LINES), st.randoms(use_true_random=False))
def test_digits_change_no_reading(line, rng):
    line = line.rstrip(b"\r\n")
    reading_of(line)
    other = bytes(rng.randrange(48, 58) if 48 <= byte <= 57 else byte for byte in line)
    assert reading_of(other) == _read(other)


def test_a_box_of_spaces_is_read_in_linear_time():
    text = b"----------\n| " + b" " * 60_000 + b"\n| a |" + b" " * 60_000 + b"\n"
    assert read(text).lines == 3
