"""Steps, time left and incidents in plain words."""

import pytest

from runwatch.core.snapshot import IncidentRow, Progress
from runwatch.render import incident, plain
from runwatch.render.glyphs import ASCII


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(), "no step yet"),
        (Progress(epoch=1.4932), "epoch 1.493"),
        (Progress(records=1), "1 record"),
        (Progress(records=4_130), "4,130 records"),
        (Progress(41_230), "step 41,230"),
        (Progress(41_230, 120_000), "step 41,230/120,000"),
    ],
)
def test_steps(progress, words):
    assert plain.steps(progress) == words


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(339, 340, 1.0), "all 340 steps"),  # counted from 0: 339 of 340 would deny the 100 %
        (Progress(340, 340, 1.0), "step 340/340"),
        (Progress(338, 340, 1.0), "step 338/340"),
        (Progress(339, 340, 0.997), "step 339/340"),
        (Progress(339, 340, 1.0, stage="sft"), "sft: all 340 steps"),
    ],
)
def test_a_run_that_made_all_steps_says_so_however_they_are_counted(progress, words):
    assert plain.steps(progress, ended=True) == words
    assert "all" not in plain.steps(progress)


def test_time_left_with_its_spread():
    assert plain.eta(Progress()) == ""
    assert plain.eta(Progress(eta_seconds=223_200.0)) == "ETA 2d 14h"
    assert plain.eta(Progress(eta_seconds=2.44)) == "ETA 3 s", "nobody knows it better"
    assert plain.eta(Progress(eta_seconds=0.2)) == "ETA 1 s"
    assert plain.eta(Progress(eta_seconds=12.4)) == "ETA 13 s"
    assert plain.eta(Progress(eta_seconds=0.0)) == "ETA 0 s"
    assert plain.eta(Progress(eta_seconds=223_200.0, eta_spread=10_800.0)) == "ETA 2d 14h ±3h"
    assert plain.eta(Progress(eta_seconds=223_200.0, eta_spread=10_800.0), ASCII).isascii()


def test_the_headline_says_since_which_step_unless_the_run_has_just_ended():
    row = IncidentRow("i", "r", "nonfinite", "critical", "firing", "loss is NaN", step=1_761)
    assert incident.headline(row) == "loss is NaN · since step 1,761"
    over = IncidentRow("i", "r", "finished", "info", "firing", "finished all 340 steps", step=339)
    assert incident.headline(over) == "finished all 340 steps", "the last of 340 steps from 0 is 339"


def test_an_incident_of_the_stream_is_one_line_and_two_of_a_rule_are_counted_apart():
    spike = {
        "rule": "loss_spike",
        "severity": "critical",
        "title": "loss rose",
        "metric": "train/loss",
        "rank": None,
    }
    first, second = ({**spike, "step": step, "line": step + 1, "cause": "a bad batch"} for step in (100, 500))
    assert plain.found(first) != plain.found(second)
    assert plain.found({**first, "severity": "warning"}) == plain.found(first)
    fires = {"change": "firing", "symptom": False, "incident": first}
    assert plain.changed(fires, "r") == "CRITICAL r: loss_spike: loss rose (line 101): a bad batch"
    assert plain.changed(fires | {"symptom": True}, "r").startswith("WITH IT r: loss_spike: loss rose")
    over = {"change": "resolved", "symptom": True, "incident": second}
    assert plain.changed(over) == "RESOLVED loss_spike: loss rose (line 501)"
