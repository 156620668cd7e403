"""What can be typed behind `:`: actions of all views, commands that take a word, and all that has a name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from runwatch.core import metrics
from runwatch.render import run_table, states
from runwatch.render.charts.smooth import FACTORS
from runwatch.tui import actions, choose, silencing, themes
from runwatch.tui.actions import Action
from runwatch.tui.api import AppApi
from runwatch.tui.scene import Scene
from runwatch.tui.step_range import WINDOWS
from runwatch.tui.widgets.charts import MOST_COMPARED

_ALSO = {
    "acknowledge": "seen",
    "checkpoints": "last good checkpoint, saved",
    "compare": "two runs, overlay, difference",
    "config": "hyperparameters, settings, files",
    "logs": "traceback, output",
    "nonfinite": "nan, inf",
    "ranks": "slow rank, straggler, gpu",
    "silence": "mute, snooze, for an hour",
    "theme": "colors, dark, light",
}
"""Other words for an action or a rule."""
_LONGEST_STEP = 15
"""Digits of a step."""
_CHECKPOINTS = 20
"""Checkpoints that are offered, the newest."""
_SCATTERED = 3
"""Letters from which on a name is found that has them anywhere, in order."""
Act = Callable[[AppApi, str], str | None]
"""Takes the word behind the name, "" for none; returns what was wrong, if anything."""


@dataclass(frozen=True)
class Entry:
    """One line of the palette."""

    name: str
    description: str
    act: Act
    keys: str = ""
    argument: str = ""
    """What the word behind the name is, where one is needed."""
    also: str = ""
    """Other words that people look for it by."""


def _run(app: AppApi, word: str) -> str:
    rows = app.scene.runs
    found = [row for row in rows if row.name == word] or [
        row for row in rows if word.lower() in row.name.lower()
    ]
    if not found:
        return f"no run is called {word}"
    app.choose_run(found[0].id)
    return ""


def _steps(word: str) -> int | None:
    """Return how many steps a text says; None if it says none, or more than any run has."""
    digits = word.replace(",", "").replace("_", "")
    return int(digits) if digits.isdecimal() and len(digits) <= _LONGEST_STEP else None


def _goto(app: AppApi, word: str) -> str:
    if (step := _steps(word)) is None:
        return f"{word[:40]} is no step"
    app.go_to_step(step)
    return ""


def _window(app: AppApi, word: str) -> str:
    if word == "all":
        app.scene.show_all()
    elif (steps := _steps(word)) is not None and steps > 1:
        app.scene.window = steps
    else:
        return "how many steps? a number, or all"
    app.refresh_view()
    return ""


def _theme(app: AppApi, word: str) -> str:
    if word not in themes.NAMES:
        return f"no such theme; there are {', '.join(themes.NAMES)}"
    app.use_theme(word)
    return ""


def _metric(app: AppApi, word: str) -> str:
    names = [item.metric for item in app.scene.run.latest] if app.scene.run else []
    wanted = word.lower().replace(" ", "_")
    found = [name for name in names if word in {name, metrics.label(name)}] or [
        name for name in names if wanted in name.lower() or word.lower() in metrics.label(name).lower()
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
    if row is None:
        return f"no alert here is of the rule {rule}"
    app.link.send(silencing.request(row, span, app.scene.engine_time()))
    return ""


_COMMANDS = (
    Entry("run", "show the run of that name", _run, argument="NAME"),
    Entry("metric", "one chart, large", _metric, argument="NAME"),
    Entry("goto", "put the cursor of the charts at a step", _goto, argument="STEP"),
    Entry("window", "show so many steps in charts; all for the whole run", _window, argument="STEPS"),
    Entry("find", "search the log", lambda app, word: app.search_log(word), argument="TEXT"),
    Entry(
        "silence", "send nothing about a rule for 1h; RULE 4h: for 4h", _silence, argument="RULE",
        also=_ALSO["silence"],
    ),
    Entry(
        "export", "save the numbers of the chart in the working directory",
        lambda app, word: app.export(word), argument="csv|json",
    ),
    Entry("theme", "use the colors of that theme", _theme, argument="NAME"),
)  # fmt: skip


def of_actions(known: Iterable[Action]) -> list[Entry]:
    """Return the actions of the view that is up; what leaves is not the first."""
    return [_action(action, "") for action in sorted(known, key=lambda action: action.id == "quit")]


def _action(action: Action, view: str) -> Entry:
    def act(app: AppApi, word: str) -> None:
        if view:
            app.do_there(view, action.id)
        elif app.available(action.id):
            app.action_do(action.id)

    where = f" (in {view})" if view else ""
    name, also = action.id.replace("_", " "), _ALSO.get(action.id, "")
    return Entry(name, action.description + where, act, action.all_keys, also=also)


def elsewhere(app: AppApi, view: str) -> Iterator[Entry]:
    """Yield what other views can do; running it goes there first."""
    run = app.scene.run
    nothing_there = {
        actions.ALERTS: not app.scene.incidents(),
        actions.RANKS: not (run and run.ranks),
    }
    for action in app.scene.registry.actions:
        there = next((each for each in actions.VIEWS if each in action.views), None)
        if view not in action.views and there and not nothing_there.get(there):
            yield _action(action, there)


def silences(scene: Scene) -> Iterator[Entry]:
    """Yield a silence of the usual time for each rule with a firing alert."""
    also = f"silence for an hour, {_ALSO['silence']}"
    for rule in dict.fromkeys(incident.rule for incident in scene.firing()):
        word, span = f"{rule} {silencing.USUAL}", silencing.WORDS[silencing.USUAL]
        yield Entry(f"silence {word}", f"send nothing about it for {span}", _with(_silence, word), also=also)


def things(app: AppApi) -> Iterator[Entry]:
    """Yield what there is by name: runs, metrics, alerts, checkpoints, rules, themes and settings."""
    scene = app.scene
    for row in scene.runs:
        yield Entry(f"run {row.name}", states.phase_word(states.phase_of(row)).lower(), _chosen(row.id))
    for row in scene.runs:
        if scene.run is not None and row.id != scene.run.id:
            yield Entry(f"compare {row.name}", f"lay it over the charts of {scene.run.name}", _laid(row.id))
    for column in run_table.sortable(scene.runs) if len(scene.runs) > 1 else ():
        what = f"the list of runs, by {column or 'what needs attention'}"
        yield Entry(f"sort {column or run_table.WORST}", what, _sorted(column))
    for name in choose.of_run(scene.run):
        yield Entry(f"metric {metrics.label(name)}", f"chart of {name}", _shown(name))
    for incident in scene.incidents():
        yield Entry(
            f"alert {incident.rule}", incident.title, _alert(incident.id), also=incident.title.lower()
        )
    for checkpoint in scene.run.checkpoints[:_CHECKPOINTS] if scene.run else ():
        if checkpoint.at is not None:
            yield Entry(f"checkpoint {checkpoint.at}", "the charts at its step", _at(checkpoint.at))
    for rule, summary in app.rules():
        yield Entry(f"rule {rule}", summary, _rule(rule, summary), also=_ALSO.get(rule, ""))
    for name in themes.NAMES:
        yield Entry(f"theme {name}", themes.WORDS.get(name, ""), _with(_theme, name))
    yield from _settings(scene)


def _settings(scene: Scene) -> Iterator[Entry]:
    for factor in FACTORS:
        text = f"{factor:g}" if factor else "off"
        yield Entry(f"smooth {text}", "smoothing of charts", _set("smoothing", factor))
    for axis in scene.axes():
        yield Entry(f"axis {axis}", "x axis of charts", _set("axis", axis))
    for log, text in ((False, "linear"), (True, "log")):
        yield Entry(f"x {text}", "x axis of charts", _set("log_x", log))
        yield Entry(f"y {text}", "y axis of charts", _set("log_y", log))
    for window in WINDOWS:
        text = "all" if window is None else f"{window}"
        also = "reset zoom, whole run" if window is None else ""
        yield Entry(f"window {text}", "steps shown in charts", _with(_window, text), also=also)


def _with(act: Act, word: str) -> Act:
    return lambda app, _: act(app, word)


def _set(name: str, value: object) -> Act:
    def act(app: AppApi, word: str) -> None:
        setattr(app.scene, name, value)
        app.refresh_view()

    return act


def _chosen(run: str) -> Act:
    return lambda app, _: app.choose_run(run)


def _laid(run: str) -> Act:
    """Lay a run over the charts, next to those that are there."""

    def act(app: AppApi, word: str) -> None:
        app.scene.lay_over(tuple(dict.fromkeys((*app.scene.compare, run)))[-MOST_COMPARED:])
        app.open_view(actions.OVERVIEW)
        app.refresh_view()

    return act


def _sorted(column: str) -> Act:
    def act(app: AppApi, word: str) -> None:
        app.scene.order = run_table.Order(column)
        app.open_view(actions.RUNS)
        app.refresh_view()

    return act


def _shown(metric: str) -> Act:
    return lambda app, _: app.show_metric(metric)


def _at(step: int) -> Act:
    return lambda app, _: _goto(app, str(step))


def _alert(incident: str) -> Act:
    def act(app: AppApi, word: str) -> None:
        app.scene.incident = incident
        app.open_view(actions.ALERTS)
        app.refresh_view()

    return act


def _rule(name: str, summary: str) -> Act:
    """Go to the newest alert of a rule; where this run has none, say so, and what it looks for."""

    def act(app: AppApi, word: str) -> str | None:
        found = next((row for row in app.scene.incidents() if row.rule == name), None)
        if found is not None:
            return _alert(found.id)(app, word)
        return f"{f'no alert in {app.scene.run.name}; ' if app.scene.run else ''}{name}: {summary}"

    return act


def entries(app: AppApi, view: str, known: Iterable[Action]) -> list[Entry]:
    """Return what the palette offers: actions of this view, commands, other views, things by name."""
    return [*of_actions(known), *silences(app.scene), *_COMMANDS, *elsewhere(app, view), *things(app)]


def matching(offered: Iterable[Entry], typed: str) -> list[Entry]:
    """Return what fits the typed text, the best first: by its beginning, by other words for it, by a word.

    Then what has it within a word, then what has all of its words somewhere. What only has its letters in
    order is there if nothing else is.
    """
    wanted = typed.strip().lower()
    word, *more = wanted.split(" ", 1)
    parts = wanted.split()

    def place(entry: Entry) -> int | None:
        name, text = entry.name.lower(), f"{entry.name} {entry.description} {entry.also}".lower()
        known = f" {wanted}" in f" {entry.also}"
        fits = (
            wanted == name,
            (entry.argument and word == name) or (known and more),
            name.startswith(wanted),
            known,
            f" {wanted}" in name,
            f" {wanted}" in text,
            wanted in name,
            wanted in text,
            all(part in text for part in parts),
        )
        return next((number for number, fit in enumerate(fits) if fit), None)

    entries = list(offered)
    ranked = [(rank, entry) for entry in entries if (rank := place(entry)) is not None]
    if ranked or len(wanted) < _SCATTERED:
        return [entry for _, entry in sorted(ranked, key=lambda pair: pair[0])]
    return [entry for entry in entries if _in_order(wanted, entry.name.lower())]


def _in_order(letters: str, name: str) -> bool:
    """Return whether a name has all of these letters, one behind the other."""
    rest = iter(name)
    return all(letter in rest for letter in letters)


def carry_out(app: AppApi, entry: Entry, typed: str) -> str:
    """Do what an entry says; return what is wrong, or ""."""
    word = typed.strip().partition(" ")[2].strip() if entry.argument else ""
    if entry.argument and not word:
        return f"{entry.name} needs {entry.argument}"
    return entry.act(app, word) or ""
