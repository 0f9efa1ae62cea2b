"""A small shop for the browser tests: two stores, six items, a festival and a promotion to come."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np

STORES = {"S01": "Harbour street", "S02": "Mill lane"}
ITEMS = {
    "MLK": ("Whole milk", "Fresh", 1.2, 40.0),
    "BRD": ("Country bread", "Fresh", 2.4, 25.0),
    "APL": ("Apples", "Fresh", 2.9, 18.0),
    "CHO": ("Dark chocolate", "Pantry", 3.5, 12.0),
    "TEA": ("Green tea", "Pantry", 4.1, 6.0),
    "RIC": ("Rice", "Pantry", 1.9, 9.0),
}
"""id -> (name, category, price, units a day)"""
FIRST = date(2026, 5, 1)
DAYS = 150
LAST = FIRST + timedelta(days=DAYS - 1)
FESTIVAL = "Harvest festival"
CUT, UPLIFT = 0.15, 1.5
"""Once, each item was this much cheaper for five days, and sold this much more."""


def write_shop(folder: Path, seed: int = 7) -> Path:
    """Files as a retailer would send them, the same for the same seed."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    days = [FIRST + timedelta(days=one) for one in range(DAYS)]
    weekday = np.array([1.0, 0.9, 0.9, 1.0, 1.2, 1.5, 0.8])
    sales = []
    for store, scale in zip(STORES, (1.0, 0.7), strict=True):
        for item, (_, _, price, level) in ITEMS.items():
            mean = np.array([level * scale * weekday[one.weekday()] for one in days])
            mean[_cheap_days(item)] *= UPLIFT
            for day, units in zip(days, random.poisson(mean), strict=True):
                sales.append((item, store, day, units, round(units * price, 2)))
    _write(folder / "sales.csv", ("item_id", "location_id", "date", "units", "revenue"), sales)
    _write(
        folder / "items.csv",
        ("item_id", "name", "category"),
        [(one, name, category) for one, (name, category, _, _) in ITEMS.items()],
    )
    _write(folder / "locations.csv", ("location_id", "name", "country"), [(*one, "IN") for one in STORES.items()])
    pairs = [(item, store) for item in ITEMS for store in STORES]
    prices = []
    for item, store in pairs:
        usual, cheap = ITEMS[item][2], _cheap_days(item)
        prices.append((item, store, FIRST, usual))
        prices.append((item, store, days[cheap.start], round(usual * (1 - CUT), 2)))
        prices.append((item, store, days[cheap.stop], usual))
    _write(folder / "prices.csv", ("item_id", "location_id", "valid_from", "price"), prices)
    _write(
        folder / "stock.csv",
        ("item_id", "location_id", "date", "on_hand"),
        [(item, store, LAST, int(ITEMS[item][3] * (0.5 if item in ("MLK", "BRD") else 4))) for item, store in pairs],
    )
    _write(
        folder / "sourcing.csv",
        ("item_id", "destination_id", "source_id", "lead_time_days", "pack_size", "moq", "unit_cost"),
        [(item, store, "DAIRY-CO" if item == "MLK" else "WHOLESALE", 2, 6, 6, round(ITEMS[item][2] * 0.6, 2)) for item, store in pairs],
    )  # fmt: skip
    _write(
        folder / "calendar_events.csv",
        ("event", "event_type", "scope", "scope_value", "date"),
        [(FESTIVAL, "festival", "all", "*", one) for one in (FIRST + timedelta(days=60), LAST + timedelta(days=9))],
    )
    return folder


def _cheap_days(item: str) -> slice:
    first = DAYS - 40 + 4 * list(ITEMS).index(item)
    return slice(first, first + 5)


def write_night(path: Path, *, broken: bool) -> Path:
    """The sales of the day after: whole, or with the slips that happen in spreadsheets."""
    day = LAST + timedelta(days=1)
    rows: list[Sequence[object]] = [
        (item, store, day, int(level)) for item, (_, _, _, level) in ITEMS.items() for store in STORES
    ]
    if broken:
        rows[1] = ("MLK", "S02", day, "twelve")
        rows[4] = ("APL", "S01", "31.31.2026", 20)
        rows[7] = ("", "S02", day, 12)
    _write(path, ("Article", "Store", "Day", "Sold"), rows)
    return path


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
