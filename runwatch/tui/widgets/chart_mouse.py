"""The mouse on a chart: the values under the pointer, a range that is dragged, the wheel, two clicks."""

from __future__ import annotations

from textual import events
from textual.message import Message

from runwatch.render.charts import chart
from runwatch.render.charts.chart import Plot
from runwatch.tui.widgets.rows import Panel

NOTHING = Plot([])


class ChartMouse(Panel):
    """A panel with a plot of metrics that says what the mouse does on it; the view answers."""

    class Pointed(Message):
        """The pointer is at a step; None: it left."""

        def __init__(self, step: float | None) -> None:
            super().__init__()
            self.step = step

    class Picked(Message):
        """A range of steps was drawn up with the mouse; `done` when the button is up."""

        def __init__(self, first: float, last: float, done: bool) -> None:
            super().__init__()
            self.first, self.last, self.done = first, last, done

    class Dropped(Message):
        """A range that was being drawn up is not wanted."""

    class Scaled(Message):
        """The wheel was turned at a step: what is shown, from `begin`, becomes `by` times as long."""

        def __init__(self, at: float, by: float, begin: float) -> None:
            super().__init__()
            self.at, self.by, self.begin = at, by, begin

    class Opened(Message):
        """The panel was clicked twice."""

        def __init__(self, panel: ChartMouse) -> None:
            super().__init__()
            self.panel = panel

    metrics: tuple[str, ...] = ()
    _plot = NOTHING
    _from: int | None = None
    """Cell at which the button went down."""
    _at: int | None = None
    """Cell at which the pointer was last."""

    def begin(self) -> float:
        """Return the step at the left edge of the plot."""
        return self._plot.step(self._plot.gutter) or 0.0

    def step_away(self, step: float, cells: int) -> float:
        """Return the step that lies so many cells to the right of another one, or to the left."""
        window = self._plot.window
        if window is None:
            return step
        cell = window.cell(self._plot.places.at(step)) + cells
        return self._plot.step(self._plot.gutter + max(0, min(window.cells - 1, cell))) or 0.0

    def _measured(self, step: float) -> float:
        """Return the nearest step of which there is a value."""
        columns = self.scene.columns.get(self.metrics[0]) if self.metrics else None
        near = chart.nearest(columns, step) if columns is not None else None
        return step if columns is None or near is None else columns.x[near]

    def _step(self, cell: int) -> float | None:
        """Return the step at a column of the panel, or None outside the plot."""
        return self._plot.step(cell - 1)

    def _nearest_step(self, cell: int) -> float:
        """Return the step at a column; beyond the plot that of its end."""
        window = self._plot.window
        width = window.cells if window is not None else 1
        inside = max(self._plot.gutter, min(self._plot.gutter + width - 1, cell - 1))
        return self._plot.step(inside) or 0.0

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Show the values under the pointer, or the range that is picked."""
        if event.x == self._at or self._plot.window is None:
            return
        self._at = event.x
        if self._from is not None and not event.button:
            self._drop()  # the button went up where no one saw it
        elif self._from is not None:
            self._pick(event.x, False)
        elif (step := self._step(event.x)) is not None:
            self.post_message(self.Pointed(self._measured(step)))

    def _pick(self, cell: int, done: bool) -> None:
        first, last = sorted((self._nearest_step(self._from or 0), self._nearest_step(cell)))
        self.post_message(self.Picked(first, last, done))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to pick a range."""
        if event.button == 1 and self._step(event.x) is not None:
            self._from = self._at = event.x
            self.capture_mouse()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Show the range that was picked."""
        if self._from is None:
            return
        if abs(event.x - self._from) > 1:
            self._pick(event.x, True)
            self._from = None
        self.release_mouse()
        self._drop()

    def on_mouse_release(self) -> None:
        """Forget the range when the mouse was taken away, as by another view."""
        if self.app.mouse_captured is not self:
            self._drop()

    def on_hide(self) -> None:
        """Forget the range when the chart goes away."""
        self._drop()

    def _drop(self) -> None:
        if self._from is not None:
            self._from = None
            self.release_mouse()
            self.post_message(self.Dropped())

    def on_click(self, event: events.Click) -> None:
        """Enlarge the chart, or go back, when it is clicked twice."""
        if event.chain == 2:
            self.post_message(self.Opened(self))

    def on_leave(self) -> None:
        """Show the newest values again."""
        if self._from is None:
            self._at = None
            self.post_message(self.Pointed(None))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Show fewer steps around the pointer."""
        self._scale(event.x, 0.7)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Show more steps around the pointer."""
        self._scale(event.x, 1 / 0.7)

    def _scale(self, cell: int, by: float) -> None:
        if (step := self._step(cell)) is not None:
            self.post_message(self.Scaled(step, by, self.begin()))
