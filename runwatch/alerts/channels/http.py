"""One POST and its outcome, shared by the channels that use HTTP.

Redirects are not followed: they would turn a POST into a GET, or carry a
secret elsewhere. No outcome repeats the address or a header.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from email.message import Message
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from runwatch import __version__
from runwatch.alerts.channels.deadline import within
from runwatch.alerts.routing.notification import Outcome, Rejected, Retry, Sent, Unsure
from runwatch.core import text
from runwatch.core.redaction import quoted

MOST_READ = 65536
"""Most bytes read of an answer."""
_ASKED = re.compile(r'"retry_after"\s*:\s*(\d{1,6}(?:\.\d{1,6})?)')
_PAGE = re.compile(r"\s*<(?:!doctype|html|head|body)", re.IGNORECASE)
_LIKELY = {
    401: "check the token or key",
    403: "the token or key may not post there",
    404: "check the address",
    410: "the address no longer exists",
}


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


opener = build_opener(_Stay)
"""Follows no redirect."""


class Answer(NamedTuple):
    """What a server answered, whatever its status."""

    status: int
    raw: bytes
    headers: Message

    @property
    def body(self) -> str:
        """The body as text."""
        return self.raw.decode("utf-8", "replace")


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows a token, if there is one."""
    return {"Authorization": f"Bearer {token}"} if token else {}


Understand = Callable[[str], Outcome]
"""From the body of a 2xx answer to what it means."""


def post_json(
    service: str,
    url: str,
    body: Any,
    timeout: float,
    headers: Mapping[str, str] | None = None,
    understand: Understand = lambda _: Sent(),
    *,
    secrets: tuple[str, ...] = (),
    pages: bool = False,
) -> Outcome:
    """POST a JSON document; `service` is the name of the other side.

    `secrets` are those in the document, which an answer may repeat; the address and headers are known.
    Unless it may answer with `pages`, a web page is no answer: one for signing in delivers nothing.
    """

    def judged(answer: Answer) -> Outcome:
        said = answer.body
        return Retry(page(service)) if _PAGE.match(said) and not pages else understand(said)

    raw = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    all_headers = {"Content-Type": "application/json", **(headers or {})}
    return post(service, url, raw, timeout, all_headers, judged, secrets)


def post(
    service: str,
    url: str,
    body: bytes,
    timeout: float,
    headers: Mapping[str, str],
    understand: Callable[[Answer], Outcome] = lambda _: Sent(),
    secrets: tuple[str, ...] = (),
) -> Outcome:
    """POST `body` once; `understand` says what a 2xx answer means. Does not raise.

    Takes at most about `timeout` seconds, or twice as long for a slow answer.
    """
    try:
        answer = exchange(url, body, timeout, headers)
        if 200 <= answer.status < 300:
            return understand(answer)
    except URLError as error:  # the request never left whole
        return Retry(f"cannot reach {host(url)}: {plainly(error.reason)}")
    except (OSError, HTTPException) as error:  # it left, the answer was lost
        return Unsure(f"no answer from {host(url)}: {plainly(error)}")
    except Exception as error:  # in its own words it might repeat the address
        return Rejected(f"cannot post: {plainly(error)}")
    sent = (url, headers.get("Authorization", ""), *secrets)
    return judge(service, answer.status, answer.body, answer.headers, sent)


def exchange(
    url: str, body: bytes, timeout: float, headers: Mapping[str, str], most: int = MOST_READ
) -> Answer:
    """POST `body` once; return the answer, whatever its status, with at most `most` bytes of its body.

    Takes at most about `timeout` seconds, or twice as long for a slow answer. Raises URLError if the request
    never left whole, OSError and HTTPException if its answer was lost, ValueError for an invalid address.
    """
    request = Request(url, body, {"User-Agent": f"runwatch/{__version__}", **headers}, method="POST")  # noqa: S310
    try:
        return within(2 * timeout, lambda: _ask(request, timeout, most))
    except HTTPError as error:
        with error:
            try:
                said = _read(error, time.monotonic() + timeout, most)
            except (OSError, HTTPException):
                said = b""
        return Answer(error.code, said, error.headers)


def _ask(request: Request, timeout: float, most: int) -> Answer:
    with opener.open(request, timeout=timeout) as answer:
        return Answer(answer.status, _read(answer, time.monotonic() + timeout, most), answer.headers)


def judge(
    service: str, status: int, body: str, headers: Message | Mapping[str, str], secrets: tuple[str, ...]
) -> Outcome:
    """Return what an answer other than 2xx means; `secrets` are those that were sent."""
    said = "" if _PAGE.match(body) else quoted(body, secrets, 80)
    what = ": ".join(filter(None, (f"{service} answered {status} {said}".rstrip(), _LIKELY.get(status, ""))))
    after = seconds(headers.get("Retry-After"))
    if after is None and (asked := _ASKED.search(body)):
        after = float(asked[1])
    if status == 429:
        return Retry(f"{service} asks to slow down", 30.0 if after is None else after)
    if status == 504:
        return Unsure(what)
    if status in (408, 425) or status >= 500:
        return Retry(what, after)
    return Rejected(what)


def _read(answer: Any, until: float, most: int) -> bytes:
    """Return the body as far as it comes in time (of time.monotonic): one that never ends is cut off."""
    read = b""
    while len(read) < most and time.monotonic() < until and (piece := answer.read1(most - len(read))):
        read += piece
    return read


def page(service: str) -> str:
    """Return what it means that a web page answered with 200."""
    return f"a web page answered instead of {service}: check for a sign-in page or proxy"


def seconds(header: str | None) -> float | None:
    """Return what a Retry-After header asks for, in seconds, if it is a plain number."""
    return float(header) if header and header.isascii() and header.isdigit() else None


def host(url: str) -> str:
    """Return the host of an address, without the secrets in it."""
    try:
        return urlsplit(url).hostname or "the address"
    except ValueError:
        return "the address"


def plainly(error: object) -> str:
    """Return the reason without the error's own text, which may contain the address."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, OSError) and error.strerror and error.errno:
        return text.plain(error.strerror, 80)
    return type(error).__name__
