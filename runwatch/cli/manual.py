"""The manual pages, made from the commands: `man runwatch`, `man runwatch-tail`.

python -m runwatch.cli.manual DIRECTORY
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from runwatch import __version__
from runwatch.cli.main import cli
from runwatch.cli.overview import COMMANDS, EXIT_CODES, FILES, GROUPS, VARIABLES
from runwatch.cli.parts import inner, options, parts, usage


def write(directory: Path) -> list[Path]:
    """Write all pages to a directory, and return their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in pages():
        written.append(directory / f"{name}.1")
        written[-1].write_text(text, encoding="utf-8")
    return written


def pages() -> Iterator[tuple[str, str]]:
    """Yield the pages by name: one of runwatch, and one of each command."""
    yield "runwatch", _overview()
    for name, summary in COMMANDS.items():
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        head = [*_head(f"runwatch-{name}", summary), *_command(command, f"runwatch {name}")]
        yield f"runwatch-{name}", _page(*head, *_inner(command, f"runwatch {name}"), _SEE)


def _overview() -> str:
    text, examples = parts(cli)
    lines = [
        *_head("runwatch", "watch machine-learning training runs from their logs"),
        *(".SH SYNOPSIS", r"\fBrunwatch\fR \fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGUMENTS\fR]"),
        *(".SH DESCRIPTION", *_prose(text)),
    ]
    for group, names in GROUPS.items():
        lines.append(f".SH {group.upper()}")
        for name, summary in names.items():
            lines += _entry(rf"\fBrunwatch\-{name}\fR(1)", summary)
    for title, entries in (("EXIT CODES", EXIT_CODES), ("ENVIRONMENT", VARIABLES), ("FILES", FILES)):
        lines.append(f".SH {title}")
        for key, meaning in entries.items():
            lines += _entry(rf"\fB{_safe(str(key))}\fR", meaning)
    return _page(*lines, ".SH EXAMPLES", *_examples(examples))


_SEE = ".SH SEE ALSO\n\\fBrunwatch\\fR(1)"


def _head(name: str, summary: str) -> Iterator[str]:
    yield f'.TH {name.upper()} 1 "" "runwatch {__version__}"'
    yield ".SH NAME"
    yield rf"{_safe(name)} \- {_safe(summary[0].lower() + summary[1:].rstrip('.'))}"


def _command(command: click.Command, path: str, section: str = ".SH") -> Iterator[str]:
    """Yield the parts of a command; those of an inner one are below its own heading."""
    text, examples = parts(command)
    yield from (f"{section} SYNOPSIS", rf"\fB{_safe(path)}\fR {_safe(usage(command, path))}".rstrip())
    yield from (f"{section} DESCRIPTION", *_prose(text))
    for number, (flags, meaning) in enumerate(options(command)):
        yield from () if number else (f"{section} OPTIONS",)
        yield from _entry(rf"\fB{_safe(flags)}\fR", meaning)
    if examples:
        yield from (f"{section} EXAMPLES", *_examples(examples))


def _inner(command: click.Command, path: str) -> Iterator[str]:
    for name, each in inner(command).items():
        yield f".SH {_safe(f'{path} {name}')}"
        yield from _command(each, f"{path} {name}", ".SS")


def _entry(term: str, meaning: str) -> list[str]:
    return [".TP", term, *_prose(meaning)]


def _prose(text: str) -> Iterator[str]:
    """Yield paragraphs; what is code in Markdown is bold."""
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield ".PP"
        yield re.sub(r"`([^`]*)`", r"\\fB\1\\fR", _safe(" ".join(paragraph.split())))


def _examples(block: str) -> Iterator[str]:
    yield from (".nf", *map(_safe, block.splitlines()), ".fi")


def _safe(text: str) -> str:
    """Return text that the formatter prints as it is."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text


def _page(*lines: str) -> str:
    return "\n".join(
        [r".\" Made by `python -m runwatch.cli.manual` from the code: change it there.", *lines, ""]
    )


if __name__ == "__main__":
    for made in write(Path(sys.argv[1])):
        print(made)
