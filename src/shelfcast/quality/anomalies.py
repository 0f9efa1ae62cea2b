"""Anomaly flags by robust statistics: what a person should look at before trusting a series.

A flag takes nothing out of the data. Whole series go in, a partition at a time; only the recent window is flagged, the
history before it says what is usual. See `series_kernels` for the statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.tables.results import ANOMALIES
from shelfcast.quality import series_kernels as kernels
from shelfcast.quality.anomaly_context import ALL, KEY, Calendar, Context
from shelfcast.quality.late_data import late_data
from shelfcast.quality.price_anomalies import impossible_prices
from shelfcast.quality.rule_book import RULES

KINDS = ("spike", "level_shift", "likely_stockout", "missing_day", "impossible_price", "late_data")
KERNEL_KINDS = {kernels.SPIKE: "spike", kernels.SHIFT: "level_shift", kernels.STOCKOUT: "likely_stockout", kernels.MISSING: "missing_day"}  # fmt: skip
FLAGGED = ANOMALIES.empty().drop("run_id").schema


@dataclass(frozen=True)
class Sensitivity:
    """Thresholds. The defaults are set for few false alarms; `docs/explanation/quality.md` has the figures."""

    spike_score: float = 5.5
    """Robust deviations above the expected."""
    spike_ratio: float = 2.5
    """Times the expected."""
    spike_units: float = 6.0
    """Units above the expected."""
    shift_score: float = 4.5
    """Standard errors between the two windows, in units of the series' own scatter."""
    shift_ratio: float = 1.8
    """Times (or one over) the level before."""
    stockout_probability: float = 1e-6
    """Chance of so many periods without a sale."""
    missing_share: float = 0.95
    """Share of periods with a row from which on a missing row is an anomaly."""

    def vector(self) -> NDArray[np.float64]:
        return np.array(
            [
                self.spike_score, self.spike_ratio, self.spike_units, self.shift_score, self.shift_ratio,
                np.log(self.stockout_probability), self.missing_share,
            ]
        )  # fmt: skip


@dataclass(frozen=True)
class Windows:
    """Lengths in periods."""

    recent: int
    """Flagged, up to the cutoff."""
    half: int
    """On each side of a period, for its level."""
    scale: int
    """History that says how much the series scatters."""
    before: int
    """Before a possible level shift."""
    after: int
    """After it, at most."""
    least_after: int
    """After it, at least."""
    year: int
    """Back to the same time of last year."""
    season: int
    """Length of a week."""
    stockout_run: int
    """Shortest run of zeros that is flagged."""
    history: int
    """All that is looked at."""

    @classmethod
    def of(cls, frequency: str) -> Windows:
        """For days or weeks."""
        if frequency == "W":
            return cls(8, 8, 52, 12, 6, 4, 52, 1, 2, 130)
        return cls(56, 28, 182, 56, 28, 14, 364, 7, 2, 728)

    def vector(self) -> NDArray[np.int64]:
        return np.array(
            [
                self.recent, self.half, self.scale, self.before, self.after, self.least_after, self.year, self.season,
                self.stockout_run,
            ],
            dtype=np.int64,
        )  # fmt: skip


def anomalies_of(
    sales: pl.DataFrame,
    context: Context,
    *,
    prices: pl.DataFrame | None = None,
    availability: pl.DataFrame | None = None,
    windows: Windows | None = None,
    sensitivity: Sensitivity | None = None,
) -> pl.DataFrame:
    """Flags of a partition that holds whole series.

    Args:
        sales: item_id, location_id, date, units, and known_at where late data shall be flagged.
        prices: item_id, location_id, valid_from, price of these series.
        availability: item_id, location_id, date, in_stock_share of these series.

    Returns:
        Rows of `anomalies` without `run_id`, sorted by kind, item, location and date.
    """
    windows = windows or Windows.of(context.calendar.frequency)
    found = [series_anomalies(sales, context, availability, windows, sensitivity or Sensitivity())]
    if "known_at" in sales.columns:
        found.append(late_data(sales, context.calendar, windows.recent))
    if prices is not None and prices.height:
        found.append(impossible_prices(prices, context.usual_prices, context.calendar, windows.recent))
    return pl.concat([part.cast(FLAGGED) for part in found]).sort("kind", "item_id", "location_id", "date")


def series_anomalies(
    sales: pl.DataFrame,
    context: Context,
    availability: pl.DataFrame | None,
    windows: Windows,
    sensitivity: Sensitivity,
) -> pl.DataFrame:
    """Spikes, level shifts, likely stock-outs and missing days."""
    calendar = context.calendar
    keys, starts, periods, units = _ragged(sales, calendar)
    if keys.is_empty():
        return pl.DataFrame(schema=FLAGGED)
    keys = _placed(keys, context)
    own = _own_rows(availability, keys, calendar, windows.recent)
    events = _event_rows(context.events, keys, calendar)
    listed_from, listed_to = _listed(context.listing, keys, calendar)
    room = keys.height * kernels.MOST_FLAGS
    out = [np.empty(room, np.int64) for _ in range(4)] + [np.empty(room) for _ in range(3)]
    count = kernels.scan(
        starts, periods, units, *own, *events, listed_from, listed_to,
        keys["group"].to_numpy(), context.totals, context.bases, context.absurd, context.prior, keys["place"].to_numpy(), context.closed,
        context.gap_is_zero, windows.vector(), sensitivity.vector(), *out,
    )  # fmt: skip
    names = ("series", "kind", "period", "length", "value", "expected", "score")
    flags = pl.DataFrame({name: array[:count] for name, array in zip(names, out, strict=True)})
    return _told(flags, keys, calendar)


def _ragged(
    sales: pl.DataFrame, calendar: Calendar
) -> tuple[pl.DataFrame, NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Series keys, where each series begins, and its rows' periods and units."""
    rows = sales.filter(pl.col("date").is_between(calendar.first_day, calendar.cutoff) & pl.col("units").is_not_null())
    rows = rows.select(*KEY, calendar.period("date").alias("t"), pl.col("units").cast(pl.Float64))
    keys = rows.select(KEY).unique().sort(KEY).with_row_index("series").with_columns(pl.col("series").cast(pl.Int64))
    # Sorting by one number is far cheaper than by two names and a day; sorted rows cost next to nothing.
    placed = rows.join(keys, on=KEY, maintain_order="left").select(
        "series", "t", "units", (pl.col("series") * calendar.length + pl.col("t")).alias("place")
    )
    if not placed["place"].is_sorted():
        placed = placed.sort("place")
    return keys, _starts(placed["series"], keys.height), placed["t"].to_numpy(), placed["units"].to_numpy()


def _placed(keys: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Keys with their category, group and place."""
    with_category = keys.join(context.categories, on="item_id", how="left", maintain_order="left")
    with_category = with_category.with_columns(pl.col("category").fill_null(""))
    placed = with_category.join(context.groups, on=["location_id", "category"], how="left", maintain_order="left")
    return placed.with_columns(pl.col("group").fill_null(0), pl.col("place").fill_null(0))


def _starts(series: pl.Series, count: int) -> NDArray[np.int64]:
    return np.searchsorted(series.to_numpy(), np.arange(count + 1)).astype(np.int64)


def _own_rows(
    availability: pl.DataFrame | None, keys: pl.DataFrame, calendar: Calendar, recent: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Recorded availability by series. A day in stock only matters where a stock-out could be flagged."""
    if availability is None or availability.is_empty():
        return np.zeros(keys.height + 1, np.int64), np.empty(0, np.int64), np.empty(0)
    t = calendar.period("date").alias("t")
    rows = (
        availability.lazy()
        .with_columns(t)
        .filter(
            pl.col("t").is_between(0, calendar.length - 1)
            & ((pl.col("in_stock_share") < 0.9) | (pl.col("t") >= calendar.length - recent))
        )
        .join(keys.lazy().select("series", *KEY), on=KEY)
        .select("series", "t", "in_stock_share")
        .sort("series", "t")
        .collect()
    )
    return _starts(rows["series"], keys.height), rows["t"].to_numpy(), rows["in_stock_share"].to_numpy()


def _wild(frame: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Rows of a frame whose item_id or location_id may be * (all), one for each series they are about."""
    parts = []
    for item_all in (False, True):
        for location_all in (False, True):
            part = frame.filter(
                ((pl.col("item_id") == ALL) == item_all) & ((pl.col("location_id") == ALL) == location_all)
            )
            if part.is_empty():
                continue
            on = [name for name, every in zip(KEY, (item_all, location_all)) if not every]
            mine = keys.select("series", *on)
            rest = part.drop([name for name in KEY if name not in on])
            parts.append((mine.join(rest, on=on) if on else mine.join(rest, how="cross")).drop(on))
    return pl.concat(parts) if parts else keys.head(0).select("series").hstack(frame.head(0).drop(KEY))


def _event_rows(
    events: pl.DataFrame, keys: pl.DataFrame, calendar: Calendar
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    if events.is_empty():
        return np.zeros(keys.height + 1, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
    span = [calendar.period(name).alias(name) for name in ("first_date", "last_date")]
    rows = _wild(events.with_columns(span), keys).filter(
        (pl.col("last_date") >= 0) & (pl.col("first_date") < calendar.length)
    )
    rows = rows.sort("series", "first_date")
    return _starts(rows["series"], keys.height), rows["first_date"].to_numpy(), rows["last_date"].to_numpy()


def _listed(
    listing: pl.DataFrame, keys: pl.DataFrame, calendar: Calendar
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last period of each series inside the range; the whole calendar where nothing is said."""
    last = calendar.length - 1
    if listing.is_empty():
        return np.zeros(keys.height, np.int64), np.full(keys.height, last)
    span = [calendar.period(name).alias(name) for name in ("from_date", "to_date")]
    said = (
        _wild(listing.with_columns(span), keys)
        .group_by("series")
        .agg(pl.col("from_date").max(), pl.col("to_date").min())
    )
    rows = keys.select("series").join(said, on="series", how="left", maintain_order="left")
    begin = rows["from_date"].fill_null(0).clip(0, calendar.length).to_numpy()
    return begin.astype(np.int64), rows["to_date"].fill_null(last).clip(-1, last).to_numpy().astype(np.int64)


def _told(flags: pl.DataFrame, keys: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Flags as rows people read."""
    kind = pl.col("kind").replace_strict(KERNEL_KINDS, return_dtype=pl.String)
    told = flags.join(keys.select("series", *KEY), on="series", maintain_order="left").with_columns(
        kind.alias("kind"), calendar.day("period").cast(pl.Date).alias("date")
    )
    unit, many = ("week", "weeks") if calendar.frequency == "W" else ("day", "days")
    day, until = pl.col("date").dt.to_string("%a %d %b %Y"), pl.col("length").cast(pl.String)
    value, expected = _number("value"), _number("expected")
    still = pl.col("period") + pl.col("length") >= calendar.length
    sentence = (
        pl.when(pl.col("kind") == "spike")
        .then(
            pl.when(pl.col("value") < 0)
            .then(pl.format("Sold {} on {}: returns of more than two days' best sales. " + RULES["spike"].cure, value, day))
            .otherwise(
                pl.format(f"Sold {{}} on {{}}; about {{}} is usual for such a {unit}. " + RULES["spike"].cure, value, day, expected)
            )
        )
        .when(pl.col("kind") == "level_shift")
        .then(
            pl.format(
                "Since {} it sells about {} a " + unit + "; before, about {}. " + RULES["level_shift"].cure, day, value, expected
            )
        )
        .when(pl.col("kind") == "likely_stockout")
        .then(
            pl.format(
                "Nothing sold for {} " + many + " from {}{}, while about {} units were to be expected. " + RULES["likely_stockout"].cure,
                until, day, pl.when(still).then(pl.lit(" until now")).otherwise(pl.lit("")), expected,
            )
        )
        .otherwise(
            pl.format(
                "No row for {} " + many + " from {}, though this series has one nearly every " + unit + ". "
                + RULES["missing_day"].cure, until, day,
            )
        )
        .str.replace(f"for 1 {many}", f"for 1 {unit}", literal=True)
    )  # fmt: skip
    return told.select(
        "kind", *KEY, "date", "value", pl.col("expected").round(3), pl.col("score").round(2), sentence.alias("reason")
    ).with_columns(pl.col("value").fill_nan(None), pl.col("expected").fill_nan(None))


def _number(column: str) -> pl.Expr:
    """Whole and with thousands separated from 10 on, one decimal below."""
    value = pl.col(column).fill_nan(None)
    digits = value.abs().round(0).cast(pl.Int64, strict=False).cast(pl.String)
    grouped = digits.str.reverse().str.replace_all(r"(\d{3})", "${1},").str.reverse().str.strip_chars_start(",")
    signed = pl.when(value < 0).then(pl.concat_str(pl.lit("-"), grouped)).otherwise(grouped)
    return pl.when(value.abs() >= 10).then(signed).otherwise(value.round(1).cast(pl.String)).fill_null("")
