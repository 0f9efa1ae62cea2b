"""`Notifier` by mail: SMTP with TLS and a password, on the standard library."""

from __future__ import annotations

import re
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Literal

from shelfcast.domain.errors import BadParameter, SourceDown
from shelfcast.ports.notifier import Notice

Security = Literal["starttls", "tls", "none"]
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LONGEST_TITLE = 180


@dataclass(frozen=True)
class Mail:
    """Sends to fixed addresses through one server.

    Args:
        security: starttls (usually port 587), tls (465), or none: without a password, or on this machine.
        trust: certificates that are trusted; the system's where left out.
    """

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    security: Security = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    timeout_seconds: float = 20.0
    trust: ssl.SSLContext | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        for address in (self.sender, *self.recipients):
            if not re.fullmatch(r"[^@\s,]+@[^@\s,]+", parseaddr(address)[1]) or re.search(r"[\r\n]", address):
                raise BadParameter(f"mail address {address!r} can't be used. Write name@example.org.")
        if self.password and self.security == "none" and self.host not in LOOPBACK:
            raise BadParameter(
                f"the mail password would go to {self.host} in clear. Set smtp_security to starttls or tls."
            )

    def send(self, notice: Notice) -> str:
        message = self._message(notice)
        try:
            with self._connected() as server:
                refused = server.send_message(message)
        except ssl.SSLCertVerificationError as error:
            raise BadParameter(
                f"mail server {self.host}:{self.port} shows a certificate that isn't trusted: {error.verify_message}. "
                "Check the name, or trust its issuer in the system's certificates."
            ) from error
        except smtplib.SMTPRecipientsRefused as error:
            raise _refusal(self, *next(iter(error.recipients.values())), "to every address") from error
        except smtplib.SMTPNotSupportedError as error:
            raise BadParameter(
                f"mail server {self.host}:{self.port} doesn't do what is set (smtp_security {self.security}): {error}"
            ) from error
        except smtplib.SMTPResponseException as error:
            raise _refusal(self, error.smtp_code, error.smtp_error) from error
        except (OSError, smtplib.SMTPException) as error:
            raise SourceDown(
                f"mail server {self.host}:{self.port} doesn't answer as it should: {type(error).__name__} {error}. It is tried again."
            ) from error
        return "; ".join(f"{address} refused: {code} {_words(said)}" for address, (code, said) in refused.items())

    def _message(self, notice: Notice) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = " ".join(notice.title.split())[:LONGEST_TITLE]
        message["From"] = self.sender
        message["To"] = ", ".join(self.recipients)
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = f"<{re.sub(r'[^A-Za-z0-9.-]', '-', notice.notice_id)}@shelfcast.invalid>"
        message["Auto-Submitted"] = "auto-generated"
        if notice.severity == "critical":
            message["Importance"] = "high"
        message.set_content(notice.text + (f"\n\n{notice.link}\n" if notice.link else "\n"))
        return message

    def _connected(self) -> smtplib.SMTP:
        trust = self.trust or ssl.create_default_context()
        server: smtplib.SMTP
        if self.security == "tls":
            server = smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout_seconds, context=trust)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.timeout_seconds)
        try:
            if self.security == "starttls":
                server.starttls(context=trust)
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server


def _words(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:200]


def _refusal(mail: Mail, code: int, said: bytes | str, what: str = "") -> BadParameter | SourceDown:
    where = f"mail server {mail.host}:{mail.port} answers {code} {_words(said)}{f' ({what})' if what else ''}"
    if 400 <= code < 500:
        return SourceDown(f"{where}. It is tried again.")
    return BadParameter(f"{where}. Check smtp_user, its password (SHELFCAST_SMTP_PASSWORD) and the addresses.")
