"""Email through an SMTP server. Plain text; messages of one incident form one thread."""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from urllib.error import URLError

from runwatch.alerts.channels.deadline import within
from runwatch.alerts.channels.http import plainly
from runwatch.alerts.delivery.message import compose
from runwatch.alerts.routing.notification import Notification, Outcome, Rejected, Retry, Sent, Unsure, digest
from runwatch.core.redaction import quoted

STEPS = 8
"""Steps of a delivery, each of which may take the whole timeout."""


class EmailChannel:
    """Sends from one address to others."""

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        *,
        sender: str,
        to: Sequence[str],
        security: str = "starttls",
        user: str = "",
        password: str = "",
        timeout: float = 10.0,
    ) -> None:
        """Set up, without touching the network. `timeout` is in seconds."""
        self.name, self._host, self._port, self._timeout = name, host, port, timeout
        self._sender, self._to, self._security = sender, tuple(to), security
        self._user, self._password = user, password

    @property
    def identity(self) -> str:
        """Return the name and a digest of who is written to."""
        return f"{self.name}#{digest(' '.join((self._host, *self._to)))}"

    def send(self, notification: Notification) -> Outcome:
        """Hand it to the server once."""
        mail = self._mail(notification)
        try:
            return within(STEPS * self._timeout, lambda: self._hand(mail))
        except TimeoutError:
            return Unsure(f"no end of answers from {self._host}: timed out")
        except URLError as error:
            return Retry(f"cannot reach {self._host}: {plainly(error.reason)}")

    def _hand(self, mail: EmailMessage) -> Outcome:
        left = False
        try:
            with self._connect() as server:
                left = True
                server.send_message(mail)
                left = False
            return Sent()
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as error:
            return self._judge(error)
        except (OSError, smtplib.SMTPException) as error:
            if left:
                return Unsure(f"no answer from {self._host}: {plainly(error)}")
            return Retry(f"cannot reach {self._host}: {plainly(error)}")

    def _connect(self) -> smtplib.SMTP:
        if self._security == "tls":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=self._timeout, context=context
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=self._timeout)
        try:
            if self._security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self._user:
                server.login(self._user, self._password)
        except BaseException:
            server.close()
            raise
        return server

    def _judge(self, error: smtplib.SMTPRecipientsRefused | smtplib.SMTPResponseException) -> Outcome:
        said: bytes | str
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            code, said = next(iter(error.recipients.values()))
        else:
            code, said = error.smtp_code, error.smtp_error
        answer = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        what = f"{self._host} answered {code} {quoted(answer, (self._password,), 80)}".rstrip()
        return Retry(what) if 400 <= code < 500 else Rejected(what)

    def _mail(self, notification: Notification) -> EmailMessage:
        reported = compose(notification, repeats=self._host)
        thread = f"<{digest(notification.orders[0])}@runwatch>"
        mail = EmailMessage()
        mail["Subject"] = reported.subject
        mail["From"] = Address("runwatch", addr_spec=self._sender)
        mail["To"] = ", ".join(self._to)
        mail["Date"] = formatdate(time.time())
        mail["Message-ID"] = f"<{digest(notification.id)}.{digest(self._sender)}@runwatch>"
        mail["In-Reply-To"] = mail["References"] = thread
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(reported.body(), cte="quoted-printable")  # survives servers that know seven bits
        return mail
