"""Planners' overrides: kept with reason, person and expiry, brought into the forecasts, graded when actuals come.

A forecast's stages: model -> planner (only where an override stands) -> final (planner where there is one, else model).
`overridden` is the pure part: model rows and overrides in, planner rows out. `apply` brings the overrides that stand into
the forecasts of a cutoff; it can be repeated, and takes back what no longer stands.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from shelfcast.domain.errors import BadParameter, Conflict, NotFound
from shelfcast.domain.quantiles import COLUMNS, GRID
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import curated, results
from shelfcast.forecast.explanation import MICRO, to_micro
from shelfcast.forecast.window_demand import window_demand
from shelfcast.lake.replace import replace
from shelfcast.pipeline import audit_changes, model_records
from shelfcast.pipeline.newest import newest_cutoff
from shelfcast.ports.platform import Platform
from shelfcast.ports.record_store import Record

KIND = "overrides"
METHODS = ("multiply", "add", "set")
KEY = ["item_id", "location_id", "date"]
RUN = "override"
"""run_id of planner rows: they belong to no step's run."""


@dataclass(frozen=True)
class Override:
    """A planner's change to the forecasts of some series and days."""

    override_id: str
    items: tuple[str, ...]
    locations: tuple[str, ...]
    """Empty = all."""
    category: str
    first: date
    last: date
    method: str
    """multiply the demand, add units a day, or set units a day."""
    value: float
    reason: str
    note: str
    made_by: str
    made_at: str
    expires_on: date | None
    """Cutoffs after this day no longer use it; None = until its last day."""
    active: bool = True
    ended_by: str = ""
    ended_at: str = ""
    version: int = 0

    def stands(self, cutoff: date) -> bool:
        return self.active and self.last > cutoff and (self.expires_on is None or cutoff <= self.expires_on)


@dataclass(frozen=True)
class Applied:
    cutoff: date
    series: int
    rows: int


def create(platform: Platform, who: str, body: Mapping[str, Any]) -> Override:
    """Keep a new override.

    Raises:
        BadParameter: dates the wrong way round, an unknown method, a value that can't be.
    """
    override_id = f"{platform.clock.now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    made = _of(
        override_id, {**body, "made_by": who, "made_at": platform.clock.now().isoformat(), "active": True}, version=1
    )
    if made.last < made.first:
        raise BadParameter(f"the override ends on {made.last}, before it begins on {made.first}. Turn the days round.")
    if made.method not in METHODS:
        raise BadParameter.unknown("method", made.method, METHODS)
    if not np.isfinite(made.value) or (made.method != "add" and made.value < 0) or abs(made.value) > 1e9:
        raise BadParameter(
            f"value {made.value} came; {'any number' if made.method == 'add' else '0 or more'} is allowed."
        )
    platform.records.put(KIND, override_id, _body(made), expected=0)
    audit_changes.note(platform, who, "override.create", override_id, **_body(made))
    return made


def end(platform: Platform, who: str, override_id: str, reason: str) -> Override:
    """Withdraw an override; it stays in the history.

    Raises:
        NotFound: no such override.
        Conflict: it has ended already.
    """
    try:
        record = platform.records.get(KIND, override_id)
    except NotFound as error:
        raise NotFound(f"there is no override {override_id!r}. List them at /v1/overrides.") from error
    if not record.body.get("active", True):
        raise Conflict(f"override {override_id} has ended already.")
    body = dict(record.body) | {
        "active": False, "ended_by": who, "ended_at": platform.clock.now().isoformat(), "end_reason": reason,
    }  # fmt: skip
    written = platform.records.put(KIND, override_id, body, expected=record.version)
    audit_changes.note(platform, who, "override.end", override_id, reason=reason)
    return of_record(written)


def every(platform: Platform) -> list[Override]:
    """Every override there ever was, the oldest first."""
    return [of_record(one) for one in platform.records.query(KIND)]


def overridden(model: pl.DataFrame, overrides: Sequence[Override], categories: pl.DataFrame) -> pl.DataFrame:
    """Planner rows: the model rows an override changes, changed. Columns of `model` plus override_id (the last to act).

    Overrides act in the order they were made. `multiply` scales mean and quantiles; `add` shifts them (never below zero
    for demand that isn't negative); `set` moves the mean to the value and keeps the relative spread.

    Args:
        model: rows of `forecasts`, stage model.
        categories: item_id, category.
    """
    rows = model.join(categories.select("item_id", "category").unique("item_id"), on="item_id", how="left")
    rows = rows.with_columns(pl.lit("").alias("override_id"))
    numbers = ["mean", *COLUMNS]
    floor = 0.0 if not model.height or float(model["q025"].min() or 0.0) >= 0 else -np.inf  # type: ignore[arg-type]
    for one in overrides:
        hit = pl.col("date").is_between(one.first, one.last)
        if one.items:
            hit = hit & pl.col("item_id").is_in(one.items)
        if one.locations:
            hit = hit & pl.col("location_id").is_in(one.locations)
        if one.category:
            hit = hit & (pl.col("category") == one.category)
        changed: list[pl.Expr] = []
        for name in numbers:
            value = pl.col(name)
            if one.method == "multiply":
                new = value * one.value
            elif one.method == "add":
                new = (value + one.value).clip(floor)
            else:
                positive = pl.col("mean") > 1e-9
                new = pl.when(positive).then(value * one.value / pl.col("mean")).otherwise(pl.lit(float(one.value)))
            changed.append(pl.when(hit).then(new).otherwise(value).alias(name))
        rows = rows.with_columns(
            *changed, pl.when(hit).then(pl.lit(one.override_id)).otherwise("override_id").alias("override_id")
        )
    rows = rows.filter(pl.col("override_id") != "").drop("category")
    return rows.with_columns(pl.Series(name, to_micro(rows[name].to_numpy()) / MICRO) for name in numbers)


def apply(platform: Platform, cutoff: date | None = None, scenario: str = "base") -> Applied:
    """Bring the overrides that stand into stages planner and final, window demand and explanations of a cutoff.

    Raises:
        NotReady: there are no forecasts.
    """
    chosen = cutoff or newest_cutoff(platform, results.FORECASTS)
    standing = [one for one in every(platform) if one.stands(chosen)]
    table = platform.tables.scan(results.FORECASTS).filter(
        (pl.col("cutoff") == chosen) & (pl.col("scenario") == scenario)
    )
    earlier = table.filter(pl.col("stage") == "planner").select("item_id", "location_id").unique().collect()
    items = platform.tables.scan(curated.ITEMS).select("item_id", "category").collect()
    model = table.filter(pl.col("stage") == "model")
    if standing:
        wanted = _reach(standing, items)
        rows = model.filter(
            wanted & pl.col("date").is_between(min(o.first for o in standing), max(o.last for o in standing))
        )
        planner = overridden(rows.collect(), standing, items)
    else:
        planner = overridden(results.FORECASTS.empty(), [], items)
    if not planner.height and not earlier.height:
        return Applied(chosen, 0, 0)
    keys = pl.concat([planner.select("item_id", "location_id"), earlier]).unique().sort("item_id", "location_id")
    names = keys["item_id"].unique().sort()
    # Whole items are written: a slice names items, and the other locations of an item keep what they had.
    whole = model.filter(pl.col("item_id").is_in(names.implode())).collect()
    new = planner.drop("override_id")
    final = (
        pl.concat([new, whole.join(new.select(KEY), on=KEY, how="anti").select(new.columns)])
        .with_columns(stage=pl.lit("final"))
        .sort(KEY)
    )
    final = final.drop("run_id").join(whole.select(*KEY, "run_id"), on=KEY, how="left")
    written = pl.concat(
        [
            results.FORECASTS.conform(new.with_columns(stage=pl.lit("planner"), run_id=pl.lit(RUN))),
            results.FORECASTS.conform(final),
        ]
    )
    where = Slice.of(cutoff=chosen, scenario=scenario) & Slice.among("stage", ("planner", "final"))
    replace(platform.tables, results.FORECASTS, written, where & Slice.among("item_id", names.to_list()))
    _windows(platform, chosen, scenario, final, names)
    _explain(platform, chosen, scenario, whole, final, names)
    return Applied(chosen, planner.select("item_id", "location_id").unique().height, planner.height)


def overridden_series(platform: Platform, cutoff: date, scenario: str = "base") -> set[tuple[str, str]]:
    """Series with planner rows."""
    rows = platform.tables.scan(results.FORECASTS).filter(
        (pl.col("cutoff") == cutoff) & (pl.col("scenario") == scenario) & (pl.col("stage") == "planner")
    )
    return set(rows.select("item_id", "location_id").unique().collect().iter_rows())


def _reach(standing: Sequence[Override], items: pl.DataFrame) -> pl.Expr:
    """Rows any of the overrides may touch."""
    hits = []
    for one in standing:
        hit = pl.lit(True)
        if one.items:
            hit = hit & pl.col("item_id").is_in(one.items)
        if one.category:
            mine = items.filter(pl.col("category") == one.category)["item_id"]
            hit = hit & pl.col("item_id").is_in(mine.implode())
        if one.locations:
            hit = hit & pl.col("location_id").is_in(one.locations)
        hits.append(hit)
    return pl.any_horizontal(hits)


def _windows(platform: Platform, cutoff: date, scenario: str, final: pl.DataFrame, names: pl.Series) -> None:
    """Window demand of the items from their final rows."""
    mine = Slice.of(cutoff=cutoff, scenario=scenario, stage="final") & Slice.among("item_id", names.to_list())
    windows = (
        platform.tables.scan(results.WINDOW_DEMAND).filter(mine.to_polars()).sort("item_id", "location_id").collect()
    )
    if not windows.height:
        return
    record = model_records.champion(platform) or {}
    correlation = tuple(record.get("correlation") or (0.2,))
    first = final["date"].min()
    rows = final.join(windows.select("item_id", "location_id"), on=["item_id", "location_id"], how="semi").sort(KEY)
    keys = rows.select("item_id", "location_id").unique(maintain_order=True)
    windows = keys.join(windows, on=["item_id", "location_id"], how="left", maintain_order="left")
    count = keys.height
    mean = rows["mean"].to_numpy().reshape(count, -1)
    quantiles = rows.select(COLUMNS).to_numpy().reshape(count, mean.shape[1], len(GRID))
    days = windows.select((pl.col("window_to") - pl.lit(first)).dt.total_days() + 1)
    last = days.to_series().to_numpy()[:, None]
    total, variance, values = window_demand(mean, quantiles, GRID, np.ones_like(last), last, correlation)
    changed = windows.with_columns(
        mean=pl.Series(to_micro(total[:, 0]) / MICRO),
        variance=pl.Series(to_micro(variance[:, 0]) / MICRO),
        **{name: pl.Series(to_micro(values[:, 0, at]) / MICRO) for at, name in enumerate(COLUMNS)},
    )
    replace(platform.tables, results.WINDOW_DEMAND, results.WINDOW_DEMAND.conform(changed), mine)


def _explain(
    platform: Platform, cutoff: date, scenario: str, model: pl.DataFrame, final: pl.DataFrame, names: pl.Series
) -> None:
    """The driver `override`: what it changed, so that base + drivers = the final mean."""
    mine = Slice.of(cutoff=cutoff, scenario=scenario) & Slice.among("item_id", names.to_list())
    rows = platform.tables.scan(results.EXPLANATIONS).filter(mine.to_polars()).collect()
    if not rows.height:
        return
    before = model.select(*KEY, pl.col("mean").alias("before"), "run_id")
    moved = (
        final.select(*KEY, "mean")
        .join(before, on=KEY)
        .with_columns(
            ((pl.col("mean") * MICRO).round() - (pl.col("before") * MICRO).round()).cast(pl.Int64).alias("micro_units"),
            driver=pl.lit("override"), cutoff=pl.lit(cutoff), scenario=pl.lit(scenario),
        )
        .filter(pl.col("micro_units") != 0)
    )  # fmt: skip
    kept = rows.filter(pl.col("driver") != "override")
    changed = pl.concat(
        [results.EXPLANATIONS.conform(kept), results.EXPLANATIONS.conform(moved.with_columns(run_id=pl.lit(RUN)))]
    )
    replace(platform.tables, results.EXPLANATIONS, changed, mine)


def of_record(record: Record) -> Override:
    return _of(record.record_id, record.body, version=record.version)


def _of(override_id: str, body: Mapping[str, Any], version: int) -> Override:
    def day(value: Any) -> date | None:
        return value if isinstance(value, date) or value is None else date.fromisoformat(value)

    first, last = day(body["first"]), day(body["last"])
    assert first is not None and last is not None
    return Override(
        override_id, tuple(body.get("items") or ()), tuple(body.get("locations") or ()), body.get("category") or "",
        first, last, body["method"], float(body["value"]), body["reason"], body.get("note") or "",
        body["made_by"], body["made_at"], day(body.get("expires_on")), bool(body.get("active", True)),
        body.get("ended_by", ""), body.get("ended_at", ""), version,
    )  # fmt: skip


def _body(one: Override) -> dict[str, Any]:
    plain = {name: value for name, value in vars(one).items() if name not in ("override_id", "version")}
    return {
        name: value.isoformat() if isinstance(value, date) else list(value) if isinstance(value, tuple) else value
        for name, value in plain.items()
    }
