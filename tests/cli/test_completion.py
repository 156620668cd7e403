"""Shell completion: the script, and what it is answered."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

RUNWATCH = [sys.executable, "-c", "from runwatch.cli.main import main; main()"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_runwatch(shell):
    done = subprocess.run([*RUNWATCH, "completion", shell], capture_output=True, text=True, check=True)
    assert f"_RUNWATCH_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("words", "answer"),
    [("runwatch ru", {"plain,run", "plain,rules"}), ("runwatch run --resta", {"plain,--restart"})],
)
def test_commands_and_options_are_completed(words, answer):
    asked = {"_RUNWATCH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(RUNWATCH, capture_output=True, text=True, env={**os.environ, **asked}, check=False)
    assert set(done.stdout.split()) == answer
