"""What headless mode says to people: each news once, a verdict at the end, and when nothing will come."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from runwatch.cli.headless import Printer
from runwatch.parsers.log import LogParser
from runwatch.parsers.stream import StreamParser
from runwatch.render.glyphs import ASCII
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.headless import Headless
from runwatch.watcher.engine.views.views import Shown

from .command import called, runwatch
from .live import WAIT, Log

INCIDENT = {
    "rule": "nonfinite", "severity": "critical", "metric": "train/loss", "rank": None, "step": 7,
    "line": 8, "title": "loss is NaN", "cause": "grad norm before it",
}  # fmt: skip


def progress(phase="training", step=5, **metrics):
    return {
        "type": "progress", "run": "r", "phase": phase, "step": step, "total": 10, "progress": step / 10,
        "eta_seconds": 60.0, "metrics": {"train/loss": 2.5, **metrics},
    }  # fmt: skip


def incident(change="firing", **other):
    return {"type": "incident", "run": "r", "change": change, "incident": {**INCIDENT, **other}}


def end(state="finished", code=0):
    return {"type": "end", "run": "r", "state": state, "exit_code": code}


def said(printer, *bodies):
    """The lines without their time of day."""
    return [line[9:] for body in bodies if (line := printer.text(body))]


def test_the_end_is_one_line():
    lines = said(Printer(False), progress(step=9), progress("finished", 10), progress("finished", 10), end())
    assert lines == [
        "r: training  step 9/10  90.0%  ETA 1m 00s  loss 2.500",
        "✓ r: finished  step 10/10  100%  loss 2.500  no findings",
    ]


def test_no_share_is_rounded_up_to_the_whole():
    almost = {**progress(step=9), "progress": 0.9996}
    assert said(Printer(False), almost) == ["r: training  step 9/10  99.9%  ETA 1m 00s  loss 2.500"]
    done = {**progress("finished", 9), "progress": 1.0}
    assert said(Printer(False), done, end())[-1].startswith("✓ r: finished  all 10 steps  100%")


def test_while_a_history_is_read_its_newest_values_are_told_now_and_then():
    engine = Engine()
    shown = Shown(engine.add_source("a.wandb", "a", "a.wandb"))
    shown.backlogs["a.wandb"], shown.left = 4000, 3000
    stream = Headless(engine, interval=10.0, every=None)
    assert list(stream.previews([shown], 0.0)) == []
    lines = "".join(f"step {n:05d}/10000 (0.10%) | loss: 2.500000 | dt: 10.00ms\n" for n in range(50, 90))
    shown.take_preview("a.wandb", StreamParser().feed(lines.encode()), None)
    (first,) = stream.previews([shown], 0.0)
    assert (first["type"], first["run"], first["step"], first["history"]) == ("preview", "a", 89, 0.25)
    assert first["metrics"]["train/loss"] == 2.5
    assert said(Printer(False), first) == [
        "a: reading history, 25%; newest: step 89/10,000  0.9%  ETA 1m 39s  loss 2.500  step time 10.0 ms"
    ]
    assert list(stream.previews([shown], 9.9)) == []
    assert len(list(stream.previews([shown], 10.0))) == 1
    shown.read("a.wandb", 0)
    assert list(stream.previews([shown], 99.0)) == []


def test_what_has_not_changed_is_not_repeated():
    assert len(said(Printer(False), progress(), progress(), progress(step=6))) == 2
    assert len(said(Printer(True), progress(), progress())) == 2


def test_the_verdict_counts_each_finding_once():
    printer = Printer(False)
    found = [incident(), incident("resolved"), incident(step=9), incident(rule="hang", severity="warning")]
    found.append(incident(rule="finished", severity="info"))
    lines = said(printer, *found, end("crashed", 1))
    assert lines[0] == "▲ CRITICAL r: nonfinite: loss is NaN (line 8): grad norm before it"
    assert lines[1] == "✓ RESOLVED r: nonfinite: loss is NaN (line 8)"
    assert lines[-1] == "▲ r: crashed  2 critical, 1 warning"


def test_what_follows_from_a_finding_is_said_with_it_and_not_counted():
    printer = Printer(False)
    lines = said(printer, incident(), {**incident(rule="validation"), "symptom": True}, end("crashed", 1))
    assert lines[1] == "○ WITH IT r: validation: loss is NaN (line 8): grad norm before it"
    assert lines[-1] == "▲ r: crashed  1 critical"
    printer = Printer(False)
    lines = said(printer, incident(), {**incident(), "symptom": True}, end("crashed", 1))
    assert lines[-1] == "▲ r: crashed  no findings", "its cause was found later"


def test_a_renamed_run_keeps_its_findings():
    named = {"id": "1", "run": "r"}
    bodies = [
        {**incident(), **named},
        {"type": "renamed", "id": "1", "run": "a/r", "former": "r"},
        {**end("crashed", 1), "id": "1", "run": "a/r"},
    ]
    assert said(Printer(False), *bodies)[1:] == ["r: now named a/r", "▲ a/r: crashed  1 critical"]


def test_ascii_lines():
    bodies = [progress(), incident(title="loss is NaN – 损失"), incident("resolved"), end("unknown")]
    assert all(line.isascii() for line in said(Printer(False, ASCII), *bodies))


def run(*arguments, stdin=None):
    return subprocess.run(
        [sys.executable, "-m", "runwatch", *map(str, arguments)],
        input=stdin, capture_output=True, text=True, timeout=WAIT, check=False,
    )  # fmt: skip


def test_standard_input_without_a_run_ends_with_a_verdict():
    done = run("tail", "-", "--headless", stdin="hello\nworld\n")
    assert done.returncode == 3
    assert "stdin: no training run found" in done.stdout.splitlines()[-1]


@pytest.mark.deep
def test_the_end_of_standard_input_is_the_end_of_its_run(tmp_path):
    log = Log(tmp_path / "train.log")
    log.steps(20)
    done = run("tail", "-", "--headless", stdin=log.path.read_text())
    assert done.returncode == 0
    assert "ended, neither finished nor crashed  step 19/10,000" in done.stdout.splitlines()[-1]
    assert done.stdout.count("step 19/") == 2


def test_before_the_end_the_newest_is_told_however_long_the_interval():
    engine = Engine()
    group = engine.add_source("a.log", "a", "a.log")
    stream, parser = Headless(engine, interval=600.0, every=None), LogParser()

    def line(n):
        return f"step {n:05d}/00100 (1.00%) | loss: {5 - n / 100:.6f} | dt: 10.00ms\n".encode()

    for n in range(3):
        engine.fold("a.log", parser.feed(line(n)), live=True, arrival=float(n), written=float(n))
    assert [body["type"] for body in stream.progress(3.0)] == ["run", "progress"]
    engine.fold("a.log", parser.feed(line(3)), live=True, arrival=4.0, written=4.0)
    group.sources["a.log"].ended = True
    assert [*stream.progress(5.0)] == []  # what is found between ranks is found by the clock
    engine.tick(5.0)
    newest, end = stream.progress(5.0)
    assert (newest["type"], newest["step"], newest["metrics"]["train/loss"]) == ("progress", 3, 4.97)
    assert end["type"] == "end"


def test_no_run_ends_while_another_is_still_being_read():
    engine = Engine()
    stream = Headless(engine, interval=600.0, every=None)
    rows = "".join(f"step {n:05d}/00100 (1.00%) | loss: 2.5 | dt: 10.00ms\n" for n in range(20)).encode()

    def read(name):
        group = engine.add_source(name, name, f"{name}.log")
        engine.fold(name, LogParser().feed(rows), written=1.0)
        group.sources[name].ended = True
        engine.tick(5.0)

    def types(**given):
        return [(body["type"], body["run"]) for body in stream.progress(5.0, **given)]

    read("a")
    assert types(reading={"b"}) == [("run", "a"), ("progress", "a")]
    read("b")
    assert types() == [("run", "b"), ("progress", "b"), ("end", "a"), ("end", "b")]


def test_an_old_log_is_not_called_training_before_its_end_is_judged():
    engine = Engine()
    stream = Headless(engine, interval=0.0, every=None)
    rows = "".join(f"step {n:05d}/00100 (1.00%) | loss: 2.5 | dt: 10.00ms\n" for n in range(20)).encode()
    engine.add_source("a", "a", "a.log")
    engine.fold("a", LogParser().feed(rows), written=1.0)
    assert [body["type"] for body in stream.progress(5_000.0)] == ["run"]
    engine.tick(5_000.0)
    assert [body["type"] for body in stream.progress(5_000.0)] == ["progress", "end"]


def test_progress_every_so_many_steps_goes_on_after_a_restart():
    engine = Engine()
    engine.add_source("a.log", "a", "a.log")
    stream, parser = Headless(engine, interval=0.0, every=20), LogParser()

    def reported(*steps):
        lines = "".join(f"step {n:05d}/00100 (1.00%) | loss: 2.500000 | dt: 10.00ms\n" for n in steps)
        engine.fold("a.log", parser.feed(lines.encode()), live=True, arrival=1.0, written=1.0)
        return [body["step"] for body in stream.progress(1.0) if body["type"] == "progress"]

    assert reported(*range(50)) == [49]
    assert reported(50) == []
    assert reported(10) == [10]
    assert reported(11) == []


@pytest.mark.deep
def test_an_old_log_that_holds_no_run_ends(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello\nworld\n")
    hour_ago = time.time() - 3_600
    os.utime(path, (hour_ago, hour_ago))
    done = run("tail", path, "--headless", "--exit")
    assert done.returncode == 3
    assert "notes: no training run found" in done.stdout


@pytest.mark.deep
def test_an_old_log_of_few_lines_is_a_run_as_check_says(tmp_path):
    path = tmp_path / "short.log"
    steps = "step 1 loss 2.5\nstep 2 loss 2.4\nstep 3 loss 2.3\n"  # read when nothing more comes
    path.write_text(f"{steps}Traceback (most recent call last):\n  a\nValueError: x\n")
    hour_ago = time.time() - 3_600
    os.utime(path, (hour_ago, hour_ago))
    done = run("tail", path, "--headless", "--exit")
    assert "no training run" not in done.stdout
    assert done.returncode == run("check", path).returncode == 1


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("tial", "x"), "did you mean tail?"),
        (("zzz",), "see runwatch --help"),
        (("nope",), "see runwatch --help"),
        (("demo", "straggler"), "faults are --fault crash|hang|nan|slow|spike"),
        (("rules", "hng"), "did you mean hang?"),
        (("tail", "--headles", "x"), "--headless"),
        ((__file__,), "did you mean runwatch tail "),
    ],
)
def test_mistyped_words_get_the_nearest(words, advice):
    done = called(*words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert advice in done.stderr


def test_check_in_ascii(tmp_path):
    log = Log(tmp_path / "train.log")
    log.steps(30)
    log.steps(3, loss="nan")
    assert called("check", "--ascii", log.path).stdout.isascii()
    assert not called("check", log.path).stdout.isascii()


@pytest.mark.deep
@pytest.mark.few(1)
@pytest.mark.parametrize("command", [("check",), ("tail", "--headless", "--exit")])
def test_an_encoding_without_signs_gets_ascii(tmp_path, command):
    log = Log(tmp_path / "train.log")
    log.steps(30)
    log.steps(3, loss="nan")
    hour_ago = time.time() - 3_600
    os.utime(log.path, (hour_ago, hour_ago))
    said = runwatch(*command, log.path, env={"PYTHONIOENCODING": "latin-1"}, encoding="latin-1").stdout
    assert "! CRITICAL" in said
    assert said.isascii()
    assert "?" not in said


def test_the_sign_at_the_end_is_that_of_what_is_wrong():
    for health, sign in (("ok", "✓"), ("warning", "●"), ("critical", "▲")):
        (line,) = said(Printer(False), {**end(), "summary": {"health": health}})
        assert line == f"{sign} r: finished  no findings"


def test_a_result_that_is_no_number_is_said_at_the_end():
    summary = {"results": {"val/loss": None, "MMLU accuracy": 0.3165}}
    end = {"type": "end", "run": "r", "state": "finished", "exit_code": 0, "summary": summary}
    assert "results: val loss NaN, MMLU accuracy 0.3165" in Printer(as_json=False).text(end)
