"""`runwatch notify`: set up a channel, list the channels, and send a real test message."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from runwatch.cli import complete, document
from runwatch.cli.options import config_option
from runwatch.core.errors import ExitCode, UsageError
from runwatch.core.text import plain

if TYPE_CHECKING:
    from runwatch.alerts.channels.settings import ChannelConfig
    from runwatch.alerts.routing.notification import Notification

DRAIN = 30.0
"""Seconds for which `retry` tries to send."""


@click.group("notify")
def command() -> None:
    """Set up Slack, list the channels for alerts, test one, or send undelivered messages again.

    Examples:
      runwatch notify setup slack
      runwatch notify list
      runwatch notify test slack
      runwatch notify dead
    """


@command.command("list")
@config_option
def _list(config: str | None) -> int:
    """List the configured channels and their lowest severity."""
    from runwatch.config.loader import load

    channels = load(config).everyone()
    for name, given in channels.items():
        print(f"{name}  {given.kind}  {given.min_severity.value} and above")
    if not channels:
        print("no channel is configured: runwatch notify setup slack; docs/alerts.md has the others")
    return 0


@command.command("setup")
@click.argument("channel", type=click.Choice(["slack"]))
def _setup(channel: str) -> int:
    """Set up CHANNEL: ask for its address, send a sample message, and keep the address if it arrived.

    The address comes from $RUNWATCH_SLACK_WEBHOOK, from standard input, or from you.

    Examples:
      runwatch notify setup slack
      echo "$ADDRESS" | runwatch notify setup slack
    """
    from runwatch.alerts.channels.slack import SlackConfig
    from runwatch.cli import slack_setup

    path = slack_setup.place()
    address = slack_setup.ask()
    if not _delivered(channel, SlackConfig(webhook=address)):
        print("nothing was kept: correct what is wrong, and call this again")
        return ExitCode.FINDINGS
    slack_setup.keep(path, address)
    return ExitCode.OK


@command.command("test")
@click.argument("channel", shell_complete=complete.offer("channel"))
@config_option
def _test(channel: str, config: str | None) -> int:
    """Send one sample message to CHANNEL and show the answer."""
    from runwatch.config.loader import load

    channels = load(config).everyone()
    _check(channel, channels)
    return ExitCode.OK if _delivered(channel, channels[channel]) else ExitCode.FINDINGS


def _check(channel: str, channels: Mapping[str, ChannelConfig]) -> None:
    """Raise UsageError for a channel that does not exist."""
    if channel not in channels:
        known = f"use one of {', '.join(channels)}" if channels else "no channel is configured"
        raise UsageError("no such channel", channel, known)


def _delivered(channel: str, config: ChannelConfig) -> bool:
    """Send a sample message, print the answer, and return whether it arrived."""
    from runwatch.alerts.channels.build import build
    from runwatch.alerts.routing.notification import Rejected, Retry, Sent, Unsure
    from runwatch.render.numbers import duration

    began = time.monotonic()
    outcome = build(channel, config).send(sample(time.time()))
    took = duration(time.monotonic() - began)
    match outcome:
        case Sent():
            print(f"{channel}: delivered in {took}")
        case Retry(reason, after):
            rest = "" if after is None else f"; the server asks for a pause of {after:g} s"
            print(f"{channel}: not delivered after {took}: {reason}{rest}; a real alert would be tried again")
        case Unsure(reason):
            print(f"{channel}: perhaps delivered: {reason}; a real alert would be sent again and marked")
        case Rejected(reason):
            print(f"{channel}: rejected after {took}: {reason}; a real alert would be lost")
    return isinstance(outcome, Sent)


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
@click.argument("channel", required=False, shell_complete=complete.offer("channel"))
@config_option
def _retry(channel: str | None, config: str | None) -> int:
    """Send the messages given up again, for CHANNEL or all. What fails waits for the next process."""
    from runwatch.alerts.channels.build import build
    from runwatch.alerts.delivery.dead_letters import revive
    from runwatch.alerts.delivery.outbox import Outbox
    from runwatch.config.loader import load
    from runwatch.watcher.service.notify import open_journal
    from runwatch.watcher.service.sockets import state_directory, unusable

    loaded = load(config)
    channels = loaded.everyone()
    if channel is not None:
        _check(channel, channels)
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
