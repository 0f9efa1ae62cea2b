"""Change files of a database (AWS DMS) -> curated tables: full load, changes, deletes, repeats, re-loads.

Of every key the newest change counts, by the source's own order; the newest one applied is remembered by stream, so files
that come out of order or again change nothing. A full load that comes again replaces what the stream brought: keys it no
longer has are taken back. A table whose columns were removed or retyped stops by itself; the others go on.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from shelfcast.domain.errors import BadInput, NotFound
from shelfcast.domain.tables import TABLES, Kind, Table, Type
from shelfcast.domain.tables.curated import QUARANTINE
from shelfcast.lake.merge import retract
from shelfcast.lake.raw import LoadState, Manifest, receive, settle
from shelfcast.pipeline import border_troubles
from shelfcast.pipeline.ingest_files import canonical_batches, plan_file
from shelfcast.pipeline.lease import Busy, lease
from shelfcast.pipeline.load_batches import MAX_BAD_SHARE, Incoming, load_together
from shelfcast.ports.platform import Platform
from shelfcast.sources.batches import SOURCE_LINE, CanonicalBatch
from shelfcast.sources.batches import faults as faults_of
from shelfcast.sources.cdc import FILE, OP, SEQ, SEQ_WIDTH, ChangeRows, SourceTable, read_changes, tables_in
from shelfcast.sources.schema_drift import drift, kinds_of, remembered

BORDER = "change files"
STREAMS = "cdc_streams"
STATE = "cdc/state/"


@dataclass(frozen=True)
class ChangeReport:
    """One table of a stream. rows_in = upserted + deleted + overtaken + repeated + quarantined."""

    source: str
    table: str
    state: str
    """done, unchanged (nothing new), stopped (its columns changed), busy (another run takes it in) or failed."""
    files: int = 0
    rows_in: int = 0
    upserted: int = 0
    deleted: int = 0
    """Changes that say delete."""
    overtaken: int = 0
    """Changes of a key that a later change in the same run follows."""
    repeated: int = 0
    """Changes as old as, or older than, what was applied before."""
    quarantined: int = 0
    taken_back: int = 0
    """Rows that stood and no longer do: by deletes, and because a full load doesn't have them any more."""
    notes: tuple[str, ...] = ()
    error: str = ""


def ingest_cdc(
    platform: Platform,
    folder: Path,
    *,
    tables: Mapping[str, str] | None = None,
    currency: str = "",
    frequency: str = "D",
    max_bad_share: float = MAX_BAD_SHARE,
) -> list[ChangeReport]:
    """Take in every change file of a folder that is new, table by table.

    Args:
        tables: canonical table of a source table (`schema.table` or `table`), where names and columns don't tell.

    Raises:
        BadFile: the folder holds no change files.
    """
    reports = []
    for source in tables_in(folder):
        wanted = (tables or {}).get(source.name) or (tables or {}).get(source.short_name) or ""
        platform.progress.start(source.name)
        try:
            # Two at once would each apply what the other hasn't seen, and the older change could be the last one written.
            with lease(platform, f"cdc {source.name}"):
                report = _take(platform, source, wanted, currency, frequency, max_bad_share)
        except Busy as error:
            report = ChangeReport(source.name, wanted, "busy", error=str(error))
        except BadInput as error:
            report = ChangeReport(source.name, wanted, "failed", error=str(error))
        if report.error and report.state != "busy":
            border_troubles.note(platform, BORDER, source.name, report.error)
        elif not report.error:
            border_troubles.forget(platform, BORDER, source.name)
        platform.progress.done(source.name, report.error or f"{report.rows_in:,} changes")
        reports.append(report)
    return reports


def _take(
    platform: Platform, source: SourceTable, table: str, currency: str, frequency: str, max_bad_share: float
) -> ChangeReport:
    now = platform.clock.now()
    full, changes = (_new_files(platform, source, files, now) for files in (source.full_load, source.changes))
    if not full and not changes:
        return ChangeReport(source.name, table, "unchanged")
    # One new file of a full load means the table was loaded anew: all its files are read together.
    loaded = read_changes(source.full_load if full else (), full_load=True)
    changed = read_changes([path for path, _ in changes], full_load=False)
    stream = _stream(platform, source)
    columns = _kinds(loaded, changed)
    found = drift(stream.get("columns", {}), columns)
    report = ChangeReport(
        source.name, table, "done", len(full) + len(changes), notes=(found.said(),) if found.said() else ()
    )
    if found.stops:
        cure = "Nothing of it was taken in; other tables go on. Mend the mapping, then forget the old columns: --accept-columns."
        return replace(report, state="stopped", error=f"{source.name}: {found.said()}. {cure}")
    report = _apply(
        platform, source, report, loaded, changed, bool(full), table, (now, currency, frequency, max_bad_share)
    )
    if not report.error:
        body = {"columns": remembered(stream.get("columns", {}), columns), "table": report.table, "at": now.isoformat()}
        platform.records.put(STREAMS, source.name, body)
        for _, manifest in (*full, *changes):
            settle(platform.records, manifest, LoadState.LOADED, {"in": report.rows_in})
    return report


def accept_columns(platform: Platform, source: str) -> None:
    """Forget which columns a source table had, so that its changed form is taken from the next run on."""
    with suppress(NotFound):
        body = dict(platform.records.get(STREAMS, source).body)
        platform.records.put(STREAMS, source, body | {"columns": {}})


def _new_files(
    platform: Platform, source: SourceTable, files: Sequence[Path], now: datetime
) -> list[tuple[Path, Manifest]]:
    """Files whose content (under their name) was not taken in yet; each is kept in the raw zone first."""
    found = []
    for path in files:
        manifest = receive(
            platform.blobs,
            platform.records,
            path.name,
            path,
            received_at=now,
            table=f"cdc {source.name}",
            mapping_hash=path.name,
        )
        if manifest.state is not LoadState.LOADED:
            found.append((path, manifest))
    return found


def _stream(platform: Platform, source: SourceTable) -> Mapping[str, Mapping[str, str]]:
    with suppress(NotFound):
        return platform.records.get(STREAMS, source.name).body
    return {}


def _kinds(*parts: ChangeRows) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for one in parts:
        for name, kind in kinds_of(one.frame.select(one.columns)).items():
            if kinds.get(name, "unknown") == "unknown" or kind == "text":
                kinds[name] = kind
    return kinds


def _apply(
    platform: Platform, source: SourceTable, report: ChangeReport, loaded: ChangeRows, changed: ChangeRows, reload: bool,
    table: str, how: tuple[datetime, str, str, float],
) -> ChangeReport:  # fmt: skip
    now, currency, frequency, max_bad_share = how
    rows = pl.concat([loaded.frame, changed.frame], how="diagonal_relaxed")
    rows = rows.with_columns(pl.int_range(1, rows.height + 1, dtype=pl.Int64).alias(SOURCE_LINE))
    broken = pl.concat([loaded.broken, changed.broken])
    report = replace(report, rows_in=rows.height + broken.height)
    with tempfile.TemporaryDirectory(prefix="shelfcast-cdc-") as folder:
        path = Path(folder) / f"{source.short_name.lower()}.parquet"
        rows.drop(OP, SEQ, FILE, SOURCE_LINE).write_parquet(path)
        plan = plan_file(platform, path, table=table or (source.short_name if source.short_name in TABLES else ""))
        platform.blobs.put(plan.mapping_key, plan.as_yaml().encode())
        batches = list(canonical_batches(plan.file, plan.mapping, currency))
        manifest = receive(
            platform.blobs, platform.records, f"{source.name} changes", path, received_at=now, table=report.table or plan.mapping.targets[0].table,
            mapping_hash=hashlib.sha256("".join(rows[SEQ].head(1).to_list() + rows[SEQ].tail(1).to_list()).encode()).hexdigest()[:8],
        )  # fmt: skip
    first = batches[0].table.name if batches else table
    if len({one.table.name for one in batches}) > 1:
        return replace(
            report,
            table=first,
            state="failed",
            error=f"{source.name} holds columns of several tables; name one with --table.",
        )
    declared = TABLES[first]
    canonical = pl.concat([one.frame for one in batches], how="diagonal_relaxed")
    faults = pl.concat([broken, *(one.faults for one in batches)])
    at_fault = broken.height + sum(one.rows_at_fault for one in batches)
    known = _known(platform, source, declared)
    marks = pl.concat([_after(known, rows.head(loaded.frame.height)), rows.slice(loaded.frame.height)])
    marked = canonical.join(marks.select(SOURCE_LINE, OP, SEQ), on=SOURCE_LINE)
    whole = _has_whole_key(declared)
    todo, overtaken, repeated = _newest(marked.filter(whole), known, declared)
    keyless = marked.filter(~whole)
    lost = keyless.filter(pl.col(OP) == "D").drop(OP, SEQ)
    words = f"The delete doesn't name its row: {', '.join(declared.key)} must all be there. See what wrote the file."
    faults = pl.concat([faults, faults_of(lost, column=declared.key[0], rule="missing", reason=words)])
    at_fault += lost.height
    # Rows without a whole key go on to be refused with their reason; they overtake nobody.
    upserts = pl.concat([todo, keyless]).filter(pl.col(OP) != "D")
    deletes = todo.filter(pl.col(OP) == "D")
    batch = CanonicalBatch(declared, upserts.drop(OP, SEQ), faults, at_fault)
    (done,) = load_together(platform, [Incoming(manifest, [batch])], max_bad_share=max_bad_share, frequency=frequency)
    if done.error:
        return replace(report, table=first, state="failed", error=done.error)
    # What is refused for its own faults is not applied: it may come again mended.
    todo = todo.filter(~pl.col(SOURCE_LINE).is_in(_refused(platform, f"{manifest.load_id}-{first}").implode()))
    gone = deletes.select(declared.key)
    if reload and known.height:
        present = loaded_keys(canonical, rows, declared)
        standing = known.filter(pl.col(OP) != "D").select(declared.key)
        gone = pl.concat([gone, standing.join(present, on=list(declared.key), how="anti", nulls_equal=True)]).unique()
        gone = gone.join(upserts.select(declared.key), on=list(declared.key), how="anti", nulls_equal=True)
    notes, taken_back = report.notes, 0
    if gone.height and declared.kind is Kind.VINTAGE:
        notes = (
            *notes,
            f"{gone.height:,} rows were deleted at the source; {first} keeps what was planned, so they stay.",
        )
    elif gone.height:
        taken_back = retract(platform.tables, declared, gone, at=now, notes={"source": source.name})
    _remember(
        platform,
        source,
        declared,
        known,
        pl.concat([todo.select(*declared.key, OP, SEQ), *_as_deleted(gone, deletes, todo)]),
    )
    return replace(
        report, table=first, upserted=done.kept, deleted=deletes.height, overtaken=overtaken, repeated=repeated,
        quarantined=done.quarantined, taken_back=taken_back, notes=notes,
    )  # fmt: skip


def _has_whole_key(table: Table) -> pl.Expr:
    given = [pl.col(name).is_not_null() for name in table.key]
    blank = [pl.col(name).str.strip_chars() == "" for name in table.key if table.column(name).type is Type.TEXT]
    return pl.all_horizontal(given) & ~pl.any_horizontal(pl.lit(False), *blank).fill_null(False)


def _refused(platform: Platform, load_id: str) -> pl.Series:
    """Rows of a load that are in the quarantine, by their number."""
    rows = platform.tables.scan(QUARANTINE).filter(pl.col("load_id") == load_id).select("source_line").collect()
    return rows["source_line"].unique()


def _after(known: pl.DataFrame, loaded: pl.DataFrame) -> pl.DataFrame:
    """A full load that doesn't say when it was made comes after everything applied before it, and before what follows."""
    newest = known[SEQ].max()
    if not isinstance(newest, str):
        return loaded
    silent = pl.col(SEQ).str.head(SEQ_WIDTH) == "0" * SEQ_WIDTH
    mark = pl.concat_str(pl.lit(newest[:SEQ_WIDTH] + "~"), pl.col(SEQ).str.slice(SEQ_WIDTH))
    return loaded.with_columns(pl.when(silent).then(mark).otherwise(SEQ).alias(SEQ))


def loaded_keys(canonical: pl.DataFrame, rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Keys the full load has."""
    full = rows.filter(pl.col(FILE).str.contains("(?i)^LOAD")).select(SOURCE_LINE)
    return canonical.join(full, on=SOURCE_LINE, how="semi").select(table.key).unique()


def _newest(rows: pl.DataFrame, known: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, int, int]:
    """(the newest change of each key that is newer than what was applied, overtaken, repeated)."""
    key = list(table.key)
    last = rows.sort(SEQ, maintain_order=True).unique(key, keep="last", maintain_order=True)
    beside = last.join(known.select(*key, pl.col(SEQ).alias("__applied")), on=key, how="left", nulls_equal=True)
    fresh = beside.filter(pl.col("__applied").is_null() | (pl.col(SEQ) > pl.col("__applied"))).drop("__applied")
    return fresh, rows.height - last.height, last.height - fresh.height


def _as_deleted(gone: pl.DataFrame, deletes: pl.DataFrame, todo: pl.DataFrame) -> list[pl.DataFrame]:
    """Keys that a full load no longer has, as deleted by it."""
    rest = gone.join(deletes.select(gone.columns), on=gone.columns, how="anti", nulls_equal=True)
    if rest.is_empty():
        return []
    mark = todo[SEQ].max() or ""
    return [rest.with_columns(pl.lit("D").alias(OP), pl.lit(mark).alias(SEQ))]


def _known(platform: Platform, source: SourceTable, table: Table) -> pl.DataFrame:
    """The newest change applied of each key of the stream."""
    schema = {**{name: table.column(name).type.polars for name in table.key}, OP: pl.String(), SEQ: pl.String()}
    with suppress(NotFound):
        return pl.read_parquet(io.BytesIO(platform.blobs.get(_state_key(source, table)))).cast(pl.Schema(schema))
    return pl.DataFrame(schema=schema)


def _remember(
    platform: Platform, source: SourceTable, table: Table, known: pl.DataFrame, applied: pl.DataFrame
) -> None:
    columns = [*table.key, OP, SEQ]
    merged = pl.concat([known.select(columns), applied.select(columns)]).unique(
        table.key, keep="last", maintain_order=True
    )
    buffer = io.BytesIO()
    merged.write_parquet(buffer, compression="zstd")
    platform.blobs.put(_state_key(source, table), buffer.getvalue())


def _state_key(source: SourceTable, table: Table) -> str:
    safe = hashlib.sha256(source.name.encode()).hexdigest()[:16]
    return f"{STATE}{safe}-{table.name}.parquet"


__all__ = ["ChangeReport", "accept_columns", "ingest_cdc"]
