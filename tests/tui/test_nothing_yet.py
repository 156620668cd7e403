"""What the screen says while there is no run, no step, no log or nothing that can be read."""

from __future__ import annotations

import msgspec
import pytest

from runwatch.core.snapshot import Progress, RunRow, Saving, Snapshot

from .fake_engine import picture
from .test_screens import DETAILS, words


async def test_empty_says_what_it_waits_for(open_app):
    async with open_app((80, 24), make=lambda view: Snapshot(1e6)) as s:
        assert "waiting for a run in train.log" in s.text()


async def test_no_step_yet(open_app):
    async with open_app((80, 24), metrics=(), phase="starting", progress=Progress(), age=None) as s:
        assert "waiting for the first training step" in s.text()
        assert "/runs/llama/train.log" in s.text()
        assert "no step yet" in s.text()
        await s.push(step=10)
        assert "waiting" not in s.text()
        assert s.view.query_one("#main-0").display


async def test_a_directory_of_other_files_says_that_none_is_a_run(open_app):
    bare = {"metrics": (), "phase": "starting", "progress": Progress(), "format": None}

    def many(view):
        shown = picture(view, **bare)
        rows = tuple(RunRow(f"n{i}", f"note{i}", "starting", Progress()) for i in range(119))
        return msgspec.structs.replace(shown, runs=(msgspec.structs.replace(rows[0], id="r1"), *rows))

    async with open_app((80, 24), make=many) as s:
        await s.press("1")
        assert "no training step was recognized in any of 120 logs" in s.text()
        assert "looking for *.log" in s.text()
        assert "runwatch formats /runs/llama/train.log" in s.text()
        assert "waiting" not in s.text()


async def test_a_path_cannot_slip_a_command_into_the_advice(open_app):
    bare = {"metrics": (), "phase": "starting", "progress": Progress(), "format": None}
    async with open_app((100, 30), **bare, log_source="/x/$(reboot) y.log") as s:
        assert "runwatch formats '/x/$(reboot) y.log'" in s.text()


async def test_a_run_of_which_only_checkpoints_are_watched_says_so(open_app):
    bare = {
        "metrics": (),
        "phase": "starting",
        "progress": Progress(),
        "age": None,
        "log": (),
        "log_source": "",
        "format": None,
        "saving": Saving(last_good=40_000, present=1_400),
    }
    async with open_app((100, 40), **{**DETAILS, **bare}) as s:
        assert "1,400 checkpoints: last good 40,000" in s.text()
        assert "only checkpoints are here: name the log too" in s.text()
        assert "no log is watched, only checkpoints" in s.text()
        assert "does not exist" not in s.text()


async def test_an_ended_run_without_steps_waits_for_nothing(open_app):
    async with open_app((80, 24), metrics=(), phase="crashed", progress=Progress()) as s:
        assert "no training step was found" in s.text()
        assert "waiting" not in s.text()


@pytest.mark.parametrize("width", [80, 120])
async def test_a_blind_run_says_why_in_full(open_app, width):
    reason = "cannot read /runs/llama/train.log: Permission denied: let this user read it"
    async with open_app((width, 30), phase="blind", reason=reason) as s:
        assert "⊘ BLIND" in s.drawn("#head")
        assert words(s.drawn("#incident-bar")) == f"⊘ BLIND {reason}"
        await s.push(phase="training", reason="")
        assert "▶ RUNNING" in s.drawn("#head")
        assert "cannot read" not in s.text()


async def test_history_is_announced(open_app):
    async with open_app((120, 30), history=0.37) as s:
        assert "reading history 37%" in s.text()


async def test_an_empty_screen_says_what_to_do(open_app):
    async with open_app((100, 30), make=lambda view: Snapshot(1e6)) as s:
        assert "a run is watched from its first line on" in s.text()
        assert "looking for *.log" in s.text()
    unknown = {"metrics": (), "phase": "starting", "progress": Progress(), "format": None}
    async with open_app((100, 30), **unknown) as s:
        assert "runwatch formats /runs/llama/train.log" in s.text()


async def test_a_log_that_is_still_being_read_is_not_called_empty(open_app):
    unread = {
        "metrics": (),
        "phase": "starting",
        "progress": Progress(),
        "log": (),
        "log_source": "",
        "format": None,
        "checkpoints": (),
    }
    async with open_app((100, 30), history=0.0, **unread) as s:
        assert "it is empty" not in s.text()
        assert "READING" in s.drawn("#head"), "as in the list of runs"
        assert "no line yet" not in s.drawn("#head")
        await s.push(history=None, **unread)
        assert "it is empty" in s.text()
        assert "no line yet" in s.drawn("#head")
