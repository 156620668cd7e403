"""Alerts and routers for tests that bring their own clock."""

import itertools
import time

from runwatch.alerts.routing.grouping import Alert
from runwatch.alerts.routing.policy import Policy, Receiver, Route
from runwatch.alerts.routing.router import Router
from runwatch.core.snapshot import IncidentRow

ONE = (Receiver("slack", per_minute=10_000),)
NUMBERS = itertools.count()


def alert(
    name, state="firing", *, run="r", severity="warning", rule="hang", at=0.0, number=None, **fields
) -> Alert:
    row = IncidentRow(name, run, rule, severity, state, f"title {name}", **fields)
    return Alert(row, "node1", at, number=next(NUMBERS) if number is None else number)


def router(*, receivers=ONE, **policy) -> Router:
    return Router(Policy(receivers, **policy), epoch="e", local=time.gmtime)


def reported(router: Router, now: float) -> list[tuple[str, list[str]]]:
    """Return (change, names) of what is due."""
    return [
        (message.change, [row.id for row in (message.incident, *message.more)])
        for _, message in router.flush(now)
    ]


def grouped(**fields) -> Route:
    return Route(group_by=("run",), group_wait=10.0, group_interval=60.0, **fields)
