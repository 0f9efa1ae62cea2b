"""What a deployment on AWS removes beside its stack; requests and answers are held against botocore's own model."""

from __future__ import annotations

import pytest

from shelfcast.adapters.aws import session
from shelfcast.adapters.aws.stacks import CloudFormationStacks
from shelfcast.domain.errors import SourceDown

GROUP = "shelfcast-dev-models"
ARN = "arn:aws:sagemaker:eu-central-1:111122223333:model-package/shelfcast-dev-models/"


@pytest.fixture
def sagemaker(monkeypatch: pytest.MonkeyPatch):
    boto3 = pytest.importorskip("boto3")
    from botocore.stub import Stubber

    client = boto3.client("sagemaker", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    monkeypatch.setattr(session, "client", lambda _: client)
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def summary(number: int) -> dict[str, object]:
    about = {"ModelPackageGroupName": GROUP, "ModelPackageVersion": number, "ModelPackageArn": f"{ARN}{number}"}
    return about | {"CreationTime": 1_700_000_000, "ModelPackageStatus": "Completed"}


def test_a_group_of_models_is_emptied_so_that_it_can_be_removed(sagemaker) -> None:
    first = {"ModelPackageSummaryList": [summary(1), summary(2)], "NextToken": "more"}
    sagemaker.add_response("list_model_packages", first, {"ModelPackageGroupName": GROUP})
    then = {"ModelPackageGroupName": GROUP, "NextToken": "more"}
    sagemaker.add_response("list_model_packages", {"ModelPackageSummaryList": [summary(3)]}, then)
    for number in (1, 2, 3):
        sagemaker.add_response("delete_model_package", {}, {"ModelPackageName": f"{ARN}{number}"})
    assert CloudFormationStacks().forget_models(GROUP) == 3


def test_a_group_that_is_gone_holds_nothing_and_a_refusal_is_told(sagemaker) -> None:
    sagemaker.add_client_error("list_model_packages", "ValidationException")
    assert CloudFormationStacks().forget_models(GROUP) == 0
    sagemaker.add_client_error("list_model_packages", "AccessDeniedException")
    with pytest.raises(SourceDown, match=GROUP):
        CloudFormationStacks().forget_models(GROUP)
