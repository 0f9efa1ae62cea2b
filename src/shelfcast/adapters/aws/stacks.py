"""`CloudStacks` on CloudFormation, S3, CodeBuild and CloudFront."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from shelfcast.adapters.aws import session
from shelfcast.domain.errors import Conflict, SourceDown
from shelfcast.ports.cloud_stacks import Listener, StackEvent, StackState

NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed", "No changes")
DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
MOST_FAILURES = 5


class CloudFormationStacks:
    """
    Args:
        pause_seconds: between two looks at what is under way.
        wait: sleeps.
    """

    def __init__(self, pause_seconds: float = 3.0, wait: Callable[[float], object] = time.sleep) -> None:
        self._pause, self._wait = pause_seconds, wait

    def place(self) -> tuple[str, str]:
        try:
            return str(session.client("sts").get_caller_identity()["Account"]), session.region()
        except Exception as error:
            if isinstance(error, SourceDown):
                raise
            raise SourceDown(
                f"AWS doesn't say who we are: {error}. Sign in (`aws sso login`, or the usual AWS_ variables) and try again."
            ) from error

    def ensure_bucket(self, bucket: str) -> None:
        s3, region = session.client("s3"), session.region()
        try:
            s3.head_bucket(Bucket=bucket)
            return
        except Exception as error:
            if session.error_code(error) not in ("404", "NoSuchBucket", "NotFound"):
                raise session.down(f"bucket {bucket}", error) from error
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **where)
        s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True,
            },
        )  # fmt: skip
        s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        )
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_lifecycle_configuration(
            Bucket=bucket,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "forget", "Status": "Enabled", "Filter": {"Prefix": ""},
                        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                    }
                ]
            },
        )  # fmt: skip
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(_only_over_tls(bucket, s3.meta.partition)))

    def put(self, bucket: str, key: str, data: bytes, *, media: str = "", cache: str = "", encoding: str = "") -> None:
        about = {"ContentType": media, "CacheControl": cache, "ContentEncoding": encoding}
        try:
            session.client("s3").put_object(
                Bucket=bucket, Key=key, Body=data, **{name: value for name, value in about.items() if value}
            )
        except Exception as error:
            raise session.down(f"writing s3://{bucket}/{key}", error) from error

    def url(self, bucket: str, key: str) -> str:
        suffix = "amazonaws.com.cn" if session.client("s3").meta.partition == "aws-cn" else "amazonaws.com"
        return f"https://s3.{session.region()}.{suffix}/{bucket}/{key}"

    def state(self, stack: str) -> StackState | None:
        found = self._describe(stack)
        if found is None or found["StackStatus"] == "DELETE_COMPLETE":
            return None
        return StackState(
            name=found["StackName"],
            status=found["StackStatus"],
            reason=found.get("StackStatusReason", ""),
            parameters={one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])},
            outputs={one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])},
            parts=tuple(
                (one["LogicalResourceId"], one["ResourceStatus"], one.get("ResourceStatusReason", ""))
                for one in self._nested(found["StackId"])
            ),
        )

    def apply(
        self, stack: str, template_url: str, parameters: Mapping[str, str], tags: Mapping[str, str], listen: Listener
    ) -> bool:
        return self._change(stack, {"TemplateURL": template_url}, parameters, tags, listen)

    def change_parameters(self, stack: str, parameters: Mapping[str, str], listen: Listener) -> bool:
        return self._change(stack, {"UsePreviousTemplate": True}, parameters, {}, listen)

    def delete(self, stack: str, listen: Listener) -> None:
        found = self._describe(stack)
        if found is None:
            return
        stack_id = found["StackId"]
        seen = self._events_so_far(stack_id)
        session.client("cloudformation").delete_stack(StackName=stack_id)
        status, failures = self._watch(stack_id, seen, listen)
        if status != "DELETE_COMPLETE":
            raise Conflict(f"{stack} could not be removed whole ({status}). {_sentences(failures)}")

    def empty(self, bucket: str, counted: Callable[[int], None]) -> int:
        s3, total = session.client("s3"), 0
        try:
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                keys = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
                for start in range(0, len(keys), 1000):
                    answer = s3.delete_objects(
                        Bucket=bucket, Delete={"Objects": keys[start : start + 1000], "Quiet": True}
                    )
                    if problems := answer.get("Errors"):
                        raise Conflict(
                            f"s3://{bucket}/{problems[0]['Key']} could not be deleted: {problems[0]['Message']}."
                        )
                total += len(keys)
                counted(total)
        except Exception as error:
            if session.error_code(error) in ("NoSuchBucket", "404"):
                return 0
            raise
        return total

    def forget_models(self, group: str) -> int:
        client = session.client("sagemaker")
        try:
            pages = client.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
            found = [one["ModelPackageArn"] for page in pages for one in page["ModelPackageSummaryList"]]
            for arn in found:
                client.delete_model_package(ModelPackageName=arn)
        except Exception as error:
            if session.error_code(error) in ("ValidationException", "ResourceNotFound"):
                return 0
            raise session.down(f"deleting the models of {group}", error) from error
        return len(found)

    def build(self, project: str, listen: Callable[[str], None]) -> Mapping[str, str]:
        codebuild = session.client("codebuild")
        build_id = codebuild.start_build(projectName=project)["build"]["id"]
        phase = ""
        while True:
            found = codebuild.batch_get_builds(ids=[build_id])["builds"][0]
            if found.get("currentPhase", "") != phase:
                phase = found.get("currentPhase", "")
                listen(phase.lower().replace("_", " "))
            if found["buildStatus"] != "IN_PROGRESS":
                break
            self._wait(max(self._pause, 5.0))
        if found["buildStatus"] != "SUCCEEDED":
            where = found.get("logs", {}).get("deepLink", "its log in CodeBuild")
            raise Conflict(f"the image could not be built ({found['buildStatus']} in {phase}). See {where}.")
        return {one["name"]: one["value"] for one in found.get("exportedEnvironmentVariables", [])}

    def refresh(self, distribution: str) -> None:
        session.client("cloudfront").create_invalidation(
            DistributionId=distribution,
            InvalidationBatch={"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": str(time.time_ns())},
        )

    # -- inside -----------------------------------------------------------------------------------------------------

    def _change(
        self, stack: str, template: Mapping[str, Any], parameters: Mapping[str, str], tags: Mapping[str, str], listen: Listener
    ) -> bool:  # fmt: skip
        cloudformation = session.client("cloudformation")
        found = self._describe(stack)
        new = found is None or found["StackStatus"] in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE")
        if found is not None and found["StackStatus"] == "ROLLBACK_COMPLETE":
            raise Conflict(
                f"{stack} failed when it was first made and must be removed before it can be made again: "
                "`shelfcast aws destroy`, then deploy."
            )
        given: list[dict[str, Any]] = [
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ]
        if not new and found is not None:
            known = {one["ParameterKey"] for one in found.get("Parameters", [])} - set(parameters)
            kept = known & self._declared(template, stack)
            given += [{"ParameterKey": name, "UsePreviousValue": True} for name in sorted(kept)]
        name = f"shelfcast-{time.time_ns()}"
        made = cloudformation.create_change_set(
            StackName=stack, ChangeSetName=name, ChangeSetType="CREATE" if new else "UPDATE", Parameters=given,
            Capabilities=CAPABILITIES, Tags=[{"Key": key, "Value": value} for key, value in tags.items()] or _tags(found),
            **template,
        )  # fmt: skip
        stack_id, change_id = made["StackId"], made["Id"]
        while True:
            ready = cloudformation.describe_change_set(ChangeSetName=change_id, StackName=stack_id)
            if not ready["Status"].endswith(("PENDING", "IN_PROGRESS")):
                break
            self._wait(self._pause)
        if ready["Status"] == "FAILED":
            cloudformation.delete_change_set(ChangeSetName=change_id, StackName=stack_id)
            if any(words in ready.get("StatusReason", "") for words in NOTHING_TO_DO):
                return False
            raise Conflict(f"{stack} can't be changed like this: {ready.get('StatusReason', '')}")
        seen: set[str] = set() if new else self._events_so_far(stack_id)
        cloudformation.execute_change_set(ChangeSetName=change_id, StackName=stack_id)
        status, failures = self._watch(stack_id, seen, listen)
        if status not in DONE:
            raise Conflict(f"{stack} ended as {status}. {_sentences(failures)}")
        return True

    def _declared(self, template: Mapping[str, Any], stack: str) -> set[str]:
        """Parameters of the template to come, so that one it no longer has isn't handed to it."""
        where = {"TemplateURL": template["TemplateURL"]} if "TemplateURL" in template else {"StackName": stack}
        summary = session.client("cloudformation").get_template_summary(**where)
        return {one["ParameterKey"] for one in summary.get("Parameters", [])}

    def _describe(self, stack: str) -> dict[str, Any] | None:
        try:
            found = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
            return dict(found[0]) if found else None
        except Exception as error:
            if session.error_code(error) == "ValidationError":
                return None
            raise session.down(f"looking at stack {stack}", error) from error

    def _nested(self, stack_id: str) -> list[dict[str, Any]]:
        pages = session.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack_id)
        found = [one for page in pages for one in page["StackResourceSummaries"]]
        return [one for one in found if one["ResourceType"] == "AWS::CloudFormation::Stack"]

    def _events(self, stack_id: str) -> Iterator[dict[str, Any]]:
        """Newest first."""
        pages = session.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack_id)
        for page in pages:
            yield from page["StackEvents"]

    def _events_so_far(self, stack_id: str) -> set[str]:
        return {one["EventId"] for member in self._family(stack_id) for one in self._events(member)}

    def _family(self, stack_id: str) -> list[str]:
        """The stack and its nested ones."""
        nested = [one["PhysicalResourceId"] for one in self._nested(stack_id) if one.get("PhysicalResourceId")]
        return [stack_id, *nested]

    def _watch(self, stack_id: str, seen: set[str], listen: Listener) -> tuple[str, list[StackEvent]]:
        """Tell what happens until the stack rests; its last status and what failed."""
        failures: list[StackEvent] = []
        while True:
            found = self._describe(stack_id)
            for member in self._members(stack_id):
                fresh = [one for one in self._events(member) if one["EventId"] not in seen]
                for told in reversed(fresh):
                    seen.add(told["EventId"])
                    event = StackEvent(
                        stack=told["StackName"], resource=told["LogicalResourceId"], type=told["ResourceType"],
                        status=told["ResourceStatus"], reason=told.get("ResourceStatusReason", ""),
                    )  # fmt: skip
                    if event.failed:
                        failures.append(event)
                    listen(event)
            status = "DELETE_COMPLETE" if found is None else str(found["StackStatus"])
            if not status.endswith("IN_PROGRESS"):
                return status, failures
            self._wait(self._pause)

    def _members(self, stack_id: str) -> list[str]:
        try:
            return self._family(stack_id)
        except Exception as error:
            if session.error_code(error) == "ValidationError":  # gone meanwhile
                return []
            raise


def _tags(found: Mapping[str, Any] | None) -> list[dict[str, str]]:
    return list(found.get("Tags", [])) if found else []


def _sentences(failures: list[StackEvent]) -> str:
    """The first failures; what was cancelled because of them tells nothing."""
    telling = [one for one in failures if "cancelled" not in one.reason.lower()] or failures
    said = [f"{one.stack} {one.resource}: {one.reason}" for one in telling[:MOST_FAILURES]]
    return "First failures: " + "; ".join(said) if said else "CloudFormation gives no reason."


def _only_over_tls(bucket: str, partition: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OnlyOverTls", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
                "Resource": [f"arn:{partition}:s3:::{bucket}", f"arn:{partition}:s3:::{bucket}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }  # fmt: skip
