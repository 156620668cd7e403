"""Alerts: the short list, the list to choose from, and the evidence of one."""

from __future__ import annotations

import textwrap

from runwatch.core import metrics
from runwatch.core.snapshot import IncidentRow
from runwatch.render import cells, evidence, numbers, plain, states
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.tui import actions
from runwatch.tui.scene import Scene
from runwatch.tui.widgets.rows import Listed, Panel


def line(scene: Scene, row: IncidentRow, width: int) -> Row:
    """Return one incident on one line of `width` cells: sign, word, what, how long."""
    sign, word, role = states.incident_tag(row, scene.glyphs)
    now = scene.snapshot.time if scene.snapshot else 0.0
    when = _age(row, now)
    text = _title(scene, row)
    if row.step is not None and "step" not in text:
        text += f" @{numbers.step(row.step)}"
    if row.symptoms:
        text += f" (+{len(row.symptoms)} symptom{'s' if len(row.symptoms) > 1 else ''})"
    room = width - 8 - len(when) - 1
    return cells.spread(
        [(f"{sign} {word:<5}", role), (cells.clip(text, max(0, room), scene.glyphs.ellipsis), "")],
        [(f" {when}", "dim")],
        width,
        scene.glyphs.ascii,
    )


def _age(row: IncidentRow, now: float) -> str:
    """Return how old an incident is; of one that was there before anyone watched, as far as it says so."""
    if row.since is not None:
        return numbers.brief(max(0.0, now - row.since))
    silent = row.evidence.get("silent_for")
    if row.state == "firing" and isinstance(silent, (int, float)):
        return numbers.brief(silent)
    return "" if row.state == "pending" else "earlier"


class AlertsPanel(Panel):
    """The most urgent alerts."""

    can_focus = False
    opens = actions.ALERTS

    def content(self, width: int, height: int) -> Content:
        """Return one line an alert, then what runwatch says about itself."""
        scene = self.scene
        rows = scene.incidents()
        firing = len(scene.firing())
        lines = [line(scene, row, width) for row in rows]
        lines += _notes(scene, width)
        if not firing:
            lines.insert(0, [(f"{scene.glyphs.states['resolved']} nothing fires", "good")])
        if len(lines) > height > 0:
            lines[height - 1 :] = [[(f"and {len(lines) - height + 1} more: press 5", "dim")]]
        return Content([("alerts", "title")], lines, [(f"{firing} firing", "crit" if firing else "dim")])


class AlertList(Panel):
    """All alerts, one selected."""

    def needed(self) -> int:
        """Return how many rows show all of it, with the frame."""
        return 2 + max(1, len(self.scene.incidents())) + len(_notes(self.scene, 80))

    def content(self, width: int, height: int) -> Content:
        """Return the rows around the selected one."""
        scene = self.scene
        rows, chosen = scene.incidents(), scene.selected()
        at = next((i for i, row in enumerate(rows) if chosen is not None and row.id == chosen.id), 0)
        start = max(0, at - height + 1)
        lines: list[Row] = []
        for index, row in enumerate(rows[start : start + height], start):
            pointer = scene.glyphs.pointer if index == at else " "
            rule = cells.pad(row.rule, 16, scene.glyphs.ellipsis)
            lines.append([(f"{pointer} ", "key"), (f"{rule} ", "dim"), *line(scene, row, width - 19)])
        self.listed = Listed(start, len(lines), len(rows))
        hidden = len(rows) - start - len(lines)
        if not rows:
            lines = _nothing(scene, width)
        lines += _notes(scene, width)
        more: Row = [(f"  {hidden} more below", "dim")] if rows and hidden > 0 else []
        right: Row = []
        for state, count in _counted(rows):
            right += [("   ", ""), (f"{state} {count}", "dim")] if right else [(f"{state} {count}", "dim")]
        return Content([("alerts", "title"), *more], lines, right)


def _notes(scene: Scene, width: int) -> list[Row]:
    """Return what runwatch says about itself."""
    notices = scene.snapshot.notices if scene.snapshot else ()
    more = scene.glyphs.ellipsis
    return [[("note ", "warn"), (cells.clip(notice, width - 5, more), "dim")] for notice in notices]


def _nothing(scene: Scene, width: int) -> list[Row]:
    """Return why there is no alert, and what would be one."""
    sign = scene.glyphs.states["resolved"]
    run = scene.run
    if run is None or (run.progress.step is None and not run.latest):
        said = "no step to judge yet" if run is None or not states.ended(run.phase) else "no step was found"
        rows: list[Row] = [[(said, "dim")]]
    else:
        rows = [[(f"{sign} no alerts: every rule that looks at this run is content", "good")]]
    text = (
        "What a rule finds comes here with its evidence, cause and advice; `runwatch rules` lists the rules."
    )
    return rows + [[(piece, "dim")] for piece in cells.wrapped(text, width, 4, scene.glyphs.ellipsis)]


def _counted(rows: list[IncidentRow]) -> list[tuple[str, int]]:
    """Return how many alerts there are of each kind, in the words of their own lines."""
    counted = {
        "firing": sum(map(states.attention, rows)),
        "info": sum(row.state == "firing" and not states.attention(row) for row in rows),
        "ack": sum(row.state == "acknowledged" for row in rows),
        "ok": sum(row.state == "resolved" for row in rows),
    }
    return [(state, count) for state, count in counted.items() if count]


class AlertDetail(Panel):
    """Evidence, cause and advice of the selected alert, in a part that scrolls."""

    can_focus = False
    at = 0
    """The first row that is shown."""
    hidden = 0
    """Rows that do not fit."""
    _of = ""

    def content(self, width: int, height: int) -> Content:
        """Return everything that is known about it, wrapped; `v` shows what does not fit."""
        row = self.scene.selected()
        if row is None:
            return Content([("evidence", "title")])
        if row.id != self._of:
            self._of, self.at = row.id, 0
        lines = self._about(row, width) + self._why(row, width) + self._evidence(row, width)
        self.hidden = max(0, len(lines) - height)
        self.at = max(0, min(self.at, self.hidden))
        self.listed = Listed(self.at, min(height, len(lines)), len(lines))
        below = self.hidden - self.at
        right: Row = [(f"{below} more below: v", "key")] if below else []
        return Content([("evidence", "title")], lines[self.at :], right)

    def _about(self, row: IncidentRow, width: int) -> list[Row]:
        """Return what it is, and where and when."""
        scene = self.scene
        sign, word, role = states.incident_tag(row, scene.glyphs)
        where = [f"rule {row.rule}"]
        where += [metrics.label(row.metric)] if row.metric else []
        where += [f"rank {row.rank}"] if row.rank is not None else []
        where += [f"step {numbers.step(row.step)}"] if row.step is not None else []
        where += [f"line {row.line:,}"] if row.line is not None else []
        if row.since is not None:
            where.append(f"since {plain.clock(row.since)}")
        elif row.state != "pending":
            where.append("from before it was watched")
        where += [f"ok at step {numbers.step(row.resolved_step)}"] if row.resolved_step is not None else []
        tag = f"{sign} {word}  "
        out = _wrapped(_title(scene, row), width, "title")
        pieces = _parts(where, max(10, width - len(tag)), "   ")
        for i, piece in enumerate(pieces):
            out.append([(tag if i == 0 else " " * len(tag), role), (piece, "dim")])
        return out

    def _why(self, row: IncidentRow, width: int) -> list[Row]:
        """Return cause, advice and what follows from it."""
        out: list[Row] = []
        for name, text in (("cause", row.cause), ("advice", row.advice)):
            if text:
                out += [[], *_wrapped(f"{name}: {text}", width, "value")]
        if row.symptoms:
            out += [[], [("symptoms: what follows from it", "dim")]]
            for symptom in row.symptoms:
                for i, piece in enumerate(textwrap.wrap(symptom, max(10, width - 4))):
                    out.append([(f"  {self.scene.glyphs.dot if i == 0 else ' '} ", "dim"), (piece, "")])
        return out

    def _evidence(self, row: IncidentRow, width: int) -> list[Row]:
        """Return the numbers that the rule looked at."""
        words = evidence.words(row)
        if not words:
            return []
        more = self.scene.glyphs.ellipsis
        widest = min(24, max(cells.width(cells.settled(name)) for name, _ in words))
        out: list[Row] = [[], [("what the rule saw when it fired", "dim")]]
        for name, text in words:
            label = cells.pad(name, widest, more)
            room = max(8, width - widest - 4)
            pieces = [piece for part in text.splitlines() for piece in cells.wrapped(part, room, 8, more)]
            for piece in pieces or [numbers.MISSING]:
                out.append([(f"  {label}  ", "dim"), (piece, "")])
                label = " " * widest
        return out


def _parts(parts: list[str], width: int, gap: str) -> list[str]:
    """Return short texts in as few lines as they fit in."""
    out: list[str] = []
    for part in parts:
        if out and len(out[-1]) + len(gap) + len(part) <= width:
            out[-1] += gap + part
        else:
            out.append(part)
    return out


def _title(scene: Scene, row: IncidentRow) -> str:
    return plain.title(row, scene.snapshot.time if scene.snapshot else None)


def _wrapped(text: str, width: int, role: str) -> list[Row]:
    return [[(piece, role)] for piece in textwrap.wrap(text, max(10, width))]
