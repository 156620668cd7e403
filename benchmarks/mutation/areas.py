"""What is mutated, and the tests that are asked about it.

Tests that compare the documentation with the code are left out: they would notice each changed default,
whatever it does. Of tests that start processes only the lines that run in the test's own process are seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Area:
    """A part of the code: its files, as patterns from the root, and patterns of tests."""

    name: str
    files: tuple[str, ...]
    tests: tuple[str, ...]

    def paths(self) -> list[str]:
        """Return the files to mutate."""
        return [path for path in _found(self.files) if path not in UNTOUCHED]

    def test_files(self) -> list[str]:
        """Return the test files."""
        return _found(self.tests)


def _found(patterns: tuple[str, ...]) -> list[str]:
    return sorted({str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern)})


UNTOUCHED = {
    "runwatch/alerts/rules/cost.py",
    "runwatch/alerts/rules/explain.py",
    "runwatch/parsers/lexicon/docs.py",
}
"""What times the rules, and what writes the documentation."""

OF_RULES = (
    "incidents_edges",
    "loss_explosion",
    "parentage",
    "reward_flat",
    "rules_*",
    "signatures",
    "traps",
    "worthless",
)
CORE = ("block", "ending", "fold/*", "jobs", "run_order", "series")
OF_CORE = (
    "boundaries",
    "echoes",
    "ending",
    "eta",
    "fold_golden",
    "fold_short",
    "jobs",
    "planned",
    "regular_end",
    "run",
    "saves",
    "segments",
    "series",
    "stages",
)
ROUTING = ("damping", "expression", "lifecycle", "routing", "routing_*", "settings", "silences", "storm")
DELIVERY = ("dead_letters", "journal", "journal_file", "outbox", "queue")

AREAS = (
    Area(
        "rules",
        ("runwatch/alerts/rules/**/*.py",),
        (
            *(f"tests/alerts/test_{name}.py" for name in OF_RULES),
            "tests/alerts/test_settings.py",
            "tests/cli/test_rules.py",
            "tests/watcher/test_rank_rules.py",
        ),
    ),
    Area(
        "core",
        tuple(f"runwatch/core/{name}.py" for name in CORE),
        (
            *(f"tests/test_{name}*.py" for name in OF_CORE),
            "tests/parsers/test_ranks.py",
            "tests/watcher/test_groups.py",
        ),
    ),
    Area(
        "incidents",
        ("runwatch/alerts/incidents/*.py",),
        tuple(f"tests/alerts/test_{name}.py" for name in ("incidents*", "lifecycle", "parentage")),
    ),
    Area(
        "routing",
        ("runwatch/alerts/routing/*.py",),
        tuple(f"tests/alerts/test_{name}.py" for name in ROUTING),
    ),
    Area(
        "tailer",
        ("runwatch/watcher/sources/tail.py", "runwatch/watcher/sources/open_file.py"),
        ("tests/watcher/tail/test_*.py", "tests/watcher/test_copytruncate.py", "tests/watcher/test_feeds.py"),
    ),
    Area(
        "outbox",
        tuple(f"runwatch/alerts/delivery/{name}.py" for name in DELIVERY),
        tuple(
            f"tests/alerts/test_{name}.py"
            for name in ("crash", "deadline", "journal*", "outbox*", "slack_bot")
        ),
    ),
    Area(
        "lexicon",
        ("runwatch/parsers/lexicon/*.py",),
        tuple(f"tests/parsers/test_{name}.py" for name in ("conventions", "lexicon*", "spellings")),
    ),
    Area(
        "counters",
        ("runwatch/parsers/counters/*.py",),
        tuple(f"tests/parsers/test_{name}.py" for name in ("counters*", "endless", "nesting")),
    ),
)
