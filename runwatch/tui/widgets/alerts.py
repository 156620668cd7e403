"""Alerts: the short list, the list to choose from, and the evidence of one."""

from __future__ import annotations

import textwrap

from runwatch import metrics
from runwatch.render import cells, numbers, plain, states
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.snapshot import IncidentRow
from runwatch.tui.scene import Scene
from runwatch.tui.widgets.rows import Panel


def line(scene: Scene, row: IncidentRow, width: int) -> Row:
    """Return one incident on one line of `width` cells: sign, word, what, how long."""
    sign, word, role = states.incident_tag(row, scene.glyphs)
    now = scene.snapshot.time if scene.snapshot else 0.0
    when = "" if row.since is None else numbers.brief(max(0.0, now - row.since))
    text = row.title
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


class AlertsPanel(Panel):
    """The most urgent alerts."""

    can_focus = False

    def content(self, width: int, height: int) -> Content:
        """Return one line an alert, then what runwatch says about itself."""
        scene = self.scene
        rows = scene.incidents()
        firing = len(scene.firing())
        lines = [line(scene, row, width) for row in rows]
        for notice in scene.snapshot.notices if scene.snapshot else ():
            lines.append([("note ", "warn"), (notice, "dim")])
        if not firing:
            lines.insert(0, [(f"{scene.glyphs.states['resolved']} nothing fires", "good")])
        if len(lines) > height > 0:
            lines[height - 1 :] = [[(f"and {len(lines) - height + 1} more: 5", "dim")]]
        return Content([("alerts", "title")], lines, [(f"{firing} firing", "crit" if firing else "dim")])


class AlertList(Panel):
    """All alerts, one selected."""

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
        if not rows:
            lines = [[(f"{scene.glyphs.states['resolved']} no alerts", "good")]]
        counted = {
            "firing": sum(map(states.attention, rows)),
            "told": sum(row.state == "firing" and not states.attention(row) for row in rows),
            **{state: sum(row.state == state for row in rows) for state in ("acknowledged", "resolved")},
        }
        right = "   ".join(f"{state} {count}" for state, count in counted.items() if count)
        return Content([("alerts", "title")], lines, [(right, "dim")])


class AlertDetail(Panel):
    """Evidence, cause and advice of the selected alert."""

    can_focus = False

    def content(self, width: int, height: int) -> Content:
        """Return everything that is known about it, wrapped."""
        scene, row = self.scene, self.scene.selected()
        if row is None:
            return Content([("evidence", "title")])
        lines = _wrapped(row.title, width, "title")
        sign, word, role = states.incident_tag(row, scene.glyphs)
        where = [f"rule {row.rule}"]
        where += [metrics.label(row.metric)] if row.metric else []
        where += [f"rank {row.rank}"] if row.rank is not None else []
        where += [f"step {numbers.step(row.step)}"] if row.step is not None else []
        where += [f"line {row.line}"] if row.line is not None else []
        where += [f"since {plain.clock(row.since)}"] if row.since is not None else []
        where += (
            [f"resolved at step {numbers.step(row.resolved_step)}"] if row.resolved_step is not None else []
        )
        lines.append([(f"{sign} {word}  ", role), ("   ".join(where), "dim")])
        for name, text in (("cause", row.cause), ("advice", row.advice)):
            if text:
                lines += [[], *_wrapped(f"{name}: {text}", width, "value")]
        if row.symptoms:
            lines += [[], [("symptoms: what follows from it", "dim")]]
            for symptom in row.symptoms:
                for i, piece in enumerate(textwrap.wrap(symptom, max(10, width - 4))):
                    lines.append([(f"  {scene.glyphs.dot if i == 0 else ' '} ", "dim"), (piece, "")])
        if row.evidence:
            lines += [[], [("evidence", "dim")]]
            widest = min(24, max(len(key) for key in row.evidence))
            for key, value in row.evidence.items():
                label = cells.pad(key.replace("_", " "), widest, scene.glyphs.ellipsis)
                lines.append([(f"  {label}  ", "dim"), (_evidence(value), "")])
        return Content([("evidence", "title")], lines)


def _evidence(value: float | str | None) -> str:
    if isinstance(value, float) and not value.is_integer():
        return numbers.loss(value)
    return (
        numbers.step(value) if isinstance(value, (int, float)) else str(value if value is not None else "-")
    )


def _wrapped(text: str, width: int, role: str) -> list[Row]:
    return [[(piece, role)] for piece in textwrap.wrap(text, max(10, width))]
