"""`runwatch check` as scripts use it: the JSON contract, exit codes, errors on one line."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from ..parsers.logs import hf, nanochat
from .command import called, runwatch
from .unprivileged import obey_permissions


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "speedrun.log"
    path.write_bytes(nanochat(300, seed=11, noise=0.05).replace(b"nan", b"2.5").replace(b"inf", b"2.5"))
    return path


def test_json_contract(log):
    done = called("check", log, "--json", "--fail-on", "never")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["schema"] == 1
    (run,) = document["runs"]
    assert list(run) == [
        "id", "name", "title", "sources", "format", "state", "ending", "endings", "health", "reason", "lines", "unparsed_lines", "steps", "progress", "eta_seconds", "eta_spread", "eta_source",
        "stages", "results", "metrics", "ranks", "checkpoints", "last_good_checkpoint", "incidents", "unseen",
    ]  # fmt: skip
    assert (run["name"], run["sources"], run["format"]) == ("speedrun", [str(log)], "nanochat")
    assert run["steps"] == {"records": 300, "first": 0, "last": 299, "total": 300}
    assert (run["state"], run["progress"], run["eta_seconds"]) == ("finished", 1.0, 0.0)
    assert (run["checkpoints"], run["last_good_checkpoint"]) == ([], None)
    assert run["metrics"]["train/loss"].keys() == {
        "count",
        "first",
        "last",
        "newest",
        "min",
        "max",
        "nonfinite",
        "printed",
    }
    assert run["metrics"]["perf/step_time"]["printed"] == "dt"
    assert run["lines"] == log.read_bytes().count(b"\n")


def test_nonfinite_values_are_counted_and_written_as_null(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(b"step 1/2 (50.00%) | loss: nan\nstep 2/2 (99.00%) | loss: inf\n")
    metric = json.loads(called("check", path, "--json").stdout)["runs"][0]["metrics"]["train/loss"]
    assert (metric["count"], metric["nonfinite"], metric["last"], metric["min"]) == (2, 2, None, None)
    assert metric["newest"] == "inf"


def test_ranks(tmp_path):
    path = tmp_path / "eval.log"
    path.write_bytes(b"step 1/2 (50.00%) | loss: 1.0\n\r\x1b[KRank 7 | 0/3 (0.00%)\n")
    run = json.loads(called("check", path, "--json").stdout)["runs"][0]
    assert run["ranks"]["7"] == {"done": 3, "total": 3}


@pytest.mark.parametrize(("fail_on", "code"), [("never", 0), ("critical", 1), ("warning", 1), ("info", 1)])
def test_exit_code_follows_severity(tmp_path, fail_on, code):
    path = tmp_path / "nan.log"
    path.write_bytes(b"".join(b"step %d/9 (1.00%%) | loss: nan\n" % i for i in range(9)))
    done = called("check", path, "--fail-on", fail_on)
    assert done.returncode == code
    assert "nonfinite" in done.stdout


def test_healthy_log_exits_with_zero(tmp_path):
    path = tmp_path / "hf.log"
    path.write_bytes(hf(100))
    done = called("check", path)
    assert done.returncode == 0, done.stdout
    assert "no findings" in done.stdout


def test_a_log_without_a_step_says_how_many_epochs_it_has(tmp_path):
    path = tmp_path / "train.log"
    rows = ({"loss": 2.0 - at / 50, "learning_rate": 1e-4, "epoch": at / 10} for at in range(1, 31))
    path.write_text("".join(f"{row}\n" for row in rows))
    assert "epoch 3, 30 records without a step · loss 1.4" in called("check", path).stdout


def test_a_directory_is_searched_and_names_stay_apart(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.log").write_bytes(nanochat(20))
    (tmp_path / "model.out").write_bytes(b"\x00\x01\x02\x03" * 100)
    document = json.loads(called("check", tmp_path, "--json", "--fail-on", "never").stdout)
    assert [run["name"] for run in document["runs"]] == ["a", "b"]


def bad_inputs(tmp_path: Path) -> dict[str, tuple[list[str], int, str]]:
    (tmp_path / "empty.log").touch()
    (tmp_path / "binary.log").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "bare").mkdir()
    (tmp_path / "bad.toml").write_text("[slak]\nwebhook = 'x'\n")
    (tmp_path / "rule.toml").write_text("[rules.hang]\nleest = 3\n")
    (tmp_path / "ok.log").write_bytes(nanochat(3))
    os.mkfifo(tmp_path / "pipe")
    return {
        "no such path": (["check", "nothing.log"], 3, "no such file"),
        "no glob match": (["check", "*.nolog"], 3, "no file matches"),
        "directory without runs": (["check", "bare"], 3, "no runs"),
        "binary": (["check", "binary.log"], 3, "binary"),
        "empty": (["check", "empty.log"], 3, "empty"),
        "pipe": (["check", "pipe"], 3, "regular file"),
        "standard input": (["check", "-"], 3, "pipe into `runwatch tail - --headless`"),
        "bad key": (["check", "ok.log", "--config", "bad.toml"], 2, "did you mean 'slack'"),
        "bad threshold": (["check", "ok.log", "--config", "rule.toml"], 2, "did you mean 'least'"),
        "no config": (["check", "ok.log", "--config", "none.toml"], 2, "none.toml"),
        "bad option": (["check", "ok.log", "--fail-on", "maybe"], 2, "maybe"),
        "no command": (["chek"], 2, "chek"),
        "no argument": (["check"], 2, "PATHS"),
    }


CASES = [
    "no such path", "no glob match", "directory without runs", "binary", "pipe", "bad key", "bad threshold",
    "no config", "empty", "bad option", "no command", "no argument", "standard input",
]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "case"),
    [("check", case) for case in CASES]
    + [
        pytest.param("tail", case, marks=[] if case in ("no such path", "bad key") else pytest.mark.deep)
        for case in CASES[:8]
    ],
)
def test_bad_input_is_one_clear_line(tmp_path, case, command):
    arguments, code, words = bad_inputs(tmp_path)[case]
    if command == "tail":
        arguments = ["tail", "--headless", *arguments[1:]]
    done = (runwatch if command == "tail" else called)(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("runwatch: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_no_permission(tmp_path):
    path = tmp_path / "secret.log"
    path.write_text("x")
    path.chmod(0)
    somebody = {"user": 65534} if os.geteuid() == 0 else {}
    try:
        done = runwatch("check", path, **somebody)
    except PermissionError:
        pytest.skip("nobody may not run this Python")
    assert done.returncode == 3
    assert "ermission" in done.stderr


def test_a_reader_that_goes_away_is_no_error(log):
    command = f"{sys.executable} -m runwatch formats | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr == ""


def test_hostile_text_does_not_reach_the_terminal(tmp_path):
    path = tmp_path / "evil.log"
    path.write_bytes(
        b"Traceback (most recent call last):\n  File x\nValueError: \x1b]0;owned\x07\x1b[2J[bold]<!channel>\n"
    )
    done = called("check", path, "--fail-on", "never")
    assert "\x1b" not in done.stdout
    assert "[bold]<!channel>" in done.stdout


def test_own_formats_are_read_from_the_configuration(tmp_path):
    (tmp_path / "runwatch.toml").write_text('[[formats]]\nname = "mine"\ntrain = "<{step}> {loss}"\n')
    (tmp_path / "train.log").write_bytes(b"<1> 2.5\n<2> 2.25\n")
    done = called("check", "train.log", "--json", "--fail-on", "never", cwd=tmp_path)
    run = json.loads(done.stdout)["runs"][0]
    assert (run["format"], run["metrics"]["train/loss"]["last"]) == ("mine", 2.25)
    assert "mine " in called("formats", cwd=tmp_path).stdout


def test_a_directory_without_a_log_is_read_by_its_metric_files(tmp_path):
    for step in (10, 20):
        history = [{"loss": 2.5, "learning_rate": 0.1, "step": n} for n in range(10, step + 1, 10)]
        state = json.dumps({"log_history": history, "max_steps": 20}, indent=2)
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    os.utime(tmp_path / "checkpoint-10" / "trainer_state.json", (1, 1))
    (tmp_path / "config.json").write_text('{"loss": "mse"}')
    done = called("check", tmp_path, "--json", "--fail-on", "never")
    (run,) = json.loads(done.stdout)["runs"]
    assert run["format"] == "trainer-state"
    assert run["steps"] == {"records": 2, "first": 10, "last": 20, "total": 20}


def test_a_line_of_one_of_several_files_is_told_with_its_file(tmp_path):
    begun = "".join(f"step {n:05d}/00090 ({n}.00%) | loss: 2.5000 | dt: 10.00ms\n" for n in range(40))
    for rank in range(2):
        (tmp_path / f"rank_{rank}.log").write_text(begun)
    with (tmp_path / "rank_1.log").open("a") as log:
        log.write("Traceback (most recent call last):\n  File x\nValueError: bad shard\n")
    line = (tmp_path / "rank_1.log").read_bytes().count(b"\n")
    done = called("check", tmp_path, "--fail-on", "never")
    assert f"({tmp_path / 'rank_1.log'}, line {line})" in done.stdout


def test_advice_names_the_checkpoint_that_was_read_after_the_log(tmp_path):
    log = tmp_path / "speedrun.log"
    clean = nanochat(300, seed=11, noise=0.05).replace(b"nan", b"2.5").replace(b"inf", b"2.5")
    head, mark, rest = clean.partition(b"step 00250/")
    log.write_bytes(head + mark + re.sub(rb"loss: \S+", b"loss: nan", rest))
    for step in (100, 200, 290):
        path = tmp_path / "checkpoints" / f"model_{step:06d}.pt"
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("x/data.pkl", bytes(200))
    done = called("check", tmp_path, "--fail-on", "never")
    assert "Go back to checkpoint 200" in done.stdout
    (run,) = json.loads(called("check", tmp_path, "--json", "--fail-on", "never").stdout)["runs"]
    assert any("Go back to checkpoint 200" in row["advice"] for row in run["incidents"]), run["incidents"]


def test_the_checkpoint_to_go_on_from_is_named(log):
    for step in (100, 200, 300):
        path = log.parent / "checkpoints" / f"model_{step:06d}.pt"
        path.parent.mkdir(exist_ok=True)
        torch_file = io.BytesIO()
        with zipfile.ZipFile(torch_file, "w") as file:
            file.writestr("model/data.pkl", bytes(4096))
        # The newest one is cut short.
        path.write_bytes(torch_file.getvalue()[: 1000 if step == 300 else None])
        os.utime(path, (time.time() - 9000 + step,) * 2)
    (run,) = json.loads(called("check", log.parent, "--json", "--fail-on", "never").stdout)["runs"]
    assert [row["complete"] for row in run["checkpoints"]] == [True, True, False]
    assert run["last_good_checkpoint"] == 200


def test_what_cannot_be_read_in_a_directory_is_named_and_is_not_well(tmp_path):
    for name in ("a.log", "b.log", "below/c.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(
            nanochat(60, seed=11, noise=0.05).replace(b"nan", b"2").replace(b"inf", b"2")
        )
    (tmp_path / "round.log").symlink_to("round.log")
    closed = (tmp_path / "b.log", tmp_path / "below")
    for path in closed:
        path.chmod(0)
    try:
        done, warned = (
            runwatch("check", tmp_path, "--json", *more, preexec_fn=obey_permissions)
            for more in ((), ("--fail-on", "warning"))
        )
        (tmp_path / "a.log").unlink()
        nothing = runwatch("check", tmp_path, preexec_fn=obey_permissions)
    finally:
        for path in closed:
            path.chmod(0o700)
    assert (done.returncode, warned.returncode, nothing.returncode) == (3, 1, 3)
    assert len(done.stderr.splitlines()) == 3
    document = json.loads(done.stdout)
    loop = os.strerror(errno.ELOOP)
    reasons = {os.path.basename(row["path"]): row["reason"] for row in document["unreadable"]}
    assert reasons == {"b.log": "Permission denied", "below": "Permission denied", "round.log": loop}
    runs = {run["name"]: run for run in document["runs"]}
    assert {name: run["state"] for name, run in runs.items()} == {
        "a": "finished",
        "b": "blind",
        "round": "blind",
    }
    assert runs["b"]["reason"].startswith(f"cannot read {tmp_path}/b.log: Permission denied: ")
    assert [row["severity"] for row in runs["b"]["incidents"]] == ["warning"]
    assert runs["a"]["incidents"] == []


def test_a_log_that_is_no_longer_understood_is_not_well(tmp_path):
    log = tmp_path / "train.log"
    steps = (f"step {n:05d}/05000 (1.00%) | loss: {5 - n / 1000:.6f} | dt: 1000.00ms\n" for n in range(100))
    other = (f"[train] iteration={n} total_loss={5 - n / 1000:.4f}\n" for n in range(100, 398))
    log.write_text("".join([*steps, *other]))
    done = called("check", log)
    assert done.returncode == 3
    assert "blind" in done.stdout.splitlines()[0]
    assert "its lines are no longer understood since line 101" in done.stdout


@pytest.mark.parametrize("command", [("check",), ("export",), ("report",), ("compare", "--reference", "a")])
def test_commands_agree_on_what_is_unreadable(tmp_path, command):
    """An empty file is not; what the system does not let us read is."""
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_bytes(nanochat(60, noise=0.05).replace(b"nan", b"2").replace(b"inf", b"2"))
    (tmp_path / "empty.log").touch()
    done = called(*command, tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "round.log").symlink_to("round.log")
    done = called(*command, tmp_path)
    assert (done.returncode, os.strerror(errno.ELOOP) in done.stderr) == (3, True), done
