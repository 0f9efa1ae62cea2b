"""What facts need of the descriptions: a local business day, and a row for every item and location they speak of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time

import polars as pl

from shelfcast.domain.tables import Table
from shelfcast.domain.tables.curated import LOCATIONS, POS_EVENTS
from shelfcast.lake.merge import merge
from shelfcast.ports.table_store import TableStore
from shelfcast.sources.batches import CanonicalBatch

MADE_FROM_FACTS = "made from facts"
"""`load_id` of items and locations that facts name and nobody has described."""


def add_unknown(
    tables: TableStore,
    dimension: Table,
    ids: set[str],
    *,
    received_at: datetime,
    notes: Mapping[str, str] | None = None,
) -> list[str]:
    """Add rows with nothing but the id for those of `ids` the dimension lacks; the ids added, sorted.

    A description loaded later takes the row's place.
    """
    key = dimension.key[0]
    known = set(tables.scan(dimension).select(key).collect()[key].to_list())
    unknown = sorted(one for one in ids if one not in known and one != "*")
    if unknown:
        rows = pl.DataFrame({key: unknown, "load_id": MADE_FROM_FACTS})
        merge(tables, dimension, rows, received_at=received_at, notes=notes, only_new=True)
    return unknown


class Places:
    """The local clocks of locations, read once a load."""

    def __init__(self, tables: TableStore) -> None:
        self._tables = tables
        self._places: pl.DataFrame | None = None

    def add_business_date(self, batch: CanonicalBatch) -> CanonicalBatch:
        """Till lines get the local day of their location; those that have one keep it."""
        frame = batch.frame
        if (
            batch.table.name != POS_EVENTS.name
            or "business_date" in frame.columns
            or "occurred_at" not in frame.columns
        ):
            return batch
        if self._places is None:
            places = self._tables.scan(LOCATIONS).select("location_id", "time_zone", "day_start").collect()
            self._places = places
        return replace(batch, frame=business_dates(frame, self._places))


def business_dates(events: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """`business_date` of each event: the local day, which begins at the location's `day_start`.

    A sale at 01:30 in a shop whose day starts at 04:00 belongs to the day before. An undescribed location counts in UTC.
    """
    known = places.with_columns(
        pl.col("time_zone").fill_null("UTC"),
        pl.col("day_start").fill_null("00:00").str.to_time("%H:%M", strict=False).fill_null(time(0)),
    )
    joined = events.join(known, on="location_id", how="left", maintain_order="left")
    joined = joined.with_columns(pl.col("time_zone").fill_null("UTC"), pl.col("day_start").fill_null(time(0)))
    day = pl.lit(None, pl.Date)
    for zone in joined["time_zone"].unique().to_list():
        local = pl.col("occurred_at").dt.convert_time_zone(zone).dt.replace_time_zone(None)
        began = pl.duration(hours=pl.col("day_start").dt.hour(), minutes=pl.col("day_start").dt.minute())
        day = pl.when(pl.col("time_zone") == zone).then((local - began).dt.date()).otherwise(day)
    return joined.with_columns(day.alias("business_date")).drop("time_zone", "day_start")
