"""What would become of a file if it were loaded: its mapping with reasons, its first rows as they would be kept, and the
problems of those that would not. Nothing is written but an edited mapping."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from shelfcast.domain.errors import BadMapping, NotFound
from shelfcast.domain.tables import TABLES
from shelfcast.pipeline import audit_changes
from shelfcast.pipeline.ingest_files import FilePlan, plan_file
from shelfcast.pipeline.upload_files import Upload, get, local_file, whole
from shelfcast.ports.platform import Platform
from shelfcast.quality.rules import check_rows
from shelfcast.sources.batches import SOURCE_LINE, RawBatch
from shelfcast.sources.convert import convert
from shelfcast.sources.mapping import from_yaml

SAMPLE_ROWS = 2_000
SHOWN_ROWS = 50
SHOWN_PROBLEMS = 200


@dataclass(frozen=True)
class SourceColumn:
    """A column of the file and what it becomes."""

    name: str
    targets: tuple[str, ...]
    """table.column each; empty = not used."""
    examples: tuple[str, ...]
    empty_share: float


@dataclass(frozen=True)
class TablePreview:
    """What one table would get, of the rows looked at."""

    table: str
    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    rows_in: int
    kept: int
    quarantined: int


@dataclass(frozen=True)
class Problem:
    line: int
    table: str
    column: str
    value: str | None
    rule: str
    reason: str


@dataclass(frozen=True)
class Preview:
    """See the module."""

    upload: Upload
    origin: str
    """inferred, kept (from an earlier file of this shape) or given (edited by a person)."""
    confidence: float
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    mapping: str
    """The mapping file, as people edit it."""
    columns: tuple[SourceColumn, ...]
    tables: tuple[TablePreview, ...]
    problems: tuple[Problem, ...]
    rows_looked_at: int
    format: str
    encoding: str
    delimiter: str


@contextmanager
def planned(platform: Platform, upload: Upload) -> Iterator[FilePlan]:
    """The plan of a complete upload: its edited mapping, that of the load it fixes, the kept one, or an inferred one.

    Raises:
        Conflict: it isn't complete.
        BadFile, BadMapping: it can't be read or mapped.
    """
    whole(upload)
    text = _mapping_text(platform, upload)
    with local_file(platform, upload.key, upload.name) as path:
        if text is None:
            yield plan_file(platform, path, table=upload.table)
            return
        with tempfile.TemporaryDirectory(prefix="shelfcast-mapping-") as folder:
            mapping = Path(folder) / "mapping.yaml"
            mapping.write_text(text, "utf-8")
            plan = plan_file(platform, path, mapping_file=mapping)
            said = (
                "The mapping edited for this upload says so."
                if not upload.fixes
                else "The mapping of the mended load says so."
            )
            yield replace(plan, mapping=replace(plan.mapping, reasons=(said,)))


def _mapping_text(platform: Platform, upload: Upload) -> str | None:
    try:
        return platform.blobs.get(upload.mapping_key).decode()
    except NotFound:
        pass
    if upload.fixes:
        key = str(platform.records.get("loads", upload.fixes).body.get("mapping_key") or "")
        if key:
            return platform.blobs.get(key).decode()
    return None


def preview(platform: Platform, upload_id: str, *, currency: str = "") -> Preview:
    """
    Raises:
        NotFound, Conflict, BadFile, BadMapping: see `planned`.
    """
    upload = get(platform, upload_id)
    with planned(platform, upload) as plan:
        return _look(platform, upload, plan, currency)


def _look(platform: Platform, upload: Upload, plan: FilePlan, currency: str) -> Preview:
    batches = list(islice(plan.file.batches(SAMPLE_ROWS), 2))  # broken lines may come with the batch after
    raw = batches[0].frame.head(SAMPLE_ROWS) if batches else pl.DataFrame()
    tables: list[TablePreview] = []
    problems: list[Problem] = []
    if batches:
        last = int(raw[SOURCE_LINE].max() or 0) if raw.height == SAMPLE_ROWS else 2**62  # type: ignore[arg-type]
        broken = pl.concat([one.broken for one in batches]).filter(pl.col(SOURCE_LINE) <= last)
        limited = RawBatch(raw, broken)
        for part in convert(limited, plan.mapping, currency):
            checked = check_rows(
                part.frame, part.table, source=plan.source, load_id="preview", now=platform.clock.now()
            )
            faults = pl.concat(
                [
                    part.faults.select(SOURCE_LINE, "column", "value", "rule", "reason"),
                    checked.quarantined.select(SOURCE_LINE, "column", "value", "rule", "reason"),
                ]
            ).sort(SOURCE_LINE)
            problems += [
                Problem(line, part.table.name, column or "", value, rule, reason)
                for line, column, value, rule, reason in faults.iter_rows()
            ]
            shown = checked.kept.drop([one for one in (SOURCE_LINE,) if one in checked.kept.columns])
            there = [one for one in part.table.names if one in shown.columns and shown[one].null_count() < shown.height]
            tables.append(
                TablePreview(
                    part.table.name, tuple(there), tuple(shown.select(there).head(SHOWN_ROWS).iter_rows(named=True)), part.rows_in,
                    checked.kept.height + part.folded, part.rows_in - checked.kept.height - part.folded,
                )
            )  # fmt: skip
    shape = plan.file.shape
    return Preview(
        upload, plan.origin, plan.mapping.confidence, plan.mapping.reasons, plan.file.notes, plan.as_yaml(),
        tuple(_column(plan, name, raw) for name in plan.file.columns[:500]), tuple(tables),
        tuple(sorted(problems, key=lambda one: (one.line, one.table, one.column))[:SHOWN_PROBLEMS]), raw.height,
        shape.format, shape.encoding, shape.delimiter,
    )  # fmt: skip


def _column(plan: FilePlan, name: str, raw: pl.DataFrame) -> SourceColumn:
    targets = []
    for target in plan.mapping.targets:
        targets += [f"{target.table}.{mine}" for mine, theirs in target.columns.items() if theirs == name]
        targets += [f"{target.table}.{measure}" for theirs, measure in target.measures.items() if theirs == name]
        if target.split and target.split.column == name:
            targets += [f"{target.table}.{one}" for one in target.split.into]
        if target.wide and name not in target.used() and name not in plan.mapping.ignored:
            targets.append(f"{target.table}.{target.wide.value}")
    if name not in raw.columns:
        return SourceColumn(name, tuple(targets), (), 1.0)
    values = raw[name].cast(pl.String, strict=False)
    examples = values.drop_nulls().unique(maintain_order=True).head(4).to_list()
    return SourceColumn(
        name, tuple(targets), tuple(one[:80] for one in examples), values.null_count() / max(raw.height, 1)
    )


def set_mapping(platform: Platform, who: str, upload_id: str, text: str) -> None:
    """Keep an edited mapping for an upload; it is checked against the file first.

    Raises:
        BadMapping: it can't be read, or doesn't fit the file.
    """
    upload = whole(get(platform, upload_id))
    mapping = from_yaml(text, "the mapping sent")
    for target in mapping.targets:
        if target.table not in TABLES:
            known = ", ".join(name for name, table in TABLES.items() if table.loadable)
            raise BadMapping(f"table {target.table!r} can't be loaded; known: {known}.")
    with local_file(platform, upload.key, upload.name) as path:
        from shelfcast.sources.files import open_file

        mapping.check(open_file(path, mapping.file).columns, upload.name)
    platform.blobs.put(upload.mapping_key, text.encode())
    audit_changes.note(platform, who, "upload.mapping", upload_id)


def drop_mapping(platform: Platform, who: str, upload_id: str) -> None:
    """Forget the edited mapping: back to the kept or inferred one."""
    platform.blobs.delete(get(platform, upload_id).mapping_key)
    audit_changes.note(platform, who, "upload.mapping", upload_id, dropped=True)
