"""Files in a thread: pictures of metrics, and the reports of runs.

Slack takes a file in three calls: an address for it is asked for, the bytes are posted there, and the upload
is completed, which shows it. Only the last one can be seen, so only it must not happen twice.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from pathlib import Path

from runwatch.alerts.channels.http import post
from runwatch.alerts.channels.slack.api import Call, Failed, Thread
from runwatch.alerts.routing.notification import Memory, Notification, Outcome, Rejected, Sent, Unsure
from runwatch.core import text

MOST = 32 << 20
"""Bytes of a file at most."""
_TRIED = "given up"
_SHARES = ("channels", "groups", "ims")


def upload(
    call: Call,
    name: str,
    body: bytes,
    title: str,
    thread: Thread,
    timeout: float,
    known: Callable[[str], object] = lambda file: None,
) -> None:
    """Put a file into a thread; `known` gets Slack's id of it before it can be seen. Raises Failed."""
    asked = {"filename": name, "length": len(body)}
    given = call("files.getUploadURLExternal", asked, form=True)
    try:
        place, file = str(given["upload_url"]), str(given["file_id"])
    except KeyError:
        raise Failed(Rejected("Slack named no place for the file")) from None
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    taken = post("Slack", place, body, timeout, {"Content-Type": kind})
    if not isinstance(taken, Sent):
        raise Failed(taken)
    known(file)
    shown = {"files": [{"id": file, "title": title}], "channel_id": thread.channel, "thread_ts": thread.ts}
    call("files.completeUploadExternal", shown)


def attach(
    call: Call, notification: Notification, thread: Thread, memory: Memory, identity: str, timeout: float
) -> Outcome:
    """Upload the report of a run into a thread, at most once; if that fails, one line there says why.

    Alerts must not wait for a file, so a failed upload is not tried again.
    """
    key = f"file {notification.id}"
    before = memory.recall(identity, key)
    if before and notification.may_repeat and (before == _TRIED or _shared(call, before) is not False):
        return Sent()
    path = Path(notification.attachment)
    file: list[str] = []

    def known(name: str) -> None:
        file.append(name)
        memory.note(identity, key, name)

    try:
        with path.open("rb") as opened:
            body = opened.read(MOST + 1)
        if len(body) > MOST:
            raise Failed(Rejected("it is too large"))
        upload(call, path.name, body, notification.incident.title, thread, timeout, known)
        return Sent()
    except OSError as error:
        why = error.strerror or type(error).__name__
    except Failed as failed:
        if isinstance(failed.outcome, Unsure) and file and _shared(call, file[0]):
            return Sent()
        why = _reason(failed)
    memory.note(identity, key, _TRIED)
    where = notification.lines[0] if notification.lines else f"Report: {path}"
    line = text.slack(text.plain(f"{where} (not uploaded: {why})", 300), 400)
    answer = {"channel": thread.channel, "thread_ts": thread.ts, "text": line, "mrkdwn": False}
    try:
        call("chat.postMessage", answer)
    except Failed as failed:
        return failed.outcome
    return Sent()


def _shared(call: Call, file: str) -> bool | None:
    """Return whether a file can be seen in a channel; None if that cannot be found out."""
    try:
        found = call("files.info", {"file": file}, form=True).get("file", {})
    except Failed as failed:
        return False if failed.code == "file_not_found" else None
    return bool(found.get("shares")) or any(found.get(name) for name in _SHARES)


def _reason(failed: Failed) -> str:
    """Return why an upload failed, in words."""
    known = {
        "missing_scope": "the app needs files:write",
        "file_uploads_disabled": "the workspace allows no uploads",
        "file_upload_size_restricted": "the workspace allows no file of this size",
        "file_type_not_allowed": "the workspace allows no files of this type",
        "storage_limit_reached": "the workspace has no space left",
    }
    outcome = failed.outcome
    return known.get(failed.code) or ("" if isinstance(outcome, Sent) else outcome.reason)
