"""Reads rows of a retailer's database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import polars as pl


@dataclass(frozen=True)
class Query:
    """A table or a SELECT. With `watermark_column`, only rows past `watermark` come, in its order; `inclusive`: those at
    it as well, since a column such as a time may have had more rows to come. Rows without a watermark always come: they have no
    place in the order."""

    table: str = ""
    sql: str = ""
    watermark_column: str = ""
    watermark: str | int | float | None = None
    inclusive: bool = False


class SourceReader(Protocol):
    def read(self, url: str, query: Query, *, batch_rows: int = 500_000) -> Iterator[pl.DataFrame]:
        """Batches of the query's rows, types kept.

        Raises:
            SourceDown: the database doesn't answer.
            BadParameter: the URL's kind is unknown, or the query is refused (with the database's own words).
        """
        ...
