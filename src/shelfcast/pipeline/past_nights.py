"""Past nights as they were: terms, promotions, prices, the demand that came; for a replay. Forecasts: `past_forecasts`.

Facts and plans are read by the moment they became known. Dimensions (sourcing, listing, limits, calendars) have no history in
the lake: they come as they stand today, but for the status of a listing, which says nothing of the past.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from shelfcast.domain.errors import BadParameter, NotReady
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import Table, curated, results, supply
from shelfcast.lake.as_of import as_of, end_of
from shelfcast.pipeline.assumed_terms import section
from shelfcast.ports.platform import Platform
from shelfcast.replenish.inputs import Inputs

LEAST_HISTORY_DAYS = 28
KEY = ["item_id", "location_id"]


class Held:
    """Tables read once, in memory, to be read again as of each night."""

    def __init__(self, platform: Platform, tables: Sequence[Table]) -> None:
        self._frames = {table.name: platform.tables.scan(table).collect() for table in tables}

    def scan(self, table: Table, where: Slice | None = None) -> pl.LazyFrame:
        del where
        return self._frames[table.name].lazy()


VINTAGES = (curated.OPENINGS, curated.PROMOTIONS, curated.PRICES, supply.DELIVERIES)
DIMENSIONS = (
    supply.SOURCING, supply.ITEM_LOCATIONS, curated.ITEMS, curated.LOCATIONS, supply.ORDER_CALENDAR, supply.ORDER_DATES,
    supply.LIMITS, supply.RULES,
)  # fmt: skip


class PastTables:
    """The engine's tables as they were known at the close of past nights; without stock, orders and forecasts."""

    def __init__(self, platform: Platform, terms: str, first: date) -> None:
        self._held = Held(platform, (*VINTAGES, *DIMENSIONS))
        self._first = first
        dimension = {table.name: as_of(self._held, table, end_of(first)).collect() for table in DIMENSIONS}  # type: ignore[arg-type]
        self.assumed: list[str] = []
        if terms:
            for name in ("sourcing", "item_locations"):
                if not dimension[name].height:
                    dimension[name] = section(terms, name)
                    if dimension[name].height:
                        self.assumed.append(name)
            dimension["rules"] = pl.concat([dimension["rules"], section(terms, "rules")])
        listing = dimension["item_locations"]
        dimension["item_locations"] = listing.with_columns(
            pl.when(pl.col("status") == "new").then(pl.lit("new")).otherwise(pl.lit("active")).alias("status")
        )
        self._dimensions = dimension

    @property
    def sourcing(self) -> pl.DataFrame:
        return self._dimensions["sourcing"]

    def deliveries_before(self, day: date) -> pl.DataFrame:
        """Deliveries on record: how late goods come."""
        return as_of(self._held, supply.DELIVERIES, end_of(day)).collect()  # type: ignore[arg-type]

    def at(self, cutoff: date) -> Inputs:
        """The tables of a night. Deliveries are those before the replay: later ones are the replay's own."""
        moment = end_of(cutoff)

        def known(table: Table) -> pl.LazyFrame:
            return as_of(self._held, table, moment)  # type: ignore[arg-type]

        prices = known(curated.PRICES).filter(pl.col("valid_from") <= cutoff).sort("valid_from")
        past = known(supply.DELIVERIES).filter(
            (pl.col("received_on") > cutoff - timedelta(days=365)) & (pl.col("received_on") < self._first)
        )
        return Inputs(
            stock=supply.STOCK.empty(),
            forecasts=results.FORECASTS.empty(),
            openings=known(curated.OPENINGS).filter((pl.col("date") > cutoff) & ~pl.col("open")).collect(),
            promotions=known(curated.PROMOTIONS).filter(pl.col("last_date") > cutoff - timedelta(days=14)).collect(),
            prices=prices.unique(KEY, keep="last", maintain_order=True).collect(),
            deliveries=past.collect(),
            **{name: self._dimensions[name] for name in self._dimensions},
        )


def true_demand(platform: Platform, first: date, last: date, truth: Path | None) -> pl.DataFrame:
    """item_id, location_id, date, demand, counted, units, censored of every day up to the last.

    Demand is what was sold on days in stock and the recovered estimate on the others, which are not counted; or the truth
    of a simulated shop.

    Raises:
        NotReady: the demand history doesn't reach that far.
        BadParameter: too little history before the first day.
    """
    rows = platform.tables.scan(results.DEMAND).filter(pl.col("date") <= last)
    found = (
        rows.select(*KEY, "date", "units", "demand", pl.col("censored").fill_null(False))
        .with_columns(
            pl.coalesce("demand", "units").alias("demand"),
            (~pl.col("censored") & pl.col("units").is_not_null()).alias("counted"),
        )
        .collect()
    )
    ends = pl.col("date").min().alias("begin"), pl.col("date").max().alias("end")
    begin, end = platform.tables.scan(results.DEMAND).select(ends).collect().row(0)
    if begin is None:
        raise NotReady("there is no demand history yet. Run `shelfcast run --step features` first.")
    if end < last:
        raise BadParameter(
            f"--to {last} came; the demand history ends on {end}. Choose an earlier day, or load and run more."
        )
    if (first - begin).days < LEAST_HISTORY_DAYS:
        raise BadParameter(
            f"--from {first} came; the history begins on {begin} and {LEAST_HISTORY_DAYS} days before the first are needed: "
            f"{begin + timedelta(days=LEAST_HISTORY_DAYS)} or later."
        )
    return _with_truth(found, truth, first, last) if truth else found


def _with_truth(found: pl.DataFrame, truth: Path, first: date, last: date) -> pl.DataFrame:
    files = sorted(truth.rglob("*.parquet")) if truth.is_dir() else [truth]
    try:
        known = pl.concat([pl.read_parquet(file, columns=[*KEY, "date", "demand"]) for file in files])
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise BadParameter(
            f"--truth {truth} can't be read ({type(error).__name__}); it is a Parquet file or folder with item_id, location_id, "
            "date, demand: truth/days of a simulated shop."
        ) from error
    known = known.rename({"demand": "truth"}).filter(pl.col("date").is_between(first, last))
    joined = found.join(known, on=[*KEY, "date"], how="left")
    inside = pl.col("date") >= first
    return joined.with_columns(
        pl.when(inside).then(pl.coalesce("truth", "demand")).otherwise("demand").alias("demand"),
        (pl.col("counted") | (inside & pl.col("truth").is_not_null())).alias("counted"),
    ).drop("truth")


def recorded_stock(platform: Platform, day: date) -> pl.DataFrame:
    """item_id, location_id, on_hand at the close of a day or at most three days before; empty where none is recorded."""
    stock = as_of(platform.tables, supply.STOCK, end_of(day)).filter(
        pl.col("date").is_between(day - timedelta(days=3), day)
    )
    return stock.sort("date").unique(KEY, keep="last").select(*KEY, pl.col("on_hand").clip(0.0)).sort(KEY).collect()


def lots_recorded(platform: Platform) -> bool:
    return bool(platform.tables.scan(supply.STOCK_LOTS).head(1).collect().height)
