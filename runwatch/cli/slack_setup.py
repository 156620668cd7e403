"""`runwatch notify setup slack`: from an address of Slack to the first message and a kept setting."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from runwatch.alerts.channels.secret import Secret
from runwatch.config.loader import FILE_NAME, WEBHOOK_VARIABLE, find, load, read, user_directory
from runwatch.config.reader import web_address
from runwatch.core.errors import ConfigError
from runwatch.system import private_files

GUIDE = """\
An incoming webhook is an address that posts to one channel. To get one (two minutes, in a browser):

  1. https://api.slack.com/apps -> Create New App -> From scratch; choose a name and your workspace.
  2. Incoming Webhooks -> switch them on -> Add New Webhook to Workspace -> choose the channel.
  3. Copy the address: https://hooks.slack.com/services/...

To get threads, plots and reports of runs as files, use a bot token instead (docs/alerts.md).
Its app needs the scopes chat:write, files:write, files:read and channels:history.
"""
KEPT = "slack-webhook"


def ask() -> Secret:
    """Return the address: from the environment, from standard input, or from a person. Raises ConfigError."""
    if given := os.environ.get(WEBHOOK_VARIABLE, ""):
        print(f"the address is that of ${WEBHOOK_VARIABLE}")
        return web_address(given, lambda: "$" + WEBHOOK_VARIABLE)
    if not sys.stdin.isatty():
        return web_address(sys.stdin.readline().strip(), lambda: "standard input")
    print(GUIDE)
    typed = click.prompt("Paste the address (it is not shown)", hide_input=True)
    return web_address(typed.strip(), lambda: "the address")


def place() -> Path:
    """Return the configuration to extend. Raises ConfigError if it has another Slack already."""
    path = find() or user_directory() / FILE_NAME
    if path.exists():
        config = read(path)
        if config.slack.token or (config.slack.webhook and config.slack.webhook != _secret()):
            where = config.where("slack", "token" if config.slack.token else "webhook")
            raise ConfigError("Slack is configured already", where, "test it: runwatch notify test slack")
    return path


def keep(path: Path, address: Secret) -> None:
    """Keep the address in a file that only its owner can read, and name that file in the configuration."""
    from runwatch.config.editing import add_webhook

    kept = _kept()
    try:
        for each in (kept, path):
            if not each.parent.is_dir():
                private_files.directory(each.parent)
        private_files.write(kept, address.reveal() + "\n")
    except OSError as error:
        raise ConfigError("cannot write", str(kept), error.strerror or str(error)) from None
    if not path.exists() or not read(path).slack.webhook:
        add_webhook(path, kept)
    print(f"kept: the address in {kept}, readable only by you; {path} names that file")
    print(f"next: {_next()}")


def _next() -> str:
    from runwatch.watcher.service.sockets import answers, state_directory

    if answers(state_directory(), 2.0):
        return "runwatch reload (the daemon runs, and takes it then)"
    if load().watch.paths:
        return "runwatch watch -d"
    return "runwatch tail train.log, or for all runs: runwatch watch -d ~/runs"


def _kept() -> Path:
    return user_directory() / KEPT


def _secret() -> Secret:
    return Secret(source=("file", str(_kept())))
