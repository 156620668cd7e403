"""A process that raises incidents and delivers them to Slack: what the crash test kills.

Arguments: journal directory, file that counts the messages handed over, webhook, how many.
"""

import sys
import time
from pathlib import Path

from runwatch.alerts.channels.slack.webhook import SlackChannel
from runwatch.alerts.delivery.journal import Journal
from runwatch.alerts.delivery.outbox import Outbox
from runwatch.alerts.routing.notification import Notification
from runwatch.core.snapshot import IncidentRow


def main() -> None:
    directory, counter, url, total = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    notices = []
    journal = Journal(directory, notices.append)
    box = Outbox([SlackChannel(url, timeout=30.0)], notices.append, journal=journal)
    handed = counter.stat().st_size if counter.exists() else 0
    with counter.open("ab", buffering=0) as count:
        for number in range(handed, total):
            while box.left() > 500:  # far from being full: nothing is to be dropped here
                time.sleep(0.001)
            incident, change = number // 2, ("firing", "resolved")[number % 2]
            row = IncidentRow(f"i{incident}", "run", "hang", "warning", change, f"incident {incident}")
            box.submit(Notification(f"{incident}:{change}", "run", change, row, "host", 0.0))
            count.write(b".")  # only now would the fold take the message for safe
    left = box.close(60.0)
    sys.exit(f"{left} left; {notices}" if left or notices else 0)


if __name__ == "__main__":
    main()
