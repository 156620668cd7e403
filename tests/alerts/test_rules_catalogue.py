"""The catalogue: every rule explains itself, and overrides are checked."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from runwatch.alerts.rules import CATALOGUE, build
from runwatch.alerts.rules.base import thresholds
from runwatch.alerts.rules.catalogue import FIRST, listed
from runwatch.alerts.rules.causes import FOLLOWS
from runwatch.alerts.rules.explain import document, explain
from runwatch.alerts.rules.machine.disk_full import DiskFull
from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.alerts.rules.speed.throughput import Throughput
from runwatch.core.errors import ConfigError


def test_every_rule_and_threshold_explains_itself():
    names = [rule.name for rule in CATALOGUE]
    assert len(set(names)) == len(names)
    for rule in CATALOGUE:
        assert rule.summary.endswith(".")
        assert "Source" in (inspect.getmodule(rule).__doc__ or "")
        assert all(entry.meaning for entry in thresholds(rule))


def test_build_gives_every_rule_afresh():
    one, two = build(), build()
    assert [rule.name for rule in one] == [rule.name for rule in CATALOGUE]
    assert all(a is not b for a, b in zip(one, two, strict=True))


def test_lists_begin_with_what_is_asked_about_first():
    names = [rule.name for rule in listed(CATALOGUE)]
    assert names[: len(FIRST)] == [*FIRST]
    assert sorted(names) == sorted(rule.name for rule in CATALOGUE)
    assert [rule.name for rule in Ruleset().listed()] == names
    places = [document().index(f"| [{name}]") for name in names]
    assert places == sorted(places)


def test_overrides_reach_the_rule():
    rules = {rule.name: rule for rule in build({"hang": {"least": 60}, "crash": {"enabled": False}})}
    assert rules["hang"].least == 60.0
    assert "crash" not in rules


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"loss_spikes": {}}, r"unknown rule 'loss_spikes'.*'loss_spike'"),
        ({"hang": {"zzz": 3}}, r"unknown threshold 'zzz': rules.hang.zzz: known here: .*least"),
        ({"hang": {"lest": 3}}, r"unknown threshold 'lest': rules.hang.*'least'"),
        ({"hang": {"least": True}}, r"rules.hang.least"),
        ({"hang": {"least": "soon"}}, r"rules.hang.least"),
        ({"hang": {"least": float("nan")}}, r"rules.hang.least"),
        ({"hang": {"least": -1}}, r"rules.hang.least"),
        ({"hang": {"enabled": 1}}, r"rules.hang.enabled"),
        ({"nonfinite": {"streak": 2.5}}, r"whole number.*rules.nonfinite.streak"),
        ({"nonfinite": {"streak": 0}}, r"rules.nonfinite.streak"),
        ({"straggler": {"of": 6}}, r"6 is more than 5, the most that can be judged: rules.straggler.of"),
        ({"host_memory": {"trend": 7200}}, r"7200 is more than 3600, .*: rules.host_memory.trend"),
        ({"hang": {"_pace": 1}}, r"unknown threshold"),
        ({"hang": {"rank": 1}}, r"unknown threshold"),
        ({"throughput": {"settle": 99}}, r"'settle' cannot be set: it is 1024: rules.throughput.settle"),
    ],
)
def test_bad_overrides_name_what_is_wrong(overrides, message):
    with pytest.raises(ConfigError, match=message):
        build(overrides)


def test_the_package_loads_its_rules_only_when_asked():
    code = "import runwatch.alerts.rules, sys; assert 'numpy' not in sys.modules, 'numpy'"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_page_about_the_rules_is_made_from_the_code():
    page = Path(__file__).parents[2] / "docs" / "rules.md"
    again = "write it again: python -m runwatch.alerts.rules.explain"
    assert page.read_text(encoding="utf-8") == document(), again


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.name)
def test_a_rule_is_explained_with_its_reason_and_thresholds(rule):
    text = explain(rule)
    assert text.startswith(f"{rule.name}: {rule.summary}")
    assert text.index("Example: ") < text.index("What to do: ") < text.index("Reason: ")
    assert "RULES" not in text
    assert all(f"  {entry.name} = " in text for entry in thresholds(rule))


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.name)
def test_an_example_writes_steps_as_the_screen_does(rule):
    example = explain(rule).partition("Example: ")[2].partition("Reason: ")[0]
    assert not re.findall(r"\b(?:steps?|step [\d,]+ of) \d{4,}|\d{4,} steps", example)


def test_an_explanation_shows_state_and_cost_and_the_words_it_uses():
    text = explain(DiskFull, {"least": 1e9}, 0.4)
    assert (
        "\nIt is on, retuned in runwatch.toml; it takes about 0 ms of CPU time for a million rows.\n" in text
    )
    assert "least = 1_000_000_000  free bytes that are critical. Default: 256_000_000." in text
    assert "\nIt is switched off in runwatch.toml.\n" in explain(DiskFull, {"enabled": False})
    assert "  row  " not in text
    assert "  row  " in explain(Throughput)


def test_causes_name_rules_that_exist():
    known = {rule.name for rule in CATALOGUE}
    assert set(FOLLOWS) <= known
    assert set().union(*FOLLOWS.values()) <= known
