"""A log that logrotate copies and cuts, or renames, while workers read it and are killed: each record once."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.ingest import feeds, wire
from runwatch.watcher.ingest.feeds import LogSource
from runwatch.watcher.sources.discover import find

from ..parsers.logs import Parsed, nanochat, parse

TEXT = nanochat(600, noise=0)
STEPS = 600


class Watched:
    """A log, who writes and rotates it, and one worker after the other that reads it."""

    def __init__(self, home: str, *, append: bool = True, ages: bool = True) -> None:
        self.path = Path(home) / "run.log"
        self.parsed, self.notes = Parsed(), []
        self.written, self.now, self.rotated = 0, 1_700_000_000 * 10**9, 0
        self.append, self.ages = append, ages
        self.open()
        self.resume = None
        self.kill()

    def open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if self.append else 0)
        self.writer = os.open(self.path, flags)
        self.age(self.writer)
        self.known = False
        """Whether text of this file was read: only then a copy of it is told from a renamed file."""

    def age(self, file, passes=True) -> None:
        """Some time passes between any two writes, or the kernel would give both the same."""
        self.now += 4_000_000 * passes
        if self.ages:
            os.utime(file, ns=(self.now, self.now))

    def write(self, count: int) -> None:
        os.write(self.writer, TEXT[self.written : self.written + count])
        self.written = min(len(TEXT), self.written + count)
        self.age(self.writer)

    def end_line(self) -> None:
        self.write(TEXT.find(b"\n", self.written) + 1 - self.written)

    def look(self, steps: int = 1 << 30) -> None:
        self.known |= steps > 2 and self.path.stat().st_size > 0
        while steps and self.source.step(self.take):
            steps -= 1

    def take(self, message) -> None:
        if isinstance(message, wire.Read):
            self.parsed.add(message.batch)
            self.resume = message.resume
        elif isinstance(message, wire.Note):
            self.notes.append(message.message)

    def kill(self) -> None:
        """Another worker goes on with what the last one said; it travels as JSON."""
        if hasattr(self, "source"):
            self.source._tail.close()
        (found,) = find([str(self.path)], wait=True)
        resume = msgspec.json.decode(msgspec.json.encode(self.resume), type=wire.Resume | None)
        self.source = LogSource(found, resume)

    def shift(self) -> Path:
        for number in range(self.rotated, 0, -1):
            for end in ("", ".gz"):
                if (old := Path(f"{self.path}.{number}{end}")).exists():
                    old.rename(f"{self.path}.{number + 1}{end}")
        self.rotated += 1
        return Path(f"{self.path}.1")

    def copytruncate(self, how: str) -> None:
        if not self.known:
            self.end_line()
        copy = self.shift()
        shutil.copyfile(self.path, copy)
        if how == "kept":
            os.utime(copy, ns=(self.path.stat().st_mtime_ns,) * 2)
        else:
            self.age(copy)
        os.truncate(self.path, 0)
        self.age(self.path, how != "at once")
        if how == "packed":
            self.pack(copy)

    def rename(self, how: str) -> None:
        self.end_line()
        os.close(self.writer)
        copy = self.shift()
        self.path.rename(copy)
        self.open()
        if how == "packed" and self.rotated > 1:
            self.pack(copy)

    def pack(self, copy: Path) -> None:
        packed = copy.with_name(copy.name + ".gz")
        packed.write_bytes(gzip.compress(copy.read_bytes(), 1))
        os.utime(packed, ns=(copy.stat().st_mtime_ns,) * 2)
        copy.unlink()

    def finish(self) -> None:
        self.write(len(TEXT))
        self.look()
        os.close(self.writer)
        self.source._tail.close()

    def steps(self) -> list[int]:
        return self.parsed.column("step").astype(int).tolist()


HOW = st.sampled_from(["", "kept", "packed", "at once"])
ACTIONS = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 3000)),
    st.tuples(st.just("look"), st.sampled_from([1, 2, 1 << 30])),
    st.tuples(st.just("copytruncate"), HOW),
    st.tuples(st.just("rename"), HOW),
    st.tuples(st.just("kill")),
)


@given(actions=st.lists(ACTIONS, max_size=25), append=st.booleans())
@settings(max_examples=120, deadline=None)
def test_whatever_is_done_to_a_log_each_record_is_reported_once_and_in_order(actions, append) -> None:
    with tempfile.TemporaryDirectory() as home:
        log = Watched(home, append=append)
        log.look()
        for name, *arguments in actions:
            getattr(log, name)(*arguments)
        log.finish()
        assert log.steps() == list(range(STEPS))
        assert log.notes.count("run was truncated") == 0


class OnePass:
    """What a parser reports that is fed each text once, and for which a cut is the end of a line."""

    def __init__(self) -> None:
        self.parser, self.parsed = StreamParser(catalogue()), Parsed()
        self.fed, self.is_cut = 0, False

    def feed(self, end: int) -> None:
        if end == self.fed:
            return
        if self.is_cut:
            self.parsed.add(self.parser.break_off())
        self.parsed.add(self.parser.feed(TEXT[self.fed : end]))
        self.fed, self.is_cut = end, False


CUTS = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 400)),
    st.tuples(st.just("look")),
    st.tuples(st.just("cut")),
    st.tuples(st.just("kill")),
)


@given(actions=st.lists(CUTS, max_size=20))
@example(actions=[("write", 500), ("cut",), ("look",), ("kill",), ("look",), ("kill",), ("write", 80)])
@example(actions=[("cut",), ("write", 1), ("cut",), ("kill",)])
@settings(max_examples=60, deadline=None)
def test_a_line_that_was_cut_ends_there_whatever_worker_reads_on(actions) -> None:
    """Nothing is lost here: all was read before each cut, and no rotated file holds more."""
    with tempfile.TemporaryDirectory() as home:
        log, once = Watched(home), OnePass()
        log.look()
        log.write(3000)
        for name, *arguments in actions:
            if name != "cut":
                getattr(log, name)(*arguments)
                continue
            log.look()
            once.feed(log.written)
            if log.path.stat().st_size:
                os.truncate(log.path, 0)
                log.age(log.path)
                once.is_cut = True
        log.finish()
        once.feed(log.written)
        assert log.steps() == once.parsed.column("step").astype(int).tolist()
        assert (log.parsed.lines, log.parsed.unparsed) == (once.parsed.lines, once.parsed.unparsed)


@pytest.fixture
def log(tmp_path):
    made = Watched(str(tmp_path))
    made.write(5000)
    made.look()
    return made


def test_what_was_in_copies_is_read_by_a_later_worker_though_they_were_rotated_and_packed(log) -> None:
    for how in ("packed", "kept", "packed", ""):
        log.write(3000)
        log.copytruncate(how)
    log.kill()
    log.look()
    log.kill()
    log.finish()
    assert log.steps() == list(range(STEPS))
    assert {note.partition(" (")[2] for note in log.notes} == {"run.log) was rotated"}


def test_a_line_that_a_copy_cuts_is_reported_whole_also_by_a_later_worker(log) -> None:
    log.write(TEXT.find(b"loss: ", log.written) + 8 - log.written)
    log.copytruncate("")
    log.write(4)
    log.look()
    assert log.resume.carried.endswith(TEXT[log.written - 6 : log.written - 4])
    log.kill()
    log.copytruncate("kept")
    log.finish()
    assert log.steps() == list(range(STEPS))
    assert log.parsed.column("loss").tolist() == parse(TEXT).column("loss").tolist()


def test_a_copy_that_is_overwritten_each_time_is_read_each_time(log) -> None:
    for _ in range(3):
        log.write(3000)
        shutil.copyfile(log.path, f"{log.path}.1")
        log.age(f"{log.path}.1")
        os.truncate(log.path, 0)
        log.age(log.path)
        log.look()
    log.finish()
    assert log.steps() == list(range(STEPS))


def test_a_file_of_another_process_with_such_a_name_is_no_copy(log) -> None:
    other = log.path.with_name("run_1.log")
    log.write(3000)
    log.copytruncate("")
    other.write_bytes(TEXT[:2000])
    log.age(other)
    log.finish()
    assert log.steps() == list(range(STEPS))


@pytest.mark.parametrize("append", [True, False])
def test_without_a_copy_it_is_reported_what_could_not_be_read(tmp_path, append, monkeypatch) -> None:
    monkeypatch.setattr(feeds, "NEWS", 1e10)  # seconds: what rested for longer is closed
    log = Watched(str(tmp_path), append=append)
    log.write(5000)
    log.look()
    log.write(3000)
    os.truncate(log.path, 0)
    Path(f"{log.path}.1").write_bytes(b"step 7 of another run\n" * 400)
    log.write(1000)
    log.look()
    lost = "" if append else ": 3,000 bytes of it could not be read"
    assert log.notes == [f"{tmp_path.name} (run.log) was truncated{lost}"]


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="needs logrotate")
@pytest.mark.parametrize("options", ["", "compress", "compress\ndelaycompress"])
def test_logrotate_itself_costs_no_record(tmp_path, options) -> None:
    (tmp_path / "logs").mkdir()
    log = Watched(str(tmp_path / "logs"), ages=False)
    config = tmp_path / "logrotate.conf"
    config.write_text(f"{log.path} {{\nsu root root\nrotate 9\ncopytruncate\n{options}\n}}\n")
    os.chmod(config, 0o644)
    for number in range(6):
        log.write(3000)
        if number % 3:
            log.look()
        log.write(3000)
        subprocess.run(["logrotate", "-f", "-s", tmp_path / "state", config], check=True)
        if number % 2:
            log.kill()
    log.finish()
    assert log.steps() == list(range(STEPS))
