"""A table or query of the retailer's database -> lake; with a watermark, only what is new since the last load.

The rows are first written to a file that is received like any other, so a load can be repeated from the raw zone when
the database has moved on. The watermark moves only after the rows are in the lake: a killed load reads them again, and
merging them twice changes nothing.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from shelfcast.domain.errors import BadInput, BadMapping, NotFound
from shelfcast.domain.tables import TABLES, Type
from shelfcast.pipeline import border_troubles
from shelfcast.pipeline.ingest_files import FilePlan, load_files, plan_file, raise_failures
from shelfcast.pipeline.load_batches import MAX_BAD_SHARE
from shelfcast.pipeline.load_report import LoadReport
from shelfcast.ports.platform import Platform
from shelfcast.ports.source_reader import Query
from shelfcast.sources.database import Watermark, before, in_parts, marks_at, source_name, without_known, write_extract
from shelfcast.sources.schema_drift import drift, kinds_of, remembered

BORDER = "database"
KIND = "watermarks"
SAMPLE_ROWS = 10_000

PART_ROWS = 2_000_000
"""Rows loaded at a time where there is a watermark: a load that breaks off goes on after the last of these parts."""
BATCH_ROWS = 500_000
COLUMNS = "database_columns"


@dataclass(frozen=True)
class DatabaseLoad:
    """`report` is None where the database had nothing new; of several parts it is the last one's."""

    source: str
    rows: int
    report: LoadReport | None
    watermark: Watermark | None
    parts: int = 1


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
    part_rows: int = PART_ROWS,
    overlap: float = 0.0,
) -> DatabaseLoad:
    """Read a query and load its rows. `table` is the canonical table, where the columns alone don't tell.

    With `query.watermark_column` only rows past the kept watermark are read, unless `query.watermark` names one; they are
    loaded in parts, and the watermark moves with each, so a load that was killed goes on where it was.

    Args:
        overlap: how far before the kept watermark to read again (seconds of a time, else its own unit): rows are stamped
            when they are written and seen when their transaction ends, so a long one comes up behind the watermark.

    Raises:
        SourceDown: the database doesn't answer.
        BadParameter: unknown kind of database, or the query is refused.
        BadInput: a column is gone or holds something else than before; nothing was loaded. A mapping file accepts it.
    """
    source = source_name(url, query)
    with border_troubles.watched(platform, BORDER, source):
        return _load(
            platform, url, query, source, table, mapping_file, separator, max_bad_share, currency, frequency, part_rows, overlap
        )  # fmt: skip


def _load(
    platform: Platform, url: str, query: Query, source: str, table: str, mapping_file: Path | None, separator: str,
    max_bad_share: float, currency: str, frequency: str, part_rows: int, overlap: float,
) -> DatabaseLoad:  # fmt: skip
    record_id = hashlib.sha256(f"{source}|{query.watermark_column}".encode()).hexdigest()[:16]
    marks: list[str] = []
    standing: Any = query.watermark
    kept: Any = None
    if query.watermark_column and query.watermark is None:
        known = _kept(platform, record_id)
        standing = kept = known.get("watermark")
        marks = known.get("marks", [])
        begin = before(standing, overlap) if standing is not None and overlap else standing
        query = replace(query, watermark=begin, inclusive=True)
    name = (query.table.split(".")[-1] or "query").lower()
    load = DatabaseLoad(source, 0, None, standing, 0)
    platform.progress.start(f"reading {source}")
    # A part is whole batches: they must not be larger than a part.
    stream = without_known(platform.reader.read(url, query, batch_rows=min(part_rows, BATCH_ROWS)), marks)
    # Without a watermark there is no place to go on from: all rows are one load, streamed to the extract.
    parts: Iterable[Iterable[pl.DataFrame]] = (
        in_parts(stream, query.watermark_column, part_rows) if query.watermark_column else [stream]
    )
    for part in parts:
        with tempfile.TemporaryDirectory(prefix="shelfcast-query-") as folder:
            path = Path(folder) / f"{name}.parquet"
            extract = write_extract(part, path, query.watermark_column)
            if not extract.rows:
                continue
            note = _compare_columns(platform, source, record_id, path, accept=mapping_file is not None)
            if extract.without_watermark:
                note += f" {extract.without_watermark:,} rows have no {query.watermark_column}; they are read again at every load."
            plan = plan_file(platform, path, table=table, mapping_file=mapping_file, separator=separator)
            if mapping_file is None:
                _check_guesses(plan, source, query.watermark_column)
            (report,) = load_files(
                platform,
                [replace(plan, source=source)],
                max_bad_share=max_bad_share,
                currency=currency,
                frequency=frequency,
            )
            raise_failures([report])
            last_marks = marks_at(list(part)[-1], query.watermark_column) if query.watermark_column else []
        # Rows read again before the watermark don't take it back.
        ahead: Any = extract.watermark
        moved = ahead is not None and (kept is None or ahead >= kept)
        watermark = ahead if moved else load.watermark
        if query.watermark_column and moved:
            body = {"source": source, "column": query.watermark_column, "watermark": watermark}
            # Rows may still come that have the same watermark as the last ones here.
            at = marks if watermark == standing else []
            platform.records.put(KIND, record_id, body | {"marks": [*at, *last_marks]})
        report = replace(report, notes=(*report.notes, note.strip())) if note else report
        load = DatabaseLoad(source, load.rows + extract.rows, report, watermark, load.parts + 1)
    platform.progress.done(f"reading {source}", f"{load.rows:,} rows")
    return load


def plan_query(
    platform: Platform,
    url: str,
    query: Query,
    *,
    table: str = "",
    mapping_file: Path | None = None,
    separator: str = "",
) -> FilePlan | None:
    """How the first rows of a query would be mapped; nothing is loaded. None where it has no rows."""
    name = (query.table.split(".")[-1] or "query").lower()
    stream = platform.reader.read(url, replace(query, watermark_column="", watermark=None))
    first = next((frame for frame in stream if frame.height), None)
    if first is None:
        return None
    with tempfile.TemporaryDirectory(prefix="shelfcast-query-") as folder:
        path = Path(folder) / f"{name}.parquet"
        write_extract([first.head(SAMPLE_ROWS)], path)
        return plan_file(platform, path, table=table, mapping_file=mapping_file, separator=separator)


def _compare_columns(platform: Platform, source: str, record_id: str, path: Path, *, accept: bool) -> str:
    """The sentence about new columns.

    Raises:
        BadInput: a column is gone or holds something else.
    """
    now = kinds_of(pl.read_parquet(path, n_rows=10_000))
    earlier: dict[str, str] = {}
    with suppress(NotFound):
        earlier = dict(platform.records.get(COLUMNS, record_id).body["columns"])
    found = drift({} if accept else earlier, now)
    if found.stops:
        raise BadInput(
            f"{source}: {found.said()}. Nothing of it was loaded; other tables go on. If that is as it should be, see the mapping "
            "with --show-mapping, mend it, and load once with --mapping FILE."
        )
    platform.records.put(COLUMNS, record_id, {"source": source, "columns": remembered({} if accept else earlier, now)})
    return f"{found.said().capitalize()} (kept in the raw file; map it to use it)." if found.new else ""


def _check_guesses(plan: FilePlan, source: str, watermark_column: str) -> None:
    """What orders the rows is no amount of anything, though it may be the only number there is.

    Raises:
        BadMapping: the watermark was taken for one.
    """
    for target in plan.mapping.targets:
        for name, column in target.columns.items():
            if column == watermark_column and TABLES[target.table].column(name).type in (Type.REAL, Type.INTEGER):
                raise BadMapping(
                    f"{source}: table {target.table} needs {name}, and no column but the watermark {column} could be that. "
                    "Say which column it is in a mapping file (--mapping); see what was found with --show-mapping."
                )


def _kept(platform: Platform, record_id: str) -> Mapping[str, Any]:
    with suppress(NotFound):
        return platform.records.get(KIND, record_id).body
    return {}
