"""Settings of all channels in runwatch.toml, and what each type adds: keys, its probe, how to open it.

Durations are in seconds. Secrets are read when a channel is opened, not before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar
from urllib.parse import urlsplit

import msgspec

from runwatch.alerts.channels.secret import Secret
from runwatch.core import text
from runwatch.core.errors import ConfigError
from runwatch.core.findings import Severity

if TYPE_CHECKING:
    from runwatch.alerts.routing.notification import Channel, Memory

Timeout = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Rate = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class ChannelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys of every channel."""

    min_severity: Severity = Severity.WARNING
    """Lowest severity that is sent: "info", "warning" or "critical"."""
    send_resolved: bool = True
    """Whether to send a message when an incident that was sent is resolved."""
    per_minute: Rate = 30
    """Most messages per minute; the rest is sent as one summary."""
    timeout: Timeout = 10.0
    """Seconds to wait for an answer before trying again later."""
    lifecycle: bool = False
    """Whether to send a message when a run starts, finishes or crashes."""
    digest: bool = False
    """Whether to send a daily summary, at the time in `[alerts] digest`."""

    kind: ClassVar[str] = ""
    """The value of `type` in the file."""
    needed: ClassVar[tuple[str, ...]] = ()
    """Required keys."""

    def missing(self) -> str:
        """Return a required key that is missing; "" if there is no such key."""
        return next((key for key in self.needed if not getattr(self, key)), "")

    def endpoint(self) -> str:
        """Return the web address that it connects to, a secret; "" if it connects to none."""
        return ""

    def lacks(self) -> str:
        """Return which program or library is not installed; "" if nothing is missing."""
        return ""

    def uploads(self) -> bool:
        """Return whether it uploads the reports of runs that ended."""
        return False

    def scopes(self) -> tuple[str, ...]:
        """Return the permissions that it needs at the service; () if the service has none."""
        return ()

    def open(self, name: str, memory: Memory | None = None) -> Channel:
        """Return the channel. Raises ConfigError, without repeating it, if a secret cannot be read or used.

        `memory` stores what the channel must know about earlier messages; without it, this is lost when the
        process ends.
        """
        raise NotImplementedError


def is_web_address(url: str) -> bool:
    """Return whether a text is the address of something on the web."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    good = parts.scheme in {"http", "https"} and bool(parts.hostname) and url.isascii()
    return good and all(character > " " for character in url)


def web_address(name: str, url: str) -> str:
    """Return the address of a channel. Raises ConfigError if it is not a web address."""
    if not is_web_address(url):
        raise ConfigError("not a web address", f"channel {name}", "it must begin with https://")
    return url


def header_value(name: str, secret: str) -> str:
    """Return a secret that can be sent in a header. Raises ConfigError for others."""
    if not secret.isascii() or not secret.isprintable():
        raise ConfigError("a token with unusual characters", f"channel {name}", "check where it comes from")
    return secret


def missing_program(program: str) -> str:
    """Return that a program is not installed; "" if it is."""
    import shutil

    return "" if shutil.which(program) is not None else f"no such program: {text.path(program)}"


def secrets(section: msgspec.Struct) -> Iterator[Secret]:
    """Yield the secrets that are set in a section of the configuration."""
    for key in section.__struct_fields__:
        if isinstance(value := getattr(section, key), Secret) and value:
            yield value
