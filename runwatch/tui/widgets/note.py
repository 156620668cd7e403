"""What a view without charts says."""

from __future__ import annotations

from runwatch.render import cells, checkpoints, outcome, states
from runwatch.render.panel import Content
from runwatch.tui import actions, choose
from runwatch.tui.widgets.rows import Panel, centered

_LOOKED_FOR = (
    "looking for *.log, *.out, *.err, *.txt, and files of W&B, TensorBoard, CSV and JSON metrics",
    "a run is watched from its first line on; {quit} leaves, {help} explains",
)


def _fitted(line: str, width: int, more: str) -> list[str]:
    """Return a text in lines; a path loses its middle, so that it stays on one."""
    return [cells.shorten(line, width, more)] if "/" in line else cells.wrapped(line, width, 3, more)


class Note(Panel):
    """A frame that only says something: what an empty screen waits for."""

    can_focus = False

    def content(self, width: int, height: int) -> Content:
        """Return the reason for the emptiness."""
        scene = self.scene
        more = scene.glyphs.ellipsis
        title, *lines = self._lines()
        room = max(8, width - 2)
        pieces = [piece for line in lines for piece in _fitted(line, room, more)]
        rows = centered(title, width, height - len(pieces), "title")
        for piece in pieces:
            rows += centered(piece, width, 1)
        return Content([], rows)

    def _lines(self) -> list[str]:
        """Return what is waited for, from where, and what can be done."""
        scene, run = self.scene, self.scene.run
        if run is not None and choose.of_run(run):
            wanted = scene.filters.get(actions.METRICS, "")
            return [f"no metric fits {wanted!r}; {scene.key('back')} shows all"]
        if run is not None and run.history is None and (none := states.without_steps(scene.runs)):
            return [none, _LOOKED_FOR[0], "to see why one of them is no run:", outcome.explanation(run)]
        lines = [scene.waiting_for()]
        if run is None:
            return lines + [*map(scene.worded, _LOOKED_FOR)] * (scene.link == "live")
        lines += [f"source {source}" for source in run.sources[:3]]
        if run.format:
            return [*lines, f"format {run.format}"]
        if not run.log_source and run.checkpoints:
            about = checkpoints.summary(run.saving, run.checkpoints)
            lines += [f"{run.saving.present:,} checkpoints: {about}"] * bool(run.saving.present and about)
            lines.append("only checkpoints are here: name the log too, to see its steps")
        elif not run.log_source and run.history is None:  # until it was read, nobody knows what is in it
            lines += scene.notices or ("it is empty: is the run started, and does it write here?",)
        elif run.log_source and (run.log or states.ended(run.phase)):
            lines.append("no training step was recognized in its lines; to see why:")
            lines.append(outcome.explanation(run))
        return lines
