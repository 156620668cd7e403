"""Each channel against a real server or process on this machine."""

import contextlib
import email
import email.policy
import json
import os
import socket
import sys
import time
from pathlib import Path

import msgspec
import pytest

from runwatch.alerts.channels.command import CommandChannel
from runwatch.alerts.channels.email import EmailChannel
from runwatch.alerts.channels.ntfy import NtfyChannel
from runwatch.alerts.channels.pagerduty import PagerDutyChannel
from runwatch.alerts.channels.webhook import WebhookChannel
from runwatch.alerts.notification import Rejected, Retry, Sent, Unsure

from .endpoints import HttpServer, SmtpServer
from .test_slack import FIRING, INCIDENT, RESOLVED

KEY = "R0UT1NGK3Y"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def http_channels(url: str):
    return [
        WebhookChannel("hook", f"{url}/{KEY}", KEY, 2.0),
        NtfyChannel("phone", url, KEY, KEY, 2.0),
        PagerDutyChannel("pager", KEY, url, 2.0),
    ]


@pytest.mark.parametrize("which", [0, 1, 2])
class TestHttp:
    @pytest.mark.parametrize(
        ("answer", "kind", "after"),
        [
            ((200, "", {}), Sent, None),
            ((202, "garbage \x1b[2J", {}), Sent, None),
            ((429, "", {"Retry-After": "17"}), Retry, 17.0),
            ((429, "", {}), Retry, 30.0),
            ((500, f"no {KEY} here", {}), Retry, None),
            ((503, "", {"Retry-After": "9"}), Retry, 9.0),
            ((504, "", {}), Unsure, None),
            ((400, "bad", {}), Rejected, None),
            ((401, f"token {KEY} is wrong", {}), Rejected, None),
            ((404, "", {}), Rejected, None),
            ((302, "", {"Location": f"http://elsewhere.invalid/{KEY}"}), Rejected, None),
        ],
    )
    def test_answers_are_understood_and_keys_stay_secret(self, which, answer, kind, after):
        with HttpServer(answer) as server:
            outcome = http_channels(server.url)[which].send(FIRING)
        assert type(outcome) is kind
        assert len(server.got) == 1
        if kind is Retry:
            assert outcome.after == after
        assert KEY not in repr(outcome)
        assert "\x1b" not in repr(outcome)

    def test_a_closed_port_is_tried_again_and_a_lost_answer_is_unsure(self, which):
        assert isinstance(http_channels(f"http://127.0.0.1:{closed_port()}")[which].send(FIRING), Retry)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            channel = http_channels(url)[which]
            channel._timeout = 0.1
            assert isinstance(channel.send(FIRING), Unsure)

    def test_nothing_of_a_channel_shows_its_secret(self, which):
        channel = http_channels("http://127.0.0.1:1")[which]
        assert KEY not in repr(channel) + channel.identity


def test_a_webhook_gets_the_documented_json():
    with HttpServer() as server:
        assert WebhookChannel("hook", server.url, "t").send(FIRING) == Sent()
    (got,) = server.got
    assert got.headers["Idempotency-Key"] == "n1"
    assert got.headers["Authorization"] == "Bearer t"
    body = got.body
    assert (body["schema"], body["id"], body["change"], body["run"], body["host"]) == (
        1, "n1", "firing", "speedrun", "node1",
    )  # fmt: skip
    assert body["subject"] == "▲ Critical: train/loss is NaN since step 500 (speedrun)"
    assert (body["incident"]["rule"], body["incident"]["rank"], body["incident"]["step"]) == (
        "nonfinite",
        3,
        12500,
    )
    assert body["incident"]["evidence"]["loss"] == "nan"


def test_ntfy_gets_priority_and_plain_text():
    with HttpServer() as server:
        channel = NtfyChannel("phone", server.url, "topic")
        channel.send(FIRING)
        channel.send(RESOLVED)
        channel.send(
            msgspec.structs.replace(FIRING, incident=msgspec.structs.replace(INCIDENT, cause="é" * 9999))
        )
    firing, resolved, long = (request.body for request in server.got)
    assert (firing["topic"], firing["priority"], resolved["priority"]) == ("topic", 5, 3)
    assert "markdown" not in firing
    assert "Rank: 3" in firing["message"]
    assert len(long["message"].encode()) <= 4096


def test_pagerduty_opens_and_closes_one_incident_per_alert():
    other = msgspec.structs.replace(INCIDENT, id="i2", state="resolved")
    with HttpServer() as server:
        channel = PagerDutyChannel("pager", KEY, server.url)
        assert channel.send(msgspec.structs.replace(FIRING, more=(other,), may_repeat=True)) == Sent()
        assert channel.send(RESOLVED) == Sent()
    events = [request.body for request in server.got]
    assert [(event["event_action"], event["dedup_key"]) for event in events] == [
        ("trigger", "runwatch-i1"), ("resolve", "runwatch-i2"), ("resolve", "runwatch-i1"),
    ]  # fmt: skip
    payload = events[0]["payload"]
    assert (payload["severity"], payload["source"], payload["class"]) == ("critical", "node1", "nonfinite")
    assert "repeat" not in str(payload)


class TestCommand:
    def command(self, code: str, **options) -> CommandChannel:
        return CommandChannel("hook", [sys.executable, "-c", code, "$(touch x)"], **options)

    def test_it_gets_json_and_no_shell(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        code = "import sys; open('got', 'w').write(sys.stdin.read()); print('x' * 100000); sys.exit(sys.argv[1] != '$(touch x)')"
        assert self.command(code).send(FIRING) == Sent()
        assert json.loads((tmp_path / "got").read_text())["id"] == "n1"
        assert os.listdir(tmp_path) == ["got"]

    @pytest.mark.parametrize(("code", "kind"), [(0, Sent), (75, Retry), (1, Rejected)])
    def test_its_exit_code_says_what_became_of_it(self, code, kind):
        assert isinstance(self.command(f"import sys; sys.exit({code})").send(FIRING), kind)

    def test_one_that_does_not_read_is_no_trouble(self):
        big = msgspec.structs.replace(FIRING, more=(INCIDENT,) * 900)
        assert self.command("import os; os.close(0)").send(big) == Sent()

    def test_one_that_hangs_is_killed_with_its_children(self, tmp_path):
        mark = tmp_path / "pid"
        script = f"sleep 60 & echo $! > {mark}; sleep 60"
        assert isinstance(CommandChannel("hook", ["/bin/sh", "-c", script], timeout=2.0).send(FIRING), Unsure)
        stat = Path(f"/proc/{mark.read_text().strip()}/stat")
        deadline = time.monotonic() + 10
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            while " Z " not in stat.read_text():
                assert time.monotonic() < deadline, "a child lives"
                time.sleep(0.01)

    def test_one_that_is_not_there_is_told(self):
        assert CommandChannel("hook", ["/no/such/program"]).send(FIRING) == Rejected(
            "cannot run program: No such file or directory"
        )


class TestEmail:
    def channel(self, port: int, **options) -> EmailChannel:
        options = {"sender": "runwatch@example.org", "to": ["a@example.org", "b@example.org"], **options}
        return EmailChannel("mail", "127.0.0.1", port, security="none", timeout=2.0, **options)

    def test_mail_arrives_readable_and_in_one_thread(self):
        evil = msgspec.structs.replace(
            FIRING, incident=msgspec.structs.replace(INCIDENT, title="a\r\nBcc: all@example.org\r\n.\r\nÜ")
        )
        with SmtpServer() as server:
            assert self.channel(server.port).send(evil) == Sent()
            assert self.channel(server.port).send(RESOLVED) == Sent()
        first, second = (email.message_from_bytes(mail, policy=email.policy.default) for mail in server.mails)
        assert first["Subject"].startswith("▲ Critical: aBcc: all@example.org.Ü")
        assert "Bcc" not in first
        assert (first["To"], first["Auto-Submitted"]) == ("a@example.org, b@example.org", "auto-generated")
        assert first["References"] == second["References"]
        assert first["Message-ID"] != second["Message-ID"]
        assert "Rank: 3" in first.get_content()
        assert first.get_content_type() == "text/plain"

    @pytest.mark.parametrize(
        ("answers", "kind"),
        [
            ({"RCPT": "550 nobody"}, Rejected),
            ({"RCPT": "451 later"}, Retry),
            ({"MAIL": "421 busy"}, Retry),
            ({"BODY": "554 spam"}, Rejected),
            ({"BODY": ""}, Unsure),
            ({"EHLO": "500 what", "HELO": "500 what"}, Rejected),
        ],
    )
    def test_answers_are_understood(self, answers, kind):
        with SmtpServer(**answers) as server:
            assert isinstance(self.channel(server.port).send(FIRING), kind)

    def test_a_closed_port_is_tried_again(self):
        assert isinstance(self.channel(closed_port()).send(FIRING), Retry)

    def test_without_encryption_that_was_asked_for_nothing_is_sent(self):
        with SmtpServer() as server:
            channel = EmailChannel(
                "mail",
                "127.0.0.1",
                server.port,
                sender="r@example.org",
                to=["a@example.org"],
                user="u",
                password="hushhush",
            )
            outcome = channel.send(FIRING)
        assert not isinstance(outcome, Sent)
        assert "hush" not in repr(outcome)
        assert server.mails == []
