"""The three rows at the top of every view: state, progress, and the views."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from runwatch.core.snapshot import RunView
from runwatch.render import cells, numbers, plain, states
from runwatch.render.cells import Row, Segment
from runwatch.render.progress import bar
from runwatch.tui import actions
from runwatch.tui.api import api
from runwatch.tui.scene import Scene
from runwatch.tui.widgets.rows import Rows

_GAP: Segment = ("  ", "")
_LONG = {name: name.title() for name in actions.VIEWS}
_TAB = re.compile(r"[ \[](\d)(?= |\]|$)")
_SHORT = {**_LONG, actions.OVERVIEW: "Main", actions.CHECKPOINTS: "Ckpts"}
"""Names of the views where there is room, and where there is less."""
_SILENT = frozenset({"stalled", "blind"})
"""Phases of a run that prints nothing though it should, or cannot be seen."""


class Head(Rows):
    """State, name, steps and age; the progress bar; views with alerts and news."""

    def __init__(self, view: str) -> None:
        super().__init__(id="head")
        self._view = view

    def draw(self, width: int, height: int) -> list[Row]:
        """Return the three rows."""
        scene = self.scene
        rows = [_state(scene, width), _progress(scene, width), _views(scene, self._view, width)][:height]
        places = [place for row in rows[2:] for place in _places(row)]
        self.targets = [(2, *tab, partial(self._open, view)) for view, tab in places]
        return rows

    def _open(self, view: str) -> None:
        api(self.app).action_do(view)


def _places(row: Row) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the views whose tabs stand in a row, each with its first cell and its end."""
    at, views = 0, dict(enumerate(actions.VIEWS))
    for text, _ in row:
        begin, at = at, at + cells.width(text)
        if (tab := _TAB.match(text)) and (view := views.pop(int(tab[1]), "")):
            yield view, (begin, at)


def freshness(scene: Scene) -> Segment:
    """Return how much to trust the picture: live, stale, paused, lost."""
    glyphs, age, run = scene.glyphs, scene.age(), scene.run
    if scene.link == "lost":
        return f"{glyphs.dead} {scene.lost.upper()} {numbers.brief(scene.since_frame())}", "crit"
    if scene.paused:
        return f"{glyphs.stale} PAUSED {numbers.brief(scene.since_frame())}", "warn"
    if run is None or age is None:
        return f"{glyphs.stale} {'connected' if scene.link == 'live' else scene.link}", "dim"
    old = numbers.brief(age)
    if run.progress.step is None and not run.log_source:
        return f"{glyphs.stale} no line yet, {old}", "dim"
    if scene.stale() or run.phase in _SILENT:
        return f"{glyphs.stale} STALE {old}", "warn"
    return (f"ended {old} ago", "dim") if states.ended(run.phase) else (f"{glyphs.live} live {old}", "good")


def _state(scene: Scene, width: int) -> Row:
    run = scene.run
    fresh = freshness(scene)
    if run is None:
        return cells.spread([(scene.title or "runwatch", "title")], [_GAP, fresh], width, scene.glyphs.ascii)
    critical, warning = states.severities(scene.firing())
    sign, word, role = states.phase_tag(run.phase, scene.glyphs, critical, warning)
    tag: Row = [(f"{sign} {word}", role)]
    parts = [(plain.steps(run.progress, states.ended(run.phase)), "value")]
    # The estimate moves up here only where the bar has no room for it; the bar also shows the percentage.
    if width < 100 and not states.ended(run.phase) and (text := plain.eta(scene.progress(), scene.glyphs)):
        parts.append((text.partition(f" {scene.glyphs.spread}")[0], "value"))
    if run.progress.fraction is not None:
        parts.append((numbers.percent(run.progress.fraction, 0 if width < 100 else 1), "value"))
    if width >= 110:
        parts += _facts(scene, run)
    room = width - cells.row_width(tag) - cells.width(fresh[0]) - 4
    least = min(cells.width(cells.settled(run.name)), 12) + 2
    while parts and room - least < sum(cells.width(text) + 2 for text, _ in parts):
        parts.pop()
    right: Row = [segment for part in (*parts, fresh) for segment in (_GAP, part)]
    room = width - cells.row_width(right) - cells.row_width(tag) - 2
    name = cells.clip(run.name, room, scene.glyphs.ellipsis)
    return cells.spread([*tag, _GAP, (name, "title")], right, width, scene.glyphs.ascii)


def _facts(scene: Scene, run: RunView) -> list[Segment]:
    out: list[Segment] = []
    if (mfu := scene.latest("perf/mfu")) is not None:
        out.append((f"MFU {numbers.latest('perf/mfu', mfu.value, mfu.text)}", "dim"))
    if run.elapsed is not None:
        out.append((f"elapsed {numbers.duration(run.elapsed)}", "dim"))
    return out


def _progress(scene: Scene, width: int) -> Row:
    run = scene.run
    if run is None:
        return cells.fit([(scene.waiting_for(), "dim")], width, scene.glyphs.ascii)
    right: Row = []
    if width >= 100 and not states.ended(run.phase) and (text := plain.eta(scene.progress(), scene.glyphs)):
        right = [_GAP, (text, "value")]
        left = run.progress.eta_seconds
        if scene.snapshot is not None and left is not None and left < 86_400:
            right.append((f"  at {plain.clock(scene.snapshot.time + left)}", "dim"))
    elif width >= 100 and run.phase in states.AT_WORK and run.progress.step is not None:
        why = "no ETA: no line came lately" if scene.stale() else plain.no_eta(run.progress)
        right = [_GAP, (why, "dim")]
    line = bar(run.progress.fraction, width - cells.row_width(right), scene.glyphs)
    return cells.fit([*line, *right], width, scene.glyphs.ascii)


def _views(scene: Scene, view: str, width: int) -> Row:
    """Return the names of the views, and beside them what runwatch has to say."""
    news = _news(scene)
    # An answer to a key is read now; a note stands in the alerts too, and leaves the views their names.
    most = {"warn": 16, "crit": width}.get(news[1], width // 2)
    wanted = min(cells.width(cells.settled(news[0])), most)
    sets = [_tabs(scene, view, names) for names in (_LONG, _SHORT, {})]
    if scene.link == "lost":  # what to do about it goes before the digits of views
        sets.append([(f"[{actions.VIEWS.index(view)}]{_LONG[view]} ", "title")])
    tabs = next((row for row in sets if cells.row_width(row) + wanted + 2 <= width), sets[-1])
    text = cells.clip(news[0], width - cells.row_width(tabs) - 2, scene.glyphs.ellipsis)
    return cells.spread(tabs, [(text, news[1])], width, scene.glyphs.ascii)


def _news(scene: Scene) -> Segment:
    """Return what is new of runwatch itself, the most urgent."""
    run = scene.run
    if scene.link == "lost":
        return scene.reason, "crit"
    if scene.said:
        return scene.said, "value"
    if run is not None and run.history is not None:
        return f"reading history {numbers.percent(run.history, 0)}", "busy"
    if scene.snapshot is not None and scene.snapshot.notices:
        return f"note: {scene.snapshot.notices[0]}", "warn"
    return "", ""


def _tabs(scene: Scene, view: str, names: dict[str, str]) -> Row:
    """Return the digits of all views with those names that are given; the view that is up has its own."""
    run = scene.run
    tabs: Row = []
    for digit, name in enumerate(actions.VIEWS):
        if name == actions.RANKS and view != name and not (run and (run.ranks or run.has_machine)):
            continue
        label = names.get(name, "")
        if name == view:
            tabs.append((f"[{digit}]{label or _LONG[name]}", "title"))
        else:
            tabs.append((f" {digit} {label}" if label else f" {digit}", "dim"))
        count, role = _open(scene, name)
        if count:
            tabs += [("(", "dim"), (str(count), role), (")", "dim")]
        tabs.append((" ", ""))
    return tabs


def _open(scene: Scene, name: str) -> tuple[int, str]:
    """Return how many open alerts a view is about, and the role of the worst; of other runs the critical."""
    if name == actions.ALERTS:
        critical, warning = states.severities(scene.firing())
        return critical + warning, "crit" if critical else "warn"
    if name == actions.RUNS:
        return scene.elsewhere(), "crit"
    return 0, ""
