"""The state of the data: checks, anomaly flags, quarantine, loads; and quarantined rows as a file to mend."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Literal

import polars as pl

from shelfcast.domain.errors import NotFound
from shelfcast.domain.tables import TABLES, curated, results
from shelfcast.pipeline.check_quality import report_key
from shelfcast.pipeline.upload_files import local_file
from shelfcast.ports.platform import Platform
from shelfcast.quality.rule_book import RULES
from shelfcast.serve.pages import page
from shelfcast.serve.view import View
from shelfcast.sources.batches import SOURCE_LINE
from shelfcast.sources.files import open_file
from shelfcast.sources.mapping import from_yaml
from shelfcast.sources.templates import column_help, csv_template

PROBLEM, LINE, TEXT = "_problem", "_line", "_text"
"""Columns added to a file of quarantined rows; they are left out again when the mended file is loaded."""


class CheckView(View):
    """Outcome of one rule on one table."""

    table: str
    rule: str
    column: str
    severity: Literal["error", "warning", "info"]
    rows: int | None = None
    failed: int | None = None
    message: str | None = None
    meaning: str = ""
    cure: str = ""


class AnomalyKind(View):
    kind: str
    flags: int
    series: int


class QualityView(View):
    """The newest quality report."""

    run_id: str
    cutoff: date | None
    checked_at: datetime | None
    sentences: list[str]
    sales_rows: int | None = None
    series: int | None = None
    problems: int | None = None
    quarantined: int | None = None
    checks: list[CheckView]
    anomalies: list[AnomalyKind]


class AnomalyView(View):
    kind: str
    item_id: str
    location_id: str
    date: date
    value: float | None = None
    expected: float | None = None
    score: float | None = None
    reason: str | None = None


class AnomalyPage(View):
    rows: list[AnomalyView]
    next: str = ""


class QuarantineView(View):
    """A row that could not be used."""

    load_id: str
    """The load and the table: the load's id, -, the table."""
    table: str
    source: str
    source_line: int
    column: str
    value: str | None = None
    rule: str
    reason: str
    row: str | None = None
    """The row as it came, as JSON."""


class QuarantinePage(View):
    rows: list[QuarantineView]
    next: str = ""


class QuarantineGroup(View):
    """Quarantined rows of one load, table and rule."""

    load_id: str
    table: str
    source: str
    rule: str
    rows: int
    example: str
    loaded_at: datetime | None = None


class LoadTableView(View):
    table: str
    rows_in: int
    kept: int
    quarantined: int
    inserted: int = 0
    corrected: int = 0
    unchanged: int = 0


class LoadView(View):
    """One file (or query) loaded: rows in = kept + quarantined."""

    load_id: str
    source: str
    state: str
    received_at: datetime
    seconds: float
    rows_in: int
    kept: int
    quarantined: int
    tables: list[LoadTableView]
    notes: list[str]
    error: str = ""


class LoadPage(View):
    rows: list[LoadView]
    next: str = ""


class TemplateColumn(View):
    column: str
    meaning: str
    type: str
    unit: str
    needed: bool
    allowed: str
    also_known_as: str


class LoadableTable(View):
    """A table files can be loaded into: for upload help and mapping editors."""

    table: str
    meaning: str
    columns: list[TemplateColumn]
    template: str
    """A CSV file with a header and one example row."""


def newest(platform: Platform) -> QualityView:
    """
    Raises:
        NotFound: the quality step has not run.
    """
    runs = [one.body for one in platform.records.query("runs", where={"step": "quality", "state": "done"})]
    if not runs:
        raise NotFound("the data have not been checked yet. Run the cycle: `shelfcast run`.")
    run = max(runs, key=lambda one: str(one.get("ended_at", "")))
    rows = platform.tables.scan(results.QUALITY_RESULTS).filter(pl.col("run_id") == run["run_id"])
    order = {"error": 0, "warning": 1, "info": 2}
    checks = [
        CheckView(
            **{name: one[name] for name in ("table", "rule", "column", "rows", "failed", "message")},
            severity=one["severity"] or "info", meaning=RULES[one["rule"]].meaning if one["rule"] in RULES else "",
            cure=RULES[one["rule"]].cure if one["rule"] in RULES else "",
        )
        for one in rows.collect().iter_rows(named=True)
    ]  # fmt: skip
    kinds = (
        platform.tables.scan(results.ANOMALIES)
        .filter(pl.col("run_id") == run["run_id"])
        .group_by("kind")
        .agg(pl.len().alias("flags"), pl.struct("item_id", "location_id").n_unique().alias("series"))
        .sort("flags", "kind", descending=[True, False])
        .collect()
    )
    summary = run.get("summary", {})
    return QualityView(
        run_id=run["run_id"], cutoff=run.get("cutoff"), checked_at=run.get("ended_at"),
        sentences=list(summary.get("sentences", [])),
        **{name: summary.get(name) for name in ("sales_rows", "series", "problems", "quarantined")},
        checks=sorted(checks, key=lambda one: (not one.failed, order[one.severity], -(one.failed or 0), one.table, one.rule)),
        anomalies=[AnomalyKind(**one) for one in kinds.iter_rows(named=True)],
    )  # fmt: skip


def anomalies(platform: Platform, limit: int, cursor: str, kind: str, item: str, location: str) -> AnomalyPage:
    """Flags of the newest report, the newest days first.

    Raises:
        NotFound: the quality step has not run.
    """
    rows = platform.tables.scan(results.ANOMALIES).filter(pl.col("run_id") == newest(platform).run_id)
    for value, column in ((kind, "kind"), (item, "item_id"), (location, "location_id")):
        if value:
            rows = rows.filter(pl.col(column) == value)
    ordered = rows.with_columns((-pl.col("date").cast(pl.Int32)).alias("_newest"))
    made = page(ordered, ("_newest", "kind", "item_id", "location_id"), limit, cursor)
    return AnomalyPage(rows=[AnomalyView(**one) for one in made.rows], next=made.next)


def report_page(platform: Platform, cutoff: date | None) -> str:
    """The quality report as an HTML page of its own.

    Raises:
        NotFound: there is none.
    """
    chosen = cutoff or newest(platform).cutoff
    if chosen is None:
        raise NotFound("the data have not been checked yet. Run the cycle: `shelfcast run`.")
    return platform.blobs.get(report_key(chosen)).decode()


def quarantine_groups(platform: Platform) -> list[QuarantineGroup]:
    """Quarantined rows counted by load, table and rule, the newest load first."""
    rows = (
        platform.tables.scan(curated.QUARANTINE)
        .sort("source", "source_line")
        .group_by("load_id", "table", "source", "rule")
        .agg(pl.len().alias("rows"), pl.col("reason").first().alias("example"), pl.col("loaded_at").max())
        .sort("loaded_at", "rows", "load_id", "rule", descending=[True, True, False, False])
        .collect()
    )
    return [QuarantineGroup(**one) for one in rows.iter_rows(named=True)]


def quarantine(platform: Platform, limit: int, cursor: str, load_id: str, table: str, rule: str) -> QuarantinePage:
    rows = platform.tables.scan(curated.QUARANTINE)
    if load_id:
        rows = rows.filter(pl.col("load_id").str.starts_with(load_id))
    if table:
        rows = rows.filter(pl.col("table") == table)
    if rule:
        rows = rows.filter(pl.col("rule") == rule)
    made = page(
        rows.with_columns(pl.col("column").fill_null("")), ("load_id", "source_line", "rule", "column"), limit, cursor
    )
    return QuarantinePage(rows=[QuarantineView(**one) for one in made.rows], next=made.next)


def loads(platform: Platform, limit: int, cursor: str) -> LoadPage:
    """Loads, the newest first."""
    found = [one.body for one in platform.records.query("loads")]
    found.sort(key=lambda one: (str(one["received_at"]), str(one["load_id"])), reverse=True)
    if cursor:
        found = [one for one in found if f"{one['received_at']}~{one['load_id']}" < cursor]
    shown = found[:limit]
    following = f"{shown[-1]['received_at']}~{shown[-1]['load_id']}" if len(found) > limit else ""
    return LoadPage(rows=[_load(dict(one)) for one in shown], next=following)


def _load(body: dict) -> LoadView:
    tables = [LoadTableView(**{name: one[name] for name in LoadTableView.model_fields}) for one in body["tables"]]
    return LoadView(
        **{name: body[name] for name in ("load_id", "source", "state", "received_at", "seconds")},
        rows_in=sum(one.rows_in for one in tables), kept=sum(one.kept for one in tables),
        quarantined=sum(one.quarantined for one in tables), tables=tables, notes=list(body.get("notes") or []),
        error=body.get("error") or "",
    )  # fmt: skip


@contextmanager
def quarantined_file(platform: Platform, load_id: str) -> Iterator[tuple[pl.DataFrame, str]]:
    """The original rows of a load that went to quarantine, with their line and problem, to be mended and loaded again.

    Raises:
        NotFound: no such load, or it has no quarantined rows.
    """
    try:
        body = platform.records.get("loads", load_id).body
    except NotFound as error:
        raise NotFound(f"there is no load {load_id!r}. List them at /v1/loads.") from error
    bad = platform.tables.scan(curated.QUARANTINE).filter(pl.col("load_id").str.starts_with(f"{load_id}-"))
    reasons = (
        bad.sort("source_line", "rule", "column")
        .group_by("source_line", maintain_order=True)
        .agg(pl.col("reason").unique(maintain_order=True).str.join(" "), pl.col("row").first(), pl.col("rule").first())
        .collect()
    )
    if not reasons.height:
        raise NotFound(f"load {load_id} has no rows in quarantine.")
    raw_key, source = str(body.get("raw_key") or ""), str(body["source"])
    text = None
    if body.get("mapping_key"):
        with_mapping = platform.blobs.get(str(body["mapping_key"])).decode()
        text = from_yaml(with_mapping, "the kept mapping").file
    found: list[pl.DataFrame] = []
    if raw_key:
        with local_file(platform, raw_key, raw_key.rpartition("/")[2]) as path:
            for batch in open_file(path, text).batches():
                mine = batch.frame.filter(pl.col(SOURCE_LINE).is_in(reasons["source_line"].implode()))
                if mine.height:
                    found.append(mine.with_columns(pl.exclude(SOURCE_LINE).cast(pl.String, strict=False)))
    there = pl.concat(found) if found else pl.DataFrame(schema={SOURCE_LINE: pl.Int64})
    told = reasons.select(
        pl.col("source_line").cast(pl.Int64).alias(SOURCE_LINE), pl.col("reason").alias(PROBLEM), "row"
    )
    whole = told.join(there, on=SOURCE_LINE, how="left").sort(SOURCE_LINE)
    lost = ~pl.col(SOURCE_LINE).is_in(there[SOURCE_LINE].implode())
    whole = whole.with_columns(
        pl.when(lost).then(pl.col("row").map_elements(_line_text, return_dtype=pl.String)).alias(TEXT)
    )
    columns = [name for name in there.columns if name != SOURCE_LINE]
    shown = whole.select(*columns, pl.col(SOURCE_LINE).alias(LINE), PROBLEM, TEXT)
    if shown[TEXT].null_count() == shown.height:
        shown = shown.drop(TEXT)
    yield shown, f"fix-{source.rpartition('/')[2].partition('.')[0]}"


def _line_text(row: str) -> str:
    """What came of a line that could not be taken apart, or the row as JSON where it came from a database."""
    body = json.loads(row) if row else {}
    return str(body["line"]) if isinstance(body, dict) and set(body) == {"line"} else row


def loadable(name: str = "") -> list[LoadableTable]:
    """
    Raises:
        NotFound: no such table.
    """
    chosen = [table for table in TABLES.values() if table.loadable and name in ("", table.name)]
    if not chosen:
        raise NotFound(
            f"table {name!r} can't be loaded; known: {', '.join(n for n, t in TABLES.items() if t.loadable)}."
        )
    return [
        LoadableTable(
            table=table.name, meaning=table.meaning, template=csv_template(table.name),
            columns=[
                TemplateColumn(
                    column=one["column"], meaning=one["meaning"], type=one["type"], unit=one["unit"],
                    needed=one["needed"] == "yes", allowed=one["allowed"], also_known_as=one["also known as"],
                )
                for one in column_help(table.name)
            ],
        )
        for table in chosen
    ]  # fmt: skip
