"""Till lines -> what was sold: returns, voids and corrections settled, summed by item, location and business date.

A line counts on its own business date, and what refers to it counts there too, however late it comes:

    sale          its units
    return        minus its units, whatever their sign
    void          the line it refers to counts nothing; without `refers_to`, minus its units
    correction    the line it refers to counts with the correction's units (and price, if it has one);
                  without `refers_to`, its units as they are, signed

A void or correction may itself be voided or corrected; of several corrections the latest counts. One whose line has not
come yet waits. Since the outcome depends on the set of lines alone, their order and repetition change nothing.
"""

from __future__ import annotations

import polars as pl

MICRO = 1_000_000
COLUMNS = ("event_id", "occurred_at", "units", "unit_price", "event_kind", "refers_to")
"""What settling needs of a line."""


def settled(lines: pl.DataFrame) -> pl.DataFrame:
    """The lines with `counted_units` and `counted_money` (null where it counts and has no price).

    Args:
        lines: unique by `event_id`, together with everything that refers to them, directly or through others.
    """
    kind, own = pl.col("event_kind"), pl.col("units")
    refers = (pl.col("refers_to").is_not_null() & kind.is_in(["void", "correction"])).alias("__refers")
    lines = lines.with_columns(refers)
    changes = _changes(lines)
    rows = lines.join(changes, on="event_id", how="left", maintain_order="left")
    units = pl.coalesce("__units", own)
    counted = (
        pl.when(pl.col("__refers") | pl.col("__annulled").fill_null(False))
        .then(0.0)
        .when(kind.is_in(["return", "void"]))
        .then(-units.abs())
        .otherwise(units)
    )
    price = pl.coalesce("__price", "unit_price")
    rows = rows.with_columns((counted + 0.0).alias("counted_units"))
    money = pl.when(pl.col("counted_units") == 0).then(0.0).otherwise(pl.col("counted_units") * price)
    return rows.with_columns(money.alias("counted_money")).drop("__refers", "__units", "__price", "__annulled")


def _changes(lines: pl.DataFrame) -> pl.DataFrame:
    """Of each line that something refers to: whether it is annulled, and the units and price it counts with instead.

    Few lines are referred to, and chains of them are short, so they are followed one by one.
    """
    referring: dict[str, list[tuple[object, str, str, float, float | None]]] = {}
    wanted = lines.filter("__refers").select(
        "refers_to", "occurred_at", "event_id", "event_kind", "units", "unit_price"
    )
    for target, *rest in wanted.iter_rows():
        referring.setdefault(target, []).append(tuple(rest))
    memory: dict[str, tuple[bool, float | None, float | None]] = {}

    def settle(event: str, seen: frozenset[str]) -> tuple[bool, float | None, float | None]:
        """(annulled, units instead, price instead) of a line. A circle of references counts as if it ended there."""
        if event in memory:
            return memory[event]
        annulled, units, price = False, None, None
        for _, other, kind, other_units, other_price in sorted(referring.get(event, []), key=lambda one: one[:2]):
            if other in seen or len(seen) > 50:
                continue
            gone, better_units, better_price = settle(other, seen | {other})
            if gone:
                continue
            if kind == "void":
                annulled = True
            else:
                units = other_units if better_units is None else better_units
                price = other_price if better_price is None else better_price
        if len(seen) == 1:
            memory[event] = (annulled, units, price)
        return annulled, units, price

    rows = [(target, *settle(target, frozenset({target}))) for target in referring]
    schema = {"event_id": pl.String, "__annulled": pl.Boolean, "__units": pl.Float64, "__price": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def sales_of(lines: pl.DataFrame, frequency: str = "D") -> pl.DataFrame:
    """Settled lines summed by item, location and period: `item_id, location_id, date, units, revenue`.

    Sums are of whole millionths, so that they are the same in whatever order the lines come. Revenue is null where a
    line that counts has no price: a part of the money would look like all of it.
    """
    day = pl.col("business_date")
    date = (day.dt.truncate("1w") if frequency == "W" else day).alias("date")
    micro = (pl.col("counted_units") * MICRO).round().cast(pl.Int64)
    money = (pl.col("counted_money") * MICRO).round().cast(pl.Int64, strict=False)
    about_others = pl.col("refers_to").is_not_null() & pl.col("event_kind").is_in(["void", "correction"])
    totals = (
        lines.filter(~about_others)
        .group_by("item_id", "location_id", date)
        .agg(
            (micro.sum() / MICRO).alias("units"),
            pl.when(money.null_count() == 0).then(money.sum() / MICRO).alias("revenue"),
        )
    )
    return totals.sort("location_id", "item_id", "date")
