"""Slack as it is on a bad day: one message a second, pauses, faults, slow and lost answers."""

import random
import time

from runwatch.alerts.channels.slack.webhook import SlackChannel
from runwatch.alerts.delivery.outbox import Outbox
from runwatch.alerts.delivery.queue import Queue
from runwatch.alerts.routing.notification import Notification
from runwatch.core.snapshot import IncidentRow

from ..alerts.slack_server import SlackServer


class StrictSlack(SlackServer):
    """Takes one message a second, and asks for a pause when it gets more; fails as its chance has it."""

    PACE = 1.0
    FAULTS = ("500", "html", "reset", "slow", "garbage")

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._chance, self._last, self.refused = random.Random(seed), 0.0, 0

    def answer(self, raw: bytes):
        now = time.monotonic()
        if now - self._last < self.PACE:
            self.refused += 1
            return 429, "rate_limited", {"Retry-After": "1"}
        self._last = now
        fault = self._chance.choice(self.FAULTS) if self._chance.random() < 0.3 else ""
        if fault == "slow":  # it took the message, and its answer comes too late
            super().answer(raw)
            time.sleep(0.8)
            return 200, "ok", {}
        if fault == "garbage":
            super().answer(raw)
            return 200, "\x00\xff\x1b[2J" * 50, {}
        if fault:
            self.script.append(fault)
        return super().answer(raw)


def test_everything_arrives_in_order_and_repetitions_say_so():
    notices = []
    with StrictSlack(3) as slack:
        box = Outbox(
            [SlackChannel(slack.url, timeout=0.5)], notices.append, queue=lambda: Queue(jitter=lambda: 0.1)
        )
        for number in range(12):
            for state in ("firing", "resolved"):
                row = IncidentRow(f"i{number}", "r", "hang", "warning", state, f"incident {number}")
                box.submit(Notification(f"{number}.{state}", "r", state, row, "h", time.time()))
        end = time.monotonic() + 240
        while box.left() and time.monotonic() < end:
            time.sleep(0.1)
        assert box.close(1.0) == 0
        seen = [(post["text"], "may repeat" in str(post)) for post in slack.shown]
        assert slack.refused
    assert not any("refused" in notice or "given up" in notice for notice in notices)
    for number in range(12):
        mine = [text.split(":")[0] for text, _ in seen if f"incident {number} " in text]
        assert list(dict.fromkeys(mine)) == ["● Warning", "✓ Resolved"]
    known = set()
    for text, marked in seen:
        assert marked or text not in known, f"repeated without saying so: {text}"
        known.add(text)
