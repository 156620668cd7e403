"""What a channel needs, as far as it can be checked without sending or running anything."""

from __future__ import annotations

import shutil
from typing import NamedTuple

from runwatch.alerts.channels.build import build
from runwatch.alerts.channels.settings import ChannelConfig, secrets
from runwatch.core import text
from runwatch.core.errors import ConfigError


class Needs(NamedTuple):
    """Of one channel."""

    kind: str
    address: str = ""
    """Where it connects to, as a web address; a secret. "" if it connects to nothing."""
    problem: str = ""
    """Why it cannot work, if that is known already; names no secret."""
    unseen: str = ""
    """What is unknown because a command would have to run; "" if nothing is."""
    scopes: tuple[str, ...] = ()
    """The permissions that it needs at the service, which only the service knows."""


def needs(name: str, config: ChannelConfig) -> Needs:
    """Return what a channel needs. Secrets are read, but no command is run."""
    kind = config.kind
    if commands := [secret.command for secret in secrets(config) if secret.command]:
        absent = next((command[0] for command in commands if shutil.which(command[0]) is None), None)
        if absent is not None:
            return Needs(kind, problem=f"no such program: {text.path(absent)}")
        return Needs(kind, unseen="a command prints its secret, and is not run here")
    try:
        build(name, config)
        return Needs(kind, config.endpoint(), config.lacks(), scopes=config.scopes())
    except ConfigError as error:
        return Needs(kind, problem=str(error))
