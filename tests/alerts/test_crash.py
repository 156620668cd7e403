"""kill -9 of a delivering process, again and again: nothing is lost, and what repeats says so."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .slack_server import SlackServer

KILLS = int(os.environ.get("RUNWATCH_TEST_KILLS", "12" if "RUNWATCH_DEEP" in os.environ else "4"))
"""How often the process is killed; more take longer."""
SCRIPT = Path(__file__).with_name("deliverer.py")


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.deep)])
def test_killed_at_any_instant_it_loses_nothing_and_marks_what_repeats(tmp_path, seed):
    chance = random.Random(seed)
    total = 60 * KILLS
    with SlackServer() as slack:
        command = [sys.executable, str(SCRIPT), str(tmp_path / "outbox"), str(tmp_path / "count"), slack.url]
        environ = {**os.environ, "NO_PROXY": "*", "PYTHONPATH": str(Path(__file__).parents[2])}
        for _ in range(KILLS):
            process = subprocess.Popen([*command, str(total)], env=environ)
            if chance.random() < 0.8:  # while it delivers; else while it starts
                slack.wait(posts=min(total, len(slack.posts) + chance.randrange(1, 30)), seconds=60)
                time.sleep(chance.random() * 0.01)
            else:
                time.sleep(chance.random() * 0.5)
            process.kill()
            process.wait()
        assert subprocess.run([*command, str(total)], env=environ, timeout=120, check=False).returncode == 0

        seen = [(post["text"], "may repeat" in str(post)) for post in slack.shown]
    first = list(dict.fromkeys(text for text, _ in seen))
    assert first == [
        f"{word} incident {number} (run)"
        for number in range(total // 2)
        for word in ("● Warning:", "✓ Resolved:")
    ]
    known = set()
    for text, marked in seen:
        assert marked or text not in known, f"repeated without saying so: {text}"
        known.add(text)
    print(
        f"{KILLS} kills, {len(first)} messages, {len(seen) - len(first)} repeated, {sum(m for _, m in seen)} marked"
    )
    assert len(seen) - len(first) <= KILLS
