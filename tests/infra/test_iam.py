"""Roles may do what they need: no `*` without a written reason, no statement that turns the rules around."""

from __future__ import annotations

import re

import cloudformation as cf
import pytest
import yaml

FORMS = yaml.safe_load((cf.INFRA / "checks" / "wildcards.yaml").read_text())
WITH_STATEMENTS = [one for one in cf.resources() if cf.statements(one)]


def open_ends(resource: cf.Resource) -> list[str]:
    """Every `*` in an action or a resource of a statement that no form covers."""
    found = []
    for statement in cf.statements(resource):
        found += [f"action {text}" for text in cf.texts(statement.get("Action", [])) if "*" in text]
        for text in cf.texts(statement.get("Resource", [])):
            if "*" in text and not any(re.search(one["form"], text) for one in FORMS):
                found.append(f"resource {text}")
    return found


@pytest.mark.parametrize("resource", WITH_STATEMENTS, ids=str)
def test_a_star_has_a_written_reason(resource: cf.Resource) -> None:
    stars = open_ends(resource)
    reason = resource.metadata.get("Wildcards", "")
    assert not stars or len(reason) > 40, f"{resource}: {stars}: give a reason in Metadata.Wildcards, or narrow it"


def test_a_reason_without_a_star_is_stale() -> None:
    stale = [str(one) for one in cf.resources() if "Wildcards" in one.metadata and not open_ends(one)]
    assert stale == []


def test_every_form_with_a_star_is_used() -> None:
    said = {text for one in WITH_STATEMENTS for s in cf.statements(one) for text in cf.texts(s.get("Resource", []))}
    unused = [one["form"] for one in FORMS if not any("*" in text and re.search(one["form"], text) for text in said)]
    permission = [form for form in unused if "execute-api" in form]  # stands in a Lambda permission, not in a statement
    assert [form for form in unused if form not in permission] == []


@pytest.mark.parametrize("resource", WITH_STATEMENTS, ids=str)
def test_statements_say_what_is_allowed_not_what_is_not(resource: cf.Resource) -> None:
    for statement in cf.statements(resource):
        assert not {"NotAction", "NotResource", "NotPrincipal"} & set(statement)


@pytest.mark.parametrize("role", cf.resources("AWS::IAM::Role"), ids=str)
def test_roles_carry_our_own_policies_only(role: cf.Resource) -> None:
    managed = cf.texts(role.properties.get("ManagedPolicyArns", []))
    assert all(re.fullmatch(r"\$\{[A-Za-z]+Policy\}", text) for text in managed), managed


@pytest.mark.parametrize("function", cf.resources("AWS::Lambda::Function"), ids=str)
def test_each_function_has_a_role_of_its_own(function: cf.Resource) -> None:
    same = [
        one for one in cf.resources("AWS::Lambda::Function") if one.properties["Role"] == function.properties["Role"]
    ]
    assert len([one for one in same if one.stack == function.stack]) == 1


def test_a_role_handed_on_is_handed_to_one_service() -> None:
    for resource in WITH_STATEMENTS:
        for statement in cf.statements(resource):
            if "iam:PassRole" in cf.texts(statement["Action"]):
                assert "iam:PassedToService" in str(statement.get("Condition", "")), resource


def test_the_streams_function_reads_no_records_but_those_of_the_event_log() -> None:
    from shelfcast.lake.event_log import LATE, SEALED

    (role,) = [one for one in cf.resources("AWS::IAM::Role") if str(one) == "ingest.EventsRole"]
    found = [one for one in cf.statements(role) if "dynamodb" in str(one["Action"])]
    assert [one["Condition"] for one in found] == [
        {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [SEALED, LATE]}}
    ]


def test_a_role_whose_service_fetches_our_image_may_do_so() -> None:
    """SageMaker fetches a container's image as the job's role, Fargate as the role that starts the task."""
    starts = {"compute.LongStepRole", "compute.TaskStartRole", "models.TrainingRole"}
    for role in cf.resources("AWS::IAM::Role"):
        if str(role) in starts:
            actions = {text for one in cf.statements(role) for text in cf.texts(one["Action"])}
            assert {"ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"} <= actions, role
            starts.discard(str(role))
    assert starts == set()


@pytest.mark.parametrize("bucket", cf.resources("AWS::S3::Bucket"), ids=str)
def test_buckets_are_private_versioned_encrypted_and_reached_over_tls_only(bucket: cf.Resource) -> None:
    properties = bucket.properties
    assert all(properties["PublicAccessBlockConfiguration"].values())
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    policies = [
        one
        for one in cf.resources("AWS::S3::BucketPolicy")
        if one.stack == bucket.stack and one.properties["Bucket"] == {"Ref": bucket.name}
    ]
    denies = [s for one in policies for s in cf.statements(one) if s["Effect"] == "Deny"]
    assert any("aws:SecureTransport" in str(one["Condition"]) for one in denies), bucket


def test_logs_are_forgotten_some_day_and_encrypted() -> None:
    for group in cf.resources("AWS::Logs::LogGroup"):
        assert "RetentionInDays" in group.properties, group
        assert "KmsKeyId" in group.properties, group


def test_only_routes_that_hold_nothing_of_the_lake_are_open() -> None:
    open_routes = {
        route.properties["RouteKey"]: route
        for route in cf.resources("AWS::ApiGatewayV2::Route")
        if route.properties["AuthorizationType"] != "JWT"
    }
    allowed = {"GET /", "GET /healthz", "GET /config.json", "GET /.well-known/{proxy+}", "GET /v1/openapi.json"}
    assert set(open_routes) == allowed
    assert all("Open" in route.metadata for route in open_routes.values())
