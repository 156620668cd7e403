"""Slack's Web API as the bot's parts see it: a method that is called, and how it may fail."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from runwatch.alerts.routing.notification import Outcome


class Thread(msgspec.Struct, frozen=True):
    """Where an incident was posted."""

    channel: str
    """Slack's id of the channel."""
    ts: str
    """Slack's id of the message that heads the thread."""
    alone: bool
    """Whether the message is about this incident only, so that it may be rewritten."""


class Failed(Exception):  # noqa: N818
    """A call that did not work, and what that means."""

    def __init__(self, outcome: Outcome, code: str = "") -> None:
        super().__init__(code)
        self.outcome, self.code = outcome, code


class Call(Protocol):
    """Calls a method of the Web API."""

    def __call__(self, method: str, body: dict[str, Any], *, form: bool = False) -> dict[str, Any]:
        """Return the answer. Raises Failed."""
