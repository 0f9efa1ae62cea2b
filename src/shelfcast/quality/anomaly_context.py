"""What anomaly flags need to know of all series at once, made first and handed to every partition.

group totals  units of each location and category by day -> what kind of day it was for everybody
places        which locations were closed or silent on which day
events        spans in which high sales are explained: promotions and cut prices
listing       from when to when an item belongs to a location's range
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

ALL = "*"
LEAST_GROUP_UNITS = 50.0
"""Units a period under which a category at a location is judged by the whole location instead: too noisy alone."""
SILENT_SHARE = 0.2
"""A location with less than this share of its usual rows on such a day counts as silent: its extract is broken."""
LEAST_USUAL_ROWS = 5.0
"""Locations with fewer rows a day than this are never called silent: nothing sold is likely there."""
CUT = 0.93
"""Share of the usual price under which a price is a cut that explains higher sales."""
LONGEST_EVENT_DAYS = 42
KEY = ["item_id", "location_id"]


@dataclass(frozen=True)
class Calendar:
    """Periods 0 .. length-1 up to the cutoff. Weeks begin on the weekday of the data's own periods."""

    cutoff: date
    frequency: str
    length: int

    @property
    def step(self) -> int:
        """Days of a period."""
        return 7 if self.frequency == "W" else 1

    @property
    def first_day(self) -> date:
        return self.cutoff - timedelta(days=self.step * (self.length - 1))

    def period(self, day: str) -> pl.Expr:
        """Position of a day column; below 0 before the calendar, above length - 1 after the cutoff."""
        return (pl.col(day) - pl.lit(self.first_day)).dt.total_days() // self.step

    def day(self, period: str) -> pl.Expr:
        """The first day of a period column."""
        return pl.lit(self.first_day) + pl.duration(days=pl.col(period) * self.step)


@dataclass(frozen=True)
class Context:
    """See the module. Small: it grows with locations x categories x days, not with series."""

    calendar: Calendar
    totals: NDArray[np.float64]
    """Units of group g in period t: shape (groups, T)."""
    bases: NDArray[np.float64]
    """What the group usually sells around t: running median of its totals."""
    absurd: NDArray[np.float64]
    """Units of one row so large that they make the group's day, left out of it for all other series; mostly 0."""
    prior: NDArray[np.float64]
    """Day factor of the same category (or of everything) at all other locations: what a group's own factor is drawn to."""
    closed: NDArray[np.bool_]
    """Place p closed or silent in period t: shape (places, T)."""
    groups: pl.DataFrame
    """location_id, category -> group, place."""
    categories: pl.DataFrame
    """item_id -> category."""
    gap_is_zero: bool
    """The source writes no row where nothing was sold."""
    events: pl.DataFrame
    """item_id, location_id (either may be *), first_date, last_date."""
    listing: pl.DataFrame
    """item_id, location_id (either may be *), from_date, to_date; null = open."""
    usual_prices: pl.DataFrame
    """item_id -> usual price over locations and time, number of locations; see `price_anomalies`."""


def no_events() -> pl.DataFrame:
    return pl.DataFrame(
        schema={"item_id": pl.String, "location_id": pl.String, "first_date": pl.Date, "last_date": pl.Date}
    )


def no_listing() -> pl.DataFrame:
    return pl.DataFrame(
        schema={"item_id": pl.String, "location_id": pl.String, "from_date": pl.Date, "to_date": pl.Date}
    )


def day_totals(sales: pl.LazyFrame, items: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Units, rows, zero rows and mean delay (days from the end of the period until known) by location, category and day
    inside the calendar. The one pass over all sales."""
    known = "known_at" in sales.collect_schema()
    ended = pl.col("date").cast(pl.Datetime("us", "UTC")) + pl.duration(days=calendar.step)
    delay = (pl.col("known_at") - ended).dt.total_seconds() / 86_400 if known else pl.lit(None, pl.Float64)
    return (
        sales.filter(pl.col("date").is_between(calendar.first_day, calendar.cutoff))
        .join(categories_of(items).lazy(), on="item_id", how="left")
        .group_by("location_id", pl.col("category").fill_null(""), "date")
        .agg(
            pl.col("units").clip(lower_bound=0).sum(),
            pl.col("units").max().clip(lower_bound=0).alias("top"),
            pl.len().alias("rows"),
            (pl.col("units") == 0).sum().alias("zeros"),
            delay.mean().alias("delay"),
        )
        .collect(engine="streaming")
        .sort("location_id", "category", "date")
    )


def categories_of(items: pl.DataFrame) -> pl.DataFrame:
    """item_id -> category (department where there is none)."""
    category = (
        pl.coalesce(pl.col("category"), pl.col("department")) if "department" in items.columns else pl.col("category")
    )
    return items.select("item_id", category.fill_null("").alias("category")).unique("item_id", keep="first")


def build_context(
    totals: pl.DataFrame,
    items: pl.DataFrame,
    calendar: Calendar,
    *,
    openings: pl.DataFrame | None = None,
    events: pl.DataFrame | None = None,
    listing: pl.DataFrame | None = None,
    usual_prices: pl.DataFrame | None = None,
    half_window: int = 28,
) -> Context:
    """Put the small tables together.

    Args:
        totals: of `day_totals`.
        openings: location_id, date, open (known by the cutoff).
        half_window: periods on each side of the running median that says what a group usually sells.
    """
    places = totals.select("location_id").unique().sort("location_id").with_row_index("place")
    row_counts = _matrix(totals, places, "rows", calendar, "place")
    groups, group_totals, tops = _groups(totals, places, calendar)
    bases = _running_median(group_totals, half_window)
    # One absurd row must not make a festival of the day for all others.
    absurd = np.where((group_totals > 3.0 * bases) & (tops > 0.5 * group_totals), tops, 0.0)
    rows, zeros = int(totals["rows"].sum()), int(totals["zeros"].sum())
    return Context(
        calendar=calendar,
        totals=group_totals,
        bases=bases,
        absurd=absurd,
        prior=_elsewhere(groups, np.maximum(group_totals - absurd, 0.0), bases, places.height),
        closed=_closed(places, row_counts, openings, calendar),
        groups=groups,
        categories=categories_of(items),
        gap_is_zero=zeros < 0.005 * rows,
        events=no_events() if events is None else events,
        listing=no_listing() if listing is None else listing,
        usual_prices=pl.DataFrame() if usual_prices is None else usual_prices,
    )


def _matrix(
    frame: pl.DataFrame, index: pl.DataFrame, value: str, calendar: Calendar, name: str, into: np.ufunc = np.add
) -> NDArray[np.float64]:
    """Sums (or another fold) of `value` by row of the index and period."""
    on = [column for column in index.columns if column != name]
    placed = frame.join(index, on=on).with_columns(calendar.period("date").alias("t"))
    placed = placed.filter(pl.col("t").is_between(0, calendar.length - 1))
    matrix = np.zeros((index.height, calendar.length))
    into.at(matrix, (placed[name].to_numpy(), placed["t"].to_numpy()), placed[value].to_numpy())
    return matrix


def _groups(
    totals: pl.DataFrame, places: pl.DataFrame, calendar: Calendar
) -> tuple[pl.DataFrame, NDArray[np.float64], NDArray[np.float64]]:
    """Groups by location and category, their units and their largest row; small ones share their whole location's."""
    pairs = totals.select("location_id", "category").unique().sort("location_id", "category").with_row_index("pair")
    by_pair = _matrix(totals, pairs, "units", calendar, "pair")
    big = np.median(by_pair[:, -182:], axis=1) >= LEAST_GROUP_UNITS
    pairs = pairs.join(places, on="location_id", maintain_order="left").with_columns(
        pl.Series("big", big, dtype=pl.Boolean), pl.Series("own", np.cumsum(big) - 1 + places.height)
    )
    group = pl.when("big").then("own").otherwise(pl.col("place").cast(pl.Int64)).alias("group")
    units = np.vstack([_matrix(totals, places, "units", calendar, "place"), by_pair[big]])
    top_place = _matrix(totals, places, "top", calendar, "place", np.maximum)
    top_pair = _matrix(totals, pairs.select("location_id", "category", "pair"), "top", calendar, "pair", np.maximum)
    keys = pairs.select("location_id", "category", group, pl.col("place").cast(pl.Int64))
    return keys, units, np.vstack([top_place, top_pair[big]])


def _elsewhere(
    groups: pl.DataFrame, units: NDArray[np.float64], bases: NDArray[np.float64], places: int
) -> NDArray[np.float64]:
    """Day factor of each group's kind at the other locations: places with places, a category with the same category."""
    factors = np.ones(units.shape)
    own = groups.filter(pl.col("group") >= places).select("group", "category")
    kinds = [
        list(range(places)),
        *(rows["group"].to_list() for _, rows in own.group_by("category", maintain_order=True)),
    ]
    for members in kinds:
        total, usual = units[members].sum(axis=0), bases[members].sum(axis=0)
        factors[members] = (total - units[members] + LEAST_GROUP_UNITS) / (
            np.maximum(usual - bases[members], 0.0) + LEAST_GROUP_UNITS
        )
    return np.clip(factors, 0.1, 10.0)


def _running_median(matrix: NDArray[np.float64], half: int) -> NDArray[np.float64]:
    """Centred running median along the periods."""
    if not matrix.size:
        return matrix
    frame = pl.DataFrame(matrix.T, schema=[str(n) for n in range(matrix.shape[0])], orient="row")
    # Closed periods (0) say nothing about what is usual.
    running = pl.all().replace(0.0, None).rolling_median(window_size=2 * half + 1, min_samples=7, center=True)
    return np.ascontiguousarray(frame.select(running.fill_null(pl.all().median()).fill_null(0.0)).to_numpy().T)


def _closed(
    places: pl.DataFrame, rows: NDArray[np.float64], openings: pl.DataFrame | None, calendar: Calendar
) -> NDArray[np.bool_]:
    """Closed by the openings table, or silent: hardly a row where that weekday usually has many."""
    season = 1 if calendar.frequency == "W" else 7
    closed = np.zeros(rows.shape, dtype=np.bool_)
    for weekday in range(season):
        mine = rows[:, weekday::season]
        if mine.shape[1]:
            usual = np.median(mine[:, -26:], axis=1, keepdims=True)
            closed[:, weekday::season] = (mine < SILENT_SHARE * usual) & (usual >= LEAST_USUAL_ROWS)
    if openings is not None and openings.height:
        shut = (
            openings.filter(~pl.col("open"))
            .join(places, on="location_id")
            .with_columns(calendar.period("date").alias("t"))
        )
        shut = shut.filter(pl.col("t").is_between(0, calendar.length - 1))
        closed[shut["place"].to_numpy(), shut["t"].to_numpy()] = True
    return closed


def spans_of(promotions: pl.DataFrame) -> pl.DataFrame:
    """Promotions as events. A promotion of many weeks is the usual state, not an event, and is left out."""
    days = (pl.col("last_date") - pl.col("first_date")).dt.total_days()
    return promotions.filter(days <= LONGEST_EVENT_DAYS).select(no_events().columns)


def price_cuts(prices: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Spans in which the price was clearly below the series' usual (or regular) one, as events."""
    if prices.is_empty():
        return no_events()
    rows = prices.select(*KEY, "valid_from", "valid_to", "price", "regular_price").sort(*KEY, "valid_from")
    until = pl.min_horizontal(
        pl.col("valid_to"), pl.col("valid_from").shift(-1).over(KEY).dt.offset_by("-1d"), pl.lit(calendar.cutoff)
    )
    usual = pl.coalesce("regular_price", pl.col("price").median().over(KEY))
    cut = rows.with_columns(until.alias("last_date"), (pl.col("price") < CUT * usual).alias("cut")).filter("cut")
    days = (pl.col("last_date") - pl.col("valid_from")).dt.total_days()
    return cut.filter(days.is_between(0, LONGEST_EVENT_DAYS)).select(
        *KEY, pl.col("valid_from").alias("first_date"), "last_date"
    )


def listing_of(items: pl.DataFrame, item_locations: pl.DataFrame, calendar: Calendar, recent: int) -> pl.DataFrame:
    """From when to when items are sold, as items and their terms at locations say. Ended without a date: not lately."""
    everywhere = items.filter(pl.any_horizontal(pl.col("launch_date", "end_date").is_not_null())).select(
        "item_id",
        pl.lit(ALL).alias("location_id"),
        pl.col("launch_date").alias("from_date"),
        pl.col("end_date").alias("to_date"),
    )
    gone = pl.col("status").is_in(["discontinued", "blocked"])
    before = calendar.cutoff - timedelta(days=calendar.step * (recent + 1))
    to_date = pl.coalesce("end_date", pl.when(gone).then(pl.lit(before)))
    here = item_locations.select(*KEY, pl.col("start_date").alias("from_date"), to_date.alias("to_date"))
    said = here.filter(pl.any_horizontal(pl.col("from_date", "to_date").is_not_null()))
    return pl.concat([everywhere, said])
