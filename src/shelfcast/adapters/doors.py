"""`Doors` as settings and environment name them. Secrets are read from the environment when they are used, and kept nowhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shelfcast.adapters.http import StandardHttp
from shelfcast.adapters.local.clock import SystemClock
from shelfcast.adapters.mail import Mail, Security
from shelfcast.adapters.notice_webhook import NoticeWebhook
from shelfcast.domain.errors import BadParameter, NotReady
from shelfcast.ports.file_delivery import FileDelivery
from shelfcast.ports.http_client import HttpClient
from shelfcast.ports.notifier import Notifier

PREFIX = "SHELFCAST_"


@dataclass(frozen=True)
class EnvironmentDoors:
    """The ways out of a lake on this machine."""

    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: Security = "starttls"
    smtp_user: str = ""
    sender: str = ""
    recipients: tuple[str, ...] = ()
    escalation_recipients: tuple[str, ...] = ()

    def http(self) -> HttpClient:
        return StandardHttp()

    def erp(self) -> FileDelivery:
        sftp, webhook = _read("ERP_SFTP"), _read("ERP_WEBHOOK")
        if bool(sftp) == bool(webhook):
            raise NotReady(
                "no door of the ERP is named, or two: set SHELFCAST_ERP_SFTP (sftp://user@host/folder) with "
                "SHELFCAST_ERP_HOST_KEY, or SHELFCAST_ERP_WEBHOOK with SHELFCAST_ERP_SECRET, where the worker runs."
            )
        if webhook:
            from shelfcast.adapters.webhook import Webhook

            return Webhook(StandardHttp(), webhook, _read("ERP_SECRET"), SystemClock().now)
        from shelfcast.adapters.sftp import Sftp, SftpTarget

        key_file = _read("ERP_KEY_FILE")
        target = SftpTarget.from_url(
            sftp, _read("ERP_HOST_KEY"), key_file=Path(key_file) if key_file else None,
            passphrase=_read("ERP_PASSPHRASE") or None, password=_read("ERP_PASSWORD") or None,
        )  # fmt: skip
        return Sftp(target)

    def notifiers(self) -> Mapping[str, Notifier]:
        found: dict[str, Notifier] = {}
        for name, to in (("mail", self.recipients), ("escalation-mail", self.escalation_recipients)):
            if to and not (self.smtp_host and self.sender):
                raise BadParameter(
                    "there are addresses to mail to, but smtp_host or notify_sender is empty. Set both in the lake's settings."
                )
            if to:
                found[name] = Mail(
                    self.smtp_host, self.smtp_port, self.sender, to, self.smtp_security, self.smtp_user, _read("SMTP_PASSWORD")
                )  # fmt: skip
        if address := _read("NOTIFY_WEBHOOK"):
            found["webhook"] = NoticeWebhook(StandardHttp(), address, SystemClock().now, _read("NOTIFY_SECRET"))
        return found

    def secret(self, name: str) -> str:
        if not (value := _read(name)):
            raise NotReady(f"the secret {PREFIX}{name} is not set. Set it in the environment the worker runs in.")
        return value


def _read(name: str) -> str:
    return os.environ.get(PREFIX + name, "").strip()
