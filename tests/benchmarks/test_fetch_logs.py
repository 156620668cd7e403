"""Public logs are fetched once, by their commit, and only if they are those that were labeled."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import fetch_logs

LOG = b"step 1 loss 3.5\n"


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """A server of files; the paths that it was asked for."""
    paths: list[str] = []
    root = tmp_path / "server"
    (root / "me" / "model" / "c0ffee").mkdir(parents=True)
    (root / "me" / "model" / "c0ffee" / "train 1.log").write_bytes(LOG)

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(root))

        def log_message(self, *_):
            paths.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(fetch_logs, "SERVER", f"http://127.0.0.1:{server.server_port}")
    yield paths
    server.shutdown()
    server.server_close()


def row(**fields):
    source = "github:me/model@c0ffee:train 1.log"
    return {"path": "a/b.log", "sha256": hashlib.sha256(LOG).hexdigest(), "source": source, **fields}


def test_once(tmp_path, asked):
    assert fetch_logs.fetch(row(), tmp_path / "logs") == ""
    assert (tmp_path / "logs" / "a" / "b.log").read_bytes() == LOG
    assert fetch_logs.fetch(row(), tmp_path / "logs") == ""
    assert asked == ["/me/model/c0ffee/train%201.log"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sha256": "0" * 64}, "not the file that was labeled"),
        ({"source": "github:me/model@c0ffee:gone.log"}, "404"),
        ({"source": "somewhere"}, "no source"),
        ({"path": "../b.log"}, "leads out"),
    ],
)
def test_what_is_left_out(tmp_path, asked, fields, said):
    assert said in fetch_logs.fetch(row(**fields), tmp_path / "logs")
    assert not (tmp_path / "logs").exists()
    assert not (tmp_path / "b.log").exists()


def test_the_command(tmp_path, asked, monkeypatch, capsys):
    index = tmp_path / "index.jsonl"
    rows = row(), row(path="c.log", sha256="0" * 64), {"source": "github:me/model@c0ffee:train 1.log"}
    index.write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.setattr("sys.argv", ["fetch_logs", str(index), str(tmp_path / "logs")])
    assert fetch_logs.main() == 1
    said = capsys.readouterr()
    assert said.out == f"1 of 3 logs are in {tmp_path / 'logs'}\n"
    assert said.err.splitlines() == [
        "c.log: not the file that was labeled, left out",
        "log 3: the index does not say its path and sha256, left out",
    ]
