"""`runwatch notify`: the configured channels, and a real test message."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runwatch.cli import document
from runwatch.core.errors import ExitCode, UsageError
from runwatch.core.text import plain

if TYPE_CHECKING:
    from runwatch.alerts.routing.notification import Notification

DRAIN = 30.0
"""Seconds for which `retry` tries to send."""

_config = click.option("--config", type=click.Path(), help="Use this runwatch.toml.")


@click.group("notify")
def command() -> None:
    """List the channels for alerts, test one, or send undelivered messages again.

    Examples:
      runwatch notify list
      runwatch notify test slack
      runwatch notify dead
    """


@command.command("list")
@_config
def _list(config: str | None) -> int:
    """List the configured channels and their lowest severity."""
    from runwatch.config.loader import load

    channels = load(Path(config) if config else None).everyone()
    for name, given in channels.items():
        print(f"{name}  {given.kind}  {given.min_severity.value} and above")
    if not channels:
        print("no channel is configured: set RUNWATCH_SLACK_WEBHOOK, or see docs/alerts.md")
    return 0


@command.command("test")
@click.argument("channel")
@_config
def _test(channel: str, config: str | None) -> int:
    """Send one sample message to CHANNEL and show the answer."""
    from runwatch.alerts.channels.build import build
    from runwatch.alerts.routing.notification import Rejected, Retry, Sent, Unsure
    from runwatch.config.loader import load
    from runwatch.render.numbers import duration

    channels = load(Path(config) if config else None).everyone()
    if channel not in channels:
        known = f"use one of {', '.join(channels)}" if channels else "no channel is configured"
        raise UsageError("no such channel", channel, known)
    began = time.monotonic()
    outcome = build(channel, channels[channel]).send(sample(time.time()))
    took = duration(time.monotonic() - began)
    match outcome:
        case Sent():
            print(f"{channel}: delivered in {took}")
            return ExitCode.OK
        case Retry(reason, after):
            rest = "" if after is None else f"; the server asks for a pause of {after:g} s"
            print(f"{channel}: not delivered after {took}: {reason}{rest}; a real alert would be tried again")
        case Unsure(reason):
            print(f"{channel}: perhaps delivered: {reason}; a real alert would be sent again and marked")
        case Rejected(reason):
            print(f"{channel}: rejected after {took}: {reason}; a real alert would be lost")
    return ExitCode.FINDINGS


@command.command("dead")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def _dead(as_json: bool) -> int:
    """List the messages given up: too old, rejected, or too many. Exit code 1 if there are any."""
    from runwatch.alerts.delivery.dead_letters import dead
    from runwatch.watcher.service.sockets import state_directory, unusable

    try:
        found = dead(state_directory() / "outbox")
    except OSError as error:
        raise unusable(state_directory(), error) from None
    if as_json:
        document.show(dead=found)
        return ExitCode.FINDINGS if found else ExitCode.OK
    for one in found:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.born))
        print(plain(f"{when}  {one.channel}  {one.subject or 'a message of another version'}"))
        print(plain(f"{'':18}{one.reason or 'given up'}"))
    if found:
        print("send them again: runwatch notify retry")
    else:
        print("no message was given up")
    return ExitCode.FINDINGS if found else ExitCode.OK


@command.command("retry")
@click.argument("channel", required=False)
@_config
def _retry(channel: str | None, config: str | None) -> int:
    """Send the messages given up again, for CHANNEL or all. What fails waits for the next process."""
    from runwatch.alerts.channels.build import build
    from runwatch.alerts.delivery.dead_letters import revive
    from runwatch.alerts.delivery.outbox import Outbox
    from runwatch.config.loader import load
    from runwatch.watcher.service.notify import open_journal
    from runwatch.watcher.service.sockets import state_directory, unusable

    loaded = load(Path(config) if config else None)
    channels = loaded.everyone()
    if channel is not None and channel not in channels:
        raise UsageError("no such channel", channel, f"use one of {', '.join(channels)}" if channels else "")
    said: list[str] = []
    journal = open_journal(said.append)
    try:
        revived = revive(state_directory() / "outbox", journal, channel or "")
    except OSError as error:
        raise unusable(state_directory(), error) from None
    built = [build(name, given, journal, loaded.messages.wording()) for name, given in channels.items()]
    left = Outbox(built, said.append, journal=journal).close(DRAIN)
    for line in said:
        print(line)
    print(f"{revived} queued again, {left} still undelivered")
    return ExitCode.FINDINGS if left or said else ExitCode.OK


def sample(now: float) -> Notification:
    """Return a realistic notification that says that it is a test."""
    from runwatch.alerts.routing.notification import Notification
    from runwatch.core.snapshot import IncidentRow

    row = IncidentRow(
        id=f"test-{os.urandom(4).hex()}",
        run="sample",
        rule="test",
        severity="info",
        state="firing",
        title="this is a test of runwatch, nothing is wrong",
        cause="someone ran `runwatch notify test`",
        advice="nothing: alerts will arrive like this one",
        metric="train/loss",
        step=1200,
        evidence={"loss": 2.34, "usual": 2.31},
    )
    trend = tuple(2.3 + 3.0 * 0.9**step for step in range(48))
    host = socket.gethostname()
    return Notification(row.id, "sample", "firing", row, host, now, checkpoint=1000, trend=trend)
