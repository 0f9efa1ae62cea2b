"""`shelfcast aws` from end to end, as a person would call it, against an emulator: real CloudFormation calls, real events."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_socket import enable_socket
from typer.testing import CliRunner

from shelfcast import bootstrap
from shelfcast.adapters.aws import session
from shelfcast.adapters.aws.stacks import CloudFormationStacks
from shelfcast.entrypoints.cli.app import build
from tests.emulator import Emulator, needs_emulator, running

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
HANDLER = """
def handler(event, context):
    if "step" in event:
        if event.get("delivery") == "broken":
            raise ValueError("broken on purpose")
        return {"state": "done", "parameters": {"cutoff": "2026-11-23", **event["parameters"]}}
    return {"done": 0, "waiting": 0, "batchItemFailures": []}
"""
NAMES = ("api", "step", "jobs", "arrival", "events", "connect")


@pytest.fixture(autouse=True)
def _loopback() -> None:
    enable_socket()


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    needs_emulator()
    with running() as one:
        yield one


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Functions that answer as ours do and work nothing."""
    path = tmp_path_factory.mktemp("code") / "code.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for folder in ("shelfcast", "shelfcast/entrypoints", "shelfcast/entrypoints/lambdas"):
            packed.writestr(f"{folder}/__init__.py", "")
        for name in NAMES:
            packed.writestr(f"shelfcast/entrypoints/lambdas/{name}.py", HANDLER)
    return path


def shelfcast(server: Emulator, *arguments: str, answer: str = "", fails: bool = False) -> str:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        patch.setattr(bootstrap, "cloud_stacks", lambda: CloudFormationStacks(pause_seconds=0.1))
        session._client.cache_clear()
        done = CliRunner().invoke(build(), ["aws", *arguments], input=answer)
        session._client.cache_clear()
    assert (done.exit_code != 0) == fails, done.output + repr(done.exception)
    return done.output


def deploy(server: Emulator, code: Path, stage: str, *settings: str) -> str:
    switches = [
        "EnableStream=true",
        "EnableNetwork=true",
        "EnableAudit=false",
        "ProtectData=false",
        "ScheduleState=DISABLED",
    ]
    arguments = [part for one in [*switches, f"EndpointUrl={server.url}", *settings] for part in ("--set", one)]
    return shelfcast(server, "deploy", "--stage", stage, "--code", str(code), "--no-web", "--yes", *arguments)


def test_a_deployment_is_made_looked_at_run_and_removed_whole(server: Emulator, code: Path) -> None:
    before = left(server)
    told = deploy(server, code, "one")
    assert "Lake     CREATE_COMPLETE" in told and "shelfcast-one" in told

    shown = shelfcast(server, "status", "--stage", "one")
    for part in ("Lake", "Network", "Compute", "Ingest", "Auth", "Api", "Web", "Ops"):
        assert f"{part} " in shown
    assert "nothing had to be changed" in deploy(server, code, "one")

    outputs = outputs_of(server, "shelfcast-one")
    assert run_cycle(server, outputs, {})["status"] == "SUCCEEDED"
    listener = listen(server, outputs["TopicArn"])
    failed = run_cycle(server, outputs, {"delivery": "broken"})
    assert failed["status"] == "FAILED" and "broken on purpose" in failed["cause"]
    heard = listener()
    assert any("shelfcast-one-cycle-failed" in one for one in heard), "the alarm"
    assert any("broken on purpose" in one for one in heard), "the machine's own note"

    queue = server.client("sqs")
    queue.send_message(QueueUrl=outputs["DeadLetterQueueUrl"], MessageBody=json.dumps({"connector": "festivals"}))
    assert "1 done, 0 stay" in shelfcast(server, "replay", "--stage", "one")
    assert "Nothing was given up" in shelfcast(server, "replay", "--stage", "one")

    server.client("s3").put_object(Bucket=outputs["RawBucket"], Key="raw/kept.csv", Body=b"1")
    assert "Nothing was removed" in shelfcast(server, "destroy", "--stage", "one", answer="no\n", fails=True)
    assert "shelfcast-one is removed" in shelfcast(server, "destroy", "--stage", "one", answer="shelfcast-one\n")
    assert left(server) == before, "nothing is left"
    assert "there is no stack shelfcast-one" in str(refused(server, "status", "--stage", "one"))


def test_a_call_reaches_sagemaker_in_arguments_it_takes(server: Emulator) -> None:
    """The machine's own expression, worked out by the emulator: SageMaker itself isn't there."""
    from datetime import date

    from pydantic import TypeAdapter

    from shelfcast.pipeline.steps import Asked, Parameters

    states = json.loads((ROOT / "infra" / "state_machines" / "cycle.asl.json").read_text())["States"]
    expression = states["Train on SageMaker"]["Parameters"]["AppSpecification"]["ContainerArguments.$"]
    machine = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"found.$": expression}, "End": True}}}
    made = server.client("stepfunctions").create_state_machine(
        name="arguments", definition=json.dumps(machine), roleArn="arn:aws:iam::000000000000:role/any"
    )
    asked = Asked("hand", "new shops, a new range, and 12 % more returns", "ann@example.com", True)
    given = Parameters(cutoff=date(2026, 11, 24), retrain=True, asked=asked, currency="EUR", terms="a" * 64)
    call = {"step": "train", "parameters": TypeAdapter(Parameters).dump_python(given, mode="json")}
    done = run_cycle(server, {"CycleMachineArn": made["stateMachineArn"]}, {"call": call})
    found = json.loads(done["output"])["found"]
    assert json.loads(",".join(found)) == call and len(json.dumps(call)) > 256
    assert len(found) <= 100 and max(map(len, found)) <= 256
    server.client("stepfunctions").delete_state_machine(stateMachineArn=made["stateMachineArn"])


def test_two_stages_stand_side_by_side(server: Emulator, code: Path) -> None:
    deploy(server, code, "two", "EnableWeb=false")
    deploy(server, code, "three", "EnableWeb=false", "Horizon=14")
    two, three = outputs_of(server, "shelfcast-two"), outputs_of(server, "shelfcast-three")
    shared = {name for name in two if two[name] == three.get(name) and two[name]}
    assert shared == set()
    for stage in ("two", "three"):
        shelfcast(server, "destroy", "--stage", stage, "--yes")


def refused(server: Emulator, *arguments: str) -> BaseException | None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        session._client.cache_clear()
        return CliRunner().invoke(build(), ["aws", *arguments]).exception


def outputs_of(server: Emulator, stack: str) -> dict[str, str]:
    found = server.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    return {one["OutputKey"]: one["OutputValue"] for one in found}


def run_cycle(server: Emulator, outputs: dict[str, str], given: dict[str, Any]) -> dict[str, Any]:
    states = server.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=outputs["CycleMachineArn"], input=json.dumps(given))["executionArn"]
    return until(lambda: _ended(states.describe_execution(executionArn=arn)))


def _ended(execution: dict[str, Any]) -> dict[str, Any] | None:
    return execution if execution["status"] != "RUNNING" else None


def until(look: Any, seconds: float = 300) -> Any:
    import time

    end = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


def listen(server: Emulator, topic: str) -> Any:
    """What is said on a topic from now on: two messages are waited for."""
    queue = server.client("sqs")
    url = queue.create_queue(QueueName="listener")["QueueUrl"]
    arn = queue.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    server.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    heard: list[str] = []

    def more() -> list[str] | None:
        heard.extend(
            one["Body"] for one in queue.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        )
        return heard if len(heard) >= 2 else None

    def wait() -> list[str]:
        found = until(more)
        queue.delete_queue(QueueUrl=url)
        return list(found)

    return wait


def left(server: Emulator) -> dict[str, list[str]]:
    """What stands in the account, but for the code bucket, and keys on their way out."""
    kms = server.client("kms")
    keys = [kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"] for one in kms.list_keys()["Keys"]]
    return {
        "stacks": [one["StackName"] for one in server.client("cloudformation").describe_stacks()["Stacks"]],
        "buckets": [
            one["Name"] for one in server.client("s3").list_buckets()["Buckets"] if "-code-" not in one["Name"]
        ],
        "functions": [one["FunctionName"] for one in server.client("lambda").list_functions()["Functions"]],
        "machines": [one["name"] for one in server.client("stepfunctions").list_state_machines()["stateMachines"]],
        "tables": server.client("dynamodb").list_tables()["TableNames"],
        "databases": [one["Name"] for one in server.client("glue").get_databases()["DatabaseList"]],
        "roles": [one["RoleName"] for one in server.client("iam").list_roles()["Roles"]],
        "policies": [one["PolicyName"] for one in server.client("iam").list_policies(Scope="Local")["Policies"]],
        "alarms": [one["AlarmName"] for one in server.client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "topics": [one["TopicArn"] for one in server.client("sns").list_topics()["Topics"]],
        "queues": server.client("sqs").list_queues().get("QueueUrls", []),
        "streams": server.client("kinesis").list_streams()["StreamNames"],
        "pools": [one["Id"] for one in server.client("cognito-idp").list_user_pools(MaxResults=10)["UserPools"]],
        "apis": [one["ApiId"] for one in server.client("apigatewayv2").get_apis()["Items"]],
        "networks": [one["VpcId"] for one in server.client("ec2").describe_vpcs()["Vpcs"]],
        "logs": [one["logGroupName"] for one in server.client("logs").describe_log_groups()["logGroups"]],
        "schedules": [one["Name"] for one in server.client("scheduler").list_schedules()["Schedules"]],
        "rules": [one["Name"] for one in server.client("events").list_rules()["Rules"]],
        "keys": [one["KeyId"] for one in keys if one["KeyState"] != "PendingDeletion"],
    }
