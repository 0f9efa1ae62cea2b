"""Services no emulator has: every request is held against botocore's own model of the service, answers are played."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

from shelfcast.adapters.aws.amazon_forecast import AmazonForecast
from shelfcast.adapters.aws.clarify import INSTANCE, Clarify, ModelMonitor
from shelfcast.adapters.aws.feature_store import FeatureStore
from shelfcast.adapters.memory import MemoryBlobs
from shelfcast.domain.errors import SourceDown
from shelfcast.ports.managed import Asked

pytest.importorskip("boto3")
ACCOUNT = "arn:aws:forecast:eu-central-1:123456789012"
ASKED = Asked("night", "D", 2, (0.1, 0.9))
HISTORY = pl.DataFrame(
    {"item_id": ["apple"] * 2, "location_id": ["north"] * 2, "date": [date(2026, 1, 1), date(2026, 1, 2)], "demand": [1.0, 2.5]}
)  # fmt: skip


class Bucket(MemoryBlobs):
    """Addresses as S3 has them."""

    def uri(self, key: str) -> str:
        return f"s3://blobs/{key}"


def stubbed(service: str) -> tuple[Any, Any]:
    """A real client whose requests are checked by its service's model and never sent."""
    import boto3
    from botocore.stub import Stubber

    client = boto3.client(service, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    return client, Stubber(client)


def play(stubber: Any, *, fail: str = "") -> None:
    """The answers of a run; the dataset is there already."""
    stubber.add_client_error("create_dataset", "ResourceAlreadyExistsException")
    stubber.add_response("create_dataset_group", {"DatasetGroupArn": f"{ACCOUNT}:dataset-group/night"})
    for what, key in (
        ("dataset_import_job", "DatasetImportJobArn"),
        ("auto_predictor", "PredictorArn"),
        ("forecast", "ForecastArn"),
        ("forecast_export_job", "ForecastExportJobArn"),
    ):
        stubber.add_response(f"create_{what}", {key: f"{ACCOUNT}:{what}/night"})
        stubber.add_response(f"describe_{what}", {"Status": "CREATE_IN_PROGRESS"})
        if what == fail:
            stubber.add_response(f"describe_{what}", {"Status": "CREATE_FAILED", "Message": "too little data"})
            return
        stubber.add_response(f"describe_{what}", {"Status": "ACTIVE"})


def test_amazon_forecast_is_asked_as_its_model_wants_and_read_back() -> None:
    client, stubber = stubbed("forecast")
    blobs, waits = Bucket(), []
    blobs.put(
        "managed/night/out/part0.csv", b"item_id,location,date,p10,p90\napple,north,2026-01-03T00:00:00Z,1.0,4.0\n"
    )
    play(stubber)
    with stubber:
        found = AmazonForecast(blobs, "arn:aws:iam::123456789012:role/forecast", ACCOUNT, client=client, wait=waits.append).forecast(
            HISTORY, ASKED
        )  # fmt: skip
        stubber.assert_no_pending_responses()
    assert found.rows() == [("apple", "north", date(2026, 1, 3), 1.0, 4.0)]
    assert found.columns[-2:] == ["q100", "q900"] and waits == [30.0] * 4
    assert blobs.get("managed/night/history.csv") == b"apple,2026-01-01,1.0,north\napple,2026-01-02,2.5,north\n"


def test_what_amazon_forecast_says_of_a_failure_is_told() -> None:
    client, stubber = stubbed("forecast")
    play(stubber, fail="auto_predictor")
    with stubber, pytest.raises(SourceDown, match="auto_predictor: too little data"):
        AmazonForecast(
            Bucket(), "arn:aws:iam::123456789012:role/forecast", ACCOUNT, client=client, wait=lambda _: None
        ).forecast(HISTORY, ASKED)


def test_features_are_put_one_record_a_row_without_what_is_missing() -> None:
    client, stubber = stubbed("sagemaker-featurestore-runtime")
    rows = pl.DataFrame({"series": ["a", "b"], "level": [1.5, None]})
    named = lambda **values: [{"FeatureName": k, "ValueAsString": v} for k, v in values.items()]  # noqa: E731
    at = "2026-01-02T00:00:00Z"
    for record in (named(series="a", level="1.5", event_time=at), named(series="b", event_time=at)):
        stubber.add_response("put_record", {}, {"FeatureGroupName": "features", "Record": record})
    stubber.add_client_error("put_record", "AccessForbidden")
    with stubber:
        store = FeatureStore("features", client=client)
        assert store.publish(rows, at) == 2
        with pytest.raises(SourceDown, match="features"):
            store.publish(rows, at)


def test_clarify_is_asked_as_its_model_wants_and_its_report_is_read() -> None:
    client, stubber = stubbed("sagemaker")
    blobs, arn = Bucket(), "arn:aws:sagemaker:eu-central-1:123456789012:processing-job/night"
    report = {"explanations": {"kernel_shap": {"label0": {"global_shap_values": {"price": 1.5, "level": 3}}}}}
    blobs.put("managed/night/out/analysis.json", json.dumps(report).encode())
    about = {"ProcessingJobName": "night", "ProcessingJobArn": arn, "CreationTime": datetime(2026, 1, 1)}
    about |= {"AppSpecification": {"ImageUri": "image"}, "ProcessingResources": {"ClusterConfig": INSTANCE}}
    matrix = pl.DataFrame({"demand": [1.0, 2.0], "price": [3.0, 5.0], "level": [1, 2]})
    stubber.add_response("create_processing_job", {"ProcessingJobArn": arn})
    for state in ("InProgress", "Completed"):
        stubber.add_response("describe_processing_job", {**about, "ProcessingJobStatus": state})
    stubber.add_client_error("create_processing_job", "ResourceInUse")
    failed = {"ProcessingJobStatus": "Failed", "FailureReason": "no such model"}
    stubber.add_response("describe_processing_job", {**about, **failed})
    role = "arn:aws:iam::123456789012:role/clarify"
    with stubber:
        clarify = Clarify(blobs, role, "image", "shelfcast", client=client, wait=lambda _: None)
        assert clarify.explain("night", matrix, "demand") == {"price": 1.5, "level": 3.0}
        with pytest.raises(SourceDown, match="no such model"):
            clarify.explain("night", matrix, "demand")
    config = json.loads(blobs.get("managed/night/config/analysis_config.json"))
    assert config["methods"]["shap"]["baseline"] == [[4.0, 1.5]] and config["label"] == "demand"


def test_model_monitor_is_asked_as_its_model_wants_and_again_changes_nothing() -> None:
    client, stubber = stubbed("sagemaker")
    arn = "arn:aws:sagemaker:eu-central-1:123456789012:monitoring-schedule/night"
    stubber.add_response("create_data_quality_job_definition", {"JobDefinitionArn": arn})
    stubber.add_response("create_monitoring_schedule", {"MonitoringScheduleArn": arn})
    for what in ("create_data_quality_job_definition", "create_monitoring_schedule"):
        stubber.add_client_error(what, "ResourceInUse")
    stubber.add_client_error("create_data_quality_job_definition", "AccessDeniedException")
    given = ("night", "shelfcast", "s3://blobs/constraints.json", "s3://blobs/reports")
    with stubber:
        monitor = ModelMonitor("arn:aws:iam::123456789012:role/monitor", "image", client=client)
        monitor.watch(*given)
        monitor.watch(*given)
        with pytest.raises(SourceDown, match="Model Monitor"):
            monitor.watch(*given)
        stubber.assert_no_pending_responses()
