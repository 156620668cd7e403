"""The log: the newest lines of the overview, and the view to scroll and search in."""

from __future__ import annotations

import re

from runwatch.render import cells
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.snapshot import RunView
from runwatch.tui.widgets.rows import Panel

_CRITICAL = re.compile(
    r"\b(?:error|exception|traceback|fatal|critical|killed|segfault|out of memory|sig(?:term|kill|segv))\b"
    r"|\w+Error\b|\bOOM\b|NCCL.*(?:timeout|abort)|CUDA error",
    re.IGNORECASE,
)
_WARNING = re.compile(r"\bwarn(?:ing)?\b|\bnan\b|\binf\b|\bretry(?:ing)?\b", re.IGNORECASE)
_KEPT = 5000
"""Lines remembered for scrolling and searching."""


def role_of(text: str) -> str:
    """Return how a log line is shown: "crit", "warn" or ""."""
    if _CRITICAL.search(text):
        return "crit"
    return "warn" if _WARNING.search(text) else ""


def short_name(run: RunView) -> str:
    """Return the end of the path of the log that is shown: enough to tell it from the run's others."""
    parts = run.log_source.split("/")
    ends = [source.split("/") for source in run.sources if source != run.log_source]
    for depth in range(1, len(parts)):
        if all(end[-depth:] != parts[-depth:] for end in ends):
            return "/".join(parts[-depth:])
    return run.log_source


class LogPanel(Panel):
    """The newest lines."""

    can_focus = False

    def content(self, width: int, height: int) -> Content:
        """Return as many as fit, the newest last."""
        run = self.scene.run
        lines = run.log[-height:] if run and height else ()
        source = f" {short_name(run)}" if run else ""
        more = self.scene.glyphs.ellipsis
        rows: list[Row] = [[(cells.clip(text, width, more), role_of(text))] for _, text in lines]
        if not rows:
            rows = [[("no lines yet", "dim")]]
        return Content([("log", "title"), (source, "dim")], rows, [("4 scroll and search", "dim")])

    def lines_wanted(self) -> int:
        """Return how many lines fit."""
        return max(0, self.size.height - 2) if self.display else 0


class LogView(Panel):
    """Scrolls through lines by number and remembers those it has seen."""

    def __init__(self) -> None:
        super().__init__(id="log-view")
        self.following = True
        self.bottom = 0
        """Number of the last line shown when not following."""
        self.at: int | None = None
        """The line a search or a jump stopped at."""
        self.pattern: re.Pattern[str] | None = None
        self.note = ""
        self.wrap = False
        self._of: tuple[str, str] | None = None
        """The run and the source that the lines are from."""
        self._lines: dict[int, str] = {}

    @property
    def room(self) -> int:
        """Return how many lines fit."""
        return max(1, self.size.height - 2)

    def before(self) -> int | None:
        """Return the last line to ask for: some beyond the bottom, or None for the newest."""
        return None if self.following else self.bottom + self.room

    def learn(self) -> None:
        """Remember the lines of the newest snapshot."""
        run = self.scene.run
        if run is None:
            return
        shown = (run.id, run.log_source)
        if shown != self._of:
            if self._of is None or self._of[0] != run.id:
                self.following, self.at = True, None
            self._of = shown
            self._lines.clear()
        self._lines.update(run.log)
        if len(self._lines) > _KEPT:
            # Keep those nearest to what is shown.
            near = sorted(self._lines, key=lambda number: abs(number - self.bottom))[: _KEPT // 2]
            self._lines = {number: self._lines[number] for number in sorted(near)}
        if self.following and self._lines:
            self.bottom = max(self._lines)

    def content(self, width: int, height: int) -> Content:
        """Return the lines up to the bottom one."""
        scene = self.scene
        numbers = [n for n in sorted(self._lines) if n <= self.bottom][-height:] if height else []
        gutter = len(str(self.bottom)) + 1
        rows: list[Row] = []
        for number in numbers:
            mark = scene.glyphs.pointer if number == self.at else " "
            head = f"{number:>{gutter - 1}}{mark}"
            for piece in self._pieces(self._lines[number], max(1, width - gutter)):
                rows.append([(head, "key" if number == self.at else "dim"), *self._painted(piece)])
                head = " " * gutter
        rows = rows[-height:] if height else []
        if not rows:
            rows = [[(scene.waiting_for() if scene.run is None else "no lines yet", "dim")]]
        source = f" {scene.run.log_source}" if scene.run else ""
        where = "following" if self.following else f"line {self.bottom:,}"
        note = f"{self.note}  " if self.note else ""
        return Content([("log", "title"), (source, "dim")], rows, [(note, "warn"), (where, "value")])

    def _pieces(self, text: str, width: int) -> list[str]:
        """Return a line as it stands: cut at the edge, or wrapped."""
        more = self.scene.glyphs.ellipsis
        if not self.wrap:
            return [cells.clip(text, width, more)]
        text = cells.settled(text, self.scene.glyphs.ascii)
        out = []
        while len(piece := cells.take(text, width)) < len(text) and piece:
            out.append(piece)
            text = text[len(piece) :]
        return [*out, text]

    def _painted(self, text: str) -> Row:
        role = role_of(text)
        if self.pattern is None:
            return [(text, role)]
        out: Row = []
        last = 0
        for hit in self.pattern.finditer(text):
            if hit.end() > hit.start():
                out += [(text[last : hit.start()], role), (hit.group(), "hit")]
                last = hit.end()
        return [*out, (text[last:], role)]

    def scroll_lines(self, by: int) -> None:
        """Move by some lines; reaching the newest follows again."""
        known = sorted(self._lines)
        if not known:
            return
        newest, oldest = known[-1], known[0]
        # The engine may hold older lines than we do; ask for them by going there.
        self.bottom = max(min(oldest, self.room), min(newest, self.bottom + by))
        self.following = by > 0 and self.bottom >= newest
        self.note = ""
        self.redraw()

    def follow(self) -> None:
        """Show the newest lines again."""
        self.following, self.at, self.note = True, None, ""
        if self._lines:
            self.bottom = max(self._lines)
        self.redraw()

    def go_to(self, number: int) -> None:
        """Show one line in the middle, and mark it."""
        self.following, self.at = False, number
        self.bottom = number + self.room // (4 if self.wrap else 2)
        self.redraw()

    def first(self) -> None:
        """Show the first line of the log."""
        self.following, self.bottom = False, self.room
        self.redraw()

    def find(self, pattern: re.Pattern[str] | None, forward: bool) -> None:
        """Go to the next line that matches, or is an error if `pattern` is None; round the end."""
        numbers = sorted(self._lines)
        hits = [
            n for n in numbers if (pattern.search(self._lines[n]) if pattern else role_of(self._lines[n]))
        ]
        if not hits:
            self.note = "nothing found in the lines at hand"
            self.redraw()
            return
        start = self.at if self.at is not None else self.bottom + 1 if not forward else 0
        ahead = [n for n in hits if n > start] if forward else [n for n in reversed(hits) if n < start]
        target = ahead[0] if ahead else (hits[0] if forward else hits[-1])
        self.note = f"{hits.index(target) + 1} of {len(hits)}"
        self.go_to(target)

    def on_mouse_scroll_up(self) -> None:
        """Scroll back with the wheel."""
        self.scroll_lines(-3)

    def on_mouse_scroll_down(self) -> None:
        """Scroll forward with the wheel."""
        self.scroll_lines(3)
