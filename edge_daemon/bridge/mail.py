"""Mail, over SMTP with TLS: a text, and the still in it."""

import asyncio
import html
import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

from edge_daemon.addresses import is_loopback
from edge_daemon.bridge import network
from edge_daemon.bridge.push import STILL, picture_of
from edge_daemon.bridge.receiver import Context, Receiver, Undelivered
from edge_daemon.delivery.message import Message
from edge_daemon.delivery.retry import Failure
from edge_daemon.delivery.settings import MailSettings

TIMEOUT_S = 15.0
MOST_BYTES = 5_000_000


def connect(settings: MailSettings, context: Context) -> "Mail":
    """The receiver of a bridge."""
    return Mail(settings, context)


class Mail(Receiver):
    """Sends each message over a connection of its own. It is acknowledged by the first server, as mail is."""

    shows_stills = True
    timeout_s = 3 * TIMEOUT_S

    def __init__(self, settings: MailSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._server = urlsplit(settings.server)
        self._is_tls = self._server.scheme == "smtps"
        self._port = self._server.port or (465 if self._is_tls else 587)
        self._context_tls = ssl.create_default_context(cafile=settings.ca)
        self.to = f"{self._server.hostname}:{self._port}"
        self.shows_stills = settings.still

    async def deliver(self, messages: Sequence[Message]) -> None:
        """Send a mail."""
        (message,) = messages
        mail = self._mail(message)
        try:
            await asyncio.to_thread(self._send, mail)
        except (smtplib.SMTPException, OSError) as error:
            raise Undelivered(failure_of(error)) from None

    def _mail(self, message: Message) -> EmailMessage:
        settings, composer = self._settings, self._context.composer
        mail = EmailMessage(policy=POLICY)
        mail["From"], mail["To"] = settings.sender, ", ".join(settings.to)
        mail["Subject"] = composer.text(settings.title, message).replace("\n", " ")
        mail["Date"] = formatdate(localtime=True)
        domain = settings.sender.rpartition("@")[2]
        mail["Message-ID"] = f"<{message.id.replace(':', '.')}.{self._context.settings.name.encode().hex()}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        text = composer.text(settings.text, message)
        mail.set_content(f"{text}\n")
        if settings.still and (picture := picture_of(message.still, MOST_BYTES)):
            lines = html.escape(text).replace("\n", "<br>")
            mail.add_alternative(f'<p>{lines}</p><img src="cid:still" alt="" style="max-width: 100%">', subtype="html")
            page = mail.get_body(("html",))
            assert isinstance(page, EmailMessage)
            page.add_related(picture, "image", "jpeg", cid="<still>", filename=STILL, disposition="inline")
        return mail

    def _send(self, mail: EmailMessage) -> None:
        """Send a mail.

        Raises:
            SMTPException: it was not accepted.
            OSError: there is no connection.
        """
        host = self._server.hostname or ""
        if self._is_tls:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, self._port, timeout=TIMEOUT_S, context=self._context_tls)
        else:
            smtp = smtplib.SMTP(host, self._port, timeout=TIMEOUT_S)
        with smtp:
            if not self._is_tls and (smtp.has_extn("starttls") if smtp.ehlo()[0] == 250 else False):
                smtp.starttls(context=self._context_tls)
            elif not self._is_tls and not is_loopback(host):
                raise smtplib.SMTPNotSupportedError("no TLS")
            if self._server.username:
                smtp.login(unquote(self._server.username), unquote(self._server.password or ""))
            smtp.send_message(mail)


def failure_of(error: Exception) -> Failure:
    """The failure in an error. Replies from 500 on reject the message; after all others it may be accepted later."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return Failure(f"unauthorised ({error.smtp_code})")
        case smtplib.SMTPNotSupportedError():
            return Failure("no TLS, or no way to log in")
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _ in error.recipients.values()]
            return Failure(f"recipient refused ({max(codes)})", rejected=min(codes) >= 500)
        case smtplib.SMTPConnectError() | smtplib.SMTPHeloError():
            return Failure(f"answers {error.smtp_code}")
        case smtplib.SMTPResponseException():
            return Failure(f"answers {error.smtp_code}", rejected=error.smtp_code >= 500)
        case smtplib.SMTPServerDisconnected():
            return Failure("connection lost")
    return Failure(network.why(error))
