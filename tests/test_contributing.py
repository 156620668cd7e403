"""CONTRIBUTING.md shows how to add a format, a name, a rule and a channel: done exactly so, each works."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.alerts.endpoints import HttpServer

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
LOG = "".join(
    f"[tiny] update {n} of 90: loss={150 / n:.3f} steepness=0.5 took=125.0ms\n" for n in range(1, 91)
)
CHECK = "import sys; from runwatch.cli.main import main; sys.argv[0] = 'runwatch'; sys.exit(main())"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the package in which everything was done as the page says."""
    top = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / "runwatch", top / "runwatch", ignore=shutil.ignore_patterns("__pycache__"))
    for path, text in blocks("python"):
        (top / path).parent.mkdir(exist_ok=True)
        assert not (top / path).exists()
        (top / path).write_text(text)
    for path, text in blocks("diff"):
        old, new = (re.search(rf"^[{sign}](.*)", text, re.MULTILINE)[1] for sign in "-+")
        source = (top / path).read_text()
        assert source.count(old) == 1
        (top / path).write_text(source.replace(old, new))
    (top / "train.log").write_text(LOG)
    return top


def run(tree, *arguments, code=CHECK):
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_the_page_adds_what_it_says():
    files = [path for path, _ in blocks("python")]
    assert len(files) == 4
    assert len(blocks("diff")) == 1


def test_a_format_a_name_and_a_rule(tree):
    (judged,) = json.loads(run(tree, "check", "--json", "train.log"))["runs"]
    assert judged["format"] == "tinytrain"
    assert judged["steps"]["total"] == 90
    assert judged["metrics"]["train/grad_norm"]["last"] == 0.5
    assert judged["metrics"]["perf/step_time"]["last"] == 0.125
    assert [i["rule"] for i in judged["incidents"] if i["rule"] == "loss_ceiling"] == ["loss_ceiling"]
    assert "The training loss is above a ceiling." in run(tree, "rules", "loss_ceiling")


def test_its_samples_are_its_test(tree):
    code = """
from runwatch.parsers.formats import builtin
from runwatch.parsers.stream import StreamParser
(known,) = [fmt for fmt in builtin() if fmt.name == "tinytrain"]
(sample,) = known.samples
parser = StreamParser()
tables = [*parser.feed(sample.text.encode()).tables, *parser.flush().tables]
print({name: table.column(name).tolist() for table in tables for name in sample.train} == sample.train)
"""
    assert run(tree, code=code) == "True\n"


def test_a_channel(tree):
    with HttpServer() as endpoint:
        (tree / "runwatch.toml").write_text(f'[channels.lamp]\ntype = "beacon"\nurl = "{endpoint.url}"\n')
        reported = run(tree, "notify", "test", "lamp")
    assert "lamp" in reported
    assert [request.body["color"] for request in endpoint.got] == ["red"]
