"""Forecasts as they would have been made on past days, with what was known then: for a replay.

Whose forecasts, in this order:
- the champion's, where it had seen nothing of the days replayed;
- those of a model trained as the nightly run trains it, on data before the first day, and anew whenever the nightly run
  would have (`RETRAIN_DAYS`);
- the baselines', chosen per series on data before the first day, where they are asked for.
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

from shelfcast.domain.errors import BadInput, BadParameter
from shelfcast.domain.quantiles import COLUMNS, GRID
from shelfcast.domain.tables import results
from shelfcast.features.panel import Forecast, Panel
from shelfcast.forecast.ensemble import Ensemble, forecast_ensemble
from shelfcast.forecast.models.baseline_panel import forecast_panel, panel_facts
from shelfcast.forecast.models.training import ROW_BUDGET, train_and_hold
from shelfcast.forecast.selection import learn_shares
from shelfcast.forecast.window_demand import window_demand
from shelfcast.pipeline import model_records
from shelfcast.pipeline.build_features import demand_frame
from shelfcast.pipeline.forecast_demand import CONTEXT_SERIES, ready
from shelfcast.pipeline.plan_orders import HISTORY_DAYS
from shelfcast.pipeline.read_panel import (
    DEMAND_COLUMNS,
    EVERYWHERE,
    Lake,
    Partition,
    open_lake_at,
    panel_of,
    plan_partitions,
    sample_of,
)
from shelfcast.pipeline.train_model import RETRAIN_DAYS, ROWS_PER_SERIES, series_to_learn_from
from shelfcast.ports.platform import Platform
from shelfcast.replenish.inputs import Inputs

KEY = ["item_id", "location_id"]
AUTO, BASELINES = "auto", "baselines"
FORECASTS = (AUTO, BASELINES)


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
    """Forecasts as of past origins, which must rise. `by` says whose they are: champion, trained or baselines."""

    def __init__(
        self, platform: Platform, first: date, horizon: int, folder: Path, partition_rows: int, *,
        forecasts: str = AUTO, seed: int = 0,
    ) -> None:  # fmt: skip
        if forecasts not in FORECASTS:
            raise BadParameter.unknown("forecasts", forecasts, FORECASTS)
        self._platform, self._horizon, self._folder, self._cells = platform, horizon, folder, partition_rows
        self._seed = seed
        self._champion = model_records.champion(platform)
        until = date.fromisoformat(str(self._champion["cutoff"])) if self._champion else None
        fits = self._champion is not None and self._champion.get("horizon") == horizon
        honest = until is not None and until < first and fits
        self.by = BASELINES if forecasts == BASELINES else "champion" if honest else "trained"
        self.trained_at: list[date] = []
        """Days a model was trained on, for forecasts of its own."""
        self._until = until
        self._ensemble: Ensemble | None = None
        self._facts: Any = None

    @property
    def why(self) -> str:
        """Whose forecasts the replay uses, in words."""
        if self.by == "champion":
            return f"the champion model, trained on data up to {self._until}"
        seen = f" (the champion has seen data up to {self._until}, so it would look ahead)" if self._until else ""
        if self.by == BASELINES:
            return f"the baselines, chosen per series on data before the first night{seen}"
        days = ", ".join(day.isoformat() for day in self.trained_at) or "none"
        return f"a model trained as the nightly run does, on data up to: {days}{seen}"

    def made_at(self, origin: date) -> PastForecast:
        """The forecast of every series with what was known at the origin, demand recovered anew with that alone.

        Raises:
            NotReady: nothing was sold up to the origin.
        """
        lake = open_lake_at(self._platform.tables, origin, self._horizon, "D")
        try:
            return self._made(lake, origin)
        except BadInput:
            # What is known of the series has changed (a first promotion, say): the nightly run trains anew then.
            if self.by == BASELINES or origin in self.trained_at:
                raise
            self.by, self._ensemble, self.trained_at = "trained", None, [*self.trained_at, origin]
            self._train(lake, plan_partitions(lake, self._cells))
            return self._made(lake, origin)

    def _made(self, lake: Lake, origin: date) -> PastForecast:
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
        facts = self._ensemble.facts if self._ensemble else self._facts
        return PastForecast(origin, file, together, mean, quantiles, facts.correlation, pl.concat(histories))

    def _panels(self, lake: Lake) -> Iterator[tuple[Panel, pl.DataFrame]]:
        partitions = plan_partitions(lake, self._cells)
        self._learn(lake, partitions)
        for partition in partitions:
            rows = self._rows(lake, partition)
            keys = lake.series.filter(partition.where()).sort(KEY)
            yield panel_of(lake, keys, rows.select(DEMAND_COLUMNS), partition.where(wild=True)), rows

    def _rows(self, lake: Lake, partition: Partition) -> pl.DataFrame:
        return demand_frame(lake, "", partition)[0]

    def _learn(self, lake: Lake, partitions: Sequence[Partition]) -> None:
        """What is learned at this origin: the model whenever the nightly run would train, all else once."""
        origin = lake.grid.cutoff
        if self.by == "trained":
            if self.trained_at and (origin - self.trained_at[-1]).days < RETRAIN_DAYS:
                return
            self.trained_at.append(origin)
            self._train(lake, partitions)
        elif self._ensemble is None and self._facts is None:
            sample = self._sample(lake, partitions, CONTEXT_SERIES)
            if self.by == "champion" and self._champion is not None:
                self._ensemble = ready(self._platform, self._champion, sample)
            else:
                self._facts = panel_facts(sample)

    def _train(self, lake: Lake, partitions: Sequence[Partition]) -> None:
        panel = self._sample(lake, partitions, series_to_learn_from(lake))
        budget = min(ROW_BUDGET, ROWS_PER_SERIES * panel.series_count)
        model, held = train_and_hold(panel, self._horizon, seed=self._seed, budget=budget)
        shares = learn_shares(panel, held, self._horizon)
        self._ensemble = Ensemble(model, model.context(lambda: (panel,)), panel_facts(panel), shares)

    def _sample(self, lake: Lake, partitions: Sequence[Partition], most: int) -> Panel:
        """An even sample of all series. The demand of the lake's own table won't do: it was recovered with later days."""
        keys = sample_of(lake, most)
        rows = [self._rows(lake, one).select(DEMAND_COLUMNS).join(keys, on=KEY, how="semi") for one in partitions]
        places = pl.col("location_id").is_in([*keys["location_id"].unique(), EVERYWHERE])
        return panel_of(lake, keys, pl.concat(rows), places)

    def _forecast(self, panel: Panel) -> Forecast:
        if self._ensemble is not None:
            return forecast_ensemble(panel, self._ensemble).forecast
        return forecast_panel(panel, self._facts).forecast


def with_forecast(inputs: Inputs, forecast: PastForecast) -> Inputs:
    """A night's tables with the newest forecast made by then."""
    return replace(inputs, forecasts=pl.scan_parquet(forecast.file), history=results.DEMAND.conform(forecast.history))
