"""A shop's whole day on (emulated) AWS: deployed by CloudFormation, files in, forecasts and orders out over the HTTP API.

The tests follow one another on one deployment, as the day does.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from shelfcast.domain.tables import curated, results
from shelfcast.lake.canonical import content_hash
from shelfcast.pipeline.steps import CYCLE
from shelfcast.ports.platform import Platform
from tests.aws.deployed import FULL, MODEL_GROUP, STACK, Deployed, deployed, until
from tests.emulator import needs_emulator
from tests.functional.shops import RESULTS, result_hashes, shelfcast

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not FULL, reason="takes minutes: make aws-test"),
]
SHOP = ("--stores=2", "--items=6", "--days=400", "--seed=7")
DELIVERY = "incoming/first/"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    shelfcast("simulate", folder, *SHOP)
    return folder


@pytest.fixture(scope="module")
def stack() -> Iterator[Deployed]:
    needs_emulator()
    pytest.importorskip("mangum")
    with deployed() as made:
        for name, group in (("ann", "planner"), ("ada", "admin"), ("vic", "viewer")):
            made.tokens[group] = made.sign_in(name, group)
        yield made


@pytest.fixture(scope="module")
def heard(stack: Deployed) -> Callable[[], list[dict[str, Any]]]:
    return stack.listen()


@pytest.fixture(scope="module")
def day(stack: Deployed, shop: Path, heard: Callable[[], list[dict[str, Any]]]) -> dict[str, Any]:
    """The cycle that the arrival of the shop's files started, when it has ended."""
    stack.upload(shop, DELIVERY)
    until(lambda: bool(stack.executions()), "the arrival to start the cycle")
    (execution,) = stack.executions()
    return stack.finished(execution["executionArn"])


def platform_of(stack: Deployed) -> Platform:
    """The deployed lake, read from outside."""
    from shelfcast.bootstrap import AwsPlaces, aws

    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.addresses.items():
            patch.setenv(name, value)
        return aws(AwsPlaces.read(stack.environment))


@pytest.fixture
def lake(stack: Deployed, monkeypatch: pytest.MonkeyPatch) -> Platform:
    for name, value in stack.addresses.items():
        monkeypatch.setenv(name, value)
    return platform_of(stack)


def test_the_api_is_there_and_answers_nobody_without_a_token(stack: Deployed) -> None:
    assert stack.request("GET", "/healthz")[0] == 200 or stack.request("GET", "/config.json")[0] == 200
    status, config = stack.request("GET", "/config.json")
    assert (status, config["sign_in"]) == (200, "cognito")
    assert stack.request("GET", "/v1/tables")[0] == 401
    assert stack.request("GET", "/v1/tables", token=stack.tokens["planner"][:-6] + "AAAAAA")[0] == 401
    assert stack.get("/v1/tables", "viewer") == [], "nothing came yet"
    refused, _ = stack.request("POST", "/v1/jobs", {"kind": "cycle", "parameters": {}}, token=stack.tokens["viewer"])
    assert refused == 403


def test_the_roles_of_services_allow_what_is_done_for_us_and_no_more(stack: Deployed) -> None:
    """Functions are held to their roles by the whole day; what services themselves do for us is only asked about."""
    iam = stack.client("iam")

    def decision(part: str, role: str, action: str, resource: str) -> str:
        arn = f"arn:aws:iam::000000000000:role/{stack.resource(part, role)}"
        found = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=[action], ResourceArns=[resource])
        return str(found["EvaluationResults"][0]["EvalDecision"])

    function, machine = "arn:aws:lambda:us-east-1:000000000000:function:", stack.outputs["CycleMachineArn"]
    jobs_machine, key = stack.outputs["JobsMachineArn"], stack.outputs["KeyArn"]
    allowed = [
        ("Compute", "MachineRole", "lambda:InvokeFunction", f"{function}{STACK}-step"),
        ("Compute", "MachineRole", "lambda:InvokeFunction", f"{function}{STACK}-jobs"),
        ("Compute", "MachineRole", "sns:Publish", stack.outputs["TopicArn"]),
        ("Compute", "MachineRole", "kms:GenerateDataKey", key),
        ("Compute", "StarterRole", "states:StartExecution", machine),
        ("Compute", "StarterRole", "states:StartExecution", jobs_machine),
        ("Compute", "StarterRole", "kms:Decrypt", key),
        ("Ingest", "ConnectStarterRole", "lambda:InvokeFunction", f"{function}{STACK}-connect"),
    ]
    for one in allowed:
        assert decision(*one) == "allowed", one
    refused = [
        ("Compute", "MachineRole", "cloudwatch:PutMetricData", "*"),  # of a namespace that isn't ours
        ("Compute", "MachineRole", "lambda:InvokeFunction", f"{function}{STACK}-api"),
        ("Compute", "StarterRole", "lambda:InvokeFunction", f"{function}{STACK}-step"),
        ("Ingest", "ArrivalRole", "s3:GetObject", f"arn:aws:s3:::{stack.outputs['LakeBucket']}/tables/x"),
        ("Ingest", "EventsRole", "s3:DeleteObject", f"arn:aws:s3:::{stack.outputs['RawBucket']}/raw/events/x"),
        ("Ingest", "EventsRole", "dynamodb:Query", f"arn:aws:dynamodb:us-east-1:000000000000:table/{STACK}-records"),
    ]
    for one in refused:
        assert decision(*one) != "allowed", one


def test_the_arrival_of_files_runs_the_whole_cycle(day: dict[str, Any], lake: Platform, stack: Deployed) -> None:
    assert day["status"] == "SUCCEEDED", (day.get("error"), day.get("cause"), stack.server.tail())
    assert json.loads(day["input"])["delivery"] == DELIVERY
    runs = {one.body["step"]: one.body["state"] for one in lake.records.query("runs")}
    assert {step: runs.get(step) for step in CYCLE} == dict.fromkeys(CYCLE, "done")
    cutoff = str(json.loads(day["output"])["answer"]["parameters"]["cutoff"])
    found = stack.client("s3").list_objects_v2(Bucket=stack.outputs["ExportsBucket"], Prefix=f"exports/{cutoff}/")
    assert {one["Key"].rpartition("/")[2] for one in found["Contents"]} >= {"forecasts.csv", "orders.csv"}
    packages = stack.client("sagemaker").list_model_packages(ModelPackageGroupName=MODEL_GROUP)
    assert [one["ModelApprovalStatus"] for one in packages["ModelPackageSummaryList"]] == ["Approved"], "the champion"


def test_the_same_files_on_the_laptop_give_the_same_results(
    day: dict[str, Any], lake: Platform, shop: Path, tmp_path: Path
) -> None:
    shelfcast("init", tmp_path, "--horizon=14")
    shelfcast("ingest", "--lake", tmp_path, "--yes", shop)
    shelfcast("run", "--lake", tmp_path)
    on_aws = {table.name: content_hash(table, lake.tables.scan(table)) for table in RESULTS}
    assert on_aws == result_hashes(tmp_path)
    assert lake.tables.state(results.FORECASTS).rows > 100


def test_forecasts_and_orders_are_read_over_the_api(day: dict[str, Any], stack: Deployed, lake: Platform) -> None:
    rows = stack.get("/v1/forecasts?limit=5000")["rows"]
    final = lake.tables.scan(results.FORECASTS).filter((pl.col("stage") == "final") & (pl.col("scenario") == "base"))
    stored = final.collect()
    assert len(rows) == stored.height > 0
    assert sum(one["mean"] for one in rows) == pytest.approx(stored["mean"].sum(), rel=1e-9)
    orders = stack.get("/v1/orders?limit=500")
    assert orders["rows"] and all(one["sentence"] for one in orders["rows"][:5])


def test_till_events_are_in_the_lake_exactly_once(day: dict[str, Any], stack: Deployed, lake: Platform) -> None:
    places = lake.tables.scan(curated.LOCATIONS).select("location_id").collect().to_series().to_list()
    items = lake.tables.scan(curated.ITEMS).select("item_id").collect().to_series().to_list()
    rng = random.Random(5)
    sent = [
        {
            "event_id": f"till-{number}", "occurred_at": f"2026-11-{1 + number % 20:02d}T10:{number % 60:02d}:00Z",
            "item_id": rng.choice(items), "location_id": rng.choice(places), "units": float(1 + number % 3),
        }
        for number in range(120)
    ]  # fmt: skip
    puts = [json.dumps(one).encode() for one in sent + rng.sample(sent, 40)] + [
        b"{half an ev",
        b"\xff\xfe",
        b'{"event_id": 7}',
    ]
    rng.shuffle(puts)
    kinesis = stack.client("kinesis")
    for start in range(0, len(puts), 50):
        records = [{"Data": one, "PartitionKey": str(rng.randrange(9))} for one in puts[start : start + 50]]
        assert kinesis.put_records(StreamName=stack.outputs["StreamName"], Records=records)["FailedRecordCount"] == 0
    taken: dict[str, int] = {"events": 0, "letters": 0}

    def all_came() -> bool:
        taken["events"] += stack.invoke("step", {"step": "ingest"})["rows"]["events"]
        taken["letters"] = sum(content.count(b"\n") for _, content in dead_letters(lake))
        return taken["events"] >= 160 and taken["letters"] >= 3

    until(all_came, f"the stream to be taken in ({taken})", pause=1)
    mine = pl.col("event_id").str.starts_with("till-")  # the shop sent till lines by file as well
    kept = lake.tables.scan(curated.POS_EVENTS).filter(mine).select("event_id", "units").collect()
    assert kept.height == kept["event_id"].n_unique() == 120
    assert dict(kept.iter_rows()) == {one["event_id"]: one["units"] for one in sent}
    assert taken == {"events": 160, "letters": 3}
    assert stack.invoke("step", {"step": "ingest"})["rows"]["events"] == 0


def dead_letters(lake: Platform) -> list[tuple[str, bytes]]:
    from shelfcast.pipeline.receive_events import event_log

    return list(event_log(lake).dead_letters())


def test_a_scenario_is_worked_out_by_the_jobs_machine(day: dict[str, Any], stack: Deployed) -> None:
    choices = stack.get("/v1/scenarios/choices")
    items = sorted({one["item_id"] for one in stack.get("/v1/series?limit=200")})
    pay_day = {"kind": "event", "event": "Pay day", "first": choices["first"], "last": choices["first"]}
    asked = {"name": "pay day", "items": items, "changes": [pay_day]}
    status, started = stack.request("POST", "/v1/scenarios", asked, token=stack.tokens["planner"])
    assert status in (200, 201, 202), started
    job = finished_job(stack, started["job"]["job_id"])
    assert job["state"] == "done", job
    found = stack.get(f"/v1/scenarios/{started['scenario']['scenario_id']}")
    assert found["state"] in ("done", "refused") and (found["state"] == "done" or "Nearest supported" in found["why"])


def finished_job(stack: Deployed, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def ended() -> bool:
        found.update(stack.get(f"/v1/jobs/{job_id}"))
        return found["state"] in ("done", "failed", "cancelled")

    until(ended, f"job {job_id}", 900, pause=0.5)
    return found


def test_an_export_lies_in_its_bucket_with_the_lakes_numbers(
    day: dict[str, Any], stack: Deployed, lake: Platform
) -> None:
    asked = {"kind": "export", "parameters": {"what": "orders", "format": "csv"}}
    status, job = stack.request("POST", "/v1/jobs", asked, token=stack.tokens["planner"])
    assert status in (200, 201, 202), job
    done = finished_job(stack, job["job_id"])
    assert done["state"] == "done", done
    body = (
        stack.client("s3").get_object(Bucket=stack.outputs["ExportsBucket"], Key=done["result"]["blob"])["Body"].read()
    )
    lines = lake.tables.scan(results.ORDER_LINES).filter((pl.col("qty") > 0) & (pl.col("scenario") == "base")).collect()
    assert pl.read_csv(body)["qty"].sum() == pytest.approx(lines["qty"].sum())


def test_a_broken_step_reaches_people(
    day: dict[str, Any], stack: Deployed, heard: Callable[[], list[dict[str, Any]]]
) -> None:
    execution = stack.client("stepfunctions").start_execution(
        stateMachineArn=stack.outputs["CycleMachineArn"], input=json.dumps({"delivery": "incoming/nothing.csv"})
    )["executionArn"]
    assert stack.finished(execution)["status"] == "FAILED"
    until(lambda: any("nothing.csv" in one["Message"] for one in heard()), "the note of the failed cycle")
    until(lambda: any(f"{STACK}-cycle-failed" in one["Message"] for one in heard()), "the alarm")


def test_everything_can_be_torn_down_and_nothing_is_left(day: dict[str, Any], stack: Deployed) -> None:
    s3 = stack.client("s3")
    ours = [one["Name"] for one in s3.list_buckets()["Buckets"] if one["Name"].startswith(STACK)]
    assert len(ours) >= 5
    for bucket in ours:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            for start in range(0, len(found), 1000):
                keys = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found[start : start + 1000]]
                s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
    formation = stack.client("cloudformation")
    formation.delete_stack(StackName=STACK)
    until(lambda: not standing(formation), "the stack to be gone")
    assert left(stack) == {}


def standing(formation: Any) -> list[str]:
    states = [(one["StackName"], one["StackStatus"]) for one in formation.describe_stacks()["Stacks"]]
    return [name for name, state in states if name.startswith(STACK) and state != "DELETE_COMPLETE"]


def left(stack: Deployed) -> dict[str, list[str]]:
    """What of ours still exists, by service."""
    client = stack.client
    keys = [client("kms").describe_key(KeyId=one["KeyId"])["KeyMetadata"] for one in client("kms").list_keys()["Keys"]]
    found = {
        "stacks": standing(client("cloudformation")),
        "policies": [one["PolicyName"] for one in client("iam").list_policies(Scope="Local")["Policies"]],
        "schedules": [one["Name"] for one in client("scheduler").list_schedules()["Schedules"]],
        "dashboards": [one["DashboardName"] for one in client("cloudwatch").list_dashboards()["DashboardEntries"]],
        "keys": [one["Description"] for one in keys if one["KeyState"] != "PendingDeletion"],
        "s3": [one["Name"] for one in client("s3").list_buckets()["Buckets"]],
        "dynamodb": client("dynamodb").list_tables()["TableNames"],
        "lambda": [one["FunctionName"] for one in client("lambda").list_functions()["Functions"]],
        "states": [one["name"] for one in client("stepfunctions").list_state_machines()["stateMachines"]],
        "kinesis": client("kinesis").list_streams()["StreamNames"],
        "sns": [one["TopicArn"] for one in client("sns").list_topics()["Topics"]],
        "sqs": client("sqs").list_queues().get("QueueUrls", []),
        "api": [one["Name"] for one in client("apigatewayv2").get_apis()["Items"]],
        "cognito": [one["Name"] for one in client("cognito-idp").list_user_pools(MaxResults=60)["UserPools"]],
        "glue": [one["Name"] for one in client("glue").get_databases()["DatabaseList"]],
        "events": [one["Name"] for one in client("events").list_rules()["Rules"]],
        "roles": [one["RoleName"] for one in client("iam").list_roles()["Roles"]],
        "alarms": [one["AlarmName"] for one in client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "logs": [one["logGroupName"] for one in client("logs").describe_log_groups()["logGroups"]],
    }
    ours = {
        kind: [name for name in names if STACK in name or "shelfcast_test" in name] for kind, names in found.items()
    }
    return {kind: names for kind, names in ours.items() if names}
