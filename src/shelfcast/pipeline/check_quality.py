"""The step `quality`: the lake as it was known at the cutoff is held against every rule; the report is written.

small tables, day totals -> findings of whole tables
partitions of whole series -> anomaly flags        -> quality_results, anomalies, reports/quality-<cutoff>.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from dataclasses import replace as changed
from datetime import date, timedelta
from functools import partial

import polars as pl

from shelfcast.domain.errors import NotReady
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import TABLES, Kind, Table, curated, results, supply
from shelfcast.lake.as_of import as_of, current, end_of
from shelfcast.lake.replace import replace
from shelfcast.pipeline.steps import Outcome, Parameters
from shelfcast.ports.platform import Platform
from shelfcast.ports.table_store import TableStore
from shelfcast.quality import anomaly_context as context_of
from shelfcast.quality.anomalies import FLAGGED, Windows, anomalies_of
from shelfcast.quality.anomaly_context import KEY, Calendar, Context
from shelfcast.quality.completeness import check_completeness
from shelfcast.quality.findings import Finding, as_rows, quarantine_findings
from shelfcast.quality.freshness import check_freshness, check_locations_alive
from shelfcast.quality.price_anomalies import usual_prices
from shelfcast.quality.references import check_prices_exist, check_references, check_whole_units, described
from shelfcast.quality.report import Report, TableState, first_looks, quarantine_summary
from shelfcast.quality.report_page import report_page

TITLE = "Checking the data"
SOLD_LATELY = 28


@dataclass(frozen=True)
class QualitySummary:
    """What a person should know of the check, in numbers and sentences."""

    sales_rows: int
    series: int
    problems: int
    quarantined: int
    anomalies: int
    by_rule: dict[str, int]
    """Findings that failed: `table.rule` -> rows (days, series) that broke it."""
    by_anomaly: dict[str, int]
    quarantine: dict[str, dict[str, int]]
    """table -> rule -> rows."""
    sentences: list[str]
    report: str
    """Key of the page in the blob store."""


@dataclass(frozen=True)
class SeriesPart:
    """Whole series of some locations; with `items`, of one location only those from the first to the last."""

    locations: tuple[str, ...]
    items: tuple[str, str] | None = None

    def where(self) -> pl.Expr:
        places = pl.col("location_id").is_in(self.locations)
        return (
            places & pl.col("item_id").is_between(pl.lit(self.items[0]), pl.lit(self.items[1]))
            if self.items
            else places
        )


def report_key(cutoff: date) -> str:
    """Where the page of a cutoff is in the blob store."""
    return f"reports/quality-{cutoff.isoformat()}.html"


def run(platform: Platform, parameters: Parameters, run_id: str) -> Outcome:
    """Check the lake at the cutoff.

    Raises:
        NotReady: nothing was sold up to the cutoff.
    """
    summary = check_quality(
        platform, parameters.cutoff, run_id, partition_rows=parameters.partition_rows, currency=parameters.currency
    )
    return Outcome({"checks": summary.problems, "anomalies": summary.anomalies}, asdict(summary))


def check_quality(
    platform: Platform, cutoff: date, run_id: str, *, partition_rows: int = 3_000_000, currency: str = ""
) -> QualitySummary:
    """Run every check, write `quality_results`, `anomalies` and the page, and say what was found."""
    tables = platform.tables
    sales = as_of(tables, curated.SALES, end_of(cutoff)).filter(pl.col("date") <= cutoff)
    calendar, frequency = calendar_of(sales, cutoff)
    windows = Windows.of(frequency)
    items = as_of(tables, curated.ITEMS, end_of(cutoff)).collect()
    totals = context_of.day_totals(sales, items, calendar)
    openings = as_of(tables, curated.OPENINGS, end_of(cutoff)).collect()
    found = _table_findings(tables, calendar, items, totals, openings, windows.recent)
    series = _series(sales, calendar)
    parts = plan_parts(series, partition_rows) if frequency != "M" else []
    platform.progress.start(TITLE, len(parts) + 1)
    flags = [pl.DataFrame(schema=FLAGGED)]
    prices = as_of(tables, curated.PRICES, end_of(cutoff))
    usual = usual_prices(prices, items)
    if parts:
        context = context_of.build_context(
            totals, items, calendar,
            openings=openings,
            events=context_of.spans_of(as_of(tables, curated.PROMOTIONS, end_of(cutoff)).collect()),
            listing=context_of.listing_of(
                items, as_of(tables, supply.ITEM_LOCATIONS, end_of(cutoff)).collect(), calendar, windows.recent
            ),
            usual_prices=usual,
            half_window=windows.half,
        )  # fmt: skip
        for part in platform.engine.map(partial(flags_of, tables, cutoff, context), parts):
            flags.append(part)
            platform.progress.advance(TITLE)
    anomalies = pl.concat(flags).sort("kind", *KEY, "date")
    report = _report(platform, cutoff, run_id, calendar, found, anomalies, usual, totals, series, currency)
    findings = [*report.findings, *_kinds_found(anomalies, series.height)]
    replace(tables, results.QUALITY_RESULTS, as_rows(findings, run_id), Slice.of(run_id=run_id))
    stamped = results.ANOMALIES.conform(anomalies.with_columns(pl.lit(run_id).alias("run_id")))
    replace(tables, results.ANOMALIES, stamped, Slice.of(run_id=run_id))
    platform.blobs.put(report_key(cutoff), report_page(report).encode())
    return _summary(report)


def calendar_of(sales: pl.LazyFrame, cutoff: date) -> tuple[Calendar, str]:
    """The periods looked at, and how far apart the sales rows really are: D, W or M.

    Raises:
        NotReady: no sales.
    """
    days = sales.select(pl.col("date").unique()).collect()["date"].sort()
    if days.is_empty():
        raise NotReady(
            f"there are no sales up to {cutoff}. Load some with `shelfcast ingest`, or choose a later cutoff."
        )
    newest: date = days[-1]
    if len(days) > 2 and days.dt.weekday().n_unique() == 1:
        # Weeks: the last one that has ended by the cutoff, whether its rows came or not.
        ended = max(0, ((cutoff - newest).days + 1) // 7 - 1)
        return Calendar(newest + timedelta(days=7 * ended), "W", Windows.of("W").history), "W"
    monthly = len(days) > 2 and days.dt.day().n_unique() == 1
    return Calendar(cutoff, "D", Windows.of("D").history), "M" if monthly else "D"


def flags_of(tables: TableStore, cutoff: date, context: Context, part: SeriesPart) -> pl.DataFrame:
    """Anomaly flags of a partition. Reads its own rows, so memory doesn't grow with the number of series."""
    moment, where, calendar = end_of(cutoff), part.where(), context.calendar
    inside = pl.col("date").is_between(calendar.first_day, cutoff)
    sales = as_of(tables, curated.SALES, moment, where & inside).select(*KEY, "date", "units", "known_at").collect()
    availability = as_of(tables, curated.AVAILABILITY, moment, where & inside)
    prices = as_of(tables, curated.PRICES, moment, where).collect()
    cuts = context_of.price_cuts(prices, calendar)
    return anomalies_of(
        sales,
        changed(context, events=pl.concat([context.events, cuts])),
        prices=prices,
        availability=availability.select(*KEY, "date", "in_stock_share").collect(),
    )


def plan_parts(series: pl.DataFrame, partition_rows: int) -> list[SeriesPart]:
    """Locations together up to `partition_rows` rows; a larger location is cut by items.

    Args:
        series: item_id, location_id, rows; sorted by location and item.
    """
    parts: list[SeriesPart] = []
    pending: list[str] = []
    size = 0
    for (place,), rows in series.group_by("location_id", maintain_order=True):
        count = int(rows["rows"].sum())
        if pending and size + count > partition_rows:
            parts.append(SeriesPart(tuple(pending)))
            pending, size = [], 0
        if count <= partition_rows:
            pending.append(str(place))
            size += count
            continue
        pieces = (rows["rows"].cum_sum() - 1) // partition_rows
        for piece in pieces.unique(maintain_order=True):
            names = rows["item_id"].filter(pieces == piece)
            parts.append(SeriesPart((str(place),), (names[0], names[-1])))
    return [*parts, SeriesPart(tuple(pending))] if pending else parts


def _series(sales: pl.LazyFrame, calendar: Calendar) -> pl.DataFrame:
    """item_id, location_id, rows and newest day of each series inside the calendar."""
    return (
        sales.filter(pl.col("date") >= calendar.first_day)
        .group_by(KEY)
        .agg(pl.len().alias("rows"), pl.col("date").max().alias("newest"))
        .collect(engine="streaming")
        .sort("location_id", "item_id")
    )


def _table_findings(
    tables: TableStore,
    calendar: Calendar,
    items: pl.DataFrame,
    totals: pl.DataFrame,
    openings: pl.DataFrame,
    recent: int,
) -> list[Finding]:
    """Rules of whole tables, on all that holds rows."""
    locations = current(tables, curated.LOCATIONS).collect()
    known = {"items": described(items, curated.ITEMS), "locations": described(locations, curated.LOCATIONS)}
    found: list[Finding] = []
    for table in _filled(tables):
        rows = current(tables, table)
        found += check_references(rows, table, known)
        if table.kind is Kind.FACT:
            found += check_freshness(rows, table, calendar)
    sales = current(tables, curated.SALES).filter(pl.col("date") <= calendar.cutoff)
    found += check_whole_units(sales, items)
    found += check_locations_alive(totals, calendar)
    found += check_completeness(totals, calendar, recent, openings)
    lately = calendar.cutoff - timedelta(days=SOLD_LATELY)
    sold = sales.filter((pl.col("date") > lately) & (pl.col("units") > 0)).select(KEY).unique().collect()
    found += check_prices_exist(sold, current(tables, curated.PRICES).select(KEY).unique().collect())
    return found


def _filled(tables: TableStore) -> list[Table]:
    return [table for table in TABLES.values() if table.loadable and tables.state(table).rows]


def _report(
    platform: Platform,
    cutoff: date,
    run_id: str,
    calendar: Calendar,
    found: Sequence[Finding],
    anomalies: pl.DataFrame,
    usual: pl.DataFrame,
    totals: pl.DataFrame,
    series: pl.DataFrame,
    currency: str,
) -> Report:
    tables = platform.tables
    quarantine = tables.scan(curated.QUARANTINE).drop("row").collect()
    refused = dict(quarantine["table"].value_counts().iter_rows())
    states = [_state(tables, table, refused.get(table.name, 0)) for table in TABLES.values() if table.loadable]
    states = [one for one in states if one.rows or one.quarantined]
    rows = {one.table: one.rows for one in states}
    looks = first_looks(anomalies, usual)
    recent = Windows.of(calendar.frequency).recent
    days = [calendar.cutoff - timedelta(days=calendar.step * n) for n in reversed(range(recent))]
    all_units = dict(totals.group_by("date").agg(pl.col("units").sum()).iter_rows())
    return Report(
        cutoff=cutoff, run_id=run_id, currency=currency, tables=tuple(states),
        findings=(*found, *quarantine_findings(quarantine, rows)),
        quarantine=quarantine_summary(quarantine), anomalies=anomalies, looks=looks,
        recent_units=_recent_units(tables, cutoff, looks, days), recent_days=days,
        units_by_day=[float(all_units.get(day, 0.0)) for day in days],
        series=series.height, sales_rows=rows.get("sales", 0),
    )  # fmt: skip


def _state(tables: TableStore, table: Table, refused: int) -> TableState:
    days = [column.name for column in table.columns if column.type is curated.DATE.type and column.name in table.key]
    if not days or not tables.state(table).rows:
        return TableState(table.name, current(tables, table).select(pl.len()).collect().item(), None, None, refused)
    day = pl.col(table.partition if table.partition in days else days[0])
    count, first, newest = (
        current(tables, table).select(pl.len(), day.min().alias("a"), day.max().alias("b")).collect().row(0)
    )
    return TableState(table.name, count, first, newest, refused)


def _recent_units(
    tables: TableStore, cutoff: date, looks: pl.DataFrame, days: list[date]
) -> dict[tuple[str, str], list[float | None]]:
    """Units by period of the series looked at first; None where there is no row."""
    if looks.is_empty():
        return {}
    where = (
        pl.col("item_id").is_in(looks["item_id"].unique().implode())
        & pl.col("location_id").is_in(looks["location_id"].unique().implode())
        & pl.col("date").is_between(days[0], days[-1])
    )
    rows = as_of(tables, curated.SALES, end_of(cutoff), where).select(*KEY, "date", "units").collect()
    place = {day: n for n, day in enumerate(days)}
    units: dict[tuple[str, str], list[float | None]] = {}
    for item, location, day, value in rows.sort(*KEY, "date").iter_rows():
        if day in place:
            units.setdefault((item, location), [None] * len(days))[place[day]] = value
    return units


def _kinds_found(anomalies: pl.DataFrame, series: int) -> list[Finding]:
    """Each kind of flag as a row of `quality_results`, so that one table tells all."""
    counts = dict(anomalies["kind"].value_counts().sort("kind").iter_rows())
    table = {"impossible_price": "prices"}
    return [
        Finding(
            table.get(kind, "sales"),
            kind,
            "",
            series,
            count,
            f"{count:,} flags in the last eight weeks; see the table anomalies.",
        )
        for kind, count in counts.items()
    ]


def _summary(report: Report) -> QualitySummary:
    by_table: dict[str, dict[str, int]] = {}
    for one in report.quarantine.iter_rows(named=True):
        by_table.setdefault(one["table"], {})[one["rule"]] = one["rows"]
    return QualitySummary(
        sales_rows=report.sales_rows,
        series=report.series,
        problems=len(report.problems),
        quarantined=report.quarantined,
        anomalies=report.anomalies.height,
        by_rule={f"{one.table}.{one.rule}": one.failed for one in report.findings if one.failed},
        by_anomaly=report.anomaly_counts,
        quarantine=by_table,
        sentences=[report.verdict, *(one.message for one in report.problems[:3]), *report.flag_steps],
        report=report_key(report.cutoff),
    )
