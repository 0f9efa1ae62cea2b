"""What a data scientist sees in MLflow, and what the registry does beyond the port: old lakes, moved lakes, speed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from shelfcast.adapters.local.records import SqliteRecords
from shelfcast.adapters.objects import Objects
from shelfcast.adapters.record_models import RecordModels
from shelfcast.bootstrap import init_lake, open_lake
from shelfcast.domain.errors import BadParameter, NotFound
from shelfcast.ports.model_registry import CARD_FILE, CHAMPION, Candidate, ModelRegistry

pytest.importorskip("mlflow")
AT = datetime(2026, 3, 1, 4, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow file of another folder: making one takes a second, so it is made once and copied."""
    from shelfcast.adapters.local.mlflow_store import MlflowStore

    root = tmp_path_factory.mktemp("mlflow")
    MlflowStore(root / "mlflow.db", Objects.local(root / "blobs"))
    return root / "mlflow.db"


def before_mlflow(root: Path) -> RecordModels:
    return RecordModels(SqliteRecords(root / "records.db"), Objects.local(root / "blobs"))


def opened(root: Path, database: Path | None = None) -> ModelRegistry:
    from shelfcast.adapters.local.mlflow_models import MlflowModels

    if database is not None:
        shutil.copyfile(database, root / "mlflow.db")
    return MlflowModels(root, Objects.local(root / "blobs"), before_mlflow(root))


def client(root: Path) -> Any:
    """MLflow's own, as a notebook beside the lake would open it."""
    from mlflow.tracking import MlflowClient

    address = f"sqlite:///{root / 'mlflow.db'}"
    return MlflowClient(address, address)


def candidate(name: str) -> Candidate:
    return Candidate(
        f"model {name}".encode(), AT, {"cutoff": "2026-02-28", "frequency": "D", "horizon": 28, "reason": "drift of dairy"},
        {"wape": 0.25, "wape demand/smooth": 0.2}, ("level", "price"), {"sales": 7_912_345_678_901_234_567},
        {"held_out": {}}, {"calibration.svg": b"<svg/>"},
    )  # fmt: skip


def test_mlflow_shows_runs_metrics_parameters_data_artifacts_versions_and_aliases(
    tmp_path: Path, database: Path
) -> None:
    registry = opened(tmp_path, database)
    first, second = registry.register(candidate("a")), registry.register(candidate("b"))
    registry.set_alias(CHAMPION, second.model_id, by="mara", reason="better", at=AT)
    mlflow = client(tmp_path)
    versions = {one.version: one for one in mlflow.search_model_versions("name = 'shelfcast'")}
    assert {str(number): one.tags["shelfcast.model_id"] for number, one in versions.items()} == {
        "1": first.model_id, "2": second.model_id,
    }  # fmt: skip
    champion = mlflow.get_model_version_by_alias("shelfcast", "champion")
    assert str(champion.version) == "2" and champion.description == "drift of dairy"
    run = mlflow.get_run(champion.run_id)
    assert run.info.status == "FINISHED" and run.info.run_name == "2026-02-28"
    assert run.data.metrics == {"wape": 0.25, "wape demand/smooth": 0.2}
    assert run.data.params["horizon"] == "28" and run.data.params["model_id"] == second.model_id
    (table,) = run.inputs.dataset_inputs
    assert (table.dataset.name, table.dataset.digest) == ("sales", "7912345678901234567")
    names = {one.path for one in mlflow.list_artifacts(champion.run_id)}
    assert names == {"model.zip", "card.json", "calibration.svg", "version.json"}
    stored = Path(unquote(urlsplit(run.info.artifact_uri).path))
    assert stored.is_relative_to(tmp_path / "blobs") and (stored / "model.zip").read_bytes() == b"model b"


def test_an_alias_set_in_mlflow_counts_and_shows_in_the_history(tmp_path: Path, database: Path) -> None:
    registry = opened(tmp_path, database)
    first, second = registry.register(candidate("a")), registry.register(candidate("b"))
    registry.set_alias(CHAMPION, first.model_id, by="mara", reason="the first", at=AT)
    client(tmp_path).set_registered_model_alias("shelfcast", "champion", "2")
    for one in (registry, opened(tmp_path)):
        champion = one.aliased(CHAMPION)
        assert champion is not None and champion.model_id == second.model_id
        assert [(change.model_id, change.by) for change in one.alias_history(CHAMPION)] == [
            (second.model_id, "mlflow"), (first.model_id, "mara"),
        ]  # fmt: skip


def test_a_version_that_is_not_ours_is_not_listed_and_no_champion(tmp_path: Path, database: Path) -> None:
    registry = opened(tmp_path, database)
    registry.register(candidate("a"))
    mlflow = client(tmp_path)
    run = mlflow.search_runs([mlflow.get_experiment_by_name("shelfcast").experiment_id])[0]
    mlflow.create_model_version("shelfcast", run.info.artifact_uri, run.info.run_id)
    mlflow.set_registered_model_alias("shelfcast", "champion", "2")
    assert len(registry.list()) == 1
    with pytest.raises(NotFound, match="champion points to version 2 in MLflow, which Shelfcast didn't register"):
        registry.aliased(CHAMPION)


def old_lake(root: Path) -> tuple[str, str]:
    """A lake from before there was a registry: two models and a champion in its records."""
    records, blobs = SqliteRecords(root / "records.db"), Objects.local(root / "blobs")
    ids = []
    for number, name in enumerate("ab"):
        made = candidate(name)
        card = {"features": ["level"], "held_out": {"all": {"wape": 0.3, "cells": 10}}, "name": name}
        blobs.put(f"models/{made.model_id}/model.zip", made.model)
        body = {
            "model": "ensemble", "run_id": "r", "cutoff": "2026-02-01", "frequency": "D", "horizon": 28, "shares": {"smooth": 1.0},
            "card": card, "trained_at": (AT + timedelta(days=number)).isoformat(), "model_id": made.model_id, "bytes": 7,
        }  # fmt: skip
        records.put("models", made.model_id, body)
        ids.append(made.model_id)
    for number, model_id in enumerate(ids):
        at = AT + timedelta(days=number)
        body = {
            "model_id": model_id,
            "at": at.isoformat(),
            "who": "mara",
            "reason": "trained",
            "before": ids[0] if number else None,
        }
        records.put("model_promotions", f"{at:%Y%m%dT%H%M%S%f}-1-{model_id}", body)
    records.put("model_aliases", "champion", {"model_id": ids[1], "since": (AT + timedelta(days=1)).isoformat()})
    return ids[0], ids[1]


def test_an_old_lake_is_read_from_its_records_and_brought_over_at_the_first_write(
    tmp_path: Path, database: Path
) -> None:
    first, second = old_lake(tmp_path)

    def seen(registry: ModelRegistry) -> Any:
        champion = registry.aliased(CHAMPION)
        history = [(one.model_id, one.by, one.before) for one in registry.alias_history(CHAMPION)]
        cards = [json.loads(registry.load(one.model_id, CARD_FILE))["name"] for one in registry.list()]
        facts = [(one.model_id, one.facts["shares"], one.metrics["wape"], one.features) for one in registry.list()]
        return champion and champion.model_id, history, cards, facts

    before = seen(opened(tmp_path))
    assert before[:3] == (second, [(second, "mara", first), (first, "mara", "")], ["b", "a"])
    assert not (tmp_path / "mlflow.db").exists()
    registry = opened(tmp_path, database)
    assert seen(registry) == before
    new = registry.register(candidate("c"))
    assert new.number == 3 and [one.model_id for one in registry.list()] == [new.model_id, second, first]
    registry.set_alias(CHAMPION, first, by="mara", reason="back", at=AT + timedelta(days=9))
    assert len(registry.alias_history(CHAMPION)) == 3
    assert len(opened(tmp_path).list()) == 3


def test_a_lake_can_be_copied_to_another_folder(tmp_path: Path, database: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "over there"
    here.mkdir()
    opened(here, database).register(candidate("a"))
    shutil.copytree(here, there)
    shutil.rmtree(here)
    registry = opened(there)
    made = registry.register(candidate("b"))
    registry.set_alias(CHAMPION, made.model_id, by="mara", reason="better", at=AT)
    mlflow = client(there)
    for version in mlflow.search_model_versions("name = 'shelfcast'"):
        assert {"model.zip", "card.json"} <= {one.path for one in mlflow.list_artifacts(version.run_id)}
        assert Path(unquote(urlsplit(version.source).path)).is_relative_to(there)
    assert registry.load(candidate("a").model_id) == b"model a"


def test_reading_the_champion_never_imports_mlflow(tmp_path: Path, database: Path) -> None:
    registry = opened(tmp_path, database)
    model_id = registry.register(candidate("a")).model_id
    registry.set_alias(CHAMPION, model_id, by="mara", reason="the first", at=AT)
    (tmp_path / "shelfcast.toml").write_text("")
    program = (
        "import sys; from pathlib import Path; from shelfcast.bootstrap import open_platform; "
        f"models = open_platform(Path({str(tmp_path)!r})).models; "
        "print(models.aliased('champion').model_id, len(models.list()), len(models.alias_history('champion')), "
        "len(models.load(models.list()[0].model_id)), 'mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [model_id, "1", "1", "7", "False"]


def test_the_setting_never_gives_a_lake_two_truths(tmp_path: Path, database: Path) -> None:
    init_lake(tmp_path / "lake")
    assert isinstance(open_lake(tmp_path / "lake", model_registry="records")[1].models, RecordModels)
    assert not isinstance(open_lake(tmp_path / "lake")[1].models, RecordModels)
    shutil.copyfile(database, tmp_path / "lake" / "mlflow.db")
    with pytest.raises(BadParameter, match=r"this lake keeps its models in .*mlflow\.db"):
        open_lake(tmp_path / "lake", model_registry="records")
