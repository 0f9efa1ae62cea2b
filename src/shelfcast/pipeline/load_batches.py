"""Canonical batches -> lake: check, quarantine, merge, report. Every way in (files, databases, data sets) ends here.

    batches -> by month (spilled to disk when large) -> check rows -> too many bad? stop -> quarantine -> merge -> dimensions

Nothing of a load is merged before all its rows were checked, so a load that is refused leaves no half of itself behind.
Each write is idempotent: killed anywhere and run again, the tables end up the same.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from shelfcast.domain.errors import BadInput, TooManyBadRows
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import TABLES, Table
from shelfcast.domain.tables.curated import QUARANTINE
from shelfcast.lake.raw import LoadState, Manifest, settle
from shelfcast.lake.replace import replace
from shelfcast.pipeline import run_record
from shelfcast.pipeline.load_dimensions import Places
from shelfcast.pipeline.load_merge import Checked, merge_together
from shelfcast.pipeline.load_report import LoadReport, Tally
from shelfcast.pipeline.spill import Spill, by_month, cut_large_months, groups
from shelfcast.ports.platform import Platform
from shelfcast.quality.rule_book import RULES
from shelfcast.quality.rules import check_rows
from shelfcast.sources.batches import FAULT_SCHEMA, SOURCE_LINE, CanonicalBatch
from shelfcast.sources.folding import fold_prices

KIND = "loads"
MAX_BAD_SHARE = 0.5
FEWEST_ROWS_TO_REFUSE = 4
"""With fewer bad rows than this a file is never refused: half of two rows says nothing."""


@dataclass(frozen=True)
class Incoming:
    """What is to be loaded: its manifest in the raw zone, and its rows."""

    manifest: Manifest
    batches: Iterable[CanonicalBatch]
    notes: tuple[str, ...] = ()
    """Sentences about how it was read."""
    mapping_key: str = ""


def load_together(
    platform: Platform, group: Sequence[Incoming], *, max_bad_share: float = MAX_BAD_SHARE, frequency: str = "D"
) -> list[LoadReport]:
    """Check each source by itself, then merge them with as few commits as can be; a report for each, in order.

    A source that breaks off (state `failed`) or has too many bad rows (state `refused`) holds up none of the others:
    its report carries the `error`, its bad rows are in the quarantine, and nothing of it was merged.
    """
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="shelfcast-load-") as folder, run_record.Measured() as measured:
        places = Places(platform.tables)
        loads = [_Load(Path(folder) / str(number), one.manifest) for number, one in enumerate(group)]
        for load, incoming in zip(loads, group):
            load.take_all(platform, places, incoming.batches)
        write_quarantine(platform, loads)
        for load in loads:
            load.error = load.error or load.refusal(max_bad_share)
        merge_together(platform.tables, [load.as_checked() for load in loads if not load.error], frequency)
    share = round((time.perf_counter() - started) / max(len(group), 1), 3)
    reports = [
        LoadReport(
            load.source, load.load_id, load.state, tuple(tally.finished() for tally in load.tallies.values()), share,
            load.manifest.received_at.isoformat(), incoming.notes, load.manifest.key, incoming.mapping_key, load.error,
        )
        for load, incoming in zip(loads, group)
    ]  # fmt: skip
    for load, report in zip(loads, reports):
        _keep_record(platform, load.manifest, report, measured)
    return reports


def raise_failures(reports: Sequence[LoadReport]) -> None:
    """
    Raises:
        TooManyBadRows, BadInput: the first source that couldn't be loaded; says how many others could not.
    """
    failed = [report for report in reports if report.error]
    if not failed:
        return
    more = f" ({len(failed) - 1} more could not be loaded.)" if len(failed) > 1 else ""
    raise (TooManyBadRows if failed[0].state == "refused" else BadInput)(failed[0].error + more)


def _keep_record(platform: Platform, manifest: Manifest, report: LoadReport, measured: run_record.Measured) -> None:
    """The load as a run, so that `status` shows it, its report, and last the manifest: until then it can be run again."""
    rows = {
        "in": report.rows_in, "kept": report.kept, "quarantined": report.quarantined, "inserted": report.inserted,
        "corrected": report.corrected, "unchanged": report.unchanged,
    }  # fmt: skip
    platform.records.put(KIND, report.load_id, report.as_record())
    platform.records.put(
        run_record.KIND,
        f"ingest-{report.load_id}",
        {
            "run_id": f"ingest-{report.load_id}", "step": "ingest", "state": report.state, "source": report.source,
            "started_at": report.received_at, "seconds": report.seconds, "peak_mb": round(measured.peak_mb, 1),
            "rows": rows, "quarantined by rule": report.quarantined_by_rule(), "raw": report.raw_key,
            "mapping": report.mapping_key, "tables": {one.table: one.rows_in for one in report.tables},
            "code": run_record.code_version(), "error": report.error,
        },
    )  # fmt: skip
    settle(platform.records, manifest, LoadState.FAILED if report.error else LoadState.LOADED, rows, report.error)


def write_quarantine(platform: Platform, loads: Sequence[_Load]) -> None:
    """Bad rows of all loads in one commit. Rows of an earlier try are replaced, so a killed load leaves none twice."""
    ids = [tally.load_id for load in loads for tally in load.tallies.values()]
    where = Slice.among("load_id", ids)
    earlier = platform.tables.state(QUARANTINE).rows and platform.tables.scan(QUARANTINE).filter(where.to_polars()).head(1).collect().height  # fmt: skip
    if earlier or any(load.bad for load in loads):
        frames = (QUARANTINE.conform(part) for load in loads for key in load.bad for part in load.bad.parts(key))
        sources = ", ".join(load.source for load in loads[:5])
        replace(platform.tables, QUARANTINE, frames, where if earlier else None, notes={"source": sources})


class _Load:
    """The rows of one load on their way: `incoming` as converted, `checked` as they will be merged, `bad` with reasons."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.manifest = manifest
        self.source, self.load_id = manifest.source, manifest.load_id
        self.folder = folder
        self.error = ""
        self.broken_off = False
        self.tallies: dict[str, Tally] = {}
        self.incoming: dict[str, Spill] = {}
        self.checked: dict[str, Spill] = {}
        self.bad = Spill(folder / "bad", memory_rows=500_000)

    @property
    def state(self) -> str:
        return "failed" if self.broken_off else "refused" if self.error else "done"

    def as_checked(self) -> Checked:
        return Checked(self.manifest, self.checked, self.tallies)

    def take_all(self, platform: Platform, places: Places, batches: Iterable[CanonicalBatch]) -> None:
        """Take in every batch and check it; an error of the source is kept for the report."""
        try:
            for batch in batches:
                self.take_in(places.add_business_date(batch))
                platform.progress.advance(self.source, batch.rows_in)
            self.check()
        except BadInput as error:
            self.error, self.broken_off = str(error), True

    def take_in(self, batch: CanonicalBatch) -> None:
        name = batch.table.name
        if name not in self.tallies:
            # Each table's part has an id of its own: one source row may be quarantined for several tables.
            self.tallies[name] = Tally(name, f"{self.load_id}-{name}")
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
            cut_large_months(incoming, table)
            for months in groups(incoming, table):
                frame = incoming.take(months)
                before = frame.height
                if name == "prices":
                    frame, folded = fold_prices(frame)
                    tally.folded += folded
                    tally.kept += folded
                    before -= folded
                result = check_rows(
                    frame, table, source=self.source, load_id=tally.load_id, now=self.manifest.received_at
                )
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
            pl.lit(self.manifest.received_at).cast(pl.Datetime("us", "UTC")).alias("loaded_at"),
        )
        self.bad.add(tally.load_id, kept)
        counted = faults.group_by("rule", "column", maintain_order=True).agg(
            pl.len().alias("rows"),
            pl.col(SOURCE_LINE).unique().sort().head(5).alias("lines"),
            pl.col("reason").first(),
        )
        for rule, column, rows, lines, reason in counted.iter_rows():
            tally.count_reason(rule, column or "", rows, lines, reason)

    def refusal(self, max_bad_share: float) -> str:
        """The sentence why the load is refused, or empty."""
        for tally in self.tallies.values():
            # A row that only says again what another says is no sign of a wrong mapping.
            bad = tally.quarantined - sum(one.rows for one in tally.reasons.values() if _harmless(one.rule))
            if bad < FEWEST_ROWS_TO_REFUSE or bad <= max_bad_share * tally.rows_in:
                continue
            worst = sorted(tally.reasons.values(), key=lambda one: (_harmless(one.rule), -one.rows))[:3]
            reasons = "; ".join(f"{one.rows:,} x {one.rule}: {one.example}" for one in worst)
            return (
                f"{self.source}: {bad:,} of {tally.rows_in:,} rows for table {tally.table} can't be used "
                f"({bad / tally.rows_in:.0%}; allowed {max_bad_share:.0%}), so nothing was loaded. {reasons} "
                "The file is kept and every row with its reason is in the quarantine table. Mend the file or its mapping "
                "and load it again, or allow more with max_bad_share."
            )
        return ""


def _harmless(rule: str) -> bool:
    return rule in RULES and RULES[rule].severity == "info"


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
