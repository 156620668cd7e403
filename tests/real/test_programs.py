"""Real programs, looked at from outside at each quarter and at their end, and held against what they note themselves."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ..cli.live import Follower
from .watching import SCRIPTS, SLOW, Object, check, ends, environment_of, grow_old, reach, torchrun, until

pytestmark = pytest.mark.real
PYTHON = (sys.executable,)
ACCELERATE = (sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes=1")
ACCELERATE += ("--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no")


@dataclass(frozen=True)
class Program:
    """A program, and what can be known of it from outside."""

    script: str
    mode: str = ""
    needs: tuple[str, ...] = ("torch",)
    launcher: Sequence[str] = PYTHON
    total: bool = True
    """Whether anything tells how many steps there will be; else nothing may be claimed."""
    source: str = ""
    """The setting that tells the total, where lines do not."""
    timed: bool = True
    """Whether lines tell how long a step takes, or when it was: there must be an ETA by the middle."""
    lag: int = 1
    """Steps by which what is drawn may be behind: bars are redrawn every 0.1 s, and a step may be counted from 0."""
    exact: bool = True
    """Whether each loss that was noted is printed, in a record of its own."""
    ends: bool = True
    """Whether the log tells its end, or the total does."""
    saved: bool = True
    """Whether its checkpoints lie where it is watched."""


TORCH = ("torch",)
PROGRAMS = {
    "nanogpt": Program("own_loop.py", "nanogpt", source="max_iters", saved=False),
    "nanochat": Program("own_loop.py", "nanochat"),
    "trainer": Program("hf_epochs.py", "trainer", ("transformers", "accelerate"), lag=4),
    "trl": Program("hf_epochs.py", "sft", ("trl", "datasets"), lag=4),
    "lightning-bar": Program(
        "lightning_epochs.py", "bar", ("lightning",), total=False, timed=False, lag=4, exact=False
    ),
    "lightning-rich": Program(
        "lightning_epochs.py", "rich", ("lightning", "rich"), total=False, timed=False, lag=8, exact=False
    ),
    "lightning-hparams": Program(
        "lightning_epochs.py",
        "hparams",
        ("lightning",),
        source="max_epochs x 24 steps of an epoch",
        lag=4,
        exact=False,
    ),
    "lightning-csv": Program(
        "lightning_epochs.py",
        "csv",
        ("lightning",),
        total=False,
        timed=False,
        lag=8,
        exact=False,
        ends=False,
    ),
    "keras": Program("keras_fit.py", "", ("keras",), timed=False, saved=False),
    "ignite-bar": Program("ignite_run.py", "bar", ("ignite",), timed=False, lag=4, exact=False),
    "ignite-log": Program("ignite_run.py", "log", ("ignite",)),
    "xgboost": Program("boosting.py", "xgboost", ("xgboost",), total=False, timed=False, ends=False),
    "lightgbm": Program("boosting.py", "lightgbm", ("lightgbm",), total=False, timed=False, ends=False),
    "catboost": Program("boosting.py", "catboost", ("catboost",), total=False, timed=False, lag=2, exact=False, ends=False),
    "sklearn": Program("boosting.py", "sklearn", ("sklearn",), total=False, timed=False, ends=False),
    "skorch": Program("skorch_fit.py", "", ("skorch",), total=False, timed=False, ends=False),
    "stable-baselines3": Program(
        "sb3_ppo.py", "", ("stable_baselines3",), total=False, timed=False, lag=64, exact=False, ends=False, saved=False
    ),
    "torchrun": Program("gloo.py", "", TORCH, torchrun("--nproc-per-node", "2"), timed=False),
    "accelerate": Program("accelerate_loop.py", "", ("accelerate",), ACCELERATE, lag=4, exact=False),
    "deepspeed": Program("deepspeed_cpu.py", "", ("deepspeed",), torchrun("--nproc-per-node", "1"), timed=False),
}  # fmt: skip


@dataclass
class Noted:
    """What a program noted of itself so far."""

    total: int
    done: int = 0
    losses: list[float] = field(default_factory=list)
    saved: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, path: Path) -> Noted:
        """Read it."""
        first, *rows = map(json.loads, path.read_text().splitlines())
        noted = cls(first["total"])
        for row in rows:
            noted.done = row.get("step", noted.done)
            noted.losses += [row["loss"]] if "loss" in row else []
            noted.saved += [row["saved"]] if "saved" in row else []
        return noted


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_at_each_quarter_and_at_its_end(name, tmp_path):
    program = PROGRAMS[name]
    missing = [module for module in program.needs if importlib.util.find_spec(module) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} cannot be imported here")
    top, truth = tmp_path / "run", tmp_path / "truth"
    top.mkdir()
    gates = [Path(f"{tmp_path / 'gate'}.{quarter}") for quarter in (1, 2, 3)]
    for gate in gates:
        os.mkfifo(gate)
    with ExitStack() as stack:
        follower = stack.enter_context(Follower(top, "--wait", "--interval", "0.1"))
        command = [*program.launcher, str(SCRIPTS / program.script), str(top), program.mode]
        with (top / "train.log").open("wb") as out:
            process = subprocess.Popen(
                command,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment_of(top, GATE=str(tmp_path / "gate"), TRUTH=str(truth)),
                cwd=tmp_path,
            )
        stack.callback(lambda: process.poll() is None and process.kill())
        for quarter, gate in enumerate(gates, 1):
            opened = reach(gate, process)
            at_quarter(program, follower, Noted.of(truth), quarter)
            os.close(opened)
        assert process.wait(SLOW) == 0, (top / "train.log").read_text(errors="replace")[-2000:]
        noted = Noted.of(truth)
        if program.ends:
            (name,) = ends(follower, "finished")
            assert name == tmp_path.name  # the directory of the run: `train` tells no runs apart
        else:
            until(follower, lambda o: o["type"] == "progress" and reached(program, o, noted.total))
        follower.interrupt()
    disturbed = [o["incident"] for o in follower.seen if o["type"] == "incident"]
    assert [i for i in disturbed if i["severity"] != "info"] == []
    grow_old(top)  # a log that was written just now may go on
    (run,) = check(top)[0].values()
    at_end(program, run, noted)


def reached(program: Program, said: Object, done: int) -> bool:
    """Return whether what was said is as far as the program may be seen to be."""
    return said["step"] is not None and said["step"] >= done - program.lag


def at_quarter(program: Program, follower: Follower, noted: Noted, quarter: int) -> None:
    """Wait until the newest step that was printed is reported, and compare how far it is said to be."""

    def wanted(said: Object) -> bool:
        if said["type"] != "progress" or not reached(program, said, noted.done):
            return False
        known = not program.total or said["total"] is not None
        return known and (said["eta_seconds"] is not None or not program.timed or quarter < 2)

    said = until(follower, wanted)
    assert said["phase"] in ("training", "evaluating", "checkpointing")
    assert said["step"] <= noted.done
    share = noted.done / noted.total
    if program.total:
        assert said["total"] == noted.total
        assert said["progress"] == pytest.approx(share, abs=(program.lag + 1) / noted.total)
    else:
        assert (said["total"], said["progress"]) == (None, None)
    if said["eta_seconds"] is not None:
        assert said["eta_seconds"] > 0


def at_end(program: Program, run: Object, noted: Noted) -> None:
    """Compare what `check` says with what the program noted."""
    steps = run["steps"]
    assert noted.total - 1 <= steps["last"] <= noted.total
    assert steps["first"] <= max(program.lag, noted.total // 8)
    if program.total:
        assert steps["total"] == noted.total
    if program.ends:
        assert run["state"] == "finished"
    assert [i for i in run["incidents"] if i["severity"] != "info"] == []
    if program.saved:
        assert [saved["step"] for saved in run["checkpoints"] if saved["complete"]] == noted.saved
    if program.exact:
        loss = run["metrics"]["train/loss"]
        # the last is noted when the next step begins, by some
        assert loss["count"] - len(noted.losses) in (0, 1)
        assert loss["first"] == pytest.approx(noted.losses[0])
        if loss["count"] == len(noted.losses):
            assert loss["last"] == pytest.approx(noted.losses[-1])
            assert loss["min"] == pytest.approx(min(noted.losses))
            assert loss["max"] == pytest.approx(max(noted.losses))
    assert run["metrics"].keys() & {"train/loss", "learn"}
