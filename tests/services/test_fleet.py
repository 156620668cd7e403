"""`runwatch fleet` on a real Prometheus and a real VictoriaMetrics that scrape five daemons."""

import contextlib
import json
import urllib.parse
import urllib.request

import pytest

from runwatch.core.snapshot import Snapshot
from runwatch.prometheus import dashboards
from runwatch.watcher import protocol
from runwatch.watcher.fleet.launch import FleetEngine, Source
from runwatch.watcher.service.launch import greet

from ..daemon.live import Place
from .prometheus import PROMETHEUS, VICTORIA, Node, Prometheus, until

pytestmark = pytest.mark.skipif(
    not (PROMETHEUS and VICTORIA), reason="prometheus and victoria-metrics are not installed"
)


def frame(engine, view: protocol.View) -> Snapshot:
    engine.socket.sendall(protocol.encode(protocol.Subscribe(view)))
    with engine.socket.makefile("rb") as stream:
        while True:
            reply = protocol.decode_reply(stream.readline())
            if isinstance(reply, protocol.Frame) and reply.snapshot.run is not None:
                return reply.snapshot


def test_both_servers_show_the_same_fleet(tmp_path):
    with contextlib.ExitStack() as stack:
        nodes = []
        for number in range(5):
            wrong = 86_400.0 if number == 2 else 0.0
            nodes.append(Node(tmp_path, f"node{number}", "job7" if number < 2 else "", ahead=wrong))
            stack.callback(nodes[-1].close)
        servers = []
        for victoria in (False, True):
            place = tmp_path / f"server{victoria:d}"
            place.mkdir()
            servers.append(Prometheus(place, nodes, victoria=victoria))
            stack.callback(servers[-1].close)
        nodes[4].crash()
        seen = []
        for server in servers:
            until(lambda server=server: server.value('count(runwatch_incident{rule="crash"})') == 1)
            done = Place(tmp_path).run("fleet", "--prometheus", server.url, "--json")
            assert done.returncode == 0, done.stderr
            runs = json.loads(done.stdout)["runs"]
            assert all(0.0 <= run["age"] < 600.0 for run in runs), "a wrong clock made a run look old"
            seen.append(
                [
                    (run["name"], run["host"], run["phase"], run["progress"]["step"], run["critical"])
                    for run in runs
                ]
            )
        assert seen[0] == seen[1]
        assert [row[:2] for row in seen[0]] == [
            ("node4-lm", "node4"), ("job job7", "2 nodes"), ("node2-lm", "node2"), ("node3-lm", "node3"),
        ]  # fmt: skip
        assert seen[0][0][2:] == ("crashed", 9, 1)
        assert "Traceback" not in done.stderr

        engine = FleetEngine(Source(servers[0].url))
        stack.callback(engine.close)
        greet(engine.socket, 60.0)
        shown = frame(
            engine, protocol.View(run="node2\x1fnode2-lm", charts=(protocol.Chart("train/loss", 80),))
        )
        assert len(shown.runs) == 4
        assert shown.run.latest[0].metric == "train/loss"
        assert set(shown.run.charts[0].mean) == {2.5}
        assert shown.run.charts[0].x[-1] == 9
        table = Place(tmp_path).run(
            "fleet", "--prometheus", servers[1].url, "--once", "--match", "host=~node[34]"
        )
        assert "node4-lm" in table.stdout
        assert "node2-lm" not in table.stdout

        for name in dashboards.NAMES:
            for query in dashboards.queries(name):
                url = f"{servers[1].url}/api/v1/query?query={urllib.parse.quote(query)}"
                with urllib.request.urlopen(url, timeout=10) as answer:
                    assert json.load(answer)["status"] == "success", query

        nodes[3].daemon.process.kill()
        gone = f"! no answer from the daemon on 127.0.0.1:{nodes[3].door.port}: its runs are not shown"
        for server in servers:

            def table(url=server.url) -> str:
                return Place(tmp_path).run("fleet", "--prometheus", url, "--once").stdout

            until(lambda table=table: gone in (shown := table()) and "node3-lm" not in shown)
