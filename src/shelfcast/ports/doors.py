"""The ways out of the house, as the lake's settings and the environment name them. Secrets come from the environment only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from shelfcast.domain.errors import NotReady
from shelfcast.ports.file_delivery import FileDelivery
from shelfcast.ports.http_client import HttpClient
from shelfcast.ports.notifier import Notifier


class Doors(Protocol):
    def http(self) -> HttpClient:
        """Speaks to servers outside."""
        ...

    def erp(self) -> FileDelivery:
        """
        Raises:
            NotReady: no door of the ERP is named.
        """
        ...

    def notifiers(self) -> Mapping[str, Notifier]:
        """Who is told, by name; empty where nobody is named. Names that begin with `escalation` are told only of what nobody
        acknowledged in time."""
        ...

    def secret(self, name: str) -> str:
        """A secret such as FRED_KEY.

        Raises:
            NotReady: it isn't set.
        """
        ...


class Closed:
    """`Doors` where there are none."""

    def http(self) -> HttpClient:
        raise NotReady("this lake has no way out: nothing outside can be asked.")

    def erp(self) -> FileDelivery:
        raise NotReady("this lake has no door to an ERP.")

    def notifiers(self) -> Mapping[str, Notifier]:
        return {}

    def secret(self, name: str) -> str:
        raise NotReady(f"the secret SHELFCAST_{name} is not set.")
