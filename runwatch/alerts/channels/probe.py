"""What a channel needs to work, as far as can be seen without sending or running anything."""

from __future__ import annotations

import importlib.util
import shutil
from typing import NamedTuple

from runwatch import text
from runwatch.alerts.channels import settings as kinds
from runwatch.alerts.channels.build import build
from runwatch.alerts.channels.settings import KINDS, AnyChannel, secrets
from runwatch.errors import ConfigError


class Needs(NamedTuple):
    """Of one channel."""

    kind: str
    address: str = ""
    """Where it connects to, as a web address; a secret. "" if it connects to nothing."""
    problem: str = ""
    """Why it cannot work, if that is known already; names no secret."""
    unseen: str = ""
    """What is not known because a command would have to be run; "" if all is."""


def needs(name: str, config: AnyChannel) -> Needs:
    """Return what a channel needs. Secrets are looked up, but no command is run."""
    kind = next(word for word, known in KINDS.items() if isinstance(config, known))
    if commands := [secret.command for secret in secrets(config) if secret.command]:
        absent = next((command[0] for command in commands if shutil.which(command[0]) is None), None)
        if absent is not None:
            return Needs(kind, problem=f"no such program: {text.path(absent)}")
        return Needs(kind, unseen="a command prints its secret, and is not run here")
    try:
        build(name, config)
        return Needs(kind, _address(config), _missing(config))
    except ConfigError as error:
        return Needs(kind, problem=str(error))


def _address(config: AnyChannel) -> str:  # noqa: PLR0911
    match config:
        case kinds.SlackConfig():
            return config.api if config.token else config.webhook.reveal()
        case kinds.WebhookConfig() | kinds.DiscordConfig() | kinds.TeamsConfig():
            return config.url.reveal()
        case kinds.NtfyConfig():
            return config.server
        case kinds.PagerDutyConfig():
            return config.url
        case kinds.TelegramConfig():
            return config.api
        case kinds.EmailConfig():
            return f"smtp://{config.host}:{config.port}"
        case _:
            return ""


def _missing(config: AnyChannel) -> str:
    """Return which program or library is not there; "" if nothing is missing."""
    match config:
        case kinds.CommandConfig():
            program: str | None = config.command[0]
        case kinds.DesktopConfig():
            program = "notify-send"
        case kinds.TerminalConfig(ttys=()):
            program = "tmux"
        case kinds.AppriseConfig():
            found = importlib.util.find_spec("apprise") is not None
            return "" if found else "apprise is not installed: pip install 'runwatch[apprise]'"
        case _:
            program = None
    if program is None or shutil.which(program) is not None:
        return ""
    return f"no such program: {text.path(program)}"
