"""What a worker reads, and what its replacement goes on with: the same records as in one pass."""

from __future__ import annotations

import json
import os
import random
import time
from types import SimpleNamespace

import msgspec
import pytest

from runwatch.watcher.checkpoints import directory as checkpoints_module
from runwatch.watcher.engine import engine as engine_module
from runwatch.watcher.ingest import wire
from runwatch.watcher.ingest.directories import FIRST_LOOK, RAREST, DirectorySource
from runwatch.watcher.ingest.feeds import PREVIEW_BYTES, LogSource
from runwatch.watcher.ingest.worker import Reader
from runwatch.watcher.sources.discover import find
from runwatch.watcher.sources.tail import Tail

from ..parsers import trackers
from ..parsers.logs import Parsed, hf, nanochat
from ..parsers.structured import metrics_csv, read, trainer_log


class Engine:
    """Takes what one worker after the other sends about one file."""

    def __init__(self, path):
        self.path = path
        self.parsed = Parsed()
        self.notes = []
        self.previews = []
        self.written = self.resume = None
        self.start()

    def start(self):
        """Begin anew with what the last worker said; it travels as JSON."""
        (found,) = find([str(self.path)], wait=True)
        setup = wire.Setup((os.fsencode(self.path),), {"it": self.resume} if self.resume else {})
        setup = msgspec.json.decode(msgspec.json.encode(setup), type=wire.Setup)
        self.source = LogSource(found, setup.resume.get("it"))

    def take(self, message):
        if isinstance(message, wire.Read):
            self.parsed.add(message.batch)
            self.resume, self.written = message.resume, message.written
        elif isinstance(message, wire.Preview):
            self.previews.append(message)
        else:
            self.notes.append(message)

    def read(self):
        while self.source.step(self.take):
            pass


FILES = {
    "wandb": ("run-a.wandb", trackers.wandb_log(300, code=0)),
    "tfevents": ("events.out.tfevents.1", trackers.event_file(300)),
    "csv": ("metrics.csv", metrics_csv(300)),
    "json lines": ("metrics.jsonl", trainer_log(300)),
    "episodes": ("monitor.csv", b"r,l,t\n" + b"".join(b"%d.5,%d,%d.25\n" % (i, i, i) for i in range(300))),
}


TRACE = b"""Traceback (most recent call last):
  File "train.py", line 10, in <module>
    main()
  File "train.py", line 5, in main
    load()
ValueError: bad shard
"""


def tqdm(steps):
    return b"".join(
        b"\rEpoch 0:  22%%|##  | %d/%d [00:17<01:02, 4.47s/it, loss=%.3f]"
        % (step // 3, steps, 9 / (1 + step // 3))
        for step in range(3 * steps)
    )


def unknown(steps):
    return b"hello\n" * 30 + b"".join(
        b"[worker] update=%d of %d cross-entropy-loss=%.5f speed=%.2f\n"
        % (s, steps, 4 / (1 + s), 9.5 + s % 3)
        for s in range(steps)
    )


def boxes(rows):
    return b"".join(
        b"-----------------------------------\n| rollout/           |            |\n"
        b"|    ep_rew_mean     | %.1f        |\n| time/              |            |\n"
        b"|    total_timesteps | %d         |\n-----------------------------------\n"
        % (row * 1.5, row * 2048)
        for row in range(1, rows)
    )


LOGS = {
    "tracebacks": b"".join(line + b"\n" + TRACE for line in nanochat(60).splitlines()),
    "bars": tqdm(80),
    "hf": hf(120),
    "learnt": unknown(120),
    "boxes": boxes(60),
    "utf-16": nanochat(200).decode("utf-8", "replace").encode("utf-16"),
    "overlong": b"x" * 200_000 + b"\n" + nanochat(30),
}


@pytest.mark.few(3)
@pytest.mark.parametrize("times", [1, pytest.param(9, marks=pytest.mark.deep)])
@pytest.mark.parametrize("kind", LOGS)
def test_replaced_workers_report_of_a_log_what_one_would_have(tmp_path, kind, times):
    """Also where what one line means is said by lines before it."""
    data, rng = LOGS[kind], random.Random(kind)
    for _ in range(times):
        cuts = sorted(rng.randrange(len(data)) for _ in range(12))
        once = grown(tmp_path / "run.log", data, cuts, restarts=False)
        many = grown(tmp_path / "run.log", data, cuts, restarts=True)
        many.parsed.same_as(once.parsed)
        rested = grown(tmp_path / "run.log", data, cuts, rests=rng)
        rested.parsed.same_as(once.parsed)
        old = grown(tmp_path / "run.log", data, cuts, old=True)
        old.parsed.same_as(once.parsed)


def grown(path, data, cuts, *, restarts=False, rests=None, old=False):
    """Return what was read of a file that grew to each of `cuts`, by one worker or by many.

    Or by one that closes the file in between, and lets go of its parser, as `rests` has it.
    `old`: each time the file was written long ago, so that its parser is let go at once.
    """
    path.write_bytes(b"")
    engine, before, let_go = Engine(path), 0, 0
    for cut in [*cuts, len(data)]:
        with path.open("ab") as file:
            file.write(data[before:cut])
        before = cut
        if old:
            os.utime(path, (1e9 + cut, 1e9 + cut))
        engine.read()
        let_go += old and not engine.source.is_parsing
        if restarts:
            engine.start()
        for leave in (engine.source.close, engine.source.rest):
            if rests is not None and rests.random() < 0.7:
                assert leave()
                assert not engine.source.files
    assert bool(let_go) == old
    return engine


@pytest.mark.few(2)
@pytest.mark.parametrize("kind", FILES)
def test_replaced_workers_report_what_one_would_have(tmp_path, kind):
    name, data = FILES[kind]
    rng = random.Random(kind)
    for _ in range(3):
        cuts = sorted(rng.randrange(len(data)) for _ in range(12))
        once = grown(tmp_path / name, data, cuts, restarts=False)
        many = grown(tmp_path / name, data, cuts, restarts=True)
        assert once.parsed.format == many.parsed.format
        many.parsed.same_as(once.parsed)
        grown(tmp_path / name, data, cuts, rests=rng).parsed.same_as(once.parsed)
        once.parsed.add(once.source._parser.flush())
        assert len(once.parsed.column("step")) == len(read(data).column("step"))


@pytest.mark.parametrize("kind", ["wandb", "tfevents"])
def test_another_file_in_its_place_is_read_from_its_beginning(tmp_path, kind):
    name, data = FILES[kind]
    other = {"wandb": trackers.wandb_log(950), "tfevents": trackers.event_file(400, first=50)}[kind]
    path = tmp_path / name
    path.write_bytes(data)
    engine = Engine(path)
    engine.read()
    first = len(engine.parsed.column("step"))
    (tmp_path / "new").write_bytes(other[:40_000])
    path.unlink()
    os.rename(tmp_path / "new", path)
    engine.start()
    engine.read()
    engine.start()
    with path.open("ab") as file:
        file.write(other[40_000:])
    engine.read()
    assert len([note for note in engine.notes if isinstance(note, wire.Note)]) == 1
    steps = engine.parsed.column("step")[first:]
    assert steps.tolist() == read(other).column("step").tolist()


@pytest.mark.few(1)
@pytest.mark.parametrize("kind", ["wandb", "tfevents"])
def test_a_long_trackers_file_shows_its_newest_values_first(tmp_path, kind):
    many = {"wandb": trackers.wandb_log, "tfevents": trackers.event_file}[kind](4000)
    path = tmp_path / FILES[kind][0]
    path.write_bytes(many)
    assert len(many) > PREVIEW_BYTES
    engine = Engine(path)
    assert engine.source.step(engine.take)
    (preview,) = engine.previews
    shown = Parsed()
    shown.add(preview.batch)
    assert shown.format == kind
    assert shown.column("step")[-1] == 3999
    assert preview.written == pytest.approx(1.7e9 + {"wandb": 4000 / 3, "tfevents": 3999}[kind], abs=3000)
    engine.read()
    assert engine.parsed.column("step").tolist() == list(range(4000))


def test_the_age_of_a_trackers_file_is_that_of_its_newest_row(tmp_path):
    """Not of its statistics of the machine, which are 7 s old here: they go on when the training hangs."""
    path = tmp_path / "run-a.wandb"
    path.write_bytes(trackers.wandb_log(9))
    engine = Engine(path)
    engine.read()
    assert engine.written == pytest.approx(1.7e9 + 8 / 3)


class Blocks(Engine):
    """One whose worker reads blocks of 4 KiB; what it told of, batch by batch."""

    def __init__(self, path, monkeypatch):
        resume = Tail.resume
        monkeypatch.setattr(Tail, "resume", lambda path, position: resume(path, position, block=4096))
        self.batches = []
        super().__init__(path)

    def take(self, message):
        super().take(message)
        if isinstance(message, wire.Read):
            self.batches.append(message.batch)

    @property
    def steps(self):
        return self.parsed.column("step").tolist()


@pytest.fixture
def history(tmp_path, monkeypatch):
    path = tmp_path / "run-a.wandb"
    path.write_bytes(trackers.wandb_log(900, code=0))
    return Blocks(path, monkeypatch)


def test_history_is_reported_in_few_batches(history):
    history.read()
    assert len(history.batches) == 1 < history.path.stat().st_size / 4096
    assert history.steps == list(range(900))


def test_history_that_was_not_reported_yet_is_read_again_by_a_replacement(history):
    for _ in range(3):
        assert history.source.step(history.take)
    assert not history.batches
    history.start()
    history.read()
    assert history.steps == list(range(900))


def test_history_that_was_read_is_reported_when_there_is_no_file_any_more(history):
    for _ in range(3):
        history.source.step(history.take)
    history.path.unlink()
    history.path.mkdir()
    history.source.step(history.take)
    assert history.source.problem == "a directory cannot be followed as a log"
    assert 0 < len(history.steps) < 900
    assert history.steps == list(range(len(history.steps)))


def lightning(rows):
    return b"epoch,step,train_loss_step,lr\n" + b"".join(
        b"0,%d,%r,nan\n" % (step, 3 / (1 + step)) for step in range(rows)
    )


def arrays(rows):
    steps = list(range(rows))
    return json.dumps(
        {"steps": steps, "train_loss": [float("nan") if s == 3 else 3 / (1 + s) for s in steps]}, indent=1
    ).encode()


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("atomic", [False, True])
@pytest.mark.parametrize(("name", "make"), [("metrics.csv", lightning), ("training_metrics.json", arrays)])
def test_a_file_written_again_shows_each_row_once(tmp_path, name, make, atomic, restarts):
    path, counts = tmp_path / name, (4, 5, 30, 30, 31, 90)
    engine = None
    for rows in counts:
        if atomic:
            (tmp_path / "part").write_bytes(make(rows))
            os.replace(tmp_path / "part", path)
        else:
            path.write_bytes(make(rows))
        engine = engine or Engine(path)
        engine.read()
        if restarts:
            engine.start()
    assert engine.parsed.column("step").tolist() == list(range(90))


def test_a_file_written_again_in_pieces_shows_each_row_once(tmp_path):
    path = tmp_path / "training_metrics.json"
    path.write_bytes(arrays(10))
    engine = Engine(path)
    engine.read()
    data = arrays(25)
    path.write_bytes(b"")
    for at in range(0, len(data), 300):
        with path.open("ab") as file:
            file.write(data[at : at + 300])
        engine.read()
        engine.start()
    assert engine.parsed.column("step").tolist() == list(range(25))


def test_another_run_in_the_same_file_is_reported_whole(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_bytes(lightning(9))
    engine = Engine(path)
    engine.read()
    engine.start()
    path.write_bytes(lightning(12).replace(b"0,0,3.0", b"0,0,9.0"))
    engine.read()
    assert engine.parsed.column("step").tolist() == [*range(9), *range(12)]


def test_a_directory_of_very_many_checkpoints_is_shown_before_all_were_looked_at(tmp_path):
    count = 2 * FIRST_LOOK
    for step in range(count):
        (tmp_path / f"ckpt_step{step}.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    (found,) = find([str(tmp_path)])
    source, said = DirectorySource(found), []
    assert source.step(said.append)
    assert not source.step(said.append)
    first, second = said
    assert {c.step for c in first.look.changes} == set(range(FIRST_LOOK, count))
    assert (first.partial, second.partial) == (True, False)
    assert first.live == second.live is False
    assert second.look.present == count
    assert {c.step for c in second.look.changes} == set(range(count))  # a first look tells of all


@pytest.mark.parametrize("again", [False, True], ids=["first", "after a restart"])
def test_of_very_many_checkpoints_none_is_taken_for_deleted(tmp_path, again):
    top = tmp_path / "out"  # a test's own directory may be called like a checkpoint
    top.mkdir()
    for step in range(2 * FIRST_LOOK):
        (top / f"ckpt_step{step}.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    (found,) = find([str(top)])
    engine = engine_module.Engine()
    engine.add_source("it", "it", str(top), found.member)
    for _ in range(1 + again):
        source, said = DirectorySource(found), []
        while source.step(said.append):
            pass
        for each in said:
            place = {"live": each.live, "arrival": each.arrival, "partial": each.partial}
            engine.look("it", each.look, each.sidecars, **place)
            (watched,) = engine.sources["it"][0].runs
            assert watched.run.checkpoints.summary().deleted == 0
        assert watched.run.checkpoints.summary().present == 2 * FIRST_LOOK


def test_more_checkpoints_than_are_remembered_are_looked_at_in_peace(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints_module, "MAX_KNOWN", FIRST_LOOK + 5)
    top = tmp_path / "out"  # a test's own directory may be called like a checkpoint
    top.mkdir()
    for step in range(2 * FIRST_LOOK):
        (top / f"ckpt_step{step}.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    (found,) = find([str(top)])
    source, said = DirectorySource(found), []
    assert [source.step(said.append) for _ in range(3)] == [True, False, False]


def test_an_old_directory_is_looked_at_rarely_until_its_log_grows(tmp_path, monkeypatch):
    log, saved = tmp_path / "run" / "train.log", tmp_path / "run" / "checkpoints"
    saved.mkdir(parents=True)
    log.write_bytes(nanochat(9))
    (saved / "ckpt_step8.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    long_ago = time.time() - 30 * 86_400
    os.utime(saved / "ckpt_step8.safetensors", (long_ago, long_ago))
    clock, said = time.monotonic(), []
    times = SimpleNamespace(
        monotonic=lambda: clock, time=time.time
    )  # its own: others' budgets are by the clock
    monkeypatch.setattr("runwatch.watcher.ingest.directories.time", times)
    reader = Reader(wire.Setup((os.fsencode(tmp_path),)))

    def reported() -> list[int]:
        said.clear()
        while reader.sweep(said.append):
            pass
        return [c.step for each in said if isinstance(each, wire.Looked) for c in each.look.changes]

    assert reported() == [8]
    (saved / "ckpt_step9.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    clock += RAREST - 1
    assert reported() == []
    with log.open("ab") as file:
        file.write(nanochat(12)[len(nanochat(9)) :])
    assert reported() == [9]


@pytest.mark.parametrize("name", ["checkpoint-5/trainer_state.json", "metrics.csv"])
def test_what_is_deleted_with_its_checkpoint_is_not_waited_for(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(
        FILES["csv"][1] if name == "metrics.csv" else b'{"log_history": [{"step": 1, "loss": 2.0}]}'
    )
    engine = Engine(path)
    engine.read()
    path.unlink()
    engine.read()
    told = [note.message for note in engine.notes if isinstance(note, wire.Trouble)]
    assert told == (
        [] if "trainer_state" in name else [f"waiting for {tmp_path.name} (metrics.csv): it is gone"]
    )


@pytest.mark.parametrize("name", ["training_metrics.json", "train.log"])
def test_that_a_document_is_written_again_is_no_news(tmp_path, name):
    path, line = tmp_path / name, b"step %05d/00100 (1.00%%) | loss: 2.5 | dt: 10ms\n"
    texts = (
        [json.dumps({"train_loss": [2.5] * n, "steps": list(range(n))}).encode() for n in (30, 31)]
        if name.endswith(".json")
        else [line % 1 * 9, line % 2 * 9]
    )
    path.write_bytes(texts[0])
    engine = Engine(path)
    engine.read()
    path.write_bytes(texts[1])
    engine.read()
    notes = [note.message for note in engine.notes if isinstance(note, wire.Note)]
    assert notes == (
        [] if name.endswith(".json") else [f"{tmp_path.name} (train.log) was rewritten in place"]
    )


def test_a_log_that_rests_shows_what_its_parser_holds_back_once(tmp_path):
    path = tmp_path / "run.log"
    path.write_bytes(tqdm(8))
    os.utime(path, (1e9, 1e9))
    engine = Engine(path)
    engine.read()
    (told,) = (note for note in engine.notes if isinstance(note, wire.Provisional))
    shown = Parsed()
    shown.add(told.batch)
    assert shown.column("step").tolist()[-1] == 7
    engine.source.step(engine.take)
    assert [note for note in engine.notes if isinstance(note, wire.Provisional)] == [told]


def test_a_log_that_can_be_read_at_its_first_look_is_seen_again(tmp_path):
    """The opening reports that it cannot be read: only the first look can take that back."""
    log = tmp_path / "train.log"
    log.write_bytes(nanochat(5))
    engine = Engine(log)
    engine.read()
    aside = log.rename(tmp_path / "aside")
    log.symlink_to(log)
    engine.start()
    assert engine.source.problem, "no link to itself can be opened"
    log.unlink()
    aside.rename(log)
    engine.notes.clear()
    engine.read()
    assert [note.why for note in engine.notes if isinstance(note, wire.Sight)] == [""]
