"""Jobs that speak to the world outside: fetch from sources, send orders to the ERP."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from shelfcast.domain.errors import BadParameter, NotReady, SourceDown
from shelfcast.pipeline.job_kinds import ConnectParameters, PushParameters
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.queue_jobs import Job
from shelfcast.ports.platform import Platform


def connect(platform: Platform, settings: LakeSettings, parameters: ConnectParameters, job: Job) -> Mapping[str, Any]:
    """
    Raises:
        SourceDown: it doesn't answer; what it said last stays in the lake.
        BadParameter: it refuses what was asked, or answers in another form than it used to.
    """
    del job
    if parameters.source == "holidays":
        from shelfcast.pipeline.fetch_festivals import load_holidays

        made = load_holidays(platform, countries=parameters.countries, frequency=settings.frequency)
        return {
            "rows_in": made.report.rows_in,
            "kept": made.report.kept,
            "inserted": made.report.inserted,
            "notes": list(made.notes),
        }
    from shelfcast.pipeline import fetch_outside as outside
    from shelfcast.pipeline.outside_sources import (
        PAST_WEATHER,
        WEATHER,
        Wanted,
        fred_series,
        named,
        world_bank_indicators,
    )

    wanted = Wanted()
    if parameters.source == "fred":
        if not parameters.series:
            raise BadParameter("source fred needs `series`, such as CPIAUCSL=M.")
        connector = fred_series(parameters.series, platform.doors.secret("FRED_KEY"), parameters.base_url)
    elif parameters.source == "world-bank":
        if not parameters.indicators or not parameters.countries:
            raise BadParameter("source world-bank needs `indicators` and `countries`.")
        connector = world_bank_indicators(parameters.indicators, parameters.countries, parameters.base_url)
    else:
        kind = parameters.source.removeprefix("weather-")
        connector = named(WEATHER, kind, parameters.base_url)
        first = outside.first_sales_day(platform) if kind in PAST_WEATHER else None
        wanted = Wanted(outside.places_of(platform, parameters.locations), first=first)
    asks = outside.Outside(platform, platform.doors.http(), wait=time.sleep, luck=random.Random())
    report = outside.fetch(platform, asks, connector, wanted, frequency=settings.frequency)
    if report.state == "down":
        raise SourceDown(report.error)
    if report.error:
        raise BadParameter(report.error)
    return asdict(report) | {"notes": list(report.notes)}


def push(platform: Platform, settings: LakeSettings, parameters: PushParameters, job: Job) -> Mapping[str, Any]:
    """
    Raises:
        SourceDown: the ERP didn't take it; what is open goes first next time.
        BadParameter: no door is named, or it refuses us.
    """
    from shelfcast.pipeline import push_orders

    del job
    try:
        door = platform.doors.erp()
    except NotReady as error:
        raise BadParameter(str(error)) from error
    channel = push_orders.Channel(
        parameters.channel, door, parameters.format, parameters.source, parameters.sender, parameters.recipient
    )
    done = push_orders.push(platform, channel, currency=settings.currency, wait=time.sleep)
    if stuck := [one for one in done if one.error]:
        raise SourceDown(stuck[0].error)
    heard = asdict(push_orders.collect(platform, channel)) if parameters.collect else {}
    return {"deliveries": [asdict(one) for one in done], "acknowledgements": heard}
