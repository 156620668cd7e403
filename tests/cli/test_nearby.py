"""`tail` without a path: which logs of runs are written here."""

import json
import os
import subprocess
import sys
import time

from runwatch.watcher.daemon.nearby import LATELY, logs
from runwatch.watcher.sources.discover import find

from .command import called

STEPS = "".join(f"step {n:05d}/00100 ({n}.00%) | loss: 2.5 | dt: 10.00ms\n" for n in range(30))


def write(path, text=STEPS, age=0.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    then = time.time() - age
    os.utime(path, (then, then))
    return str(path)


def below(top):
    return [each.path for each in logs(str(top)) if each.path.startswith(str(top))]


def test_logs_that_were_written_lately_the_newest_first(tmp_path):
    old, new = write(tmp_path / "a/train.log", age=600), write(tmp_path / "b/train.log", age=5)
    write(tmp_path / "c/train.log", age=LATELY + 60)
    write(tmp_path / "notes.txt", "nothing of a run\n")
    assert below(tmp_path) == [new, old]


def test_what_stands_beside_a_log_tells_of_the_same_run(tmp_path):
    log = write(tmp_path / "a/train.log")
    write(tmp_path / "a/csv/metrics.csv", "step,loss\n1,2.0\n")
    alone = write(tmp_path / "b/metrics.csv", "step,loss\n1,2.0\n")
    assert set(below(tmp_path)) == {log, alone}


def test_a_text_picture_of_a_screen_that_shows_a_log_is_no_log(tmp_path):
    rows = "".join(f"│ {line:<70}│\n" for line in STEPS.splitlines())
    log = write(tmp_path / "train.log")
    write(tmp_path / "docs/pictures/logs-80x24.txt", f"▶ RUNNING demo\n╭─ log ─╮\n{rows}╰───────╯\nq Quit\n")
    assert below(tmp_path) == [log]


def test_the_log_of_a_process_is_found_wherever_it_is(tmp_path):
    log = tmp_path / "far/train.log"
    log.parent.mkdir()
    code = f"import sys; f = open({str(log)!r}, 'w'); f.write({STEPS!r}); f.flush(); print(); sys.stdout.flush(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (tmp_path / "here").mkdir()
        found = {each.path: each.pid for each in logs(str(tmp_path / "here"))}
        assert found[str(log)] == process.pid
        process.communicate(b"\n")


def test_without_a_screen_they_are_listed_and_it_says_what_to_do(tmp_path):
    write(tmp_path / "exp/train.log")
    done = called("tail", cwd=tmp_path)
    assert done.returncode == 2
    assert "exp/train.log" in done.stdout
    assert "runwatch tail PATH" in done.stderr
    done = called("tail", "--json", cwd=tmp_path)
    assert str(tmp_path / "exp/train.log") in [log["path"] for log in json.loads(done.stdout)["logs"]]


def test_a_log_next_to_those_of_its_ranks_is_one_run(tmp_path):
    paths = [write(tmp_path / f"live/{name}.log") for name in ("demo", "rank0", "rank1")]
    assert set(below(tmp_path)) == set(paths)
    assert {found.member.group for found in find(paths)} == {paths[0]}
