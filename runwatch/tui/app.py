"""The full-screen app: one scene, one link, one screen a view."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from typing import ClassVar

from rich.console import RenderableType
from textual import work
from textual._compositor import ChopsUpdate
from textual.app import App
from textual.binding import BindingType
from textual.screen import Screen
from textual.theme import Theme

from runwatch.errors import ExitCode
from runwatch.render.glyphs import glyphs
from runwatch.render.smooth import FACTORS
from runwatch.tui import actions, paint
from runwatch.tui.link import Link, LinkLost
from runwatch.tui.scene import WINDOWS, Scene
from runwatch.tui.screens.base import RunScreen
from runwatch.tui.screens.help import Help
from runwatch.tui.screens.lists import Alerts, Checkpoints, Configuration, Ranks, Runs
from runwatch.tui.screens.logs import Logs
from runwatch.tui.screens.metrics import Metrics
from runwatch.tui.screens.overview import Overview
from runwatch.watcher import protocol

_TICK = 1.0
_BLURRED = 2.0
"""Seconds between frames while another window has the keyboard."""
_SCREENS: dict[str, type[RunScreen]] = {
    actions.RUNS: Runs,
    actions.OVERVIEW: Overview,
    actions.METRICS: Metrics,
    actions.RANKS: Ranks,
    actions.LOGS: Logs,
    actions.ALERTS: Alerts,
    actions.CHECKPOINTS: Checkpoints,
    actions.CONFIGURATION: Configuration,
}
# Blue, orange and vermilion stay apart for eyes that cannot tell red from green.
_THEME = Theme(
    name="runwatch",
    primary="#56b4e9",
    secondary="#cc79a7",
    accent="#56b4e9",
    success="#2fb58d",
    warning="#e69f00",
    error="#f0643c",
    foreground="#d8dee4",
    background="#0e1116",
    surface="#0e1116",
    panel="#1b212b",
    dark=True,
)


class RunwatchApp(App[int], inherit_bindings=False):
    """Shows what the engine at the other end of a socket says."""

    CSS_PATH = "runwatch.tcss"
    TITLE = "runwatch"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings()

    def __init__(
        self,
        sock: socket.socket,
        *,
        ascii: bool = False,  # noqa: A002  the name of the option
        title: str = "",
        private: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # NO_COLOR: the terminal's own two colours, instead of shades of grey that are colours too.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.scene = Scene(glyphs=glyphs(ascii), title=title, clock=clock, received=clock())
        self.link = Link(sock, self)
        self.failure = ""
        self._private = private
        self._views: dict[str, RunScreen] = {}
        self.animation_level = "none"

    def on_mount(self) -> None:
        """Show the overview and start listening."""
        self.register_theme(_THEME)
        self.theme = "runwatch"
        self.listen()
        self.do_overview()
        self.set_interval(_TICK, self._tick)

    @work(exclusive=True, group="link", exit_on_error=False)
    async def listen(self) -> None:
        """Read from the engine until it ends."""
        await self.link.run()

    async def on_unmount(self) -> None:
        """Tell a private engine to stop, and hang up."""
        if self._private:
            self.link.send(protocol.Shutdown())
        await self.link.close()

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """Write changes in fewer bytes than Textual would."""
        if isinstance(renderable, ChopsUpdate):
            renderable = paint.Update(renderable)
        super()._display(screen, renderable)

    # What comes from the engine

    def on_snapshot_ready(self) -> None:
        """Show the newest picture."""
        if self.link.snapshot is not None:
            self.scene.accept(self.link.snapshot)
            self._show()

    def on_link_lost(self, event: LinkLost) -> None:
        """Keep the last picture and say that it is the last; leave if there never was one."""
        if self.scene.snapshot is None and self.scene.pending is None:
            self.failure = event.reason
            self.exit(event.exit_code)
            return
        self.scene.link, self.scene.reason = "lost", event.reason
        self._show()

    def subscribe(self) -> None:
        """Tell the engine what is on the screen, if that changed."""
        view = self._view
        if view is not None and view.is_mounted:
            self.link.show(view.wanted())

    @property
    def _view(self) -> RunScreen | None:
        """The view on the screen, also when the help is over it."""
        stack = self.screen_stack if self._screen_stacks.get(self._current_mode) else []
        return next((screen for screen in reversed(stack) if isinstance(screen, RunScreen)), None)

    def _show(self) -> None:
        if (view := self._view) is not None:
            view.show()

    def _tick(self) -> None:
        if (view := self._view) is not None:
            view.tick()

    def on_app_blur(self) -> None:
        """Ask for fewer frames while nobody types here."""
        self.scene.interval = _BLURRED
        self.subscribe()

    def on_app_focus(self) -> None:
        """Ask for the usual pace again."""
        self.scene.interval = Scene.interval
        self.subscribe()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let a key through only where it does something."""
        if action == "do" and parameters:
            return self.available(str(parameters[0]))
        return super().check_action(action, parameters)

    def available(self, action: str) -> bool:
        """Return whether an action does something on the screen that is up."""
        screen: Screen[object] = self.screen
        if not screen.is_mounted:
            return False
        if not isinstance(screen, (RunScreen, Help)) or screen.view not in actions.BY_ID[action].views:
            return False
        return screen.can(action) and self._can(action)

    def _can(self, action: str) -> bool:
        scene = self.scene
        runs = scene.snapshot.runs if scene.snapshot else ()
        if action in {"next_run", "previous_run"}:
            return len(runs) > 1
        if action == "next_alert":
            return any(row.state == "firing" for row in scene.incidents()) or any(
                row.critical for row in runs
            )
        if action == "ranks":
            return bool(scene.run and (scene.run.ranks or scene.run.has_machine))
        return True

    def action_do(self, action: str) -> None:
        """Carry out an action of the registry: on the screen if it knows it, else here."""
        if action in actions.VIEWS and isinstance(self.screen, Help):
            self.screen.dismiss()  # a digit leads out of the help too
        name = f"do_{action}"
        (getattr(self.screen, name, None) or getattr(self, name))()

    def do_quit(self) -> None:
        """Leave."""
        self.exit(int(ExitCode.UNREADABLE if self.scene.link == "lost" else ExitCode.OK))

    def do_help(self) -> None:
        """Show the keys of this view."""
        view = self._view
        self.push_screen(Help(view.view if view else actions.OVERVIEW))

    def do_back(self) -> None:
        """Drop the cursor, else go back to the overview."""
        if self.scene.cursor is not None:
            self.scene.cursor = None
            self._show()
        elif self._view is not None and self._view.view != actions.OVERVIEW:
            self.do_overview()

    def _open(self, name: str) -> RunScreen:
        """Bring up a view, made when first asked for."""
        if name not in self._views:
            self._views[name] = _SCREENS[name]()
            # An installed screen survives being switched away from.
            self.install_screen(self._views[name], name)
        screen = self._views[name]
        if self._view is None:
            self.push_screen(screen)
        elif self._view is not screen:
            self.switch_screen(screen)
        return screen

    def do_runs(self) -> None:
        """All runs."""
        self._open(actions.RUNS)

    def do_overview(self) -> None:
        """Show the overview, all of it."""
        screen = self._open(actions.OVERVIEW)
        if isinstance(screen, Overview) and screen.is_mounted:
            screen.unzoom()

    def do_metrics(self) -> None:
        """Every metric."""
        self._open(actions.METRICS)

    def do_ranks(self) -> None:
        """Show the ranks."""
        self._open(actions.RANKS)

    def do_logs(self) -> None:
        """Show the log."""
        self._open(actions.LOGS)

    def do_alerts(self) -> None:
        """Show the alerts."""
        self._open(actions.ALERTS)

    def do_checkpoints(self) -> None:
        """Show checkpoints and events."""
        self._open(actions.CHECKPOINTS)

    def do_config(self) -> None:
        """Show the configuration."""
        self._open(actions.CONFIGURATION)

    def do_pause(self) -> None:
        """Hold the picture, or let it go on."""
        if self.scene.paused:
            self.scene.resume()
        else:
            self.scene.paused = True
        self._show()

    def do_follow(self) -> None:
        """Drop the cursor and follow the newest."""
        self.scene.cursor = None
        self._show()

    def do_log_scale(self) -> None:
        """Linear or logarithmic."""
        self.scene.log_y = not self.scene.log_y
        self._show()

    def do_smoother(self) -> None:
        """Smooth more."""
        self._smooth(1)

    def do_rougher(self) -> None:
        """Smooth less."""
        self._smooth(-1)

    def _smooth(self, by: int) -> None:
        at = FACTORS.index(self.scene.smoothing) + by
        self.scene.smoothing = FACTORS[at % len(FACTORS)]
        self._show()

    def do_shorter(self) -> None:
        """Show fewer of the newest steps: the next window that cuts something off."""
        step = self.scene.run.progress.step if self.scene.run else None
        shown = self.scene.window or step or 0
        self.scene.window = next((size for size in WINDOWS if size and size < shown), self.scene.window)
        self._show()

    def do_longer(self) -> None:
        """Show more steps, in the end all."""
        step = self.scene.run.progress.step if self.scene.run else None
        at = WINDOWS.index(self.scene.window)
        wider = WINDOWS[max(0, at - 1)]
        self.scene.window = None if wider is not None and step is not None and wider >= step else wider
        self._show()

    def do_next_run(self) -> None:
        """Show the next run."""
        self._other_run(1)

    def do_previous_run(self) -> None:
        """Show the previous run."""
        self._other_run(-1)

    def _other_run(self, by: int) -> None:
        scene = self.scene
        ids = [row.id for row in scene.snapshot.runs] if scene.snapshot else []
        here = scene.run_id or (scene.run.id if scene.run else None)
        at = ids.index(here) if here in ids else 0
        self.choose_run(ids[(at + by) % len(ids)])

    def choose_run(self, run: str) -> None:
        """Ask for another run."""
        self.scene.run_id, self.scene.incident = run, None
        self.subscribe()
        self._show()

    def do_next_alert(self) -> None:
        """Select the next firing alert of this run, else go to a run that has one."""
        scene = self.scene
        firing = [row for row in scene.incidents() if row.state == "firing"]
        if not firing:
            runs = scene.snapshot.runs if scene.snapshot else ()
            self.choose_run(next(row.id for row in runs if row.critical))
        else:
            ids = [row.id for row in firing]
            here = self._view is not None and self._view.view == actions.ALERTS
            chosen = scene.selected() if here else None
            at = ids.index(chosen.id) + 1 if chosen is not None and chosen.id in ids else 0
            scene.incident = ids[at % len(ids)]
        self.do_alerts()
        self._show()

    def do_acknowledge(self) -> None:
        """Tell the engine that a person has seen the selected alert."""
        row = self.scene.selected()
        if row is not None:
            self.link.send(protocol.Acknowledge(row.id))

    def show_chart(self, metric: str, step: float) -> None:
        """Show one metric alone with the cursor at a step."""
        self.scene.cursor = step
        screen = self._open(actions.OVERVIEW)
        if isinstance(screen, Overview):
            self.call_later(screen.zoom_metric, metric)

    def show_line(self, number: int, source: str | None = None) -> None:
        """Show one line of the log, of the source at that path where the run has several."""
        self.scene.log_source = source or self.scene.log_source
        screen = self._open(actions.LOGS)
        if isinstance(screen, Logs):
            self.call_later(screen.go_to_line, number)


def run(sock: socket.socket, *, ascii: bool = False, title: str = "", private: bool = True) -> int:  # noqa: A002
    """Show the engine at the other end of `sock` until the person leaves; return the exit code.

    A private engine is told to stop; a daemon goes on.
    """
    os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    app = RunwatchApp(sock, ascii=ascii, title=title, private=private)
    code = app.run()
    if app.failure:
        sys.stderr.write(f"runwatch: {app.failure}\n")
    return int(code if code is not None else app.return_code or 0)
