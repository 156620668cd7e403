"""Colors of the screen. Meaning never rests on them: each state has its own sign and word too."""

from __future__ import annotations

from dataclasses import replace

from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from runwatch.core.theme_names import DARK, THEMES

LIGHT, CONTRAST, COLOR_BLIND, ANSI = "light", "contrast", "color-blind", "ansi"
TEXT, FADED = 4.5, 3.0
"""Contrast with the background that text has, and text that fades: WCAG 2, AA, of text and of large text."""
_FADES = 0.55
_STEPS = 24


def contrast(one: Color, other: Color) -> float:
    """Return the contrast of two colors, from 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(color: Color) -> float:
    parts = (part / 255 for part in color.rgb)
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _readable(color: Color, background: Color, least: float, towards: Color) -> str:
    """Return a color, moved towards another as little as its contrast needs."""
    moved = (color.blend(towards, step / _STEPS) for step in range(_STEPS + 1))
    return next((each for each in moved if contrast(each, background) >= least), towards).hex


def _theme(
    name: str, background: str, panel: str, foreground: str,
    data: str, other: str, good: str, warn: str, crit: str,
) -> Theme:  # fmt: skip
    """Return a theme of these colors: each is made readable, should it not be."""
    ground = Color.parse(background)
    dark = _luminance(ground) < 0.2
    extreme = Color.parse("#ffffff" if dark else "#000000")
    text, data, other, good, warn, crit = (
        _readable(Color.parse(each), ground, TEXT, extreme)
        for each in (foreground, data, other, good, warn, crit)
    )
    faded = ground.blend(Color.parse(text), _FADES)
    return Theme(
        name=f"runwatch-{name}",
        primary=data,
        secondary=other,
        accent=data,
        success=good,
        warning=warn,
        error=crit,
        foreground=text,
        background=background,
        surface=background,
        panel=panel,
        dark=dark,
        variables={"dim": _readable(faded, ground, FADED, Color.parse(text))},
    )


# Blue, orange and vermilion (Okabe and Ito's colors) differ for eyes that cannot distinguish red from green.
_PALETTES = {
    # background, panel, foreground, data, other, good, warn, crit
    DARK:              "#0e1116 #1b212b #d8dee4 #56b4e9 #cc79a7 #2fb58d #e69f00 #f0643c",
    LIGHT:             "#fcfcfa #e8e9ec #1b2027 #0060a0 #8a3a68 #00714f #8f6800 #981b00",
    CONTRAST:          "#000000 #202020 #ffffff #7cc7ff #ffffff #7cc7ff #ffd000 #ff9a00",
    # Blue, ice, yellow and vermilion, each as far as can be from the others with any one cone missing.
    COLOR_BLIND:       "#0b0e14 #1a202b #b8bec8 #4699ff #b8609a #c4eeff #ffe81a #ea5528",
    "nord":            "#2e3440 #3b4252 #d8dee9 #88c0d0 #b48ead #a3be8c #ebcb8b #bf616a",
    "gruvbox":         "#282828 #3c3836 #ebdbb2 #83a598 #d3869b #b8bb26 #fabd2f #fb4934",
    "dracula":         "#282a36 #44475a #f8f8f2 #8be9fd #bd93f9 #50fa7b #ffb86c #ff5555",
    "catppuccin":      "#1e1e2e #313244 #cdd6f4 #89b4fa #cba6f7 #a6e3a1 #f9e2af #f38ba8",
    "tokyo-night":     "#1a1b26 #24283b #c0caf5 #7aa2f7 #bb9af7 #9ece6a #e0af68 #f7768e",
    "solarized-light": "#fdf6e3 #eee8d5 #586e75 #268bd2 #d33682 #859900 #b58900 #dc322f",
    "monokai":         "#272822 #3e3d32 #f8f8f2 #66d9ef #ae81ff #a6e22e #e6db74 #f92672",
}  # fmt: skip
NAMES = THEMES
WORDS = {
    DARK: "on dark terminals",
    LIGHT: "on light terminals",
    CONTRAST: "white on black",
    COLOR_BLIND: "no red, no green",
    ANSI: "the terminal's own",
}


def theme(name: str) -> Theme:
    """Return the theme of that name."""
    if name != ANSI:
        return _theme(name, *_PALETTES[name].split())
    # The terminal's own sixteen colors, and its own background: right on a dark one and on a light one.
    base = BUILTIN_THEMES["ansi-dark"]
    return replace(
        base,
        name="runwatch-ansi",
        primary="ansi_bright_blue",
        secondary="ansi_magenta",
        accent="ansi_blue",
        variables={**base.variables, "dim": "ansi_default"},
    )
