"""Locked versions, lowest versions and the bill of materials."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from supply_chain import lock, lowest, sbom

try:
    import tomllib
except ImportError:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NEEDED = {Requirement(each).name for each in PROJECT["dependencies"]}
LOCKS = sorted((ROOT / "supply_chain" / "locks").glob("*.txt"))


def test_every_dependency_is_on_the_page():
    """What these need in turn depends on their versions: `make sbom` writes it."""
    text = (ROOT / "docs" / "dependencies.md").read_text()
    assert re.search(r"Python 3\.10 needs\s+tomli", text)
    rows = [row.split(" | ") for row in re.findall(r"^\| ([\w.-]+ \| .* \| .*) \|$", text, re.MULTILINE)][1:]
    assert {name for name, _, by in rows if "runwatch" in by.split(", ")} == NEEDED - {"tomli"}
    assert all(stated for _, stated, _ in rows)
    assert text.startswith(sbom.page().partition("|")[0])


def test_a_bill_names_all_that_is_needed_and_what_needs_it():
    bill = sbom.bill()
    assert bill == sbom.bill()
    names = {part["name"] for part in bill["components"]}
    assert names >= {
        Requirement(each).name for each in PROJECT["dependencies"] if "python_version" not in each
    }
    assert "pytest" not in names, "what only developers need"
    refs = {part["bom-ref"] for part in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert {each["ref"] for each in bill["dependencies"]} == refs
    assert {ref for each in bill["dependencies"] for ref in each["dependsOn"]} < refs
    assert all(part["licenses"] for part in bill["components"])


def test_each_locked_version_has_a_hash_and_fits_what_is_allowed():
    assert LOCKS
    for path in LOCKS:
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        found = [re.fullmatch(r"([\w.-]+)==(\S+) --hash=sha256:[0-9a-f]{64}", line) for line in lines]
        versions = {match[1]: match[2] for match in found}
        python = path.stem.rpartition("-")[2]
        for each in map(Requirement, PROJECT["dependencies"]):
            if each.marker is None or each.marker.evaluate({"python_version": python}):
                assert each.specifier.contains(versions[each.name], prereleases=True), (path.name, each)


def test_a_package_without_a_hash_is_not_locked():
    found = {"metadata": {"name": "Ab_c", "version": "1"}, "download_info": {"archive_info": {"hashes": {}}}}
    with pytest.raises(ValueError, match="no hash of Ab_c 1"):
        lock.text({"install": [found]})
    found["download_info"]["archive_info"]["hashes"]["sha256"] = "0f"
    assert lock.text({"install": [found]}).splitlines()[1:] == ["ab-c==1 --hash=sha256:0f"]


def test_the_lowest_versions_are_those_of_the_project():
    found = dict(line.split("==") for line in lowest.constraints(PROJECT))
    assert found.keys() >= NEEDED
    with pytest.raises(ValueError, match="no lowest version in 'click'"):
        list(lowest.constraints({**PROJECT, "dependencies": ["click"]}))
