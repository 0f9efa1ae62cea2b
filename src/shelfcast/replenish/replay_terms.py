"""What a replay needs to know of every item-location beside its demand: money, life, units, who supplies it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.replenish.inputs import EngineSettings, Inputs
from shelfcast.replenish.keys import ALL, gather
from shelfcast.replenish.order_lines import lines_of_run, position_columns, run_keys
from shelfcast.replenish.perishables import expires as expires_soon
from shelfcast.replenish.perishables import usable_life
from shelfcast.replenish.played_shop import ShelfTerms
from shelfcast.replenish.replay_kpis import Money
from shelfcast.replenish.simulation import uniforms
from shelfcast.replenish.targets import DAYS_PER_YEAR
from shelfcast.replenish.validation import check

Floats = NDArray[np.float64]
EARLIEST, LATEST = -7, 30
"""Recorded deliveries further off their promise than this are taken for errors of the record."""


@dataclass(frozen=True)
class ReplayTerms:
    """Per item-location in the order of `keys` (item_id, location_id); costs and prices are NaN where not known."""

    keys: pl.DataFrame
    shelf: ShelfTerms
    unit_cost: Floats
    unit_price: Floats
    salvage: Floats
    disposal_cost: Floats
    order_cost: Floats
    holding_rate_per_year: Floats
    lost_sale_share: Floats
    goodwill: Floats
    pack_size: Floats
    yield_share: Floats
    lead_time_sd_days: Floats
    min_remaining_life_days: Floats
    source_id: pl.Series
    sourced: NDArray[np.bool_]
    groups: NDArray[np.int64]
    """Number of the substitute group at the location; -1 without one."""
    assumed: NDArray[np.bool_]

    @property
    def money_known(self) -> NDArray[np.bool_]:
        return np.isfinite(self.unit_cost) & np.isfinite(self.unit_price)

    def only(self, rows: NDArray[np.bool_]) -> ReplayTerms:
        """The same for some item-locations."""

        def cut(value: Any) -> Any:
            if isinstance(value, ShelfTerms):
                return ShelfTerms(**{name: part[rows] for name, part in vars(value).items()})
            return value.filter(pl.Series(rows)) if isinstance(value, pl.DataFrame | pl.Series) else value[rows]

        return ReplayTerms(**{name: cut(value) for name, value in vars(self).items()})

    def money(self) -> Money:
        """Prices and costs; 0 where not known, so that such an item-location adds nothing to any sum of money."""
        known = self.money_known
        cost = np.where(known, self.unit_cost, 0.0)
        # Goods sold under cost lose no margin when they are missing.
        price = np.where(known, np.maximum(self.unit_price, cost), 0.0)
        return Money(
            unit_cost=cost,
            unit_price=price,
            holding_cost_per_day=self.holding_rate_per_year * cost / DAYS_PER_YEAR,
            lost_sale_share=self.lost_sale_share,
            order_cost=self.order_cost,
            salvage=np.minimum(self.salvage, cost),
            disposal_cost=np.where(known, self.disposal_cost, 0.0),
            goodwill=np.where(known, self.goodwill, 0.0),
        )


def terms_of(inputs: Inputs, cutoff: date) -> ReplayTerms:
    """Terms of every item-location with stock, of the source the nightly run would order from."""
    checked = check(inputs, cutoff, EngineSettings())
    keys = run_keys(checked)
    positions, categories, _ = position_columns(checked, keys, cutoff)
    lines, parameters, _, sources = lines_of_run(checked.inputs, keys, cutoff, checked.rules, positions, categories)
    first = np.unique(lines["row"], return_index=True)[1]
    parameters = parameters.take(first)
    mine = {name: values[first] for name, values in lines.items()}
    # A stated margin stands for price less cost, as at night.
    price = np.where(np.isfinite(mine["margin"]), mine["unit_cost"] + mine["margin"], mine["unit_price"])
    life = np.where(expires_soon(mine), np.maximum(usable_life(mine), 1), 0).astype(np.int64)
    return ReplayTerms(
        keys.frame().select("item_id", "location_id"),
        ShelfTerms(life, mine["fifo_share"], parameters.is_choice("unmet_demand", "backorder"), mine["unit_step"]),
        mine["unit_cost"],
        price,
        mine["salvage"],
        mine["disposal_cost"],
        np.nan_to_num(mine["order_cost"]),
        parameters.number("holding_rate_per_year"),
        parameters.number("lost_sale_share"),
        parameters.number("goodwill"),
        mine["pack_size"],
        mine["yield_share"],
        np.nan_to_num(mine["lead_time_sd_days"]),
        mine["min_remaining_life_days"],
        gather(sources, mine["source"]).cast(pl.String),
        mine["source"] >= 0,
        groups_of(keys.frame(), checked.inputs.item_locations),
        mine["assumed"] > 0.0,
    )


def groups_of(keys: pl.DataFrame, listing: pl.DataFrame) -> NDArray[np.int64]:
    """Number of each item-location's substitute group: items of one name at one location; the narrowest row of the
    listing that names one holds."""
    named = listing.select("item_id", "location_id", pl.col("substitute_group").alias("name")).filter(
        pl.col("name").fill_null("") != ""
    )
    name = pl.lit(None, dtype=pl.String)
    found = keys.select("item_id", "location_id")
    for number, (item, place) in enumerate(((False, False), (True, False), (False, True), (True, True))):
        on = [column for column, exact in (("item_id", item), ("location_id", place)) if exact]
        wild = [column for column in ("item_id", "location_id") if column not in on]
        rows = named.filter(pl.all_horizontal(pl.lit(True), *(pl.col(column) == ALL for column in wild)))
        rows = rows.select(*on, pl.col("name").alias(f"name{number}")).unique(on or None, maintain_order=True)
        if on:
            found = found.join(rows, on=on, how="left", maintain_order="left")
        elif rows.height:
            found = found.with_columns(pl.lit(rows["name0"][0]).alias("name0"))
        if f"name{number}" in found.columns:
            name = pl.coalesce(pl.col(f"name{number}"), name)
    codes = found.select(
        pl.struct("location_id", name.alias("name")).rank("dense").alias("code"), name.is_null().alias("none")
    )
    return np.where(codes["none"].to_numpy(), -1, codes["code"].to_numpy().astype(np.int64) - 1)


def late_days(terms: ReplayTerms, deliveries: pl.DataFrame, days: int, seed: int) -> NDArray[np.int64]:
    """How much later than promised an order of each night arrives, (n, days): drawn from what the source's recorded
    deliveries did, else normal with the stated deviation of the lead time. The same draws for every policy."""
    from scipy import special

    count = terms.keys.height
    draws = uniforms(seed, np.arange(count).astype(np.uint64), days)
    late = np.rint(special.ndtri(draws) * terms.lead_time_sd_days[:, None]).astype(np.int64)
    seen = (
        deliveries.select("source_id", (pl.col("received_on") - pl.col("promised_date")).dt.total_days().alias("late"))
        .drop_nulls()
        .filter(pl.col("late").is_between(EARLIEST, LATEST))
    )
    for (source,), part in seen.group_by("source_id"):
        rows = np.flatnonzero((terms.source_id == source).fill_null(False).to_numpy())
        samples = np.sort(part["late"].to_numpy())
        late[rows] = samples[(draws[rows] * len(samples)).astype(np.int64)]
    return late
