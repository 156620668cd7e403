"""Views with charts: focus, zoom, and the cursor that runs through all of them."""

from __future__ import annotations

from textual.widget import Widget

from runwatch.render import chart
from runwatch.tui.screens.base import RunScreen
from runwatch.tui.widgets.charts import ChartPanel
from runwatch.tui.widgets.rows import Panel


class ZoomScreen(RunScreen):
    """A view whose panels can fill it one at a time."""

    zoomed: Panel | None = None

    def visible_charts(self) -> list[ChartPanel]:
        """Return the charts on the screen that have data."""
        return [part for part in self.query(ChartPanel) if part.metrics and part.size.width and part.display]

    def focused_panel(self) -> Panel | None:
        """Return the panel with the focus, if it is on the screen."""
        focused = self.focused
        return focused if isinstance(focused, Panel) and focused in self.focus_chain else None

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        charts = self.visible_charts()
        if action == "zoom":
            return self.zoomed is not None or self.focused_panel() is not None or bool(charts)
        if action == "back":
            return self.zoomed is not None or super().can(action)
        if action in {"panel", "panel_back"}:
            return self.zoomed is None and len(self.focus_chain) > 1
        if action == "follow":
            return self.scene.cursor is not None
        return bool(charts) or action not in {
            "cursor_left", "cursor_right", "log_scale", "smoother", "rougher", "shorter", "longer",
        }  # fmt: skip

    def do_panel(self) -> None:
        """Focus the next panel."""
        self.focus_next()

    def do_panel_back(self) -> None:
        """Focus the previous panel."""
        self.focus_previous()

    def do_zoom(self) -> None:
        """Enlarge the focused panel, or go back."""
        if self.zoomed is not None:
            self.unzoom()
            return
        charts = self.visible_charts()
        target = self.focused_panel() or (charts[0] if charts else None)
        if target is not None:
            self.zoom(target)

    def zoom(self, panel: Panel) -> None:
        """Let one panel fill the view."""
        self.zoomed = panel
        panel.focus()
        self.show()

    def unzoom(self) -> None:
        """Show all panels again."""
        self.zoomed = None
        self.show()

    def hide_others(self) -> None:
        """Hide all but the zoomed panel; its ancestors stay."""
        zoomed = self.zoomed
        if zoomed is None:
            return
        kept: set[Widget] = {zoomed, *(part for part in zoomed.ancestors if isinstance(part, Widget))}
        for part in self.query(".part"):
            part.display = part in kept or part.id in {"head", "keys"}
        zoomed.display = True

    def do_back(self) -> None:
        """Close the zoom, else drop the cursor."""
        if self.zoomed is not None:
            self.unzoom()
        else:
            self.runwatch.do_back()

    def do_cursor_left(self) -> None:
        """Move the cursor one column to earlier steps."""
        self._move_cursor(-1)

    def do_cursor_right(self) -> None:
        """Move the cursor one column to later steps."""
        self._move_cursor(1)

    def _move_cursor(self, by: int) -> None:
        scene, charts = self.scene, self.visible_charts()
        focused = self.focused if isinstance(self.focused, ChartPanel) else None
        panel = focused or (charts[0] if charts else None)
        columns = scene.columns.get(panel.metrics[0]) if panel and panel.metrics else None
        if panel is None or columns is None or not columns.x:
            return
        begin = max(columns.x[0], scene.first_step() or columns.x[0])
        end = columns.x[-1]
        stride = (end - begin) / max(1, chart.plot_width(panel.size.width - 2) - 1)
        at = end if scene.cursor is None else scene.cursor + by * stride
        at = max(begin, min(end, at))
        near = chart.nearest(columns, at)
        # Land on a measured step, unless that would not move at all.
        if near is not None and columns.x[near] != scene.cursor and begin <= columns.x[near]:
            at = columns.x[near]
        scene.cursor = at
        self.show()
