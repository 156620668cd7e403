"""Telegram, by a bot. What follows an incident's first message answers it, so that they hang together."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from runwatch.alerts.delivery.message import compose, escaped
from runwatch.alerts.routing.notification import Memory, Notification, Outcome, Recent, Rejected, Sent, digest

API = "https://api.telegram.org"
MOST = 3900
"""Characters of text as sent; Telegram takes 4,096."""
escape = partial(escaped, re.compile(r"([_*\[\]()~`>#+\-=|{}.!\\])"))
"""Makes text that Telegram shows as it is."""
_NUMBER = re.compile(r'"message_id"\s*:\s*(\d{1,18})')


class TelegramChannel:
    """Writes to one chat."""

    def __init__(
        self,
        name: str,
        token: str,
        chat: str,
        *,
        api: str = API,
        timeout: float = 10.0,
        memory: Memory | None = None,
    ) -> None:
        """Set up, without touching the network. `timeout` is in seconds."""
        self.name, self._token, self._chat, self._api = name, token, chat, api.rstrip("/")
        self._timeout = timeout
        self._memory: Memory = Recent() if memory is None else memory

    @property
    def identity(self) -> str:
        """Return the name and a digest of bot and chat."""
        return f"{self.name}#{digest(f'{self._token} {self._chat}')}"

    def send(self, notification: Notification) -> Outcome:
        """Send it once."""
        from runwatch.alerts.channels.http import post_json

        body: dict[str, Any] = {
            "chat_id": self._chat,
            "text": message(notification),
            "parse_mode": "MarkdownV2",
            "link_preview_options": {"is_disabled": True},
            "disable_notification": notification.change != "firing",
        }
        key = notification.thread(notification.incident.id)
        first = self._memory.recall(self.identity, key)
        if first.isdecimal():
            body["reply_parameters"] = {"message_id": int(first), "allow_sending_without_reply": True}

        def understand(said: str) -> Outcome:
            found = _NUMBER.search(said)
            if found is None:
                return Rejected("something else answered instead of Telegram")
            if not first and notification.change != "notice":
                for row in (notification.incident, *notification.more):
                    self._memory.note(self.identity, notification.thread(row.id), found[1])
            return Sent()

        url = f"{self._api}/bot{self._token}/sendMessage"
        secrets = (self._token, self._token.rpartition(":")[2])
        return post_json("Telegram", url, body, self._timeout, understand=understand, secrets=secrets)


def message(notification: Notification) -> str:
    """Return the text in MarkdownV2: the first line bold, everything else as it is."""
    composed = compose(notification, repeats="Telegram")
    head = escape(composed.subject, 900)
    return f"*{head}*\n{escape(composed.body(), MOST - len(head) - 3)}"
