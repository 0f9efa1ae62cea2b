"""The quality report as data: what was checked, what was found, what to do next. `report_page` shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from shelfcast.quality.findings import Finding, counting
from shelfcast.quality.rule_book import RULES, Level

URGENCY = {"error": 0, "warning": 1, "info": 2}
FIRST_LOOKS = 24
"""Anomalies shown one by one; the table `anomalies` holds them all."""
EACH_KIND = 10
PERIODS_AT_STAKE = 7
"""A level shift or a wrong price costs as long as nobody looks: a week is counted."""


@dataclass(frozen=True)
class TableState:
    """One table that was looked at."""

    table: str
    rows: int
    first: date | None
    newest: date | None
    quarantined: int


@dataclass(frozen=True)
class Report:
    """Everything the page shows; nothing in it depends on the clock, so the same lake gives the same page."""

    cutoff: date
    run_id: str
    currency: str
    tables: tuple[TableState, ...]
    findings: tuple[Finding, ...]
    quarantine: pl.DataFrame
    """table, rule, rows, source, source_line, reason: the first example of each rule and table."""
    anomalies: pl.DataFrame
    """All flags, as in `anomalies`."""
    looks: pl.DataFrame
    """The flags worth looking at first, with `at_stake` (money, or units where no price is known)."""
    recent_units: dict[tuple[str, str], list[float | None]]
    """Units per period of the series in `looks`, the last one at the cutoff."""
    recent_days: list[date]
    """The periods of `recent_units`."""
    units_by_day: list[float]
    """All units per period, the last one at the cutoff."""
    series: int
    sales_rows: int

    @property
    def checks(self) -> list[Finding]:
        """Findings about whole tables."""
        return [one for one in self.findings if one.rule in RULES and RULES[one.rule].level is Level.TABLE]

    @property
    def problems(self) -> list[Finding]:
        """Findings about whole tables that need a person, the gravest first; single rows are in `quarantine`."""
        open_ones = [one for one in self.checks if one.failed and one.weight != "info"]
        return sorted(open_ones, key=lambda one: (URGENCY[one.weight], -one.failed, one.table, one.rule, one.column))

    @property
    def quarantined(self) -> int:
        return sum(one.quarantined for one in self.tables)

    @property
    def anomaly_counts(self) -> dict[str, int]:
        """Flags by kind, the most frequent first."""
        counted = self.anomalies["kind"].value_counts().sort(["count", "kind"], descending=[True, False])
        return dict(zip(counted["kind"], counted["count"]))

    @property
    def verdict(self) -> str:
        """The first sentence of the page."""
        series = self.anomalies.select("item_id", "location_id").n_unique() if self.anomalies.height else 0
        parts = []
        if self.problems:
            needs = "needs" if len(self.problems) == 1 else "need"
            parts.append(f"{counting(len(self.problems), 'check')} {needs} a look")
        if self.quarantined:
            parts.append(f"{counting(self.quarantined, 'row')} could not be used and are in quarantine")
        if series:
            parts.append(f"{series:,} of {self.series:,} series have something unusual in the last eight weeks")
        if not parts:
            return f"All checks passed on {counting(self.sales_rows, 'sales row')}."
        return f"Of {counting(self.sales_rows, 'sales row')} up to {self.cutoff:%A %d %B %Y}: {'; '.join(parts)}."

    @property
    def next_steps(self) -> list[str]:
        """What to do, in order, one sentence each: tables, rows that could not be used, flags."""
        steps = [one.message for one in self.problems[:6]]
        for (name,), rows in self.quarantine.group_by("table", maintain_order=True):
            main = rows.row(0, named=True)
            cure = f" {RULES[main['rule']].cure}" if main["rule"] in RULES else ""
            said = f"{counting(int(rows['rows'].sum()), 'row')} for {name} could not be used"
            mostly = f"mostly '{main['rule'].replace('_', ' ')}' ({main['rows']:,})"
            steps.append(f"{said}, {mostly}.{cure}")
        return [*steps, *self.flag_steps] or ["Nothing needs to be done."]

    @property
    def flag_steps(self) -> list[str]:
        """One sentence for each kind of flag that needs a person."""
        return [
            f"{counting(count, KIND_NAMES[kind])}. {RULES[kind].cure}"
            for kind, count in self.anomaly_counts.items()
            if RULES[kind].severity == "warning"
        ]


KIND_NAMES = {
    "spike": "spike",
    "level_shift": "level shift",
    "likely_stockout": "likely stock-out",
    "impossible_price": "impossible price",
    "missing_day": "gap of missing days",
    "late_data": "series with late data",
}


def first_looks(anomalies: pl.DataFrame, usual_prices: pl.DataFrame) -> pl.DataFrame:
    """The flags worth looking at first: by what is at stake, at most `EACH_KIND` of a kind.

    At stake: the units above or below the expected times the item's usual price; a level shift counts for a week. A
    wrong price is worth the difference of a week's sales, which is not known here, so prices are ranked by their score.
    """
    kinds = [kind for kind in KIND_NAMES if RULES[kind].severity == "warning"]
    gap = (pl.col("value").fill_null(0.0) - pl.col("expected").fill_null(0.0)).abs()
    units = pl.when(pl.col("kind") == "level_shift").then(gap * PERIODS_AT_STAKE).otherwise(gap)
    rows = anomalies.filter(pl.col("kind").is_in(kinds))
    if usual_prices.width:
        rows = rows.join(usual_prices.select("item_id", "usual"), on="item_id", how="left", maintain_order="left")
    else:
        rows = rows.with_columns(pl.lit(None, pl.Float64).alias("usual"))
    price = pl.when(pl.col("kind") == "impossible_price").then(1.0).otherwise(pl.col("usual").fill_null(1.0))
    ranked = rows.with_columns((units * price).round(2).alias("at_stake")).sort(
        ["at_stake", "kind", "item_id", "location_id", "date"], descending=[True, False, False, False, False]
    )
    best = ranked.filter(pl.int_range(pl.len()).over("kind") < EACH_KIND)
    return best.head(FIRST_LOOKS).drop("usual")


def quarantine_summary(quarantine: pl.DataFrame) -> pl.DataFrame:
    """Rows by table and rule, with the first of them as the example."""
    return (
        quarantine.sort("table", "load_id", "source_line")
        .group_by("table", "rule", maintain_order=True)
        .agg(pl.len().alias("rows"), pl.col("source").first(), pl.col("source_line").first(), pl.col("reason").first())
        .sort(["rows", "table", "rule"], descending=[True, False, False])
    )
