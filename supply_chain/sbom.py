"""A bill of materials (CycloneDX 1.6) of runwatch and all that it needs, as installed; docs/dependencies.md.

python -m supply_chain.sbom         prints the bill: the same for the same installed packages
python -m supply_chain.sbom --page  prints the page
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_HEAD = """\
# Dependencies

What `pip install runwatch` installs, without extras, and the license that each package states.
Python 3.10 needs tomli (MIT), too. `make sbom` writes this page, and a bill of materials with versions to
build/sbom.json.

| package | license | needed by |
|---|---|---|
"""


def closure(root: str = "runwatch") -> dict[str, tuple[Distribution, list[str]]]:
    """Return a package and all that it needs, without extras: its metadata, and the names of what each needs.

    Names are sorted. Raises PackageNotFoundError if something is missing.
    """
    found: dict[str, tuple[Distribution, list[str]]] = {}
    waiting = [(root, frozenset[str]())]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        dist = distribution(name)
        needed = set(_needed(dist, extras))
        found[name] = dist, sorted({*(each for each, _ in needed), *found.get(name, (dist, []))[1]})
        waiting += needed - seen
        seen |= needed
    return dict(sorted(found.items()))


def _needed(dist: Distribution, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield what a package needs here, with the extras that it asks for."""
    for requirement in map(Requirement, dist.requires or ()):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def license_of(dist: Distribution) -> str:
    """Return the license that a package states: an SPDX expression, or its own words; "" if none."""
    about = dist.metadata
    said = next((about[key].strip() for key in ("License-Expression", "License") if key in about), "")
    if said and "\n" not in said:  # or it is the whole text
        return said
    kinds = (kind.rpartition(" :: ")[2] for kind in about.get_all("Classifier") or () if "License ::" in kind)
    return " AND ".join(sorted(kinds)).replace("MIT License", "MIT")


def _licenses(dist: Distribution) -> list[dict[str, Any]]:
    if "License-Expression" in dist.metadata:
        return [{"expression": license_of(dist)}]
    return [{"license": {"name": license_of(dist) or "unknown"}}]


def bill() -> dict[str, Any]:
    """Return the bill of materials."""
    found = closure()
    refs = {name: f"pkg:pypi/{name}@{dist.version}" for name, (dist, _) in found.items()}
    parts = {
        name: {
            "type": "application" if name == "runwatch" else "library",
            "bom-ref": refs[name],
            "name": name,
            "version": dist.version,
            "purl": refs[name],
            "licenses": _licenses(dist),
        }
        for name, (dist, _) in found.items()
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": parts.pop("runwatch")},
        "components": list(parts.values()),
        "dependencies": [
            {"ref": refs[name], "dependsOn": [refs[each] for each in needed]}
            for name, (_, needed) in found.items()
        ],
    }


def page() -> str:
    """Return docs/dependencies.md. It names no versions: they change without a change of ours."""
    found = closure()
    text = _HEAD
    for name, (dist, _) in found.items():
        if name != "runwatch":
            by = ", ".join(other for other, (_, needed) in found.items() if name in needed)
            text += f"| {name} | {license_of(dist)} | {by} |\n"
    return text


if __name__ == "__main__":
    print(page() if "--page" in sys.argv[1:] else json.dumps(bill(), indent=1), end="")
