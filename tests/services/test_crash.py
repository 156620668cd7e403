"""kill -9 in a storm of incidents, two hundred times, with changes folded again after each."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from ..alerts.slack_server import SlackServer

KILLS = int(os.environ.get("RUNWATCH_TEST_KILLS", "200"))
EVERY = 16
"""Changes a commit: up to so many are folded again after a kill."""
SCRIPT = Path(__file__).with_name("stormer.py")


def test_every_change_is_told_in_order_and_only_what_was_in_flight_twice(tmp_path):
    chance, total = random.Random(7), 20 * KILLS
    with SlackServer() as slack:
        command = [
            sys.executable, str(SCRIPT), str(tmp_path / "state"), str(tmp_path / "commit"), slack.url, str(total),
            str(EVERY),
        ]  # fmt: skip
        environ = {**os.environ, "NO_PROXY": "*", "PYTHONPATH": str(Path(__file__).parents[2])}
        kills = 0
        while kills < KILLS:
            process = subprocess.Popen([*command], env=environ)
            if chance.random() < 0.85:
                slack.wait(posts=min(total, len(slack.posts) + chance.randrange(1, 25)), seconds=60)
                time.sleep(chance.random() * 0.02)
            else:
                time.sleep(chance.random() * 0.6)
            kills += process.poll() is None
            process.kill()
            process.wait()
            if len(slack.posts) >= total:
                break
        done = subprocess.run(command, env=environ, timeout=300, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        seen = [(post["text"], "may repeat" in str(post)) for post in slack.shown]
    first = list(dict.fromkeys(text for text, _ in seen))
    assert len(first) == total, "something was lost"
    for number in range(total // 2):
        run = f"(run{number % 10})"
        began = first.index(f"● Warning: incident {number} {run}")
        assert began < first.index(f"✓ Resolved: incident {number} {run}")
    known = set()
    for text, marked in seen:
        assert marked or text not in known, f"repeated without saying so: {text}"
        known.add(text)
    repeated, marks = len(seen) - len(first), sum(marked for _, marked in seen)
    print(f"{kills} kills, {total} messages, {repeated} repeated, {marks} marked")
    assert repeated <= kills
    assert kills > KILLS * 0.8
