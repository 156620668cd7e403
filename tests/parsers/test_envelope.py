"""Whatever stands before the lines of a program, they tell the same: steps, losses, ranks and times."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.fold.segments import Splitter
from runwatch.parsers.log import LogParser

from .envelopes import CARRIERS, ENVELOPES, Envelope, one, two
from .logs import Parsed, parse

READERS = frozenset(("keras", "tqdm", "box", "catboost"))
"""Carriers whose records span lines, or wait for others: they have no time."""


def series(text: bytes) -> list[tuple[str, float]]:
    """The steps and losses of the run that a log's series show."""
    parser, splitter = LogParser(), Splitter()
    losses = [
        segment.block.samples["train/loss"]
        for batch in (parser.feed(text), parser.flush())
        for segment in splitter.split(batch)
        if segment.block.rank is None and "train/loss" in segment.block.samples
    ]
    return [(str(s), v) for loss in losses for s, v in zip(loss.step.tolist(), loss.value, strict=True)]


def reported(parsed: Parsed) -> list[tuple[str, str, int | None]]:
    """The events of a log, by kind, title and rank."""
    return sorted((event.kind, event.title, event.rank) for event in parsed.events)


def wrong(carrier: str, envelope: Envelope, bare: Parsed) -> list[str]:
    """What a log behind an envelope tells otherwise than the bare one."""
    parsed = parse(one(envelope, CARRIERS[carrier]))
    if carrier == "traceback":
        rank = 3 if envelope.ranked else None
        return (
            []
            if reported(parsed) == [(kind, title, rank) for kind, title, _ in reported(bare)]
            else ["events"]
        )
    rows = len(bare.column("step")) or len(bare.column("train/loss"))
    found = ["format"] if parsed.format != bare.format else []
    found += [n for n in ("step", "train/loss") if parsed.column(n).tolist() != bare.column(n).tolist()]
    found += ["rank"] if parsed.column("rank").tolist() != [3.0] * (rows * envelope.ranked) else []
    timed = envelope.timed and carrier not in READERS
    return found + (["time"] if timed and len(parsed.column("time")) != rows else [])


PARTS = 3


def some(carrier, part):
    """Return every third envelope, others for each carrier: each meets some of the others in each part."""
    return list(ENVELOPES.items())[(list(CARRIERS).index(carrier) + part) % PARTS :: PARTS]


each_part = pytest.mark.parametrize(
    "part", [0, *(pytest.param(part, marks=pytest.mark.deep) for part in range(1, PARTS))]
)


@pytest.mark.few(4)
@pytest.mark.parametrize("carrier", CARRIERS)
@each_part
def test_one_rank(carrier, part):
    bare = parse("".join(line + "\n" for line in CARRIERS[carrier]).encode())
    assert not {name: w for name, envelope in some(carrier, part) if (w := wrong(carrier, envelope, bare))}


@pytest.mark.few(4)
@pytest.mark.parametrize("carrier", CARRIERS)
@each_part
def test_two_ranks_that_take_turns(carrier, part):
    lines = CARRIERS[carrier]
    bare = "".join(line + "\n" for line in lines).encode()
    other = [line.replace("4.", "7.").replace("3.", "6.") for line in lines]
    for name, envelope in some(carrier, part):
        if envelope.ranked and carrier == "traceback":
            events = reported(parse(two(envelope, lines, lines)))
            assert events == [("traceback", "ValueError: bad shard", rank) for rank in (0, 1)], name
        elif envelope.ranked:
            ranked = carrier not in ("xgboost", "catboost", "nanogpt")  # their other numbers hold a 3. too
            assert series(two(envelope, lines, other if ranked else lines)) == series(bare), name


@given(
    carrier=st.sampled_from([name for name in CARRIERS if name != "traceback"]),
    before=st.sampled_from([Envelope("{line}"), *ENVELOPES.values()]),
    behind=st.sampled_from([Envelope("{line}"), *ENVELOPES.values()]),
    data=st.data(),
)
@settings(max_examples=30, deadline=None)
def test_an_envelope_that_begins_midway_read_in_any_pieces(carrier, before, behind, data):
    lines = [line for part in range(12) for line in CARRIERS[carrier]]
    text = one(before, lines, rank=data.draw(st.integers(0, 2))) + one(behind, lines)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=3))
    parsed = parse(text, cuts)
    parsed.same_as(parse(text, bulk=False))
    if carrier in ("nanochat", "nanogpt", "dict", "json", "xgboost"):
        assert len(parsed.column("offset")) == 24 * len(CARRIERS[carrier])


@pytest.mark.parametrize("carrier", ["catboost", "nanochat"])
def test_lines_that_begin_to_have_a_time_are_read_alike_at_once(carrier):
    lines = [line for part in range(12) for line in CARRIERS[carrier]]
    timed = one(Envelope("2030-01-02 03:{m:02d}:{s:02d},678 - trainer - INFO - {line}"), lines)
    text = one(Envelope("{line}"), lines) + timed
    parse(text).same_as(parse(text, bulk=False))


def test_the_journal_writes_what_cannot_be_printed_as_bytes():
    rows = (
        {
            "__REALTIME_TIMESTAMP": f"{1893553445 + n}000000",
            "MESSAGE": list(f"\x1b[32mstep {n} loss {5 - n / 64}\x1b[0m".encode()),
        }
        for n in range(1, 60)
    )
    parsed = parse("".join(json.dumps(row) + "\n" for row in rows).encode())
    assert parsed.column("step").tolist() == list(range(1, 60))
    assert parsed.column("train/loss").tolist() == [5 - n / 64 for n in range(1, 60)]


def test_a_step_that_looks_like_a_task_is_none():
    lines = [f"{step}: loss {5 - step / 64:.4f}\n" for step in range(1, 60)]
    parsed = parse("".join(lines).encode())
    assert parsed.column("step").tolist() == list(range(1, 60))
    assert not len(parsed.column("rank"))
