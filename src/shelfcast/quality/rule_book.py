"""Every rule the data is held against, by name: what it means, how bad a breach is, what to do about it.

The checks themselves live in `rules` (single rows), `references`, `freshness`, `completeness` (whole tables) and
`anomalies` (series). The reference page of the rules is written from this list.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """What a rule looks at, and so what happens to a breach."""

    ROW = "row"
    """One row of a load: it goes to quarantine, the rest of the load is used."""
    TABLE = "table"
    """A table of the lake: reported, nothing is taken out."""
    SERIES = "series"
    """One item at one location over time: flagged for a person to look at, nothing is taken out."""


@dataclass(frozen=True)
class Rule:
    """`severity`: error = wrong and not used, warning = may mislead forecasts or orders, info = good to know."""

    name: str
    level: Level
    severity: str
    meaning: str
    cure: str


_RULES = (
    Rule("columns", Level.ROW, "error", "The line has more or fewer columns than the header, or its quotes don't match.",
         "Correct the line, or the delimiter and quote of the mapping file."),
    Rule("number", Level.ROW, "error", "The text can't be read as a number.",
         "Correct it, or set `numbers` (decimal sign) in the mapping file."),
    Rule("date", Level.ROW, "error", "The text can't be read as a date.",
         "Correct it, or set `dates` (format) in the mapping file."),
    Rule("flag", Level.ROW, "error", "The text is neither yes nor no.",
         "Write true or false, 1 or 0, yes or no."),
    Rule("date_range", Level.ROW, "error", "The date is outside every year a retailer plans or remembers.",
         "Correct the date or its format."),
    Rule("wrong_type", Level.ROW, "error", "The value is not of the column's type.",
         "Correct the value, or the date and number formats of the mapping file."),
    Rule("missing", Level.ROW, "error", "A required column or a part of the key has no value.",
         "Fill the value in at the source, or map the right column."),
    Rule("not_finite", Level.ROW, "error", "The number is infinite, or not a number in a required column.",
         "Look for a division by zero in the extract."),
    Rule("negative", Level.ROW, "error", "A quantity that can't be negative is below 0.",
         "Correct the sign; returns belong in sales as negative units, not in stock, price or order columns."),
    Rule("below_minimum", Level.ROW, "error", "The number is below the smallest value the column allows.",
         "Correct the value or its unit."),
    Rule("above_maximum", Level.ROW, "error", "The number is above the largest value the column allows.",
         "Correct the value or its unit (a share is 0.15, not 15)."),
    Rule("zero_price", Level.ROW, "error", "A price of 0: mostly a gap in the price file, and no price elasticity can be read from it.",
         "Send the real price, or leave the row out: the last price stays valid."),
    Rule("zero_value", Level.ROW, "error", "0 where a value above 0 is needed (pack size, smallest sellable amount).",
         "Send the real value, or leave it empty to get the default."),
    Rule("not_allowed", Level.ROW, "error", "The value is not one of the values the column allows.",
         "Use one of the values the message lists."),
    Rule("date_too_old", Level.ROW, "error", "The date lies before 1990: a system's zero or a typing error.",
         "Correct the date or the date format of the mapping file."),
    Rule("date_too_late", Level.ROW, "error", "The date lies after 2100: a typing error or an 'until further notice' in a key.",
         "Correct the date."),
    Rule("date_in_future", Level.ROW, "error", "A fact (a sale, a stock-out) dated after today: it can't have happened yet.",
         "Check that day and month aren't swapped; load plans into prices, promotions or openings."),
    Rule("ends_before_start", Level.ROW, "error", "A span that ends before it begins.",
         "Correct one of the two dates."),
    Rule("known_before_period", Level.ROW, "error", "The row says it was known before its own day began; a backtest would see the future.",
         "Send the moment the row was published, or leave known_at out."),
    Rule("duplicate_row", Level.ROW, "info", "The same row stands twice in the load: one is kept, the others are here.",
         "Nothing needs to be done; check whether the extract was joined twice."),
    Rule("duplicate_key_conflict", Level.ROW, "error", "Two rows with the same key say different things, so none of them is used.",
         "Decide which is right and load that one; or add the column that tells them apart."),
    Rule("unknown_item", Level.TABLE, "warning", "Rows about items that nothing describes; they are used, without category or unit.",
         "Load the items."),
    Rule("unknown_location", Level.TABLE, "warning", "Rows about locations that nothing describes; they are used, without country or weather.",
         "Load the locations."),
    Rule("unknown_reference", Level.TABLE, "warning", "Rows that refer to something that is not there.",
         "Load what is missing."),
    Rule("fractional_units", Level.TABLE, "info", "Fractions of a unit of an item that is sold in whole units.",
         "Set the item's unit_step (0.001 for weighed goods), or correct the unit of the extract."),
    Rule("no_price", Level.TABLE, "warning", "Series that sold in the last four weeks and have no price, though a price table is loaded.",
         "Load their prices: without one, value at risk and what-if prices are unknown."),
    Rule("stale", Level.TABLE, "warning", "The newest row is older than the cutoff.",
         "Check that the nightly extract arrived."),
    Rule("after_cutoff", Level.TABLE, "info", "Facts after the cutoff: kept, and not used by this run.",
         "Nothing, when an older cutoff was asked for on purpose."),
    Rule("stale_location", Level.TABLE, "warning", "A location that used to send data and has stopped.",
         "Check the location's extract; if it closed, set open_to."),
    Rule("missing_days", Level.TABLE, "warning", "Days on which nobody reported anything, though that weekday usually has rows.",
         "Load the missing days; if everything was closed, load openings with open = false."),
    Rule("missing_location_days", Level.TABLE, "warning", "Days on which a location reported nothing, though it usually does on that weekday.",
         "Load the missing days; if it was closed, load openings with open = false."),
    Rule("thin_days", Level.TABLE, "warning", "Days with far fewer rows than that weekday usually has: a part of the extract may be missing.",
         "Compare with the source and load the day again; a repeated load changes nothing that is right."),
    Rule("swollen_days", Level.TABLE, "warning", "Days with far more rows than that weekday usually has.",
         "Look for doubled or wrongly dated rows."),
    Rule("late_location_days", Level.TABLE, "warning", "Days whose rows of a location became known days later than usual.",
         "Check that location's nightly transfer; forecasts of those nights had to do without."),
    Rule("volume_change", Level.TABLE, "warning", "Total units of the last four weeks differ sharply from the four weeks before, against what is usual.",
         "Check units of measure and completeness before trusting the forecast."),
    Rule("spike", Level.SERIES, "warning", "One day far above what the series sells on such a day, or with returns beyond all its sales.",
         "A typing error, a bulk customer or an event: correct it, or enter the event as a promotion."),
    Rule("level_shift", Level.SERIES, "warning", "The series sells on a clearly different level than in the weeks before.",
         "Look for a changed unit, a new range or a new competitor; forecasts follow within weeks."),
    Rule("impossible_price", Level.SERIES, "warning", "A price far outside the item's own history and its price elsewhere.",
         "Look for a moved decimal point or a price per pack."),
    Rule("likely_stockout", Level.SERIES, "warning", "A fast mover sold nothing for days while its shop was open, and no availability is recorded.",
         "Send availability or stock; confirm, and the demand of these days is recovered instead of learnt as 0."),
    Rule("missing_day", Level.SERIES, "info", "No row for a day on which this series always has one (a zero is normally written).",
         "Check the extract of that day."),
    Rule("late_data", Level.SERIES, "info", "The row became known long after its day; forecasts of that time had to do without it.",
         "Speed the extract up, or raise the table's publication lag so that backtests know."),
)  # fmt: skip

RULES: dict[str, Rule] = {rule.name: rule for rule in _RULES}
