"""Constraints that install the lowest versions that pyproject.toml allows, but for developers' tools.

python -m supply_chain.lowest
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
USERS = ("apprise", "figures", "parquet", "stacks", "wandb", "web")
"""Extras for users; those for developers may take the newest of everything."""
_BOUND = re.compile(r"(?P<name>[\w.-]+)>=(?P<version>[\w.]+)")


def constraints(project: dict[str, Any]) -> Iterator[str]:
    """Yield a line of a constraints file for each dependency. Raises ValueError for one without a bound."""
    extras = project["optional-dependencies"]
    for each in [*project["dependencies"], *(one for name in USERS for one in extras[name])]:
        found = _BOUND.match(each)
        if found is None:
            raise ValueError(f"no lowest version in {each!r}")
        yield f"{found['name']}=={found['version']}"


if __name__ == "__main__":
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    print(*constraints(settings["project"]), sep="\n")
