"""A stand-in for W&B's server on loopback: as much of its API as reading a run asks for."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_NAME = re.compile(r"(?:query|mutation)\s+(\w+)")


class Server:
    """Serves one run, whose state and rows a test may change at any time."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.state = "running"
        self.config: dict[str, Any] = {"lr": 0.1}
        self.system: dict[str, Any] = {}
        self.refusals: list[tuple[int, dict[str, str]]] = []
        """Status and headers of the next answers, before any is served."""
        self.asked: list[str] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path != "/graphql":
                    self._answer(404, b"")
                    return
                asked = json.loads(body)
                name = _NAME.search(asked["query"])
                operation = name[1] if name else ""
                server.asked.append(operation)
                if server.refusals and operation not in ("Viewer", "GetDefaultEntity"):
                    status, headers = server.refusals.pop(0)
                    self._answer(status, b"{}", headers)
                    return
                data = server._data(operation, asked.get("variables") or {}, asked["query"])
                self._answer(200, json.dumps({"data": data}).encode())

            def do_GET(self) -> None:
                self._answer(404, b"")

            def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for key, value in {"Content-Type": "application/json", **(headers or {})}.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        return Handler

    def _data(self, operation: str, variables: dict[str, Any], query: str) -> dict[str, Any]:
        person = {
            "id": "u",
            "entity": "team",
            "username": "me",
            "email": "",
            "flags": "{}",
            "teams": {"edges": []},
        }
        if operation in ("Viewer", "GetDefaultEntity"):
            return {"viewer": person}
        if operation == "RunHistoryKeys":
            return _run({"historyKeys": self._keys()})
        if operation == "RunParquetHistory":
            return _run({"parquetHistory": {"parquetUrls": [], "liveData": self.rows[:1]}})
        if operation == "HistoryPage":
            low, high = variables["minStep"], variables["maxStep"]
            rows = [row for row in list(self.rows) if low <= row["_step"] < high]
            return _run({"history": [json.dumps(row) for row in rows[: variables.get("pageSize") or None]]})
        if operation == "Run":
            return _run(
                {
                    "id": "r",
                    "projectId": "1",
                    "internalId": "r",
                    "tags": [],
                    "name": "abc",
                    "displayName": "named",
                    "sweepName": None,
                    "state": self.state,
                    "config": json.dumps({k: {"value": v} for k, v in self.config.items()}),
                    "group": "",
                    "jobType": "",
                    "commit": None,
                    "readOnly": False,
                    "createdAt": "2026-01-01T00:00:00",
                    "heartbeatAt": "2026-01-01T00:00:30",
                    "description": "",
                    "notes": "",
                    "systemMetrics": json.dumps(self.system),
                    "summaryMetrics": "{}",
                    "historyLineCount": len(self.rows),
                    "user": {"name": "me", "username": "me"},
                    "historyKeys": self._keys(),
                    "sampledParquetHistory": None,
                }
            )
        print("not known to the stand-in:", operation, variables, query)
        return {}

    def _keys(self) -> dict[str, Any]:
        return {"lastStep": self.rows[-1]["_step"] if self.rows else -1, "keys": {}, "sets": []}


def _run(fields: dict[str, Any]) -> dict[str, Any]:
    return {"project": {"run": fields, "internalId": "p", "id": "p"}}
