"""Each action of the registry, pressed where it belongs: it must do something that can be seen or heard.

An action that is added without a way to press it here makes `test_no_action_is_left_out` fail.
"""

import msgspec
import pytest
from textual.widgets import Input

from runwatch.core.snapshot import EventRow, IncidentRow, Progress, StageRow
from runwatch.tui import actions
from runwatch.tui.actions import ACTIONS, HELP, VIEWS, Registry

from .fake_engine import CHECKPOINTS, OLD, SLOW, SPIKE, picture

LINES = tuple(
    (n, f"[rank{n % 2}] step {n} loss 2.3" + (" ValueError: bad" * 9 if n % 9 == 0 else ""))
    for n in range(1, 80)
)
LONG = IncidentRow(
    "i4", "r1", "hang", "critical", "firing", "no progress for 19 min while training", step=41_000, line=60, since=999_000.0,
    advice="Look at the stacks of all ranks.", evidence={f"seen_{i}": i for i in range(40)},
)  # fmt: skip
RICH = {
    "ranks": 64, "incidents": (LONG, SPIKE, SLOW, OLD), "link": "https://wandb.ai/a/b/runs/c", "log": LINES,
    "log_read": ((1, 0.0), (3, 7.0)), "checkpoints": CHECKPOINTS * 9, "parallel": {"tp": 2, "pp": 4},
    "events": tuple(EventRow("error", f"error {i}", i, i) for i in range(60)),
    "stages": tuple(StageRow(key, name, "training", Progress(9)) for key, name in (("r0", "base"), ("r1", "sft"))),
    "metrics": ("train/loss", "perf/step_time", *(f"reward/{i}" for i in range(40))),
}  # fmt: skip
"""A run in which nearly every key has something to do."""
BEFORE: dict[tuple[str, str], tuple[str, ...]] = {
    **{("overview", key): ("left",) for key in ("back", "follow", "at_log")},
    ("overview", "cursor_right"): ("left", "left"), ("overview", "pan_right"): ("H", "H"),
    ("overview", "longer"): ("plus", "plus"),
    ("metrics", "page_up"): ("pagedown",), ("metrics", "follow"): ("left",),
    ("logs", "hit"): ("slash", *"step 7", "enter"), ("logs", "hit_back"): ("slash", *"step 7", "enter"),
    ("logs", "only"): ("slash", *"step 7", "enter"), ("logs", "follow"): ("up",), ("logs", "down"): ("up", "up"),
    ("logs", "page_down"): ("home",), ("logs", "bottom"): ("home",), ("logs", "next_bookmark"): ("up", "b", "up"),
    ("logs", "error"): ("home",), ("runs", "up"): ("down",), ("ranks", "up"): ("down",), ("alerts", "up"): ("down",),
    ("checkpoints", "up"): ("down",), ("config", "up"): ("down",), ("help", "up"): ("down",),
    **{(view, key): ("end",) for view in ("runs", "ranks", "alerts", "checkpoints", "config", "help") for key in ("page_up", "top")},
}  # fmt: skip
"""Keys that make an action possible, by view and action."""
ELSEWHERE = {
    "retry": "test_restart.py: only a lost engine can be started again",
    "quit": "test_keys.py: leaves",
    "suspend": "cli/test_screen.py: needs a terminal",
    **dict.fromkeys(actions.CONTROLS, "test_replay.py: only a replay can be played otherwise"),
}


def pressed_in(view: str) -> list[str]:
    """Return the actions to press in a view; what is the same in several views is pressed in the overview."""
    shared = {
        action.id for action in ACTIONS if action.views >= set(VIEWS) or action.group in {"charts", "panels"}
    }
    return [
        action.id
        for action in ACTIONS
        if view in action.views
        and action.id not in ELSEWHERE
        and (action.id not in shared or view == actions.OVERVIEW)
        and action.id != view
    ]


def test_no_action_is_left_out():
    pressed = (
        {action for view in (*VIEWS, HELP) for action in pressed_in(view)} | ELSEWHERE.keys() | {"overview"}
    )
    assert pressed == {action.id for action in ACTIONS}
    assert ELSEWHERE.keys() <= {action.id for action in ACTIONS}
    assert all(action in Registry().by_id for _, action in BEFORE)


def test_each_key_is_bound_to_its_action():
    for view in (*VIEWS, HELP):
        bound = {binding.key: binding.action for binding in Registry().bindings(view)}
        for action in Registry().of_view(view):
            assert all(bound[key] == f"app.do('{action.id}')" for key in action.keys), (view, action.id)


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.deep)])
@pytest.mark.parametrize(
    "view",
    ["overview", *(pytest.param(v, marks=pytest.mark.deep) for v in (*VIEWS, HELP) if v != "overview")],
)
async def test_each_action_does_something(open_app, monkeypatch, tmp_path, view, every):
    monkeypatch.chdir(tmp_path)  # where a picture of the screen is saved

    def make(asked):
        chosen = picture(asked, **RICH)
        log = tuple(line for line in LINES if asked.log_before is None or line[0] <= asked.log_before)
        run = msgspec.structs.replace(chosen.run, log=log[-asked.log_lines :] if asked.log_lines else ())
        return msgspec.structs.replace(chosen, run=run)

    async with open_app((120, 30), make=make) as s:
        copied = []
        monkeypatch.setattr(s.app, "copy_to_clipboard", copied.append)

        def seen():
            return s.text(), s.app.screen.focused, s.app.theme, len(s.engine.requests), len(copied)

        async def clean():
            if isinstance(s.app.focused, Input):
                await s.press("escape")
            if s.view.view == actions.LOGS:
                s.view.log_view.lines.rank, s.view.log_view.lines.only = None, False
                s.view.log_view.search(None)
                s.view.log_view.follow()
            while len(s.app.screen_stack) > 2:
                s.app.pop_screen()
            s.app.scene.__dict__.update(start)
            s.view.__dict__.update({name: False for name in ("detail", "alone") if hasattr(s.view, name)})
            s.app.open_view(actions.OVERVIEW if view == HELP else view)
            if view == HELP:
                s.app.do_help()
            s.app.refresh_view()
            await s.settle()

        kept = (
            "cursor",
            "right",
            "window",
            "filters",
            "paused",
            "log_source",
            "grouping",
            "measure",
            "incident",
        )
        start = {name: getattr(s.app.scene, name) for name in kept}
        for name in pressed_in(view)[::every]:
            await clean()
            await s.press(*BEFORE.get((view, name), ()))
            assert s.app.available(name), f"{name} cannot be pressed in {view}: tell BEFORE what it needs"
            was = seen()
            await s.press(Registry().by_id[name].keys[0])
            assert seen() != was, f"{name} does nothing in {view}"
