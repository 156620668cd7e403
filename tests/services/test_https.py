"""Web addresses over TLS: a certificate that nobody vouches for gets no message and no secret."""

import http.server
import shutil
import ssl
import subprocess
import threading

import pytest

from runwatch.alerts.channels.discord.channel import DiscordChannel
from runwatch.alerts.channels.slack.bot import SlackBotChannel
from runwatch.alerts.channels.slack.webhook import SlackChannel
from runwatch.alerts.channels.telegram.channel import TelegramChannel
from runwatch.alerts.channels.webhook.channel import WebhookChannel
from runwatch.alerts.routing.notification import Retry, Sent

from ..alerts.test_slack import FIRING

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture
def server(tmp_path):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
         "-subj", "/CN=elsewhere", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            body = b'{"ok": true, "ts": "1.2", "channel": "C1", "result": {"message_id": 1}}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.handle_error = lambda *_: None
    made.socket = context.wrap_socket(made.socket, server_side=True)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{made.server_address[1]}", cert, got
    made.shutdown()
    made.server_close()
    thread.join()


def channels(url: str):
    return [
        WebhookChannel("hook", f"{url}/hushhush", "hushhush", 2.0),
        SlackChannel(f"{url}/services/hushhush", timeout=2.0),
        SlackBotChannel("xoxb-hushhush", "C1", api=f"{url}/api/", timeout=2.0),
        DiscordChannel("discord", f"{url}/hushhush", 2.0),
        TelegramChannel("telegram", "hushhush", "1", api=url, timeout=2.0),
    ]


@pytest.mark.parametrize("which", range(5))
def test_an_unknown_certificate_gets_nothing_and_a_known_one_the_message(server, which, monkeypatch):
    url, cert, got = server
    outcome = channels(url)[which].send(FIRING)
    assert isinstance(outcome, Retry)
    assert "hush" not in repr(outcome)
    assert got == []
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    assert channels(url)[which].send(FIRING) in (Sent(), Retry("a web page answered instead of Slack")), url
    assert len(got) == 1


def test_a_certificate_for_another_host_gets_nothing(server, monkeypatch):
    url, cert, got = server
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    for channel in channels(url.replace("127.0.0.1", "localhost")):  # it vouches for the number alone
        assert isinstance(channel.send(FIRING), Retry)
    assert got == []
