"""Amazon Forecast, for accounts that still have it: closed to new customers since 2024-07-29.

history -> CSV in S3 -> dataset, dataset group, import -> AutoPredictor -> forecast -> CSV in S3 -> quantiles. Each part takes minutes
to hours there; what is made is named after the request, so that a call that was killed finds it and goes on.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import polars as pl

from shelfcast.adapters.aws import session
from shelfcast.domain.errors import SourceDown
from shelfcast.ports.blob_store import BlobStore
from shelfcast.ports.managed import Asked

FREQUENCIES = {"D": "D", "W": "W"}
SCHEMA = {
    "Attributes": [
        {"AttributeName": "item_id", "AttributeType": "string"},
        {"AttributeName": "timestamp", "AttributeType": "timestamp"},
        {"AttributeName": "demand", "AttributeType": "float"},
        {"AttributeName": "location", "AttributeType": "string"},
    ]
}
"""The domain RETAIL calls its target `demand`."""
PATIENCE_SECONDS = 6 * 3600.0


class AmazonForecast:
    """`ManagedForecaster`.

    Args:
        blobs: S3 store for what goes in and comes out.
        role_arn: role Forecast reads and writes that bucket with.
        account: id of the account and region's part of ARNs, `arn:aws:forecast:REGION:ACCOUNT`.
        wait: sleeps some seconds between looks.
    """

    def __init__(
        self, blobs: BlobStore, role_arn: str, account: str, *, client: Any = None, wait: Callable[[float], object] = time.sleep
    ) -> None:  # fmt: skip
        self._blobs, self._role, self._account, self._wait = blobs, role_arn, account, wait
        self._given = client

    def forecast(self, history: pl.DataFrame, asked: Asked) -> pl.DataFrame:
        """See the port."""
        key = f"managed/{asked.name}/history.csv"
        self._blobs.put(key, history_csv(history))
        dataset = self._make(
            "dataset", f"dataset/{asked.name}", DatasetName=asked.name, Domain="RETAIL", DatasetType="TARGET_TIME_SERIES",
            DataFrequency=FREQUENCIES[asked.frequency], Schema=SCHEMA,
        )  # fmt: skip
        group = self._make(
            "dataset_group", f"dataset-group/{asked.name}", DatasetGroupName=asked.name, Domain="RETAIL", DatasetArns=[dataset]
        )  # fmt: skip
        source = {"S3Config": {"Path": self._blobs.uri(key), "RoleArn": self._role}}
        imported = self._make(
            "dataset_import_job", f"dataset-import-job/{asked.name}/{asked.name}", DatasetImportJobName=asked.name,
            DatasetArn=dataset, DataSource=source, TimestampFormat="yyyy-MM-dd",
        )  # fmt: skip
        self._ready("dataset_import_job", DatasetImportJobArn=imported)
        predictor = self._make(
            "auto_predictor", f"predictor/{asked.name}", PredictorName=asked.name, ForecastHorizon=asked.horizon,
            ForecastFrequency=FREQUENCIES[asked.frequency], ForecastDimensions=["location"],
            ForecastTypes=[f"{one:.2f}" for one in asked.quantiles], DataConfig={"DatasetGroupArn": group},
        )  # fmt: skip
        self._ready("auto_predictor", PredictorArn=predictor)
        made = self._make("forecast", f"forecast/{asked.name}", ForecastName=asked.name, PredictorArn=predictor)
        self._ready("forecast", ForecastArn=made)
        out = f"managed/{asked.name}/out"
        exported = self._make(
            "forecast_export_job", f"forecast-export-job/{asked.name}/{asked.name}", ForecastExportJobName=asked.name,
            ForecastArn=made, Destination={"S3Config": {"Path": self._blobs.uri(out), "RoleArn": self._role}}, Format="CSV",
        )  # fmt: skip
        self._ready("forecast_export_job", ForecastExportJobArn=exported)
        keys = [one for one in self._blobs.list(f"{out}/") if one.endswith(".csv")]
        return pl.concat([exported_rows(self._blobs.get(one), asked.quantiles) for one in keys])

    @property
    def _client(self) -> Any:
        return self._given or session.client("forecast")

    def _make(self, what: str, name: str, **how: Any) -> str:
        """Make something, or find it: the service answers what is there already with an error of its own."""
        try:
            answer = getattr(self._client, f"create_{what}")(**how)
        except Exception as error:
            if session.error_code(error) == "ResourceAlreadyExistsException":
                return f"{self._account}:{name}"
            raise session.down(f"Amazon Forecast ({what} {name})", error) from error
        return str(next(value for key, value in answer.items() if key.endswith("Arn")))

    def _ready(self, what: str, **which: str) -> None:
        waited = 0.0
        while waited <= PATIENCE_SECONDS:
            try:
                answer = getattr(self._client, f"describe_{what}")(**which)
            except Exception as error:
                raise session.down(f"Amazon Forecast ({what})", error) from error
            if answer["Status"] == "ACTIVE":
                return
            if answer["Status"].endswith("FAILED"):
                raise SourceDown(f"Amazon Forecast failed at {what}: {answer.get('Message', 'no reason given')}.")
            self._wait(30.0)
            waited += 30.0
        raise SourceDown(
            f"Amazon Forecast has not finished {what} in {PATIENCE_SECONDS / 3600:.0f} h. Call again to go on."
        )


def history_csv(history: pl.DataFrame) -> bytes:
    """item_id, timestamp, demand, location; no header, as the service wants it."""
    rows = history.sort("item_id", "location_id", "date").select(
        "item_id", pl.col("date").dt.strftime("%Y-%m-%d"), pl.col("demand").round(6), "location_id"
    )
    return rows.write_csv(include_header=False).encode()


def exported_rows(data: bytes, quantiles: tuple[float, ...]) -> pl.DataFrame:
    """An exported file as rows: its columns are item_id, location, date and p10, p50...

    >>> exported_rows(b"item_id,location,date,p10\\napple,north,2026-01-01T00:00:00Z,1.5\\n", (0.1,)).row(0)
    ('apple', 'north', datetime.date(2026, 1, 1), 1.5)
    """
    frame = pl.read_csv(io.BytesIO(data), schema_overrides={"item_id": pl.String, "location": pl.String})
    return frame.select(
        "item_id",
        pl.col("location").alias("location_id"),
        pl.col("date").str.slice(0, 10).str.to_date(),
        *(pl.col(f"p{round(one * 100)}").cast(pl.Float64).alias(f"q{round(one * 1000):03d}") for one in quantiles),
    )
