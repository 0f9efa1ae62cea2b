"""Errors as they come in real files, planted and written down: what, where, and what it should have been."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

Row = dict[str, Any]


@dataclass(frozen=True)
class Planted:
    """One error. `line` counts rows from 1, the header not counted."""

    table: str
    file: str
    line: int
    kind: str
    column: str
    written: str
    truth: str
    """The right value; empty where the row should not be there at all."""
    extra_row: bool
    """True: a row too many. False: a true row with a wrong value."""


MISSPELT = "misspelt_number"
"""Can only be held by a text file; an impossible date is an absent one elsewhere."""
KINDS: dict[str, tuple[tuple[str, str, bool], ...]] = {
    # table: (kind, column, extra row)
    "sales": (
        ("absurd_negative", "units", False),
        ("absurd_size", "units", False),
        (MISSPELT, "units", False),
        ("missing_value", "units", False),
        ("duplicate_key", "units", True),
        ("unknown_item", "item_id", True),
        ("unknown_location", "location_id", True),
        ("future_date", "date", True),
        ("impossible_date", "date", True),
    ),
    "prices": (
        ("zero", "price", False),
        ("absurd_negative", "price", False),
        (MISSPELT, "price", False),
        ("duplicate_key", "price", True),
        ("unknown_item", "item_id", True),
    ),
    "availability": (("over_one", "in_stock_share", False), ("missing_value", "in_stock_share", False)),
    "stock": (
        ("missing_value", "on_hand", False),
        ("duplicate_key", "on_hand", True),
        ("unknown_item", "item_id", True),
    ),
    "deliveries": (("before_order", "received_on", False), ("absurd_negative", "units", False)),
    "promotions": (("ends_before_start", "last_date", False), ("over_one", "discount_share", False)),
    "weather": (("out_of_range", "temperature_c", False), ("missing_value", "temperature_c", False)),
    "pos_events": (("sent_twice", "event_id", True), ("unknown_item", "item_id", True)),
}


def plant(
    table: str, file: str, frame: pl.DataFrame, share: float, as_text: bool, lines_before: int,
    generator: np.random.Generator,
) -> tuple[pl.DataFrame, list[Planted]]:  # fmt: skip
    """The frame with about `share` of its rows spoilt or joined by a false one, and the record of it.

    A frame for a text file comes back with text columns.
    """
    kinds = [kind for kind in KINDS.get(table, ()) if as_text or kind[0] != MISSPELT]
    count = int(generator.binomial(frame.height, share)) if kinds and share > 0 else 0
    if not count:
        return frame, []
    places = np.sort(generator.choice(frame.height, count, replace=False))
    clean = _text(frame) if as_text else frame
    typed = frame[places.tolist()].to_dicts()
    rows = clean[places.tolist()].to_dicts()
    chosen = generator.integers(0, len(kinds), count)
    bad: list[Row] = []
    notes: list[tuple[str, str, str, str, bool]] = []
    for row, types, pick in zip(rows, typed, chosen, strict=True):
        kind, column, extra = kinds[pick]
        truth = row[column]
        value = _spoil(kind, types[column], types, generator)
        spoilt = {**row, column: _as(value, row[column], as_text)}
        if kind == "unknown_item" and "event_id" in row:
            spoilt["event_id"] = f"{row['event_id']}-X"  # a till line of its own, not a second copy
        bad.append(spoilt)
        written = "" if spoilt[column] is None else str(spoilt[column])
        notes.append((kind, column, written, "" if extra else str(truth), extra))
    false = pl.DataFrame(bad, schema=clean.schema)
    # Row numbers of the mixed file: a false row takes the place of its true one, or stands right after it.
    extra = np.array([note[4] for note in notes])
    number = frame.height + np.arange(count)
    take = np.arange(frame.height)
    take[places[~extra]] = number[~extra]
    take = np.insert(take, places[extra] + 1, number[extra])
    mixed = pl.concat([clean, false])[take]
    line = np.empty(count, dtype=np.int64)
    at = np.flatnonzero(take >= frame.height)
    line[take[at] - frame.height] = at + 1 + lines_before
    return mixed, [Planted(table, file, int(n), *note) for n, note in zip(line, notes, strict=True)]


def _spoil(kind: str, value: Any, row: Row, generator: np.random.Generator) -> Any:
    """The wrong value."""
    number = abs(float(value)) if isinstance(value, int | float) else 0.0
    match kind:
        case "absurd_negative":
            return -round(9_000 + 1_000 * number, 2)
        case "absurd_size":
            return round(1_000_000 + 1_000 * number, 2)
        case "misspelt_number":
            text = f"{number + 10:.2f}"
            return str(
                generator.choice([text.replace("0", "O", 1), text.replace("1", "l", 1), f"{text}x", "n/a", f"?{text}"])
            )
        case "zero":
            return 0.0
        case "over_one":
            return round(1.5 + number, 3)
        case "out_of_range":
            return 99.9
        case "missing_value":
            return None
        case "duplicate_key":
            return round(number + float(generator.integers(1, 9)), 2)
        case "unknown_item":
            return f"XXX-{int(generator.integers(100, 999))}"
        case "unknown_location":
            return f"S9{int(generator.integers(100, 999))}"
        case "future_date":
            return value + timedelta(days=4000)
        case "impossible_date":
            return "IMPOSSIBLE"
        case "before_order":
            return row["ordered_on"] - timedelta(days=3)
        case "ends_before_start":
            return row["first_date"] - timedelta(days=2)
        case "sent_twice":
            return value
    raise AssertionError(kind)


def _as(value: Any, like: Any, as_text: bool) -> Any:
    """The value in the form of the column."""
    if value == "IMPOSSIBLE":
        return f"{like[:4]}-02-31" if as_text else None
    if not as_text or value is None:
        return value
    return value.isoformat() if isinstance(value, date) else str(value)


def _text(frame: pl.DataFrame) -> pl.DataFrame:
    """Every column as the text a CSV file holds."""
    columns = []
    for name, kind in frame.schema.items():
        column = pl.col(name)
        if isinstance(kind, pl.Datetime):
            columns.append(column.dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
        else:
            columns.append(column.cast(pl.String))
    return frame.select(columns)


def as_frame(records: list[Planted]) -> pl.DataFrame:
    schema = {
        "table": pl.String, "file": pl.String, "line": pl.Int64, "kind": pl.String, "column": pl.String,
        "written": pl.String, "truth": pl.String, "extra_row": pl.Boolean,
    }  # fmt: skip
    return pl.DataFrame({name: [getattr(record, name) for record in records] for name in schema}, schema=schema)
