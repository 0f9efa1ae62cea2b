"""Measures of the data as it came: how new, how much, and whether two feeds still tell the same story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl

from shelfcast.domain.measures import Measure
from shelfcast.quality.distances import wasserstein

NEWS_DAYS = 182
"""Days looked back for how often a feed brings something."""
LEAST_NEWS = 8
USUAL_WEEKS = 6
"""Same weekdays looked back for how many rows are usual."""
FEWEST, MOST = 0.6, 1.7
"""Share of the usual rows outside of which a day counts."""
LEAST_ROWS = 20.0
LEAST_PLANNED = 3
HOURS = 2.0
"""Hours the tills may move: a change to summer time moves them by one."""


def freshness(table: str, news: Sequence[date], cutoff: date, planned: bool = False, late: int = 0) -> Measure | None:
    """Days since something new came, against the longest usual pause.

    Args:
        news: days on which the table got rows (dated facts: the rows' own days), in any order.
        planned: the table holds plans announced at uneven intervals (prices, promotions).
        late: days the cutoff itself is behind the calendar (a cycle's cutoff is the newest day with sales).
    """
    days = sorted({day for day in news if cutoff - timedelta(days=NEWS_DAYS) <= day <= cutoff})
    if len(days) < LEAST_NEWS:
        return None
    pauses = np.diff(np.array(days, dtype="datetime64[D]")).astype(int)
    age = (cutoff - days[-1]).days + late
    usual, longest = float(np.median(pauses)), int(pauses.max())
    # Announcements: a pause as long as the longest of half a year comes by chance twice a year, half as long again hardly
    # ever. A daily feed: older than after its longest pause it never was.
    threshold = float(longest + max(2, round(longest / 2))) if planned else longest - 0.5
    says = (
        f"The newest row of {table} is {age} {'day' if age == 1 else 'days'} old."
        if age
        else f"{table} brought something up to {days[-1]:%d %b %Y}."
    )
    reason = (
        f"The longest pause of the last {len(days)} times it brought something was {longest} days"
        f" ({usual:g} is usual); {'half as long again is no chance' if planned else 'it was never older at night'}."
    )
    return Measure("data", "freshness", table, float(age), usual if planned else usual - 1, threshold, reason, says)


def volume(table: str, rows: pl.DataFrame, closed: pl.DataFrame, cutoff: date) -> Measure | None:
    """Rows of the cutoff's day over those usual for open locations on that weekday.

    Args:
        rows: location_id, date, rows of the last weeks.
        closed: location_id, date of days a location was closed (they neither count nor are counted on).
    """
    open_rows = rows.join(closed.select("location_id", "date").unique(), on=["location_id", "date"], how="anti")
    same = [cutoff - timedelta(weeks=week) for week in range(1, USUAL_WEEKS + 1)]
    usual = (
        open_rows.filter(pl.col("date").is_in(same))
        .group_by("location_id")
        .agg(pl.col("rows").median().alias("usual"), pl.len().alias("weeks"))
        .filter(pl.col("weeks") >= USUAL_WEEKS // 2)
    )
    shut = closed.filter(pl.col("date") == cutoff)
    usual = usual.join(shut, on="location_id", how="anti")
    expected = float(usual["usual"].sum() or 0.0)
    if expected < LEAST_ROWS:
        return None
    today = rows.filter(pl.col("date") == cutoff).join(usual, on="location_id", how="semi")
    value = float(today["rows"].sum() or 0.0) / expected
    above = value >= 1.0
    says = f"{table} has {value:.0%} of the rows usual for a {cutoff:%A} ({expected:,.0f})."
    reason = (
        f"Between {FEWEST:.0%} and {MOST:.0%} of the same weekdays of {USUAL_WEEKS} weeks at open locations: holidays stay"
        " inside, half a file or one sent twice doesn't."
    )
    return Measure("data", "volume", table, value, 1.0, MOST if above else FEWEST, reason, says, above)


def quarantine_share(table: str, kept: int, refused: int, usual: float) -> Measure | None:
    """Rows that could not be used, of those that came in the newest loads."""
    if kept + refused <= 0:
        return None
    value = refused / (kept + refused)
    threshold = max(0.02, 4.0 * usual)
    says = f"{refused:,} of {kept + refused:,} rows for {table} could not be used."
    reason = f"2 %, or four times what earlier loads had ({usual:.2%}), whichever is more."
    return Measure("data", "quarantine", table, value, usual, threshold, reason, says)


def zero_stock(shares: Mapping[date, float], cutoff: date) -> Measure | None:
    """Share of series whose book stock is zero or less tonight, against the nights before."""
    before = [share for day, share in shares.items() if cutoff - timedelta(days=56) <= day < cutoff]
    if cutoff not in shares or len(before) < 7:
        return None
    value, usual = shares[cutoff], float(np.median(before))
    highest = float(np.quantile(before, 0.95))
    threshold = min(0.95, max(usual + 0.2, highest + 0.1))
    says = f"{value:.0%} of series have no stock by the book."
    reason = (
        f"{usual:.0%} is usual, {highest:.0%} the worst of the last weeks; stock runs out item by item, so 20 points"
        " more in a night is a feed, not a shop."
    )
    return Measure("data", "zero_stock", "stock", value, usual, threshold, reason, says)


def unmatched(
    name: str, found: Sequence[tuple[date, bool]], cutoff: date, days: int = 7, most: float = 0.3
) -> Measure | None:
    """Share of newly announced plans that the other feed doesn't confirm (`unpriced_promotions`, `unflagged_cuts`).

    Args:
        found: day announced and whether the other feed lacks it.
    """
    since, long_ago = cutoff - timedelta(days=days), cutoff - timedelta(days=days + 182)
    now = [lacks for day, lacks in found if since < day <= cutoff]
    before = [lacks for day, lacks in found if long_ago < day <= since]
    if len(now) < LEAST_PLANNED or len(before) < LEAST_NEWS:
        return None
    value, usual = float(np.mean(now)), float(np.mean(before))
    threshold = min(0.95, usual + most)
    what = "promotions" if name == "unpriced_promotions" else "price cuts"
    lack = "no cut in the price list" if name == "unpriced_promotions" else "no promotion"
    says = f"{sum(now)} of {len(now)} {what} announced in the last {days} days have {lack}."
    reason = (
        f"{usual:.0%} of the half year before; the two feeds plan together, so {most:.0%} more is one that stopped."
    )
    return Measure("data", name, "plans", value, usual, threshold, reason, says)


def shifted_days(daily: pl.DataFrame, cutoff: date, days: int = 7) -> Measure | None:
    """Whether last week's sales fit the forecasts better when booked a day earlier or later.

    Args:
        daily: date, units, mean: all series together.
    """
    first = cutoff - timedelta(days=days)
    known = daily.filter(pl.col("date").is_between(first, cutoff)).sort("date")
    if known.height < days + 1 or not known["units"].sum():
        return None
    units, mean = known["units"].to_numpy(), known["mean"].to_numpy()
    # The level doesn't matter here: only the shape of the week does.
    mean = mean * (units.sum() / max(mean.sum(), 1e-9))
    as_booked = float(np.abs(units[1:] - mean[1:]).sum())
    later = float(np.abs(units[1:] - mean[:-1]).sum())
    earlier = float(np.abs(units[:-1] - mean[1:]).sum())
    size = float(np.abs(mean).sum())
    best, word = min((later, "a day late"), (earlier, "a day early"))
    if best <= 0 or size <= 0:
        return None
    # Errors under 3 % of sales are noise of a flat week, whatever their ratio.
    value = as_booked / max(best, 0.03 * size)
    threshold = 1.5
    says = (
        f"The last {days} days fit the forecasts {'better booked ' + word if value > 1 else 'best as booked'}:"
        f" {as_booked / size:.0%} of sales missed as booked, {best / size:.0%} when moved."
    )
    reason = "Where days are booked right, moving them makes the error larger (under 1); half as large again the other way is a shift."
    return Measure("data", "shifted_days", "sales", value, 0.6, threshold, reason, says)


def shifted_hours(hours: pl.DataFrame, cutoff: date) -> Measure | None:
    """How far the hours of the cutoff's till lines lie from those of the four weeks before (Wasserstein, hours).

    Args:
        hours: date, hour (0 to 23, UTC), lines.
    """
    first = cutoff - timedelta(days=28)
    before = hours.filter(pl.col("date").is_between(first, cutoff - timedelta(days=1)))
    now = hours.filter(pl.col("date") == cutoff)
    if before["date"].n_unique() < 7 or (now["lines"].sum() or 0) < 50:
        return None
    spread = [np.repeat(one["hour"].to_numpy(), one["lines"].to_numpy()).astype(np.float64) for one in (before, now)]
    value = wasserstein(spread[0], spread[1])
    says = f"Till lines lie {value:.1f} hours from where they were in the four weeks before."
    reason = f"{HOURS:g} hours: a change to summer time moves one, a wrong time zone or clock more."
    return Measure("data", "shifted_hours", "pos_events", value, 0.0, HOURS, reason, says)
