"""A recording gives what the live watch found, whatever happens while it is written."""

from __future__ import annotations

import json
import os
import random
import resource
import threading
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core import sample
from runwatch.core.errors import SourceError
from runwatch.watcher.engine.check import check
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.ingest import wire
from runwatch.watcher.ingest.feeds import LogSource
from runwatch.watcher.persistence.keeper import Keeper
from runwatch.watcher.recordings import entries
from runwatch.watcher.recordings.file import HEAD, Writer, read
from runwatch.watcher.recordings.recorder import Recorder
from runwatch.watcher.service.intake import Intake
from runwatch.watcher.sources import discover
from tests.cli.command import called, runwatch
from tests.daemon.live import Daemon, until

from .logs import NOW, incidents, log_of, played, stamped


class Live:
    """An engine that watches a log as the service does, and records that."""

    def __init__(self, folder: Path, recording: Path) -> None:
        self.log = folder / "train.log"
        self.log.write_text("")
        self.engine = Engine()
        self.now = NOW
        self.said: list[str] = []
        self.recorder = Recorder(str(recording), NOW, self.said.append)
        self._intake = Intake(self.engine, Keeper(None, self.engine, self.said.append), self)
        self._source = LogSource(discover.find([str(self.log)], wait=True)[0])
        self._receive(
            wire.Opened(
                self._source.id, self._source.name, os.fsencode(self.log), 0, NOW, self._source.member
            )
        )

    def write(self, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        with open(self.log, "a") as file:
            file.write(text)
        os.utime(self.log, (self.now, self.now))
        monkeypatch.setattr("runwatch.watcher.ingest.feeds.time.time", lambda: self.now)
        while self._source.step(self._receive):
            pass

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        self.recorder.ticked(self.now, list(self.engine.groups))
        self.engine.tick(self.now, list(self.engine.groups))

    def sample(self, values: dict[str, float]) -> None:
        (group,) = self.engine.groups
        message = sample.Sample(self.now, values)
        self.recorder.sampled(group, message, self.now)
        self.engine.sample(group, message)

    def _receive(self, message: wire.Message) -> None:
        message = wire.decode(wire.encode(message))
        self.recorder.took(message, self.now)
        self._intake.receive(message, self.now)

    def changed(self, changes): ...
    def notice(self, text): ...
    def wake(self, *, at_once=False): ...
    def found(self, source, group): ...
    def forgotten(self, group_id): ...
    def whole(self): ...
    def give_up(self, why): ...


events = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 9)),
        st.tuples(st.just("cut"), st.integers(1, 30)),
        st.tuples(st.just("wait"), st.sampled_from([0.3, 1.0, 7.25, 700.0])),
        st.tuples(st.just("sample"), st.floats(0, 1)),
        st.tuples(st.just("nan"), st.just(1)),
    ),
    min_size=5,
    max_size=40,
)


def watch(live: Live, happened: list[tuple[str, float]], monkeypatch: pytest.MonkeyPatch) -> None:
    step, rest = 0, ""
    for kind, amount in happened:
        if kind in ("write", "nan"):
            text = rest
            for _ in range(int(amount)):
                step += 1
                text += f"step {step}/1000 loss {'nan' if kind == 'nan' else 5 / step} step_time 1.0\n"
            rest = ""
            live.write(text, monkeypatch)
        elif kind == "cut":  # a line comes in two parts
            step += 1
            line = rest + f"step {step}/1000 loss {5 / step} step_time 1.0\n"
            rest = line[int(amount) :]
            live.write(line[: int(amount)], monkeypatch)
        elif kind == "wait":
            for _ in range(3):
                live.pass_(amount)
        else:
            live.sample({"host/cpu": amount, "gpu/0/util": 0.5, "gpu/0/memory_used": 1e9})


@settings(deadline=None)
@given(happened=events)
def test_a_recording_gives_the_incidents_of_the_live_watch(tmp_path_factory, happened):
    folder = tmp_path_factory.mktemp("live")
    with pytest.MonkeyPatch.context() as monkeypatch:
        live = Live(folder, folder / "watch.rec")
        watch(live, happened, monkeypatch)
        live.recorder.close()
    assert live.said == []
    player = played(folder / "watch.rec", [0.2, 0.7])
    assert incidents(player.engine) == incidents(live.engine)
    mine, theirs = (next(iter(engine.groups.values())) for engine in (player.engine, live.engine))
    assert mine.lines == theirs.lines
    assert mine.written == theirs.written
    assert [w.run.last_step for w in mine.runs] == [w.run.last_step for w in theirs.runs]
    for name in ("host/cpu", "gpu/0/util", "gpu/0/memory_used"):
        assert mine.machine.value(name, live.now, 1e9) == theirs.machine.value(name, live.now, 1e9)


def test_a_hang_that_was_seen_live_is_seen_in_the_replay(tmp_path, monkeypatch):
    live = Live(tmp_path, tmp_path / "watch.rec")
    watch(live, [("write", 1), ("wait", 1.0)] * 40 + [("wait", 700.0)], monkeypatch)
    live.recorder.close()
    assert "hang" in {row["rule"] for row in incidents(live.engine)}
    assert incidents(played(tmp_path / "watch.rec").engine) == incidents(live.engine)
    of_log = incidents(played(live.log).engine)  # which does not say when a line came
    assert of_log == incidents(check([str(live.log)])) != incidents(live.engine)


@pytest.mark.deep
def test_a_torn_end_costs_what_was_not_written_yet(tmp_path, monkeypatch):
    recording = tmp_path / "watch.rec"
    live = Live(tmp_path, recording)
    watch(live, [("write", 3), ("wait", 2.0)] * 60, monkeypatch)  # and no close: it was killed
    live.recorder._writer.flush().wait(60)
    whole = recording.read_bytes()
    live.recorder.close()
    counts, steps = [], []
    for size in range(len(HEAD), len(whole) + 1, 101):
        recording.write_bytes(whole[:size])
        counts.append(len(list(read(str(recording)))))
        if counts[-1]:
            runs = [watched.run.last_step for _, watched in played(recording).engine.runs()]
            steps.append(runs[0] if runs else 0)
    assert counts == sorted(counts)
    assert steps == sorted(steps)
    assert len(set(steps)) > 5  # it plays up to the cut
    recording.write_bytes(whole)
    assert len(list(read(str(recording)))) > 60
    assert [watched.run.last_step for _, watched in played(recording).engine.runs()] == [180]


def test_a_watch_that_begins_in_the_middle_of_a_log_can_be_played_from_its_beginning(tmp_path, monkeypatch):
    """As of a daemon that was restarted: it reads on where it stopped."""
    live = Live(tmp_path, tmp_path / "watch.rec")
    watch(live, [("write", 5), ("wait", 1.0)] * 10, monkeypatch)
    opened_ = next(e.message for e in read(_written(live)) if type(e).__name__ == "Took")
    live.recorder.close()
    live.recorder = Recorder(str(tmp_path / "watch.rec"), live.now, live.said.append)
    assert (
        live.said.pop() == f"{tmp_path}/watch.rec is a recording already: this one is {tmp_path}/watch-2.rec"
    )
    live.recorder.took(opened_, live.now)
    for step in range(51, 61):
        live.write(f"step {step}/1000 loss {5 / step} step_time 1.0\n", monkeypatch)
        live.pass_(1.0)
    live.recorder.close()
    (run,) = (watched.run for _, watched in played(tmp_path / "watch-2.rec").engine.runs())
    assert (run.records, run.last_step) == (60, 60)


def _written(live: Live) -> str:
    assert live.recorder._writer.flush().wait(60)
    return live.recorder._writer.path


def test_a_slow_disk_holds_nothing_up_and_ends_the_recording(tmp_path, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr("runwatch.watcher.recordings.file.MOST_WAITING", 500)
    monkeypatch.setattr(Writer, "_put", lambda self: release.wait())
    live = Live(tmp_path, tmp_path / "watch.rec")
    watch(live, [("write", 5), ("wait", 1.0)] * 40, monkeypatch)
    assert live.said == [f"the recording ends here: {tmp_path}/watch.rec: the disk is too slow"]
    (run,) = (watched.run for _, watched in live.engine.runs())
    assert run.last_step == 200
    release.set()
    live.recorder.close()


def test_a_full_disk_ends_the_recording_in_one_line_and_not_the_watch(tmp_path, monkeypatch):
    recording, noise = tmp_path / "watch.rec", random.Random(1)
    live = Live(tmp_path, recording)
    watch(live, [("write", 9)], monkeypatch)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        for _ in range(600):
            live.sample({"host/cpu": noise.random(), "gpu/0/util": noise.random()})
            live.pass_(6.0)
        live.recorder.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert live.said == [f"the recording ends here: {recording}: File too large"]
    watch(live, [("write", 9)], monkeypatch)
    assert recording.stat().st_size == 4096
    assert len(list(read(str(recording)))) > 100
    assert played(recording).engine.groups


@pytest.mark.deep
def test_a_daemon_records_and_after_a_kill_the_next_one_records_with_a_number(tmp_path):
    log, lines = tmp_path / "train.log", [f"step {step}/300 loss {5 / step}\n" for step in range(1, 301)]

    def played_to(recording: str) -> int:
        try:
            runs = [watched.run.last_step for _, watched in played(tmp_path / recording).engine.runs()]
        except SourceError:  # nothing is there yet
            return 0
        return (runs[0] or 0) if runs else 0

    log.write_text("".join(lines[:100]))
    for recording, step in (("w.rec", 200), ("w-2.rec", 300)):
        with Daemon(tmp_path, log, "--record", "w.rec") as daemon:
            with log.open("a") as file:
                file.write("".join(lines[step - 100 : step]))
            until(lambda recording=recording, step=step: played_to(recording) == step)
            daemon.process.kill()
            daemon.process.communicate()
    assert (played_to("w.rec"), played_to("w-2.rec")) == (200, 300)


@pytest.mark.deep
def test_run_records_and_the_command_is_not_disturbed(tmp_path):
    program = "for s in range(1, 41): print(f'step {s}/40 loss {5 / s}', flush=True); time.sleep(0.01)"
    arguments = (
        "run",
        "--record",
        "w.rec",
        "--log",
        "train.log",
        "--",
        "python3",
        "-c",
        f"import time\n{program}",
    )
    done = runwatch(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (run,) = (watched.run for _, watched in played(tmp_path / "w.rec").engine.runs())
    assert (run.records, run.last_step) == (40, 40)
    (tmp_path / "other.rec").write_text("mine")
    refused = runwatch("run", "--record", "other.rec", "--", "touch", "ran", cwd=tmp_path)
    assert (refused.returncode, (tmp_path / "ran").exists()) == (2, False)
    assert refused.stderr == "runwatch: cannot record: other.rec: File exists\n"


def test_logs_are_kept_by_reference_and_the_file_is_small(tmp_path, monkeypatch):
    recording = tmp_path / "watch.rec"
    live = Live(tmp_path, recording)
    watch(live, [("write", 1), ("wait", 0.3), ("sample", 0.5)] * 100, monkeypatch)
    live.recorder.close()
    kinds = [type(entry).__name__ for entry in read(str(recording))]
    assert kinds.count("Lines") > 80
    assert kinds.count("Took") < 10
    assert recording.stat().st_size < 6_000


def test_another_log_in_its_place_is_said(tmp_path, monkeypatch):
    live = Live(tmp_path, tmp_path / "watch.rec")
    watch(live, [("write", 5), ("wait", 1.0)] * 10, monkeypatch)
    live.recorder.close()
    log = live.log.read_text()
    for text, says in ((log.replace("loss", "cost"), "not the log"), (log[:40], "shorter than")):
        live.log.write_text(text)
        with pytest.raises(SourceError, match=says):
            played(tmp_path / "watch.rec")
    live.log.unlink()
    with pytest.raises(SourceError, match="next to the recording"):
        played(tmp_path / "watch.rec")
    other = tmp_path / "other"
    other.mkdir()
    (other / "train.log").write_text(log)
    (tmp_path / "watch.rec").rename(other / "watch.rec")
    assert played(other / "watch.rec").engine.groups


def test_a_recording_is_never_written_over_a_file(tmp_path):
    (tmp_path / "train.log").write_text("step 1 loss 0.5\n")
    done = called("tail", tmp_path / "train.log", "--headless", "--exit", "--record", tmp_path / "train.log")
    assert done.returncode == 2
    assert "cannot record" in done.stderr
    assert (tmp_path / "train.log").read_text() == "step 1 loss 0.5\n"


@pytest.mark.deep
def test_tail_records_and_replay_shows_what_it_showed(tmp_path):
    log = log_of(tmp_path, stamped(60, 30))
    recording = tmp_path / "watch.rec"
    seen = called("tail", log, "--headless", "--json", "--exit", "--interval", "1", "--record", recording)
    assert seen.returncode == 1, seen.stderr
    again = called("replay", recording, "--headless", "--json", "--speed", "max", "--interval", "1")
    assert "times of arrival that were recorded" in again.stderr
    found = [
        [body["incident"] for body in map(json.loads, done.stdout.splitlines()) if body["type"] == "incident"]
        for done in (seen, again)
    ]
    assert found[0]
    keys = ("rule", "severity", "title", "step", "line")
    assert [[row[key] for key in keys] for row in found[1]] == [
        [row[key] for key in keys] for row in found[0]
    ]
    kinds = [type(entry).__name__ for entry in read(str(recording))]
    assert "Lines" in kinds  # the history is kept by reference
    assert recording.stat().st_size < 8192


@pytest.mark.parametrize(
    "entry",
    [
        entries.Lines(entries.bits(NOW), 3, 10, True, False, 0),
        entries.Lines(entries.bits(NOW), 0, 10, True, False, 0, 1 << 62),
        entries.Changed(entries.bits(NOW), 7, {0: 1.0}),
        entries.Changed(entries.bits(NOW), 0, {9: 1.0}),
        entries.Began(entries.bits(float("nan")) - entries.bits(NOW), 1, "", None),
        entries.Began(-entries.bits(NOW) - 1, 1, "", None),
        entries.Began((1 << 64) - 1, 1, "", None),
        b"\x80" * 40,
    ],
)
def test_entries_that_do_not_fit_together_are_damage(tmp_path, entry):
    opening = wire.Opened("/x/train.log", "train", os.fsencode(log_of(tmp_path, stamped(9, 9))), 0)
    machine = sample.Sample(NOW, {"cpu": 0.5})
    begun = entries.Took(entries.bits(NOW), opening), entries.Sampled(0, "/x/train.log", machine)
    bodies = [entries.encode(each) for each in begun]
    text = b"".join(bytes([len(body) & 127 | 128, len(body) >> 7]) + body for body in bodies)
    if not isinstance(entry, bytes):
        body = entries.encode(entry)
        entry = bytes([len(body)]) + body
    path = tmp_path / "watch.rec"
    path.write_bytes(HEAD + zlib.compress(text + entry))
    with pytest.raises(SourceError, match="the recording is damaged"):
        played(path)
