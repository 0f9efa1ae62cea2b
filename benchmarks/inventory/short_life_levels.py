"""Levels of goods that expire: what the engine's least-cost level costs beside the best level a simulator finds.

    python benchmarks/inventory/short_life_levels.py [--out benchmarks/inventory/results]

Every setting (demand a day, its variance over its mean, days of life, days between orders, lead time) is an item of one made-up
shop; `propose_orders` gives its level, once as it is and once as if the item kept for ever (the level by holding cost alone). Then
whole ranges of levels are played over the same demand, and the cheapest is the best.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from shelfcast.domain.tables import TABLES
from shelfcast.replenish.inputs import Inputs
from shelfcast.replenish.order_lines import propose_orders
from shelfcast.replenish.simulation import ItemTerms, review_days, simulate
from shelfcast.replenish.simulation_policies import OrderUpTo

CUTOFF = date(2026, 3, 6)
COST, HOLDING_PER_YEAR = 2.0, 0.25
LEVELS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99)
COPIES, DAYS, WARM_UP = 20, 600, 60


@dataclass(frozen=True)
class Setting:
    """One item of the shop."""

    mean: float
    spread: float
    life: int
    review: int
    lead: int

    def law(self, days: float) -> Any:
        """Demand of so many days."""
        mean = self.mean * days
        if self.spread <= 1.0:
            return stats.poisson(mean)
        return stats.nbinom(mean / (self.spread - 1.0), 1.0 / self.spread)

    @property
    def window(self) -> int:
        return self.lead + self.review - 1


def settings() -> list[Setting]:
    every = itertools.product((0.7, 4.0, 20.0), (1.0, 3.0), (2, 4, 7, 14), (1, 3), (1, 3))
    return [one for one in (Setting(*values) for values in every) if one.life > one.review]


def engine_levels(items: list[Setting], price: float, oldest: float, expires: bool) -> NDArray[np.float64]:
    """Order-up-to level of each item by one night of the engine."""

    def table(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
        return TABLES[name].conform(pl.DataFrame(rows, infer_schema_length=None))

    names = [f"{number:03d}" for number in range(len(items))]
    days = [CUTOFF + timedelta(days=ahead) for ahead in range(1, 29)]
    forecasts = pl.concat(
        pl.DataFrame(
            {
                "item_id": [name] * 28, "location_id": ["S"] * 28, "date": days, "mean": [one.mean] * 28,
                **{f"q{round(1000 * level):03d}": [float(one.law(1.0).ppf(level))] * 28 for level in LEVELS},
            }
        )
        for name, one in zip(names, items)
    )  # fmt: skip
    life = [float(one.life) if expires else None for one in items]
    listing = [
        {"item_id": name, "location_id": "S", "unit_price": price, "shelf_life_days": days_left, "fifo_share": oldest}
        for name, days_left in zip(names, life)
    ]
    source = {"destination_id": "S", "source_id": "SUP", "unit_cost": COST}
    rule = {"parameter": "review_period_days", "scope": "item", "valid_from": CUTOFF}
    rules = [{**rule, "item_id": name, "value": str(one.review)} for name, one in zip(names, items)]
    rules.append({"parameter": "day_correlation", "scope": "default", "value": "0", "valid_from": CUTOFF})
    night = Inputs(
        stock=table("stock", [{"item_id": name, "location_id": "S", "date": CUTOFF, "on_hand": 0.0} for name in names]),
        forecasts=forecasts,
        sourcing=table(
            "sourcing",
            [{**source, "item_id": name, "lead_time_days": float(one.lead)} for name, one in zip(names, items)],
        ),
        item_locations=table("item_locations", listing),
        rules=table("rules", rules),
    )
    return propose_orders(night, CUTOFF).order_lines.sort("item_id")["order_up_to"].to_numpy()


def cost_a_day(one: Setting, levels: NDArray[np.float64], price: float, oldest: float) -> NDArray[np.float64]:
    """Money a day of each level over the same demand: unsold margin, units thrown away, holding."""
    rng = np.random.default_rng(7)
    drawn = one.law(1.0).rvs(size=(COPIES, DAYS), random_state=rng).astype(np.float64)
    count = len(levels)
    played = simulate(
        np.tile(drawn, (count, 1)), OrderUpTo(np.repeat(levels, COPIES)[:, None]),
        ItemTerms(shelf_life_days=one.life, fifo_share=oldest, waste_window_days=one.window),
        lead_time_days=one.lead, order_days=review_days(DAYS, one.review),
        expected_demand=np.full(count * COPIES, one.mean), warm_up_days=WARM_UP,
    ).totals  # fmt: skip
    money = played["unmet"] * (price - COST) + played["waste"] * COST
    money += played["stock_days"] * COST * HOLDING_PER_YEAR / 365.0
    return money.reshape(count, COPIES).sum(axis=1) / played["days"].reshape(count, COPIES).sum(axis=1)


def compare(price: float, oldest: float) -> dict[str, Any]:
    items = settings()
    found = engine_levels(items, price, oldest, True)
    by_holding = engine_levels(items, price, oldest, False)
    best, ours, holding = np.zeros(len(items)), np.zeros(len(items)), np.zeros(len(items))
    for at, one in enumerate(items):
        top = max(float(one.law(float(one.window)).ppf(0.9999)), by_holding[at])
        levels = np.unique(np.concatenate([np.round(np.linspace(0.0, top, 30)), [found[at], by_holding[at]]]))
        cost = cost_a_day(one, levels, price, oldest)
        best[at] = cost.min()
        ours[at], holding[at] = cost[levels == found[at]][0], cost[levels == by_holding[at]][0]
    return {
        "price": price, "take_the_oldest": oldest, "settings": len(items),
        **{
            name: {
                "all": float(cost.sum() / best.sum() - 1.0), "median": float(np.median(cost / best - 1.0)),
                "ninth_decile": float(np.quantile(cost / best - 1.0, 0.9)),
            }
            for name, cost in (("engine", ours), ("holding_alone", holding))
        },
    }  # fmt: skip


def page(report: dict[str, Any]) -> str:
    lines = [
        "# Levels of goods that expire",
        "",
        f"{report['date']}, {report['cores']} cores, Python {report['python']}; {report['seconds']:.0f} s. Made-up demand: means of "
        "0.7 to 20 a day, variance 1 and 3 times the mean, life of 2 to 14 days, an order every day or every third, lead times of "
        f"1 and 3 days; cost {COST:g}. Cost of a level above that of the best level found by playing about thirty of them, "
        f"{COPIES} items x {DAYS} days each. Repeat: see the head of `short_life_levels.py`.",
        "",
        "| price | take the oldest | settings | engine: in all | median | 9 of 10 below | holding cost alone: in all | median |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in report["rows"]:
        engine, holding = row["engine"], row["holding_alone"]
        lines.append(
            f"| {row['price']:g} | {row['take_the_oldest']:.0%} | {row['settings']} | +{engine['all']:.1%} | +{engine['median']:.1%} "
            f"| +{engine['ninth_decile']:.1%} | +{holding['all']:.0%} | +{holding['median']:.0%} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    began = time.perf_counter()
    rows = [compare(price, oldest) for price, oldest in ((3.0, 1.0), (6.0, 1.0), (3.0, 0.7), (3.0, 0.5), (3.0, 0.0))]
    report = {
        "date": datetime.now(UTC).date().isoformat(), "cores": os.cpu_count(), "python": platform.python_version(),
        "seconds": time.perf_counter() - began, "rows": rows,
    }  # fmt: skip
    text = page(report)
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "short_life_levels.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
        (options.out / "short_life_levels.md").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
