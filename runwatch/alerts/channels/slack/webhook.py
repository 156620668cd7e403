"""Slack, by incoming webhook.

Whatever a log line holds arrives as plain text: no mentions, links or markup.
The webhook's address is a secret and appears in no outcome, log or error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from http.client import HTTPException
from typing import Any
from urllib.error import URLError

from runwatch.alerts.channels.http import exchange, host, page, plainly, seconds
from runwatch.alerts.delivery.message import compose
from runwatch.alerts.routing.notification import Notification, Outcome, Rejected, Retry, Sent, Unsure, digest
from runwatch.core import text
from runwatch.core.redaction import quoted

HEADER, FACT, PROSE, OTHER, EVIDENCE, SUMMARY, OWN = 150, 100, 700, 120, 500, 400, 140
"""Longest text of each part, in characters as sent: together below 5,000, far from all of Slack's limits.

A section takes 3,000: twenty lines of the user's own.
"""

_PERMANENT = {
    400: "Slack could not read the message",
    401: "the webhook may not post here",
    403: "the webhook may not post here",
    404: "the webhook does not exist",
    410: "the channel is archived or gone",
}


class SlackChannel:
    """Posts to one incoming webhook."""

    def __init__(self, webhook: str, *, name: str = "slack", timeout: float = 10.0) -> None:
        """Set up, without touching the network. `timeout` is in seconds."""
        self._webhook, self.name, self.timeout = webhook, name, timeout

    def __repr__(self) -> str:
        return f"SlackChannel({host(self._webhook)!r})"

    @property
    def identity(self) -> str:
        """Return the name and a digest of the address."""
        return f"{self.name}#{digest(self._webhook)}"

    def send(self, notification: Notification) -> Outcome:
        """Post it once; takes at most about `timeout` seconds, twice as long if the answer drips."""
        payload = {**message(notification), "unfurl_links": False, "unfurl_media": False}
        headers = {"Content-Type": "application/json;charset=utf-8"}
        try:
            answer = exchange(self._webhook, json.dumps(payload).encode(), self.timeout, headers)
        except URLError as error:  # urllib's word for: the request never left whole
            return Retry(f"cannot reach {host(self._webhook)}: {plainly(error.reason)}")
        except (OSError, HTTPException) as error:  # later than that: it left, the answer was lost
            return Unsure(f"no answer from {host(self._webhook)}: {plainly(error)}")
        except Exception as error:  # in its own words it might repeat the address
            return Rejected(f"cannot post: {plainly(error)}")
        return self._judge(answer.status, answer.body, answer.headers)

    def _judge(self, status: int, body: str, headers: Any) -> Outcome:
        if status == 200 and not body.lstrip().startswith("<"):
            return Sent()
        said = quoted(body, (self._webhook,), 80)
        if status == 200:
            return Retry(page("Slack"))
        said = "" if said.lstrip().startswith("<") else said
        after = seconds(headers.get("Retry-After"))
        if status == 429:
            return Retry("Slack asks to slow down", 30.0 if after is None else after)
        if status == 504:
            return Unsure(f"a gateway lost the answer: {status} {said}".rstrip())
        if status == 408 or status >= 500:
            return Retry(f"Slack answered {status} {said}".rstrip(), after)
        why = _PERMANENT.get(status, "unexpected answer")
        return Rejected(f"{why}: {status} {said}".rstrip())


def message(notification: Notification) -> dict[str, Any]:
    """Return the payload: `text` for the phone's notification, `blocks` for the channel."""
    composed = compose(notification, repeats="Slack")
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(_escaped(composed.headline, HEADER))},
        _section(composed.facts, FACT if notification.wording is None else OWN),
    ]
    blocks += [_section([said], PROSE) for said in composed.prose()]
    if composed.others:
        blocks.append(_section(composed.others, OTHER))
    footnotes = " · ".join(filter(None, (composed.numbers, *composed.notes)))
    if footnotes:
        blocks.append({"type": "context", "elements": [_plain(_fit(footnotes, EVIDENCE))]})
    return {"text": _fit(composed.subject, SUMMARY), "blocks": blocks}


def _section(lines: Iterable[str], limit: int) -> dict[str, Any]:
    """Return a block of lines, each of at most `limit` characters."""
    content = "\n".join(_fit(line, limit) for line in lines)
    return {"type": "section", "text": _plain(content)}


def _plain(content: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": content, "emoji": False}


def _fit(content: str, limit: int) -> str:
    """Return one line, escaped and at most `limit` characters long after that."""
    return _escaped(partial(text.plain, content), limit)


def _escaped(cut: Callable[[int], str], limit: int) -> str:
    """Return what `cut` leaves of a line, escaped and at most `limit` characters long after that."""
    keep = limit
    while len(escaped := text.slack(cut(keep), keep)) > limit:
        keep -= max(1, (len(escaped) - limit) // 5)
    return escaped
