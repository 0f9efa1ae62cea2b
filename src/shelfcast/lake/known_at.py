"""When a row became known, for rows whose source doesn't say."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

import polars as pl

from shelfcast.domain.errors import BadParameter
from shelfcast.domain.tables import Column, Kind, Table, Type

PERIODS = {"D": "1d", "W": "1w", "M": "1mo"}


@lru_cache
def period_column(table: Table) -> Column | None:
    """The column that says which period a row is about: the moment it happened, else the first day column of the
    key, else the one the table is partitioned by."""
    instants = [one for one in table.columns if one.type is Type.INSTANT and one.required]
    days = [table.column(name) for name in table.key if table.column(name).type is Type.DAY]
    partition = [table.column(table.partition)] if table.partition else []
    found = [*instants, *days, *(one for one in partition if one.type is Type.DAY)]
    return found[0] if found else None


def end_of_period(table: Table, frequency: str = "D", *, own_frequency: bool = False) -> pl.Expr:
    """Midnight (UTC) after a row's period; for a row about a moment, that moment.

    Args:
        frequency: D, W or M: how long a period of the lake is.
        own_frequency: each row says how long its value holds, in a column `frequency`.
    """
    column = period_column(table)
    if column is None:
        raise BadParameter(f"table {table.name} has no period, so its rows must come with known_at.")
    if column.type is Type.INSTANT:
        return pl.col(column.name)
    day = pl.col(column.name)
    if own_frequency:
        end = pl.coalesce(
            pl.when(pl.col("frequency") == name).then(day.dt.offset_by(length)) for name, length in PERIODS.items()
        )
    else:
        if frequency not in PERIODS:
            raise BadParameter.unknown("frequency", frequency, PERIODS)
        end = day.dt.offset_by(PERIODS[frequency])
    return end.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def nominal_known_at(table: Table, frequency: str = "D", *, own_frequency: bool = False) -> pl.Expr:
    """End of the period plus the table's publication lag."""
    lag = timedelta(days=table.publication_lag_days)
    return end_of_period(table, frequency, own_frequency=own_frequency) + lag


def assumed_known_at(table: Table, received_at: datetime, nominal: pl.Expr) -> pl.Expr:
    """When a row without a source's word became known.

    A fact: at its nominal moment, whenever it was loaded, so that history loaded today still has an honest past.

    A vintage likewise where its period is over. A plan or forecast about a day to come was evidently known when we
    received it, and not before as far as we can tell: the earlier of the two moments. So a price of next month received
    today is known from today on, and a price of last year, about whose announcement nothing is known, from the end of
    its first day on: later than it was in truth, which can cost accuracy in a backtest but never lets it see the future.
    """
    if table.kind is not Kind.VINTAGE:
        return nominal
    return pl.min_horizontal(nominal, pl.lit(received_at, pl.Datetime("us", "UTC")))
