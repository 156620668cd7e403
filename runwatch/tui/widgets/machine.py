"""The machine under the run: GPUs, processes and host."""

from __future__ import annotations

from runwatch.render import machine
from runwatch.render.panel import Content
from runwatch.tui.widgets.rows import Panel

_ALL = 1000
"""More rows than there can be."""


class MachinePanel(Panel):
    """What the run runs on."""

    can_focus = False

    def needed(self) -> int:
        """Return how many rows show all of it, with the frame."""
        view = self.scene.run.machine if self.scene.run else None
        return 2 if view is None else 2 + len(machine.lines(view, max(1, self.screen.size.width - 2), _ALL))

    def content(self, width: int, height: int) -> Content:
        """Return the newest values, as many rows as fit."""
        view = self.scene.run.machine if self.scene.run else None
        if view is None:
            return Content([("machine", "title")])
        own = sum(gpu.own for gpu in view.gpus)
        of = f"{own} of {len(view.gpus)} GPUs" if view.gpus else ""
        right = [(of, "dim")] if of else []
        return Content([("machine", "title")], machine.lines(view, width, height, self.scene.glyphs), right)
