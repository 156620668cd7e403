"""What an Alertmanager is told, and what happens while none can be reached."""

import queue
import time

import msgspec
import pytest

from runwatch.alerts.channels import alertmanager
from runwatch.alerts.channels.alertmanager import PushedAlerts, Pusher, alert_body

from .endpoints import HttpServer
from .routed import alert
from .test_channels import closed_port

NOW = 1_700_000_000.0


def never(_alert, _now) -> float:
    return 0.0


def names(reported: PushedAlerts, now: float = NOW, muted=never) -> list[tuple[str, str]]:
    return [
        (body["labels"]["incident"], body["labels"]["severity"])
        for bodies in reported.bodies(now, muted)
        for body in bodies
    ]


def ends(reported: PushedAlerts, now: float) -> list[str]:
    return [body["endsAt"] for bodies in reported.bodies(now, never) for body in bodies]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def test_one_alert_as_the_api_takes_it():
    body = alert_body(alert("a", at=NOW, metric="train/loss", rank=3, step=500, since=NOW - 60), NOW, None)
    assert body["labels"] == {
        "alertname": "hang", "run": "r", "rule": "hang", "severity": "warning", "host": "node1",
        "metric": "train/loss", "rank": "3", "incident": "a",
    }  # fmt: skip
    assert body["annotations"] == {"summary": "title a", "step": "500"}
    assert (body["startsAt"], body["endsAt"]) == ("2023-11-14T22:12:20.000Z", "2023-11-14T22:18:20.000Z")


def test_what_fires_is_renewed_and_an_end_is_repeated_for_five_minutes():
    reported = PushedAlerts()
    reported.take(alert("a"), NOW)
    assert ends(reported, NOW + 3600) == ["2023-11-14T23:18:20.000Z"]
    reported.take(alert("a", "acknowledged"), NOW + 3601)
    assert len(ends(reported, NOW + 3601)) == 1
    reported.take(alert("a", "resolved"), NOW + 3660)
    assert ends(reported, NOW + 3960) == ["2023-11-14T23:14:20.000Z"]
    assert ends(reported, NOW + 3961) == []


def test_one_that_gets_more_severe_is_another_there_and_the_first_ends():
    reported = PushedAlerts()
    reported.take(alert("a"), NOW)
    reported.take(alert("a", severity="critical"), NOW + 1)
    assert [len(reported.firing()), reported.firing()[0].row.severity] == [1, "critical"]
    assert names(reported) == [("a", "warning"), ("a", "critical")]
    assert names(reported, NOW + 400) == [("a", "critical")]


def test_what_is_muted_is_left_out():
    reported = PushedAlerts()
    reported.take(alert("a"), NOW)
    reported.take(alert("b"), NOW)
    assert names(reported, NOW, lambda one, _: one.row.id == "a") == [("b", "warning")]


def test_the_next_process_continues():
    reported = PushedAlerts()
    for name in "ab":
        reported.take(alert(name), NOW)
    reported.take(alert("b", "resolved"), NOW)
    heir = PushedAlerts({key: body for key, body in reported.changes().items() if body is not None})
    assert [one.row.id for one in heir.firing()] == ["a"]
    assert sorted(names(heir)) == [("a", "warning"), ("b", "warning")]
    assert names(heir, NOW + 301) == [("a", "warning")]
    assert [key for key, body in heir.changes().items() if body is None] == ["pushed/b.warning"]


def test_many_are_sent_in_pieces():
    reported = PushedAlerts()
    for number in range(1200):
        reported.take(alert(f"{number}"), NOW)
    assert [len(bodies) for bodies in reported.bodies(NOW, never)] == [500, 500, 200]


def pusher(peers, notices, falls, **options) -> Pusher:
    return Pusher(
        peers,
        "hush",
        PushedAlerts(),
        notice=notices.append,
        fallen=falls.append,
        muted=never,
        timeout=2.0,
        **options,
    )


def test_every_peer_is_reported_and_one_is_enough():
    notices, falls = [], []
    with HttpServer() as one:
        push = pusher([f"http://127.0.0.1:{closed_port()}", f"{one.url}/am/"], notices, falls, patience=0.0)
        push.take(alert("a", at=NOW), NOW)
        push.close()
    (request,) = one.got
    assert request.path == "/am/api/v2/alerts"
    assert request.headers["Authorization"] == "Bearer hush"
    assert [body["labels"]["incident"] for body in request.body] == ["a"]
    assert (notices, falls) == ([], [])


def test_while_none_can_be_reached_people_are_informed_and_then_no_more(monkeypatch):
    monkeypatch.setattr(alertmanager, "RESEND", 0.05)
    notices, falls = [], queue.Queue()
    with HttpServer((500, "", {}), (500, "", {}), (500, "", {})) as server:
        push = Pusher(
            [server.url],
            "",
            PushedAlerts(),
            notice=notices.append,
            fallen=falls.put,
            muted=never,
            patience=0.01,
        )
        push.take(alert("a", at=time.time()), time.time())
        assert [falls.get(timeout=60), falls.get(timeout=60)] == [True, False]
        push.close()
    assert falls.empty()
    assert [notice.split(":")[1].split()[0] for notice in notices] == ["alerts", "reached"]


def test_text_of_a_log_is_cleaned():
    hostile = msgspec.structs.replace(
        alert("a").row, title="\x1b[2J" + "x" * 10_000, run="a\nb\x00", cause="password=hush"
    )
    body = alert_body(msgspec.structs.replace(alert("a"), row=hostile), NOW, None)
    assert "\x1b" not in str(body)
    assert "hush" not in str(body)
    assert body["labels"]["run"] == "ab"
    assert len(str(body)) < 3000
