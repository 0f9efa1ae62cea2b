"""How errors go together, as the champion's past folds showed: what quantiles of totals are made with."""

from __future__ import annotations

from shelfcast.forecast.models.dependence import Dependence
from shelfcast.pipeline import model_records
from shelfcast.ports.model_registry import CHAMPION
from shelfcast.ports.platform import Platform

_KNOWN: dict[str, Dependence] = {}
"""By model; its id names its content."""


def dependence_of(platform: Platform) -> Dependence:
    """The champion's; the usual values where there is none or none was measured."""
    version = platform.models.aliased(CHAMPION)
    if version is None:
        return Dependence()
    if version.model_id not in _KNOWN:
        backtest = model_records.card(platform, version.model_id).get("backtest") or {}
        _KNOWN[version.model_id] = Dependence.of(backtest.get("dependence"))
    return _KNOWN[version.model_id]
