"""Prints the engine's headless stream: compact lines for people, or JSON objects."""

from __future__ import annotations

import contextlib
import math
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click
import msgspec

from runwatch.cli.terminal import Terminal
from runwatch.core import metrics
from runwatch.core.errors import EngineError, ExitCode
from runwatch.core.snapshot import Progress
from runwatch.core.text import escaped, plain
from runwatch.render import cells, numbers
from runwatch.render import plain as plain_words
from runwatch.render.glyphs import UNICODE, Glyphs
from runwatch.render.states import ended
from runwatch.watcher import protocol
from runwatch.watcher.protocol import key_of

LONGEST = 1 << 16
"""Most characters of a line."""
SHOWN = (
    metrics.LOSS,
    metrics.VAL_LOSS,
    metrics.VAL_BPB,
    metrics.GRAD_NORM,
    metrics.LEARNING_RATE,
    metrics.TOKENS_PER_SEC,
    metrics.MFU,
    metrics.STEP_TIME,
)
"""Metrics that are printed, in this order."""
_NAMED = 2
"""Paths of a run that are printed, where it has more of them than one more."""
ENDS = {
    "unknown": "ended, neither finished nor crashed",
    "running": "ended, neither finished nor crashed",
    "no run": "no training run found",
}
"""Names for the end of a run, for states that are not a good name."""


UNREADABLE = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError)
"""What printing an object of another version of the stream raises, or one that is made to."""


def follow(
    sock: socket.socket,
    printer: Printer,
    *,
    interval: float,
    every: int | None = None,
    exit_at_end: bool = False,
    stop: Callable[[dict[str, Any]], bool] = lambda body: False,
) -> int:
    """Print the engine's stream: without end, until every run has ended, or until `stop` says so.

    Returns the highest exit code of the runs that ended.
    """
    with contextlib.suppress(OSError):  # a lost engine is reported below
        sock.sendall(protocol.encode(protocol.Hello()) + protocol.encode(protocol.Follow(interval, every)))
    running: set[str] = set()
    codes: dict[str, int] = {}
    with _terminal(printer) as terminal:
        for body in _objects(sock):
            try:
                text = printer.text(body)
            except UNREADABLE as error:
                raise EngineError(
                    "the engine sent what cannot be read", "", "restart it: its version may be another"
                ) from error
            if text:
                print(text)
                sys.stdout.flush()
            if terminal is not None:
                terminal.take(body)
            if stop(body):
                break
            if body["type"] == "run":
                running.add(key_of(body))
            elif body["type"] == "end":
                running.discard(key_of(body))
                codes[key_of(body)] = int(body["exit_code"])
                if exit_at_end and not running:
                    break
    return max(codes.values(), default=int(ExitCode.OK))


@contextlib.contextmanager
def _terminal(printer: Printer) -> Iterator[Terminal | None]:
    """Yield the terminal that people read, if the output is one, and restore it."""
    if printer.as_json or not printer.decorated or not sys.stdout.isatty():
        yield None
        return
    with contextlib.closing(Terminal()) as terminal:
        yield terminal


def _objects(sock: socket.socket) -> Iterator[dict[str, Any]]:
    """Yield the stream's objects; notices go to standard error. Raises EngineError at its end."""
    with contextlib.suppress(ConnectionError), sock.makefile("rb") as stream:
        for line in stream:
            reply = protocol.decode_reply(line)
            if isinstance(reply, protocol.Failure):
                raise protocol.reported(reply)
            if isinstance(reply, protocol.Notice):
                click.echo(f"runwatch: {plain(reply.message)}", err=True)
            elif isinstance(reply, protocol.Line):
                yield reply.body
    raise EngineError("the engine ended", "", "set RUNWATCH_ENGINE_LOG=FILE to see why")


class Printer:
    """Prints objects of the stream as JSON or as lines: each change once, and a verdict at the end."""

    decorated = True
    """Whether the terminal gets a title, a bell and progress too."""

    def __init__(self, as_json: bool, glyphs: Glyphs = UNICODE) -> None:
        self.as_json = as_json
        self.clock: Callable[[], str] | None = lambda: time.strftime("%H:%M:%S")
        """Returns the time that lines begin with; None: they have none."""
        self._glyphs = glyphs
        self._newest: dict[str, dict[str, Any]] = {}
        """Key of a run -> its newest progress, printed or not."""
        self._printed: dict[str, str] = {}
        """Key of a run -> the newest printed progress."""
        self._found: dict[str, dict[tuple[object, ...], str]] = {}
        """Key of a run -> what each incident is counted by -> its severity."""

    def text(self, body: dict[str, Any]) -> str:
        """Return the line for `body`; "" if nothing changed. It may come from a daemon on another host."""
        if self.as_json:
            return escaped(msgspec.json.encode(body).decode())
        say = {
            "run": self._run,
            "renamed": self._renamed,
            "stage": self._stage,
            "preview": self._preview,
            "progress": self._progress,
            "incident": self._incident,
            "end": self._end,
        }.get(str(body["type"]))
        line = "" if say is None else plain(say(str(body["run"]), body), LONGEST)
        line = self.stamped(line) if line else ""
        return cells.settled(line, ascii_only=True) if self._glyphs.ascii else line

    def stamped(self, line: str) -> str:
        """Return the line behind the time, if lines have one."""
        return line if self.clock is None else f"{self.clock()} {line}"

    def _run(self, run: str, body: dict[str, Any]) -> str:
        return f"{run}: {body['format'] or 'unknown format'}, {', '.join(named(body['sources']))}"

    def _renamed(self, run: str, body: dict[str, Any]) -> str:
        return f"{body['former']}: now named {run}"

    def _stage(self, run: str, body: dict[str, Any]) -> str:
        return f"{run}: stage {body['number']} begins: {body['stage']}"

    def _preview(self, run: str, body: dict[str, Any]) -> str:
        share = "" if body["history"] is None else f", {numbers.percent(body['history'], 0)}"
        return f"{run}: reading history{share}; newest: {_values(body)}"

    def _progress(self, run: str, body: dict[str, Any]) -> str:
        key = key_of(body)
        self._newest[key] = body
        text = self._values(run, body)
        if ended(body["phase"]) or text == self._printed.get(key):
            return ""  # the end has its own line
        self._printed[key] = text
        return text

    def _values(self, run: str, body: dict[str, Any]) -> str:
        return f"{run}: {body['phase']}  {_values(body)}"

    def _remember(self, body: dict[str, Any]) -> bool:
        """Count a finding once, unless it follows from another; return whether it is resolved."""
        row, found = body["incident"], self._found.setdefault(key_of(body), {})
        if body.get("symptom"):
            found.pop(plain_words.found(row), None)
        else:
            found[plain_words.found(row)] = row["severity"]
        return bool(body["change"] == "resolved")

    def findings(self, body: Mapping[str, Any]) -> str:
        """Return how many findings of each severity the run of an object had."""
        return plain_words.counted(self._found.get(key_of(body), {}).values())

    def _incident(self, run: str, body: dict[str, Any]) -> str:
        severity = "info" if body.get("symptom") else body["incident"]["severity"]
        resolved = self._remember(body)
        sign = self._glyphs.states["resolved"] if resolved else self._glyphs.severities[severity]
        return f"{sign} {plain_words.changed(body, run)}"

    def _end(self, run: str, body: dict[str, Any]) -> str:
        state = ENDS.get(body["state"], body["state"])
        if body["state"] == "no run":
            return f"{self._glyphs.dead} {run}: {state}"
        parts = [state]
        if newest := self._newest.get(key_of(body)):
            parts.append(_values({**newest, "eta_seconds": None}))
        summary = body.get("summary", {})
        if results := summary.get("results"):
            parts.append(f"results: {plain_words.results(results)}")
        parts.append(self.findings(body) or "no findings")
        health = "critical" if body["exit_code"] else summary.get("health")
        sign = self._glyphs.severities.get(str(health), self._glyphs.states["resolved"])
        return f"{sign} {run}: {'  '.join(part for part in parts if part)}"


def named(sources: Sequence[str]) -> list[str]:
    """Return the paths a run is read from; of many the first, and how many more there are."""
    more = len(sources) - _NAMED
    return [*sources] if more <= 1 else [*sources[:_NAMED], f"{more} more"]


def _values(body: dict[str, Any]) -> str:
    """Return the progress of a run and its newest values."""
    parts = []
    if body["step"] is not None:
        at = Progress(body["step"], body["total"] or None, body["progress"], stage=body.get("stage") or "")
        parts.append(plain_words.steps(at, ended(body["phase"])))
    if body["progress"] is not None:
        parts.append(numbers.percent(body["progress"]))
    if body["eta_seconds"] and not ended(body["phase"]):
        parts.append(f"ETA {numbers.left(body['eta_seconds'])}")
    for name in SHOWN:
        if name in body["metrics"]:
            value = body["metrics"][name]  # JSON has no NaN: null means it
            shown = numbers.value(name, math.nan if value is None else value)
            parts.append(f"{metrics.label(name)} {shown}")
    return "  ".join(parts)
