"""What all views share: header, footer, and how a new picture reaches the panels."""

from __future__ import annotations

from typing import ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.screen import Screen

from runwatch.core.metrics import LEARNING_RATE
from runwatch.render import plain
from runwatch.render.charts import xaxis
from runwatch.tui import actions, paint
from runwatch.tui.api import AppApi, api
from runwatch.tui.scene import Scene
from runwatch.tui.widgets.boxes import Ground
from runwatch.tui.widgets.head import Head
from runwatch.tui.widgets.hint import Hint
from runwatch.tui.widgets.incident_bar import IncidentBar
from runwatch.tui.widgets.keys import Keys
from runwatch.tui.widgets.logs import LogPanel
from runwatch.tui.widgets.replay_bar import ReplayBar
from runwatch.tui.widgets.rows import ROLES, Rows, Span
from runwatch.tui.widgets.small import LEAST, TooSmall
from runwatch.watcher import protocol

_Part = TypeVar("_Part", bound=Rows)
_LATELY = 0.9
"""Seconds in which a picture showed all ages."""


class RunScreen(Screen[None], Ground, inherit_bindings=False):
    """A view of the run."""

    view: ClassVar[str]
    free = 0
    """Rows that the incident bar leaves of the screen."""
    # Here and not in each widget: Textual keeps a node of its tree for each of them.
    COMPONENT_CLASSES = {f"rows--{role}" for role in ROLES}  # noqa: RUF012  as Screen has it
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (LEAST[0], "-narrow"), (100, "-normal"), (160, "-wide")]  # noqa: RUF012  as Screen has it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (LEAST[1], "-high")]  # noqa: RUF012

    @property
    def scene(self) -> Scene:
        """What there is to show."""
        return self.runwatch.scene

    @property
    def runwatch(self) -> AppApi:
        """What the app can be asked for."""
        return api(self.app)

    bar_below: ClassVar[bool] = False
    """Whether the incident bar is below the body, whose rows keep their place when it grows."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: dict[type[Rows], list[Rows]] = {}
        self._shown: list[Rows] = []
        """The widgets of the newest picture."""

    def compose(self) -> ComposeResult:
        """Lay out header, body and footer."""
        yield Head(self.view)
        if self.bar_below:
            yield from self.body()
            yield IncidentBar()
        else:
            yield IncidentBar()
            yield from self.body()
        yield from self.below()
        yield ReplayBar()
        yield Hint(self.view)
        yield Keys(self.view)
        yield TooSmall()

    def body(self) -> ComposeResult:
        """Yield what is between header and footer."""
        raise NotImplementedError

    def below(self) -> ComposeResult:
        """Yield what is right above the footer."""
        yield from ()

    def place(self) -> None:
        """Decide which panels show what; called before they draw."""

    def parts(self, kind: type[_Part]) -> list[_Part]:
        """Return its widgets of a kind; a view makes them once, and a search costs a tenth of a frame."""
        if kind not in self._parts or not self.is_mounted:
            self._parts[kind] = list(self.query(kind))
        return cast(list[_Part], self._parts[kind])

    def show(self) -> None:
        """Draw the scene; panels that did not change paint nothing."""
        alive = self.is_mounted and self.is_attached and self.app.is_running
        if not alive or not any(hint.is_attached for hint in self.parts(Hint)):
            return  # its panels are being made or are gone, or it was opened at the end and has none
        width, height = self.size
        hint = self.query_one(Hint).fit(height)
        played = self.query_one(ReplayBar).fit()
        self.free = height - self.query_one(IncidentBar).fit(width, height) - hint - played
        self.place()
        shown = [part for part in self.parts(Rows) if part.display]
        self._paint({part: spans for part in shown if (spans := part.renew())})
        if shown == self._shown:
            self.runwatch.subscribe()
        else:  # panels that just appeared get their size with the next layout: what they need is known then
            self._shown = shown
            self.call_after_refresh(self.runwatch.subscribe)

    def _paint(self, changed: dict[Rows, list[Span]]) -> None:
        """Write what changed to the terminal; with something over it Textual knows what is seen."""
        alone = self.app.screen is self and not any(small.display for small in self.parts(TooSmall))
        if alone and not self.app._batch_count:
            cells = [stretch for part, spans in changed.items() for stretch in part.stretches(spans)]
            if cells:
                self.app._display(self, paint.Cells(cells))  # type: ignore[arg-type]  # as Textual itself does
        else:
            for part, spans in changed.items():
                part.repaint(spans)

    def wanted(self) -> protocol.View:
        """Return what to ask the engine for."""
        scene = self.scene
        widths: dict[str, int] = {}
        for part in self.parts(Rows):
            if part.display and part.size.width:
                for metric, width in part.charts():
                    widths[metric] = max(width, widths.get(metric, 0))
        if widths:
            # What differs between runs is said of the same curves, whichever charts there is room for.
            compared = (LEARNING_RATE,) if scene.compare else ()
            for metric in (*xaxis.NEEDS[scene.axis], *compared):
                widths.setdefault(metric, max(widths.values()))
        lines, before = self.log_wanted()
        first, last = scene.first_step(), scene.last_step()
        return protocol.View(
            run=scene.wanted_run(),
            charts=tuple(
                protocol.Chart(metric, width, first, last, scene.log_x) for metric, width in widths.items()
            ),
            log_lines=lines,
            log_before=before,
            log_source=self.log_from(),
            details=self.details(),
            machine=self.machine(),
            compare=scene.compare if widths else (),
            interval=scene.interval,
        )

    def details(self) -> bool:
        """Return whether events and configuration are shown here."""
        return False

    def machine(self) -> bool:
        """Return whether the machine under the run is shown here."""
        return False

    def log_wanted(self) -> tuple[int, int | None]:
        """Return how many log lines are wanted, and the last one."""
        return max((part.lines_wanted() for part in self.parts(LogPanel)), default=0), None

    def log_from(self) -> str | None:
        """Return the path of the log whose lines are wanted; None for the one that the run is read from."""
        return self.scene.log_source

    def copied(self) -> str:
        """Return what the copy key takes: the run and where it is read from."""
        run = self.scene.run
        return "" if run is None else f"{run.name} {plain.steps(run.progress)} {' '.join(run.sources)}"

    def do_link(self) -> None:
        """Show the address of the run's page on W&B, and copy it; a browser is not here to open."""
        if self.scene.run is not None:
            self.app.copy_to_clipboard(self.scene.run.link)
            self.runwatch.say(self.scene.run.link)

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        if action == "link":
            return self.scene.run is not None and bool(self.scene.run.link)
        return True

    def label(self, action: str, usual: str) -> str:
        """Return the word of an action for the footer, where the picture decides it; else the usual one."""
        if action == "pause":
            played = self.scene.replay
            return "Resume" if self.scene.paused or (played and played.state == "paused") else usual
        return "" if action == "back" and self.view == self.top() and not self.inside() else usual

    def inside(self) -> bool:
        """Return whether there is something in this view to go back from, such as a cursor."""
        return self.scene.cursor is not None

    def top(self) -> str:
        """Return the view from which no key leads back: the list of runs where there are several."""
        return actions.RUNS if len(self.scene.runs) > 1 else actions.OVERVIEW

    def do_back(self) -> None:
        """Go one level up."""
        self.runwatch.do_back()

    def tick(self) -> None:
        """Let the age of the data grow; where pictures come they bring it."""
        if self.scene.since_frame() < _LATELY:
            return
        for part in self.parts(Head):
            part.redraw()

    def on_resize(self) -> None:
        """Arrange for the new size."""
        self.show()

    def on_screen_resume(self) -> None:
        """Show the newest picture when the view comes up."""
        self.show()
