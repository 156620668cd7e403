"""What panels lie in: it has their ground, and of the time of a frame nothing."""

from __future__ import annotations

from textual import containers
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class Ground(Widget):
    """A widget that is seen only where no panel is.

    Textual would ask for every style of it first, in each frame.
    """

    _blank: Strip | None = None

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return blank rows in the color of the theme."""
        if self._blank is None or self._blank.cell_length != crop.width:
            self._blank = Strip.blank(crop.width, self.rich_style)
            for each in self.get_line_filters():
                self._blank = self._blank.apply_filter(each, self.background_colors[1])
        return [self._blank] * crop.height

    def notify_style_update(self) -> None:
        """Forget the color when the theme changes."""
        super().notify_style_update()
        self._blank = None


class Horizontal(containers.Horizontal, Ground):
    """Panels next to each other."""


class Vertical(containers.Vertical, Ground):
    """Panels one below the other."""
