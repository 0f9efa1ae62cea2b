"""From a table declaration to an Iceberg schema, partition spec, sort order and properties; and how a table grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shelfcast.domain.errors import BadParameter
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import Table, Type

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.sorting import SortOrder
    from pyiceberg.types import IcebergType

ROW_GROUP_ROWS = 262_144
"""Rows are sorted by key, so row groups are ranges of series: small ones let a reader skip those it didn't ask for."""


def iceberg_type(kind: Type) -> IcebergType:
    from pyiceberg.types import BooleanType, DateType, DoubleType, LongType, StringType, TimestamptzType

    types: dict[Type, IcebergType] = {
        Type.TEXT: StringType(),
        Type.INTEGER: LongType(),
        Type.REAL: DoubleType(),
        Type.FLAG: BooleanType(),
        Type.DAY: DateType(),
        Type.INSTANT: TimestamptzType(),
    }
    return types[kind]


def schema_of(table: Table) -> Schema:
    """Field ids follow the order of declaration. Every field is optional: rules are checked before rows get here, and
    a table can then gain columns for ever."""
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    return Schema(
        *(
            NestedField(number, column.name, iceberg_type(column.type), required=False, doc=column.meaning)
            for number, column in enumerate(table.columns, start=1)
        )
    )


def partition_of(table: Table) -> PartitionSpec:
    """Month of a day column, value of a text column, or none."""
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.transforms import IdentityTransform, MonthTransform

    if table.partition is None:
        return PartitionSpec()
    source = table.names.index(table.partition) + 1
    if table.column(table.partition).type is Type.DAY:
        return PartitionSpec(PartitionField(source, 1000, MonthTransform(), f"{table.partition}_month"))
    return PartitionSpec(PartitionField(source, 1000, IdentityTransform(), table.partition))


def sort_order_of(table: Table) -> SortOrder:
    """By stored key. Our writer sorts by itself; other engines (Spark) read the wish from here."""
    from pyiceberg.table.sorting import SortField, SortOrder
    from pyiceberg.transforms import IdentityTransform

    return SortOrder(
        *(SortField(table.names.index(name) + 1, transform=IdentityTransform()) for name in table.stored_key)
    )


def properties_of(table: Table) -> dict[str, str]:
    """Whole minima and maxima of key columns (the default cuts text at 16 characters), so that a slice of a run or a
    cutoff is recognised from metadata alone."""
    return {
        "write.parquet.compression-codec": "zstd",
        "write.parquet.row-group-limit": str(ROW_GROUP_ROWS),
        "write.metadata.delete-after-commit.enabled": "true",
        "write.metadata.previous-versions-max": "10",
        "comment": table.meaning,
        **{f"write.metadata.metrics.column.{name}": "full" for name in table.stored_key},
    }


def grow(stored: IcebergTable, table: Table) -> bool:
    """Add columns the declaration has gained; True if there were any.

    A column that left the declaration stays in the table and is written as null. Rows written before a column existed
    have null in it.

    Raises:
        BadParameter: a column changed its type.
    """
    fields = {field.name: field for field in stored.schema().fields}
    for column in table.columns:
        field = fields.get(column.name)
        if field is not None and field.field_type != iceberg_type(column.type):
            raise BadParameter(
                f"table {table.name}: column {column.name} is declared as {column.type.value}, but the lake holds it as "
                f"{field.field_type}. Give the column a new name, or load the table anew into an empty lake."
            )
    gained = [column for column in table.columns if column.name not in fields]
    if not gained:
        return False
    with stored.update_schema() as update:
        for column in gained:
            update.add_column(column.name, iceberg_type(column.type), doc=column.meaning)
    return True


def expression_of(where: Slice) -> BooleanExpression:
    """The slice as an Iceberg expression."""
    from pyiceberg.expressions import AlwaysTrue, And, EqualTo, GreaterThanOrEqual, In, LessThan

    result: BooleanExpression = AlwaysTrue()
    for condition in where.conditions:
        value = condition.value
        one: BooleanExpression
        match condition.op:
            case "=":
                one = EqualTo(condition.column, value)  # type: ignore[call-arg,arg-type]
            case ">=":
                one = GreaterThanOrEqual(condition.column, value)  # type: ignore[call-arg,arg-type]
            case "<":
                one = LessThan(condition.column, value)  # type: ignore[call-arg,arg-type]
            case "in":
                one = In(condition.column, set(value))  # type: ignore[call-arg,arg-type]
        result = And(result, one)
    return result
