"""Every canonical table, declared once (`curated`, `supply`, `results`, `monitoring`)."""

from __future__ import annotations

from shelfcast.domain.errors import NotFound
from shelfcast.domain.tables import curated, monitoring, results, supply
from shelfcast.domain.tables.schema import Column, Kind, Table, Type, Zone

TABLES: dict[str, Table] = {
    table.name: table for table in (*curated.TABLES, *supply.TABLES, *results.TABLES, *monitoring.TABLES)
}


def table(name: str) -> Table:
    """The declaration of a table.

    Raises:
        NotFound: no such table; the message lists those there are.
    """
    if name not in TABLES:
        raise NotFound(f"table {name!r} is unknown; known: {', '.join(sorted(TABLES))}")
    return TABLES[name]


__all__ = [
    "TABLES", "Column", "Kind", "Table", "Type", "Zone", "curated", "monitoring", "results", "supply", "table",
]  # fmt: skip
