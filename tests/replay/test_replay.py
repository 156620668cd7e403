"""A replay finds what `check` finds, at any speed."""

from __future__ import annotations

import json
import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.cli.sentences import Sentences
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.check import check
from runwatch.watcher.recordings.file import HEAD
from runwatch.watcher.replay import timeline
from tests.cli.command import called

from .logs import NOW, incidents, log_of, played, stamped


@settings(deadline=None)
@given(
    cuts=st.lists(st.floats(0, 1), max_size=8),
    bad=st.integers(2, 60),
    crash=st.booleans(),
)
def test_incidents_are_those_of_check_however_it_is_played(tmp_path_factory, cuts, bad, crash):
    text = stamped(60, bad)
    if crash:
        text += 'Traceback (most recent call last):\n  File "t.py", line 1, in <module>\nRuntimeError: bad\n'
    path = log_of(tmp_path_factory.mktemp("log"), text)
    os.utime(path, (NOW, NOW))
    want = incidents(check([str(path)]))
    assert want
    assert incidents(played(path, sorted(cuts)).engine) == want


def test_seeking_back_gives_the_state_of_that_time(tmp_path):
    path = log_of(tmp_path, stamped(100, 50))
    player = played(path)
    (fired,) = incidents(player.engine)
    assert fired["step"] == 50
    player.rewind()
    player.advance(NOW + 49)
    assert incidents(player.engine) == []
    (run,) = (watched.run for _, watched in player.engine.runs())
    assert run.last_step == 49
    player.advance(NOW + 50)
    assert [row["state"] for row in incidents(player.engine)] == ["firing"]
    player.close()


def timeline_of(path: str) -> timeline.Timeline:
    survey = timeline.Survey(path, StreamParser())
    while survey.share < 1.0:
        survey.advance()
    return survey.timeline()


@pytest.mark.parametrize(
    ("line", "basis", "span"),
    [
        ("[2026-01-05 10:00:{i:02d}] step {i} loss 0.5\n", timeline.STAMPS, 19.0),
        ("{h}:59:{s:02d} INFO step {i} loss 0.5\n", timeline.CLOCK, None),
        ("step {i} loss 0.5 step_time 2.5\n", timeline.STEPS, 47.5),
        ("step {i} loss 0.5\n", timeline.COUNT, 19.0),
    ],
)
def test_the_times_are_the_best_that_the_log_has(tmp_path, line, basis, span):
    text = "".join(line.format(i=i, h=23, s=30 + i) for i in range(1, 21))
    found = timeline_of(str(log_of(tmp_path, text)))
    assert found.basis == basis
    assert span is None or found.last - found.first == pytest.approx(span)


def test_a_clock_without_a_date_goes_on_after_midnight(tmp_path):
    text = "".join(
        f"{(23 + i // 60) % 24:02d}:{i % 60:02d}:00 INFO step {i} loss 0.5\n" for i in range(1, 120)
    )
    found = timeline_of(str(log_of(tmp_path, text)))
    assert found.basis == timeline.CLOCK
    assert found.last - found.first == 118 * 60


def test_a_record_comes_at_its_time_and_not_before(tmp_path):
    path = log_of(tmp_path, stamped(20, 99, every=10.0))
    player = played(path)
    player.rewind()
    for step in range(1, 21):
        player.advance(NOW + step * 10 - 0.5)
        runs = [watched.run for _, watched in player.engine.runs()]
        assert (runs[0].last_step if runs else None) in ((step - 1) or None, None)
        player.advance(NOW + step * 10)
    assert player.ended


def test_headless_says_the_same_at_any_speed(tmp_path):
    path = log_of(tmp_path, stamped(60, 30))
    slow, fast = (
        called("replay", path, "--headless", "--json", "--interval", "10", "--speed", speed)
        for speed in ("200", "max")
    )
    assert slow.returncode == fast.returncode == 1
    assert slow.stdout == fast.stdout
    bodies = [json.loads(line) for line in fast.stdout.splitlines()]
    assert bodies[0]["type"] == "run"
    assert bodies[-1]["type"] == "end"
    (fired,) = (body for body in bodies if body["type"] == "incident")
    assert fired["incident"]["rule"] == "nonfinite"
    progress = [body["time"] for body in bodies if body["type"] == "progress"]
    assert all(NOW <= each <= NOW + 61 for each in progress)
    assert len(progress) >= 5


def test_plain_words_have_the_time_of_the_log_and_no_signs(tmp_path):
    done = called("replay", log_of(tmp_path, stamped(60, 30)), "--headless", "--plain", "--speed", "max")
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w", line) for line in done.stdout.splitlines())
    assert "Critical in" in done.stdout
    words = Sentences()
    words.clock = lambda: "2030-01-02 03:04:05"
    assert re.fullmatch(r"2030-01-02 03:04:05 4\.2 *[a-z]+", words.stamped("4.2 σ"))


@pytest.mark.parametrize(
    ("name", "text", "arguments", "code", "says"),
    [
        ("a.log", "", (), 3, "the file is empty"),
        ("a.log", "hello\n", (), 3, "no training run recognized"),
        ("a.log", "step 1 loss 1\n", ("--speed", "fast"), 2, "not a speed"),
        ("a.log", "step 1 loss 1\n", ("--speed", "0"), 2, "not a speed"),
        ("a.rec", "runwatch recording 9\n", (), 3, "another version"),
        ("a.rec", HEAD.decode(), (), 3, "nothing was recorded"),
        ("a.rec", HEAD.decode() + "rubbish", (), 3, "nothing was recorded"),
    ],
)
def test_what_cannot_be_played_is_one_line(tmp_path, name, text, arguments, code, says):
    (tmp_path / name).write_text(text)
    done = called("replay", tmp_path / name, "--headless", *arguments)
    assert done.returncode == code
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_directory_and_a_missing_file_are_one_line(tmp_path):
    for path, says in ((tmp_path, "replay plays one log"), (tmp_path / "no.log", "no such file")):
        done = called("replay", path, "--headless")
        assert done.returncode == 3
        assert says in done.stderr
        assert "--wait" not in done.stderr
