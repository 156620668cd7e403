"""Prints the engine's headless stream: compact lines for people, or JSON objects."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import click
import msgspec

from runwatch import metrics
from runwatch.errors import EngineError, ExitCode, RunwatchError
from runwatch.render import numbers
from runwatch.render.states import SEVERITY_SIGNS
from runwatch.text import plain
from runwatch.watcher import protocol

_SHOWN = (
    metrics.LOSS,
    metrics.VAL_LOSS,
    metrics.VAL_BPB,
    metrics.GRAD_NORM,
    metrics.LEARNING_RATE,
    metrics.TOKENS_PER_SEC,
    metrics.MFU,
    metrics.STEP_TIME,
)


def follow(
    sock: socket.socket,
    *,
    as_json: bool,
    interval: float,
    every: int | None = None,
    exit_at_end: bool = False,
    stop: Callable[[dict[str, Any]], bool] = lambda body: False,
) -> int:
    """Print what the engine says: for ever, until every run has ended, or until `stop` says so.

    Returns the highest exit code of the runs that ended.
    """
    with contextlib.suppress(OSError):  # an engine that is gone is told below
        sock.sendall(protocol.encode(protocol.Hello()) + protocol.encode(protocol.Follow(interval, every)))
    running: set[str] = set()
    codes: dict[str, int] = {}
    for body in _objects(sock):
        text = msgspec.json.encode(body).decode() if as_json else _line(body)
        if text:
            print(text)
            sys.stdout.flush()
        if stop(body):
            break
        if body["type"] == "run":
            running.add(str(body["run"]))
        elif body["type"] == "end":
            running.discard(str(body["run"]))
            codes[str(body["run"])] = int(body["exit_code"])
            if exit_at_end and not running:
                break
    return max(codes.values(), default=int(ExitCode.OK))


def _objects(sock: socket.socket) -> Iterator[dict[str, Any]]:
    """Yield the stream's objects; notices go to standard error. Raises EngineError at its end."""
    with contextlib.suppress(ConnectionError), sock.makefile("rb") as stream:
        for line in stream:
            reply = protocol.decode_reply(line)
            if isinstance(reply, protocol.Failure):
                error = RunwatchError(reply.message)
                error.exit_code = ExitCode(reply.exit_code)
                raise error
            if isinstance(reply, protocol.Notice):
                click.echo(f"runwatch: {plain(reply.message)}", err=True)
            elif isinstance(reply, protocol.Line):
                yield reply.body
    raise EngineError("the engine ended", "", "set RUNWATCH_ENGINE_LOG=FILE to see why")


def _line(body: dict[str, Any]) -> str:
    """Return one line for people."""
    clock = time.strftime("%H:%M:%S")
    kind = body["type"]
    if kind == "run":
        return f"{clock} {body['run']}: {body['format'] or 'unknown format'}, {', '.join(body['sources'])}"
    if kind == "incident":
        row = body["incident"]
        word = "RESOLVED" if body["change"] == "resolved" else row["severity"].upper()
        sign = "✓" if body["change"] == "resolved" else SEVERITY_SIGNS[row["severity"]]
        where = f" (line {row['line']})" if row["line"] else ""
        cause = f" — {row['cause']}" if row["cause"] and body["change"] != "resolved" else ""
        return f"{clock} {sign} {word} {body['run']}: {row['rule']}: {row['title']}{where}{cause}"
    if kind == "end":
        return f"{clock} {body['run']}: {body['state']}"
    return f"{clock} {body['run']}: {_progress(body)}"


def _progress(body: dict[str, Any]) -> str:
    parts = [body["phase"]]
    if body["step"] is not None:
        total = f"/{body['total']:,}" if body["total"] else ""
        parts.append(f"step {body['step']:,}{total}")
    if body["progress"] is not None:
        parts.append(f"{100 * body['progress']:.1f}%")
    if body["eta_seconds"] and body["phase"] not in ("finished", "crashed"):
        parts.append(f"ETA {numbers.duration(body['eta_seconds'])}")
    for name in _SHOWN:
        if name in body["metrics"]:
            value = body["metrics"][name]  # JSON has no word for NaN: null stands for it
            shown = "nan" if value is None else numbers.value(name, value)
            parts.append(f"{metrics.label(name)} {shown}")
    return "  ".join(parts)
