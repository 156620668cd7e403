"""What the mouse on a chart does, in every view that has one."""

from __future__ import annotations

from runwatch.tui.screens.base import RunScreen
from runwatch.tui.widgets.chart_mouse import ChartMouse


class PointedScreen(RunScreen):
    """A view whose charts answer the mouse: values, range, wheel."""

    def on_chart_mouse_opened(self, event: ChartMouse.Opened) -> None:
        """Answer a double click."""
        self.open_chart(event.panel)

    def open_chart(self, panel: ChartMouse) -> None:
        """Show a chart large."""
        self.runwatch.show_metric(panel.metrics[0])

    def on_chart_mouse_pointed(self, event: ChartMouse.Pointed) -> None:
        """Move the cursor with the pointer."""
        self.scene.cursor, self.scene.picked = event.step, None
        self.show()

    def on_chart_mouse_picked(self, event: ChartMouse.Picked) -> None:
        """Shade the range that is being picked; in the end show it alone."""
        self.scene.picked = None if event.done else (event.first, event.last)
        if event.done:
            self.scene.cursor = None
            self.scene.show_steps(event.first, event.last)
        self.show()

    def on_chart_mouse_scaled(self, event: ChartMouse.Scaled) -> None:
        """Zoom around the pointer."""
        self.scene.scale_steps(event.at, event.by, event.begin)
        self.show()

    def on_chart_mouse_dropped(self) -> None:
        """Shade nothing: the range is not wanted."""
        self.scene.picked = None
        self.show()

    def on_screen_suspend(self) -> None:
        """Shade nothing when another view is shown."""
        self.scene.picked = None
