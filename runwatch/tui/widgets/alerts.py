"""Alerts: the short list, the list to choose from, and the evidence of one."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from itertools import zip_longest

from runwatch.core import metrics
from runwatch.core.plural import counted
from runwatch.core.snapshot import IncidentRow
from runwatch.render import cells, evidence, incident, numbers, plain, states
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.tui import actions
from runwatch.tui.api import api
from runwatch.tui.scene import Scene
from runwatch.tui.widgets.paged import BETWEEN, FOR_TWO, PagePanel
from runwatch.tui.widgets.rows import Listed, Panel, Target

_TAG, _WHEN = 7, 8
"""Cells for sign and word, and for how long."""
_END = "finished"
"""The rule that says how a run ended."""
_NOTE = 12
"""Rows of one note, more than any takes."""
_GAP = "   "
"""Between what is said of an alert in one line."""
_FEW_RULES = 6
"""Rows in which it is worth listing rules."""
_FOR_RULES, _FOR_NAMES = 90, 86
"""Cells of a list that has room for the names of rules; the evidence does too. And of what rules find."""


def lines(scene: Scene, row: IncidentRow, width: int) -> list[Row]:
    """Return one incident in lines of `width` cells: sign, word, what, in full, and for how long."""
    sign, word, role = states.incident_tag(row, scene.glyphs)
    when = _age(row, scene.now() or 0.0)
    text = incident.headline(row, scene.now(), scene.glyphs)
    if row.symptoms:
        text += f" (+{counted(len(row.symptoms), 'symptom')})"
    text += f" {scene.glyphs.dot} {left}" if (left := scene.silence_left(row.id)) else ""
    tag = f"{sign} {word:<5}" if width >= 40 else f"{sign} "
    pieces = incident.hung(text, width, len(tag) + _WHEN, len(tag), scene.glyphs)
    look = "dim" if row.state == "resolved" else ""
    first = cells.spread([(tag, role), (pieces[0], look)], [(f" {when}", "dim")], width, scene.glyphs.ascii)
    return [first, *([(" " * len(tag), ""), (piece, look)] for piece in pieces[1:])]


def _age(row: IncidentRow, now: float) -> str:
    """Return how old an incident is; of one that was there before anyone watched, as far as it says so."""
    if row.since is not None:
        return numbers.brief(max(0.0, now - row.since))
    silent = row.evidence.get("silent_for")
    if row.state == "firing" and isinstance(silent, (int, float)):
        return numbers.brief(silent)
    return "" if row.state == "pending" or row.step is not None else "earlier"


class AlertsPanel(Panel):
    """The most urgent alerts."""

    can_focus = False
    opens = actions.ALERTS

    def needed(self, width: int) -> int:
        """Return how many rows show all of it at this outer width, with the frame."""
        return 2 + len(self._lines(width - 2))

    def content(self, width: int, height: int) -> Content:
        """Return the alerts, then what runwatch says about itself."""
        scene = self.scene
        firing, rows = len(scene.firing()), self._lines(width)
        if len(rows) > height > 0:
            rows = self._lines(width, height - 1)
            rows += [[(f"more: press {scene.key(actions.ALERTS)}", "dim")]]
        self.targets = list(self._places(width, height, 1))
        count = f"{firing} open" if firing else "none open"
        return Content([("alerts", "title")], rows, [(count, _worst(scene))])

    def _places(self, width: int, height: int, y: int) -> Iterator[Target]:
        """Yield which rows show which alert: a click opens it."""
        for row in self._shown():
            for _ in lines(self.scene, row, width):
                if y <= height:
                    yield y, 1, width + 1, partial(self._open, row.id)
                y += 1

    def _shown(self) -> list[IncidentRow]:
        """Return the alerts that are worth a place here: how the run ended is in its card."""
        return [row for row in self.scene.incidents() if row.rule != _END]

    def _open(self, incident: str) -> None:
        self.scene.incident = incident
        api(self.app).action_do(actions.ALERTS)

    def _lines(self, width: int, most: int | None = None) -> list[Row]:
        """Return what there is to say, of too many alerts those that fit in whole into `most` rows."""
        scene = self.scene
        out: list[Row] = []
        if not scene.firing() and not self._shown():
            judged = _is_judged(scene)
            sign = f"{scene.glyphs.states['resolved']} " if judged else ""
            out.append([(f"{sign}no open alerts", "good" if judged else "dim")])
        for row in self._shown():
            out += lines(scene, row, width)
            if most is not None and len(out) >= most:
                return out[:most]
        return (out + _notes(scene, width))[:most]


def _worst(scene: Scene) -> str:
    """Return the role of the worst open alert."""
    critical, warning = states.severities(scene.firing())
    return "crit" if critical else "warn" if warning else "dim"


class AlertList(Panel):
    """All alerts, one selected."""

    hides = False
    """Whether there is no room below it for what is known of the selected one."""

    def needed(self, width: int) -> int:
        """Return how many rows show all of it at this outer width, with the frame."""
        rows = self.scene.incidents()
        shown = sum(len(self._row(row, width - 2, "")) for row in rows)
        return 2 + max(1, shown) + len(_notes(self.scene, 80)) + bool(self.scene.elsewhere())

    def least(self, width: int) -> int:
        """Return how many rows show the selected one in full at this outer width, with the frame."""
        chosen = self.scene.selected()
        return 2 + (len(self._row(chosen, width - 2, "")) if chosen else 1) + bool(self.scene.elsewhere())

    def content(self, width: int, height: int) -> Content:
        """Return the rows around the selected one, and how many critical ones other runs have."""
        scene = self.scene
        elsewhere = _elsewhere(scene, width)
        height -= len(elsewhere)
        rows, chosen = scene.incidents(), scene.selected()
        at = next((i for i, row in enumerate(rows) if chosen is not None and row.id == chosen.id), 0)
        start = first_shown([len(self._row(row, width, "")) for row in rows], at, height)
        shown: list[Row] = []
        entries: list[int] = []
        fitting = 0
        for index, row in enumerate(rows[start:], start):
            lines = self._row(row, width, scene.glyphs.pointer if index == at else "")
            shown += lines
            entries += [index] * len(lines)
            fitting += len(shown) <= height
            if len(shown) >= height:
                break
        self.listed = Listed(start, fitting, len(rows), entries=tuple(entries[:height]))
        hidden = len(rows) - start - fitting
        if not rows:
            shown = _nothing(scene, width)
        shown = [*shown, *_notes(scene, width)]
        if not rows and _is_judged(scene):
            shown += self._looked_for(width, height - len(shown))
        right: Row = []
        if self.hides and chosen is not None:
            to_do, rest = self._to_do(chosen, width, max(0, height - len(shown)))
            shown += to_do
            right = [(scene.key("evidence"), "key"), (f" {rest}", "dim")]
        shown = shown[: max(0, height)] + elsewhere
        y = len(shown)
        self.targets = [(y, 1, width + 1, partial(self.press, actions.RUNS))] if elsewhere else []
        more: Row = [(f"  {hidden} more below", "dim")] if rows and hidden > 0 else []
        for state, count in _counted(rows):
            right.append((f"{'   ' if right else ''}{state} {count}", "dim"))
        return Content([("alerts", "title"), *more], shown, right)

    def _to_do(self, row: IncidentRow, width: int, room: int) -> tuple[list[Row], str]:
        """Return what to do in up to `room` rows, and what the key of the evidence shows then."""
        text, glyphs = plain.to_do(row), self.scene.glyphs
        shown = incident.brief(text, width - 2, room, glyphs) if text and room else []
        rows: list[Row] = [[("  ", ""), (line, "")] for line in shown]
        return rows, "evidence" if " ".join(shown) == text else "what to do"

    def _looked_for(self, width: int, height: int) -> list[Row]:
        """Return what each rule finds, with its name where there is room for that, as far as they fit."""
        rules = [*api(self.app).rules()] if self.is_attached else []
        if height < _FEW_RULES or not rules:
            return []
        across = 2 if width >= FOR_TWO else 1
        each = (width - BETWEEN * (across - 1)) // across
        names = max(len(name) for name, _ in rules) + 2 if each >= _FOR_NAMES else 0
        down, out = height - 2, list[Row]()
        room = down * across
        for count, (name, finds) in enumerate(rules):
            pieces = cells.wrapped(finds, max(1, each - names - 2), 3, self.scene.glyphs.ellipsis)
            labels = [f"{name:<{names}}" if names else "", *[" " * (names or 2)] * len(pieces)]
            if across > 1 and len(out) < down < len(out) + len(pieces):  # a rule is in one column
                out += [[] for _ in range(down - len(out))]
            if len(out) + len(pieces) > room - (count < len(rules) - 1):
                out.append([(f"and {len(rules) - count} more: runwatch rules", "dim")])
                break
            out += [[(label, ""), (piece, "dim")] for label, piece in zip(labels, pieces, strict=False)]
        return [[], [("what the rules look for", "title")], *cells.two_columns(out, down, each, BETWEEN)]

    def _row(self, row: IncidentRow, width: int, pointer: str) -> list[Row]:
        """Return one alert with its rule where there is room for that."""
        name = 17 if width >= _FOR_RULES else 0
        rule = cells.pad(row.rule, name, self.scene.glyphs.ellipsis) if name else ""
        first, *rest = lines(self.scene, row, width - name - 2)
        left: Row = [(f"{pointer or ' '} ", "key"), (rule, "dim")]
        drawn = [[*left, *first], *([(" " * (name + 2), ""), *each] for each in rest)]
        return [cells.bar(each, width, self.scene.glyphs.ascii) for each in drawn] if pointer else drawn


def _elsewhere(scene: Scene, width: int) -> list[Row]:
    """Return how many critical alerts other runs have, and the key that shows those runs."""
    count = scene.elsewhere()
    if not count:
        return []
    said = f"{counted(count, 'critical alert')} in other runs"
    press = "  press " if len(said) + 12 <= width else "  "
    return [[("  ", ""), (said, "crit"), (press, "dim"), (scene.key(actions.RUNS), "key")]]


def first_shown(heights: list[int], at: int, room: int) -> int:
    """Return the first of items of these heights that is shown, so that all of item `at` is."""
    start = at
    used = heights[at] if heights else 0
    while start > 0 and used + heights[start - 1] <= room:
        start -= 1
        used += heights[start]
    return start


def _notes(scene: Scene, width: int) -> list[Row]:
    """Return what runwatch says about itself."""
    more = scene.glyphs.ellipsis
    pieces = [cells.wrapped(notice, max(8, width - 5), _NOTE, more) for notice in scene.notices]
    return [
        [("note " if i == 0 else "     ", "warn"), (piece, "dim")]
        for each in pieces
        for i, piece in enumerate(each)
    ]


def _is_judged(scene: Scene) -> bool:
    """Return whether there is anything that rules look at."""
    run = scene.run
    return run is not None and (run.progress.step is not None or bool(run.latest))


def _nothing(scene: Scene, width: int) -> list[Row]:
    """Return why there is no alert, and what would be one."""
    sign = scene.glyphs.states["resolved"]
    run = scene.run
    if not _is_judged(scene):
        said = "no step to judge yet" if run is None or not states.ended(run.phase) else "no step was found"
        role = "dim"
    else:
        said, role = f"{sign} no alerts: every rule that judges this run is satisfied", "good"
    text = "What a rule finds comes here with evidence, cause and advice; `runwatch rules NAME` explains one."
    return [
        [(piece, role)]
        for text, role in ((said, role), (text, "dim"))
        for piece in cells.wrapped(text, width, 4, scene.glyphs.ellipsis)
    ]


def _counted(rows: list[IncidentRow]) -> list[tuple[str, int]]:
    """Return how many alerts there are of each kind, in the words of their own lines."""
    counted = {
        "open": sum(map(states.attention, rows)),
        "info": sum(row.state == "firing" and not states.attention(row) for row in rows),
        "ack": sum(row.state == "acknowledged" for row in rows),
        "ok": sum(row.state == "resolved" for row in rows),
    }
    return [(state, count) for state, count in counted.items() if count]


class AlertDetail(PagePanel):
    """Evidence, cause and advice of the selected alert, in a part that scrolls."""

    can_focus = False
    wheel = 1
    alone = False
    """Whether it has the view to itself."""
    _of = ""

    def content(self, width: int, height: int) -> Content:
        """Return everything that is known about it, wrapped; `v` shows what does not fit."""
        row = self.scene.selected()
        if row is None:
            return Content([("evidence", "title")])
        if row.id != self._of:
            self._of, self.at = row.id, 0
        lines = self._lines(row, width)
        if self.alone:
            title = textwrap.wrap(plain.title(row, self.scene.now()), max(10, width))
            lines = [[(piece, "title")] for piece in title] + lines
        lines = lines if len(lines) <= height else [line for line in lines if line]
        page = self.part(lines, height)
        self.targets = [*self._links(row, page, width)]
        more = f"{self.below} more below" + ("" if self.alone else f": {self.scene.key('evidence')}")
        right: Row = [(more, "dim" if self.alone else "key")] if self.below else []
        return Content([("evidence", "title")], page, right)

    def needed(self, width: int) -> int:
        """Return how many rows show all of it, with the frame."""
        row = self.scene.selected()
        return 2 + (len(self._lines(row, width - 2)) if row is not None else 0)

    def _lines(self, row: IncidentRow, width: int) -> list[Row]:
        why = self._why(row, width)
        return [*why, *([[]] if why else []), *self._about(row, width), *self._evidence(row, width)]

    def _about(self, row: IncidentRow, width: int) -> list[Row]:
        """Return where it is and since when."""
        said = [text for text, _ in self._where(row)]
        return [[(piece, "dim")] for piece in cells.joined(said, max(10, width), _GAP)]

    def _where(self, row: IncidentRow) -> Iterator[tuple[str, Callable[[], object] | None]]:
        """Yield where it is and since when, each with what a click on it does, if anything."""
        if left := self.scene.silence_left(row.id):
            yield f"{left}: {self.scene.key('silence')} sends it again", partial(self.press, "silence")
        yield f"rule {row.rule}", None
        if row.metric:
            yield metrics.label(row.metric), partial(self.press, "jump")
        if row.rank is not None:
            yield f"rank {row.rank}", partial(self._rank, row.rank)
        if row.step is not None:
            yield f"step {numbers.step(row.step)}", partial(self.press, "jump")
        if row.line is not None:
            yield f"line {row.line:,}", partial(self.press, "jump_log")
        if row.since is not None:
            yield f"since {plain.clock(row.since)}", None
        elif row.state != "pending" and row.step is None:
            yield "from before it was watched", None
        if row.resolved_step is not None:
            yield f"ok at step {numbers.step(row.resolved_step)}", None

    def _rank(self, rank: int) -> None:
        api(self.app).show_rank(rank)

    def _links(self, row: IncidentRow, page: list[Row], width: int) -> Iterator[Target]:
        """Yield what of the rows that are shown leads somewhere."""
        about, leading = self._about(row, width), [(text, act) for text, act in self._where(row) if act]
        for y, shown in enumerate(page, 1):
            parts = shown[0][0].split(_GAP) if shown in about else []
            for text, act in leading if parts else ():
                if text in parts:
                    x = 1 + cells.width(_GAP.join([*parts[: parts.index(text)], ""]))
                    yield y, x, x + cells.width(text), act

    def _why(self, row: IncidentRow, width: int) -> list[Row]:
        """Return cause and advice, what is needed to follow it, and the symptoms."""
        said, more = [("cause", row.cause), ("advice", plain.to_do(row))], self.scene.glyphs.ellipsis
        out = _labelled([(name, text) for name, text in said if text], width, more)
        out += _labelled(evidence.first(row), width, more, _widest(row, width))
        if row.symptoms:
            out += [[], [("symptoms: what follows from it", "dim")]]
            for symptom in row.symptoms:
                for i, piece in enumerate(textwrap.wrap(symptom, max(10, width - 4))):
                    out.append([(f"  {self.scene.glyphs.dot if i == 0 else ' '} ", "dim"), (piece, "")])
        return out

    def _evidence(self, row: IncidentRow, width: int) -> list[Row]:
        """Return the numbers that the rule looked at."""
        words = evidence.rest(row)
        more = self.scene.glyphs.ellipsis
        out: list[Row] = []
        for name, text in words:
            if "\n" in text:  # a traceback: what is read first, and needs the width
                out += [[], [(name, "dim")]]
                out += [[("  ", ""), (piece, "")] for piece in cells.traceback(text, width - 2, more)]
        words = [(name, text) for name, text in words if "\n" not in text]
        return out + ([[], *_labelled(words, width, more, _widest(row, width))] if words else [])


def _widest(row: IncidentRow, width: int) -> int:
    """Return how many cells the labels of all evidence need."""
    words = [name for name, text in evidence.words(row) if "\n" not in text]
    return min(
        max(26, width // 3),
        width // 2,
        max((cells.width(cells.settled(name)) for name in words), default=0),
    )


def _labelled(words: list[tuple[str, str]], width: int, more: str, widest: int = 6) -> list[Row]:
    """Return texts in rows, each behind its label."""
    out: list[Row] = []
    for name, text in words:
        room = max(8, width - widest - 2)
        said = cells.shorten(text, room, more) if text.startswith("/") else text  # a path loses its middle
        pieces = cells.wrapped(said, room, 8, more) or [numbers.MISSING]
        for label, piece in zip_longest(cells.wrapped(name, widest, 3, more), pieces, fillvalue=""):
            out.append([(f"{cells.pad(label, widest, more)}  ", "dim"), (piece, "")])
    return out
