"""The parts of `runwatch run` that need no process: lines, the queue to the log, words about ends."""

from __future__ import annotations

import os
import select
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.rules.common.signatures import CERTAIN_KINDS
from runwatch.cli.commands.run import default_log, name_of
from runwatch.core.batch import CRASH_KINDS
from runwatch.core.errors import EngineError
from runwatch.parsers.events.events import EventScanner
from runwatch.watcher.samplers.cgroup import Cgroups
from runwatch.watcher.samplers.procfs import Proc
from runwatch.wrap import watch
from runwatch.wrap.ending import Ending, Memory
from runwatch.wrap.feed import Feed
from runwatch.wrap.relay import Lines


@given(st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=12).map(lambda b: b.replace(b"\r", b"\n")))))
@settings(max_examples=100)
def test_lines_of_two_streams_stay_whole(writes):
    out: list[bytes] = []
    lines = Lines(out.append, 2)
    for stream, data in writes:
        lines.take(stream, data)
    lines.flush()
    texts = [b"".join(data for of, data in writes if of == stream) for stream in (0, 1)]
    *got, last = b"".join(out).split(b"\n")
    assert last == b""
    written = [line for text in texts for line in text.split(b"\n")]
    assert sorted(filter(None, got)) == sorted(filter(None, written))


def test_a_lone_stream_is_not_touched():
    out: list[bytes] = []
    lines = Lines(out.append, 1)
    for data in (b"ab", b"c\r\nd", b""):
        lines.take(0, data)
    assert out == [b"ab", b"c\r\nd", b""]


def test_what_a_slow_log_cannot_take_is_told_in_it():
    reader, writer = os.pipe()
    feed = Feed(writer, lambda: None, most=100_000, stall=0)
    feed.put(b"a" * 90_000)  # more than a pipe holds: its writer waits now
    feed.put(b"b" * 20_000)
    feed.put(b"c" * 5_000)
    assert not feed.close(0.01)
    with open(reader, "rb") as log:
        text = log.read()
    assert text == b"a" * 90_000 + b"\n[runwatch: 20000 bytes of output are missing here]\n" + b"c" * 5_000
    assert feed.close(20)
    assert feed.missing == 20_000
    assert feed.total == len(text) + 20_000


def test_a_log_that_advances_is_waited_for_and_loses_nothing():
    reader, writer = os.pipe()
    feed = Feed(writer, lambda: None, most=100_000, stall=20)
    got: list[bytes] = []
    with ThreadPoolExecutor() as pool, open(reader, "rb", buffering=0) as log:
        reading = pool.submit(lambda: got.extend(iter(lambda: log.read(1 << 12), b"")))
        for number in range(40):
            feed.put(b"%02d" % number * 25_000)
        assert feed.close(20)
        reading.result()
    assert b"".join(got) == b"".join(b"%02d" % number * 25_000 for number in range(40))
    assert feed.missing == 0


def test_a_log_that_does_not_advance_is_waited_for_in_all_for_a_bounded_time():
    reader, writer = os.pipe()
    feed = Feed(writer, lambda: None, most=100_000, stall=0.05, allowance=0.1)
    for _ in range(5):
        feed.put(b"a" * 90_000)  # it is in the way of the next, and dropping goes on until it is gone
        feed.put(b"b" * 90_000)
    lost = 9 * 90_000
    assert feed.missing == lost + 90_000
    for _ in range(3):  # each time the log has caught up, one is waited for again
        while feed.missing > lost:  # bytes wait
            if select.select([reader], [], [], 0.01)[0]:
                os.read(reader, 1 << 20)
        feed.put(b"a" * 90_000)
        feed.put(b"b" * 90_000)
        lost += 90_000
    os.close(reader)
    assert feed._allowance <= 0.0


def test_a_log_whose_writer_is_gone_is_told_once():
    reader, writer = os.pipe()
    os.close(reader)
    reported: list[int] = []
    feed = Feed(writer, lambda: reported.append(1))
    feed.put(b"x")
    feed._thread.join(120)
    feed.put(b"y")
    assert feed.close(20)
    assert reported == [1]
    assert feed.missing == 2


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (Ending(1, None, 3.0), "elastic"),
        (Ending(137, None, 3.0, oom=True), "host_oom"),
        (Ending(None, signal.SIGKILL, 3.0), "killed"),
        (Ending(None, signal.SIGKILL, 3.0, oom=True), "host_oom"),
        (Ending(None, signal.SIGSEGV, 3.0), "segfault"),
        (Ending(None, signal.SIGABRT, 3.0), "elastic"),
        (Ending(None, signal.SIGTERM, 3.0), "signal"),
        (Ending(None, signal.SIGINT, 3.0), "signal"),
        (Ending(0, None, 3.0), "finished"),
    ],
)
def test_the_logs_last_line_tells_the_rules_how_it_ended(ending, kind):
    (event,) = EventScanner().feed(ending.line().encode(), 0, 1, 1)
    assert event.kind == kind
    assert (kind in CRASH_KINDS) == (ending.exit_code != 0)
    if ending.signal in (signal.SIGKILL, signal.SIGSEGV) or ending.oom:
        assert kind in CERTAIN_KINDS


def test_an_end_in_words():
    assert str(Ending(3, None, 725.0)) == "exit code 3 after 12m 05s"
    assert str(Ending(None, 9, 5.0, oom=True)) == "killed by SIGKILL (out of memory) after 5.00 s"
    assert Ending(None, 9, 5.0).exit_code == 137
    assert Ending(130, None, 5.0).interrupted
    assert Ending(None, 2, 5.0).interrupted


def test_a_kill_for_memory_is_one_that_the_kernel_counted(tmp_path):
    proc, group = tmp_path / "proc", tmp_path / "cgroup" / "job"
    (proc / str(os.getpid())).mkdir(parents=True)
    group.mkdir(parents=True)
    (proc / str(os.getpid()) / "cgroup").write_text("0::/job\n")
    (proc / "vmstat").write_text("oom_kill 7\n")
    (group / "memory.events").write_text("oom 0\noom_kill 1\n")
    here = Proc(str(proc))
    memory = Memory(here, Cgroups(here, str(tmp_path / "cgroup")))
    memory.note()
    (proc / "vmstat").write_text("oom_kill 8\n")  # somewhere else on this machine
    assert not memory.struck()
    (group / "memory.events").write_text("oom 1\noom_kill 2\n")
    assert memory.struck()


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("python3.11", "-u", "src/train.py", "--lr", "3"), "train"),
        (("torchrun", "--nproc", "8", "pre train.py"), "pre-train"),
        (("python", "-m", "nanochat.train"), "train"),
        (("python", "-c", "pass"), "python"),
        (("./run.sh",), "run"),
        (("make", "a.py"), "make"),
        (("../..",), "command"),
    ],
)
def test_a_log_is_called_like_its_script(command, name):
    assert name_of(command) == name
    assert default_log(command, 0.0, 7).startswith(f"runwatch-logs/{name}-1970")
    assert default_log(command, 0.0, 7).endswith("-7.log")


def test_a_rule_that_fires_again_is_another_finding(monkeypatch):
    def refused(*given, **named):
        raise EngineError("no engine")

    monkeypatch.setattr(watch, "PrivateEngine", refused)
    watching = watch.Watch("train.log", None, lambda severity, line: None)
    row = {"rule": "loss_spike", "metric": "train/loss", "rank": None, "severity": "critical", "title": "x"}
    for step, change in ((100, "firing"), (100, "resolved"), (500, "firing")):
        incident = {**row, "step": step, "line": None, "cause": None}
        watching._line({"type": "incident", "incident": incident, "change": change, "symptom": False})
    assert watching.findings() == "2 critical (x)"
    watching._line({"type": "incident", "incident": incident, "change": "firing", "symptom": True})
    assert watching.findings().startswith("1 critical"), "what follows from another is not counted"
