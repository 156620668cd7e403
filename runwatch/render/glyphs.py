"""Every sign the screens use, twice: for Unicode terminals and for ASCII ones.

All are one cell wide in every terminal we know; meaning is never carried by a
color alone, so each state has its own sign and its own word.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Glyphs:
    """One set of signs."""

    ascii: bool
    horizontal: str
    vertical: str
    top_left: str
    top_right: str
    bottom_left: str
    bottom_right: str
    tick: str
    origin: str
    above: str
    """Sorted so that values grow upwards."""
    higher: str
    """A value beyond the top of a chart."""
    lower: str
    """One beyond its bottom."""
    left: str
    """The key of an arrow, as `right`."""
    right: str
    best: str
    minor: str
    """A tick without a label on the x axis; on the y axis it is `tick`."""
    fill: str
    """A cell of a band; `fill_low` and `fill_high` are those of which the lower or upper part is filled."""
    fill_low: str
    fill_high: str
    bar: str
    bar_end: str
    bar_rest: str
    levels: str
    """Eight heights, lowest first."""
    ellipsis: str
    spread: str
    """Plus or minus."""
    dot: str
    """Separator between short texts."""
    pointer: str
    """The selected row of a list."""
    bookmark: str
    live: str
    stale: str
    dead: str
    points: str
    """What distinguishes the second, third and fourth curve of a chart from the first without color."""
    marks: dict[str, str]
    """By kind of mark, most important first."""
    phases: dict[str, str]
    severities: dict[str, str]
    states: dict[str, str]
    """Incident states other than firing, which shows its severity."""


UNICODE = Glyphs(
    ascii=False,
    horizontal="─",
    vertical="│",
    top_left="╭",
    top_right="╮",
    bottom_left="╰",
    bottom_right="╯",
    tick="┤",
    origin="└",
    above="▲",
    higher="↑",
    lower="↓",
    left="←",
    right="→",
    best="★",
    minor="┴",
    fill="░",
    fill_low="▁▂▃▄▅▆▇",
    fill_high="▔▔▀▀▀",
    bar="━",
    bar_end="╾",
    bar_rest="─",
    levels="▁▂▃▄▅▆▇█",
    ellipsis="…",
    spread="±",
    dot="·",
    pointer="▸",
    bookmark="◦",
    live="●",
    stale="○",
    dead="✗",
    points="○△□",
    marks={"incident": "▼", "restart": "↻", "spoilt": "◈", "resolved": "✓", "checkpoint": "◆", "eval": "◇"},
    phases={
        "reading": "◌",
        "starting": "◌",
        "no_steps": "◌",
        "warmup": "▷",
        "training": "▶",
        "evaluating": "◇",
        "checkpointing": "◆",
        "finished": "✓",
        "crashed": "✗",
        "interrupted": "✗",
        "preempted": "✗",
        "time_limit": "✗",
        "vanished": "✗",
        "stalled": "■",
        "blind": "⊘",
    },
    severities={"critical": "▲", "warning": "●", "info": "○"},
    states={"pending": "◌", "acknowledged": "◎", "resolved": "✓"},
)

FLAT = replace(UNICODE, fill_low="   ░░░░", fill_high="   ░░")
"""For two or sixteen colors: of those a partly filled cell would be brighter than a full one."""

ASCII = Glyphs(
    ascii=True,
    horizontal="-",
    vertical="|",
    top_left="+",
    top_right="+",
    bottom_left="+",
    bottom_right="+",
    tick="+",
    origin="+",
    above="^",
    higher="^",
    lower="_",
    left="<",
    right=">",
    best="*",
    minor="'",
    fill=":",
    fill_low=" ...:::",
    fill_high=" ''::",
    bar="=",
    bar_end=">",
    bar_rest=".",
    levels="_.-~=+*#",
    ellipsis="~",
    spread="+-",
    dot="-",
    pointer=">",
    bookmark="*",
    live="*",
    stale="o",
    dead="x",
    points="ox#",
    marks={"incident": "v", "restart": "R", "spoilt": "B", "resolved": "=", "checkpoint": "C", "eval": "e"},
    phases={
        "reading": ".",
        "starting": ".",
        "no_steps": ".",
        "warmup": ">",
        "training": ">",
        "evaluating": "?",
        "checkpointing": "#",
        "finished": "=",
        "crashed": "x",
        "interrupted": "x",
        "preempted": "x",
        "time_limit": "x",
        "vanished": "x",
        "stalled": "!",
        "blind": "?",
    },
    severities={"critical": "!", "warning": "*", "info": "o"},
    states={"pending": ".", "acknowledged": "a", "resolved": "="},
)


def glyphs(ascii_only: bool, encoding: str | None = None, environ: Mapping[str, str] = os.environ) -> Glyphs:
    """Return the set for a terminal: ASCII if asked, or where `encoding` has no code for the others."""
    plain = ascii_only or (encoding is not None and _is_c(environ)) or not _has_signs(encoding)
    return ASCII if plain else UNICODE


def _is_c(environ: Mapping[str, str]) -> bool:
    """Return whether the C locale was chosen: Python writes UTF-8 there, which the terminal may not show."""
    asked = "PYTHONUTF8" in environ or "PYTHONIOENCODING" in environ
    named = next((name for key in ("LC_ALL", "LC_CTYPE", "LANG") if (name := environ.get(key))), "")
    return not asked and named in {"C", "POSIX"}


def _has_signs(encoding: str | None) -> bool:
    try:
        "".join(_every(UNICODE)).encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _every(signs: Glyphs) -> Iterator[str]:
    """Yield every sign of a set."""
    for value in (getattr(signs, field.name) for field in fields(signs)):
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from value.values()
