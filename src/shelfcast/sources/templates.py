"""CSV templates and upload help, made from the table declarations."""

from __future__ import annotations

from shelfcast.domain.errors import BadParameter
from shelfcast.domain.tables import TABLES, Column, Table, Type

EXAMPLES: dict[Type, str] = {
    Type.TEXT: "text", Type.INTEGER: "1", Type.REAL: "1.5", Type.FLAG: "true", Type.DAY: "2024-12-31",
    Type.INSTANT: "2024-12-31T18:00:00Z",
}  # fmt: skip


def loadable_tables() -> list[tuple[str, str]]:
    """(name, meaning) of every table that files can be loaded into."""
    return [(name, one.meaning) for name, one in TABLES.items() if one.loadable]


def columns_to_fill(table: Table) -> list[Column]:
    """Columns a source may have, the needed ones first."""
    open_columns = [column for column in table.columns if not column.derived]
    return sorted(open_columns, key=lambda column: not (column.required or column.name in table.key))


def csv_template(name: str) -> str:
    """A header line and one example row; it loads as it stands, so the row must be replaced.

    Raises:
        BadParameter: no such table, or one that can't be loaded.
    """
    if name not in TABLES or not TABLES[name].loadable:
        raise BadParameter.unknown("table", name, [one for one, _ in loadable_tables()])
    columns = columns_to_fill(TABLES[name])
    return ",".join(column.name for column in columns) + "\n" + ",".join(map(example_of, columns)) + "\n"


def example_of(column: Column) -> str:
    """A value the column's rules let through."""
    if column.name == "known_at":
        return ""
    if column.allowed:
        return column.allowed[0]
    if column.default is not None:
        return str(column.default).lower() if isinstance(column.default, bool) else str(column.default)
    if column.type is Type.TEXT:
        return column.name.removesuffix("_id").upper() + "-1" if column.name.endswith("_id") else ""
    if column.type is Type.REAL and column.maximum is not None and column.maximum < 1.5:
        return "0.5"
    return EXAMPLES[column.type] if column.required or column.name.endswith("date") else ""


def column_help(name: str) -> list[dict[str, str]]:
    """What each column means, for the upload screen and the reference page."""
    if name not in TABLES or not TABLES[name].loadable:
        raise BadParameter.unknown("table", name, [one for one, _ in loadable_tables()])
    return [
        {
            "column": column.name, "meaning": column.meaning, "type": str(column.type), "unit": column.unit,
            "needed": "yes" if (column.required or column.name in TABLES[name].key) and column.default is None else "no",
            "allowed": ", ".join(column.allowed), "also known as": ", ".join(column.aliases),
        }
        for column in columns_to_fill(TABLES[name])
    ]  # fmt: skip
