"""A real Prometheus or VictoriaMetrics that scrapes daemons of its own."""

import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request

from runwatch.prometheus import rules, targets

from ..cli.live import Log
from ..daemon.live import Daemon
from ..prometheus.scraped import Door
from ..prometheus.tools import program

PROMETHEUS, PROMTOOL, VICTORIA = program("prometheus"), program("promtool"), program("victoria-metrics")


def until(true, seconds: float = 90.0):
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)
    return found


WRONG = """import time
right = time.time
time.time = lambda: right() + {ahead}
"""


class Node:
    """One daemon with a log and metrics."""

    def __init__(
        self,
        directory,
        name: str,
        job: str = "",
        *,
        alerts: str = 'mode = "prometheus"',
        ahead: float = 0.0,
    ) -> None:
        """`ahead`: seconds by which the clock of the node, and so the time of its log, is wrong."""
        self.path = directory / name
        self.path.mkdir()
        self.name, self.door, self.log = name, Door(), Log(self.path / f"{name}-lm.log")
        self.log.steps(10)
        settings = f'[metrics]\nlisten = "127.0.0.1:{self.door.port}"\nhost = "{name}"\njob = "{job}"\n'
        (self.path / "runwatch.toml").write_text(f"{settings}[alerts]\n{alerts}\n")
        environ = {}
        if ahead:
            (self.path / "sitecustomize.py").write_text(WRONG.format(ahead=ahead))
            environ["PYTHONPATH"] = os.pathsep.join([str(self.path), *sys.path])
            os.utime(self.log.path, (time.time() + ahead, time.time() + ahead))
        self.daemon = Daemon(self.path, self.log.path, environ=environ)

    def crash(self) -> None:
        self.log.write(
            'Traceback (most recent call last):\n  File "train.py", line 1\nRuntimeError: CUDA error\n'
        )

    def close(self) -> None:
        self.daemon.close()


class Prometheus:
    """One server; its API is at `url`."""

    def __init__(self, directory, nodes, managers=(), *, victoria: bool = False, **options) -> None:
        port = Door().port
        self.url = f"http://127.0.0.1:{port}"
        (directory / "nodes.json").write_text(
            targets.render([f"127.0.0.1:{node.door.port}" for node in nodes])
        )
        quick = rules.render().replace("for: 2m", "for: 1s").replace("for: 5m", "for: 1s")
        (directory / "rules.yml").write_text(quick)
        job = "{job_name: runwatch, file_sd_configs: [{files: [nodes.json]}]}"
        config = f"global: {{scrape_interval: 1s{'' if victoria else ', evaluation_interval: 1s'}}}\nscrape_configs: [{job}]\n"
        if not victoria:
            peers = json.dumps([manager.url.removeprefix("http://") for manager in managers])
            config += f"rule_files: [rules.yml]\nalerting: {{alertmanagers: [{{static_configs: [{{targets: {peers}}}]}}]}}\n"
        (directory / "prometheus.yml").write_text(config)
        command = [
            VICTORIA, f"-storageDataPath={directory}/vm", f"-httpListenAddr=127.0.0.1:{port}", "-search.latencyOffset=1s",
            f"-promscrape.config={directory}/prometheus.yml",
        ] if victoria else [
            PROMETHEUS, f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            until(lambda: self.query("vector(1)"))
        except BaseException:
            self.close()
            raise

    def query(self, query: str) -> list[dict]:
        try:
            url = f"{self.url}/api/v1/query?query={urllib.parse.quote(query)}"
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]["result"]
        except OSError:
            return []

    def value(self, query: str) -> float | None:
        found = self.query(query)
        return float(found[0]["value"][1]) if found else None

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
