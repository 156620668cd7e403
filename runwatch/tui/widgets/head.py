"""The three rows at the top of every view: state, progress, and the views."""

from __future__ import annotations

from functools import partial

from runwatch.core.metrics import MFU
from runwatch.core.snapshot import RunView
from runwatch.render import cells, numbers, plain, states
from runwatch.render.cells import Row, Segment
from runwatch.render.progress import bar
from runwatch.tui import actions
from runwatch.tui.scene import Scene
from runwatch.tui.widgets.rows import Rows

_GAP: Segment = ("  ", "")
_PHONE = 72
"""Columns below which the bar's row has the share done and the ETA, and tabs are short words."""
_THUMB = 80
"""Columns below which the bar above a tab answers for it: a row of a phone is too low for a thumb."""
_LONG = {name: name.title() for name in actions.VIEWS}
_SHORT = {**_LONG, actions.CHECKPOINTS: "Ckpts"}
_TIGHT = {**_SHORT, actions.OVERVIEW: "Over"}
_BRIEF = dict(zip(actions.VIEWS, ["Runs", "Over", "Met", "Rank", "Log", "Alert", "Ckpt", "Cfg"], strict=True))
_BRIEFEST = {**_BRIEF, actions.RANKS: "Rnk", actions.ALERTS: "Alrt"}
"""Names of the views where there is room, and where there is less: shorter ones, but the same."""
_WAYS: tuple[tuple[dict[str, str], bool], ...] = (
    (_LONG, True),
    (_SHORT, True),
    (_TIGHT, True),
    (_BRIEF, True),
    (_BRIEFEST, False),
    ({}, True),
)
"""Names and whether digits are with them, the best first."""
_COUNT = 3
"""Cells kept for a number of alerts, so that names stay when one comes."""
_NOTE = 16
"""Cells that a note takes at least, and where the tabs leave it none, at most."""

_STALE = frozenset({"stalled", "blind"})
"""Phases of a run that prints nothing though it should, or cannot be seen."""

Tabs = list[tuple[str, Row]]
"""The tab of each view."""


class Head(Rows):
    """State, name, steps and age; the progress bar; views with alerts and news."""

    def __init__(self, view: str) -> None:
        super().__init__(id="head")
        self._view = view

    def draw(self, width: int, height: int) -> list[Row]:
        """Return the three rows."""
        scene = self.scene
        tabs, row = _views(scene, self._view, width)
        self.targets, at = [], 0
        for view, tab in tabs:
            begin, at = at, at + cells.row_width(tab)
            act = partial(self.press, view)
            self.targets += [(y, begin, at + 1, act) for y in ((1, 2) if width < _THUMB else (2,))]
            at += 1
        return [_state(scene, width), _progress(scene, width, tabs), row][:height]


def freshness(scene: Scene) -> Segment:
    """Return how much to trust the picture: live, stale, paused, lost."""
    glyphs, age, run = scene.glyphs, scene.age(), scene.run
    if scene.link == "lost":
        return f"{glyphs.dead} {scene.lost.upper()} {numbers.brief(scene.since_frame())}", "crit"
    if scene.paused:
        return f"{glyphs.stale} PAUSED {numbers.brief(scene.since_frame())}", "warn"
    if run is None or age is None or scene.replay is not None:
        word = "no line yet" if run is not None else "connected" if scene.link == "live" else scene.link
        return f"{glyphs.stale} {word if scene.replay is None else 'replay'}", "dim"
    old = numbers.brief(age)
    if run.progress.step is None and not run.log_source:
        said = f"no line yet, {old}" if run.history is None else f"written {old} ago"
        return f"{glyphs.stale} {said}", "dim"
    if scene.stale() or run.phase in _STALE:
        return f"{glyphs.stale} STALE {old}", "warn"
    return (f"ended {old} ago", "dim") if states.ended(run.phase) else (f"{glyphs.live} live {old}", "good")


def _state(scene: Scene, width: int) -> Row:
    run = scene.run
    fresh = freshness(scene)
    if run is None:
        return cells.spread([(scene.title or "runwatch", "title")], [_GAP, fresh], width, scene.glyphs.ascii)
    critical, warning = states.severities(scene.firing())
    sign, word, role = states.phase_tag(states.phase_of(run), scene.glyphs, critical, warning)
    tag: Row = [(f"{sign} {word}", role)]
    room = width - cells.row_width(tag) - cells.width(fresh[0]) - 4
    least = min(cells.width(cells.settled(run.name)), 12 if width >= _PHONE else 8) + 2
    parts = [(_step(run, room - least - 2), "value")]
    if width >= _PHONE:
        # The estimate moves up here only where the bar has no room for it; the bar also shows the percentage.
        if width < 100 and (text := _eta(scene, run)):
            parts.append((text, "value"))
        if run.progress.fraction is not None:
            parts.append((numbers.percent(run.progress.fraction, 0 if width < 100 else 1), "value"))
        if width >= 110:
            parts += _facts(scene, run)
    while parts and room - least < sum(cells.width(text) + 2 for text, _ in parts):
        parts.pop()
    right: Row = [segment for part in (*parts, fresh) for segment in (_GAP, part)]
    room = width - cells.row_width(right) - cells.row_width(tag) - 2
    name = cells.clip(run.name, room, scene.glyphs.ellipsis)
    return cells.spread([*tag, _GAP, (name, "title")], right, width, scene.glyphs.ascii)


def _step(run: RunView, room: int) -> str:
    """Return the step in full, or as much of it as fits."""
    whole = plain.steps(run.progress, states.ended(run.phase))
    short = whole.removeprefix("step ")
    texts = (whole, short, short.partition("/")[0])
    return next((text for text in texts if cells.width(text) <= room), whole)


def _eta(scene: Scene, run: RunView) -> str:
    """Return the ETA without its range; "" where it is unknown."""
    text = "" if states.ended(run.phase) else plain.eta(scene.progress(), scene.glyphs)
    return text.partition(f" {scene.glyphs.spread}")[0]


def _facts(scene: Scene, run: RunView) -> list[Segment]:
    out: list[Segment] = []
    if (mfu := scene.latest(MFU)) is not None:
        out.append((f"MFU {numbers.latest(MFU, mfu.value, mfu.text)}", "dim"))
    if run.elapsed is not None:
        out.append((f"elapsed {numbers.duration(run.elapsed)}", "dim"))
    return out


def _progress(scene: Scene, width: int, tabs: Tabs) -> Row:
    """Return the bar with the ETA, or with what runwatch has to say."""
    run, glyphs = scene.run, scene.glyphs
    text, role = _news(scene)
    if run is None:
        return cells.fit([(text or scene.waiting_for(), role or "dim")], width, glyphs.ascii)
    right: Row = []
    if role == "warn" and _free(tabs, width) >= _NOTE:
        text = ""  # it is next to the tabs
    if text and role != "crit":
        # An answer to a key is read now; a note is in the alerts too.
        short = role == "warn" and run.progress.fraction is not None  # else there is no bar to show
        text = _whole(scene, text, role, _NOTE if short else width)
        right = [_GAP, (text, role)] if cells.width(text) + 2 <= width else [(text, role)]
    elif width < _PHONE:
        share = run.progress.fraction
        known = ("" if share is None else numbers.percent(share, 0), _eta(scene, run))
        right = [segment for text in known if text for segment in (_GAP, (text, "value"))]
    elif width >= 100 and not states.ended(run.phase) and (text := plain.eta(scene.progress(), glyphs)):
        right = [_GAP, (text, "value")]
        left = run.progress.eta_seconds
        if scene.snapshot is not None and left is not None and left < 86_400:
            right.append((f"  at {plain.clock(scene.snapshot.time + left)}", "dim"))
    elif width >= 100 and run.phase in states.AT_WORK and run.progress.step is not None:
        why = "no ETA: no line came lately" if scene.stale() else plain.no_eta(run.progress)
        right = [_GAP, (why, "dim")]
    line = bar(run.progress.fraction, width - cells.row_width(right), glyphs)
    return cells.fit([*line, *right], width, glyphs.ascii)


def _views(scene: Scene, view: str, width: int) -> tuple[Tabs, Row]:
    """Return the tabs of the views, and their row; why nothing comes any more, or a note, is next to them."""
    text, role = _news(scene)
    wanted = cells.width(cells.settled(text)) + 2 if role == "crit" else 0
    for names, digits in _WAYS:
        tabs = _tabs(scene, view, names, digits)
        if (free := _free(tabs, width)) >= wanted:
            break
    else:
        if role == "crit":  # what to do about it goes before the digits of views
            tabs = [(view, [(f"[{scene.key(view)}]{_LONG[view]}", "title")])]
            free = _free(tabs, width)
    row: Row = [segment for _, tab in tabs for segment in (*tab, (" ", ""))]
    if role == "crit" or (role == "warn" and free >= _NOTE):
        text = _whole(scene, text, role, free - 2)
        return tabs, cells.spread(row, [(text, role)], width, scene.glyphs.ascii)
    return tabs, cells.fit(row, width, scene.glyphs.ascii)


def _whole(scene: Scene, text: str, role: str, room: int) -> str:
    """Return what is new as far as it fits; a note that does not is read in the alerts."""
    if role == "warn" and cells.width(cells.settled(text)) > room:
        return f"note: see {scene.key(actions.ALERTS)}"
    return cells.clip(text, room, scene.glyphs.ellipsis)


def _free(tabs: Tabs, width: int) -> int:
    """Return the cells next to the tabs; less than 0 where they do not fit."""
    counted = any(view == actions.ALERTS and len(tab) > 1 for view, tab in tabs)
    used = sum(cells.row_width(tab) + 1 for _, tab in tabs) - 1
    return width - used - (0 if counted else _COUNT)


def _news(scene: Scene) -> Segment:
    """Return what is new of runwatch itself, the most urgent."""
    run = scene.run
    if scene.link == "lost":
        return scene.reason, "crit"
    if scene.said:
        return scene.said, "value"
    if run is not None and run.history is not None:
        return f"reading history {numbers.percent(run.history, 0)}", "busy"
    if scene.notices:
        return f"note: {scene.notices[0]}", "warn"
    return "", ""


def _tabs(scene: Scene, view: str, names: dict[str, str], digits: bool) -> Tabs:
    """Return the tabs with those names and digits that are given; the view that is up has its own."""
    run = scene.run
    tight = names in (_BRIEF, _BRIEFEST)
    tabs: Tabs = []
    for name in actions.VIEWS:
        key, label = scene.key(name) if digits else "", names.get(name, "")
        there = name != actions.RANKS or (run is not None and bool(run.ranks or run.has_machine))
        if tight:
            text = f"[{key}{label}]" if name == view else f"{key}{label}"
        elif name == view:
            text = f"[{key}]{label or _SHORT[name]}"
        else:
            text = f" {key} {label}".rstrip()
        tab: Row = [(text, "title" if name == view else "dim" if there else "track")]
        count, role = _open(scene, name) if name != actions.RUNS or name != view else (0, "")
        if count:
            tab += [("(", "dim"), (str(count), role), (")", "dim")]
        tabs.append((name, tab))
    return tabs


def _open(scene: Scene, name: str) -> tuple[int, str]:
    """Return how many open alerts a view is about, and the role of the worst; of other runs the critical."""
    if name == actions.ALERTS:
        critical, warning = states.severities(scene.firing())
        return critical + warning, "crit" if critical else "warn"
    if name == actions.RUNS:
        return scene.elsewhere(), "crit"
    return 0, ""
