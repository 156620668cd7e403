"""The base of every widget: rows of cells, of which only changed ones are painted again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from rich.segment import Segment
from rich.style import Style
from textual import events, messages
from textual.color import Color
from textual.dom import NoScreen
from textual.errors import NoWidget
from textual.geometry import Region, Size
from textual.message import Message
from textual.renderables.tint import Tint
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from runwatch.render import cells
from runwatch.render.cells import Row
from runwatch.render.charts import heat
from runwatch.render.panel import Content, framed
from runwatch.tui import paint
from runwatch.tui.api import api
from runwatch.tui.scene import Scene

ROLES = (
    *heat.ROLES,
    "axis", "raw", "smooth", "second", "third", "fourth", "cursor", "bad", "mark-incident", "mark-checkpoint",
    "mark-eval", "mark-restart", "frame", "focus", "title", "value", "dim", "good", "busy", "warn", "crit",
    "bar", "track", "level", "key", "select", "hit", "band", "edge", "best", "shade-warn", "shade-crit",
    "picked", "mark-spoilt", "mark-resolved", "select-warn", "select-crit",
)  # fmt: skip


_FAULT = "fault of this panel"
"""The title of a panel that could not be drawn."""
Target = tuple[int, int, int, Callable[[], object]]
"""What a click does: the row, its first cell and the end, and what is called."""
Span = tuple[int, int, int]
"""Cells of a widget: the row, the first one and the end."""
_NO_SIZE = Size(0, 0)


class Rows(Widget):
    """Draws the rows that `draw` returns, exactly as wide and high as the widget."""

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._asked: list[Row] = []
        """The rows as `draw` returned them."""
        self._drawn: list[Row] = []
        """The same, each as wide as the widget."""
        self._width = 0
        self._strips: list[Strip | None] = []
        """The same as Textual wants them; None where it has not asked."""
        self._palette: dict[str, Style] = {}
        self._faded = False
        """Colors have changed since it was painted."""
        self.targets: list[Target] = []
        """What can be clicked in what is drawn; `draw` says it."""

    @cached_property
    def scene(self) -> Scene:
        """What there is to show."""
        return api(self.app).scene

    def draw(self, width: int, height: int) -> list[Row]:
        """Return the rows to show."""
        raise NotImplementedError

    def charts(self) -> list[tuple[str, int]]:
        """Return the metrics this widget shows and the columns it has for each."""
        return []

    @property
    def size(self) -> Size:
        """The part of the screen that it has; none while it is hidden. Rows have no border to subtract."""
        try:
            return self._home.find_widget(self).region.size
        except (NoScreen, NoWidget):
            return _NO_SIZE

    @cached_property
    def _home(self) -> Screen[object]:
        """The screen that it is on: Textual walks up to it each time."""
        return self.screen

    def redraw(self) -> None:
        """Draw again and let Textual paint the cells that changed."""
        if self.is_attached and (spans := self.renew()):
            self.repaint(spans)

    def renew(self) -> list[Span]:
        """Draw again; return which cells changed. A widget that is not laid out waits for its size."""
        width, height = self.size
        if not (width and height):
            return []
        ascii_only = self.scene.glyphs.ascii
        try:
            drawn = self.draw(width, height)
        except Exception as error:  # one bad panel must not take the screen down
            self.log.error(error)
            drawn = [[(f"cannot show this: {type(error).__name__}: {error}", "bad")]]
        asked = [*drawn[:height], *[[]] * (height - len(drawn))]
        spans: list[Span] = []
        if (height, width) != (len(self._asked), self._width):
            self._drawn = [cells.fit(row, width, ascii_only) for row in asked]
            self._strips = [None] * height
            spans = [(y, 0, width) for y in range(height)]
        else:
            for y, row in enumerate(asked):
                if row == self._asked[y]:
                    continue
                before, after = self._drawn[y], cells.fit(row, width, ascii_only)
                if before != after:
                    self._drawn[y], self._strips[y] = after, None
                    spans += [(y, x, end) for x, end in paint.changes(before, after)]
        self._asked, self._width = asked, width
        return spans

    def repaint(self, spans: list[Span]) -> None:
        """Let Textual paint these cells.

        Straight to the screen: `refresh` would first wake each widget, a tenth of a frame's CPU.
        """
        self._repaint_regions.update(Region(x, y, end - x, 1) for y, x, end in spans)
        self.screen.post_message(messages.Update(self))

    def stretches(self, spans: list[Span]) -> list[paint.Stretch]:
        """Return what is drawn in these cells, and where on the screen, for who paints without Textual."""
        left, top = self._home.find_widget(self).region.offset
        return [
            (
                top + y,
                left + x,
                [(text, self._look(role)) for text, role in paint.crop(self._drawn[y], x, end)],
            )
            for y, x, end in spans
        ]

    def _look(self, role: str) -> Style:
        return self._palette.get(role) or self._style(role)

    def _style(self, role: str) -> Style:
        """Return the style of a role as the terminal shows it, and keep it."""
        fore, _, ground = role.partition(cells.ON)
        style = self._component(fore)
        if ground:
            style += Style(bgcolor=self._component(ground).bgcolor)
        behind = self.background_colors[1]
        for each in self.get_line_filters():
            style = each.apply([Segment(" ", style)], behind)[0].style or style
        self._palette[role] = style
        return style

    def _component(self, role: str) -> Style:
        """Return the style that the theme has for a role."""
        name, view = f"rows--{role.replace('.', '-')}", api(self.app).view
        if view is None or name not in view.COMPONENT_CLASSES:
            return self.rich_style
        return view.get_component_rich_style(name)

    def render_line(self, y: int) -> Strip:
        """Return one painted row."""
        if y >= len(self._strips):
            return Strip.blank(self.size.width, self.rich_style)
        if (strip := self._strips[y]) is None:
            segments = [Segment(text, self._look(role)) for text, role in self._drawn[y]]
            strip = self._strips[y] = Strip(segments, self._width)
        return strip

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return painted rows as they are: of all that styles may add, rows have at most a tint.

        Textual would ask for every style of the widget first, in each frame.
        """
        width = self.outer_size.width  # as `size` for what has no border, without a search for it
        strips = [self.render_line(y) for y in crop.line_range]
        if width != self._width:  # not drawn yet at this size
            strips = [strip.adjust_cell_length(width) for strip in strips]
        if (tint := self.styles.tint).a:
            strips = [self._tinted(strip, tint) for strip in strips]
        first, end = crop.column_span
        return strips if (first, end) == (0, width) else [strip.crop(first, end) for strip in strips]

    def _tinted(self, strip: Strip, tint: Color) -> Strip:
        ground = self.background_colors[1]
        strip = Strip(Tint.process_segments(strip, tint, self.app.ansi_theme, ground), strip.cell_length)
        for each in self.get_line_filters():
            strip = strip.apply_filter(each, ground)
        return strip

    def notify_style_update(self) -> None:
        """Forget colors when the theme changes; the new ones are known only after this."""
        super().notify_style_update()
        if self.is_attached and self.is_running and not self._faded:
            self._faded = True
            self.call_later(self._repaint)

    def _repaint(self) -> None:
        """Paint what is drawn in new colors."""
        self._faded = False
        self._palette.clear()
        self._strips = [None] * len(self._drawn)
        self.refresh()

    def press(self, action: str) -> None:
        """Carry out an action of the registry, as its key does."""
        api(self.app).action_do(action)

    def click(self, x: int, y: int) -> bool:
        """Do what a click on this cell does; return whether it does anything."""
        for row, begin, end, act in self.targets:
            if row == y and begin <= x < end:
                act()
                return True
        return False

    def on_click(self, event: events.Click) -> None:
        """Answer a click or a touch."""
        if self.click(event.x, event.y):
            event.stop()

    def on_resize(self) -> None:
        """Draw at the new size, and ask for what that size needs."""
        self.redraw()
        api(self.app).subscribe()


@dataclass(frozen=True)
class Listed:
    """The part of a list that a panel shows: entries from `first` on, in the rows from `top` on."""

    first: int
    shown: int
    total: int
    top: int = 0
    entries: tuple[int, ...] = ()
    """The entry of each row, where an entry may have several."""

    def entry(self, row: int) -> int | None:
        """Return the entry in a row of the list."""
        row -= self.top
        if self.entries:
            return self.entries[row] if 0 <= row < len(self.entries) else None
        return self.first + row if 0 <= row < self.shown else None


class Panel(Rows):
    """Rows in a frame with a title; can have the focus. A list says in `listed` what part of it is shown."""

    can_focus = True
    opens = ""
    """The view that a click opens."""
    listed: Listed | None = None
    wheel = 1
    """Entries that one notch of the wheel moves by."""

    class Chosen(Message):
        """An entry of a list was clicked."""

        def __init__(self, panel: Panel, entry: int) -> None:
            super().__init__()
            self.panel, self.entry = panel, entry

    class Scrolled(Message):
        """A list was scrolled with the wheel or the scrollbar."""

        def __init__(self, panel: Panel, by: int) -> None:
            super().__init__()
            self.panel, self.by = panel, by

    def content(self, width: int, height: int) -> Content:
        """Return title and rows for the given inner size."""
        raise NotImplementedError

    def draw(self, width: int, height: int) -> list[Row]:
        """Return the frame with the content, or with one line that says why there is none."""
        try:
            content = self.content(max(1, width - 2), max(0, height - 2))
        except Exception as error:  # one bad panel must not take the screen down
            self.log.error(error)
            reason = f"cannot show this: {type(error).__name__}: {error}"
            content = Content([(_FAULT, "title")], [[(reason, "bad")]])
        rows = framed(content, width, height, self.scene.glyphs, self.has_focus)
        for y in self._thumb(height) if width >= 4 else ():
            rows[y][-1] = (self.scene.glyphs.levels[-1], "track")
        return rows

    def _thumb(self, height: int) -> range:
        """Return the rows of the right edge that the scrollbar takes; none where all is shown."""
        part, room = self.listed, height - 2
        if part is None or part.total <= part.shown or room < 3:
            return range(0)
        size = max(1, min(room - 1, room * part.shown // part.total))
        begin = 1 + round((room - size) * min(1.0, part.first / (part.total - part.shown)))
        return range(begin, begin + size)

    def entry(self, y: int) -> int | None:
        """Return which entry of the list the row `y` of the panel shows."""
        return self.listed.entry(y - 1) if self.listed is not None else None

    def click(self, x: int, y: int) -> bool:
        """Choose the entry there, scroll to it on the scrollbar, or open the view that shows more."""
        if super().click(x, y):
            return True
        part, height = self.listed, self.size.height
        if part is not None and x == self.size.width - 1 and self._thumb(height):
            share = min(1.0, max(0.0, (y - 1) / max(1, height - 3)))
            self.post_message(self.Scrolled(self, round(share * (part.total - part.shown)) - part.first))
        elif (entry := self.entry(y)) is not None:
            self.post_message(self.Chosen(self, entry))
        elif self.opens and getattr(self.screen, "view", "") != self.opens:
            api(self.app).action_do(self.opens)
        else:
            return False
        return True

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll a list back."""
        self._scroll(event, -self.wheel)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll a list on."""
        self._scroll(event, self.wheel)

    def _scroll(self, event: events.MouseEvent, by: int) -> None:
        if self.listed is not None:
            event.stop()
            self.post_message(self.Scrolled(self, by))

    def on_focus(self) -> None:
        """Show the focus."""
        self.redraw()

    def on_blur(self) -> None:
        """Show that the focus went."""
        self.redraw()


def centered(text: str, width: int, height: int, role: str = "dim") -> list[Row]:
    """Return rows with one line of text in the middle."""
    blank: list[Row] = [[] for _ in range(max(0, (height - 1) // 2))]
    space = " " * max(0, (width - cells.width(cells.settled(text))) // 2)
    return [*blank, [(space, ""), (text, role)]]
