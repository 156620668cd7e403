"""Every key, once: bindings, the footer and the help screen are all made from this list."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding, BindingType

RUNS, OVERVIEW, METRICS, RANKS, LOGS, ALERTS, CHECKPOINTS, CONFIGURATION, HELP = (
    "runs",
    "overview",
    "metrics",
    "ranks",
    "logs",
    "alerts",
    "checkpoints",
    "config",
    "help",
)
VIEWS = (RUNS, OVERVIEW, METRICS, RANKS, LOGS, ALERTS, CHECKPOINTS, CONFIGURATION)
"""In the order of their digits, from 0."""
_ALL = frozenset(VIEWS)
_CHARTS = frozenset({OVERVIEW, METRICS})
_LISTS = frozenset({RUNS, RANKS, LOGS, ALERTS, CHECKPOINTS, CONFIGURATION, HELP})


@dataclass(frozen=True)
class Action:
    """Something a person can do with a key."""

    id: str
    """The method `do_ID` of the screen, else of the app, carries it out."""
    keys: tuple[str, ...]
    shown: str
    """The keys as people read them."""
    label: str
    """One or two words for the footer; "" leaves it out of there."""
    description: str
    group: str
    views: frozenset[str] = _ALL
    rank: int = 50
    """Place in the footer; small comes first and stays longest on a narrow screen."""


ACTIONS: tuple[Action, ...] = (
    Action("quit", ("q", "ctrl+c", "ctrl+q"), "q", "Quit", "leave", "everywhere", _ALL | {HELP}, 0),
    Action("help", ("?", "f1"), "?", "Help", "show or close this help", "everywhere", _ALL | {HELP}, 1),
    Action(
        "back", ("escape",), "esc", "Back", "one level up; clear the cursor", "everywhere", _ALL | {HELP}, 5
    ),
    Action("runs", ("0",), "0", "", "all runs", "views", _ALL | {HELP}),
    Action("overview", ("1",), "1", "", "overview of the run", "views", _ALL | {HELP}),
    Action("metrics", ("2",), "2", "", "a chart of every metric", "views", _ALL | {HELP}),
    Action("ranks", ("3",), "3", "", "ranks", "views", _ALL | {HELP}),
    Action("logs", ("4",), "4", "", "the log", "views", _ALL | {HELP}),
    Action("alerts", ("5",), "5", "", "alerts, with evidence and advice", "views", _ALL | {HELP}),
    Action("checkpoints", ("6",), "6", "", "checkpoints and events", "views", _ALL | {HELP}),
    Action("config", ("7",), "7", "", "configuration and sources", "views", _ALL | {HELP}),
    Action("previous_run", ("[",), "[", "", "previous run", "everywhere"),
    Action("next_run", ("]",), "[]", "Run", "next run", "everywhere", rank=40),
    Action("next_alert", ("!",), "!", "Alert", "go to the next firing alert", "everywhere", rank=20),
    Action(
        "acknowledge", ("a",), "a", "Ack", "acknowledge the selected alert", "alerts", frozenset({ALERTS}), 10
    ),
    Action("pause", ("space",), "spc", "Pause", "hold the picture; watching goes on", "everywhere", rank=30),
    Action("panel", ("tab",), "tab", "Panel", "next panel", "panels", _CHARTS, 10),
    Action("panel_back", ("shift+tab",), "shift+tab", "", "previous panel", "panels", _CHARTS),
    Action("zoom", ("enter", "z"), "z", "Zoom", "enlarge the panel, and back", "panels", _CHARTS, 11),
    Action("cursor_left", ("left",), "left", "", "move the cursor to earlier steps", "charts", _CHARTS),
    Action("cursor_right", ("right",), "right", "", "move the cursor to later steps", "charts", _CHARTS),
    Action("log_scale", ("y",), "y", "Log y", "linear or logarithmic y axis", "charts", _CHARTS, 22),
    Action("smoother", ("s",), "s", "Smooth", "smooth more", "charts", _CHARTS, 21),
    Action("rougher", ("S",), "S", "", "smooth less", "charts", _CHARTS),
    Action("shorter", ("+", "="), "+-", "Window", "show fewer of the newest steps", "charts", _CHARTS, 23),
    Action("longer", ("-",), "-", "", "show more steps", "charts", _CHARTS),
    Action(
        "follow",
        ("f",),
        "f",
        "Follow",
        "follow the newest again",
        "everywhere",
        frozenset({OVERVIEW, METRICS, LOGS}),
        24,
    ),
    Action("open", ("enter",), "enter", "Open", "show the selected run", "lists", frozenset({RUNS}), 10),
    Action(
        "jump",
        ("enter",),
        "enter",
        "Chart",
        "the chart at the step of the alert",
        "alerts",
        frozenset({ALERTS}),
        11,
    ),
    Action("jump_log", ("l",), "l", "Log", "the log line of the alert", "alerts", frozenset({ALERTS}), 12),
    Action(
        "measure",
        ("m",),
        "m",
        "Measure",
        "progress, step time, loss or silence of ranks",
        "lists",
        frozenset({RANKS}),
        10,
    ),
    Action("search", ("/",), "/", "Search", "search the log lines at hand", "log", frozenset({LOGS}), 10),
    Action("hit", ("n",), "nN", "Hit", "next hit", "log", frozenset({LOGS}), 11),
    Action("hit_back", ("N",), "N", "", "previous hit", "log", frozenset({LOGS})),
    Action("error", ("e",), "eE", "Error", "next error or warning", "log", frozenset({LOGS}), 12),
    Action("error_back", ("E",), "E", "", "previous error or warning", "log", frozenset({LOGS})),
    Action("wrap", ("w",), "w", "Wrap", "wrap long lines", "log", frozenset({LOGS}), 13),
    Action("source", ("r",), "r", "Source", "the log of the next rank or file", "log", frozenset({LOGS}), 14),
    Action("up", ("up", "k"), "up k", "", "up", "lists", _LISTS),
    Action("down", ("down", "j"), "down j", "", "down", "lists", _LISTS),
    Action("page_up", ("pageup",), "PgUp", "", "page up", "lists", _LISTS | {METRICS}),
    Action("page_down", ("pagedown",), "PgDn", "Page", "page down", "lists", _LISTS | {METRICS}, 25),
    Action("top", ("home", "g"), "g", "", "first", "lists", _LISTS),
    Action("bottom", ("end", "G"), "G", "", "last", "lists", _LISTS),
)
BY_ID = {action.id: action for action in ACTIONS}


def bindings(view: str | None = None) -> list[BindingType]:
    """Return one Textual binding per key, of one view or of all.

    They name the app's action, because a modal screen does not look further than
    itself; the app's `check_action` decides which are live.
    """
    return [
        Binding(key, f"app.do('{action.id}')", action.description, show=False)
        for action in ACTIONS
        if view is None or view in action.views
        for key in action.keys
    ]


def of_view(view: str) -> list[Action]:
    """Return the actions of a view in the order of the list."""
    return [action for action in ACTIONS if view in action.views]
