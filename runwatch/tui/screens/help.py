"""The help: what is on the screen, in words, and the keys from the registry of actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingsMap
from textual.events import Click
from textual.screen import ModalScreen

from runwatch.render import cells
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.tui import actions, words
from runwatch.tui.actions import Registry
from runwatch.tui.widgets.rows import Listed, Panel

if TYPE_CHECKING:
    from textual.widgets import Input


_NAMES, _MOST = 14, 3
"""Cells for the name of a thing, and rows for what it is."""


class HelpPanel(Panel):
    """What the view below shows, and the keys: its own first, of them the most used."""

    wheel = 3

    def __init__(self, view: str, registry: Registry) -> None:
        super().__init__(id="help")
        self._view, self._registry = view, registry
        self.at = 0
        self.wanted = ""
        """Words that a line must have to be shown."""

    def rows(self, width: int) -> list[Row]:
        """Return all lines of the help: what is on the screen, then the keys, then the signs."""
        out: list[Row] = [[("on this screen", "title")]]
        for name, text in words.explain(self._view, self.scene):
            more = self.scene.glyphs.ellipsis
            for i, piece in enumerate(cells.wrapped(text, max(8, width - _NAMES - 3), _MOST, more)):
                label = cells.pad(name if i == 0 else "", _NAMES, more)
                out.append([(f"  {label} ", "value"), (piece, "")])
        all_of_them = self._registry.actions
        usual = [action for action in all_of_them if action.group in {"everywhere", "views"}]
        here = [action for action in self._registry.of_view(self._view) if action not in usual]
        elsewhere = [action for action in all_of_them if action not in here and action not in usual]
        for title, chosen in (
            (f"in {self._view}", here),
            ("everywhere", usual),
            ("in other views", elsewhere),
        ):
            if chosen:
                out += [[], [(title, "title")]]
            for action in sorted(chosen, key=lambda action: action.rank):
                where = f"  ({', '.join(sorted(action.views))})" if chosen is elsewhere else ""
                out.append(
                    [(f"  {cells.pad(action.told, 14)}", "key"), (action.description, ""), (where, "dim")]
                )
        glyphs = self.scene.glyphs
        out += [[], [("signs", "title")]]
        out.append(
            [("  on the axis   ", "dim"), ("  ".join(f"{v} {k}" for k, v in glyphs.marks.items()), "")]
        )
        out.append(
            [
                ("  on top        ", "dim"),
                (f"! not finite  {glyphs.higher} {glyphs.lower} beyond the range", ""),
            ]
        )
        out.append(
            [("  alerts        ", "dim"), ("  ".join(f"{v} {k}" for k, v in glyphs.severities.items()), "")]
        )
        out.append(
            [("  states        ", "dim"), ("  ".join(f"{v} {k}" for k, v in glyphs.states.items()), "")]
        )
        return out

    def content(self, width: int, height: int) -> Content:
        """Return the part that fits."""
        rows = self.rows(width)
        if words := self.wanted.lower().split():
            rows = [row for row in rows if all(word in cells.row_text(row).lower() for word in words)]
            rows = rows or [[("no line has these words; esc shows all", "dim")]]
        self.at = max(0, min(self.at, len(rows) - height))
        self.listed = Listed(self.at, min(height, len(rows)), len(rows))
        more = len(rows) - height - self.at
        below = "PgDn for the keys" if self.at == 0 else "down for more"
        right: Row = [(below, "key")] if more > 0 else [("esc closes", "dim")]
        right = [("i", "key"), (" guide  ", "dim"), *right] if width >= 60 else right
        title: Row = [("help", "title"), *([(f" only {self.wanted!r}", "warn")] if self.wanted else [])]
        return Content(title, rows[self.at :][: max(0, height)], right)


class Help(ModalScreen[None], inherit_bindings=False):
    """The keys, over the view they belong to."""

    view: ClassVar[str] = actions.HELP

    def __init__(self, below: str, registry: Registry) -> None:
        super().__init__()
        self._below, self._registry = below, registry
        self._bindings = BindingsMap(registry.bindings(actions.HELP))

    def compose(self) -> ComposeResult:
        """Lay out the panel."""
        yield HelpPanel(self._below, self._registry)

    @property
    def panel(self) -> HelpPanel:
        """The text."""
        return self.query_one(HelpPanel)

    def can(self, action: str) -> bool:
        """Return whether an action would do something now."""
        return True

    def show(self) -> None:
        """Draw again."""
        self.panel.redraw()

    def tick(self) -> None:
        """Have nothing that ages."""

    def _move(self, by: int) -> None:
        self.panel.at = max(0, self.panel.at + by)
        self.panel.redraw()

    def on_panel_scrolled(self, event: Panel.Scrolled) -> None:
        """Scroll with the wheel and the scrollbar."""
        self._move(event.by)

    def on_click(self, event: Click) -> None:
        """Close the help at a click beside it."""
        if event.widget is self:
            self.dismiss()

    def do_up(self) -> None:
        """One row up."""
        self._move(-1)

    def do_down(self) -> None:
        """One row down."""
        self._move(1)

    def do_page_up(self) -> None:
        """One page up."""
        self._move(-self.size.height + 4)

    def do_page_down(self) -> None:
        """One page down."""
        self._move(self.size.height - 4)

    def do_top(self) -> None:
        """To the beginning."""
        self._move(-1000)

    def do_bottom(self) -> None:
        """To the end."""
        self._move(1000)

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
