"""Take pictures of a program in a terminal.

usage: python -m benchmarks.pictures [STEP ...] -- COMMAND ...

Steps are done in the order given; `--out` may come several times. Patterns are regular expressions.
For example, the alerts of a run and then its log:

    python -m benchmarks.pictures --size 120x40 --wait 'live|FINISHED' --keys 5 --out alerts.png \
        --keys '4 /' --keys 'loss enter' --out log.png -- runwatch tail train.log
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.pictures.paint import save
from benchmarks.pictures.terminal import MissingError, Terminal

STEPS = {
    "wait": "wait until a row matches this pattern",
    "gone": "wait until no row matches this pattern",
    "keys": "press keys: '5 down down enter', 'c-p', 'train enter'; a word that names no key is typed",
    "click": "click COLUMN,ROW (from 0) or the first place that matches a pattern",
    "scroll-up": "turn the wheel over a place",
    "scroll-down": "turn the wheel over a place",
    "pause": "let so many seconds go by (better: --wait)",
    "out": "write the picture to this PNG",
    "text": "write the screen as text to this file, or to standard output: -",
}


class _Next(argparse.Action):
    """Keep the steps in their order."""

    def __call__(self, parser, namespace, values, option_string=None):
        namespace.steps.append((option_string.removeprefix("--"), values))


def do(terminal: Terminal, name: str, value: str, seconds: float) -> None:
    """Do one step."""
    if name in {"wait", "gone"}:
        terminal.wait(value, seconds, gone=name == "gone")
    elif name == "keys":
        terminal.type(value)
    elif name == "click":
        terminal.click(value)
    elif name in {"scroll-up", "scroll-down"}:
        terminal.click(value, wheel=64 + (name == "scroll-down"))
    elif name == "pause":
        terminal.settle(float(value), float(value))
    else:
        terminal.settle()
        if name == "out":
            save(terminal.screen, Path(value))
            return
        shown = "\n".join(terminal.lines()) + "\n"
        if value == "-":
            sys.stdout.write(shown)
        else:
            Path(value).write_text(shown)


def main() -> None:
    """Run the program, do the steps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to wait for what is waited for")
    for name, meaning in STEPS.items():
        parser.add_argument(f"--{name}", action=_Next, dest="steps", help=meaning)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    parser.set_defaults(steps=[])
    given = parser.parse_args()
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not command:
        parser.error("no command: end the steps with -- COMMAND")
    width, _, height = given.size.partition("x")
    try:
        with Terminal(command, (int(width), int(height))) as terminal:
            for name, value in given.steps:
                do(terminal, name, value, given.seconds)
    except MissingError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
