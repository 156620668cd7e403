"""Short real runs in real processes: what they print, what they write, how they fail."""

import itertools
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from runwatch.demo import launch
from runwatch.demo.faults import FAULTS
from runwatch.demo.train import parse, schedule

STEP = re.compile(
    r"step (?P<step>\d{5})/(?P<total>\d{5}) \((?P<percent>\d+\.\d\d)%\) \| loss: (?P<loss>\d+\.\d{6}|nan|inf)"
    r" \| grad norm: (?P<norm>\d+\.\d{4}|nan|inf) \| lrm: (?P<lrm>\d\.\d\d) \| dt: (?P<dt>\d+\.\d\d)ms"
    r" \| tok/sec: (?P<speed>\d{1,3}(?:,\d{3})*) \| bf16_mfu: \d+\.\d\d"
    r" \| epoch: (?P<epoch>\d+) pq: \d+ rg: \d+ \| total time: (?P<time>\d+\.\d\d)m(?: \| eta: (?P<eta>\d+\.\d)m)?"
)
RANK_STEP = re.compile(
    r"step (?P<step>\d{5})/\d{5} \(\d+\.\d\d%\) \| loss: (?:\d+\.\d{6}|nan) \| lrm: \d\.\d\d"
    r" \| dt: (?P<dt>\d+\.\d\d)ms \| tok/sec: \d{1,3}(?:,\d{3})*"
)
BPB = re.compile(r"Step (\d{5}) \| Validation bpb: (\d+\.\d{6}|nan)")


class Log:
    """What a run left behind."""

    def __init__(self, directory: Path, status: int):
        self.directory, self.status = directory, status
        self.text = (directory / launch.LOG_NAME).read_bytes().decode()
        self.lines = self.text.split("\n")
        self.steps = [match.groupdict() for line in self.lines if (match := STEP.fullmatch(line))]
        self.loss = [float(step["loss"]) for step in self.steps]
        self.norm = [float(step["norm"]) for step in self.steps]
        self.dt = [float(step["dt"]) for step in self.steps]

    def rank(self, index: int) -> list[dict[str, str]]:
        lines = (self.directory / f"rank{index}.log").read_text().splitlines()
        matches = [RANK_STEP.fullmatch(line) for line in lines]
        assert all(matches)
        return [match.groupdict() for match in matches if match]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a function that runs the demo to its end; the same run is made once."""
    made: dict[tuple, Log] = {}

    def finish(**options) -> Log:
        key = tuple(sorted(options.items()))
        if key not in made:
            directory = tmp_path_factory.mktemp("demo")
            process = launch.start(directory, **{"step_seconds": 0.0, **options})
            try:
                status = process.wait(120)
            finally:
                launch.stop(process)
            made[key] = Log(directory, status)
        return made[key]

    return finish


@pytest.fixture(scope="module")
def healthy(run) -> Log:
    return run(steps=120)


@pytest.mark.deep
def test_a_healthy_run_ends_well(healthy):
    assert healthy.status == 0
    assert "Traceback" not in healthy.text
    assert "Warning" not in healthy.text


@pytest.mark.deep
def test_every_line_that_begins_like_a_step_is_one(healthy):
    assert sum(line.startswith("step ") for line in healthy.lines) == 120
    assert [int(step["step"]) for step in healthy.steps] == list(range(120))
    assert {step["total"] for step in healthy.steps} == {"00120"}
    assert healthy.steps[30]["percent"] == "25.00"


def test_the_model_learns(healthy):
    assert healthy.loss[0] == pytest.approx(math.log(128), rel=0.02)
    assert healthy.loss[-1] < 3.2
    bpb = [float(value) for _, value in BPB.findall(healthy.text)]
    assert bpb[-1] < 0.65 * bpb[0]


def test_total_time_leaves_out_the_first_steps_and_eta_begins_after_them(healthy):
    assert {step["time"] for step in healthy.steps[:11]} == {"0.00"}
    assert [step["eta"] is None for step in healthy.steps[:12]] == [True] * 11 + [False]


def test_validation_comes_at_even_intervals_and_at_the_end(healthy):
    assert [int(step) for step, _ in BPB.findall(healthy.text)] == list(range(0, 121, 15))


def test_the_preamble_tells_the_sizes(healthy):
    begin = healthy.text.partition("step 00000")[0]
    assert re.search(r"^Number of parameters: 51,456$", begin, re.M)
    assert re.search(r"^Total batch size 1,024 => gradient accumulation steps: 1$", begin, re.M)
    assert re.search(r"^Using user-provided number of iterations: 120$", begin, re.M)


def test_the_end_tells_the_score_memory_and_times(healthy):
    progress = re.findall(r"\r\x1b\[KRank (\d) \| (\d)/(\d) \((\d+\.\d\d)%\)", healthy.text)
    assert sorted((int(rank), int(seen)) for rank, _, seen, _ in progress) == [
        (rank, seen) for rank in range(8) for seen in (1, 2, 3)
    ]
    passed = sum(max(int(row[1]) for row in progress if row[0] == str(rank)) for rank in range(8))
    assert f"Final: {passed}/24 ({100 * passed / 24:.2f}%)" in healthy.lines
    assert re.fullmatch(r"Peak memory usage: \d+\.\d\dMiB", healthy.lines[-4])
    assert re.fullmatch(r"Total training time: \d+\.\d\dm", healthy.lines[-3])
    assert re.fullmatch(r"Minimum validation bpb: \d\.\d{6}", healthy.lines[-2])


def test_checkpoints_are_whole_and_announced(healthy):
    folder = healthy.directory / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{name}_{step:06d}.{suffix}"
        for step in (30, 60, 90, 120)
        for name, suffix in (("model", "pt"), ("meta", "json"))
    )
    assert f"Saved model file to: {folder / 'model_000030.pt'}" in healthy.lines
    with np.load(folder / "model_000120.pt") as weights:
        assert weights["mix"].shape == (256, 128)
        assert all(np.isfinite(weights[name]).all() for name in weights)
    meta = json.loads((folder / "meta_000120.json").read_text())
    assert meta["step"] == 120
    assert meta["val_bpb"] == pytest.approx(float(BPB.findall(healthy.text)[-1][1]), abs=1e-6)
    assert set(meta["dataloader_state_dict"]) == {"pq_idx", "rg_idx", "epoch"}


@pytest.mark.deep
def test_every_rank_keeps_a_log(healthy):
    for rank in range(8):
        assert [int(step["step"]) for step in healthy.rank(rank)] == list(range(120))


@pytest.mark.deep
def test_the_same_seed_gives_the_same_losses(run):
    assert run(steps=12, seed=1).loss == run(steps=12).loss


@pytest.mark.deep
def test_nan_shows_in_the_grad_norm_then_in_the_loss_and_stays(run):
    log = run(steps=60, fault="nan")
    assert log.status == 0
    at = round(0.58 * 60)
    assert np.isfinite(log.norm[:at]).all()
    assert math.isinf(log.norm[at])
    assert np.isfinite(log.loss[: at + 1]).all()
    assert np.isnan(log.loss[at + 1 :]).all()
    with np.load(log.directory / "checkpoints" / "model_000030.pt") as good:
        assert np.isfinite(good["out"]).all()
    with np.load(log.directory / "checkpoints" / "model_000060.pt") as bad:
        assert np.isnan(bad["out"]).all()
    assert math.isnan(json.loads((log.directory / "checkpoints" / "meta_000060.json").read_text())["val_bpb"])


@pytest.mark.deep
def test_spike_jumps_and_recovers(run):
    log = run(steps=240, fault="spike", fault_at=0.5)
    assert log.status == 0
    before_loss, before_norm = statistics.median(log.loss[100:120]), statistics.median(log.norm[100:120])
    assert max(log.loss[120:125]) > 1.2 * before_loss
    assert min(log.norm[120:123]) > 5 * before_norm
    assert log.loss[-1] < before_loss
    assert statistics.median(log.norm[-20:]) < 2 * before_norm


@pytest.mark.deep
def test_slow_makes_one_rank_hold_up_all(run):
    log = run(steps=60, fault="slow", step_seconds=0.02)
    at = round(0.58 * 60)
    assert log.status == 0
    assert statistics.median(log.dt[at:]) > 1.4 * statistics.median(log.dt[11:at])
    late = [float(step["dt"]) for step in log.rank(4) if int(step["step"]) >= at]
    before, peers = (
        [float(s["dt"]) for s in log.rank(0) if (int(s["step"]) >= at) is on] for on in (False, True)
    )
    assert statistics.median(late) > 1.4 * statistics.median(peers)
    assert statistics.median(peers) < 1.3 * statistics.median(before), "it slows down nobody else"
    assert len(log.rank(4)) == 60, "every step, so that a median of a few is not chance"


def test_crash_leaves_a_traceback_and_a_bad_exit_status(run):
    log = run(steps=60, fault="crash")
    assert log.status == 1
    assert len(log.steps) == round(0.58 * 60)
    assert "Traceback (most recent call last):" in log.lines
    assert log.lines[-2] == "IndexError: index 195 is out of bounds for axis 0 with size 128"
    assert "Total training time" not in log.text


@pytest.mark.deep
def test_hang_stops_working_but_lives_on(tmp_path):
    process = launch.start(tmp_path, steps=40, step_seconds=0.0, fault="hang")
    try:
        last = b"step %05d/" % (round(0.58 * 40) - 1)
        log = tmp_path / launch.LOG_NAME
        for _ in until(20):
            if last in log.read_bytes():
                break
        seen = psutil.Process(process.pid)
        for _ in until(20):  # the ranks need a moment to reach the lock
            before, size = seen.cpu_times(), log.stat().st_size
            time.sleep(0.2)
            after = seen.cpu_times()
            if before == after and size == log.stat().st_size:
                break
        assert process.poll() is None
        assert log.read_bytes().splitlines()[-1].startswith(last)
        assert seen.num_threads() > 8
    finally:
        status = launch.stop(process)
    assert status != 0


def until(seconds: float):
    """Yield until `seconds` have passed, then fail."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.01)
    pytest.fail("it never came")


def test_a_run_leads_its_own_session_and_can_be_stopped(tmp_path):
    process = launch.start(tmp_path, steps=4000)
    try:
        assert os.getsid(process.pid) == process.pid
    finally:
        assert launch.stop(process) == -15
    assert launch.stop(process) == -15


def test_the_launcher_knows_every_fault():
    assert tuple(sorted(FAULTS)) == launch.FAULT_NAMES


def test_starting_a_run_needs_no_numpy():
    code = "import sys, runwatch.demo.launch; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "bad", [["--steps", "0"], ["--fault-at", "1"], ["--fault", "fire"], ["--step-seconds", "nan"]]
)
def test_arguments_that_cannot_be_meant_exit_with_2(tmp_path, bad, capsys):
    with pytest.raises(SystemExit) as error:
        parse(["--dir", str(tmp_path), *bad])
    assert error.value.code == 2
    assert bad[0] in capsys.readouterr().err


def test_the_learning_rate_rises_holds_and_falls():
    factors = [schedule(step, 400) for step in range(400)]
    assert factors[0] == pytest.approx(0.05)
    assert factors[20:240] == [1.0] * 220
    assert factors[-1] == 0.05
    assert all(a >= b for a, b in itertools.pairwise(factors[20:]))
