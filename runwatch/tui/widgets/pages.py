"""Long tables that scroll: checkpoints, events, configuration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Sized
from itertools import zip_longest

from runwatch.core import metrics
from runwatch.core.snapshot import CheckpointRow, Latest, RunView
from runwatch.render import cells, checkpoints, numbers, stages
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.tui import actions, choose
from runwatch.tui.widgets.paged import BETWEEN, FOR_TWO, PagePanel
from runwatch.tui.widgets.values import value_table

_MOST = 6
"""Rows that one value may take; what is longer is cut off."""
_VALUES = {"summary.checkpoint.": "newest checkpoint", "summary.": "last values"}
"""How names begin of what is no setting, and what that is called."""
_SECTION = 3
"""Names that begin alike from which that is a section."""
_TITLE = 22
"""Cells of a frame's title that are kept for what is at its left."""
_LEAST = 4
"""Rows of checkpoints before which nothing is said of all of them."""
_SAID = 2
"""Rows that what is said of all of them takes at most."""
_HEADED = 4
"""Rows from which one is a heading."""
_WHOLE = 48
"""Cells of the names of a metric for which columns of its values are left out."""
_NO_CHECKPOINTS = (
    "none yet: the log reports no save, and none is in the paths that are watched. If they are elsewhere, "
    "name their directory too: runwatch tail train.log checkpoints/"
)
_NO_EVENTS = "nothing yet: errors, restarts and what the log says of saving come here"
_NO_CONFIGURATION = (
    "none found: runwatch looks next to the log and the checkpoints for config.json, args.json, hparams.yaml "
    "and the like, and reads what a tracker recorded"
)


class Table(PagePanel):
    """A long table, or an explanation of why there is nothing."""

    def more(self) -> Row:
        """Return how many rows follow, or nothing."""
        return [(f"  {self.below:,} more below", "dim")] if self.below else []

    def empty(self, text: str, width: int) -> list[Row]:
        """Return an explanation of why there is nothing."""
        return [[(line, "dim")] for line in cells.wrapped(text, width, _MOST, self.scene.glyphs.ellipsis)]


class CheckpointTable(Table):
    """All checkpoints that are known."""

    def __init__(self) -> None:
        super().__init__(id="checkpoint-table")

    def rows(self, width: int) -> list[Row]:
        """Return all there is to show below the heading."""
        run = self.scene.run
        return self._table(run, run.checkpoints, width) if run and run.checkpoints else []

    def _table(self, run: RunView, found: Sequence[CheckpointRow], width: int) -> list[Row]:
        last_good = checkpoints.last_good(run.checkpoints, run.saving)
        last_good = last_good or checkpoints.newest_unchecked(run.checkpoints, run.saving)
        return checkpoints.table(found, width, self.scene.glyphs, run.saving.usual_bytes, last_good)

    def step_of(self, entry: int) -> int | None:
        """Return the step of the checkpoint that a row shows: one may take several."""
        run, at = self.scene.run, 0
        if run is None:
            return None
        for found in run.checkpoints:
            at += len(self._table(run, (found,), self.size.width - 2))
            if entry < at:
                return found.at
        return None

    def _said(self, width: int, most: int = _SAID) -> tuple[str, list[str]]:
        """Return what the checkpoints say together, in one place: in the frame, or in rows below it.

        Of what does not fit in `most` rows, the last clauses are left out; without rows all but the first.
        """
        text = checkpoints.summary(run.saving, run.checkpoints) if (run := self.scene.run) else ""
        if cells.width(text) <= width - _TITLE:
            return text, []
        clauses, more = text.split(", "), self.scene.glyphs.ellipsis
        for count in range(len(clauses), 0, -1):
            lines = cells.wrapped(", ".join(clauses[:count]), width, _MOST, more)
            if len(lines) <= most:
                return "", lines
        return clauses[0], []

    def needed(self, width: int) -> int:
        """Return the height at which all is shown."""
        rows = self.rows(width)
        return (
            3 + len(rows) + len(self._said(width)[1]) if rows else 2 + len(self.empty(_NO_CHECKPOINTS, width))
        )

    def content(self, width: int, height: int) -> Content:
        """Return the page of checkpoints from `at`, with what they say together."""
        run, rows = self.scene.run, self.rows(width)
        title: Row = [("checkpoints", "title"), (f" {len(run.checkpoints) if run else 0}", "dim")]
        if run is None or not rows:
            self.part([], height)
            return Content(title, self.empty(_NO_CHECKPOINTS, width))
        room = max(0, height - 1 - min(_LEAST, len(rows)))
        framed, lines = self._said(width, min(room, _SAID))
        above: list[Row] = [[(line, "value")] for line in lines]
        if height - len(above) > min(_HEADED - 1, len(rows)):
            above.append(checkpoints.heading(run.checkpoints, width))
        page = self.part(rows, height - len(above), len(above))
        return Content([*title, *self.more()], [*above, *page], [(framed, "value")])


class StageTable(Table):
    """The stages of a pipeline, and what was evaluated behind each."""

    can_focus = False

    def __init__(self) -> None:
        super().__init__(id="stage-table")

    def rows(self, width: int) -> list[Row]:
        """Return all there is to show below the heading; the results of the only stage are in the summary."""
        run = self.scene.run
        several = run is not None and len(run.stages) > 1
        return stages.table(run.stages, run.id, width, self.scene.glyphs) if run and several else []

    def needed(self, width: int) -> int:
        """Return the height at which all is shown; 0 where there are no stages."""
        rows = self.rows(width)
        return 3 + len(rows) if rows else 0

    def content(self, width: int, height: int) -> Content:
        """Return the page of stages from `at`."""
        found = self.scene.run.stages if self.scene.run else ()
        title: Row = [("stages", "title"), (f" {len(found)}", "dim")]
        page = self.part(self.rows(width), height - 1, 1)
        return Content([*title, *self.more()], [stages.heading(found, width), *page])


class EventTable(Table):
    """What happened, the newest first."""

    def __init__(self) -> None:
        super().__init__(id="event-table")

    def needed(self, width: int) -> int:
        """Return the height at which all is shown."""
        events = self.scene.run.events if self.scene.run else ()
        return 3 + len(events) if events else 2 + len(self.empty(_NO_EVENTS, width))

    def content(self, width: int, height: int) -> Content:
        """Return the page of events from `at`."""
        rows = self.scene.run.events if self.scene.run else ()
        title: Row = [("events", "title"), (f" {len(rows)}, newest first" if rows else "", "dim")]
        if not rows:
            self.part([], height)
            return Content(title, self.empty(_NO_EVENTS, width))
        page = self.part(checkpoints.events(rows, width, self.scene.glyphs), height - 1, 1)
        return Content([*title, *self.more()], [checkpoints.event_heading(width), *page])


def _number(found: Sized) -> Row:
    """Return how many there are, behind a heading."""
    return [(f" {len(found)}", "dim")] if found else []


def _named(item: Latest) -> str:
    """Return the name of a metric, and the one it is printed with where that is another."""
    return item.metric if item.printed in ("", item.metric) else f"{item.metric} ({item.printed})"


def _columns(blocks: list[list[Row]], across: int, width: int, height: int) -> list[Row]:
    """Return blocks below each other, or in two columns: whole where that fits `height`, else in halves."""

    def below(parts: list[list[Row]]) -> list[Row]:
        return [row for part in parts for row in ([], *part)][1:]

    rows = below(blocks)
    if across == 1:
        return rows
    splits = ((below(blocks[:at]), below(blocks[at:])) for at in range(1, len(blocks)))
    left, right = min(splits, key=lambda split: max(map(len, split)))
    if max(len(left), len(right)) > height > 0:
        half = -(-len(rows) // 2)
        left, right = rows[:half], rows[half:]
    left += [[] for _ in range(len(right) - len(left))]
    return cells.two_columns([*left, *right], len(left), width, BETWEEN)


def _measured(name: str, text: str) -> str:
    """Return a value that was measured, its steps and tokens as the screen writes them."""
    counts = text.isascii() and text.isdecimal() and metrics.is_bookkeeping(name)
    return numbers.step(int(text)) if counts and len(text) < 16 else text


class FactTable(Table):
    """Where the run is read from, its configuration, and where it runs."""

    def __init__(self) -> None:
        super().__init__(id="fact-table")

    def needed(self, width: int) -> int:
        """Return the height at which all is shown."""
        return 2 + len(self._all(width - 2, 0)[0])

    def content(self, width: int, height: int) -> Content:
        """Return the page of facts from `at`."""
        run = self.scene.run
        if run is None:
            return Content([("configuration", "title")], self.empty(self.scene.waiting_for(), width))
        rows, count = self._all(width, height)
        page = self.part(rows, height)
        only = self.scene.filtered(actions.CONFIGURATION, count)
        return Content([(run.name, "title"), *only, *self.more()], page)

    def _all(self, width: int, height: int) -> tuple[list[Row], int]:
        """Return all rows, in two columns where the screen is wide, and how many facts they say."""
        if (run := self.scene.run) is None:
            return [], 0
        across = 2 if width >= FOR_TWO else 1
        each = (width - BETWEEN * (across - 1)) // across
        settings = {name.removeprefix("config."): text for name, text in run.about.items()}
        values: dict[str, list[tuple[str, str]]] = {}
        for begin, title in _VALUES.items():
            found = [
                (name.removeprefix(begin), _measured(name.removeprefix(begin), settings.pop(name)))
                for name in [*settings]
                if name.startswith(begin)
            ]
            values[title] = self._fitting(found)
        about = self._fitting(list(settings.items()))
        blocks: list[list[Row]] = [[[("configuration", "title"), *_number(settings)]]]
        why = f"nothing fits; {self.scene.key('back')} shows all" if settings else _NO_CONFIGURATION
        blocks[0] += self._sections(about, each) or self.empty(why, each)
        blocks += [
            [[(title, "title"), *_number(last)], *self._pairs(last, each)]
            for title, last in values.items()
            if last
        ]
        whys = zip_longest(run.sources, run.whys[: len(run.sources)], fillvalue="")
        files = [pair for pair in whys if self.scene.fits(actions.CONFIGURATION, "source", *pair)]
        known = settings | ({"read from": ""} if run.sources else {})  # the rows above say it
        facts = [(name, text) for name, text in run.facts.items() if name not in known]
        facts = self._fitting([("format", run.format or "not known yet"), *facts])
        blocks.append([[("sources", "title")], *self._files(files, each), *self._pairs(facts, each)])
        names = [name for name in choose.of_run(run) if self._is_named(name)]
        blocks += [self._metrics(names, each)] if names else []
        count = len(facts) + len(files) + len(about) + sum(map(len, values.values())) + len(names)
        return _columns(blocks, across, each, height), count

    def _is_named(self, metric: str) -> bool:
        """Return whether the filter lets a metric through."""
        item = self.scene.latest(metric)
        return item is not None and self.scene.fits(actions.CONFIGURATION, metric, item.printed)

    def _metrics(self, names: list[str], width: int) -> list[Row]:
        """Return what was read: the names that rules and exports use, and those that the log prints."""
        heading, *rows = value_table(self.scene, names, width - 1, _named, _WHOLE, below=True)
        title: Row = [("metrics", "title"), *_number(names), (", in brackets as the log prints them", "dim")]
        return [title, *([(" ", ""), *row] for row in (heading, *rows))]

    def _files(self, files: list[tuple[str, str]], width: int) -> list[Row]:
        """Return what is read, and why it belongs to this run: behind it, or below where there is no room."""
        out: list[Row] = []
        longest = max((cells.width(cells.settled(path)) for path, _ in files), default=0)
        needed = longest + max((cells.width(cells.settled(why)) for _, why in files), default=0) + 4
        place = longest if needed <= width else 0
        for path, why in files:
            *above, last = cells.wrapped(path, max(1, width - 1), _MOST, self.scene.glyphs.ellipsis) or [""]
            out += [[(f" {piece}", "")] for piece in above]
            if cells.width(last) + cells.width(cells.settled(why)) + 4 <= width:
                blank = " " * max(0, place - cells.width(last))
                out.append([(f" {last}{blank}", ""), (f"   {why}", "dim")])
            else:
                pieces = cells.wrapped(why, max(1, width - 3), _MOST, self.scene.glyphs.ellipsis)
                out += [[(f" {last}", "")], *([(f"   {piece}", "dim")] for piece in pieces)]
        return out

    def _fitting(self, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return what the filter lets through."""
        return [(name, text) for name, text in pairs if self.scene.fits(actions.CONFIGURATION, name, text)]

    def _sections(self, pairs: list[tuple[str, str]], width: int) -> list[Row]:
        """Return names and values, below them those of sections: what many names begin with is shown once."""
        named = [(name.partition("/"), text) for name, text in pairs]
        counts = Counter(section for (section, slash, _), _ in named if slash)
        loose, sections = list[tuple[str, str]](), dict[str, list[tuple[str, str]]]()
        for (section, slash, rest), text in named:
            if slash and counts[section] >= _SECTION:
                sections.setdefault(section, []).append((rest, text))
            else:
                loose.append((section + slash + rest, text))
        rows = self._pairs(loose, width) if loose else []
        for section, inside in sections.items():
            heading = cells.clip(section, width - 1, self.scene.glyphs.ellipsis)
            rows += [[], [(f" {heading}", "title"), (f" {len(inside)}", "dim")], *self._pairs(inside, width)]
        return rows

    def _pairs(self, pairs: list[tuple[str, str]], width: int) -> list[Row]:
        """Return names and values; a value that is too long continues in further rows."""
        more = self.scene.glyphs.ellipsis
        widest = max((cells.width(cells.settled(name)) for name, _ in pairs), default=0)
        names = min(max(widest, 14), 40, max(20, width // 3), max(8, width // 2))
        room = max(1, width - names - 3)
        out: list[Row] = []
        for name, value in pairs:
            for i, piece in enumerate(cells.wrapped(numbers.legible(value), room, _MOST, more) or [""]):
                label = cells.pad(name if i == 0 else "", names, more)
                out.append([(f" {label}  ", "dim"), (piece, "")])
        return out
