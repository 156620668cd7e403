"""Trackers that really run: what runwatch reads equals what the script logged, bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from runwatch.parsers.stream import StreamParser

from ..cli.live import Follower
from ..parsers.logs import Parsed

pytestmark = pytest.mark.real

WANDB = """
import json, os, random, sys, wandb
run = wandb.init(project="p", name="named", mode="offline", dir=sys.argv[1], config={"lr": 0.1, "max_steps": 200})
rng, said = random.Random(1), []
for step in range(200):
    row = {"train/loss": rng.choice([rng.random(), 1e-300, 3, -0.0]), "lr": rng.random() * 1e-4}
    if step == 50:
        row["train/loss"] = float("nan")
    if step == 51:
        row["train/loss"] = float("-inf")
    if step % 20 == 0:
        row["eval/loss"] = rng.random()
        row["nested"] = {"a": rng.random(), "b": {"c": step}}
        row["picture"] = wandb.Histogram([1, 2, 3])
    said.append(row)
    run.log(dict(row))
    print("step", step)
run.alert("high loss", "look at it")
json.dump([{k: v for k, v in r.items() if k != "picture"} for r in said], open(sys.argv[2], "w"))
END
"""
EVENTS = """
import json, random, sys
END
rng, said = random.Random(1), []
for step in range(300):
    row = {"train/loss": rng.random() * 10, "train/lr": rng.random() * 1e-4, "acc": rng.random()}
    if step == 50:
        row["train/loss"] = float("nan")
    for tag, value in row.items():
        writer.add_scalar(tag, value, step, **extra)
    if step % 50 == 0:
        writer.add_histogram("h", __import__("numpy").arange(100), step)
        writer.add_text("t", "some text", step)
    said.append(row)
writer.close()
json.dump(said, open(sys.argv[2], "w"))
"""


def script(tmp_path: Path, text: str) -> tuple[list[dict[str, float]], int]:
    """Run a script; return what it says it logged, and its exit code."""
    said = tmp_path / "said.json"
    command = [sys.executable, "-c", text, str(tmp_path), str(said)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert said.exists(), done.stderr
    return json.loads(said.read_text()), done.returncode


def read(path: Path) -> Parsed:
    parser, parsed = StreamParser(), Parsed()
    with path.open("rb") as file:
        while data := file.read(1 << 16):
            parsed.add(parser.feed(data))
    parsed.add(parser.flush())
    return parsed


def same(got: np.ndarray, logged: list[float]) -> None:
    wanted = np.array(logged, np.float64)
    assert got.shape == wanted.shape
    assert np.array_equal(got, wanted, equal_nan=True)
    assert np.array_equal(np.signbit(got), np.signbit(wanted)) or np.isnan(wanted).any()


@pytest.mark.parametrize(
    ("end", "kind", "code"),
    [
        ("run.finish()", "finished", "0"),
        ("run.finish(exit_code=3)", "error", "3"),
        ("raise ValueError('boom')", "error", "1"),
        ("raise KeyboardInterrupt", "signal", "255"),
        ("__import__('time').sleep(17); os._exit(9)", None, None),
    ],
)
def test_wandb(tmp_path, end, kind, code):
    pytest.importorskip("wandb")
    rows, _ = script(tmp_path, WANDB.replace("END", end))
    (path,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    parsed = read(path)
    assert parsed.format == "wandb"
    assert parsed.column("step").tolist() == list(range(200))
    same(parsed.column("train/loss"), [row["train/loss"] for row in rows])
    same(parsed.column("train/learning_rate"), [row["lr"] for row in rows])
    same(parsed.column("val/loss"), [row["eval/loss"] for row in rows if "eval/loss" in row])
    same(parsed.column("nested.a"), [row["nested"]["a"] for row in rows if "nested" in row])
    facts = {key: value for e in parsed.events if e.kind == "facts" for key, value in e.data.items()}
    assert (facts["name"], facts["config.lr"]) == ("named", "0.1")
    assert parsed.column("total", "plan").tolist() == [200]
    assert [e.title for e in parsed.events if e.kind == "alert"] == ["high loss"]
    ends = [e for e in parsed.events if "exit_code" in e.data]
    assert [(e.kind, e.data["exit_code"]) for e in ends] == ([(kind, code)] if kind else [])
    assert ("boom" in str([e.title for e in parsed.events if e.kind == "traceback"])) == ("boom" in end)


def test_a_wandb_run_is_followed_while_it_is_written(tmp_path):
    pytest.importorskip("wandb")
    text = WANDB.replace('print("step", step)', "__import__('time').sleep(0.02)").replace(
        "END", "run.finish()"
    )
    said = tmp_path / "said.json"
    environment = {**os.environ, "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL": "1"}
    command = [sys.executable, "-c", text, str(tmp_path), str(said)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as run:
        while not (found := list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))):
            assert run.poll() is None
            time.sleep(0.05)
        parser, parsed, before_end = StreamParser(), Parsed(), 0
        with found[0].open("rb") as file:
            while True:
                ended = run.poll() is not None
                data = file.read()
                if data:
                    parsed.add(parser.feed(data))
                    offset, line = parser.place
                    recent = found[0].read_bytes()[:offset]
                    parser = StreamParser(start=offset, first_line=line, settled=parser.format)
                    parser.prime(recent[:4096], recent[-65536:])
                    file.seek(offset)
                before_end = before_end if ended else len(parsed.column("step"))
                if ended and not data:
                    break
                time.sleep(0.2)
    rows = json.loads(said.read_text())
    assert before_end > 0
    same(parsed.column("train/loss"), [row["train/loss"] for row in rows])


FOR_EVER = """
import sys, time, wandb
run = wandb.init(project="p", mode="offline", dir=sys.argv[1])
for step in range(10**6):
    run.log({"train/loss": 1 / (step + 1)})
    time.sleep(0.1)
"""


def test_a_wandb_run_that_died_is_told_from_a_running_one_by_its_process(tmp_path):
    """Its file may be as fresh as any: nobody holds it open."""
    pytest.importorskip("wandb")
    environment = {**os.environ, "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL": "1", "WANDB_SILENT": "true"}
    command = [sys.executable, "-c", FOR_EVER, str(tmp_path)]
    (tmp_path / "wandb").mkdir()
    with (
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as run,
        Follower(tmp_path / "wandb", "--wait", "--interval", "1") as live,
    ):
        try:
            begun = live.until(lambda o: o["type"] == "progress" and _samples(live), 120.0)["records"]
            live.until(lambda o: o["type"] == "progress" and o["records"] > begun + 100, 120.0)
        finally:
            run.kill()
        end = live.until(lambda o: o["type"] == "end", 60.0)
        assert end["state"] == "crashed"
        assert [o["incident"]["rule"] for o in live.seen if o["type"] == "incident"] == ["crash"]
    (path,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    with Follower(tmp_path / "wandb", "--interval", "1") as after:
        progress = after.until(lambda o: o["type"] == "progress")
        assert progress["phase"] == "training"
        path.touch()
        end = after.until(lambda o: o["type"] == "end", 120.0)
        assert end["state"] == "stalled"
        assert [row["rule"] for row in end["summary"]["incidents"]] == ["ended"]


def _samples(follower: Follower) -> bool:
    """Whether processes are looked for."""
    return any("runwatch.watcher.samplers.sampler" in process.cmdline() for process in follower.family())


@pytest.mark.parametrize(
    ("module", "make"),
    [
        (
            "tensorboardX",
            "from tensorboardX import SummaryWriter; writer, extra = SummaryWriter(sys.argv[1]), {}",
        ),
        (
            "torch.utils.tensorboard",
            "from torch.utils.tensorboard import SummaryWriter; writer, extra = SummaryWriter(sys.argv[1]), {}",
        ),
        (
            "torch.utils.tensorboard",
            "from torch.utils.tensorboard import SummaryWriter;"
            "writer, extra = SummaryWriter(sys.argv[1]), {'new_style': True, 'double_precision': False}",
        ),
        (
            "torch.utils.tensorboard",
            "from torch.utils.tensorboard import SummaryWriter;"
            "writer, extra = SummaryWriter(sys.argv[1]), {'new_style': True, 'double_precision': True}",
        ),
    ],
)
def test_tensorboard(tmp_path, module, make):
    pytest.importorskip(module)
    rows, _ = script(tmp_path, EVENTS.replace("END", make))
    (path,) = tmp_path.glob("events.out.tfevents.*")
    parsed = read(path)
    assert parsed.format == "tfevents"
    kind = np.float64 if "'double_precision': True" in make else np.float32
    assert parsed.column("step").tolist() == list(range(300))
    same(parsed.column("train/loss"), [float(kind(row["train/loss"])) for row in rows])
    same(parsed.column("acc", "eval"), [float(kind(row["acc"])) for row in rows])
    assert not parsed.events
    assert not parsed.unparsed
