"""The page of one series: history with stock-outs, forecast, festivals and promotions on its axis, past forecasts against
actuals, drivers, overrides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal

import polars as pl
from pydantic import Field

from shelfcast.domain.errors import NotFound
from shelfcast.domain.tables import Table, curated, results, supply
from shelfcast.pipeline import override_forecasts
from shelfcast.pipeline.newest import cutoffs, newest_cutoff
from shelfcast.pipeline.override_forecasts import Override
from shelfcast.ports.platform import Platform
from shelfcast.serve.forecasts import ForecastRow
from shelfcast.serve.held_forecasts import held
from shelfcast.serve.memory import of_cutoff, standing
from shelfcast.serve.view import View

MICRO = 1_000_000
PAST_CUTOFFS = 8
EVERYWHERE = "*"


class HistoryDay(View):
    """One period of the past."""

    date: date
    units: float | None = None
    """Sold; null where nothing is recorded."""
    demand: float | None = None
    """What customers wanted: sold, or recovered where stock ran out."""
    in_stock_share: float | None = None
    open: bool | None = None
    stocked_out: bool = False
    """Stock ran out: sales understate demand."""
    evidence: str = ""


class MarkedDays(View):
    """A festival, school holiday, or promotion on the axis."""

    kind: Literal["event", "promotion"]
    name: str
    type: str | None = None
    first: date
    last: date
    discount_share: float | None = None


class PriceFrom(View):
    valid_from: date
    price: float
    regular_price: float | None = None


class PastForecast(View):
    """What an earlier cutoff said of a day, beside what came."""

    cutoff: date
    date: date
    mean: float
    low: float | None = None
    high: float | None = None
    actual: float | None = None


class Contribution(View):
    """Units a driver adds to a day's mean."""

    driver: str
    units: float


class ExplainedDay(View):
    """base + contributions = mean, exactly to the millionth."""

    date: date
    mean: float
    base: float
    drivers: list[Contribution]


class OverrideView(View):
    override_id: str
    items: list[str]
    locations: list[str]
    category: str
    first: date
    last: date
    method: Literal["multiply", "add", "set"]
    value: float
    reason: str
    note: str
    made_by: str
    made_at: datetime
    expires_on: date | None = None
    active: bool
    ended_by: str = ""
    ended_at: datetime | None = None


class StockNow(View):
    date: date
    on_hand: float
    blocked: float | None = None


class SeriesDetail(View):
    item_id: str
    location_id: str
    item_name: str | None = None
    location_name: str | None = None
    category: str | None = None
    department: str | None = None
    brand: str | None = None
    unit: str | None = None
    cutoff: date
    history: list[HistoryDay]
    forecast: list[ForecastRow]
    """Stage final: what orders are planned with."""
    model_forecast: list[ForecastRow] = Field(default=[], description="Stage model, where an override changed it")
    marks: list[MarkedDays]
    prices: list[PriceFrom]
    past: list[PastForecast]
    overrides: list[OverrideView]
    stock: StockNow | None = None
    order_line_id: str | None = None
    """The line proposed for it."""


def detail(
    platform: Platform, item_id: str, location_id: str, *, cutoff: date | None = None, days: int = 400
) -> SeriesDetail:
    """
    Raises:
        NotFound: no such series.
    """
    chosen = cutoff or newest_cutoff(platform, results.FORECASTS)
    here = (pl.col("item_id") == item_id) & (pl.col("location_id") == location_id)
    stages = []
    for stage in ("model", "final"):
        ready = held(platform, chosen, stage)
        stages.append(ready.of(ready.series.filter(here)))
    rows = pl.concat(stages)
    since = chosen - timedelta(days=days)
    past_days = platform.tables.scan(results.DEMAND).filter(here & (pl.col("date") > since)).sort("date").collect()
    if not rows.height and not past_days.height:
        raise NotFound(f"there is no series of item {item_id!r} at {location_id!r}. Search at /v1/series.")
    item = _row(platform, curated.ITEMS, pl.col("item_id") == item_id)
    place = _row(platform, curated.LOCATIONS, pl.col("location_id") == location_id)
    last = rows["date"].max() if rows.height else chosen
    final = rows.filter(pl.col("stage") == "final")
    model = rows.filter(pl.col("stage") == "model")
    changed = final.height > 0 and not final["mean"].equals(model["mean"])
    line = of_cutoff(platform, results.ORDER_LINES, chosen).filter(here).select("line_id").head(1).collect()
    return SeriesDetail(
        item_id=item_id, location_id=location_id, item_name=item.get("name"), location_name=place.get("name"),
        category=item.get("category"), department=item.get("department"), brand=item.get("brand"), unit=item.get("unit"),
        cutoff=chosen,
        history=[
            HistoryDay(
                date=one["date"], units=one["units"], demand=one["demand"], in_stock_share=one["in_stock_share"],
                open=one["open"], stocked_out=bool(one["censored"]), evidence=one["evidence"] or "",
            )
            for one in past_days.iter_rows(named=True)
        ],
        forecast=_forecast(final),
        model_forecast=_forecast(model) if changed else [],
        marks=marks(platform, item_id, location_id, place, since, last),  # type: ignore[arg-type]
        prices=prices(platform, here, since),
        past=past_forecasts(platform, here, chosen, past_days),
        overrides=[override_view(one) for one in overrides_of(platform, item_id, location_id, item.get("category") or "")],
        stock=_stock(platform, here), order_line_id=line.item() if line.height else None,
    )  # fmt: skip


def _row(platform: Platform, table: Table, where: pl.Expr) -> dict[str, str | None]:
    found = standing(platform, table).filter(where).head(1).collect()
    return found.row(0, named=True) if found.height else {}


def _forecast(rows: pl.DataFrame) -> list[ForecastRow]:
    return [
        ForecastRow.model_construct(**one) for one in rows.select(list(ForecastRow.model_fields)).iter_rows(named=True)
    ]


def marks(
    platform: Platform, item_id: str, location_id: str, place: dict[str, str | None], first: date, last: date
) -> list[MarkedDays]:
    """Events of the location and promotions of the item there, joined where days follow one another."""
    scope = (
        (pl.col("scope") == "all")
        | ((pl.col("scope") == "location") & (pl.col("scope_value") == location_id))
        | ((pl.col("scope") == "region") & (pl.col("scope_value") == pl.lit(place.get("region"), pl.String)))
        | ((pl.col("scope") == "country") & (pl.col("scope_value") == pl.lit(place.get("country"), pl.String)))
    )
    events = (
        standing(platform, curated.CALENDAR_EVENTS)
        .filter(scope.fill_null(False) & pl.col("date").is_between(first, last))
        .select("event", "event_type", "date")
        .unique()
        .sort("event", "date")
        .with_columns((pl.col("date").diff().dt.total_days() != 1).fill_null(True).cum_sum().alias("run"))
        .group_by("event", "event_type", "run")
        .agg(pl.col("date").min().alias("first"), pl.col("date").max().alias("last"))
        .sort("first", "event")
        .collect()
    )
    made = [
        MarkedDays(kind="event", name=one["event"], type=one["event_type"], first=one["first"], last=one["last"])
        for one in events.iter_rows(named=True)
    ]
    promotions = (
        standing(
            platform,
            curated.PROMOTIONS,
            pl.col("item_id").is_in([item_id, EVERYWHERE]) & pl.col("location_id").is_in([location_id, EVERYWHERE]),
        )
        .filter((pl.col("last_date") >= first) & (pl.col("first_date") <= last))
        .sort("first_date", "promotion_id")
        .collect()
    )
    return made + [
        MarkedDays(
            kind="promotion", name=one["promotion_id"], type=one["promotion_type"], first=one["first_date"],
            last=one["last_date"], discount_share=one["discount_share"],
        )
        for one in promotions.iter_rows(named=True)
    ]  # fmt: skip


def prices(platform: Platform, here: pl.Expr, since: date) -> list[PriceFrom]:
    rows = standing(platform, curated.PRICES, here).sort("valid_from").collect()
    before = rows.filter(pl.col("valid_from") <= since).tail(1)
    shown = pl.concat([before, rows.filter(pl.col("valid_from") > since)])
    return [PriceFrom(**one) for one in shown.select("valid_from", "price", "regular_price").iter_rows(named=True)]


def past_forecasts(platform: Platform, here: pl.Expr, cutoff: date, history: pl.DataFrame) -> list[PastForecast]:
    """What the latest earlier cutoffs said of days that have come since."""
    earlier = [one for one in cutoffs(platform, results.FORECASTS) if one < cutoff][:PAST_CUTOFFS]
    if not earlier:
        return []
    rows = (
        platform.tables.scan(results.FORECASTS)
        .filter(
            here & pl.col("cutoff").is_in(earlier) & (pl.col("scenario") == "base") & (pl.col("stage") == "final")
            & (pl.col("date") <= cutoff)
        )
        .select("cutoff", "date", "mean", pl.col("q100").alias("low"), pl.col("q900").alias("high"))
        .sort("cutoff", "date")
        .collect()
    )  # fmt: skip
    joined = rows.join(
        history.select("date", pl.col("units").alias("actual")), on="date", how="left", maintain_order="left"
    )
    return [PastForecast(**one) for one in joined.iter_rows(named=True)]


def overrides_of(platform: Platform, item_id: str, location_id: str, category: str) -> list[Override]:
    return [
        one
        for one in reversed(override_forecasts.every(platform))
        if (not one.items or item_id in one.items)
        and (not one.locations or location_id in one.locations)
        and (not one.category or one.category == category)
    ]


def override_view(one: Override) -> OverrideView:
    return OverrideView(
        **{name: value for name, value in vars(one).items() if name not in ("version", "ended_at")},
        ended_at=datetime.fromisoformat(one.ended_at) if one.ended_at else None,
    )


def _stock(platform: Platform, here: pl.Expr) -> StockNow | None:
    rows = standing(platform, supply.STOCK, here).sort("date").tail(1).collect()
    if not rows.height:
        return None
    one = rows.row(0, named=True)
    return StockNow(date=one["date"], on_hand=one["on_hand"], blocked=one["blocked"])


def explanations(
    platform: Platform, item_id: str, location_id: str, *, cutoff: date | None = None, days: Sequence[date] = ()
) -> list[ExplainedDay]:
    """Stored explanations of a series by day; worked out for the days asked where none is stored.

    Raises:
        NotFound: no such forecast.
        NotReady: the data have changed since, so it can't be worked out again.
    """
    chosen = cutoff or newest_cutoff(platform, results.FORECASTS)
    here = (
        (pl.col("cutoff") == chosen) & (pl.col("scenario") == "base") & (pl.col("item_id") == item_id)
        & (pl.col("location_id") == location_id)
    )  # fmt: skip
    rows = platform.tables.scan(results.EXPLANATIONS).filter(here).select("date", "driver", "micro_units").collect()
    if days:
        rows = rows.filter(pl.col("date").is_in(list(days)))
    if not rows.height:
        from shelfcast.pipeline.explain_series import explain_series

        rows = explain_series(platform, item_id, location_id, chosen)
    made = []
    for (day,), part in rows.sort("date", "driver").group_by("date", maintain_order=True):
        values = {driver: micro for _, driver, micro in part.iter_rows()}
        total = sum(values.values())
        base = values.pop("base", 0)
        drivers = [
            Contribution(driver=name, units=micro / MICRO)
            for name, micro in sorted(values.items(), key=lambda one: (-abs(one[1]), one[0]))
            if micro
        ]
        made.append(ExplainedDay(date=day, mean=total / MICRO, base=base / MICRO, drivers=drivers))
    return made
