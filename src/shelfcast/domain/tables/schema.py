"""What a table declaration is made of.

Each canonical table is declared once, as data. From the declaration come the Iceberg schema, validation, the column
mapping of files, the CSV templates and the reference page, so a column is never described twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import polars as pl
import pyarrow as pa


class Zone(StrEnum):
    """Where a table lives in the lake."""

    CURATED = "curated"
    FEATURES = "features"
    RESULTS = "results"


class Kind(StrEnum):
    """How rows of a table change, which decides how a load merges and what `as_of` reads."""

    DIMENSION = "dimension"
    """Descriptions (items, locations, terms): one row a key, the newest load wins."""
    FACT = "fact"
    """What happened (sales): `known_at` beside the key; a correction supersedes the older row, which is kept."""
    VINTAGE = "vintage"
    """What was planned, measured or forecast, as known at a moment: `known_at` is part of the key."""
    RESULT = "result"
    """What we computed: a slice (one cutoff, one run) is replaced whole."""


class Type(StrEnum):
    """The few column types Shelfcast uses."""

    TEXT = "text"
    INTEGER = "integer"
    REAL = "real"
    FLAG = "flag"
    DAY = "day"
    INSTANT = "instant"

    @property
    def polars(self) -> pl.DataType:
        return _POLARS[self]

    @property
    def arrow(self) -> pa.DataType:
        return _ARROW[self]


_POLARS: dict[Type, pl.DataType] = {
    Type.TEXT: pl.String(),
    Type.INTEGER: pl.Int64(),
    Type.REAL: pl.Float64(),
    Type.FLAG: pl.Boolean(),
    Type.DAY: pl.Date(),
    Type.INSTANT: pl.Datetime("us", "UTC"),
}
_ARROW: dict[Type, pa.DataType] = {
    Type.TEXT: pa.large_string(),
    Type.INTEGER: pa.int64(),
    Type.REAL: pa.float64(),
    Type.FLAG: pa.bool_(),
    Type.DAY: pa.date32(),
    Type.INSTANT: pa.timestamp("us", "UTC"),
}


@dataclass(frozen=True)
class Column:
    """One column: its meaning, unit, what values are allowed, and the names people already use for it."""

    name: str
    type: Type
    meaning: str
    unit: str = ""
    required: bool = False
    """Must be there and not null in every row that comes in (key columns always are)."""
    default: str | int | float | bool | None = None
    """Filled in where the source has no value."""
    minimum: float | None = None
    maximum: float | None = None
    positive: bool = False
    """Zero is not allowed either: a price or a pack of 0 is a gap in the source, not a value."""
    allowed: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    """Other names recognised on the way in (compared without case, spaces, `_`, `-`)."""
    volatile: bool = False
    """Clock, attempt or host: left out of the canonical export and of content hashes."""
    derived: bool = False
    """Filled in by Shelfcast on load, not expected from the source."""


@dataclass(frozen=True)
class Table:
    """One canonical table.

    `key` identifies what a row is about. Facts and vintages carry `known_at` besides (a vintage in its stored key);
    `stored_key` is what is unique in the lake.
    """

    name: str
    zone: Zone
    kind: Kind
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partition: str | None = None
    """Day column whose month partitions the table, or a text column partitioned by its value; None for small tables."""
    publication_lag_days: int = 0
    """`known_at` of a row whose source has none: end of its period plus this many days."""
    references: tuple[tuple[str, str], ...] = ()
    """(column, table): values that must exist there; an unknown one is flagged (dimensions can be made from facts)."""
    loadable: bool = False
    """Files and databases can be loaded into it (shown in upload help, gets a CSV template)."""

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        missing = [name for name in self.key if name not in names]
        if missing or len(set(names)) != len(names):
            raise ValueError(f"table {self.name}: key columns {missing} undeclared or a column declared twice")

    @cached_property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @cached_property
    def stored_key(self) -> tuple[str, ...]:
        return (*self.key, "known_at") if self.kind in (Kind.FACT, Kind.VINTAGE) else self.key

    @cached_property
    def stable(self) -> list[str]:
        """Columns that take part in content hashes and the canonical export."""
        return [column.name for column in self.columns if not column.volatile]

    @cached_property
    def polars_schema(self) -> pl.Schema:
        return pl.Schema({column.name: column.type.polars for column in self.columns})

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        return pa.schema([pa.field(column.name, column.type.arrow) for column in self.columns])

    def column(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} has no column {name!r}; it has: {', '.join(self.names)}")

    def empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self.polars_schema)

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with exactly the declared columns, in order and type; absent ones become their default or null."""
        exprs = [
            (pl.col(c.name) if c.name in frame.columns else pl.lit(c.default)).cast(c.type.polars).alias(c.name)
            for c in self.columns
        ]
        return frame.select(exprs) if frame.width else self.empty()


def text(name: str, meaning: str, **more: object) -> Column:
    return Column(name, Type.TEXT, meaning, **more)  # type: ignore[arg-type]


def integer(name: str, meaning: str, **more: object) -> Column:
    return Column(name, Type.INTEGER, meaning, **more)  # type: ignore[arg-type]


def real(name: str, meaning: str, **more: object) -> Column:
    return Column(name, Type.REAL, meaning, **more)  # type: ignore[arg-type]


def flag(name: str, meaning: str, **more: object) -> Column:
    return Column(name, Type.FLAG, meaning, **more)  # type: ignore[arg-type]


def day(name: str, meaning: str, **more: object) -> Column:
    return Column(name, Type.DAY, meaning, **more)  # type: ignore[arg-type]


def instant(name: str, meaning: str, **more: object) -> Column:
    return Column(name, Type.INSTANT, meaning, **more)  # type: ignore[arg-type]
