"""The stage of a replay: every past night as it was, the demand of the days played, terms, late deliveries, start stock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.errors import BadParameter, NotReady
from shelfcast.domain.tables import supply
from shelfcast.pipeline.past_forecasts import AUTO, Forecaster, PastForecast, with_forecast
from shelfcast.pipeline.past_nights import (
    KEY,
    PastTables,
    lots_recorded,
    recorded_stock,
    true_demand,
)
from shelfcast.ports.platform import Platform
from shelfcast.replenish.inputs import EngineSettings, Inputs
from shelfcast.replenish.keys import Keys
from shelfcast.replenish.night_policies import Hindsight
from shelfcast.replenish.nights import Night, Stage, centre_rows
from shelfcast.replenish.order_lines import propose_orders
from shelfcast.replenish.replay_terms import ReplayTerms, late_days, terms_of
from shelfcast.replenish.windows import protection_windows

PREPARING = "Preparing past nights"
SHORT_DAYS, LONG_DAYS = 28, 56
LEAST_WARM_UP_DAYS = 28


@dataclass(frozen=True)
class Request:
    """What to replay. `first` and `last` are the first and last day played; forecasts are made anew every `refresh_days`."""

    first: date
    last: date
    policies: tuple[str, ...] = ("nightly",)
    frontier: bool = True
    refresh_days: int = 7
    forecasts: str = AUTO
    """auto: the champion's, or those of a model trained on data before the first day; baselines: theirs, quicker."""
    warm_up_days: int | None = None
    truth: Path | None = None
    terms: str = ""
    frequency: str = "D"
    horizon: int = 28
    partition_rows: int = 3_000_000
    currency: str = ""
    seed: int = 0
    resamples: int = 1000

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Prepared:
    """Everything the policies are played in, and what is to be said about it."""

    stage: Stage
    terms: ReplayTerms
    notes: list[str]
    facts: dict[str, Any]


def check_request(request: Request) -> None:
    if request.frequency != "D":
        raise BadParameter(
            f"the lake plans by {request.frequency}; a replay plays days and needs a lake whose frequency is D."
        )
    if request.last < request.first:
        raise BadParameter(f"--from {request.first} lies after --to {request.last}; give an earlier --from.")
    warm_up = LEAST_WARM_UP_DAYS if request.warm_up_days is None else request.warm_up_days
    if request.days <= warm_up:
        raise BadParameter(
            f"{request.days} days are to be played and the first {warm_up} only warm up; choose at least {warm_up + 1} days, or a "
            "shorter --warm-up."
        )
    if request.refresh_days < 1 or request.refresh_days > request.horizon:
        raise BadParameter(
            f"forecasts every {request.refresh_days} days; allowed: 1 to the horizon, {request.horizon}."
        )


def prepare(platform: Platform, request: Request, folder: Path) -> Prepared:
    """Make every night of the replay; what the lake can't tell is noted."""
    demand = true_demand(platform, request.first, request.last, request.truth)
    tables = PastTables(platform, request.terms, request.first)
    if not tables.sourcing.height:
        raise NotReady(
            "the lake holds no terms of supply (table sourcing), so a replay can't order anything. Load them, or try assumed "
            "ones: `shelfcast replay --terms FILE`."
        )
    keys = _series(demand, tables.sourcing, request)
    forecaster = Forecaster(
        platform, request.first, request.horizon, folder, request.partition_rows,
        forecasts=request.forecasts, seed=request.seed,
    )  # fmt: skip
    platform.progress.start(PREPARING, request.days)
    start = tables.at(request.first)
    terms = terms_of(replace(start, stock=_stock(keys, request.first, np.zeros(keys.height))), request.first)
    left_out = terms.keys.filter(pl.Series(~terms.sourced))
    terms = terms.only(terms.sourced)
    if not terms.keys.height:
        raise NotReady(
            f"none of {left_out.height:,} item-locations sold in these days has a source. Load sourcing, or --terms FILE."
        )
    laid = _lay(demand, terms.keys, request)
    nights: list[Night] = []
    levels = np.zeros(terms.keys.height)
    forecast: PastForecast | None = None
    for day in range(request.days):
        cutoff = request.first + timedelta(days=day)
        if forecast is None or day % request.refresh_days == 0:
            forecast = forecaster.made_at(cutoff)
        night, level = _night(cutoff, day, with_forecast(tables.at(cutoff), forecast), forecast, terms, laid)
        levels = level if day == 0 else levels
        nights.append(night)
        platform.progress.advance(PREPARING)
    longest = max(int(night.known.window_days.max(initial=1)) for night in nights)
    warm_up = max(LEAST_WARM_UP_DAYS, 2 * longest) if request.warm_up_days is None else request.warm_up_days
    if warm_up >= request.days:
        raise BadParameter(
            f"the longest window is {longest} days, so the first {warm_up} only warm up and nothing of {request.days} is left to "
            "count; choose more days, or a shorter --warm-up."
        )
    late = late_days(terms, tables.deliveries_before(request.last), request.days, request.seed)
    nights = _with_foresight(nights, laid.demand, late)
    stock, recorded = _start(platform, request, terms, levels)
    lots = lots_recorded(platform)
    centres = centre_rows(terms.keys, tables.sourcing)
    stage = Stage(
        terms.keys, nights, laid.demand, laid.counted, late, terms.yield_share, terms.shelf, stock, lots,
        terms.min_remaining_life_days, centres, warm_up, terms.groups,
    )  # fmt: skip
    facts = _facts(request, forecaster, terms, laid, recorded, late, lots, centres, warm_up)
    facts["without_source"] = left_out.height
    return Prepared(stage, terms, _notes(facts, tables, request), facts)


def _series(demand: pl.DataFrame, sourcing: pl.DataFrame, request: Request) -> pl.DataFrame:
    """Item-locations with demand in the days played, and those of ours that supply them."""
    sold = demand.filter(pl.col("date") >= request.first).select(KEY).unique()
    inner = sourcing.filter(pl.col("source_type") != "supplier").select("item_id", "source_id").unique()
    named = inner.filter(pl.col("item_id") != "*").join(sold.select("item_id").unique(), on="item_id", how="semi")
    wild = inner.filter(pl.col("item_id") == "*").select("source_id").join(sold.select("item_id").unique(), how="cross")
    centres = pl.concat([named.select("item_id", "source_id"), wild.select("item_id", "source_id")]).rename(
        {"source_id": "location_id"}
    )
    supplied = sourcing.filter(
        pl.col("destination_id").is_in(centres["location_id"].unique().implode()) | (pl.col("destination_id") == "*")
    )
    known = (
        centres.filter(pl.col("location_id").is_in(supplied["destination_id"].unique().implode()))
        if supplied.height
        else centres.clear()
    )
    return pl.concat([sold, known]).unique().sort(KEY)


@dataclass(frozen=True)
class _Laid:
    """Demand on the days played, (n, T), and what the measured policies know each night."""

    demand: NDArray[np.float64]
    counted: NDArray[np.bool_]
    censored_share: float
    mean: NDArray[np.float64]
    long_mean: NDArray[np.float64]
    long_deviation: NDArray[np.float64]


def _lay(demand: pl.DataFrame, keys: pl.DataFrame, request: Request) -> _Laid:
    begin = request.first - timedelta(days=LONG_DAYS)
    days = request.days + LONG_DAYS
    rows = demand.filter(pl.col("date") >= begin)
    row = Keys.of(keys).rows(rows["item_id"], rows["location_id"])
    at = (rows["date"] - begin).dt.total_days().to_numpy()
    mine = row >= 0
    row, at = row[mine], at[mine]
    truth, counted = np.zeros((keys.height, days)), np.zeros((keys.height, days), np.bool_)
    sales, seen = np.zeros((keys.height, days)), np.zeros((keys.height, days), np.bool_)
    truth[row, at] = np.maximum(np.nan_to_num(rows["demand"].cast(pl.Float64).to_numpy()[mine]), 0.0)
    counted[row, at] = rows["counted"].to_numpy()[mine]
    units = rows["units"].cast(pl.Float64).fill_null(np.nan).to_numpy()[mine]
    known = np.isfinite(units) & ~rows["censored"].to_numpy()[mine]
    sales[row, at], seen[row, at] = np.where(known, np.maximum(units, 0.0), 0.0), known
    mean, _ = _trailing(sales, seen, SHORT_DAYS)
    long_mean, deviation = _trailing(sales, seen, LONG_DAYS)
    played = slice(LONG_DAYS, None)
    inside = rows.filter(pl.Series(mine)).filter(pl.col("date") >= request.first)
    share = float((~inside["counted"]).mean() or 0.0)  # type: ignore[arg-type]
    return _Laid(
        truth[:, played], counted[:, played], share, mean[:, played], long_mean[:, played], deviation[:, played]
    )


def _trailing(
    sales: NDArray[np.float64], seen: NDArray[np.bool_], days: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(mean, deviation) of the days in stock among the last `days`, at the close of each day."""

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        running = np.cumsum(np.pad(values, ((0, 0), (days, 0))), axis=1)
        return running[:, days:] - running[:, :-days]

    count = total(seen.astype(np.float64))
    mean = total(sales) / np.maximum(count, 1.0)
    squares = np.maximum(total(sales**2) - count * mean**2, 0.0)
    return mean, np.where(count > 1, np.sqrt(squares / np.maximum(count - 1.0, 1.0)), np.sqrt(mean))


def _night(
    cutoff: date, day: int, inputs: Inputs, forecast: PastForecast, terms: ReplayTerms, laid: _Laid
) -> tuple[Night, NDArray[np.float64]]:
    """A night, and the level the nightly code would raise empty shelves to (the start stock of the first)."""
    keys = Keys.of(terms.keys)
    empty = replace(inputs, stock=_stock(terms.keys, cutoff, np.zeros(terms.keys.height)))
    windows = protection_windows(empty, cutoff)
    inputs = replace(inputs, window_demand=forecast.windows(cutoff, windows))
    seen = propose_orders(
        replace(empty, window_demand=inputs.window_demand), cutoff, EngineSettings(needs_forecast=False)
    ).order_lines
    row = keys.rows(seen["item_id"], seen["location_id"])
    orders = (row >= 0) & (seen["order_date"] == cutoff).fill_null(False).to_numpy()
    level, service = np.zeros(keys.size), np.full(keys.size, 0.95)
    values = seen["order_up_to"].fill_null(0.0).to_numpy()
    np.maximum.at(level, row[row >= 0], values[row >= 0])
    service[row[row >= 0]] = seen["target_value"].fill_null(0.95).to_numpy()[row >= 0]
    length = np.zeros(keys.size, np.int64)
    np.maximum.at(length, row[orders], seen["protection_days"].fill_null(0).to_numpy()[orders])
    known = Hindsight(
        length, service, laid.mean[:, day], laid.long_mean[:, day], laid.long_deviation[:, day], np.zeros(keys.size)
    )
    return Night(cutoff, inputs, known), level


def _with_foresight(nights: Sequence[Night], demand: NDArray[np.float64], late: NDArray[np.int64]) -> list[Night]:
    """The nights with what perfect information knows: the demand until the next order's goods are really there, late as
    they may come. Beyond the last day the mean demand."""
    count, days = demand.shape
    running = np.concatenate([np.zeros((count, 1)), np.cumsum(demand, axis=1)], axis=1)
    mean = demand.mean(axis=1)
    rows = np.arange(count)
    delay = np.zeros(count, np.int64)
    found: list[Night] = []
    for day in range(days - 1, -1, -1):
        night = nights[day]
        window = night.known.window_days
        until = day + 1 + window + np.maximum(delay, 0)
        inside = np.minimum(until, days)
        ahead = running[rows, inside] - running[:, day + 1] + (until - inside) * mean
        found.append(replace(night, known=replace(night.known, ahead=np.where(window > 0, ahead, 0.0))))
        delay = np.where(window > 0, late[:, day], delay)
    return found[::-1]


def _stock(keys: pl.DataFrame, cutoff: date, units: NDArray[np.float64]) -> pl.DataFrame:
    return supply.STOCK.conform(keys.select(KEY).with_columns(date=pl.lit(cutoff), on_hand=pl.Series(units)))


def _start(
    platform: Platform, request: Request, terms: ReplayTerms, levels: NDArray[np.float64]
) -> tuple[NDArray[np.float64], int]:
    """(units on the shelves at the first opening, item-locations of which they are on record); else the first level."""
    recorded = recorded_stock(platform, request.first - timedelta(days=1))
    joined = terms.keys.join(recorded, on=KEY, how="left", maintain_order="left")["on_hand"]
    known = joined.is_not_null().to_numpy()
    step = terms.shelf.unit_step
    filled = np.ceil(levels / step - 1e-9) * step
    return np.where(known, joined.fill_null(0.0).to_numpy(), filled), int(known.sum())


def _facts(
    request: Request,
    forecaster: Forecaster,
    terms: ReplayTerms,
    laid: _Laid,
    recorded: int,
    late: NDArray[np.int64],
    lots: bool,
    centres: NDArray[np.bool_],
    warm_up: int,
) -> dict[str, Any]:
    return {
        "first": request.first.isoformat(),
        "last": request.last.isoformat(),
        "days": request.days,
        "warm_up_days": warm_up,
        "item_locations": terms.keys.height,
        "locations": terms.keys["location_id"].n_unique(),
        "centres": int(centres.sum()),
        "forecasts": forecaster.why,
        "forecasts_by": forecaster.by,
        "trained_at": [day.isoformat() for day in forecaster.trained_at],
        "forecasts_every_days": request.refresh_days,
        "true_demand": "given" if request.truth else "recorded",
        "not_counted_share": laid.censored_share,
        "start_stock_recorded": recorded,
        "without_money": int((~terms.money_known).sum()),
        "assumed_terms": int(terms.assumed.sum()),
        "perishable": int((terms.shelf.life_days > 0).sum()),
        "lots_recorded": lots,
        "late_share": float((late > 0).mean()),
        "currency": request.currency,
    }


def _notes(facts: Mapping[str, Any], tables: PastTables, request: Request) -> list[str]:
    """What the data can't tell, in sentences."""
    count = facts["item_locations"]
    notes = []
    if facts["true_demand"] == "given":
        notes.append("Demand is the truth of a simulated shop; no retailer knows it.")
    elif facts["not_counted_share"] > 0:
        notes.append(
            f"On {facts['not_counted_share']:.1%} of the item-days stock ran out or nothing was recorded: what customers wanted is "
            "an estimate there, played but left out of fill rates."
        )
    else:
        notes.append("No stock-outs are recorded: sales are taken for demand, so lost sales of the past stay unseen.")
    missing = count - facts["start_stock_recorded"]
    if missing:
        notes.append(
            f"Of {missing:,} of {count:,} item-locations no stock is recorded on the eve of {facts['first']}; they begin with the "
            f"nightly code's level of that day, for every policy alike, and the first {facts['warm_up_days']} days aren't counted."
        )
    if facts["assumed_terms"] or tables.assumed:
        notes.append(
            f"Terms of {facts['assumed_terms']:,} item-locations are assumed, not the retailer's: figures in money show the "
            "arithmetic, not the retailer's money."
        )
    if facts["without_source"]:
        notes.append(f"{facts['without_source']:,} item-locations that sold have no source; they are left out.")
    if facts["without_money"]:
        notes.append(
            f"Cost or price of {facts['without_money']:,} item-locations isn't known: they count in units, not in money."
        )
    if facts["perishable"] and not facts["lots_recorded"]:
        notes.append(
            "No lots are recorded, so the nightly code estimates ages from receipts here, as it would at night."
        )
    notes.append(
        "Terms, listing, limits and calendars are those of today: the lake keeps no history of them. Today's statuses "
        "(discontinued, phase-out) are not applied to the past; planner's locks are not replayed."
    )
    notes.append(
        "Every line the code proposes counts as approved, but held ones; orders of the retailer's own past are not on the way at "
        "the start."
    )
    if not request.truth:
        notes.append(
            "Customers who would have come back, or bought something else, are what lost_sale_share says, no more."
        )
    return notes
