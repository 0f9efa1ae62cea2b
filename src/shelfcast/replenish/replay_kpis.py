"""Key figures of a replay, in units and money, and paired comparisons with intervals over items.

Every figure is a ratio of sums over items (never a mean of ratios): `KPIS` names the two sums. Comparisons resample items
(or clusters of items, such as stores) with replacement, the same ones for both policies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from shelfcast.domain.errors import BadParameter, MissingExtra
from shelfcast.replenish.formulas.checks import FloatArray, not_negative
from shelfcast.replenish.replay import World, replay
from shelfcast.replenish.simulation import ItemTerms, Simulation
from shelfcast.replenish.simulation_policies import Policy


@dataclass(frozen=True)
class Money:
    """Prices and costs per item: a number for all or one per item. Money units of the lake's one currency."""

    unit_cost: ArrayLike
    unit_price: ArrayLike
    holding_cost_per_day: ArrayLike
    """Cost of keeping a unit for a day."""
    lost_sale_share: ArrayLike = 1.0
    """Share of unmet demand that is truly lost, after customers took something else or came back."""
    order_cost: ArrayLike = 0.0
    freight_per_unit: ArrayLike = 0.0
    salvage: ArrayLike = 0.0
    disposal_cost: ArrayLike = 0.0
    goodwill: ArrayLike = 0.0
    """Cost of an unmet unit on top of its margin."""
    backorder_cost_per_day: ArrayLike = 0.0


class Kpi(NamedTuple):
    """constant + factor x sum(over) / sum(under); in words and unit."""

    over: str
    under: str
    meaning: str
    constant: float = 0.0
    factor: float = 1.0


KPIS: dict[str, Kpi] = {
    "fill_rate": Kpi("counted_unmet", "counted_demand", "share of units demanded that were sold from stock", 1.0, -1.0),
    "cycle_service_level": Kpi("short_cycles", "cycles", "share of delivery cycles without a shortage", 1.0, -1.0),
    "stockout_days": Kpi("stockout_days", "days", "share of item-days with unmet demand"),
    "empty_days": Kpi("empty_days", "days", "share of item-days with nothing left at close"),
    "average_stock": Kpi("stock_days", "days", "units at close, per item"),
    "average_stock_value": Kpi("stock_value_days", "days", "money in stock at close, per item"),
    "days_of_cover": Kpi("stock_days", "demand", "stock at close in days of mean demand"),
    "waste_rate": Kpi("waste", "received", "units thrown away of units received"),
    "orders_per_week": Kpi("orders", "days", "order lines per item and week", 0.0, 7.0),
    "packs_per_week": Kpi("packs", "days", "packs per item and week", 0.0, 7.0),
    "order_value_per_week": Kpi("order_value", "days", "money ordered per item and week", 0.0, 7.0),
    "bullwhip": Kpi("order_variance", "demand_variance", "variance of daily orders over variance of daily demand"),
    "holding_cost": Kpi("holding_cost", "days", "money per item-day"),
    "lost_margin": Kpi("lost_margin", "days", "money per item-day"),
    "waste_cost": Kpi("waste_cost", "days", "money per item-day"),
    "order_cost": Kpi("order_cost", "days", "order cost and freight, money per item-day"),
    "total_cost": Kpi("total_cost", "days", "holding + lost margin + backorders + waste + orders, money per item-day"),
}


class Counted(Protocol):
    """What the key figures need to know of a replay besides its totals; a `World` is one."""

    @property
    def terms(self) -> ItemTerms: ...

    @property
    def item_names(self) -> Sequence[str]: ...


def item_kpis(result: Simulation, money: Money, setting: Counted) -> pl.DataFrame:
    """One row per item: `item`, the simulator's totals, and the money columns the KPIs are made of."""
    total = result.totals
    price = {name: _of_items(name, value, result.items) for name, value in vars(money).items()}
    days = np.maximum(total["days"], 1.0)
    pack = np.maximum(np.broadcast_to(np.asarray(setting.terms.pack_size, dtype=np.float64), (result.items,)), 1e-12)
    pack = np.where(pack <= 1e-12, 1.0, pack)
    lost = total["unmet"] * (1.0 - _waits(setting, result.items))
    margin = price["lost_sale_share"] * (price["unit_price"] - price["unit_cost"]) + price["goodwill"]
    columns: dict[str, Any] = {
        "item": list(setting.item_names),
        **total,
        "packs": total["ordered"] / pack,
        "order_value": total["ordered"] * price["unit_cost"],
        "stock_value_days": total["stock_days"] * price["unit_cost"],
        "order_variance": total["order_squares"] / days - (total["ordered"] / days) ** 2,
        "demand_variance": total["demand_squares"] / days - (total["demand"] / days) ** 2,
        "holding_cost": total["stock_days"] * price["holding_cost_per_day"],
        "lost_margin": lost * margin,
        "backorder_cost": total["backorder_days"] * price["backorder_cost_per_day"],
        "waste_cost": total["waste"] * (price["unit_cost"] - price["salvage"] + price["disposal_cost"]),
        "order_cost": total["orders"] * price["order_cost"] + total["ordered"] * price["freight_per_unit"],
    }
    frame = pl.DataFrame(columns)
    parts = ("holding_cost", "lost_margin", "backorder_cost", "waste_cost", "order_cost")
    return frame.with_columns(pl.sum_horizontal(*parts).alias("total_cost"))


def roll_up(items: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """The KPIs over all items, or one row per group of the columns `by` (joined to the item rows beforehand)."""
    sums = [pl.col(name).sum().alias(name) for name in _sum_names(KPIS)]
    grouped = items.group_by(list(by)).agg(sums).sort(list(by)) if by else items.select(sums)
    return grouped.select(*by, *(_expression(name) for name in KPIS))


class Compared(NamedTuple):
    """A KPI under two policies: values, difference a - b with its interval, and the same as a share of b."""

    kpi: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    relative: float
    relative_low: float
    relative_high: float


def compare(
    a: pl.DataFrame,
    b: pl.DataFrame,
    *,
    kpis: Iterable[str] = tuple(KPIS),
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    clusters: Sequence[Any] | None = None,
) -> list[Compared]:
    """Paired bootstrap over items: difference a - b of each KPI with a percentile interval.

    `a` and `b` are `item_kpis` of two policies in the same world. `clusters`, one label per item, resamples whole
    clusters (stores), for items of a store share their luck.
    """
    if a["item"].to_list() != b["item"].to_list():
        raise BadParameter("the two results aren't of the same items in the same order; play both in one world.")
    chosen = {name: _kpi(name) for name in kpis}
    names = _sum_names(chosen)
    sums_a, sums_b = _per_cluster(a, names, clusters), _per_cluster(b, names, clusters)
    units = sums_a.shape[0]
    rng = np.random.default_rng(seed)
    drawn_a, drawn_b = np.empty((resamples, len(names))), np.empty((resamples, len(names)))
    for number in range(resamples):
        weights = np.bincount(rng.integers(0, units, units), minlength=units).astype(np.float64)
        drawn_a[number], drawn_b[number] = weights @ sums_a, weights @ sums_b
    tail = 50.0 * (1.0 - confidence)
    out = []
    for name, kpi in chosen.items():
        over, under = names.index(kpi.over), names.index(kpi.under)
        value_a, value_b = (float(_ratio(kpi, sums[:, over].sum(), sums[:, under].sum())) for sums in (sums_a, sums_b))
        many_a, many_b = (_ratio(kpi, drawn[:, over], drawn[:, under]) for drawn in (drawn_a, drawn_b))
        low, high = np.percentile(many_a - many_b, [tail, 100.0 - tail])
        shares = (many_a - many_b) / np.where(many_b == 0, np.nan, np.abs(many_b))
        known = shares[np.isfinite(shares)]
        share_low, share_high = np.percentile(known, [tail, 100.0 - tail]) if known.size else (np.nan, np.nan)
        difference = value_a - value_b
        relative = difference / abs(value_b) if value_b else float("nan")
        out.append(
            Compared(
                name,
                value_a,
                value_b,
                difference,
                float(low),
                float(high),
                relative,
                float(share_low),
                float(share_high),
            )
        )
    return out


def frontier(
    setting: World,
    money: Money,
    make_policy: Callable[[float], Policy],
    values: Sequence[float],
    *,
    workers: int = 1,
) -> pl.DataFrame:
    """Stock against service over a whole range of a policy's setting: one row per value with all KPIs, `setting` first."""
    rows = []
    for value in values:
        figures = roll_up(item_kpis(replay(setting, make_policy(value), workers=workers), money, setting))
        rows.append(figures.select(pl.lit(float(value)).alias("setting"), pl.all()))
    return pl.concat(rows)


def plot_frontier(
    frontiers: Mapping[str, pl.DataFrame],
    path: Path | str,
    *,
    across: str = "average_stock",
    up: str = "fill_rate",
    title: str = "Stock against fill rate",
) -> None:
    """Draw frontiers, one line per policy, to an image file (the format by the file's ending)."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("Plots need the plots extra: pip install 'shelfcast[plots]'") from error
    figure = Figure(figsize=(8, 5), dpi=120, layout="constrained")
    axes = FigureCanvasAgg(figure).figure.add_subplot()
    for name, frame in frontiers.items():
        ordered = frame.sort(across)
        axes.plot(ordered[across].to_numpy(), ordered[up].to_numpy(), marker="o", markersize=3.5, label=name)
    axes.set_xlabel(f"{across.replace('_', ' ')} ({_kpi(across).meaning})")
    axes.set_ylabel(f"{up.replace('_', ' ')} ({_kpi(up).meaning})")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(str(path))


def _kpi(name: str) -> Kpi:
    if name not in KPIS:
        raise BadParameter.unknown("kpi", name, KPIS)
    return KPIS[name]


def _ratio(kpi: Kpi, over: Any, under: Any) -> Any:
    """The KPI from its sums; 0 in the ratio where there is nothing under the line."""
    safe = np.where(np.asarray(under) == 0, 1.0, under)
    return kpi.constant + kpi.factor * np.where(np.asarray(under) == 0, 0.0, over / safe)


def _expression(name: str) -> pl.Expr:
    kpi = KPIS[name]
    ratio = pl.when(pl.col(kpi.under) == 0).then(0.0).otherwise(pl.col(kpi.over) / pl.col(kpi.under))
    return (kpi.constant + kpi.factor * ratio).alias(name)


def _sum_names(chosen: Mapping[str, Kpi]) -> list[str]:
    return sorted({name for kpi in chosen.values() for name in (kpi.over, kpi.under)})


def _per_cluster(items: pl.DataFrame, names: list[str], clusters: Sequence[Any] | None) -> FloatArray:
    values = items.select(names).to_numpy().astype(np.float64)
    if clusters is None:
        return values
    if len(clusters) != items.height:
        raise BadParameter(f"{len(clusters)} clusters for {items.height} items; give one label per item.")
    _, group = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.zeros((int(group.max()) + 1, len(names)))
    np.add.at(sums, group, values)
    return sums


def _of_items(name: str, value: ArrayLike, items: int) -> FloatArray:
    array = not_negative(name, value)
    if array.ndim and array.shape != (items,):
        raise BadParameter(f"{name} has {array.size} values for {items} items; give one number or one per item.")
    return np.broadcast_to(array, (items,))


def _waits(setting: Counted, items: int) -> FloatArray:
    return np.broadcast_to(np.asarray(setting.terms.backorders, dtype=np.float64), (items,))
