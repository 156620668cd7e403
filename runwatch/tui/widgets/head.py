"""The three rows at the top of every view: state, progress, and what needs attention."""

from __future__ import annotations

from runwatch.render import cells, numbers, plain, states
from runwatch.render.cells import Row, Segment
from runwatch.render.progress import bar
from runwatch.snapshot import RunView
from runwatch.tui import actions
from runwatch.tui.scene import Scene
from runwatch.tui.widgets.rows import Rows

_GAP: Segment = ("  ", "")


class Head(Rows):
    """State, name, steps and age; the progress bar; views with alerts and news."""

    def __init__(self, view: str) -> None:
        super().__init__(id="head")
        self._view = view

    def draw(self, width: int, height: int) -> list[Row]:
        """Return the three rows."""
        scene = self.scene
        return [_state(scene, width), _progress(scene, width), _news(scene, self._view, width)][:height]


def freshness(scene: Scene) -> Segment:
    """Return how much to trust the picture: live, stale, paused, lost."""
    glyphs, age, run = scene.glyphs, scene.age(), scene.run
    if scene.link == "lost":
        return f"{glyphs.dead} ENGINE LOST {numbers.brief(scene.since_frame())}", "crit"
    if scene.paused:
        return f"PAUSED +{scene.missed}", "warn"
    if run is None or age is None:
        return f"{glyphs.stale} {'connected' if scene.link == 'live' else scene.link}", "dim"
    if states.ended(run.phase):
        return f"ended {numbers.brief(age)} ago", "dim"
    if scene.stale():
        return f"{glyphs.stale} STALE {numbers.brief(age)}", "warn"
    return f"{glyphs.live} live {numbers.brief(age)}", "good"


def _state(scene: Scene, width: int) -> Row:
    run = scene.run
    fresh = freshness(scene)
    if run is None:
        return cells.spread([(scene.title or "runwatch", "title")], [_GAP, fresh], width, scene.glyphs.ascii)
    role = states.phase_role(run.phase)
    tag = f"{states.phase_sign(run.phase, scene.glyphs)} {states.phase_word(run.phase)}"
    parts = [(plain.steps(run.progress), "value")]
    if run.progress.fraction is not None:
        parts.append((numbers.percent(run.progress.fraction), "value"))
    # The estimate moves up here only where the bar has no room for it.
    if width < 100 and not states.ended(run.phase) and (text := plain.eta(run.progress, scene.glyphs)):
        parts.append((text.partition(f" {scene.glyphs.spread}")[0], "value"))
    if width >= 110:
        parts += _facts(scene, run)
    room = width - cells.width(tag) - cells.width(fresh[0]) - 4
    least = min(cells.width(cells.settled(run.name)), 12) + 2
    while parts and room - least < sum(cells.width(text) + 2 for text, _ in parts):
        parts.pop()
    right: Row = [segment for part in (*parts, fresh) for segment in (_GAP, part)]
    name = cells.clip(run.name, width - cells.row_width(right) - cells.width(tag) - 2, scene.glyphs.ellipsis)
    return cells.spread([(tag, role), _GAP, (name, "title")], right, width, scene.glyphs.ascii)


def _facts(scene: Scene, run: RunView) -> list[Segment]:
    out: list[Segment] = []
    if (mfu := scene.latest("perf/mfu")) is not None:
        out.append((f"MFU {numbers.latest('perf/mfu', mfu.value, mfu.text)}", "dim"))
    if run.elapsed is not None:
        out.append((f"up {numbers.duration(run.elapsed)}", "dim"))
    return out


def _progress(scene: Scene, width: int) -> Row:
    run = scene.run
    if run is None:
        return cells.fit([(scene.waiting_for(), "dim")], width, scene.glyphs.ascii)
    right: Row = []
    if width >= 100 and not states.ended(run.phase) and (text := plain.eta(run.progress, scene.glyphs)):
        right = [_GAP, (text, "value")]
        left = run.progress.eta_seconds
        if scene.snapshot is not None and left is not None and left < 86_400:
            right.append((f"  at {plain.clock(scene.snapshot.time + left)}", "dim"))
    line = bar(run.progress.fraction, width - cells.row_width(right), scene.glyphs)
    return cells.fit([*line, *right], width, scene.glyphs.ascii)


def _news(scene: Scene, view: str, width: int) -> Row:
    glyphs, run = scene.glyphs, scene.run
    urgent = states.firing(run) if run else []
    news: Row = []
    if scene.link == "lost":
        news = [(scene.reason, "crit")]
    elif run is not None and run.history is not None:
        news = [(f"reading history {numbers.percent(run.history, 0)}", "busy")]
    elif scene.snapshot is not None and scene.snapshot.notices:
        news = [(f"note: {scene.snapshot.notices[0]}", "warn")]
    if urgent and width < 100:
        return _strip(scene, width, news)
    counts = states.counts(
        sum(row.severity == "critical" for row in urgent),
        sum(row.severity == "warning" for row in urgent),
        glyphs,
    )
    tabs: Row = []
    for digit, name in enumerate(actions.VIEWS):
        if name == actions.RANKS and view != name and not (run and (run.ranks or run.has_machine)):
            continue
        here = name == view
        tabs.append(
            (f"[{digit}]{name.title()}" if here else f" {digit} {name.title()}", "title" if here else "dim")
        )
        if name == actions.ALERTS and counts:
            tabs += [("(", "dim"), *counts, (")", "dim")]
        tabs.append((" ", ""))
    room = width - cells.row_width(tabs) - 2
    text, role = news[0] if news else ("", "")
    return cells.spread(tabs, [(cells.clip(text, room, glyphs.ellipsis), role)], width, glyphs.ascii)


def _strip(scene: Scene, width: int, news: Row) -> Row:
    """Return the most urgent alert in full, the others counted: what a narrow screen must not hide."""
    run = scene.run
    urgent = states.firing(run) if run else []
    now = scene.snapshot.time if scene.snapshot else None
    first = urgent[0]
    others = urgent[1:]
    right: Row = list(news)
    counts = states.counts(
        sum(row.severity == "critical" for row in others),
        sum(row.severity == "warning" for row in others),
        scene.glyphs,
    )
    right += [_GAP, ("and ", "dim"), *counts] if counts else []
    right += [_GAP, ("[!] next  [5] alerts", "dim")] if width >= 70 else []
    text = plain.incident(first, scene.glyphs, now)
    room = max(0, width - cells.row_width(right))
    role = states.incident_tag(first)[2]
    return cells.spread(
        [(cells.clip(text, room, scene.glyphs.ellipsis), role)], right, width, scene.glyphs.ascii
    )
