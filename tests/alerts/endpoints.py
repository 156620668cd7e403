"""Real servers on this machine: HTTP that answers as told, and SMTP."""

from __future__ import annotations

import json
import socketserver
import threading
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANG = 20.0
"""Seconds for which an endpoint that hangs keeps a request."""
FAULT = 0
"""The status of an answer that is none; its body says what happens: "reset", "hang", or "lost" once accepted."""


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: Any
    status: int = 200
    """What it was answered; FAULT if it was accepted and its answer was lost."""


class HttpServer:
    """Answers each POST with the next (status, body, headers) of `script`, then with 200."""

    def __init__(self, *script: tuple[int, str, dict[str, str]]) -> None:
        self.script, self.got = deque(script), []
        self.closed = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                status, body, headers = endpoint.script.popleft() if endpoint.script else (200, "{}", {})
                if status or body == "lost":
                    endpoint.got.append(Request(self.path, dict(self.headers), json.loads(raw), status))
                if not status:
                    endpoint.closed.wait(HANG if body == "hang" else 0)
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def do_GET(self) -> None:  # where a redirect led
                endpoint.got.append(Request(self.path, dict(self.headers), None))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'{"ok": true}')

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> HttpServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class SmtpServer:
    """Takes mail as SMTP says; `answers` replaces the answer to a command, such as {"RCPT": "550 no"}."""

    def __init__(self, **answers: str) -> None:
        self.answers, self.verbs, self.mails, self.recipients = answers, [], [], []
        endpoint = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.say("220 ready")
                while line := self.rfile.readline():
                    verb = line.decode("utf-8", "replace").split()[0].upper().rstrip(":")
                    endpoint.verbs.append(verb)
                    if verb == "RCPT":
                        endpoint.recipients.append(line.decode().partition(":")[2].strip(" <>\r\n"))
                    if verb == "QUIT":
                        return self.say("221 bye")
                    if verb in endpoint.answers:
                        if not endpoint.answers[verb]:
                            return None  # hang up
                        self.say(endpoint.answers[verb])
                    elif verb == "DATA":
                        self.say("354 go on")
                        lines = []
                        while (line := self.rfile.readline()) not in (b".\r\n", b""):
                            lines.append(line)
                        if "BODY" in endpoint.answers and not endpoint.answers["BODY"]:
                            return None
                        endpoint.mails.append(b"".join(lines))
                        self.say(endpoint.answers.get("BODY", "250 taken"))
                    else:
                        self.say("250 ok")
                return None

            def say(self, text: str) -> None:
                self.wfile.write(text.encode() + b"\r\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # a client that expects TLS hangs up
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def __enter__(self) -> SmtpServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
