"""Rules of installed packages: what is a rule is loaded, what is none is reported and left out."""

from __future__ import annotations

import pytest

from runwatch.alerts.rules import plugins

GOOD = """
from dataclasses import dataclass
from runwatch.alerts.rules.base import RunRule

@dataclass
class Good(RunRule):
    name = "good"
    summary = "It is one."

@dataclass
class Other(Good):
    name = "other"
"""
NONE = {
    "RULE = 3": "TypeError: it is no rule",
    "RULE = type('Bare', (), {'name': 'bare', 'summary': 'x'})": "TypeError: it is no rule",
    "RULE = Good()": "TypeError: it is no rule",
    "RULE = dataclass(type('R', (Good,), {'name': 'Upper'}))": "TypeError: a rule's name",
    "RULE = dataclass(type('R', (Good,), {'name': 3}))": "TypeError: a rule's name",
    "RULE = dataclass(type('R', (Good,), {'summary': ''}))": "TypeError: rule 'good' needs a summary",
    "RULE = dataclass(type('R', (Good,), {'summary': 3}))": "TypeError: rule 'good' needs a summary",
    "RULE = dataclass(type('R', (Good,), {'tick': 3}))": "TypeError: rule 'good' has no observe and tick",
    "RULE = dataclass(type('R', (Good,), {'observe': 3}))": "TypeError: rule 'good' has no observe and tick",
    "RULE = dataclass(type('R', (Good,), {'of_ranks': 1}))": "TypeError: rule 'good' does not say whether",
    "RULE = (Good, Good)": "ValueError: there is already a rule 'good'",
    "raise SystemExit('no')": "SystemExit: no",
}


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return what loads the rules of a package with this source."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def made(name, source, taken=()):
        (tmp_path / f"{name}.py").write_text(GOOD + source)
        info = tmp_path / f"{name}-0.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
        (info / "entry_points.txt").write_text(f"[{plugins.GROUP}]\n{name} = {name}:RULE\n")
        said = []
        return [rule.name for rule in plugins.load(taken, said.append)], said

    return made


@pytest.mark.parametrize("source", ["RULE = Good", "RULE = [Good]"])
def test_one_rule_is_loaded(load, source):
    assert load(f"rules_{len(source)}", source) == (["good"], [])


def test_several_rules_are_loaded(load):
    assert load("rules_of_two", "RULE = (Good, Other)") == (["good", "other"], [])


def test_a_name_is_given_once(load):
    found, (said,) = load("rules_again", "RULE = (Other, Good)", taken=("good",))
    assert found == ["other"]
    assert said.startswith("rule plugin rules_again of rules_again is left out: ValueError: there is already")


@pytest.mark.parametrize("number", range(len(NONE)))
def test_what_is_no_rule_is_reported(load, number):
    source, says = list(NONE.items())[number]
    found, (said,) = load(f"no_rules_{number}", source)
    assert found == (["good"] if "already" in says else [])
    assert f"left out: {says}" in said
