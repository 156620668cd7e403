"""Whatever loggers and launchers put before a line, its message, rank and time are read."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .logs import parse

PREFIXES = [
    b"3: ",
    b"[rank3]: ",
    b"[default3]:",
    b"[1,3]<stdout>:",
    b"2030-01-02 03:04:05,678 - trainer - INFO - ",
    b"2030-01-02T03:04:05.678Z ",
    b"2030-01-02 03:04:05.678 | INFO     | train:main:42 - ",
    b"I0102 03:04:05.678901 140245 train.py:42] ",
    b"Jan  2 03:04:05 node17 python[4242]: ",
    b"[2030-01-02 03:04:05,678] [INFO] [logging.py:96:log_dist] ",
    b"INFO:root:",
    b"INFO:trainer:",
    b"(RayTrainWorker pid=4242, ip=10.0.0.1) ",
    b"[03:04:05] [STDERR] ",
    b"[01/02 03:04:05] ppdet.engine INFO: ",
    b"[>>>>>>          ] 572/1500, 16.1 task/s, elapsed: 35s, ETA:    58s2024-01-02 04:04:05,678 - mmdet - INFO - ",
    b"[01/02 03:04:05][INFO] train_net.py:   42: ",
    b"2030-01-02 03:04:05,678 INFO train.py:42 ",
    b"2030-01-02T03:04:05.678901234Z stdout F ",
    b"2030-01-02T03:04:05+0000 node17 python3[4242]: ",
    b"<14>1 2030-01-02T03:04:05.678Z node17 train 4242 - - ",
    b"trainer-1  | ",
    b"worker-0: ",
    b"10.0.0.4: ",
]
BARE = [
    b"step 00012/05568 (0.22%) | loss: 2.5 | dt: 997.50ms",
    b"iter 2500: loss 2.5, time 39015.50ms, mfu 6.95%",
    b"step:42/900 train_loss:2.5 train_time:4200ms step_avg:100.00ms",
    b"completed step: 40, seconds: 0.512, loss: 2.5",
    b" iteration  40/ 900 | lm loss: 2.500000E+00 |",
]


@pytest.mark.few(40)
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("line", BARE)
def test_any_logging_prefix_may_precede(prefix, line):
    parsed = parse((prefix + line + b"\n") * 2)
    assert parsed.column("train/loss").tolist() == [2.5, 2.5]
    ranks = parsed.column("rank").tolist()
    assert ranks == ([3, 3] if b"3" in prefix[:9] and b"0" not in prefix and b"pid" not in prefix else [])


def test_brackets_may_precede_a_line_that_begins_with_one():
    line = b"[2030-01-02 03:04:05] [INFO] [boost.py:96] [Rank 3] [40]\ttrain-logloss:0.25\n"
    parsed = parse(line)
    assert parsed.format == "xgboost"
    assert parsed.column("rank").tolist() == [3]


@pytest.mark.parametrize("bulk", [True, False])
def test_icefall_shows_its_rank_behind_the_place(bulk):
    line = (
        "2030-01-02 03:04:05,678 INFO [train.py:{}] ({}/2) Epoch 1, batch {}, loss[loss={}.5, over 9.00 frames.], "
        "tot_loss[loss=2.5, over 9.00 frames.], batch size: 52, lr: 3.00e-03\n"
    )
    text = "".join(line.format(888, rank, 50 * i, rank) for i in range(99) for rank in (1, 0))
    parsed = parse(text.encode(), bulk=bulk)
    assert parsed.format == "icefall"
    assert parsed.column("rank").tolist() == [1, 0] * 99
    assert parsed.column("train/loss").tolist() == [1.5, 0.5] * 99


@pytest.mark.parametrize("place", ["[train]", "[03:04:05]", "train.py:42:", ""])
def test_of_how_many_is_else_no_rank(place):
    text = f"{place} (3/8) completed step: 40, seconds: 0.512, loss: 2.5\n" * 2
    assert not len(parse(text.encode()).column("rank"))


@pytest.mark.parametrize(
    "line",
    [
        b"val step:42/900 train_loss:2.5 train_time:4200ms",
        b"[val] completed step: 40, seconds: 0.512, loss: 2.5",
        b"the model was completed step: 40, seconds: 0.512, loss: 2.5",
        b"eval | step:42/900 train_loss:2.5",
        b"val-1: step:42/900 train_loss:2.5",
        b'print(f"step:{step}/{steps} train_loss:{loss}")',
        b"$ python train.py | grep 'iter 2500: loss 2.5, time 3ms'",
    ],
)
def test_what_is_no_logging_prefix(line):
    parsed = parse(line + b"\n")
    assert parsed.format is None
    assert not len(parsed.column("train/loss"))


DAWN = 1893553445.0
"""2030-01-02 03:04:05 UTC."""


@pytest.fixture
def zone(monkeypatch):
    """A machine two hours east of Greenwich, three in summer."""
    monkeypatch.setenv("TZ", "EET-2EEST,M3.5.0/3,M10.5.0/4")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("prefix", "seconds"),
    [
        (b"2030-01-02T03:04:05Z ", DAWN),
        (b"[2030/01/02 03:04:05.250+02:00] ", DAWN - 7200 + 0.25),
        (b"2030-01-02 03:04:05,678 -0530 - root - INFO - ", DAWN + 5.5 * 3600 + 0.678),
        (b"2030-01-02 03:04:05,678 - root - INFO - ", DAWN - 7200 + 0.678),  # local time
        (b"2030-07-02 03:04:05 | INFO | train | ", DAWN + 181 * 86400 - 10800),
        (b"2028-02-29 00:00:00Z ", 1835395200.0),
        (b"[03:04:05] [STDERR] ", 3 * 3600 + 4 * 60 + 5.0),  # no date
        (b"I0102 03:04:05.500000 140245 train.py:42] ", 3 * 3600 + 4 * 60 + 5.5),
    ],
)
@pytest.mark.parametrize("bulk", [True, False])
def test_the_time_of_a_row(zone, prefix, seconds, bulk):
    line = prefix + b"completed step: 40, seconds: 0.512, loss: 2.5\n"
    parsed = parse(line * 300, [len(line) * 3], bulk=bulk)
    assert set(parsed.column("time").tolist()) == {seconds}
    assert len(parsed.column("time")) == 300


def test_a_clock_is_taken_for_local_time_on_every_line(zone):
    lines = [
        b"2030-%02d-28 %02d:00:00,%03d - a - INFO - completed step: 40, seconds: 0.512, loss: 2.5\n"
        % (month, hour, hour)
        for month in range(1, 13)
        for hour in range(24)
    ]
    text = b"".join(lines * 5)
    parsed = parse(text, [200])
    parsed.same_as(parse(text, bulk=False))
    expected = [
        datetime(2030, month, 28, hour, 0, 0, hour * 1000).timestamp()
        for month in range(1, 13)
        for hour in range(24)
    ]
    assert parsed.column("time").tolist() == pytest.approx(expected * 5, abs=1e-6)


def test_a_printed_time_is_a_metric_of_its_own():
    parsed = parse(b"step 3/9 (1.00%) | loss: 2.5 | time: 12.5 | line: 7\n" * 2)
    assert not len(parsed.column("time"))
    assert parsed.column("printed/time").tolist() == [12.5, 12.5]
    assert parsed.column("line").tolist() == [1, 2]


@given(
    stamp=st.from_regex(
        r"\d{1,4}[-/]\d\d[-/]\d{1,4}[T _]\d\d:\d\d:\d\d([.,]\d{1,9})?( ?Z| ?[+-]\d\d:?\d\d)?", fullmatch=True
    )
)
@settings(max_examples=40, deadline=None)
def test_no_stamp_is_too_odd(stamp):
    line = f"[{stamp}] completed step: 40, seconds: 0.512, loss: 2.5\n".encode()
    text = line * 800
    parse(text, [len(line) * 3]).same_as(parse(text, bulk=False))


def test_the_day_of_the_week_and_the_year_are_a_time():
    lines = (f"Wed 02 Jan 2030 03:04:{i:02d} INFO  step {i} loss: {9 - i}\n" for i in range(1, 9))
    parsed = parse("".join(lines).encode())
    assert parsed.column("step").tolist() == list(range(1, 9))
    assert len(parsed.column("time")) == 8
