"""AWS services some accounts still have, as additions to our own steps; every one is off unless an account names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import polars as pl


@dataclass(frozen=True)
class Asked:
    """What a managed forecaster is to make."""

    name: str
    """Letters, digits and `_`, beginning with a letter: names what is made in the account."""
    frequency: str
    """D or W."""
    horizon: int
    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)


class ManagedForecaster(Protocol):
    def forecast(self, history: pl.DataFrame, asked: Asked) -> pl.DataFrame:
        """Forecasts of another service, to hold ours against.

        Args:
            history: item_id, location_id, date, demand (units a period).

        Returns:
            item_id, location_id, date, and a column for each quantile (q100...).

        Raises:
            SourceDown: the service failed or refused; the message says what it said.
        """
        ...


class FeaturePublisher(Protocol):
    def publish(self, rows: pl.DataFrame, event_time: str) -> int:
        """Put rows into a feature store; how many.

        Raises:
            SourceDown: one was refused; those before it are there, the same call again makes up for the rest.
        """
        ...


class ManagedExplainer(Protocol):
    def explain(self, name: str, matrix: pl.DataFrame, target: str) -> dict[str, float]:
        """Mean absolute SHAP value of each feature, as another service computes it.

        Args:
            name: of the job; letters, digits and `-`.
            matrix: feature columns and the target, numbers only.

        Raises:
            SourceDown: the service failed or refused.
        """
        ...


class ManagedMonitor(Protocol):
    def watch(self, name: str, endpoint: str, baseline: str, results: str) -> None:
        """Have an endpoint's captured data held against a baseline every day; the same again changes nothing.

        Args:
            name: of the schedule; letters, digits and `-`.
            endpoint: whose data are captured.
            baseline: address of the baseline's constraints (s3://...).
            results: address reports are written under.

        Raises:
            SourceDown: the service refused.
        """
        ...
