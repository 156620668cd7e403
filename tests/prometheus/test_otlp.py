"""Metrics pushed to an OpenTelemetry collector: a real server that decodes them, refuses them, or hangs."""

from __future__ import annotations

import gzip
import queue
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from runwatch import __version__
from runwatch.core.snapshot import Progress, RankRow, RunRow
from runwatch.prometheus.otlp import MOST, Points
from runwatch.prometheus.table import DAEMON, GPU, RUN, ExportedRun, Kind, Own

from ..cli.live import Log
from ..daemon.live import WAIT, Daemon, Peer, Place, until


class Collector:
    """Answers as it is asked to, and keeps what it gets."""

    def __init__(self):
        self.pushes = queue.Queue()
        self.answers = []
        """(status, headers, body) of the next answers; then 200. None hangs."""
        self.free = threading.Event()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                found = ExportMetricsServiceRequest.FromString(gzip.decompress(body))
                collector.pushes.put((time.monotonic(), self.path, dict(self.headers), found))
                answer = collector.answers.pop(0) if collector.answers else (200, {})
                if answer is None:
                    collector.free.wait(WAIT)
                    return
                said = answer[2] if len(answer) > 2 else b""
                self.send_response(answer[0])
                for name, value in {**answer[1], "Content-Length": str(len(said))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def next(self):
        return self.pushes.get(timeout=WAIT)

    def until(self, name, value):
        """Return the first push in which a metric has this value."""
        while True:
            _, path, headers, found = self.next()
            if value in [point.as_double for point in points(found).get(name, [])]:
                return path, headers, found

    def close(self):
        self.free.set()
        self._server.shutdown()
        self._server.server_close()


def metrics(request):
    return [each for about in request.resource_metrics for s in about.scope_metrics for each in s.metrics]


def points(request):
    return {each.name: list(each.sum.data_points or each.gauge.data_points) for each in metrics(request)}


def words(attributes):
    return {each.key: each.value.string_value for each in attributes}


@pytest.fixture
def collector():
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path / "lm.log")
    log.steps(10)
    return log


def configure(path, url, more=""):
    (path / "runwatch.toml").write_text(
        f'[metrics]\notlp = "{url}"\notlp_interval = 1\nhost = "node1"\n{more}\n'
    )


def test_a_collector_gets_the_series_of_the_table_as_they_change(tmp_path, log, collector):
    configure(tmp_path, collector.url, 'otlp_token = "s3cret"\notlp_headers = "X-Scope-OrgID=a%20b,x=y"')
    with Daemon(tmp_path, log.path):
        collector.until("runwatch_run_step", 9)
        log.steps(5)
        path, headers, found = collector.until("runwatch_run_step", 14)
    assert path == "/v1/metrics"
    assert headers["Content-Type"] == "application/x-protobuf"
    sent = {name.lower(): text for name, text in headers.items()}
    assert (sent["authorization"], sent["x-scope-orgid"], sent["x"]) == ("Bearer s3cret", "a b", "y")
    (about,) = found.resource_metrics
    assert words(about.resource.attributes) == {
        "host.name": "node1", "service.name": "runwatch", "service.version": __version__,
    }  # fmt: skip
    by_name = {each.name: each for each in metrics(found)}
    known = {m.name if m.kind is Kind.COUNTER else m.sample: m for m in (*RUN, *GPU, *DAEMON)}
    assert by_name.keys() <= known.keys()
    assert {name: each.unit for name, each in by_name.items()} == {name: known[name].unit for name in by_name}
    assert by_name["runwatch_step_seconds"].unit == "s"
    (step,) = by_name["runwatch_run_step"].gauge.data_points
    assert words(step.attributes) == {"host": "node1", "run": "lm"}
    lines = by_name["runwatch_lines"].sum
    assert lines.is_monotonic
    (count,) = lines.data_points
    assert count.as_double == 15
    assert 0 < count.start_time_unix_nano < count.time_unix_nano


@pytest.mark.few(1)
@pytest.mark.parametrize("status", [429, 503])
def test_a_collector_that_refuses_is_one_notice_and_tried_when_it_says(status, tmp_path, log, collector):
    collector.answers = [(status, {"Retry-After": "2"}), (status, {"Retry-After": "0"})]
    configure(tmp_path, collector.url)
    with Daemon(tmp_path, log.path) as daemon, Peer(daemon.socket) as peer:
        first, second = collector.next()[0], collector.next()[0]
        assert second - first >= 1.9
        said = until(lambda: [text for text in peer.ask("health")["notices"] if "pushed" in text])
        assert len(said) == 1
        assert said[0].startswith("metrics are not pushed to 127.0.0.1: the collector ")
        log.steps(1)
        collector.until("runwatch_run_step", 10)
        again = ["metrics are pushed to 127.0.0.1 again"]
        until(lambda: [text for text in peer.ask("health")["notices"] if "pushed" in text] == again)


@pytest.mark.deep
def test_points_that_a_collector_refuses_are_one_notice_until_it_takes_all(tmp_path, log, collector):
    answer = ExportMetricsServiceResponse()
    answer.partial_success.rejected_data_points = 200
    answer.partial_success.error_message = "a limit of s3cret\x1b[31m series"
    collector.answers = [(200, {}, answer.SerializeToString())] * 2
    configure(tmp_path, collector.url, 'otlp_token = "s3cret"')
    with Daemon(tmp_path, log.path) as daemon, Peer(daemon.socket) as peer:
        said = until(lambda: [text for text in peer.ask("health")["notices"] if "collector" in text])
        head, _, words = said[0].partition(": ")
        assert head == "the collector at 127.0.0.1 does not take all metrics"
        assert words.startswith("200 points are refused: a limit of ")
        assert words.endswith(" series")
        assert "s3cret" not in words
        assert "\x1b" not in words
        again = ["metrics are pushed to 127.0.0.1 again"]
        until(lambda: [text for text in peer.ask("health")["notices"] if "pushed" in text] == again)


@pytest.mark.deep
def test_a_collector_that_hangs_or_is_away_keeps_nobody_waiting(tmp_path, log, collector):
    collector.answers = [None] * 100
    configure(tmp_path, collector.url)
    with Daemon(tmp_path, log.path) as daemon, Peer(daemon.socket) as peer:
        collector.next()
        log.steps(3)
        until(lambda: peer.step("lm") == 12)
        configure(tmp_path, "http://127.0.0.1:1")
        peer.ask("reload")
        until(lambda: [text for text in peer.ask("health")["notices"] if "cannot reach 127.0.0.1" in text])
        begun = time.monotonic()
    assert time.monotonic() - begun < 10, "the daemon waited for the collector at its end"


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "url", ["collector:4318", "ftp://x", "http://", "http://me:s3cret@x", "http://x:port", "http://x y"]
)
def test_a_bad_address_is_one_line_without_it(url, tmp_path, log):
    configure(tmp_path, url)
    place = Place(tmp_path)
    done = place.run("watch", log.path)
    what = 'not a web address without a login, such as "http://collector:4318"'
    assert (done.returncode, what in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr
    assert "runwatch.toml:2" in done.stderr
    assert "s3cret" not in done.stderr
    assert what in place.run("doctor").stdout


@pytest.mark.deep
def test_without_the_library_one_line_says_what_to_install(tmp_path, log, collector):
    hidden = tmp_path / "hidden" / "opentelemetry"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("")
    configure(tmp_path, collector.url)
    path = {"PYTHONPATH": ":".join([str(hidden.parent), *sys.path])}
    with Daemon(tmp_path, log.path, environ=path) as daemon, Peer(daemon.socket) as peer:
        wanted = "metrics are not pushed: opentelemetry-proto is not installed: pip install 'runwatch[otlp]'"
        until(lambda: wanted in peer.ask("health")["notices"])
    assert collector.pushes.empty()


def test_many_points_are_several_requests_and_none_is_lost():
    found, ranks = Points(), [RankRow(rank, rank) for rank in range(MOST + 5)]
    found.add(
        RUN, ExportedRun(RunRow("r", "r", "training", Progress(1)), 10.0, ranks, ranks), ("run",), ("r",)
    )
    found.add(DAEMON, Own(version="1"), (), ())
    made = [ExportMetricsServiceRequest.FromString(body) for body in found.requests({"a": "b"}, 1.0, 2.0)]
    sizes = [sum(map(len, points(each).values())) for each in made]
    assert len(made) > 1
    assert max(sizes) <= MOST
    steps = [point for each in made for point in points(each).get("runwatch_rank_step", [])]
    assert len({words(point.attributes)["rank"] for point in steps}) == MOST + 5
