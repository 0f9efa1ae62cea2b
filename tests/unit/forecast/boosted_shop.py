"""A small made-up shop for tests of the main model."""

from __future__ import annotations

import numpy as np
import polars as pl

from shelfcast.features.panel import Covariate, Measure, Panel, Role


def shop(series: int = 12, periods: int = 180, horizon: int = 7, kind: str = "log", seed: int = 0) -> Panel:
    """Weekday pattern, promotions, closed Sundays; series 2 has a gap, series 3 nothing at all, series 4 three days.

    kind: log (brisk sellers), count (slow sellers), signed (below zero too).
    """
    rng = np.random.default_rng(seed)
    total = periods + horizon
    days = np.arange(np.datetime64("2023-01-02"), np.datetime64("2023-01-02") + total)
    weekday = np.arange(total) % 7
    promo = (rng.random((1, total)) < 0.2).astype(float)
    opened = (weekday != 6).astype(float)[None]
    level = np.exp(rng.normal(0.0 if kind == "count" else 3.5, 0.4, series))[:, None]
    demand = rng.poisson(level * (1 + 0.3 * np.sin(weekday))[None] * (1 + 0.6 * promo) * opened).astype(float)
    if kind == "signed":
        demand = demand - 20.0 + rng.normal(0, 3, demand.shape)
    target = demand[:, :periods].copy()
    target[2, 40:80] = np.nan
    target[3] = np.nan
    target[4, :-3] = np.nan
    own, shared = np.arange(series), np.zeros(series, dtype=int)
    covariates = (
        Covariate(
            "kind", Role.STATIC, Measure.CATEGORY, rng.integers(0, 2, (series, 1)).astype(float), own, ("a", "b")
        ),
        Covariate("open", Role.KNOWN_FUTURE, Measure.FLAG, opened, shared, driver="availability"),
        Covariate("price", Role.KNOWN_FUTURE, Measure.NUMBER, rng.random((series, total)) + 1, own, driver="price"),
        Covariate("promo", Role.KNOWN_FUTURE, Measure.FLAG, promo, shared, driver="promotion"),
        Covariate("visits", Role.OBSERVED, Measure.NUMBER, demand * 2 + 1, own),
    )
    keys = pl.DataFrame({"item_id": [f"i{number:03d}" for number in range(series)]})
    return Panel(keys, "D", days, target, None, covariates)
