"""A process that folds incidents and tells of them, as a daemon does: what the crash test kills.

Arguments: state directory, file of the newest commit, webhook, how many changes, how many a commit.
It goes on at the newest commit, so that after a kill changes are folded again.
"""

import os
import sys
import time
from pathlib import Path

from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.slack import SlackConfig
from runwatch.alerts.incidents.incidents import Change
from runwatch.alerts.settings import RoutingConfig
from runwatch.config.loader import Config
from runwatch.core.snapshot import IncidentRow
from runwatch.watcher.service.notify import Notifier


def change(number: int) -> Change:
    """Return one of the changes: pairs of a beginning and an end, over ten runs."""
    incident, over = divmod(number, 2)
    state = "resolved" if over else "firing"
    row = IncidentRow(
        f"i{incident}", f"run{incident % 10}", "hang", "warning", state, f"incident {incident}", step=number
    )
    return Change(state, row, row.run, True, over + 1)


def main() -> None:
    directory, commit, url, total, every = (
        sys.argv[1],
        Path(sys.argv[2]),
        sys.argv[3],
        *map(int, sys.argv[4:]),
    )
    os.environ["RUNWATCH_STATE"] = directory
    notices: list[str] = []
    config = Config(
        slack=SlackConfig(webhook=Secret(url), per_minute=10**9, timeout=30.0),
        routing=RoutingConfig(flap_count=0),  # each is to be told
    )
    notifier = Notifier(config, notices.append, epoch="storm")
    for number in range(int(commit.read_text()) if commit.exists() else 0, total):
        while notifier._outbox.left() > 300:
            time.sleep(0.001)
        notifier.submit(change(number))
        if number % every == every - 1:
            new = commit.with_suffix(".new")
            new.write_text(str(number + 1))
            new.replace(commit)
    end = time.monotonic() + 120
    while notifier._outbox.left() and time.monotonic() < end:
        time.sleep(0.01)
    left = notifier._outbox.left()
    notifier.close()
    sys.exit(f"{left} left; {notices}" if left or notices else 0)


if __name__ == "__main__":
    main()
