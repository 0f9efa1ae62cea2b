"""Tells people by an SNS topic: whoever subscribed gets it, by mail, by text message, or as JSON in a queue."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from shelfcast.adapters.aws import session
from shelfcast.domain.errors import BadParameter
from shelfcast.ports.notifier import Notice

MOST_SUBJECT = 100
MOST_BYTES = 250_000
"""SNS takes 256 KB."""
REFUSALS = ("NotFound", "NotFoundException", "AuthorizationError", "AccessDenied", "InvalidParameter", "InvalidParameterValue", "KMSAccessDenied")  # fmt: skip


@dataclass(frozen=True)
class SnsNotifier:
    """`Notifier` on a topic.

    Subscribers filter by the attributes `severity` and `notice_id`. A standard topic may deliver twice: the notice's id
    tells.
    """

    topic_arn: str

    def send(self, notice: Notice) -> str:
        attributes = {"severity": notice.severity, "notice_id": notice.notice_id}
        try:
            session.client("sns").publish(
                TopicArn=self.topic_arn,
                Subject=subject_of(notice.title),
                Message=message_of(notice),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
                },
            )
        except Exception as error:
            if session.error_code(error) in REFUSALS:
                raise BadParameter(
                    f"SNS topic {self.topic_arn} refuses the notice: {error}. Check SHELFCAST_TOPIC and that this role may "
                    "publish to it."
                ) from error
            raise session.down(f"SNS topic {self.topic_arn}", error) from error
        return ""


def subject_of(title: str) -> str:
    """SNS takes one line of ASCII that begins with a letter, digit or sign, up to 100 characters.

    >>> subject_of("3 alerts: Umsätze fehlen")
    '3 alerts: Ums?tze fehlen'
    """
    line = re.sub(r"[^\x20-\x7e]", "?", " ".join(title.split())) or "Shelfcast"
    return line if len(line) <= MOST_SUBJECT else line[: MOST_SUBJECT - 3] + "..."


def message_of(notice: Notice) -> str:
    """What people read, the title as it was written on top; facts for machines at the end, where there is room."""
    text = f"{notice.title}\n\n{notice.text}" + (f"\n\n{notice.link}" if notice.link else "")
    facts = json.dumps(dict(notice.facts), ensure_ascii=False, default=str) if notice.facts else ""
    whole = f"{text}\n\n{facts}" if facts else text
    if len(whole.encode()) <= MOST_BYTES:
        return whole
    cut = text.encode()[:MOST_BYTES].decode("utf-8", "ignore")
    return cut + ("\n... (cut)" if cut != text else "")
