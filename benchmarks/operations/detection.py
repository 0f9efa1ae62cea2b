"""How soon the monitor tells of a planted change: one copy of a simulated shop for each.

    python benchmarks/operations/detection.py --stores 3 --items 40

The change begins on one night; the delay is the number of nights until a finding stands that doesn't stand in the same
shop without the change (0: told on the first night). Feeds are changed as they come in; changes of demand by drawing each
sold unit with the factor's probability. Forecasts are the stand-in's and never learn of a change, except that a promotion
nobody announced is missing from them. Results go to benchmarks/operations/results/.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from rehearsal import copied, expected_units, findings_of, forget_snapshots, loaded, spec_of, stand_in

from shelfcast.domain.tables import Table, results
from shelfcast.lake.replace import replace as replace_rows
from shelfcast.pipeline.steps import Parameters, run_step
from shelfcast.ports.platform import Platform

RESULTS = Path(__file__).parent / "results"
BEFORE, AFTER = 14, 28
"""Nights watched before the change and after it."""
Change = Callable[[Table, pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class Planted:
    name: str
    change: Change
    unannounced: bool = False
    """Forecasts made after the change don't know the promotions planned since."""


def planted(start: date, category: str, location: str, categories: pl.DataFrame) -> list[Planted]:
    """What is planted, each from the same day."""
    moment = datetime.combine(start, datetime.min.time(), UTC)
    generator = np.random.default_rng(11)
    items = categories.filter(pl.col("category") == category)["item_id"].implode()

    def thinned(where: pl.Expr, factor: float) -> Change:
        def change(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
            if table.name not in ("sales", "demand"):
                return rows
            # The same draw for a series-day in both tables.
            draw = np.random.default_rng(3)
            rows = rows.sort("item_id", "location_id", "date")
            # Weighed goods in tens of grams, so that none is rounded away.
            count = (rows["units"].fill_null(0).clip(0) * 100).round().cast(pl.Int64).to_numpy()
            weighed = count % 100 != 0
            less = np.where(weighed, draw.binomial(count, factor) / 100, draw.binomial(count // 100, factor))
            hit = where & (pl.col("date") >= start) & pl.col("units").is_not_null()
            units = pl.when(hit).then(pl.Series("less", less).cast(pl.Float64)).otherwise(pl.col("units"))
            rows = rows.with_columns(units=units)
            return (
                rows.with_columns(
                    # Where stock ran out, what was wanted is less by the factor; elsewhere it is what was sold.
                    demand=pl.when(hit & pl.col("censored").fill_null(False))
                    .then(pl.col("demand") * factor)
                    .when(hit)
                    .then("units")
                    .otherwise("demand")
                )
                if table.name == "demand"
                else rows
            )

        return change

    def not_announced(*names: str) -> Change:
        return lambda table, rows: rows.filter(pl.col("known_at") < moment) if table.name in names else rows

    def on_stock(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
        if table.name != "stock":
            return rows
        return rows.with_columns(on_hand=pl.when(pl.col("date") >= start).then(0.0).otherwise(pl.col("on_hand")))

    def a_day_late(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
        if table.name not in ("sales", "demand"):
            return rows
        late = pl.when(pl.col("date") >= start).then(pl.col("date") + pl.duration(days=1)).otherwise(pl.col("date"))
        return rows.with_columns(date=late)

    def half_a_file(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
        if table.name != "sales":
            return rows
        lost = pl.Series("lost", generator.random(rows.height) < 0.55)
        return rows.filter(~(lost & (pl.col("date") >= start)))

    return [
        Planted(f"level shift: {category} sells 30 % less", thinned(pl.col("item_id").is_in(items), 0.7)),
        Planted(f"new competitor: {location} sells 25 % less", thinned(pl.col("location_id") == location, 0.75)),
        Planted(
            "lost promotion flag: no promotion is announced any more", not_announced("promotions"), unannounced=True
        ),
        Planted("price feed frozen: no price is announced any more", not_announced("prices")),
        Planted("broken stock feed: zero everywhere", on_stock),
        Planted("clock shift: sales booked a day late", a_day_late),
        Planted("half of the sales file missing", half_a_file),
    ]


def watch(
    lake: Platform, first: date, nights: int, forecast: Callable[[date], pl.DataFrame]
) -> dict[date, dict[str, str]]:
    """Findings (key -> sentence) by night."""
    found = {}
    for number in range(nights):
        today = first + timedelta(days=number)
        run_step(lake, "monitor", Parameters(cutoff=today))
        found[today] = {one.key: one.says for one in findings_of(lake, today)}
        if number % 7 == 0:
            replace_rows(lake.tables, results.FORECASTS, forecast(today), None)
        forget_snapshots(lake)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("stores", 3), ("items", 40), ("history", 760), ("seed", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", default="", help="only changes whose name holds this word")
    options = parser.parse_args()
    spec = spec_of(options.stores, options.items, options.history, BEFORE + AFTER, options.seed)
    lake = loaded(spec)
    first = spec.last_day - timedelta(days=BEFORE + AFTER)
    start = first + timedelta(days=BEFORE)
    expected, promotions = expected_units(spec)
    expected = expected.filter(pl.col("date") > first - timedelta(days=120))
    weight = expected.group_by("category").agg(pl.col("expected").sum()).sort("expected")
    category = str(weight["category"][weight.height // 2])
    location = str(expected["location_id"].min())
    unlifted = without_promotions(expected, promotions, start)
    for days in range(-91, 0, 7):
        replace_rows(
            lake.tables, results.FORECASTS, stand_in(expected, first + timedelta(days=days), options.seed), None
        )
    # How the forecasts did before is the same in all copies.
    run_step(lake, "monitor", Parameters(cutoff=first - timedelta(days=1)))
    usual = watch(copied(lake), first, BEFORE + AFTER, lambda day: stand_in(expected, day, options.seed))
    rows = []
    for one in planted(start, category, location, expected.select("item_id", "category").unique()):
        if options.only and options.only not in one.name:
            continue

        def forecast(day: date, hidden: bool = one.unannounced) -> pl.DataFrame:
            return stand_in(unlifted if hidden and day >= start else expected, day, options.seed)

        found = watch(copied(lake, one.change), first, BEFORE + AFTER, forecast)
        new = [
            (day, key, says)
            for day, keys in found.items()
            for key, says in keys.items()
            if day >= start and key not in usual[day]
        ]
        delay = (new[0][0] - start).days if new else None
        rows.append(
            {
                "planted": one.name,
                "delay_nights": delay,
                "told_first": new[0][1] if new else "",
                "says": new[0][2] if new else "",
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    RESULTS.mkdir(exist_ok=True)
    shop = f"{options.stores} stores x {options.items} items, seed {options.seed}"
    (RESULTS / "detection.json").write_text(
        json.dumps({"shop": shop, "start": start.isoformat(), "changes": rows}, indent=2) + "\n"
    )


def without_promotions(expected: pl.DataFrame, promotions: pl.DataFrame, start: date) -> pl.DataFrame:
    """Expected demand as one would forecast it who never heard of the promotions that begin two weeks after the change."""
    later = promotions.filter(pl.col("first_date") >= start + timedelta(days=14))
    days = later.with_columns(date=pl.date_ranges("first_date", "last_date")).explode("date")
    lift = days.group_by("item_id", "date").agg(pl.col("uplift").max())
    return (
        expected.join(lift, on=["item_id", "date"], how="left")
        .with_columns(expected=pl.col("expected") / pl.col("uplift").fill_null(1.0))
        .drop("uplift")
    )


if __name__ == "__main__":
    main()
