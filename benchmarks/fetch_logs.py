"""Fetches the public logs of an index from GitHub: `python benchmarks/fetch_logs.py INDEX DIR`.

Each line of the index has `path`, `sha256` and `source`: `github:OWNER/NAME@COMMIT:PATH`. What is in DIR
already is not fetched again. A file that is gone, or another one by now, is reported and left out. The logs
are other people's: read them, and do not publish them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path

SERVER = "https://raw.githubusercontent.com"


def address(source: str) -> str:
    """Return where a source is; ValueError if it names no file of a commit."""
    repository, at, rest = source.removeprefix("github:").partition("@")
    commit, colon, path = rest.partition(":")
    if not (source.startswith("github:") and at and colon and path):
        raise ValueError(f"no source: {source!r}")
    return f"{SERVER}/{repository}/{commit}/{urllib.parse.quote(path)}"


def fetch(row: dict[str, str], folder: Path) -> str:
    """Bring one log into a folder; return "" or what is wrong with it."""
    if missing := {"path", "sha256", "source"} - row.keys():
        return f"the index does not say its {' and '.join(sorted(missing))}"
    target = folder / row["path"]
    if not target.resolve().is_relative_to(folder.resolve()):
        return "its path leads out of the folder"
    if target.is_file() and _digest(target.read_bytes()) == row["sha256"]:
        return ""
    try:
        with urllib.request.urlopen(address(row["source"]), timeout=60) as answer:
            data = answer.read()
    except (OSError, ValueError, HTTPException) as error:  # an HTTPError is an OSError
        return str(error)
    if _digest(data) != row["sha256"]:
        return "not the file that was labeled"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return ""


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main() -> int:
    """Return 1 if any log is missing."""
    options = argparse.ArgumentParser(description="Fetch the public logs of an index.")
    options.add_argument("index", type=Path, metavar="INDEX")
    options.add_argument("folder", type=Path, metavar="DIR")
    given = options.parse_args()
    try:
        rows = [json.loads(line) for line in given.index.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        options.error(f"no index: {given.index}: {error}")
    wrong = [(number, row, said) for number, row in enumerate(rows, 1) if (said := fetch(row, given.folder))]
    for number, row, said in wrong:
        print(f"{row.get('path', f'log {number}')}: {said}, left out", file=sys.stderr)
    print(f"{len(rows) - len(wrong)} of {len(rows)} logs are in {given.folder}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
