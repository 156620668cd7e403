"""What the documentation shows is what there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest

from runwatch.alerts.channels.secret import Secret
from runwatch.config.loader import read
from runwatch.parsers.formats import builtin
from runwatch.reports.explain.explain import explain
from tests import shell_lines

ROOT = Path(__file__).parents[1]
RULES = (ROOT / "docs" / "own-rules.md").read_text()
FORMATS = (ROOT / "docs" / "formats.md").read_text()
EXAMPLE = ROOT / "examples" / "plugin"


def blocks(kind: str, page: str = FORMATS) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [text for of, text in found if of == kind]


def test_the_plugin_shown_is_the_one_in_the_examples():
    assert (EXAMPLE / "pyproject.toml").read_text() in blocks("toml")
    shown = next(block for block in blocks("python") if "training(" in block)
    assert (EXAMPLE / "runwatch_tinytrain.py").read_text().endswith(shown)
    test = next(block for block in blocks("python") if "def test_" in block)
    source = (EXAMPLE / "tests" / "test_tinytrain.py").read_text()
    assert all(line in source for line in test.splitlines())


def test_the_formats_shown_for_the_configuration_are_accepted(tmp_path):
    section = next(block for block in blocks("toml") if "[[formats]]" in block)
    regex = re.search(r"`(regex = 'it .*?')`", FORMATS)[1]
    (tmp_path / "runwatch.toml").write_text(f'{section}\n[[formats]]\nname = "other"\n{regex}\n')
    template, expression = (own.build() for own in read(tmp_path / "runwatch.toml").formats)
    for fmt, line, count in (
        (template, b"it 1/2 loss=2.5 lr=1e-3 took 5", 5),
        (expression, b"it 1 of 2 loss=2.5", 2),
    ):
        assert len(fmt.matchers[0].match(line).spans) == count


def test_the_explanation_shown_is_the_one_that_is_printed(tmp_path, capsys):
    from runwatch.cli.commands.formats import command

    (tmp_path / "x.log").write_bytes(
        b"".join(b"upd %d xloss %.3f acc 0.5\nnote\n" % (i, 9 / (i + 1)) for i in range(30))
    )
    command.callback(str(tmp_path / "x.log"), as_json=False, config=None)
    printed = capsys.readouterr().out.splitlines()
    shown = next(block for block in blocks("") if "lines that decided" in block).splitlines()
    assert shown[0] in printed[0]
    assert printed[1].startswith(shown[1].removesuffix("..."))
    assert printed[2:] == shown[2:]


def test_every_example_of_a_format_is_one_line():
    for known in builtin():
        assert "\n" not in known.example
        assert explain(known.example.encode(), builtin()).lines == 1


def test_the_alerts_shown_are_accepted_and_every_channel_is_shown(tmp_path, monkeypatch):
    from runwatch.alerts.channels.build import build
    from runwatch.alerts.channels.kinds import kinds
    from runwatch.alerts.delivery.templates import FIELDS

    text = (ROOT / "docs" / "alerts.md").read_text()
    sections = re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "runwatch.toml").write_text("\n".join(sections))
    config = read(tmp_path / "runwatch.toml")
    assert {type(given) for given in config.everyone().values()} == set(kinds().values())
    for name in ("SLACK", "DISCORD", "TEAMS"):
        monkeypatch.setenv(f"{name}_WEBHOOK", "https://example.org/x")
    for name in ("HOOK_URL", "HOOK_TOKEN", "NTFY_TOPIC", "TELEGRAM_TOKEN", "APPRISE_URL"):
        monkeypatch.setenv(name, "https://example.org/x")
    for name, given in config.everyone().items():
        keys = [key for key in ("token", "routing_key", "password") if getattr(given, key, None)]
        known = msgspec.structs.replace(given, **dict.fromkeys(keys, Secret("x1")))
        assert build(name, known).name == name
    assert all(f"`{field}`" in text for field in FIELDS)


def test_the_rule_plugin_shown_is_the_one_in_the_examples():
    example = ROOT / "examples" / "rule-plugin"
    assert (example / "pyproject.toml").read_text() in blocks("toml", RULES)
    files = (example / "runwatch_entropy.py", example / "tests" / "test_entropy.py")
    assert [file.read_text() for file in files] == blocks("python", RULES)


def test_the_rules_shown_for_the_configuration_are_accepted(tmp_path):
    shown = [block for block in blocks("toml", RULES) if "[project]" not in block]
    (tmp_path / "runwatch.toml").write_text("\n".join(shown))
    ruleset = read(tmp_path / "runwatch.toml").ruleset()
    rules = {rule.name: rule for rule in ruleset.build("exp-3")}
    assert (rules["reward_lost"].below, rules["loss_spike"].z, rules["hang"].least) == (0.1, 10.0, 1800.0)
    assert not rules.keys() & {"plateau", "grad_spike"}


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", head.lower()).strip()) for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in LINK.findall(re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)):
        place, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
        assert page.parent.name != "docs" or ROOT / "docs" in target.parents, f"{link} is not on the site"


def test_every_page_is_on_the_site():
    listed = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    docs = ROOT / "docs"
    assert sorted(listed) == sorted(str(page.relative_to(docs)) for page in docs.rglob("*.md"))


def indented(kind: str, page: str) -> list[str]:
    found = re.findall(r"^( *)```(\w+)\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(text) for _, of, text in found if of == kind]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_command_lines_are_right(page):
    found = [words for block in indented("sh", page.read_text()) for words in shell_lines.lines(block)]
    for words in found:
        shell_lines.check(words)
    assert found or page.name not in {"README.md", "getting-started.md", "scripts.md"}


@pytest.mark.parametrize("page", ["README", "getting-started", "sources", "screen"])
def test_configurations_are_accepted(page, tmp_path):
    path = ROOT / f"{page}.md" if page == "README" else ROOT / "docs" / f"{page}.md"
    for number, block in enumerate(indented("toml", path.read_text())):
        (tmp_path / f"{number}.toml").write_text(block)
        read(tmp_path / f"{number}.toml")


TRAIN = """\
import math
for step in range(300):
    print(f"step {step}/300 loss {2 + 3 * math.exp(-step / 60):.4f} lr 3.0e-04 dt 12.0ms", flush=True)
"""
INTERACTIVE = {
    ("tail", "train.log"),
    ("demo",),
    ("attach",),
    ("notify", "test"),
    ("notify", "setup"),
    ("ack",),
    ("silence",),
}
"""What needs a screen, another host, a service, half a minute or an incident: parsed above, and run elsewhere."""


@pytest.mark.deep
def test_getting_started_works_as_written(tmp_path):
    (tmp_path / "train.py").write_text(TRAIN)
    state = {
        "RUNWATCH_STATE": str(tmp_path / "state"),
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    env = {name: value for name, value in os.environ.items() if not name.startswith("RUNWATCH_")} | state
    with (tmp_path / "train.log").open("w") as log:
        subprocess.run([sys.executable, "train.py"], cwd=tmp_path, stdout=log, check=True)
    page = (ROOT / "docs" / "getting-started.md").read_text()
    ran = []
    try:
        for words in (words for block in indented("sh", page) for words in shell_lines.lines(block)):
            skipped = any(tuple(words[1 : 1 + len(skip)]) == skip for skip in INTERACTIVE)
            if words[0] != "runwatch" or (skipped and "--exit" not in words):
                continue
            if words[1] == "watch":  # what init found depends on the machine
                (tmp_path / "runwatch.toml").write_text('[watch]\npaths = ["."]\n')
            command = [sys.executable if word == "python" else word for word in words[1:]]
            done = subprocess.run(
                [sys.executable, "-m", "runwatch", *command],
                cwd=tmp_path,
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, (words, done.stdout, done.stderr)
            ran.append(words[1])
    finally:
        subprocess.run([sys.executable, "-m", "runwatch", "stop"], env=env, capture_output=True, check=False)
    assert ran == ["formats", "tail", "check", "run", "init", "watch", "status", "alerts", "reload", "stop"]
