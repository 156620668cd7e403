"""Colours of the screen. Meaning never rests on them: each state has its own sign and word too."""

from __future__ import annotations

from dataclasses import replace

from textual.theme import BUILTIN_THEMES, Theme

from runwatch.core.known_names import check_names

DARK, LIGHT, CONTRAST, ANSI = "dark", "light", "contrast", "ansi"
NAMES = (DARK, LIGHT, CONTRAST, ANSI)

# Blue, orange and vermilion (Okabe and Ito's colours) stay apart for eyes that cannot tell red from green.
_THEMES = {
    DARK: Theme(
        name="runwatch-dark",
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
    ),
    LIGHT: Theme(
        name="runwatch-light",
        primary="#0060a0",
        secondary="#8a3a68",
        accent="#0060a0",
        success="#00714f",
        warning="#8a5a00",
        error="#b3370f",
        foreground="#1b2027",
        background="#fcfcfa",
        surface="#fcfcfa",
        panel="#e8e9ec",
        dark=False,
    ),
    CONTRAST: Theme(
        name="runwatch-contrast",
        primary="#7cc7ff",
        secondary="#ffffff",
        accent="#7cc7ff",
        success="#7cc7ff",
        warning="#ffd000",
        error="#ff9a00",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#202020",
        dark=True,
    ),
    # The terminal's own sixteen colours, and its own background: right on a dark one and on a light one.
    ANSI: replace(
        BUILTIN_THEMES["ansi-dark"],
        name="runwatch-ansi",
        primary="ansi_bright_blue",
        secondary="ansi_magenta",
        accent="ansi_blue",
    ),
}


def theme(name: str) -> Theme:
    """Return the theme of that name."""
    return _THEMES[name]


def check(name: str, where: str) -> str:
    """Return the name, if there is such a theme. Raises ConfigError with the nearest if there is none."""
    check_names([name], NAMES, where)
    return name
