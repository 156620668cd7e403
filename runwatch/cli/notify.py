"""`runwatch notify`: the configured channels, and a real sample to one of them."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runwatch.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from runwatch.alerts.notification import Notification

_config = click.option("--config", type=click.Path(), help="Use this runwatch.toml.")


@click.group("notify")
def command() -> None:
    """List the channels that alerts go to, or try one."""


@command.command("list")
@_config
def _list(config: str | None) -> int:
    """List the configured channels and what each carries."""
    from runwatch.alerts.channels.settings import KINDS
    from runwatch.config import load

    channels = load(Path(config) if config else None).everyone()
    kinds = {kind: name for name, kind in KINDS.items()}
    for name, given in channels.items():
        print(f"{name}  {kinds[type(given)]}  {given.min_severity.value} and graver")
    if not channels:
        print("no channel is configured: set RUNWATCH_SLACK_WEBHOOK or see examples/runwatch.toml")
    return 0


@command.command("test")
@click.argument("channel")
@_config
def _test(channel: str, config: str | None) -> int:
    """Send a sample to CHANNEL, once, and say what came back."""
    from runwatch.alerts.channels.build import build
    from runwatch.alerts.notification import Rejected, Retry, Sent, Unsure
    from runwatch.config import load

    channels = load(Path(config) if config else None).everyone()
    if channel not in channels:
        known = f"one of {', '.join(channels)}" if channels else "no channel is configured"
        raise UsageError("no such channel", channel, known)
    began = time.monotonic()
    outcome = build(channel, channels[channel]).send(sample(time.time()))
    took = f"{time.monotonic() - began:.1f} s"
    match outcome:
        case Sent():
            print(f"{channel}: delivered in {took}")
            return ExitCode.OK
        case Retry(reason, after):
            rest = "" if after is None else f"; it asks for a pause of {after:g} s"
            print(f"{channel}: not delivered after {took}: {reason}{rest}; a real alert would be tried again")
        case Unsure(reason):
            print(f"{channel}: perhaps delivered: {reason}; a real alert would be sent again and marked")
        case Rejected(reason):
            print(f"{channel}: refused after {took}: {reason}; a real alert would be lost")
    return ExitCode.FINDINGS


def sample(now: float) -> Notification:
    """Return a notification as real ones are, that says it is none."""
    from runwatch.alerts.notification import Notification
    from runwatch.snapshot import IncidentRow

    row = IncidentRow(
        id=f"test-{os.urandom(4).hex()}",
        run="sample",
        rule="test",
        severity="info",
        state="firing",
        title="this is a test of runwatch, nothing is wrong",
        cause="somebody ran `runwatch notify test`",
        advice="nothing: alerts will arrive like this one",
        metric="train/loss",
        step=1200,
        evidence={"loss": 2.34, "usual": 2.31},
    )
    trend = tuple(2.3 + 3.0 * 0.9**step for step in range(48))
    host = socket.gethostname()
    return Notification(row.id, "sample", "firing", row, host, now, checkpoint=1000, trend=trend)
