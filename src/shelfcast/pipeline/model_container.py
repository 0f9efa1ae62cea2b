"""A model trained and asked away from the lake: in a container that gets files and gives files (SageMaker's contract).

train    files as a retailer sends them -> ingest -> features -> train -> model.zip, card.json, version.json
forecast version.json, model.zip + files -> ingest -> features -> forecast -> rows of the table `forecasts`

The same steps as in the lake, on a platform that lives as long as the call.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shelfcast.domain.errors import BadFile, BadInput, BadParameter
from shelfcast.domain.tables import TABLES, results
from shelfcast.pipeline.ingest_files import ingest_files
from shelfcast.pipeline.run_cycle import last_sales_date
from shelfcast.pipeline.steps import Parameters, run_step
from shelfcast.ports.model_files import VERSION_FILE, candidate_of, version_file
from shelfcast.ports.model_registry import CARD_FILE, CHAMPION, MODEL_FILE, Candidate
from shelfcast.ports.platform import Platform

MOST_ROWS = 1_000_000
"""Rows of one table in a request."""


class Hyperparameters(BaseModel):
    """What a training job says; SageMaker gives every value as text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cutoff: date | None = None
    frequency: str = Field(default="D", pattern="^[DW]$")
    horizon: int = Field(default=28, ge=1, le=730)
    seed: int = 0
    currency: str = ""

    def parameters(self, platform: Platform) -> Parameters:
        """Of the steps; the cutoff is the newest sales date where none is given."""
        cutoff = self.cutoff or last_sales_date(platform, self.frequency)
        return Parameters(cutoff, self.frequency, self.horizon, seed=self.seed, currency=self.currency)


class Request(BaseModel):
    """What an endpoint is asked: rows by table, as they would stand in a retailer's files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tables: dict[str, list[dict[str, Any]]]
    cutoff: date | None = None


def hyperparameters_of(given: Mapping[str, Any]) -> Hyperparameters:
    """
    Raises:
        BadParameter: one that isn't known, or has a value that isn't allowed.
    """
    try:
        return Hyperparameters.model_validate(dict(given))
    except ValidationError as error:
        raise BadParameter(
            f"hyperparameters: {_said(error)}. Known: {', '.join(Hyperparameters.model_fields)}."
        ) from error


def train_alone(platform: Platform, folder: Path, asked: Hyperparameters) -> dict[str, bytes]:
    """Train on the files of a folder; the model's files by name.

    Raises:
        BadInput: files that can't be used.
        NotReady: there is too little to learn from.
    """
    ingest_files(platform, [folder], currency=asked.currency, frequency=asked.frequency)
    parameters = asked.parameters(platform)
    run_step(platform, "features", parameters)
    made = run_step(platform, "train", parameters)
    return model_files(platform, str(made.summary["model_id"]))


def model_files(platform: Platform, model_id: str) -> dict[str, bytes]:
    """What an endpoint needs of a version."""
    version = platform.models.get(model_id)
    files = {name: platform.models.load(model_id, name) for name in (MODEL_FILE, CARD_FILE)}
    return {**files, VERSION_FILE: version_file(version)}


@dataclass(frozen=True)
class ServedModel:
    """A model ready to be asked.

    Args:
        platform: makes an empty platform for each request.
    """

    candidate: Candidate
    platform: Callable[[], Platform]

    @classmethod
    def read(cls, folder: Path, platform: Callable[[], Platform]) -> ServedModel:
        """
        Raises:
            BadFile: the folder holds no whole model.
        """
        try:
            about = json.loads((folder / VERSION_FILE).read_bytes())
            card = json.loads((folder / CARD_FILE).read_bytes())
            candidate = candidate_of((folder / MODEL_FILE).read_bytes(), about, card)
        except (OSError, KeyError, ValueError) as error:
            raise BadFile(
                f"{folder} holds no whole model ({error}): {MODEL_FILE}, {CARD_FILE} and {VERSION_FILE} are needed."
            ) from error
        if candidate.model_id != about["model_id"]:
            raise BadFile(f"{folder}: {MODEL_FILE} isn't the file {VERSION_FILE} speaks of. Copy the model anew.")
        return cls(candidate, platform)

    def forecast(self, body: bytes) -> dict[str, Any]:
        """Forecasts of the series in a request: model_id, cutoff, rows (final stage) with mean and quantiles.

        Raises:
            BadInput: the request can't be used.
        """
        request = request_of(body)
        platform = self.platform()
        facts = self.candidate.facts
        with tempfile.TemporaryDirectory(prefix="shelfcast-invocation-") as folder:
            ingest_files(platform, _written(Path(folder), request.tables), frequency=str(facts["frequency"]))
        version = platform.models.register(self.candidate)
        now = platform.clock.now()
        platform.models.set_alias(CHAMPION, version.model_id, by="endpoint", reason="the model served", at=now)
        asked = Hyperparameters(
            cutoff=request.cutoff, frequency=str(facts["frequency"]), horizon=int(facts["horizon"]), seed=int(facts["seed"])
        )  # fmt: skip
        parameters = asked.parameters(platform)
        run_step(platform, "features", parameters)
        run_step(platform, "forecast", parameters)
        rows = platform.tables.scan(results.FORECASTS).filter(pl.col("stage") == "model")
        kept = [
            "item_id",
            "location_id",
            "date",
            "mean",
            *(name for name in results.FORECASTS.names if _quantile(name)),
        ]
        frame = rows.sort("item_id", "location_id", "date").select(kept).with_columns(pl.col("date").cast(pl.String))
        return {
            "model_id": version.model_id,
            "cutoff": parameters.cutoff.isoformat(),
            "rows": frame.collect().to_dicts(),
        }


def request_of(body: bytes) -> Request:
    """
    Raises:
        BadInput: not JSON, or not of the request's form.
    """
    try:
        request = Request.model_validate_json(body)
    except ValidationError as error:
        raise BadInput(
            f'the request can\'t be used: {_said(error)}. Send {{"tables": {{"sales": [{{"date": ..., "item_id": ..., '
            f'"location_id": ..., "units": ...}}]}}}} as JSON.'
        ) from error
    for name, rows in request.tables.items():
        if name not in TABLES or not TABLES[name].loadable:
            raise BadParameter.unknown("table", name, [key for key, one in TABLES.items() if one.loadable])
        if len(rows) > MOST_ROWS:
            raise BadInput(f"table {name} has {len(rows):,} rows; a request takes {MOST_ROWS:,}. Ask for fewer series.")
    if not request.tables.get("sales"):
        raise BadInput("the request has no sales. Send at least the history of the series to forecast.")
    return request


def _written(folder: Path, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Path]:
    """Each table as a CSV file named after it."""
    paths = []
    for name, rows in tables.items():
        if rows:
            path = folder / f"{name}.csv"
            pl.DataFrame(rows, infer_schema_length=None).write_csv(path)
            paths.append(path)
    return paths


def _quantile(name: str) -> bool:
    return len(name) == 4 and name[0] == "q" and name[1:].isdigit()


def _said(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
