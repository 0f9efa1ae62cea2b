"""SageMaker Clarify and Model Monitor, for accounts that still have them: closed to new customers since 2026-07-30.

Both are processing containers of AWS; which image is a matter of the region, so it is given.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import polars as pl

from shelfcast.adapters.aws import session
from shelfcast.domain.errors import SourceDown
from shelfcast.ports.blob_store import BlobStore

INSTANCE = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 20}
INSIDE = "/opt/ml/processing"
PATIENCE_SECONDS = 3600.0


class Clarify:
    """`ManagedExplainer` as a processing job.

    Args:
        image: Clarify's container in this region.
        model: SageMaker model that Clarify asks.
    """

    def __init__(
        self, blobs: BlobStore, role_arn: str, image: str, model: str, *, client: Any = None, wait: Callable[[float], object] = time.sleep
    ) -> None:  # fmt: skip
        self._blobs, self._role, self._image, self._model = blobs, role_arn, image, model
        self._given, self._wait = client, wait

    def explain(self, name: str, matrix: pl.DataFrame, target: str) -> dict[str, float]:
        """See the port."""
        folder = f"managed/{name}"
        self._blobs.put(
            f"{folder}/config/analysis_config.json", json.dumps(analysis(matrix, target, self._model)).encode()
        )
        self._blobs.put(f"{folder}/data/matrix.csv", matrix.write_csv().encode())
        client = self._given or session.client("sagemaker")
        try:
            client.create_processing_job(
                ProcessingJobName=name,
                RoleArn=self._role,
                AppSpecification={"ImageUri": self._image},
                ProcessingResources={"ClusterConfig": INSTANCE},
                ProcessingInputs=[
                    _input("analysis_config", self._blobs.uri(f"{folder}/config"), "input/config"),
                    _input("dataset", self._blobs.uri(f"{folder}/data"), "input/data"),
                ],
                ProcessingOutputConfig={"Outputs": [_output("analysis_result", self._blobs.uri(f"{folder}/out"))]},
                StoppingCondition={"MaxRuntimeInSeconds": int(PATIENCE_SECONDS)},
            )
        except Exception as error:
            if session.error_code(error) != "ResourceInUse":  # made by a call before this one
                raise session.down(f"SageMaker Clarify ({name})", error) from error
        self._ended(client, name)
        return global_shap(self._blobs.get(f"{folder}/out/analysis.json"))

    def _ended(self, client: Any, name: str) -> None:
        waited = 0.0
        while waited <= PATIENCE_SECONDS:
            try:
                answer = client.describe_processing_job(ProcessingJobName=name)
            except Exception as error:
                raise session.down(f"SageMaker Clarify ({name})", error) from error
            if answer["ProcessingJobStatus"] == "Completed":
                return
            if answer["ProcessingJobStatus"] in ("Failed", "Stopped"):
                raise SourceDown(f"SageMaker Clarify ended {name}: {answer.get('FailureReason', 'no reason given')}.")
            self._wait(15.0)
            waited += 15.0
        raise SourceDown(f"SageMaker Clarify has not finished {name} in {PATIENCE_SECONDS / 60:.0f} minutes.")


class ModelMonitor:
    """`ManagedMonitor` as a data-quality schedule.

    Args:
        image: Model Monitor's container in this region.
    """

    def __init__(self, role_arn: str, image: str, *, client: Any = None) -> None:
        self._role, self._image, self._given = role_arn, image, client

    def watch(self, name: str, endpoint: str, baseline: str, results: str) -> None:
        """See the port."""
        client = self._given or session.client("sagemaker")
        self._make(
            client.create_data_quality_job_definition,
            JobDefinitionName=name,
            RoleArn=self._role,
            DataQualityBaselineConfig={"ConstraintsResource": {"S3Uri": baseline}},
            DataQualityAppSpecification={"ImageUri": self._image},
            DataQualityJobInput={"EndpointInput": {"EndpointName": endpoint, "LocalPath": f"{INSIDE}/input/endpoint"}},
            DataQualityJobOutputConfig={
                "MonitoringOutputs": [{"S3Output": {"S3Uri": results, "LocalPath": f"{INSIDE}/output"}}]
            },
            JobResources={"ClusterConfig": INSTANCE},
        )
        self._make(
            client.create_monitoring_schedule,
            MonitoringScheduleName=name,
            MonitoringScheduleConfig={
                "ScheduleConfig": {"ScheduleExpression": "cron(0 6 ? * * *)"},
                "MonitoringJobDefinitionName": name,
                "MonitoringType": "DataQuality",
            },
        )

    def _make(self, create: Callable[..., Any], **how: Any) -> None:
        try:
            create(**how)
        except Exception as error:
            if session.error_code(error) != "ResourceInUse":
                raise session.down("SageMaker Model Monitor", error) from error


def analysis(matrix: pl.DataFrame, target: str, model: str) -> dict[str, Any]:
    """Clarify's own configuration: SHAP against the columns' medians."""
    features = [name for name in matrix.columns if name != target]
    medians = [float(matrix[name].cast(pl.Float64).median() or 0.0) for name in features]  # type: ignore[arg-type]
    return {
        "version": "1.0",
        "dataset_type": "text/csv",
        "headers": matrix.columns,
        "label": target,
        "methods": {"shap": {"baseline": [medians], "num_samples": 2 * len(features) + 256, "agg_method": "mean_abs"}},
        "predictor": {
            "model_name": model, "instance_type": INSTANCE["InstanceType"], "initial_instance_count": 1,
            "accept_type": "text/csv", "content_type": "text/csv",
        },
    }  # fmt: skip


def global_shap(data: bytes) -> dict[str, float]:
    """Feature -> mean absolute SHAP value, from Clarify's report."""
    values = json.loads(data)["explanations"]["kernel_shap"]
    return {name: float(value) for name, value in next(iter(values.values()))["global_shap_values"].items()}


def _input(name: str, address: str, inside: str) -> dict[str, Any]:
    source = {
        "S3Uri": address, "LocalPath": f"{INSIDE}/{inside}", "S3DataType": "S3Prefix", "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated", "S3CompressionType": "None",
    }  # fmt: skip
    return {"InputName": name, "S3Input": source}


def _output(name: str, address: str) -> dict[str, Any]:
    return {
        "OutputName": name,
        "S3Output": {"S3Uri": address, "LocalPath": f"{INSIDE}/output", "S3UploadMode": "EndOfJob"},
    }
