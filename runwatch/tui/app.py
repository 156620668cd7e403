"""The full-screen app: what comes from the engine, what keys do, and what is the same in all views."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from rich.console import RenderableType
from textual import events, work
from textual._compositor import ChopsUpdate
from textual.app import App
from textual.binding import BindingsMap, BindingType
from textual.driver import Driver
from textual.screen import Screen
from textual.worker import WorkerFailed

from runwatch.core.errors import ExitCode, RunwatchError
from runwatch.core.theme_names import DARK
from runwatch.render.glyphs import FLAT, UNICODE, glyphs
from runwatch.tui import actions, capture, deferred, paint, silencing, themes
from runwatch.tui.acting import ActingApp
from runwatch.tui.actions import Registry
from runwatch.tui.api import Rules, api
from runwatch.tui.hints import Hints
from runwatch.tui.link import Answered, Link, LinkLost
from runwatch.tui.scene import Scene
from runwatch.tui.screens.charts import ChartScreen
from runwatch.tui.screens.help import Help
from runwatch.watcher import protocol

if TYPE_CHECKING:
    from runwatch.tui import commands
    from runwatch.tui.export import Exports

_TICK = 1.0
_FIRST = 10.0
"""Seconds in which logs are recognized, on a busy machine too: until then the list of runs may come up."""
_BLURRED = 2.0
"""Seconds between frames while another window has the keyboard."""


class RunwatchApp(ActingApp, inherit_bindings=False):
    """Shows what the engine at the other end of a socket says."""

    CSS_PATH = "runwatch.tcss"
    TITLE = "runwatch"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(
        self,
        sock: socket.socket,
        *,
        ascii: bool = False,  # noqa: A002  the name of the option
        title: str = "",
        alone: bool = False,
        theme: str = DARK,
        registry: Registry | None = None,
        reopen: Callable[[], socket.socket] | None = None,
        clock: Callable[[], float] = time.monotonic,
        driver: type[Driver] | None = None,
        rules: Rules = tuple,
        hints: Hints | None = None,
        list_first: bool = False,
    ) -> None:
        """`list_first`: begin with the list of runs where several are known within the first moments."""
        # NO_COLOR: the terminal's own two colors, instead of shades of gray that are colors too.
        scene = Scene(glyphs(ascii), title, alone, registry or Registry(), clock, received=clock())
        super().__init__(scene, driver, True if "NO_COLOR" in os.environ else None, reopen)
        self.link = Link(sock, self)
        self.rules = rules
        self.hints = hints or Hints()
        self.failure = ""
        self.fault: Exception | None = None
        """The internal error that ended the screen."""
        self._bindings = BindingsMap(scene.registry.bindings())
        self.use_theme(theme)  # before anything is mounted: a theme that comes later styles everything again
        self._list_first = list_first
        self.exports: Exports | None = None
        self.animation_level = "none"

    def on_mount(self) -> None:
        """Show the overview and start listening."""
        self.listen()
        self.open_view(actions.OVERVIEW)
        self.set_interval(_TICK, self._tick)
        self.set_timer(deferred.HOLD, self._come_up)

    def _come_up(self) -> None:
        """Let the terminal have what was drawn."""
        if isinstance(self._driver, deferred.DeferredDriver):
            self._driver.release()

    @work(exclusive=True, group="link")
    async def listen(self) -> None:
        """Read from the engine until it ends."""
        await self.link.run()

    async def on_unmount(self) -> None:
        """Say goodbye: an engine that is there for this screen stops, a daemon keeps running."""
        self.link.send(protocol.Shutdown())
        await self.link.close()

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """Write changes in fewer bytes than Textual would."""
        if isinstance(renderable, ChopsUpdate):
            renderable = paint.Update(renderable)
        driver = self._driver
        with driver.together() if isinstance(driver, deferred.DeferredDriver) else contextlib.nullcontext():
            super()._display(screen, renderable)

    # What comes from the engine

    def on_snapshot_ready(self) -> None:
        """Show the newest picture."""
        if self.link.snapshot is not None:
            self.scene.accept(self.link.snapshot)
            if self._list_first and self.scene.several():
                self._list_first = False
                self.open_view(actions.RUNS)
            self._list_first = self._list_first and (self.scene.settling() or self.scene.began_within(_FIRST))
            self.refresh_view()
            self._come_up()

    def on_answered(self, event: Answered) -> None:
        """Say what the engine answered; of silences, ask which one ends."""
        reply = event.reply
        if isinstance(reply, protocol.Series):
            if self.exports is not None:
                self.exports.take(reply)
        elif isinstance(reply, protocol.Done) and event.asked is not None:
            self.say(silencing.done(event.asked, self.scene.now() or 0.0, self.scene.alone))
        elif not isinstance(reply, protocol.SilenceList):
            self.say(reply.message)
        elif not reply.silences:
            self.say("nothing is silenced")
        else:
            self.push_screen(
                silencing.which(reply.silences, self.scene.now() or 0.0), callback=self._unsilence
            )

    def _unsilence(self, chosen: tuple[str, ...] | None) -> None:
        for silence in chosen or ():
            self.link.send(protocol.Unsilence(silence, silencing.number()))

    def on_link_lost(self, event: LinkLost) -> None:
        """Keep the last picture and say that it is the last; leave if there never was one."""
        if self.scene.snapshot is None and self.scene.pending is None:
            self.failure = event.reason
            self.exit(event.exit_code)
            return
        if event.link is not self.link:
            return  # one that was given up
        self.scene.link, self.scene.lost, self.scene.reason = "lost", Scene.lost, event.reason
        if self._reopen is not None:
            self.scene.reason += f"; {self.scene.key('retry')} watches again"
        self.refresh_view()

    def _tick(self) -> None:
        if (view := self.view) is not None:
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

    def action_do(self, action: str) -> None:
        """Carry out an action of the registry: on the screen if it knows it, else here."""
        self.scene.said, self._list_first = "", False
        self.hints.use(action)
        if not self.scene.asked:
            self.scene.asked = True  # what a person acts on stays, whichever becomes more urgent
            self.subscribe()
        if action in actions.VIEWS:
            if isinstance(self.screen, Help):
                self.screen.dismiss()  # a digit leads out of the help too
            self.open_view(action)
            return
        if action in actions.CONTROLS:
            self.link.send(protocol.Control(*actions.CONTROLS[action]))
            return
        name = f"do_{action}"
        (getattr(self.screen, name, None) or getattr(self, name))()

    def leave(self, code: int) -> bool:
        """Exit with that code, asked by a signal or another thread; return False if nothing runs."""
        if (loop := self._loop) is None:
            return False
        with contextlib.suppress(RuntimeError):  # it has just ended
            loop.call_soon_threadsafe(self.exit, code)
        return True

    def fail(self, error: Exception) -> None:
        """End the screen at an internal error; the first one is kept for a report."""
        if self.fault is None:
            cause = error.error if isinstance(error, WorkerFailed) else error
            self.fault = self._exception = cause if isinstance(cause, Exception) else error
            self._exception_event.set()
        self._return_code = int(ExitCode.INTERNAL)
        self._close_messages_no_wait()

    _handle_exception = fail  # Textual's own prints a traceback with the values of all variables

    def do_quit(self) -> None:
        """Leave."""
        self.exit(int(ExitCode.UNREADABLE if self.scene.link == "lost" else ExitCode.OK))

    do_suspend = App.action_suspend_process

    def do_help(self) -> None:
        """Show the keys of this view."""
        view = self.view
        self.push_screen(Help(view.view if view else actions.OVERVIEW, self.scene.registry))

    def do_guide(self) -> None:
        """Show what each area of this view is."""
        from runwatch.tui.screens.guide import Guide

        if isinstance(self.screen, Help):
            self.screen.dismiss()
        if self.view is not None:
            self.push_screen(Guide(self.view))

    def do_pause(self) -> None:
        """Hold the picture, or let it continue; a replay itself is held."""
        if self.scene.replay is not None:
            self.link.send(protocol.Control("pause"))
            return
        if self.scene.paused:
            self.scene.resume()
        else:
            self.scene.hold()
        self.refresh_view()

    def play_from(self, time: float) -> None:
        """Play a replay from a Unix time on."""
        self.link.send(protocol.Control("goto", time))

    def on_key(self, event: events.Key) -> None:
        """Give a field what was typed before it had the keys: by a quick hand, or over a slow line."""
        if event.character is None or not event.is_printable:
            return
        if (take := getattr(self.screen, "type_ahead", None)) is not None:
            take(event.character)
        elif (field := self.focused) is not None and hasattr(field, "insert_text_at_cursor"):
            field.post_message(events.Key(event.key, event.character))
        else:
            return
        event.prevent_default()

    def do_palette(self) -> None:
        """Find a command by some letters."""
        from runwatch.tui import commands  # knows the rules too
        from runwatch.tui.screens.palette import Palette  # brings Textual's input field with it

        view = self.view
        if view is not None:
            every = self.scene.registry.of_view(view.view)
            known = [each for each in every if each.id != "palette" and self.available(each.id)]
            self.push_screen(Palette(commands.entries(api(self), view.view, known)), callback=self._chosen)

    def _chosen(self, chosen: tuple[commands.Entry, str] | None) -> None:
        """Run what was chosen in the palette, once the view below has the keys again."""
        if chosen is not None:
            self.call_later(self._carry_out, *chosen)

    def _carry_out(self, entry: commands.Entry, typed: str) -> None:
        """Run a command, and say what is wrong with it."""
        from runwatch.tui import commands

        if wrong := commands.carry_out(self, entry, typed):
            self.say(wrong)

    def do_there(self, view: str, action: str) -> None:
        """Bring up a view, and carry out an action once it is there."""

        def act() -> None:
            if self.available(action):
                self.action_do(action)
            else:
                self.say(f"{action.replace('_', ' ')}: nothing to do here now")

        self.open_view(view)
        self.call_later(act)

    def export(self, ending: str) -> str:
        """Save the numbers of the chart with the focus; return why that cannot be, or ""."""
        from runwatch.tui.export import FORMATS, Exports

        chart = self.view.current_chart() if isinstance(self.view, ChartScreen) else None
        if ending not in FORMATS:
            return f"as what? {', '.join(FORMATS)}"
        if chart is None:
            return self.scene.worded("no chart is here: {overview} and {metrics} have some")
        if self.exports is None:
            self.exports = Exports(self)
        return self.exports.begin(chart.metrics, ending)

    def do_theme(self) -> None:
        """Choose a theme from a list; the screen shows the one at the pointer."""
        from runwatch.tui.screens.pick import Pick

        before = self._look
        rows = [(name, f"{name:16} {themes.WORDS.get(name, '')}".rstrip()) for name in themes.NAMES]

        def chosen(name: tuple[str, ...] | None) -> None:
            self.use_theme(name[0] if name else before)
            kept = f'; to keep it: theme = "{self._look}" in [screen] of runwatch.toml'
            self.say(f"theme {self._look}{kept}" if name else "")

        self.push_screen(Pick("theme", rows, {before}, 1, self.use_theme), callback=chosen)

    def use_theme(self, name: str) -> None:
        """Use the theme of that name, and the signs that its colors need."""
        self._look = name
        if not self.scene.glyphs.ascii:
            self.scene.glyphs = FLAT if name == themes.ANSI or self.ansi_color else UNICODE
        chosen = themes.theme(name)
        self.register_theme(chosen)
        self.theme = chosen.name

    def do_screenshot(self) -> None:
        """Save the screen as SVG and as text in the working directory."""
        run = self.scene.run
        try:
            self.say(f"saved {capture.save(self, run.name if run else 'runwatch')}")
        except OSError as error:
            self.say(f"cannot save here: {error.strerror}")

    def do_copy(self) -> None:
        """Copy what is selected, through the terminal."""
        view = self.view
        text = view.copied() if view is not None else ""
        if text:
            self.copy_to_clipboard(text)
            self.say(f"copied {text[:60]}")

    def do_retry(self) -> None:
        """Start the engine again."""
        if self._reopen is None or self.scene.link != "lost":
            return
        try:
            sock = self._reopen()
        except (OSError, RunwatchError) as error:
            self.scene.reason = str(error)
        else:
            self.call_later(self.link.close)
            self.link = Link(sock, self)
            self.scene.link = "connecting"
            self.listen()
        self.refresh_view()
