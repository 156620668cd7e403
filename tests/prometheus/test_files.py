"""Rules, dashboards and targets: they name only what is exported."""

from __future__ import annotations

import json
import re

import pytest

from runwatch.alerts.rules.catalogue import CATALOGUE
from runwatch.prometheus import dashboards, rules, targets
from runwatch.prometheus.table import PARTS

from ..cli.command import called

METRICS = {metric.sample: metric for _, _, metrics in PARTS for metric in metrics}
RECORDED = {each.record for each in rules.RECORDINGS}
NAME = re.compile(r"\b[a-z_]+:runwatch_[a-z_]+:[a-z]+|\b(?:runwatch|process)_[a-z_]+\b")


def known(query: str) -> None:
    for name in NAME.findall(query):
        assert name in METRICS or name in RECORDED, f"{name} in {query}"
    for name, inside in re.findall(r"\b(runwatch_[a-z_]+)\{([^}]*)\}", query):
        common = {"host", "run", "instance"}
        assert set(re.findall(r"(\w+)\s*[=!]~?", inside)) <= common | set(METRICS[name].labels), query


def test_rules_name_only_what_is_exported():
    text = rules.render()
    expressions = [json.loads(found) for found in re.findall(r'expr: (".*")', text)]
    assert len(expressions) > len(CATALOGUE)
    for expression in expressions:
        known(expression)


def test_every_rule_has_an_alert_of_its_name():
    alerts = re.findall(r"- alert: (\S+)", rules.render())
    assert {rule.name for rule in CATALOGUE} < set(alerts)
    assert len(alerts) == len(set(alerts))


@pytest.mark.parametrize("name", dashboards.NAMES)
def test_dashboards_name_only_what_is_exported(name):
    body = json.loads(dashboards.render(name))
    for panel in body["panels"]:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        for target in panel["targets"]:
            known(target["expr"])
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in body["panels"]]
    assert len(set(places)) == len(places)


def test_targets_are_expanded_and_checked(tmp_path):
    done = called(
        "prometheus", "targets", "gpu[01-03]", "node1:9500", "[::1]", "--label", "cluster=a", cwd=tmp_path
    )
    (group,) = json.loads(done.stdout)
    assert group["targets"] == ["gpu01:9464", "gpu02:9464", "gpu03:9464", "node1:9500", "[::1]:9464"]
    assert group["labels"] == {"cluster": "a"}
    bads = ["bad host", "-x", "", "n[1-3", "n1-3]", "n[3-1]", "n[1-70000]", "n[1-300]m[1-300]", "n[1-9,]x,"]
    for bad in (["node1", "--label", "x"], *([each] for each in bads)):
        done = called("prometheus", "targets", *bad, cwd=tmp_path)
        assert done.returncode == 2, bad
        assert done.stderr.count("runwatch: ") == 1


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("node7", ["node7"]),
        ("gpu[01-03,7],login", ["gpu01", "gpu02", "gpu03", "gpu7", "login"]),
        ("r[1-2]n[08-09]", ["r1n08", "r1n09", "r2n08", "r2n09"]),
        ("a,b[1],c", ["a", "b1", "c"]),
        ("n[0-4999]", [f"n{number}" for number in range(5000)]),
    ],
)
def test_lists_of_hosts(given, names):
    assert targets.listed(given) == names


def test_a_scrape_job_may_have_a_namespace_as_the_operator_gives_it():
    done = called("prometheus", "rules", "--job", "monitoring/runwatch")
    assert (done.returncode, done.stderr) == (0, "")
    assert "monitoring/runwatch" in done.stdout
    assert called("prometheus", "rules", "--job", 'x"').returncode == 2
