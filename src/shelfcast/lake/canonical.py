"""The canonical export: "the same" in a file. Two runs, engines or machines agree if the hashes of their exports do.

Rows sorted by key (and, where a key comes twice, by every other column), stable columns in declared order, -0.0 as 0.0,
one NaN; written as Parquet by one function with fixed options. The bytes depend on the versions of Polars and PyArrow,
not on the machine, the number of threads or the order rows came in.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from shelfcast.domain.tables import Table, Type

ROW_GROUP_ROWS = 1_000_000


def canonical(table: Table, rows: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """The rows in canonical form. They are sorted in memory: about 2.5 times their size."""
    frame = table.conform(rows.collect() if isinstance(rows, pl.LazyFrame) else rows).select(table.stable)
    reals = [name for name in table.stable if table.column(name).type is Type.REAL]
    # A NaN may carry bits of its own. (Adding 0.0 to be rid of -0.0 doesn't do: Polars optimizes it away.)
    frame = frame.with_columns(
        pl.when(pl.col(name).is_nan()).then(float("nan"))
        .when(pl.col(name) == 0.0).then(0.0)
        .otherwise(pl.col(name)).alias(name)
        for name in reals
    )  # fmt: skip
    first = [name for name in table.stored_key if name in table.stable]
    rest = [name for name in table.stable if name not in first]
    return frame.sort(*first, *rest, nulls_last=False).rechunk()


def write_canonical(table: Table, rows: pl.DataFrame | pl.LazyFrame, target: Path | io.BytesIO) -> None:
    """Write the canonical export as Parquet."""
    exported = canonical(table, rows).to_arrow().cast(table.arrow_schema.empty_table().select(table.stable).schema)
    pq.write_table(
        exported,
        target,
        row_group_size=ROW_GROUP_ROWS,
        compression="zstd",
        compression_level=3,
        use_dictionary=True,
        version="2.6",
        data_page_version="1.0",
        store_schema=False,
    )


def content_hash(table: Table, rows: pl.DataFrame | pl.LazyFrame) -> str:
    """SHA-256 of the canonical export.

    >>> from shelfcast.domain.tables.curated import ITEMS
    >>> items = pl.DataFrame({"item_id": ["b", "a"]})
    >>> content_hash(ITEMS, items) == content_hash(ITEMS, items.reverse())
    True
    """
    target = io.BytesIO()
    write_canonical(table, rows, target)
    return hashlib.sha256(target.getbuffer()).hexdigest()
