"""The manual pages say what --help says, and `man` shows them without complaint."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from runwatch.cli.manual import pages, write
from runwatch.cli.overview import COMMANDS

from .command import called


def shown(text: str) -> str:
    """What the formatter makes of a page, near enough: its text without requests and fonts."""
    lines = [line for line in text.splitlines() if not line.startswith(".")]
    return re.sub(r"\\&|\\f[BIR]", "", "\n".join(lines)).replace(r"\-", "-").replace(r"\e", "\\")


def test_every_command_has_a_page_and_the_first_names_them_all():
    made = dict(pages())
    assert made.keys() == {"runwatch", *(f"runwatch-{name}" for name in COMMANDS)}
    assert all(f"runwatch-{name}(1)" in shown(made["runwatch"]) for name in COMMANDS)


def test_they_are_made_with_nothing_but_click():
    """A wheel is built where none of our other dependencies are."""
    code = "import sys; from runwatch.cli.manual import pages; list(pages()); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    ours = {"msgspec", "numpy", "platformdirs", "psutil", "pynvml", "textual", "watchdog"}
    assert not loaded & ours


def test_a_page_has_each_option_and_example_of_the_help():
    page = shown(dict(pages())["runwatch-tail"])
    said = called("tail", "--help").stdout
    for option in re.findall(r"^  (?:-\w, )?(--[\w-]+)", said, re.MULTILINE):
        assert option in page or option == "--help"
    for example in re.findall(r"^    (runwatch .*)$", said, re.MULTILINE):
        assert example in page


def test_a_group_has_the_pages_of_its_commands_within_it():
    page = shown(dict(pages())["runwatch-silence"])
    assert "runwatch silence add run=exp1" in page
    assert "'severity!=critical'" in page


@pytest.mark.deep
@pytest.mark.skipif(shutil.which("groff") is None, reason="there is no groff")
def test_the_formatter_has_no_complaint(tmp_path):
    for path in write(tmp_path):
        command = ["groff", "-man", "-ww", "-Tutf8", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr == "", path.name
