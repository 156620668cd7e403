"""`make bench`: every performance claim of the documentation is a row next to a baseline, or it fails."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.claims import SAID, SECTIONS

ROOT = Path(__file__).parents[2]
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")} - {ROOT / "CHANGELOG.md"})
GENERATED = {"performance.md", "detection.md", "rules.md", "commands.md", "configuration.md", "lexicon.md"}
CLAIM = re.compile(
    r"\b(?:times|twice|half|tenth of) (?:as |the |sooner|faster|less )?(?:fast|quick|CPU|time|memory)\b"
    r"|\bfaster than\b|\bin about a (?:mill)?i?second\b|\bchecked within\b|\bstays below \d+ MB\b"
    r"|\bcosts little\b|\d [MG]B/s of\b|\bhalf a millisecond\b|\bmilliseconds to\b"
)
ROWS = {what for section in SECTIONS for what in section.rows}


def words(text: str) -> str:
    return " ".join(text.split())


def bench(*arguments: str, before: str = "pass") -> subprocess.CompletedProcess[str]:
    child = f"import runpy, sys; {before}; sys.argv = ['benchmarks', *sys.argv[1:]]; "
    child += "runpy.run_module('benchmarks', run_name='__main__')"
    command = [sys.executable, "-c", child, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300, check=False)


@pytest.mark.parametrize(("page", "quote"), SAID)
def test_a_claim_is_in_its_page_and_has_rows(page, quote):
    assert quote in words((ROOT / page).read_text())
    assert set(SAID[page, quote]) <= ROWS


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in GENERATED], ids=lambda p: p.name)
def test_no_claim_without_a_row(page):
    name = str(page.relative_to(ROOT))
    text = words(page.read_text())
    for place, quote in SAID:
        text = text.replace(quote, "") if place == name else text
    assert not CLAIM.findall(text), "benchmarks/claims.py lists each claim with its rows"


def test_the_page_has_every_row():
    page = (ROOT / "docs" / "performance.md").read_text()
    assert not [what for what in ROWS if f"| {what} |" not in page], "make bench WRITE=1"


@pytest.mark.deep
def test_a_row_has_a_baseline_and_a_ratio():
    done = bench("--quick", "plugins", "unknown")
    assert done.returncode == 0, done
    head, *table, total = done.stdout.splitlines()
    assert head.split() == ["what", "measured", "baseline", "its", "figure", "ratio", "bar"]
    assert re.match(r"text without training, CPU, median +\S+ s one regex per line +\S+ s", table[0])
    assert re.match(r"search for plugins +\S+ ms importlib.metadata +\S+ ms +\S+ +0\.1", table[-1])
    assert "3 claims" in total


def test_a_missing_baseline_fails():
    done = bench("--quick", "sources", before="sys.modules['wandb'] = None")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(
        "MISSING: the baseline wandb of 'Trackers and checkpoints' is not installed"
    )


def test_a_missing_row_fails():
    gone = "import benchmarks.claims as c, dataclasses; "
    gone += "c.SECTIONS = tuple(dataclasses.replace(s, rows=(*s.rows, 'gone')) for s in c.SECTIONS)"
    done = bench("--quick", "plugins", before=gone)
    assert done.returncode == 1
    assert "MISSING: gone" in done.stdout
    assert "1 not measured" in done.stdout


def test_a_quick_run_is_never_written():
    done = bench("--quick", "--write")
    assert done.returncode == 2
    assert "--write needs all benchmarks at full size" in done.stderr
