"""The help: what is on the screen, in words, and the keys from the registry of actions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingsMap

from runwatch.render import cells
from runwatch.render.cells import Row
from runwatch.render.glyphs import Glyphs
from runwatch.render.panel import Content
from runwatch.tui import actions, words
from runwatch.tui.actions import Action, Registry
from runwatch.tui.api import api
from runwatch.tui.screens.dialog import Dialog
from runwatch.tui.screens.moves import Moves
from runwatch.tui.widgets.charts import MARKS
from runwatch.tui.widgets.keys import DialogKeys
from runwatch.tui.widgets.paged import PagePanel

if TYPE_CHECKING:
    from textual.widgets import Input


_MOST = 12
"""Rows for what a thing is, more than any takes."""
_TWO, _BETWEEN = 160, 3
"""Cells from which there are two columns, and those between them."""


def _names(width: int) -> int:
    """Return the cells for the name of a thing."""
    return 15 if width >= 50 else 11


Line = tuple[Row, Action | None]
"""A line of the help, and the action that it is about."""


class HelpPanel(PagePanel):
    """The keys, those of the view below first and of them the most used; then what the view shows."""

    def __init__(self, view: str) -> None:
        super().__init__(id="help")
        self._view = view
        self.wanted = ""
        """Words that a line must have to be shown."""
        self._acts: list[Action | None] = []
        """What a click on each line does."""

    def act(self, entry: int) -> Action | None:
        """Return the action that a line is about."""
        return self._acts[entry] if 0 <= entry < len(self._acts) else None

    def lines(self, width: int) -> list[Line]:
        """Return all lines of the help: the keys of the view, what is on the screen, signs, other keys."""
        played = self.scene.replay is not None
        every = [each for each in self.scene.registry.actions if played or each.id not in actions.CONTROLS]
        usual = [action for action in every if action.group in {"everywhere", "views"}]
        here = [each for each in every if self._view in each.views and each not in usual]
        elsewhere = [action for action in every if action not in here and action not in usual]
        explained = [
            *_sentences("mouse", words.mouse(self._view), width),
            *_sentences("on this screen", words.explain(self._view, self.scene), width),
            *_signs(self.scene.glyphs, width),
        ]
        return [
            *_keys(f"keys in {self._view}", here, width),
            *_keys("keys everywhere", usual, width),
            *((row, None) for row in explained),
            *_keys("keys in other views", elsewhere, width, named=True),
        ][1:]

    def content(self, width: int, height: int) -> Content:
        """Return the part that fits, on a wide screen in two columns."""
        across = 1 + (width >= _TWO)
        each = (width - _BETWEEN * (across - 1)) // across
        lines = self.lines(each - 1)  # the scrollbar is in the frame
        if wanted := self.wanted.lower().split():
            lines = [
                line for line in lines if all(word in cells.row_text(line[0]).lower() for word in wanted)
            ]
            lines = lines or [
                ([(f"no line has these words; {self.scene.key('back')} shows all", "dim")], None)
            ]
        self._acts = [action for _, action in lines]
        page = self.part([row for row, _ in lines], height * across)
        self.targets = []
        if across > 1:
            begin = each + _BETWEEN + 1
            for y in range(len(page) - height):
                self.targets.append((1 + y, begin, width + 1, partial(self._choose, self.at + height + y)))
            page = cells.two_columns(page, height, each, _BETWEEN)
        right: Row = [(f"{self.below} more below", "dim")] if self.below else []
        title: Row = [("help", "title"), *([(f" only {self.wanted!r}", "warn")] if self.wanted else [])]
        return Content(title, page, right)

    def _choose(self, entry: int) -> None:
        self.post_message(self.Chosen(self, entry))


def _sentences(title: str, known: Iterable[words.Sentence], width: int) -> list[Row]:
    """Return things, each with what it is, below a title."""
    out: list[Row] = [[], [(title, "title")]]
    for name, text in known:
        names = cells.wrapped(name, _names(width), _MOST)
        pieces = cells.wrapped(text, max(8, width - _names(width) - 3), _MOST)
        for label, piece in zip_longest(names, pieces, fillvalue=""):
            out.append([(f"  {cells.pad(label, _names(width))} ", "value"), (piece, "")])
    return out


def _keys(title: str, chosen: list[Action], width: int, named: bool = False) -> list[Line]:
    """Return the keys of some actions below a title, with the views they are of if `named`."""
    lines: list[Line] = [([], None), ([(title, "title")], None)] if chosen else []
    second = {action.follows: action for action in chosen if action.follows}
    known = {action.id for action in chosen}
    for action in sorted(chosen, key=lambda action: action.rank):
        if action.follows in known:
            continue
        both = [action, *([second[action.id]] if action.id in second else [])]
        text = "; ".join(each.description for each in both)
        text += f" ({', '.join(sorted(action.views))})" * named
        room = _names(width)
        for i, piece in enumerate(cells.wrapped(text, max(8, width - room - 3), _MOST)):
            label = cells.pad(_named(both, room) if i == 0 else "", room)
            lines.append(([(f"  {label} ", "key"), (piece, "")], action))
    return lines


def _named(actions: Sequence[Action], room: int) -> str:
    """Return the keys of actions that go together: the first of each, then the second, as far as they fit."""
    ways = list(zip(*(action.first_keys for action in actions), strict=False))
    shown = [" ".join(way) for way in (chain.from_iterable(ways), *ways, actions[0].first_keys[:1])]
    return next((text for text in shown if cells.width(text) <= room), shown[0])


def _signs(glyphs: Glyphs, width: int) -> list[Row]:
    """Return what the glyphs mean."""
    signs = {
        "on the axis": [f"{v} {MARKS.get(k, k)}" for k, v in glyphs.marks.items()],
        "on top": ["! NaN or Inf", f"{glyphs.higher} {glyphs.lower} beyond the range"],
        "alerts": [f"{v} {k}" for k, v in glyphs.severities.items()],
        "states": [f"{v} {k}" for k, v in glyphs.states.items()],
    }
    rows: list[Row] = [[], [("signs", "title")]]
    for where, meanings in signs.items():
        for i, line in enumerate(cells.joined(meanings, max(8, width - _names(width) - 3), "  ")):
            rows.append([(f"  {cells.pad(where if i == 0 else '', _names(width))} ", "dim"), (line, "")])
    return rows


class Help(Moves, Dialog[None], inherit_bindings=False):
    """The keys, over the view they belong to."""

    view: ClassVar[str] = actions.HELP
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (180, "-wide")]  # noqa: RUF012  as Screen has it

    def __init__(self, below: str, registry: Registry) -> None:
        super().__init__()
        self._below = below
        self._bindings = BindingsMap(registry.bindings(actions.HELP))

    def compose(self) -> ComposeResult:
        """Lay out the panel."""
        yield HelpPanel(self._below)
        press, scene = api(self.app).action_do, api(self.app).scene
        shown = (("back", "Close"), ("filter", "Filter"), ("page_down", "Page"), ("guide", "Guide"))
        yield DialogKeys((scene.key(name), label, partial(press, name)) for name, label in shown)

    @property
    def panel(self) -> HelpPanel:
        """The text."""
        return self.query_one(HelpPanel)

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        return True

    def move(self, by: int) -> None:
        """Scroll."""
        self.panel.at = max(0, self.panel.at + by)
        self.panel.redraw()

    action_move = move

    def page_rows(self) -> int:
        """Return how many rows make a page."""
        return self.size.height - 4

    def on_panel_chosen(self, event: HelpPanel.Chosen) -> None:
        """Do what a line is about, where it can be done."""
        if (action := self.panel.act(event.entry)) is not None:
            self.dismiss()
            views = (self._below, *actions.VIEWS)
            api(self.app).do_there(next(view for view in views if view in action.views), action.id)

    def do_quit(self) -> None:
        """Close the help; the view below stays."""
        self.dismiss()

    def do_help(self) -> None:
        """Close the help."""
        self.dismiss()

    def do_filter(self) -> None:
        """Ask for words to look for."""
        from textual.widgets import Input  # few look for anything here

        if not self.query(Input):
            field = Input(self.panel.wanted, placeholder="show only lines with these words", id="filter")
            field.add_class("-open")
            self.panel.mount(field)
            field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while somebody types."""
        self.panel.wanted = event.value.strip()
        self.panel.redraw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the words and go back to the text."""
        event.input.remove()

    def do_back(self) -> None:
        """Show all lines again, else close the help."""
        if not self.panel.wanted and not self.query("#filter"):
            self.dismiss()
        self.query("#filter").remove()
        self.panel.wanted = ""
        self.panel.redraw()
