"""A webhook endpoint on this machine that behaves as Slack's does, well and badly."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATH = "/services/T000/B000/hushhush"

LIMITS = {"header": 150, "section": 3000, "context": 3000}
MOST_BLOCKS, MOST_TEXT, MOST_IN_BLOCKS = 50, 40_000, 13_200


class SlackServer:
    """Answers each POST as `script` says, in order, and as Slack would when it is empty.

    A word of the script is one of: "ok", "429 SECONDS", "500", "404", "403",
    "410", "html", "hang" (no answer, and a reset once `release` is set) or
    "reset" (reads all, then resets the connection).
    """

    def __init__(self, *script: str) -> None:
        self.script = deque(script)
        self.posts: list[dict[str, Any]] = []
        """Payloads that came in whole, whatever was answered."""
        self.times: list[float] = []
        """Monotonic time of each."""
        self.shown: list[dict[str, Any]] = []
        """Payloads that people would see in the channel."""
        self.release = threading.Event()
        self._arrived = threading.Condition()
        self._server = _Quiet(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The webhook's address."""
        host, port = self._server.server_address[:2]
        return f"http://{host}:{port}{PATH}"

    def __enter__(self) -> SlackServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self, posts: int = 0, shown: int = 0, seconds: float = 120.0) -> None:
        """Return once so many have come in and are shown; fail after `seconds`."""
        with self._arrived:
            done = self._arrived.wait_for(
                lambda: len(self.posts) >= posts and len(self.shown) >= shown, seconds
            )
        assert done, f"{len(self.posts)} posts and {len(self.shown)} shown after {seconds} s"

    def titles(self) -> list[str]:
        """Headers of the shown messages, in order."""
        return [post["blocks"][0]["text"]["text"] for post in self.shown]

    def answer(self, raw: bytes) -> tuple[int, str, dict[str, str]] | None:
        """Note a payload and return (status, body, headers); None resets the connection."""
        payload = json.loads(raw)
        with self._arrived:
            self.posts.append(payload)
            self.times.append(time.monotonic())
            word, _, rest = (self.script.popleft() if self.script else "ok").partition(" ")
            fault = invalid(payload)
            lands = word in {"ok", "reset", "hang"} and not fault
            if lands:
                self.shown.append(payload)
            self._arrived.notify_all()
        if word == "hang":
            self.release.wait()
        if word in {"reset", "hang"}:
            return None
        if fault:
            return 400, fault, {}
        return {
            "429": (429, "rate_limited", {"Retry-After": rest}),
            "500": (500, "server_error", {}),
            "403": (403, "action_prohibited", {}),
            "404": (404, "no_service", {}),
            "410": (410, "channel_is_archived", {}),
            "html": (200, "<html>Please sign in</html>", {}),
        }.get(word, (200, "ok", {}))

    def _handler(slack) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                answer = slack.answer(raw) if self.path == PATH else (404, "no_service", {})
                if answer is None:
                    # Closing with a linger of zero sends RST instead of FIN.
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.close_connection = True
                    return
                status, body, headers = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        return Handler


class _Quiet(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for every handler
    block_on_close = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that went away are part of the game

    def shutdown_request(self, request: Any) -> None:
        with contextlib.suppress(OSError):  # no FIN before a reset
            self.close_request(request)


def invalid(payload: dict[str, Any]) -> str:
    """Return Slack's word for what is wrong with a payload; empty if nothing is."""
    if not payload.get("text") and not payload.get("blocks"):
        return "no_text"
    if len(payload.get("text", "")) > MOST_TEXT:
        return "msg_too_long"
    blocks = payload.get("blocks", [])
    if len(blocks) > MOST_BLOCKS or not all(_valid(block) for block in blocks):
        return "invalid_blocks"
    if len(json.dumps(blocks, ensure_ascii=False)) > MOST_IN_BLOCKS:
        return "msg_blocks_too_long"
    return ""


def _valid(block: dict[str, Any]) -> bool:
    kind = block.get("type")
    if kind not in LIMITS:
        return False
    texts = block.get("elements", []) if kind == "context" else [block.get("text")]
    return 1 <= len(texts) <= 10 and all(
        isinstance(part, dict)
        and part.get("type") in ({"plain_text"} if kind == "header" else {"plain_text", "mrkdwn"})
        and 0 < len(part.get("text", "")) <= LIMITS[kind]
        for part in texts
    )
