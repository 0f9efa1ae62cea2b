"""A shop replayed night after night through the very code of the nightly run (`propose_orders`).

Each night sees the tables as they were known then, and the stock, orders on their way and lots of the replay itself; what it
orders arrives in the replay. Policies differ by rules only (`night_policies`), so they meet the same demand, the same late
deliveries and the same terms: comparisons are paired. Lines to review count as approved, held lines wait.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.tables import supply
from shelfcast.replenish.inputs import EngineSettings, Inputs
from shelfcast.replenish.keys import Keys, codes_of
from shelfcast.replenish.night_policies import Hindsight, NightPolicy, rules_of
from shelfcast.replenish.night_uses import capacity_uses
from shelfcast.replenish.order_lines import Proposal, propose_orders
from shelfcast.replenish.perishables import LONGEST_LIFE_DAYS
from shelfcast.replenish.played_shop import Orders, PlayedShop, ShelfTerms
from shelfcast.replenish.simulation import Simulation

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
STABLE_WITHIN = 0.2
"""A line whose quantity changes by more than this share has changed."""
STABILITY_EVERY = 7
"""Nights between two looks at how orders change with a snapshot a day older: a second decision each."""


@dataclass(frozen=True)
class Night:
    """One night: what was known at the close of the cutoff, but for the stock and the orders, which the replay makes."""

    cutoff: date
    inputs: Inputs
    known: Hindsight


@dataclass(frozen=True)
class Stage:
    """All that is the same for every policy. Tables are (n, T); day 0 is the first day played, night d follows day d.

    keys: item_id, location_id, sorted. counted: False where demand isn't known for sure. late_days: how much later than
    planned an order placed that night arrives. lots_known: the retailer records lots, so the engine is shown them.
    """

    keys: pl.DataFrame
    nights: Sequence[Night]
    demand: Floats
    counted: Flags
    late_days: NDArray[np.int64]
    yield_share: Floats
    terms: ShelfTerms
    start_stock: Floats
    lots_known: bool
    min_remaining_life_days: Floats
    centres: Flags
    """Item-locations that supply others of ours."""
    warm_up_days: int
    groups: NDArray[np.int64] | None = None
    """Number of each item-location's substitute group at its location, -1 without one; None: there are none."""

    @property
    def first_day(self) -> date:
        return self.nights[0].cutoff


@dataclass
class Uses:
    """What a policy used of limits, and how steady it was, over the nights after the warm-up."""

    headers: int = 0
    lines: int = 0
    held: int = 0
    review: int = 0
    nights: int = 0
    capacity: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    share_gap: list[float] = field(default_factory=list)
    changed: int = 0
    compared: int = 0
    promised: list[tuple[float, float]] = field(default_factory=list)
    """(sum of promised cycle service, lines) of the nights."""
    group_demand: float = 0.0
    group_unmet: float = 0.0
    """Units of substitute groups wanted, and those nothing in the group could have met."""


@dataclass(frozen=True)
class Played:
    """How a policy did: totals per item-location, what it used, and the ledger where asked for."""

    policy: NightPolicy
    result: Simulation
    uses: Uses
    ledger: list[dict[str, Floats]] | None = None


def play(stage: Stage, policy: NightPolicy, *, keep_ledger: bool = False, stability: bool = False) -> Played:
    """Play one policy. The same stage and policy give the same result, whoever plays beside it."""
    frame = stage.keys.select("item_id", "location_id")
    keys = Keys.of(frame)
    shop = PlayedShop(stage.terms, stage.start_stock.copy(), stage.warm_up_days, keep_ledger=keep_ledger)
    uses = Uses()
    names: list[str] = []
    received: list[pl.DataFrame] = []
    before: Inputs | None = None
    for day, night in enumerate(stage.nights):
        arrived = shop.live(day, stage.demand[:, day], stage.counted[:, day])
        received.append(_receipts(frame, arrived, names, stage.first_day, day))
        unmet, left = shop.unmet, shop.on_hand
        picture = _picture(night, stage, shop, frame, names, received, day)
        rules = rules_of(policy, night.inputs.rules, night.cutoff, frame, night.known, ~stage.centres)
        proposal = propose_orders(replace(picture, rules=rules), night.cutoff, EngineSettings(needs_forecast=False))
        orders, boundary, at_source = _orders(proposal, stage, keys, names, day)
        shop.place(day, orders, at_source)
        shop.chance(*boundary)
        if day >= stage.warm_up_days:
            _count(uses, proposal, picture)
            _count_groups(uses, stage.groups, stage.demand[:, day], unmet, left)
            if stability and before is not None and (day - stage.warm_up_days) % STABILITY_EVERY == 0:
                older = replace(picture, stock=before.stock, stock_lots=before.stock_lots, rules=rules)
                other = propose_orders(older, night.cutoff, EngineSettings(needs_forecast=False))
                _compare(uses, proposal.order_lines, other.order_lines)
        before = picture
    return Played(policy, shop.result(), uses, shop.ledger)


def _picture(
    night: Night,
    stage: Stage,
    shop: PlayedShop,
    frame: pl.DataFrame,
    names: list[str],
    received: list[pl.DataFrame],
    day: int,
) -> Inputs:
    """The night's tables with the stock, orders and receipts of the replay."""
    stock = frame.with_columns(
        date=pl.lit(night.cutoff), on_hand=pl.Series(shop.on_hand), backorders=pl.Series(shop.owed)
    )
    coming = shop.orders
    number = np.arange(len(coming.row))
    open_orders = frame[coming.row].select(
        "item_id",
        pl.col("location_id").alias("destination_id"),
        order_id=pl.Series([f"R{at}" for at in number], dtype=pl.String),
        date=pl.lit(night.cutoff),
        source_id=pl.Series([names[code] for code in coming.source], dtype=pl.String),
        qty_open=pl.Series(coming.ordered),
        ordered_on=_days(stage.first_day, coming.placed),
        promised_date=_days(stage.first_day, coming.planned),
        state=pl.lit("sent"),
    )
    # A replay's order numbers fall into place by what they are, so that nothing depends on how it came about.
    lots = supply.STOCK_LOTS.empty()
    if stage.lots_known:
        rows, ahead = np.nonzero(shop.lots > 1e-9)
        life = np.ceil(stage.min_remaining_life_days[rows]).astype(np.int64)
        lots = supply.STOCK_LOTS.conform(
            frame[rows].with_columns(
                date=pl.lit(night.cutoff),
                expiry_date=_days(stage.first_day, day + 1 + ahead + life),
                units=pl.Series(shop.lots[rows, ahead]),
            )
        )
    recent = received[-LONGEST_LIFE_DAYS:]
    return replace(
        night.inputs,
        stock=supply.STOCK.conform(stock),
        stock_lots=lots,
        open_orders=supply.OPEN_ORDERS.conform(open_orders),
        deliveries=pl.concat([night.inputs.deliveries, *recent]),
    )


def _receipts(frame: pl.DataFrame, arrived: Orders, names: list[str], first: date, day: int) -> pl.DataFrame:
    number = np.arange(len(arrived.row))
    return supply.DELIVERIES.conform(
        frame[arrived.row].select(
            "item_id",
            pl.col("location_id").alias("destination_id"),
            order_id=pl.Series([f"R{day}-{at}" for at in number], dtype=pl.String),
            source_id=pl.Series([names[code] for code in arrived.source], dtype=pl.String),
            ordered_on=_days(first, arrived.placed),
            promised_date=_days(first, arrived.planned),
            received_on=pl.lit(first + timedelta(days=day)),
            units_ordered=pl.Series(arrived.ordered),
            units=pl.Series(arrived.good),
        )
    )


def _orders(
    proposal: Proposal, stage: Stage, keys: Keys, names: list[str], day: int
) -> tuple[Orders, tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]]:
    """(orders placed tonight, (rows that could order, day it would arrive), row each order leaves or -1)."""
    cutoff = stage.nights[day].cutoff
    lines = proposal.order_lines.filter((pl.col("order_date") == cutoff) & pl.col("delivery_date").is_not_null())
    row = keys.rows(lines["item_id"], lines["location_id"])
    known = row >= 0
    lines, row = lines.filter(pl.Series(known)), row[known]
    planned = (lines["delivery_date"] - stage.first_day).dt.total_days().to_numpy().astype(np.int64)
    released = ((lines["qty"] > 0.0) & (lines["status"] != "held")).to_numpy()
    chosen = lines.filter(pl.Series(released))
    rows, due = row[released], planned[released]
    ordered = chosen["qty"].to_numpy().astype(np.float64)
    step = stage.terms.unit_step[rows]
    good = np.floor(ordered * stage.yield_share[rows] / step + 1e-9) * step
    sources = chosen["source_id"].to_list()
    place = {name: at for at, name in enumerate(names)}
    for name in sorted(set(sources) - set(place)):
        place[name] = len(names)
        names.append(name)
    at_source = keys.rows(chosen["item_id"], chosen["source_id"])
    orders = Orders(
        rows, ordered, good, np.maximum(due + stage.late_days[rows, day], day + 1), due, np.full(len(rows), day),
        np.array([place[name] for name in sources], dtype=np.int64),
    )  # fmt: skip
    return orders, (row, planned), at_source


def _count(uses: Uses, proposal: Proposal, inputs: Inputs) -> None:
    lines = proposal.order_lines
    ordered = lines.filter((pl.col("qty") > 0.0) & (pl.col("status") != "held"))
    uses.nights += 1
    uses.lines += ordered.height
    uses.headers += ordered.select("source_id", "location_id").n_unique()
    uses.held += lines.filter(pl.col("status") == "held").height
    uses.review += ordered.filter(pl.col("status") == "review").height
    for name, used in capacity_uses(ordered, inputs).items():
        uses.capacity[name].extend(used)
    short = lines.filter((pl.col("step_fair_share") < 0.0).any().over("item_id", "source_id"))
    if short.height:
        cover = short.group_by("item_id", "source_id").agg(
            (pl.col("cover_days_after").max() - pl.col("cover_days_after").min()).alias("gap")
        )
        uses.share_gap.extend(cover["gap"].drop_nulls().drop_nans().to_list())
    promise = lines.filter(pl.col("target_type").is_in(["cycle_service", "class", "economic"]))["target_value"]
    if len(promise.drop_nulls()):
        uses.promised.append((float(promise.sum()), float(promise.len())))


def _count_groups(uses: Uses, groups: NDArray[np.int64] | None, demand: Floats, unmet: Floats, left: Floats) -> None:
    """Demand that finds its item sold out is met by what is left of the others of its group, where there is any."""
    if groups is None or not (groups >= 0).any():
        return
    mine = groups >= 0
    short = np.bincount(groups[mine], unmet[mine]) - np.bincount(groups[mine], left[mine])
    uses.group_demand += float(demand[mine].sum())
    uses.group_unmet += float(np.maximum(short, 0.0).sum())


def _compare(uses: Uses, one: pl.DataFrame, other: pl.DataFrame) -> None:
    keys = ["item_id", "location_id", "source_id"]
    both = one.select(*keys, "qty").join(
        other.select(*keys, pl.col("qty").alias("other")), on=keys, how="full", coalesce=True
    )
    both = both.fill_null(0.0).filter((pl.col("qty") > 0.0) | (pl.col("other") > 0.0))
    large = pl.max_horizontal("qty", "other")
    uses.compared += both.height
    uses.changed += both.filter((pl.col("qty") - pl.col("other")).abs() > STABLE_WITHIN * large).height


def _days(first: date, numbers: NDArray[np.integer]) -> pl.Series:
    return pl.Series(np.datetime64(first, "D") + numbers.astype("timedelta64[D]"), dtype=pl.Date)


def centre_rows(keys: pl.DataFrame, sourcing: pl.DataFrame) -> Flags:
    """Item-locations whose location supplies others of ours."""
    names = sourcing["source_id"].unique().sort()
    return codes_of(keys["location_id"], names) >= 0
