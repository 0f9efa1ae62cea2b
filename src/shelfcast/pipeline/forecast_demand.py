"""The step `forecast`: every series gets a distribution for every period, its protection window, and the reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from shelfcast.domain.errors import NotReady
from shelfcast.domain.quantiles import COLUMNS, GRID
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import results
from shelfcast.features.panel import Forecast, Panel
from shelfcast.forecast.ensemble import Ensemble, explain_forecasts, forecast_ensemble, rounded
from shelfcast.forecast.explanation import BASE, MICRO, Explanation, to_micro
from shelfcast.forecast.models.baseline_panel import panel_facts
from shelfcast.forecast.models.tree_shap import TreeShap
from shelfcast.forecast.selection import Shares
from shelfcast.forecast.window_demand import window_demand
from shelfcast.lake.replace import replace
from shelfcast.pipeline import model_records
from shelfcast.pipeline.protection_windows import protection_days
from shelfcast.pipeline.read_panel import (
    Lake,
    Partition,
    open_lake_at,
    plan_partitions,
    read_panel,
    read_sample,
)
from shelfcast.pipeline.steps import Outcome, Parameters
from shelfcast.ports.engine import Exchange
from shelfcast.ports.platform import Platform

TITLE = "Forecasting"
CONTEXT_SERIES = 3000
"""Series looked at for what needs all series; an even sample says it as well and keeps memory flat."""
EXPLAIN_UP_TO = 150_000
"""Series x periods up to which every forecast is explained at once; beyond, `shelfcast explain` does it on demand."""
DEEP_UP_TO = 30_000
"""The same for deep trees, which take a hundred times as long."""


@dataclass(frozen=True)
class Job:
    """What a partition's forecast needs."""

    lake: Lake
    ensemble: Ensemble
    model_name: str
    windows: pl.DataFrame
    explain: bool
    scenario: str
    run_id: str


@dataclass(frozen=True)
class Made:
    """What a partition left in the exchange."""

    number: int
    series: int
    fallbacks: Counter[str]

    def name(self, table: str) -> str:
        return f"{table}-{self.number:05d}"


def run(platform: Platform, parameters: Parameters, run_id: str) -> Outcome:
    """Forecast every series with the champion model and write forecasts, window demand and explanations.

    Raises:
        NotReady: no model has been trained.
    """
    record = model_records.champion(platform)
    if record is None:
        raise NotReady("no model has been trained yet. Run the train step: `shelfcast run`.")
    lake = open_lake_at(platform.tables, parameters.cutoff, parameters.horizon, parameters.frequency)
    partitions = plan_partitions(lake, parameters.partition_rows)
    platform.progress.start(TITLE, len(partitions) + 2)
    ensemble = ready(platform, record, read_sample(lake, CONTEXT_SERIES))
    explain = lake.series.height * parameters.horizon <= _explained_at_once(ensemble)
    with platform.engine.exchange() as exchange:
        job = Job(
            lake, ensemble, record["model_id"][:8],
            protection_days(platform, parameters.cutoff, parameters.frequency, parameters.terms),
            explain, parameters.scenario, run_id,
        )  # fmt: skip
        platform.progress.advance(TITLE)
        made: list[Made] = []
        for one in platform.engine.map(partial(forecast_partition, job, exchange), partitions):
            made.append(one)
            platform.progress.advance(TITLE)
        where = Slice.of(cutoff=parameters.cutoff, scenario=parameters.scenario)
        for table in (results.FORECASTS, results.WINDOW_DEMAND, results.EXPLANATIONS):
            frames: Iterable[pl.DataFrame] = (
                exchange.read(name) for one in made if exchange.has(name := one.name(table.name))
            )
            replace(platform.tables, table, frames, where, notes={"run_id": run_id})
    fallbacks: Counter[str] = sum((one.fallbacks for one in made), Counter())
    series = sum(one.series for one in made)
    summary: dict[str, Any] = {"model": record["model_id"], "explained": explain, "fallbacks": dict(fallbacks)}
    return Outcome({"series": series, "forecasts": series * parameters.horizon}, summary)


def _explained_at_once(ensemble: Ensemble) -> int:
    booster = ensemble.model.booster
    return EXPLAIN_UP_TO if booster is None or TreeShap.of(booster) is not None else DEEP_UP_TO


def ready(platform: Platform, record: Mapping[str, Any], sample: Panel) -> Ensemble:
    """The champion with what it needs to know of a sample of all series."""
    model = model_records.load(platform, str(record["model_id"]))
    shares = Shares.from_segments(record.get("shares", {}))
    return Ensemble(model, model.context(lambda: (sample,)), panel_facts(sample), shares)


def forecast_partition(job: Job, exchange: Exchange, partition: Partition) -> Made:
    """Forecast one partition; its results go to the exchange."""
    panel = read_panel(job.lake, partition)
    forecasts = forecast_ensemble(panel, job.ensemble)
    chosen, baseline = forecasts.forecast, rounded(forecasts.baseline.forecast)
    names = np.char.add(chosen.model.astype(str), f"-{job.model_name}")
    made = Made(partition.number, panel.series_count, Counter(one for one in chosen.fallback.tolist() if one))
    frames = [
        forecast_rows(job, panel, baseline, "baseline", baseline.model),
        forecast_rows(job, panel, chosen, "model", names),
        forecast_rows(job, panel, chosen, "final", names),
    ]
    exchange.write(made.name("forecasts"), pl.concat(frames))
    windows = window_rows(job, panel, chosen)
    if windows.height:
        exchange.write(made.name("window_demand"), windows)
    if job.explain:
        rows = explanation_rows(job, panel, explain_forecasts(forecasts, job.ensemble))
        exchange.write(made.name("explanations"), rows)
    return made


def _keys(panel: Panel, repeat: int) -> pl.DataFrame:
    return panel.keys.select("item_id", "location_id")[np.repeat(np.arange(panel.series_count), repeat)]


def _future(panel: Panel) -> pl.Series:
    return pl.Series(np.tile(panel.periods[panel.history_length :], panel.series_count))


def forecast_rows(job: Job, panel: Panel, forecast: Forecast, stage: str, models: np.ndarray) -> pl.DataFrame:
    """Rows of the `forecasts` table, series by series."""
    horizon = panel.horizon
    values = forecast.quantiles.reshape(-1, len(GRID))
    frame = _keys(panel, horizon).with_columns(
        cutoff=pl.lit(job.lake.grid.cutoff),
        scenario=pl.lit(job.scenario),
        stage=pl.lit(stage),
        date=_future(panel),
        step=pl.Series(np.tile(np.arange(1, horizon + 1), panel.series_count)),
        mean=pl.Series(forecast.mean.reshape(-1)),
        model=pl.Series(np.repeat(models.astype(str), horizon)),
        fallback=pl.Series(np.repeat(forecast.fallback.astype(str), horizon)),
        run_id=pl.lit(job.run_id),
        **{name: pl.Series(values[:, number]) for number, name in enumerate(COLUMNS)},
    )
    return results.FORECASTS.conform(frame)


def window_rows(job: Job, panel: Panel, forecast: Forecast) -> pl.DataFrame:
    """The distribution of demand over each series' protection window, where it has terms and the forecast reaches."""
    days = panel.keys.join(job.windows, on=["item_id", "location_id"], how="left", maintain_order="left")["periods"]
    length = days.fill_null(0).to_numpy().astype(np.int64)
    has = (length > 0) & (length <= panel.horizon)
    if not has.any():
        return results.WINDOW_DEMAND.empty()
    chosen = np.flatnonzero(has)
    last = length[chosen][:, None]
    mean, variance, quantiles = window_demand(
        forecast.mean[chosen],
        forecast.quantiles[chosen],
        GRID,
        np.ones_like(last),
        last,
        job.ensemble.facts.correlation,
    )
    step = job.lake.grid.step_days
    begin = panel.periods[panel.history_length]
    frame = panel.keys.select("item_id", "location_id")[chosen].with_columns(
        cutoff=pl.lit(job.lake.grid.cutoff),
        scenario=pl.lit(job.scenario),
        stage=pl.lit("final"),
        window_from=pl.lit(begin.astype("O")),
        window_to=pl.Series(begin + length[chosen] * step - 1),
        mean=pl.Series(to_micro(mean[:, 0]) / MICRO),
        variance=pl.Series(to_micro(variance[:, 0]) / MICRO),
        run_id=pl.lit(job.run_id),
        **{name: pl.Series(to_micro(quantiles[:, 0, number]) / MICRO) for number, name in enumerate(COLUMNS)},
    )
    return results.WINDOW_DEMAND.conform(frame)


def explanation_parts(explanation: Explanation) -> tuple[tuple[str, ...], np.ndarray]:
    """Names, base first, and micro-units (series, H, names)."""
    parts = np.concatenate([explanation.base[:, :, None], explanation.micro_units], axis=2)
    return (BASE, *explanation.drivers), parts


def explanation_rows(job: Job, panel: Panel, explanation: Explanation) -> pl.DataFrame:
    """Base and drivers that moved the forecast, in micro-units; together they are the forecast's mean exactly."""
    names, parts = explanation_parts(explanation)
    series, step, driver = np.nonzero((parts != 0) | (np.arange(len(names)) == 0))
    frame = panel.keys.select("item_id", "location_id")[series].with_columns(
        cutoff=pl.lit(job.lake.grid.cutoff),
        scenario=pl.lit(job.scenario),
        date=pl.Series(panel.periods[panel.history_length + step]),
        driver=pl.Series(np.array(names)[driver]),
        micro_units=pl.Series(parts[series, step, driver]),
        run_id=pl.lit(job.run_id),
    )
    return results.EXPLANATIONS.conform(frame)
