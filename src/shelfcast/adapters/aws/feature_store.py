"""Rows into a SageMaker feature group, so that models outside Shelfcast learn from the same features."""

from __future__ import annotations

from typing import Any

import polars as pl

from shelfcast.adapters.aws import session


class FeatureStore:
    """`FeaturePublisher` on a feature group.

    Args:
        group: its name; the template makes it.
        event_time: name of its event-time feature.
    """

    def __init__(self, group: str, *, event_time: str = "event_time", client: Any = None) -> None:
        self._group, self._event_time, self._given = group, event_time, client

    def publish(self, rows: pl.DataFrame, event_time: str) -> int:
        """See the port. A feature that is missing is left out of its record, as the service wants it."""
        client = self._given or session.client("sagemaker-featurestore-runtime")
        for row in rows.iter_rows(named=True):
            record = [
                {"FeatureName": name, "ValueAsString": str(value)} for name, value in row.items() if value is not None
            ]
            record.append({"FeatureName": self._event_time, "ValueAsString": event_time})
            try:
                client.put_record(FeatureGroupName=self._group, Record=record)
            except Exception as error:
                raise session.down(f"feature group {self._group}", error) from error
        return rows.height
