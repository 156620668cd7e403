"""Every key, once: bindings, footer, help, palette and remapping are all made from this list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from textual.binding import Binding, BindingType
from textual.keys import _character_to_key

from runwatch.core.errors import ConfigError
from runwatch.core.known_names import check_names
from runwatch.render.glyphs import Glyphs

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
_VIEWS = frozenset(VIEWS)
_ALL = _VIEWS | {HELP}
_CHARTS = frozenset({OVERVIEW, METRICS})
_LISTS = frozenset({RUNS, RANKS, LOGS, ALERTS, CHECKPOINTS, CONFIGURATION, HELP})
_FILTERED = frozenset({RUNS, METRICS, CONFIGURATION, HELP})
CONTROLS = {
    "replay_back": ("share", -0.05),
    "replay_on": ("share", 0.05),
    "replay_incident": ("incident", 0.0),
    "replay_slower": ("speed", 0.5),
    "replay_faster": ("speed", 2.0),
}
"""Actions of a replay: what the engine is asked to do, and by how much."""
_LOG, _RANKS, _ALERTS = frozenset({LOGS}), frozenset({RANKS}), frozenset({ALERTS})
_NAMED = {
    "escape": "esc",
    "comma": ",",
    "pageup": "PgUp",
    "pagedown": "PgDn",
}


@dataclass(frozen=True)
class Action:
    """Something a person can do with a key."""

    id: str
    """The method `do_ID` of the screen, else of the app, carries it out."""
    keys: tuple[str, ...]
    label: str
    """One or two words for the footer; "" leaves it out of there."""
    description: str
    group: str
    views: frozenset[str] = _VIEWS
    rank: int = 50
    """Place in the footer; small comes first and stays longest on a narrow screen."""
    paired: bool = False
    """Whether the footer shows the key of the action that follows it too."""
    follows: str = ""
    """Id of the action that it reverses or repeats: the help names both in one line."""

    @property
    def all_keys(self) -> str:
        """All its keys, as the palette shows them."""
        return " ".join(_NAMED.get(key, key) for key in self.keys)

    @property
    def first_keys(self) -> tuple[str, ...]:
        """Its first two keys, as the help shows them."""
        return tuple(_NAMED.get(key, key) for key in self.keys[:2])


ACTIONS: tuple[Action, ...] = (
    Action("quit", ("q", "ctrl+c", "ctrl+q"), "Quit", "leave", "everywhere", _ALL, 0),
    Action("help", ("?", "f1"), "Help", "the keys, and what is on the screen", "everywhere", _ALL, 1),
    Action("guide", ("i",), "", "what each area of this view is, one after the other", "everywhere", _ALL),
    Action("back", ("escape",), "Back", "one level up; clear cursor, filter and zoom", "everywhere", _ALL, 5),
    Action("palette", (":", "ctrl+p"), "Cmd", "find and run any command", "everywhere", rank=6),
    Action("suspend", ("ctrl+z",), "", "back to the shell; fg returns here", "everywhere", _ALL),
    Action("retry", ("R",), "Watch again", "start watching again after it stopped", "everywhere", rank=2),
    Action("runs", ("0",), "", "all runs", "views", _ALL),
    Action("overview", ("1",), "", "overview of the run", "views", _ALL),
    Action("metrics", ("2",), "", "a chart of every metric", "views", _ALL),
    Action("ranks", ("3",), "", "ranks, GPUs and processes", "views", _ALL),
    Action("logs", ("4",), "", "the log", "views", _ALL),
    Action("alerts", ("5",), "", "alerts, with evidence and advice", "views", _ALL),
    Action("checkpoints", ("6",), "", "checkpoints and events", "views", _ALL),
    Action("config", ("7",), "", "configuration and sources", "views", _ALL),
    Action("previous_run", ("[",), "Run", "previous run", "everywhere", rank=40, paired=True),
    Action("next_run", ("]",), "", "next run", "everywhere", follows="previous_run"),
    Action("previous_stage", ("{",), "Stage", "previous stage", "everywhere", rank=41, paired=True),
    Action("next_stage", ("}",), "", "next stage", "everywhere", follows="previous_stage"),
    Action("next_alert", ("!",), "Alert", "go to the next firing alert", "everywhere", rank=20),
    Action("pause", ("space",), "Pause", "hold the picture; watching continues", "everywhere", rank=30),
    Action("replay_back", ("comma",), "Seek", "replay: seek back", "replay", rank=31, paired=True),
    Action("replay_on", (".",), "", "replay: seek forward", "replay", follows="replay_back"),
    Action("replay_incident", ("I",), "Incident", "replay: play to the next incident", "replay", rank=32),
    Action("replay_slower", ("(",), "Speed", "replay: half the speed", "replay", rank=33, paired=True),
    Action("replay_faster", (")",), "", "replay: twice the speed", "replay", follows="replay_slower"),
    Action("screenshot", ("P",), "", "save this screen as SVG and as text", "everywhere"),
    Action("copy", ("Y",), "", "copy the selected line, alert or value to the clipboard", "everywhere"),
    Action("link", ("O",), "", "show and copy the address of the run's page on W&B", "everywhere"),
    Action("theme", ("T",), "", "choose a theme, seen at once: dark, light, nord and others", "everywhere"),
    Action("acknowledge", ("a",), "Ack", "acknowledge the selected alert", "alerts", _ALERTS, 11),
    Action("silence", ("s",), "Silence", "send nothing about this", "alerts", _ALERTS | {RUNS}, 10),
    Action("unsilence", ("u",), "", "end a silence", "alerts", _ALERTS, follows="silence"),
    Action("evidence", ("v",), "Evidence", "the evidence alone and in full, and back", "alerts", _ALERTS, 14),
    Action("panel", ("tab",), "Panel", "next panel", "panels", _CHARTS | {CHECKPOINTS}, 10),
    Action(
        "panel_back", ("shift+tab",), "", "previous panel", "panels", _CHARTS | {CHECKPOINTS},
        follows="panel",
    ),
    Action("zoom", ("z", "enter"), "Zoom", "enlarge the panel, and back", "panels", _CHARTS, 11),
    Action(
        "cursor_left", ("left", "h"), "Values", "a line through the charts, with the values there", "charts",
        _CHARTS, 21, paired=True,
    ),
    Action(
        "cursor_right", ("right", "l"), "", "move that line to later steps", "charts", _CHARTS,
        follows="cursor_left",
    ),
    Action("pan_left", ("shift+left", "H"), "", "show earlier steps", "charts", _CHARTS),
    Action("pan_right", ("shift+right", "L"), "", "show later steps", "charts", _CHARTS, follows="pan_left"),
    Action(
        "shorter", ("+", "="), "Window", "fewer steps, around the cursor", "charts", _CHARTS, 23, paired=True,
    ),
    Action("longer", ("-",), "", "more steps", "charts", _CHARTS, follows="shorter"),
    Action("axis", ("x",), "Axis", "x axis: steps, time, tokens", "charts", _CHARTS, 26),
    Action(
        "log_steps", ("X",), "Log x", "linear or logarithmic x axis", "charts", _CHARTS, 27,
        follows="log_scale",
    ),
    Action("log_scale", ("y",), "Log y", "linear or logarithmic y axis", "charts", _CHARTS, 25),
    Action("smoother", ("s",), "Smooth", "smooth more; raw values stay behind", "charts", _CHARTS, 24),
    Action("rougher", ("S",), "", "smooth less", "charts", _CHARTS, follows="smoother"),
    Action("compare", ("c",), "Compare", "lay other runs over the charts", "charts", _CHARTS | {RUNS}, 12),
    Action("marks", ("a",), "", "show or hide marks and shades", "charts", _CHARTS),
    Action("at_log", ("o",), "Log", "the log line at the cursor", "charts", _CHARTS, 22),
    Action("follow", ("f",), "Follow", "follow the newest again", "everywhere", _CHARTS | _LOG, 12),
    Action("open", ("enter",), "Open", "show the selected run", "lists", frozenset({RUNS}), 8),
    Action("mark", ("m",), "Mark", "choose this run for c and s, or not", "lists", frozenset({RUNS}), 9),
    Action("group_runs", ("n",), "Group", "by state, host, directory; all", "lists", frozenset({RUNS}), 14),
    Action("reverse", ("r",), "", "sort the other way round", "lists", frozenset({RUNS})),
    Action("jump", ("enter",), "Chart", "the chart at the step of the alert", "alerts", _ALERTS, 11),
    Action("jump_log", ("l", "o"), "Log", "the log line of the alert", "alerts", _ALERTS, 12),
    Action("detail", ("enter",), "Detail", "what is known of the selected rank", "ranks", _RANKS, 9),
    Action("measure", ("d",), "Data", "what the cells show, in turn", "ranks", _RANKS, 10),
    Action("group", ("n",), "Group", "by node, by tp, cp, pp and dp if known, all", "ranks", _RANKS, 11),
    Action(
        "sort", (">",), "Sort", "sort the table by the next column", "lists", _RANKS | {RUNS}, 12,
        paired=True,
    ),
    Action(
        "sort_back", ("<",), "", "sort the table by the previous column", "lists", _RANKS | {RUNS},
        follows="sort",
    ),
    Action("table", ("t",), "Table", "cells and table, table alone, cells alone", "ranks", _RANKS, 13),
    Action("filter", ("/",), "Filter", "show only what has some words", "lists", _FILTERED, 11),
    Action("search", ("/",), "Search", "search the log lines that are kept", "log", _LOG, 10),
    Action("hit", ("n",), "Hit", "next hit", "log", _LOG, 11, paired=True),
    Action("hit_back", ("N",), "", "previous hit", "log", _LOG, follows="hit"),
    Action("only", ("&",), "Only hits", "show only lines that match the search", "log", _LOG, 16),
    Action("error", ("e",), "Error", "next error or warning", "log", _LOG, 13, paired=True),
    Action("error_back", ("E",), "", "previous error or warning", "log", _LOG, follows="error"),
    Action("wrap", ("w",), "Wrap", "wrap long lines", "log", _LOG, 17),
    Action("times", ("t",), "", "when each line was read, in front of it", "log", _LOG),
    Action("source", ("r",), "File", "the log of the next file", "log", _LOG, 15),
    Action("rank", ("p",), "Rank", "only the lines of one rank, then of the next", "log", _LOG, 15),
    Action("bookmark", ("b",), "", "bookmark this line, or take that away", "log", _LOG),
    Action("next_bookmark", ("B",), "", "next bookmark", "log", _LOG, follows="bookmark"),
    Action("at_chart", ("enter",), "Chart", "the charts at the step of this line", "log", _LOG, 14),
    Action("up", ("up", "k"), "", "up", "lists", _LISTS),
    Action("down", ("down", "j"), "", "down", "lists", _LISTS, follows="up"),
    Action("page_up", ("pageup", "ctrl+b"), "", "page up", "lists", _LISTS | {METRICS}),
    Action(
        "page_down", ("pagedown", "ctrl+f"), "Page", "page down", "lists", _LISTS | {METRICS}, 31,
        follows="page_up",
    ),
    Action("top", ("home", "g"), "", "first", "lists", _LISTS),
    Action("bottom", ("end", "G"), "", "last", "lists", _LISTS, follows="top"),
)  # fmt: skip


class Registry:
    """The actions with the keys that this person has given them."""

    def __init__(self, actions: tuple[Action, ...] = ACTIONS) -> None:
        self.actions = actions
        self.by_id = {action.id: action for action in actions}

    def bindings(self, view: str | None = None) -> list[BindingType]:
        """Return one Textual binding per key, of one view or of all.

        They name the app's action, because a modal screen does not look further than
        itself; the app's `check_action` decides which are live.
        """
        return [
            Binding(key, f"app.do('{action.id}')", action.description, show=False)
            for action in self.actions
            if view is None or view in action.views
            for key in action.keys
        ]

    def shown(self, name: str, glyphs: Glyphs) -> str:
        """Return the key of an action as screens write it, with that of its pair."""
        signs = {**_NAMED, "space": "spc", "left": glyphs.left, "right": glyphs.right}
        pair = (each for each in self.actions if each.follows == name and self.by_id[name].paired)
        keys = [signs.get(each.keys[0], each.keys[0]) for each in (self.by_id[name], *pair)]
        return ("" if all(len(key) == 1 for key in keys) else " ").join(keys)

    def of_view(self, view: str) -> list[Action]:
        """Return the actions of a view in the order of the list."""
        return [action for action in self.actions if view in action.views]


def registry(keys: Mapping[str, tuple[str, ...] | str], where: Callable[[str], str] = str) -> Registry:
    """Return the actions with the keys of the section [keys].

    Raises ConfigError for an action that does not exist, for one without a key, and
    for a key that would mean two things in one view; `where` returns an action's place in the file.
    """
    check_names(keys, (action.id for action in ACTIONS), where)
    chosen = {name: (given,) if isinstance(given, str) else tuple(given) for name, given in keys.items()}
    for name, given in chosen.items():
        if not given or not all(given) or any("," in key for key in given):
            raise ConfigError("an action needs a key", where(name), f'such as {name} = "f5"')
    actions = tuple(
        replace(action, keys=chosen[action.id]) if action.id in chosen else action for action in ACTIONS
    )
    for view in (*VIEWS, HELP):
        taken: dict[str, str] = {}
        for action in actions:
            for key in action.keys if view in action.views else ():
                other = taken.setdefault(_plain(key), action.id)
                if other != action.id:
                    place = where(action.id if action.id in chosen else other)
                    raise ConfigError(
                        f"the key {key!r} would mean both {other!r} and {action.id!r} in {view}",
                        place,
                        "give one of them another key",
                    )
    return Registry(actions)


def _plain(key: str) -> str:
    """Return a key's name, however it was written."""
    return _character_to_key(key) if len(key) == 1 else key
