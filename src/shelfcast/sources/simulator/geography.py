"""Where the stores stand: country, time zone, climate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class City:
    """A city and its climate. Temperatures in degrees Celsius; wet shares are the share of days with rain."""

    name: str
    code: str
    country: str
    region: str
    time_zone: str
    latitude: float
    longitude: float
    mean_c: float
    swing_c: float
    """Half the difference between the warmest and the coldest time of year."""
    warmest_day: int
    wet_share: float
    wet_swing: float
    wettest_day: int
    rain_mm: float
    """Mean rain of a wet day."""
    seasonality: float
    """How strongly the categories' yearly swing is felt here; near the equator hardly."""


CITIES: tuple[City, ...] = (
    City("Mumbai", "MUM", "IN", "Maharashtra", "Asia/Kolkata", 19.08, 72.88, 27.5, 3.0, 135, 0.32, 0.42, 205, 18.0, 0.35),
    City("Leicester", "LEI", "GB", "East Midlands", "Europe/London", 52.64, -1.13, 10.4, 6.6, 205, 0.40, 0.05, 330, 4.5, 1.0),
    City("Singapore", "SIN", "SG", "Central", "Asia/Singapore", 1.35, 103.82, 27.8, 0.8, 140, 0.48, 0.12, 345, 13.0, 0.12),
    City("Delhi", "DEL", "IN", "Delhi", "Asia/Kolkata", 28.61, 77.21, 25.1, 9.5, 165, 0.18, 0.28, 210, 13.0, 0.75),
    City("Dubai", "DXB", "AE", "Dubai", "Asia/Dubai", 25.20, 55.27, 28.3, 8.4, 205, 0.04, 0.04, 20, 8.0, 0.55),
    City("Bengaluru", "BLR", "IN", "Karnataka", "Asia/Kolkata", 12.97, 77.59, 24.0, 2.4, 110, 0.30, 0.25, 250, 12.0, 0.30),
    City("London", "LON", "GB", "Greater London", "Europe/London", 51.51, -0.13, 11.5, 6.9, 205, 0.38, 0.05, 330, 4.2, 1.0),
    City("Edison", "EDI", "US", "New Jersey", "America/New_York", 40.52, -74.41, 12.0, 12.2, 203, 0.32, 0.02, 190, 9.0, 1.0),
    City("Tampines", "TAM", "SG", "East", "Asia/Singapore", 1.35, 103.94, 27.9, 0.8, 140, 0.47, 0.12, 345, 13.0, 0.12),
    City("Pune", "PNQ", "IN", "Maharashtra", "Asia/Kolkata", 18.52, 73.86, 25.0, 4.0, 125, 0.26, 0.34, 210, 11.0, 0.40),
    City("Chennai", "MAA", "IN", "Tamil Nadu", "Asia/Kolkata", 13.08, 80.27, 28.6, 3.2, 150, 0.26, 0.26, 320, 15.0, 0.30),
    City("Birmingham", "BIR", "GB", "West Midlands", "Europe/London", 52.49, -1.89, 10.2, 6.4, 205, 0.41, 0.05, 330, 4.8, 1.0),
    City("Jurong", "JUR", "SG", "West", "Asia/Singapore", 1.33, 103.74, 27.7, 0.8, 140, 0.49, 0.12, 345, 13.5, 0.12),
    City("Sharjah", "SHJ", "AE", "Sharjah", "Asia/Dubai", 25.35, 55.42, 28.0, 8.6, 205, 0.04, 0.04, 20, 8.0, 0.55),
    City("San Jose", "SJC", "US", "California", "America/Los_Angeles", 37.34, -121.89, 16.0, 5.8, 215, 0.17, 0.16, 20, 7.0, 0.7),
)  # fmt: skip

COUNTRIES: tuple[str, ...] = tuple(sorted({city.country for city in CITIES}))

WEEKDAY_PROFILES: dict[str, tuple[float, ...]] = {
    "neighbourhood": (-0.14, -0.17, -0.12, -0.03, 0.11, 0.27, 0.17),
    "city": (0.05, 0.03, 0.04, 0.08, 0.15, -0.05, -0.38),
    "mall": (-0.27, -0.25, -0.20, -0.08, 0.15, 0.42, 0.34),
}
"""Effect of Monday to Sunday on the logarithm of demand, by kind of store."""

HOURS_PROFILE: tuple[float, ...] = (0.5, 0.8, 1.0, 1.1, 1.3, 1.1, 0.9, 0.9, 1.1, 1.5, 1.7, 1.5, 1.0, 0.6)
"""Customers over the selling day, in fourteen equal parts from opening to closing."""
