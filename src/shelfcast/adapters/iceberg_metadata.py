"""Loads tables without parsing the same metadata file twice: such a file never changes once it is written."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.metadata import TableMetadata

KEPT = 200


class MetadataCache:
    """Parsed metadata by its location. Where a table's metadata is now, the catalog is asked each time."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, TableMetadata] = OrderedDict()
        self._lock = Lock()

    def load(self, catalog: Catalog, namespace: str, name: str) -> IcebergTable:
        """The table as the catalog has it now.

        Raises:
            NoSuchTableError, NoSuchNamespaceError: as the catalog.
        """
        from pyiceberg.catalog.sql import SqlCatalog
        from pyiceberg.io import load_file_io
        from pyiceberg.table import Table

        location = _location(catalog, namespace, name) if isinstance(catalog, SqlCatalog) else None
        with self._lock:
            metadata = self._known.get(location) if location else None
            if location and metadata is not None:
                self._known.move_to_end(location)
        if location and metadata is not None:
            io = load_file_io({**catalog.properties, **metadata.properties}, location)
            return Table((namespace, name), metadata, location, io, catalog)
        table = catalog.load_table((namespace, name))
        with self._lock:
            self._known[table.metadata_location] = table.metadata
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return table


def _location(catalog: SqlCatalog, namespace: str, name: str) -> str | None:
    from pyiceberg.catalog.sql import IcebergTables as Rows
    from sqlalchemy import select

    wanted = select(Rows.metadata_location).where(
        Rows.catalog_name == catalog.name, Rows.table_namespace == namespace, Rows.table_name == name
    )
    with catalog.engine.connect() as connection:
        return connection.execute(wanted).scalar()
