"""The chain's tables, as a retailer would export them: canonical names and columns, plain values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.sources.simulator.assortment import NEVER
from shelfcast.sources.simulator.categories import CATEGORIES
from shelfcast.sources.simulator.festivals import occasions
from shelfcast.sources.simulator.prices import day_of, price_changes
from shelfcast.sources.simulator.store_run import CentreRun, StoreRun
from shelfcast.sources.simulator.supply import dc_of
from shelfcast.sources.simulator.weather import FORECAST_REACH_DAYS, forecast_errors
from shelfcast.sources.simulator.world import FORECAST, World, generator_for

WEATHER_FORECAST_DAYS = 400
"""Days at the end for which the forecasts issued each noon are kept."""


def noon(day: NDArray[np.int64], first: date) -> pl.Series:
    """Noon UTC of day numbers from `first`: the same calendar day almost everywhere on earth."""
    days = np.datetime64(first, "D") + day.astype("timedelta64[D]")
    return pl.Series("known_at", days.astype("datetime64[us]") + np.timedelta64(12, "h")).dt.replace_time_zone("UTC")


def locations(world: World) -> pl.DataFrame:
    rows = [
        {
            "location_id": s.location_id,
            "name": s.name,
            "location_type": "store",
            "region": s.city.region,
            "city": s.city.name,
            "country": s.city.country,
            "time_zone": s.city.time_zone,
            "day_start": s.day_start,
            "latitude": s.city.latitude,
            "longitude": s.city.longitude,
            "open_from": date(2015, 1, 1),
        }
        for s in world.stores
    ]
    for country in world.countries:
        if dc_of(world, country):
            city = next(s.city for s in world.stores if s.city.country == country)
            rows.append(
                {
                    **rows[0],
                    "location_id": dc_of(world, country),
                    "name": f"Distribution centre {country}",
                    "location_type": "dc",
                    "region": city.region,
                    "city": city.name,
                    "country": country,
                    "time_zone": city.time_zone,
                    "day_start": "00:00",
                    "latitude": city.latitude,
                    "longitude": city.longitude,
                }
            )
    return pl.DataFrame(rows)


def items(world: World) -> pl.DataFrame:
    """Items known by the last day: those whose launch is planned are listed too."""
    it = world.items
    kinds = [CATEGORIES[c] for c in it.category]
    launch = [None if d <= 0 else day_of(world.spec, d) for d in it.launch]
    end = [None if d >= NEVER else day_of(world.spec, d) for d in it.end]
    return pl.DataFrame(
        {
            "item_id": it.item_id,
            "name": it.name,
            "department": [k.department for k in kinds],
            "category": [k.name for k in kinds],
            "subcategory": it.subcategory_name,
            "brand": it.brand,
            "unit": [k.unit for k in kinds],
            "unit_step": [0.001 if k.unit == "kg" else 1.0 for k in kinds],
            "volume": [k.volume_m3 for k in kinds],
            "weight": [1.0 if k.unit == "kg" else round(220 * k.volume_m3, 3) for k in kinds],
            "launch_date": launch,
            "end_date": end,
            "reference_item": [it.item_id[r] if r >= 0 else None for r in it.reference],
            "reference_scale": it.reference_scale,
        },
        schema_overrides={"launch_date": pl.Date, "end_date": pl.Date, "reference_item": pl.String},
    )


def attributes(world: World) -> pl.DataFrame:
    rows: list[tuple[str, str, str, str, float | None]] = []
    for s in world.stores:
        rows.append(("location", s.location_id, "kind", s.kind, None))
        rows.append(("location", s.location_id, "floor_m2", str(s.floor_m2), float(s.floor_m2)))
    bands = np.digitize(world.items.price, [2, 5, 12])
    for item_id, band in zip(world.items.item_id, bands, strict=True):
        rows.append(("item", item_id, "price_band", ("low", "middle", "high", "top")[int(band)], None))
    return pl.DataFrame(rows, schema=["entity", "entity_id", "attribute", "value", "number"], orient="row",
                        schema_overrides={"number": pl.Float64})  # fmt: skip


def calendar_events(world: World) -> pl.DataFrame:
    """Festivals, public holidays and pay days from the first day to the end of next year, known a year ahead."""
    last = date(world.spec.last_day.year + 1, 12, 31)
    rows = [
        (o.name, o.event_type, "country", o.country, o.day, datetime(o.day.year - 1, 1, 1, 12, tzinfo=UTC))
        for country in world.countries
        for o in occasions(country, world.first_day, last)
    ]
    return pl.DataFrame(rows, schema=["event", "event_type", "scope", "scope_value", "date", "known_at"], orient="row")


def promotions(world: World, known_from: int, known_before: int) -> pl.DataFrame:
    """Promotions whose plan became known in a span of days; chain-wide ones once, with location *."""
    p, spec = world.promotions, world.spec
    rows: list[tuple[Any, ...]] = []
    for n in np.flatnonzero((p.known >= known_from) & (p.known < known_before)).tolist():
        where = (
            ["*"] if p.country[n] == "*" else [s.location_id for s in world.stores if s.city.country == p.country[n]]
        )
        kind = "display" if p.display[n] >= 1 else ("mailer" if p.display[n] > 0 else "price")
        known = datetime.combine(day_of(spec, p.known[n]), datetime.min.time(), UTC) + timedelta(hours=12)
        base = (day_of(spec, p.first[n]), day_of(spec, p.last[n]), kind, p.discount[n], p.display[n], known)
        item = world.items.item_id[p.item[n]]
        rows.extend((p.id_of(n), item, location, *base) for location in where)
    schema: dict[str, Any] = {
        "promotion_id": pl.String, "item_id": pl.String, "location_id": pl.String, "first_date": pl.Date, "last_date": pl.Date,
        "promotion_type": pl.String, "discount_share": pl.Float64, "display_share": pl.Float64,
        "known_at": pl.Datetime("us", "UTC"),
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def openings(world: World, run: StoreRun) -> pl.DataFrame:
    """Closed days of a store: holidays known half a year ahead, mishaps on the day."""
    days = run.setup.days
    closed = np.flatnonzero(~days.open)
    known = np.where(days.unplanned[closed], closed, np.minimum(closed - 180, world.spec.days - 1))
    return pl.DataFrame(
        {
            "location_id": pl.repeat(run.setup.store.location_id, len(closed), eager=True),
            "date": world.dates[closed],
            "open": pl.repeat(False, len(closed), eager=True),
            "known_at": noon(known, world.first_day),
        }
    )


def weather(world: World, run: StoreRun, first: int, after: int) -> pl.DataFrame:
    """Weather measured on a span of days, and the ten-day forecasts issued at noon of each of its last days."""
    w, spec, store = run.setup.days.weather, world.spec, run.setup.store
    columns = ("temperature_c", "temperature_max_c", "precipitation_mm", "humidity_pct", "wind_kmh", "cloud_share")
    past = slice(first, after)
    measured = pl.DataFrame(
        {
            "location_id": pl.repeat(store.location_id, after - first, eager=True),
            "date": world.dates[past],
            **{c: getattr(w, c)[past] for c in columns},
            "is_forecast": pl.repeat(False, after - first, eager=True),
            "known_at": noon(np.arange(first, after) + 1, world.first_day),
        }
    )
    generator = generator_for(spec.seed, FORECAST, store.index, first)
    issued = np.arange(max(first, after - WEATHER_FORECAST_DAYS), after)
    parts = [measured]
    for lead in range(1, FORECAST_REACH_DAYS + 1):
        issued = issued[issued + lead < spec.span]
        at = issued + lead
        degrees, kept = forecast_errors(lead, len(at), generator)
        shrink = np.exp(-lead / 9.0)
        guess = w.normal_c[at] + shrink * (w.temperature_c[at] - w.normal_c[at]) + degrees
        parts.append(
            pl.DataFrame(
                {
                    "location_id": pl.repeat(store.location_id, len(at), eager=True),
                    "date": world.dates[at],
                    "temperature_c": np.round(guess, 1),
                    "temperature_max_c": np.round(guess + (w.temperature_max_c - w.temperature_c)[at], 1),
                    "precipitation_mm": np.round(kept * w.precipitation_mm[at], 1),
                    "humidity_pct": np.round(60 + shrink * (w.humidity_pct[at] - 60), 0),
                    "wind_kmh": np.round(13 + shrink * (w.wind_kmh[at] - 13), 1),
                    "cloud_share": np.round(0.4 + shrink * (w.cloud_share[at] - 0.4), 2),
                    "is_forecast": pl.repeat(True, len(at), eager=True),
                    "known_at": noon(issued, world.first_day),
                }
            )
        )
    return pl.concat(parts).sort("location_id", "date", "known_at")


def prices(world: World, run: StoreRun, known_from: int, known_before: int) -> pl.DataFrame:
    """Change points of the store's price list that became known in a span of days."""
    p = run.setup.prices
    item, day, known = price_changes(p, world.promotions, world.items, known_from, known_before)
    return pl.DataFrame(
        {
            "item_id": np.array(world.items.item_id)[item],
            "location_id": pl.repeat(run.setup.store.location_id, len(item), eager=True),
            "valid_from": world.dates[day],
            "price": np.round(p.price[item, day].astype(np.float64), 2),
            "regular_price": np.round(p.regular[item, day].astype(np.float64), 2),
            "known_at": noon(known, world.first_day),
        }
    )


def months(world: World) -> Iterator[tuple[str, int, int]]:
    """(YYYY-MM, first day number, day number after the last) of each month of the history."""
    month = world.dates[: world.spec.days].astype("datetime64[M]")
    starts = [0, *(np.flatnonzero(month[1:] != month[:-1]) + 1).tolist(), world.spec.days]
    for a, b in pairwise(starts):
        yield str(month[a]), a, b


def sales(world: World, run: StoreRun, first: int, after: int) -> pl.DataFrame:
    """Net units and revenue of every item listed in an open store, zeros included."""
    at_item, at_day = np.nonzero(run.setup.demand.listed[:, first:after])
    at_day = at_day + first
    steps = run.setup.terms.steps
    net = (run.stock.sold[at_item, at_day].astype(np.int64) - run.stock.returned[at_item, at_day]) / steps[at_item]
    price = np.round(run.setup.prices.price[at_item, at_day].astype(np.float64), 2)
    return pl.DataFrame({**_keys(world, run, at_item, at_day), "units": net, "revenue": np.round(net * price, 2) + 0.0})


def availability(world: World, run: StoreRun, first: int, after: int) -> pl.DataFrame:
    """What the shelf scanner noted: to the full hour, and nothing at all for about one item-day in a hundred."""
    seen = run.setup.demand.listed[:, first:after] & ~_not_noted(world, run, first, after)
    at_item, at_day = np.nonzero(seen)
    at_day = at_day + first
    store = run.setup.store
    hours = store.closes - store.opens
    share = np.round(run.in_stock_share[at_item, at_day].astype(np.float64) * hours) / hours
    hour = np.round(run.out_hour[at_item, at_day].astype(np.float64))
    out = ~np.isnan(hour)
    share = np.where(out, np.minimum(share, 1 - 0.5 / hours), 1.0)
    return pl.DataFrame(
        {
            **_keys(world, run, at_item, at_day),
            "in_stock_share": np.round(share, 4),
            "first_out_hour": pl.Series(np.minimum(hour, 24.0)).fill_nan(None),
        }
    )


def _not_noted(world: World, run: StoreRun, first: int, after: int) -> NDArray[np.bool_]:
    generator = generator_for(world.spec.seed, FORECAST, 1_000_000 + run.setup.store.index, first)
    return generator.random((world.items.count, after - first), dtype=np.float32) < 0.01


def _keys(
    world: World, run: StoreRun, at_item: NDArray[np.int64], at_day: NDArray[np.int64]
) -> dict[str, pl.Series | NDArray]:
    ids = pl.Series(world.items.item_id, dtype=pl.String)
    return {
        "item_id": ids.gather(pl.Series(at_item)),
        "location_id": pl.repeat(run.setup.store.location_id, len(at_item), eager=True),
        "date": world.dates[at_day],
    }


def stock(world: World, run: StoreRun | CentreRun, first: int, after: int) -> pl.DataFrame:
    """Book stock at the close of each day of a span, of every item on sale or still there."""
    items_kept, location_id, steps = _where(world, run)
    on_hand = run.stock.on_hand[:, first:after]
    listed = run.setup.demand.listed[:, first:after] if isinstance(run, StoreRun) else np.ones_like(on_hand, dtype=bool)
    at_item, at_day = np.nonzero(listed | (on_hand != 0))
    frame = pl.DataFrame(
        {
            "item_id": np.array(world.items.item_id)[items_kept[at_item]],
            "location_id": pl.repeat(location_id, len(at_item), eager=True),
            "date": world.dates[at_day + first],
            "on_hand": on_hand[at_item, at_day] / steps[at_item],
        }
    )
    return frame.sort("item_id", "date")


def stock_lots(world: World, run: StoreRun) -> pl.DataFrame:
    """Stock of goods that spoil, by expiry date, at the close of the run's last day."""
    tomorrow = run.end.day
    steps = run.setup.terms.steps
    spoils = run.setup.terms.life_days > 0
    at_item, life = np.nonzero(run.end.lots * spoils[:, None])
    return pl.DataFrame(
        {
            "item_id": np.array(world.items.item_id)[at_item],
            "location_id": pl.repeat(run.setup.store.location_id, len(at_item), eager=True),
            "date": pl.repeat(day_of(world.spec, tomorrow - 1), len(at_item), eager=True),
            "expiry_date": np.datetime64(world.first_day, "D") + (tomorrow + life),
            "units": run.end.lots[at_item, life] / steps[at_item],
        }
    )


def orders(world: World, run: StoreRun | CentreRun, first: int, after: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(orders open at the close of a span's last day, deliveries received in the span), from the orders placed and the
    lorries that came.

    A line that comes short is closed by its delivery; one that comes not at all is cancelled and in neither table.
    """
    items_kept, location_id, steps = _where(world, run)
    supply = run.setup.supply
    close = day_of(world.spec, after - 1)
    # No lead time is longer than 60 days.
    reach = max(0, first - 60)
    at_item, at_day = np.nonzero(run.stock.shipped[:, reach:after])
    at_day = at_day + reach
    route = supply.route[at_item]
    due = at_day + supply.arrives_in[route, at_day]
    recent = due >= first
    at_item, at_day, route, due = at_item[recent], at_day[recent], route[recent], due[recent]
    source = np.array([r.source_id for r in supply.routes])[route]
    ordered_on = world.dates[at_day]
    promised = at_day + supply.promised_in[route, at_day]
    start = np.datetime64(world.first_day, "D")
    ordered = run.stock.ordered[at_item, at_day] / steps[at_item]
    shipped = run.stock.shipped[at_item, at_day] / steps[at_item]
    lines = pl.DataFrame(
        {
            "order_id": "PO-" + pl.Series(ordered_on).dt.strftime("%Y%m%d") + "-" + pl.Series(source) + f"-{location_id}",
            "line_id": np.array(world.items.item_id)[items_kept[at_item]],
            "source_id": source,
            "destination_id": pl.repeat(location_id, len(at_item), eager=True),
            "item_id": np.array(world.items.item_id)[items_kept[at_item]],
            "ordered_on": ordered_on,
            "promised_date": start + promised,
            "due": due,
            "received_on": start + due,
            "ordered": ordered,
            "shipped": shipped,
        }
    ).sort("ordered_on", "order_id", "line_id")  # fmt: skip
    came = lines.filter(pl.col("due") < after)
    deliveries = came.select(
        "order_id", "line_id", "source_id", "destination_id", "item_id", "ordered_on", "promised_date", "received_on",
        pl.col("ordered").alias("units_ordered"), pl.col("shipped").alias("units"),
    )  # fmt: skip
    if isinstance(run, CentreRun):
        deliveries = pl.concat([deliveries, _rush_deliveries(world, run, first, after)])
    waiting = lines.filter(pl.col("due") >= after)
    open_orders = waiting.select(
        "order_id",
        "line_id",
        pl.lit(close).alias("date"),
        "source_id",
        "destination_id",
        "item_id",
        pl.col("ordered").alias("qty_open"),
        pl.when(pl.col("promised_date") <= close + timedelta(days=2)).then(pl.col("shipped")).alias("confirmed_qty"),
        "ordered_on",
        "promised_date",
        pl.when(pl.col("ordered_on") < close).then(pl.lit("in_transit")).otherwise(pl.lit("sent")).alias("state"),
    )
    return open_orders, deliveries


def _rush_deliveries(world: World, run: CentreRun, first: int, after: int) -> pl.DataFrame:
    at_item, at_day = np.nonzero(run.rushed[:, first:after])
    at_day = at_day + first
    day = world.dates[at_day]
    source = np.array([r.source_id for r in run.setup.supply.routes])[run.setup.supply.route[at_item]]
    item = np.array(world.items.item_id)[run.setup.items[at_item]]
    units = run.rushed[at_item, at_day] / run.setup.terms.steps[at_item]
    return pl.DataFrame(
        {
            "order_id": "RUSH-"
            + pl.Series(day).dt.strftime("%Y%m%d")
            + "-"
            + pl.Series(source)
            + f"-{run.setup.location_id}",
            "line_id": item,
            "source_id": source,
            "destination_id": pl.repeat(run.setup.location_id, len(item), eager=True),
            "item_id": item,
            "ordered_on": day,
            "promised_date": day,
            "received_on": day,
            "units_ordered": units,
            "units": units,
        }
    )


def _where(world: World, run: StoreRun | CentreRun) -> tuple[NDArray[np.int64], str, NDArray[np.int64]]:
    if isinstance(run, StoreRun):
        return np.arange(world.items.count), run.setup.store.location_id, run.setup.terms.steps
    return run.setup.items, run.setup.location_id, run.setup.terms.steps
