"""The versions that CI installs, each with its hash: one file for a Python and a platform.

python -m supply_chain.lock         writes the file of this Python
python -m supply_chain.lock --path  prints its path; an error if there is none
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
EXTRAS = "dev,wandb"
"""What `make test` installs."""
BUILDS = ("editables",)
"""What hatchling needs besides to install a checkout."""


def place() -> Path:
    """Return the path of the file for this Python: hashes are those of its wheels."""
    version = ".".join(platform.python_version_tuple()[:2])
    return HERE / "locks" / f"{sys.platform}-{platform.machine()}-{version}.txt"


def text(report: dict[str, Any]) -> str:
    """Return what `pip install --require-hashes -r` reads, from a report of `pip install --dry-run`.

    Raises ValueError for a package that has no hash.
    """
    lines = []
    for found in report["install"]:
        name, version = found["metadata"]["name"], found["metadata"]["version"]
        if "dir_info" in found["download_info"]:  # runwatch itself
            continue
        digest = found["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
        if not digest:
            raise ValueError(f"no hash of {name} {version}: take it from an index")
        lines.append(f"{name.lower().replace('_', '-')}=={version} --hash=sha256:{digest}\n")
    return "# Written by `make lock`.\n" + "".join(sorted(lines))


def main() -> None:
    """Write the file, or print its path."""
    path = place()
    if "--path" in sys.argv[1:]:
        if not path.exists():
            sys.exit(f"no versions are locked for this Python and platform: make lock writes {path.name}")
        print(path.relative_to(ROOT))
        return
    asked = ["install", "--dry-run", "--ignore-installed", "--quiet", "--report=-", f".[{EXTRAS}]", *BUILDS]
    done = subprocess.run([sys.executable, "-m", "pip", *asked], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text(json.loads(done.stdout)), encoding="utf-8")
    print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
