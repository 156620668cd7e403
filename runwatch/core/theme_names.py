"""Names of the themes of the screen, for options and files; their colors are in runwatch.tui.themes."""

THEMES = (
    "dark", "light", "contrast", "color-blind", "ansi", "nord", "gruvbox", "dracula", "catppuccin",
    "tokyo-night", "solarized-light", "monokai",
)  # fmt: skip
DARK = THEMES[0]
"""The usual one."""
