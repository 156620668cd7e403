"""Logs that try to get out of their cells: in lines, names of runs, metrics, ranks, checkpoints and settings."""

from __future__ import annotations

import json
import re
from pathlib import Path

ESCAPES = (
    "\x1b]0;pwned\x07\x1b]2;pwned\x1b\\\x1b[2J\x1b[10;10H\x1b[41mred\x1b[?1049l\x1b[?25h\x1bc"
    "\x1b]52;c;cHduZWQ=\x07\x1b]8;;http://pwned\x07link\x1b]8;;\x07\x1bP+q\x1b\\\x1b[6n\x9b31m\x90q\x9c\x08\x07"
)
MARKUP = "[bold red]x[/] [/] [@click=app.quit]y[/] $x \\[z] {x} <b>&amp;"
BIDI = "\u202eevil\u202c\u2066x\u2069\u061c\u200f"
WIDE = "模型训练 ﷽ \u1112\u1161\u11ab 👨\u200d👩\u200d👧 🇩🇪 👍🏽 ①\ufe0f zero\u200b\u0301\u0301\u0301width \ue000 \uffff"
EVERYTHING = f"{ESCAPES}{MARKUP}{BIDI}{WIDE}"
FORBIDDEN = (
    "\x1b]", "\x1bP", "\x1bc", "\x1b[41m", "\x1b[6n", "\x9b", "\x90", "\x07", "\x08",
    "\u202e", "\u2066", "\u061c", "\u200b", "\u200d", "\u0301", "\ufe0f", "\U0001f1e9", "\U0001f3fd",
)  # fmt: skip
"""What is never sent to a terminal."""


def got_out(sent: bytes) -> list[str]:
    """What of it was sent to a terminal. The shape of the pointer is Textual's own."""
    text = re.sub(r"\x1b\]22;[a-z-]*\x07", "", sent.decode("utf-8", "replace"))
    return [word for word in FORBIDDEN if word in text]


def text_log(steps: int = 120) -> bytes:
    """A log as one prints it, of several ranks, every kind of line with something hostile in it."""
    lines = [f"config: model {EVERYTHING}", "x" * 1_000_000, WIDE * 40]
    for i in range(steps):
        tail = (ESCAPES, MARKUP, BIDI, WIDE)[i % 4]
        lines.append(
            f"[rank{i % 2}]: step {i // 2:05d}/00400 | loss: {4 - i / 200:.6f} | dt: 110.00ms | {tail}"
        )
        if i % 10 == 0:
            lines.append(f"[rank{i % 2}{ESCAPES}]: WARNING {EVERYTHING} RuntimeError: {EVERYTHING}")
    lines.append("x" * 60_000)
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")


def metrics_log(steps: int = 60) -> bytes:
    """JSON lines whose keys are hostile."""
    names = (ESCAPES + "a", MARKUP, BIDI + "b", WIDE, "n" * 10_000)
    rows = [{"step": i, "loss": 4 - i / 50, **dict.fromkeys(names, i * 0.5), "lr": 0.1} for i in range(steps)]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(
        "utf-8", "surrogatepass"
    )


def lay_out(directory: Path) -> list[Path]:
    """Write both, under hostile names, with a checkpoint of such a name beside; return what to watch."""
    name = f"{ESCAPES[:28]}{BIDI}{MARKUP}模型".replace("/", "-")
    out = []
    for label, log, text in (("a", "train.log", text_log()), ("b", "metrics.jsonl", metrics_log())):
        place = directory / f"{label}{name}"
        place.mkdir()
        (place / f"ckpt_{name}_step50.pt").write_bytes(b"PK\5\6" + bytes(18))
        out.append(place / f"{name}{log}")
        out[-1].write_bytes(text)
    return out
