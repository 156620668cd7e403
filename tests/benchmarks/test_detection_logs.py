"""The benchmark on labelled logs: what a label explains, what was missed, and how it is counted."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.detection.logs.kinds import BAD, ENDS, RULES, SILENT
from benchmarks.detection.logs.labels import PARTS, Label, Launch, Trouble, part_of
from benchmarks.detection.logs.observe import Incident, Observed, Run, observe_apart
from benchmarks.detection.logs.report import disagreements, tables, wilson
from benchmarks.detection.logs.score import between, judge, names
from runwatch.alerts.rules import CATALOGUE

ROOT = Path(__file__).parents[2]
ROWS = tuple(range(10, 1000, 10))


def trouble(kind="nan", first=500, last=None, severity="warning", certain=True):
    return Trouble(kind, first, severity, certain, last, "why")


def incident(rule="nonfinite", line=500, severity="warning", text="loss is NaN", **more):
    return Incident(rule, severity, line, text, text, **more)


DONE = (Launch("finished"),)


def result(label_troubles=(), incidents=(), launches=DONE, runs=(), health=""):
    label = Label("x.log", "", tuple(launches), tuple(label_troubles), health=health)
    return judge("x.log", "tune", label, Observed(tuple(incidents), tuple(runs), ROWS))


def verdicts(label_troubles, *incidents, launches=DONE):
    return [alarm.verdict for alarm in result(label_troubles, incidents, launches).alarms]


def test_every_rule_is_in_the_table():
    known = {rule.name for rule in CATALOGUE}
    assert SILENT | ENDS.keys() | set().union(*RULES.values()) == known


@pytest.mark.parametrize(
    ("labelled", "found", "expected"),
    [
        (trouble(), incident(), "true"),
        (trouble(kind="loss_scale"), incident(), "true"),
        (trouble(kind="slow"), incident(), "false"),
        (trouble(kind="other"), incident(), "debatable"),
        (trouble(), incident(line=480), "true"),
        (trouble(), incident(line=470), "false"),
        (trouble(), incident(line=900), "true"),
        (trouble(last=600), incident(line=790), "true"),
        (trouble(last=600), incident(line=820), "false"),
        (trouble(first=200, last=600), incident(line=990), "true"),
        (trouble(certain=False), incident(), "debatable"),
        (trouble(severity="note"), incident(), "debatable"),
        (trouble(severity="note"), incident(severity="critical"), "false"),
        (trouble(), incident(severity="critical"), "debatable"),
        (trouble(severity="critical"), incident(severity="critical"), "true"),
        (trouble(severity="critical"), incident(), "true"),
        (trouble(), incident(line=None), "true"),
    ],
)
def test_an_alarm_is_true_if_a_label_explains_it(labelled, found, expected):
    assert verdicts([labelled], found) == [expected]
    far = trouble(kind="retries")
    assert verdicts([far, labelled], found) == verdicts([labelled, far], found) == [expected]


def test_notes_and_symptoms_are_no_alarms():
    assert verdicts([], incident(severity="info"), incident(symptom=True)) == []


def test_ends_explain_what_tells_them_in_their_launch():
    launches = (Launch("crashed", 1, 300), Launch("finished", 301), Launch("cut_off", 700))
    crash, hang = incident("crash", 298, "critical"), incident("hang", 990)
    assert verdicts([], crash, hang, launches=launches) == ["true", "debatable"]
    assert verdicts([], incident("crash", 150), incident("crash", 500), launches=launches) == ["false"] * 2
    assert verdicts([], crash, launches=[Launch("cut_off")]) == ["false"]
    assert all(verdicts([], crash, launches=[Launch(end)]) == ["true"] for end in BAD)


def test_certain_troubles_of_a_warning_or_above_must_be_told():
    noted = [trouble(severity="note"), trouble(certain=False)]
    labelled = [*noted, trouble("plateau", 100), trouble("nan", 500), trouble("nan", 800)]
    reported = [incident("plateau", 200, "info"), incident(line=550), incident("divergence", 500)]
    assert [(f.kind, f.reported, f.noted, f.delay) for f in result(labelled, reported).failures] == [
        ("plateau", False, True, None),
        ("nan", True, False, 5),
        ("nan", True, False, 0),  # the first incident lasts
    ]
    assert not result([trouble("nan", 800)], [incident(line=100)]).failures[0].reported, (
        "what lasts was false"
    )
    assert result([trouble("spike")], [incident("divergence", symptom=True)]).failures[0].reported


def test_an_end_is_told_by_an_alarm_or_where_it_is_no_fault_by_any_word():
    def reported(end, *incidents, runs=()):
        return result(incidents=incidents, launches=[Launch(end, 1, 990)], runs=runs).failures[0].reported

    note = incident("ended", 990, "info")
    assert reported("crashed", incident("crash", 990))
    assert not reported("crashed", note)
    assert reported("preempted", note)
    assert reported("preempted", runs=[Run("preempted", exact=True)])
    assert not reported("preempted", runs=[Run("crashed", exact=True)])
    assert not reported("killed", incident("loss_spike", 990))


def test_causes_and_ends():
    launch = Launch("crashed", 1, 990, "RuntimeError: CUDA out of memory. Tried to allocate 2 GiB", 985)
    good = incident("crash", 985, text="crashed: CUDA out of memory. Tried to allocate 2.00 GiB")
    seen = result(incidents=[good], launches=[launch], runs=[Run("crashed")])
    assert [(c.line, c.right) for c in seen.causes] == [(985, True)]
    assert [(e.wanted, e.said, e.right) for e in seen.ends] == [("crashed", "crashed", True)]
    other = incident("crash", 985, text="crashed: ValueError: no such key")
    assert [c.right for c in result(incidents=[other], launches=[launch]).causes] == [False]
    assert result(launches=[launch]).causes == (), "an end that was missed is not counted twice"

    def right(end, run):
        return result(launches=[Launch(end)], runs=[run]).ends[0].right

    assert right("cut_off", Run("none", exact=True))
    assert not right("cut_off", Run("finished"))
    assert right("killed", Run("crashed"))
    assert not right("killed", Run("crashed", exact=True))
    two = [Launch("crashed"), Launch("finished", 500)]
    assert [e.wanted for e in result(launches=two, runs=[Run("finished")]).ends] == ["finished"]


@pytest.mark.parametrize(
    ("cause", "said", "expected"),
    [
        ("2024-01-02 03:04:05,678 ERROR [Errno 28] No space left on device", "no space left on device", True),
        ("/home/me/train.py: KeyError: 'loss'", "KeyError: 'loss' (line 3)", True),
        ("slurmstepd: error: JOB 12 CANCELLED DUE TO TIME LIMIT", "job 12 cancelled by a person", False),
        ("Killed", "crashed: killed by SIGKILL", True),
        ("", "anything", False),
    ],
)
def test_a_text_names_a_cause_by_half_of_its_words_in_a_row(cause, said, expected):
    assert names(cause, said) is expected


def test_counts():
    assert between(15, 40, ROWS) == 2
    low, high = wilson(9, 10)
    assert (round(low, 3), round(high, 3), wilson(0, 0)) == (0.596, 0.982, (0.0, 1.0))
    unsure = incident("loss_spike", 200)
    found = [incident(), incident("crash", 700, "critical"), unsure]
    logs = [result([trouble(), trouble("spike", 200, certain=False)], found), result(health="healthy")]
    assert "| tune | 2 | 0.500 (0.09 to 0.91; 1 of 2) | 0.000 (0.00 to 0.79; 0 of 1) | 1 |" in tables(logs)
    assert [line.split()[:2] for line in disagreements(logs)] == [
        ["FALSE", "x.log:700:"],
        ["DEBATABLE", "x.log:200:"],
    ]


def test_logs_of_one_repository_are_in_one_part():
    def part(source, sha="0", given=""):
        return part_of(Label("x", sha, (), (), source, part=given))

    same = ["me/runs:a/b.log@0123", "github:me/runs:c@4", "https://github.com/Me/Runs/issues/7"]
    assert len({part(source) for source in same}) == 1
    assert {part(f"me/{number}:x") for number in range(50)} == set(PARTS)
    assert part(same[0], given="validation") == "validation"


@pytest.mark.deep
def test_a_folder_of_labelled_logs(tmp_path):
    def log(name, losses, *last, start=0, **label):
        rows = enumerate(losses, start)
        text = "".join(f"iter {n}: loss {x}, time 250.00ms, mfu 40.00%\n" for n, x in rows)
        (tmp_path / "logs" / name).write_text(text + "".join(f"{line}\n" for line in last))
        sha = hashlib.sha256((tmp_path / "logs" / name).read_bytes()).hexdigest()
        return {"path": name, "sha256": sha, "launches": [{"end": "cut_off"}], "troubles": []} | label

    (tmp_path / "logs").mkdir()
    fine = [f"{2 + 8 / (n + 1):.4f}" for n in range(60)]
    broken = [*fine[:40], *["nan"] * 20]
    end = {"end": "crashed", "cause": "KeyError: 'labels'", "cause_line": 62}
    trace = ("Traceback (most recent call last):", "KeyError: 'labels'")
    nan = {"kind": "nan", "from_line": 41, "severity": "critical", "certain": True}
    entries = [
        log("nan.log", broken, start=60, troubles=[nan], part="test"),
        log("crash.log", fine, *trace, launches=[end], part="test"),
        log("alarm.log", broken, health="healthy", part="tune"),
        log("other.log", fine, sha256="0" * 64),
        log("gone.log", fine, path="elsewhere.log"),
        log("typo.log", fine, launches=[{"end": "exploded"}]),
        log("typo.log", fine, troubles=[nan | {"kind": "naan"}]),
    ]
    log("nan.log.1", fine)  # rotated: not what was labelled
    (tmp_path / "index.jsonl").write_text("\n".join(json.dumps(entry) for entry in entries) + "\n")
    command = [sys.executable, "-m", "benchmarks.detection.logs", tmp_path, "--files", tmp_path / "logs"]
    command += ["--jobs", "2", "--json", tmp_path / "out.json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert [line.split(": ")[1] for line in said[2:]] == [
        "not the file that was labelled, left out",
        "no such file, left out",
    ]
    assert "index.jsonl:6: no label, left out: Invalid enum value 'exploded'" in said[0]
    assert "index.jsonl:7: no label, left out: no kind of trouble is called 'naan'" in said[1]
    assert done.stdout.splitlines()[0] == (
        f"FALSE      {tmp_path}/logs/alarm.log:41: critical nonfinite: loss is NaN since step 40"
    )
    assert "| test | 2 | 1.000 (0.34 to 1.00; 2 of 2) |" in done.stdout
    assert "3 of 5 labelled logs were read." in done.stdout
    results = json.loads((tmp_path / "out.json").read_text())
    assert [(f["kind"], f["reported"], f["delay"]) for r in results for f in r["failures"]] == [
        ("nan", True, 0),
        ("crashed", True, None),
    ]
    assert results[1]["causes"][0]["right"]
    assert [r["error"] for r in results] == ["", "", ""]


def test_a_log_that_takes_too_long_is_said_and_what_failed_in_it_is_missed(tmp_path):
    (tmp_path / "slow.log").write_text("iter 0: loss 2.0000, time 250.00ms, mfu 40.00%\n")
    seen = observe_apart(tmp_path / "slow.log", 0.001)
    assert seen.error == "no answer within 0.001 s"
    label = Label("slow.log", "", (Launch("crashed", end_line=9),), (trouble(),), health="healthy")
    late = judge("slow.log", "tune", label, seen)
    assert [line.split()[0] for line in disagreements([late])] == ["NOTE", "MISSED", "MISSED"]
    assert "| tune | 1 | - | - | 0 | - | 0.000 (0.00 to 0.79; 0 of 1) |" in tables([late])
