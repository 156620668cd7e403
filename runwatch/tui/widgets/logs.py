"""The log: the newest lines of the overview, and the view to scroll and search in."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import partial

from runwatch.core.snapshot import RunView
from runwatch.render import cells, plain
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.tui import actions
from runwatch.tui.api import api
from runwatch.tui.lines import Lines, painted, role_of
from runwatch.tui.search import Search
from runwatch.tui.widgets.rows import Listed, Panel

NOTHING_FOUND = "nothing found in the lines at hand"
_NARROW = 72
"""Cells of a log below which long lines are wrapped."""
_RULED = frozenset(" ^~=-_*#")
"""What underlines and rules are made of: their rest says nothing."""
_PART = re.compile(r"(?<![:=]) +")
"""Between two parts of a line; a name and its value are one."""
_PATIENCE = 4
"""Pictures to wait for all lines that the engine keeps."""


def short_name(run: RunView) -> str:
    """Return the end of the path of the log that is shown: enough to distinguish it from the run's others."""
    parts = run.log_source.split("/")
    ends = [source.split("/") for source in run.sources if source != run.log_source]
    for depth in range(1, len(parts)):
        if all(end[-depth:] != parts[-depth:] for end in ends):
            return "/".join(parts[-depth:])
    return run.log_source


def nothing(run: RunView | None) -> str:
    """Return why there are no lines."""
    if run is None:
        return "no lines yet: no run was found so far"
    if not run.sources:
        return "no lines here: see them with runwatch attach HOST"
    if run.progress.step is not None and run.log_source:
        return "waiting for its lines"
    if run.progress.step is not None:
        return "no lines to show: what is read here is no text"
    if run.checkpoints and not run.log_source:
        return "no log is watched, only checkpoints"
    return "no lines yet"


class LogPanel(Panel):
    """The newest lines."""

    can_focus = False
    opens = actions.LOGS

    def content(self, width: int, height: int) -> Content:
        """Return as many as fit, the newest last."""
        run = self.scene.run
        lines = run.log[-height:] if run and height else ()
        source = f" {short_name(run)}" if run and run.log_source else ""
        more = self.scene.glyphs.ellipsis
        rows: list[Row] = [painted(cells.clip(text, width, more)) for _, text in lines]
        if not rows:
            rows = [[(nothing(run) if self.scene.snapshot else self.scene.waiting_for(), "dim")]]
        return Content(
            [("log", "title"), (source, "dim")],
            rows,
            [(self.scene.key(actions.LOGS), "key"), (" scroll and search", "dim")],
        )

    def lines_wanted(self) -> int:
        """Return how many lines fit."""
        return max(0, self.size.height - 2) if self.display else 0


LEAST_LOG = 6
"""Rows, with the frame, from which a part of a log is worth its place."""


class LogExcerpt(LogPanel):
    """The lines around one of them; without that the newest."""

    at: int | None = None
    """The number of the line that is shown with what precedes and follows it."""
    source: str | None = None
    """The log it is in; None for the one that the run is read from."""

    def has_line(self) -> bool:
        """Return whether the engine has sent the line: it keeps the newest ones only."""
        run = self.scene.run
        if run is None or self.source not in {None, run.log_source}:
            return False
        return any(number == self.at for number, _ in run.log)

    def content(self, width: int, height: int) -> Content:
        """Return as many lines as fit, with their numbers; a click on one shows it in the log."""
        self.targets = []
        run = self.scene.run
        if self.at is None or run is None or not self.has_line():
            return super().content(width, height)
        place = next(i for i, (number, _) in enumerate(run.log) if number == self.at)
        first = max(0, min(len(run.log) - height, place - height // 2))
        shown = run.log[first : first + height]
        gutter = max(len(str(number)) for number, _ in shown)
        rows: list[Row] = []
        for y, (number, text) in enumerate(shown, 1):
            here = number == self.at
            head = f"{number:>{gutter}}{self.scene.glyphs.pointer if here else ' '}"
            room = max(1, width - len(head))
            piece = cells.clip(text, room, self.scene.glyphs.ellipsis)
            rows.append([(head, "key" if here else "dim"), *painted(piece)])
            self.targets.append((y, 1, width + 1, partial(api(self.app).show_line, number, self.source)))
        title: Row = [("log", "title"), (f" {short_name(run)}, line {self.at:,}", "dim")]
        return Content(title, rows, [(self.scene.key("jump_log"), "key"), (" scroll and search", "dim")])


class LogView(Panel):
    """Scrolls through lines by number."""

    wheel = 3

    def __init__(self) -> None:
        super().__init__(id="log-view")
        self.lines = Lines()
        self.following = True
        self.bottom = 0
        """Number of the last line shown when not following."""
        self.at: int | None = None
        """The line a search or a jump stopped at."""
        self.step: int | None = None
        """The step whose line is looked for, until the lines are here."""
        self.sought = False
        """Whether a search waits for the lines."""
        self.note = ""
        self.wrap: bool | None = None
        """Whether long lines are wrapped; None for where few characters fit, as on a phone."""
        self.times = False
        """Whether each line has in front of it when it was read."""
        self.waiting = _PATIENCE
        """How many more pictures are asked for all the lines that the engine keeps; 0 for no more."""
        self._at_row: list[int] = []
        """Number of the line that each row shows."""
        self._of: tuple[str, str] | None = None
        """The run and the source that the lines are from."""

    @property
    def room(self) -> int:
        """Return how many lines fit."""
        return max(1, self.size.height - 2)

    @property
    def wraps(self) -> bool:
        """Return whether long lines are wrapped, as chosen, else where much of them would be cut off."""
        return self.size.width < _NARROW if self.wrap is None else self.wrap

    def before(self) -> int | None:
        """Return the last line to ask for: some beyond the bottom, or None for the newest."""
        return None if self.following or self.waiting else self.bottom + self.room

    def learn(self, usual: int) -> None:
        """Remember the lines of the newest snapshot; more than `usual` are all there are."""
        run = self.scene.run
        if run is None:
            return
        shown = (run.id, run.log_source)
        if shown != self._of:
            if self._of is not None and self._of[0] != run.id:
                self.following, self.at = True, None
            self._of, self.waiting = shown, _PATIENCE
            self.lines.clear()
        if run.log and self.waiting:
            self.waiting = 0 if len(run.log) > usual or run.log[0][0] == 1 else self.waiting - 1
        self.lines.learn(run.log, self.bottom)
        if self.at is not None and not self.waiting and (not run.log or len(run.log) > usual):
            self._find_gone(self.at)
        if self.following and run.log:
            self.bottom = max(self.bottom if self.at else 0, run.log[-1][0])
        if self.step is not None and not self.waiting:
            self._find_step(self.step)
        if self.sought and not self.waiting:
            self.sought = False
            self.find(self.lines.hits(), forward=False)

    def content(self, width: int, height: int) -> Content:
        """Return the lines up to the bottom one."""
        scene, lines = self.scene, self.lines
        numbers = [n for n in lines.shown() if n <= self.bottom][-height:] if height else []
        gutter = len(str(self.bottom)) + 1
        rows: list[Row] = []
        at_row: list[int] = []
        broken = False
        for number in numbers:
            if broken and number != self.at and cells.is_carets(lines[number]):
                continue
            here, marked = number == self.at, number in lines.marked
            mark = scene.glyphs.pointer if here else scene.glyphs.bookmark if marked else " "
            head = f"{number:>{gutter - 1}}{mark}" + (f"{self._time(number):8} " if self.times else "")
            pieces = self._pieces(lines[number], max(1, width - len(head)))
            broken = len(pieces) > 1
            for piece in pieces:
                rows.append([(head, "key" if here or marked else "dim"), *self._painted(piece)])
                head = " " * len(head)
                at_row.append(number)
        rows, self._at_row = (rows[-height:], at_row[-height:]) if height else ([], [])
        self.listed = self._listed()
        if not rows:
            fits_none = f"no line fits; {scene.key('back')} shows all"
            why = fits_none if self._filters() else nothing(scene.run)
            rows = [[(scene.waiting_for() if scene.run is None else why, "dim")]]
        where = "following" if self.following else f"line {self.bottom:,}"
        note = f"{self.note}  " if self.note else ""
        title: Row = [("log", "title"), *([(f" {self._filters()}", "warn")] if self._filters() else [])]
        room = width - cells.row_width(title) - len(note) - len(where) - 8
        if scene.run and scene.run.log_source and room > 8:
            title.append((f" {cells.shorten(scene.run.log_source, room, scene.glyphs.ellipsis)}", "dim"))
        return Content(title, rows, [(note, "warn"), (where, "value")])

    def _listed(self) -> Listed | None:
        """Return which of the lines that are known here, or that the engine keeps, are shown."""
        shown, known = self._at_row, self.lines.shown()
        if not shown:
            return None
        if self._filters():
            return Listed(known.index(shown[0]), len(set(shown)), len(known))
        return Listed(shown[0] - 1, len(set(shown)), max(known[-1], self.bottom))

    def entry(self, y: int) -> int | None:
        """Return the number of the line in a row: a long line may take several."""
        return self._at_row[y - 1] if 0 <= y - 1 < len(self._at_row) else None

    def choose(self, number: int) -> None:
        """Make a line the one that keys speak of."""
        self.at, self.following = number, False
        self.redraw()

    def _time(self, number: int) -> str:
        """Return when a line was read; "" for what was there before anyone watched."""
        notes = self.scene.run.log_read if self.scene.run else ()
        at = bisect_right(notes, number, key=lambda note: note[0])
        return plain.clock(notes[at - 1][1], seconds=True) if at and notes[at - 1][1] else ""

    def _filters(self) -> str:
        """Return in words which lines are left out."""
        lines = self.lines
        parts = [f"rank {lines.rank}"] if lines.rank is not None else []
        parts += ["hits"] if lines.only and lines.pattern is not None else []
        return f"only {' '.join(parts)}" if parts else ""

    def _pieces(self, text: str, width: int) -> list[str]:
        """Return a line as it is: cut at the edge, or wrapped."""
        more = self.scene.glyphs.ellipsis
        if not self.wraps or _RULED.issuperset(text):
            return [cells.clip(text, width, more)]
        text = cells.settled(text, self.scene.glyphs.ascii)
        out: list[str] = []
        while len(piece := cells.take(text, width)) < len(text) and piece and len(out) < self.room:
            parts = [found.end() for found in _PART.finditer(piece) if found.end() > width // 2]
            whole = text[len(piece)] == " " and piece[-1] not in ":="
            piece = piece[: parts[-1]] if parts and not whole else piece
            out.append(piece)
            text = text[len(piece) :].removeprefix(" ")
        return [*out, cells.clip(text, width, more)]

    def _painted(self, text: str) -> Row:
        if self.lines.pattern is None:
            return painted(text)
        role = role_of(text)
        out: Row = []
        last = 0
        for start, end in self.lines.pattern.hits(text):
            if end > start:
                out += [(text[last:start], role), (text[start:end], "hit")]
                last = end
        return [*out, (text[last:], role)]

    def scroll_lines(self, by: int) -> None:
        """Move by some lines; reaching the newest follows again."""
        known = self.lines.shown()
        if not known:
            return
        newest, oldest = known[-1], known[0]
        if self._filters():  # between two lines that are shown there may be many that are not
            here = max((i for i, n in enumerate(known) if n <= self.bottom), default=0)
            self.bottom = known[max(min(len(known), self.room) - 1, min(len(known) - 1, here + by))]
        else:
            # The engine may hold older lines than we do; ask for them by going there.
            self.bottom = max(min(oldest, self.room), min(newest, self.bottom + by))
        self.following = by > 0 and self.bottom >= newest
        self.note = ""
        self.redraw()

    def follow(self) -> None:
        """Show the newest lines again."""
        self.following, self.at, self.note = True, None, ""
        if known := self.lines.known():
            self.bottom = known[-1]
        self.redraw()

    def go_to(self, number: int) -> None:
        """Show one line in the middle, and mark it."""
        self.following, self.at = False, number
        self.bottom = number + self.room // (4 if self.wraps else 2)
        self.redraw()

    def go_to_step(self, step: int) -> None:
        """Show the line of a step, once all lines are here."""
        self.step, self.waiting, self.note = step, _PATIENCE, f"looking for step {step:,}"
        if self.lines.of_step(step)[1] == 0:
            self._find_step(step)
        self.redraw()

    def _find_gone(self, number: int) -> None:
        """Instead of a line that the engine keeps no more show the oldest ones, and say so."""
        if (known := self.lines.known()) and number < known[0]:
            self.note = f"line {number:,} is older than what is kept"
            self.at, self.bottom = None, known[0] + self.room - 1

    def _find_step(self, step: int) -> None:
        self.step = None
        number, _ = self.lines.of_step(step)
        if number is None:
            self.note = f"no line at hand shows step {step:,}"
            return
        self.note = f"step {step:,}"
        self.following, self.at = False, number
        self.bottom = number + self.room // 2

    def first(self) -> None:
        """Show the first line of the log."""
        self.following, self.bottom = False, self.room
        self.redraw()

    def find(self, hits: list[int], forward: bool) -> None:
        """Go to the next of these lines, or the one before; round the end."""
        if not hits:
            given_up = self.lines.pattern is not None and self.lines.pattern.slow
            self.note = "the search takes too long: use fewer * and +" if given_up else NOTHING_FOUND
            self.redraw()
            return
        start = self.at if self.at is not None else self.bottom + 1 if not forward else 0
        ahead = [n for n in hits if n > start] if forward else [n for n in reversed(hits) if n < start]
        target = ahead[0] if ahead else (hits[0] if forward else hits[-1])
        self.note = f"{hits.index(target) + 1} of {len(hits)}"
        self.go_to(target)

    def chosen(self) -> int | None:
        """Return the line that keys speak of: the one a jump stopped at, else the last one shown."""
        if self.at is not None:
            return self.at
        return max((n for n in self.lines.shown() if n <= self.bottom), default=None)

    def search(self, pattern: Search | None) -> None:
        """Search from the newest line backward; None ends the search."""
        self.lines.pattern, self.at, self.note = pattern, None, ""
        self.sought = pattern is not None and self.waiting > 0
        if pattern is None:
            self.lines.only = False
            self.redraw()
        elif self.sought:
            self.note = "searching"
        else:
            self.find(self.lines.hits(), forward=False)
