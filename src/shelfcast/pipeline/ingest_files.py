"""A retailer's files -> lake: receive, map, convert, check, merge.

The mapping of a file is inferred once, kept in the lake as an editable file, and used for every file of the same shape.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from shelfcast.domain.errors import BadFile, BadParameter, NotFound
from shelfcast.domain.tables import TABLES
from shelfcast.lake.raw import LoadState, Manifest, receive
from shelfcast.pipeline.load_batches import KIND, MAX_BAD_SHARE, Incoming, load_together, raise_failures
from shelfcast.pipeline.load_report import LoadReport
from shelfcast.pipeline.spill import GROUP_ROWS
from shelfcast.ports.platform import Platform
from shelfcast.sources.batches import SOURCE_LINE, CanonicalBatch, no_faults
from shelfcast.sources.convert import convert
from shelfcast.sources.files import SourceFile, open_file
from shelfcast.sources.folders import data_files
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
    source: str
    """Where it came from, as a person knows it: the file's name, or a database and its query."""

    def as_yaml(self) -> str:
        """The mapping file."""
        return to_yaml(self.mapping, self.file.name, self.file.shape)


def plan_file(
    platform: Platform,
    path: Path,
    *,
    table: str = "",
    mapping_file: Path | None = None,
    separator: str = "",
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
        return _planned(path, _text(mapping_file), str(mapping_file), "given", table)
    file = open_file(path)
    key = mapping_key(file, table)
    try:
        return _planned(path, platform.blobs.get(key).decode(), platform.blobs.uri(key), "kept", table)
    except NotFound:
        pass
    sample = file.sample()
    if sample.is_empty():
        raise BadFile(_why_empty(file))
    mapping = infer_mapping(
        sample, source=file.name, stem=file.stem, table=table, separator=separator, first_day=_calendar_start(path)
    )
    return FilePlan(file, mapping, "inferred", key, file.name)


def _why_empty(file: SourceFile) -> str:
    broken = pl.concat([no_faults(), *(batch.broken for batch in file.batches())])
    if broken.is_empty():
        return f"{file.name} has column names but no rows. Export it again; nothing was loaded."
    return (
        f"{file.name}: none of its {broken.height:,} rows has the {len(file.columns)} columns of the header; line "
        f"{broken[SOURCE_LINE][0]} ({broken['value'][0][:60]}): {broken['reason'][0]} Nothing was loaded."
    )


def _text(mapping_file: Path) -> str:
    try:
        return mapping_file.read_text("utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise BadFile(
            f"mapping file {mapping_file} isn't text in UTF-8 ({error}). Print one with --show-mapping and save it."
        ) from error


def _planned(path: Path, text: str, where: str, origin: str, table: str) -> FilePlan:
    mapping = from_yaml(text, where)
    file = open_file(path, mapping.file)
    mapping.check(file.columns, file.name)
    unnamed = {name for target in mapping.targets for name in target.used()} | set(mapping.ignored)
    if not any(target.wide for target in mapping.targets):
        left = tuple(name for name in file.columns if name not in unnamed)
        mapping = replace(mapping, ignored=(*mapping.ignored, *left))
    return FilePlan(file, mapping, origin, mapping_key(file, table), file.name)


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


def plan_files(
    platform: Platform,
    paths: Sequence[Path],
    *,
    table: str = "",
    mapping_file: Path | None = None,
    separator: str = "",
) -> list[FilePlan]:
    """Plans of many files, in the order they are best loaded; files of one shape get one mapping.

    A folder stands for its data files (`sources.folders`).

    Raises:
        BadFile, BadMapping: see `plan_file`.
    """
    paths, _ = data_files(paths)
    plans: list[FilePlan] = []
    inferred: dict[str, FilePlan] = {}
    for path in paths:
        plan = _like_an_earlier_one(path, table, inferred) if mapping_file is None else None
        if plan is None:
            plan = plan_file(platform, path, table=table, mapping_file=mapping_file, separator=separator)
        if plan.origin == "inferred":
            inferred.setdefault(plan.mapping_key, plan)
        plans.append(plan)
    return in_order(plans)


def _like_an_earlier_one(path: Path, table: str, inferred: dict[str, FilePlan]) -> FilePlan | None:
    if not inferred:
        return None
    file = open_file(path)
    earlier = inferred.get(mapping_key(file, table))
    if earlier is None:
        return None
    if any(target.wide for target in earlier.mapping.targets):
        earlier.mapping.check(file.columns, file.name)
    return replace(earlier, file=file, source=file.name)


def in_order(plans: Sequence[FilePlan]) -> list[FilePlan]:
    """Descriptions before the facts that refer to them; otherwise as named."""
    return sorted(plans, key=lambda plan: bool(plan.mapping.targets[0].declared.references))


def ingest_files(
    platform: Platform,
    paths: Sequence[Path],
    *,
    table: str = "",
    mapping_file: Path | None = None,
    separator: str = "",
    max_bad_share: float = MAX_BAD_SHARE,
    again: bool = False,
    currency: str = "",
    frequency: str = "D",
) -> list[LoadReport]:
    """Load files, descriptions before facts. A file whose content is in the lake already changes nothing and says so.

    Raises:
        BadInput: a file that can't be read or mapped (then nothing is loaded), or whose rows can't be used (then the
            other files are loaded).
    """
    plans = plan_files(platform, paths, table=table, mapping_file=mapping_file, separator=separator)
    reports = load_files(
        platform, plans, max_bad_share=max_bad_share, again=again, currency=currency, frequency=frequency
    )
    raise_failures(reports)
    return reports


def load_files(
    platform: Platform,
    plans: Sequence[FilePlan],
    *,
    max_bad_share: float = MAX_BAD_SHARE,
    again: bool = False,
    currency: str = "",
    frequency: str = "D",
) -> list[LoadReport]:
    """Receive the files, then load their rows; a report for each, in order. `currency` and `frequency` are the lake's.

    Files of one shape are loaded together, up to `GROUP_ROWS` rows. A file that couldn't be loaded has its `error` in
    its report (`raise_failures` raises it) and holds up no other.
    """
    reports: dict[int, LoadReport] = {}
    waiting: list[tuple[int, Incoming]] = []
    rows = 0

    def load() -> None:
        done = load_together(platform, [one for _, one in waiting], max_bad_share=max_bad_share, frequency=frequency)
        for (number, one), report in zip(waiting, done):
            reports[number] = report
            platform.progress.done(one.manifest.source, said(report))
        waiting.clear()

    now = platform.clock.now()
    for number, plan in enumerate(plans):
        expected = expected_rows(plan.file)
        if waiting and (plan.mapping_key != plans[waiting[-1][0]].mapping_key or rows + expected > GROUP_ROWS):
            load()
            rows = 0
        platform.progress.start(plan.source, expected or None)
        incoming = _received(platform, plan, now, currency)
        if not again and (earlier := earlier_report(platform, incoming.manifest)):
            reports[number] = earlier
            platform.progress.done(plan.source, said(earlier))
            continue
        waiting.append((number, incoming))
        rows += expected
    if waiting:
        load()
    return [reports[number] for number in range(len(plans))]


def _received(platform: Platform, plan: FilePlan, now: datetime, currency: str) -> Incoming:
    """The file in the raw zone, and its mapping kept for the next file of its shape."""
    if plan.origin != "kept":
        platform.blobs.put(plan.mapping_key, plan.as_yaml().encode())
    manifest = receive(
        platform.blobs, platform.records, plan.source, plan.file.path, received_at=now,
        table=",".join(target.table for target in plan.mapping.targets), mapping_hash=mapping_hash(plan.mapping),
    )  # fmt: skip
    notes = (*plan.file.notes, *plan.mapping.reasons)
    return Incoming(manifest, canonical_batches(plan.file, plan.mapping, currency), notes, plan.mapping_key)


def said(report: LoadReport) -> str:
    """A report in a line."""
    if report.error:
        return report.state
    if report.state == "unchanged":
        return "unchanged: the lake has it already"
    return f"{report.rows_in:,} rows in = {report.kept:,} kept + {report.quarantined:,} quarantined"


def canonical_batches(file: SourceFile, mapping: Mapping, currency: str) -> Iterator[CanonicalBatch]:
    """The file's rows, converted."""
    for raw in file.batches():
        yield from convert(raw, mapping, currency)


def mapping_hash(mapping: Mapping) -> str:
    """The same for mappings that read a file in the same way."""
    what = repr((mapping.targets, mapping.numbers, mapping.file, mapping.currency_column))
    return hashlib.sha256(what.encode()).hexdigest()[:16]


def earlier_report(platform: Platform, manifest: Manifest) -> LoadReport | None:
    """The report of a load that was finished before, as what it would do now: nothing."""
    if manifest.state is not LoadState.LOADED:
        return None
    report = LoadReport.from_record(platform.records.get(KIND, manifest.load_id).body, state="unchanged")
    tables = tuple(replace(one, inserted=0, corrected=0, unchanged=one.kept) for one in report.tables)
    return replace(report, tables=tables, seconds=0.0)


def expected_rows(file: SourceFile) -> int:
    """About how many rows the file has, for the progress bar."""
    if file.shape.format == "parquet":
        from pyarrow import parquet

        return int(parquet.read_metadata(file.path).num_rows)
    if file.shape.format != "csv" or file.shape.compression:
        return 0
    with file.path.open("rb") as stream:
        head = stream.read(256 * 1024)
    return int(file.path.stat().st_size * head.count(b"\n") / max(len(head), 1))


__all__ = [
    "FilePlan",
    "LoadReport",
    "data_files",
    "ingest_files",
    "load_files",
    "plan_file",
    "plan_files",
    "raise_failures",
]
