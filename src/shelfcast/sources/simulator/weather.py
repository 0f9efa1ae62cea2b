"""Weather by store: what was measured, and the forecasts as they were issued."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from shelfcast.sources.simulator.geography import City

FORECAST_REACH_DAYS = 10
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Weather:
    """One store's weather, a value a day."""

    normal_c: Floats
    """What is usual for the day of the year."""
    temperature_c: Floats
    temperature_max_c: Floats
    precipitation_mm: Floats
    humidity_pct: Floats
    wind_kmh: Floats
    cloud_share: Floats


def make_weather(city: City, first: date, days: int, generator: np.random.Generator) -> Weather:
    """Temperature as climate normal plus an AR(1) anomaly; rain as a two-state chain with gamma amounts."""
    day_of_year = (np.arange(days) + first.timetuple().tm_yday - 1) % 365.25
    normal = city.mean_c + city.swing_c * np.cos(2 * np.pi * (day_of_year - city.warmest_day) / 365.25)
    wet_chance = city.wet_share + city.wet_swing * np.cos(2 * np.pi * (day_of_year - city.wettest_day) / 365.25)
    wet_chance = np.clip(wet_chance, 0.01, 0.92)
    shocks = generator.normal(size=days)
    luck = generator.random(days)
    amounts = generator.gamma(0.8, city.rain_mm / 0.8, days)
    anomaly = np.zeros(days)
    wet = np.zeros(days, dtype=bool)
    memory, spread = 0.78, 0.6 + 0.22 * abs(city.swing_c)
    for t in range(days):
        anomaly[t] = (memory * anomaly[t - 1] if t else 0.0) + spread * shocks[t]
        chance = wet_chance[t]
        if t and wet[t - 1]:
            chance = min(0.97, chance + 0.35 * (1 - chance))
        elif t:
            chance = chance * (1 - 0.35 * wet_chance[t - 1])
        wet[t] = luck[t] < chance
    rain = np.where(wet, np.maximum(amounts, 0.1), 0.0)
    temperature = normal + anomaly - 0.8 * wet
    cloud = np.clip(0.25 + 0.5 * wet + 0.15 * generator.normal(size=days), 0, 1)
    humidity = np.clip(52 + 24 * wet + 6 * generator.normal(size=days), 8, 100)
    wind = np.clip(generator.gamma(4, 3.2, days), 0, 110)
    return Weather(
        normal_c=normal,
        temperature_c=_rounded(temperature, 1),
        temperature_max_c=_rounded(temperature + 3.5 + 2.5 * (1 - cloud), 1),
        precipitation_mm=_rounded(rain, 1),
        humidity_pct=_rounded(humidity, 0),
        wind_kmh=_rounded(wind, 1),
        cloud_share=_rounded(cloud, 2),
    )


def _rounded(values: Floats, digits: int) -> Floats:
    return np.asarray(np.round(values, digits), dtype=np.float64)


def forecast_errors(lead: int, count: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Error of a temperature forecast `lead` days ahead in degrees, and the share of the true rain it keeps.

    Errors grow with the lead, from about 0.8 to about 3 degrees at ten days, as those of weather services do.
    """
    degrees = generator.normal(0, 0.6 + 0.24 * lead, count)
    skill = np.exp(-lead / 6.0)
    return degrees, np.clip(skill + 0.35 * generator.normal(size=count) * np.sqrt(1 - skill), 0, 1.5)
