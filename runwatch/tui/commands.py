"""What can be typed behind `:`: every action of the registry, and commands that take a word."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from runwatch.tui import silencing, themes
from runwatch.tui.actions import Action
from runwatch.tui.api import AppApi


@dataclass(frozen=True)
class Command:
    """One command with an argument."""

    name: str
    argument: str
    description: str
    carry_out: Callable[[AppApi, str], str]
    """Takes the argument; returns what was wrong with it, or ""."""


@dataclass(frozen=True)
class Entry:
    """One line of the palette."""

    name: str
    description: str
    keys: str
    argument: str = ""


def _run(app: AppApi, word: str) -> str:
    rows = app.scene.snapshot.runs if app.scene.snapshot else ()
    found = [row for row in rows if row.name == word] or [
        row for row in rows if word.lower() in row.name.lower()
    ]
    if not found:
        return f"no run is called {word}"
    app.choose_run(found[0].id)
    return ""


def _goto(app: AppApi, word: str) -> str:
    try:
        step = int(word.replace(",", "").replace("_", ""))
    except ValueError:
        return f"{word} is no step"
    app.go_to_step(step)
    return ""


def _window(app: AppApi, word: str) -> str:
    if word == "all":
        app.scene.window = app.scene.right = None
    elif word.isdecimal() and int(word) > 1:
        app.scene.window = int(word)
    else:
        return "how many steps? a number, or all"
    app.refresh_view()
    return ""


def _theme(app: AppApi, word: str) -> str:
    if word not in themes.NAMES:
        return f"no such theme; there are {', '.join(themes.NAMES)}"
    app.use_theme(word)
    return ""


def _search(app: AppApi, word: str) -> str:
    app.search_log(word)
    return ""


def _metric(app: AppApi, word: str) -> str:
    names = [item.metric for item in app.scene.run.latest] if app.scene.run else []
    found = [name for name in names if name == word] or [
        name for name in names if word.lower() in name.lower()
    ]
    if not found:
        return f"no metric is called {word}"
    app.show_metric(found[0])
    return ""


def _silence(app: AppApi, word: str) -> str:
    rule, _, span = word.partition(" ")
    span = span.strip() or "1h"
    row = next((row for row in app.scene.incidents() if row.rule == rule), None)
    if span not in silencing.SPANS:
        return f"for how long? {', '.join(silencing.SPANS)}"
    if row is None or app.scene.snapshot is None:
        return f"no alert here is of the rule {rule}"
    app.link.send(silencing.request(row, span, app.scene.snapshot.time + app.scene.since_frame()))
    return ""


def _export(app: AppApi, word: str) -> str:
    return app.export(word)


COMMANDS = (
    Command("run", "NAME", "show the run of that name", _run),
    Command("metric", "NAME", "one chart, large", _metric),
    Command("goto", "STEP", "put the cursor of the charts at a step", _goto),
    Command("window", "STEPS", "show so many steps in charts; all for the whole run", _window),
    Command("find", "TEXT", "search the log", _search),
    Command("silence", "RULE", "send nothing about a rule for 1h, or as said: silence RULE 4h", _silence),
    Command("export", "csv|json", "save the numbers of the chart in the working directory", _export),
    Command("theme", "NAME", ", ".join(themes.NAMES), _theme),
)  # fmt: skip
_BY_NAME = {command.name: command for command in COMMANDS}


def entries(actions: Iterable[Action]) -> list[Entry]:
    """Return what the palette offers: these actions, then the commands that take a word."""
    out = [Entry(action.id.replace("_", " "), action.description, action.told) for action in actions]
    return out + [Entry(c.name, c.description, "", c.argument) for c in COMMANDS]


def matching(offered: Iterable[Entry], typed: str) -> list[Entry]:
    """Return what fits the typed text, the best first: by its beginning, by a part, by letters in order."""
    wanted = typed.strip().lower()
    word = wanted.partition(" ")[0]

    def place(entry: Entry) -> int | None:
        name, text = entry.name, f"{entry.name} {entry.description}".lower()
        if entry.argument and word == name:
            return 0
        if name.startswith(wanted):
            return 1
        if wanted in text:
            return 2 if wanted in name else 3
        rest = iter(name)
        return 4 if wanted and all(letter in rest for letter in wanted) else None

    ranked = [(rank, entry) for entry in offered if (rank := place(entry)) is not None]
    return [entry for _, entry in sorted(ranked, key=lambda pair: pair[0])]


def carry_out(app: AppApi, entry: Entry, typed: str) -> str:
    """Do what an entry says; return what is wrong, or ""."""
    if not entry.argument:
        app.action_do(entry.name.replace(" ", "_"))
        return ""
    word = typed.strip().partition(" ")[2].strip()
    if not word:
        return f"{entry.name} needs {entry.argument}"
    return _BY_NAME[entry.name].carry_out(app, word)
