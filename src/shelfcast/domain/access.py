"""Who may do what: four roles."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """viewer reads; planner also changes forecasts, orders, rules and runs work; admin also manages users and models;
    erp is a machine that pulls orders and forecasts and acknowledges them."""

    VIEWER = "viewer"
    PLANNER = "planner"
    ADMIN = "admin"
    ERP = "erp"


GRANTS: dict[Role, frozenset[Role]] = {
    Role.VIEWER: frozenset({Role.VIEWER}),
    Role.PLANNER: frozenset({Role.VIEWER, Role.PLANNER}),
    Role.ADMIN: frozenset({Role.VIEWER, Role.PLANNER, Role.ADMIN, Role.ERP}),
    Role.ERP: frozenset({Role.ERP}),
}
"""Every role a holder of the key's role may act in."""


@dataclass(frozen=True)
class Principal:
    """Somebody signed in."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        return role in GRANTS[self.role]
