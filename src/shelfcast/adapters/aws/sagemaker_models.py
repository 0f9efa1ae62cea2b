"""Model versions in SageMaker Model Registry: a package a version, the champion is the one that is approved.

Files lie in the blob store, versions and alias histories in the records as everywhere (`RecordModels`): SageMaker keeps no
file names, no whole metrics and no history of who promoted what and why. What is registered there is what its own tools
read: the package with its model archive, its scores, and its approval, which deployment pipelines wait for.
"""

from __future__ import annotations

import io
import json
import tarfile
from contextlib import suppress
from datetime import datetime
from typing import Any

from shelfcast.adapters.aws import session
from shelfcast.adapters.record_models import RecordModels
from shelfcast.domain.errors import Conflict, NotFound
from shelfcast.ports.blob_store import BlobStore
from shelfcast.ports.model_files import VERSION_FILE, version_file
from shelfcast.ports.model_registry import (
    CARD_FILE,
    CHAMPION,
    MODEL_FILE,
    AliasChange,
    Candidate,
    ModelRegistry,
    ModelVersion,
)
from shelfcast.ports.record_store import RecordStore

PACKAGES = "model_packages"
"""Kind of the records that hold a version's package ARN."""
ARCHIVE = "model.tar.gz"
"""What SageMaker unpacks into /opt/ml/model."""
APPROVED, WAITING = "Approved", "PendingManualApproval"


class SageMakerModels:
    """`ModelRegistry` whose versions are also model packages of a group.

    Args:
        group: model package group, made by the deployment.
        image: container that serves a model (`entrypoints.sagemaker`); empty registers packages without one.
        inner: holds files, versions and histories.
    """

    def __init__(
        self, group: str, records: RecordStore, blobs: BlobStore, *, image: str = "", inner: ModelRegistry | None = None
    ) -> None:
        self._group, self._records, self._blobs, self._image = group, records, blobs, image
        self._inner = inner or RecordModels(records, blobs)

    def register(self, candidate: Candidate) -> ModelVersion:
        """See the port. Killed before the package was made, the next registration of the same model makes it."""
        version = self._inner.register(candidate)
        self._package(version)
        return version

    def get(self, model_id: str) -> ModelVersion:
        return self._inner.get(model_id)

    def load(self, model_id: str, name: str = MODEL_FILE) -> bytes:
        return self._inner.load(model_id, name)

    def set_alias(self, alias: str, model_id: str, *, by: str, reason: str, at: datetime) -> AliasChange:
        """See the port. The champion's package is approved, the one before waits for approval again.

        Raises:
            SourceDown: SageMaker didn't take the approval; the alias stands, the same call again makes up for it.
        """
        change = self._inner.set_alias(alias, model_id, by=by, reason=reason, at=at)
        if alias == CHAMPION:
            self._approve(self._package(self.get(model_id)), APPROVED, f"{change.by}: {change.reason}")
            for record in self._records.query(PACKAGES):
                if record.record_id != model_id and record.body.get("approved"):
                    self._approve(record.body["arn"], WAITING, f"champion is {model_id} now")
                    self._records.put(PACKAGES, record.record_id, {**record.body, "approved": False})
            self._note(model_id, approved=True)
        return change

    def aliased(self, alias: str) -> ModelVersion | None:
        return self._inner.aliased(alias)

    def alias_history(self, alias: str) -> list[AliasChange]:
        return self._inner.alias_history(alias)

    def list(self) -> list[ModelVersion]:
        return self._inner.list()

    def _package(self, version: ModelVersion) -> str:
        """The version's package, made if there is none."""
        with suppress(NotFound):
            return str(self._records.get(PACKAGES, version.model_id).body["arn"])
        arn = self._find(version.model_id) or self._make(version)
        with suppress(Conflict):
            self._records.put(PACKAGES, version.model_id, {"arn": arn, "approved": False}, expected=0)
        return arn

    def _find(self, model_id: str) -> str:
        """A package made before its record was written."""
        client = session.client("sagemaker")
        try:
            pages = client.get_paginator("list_model_packages").paginate(ModelPackageGroupName=self._group)
            for page in pages:
                for one in page["ModelPackageSummaryList"]:
                    if (one.get("ModelPackageDescription") or "").startswith(f"{model_id} "):
                        return str(one["ModelPackageArn"])
        except Exception as error:
            raise self._down(error) from error
        return ""

    def _make(self, version: ModelVersion) -> str:
        key = f"models/{version.model_id}/{ARCHIVE}"
        files = {name: self.load(version.model_id, name) for name in (MODEL_FILE, CARD_FILE)}
        files[VERSION_FILE] = version_file(version)
        self._blobs.put(key, archive_of(files))
        asked = package_request(self._group, version, self._blobs.uri(key), self._image)
        try:
            return str(session.client("sagemaker").create_model_package(**asked)["ModelPackageArn"])
        except Exception as error:
            raise self._down(error) from error

    def _approve(self, arn: str, status: str, why: str) -> None:
        try:
            session.client("sagemaker").update_model_package(
                ModelPackageArn=arn, ModelApprovalStatus=status, ApprovalDescription=why[:1024]
            )
        except Exception as error:
            raise self._down(error) from error

    def _note(self, model_id: str, *, approved: bool) -> None:
        record = self._records.get(PACKAGES, model_id)
        self._records.put(PACKAGES, model_id, {**record.body, "approved": approved})

    def _down(self, error: Exception) -> Exception:
        return session.down(f"SageMaker model package group {self._group}", error)


def archive_of(files: dict[str, bytes]) -> bytes:
    """Files as a tar.gz, the same bytes for the same files."""
    import gzip

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(packed.getvalue(), mtime=0)


def package_request(group: str, version: ModelVersion, archive: str, image: str) -> dict[str, Any]:
    """What SageMaker is told of a version. It takes 50 properties of up to 256 characters."""
    facts = {name: value for name, value in version.facts.items() if isinstance(value, str | int | float)}
    properties = {"model_id": version.model_id, "number": version.number, "archive": archive, **facts}
    properties |= {f"metric_{name}": value for name, value in version.metrics.items()}
    asked: dict[str, Any] = {
        "ModelPackageGroupName": group,
        "ModelPackageDescription": f"{version.model_id} of {version.registered_at:%Y-%m-%d}: {json.dumps(facts)}"[
            :1024
        ],
        "ModelApprovalStatus": WAITING,
        "CustomerMetadataProperties": {
            name[:128]: str(value)[:256] for name, value in list(properties.items())[:50] if str(value)
        },
    }
    if image:
        asked["InferenceSpecification"] = {
            "Containers": [{"Image": image, "ModelDataUrl": archive}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        }
    return asked
