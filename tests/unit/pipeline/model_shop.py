"""A small shop whose week changes its shape one day, so that a model that learnt before it grows stale."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from shelfcast.bootstrap import in_memory
from shelfcast.pipeline.ingest_files import ingest_files
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.ports.platform import Platform

FIRST = date(2024, 1, 1)
DAYS, CHANGE = 300, 230
LEARNT = FIRST + timedelta(days=199)
"""Cutoff of the first champion."""
LAST = FIRST + timedelta(days=DAYS - 1)
SETTINGS = LakeSettings("EUR", "D", 14, 0, 3_000_000, 0.5, 20)
BEFORE = np.array([1.0, 0.8, 0.9, 1.0, 1.2, 1.6, 0.5])
AFTER = np.array([0.5, 1.6, 1.2, 0.6, 0.6, 1.0, 1.5])


def sales(*, items: int = 20, places: int = 2, change: int = CHANGE) -> pl.DataFrame:
    generator = np.random.default_rng(0)
    level = generator.gamma(2.0, 4.0, items * places)
    day = np.arange(DAYS)
    week = np.where(day < change, BEFORE[day % 7], AFTER[day % 7])
    units = generator.poisson(level[:, None] * week)
    series = np.repeat(np.arange(items * places), DAYS)
    return pl.DataFrame(
        {
            "item_id": [f"I{one % items:02d}" for one in series],
            "location_id": [f"S{one // items}" for one in series],
            "date": [FIRST + timedelta(days=int(one)) for one in np.tile(day, items * places)],
            "units": units.ravel(),
        }
    )


def shop(folder: Path, **more: int) -> Platform:
    platform = in_memory()
    path = folder / "sales.csv"
    sales(**more).write_csv(path)
    ingest_files(platform, [path])
    return platform


def copy_of(platform: Platform) -> Platform:
    """The same lake a day later, to be changed on its own. Only of a platform in memory."""
    made = in_memory()
    made.clock.moment = platform.clock.now() + timedelta(days=1)  # type: ignore[attr-defined]
    made.tables._states = {name: list(states) for name, states in platform.tables._states.items()}  # type: ignore[attr-defined]
    made.tables._commits = platform.tables._commits  # type: ignore[attr-defined]
    made.records._records.update(platform.records._records)  # type: ignore[attr-defined]
    made.blobs._blobs.update(platform.blobs._blobs)  # type: ignore[attr-defined]
    return made
