"""Where the screen is: which view of which run, and at which step, alert or line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace
from textual.app import App
from textual.driver import Driver

from runwatch.tui import actions
from runwatch.tui.cycle import following
from runwatch.tui.link import Link
from runwatch.tui.scene import Scene
from runwatch.tui.screens.base import RunScreen
from runwatch.tui.screens.charts import ChartScreen
from runwatch.tui.screens.overview import Overview
from runwatch.tui.views import Views

if TYPE_CHECKING:
    from runwatch.tui.screens.logs import Logs
    from runwatch.tui.screens.ranks import Ranks


_WITH_IT = 2
"""Pictures until one has what was asked for, the one on its way too: they are shown while paused."""


class NavigationApp(App[int], inherit_bindings=False):
    """An app that leads from one view, run, alert, step or line to another."""

    link: Link

    def __init__(self, scene: Scene, driver: type[Driver] | None, ansi_color: bool | None) -> None:
        super().__init__(driver, ansi_color=ansi_color)
        self.scene = scene
        self._views = Views(self)
        self._asked: tuple[object, ...] = ()
        """What was asked for last."""

    def subscribe(self) -> None:
        """Ask the engine for what is on the screen, if that changed."""
        view = self.view
        if view is not None and view.is_mounted:
            wanted, scene = view.wanted(), self.scene
            self.link.show(wanted)
            # Not where charts end: that moves on with each picture, which a pause would never hold.
            drawn = {chart.metric for chart in wanted.charts}, scene.window, scene.right, scene.log_x
            asked = replace(wanted, charts=(), interval=0.0), *drawn
            if asked != self._asked:
                self._asked, scene.due = asked, _WITH_IT

    @property
    def view(self) -> RunScreen | None:
        """The view on the screen, also when something is over it."""
        return self._views.current

    def refresh_view(self) -> None:
        """Draw the view that is up, and ask for what it now needs."""
        if (view := self.view) is not None:
            view.show()

    def say(self, text: str) -> None:
        """Show a short answer in the header, until the next key."""
        self.scene.said = text
        self.refresh_view()

    def do_back(self) -> None:
        """Drop the cursor, else go one level up: to the overview, from there to the list of several runs."""
        view = self.view
        if self.scene.cursor is not None:
            self.scene.cursor = None
            self.refresh_view()
        elif view is not None and view.view != view.top():
            self.open_view(actions.OVERVIEW if view.view != actions.OVERVIEW else actions.RUNS)
        else:
            self.say(self.scene.worded("nothing to go back to; {quit} leaves"))

    def open_view(self, name: str) -> None:
        """Bring up a view; the overview with all its panels."""
        run = self.scene.run
        if name == actions.RANKS and not (run and (run.ranks or run.has_machine)):
            self.say("no ranks, GPUs or processes are known of this run")
            return
        self.scene.due = _WITH_IT
        screen = self._views.open(name)
        if isinstance(screen, Overview) and screen.is_mounted:
            screen.unzoom()

    def do_next_run(self) -> None:
        """Show the next run."""
        self._other_run(1)

    def do_previous_run(self) -> None:
        """Show the previous run."""
        self._other_run(-1)

    def _other_run(self, by: int) -> None:
        scene = self.scene
        ids = [row.id for row in scene.ordered_runs]
        here = scene.run_id or (scene.run.id if scene.run else None)
        if here not in ids and scene.run is not None and scene.run.stages:
            here = scene.run.stages[-1].id
        self.choose_run(following(ids, here, by))

    def do_next_stage(self) -> None:
        """Show the next stage of a pipeline."""
        self._other_stage(1)

    def do_previous_stage(self) -> None:
        """Show the stage before."""
        self._other_stage(-1)

    def _other_stage(self, by: int) -> None:
        run = self.scene.run
        ids = [stage.id for stage in run.stages] if run else []
        if run is not None and run.id in ids:
            self.choose_run(following(ids, run.id, by))

    def choose_run(self, run: str) -> None:
        """Ask for another run."""
        self.scene.run_id, self.scene.incident = run, None
        self.subscribe()
        self.refresh_view()

    def do_next_alert(self) -> None:
        """Select the next firing alert of this run, else go to a run that has one."""
        scene = self.scene
        firing = scene.firing()
        if not firing:
            self.choose_run(next(row.id for row in scene.runs if row.critical))
        else:
            ids = [row.id for row in firing]
            here = self.view is not None and self.view.view == actions.ALERTS
            chosen = scene.selected() if here else None
            at = ids.index(chosen.id) + 1 if chosen is not None and chosen.id in ids else 0
            scene.incident = ids[at % len(ids)]
        self.open_view(actions.ALERTS)
        self.refresh_view()

    def show_chart(self, metric: str, step: float) -> None:
        """Show one metric alone with the cursor at a step."""
        self.scene.look_at(step)
        self.show_metric(metric)

    def show_metric(self, metric: str) -> None:
        """Show one metric alone."""
        screen = self._views.open(actions.OVERVIEW)
        if isinstance(screen, Overview):
            self.call_later(screen.zoom_metric, metric)

    def show_rank(self, rank: int) -> None:
        """Show one rank in detail; in the view of ranks it is selected first."""
        there = self.view is not None and self.view.view == actions.RANKS
        screen = self._views.open(actions.RANKS)
        self.call_later(cast("Ranks", screen).choose_rank, rank, open_=not there)

    def go_to_step(self, step: int) -> None:
        """Put the cursor of all charts at a step."""
        self.scene.look_at(float(step))
        if not isinstance(self.view, ChartScreen):
            self.open_view(actions.OVERVIEW)
        self.refresh_view()

    def show_line(self, number: int, source: str | None = None) -> None:
        """Show one line of the log, of the source at that path where the run has several."""
        self.scene.log_source = source or self.scene.log_source
        self._in_log(lambda log: log.go_to_line(number))

    def show_step(self, step: int) -> None:
        """Show the log line of a step."""
        self._in_log(lambda log: log.go_to_step(step))

    def search_log(self, text: str) -> None:
        """Search the log."""
        self._in_log(lambda log: log.search_for(text))

    def _in_log(self, act: Callable[[Logs], None]) -> None:
        """Bring up the log, and act on it once it is there."""
        screen = self._views.open(actions.LOGS)
        self.call_later(act, cast("Logs", screen))
