"""Each channel against a real server or process on this machine."""

import contextlib
import email
import email.policy
import fcntl
import json
import os
import pty
import select
import shutil
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import msgspec
import pytest

from runwatch.alerts.channels.apprise.channel import AppriseChannel
from runwatch.alerts.channels.command.channel import CommandChannel
from runwatch.alerts.channels.desktop.channel import DesktopChannel
from runwatch.alerts.channels.discord.channel import DiscordChannel
from runwatch.alerts.channels.email.channel import EmailChannel
from runwatch.alerts.channels.http import MOST_READ, exchange
from runwatch.alerts.channels.ntfy.channel import NtfyChannel
from runwatch.alerts.channels.pagerduty.channel import PagerDutyChannel
from runwatch.alerts.channels.slack.bot import SlackBotChannel
from runwatch.alerts.channels.slack.webhook import SlackChannel
from runwatch.alerts.channels.teams.channel import TeamsChannel
from runwatch.alerts.channels.telegram.channel import TelegramChannel
from runwatch.alerts.channels.terminal.channel import TerminalChannel
from runwatch.alerts.channels.webhook.channel import WebhookChannel
from runwatch.alerts.routing.notification import Recent, Rejected, Retry, Sent, Unsure

from .endpoints import HttpServer, SmtpServer
from .test_slack import FIRING, INCIDENT, RESOLVED

KEY = "R0UT1NGK3Y"
LOGIN = "250-here\r\n250 AUTH PLAIN LOGIN"
"""Answers EHLO: the server takes passwords."""


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
        DiscordChannel("discord", f"{url}/{KEY}", 2.0),
        TeamsChannel("teams", f"{url}/{KEY}", 2.0),
        TelegramChannel("telegram", KEY, "-100", api=url, timeout=2.0),
    ]


@pytest.mark.parametrize("which", range(6))
class TestHttp:
    @pytest.mark.parametrize(
        ("answer", "kind", "after"),
        [
            ((200, "", {}), Sent, None),
            ((202, "garbage \x1b[2J", {}), Sent, None),
            ((429, "", {"Retry-After": "17"}), Retry, 17.0),
            ((429, "", {}), Retry, 30.0),
            ((429, '{"message": "limited", "retry_after": 1.5}', {}), Retry, 1.5),
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
        if which == 5 and kind is Sent:
            answer = (200, '{"ok":true,"result":{"message_id":7}}', {})
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


@pytest.mark.parametrize("which", range(8))
def test_no_channel_follows_a_redirect(which):
    """It would carry a token elsewhere, or turn the message into a question that any page answers."""
    with HttpServer() as elsewhere, HttpServer((302, "", {"Location": f"{elsewhere.url}/{KEY}"})) as server:
        slack = (
            SlackChannel(f"{server.url}/{KEY}", timeout=2.0),
            SlackBotChannel(KEY, "C1", api=server.url, timeout=2.0),
        )
        outcome = (*http_channels(server.url), *slack)[which].send(FIRING)
        assert len(server.got) == 1
        assert elsewhere.got == []
    assert isinstance(outcome, Rejected)
    assert KEY not in repr(outcome)


def test_discord_gets_escaped_markdown_and_no_mentions():
    with HttpServer() as server:
        channel = DiscordChannel("discord", server.url)
        channel.send(FIRING)
        channel.send(RESOLVED)
    firing, resolved = (request.body for request in server.got)
    assert firing["allowed_mentions"] == {"parse": []}
    assert firing["content"] == "▲ Critical\\: loss is NaN since step 500 \\(speedrun\\)"
    assert "What to do\\: go back" in firing["embeds"][0]["description"]
    assert firing["embeds"][0]["color"] != resolved["embeds"][0]["color"]


def test_teams_gets_a_card_of_plain_runs():
    with HttpServer((200, "Webhook message delivery failed with error: HTTP error 429", {})) as server:
        channel = TeamsChannel("teams", server.url)
        assert channel.send(FIRING) == Retry("Teams asks to slow down", 30.0)
        assert channel.send(FIRING) == Sent()
    (card,) = (part["content"] for part in server.got[1].body["attachments"])
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    lines = [run["text"] for block in card["body"] for run in block["inlines"]]
    assert lines[0] == "▲ Critical: loss is NaN since step 500 (speedrun)"
    assert "Rank: 3" in lines


def test_telegram_answers_its_own_first_message_also_after_a_restart():
    memory = Recent()
    took = (200, '{"ok":true,"result":{"message_id":77,"chat":{}}}', {})
    again = (200, '{"ok":true,"result":{"message_id":78}}', {})
    with HttpServer(took, again, again) as server:
        for notification in (FIRING, RESOLVED, RESOLVED):
            channel = TelegramChannel("telegram", KEY, "-100", api=server.url, memory=memory)
            assert channel.send(notification) == Sent()
    first, second, third = (request.body for request in server.got)
    assert server.got[0].path == f"/bot{KEY}/sendMessage"
    assert (first["parse_mode"], first["chat_id"], first["disable_notification"]) == (
        "MarkdownV2",
        "-100",
        False,
    )
    assert "reply_parameters" not in first
    assert second["reply_parameters"] == third["reply_parameters"]
    assert second["reply_parameters"]["message_id"] == 77
    assert second["disable_notification"]


def test_an_endless_answer_is_cut_off():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    connection.sendall(b"x")
                    time.sleep(0.05)

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        outcome = WebhookChannel("hook", url, "", 0.3).send(FIRING)
        assert time.monotonic() - began < 60
        assert isinstance(outcome, Sent | Unsure)
        thread.join(60)


def test_of_a_large_answer_little_is_read():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def flood() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                for _ in range(64):
                    connection.sendall(bytes(1 << 18))

        thread = threading.Thread(target=flood)
        thread.start()
        answer = exchange(f"http://127.0.0.1:{server.getsockname()[1]}", b"", 60.0, {})
        assert len(answer.raw) == MOST_READ
        thread.join(60)


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
    assert body["subject"] == "▲ Critical: loss is NaN since step 500 (speedrun)"
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


class TestDesktop:
    def test_notify_send_gets_escaped_text(self, tmp_path, monkeypatch):
        program = tmp_path / "notify-send"
        program.write_text(
            f"#!{sys.executable}\nimport sys; open({str(tmp_path / 'got')!r}, 'w').write('\\0'.join(sys.argv[1:]))"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        hostile = msgspec.structs.replace(FIRING, run="<b>x</b> & --help")
        assert DesktopChannel("desk").send(hostile) == Sent()
        _, urgency, dashes, subject, body = (tmp_path / "got").read_text().split("\0")
        assert (urgency, dashes) == ("--urgency=critical", "--")
        assert subject.startswith("▲ Critical")
        assert "Run: &lt;b&gt;x&lt;/b&gt; &amp; --help" in body

    def test_without_it_that_is_said(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        assert DesktopChannel("desk").send(FIRING) == Rejected("notify-send is not installed")
        assert TerminalChannel("here").send(FIRING) == Rejected("no terminal is open")

    def test_a_named_terminal_is_rung_and_a_file_is_not(self, tmp_path):
        (tmp_path / "file").write_text("")
        ours, theirs = pty.openpty()
        try:
            channel = TerminalChannel("here", [os.ttyname(theirs), str(tmp_path / "file")], "no-such-socket")
            assert channel.send(FIRING) == Sent()
            assert os.read(ours, 10) == b"\a"
            assert (tmp_path / "file").read_text() == ""
        finally:
            os.close(ours)
            os.close(theirs)

    @pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
    def test_tmux_shows_a_hostile_line_as_it_is(self, monkeypatch):
        """Formats such as #(program) are run by tmux, so what a log line holds must not be one."""
        monkeypatch.delenv("TMUX", raising=False)
        socket_name = f"runwatch-test-{os.getpid()}"
        ran = Path(f"/tmp/{socket_name}")
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 190, 0, 0))
        command = ["tmux", "-L", socket_name, "-f", "/dev/null", "new-session", "sleep 60"]
        client = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**os.environ, "TERM": "xterm"},
        )  # fmt: skip
        try:
            seen = _read_until(ours, b"[0]")
            run = f"#(touch {ran}) #{{pid}} %H:%M #[fg=red]x"
            channel = TerminalChannel("here", socket=socket_name)
            assert channel.send(msgspec.structs.replace(FIRING, run=run)) == Sent()
            seen = _read_until(ours, b"#[fg=red]x")
            assert b"#{pid} %H:%M" in seen
            assert not ran.exists()
        finally:
            subprocess.run(["tmux", "-L", socket_name, "kill-server"], check=False, capture_output=True)
            client.wait(60)
            os.close(ours)
            os.close(theirs)


def _read_until(terminal: int, wanted: bytes, seconds: float = 15.0) -> bytes:
    seen, end = b"", time.monotonic() + seconds
    while wanted not in seen and time.monotonic() < end:
        if select.select([terminal], [], [], 0.5)[0]:
            seen += os.read(terminal, 65536)
    assert wanted in seen, seen[-2000:]
    return seen


@pytest.mark.filterwarnings("default")
def test_apprise_gets_text_only():
    pytest.importorskip("apprise")
    with HttpServer() as server:
        channel = AppriseChannel("other", server.url.replace("http://", "json://"))
        assert channel.send(FIRING) == Sent()
    assert server.got[0].body["message"].startswith("Run: speedrun")
    assert AppriseChannel("other", "nosuch://hush").send(FIRING) == Rejected(
        "apprise does not know this address"
    )


def test_without_apprise_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    outcome = AppriseChannel("other", "json://hush").send(FIRING)
    assert outcome == Rejected("apprise is not installed: pip install apprise")


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
        deadline = time.monotonic() + 60
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            while " Z " not in stat.read_text():
                assert time.monotonic() < deadline, "a child lives"
                time.sleep(0.01)

    def test_one_that_is_not_there_is_reported(self):
        assert CommandChannel("hook", ["/no/such/program"]).send(FIRING) == Rejected(
            "cannot run program: No such file or directory"
        )


class TestEmail:
    def channel(self, port: int, **options) -> EmailChannel:
        options = {"sender": "runwatch@example.org", "to": ["a@example.org", "b@example.org"], **options}
        return EmailChannel("mail", "127.0.0.1", port, timeout=2.0, **{"security": "none", **options})

    def test_mail_arrives_readable_and_in_one_thread(self):
        evil = msgspec.structs.replace(
            FIRING, incident=msgspec.structs.replace(INCIDENT, title="a\r\nBcc: all@example.org\r\n.\r\nÜ")
        )
        with SmtpServer() as server:
            assert self.channel(server.port).send(evil) == Sent()
            assert server.recipients == ["a@example.org", "b@example.org"]
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

    @pytest.mark.parametrize("security", ["starttls", "tls"])
    @pytest.mark.parametrize("login", [{}, {"user": "u", "password": "hushhush"}])
    def test_without_encryption_that_was_asked_for_nothing_is_sent(self, login, security):
        with SmtpServer(EHLO=LOGIN, AUTH="235 welcome") as server:
            outcome = self.channel(server.port, security=security, **login).send(FIRING)
        assert not isinstance(outcome, Sent)
        assert not {"AUTH", "MAIL", "DATA"} & set(server.verbs)
        assert server.mails == []

    def test_a_password_that_the_server_repeats_is_not_quoted(self):
        with SmtpServer(EHLO=LOGIN, AUTH="535 no hushhush, nor aHVzaGh1c2g=") as server:
            outcome = self.channel(server.port, user="u", password="hushhush").send(FIRING)
        assert isinstance(outcome, Rejected)
        assert "535" in outcome.reason
        assert not any(said in outcome.reason for said in ("hushhush", "aHVzaGh1c2g"))


class TestWhatIsWrongIsSaid:
    """What `notify test` prints: no web pages, no secrets, and what to look at."""

    PAGE = "<html><head><title>404 Not Found</title></head><body>nginx</body></html>"

    @pytest.mark.parametrize("number", range(6))
    @pytest.mark.parametrize(
        ("status", "body", "hint"),
        [
            (401, '{"detail":"unauthorized"}', "check the token or key"),
            (403, "forbidden", "the token or key may not post there"),
            (404, PAGE, "check the address"),
        ],
    )
    def test_of_a_refusal(self, number, status, body, hint):
        with HttpServer((status, body, {})) as server:
            outcome = http_channels(server.url)[number].send(FIRING)
        assert isinstance(outcome, Rejected)
        assert outcome.reason.endswith(f": {hint}")
        assert str(status) in outcome.reason
        assert "<" not in outcome.reason
        assert KEY not in outcome.reason

    @pytest.mark.parametrize("number", range(1, 6))
    def test_of_a_sign_in_page_that_answers_for_a_service(self, number):
        with HttpServer((200, "<!DOCTYPE html><html>Sign in</html>", {})) as server:
            outcome = http_channels(server.url)[number].send(FIRING)
        assert isinstance(outcome, Retry)
        assert "sign-in page" in outcome.reason
