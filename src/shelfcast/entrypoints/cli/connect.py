"""`connect`: outside data into the lake: weather, festivals, macro indicators; and how the sources are."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake

if TYPE_CHECKING:
    from shelfcast.pipeline.outside_sources import Connector

Since = Annotated[
    datetime | None, typer.Option(help="First day wanted; what is new when left out.", formats=["%Y-%m-%d"])
]
Base = Annotated[str, typer.Option(help="Address of another server with the same form (a mirror, a proxy).")]
Location = Annotated[list[str] | None, typer.Option(help="Only these locations; again for more.")]


def register(app: typer.Typer) -> None:
    connect = typer.Typer(help="Outside data: weather, festivals, macro indicators.", no_args_is_help=True)
    connect.command("weather")(weather)
    connect.command("holidays")(holidays)
    connect.command("calendar")(calendar)
    connect.command("fred")(fred)
    connect.command("world-bank")(world_bank)
    connect.command("status")(status)
    app.add_typer(connect, name="connect")


def weather(
    kind: Annotated[str, typer.Argument(help="forecast, archive (measured), previous (past forecasts) or stations.")] = "forecast",
    lake: Lake = HERE,
    location: Location = None,
    since: Since = None,
    base_url: Base = "",
) -> None:  # fmt: skip
    """Weather of the locations with coordinates. Forecasts are kept as issued, so a backtest sees what was forecast then."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline.fetch_outside import first_sales_day, places_of
    from shelfcast.pipeline.outside_sources import PAST_WEATHER, WEATHER, Wanted, named

    connector = named(WEATHER, kind, base_url)
    platform = open_platform(lake)
    first = first_sales_day(platform) if kind in PAST_WEATHER else None
    _fetch(lake, connector, Wanted(places_of(platform, location or ()), since.date() if since else None, first=first))


def fred(
    series: Annotated[list[str], typer.Argument(help="SERIES=FREQUENCY (D, W, M, Q, A), such as CPIAUCSL=M; again for more.")],
    key: Annotated[str, typer.Option(envvar="SHELFCAST_FRED_KEY", help="API key of FRED.")],
    lake: Lake = HERE,
    since: Since = None,
    base_url: Base = "",
) -> None:  # fmt: skip
    """Macro indicators of FRED, every release of a value with the day it was published."""
    from shelfcast.pipeline.outside_sources import Wanted, fred_series

    _fetch(lake, fred_series(series, key, base_url), Wanted(since=since.date() if since else None))


def world_bank(
    indicator: Annotated[list[str], typer.Argument(help="Indicators such as FP.CPI.TOTL.ZG.")],
    country: Annotated[list[str], typer.Option(help="ISO 3166 country; again for more.")],
    lake: Lake = HERE,
    since: Since = None,
    base_url: Base = "",
) -> None:
    """Macro indicators of the World Bank, by country and year."""
    from shelfcast.pipeline.outside_sources import Wanted, world_bank_indicators

    _fetch(lake, world_bank_indicators(indicator, country, base_url), Wanted(since=since.date() if since else None))


def holidays(
    lake: Lake = HERE,
    country: Annotated[list[str] | None, typer.Option(help="ISO 3166 country; the locations' own when left out.")] = None,
) -> None:  # fmt: skip
    """Public holidays of the locations' countries and regions, moving festivals included; offline."""
    from shelfcast.bootstrap import open_lake
    from shelfcast.pipeline.fetch_festivals import load_holidays

    settings, platform = open_lake(lake)
    done = load_holidays(platform, countries=country or (), frequency=settings.frequency)
    typer.echo(f"{done.report.kept:,} holidays of {done.years[0]} to {done.years[-1]}, {done.report.inserted:,} new")
    for note in done.notes:
        typer.echo(note, err=True)


def calendar(
    file: Annotated[Path, typer.Argument(help="CSV or Excel: event, first_date; last_date, lead_days, lag_days, event_type, scope, scope_value.")],
    lake: Lake = HERE,
    event_type: Annotated[str, typer.Option("--type", help="What lines are that don't say it: festival, school_holiday, sport, pay, other.")] = "festival",
) -> None:  # fmt: skip
    """The retailer's own calendar: festivals with lead and lag days, school holidays, sport, pay days."""
    from shelfcast.bootstrap import open_lake
    from shelfcast.entrypoints.cli import ingest_view
    from shelfcast.pipeline.fetch_festivals import load_calendar

    settings, platform = open_lake(lake)
    ingest_view.reports([load_calendar(platform, file, event_type=event_type, frequency=settings.frequency)])


def status(lake: Lake = HERE) -> None:
    """How the sources are, and how old their last good values."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.entrypoints.cli import render
    from shelfcast.pipeline.fetch_outside import states

    found = states(open_platform(lake))
    if not found:
        typer.echo("No source was asked yet. Begin with: shelfcast connect weather")
        return
    rows = [
        (one.connector, one.state, "never" if one.age_hours is None else f"{one.age_hours:.1f}", one.failing_since[:16], one.watermark, one.error)
        for one in found
    ]  # fmt: skip
    render.grid(
        "Outside sources", ("source", "state", "last good, hours ago", "failing since", "through", "error"), rows
    )


def _fetch(lake: Path, connector: Connector, wanted: object) -> None:
    import random
    import time

    from shelfcast.bootstrap import http_client, open_lake
    from shelfcast.domain.errors import BadParameter, SourceDown
    from shelfcast.entrypoints.cli.progress import Bars
    from shelfcast.pipeline.fetch_outside import Outside, fetch
    from shelfcast.pipeline.outside_sources import Wanted

    assert isinstance(wanted, Wanted)
    with Bars() as bars:
        settings, platform = open_lake(lake, bars)
        outside = Outside(platform, http_client(), wait=time.sleep, luck=random.Random())
        report = fetch(platform, outside, connector, wanted, frequency=settings.frequency)
    typer.echo(
        f"{report.connector}: {report.state}; {report.rows_in:,} rows in = {report.kept:,} kept + {report.quarantined:,} quarantined, "
        f"{report.inserted:,} new; {report.requests} requests, {report.retries} of them again, {report.from_cache} from the cache"
    )
    for note in report.notes:
        typer.echo(note, err=True)
    if report.state == "down":
        raise SourceDown(report.error)
    if report.error:
        raise BadParameter(report.error)
