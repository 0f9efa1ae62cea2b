"""Past nights as they were: forecasts made with what was known then, terms, promotions, prices; for a replay.

Facts and plans are read by the moment they became known. Dimensions (sourcing, listing, limits, calendars) have no history in
the lake: they come as they stand today, but for the status of a listing, which says nothing of the past.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.errors import BadParameter, NotReady
from shelfcast.domain.quantiles import COLUMNS, GRID
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import Table, curated, results, supply
from shelfcast.features.panel import Forecast, Panel
from shelfcast.forecast.ensemble import forecast_ensemble
from shelfcast.forecast.models.baseline_panel import forecast_panel, panel_facts
from shelfcast.forecast.window_demand import window_demand
from shelfcast.lake.as_of import as_of, end_of
from shelfcast.pipeline import model_records
from shelfcast.pipeline.assumed_terms import section
from shelfcast.pipeline.build_features import demand_of
from shelfcast.pipeline.forecast_demand import CONTEXT_SERIES, ready
from shelfcast.pipeline.plan_orders import HISTORY_DAYS
from shelfcast.pipeline.read_panel import DEMAND_COLUMNS, Lake, Partition, open_lake_at, panel_of, plan_partitions
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


@dataclass(frozen=True)
class PastForecast:
    """Forecast made at an origin: its file of daily rows, its arrays, the demand history it was made from."""

    origin: date
    file: Path
    keys: pl.DataFrame
    mean: NDArray[np.floating]
    quantiles: NDArray[np.floating]
    correlation: NDArray[np.floating]
    history: pl.DataFrame

    def windows(self, cutoff: date, days: pl.DataFrame) -> pl.DataFrame:
        """Forecasts of the sum over each item-location's window (`days`: item_id, location_id, days)."""
        skipped = (cutoff - self.origin).days
        horizon = self.mean.shape[1]
        length = self.keys.join(days, on=KEY, how="left", maintain_order="left")["days"].fill_null(0).to_numpy()
        rows = np.flatnonzero((length > 0) & (length + skipped <= horizon))
        if not len(rows):
            return results.WINDOW_DEMAND.empty()
        first = np.full((len(rows), 1), skipped + 1)
        mean, variance, quantiles = window_demand(
            self.mean[rows], self.quantiles[rows], GRID, first, skipped + length[rows][:, None], self.correlation
        )
        begin = cutoff + timedelta(days=1)
        frame = self.keys[rows].with_columns(
            cutoff=pl.lit(cutoff), scenario=pl.lit("base"), stage=pl.lit("final"), window_from=pl.lit(begin),
            window_to=pl.Series(np.datetime64(begin, "D") + (length[rows] - 1).astype("timedelta64[D]"), dtype=pl.Date),
            mean=pl.Series(mean[:, 0]), variance=pl.Series(variance[:, 0]),
            **{name: pl.Series(quantiles[:, 0, at]) for at, name in enumerate(COLUMNS)},
        )  # fmt: skip
        return results.WINDOW_DEMAND.conform(frame)


class Forecaster:
    """Forecasts as of past origins: by the champion where it knew nothing of the days replayed, else by the baselines."""

    def __init__(self, platform: Platform, first: date, horizon: int, folder: Path, partition_rows: int) -> None:
        self._platform, self._horizon, self._folder, self._cells = platform, horizon, folder, partition_rows
        self._champion = model_records.champion(platform)
        trained = date.fromisoformat(str(self._champion["cutoff"])) if self._champion else None
        fits = self._champion is not None and self._champion.get("horizon") == horizon
        self.by_champion = bool(trained is not None and trained < first and fits)
        self.why = (
            f"the champion model, trained on data up to {trained}"
            if self.by_champion
            else "the baselines, chosen per series on data before the first night"
            + (f" (the champion has seen data up to {trained}, so it would look ahead)" if trained else "")
        )
        self._model: Any = None

    def made_at(self, origin: date) -> PastForecast:
        """The forecast of every series with what was known at the origin, demand recovered anew with that alone.

        Raises:
            NotReady: nothing was sold up to the origin.
        """
        lake = open_lake_at(self._platform.tables, origin, self._horizon, "D")
        file = self._folder / f"forecast-{origin.isoformat()}.parquet"
        keys, forecasts, histories = [], [], []
        for panel, rows in self._panels(lake):
            forecast = self._forecast(panel)
            keys.append(panel.keys.select(KEY))
            forecasts.append(forecast)
            histories.append(rows.filter(pl.col("date") > origin - timedelta(days=HISTORY_DAYS)))
        together = pl.concat(keys)
        mean = np.concatenate([one.mean for one in forecasts])
        quantiles = np.concatenate([one.quantiles for one in forecasts])
        days = np.datetime64(origin, "D") + 1 + np.arange(mean.shape[1])
        pl.DataFrame(
            {
                **{name: together[name][np.repeat(np.arange(len(mean)), mean.shape[1])] for name in KEY},
                "date": pl.Series(np.tile(days, len(mean)), dtype=pl.Date),
                "mean": mean.ravel().astype(np.float64),
                **{name: quantiles[:, :, at].ravel().astype(np.float64) for at, name in enumerate(COLUMNS)},
            }
        ).write_parquet(file, compression="lz4")
        facts = self._model.facts if self.by_champion else self._model
        return PastForecast(origin, file, together, mean, quantiles, facts.correlation, pl.concat(histories))

    def _panels(self, lake: Lake) -> Iterator[tuple[Panel, pl.DataFrame]]:
        partitions = plan_partitions(lake, self._cells)
        if self._model is None:
            self._learn(lake, partitions)
        for partition in partitions:
            rows = self._rows(lake, partition)
            yield _panel(lake, partition, rows), rows

    def _rows(self, lake: Lake, partition: Partition) -> pl.DataFrame:
        return pl.read_parquet(demand_of(lake, "", self._folder, partition).path)

    def _learn(self, lake: Lake, partitions: Sequence[Partition]) -> None:
        """What is learned once, at the first origin."""
        sample = _panel(lake, partitions[0], self._rows(lake, partitions[0]), most=CONTEXT_SERIES)
        champion = self._champion if self.by_champion else None
        self._model = ready(self._platform, champion, sample) if champion else panel_facts(sample)

    def _forecast(self, panel: Panel) -> Forecast:
        if self.by_champion:
            return forecast_ensemble(panel, self._model).forecast
        return forecast_panel(panel, self._model).forecast


def _panel(lake: Lake, partition: Partition, rows: pl.DataFrame, most: int | None = None) -> Panel:
    keys = lake.series.filter(partition.where()).sort(KEY)
    if most is not None and keys.height > most:
        chosen = np.unique(np.linspace(0, keys.height - 1, most).astype(np.int64))
        keys = keys[chosen.tolist()]
        rows = rows.join(keys, on=KEY, how="semi")
    return panel_of(lake, keys, rows.select(DEMAND_COLUMNS), partition.where(wild=True))


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
    if not found.height:
        raise NotReady("there is no demand history yet. Run `shelfcast run --step features` first.")
    begin, end = found["date"].min(), found["date"].max()
    assert isinstance(begin, date) and isinstance(end, date)
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


def with_forecast(inputs: Inputs, forecast: PastForecast) -> Inputs:
    """A night's tables with the newest forecast made by then."""
    return replace(inputs, forecasts=pl.scan_parquet(forecast.file), history=results.DEMAND.conform(forecast.history))
