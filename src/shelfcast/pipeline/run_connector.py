"""One outside source by its name, JSON in and JSON out: what a schedule calls."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shelfcast.domain.errors import BadParameter, ShelfcastError, SourceDown
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.ports.http_client import HttpClient
from shelfcast.ports.platform import Platform


class Asked(BaseModel):
    """What a schedule says."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    connector: Literal["festivals", "weather", "fred", "world-bank"]
    kind: str = "forecast"
    """Weather: forecast, archive, previous, stations."""
    locations: list[str] = Field(default=[])
    countries: list[str] = Field(default=[])
    series: list[str] = Field(default=[])
    indicators: list[str] = Field(default=[])
    since: date | None = None
    base_url: str = ""
    key: str = ""


def run_connector(
    platform: Platform, settings: LakeSettings, client: HttpClient, asked: Mapping[str, Any]
) -> dict[str, Any]:
    """What the fetch did, as JSON.

    Raises:
        BadParameter: an unknown connector, or one that was refused.
        SourceDown: the source doesn't answer; what it said last stays in the lake.
    """
    try:
        wanted = Asked.model_validate(dict(asked))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise BadParameter(f"the connector can't be run like this: {problems}.") from error
    if wanted.connector == "festivals":
        from shelfcast.pipeline.fetch_festivals import load_holidays

        done = load_holidays(platform, countries=wanted.countries, frequency=settings.frequency)
        return {"connector": "festivals", "state": "ok", "kept": done.report.kept, "inserted": done.report.inserted}
    return _fetched(platform, settings, client, wanted)


def _fetched(platform: Platform, settings: LakeSettings, client: HttpClient, asked: Asked) -> dict[str, Any]:
    from shelfcast.pipeline.fetch_outside import Outside, fetch, first_sales_day, places_of
    from shelfcast.pipeline.outside_sources import (
        PAST_WEATHER,
        WEATHER,
        Wanted,
        fred_series,
        named,
        world_bank_indicators,
    )

    if asked.connector == "weather":
        connector = named(WEATHER, asked.kind, asked.base_url)
        first = first_sales_day(platform) if asked.kind in PAST_WEATHER else None
        wanted = Wanted(places_of(platform, asked.locations), asked.since, first=first)
    elif asked.connector == "fred":
        connector, wanted = fred_series(asked.series, asked.key, asked.base_url), Wanted(since=asked.since)
    else:
        connector = world_bank_indicators(asked.indicators, asked.countries, asked.base_url)
        wanted = Wanted(since=asked.since)
    outside = Outside(platform, client, wait=time.sleep, luck=random.Random())
    report = fetch(platform, outside, connector, wanted, frequency=settings.frequency)
    if report.error:
        problem: type[ShelfcastError] = SourceDown if report.state == "down" else BadParameter
        raise problem(report.error)
    return {**asdict(report), "notes": list(report.notes)}
