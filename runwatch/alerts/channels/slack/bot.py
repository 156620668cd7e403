"""Slack, by an app's bot token: one thread per incident, updated and resolved in place, with a picture.

Needs the scope chat:write; with files:write a picture of the metric is attached, with
channels:history a message whose answer was lost is looked for before it is sent again. Reports of
runs (`files.py`) need files:write and files:read.
"""

from __future__ import annotations

import contextlib
import json
from email.message import Message
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode

import msgspec

from runwatch.alerts.channels.http import exchange, plainly, seconds
from runwatch.alerts.channels.slack import webhook as slack
from runwatch.alerts.channels.slack.api import Failed, Thread
from runwatch.alerts.channels.slack.files import attach, upload
from runwatch.alerts.delivery.message import compose
from runwatch.alerts.routing.notification import (
    Memory,
    Notification,
    Outcome,
    Recent,
    Rejected,
    Retry,
    Sent,
    Unsure,
    digest,
)
from runwatch.core.decoding import UNDECODABLE
from runwatch.core.findings import Severity
from runwatch.core.redaction import quoted

API = "https://slack.com/api/"
MOST_READ = 4 << 20
"""Most bytes read of an answer: a page of messages is the longest."""
LOOK_BACK = 120.0
"""Seconds before a message's time from which on it is looked for."""
_TROUBLE = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
_LIKELY = {
    "invalid_auth": "check the token",
    "not_authed": "there is no token",
    "account_inactive": "the user of the token no longer exists",
    "token_revoked": "the token was revoked",
    "missing_scope": "the app needs chat:write",
    "channel_not_found": "check the channel, and that the app is in it",
    "not_in_channel": "invite the app to the channel",
    "is_archived": "the channel is archived",
}
_GONE = {
    "message_not_found", "thread_not_found", "cant_update_message", "edit_window_closed",
    "channel_not_found", "is_inactive", "cannot_reply_to_message",
}  # fmt: skip


class SlackBotChannel:
    """Posts as an app to one channel."""

    def __init__(
        self,
        token: str,
        channel: str,
        *,
        name: str = "slack",
        api: str = API,
        timeout: float = 10.0,
        memory: Memory | None = None,
    ) -> None:
        """Set up, without touching the network. `timeout` is in seconds."""
        self._token, self._channel, self._api = token, channel, api.rstrip("/") + "/"
        self.name, self._timeout = name, timeout
        self._memory: Memory = Recent() if memory is None else memory

    def __repr__(self) -> str:
        return f"SlackBotChannel({self._channel!r})"

    @property
    def identity(self) -> str:
        """Return the name and a digest of workspace token and channel."""
        return f"{self.name}#{digest(f'{self._token} {self._channel}')}"

    def send(self, notification: Notification) -> Outcome:
        """Post, or rewrite and answer what was posted of the same incident."""
        try:
            if notification.attachment:
                return self._report(notification)
            thread = self._thread(notification.thread(notification.incident.id))
            if thread is not None:
                try:
                    self._follow(notification, thread)
                    return Sent()
                except Failed as failed:
                    if failed.code not in _GONE:  # somebody deleted it: begin again
                        raise
            self._begin(notification)
            return Sent()
        except Failed as failed:
            return failed.outcome
        except Exception as error:  # in its own words it might repeat the token
            return Rejected(f"cannot post: {plainly(error)}")

    # -- inside ----------------------------------------------------------------------------------

    def _thread(self, key: str) -> Thread | None:
        said = self._memory.recall(self.identity, key)
        try:
            return msgspec.json.decode(said, type=Thread) if said else None
        except UNDECODABLE:
            return None

    def _report(self, notification: Notification) -> Outcome:
        """Upload the report of a run below what was posted about it, else below a message of its own."""
        keys = (*notification.below, notification.id)
        thread = next((found for found in map(self._thread, keys) if found is not None), None)
        if thread is None:
            thread = self._begin(notification)
        return attach(self._call, notification, thread, self._memory, self.identity, self._timeout)

    def _begin(self, notification: Notification) -> Thread:
        found = self._posted(notification) if notification.may_repeat else None
        if found is None:
            found = self._call(
                "chat.postMessage",
                {
                    "channel": self._channel,
                    **slack.message(notification),
                    "unfurl_links": False,
                    "unfurl_media": False,
                    "metadata": {"event_type": "runwatch", "event_payload": {"id": notification.id}},
                },
            )
        thread = Thread(str(found.get("channel", self._channel)), str(found["ts"]), not notification.more)
        said = msgspec.json.encode(thread).decode()
        if notification.change == "notice":
            self._memory.note(self.identity, notification.id, said)  # only a report goes below it
            return thread
        self._memory.note(self.identity, "channel", thread.channel)
        for row in (notification.incident, *notification.more):
            self._memory.note(self.identity, notification.thread(row.id), said)
        self._illustrate(notification, thread)
        return thread

    def _follow(self, notification: Notification, thread: Thread) -> None:
        """Rewrite the head of a thread, and say what is new below it: only that rings."""
        body = slack.message(notification)
        if thread.alone and not notification.more and notification.change != "notice":
            self._call("chat.update", {"channel": thread.channel, "ts": thread.ts, **body})
            body = {"text": body["text"]}
        urgent = notification.incident.severity == Severity.CRITICAL.value and notification.change == "firing"
        answer = {
            "channel": thread.channel,
            "thread_ts": thread.ts,
            "reply_broadcast": urgent,
            "mrkdwn": False,
            "unfurl_links": False,
            "unfurl_media": False,
        }
        self._call("chat.postMessage", {**answer, **body})

    def _posted(self, notification: Notification) -> dict[str, Any] | None:
        """Return the message if an earlier attempt arrived after all; None too if that cannot be seen."""
        channel = self._memory.recall(self.identity, "channel") or self._channel  # an id, not a name
        try:
            found = self._call(
                "conversations.history",
                {
                    "channel": channel,
                    "oldest": f"{notification.time - LOOK_BACK:.6f}",
                    "include_all_metadata": 1,
                    "limit": 100,
                },
                form=True,
            )
        except Failed:
            return None
        for message in found.get("messages", ()):
            payload = message.get("metadata", {}).get("event_payload", {})
            if payload.get("id") == notification.id:
                return {"ts": message["ts"], "channel": channel}
        return None

    def _illustrate(self, notification: Notification, thread: Thread) -> None:
        """Attach a plot to the message. If this fails, the message is sent without it."""
        from runwatch.alerts.delivery.plot import picture

        image = picture(notification)
        if image is None:
            return
        title = compose(notification).title
        with contextlib.suppress(Failed):
            upload(self._call, "metric.png", image, title, thread, self._timeout)

    def _call(self, method: str, body: dict[str, Any], *, form: bool = False) -> dict[str, Any]:
        """Call a method of the Web API. Raises Failed."""
        kind = "application/x-www-form-urlencoded" if form else "application/json;charset=utf-8"
        raw = (urlencode(body) if form else json.dumps(body)).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        try:
            answer = exchange(f"{self._api}{method}", raw, self._timeout, headers, MOST_READ)
        except URLError as error:  # urllib's word for: the request never left whole
            raise Failed(Retry(f"cannot reach Slack: {plainly(error.reason)}")) from None
        except (OSError, HTTPException) as error:  # later than that: it left, the answer was lost
            raise Failed(Unsure(f"no answer from Slack: {plainly(error)}")) from None
        data = _document(answer.body)
        if answer.status == 200 and data.get("ok") is True:
            return data
        raise self._judge(answer.status, str(data.get("error", "")), answer.headers)

    def _judge(self, status: int, code: str, headers: Message) -> Failed:
        """Return what an answer other than "ok" means."""
        said = quoted(code, (self._token,), 80)
        after = seconds(headers.get("Retry-After"))
        if status == 429 or code in ("ratelimited", "rate_limited"):
            return Failed(Retry("Slack asks to slow down", 30.0 if after is None else after), code)
        if status == 504:
            return Failed(Unsure("a gateway lost the answer: 504"), code)
        if status >= 500 or status == 408 or code in _TROUBLE:
            return Failed(Retry(f"Slack answered {status} {said}".rstrip(), after), code)
        if not code.replace("_", "").isalnum():  # not Slack's words
            other = f"something else answered {status} instead of Slack: check the address and any proxy"
            return Failed(Retry(other) if status == 200 else Rejected(other), code)
        likely = _LIKELY.get(code, "")
        return Failed(Rejected(f"Slack rejected: {said}{likely and ': '}{likely}"), code)


def _document(body: str) -> dict[str, Any]:
    """Return the object that an answer consists of; an empty one if it is something else."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
