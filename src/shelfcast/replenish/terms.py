"""What holds for each item-location: listing, item, stock and sources. `*` rows are resolved, the narrowest wins.

Tables become columns of numbers (`Columns`), a value per item-location row or per candidate source, so that the
engine's arithmetic runs over plain arrays.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish.keys import ALL, Keys, codes_of, find

Columns = dict[str, NDArray[Any]]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

STATUSES = ("active", "new", "phase_out", "discontinued", "blocked")
SOURCE_TYPES = ("supplier", "dc", "store")
FAR = 10**6
"""Day number that stands for an open end."""

LISTING_NUMBERS = (
    "presentation_stock", "max_stock", "shelf_life_days", "min_remaining_life_days", "fifo_share", "unit_price",
    "salvage", "disposal_cost", "margin", "shelf_capacity",
)  # fmt: skip
LISTING_DEFAULTS = {"min_remaining_life_days": 0.0, "fifo_share": 1.0, "salvage": 0.0, "disposal_cost": 0.0}


def take(columns: Columns, lines: NDArray[Any]) -> Columns:
    """The columns of some lines; all of them in their order are not copied."""
    if len(lines) and all(len(values) == len(lines) for values in columns.values()):
        every = np.arange(len(lines))
        if np.array_equal(lines, every):
            return dict(columns)
    return {name: values[lines] for name, values in columns.items()}


def floats(frame: pl.DataFrame, name: str, default: float = np.nan) -> Floats:
    """A column as numbers; null becomes the default."""
    if name not in frame.columns:
        return np.full(frame.height, default)
    return frame[name].cast(pl.Float64).fill_null(default).to_numpy()


def day_numbers(values: pl.Series, cutoff: date, default: int) -> Integers:
    """Dates as days from the cutoff; null becomes the default."""
    days = (values.cast(pl.Date) - pl.Series([cutoff])).dt.total_days()
    return days.fill_null(default).to_numpy().astype(np.int64)


def narrowest_rows(frame: pl.DataFrame, keys: Keys, items: str, locations: str) -> list[Integers]:
    """For each scope from the widest to the narrowest, the frame's row for each item-location (-1: none).

    Scopes: (*, *), (*, location), (item, *), (item, location).
    """
    every_item, every_location = frame[items] == ALL, frame[locations] == ALL
    index = np.arange(frame.height, dtype=np.int64)
    found: list[Integers] = []

    def lookup(names: pl.Series, column: str, mask: pl.Series, codes: Integers) -> Integers:
        place = np.full(len(names) + 1, -1, dtype=np.int64)
        mine = mask.to_numpy()
        wanted = codes_of(frame[column].filter(mask), names)
        place[np.where(wanted >= 0, wanted, len(names))] = index[mine]
        place[len(names)] = -1
        return place[codes]

    both = (every_item & every_location).arg_true()
    found.append(np.full(keys.size, int(both[-1]) if len(both) else -1, dtype=np.int64))
    found.append(lookup(keys.locations, locations, every_item & ~every_location, keys.location_codes))
    found.append(lookup(keys.items, items, ~every_item & every_location, keys.item_codes))
    exact = (~every_item & ~every_location).to_numpy()
    numbers = keys.numbers(frame[items].filter(pl.Series(exact)), frame[locations].filter(pl.Series(exact)))
    unique, first = np.unique(numbers, return_index=True)
    place = find(unique, keys.pairs)
    found.append(np.where(place >= 0, index[exact][first[np.maximum(place, 0)]] if len(first) else -1, -1))
    return found


def listing_columns(item_locations: pl.DataFrame, keys: Keys, cutoff: date) -> Columns:
    """Terms of each item-location; each value comes from the narrowest row that has one. Days count from the cutoff."""
    scopes = narrowest_rows(item_locations, keys, "item_id", "location_id")
    found = [(place, place >= 0) for place in scopes if (place >= 0).any()]
    columns: Columns = {}
    numbers = {name: floats(item_locations, name) for name in LISTING_NUMBERS if name in item_locations.columns}
    status = codes_of(item_locations["status"], pl.Series(sorted(STATUSES)))
    to_status = np.array([STATUSES.index(name) for name in sorted(STATUSES)] + [0])
    numbers["status"] = np.where(status >= 0, to_status[status].astype(np.float64), np.nan)
    for name in ("start_date", "end_date"):
        days = day_numbers(item_locations[name], cutoff, FAR * 2).astype(np.float64)
        numbers[name] = np.where(days == FAR * 2, np.nan, days)
    defaults = {"status": 0.0, "start_date": float(-FAR), "end_date": float(FAR), **LISTING_DEFAULTS}
    for name in (*LISTING_NUMBERS, "status", "start_date", "end_date"):
        values = numbers.get(name)
        if values is None:
            columns[name] = np.full(keys.size, defaults.get(name, np.nan))
            continue
        result = np.full(keys.size, defaults.get(name, np.nan))
        for place, there in found:
            chosen = values[place]
            result = np.where(there & ~np.isnan(chosen), chosen, result)
        columns[name] = result
    for name in ("status", "start_date", "end_date"):
        columns[name] = columns[name].astype(np.int64)
    return columns


def item_columns(items: pl.DataFrame, keys: Keys, cutoff: date) -> tuple[Columns, pl.Series]:
    """What holds for each item wherever it is sold, per item-location row, and the sorted names of the categories."""
    categories = items["category"].drop_nulls().unique().sort()
    place = find_text(keys.items, items["item_id"])[keys.item_codes]
    known = place >= 0

    def spread(values: NDArray[Any], default: float | int) -> NDArray[Any]:
        return np.where(known, values[place], default) if len(values) else np.full(keys.size, default)

    reference = codes_of(items["reference_item"].fill_null(""), keys.items)
    columns: Columns = {
        "unit_step": spread(floats(items, "unit_step", 1.0), 1.0),
        "volume": spread(floats(items, "volume"), np.nan),
        "weight": spread(floats(items, "weight"), np.nan),
        "launch": spread(day_numbers(items["launch_date"], cutoff, -FAR), -FAR),
        "item_end": spread(day_numbers(items["end_date"], cutoff, FAR), FAR),
        "reference_scale": spread(floats(items, "reference_scale", 1.0), 1.0),
        "reference": spread(reference, -1),
        "category": spread(codes_of(items["category"].fill_null(""), categories), -1),
    }
    columns["unit_step"] = np.where(columns["unit_step"] > 0.0, columns["unit_step"], 1.0)
    return columns, categories


def price_column(prices: pl.DataFrame, keys: Keys, cutoff: date) -> Floats:
    """Selling price of each item-location on the cutoff by the price plan; NaN where none is known."""
    column = np.full(keys.size, np.nan)
    latest = prices.filter(pl.col("valid_from") <= cutoff).sort("item_id", "location_id", "valid_from", "price")
    rows = keys.rows(latest["item_id"], latest["location_id"])
    column[rows[rows >= 0]] = floats(latest, "price")[rows >= 0]  # the last of equal keys stays
    return column


def find_text(wanted: pl.Series, values: pl.Series) -> Integers:
    """Position in `values` of each wanted text (the last where there are several); -1 for none."""
    names = wanted.unique().sort()
    place = np.full(len(names) + 1, -1, dtype=np.int64)
    codes = codes_of(values, names)
    place[np.where(codes >= 0, codes, len(names))] = np.arange(len(values))
    place[len(names)] = -1
    return place[codes_of(wanted, names)]


def stock_columns(stock: pl.DataFrame, keys: Keys, cutoff: date) -> Columns:
    """Latest stock of each item-location: book stock, blocked, owed to customers (backorders + reserved)."""
    rows = keys.rows(stock["item_id"], stock["location_id"])
    columns: Columns = {name: np.zeros(keys.size) for name in ("on_hand", "blocked", "backorders")}
    columns["has_stock"] = np.zeros(keys.size, dtype=np.bool_)
    columns["stock_age_days"] = np.zeros(keys.size)
    known = rows >= 0
    rows = rows[known]
    columns["on_hand"][rows] = floats(stock, "on_hand")[known]
    columns["blocked"][rows] = floats(stock, "blocked", 0.0)[known]
    columns["backorders"][rows] = (floats(stock, "backorders", 0.0) + floats(stock, "reserved", 0.0))[known]
    columns["has_stock"][rows] = True
    columns["stock_age_days"][rows] = -day_numbers(stock["date"], cutoff, 0)[known]
    return columns


SOURCE_NUMBERS = {
    "lead_time_days": np.nan, "lead_time_sd_days": 0.0, "moq": 0.0, "pack_size": 1.0, "max_order_qty": np.nan,
    "layer_qty": np.nan, "pallet_qty": np.nan, "pack_round_threshold": 0.0, "unit_cost": np.nan, "order_cost": 0.0,
    "yield_share": 1.0, "share": 1.0, "priority": 1.0, "repaired": 0.0, "assumed": 0.0,
}  # fmt: skip


def source_candidates(sourcing: pl.DataFrame, keys: Keys, cutoff: date) -> tuple[Columns, pl.Series]:
    """Every source each item-location may order from today, and the sorted names of the sources.

    The narrowest rows win as a set: a row for the item at the location hides those for the item everywhere, these
    hide those for the location, and these the general ones. No location supplies itself by a `*` row. Sorted by row,
    priority, source.
    """
    valid = sourcing.filter(
        (pl.col("effective_from").is_null() | (pl.col("effective_from") <= cutoff))
        & (pl.col("effective_to").is_null() | (pl.col("effective_to") >= cutoff))
    )
    if "share" in valid.columns:
        valid = valid.filter(pl.col("share").is_null() | (pl.col("share") > 0.0))
    names = valid["source_id"].unique().sort()
    item = valid["item_id"]
    destination = valid["destination_id"]
    scope = (2 * (item != ALL).cast(pl.Int8) + (destination != ALL).cast(pl.Int8)).to_numpy()
    own_location = codes_of(valid["source_id"], keys.locations)
    chosen_row = np.empty(0, dtype=np.int64)
    chosen_source = np.empty(0, dtype=np.int64)
    open_rows = np.ones(keys.size, dtype=np.bool_)
    for level in (3, 2, 1, 0):
        rows = np.flatnonzero(scope == level).astype(np.int64)
        if not len(rows):
            continue
        if level == 3:
            number = keys.numbers(item.gather(rows), destination.gather(rows))
            mine = keys.pairs
        elif level == 2:
            number, mine = codes_of(item.gather(rows), keys.items), keys.item_codes
        elif level == 1:
            number, mine = codes_of(destination.gather(rows), keys.locations), keys.location_codes
        else:
            number, mine = np.zeros(len(rows), dtype=np.int64), np.zeros(keys.size, dtype=np.int64)
        line, source = match(np.where(open_rows, mine, -2), number, rows)
        if level < 3:  # a source for all destinations is no source of its own
            other = own_location[source] != keys.location_codes[line]
            line, source = line[other], source[other]
        chosen_row, chosen_source = np.concatenate([chosen_row, line]), np.concatenate([chosen_source, source])
        open_rows[line] = False
    columns: Columns = {name: floats(valid, name, default)[chosen_source] for name, default in SOURCE_NUMBERS.items()}
    columns["row"] = chosen_row
    columns["source"] = codes_of(valid["source_id"], names)[chosen_source]
    types = codes_of(valid["source_type"].fill_null("supplier"), pl.Series(sorted(SOURCE_TYPES)))
    columns["source_type"] = np.array([SOURCE_TYPES.index(name) for name in sorted(SOURCE_TYPES)])[types][chosen_source]
    order = np.lexsort((columns["source"], columns["priority"], columns["row"]))
    return take(columns, order), names


def match(mine: Integers, number: Integers, values: Integers) -> tuple[Integers, Integers]:
    """Every pair (position in `mine`, value) whose numbers agree; negative numbers match nothing."""
    order = np.argsort(number, kind="stable")
    number, values = number[order], values[order]
    low, high = np.searchsorted(number, mine, "left"), np.searchsorted(number, mine, "right")
    count = np.where(mine >= 0, high - low, 0)
    lines = np.repeat(np.arange(len(mine), dtype=np.int64), count)
    offset = np.arange(len(lines)) - np.repeat(np.cumsum(count) - count, count)
    return lines, values[np.repeat(low, count) + offset]
