"""`runwatch formats`: the known log formats, or how one log is read and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from runwatch.cli import document
from runwatch.cli.main import error_line
from runwatch.cli.options import config_option
from runwatch.core.errors import ExitCode, SourceError
from runwatch.core.text import path as safe_path
from runwatch.core.text import plain

if TYPE_CHECKING:
    from runwatch.parsers.api import Format
    from runwatch.reports.explain.explain import Explanation, Records

SAMPLE = 8 << 20
"""Bytes of a log to read."""
_KINDS = {
    "train": ("training step", "training steps"),
    "eval": ("evaluation", "evaluations"),
    "bar": ("picture of a progress bar", "pictures of progress bars"),
    "rank": ("rank's progress", "ranks' progress"),
    "plan": ("planned number of steps", "planned numbers of steps"),
}


@click.command("formats")
@click.argument("path", required=False, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@config_option
def command(path: str | None, as_json: bool, config: str | None) -> int:
    """Show how PATH is read, or list the known log formats.

    Shows how sure the result is, the lines that decided it, and the values of one
    line of each kind. Exits with 3 if PATH is not a training log.

    Examples:
      runwatch formats train.log
      runwatch formats
    """
    from runwatch.config.loader import load_to_read
    from runwatch.parsers.formats import in_use, troubles

    settings, _ = load_to_read(config)
    formats = in_use(own.build() for own in settings.formats)
    try:
        return _list(formats, as_json) if path is None else _explain(path, formats, as_json)
    finally:
        for trouble in troubles():
            error_line(trouble)


def _list(formats: Sequence[Format], as_json: bool) -> int:
    if as_json:
        rows = [
            {"name": f.name, "title": f.title, "example": f.example, "origin": _origin(f)} for f in formats
        ]
        document.show(formats=rows)
        return ExitCode.OK
    for known in formats:
        origin = "" if _origin(known) == "runwatch" else f"  (from {_origin(known)})"
        print(plain(f"{known.name:22} {known.title}{origin}"))
        print(plain(f"    {known.example}"))
    print(f"{len(formats)} formats; others are learned. `runwatch formats PATH` shows how a log is read.")
    return ExitCode.OK


def _origin(fmt: Format) -> str:
    return "runwatch.toml" if fmt.own else fmt.package or "runwatch"


def _explain(path: str, formats: Sequence[Format], as_json: bool) -> int:
    from runwatch.reports.explain.explain import explain
    from runwatch.watcher.sources import discover
    from runwatch.watcher.sources.member import DIRECTORY

    found: list[tuple[str, Explanation]] = []
    errors: list[SourceError] = []
    for file in (found.path for found in discover.find([path]) if found.member.kind != DIRECTORY):
        try:
            data, whole = _read(file)
            explanation = explain(data, formats)
            if not explanation.recognized:
                raise _unknown(file, explanation)
        except SourceError as reason:
            errors.append(reason)
            continue
        found.append((file, explanation))
        if not as_json:
            _print(file, explanation, whole)
    if not found:
        raise errors[0]
    for error in errors:
        error_line(str(error))
    if as_json:
        document.show(files=[_object(file, explanation) for file, explanation in found])
    return ExitCode.OK


def _read(file: str) -> tuple[bytes, bool]:
    """Return the start of a log, in whole lines, and whether that is all of it. Raises SourceError."""
    from runwatch.watcher.sources.compressed import opened

    try:
        with opened(file) as stream:
            data, more = stream.read(SAMPLE), stream.read(1)
    except EOFError as error:
        raise SourceError("the compressed file is cut", safe_path(file), "decompress what is left") from error
    except OSError as error:
        raise SourceError("cannot read", safe_path(file), error.strerror or str(error)) from error
    if not data:
        raise SourceError("nothing to read", safe_path(file), "the file is empty")
    return (data[: data.rfind(b"\n") + 1] or data, False) if more else (data, True)


def _unknown(file: str, explanation: Explanation) -> SourceError:
    read = f"{explanation.lines:,} lines read"
    others = [f"{_count(r.count, *_KINDS[r.kind])}" for r in explanation.records]
    others += [f"{kind} x {count}" for kind, count in explanation.events.items()]
    if others:
        read += f", among them {', '.join(others)}"
    return SourceError(
        "no training steps recognized",
        safe_path(file),
        f"{read}; if this is a training log, describe a line under [[formats]] in runwatch.toml",
    )


# -- for people --------------------------------------------------------------------------------------


def _print(file: str, explanation: Explanation, whole: bool) -> None:
    name = plain(f"{explanation.format} ({explanation.title})") if explanation.format else "no known format"
    print(f"{safe_path(file)}: {name}")
    if explanation.format:
        print(f"  {explanation.words} ({explanation.certainty:.1%}): {'; '.join(explanation.reasons)}")
    share = explanation.understood / explanation.lines if explanation.lines else 0.0
    print(f"  {share:.0%} of {'' if whole else 'the first '}{explanation.lines:,} lines understood")
    if explanation.spoke:
        print("  lines that decided it:")
        _print_lines(explanation.spoke, "  ")
    for records in explanation.records:
        _print_records(records)
    if explanation.events:
        print("  events: " + ", ".join(f"{kind} {count:,}" for kind, count in explanation.events.items()))
    such = "" if explanation.template else ", such as"
    print(f"  Wrong? Describe the line in runwatch.toml; your formats have priority{such}:")
    for line in (
        explanation.template or '[[formats]]\nname = "mine"\ntrain = "it {step} loss={loss}"'
    ).splitlines():
        print(f"    {line}")


def _print_records(records: Records) -> None:
    lines = f"line {records.first_line:,}"
    if records.last_line != records.first_line:
        lines = f"lines {records.first_line:,} to {records.last_line:,}"
    print(f"  {_count(records.count, *_KINDS[records.kind])} ({plain(records.pattern)}), {lines}, such as")
    _print_lines(records.sample.lines, "  ")
    for taken in records.sample.taken:
        value = f"{_number(taken.value)} {taken.unit}".rstrip()
        called = "" if taken.printed == taken.name else f"{taken.printed} "
        source = f"from {called}{taken.text}" if taken.text else "computed"
        rule = f" ({taken.rule})" if taken.rule else ""
        print(f"      {taken.name:28} = {value:22} {source}{rule}".rstrip())


def _print_lines(lines: Sequence[tuple[int, str]], indent: str) -> None:
    for number, text in lines:
        print(f"{indent}{number:>8,} | {text}")


def _count(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _number(value: float) -> str:
    return f"{value:.10g}"


# -- for programs ------------------------------------------------------------------------------------


def _object(file: str, explanation: Explanation) -> dict[str, Any]:
    return {
        "path": safe_path(file),
        "format": explanation.format,
        "title": explanation.title,
        "certainty": {
            "value": explanation.certainty,
            "words": explanation.words,
            "reasons": explanation.reasons,
        },
        "lines": explanation.lines,
        "understood_lines": explanation.understood,
        "evidence": [{"line": number, "text": text} for number, text in explanation.spoke],
        "records": [_records_object(records) for records in explanation.records],
        "events": explanation.events,
        "template": explanation.template or None,
    }


def _records_object(records: Records) -> dict[str, Any]:
    from runwatch.core.snapshot import finite

    return {
        "kind": records.kind,
        "pattern": records.pattern,
        "count": records.count,
        "first_line": records.first_line,
        "last_line": records.last_line,
        "sample": [{"line": number, "text": text} for number, text in records.sample.lines],
        "fields": [
            {
                "name": taken.name,
                "value": finite(taken.value),
                "unit": taken.unit or None,
                "printed": taken.printed,
                "text": taken.text or None,
                "rule": taken.rule or None,
            }
            for taken in records.sample.taken
        ],
    }
