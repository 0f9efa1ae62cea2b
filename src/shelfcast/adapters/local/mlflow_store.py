"""What is said to MLflow: a run for each version, the registered model, its aliases and their history.

    experiment shelfcast      a run a version: metrics, parameters, data sets (tables with snapshot), artifacts (blobs)
    registered model shelfcast
        version 1, 2, 3...    tag shelfcast.model_id; the whole version is the run's artifact version.json
        aliases               champion, challenger
        tags alias/...        every change of an alias, only added to

MLflow's own copies of addresses are absolute. They are set right when the lake was moved to another folder.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shelfcast.adapters.model_bodies import body_of, change_body, change_of
from shelfcast.domain.errors import MissingExtra
from shelfcast.ports.blob_store import BlobStore
from shelfcast.ports.model_registry import ALIASES, AliasChange, Candidate

NAME = "shelfcast"
BODY_FILE = "version.json"
RUNS = "models/runs"
"""Where the runs' artifacts are in the blob store."""
MODEL_ID, IMPORTED = "shelfcast.model_id", "shelfcast.imported"
LONGEST_PARAMETER = 500
BATCH = 90
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_ENABLE_DB_SDK": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""Nothing is sent anywhere and nothing is printed between our own lines."""


class MlflowStore:
    """One SQLite file of MLflow. It imports MLflow (three to five seconds of CPU), so it is opened to write, or to read
    what somebody else wrote."""

    def __init__(self, path: Path, blobs: BlobStore) -> None:
        _import_mlflow()
        self._path, self._blobs = path, blobs
        if not path.exists():
            _create(path)
        self._client = _client(path)
        self._experiment = self._find_experiment()
        with contextlib.suppress(_mlflow_error()):
            self._client.create_registered_model(NAME, description="Demand models of Shelfcast")

    def _find_experiment(self) -> str:
        """The experiment's id; it is made where it isn't there, and its addresses set right where the lake has moved."""
        place = self._place(RUNS)
        found = self._client.get_experiment_by_name(NAME)
        if found is None:
            return str(self._client.create_experiment(NAME, artifact_location=place))
        if found.artifact_location != place:
            _move(self._path, found.artifact_location, place)
        return str(found.experiment_id)

    def _place(self, key: str) -> str:
        """Address of a blob as MLflow wants it: s3://... or file:///..."""
        address = self._blobs.uri(key)
        return address if "://" in address else Path(address).as_uri()

    def read(self) -> dict[str, Any]:
        """Everything there is: {"imported", "versions": [body], "pointers": {alias: model id}, "history": {alias: [change]}}."""
        model = self._client.get_registered_model(NAME)
        bodies: dict[int, dict[str, Any]] = {}
        for one in self._versions():
            if MODEL_ID in one.tags:
                text = self._blobs.get(f"{RUNS}/{one.run_id}/artifacts/{BODY_FILE}")
                bodies[int(one.version)] = {**json.loads(text), "number": int(one.version), "run": one.run_id}
        pointers = {alias: int(number) for alias, number in (model.aliases or {}).items() if alias in ALIASES}
        history: dict[str, list[dict[str, Any]]] = {alias: [] for alias in ALIASES}
        for key in sorted(model.tags):
            kind, _, rest = key.partition("/")
            if kind == "alias" and (alias := rest.partition("/")[0]) in history:
                history[alias].append(json.loads(model.tags[key]))
        changed = datetime.fromtimestamp(int(model.last_updated_timestamp or 0) / 1000, UTC)
        known: dict[str, str] = {}
        for alias, number in pointers.items():
            known[alias] = bodies[number]["model_id"] if number in bodies else ""
            last = history[alias][-1]["model_id"] if history[alias] else ""
            if known[alias] and known[alias] != last:
                change = AliasChange(alias, known[alias], changed, "mlflow", "set in MLflow", last)
                history[alias].append(change_body(change))
        return {
            "imported": IMPORTED in model.tags, "versions": list(bodies.values()), "pointers": known, "numbers": pointers,
            "history": history,
        }  # fmt: skip

    def _versions(self) -> Iterator[Any]:
        token = None
        while True:
            page = self._client.search_model_versions(f"name = '{NAME}'", max_results=200, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def add(self, candidate: Candidate, files: Mapping[str, bytes]) -> None:
        """A version with its run. It is listed when everything else is there."""
        entities = importlib.import_module("mlflow.entities")
        at = int(candidate.at.timestamp() * 1000)
        reason = str(candidate.facts.get("reason") or "")
        tags = {MODEL_ID: candidate.model_id, **({"mlflow.note.content": reason} if reason else {})}
        run = self._client.create_run(
            self._experiment,
            start_time=at,
            tags=tags,
            run_name=str(candidate.facts.get("cutoff") or candidate.model_id),
        )
        run_id = run.info.run_id
        metrics = [entities.Metric(name, float(value), at, 0) for name, value in candidate.metrics.items()]
        parameters = [entities.Param(name, value) for name, value in _parameters(candidate).items()]
        for start in range(0, max(len(metrics), len(parameters)), BATCH):
            chosen = slice(start, start + BATCH)
            self._client.log_batch(run_id, metrics=metrics[chosen], params=parameters[chosen])
        if candidate.snapshots:
            sets = [
                entities.DatasetInput(
                    entities.Dataset(
                        name, str(snapshot), "iceberg", json.dumps({"table": name, "snapshot_id": snapshot})
                    )
                )
                for name, snapshot in candidate.snapshots.items()
            ]
            self._client.log_inputs(run_id, datasets=sets)
        body = body_of(candidate, 0, files)
        for name, data in {**files, BODY_FILE: json.dumps(body, ensure_ascii=False).encode()}.items():
            self._blobs.put(f"{RUNS}/{run_id}/artifacts/{name}", data)
        self._client.set_terminated(run_id, end_time=at)
        self._client.create_model_version(
            NAME,
            source=run.info.artifact_uri,
            run_id=run_id,
            tags={MODEL_ID: candidate.model_id},
            description=reason or None,
        )

    def point(self, change: AliasChange, number: int, position: int) -> None:
        """An alias to a version number; `position` of the change in the alias's history. The history first: killed in
        between, it names a change that is done again, never the other way round."""
        self.remember(change, position)
        self._client.set_registered_model_alias(NAME, change.alias, str(number))

    def remember(self, change: AliasChange, position: int) -> None:
        key = f"alias/{change.alias}/{position:06d}"
        self._client.set_registered_model_tag(NAME, key, json.dumps(change_body(change), ensure_ascii=False))

    def mark_imported(self) -> None:
        self._client.set_registered_model_tag(NAME, IMPORTED, "yes")


def _parameters(candidate: Candidate) -> dict[str, str]:
    """What MLflow shows as parameters: plain facts, the number of features, the snapshots."""
    plain = {
        name: str(value)
        for name, value in candidate.facts.items()
        if isinstance(value, str | int | float | bool) and 0 < len(str(value)) <= LONGEST_PARAMETER
    }
    snapshots = {f"snapshot.{name}": str(value) for name, value in candidate.snapshots.items()}
    return {"model_id": candidate.model_id, "features": str(len(candidate.features)), **plain, **snapshots}


def changes_of(view: Mapping[str, Any], alias: str) -> list[AliasChange]:
    """An alias's history in what `MlflowStore.read` gave, the oldest first. A change noted by a writer that was killed
    before it happened is left out."""
    found = [change_of(alias, one) for one in view["history"][alias]]
    pointed = view["pointers"].get(alias, "")
    while found and found[-1].model_id != pointed:
        found.pop()
    return [one for number, one in enumerate(found) if not number or found[number - 1].model_id != one.model_id]


def _import_mlflow() -> None:
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("mlflow.tracking")
            importlib.import_module("mlflow.store.tracking.sqlalchemy_store")
    except ImportError as error:
        raise MissingExtra(
            "this lake keeps its models in MLflow, and that needs the mlflow extra: pip install 'shelfcast[mlflow]'"
        ) from error
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _mlflow_error() -> type[Exception]:
    error: type[Exception] = importlib.import_module("mlflow.exceptions").MlflowException
    return error


def _client(path: Path) -> Any:
    address = f"sqlite:///{path}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = importlib.import_module("mlflow.tracking").MlflowClient(address, address)
        client.get_experiment_by_name(NAME)
    return client


def _create(path: Path) -> None:
    """MLflow's tables in a new file, which is there whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    _client(partial)
    partial.replace(path)


def _move(path: Path, old: str, new: str) -> None:
    """Set the addresses of artifacts right after the lake has moved. MLflow has no call for it."""
    columns = (("experiments", "artifact_location"), ("runs", "artifact_uri"), ("model_versions", "source"))
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as connection, connection:
        for table, column in columns:
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                (new, len(old) + 1, len(old), old),
            )
