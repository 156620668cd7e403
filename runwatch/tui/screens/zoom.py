"""Views of panels: focus and zoom."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from textual.widget import Widget

from runwatch.tui.screens.base import RunScreen
from runwatch.tui.widgets.charts import ChartPanel
from runwatch.tui.widgets.rows import Panel


class ZoomScreen(RunScreen):
    """A view whose panels can fill it one at a time."""

    zoomed: Panel | None = None

    def visible_charts(self) -> list[ChartPanel]:
        """Return the charts on the screen that have data."""
        return list(self._charts())

    def has_charts(self, least: int = 1) -> bool:
        """Return whether so many charts with data are on the screen: cheaper than to collect them."""
        return len(list(islice(self._charts(), least))) == least

    def _charts(self) -> Iterator[ChartPanel]:
        return (part for part in self.parts(ChartPanel) if part.metrics and part.size.width and part.display)

    def focused_panel(self) -> Panel | None:
        """Return the panel with the focus, if it is on the screen."""
        focused = self.focused
        return focused if isinstance(focused, Panel) and focused in self.focus_chain else None

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        if action == "zoom":
            return self.zoomed is not None or self.has_charts() or self.focused_panel() is not None
        if action in {"panel", "panel_back"}:  # a walk over all widgets is the dearest part of a footer
            return self.zoomed is None and (self.has_charts(2) or len(self.focus_chain) > 1)
        return super().can(action)

    def inside(self) -> bool:
        """Return whether there is something in this view to go back from."""
        return self.zoomed is not None or super().inside()

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
