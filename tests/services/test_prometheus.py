"""Five daemons -> a real Prometheus -> rules -> a real Alertmanager -> a webhook."""

import contextlib
import datetime
import json
import subprocess
import urllib.parse
import urllib.request

import pytest

from runwatch.prometheus import dashboards, rules

from ..alerts.endpoints import HttpServer
from ..prometheus.scraped import free_port
from .prometheus import PROMETHEUS, PROMTOOL, Node, Prometheus, until
from .test_alertmanager import PROGRAM, Manager

needs_all = pytest.mark.skipif(
    not (PROMETHEUS and PROGRAM), reason="prometheus and prometheus-alertmanager are not installed"
)
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")


def sent(hook, status: str, alertname: str) -> list[dict]:
    return [
        alert["labels"]
        for request in list(hook.got)
        for alert in request.body["alerts"]
        if alert["status"] == status and alert["labels"]["alertname"] == alertname
    ]


@needs_all
def test_from_logs_to_a_webhook(tmp_path):
    with contextlib.ExitStack() as stack:
        hook = stack.enter_context(HttpServer())
        (tmp_path / "am").mkdir()
        manager = Manager(tmp_path / "am", hook.url)
        stack.callback(manager.kill)
        nodes = []
        for number in range(5):
            nodes.append(Node(tmp_path, f"node{number}", "job7"))
            stack.callback(nodes[-1].close)
        server = Prometheus(tmp_path, nodes, [manager])
        stack.callback(server.close)
        until(lambda: server.value("count(runwatch_run_step)") == 5)

        nodes[0].crash()
        labels = until(lambda: sent(hook, "firing", "crash"))[0]
        assert (labels["host"], labels["severity"], labels["rule"]) == ("node0", "critical", "crash")
        summaries = [
            alert["annotations"] for alert in manager.alerts() if alert["labels"]["alertname"] == "crash"
        ]
        assert "CUDA error" in summaries[0]["title"]
        nodes[0].log.steps(30)
        until(lambda: sent(hook, "resolved", "crash"))

        silence(manager, "host", "node1")
        nodes[1].crash()
        until(
            lambda: [
                a
                for a in manager.alerts()
                if a["labels"].get("host") == "node1" and a["status"]["state"] == "suppressed"
            ]
        )

        nodes[2].daemon.process.kill()
        gone = f"127.0.0.1:{nodes[2].door.port}"
        until(lambda: [each for each in sent(hook, "firing", "RunwatchDown") if each["instance"] == gone])
        until(lambda: server.value("count(runwatch_run_step)") == 4)
        assert [labels for labels in sent(hook, "firing", "crash") if labels["host"] == "node1"] == []

        for name in dashboards.NAMES:
            for query in dashboards.queries(name):
                url = f"{server.url}/api/v1/query?query={urllib.parse.quote(query)}"
                with urllib.request.urlopen(url, timeout=10) as answer:
                    assert json.load(answer)["status"] == "success", query


def pair(stack, tmp_path, hook) -> list[Manager]:
    """Return two Alertmanagers that know each other."""
    gossip, managers = [free_port(), free_port()], []
    for number, port in enumerate(gossip):
        (tmp_path / f"am{number}").mkdir()
        options = [f"--cluster.listen-address=127.0.0.1:{port}", "--cluster.settle-timeout=2s",
                   f"--cluster.peer=127.0.0.1:{gossip[0]}", "--cluster.peer-timeout=8s"]  # fmt: skip
        managers.append(Manager(tmp_path / f"am{number}", hook.url, *options))
        stack.callback(managers[-1].kill)
    return managers


def silence(manager, name: str, value: str) -> None:
    """Make a silence as Alertmanager's own page does."""
    ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    starts = ends - datetime.timedelta(hours=2)
    wanted = {
        "matchers": [{"name": name, "value": value, "isRegex": False}], "createdBy": "me", "comment": "x",
        "startsAt": starts.isoformat(), "endsAt": ends.isoformat(),
    }  # fmt: skip
    asking = urllib.request.Request(
        f"{manager.url}/api/v2/silences", json.dumps(wanted).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(asking, timeout=10).close()


def assert_once(hook) -> None:
    messages = [
        sorted((alert["fingerprint"], alert["status"]) for alert in request.body["alerts"])
        for request in list(hook.got)
    ]
    assert all(messages.count(each) == 1 for each in messages), "both sent it"


@needs_all
def test_a_pair_of_alertmanagers_sends_one_message(tmp_path):
    with contextlib.ExitStack() as stack:
        hook = stack.enter_context(HttpServer())
        managers = pair(stack, tmp_path, hook)
        node = Node(tmp_path, "node0")
        stack.callback(node.close)
        server = Prometheus(tmp_path, [node], managers)
        stack.callback(server.close)
        until(lambda: server.value("runwatch_run_step") == 9)
        node.crash()
        until(lambda: sent(hook, "firing", "crash"))
        until(
            lambda: all(
                [a for a in manager.alerts() if a["labels"]["alertname"] == "crash"] for manager in managers
            )
        )
        node.log.steps(30)
        until(lambda: sent(hook, "resolved", "crash"))
        assert_once(hook)


@pytest.mark.skipif(not PROGRAM, reason="prometheus-alertmanager is not installed")
def test_daemons_push_to_a_pair_of_alertmanagers_without_prometheus(tmp_path):
    with contextlib.ExitStack() as stack:
        hook = stack.enter_context(HttpServer())
        managers = pair(stack, tmp_path, hook)
        peers = json.dumps([manager.url for manager in managers])
        nodes = []
        for number in range(2):
            alerts = f'mode = "alertmanager"\npeers = {peers}'
            nodes.append(Node(tmp_path, f"node{number}", alerts=alerts))
            stack.callback(nodes[-1].close)
        for node in nodes:
            until(lambda node=node: node.door.value("runwatch_run_step") == 9)
        silence(managers[0], "run", "node1-lm")
        for node in nodes:
            node.crash()
        until(lambda: sent(hook, "firing", "crash"))
        muted = {
            alert["labels"]["run"]
            for manager in managers
            for alert in until(
                lambda manager=manager: [a for a in manager.alerts() if crashed(a, "node1-lm")]
            )
            if alert["status"]["state"] == "suppressed"
        }
        nodes[0].log.steps(30)
        until(lambda: sent(hook, "resolved", "crash"))
        assert muted == {"node1-lm"}
        assert {labels["run"] for labels in sent(hook, "firing", "crash")} == {"node0-lm"}
        assert len(sent(hook, "resolved", "crash")) == 1
        assert_once(hook)


def crashed(alert: dict, run: str) -> bool:
    return alert["labels"]["alertname"] == "crash" and alert["labels"]["run"] == run


@needs_promtool
def test_promtool_accepts_rules_and_metrics(tmp_path):
    (tmp_path / "rules.yml").write_text(rules.render())
    done = subprocess.run(
        [PROMTOOL, "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    node = Node(tmp_path, "node0")
    try:
        until(lambda: node.door.value("runwatch_run_step") == 9)
        body = node.door.get(accept="text/plain").body
    finally:
        node.close()
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=body, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


UNIT = """
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series:
%(series)s
  alert_rule_test:
%(alerts)s
"""


def unit(tmp_path, series: dict[str, str], alerts: dict[tuple[str, str], list[dict]]) -> None:
    """Have promtool check that at a time exactly these alerts fire, by their labels."""
    (tmp_path / "rules.yml").write_text(rules.render())
    lines = "\n".join(
        f"  - {{series: {json.dumps(name)}, values: {json.dumps(values)}}}" for name, values in series.items()
    )
    tests = []
    for (name, when), expected in alerts.items():
        found = [{"exp_labels": labels} for labels in expected]
        tests.append(f"  - {{eval_time: {when}, alertname: {name}, exp_alerts: {json.dumps(found)}}}")
    text = rules.render()
    (tmp_path / "rules.yml").write_text(
        "\n".join(
            line
            for line in text.splitlines()
            if not line.strip().startswith(("annotations:", "summary:", "title:"))
        )
    )
    (tmp_path / "test.yml").write_text(UNIT % {"series": lines, "alerts": "\n".join(tests)})
    done = subprocess.run(
        [PROMTOOL, "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_an_incident_fires_under_the_name_of_its_rule(tmp_path):
    labels = {"host": "n", "run": "r", "rule": "hang", "severity": "critical", "incident": "i"}
    inside = ",".join(f'{name}="{value}"' for name, value in labels.items())
    unit(
        tmp_path,
        {
            f'runwatch_incident{{{inside},state="firing"}}': "_ _ 1 1 1 stale",
            'runwatch_incident{host="n",run="r",rule="mine",severity="warning",incident="j",state="firing"}': "1x5",
            'runwatch_incident{host="n",run="r",rule="plateau",severity="info",incident="k",state="firing"}': "1x5",
            'runwatch_incident{host="n",run="r",rule="crash",severity="critical",incident="l",state="acknowledged"}': "1x5",
        },
        {
            ("hang", "1m"): [],
            ("hang", "3m"): [labels],
            ("hang", "6m"): [],
            ("own_rule", "3m"): [{**labels, "rule": "mine", "severity": "warning", "incident": "j"}],
            ("plateau", "3m"): [],
            ("crash", "3m"): [],
        },
    )


@needs_promtool
def test_a_slow_a_behind_and_a_silent_node_are_named(tmp_path):
    series = {}
    for number in range(4):
        own = f'host="n{number}",run="r{number}",instance="i{number}"'
        series[f'runwatch_run_info{{{own},job_id="7",id="{number}"}}'] = "1x30"
        series[f'runwatch_ranks_step_seconds{{{own},stat="median"}}'] = "2x30" if number == 3 else "1x30"
        first = "0+10x30" if number != 2 else "0+10x3 30x26"
        series[f'runwatch_ranks_step{{{own},stat="min"}}'] = first
        series[f'runwatch_ranks_step{{{own},stat="max"}}'] = "0+10x30"
        seen = "0+60x30" if number != 1 else "0x30"
        series[f"runwatch_time_seconds{{{own}}}"] = "0+60x30"
        series[f'runwatch_ranks_seen_timestamp_seconds{{{own},stat="max"}}'] = seen

    def of(number: int, severity: str, **more: str) -> dict:
        return {
            "host": f"n{number}",
            "run": f"r{number}",
            "instance": f"i{number}",
            "job_id": "7",
            "severity": severity,
            **more,
        }

    unit(
        tmp_path,
        series,
        {
            ("RunwatchSlowNode", "5m"): [],
            ("RunwatchSlowNode", "15m"): [of(3, "warning", stat="median")],
            ("RunwatchNodeBehind", "15m"): [of(2, "warning", stat="min")],
            ("RunwatchSilentNode", "9m"): [],
            ("RunwatchSilentNode", "15m"): [of(1, "critical", stat="max")],
        },
    )


@needs_promtool
def test_a_daemon_that_is_gone_late_or_blind_is_reported(tmp_path):
    unit(
        tmp_path,
        {
            'up{job="runwatch",instance="a"}': "1 0x20",
            'runwatch_sources_unreadable{host="n"}': "2x20",
            'runwatch_loop_lag_seconds{host="n"}': "30x20",
        },
        {
            ("RunwatchDown", "2m"): [],
            ("RunwatchDown", "4m"): [{"job": "runwatch", "instance": "a", "severity": "critical"}],
            ("RunwatchAbsent", "15m"): [],
            ("RunwatchBlind", "12m"): [{"host": "n", "severity": "warning"}],
            ("RunwatchLate", "6m"): [{"host": "n", "severity": "warning"}],
        },
    )
