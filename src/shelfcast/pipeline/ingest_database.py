"""A table or query of the retailer's database -> lake; with a watermark, only what is new since the last load.

The rows are first written to a file that is received like any other, so a load can be repeated from the raw zone when
the database has moved on. The watermark moves only after the rows are in the lake: a killed load reads them again, and
merging them twice changes nothing.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from shelfcast.domain.errors import NotFound
from shelfcast.pipeline.ingest_files import load_files, plan_file, raise_failures
from shelfcast.pipeline.load_batches import MAX_BAD_SHARE
from shelfcast.pipeline.load_report import LoadReport
from shelfcast.ports.platform import Platform
from shelfcast.ports.source_reader import Query
from shelfcast.sources.database import Watermark, source_name, write_extract

KIND = "watermarks"


@dataclass(frozen=True)
class DatabaseLoad:
    """`report` is None where the database had nothing new."""

    source: str
    rows: int
    report: LoadReport | None
    watermark: Watermark | None


def ingest_database(
    platform: Platform,
    url: str,
    query: Query,
    *,
    table: str = "",
    mapping_file: Path | None = None,
    separator: str = "",
    max_bad_share: float = MAX_BAD_SHARE,
    currency: str = "",
    frequency: str = "D",
) -> DatabaseLoad:
    """Read a query and load its rows. `table` is the canonical table, where the columns alone don't tell.

    With `query.watermark_column` only rows past the kept watermark are read, unless `query.watermark` names one.

    Raises:
        SourceDown: the database doesn't answer.
        BadParameter: unknown kind of database, or the query is refused.
    """
    source = source_name(url, query)
    record_id = hashlib.sha256(f"{source}|{query.watermark_column}".encode()).hexdigest()[:16]
    if query.watermark_column and query.watermark is None:
        query = replace(query, watermark=_kept(platform, record_id))
    name = (query.table.split(".")[-1] or "query").lower()
    with tempfile.TemporaryDirectory(prefix="shelfcast-query-") as folder:
        path = Path(folder) / f"{name}.parquet"
        platform.progress.start(f"reading {source}")
        extract = write_extract(platform.reader.read(url, query), path, query.watermark_column)
        platform.progress.done(f"reading {source}", f"{extract.rows:,} rows")
        if not extract.rows:
            return DatabaseLoad(source, 0, None, query.watermark)
        plan = plan_file(platform, path, table=table, mapping_file=mapping_file, separator=separator)
        reports = load_files(
            platform,
            [replace(plan, source=source)],
            max_bad_share=max_bad_share,
            currency=currency,
            frequency=frequency,
        )
        raise_failures(reports)
    if query.watermark_column and extract.watermark is not None:
        platform.records.put(
            KIND, record_id, {"source": source, "column": query.watermark_column, "watermark": extract.watermark}
        )
    return DatabaseLoad(
        source, extract.rows, reports[0], extract.watermark if extract.watermark is not None else query.watermark
    )


def _kept(platform: Platform, record_id: str) -> Watermark | None:
    try:
        return platform.records.get(KIND, record_id).body["watermark"]
    except NotFound:
        return None
