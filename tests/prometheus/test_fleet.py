"""A fleet made of series, and the one line for each thing that can go wrong on the way to them."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from runwatch.core.batch import NODE
from runwatch.core.errors import EngineError
from runwatch.prometheus import api, fleet
from runwatch.prometheus.api import Api, Series

from ..daemon.live import Place


def series(name: str, value: float, **labels: str) -> Series:
    return Series({"__name__": f"runwatch_{name}", **labels}, (1000.0, str(value)))


def node(
    host: str,
    run: str = "r",
    *,
    step: float = 100,
    job: str = "",
    clock: float = 1000.0,
    seconds: float = 1.0,
):
    own = {"host": host, "run": run}
    yield series("run_phase", 1, **own, phase="training")
    yield series("run_info", 1, **own, job_id=job)
    yield series("time_seconds", clock, host=host)
    yield series("run_last_line_timestamp_seconds", clock - 5, **own)
    yield series("run_step", step, **own)
    yield series("train_loss", 0.5, **own)
    yield series("ranks_step", step, **own, stat="min")
    yield series("ranks_step", step, **own, stat="max")
    yield series("ranks_step_seconds", seconds, **own, stat="median")
    for rank in range(4):
        yield series("rank_step", step, **own, rank=str(rank))
        yield series("rank_step_seconds", seconds, **own, rank=str(rank))
        yield series("rank_seen_timestamp_seconds", clock - 1, **own, rank=str(rank))


def test_nodes_of_one_job_are_one_run():
    found = [each for number in range(4) for each in node(f"n{number}", job="7")]
    found += [*node("n9", "other"), *node("n8", "other")]
    runs = fleet.runs(fleet.members(found))
    assert [(run.row.name, run.row.host) for run in runs] == [
        ("other", "n8"),
        ("other", "n9"),
        ("r", "4 nodes"),
    ]


def test_a_slow_node_and_one_behind_are_named():
    found = [
        each
        for n in range(4)
        for each in node(f"n{n}", job="7", seconds=2.0 if n == 2 else 1.0, step=50 if n == 3 else 100)
    ]
    (run,) = fleet.runs(fleet.members(found))
    assert [row.title for row in run.incidents] == [
        "n2 takes 2.0 times as long per step as its peers",
        "a rank on n3 is 50 steps behind the first one",
    ]
    assert (run.row.warning, run.row.worst) == (2, "n2 takes 2.0 times as long per step as its peers")
    assert run.row.progress.step == 100


def test_a_slow_and_a_silent_rank_are_named_with_their_node():
    found = [each for n in range(2) for each in node(f"n{n}", job="7")]
    changed = {("n0", "2"): ("rank_step_seconds", 3.0), ("n1", "1"): ("rank_seen_timestamp_seconds", 700.0)}
    found += [
        series(name, value, host=host, run="r", rank=rank) for (host, rank), (name, value) in changed.items()
    ]
    (run,) = fleet.runs(fleet.members(found))
    rows, odd = fleet.ranks(run, found)
    assert len(rows) == 8
    assert rows[0].rank == NODE
    assert [row.title for row in odd] == [
        "rank 2 on n0 takes 3.0 times as long per step as the median of the ranks",
        "rank 1 on n1 has been silent for 300 s",
    ]


def test_a_wrong_clock_changes_no_age():
    (run,) = fleet.runs(fleet.members(node("n", clock=1e9)))
    assert run.row.age == 5
    assert fleet.ranks(run, node("n", clock=1e9))[0][0].age == 1


def test_hostile_labels_are_matched_as_they_are():
    query = fleet.selector(("a",), {"run": ['x"}) or vector(1)\\', "a.b|c"]})
    assert query == r'{__name__=~"a",run=~"x\"\\}\\) or vector\\(1\\)\\\\|a\\.b\\|c"}'


def test_curves_are_over_steps():
    times = [(float(t), str(t * 10)) for t in range(5)]
    values = [(float(t), "NaN" if t == 3 else "1.5") for t in range(1, 5)]
    curve = fleet.columns("train/loss", [Series({}, values=times)], [Series({}, values=values)], 10, 30)
    assert curve.x == (10, 20, 30)
    assert curve.mean == (1.5, 1.5, None)
    assert curve.nonfinite == (0, 0, 1)


class Server:
    """Answers every question alike."""

    def __init__(self, status: int, body: bytes) -> None:
        self.asked = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.asked.append(
                    (self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])))
                )
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, b"", " answered 401: check the token"),
        (403, b"<html>", " answered 403: the token may not read there"),
        (404, b"", " answered 404: check the address and its path"),
        (302, b"", " answered 302"),
        (
            422,
            b'{"status":"error","error":"too many samples s3cret"}',
            " answered 422: too many samples",
        ),
        (503, b"", " answered 503"),
        (200, b"<html>", " does not answer as Prometheus does: check the address and its path"),
        (
            200,
            b'{"data": []}',
            " does not answer as Prometheus does: check the address and its path",
        ),
    ],
)
def test_what_is_wrong_with_a_server_is_one_line(status, body, says, tmp_path, monkeypatch):
    place, server = Place(tmp_path), Server(status, body)
    place.environ["RUNWATCH_PROMETHEUS_TOKEN"] = "s3cret"
    try:
        done = place.run("fleet", "--prometheus", server.url, "--once")
    finally:
        server.close()
    assert done.returncode == 3
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert "s3cret" not in done.stderr
    assert server.asked[0][1]["Authorization"] == "Bearer s3cret"


def test_hostile_labels_reach_no_terminal(tmp_path):
    evil = "\x9b31m\u202eevil\x1b]0;x\x07\nforged"
    found = [
        {"metric": {**each.metric, "instance": f"i{evil}"}, "value": each.value}
        for each in node(f"h{evil}", f"r{evil}", job=f"7{evil}")
    ]
    server = Server(200, json.dumps({"status": "success", "data": {"result": found}}).encode())
    try:
        done = [
            Place(tmp_path).run("fleet", "--prometheus", server.url, "--once", *more)
            for more in ([], ["--json"])
        ]
    finally:
        server.close()
    for each in done:
        assert each.returncode == 0
        assert "evil" in each.stdout
        said = each.stdout + each.stderr
        assert "no answer from the daemon on i" in said
        assert all(line.isprintable() for line in said.splitlines())
    assert not [line for line in done[0].stdout.splitlines() if line.startswith("forged")]


def test_an_answer_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr(api, "MAX_BYTES", 1 << 20)
    server = Server(200, b'{"status": "' + b"x" * (2 << 20))
    try:
        with pytest.raises(EngineError, match="more than 1 MiB: narrow it with --match"):
            Api(server.url).query("up")
    finally:
        server.close()


@pytest.mark.parametrize("status", [401, 422, 200])
def test_a_password_in_the_address_is_sent_and_never_printed(status, tmp_path):
    said = json.dumps({"status": "error", "error": "no: me:s3cr%26et me:s3cr&et bWU6czNjciZldA== of Basic"})
    server = Server(status, said.encode() if status != 200 else b"<html>")
    url = server.url.replace("http://", "http://me:s3cr%26et@")
    try:
        done = Place(tmp_path).run("fleet", "--prometheus", url, "--once")
    finally:
        server.close()
    assert server.asked[0][1]["Authorization"] == "Basic bWU6czNjciZldA=="
    assert "@" not in server.asked[0][1]["Host"]
    assert done.returncode == 3
    assert done.stderr.startswith(f"runwatch: {server.url.removeprefix('http://')} ")
    assert not [secret for secret in ("s3cr", "bWU6") if secret in done.stdout + done.stderr]


def test_an_empty_server_is_said_to_be_empty(tmp_path):
    server = Server(
        200, json.dumps({"status": "success", "data": {"resultType": "vector", "result": []}}).encode()
    )
    try:
        done = Place(tmp_path).run("fleet", "--prometheus", server.url, "--once", "--tenant", "ml")
    finally:
        server.close()
    assert done.returncode == 0
    assert "no run is known there" in done.stdout
    assert {name.lower(): value for name, value in server.asked[0][1].items()}["x-scope-orgid"] == "ml"


@pytest.mark.parametrize(
    "url",
    ["prometheus:9090", "http://", "ftp://x", "http://a b", "http://user:pa ss@x", "http://me:s3cret@x:pw"],
)
def test_a_bad_address_is_refused_without_repeating_it(url, tmp_path):
    done = Place(tmp_path).run("fleet", "--prometheus", url, "--once")
    assert (done.returncode, done.stderr) == (
        2, "runwatch: not a web address: --prometheus: write http://HOST:9090\n",
    )  # fmt: skip


def test_a_server_that_is_down_is_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = Place(tmp_path).run("fleet", "--prometheus", f"http://me:s3cret@127.0.0.1:{port}", "--once")
    said = (
        f"runwatch: cannot reach 127.0.0.1:{port}: Connection refused: check that it runs, and --prometheus\n"
    )
    assert (done.returncode, done.stderr) == (3, said)


@pytest.mark.parametrize(
    "bad", [["--match", "x"], ["--match", 'a="}'], ["--job", 'x"'], ["--token-file", "/nowhere"]]
)
def test_bad_options_are_one_line(bad, tmp_path):
    done = Place(tmp_path).run("fleet", "--prometheus", "http://127.0.0.1:1", "--once", *bad)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
