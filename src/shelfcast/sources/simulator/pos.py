"""Till lines that add up exactly to the day's net sales of each item."""

from __future__ import annotations

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from shelfcast.sources.simulator.draws import TILL, stream_key, uniform
from shelfcast.sources.simulator.geography import HOURS_PROFILE
from shelfcast.sources.simulator.store_run import StoreRun, day_share
from shelfcast.sources.simulator.world import World

SALE, GIVEN_BACK, VOID = 0, 1, 2
KINDS = ("sale", "return", "void")
VOID_CHANCE = 0.004
"""Share of till lines that are rung up wrongly and taken back at once."""
RECEIPT_GAP_SECONDS = 150


def till_lines(world: World, run: StoreRun, day: int) -> pl.DataFrame:
    """Till lines of one store and business day, by time. Columns of `pos_events`, without what ingest derives."""
    setup, stock = run.setup, run.stock
    store, at = setup.store, day - run.stock.first
    sold, returned = stock.sold[:, at], stock.returned[:, at]
    steps = setup.terms.steps
    room = int((sold / np.maximum(setup.portion * 0.5, 1)).sum() + (returned > 0).sum()) * 2 + 16 + 2 * len(sold)
    columns = [np.zeros(room, dtype=np.int64) for _ in range(4)]
    gone = np.where(np.isnan(run.out_hour[:, at]), 1.0, sold / (setup.demand.demand[:, day] + setup.portion))
    profile = np.cumsum(HOURS_PROFILE) / np.sum(HOURS_PROFILE)
    lines = _split(
        *columns, sold.astype(np.int64), returned.astype(np.int64), setup.portion, steps, gone, profile, store.opens,
        store.closes, world.spec.seed, store.index * 1_000_003, day,
    )  # fmt: skip
    item, second, amount, kind = (column[:lines] for column in columns)
    # A void follows its sale: its sale is the line before it as they were made.
    order = np.argsort(second, kind="stable")
    place = np.empty(lines, dtype=np.int64)
    place[order] = np.arange(lines)
    refers = np.where(kind == VOID, place[np.maximum(np.arange(lines) - 1, 0)], -1)[order]
    item, second, amount, kind = item[order], second[order], amount[order], kind[order]
    day_text = str(world.dates[day]).replace("-", "")
    number = pl.Series(np.arange(lines)).cast(pl.String).str.zfill(6)
    event_id = pl.Series("event_id", f"{store.location_id}-{day_text}-" + number)
    basket = _baskets(second, world.spec.seed, store.index, day)
    local = np.datetime64(world.dates[day], "us") + second.astype("timedelta64[s]")
    price = np.round(setup.prices.price[item, day].astype(np.float64), 2)
    frame = pl.DataFrame(
        {
            "event_id": event_id,
            "occurred_at": local,
            "item_id": np.array(world.items.item_id)[item],
            "location_id": pl.repeat(store.location_id, lines, eager=True),
            "units": amount / steps[item],
            "unit_price": price,
            "event_kind": np.array(KINDS)[kind],
            "receipt_id": f"{store.location_id}-{day_text}-R" + pl.Series(basket).cast(pl.String).str.zfill(5),
            "refers_to": [event_id[int(r)] if r >= 0 else None for r in refers],
        },
        schema_overrides={"refers_to": pl.String},
    )
    zone = store.city.time_zone
    return frame.with_columns(
        pl.col("occurred_at")
        .dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        .fill_null((pl.col("occurred_at") + pl.duration(hours=1)).dt.replace_time_zone(zone, ambiguous="earliest"))
        .dt.convert_time_zone("UTC")
    )


def _baskets(second: NDArray[np.int64], seed: int, store: int, day: int) -> NDArray[np.int64]:
    """Receipt number of each line: a new one after a pause, or about every third line."""
    if not len(second):
        return second
    luck = _uniforms(seed, store * 4099 + day, len(second))
    fresh = (np.diff(second, prepend=second[0]) > RECEIPT_GAP_SECONDS) | (luck < 0.33)
    return np.asarray(np.cumsum(fresh) + 1)


@njit(cache=True)
def _uniforms(seed, series, n):  # type: ignore[no-untyped-def]
    key = stream_key(seed, TILL, 800_000_000 + series)
    out = np.empty(n)
    for k in range(n):
        out[k] = uniform(key, k)
    return out


@njit(cache=True)
def _split(  # type: ignore[no-untyped-def]
    item, second, amount, kind, sold, returned, portion, steps, gone, profile, opens, closes, seed, series, day
):  # fmt: skip
    lines = 0
    for i in range(len(sold)):
        key = stream_key(seed, TILL, series + i)
        draw = day * 100_003
        left = sold[i]
        while left > 0:
            luck = uniform(key, draw)
            if steps[i] == 1:
                part = 1 if luck < 0.78 else (2 if luck < 0.94 else 3)
            else:
                part = int(portion[i] * (0.6 + 1.2 * luck))
            part = min(left, max(1, part))
            if steps[i] > 1 and left - part < portion[i] // 2:
                part = left
            left -= part
            when = opens + (closes - opens) * day_share(gone[i] * uniform(key, draw + 1), profile)
            item[lines], second[lines], amount[lines], kind[lines] = i, int(when * 3600), part, 0
            lines += 1
            if uniform(key, draw + 2) < 0.004:
                item[lines], second[lines], amount[lines], kind[lines] = i, int(when * 3600), part, 0
                item[lines + 1], second[lines + 1], amount[lines + 1], kind[lines + 1] = (
                    i,
                    int(when * 3600) + 20,
                    -part,
                    2,
                )
                lines += 2
            draw += 3
        if returned[i] > 0:
            when = opens + (closes - opens) * uniform(key, draw)
            item[lines], second[lines], amount[lines], kind[lines] = i, int(when * 3600), -returned[i], 1
            lines += 1
    return lines
