"""The ways out of a lake on AWS: those of the environment, and the topic people are told through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shelfcast.adapters.aws.notifier import SnsNotifier
from shelfcast.ports.doors import Doors
from shelfcast.ports.file_delivery import FileDelivery
from shelfcast.ports.http_client import HttpClient
from shelfcast.ports.notifier import Notifier


@dataclass(frozen=True)
class TopicDoors:
    """`Doors` that also tell an SNS topic."""

    inner: Doors
    topic_arn: str

    def http(self) -> HttpClient:
        return self.inner.http()

    def erp(self) -> FileDelivery:
        return self.inner.erp()

    def notifiers(self) -> Mapping[str, Notifier]:
        return {**self.inner.notifiers(), **({"topic": SnsNotifier(self.topic_arn)} if self.topic_arn else {})}

    def secret(self, name: str) -> str:
        return self.inner.secret(name)
