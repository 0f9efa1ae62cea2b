"""Behaviour every model registry has."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shelfcast.adapters.aws import session
from shelfcast.adapters.aws.sagemaker_models import SageMakerModels
from shelfcast.adapters.local.records import SqliteRecords
from shelfcast.adapters.memory import MemoryBlobs, MemoryRecords
from shelfcast.adapters.objects import Objects
from shelfcast.adapters.record_models import RecordModels
from shelfcast.domain.errors import BadParameter, NotFound, SourceDown
from shelfcast.ports.model_registry import CARD_FILE, CHALLENGER, CHAMPION, MODEL_FILE, Candidate, ModelRegistry

AT = datetime(2026, 3, 1, 4, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture(params=["memory", "records", "mlflow", "sagemaker"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> ModelRegistry:
    match request.param:
        case "memory":
            return RecordModels(MemoryRecords(), MemoryBlobs())
        case "records":
            return RecordModels(SqliteRecords(tmp_path / "records.db"), Objects.local(tmp_path / "blobs"))
        case "sagemaker":
            group = request.getfixturevalue("model_group")()
            return SageMakerModels(group, MemoryRecords(), MemoryBlobs(), image="registry.example/shelfcast:1")
        case _:
            return mlflow_models(tmp_path, request.getfixturevalue("mlflow_database"))


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow file of another folder: making one takes a second, so it is made once and copied."""
    pytest.importorskip("mlflow")
    from shelfcast.adapters.local.mlflow_store import MlflowStore

    root = tmp_path_factory.mktemp("mlflow")
    MlflowStore(root / "mlflow.db", Objects.local(root / "blobs"))
    return root / "mlflow.db"


def mlflow_models(root: Path, template: Path) -> ModelRegistry:
    from shelfcast.adapters.local.mlflow_models import MlflowModels

    shutil.copyfile(template, root / "mlflow.db")
    blobs = Objects.local(root / "blobs")
    return MlflowModels(root, blobs, RecordModels(SqliteRecords(root / "records.db"), blobs))


def candidate(name: str, **changes: object) -> Candidate:
    made = Candidate(
        model=f"a model called {name}".encode(),
        at=AT,
        facts={
            "model": "ensemble",
            "cutoff": "2026-02-28",
            "horizon": 28,
            "shares": {"smooth": [0.5, 0.5]},
            "note": "Zoë",
        },
        metrics={"wape": 0.25, "bias": -0.01, "wape demand/smooth": 0.2, "rows": 0.0},
        features=("level", "day_of_week", "price / usual"),
        snapshots={"sales": 2**62 + 1, "items": 7},
        card={"span": ["2024-01-01", "2026-02-28"], "held_out": {"all": {"wape": 0.25}}},
        plots={"calibration.svg": b"<svg/>"},
    )
    return replace(made, **changes)


def test_what_was_registered_comes_back_whole(registry: ModelRegistry) -> None:
    given = candidate("a")
    made = registry.register(given)
    for found in (made, registry.get(given.model_id), registry.list()[0]):
        assert (found.model_id, found.number, found.registered_at) == (given.model_id, 1, AT)
        assert (found.facts, found.metrics, found.features) == (given.facts, given.metrics, given.features)
        assert found.snapshots == given.snapshots
        assert set(found.files) == {MODEL_FILE, CARD_FILE, "calibration.svg"}
        assert found.files[MODEL_FILE] == len(given.model)
    assert registry.load(given.model_id) == given.model
    assert registry.load(given.model_id, "calibration.svg") == b"<svg/>"
    assert json.loads(registry.load(given.model_id, CARD_FILE)) == given.card


def test_a_version_may_have_a_long_feature_list_and_nothing_else(registry: ModelRegistry) -> None:
    features = tuple(f"feature number {number} with a long name" for number in range(400))
    bare = Candidate(b"bytes", AT, features=features)
    registry.register(bare)
    found = registry.get(bare.model_id)
    assert (found.features, found.facts, found.metrics, found.snapshots) == (features, {}, {}, {})
    assert json.loads(registry.load(bare.model_id, CARD_FILE)) == {}


def test_versions_are_numbered_and_listed_the_newest_first(registry: ModelRegistry) -> None:
    assert registry.list() == []
    made = [registry.register(candidate(name)) for name in "abc"]
    assert [one.model_id for one in registry.list()] == [one.model_id for one in reversed(made)]
    numbers = [one.number for one in made]
    assert numbers == sorted(set(numbers))


def test_the_same_model_is_one_version(registry: ModelRegistry) -> None:
    first = registry.register(candidate("a"))
    again = registry.register(candidate("a", at=AT + timedelta(days=1), metrics={"wape": 9.0}))
    assert again == first
    assert [one.model_id for one in registry.list()] == [first.model_id]


def test_two_that_register_at_once_both_get_in(registry: ModelRegistry) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: registry.register(candidate(f"{number % 3}")), range(6)))
    assert {one.model_id for one in registry.list()} == {one.model_id for one in made}
    assert len({one.number for one in registry.list()}) == 3


def test_what_is_not_there_is_not_found(registry: ModelRegistry) -> None:
    model_id = registry.register(candidate("a")).model_id
    with pytest.raises(NotFound, match="no model 'fedcba9876543210'"):
        registry.get("fedcba9876543210")
    with pytest.raises(NotFound, match="no model"):
        registry.load("fedcba9876543210")
    with pytest.raises(NotFound, match=r"no file 'roc.svg'; it has: calibration.svg, card.json, model.zip"):
        registry.load(model_id, "roc.svg")
    with pytest.raises(NotFound, match="no model"):
        registry.set_alias(CHAMPION, "fedcba9876543210", by="mara", reason="better", at=AT)
    assert registry.aliased(CHAMPION) is None


def test_an_alias_moves_in_one_step_and_remembers(registry: ModelRegistry) -> None:
    first, second = (registry.register(candidate(name)).model_id for name in "ab")
    assert registry.aliased(CHAMPION) is None
    assert registry.alias_history(CHAMPION) == []
    change = registry.set_alias(CHAMPION, first, by="mara", reason="the first", at=AT)
    assert (change.model_id, change.before, change.by, change.reason, change.at) == (first, "", "mara", "the first", AT)
    registry.set_alias(
        CHAMPION, second, by="night", reason="better: 3.1 % less loss – Zoë's", at=AT + timedelta(days=1)
    )
    registry.set_alias(CHAMPION, first, by="mara", reason="rolled back", at=AT + timedelta(days=2))
    champion = registry.aliased(CHAMPION)
    assert champion is not None and champion.model_id == first
    history = registry.alias_history(CHAMPION)
    assert [(one.model_id, one.before) for one in history] == [(first, second), (second, first), (first, "")]
    assert history[1].reason == "better: 3.1 % less loss – Zoë's"
    assert [one.at for one in history] == [AT + timedelta(days=days) for days in (2, 1, 0)]


def test_changes_of_one_moment_keep_their_order(registry: ModelRegistry) -> None:
    ids = [registry.register(candidate(name)).model_id for name in "zabc"]
    for model_id in (*ids, ids[0], ids[2]):
        registry.set_alias(CHAMPION, model_id, by="mara", reason="tried", at=AT)
    assert [one.model_id for one in registry.alias_history(CHAMPION)] == [ids[2], ids[0], *reversed(ids)]


def test_an_alias_that_points_there_already_changes_nothing(registry: ModelRegistry) -> None:
    model_id = registry.register(candidate("a")).model_id
    first = registry.set_alias(CHAMPION, model_id, by="mara", reason="the first", at=AT)
    again = registry.set_alias(CHAMPION, model_id, by="noor", reason="again", at=AT + timedelta(days=1))
    assert again == first
    assert registry.alias_history(CHAMPION) == [first]


def test_aliases_are_apart(registry: ModelRegistry) -> None:
    first, second = (registry.register(candidate(name)).model_id for name in "ab")
    registry.set_alias(CHAMPION, first, by="mara", reason="one", at=AT)
    registry.set_alias(CHALLENGER, second, by="mara", reason="two", at=AT)
    found = {alias: registry.aliased(alias) for alias in (CHAMPION, CHALLENGER)}
    assert {alias: one.model_id for alias, one in found.items() if one} == {CHAMPION: first, CHALLENGER: second}
    assert [one.model_id for one in registry.alias_history(CHALLENGER)] == [second]


def test_a_long_reason_is_kept_whole(registry: ModelRegistry) -> None:
    model_id = registry.register(candidate("a")).model_id
    reason = "because " * 200
    registry.set_alias(CHAMPION, model_id, by="mara", reason=reason, at=AT)
    assert registry.alias_history(CHAMPION)[0].reason == reason


def test_an_unknown_alias_is_refused(registry: ModelRegistry) -> None:
    model_id = registry.register(candidate("a")).model_id
    with pytest.raises(BadParameter, match="model alias 'best' is unknown; known: challenger, champion"):
        registry.set_alias("best", model_id, by="mara", reason="better", at=AT)
    with pytest.raises(BadParameter, match="known: challenger, champion"):
        registry.aliased("best")
    with pytest.raises(BadParameter, match="known: challenger, champion"):
        registry.alias_history("best")


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": {"wape": float("nan")}},
        {"metrics": {"wape(1)": 1.0}},
        {"plots": {"card.json": b""}},
        {"plots": {"../a.svg": b""}},
        {"card": {"day": AT}},
    ],
    ids=["not finite", "name", "taken", "path", "no JSON"],
)
def test_what_can_not_be_kept_is_refused_before_anything_is(
    registry: ModelRegistry, changes: dict[str, object]
) -> None:
    given = candidate("a", **changes)
    with pytest.raises(BadParameter, match="can't be kept"):
        registry.register(given)
    assert registry.list() == []


def test_sagemaker_is_told_of_every_version_and_approves_the_champion_alone(model_group: Callable[[], str]) -> None:
    group = model_group()
    records, blobs = MemoryRecords(), MemoryBlobs()
    registry = SageMakerModels(group, records, blobs)
    first, second = (registry.register(candidate(name)) for name in ("a", "b"))
    registry.register(candidate("a"))
    registry.set_alias(CHAMPION, first.model_id, by="ann", reason="first", at=AT)
    registry.set_alias(CHAMPION, second.model_id, by="ann", reason="better", at=AT + timedelta(days=1))
    client = session.client("sagemaker")
    found = client.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    described = [client.describe_model_package(ModelPackageName=one["ModelPackageArn"]) for one in found]
    states = {one["ModelPackageDescription"].split()[0]: one["ModelApprovalStatus"] for one in described}
    assert states == {first.model_id: "PendingManualApproval", second.model_id: "Approved"}
    # Killed after the package was made and before its record was written: the package is found again, not made twice.
    records.delete("model_packages", first.model_id)
    registry.register(candidate("a"))
    assert len(client.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]) == 2
    with tarfile.open(fileobj=io.BytesIO(blobs.get(f"models/{first.model_id}/model.tar.gz"))) as archive:
        assert archive.getnames() == [CARD_FILE, MODEL_FILE, "version.json"]


def test_a_registry_that_does_not_answer_is_told_and_made_up_for(
    model_group: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    group = model_group()
    good = os.environ["AWS_ENDPOINT_URL_SAGEMAKER"]
    registry = SageMakerModels(group, MemoryRecords(), MemoryBlobs())
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", "http://127.0.0.1:9")
    with pytest.raises(SourceDown, match=group):
        registry.register(candidate("a"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", good)
    registry.register(candidate("a"))
    assert (
        len(session.client("sagemaker").list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"])
        == 1
    )
