"""Rules, dashboards and targets: they name only what is exported."""

from __future__ import annotations

import json
import re

import pytest

from runwatch.alerts.rules.catalogue import CATALOGUE
from runwatch.prometheus import dashboards, rules
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
    for bad in (["bad host"], ["node1", "--label", "x"], ["-x"], [""]):
        done = called("prometheus", "targets", *bad, cwd=tmp_path)
        assert done.returncode == 2, bad
        assert done.stderr.count("runwatch: ") == 1


def test_a_scrape_job_may_have_a_namespace_as_the_operator_gives_it():
    done = called("prometheus", "rules", "--job", "monitoring/runwatch")
    assert (done.returncode, done.stderr) == (0, "")
    assert "monitoring/runwatch" in done.stdout
    assert called("prometheus", "rules", "--job", 'x"').returncode == 2
