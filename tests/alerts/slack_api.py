"""Slack's Web API on this machine, as far as the bot uses it: messages, threads, history, files."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from .slack_server import invalid

TOKEN = "xoxb-1-hushhush"


class SlackApi:
    """Keeps one channel. `script` holds answers to come, such as "ok", "429 3", "500", "reset", "error CODE"."""

    def __init__(self, *script: str) -> None:
        self.script = deque(script)
        self.messages: list[dict[str, Any]] = []
        """What stands in the channel, replies too, oldest first."""
        self.files: list[dict[str, Any]] = []
        self.uploads: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.history = True
        """Whether the app may read history."""
        self.scopes = {"chat:write", "files:write", "files:read"}
        self.sizes: dict[str, int] = {}
        """File id -> the size that was announced."""
        self.at: dict[str, Any] = {}
        """Method -> what is called before it is done, and after: to end the caller in between."""
        self._lock = threading.Lock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                answer = api.answer(self.path, raw, self.headers)
                if answer is None:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.close_connection = True
                    return
                status, body, headers = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/api/"

    def __enter__(self) -> SlackApi:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, raw: bytes, headers: Any) -> tuple[int, bytes, dict[str, str]] | None:
        with self._lock:
            if path.startswith("/upload/"):
                file = f"F{path.removeprefix('/upload/')}"
                if len(raw) != self.sizes.get(file):
                    return 400, b"length mismatch", {}
                self.uploads[path] = raw
                return 200, f"OK - {len(raw)}".encode(), {}
            method = path.removeprefix("/api/")
            self.calls.append(method)
            if headers["Content-Type"].startswith("application/json"):
                body = json.loads(raw)
            else:
                body = {key: values[0] for key, values in parse_qs(raw.decode()).items()}
            word, _, rest = (self.script.popleft() if self.script else "ok").partition(" ")
            if word == "429":
                return 429, b'{"ok":false,"error":"ratelimited"}', {"Retry-After": rest}
            if word == "500":
                return 500, b"oops", {}
            if word == "html":
                return 200, b"<html>sign in</html>", {}
            if word == "error":
                return 200, json.dumps({"ok": False, "error": rest}).encode(), {}
            if headers["Authorization"] != f"Bearer {TOKEN}":
                said = {"ok": False, "error": "invalid_auth"}
            else:
                before, after = self.at.pop(method, (None, None))
                if before is not None:
                    before()
                said = self._do(method, body)
                if after is not None:
                    after()
            return None if word == "reset" else (200, json.dumps(said).encode(), {})

    def _do(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        if method == "chat.postMessage":
            if fault := invalid({"blocks": [], **body}):
                return {"ok": False, "error": fault}
            ts = f"{1000 + len(self.messages)}.000100"
            self.messages.append({**body, "ts": ts})
            return {"ok": True, "channel": "C1", "ts": ts}
        if method == "chat.update":
            for message in self.messages:
                if message["ts"] == body["ts"] and body["channel"] == "C1":
                    message.update(body)
                    return {"ok": True, "ts": body["ts"]}
            return {"ok": False, "error": "message_not_found"}
        if method == "conversations.history":
            if body["channel"] != "C1":
                return {"ok": False, "error": "channel_not_found"}
            if not self.history:
                return {"ok": False, "error": "missing_scope"}
            return {"ok": True, "messages": [m for m in reversed(self.messages) if "thread_ts" not in m]}
        if method.startswith("files."):
            needed = "files:read" if method == "files.info" else "files:write"
            if needed not in self.scopes:
                provided = ",".join(sorted(self.scopes))
                return {"ok": False, "error": "missing_scope", "needed": needed, "provided": provided}
            return self._file(method, body)
        return {"ok": False, "error": "unknown_method"}

    def _file(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        if method == "files.getUploadURLExternal":
            if not body.get("filename") or not str(body.get("length", "")).isdigit() or body["length"] == "0":
                return {"ok": False, "error": "invalid_arguments"}
            number = len(self.sizes) + 1
            self.sizes[f"F{number}"] = int(body["length"])
            return {
                "ok": True,
                "upload_url": self.url.replace("/api/", f"/upload/{number}"),
                "file_id": f"F{number}",
            }
        if method == "files.info":
            shared = [file for file in self.files if file["files"][0]["id"] == body["file"]]
            if not shared:
                return {"ok": False, "error": "file_not_found"}
            return {"ok": True, "file": {"id": body["file"], "channels": [shared[0]["channel_id"]]}}
        if method == "files.completeUploadExternal":
            if body["channel_id"] != "C1":  # it takes ids only, no names
                return {"ok": False, "error": "channel_not_found"}
            heads = {message["ts"] for message in self.messages if "thread_ts" not in message}
            if body["thread_ts"] not in heads:
                return {"ok": False, "error": "invalid_arguments"}
            if f"/upload/{body['files'][0]['id'][1:]}" not in self.uploads:
                return {"ok": False, "error": "file_not_found"}
            self.files.append(body)
            return {"ok": True, "files": body["files"]}
        return {"ok": False, "error": "unknown_method"}
