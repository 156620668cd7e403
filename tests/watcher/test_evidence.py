"""What the engine adds to incidents: files of lines, checkpoints to go back to, symptoms, states."""

from __future__ import annotations

import os
import time

import pytest

from runwatch.alerts.rules import CATALOGUE
from runwatch.core.checkpoint import Checkpoint, Look, State
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.check import check
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.evidence import PACE
from runwatch.watcher.engine.views.document import document
from runwatch.watcher.engine.views.surroundings import looks
from runwatch.watcher.engine.views.views import Shown, snapshot
from runwatch.watcher.protocol import View
from runwatch.watcher.sources.member import Member
from runwatch.watcher.sources.sidecar_facts import SidecarFacts

from ..checkpoints.made import family

NOW = 1_700_000_000.0


def test_the_rules_about_speed_are_known_to_want_no_checkpoint():
    known = {rule.name: rule.__module__ for rule in CATALOGUE}
    assert known.keys() >= PACE
    assert {name for name, module in known.items() if ".speed." in module} <= PACE


def steps(first: int, last: int, loss: str = "2.0000") -> str:
    return "".join(
        f"step {step:05d}/01000 ({step / 10:.2f}%) | loss: {loss} | dt: 1000.00ms\n"
        for step in range(first, last)
    )


class Fold:
    """An engine that is fed whole texts, source by source."""

    def __init__(self, **members: Member) -> None:
        self.engine = Engine()
        self.parsers = {name: StreamParser() for name in members}
        for name, member in members.items():
            self.engine.add_source(name, "run", f"{name}.log", member)

    def read(self, name: str, text: str, at: float = NOW) -> None:
        self.engine.fold(name, self.parsers[name].feed(text.encode()), live=True, arrival=at, written=at)

    def see(self, *checkpoints: Checkpoint, free: int | None = None) -> None:
        self.engine.add_source("dir", "run", "ckpt", Member("g", kind="directory"))
        self.engine.look("dir", Look("ckpt", checkpoints, len(checkpoints), free=free), SidecarFacts())

    def found(self, rule: str) -> dict:
        (run,) = document(self.engine, NOW)["runs"]
        assert not self.engine.troubles
        (row,) = [row for row in run["incidents"] if row["rule"] == rule]
        return row


def saved(step: int, state: State = State.COMPLETE) -> Checkpoint:
    when = NOW - 1000 + step
    return Checkpoint(
        f"c{step}", f"ckpt/c{step}", "torch", state, step=step, bytes=1000, begun=when, written=when
    )


# -- which file ------------------------------------------------------------------------------------


def test_an_incident_keeps_the_file_of_the_line_it_began_in():
    fold = Fold(first=Member("g"), second=Member("g", attempt=1))
    fold.read("first", steps(0, 50) + steps(50, 60, "nan"))
    fold.read("second", steps(40, 150), NOW + 10)
    over = fold.found("nonfinite")
    assert (over["state"], over["line"], over["evidence"]["source"]) == ("resolved", 51, "first.log")


def test_a_line_of_a_run_with_several_files_names_its_file():
    fold = Fold(rank0=Member("g", rank=0), rank1=Member("g", rank=1))
    fold.read("rank0", steps(0, 50) + steps(50, 60, "nan"))
    fold.read("rank1", steps(0, 50) + "Traceback (most recent call last):\n  File x\nValueError: bad shard\n")
    fold.engine.tick(NOW + 900)
    assert fold.found("nonfinite")["evidence"]["source"] == "rank0.log"
    crash = fold.found("crash")
    assert (crash["evidence"]["source"], crash["line"]) == ("rank1.log", 53)


def test_a_run_of_one_file_needs_no_name():
    fold = Fold(run=Member())
    fold.read("run", steps(0, 50) + steps(50, 60, "nan"))
    assert "source" not in fold.found("nonfinite")["evidence"]


@pytest.mark.parametrize(("trace", "severity"), [(True, "critical"), (False, "warning")])
def test_a_full_disk_that_ends_a_run_of_unknown_length_is_critical_with_its_traceback(trace, severity):
    rows = "".join(f"iter {n}: loss 2.{n:04d}, time 50.00ms, mfu 3.21%\n" for n in range(60))
    head = 'Traceback (most recent call last):\n  File "train.py", line 30, in <module>\n    save()\n'
    fold = Fold(run=Member())
    fold.read("run", rows + head * trace + "OSError: [Errno 28] No space left on device\n")
    fold.engine.tick(NOW + 900)
    assert fold.found("crash")["severity"] == severity


# -- which checkpoint ------------------------------------------------------------------------------


def test_incidents_name_the_last_good_checkpoint_before_them():
    fold = Fold(log=Member("g"))
    fold.see(saved(100), saved(200), saved(300, State.DAMAGED), saved(400))
    fold.read("log", steps(0, 350) + steps(350, 420, "nan"))
    assert fold.found("nonfinite")["evidence"]["last_checkpoint"] == 200


def told_good(fold: Fold) -> set[int | None]:
    """What the document, the screen and the notice of an end call the last good checkpoint."""
    ((group, _),) = fold.engine.runs()
    (run,) = document(fold.engine, NOW)["runs"]
    seen = snapshot([Shown(group)], View(), NOW).run.saving.last_good
    (look,) = looks(fold.engine, NOW, "")
    notice = look.checkpoint().rpartition(" ")[2].replace(",", "")
    return {run["last_good_checkpoint"], seen, int(notice) if notice else None}


def test_a_checkpoint_of_spoilt_weights_is_not_the_last_good_one():
    fold = Fold(log=Member("g"))
    fold.see(saved(100), saved(200), saved(300), saved(400))
    fold.read("log", steps(0, 250))
    assert told_good(fold) == {400}
    fold.read("log", steps(250, 420, "nan"))
    assert told_good(fold) == {200}
    ((group, _),) = fold.engine.runs()
    shown = snapshot([Shown(group)], View(), NOW).run.checkpoints
    assert [(row.at, row.spoilt) for row in shown] == [
        (400, "after NaN"), (300, "after NaN"), (200, ""), (100, ""),
    ]  # fmt: skip
    marks = snapshot([Shown(group)], View(), NOW).run.marks
    assert [(mark.kind, mark.step) for mark in marks] == [
        ("checkpoint", 100), ("checkpoint", 200), ("spoilt", 300), ("spoilt", 400), ("incident", 250),
    ]  # fmt: skip


def test_only_what_wanted_attention_has_a_mark():
    fold = Fold(log=Member("g"))
    fold.read("log", steps(0, 250) + steps(250, 253, "nan") + steps(253, 1001))
    ((group, _),) = fold.engine.runs()
    shown = snapshot([Shown(group)], View(), NOW + 9000).run
    seen = {(row.rule, row.severity, row.state) for row in shown.incidents}
    assert ("nonfinite", "critical", "resolved") in seen, seen
    assert "info" in {severity for _, severity, _ in seen}, seen
    assert [(mark.kind, mark.step) for mark in shown.marks] == [("resolved", 250)]


def test_a_hang_spoils_no_weights():
    fold = Fold(log=Member("g"))
    fold.see(saved(100), saved(200))
    fold.read("log", steps(0, 150))
    fold.engine.tick(NOW + 9000)
    assert fold.found("hang")["state"] == "firing"
    assert told_good(fold) == {200}


def test_without_a_directory_the_log_reports_checkpoints():
    fold = Fold(log=Member())
    reported = "".join(steps(n, n + 50) + f"saved checkpoint to out/model_{n + 50:06d}.pt\n" for n in (0, 50))
    fold.read("log", reported + steps(100, 120) + steps(120, 130, "nan"))
    assert fold.found("nonfinite")["evidence"]["last_checkpoint"] == 100


def test_a_checkpoint_saved_during_a_slow_rise_is_none_to_go_back_to():
    fold = Fold(log=Member("g"))
    fold.see(*(saved(step) for step in range(50, 601, 50)))
    rise = [2.0 * (1 + 0.003 * max(0, step - 300)) + 0.01 * (step % 3) for step in range(600)]
    fold.read("log", "".join(steps(step, step + 1, f"{loss:.4f}") for step, loss in enumerate(rise)))
    found = fold.found("divergence")
    assert 300 < found["step"] < 350  # where it began to rise
    assert found["evidence"]["last_checkpoint"] == 300


def test_a_slow_run_needs_no_checkpoint_to_go_back_to():
    fold = Fold(log=Member("g"))
    fold.see(saved(100), saved(200))
    fold.read("log", steps(0, 300) + steps(300, 900).replace("dt: 1000", "dt: 3000"))
    assert "last_checkpoint" not in fold.found("step_time")["evidence"]


def test_overfitting_names_the_checkpoint_of_the_best_evaluation():
    fold = Fold(log=Member("g"))
    fold.see(*(saved(step) for step in range(50, 601, 50)))
    reported = ""
    for step in range(0, 600, 50):
        loss = 3.0 - step / 200 if step <= 300 else 1.5 + (step - 300) / 100
        reported += (
            steps(step, step + 50, f"{2 - step / 1000:.4f}")
            + f"Step {step + 49:05d} | Validation bpb: {loss:.4f}\n"
        )
    fold.read("log", reported)
    assert fold.found("validation")["evidence"]["last_checkpoint"] == 300


def test_what_was_saved_after_a_crash_is_no_place_to_go_back_to_from_before_it():
    fold = Fold(log=Member())
    saves = {n: f"saved checkpoint to out/model_{n:06d}.pt\n" for n in (50, 100)}
    reported = steps(0, 50) + saves[50] + steps(50, 100) + saves[100] + steps(100, 120)
    error = "Traceback (most recent call last):\n  File x\nValueError: bad shard\n"
    fold.read("log", reported + error + "Resuming from step 20\n" + steps(20, 50) + saves[50] + steps(50, 60))
    assert fold.found("crash")["evidence"]["last_checkpoint"] == 100


# -- checkpoints that are seen ---------------------------------------------------------------------


def test_a_damaged_newest_checkpoint_is_an_incident_that_ends_with_the_next():
    fold = Fold(log=Member("g"))
    fold.read("log", steps(0, 310))
    fold.see(saved(100), saved(200), saved(300, State.DAMAGED))
    fold.engine.tick(NOW + 1)
    found = fold.found("checkpoint_broken")
    assert (found["severity"], found["state"], found["evidence"]["last_checkpoint"]) == (
        "warning",
        "firing",
        200,
    )
    fold.see(saved(300))
    fold.engine.tick(NOW + 2)
    assert fold.found("checkpoint_broken")["state"] == "resolved"


def test_a_disk_that_fills_up_before_the_end_is_reported():
    fold = Fold(log=Member("g"))
    fold.read("log", steps(0, 310))
    fold.see(saved(100), saved(200), saved(300), free=2500)
    fold.engine.tick(NOW + 1)
    assert fold.found("checkpoint_space")["evidence"]["room"] == 2


def test_rules_know_the_estimated_time():
    fold = Fold(log=Member())
    fold.read("log", steps(0, 500))
    seen = []
    ((_, watched),) = fold.engine.runs()
    watched.rules[0].tick = lambda status: seen.append(status) or []
    fold.engine.tick(NOW)
    assert seen[0].eta == pytest.approx(500, rel=0.01)
    assert seen[0].checkpoints is None


def test_check_judges_the_checkpoints_of_a_directory(tmp_path):
    now = time.time()
    (tmp_path / "train.log").write_text(steps(0, 410))
    for step in (100, 200, 300, 400):
        family(tmp_path / "ckpt", step, now - 8000 + step)
    whole = tmp_path / "ckpt" / "model_000400.pt"
    cut = whole.read_bytes()[:-500]
    whole.write_bytes(cut)
    os.utime(whole, (now - 7600, now - 7600))
    (run,) = document(check([str(tmp_path)]), now)["runs"]
    (found,) = [row for row in run["incidents"] if row["rule"].startswith("checkpoint")]
    assert (found["rule"], found["severity"], found["step"]) == ("checkpoint_broken", "warning", 400)
    assert found["evidence"]["last_checkpoint"] == 300


# -- sources that differ, symptoms, torchrun -------------------------------------------------------


def test_sources_that_contradict_each_other_are_a_note():
    fold = Fold(log=Member("g"), csv=Member("g", kind="metrics"))
    fold.read("log", "".join(steps(n, n + 1, f"{3 - n / 100:.4f}") for n in range(100)))
    fold.read("csv", "step,loss\n")
    for n in range(100):
        fold.read("csv", f"{n},{(3 - n / 100) * 2}\n")
    found = fold.found("disagreement")
    assert (found["severity"], found["metric"]) == ("info", "train/loss")
    assert found["title"] == "loss is 3 in log.log and 6 in csv.log"
    assert {found["evidence"][key] for key in ("source", "other")} == {"log.log", "csv.log"}


def test_symptoms_are_in_the_evidence():
    fold = Fold(log=Member())
    fold.read("log", steps(0, 100, "nan | val_loss: nan | grad_norm: nan"))
    (run,) = document(fold.engine, NOW)["runs"]
    ((_, watched),) = fold.engine.runs()
    expected = [list(row.symptoms) for row in watched.incidents.rows()]
    assert any(expected)
    assert sorted(row["evidence"].get("symptoms", []) for row in run["incidents"]) == sorted(expected)


TABLE = """\
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
train.py FAILED
------------------------------------------------------------
Failures:
[1]:
  time      : 2026-01-02_03:04:06
  host      : node17
  rank      : 1 (local_rank: 1)
  exitcode  : 1 (pid: 4322)
  error_file: <N/A>
  traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-01-02_03:04:05
  host      : node17
  rank      : 2 (local_rank: 2)
  exitcode  : {code} (pid: 4323)
  error_file: <N/A>
  traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html
============================================================
"""


def raised(rank: int, what: str, *, tagged: bool) -> str:
    tag = f"[rank{rank}]: " if tagged else ""
    return "".join(
        f"{tag}{line}\n" for line in ("Traceback (most recent call last):", '  File "x", line 1', what)
    )


OWN, TEARDOWN = "ValueError: bad shard", "RuntimeError: gloo: something else is wrong"


@pytest.mark.parametrize(
    ("tagged", "teardown"),
    [(True, TEARDOWN), (True, "ConnectionResetError: peer"), (False, "EOFError: peer is gone")],
)
@pytest.mark.parametrize("first", [2, 1])
def test_the_rank_that_torchrun_saw_fail_first_is_named_with_what_it_said(tagged, teardown, first):
    said = {2: raised(2, OWN, tagged=tagged), 1: raised(1, teardown, tagged=tagged)}
    fold = Fold(log=Member())
    fold.read("log", steps(0, 50) + said.pop(first) + "".join(said.values()) + TABLE.format(code=1))
    fold.engine.tick(NOW + 900)
    found = fold.found("crash")
    assert found["title"] == "crashed on rank 2: ValueError: bad shard"
    assert (found["evidence"]["failed_rank"], found["evidence"]["host"]) == (2, "node17")
    assert found["evidence"]["exitcode"] == "1"


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("1", "crashed on rank 1: " + TEARDOWN),  # its own words are elsewhere
        ("-9", "crashed: rank 2 failed first: signal 9 (SIGKILL) on node17"),
        ("-15", "crashed on rank 1: " + TEARDOWN),  # it was told to end
    ],
)
def test_a_first_rank_that_said_nothing_leads_if_it_was_killed(code, title):
    fold = Fold(log=Member())
    fold.read("log", steps(0, 50) + raised(1, TEARDOWN, tagged=True) + TABLE.format(code=code))
    fold.engine.tick(NOW + 900)
    found = fold.found("crash")
    assert found["title"] == title
    assert found["evidence"]["failed_rank"] == (2 if code == "-9" else 1)
    assert found["evidence"].get("failed_first") == (None if code == "-15" else 2)
    assert ("the launcher saw rank 2 fail first" in found["cause"]) == (code == "1")
