"""A launcher's own log: what it says of an end is said of the run next to it that ended then."""

from __future__ import annotations

import pytest

from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.check import check
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.document import document

NOW = 1.9e9
RAISED = (
    'Traceback (most recent call last):\n  File "train.py", line 9, in <module>\n    main()\nKeyError: 7\n'
)
FAILED = (
    "E1123 10:02:09.500000 42 torch/distributed/elastic/multiprocessing/api.py:869] "
    "failed (exitcode: 1) local_rank: 1 (pid: 51) of binary: /usr/bin/python3\n"
    "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n"
)


def rows(first: int, last: int) -> str:
    return "".join(f"step: {at}/300  loss: {2 - at / 400:.4f}\n" for at in range(first, last))


class Logs:
    """An engine that reads logs of one directory as they are written."""

    def __init__(self, *names: str) -> None:
        self.engine, self.now = Engine(), NOW
        self.parsers = {name: StreamParser(catalogue()) for name in names}
        for name in names:
            self.engine.add_source(f"/x/{name}", name, f"/x/{name}")
        self.sent: list[tuple[str, str, str]] = []

    def write(self, name: str, text: str) -> None:
        self.now += 0.1
        batch = self.parsers[name].feed(text.encode())
        self._note(self.engine.fold(f"/x/{name}", batch, live=True, arrival=self.now, written=self.now))

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            self._note(self.engine.tick(self.now))

    def _note(self, changes) -> None:
        self.sent += [(c.row.rule, c.row.run, c.kind) for c in changes if c.send and c.kind == "firing"]

    def runs(self) -> list[tuple[str, str | None, list[str]]]:
        found = document(self.engine, self.now)["runs"]
        return [
            (run["name"], (run["ending"] or {}).get("kind"), [i["rule"] for i in run["incidents"]])
            for run in found
        ]


@pytest.mark.parametrize("names", [("train.log", "zlaunch.log"), ("train.log", "alaunch.log")])
def test_one_launch_in_two_logs_is_one_crashed_run_and_one_message(names):
    logs = Logs(*sorted(names))
    train, launcher = names
    logs.write(launcher, "Setting OMP_NUM_THREADS\n")
    logs.write(train, rows(1, 80))
    logs.wait(2)
    logs.write(launcher, RAISED + FAILED)
    logs.wait(40)
    assert logs.runs() == [("train.log", "crashed", ["crash"])]
    assert [each[0] for each in logs.sent] == ["crash"]
    (incident,) = document(logs.engine, logs.now)["runs"][0]["incidents"]
    assert "KeyError: 7" in incident["title"]


def test_a_run_that_continues_is_not_that_launchers():
    logs = Logs("launch.log", "train.log")
    logs.write("train.log", rows(1, 80))
    logs.write("launch.log", RAISED + FAILED)
    for at in range(80, 130):
        logs.wait(1)
        logs.write("train.log", rows(at, at + 1))
    assert sorted(logs.runs()) == [("launch.log", "crashed", ["crash"]), ("train.log", None, [])]


def test_an_error_that_no_launcher_reported_is_of_its_own_log():
    logs = Logs("other.log", "train.log")
    logs.write("train.log", rows(1, 80))
    logs.write("other.log", RAISED)
    logs.wait(15)
    assert sorted(logs.runs())[0][:2] == ("other.log", "crashed")


def test_whose_words_they_are_is_the_same_at_rest(tmp_path):
    (tmp_path / "launch.log").write_text(FAILED)
    (tmp_path / "train.log").write_text(rows(1, 80) + RAISED)
    (run,) = document(check([str(tmp_path)]), NOW)["runs"]
    assert (run["ending"]["kind"], run["steps"]["last"]) == ("crashed", 79)
    assert "KeyError: 7" in run["ending"]["story"]


def test_a_log_alone_is_a_run_of_its_own(tmp_path):
    (tmp_path / "launch.log").write_text(FAILED)
    (run,) = document(check([str(tmp_path)]), NOW)["runs"]
    assert run["ending"]["kind"] == "crashed"
