"""A calm shop: sales by negative binomial counts with week, season, festival and trend, and nothing wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

CUTOFF = date(2025, 6, 29)


@dataclass
class CalmShop:
    """`units` has a row per series (location by location) and a column per day up to `CUTOFF`."""

    units: NDArray[np.float64]
    means: NDArray[np.float64]
    locations: int
    items: int
    categories: int = 5
    frequency_days: int = 1

    @property
    def days(self) -> list[date]:
        n = self.units.shape[1]
        return [CUTOFF - timedelta(days=self.frequency_days * (n - 1 - t)) for t in range(n)]

    def name(self, series: int) -> tuple[str, str]:
        return f"I{series % self.items:04d}", f"S{series // self.items:02d}"

    @property
    def item_table(self) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "item_id": [f"I{i:04d}" for i in range(self.items)],
                "category": [f"C{i % self.categories}" for i in range(self.items)],
                "department": ["D"] * self.items,
            }
        )

    def sales(self, *, write_zeros: bool = True) -> pl.DataFrame:
        """Long frame sorted by series and day; NaN cells have no row."""
        n, days = self.units.shape
        names = [self.name(s) for s in range(n)]
        frame = pl.DataFrame(
            {
                "item_id": np.repeat([item for item, _ in names], days),
                "location_id": np.repeat([location for _, location in names], days),
                "date": pl.Series(self.days * n, dtype=pl.Date),
                "units": self.units.ravel(),
            }
        ).filter(pl.col("units").is_not_nan())
        return frame if write_zeros else frame.filter(pl.col("units") > 0)


def calm_shop(
    seed: int = 1,
    *,
    locations: int = 5,
    items: int = 100,
    days: int = 500,
    festivals: bool = True,
    dispersion: float = 0.15,
    slow_share: float = 0.5,
) -> CalmShop:
    """Means from 0.05 to about 60 units a day; variance = mean + dispersion * mean squared."""
    rng = np.random.default_rng(seed)
    n = locations * items
    level = np.where(rng.random(n) < slow_share, rng.lognormal(-1.0, 1.0, n), rng.lognormal(2.0, 0.9, n))
    t = np.arange(days)
    week = rng.dirichlet(np.full(7, 25.0), locations) * 7
    year = 1 + 0.25 * np.sin(2 * np.pi * (t[None, :] / 365 + rng.random(5)[:, None]))
    category, location = np.arange(n) % items % 5, np.arange(n) // items
    trend = np.exp(rng.normal(0, 0.10, n)[:, None] * (t / 365))
    festival = np.ones((5, days))
    if festivals:
        for back in (20, 160, 330):
            strength = 1 + rng.random(5) * 2.0
            festival[:, days - back : days - back + 3] = strength[:, None]
    weather = np.exp(rng.normal(0, 0.08, (locations, days)))
    mean = level[:, None] * week[location][:, t % 7] * year[category] * trend * festival[category] * weather[location]
    shape = 1 / dispersion
    units = rng.poisson(rng.gamma(shape, mean / shape)).astype(float)
    return CalmShop(units, mean, locations, items)
