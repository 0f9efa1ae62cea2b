"""A retailer's files -> lake: receive, map, convert, check, merge.

The mapping of a file is inferred once, kept in the lake as an editable file, and used for every file of the same shape.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from shelfcast.domain.errors import BadFile, BadParameter, NotFound
from shelfcast.domain.tables import TABLES
from shelfcast.lake.raw import receive
from shelfcast.pipeline.load_batches import MAX_BAD_SHARE, load_batches
from shelfcast.pipeline.load_report import LoadReport, TableLoad
from shelfcast.ports.platform import Platform
from shelfcast.sources.batches import CanonicalBatch
from shelfcast.sources.convert import convert
from shelfcast.sources.files import SourceFile, open_file
from shelfcast.sources.infer_mapping import infer_mapping, shape_columns, table_hint
from shelfcast.sources.mapping import Mapping, fingerprint, from_yaml, to_yaml

MAPPINGS = "mappings/"


@dataclass(frozen=True)
class FilePlan:
    """What will be done with a file: how it is read and what its columns are."""

    file: SourceFile
    mapping: Mapping
    origin: str
    """inferred, kept (from an earlier file of the same shape) or given (--mapping)."""
    mapping_key: str

    def as_yaml(self) -> str:
        """The mapping file."""
        return to_yaml(self.mapping, self.file.name, self.file.shape)


def plan_file(
    platform: Platform, path: Path, *, table: str = "", mapping_file: Path | None = None, separator: str = ""
) -> FilePlan:
    """Open a file and find its mapping: the one given, else the one kept for its shape, else an inferred one.

    Raises:
        BadFile: it can't be read as a table.
        BadMapping: its columns fit no table, or the mapping names columns it doesn't have.
    """
    if table and (table not in TABLES or not TABLES[table].loadable):
        raise BadParameter.unknown("table", table, [name for name, one in TABLES.items() if one.loadable])
    if mapping_file is not None:
        if not mapping_file.exists():
            raise BadFile(f"mapping file {mapping_file} doesn't exist. Print one with --show-mapping and save it.")
        return _planned(path, mapping_file.read_text("utf-8"), str(mapping_file), "given", table)
    file = open_file(path)
    key = mapping_key(file, table)
    try:
        return _planned(path, platform.blobs.get(key).decode(), platform.blobs.uri(key), "kept", table)
    except NotFound:
        pass
    sample = file.sample()
    if sample.is_empty():
        raise BadFile(f"{file.name} has column names but no rows. Export it again; nothing was loaded.")
    mapping = infer_mapping(
        sample, source=file.name, stem=file.stem, table=table, separator=separator, first_day=_calendar_start(path)
    )
    return FilePlan(file, mapping, "inferred", key)


def _planned(path: Path, text: str, where: str, origin: str, table: str) -> FilePlan:
    mapping = from_yaml(text, where)
    file = open_file(path, mapping.file)
    mapping.check(file.columns, file.name)
    unnamed = {name for target in mapping.targets for name in target.used()} | set(mapping.ignored)
    if not any(target.wide for target in mapping.targets):
        left = tuple(name for name in file.columns if name not in unnamed)
        mapping = replace(mapping, ignored=(*mapping.ignored, *left))
    return FilePlan(file, mapping, origin, mapping_key(file, table))


def mapping_key(file: SourceFile, table: str = "") -> str:
    """Where the mapping of files of this shape is kept."""
    hint = table or table_hint(file.stem)
    return f"{MAPPINGS}{hint or 'table'}-{fingerprint(shape_columns(file.columns), hint)}.yaml"


def _calendar_start(path: Path) -> date | None:
    """The day of period 1, from a calendar beside a file with numbered periods: columns `d` (d_1) and `date`."""
    for name in ("calendar.csv", "calendar.parquet", "calendar.csv.gz"):
        beside = path.parent / name
        if not beside.exists() or beside == path:
            continue
        calendar = open_file(beside)
        if {"d", "date"} <= set(calendar.columns):
            first = calendar.sample(1).row(0, named=True)
            return date.fromisoformat(str(first["date"])[:10]) - timedelta(int(str(first["d"]).split("_")[-1]) - 1)
    return None


def ingest_files(
    platform: Platform,
    paths: Sequence[Path],
    *,
    table: str = "",
    mapping_file: Path | None = None,
    separator: str = "",
    max_bad_share: float = MAX_BAD_SHARE,
    again: bool = False,
) -> list[LoadReport]:
    """Load files, descriptions before facts. A file whose content is in the lake already changes nothing and says so.

    Raises:
        BadInput: a file that can't be read or mapped; files before it are loaded.
    """
    plans = [plan_file(platform, path, table=table, mapping_file=mapping_file, separator=separator) for path in paths]
    return [load_file(platform, plan, max_bad_share=max_bad_share, again=again) for plan in in_order(plans)]


def in_order(plans: Sequence[FilePlan]) -> list[FilePlan]:
    """Descriptions before the facts that refer to them; otherwise as named."""
    return sorted(plans, key=lambda plan: bool(plan.mapping.targets[0].declared.references))


def load_file(
    platform: Platform,
    plan: FilePlan,
    *,
    max_bad_share: float = MAX_BAD_SHARE,
    again: bool = False,
    source: str = "",
) -> LoadReport:
    """Receive the file, then load its rows. `source` is where it came from, if not from a file of that name.

    Raises:
        BadFile: the content breaks off; nothing was loaded.
        TooManyBadRows: see `load_batches`.
    """
    file = plan.file
    source = source or file.name
    now = platform.clock.now()
    platform.progress.start(source, expected_rows(file) or None)
    manifest = receive(platform.blobs, file.path, source=source, received_at=now)
    text = plan.as_yaml()
    if plan.origin != "kept":
        platform.blobs.put(plan.mapping_key, text.encode())
    load_id = content_id(manifest.checksum, plan.mapping)
    if not again and (earlier := earlier_report(platform, load_id)):
        platform.progress.done(source, "unchanged: the lake has it already")
        return earlier
    report = load_batches(
        platform, canonical_batches(file, plan.mapping), source=source, load_id=load_id, received_at=now,
        max_bad_share=max_bad_share, sentences=(*file.notes, *plan.mapping.reasons), raw_key=manifest.key,
        mapping_key=plan.mapping_key,
    )  # fmt: skip
    platform.progress.done(
        source, f"{report.rows_in:,} rows in = {report.kept:,} kept + {report.quarantined:,} quarantined"
    )
    return report


def canonical_batches(file: SourceFile, mapping: Mapping) -> Iterator[CanonicalBatch]:
    """The file's rows, converted."""
    for raw in file.batches():
        yield from convert(raw, mapping)


def content_id(checksum: str, mapping: Mapping) -> str:
    """Names a load: same content and same mapping, same id."""
    what = repr((mapping.targets, mapping.numbers, mapping.file))
    return hashlib.sha256(f"{checksum}|{what}".encode()).hexdigest()[:16]


def earlier_report(platform: Platform, load_id: str) -> LoadReport | None:
    """The report of a load that was finished before, as what it would do now: nothing."""
    try:
        body = platform.records.get("loads", load_id).body
    except NotFound:
        return None
    if body.get("state") != "done":
        return None
    report = LoadReport.from_record(body, state="unchanged")
    tables = tuple(replace(one, inserted=0, corrected=0, unchanged=one.kept) for one in report.tables)
    return replace(report, tables=tables, seconds=0.0)


def expected_rows(file: SourceFile) -> int:
    """About how many rows the file has, for the progress bar."""
    if file.shape.format == "parquet":
        from pyarrow import parquet

        return int(parquet.ParquetFile(file.path).metadata.num_rows)
    if file.shape.format != "csv" or file.shape.compression:
        return 0
    with file.path.open("rb") as stream:
        head = stream.read(256 * 1024)
    return int(file.path.stat().st_size * head.count(b"\n") / max(len(head), 1))


__all__ = [
    "FilePlan", "LoadReport", "TableLoad", "content_id", "earlier_report", "in_order", "ingest_files", "load_file",
    "plan_file",
]  # fmt: skip
