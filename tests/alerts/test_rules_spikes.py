"""Spikes of the loss: which come back, which are notes, and which step they name."""

from __future__ import annotations

import re

import numpy as np
import pytest

from runwatch.alerts.rules.optimization.loss_spike import LossSpike
from runwatch.core.findings import Verdict

from .columns import LOSS, Log, brief, fired, healthy


@pytest.mark.parametrize(("first", "second"), [(500, "info"), (400, "warning")])
def test_spikes_at_equal_distances_are_notes_from_the_third_on_or_the_second_after_the_start(first, second):
    rng = np.random.default_rng(0)
    log = Log(train__loss=2.0 * np.exp(0.01 * rng.normal(size=3000)))
    for row in (first, *range(first + 500, 3000, 500)):
        log.columns[LOSS][row : row + 12] *= 2.0
    found = fired(log.judge(LossSpike()))
    assert [severity for severity, _ in found][:5] == ["warning", second, "info", "info", "info"]


def test_a_spike_that_is_higher_than_those_at_equal_distances_is_a_warning():
    rng = np.random.default_rng(0)
    log = Log(train__loss=2.0 * np.exp(0.01 * rng.normal(size=3000)))
    for row in range(500, 3000, 500):
        log.columns[LOSS][row : row + 12] *= 2.0
    log.columns[LOSS][2000:2012] *= 2.0
    assert fired(log.judge(LossSpike()))[3] == ("warning", 2000)


def test_a_step_of_rounding_is_no_spike():
    values = np.full(600, 0.4375)
    values[20:300:40] = 0.5
    values[500:510] = 0.5
    assert Log(train__loss=values).judge(LossSpike()) == []
    values[500:510] = 0.5625
    assert fired(Log(train__loss=values).judge(LossSpike())) == [("warning", 500)]


def test_data_of_two_kinds_is_no_spike():
    rng = np.random.default_rng(0)
    log = Log(
        train__loss=2.5 * np.exp(0.01 * rng.normal(size=3000)) * np.where(rng.random(3000) < 0.25, 1.3, 1)
    )
    assert fired(log.judge(LossSpike())) == []


def back(*heights):
    """A healthy loss with rows that are so many times as high, from row 2000 on."""
    log = healthy()
    log.columns[LOSS][2000 : 2000 + len(heights)] *= heights
    return log


def test_a_spike_on_its_way_back_is_a_note_until_it_stays():
    falling = back(5, 11, 8, 6.3, 4.5, 3.7, 3.5, 3.1, 2.5, 2.2, 1.4)
    assert {s for v, s, _ in brief(falling.judge(LossSpike())) if v == "firing"} == {"info"}
    lost = back(1.6, 2.6, 2.4, 1.2, 1.2, 1.3, 1.2, 1.2, 1.1)
    assert {s for v, s, _ in brief(lost.judge(LossSpike())) if v == "firing"} == {"info"}
    stays = back(5, 11, 8, 6.3, 4.5, 3.7, *[4] * 20)
    assert [s for v, s, _ in brief(stays.judge(LossSpike())) if v == "firing"] == ["info", "warning"]


def test_a_spike_is_a_note_where_two_as_high_lasted_and_came_back():
    log = healthy()
    log.columns[LOSS][1400:1412] *= 2
    log.columns[LOSS][1750:1762] *= 2
    log.columns[LOSS][2000:2012] *= 2.9
    fired = [(s, step) for v, s, step in brief(log.judge(LossSpike())) if v == "firing"]
    assert fired == [("warning", 1400), ("warning", 1750), ("info", 2000)]
    log.columns[LOSS][2012:2060] *= 3
    assert ("firing", "critical", 2000) in brief(log.judge(LossSpike()))


def test_a_spike_of_which_nothing_is_left_after_long_is_a_note():
    log = back(*[1.1] * 9, *[2] * 3, *[1.12] * 45)
    log.columns[LOSS][2009:2012] *= 6
    assert {s for v, s, _ in brief(log.judge(LossSpike())) if v == "firing"} == {"info"}


def test_a_spike_that_grows_names_the_step_of_its_peak():
    log = healthy()
    log.columns[LOSS][1500:1520] *= 1.5
    log.columns[LOSS][1504] *= 2.0
    titles = [f.title for f in log.judge(LossSpike()) if f.verdict is Verdict.FIRING]
    assert titles
    found = re.search(r"rose at step 1,500, by (\d+)% at step 1,504, and", titles[0])
    assert found is not None, titles
    assert 150 < int(found[1]) < 260
    assert log.columns[LOSS][1504] > 2.5 * np.median(log.columns[LOSS][1400:1500])


def test_a_spike_whose_first_row_is_its_peak_names_one_step():
    log = healthy()
    log.columns[LOSS][1500] *= 3.0
    (title,) = [f.title for f in log.judge(LossSpike()) if f.verdict is Verdict.FIRING]
    assert title.count("step 1,500") == 1
    assert " at step 1,500 and recovered after 1 logged step" in title
