"""Canonical batches -> lake: check, quarantine, merge, report. Every way in (files, databases, data sets) ends here.

    batches -> by month (spilled to disk when large) -> check rows -> too many bad? stop -> quarantine -> merge -> dimensions

Nothing is merged before every row was checked, so a load that is refused leaves no half of itself behind. Each write is
idempotent: killed anywhere and run again, the tables end up the same.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import polars as pl

from shelfcast.domain.errors import NotFound, TooManyBadRows
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import TABLES, Table
from shelfcast.domain.tables.curated import QUARANTINE
from shelfcast.lake.merge import merge
from shelfcast.lake.replace import replace
from shelfcast.pipeline import run_record
from shelfcast.pipeline.load_dimensions import Places, add_unknown
from shelfcast.pipeline.load_report import LoadReport, Tally
from shelfcast.pipeline.spill import Spill, by_month, groups
from shelfcast.ports.platform import Platform
from shelfcast.quality.rules import check_rows
from shelfcast.sources.batches import FAULT_SCHEMA, SOURCE_LINE, CanonicalBatch
from shelfcast.sources.folding import fold_prices

KIND = "loads"
MAX_BAD_SHARE = 0.5
FEWEST_ROWS_TO_REFUSE = 4
"""With fewer bad rows than this a file is never refused: half of two rows says nothing."""


def load_batches(
    platform: Platform,
    batches: Iterable[CanonicalBatch],
    *,
    source: str,
    load_id: str,
    received_at: datetime,
    max_bad_share: float = MAX_BAD_SHARE,
    notes: Mapping[str, str] | None = None,
    sentences: tuple[str, ...] = (),
    raw_key: str = "",
    mapping_key: str = "",
) -> LoadReport:
    """Check and merge batches of any tables, in one load.

    `received_at` counts for the first try; a try after a kill takes over the moment of the killed one, so that it ends
    with the same rows.

    Raises:
        TooManyBadRows: more than `max_bad_share` of the rows can't be used. They are in the quarantine with their
            reasons, the raw file is kept, and no table was changed.
    """
    started = time.perf_counter()
    received_at = _begin(platform, source, load_id, received_at)
    said = {"load_id": load_id, "source": source, **(notes or {})}
    with tempfile.TemporaryDirectory(prefix="shelfcast-load-") as folder, run_record.Measured() as measured:
        load = _Load(Path(folder), source, load_id, received_at)
        places = Places(platform.tables)
        for batch in batches:
            load.take_in(places.add_business_date(batch))
            platform.progress.advance(source, batch.frame.height)
        load.check()
        load.write_quarantine(platform, said)
        refused = load.refusal(max_bad_share)
        if not refused:
            load.merge(platform, said)
    report = LoadReport(
        source, load_id, "refused" if refused else "done", tuple(tally.finished() for tally in load.tallies.values()),
        round(time.perf_counter() - started, 3), received_at.isoformat(), sentences, raw_key, mapping_key,
    )  # fmt: skip
    keep_record(platform, report, measured)
    if refused:
        raise TooManyBadRows(refused)
    return report


def _begin(platform: Platform, source: str, load_id: str, received_at: datetime) -> datetime:
    """Note that the load has begun; the moment of an earlier try that did not end."""
    try:
        earlier = platform.records.get(KIND, load_id).body
        if earlier["state"] == "running":
            return datetime.fromisoformat(earlier["received_at"])
    except NotFound:
        pass
    platform.records.put(
        KIND,
        load_id,
        {"source": source, "load_id": load_id, "state": "running", "received_at": received_at.isoformat()},
    )
    return received_at


def keep_record(platform: Platform, report: LoadReport, measured: run_record.Measured) -> None:
    """The load as a run, so that `status` shows it, and its whole report, so that the same file is known again."""
    platform.records.put(KIND, report.load_id, report.as_record())
    platform.records.put(
        run_record.KIND,
        f"ingest-{report.load_id}",
        {
            "run_id": f"ingest-{report.load_id}", "step": "ingest", "state": report.state, "source": report.source,
            "started_at": report.received_at, "seconds": report.seconds, "peak_mb": round(measured.peak_mb, 1),
            "rows": {
                "in": report.rows_in, "kept": report.kept, "quarantined": report.quarantined,
                "inserted": report.inserted, "corrected": report.corrected, "unchanged": report.unchanged,
            },
            "quarantined by rule": report.quarantined_by_rule(), "raw": report.raw_key, "mapping": report.mapping_key,
            "tables": {one.table: one.rows_in for one in report.tables}, "code": run_record.code_version(),
        },
    )  # fmt: skip


class _Load:
    """The rows of one load on their way: `incoming` as converted, `checked` as they will be merged, `bad` with reasons."""

    def __init__(self, folder: Path, source: str, load_id: str, received_at: datetime) -> None:
        self.source, self.load_id, self.received_at = source, load_id, received_at
        self.folder = folder
        self.tallies: dict[str, Tally] = {}
        self.incoming: dict[str, Spill] = {}
        self.checked: dict[str, Spill] = {}
        self.bad = Spill(folder / "bad", memory_rows=500_000)

    def load_id_of(self, table: str) -> str:
        """Each table's part has an id of its own: one source row may be quarantined for several tables."""
        return f"{self.load_id}-{table}"

    def take_in(self, batch: CanonicalBatch) -> None:
        name = batch.table.name
        if name not in self.tallies:
            self.tallies[name] = Tally(name, self.load_id_of(name))
            self.incoming[name] = Spill(self.folder / "incoming" / name)
            self.checked[name] = Spill(self.folder / "checked" / name)
        tally = self.tallies[name]
        tally.rows_in += batch.rows_in
        tally.quarantined += batch.rows_at_fault
        tally.folded += batch.folded
        tally.kept += batch.folded
        for month, part in by_month(batch.frame, batch.table).items():
            self.incoming[name].add(month, part)
        if batch.faults.height:
            self._quarantine(batch.table, batch.faults)

    def check(self) -> None:
        """The declared rules, on whole groups of months, so that keys that stand twice in the source meet."""
        for name, tally in self.tallies.items():
            table, incoming = TABLES[name], self.incoming[name]
            for months in groups(incoming, table):
                frame = incoming.take(months)
                before = frame.height
                if name == "prices":
                    frame, folded = fold_prices(frame)
                    tally.folded += folded
                    tally.kept += folded
                    before -= folded
                result = check_rows(frame, table, source=self.source, load_id=tally.load_id, now=self.received_at)
                tally.kept += result.kept.height
                tally.quarantined += before - result.kept.height
                self._quarantine(table, result.quarantined)
                _remarks(result.kept, table, tally)
                self.checked[name].add(months[0], result.kept)

    def _quarantine(self, table: Table, faults: pl.DataFrame) -> None:
        if faults.is_empty():
            return
        tally = self.tallies[table.name]
        kept = faults.select(
            pl.lit(tally.load_id).alias("load_id"),
            pl.lit(table.name).alias("table"),
            pl.lit(self.source).alias("source"),
            *FAULT_SCHEMA.names(),
            pl.lit(self.received_at).cast(pl.Datetime("us", "UTC")).alias("loaded_at"),
        )
        self.bad.add(tally.load_id, kept)
        counted = faults.group_by("rule", "column", maintain_order=True).agg(
            pl.col(SOURCE_LINE).n_unique().alias("rows"),
            pl.col(SOURCE_LINE).unique().sort().head(5).alias("lines"),
            pl.col("reason").first(),
        )
        for rule, column, rows, lines, reason in counted.iter_rows():
            tally.count_reason(rule, column or "", rows, lines, reason)

    def write_quarantine(self, platform: Platform, notes: Mapping[str, str]) -> None:
        """Rows of an earlier try of the same load are replaced, so a killed load leaves none twice."""
        for load_id in [tally.load_id for tally in self.tallies.values()]:
            earlier = platform.tables.scan(QUARANTINE).filter(pl.col("load_id") == load_id).head(1).collect()
            if load_id in self.bad or earlier.height:
                replace(
                    platform.tables,
                    QUARANTINE,
                    (QUARANTINE.conform(part) for part in list(self.bad.parts(load_id))),
                    Slice.of(load_id=load_id),
                    notes=notes,
                )

    def refusal(self, max_bad_share: float) -> str:
        """The sentence why the load is refused, or empty."""
        for tally in self.tallies.values():
            if tally.quarantined < FEWEST_ROWS_TO_REFUSE or tally.quarantined <= max_bad_share * tally.rows_in:
                continue
            worst = sorted(tally.reasons.values(), key=lambda one: -one.rows)[:3]
            reasons = "; ".join(f"{one.rows:,} x {one.rule}: {one.example}" for one in worst)
            return (
                f"{self.source}: {tally.quarantined:,} of {tally.rows_in:,} rows for table {tally.table} can't be used "
                f"({tally.quarantined / tally.rows_in:.0%}; allowed {max_bad_share:.0%}), so nothing was loaded. {reasons} "
                "The file is kept and every row with its reason is in the quarantine table. Mend the file or its mapping "
                "and load it again, or allow more with max_bad_share."
            )
        return ""

    def merge(self, platform: Platform, notes: Mapping[str, str]) -> None:
        """Dimensions first, so that facts of the same load find their items and locations."""
        ordered = sorted(self.tallies.values(), key=lambda one: bool(TABLES[one.table].references))
        seen: dict[str, set[str]] = {}
        for tally in ordered:
            table, checked = TABLES[tally.table], self.checked[tally.table]
            for key in list(checked):
                rows = checked.take([key])
                for column, dimension in table.references:
                    seen.setdefault(dimension, set()).update(rows[column].unique().drop_nulls().to_list())
                done = merge(
                    platform.tables,
                    table,
                    rows.drop(SOURCE_LINE).with_columns(pl.lit(tally.load_id).alias("load_id")),
                    received_at=self.received_at,
                    notes=notes,
                )
                tally.inserted += done.inserted
                tally.corrected += done.corrected
                tally.unchanged += done.unchanged + done.repeated
        for dimension, ids in seen.items():
            unknown = add_unknown(platform.tables, TABLES[dimension], ids, received_at=self.received_at, notes=notes)
            word = dimension.removesuffix("s")
            if unknown:
                fact = next(
                    one for one in ordered if dimension in {referred for _, referred in TABLES[one.table].references}
                )
                fact.remark(
                    f"unknown {word}",
                    len(unknown),
                    f"{len(unknown):,} {dimension} without a description were added by their id "
                    f"({', '.join(unknown[:5])}{'...' if len(unknown) > 5 else ''}). Load `{dimension}` to describe them.",
                )


def _remarks(frame: pl.DataFrame, table: Table, tally: Tally) -> None:
    """What is unusual in rows that are kept."""
    if table.name not in ("sales", "pos_events") or "units" not in frame.columns:
        return
    negative = int((frame["units"] < 0).sum())
    if negative:
        tally.remark("negative units", negative, "Rows with negative units were kept: returns net of sales.")
    fraction = int((frame["units"] != frame["units"].round()).sum())
    if fraction:
        tally.remark("fractional units", fraction, "Rows with fractions of a unit were kept: weighed goods.")
