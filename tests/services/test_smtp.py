"""E-mail by a real SMTP server: aiosmtpd, with and without TLS and a password."""

import email
import email.policy
import shutil
import ssl
import subprocess

import msgspec
import pytest

from runwatch.alerts.channels.email.channel import EmailChannel
from runwatch.alerts.routing.notification import Rejected, Retry, Sent

from ..alerts.test_channels import closed_port
from ..alerts.test_message import CORPUS, poisoned
from ..alerts.test_slack import FIRING, RESOLVED

controller = pytest.importorskip("aiosmtpd.controller")
smtp = pytest.importorskip("aiosmtpd.smtp")

pytestmark = pytest.mark.filterwarnings("default")


class Box:
    """Keeps mail as it came over the wire."""

    def __init__(self, answer: str = "250 taken") -> None:
        self.mails, self.answer = [], answer

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return self.answer


@pytest.fixture
def serve():
    running = []

    def serve(box: Box, **options) -> int:
        port = closed_port()
        made = controller.Controller(box, hostname="127.0.0.1", port=port, **options)
        made.start()
        running.append(made)
        return port

    yield serve
    for made in running:
        made.stop()


@pytest.fixture
def certificate(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


def channel(port: int, **options) -> EmailChannel:
    options = {"security": "none", **options}
    return EmailChannel(
        "mail",
        "127.0.0.1",
        port,
        sender="run@example.org",
        to=["a@example.org", "b@example.org"],
        timeout=5.0,
        **options,
    )


def test_a_message_and_its_end_arrive_in_one_thread(serve):
    box = Box()
    one = channel(serve(box))
    assert one.send(FIRING) == Sent()
    assert one.send(RESOLVED) == Sent()
    firing, resolved = box.mails
    assert firing["Subject"] == "▲ Critical: loss is NaN since step 500 (speedrun)"
    assert firing["To"] == "a@example.org, b@example.org"
    assert firing["References"] == resolved["References"]
    assert "What to do: go back to the checkpoint" in firing.get_content()


@pytest.mark.parametrize("name", CORPUS)
def test_hostile_text_arrives_as_text(serve, name):
    box = Box()
    assert channel(serve(box)).send(poisoned(CORPUS[name])) == Sent()
    (mail,) = box.mails
    assert mail.get_content_type() == "text/plain"
    assert sum(line.startswith("Host:") for line in mail.get_content().splitlines()) == 1
    assert set(mail.keys()) <= {
        "Subject", "From", "To", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "MIME-Version",
        "Content-Type", "Content-Transfer-Encoding", "X-Peer", "X-MailFrom", "X-RcptTo",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("451 greylisted, come back", Retry), ("554 no such luck", Rejected), ("552 too big", Rejected)],
)
def test_a_refusal_is_understood(serve, answer, kind):
    assert isinstance(channel(serve(Box(answer))).send(FIRING), kind)


def test_a_password_goes_over_tls_only_to_a_server_that_is_believed(serve, certificate, monkeypatch):
    context, cert = certificate
    seen = []

    def authenticate(server, session, envelope, mechanism, given):
        seen.append((given.login, given.password))
        return smtp.AuthResult(success=given.password == b"hush")

    box = Box()
    port = serve(
        box, tls_context=context, require_starttls=True, authenticator=authenticate, auth_required=True
    )
    options = {"security": "starttls", "user": "me", "password": "hush"}
    unknown = channel(port, **options).send(FIRING)
    assert isinstance(unknown, Retry)
    assert seen == []
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    assert channel(port, **options).send(FIRING) == Sent()
    wrong = channel(port, **{**options, "password": "hushhush"}).send(
        msgspec.structs.replace(FIRING, id="n3")
    )
    assert isinstance(wrong, Rejected | Retry)  # aiosmtpd hangs up after some attempts
    assert "hush" not in repr(wrong)
    assert len(box.mails) == 1
