"""Views with charts: what their keys do to the charts, all of them at once."""

from __future__ import annotations

from collections.abc import Container

from runwatch.render.charts import chart
from runwatch.render.charts.smooth import FACTORS
from runwatch.tui.cycle import following
from runwatch.tui.scene import Scene
from runwatch.tui.screens.pick import Pick
from runwatch.tui.screens.pointed import PointedScreen
from runwatch.tui.screens.zoom import ZoomScreen
from runwatch.tui.step_range import WINDOWS
from runwatch.tui.widgets.chart_mouse import ChartMouse
from runwatch.tui.widgets.charts import MOST_COMPARED, ChartPanel

_NEED_CHARTS = frozenset({
    "cursor_left", "cursor_right", "pan_left", "pan_right", "log_steps", "log_scale", "smoother", "rougher",
    "shorter", "longer", "marks",
})  # fmt: skip
_ALL = "All"
_AROUND_CURSOR = 2.0
"""How many times as long what is shown becomes with a key, around the cursor."""


class ChartScreen(PointedScreen, ZoomScreen):
    """A view whose charts share cursor, range, axis and smoothing."""

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        scene = self.scene
        if action == "follow":
            return scene.cursor is not None or scene.right is not None
        if action == "axis":
            return len(scene.axes()) > 1
        if action == "compare":
            return bool(scene.compare) or len(scene.runs) > 1
        if action == "at_log":
            return scene.cursor is not None
        return super().can(action) and (action not in _NEED_CHARTS or self.has_charts())

    def _in_part(self) -> bool:
        """Return whether charts show a part of the run, with nothing over it that goes first."""
        return self.zoomed is None and self.scene.cursor is None and self.scene.is_part

    def inside(self) -> bool:
        """Return whether there is something in this view to go back from."""
        return self.scene.is_part or super().inside()

    def label(self, action: str, usual: str) -> str:
        """Return the word of an action for the footer: of the one that leads back, that it shows all."""
        return _ALL if action == "back" and self._in_part() else super().label(action, usual)

    def do_back(self) -> None:
        """Close the zoom, else drop the cursor, else show the whole run."""
        if self._in_part():
            self.scene.show_all()
            self.show()
        else:
            super().do_back()

    def do_log_steps(self) -> None:
        """Make the x axis linear or logarithmic."""
        self.scene.log_x = not self.scene.log_x
        self.show()

    def do_log_scale(self) -> None:
        """Make the y axis linear or logarithmic."""
        self.scene.log_y = not self.scene.log_y
        self.show()

    def do_smoother(self) -> None:
        """Smooth more."""
        self._smooth(1)

    def do_rougher(self) -> None:
        """Smooth less."""
        self._smooth(-1)

    def _smooth(self, by: int) -> None:
        scene = self.scene
        scene.smoothing = following(FACTORS, scene.smoothing, by)
        if scene.firing():  # its key is that of a silence too, where alerts are
            silence = f"to silence the alert: {scene.key('alerts')} {scene.key('silence')}"
            self.runwatch.say(f"smoothing {scene.smoothing:g} {scene.glyphs.dot} {silence}")
        self.show()

    def do_shorter(self) -> None:
        """Show fewer steps: around the cursor, else the next window that cuts something off."""
        scene = self.scene
        if not self._around_cursor(1 / _AROUND_CURSOR):
            step = scene.run.progress.step if scene.run else None
            shown = scene.window or step or 0
            scene.window = next((size for size in WINDOWS if size and size < shown), scene.window)
        self.show()

    def do_longer(self) -> None:
        """Show more steps: around the cursor, else the next window; in the end all."""
        scene = self.scene
        if not self._around_cursor(_AROUND_CURSOR) and scene.window is not None:
            step = scene.run.progress.step if scene.run else None
            wider = next((size for size in reversed(WINDOWS) if size is None or size > scene.window), None)
            scene.window = None if wider is not None and step is not None and wider >= step else wider
        if scene.window is None:
            scene.right = None
        self.show()

    def _around_cursor(self, by: float) -> bool:
        """Show `by` times as many steps around the cursor; return False if there is none."""
        cursor, panel = self.scene.cursor, self.current_chart()
        if cursor is None or panel is None:
            return False
        self.scene.scale_steps(cursor, by, panel.begin())
        return True

    def do_axis(self) -> None:
        """Put the next thing on the x axis: steps, time, tokens."""
        self.scene.axis = following(self.scene.axes(), self.scene.axis)
        self.show()

    def do_marks(self) -> None:
        """Show or hide marks and shades."""
        self.scene.marks = not self.scene.marks
        self.show()

    def do_follow(self) -> None:
        """Drop the cursor and follow the newest."""
        self.scene.cursor = self.scene.right = None
        self.show()

    def do_compare(self) -> None:
        """Ask which runs to lay over the charts."""
        here = self.scene.run.id if self.scene.run else None
        self.app.push_screen(compare_with(self.scene, here), callback=self._compare)

    def _compare(self, chosen: tuple[str, ...] | None) -> None:
        if chosen is not None:
            self.scene.lay_over(chosen)
            self.show()

    def do_at_log(self) -> None:
        """Show the log line at the cursor's step."""
        if self.scene.cursor is not None:
            self.runwatch.show_step(int(self.scene.cursor))

    def do_pan_left(self) -> None:
        """Show earlier steps."""
        self.scene.pan(-1)
        self.show()

    def do_pan_right(self) -> None:
        """Show later steps."""
        self.scene.pan(1)
        self.show()

    def do_cursor_left(self) -> None:
        """Move the cursor one column to earlier steps."""
        self._move_cursor(-1)

    def do_cursor_right(self) -> None:
        """Move the cursor one column to later steps."""
        self._move_cursor(1)

    def open_chart(self, panel: ChartMouse) -> None:
        """Enlarge the chart, or go back."""
        if self.zoomed is not None:
            self.unzoom()
        else:
            self.zoom(panel)

    def current_chart(self) -> ChartPanel | None:
        """Return the chart with the focus, else the first one."""
        charts = self.visible_charts()
        focused = self.focused if isinstance(self.focused, ChartPanel) else None
        return focused or (charts[0] if charts else None)

    def _move_cursor(self, by: int) -> None:
        scene, panel = self.scene, self.current_chart()
        columns = scene.columns.get(panel.metrics[0]) if panel and panel.metrics else None
        if panel is None or columns is None or not columns.x:
            return
        begin, end = max(columns.x[0], scene.first_step() or columns.x[0]), columns.x[-1]
        at = scene.cursor
        moved = max(begin, min(end, end if at is None else panel.step_away(at, by)))
        near = chart.nearest(columns, moved)
        # Land on a measured step, unless that would not move at all.
        measured = near is not None and columns.x[near] != at and begin <= columns.x[near]
        scene.cursor = columns.x[near] if near is not None and measured else moved
        self.show()


def compare_with(scene: Scene, here: str | None, marked: Container[str] = ()) -> Pick:
    """Return the question which runs are laid over the charts of the one with that id."""
    rows = sorted(((row.id, row.name) for row in scene.runs if row.id != here), key=lambda row: row[1])
    asked = f"1 marked: {scene.name_of(here)}. Compare it with which?" if here and here in marked else ""
    return Pick("compare with", rows, set(scene.compare), MOST_COMPARED, asked=asked)
