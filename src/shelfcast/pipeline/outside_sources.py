"""The outside sources by name, for the shells: which there are and how they are set up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shelfcast.domain.errors import BadParameter
from shelfcast.sources.connectors import Connector, Wanted
from shelfcast.sources.connectors.macro import Fred, WorldBank
from shelfcast.sources.connectors.open_meteo import ForecastWeather, MeasuredWeather, PreviousForecasts
from shelfcast.sources.connectors.stations import StationFiles

WEATHER: Mapping[str, Callable[..., Any]] = {
    "forecast": ForecastWeather,
    "archive": MeasuredWeather,
    "previous": PreviousForecasts,
    "stations": StationFiles,
}
PAST_WEATHER = ("archive", "stations")
"""Kinds that are worth having from the first day of sales on."""


def named(kinds: Mapping[str, Callable[..., Any]], kind: str, base_url: str = "") -> Connector:
    """
    Raises:
        BadParameter: no such kind.
    """
    if kind not in kinds:
        raise BadParameter.unknown("kind of source", kind, kinds)
    return kinds[kind](**({"base_url": base_url} if base_url else {}))


def fred_series(series: Sequence[str], key: str, base_url: str = "") -> Connector:
    """`CPIAUCSL=M` each.

    Raises:
        BadParameter: no frequency is given.
    """
    pairs = [one.partition("=") for one in series]
    if bad := [name for name, equals, frequency in pairs if not (name and equals and frequency)]:
        raise BadParameter(
            f"series {bad[0]!r} came without a frequency; write {bad[0] or 'CPIAUCSL'}=M (D, W, M, Q or A)."
        )
    wanted = {name: frequency.upper() for name, _, frequency in pairs}
    return Fred(wanted, key, base_url) if base_url else Fred(wanted, key)


def world_bank_indicators(indicators: Sequence[str], countries: Sequence[str], base_url: str = "") -> Connector:
    wanted = (tuple(indicators), tuple(countries))
    return WorldBank(*wanted, base_url) if base_url else WorldBank(*wanted)


__all__ = ["PAST_WEATHER", "WEATHER", "Connector", "Wanted", "fred_series", "named", "world_bank_indicators"]
